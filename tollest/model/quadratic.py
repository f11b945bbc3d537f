"""A log likelihood that is nearly quadratic in theta, and the log density with it in place."""

import math

import numpy as np
from numba import njit

from tollest._arrays import Floats, Integers
from tollest.model.coordinates import Coordinates, pull_back, to_theta
from tollest.model.layout import ThetaLayout
from tollest.model.theta import is_inside, log_prior, parameters_at

_NO_STEP = 1e-5  # in log odds: below it differences are rounding
_MOST_ODDS = 50.0  # steps in log odds beyond which exponentials would overflow


@njit(cache=True, nogil=True, error_model="numpy")
def quadratic(
    centre: Floats, slope: Floats, curvature: Floats, odds: Integers, theta: Floats, out: Floats
) -> float:
    """Quadratic of theta, but along log odds the log likelihood of so many repeats of so many.

    Where hardly any claim repeats, or each does, a log likelihood is exponential in the log odds;
    where many do, it is the same as the quadratic.

    Parameters
    ----------
    centre, slope : ndarray of float, shape (n_theta,)
        Where the quadratic touches, and its slope there.
    curvature : ndarray of float, shape (n_theta, n_theta)
        Minus its second derivatives.
    odds : ndarray of int
        Entries of theta that are log odds.
    theta : ndarray of float, shape (n_theta,)
        Where to evaluate.
    out : ndarray of float, shape (n_theta,)
        Overwritten with the gradient.

    Returns
    -------
    float
        Difference from the value at `centre`.
    """
    # What the curvature is of: deviations, and of log odds the root of what they cost. The whole
    # is then as sure to fall in every direction as a quadratic is.
    bent, rise, value = theta - centre, np.ones(theta.size), 0.0
    for j in range(theta.size):
        value += slope[j] * bent[j]
    for j in odds:
        d, bend = bent[j], curvature[j, j]
        chance = 1.0 / (1.0 + math.exp(-centre[j]))
        # Claims of which some repeat, each with this chance, that bend the log likelihood as much;
        # no fewer than those of which none repeats would have to be for a slope as steep.
        n = max(bend / (chance * (1.0 - chance)), -slope[j] / chance)
        if not (bend > 0.0 and 0.0 < n < np.inf):
            continue
        rise[j] = math.sqrt(n * chance * (1.0 - chance) / bend)
        bent[j] = rise[j] * d
        if abs(d) > _NO_STEP:
            grown = 1.0 + chance * math.expm1(min(d, _MOST_ODDS))
            bent[j] = math.sqrt(2.0 * n * max(math.log(grown) - chance * d, 0.0) / bend)
            bent[j] = math.copysign(max(bent[j], _NO_STEP), d)
            rise[j] = n * chance * (math.exp(min(d, _MOST_ODDS)) / grown - 1.0) / (bend * bent[j])
    pull = curvature @ bent
    out[:] = slope - pull * rise
    return value - 0.5 * float(pull @ bent)


@njit(cache=True, nogil=True, error_model="numpy")
def quadratics(
    centre: Floats, slope: Floats, curvature: Floats, odds: Integers, thetas: Floats
) -> Floats:
    """`quadratic` at each row of `thetas`, shape (n_points,)."""
    out, values = np.empty(centre.size), np.empty(thetas.shape[0])
    for i in range(values.size):
        values[i] = quadratic(centre, slope, curvature, odds, thetas[i], out)
    return values


@njit(cache=True, nogil=True, error_model="numpy")
def quadratic_density(
    layout: ThetaLayout,
    coordinates: Coordinates,
    u: Floats,
    centre: Floats,
    slope: Floats,
    curvature: Floats,
    odds: Integers,
    out: Floats,
) -> float:
    """Log density with the log likelihood replaced by a quadratic of theta.

    Parameters
    ----------
    layout, coordinates, u
        As in `tollest.model.density.rows_at`.
    centre, slope, curvature, odds
        As in `quadratic`.
    out : ndarray of float, shape (n_theta,)
        Overwritten with the gradient.
    """
    theta = np.empty(u.size)
    log_jacobian = to_theta(layout, coordinates, u, theta)
    if not is_inside(layout, theta, parameters_at(layout, theta)):
        out[:] = 0.0
        return -np.inf
    value = quadratic(centre, slope, curvature, odds, theta, out)
    value += log_jacobian + log_prior(layout, theta, out)
    pull_back(layout, coordinates, u, theta, out)
    return value
