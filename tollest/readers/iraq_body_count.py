"""Incidents of Iraq Body Count."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tollest.claims.columns import ColumnLayout
from tollest.claims.problems import ClaimsError, Problem, listed
from tollest.claims.table import Claims
from tollest.readers.disorder import Disordered, Refuse
from tollest.readers.event_tables import read_events

IBC = ColumnLayout(
    "a file of Iraq Body Count's incidents",
    {"location": ("IBC code",)},
    {
        "lower": ("Reported Minimum", "Minimum deaths"),
        "upper": ("Reported Maximum", "Maximum deaths"),
        "count": ("Deaths recorded",),
    },
)


def iraq_body_count(
    data: Any,  # noqa: ANN401 - a path or any dataframe
    *,
    disordered: Disordered = Refuse(),  # noqa: B008 - frozen
    location: str | Iterable[str] | None = None,
    group: str | None = None,
    date: str | Iterable[str] | None = None,
    source: str = "Iraq Body Count",
    columns: Mapping[str, str] | None = None,
    encoding: str = "utf-8",
    sheet: str | None = None,
) -> Claims:
    """Read Iraq Body Count's incidents: each incident a location, the project one source.

    Parameters
    ----------
    data : str, Path or dataframe in memory
        A file (``.csv``, ``.tsv``, ``.parquet``, ``.xlsx``, ``.json``) or a dataframe that
        narwhals knows, with the columns ``IBC code``, ``Reported Minimum`` and ``Reported
        Maximum``, or ``Deaths recorded`` in their place, as some files have it. Blanks and
        underscores in these names are the same. The lines that a download of the project's has
        above the names of its columns are skipped.
    disordered : Refuse, SetAside or Span, default Refuse()
        What to do where the minimum is above the maximum.
    location : str or iterable of str, optional
        Columns that name an incident, joined by commas; by default ``IBC code``. Each row must
        have a name of its own.
    group : str, optional
        Column of groups that share a prior.
    date : str, or year, month and day, optional
        Column, or three columns, with the day on which a claim was known, for `Claims.as_of`.
        ``End Date`` is the earliest that this can be. Days may be written as "02 Sep 2013" or
        "2-Sep-13".
    source : str, default "Iraq Body Count"
        What the project is called.
    columns : mapping of str to str, optional
        What the table calls ``location``, ``lower``, ``upper`` and ``count`` (the deaths
        recorded), if none of these.
    encoding : str, default "utf-8"
        That of a file of text.
    sheet : str, optional
        That of a workbook; needed where several have rows.

    Returns
    -------
    Claims
        Ranges from minimum to maximum, counts where these are the same. Rows are numbered as in
        the table.

    Raises
    ------
    ClaimsError
        Naming every column that is missing and every cell that cannot be meant.
    FileNotFoundError, TypeError, ValueError
        There is no such file, or it is neither of the files above nor a dataframe.

    Notes
    -----
    Minimum and maximum are those of the reports on an incident, of civilians killed [1]_: tolls
    are of civilians, in incidents that were reported. Incidents nobody reported are not among the
    locations.

    References
    ----------
    .. [1] Hicks, M. H.-R. et al. (2009). The weapons that kill civilians: deaths of children and
       noncombatants in Iraq, 2003-2008. *New England Journal of Medicine* 360(16), 1585-1588.
       https://doi.org/10.1056/NEJMp0807240

    Examples
    --------
    >>> import pandas as pd
    >>> incidents = pd.DataFrame(
    ...     {"IBC code": ["k1", "k2"], "Reported Minimum": [2, 5], "Reported Maximum": [2, 8]}
    ... )
    >>> iraq_body_count(incidents).lower, iraq_body_count(incidents).upper
    (array([2, 5]), array([2, 8]))
    """
    events = read_events(
        data, IBC, location=location, group=group, date=date, source=source, columns=columns,
        encoding=encoding, sheet=sheet, first="IBC code",
    )  # fmt: skip
    if not (events.has("lower") and events.has("upper")) and not events.has("count"):
        message = (
            f"{events.table.name} has no columns 'Reported Minimum' and 'Reported Maximum', and "
            f"no 'Deaths recorded', as {IBC.name} has. If they go by other names, say which: "
            "columns={'lower': ..., 'upper': ...}. Its columns are "
            f"{listed(events.table.header)}."
        )
        raise ClaimsError([Problem(message)], events.n)
    low, count, high = (events.cells.numbers(name) for name in ("lower", "count", "upper"))
    events.check(source)
    if not (events.has("lower") and events.has("upper")):
        return events.claims(source, {}, count=count)
    lower, upper, set_aside = events.bounds(source, disordered, lower=low, upper=high)
    only = np.where((lower < 0) & (upper < 0), count, -1)
    return events.claims(source, set_aside, count=only, lower=lower, upper=upper)
