"""Claims on periods: a day, a week, or all the time up to a day.

Periods within one another are wholes and parts in time. Totals to date make a chain, in which
each is the sum of the one before and of the deaths since, so a total that falls, a retraction,
is a claim like any other.
"""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tollest.claims.cells import (
    NO_DAY,
    Cells,
    ClaimsError,
    Problem,
    is_blank,
    read_day,
    shown,
    text_of,
)

__all__ = ["ToDate"]

Integers = NDArray[np.int64]
Days = NDArray[np.datetime64]
Stated = tuple[NDArray[np.signedinteger[Any]], ...]

_DAY = np.timedelta64(1, "D")
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

    Raises
    ------
    ValueError
        If `every` is not a whole number of days, one or more.

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

    def __post_init__(self) -> None:
        """Refuse what is no number of days."""
        if not isinstance(self.every, int | np.integer) or self.every < 1:
            raise ValueError(f"every is {self.every!r}; it is a whole number of days, 1 or more.")


class Span(NamedTuple):
    """Days of a place, the first and the last of them among them; `_OPEN` for no first."""

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
    spans : dict of str to (str, Span)
        Place and days of each period.
    whole : dict of str to str
        The location that is all of a place.
    set_aside : dict of int to str
        Rows that are no evidence, and why.
    """

    location: Integers
    locations: tuple[str, ...]
    parent_of: dict[str, str]
    complete: tuple[str, ...]
    spans: dict[str, tuple[str, Span]]
    whole: dict[str, str]
    set_aside: dict[int, str]


def read(cells: Cells) -> tuple[Days, Days]:
    """First and last day of what each row speaks of, from ``period`` or ``from`` and ``to``.

    Rows without an end speak of all time; those without a beginning of all up to their end.
    """
    begin, end = cells.dates("from").copy(), cells.dates("to").copy()
    codes, texts = cells.distinct("period")
    first, last = np.full((2, len(texts)), NO_DAY)
    unread: dict[int, str] = {}
    for i, value in enumerate(texts):
        if not is_blank(value):
            try:
                first[i], last[i] = _span_of(value)
            except ValueError as error:
                unread[i] = str(error)
    cells.add(np.flatnonzero(np.isin(codes, list(unread))), lambda row: unread[int(codes[row])])
    named = ~np.isnat(last[codes])
    cells.add(
        np.flatnonzero(named & ~(np.isnat(begin) & np.isnat(end))),
        "has both a period and a from or to; give one of them",
    )
    begin[named], end[named] = first[codes[named]], last[codes[named]]
    cells.add(
        np.flatnonzero(np.isnat(end) & ~np.isnat(begin) & ~cells.bad),
        lambda row: f"is from {begin[row]}, with no end; give the last day in 'to'",
    )
    cells.add(
        np.flatnonzero(begin > end),
        lambda row: f"is from {begin[row]} to {end[row]}, which is before; swap or correct them",
    )
    return begin, end


def _span_of(value: object) -> tuple[np.datetime64, np.datetime64]:
    """First and last day of one cell; the first is ``NaT`` where all before counts."""
    text = text_of(value)
    try:
        if match := _WEEK.fullmatch(text):
            monday = np.datetime64(dt.date.fromisocalendar(int(match[1]), int(match[2]), 1), "D")
            return monday, monday + 6 * _DAY
        for unit, pattern in _CALENDAR.items():
            if pattern.fullmatch(text):
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


def laid_out(
    place: Integers,
    places: Sequence[str],
    source: Integers,
    names: Sequence[str],
    stated: Stated,
    can_err: NDArray[np.bool_],
    begin: Days,
    end: Days,
    to_date: ToDate,
) -> Periods:
    """Lay out what claims speak of as wholes and parts in time.

    Parameters
    ----------
    place, source : ndarray of int, shape (n_rows,)
        Positions in `places` and `names`.
    stated : tuple of ndarray of int, each of shape (n_rows,)
        What says the same is equal in all of them.
    can_err : ndarray of bool, shape (n_rows,)
        False of documented and verified deaths, which stay evidence.
    begin, end : ndarray of datetime64[D], shape (n_rows,)
        As `read` gives them.
    to_date : ToDate
        Which totals to date are evidence.

    Raises
    ------
    ClaimsError
        Naming all claims on periods that begin in one and end in another.
    """
    timed = ~np.isnat(end)
    first = np.where(np.isnat(begin), _OPEN, begin.astype(np.int64))
    last = end.astype(np.int64)
    set_aside: dict[int, str] = {}
    stands = np.arange(len(place))  # the row whose period each is told with
    is_total = timed & np.isnat(begin) & can_err
    earliest = np.where(first == _OPEN, last, first)
    # Sorted once: a table may be of as many places as rows.
    order = np.argsort(place, kind="stable")
    by_place = np.split(order, np.flatnonzero(np.diff(place[order])) + 1)
    spans: dict[str, tuple[str, Span]] = {}
    parent_of: dict[str, str] = {}
    complete: list[str] = []
    whole: dict[str, str] = {}
    problems: list[Problem] = []
    name_of: dict[tuple[int, Span], str] = {}

    def named(at: int, span: Span) -> str:
        name = name_of.setdefault((at, span), f"{places[at]}, {span.days}")
        spans[name] = (places[at], span)
        return name

    for here in by_place:
        at, mine = int(place[here[0]]), here[timed[here]]
        if not mine.size:
            continue
        start, can_thin = int(earliest[mine].min()), here[is_total[here]]
        for who in np.unique(source[can_thin]).tolist():
            those = can_thin[source[can_thin] == who]
            _thin(those, last, start, stated, to_date, stands, set_aside)
        has_all = mine.size < here.size
        mine = mine[stands[mine] == mine]
        rows = {Span(int(first[r]), int(last[r])): r for r in mine[::-1].tolist()}
        within, crossing = _within(sorted(rows, key=lambda s: (s.begin, -s.end)))
        problems += [
            Problem(
                f"speaks of {span.days}, which begins or ends within {other.days} of row "
                f"{rows[other]}; of periods one is in the other or they are apart, so give both "
                "the same days, leave one out, or read fewer totals, as by "
                "to_date=ToDate(every=7)",
                rows[span],
                names[source[rows[span]]],
                places[at],
            )
            for span, other in crossing
        ]
        if crossing:
            continue
        parts: dict[Span | None, list[Span]] = {}
        for span, outer in within.items():
            parts.setdefault(outer, []).append(span)
        tops = parts.pop(None)
        whole[places[at]] = places[at]
        if has_all:
            parent_of |= {named(at, span): places[at] for span in tops}
        elif len(tops) == 1:
            whole[places[at]] = named(at, tops[0])
        else:
            everything = Span(tops[0].begin, max(span.end for span in tops))
            complete.append(places[at])
            parent_of |= {named(at, span): places[at] for span in _with_gaps(everything, tops)}
            spans[places[at]] = (places[at], everything)
        for outer, inner in parts.items():
            assert outer is not None
            complete.append(named(at, outer))
            parent_of |= {named(at, s): named(at, outer) for s in _with_gaps(outer, inner)}
    if problems:
        raise ClaimsError(sorted(problems, key=lambda p: p.row or 0), len(place))
    texts = [
        name_of[int(place[r]), Span(int(first[s]), int(last[s]))] if timed[r] else places[place[r]]
        for r, s in enumerate(stands.tolist())
    ]
    position = {name: i for i, name in enumerate(dict.fromkeys(texts))}
    return Periods(
        np.array([position[text] for text in texts], np.int64), tuple(position), parent_of,
        tuple(complete), spans, whole, set_aside,
    )  # fmt: skip


def _thin(
    rows: Integers, last: Integers, start: int, stated: Stated, to_date: ToDate,
    stands: Integers, set_aside: dict[int, str],
) -> None:  # fmt: skip
    """Choose among one source's totals to date: in place, what stands for each, and why."""
    rows = rows[np.argsort(last[rows], kind="stable")]
    stretch = (last[rows] - start) // to_date.every
    before: int | None = None
    for of in np.split(rows, np.flatnonzero(np.diff(stretch)) + 1):
        # A day's totals, of which a later date supersedes, are no matter of this.
        latest = of[last[of] == last[of[-1]]]
        kept = int(latest[-1])
        for row in of[: -len(latest)].tolist():
            stands[row] = kept
            set_aside[row] = (
                f"of the same {to_date.every} days as the total to "
                f"{np.datetime64(int(last[kept]), 'D')} (row {kept})"
            )
        same = before is not None and all(s[before] == s[kept] for s in stated)
        if same and not to_date.stale and len(latest) == 1:
            assert before is not None
            told = int(stands[before])
            stands[rows[stands[rows] == kept]] = told
            set_aside[kept] = (
                f"states what its total to {np.datetime64(int(last[before]), 'D')} did "
                f"(row {before})"
            )
        before = kept


def _within(
    spans: Sequence[Span],
) -> tuple[dict[Span, Span | None], list[tuple[Span, Span]]]:
    """Find the least span around each, and those that cross; spans by beginning, longest first."""
    out: dict[Span, Span | None] = {}
    crossing, around = [], list[Span]()
    for span in spans:
        while around and around[-1].end < span.begin:
            around.pop()
        if around and around[-1].end < span.end:
            crossing.append((span, around[-1]))
            continue
        out[span] = around[-1] if around else None
        around.append(span)
    return out, crossing


def _with_gaps(outer: Span, inner: Sequence[Span]) -> list[Span]:
    """Parts of a span, and what is between them."""
    out, begin = [], outer.begin
    for span in inner:
        if span.begin > begin:
            out.append(Span(begin, span.begin - 1))
        out.append(span)
        begin = span.end + 1
    return [*out, Span(begin, outer.end)] if begin <= outer.end else out
