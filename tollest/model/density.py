"""The log density of theta, compiled: prior times likelihood, at theta or in coordinates."""

import numpy as np
from numba import njit

from tollest._arrays import Floats
from tollest._sums.marginal import evaluate
from tollest._sums.tables import Claimed, Parameters
from tollest.model.coordinates import Coordinates, pull_back, to_theta
from tollest.model.layout import ThetaLayout
from tollest.model.theta import is_inside, log_prior, parameters_at, scatter


@njit(inline="always", error_model="numpy")
def _log_density(
    problem: Claimed, layout: ThetaLayout, theta: Floats, gradient: bool, out: Floats
) -> float:
    """Log of prior times marginal likelihood; `out` is overwritten with its gradient."""
    out[:] = 0.0
    parameters = parameters_at(layout, theta)
    if not is_inside(layout, theta, parameters):
        return -np.inf
    value = log_prior(layout, theta, out)
    gradients = Parameters(
        np.zeros_like(parameters.mu),
        np.zeros_like(parameters.bias),
        np.zeros_like(parameters.log_scatter),
        np.zeros_like(parameters.logit_repeat),
        np.zeros_like(parameters.logit_denial),
        np.zeros_like(parameters.shared),
    )
    value += evaluate(problem, parameters, gradient, gradients, np.empty((0, 0)))
    if gradient:
        scatter(layout, gradients, out)
    return value


@njit(cache=True, nogil=True, error_model="numpy")
def log_densities(
    problem: Claimed,
    layout: ThetaLayout,
    coordinates: Coordinates,
    in_u: bool,
    points: Floats,
    gradient: bool,
    values: Floats,
    gradients: Floats,
) -> None:
    """Evaluate the log density at several points; the one compiled entry to all of it.

    Parameters
    ----------
    problem, layout, coordinates : Claimed, Layout, Coordinates
        The claims, the priors, and the map from `u` to theta.
    in_u : bool
        Whether `points` are coordinates `u`, with the Jacobian, or theta itself.
    points : ndarray of float, shape (n_points, n_theta)
        Where to evaluate.
    gradient : bool
        Whether to fill `gradients`.
    values : ndarray of float, shape (n_points,)
        Overwritten with the log densities; ``-inf`` outside the domain.
    gradients : ndarray of float, shape (n_points, n_theta)
        Overwritten with the gradients; scratch of shape (1, n_theta) where they are not asked.
    """
    theta = np.empty(points.shape[1])
    for i in range(points.shape[0]):
        out = gradients[i] if gradient else gradients[0]
        log_jacobian = 0.0
        if in_u:
            log_jacobian = to_theta(layout, coordinates, points[i], theta)
        else:
            theta[:] = points[i]
        values[i] = log_jacobian + _log_density(problem, layout, theta, gradient, out)
        if in_u and gradient and values[i] > -np.inf:
            pull_back(layout, coordinates, points[i], theta, out)


@njit(cache=True, nogil=True, error_model="numpy")
def complete(
    layout: ThetaLayout,
    coordinates: Coordinates,
    in_u: bool,
    point: Floats,
    log_likelihood: float,
    slope: Floats,
    gradient: bool,
    out: Floats,
) -> float:
    """Log density at a point where the likelihood is known already.

    Parameters
    ----------
    layout, coordinates, in_u
        As in `log_densities`.
    point : ndarray of float, shape (n_theta,)
        Theta, or its coordinates.
    log_likelihood : float
        There; ``-inf`` outside the domain.
    slope : ndarray of float, shape (n_theta,)
        Its derivatives by theta.
    gradient : bool
        Whether to fill `out`.
    out : ndarray of float, shape (n_theta,)
        Overwritten with the gradient.
    """
    theta = np.empty(point.size)
    log_jacobian = 0.0
    if in_u:
        log_jacobian = to_theta(layout, coordinates, point, theta)
    else:
        theta[:] = point
    out[:] = slope
    value = log_jacobian + log_likelihood
    if value > -np.inf:
        value += log_prior(layout, theta, out)
        if in_u and gradient:
            pull_back(layout, coordinates, point, theta, out)
    return value
