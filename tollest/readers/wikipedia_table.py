"""A table scraped from a page of Wikipedia, whose cells are text with notes, keys and dashes."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tollest import wording
from tollest.claims.cells import is_blank
from tollest.claims.columns import ColumnLayout
from tollest.claims.files import Table, open_table
from tollest.claims.intervals import ABOUT, AT_LEAST, AT_MOST, KINDS, RANGE, VERBAL
from tollest.claims.problems import shown
from tollest.claims.table import UNBOUNDED, Claims
from tollest.readers.disorder import Refuse, SetAside, Span, Unknown
from tollest.readers.event_tables import read_events
from tollest.readers.events import Events
from tollest.readers.wide import read_cell

if TYPE_CHECKING:
    import narwhals as nw

TABLE = ColumnLayout("a table of a page", {}, {})
# A key for sorting ends on the suit of spades, which stands nowhere else before a number.
_SORT_KEY = re.compile(r"^\s*[\d.\u2212-]{4,}\s*\u2660")
_LINES = re.compile(r"\s*(?:<br\s*/?>|\n|\r|\u2028)\s*", re.IGNORECASE)
# The mark of a note behind a number or a word: [12], [a], [note 3], [citation needed]. After a
# blank a number in brackets may be one of its own.
_NOTE = re.compile(
    r"(?<=[\w+)%.*\u2020\u2021\u00a7\]])"
    r"(?:\[\d{1,3}\]|\s?\[(?:[a-z]{1,2}|(?:note|nb|n) ?\d{1,3}|citation needed"
    r"|better source needed|clarification needed|when\?|who\?)\])"
    r"(?!\w|\s*\d)",
    re.IGNORECASE,
)
_DAGGERS = re.compile(r"(?<=[\d+])\s?[*\u2020\u2021\u00a7]+$")
_UNKNOWN = frozenset((
    "-", "--", "\u2013", "\u2014", "\u2212", "?", "??", "n/a", "unknown", "not known",
    "not reported", "tba", "tbd",
))  # fmt: skip


@dataclass(frozen=True)
class EachLine:
    """Each line of a cell is a claim of a source of its own, numbered from the top."""


Several = Refuse | Span | EachLine
"""What a reader does with a cell that states several numbers."""


def wikipedia_table(
    data: Any,  # noqa: ANN401 - a path or any dataframe
    *,
    location: str | Iterable[str],
    deaths: str,
    several: Several = Refuse(),  # noqa: B008 - frozen
    unknown: Unknown = SetAside(),  # noqa: B008 - frozen
    group: str | None = None,
    date: str | Iterable[str] | None = None,
    source: str = "Wikipedia",
    words: wording.Words = wording.WORDS,
    encoding: str = "utf-8",
    sheet: str | None = None,
) -> Claims:
    """Read a table of a page of Wikipedia: each row a location, the page one source.

    Parameters
    ----------
    data : str, Path or dataframe in memory
        A file (``.csv``, ``.tsv``, ``.parquet``, ``.xlsx``, ``.json``) or a dataframe that
        narwhals knows, such as `pandas.read_html` gives. Cells of text are as they were scraped.
    location : str or iterable of str
        Columns that name an event, joined by commas; marks of notes are taken off. Each row must
        have a name of its own.
    deaths : str
        Column of deaths: in each cell a whole number or a wording that `tollest.wording.parse`
        reads, such as "12+" or "about 1,400".
    several : Refuse, Span or EachLine, default Refuse()
        What to do with a cell of several lines that state numbers. ``Span()`` allows all from
        the least to the most; ``EachLine()`` makes a claim of each line, by "Wikipedia, line 1"
        and so on.
    unknown : SetAside, Silent or Refuse, default SetAside()
        What becomes of cells that are empty, a dash or "unknown", which is not 0.
    group : str, optional
        Column of groups that share a prior.
    date : str, or year, month and day, optional
        Column, or three columns, with the day on which a claim was known, for `Claims.as_of`.
    source : str, default "Wikipedia"
        What the page is called.
    words : Words, optional
        What verbal claims such as "dozens" allow.
    encoding : str, default "utf-8"
        That of a file of text.
    sheet : str, optional
        That of a workbook; needed where several have rows.

    Returns
    -------
    Claims
        Rows are numbered as in the table, and the further lines of cells after them.

    Raises
    ------
    ClaimsError
        Naming every column that is missing and every cell that cannot be read.
    FileNotFoundError, TypeError, ValueError
        There is no such file, or it is neither of the files above nor a dataframe.

    Notes
    -----
    Only what cannot be mistaken for a part of a number is taken off: a key for sorting, which
    ends on a spade ("7001120000000000000♠12") [1]_; marks of notes in brackets behind a number or
    a word ("12[3]", "12 [a]"), but not a number in brackets that stands by itself; daggers and
    stars at the end. What is left is read as a wording or refused: "12 (7 civilians)", "26a" and
    "1.383" are.

    A page's numbers are those of its references. Where these are sources of the analysis, too,
    they are two witnesses of one: leave the page out, or say whom it repeats.

    References
    ----------
    .. [1] Wikipedia. Help: sortable tables.
       https://en.wikipedia.org/wiki/Help:Sortable_tables

    Examples
    --------
    >>> import pandas as pd
    >>> page = pd.DataFrame(
    ...     {
    ...         "Attack": ["Arden[1]", "Brook", "Corley"],
    ...         "Deaths": ["7001120000000000000♠12[2][a]", "at least 30 [b]", "-"],
    ...     }
    ... )
    >>> claims = wikipedia_table(page, location="Attack", deaths="Deaths")
    >>> claims.to_frame()[["location", "kind", "lower"]]
      location      kind  lower
    0    Arden     count     12
    1    Brook  at_least     30
    >>> claims.excluded[["location", "reason"]]
      location                          reason
    0   Corley  states no number, which is not 0
    """
    table = open_table(data, encoding, sheet=sheet)
    events = read_events(
        _bare(table, deaths), TABLE, location=location, group=group, date=date, source=source,
        columns=None, encoding=encoding, more={"count": deaths},
    )  # fmt: skip
    cells, line, event = _read(events, several, words)
    events.check(source)
    kind, lower, upper = (np.array(column, np.int64) for column in zip(*cells, strict=True))
    kind = np.where((kind == VERBAL) & (upper == UNBOUNDED), AT_LEAST, kind)
    # Others are what their numbers make them.
    kind = np.where(np.isin(kind, (AT_LEAST, AT_MOST, VERBAL, ABOUT)), kind, -1)
    most = max(line)
    names = (source, *(f"{source}, line {i}" for i in range(1, most + 1)))
    return events.claims(
        source, {}, lower=lower, upper=np.where(upper == UNBOUNDED, -1, upper),
        kind=(kind, KINDS), event=np.array(event), unknown=unknown,
        sources=(np.array(line), names),
    )  # fmt: skip


def _bare(table: Table, deaths: str) -> Table:
    """Take marks of notes and keys off all columns but that of deaths."""
    import narwhals as nw
    import pandas as pd

    def take(names: Sequence[str]) -> "nw.DataFrame[Any]":
        frame = table.take(names)
        columns = {name: frame.get_column(name).to_list() for name in names}
        return nw.from_native(
            pd.DataFrame(
                {
                    name: pd.Series(
                        values if name == deaths else [*map(_without_notes, values)], dtype=object
                    )
                    for name, values in columns.items()
                }
            )
        )

    return replace(table, take=take)


def _without_notes(value: object) -> object:
    """Take keys and the marks of notes off a text."""
    if not isinstance(value, str):
        return value
    return _DAGGERS.sub("", _NOTE.sub("", _SORT_KEY.sub("", value)).strip()).strip()


_Reading = tuple[int, int, int]
_NOTHING: _Reading = (-1, -1, -1)


def _read(
    events: Events, several: Several, words: wording.Words
) -> tuple[list[_Reading], list[int], list[int]]:
    """Read all cells: kind and ends of each claim, its line, 0 where there is one, and its event.

    The first claims of all cells come first, then the further lines.
    """
    codes, values = events.cells.distinct("count")
    read: list[list[_Reading]] = []
    unread: dict[int, str] = {}
    for i, value in enumerate(values):
        try:
            read.append(_lines(value, several, words))
        except ValueError as error:
            unread[i] = str(error)
            read.append([_NOTHING])
    events.cells.add(
        np.flatnonzero(np.isin(codes, list(unread))), lambda row: unread[int(codes[row])]
    )
    of_row = [read[code] for code in codes.tolist()]
    out = [lines[0] for lines in of_row]
    line = [int(len(lines) > 1) for lines in of_row]
    event = list(range(events.n))
    for row, lines in enumerate(of_row):
        for i, reading in enumerate(lines[1:], start=2):
            out.append(reading)
            line.append(i)
            event.append(row)
    return out, line, event


def _lines(value: object, several: Several, words: wording.Words) -> list[_Reading]:
    """Read one cell, line by line.

    Raises
    ------
    ValueError
        It cannot be read, or has several lines, which are refused.
    """
    if is_blank(value):
        return [_NOTHING]
    if not isinstance(value, str):
        return [read_cell(value, words)]
    lines = [str(_without_notes(line)) for line in _LINES.split(value)]
    lines = [line for line in lines if line]
    if all(line.casefold() in _UNKNOWN for line in lines):
        return [_NOTHING]
    if len(lines) > 1 and isinstance(several, Refuse):
        message = (
            f"the cell is {shown(value)}, which has several lines; keep one, or say "
            "several=te.readers.EachLine() for a claim of each, or te.readers.Span() to allow all "
            "from the least to the most"
        )
        raise ValueError(message)
    readings = [_line(line, value, words) for line in lines]
    if len(readings) > 1 and isinstance(several, Span):
        low, high = min(r[1] for r in readings), max(r[2] for r in readings)
        return [(AT_LEAST if high == UNBOUNDED else RANGE, low, high)]
    return readings


def _line(line: str, value: str, words: wording.Words) -> _Reading:
    """Read one line of a cell; in brackets it remarks on some of the dead."""
    if line.startswith("("):
        message = f"the cell is {shown(value)}, with a line in brackets; keep what says how many"
        raise ValueError(message)
    try:
        return read_cell(line, words)
    except ValueError as error:
        cell = "" if line == value.strip() else f" (of {shown(value)})"
        message = f"{error}{cell}"
        raise ValueError(message) from None
