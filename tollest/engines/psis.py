"""Importance weights: Pareto smoothing (PSIS), effective sample size, and resampling."""

import numpy as np
from scipy.special import logsumexp

from tollest._arrays import Floats, Integers


def smoothed(log_ratios: Floats, reff: float = 1.0) -> tuple[Floats, float]:
    """Pareto-smoothed log weights that sum to one, and the Pareto k of their tail.

    Parameters
    ----------
    log_ratios : ndarray of float, shape (n_draws,)
        Log target minus log proposal.
    reff : float
        Effective draws as a share of their number, before weighting.
    """
    from arviz_stats.base.array import array_stats

    # psislw takes the negative: its ratios are those of leave-one-out.
    log_weights, k = array_stats.psislw(-(log_ratios - log_ratios.max()), r_eff=reff)
    log_weights = np.asarray(log_weights)
    return log_weights - logsumexp(log_weights), float(k)


def effective(log_weights: Floats) -> float:
    """Effective sample size of weights that sum to one."""
    return 1.0 / float(np.exp(logsumexp(2.0 * log_weights)))


def systematic(weights: Floats, n: int, rng: np.random.Generator) -> Integers:
    """Positions of `n` draws resampled by weight, in random order."""
    edges = np.cumsum(weights)
    points = (rng.random() + np.arange(n)) / n * edges[-1]
    return rng.permutation(np.searchsorted(edges, points).clip(max=len(weights) - 1))
