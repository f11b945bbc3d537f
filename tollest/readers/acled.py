"""Events of Armed Conflict Location & Event Data, whose round numbers can stand for words."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tollest.claims.columns import ColumnLayout
from tollest.claims.problems import shown
from tollest.claims.table import Claims
from tollest.readers.event_tables import read_events

ACLED = ColumnLayout(
    "an ACLED file", {"location": ("event_id_cnty",), "count": ("fatalities",)}, {}
)
_STANDS_FOR = {10: (3, 99), 12: (12, 99), 100: (100, 999)}


@dataclass(frozen=True)
class Vague:
    """Numbers of fatalities that stand for words, and what these words allow.

    Parameters
    ----------
    intervals : mapping of int to (int, int)
        A number in the table to the least and the most deaths it may stand for, the number itself
        among them, since it can also be a count. By default 10 is 3 to 99 ("several" to "tens"),
        12 is 12 to 99 ("dozens") and 100 is 100 to 999 ("hundreds"). An empty mapping reads all
        numbers as counts.

    Raises
    ------
    ValueError
        An interval is not of whole numbers, lower first, or does not hold its number.
    """

    intervals: Mapping[int, tuple[int, int]] = field(default_factory=_STANDS_FOR.copy)

    def __post_init__(self) -> None:
        """Check the intervals."""
        for number, interval in self.intervals.items():
            lower, upper = interval
            whole = all(type(n) is int for n in (number, lower, upper))
            if not (whole and 0 <= lower <= number <= upper):
                message = (
                    f"{shown(number)} stands for {shown(interval)}; an interval is two whole "
                    "numbers of 0 or more, lower first, with the number that stands for it inside"
                )
                raise ValueError(message)


def acled(
    data: Any,  # noqa: ANN401 - a path or any dataframe
    *,
    vague: Vague = Vague(),
    location: str | Iterable[str] | None = None,
    group: str | None = None,
    date: str | Iterable[str] | None = None,
    source: str = "ACLED",
    columns: Mapping[str, str] | None = None,
    encoding: str = "utf-8",
    sheet: str | None = None,
) -> Claims:
    """Read ACLED's events: each event a location, its coders one source.

    Parameters
    ----------
    data : str, Path or dataframe in memory
        A file (``.csv``, ``.tsv``, ``.parquet``, ``.xlsx``, ``.json``) or a dataframe that
        narwhals knows, with the columns ``event_id_cnty`` and ``fatalities``. An export that lists
        an event once for each of its actors is refused, since it would count twice.
    vague : Vague, default Vague()
        Which numbers are read as intervals, and as which; ``Vague({})`` reads counts alone.
    location : str or iterable of str, optional
        Columns that name an event, joined by commas; by default ``event_id_cnty``. Each row must
        have a name of its own.
    group : str, optional
        Column of groups that share a prior, such as ``country`` or ``event_type``.
    date : str, or year, month and day, optional
        Column, or three columns, with the day on which a claim was known, for `Claims.as_of`.
        ``event_date`` is the earliest that this can be. Days may be written as "31 December 2022".
    source : str, default "ACLED"
        What the coders are called.
    columns : mapping of str to str, optional
        What the table calls ``location`` and ``count``, if none of these.
    encoding : str, default "utf-8"
        That of a file of text.
    sheet : str, optional
        That of a workbook; needed where several have rows.

    Returns
    -------
    Claims
        Rows are numbered as in the table. Vague numbers are of the kind ``verbal``.

    Raises
    ------
    ClaimsError
        Naming every column that is missing and every cell that cannot be meant.
    FileNotFoundError, TypeError, ValueError
        There is no such file, or it is neither of the files above nor a dataframe.

    Notes
    -----
    Where reports say "tens", "dozens" or "hundreds", ACLED codes 10, 12 or 100; where they say
    "several", "many", or only that people died, it codes 3 or 10, by the scale and the context of
    the event; where they differ, it takes the lowest number until a better one is known
    [1]_, [2]_. The table does not say which tens are counts, so all are read as what they may
    stand for. This costs those that are counts some of their weight. 3 is mostly a count and is
    read as one; ``Vague({3: (1, 9), 10: (3, 99), ...})`` changes that. Deaths that a report gives
    for several days or places together are divided among their events, so a number of an event can
    be a share of what was claimed.

    ACLED lists events without regard to deaths, and codes 0 also where reports say nothing of
    deaths, or only of casualties [2]_. A 0 is read as a claim of no deaths all the same: leave out
    the types of events that this concerns.

    References
    ----------
    .. [1] ACLED (2023). FAQs: ACLED fatality methodology.
       https://acleddata.com/knowledge-base/faqs-acled-fatality-methodology/
    .. [2] ACLED. Codebook. https://acleddata.com/knowledge-base/codebook/
    .. [3] Raleigh, C., Kishi, R. and Linke, A. (2023). Political instability patterns are obscured
       by conflict dataset scope conditions, sources, and coding choices. *Humanities and Social
       Sciences Communications* 10, 74. https://doi.org/10.1057/s41599-023-01559-4

    Examples
    --------
    >>> import pandas as pd
    >>> events = pd.DataFrame({"event_id_cnty": ["SOM1", "SOM2"], "fatalities": [4, 10]})
    >>> acled(events).upper, acled(events, vague=Vague({})).upper
    (array([ 4, 99]), array([ 4, 10]))
    """
    events = read_events(
        data, ACLED, location=location, group=group, date=date, source=source, columns=columns,
        encoding=encoding, sheet=sheet,
    )  # fmt: skip
    count = events.cells.numbers("count")
    events.check(source)
    lower, upper = (np.full(events.n, -1) for _ in range(2))
    kind = np.full(events.n, -1)
    for number, interval in vague.intervals.items():
        rows = np.flatnonzero(count == number)
        lower[rows], upper[rows] = interval
        kind[rows] = 0
    count = np.where(kind < 0, count, -1)
    return events.claims(
        source, {}, count=count, lower=lower, upper=upper, kind=(kind, ("verbal",))
    )
