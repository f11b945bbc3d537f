r"""The figure in circulation at a location, and what a source would claim, given a toll.

With the toll `n` and the unknowns of the sources given, the claims are as likely as

.. math:: 1 + \sum_g p_g \Big[\Big(\prod_{c \in g} \Big(1 + \frac{o_c t_g}{f_c}\Big) - 1\Big)
    \prod_{c \notin g} \Big(1 + \frac{o_c \kappa q_c(v_g)}{f_c}\Big)
    + \prod_{c \in g} \Big(1 + \frac{o_c u_g}{f_c}\Big) - 1\Big]

in units of everybody's counting for himself, where ``p_g`` is the mass of the number at the toll,
``f_c`` that of a claim as the source's own, ``o_c`` the odds that the source repeats, and the rest
as in `tollest._sums.near`. The first term is of a figure that nobody repeats, which is any
number; the others are of one that somebody does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tollest._arrays import Floats, Integers
from tollest._sums.tables import LOG_COPY_SCATTER, LOGIT_NEAR_COPY, Parameters
from tollest.noise import Family, Logistic, scale_of


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
class Copies:
    """How those who repeat a figure change it.

    Attributes
    ----------
    share, scatter : ndarray of float, shape (n_draws,)
        Probability that one states another number, and the scale of that around the figure.
    """

    share: Floats
    scatter: Floats

    @classmethod
    def of(cls, shared: Floats) -> "Copies":
        """Take it from what all locations share, shape (n_draws, n_shared)."""
        share = 1.0 / (1.0 + np.exp(-shared[:, LOGIT_NEAR_COPY]))
        return cls(np.asarray(share, np.float64), np.exp(shared[:, LOG_COPY_SCATTER]))

    def of_number(self, k: Integers | int, figure: int) -> Floats:
        """Probability that a copy of `figure` is `k`; of shape (n_draws,) or (n_draws, n)."""
        k = np.asarray(k)
        share, scatter = self.share, self.scatter
        if k.ndim:
            share, scatter = share[:, None], scatter[:, None]
        near = np.exp(log_mass(Logistic(), k, np.full_like(scatter, np.log1p(figure)), scatter))
        return np.asarray(share * near + (1.0 - share) * (k == figure), np.float64)

    def up_to(self, k: int, figure: int) -> Floats:
        """Probability that a copy of `figure` is at most `k`, shape (n_draws,)."""
        centre = np.full_like(self.scatter, np.log1p(figure))
        near = np.exp(log_mass_up_to(Logistic(), k, centre, self.scatter))
        return np.asarray(self.share * near + (1.0 - self.share) * (figure <= k), np.float64)


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
    copies : Copies
        How those who repeat it change it.
    """

    family: Family
    centre: Floats
    scatter: Floats
    counts: Integers
    speakers: Speakers
    copies: "Copies"

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
    def _raised(self) -> tuple[Floats, Floats, Floats]:
        """Logs of each value's probability times what its claims gain, shape (n_draws, n_values).

        Where it is stated as it is; where all who repeat it would have changed it; and what the
        first is less where nobody repeats it.
        """
        log_odds = self.speakers.logit_repeat - self.log_own
        exact = np.zeros_like(self._log_free)
        reverted, others = exact.copy(), exact.copy()
        for g, value in enumerate(self.values):
            copies = self.copies.of_number(self.counts, int(value))
            equal = self.counts == value
            with np.errstate(divide="ignore"):
                gains = np.logaddexp(0.0, log_odds + np.log(copies))
                changed = np.log(np.maximum(1.0 - copies, 0.0))
            exact[:, g] = gains[:, equal].sum(axis=1)
            others[:, g] = gains[:, ~equal].sum(axis=1)
            reverted[:, g] = np.logaddexp(0.0, log_odds + changed)[:, equal].sum(axis=1)
        return self._log_free + others + exact, self._log_free + reverted, exact

    @cached_property
    def _terms(self) -> tuple[Floats, Floats, Floats]:
        """Probability that somebody repeats each value, and that nobody repeats any.

        And the log of what all claims together gain.
        """
        stated, reverted, exact = self._raised
        # In units of the largest term, since gains may be of hundreds.
        peak = np.maximum(np.maximum(stated, reverted).max(axis=1, initial=0.0), 0.0)
        gain = reverted - self._log_free
        terms = np.exp(stated - peak[:, None]) * -np.expm1(-exact)
        terms += np.exp(reverted - peak[:, None]) * -np.expm1(-gain)
        nobody = np.exp(-peak)
        total = nobody + terms.sum(axis=1)
        return terms / total[:, None], nobody / total, peak + np.log(total)

    def probability(self, k: int) -> Floats:
        """Probability that who repeats the figure states `k`, shape (n_draws,)."""
        somebody, nobody, _ = self._terms
        out = nobody * np.exp(log_mass(self.family, k, self.centre, self.scatter))
        for g, value in enumerate(self.values):
            out += somebody[:, g] * self.copies.of_number(k, int(value))
        return np.asarray(out, np.float64)

    def probability_up_to(self, k: int) -> Floats:
        """Probability that who repeats the figure states at most `k`, shape (n_draws,)."""
        somebody, nobody, _ = self._terms
        out = nobody * np.exp(log_mass_up_to(self.family, k, self.centre, self.scatter))
        for g, value in enumerate(self.values):
            out += somebody[:, g] * self.copies.up_to(k, int(value))
        return np.asarray(np.minimum(out, 1.0), np.float64)
