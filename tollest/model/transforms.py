r"""From one flat vector of unknowns to the kernels' parameters, the prior, and coordinates.

Every entry of theta is either a normal given its mean and standard deviation, each a constant
or another entry (a log standard deviation), or the logarithm of a half-normal. `Layout` holds
this as arrays, so that one compiled function serves every model.

Samplers and importance draws work in coordinates `u`, in which a pooled effect is

.. math::
    \theta_j = \frac{\lambda_j \hat\theta_j + \mu / \sigma^2}{q_j} + \frac{u_j}{\sqrt{q_j}},
    \qquad q_j = \lambda_j + 1 / \sigma^2,

with :math:`\lambda_j, \hat\theta_j` what the claims say of it. That is the non-centred form
where they say nothing and the centred one where they say much, so that the funnel between
effects and their population's spread is gone at either end [1]_. Where tolls are
known, claims speak of a source's bias in sum with the common bias :math:`b_0`; where a figure is
all that is known, of the bias alone. So :math:`\theta_j + c_j b_0` stands for
:math:`\theta_j`, and :math:`c_j b_0` is part of the mean :math:`\mu`, with :math:`c_j` from 0
to 1 as the claims have it. Else what is known well would be a bent ridge between the bias, the
common bias and the spread of biases.

A source's bias around which its biases by side spread is known through these. What claims say of
it hangs on how wide they spread:

.. math::
    \lambda = \sum_j w_j, \qquad \lambda \hat\theta = \sum_j w_j \hat\theta_j, \qquad
    w_j^{-1} = \lambda_j^{-1} + \sigma_\text{sides}^2,

so that it is centred where sides are alike and not where they differ.

References
----------
.. [1] Papaspiliopoulos, O., Roberts, G. O., Skold, M. (2007). A general framework for the
   parametrization of hierarchical models. *Statistical Science* 22(1), 59-73.
   https://doi.org/10.1214/088342307000000014
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tollest._arrays import Floats, Integers
from tollest._sums.marginal import evaluate
from tollest._sums.tables import Claimed, Parameters

_NO_STEP = 1e-5  # in log odds: below it differences are rounding
_MOST_ODDS = 50.0  # steps in log odds beyond which exponentials would overflow


class Layout(NamedTuple):
    """Priors and positions of the entries of theta; -1 marks a constant."""

    half: NDArray[np.bool_]  # (n_theta,) whether the entry is the log of a half-normal
    mean_index: Integers  # (n_theta,) entry that is the mean, always an earlier one
    mean: Floats  # (n_theta,) the mean where it is constant
    log_sd_index: Integers  # (n_theta,) entry that is the log of the sd, an earlier one
    sd: Floats  # (n_theta,) the sd where it is constant
    shift_index: Integers  # (n_theta,) entry that claims see added to a pooled one
    first_child: Integers  # (n_theta,) first of the entries that spread around one, or -1
    end_child: Integers  # (n_theta,) the one after the last of them
    effect_index: Integers  # (n_covariates,) entries that are effects of covariates
    design: Floats  # (n_levels, n_covariates) what they are multiplied by, added to mu
    exposure: Floats  # (n_levels,) log exposure, added to mu too
    position: Parameters  # entries of theta, as floats, in the shape of the parameters
    fixed: Parameters  # values where the position is -1


class Coordinates(NamedTuple):
    """The map from `u` to theta."""

    precision: Floats  # (n_theta,) of what the claims say; used for pooled effects
    centre: Floats  # (n_theta,)
    scale: Floats  # (n_theta,) of the entries neither pooled nor logs of half-normals
    shift: Floats  # (n_theta,) how much of the common bias claims see added to a pooled effect


@njit(cache=True, error_model="numpy")
def _gather(index: Floats, fixed: Floats, theta: Floats) -> Floats:
    out = fixed.copy()
    for i in range(out.size):
        j = int(index[i])
        if j >= 0:
            out[i] = theta[j]
    return out


@njit(cache=True, error_model="numpy")
def _scatter(index: Floats, values: Floats, out: Floats) -> None:
    for i in range(values.size):
        j = int(index[i])
        if j >= 0:
            out[j] += values[i]


@njit(cache=True, error_model="numpy")
def unpack(layout: Layout, theta: Floats) -> Parameters:
    """Parameters of the likelihood at `theta`."""
    position, fixed = layout.position, layout.fixed
    mu = _gather(position.mu, fixed.mu, theta)
    mu += layout.exposure
    for k in range(layout.effect_index.size):
        effect = theta[layout.effect_index[k]]
        for g in range(mu.size):
            mu[g] += layout.design[g, k] * effect
    return Parameters(
        mu,
        _gather(position.bias, fixed.bias, theta),
        _gather(position.log_scatter, fixed.log_scatter, theta),
        _gather(position.logit_repeat, fixed.logit_repeat, theta),
        _gather(position.shared, fixed.shared, theta),
    )


@njit(cache=True, error_model="numpy")
def log_prior(layout: Layout, theta: Floats, out: Floats) -> float:
    """Normalised log prior density of theta; its gradient is added to `out`."""
    value = 0.0
    for j in range(theta.size):
        k = layout.log_sd_index[j]
        log_sd = theta[k] if k >= 0 else math.log(layout.sd[j])
        if layout.half[j]:
            z = math.exp(theta[j] - log_sd)
            value += 0.5 * math.log(2.0 / math.pi) - 0.5 * z * z + theta[j] - log_sd
            out[j] += 1.0 - z * z
            continue
        i = layout.mean_index[j]
        mean = theta[i] if i >= 0 else layout.mean[j]
        inverse = math.exp(-log_sd)
        z = (theta[j] - mean) * inverse
        value += -0.5 * math.log(2.0 * math.pi) - 0.5 * z * z - log_sd
        out[j] -= z * inverse
        if i >= 0:
            out[i] += z * inverse
        if k >= 0:
            out[k] += z * z - 1.0
    return value


@njit(cache=True, error_model="numpy")
def _largest(a: Floats) -> float:
    largest = 0.0
    for i in range(a.size):
        largest = max(largest, abs(a[i]))
    return largest


@njit(cache=True, error_model="numpy")
def is_inside(layout: Layout, theta: Floats, parameters: Parameters) -> bool:
    """Whether theta is where sums can be taken.

    A log scale of 30 is no number's: outside, sums would overflow before they reject.
    """
    for j in range(theta.size):
        if not abs(theta[j]) < 1e6 or (layout.half[j] and abs(theta[j]) > 30.0):
            return False
    return (
        _largest(parameters.log_scatter) <= 30.0
        and _largest(parameters.shared) <= 30.0
        and _largest(parameters.logit_repeat) <= 500.0
    )


@njit(cache=True, error_model="numpy")
def scatter(layout: Layout, gradients: Parameters, out: Floats) -> None:
    """Add derivatives by the kernels' parameters to those by theta."""
    _scatter(layout.position.mu, gradients.mu, out)
    for k in range(layout.effect_index.size):
        j = layout.effect_index[k]
        for g in range(gradients.mu.size):
            out[j] += layout.design[g, k] * gradients.mu[g]
    _scatter(layout.position.bias, gradients.bias, out)
    _scatter(layout.position.log_scatter, gradients.log_scatter, out)
    _scatter(layout.position.logit_repeat, gradients.logit_repeat, out)
    _scatter(layout.position.shared, gradients.shared, out)


@njit(inline="always", error_model="numpy")
def _log_density(
    problem: Claimed, layout: Layout, theta: Floats, gradient: bool, out: Floats
) -> float:
    """Log of prior times marginal likelihood; `out` is overwritten with its gradient."""
    out[:] = 0.0
    parameters = unpack(layout, theta)
    if not is_inside(layout, theta, parameters):
        return -np.inf
    value = log_prior(layout, theta, out)
    gradients = Parameters(
        np.zeros_like(parameters.mu),
        np.zeros_like(parameters.bias),
        np.zeros_like(parameters.log_scatter),
        np.zeros_like(parameters.logit_repeat),
        np.zeros_like(parameters.shared),
    )
    value += evaluate(problem, parameters, gradient, gradients, np.empty((0, 0)))
    if gradient:
        scatter(layout, gradients, out)
    return value


@njit(cache=True, error_model="numpy")
def _half(u: float) -> tuple[float, float, float, float]:
    r"""Log of a nearly half-normal number made of a normal one, and derivatives.

    With :math:`E = -\log \Phi(-u)`, exponential where `u` is normal, the number is
    :math:`E / \sqrt{2 / \pi + E / 2}`, close to a half-normal in the body and in both tails: a
    scale that the claims leave to its prior is then as good as normal in `u`, and its long left
    tail on the log axis is not missed.

    Returns
    -------
    tuple of float
        The log; the log of its derivative by `u`; that derivative; and the derivative of the
        log of the derivative.
    """
    if u < 0.0:
        below = 0.5 * math.erfc(-u / math.sqrt(2.0))
        e = max(-math.log1p(-below), 1e-300)
        above = 1.0 - below
    else:
        above = max(0.5 * math.erfc(u / math.sqrt(2.0)), 1e-300)
        e = -math.log(above)
    log_hazard = -0.5 * u * u - 0.5 * math.log(2.0 * math.pi) - math.log(above)
    hazard = math.exp(log_hazard)
    d = 2.0 / math.pi + 0.5 * e
    rate = 1.0 / e - 0.25 / d
    value = math.log(e) - 0.5 * math.log(d)
    bend = hazard - u + hazard * (0.125 / (d * d) - 1.0 / (e * e)) / rate
    return value, log_hazard + math.log(rate), hazard * rate, bend


@njit(cache=True, error_model="numpy")
def _half_inverse(value: float) -> float:
    """Solve `_half` for the number of which `value` is the log, by bisection."""
    low, high = -36.0, 36.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        if _half(middle)[0] < value:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


@njit(cache=True, error_model="numpy")
def _shift(layout: Layout, coordinates: Coordinates, theta: Floats, j: int) -> float:
    """Look up what claims see added to a pooled effect."""
    o = layout.shift_index[j]
    return float(coordinates.shift[j] * theta[o]) if o >= 0 else 0.0


@njit(cache=True, error_model="numpy")
def _given_population(
    layout: Layout, coordinates: Coordinates, theta: Floats, j: int
) -> tuple[float, float, float, float]:
    """Mean and precision of a pooled effect's population; precision and centre of its `u`.

    Mean and centre are those of the effect with what claims see added to it.
    """
    i = layout.mean_index[j]
    mean = (theta[i] if i >= 0 else layout.mean[j]) + _shift(layout, coordinates, theta, j)
    v = math.exp(-2.0 * theta[layout.log_sd_index[j]])
    precision, pull = _told(layout, coordinates, theta, j)
    q = precision + v
    return mean, v, q, (pull + v * mean) / q


@njit(cache=True, error_model="numpy")
def _told(layout: Layout, coordinates: Coordinates, theta: Floats, j: int) -> tuple[float, float]:
    """Precision of what claims say of a pooled effect, and that times its centre."""
    precision = coordinates.precision[j]
    pull = precision * coordinates.centre[j]
    for c in range(max(layout.first_child[j], 0), layout.end_child[j]):
        weight = _weight(layout, coordinates, theta, c)
        precision += weight
        pull += weight * _there(layout, coordinates, theta, j, c)
    return precision, pull


@njit(cache=True, error_model="numpy")
def _there(layout: Layout, coordinates: Coordinates, theta: Floats, j: int, c: int) -> float:
    """Where claims on `c` say that `j`, with what claims see added to it, is."""
    added = _shift(layout, coordinates, theta, j) - _shift(layout, coordinates, theta, c)
    return float(coordinates.centre[c] + added)


@njit(cache=True, error_model="numpy")
def _weight(layout: Layout, coordinates: Coordinates, theta: Floats, c: int) -> float:
    """Precision of what claims on one that spreads around another say of the latter."""
    known = coordinates.precision[c]
    return float(known / (1.0 + known * math.exp(2.0 * theta[layout.log_sd_index[c]])))


@njit(cache=True, error_model="numpy")
def to_theta(layout: Layout, coordinates: Coordinates, u: Floats, theta: Floats) -> float:
    """Overwrite `theta` with the image of `u`; return the log Jacobian."""
    log_jacobian = 0.0
    for j in range(u.size):
        # What is added to others comes after them.
        o = layout.shift_index[j]
        if o >= 0:
            theta[o] = coordinates.centre[o] + coordinates.scale[o] * u[o]
    for j in range(u.size):
        k = layout.log_sd_index[j]
        if layout.half[j]:
            value, log_slope, _, _ = _half(u[j])
            theta[j] = math.log(layout.sd[j]) + value
            log_jacobian += log_slope
            continue
        if k < 0:
            theta[j] = coordinates.centre[j] + coordinates.scale[j] * u[j]
            log_jacobian += math.log(coordinates.scale[j])
            continue
        _, _, q, centre = _given_population(layout, coordinates, theta, j)
        theta[j] = centre - _shift(layout, coordinates, theta, j) + u[j] / math.sqrt(q)
        log_jacobian -= 0.5 * math.log(q)
    return log_jacobian


@njit(cache=True, error_model="numpy")
def to_u(layout: Layout, coordinates: Coordinates, theta: Floats, u: Floats) -> None:
    """Overwrite `u` with the coordinates of `theta`."""
    for j in range(u.size):
        k = layout.log_sd_index[j]
        if layout.half[j]:
            u[j] = _half_inverse(theta[j] - math.log(layout.sd[j]))
            continue
        if k < 0:
            u[j] = (theta[j] - coordinates.centre[j]) / coordinates.scale[j]
            continue
        _, _, q, centre = _given_population(layout, coordinates, theta, j)
        u[j] = (theta[j] + _shift(layout, coordinates, theta, j) - centre) * math.sqrt(q)


@njit(cache=True, error_model="numpy")
def _pull_back(
    layout: Layout, coordinates: Coordinates, u: Floats, theta: Floats, out: Floats
) -> None:
    """Turn the gradient by theta in `out` into that by `u`, Jacobian included."""
    # Children come after the entries they depend on, so a backward sweep sees every pull.
    for j in range(u.size - 1, -1, -1):
        k = layout.log_sd_index[j]
        if layout.half[j]:
            _, _, slope, bend = _half(u[j])
            out[j] = out[j] * slope + bend
            continue
        if k < 0:
            out[j] *= coordinates.scale[j]
            continue
        mean, v, q, centre = _given_population(layout, coordinates, theta, j)
        i, o = layout.mean_index[j], layout.shift_index[j]
        if i >= 0:
            out[i] += out[j] * v / q
        by_others = v / q
        out[k] += out[j] * -2.0 * v * ((mean - centre) / q - 0.5 * u[j] * q**-1.5) + v / q
        for c in range(max(layout.first_child[j], 0), layout.end_child[j]):
            weight, s = _weight(layout, coordinates, theta, c), layout.log_sd_index[c]
            bent = -2.0 * weight * weight * math.exp(2.0 * theta[s])  # by the log of the spread
            by_others += weight / q
            there = _there(layout, coordinates, theta, j, c)
            move = (there - centre) / q - 0.5 * u[j] * q**-1.5
            out[s] += bent * (out[j] * move - 0.5 / q)
            common = layout.shift_index[c]
            if common >= 0:  # by its coordinate already, as below
                slope = coordinates.scale[common] * coordinates.shift[c]
                out[common] -= slope * out[j] * weight / q
        if o >= 0:
            out[o] += coordinates.scale[o] * coordinates.shift[j] * out[j] * (by_others - 1.0)
        out[j] /= math.sqrt(q)


@njit(cache=True, nogil=True, error_model="numpy")
def log_densities(
    problem: Claimed,
    layout: Layout,
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
            _pull_back(layout, coordinates, points[i], theta, out)


@njit(cache=True, nogil=True, error_model="numpy")
def complete(
    layout: Layout,
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
            _pull_back(layout, coordinates, point, theta, out)
    return value


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
    layout: Layout,
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
        As in `log_densities`.
    centre, slope, curvature, odds
        As in `quadratic`.
    out : ndarray of float, shape (n_theta,)
        Overwritten with the gradient.
    """
    theta = np.empty(u.size)
    log_jacobian = to_theta(layout, coordinates, u, theta)
    if not is_inside(layout, theta, unpack(layout, theta)):
        out[:] = 0.0
        return -np.inf
    value = quadratic(centre, slope, curvature, odds, theta, out)
    value += log_jacobian + log_prior(layout, theta, out)
    _pull_back(layout, coordinates, u, theta, out)
    return value


def to_thetas(layout: Layout, coordinates: Coordinates, u: Floats) -> Floats:
    """Images of each row of `u`, shape (n_draws, n_theta)."""
    thetas = np.empty_like(u)
    for row, image in zip(u, thetas, strict=True):
        to_theta(layout, coordinates, row, image)
    return thetas


def to_us(layout: Layout, coordinates: Coordinates, thetas: Floats) -> Floats:
    """Coordinates of each row of `thetas`, shape (n_draws, n_theta)."""
    u = np.empty_like(thetas)
    for row, image in zip(thetas, u, strict=True):
        to_u(layout, coordinates, row, image)
    return u
