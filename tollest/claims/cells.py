"""Cells of a user's table: each distinct value read once, and every one that is wrong named."""

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tollest._arrays import Integers
from tollest.claims.columns import STATING
from tollest.claims.days import NO_MOMENT, Moments, read_moment
from tollest.claims.names import HALF, all_differ, composed, is_broken, is_seen, variants
from tollest.claims.problems import COUNTS, ClaimsError, Problem, shown
from tollest.wording import GROUPED, LARGEST, evened, in_digits

if TYPE_CHECKING:
    import narwhals as nw

BLANK = -1
"""A cell left empty, in columns whose values are 0 or more."""
MISSING = "NA"  # how R writes an empty cell
# What each column of numbers holds; the second half of an error about one of its cells.
_HOLDS = {
    "count": COUNTS,
    "lower": "a lower bound is a whole number, 0 or more",
    "upper": "an upper bound is a whole number, 0 or more; left blank, there is none",
    "cap": "a cap is a whole number, 0 or more; left blank, there is none",
    "documented": "a number of documented deaths is whole, 0 or more",
}
_BLANKS = frozenset(("-", "--", "?", ".", "n/a", "na", "nan", "none", "null", "unknown"))
_FIGURES = re.compile(r"\s*[+\u2212-]?[\d.,\s]*")
_NUMBER = re.compile(rf"(-?)({GROUPED}|\d{{1,30}})(?:\.0?)?")
_GROUPED = re.compile(r"\d{1,3}(?:[.'\u2019]\d{3})+")  # in ways that can mean something else
# A number, and after it the mark of a note.
_NOTED = re.compile(r"([\d.,\s]*\d)\s*(\[\w{1,4}\]|[*\u2020\u2021\u00a7#^]+)")
_MOST_BITS = 3_000
_SHARE = re.compile(r"\d*\.\d+")
# As a spreadsheet shows the date that it has made of a range.
_DAY_AND_MONTH = re.compile(r"\d{1,2}-[A-Za-z]{3}|[A-Za-z]{3}-\d{2}")

_OF_SHARES = (
    "; where one toll was divided among several events, give these one location and the whole, or "
    "lower and upper around the share"
)
_NO_NUMBERS = (bool, np.bool_, np.timedelta64, np.datetime64, np.ndarray)
_NO_NAMES = (
    bytes, bytearray, memoryview, list, tuple, set, frozenset, dict, np.ndarray, complex,
    np.complexfloating,
)  # fmt: skip


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
        self.table_problems: list[Problem] = []
        self.bad = np.zeros(n, dtype=bool)
        self._moments: dict[str, Moments] = {}

    def add(self, rows: Integers, message: str | Callable[[int], str]) -> None:
        """Record what is wrong with some rows, in words or by a function of the row."""
        self.bad[rows] = True
        self.problems += [
            (int(row), message if isinstance(message, str) else message(int(row))) for row in rows
        ]

    def add_unnamed(self, name: str, codes: Integers) -> None:
        """Record the rows of a column of names that have none: those whose code is below 0."""
        rows = np.flatnonzero(codes < 0)
        given, values = self.distinct(name) if rows.size else (codes, [])

        def says(row: int) -> str:
            if is_missing(values[given[row]]):
                return f"the {name} is {MISSING!r}, which is read as blank; spell it out"
            return f"the {name} is blank; name it"

        self.add(rows, says)

    def check(
        self,
        location: Integers,
        locations: Sequence[str],
        source: Integers,
        names: Sequence[str],
    ) -> None:
        """Raise all that was found, in the order of the rows."""
        if self.problems or self.table_problems:
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
            raise ClaimsError([*self.table_problems, *of_rows], self.n)

    def distinct(self, name: str) -> tuple[Integers, list[Any]]:
        """Values of a column, each once in order of appearance, and which of them a row has."""
        if name not in self.columns:
            return np.zeros(self.n, dtype=np.int64), [None]
        series = self.columns[name]
        text = str(series.dtype).startswith(("String", "Categorical", "Enum"))
        if text or (series.dtype.is_integer() and not str(series.dtype).endswith("128")):
            encoded = _encode(series, text=text)
            if encoded:
                return encoded
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

    def names(self, name: str) -> tuple[Integers, list[str]]:
        """Read names: white space at their ends dropped, `BLANK` where nothing is left."""
        codes, values = self.distinct(name)
        # A look at the classes there are: a table can name a million.
        if not {value.__class__ for value in values}.isdisjoint(_NO_NAMES):
            odd = [i for i, value in enumerate(values) if isinstance(value, _NO_NAMES)]
            self.add(
                np.flatnonzero(np.isin(codes, odd)),
                lambda row: (
                    f"the {name} is {shown(values[codes[row]])}, a "
                    f"{type(values[codes[row]]).__name__}; a name is text"
                ),
            )
            values = ["?" if isinstance(value, _NO_NAMES) else value for value in values]
        texts = [value.strip() if type(value) is str else text_of(value) for value in values]
        together = "".join(texts)
        if not (together.isascii() and together.isprintable()):
            self._add_halves(name, codes, texts)
            texts = [composed(text) for text in texts]
        if MISSING in texts:
            texts = ["" if text == MISSING else text for text in texts]
        # Mostly so, and a table can name a million.
        if all(texts) and all_differ(texts):
            return codes, texts
        seen = {text: i for i, text in enumerate(dict.fromkeys(filter(None, texts)))}
        self.table_problems += variants(name, seen)
        return np.array([seen.get(text, BLANK) for text in texts])[codes], list(seen)

    def _add_halves(self, name: str, codes: Integers, texts: Sequence[str]) -> None:
        """Record names with half a character, of which nobody can tell what it was."""
        broken = [i for i, text in enumerate(texts) if is_broken(text)]
        self.add(
            np.flatnonzero(np.isin(codes, broken)),
            lambda row: f"the {name} is {shown(texts[codes[row]])}, with {HALF}; spell it out",
        )

    def numbers(self, name: str) -> Integers:
        """Whole numbers of 0 or more; `BLANK` where there is none, or none that can be read."""
        series, called = self.columns.get(name), self.called.get(name)
        if series is None:
            return np.full(self.n, BLANK)
        # What numpy has no integers for is read cell by cell.
        is_wide = str(series.dtype).endswith("128")
        if (series.dtype.is_integer() or series.dtype.is_float()) and not is_wide:
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
            # Filled first: unsigned integers have no -1.
            whole = np.where(good, given, 0).astype(np.int64)
            return np.where(good, whole, BLANK)
        return self.read(
            name, lambda value: whole_number(name, value, called), BLANK, np.dtype(np.int64)
        )

    def dates(self, name: str) -> NDArray[np.datetime64]:
        """Days; ``NaT`` where there is none, or none that can be read."""
        return self.moments(name).astype("datetime64[D]")

    def moments(self, name: str) -> Moments:
        """Days with their times; ``NaT`` where there is none, or none that can be read."""
        if name not in self._moments:
            self._moments[name] = self._read_moments(name)
        return self._moments[name]

    def _read_moments(self, name: str) -> Moments:
        unit = np.dtype("datetime64[s]")
        series = self.columns.get(name)
        if series is not None and str(series.dtype).startswith("Date"):
            if getattr(series.dtype, "time_zone", None):
                # A day is a day where the source was, not in Greenwich.
                series = series.dt.replace_time_zone(None)
            return series.to_numpy().astype(unit)

        def parse(value: object) -> np.datetime64:
            try:
                return read_moment(value)
            except ValueError as error:
                raise ValueError(str(error).replace("date is", f"{name} is", 1)) from None

        return self.read(name, parse, NO_MOMENT, unit)

    def read(
        self,
        name: str,
        parse: Callable[[Any], Any],
        blank: Any,  # noqa: ANN401 - of any type that `dtype` holds
        dtype: np.dtype[Any],
    ) -> NDArray[Any]:
        """Parse each distinct value of a column once; `blank` where it is absent or unreadable.

        Where `blank` is a tuple, so is what `parse` gives, and rows of the result have its length.
        """
        codes, values = self.distinct(name)
        parsed = np.full((len(values), *np.shape(blank)), blank, dtype=dtype)
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


def _encode(series: "nw.Series[Any]", *, text: bool) -> tuple[Integers, list[Any]] | None:
    """Do as `Cells.distinct`, without a Python object for each row.

    None where Arrow does not know what cells are, such as half a character or a complex nan, which
    pandas takes for text.
    """
    import pyarrow as pa

    native = series.to_native()
    try:
        values = native if isinstance(native, pa.ChunkedArray) else series.to_arrow()
    except (UnicodeEncodeError, pa.ArrowException):
        return None
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
    """Turn a name into text, whole numbers without the decimal point that blanks give them.

    Raises
    ------
    ClaimsError
        The name has half a character.
    """
    if is_blank(value):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    # Python spells out no number of some thousand digits.
    is_long = isinstance(value, int) and value.bit_length() > _MOST_BITS
    spelled = shown(value) if is_long else str(value)
    if is_broken(spelled):
        raise ClaimsError([Problem(f"the name {shown(spelled)} has {HALF}; spell it out.")])
    text = composed(spelled)
    return "" if text == MISSING else text


def refusal(name: str, value: object, called: str | None = None) -> str:
    """Say why a cell is not a number of people."""
    if isinstance(value, dt.date | np.datetime64):
        return of_date(called or name, value)
    states = f"{called or name} is {shown(value)}"
    plain = value.item() if isinstance(value, np.number) else value
    if isinstance(plain, int | float) and LARGEST <= plain < np.inf:
        return f"{states}, more than all people alive; {_HOLDS.get(name, COUNTS)}"
    message = f"{states}; {_HOLDS.get(name, COUNTS)}"
    if not isinstance(value, str):
        is_share = isinstance(value, float | np.floating) and np.isfinite(value) and value > 0
        return message + _OF_SHARES if is_share else message
    return message + _way_out(name, value, called)


def _way_out(name: str, value: str, called: str | None) -> str:
    """Say what to do with a text that is no number."""
    text = value.strip()
    unseen = [letter for letter in value if not is_seen(letter)]
    noted = _NOTED.fullmatch(text)
    if text.casefold() in _BLANKS:
        return "; leave the cell blank where nothing was said"
    if _GROUPED.fullmatch(text):
        return "; set thousands apart by commas, or not at all"
    if text.startswith("+"):
        return "; take the sign off, unless it says so many more, or at least so many"
    if _DAY_AND_MONTH.fullmatch(text):
        return "; if a spreadsheet has made it of a range, give lower and upper"
    if unseen:
        return f"; take out the unseen mark U+{ord(unseen[0]):04X}"
    if noted:
        return f"; take the mark {noted[2]!r} off, and keep {noted[1].strip()!r}"
    if _SHARE.fullmatch(text):
        return _OF_SHARES
    if name in STATING and not called and not _FIGURES.fullmatch(value):
        return "; put words into a column 'wording'"
    return ""


def of_date(called: str, value: dt.date | np.datetime64) -> str:
    """Say that a date is no number, and what it may have been before a spreadsheet read it."""
    # Whose day is that of the place, in whatever zone.
    day = np.datetime64(value.date() if isinstance(value, dt.datetime) else value, "D")
    date: dt.date = day.item()
    lower, upper = sorted((date.day, date.month))
    return (
        f"{called} is the date {day}, and no number; spreadsheets make dates of ranges: where "
        f"'{lower}-{upper}' was meant, give a lower of {lower} and an upper of {upper}, or that "
        "text as a wording"
    )


def whole_number(name: str, value: object, called: str | None = None) -> int:
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
        It is not such a number.
    """
    number: int | None = None
    if isinstance(value, str):
        match = _NUMBER.fullmatch(evened(value))
        digits = in_digits(match[2]) if match else None
        if match and digits is not None:
            value = number = -digits if match[1] == "-" else digits
    elif not isinstance(value, _NO_NUMBERS):
        number = _as_whole(value.item() if isinstance(value, np.generic) else value)
    if number is None or not 0 <= number < LARGEST:
        raise ValueError(refusal(name, value, called))
    return number


def _as_whole(value: Any) -> int | None:  # noqa: ANN401 - whatever a cell can hold
    """Give the whole number that a value is; None where it is none from 0 to `LARGEST`."""
    try:
        # Compared first: a decimal may have more digits than there is room for.
        return int(value) if 0 <= value < LARGEST and value == int(value) else None
    except (TypeError, ValueError, ArithmeticError):
        return None


def names_by_location(
    cells: Cells, name: str, location: Integers, n_locations: int, rule: str
) -> tuple[list[str], Integers]:
    """Names in a column, and that of each location, `BLANK` for none; report rows that differ.

    `rule` says what a location can have.
    """
    codes, names = cells.names(name)
    by_location = np.full(n_locations, BLANK)
    if names:
        fill_by_location(
            cells,
            location,
            codes,
            by_location,
            lambda a, b, row: (
                f"{name} is {shown(names[a])}, but {shown(names[b])} in row {row}; {rule}"
            ),
        )
    return names, by_location


def fill_by_location(
    cells: Cells,
    location: Integers,
    values: Integers,
    by_location: Integers,
    says: Callable[[int, int, int], str],
) -> None:
    """Fill `by_location` with the value of each location's rows; report rows that differ.

    `says` makes a message of the value, the one that it differs from, and the row of that.
    """
    rows = np.flatnonzero((values != BLANK) & (location >= 0))
    # Assigned backwards, so that the first row of a location is the one that stays.
    by_location[location[rows[::-1]]] = values[rows[::-1]]
    odd = rows[values[rows] != by_location[location[rows]]]
    if odd.size:
        first = np.full(len(by_location), BLANK)
        first[location[rows[::-1]]] = rows[::-1]
        cells.add(
            odd,
            lambda row: says(
                int(values[row]), int(by_location[location[row]]), int(first[location[row]])
            ),
        )
