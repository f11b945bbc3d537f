r"""What importance draws are drawn from: multivariate Student t with arms, and where to put them.

One of them, refitted as draws come in, follows the body of the posterior. It falls short where a
population's spread goes to zero: there all effects close up on their mean, so that the rest of
theta lies elsewhere and less freely than in the body, and the long left tail of the spread's
logarithm is missed, its standard deviation put a tenth too low. So each spread has a proposal of
its own in its tail.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp

from tollest.engines import _whitening
from tollest.engines._whitening import Whitening
from tollest.model.posterior import Posterior

Floats = NDArray[np.float64]

# Degrees of freedom of proposals: tails heavier than any the whitened posterior has shown. In
# many dimensions the distance from the centre varies little, and tails of so few would put most
# draws where hardly any of the posterior is: entries of theta beyond this many add one each.
_LEAST_DF = 6.0
_LOW = 15
_STRETCH = 2.5  # of the draws that look for tails along single entries
_STRETCHED = 0.5  # share of such draws
_TAIL = -1.2  # coordinate of a spread in its tail, where its prior is standard normal
_TAIL_SD = 0.8
_NEGLIGIBLE = 1e-5  # mass of a tail beside that of the body
_HOPELESS = 50.0  # log units that no search for the rest of theta makes good
_ROOM = 5.0  # log units by which a tail may be wider than the body, before it is measured


def _df(n_theta: int) -> float:
    """Degrees of freedom of a proposal for that many entries of theta."""
    return max(_LEAST_DF, float(n_theta - _LOW))


class Proposal:
    """Multivariate Student t, mixed with the same stretched along each entry of `u` in turn.

    In many dimensions a multivariate t has hardly more mass than a normal where a single entry
    is far out and the others are not. Posteriors that are skewed in an entry do.
    """

    def __init__(self, centre: Floats, root: Floats) -> None:
        self._centre, self._root = centre, root
        self._inverse = np.linalg.inv(root)
        n = centre.size
        self._df = _df(n)
        # Where the t is round: along each entry, the others following.
        self._axes = root / np.linalg.norm(root, axis=1, keepdims=True)
        self._log_norm = float(
            gammaln(0.5 * (self._df + n)) - gammaln(0.5 * self._df)
            - 0.5 * n * np.log(self._df * np.pi)
            - np.linalg.slogdet(root)[1]
        )  # fmt: skip

    def draw(self, rng: np.random.Generator, n: int) -> Floats:
        size = self._centre.size
        normal = rng.standard_normal((n, size))
        stretched = np.flatnonzero(rng.random(n) < _STRETCHED)
        along = self._axes[rng.integers(size, size=stretched.size)]
        reach = (normal[stretched] * along).sum(axis=1, keepdims=True)
        normal[stretched] += (_STRETCH - 1.0) * reach * along
        radius = np.sqrt(rng.chisquare(self._df, n) / self._df)
        return self._centre + (normal / radius[:, None]) @ self._root.T

    def log_density(self, u: Floats) -> Floats:
        w = (u - self._centre) @ self._inverse.T
        distance = np.square(w).sum(axis=1)
        nearer = distance[:, None] - (1.0 - _STRETCH**-2) * np.square(w @ self._axes.T)
        power, size = -0.5 * (self._df + self._centre.size), self._centre.size
        plain = power * np.log1p(distance / self._df) + math.log(1.0 - _STRETCHED)
        along = logsumexp(power * np.log1p(nearer / self._df), axis=1)
        scale = math.log(_STRETCHED / (size * _STRETCH))
        return np.asarray(self._log_norm + np.logaddexp(plain, along + scale), np.float64)


def refitted(draws: Floats, log_weights: Floats, root: Floats) -> Proposal:
    """Make a proposal by the moments of the weighted draws, shrunk to the Laplace's."""
    centre, root = moments(draws, log_weights, root)
    # The covariance of a t is df / (df - 2) times its scale; 5 % wider is the safer side.
    df = _df(centre.size)
    return Proposal(centre, root * 1.05 * np.sqrt((df - 2.0) / df))


def moments(draws: Floats, log_weights: Floats, root: Floats) -> tuple[Floats, Floats]:
    """Mean of the weighted draws and a root of their covariance, shrunk to another root's."""
    n_theta = draws.shape[1]
    power, weights = 1.0, np.exp(log_weights)
    # Weights are flattened until enough draws speak for a covariance.
    while 1.0 / np.square(weights).sum() < min(5 * n_theta, len(draws) / 4) and power > 0.05:
        power *= 0.8
        weights = np.exp(power * log_weights - logsumexp(power * log_weights))
    centre = weights @ draws
    deviations = draws - centre
    covariance = (deviations * weights[:, None]).T @ deviations
    # A sample's covariance is far too narrow along some directions unless draws are very many.
    trust = 1.0 / (1.0 + 5.0 * n_theta * np.square(weights).sum())
    return centre, np.linalg.cholesky(trust * covariance + (1.0 - trust) * (root @ root.T))


def tails(posterior: Posterior, whitening: Whitening) -> list[Proposal]:
    """Proposals for where a spread is far smaller than in the body, the rest of theta following.

    At the mode of the rest of theta given a small spread the curvature gives their spread, and
    how they follow it. Tails that hold next to no mass, by that approximation, are left out.
    """
    coordinates, n = whitening.coordinates, whitening.centre.size
    gradient = _whitening.Gradient(posterior, coordinates)

    def value(centre: Floats) -> float:
        return float(posterior.log_densities(centre[None], coordinates)[0])

    log_size = float(np.linalg.slogdet(whitening.root)[1])
    least = value(whitening.centre) + log_size + math.log(_NEGLIGIBLE)
    found = []
    for j in np.flatnonzero(posterior.layout.half):
        start = whitening.centre.copy()
        start[j] = _TAIL
        if value(start) < least - _HOPELESS:
            continue
        centre = _whitening.find_mode(posterior, coordinates, start, held=int(j))
        height = value(centre)
        if height + log_size < least - _ROOM:
            continue
        hessian = _whitening.hessian(gradient, centre)
        rest = np.delete(np.arange(n), j)
        of_rest = _whitening.inverse_root(hessian[np.ix_(rest, rest)])
        root = np.zeros((n, n))
        root[np.ix_(rest, rest)] = of_rest
        root[j, j] = _TAIL_SD
        root[rest, j] = -_TAIL_SD * of_rest @ (of_rest.T @ hessian[rest, j])
        if height + np.linalg.slogdet(root)[1] > least:
            found.append(Proposal(centre, root))
    return found
