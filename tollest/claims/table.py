"""Who claimed how many deaths, where: the evidence that tolls are estimated from."""

import datetime as dt
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from tollest import wording
from tollest._arrays import Flags, Floats, Integers
from tollest._text import plural
from tollest.claims import design, frames, hierarchy
from tollest.claims.cells import BLANK
from tollest.claims.columns import CLAIM, check_columns
from tollest.claims.days import Moments, ages, end_of, read_moment
from tollest.claims.files import open_table
from tollest.claims.intervals import (
    AT_LEAST,
    AT_MOST,
    COUNT,
    DOCUMENTED,
    ESTIMATE,
    KINDS,
    VERIFIED,
    WITHIN,
    Kinds,
)
from tollest.claims.names import HALF, is_broken
from tollest.claims.periods import ToDate
from tollest.claims.problems import ClaimsError, Problem, shown
from tollest.claims.rows import read_rows
from tollest.claims.standing import Record, certain, judged
from tollest.claims.stated_errors import INTERVAL_PROB
from tollest.wording import UNBOUNDED

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["KINDS", "UNBOUNDED", "Claims", "ClaimsError"]

APART = (
    "no location has claims of two sources, so that nothing is compared (are these lists of the "
    "same places under names of their own?)"
)
_MOST_NAMED, _MOST_LETTERS = 6, 100  # sources, and letters of their names, in a line


@dataclass(frozen=True, eq=False, repr=False)
class Claims:
    """Who claimed how many deaths, where: a validated, immutable, ragged table.

    Made by `from_table` or `read`. A claim is one source's statement on one location: an interval
    of whole numbers. A source that said nothing on a location has no claim there, which differs
    from a claim of 0.

    Of several claims by one source on one location the latest stands; a claim that repeats
    another source is not evidence of its own, unless it is documented or verified: what is
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
    sd_below, sd_above : ndarray of float, shape (n_claims,)
        Standard deviations that an estimate states of its error on the log1p axis, where the truth
        is below its number and above it; 0 of all other claims.
    kind : ndarray of int8, shape (n_claims,)
        Position in `KINDS`; never that of ``"documented"``, ``"verified"`` or ``"within"``, which
        do not err.
    row : ndarray of int, shape (n_claims,)
        Position of the claim in the table it was read from, from 0.
    documented : ndarray of int, shape (n_locations,)
        Deaths that are certain: the most that any source's latest statement documents; 0 where
        there are none. A source that later documents fewer takes back what it documented before.
    verified : ndarray of int, shape (n_locations,)
        The known toll; -1 where it is not known.
    least, most : ndarray of int, shape (n_locations,)
        The least and the most deaths that certain claims leave, such as suppressed cells;
        `UNBOUNDED` where there is no most.
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
    log_exposure : ndarray of float, shape (n_locations,)
        Log of the exposure that tolls are proportional to, less its mean over all locations of
        the table; 0 everywhere without an exposure.
    onset : ndarray of datetime64[s], shape (n_locations,)
        When it began; midnight for a day without a time, ``NaT`` where that was not said.
    claims_per_location : ndarray of int, shape (n_locations,)
        Claims in evidence, documented and verified ones included; 0 marks a location nobody
        reported on.

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
    Claims: 3 claims by 2 sources (clinic, press) on 2 locations
    >>> claims.lower, claims.upper == UNBOUNDED
    (array([11, 25,  0]), array([ True, False, False]))
    """

    locations: tuple[str, ...]
    sources: tuple[str, ...]
    groups: tuple[str, ...]
    group_index: Integers
    sides: tuple[str, ...]
    side_index: Integers
    offsets: Integers
    source_index: Integers
    lower: Integers
    upper: Integers
    sd_below: Floats
    sd_above: Floats
    kind: Kinds
    row: Integers
    documented: Integers
    verified: Integers
    least: Integers
    most: Integers
    cap: Integers
    parent: Integers
    complete: Flags
    covariate_names: tuple[str, ...]
    covariates: Floats
    log_exposure: Floats
    onset: Moments
    claims_per_location: Integers
    _record: Record = field(repr=False)

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
        onsets: Mapping[str, str | dt.date | np.datetime64] | None = None,
        interval_prob: float = INTERVAL_PROB,
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
                One of `KINDS`, or blank. Blank, a row with a count within its bounds is an
                estimate, one with both bounds alone a range, any other row with a count a count,
                and a row with one bound is at_least or at_most. ``"about"`` allows half the last
                significant unit either way: 1400 is 1350 to 1450, 1383 itself alone. ``"within"``
                is certain, as a suppressed cell ("1-9", "<10") is: no toll is outside.
            ``interval_prob``; ``sd``, ``log_sd``
                What an estimate, such as that of a survey, states of its own error: its count has
                the interval from `lower` to `upper`, with this probability (`interval_prob`
                below, where it is blank), or a standard error in deaths, or on the log axis.
                Wordings say it too: ``"601,027 (95 % CI 426,369-793,663)"``,
                ``"650,000 ± 90,000"`` (half an interval). What a source gets wrong besides, by
                design, coverage or definition, is learnt as for counts. Estimates repeat no
                figure.
            ``date``
                Days, times, or text such as ``"2025-03-12"``, ``"2025-03-12 14:30"`` or
                ``"12 March 2025"``. Needed where a source has several claims on a location: the
                latest stands. Midnight is a day without a time; time zones are dropped.
            ``onset``
                When it began at the location, a day or a day and time like dates: then numbers
                of the first days are of what was known by then, and fall short of the toll by an
                amount that shrinks with the days since. Blank, or the same on all rows of a
                location.
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
        onsets : mapping of str to str, datetime.date or numpy.datetime64, optional
            When it began at locations, beside what the column ``onset`` says.
        interval_prob : float, default 0.95
            Probability of the intervals of estimates, where these do not say it themselves.

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
        Claims: 1 claim by 1 source (clinic) on 2 locations, 1 of them silent
        """
        if not isinstance(words, wording.Words):
            message = f"words is a {type(words).__name__}; extend te.wording.WORDS instead"
            raise TypeError(message)
        given = {} if parents is None else parents
        if not (isinstance(interval_prob, float) and 0 < interval_prob < 1):
            message = f"interval_prob is {shown(interval_prob)}; it lies between 0 and 1, as 0.95"
            raise ValueError(message)
        chosen = ToDate() if to_date is None else to_date
        if not isinstance(chosen, ToDate):
            message = f"to_date is {shown(to_date)}; it is a ToDate, such as ToDate(every=28)"
            raise TypeError(message)
        rows = read_rows(
            table,
            check_columns(columns),
            words,
            locations,
            given,
            complete,
            chosen,
            onsets or {},
            interval_prob,
        )
        return cls.from_record(judged(rows))

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
        onsets: Mapping[str, str | dt.date | np.datetime64] | None = None,
        interval_prob: float = INTERVAL_PROB,
        encoding: str = "utf-8",
        sheet: str | None = None,
    ) -> Self:
        """Read claims from a file: CSV, Parquet, Excel or JSON.

        Parameters
        ----------
        path : str or Path
            A file whose name ends in ``.csv`` or ``.csv.gz`` (comma-separated, names of the
            columns on the first line; a column without a name is ignored), ``.tsv`` (by tabs),
            ``.parquet``, ``.xlsx`` (cells as they stand; one that is an error, a formula without
            a value or merged with others is an error; some fifteen seconds for a million) or
            ``.json`` (a list of objects).
        columns, words, locations, parents, complete, to_date, onsets, interval_prob
            As in `from_table`, which says what columns there must be.
        encoding : str, default "utf-8"
            That of a file of text.
        sheet : str, optional
            That of a workbook; needed where several have rows.

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
            `path` is not a path.
        ValueError
            The name of the file has another ending, there is no such encoding, or a sheet is
            named of what has none.
        """
        if not isinstance(path, str | os.PathLike):
            message = (
                f"path is a {type(path).__name__}; Claims.read takes the path of a file, and "
                "Claims.from_table a dataframe"
            )
            raise TypeError(message)
        table = open_table(Path(path), encoding, sheet=sheet)
        # Of columns that are not asked for two may have one name.
        theirs = check_columns(columns)
        asked = {theirs.get(ours, ours) for ours in CLAIM.columns}
        named = [n for n in table.header if n and (n in asked or table.header.count(n) == 1)]
        twice = sorted({name for name in named if named.count(name) > 1})
        if twice:
            message = f"two columns of {table.name} are called {shown(twice[0])}; rename one."
            raise ClaimsError([Problem(message)])
        frame = table.take(named)
        return cls.from_table(
            frame, columns=columns, words=words, locations=locations, parents=parents,
            complete=complete, to_date=to_date, onsets=onsets, interval_prob=interval_prob,
        )  # fmt: skip

    def as_of(self, date: str | dt.date | np.datetime64) -> Self:
        """Cut the claims to what was known by a day, or by a time of day.

        Later claims are set aside, and so are undated ones; which of the others are
        superseded or repeat another source is judged afresh. Where the source that claims repeat
        was not yet heard on the location, the earliest of them stands, as the claim of the source
        that makes it, until the origin's own is known. Locations with no evidence left are
        dropped, but those that were silent from the start stay, unless they are periods that end
        later. Totals to date set aside for others of the same days stay so.

        Parameters
        ----------
        date : str, datetime.date or numpy.datetime64
            The last day that counts, such as ``"2025-03-12"``, or the last moment,
            ``"2025-03-12 14:30"``, by which claims of the day without a time are known from noon.

        Returns
        -------
        Claims
            New; `excluded` says what was set aside and why.

        Raises
        ------
        ClaimsError
            Nothing is left, or what is left contradicts itself.
        ValueError
            `date` is not a day.
        """
        moment, known_by = read_moment(date), self.record.known_by
        # A cut of a cut knows no more than the earlier of the two.
        if end_of(moment) > end_of(known_by):  # never so where it is NaT, before any cut
            moment = known_by
        return self.from_record(judged(self.record.rows, moment, self.record.left_out))

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
        stated = self.record.rows
        names, n_rows = stated.names, len(stated.source)
        unknown = sorted(set(sources) - set(names))
        if unknown:
            raise ValueError(
                f"no claim is by {', '.join(map(shown, unknown))}; sources are "
                f"{', '.join(map(shown, names))}."
            )
        odd = [row for row in rows if not _is_position(row)]
        if odd:
            raise ValueError(
                f"rows has {odd[0]!r}; give the numbers of rows, as the column row of to_frame "
                "has them."
            )
        single = np.array([*rows], dtype=np.int64)
        beyond = single[(single < 0) | (single >= n_rows)]
        if beyond.size:
            raise ValueError(f"there is no row {beyond[0]}; rows are 0 to {n_rows - 1}.")
        theirs = np.isin(stated.source, [names.index(name) for name in sources])
        reasons = rows if isinstance(rows, Mapping) else {}
        left_out = {
            row: reasons.get(row, "left out")
            for row in np.union1d(single, np.flatnonzero(theirs)).tolist()
        }
        broken = [row for row, reason in left_out.items() if is_broken(str(reason))]
        if broken:
            raise ValueError(f"the reason of row {broken[0]} has {HALF}; spell it out.")
        # A claim that was left out before keeps its first reason.
        left_out |= dict(self.record.left_out)
        return self.from_record(
            judged(stated, self.record.known_by, tuple(sorted(left_out.items())))
        )

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
            pooled: see ``group`` in `from_table`. What stands in a formula is run as code: never
            take one from a stranger.
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
            `formula` is not text, or `table` not a dataframe in memory.
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
        record = self.record
        read = design.read_design(formula, table, record.rows.locations, columns or {}, exposure)
        rows = replace(record.rows, design=read)
        return self.from_record(judged(rows, record.known_by, record.left_out))

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
            Some locations are not periods.
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

    @property
    def periods(self) -> "pd.DataFrame":
        """Days that each location stands for, where claims speak of periods.

        Returns
        -------
        pandas.DataFrame
            Indexed by location: ``place``; ``begin`` and ``end``, first and last day, the first
            ``NaT`` for a total to date; ``days``, how many they are, those of a total to date
            counted from the first day that any claim on the place names; ``middle``, days to the
            middle from the first day of all. Locations that are not periods are not in it.
        """
        return frames.periods(self.locations, self.record.rows.spans)

    @property
    def record(self) -> Record:
        """Every row of the table as it was stated, and whether it is evidence."""
        return self._record

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

    @property
    def location_index(self) -> Integers:
        """Position of each claim's location in `locations`. Shape (n_claims,)."""
        return np.repeat(np.arange(self.n_locations), np.diff(self.offsets))

    @cached_property
    def _tiers(self) -> tuple[tuple[str, ...], Integers]:
        if not self.is_nested:
            return (hierarchy.TOP,), np.zeros(self.n_locations, np.int64)
        spans = self.record.rows.spans
        in_time = np.array([name in spans for name in self.locations])
        return hierarchy.tiers(self.parent, self.complete, in_time)

    @property
    def tiers(self) -> tuple[str, ...]:
        """Levels of the trees of wholes and parts that have tolls of their own, sorted.

        Such as ``"level 2"``, of parts of a whole, and ``"remainder of level 1"``, of what is not
        listed of wholes; all of level 1 where no location is a part of another.
        """
        return self._tiers[0]

    @property
    def tier_index(self) -> Integers:
        """Position in `tiers` of each location; of a whole that of its remainder."""
        return self._tiers[1]

    @cached_property
    def _levels(self) -> tuple[Integers, Integers]:
        if not self.covariate_names and len(self.tiers) < 2:
            n_groups = max(len(self.groups), 1)
            first = np.zeros(n_groups, np.int64)
            first[self.group_index[::-1]] = np.arange(self.n_locations)[::-1]
            return self.group_index, first
        keys = np.column_stack([
            self.group_index, self.tier_index, self.log_exposure, self.covariates
        ])  # fmt: skip
        _, first, level = np.unique(keys, axis=0, return_index=True, return_inverse=True)
        return level.ravel(), first

    @property
    def level_index(self) -> Integers:
        """Which prior each location's toll has, shape (n_locations,).

        Locations of one group and tier with the same covariates and exposure share one.
        """
        return self._levels[0]

    @property
    def level_location(self) -> Integers:
        """Position of the first location with each prior of `level_index`, shape (n_levels,)."""
        return self._levels[1]

    @cached_property
    def _voiced(self) -> tuple[Integers, Integers]:
        n_sides = len(self.sides) + 1
        if n_sides == 1:  # as in a million claims
            sources = np.arange(self.n_sources)
            return np.stack([sources, np.full_like(sources, BLANK)], axis=1), self.source_index
        side = self.side_index[self.location_index]
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
    def voice_index(self) -> Integers:
        """Position of each claim's source and side in `voices`. Shape (n_claims,)."""
        return self._voiced[1]

    @property
    def is_bound(self) -> Flags:
        """Whether each claim says "at least" or "at most", and no more. Shape (n_claims,)."""
        return np.asarray((self.kind == AT_LEAST) | (self.kind == AT_MOST), np.bool_)

    @property
    def is_estimate(self) -> Flags:
        """Whether each claim states an error of its own. Shape (n_claims,)."""
        return np.asarray(self.kind == ESTIMATE, np.bool_)

    @property
    def is_zero(self) -> Flags:
        """Whether each claim counts none. Shape (n_claims,)."""
        return np.asarray((self.kind == COUNT) & (self.upper == 0), np.bool_)

    @cached_property
    def summed(self) -> tuple[str, ...]:
        """Locations on which every source counts the sum of what it counts on all others.

        Such as a row of totals, which would be one more place. Of fewer than three others a sum
        may be chance. None where locations are parts of others.
        """
        is_count = self.kind == COUNT
        if self.is_nested or self.n_locations < 4 or not is_count.all():
            return ()
        source = self.source_index
        doubled = 2 * self.lower == np.bincount(source, self.lower, self.n_sources)[source]
        doubled &= (self.lower > 0) & (np.bincount(source, minlength=self.n_sources)[source] > 3)
        location = self.location_index
        n_doubled = np.bincount(location[doubled], minlength=self.n_locations)
        all_of_them = (n_doubled > 0) & (n_doubled == np.diff(self.offsets))
        return tuple(self.locations[i] for i in np.flatnonzero(all_of_them).tolist())

    @property
    def are_apart(self) -> bool:
        """Whether there are several sources, and no location on which two of them speak.

        As in two lists of the same incidents by numbers of their own: nothing is compared then,
        and totals add up both. Of wholes and parts it is not asked.
        """
        several = self.n_sources > 1 and self.n_locations > 1
        return several and not self.is_nested and bool((self.claims_per_location < 2).all())

    @property
    def _named_sources(self) -> str:
        """Names of the sources where these are few."""
        if not 0 < self.n_sources <= _MOST_NAMED:
            return ""
        names = ", ".join(self.sources)
        return f" ({names})" if len(names) <= _MOST_LETTERS else ""

    @property
    def ceiling(self) -> Integers:
        """The most deaths that certain claims and caps leave. Shape (n_locations,)."""
        return np.minimum(self.most, self.cap)

    @property
    def has_bounds(self) -> bool:
        """Whether some claim is a bound."""
        return bool(self.is_bound.any())

    @property
    def has_lists(self) -> bool:
        """Whether deaths are documented somewhere."""
        return bool((self.documented > 0).any())

    @property
    def has_zeros(self) -> bool:
        """Whether some claim counts none."""
        return bool(self.is_zero.any())

    @property
    def has_verified(self) -> bool:
        """Whether somebody has verified a toll."""
        return bool((self.verified >= 0).any())

    @cached_property
    def has_several_counts(self) -> bool:
        """Whether some location has two counts or more, one of which may be a copy."""
        before = np.concatenate([[0], np.cumsum(self.kind == KINDS.index("count"))])
        return bool((np.diff(before[self.offsets]) > 1).any())

    @property
    def has_ages(self) -> bool:
        """Whether some claim is of a known age."""
        return not np.isnat(self.onset).all() and bool(np.isfinite(self.age).any())

    @cached_property
    def age(self) -> Floats:
        """Days from the onset to each claim; infinite where one or the other is not known.

        Shape (n_claims,). A day without a time counts as its noon.
        """
        return _closed(ages(self.record.rows.date[self.row], self.onset[self.location_index]))

    @cached_property
    def n_figures(self) -> Integers:
        """Distinct intervals among the claims on each location. Shape (n_locations,).

        As many as there are claims where all differ; 1 where all say the same, which is as
        likely to be one figure going the rounds as several sources that agree.
        """
        location = self.location_index
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
            ``cap``, ``parent`` and ``onset`` where there are any, and what estimates
            state of their own error as ``log_sd_below`` and ``log_sd_above``. `upper` and `cap`
            are ``<NA>``
            where there is no upper bound, and documented deaths are a lower bound. `from_table`
            reads it back;
            locations nobody reported on have no row, and go through its `locations` or `parents`,
            and wholes that are complete through `complete`.
        """
        return frames.evidence_frame(self.record)

    @property
    def excluded(self) -> "pd.DataFrame":
        """All claims that are not evidence, each with its reason, in the order of the table.

        A DataFrame with the columns ``row, location, source, kind, lower, upper, date, reason``.
        """
        return frames.excluded(self.record)

    def __repr__(self) -> str:
        """Say how many claims there are, and how many were set aside, and why."""
        kinds = self.record.rows.kind[self.record.in_evidence]
        without_error = [
            plural(int((kinds == kind).sum()), name)
            for kind, name in (
                (DOCUMENTED, "documented floor"),
                (VERIFIED, "verified toll"),
                (WITHIN, "certain interval"),
            )
            if (kinds == kind).any()
        ]
        text = (
            f"Claims: {plural(self.n_claims, 'claim')} by {plural(self.n_sources, 'source')}"
            f"{self._named_sources} on {plural(self.n_locations, 'location')}"
        )
        silent = int((self.claims_per_location == 0).sum())
        if silent:
            text += f", {silent:,} of them silent"
        if self.is_nested:
            n_parts = int((self.parent >= 0).sum())
            text += f", {n_parts:,} {'a part of another' if n_parts == 1 else 'parts of others'}"
        if self.are_apart:
            text += f"; {APART}"
        if self.summed:
            text += f"; counts on {shown(self.summed[0])} are the sums of those on all others"
        if without_error:
            text += f", with {' and '.join(without_error)}"
        tally = self.record.tally()
        return f"{text}; {tally}" if tally else text

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Lay out the rows in evidence by location."""
        rows, evidence, kept = record.rows, record.in_evidence, record.is_kept
        known = certain(rows, evidence)
        noisy = np.flatnonzero(evidence & (rows.kind < DOCUMENTED))
        key = rows.location[noisy] * len(rows.names) + rows.source[noisy]
        noisy = noisy[np.argsort(key, kind="stable")]
        sided, side_index = _compact(rows.side_index[kept] + 1, len(rows.sides) + 1)
        grouped, group_index = _compact(rows.group_index[kept], max(len(rows.groups), 1))
        used, source_index = _compact(rows.source[noisy], len(rows.names))
        per_location = np.bincount(rows.location[noisy], minlength=len(kept))[kept]
        in_evidence = np.bincount(rows.location[evidence], minlength=len(kept))[kept]
        locations = rows.locations
        if not kept.all():
            locations = tuple(np.array(locations, dtype=object)[kept].tolist())
        parent, complete = hierarchy.taken(rows.parent, kept), rows.complete[kept]
        if (parent >= 0).any():
            hierarchy.check_sums(
                locations,
                parent,
                complete,
                np.minimum(rows.cap, known.most)[kept],
                known.least[kept],
                known.verified[kept],
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
            sd_below=rows.sd_below[noisy],
            sd_above=rows.sd_above[noisy],
            kind=rows.kind[noisy],
            row=noisy,
            documented=known.documented[kept],
            verified=known.verified[kept],
            least=known.least[kept],
            most=known.most[kept],
            cap=rows.cap[kept],
            parent=parent,
            complete=complete,
            covariate_names=rows.design.covariate_names,
            covariates=rows.design.covariates[kept],
            log_exposure=rows.design.log_exposure[kept],
            onset=rows.onset[kept],
            claims_per_location=in_evidence,
            _record=record,
        )

    def restricted(self, keep: Flags) -> Self:
        """Claims on some locations, of which none is a part or a whole of another.

        Parameters
        ----------
        keep : ndarray of bool, shape (n_locations,)
            Which locations.

        Returns
        -------
        Claims
            New, with all sources and groups; its `record` is that of all locations.
        """
        of_claim = keep[self.location_index]
        per_location = np.diff(self.offsets)[keep]
        by_claim = ("source_index", "lower", "upper", "sd_below", "sd_above", "kind", "row")
        by_location = (
            "group_index", "side_index", "covariates", "log_exposure", "documented", "verified",
            "least", "most", "cap", "complete", "onset", "claims_per_location",
        )  # fmt: skip
        return replace(
            self,
            locations=tuple(np.array(self.locations, dtype=object)[keep].tolist()),
            offsets=np.concatenate([[0], per_location.cumsum()]).astype(np.int64),
            parent=np.full(len(per_location), BLANK),
            **{name: getattr(self, name)[of_claim] for name in by_claim},
            **{name: getattr(self, name)[keep] for name in by_location},
        )


def _is_position(row: object) -> bool:
    """Whether something is the number of a row: no share, and no flag of a mask."""
    return isinstance(row, int | np.integer) and not isinstance(row, bool)


def _compact(codes: Integers, n: int) -> tuple[list[int], Integers]:
    """Give the codes that occur new numbers from 0, in the same order."""
    occurs = np.zeros(n, dtype=bool)
    occurs[codes] = True
    return np.flatnonzero(occurs).tolist(), (np.cumsum(occurs) - 1)[codes]


def _closed[A: np.ndarray[Any, Any]](array: A) -> A:
    array.flags.writeable = False
    return array


def _close(value: object) -> None:
    """Close to writing all arrays of a dataclass, and of the dataclasses within it."""
    for item in fields(value):  # type: ignore[arg-type]
        part = getattr(value, item.name)
        if isinstance(part, np.ndarray):
            _closed(part)
        elif is_dataclass(part):
            _close(part)
