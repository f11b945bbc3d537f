"""Who claimed how many deaths, where: the evidence that tolls are estimated from."""

import datetime as dt
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from tollest import wording
from tollest._text import plural
from tollest.claims import design, hierarchy
from tollest.claims.cells import BLANK, NO_DAY, ClaimsError, Problem, read_day, shown
from tollest.claims.files import open_table
from tollest.claims.periods import ToDate
from tollest.claims.rows import COUNT, DOCUMENTED, KINDS, VERIFIED, Rows, read_rows
from tollest.wording import UNBOUNDED

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["KINDS", "UNBOUNDED", "Claims", "ClaimsError", "Problem"]

# Why a row is or is not evidence, in `Claims._standing`; a superseded row holds the number of the
# row that supersedes it, 0 or more, instead.
_EVIDENCE, _REPEAT, _LATER, _UNDATED, _LEFT_OUT, _SUM = -1, -2, -3, -4, -5, -6
_STATUS = {
    _EVIDENCE: "used", _REPEAT: "repeats another", _LATER: "dated later", _UNDATED: "undated",
    _LEFT_OUT: "left out", _SUM: "adds up its own",
}  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class Claims:
    """Who claimed how many deaths, where: a validated, immutable, ragged table.

    Made by `from_table` or `read`. A claim is one source's statement on one location: an interval
    of whole numbers. A source that said nothing on a location has no claim there, which differs
    from a claim of 0.

    Of several claims by one source on one location the latest stands; a claim that repeats
    another source is no evidence of its own, unless it is documented or verified: what is
    certain is so whoever repeats it. Nor is a source's count on a whole without a remainder that
    is the sum of its own counts on all the parts. Claims set aside so are kept in `excluded`.

    Attributes
    ----------
    locations : tuple of str, length n_locations
        In order of first appearance in the table, then those given as silent.
    sources : tuple of str, length n_sources
        Sources with a claim in evidence that may err, sorted.
    groups : tuple of str
        Sorted; empty where the table has no groups.
    group_index : ndarray of int, shape (n_locations,)
        Position in `groups`; 0 everywhere where there are none.
    sides : tuple of str
        Whose dead they are, sorted; empty where the table has no sides.
    side_index : ndarray of int, shape (n_locations,)
        Position in `sides`; -1 for none.
    offsets : ndarray of int, shape (n_locations + 1,)
        Claims ``offsets[i]:offsets[i + 1]`` are on location ``i``. An empty slice is a location
        nobody reported on, or one with documented or verified deaths alone.
    source_index : ndarray of int, shape (n_claims,)
        Position in `sources`, ascending within a location.
    lower, upper : ndarray of int, shape (n_claims,)
        Deaths that the claim allows, both ends included; `UNBOUNDED` for no upper bound.
    kind : ndarray of int8, shape (n_claims,)
        Position in `KINDS`; never that of ``"documented"`` or ``"verified"``, which do not err.
    row : ndarray of int, shape (n_claims,)
        Position of the claim in the table it was read from, from 0.
    documented : ndarray of int, shape (n_locations,)
        Deaths that are certain: the most that any source's latest statement documents; 0 where
        there are none. A source that later documents fewer takes back what it documented before.
    verified : ndarray of int, shape (n_locations,)
        The known toll; -1 where it is not known.
    cap : ndarray of int, shape (n_locations,)
        The most who can have died; `UNBOUNDED` where nothing was said.
    parent : ndarray of int, shape (n_locations,)
        Position of the location that it is a part of, so that tolls of parts add up to that of
        their whole; -1 for none.
    complete : ndarray of bool, shape (n_locations,)
        Whether its parts are all there are; if not, its toll is theirs and an unlisted
        remainder's.
    covariate_names : tuple of str
        Terms that tolls may depend on; empty before `with_covariates`.
    covariates : ndarray of float, shape (n_locations, n_covariates)
        Their values, in standard deviations from the mean over all locations of the table.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame(
    ...     {
    ...         "location": ["Arden", "Arden", "Brook"],
    ...         "source": ["press", "clinic", "press"],
    ...         "wording": ["about 30", "at least 11", "none"],
    ...     }
    ... )
    >>> claims = Claims.from_table(table)
    >>> claims
    Claims: 3 claims by 2 sources on 2 locations
    >>> claims.lower, claims.upper == UNBOUNDED
    (array([11, 25,  0]), array([ True, False, False]))
    """

    locations: tuple[str, ...]
    sources: tuple[str, ...]
    groups: tuple[str, ...]
    group_index: NDArray[np.int64]
    sides: tuple[str, ...]
    side_index: NDArray[np.int64]
    offsets: NDArray[np.int64]
    source_index: NDArray[np.int64]
    lower: NDArray[np.int64]
    upper: NDArray[np.int64]
    kind: NDArray[np.int8]
    row: NDArray[np.int64]
    documented: NDArray[np.int64]
    verified: NDArray[np.int64]
    cap: NDArray[np.int64]
    parent: NDArray[np.int64]
    complete: NDArray[np.bool_]
    covariate_names: tuple[str, ...]
    covariates: NDArray[np.float64]
    log_exposure: NDArray[np.float64]
    _rows: Rows = field(repr=False)
    _standing: NDArray[np.int64] = field(repr=False)
    _known_by: np.datetime64 = field(repr=False)
    _left_out: tuple[tuple[int, str], ...] = field(repr=False)

    def __post_init__(self) -> None:
        """Close the arrays to writing."""
        _close(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore from a pickle or a copy, which forget that arrays were read-only."""
        self.__dict__.update(state)
        _close(self)

    @classmethod
    def from_table(
        cls,
        table: Any,  # noqa: ANN401 - whatever dataframe narwhals accepts
        *,
        columns: Mapping[str, str] | None = None,
        words: wording.Words = wording.WORDS,
        locations: Iterable[str] = (),
        parents: Mapping[str, str] | None = None,
        complete: Iterable[str] = (),
        to_date: ToDate | None = None,
    ) -> Self:
        """Read claims from a table with one claim a row.

        Parameters
        ----------
        table : pandas.DataFrame, polars.DataFrame, pyarrow.Table, ...
            Any dataframe in memory that narwhals accepts. Columns, all others being ignored but
            those with nearly one of these names (``Kind``, ``dates``), which are an error. Null,
            nan, ``""`` and ``"NA"``, which R writes for them, are blanks in all of them:

            ``location``, ``source``
                Names, not blank. White space at their ends is dropped; names that differ only by
                case or by white space within are an error, since they would count twice.
            ``count``; ``lower``, ``upper``; ``wording``
                Deaths, at least one of these on each row; a table need not have them all.
                Numbers are whole, from 0, below ten thousand million, or such numbers as text
                (``"1383"``, ``"1,383"``). `wording` is read, by `tollest.wording.parse`, on rows
                that have no number.
            ``kind``
                One of `KINDS`, or blank. Blank, a row with both bounds is a range (its count, if
                there is one, must lie within), any other row with a count is a count, and a row
                with one bound is at_least or at_most. ``"about"`` allows half the last
                significant unit either way: 1400 is 1350 to 1450, 1383 itself alone.
            ``date``
                Days, times, or text such as ``"2025-03-12"`` or ``"12 March 2025"``. Needed
                where a source has several claims on a location: the latest stands.
            ``origin``
                The source that this claim repeats; blank, or the source itself, where it is the
                source's own.
            ``group``, ``cap``
                Of the location: to which group its prior belongs, and the most who can have died
                there. Blank, or the same on all rows of a location. The cap of a location with
                parts is evidence of what these can be, and so of all tolls.
            ``side``
                Whose dead they are at the location, where a source may be biased differently by
                side: a ministry counts its own dead otherwise than the enemy's. Blank (of both,
                or not known), or the same on all rows of a location. Any column whose values may
                change a source's bias will do, such as a year or an area.
            ``parent``
                The location that this one is a part of: claims may speak of a village, its
                district and its province. Blank, or the same on all rows of a location.
            ``period``; ``from``, ``to``
                Days that the claim speaks of, first and last included: a day, a week
                (``"2022-W09"``), a month (``"2022-03"``), a year, ``"2022-03-01/2022-03-07"``. A
                total to date has no beginning: ``"../2022-03-07"``, or `to` without `from`.
                Blank, it speaks of all time. Each period of a place becomes a location, such as
                "Arden, to 2022-03-07", which is a whole or a part of others; what no claim speaks
                of between them becomes a location too. Periods that cross are an error. Without a
                `date` a claim is dated by the last of its days.
        columns : mapping of str to str, optional
            Our name of a column to the table's, where they differ: ``{"location": "incident"}``.
        words : Words, optional
            What verbal claims such as "dozens" allow.
        locations : iterable of str, or mapping of str to str, optional
            Locations nobody reported on, which follow the others: their tolls are those of the
            prior. In a table with groups a mapping gives the group of each.
        parents : mapping of str to str, optional
            The location that each is a part of, beside what the column ``parent`` says; either
            may name locations nobody reported on.
        complete : iterable of str, optional
            Locations whose parts are all there are. The toll of any other location with parts is
            the sum of theirs and of an unlisted remainder, to which its own group's prior
            applies.
        to_date : ToDate, optional
            Which totals to date are evidence; by default those that state another number than
            the source's last one.

        Returns
        -------
        Claims

        Raises
        ------
        ClaimsError
            Naming all rows that cannot be used; first those that cannot be read, then those that
            contradict each other.
        TypeError
            `table` is not a dataframe in memory, or `locations` is a single string.

        Examples
        --------
        >>> import pandas as pd
        >>> table = pd.DataFrame({"village": ["Arden"], "source": ["clinic"], "count": [11]})
        >>> Claims.from_table(table, columns={"location": "village"}, locations=["Brook"])
        Claims: 1 claim by 1 source on 2 locations, 1 of them silent
        """
        given = {} if parents is None else parents
        chosen = ToDate() if to_date is None else to_date
        if not isinstance(chosen, ToDate):
            message = f"to_date is {shown(to_date)}; it is a ToDate, such as ToDate(every=28)"
            raise TypeError(message)
        return cls._resolve(
            read_rows(table, columns or {}, words, locations, given, complete, chosen)
        )

    @classmethod
    def read(
        cls,
        path: str | Path,
        *,
        columns: Mapping[str, str] | None = None,
        words: wording.Words = wording.WORDS,
        locations: Iterable[str] = (),
        parents: Mapping[str, str] | None = None,
        complete: Iterable[str] = (),
        to_date: ToDate | None = None,
        encoding: str = "utf-8",
    ) -> Self:
        """Read claims from a CSV or Parquet file.

        Parameters
        ----------
        path : str or Path
            A file whose name ends in ``.csv`` or ``.csv.gz`` (comma-separated, names of the
            columns on the first line; a column without a name is ignored) or ``.parquet``.
        columns, words, locations, parents, complete, to_date
            As in `from_table`, which says what columns there must be.
        encoding : str, default "utf-8"
            That of a CSV file.

        Returns
        -------
        Claims

        Raises
        ------
        ClaimsError
            As in `from_table`, or the file is in another encoding, cut short, or no such file as
            its name says. Then nothing is read.
        FileNotFoundError
            There is no such file.
        TypeError
            `path` is no path.
        ValueError
            The name of the file has another ending, or there is no such encoding.
        """
        if not isinstance(path, str | os.PathLike):
            message = (
                f"path is a {type(path).__name__}; Claims.read takes the path of a file, and "
                "Claims.from_table a dataframe"
            )
            raise TypeError(message)
        table = open_table(Path(path), encoding)
        named = [name for name in table.header if name]
        twice = sorted({name for name in named if named.count(name) > 1})
        if twice:
            message = f"two columns of {table.name} are called {shown(twice[0])}; rename one."
            raise ClaimsError([Problem(message)])
        frame = table.take(named)
        return cls.from_table(
            frame, columns=columns, words=words, locations=locations, parents=parents,
            complete=complete, to_date=to_date,
        )  # fmt: skip

    def as_of(self, date: str | dt.date | np.datetime64) -> Self:
        """Cut the claims to what was known by a day.

        Claims of later days are set aside, and so are undated ones; which of the others are
        superseded or repeat another source is judged afresh. Where the source that claims repeat
        was not yet heard on the location, the earliest of them stands, as the claim of the source
        that makes it, until the origin's own is known. Locations with no evidence left are
        dropped, but those that were silent from the start stay, unless they are periods that end
        later. Totals to date set aside for others of the same days stay so.

        Parameters
        ----------
        date : str, datetime.date or numpy.datetime64
            The last day that counts, such as ``"2025-03-12"``.

        Returns
        -------
        Claims
            New; `excluded` says what was set aside and why.

        Raises
        ------
        ClaimsError
            Nothing is left, or what is left contradicts itself.
        ValueError
            `date` is no day.
        """
        day = read_day(date)
        # A cut of a cut knows no more than the earlier of the two.
        if day > self._known_by:  # never so where it is NaT, before any cut
            day = self._known_by
        return self._resolve(self._rows, day, self._left_out)

    def without(self, *sources: str, rows: Iterable[int] | Mapping[int, str] = ()) -> Self:
        """Leave out all claims of some sources, or single rows, to see what the others say alone.

        Which of the other claims are superseded or repeat another source stays as it was: what
        repeats a source left out does not stand in for it. Locations with no evidence left are
        dropped, but those that were silent from the start stay.

        Parameters
        ----------
        *sources : str
            Sources that make a claim, documented and verified ones included.
        rows : iterable of int, or mapping of int to str, optional
            Rows of the table, as the column ``row`` of `to_frame` numbers them. A mapping gives
            the reason of each.

        Returns
        -------
        Claims
            New; the claims left out are in `excluded`, with their reason, or as "left out".

        Raises
        ------
        ClaimsError
            Nothing is left.
        ValueError
            No row of the table is by one of `sources`, or there is no such row.
        """
        names, n_rows = self._rows.names, len(self._rows.source)
        unknown = sorted(set(sources) - set(names))
        if unknown:
            raise ValueError(
                f"no claim is by {', '.join(map(shown, unknown))}; sources are "
                f"{', '.join(map(shown, names))}."
            )
        single = np.array([*rows], dtype=np.int64)
        beyond = single[(single < 0) | (single >= n_rows)]
        if beyond.size:
            raise ValueError(f"there is no row {beyond[0]}; rows are 0 to {n_rows - 1}.")
        theirs = np.isin(self._rows.source, [names.index(name) for name in sources])
        reasons = rows if isinstance(rows, Mapping) else {}
        left_out = {
            row: reasons.get(row, "left out")
            for row in np.union1d(single, np.flatnonzero(theirs)).tolist()
        }
        # A claim that was left out before keeps its first reason.
        left_out |= dict(self._left_out)
        return self._resolve(self._rows, self._known_by, tuple(sorted(left_out.items())))

    def with_covariates(
        self,
        formula: str,
        table: Any,  # noqa: ANN401 - whatever dataframe narwhals accepts
        *,
        columns: Mapping[str, str] | None = None,
        exposure: str | None = None,
    ) -> Self:
        """Let tolls depend on what is known of their locations beside the claims.

        The centre of a location's toll on the log1p axis is then
        ``mu + effect[1] * z[1] + ...``, where `z` are the terms of `formula` in standard
        deviations from their mean over all locations, and the effects have the prior
        ``Priors.effect``. An exposure, such as the people or the days at risk, is not estimated
        but taken for what it is: tolls are proportional to it. Claims of places with like
        covariates inform each other, most of all those of places of which nobody speaks.

        Parameters
        ----------
        formula : str
            Right-hand side of a Wilkinson formula, as formulaic reads it, in the columns of
            `table`: ``"log(population) + area"``. Text becomes a term for each value but the
            first; the intercept is `mu` and is left out. Effects of many groups are better
            pooled: see ``group`` in `from_table`.
        table : pandas.DataFrame, polars.DataFrame, pyarrow.Table, ...
            One row for each location, silent ones, wholes and parts included, with the column
            ``location``. Other rows are ignored.
        columns : mapping of str to str, optional
            The table's name of that column: ``{"location": "village"}``.
        exposure : str, optional
            Column of `table` that tolls are proportional to, above 0. Its log is added to `mu`
            less the mean of these logs over all locations.

        Returns
        -------
        Claims
            New; any earlier covariates are replaced.

        Raises
        ------
        ClaimsError
            Naming all locations without a row, with several, or without a finite value, and
            terms that are the same everywhere.
        ImportError
            formulaic is not installed (``tollest[covariates]``).
        TypeError
            `formula` is no text, or `table` no dataframe in memory.
        ValueError
            The formula cannot be read, or names a column that is not there.

        Examples
        --------
        >>> import pandas as pd
        >>> rows = [("Arden", "press", 4), ("Brook", "press", 30), ("Chase", "clinic", 9)]
        >>> table = pd.DataFrame(rows, columns=["location", "source", "count"])
        >>> people = pd.DataFrame({"location": ["Arden", "Brook", "Chase"], "n": [90, 800, 300]})
        >>> claims = Claims.from_table(table).with_covariates("log(n)", people)
        >>> claims.covariate_names, claims.covariates.round(2).ravel()
        (('log(n)',), array([-1.26,  1.18,  0.08]))
        """
        names, values, units, log_exposure = design.read(
            formula, table, self._rows.locations, columns or {}, exposure
        )
        rows = replace(
            self._rows,
            formula=formula,
            exposure=exposure or "",
            covariate_names=names,
            covariates=values,
            covariate_units=units,
            log_exposure=log_exposure,
        )
        return self._resolve(rows, self._known_by, self._left_out)

    def with_trend(self, df: int = 6) -> Self:
        """Let the tolls of periods follow a smooth curve over time.

        A shorthand for `with_covariates` with a cubic B-spline in the middle of each period, and
        its length as exposure: the same rate for twice the days is twice the toll. The curve is
        that of all places, some higher, some lower; for curves of their own give
        `with_covariates` the formula ``"place * bs(middle, df=6)"``, the table
        ``claims.periods.reset_index()`` and the exposure ``"days"``.

        Parameters
        ----------
        df : int
            Columns of the spline, 3 or more: how often the curve may turn.

        Returns
        -------
        Claims
            New; any earlier covariates are replaced.

        Raises
        ------
        ClaimsError
            Some locations are no periods.
        ImportError
            formulaic is not installed (``tollest[covariates]``).
        ValueError
            No claim is on a period, or `df` is below 3.

        References
        ----------
        Eilers & Marx (1996), Flexible smoothing with B-splines and penalties. Statistical
        Science 11(2), 89-121. https://doi.org/10.1214/ss/1038425655 (here the penalty is the
        prior of the effects)
        """
        periods = self.periods.reset_index()
        if periods.empty:
            raise ValueError("no claim is on a period; give the table a column 'period' or 'to'.")
        if df < 3:
            raise ValueError(f"df is {df}; a cubic spline has 3 columns or more.")
        level = "place + " if periods["place"].nunique() > 1 else ""
        return self.with_covariates(f"{level}bs(middle, df={df})", periods, exposure="days")

    @cached_property
    def _levels(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Which prior each location's toll has, and a location of each such prior.

        Locations of one group with the same covariates share one.
        """
        if not self.covariate_names:
            n_groups = max(len(self.groups), 1)
            example = np.zeros(n_groups, np.int64)
            example[self.group_index[::-1]] = np.arange(self.n_locations)[::-1]
            return self.group_index, example
        keys = np.column_stack([self.group_index, self.log_exposure, self.covariates])
        _, example, level = np.unique(keys, axis=0, return_index=True, return_inverse=True)
        return level.ravel(), example

    def _apart(self, places: NDArray[np.bool_]) -> Self:
        """Claims on some locations, which have neither wholes nor parts among the others."""
        per_location = np.where(places, np.diff(self.offsets), 0)
        of = np.repeat(places, np.diff(self.offsets))
        return replace(
            self,
            locations=tuple(np.array(self.locations, dtype=object)[places].tolist()),
            offsets=np.concatenate([[0], per_location[places].cumsum()]).astype(np.int64),
            **{
                name: getattr(self, name)[of]
                for name in ("source_index", "lower", "upper", "kind", "row")
            },
            **{
                name: getattr(self, name)[places]
                for name in (
                    "group_index",
                    "side_index",
                    "covariates",
                    "log_exposure",
                    "documented",
                    "verified",
                    "cap",
                    "complete",
                )
            },
            parent=np.full(int(places.sum()), BLANK),
        )

    @property
    def periods(self) -> "pd.DataFrame":
        """Days that each location stands for, where claims speak of periods.

        Returns
        -------
        pandas.DataFrame
            Indexed by location: ``place``; ``begin`` and ``end``, first and last day, the first
            ``NaT`` for a total to date; ``days``, how many they are, those of a total to date
            counted from the first day that any claim on the place names; ``middle``, days to the
            middle from the first day of all. Locations that are no period are not in it.
        """
        import pandas as pd

        spans = {
            name: self._rows.spans[name] for name in self.locations if name in self._rows.spans
        }
        earliest: dict[str, int] = {}
        for place, span in self._rows.spans.values():
            known = span.end if span.is_open else span.begin
            earliest[place] = min(earliest.get(place, known), known)
        begin = np.array([max(s.begin, earliest[p]) for p, s in spans.values()], np.int64)
        end = np.array([s.end for _, s in spans.values()], np.int64)
        start = min(earliest.values(), default=0)
        is_open = np.array([s.is_open for _, s in spans.values()], np.bool_)
        first = begin.astype("datetime64[D]")
        first[is_open] = NO_DAY
        return pd.DataFrame(
            {
                "place": pd.array([place for place, _ in spans.values()], dtype="str"),
                "begin": first.astype("datetime64[s]"),
                "end": end.astype("datetime64[D]").astype("datetime64[s]"),
                "days": end - begin + 1,
                "middle": 0.5 * (begin + end) - start,
            },
            index=pd.Index(list(spans), name="location"),
        )

    @property
    def is_nested(self) -> bool:
        """Whether some locations are parts of others."""
        return bool((self.parent >= 0).any())

    @property
    def n_claims(self) -> int:
        """Number of claims in evidence that may err; documented and verified ones do not."""
        return len(self.source_index)

    @property
    def n_locations(self) -> int:
        """Number of locations, silent ones included."""
        return len(self.locations)

    @property
    def n_sources(self) -> int:
        """Number of sources with a claim in evidence that may err."""
        return len(self.sources)

    def __len__(self) -> int:
        """Give `n_claims`."""
        return self.n_claims

    @cached_property
    def _voiced(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        n_sides = len(self.sides) + 1
        if n_sides == 1:  # as in a million claims
            sources = np.arange(self.n_sources)
            return np.stack([sources, np.full_like(sources, BLANK)], axis=1), self.source_index
        side = np.repeat(self.side_index, np.diff(self.offsets))
        used, voice = _compact(self.source_index * n_sides + side + 1, self.n_sources * n_sides)
        source, side = np.divmod(np.array(used, np.int64), n_sides)
        return np.stack([source, side - 1], axis=1), voice

    @cached_property
    def voices(self) -> tuple[tuple[str, str], ...]:
        """Sources by the side whose dead they speak of, ``(source, side)``, sorted.

        The side is ``""`` where the locations have none.
        """
        sides = (*self.sides, "")
        return tuple((self.sources[i], sides[j]) for i, j in self._voiced[0].tolist())

    @property
    def voice_index(self) -> NDArray[np.int64]:
        """Position of each claim's source and side in `voices`. Shape (n_claims,)."""
        return self._voiced[1]

    @cached_property
    def claims_per_location(self) -> NDArray[np.int64]:
        """Claims in evidence on each location, documented and verified ones included.

        0 marks a location nobody reported on. Shape (n_locations,).
        """
        return _closed(np.bincount(self._location[self._in_evidence], minlength=self.n_locations))

    @cached_property
    def n_figures(self) -> NDArray[np.int64]:
        """Distinct intervals among the claims on each location. Shape (n_locations,).

        As many as there are claims where all differ; 1 where all say the same, which is as
        likely to be one figure going the rounds as several sources that agree.
        """
        location = np.repeat(np.arange(self.n_locations), np.diff(self.offsets))
        order = np.lexsort((self.upper, self.lower, location))
        keys = np.stack([location, self.lower, self.upper])[:, order]
        first = np.ones(self.n_claims, dtype=bool)
        first[1:] = (np.diff(keys) != 0).any(axis=0)
        return _closed(np.bincount(keys[0][first], minlength=self.n_locations))

    def to_frame(self) -> "pd.DataFrame":
        """List all claims in evidence, in the order of the table they were read from.

        Returns
        -------
        pandas.DataFrame
            Columns ``row, location, source, kind, lower, upper, date``, and ``group``, ``side``,
            ``cap`` and ``parent`` where there are any. `upper` and `cap` are ``<NA>`` where there
            is no upper bound, and documented deaths are a lower bound. `from_table` reads it back;
            locations nobody reported on have no row, and go through its `locations` or `parents`,
            and wholes that are complete through `complete`.
        """
        import pandas as pd

        rows, evidence = self._rows, np.flatnonzero(self._in_evidence)
        frame, where = self._frame(evidence), rows.location[evidence]
        if rows.groups:
            frame["group"] = _spelled(rows.groups, rows.group_index[where])
        if rows.sides:
            frame["side"] = _spelled(("", *rows.sides), rows.side_index[where] + 1)
        cap = rows.cap[where]
        if (cap != UNBOUNDED).any():
            frame["cap"] = pd.arrays.IntegerArray(cap, cap == UNBOUNDED)
        parent = rows.parent[where]
        if (parent >= 0).any():
            frame["parent"] = _spelled(("", *rows.locations), parent + 1)
        return frame

    @property
    def excluded(self) -> "pd.DataFrame":
        """All claims that are no evidence, each with its reason, in the order of the table.

        A DataFrame with the columns ``row, location, source, kind, lower, upper, date, reason``.
        """
        rows = np.flatnonzero(~self._in_evidence)
        frame = self._frame(rows)
        frame["reason"] = np.array([self._reason(int(row)) for row in rows], dtype=object)
        frame["reason"] = frame["reason"].astype("str")
        return frame

    def __repr__(self) -> str:
        """Say how many claims there are, and how many were set aside, and why."""
        kinds = self._rows.kind[self._in_evidence]
        certain = [
            plural(int((kinds == kind).sum()), name)
            for kind, name in ((DOCUMENTED, "documented floor"), (VERIFIED, "verified toll"))
            if (kinds == kind).any()
        ]
        text = (
            f"Claims: {plural(self.n_claims, 'claim')} by {plural(self.n_sources, 'source')} "
            f"on {plural(self.n_locations, 'location')}"
        )
        silent = int((self.claims_per_location == 0).sum())
        if silent:
            text += f", {silent:,} of them silent"
        if self.is_nested:
            n_parts = int((self.parent >= 0).sum())
            text += f", {n_parts:,} {'a part of another' if n_parts == 1 else 'parts of others'}"
        if certain:
            text += f", with {' and '.join(certain)}"
        standing = self._standing[~self._in_evidence]
        if standing.size:
            n_repeats, n_sums = int((standing == _REPEAT).sum()), int((standing == _SUM).sum())
            reasons = {
                "superseded": int((standing >= 0).sum()),
                "repeats another source" if n_repeats == 1 else "repeat another source": n_repeats,
                f"dated after {self._known_by}": int((standing == _LATER).sum()),
                "undated": int((standing == _UNDATED).sum()),
                "left out": int((standing == _LEFT_OUT).sum()),
                "adds up its own claims" if n_sums == 1 else "add up their own claims": n_sums,
            }
            listed = ", ".join(f"{n:,} {reason}" for reason, n in reasons.items() if n)
            text += f"; {standing.size:,} more excluded ({listed})"
        return text

    @property
    def _in_evidence(self) -> NDArray[np.bool_]:
        return np.equal(self._standing, _EVIDENCE)

    @property
    def _location(self) -> NDArray[np.int64]:
        """Position in `locations` of each row of the table; -1 where it was dropped."""
        kept = _kept(self._rows, self._in_evidence, self._known_by)
        return np.where(kept, np.cumsum(kept) - 1, BLANK)[self._rows.location]

    @cached_property
    def _why(self) -> dict[int, str]:
        return dict(self._left_out) | dict(self._rows.set_aside)

    def _status(self, rows: NDArray[np.int64]) -> list[str]:
        """Tell of rows of the table in a word whether they are evidence, or what they are."""
        return [_STATUS.get(code, "superseded") for code in self._standing[rows].tolist()]

    def _stood_once(self) -> "pd.DataFrame":
        """List the claims that were made and replaced, or repeat another: rows of `excluded`.

        Claims left out or not yet made are not among them.
        """
        excluded = self.excluded
        status = self._status(excluded["row"].to_numpy())
        return excluded[np.isin(status, ["superseded", "repeats another"])]

    def _reason(self, row: int) -> str:
        rows, standing = self._rows, int(self._standing[row])
        if standing >= 0:
            return f"superseded by the claim of {rows.date[standing]} (row {standing})"
        if standing == _REPEAT:
            return f"repeats {rows.names[rows.origin[row]]}"
        if standing == _LATER:
            return f"dated {rows.date[row]}, after {self._known_by}"
        if standing == _LEFT_OUT:
            return self._why[row]
        if standing == _SUM:
            return f"is the sum of the claims of {rows.names[rows.source[row]]} on its parts"
        return f"undated, so not known by {self._known_by}"

    def _frame(self, row: NDArray[np.int64]) -> "pd.DataFrame":
        import pandas as pd

        rows = self._rows
        upper = pd.arrays.IntegerArray(rows.upper[row], rows.upper[row] == UNBOUNDED)
        return pd.DataFrame(
            {
                "row": row,
                "location": _spelled(rows.locations, rows.location[row]),
                "source": _spelled(rows.names, rows.source[row]),
                "kind": _spelled(KINDS, rows.kind[row]),
                "lower": rows.lower[row],
                "upper": upper,
                "date": rows.date[row].astype("datetime64[s]"),
            }
        )

    @classmethod
    def _resolve(
        cls,
        rows: Rows,
        known_by: np.datetime64 = NO_DAY,
        left_out: tuple[tuple[int, str], ...] = (),
    ) -> Self:
        """Judge which rows are evidence, and lay those out by location."""
        standing = _judge(rows, known_by)
        standing[[row for row, _ in left_out]] = _LEFT_OUT
        standing[_sums_of_parts(rows, standing == _EVIDENCE)] = _SUM
        evidence = standing == _EVIDENCE
        whole = bool(np.isnat(known_by)) and not left_out
        kept = _kept(rows, evidence, known_by)
        if whole and not kept.all():
            raise _without_evidence(rows, ~kept)
        if not evidence.any() and left_out:
            message = f"no claim is left without the {len(left_out):,} left out."
            raise ClaimsError([Problem(message)], len(standing))
        if not evidence.any():
            dates = rows.date[~np.isnat(rows.date)]
            earliest = f"the earliest is of {dates.min()}" if dates.size else "none is dated"
            message = f"no claim was known by {known_by}; {earliest}."
            raise ClaimsError([Problem(message)], len(standing))
        documented, verified = _certain(rows, evidence)

        noisy = np.flatnonzero(evidence & ~np.isin(rows.kind, (DOCUMENTED, VERIFIED)))
        by_place = rows.location[noisy] * len(rows.names) + rows.source[noisy]
        noisy = noisy[np.argsort(by_place, kind="stable")]
        sided, side_index = _compact(rows.side_index[kept] + 1, len(rows.sides) + 1)
        grouped, group_index = _compact(rows.group_index[kept], max(len(rows.groups), 1))
        used, source_index = _compact(rows.source[noisy], len(rows.names))
        per_location = np.bincount(rows.location[noisy], minlength=len(kept))[kept]
        locations = rows.locations
        if not kept.all():
            locations = tuple(np.array(locations, dtype=object)[kept].tolist())
        parent, complete = hierarchy.taken(rows.parent, kept), rows.complete[kept]
        if (parent >= 0).any():
            hierarchy.check_sums(
                locations, parent, complete, rows.cap[kept], documented[kept], verified[kept]
            )
        return cls(
            locations=locations,
            sources=tuple(rows.names[i] for i in used),
            groups=tuple(rows.groups[i] for i in grouped) if rows.groups else (),
            group_index=group_index,
            sides=tuple(rows.sides[i - 1] for i in sided if i > 0),
            side_index=side_index - (0 in sided),
            offsets=np.concatenate([[0], per_location.cumsum()]).astype(np.int64),
            source_index=source_index,
            lower=rows.lower[noisy],
            upper=rows.upper[noisy],
            kind=rows.kind[noisy],
            row=noisy,
            documented=documented[kept],
            verified=verified[kept],
            cap=rows.cap[kept],
            parent=parent,
            complete=complete,
            covariate_names=rows.covariate_names,
            covariates=rows.covariates[kept],
            log_exposure=rows.log_exposure[kept],
            _rows=rows,
            _standing=standing,
            _known_by=known_by,
            _left_out=left_out,
        )


def _kept(rows: Rows, evidence: NDArray[np.bool_], known_by: np.datetime64) -> NDArray[np.bool_]:
    """Tell which locations stay: with evidence, silent from the start, or needed by others."""
    kept = np.zeros(len(rows.locations), dtype=bool)
    kept[rows.location[evidence]] = True
    kept[rows.n_reported :] = True
    if (rows.parent >= 0).any():
        # Of a whole that is known by name alone the parts decide.
        named = np.unique(rows.parent[rows.parent >= 0])
        kept[named[named >= rows.n_reported]] = False
        # Wholes stay with their parts, and parts with a whole that has no remainder to be in.
        order, _ = hierarchy.upwards(rows.parent)
        for place in order:
            if rows.parent[place] >= 0:
                kept[rows.parent[place]] |= kept[place]
        for place in reversed(order):
            whole = rows.parent[place]
            if whole >= 0 and rows.complete[whole]:
                kept[place] |= kept[whole]
    if rows.spans and not np.isnat(known_by):
        last = known_by.astype("datetime64[D]").astype(np.int64)
        over = [name in rows.spans and rows.spans[name][1].end > last for name in rows.locations]
        kept[over] = False
    return kept


def _sums_of_parts(rows: Rows, evidence: NDArray[np.bool_]) -> list[int]:
    """Rows whose count on a complete whole is the sum of what their source counts on its parts.

    Where there may be a remainder, such a count says that little or nothing is in it.
    """
    if not (rows.parent >= 0).any():
        return []
    counts = np.flatnonzero(evidence & (rows.kind == COUNT))
    at = {(int(rows.location[r]), int(rows.source[r])): r for r in counts.tolist()}
    sums: dict[tuple[int, int], list[int]] = {}
    for (place, source), row in at.items():
        if rows.parent[place] >= 0:
            sums.setdefault((int(rows.parent[place]), source), []).append(int(rows.lower[row]))
    n_parts = np.bincount(rows.parent[rows.parent >= 0], minlength=len(rows.locations))
    return [
        at[place, source]
        for (place, source), numbers in sums.items()
        if rows.complete[place]
        and 1 < len(numbers) == n_parts[place]
        and (place, source) in at
        and sum(numbers) == rows.lower[at[place, source]]
    ]


def _judge(rows: Rows, known_by: np.datetime64) -> NDArray[np.int64]:
    """Say for each row whether it is evidence, and if not, why."""
    standing = np.full(len(rows.location), _EVIDENCE)
    standing[list(rows.set_aside)] = _LEFT_OUT
    undated = np.isnat(rows.date)
    if not np.isnat(known_by):
        judged = standing == _EVIDENCE
        standing[judged & undated] = _UNDATED
        standing[judged & ~undated & (rows.date > known_by)] = _LATER
    known = np.flatnonzero(standing == _EVIDENCE)
    # A documented or verified count is certain, whoever repeats it.
    repeats = known[(rows.origin[known] != BLANK) & (rows.kind[known] < DOCUMENTED)]
    standing[repeats] = _REPEAT

    # Documented and verified counts say something else than a source's estimate of the toll:
    # neither supersedes the other.
    certainty = np.maximum(rows.kind[known] - DOCUMENTED + 1, 0)
    key = (rows.location[known] * len(rows.names) + rows.source[known]) * 3 + certainty
    # Undated rows come first in their run, and are an error unless alone there.
    day = rows.date[known].astype(np.int64)
    order = _by_key_then_day(key, rows.date[known])
    key, ordered, day = key[order], known[order], day[order]
    same = key[1:] == key[:-1]
    clash = np.flatnonzero(same & ((day[1:] == day[:-1]) | undated[ordered[:-1]]))
    if clash.size:
        raise _duplicates(rows, ordered, day, clash)
    # The last of each run stands, and is what supersedes all before it.
    last = np.append(~same, True) if len(key) else np.zeros(0, dtype=bool)
    stands = ordered[last][np.cumsum(last) - last]
    standing[ordered[~last]] = stands[~last]
    if not np.isnat(known_by):
        latest = repeats[standing[repeats] == _REPEAT]
        standing[_first_heard(rows, known, latest)] = _EVIDENCE
    return standing


def _by_key_then_day(key: NDArray[np.int64], date: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """Sort rows by key, those of one key by day, undated ones first; stable where both agree."""
    dated = date[~np.isnat(date)].astype(np.int64)
    if not dated.size:
        return np.argsort(key, kind="stable")
    earliest = int(dated.min())
    n_days = int(dated.max()) - earliest + 2
    if (int(key.max()) + 1) * n_days >= 2**63:
        return np.lexsort((date.astype(np.int64), key))
    # One number sorts several times faster than two, all the more in a table nearly in order.
    day = np.where(np.isnat(date), 0, date.astype(np.int64) - earliest + 1)
    return np.argsort(key * n_days + day, kind="stable")


def _first_heard(
    rows: Rows, known: NDArray[np.int64], repeats: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Give the earliest of the repeats of each source that no known claim is by.

    Repeats of repeats go back to the same source, so that only one of them all stands for it.
    """
    made = rows.location * len(rows.names) + rows.source
    named = rows.location * len(rows.names) + rows.origin
    repeats = repeats[~np.isin(named[repeats], made[known])]
    if not repeats.size:
        return repeats
    # What was said elsewhere cannot matter.
    there = np.zeros(len(rows.locations), dtype=bool)
    there[rows.location[repeats]] = True
    near = np.flatnonzero(there[rows.location])
    heard = set(made[known[there[rows.location[known]]]].tolist())
    own = set(made[near[rows.origin[near] == BLANK]].tolist())
    pairs = zip(made[near[::-1]].tolist(), named[near[::-1]].tolist(), strict=True)
    repeated = {source: origin for source, origin in pairs if source not in own}
    first: dict[int, int] = {}
    for row in repeats[np.argsort(rows.date[repeats], kind="stable")].tolist():
        # Of sources that repeat each other in a circle the lowest stands for all.
        way = [int(named[row])]
        while way[-1] not in heard and way[-1] in repeated and way[-1] not in way[:-1]:
            way.append(repeated[way[-1]])
        if way[-1] not in heard or way[-1] == made[row]:
            root = min(way[way.index(way[-1]) :])
            first.setdefault(root, row)
    return np.array(list(first.values()), dtype=np.int64)


def _duplicates(
    rows: Rows,
    ordered: NDArray[np.int64],
    day: NDArray[np.int64],
    clash: NDArray[np.int64],
) -> ClaimsError:
    """Name all claims that cannot be put before or after another by the same source."""
    problems = []
    for at in clash.tolist():
        first, second = int(ordered[at]), int(ordered[at + 1])
        if day[at] == day[at + 1]:
            who = f"a second claim by {shown(rows.names[rows.source[second]])}"
            both = f"{who} on {shown(rows.locations[rows.location[second]])}, beside row {first}"
            message = (
                f"{both}: date both so that the later supersedes, keep one, or name two sources"
                if np.isnat(rows.date[second])
                else f"{both} and of the same day; keep one, or name two sources"
            )
            problems.append(rows.problem(second, message))
        else:
            message = (
                f"has no date, so it cannot be put before or after row {second}; "
                "date both, keep one, or name two sources"
            )
            problems.append(rows.problem(first, message))
    problems.sort(key=lambda problem: problem.row or 0)
    return ClaimsError(problems, len(rows.location))


def _without_evidence(rows: Rows, bare: NDArray[np.bool_]) -> ClaimsError:
    """Name all locations whose every claim repeats another."""
    problems = []
    at = np.flatnonzero(bare[rows.location])
    at = at[np.argsort(rows.location[at], kind="stable")]
    there, start = np.unique(rows.location[at], return_index=True)
    for where, of in zip(there.tolist(), np.split(at, start[1:]), strict=True):
        listed = ", ".join(map(str, of.tolist()))
        message = (
            f"{shown(rows.locations[where])} has no claim of a source's own: each of rows "
            f"{listed} repeats another or was superseded by one that does; "
            "leave the origin of one blank."
        )
        problems.append(Problem(message))
    return ClaimsError(problems, len(rows.location))


def _certain(
    rows: Rows, evidence: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Floor and known toll of each location, and the errors of those that cannot both hold."""
    n = len(rows.locations)
    problems = []
    verified = np.full(n, BLANK)
    exact = np.flatnonzero(evidence & (rows.kind == VERIFIED))
    pinned = np.full(n, BLANK)
    pinned[rows.location[exact[::-1]]] = exact[::-1]
    verified[rows.location[exact]] = rows.lower[pinned[rows.location[exact]]]
    for row in exact[rows.lower[exact] != verified[rows.location[exact]]].tolist():
        other = int(pinned[rows.location[row]])
        message = (
            f"verified count is {rows.lower[row]}, but {rows.lower[other]} in row {other}; "
            "a toll is one number, so keep one of them"
        )
        problems.append(rows.problem(row, message))
    floors = np.flatnonzero(evidence & (rows.kind == DOCUMENTED))
    documented = np.zeros(n, dtype=np.int64)
    np.maximum.at(documented, rows.location[floors], rows.lower[floors])
    where = rows.location[floors]
    high = floors[(verified[where] >= 0) & (rows.lower[floors] > verified[where])]
    for row in high.tolist():
        other = int(pinned[rows.location[row]])
        message = (
            f"{rows.lower[row]} are documented, above the verified count of {rows.lower[other]} "
            f"in row {other}; correct one of them"
        )
        problems.append(rows.problem(row, message))
    for certain, says in ((floors, "{} are documented"), (exact, "verified count is {}")):
        cap = rows.cap[rows.location[certain]]
        for row in certain[rows.lower[certain] > cap].tolist():
            stated, most = says.format(rows.lower[row]), rows.cap[rows.location[row]]
            message = f"{stated}, above the cap of {most}; correct one of them"
            problems.append(rows.problem(row, message))
    if problems:
        problems.sort(key=lambda problem: problem.row or 0)
        raise ClaimsError(problems, len(rows.location))
    return documented, verified


def _spelled(names: tuple[str, ...], codes: NDArray[Any]) -> "pd.api.extensions.ExtensionArray":
    """Give names for their positions, each made into text of a dataframe once."""
    import pandas as pd

    return pd.array(names, dtype="str").take(codes.astype(np.int64))


def _compact(codes: NDArray[np.int64], n: int) -> tuple[list[int], NDArray[np.int64]]:
    """Give the codes that occur new numbers from 0, in the same order."""
    there = np.zeros(n, dtype=bool)
    there[codes] = True
    return np.flatnonzero(there).tolist(), (np.cumsum(there) - 1)[codes]


def _closed[A: np.ndarray[Any, Any]](array: A) -> A:
    array.flags.writeable = False
    return array


def _close(claims: object) -> None:
    """Close to writing all arrays of a dataclass, and of a dataclass within it."""
    for item in fields(claims):  # type: ignore[arg-type]
        value = getattr(claims, item.name)
        if isinstance(value, np.ndarray):
            _closed(value)
        elif isinstance(value, Rows):
            _close(value)
