"""Daily reports of the dead in Gaza, as Tech for Palestine collects them."""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tollest._arrays import Integers
from tollest.claims.cells import text_of
from tollest.claims.columns import ColumnLayout
from tollest.claims.periods import ToDate
from tollest.claims.problems import shown
from tollest.claims.table import Claims
from tollest.readers.event_names import spelled
from tollest.readers.event_tables import open_cells

if TYPE_CHECKING:
    import pyarrow as pa

REPORTS = ColumnLayout(
    "a file of daily casualties",
    {
        "date": ("report_date",),
        "source": ("report_source",),
        "period": ("report_period",),
        "count": ("killed_cum",),
    },
    {},
)
_DAY = 24  # hours
_IN_HOURS = "it is hours: 24 for a day, 0 without a report"
_HOURS = re.compile(r"\d{1,4}")
_MISSING, _NO_REPORT, _BARE = "missing", "no official report on this day", "states no total"
_NAMES = {"mohtel": "Ministry of Health", "gmotel": "Government Media Office", "unocha": "UN OCHA"}


def tech_for_palestine(
    data: Any,  # noqa: ANN401 - a path or any dataframe
    *,
    to_date: ToDate | None = None,
    location: str = "Gaza",
    columns: Mapping[str, str] | None = None,
    encoding: str = "utf-8",
    sheet: str | None = None,
) -> Claims:
    """Read Tech for Palestine's daily casualties of Gaza, as totals to date.

    Parameters
    ----------
    data : str, Path or dataframe in memory
        A file (``.csv``, ``.tsv``, ``.parquet``, ``.xlsx``, ``.json``) or a dataframe that
        narwhals knows, with the columns ``report_date``, ``report_source``, ``report_period`` and
        ``killed_cum``: version 2 of ``casualties_daily``.
    to_date : ToDate, optional
        Which totals to date are evidence; by default those that state another number than the
        source's last one. ``ToDate(every=28)`` takes one in four weeks.
    location : str, default "Gaza"
        What the place is called.
    columns : mapping of str to str, optional
        What the table calls ``date``, ``source``, ``period`` and ``count`` (the total), if none
        of these.
    encoding : str, default "utf-8"
        That of a file of text.
    sheet : str, optional
        That of a workbook; needed where several have rows.

    Returns
    -------
    Claims
        Totals to each day, by the source that reported them. Rows are numbered as in the table.

    Raises
    ------
    ClaimsError
        Naming every column that is missing and every cell that cannot be meant.
    FileNotFoundError, TypeError, ValueError
        There is no such file, or it is neither of the files above nor a dataframe.

    Notes
    -----
    A total is the number killed since 7 October 2023 that the ministry of health had counted by
    a day, or the government media office where the ministry did not report [1]_. Rows without a
    report are set aside: those whose source is ``missing`` or whose period is of 0 hours, though
    they repeat the last total, and those that lack ``killed_cum``. Fields that begin with
    ``ext_`` are filled in by the collectors where nothing was reported, and are never read. Nor
    are the numbers of a day: they can include people who died earlier.

    The totals are of those killed by acts of war who reached the count, not of all who died of the
    war [1]_.

    References
    ----------
    .. [1] Tech for Palestine. Daily casualties: Gaza.
       https://data.techforpalestine.org/docs/casualties-daily/

    Examples
    --------
    >>> import pandas as pd
    >>> reports = pd.DataFrame(
    ...     {
    ...         "report_date": ["2024-08-09", "2024-08-10", "2024-08-11", "2024-08-12"],
    ...         "report_source": ["mohtel", "mohtel", "mohtel", "mohtel"],
    ...         "report_period": [24, 24, 0, 48],
    ...         "killed_cum": [39699, 39790, 39790, 39897],
    ...     }
    ... )
    >>> claims = tech_for_palestine(reports)
    >>> claims.lower
    array([39699, 39790, 39897])
    >>> claims.excluded[["row", "reason"]]
       row                          reason
    0    2  no official report on this day
    """
    _, cells = open_cells(data, REPORTS, columns, {}, encoding, sheet)
    source, names = cells.names("source")
    cells.add_unnamed("source", source)
    day, total = cells.dates("date"), cells.numbers("count")
    cells.add(np.flatnonzero(np.isnat(day) & ~cells.bad), "the day is blank; a report is of a day")
    hours = cells.read("period", _hours(cells.called["period"]), -1, np.dtype(np.int64))
    cells.add(
        np.flatnonzero((hours < 0) & ~cells.bad),
        f"{cells.called['period']} is blank; {_IN_HOURS}",
    )
    cells.check(np.zeros(cells.n, dtype=np.int64), [location], source, names)
    missing = np.append([name.casefold() == _MISSING for name in names], False)[source]
    set_aside = dict.fromkeys(np.flatnonzero(total < 0).tolist(), _BARE)
    set_aside |= dict.fromkeys(np.flatnonzero(missing | (hours == 0)).tolist(), _NO_REPORT)
    reporter = spelled([_NAMES.get(name, name) for name in names], source)
    return _claims(location, reporter, day, total, set_aside, to_date)


def _hours(called: str) -> Callable[[object], int]:
    """Make what reads the hours that a report is of."""

    def read(value: object) -> int:
        text = text_of(value).removesuffix(".0")
        if not _HOURS.fullmatch(text) or int(text) % _DAY:
            message = f"{called} is {shown(value)}; {_IN_HOURS}"
            raise ValueError(message)
        return int(text)

    return read


def _claims(
    location: str,
    reporter: "pa.Array",
    day: NDArray[np.datetime64],
    total: Integers,
    set_aside: Mapping[int, str],
    to_date: ToDate | None,
) -> Claims:
    """Make totals to date of reports; rows without one are no part of the series."""
    import pyarrow as pa

    n = len(day)
    aside = np.isin(np.arange(n), list(set_aside))
    names = [f"{location} on {day[i]}" if aside[i] else location for i in range(n)]
    table = pa.table(
        {
            "location": names,
            "source": reporter,
            "to": pa.array(day, mask=aside),
            "date": pa.array(day),
            "count": pa.array(total, mask=total < 0),
            # What is set aside has to be said, too.
            "lower": pa.array(np.zeros(n, np.int64), mask=total >= 0),
        }
    )
    claims = Claims.from_table(table, to_date=to_date)
    return claims.without(rows=set_aside) if set_aside else claims
