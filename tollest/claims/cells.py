"""Cells of a user's table: read one by one, and all that is wrong with them told at once."""

import datetime as dt
import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tollest.wording import LARGEST

if TYPE_CHECKING:
    import narwhals as nw

NO_DAY = np.datetime64("NaT", "D")
"""The date of an undated claim."""
BLANK = -1
"""A cell left empty, in columns whose values are 0 or more."""
COLUMNS = (
    "location", "source", "count", "lower", "upper", "wording", "kind", "date", "origin", "group",
    "cap",
    "parent",
    "side",
    "period",
    "from",
    "to",
)  # fmt: skip
STATING = ("count", "lower", "upper", "wording")
# What each column of numbers holds; the second half of an error about one of its cells.
HOLDS = {
    "count": "a count is a whole number, 0 or more",
    "lower": "a lower bound is a whole number, 0 or more",
    "upper": "an upper bound is a whole number, 0 or more; left blank, there is none",
    "cap": "a cap is a whole number, 0 or more; left blank, there is none",
    "documented": "a number of documented deaths is whole, 0 or more",
}
MISSING = "NA"  # how R writes an empty cell
_BLANKS = frozenset(("-", "--", "?", ".", "n/a", "na", "nan", "none", "null", "unknown"))
_WAY_OUT = "Leave out a source that said nothing; a count of 0 says it reported no deaths."
NO_NUMBER = "states no number"
COUNTS = HOLDS["count"]
_MOST_SHOWN = 10
_MOST_LISTED = 25  # columns of a table, in an error
_MONTHS = (
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
)  # fmt: skip
_NAMED_MONTH = re.compile(r"(\d{1,2})[ -]([A-Za-z]{3,9})\.?[ -](\d{4})")
_OTHER_DATE = re.compile(r"\d\D+\d{4}")  # a day before its year
_SLASHED = re.compile(r"\d{4}([/.])\d{1,2}\1\d{1,2}")  # a year first, but no ISO date
_FIGURES = re.compile(r"\s*[+\u2212-]?[\d.,\s]*")
_NUMBER = re.compile(r"([+-]?)(\d{1,3}(?:[,\s]\d{3})+|\d{1,30})(?:\.0?)?")
_GROUPED = re.compile(r"\d{1,3}(?:[.'\u2019]\d{3})+")  # in ways that can mean something else


class Problem(NamedTuple):
    """What is wrong with one claim, or with the table as a whole.

    Attributes
    ----------
    message : str
        The value, the rule it breaks, and the way out.
    row : int or None
        Position of the claim in the table, from 0. None: the table as a whole.
    source, location : str
        The claim, as the analyst knows it. Empty where that cell is itself blank.
    """

    message: str
    row: int | None = None
    source: str = ""
    location: str = ""


class ClaimsError(ValueError):
    """Claims that cannot be used, all of them at once.

    Parameters
    ----------
    problems : sequence of Problem
        Everything that is wrong; the message shows the first ten.
    n : int
        Number of claims in the table.

    Attributes
    ----------
    problems : tuple of Problem
        All problems, the ones that the message leaves out included.
    n : int
        Number of claims in the table.
    """

    def __init__(self, problems: Sequence[Problem], n: int = 0) -> None:
        self.problems = tuple(problems)
        self.n = n
        whole = [p.message for p in self.problems if p.row is None]
        by_row = [p for p in self.problems if p.row is not None]
        lines = whole[:_MOST_SHOWN]
        if by_row:
            bad = len({p.row for p in by_row})
            lines.append(f"{bad} of {n} claims cannot be used:")
            lines += [
                f"  row {p.row} ({shown(p.source)} on {shown(p.location)}): {p.message}."
                for p in by_row[:_MOST_SHOWN]
            ]
            if len(by_row) > _MOST_SHOWN:
                lines.append(f"  ... and {len(by_row) - _MOST_SHOWN} more")
            if any(COUNTS in p.message or p.message.startswith(NO_NUMBER) for p in by_row):
                lines.append(_WAY_OUT)
        super().__init__("\n".join(lines))

    def __reduce__(self) -> tuple[type["ClaimsError"], tuple[tuple[Problem, ...], int]]:
        """Pickle by the problems, from which the message is built again."""
        return ClaimsError, (self.problems, self.n)


def shown(value: object) -> str:
    """Show a value in an error: text in quotes, nothing longer than a line.

    Parameters
    ----------
    value : object
        A cell of the user's table, which may hold anything.

    Returns
    -------
    str
        At most 80 characters.
    """
    if isinstance(value, float | np.floating):
        text = str(int(value)) if np.isfinite(value) and value == int(value) else str(float(value))
    elif isinstance(value, np.generic):
        text = str(value)
    else:
        text = repr(value[:100] if isinstance(value, str) else value)
    return text if len(text) <= 80 else text[:60] + "…" + text[-1:]


def open_frame(
    table: Any,  # noqa: ANN401 - whatever dataframe narwhals accepts
    expected: str,
) -> tuple["nw.DataFrame[Any]", list[str]]:
    """Take a dataframe and the names of its columns; `expected` says what else an error wants.

    Raises
    ------
    ClaimsError
        If two columns have the same name.
    TypeError
        If `table` is no eager dataframe.
    """
    # Here, because only the reading of tables needs it.
    import narwhals as nw
    from narwhals.exceptions import DuplicateError

    try:
        frame = nw.from_native(table, eager_only=True)
        return frame, list(frame.columns)
    except DuplicateError as error:
        message = f"two columns of the table have the same name; rename one. {error}"
        raise ClaimsError([Problem(message)]) from None
    except TypeError:
        message = f"{expected}, not a {type(table).__name__}"
        if isinstance(table, dict | list):
            message += "; pandas.DataFrame(...) makes one of it"
        elif isinstance(table, str | os.PathLike):
            message += "; Claims.read reads files"
        elif hasattr(table, "collect"):
            message += "; collect it first"
        raise TypeError(message) from None


def find_columns(
    table: Any,  # noqa: ANN401 - whatever dataframe narwhals accepts
    columns: Mapping[str, str],
) -> tuple[dict[str, "nw.Series[Any]"], int]:
    """Take the columns of a claim out of a table, by our names."""
    frame, there = open_frame(
        table, "a table of claims is a pandas, polars or pyarrow table, held in memory"
    )
    if len(there) == 1 and re.search("[;\t|]", str(there[0])):
        message = (
            f"the table has one column, {shown(there[0])}; is it separated by something else than "
            "commas? Save it with commas, or read it into a dataframe with its separator, "
            "pandas.read_csv(..., sep=...), and give that."
        )
        raise ClaimsError([Problem(message)], len(frame))
    listed = ", ".join(shown(name) for name in there) or "none"
    bare = {name.strip(): name for name in there if isinstance(name, str)}
    problems = [
        Problem(
            f"columns={{{shown(ours)}: ...}}: a claim has no {shown(ours)}; "
            f"what it can have is {', '.join(COLUMNS)}."
        )
        for ours in columns
        if ours not in COLUMNS
    ]
    problems += [
        Problem(
            f"columns={{{shown(ours)}: {shown(theirs)}}}: the table has no column "
            f"{shown(theirs)}; its columns are {listed}."
        )
        for ours, theirs in columns.items()
        if ours in COLUMNS and theirs not in there
    ]
    found = {name: columns.get(name, bare.get(name, name)) for name in COLUMNS}
    found = {ours: theirs for ours, theirs in found.items() if theirs in there}
    unused = bare.keys() - {theirs.strip() for theirs in found.values()}
    nearly = {_stem(name): bare[name] for name in sorted(unused)}
    nearly = {
        ours: nearly[_stem(ours)]
        for ours in COLUMNS
        if ours not in found and ours not in columns and _stem(ours) in nearly
    }
    problems += [
        Problem(
            f"the column {shown(theirs)} would be ignored, for it is not called {ours!r}; rename "
            f"it, or say columns={{{ours!r}: {shown(theirs)}}} (drop it if it is something else)."
        )
        for ours, theirs in nearly.items()
    ]
    index = [name for name in getattr(getattr(table, "index", None), "names", ()) if name]
    problems += [
        Problem(
            f"the table has no column {name!r}; its columns are {listed}. "
            + (
                "It is in the table's index: give table.reset_index()."
                if name in index
                else f"If it goes by another name, say which: columns={{{name!r}: ...}}."
            )
        )
        for name in ("location", "source")
        if name not in found and name not in columns and name not in nearly
    ]
    if not any(name in found or name in columns or name in nearly for name in STATING):
        problems.append(
            Problem(
                f"the table has none of the columns {', '.join(STATING)}, so it states no "
                f"numbers; its columns are {listed}. "
                f"If one goes by another name, say which: columns={{'count': ...}}."
            )
        )
    if problems:
        raise ClaimsError(problems, len(frame))
    if not len(frame):
        message = "the table is empty; an estimate needs at least one claim."
        raise ClaimsError([Problem(message)])
    return {ours: frame.get_column(theirs) for ours, theirs in found.items()}, len(frame)


def _stem(name: str) -> str:
    """Strip a column's name of its case, outer blanks and plural."""
    return name.strip().casefold().removesuffix("s")


class Cells:
    """The columns of one table, by our names, and what was found wrong with their cells so far.

    Parameters
    ----------
    columns : mapping of str to Series
        Our name of a column to its cells.
    n : int
        Number of rows.
    called : mapping of str to str, optional
        Our name of a column to the one that errors call it by, where that differs.
    """

    def __init__(
        self,
        columns: Mapping[str, "nw.Series[Any]"],
        n: int,
        called: Mapping[str, str] | None = None,
    ) -> None:
        self.columns = columns
        self.n = n
        self.called = called or {}
        self.problems: list[tuple[int, str]] = []
        self.whole: list[Problem] = []
        self.bad = np.zeros(n, dtype=bool)

    def add(self, rows: NDArray[np.int64], message: str | Callable[[int], str]) -> None:
        """Record what is wrong with some rows, in words or by a function of the row."""
        self.bad[rows] = True
        self.problems += [
            (int(row), message if isinstance(message, str) else message(int(row))) for row in rows
        ]

    def add_unnamed(self, name: str, codes: NDArray[np.int64], what: str = "") -> None:
        """Record the rows of a column of names that have none: those whose code is below 0."""
        rows = np.flatnonzero(codes < 0)
        given, values = self.distinct(name) if rows.size else (codes, [])

        def says(row: int) -> str:
            if is_missing(values[given[row]]):
                return f"the {what or name} is {MISSING!r}, which is read as blank; spell it out"
            return f"the {what or name} is blank; name it"

        self.add(rows, says)

    def check(
        self,
        location: NDArray[np.int64],
        locations: Sequence[str],
        source: NDArray[np.int64],
        names: Sequence[str],
    ) -> None:
        """Raise all that was found, in the order of the rows."""
        if self.problems or self.whole:
            # A blank name has position -1: it is shown as empty.
            self.problems.sort(key=lambda problem: problem[0])
            of_rows = [
                Problem(
                    message,
                    row,
                    names[source[row]] if source[row] >= 0 else "",
                    locations[location[row]] if location[row] >= 0 else "",
                )
                for row, message in self.problems
            ]
            raise ClaimsError([*self.whole, *of_rows], self.n)

    def distinct(self, name: str) -> tuple[NDArray[np.int64], list[Any]]:
        """Values of a column, each once in order of appearance, and which of them a row has."""
        if name not in self.columns:
            return np.zeros(self.n, dtype=np.int64), [None]
        series = self.columns[name]
        text = str(series.dtype).startswith(("String", "Categorical", "Enum"))
        if text or series.dtype.is_integer():
            return _encode(series, text=text)
        values = series.to_list()
        try:
            # True == 1 == 1.0 for a dict: columns of mixed objects are told apart by type too.
            if str(series.dtype) == "Object":
                kept = {(type(value), value): value for value in values}
                seen = {key: i for i, key in enumerate(kept)}
                codes = map(seen.__getitem__, ((type(value), value) for value in values))
                return np.fromiter(codes, np.int64, self.n), list(kept.values())
            seen = {value: i for i, value in enumerate(dict.fromkeys(values))}
            return np.fromiter(map(seen.__getitem__, values), np.int64, self.n), list(seen)
        except TypeError:  # a cell that cannot be hashed, such as a list
            return np.arange(self.n), values

    def names(self, name: str) -> tuple[NDArray[np.int64], list[str]]:
        """Read names: white space at their ends dropped, `BLANK` where nothing is left."""
        codes, values = self.distinct(name)
        texts = [value.strip() if type(value) is str else text_of(value) for value in values]
        if MISSING in texts:
            texts = ["" if text == MISSING else text for text in texts]
        if not "".join(texts).isascii():
            texts = [_composed(text) for text in texts]
        # Mostly so, and a table can name a million.
        if all(texts) and all_differ(texts):
            return codes, texts
        seen = {text: i for i, text in enumerate(dict.fromkeys(filter(None, texts)))}
        self.whole += variants(name, seen)
        return np.array([seen.get(text, BLANK) for text in texts])[codes], list(seen)

    def numbers(self, name: str) -> NDArray[np.int64]:
        """Whole numbers of 0 or more; `BLANK` where there is none, or none that can be read."""
        series, called = self.columns.get(name), self.called.get(name)
        if series is None:
            return np.full(self.n, BLANK)
        if series.dtype.is_integer() or series.dtype.is_float():
            given = series.to_numpy()
            if given.dtype.kind not in "iuf":  # nullable columns can come as objects
                given = given.astype(np.float64)
            blank = np.isnan(given) if given.dtype.kind == "f" else np.zeros(self.n, dtype=bool)
            # Infinities and fractions fail here too; the comparison with nan is false.
            with np.errstate(invalid="ignore"):
                good = (given >= 0) & (given < LARGEST)
                if given.dtype.kind == "f":
                    good &= given == np.floor(given)
            self.add(
                np.flatnonzero(~(good | blank)), lambda row: refusal(name, given[row], called)
            )
            return np.where(good, given, BLANK).astype(np.int64)
        return self.read(name, lambda value: whole(name, value, called), BLANK, np.dtype(np.int64))

    def dates(self, name: str) -> NDArray[np.datetime64]:
        """Days; ``NaT`` where there is none, or none that can be read."""
        day = np.dtype("datetime64[D]")
        series = self.columns.get(name)
        if series is not None and str(series.dtype).startswith("Date"):
            if getattr(series.dtype, "time_zone", None):
                # A day is a day where the source was, not in Greenwich.
                series = series.dt.replace_time_zone(None)
            return series.to_numpy().astype(day)

        def parse(value: object) -> np.datetime64:
            try:
                return read_day(value)
            except ValueError as error:
                raise ValueError(str(error).replace("date is", f"{name} is", 1)) from None

        return self.read(name, parse, NO_DAY, day)

    def read(
        self,
        name: str,
        parse: Callable[[Any], Any],
        blank: object,
        dtype: np.dtype[Any],
    ) -> NDArray[Any]:
        """Parse each distinct value of a column once; `blank` where it is absent or unreadable."""
        codes, values = self.distinct(name)
        parsed = np.full(len(values), blank, dtype=dtype)
        unread: dict[int, str] = {}
        for i, value in enumerate(values):
            if not is_blank(value):
                try:
                    parsed[i] = parse(value)
                except ValueError as error:
                    unread[i] = str(error)
        if unread:
            rows = np.flatnonzero(np.isin(codes, list(unread)))
            self.add(rows, lambda row: unread[int(codes[row])])
        return parsed[codes]


def _encode(series: "nw.Series[Any]", *, text: bool) -> tuple[NDArray[np.int64], list[Any]]:
    """Do as `Cells.distinct`, without a Python object for each row."""
    import pyarrow as pa

    native = series.to_native()
    values = native if isinstance(native, pa.ChunkedArray) else series.to_arrow()
    # Some pandas columns are chunks of Arrow's already, and go through one by one.
    chunks = values.chunks if isinstance(values, pa.ChunkedArray) else [values]
    values = pa.chunked_array(chunks)
    if text:
        # Large strings have room for more than 2 GB of distinct values.
        values = values.cast(pa.large_string())
    encoded = values.dictionary_encode(null_encoding="encode").combine_chunks()
    return encoded.indices.to_numpy().astype(np.int64), encoded.dictionary.to_pylist()


def is_blank(value: object) -> bool:
    """Tell whether a cell holds nothing: null, nan, NaT, white space, or the NA of R."""
    if value is None or type(value).__name__ == "NAType":
        return True
    if isinstance(value, str):
        return not value or value.isspace() or is_missing(value)
    return isinstance(value, float | dt.date | np.generic) and bool(value != value)


def is_missing(value: object) -> bool:
    """Tell whether a cell is what R writes for one that is empty."""
    return isinstance(value, str) and value.strip() == MISSING


def text_of(value: object) -> str:
    """Turn a name into text, whole numbers without the decimal point that blanks give them."""
    if is_blank(value):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return _composed(str(value).strip())


def _composed(name: str) -> str:
    """Give a name in the Unicode form in which equal letters are equal."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def all_differ(names: Sequence[str]) -> bool:
    """Tell whether no two names are the same but for case or white space.

    May be false where they do differ, never true where they do not. White space at the ends of
    the names must be gone already.
    """
    # All in one text is several times faster. NUL is no white space; in a name it adds a part.
    plain = " ".join("\0".join(names).split()).casefold().split("\0")
    return len(plain) == len(names) == len(set(plain))


def variants(what: str, names: Iterable[str]) -> list[Problem]:
    """Name all names that differ from an earlier one by case or white space alone."""
    first: dict[str, str] = {}
    pairs = [(first.setdefault(" ".join(name.split()).casefold(), name), name) for name in names]
    return [
        Problem(
            f"{shown(one)} and {shown(other)}, each a name of {what}, differ only by case or "
            "white space; give one spelling, or rename one."
        )
        for one, other in pairs
        if one != other
    ]


def refusal(name: str, value: object, called: str | None = None) -> str:
    """Say why a cell is no number of people."""
    states = f"{called or name} is {shown(value)}"
    if isinstance(value, int | float | np.number) and LARGEST <= value < np.inf:
        return f"{states}, more than all people alive; {HOLDS[name]}"
    message = f"{states}; {HOLDS[name]}"
    if isinstance(value, str) and value.strip().casefold() in _BLANKS:
        return message + "; leave the cell blank where nothing was said"
    if isinstance(value, str) and _GROUPED.fullmatch(value.strip()):
        return message + "; set thousands apart by commas, or not at all"
    if name in STATING and not called and isinstance(value, str) and not _FIGURES.fullmatch(value):
        return message + "; put words into a column 'wording'"
    return message


def whole(name: str, value: object, called: str | None = None) -> int:
    """Read one cell as a whole number of people.

    Parameters
    ----------
    name : str
        Our name of the column.
    value : object
        The cell, not blank.
    called : str, optional
        What an error calls the column, where that differs.

    Returns
    -------
    int
        From 0, below `LARGEST`.

    Raises
    ------
    ValueError
        It is no such number.
    """
    number: int | None = None
    if isinstance(value, str):
        match = _NUMBER.fullmatch(value.strip())
        if match:
            number = int(match[1] + re.sub(r"[,\s]", "", match[2]))
            value = number
    elif not isinstance(value, bool | np.bool_):
        try:
            number = int(value) if value == int(value) else None  # type: ignore[call-overload]
        except (TypeError, ValueError, OverflowError):
            number = None
    if number is None or not 0 <= number < LARGEST:
        raise ValueError(refusal(name, value, called))
    return number


def read_day(value: object) -> np.datetime64:
    """Read a day.

    Parameters
    ----------
    value : str, datetime.date or numpy.datetime64
        Of a time of day only its day counts. Text is ISO, ``"2025-03-12"``, or names its month,
        ``"12 March 2025"``.

    Returns
    -------
    numpy.datetime64
        In days.

    Raises
    ------
    ValueError
        It is no day.
    """
    if isinstance(value, np.datetime64) and not np.isnat(value):
        return np.datetime64(value, "D")
    try:
        if isinstance(value, str):
            value = _named_month(value) or dt.datetime.fromisoformat(value.strip())
        if isinstance(value, dt.date):
            return np.datetime64(dt.date(value.year, value.month, value.day), "D")
    except ValueError:
        pass
    message = f"date is {shown(value)}; a date is a day of the calendar, such as 2025-03-12"
    if isinstance(value, str) and _OTHER_DATE.search(value):
        message += (
            "; write it so (pandas.to_datetime converts, with dayfirst=True where days stand "
            "before months)"
        )
    elif isinstance(value, str) and _SLASHED.match(value.strip()):
        message += "; write it so"
    raise ValueError(message)


def calendar_day(date: object) -> dt.date:
    """Read a day as `read_day` does, pandas's own included, as one of the calendar.

    Raises
    ------
    ValueError
        As in `read_day`.
    """
    if hasattr(date, "to_datetime64"):
        date = date.to_datetime64()
    day: dt.date = read_day(date).astype("datetime64[D]").item()
    return day


def _named_month(text: str) -> dt.date | None:
    """Read a day whose month has a name; None where it has none."""
    match = _NAMED_MONTH.fullmatch(text.strip())
    month = match[2][:3].casefold() if match else ""
    if not match or month not in _MONTHS:
        return None
    return dt.date(int(match[3]), _MONTHS.index(month) + 1, int(match[1]))


def listed(names: Sequence[str], most: int = _MOST_LISTED) -> str:
    """List names, the first of them where there are many."""
    first = ", ".join(shown(name) for name in names[:most]) or "none"
    more = len(names) - most
    return f"{first} and {more:,} more" if more > 0 else first


def names_by_location(
    cells: Cells, name: str, location: NDArray[np.int64], n_locations: int, rule: str
) -> tuple[list[str], NDArray[np.int64]]:
    """Names in a column, and that of each location, `BLANK` for none; report rows that differ.

    `rule` says what a location can have.
    """
    codes, names = cells.names(name)
    of = np.full(n_locations, BLANK)
    if names:
        fill_by_location(
            cells,
            location,
            codes,
            of,
            lambda a, b, row: (
                f"{name} is {shown(names[a])}, but {shown(names[b])} in row {row}; {rule}"
            ),
        )
    return names, of


def fill_by_location(
    cells: Cells,
    location: NDArray[np.int64],
    values: NDArray[np.int64],
    of: NDArray[np.int64],
    says: Callable[[int, int, int], str],
) -> None:
    """Give each location, in place, the value of its rows; report rows that differ.

    `says` makes a message of the value, the one that it differs from, and the row of that.
    """
    rows = np.flatnonzero((values != BLANK) & (location >= 0))
    # Assigned backwards, so that the first row of a location is the one that stays.
    of[location[rows[::-1]]] = values[rows[::-1]]
    odd = rows[values[rows] != of[location[rows]]]
    if odd.size:
        first = np.full(len(of), BLANK)
        first[location[rows[::-1]]] = rows[::-1]
        cells.add(
            odd,
            lambda row: says(int(values[row]), int(of[location[row]]), int(first[location[row]])),
        )
