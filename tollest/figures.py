r"""The figure in circulation at a location, and what a source would claim, given a toll.

With the toll `n` and the unknowns of the sources given, the number ``v`` that does the rounds
has, for each number ``v_g`` that was claimed, the probability

.. math:: P(v = v_g) = \frac{p_g e^{A_g}}{1 + \sum_h p_h (e^{A_h} - 1)},

in the notation of `tollest._kernels`; all other numbers share what is left as they would without
claims.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tollest.noise import Family

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def mass_up_to(family: Family, k: Integers | int, m: Floats, s: Floats) -> Floats:
    """Probability of whole numbers up to `k`, with location `m` and scale `s` on the log axis."""
    return family.cdf((np.log(np.asarray(k) + 1.5) - m) / s)


def mass_of(family: Family, k: Integers | int, m: Floats, s: Floats) -> Floats:
    """Probability of the whole number `k`, taken in the nearer tail."""
    k = np.asarray(k)
    upper = (np.log(k + 1.5) - m) / s
    with np.errstate(divide="ignore"):
        lower = np.where(k == 0, -np.inf, (np.log(k + 0.5) - m) / s)
    flip = np.where(lower > 0, -1.0, 1.0)
    return np.abs(family.cdf(flip * upper) - family.cdf(flip * lower))


@dataclass(frozen=True, eq=False)
class Speakers:
    """What is known of the sources that claimed, or will claim, on one location.

    Attributes
    ----------
    centre, scatter : ndarray of float, shape (n_draws, n_claims)
        Location and scale, on the log1p axis, of what each would count for itself.
    repeat : ndarray of float, shape (n_draws, n_claims)
        Probability that it repeats the figure instead.
    """

    centre: Floats
    scatter: Floats
    repeat: Floats


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
    def own(self) -> Floats:
        """Probability of each claim where it does not repeat, shape (n_draws, n_claims)."""
        of = self.speakers
        return mass_of(self.family, self.counts, of.centre, of.scatter)

    @cached_property
    def _free(self) -> Floats:
        """Probability of each value before any claim, shape (n_draws, n_values)."""
        return mass_of(self.family, self.values, self.centre[:, None], self.scatter[:, None])

    @cached_property
    def _terms(self) -> tuple[Floats, Floats]:
        """Probability of each value, and of what is left over that of what was left before."""
        odds = self.speakers.repeat / (1.0 - self.speakers.repeat)
        with np.errstate(divide="ignore"):
            gain = np.log1p(odds / np.maximum(self.own, 1e-300))
            raised = np.log(self._free)
        for g, value in enumerate(self.values):
            raised[:, g] += gain[:, self.counts == value].sum(axis=1)
        # In units of the largest term, since gains may be of hundreds.
        peak = np.maximum(raised.max(axis=1, initial=0.0), 0.0)
        terms = np.exp(raised - peak[:, None])
        rest = np.exp(-peak) * np.maximum(1.0 - self._free.sum(axis=1), 0.0)
        total = rest + terms.sum(axis=1)
        return terms / total[:, None], np.exp(-peak) / total

    @property
    def probabilities(self) -> Floats:
        """Probability that the figure is each of `values`, shape (n_draws, n_values)."""
        return self._terms[0]

    def probability(self, k: int) -> Floats:
        """Probability that the figure is `k`, shape (n_draws,)."""
        found = np.flatnonzero(self.values == k)
        if found.size:
            return self._terms[0][:, found[0]]
        return np.asarray(self._terms[1] * mass_of(self.family, k, self.centre, self.scatter))

    def probability_up_to(self, k: int) -> Floats:
        """Probability that the figure is at most `k`, shape (n_draws,)."""
        claimed = self.values <= k
        free = mass_up_to(self.family, k, self.centre, self.scatter)
        others = np.maximum(free - self._free[:, claimed].sum(axis=1), 0.0)
        up_to = self._terms[0][:, claimed].sum(axis=1) + self._terms[1] * others
        return np.asarray(np.minimum(up_to, 1.0), np.float64)

    def repeats(self) -> Floats:
        """Probability that each claim repeats the figure, shape (n_draws, n_claims)."""
        omega = self.speakers.repeat
        equal = self._terms[0][:, np.searchsorted(self.values, self.counts)]
        share = omega / np.maximum(omega + (1.0 - omega) * self.own, 1e-300)
        return np.asarray(equal * share, np.float64)
