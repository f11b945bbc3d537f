r"""Coordinates in which the posterior of theta is close to a standard normal.

First the partially centred coordinates of `tollest.model.coordinates`, with weights taken from the
claims' curvature at the mode or from the spread of draws; then an affine map by the mode and
the inverse root of the Hessian, or by the mean and covariance of draws.
"""

import math
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from tollest._sums.tables import Parameters
from tollest._sums.threads import threaded
from tollest.model.coordinates import Coordinates
from tollest.model.layout import Entry, ThetaLayout
from tollest.model.posterior import Posterior
from tollest.support import Support

Floats = NDArray[np.float64]

# Sums for theta run on fewer points than those for tolls: the total of a smooth mass is far
# more exact than its quantiles. `settled` refines them until the log density stands still.
_COARSE_DENSE, _COARSE_WIDTH = 20, 0.06
_STILL = 0.1
_SPEAK = 2000  # patterns

# Effects of sources with fewer claims stay non-centred: what is seen of them is mostly noise.
_INFORMED = 3

_FAR = 8.0  # from the prior's centre, in its units: no mode is sought further out
# Slope in those units with which no search ends at a mode: in worlds of 1 to 200 locations they
# end with less than 0.2, and with 20 where they are stuck.
_STEEP = 1.0
_STEP = 1e-4  # of the differences of gradients that make a Hessian
_LEAST_CURVATURE = 0.25  # of the prior's in any direction: no proposal wider than twice it


class Density(Protocol):
    """What is whitened: a posterior, or what stands in for one."""

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Entries of theta."""

    @property
    def layout(self) -> ThetaLayout:
        """Theta as the compiled functions know it."""

    @property
    def n_theta(self) -> int:
        """Number of continuous unknowns."""

    @property
    def n_informing(self) -> NDArray[np.int64]:
        """Claims, or locations, that speak of each entry of theta by its name."""

    def log_likelihood_and_gradient(self, theta: Floats) -> tuple[float, Floats]:
        """Log likelihood at `theta` and its gradient, shape (n_theta,)."""

    def log_density_and_gradient(
        self, point: Floats, coordinates: Coordinates
    ) -> tuple[float, Floats]:
        """Log density at `point` in the coordinates, and its gradient, shape (n_theta,)."""

    def to_theta(self, coordinates: Coordinates, u: Floats) -> Floats:
        """Images of `u`, shape (n_draws, n_theta)."""

    def to_u(self, coordinates: Coordinates, theta: Floats) -> Floats:
        """Coordinates of `theta`, shape (n_draws, n_theta)."""


@dataclass(frozen=True, eq=False)
class Whitening:
    """Map from `w`, close to standard normal, to ``u = centre + root @ w``, and on to theta."""

    coordinates: Coordinates
    centre: Floats  # (n_theta,)
    root: Floats  # (n_theta, n_theta)

    def middle(self, density: "Density") -> Floats:
        """Theta at the centre, shape (n_theta,)."""
        return np.asarray(density.to_theta(self.coordinates, self.centre[None])[0], np.float64)


def smallest_scatter(parameters: Parameters) -> float:
    """Smallest scatter of any source, or the figure's; at most 1."""
    return float(np.exp(min(parameters.log_scatter.min(initial=0.0), parameters.shared[1])))


def settled(posterior: Posterior, theta: Floats, start: Support) -> Posterior:
    """Double `start` until the log density stands still, and put the posterior on it.

    Bins end up no wider than twice the smallest scatter at `theta`: there a sum over midpoints
    is as good as exact, and two sums that both miss a spike cannot pass for agreement.
    """
    parameters = posterior.parameters(theta)
    smallest = smallest_scatter(parameters)
    current = replace_support(posterior, start)
    value = current.log_density(theta)
    while not current.model.support.is_finest:
        finer = replace_support(posterior, current.model.support.doubled())
        finer_value = finer.log_density(theta)
        fits = current.model.support.width <= 2.0 * smallest
        if fits and abs(finer_value - value) < _STILL:
            break
        current, value = finer, finer_value
    return current


def is_settled(posterior: Posterior, theta: Floats, support: Support) -> bool:
    """Whether `support` is fine enough at the median of draws, shape (n_draws, n_theta)."""
    return settled(posterior, np.median(theta, axis=0), support).model.support == support


def settled_for_tolls(posterior: Posterior, theta: Floats) -> Posterior:
    """Double the model's support until no pattern's likelihood moves, for sums over single tolls.

    Of very many patterns a part speaks for all.
    """
    parameters = posterior.parameters(theta)
    smallest = smallest_scatter(parameters)

    def logs(current: Posterior) -> Floats:
        return np.concatenate([part.logs(parameters, _SPEAK) for part in current.parts])

    current, values = posterior, logs(posterior)
    while not current.model.support.is_finest:
        finer = replace_support(posterior, current.model.support.doubled())
        finer_values = logs(finer)
        fits = current.model.support.width <= 2.0 * smallest
        if fits and np.abs(finer_values - values).max() < _STILL:
            break
        current, values = finer, finer_values
    return current


def replace_support(posterior: Posterior, support: Support) -> Posterior:
    """Sum the same posterior on another support."""
    return posterior.on(support)


def coarse(posterior: Posterior) -> Support:
    """Support that engines begin with: the model's where that is coarser still."""
    own = posterior.model.support
    is_coarser = own.width > _COARSE_WIDTH
    return own if is_coarser else replace(own, dense=_COARSE_DENSE, width=_COARSE_WIDTH)


def from_prior(posterior: Density) -> Coordinates:
    """Non-centred coordinates on the scale of the prior."""
    layout = posterior.layout
    zeros = np.zeros(posterior.n_theta)
    return Coordinates(zeros, layout.mean.copy(), layout.sd.copy(), zeros)


def find_mode(
    posterior: Density, coordinates: Coordinates, start: Floats, held: int | None = None
) -> Floats:
    """Mode of the density in `u`, searched around the prior's centre.

    The entry `held` stays where it starts, and the search is then a rough one.
    """
    found = _climbed(posterior, coordinates, start, held)
    if held is not None:
        return found
    value, gradient = posterior.log_density_and_gradient(found, coordinates)
    if np.abs(gradient[np.abs(found) < _FAR]).max(initial=0.0) < _STEEP:
        return found
    # A slope as steep is no mode's: where tolls are nearly all the same number, say, a spread that
    # became tiny too soon lies on a ridge too thin to follow.
    wider = np.where(posterior.layout.half, 0.0, found)
    again = _climbed(posterior, coordinates, wider, None)
    is_better = posterior.log_density_and_gradient(again, coordinates)[0] > value
    return again if is_better else found


def _climbed(
    posterior: Density, coordinates: Coordinates, start: Floats, held: int | None
) -> Floats:
    """Where a search upwards from `start` ends."""
    value, gradient = posterior.log_density_and_gradient(start.clip(-_FAR, _FAR), coordinates)
    # The first step is minus the gradient: in these units it moves no entry by more than 1.
    unit = max(1.0, float(np.abs(gradient).max()))
    worst = -value / unit

    def objective(u: Floats) -> tuple[float, Floats]:
        nonlocal worst
        value, gradient = posterior.log_density_and_gradient(u, coordinates)
        if not math.isfinite(value):
            # A wall too high would throw the search's interpolation back to where it started.
            return worst + 10.0 / unit, np.zeros_like(u)
        worst = max(worst, -value / unit)
        return -value / unit, -gradient / unit

    options = {"maxfun": 400, "maxiter": 400, "ftol": 1e-9, "gtol": 1e-3 / unit}
    bounds = [(-_FAR, _FAR)] * start.size
    if held is not None:
        bounds[held] = (start[held], start[held])
        options |= {"maxfun": 40, "ftol": 1e-6}
    # The stubs know no float and gradient in one; SciPy does.
    found = minimize(  # type: ignore[call-overload]
        objective,
        np.clip(start, -_FAR, _FAR),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options=options,
    )
    return np.asarray(found.x, np.float64)


def hessian(gradient: "Gradient", x: Floats) -> Floats:
    """Minus the second derivatives at `x`, by central differences of the gradient."""

    def column(i: int) -> Floats:
        step = np.zeros(x.size)
        step[i] = _STEP
        return (gradient(x + step) - gradient(x - step)) / (2.0 * _STEP)

    rows = np.array(list(threaded(column, list(range(x.size)))))
    return np.asarray(-0.5 * (rows + rows.T), np.float64)


def inverse_root(curvature: Floats) -> Floats:
    """Matrix whose product with its transpose is the inverse of a curvature, floored."""
    values, vectors = np.linalg.eigh(curvature)
    return np.asarray(vectors / np.sqrt(np.maximum(values, _LEAST_CURVATURE)), np.float64)


class Gradient:
    """Gradient of the log density in `u`, or of the log likelihood in theta."""

    def __init__(self, posterior: Density, coordinates: Coordinates | None) -> None:
        self._posterior, self._coordinates = posterior, coordinates

    def __call__(self, x: Floats) -> Floats:
        """Gradient at `x`, shape (n_theta,)."""
        if self._coordinates is not None:
            return self._posterior.log_density_and_gradient(x, self._coordinates)[1]
        return self._posterior.log_likelihood_and_gradient(x)[1]


def _recentred(
    posterior: Density, theta: Floats, centre: Floats, precision: Floats, scale: Floats,
    shift: Floats,
) -> Coordinates:  # fmt: skip
    """Coordinates in which pooled effects have conditional mean `centre` at `theta`."""
    layout = posterior.layout
    pull = centre.copy()
    for j in range(theta.size):
        k, i, o = layout.log_sd_index[j], layout.mean_index[j], layout.shift_index[j]
        if k < 0 or precision[j] < 1e-8:
            continue
        v = math.exp(-2.0 * theta[k])
        added = shift[j] * theta[o] if o >= 0 else 0.0
        mean = (theta[i] if i >= 0 else layout.mean[j]) + added
        pull[j] = ((precision[j] + v) * (centre[j] + added) - v * mean) / precision[j]
    return Coordinates(precision, pull, scale, shift)


def _share_of_common(slope: float, precision: float, prior_precision: float) -> float:
    """How much of the common bias claims see added to an effect.

    `slope` is that of the effect's posterior mean by the common bias: the claims' own, shrunk
    by what the prior says of the effect.
    """
    if precision < 1e-8:
        return 0.0
    return float(np.clip(-slope * (precision + prior_precision) / precision, 0.0, 1.0))


def _from_curvature(
    posterior: Density, coordinates: Coordinates, u: Floats, share: float
) -> Coordinates:
    """Coordinates whose centring follows what the claims say of each effect at the mode.

    `share` scales the curvature at the mode, which overstates what claims say of a source that
    may be repeating: away from the mode its likelihood is flat.
    """
    layout = posterior.layout
    theta = posterior.to_theta(coordinates, u[None])[0]
    curvature = hessian(Gradient(posterior, None), theta)
    hyper = {j for j, entry in enumerate(posterior.entries) if entry.half}
    hyper |= {int(i) for i in layout.mean_index[layout.log_sd_index >= 0]} - {0}
    hyper |= set(layout.shift_index.tolist())
    keep = np.array([j for j in range(theta.size) if j not in hyper])
    sd = np.where(layout.log_sd_index >= 0, np.exp(theta[layout.log_sd_index]), layout.sd)
    values, vectors = np.linalg.eigh(curvature[np.ix_(keep, keep)])
    likelihood = (vectors * np.maximum(values, 0.0)) @ vectors.T
    covariance = np.linalg.inv(likelihood + np.diag(sd[keep] ** -2))
    precision, shift = np.zeros(theta.size), np.zeros(theta.size)
    for a, j in enumerate(keep):
        if layout.log_sd_index[j] >= 0:
            claims = max(1.0 / covariance[a, a] - sd[j] ** -2, 0.0)
            precision[j] = share * claims
            o = layout.shift_index[j]
            if o >= 0:
                slope = -covariance[a] @ curvature[keep, o]
                shift[j] = _share_of_common(slope, claims, sd[j] ** -2)
    centre = np.where(layout.log_sd_index >= 0, theta, coordinates.centre)
    precision *= _is_informed(posterior)
    return _recentred(posterior, theta, centre, precision, coordinates.scale, shift)


def _is_informed(density: Density) -> NDArray[np.bool_]:
    """Whether an effect has claims enough to be centred on; shape (n_theta,)."""
    return np.asarray(density.n_informing >= _INFORMED)


def from_laplace(posterior: Density, share: float) -> Whitening:
    """Whitening by the mode and curvature, in coordinates centred as the claims allow."""
    coordinates = from_prior(posterior)
    u = find_mode(posterior, coordinates, np.zeros(posterior.n_theta))
    for _ in range(2):
        theta = posterior.to_theta(coordinates, u[None])
        coordinates = _from_curvature(posterior, coordinates, u, share)
        u = find_mode(posterior, coordinates, posterior.to_u(coordinates, theta)[0])
    return Whitening(coordinates, u, inverse_root(hessian(Gradient(posterior, coordinates), u)))


def from_draws(posterior: Density, theta: Floats, share: float) -> Whitening:
    """Whitening by the moments of draws of theta, shape (n_draws, n_theta)."""
    layout = posterior.layout
    centre, spread = theta.mean(axis=0), theta.std(axis=0)
    middle = np.median(theta, axis=0)
    precision, shift = np.zeros(centre.size), np.zeros(centre.size)
    for j in range(centre.size):
        k, o = layout.log_sd_index[j], layout.shift_index[j]
        if k >= 0 and layout.first_child[j] < 0:  # else known through those that spread around it
            others = [c for c in (layout.mean_index[j], o) if c >= 0]
            given = theta[:, others] - centre[others]
            deviation = theta[:, j] - centre[j]
            slopes = np.linalg.lstsq(given, deviation)[0]
            deviation -= given @ slopes
            # 0.4549 is the median of a chi-square with one degree of freedom.
            core = np.median(deviation**2) / 0.4549
            prior = math.exp(-2.0 * middle[k])
            claims = max(1.0 / core - prior, 0.0)
            precision[j] = share * claims
            if o >= 0:
                shift[j] = _share_of_common(slopes[-1], claims, prior)
    precision *= _is_informed(posterior)
    coordinates = _recentred(posterior, middle, centre, precision, spread, shift)
    u = posterior.to_u(coordinates, theta)
    deviations = u.std(axis=0)
    # Draws of a chain are worth about a fifth as many; correlations shrink accordingly.
    trust = len(u) / (len(u) + 5.0 * centre.size)
    correlation = trust * np.corrcoef(u.T) + (1.0 - trust) * np.eye(centre.size)
    root = np.linalg.cholesky(correlation * np.outer(deviations, deviations))
    return Whitening(coordinates, u.mean(axis=0), root)
