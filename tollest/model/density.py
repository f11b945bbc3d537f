"""The log density of theta: prior times likelihood, at theta or in coordinates."""

import numpy as np
from numba import njit

from tollest._arrays import Flags, Floats
from tollest._sums.tables import Parameters, flat_layout, parameters_of
from tollest.model.coordinates import Coordinates, pull_back, to_theta
from tollest.model.layout import ThetaLayout
from tollest.model.theta import is_inside, log_prior, parameters_at, scatter


@njit(cache=True, nogil=True, error_model="numpy")
def rows_at(
    layout: ThetaLayout, coordinates: Coordinates, in_u: bool, points: Floats, size: int
) -> tuple[Floats, Flags]:
    """Rows of the likelihood's parameters at several points, and whether sums can be taken there.

    Parameters
    ----------
    layout, coordinates : ThetaLayout, Coordinates
        The priors, and the map from `u` to theta.
    in_u : bool
        Whether `points` are coordinates `u`, or theta itself.
    points : ndarray of float, shape (n_points, n_theta)
        Where to evaluate.
    size : int
        Number of parameters.

    Returns
    -------
    rows : ndarray of float, shape (n_points, size)
        As in `tollest._sums.tables.Flat`.
    inside : ndarray of bool, shape (n_points,)
    """
    rows, inside = np.empty((points.shape[0], size)), np.empty(points.shape[0], np.bool_)
    theta = np.empty(points.shape[1])
    for i in range(points.shape[0]):
        if in_u:
            to_theta(layout, coordinates, points[i], theta)
        else:
            theta[:] = points[i]
        parameters = parameters_at(layout, theta)
        inside[i] = is_inside(layout, theta, parameters)
        start = 0
        for array in parameters:
            rows[i, start : start + array.size] = array
            start += array.size
    return rows, inside


@njit(cache=True, nogil=True, error_model="numpy")
def slopes_of(layout: ThetaLayout, like: Parameters, gradients: Floats, out: Floats) -> None:
    """Fill derivatives by theta, (n_points, n_theta), from rows of those by parameters."""
    flat = flat_layout(like)
    out[:] = 0.0
    for i in range(gradients.shape[0]):
        scatter(layout, parameters_of(flat, gradients[i]), out[i])


@njit(cache=True, nogil=True, error_model="numpy")
def complete(
    layout: ThetaLayout,
    coordinates: Coordinates,
    in_u: bool,
    points: Floats,
    values: Floats,
    slopes: Floats,
) -> None:
    """Turn log likelihoods into log densities, and their derivatives with them.

    Parameters
    ----------
    layout, coordinates, in_u, points
        As in `rows_at`.
    values : ndarray of float, shape (n_points,)
        Log likelihoods, ``-inf`` outside the domain; overwritten with log densities.
    slopes : ndarray of float, shape (n_points, n_theta), or (0, n_theta)
        Their derivatives by theta; overwritten with those by the coordinates of `points`.
    """
    theta, out = np.empty(points.shape[1]), np.zeros(points.shape[1])
    for i in range(points.shape[0]):
        if not values[i] > -np.inf:
            continue
        if in_u:
            values[i] += to_theta(layout, coordinates, points[i], theta)
        else:
            theta[:] = points[i]
        if slopes.shape[0] > 0:
            out = slopes[i]
        values[i] += log_prior(layout, theta, out)
        if in_u and slopes.shape[0] > 0:
            pull_back(layout, coordinates, points[i], theta, out)
