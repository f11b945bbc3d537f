"""Tables of events: their columns found, and their events named."""

from collections.abc import Iterable, Mapping
from typing import Any

from tollest.claims.cells import Cells
from tollest.claims.columns import ColumnLayout, check_columns, find_columns
from tollest.claims.files import Table, open_table
from tollest.claims.problems import ClaimsError, Problem, shown
from tollest.readers.event_days import PARTS
from tollest.readers.event_names import name_events, shared
from tollest.readers.events import Events


def read_events(
    data: Any,  # noqa: ANN401 - a path or any dataframe
    layout: ColumnLayout,
    *,
    location: str | Iterable[str] | None,
    group: str | None,
    date: str | Iterable[str] | None,
    source: str,
    columns: Mapping[str, str] | None,
    encoding: str,
    sheet: str | None = None,
    first: str | None = None,
    with_gaps: bool = False,
    more: Mapping[str, str] | None = None,
) -> Events:
    """Find the columns of a table of events, and name its events.

    Parameters
    ----------
    data : str, Path, eager dataframe or Table
        The table.
    layout : ColumnLayout
        What its columns are called.
    location : str or iterable of str, optional
        Columns that name an event; by default the layout's column of identifiers.
    group : str, optional
        Column.
    date : str, or year, month and day, optional
        Column, or three.
    source : str
        Who claims.
    columns : mapping of str to str, optional
        Our name of a column to the table's.
    encoding : str
        That of a file of text.
    sheet : str, optional
        That of a workbook.
    first : str, optional
        Name of the first column, where prose can stand above the names of columns.
    with_gaps : bool
        Whether blanks are left out of names that several columns make up.
    more : mapping of str to str, optional
        Further columns that the caller named, by our names.

    Returns
    -------
    Events

    Raises
    ------
    ClaimsError
        A column is missing, a table is empty, or a name is blank or that of several events.
    """
    by = [location] if isinstance(location, str) else list(location or ())
    keys = ["location", *(f"location {i}" for i in range(1, len(by)))]
    given = {} if group is None else {"group": group}
    given |= _columns_of_day(date) | dict(zip(keys, by, strict=False)) | dict(more or {})
    table, cells = open_cells(data, layout, columns, given, encoding, sheet, first)
    row, locations = name_events(cells, keys, with_gaps=with_gaps)
    events = Events(table, cells, locations, row)
    cells.add_unnamed("location", row)
    again = shared(row, locations, [cells.called[key] for key in keys])
    if again:
        cells.table_problems.append(again)
    events.check(source)
    return events


def open_cells(
    data: Any,  # noqa: ANN401 - a path or any dataframe
    layout: ColumnLayout,
    columns: Mapping[str, str] | None,
    given: Mapping[str, str],
    encoding: str,
    sheet: str | None = None,
    first: str | None = None,
) -> tuple[Table, Cells]:
    """Find the columns of a layout in a table, and take their cells.

    Parameters
    ----------
    data, layout, columns, encoding, sheet, first
        As in `read_events`.
    given : mapping of str to str
        Further columns that the caller named, by our names.

    Raises
    ------
    ClaimsError
        A column is missing, or the table has no rows.
    """
    table = data
    if not isinstance(data, Table):
        table = open_table(data, encoding, first, sheet, layout.sheet)
    called = find_columns(table, layout, check_columns(columns), given)
    frame = table.take(list(dict.fromkeys(called.values())))
    if not len(frame):
        message = f"{table.name} has no rows; an estimate needs at least one claim."
        raise ClaimsError([Problem(message)])
    series = {ours: frame.get_column(theirs) for ours, theirs in called.items()}
    return table, Cells(series, len(frame), called)


def _columns_of_day(date: str | Iterable[str] | None) -> dict[str, str]:
    """Give the columns of the day by our names: one, or three of its parts.

    Raises
    ------
    ValueError
        They are neither one nor three.
    """
    if date is None:
        return {}
    if isinstance(date, str):
        return {"date": date}
    parts = list(date)
    if len(parts) != len(PARTS):
        message = f"date is {shown(parts)}; it is a column, or three: of {', '.join(PARTS)}"
        raise ValueError(message)
    return dict(zip(PARTS, parts, strict=True))
