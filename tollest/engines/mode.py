"""Mode of a density, and its curvature there."""

import math
from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize

from tollest._arrays import Floats
from tollest._sums.threads import threaded
from tollest.engines.base import Density
from tollest.engines.tuning import DEFAULT, ModeTuning
from tollest.model.coordinates import Coordinates


def find_mode(
    density: Density,
    coordinates: Coordinates,
    start: Floats,
    held: int | None = None,
    tuning: ModeTuning = DEFAULT.start.mode,
) -> Floats:
    """Mode of the density in the coordinates `u`, searched around the prior's centre.

    Parameters
    ----------
    density : Density
        What has the mode.
    coordinates : Coordinates
        The search runs in.
    start : ndarray of float, shape (n_theta,)
        Where it begins.
    held : int, optional
        Entry that stays where it starts; the search is then a rough one.
    tuning : ModeTuning
        Bounds and tolerances.
    """
    found = _climb(density, coordinates, start, held, tuning)
    if held is not None:
        return found
    value, gradient = density.log_density_and_gradient(found, coordinates)
    is_inside = np.abs(found) < tuning.bound
    if np.abs(gradient[is_inside]).max(initial=0.0) < tuning.steepest:
        return found
    # A slope as steep is no mode's: where tolls are nearly all the same number, say, a spread that
    # became tiny too soon lies on a ridge too thin to follow.
    wider = np.where(density.layout.half, 0.0, found)
    again = _climb(density, coordinates, wider, None, tuning)
    is_better = density.log_density_and_gradient(again, coordinates)[0] > value
    return again if is_better else found


def _climb(
    density: Density,
    coordinates: Coordinates,
    start: Floats,
    held: int | None,
    tuning: ModeTuning,
) -> Floats:
    """Where L-BFGS ends that climbs from `start`."""
    bound = tuning.bound
    value, gradient = density.log_density_and_gradient(start.clip(-bound, bound), coordinates)
    # The first step is minus the gradient: in these units it moves no entry by more than 1.
    unit = max(1.0, float(np.abs(gradient).max()))
    worst = -value / unit

    def objective(u: Floats) -> tuple[float, Floats]:
        nonlocal worst
        value, gradient = density.log_density_and_gradient(u, coordinates)
        if not math.isfinite(value):
            # A wall too high would throw the search's interpolation back to where it started.
            return worst + 10.0 / unit, np.zeros_like(u)
        worst = max(worst, -value / unit)
        return -value / unit, -gradient / unit

    most = tuning.most_evaluations
    options = {"maxfun": most, "maxiter": most, "ftol": 1e-9, "gtol": 1e-3 / unit}
    bounds = [(-bound, bound)] * start.size
    if held is not None:
        bounds[held] = (start[held], start[held])
        options |= {"maxfun": tuning.most_evaluations_held, "ftol": 1e-6}
    # The stubs know no float and gradient in one; SciPy does.
    found = minimize(  # type: ignore[call-overload]
        objective,
        np.clip(start, -bound, bound),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options=options,
    )
    return np.asarray(found.x, np.float64)


def gradient_in(density: Density, coordinates: Coordinates) -> Callable[[Floats], Floats]:
    """Gradient of the log density as a function of `u`, for `hessian`."""
    return lambda u: density.log_density_and_gradient(u, coordinates)[1]


def hessian(
    gradient: Callable[[Floats], Floats], x: Floats, tuning: ModeTuning = DEFAULT.start.mode
) -> Floats:
    """Minus the second derivatives at `x`, by central differences of the gradient."""

    def column(i: int) -> Floats:
        step = np.zeros(x.size)
        step[i] = tuning.difference
        return (gradient(x + step) - gradient(x - step)) / (2.0 * tuning.difference)

    rows = np.array(list(threaded(column, list(range(x.size)))))
    return np.asarray(-0.5 * (rows + rows.T), np.float64)
