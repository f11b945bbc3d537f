"""Incidents of civilian harm that Airwars has assessed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tollest._arrays import Integers
from tollest.claims.cells import is_blank
from tollest.claims.columns import ColumnLayout
from tollest.claims.problems import shown
from tollest.claims.table import Claims
from tollest.readers.disorder import Disordered, Refuse
from tollest.readers.event_tables import read_events
from tollest.readers.events import Events

GRADINGS = ("confirmed", "fair", "weak", "contested", "discounted")
"""How Airwars grades the reports on an incident."""

AIRWARS = ColumnLayout(
    "a file of Airwars' incidents",
    {
        "location": ("unique_reference_code",),
        "lower": ("civilians_killed_min", "civilian_non_combatants_killed_min"),
        "upper": ("civilians_killed_max", "civilian_non_combatants_killed_max"),
        "grading": (
            "grading", "civilian_harm_status", "civilian_harm_status_name",
            "civilian_harm_status_slug",
        ),
    },
    {"documented": ("num_victim_names",)},
)  # fmt: skip
_UNGRADED = len(GRADINGS)


@dataclass(frozen=True)
class Gradings:
    """What the gradings of incidents mean for the claims on them.

    Parameters
    ----------
    set_aside : tuple of str, default ("discounted",)
        Incidents of these gradings are not evidence, and are in `Claims.excluded`.
    named : tuple of str, default ("confirmed", "fair")
        In incidents of these gradings, victims known by name are a floor that cannot err. In
        others names are set aside too. ``()`` uses no names.

    Raises
    ------
    ValueError
        There is no such grading.
    """

    set_aside: tuple[str, ...] = ("discounted",)
    named: tuple[str, ...] = ("confirmed", "fair")

    def __post_init__(self) -> None:
        """Refuse a grading that Airwars does not give."""
        for name in ("set_aside", "named"):
            gradings = getattr(self, name)
            if isinstance(gradings, str) or not set(gradings) <= set(GRADINGS):
                message = (
                    f"{name} is {shown(gradings)}; it is a tuple of gradings, which are "
                    f"{', '.join(GRADINGS)}"
                )
                raise ValueError(message)
            object.__setattr__(self, name, tuple(gradings))


def airwars(
    data: Any,  # noqa: ANN401 - a path or any dataframe
    *,
    gradings: Gradings = Gradings(),
    disordered: Disordered = Refuse(),  # noqa: B008 - frozen
    location: str | Iterable[str] | None = None,
    group: str | None = None,
    date: str | Iterable[str] | None = None,
    source: str = "Airwars",
    columns: Mapping[str, str] | None = None,
    encoding: str = "utf-8",
    sheet: str | None = None,
) -> Claims:
    """Read Airwars' incidents: each incident a location, Airwars one source.

    Parameters
    ----------
    data : str, Path or dataframe in memory
        A file (``.csv``, ``.tsv``, ``.parquet``, ``.xlsx``, ``.json``) or a dataframe that
        narwhals knows, with the columns ``unique_reference_code``, ``civilians_killed_min``,
        ``civilians_killed_max`` and ``grading``, and ``num_victim_names`` where it has that.
    gradings : Gradings, default Gradings()
        Which gradings are set aside, and where names of victims are a floor.
    disordered : Refuse, SetAside or Span, default Refuse()
        What to do where the minimum is above the maximum.
    location : str or iterable of str, optional
        Columns that name an incident, joined by commas; by default ``unique_reference_code``.
        Each row must have a name of its own.
    group : str, optional
        Column of groups that share a prior, such as ``country``.
    date : str, or year, month and day, optional
        Column, or three columns, with the day on which a claim was known, for `Claims.as_of`. That
        of the incident is the earliest that this can be.
    source : str, default "Airwars"
        What Airwars is called.
    columns : mapping of str to str, optional
        What the table calls ``location``, ``lower``, ``upper``, ``grading`` and ``documented``
        (the number of names), if none of these.
    encoding : str, default "utf-8"
        That of a file of text.
    sheet : str, optional
        That of a workbook; needed where several have rows.

    Returns
    -------
    Claims
        Ranges from minimum to maximum in the order of the table, by which their rows are numbered;
        after them the victims known by name, ``documented``, of incidents that have any.

    Raises
    ------
    ClaimsError
        Naming every column that is missing and every cell that cannot be meant.
    FileNotFoundError, TypeError, ValueError
        There is no such file, or it is neither of the files above nor a dataframe.

    Notes
    -----
    An incident is graded confirmed where a belligerent has accepted responsibility, fair where
    two or more credible sources report it, weak where one does, contested where several
    belligerents may be responsible, and discounted where those killed were combatants, or another
    party most likely was responsible [1]_. A discounted incident has no place in a toll of
    civilians, and is set aside with that reason; where the question is how many died, whoever
    did it, ``Gradings(set_aside=())`` keeps it. A blank is no grading, and sets nothing aside.

    Names of victims can be of the injured. Where there are more names than deaths at most, some
    must be, and the names are set aside.

    References
    ----------
    .. [1] Airwars. Methodology. https://airwars.org/about/methodology/

    Examples
    --------
    >>> import pandas as pd
    >>> incidents = pd.DataFrame(
    ...     {
    ...         "unique_reference_code": ["CS1", "CS2"],
    ...         "civilians_killed_min": [3, 1],
    ...         "civilians_killed_max": [7, 2],
    ...         "grading": ["fair", "discounted"],
    ...         "num_victim_names": [2, 0],
    ...     }
    ... )
    >>> claims = airwars(incidents)
    >>> claims.locations, claims.documented
    (('CS1',), array([2]))
    >>> claims.excluded[["location", "reason"]]
      location             reason
    0      CS2  graded discounted
    """
    events = read_events(
        data, AIRWARS, location=location, group=group, date=date, source=source, columns=columns,
        encoding=encoding, sheet=sheet,
    )  # fmt: skip
    low, high, names = (events.cells.numbers(name) for name in ("lower", "upper", "documented"))
    grade = _read_gradings(events)
    events.check(source)
    lower, upper, set_aside = events.bounds(source, disordered, lower=low, upper=high)
    set_aside |= _graded(np.arange(events.n), grade, gradings.set_aside, "graded {}")

    named = np.flatnonzero(names > 0)
    row = events.n + np.arange(len(named))
    most = upper[named]
    injured = row[(most >= 0) & (names[named] > most)]
    aside = dict.fromkeys(injured.tolist(), "more victims are named than were killed at most")
    unused = tuple(name for name in GRADINGS if name not in gradings.named)
    aside |= _graded(row, grade[named], unused, "victims named in an incident graded {}")
    # Whatever sets an incident aside does the same with its names.
    aside |= {
        int(i): set_aside[event]
        for i, event in zip(row, named.tolist(), strict=True)
        if event in set_aside
    }
    blank = np.full(len(named), -1)
    kind = np.concatenate([np.full(events.n, -1), np.full(len(named), 0)])
    return events.claims(
        source,
        set_aside | aside,
        count=np.concatenate([np.full(events.n, -1), names[named]]),
        lower=np.concatenate([lower, blank]),
        upper=np.concatenate([upper, blank]),
        kind=(kind, ("documented",)),
        event=np.concatenate([np.arange(events.n), named]),
    )


def _read_gradings(events: Events) -> Integers:
    """Position of each incident's grading in `GRADINGS`; one beyond where it is blank."""
    codes, values = events.cells.distinct("grading")
    called = events.cells.called["grading"]
    texts = ["" if is_blank(value) else str(value).strip().casefold() for value in values]
    known = {"": _UNGRADED} | {name: i for i, name in enumerate(GRADINGS)}
    unknown = np.array([text not in known for text in texts])
    events.cells.add(
        np.flatnonzero(unknown[codes]),
        lambda row: (
            f"{called} is {shown(values[codes[row]])}; a grading is {', '.join(GRADINGS[:-1])} or "
            f"{GRADINGS[-1]}, or blank"
        ),
    )
    return np.array([known.get(text, _UNGRADED) for text in texts])[codes]


def _graded(
    rows: Integers, grade: Integers, gradings: Iterable[str], reason: str
) -> dict[int, str]:
    """Give rows whose incident has one of some gradings, each with its reason."""
    out: dict[int, str] = {}
    for name in gradings:
        graded = rows[grade == GRADINGS.index(name)].tolist()
        out |= dict.fromkeys(graded, reason.format(name))
    return out
