"""A table with a column a source and a row a location."""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tollest import wording
from tollest._arrays import Integers
from tollest.claims.cells import Cells, whole_number
from tollest.claims.columns import ColumnLayout, find_columns
from tollest.claims.days import NO_DAY
from tollest.claims.files import open_table
from tollest.claims.intervals import COUNT, DOCUMENTED, KINDS
from tollest.claims.problems import ClaimsError, Problem, listed, shown
from tollest.claims.table import UNBOUNDED, Claims
from tollest.readers.event_days import days
from tollest.readers.event_names import spelled

_SILENT = -1  # the kind of a cell that has none


def wide(
    data: Any,  # noqa: ANN401 - a path or any dataframe
    *,
    location: str,
    sources: Iterable[str] | None = None,
    group: str | None = None,
    date: str | None = None,
    words: wording.Words = wording.WORDS,
    encoding: str = "utf-8",
    sheet: str | None = None,
) -> Claims:
    """Read a table with a column a source: in each cell, what that source says of a location.

    Parameters
    ----------
    data : str, Path or dataframe in memory
        A file (``.csv``, ``.tsv``, ``.parquet``, ``.xlsx``, ``.json``) or a dataframe that
        narwhals knows. An empty cell is silence, and no claim; 0 is a claim of no deaths. Other
        cells are whole numbers or wordings that `tollest.wording.parse` reads, such as "at least
        17".
    location : str
        Column that names the location of each row.
    sources : iterable of str, optional
        Columns of sources; by default all but `location`, `group` and `date`. Without it columns
        that are no sources by their names, or are the sum of others, are an error: a year, a
        code, the injured, a total, days.
    group : str, optional
        Column of groups that share a prior.
    date : str, optional
        Column with the day of all claims of a row. A location can then have several rows.
    words : Words, optional
        What verbal claims such as "dozens" allow.
    encoding : str, default "utf-8"
        That of a file of text.
    sheet : str, optional
        That of a workbook; needed where several have rows.

    Returns
    -------
    Claims
        A location of whose row all cells are empty is one that nobody reported on. Rows of
        claims are numbered by cells that are not empty, row by row and from left to right.

    Raises
    ------
    ClaimsError
        Naming every column that is missing, and every cell that cannot be read by its row, its
        source and its value.
    FileNotFoundError, TypeError, ValueError
        There is no such file, or it is neither of the files above nor a dataframe.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame(
    ...     {"village": ["Arden", "Brook"], "press": ["about 30", "0"], "clinic": [11, None]}
    ... )
    >>> wide(table, location="village").to_frame()[["location", "source", "lower", "upper"]]
      location  source  lower  upper
    0    Arden   press     25     35
    1    Arden  clinic     11     11
    2    Brook   press      0      0
    """
    table = open_table(data, encoding, sheet=sheet)
    others = {"location": location, "group": group, "date": date}
    given = {ours: name for ours, name in others.items() if name is not None}
    if isinstance(sources, str):
        message = f"sources is the text {shown(sources)}; give a list of columns"
        raise TypeError(message)
    names = list(sources) if sources is not None else _others(table.header, given.values())
    called = find_columns(table, _NO_LAYOUT, {}, given | {f"source {n}": n for n in names})
    problems = []
    if not names:
        problems.append(f"{table.name} has no columns but {listed(list(given.values()))}; give a "
                        "column for each source.")  # fmt: skip
    problems += [
        f"the column {shown(name)} is named twice: a source is a column of its own."
        for name in dict.fromkeys(called.values())
        if list(given.values()).count(name) + names.count(name) > 1
    ]
    if sources is None:
        problems += _no_sources(table.name, names)
    if problems:
        raise ClaimsError([Problem(message) for message in problems])
    frame = table.take(list(called.values()))
    if not len(frame):
        message = f"{table.name} has no rows; an estimate needs at least one claim."
        raise ClaimsError([Problem(message)])
    cells = Cells(
        {ours: frame.get_column(theirs) for ours, theirs in called.items()}, len(frame), called
    )
    return _claims(cells, names, words, check_sums=sources is None)


_NO_LAYOUT = ColumnLayout("a table with a column a source", {}, {})


def _others(header: Iterable[str], given: Iterable[str]) -> list[str]:
    """Give the columns that are those of sources where nothing else was said."""
    taken = set(given)
    return [name for name in header if name not in taken]


# Words in the names of columns that hold something else than what a source says of the dead.
_NO_SOURCE = re.compile(
    r"(^|[\s_])(id|ids|code|pcode|fips|iso|lat|lon|latitude|longitude|geom|year|month|day|date|"
    r"population|injur\w*|wounded|missing|displaced|casualties|refs?|references?|notes?|url|link|"
    r"total|totals|sum|overall|all sources)($|[\s_.])",
    re.IGNORECASE,
)
_ENDS = frozenset(("low", "best", "high", "min", "max", "minimum", "maximum", "lower", "upper"))
_DAY = re.compile(r"\d{1,4}[/.-]\d{1,2}([/.-]\d{1,4})?")


def _no_sources(table: str, names: list[str]) -> list[str]:
    """Say which columns cannot be sources, where none were named."""
    odd = [n for n in names if _NO_SOURCE.search(n) or _DAY.fullmatch(n.strip())]
    ends = [n for n in names if n.strip().casefold() in _ENDS]
    odd += ends if len(ends) > 1 else []
    if not odd:
        return []
    is_day = all(_DAY.fullmatch(n.strip()) for n in odd)
    more = (
        " Days go into rows: a table with a claim a row has a column 'date', or 'to' for totals "
        "to date." if is_day else ""
    )  # fmt: skip
    return [
        f"the columns of {table} would all be sources, {listed(odd)} among them; say which are: "
        f"sources=[...].{more}"
    ]


def _check_sums(names: list[str], said: "_Said") -> None:
    """Refuse a column that is the sum of all others in every row."""
    counts = np.where(said.kind == COUNT, said.lower, 0)
    is_whole = (said.kind == COUNT).all(axis=1)
    if len(names) < 3 or is_whole.sum() < 2 or not counts.any():
        return
    doubled = 2 * counts[is_whole]
    is_sum = (doubled == counts[is_whole].sum(axis=1)[:, None]).all(axis=0)
    summed = [name for name, each in zip(names, is_sum.tolist(), strict=True) if each]
    if summed:
        message = (
            f"the column {shown(summed[0])} is the sum of all others; it is no source of its own. "
            "Say which are: sources=[...]."
        )
        raise ClaimsError([Problem(message)])


class _Said(NamedTuple):
    """What the cells of a table say, shape (n_rows, n_sources) each."""

    kind: Integers
    lower: Integers
    upper: Integers


def _claims(cells: Cells, names: list[str], words: wording.Words, *, check_sums: bool) -> Claims:
    """Make claims of all cells that are not empty."""
    import pyarrow as pa

    row, locations = cells.names("location")
    cells.add_unnamed("location", row)
    group, groups = cells.names("group")
    dated = "date" in cells.columns
    day = days(cells, "date") if dated else np.full(cells.n, NO_DAY)
    said, unread = _read(cells, names, words)
    cells.table_problems += [
        Problem(message, i, name, locations[row[i]] if row[i] >= 0 else "")
        for i, name, message in unread
    ]
    cells.check(row, locations, np.full(cells.n, -1), [])
    _check_rows(cells, row, locations, day)
    if check_sums:
        _check_sums(names, said)

    filled, source = np.nonzero(said.kind >= 0)
    kind, lower, upper = (values[filled, source] for values in said)
    if not filled.size:
        message = "all cells of sources are empty; an estimate needs at least one claim."
        raise ClaimsError([Problem(message)], cells.n)
    columns = {
        "location": spelled(locations, row[filled]),
        "source": spelled(names, source),
        "kind": spelled(KINDS, kind),
        "lower": pa.array(lower, mask=kind == COUNT),
        "upper": pa.array(upper, mask=(kind == COUNT) | (upper == UNBOUNDED)),
        "count": pa.array(lower, mask=kind != COUNT),
    }
    if groups:
        columns["group"] = spelled(groups, group[filled])
    if dated:
        columns["date"] = pa.array(day[filled])
    silent = np.setdiff1d(np.arange(len(locations)), row[filled]).tolist()
    if not groups:
        return Claims.from_table(pa.table(columns), locations=[locations[i] for i in silent])
    group_of = dict(zip(row[::-1].tolist(), group[::-1].tolist(), strict=True))
    named = {locations[i]: groups[group_of[i]] if group_of[i] >= 0 else "" for i in silent}
    return Claims.from_table(pa.table(columns), locations=named)


def _read(
    cells: Cells, names: list[str], words: wording.Words
) -> tuple[_Said, list[tuple[int, str, str]]]:
    """Read all cells of sources, and list those that cannot be: row, source, and what is wrong."""
    said = _Said(*(np.full((cells.n, len(names)), _SILENT) for _ in range(3)))
    unread: list[tuple[int, str, str]] = []
    for j, name in enumerate(names):
        series = cells.columns[f"source {name}"]
        column = Cells({"count": series}, cells.n, {"count": "the cell"})
        if series.dtype.is_integer() or series.dtype.is_float():
            count = column.numbers("count")
            said.kind[:, j] = np.where(count < 0, _SILENT, COUNT)
            said.lower[:, j] = said.upper[:, j] = count
        else:
            parsed = column.read(
                "count", lambda value: read_cell(value, words), (_SILENT,) * 3, np.dtype(np.int64)
            )
            said.kind[:, j], said.lower[:, j], said.upper[:, j] = parsed.T
        unread += [(row, name, message) for row, message in column.problems]
    return said, sorted(unread)


def read_cell(value: object, words: wording.Words) -> tuple[int, int, int]:
    """Read one cell: its kind, and the least and the most that it allows.

    Raises
    ------
    ValueError
        It is neither a whole number nor a wording, or a floor that cannot err.
    """
    try:
        number = whole_number("count", value, "the cell")
    except ValueError as error:
        if not isinstance(value, str):
            raise
        refusal = str(error)
    else:
        return COUNT, number, number
    try:
        reading = wording.parse(value, words)
    except ValueError:
        message = f"{refusal}, or a wording such as 'at least 17'"
        raise ValueError(message) from None
    kind = KINDS.index(reading.kind)
    if kind == DOCUMENTED:
        message = (
            f"the cell is {shown(value)}, a floor that cannot err; make a table with a claim a "
            "row, and say so there in a column 'kind'"
        )
        raise ValueError(message)
    return kind, reading.lower, reading.upper


def _check_rows(
    cells: Cells, row: Integers, locations: list[str], day: NDArray[np.datetime64]
) -> None:
    """Raise where two rows are of the same location and day."""
    order = np.lexsort((day.astype(np.int64), row))
    same = (np.diff(row[order]) == 0) & (np.diff(day[order].astype(np.int64)) == 0)
    if same.any():
        first, second = (int(order[np.flatnonzero(same)[0] + i]) for i in (0, 1))
        way_out = (
            "and of the same day; put them into one row"
            if "date" in cells.columns
            else "too; put them into one row, or say which column has their days: date=..."
        )
        message = f"row {first} is on {shown(locations[row[second]])} {way_out}"
        raise ClaimsError([Problem(message, second, "", locations[row[second]])], cells.n)
