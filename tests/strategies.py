"""What tables of people hold: cells built from numbers, names, tables of many libraries, files.

Each strategy gives what was written beside what it says, so that a test need not read it.
"""

import io
import unicodedata
from decimal import Decimal
from typing import NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from hypothesis import strategies as st

from tollest.wording import LARGEST, UNBOUNDED

BLANKS = " \u00a0\u2009\u202f\u2007\u3000"
SCRIPTS = "0\u0660\u06f0\u0966\uff10"  # zeros of Latin, Arabic, Persian, Hindi and wide digits
UNSEEN = "\u200b\u200e\u200f\u202a\u2060\ufeff\u00ad\u034f\ufe0f\x00\x07\u3164\u2800"
# What stands beside numbers and makes them something else.
NOTES = [
    "*", "\u2020", "#", "^", "\u00b2", "[5]", "[a]", "(3)", "%", "\u2030", "$", "\u20ac", "/", "_",
    "\\", "|", "=", "@", "!", "\u00bd", "\u2460", "e", "e5", "x", "m", "th", "bn", "\ud83d",
    "\ufffd", "\t", "\n", "\r\n", "\u2028", "  ", "\u066b", "'", "\u2019", "\u00b7",
    "\u060c", ":", "..",
]  # fmt: skip


class Said(NamedTuple):
    """A text, and the kind and interval that it states."""

    text: str
    kind: str
    lower: int
    upper: int


NUMBERS = st.one_of(
    st.integers(0, 120),
    st.integers(0, 20_000),
    st.integers(0, LARGEST - 1),
    st.builds(lambda digit, zeros: digit * 10**zeros, st.integers(1, 99), st.integers(0, 7)),
)
ONES = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen",
]  # fmt: skip
TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
UNITS = {1_000_000_000: "billion", 1_000_000: "million", 1_000: "thousand"}


def in_words(n: int, joined: str = "-", linked: bool = False) -> str:
    """Spell a number in English, "twenty-one" joined by a mark, with or without "and"."""
    if n < 20:
        return ONES[n]
    if n < 100:
        return TENS[n // 10] + (joined + ONES[n % 10] if n % 10 else "")
    if n < 1_000:
        rest = in_words(n % 100, joined, linked) if n % 100 else ""
        return f"{ONES[n // 100]} hundred" + (f"{' and' * linked} {rest}" if rest else "")
    unit = next(unit for unit in UNITS if n >= unit)
    rest = in_words(n % unit, joined, linked) if n % unit else ""
    link = " and" if linked and 0 < n % unit < 100 else ""
    return f"{in_words(n // unit, joined, linked)} {UNITS[unit]}" + (f"{link} {rest}" * bool(rest))


def grouped(n: int, mark: str) -> str:
    return f"{n:,}".replace(",", mark)


def as_in_india(n: int) -> str:
    head, tail = divmod(n, 1_000)
    pairs = []
    while head:
        head, pair = divmod(head, 100)
        pairs.append(f"{pair:02d}" if head else str(pair))
    return ",".join([*reversed(pairs), f"{tail:03d}"]) if pairs else str(tail)


@st.composite
def digits(draw, number=NUMBERS):
    """A number in digits of one script, and its value."""
    n = draw(number)
    mark = draw(st.sampled_from(["", ",", *BLANKS]))
    text = draw(st.sampled_from([grouped(n, mark), str(n), as_in_india(n)]))
    zero = ord(draw(st.sampled_from(SCRIPTS)))
    text = "".join(chr(zero + int(c)) if c.isdecimal() else c for c in text)
    if zero != ord("0"):
        text = text.replace(",", draw(st.sampled_from([",", "\u066c"])))
    return text, n


def half_unit(n: int) -> int:
    """Half the power of ten that a number ends on."""
    zeros = len(str(n)) - len(str(n).rstrip("0")) if n else 0
    return 10**zeros // 2


@st.composite
def numbers(draw):
    """A number in digits or words: its text, its value, and whether it is a rounded one."""
    if draw(st.booleans()):
        text, n = draw(digits())
        return text, n, False
    n = draw(NUMBERS)
    text = in_words(n, draw(st.sampled_from(["-", " ", "\u2011", "\u2013"])), draw(st.booleans()))
    return text, n, text.split()[-1] in ("hundred", *UNITS.values())


PREFIXES = {
    "at_least": ["at least", "no fewer than", "minimum of", ">=", "\u2265", "upwards of"],
    "more": ["more than", "over", ">", "in excess of"],
    "at_most": ["at most", "no more than", "up to", "<=", "\u2264"],
    "fewer": ["fewer than", "less than", "under", "<"],
    "about": ["about", "approximately", "around", "~", "c.", "est.", "some", "\u2248"],
    "nearly": ["nearly", "almost", "just under"],
    "exactly": ["exactly", "precisely"],
}
SUFFIXES = {"at_least": ["+", " or more", " and counting"], "at_most": [" or fewer", " or less"],
            "about": [" or so", " (estimate)", " est."], "documented": [" by name"]}  # fmt: skip


def stated(n: int, rounded: bool, meaning: str | None) -> tuple[str, int, int] | None:
    """Kind and interval of a number that is qualified; None where it can say nothing."""
    half = half_unit(n)
    if meaning is None:
        meaning = "about" if rounded else "exactly"
    if meaning == "fewer" and n == 0:
        return None
    return {
        "at_least": ("at_least", n, UNBOUNDED), "more": ("at_least", n + 1, UNBOUNDED),
        "at_most": ("at_most", 0, n), "fewer": ("at_most", 0, n - 1),
        "about": ("about", n - half, n + half), "nearly": ("about", n - half, n),
        "exactly": ("count", n, n), "documented": ("documented", n, UNBOUNDED),
    }[meaning]  # fmt: skip


@st.composite
def surroundings(draw, text):
    """A text among nouns, in any case, between quotation marks and blanks."""
    before = draw(st.sampled_from(["", "", "killed ", "a total of ", "dead: "]))
    after = draw(
        st.sampled_from(["", "", " dead", " people killed", " killed in total", " deaths"])
    )
    text = f"{before}{text}{after}"
    text = draw(st.sampled_from([text, text.upper(), text.capitalize()]))
    opening, closing = draw(
        st.sampled_from([("", ""), ("\u201c", "\u201d"), ('"', '"'), (" ", ".")])
    )
    return f"{opening}{text}{closing}"


@st.composite
def wordings(draw):
    """A wording, with what it states."""
    text, n, rounded = draw(numbers())
    form = draw(st.sampled_from(["bare", "prefix", "suffix", "range"]))
    meaning = None
    if form == "prefix":
        meaning = draw(st.sampled_from(list(PREFIXES)))
        text = f"{draw(st.sampled_from(PREFIXES[meaning]))} {text}"
    elif form == "suffix":
        meaning = draw(st.sampled_from(list(SUFFIXES)))
        text = f"{text}{draw(st.sampled_from(SUFFIXES[meaning]))}"
        return Said(text, *stated(n, rounded, meaning))
    elif form == "range":
        return draw(ranges())
    reading = stated(n, rounded, meaning)
    if reading is None:
        reading = "count", 0, 0
        text = "no deaths"
    return Said(draw(surroundings(text)) if text != "no deaths" else text, *reading)


@st.composite
def ranges(draw):
    """Two numbers in digits, or in words to the last unit, and what they span."""
    first, low = draw(digits())
    last, high = draw(digits())
    if low > high:
        first, low, last, high = last, high, first, low
    link = draw(st.sampled_from(["-", " \u2013 ", " to ", "\u2014", " or ", "between"]))
    text = f"between {first} and {last}" if link == "between" else f"{first}{link}{last}"
    return Said(text, "count" if low == high else "range", low, high)


@st.composite
def spoiled(draw):
    """A number with something at its side or within that makes it none."""
    text, _ = draw(digits(st.integers(10, LARGEST - 1)))
    note = draw(st.sampled_from([*NOTES, *UNSEEN]))
    place = draw(st.integers(1, len(text) - 1))
    return text[:place] + note + text[place:]


VOCABULARY = [
    "at least", "more than", "up to", "about", "between", "and", "to", "or", "-", ",", ".", "+",
    "<", ">", "=", "(", ")", "[", "]", ":", "of", "the", "people", "killed", "dead", "wounded",
    "no", "confirmed", "women", "by name", "exactly", "total", "\u2013", "/", "*", "%", "\n", "?",
    "several", "were", "half", "k", "\u200b", "million",
]  # fmt: skip
JUNK = st.lists(
    st.one_of(
        st.sampled_from(VOCABULARY), digits().map(lambda pair: pair[0]), st.text(max_size=3)
    ),
    max_size=8,
).flatmap(lambda words: st.sampled_from(["", " "]).map(lambda blank: blank.join(words)))

# Letters of one shape, and marks that are, in whatever type.
TWINS = ["a\u0430", "o\u043e", "c\u0441", "p\u0440", "e\u0435", "x\u0445", "i\u0456", "A\u0410",
         "B\u0412", "H\u041d", "T\u0422", "M\u041c", "K\u041a", "A\u0391", "O\u039f", "P\u03a1",
         "\u064a\u06cc", "\u0643\u06a9", "\u0647\u06d5", "'\u2019", "'\u02bc", "-\u2011",
         "-\u2013", " \u00a0", "s\u0455", "j\u0458", "y\u0443", "\u0661\u06f1",
         "\u0457\u00ef"]  # fmt: skip
ALPHABETS = [
    "abcdeghijklmnopqrstuvwxyzABHKMOPT", "\u0430\u0431\u0432\u0433\u0435\u043e\u0440\u0441\u0457",
    "\u0639\u0644\u064a\u0643\u0647\u0627\u0628\u0661",
    "\u00e9\u00fc\u00f1\u0159\u0103\u1ec7\u00ef",
    "\u05d0\u05d1\u05d2", "\ud55c\uad6d\uc5b4", "\u0939\u093f\u0928", "0123456789",
]  # fmt: skip


@st.composite
def names(draw):
    """Names of one alphabet, with marks and digits that real ones have."""
    letters = draw(st.sampled_from(ALPHABETS))
    size = st.integers(1, 8)
    words = draw(
        st.lists(st.text(letters, min_size=draw(size), max_size=8), min_size=1, max_size=3)
    )
    return unicodedata.normalize("NFC", draw(st.sampled_from(" -'")).join(words))


@st.composite
def disguises(draw, name):
    """The same name to the eye, in other characters."""
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["unseen", "form", "ends", "twin", "joiner"]))
        place = draw(st.integers(0, len(name)))
        if kind == "unseen":
            name = name[:place] + draw(st.sampled_from([*UNSEEN, "\ud800"])) + name[place:]
        elif kind == "form":
            name = unicodedata.normalize(draw(st.sampled_from(["NFC", "NFD"])), name)
        elif kind == "ends":
            name = (
                draw(st.sampled_from(["", "\t", "\u3000"])) + name + draw(st.sampled_from(BLANKS))
            )
        elif kind == "joiner":
            name = name[:place] + draw(st.sampled_from("\u200c\u200d")) + name[place:]
        else:
            one, other = draw(st.sampled_from(TWINS))
            name = name.replace(*draw(st.sampled_from([(one, other), (other, one)])))
    return name


PLAIN_NAMES = st.text("abcdefgh", min_size=1, max_size=3)
# With what a file must put between marks.
ODD_NAMES = st.one_of(
    names(), st.text('abc,;"\n\t |=+-@\u00e9\u0627', min_size=1, max_size=6), st.text(max_size=5),
    st.sampled_from(["nan", "null", "None", "True", "1", "1.0", "1e5", "-", "2025-03-01", "NaN"]),
).map(str.strip).filter(bool)  # fmt: skip
DAYS = st.one_of(
    st.none(),
    st.datetimes(pd.Timestamp("1990-01-01"), pd.Timestamp("2030-01-01")).map(
        lambda moment: moment.replace(microsecond=0)
    ),
    st.dates(pd.Timestamp("1990-01-01").date(), pd.Timestamp("2030-01-01").date()).map(
        pd.Timestamp
    ),
)


@st.composite
def places(draw, locations, named):
    """What is known of each location beside claims: a dict of dicts of plain values."""
    has = draw(st.sets(st.sampled_from(["group", "side", "cap", "parent", "onset"]), max_size=2))
    values = {
        "group": named,
        "side": st.one_of(st.none(), named),
        "cap": st.one_of(st.none(), st.integers(0, LARGEST - 1)),
        "parent": st.sampled_from([None, "all of it"]),
        "onset": st.sampled_from([None, pd.Timestamp("1989-12-31 14:30")]),
    }
    return {
        location: {name: draw(values[name]) for name in sorted(has)}
        for location in dict.fromkeys(locations)
    }


@st.composite
def tables(draw, named=PLAIN_NAMES, number=NUMBERS):
    """Rows of claims: a list of dicts of plain values.

    Sources differ at a location, so that all are evidence.
    """
    pairs = draw(
        st.lists(st.tuples(named, named), min_size=1, max_size=6, unique=True)
    )  # fmt: skip
    rows, known = [], draw(places([location for location, _ in pairs], named))
    for location, source in pairs:
        low, high = sorted((draw(number), draw(number)))
        numbers_of = draw(
            st.sampled_from([
                {"count": low}, {"lower": low, "upper": high}, {"lower": low}, {"upper": high},
                {"count": low, "kind": "at_least"}, {"count": low, "kind": "about"},
                {"count": low, "kind": "documented"}, {"count": low, "upper": high, "lower": low},
                {"lower": low, "upper": high, "kind": "verbal"},
            ])
        )  # fmt: skip
        date = draw(DAYS)
        row = {"location": location, "source": source, "date": date}
        rows.append(row | numbers_of | known[location])
    return rows


COLUMNS = (
    "location", "source", "count", "lower", "upper", "kind", "date", "group", "side", "cap",
    "parent", "onset",
)  # fmt: skip


def columns_of(rows):
    """Columns of rows, those alone that have any value."""
    columns = {name: [row.get(name) for row in rows] for name in COLUMNS}
    return {name: cells for name, cells in columns.items() if any(c is not None for c in cells)}


def object_frame(rows):
    """Rows as a dataframe of objects."""
    return pd.DataFrame({k: pd.Series(v, dtype=object) for k, v in columns_of(rows).items()})


def _texts(cells):
    return [None if cell is None else str(cell) for cell in cells]


def _decimals(cells):
    return [None if cell is None else Decimal(cell) for cell in cells]


PANDAS = {
    "number": [
        lambda c: pd.Series(c, dtype="Int64"), lambda c: pd.Series(c, dtype="UInt64"),
        lambda c: pd.Series(c, dtype="float64"), lambda c: pd.Series(c, dtype="Float64"),
        lambda c: pd.Series(c, dtype=object), lambda c: pd.Series(_texts(c), dtype=object),
        lambda c: pd.Series(_texts(c), dtype="str"),
        lambda c: pd.Series(_texts(c), dtype="category"),
        lambda c: pd.Series(c, dtype="Int64").astype("category"),
        lambda c: pd.Series(_decimals(c), dtype=object),
        lambda c: pd.Series(c, dtype=pd.ArrowDtype(pa.uint64())),
        lambda c: pd.Series(c, dtype=pd.ArrowDtype(pa.float64())),
        lambda c: pd.Series(_texts(c), dtype=pd.ArrowDtype(pa.large_string())),
        lambda c: pd.Series([None if x is None else np.uint64(x) for x in c], dtype=object),
        lambda c: pd.Series(["" if x is None else f"{x:,}" for x in c]),
    ],
    "name": [
        lambda c: pd.Series(c, dtype=object), lambda c: pd.Series(c, dtype="str"),
        lambda c: pd.Series(c, dtype="category"), lambda c: pd.Series(c, dtype="string"),
        lambda c: pd.Series(c, dtype=pd.ArrowDtype(pa.string())),
    ],
    "date": [
        lambda c: pd.Series(c, dtype="datetime64[s]"),
        lambda c: pd.Series(c, dtype="datetime64[ns]"),
        lambda c: pd.Series(c, dtype=object), lambda c: pd.Series(_texts(c), dtype=object),
        lambda c: pd.Series(c, dtype="datetime64[us]").dt.tz_localize("Asia/Kabul"),
    ],
}  # fmt: skip
POLARS = {
    "number": [
        lambda c: pl.Series(c, dtype=pl.Int64), lambda c: pl.Series(c, dtype=pl.UInt64),
        lambda c: pl.Series(c, dtype=pl.Float64), lambda c: pl.Series(c, dtype=pl.Int128),
        lambda c: pl.Series(_decimals(c), dtype=pl.Decimal(20, 2)),
        lambda c: pl.Series(_texts(c), dtype=pl.String),
        lambda c: pl.Series(_texts(c), dtype=pl.Categorical),
    ],
    "name": [
        lambda c: pl.Series(c, dtype=pl.String), lambda c: pl.Series(c, dtype=pl.Categorical),
        lambda c: pl.Series(c, dtype=pl.Enum(list(dict.fromkeys(x for x in c if x is not None)))),
    ],
    "date": [
        lambda c: pl.Series(c, dtype=pl.Datetime("us")),
        lambda c: pl.Series(c, dtype=pl.Datetime("ms")),
        lambda c: pl.Series(_texts(c), dtype=pl.String),
    ],
}  # fmt: skip
ARROW = {
    "number": [
        lambda c: pa.array(c, pa.int64()), lambda c: pa.array(c, pa.uint64()),
        lambda c: pa.array(c, pa.float64()), lambda c: pa.array(c, pa.decimal128(20)),
        lambda c: pa.array(_texts(c), pa.string()),
        lambda c: pa.array(_texts(c), pa.string_view()),
        lambda c: pa.array(c, pa.int64()).dictionary_encode(),
        lambda c: pa.array(_texts(c), pa.large_string()).dictionary_encode(),
    ],
    "name": [
        lambda c: pa.array(c, pa.string()), lambda c: pa.array(c, pa.large_string()),
        lambda c: pa.array(c, pa.string_view()), lambda c: pa.array(c).dictionary_encode(),
    ],
    "date": [
        lambda c: pa.array(c, pa.timestamp("s")), lambda c: pa.array(c, pa.timestamp("us")),
        lambda c: pa.array(_texts(c), pa.string()),
    ],
}  # fmt: skip
LIBRARIES = {"pandas": (PANDAS, pd.DataFrame), "polars": (POLARS, pl.DataFrame),
             "pyarrow": (ARROW, pa.table)}  # fmt: skip
ROLES = {
    "date": "date", "onset": "date", "count": "number", "lower": "number", "upper": "number",
    "cap": "number",
}  # fmt: skip


@st.composite
def frames(draw, rows):
    """The same rows in a dataframe of some library, each column of some type of it."""
    makers, whole = LIBRARIES[draw(st.sampled_from(list(LIBRARIES)))]
    columns = columns_of(rows)
    made = {}
    for name in draw(st.permutations(list(columns))):
        made[name] = draw(st.sampled_from(makers[ROLES.get(name, "name")]))(columns[name])
    made["a column that is not asked for"] = makers["name"][0](["x"] * len(rows))
    return whole(made)


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "cp1252", "cp1256", "koi8-r", "gb18030"]


def written(frame, **options):
    """A dataframe as CSV."""
    out = io.StringIO()
    frame.to_csv(out, index=False, **options)
    return out.getvalue()
