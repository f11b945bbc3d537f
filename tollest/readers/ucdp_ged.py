"""Events of the Uppsala Conflict Data Program."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tollest.claims.columns import ColumnLayout
from tollest.claims.table import Claims
from tollest.readers.disorder import Disordered, Refuse, out_of_order
from tollest.readers.event_tables import read_events
from tollest.readers.events import Events

GED = ColumnLayout(
    "a UCDP GED file",
    {
        "location": ("id",),
        "lower": ("low", "low_est", "low_death"),
        "count": ("best", "best_est", "best_death"),
        "upper": ("high", "high_est", "high_death"),
    },
    {},
)


@dataclass(frozen=True)
class Range:
    """An event's claim is all from its low to its high estimate.

    Every number of the range is equally in keeping with the claim; `best` counts only where low
    and high are both blank, and otherwise serves to check the order.
    """


@dataclass(frozen=True)
class Best:
    """An event's claim is its best estimate, a count; low and high only serve as a check."""


def ucdp_ged(
    data: Any,  # noqa: ANN401 - a path or any dataframe
    *,
    claim: Range | Best = Range(),
    disordered: Disordered = Refuse(),  # noqa: B008 - frozen
    location: str | Iterable[str] | None = None,
    group: str | None = None,
    date: str | Iterable[str] | None = None,
    source: str = "UCDP GED",
    columns: Mapping[str, str] | None = None,
    encoding: str = "utf-8",
    sheet: str | None = None,
) -> Claims:
    """Read the UCDP Georeferenced Event Dataset: each event a location, its coders one source.

    Parameters
    ----------
    data : str, Path or dataframe in memory
        A file (``.csv``, ``.tsv``, ``.parquet``, ``.xlsx``, ``.json``) or a dataframe that
        narwhals knows, with the columns ``id``, ``low``, ``best`` and ``high``, or ``low_est`` and
        so on, as earlier versions have it, or ``low_death``.
    claim : Range or Best, default Range()
        What an event claims. Under ``Range()`` it is low to high, and a count where both are the
        same, as in most events. All 0 is a claim of no deaths, and low 0 with a high above it
        allows none.
    disordered : Refuse, SetAside or Span, default Refuse()
        What to do where low is above best, or best above high.
    location : str or iterable of str, optional
        Columns that name an event, joined by commas; by default ``id``. Each row must have a name
        of its own: the model has no use for two events as two claims on one toll.
    group : str, optional
        Column of groups that share a prior, such as ``country``.
    date : str, or year, month and day, optional
        Column, or three columns, with the day on which a claim was known, for `Claims.as_of`. The
        day of the event (``date_end``) is the earliest that this can be; GED does not say more.
    source : str, default "UCDP GED"
        What the coders are called.
    columns : mapping of str to str, optional
        What the table calls ``location``, ``lower``, ``count`` (the best estimate) and ``upper``,
        if none of these.
    encoding : str, default "utf-8"
        That of a file of text.
    sheet : str, optional
        That of a workbook; needed where several have rows.

    Returns
    -------
    Claims
        Rows are numbered as in the table.

    Raises
    ------
    ClaimsError
        Naming every column that is missing and every cell that cannot be meant.
    FileNotFoundError, TypeError, ValueError
        There is no such file, or it is neither of the files above nor a dataframe.

    Notes
    -----
    The best estimate is the one that coders find most likely, low and high are the lowest and the
    highest that they find reliable [1]_. These are not quantiles, and nobody knows how often the
    toll lies between them: beside other sources, the coders' bias and scatter are learnt.

    The monthly files of candidate events have the same columns and are read alike [2]_: their
    events may not be in the yearly release, and some will change. An event is in several of them;
    of files put together the latest row of each ``id`` is to be kept.

    References
    ----------
    .. [1] Sundberg, R. and Melander, E. (2013). Introducing the UCDP Georeferenced Event Dataset.
       *Journal of Peace Research* 50(4), 523-532. https://doi.org/10.1177/0022343313484347
    .. [2] Hegre, H. et al. (2020). Introducing the UCDP Candidate Events Dataset. *Research &
       Politics* 7(3). https://doi.org/10.1177/2053168020935257

    Examples
    --------
    >>> import pandas as pd
    >>> events = pd.DataFrame({"id": [7, 9], "low": [4, 1], "best": [4, 2], "high": [4, 5]})
    >>> ucdp_ged(events).upper, ucdp_ged(events, claim=Best()).upper
    (array([4, 5]), array([4, 2]))
    """
    events = read_events(
        data, GED, location=location, group=group, date=date, source=source, columns=columns,
        encoding=encoding, sheet=sheet,
    )  # fmt: skip
    return of_estimates(events, source, claim, disordered)


def of_estimates(
    events: Events, source: str, claim: Range | Best, disordered: Disordered
) -> Claims:
    """Make claims of low, best and high estimates.

    Parameters
    ----------
    events : Events
        With the columns ``lower``, ``count`` and ``upper``.
    source : str
        Who claims.
    claim, disordered
        As in `ucdp_ged`.
    """
    low, best, high = (events.cells.numbers(name) for name in ("lower", "count", "upper"))
    events.check(source)
    lower, upper, set_aside = events.bounds(source, disordered, lower=low, count=best, upper=high)
    if isinstance(claim, Range):
        only = np.where((lower < 0) & (upper < 0), best, -1)
        return events.claims(source, set_aside, count=only, lower=lower, upper=upper)
    wrong = out_of_order(low, best, high)
    count, lower, upper = (
        np.where(used, numbers, -1)
        for used, numbers in ((~wrong, best), (wrong, lower), (wrong, upper))
    )
    return events.claims(source, set_aside, count=count, lower=lower, upper=upper)
