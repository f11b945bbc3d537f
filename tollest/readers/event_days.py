"""Days in the tables of events: in one column, or in three of year, month and day."""

import re
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tollest.claims.cells import Cells
from tollest.claims.days import NO_DAY, read_day
from tollest.claims.problems import shown

PARTS = ("year", "month", "day")
"""Our names of the columns of a day that stands in three."""
_SHORT_YEAR = re.compile(r"(\d{1,2}[ -][A-Za-z]{3,9}\.?[ -])(\d{2})")
_WHOLE = re.compile(r"([+-]?\d{1,6})(?:\.0*)?")
_LAST_YEAR = 9999
_DAY = np.dtype("datetime64[D]")


def days(cells: Cells, name: str) -> NDArray[np.datetime64]:
    """Read a column of days, as `read_day` does, or with years of two figures: ``"2-Sep-13"``."""
    series = cells.columns[name]
    if str(series.dtype).startswith("Date"):
        return cells.dates(name)
    return cells.read(name, _day, NO_DAY, _DAY)


def _day(value: object) -> np.datetime64:
    """Read one day; two figures of a year are of this century."""
    match = _SHORT_YEAR.fullmatch(value.strip()) if isinstance(value, str) else None
    try:
        return read_day(f"{match[1]}20{match[2]}" if match else value)
    except ValueError:
        return read_day(value)  # whose refusal shows the cell as it stands


def days_of_parts(cells: Cells) -> NDArray[np.datetime64]:
    """Read days from columns of year, month and day.

    A day is not known where one of these is blank or below 1: publishers write 0, -9 or -99 for
    what they do not know, and years before our era are below 1.
    """
    parts = {name: cells.read(name, _part(cells.called[name]), 0, np.dtype(int)) for name in PARTS}
    year, month, day = parts.values()
    known = (year > 0) & (month > 0) & (day > 0)
    out = np.full(cells.n, NO_DAY)
    for row in np.flatnonzero(known).tolist():
        text = f"{year[row]:04}-{month[row]:02}-{day[row]:02}"
        try:
            out[row] = np.datetime64(text, "D")
        except ValueError:
            columns = ", ".join(cells.called[name] for name in PARTS)
            message = f"{columns} are {text}, which is no day of the calendar"
            cells.add(np.array([row]), message)
    return out


def _part(called: str) -> Callable[[object], int]:
    """Make what reads a year, a month or a day."""

    def read(value: object) -> int:
        match = _WHOLE.fullmatch(str(value).strip())
        if not match or int(match[1]) > _LAST_YEAR:
            message = f"{called} is {shown(value)}; it is a whole number, 0 where it is not known"
            raise ValueError(message)
        return int(match[1])

    return read
