r"""One pattern of claims: products and sums along its window of support.

For a distinct multiset of claims and a candidate toll `n`, with groups `g` of claims that state
the same number,

.. math::
    p(\text{claims}, n) = p(n) \prod_c (1 - \omega_c) \cdot \Big\{
        \Big(1 - \sum_g p_g(n)\Big) \prod_g F_g(n)
        + \sum_g p_g(n) R_g(n) \prod_{h \ne g} F_h(n) \Big\},
    \quad F_g = \prod_{c \in g} f_c, \quad
    o_c = \frac{\omega_c}{1 - \omega_c},

where ``R_g = f_c + o_c`` of one claim, and of two, with the probability :math:`u_g` that a number
is repeated with a change,

.. math:: R_g = f_c f_d + f_c o_d + f_d o_c + o_c o_d \{u_g^2 + (1 - u_g)^2\}.

For more claims, and numbers near each other, `tollest._sums.near` has the sum.

``f`` and ``p`` are read from the rows of `tollest._sums.tables`. Loops run along the support,
where compilers turn them into vector instructions; one exponential is never taken.
Where products underflow, as under claims that contradict each other at a tiny scatter, the
pattern is summed in logarithms instead (`tollest._sums.logarithms`).

Kernels are handed whole tuples of arrays and take them apart at their head: where they are put
inline nothing is copied. Loops over a window are handed one table and columns in it, and make
their own views. None of them allocates, so that nothing has to be counted
(`tollest._sums.compiled`).
"""

from typing import NamedTuple

from tollest._arrays import Floats
from tollest._sums.compiled import kernel
from tollest._sums.mass import FAST, SUMS
from tollest._sums.tables import CHANGED, FIRST, NONE, ODDS, REST, UNIT, WAY, Claimed, Run, Tables

# A sum of products below this may have lost terms to underflow, or have masses in it that stop
# at 1e-137.
LEAST = 1e-120


class FigureRow(NamedTuple):
    """Where the table holds a figure and the claims that state it."""

    claims: int  # column from which on row 0 holds F: the product of the claims' masses
    row: int  # R is this row of the same columns, and `odds` more: row 0 of one claim, 1 of two
    odds: float
    figure: int  # column from which on row 0 holds p: the probability that the figure is this


@kernel(fastmath=FAST, forceinline=True)
def _certain_claim(table: Floats, out: int, n: int, s: int, t: int) -> None:
    """Multiply what a pattern starts with by a claim that cannot repeat the figure."""
    product, begun, mass = table[0, out : out + n], table[0, s : s + n], table[0, t : t + n]
    for k in range(n):
        product[k] = begun[k] * mass[k]


@kernel(fastmath=FAST, forceinline=True)
def _two_claims(
    table: Floats, out: int, n: int, s: int, odds: float, t: int, other_odds: float, alike: float
) -> None:
    """Products of two claims of the same figure, which two copies agree on as often as `alike`."""
    masses, repeats = table[0, out : out + n], table[1, out : out + n]
    mass, other = table[0, s : s + n], table[0, t : t + n]
    for k in range(n):
        masses[k] = mass[k] * other[k]
        repeats[k] = mass[k] * (other[k] + other_odds) + odds * (other[k] + other_odds * alike)


@kernel(fastmath=FAST, forceinline=True)
def times(table: Floats, row: int, out: int, n: int, s: int, odds: float) -> None:
    """Multiply a product in `row` by one more claim."""
    product, mass = table[row, out : out + n], table[0, s : s + n]
    for k in range(n):
        product[k] *= mass[k] + odds


@kernel(forceinline=True)
def alike(changed: float) -> float:
    """Probability that of two who repeat a figure both change it, or neither does."""
    return changed * changed + (1.0 - changed) * (1.0 - changed)


# Sums over no figure to four are written out: each shares products in a way of its own. One loop
# over a tuple of figures, within that over points, takes six to eight times as long (measured over
# 104 points) and rounds differently.


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
    table: Floats, work: int, width: int, n: int, start: int, only: FigureRow
) -> float:  # fmt: skip
    s, row, odds, t = only
    joint, begun = table[0, work : work + n], table[0, start : start + n]
    none = table[0, work + NONE * width : work + NONE * width + n]
    term = table[0, work + FIRST * width : work + FIRST * width + n]
    mass, repeat, figure = table[0, s : s + n], table[row, s : s + n], table[0, t : t + n]
    total = 0.0
    for k in range(n):
        product, part = begun[k] * mass[k], begun[k] * figure[k]
        value = max(1.0 - figure[k], 0.0) * product + part * (repeat[k] + odds)
        none[k] = product
        term[k] = part
        joint[k] = value
        total += value
    return total


@kernel(fastmath=SUMS, forceinline=True)
def _two_figures(
    table: Floats, work: int, width: int, n: int, start: int, first: FigureRow, second: FigureRow
) -> float:  # fmt: skip
    (s1, row1, odds1, t1), (s2, row2, odds2, t2) = first, second
    joint, begun = table[0, work : work + n], table[0, start : start + n]
    none = table[0, work + NONE * width : work + NONE * width + n]
    term1 = table[0, work + FIRST * width : work + FIRST * width + n]
    term2 = table[0, work + (FIRST + 1) * width : work + (FIRST + 1) * width + n]
    mass1, repeat1, figure1 = (
        table[0, s1 : s1 + n],
        table[row1, s1 : s1 + n],
        table[0, t1 : t1 + n],
    )
    mass2, repeat2, figure2 = (
        table[0, s2 : s2 + n],
        table[row2, s2 : s2 + n],
        table[0, t2 : t2 + n],
    )
    total = 0.0
    for k in range(n):
        begun1, begun2 = begun[k] * mass1[k], begun[k] * mass2[k]
        product = begun1 * mass2[k]
        part1, part2 = begun2 * figure1[k], begun1 * figure2[k]
        value = max(1.0 - figure1[k] - figure2[k], 0.0) * product
        value += part1 * (repeat1[k] + odds1) + part2 * (repeat2[k] + odds2)
        none[k] = product
        term1[k] = part1
        term2[k] = part2
        joint[k] = value
        total += value
    return total


@kernel(fastmath=SUMS, forceinline=True)
def _three_figures(
    table: Floats, work: int, width: int, n: int, start: int, first: FigureRow, second: FigureRow,
    third: FigureRow,
) -> float:  # fmt: skip
    (s1, row1, odds1, t1), (s2, row2, odds2, t2), (s3, row3, odds3, t3) = first, second, third
    joint, begun = table[0, work : work + n], table[0, start : start + n]
    none = table[0, work + NONE * width : work + NONE * width + n]
    term1 = table[0, work + FIRST * width : work + FIRST * width + n]
    term2 = table[0, work + (FIRST + 1) * width : work + (FIRST + 1) * width + n]
    term3 = table[0, work + (FIRST + 2) * width : work + (FIRST + 2) * width + n]
    mass1, repeat1, figure1 = (
        table[0, s1 : s1 + n],
        table[row1, s1 : s1 + n],
        table[0, t1 : t1 + n],
    )
    mass2, repeat2, figure2 = (
        table[0, s2 : s2 + n],
        table[row2, s2 : s2 + n],
        table[0, t2 : t2 + n],
    )
    mass3, repeat3, figure3 = (
        table[0, s3 : s3 + n],
        table[row3, s3 : s3 + n],
        table[0, t3 : t3 + n],
    )
    total = 0.0
    for k in range(n):
        begun1, begun3 = begun[k] * mass1[k], begun[k] * mass3[k]
        begun12 = begun1 * mass2[k]
        product = begun12 * mass3[k]
        part1 = begun3 * mass2[k] * figure1[k]
        part2 = begun3 * mass1[k] * figure2[k]
        part3 = begun12 * figure3[k]
        value = max(1.0 - figure1[k] - figure2[k] - figure3[k], 0.0) * product
        value += part1 * (repeat1[k] + odds1) + part2 * (repeat2[k] + odds2)
        value += part3 * (repeat3[k] + odds3)
        none[k] = product
        term1[k] = part1
        term2[k] = part2
        term3[k] = part3
        joint[k] = value
        total += value
    return total


@kernel(fastmath=SUMS, forceinline=True)
def _four_figures(
    table: Floats, work: int, width: int, n: int, start: int, first: FigureRow, second: FigureRow,
    third: FigureRow, fourth: FigureRow,
) -> float:  # fmt: skip
    (s1, row1, odds1, t1), (s2, row2, odds2, t2) = first, second
    (s3, row3, odds3, t3), (s4, row4, odds4, t4) = third, fourth
    joint, begun = table[0, work : work + n], table[0, start : start + n]
    none = table[0, work + NONE * width : work + NONE * width + n]
    term1 = table[0, work + FIRST * width : work + FIRST * width + n]
    term2 = table[0, work + (FIRST + 1) * width : work + (FIRST + 1) * width + n]
    term3 = table[0, work + (FIRST + 2) * width : work + (FIRST + 2) * width + n]
    term4 = table[0, work + (FIRST + 3) * width : work + (FIRST + 3) * width + n]
    mass1, repeat1, figure1 = (
        table[0, s1 : s1 + n],
        table[row1, s1 : s1 + n],
        table[0, t1 : t1 + n],
    )
    mass2, repeat2, figure2 = (
        table[0, s2 : s2 + n],
        table[row2, s2 : s2 + n],
        table[0, t2 : t2 + n],
    )
    mass3, repeat3, figure3 = (
        table[0, s3 : s3 + n],
        table[row3, s3 : s3 + n],
        table[0, t3 : t3 + n],
    )
    mass4, repeat4, figure4 = (
        table[0, s4 : s4 + n],
        table[row4, s4 : s4 + n],
        table[0, t4 : t4 + n],
    )
    total = 0.0
    for k in range(n):
        begun12, mass34 = begun[k] * mass1[k] * mass2[k], mass3[k] * mass4[k]
        product, begun34 = begun12 * mass34, begun[k] * mass34
        part1 = begun34 * mass2[k] * figure1[k]
        part2 = begun34 * mass1[k] * figure2[k]
        part3 = begun12 * mass4[k] * figure3[k]
        part4 = begun12 * mass3[k] * figure4[k]
        value = max(1.0 - figure1[k] - figure2[k] - figure3[k] - figure4[k], 0.0) * product
        value += part1 * (repeat1[k] + odds1) + part2 * (repeat2[k] + odds2)
        value += part3 * (repeat3[k] + odds3) + part4 * (repeat4[k] + odds4)
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
    """Keep the product of all claims before a figure as the start of its term; add its claims."""
    product, left, part = (
        table[0, none : none + n], table[0, rest : rest + n], table[0, term : term + n]
    )  # fmt: skip
    mass, figure = table[0, s : s + n], table[0, t : t + n]
    for k in range(n):
        part[k] = product[k]
        product[k] *= mass[k]
        left[k] -= figure[k]


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
    table: Floats, term: int, joint: int, way: int, n: int, figure: FigureRow
) -> float:  # fmt: skip
    """Complete a figure's term by the claims of all after it; what it adds to the joint."""
    s, row, odds, t = figure
    value, behind, part = (
        table[0, joint : joint + n], table[0, way : way + n], table[0, term : term + n]
    )  # fmt: skip
    mass, repeat, free = table[0, s : s + n], table[row, s : s + n], table[0, t : t + n]
    total = 0.0
    for k in range(n):
        base = free[k] * (part[k] * behind[k])
        part[k] = base
        more_likely = base * (repeat[k] + odds)
        value[k] += more_likely
        behind[k] *= mass[k]
        total += more_likely
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
def products(run: Run, a: int, n: int, claimed: Claimed, tables: Tables) -> tuple[float, float]:
    """Joint of a run of claims over `n` points of support from `a`: its sum, and its log unit.

    No more than two claims state the same number, and none is near another.
    On leaving, the work space holds the joint, the product of all claims' masses, and each
    figure's part of the joint, but for its claims; and spare columns hold the products of claims
    that state the same number.
    """
    members, claim_figure = claimed.members, claimed.claim_figure
    table, claim_base, claim_terms = tables.table, tables.claim_base, tables.claim_terms
    spare, width = tables.spare, tables.width
    log_unit = 0.0
    prior = tables.prior_base[run.level] if run.level >= 0 else tables.ones
    start, slot, n_figures = prior + a, spare, 0
    # The last four figures, in their order.
    first = second = third = fourth = FigureRow(start, n_figures, log_unit, start)
    m, end = run.start, run.stop
    while m < end:
        j = members[m]
        v, s = claim_figure[j], claim_base[j] + a
        log_unit += claim_terms[j, UNIT]
        m += 1
        if v < 0:
            if start != spare:
                _certain_claim(table, spare, n, start, s)
                start, slot = spare, spare + width
            else:
                times(table, 0, start, n, s, 0.0)
            continue
        t = tables.figure_base[v] + a
        figure = FigureRow(s, 0, claim_terms[j, ODDS], t)
        if m < end and claim_figure[members[m]] == v:
            i = members[m]
            log_unit += claim_terms[i, UNIT]
            _two_claims(
                table, slot, n, s, claim_terms[j, ODDS], claim_base[i] + a, claim_terms[i, ODDS],
                alike(tables.figure_near[v, CHANGED]),
            )  # fmt: skip
            figure = FigureRow(slot, 1, 0.0, t)
            slot += width
            m += 1
        n_figures += 1
        first, second, third, fourth = second, third, fourth, figure
    work = tables.work
    if n_figures == 0:
        total = _no_figure(table, work, width, n, start)
    elif n_figures == 1:
        total = _one_figure(table, work, width, n, start, fourth)
    elif n_figures == 2:
        total = _two_figures(table, work, width, n, start, third, fourth)
    elif n_figures == 3:
        total = _three_figures(table, work, width, n, start, second, third, fourth)
    elif n_figures == 4:
        total = _four_figures(table, work, width, n, start, first, second, third, fourth)
    else:
        total = _many_figures(run, a, n, start, claimed, tables)
    return total, log_unit


@kernel()
def _many_figures(
    run: Run, a: int, n: int, start: int, claimed: Claimed, tables: Tables
) -> float:  # fmt: skip
    """Do as the last of `products` for any number of figures."""
    members, claim_figure = claimed.members, claimed.claim_figure
    table, figure_base = tables.table, tables.figure_base
    claim_base, claim_terms = tables.claim_base, tables.claim_terms
    spare, work, width = tables.spare, tables.work, tables.width
    none, rest, way = work + NONE * width, work + REST * width, work + WAY * width
    _begin(table, none, rest, n, start)
    # Products stand where they were left: after what the pattern starts with.
    slot = spare + width if start == spare else spare
    begin, end = run.start, run.stop
    term, m = work + FIRST * width, begin
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
        s = claim_base[j] + a if alone else slot
        _before(table, term, none, rest, n, s, figure_base[v] + a)
        slot += 0 if alone else width
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
        slot -= 0 if alone else width
        s, row, odds = slot, 1, 0.0
        if alone:
            s, row, odds = claim_base[j] + a, 0, claim_terms[j, ODDS]
        figure = FigureRow(s, row, odds, figure_base[v] + a)
        total += _after(table, term, work, way, n, figure)
    return total
