r"""One pattern of claims: products and sums along its window of support.

For a distinct multiset of claims and a candidate toll `n`, with groups `g` of claims that state
the same number,

.. math::
    p(\text{claims}, n) = p(n) \prod_c (1 - \omega_c) \cdot \Big\{
        \Big(1 - \sum_g p_g(n)\Big) \prod_g F_g(n)
        + \sum_g p_g(n) R_g(n) \prod_{h \ne g} F_h(n) \Big\},
    \quad F_g = \prod_{c \in g} f_c, \quad
    R_g = \prod_{c \in g} \Big(f_c + \frac{\omega_c}{1 - \omega_c}\Big).

``f`` and ``p`` are read from the rows of `tollest._sums.tables`. Loops run along the support,
where compilers turn them into vector instructions; one exponential is never taken.
Where products underflow, as under claims that contradict each other at a tiny scatter, the
pattern is summed in logarithms instead.

Arrays are handed over one by one: a tuple of all of them would be copied at every call.
"""

import math

import numpy as np

from tollest._sums.compiled import kernel
from tollest._sums.mass import FAST, SUMS, mass_cell
from tollest._sums.tables import (
    EDGE,
    FIRST,
    LESS,
    MORE,
    NONE,
    ODDS,
    REST,
    UNIT,
    WAY,
    Floats,
    Grid,
    Integers,
    Parameters,
    Problem,
    softplus,
)

# A sum of products below this may have lost terms to underflow, or have masses in it that stop
# at 1e-137.
LEAST = 1e-120


# A figure is its claims' own masses, row 0 from `s` on; what they are where it does the rounds,
# `odds` more than `row` from there on; and the probability that it does, row 0 from `t` on. Where
# several claims share a figure, `s` is in spare columns, and `row` is 1 with the product of all
# odds in it.
#
# These loops are handed one table and columns in it, and make their own views. None of them
# allocates, so that nothing has to be counted (`_nrt`): each array that is handed over, or viewed,
# would cost two atomic instructions, and all of them together half of the time.


@kernel(fastmath=FAST, forceinline=True)
def _own_claim(table: Floats, out: int, n: int, s: int, t: int) -> None:
    """Multiply what a pattern starts with by a claim that cannot repeat the figure."""
    product, begun, mass = table[0, out : out + n], table[0, s : s + n], table[0, t : t + n]
    for k in range(n):
        product[k] = begun[k] * mass[k]


@kernel(fastmath=FAST, forceinline=True)
def _two_claims(
    table: Floats, out: int, n: int, s: int, odds: float, t: int, other_odds: float
) -> None:
    """Products of two claims of the same figure."""
    own, both = table[0, out : out + n], table[1, out : out + n]
    mass, other = table[0, s : s + n], table[0, t : t + n]
    for k in range(n):
        own[k] = mass[k] * other[k]
        both[k] = (mass[k] + odds) * (other[k] + other_odds)


@kernel(fastmath=FAST, forceinline=True)
def _times(table: Floats, row: int, out: int, n: int, s: int, odds: float) -> None:
    """Multiply a product in `row` by one more claim."""
    product, mass = table[row, out : out + n], table[0, s : s + n]
    for k in range(n):
        product[k] *= mass[k] + odds


@kernel(fastmath=SUMS, forceinline=True)
def _no_figure(table: Floats, work: int, width: int, n: int, start: int) -> float:
    joint, begun = table[0, work : work + n], table[0, start : start + n]
    none = table[0, work + NONE * width : work + NONE * width + n]
    total = 0.0
    for k in range(n):
        joint[k] = begun[k]
        none[k] = begun[k]
        total += begun[k]
    return total


@kernel(fastmath=SUMS, forceinline=True)
def _one_figure(
    table: Floats, work: int, width: int, n: int, start: int, s: int, row: int, odds: float, t: int
) -> float:
    joint, begun = table[0, work : work + n], table[0, start : start + n]
    none = table[0, work + NONE * width : work + NONE * width + n]
    term = table[0, work + FIRST * width : work + FIRST * width + n]
    own, more, free = table[0, s : s + n], table[row, s : s + n], table[0, t : t + n]
    total = 0.0
    for k in range(n):
        product, part = begun[k] * own[k], begun[k] * free[k]
        value = max(1.0 - free[k], 0.0) * product + part * (more[k] + odds)
        none[k] = product
        term[k] = part
        joint[k] = value
        total += value
    return total


@kernel(fastmath=SUMS, forceinline=True)
def _two_figures(
    table: Floats, work: int, width: int, n: int, start: int, s1: int, s2: int, row1: int,
    row2: int, odds1: float, odds2: float, t1: int, t2: int,
) -> float:  # fmt: skip
    joint, begun = table[0, work : work + n], table[0, start : start + n]
    none = table[0, work + NONE * width : work + NONE * width + n]
    term1 = table[0, work + FIRST * width : work + FIRST * width + n]
    term2 = table[0, work + (FIRST + 1) * width : work + (FIRST + 1) * width + n]
    own1, more1, free1 = table[0, s1 : s1 + n], table[row1, s1 : s1 + n], table[0, t1 : t1 + n]
    own2, more2, free2 = table[0, s2 : s2 + n], table[row2, s2 : s2 + n], table[0, t2 : t2 + n]
    total = 0.0
    for k in range(n):
        first, second = begun[k] * own1[k], begun[k] * own2[k]
        product = first * own2[k]
        part1, part2 = second * free1[k], first * free2[k]
        value = max(1.0 - free1[k] - free2[k], 0.0) * product
        value += part1 * (more1[k] + odds1) + part2 * (more2[k] + odds2)
        none[k] = product
        term1[k] = part1
        term2[k] = part2
        joint[k] = value
        total += value
    return total


@kernel(fastmath=SUMS, forceinline=True)
def _three_figures(
    table: Floats, work: int, width: int, n: int, start: int, s1: int, s2: int, s3: int,
    row1: int, row2: int, row3: int, odds1: float, odds2: float, odds3: float, t1: int, t2: int,
    t3: int,
) -> float:  # fmt: skip
    joint, begun = table[0, work : work + n], table[0, start : start + n]
    none = table[0, work + NONE * width : work + NONE * width + n]
    term1 = table[0, work + FIRST * width : work + FIRST * width + n]
    term2 = table[0, work + (FIRST + 1) * width : work + (FIRST + 1) * width + n]
    term3 = table[0, work + (FIRST + 2) * width : work + (FIRST + 2) * width + n]
    own1, more1, free1 = table[0, s1 : s1 + n], table[row1, s1 : s1 + n], table[0, t1 : t1 + n]
    own2, more2, free2 = table[0, s2 : s2 + n], table[row2, s2 : s2 + n], table[0, t2 : t2 + n]
    own3, more3, free3 = table[0, s3 : s3 + n], table[row3, s3 : s3 + n], table[0, t3 : t3 + n]
    total = 0.0
    for k in range(n):
        first, last = begun[k] * own1[k], begun[k] * own3[k]
        both = first * own2[k]
        product = both * own3[k]
        part1 = last * own2[k] * free1[k]
        part2 = last * own1[k] * free2[k]
        part3 = both * free3[k]
        value = max(1.0 - free1[k] - free2[k] - free3[k], 0.0) * product
        value += part1 * (more1[k] + odds1) + part2 * (more2[k] + odds2)
        value += part3 * (more3[k] + odds3)
        none[k] = product
        term1[k] = part1
        term2[k] = part2
        term3[k] = part3
        joint[k] = value
        total += value
    return total


@kernel(fastmath=SUMS, forceinline=True)
def _four_figures(
    table: Floats, work: int, width: int, n: int, start: int, s1: int, s2: int, s3: int, s4: int,
    row1: int, row2: int, row3: int, row4: int, odds1: float, odds2: float, odds3: float,
    odds4: float, t1: int, t2: int, t3: int, t4: int,
) -> float:  # fmt: skip
    joint, begun = table[0, work : work + n], table[0, start : start + n]
    none = table[0, work + NONE * width : work + NONE * width + n]
    term1 = table[0, work + FIRST * width : work + FIRST * width + n]
    term2 = table[0, work + (FIRST + 1) * width : work + (FIRST + 1) * width + n]
    term3 = table[0, work + (FIRST + 2) * width : work + (FIRST + 2) * width + n]
    term4 = table[0, work + (FIRST + 3) * width : work + (FIRST + 3) * width + n]
    own1, more1, free1 = table[0, s1 : s1 + n], table[row1, s1 : s1 + n], table[0, t1 : t1 + n]
    own2, more2, free2 = table[0, s2 : s2 + n], table[row2, s2 : s2 + n], table[0, t2 : t2 + n]
    own3, more3, free3 = table[0, s3 : s3 + n], table[row3, s3 : s3 + n], table[0, t3 : t3 + n]
    own4, more4, free4 = table[0, s4 : s4 + n], table[row4, s4 : s4 + n], table[0, t4 : t4 + n]
    total = 0.0
    for k in range(n):
        first, last = begun[k] * own1[k] * own2[k], own3[k] * own4[k]
        product, rest = first * last, begun[k] * last
        part1 = rest * own2[k] * free1[k]
        part2 = rest * own1[k] * free2[k]
        part3 = first * own4[k] * free3[k]
        part4 = first * own3[k] * free4[k]
        value = max(1.0 - free1[k] - free2[k] - free3[k] - free4[k], 0.0) * product
        value += part1 * (more1[k] + odds1) + part2 * (more2[k] + odds2)
        value += part3 * (more3[k] + odds3) + part4 * (more4[k] + odds4)
        none[k] = product
        term1[k] = part1
        term2[k] = part2
        term3[k] = part3
        term4[k] = part4
        joint[k] = value
        total += value
    return total


# Of more figures, one at a time: forwards, then backwards.


@kernel(fastmath=FAST, forceinline=True)
def _begin(table: Floats, none: int, rest: int, n: int, start: int) -> None:
    product, left, begun = table[0, none : none + n], table[0, rest : rest + n], table[0, start:]
    for k in range(n):
        product[k] = begun[k]
        left[k] = 1.0


@kernel(fastmath=FAST, forceinline=True)
def _before(table: Floats, term: int, none: int, rest: int, n: int, s: int, t: int) -> None:
    """Keep the own masses of all before a figure as the start of its term; add its own."""
    product, left, part = (
        table[0, none : none + n], table[0, rest : rest + n], table[0, term : term + n]
    )  # fmt: skip
    own, free = table[0, s : s + n], table[0, t : t + n]
    for k in range(n):
        part[k] = product[k]
        product[k] *= own[k]
        left[k] -= free[k]


@kernel(fastmath=SUMS, forceinline=True)
def _turn(table: Floats, joint: int, none: int, rest: int, way: int, n: int) -> float:
    """Joint where no claimed number is the figure, and its sum; then all terms are added."""
    value, product = table[0, joint : joint + n], table[0, none : none + n]
    left, behind = table[0, rest : rest + n], table[0, way : way + n]
    total = 0.0
    for k in range(n):
        value[k] = max(left[k], 0.0) * product[k]
        behind[k] = 1.0
        total += value[k]
    return total


@kernel(fastmath=SUMS, forceinline=True)
def _after(
    table: Floats, term: int, joint: int, way: int, n: int, s: int, row: int, odds: float, t: int
) -> float:
    """Complete a figure's term by the own masses of all after it; what it adds to the joint."""
    value, behind, part = (
        table[0, joint : joint + n], table[0, way : way + n], table[0, term : term + n]
    )  # fmt: skip
    own, more, free = table[0, s : s + n], table[row, s : s + n], table[0, t : t + n]
    total = 0.0
    for k in range(n):
        base = free[k] * (part[k] * behind[k])
        part[k] = base
        more_likely = base * (more[k] + odds)
        value[k] += more_likely
        behind[k] *= own[k]
        total += more_likely
    return total


@kernel(fastmath=SUMS, forceinline=True)
def _prior_dots(table: Floats, joint: int, n: int, s: int) -> tuple[float, float, float]:
    """Sum of the joint, and the derivatives of the prior weighed by it."""
    weight, a, b = table[0, joint : joint + n], table[1, s : s + n], table[2, s : s + n]
    total = one = other = 0.0
    for k in range(n):
        total += weight[k]
        one += weight[k] * a[k]
        other += weight[k] * b[k]
    return total, one, other


# Sums over a window that derivatives are made of: of weights where a claim is its source's own,
# or of a figure's, times the derivative by the centre, that times x, and the mass.


@kernel(fastmath=SUMS, forceinline=True)
def _own_dots(table: Floats, joint: int, n: int, x: int, s: int) -> tuple[float, float, float]:
    """Add up for a claim that cannot repeat a figure."""
    weight, xs = table[0, joint : joint + n], table[0, x : x + n]
    mass, slope = table[0, s : s + n], table[1, s : s + n]
    one = moment = inside = 0.0
    for k in range(n):
        by_centre = weight[k] * slope[k]
        one += by_centre
        moment += by_centre * xs[k]
        inside += weight[k] * mass[k]
    return one, moment, inside


@kernel(fastmath=SUMS, forceinline=True)
def _lone_dots(
    table: Floats, joint: int, none: int, term: int, n: int, x: int, s: int, odds: float, t: int
) -> tuple[float, float, float, float, float, float, float, float]:
    """Add up for a claim that alone states a figure, the weight of repeats, and for the figure."""
    value, product = table[0, joint : joint + n], table[0, none : none + n]
    part, xs = table[0, term : term + n], table[0, x : x + n]
    mass, slope = table[0, s : s + n], table[1, s : s + n]
    free, figure_slope = table[0, t : t + n], table[1, t : t + n]
    one = moment = inside = repeats = 0.0
    figure_one = figure_moment = figure_inside = figure_sum = 0.0
    for k in range(n):
        repeat = part[k] * odds
        own = value[k] - repeat
        by_centre = own * slope[k]
        weight = part[k] * mass[k] + (repeat - free[k] * product[k])
        by_figure = weight * figure_slope[k]
        one += by_centre
        moment += by_centre * xs[k]
        inside += own * mass[k]
        repeats += repeat
        figure_one += by_figure
        figure_moment += by_figure * xs[k]
        figure_inside += weight * free[k]
        figure_sum += weight
    return (
        one, moment, inside, repeats, figure_one, figure_moment, figure_inside, figure_sum
    )  # fmt: skip


@kernel(fastmath=SUMS, forceinline=True)
def _pair_dots(
    table: Floats, joint: int, none: int, term: int, n: int, x: int, s1: int, s2: int,
    odds1: float, odds2: float, t: int,
) -> tuple[
    float, float, float, float, float, float, float, float, float, float, float, float
]:  # fmt: skip
    """Add up for two claims that share a figure, each with its repeats, and for the figure."""
    value, product = table[0, joint : joint + n], table[0, none : none + n]
    part, xs = table[0, term : term + n], table[0, x : x + n]
    mass1, slope1 = table[0, s1 : s1 + n], table[1, s1 : s1 + n]
    mass2, slope2 = table[0, s2 : s2 + n], table[1, s2 : s2 + n]
    free, slope = table[0, t : t + n], table[1, t : t + n]
    one1 = moment1 = inside1 = repeats1 = one2 = moment2 = inside2 = repeats2 = 0.0
    one = moment = inside = total = 0.0
    for k in range(n):
        first, second = mass1[k] + odds1, part[k] * (mass2[k] + odds2)
        repeat1, repeat2 = second * odds1, part[k] * first * odds2
        own1, own2 = value[k] - repeat1, value[k] - repeat2
        by_centre1, by_centre2 = own1 * slope1[k], own2 * slope2[k]
        weight = first * second - free[k] * product[k]
        by_figure = weight * slope[k]
        one1 += by_centre1
        moment1 += by_centre1 * xs[k]
        inside1 += own1 * mass1[k]
        repeats1 += repeat1
        one2 += by_centre2
        moment2 += by_centre2 * xs[k]
        inside2 += own2 * mass2[k]
        repeats2 += repeat2
        one += by_figure
        moment += by_figure * xs[k]
        inside += weight * free[k]
        total += weight
    return (
        one1, moment1, inside1, repeats1, one2, moment2, inside2, repeats2, one, moment, inside,
        total,
    )  # fmt: skip


@kernel(fastmath=SUMS, forceinline=True)
def _figure_dots(
    table: Floats, none: int, term: int, n: int, x: int, both: int, t: int
) -> tuple[float, float, float, float]:
    """Add up for a figure of more claims; their product with the odds is from `both` on."""
    product, part, xs = table[0, none : none + n], table[0, term : term + n], table[0, x : x + n]
    together, free, slope = table[1, both : both + n], table[0, t : t + n], table[1, t : t + n]
    one = moment = inside = total = 0.0
    for k in range(n):
        weight = part[k] * together[k] - free[k] * product[k]
        by_centre = weight * slope[k]
        one += by_centre
        moment += by_centre * xs[k]
        inside += weight * free[k]
        total += weight
    return one, moment, inside, total


@kernel(fastmath=SUMS, forceinline=True)
def _claim_dots(
    table: Floats, joint: int, term: int, n: int, x: int, both: int, s: int, odds: float
) -> tuple[float, float, float, float]:
    """Add up for a claim that shares its figure with several, and the weight of repeats."""
    value, part, xs = table[0, joint : joint + n], table[0, term : term + n], table[0, x : x + n]
    together, mass, slope = table[1, both : both + n], table[0, s : s + n], table[1, s : s + n]
    one = moment = inside = repeats = 0.0
    for k in range(n):
        repeat = part[k] * together[k] * (odds / (mass[k] + odds))
        own = value[k] - repeat
        by_centre = own * slope[k]
        one += by_centre
        moment += by_centre * xs[k]
        inside += own * mass[k]
        repeats += repeat
    return one, moment, inside, repeats


# Of errors that are not logistic derivatives by log scale have a row of their own.


@kernel(fastmath=SUMS)
def _left_of_claim(
    table: Floats, joint: int, term: int, n: int, both: int, s: int, odds: float
) -> float:
    """Weigh what is left of a claim's derivative.

    `term` is -1 where it cannot repeat a figure, and `both` where no other claim states that.
    """
    total = 0.0
    for k in range(n):
        repeat = 0.0
        if term >= 0:
            repeat = table[0, term + k] * odds
            if both >= 0:
                repeat *= table[1, both + k] / (table[0, s + k] + odds)
        total += (table[0, joint + k] - repeat) * table[2, s + k]
    return total


@kernel(fastmath=SUMS)
def _left_of_figure(
    table: Floats, none: int, term: int, n: int, s: int, row: int, odds: float, t: int
) -> float:
    """Weigh what is left of a figure's derivative."""
    total = 0.0
    for k in range(n):
        weight = table[0, term + k] * (table[row, s + k] + odds)
        total += (weight - table[0, t + k] * table[0, none + k]) * table[2, t + k]
    return total


@kernel(fastmath=FAST, forceinline=True)
def add_masses(
    masses: Floats, p: int, a: int, n: int, table: Floats, work: int, total: float, weight: float
) -> None:
    """Add `weight` times the joint over its `total`."""
    out, joint = masses[p, a : a + n], table[0, work : work + n]
    for k in range(n):
        out[k] += weight * (joint[k] / total)


@kernel(fastmath=SUMS, forceinline=True)
def highest(table: Floats, work: int, n: int) -> float:
    """Highest value of the joint."""
    joint = table[0, work : work + n]
    value = joint[0]
    for k in range(n):
        value = max(value, joint[k])
    return float(value)


@kernel(forceinline=True)
def products(
    p: int, a: int, n: int, offsets: Integers, members: Integers, claim_figure: Integers,
    group: Integers, table: Floats, prior_base: Integers, figure_base: Integers,
    claim_base: Integers, claim_terms: Floats, spare: int, work: int, width: int,
) -> tuple[float, float]:  # fmt: skip
    """Joint of pattern `p` over `n` points of support from `a`: its sum, and the log of its unit.

    On leaving, the work space holds the joint, the product of all own masses, and each figure's
    part of the joint, but for its claims; and spare columns hold those of claims that share one.
    """
    log_unit = 0.0
    start, slot, n_figures = prior_base[group[p]] + a, spare, 0
    s1 = s2 = s3 = s4 = t1 = t2 = t3 = t4 = row1 = row2 = row3 = row4 = 0
    odds1 = odds2 = odds3 = odds4 = 0.0
    m, end = offsets[p], offsets[p + 1]
    while m < end:
        j = members[m]
        log_unit += claim_terms[j, UNIT]
        s, v, odds, row = claim_base[j] + a, claim_figure[j], claim_terms[j, ODDS], 0
        m += 1
        if v < 0:
            if start != spare:
                _own_claim(table, spare, n, start, s)
                start, slot = spare, spare + width
            else:
                _times(table, 0, start, n, s, 0.0)
            continue
        while m < end and claim_figure[members[m]] == v:
            i = members[m]
            log_unit += claim_terms[i, UNIT]
            t, other_odds = claim_base[i] + a, claim_terms[i, ODDS]
            if row == 0:
                _two_claims(table, slot, n, s, odds, t, other_odds)
                row = 1
            else:
                _times(table, 0, slot, n, t, 0.0)
                _times(table, 1, slot, n, t, other_odds)
            m += 1
        if row == 1:
            s, odds = slot, 0.0
            slot += width
        n_figures += 1
        if n_figures == 1:
            s1, t1, row1, odds1 = s, figure_base[v] + a, row, odds
        elif n_figures == 2:
            s2, t2, row2, odds2 = s, figure_base[v] + a, row, odds
        elif n_figures == 3:
            s3, t3, row3, odds3 = s, figure_base[v] + a, row, odds
        elif n_figures == 4:
            s4, t4, row4, odds4 = s, figure_base[v] + a, row, odds
    if n_figures == 0:
        total = _no_figure(table, work, width, n, start)
    elif n_figures == 1:
        total = _one_figure(table, work, width, n, start, s1, row1, odds1, t1)
    elif n_figures == 2:
        total = _two_figures(
            table, work, width, n, start, s1, s2, row1, row2, odds1, odds2, t1, t2
        )
    elif n_figures == 3:
        total = _three_figures(
            table, work, width, n, start, s1, s2, s3, row1, row2, row3, odds1, odds2, odds3, t1,
            t2, t3,
        )  # fmt: skip
    elif n_figures == 4:
        total = _four_figures(
            table, work, width, n, start, s1, s2, s3, s4, row1, row2, row3, row4, odds1, odds2,
            odds3, odds4, t1, t2, t3, t4,
        )  # fmt: skip
    else:
        total = _many_figures(
            p, a, n, start, offsets, members, claim_figure, table, figure_base, claim_base,
            claim_terms, spare, work, width,
        )  # fmt: skip
    return total, log_unit


@kernel()
def _many_figures(
    p: int, a: int, n: int, start: int, offsets: Integers, members: Integers,
    claim_figure: Integers, table: Floats, figure_base: Integers, claim_base: Integers,
    claim_terms: Floats, spare: int, work: int, width: int,
) -> float:  # fmt: skip
    none, rest, way = work + NONE * width, work + REST * width, work + WAY * width
    _begin(table, none, rest, n, start)
    # Products stand where they were left: after what the pattern starts with.
    at = spare + width if start == spare else spare
    term, m, begin, end = work + FIRST * width, offsets[p], offsets[p], offsets[p + 1]
    while m < end:
        j = members[m]
        v = claim_figure[j]
        m += 1
        if v < 0:
            continue
        alone = True
        while m < end and claim_figure[members[m]] == v:
            alone = False
            m += 1
        s = claim_base[j] + a if alone else at
        _before(table, term, none, rest, n, s, figure_base[v] + a)
        at += 0 if alone else width
        term += width
    total = _turn(table, work, none, rest, way, n)
    m = end - 1
    while m >= begin:
        j = members[m]
        v = claim_figure[j]
        m -= 1
        if v < 0:
            continue
        alone = True
        while m >= begin and claim_figure[members[m]] == v:
            alone = False
            m -= 1
        term -= width
        at -= 0 if alone else width
        s, row, odds = at, 1, 0.0
        if alone:
            s, row, odds = claim_base[j] + a, 0, claim_terms[j, ODDS]
        total += _after(table, term, work, way, n, s, row, odds, figure_base[v] + a)
    return total


@kernel()
def _as_products(
    p: int, a: int, n: int, offsets: Integers, members: Integers, claim_figure: Integers,
    table: Floats, claim_base: Integers, claim_terms: Floats, spare: int, work: int, width: int,
) -> None:  # fmt: skip
    """Put what `logarithms` leaves as `add_gradient` expects it: figures without their claims."""
    term, m, end, at = work + FIRST * width, offsets[p], offsets[p + 1], spare
    if m < end and claim_figure[members[m]] < 0:
        at += width
    while m < end:
        j = members[m]
        v, odds, s = claim_figure[j], claim_terms[j, ODDS], claim_base[j] + a
        m += 1
        if v < 0:
            continue
        alone = True
        while m < end and claim_figure[members[m]] == v:
            alone = False
            m += 1
        if alone:
            for k in range(n):
                table[0, term + k] /= table[0, s + k] + odds
        else:
            # Of many claims even the product with the odds may be too small to divide by.
            for k in range(n):
                table[1, at + k] = 1.0
            at += width
        term += width


@kernel(forceinline=True)
def add_gradient(
    p: int, a: int, n: int, times: float, scale: float, offsets: Integers, members: Integers,
    claim_figure: Integers, claim_voice: Integers, group: Integers, table: Floats,
    prior_base: Integers, figure_base: Integers, figure_terms: Floats, claim_base: Integers,
    claim_terms: Floats, spare: int, work: int, width: int, in_logs: bool, is_logistic: bool,
    omega: Floats, n_groups: int, out: Floats,
) -> None:  # fmt: skip
    """Add the posterior mean of the complete-data gradient; work space is in units of `scale`.

    `in_logs` says that `logarithms` left it. `out` holds the derivatives by ``mu, bias,
    log_scatter, logit_repeat, shared``, one after the other.
    """
    if in_logs:
        _as_products(
            p, a, n, offsets, members, claim_figure, table, claim_base, claim_terms, spare, work,
            width,
        )  # fmt: skip
    n_sources, none = omega.size, work + NONE * width
    shared = n_groups + 3 * n_sources
    total, one, other = _prior_dots(table, work, n, prior_base[group[p]] + a)
    out[group[p]] += scale * one
    out[shared] += scale * other
    term, at, m, end = work + (FIRST - 1) * width, spare, offsets[p], offsets[p + 1]
    if m < end and claim_figure[members[m]] < 0:
        at += width
    both, current, is_pair, left, by_common, by_figure = -1, -1, False, 0.0, 0.0, 0.0
    one2 = moment2 = inside2 = repeats2 = 0.0
    while m < end:
        j = members[m]
        m += 1
        by_source, v, s = n_groups + claim_voice[j], claim_figure[j], claim_base[j] + a
        odds, repeats = claim_terms[j, ODDS], 0.0
        if v < 0:
            one, moment, inside = _own_dots(table, work, n, a, s)
        else:
            if v != current:
                current, t = v, figure_base[v] + a
                term += width
                if m == end or claim_figure[members[m]] != v:
                    both = -1
                    (
                        one, moment, inside, repeats, figure_one, figure_moment, figure_inside,
                        figure_sum,
                    ) = _lone_dots(table, work, none, term, n, a, s, odds, t)  # fmt: skip
                else:
                    both, i = at, members[m]
                    at += width
                    is_pair = not in_logs and (m + 1 == end or claim_figure[members[m + 1]] != v)
                if both >= 0 and is_pair:
                    (
                        one, moment, inside, repeats, one2, moment2, inside2, repeats2,
                        figure_one, figure_moment, figure_inside, figure_sum,
                    ) = _pair_dots(
                        table, work, none, term, n, a, s, claim_base[i] + a, odds,
                        claim_terms[i, ODDS], t,
                    )  # fmt: skip
                elif both >= 0:
                    figure_one, figure_moment, figure_inside, figure_sum = _figure_dots(
                        table, none, term, n, a, both, t
                    )
                other = figure_terms[v, EDGE] * figure_one - figure_moment
                other += figure_terms[v, MORE] * figure_inside - figure_terms[v, LESS] * figure_sum
                if not is_logistic and both < 0:
                    other += _left_of_figure(table, none, term, n, s, 0, odds, t)
                elif not is_logistic:
                    other += _left_of_figure(table, none, term, n, both, 1, 0.0, t)
                by_common += figure_one
                by_figure += other
            elif both >= 0 and is_pair:
                one, moment, inside, repeats = one2, moment2, inside2, repeats2
            if both >= 0 and not is_pair:
                one, moment, inside, repeats = _claim_dots(table, work, term, n, a, both, s, odds)
            out[by_source + 2 * n_sources] += scale * repeats - times * omega[claim_voice[j]]
        if not is_logistic:
            left = _left_of_claim(table, work, -1 if v < 0 else term, n, both, s, odds)
        out[by_source] += scale * one
        by_common += one
        other = claim_terms[j, EDGE] * one - moment + claim_terms[j, MORE] * inside + left
        other -= claim_terms[j, LESS] * (total - repeats)
        out[by_source + n_sources] += scale * other
    out[shared + 1] += scale * by_figure
    out[shared + 2] += scale * by_common


@kernel()
def logarithms(
    problem: Problem, parameters: Parameters, grid: Grid, p: int, a: int, n: int, table: Floats,
    work: int, width: int,
) -> float:  # fmt: skip
    """Do as `products`, in logs and cell by cell: the joint sums to one, the log of its unit."""
    tau, figure_scatter = math.exp(parameters.shared[0]), math.exp(parameters.shared[1])
    common_bias = parameters.shared[2]
    logs = table[0, work + REST * width : work + (REST + 1) * width]
    first, none = work + FIRST * width, work + NONE * width
    peak = -np.inf
    for k in range(n):
        at = a + k
        mu = parameters.mu[problem.group[p]]
        log_joint = mass_cell(
            problem.toll_family, problem.toll_df, (grid.bin_lower[at] - mu) / tau,
            (grid.bin_upper[at] - mu) / tau, grid.bin_width[at] / tau,
        )[0]  # fmt: skip
        n_figures, current, masses = 0, -1, 0.0
        for m in range(problem.offsets[p], problem.offsets[p + 1]):
            j = problem.members[m]
            source = problem.claim_voice[j]
            scatter = math.exp(parameters.log_scatter[source])
            centre = grid.x[at] + common_bias + parameters.bias[source]
            own = mass_cell(
                problem.family, problem.df, (problem.claim_lower[j] - centre) / scatter,
                (problem.claim_upper[j] - centre) / scatter, problem.claim_width[j] / scatter,
            )[0]  # fmt: skip
            log_joint += own
            v = problem.claim_figure[j]
            if v < 0:
                continue
            if v != current:
                centre = grid.x[at] + common_bias
                logs[n_figures] = mass_cell(
                    problem.family, problem.df,
                    (problem.figure_lower[v] - centre) / figure_scatter,
                    (problem.figure_upper[v] - centre) / figure_scatter,
                    problem.figure_width[v] / figure_scatter,
                )[0]  # fmt: skip
                masses += math.exp(logs[n_figures])
                n_figures += 1
                current = v
            logs[n_figures - 1] += softplus(parameters.logit_repeat[source] - own)
        largest = 0.0
        for g in range(n_figures):
            largest = max(largest, logs[g])
        total = max(1.0 - masses, 0.0) * math.exp(-largest)
        for g in range(n_figures):
            total += math.exp(logs[g] - largest)
        for g in range(n_figures):
            table[0, first + g * width + k] = math.exp(logs[g] - largest) / total
        table[0, none + k] = math.exp(-largest) / total
        table[0, work + k] = log_joint + largest + math.log(total)
        peak = max(peak, table[0, work + k])
    total = 0.0
    for k in range(n):
        table[0, work + k] = math.exp(table[0, work + k] - peak)
        total += table[0, work + k]
    for k in range(n):
        table[0, work + k] /= total
        table[0, none + k] *= table[0, work + k]
        for g in range(n_figures):
            table[0, first + g * width + k] *= table[0, work + k]
    log_unit = peak + math.log(total)
    for m in range(problem.offsets[p], problem.offsets[p + 1]):
        j = problem.members[m]
        if problem.claim_figure[j] >= 0:
            log_unit -= softplus(parameters.logit_repeat[problem.claim_voice[j]])
    return log_unit
