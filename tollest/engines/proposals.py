r"""Importance proposals: multivariate Student t with arms, and where to put them.

A proposal that is refitted as draws come in follows the body of the posterior. It falls short
where a population's spread goes to zero: there all effects close up on their mean, so that the
rest of theta lies elsewhere and less freely than in the body. The long left tail of the spread's
logarithm is then missed, and its standard deviation was put a tenth too low. So each spread has a
proposal of its own in its tail.
"""

import math

import numpy as np
from scipy.special import gammaln, logsumexp

from tollest._arrays import Floats
from tollest.engines.mode import find_mode, gradient_in, hessian
from tollest.engines.tuning import DEFAULT, ProposalTuning, Tuning
from tollest.engines.whitening import Whitening, inverse_root
from tollest.model.posterior import Posterior

_MOST_TIMES = 690.0  # log of how many times a density is larger, at most


def _df(n_theta: int, tuning: ProposalTuning) -> float:
    """Degrees of freedom of a proposal for that many entries of theta."""
    return max(tuning.least_df, float(n_theta - tuning.free_entries))


class Proposal:
    """Multivariate Student t, mixed with the same stretched along each entry of `u` in turn.

    In many dimensions a multivariate t has hardly more mass than a normal where a single entry
    is far out and the others are not. Posteriors that are skewed in an entry do.

    Parameters
    ----------
    centre : ndarray of float, shape (n_theta,)
        In the coordinates `u`.
    root : ndarray of float, shape (n_theta, n_theta)
        Root of the scale matrix.
    tuning : ProposalTuning
        Tails and arms.
    """

    def __init__(
        self, centre: Floats, root: Floats, tuning: ProposalTuning = DEFAULT.proposals
    ) -> None:
        self._centre, self._root = centre, root
        self._stretch, self._share = tuning.stretch, tuning.stretched_share
        self._inverse = np.linalg.inv(root)
        n = centre.size
        self._df = _df(n, tuning)
        # Where the t is round: along each entry, the others following.
        self._axes = root / np.linalg.norm(root, axis=1, keepdims=True)
        self._log_norm = float(
            gammaln(0.5 * (self._df + n)) - gammaln(0.5 * self._df)
            - 0.5 * n * np.log(self._df * np.pi)
            - np.linalg.slogdet(root)[1]
        )  # fmt: skip

    def draw(self, rng: np.random.Generator, n: int) -> Floats:
        """Draw `n` values of `u`, shape (n, n_theta)."""
        size = self._centre.size
        normal = rng.standard_normal((n, size))
        stretched = np.flatnonzero(rng.random(n) < self._share)
        along = self._axes[rng.integers(size, size=stretched.size)]
        reach = (normal[stretched] * along).sum(axis=1, keepdims=True)
        normal[stretched] += (self._stretch - 1.0) * reach * along
        radius = np.sqrt(rng.chisquare(self._df, n) / self._df)
        return self._centre + (normal / radius[:, None]) @ self._root.T

    def log_density(self, u: Floats) -> Floats:
        """Log density at each row of `u`, shape (n_draws,)."""
        w = (u - self._centre) @ self._inverse.T
        distance = np.square(w).sum(axis=1)
        nearer = distance[:, None] - (1.0 - self._stretch**-2) * np.square(w @ self._axes.T)
        power, size = -0.5 * (self._df + self._centre.size), self._centre.size
        plain = 1.0 + distance / self._df
        # How many times as dense as the plain t each stretched one is: a power of the stretch at
        # most, and of hundreds of entries that is cut where a float ends.
        times = power * np.log((1.0 + nearer / self._df) / plain[:, None])
        along = np.exp(np.minimum(times, _MOST_TIMES)).sum(axis=1)
        mixed = 1.0 - self._share + self._share / (size * self._stretch) * along
        return np.asarray(self._log_norm + power * np.log(plain) + np.log(mixed), np.float64)


def refitted(
    draws: Floats,
    log_weights: Floats,
    root: Floats,
    tuning: ProposalTuning = DEFAULT.proposals,
) -> Proposal:
    """Proposal with the `moments` of the weighted draws."""
    centre, root = moments(draws, log_weights, root)
    # The covariance of a t is df / (df - 2) times its scale.
    df = _df(centre.size, tuning)
    return Proposal(centre, root * tuning.widening * np.sqrt((df - 2.0) / df), tuning)


def moments(draws: Floats, log_weights: Floats, root: Floats) -> tuple[Floats, Floats]:
    """Mean of the weighted draws, and a root of their covariance, shrunk towards another root.

    Parameters
    ----------
    draws : ndarray of float, shape (n_draws, n_theta)
        In any coordinates.
    log_weights : ndarray of float, shape (n_draws,)
        Their weights sum to one.
    root : ndarray of float, shape (n_theta, n_theta)
        Of the covariance to shrink to.
    """
    n_theta = draws.shape[1]
    power, weights = 1.0, np.exp(log_weights)
    # Weights are flattened until enough draws determine a covariance.
    while 1.0 / np.square(weights).sum() < min(5 * n_theta, len(draws) / 4) and power > 0.05:
        power *= 0.8
        weights = np.exp(power * log_weights - logsumexp(power * log_weights))
    centre = weights @ draws
    deviations = draws - centre
    covariance = (deviations * weights[:, None]).T @ deviations
    # A sample's covariance is far too narrow along some directions unless draws are very many.
    trust = 1.0 / (1.0 + 5.0 * n_theta * np.square(weights).sum())
    return centre, np.linalg.cholesky(trust * covariance + (1.0 - trust) * (root @ root.T))


def tails(posterior: Posterior, whitening: Whitening, tuning: Tuning = DEFAULT) -> list[Proposal]:
    """Proposals where a spread is far smaller than in the body, the rest of theta following.

    At the mode of the rest of theta given a small spread the curvature gives their spread, and
    how they follow it. Tails that hold next to no mass, by that approximation, are left out.

    Parameters
    ----------
    posterior : Posterior
        On the support that draws are weighed on.
    whitening : Whitening
        The body: the closest normal.
    tuning : Tuning
        Of tails, proposals, the mode and the whitening.
    """
    coordinates, tail = whitening.coordinates, tuning.tails

    def value(centre: Floats) -> float:
        return float(posterior.log_densities(centre[None], coordinates)[0])

    log_size = float(np.linalg.slogdet(whitening.root)[1])
    least = value(whitening.centre) + log_size + math.log(tail.negligible)
    found = []
    for j in np.flatnonzero(posterior.layout.half):
        start = whitening.centre.copy()
        start[j] = tail.centre
        if value(start) < least - tail.hopeless_gap:
            continue
        centre = find_mode(posterior, coordinates, start, held=int(j), tuning=tuning.start.mode)
        height = value(centre)
        if height + log_size < least - tail.spare_width:
            continue
        root = _tail_root(posterior, whitening, centre, int(j), tuning)
        if height + np.linalg.slogdet(root)[1] > least:
            found.append(Proposal(centre, root, tuning.proposals))
    return found


def _tail_root(
    posterior: Posterior, whitening: Whitening, centre: Floats, j: int, tuning: Tuning
) -> Floats:
    """Root of the scale in the tail of entry `j`: the rest by the curvature, following `j`."""
    n, sd = centre.size, tuning.tails.sd
    gradient = gradient_in(posterior, whitening.coordinates)
    curvature = hessian(gradient, centre, tuning.start.mode)
    rest = np.delete(np.arange(n), j)
    rest_root = inverse_root(curvature[np.ix_(rest, rest)], tuning.start.whitening)
    root = np.zeros((n, n))
    root[np.ix_(rest, rest)] = rest_root
    root[j, j] = sd
    root[rest, j] = -sd * rest_root @ (rest_root.T @ curvature[rest, j])
    return root
