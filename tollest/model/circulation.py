r"""The figure in circulation at a location, and what a source would claim, given a toll.

With the toll `n` and the unknowns of the sources given, the number ``v`` that does the rounds
has, for each number ``v_g`` that was claimed, the probability

.. math:: P(v = v_g) = \frac{p_g e^{A_g}}{1 + \sum_h p_h (e^{A_h} - 1)},

where ``p_g`` is the mass of the number at the toll and ``A_g`` the sum over the claims ``c`` that
state it of ``log1p(odds_c / f_c)``: ``f_c`` is the mass of the claim as the source's own and
``odds_c`` the odds that the source repeats. All other numbers share what is left as they would
without claims.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tollest._arrays import Floats, Integers
from tollest._sums.tables import Parameters
from tollest.noise import Family, scale_of


def log_mass_up_to(family: Family, k: Integers | int, m: Floats, s: Floats) -> Floats:
    """Log probability of whole numbers up to `k`, with location `m` and scale `s`."""
    return family.log_cdf((np.log(np.asarray(k) + 1.5) - m) / s)


def own_mass_up_to(
    family: Family, k: int, m: Floats, scatter: Floats, sds: Sequence[float]
) -> Floats:
    """Probability that a source's own number is at most `k`.

    `sds` are the standard deviations that it states of its own error: where the centre `m` is
    below the number, and above it.
    """
    if not any(sds):
        return np.exp(log_mass_up_to(family, k, m, scatter))
    below, above = (np.hypot(scatter, scale_of(family, np.array(sd))) for sd in sds)
    up_to = np.log(k + 1.5) if k >= 0 else -np.inf
    # The number is above the centre, by the error of which the centre is below, and so on.
    scale = np.where(up_to > m, below, above)
    share = 2.0 * scale / (below + above)
    tail = np.exp(family.log_cdf(-np.abs(up_to - m) / scale)) * share
    return np.asarray(np.where(up_to > m, 1.0 - tail, tail), np.float64)


def log_mass(family: Family, k: Integers | int, m: Floats, s: Floats) -> Floats:
    """Log probability of the whole number `k`, taken in the nearer tail, which may be far out."""
    k = np.asarray(k)
    upper = (np.log(k + 1.5) - m) / s
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        lower = np.where(k == 0, -np.inf, (np.log(k + 0.5) - m) / s)
        flip = np.where(lower > 0, -1.0, 1.0)
        one, other = family.log_cdf(flip * upper), family.log_cdf(flip * lower)
        larger, smaller = np.maximum(one, other), np.minimum(one, other)
        # Beyond all digits of the tail the number has no mass.
        out = larger + np.log(-np.expm1(smaller - larger))
    return np.where(np.isnan(out), -np.inf, out)


def logit_denials(points: Sequence[Parameters], voices: Integers) -> Floats:
    """Log odds that voices deny, at each of several points; shape (n_points, n_voices)."""
    never = np.full(voices.shape, -np.inf)
    return np.array([p.logit_denial[voices] if p.logit_denial.size else never for p in points])


@dataclass(frozen=True, eq=False)
class Speakers:
    """What is known of the sources that claimed, or will claim, on one location.

    Attributes
    ----------
    centre, scatter : ndarray of float, shape (n_draws, n_claims)
        Location and scale, on the log1p axis, of what each would count for itself.
    logit_repeat : ndarray of float, shape (n_draws, n_claims)
        Log odds that it repeats the figure instead; minus infinity for never.
    logit_denial : ndarray of float, shape (n_draws, n_claims)
        Log odds that it says 0 whatever the toll; minus infinity for never.
    """

    centre: Floats
    scatter: Floats
    logit_repeat: Floats
    logit_denial: Floats


@dataclass(frozen=True, eq=False)
class Figure:
    """The figure at one location, given draws of its toll and of the sources' unknowns.

    Parameters
    ----------
    family : Logistic, Normal or StudentT
        Of the figure's error, and of the claims'.
    centre, scatter : ndarray of float, shape (n_draws,)
        Location and scale of the figure on the log1p axis.
    counts : ndarray of int, shape (n_claims,)
        Counts claimed at the location.
    speakers : Speakers
        Of these claims.
    """

    family: Family
    centre: Floats
    scatter: Floats
    counts: Integers
    speakers: Speakers

    @cached_property
    def values(self) -> Integers:
        """Distinct numbers claimed, shape (n_values,)."""
        return np.unique(self.counts)

    @cached_property
    def log_own(self) -> Floats:
        """Log probability of each claim that does not repeat, shape (n_draws, n_claims).

        In units of not denying, either.
        """
        speakers = self.speakers
        out = log_mass(self.family, self.counts, speakers.centre, speakers.scatter)
        if (self.counts == 0).any():
            denial = speakers.logit_denial + np.logaddexp(0.0, speakers.logit_repeat)
            out = np.where(self.counts == 0, np.logaddexp(out, denial), out)
        return out

    @cached_property
    def _log_free(self) -> Floats:
        """Log probability of each value before any claim, shape (n_draws, n_values)."""
        return log_mass(self.family, self.values, self.centre[:, None], self.scatter[:, None])

    @property
    def log_likelihood(self) -> Floats:
        """Log probability of the claims but for a factor of the sources alone, (n_draws,)."""
        return np.asarray(self.log_own.sum(axis=1) + self._terms[2], np.float64)

    @cached_property
    def _terms(self) -> tuple[Floats, Floats, Floats]:
        """Probability of each value, and of what is left over that of what was left before.

        And the log of what all of them are multiplied by, where sources may repeat.
        """
        gain = np.logaddexp(0.0, self.speakers.logit_repeat - self.log_own)
        raised = self._log_free.copy()
        for g, value in enumerate(self.values):
            raised[:, g] += gain[:, self.counts == value].sum(axis=1)
        # In units of the largest term, since gains may be of hundreds.
        peak = np.maximum(raised.max(axis=1, initial=0.0), 0.0)
        terms = np.exp(raised - peak[:, None])
        rest = np.exp(-peak) * np.maximum(1.0 - np.exp(self._log_free).sum(axis=1), 0.0)
        total = rest + terms.sum(axis=1)
        return terms / total[:, None], np.exp(-peak) / total, peak + np.log(total)

    @property
    def probabilities(self) -> Floats:
        """Probability that the figure is each of `values`, shape (n_draws, n_values)."""
        return self._terms[0]

    def probability(self, k: int) -> Floats:
        """Probability that the figure is `k`, shape (n_draws,)."""
        found = np.flatnonzero(self.values == k)
        if found.size:
            return self._terms[0][:, found[0]]
        free = np.exp(log_mass(self.family, k, self.centre, self.scatter))
        return np.asarray(self._terms[1] * free, np.float64)

    def probability_up_to(self, k: int) -> Floats:
        """Probability that the figure is at most `k`, shape (n_draws,)."""
        claimed = self.values <= k
        free = np.exp(log_mass_up_to(self.family, k, self.centre, self.scatter))
        others = np.maximum(free - np.exp(self._log_free[:, claimed]).sum(axis=1), 0.0)
        up_to = self._terms[0][:, claimed].sum(axis=1) + self._terms[1] * others
        return np.asarray(np.minimum(up_to, 1.0), np.float64)

    def repeats(self) -> Floats:
        """Probability that each claim repeats the figure, shape (n_draws, n_claims)."""
        equal = self._terms[0][:, np.searchsorted(self.values, self.counts)]
        odds = self.speakers.logit_repeat - self.log_own
        return np.asarray(equal * np.exp(-np.logaddexp(0.0, -odds)), np.float64)
