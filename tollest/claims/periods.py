"""Claims on periods: a day, a week, or all the time up to a day.

A place is what a table's column `location` names; each period that claims on it speak of becomes
a location. Periods within one another are wholes and parts in time. Totals to date make a chain,
in which each is the sum of the one before and of the deaths since; a total that is above a later
one of its source is withdrawn by that (`tollest.claims.standing`).
"""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tollest._arrays import Flags, Integers
from tollest.claims.cells import Cells, text_of
from tollest.claims.days import NO_DAY, read_day
from tollest.claims.problems import ClaimsError, Problem, shown

__all__ = ["ToDate"]

Days = NDArray[np.datetime64]


_DAY = np.timedelta64(1, "D")
_MOST_DAYS = 1_000_000
_OPEN = -(2**40)  # day on which a total to date begins: no claim says when
_WEEK = re.compile(r"(\d{4})-?W(\d{2})")
_CALENDAR: dict[Literal["M", "Y"], re.Pattern[str]] = {
    "M": re.compile(r"(\d{4})-(\d{2})"),
    "Y": re.compile(r"\d{4}"),
}
_PERIODS = (
    "a period is a day (2022-03-05), an ISO week (2022-W09), a month (2022-03), a year (2022), "
    "days from and to (2022-03-01/2022-03-07) or all up to a day (../2022-03-07)"
)


@dataclass(frozen=True)
class ToDate:
    """Which of a source's totals to date are evidence.

    A source that adds today's dead to yesterday's total repeats yesterday's errors. What it has
    wrong throughout is its bias, by `side` if it differs between the dead of one place and those
    of another; what is left is taken to differ from one total to the next. So totals are to be
    so far apart that much of what they tell is new, and one that says the same as the one before
    tells nothing.

    Parameters
    ----------
    every : int
        Days: of all totals of a source in so many days, counted from the first day that any
        claim on the place names, its last is evidence. With 1 each day's is.
    stale : bool
        Whether a total that states the same as the source's last one is evidence again.
    corrections : bool
        Whether a total is withdrawn by a later, lower one of its source, as where duplicates were
        found, the missing came back or a definition was changed; if not, one of both errs.

    Raises
    ------
    ValueError
        If `every` is not a whole number of days, one or more, or `stale` or `corrections` is
        neither True nor False.

    Examples
    --------
    >>> import pandas as pd, tollest as te
    >>> days = pd.date_range("2022-03-01", periods=60)
    >>> table = pd.DataFrame(
    ...     {"location": "front", "source": "ministry", "to": days, "count": range(100, 700, 10)}
    ... )
    >>> claims = te.Claims.from_table(table, to_date=te.ToDate(every=28))
    >>> claims.to_frame()[["location", "lower"]].to_string(index=False).splitlines()[1]
    'front, to 2022-03-28    370'
    """

    every: int = 1
    stale: bool = False
    corrections: bool = True

    def __post_init__(self) -> None:
        """Check that `every` is a number of days."""
        is_whole = isinstance(self.every, int | np.integer) and not isinstance(self.every, bool)
        if not is_whole or not 1 <= self.every <= _MOST_DAYS:
            raise ValueError(
                f"every is {self.every!r}; it is a whole number of days, 1 to {_MOST_DAYS:,}."
            )
        for name in ("stale", "corrections"):
            value = getattr(self, name)
            if not isinstance(value, bool | np.bool_):
                raise ValueError(f"{name} is {value!r}; it is True or False.")


class DayRange(NamedTuple):
    """Days of a place, first and last included; the first is `_OPEN` where there is none."""

    begin: int
    end: int

    @property
    def is_open(self) -> bool:
        """Whether it is all time up to its end."""
        return self.begin == _OPEN

    @property
    def days(self) -> str:
        """As in the name of a location."""
        end = str(np.datetime64(self.end, "D"))
        if self.is_open:
            return f"to {end}"
        return end if self.begin == self.end else f"{np.datetime64(self.begin, 'D')} to {end}"


@dataclass(frozen=True, eq=False)
class Periods:
    """The locations that claims on periods speak of.

    Attributes
    ----------
    location : ndarray of int, shape (n_rows,)
        Position in `locations` of what each row speaks of.
    locations : tuple of str
        Places, where all time is spoken of, and places and periods, in order of appearance.
    parent_of : dict of str to str
        Periods, those between claims included, and what they are within.
    complete : tuple of str
        Those that hold nothing beside their parts.
    spans : dict of str to (str, DayRange)
        Place and days of each period.
    whole : dict of str to str
        The location whose toll is that of a place over all time that claims speak of.
    set_aside : dict of int to str
        Rows that are not evidence, and why.
    """

    location: Integers
    locations: tuple[str, ...]
    parent_of: dict[str, str]
    complete: tuple[str, ...]
    spans: dict[str, tuple[str, DayRange]]
    whole: dict[str, str]
    set_aside: dict[int, str]

    @classmethod
    def none(cls, location: Integers, locations: Sequence[str]) -> "Periods":
        """Lay out locations of which no claim speaks of a period."""
        return cls(location, tuple(locations), {}, (), {}, {}, {})

    def with_parents(self, parent_of: Mapping[str, str]) -> dict[str, str]:
        """Wholes by their parts: those in time, and those of places in `parent_of`."""
        return self.parent_of | {
            self.whole.get(part, part): self.whole.get(whole, whole)
            for part, whole in parent_of.items()
        }

    def with_wholes(self, complete: Sequence[str]) -> list[str]:
        """Wholes without a remainder: those in time, and the places in `complete`."""
        return [*self.complete, *(self.whole.get(name, name) for name in complete)]


@dataclass(frozen=True, eq=False)
class Statements:
    """What each row of a table speaks of, and who says what.

    Attributes
    ----------
    place, source : ndarray of int, shape (n_rows,)
        Positions in `places` and `names`.
    places, names : sequence of str
        Names of places and of sources.
    stated : tuple of ndarray of int, each of shape (n_rows,)
        Rows that state the same are equal in all of them.
    can_err : ndarray of bool, shape (n_rows,)
        False of documented and verified deaths, which stay evidence.
    begin, end : ndarray of datetime64[D], shape (n_rows,)
        As `read` gives them.
    """

    place: Integers
    places: Sequence[str]
    source: Integers
    names: Sequence[str]
    stated: tuple[NDArray[np.signedinteger[Any]], ...]
    can_err: Flags
    begin: Days
    end: Days

    @cached_property
    def is_timed(self) -> Flags:
        """Whether each row speaks of a period."""
        return ~np.isnat(self.end)

    @cached_property
    def first(self) -> Integers:
        """First day of each row's period, `_OPEN` where it has none."""
        return np.where(np.isnat(self.begin), _OPEN, self.begin.astype(np.int64))

    @cached_property
    def last(self) -> Integers:
        """Last day of each row's period."""
        return self.end.astype(np.int64)

    @cached_property
    def by_place(self) -> list[Integers]:
        """Rows of each place."""
        # Sorted once: a table may be of as many places as rows.
        order = np.argsort(self.place, kind="stable")
        return np.split(order, np.flatnonzero(np.diff(self.place[order])) + 1)

    def days(self, row: int) -> DayRange:
        """Period of a row."""
        return DayRange(int(self.first[row]), int(self.last[row]))


def read_periods(cells: Cells) -> tuple[Days, Days]:
    """First and last day of what each row speaks of, from ``period`` or ``from`` and ``to``.

    Rows without an end speak of all time; those without a beginning of all up to their end.
    """
    begin, end = cells.dates("from").copy(), cells.dates("to").copy()
    first, last = cells.read("period", _days_of, (NO_DAY, NO_DAY), np.dtype("datetime64[D]")).T
    named = ~np.isnat(last)
    cells.add(
        np.flatnonzero(named & ~(np.isnat(begin) & np.isnat(end))),
        "has both a period and a from or to; give one of them",
    )
    begin[named], end[named] = first[named], last[named]
    cells.add(
        np.flatnonzero(np.isnat(end) & ~np.isnat(begin) & ~cells.bad),
        lambda row: f"is from {begin[row]}, with no end; give the last day in 'to'",
    )
    cells.add(
        np.flatnonzero(begin > end),
        lambda row: f"is from {begin[row]} to {end[row]}, which is before; swap or correct them",
    )
    return begin, end


def _days_of(value: object) -> tuple[np.datetime64, np.datetime64]:
    """First and last day of one cell; the first is ``NaT`` where all before counts."""
    text = text_of(value)
    try:
        if match := _WEEK.fullmatch(text):
            monday = np.datetime64(dt.date.fromisocalendar(int(match[1]), int(match[2]), 1), "D")
            return monday, monday + 6 * _DAY
        for unit, pattern in _CALENDAR.items():
            if pattern.fullmatch(text):
                if int(text[:4]) < 1:
                    raise ValueError(text)
                start = np.datetime64(text, unit)
                after = start + np.timedelta64(1, unit)
                return np.datetime64(start, "D"), np.datetime64(after, "D") - _DAY
        first, slash, last = text.partition("/")
        if slash and first.strip() in ("", ".."):
            return NO_DAY, np.datetime64(read_day(last.strip()), "D")
        if slash and len(last) > 4:  # not 2022/03
            return (
                np.datetime64(read_day(first.strip()), "D"),
                np.datetime64(read_day(last.strip()), "D"),
            )
        day = np.datetime64(read_day(value), "D")
    except ValueError:
        raise ValueError(f"period is {shown(value)}; {_PERIODS}") from None
    return day, day


def lay_out_periods(statements: Statements, to_date: ToDate) -> Periods:
    """Lay out what claims speak of as wholes and parts in time.

    Parameters
    ----------
    statements : Statements
        The rows of a table.
    to_date : ToDate
        Which totals to date are evidence.

    Raises
    ------
    ClaimsError
        Naming all claims on periods that begin in one and end in another.
    """
    place, places, n = statements.place, statements.places, len(statements.place)
    stands, set_aside = _thinned(statements, to_date)
    builder = _Builder(places)
    problems: list[Problem] = []
    for rows in statements.by_place:
        timed = rows[statements.is_timed[rows]]
        if not timed.size:
            continue
        standing = timed[stands[timed] == timed]
        row_of = {statements.days(row): row for row in standing[::-1].tolist()}
        outer_of, crossing = _nested(sorted(row_of, key=lambda days: (days.begin, -days.end)))
        if crossing:
            problems += [_crosses(statements, row_of, *pair) for pair in crossing]
        else:
            builder.add(int(place[rows[0]]), outer_of, has_all=timed.size < rows.size)
    if problems:
        raise ClaimsError(sorted(problems, key=lambda problem: problem.row or 0), n)
    texts = [
        builder.names[int(place[row]), statements.days(stand)]
        if statements.is_timed[row]
        else places[place[row]]
        for row, stand in enumerate(stands.tolist())
    ]
    named = {text for row, text in enumerate(texts) if statements.is_timed[row]}
    alike = sorted(named.intersection(places))
    if alike:
        message = (
            f"a location is called {shown(alike[0])}, as a period of another is; rename it, or "
            "give its days in the columns of periods."
        )
        raise ClaimsError([Problem(message)], n)
    position = {name: i for i, name in enumerate(dict.fromkeys(texts))}
    return Periods(
        location=np.array([position[text] for text in texts], np.int64),
        locations=tuple(position),
        parent_of=builder.parent_of,
        complete=tuple(builder.complete),
        spans=builder.spans,
        whole=builder.whole,
        set_aside=set_aside,
    )


class _Builder:
    """Wholes and parts in time, place by place; attributes as in `Periods`.

    `names` are the names of periods by the position of their place, and their days.
    """

    def __init__(self, places: Sequence[str]) -> None:
        self.places = places
        self.names: dict[tuple[int, DayRange], str] = {}
        self.spans: dict[str, tuple[str, DayRange]] = {}
        self.parent_of: dict[str, str] = {}
        self.complete: list[str] = []
        self.whole: dict[str, str] = {}

    def name(self, place: int, days: DayRange) -> str:
        """Name a period of a place."""
        name = self.names.setdefault((place, days), f"{self.places[place]}, {days.days}")
        self.spans[name] = (self.places[place], days)
        return name

    def add(
        self, place: int, outer_of: Mapping[DayRange, DayRange | None], *, has_all: bool
    ) -> None:
        """Add the periods of a place, by the least one around each.

        `has_all` says whether claims speak of all time there as well.
        """
        parts: dict[DayRange | None, list[DayRange]] = {}
        for days, outer in outer_of.items():
            parts.setdefault(outer, []).append(days)
        outermost = parts.pop(None)
        whole_place = self.places[place]
        self.whole[whole_place] = whole_place
        if has_all:
            self.parent_of |= {self.name(place, days): whole_place for days in outermost}
        elif len(outermost) == 1:
            self.whole[whole_place] = self.name(place, outermost[0])
        else:
            around = DayRange(outermost[0].begin, max(days.end for days in outermost))
            self.complete.append(whole_place)
            self.parent_of |= {
                self.name(place, days): whole_place for days in _with_gaps(around, outermost)
            }
            self.spans[whole_place] = (whole_place, around)
        for outer, inner in parts.items():
            assert outer is not None
            self.complete.append(self.name(place, outer))
            self.parent_of |= {
                self.name(place, days): self.name(place, outer)
                for days in _with_gaps(outer, inner)
            }


def _crosses(
    statements: Statements, row_of: Mapping[DayRange, int], days: DayRange, other: DayRange
) -> Problem:
    """Say that a period begins or ends within another."""
    row = row_of[days]
    return Problem(
        f"speaks of {days.days}, which begins or ends within {other.days} of row "
        f"{row_of[other]}; of periods one is in the other or they are apart, so give both "
        "the same days, leave one out, or read fewer totals, as by "
        "to_date=ToDate(every=7)",
        row,
        statements.names[statements.source[row]],
        statements.places[statements.place[row]],
    )


def _thinned(statements: Statements, to_date: ToDate) -> tuple[Integers, dict[int, str]]:
    """Choose which totals to date are evidence.

    Returns
    -------
    stands : ndarray of int, shape (n_rows,)
        The row whose period each row is counted under: its own, or that of the total that is
        evidence instead.
    set_aside : dict of int to str
        Rows that are not evidence, and why.
    """
    first, last, source = statements.first, statements.last, statements.source
    is_total = statements.is_timed & np.isnat(statements.begin) & statements.can_err
    earliest = np.where(first == _OPEN, last, first)
    stands = np.arange(len(source))
    set_aside: dict[int, str] = {}
    for rows in statements.by_place:
        totals = rows[is_total[rows]]
        if not totals.size:
            continue
        start = int(earliest[rows[statements.is_timed[rows]]].min())
        for i in np.unique(source[totals]).tolist():
            _thin(totals[source[totals] == i], statements, start, to_date, stands, set_aside)
    return stands, set_aside


def _thin(
    rows: Integers,
    statements: Statements,
    start: int,
    to_date: ToDate,
    stands: Integers,
    set_aside: dict[int, str],
) -> None:
    """Choose among one source's totals to date, filling in `stands` and `set_aside`."""
    last = statements.last
    rows = rows[np.argsort(last[rows], kind="stable")]
    window = (last[rows] - start) // to_date.every
    before: int | None = None
    for totals in np.split(rows, np.flatnonzero(np.diff(window)) + 1):
        # Of a day's totals the one of a later date supersedes, which is judged elsewhere.
        latest = totals[last[totals] == last[totals[-1]]]
        kept = int(latest[-1])
        for row in totals[: -len(latest)].tolist():
            stands[row] = kept
            set_aside[row] = (
                f"of the same {to_date.every} days as the total to "
                f"{np.datetime64(int(last[kept]), 'D')} (row {kept})"
            )
        same = before is not None and all(s[before] == s[kept] for s in statements.stated)
        if same and not to_date.stale and len(latest) == 1:
            assert before is not None
            told = int(stands[before])
            stands[rows[stands[rows] == kept]] = told
            set_aside[kept] = (
                f"states what its total to {np.datetime64(int(last[before]), 'D')} did "
                f"(row {before})"
            )
        before = kept


def _nested(
    periods: Sequence[DayRange],
) -> tuple[dict[DayRange, DayRange | None], list[tuple[DayRange, DayRange]]]:
    """Find the least period around each, and those that cross.

    `periods` are sorted by their beginning, the longest first.
    """
    outer_of: dict[DayRange, DayRange | None] = {}
    crossing, around = [], list[DayRange]()
    for days in periods:
        while around and around[-1].end < days.begin:
            around.pop()
        if around and around[-1].end < days.end:
            crossing.append((days, around[-1]))
            continue
        outer_of[days] = around[-1] if around else None
        around.append(days)
    return outer_of, crossing


def _with_gaps(outer: DayRange, inner: Sequence[DayRange]) -> list[DayRange]:
    """Parts of a period, and what is between them."""
    out, begin = [], outer.begin
    for days in inner:
        if days.begin > begin:
            out.append(DayRange(begin, days.begin - 1))
        out.append(days)
        begin = days.end + 1
    return [*out, DayRange(begin, outer.end)] if begin <= outer.end else out
