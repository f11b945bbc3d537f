"""Deaths by year of the Uppsala Conflict Data Program: of conflicts, of dyads or of actors."""

from collections.abc import Iterable, Mapping
from typing import Any

from tollest.claims.columns import ColumnLayout
from tollest.claims.files import open_table
from tollest.claims.table import Claims
from tollest.readers.disorder import Disordered, Refuse
from tollest.readers.event_tables import read_events
from tollest.readers.ucdp_ged import Best, Range, of_estimates

YEARLY = ColumnLayout(
    "a yearly UCDP file",
    {
        "location": ("dyad_id",),
        "lower": ("bd_low", "low_fatality_estimate"),
        "count": ("bd_best", "best_fatality_estimate"),
        "upper": ("bd_high", "high_fatality_estimate"),
    },
    {},
)
_UNITS = ("dyad_id", "conflict_id", "actor_id")  # the narrowest first
_YEAR = "year"


def ucdp_yearly(
    data: Any,  # noqa: ANN401 - a path or any dataframe
    *,
    claim: Range | Best = Range(),  # noqa: B008 - frozen
    disordered: Disordered = Refuse(),  # noqa: B008 - frozen
    location: str | Iterable[str] | None = None,
    group: str | None = None,
    date: str | Iterable[str] | None = None,
    source: str = "UCDP",
    columns: Mapping[str, str] | None = None,
    encoding: str = "utf-8",
    sheet: str | None = None,
) -> Claims:
    """Read UCDP's yearly datasets: each conflict, dyad or actor and year a location.

    Parameters
    ----------
    data : str, Path or dataframe in memory
        A file (``.csv``, ``.tsv``, ``.parquet``, ``.xlsx``, ``.json``) or a dataframe that
        narwhals knows, with the columns ``bd_low``, ``bd_best`` and ``bd_high`` of the dataset of
        battle-related deaths, or ``low_fatality_estimate`` and so on of those of non-state
        conflict and of one-sided violence.
    claim : Range or Best, default Range()
        What a row claims: low to high, or the best estimate.
    disordered : Refuse, SetAside or Span, default Refuse()
        What to do where low is above best, or best above high.
    location : str or iterable of str, optional
        Columns that name a row, joined by commas; by default ``dyad_id``, ``conflict_id`` or
        ``actor_id``, the first of these that the table has, and ``year``.
    group : str, optional
        Column of groups that share a prior, such as ``region``.
    date : str, or year, month and day, optional
        Column, or three columns, with the day on which a claim was known, for `Claims.as_of`. The
        tables do not say it.
    source : str, default "UCDP"
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
    The dataset of battle-related deaths comes in two versions: the conflict's sums up its dyads
    [1]_. Give one of them: both would count each death twice. Estimates are summed from the events
    of GED [2]_, so they are no source beside it. A dyad is listed in years with 25 deaths or more;
    there is no row for others, and none is made.

    References
    ----------
    .. [1] UCDP. UCDP Battle-Related Deaths Dataset codebook. Department of Peace and Conflict
       Research, Uppsala University. https://ucdp.uu.se/downloads/
    .. [2] Sundberg, R. and Melander, E. (2013). Introducing the UCDP Georeferenced Event Dataset.
       *Journal of Peace Research* 50(4), 523-532. https://doi.org/10.1177/0022343313484347

    Examples
    --------
    >>> import pandas as pd
    >>> years = pd.DataFrame(
    ...     {
    ...         "conflict_id": [11, 11],
    ...         "year": [2019, 2020],
    ...         "bd_best": [40, 120],
    ...         "bd_low": [40, 100],
    ...         "bd_high": [40, 180],
    ...     }
    ... )
    >>> ucdp_yearly(years).to_frame()[["location", "kind", "lower", "upper"]]
       location   kind  lower  upper
    0  11, 2019  count     40     40
    1  11, 2020  range    100    180
    """
    table = open_table(data, encoding, sheet=sheet)
    units = [name for name in _UNITS if name in table.header][:1]
    named_by = location if location is not None else [*(units or _UNITS[:1]), _YEAR]
    events = read_events(
        table, YEARLY, location=named_by, group=group, date=date, source=source, columns=columns,
        encoding=encoding,
    )  # fmt: skip
    return of_estimates(events, source, claim, disordered)
