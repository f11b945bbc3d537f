"""Patterns of claims: a distinct multiset of claims is summed once for all its locations."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from tollest import noise
from tollest._arrays import Floats, Integers
from tollest._sums import bounds, marginal
from tollest._sums import shards as passes
from tollest._sums.mass import Grid
from tollest._sums.shards import Sums
from tollest._sums.tables import Claimed, Parameters
from tollest._sums.threads import threaded
from tollest.claims.table import KINDS, UNBOUNDED, Claims
from tollest.model.layout import has_location_error
from tollest.model.names import Names, positions
from tollest.model.ranks import ranks, ranks_of_runs, take_runs
from tollest.noise import Family
from tollest.priors import Censored, Never, Priors

type Bins = tuple[Integers, Integers]  # first and last toll of each point of the support

_FEW = 256  # patterns whose mass functions every thread can hold


@dataclass(frozen=True, eq=False)
class PatternLayout:
    """Locations grouped by what is claimed on them, before any support is chosen.

    Attributes
    ----------
    pattern : ndarray of int, shape (n_locations,)
        Pattern of each location.
    multiplicity : ndarray of float, shape (n_patterns,)
        Locations of each pattern.
    claim_voice, claim_figure : ndarray of int, shape (n_distinct,)
        Voice of each distinct claim (its source, by side), and position of the figure that it
        may repeat, or -1.
    claim_form : ndarray of int, shape (n_distinct,)
        How the number of each stands to the toll; see `tollest._sums.bounds`. Lists of names are
        claims of no voice, -1.
    claim_age : ndarray of float, shape (n_distinct,)
        Days from the onset at which it was made, infinite where that says nothing.
    claim_sd : ndarray of float, shape (2, n_distinct)
        Standard deviation that each states of its own error on the log1p axis, where the centre
        is below its number and above it; 0 where it states none.
    claim_edges : ndarray of float, shape (3, n_distinct)
        Lower edge, upper edge and width on the log1p axis, of a bound those of its number.
    figure_edges : ndarray of float, shape (3, n_figures)
        The same of each distinct figure.
    offsets : ndarray of int, shape (n_patterns + 1,)
        Pattern ``p`` has the distinct claims ``members[offsets[p]:offsets[p + 1]]``, from the
        oldest age on, and of one age those of one figure side by side.
    members : ndarray of int
        Distinct claims.
    level : ndarray of int, shape (n_patterns,)
        Which prior the toll has, by its position among the levels of `Names`.
    floor, end : ndarray of int, shape (n_patterns,)
        The least that a toll can be, and the number after the most, or `UNBOUNDED`.
    cap_edge : ndarray of float, shape (n_patterns,)
        Upper edge of the cap on the log1p axis, infinite where there is none.
    has_location_error : bool
        Whether all claims on a location share an error: where somebody has verified a toll.
    """

    pattern: Integers
    multiplicity: Floats
    claim_voice: Integers
    claim_figure: Integers
    claim_form: Integers
    claim_age: Floats
    claim_sd: Floats
    claim_edges: Floats
    figure_edges: Floats
    offsets: Integers
    members: Integers
    level: Integers
    floor: Integers
    end: Integers
    cap_edge: Floats
    has_location_error: bool

    @classmethod
    def of(cls, claims: Claims, names: Names, priors: Priors) -> "PatternLayout":
        """Group the locations of `claims`; `priors` say whether counts can repeat, and deny."""
        stated = _Stated.of(claims, names, priors)
        level_index = names.levels(claims)
        number = stated.number
        bounded = stated.upper != UNBOUNDED
        above = stated.upper[bounded].max(initial=0) + 1
        # One above the others for no bound: ranks of neighbouring numbers are faster.
        claim_rank, example = ranks(
            *stated.by_age,
            number,
            stated.speaker,
            stated.lower,
            np.where(bounded, stated.upper, above),
            *stated.by_sd,
        )
        figures, claim_figure = np.unique(number[example], return_inverse=True)
        if figures.size and figures[0] == -1:
            figures, claim_figure = figures[1:], claim_figure - 1
        pattern, representative, members, offsets = _grouped(
            claims, stated, claim_rank, example.size
        )
        verified, cap = claims.verified[representative], claims.cap[representative]
        ceiling = claims.ceiling[representative]
        known, is_capped, is_bounded = verified >= 0, cap != UNBOUNDED, ceiling != UNBOUNDED
        end = np.where(known, verified + 1, np.where(is_bounded, ceiling, -1) + 1)
        return cls(
            pattern=pattern,
            multiplicity=np.bincount(pattern).astype(np.float64),
            claim_voice=stated.voice[example],
            claim_figure=claim_figure.astype(np.int64),
            claim_form=stated.form[example],
            claim_age=stated.age[example],
            claim_sd=stated.sd[:, example],
            claim_edges=np.stack(
                noise.interval_edges(stated.lower[example], stated.upper[example], UNBOUNDED)
            ),
            figure_edges=np.stack(noise.interval_edges(figures, figures, UNBOUNDED)),
            offsets=offsets,
            members=members,
            level=level_index[representative],
            floor=np.where(known, verified, claims.least[representative]),
            end=np.where(known | is_bounded, end, UNBOUNDED),
            cap_edge=np.where(is_capped, np.log1p(np.where(is_capped, cap, 0) + 0.5), np.inf),
            has_location_error=has_location_error(names, priors),
        )

    def silent(self, n_levels: int) -> "PatternLayout":
        """Make one pattern of each level, without claims, floors, caps or verified tolls."""
        return replace(
            self,
            pattern=self.level[self.pattern],
            multiplicity=np.ones(n_levels),
            offsets=np.zeros(n_levels + 1, np.int64),
            members=np.zeros(0, np.int64),
            level=np.arange(n_levels),
            floor=np.zeros(n_levels, np.int64),
            end=np.full(n_levels, UNBOUNDED),
            cap_edge=np.full(n_levels, np.inf),
        )


@dataclass(frozen=True, eq=False)
class _Stated:
    """What is stated, by claims that may err and by lists of names; all in order of location.

    Arrays have shape (n_stated,), but for `offsets`, (n_locations + 1,).
    """

    location: Integers
    offsets: Integers
    voice: Integers  # -1 of a list
    form: Integers
    age: Floats  # infinite where it says nothing
    sd: Floats  # (2, n_stated) that each states of its own error, 0 where it does not
    number: Integers  # that may be a figure in circulation, or -1
    lower: Integers
    upper: Integers

    @classmethod
    def of(cls, claims: Claims, names: Names, priors: Priors) -> "_Stated":
        """State the claims of a table as the model takes them."""
        voice = positions(claims.voices, names.voices)[claims.voice_index]
        form, age = np.zeros(claims.n_claims, np.int64), np.full(claims.n_claims, np.inf)
        lower, upper = claims.lower, claims.upper
        if names.has_ages and not isinstance(priors.log_early_shortfall, Never):
            age = claims.age
        if names.has_bounds and not isinstance(priors.log_shortfall, Censored):
            is_bound, is_open = claims.is_bound, claims.upper == UNBOUNDED
            form[is_bound] = np.where(is_open, bounds.FALLS_SHORT, bounds.GOES_BEYOND)[is_bound]
            lower = np.where(is_bound & ~is_open, upper, lower)
            upper = np.where(is_bound & is_open, lower, upper)
        if names.has_zeros and not isinstance(priors.logit_denial, Never):
            form[claims.is_zero] = bounds.DENIED
        form[claims.is_estimate] = bounds.ESTIMATED
        sd = np.stack([claims.sd_below, claims.sd_above])
        can_repeat = claims.kind == KINDS.index("count")
        can_repeat &= not isinstance(priors.logit_repeat, Never)
        number = np.where(can_repeat, claims.lower, -1)
        if isinstance(priors.log_list_shortfall, Censored) or not names.has_lists:
            return cls(
                claims.location_index, claims.offsets, voice, form, age, sd, number, lower, upper
            )  # fmt: skip
        listed = np.flatnonzero(claims.documented > 0)
        location = np.concatenate([claims.location_index, listed])
        order = np.argsort(location, kind="stable")
        none = np.full(listed.size, -1)

        def joined[A: (Integers, Floats)](column: A, of_list: A) -> A:
            return np.concatenate([column, of_list])[order]

        n_lists = np.concatenate([[0], np.cumsum(claims.documented > 0)])
        names_of = claims.documented[listed]
        return cls(
            location[order], claims.offsets + n_lists, joined(voice, none),
            joined(form, np.full(listed.size, bounds.LISTED)),
            joined(age, np.full(listed.size, np.inf)),
            np.concatenate([sd, np.zeros((2, listed.size))], axis=1)[:, order],
            joined(number, none),
            joined(lower, names_of), joined(upper, names_of),
        )  # fmt: skip

    @property
    def by_age(self) -> tuple[Integers, ...]:
        """Order of ages, from the oldest on; nothing where all are of none."""
        if np.isinf(self.age).all():
            return ()
        return (np.unique(-self.age, return_inverse=True)[1],)

    @property
    def by_sd(self) -> tuple[Integers, ...]:
        """Order of stated errors; nothing where nobody states one."""
        if not self.sd.any():
            return ()
        return tuple(np.unique(sd, return_inverse=True)[1] for sd in self.sd)

    @property
    def speaker(self) -> Integers:
        """Voices, told apart by the form of what they say."""
        return self.voice * bounds.N_FORMS + self.form if self.form.any() else self.voice


class Drawn(NamedTuple):
    """One joint draw of the tolls of a part's locations.

    Attributes
    ----------
    number : ndarray of int, shape (n,)
        The tolls; or where there is a `share` their bins.
    share : ndarray of float, shape (n,), or None
        Share of its bin's mass below each toll; mass functions turn bin and share into a toll.
    """

    number: Integers
    share: Floats | None = None


@dataclass(frozen=True, eq=False)
class Patterns:
    """Locations apart from others, which are independent given theta; see `Part`.

    Parameters
    ----------
    layout : PatternLayout
        Their patterns.
    locations : ndarray of int, shape (n,)
        Their positions among all locations.
    n_all : int
        Number of all locations.
    n_levels : int
        Number of distinct priors of tolls.
    bins : tuple of ndarray of int
        First and last toll of each point of the support.
    noise, toll : Family
        Those of the model.
    """

    layout: PatternLayout
    locations: Integers
    n_all: int
    n_levels: int
    bins: Bins
    noise: Family
    toll: Family

    name = "patterns"

    @property
    def rows(self) -> Integers:
        """Pattern of each location."""
        return self.layout.pattern

    @property
    def n_rows(self) -> int:
        """Number of patterns."""
        return self.layout.level.size

    @property
    def n_terms(self) -> int:
        """Claims of all patterns."""
        return self.layout.members.size

    @property
    def is_small(self) -> bool:
        """Whether every thread can hold all mass functions."""
        return self.n_rows <= _FEW

    @property
    def separable(self) -> Claimed:
        """The patterns, which are independent given theta."""
        return self.problem

    @cached_property
    def problem(self) -> Claimed:
        """Claims and support as the compiled functions know them."""
        first, last = self.bins
        bin_lower, bin_upper, bin_width = noise.interval_edges(
            first, np.append(last[:-1], UNBOUNDED), UNBOUNDED
        )
        middle = 0.5 * (bin_lower[1:-1] + bin_upper[1:-1])
        single = first[1:-1] == last[1:-1]
        x = np.concatenate([
            [0.0], np.where(single, np.log1p(first[1:-1]), middle), [math.log1p(first[-1])]
        ])  # fmt: skip
        layout = self.layout
        is_bounded = layout.end != UNBOUNDED
        begin = np.searchsorted(first, layout.floor, side="right") - 1
        end = np.where(is_bounded, np.searchsorted(first, layout.end), first.size)
        family, df = noise.family_code(self.noise)
        toll_family, toll_df = noise.family_code(self.toll)
        return Claimed(
            family=family, df=df, toll_family=toll_family, toll_df=toll_df,
            grid=Grid(x, bin_lower, bin_upper, bin_width),
            claim_voice=layout.claim_voice, claim_form=layout.claim_form,
            claim_age=layout.claim_age,
            claim_below=noise.scale_of(self.noise, layout.claim_sd[0]),
            claim_above=noise.scale_of(self.noise, layout.claim_sd[1]),
            claim_lower=layout.claim_edges[0],
            claim_upper=layout.claim_edges[1], claim_width=layout.claim_edges[2],
            claim_figure=layout.claim_figure, figure_lower=layout.figure_edges[0],
            figure_upper=layout.figure_edges[1], figure_width=layout.figure_edges[2],
            offsets=layout.offsets, members=layout.members, level=layout.level,
            first=begin.astype(np.int64), last=end.astype(np.int64),
            cap_edge=layout.cap_edge, multiplicity=layout.multiplicity,
            has_location_error=layout.has_location_error,
        )  # fmt: skip

    @cached_property
    def shards(self) -> list[Claimed]:
        """Patterns in stretches, each with its own claims, that threads take one by one."""
        return passes.shards(self.problem)

    def some(self, most: int) -> Claimed:
        """At most so many of the patterns, spread evenly over all, with their claims."""
        size = self.n_rows
        chosen = np.unique(np.linspace(0, size - 1, min(most, size)).astype(np.int64))
        return passes.chosen(self.problem, chosen)

    def sums(self, points: list[Parameters], gradient: bool, curvature: bool) -> Sums:
        """Log marginal likelihoods and derivatives, as `tollest._sums.shards.run`."""

        def of_shard(shard: Claimed) -> Sums:
            return passes.run(shard, points, gradient, curvature)

        return passes.add_sums(threaded(of_shard, self.shards))

    def logs(self, point: Parameters, most: int) -> Floats:
        """Log marginal likelihoods of at most so many patterns."""
        some = self.some(most)
        out = np.empty(some.multiplicity.size)
        if out.size:
            marginal.log_likelihoods(some, point, out)
        return out

    def new_masses(self) -> Floats:
        """Zeros that `draw` can add mass functions to, shape (n_patterns, n_support)."""
        return np.zeros((self.n_rows, self.bins[0].size))

    def on_bins(self, masses: Floats) -> Floats:
        """Mass functions on the posterior's bins, which are theirs."""
        return masses

    def averaged(self, points: list[Parameters]) -> Floats:
        """Mass functions averaged over points, shape (n_patterns, n_support)."""
        return average(self.problem, points, np.full(len(points), 1.0 / len(points)))

    @cached_property
    def _order(self) -> Integers:
        """Locations by pattern, shape (n,)."""
        return np.argsort(self.layout.pattern, kind="stable")

    def draw(
        self, point: Parameters, rng: np.random.Generator, weight: float = 0.0,
        masses: Floats | None = None,
    ) -> Drawn:  # fmt: skip
        """One joint draw of the tolls; `weight` times the mass functions go to `masses`.

        One number of the stream for each of all locations, read off by location: which part a
        location is in does not matter.
        """
        uniform = rng.random(self.n_all)
        if self.locations.size < self.n_all:
            uniform = uniform[self.locations]
        bins, shares = np.empty(uniform.size, np.int64), np.empty(uniform.size)
        marginal.tolls(
            self.problem, point, weight, np.empty((0, 0)) if masses is None else masses,
            self.layout.pattern, self._order, uniform, bins, shares, np.empty(0),
        )  # fmt: skip
        return Drawn(bins, shares)

    def silent(self) -> "Patterns":
        """Take away all claims, floors, caps and verified tolls."""
        return replace(self, layout=self.layout.silent(self.n_levels))


def average(problem: Claimed, points: Iterable[Parameters], weights: Floats) -> Floats:
    """Weighted masses of each pattern's toll, shape (n_patterns, n_support)."""
    out = np.zeros((problem.multiplicity.size, problem.grid.x.size))
    for point, weight in zip(points, weights, strict=True):
        marginal.add_toll_masses(problem, point, float(weight), out)
    return out


def _certain_intervals(claims: Claims) -> tuple[Integers, ...]:
    """Least and most of each toll by certain intervals; nothing where there are none."""
    has_any = (claims.most != UNBOUNDED).any() or (claims.least > claims.documented).any()
    return (claims.least, claims.most) if has_any else ()


def _grouped(
    claims: Claims, stated: _Stated, claim_rank: Integers, n_distinct: int
) -> tuple[Integers, Integers, Integers, Integers]:
    """Pattern of each location, a location of each pattern, and the patterns' distinct claims.

    Patterns are ordered by what they hold, not by their rows in the table, so that the order of
    the rows cannot change a sum's rounding; and first by level, then by distinct claims, so that
    neighbours share rows of the tables.
    """
    # Distinct claims are ordered by figure, so sorting puts those of one side by side.
    location = stated.location * n_distinct
    members = np.sort(location + claim_rank) - location
    pattern, representative = ranks(
        claims.level_index,
        ranks_of_runs(members, stated.offsets),
        claims.documented,
        claims.verified,
        claims.cap,
        *_certain_intervals(claims),
    )
    chosen, offsets = take_runs(stated.offsets, representative)
    return pattern, representative, members[chosen], offsets
