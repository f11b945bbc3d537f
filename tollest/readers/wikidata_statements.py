"""Statements of Wikidata, row by row of a query's results: what each says, and of whom."""

from collections.abc import Callable, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation
from urllib.parse import urlsplit

import numpy as np

from tollest._arrays import Integers
from tollest.claims.cells import Cells, text_of, whole_number
from tollest.claims.days import NO_MOMENT, Moments, read_moment
from tollest.claims.intervals import ABOUT, AT_LEAST, AT_MOST, COUNT, KINDS, RANGE
from tollest.claims.problems import listed, shown
from tollest.claims.table import Claims
from tollest.readers.event_names import spelled
from tollest.readers.events import UNSTATED
from tollest.wording import LARGEST

_MORE, _FEWER, AS_STATED, SET_ASIDE = -1, -2, -3, -4  # beside kinds of claims
MEANINGS = {
    "Q5727902": ABOUT, "circa": ABOUT, "approximately": ABOUT,
    "Q47035128": _MORE, "greater than": _MORE, "more than": _MORE,
    "Q55935291": AT_LEAST, "greater than or equal to": AT_LEAST, "at least": AT_LEAST,
    "Q52834024": _FEWER, "less than": _FEWER, "fewer than": _FEWER,
    "Q55935272": AT_MOST, "less than or equal to": AT_MOST, "at most": AT_MOST,
    "": AS_STATED,
}  # fmt: skip
"""What is known of circumstances, by item and by label."""
_RANKS = ("preferred", "normal", "deprecated")


class CitedNumbers:
    """What each row of the results says, and of whom.

    Parameters
    ----------
    cells : Cells
        Those of the results.
    source : str
        Who states what has no reference.
    meanings : mapping of str to int
        What circumstances mean for a number: a kind of claim, or one of the codes of this module.
    """

    def __init__(self, cells: Cells, source: str, meanings: Mapping[str, int]) -> None:
        self.cells = cells
        codes, items = cells.names("location")
        cells.add_unnamed("location", codes)
        self.item, self.items = codes, [_last_part(name) for name in items]
        self.cited, self.sources = _cited(cells, source)
        self.rank = cells.read("rank", _rank(cells.called["rank"]), -1, np.dtype(np.int64))
        cells.add(
            np.flatnonzero((self.rank < 0) & ~cells.bad),
            f"{cells.called['rank']} is blank; a rank is {listed(_RANKS)}",
        )
        self.date: Moments = cells.read("date", _moment, NO_MOMENT, np.dtype("datetime64[s]"))
        self.meaning = _meanings(cells, meanings)
        codes, values = cells.distinct("count")
        nameless = np.array([_is_nameless(value) for value in values])[codes]
        number = cells.read("count", _number(cells), -1, np.dtype(np.int64))
        self.number = np.where(nameless, -1, number)
        lower, upper = (
            cells.read(name, _bound(cells.called.get(name, name), rounding), -1, number.dtype)
            for name, rounding in (("lower", ROUND_FLOOR), ("upper", ROUND_CEILING))
        )
        self.kind, self.lower, self.upper = self._read(lower, upper)

    def _read(self, lower: Integers, upper: Integers) -> tuple[Integers, Integers, Integers]:
        """Give the kind of each number, and its ends; -1 where there is none."""
        number, meaning = self.number, self.meaning
        bounded = (lower >= 0) & (upper >= 0) & (lower < upper) & (number >= 0)
        self.cells.add(
            np.flatnonzero(bounded & ((number < lower) | (number > upper))),
            lambda row: f"deaths are {number[row]}, not between {lower[row]} and {upper[row]}",
        )
        self.cells.add(
            np.flatnonzero((meaning == _FEWER) & (number == 0)),
            "deaths are fewer than 0; correct the number or its circumstances",
        )
        kind = np.where(meaning >= 0, meaning, COUNT)
        kind = np.where(bounded & np.isin(meaning, (AS_STATED, ABOUT)), RANGE, kind)
        kind = np.where(meaning == _MORE, AT_LEAST, np.where(meaning == _FEWER, AT_MOST, kind))
        number = number + (meaning == _MORE) - (meaning == _FEWER)
        low, high = (np.where(kind == RANGE, end, -1) for end in (lower, upper))
        self.number = np.where((kind == RANGE) | (self.number < 0), -1, number)
        return kind, low, high

    def claims(self) -> Claims:
        """Make claims; rows that are set aside are on locations of their own."""
        import pyarrow as pa

        aside = self._set_aside()
        names = [self.items[code] for code in self.item.tolist()]
        for row in aside:
            names[row] = f"{names[row]}, row {row}"
        number, low, high = (values.copy() for values in (self.number, self.lower, self.upper))
        bare = (number < 0) & (low < 0)
        low[bare] = 0
        columns = {
            "location": pa.array(names, pa.large_string()),
            "source": spelled(self.sources, self.cited),
            "kind": spelled(KINDS, np.where(bare, -1, self.kind)),
            "count": pa.array(number, mask=number < 0),
            "lower": pa.array(low, mask=low < 0),
            "upper": pa.array(high, mask=high < 0),
            "date": pa.array(self.date),
        }
        if "group" in self.cells.columns:
            codes, groups = self.cells.names("group")
            columns["group"] = spelled(groups, codes)
        claims = Claims.from_table(pa.table(columns))
        return claims.without(rows=aside) if aside else claims

    def _set_aside(self) -> dict[int, str]:
        """Give the rows that are not evidence, each with its reason."""
        out: dict[int, str] = {}
        first: dict[tuple[int, ...], int] = {}
        stated = (self.item, self.cited, self.kind, self.number, self.lower, self.upper)
        keys = np.stack([*stated, self.date.astype(np.int64)], axis=1).tolist()
        for row, key in enumerate(keys):
            if self.rank[row] == _RANKS.index("deprecated"):
                out[row] = "ranked deprecated"
            elif self.meaning[row] == SET_ASIDE:
                out[row] = "set aside for its circumstances"
            elif self.number[row] < 0 and self.lower[row] < 0:
                out[row] = UNSTATED
            elif (earlier := first.setdefault(tuple(key), row)) != row:
                out[row] = f"states what row {earlier} does, of the same source"
        return out


def _last_part(name: str) -> str:
    """Give what an item is called: the end of its address."""
    return name.rpartition("/")[2] if "://" in name else name


def _is_nameless(value: object) -> bool:
    """Whether a value is known to be unknown, which a query gives an address of its own."""
    return isinstance(value, str) and (value.startswith("_:") or "/genid/" in value)


def _cited(cells: Cells, source: str) -> tuple[Integers, list[str]]:
    """Give the source of each row: what it is stated in, or the host of its reference."""
    texts: dict[str, list[str]] = {}
    for name in ("stated_in_label", "stated_in", "reference"):
        codes, names = cells.names(name)
        names = ["" if _is_nameless(each) else each for each in names]
        if name == "reference":
            names = [_host(each) for each in names]
        texts[name] = np.array([*map(_last_part, names), ""], dtype=object)[codes].tolist()
    chosen = [
        label or item or url or source for label, item, url in zip(*texts.values(), strict=True)
    ]
    sources = list(dict.fromkeys(chosen))
    position = {name: i for i, name in enumerate(sources)}
    return np.array([position[name] for name in chosen], np.int64), sources


def _host(address: str) -> str:
    """Give the host of an address; what is none stays as it is."""
    try:
        return (urlsplit(address).hostname or address).removeprefix("www.")
    except ValueError:
        return address


def _meanings(cells: Cells, meanings: Mapping[str, int]) -> Integers:
    """Give what the circumstances of each row mean for its number, and report other ones."""
    known = [name for name in ("circumstances", "circumstances_label") if name in cells.columns]
    out = np.full(cells.n, AS_STATED)
    if not known:
        return out
    codes, names = cells.names(known[0])
    names = [_last_part(name) for name in names]
    label_codes, labels = cells.names(known[-1])
    for row in np.flatnonzero(codes >= 0).tolist():
        name = names[codes[row]]
        label = labels[label_codes[row]] if label_codes[row] >= 0 else name
        found = meanings.get(name, meanings.get(label))
        if found is not None:
            out[row] = found
            continue
        called = f"{label} ({name})" if label != name and "://" not in label else name
        cells.add(
            np.array([row]),
            f"circumstances are {shown(called)}, which says neither how exact a number is nor a "
            f"bound; say circumstances=te.readers.Circumstances(as_stated=({shown(name)},)), or "
            "set_aside=... in its place",
        )
    return out


def _rank(called: str) -> Callable[[object], int]:
    """Make what reads the rank of a statement."""

    def read(value: object) -> int:
        name = text_of(value).rpartition("#")[2].removesuffix("Rank").casefold()
        if name not in _RANKS:
            message = f"{called} is {shown(value)}; a rank is {listed(_RANKS)}"
            raise ValueError(message)
        return _RANKS.index(name)

    return read


def _number(cells: Cells) -> Callable[[object], int]:
    """Make what reads a number of deaths; -1 where it is known to be unknown."""
    called = cells.called["count"]

    def read(value: object) -> int:
        return -1 if _is_nameless(value) else whole_number("count", value, called)

    return read


def _bound(called: str, rounding: str) -> Callable[[object], int]:
    """Make what reads an end of what a number allows, rounded outwards; below 0 is 0."""

    def read(value: object) -> int:
        try:
            bound = int(Decimal(text_of(value)).to_integral_value(rounding))
        except (InvalidOperation, ValueError, OverflowError):
            bound = LARGEST
        if bound >= LARGEST:
            message = f"{called} is {shown(value)}; a bound is a number of people"
            raise ValueError(message)
        return max(bound, 0)

    return read


def _moment(value: object) -> np.datetime64:
    """Read a point in time; before our era, or known to be unknown, it is no day to date by."""
    if isinstance(value, str) and (value.startswith("-") or _is_nameless(value)):
        return NO_MOMENT
    return read_moment(value)
