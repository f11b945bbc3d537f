r"""Coordinates `u` in which the posterior of theta is easier to sample, and the map to theta.

Samplers and importance sampling work in coordinates `u`, in which a pooled effect is

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

from tollest._arrays import Floats
from tollest.model.layout import ThetaLayout


class Coordinates(NamedTuple):
    """The map from `u` to theta."""

    precision: Floats  # (n_theta,) of what the claims say; used for pooled effects
    centre: Floats  # (n_theta,)
    scale: Floats  # (n_theta,) of the entries neither pooled nor logs of half-normals
    shift: Floats  # (n_theta,) how much of the common bias claims see added to a pooled effect


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
def _shift(layout: ThetaLayout, coordinates: Coordinates, theta: Floats, j: int) -> float:
    """Look up what claims see added to a pooled effect."""
    o = layout.shift_index[j]
    return float(coordinates.shift[j] * theta[o]) if o >= 0 else 0.0


@njit(cache=True, error_model="numpy")
def _given_population(
    layout: ThetaLayout, coordinates: Coordinates, theta: Floats, j: int
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
def _told(
    layout: ThetaLayout, coordinates: Coordinates, theta: Floats, j: int
) -> tuple[float, float]:
    """Precision of what claims say of a pooled effect, and the precision times its centre."""
    precision = coordinates.precision[j]
    pull = precision * coordinates.centre[j]
    for c in range(max(layout.first_child[j], 0), layout.end_child[j]):
        weight = _weight(layout, coordinates, theta, c)
        precision += weight
        pull += weight * _centre_by_child(layout, coordinates, theta, j, c)
    return precision, pull


@njit(cache=True, error_model="numpy")
def _centre_by_child(
    layout: ThetaLayout, coordinates: Coordinates, theta: Floats, j: int, c: int
) -> float:
    """Centre that claims on `c` give for `j`, with what claims see added to it."""
    added = _shift(layout, coordinates, theta, j) - _shift(layout, coordinates, theta, c)
    return float(coordinates.centre[c] + added)


@njit(cache=True, error_model="numpy")
def _weight(layout: ThetaLayout, coordinates: Coordinates, theta: Floats, c: int) -> float:
    """Precision of what claims on one that spreads around another say of the latter."""
    known = coordinates.precision[c]
    return float(known / (1.0 + known * math.exp(2.0 * theta[layout.log_sd_index[c]])))


@njit(cache=True, error_model="numpy")
def to_theta(layout: ThetaLayout, coordinates: Coordinates, u: Floats, theta: Floats) -> float:
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
def to_u(layout: ThetaLayout, coordinates: Coordinates, theta: Floats, u: Floats) -> None:
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
def pull_back(
    layout: ThetaLayout, coordinates: Coordinates, u: Floats, theta: Floats, out: Floats
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
            centre_by_child = _centre_by_child(layout, coordinates, theta, j, c)
            move = (centre_by_child - centre) / q - 0.5 * u[j] * q**-1.5
            out[s] += bent * (out[j] * move - 0.5 / q)
            common = layout.shift_index[c]
            if common >= 0:  # by its coordinate already, as below
                slope = coordinates.scale[common] * coordinates.shift[c]
                out[common] -= slope * out[j] * weight / q
        if o >= 0:
            out[o] += coordinates.scale[o] * coordinates.shift[j] * out[j] * (by_others - 1.0)
        out[j] /= math.sqrt(q)


def to_thetas(layout: ThetaLayout, coordinates: Coordinates, u: Floats) -> Floats:
    """Images of each row of `u`, shape (n_draws, n_theta)."""
    thetas = np.empty_like(u)
    for row, image in zip(u, thetas, strict=True):
        to_theta(layout, coordinates, row, image)
    return thetas


def to_us(layout: ThetaLayout, coordinates: Coordinates, thetas: Floats) -> Floats:
    """Coordinates of each row of `thetas`, shape (n_draws, n_theta)."""
    u = np.empty_like(thetas)
    for row, image in zip(thetas, u, strict=True):
        to_u(layout, coordinates, row, image)
    return u
