r"""Masses of numbers that fall short of the toll, or go beyond it: bounds, and lists of names.

Who says "at least 17" has counted so far: the number falls short of the toll by an exponential
amount on the log1p axis. With ``m`` the mass of the number said at a centre,

.. math:: M(y) = \int_0^\infty e^{-t} m(y - \lambda t) \, dt, \qquad \lambda M' = m - M,

so that along the support the mass at one point follows from that at the point before,

.. math:: M(y + h) = e^{-h / \lambda} M(y)
    + \frac{1}{\lambda} \int_y^{y + h} e^{-(y + h - v) / \lambda} m(v) \, dv ,

a sum of positive terms. Derivatives of `m` go through the same filter, and that by log lambda
through it once more. "At most" is the mirror image. A list of names has no error but what it
lacks: its mass is an exponential in closed form.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from tollest._arrays import Floats
from tollest._sums.mass import LOGISTIC, NORMAL, Interval, Law, exp, mass_cell

# How a claim's number stands to the toll.
PLAIN, FALLS_SHORT, GOES_BEYOND, LISTED, DENIED = 0, 1, 2, 3, 4

# Rows of a table of bounds: the mass; derivatives of its log by the centre, by the log scatter and
# by the log of the shortfall's scale.
N_ROWS = 4

# Gauss-Legendre nodes of a step on (0, 1), and the longest step, in scatters and in shortfalls:
# masses are then right to 1e-6 of themselves (`tests/_sums/test_bounds.py`).
_NODES = np.array([0.1127016653792583, 0.5, 0.8872983346207417])
_WEIGHTS = np.array([5.0 / 18.0, 8.0 / 18.0, 5.0 / 18.0])
_STEP = 1.0
# Most steps between two points of the support: where scatters are so small the sum over the
# support is no better.
_MOST_STEPS = 1000
# Shortfalls, in scatters, below which a fixed quadrature does for the whole filter.
_SHORT = 0.3
_TIMES, _SHARES = np.polynomial.laguerre.laggauss(12)
# Scatters beyond the number said from which on its own error adds nothing.
_FAR = 45.0
# Scatters below the number from which on masses of single points are those of the tail.
_TAIL = 12.0
_LEAST = 1e-140
# Log mass below the floor of a list of names, where sums never look.
LEAST_LOG = -690.0
_MOST_PANELS = 5000


class _Number(NamedTuple):
    """A number said, with what its masses at all centres share."""

    family: int
    df: float
    scale: float
    lower: float
    upper: float
    width: float
    inside: float  # 1 less the next, of which logistic masses are made
    shrink: float  # exponential of less the width in scatters


@njit(inline="always", error_model="numpy")
def _stated(number: _Number, y: float) -> tuple[float, float, float]:
    """Mass of a number at the centre `y`, and its derivatives by `y` and by the log scatter."""
    scale, lower, width = number.scale, number.lower, number.width
    if number.family == LOGISTIC and width < np.inf:
        inverse = 1.0 / scale
        v = min(max(exp((lower - y) * inverse), 1e-150), 1e150)
        share = 1.0 / ((1.0 + v) * (number.shrink + v))
        mass = number.inside * v * share
        slope = (v * v - number.shrink) * share * inverse
        w = width * inverse
        less = w * (1.0 / number.inside - 0.5)
        return (
            mass, mass * slope, mass * ((lower + 0.5 * width - y) * slope - less + 0.5 * w * mass)
        )  # fmt: skip
    value, by_centre, by_log_scale = mass_cell(
        number.family, number.df, (lower - y) / scale, (number.upper - y) / scale, width / scale
    )
    mass = math.exp(value)
    return mass, mass * by_centre / scale, mass * by_log_scale


@njit(cache=True, error_model="numpy")
def bound_log_mass(
    family: int, df: float, lower: float, upper: float, width: float, shortfall: float
) -> float:
    """Log mass of a number that falls short, all in units of the scatter around the centre.

    By panels of Gauss-Legendre nodes around the peak of the integrand, in logs: for single points.
    """
    if family == NORMAL and lower > _TAIL:
        # A normal tail falls ever faster, and the filter divides by how fast.
        value, by_centre, _ = mass_cell(family, df, lower, upper, width)
        return value - math.log1p(shortfall * by_centre)
    begin, end = 0.0, max(-lower if lower > -np.inf else -upper, 0.0) / shortfall + _FAR
    if family == NORMAL and lower > -np.inf:
        # Beyond so many scatters of the number there is nothing.
        begin = max(-upper - _TAIL, 0.0) / shortfall if upper < np.inf else 0.0
        end = min((_TAIL - lower) / shortfall, begin + _FAR)
    if family == LOGISTIC and lower > -np.inf:
        # Up to the number the error's own tail rises by one a scatter, and the shortfall's falls.
        rise, beyond = shortfall - 1.0, max(-upper, 0.0) if upper < np.inf else 0.0
        begin = max(beyond / shortfall - _FAR / rise, 0.0) if rise > 0.0 else 0.0
        end = max(-lower, 0.0) / shortfall + _FAR / (1.0 + shortfall)
        if rise < 0.0:
            end = min(end, _FAR / -rise)
    end = max(end, begin + 1e-3)
    n = min(int((end - begin) * max(1.0, 2.0 * shortfall) / _STEP) + 1, _MOST_PANELS)
    h = (end - begin) / n
    peak, total = -np.inf, 0.0
    for i in range(n):
        for k in range(_NODES.size):
            t = begin + h * (i + _NODES[k])
            step = shortfall * t
            value = mass_cell(family, df, lower + step, upper + step, width)[0] - t
            if value > peak:
                total *= math.exp(peak - value) if peak > -np.inf else 0.0
                peak = value
            total += h * _WEIGHTS[k] * math.exp(value - peak)
    return peak + math.log(total)


@njit(cache=True, error_model="numpy")
def _settled(number: _Number, y: float, shortfall: float, out: Floats) -> None:
    """Fill what the filter holds where the shortfall is short beside the scatter."""
    out[:] = 0.0
    for i in range(_TIMES.size):
        mass, by_centre, by_log_scale = _stated(number, y - shortfall * _TIMES[i])
        out[0] += _SHARES[i] * mass
        out[1] += _SHARES[i] * by_centre
        out[2] += _SHARES[i] * by_log_scale
        out[3] += _SHARES[i] * _TIMES[i] * mass


@njit(cache=True, error_model="numpy")
def _outside(number: _Number, y: float, rate: float, out: Floats) -> None:
    """Fill what the filter holds far below the number, where a logistic mass is an exponential.

    The filter then only divides it by `rate`, one and the shortfall in scatters.
    """
    mass, by_centre, by_log_scale = _stated(number, y)
    out[0], out[1] = mass / rate, by_centre / rate
    out[2] = (by_log_scale + mass * (rate - 1.0) / rate) / rate
    out[3] = mass / (rate * rate)


@njit(cache=True, error_model="numpy")
def _first(number: _Number, y: float, shortfall: float, out: Floats) -> None:
    """Fill what the filter holds at the first point: see `bound_rows`."""
    # From as far below as its memory reaches; nothing is left of what was before.
    begin, rate = y - _FAR * shortfall, 1.0
    if number.family == LOGISTIC:
        outside = min(number.lower - _FAR * number.scale, y - number.scale)
        if outside > begin:
            begin, rate = outside, 1.0 + shortfall / number.scale
    _outside(number, begin, rate, out)
    # The number itself takes fine steps, what is before and after it few.
    for end in (number.lower - _FAR * number.scale, number.upper + _FAR * number.scale, y):
        stop = min(max(end, begin), y)
        _step(number, begin, stop - begin, shortfall, out)
        begin = stop


@njit(cache=True, error_model="numpy")
def _step(number: _Number, y: float, distance: float, shortfall: float, out: Floats) -> None:
    """Take the filter from `y` on by a distance."""
    scale = number.scale
    if distance <= 0.0:
        return
    if number.family == LOGISTIC and y + distance < number.lower - _FAR * scale:
        _outside(number, y + distance, 1.0 + shortfall / scale, out)
        return
    n = 1
    # Once its own tail is nothing beside the shortfall's, the filter forgets and that is all.
    if not (shortfall > 2.0 * scale and y > number.upper + _FAR * scale):
        n = min(int(distance / (_STEP * min(scale, shortfall))) + 1, _MOST_STEPS)
    h = distance / n
    per = h / shortfall
    kept = math.exp(-per)
    for i in range(n):
        out[3] = kept * (out[3] + per * out[0])
        out[0] *= kept
        out[1] *= kept
        out[2] *= kept
        for k in range(_NODES.size):
            mass, by_centre, by_log_scale = _stated(number, y + h * (i + _NODES[k]))
            left = (1.0 - _NODES[k]) * per
            weight = _WEIGHTS[k] * per * math.exp(-left)
            out[0] += weight * mass
            out[1] += weight * by_centre
            out[2] += weight * by_log_scale
            out[3] += weight * left * mass


@njit(cache=True, error_model="numpy")
def bound_rows(
    law: Law, interval: Interval, x: Floats, a: int, n: int, beyond: bool, shortfall: float,
    factor: float, table: Floats, s: int,
) -> None:  # fmt: skip
    """Fill the rows of a bound over `n` points from `a`, the mass times a factor.

    The filter holds the mass; of that the derivatives by the centre and the log scatter; and what
    the filter makes of the mass itself. Of a number that goes `beyond` the toll all is mirrored.
    """
    family, df, centre, scale = law
    lower, upper, width = interval
    sign = 1.0
    if beyond:
        lower, upper, sign = -upper, -lower, -1.0
    w = width / scale
    number = _Number(family, df, scale, lower, upper, width, -math.expm1(-w), math.exp(-w))
    held = np.zeros(4)
    y = 0.0
    for i in range(n):
        k = n - 1 - i if beyond else i
        point = sign * (x[a + k] + centre)
        if shortfall < _SHORT * scale:
            _settled(number, point, shortfall, held)
        elif i == 0:
            _first(number, point, shortfall, held)
        else:
            _step(number, y, point - y, shortfall, held)
        y = point
        mass = held[0]
        if not mass > _LEAST:
            # Nothing is left of the mass; its slopes still point to where there is some.
            z = (lower - point) / scale
            _, by_centre, by_log_scale = mass_cell(family, df, z, z + w, w)
            held[1], held[2] = by_centre / scale, by_log_scale
            held[3] = 1.0 / (1.0 + shortfall * max(by_centre, 0.0) / scale)
            held *= _LEAST
            mass = _LEAST
        table[0, s + k] = mass * factor
        table[1, s + k] = sign * held[1] / mass
        table[2, s + k] = held[2] / mass
        table[3, s + k] = held[3] / mass - 1.0


@njit(cache=True, error_model="numpy")
def list_log_mass(x: float, lower: float, upper: float, shortfall: float) -> tuple[float, float]:
    """Log mass of a list of names at a log toll, and its derivative by the log of its scale."""
    inside = (min(x, upper) - lower) / shortfall
    if not inside > 0.0:
        return -np.inf, 0.0
    beyond = max(x - upper, 0.0) / shortfall
    if inside == np.inf:
        return -beyond, beyond
    return (
        math.log(-math.expm1(-inside)) - beyond,
        beyond - inside / math.expm1(inside) if inside < 700.0 else beyond,
    )  # fmt: skip
