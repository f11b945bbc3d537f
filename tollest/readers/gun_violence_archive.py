"""Incidents of the Gun Violence Archive."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tollest._arrays import Integers
from tollest.claims.columns import ColumnLayout
from tollest.claims.problems import ClaimsError, Problem, listed
from tollest.claims.table import Claims
from tollest.readers.disorder import SetAside, Unknown
from tollest.readers.event_tables import read_events
from tollest.readers.events import Events
from tollest.readers.perpetrators import Dead, Everyone, Victims

GVA = ColumnLayout(
    "an export of the Gun Violence Archive",
    {"location": ("Incident ID",)},
    {
        "victims": ("# Victims Killed",),
        "suspects": ("# Subjects-Suspects Killed",),
        "count": ("# Killed", "n_killed"),
    },
)


def gun_violence_archive(
    data: Any,  # noqa: ANN401 - a path or any dataframe
    *,
    dead: Dead = Everyone(),  # noqa: B008 - frozen
    unknown: Unknown = SetAside(),  # noqa: B008 - frozen
    location: str | Iterable[str] | None = None,
    group: str | None = None,
    date: str | Iterable[str] | None = None,
    source: str = "Gun Violence Archive",
    columns: Mapping[str, str] | None = None,
    encoding: str = "utf-8",
    sheet: str | None = None,
) -> Claims:
    """Read the Gun Violence Archive's incidents: each a location, the archive one source.

    Parameters
    ----------
    data : str, Path or dataframe in memory
        A file (``.csv``, ``.tsv``, ``.parquet``, ``.xlsx``, ``.json``) or a dataframe that
        narwhals knows, with the columns ``Incident ID``, ``# Victims Killed`` and
        ``# Subjects-Suspects Killed``, or ``# Killed`` in their place, as earlier exports have it.
    dead : Everyone or Victims, default Everyone()
        Whether suspects count. ``Victims()`` needs the column ``# Victims Killed``.
    unknown : SetAside, Silent or Refuse, default SetAside()
        What becomes of incidents without a number, which is not 0.
    location : str or iterable of str, optional
        Columns that name an incident, joined by commas; by default ``Incident ID``. Each row must
        have a name of its own.
    group : str, optional
        Column of groups that share a prior, such as ``State``.
    date : str, or year, month and day, optional
        Column, or three columns, with the day on which a claim was known, for `Claims.as_of`.
        ``Incident Date``, as "January 5, 2024", is the earliest that this can be.
    source : str, default "Gun Violence Archive"
        What the archive is called.
    columns : mapping of str to str, optional
        What the table calls ``location``, ``victims``, ``suspects`` and ``count`` (all killed), if
        none of these.
    encoding : str, default "utf-8"
        That of a file of text.
    sheet : str, optional
        That of a workbook; needed where several have rows.

    Returns
    -------
    Claims
        Counts. Rows are numbered as in the table.

    Raises
    ------
    ClaimsError
        Naming every column that is missing and every cell that cannot be meant.
    FileNotFoundError, TypeError, ValueError
        There is no such file, or it is neither of the files above nor a dataframe.

    Notes
    -----
    The archive counts victims and subjects, who are suspects, in columns of their own; its own
    lists of mass shootings count victims alone, whoever shot them left out [1]_. Where a table
    has both columns, a number that is blank in one makes a sum of both unknown: the other is
    then the least. ``# Killed`` of earlier exports is read as all who were killed; their
    documentation does not say whether suspects are among them, so ``Victims()`` refuses it.
    Suicides without another victim are not in the archive's incidents [1]_.

    References
    ----------
    .. [1] Gun Violence Archive. Explainer. https://www.gunviolencearchive.org/explainer

    Examples
    --------
    >>> import pandas as pd
    >>> incidents = pd.DataFrame(
    ...     {
    ...         "Incident ID": [7, 9],
    ...         "# Victims Killed": [4, 1],
    ...         "# Subjects-Suspects Killed": [1, 0],
    ...     }
    ... )
    >>> everyone = gun_violence_archive(incidents)
    >>> everyone.upper, gun_violence_archive(incidents, dead=Victims()).upper
    (array([5, 1]), array([4, 1]))
    """
    events = read_events(
        data, GVA, location=location, group=group, date=date, source=source, columns=columns,
        encoding=encoding, sheet=sheet,
    )  # fmt: skip
    _check_columns(events, dead)
    victims, suspects, killed = (
        events.cells.numbers(name) for name in ("victims", "suspects", "count")
    )
    events.check(source)
    if isinstance(dead, Victims):
        return events.claims(source, {}, count=victims, unknown=unknown)
    if not events.has("victims"):
        return events.claims(source, {}, count=killed, unknown=unknown)
    count, lower = _summed(victims, suspects)
    return events.claims(source, {}, count=count, lower=lower, unknown=unknown)


def _check_columns(events: Events, dead: Dead) -> None:
    """Refuse a table that does not tell whose deaths are asked for."""
    apart = events.has("victims") and events.has("suspects")
    together = events.has("count") and not events.has("victims")
    if events.has("victims") if isinstance(dead, Victims) else apart or together:
        return
    needed = (
        "no column '# Victims Killed', which dead=te.readers.Victims() needs"
        if isinstance(dead, Victims)
        else "no columns '# Victims Killed' and '# Subjects-Suspects Killed', and no '# Killed', "
        "which dead=te.readers.Everyone() needs"
    )
    message = (
        f"{events.table.name} has {needed}. If they go by other names, say which: "
        "columns={'victims': ..., 'suspects': ...}; to count victims alone, say "
        f"dead=te.readers.Victims(). Its columns are {listed(events.table.header)}."
    )
    raise ClaimsError([Problem(message)], events.n)


def _summed(victims: Integers, suspects: Integers) -> tuple[Integers, Integers]:
    """Give the sum of both, and where one is blank, the other as the least; -1 for none."""
    both = (victims >= 0) & (suspects >= 0)
    count = np.where(both, victims + suspects, -1)
    return count, np.where(both, -1, np.maximum(victims, suspects))
