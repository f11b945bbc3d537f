r"""Claims of a number that is taken for known, which is not the toll.

A claim of age `a`, in days from the onset, is not of the toll but of the number `M` that is taken
for known by then. It lacks what is not yet found, and some of it is rumour:

.. math:: x(M) = x(N) - \lambda_a e + \kappa \lambda_a e', \quad e, e' \sim \text{Exponential}(1),
    \quad \lambda_a = \frac{\lambda_0}{1 + a / h},

each of the two steps to the whole number whose cell the sum is in. All claims of an age at a
location share `M`, and the figure that does the rounds among them. From one age to the next both
amounts shrink: with probability :math:`\lambda_{later} / \lambda_{earlier}` nothing is new, else
the earlier number lacks a further exponential amount of the earlier scale. On the log axis both
ages then have the amounts they have alone, since an exponential is such a sum [1]_.

So the claims of a location are summed from the earliest age on: with :math:`L` the likelihood of
a number known by the claims of its age, `E` the sum over higher numbers that were known before,
and `S` that over lower ones,

.. math:: F_1 = L_1, \quad U_b = r_b F_b + (1 - r_b) E_b F_b, \quad
    F_{b + 1} = L_{b + 1} \{r_b U_b + (1 - r_b) S_b U_b\},

each a pass along the support, since an exponential forgets. Derivatives go back the same way.

Where some tolls are verified, what is known in the end is not the toll either: it has an error of
the location that all claims but lists of names share, the last such step, of one scale up and
down:

.. math:: x(M_\infty) = x(N) - \psi e + \psi e'.

References
----------
.. [1] Gaver, D. P., Lewis, P. A. W. (1980). First-order autoregressive gamma sequences and point
   processes. *Advances in Applied Probability* 12(3), 727-745. https://doi.org/10.2307/1426429
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from tollest._arrays import Floats, Integers
from tollest._sums.amounts import N_AMOUNTS, fill_amounts, sum_amounts, sum_amounts_back
from tollest._sums.bounds import LISTED
from tollest._sums.compiled import kernel
from tollest._sums.joint import highest
from tollest._sums.logarithms import summed
from tollest._sums.slopes import Gradient, add_gradient
from tollest._sums.tables import (
    LOG_EARLY_EXCESS,
    LOG_EARLY_SHORTFALL,
    LOG_HALVING,
    LOG_LOCATION_ERROR,
    Claimed,
    Parameters,
    Run,
    Tables,
    all_of,
    is_of_known,
)

# Least that likelihoods are taken to be, of the most that they are: claims of several ages may
# contradict each other beyond what a float holds.
_FLOOR, _LEAST_KNOWN = 1e-200, 1e-50
# Sums of a joint below the first are multiplied by the second.
_TINY, _RAISED = 1e-200, 1e200


class Known(NamedTuple):
    """Work space: what is known at each stage, from the earliest age on.

    The last of a pattern's stages is what is known in the end, where locations have an error.
    Columns are points of the pattern's window, but those of `amounts` are of the support.
    """

    known: Floats  # (most_stages, n_points) F, at most 1
    # Each of what exceeds, E F, and of what falls short, S U.
    passed: Floats  # (2, most_stages, n_points)
    slope: Floats  # (2, most_stages, n_points) of that by the log of its scale
    # (2, most_stages, N_AMOUNTS, n_points); the last are those of the error of a location, if any.
    amounts: Floats
    apart: Floats  # (n_points,) joint of what says something of the toll itself; then derivatives
    start: Integers  # (most_stages,) members of each stage, side by side
    stop: Integers  # (most_stages,)
    of_stage: Floats  # (most_stages, 5) in the order of the next lines


# The scale of the shortfall; the derivative of its log by that of the days that halve it; the
# probability that nothing becomes known until the next age, and its derivative; and what F was
# divided by, beside what its claims were.
_SCALE, _SCALE_BY, _STAY, _STAY_BY, _UNIT = 0, 1, 2, 3, 4


def known_by(claimed: Claimed) -> Known | None:
    """Work space for the patterns of these claims; None where all claims are of the toll.

    What is not used is not compiled: kernels have a version of their own for None.
    """
    has_known = claimed.has_location_error or (claimed.claim_age < np.inf).any()
    return _known_by(claimed) if has_known else None


@njit(cache=True, error_model="numpy")
def _known_by(claimed: Claimed) -> Known:
    most = 0
    for p in range(claimed.level.size):
        n, age = 0, np.inf
        for m in range(claimed.offsets[p], claimed.offsets[p + 1]):
            of_claim = claimed.claim_age[claimed.members[m]]
            n += of_claim != age
            age = of_claim
        most = max(most, n)
    most += claimed.has_location_error
    n_points = claimed.grid.x.size
    return Known(
        np.empty((most, n_points)), np.empty((2, most, n_points)), np.empty((2, most, n_points)),
        np.empty((2, most, N_AMOUNTS, n_points)), np.empty(n_points), np.empty(most, np.int64),
        np.empty(most, np.int64), np.empty((most, 5)),
    )  # fmt: skip


@kernel()
def fill_error(claimed: Claimed, parameters: Parameters, known: Known) -> None:
    """Fill the amounts of the error of a location, which all patterns share."""
    if claimed.has_location_error:
        scale = math.exp(parameters.shared[LOG_LOCATION_ERROR])
        for i in range(2):
            fill_amounts(claimed.grid, scale, i == 0, known.amounts[i, known.start.size - 1])


@kernel()
def _stages(claimed: Claimed, parameters: Parameters, p: int, known: Known) -> int:
    """Lay out the early ages of a pattern, from the earliest on; how many stages there are."""
    shortfall = math.exp(parameters.shared[LOG_EARLY_SHORTFALL])
    halving = math.exp(parameters.shared[LOG_HALVING])
    begin, m = claimed.offsets[p], claimed.offsets[p + 1]
    b, later, later_by = 0, np.inf, 1.0
    while m > begin and claimed.claim_age[claimed.members[m - 1]] < np.inf:
        age = claimed.claim_age[claimed.members[m - 1]]
        known.stop[b] = m
        while m > begin and claimed.claim_age[claimed.members[m - 1]] == age:
            m -= 1
        known.start[b] = m
        later = claimed.claim_age[claimed.members[m - 1]] if m > begin else np.inf
        by, later_by = age / (halving + age), later / (halving + later)
        stay = (halving + age) / (halving + later)
        known.of_stage[b, _SCALE], known.of_stage[b, _SCALE_BY] = shortfall * (1.0 - by), by
        known.of_stage[b, _STAY] = stay
        known.of_stage[b, _STAY_BY] = stay * (later_by - by) if later < np.inf else 0.0
        b += 1
    if claimed.has_location_error:
        # Lists of names, which come first, are of the toll itself.
        while begin < m and claimed.claim_form[claimed.members[begin]] == LISTED:
            begin += 1
        known.start[b], known.stop[b] = begin, m
        known.of_stage[b, _STAY] = 0.0
        b += 1
    return b


@kernel()
def _before(known: Known, b: int, k: int) -> float:
    """Likelihood of a number known at a stage by the claims of all earlier ones."""
    if b == 0:
        return 1.0
    stay = known.of_stage[b - 1, _STAY]
    value: float = stay * _after_excess(known, b - 1, k) + (1.0 - stay) * known.passed[1, b - 1, k]
    return max(value, _LEAST_KNOWN)


@kernel()
def _after_excess(known: Known, b: int, k: int) -> float:
    """U: likelihood of a number that what is known at an age may exceed."""
    stay = known.of_stage[b, _STAY]
    return float(stay * known.known[b, k] + (1.0 - stay) * known.passed[0, b, k])


@kernel(forceinline=True)
def _is_final(claimed: Claimed, b: int, n_stages: int) -> bool:
    """Whether a stage is what is known in the end, an error of the location from the toll."""
    return claimed.has_location_error and b == n_stages - 1


@kernel()
def _sum_before(
    claimed: Claimed, known: Known, b: int, n_stages: int, a: int, n: int, excess: float
) -> None:
    """Sum over what was known at a stage: first by what exceeds, then by what falls short."""
    scale, is_final = known.of_stage[b, _SCALE], _is_final(claimed, b, n_stages)
    slot = known.start.size - 1 if is_final else b
    for i in range(2):
        exceeds, amounts = i == 0, known.amounts[i, slot]
        if not is_final:
            fill_amounts(claimed.grid, excess * scale if exceeds else scale, exceeds, amounts)
        values = known.known[b]
        if not exceeds and is_final:
            values = known.passed[0, b]
        elif not exceeds:
            values = known.apart
            for k in range(n):
                values[k] = _after_excess(known, b, k)
        sum_amounts(amounts, a, n, exceeds, values, known.passed[i, b], known.slope[i, b])


@kernel()
def known_joint(
    p: int, a: int, n: int, claimed: Claimed, parameters: Parameters, tables: Tables,
    known: Known,
) -> tuple[Run, float, float, bool]:  # fmt: skip
    """Joint of a pattern with claims of what is known, over `n` points of the support from `a`.

    The work space is left as by `tollest._sums.joint.products` or `logarithms` of the run of
    what says something of the toll itself, multiplied by what claims of what is known say of each
    toll. This run; the sum of the joint, and the log of its unit; and whether the
    work space holds the parts of `near`.
    """
    table, work = tables.table, tables.work
    excess = math.exp(parameters.shared[LOG_EARLY_EXCESS])
    unit, n_stages = 0.0, _stages(claimed, parameters, p, known)
    for b in range(n_stages):
        run = Run(known.start[b], known.stop[b], -1)
        _, log_unit, _ = summed(claimed, parameters, claimed.grid, run, a, n, tables)
        peak = highest(table, work, n)
        largest = 0.0
        for k in range(n):
            value = max(table[0, work + k] / peak, _FLOOR) * _before(known, b, k)
            known.known[b, k] = value
            largest = max(largest, value)
        for k in range(n):
            known.known[b, k] /= largest
        known.of_stage[b, _UNIT] = largest
        unit += log_unit + math.log(peak) + math.log(largest)
        _sum_before(claimed, known, b, n_stages, a, n, excess)
    main = Run(claimed.offsets[p], known.start[n_stages - 1], claimed.level[p])
    _, log_unit, in_parts = summed(claimed, parameters, claimed.grid, main, a, n, tables)
    total = 0.0
    for k in range(n):
        # Known numbers are below the floor of the toll, too, or above its cap.
        is_possible = claimed.first[p] <= a + k < claimed.last[p]
        known.apart[k] = table[0, work + k] if is_possible else 0.0
        of_known = _before(known, n_stages, k) if is_possible else 0.0
        for row in range(work, table.shape[1], tables.width):
            table[0, row + k] *= of_known
        total += table[0, work + k]
    if total < _TINY:
        # A toll that is known may be one that its prior all but rules out; one over the sum would
        # be more than a float holds.
        total *= _RAISED
        unit -= math.log(_RAISED)
        for k in range(n):
            known.apart[k] *= _RAISED
            for row in range(work, table.shape[1], tables.width):
                table[0, row + k] *= _RAISED
    return main, total, unit + log_unit, in_parts


@kernel()
def _by_stay(known: Known, b: int, n: int, i: int, weights: Floats) -> float:
    """Give the derivative by the probability that nothing exceeds (0), or falls short (1)."""
    out = 0.0
    for k in range(n):
        staying = known.known[b, k] if i == 0 else _after_excess(known, b, k)
        out += weights[k] * (staying - known.passed[i, b, k])
    return out


@kernel()
def add_known_gradient(
    p: int, a: int, n: int, claimed: Claimed, parameters: Parameters, tables: Tables,
    known: Known, gradient: Gradient,
) -> None:  # fmt: skip
    """Add the gradient of the claims of what is known, and of the amounts between that and tolls.

    `known` is as `known_joint` leaves it. In `apart`, which is overwritten, is the derivative by
    what claims of what is known say of each toll, but for the gradient's scale.
    """
    table, work, weights = tables.table, tables.work, known.apart
    by_scale = by_excess = by_halving = by_error = 0.0
    for k in range(n):
        weights[k] *= gradient.scale
    n_stages = _stages(claimed, parameters, p, known)
    for b in range(n_stages - 1, -1, -1):
        stay, is_final = known.of_stage[b, _STAY], _is_final(claimed, b, n_stages)
        slot = known.start.size - 1 if is_final else b
        of_shortfall = of_excess = of_stay = 0.0
        for k in range(n):
            of_shortfall += weights[k] * known.slope[1, b, k]
        if not is_final:
            of_stay += _by_stay(known, b, n, 1, weights)
        sum_amounts_back(known.amounts[1, slot], a, n, stay, bool(np.bool_(False)), weights)
        for k in range(n):
            of_excess += weights[k] * known.slope[0, b, k]
        if not is_final:
            of_stay += _by_stay(known, b, n, 0, weights)
        sum_amounts_back(known.amounts[0, slot], a, n, stay, bool(np.bool_(True)), weights)
        of_both = (1.0 - stay) * (of_shortfall + of_excess)
        if is_final:
            by_error = of_both
        else:
            by_scale += of_both
            by_excess += (1.0 - stay) * of_excess
            of_age = known.of_stage[b]
            by_halving += of_both * of_age[_SCALE_BY] + of_stay * of_age[_STAY_BY]
        run = Run(known.start[b], known.stop[b], -1)
        _, _, in_parts = summed(claimed, parameters, claimed.grid, run, a, n, tables)
        peak = highest(table, work, n)
        for k in range(n):
            weight = weights[k] / known.of_stage[b, _UNIT]
            weights[k] = weight * max(table[0, work + k] / peak, _FLOOR)
            for row in range(work, table.shape[1], tables.width):
                table[0, row + k] *= weight * _before(known, b, k) / peak
        add_gradient(
            run, a, n, claimed, tables, in_parts,
            Gradient(gradient.times, 1.0, gradient.flat, gradient.out),
        )  # fmt: skip
    shared = gradient.flat.shared
    gradient.out[shared + LOG_EARLY_SHORTFALL] += by_scale
    gradient.out[shared + LOG_EARLY_EXCESS] += by_excess
    gradient.out[shared + LOG_HALVING] += by_halving
    gradient.out[shared + LOG_LOCATION_ERROR] += by_error


@kernel()
def pattern_joint(
    p: int, a: int, n: int, claimed: Claimed, parameters: Parameters, tables: Tables,
    known: Known | None,
) -> tuple[Run, float, float, bool]:  # fmt: skip
    """Joint of a pattern over `n` points of the support from `a`, whatever its claims are of.

    The run of its claims of the toll itself, whose joint is in the work space; the sum of that,
    the log of its unit, and whether the work space holds the parts of `near`.
    """
    if known is not None:  # noqa: SIM102 - a condition of its own, or this is always compiled
        if is_of_known(claimed, p):
            return known_joint(p, a, n, claimed, parameters, tables, known)
    run = all_of(claimed, p)
    total, log_unit, in_parts = summed(claimed, parameters, claimed.grid, run, a, n, tables)
    return run, total, log_unit, in_parts
