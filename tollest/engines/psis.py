"""Importance weights: Pareto smoothing (PSIS), effective sample size, and resampling.

Smoothing is a page of our own, held against ArviZ's in the tests: to import that takes longer than
an estimate of one toll.
"""

import math

import numpy as np
from scipy.special import logsumexp

from tollest._arrays import Floats, Integers

_FEW = 225  # effective draws up to which the tail is a fifth of them
_LEAST = 5  # draws that a tail can be fitted to


def smoothed(log_ratios: Floats, reff: float = 1.0) -> tuple[Floats, float]:
    """Pareto-smoothed log weights that sum to one, and the Pareto k of their tail [1]_.

    The largest weights are replaced by quantiles of a generalised Pareto distribution fitted to
    them, none above the largest.

    Parameters
    ----------
    log_ratios : ndarray of float, shape (n_draws,)
        Log target minus log proposal.
    reff : float
        Effective draws as a share of their number, before weighting.

    Raises
    ------
    ValueError
        If draws are too few, or their weights too much alike, for a tail.

    References
    ----------
    .. [1] Vehtari, A. et al. (2024). Pareto smoothed importance sampling. *Journal of Machine
       Learning Research* 25(72), 1-58.
    """
    out, n = log_ratios - log_ratios.max(), log_ratios.size
    size = int(3.0 * math.sqrt(n / reff)) if n * reff > _FEW else n // 5
    if size < _LEAST:
        raise ValueError(f"a tail of {size} of {n} draws is too small for a fit.")
    # Those before the tail need no order but for the largest of them.
    order = np.argpartition(out, n - size - 1)
    tail = order[n - size :]
    tail = tail[np.argsort(out[tail], kind="stable")]
    if out[tail[-1]] - out[tail[0]] < np.finfo(float).tiny:
        raise ValueError("all weights of the tail are the same.")
    cutoff = math.exp(out[order[n - size - 1]])
    k, scale = _fitted(np.exp(out[tail]) - cutoff)
    if math.isfinite(k):
        exponential = -np.log1p(-(np.arange(size) + 0.5) / size)
        beyond = np.expm1(k * exponential) / k if k != 0.0 else exponential
        out[tail] = np.minimum(np.log(cutoff + scale * beyond), 0.0)
    return out - logsumexp(out), k


def _fitted(excess: Floats) -> tuple[float, float]:
    """Shape and scale of a generalised Pareto distribution, by an empirical Bayes estimate [1]_.

    The shape is drawn to 1/2 by a prior worth ten draws. `excess` is sorted.

    References
    ----------
    .. [1] Zhang, J., Stephens, M. A. (2009). A new and efficient estimation method for the
       generalized Pareto distribution. *Technometrics* 51(3), 316-325.
       https://doi.org/10.1198/tech.2009.08017
    """
    n = excess.size
    n_points = 30 + int(math.sqrt(n))
    quartile = excess[int(n / 4 + 0.5) - 1]
    if quartile <= excess[0]:
        return math.nan, math.nan
    b = (1.0 - np.sqrt(n_points / (np.arange(n_points) + 0.5))) / (3.0 * quartile) + 1.0 / excess[
        -1
    ]
    shapes = np.log1p(-b[:, None] * excess).mean(axis=1)
    profile = n * (np.log(-b / shapes) - shapes - 1.0)
    weights = np.exp(profile - logsumexp(profile))
    weights[weights < 10.0 * np.finfo(float).eps] = 0.0
    posterior = float(b @ weights / weights.sum())
    shape = float(np.log1p(-posterior * excess).mean())
    k = (n * shape + 5.0) / (n + 10.0)
    return (k, -shape / posterior) if not math.isnan(k) else (math.inf, math.nan)


def effective(log_weights: Floats) -> float:
    """Effective sample size of weights that sum to one."""
    return 1.0 / float(np.exp(logsumexp(2.0 * log_weights)))


def systematic(weights: Floats, n: int, rng: np.random.Generator) -> Integers:
    """Positions of `n` draws resampled by weight, in random order."""
    edges = np.cumsum(weights)
    points = (rng.random() + np.arange(n)) / n * edges[-1]
    return rng.permutation(np.searchsorted(edges, points).clip(max=len(weights) - 1))
