"""Days of the calendar, and times of day, from what a table holds."""

import datetime as dt
import re

import numpy as np
from numpy.typing import NDArray

from tollest._arrays import Flags, Floats
from tollest.claims.problems import shown

type Moments = NDArray[np.datetime64]
"""Days with their times, in seconds; midnight is a day without a time."""

NO_DAY = np.datetime64("NaT", "D")
"""A day that is not known."""
NO_MOMENT = np.datetime64("NaT", "s")
"""The date of an undated claim."""
_DAY, _NOON = np.timedelta64(1, "D"), np.timedelta64(12, "h")
_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
_NAMED_MONTH = re.compile(r"(\d{1,2})[ -]([A-Za-z]{3,9})\.?[ -](\d{4})")
_MONTH_FIRST = re.compile(r"([A-Za-z]{3,9})\.? (\d{1,2}), ?(\d{4})")
_OTHER_DATE = re.compile(r"\d\D+\d{4}")  # a day before its year
_SLASHED = re.compile(r"\d{4}([/.])\d{1,2}\1\d{1,2}")  # a year first, but no ISO date


def read_day(value: object) -> np.datetime64:
    """Read a day.

    Parameters
    ----------
    value : str, datetime.date or numpy.datetime64
        Of a time of day only its day counts. Text is ISO, ``"2025-03-12"``, or names its month,
        ``"12 March 2025"`` or
        ``"March 12, 2025"``.

    Returns
    -------
    numpy.datetime64
        In days.

    Raises
    ------
    ValueError
        It is not a day.
    """
    return np.datetime64(read_moment(value), "D")


def read_moment(value: object) -> np.datetime64:
    """Read a day with its time, which is midnight where it has none.

    Parameters
    ----------
    value : str, datetime.date or numpy.datetime64
        As in `read_day`. A time zone is dropped: times are those of the place.

    Returns
    -------
    numpy.datetime64
        In seconds.

    Raises
    ------
    ValueError
        It is not a day.
    """
    if isinstance(value, np.datetime64) and not np.isnat(value):
        return np.datetime64(value, "s")
    try:
        if isinstance(value, str):
            value = _named_month(value) or dt.datetime.fromisoformat(value.strip())
        if isinstance(value, dt.datetime):
            return np.datetime64(value.replace(tzinfo=None, microsecond=0), "s")
        if isinstance(value, dt.date):
            return np.datetime64(value, "s")
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


def calendar_moment(date: object) -> dt.date:
    """Read a day as `read_moment` does, pandas's own included, as one of the calendar.

    It is a datetime where it has a time of day.

    Raises
    ------
    ValueError
        As in `read_day`.
    """
    if hasattr(date, "to_datetime64"):
        date = date.to_datetime64()
    moment = read_moment(date)
    day: dt.date = (moment if has_time(moment) else np.datetime64(moment, "D")).item()
    return day


def has_time(moment: np.datetime64) -> bool:
    """Whether a time of day is known, which at midnight is not."""
    return bool(moment != np.datetime64(moment, "D"))


def in_words(moment: np.datetime64) -> str:
    """Write a day, and the time where it is known."""
    return str(np.datetime64(moment, "m" if has_time(moment) else "D")).replace("T", " ")


def middles(moments: Moments) -> Moments:
    """Moments, of days without a time their noon."""
    is_day = moments == moments.astype("datetime64[D]")
    return np.asarray(np.where(is_day, moments + _NOON, moments), "datetime64[s]")


def end_of(moment: np.datetime64) -> np.datetime64:
    """Last second of a day without a time; a moment is its own."""
    return moment if has_time(moment) else moment + _DAY - np.timedelta64(1, "s")


def is_after(moments: Moments, last: np.datetime64) -> Flags:
    """Tell which moments are after the end of one; a day without a time is at its noon."""
    return np.asarray(middles(moments) > end_of(last), np.bool_)


def ages(moments: Moments, onsets: Moments) -> Floats:
    """Days from onsets on, 0 at least; infinite where one or the other is not known."""
    days = (middles(moments) - middles(onsets)) / np.timedelta64(1, "D")
    return np.asarray(np.where(np.isnan(days), np.inf, np.maximum(days, 0.0)), np.float64)


def _named_month(text: str) -> dt.date | None:
    """Read a day whose month has a name; None where it has none."""
    match = _NAMED_MONTH.fullmatch(text.strip())
    day, month, year = match.groups() if match else ("", "", "")
    if first := _MONTH_FIRST.fullmatch(text.strip()):
        month, day, year = first.groups()
    found = [i for i, name in enumerate(_MONTHS, start=1) if name.startswith(month.casefold())]
    # "Sept" is a month, and so is "Sep"; "maybe" is none.
    if not month or len(found) != 1:
        return None
    return dt.date(int(year), found[0], int(day))
