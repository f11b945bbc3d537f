"""A table with one event a row, each a location of its own: what the event layouts share."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tollest._arrays import Integers
from tollest.claims.cells import Cells
from tollest.claims.columns import ColumnLayout, find_columns
from tollest.claims.days import NO_DAY, read_day
from tollest.claims.files import Table, open_table
from tollest.claims.problems import ClaimsError, Problem, shown
from tollest.claims.table import Claims
from tollest.readers.disorder import Disordered, Refuse, SetAside, out_of_order, span

if TYPE_CHECKING:
    import pyarrow as pa

_SHORT_YEAR = re.compile(r"(\d{1,2}[ -][A-Za-z]{3,9}\.?[ -])(\d{2})")


@dataclass(frozen=True)
class Events:
    """Events of a table, and the cells of it that a reader needs.

    Attributes
    ----------
    table : Table
        Where they are from.
    cells : Cells
        By our names: ``location``, those of the layout, ``group`` and ``date``.
    locations : list of str
        A name for each row.
    row : ndarray of int, shape (n_rows,)
        Position in `locations`.
    """

    table: Table
    cells: Cells
    locations: list[str]
    row: Integers

    @property
    def n(self) -> int:
        """Number of events."""
        return self.cells.n

    def has(self, name: str) -> bool:
        """Tell whether the table has a column, by our name."""
        return name in self.cells.columns

    def check(self, source: str) -> None:
        """Raise what was found wrong with the cells so far."""
        self.cells.check(self.row, self.locations, np.zeros(self.n, dtype=np.int64), [source])

    def bounds(
        self,
        source: str,
        disordered: Disordered,
        **numbers: Integers,
    ) -> tuple[Integers, Integers, dict[int, str]]:
        """Give the least and the most of each event, and the rows set aside with their reason.

        Parameters
        ----------
        source : str
            Who claims.
        disordered : Disordered
            What to do with numbers out of order.
        **numbers : ndarray of int, shape (n_rows,)
            By our names, from the lowest to the highest; below 0 is blank.

        Returns
        -------
        least, most : ndarray of int, shape (n_rows,)
            Those of the first and the last of `numbers`, blanks included, but in rows out of
            order those of all.
        set_aside : dict of int to str

        Raises
        ------
        ClaimsError
            Naming the rows that are out of order, where these are refused.
        """
        columns = list(numbers.values())
        wrong = np.flatnonzero(out_of_order(*columns))
        names = [self.cells.called[name] for name in numbers]
        if wrong.size and isinstance(disordered, Refuse):
            self.cells.table_problems.append(
                Problem(
                    f"{', '.join(names)} are out of order in {wrong.size:,} of {self.n:,} rows; "
                    "correct them, or say disordered=te.readers.SetAside() to leave these rows "
                    "out, or te.readers.Span() to allow all from the least to the most."
                )
            )
            self.cells.add(wrong, lambda row: _stated(names, columns, row))
            self.check(source)
        least, most = columns[0].copy(), columns[-1].copy()
        low, high = span(*(column[wrong] for column in columns))
        least[wrong], most[wrong] = low, high
        reason = f"{', '.join(names)} are out of order"
        aside = wrong.tolist() if isinstance(disordered, SetAside) else []
        return least, most, dict.fromkeys(aside, reason)

    def claims(
        self,
        source: str,
        set_aside: Mapping[int, str],
        *,
        count: Integers | None = None,
        lower: Integers | None = None,
        upper: Integers | None = None,
        kind: tuple[Integers, tuple[str, ...]] | None = None,
        event: Integers | None = None,
    ) -> Claims:
        """Make claims of numbers by event.

        Parameters
        ----------
        source : str
            Who claims.
        set_aside : mapping of int to str
            Rows that are not evidence, with their reasons.
        count, lower, upper : ndarray of int, shape (n,), optional
            Deaths; below 0 is blank.
        kind : (ndarray of int, tuple of str), optional
            Position of each row's kind in the names beside it; -1 where blank.
        event : ndarray of int, shape (n,), optional
            Which event each row is on; by default row ``i`` is on event ``i``.

        Returns
        -------
        Claims

        Raises
        ------
        ClaimsError
            As `Claims.from_table` does.
        """
        import pyarrow as pa

        event = np.arange(self.n) if event is None else event
        columns = {
            "location": spelled(self.locations, self.row[event]),
            "source": spelled([source], np.zeros(len(event), dtype=np.int64)),
        }
        for name, numbers in (("count", count), ("lower", lower), ("upper", upper)):
            if numbers is not None:
                columns[name] = pa.array(numbers, mask=numbers < 0)
        if kind is not None:
            columns["kind"] = spelled(list(kind[1]), kind[0])
        if self.has("group"):
            codes, groups = self.cells.names("group")
            columns["group"] = spelled(groups, codes[event])
        if self.has("date"):
            columns["date"] = pa.array(days(self.cells, "date")[event])
        self.check(source)
        claims = Claims.from_table(pa.table(columns))
        return claims.without(rows=set_aside) if set_aside else claims


def read_events(
    data: Any,  # noqa: ANN401 - a path or any dataframe
    layout: ColumnLayout,
    *,
    location: str | Iterable[str] | None,
    group: str | None,
    date: str | None,
    source: str,
    columns: Mapping[str, str] | None,
    encoding: str,
    first: str | None = None,
) -> Events:
    """Find the columns of a table of events, and name its events.

    Parameters
    ----------
    data : str, Path or eager dataframe
        The table.
    layout : ColumnLayout
        What its columns are called.
    location : str or iterable of str, optional
        Columns that name an event; by default the layout's column of identifiers.
    group, date : str, optional
        Columns.
    source : str
        Who claims.
    columns : mapping of str to str, optional
        Our name of a column to the table's.
    encoding : str
        That of a CSV file.
    first : str, optional
        Name of the first column, where prose can stand above the names of columns.

    Returns
    -------
    Events

    Raises
    ------
    ClaimsError
        A column is missing, a table is empty, or a name is blank or that of several events.
    """
    table = open_table(data, encoding, first)
    by = [location] if isinstance(location, str) else list(location or ())
    keys = ["location", *(f"location {i}" for i in range(1, len(by)))]
    given = {ours: name for ours, name in (("group", group), ("date", date)) if name is not None}
    given |= zip(keys, by, strict=False)
    called = find_columns(table, layout, columns or {}, given)
    frame = table.take(list(dict.fromkeys(called.values())))
    n = len(frame)
    if not n:
        message = f"{table.name} has no rows; an estimate needs at least one claim."
        raise ClaimsError([Problem(message)])
    series = {ours: frame.get_column(theirs) for ours, theirs in called.items()}
    cells = Cells(series, n, called)
    row, locations = _named(cells, keys)
    events = Events(table, cells, locations, row)
    cells.add_unnamed("location", row)
    shared = n - len(locations) - int((row < 0).sum())
    if shared:
        cells.table_problems.append(_shared(cells, events, [called[key] for key in keys], shared))
    events.check(source)
    return events


def days(cells: Cells, name: str) -> NDArray[np.datetime64]:
    """Read a column of days, as `read_day` does, or with years of two figures: ``"2-Sep-13"``."""
    day = np.dtype("datetime64[D]")
    series = cells.columns[name]
    if str(series.dtype).startswith("Date"):
        return cells.dates(name)
    return cells.read(name, _day, NO_DAY, day)


def _day(value: object) -> np.datetime64:
    """Read one day; two figures of a year are of this century."""
    match = _SHORT_YEAR.fullmatch(value.strip()) if isinstance(value, str) else None
    try:
        return read_day(f"{match[1]}20{match[2]}" if match else value)
    except ValueError:
        return read_day(value)  # whose refusal shows the cell as it stands


def _named(cells: Cells, keys: Sequence[str]) -> tuple[Integers, list[str]]:
    """Name each event by one column, or by several joined with commas."""
    import pyarrow as pa
    import pyarrow.compute as pc

    parts = [cells.names(key) for key in keys]
    if len(parts) == 1:
        codes, texts = parts[0]
        # Numbers that were written as decimals: 244657.0 is the event 244657.
        if all(text.endswith(".0") and text[:-2].isdecimal() for text in texts):
            texts = [text[:-2] for text in texts]
        return codes, texts
    joined = pc.binary_join_element_wise(
        *(spelled(texts, codes) for codes, texts in parts), pa.scalar(", ", pa.large_string())
    )
    encoded = joined.dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return codes, encoded.dictionary.to_pylist()


def spelled(names: Sequence[str], codes: Integers) -> "pa.Array":
    """Give the name of each row as text; null where its code is below 0."""
    import pyarrow as pa

    return pa.array(names, pa.large_string()).take(pa.array(codes, mask=codes < 0))


def _shared(cells: Cells, events: Events, by: Sequence[str], shared: int) -> Problem:
    """Say which events have a location in common."""
    first = np.full(len(events.locations), events.n)
    np.minimum.at(first, events.row[events.row >= 0], np.flatnonzero(events.row >= 0))
    again = np.flatnonzero((events.row >= 0) & (first[events.row] < np.arange(events.n)))
    row = int(again[0])
    name = events.locations[events.row[row]]
    return Problem(
        f"{shared:,} of {cells.n:,} rows have the {' and '.join(map(shown, by))} of an earlier "
        f"row: {shown(name)} is in row {first[events.row[row]]} and again in row {row}. Each row "
        "is an event with a toll of its own; name columns that tell events apart, "
        "location=[..., ...], or drop what is listed twice, or sum events into one row a location."
    )


def _stated(names: Sequence[str], columns: Sequence[Integers], row: int) -> str:
    """Say which numbers of a row are out of order."""
    said = [
        f"{name} is {column[row]}"
        for name, column in zip(names, columns, strict=True)
        if column[row] >= 0
    ]
    return f"{', '.join(said)}: out of order"
