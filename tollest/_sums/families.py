"""Log mass of an interval under the normal and the Student t, with its derivatives.

Narrow intervals are integrated by Gauss-Legendre nodes; of others tails are subtracted, where
these differ by a factor.
"""

import math

import numpy as np
from numba import njit

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(12)


@njit(cache=True, error_model="numpy")
def _mills(z: float) -> float:
    """Upper tail over density of the standard normal, for ``z >= 0``."""
    if z < 4.0:
        return (
            0.5 * math.erfc(z / math.sqrt(2.0)) * math.sqrt(2.0 * math.pi) * math.exp(0.5 * z * z)
        )
    fraction = 0.0
    for n in range(60, 0, -1):
        fraction = n / (z + fraction)
    return 1.0 / (z + fraction)


@njit(cache=True, error_model="numpy")
def normal(lower: float, w: float) -> tuple[float, float, float]:
    """Log mass of ``[lower, lower + w]`` for the standard normal, with derivatives."""
    upper = lower + w
    middle = lower + 0.5 * w
    if w * max(1.0, abs(middle)) <= 2.0:
        total = slope = spread = 0.0
        for i in range(_NODES.size):
            z = middle + 0.5 * w * _NODES[i]
            mass = _WEIGHTS[i] * math.exp(-0.5 * (z - middle) * (z + middle))
            total += mass
            slope += mass * z
            spread += mass * (z * z - 1.0)
        log_mass = (
            -0.5 * middle * middle - 0.5 * math.log(2.0 * math.pi) + math.log(0.5 * w * total)
        )
        return log_mass, slope / total, spread / total
    flip = middle < 0.0
    a, b = (-upper, -lower) if flip else (lower, upper)  # now |a| <= |b|, b > 0
    if a < 0.0:
        mass = 1.0 - 0.5 * math.erfc(-a / math.sqrt(2.0)) - 0.5 * math.erfc(b / math.sqrt(2.0))
        density_a = math.exp(-0.5 * a * a) / math.sqrt(2.0 * math.pi)
        density_b = math.exp(-0.5 * b * b) / math.sqrt(2.0 * math.pi)
        slope = (density_a - density_b) / mass
        spread = (a * density_a - (0.0 if density_b == 0.0 else b * density_b)) / mass
        return math.log(mass), (-slope if flip else slope), spread
    # From here on in units of the density at a, which may itself underflow.
    drop = 0.0 if b == np.inf else math.exp(-0.5 * (b - a) * (b + a))
    scaled = _mills(a) - (0.0 if drop == 0.0 else drop * _mills(b))
    log_mass = math.log(scaled) - 0.5 * a * a - 0.5 * math.log(2.0 * math.pi)
    slope = (1.0 - drop) / scaled
    spread = (a - (0.0 if drop == 0.0 else b * drop)) / scaled
    return log_mass, (-slope if flip else slope), spread


@njit(cache=True, error_model="numpy")
def _beta_fraction(a: float, b: float, x: float) -> float:
    """Continued fraction of the incomplete beta function (modified Lentz)."""
    c = 1.0
    d = 1.0 / (1.0 - (a + b) * x / (a + 1.0))
    value = d
    for m in range(1, 400):
        step = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
        d = 1.0 / (1.0 + step * d)
        c = 1.0 + step / c
        value *= d * c
        step = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
        d = 1.0 / (1.0 + step * d)
        c = 1.0 + step / c
        value *= d * c
        if abs(d * c - 1.0) < 1e-16:
            break
    return value


@njit(cache=True, error_model="numpy")
def _student_log_tail(z: float, df: float) -> float:
    """Log upper tail of the standard Student t, for ``z >= 0``."""
    if z == np.inf:
        return -np.inf
    a, b = 0.5 * df, 0.5
    x = df / (df + z * z)
    y = z * z / (df + z * z)
    log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    if x < (a + 1.0) / (a + b + 2.0):
        log_front = -a * math.log1p(z * z / df) + 0.5 * math.log(y) - log_beta
        return log_front + math.log(0.5 * _beta_fraction(a, b, x) / a)
    front = (
        0.0 if z == 0.0 else math.exp(-a * math.log1p(z * z / df) + 0.5 * math.log(y) - log_beta)
    )
    return math.log(0.5 - 0.5 * front * _beta_fraction(b, a, y) / b)


@njit(cache=True, error_model="numpy")
def student_t(lower: float, w: float, df: float) -> tuple[float, float, float]:
    """Log mass of ``[lower, lower + w]`` for the standard Student t, with derivatives."""
    upper = lower + w
    middle = lower + 0.5 * w
    norm = math.lgamma(0.5 * (df + 1.0)) - math.lgamma(0.5 * df) - 0.5 * math.log(df * math.pi)
    spread_of_t = df + middle * middle
    # Nodes serve where the density neither falls nor turns much.
    if (
        w < np.inf
        and w <= 0.5 * math.sqrt(spread_of_t)
        and w * (df + 1.0) * max(w, abs(middle)) <= 2.5 * spread_of_t
    ):
        peak = norm - 0.5 * (df + 1.0) * math.log1p(middle * middle / df)
        total = slope = spread = 0.0
        for i in range(_NODES.size):
            z = middle + 0.5 * w * _NODES[i]
            change = (z - middle) * (z + middle) / (df + middle * middle)
            mass = _WEIGHTS[i] * math.exp(-0.5 * (df + 1.0) * math.log1p(change))
            score = (df + 1.0) * z / (df + z * z)
            total += mass
            slope += mass * score
            spread += mass * (z * score - 1.0)
        return peak + math.log(0.5 * w * total), slope / total, spread / total
    flip = middle < 0.0
    a, b = (-upper, -lower) if flip else (lower, upper)
    log_b = _student_log_tail(b, df)
    if a >= 0.0:
        log_a = _student_log_tail(a, df)
        log_mass = log_a + math.log1p(-math.exp(log_b - log_a))
    else:
        log_mass = math.log1p(-math.exp(_student_log_tail(-a, df)) - math.exp(log_b))
    log_density_a = norm - 0.5 * (df + 1.0) * math.log1p(a * a / df)
    density_a = math.exp(log_density_a - log_mass)
    slope, spread = density_a, a * density_a
    if b < np.inf:
        density_b = math.exp(norm - 0.5 * (df + 1.0) * math.log1p(b * b / df) - log_mass)
        slope -= density_b
        spread -= b * density_b
    return log_mass, (-slope if flip else slope), spread
