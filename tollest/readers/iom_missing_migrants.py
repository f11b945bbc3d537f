"""Incidents of the Missing Migrants Project."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tollest.claims.columns import ColumnLayout
from tollest.claims.table import Claims
from tollest.readers.disorder import SetAside, Unknown
from tollest.readers.event_tables import read_events
from tollest.readers.events import Events

IOM = ColumnLayout(
    "a file of the Missing Migrants Project",
    {
        "location": ("Incident ID", "Web ID"),
        "dead": ("Number of Dead", "Number Dead"),
        "missing": ("Minimum Estimated Number of Missing",),
        "total": ("Total Number of Dead and Missing", "Total Dead and Missing"),
    },
    {},
)


@dataclass(frozen=True)
class DeadAndMissing:
    """Those found dead, and those missing, who are presumed dead."""


@dataclass(frozen=True)
class DeadAlone:
    """Those found dead; of the missing nothing is said but that there may have been more."""


def iom_missing_migrants(
    data: Any,  # noqa: ANN401 - a path or any dataframe
    *,
    deaths: DeadAndMissing | DeadAlone = DeadAndMissing(),
    unknown: Unknown = SetAside(),  # noqa: B008 - frozen
    location: str | Iterable[str] | None = None,
    group: str | None = None,
    date: str | Iterable[str] | None = None,
    source: str = "Missing Migrants Project",
    columns: Mapping[str, str] | None = None,
    encoding: str = "utf-8",
    sheet: str | None = None,
) -> Claims:
    """Read IOM's Missing Migrants Project: each incident a location, the project one source.

    Parameters
    ----------
    data : str, Path or dataframe in memory
        A file (``.csv``, ``.tsv``, ``.parquet``, ``.xlsx``, ``.json``) or a dataframe that
        narwhals knows, with the columns ``Incident ID`` (or ``Web ID``), ``Number of Dead``,
        ``Minimum Estimated Number of Missing`` and ``Total Number of Dead and Missing``.
    deaths : DeadAndMissing or DeadAlone, default DeadAndMissing()
        Whether the missing are presumed dead.
    unknown : SetAside, Silent or Refuse, default SetAside()
        What becomes of incidents without any of these numbers, which is not 0.
    location : str or iterable of str, optional
        Columns that name an incident, joined by commas; by default its identifier. Each row must
        have a name of its own.
    group : str, optional
        Column of groups that share a prior, such as ``Region of Incident``.
    date : str, or year, month and day, optional
        Column, or three columns, with the day on which a claim was known, for `Claims.as_of`.
        ``Incident Date`` is the earliest that this can be.
    source : str, default "Missing Migrants Project"
        What the project is called.
    columns : mapping of str to str, optional
        What the table calls ``location``, ``dead``, ``missing`` and ``total``, if none of these.
    encoding : str, default "utf-8"
        That of a file of text.
    sheet : str, optional
        That of a workbook; needed where several have rows.

    Returns
    -------
    Claims
        Counts where nobody is missing, else ``at_least``. Rows are numbered as in the table.

    Raises
    ------
    ClaimsError
        Naming every column that is missing and every cell that cannot be meant.
    FileNotFoundError, TypeError, ValueError
        There is no such file, or it is neither of the files above nor a dataframe.

    Notes
    -----
    The number of the missing is a minimum: so is any sum with it, and so are those found dead
    where others are missing. It is blank or 0 where nobody was reported missing [1]_. Survivors
    are not read. All numbers are of incidents that became known; most deaths on the way may not
    have been, and these incidents are not among the locations. Rows whose numbers do not add up
    are an error. Some files have numbers below 0, by mistake; these are an error, too.

    References
    ----------
    .. [1] International Organization for Migration. Missing Migrants Project: methodology.
       https://missingmigrants.iom.int/methodology

    Examples
    --------
    >>> import pandas as pd
    >>> incidents = pd.DataFrame(
    ...     {
    ...         "Incident ID": ["2014.MMP00001", "2014.MMP00002"],
    ...         "Number of Dead": [3, 1],
    ...         "Minimum Estimated Number of Missing": [40, None],
    ...         "Total Number of Dead and Missing": [43, 1],
    ...     }
    ... )
    >>> iom_missing_migrants(incidents).to_frame()[["location", "kind", "lower"]]
            location      kind  lower
    0  2014.MMP00001  at_least     43
    1  2014.MMP00002     count      1
    """
    events = read_events(
        data, IOM, location=location, group=group, date=date, source=source, columns=columns,
        encoding=encoding, sheet=sheet,
    )  # fmt: skip
    dead, missing, total = (events.cells.numbers(name) for name in ("dead", "missing", "total"))
    stated = np.maximum(dead, 0) + np.maximum(missing, 0)
    _check_sums(events, stated, total)
    events.check(source)
    number = dead
    if isinstance(deaths, DeadAndMissing):
        number = np.where((dead >= 0) | (missing >= 0), stated, total)
    # A total without its parts may be of some who are missing.
    is_least = (missing > 0) | ((dead < 0) & (total >= 0))
    return events.claims(
        source, {}, count=np.where(is_least, -1, number), lower=np.where(is_least, number, -1),
        unknown=unknown,
    )  # fmt: skip


def _check_sums(events: Events, stated: "np.ndarray", total: "np.ndarray") -> None:
    """Report rows whose total is not that of the dead and the missing."""
    cells = events.cells
    dead, missing, both = (cells.called[name] for name in ("dead", "missing", "total"))
    has_parts = np.zeros(cells.n, dtype=bool)
    for name in ("dead", "missing"):
        has_parts |= cells.numbers(name) >= 0
    wrong = np.flatnonzero(has_parts & (total >= 0) & (total != stated) & ~cells.bad)
    cells.add(
        wrong,
        lambda row: (
            f"{both} is {total[row]}, but {dead} and {missing} are {stated[row]} together; "
            "correct one of them"
        ),
    )
