r"""Covariances of log tolls with unknowns and with scores of priors: slopes and derivatives.

Given theta a log toll `x` has a mean and a mean square, both exact. With draws of theta,

.. math::
    \operatorname{Cov}(x, b) = \operatorname{Cov}\{\operatorname{E}(x \mid \theta), b\}, \qquad
    \frac{\partial \operatorname{Var}(x)}{\partial \lambda}
        = \operatorname{Cov}\{\operatorname{E}((x - \bar x)^2 \mid \theta), s\},

for an unknown `b` in theta and the derivative `s` of the log prior density by its parameter
:math:`\lambda`. Standard errors come from each draw's influence on the answer (delta method).
"""

from collections.abc import Mapping

import numpy as np

from tollest._arrays import Floats

_CERTAIN = 1e-9  # variance of a log toll below which it is as good as known


def covariance_columns(
    mean: Floats,
    square: Floats,
    unknowns: Mapping[str, Floats],
    scores: Mapping[str, Floats],
    ess: float,
) -> dict[str, Floats]:
    """Columns of the table from the moments of log tolls given theta.

    Parameters
    ----------
    mean, square : ndarray of float, shape (n_draws, n_tolls)
        Mean and mean square of each log toll given each draw of theta.
    unknowns : mapping of str to ndarray of float, shape (n_draws,)
        Draws of the unknowns to take slopes on.
    scores : mapping of str to ndarray of float, shape (n_draws,)
        Derivatives of the log prior density by its parameters, at each draw.
    ess : float
        Effective number of draws.
    """
    centre = mean.mean(axis=0)
    deviation = mean - centre
    # The mean square around the overall mean, given each draw.
    spread = square - 2.0 * centre * mean + centre**2
    out = {"sd": np.sqrt(np.maximum(spread.mean(axis=0), 0.0))}
    for name, values in unknowns.items():
        out |= _slope(name, values, deviation, spread, ess)
    for name, values in scores.items():
        out |= _derivative(name, values, deviation, spread, ess)
    return out


def _mcse(influence: Floats, ess: float) -> Floats:
    """Monte Carlo standard error from each draw's influence: the delta method."""
    return np.asarray(np.sqrt(np.square(influence).mean(axis=0) / ess))


def _slope(
    name: str, unknown: Floats, deviation: Floats, spread: Floats, ess: float
) -> dict[str, Floats]:
    """Slope of log tolls on an unknown, and the share of their variance that goes with it."""
    b = (unknown - unknown.mean())[:, None]
    var_b, var_x = np.square(b).mean(), spread.mean(axis=0)
    product = b * deviation
    covariance = product.mean(axis=0)
    slope = covariance / var_b
    # A verified toll owes nothing to anything: its rounding must not be divided by itself.
    safe = np.where(var_x < _CERTAIN, np.inf, var_x)
    share = covariance * slope / safe
    of_share = (
        2.0 * slope / safe * (product - covariance)
        - share / var_b * (np.square(b) - var_b)
        - share / safe * (spread - var_x)
    )
    return {
        name: slope,
        f"{name}_mcse": _mcse((product - slope * np.square(b)) / var_b, ess),
        f"{name}_share": share,
        f"{name}_share_mcse": _mcse(of_share, ess),
    }


def _derivative(
    name: str, score: Floats, deviation: Floats, spread: Floats, ess: float
) -> dict[str, Floats]:
    """Differentiate log tolls' posterior mean and sd by a parameter of a prior."""
    s = (score - score.mean())[:, None]
    product, var_x = s * deviation, spread.mean(axis=0)
    moves = product.mean(axis=0)
    safe = np.where(var_x < _CERTAIN, np.inf, var_x)
    widening = s * (spread - var_x)
    covariance = widening.mean(axis=0)
    widens = 0.5 * covariance / np.sqrt(safe)
    of_widens = (
        0.5 * (widening - covariance - 2.0 * moves * deviation) / np.sqrt(safe)
        - 0.5 * widens * (spread - var_x) / safe
    )
    return {
        name: moves,
        f"{name}_mcse": _mcse(product - moves, ess),
        f"{name}_widens": widens,
        f"{name}_widens_mcse": _mcse(of_widens, ess),
    }
