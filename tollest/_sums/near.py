r"""One pattern of claims where a number may be repeated with small changes.

A claim that repeats the figure `v` states it as it is, or, with probability :math:`\kappa`, a
number near it, of mass :math:`q_c(v)`: that of a logistic error of scale :math:`\rho` around it on
the log1p axis. One of those who repeat states the figure as it is: where by chance none would, all
do. So a figure that nobody states has nobody who repeats it, and the sum over figures is one over
the numbers that are stated. With :math:`u_g = \kappa (1 - q_g(v_g))` the probability of another
number, and :math:`t_g = 1 - u_g`,

.. math::
    p(\text{claims}, n) = p(n) \prod_c (1 - \omega_c) \cdot \Big\{
        \Big(1 - \sum_g p_g\Big) \prod_c f_c
        + \sum_g p_g \Big[(T_g - F_g) \prod_{c \notin g} (f_c + o_c \kappa q_c(v_g))
        + U_g \prod_{c \notin g} f_c\Big] \Big\},

    F_g = \prod_{c \in g} f_c, \quad T_g = \prod_{c \in g} (f_c + o_c t_g), \quad
    U_g = \prod_{c \in g} (f_c + o_c u_g), \quad o_c = \frac{\omega_c}{1 - \omega_c}.

Where no other number is near, and at most two claims state the same, `tollest._sums.joint` has
the same sum in fewer passes.
"""

import numpy as np
from numba import njit

from tollest._arrays import Floats
from tollest._sums.bounds import DENIED
from tollest._sums.compiled import kernel
from tollest._sums.joint import times
from tollest._sums.mass import FAST, LOGISTIC, SUMS, mass_cell
from tollest._sums.tables import (
    CHANGED,
    FIGURE_X,
    FIRST,
    NONE,
    ODDS,
    PARTS,
    REST,
    UNIT,
    WAY,
    Claimed,
    Run,
    Tables,
)

# Scales of the change beyond which a number is no copy of another: its mass is below 1e-26.
NEAR_REACH = 60.0


@kernel(forceinline=True)
def is_near(tables: Tables, v: int, w: int) -> bool:
    """Whether figures are so near each other that one may be a changed copy of the other."""
    apart = abs(tables.figure_near[v, FIGURE_X] - tables.figure_near[w, FIGURE_X])
    return bool(tables.near_share > 0.0 and apart < NEAR_REACH * tables.near_scatter)


@njit(cache=True, error_model="numpy")
def log_copy(claimed: Claimed, tables: Tables, v: int, w: int) -> tuple[float, float]:
    """Log mass of number `v` as a changed copy of `w`; its derivative by the log of the scale."""
    x, scale = tables.figure_near[w, FIGURE_X], tables.near_scatter
    lower, upper = (claimed.figure_lower[v] - x) / scale, (claimed.figure_upper[v] - x) / scale
    log_mass, _, by_log_scale = mass_cell(
        LOGISTIC, 0.0, lower, upper, claimed.figure_width[v] / scale
    )
    return log_mass, by_log_scale


@kernel()
def has_copies(run: Run, claimed: Claimed, tables: Tables) -> bool:
    """Whether claims of a run need the sum of this module."""
    members, claim_figure = claimed.members, claimed.claim_figure
    before, m = -1, run.start
    while m < run.stop:
        j = members[m]
        v, start = claim_figure[j], m
        m += 1
        if v < 0:
            continue
        while m < run.stop and claim_figure[members[m]] == v:
            m += 1
        if m - start > 2 or (before >= 0 and is_near(tables, before, v)):
            return True
        if m - start == 2 and (
            claimed.family != LOGISTIC
            or (claimed.claim_form[j] == DENIED and tables.figure_near[v, CHANGED] > 0.0)
        ):
            return True
        before = v
    return False


@kernel(fastmath=FAST)
def _start(table: Floats, column: int, n: int, start: int) -> None:
    """Begin a product in the first row."""
    product, begun = table[0, column : column + n], table[0, start : start + n]
    for k in range(n):
        product[k] = begun[k]


@kernel(fastmath=FAST)
def _begin_figure(table: Floats, column: int, n: int) -> None:
    """Begin a figure's three products."""
    for row in range(3):
        product = table[row, column : column + n]
        for k in range(n):
            product[k] = 1.0


@kernel(fastmath=FAST)
def _end_figure(table: Floats, slot: int, none: int, rest: int, n: int, t: int) -> None:
    """Multiply the product of all claims by a figure's; take its probability from the rest."""
    product, left = table[0, none : none + n], table[0, rest : rest + n]
    mass, figure = table[0, slot : slot + n], table[0, t : t + n]
    for k in range(n):
        product[k] *= mass[k]
        left[k] -= figure[k]


@kernel(fastmath=SUMS)
def _add_parts(
    table: Floats, work: int, term: int, width: int, slot: int, n: int, t: int
) -> float:
    """Complete a figure's parts of the joint, and add them to it.

    `term` holds what all other claims say where they may be changed copies, and the last of its
    columns what they say otherwise.
    """
    joint, figure = table[0, work : work + n], table[0, t : t + n]
    stated = table[0, term : term + n]
    all_exact = table[0, term + width : term + width + n]
    reverted = table[0, term + 2 * width : term + 2 * width + n]
    mass, unchanged, changed = (
        table[0, slot : slot + n], table[2, slot : slot + n], table[1, slot : slot + n]
    )  # fmt: skip
    total = 0.0
    for k in range(n):
        others = figure[k] * stated[k]
        stated[k] = others * (unchanged[k] - mass[k])
        all_exact[k] = others * unchanged[k]
        reverted[k] *= figure[k] * changed[k]
        value = stated[k] + reverted[k]
        joint[k] += value
        total += value
    return total


@kernel(fastmath=SUMS)
def _none_repeats(table: Floats, joint: int, none: int, rest: int, n: int) -> float:
    """Joint where no claimed number is the figure, and its sum."""
    value, product, left = (
        table[0, joint : joint + n], table[0, none : none + n], table[0, rest : rest + n]
    )  # fmt: skip
    total = 0.0
    for k in range(n):
        value[k] = max(left[k], 0.0) * product[k]
        total += value[k]
    return total


@njit(cache=True, error_model="numpy")
def copied_products(
    run: Run, a: int, n: int, claimed: Claimed, tables: Tables
) -> tuple[float, float]:
    """Do as `tollest._sums.joint.products`, for any claims.

    On leaving, the work space holds the joint; the product of all claims' masses; and of each
    figure `PARTS` columns: its part of the joint where somebody states it as it is; that part with
    `T` in place of ``T - F``; and its part where all who repeat would have changed it.
    """
    members, claim_figure = claimed.members, claimed.claim_figure
    table, claim_base, claim_terms = tables.table, tables.claim_base, tables.claim_terms
    spare, work, width = tables.spare, tables.work, tables.width
    none, rest, way = work + NONE * width, work + REST * width, work + WAY * width
    prior = tables.prior_base[run.level] if run.level >= 0 else tables.ones
    log_unit, slot, m = 0.0, spare, run.start
    # What the run starts with: the prior, and claims that cannot repeat.
    _start(table, way, n, prior + a)
    while m < run.stop and claim_figure[members[m]] < 0:
        j = members[m]
        log_unit += claim_terms[j, UNIT]
        times(table, 0, way, n, claim_base[j] + a, 0.0)
        m += 1
    _start(table, none, n, way)
    for k in range(rest, rest + n):
        table[0, k] = 1.0
    first = m
    while m < run.stop:
        v = claim_figure[members[m]]
        changed = tables.figure_near[v, CHANGED]
        _begin_figure(table, slot, n)
        while m < run.stop and claim_figure[members[m]] == v:
            j = members[m]
            s, odds = claim_base[j] + a, claim_terms[j, ODDS]
            log_unit += claim_terms[j, UNIT]
            times(table, 0, slot, n, s, 0.0)
            times(table, 1, slot, n, s, odds * changed)
            times(table, 2, slot, n, s, odds * (1.0 - changed))
            m += 1
        _end_figure(table, slot, none, rest, n, tables.figure_base[v] + a)
        slot += width
    total = _none_repeats(table, work, none, rest, n)
    m, slot, term = first, spare, work + FIRST * width
    while m < run.stop:
        v = claim_figure[members[m]]
        while m < run.stop and claim_figure[members[m]] == v:
            m += 1
        _others(first, run.stop, v, a, n, term, claimed, tables)
        total += _add_parts(table, work, term, width, slot, n, tables.figure_base[v] + a)
        slot += width
        term += PARTS * width
    return total, log_unit


@kernel()
def _others(
    first: int, stop: int, v: int, a: int, n: int, term: int, claimed: Claimed, tables: Tables
) -> None:
    """Multiply what the claims of all other figures say: as changed copies of `v`, and not."""
    members, claim_figure = claimed.members, claimed.claim_figure
    table, width = tables.table, tables.width
    way, reverted = tables.work + WAY * width, term + 2 * width
    _start(table, term, n, way)
    _start(table, reverted, n, way)
    m, slot = first, tables.spare
    while m < stop:
        w, start = claim_figure[members[m]], m
        while m < stop and claim_figure[members[m]] == w:
            m += 1
        if w != v:
            times(table, 0, reverted, n, slot, 0.0)
            copies = np.exp(log_copy(claimed, tables, w, v)[0]) if is_near(tables, w, v) else 0.0
            if copies > 0.0:
                for i in range(start, m):
                    j = members[i]
                    odds = tables.claim_terms[j, ODDS] * tables.near_share * copies
                    times(table, 0, term, n, tables.claim_base[j] + a, odds)
            else:
                times(table, 0, term, n, slot, 0.0)
        slot += width
