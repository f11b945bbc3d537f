"""Log mass of an interval under a location-scale family, with its derivatives.

For edges `lower < upper` on the log1p axis, a location `m` and a scale `s`, every function
here works with ``F((upper - m) / s) - F((lower - m) / s)`` and never forms that difference:
it cancels for narrow intervals and underflows in the tails. The logistic has a product form
free of both,

    F(u) - F(l) = F(u) (1 - F(l)) (1 - exp(-(u - l))),

and is written so that compilers turn its loops into vector instructions. The normal and the
Student t are in `tollest._sums.families`.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from tollest._arrays import Floats
from tollest._sums.families import normal, student_t

# What an intrinsic is made of: its signature, and what writes its instruction.
_Typed = tuple[object, Callable[..., ir.Value]]

LOGISTIC, NORMAL, STUDENT_T = 0, 1, 2

# Reassociation is left out: it would undo the rounding tricks in `exp` and `log` below.
FAST = {"contract", "nsz"}
SUMS = {"contract", "nsz", "reassoc"}

# Standardised widths below which an interval's edges share one exponential.
WIDE = 30.0
# Standardised half width of the support above which no `powers` of it are made.
STEEP = 300.0

_SHIFT = np.uint64(52)
_ONE = np.uint64(0x3FF0000000000000)  # the bits of 1.0
_ROUND = 6755399441055744.0  # 1.5 * 2**52: adding it leaves an integer in the low bits
_EXPONENT = np.uint64(1024)
# Bits of sqrt(1/2) less 1024 exponents, so that a logical shift gives exponent + 1024.
_ROOT_HALF = np.uint64((0x3FE6A09E667F3BCD - (1024 << 52)) % 2**64)
_INTEGER = np.uint64(0x4338000000000000)  # the bits of 1.5 * 2**52
_LN2_HIGH = 0.693147180369123816490
_LN2_LOW = 1.90821492927058770002e-10


class Grid(NamedTuple):
    """Points of the support that sums run on; edges are on the log1p axis."""

    x: Floats  # (n_support,) log1p of each bin's representative toll
    bin_lower: Floats  # (n_support,) half a death outwards; -inf of the first bin
    bin_upper: Floats  # (n_support,) inf of the last bin
    bin_width: Floats  # (n_support,)


class Law(NamedTuple):
    """Distribution of what is stated: of a location-scale family, about the log toll and more."""

    family: int
    df: float
    centre: float  # what is added to the log toll
    scale: float


class Interval(NamedTuple):
    """What is stated, by its edges on the log1p axis."""

    lower: float
    upper: float
    width: float


@intrinsic
def _bits_intrinsic(context: object, value: object) -> _Typed:
    """Reinterpret a float as its bits."""

    def generate(
        context: object, builder: ir.IRBuilder, signature: object, arguments: Sequence[ir.Value]
    ) -> ir.Value:
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.uint64(types.float64), generate


@intrinsic
def _float_intrinsic(context: object, value: object) -> _Typed:
    """Reinterpret bits as a float."""

    def generate(
        context: object, builder: ir.IRBuilder, signature: object, arguments: Sequence[ir.Value]
    ) -> ir.Value:
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.uint64), generate


# Seen from compiled code, neither takes a context.
_bits = cast("Callable[[float], np.uint64]", _bits_intrinsic)
_float = cast("Callable[[np.uint64], float]", _float_intrinsic)


@njit(inline="always", error_model="numpy")
def exp(x: float) -> float:
    """Exponential to two units in the last place, vectorisable; clamped at -708 and 709."""
    x = min(max(x, -708.0), 709.0)
    shifted = x * 1.4426950408889634 + _ROUND
    k = shifted - _ROUND
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    # In pairs (Estrin's scheme): a chain of thirteen would wait for each link.
    r2 = r * r
    r4 = r2 * r2
    low = (0.5 + 0.16666666666666666 * r) + (0.041666666666666664 + 0.008333333333333333 * r) * r2
    middle = (0.001388888888888889 + 0.0001984126984126984 * r) + (
        2.48015873015873e-05 + 2.7557319223985893e-06 * r
    ) * r2
    high = (2.755731922398589e-07 + 2.505210838544172e-08 * r) + (
        2.08767569878681e-09 + 1.6059043836821613e-10 * r
    ) * r2
    p = ((high * r4 + middle) * r4 + low) * r2 + r + 1.0
    return p * _float((_bits(shifted) << _SHIFT) + _ONE)


@njit(inline="always", error_model="numpy")
def log(x: float) -> float:
    """Natural logarithm of a normal positive float, vectorisable."""
    bits = _bits(x)
    exponent = (bits - _ROOT_HALF) >> _SHIFT
    m = _float(bits - ((exponent - _EXPONENT) << _SHIFT))
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    p = 1.0 / 21.0
    p = p * z + 1.0 / 19.0
    p = p * z + 1.0 / 17.0
    p = p * z + 1.0 / 15.0
    p = p * z + 1.0 / 13.0
    p = p * z + 1.0 / 11.0
    p = p * z + 1.0 / 9.0
    p = p * z + 1.0 / 7.0
    p = p * z + 1.0 / 5.0
    p = p * z + 1.0 / 3.0
    k = _float(exponent + _INTEGER) - (_ROUND + 1024.0)
    return k * _LN2_HIGH + (k * _LN2_LOW + (2.0 * s + 2.0 * s * z * p))


@njit(inline="always", error_model="numpy")
def _one_minus_exp(w: float) -> float:
    """``1 - exp(-w)`` for ``w >= 0`` without cancellation."""
    series = 1.0 - w / 9.0
    series = 1.0 - w / 8.0 * series
    series = 1.0 - w / 7.0 * series
    series = 1.0 - w / 6.0 * series
    series = 1.0 - w / 5.0 * series
    series = 1.0 - w / 4.0 * series
    series = 1.0 - w / 3.0 * series
    series = 1.0 - w / 2.0 * series
    return w * series if w < 0.03 else 1.0 - exp(-w)


@njit(inline="always", error_model="numpy")
def _logistic(
    lower: float, upper: float, w: float, c: float, shrink: float
) -> tuple[float, float, float]:
    """Log mass between finite standardised edges, and ``s`` d/dm and d/dlog s of it."""
    q_upper = exp(-abs(upper))
    q_lower = exp(-abs(lower))
    log_mass = log(c) - max(-upper, 0.0) - max(lower, 0.0) - log((1.0 + q_upper) * (1.0 + q_lower))
    r_upper = 1.0 / (1.0 + q_upper)
    below = (q_upper if upper < 0.0 else 1.0) * r_upper  # F(upper)
    above = (q_lower if lower > 0.0 else 1.0) / (1.0 + q_lower)  # 1 - F(lower)
    # (1 - F(upper)) / (1 - F(lower)) without its underflows
    ratio = (
        (shrink if lower > 0.0 else (q_upper if upper > 0.0 else 1.0)) * (1.0 + q_lower) * r_upper
    )
    return log_mass, below - above, -(w / c * ratio + lower * (above - below))


@njit(cache=True, fastmath=FAST, error_model="numpy")
def powers(x: Floats, middle: float, scale: float, out: Floats) -> None:
    """``exp(-(x - middle) / scale)`` for each `x`, which all narrow intervals of a scale share."""
    inverse = 1.0 / scale
    for k in range(x.size):
        out[k] = exp((middle - x[k]) * inverse)


@njit(inline="always", error_model="numpy")
def _clamped(power: float) -> float:
    """Keep its square, and the inverse of that, from overflowing: masses stop below 1e-136."""
    return min(max(power, 1e-150), 1e150)


@njit(cache=True, fastmath=FAST, error_model="numpy")
def narrow_masses(
    power: Floats, first: int, n: int, start: float, w: float, factor: float, table: Floats, s: int
) -> None:
    """Mass of one narrow interval, times a factor, in the first row of a table."""
    v, mass = power[first : first + n], table[0, s : s + n]
    c, shrink = factor * _one_minus_exp(w), exp(-w)
    for k in range(n):
        vk = _clamped(start * v[k])
        # As `narrow_rows` has it, to the last digit.
        share = 1.0 / ((1.0 + vk) * (shrink + vk))
        mass[k] = c * vk * share


@njit(cache=True, fastmath=FAST, error_model="numpy")
def narrow_rows(
    power: Floats, first: int, n: int, start: float, scale: float, w: float, factor: float,
    table: Floats, s: int,
) -> None:  # fmt: skip
    """Do as `narrow_masses`; the derivative of its log by the centre in the second row.

    With ``v``, the exponential of the lower edge for each point, there is one division in a cell.
    """
    v, mass, d_centre = power[first : first + n], table[0, s : s + n], table[1, s : s + n]
    c, shrink, inverse = factor * _one_minus_exp(w), exp(-w), 1.0 / scale
    for k in range(n):
        vk = _clamped(start * v[k])
        below, above = 1.0 + vk, shrink + vk
        share = 1.0 / (below * above)
        mass[k] = c * vk * share
        # F(upper) less 1 - F(lower)
        d_centre[k] = (vk * below - above) * share * inverse


@njit(cache=True, error_model="numpy")
def by_log_scale(
    family: int, centre: float, scale: float, lower: float, upper: float, width: float
) -> tuple[float, float, float]:
    r"""Numbers that give an interval's derivative by log scale from that by its centre.

    With ``m`` the mass at locations ``x + centre`` and ``d`` the derivative of its log by the
    centre, that by log scale is ``(e - x) d - a + b m`` for the numbers ``e, a, b`` given here.
    For ``F`` the logistic this is exact: of ``F(u)`` and ``F(l)`` there, the mass and ``d`` are
    difference and sum. Of other families a remainder is left.
    """
    if lower == -np.inf and upper == np.inf:
        return 0.0, 0.0, 0.0
    if lower == -np.inf or upper == np.inf:
        return (upper if lower == -np.inf else lower) - centre, 0.0, 0.0
    w = width / scale if family == LOGISTIC else 0.0
    over = w / _one_minus_exp(w) if w > 0.0 else 0.0
    return lower + 0.5 * width - centre, over - 0.5 * w, 0.5 * w


@njit(cache=True, fastmath=FAST, error_model="numpy")
def logistic_claim(
    x: Floats, centre: float, scale: float, lower: float, upper: float, width: float,
    mass: Floats, d_centre: Floats, d_log_scale: Floats,
) -> None:  # fmt: skip
    """Mass of one interval ``[lower, upper]`` at locations ``x + centre``, for each `x`."""
    inverse = 1.0 / scale
    if lower == -np.inf and upper == np.inf:
        mass[:] = 1.0
        d_centre[:] = 0.0
        d_log_scale[:] = 0.0
    elif upper == np.inf:
        for k in range(x.size):
            z = (lower - x[k] - centre) * inverse
            q = exp(-abs(z))
            r = 1.0 / (1.0 + q)
            tail = (1.0 if z > 0.0 else q) * r  # F(lower)
            mass[k] = (q if z > 0.0 else 1.0) * r
            d_centre[k] = tail * inverse
            d_log_scale[k] = z * tail
    elif lower == -np.inf:
        for k in range(x.size):
            z = (upper - x[k] - centre) * inverse
            q = exp(-abs(z))
            r = 1.0 / (1.0 + q)
            tail = (1.0 if z < 0.0 else q) * r  # 1 - F(upper)
            mass[k] = (q if z < 0.0 else 1.0) * r
            d_centre[k] = -tail * inverse
            d_log_scale[k] = -z * tail
    else:
        w = width * inverse
        c = _one_minus_exp(w)
        shrink = exp(-w)
        for k in range(x.size):
            z = (lower - x[k] - centre) * inverse
            value, d_m, d_s = _logistic(z, z + w, w, c, shrink)
            mass[k] = exp(value)
            d_centre[k] = d_m * inverse
            d_log_scale[k] = d_s


@njit(cache=True, fastmath=FAST, error_model="numpy")
def logistic_bins(
    lower: Floats, width: Floats, centre: float, scale: float,
    mass: Floats, d_centre: Floats, d_log_scale: Floats,
) -> None:  # fmt: skip
    """Mass of each finite bin ``[lower, lower + width]`` at one location `centre`."""
    inverse = 1.0 / scale
    for k in range(lower.size):
        w = width[k] * inverse
        z = (lower[k] - centre) * inverse
        value, d_m, d_s = _logistic(z, z + w, w, _one_minus_exp(w), exp(-w))
        mass[k] = exp(value)
        d_centre[k] = d_m * inverse
        d_log_scale[k] = d_s


@njit(cache=True, error_model="numpy")
def mass_cell(
    family: int, df: float, lower: float, upper: float, w: float
) -> tuple[float, float, float]:
    """Log mass between standardised edges; ``s`` times d/dm, and d/dlog s, of it.

    `w` is the width ``upper - lower``, passed because the difference of two rounded edges
    would lose the digits that a count's narrow interval lives on.
    """
    if lower == -np.inf and upper == np.inf:
        return 0.0, 0.0, 0.0
    if family == LOGISTIC:
        if upper == np.inf:
            log_mass = -max(lower, 0.0) - math.log1p(math.exp(-abs(lower)))
            tail = 1.0 / (1.0 + math.exp(-lower))
            return log_mass, tail, lower * tail
        if lower == -np.inf:
            log_mass = -max(-upper, 0.0) - math.log1p(math.exp(-abs(upper)))
            tail = 1.0 / (1.0 + math.exp(upper))
            return log_mass, -tail, -upper * tail
        return _logistic(lower, upper, w, _one_minus_exp(w), exp(-w))
    if lower == -np.inf:  # reflected, the half line runs to the right
        reflected = normal(-upper, np.inf) if family == NORMAL else student_t(-upper, np.inf, df)
        return reflected[0], -reflected[1], reflected[2]
    if upper == np.inf:
        return normal(lower, np.inf) if family == NORMAL else student_t(lower, np.inf, df)
    return normal(lower, w) if family == NORMAL else student_t(lower, w, df)


@njit(cache=True, error_model="numpy")
def claim_row(
    family: int, df: float, x: Floats, centre: float, scale: float,
    lower: float, upper: float, width: float,
    mass: Floats, d_centre: Floats, d_log_scale: Floats,
) -> None:  # fmt: skip
    """Fill the mass of one interval at locations ``x + centre``, and derivatives of its log.

    `x`, `mass`, `d_centre` and `d_log_scale` have shape (n_support,). Masses may underflow;
    derivatives do not.
    """
    if family == LOGISTIC:
        logistic_claim(x, centre, scale, lower, upper, width, mass, d_centre, d_log_scale)
        return
    w = width / scale
    for k in range(x.size):
        z_lower = (lower - x[k] - centre) / scale
        z_upper = (upper - x[k] - centre) / scale
        value, d_m, d_s = mass_cell(family, df, z_lower, z_upper, w)
        mass[k] = math.exp(value)
        d_centre[k] = d_m / scale
        d_log_scale[k] = d_s


@njit(cache=True, error_model="numpy")
def bin_row(
    family: int, df: float, lower: Floats, upper: Floats, width: Floats, centre: float,
    scale: float, mass: Floats, d_centre: Floats, d_log_scale: Floats,
) -> None:  # fmt: skip
    """Fill the mass of each bin at one location `centre`, and derivatives of its log.

    All arrays have shape (n_support,); only the first bin may start at minus infinity and
    only the last may end at infinity.
    """
    first, last = 0, lower.size
    if family == LOGISTIC:
        first = 1 if lower[0] == -np.inf else 0
        last -= 1 if last > first and upper[last - 1] == np.inf else 0
        s = slice(first, last)
        logistic_bins(lower[s], width[s], centre, scale, mass[s], d_centre[s], d_log_scale[s])
    for k in range(lower.size):
        if family == LOGISTIC and first <= k < last:
            continue
        z_lower = (lower[k] - centre) / scale
        z_upper = (upper[k] - centre) / scale
        value, d_m, d_s = mass_cell(family, df, z_lower, z_upper, width[k] / scale)
        mass[k] = math.exp(value)
        d_centre[k] = d_m / scale
        d_log_scale[k] = d_s
