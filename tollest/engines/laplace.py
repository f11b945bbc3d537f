r"""Nested Laplace with adaptive importance correction, going on to NUTS where that fails."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp

from tollest._progress import Reporter
from tollest.engines import _whitening
from tollest.engines._base import LEAST_ESS, AbstractEngine, ThetaDraws
from tollest.engines.nuts import NUTS
from tollest.model import Posterior

Floats = NDArray[np.float64]

_DF = 6.0  # of the proposals: tails heavier than any the whitened posterior has shown
_MANY = 40  # entries of theta
_HOPELESS = 0.015  # ESS a draw below which rounds are given up
_GOOD_K = 0.6  # Pareto k at which rounds end; 0.7 is the most that is accepted


@dataclass(frozen=True)
class NestedLaplace:
    r"""Importance sampling from a Laplace approximation that learns, then NUTS if need be.

    Effects of sources are nested in their population: given its mean and spread they are put
    in coordinates that the claims leave nearly normal. There the mode and the curvature give a
    first proposal, a multivariate Student t; each round of draws refits it, and all rounds are
    weighted together as one mixture (adaptive multiple importance sampling [1]_). Pareto-
    smoothed weights [2]_ say whether the correction is reliable. Where it is not after a few
    rounds, as with many sources of few claims each, `otherwise` takes over.

    Parameters
    ----------
    rounds : int
        Most rounds of importance draws, of 1,000 to 4,000 each.
    otherwise : engine
        What takes over where importance sampling fails.

    References
    ----------
    .. [1] Cornuet, J.-M. et al. (2012). Adaptive multiple importance sampling. *Scandinavian
       Journal of Statistics* 39(4), 798-812. https://doi.org/10.1111/j.1467-9469.2011.00756.x
    .. [2] Vehtari, A. et al. (2024). Pareto smoothed importance sampling. *Journal of Machine
       Learning Research* 25(72), 1-58.
    """

    rounds: int = 12
    otherwise: AbstractEngine = field(default_factory=NUTS)

    def run(
        self, posterior: Posterior, rng: np.random.Generator, reporter: Reporter
    ) -> ThetaDraws:
        """Draw theta; see `tollest.engines.AbstractEngine`."""
        draws = _whitening.on_settled_support(
            posterior, lambda working: self._weigh(working, rng, reporter)
        )
        return draws or self.otherwise.run(posterior, rng, reporter)

    def _weigh(
        self, working: Posterior, rng: np.random.Generator, reporter: Reporter
    ) -> ThetaDraws | None:
        """Draw theta by importance sampling on one support; None where that fails."""
        reporter.update("Looking for the mode", 0.0)
        whitening = _whitening.from_laplace(working, share=1.0)
        n_draws = round_size(working)
        # In many dimensions proposals that start badly stay bad; in few they recover, and
        # rounds cost less than what would take over.
        patience = 2 if working.n_theta > _MANY else self.rounds // 2
        proposals = [_Proposal(whitening.centre, whitening.root)]
        draws, targets = np.empty((0, working.n_theta)), np.empty(0)
        for number in range(self.rounds):
            reporter.update("Importance sampling", number / self.rounds)
            u = proposals[-1].draw(rng, n_draws)
            draws = np.concatenate([draws, u])
            targets = np.concatenate([targets, working.log_densities_u(whitening.coordinates, u)])
            mixture = logsumexp([p.log_density(draws) for p in proposals], axis=0)
            log_weights, k = smoothed_weights(targets - mixture)
            ess = 1.0 / float(np.exp(logsumexp(2.0 * log_weights)))
            # A fourth of a round's draws, 1,000 of 4,000 where draws are cheap.
            enough = k <= _GOOD_K and ess >= max(0.25 * n_draws, 1.25 * LEAST_ESS)
            hopeless = number >= patience and ess < _HOPELESS * len(draws)
            if enough or hopeless:
                break
            proposals.append(_refitted(draws, log_weights, whitening.root))
        if k > 0.7 or ess < LEAST_ESS:
            return None
        keep = systematic(np.exp(log_weights), n_draws, rng)
        theta = working.to_theta(whitening.coordinates, draws[keep])
        return ThetaDraws(
            theta[None], method="importance sampling from a nested Laplace approximation",
            ess=ess, pareto_k=k, n_evaluations=len(draws),
        )  # fmt: skip


def round_size(posterior: Posterior) -> int:
    """Draws that cost about the same whatever the number of claims: 4,000 down to 1,000."""
    return int(np.clip(400_000 // (100 + posterior.problem.members.size), 1000, 4000))


def smoothed_weights(log_ratios: Floats) -> tuple[Floats, float]:
    """Pareto-smoothed log weights that sum to one, and the Pareto k of their tail.

    Parameters
    ----------
    log_ratios : ndarray of float, shape (n_draws,)
        Log target minus log proposal.
    """
    from arviz_stats.base.array import array_stats

    # psislw takes the negative: its ratios are those of leave-one-out.
    log_weights, k = array_stats.psislw(-(log_ratios - log_ratios.max()))
    log_weights = np.asarray(log_weights)
    return log_weights - logsumexp(log_weights), float(k)


def systematic(weights: Floats, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Positions of `n` draws resampled by weight, in random order."""
    edges = np.cumsum(weights)
    points = (rng.random() + np.arange(n)) / n * edges[-1]
    return rng.permutation(np.searchsorted(edges, points).clip(max=len(weights) - 1))


class _Proposal:
    """Multivariate Student t."""

    def __init__(self, centre: Floats, root: Floats) -> None:
        self._centre, self._root = centre, root
        self._inverse = np.linalg.inv(root)
        n = centre.size
        self._log_norm = float(
            gammaln(0.5 * (_DF + n)) - gammaln(0.5 * _DF) - 0.5 * n * np.log(_DF * np.pi)
            - np.linalg.slogdet(root)[1]
        )  # fmt: skip

    def draw(self, rng: np.random.Generator, n: int) -> Floats:
        normal = rng.standard_normal((n, self._centre.size))
        radius = np.sqrt(rng.chisquare(_DF, n) / _DF)
        return self._centre + (normal / radius[:, None]) @ self._root.T

    def log_density(self, u: Floats) -> Floats:
        distance = np.square((u - self._centre) @ self._inverse.T).sum(axis=1)
        return self._log_norm - 0.5 * (_DF + self._centre.size) * np.log1p(distance / _DF)


def _refitted(draws: Floats, log_weights: Floats, root: Floats) -> _Proposal:
    """Make a proposal by the moments of the weighted draws, shrunk to the Laplace's."""
    n_theta = draws.shape[1]
    power, weights = 1.0, np.exp(log_weights)
    # Weights are flattened until enough draws speak for a covariance.
    while 1.0 / np.square(weights).sum() < min(5 * n_theta, len(draws) / 4) and power > 0.05:
        power *= 0.8
        weights = np.exp(power * log_weights - logsumexp(power * log_weights))
    centre = weights @ draws
    deviations = draws - centre
    covariance = (deviations * weights[:, None]).T @ deviations
    trust = 1.0 / (1.0 + n_theta * np.square(weights).sum())
    blend = trust * covariance + (1.0 - trust) * (root @ root.T)
    # The covariance of a t is df / (df - 2) times its scale; 5 % wider is the safer side.
    return _Proposal(centre, np.linalg.cholesky(blend) * 1.05 * np.sqrt((_DF - 2.0) / _DF))
