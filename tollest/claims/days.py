"""Days of the calendar, from what a table holds."""

import datetime as dt
import re

import numpy as np

from tollest.claims.problems import shown

NO_DAY = np.datetime64("NaT", "D")
"""The date of an undated claim."""
_MONTHS = (
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
)  # fmt: skip
_NAMED_MONTH = re.compile(r"(\d{1,2})[ -]([A-Za-z]{3,9})\.?[ -](\d{4})")
_OTHER_DATE = re.compile(r"\d\D+\d{4}")  # a day before its year
_SLASHED = re.compile(r"\d{4}([/.])\d{1,2}\1\d{1,2}")  # a year first, but no ISO date


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
        It is not a day.
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
