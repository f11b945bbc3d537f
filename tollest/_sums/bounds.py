r"""Masses of numbers that fall short of the toll, or go beyond it: bounds, and lists of names.

Who says "at least 17" has counted so far: the claim is of a number `M` that falls short of the
toll by an exponential amount on the log1p axis (`tollest._sums.amounts`), and its mass is a sum
over `M`,

.. math:: P(\text{at least } L \mid N) = \sum_M P(M \mid N) \, m_L(M),

with ``m`` that of a count of `M`. "At most" is the mirror image. A list of names has no error but
what it lacks: its mass is that of the number itself.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from tollest._arrays import Floats
from tollest._sums.amounts import sum_amounts
from tollest._sums.compiled import kernel
from tollest._sums.mass import LOGISTIC, Interval, Law, mass_cell

# How a claim's number stands to the toll; `is_bound` goes by the order.
PLAIN, FALLS_SHORT, GOES_BEYOND, LISTED, DENIED, ESTIMATED = 0, 1, 2, 3, 4, 5
N_FORMS = 6

# Rows of a table of bounds: the mass; derivatives of its log by the centre, by the log scatter and
# by the log of the shortfall's scale.
N_ROWS = 4

# Mass below which there is nothing to divide by: that of a tail is used.
LEAST_MASS = 1e-120
# Log mass below the floor of a list of names, where sums never look.
LEAST_LOG = -690.0


@kernel(forceinline=True)
def is_bound(form: int) -> bool:
    """Whether a claim's number falls short of the toll, or goes beyond it, by an amount."""
    return FALLS_SHORT <= form <= GOES_BEYOND


class Missed(NamedTuple):
    """Amount that the numbers of bounds fall short of the toll by, or exceed it by."""

    exceeds: bool
    scale: float
    amounts: Floats  # (N_AMOUNTS, n_support)


@kernel()
def sum_bound(
    law: Law, interval: Interval, x: Floats, missed: Missed, a: int, n: int, factor: float,
    derivatives: bool, table: Floats, s: int, terms: Floats,
) -> None:  # fmt: skip
    """Sum the masses of counts of `n` numbers from `a`, times a factor, over amounts: in place.

    The first rows of the table are as those of a count, `terms` the numbers that give its
    derivative by log scatter (`tollest._sums.mass.by_log_scale`). They are left as those of a
    bound, with all of that derivative in the third row, and nothing in the numbers.
    """
    mass, by_centre, left, slope = (
        table[0, s : s + n], table[1, s : s + n], table[2, s : s + n], table[3, s : s + n]
    )  # fmt: skip
    if derivatives:
        edge, less, more = terms[0], terms[1], terms[2]
        for k in range(n):
            # Of logistic errors nothing is left, and nothing is in the row.
            rest = more * mass[k] - less if law.family == LOGISTIC else left[k]
            left[k] = ((edge - x[a + k]) * by_centre[k] + rest) * mass[k]
            by_centre[k] *= mass[k]
        terms[0] = terms[1] = terms[2] = 0.0
        sum_amounts(missed.amounts, a, n, missed.exceeds, by_centre, by_centre, slope)
        sum_amounts(missed.amounts, a, n, missed.exceeds, left, left, slope)
    sum_amounts(missed.amounts, a, n, missed.exceeds, mass, mass, slope)
    least = LEAST_MASS * factor
    for k in range(n):
        if mass[k] > least:
            inverse = 1.0 / mass[k]
            by_centre[k], left[k] = by_centre[k] * inverse, left[k] * inverse
            slope[k] *= inverse
        else:
            # Nothing is left of the mass; its slopes still point to where there is some.
            by_centre[k], left[k], slope[k] = _slopes_far_out(law, interval, x[a + k], missed)
            mass[k] = max(mass[k], 0.5 * least)


@kernel()
def _of_count(law: Law, interval: Interval, x: float) -> tuple[float, float, float]:
    """Log mass of the number as a count, and its derivatives by the centre and log scatter."""
    centre, scale = x + law.centre, law.scale
    value, by_centre, by_log_scale = mass_cell(
        law.family, law.df, (interval.lower - centre) / scale, (interval.upper - centre) / scale,
        interval.width / scale,
    )  # fmt: skip
    return value, by_centre / scale, by_log_scale


@kernel()
def _slopes_far_out(
    law: Law, interval: Interval, x: float, missed: Missed
) -> tuple[float, float, float]:
    """Give the derivatives of a bound's log mass by centre, log scatter and log shortfall."""
    _, by_centre, by_log_scale = _of_count(law, interval, x)
    fall = missed.scale * max(-by_centre if missed.exceeds else by_centre, 0.0)
    return by_centre, by_log_scale, -fall / (1.0 + fall)


@kernel()
def bound_log_mass_far_out(
    law: Law, interval: Interval, x: float, exceeds: bool, shortfall: float
) -> float:
    """Log mass of a bound where no float holds it.

    On the near side it is that of a count, of whose rate of falling the amount takes a share; on
    the far side the amount itself may fall less fast.
    """
    value, by_centre, _ = _of_count(law, interval, x)
    toward = -by_centre if exceeds else by_centre
    if toward >= 0.0:
        return float(value - math.log1p(shortfall * toward))
    beyond = interval.lower - law.centre - x if exceeds else x + law.centre - interval.upper
    return max(value, -max(beyond, 0.0) / shortfall)


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
