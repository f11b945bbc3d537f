"""Claims on one location that no error of a usual size makes one number of.

A survey's 264,762 beside an event list's 177 is hardly an error: one of them counts something
else. Such claims are found by the widest gap between those on a location, held against what the
sources' errors are like: those learnt, of a source with several claims, else those of the prior,
since a lone conflict teaches any error that explains it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tollest._arrays import Flags, Floats, Integers
from tollest.claims.intervals import AT_LEAST, AT_MOST
from tollest.claims.table import UNBOUNDED, Claims
from tollest.model.posterior import Posterior
from tollest.model.prior_draws import draw_unknowns
from tollest.noise import scale_of
from tollest.priors import Never

if TYPE_CHECKING:
    from tollest.estimation.masses import TollMasses

# Probability of a gap below which claims are in conflict: for certain, and where the posterior has
# two humps.
_RARE, _UNUSUAL = 1e-3, 0.02
_FACTOR = math.log(2.0)  # gap on the log1p axis below which there is no conflict
_KNOWN = 5  # claims of a source from which on its errors are taken as learnt
_DRAWS = 400
_HUMP = 0.01  # least weight of the smaller of two humps
_VALLEY = 0.7  # least density between them, as a share of the lower one's peak, that is none
_WIDTH = 0.25  # of the bins that humps are seen in, on the log1p axis


@dataclass(frozen=True)
class Conflict:
    """Claims of two sizes on one location.

    Attributes
    ----------
    location : str
        The location.
    lower, upper : tuple of (str, int)
        Sources that claim fewer, and more, each with its number.
    weight_below, weight_above : float
        Posterior probability that the toll is nearer to either on the log axis.
    """

    location: str
    lower: tuple[tuple[str, int], ...]
    upper: tuple[tuple[str, int], ...]
    weight_below: float
    weight_above: float

    def __str__(self) -> str:
        """Name the claims, where the toll lies, and what to ask."""
        return (
            f"{_listed(self.lower)} and {_listed(self.upper)} are further apart than errors of "
            f"such sources; the toll is near the smaller with a probability of "
            f"{_percent(self.weight_below)}, near the larger with one of "
            f"{_percent(self.weight_above)}. Do they count the same people, days and place?"
        )


def _listed(claims: Sequence[tuple[str, int]]) -> str:
    parts = [f"{number:,} ({source})" for source, number in claims[:3]]
    more = [f"{len(claims) - 3} more"] if len(claims) > 3 else []
    return ", ".join(parts + more)


def _percent(share: float) -> str:
    if share < 0.01:
        return "less than 1 %"
    return "more than 99 %" if share > 0.99 else f"{100 * share:.0f} %"


def find_conflicts(
    posterior: Posterior, thetas: Floats, masses_of: "Callable[[Integers], TollMasses]"
) -> tuple[Conflict, ...]:
    """Find the locations whose claims are in conflict.

    Parameters
    ----------
    posterior : Posterior
        The model and the claims.
    thetas : ndarray of float, shape (n_draws, n_theta)
        Draws of theta.
    masses_of : callable
        Mass functions of tolls, by positions of locations.
    """
    claims = posterior.claims
    usable = _numbers(claims, posterior)
    gap, below, above = _widest_gaps(claims, usable)
    places = np.flatnonzero(gap > _FACTOR)
    if not places.size:
        return ()
    habits, out = _Habits(posterior, thetas), []
    for place in places.tolist():
        claimed = int(below[place]), int(above[place])
        if gap[place] < habits.unusual_gap(*claimed):
            continue
        rarity = habits.probability(float(gap[place]), *claimed)
        if rarity >= _UNUSUAL:
            continue
        masses = masses_of(np.array([place]))
        members = np.arange(claims.offsets[place], claims.offsets[place + 1])
        members = members[usable[members]]
        is_lower = claims.lower[members] <= claims.lower[below[place]]
        middle = 0.5 * (
            np.log1p(claims.upper[below[place]]) + np.log1p(claims.lower[above[place]])
        )
        more = float(masses.at_least(int(np.ceil(np.expm1(middle))))[0])
        if rarity < _RARE or (min(more, 1.0 - more) > _HUMP and _has_valley(masses, middle)):
            out.append(Conflict(
                claims.locations[place], _said(claims, members[is_lower]),
                _said(claims, members[~is_lower]), 1.0 - more, more,
            ))  # fmt: skip
    return tuple(out)


def _numbers(claims: Claims, posterior: Posterior) -> Flags:
    """Which claims are of a number that the toll is near: no bounds, denials or early ones."""
    usable = (claims.kind != AT_LEAST) & (claims.kind != AT_MOST) & (claims.upper != UNBOUNDED)
    priors = posterior.model.priors
    if not isinstance(priors.logit_denial, Never):
        usable &= ~claims.is_zero
    if claims.has_ages and not isinstance(priors.log_early_shortfall, Never):
        usable &= np.isinf(claims.age)
    known = claims.verified >= 0
    return np.asarray(usable & ~known[claims.location_index])


def _widest_gaps(claims: Claims, usable: Flags) -> tuple[Floats, Integers, Integers]:
    """Widest gap between claims on each location, and the claims below and above it."""
    n = claims.n_locations
    gap, below, above = np.zeros(n), np.full(n, -1), np.full(n, -1)
    rows = np.flatnonzero(usable)
    location = claims.location_index[rows]
    order = np.lexsort((claims.lower[rows], location))
    rows, location = rows[order], location[order]
    if rows.size < 2:
        return gap, below, above
    # Of claims up to each the one that reaches furthest.
    furthest = _running_highest(location, claims.upper[rows])
    same = location[1:] == location[:-1]
    between = np.log1p(claims.lower[rows[1:]]) - np.log1p(claims.upper[rows[furthest[:-1]]])
    between = np.where(same, between, -np.inf)
    best = np.argsort(between, kind="stable")  # assigned last, so the widest stays
    gap[location[1:][best]] = between[best]
    below[location[1:][best]] = rows[furthest[:-1]][best]
    above[location[1:][best]] = rows[1:][best]
    return gap, below, above


def _running_highest(location: Integers, values: Integers) -> Integers:
    """Position of the highest value up to each, among those of its location."""
    best = np.maximum.accumulate(location * (int(values.max()) + 1.0) + values)
    is_new = np.ones(values.size, bool)
    is_new[1:] = best[1:] > best[:-1]
    return np.asarray(np.maximum.accumulate(np.where(is_new, np.arange(values.size), 0)))


class _Habits:
    """What is known of sources' errors."""

    def __init__(self, posterior: Posterior, thetas: Floats) -> None:
        self.posterior, self.claims = posterior, posterior.claims
        chosen = np.linspace(0, len(thetas), min(_DRAWS, len(thetas)), endpoint=False)
        self.points = [posterior.parameters(theta) for theta in thetas[chosen.astype(np.int64)]]
        self.n_claims = np.bincount(self.claims.voice_index, minlength=len(self.claims.voices))
        self._drawn: dict[int | str, tuple[Floats, Floats]] = {}
        self._unusual: dict[tuple[int | str, int | str], float] = {}

    def _key(self, claim: int, role: str) -> int | str:
        """Say what the errors of a source are known by: its voice, its name, or as any."""
        voice = int(self.claims.voice_index[claim])
        if self.n_claims[voice] >= _KNOWN:
            return voice
        name = self.claims.sources[int(self.claims.source_index[claim])]
        # Sources of which nothing is known by themselves are alike, but two are apart.
        return name if name in self.posterior.model.priors.sources else role

    def _of(self, key: int | str) -> tuple[Floats, Floats]:
        """Draws of the bias and the scatter of a source."""
        if key in self._drawn:
            return self._drawn[key]
        if isinstance(key, int):
            bias = np.array([point.bias[key] for point in self.points])
            log_scatter = np.array([point.log_scatter[key] for point in self.points])
        else:
            rng, priors = np.random.default_rng(len(self._drawn)), self.posterior.model.priors
            drawn = [draw_unknowns(priors, [key], rng) for _ in range(_DRAWS)]
            bias = np.array([unknowns[f"bias[{key}]"] for unknowns in drawn])
            log_scatter = np.array([unknowns[f"log_scatter[{key}]"] for unknowns in drawn])
        self._drawn[key] = bias, np.exp(log_scatter)
        return self._drawn[key]

    def _beyond(self, gap: float, keys: tuple[int | str, int | str], stated: float) -> float:
        """Probability of a gap between claims of two sources, or of a wider one."""
        (bias, scatter), (other_bias, other_scatter) = (self._of(key) for key in keys)
        n = min(bias.size, other_bias.size)
        scale = np.sqrt(scatter[:n] ** 2 + other_scatter[:n] ** 2 + stated)
        shift, family = other_bias[:n] - bias[:n], self.posterior.model.noise
        tails = [np.exp(family.log_cdf(-(gap + sign * shift) / scale)) for sign in (-1.0, 1.0)]
        return float(np.mean(np.minimum(tails[0] + tails[1], 1.0)))

    def unusual_gap(self, below: int, above: int) -> float:
        """Gap that counts of two sources hardly exceed, whatever they state of their errors."""
        keys = self._key(below, "below"), self._key(above, "above")
        if keys not in self._unusual:
            low, high = 0.0, 100.0
            for _ in range(20):
                middle = 0.5 * (low + high)
                is_rarer = self._beyond(middle, keys, 0.0) < _UNUSUAL
                low, high = (low, middle) if is_rarer else (middle, high)
            self._unusual[keys] = low
        return self._unusual[keys]

    def probability(self, gap: float, below: int, above: int) -> float:
        """Probability that two claims are so far apart, or further."""
        claims = self.claims
        sds = np.array([claims.sd_above[below], claims.sd_below[above]])
        stated = float(np.square(scale_of(self.posterior.model.noise, sds)).sum())
        keys = self._key(below, "below"), self._key(above, "above")
        return self._beyond(gap, keys, stated)


def _has_valley(masses: "TollMasses", middle: float) -> bool:
    """Whether the density on the log axis has a peak on either side of the middle of a gap."""
    x = 0.5 * (np.log1p(masses.first) + np.log1p(masses.last))
    edges = np.arange(0.0, x[-1] + 2 * _WIDTH, _WIDTH)
    density = np.histogram(x, edges, weights=masses.masses[0])[0]
    split = int(np.searchsorted(edges, middle)) - 1
    low, high = density[: split + 1], density[split:]
    if not (low.size and high.size):
        return False
    start, stop = int(low.argmax()), split + int(high.argmax())
    valley = density[start : stop + 1].min()
    return bool(valley < _VALLEY * min(density[start], density[stop]))


def _said(claims: Claims, members: Integers) -> tuple[tuple[str, int], ...]:
    """Give sources and numbers of some claims, the smallest first; of intervals the middle."""
    middle = claims.lower[members] + (claims.upper[members] - claims.lower[members]) // 2
    order = np.argsort(middle, kind="stable")
    return tuple(
        (claims.sources[int(claims.source_index[members[k]])], int(middle[k])) for k in order
    )
