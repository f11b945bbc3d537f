"""Incidents of the Global Terrorism Database, some of which have a share of a common toll."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tollest._arrays import Flags, Floats, Integers
from tollest.claims.cells import Cells, text_of
from tollest.claims.columns import ColumnLayout
from tollest.claims.problems import Problem, shown
from tollest.claims.table import Claims
from tollest.readers.disorder import Refuse, SetAside, Unknown
from tollest.readers.event_tables import read_events
from tollest.readers.events import Events
from tollest.readers.perpetrators import Dead, Everyone
from tollest.wording import LARGEST

GTD = ColumnLayout(
    "a file of the Global Terrorism Database",
    {"location": ("eventid",), "count": ("nkill",)},
    {"perpetrators": ("nkillter",), "related": ("related",), "identifier": ("eventid",)},
)
_UNKNOWN = (-9, -99)  # what the database writes for what is not known
_NUMBER = re.compile(r"-?(?:\d{1,3}(?:,\d{3})+|\d{1,12})(?:\.\d*)?|\.\d+")
_EXACT = 1e-6
_ROUNDING, _MOST_ROUNDING = 0.005, 0.1  # of one share, and of all that are summed


@dataclass(frozen=True)
class Summed:
    """Shares of linked incidents are added up, and are one location with a toll that is whole.

    Which incidents are linked is in the column ``related``. Where their shares do not add up to
    a whole number, some are missing, and the rows are an error.
    """


@dataclass(frozen=True)
class Around:
    """A share claims the whole numbers next to it: 4.33 is 4 to 5."""


Shares = Refuse | Summed | Around
"""What a reader does with shares of a toll."""


def global_terrorism_database(
    data: Any,  # noqa: ANN401 - a path or any dataframe
    *,
    shares: Shares = Refuse(),  # noqa: B008 - frozen
    dead: Dead = Everyone(),  # noqa: B008 - frozen
    unknown: Unknown = SetAside(),  # noqa: B008 - frozen
    location: str | Iterable[str] | None = None,
    group: str | None = None,
    date: str | Iterable[str] | None = None,
    source: str = "GTD",
    columns: Mapping[str, str] | None = None,
    encoding: str = "utf-8",
    sheet: str | None = None,
) -> Claims:
    """Read the Global Terrorism Database: each incident a location, its coders one source.

    Parameters
    ----------
    data : str, Path or dataframe in memory
        A file (``.csv``, ``.tsv``, ``.parquet``, ``.xlsx``, ``.json``) or a dataframe that
        narwhals knows, with the columns ``eventid`` and ``nkill``, and ``nkillter`` and
        ``related`` where it has those.
    shares : Refuse, Summed or Around, default Refuse()
        What to do with numbers that are no whole ones.
    dead : Everyone or Victims, default Everyone()
        Whether perpetrators count. ``Victims()`` takes ``nkillter`` off ``nkill``; where the
        former is not known, any number up to ``nkill`` may have been victims.
    unknown : SetAside, Silent or Refuse, default SetAside()
        What becomes of incidents whose ``nkill`` is blank, -9 or -99, which is not 0.
    location : str or iterable of str, optional
        Columns that name an incident, joined by commas; by default ``eventid``. Each row must
        have a name of its own. Incidents that are summed have the name of the first of them.
    group : str, optional
        Column of groups that share a prior, such as ``country_txt``.
    date : str, or year, month and day, optional
        Column, or three columns, with the day on which a claim was known, for `Claims.as_of`.
        ``("iyear", "imonth", "iday")`` is the earliest that this can be; a month or a day of 0
        is not known, and leaves the claim undated.
    source : str, default "GTD"
        What the coders are called.
    columns : mapping of str to str, optional
        What the table calls ``location``, ``count`` (all killed), ``perpetrators`` (those of them
        who attacked), ``related`` and ``identifier`` (what that refers to), if none of these.
    encoding : str, default "utf-8"
        That of a file of text; the database's own are in "cp1252" or "latin-1".
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
    ``nkill`` counts all who died of an incident, perpetrators among them. It is blank where there
    were deaths but their number is not known, as it is where nothing is known of deaths; where
    sources differ, it is by rule that of the latest, of most, or the lowest [1]_. A toll that
    sources give for several linked incidents together is divided evenly among them, which leaves
    fractions: half a death is no claim on one incident. A share that happens to be whole cannot
    be told from a count, and is read as one.

    The code book says that where the number of victims is not known and that of perpetrators is,
    ``nkill`` counts perpetrators alone. Where both numbers are the same, ``Victims()`` gives 0
    all the same: look at these incidents.

    References
    ----------
    .. [1] National Consortium for the Study of Terrorism and Responses to Terrorism (2021).
       *Global Terrorism Database codebook: methodology, inclusion criteria, and variables*.
       University of Maryland. https://www.start.umd.edu/gtd/downloads/Codebook.pdf
    .. [2] LaFree, G. and Dugan, L. (2007). Introducing the Global Terrorism Database. *Terrorism
       and Political Violence* 19(2), 181-204. https://doi.org/10.1080/09546550701246817

    Examples
    --------
    >>> import pandas as pd
    >>> incidents = pd.DataFrame(
    ...     {
    ...         "eventid": [199001010001, 199001010002, 199001020001],
    ...         "nkill": [6.5, 6.5, None],
    ...         "related": ["199001010001, 199001010002", "199001010001, 199001010002", None],
    ...     }
    ... )
    >>> claims = global_terrorism_database(incidents, shares=Summed())
    >>> claims.locations, claims.upper
    (('199001010001 and 1 linked',), array([13]))
    >>> claims.excluded[["row", "reason"]]
       row                                          reason
    0    1  its share is in '199001010001 and 1 linked'
    1    2                 states no number, which is not 0
    """
    events = read_events(
        data, GTD, location=location, group=group, date=date, source=source, columns=columns,
        encoding=encoding, sheet=sheet,
    )  # fmt: skip
    killed, at_most = _deaths(events, dead)
    events.check(source)
    is_share = np.abs(killed - np.rint(killed)) > _EXACT
    set_aside: dict[int, str] = {}
    if is_share.any() and isinstance(shares, Refuse):
        _refuse(events, killed, is_share)
    elif is_share.any() and isinstance(shares, Summed):
        events, killed, set_aside = _summed(events, killed, is_share)
    events.check(source)
    lower, upper = (_whole(rounded(killed)) for rounded in (np.floor, np.ceil))
    lower = np.where(np.isnan(at_most), lower, 0)
    upper = np.where(np.isnan(at_most), upper, _whole(np.ceil(at_most)))
    return events.claims(source, set_aside, lower=lower, upper=upper, unknown=unknown)


def _deaths(events: Events, dead: Dead) -> tuple[Floats, Floats]:
    """Give the deaths of each incident, and where these are not known, the most they can be."""
    killed = _read(events.cells, "count")
    at_most = np.full(events.n, np.nan)
    if isinstance(dead, Everyone):
        return killed, at_most
    perpetrators = _read(events.cells, "perpetrators")
    called = [events.cells.called.get(name, name) for name in ("perpetrators", "count")]
    events.cells.add(
        np.flatnonzero(perpetrators > killed + _EXACT),
        lambda row: (
            f"{called[0]} is {perpetrators[row]:g}, above a {called[1]} of {killed[row]:g}, in "
            "which it is counted; correct one of them"
        ),
    )
    victims = np.round(killed - perpetrators, 6)
    return victims, np.where(np.isnan(perpetrators), killed, np.nan)


def _read(cells: Cells, name: str) -> Floats:
    """Read numbers of deaths that may be shares; nan where they are not known."""
    called = cells.called.get(name, name)

    def number(value: object) -> float:
        text = "" if isinstance(value, bool) else text_of(value)
        out = float(text.replace(",", "")) if _NUMBER.fullmatch(text) else math.nan
        if out in _UNKNOWN:
            return math.nan
        if not 0 <= out < LARGEST:
            message = (
                f"{called} is {shown(value)}; it is a number, 0 or more, blank or "
                f"{' or '.join(map(str, _UNKNOWN))} where it is not known"
            )
            raise ValueError(message)
        return out

    return cells.read(name, number, math.nan, np.dtype(float))


def _whole(numbers: Floats) -> Integers:
    """Turn whole numbers into integers, those that are not known into -1."""
    return np.where(np.isnan(numbers), -1, numbers).astype(np.int64)


def _refuse(events: Events, killed: Floats, is_share: Flags) -> None:
    """Report shares, and what can be done with them."""
    called = events.cells.called["count"]
    rows = np.flatnonzero(is_share)
    events.cells.table_problems.append(
        Problem(
            f"{called} is no whole number in {rows.size:,} of {events.n:,} rows: a toll that is "
            "known of several linked incidents together was divided among them. Say "
            "shares=te.readers.Summed() to add up what is linked by the column 'related', or "
            "te.readers.Around() to allow the whole numbers next to each share."
        )
    )
    events.cells.add(rows, lambda row: f"{called} is {killed[row]:g}, a share of a toll")


def _summed(
    events: Events, killed: Floats, is_share: Flags
) -> tuple[Events, Floats, dict[int, str]]:
    """Add up shares of linked incidents: the first has their sum, the others are set aside."""
    killed, names = killed.copy(), list(events.locations)
    set_aside: dict[int, str] = {}
    for rows in _linked(events, np.flatnonzero(is_share)):
        total = float(killed[rows].sum())
        slack = min(_ROUNDING * len(rows), _MOST_ROUNDING) + _EXACT
        if abs(total - round(total)) > slack:
            _report_sum(events, killed, rows, total)
            continue
        first = rows[0]
        name = f"{names[events.row[first]]} and {len(rows) - 1} linked"
        names[events.row[first]] = name
        killed[first] = round(total)
        set_aside |= dict.fromkeys(rows[1:], f"its share is in {shown(name)}")
    return replace(events, locations=names), killed, set_aside


def _report_sum(events: Events, killed: Floats, rows: list[int], total: float) -> None:
    """Report linked shares that do not add up to a whole number."""
    called = events.cells.called["count"]
    linked = f"those of {len(rows) - 1} linked rows" if len(rows) > 1 else "no linked row"
    events.cells.add(
        np.array(rows),
        lambda row: (
            f"{called} is {killed[row]:g}, a share that with {linked} makes {total:g}, which is "
            "not whole; give all incidents that are linked, and the column 'related', or say "
            "shares=te.readers.Around()"
        ),
    )


def _linked(events: Events, rows: Integers) -> list[list[int]]:
    """Put rows with shares together that name each other, however far round."""
    codes, values = events.cells.distinct("related")
    key, identifiers = events.cells.names("identifier")
    position = {identifiers[key[row]]: row for row in rows.tolist() if key[row] >= 0}
    root = {row: row for row in rows.tolist()}

    def find(row: int) -> int:
        while root[row] != row:
            row = root[row]
        return row

    for row in rows.tolist():
        for name in re.split(r"[,;\s]+", text_of(values[codes[row]])):
            if name in position:
                first, second = sorted((find(row), find(position[name])))
                root[second] = first
    together: dict[int, list[int]] = {}
    for row in rows.tolist():
        together.setdefault(find(row), []).append(row)
    return list(together.values())
