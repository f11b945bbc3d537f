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

import math

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

# Scales of the change beyond which a number is no copy of another: its mass is below 1e-13.
NEAR_REACH = 30.0


@kernel(forceinline=True)
def is_near(claimed: Claimed, tables: Tables, v: int, w: int) -> bool:
    """Whether figure `v` is so near figure `w` that it may be a changed copy of that."""
    x = tables.figure_near[w, FIGURE_X]
    beyond = max(claimed.figure_lower[v] - x, x - claimed.figure_upper[v])
    return bool(tables.near_share > 0.0 and beyond < NEAR_REACH * tables.near_scatter)


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
    """Whether claims of a run need the sum of this module.

    A number is nearer to be a copy of the next larger one than the other way round.
    """
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
        if m - start > 2 or (before >= 0 and is_near(claimed, tables, before, v)):
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
def _end_figure(table: Floats, s: int, none: int, rest: int, n: int, t: int) -> None:
    """Multiply the product of all claims by a figure's; take its probability from the rest."""
    product, left = table[0, none : none + n], table[0, rest : rest + n]
    mass, figure = table[0, s : s + n], table[0, t : t + n]
    for k in range(n):
        product[k] *= mass[k]
        left[k] -= figure[k]


@kernel(fastmath=FAST)
def _times_both(
    table: Floats, term: int, reverted: int, n: int, s: int, odds: float
) -> None:  # fmt: skip
    """Multiply by one more claim, which may be a changed copy in the first product."""
    one, other = table[0, term : term + n], table[0, reverted : reverted + n]
    mass = table[0, s : s + n]
    for k in range(n):
        one[k] *= mass[k] + odds
        other[k] *= mass[k]


@kernel(fastmath=SUMS)
def _add_parts(
    table: Floats, work: int, term: int, width: int, slot: int, n: int, t: int
) -> float:
    """Complete the parts of the joint of a figure of several claims, and add them to it.

    `term` holds what all other claims say where they may be changed copies, and the last of its
    columns what they say otherwise.
    """
    joint, figure = table[0, work : work + n], table[0, t : t + n]
    stated, exact, reverted = (
        table[0, term : term + n], table[0, term + width : term + width + n],
        table[0, term + 2 * width : term + 2 * width + n],
    )  # fmt: skip
    mass, unchanged, changed = (
        table[0, slot : slot + n], table[2, slot : slot + n], table[1, slot : slot + n]
    )  # fmt: skip
    total = 0.0
    for k in range(n):
        others = figure[k] * stated[k]
        stated[k] = others * (unchanged[k] - mass[k])
        exact[k] = others * unchanged[k]
        reverted[k] *= figure[k] * changed[k]
        value = stated[k] + reverted[k]
        joint[k] += value
        total += value
    return total


@kernel(fastmath=SUMS)
def _add_lone_parts(
    table: Floats, work: int, term: int, width: int, s: int, n: int, t: int, odds: float,
    changed: float,
) -> float:  # fmt: skip
    """Do so of a figure of one claim."""
    joint, figure, mass = table[0, work : work + n], table[0, t : t + n], table[0, s : s + n]
    stated, exact, reverted = (
        table[0, term : term + n], table[0, term + width : term + width + n],
        table[0, term + 2 * width : term + 2 * width + n],
    )  # fmt: skip
    as_it_is, by_chance = odds * (1.0 - changed), odds * changed
    total = 0.0
    for k in range(n):
        others = figure[k] * stated[k]
        stated[k] = others * as_it_is
        exact[k] = others * (mass[k] + as_it_is)
        reverted[k] *= figure[k] * (mass[k] + by_chance)
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
        v, t = claim_figure[members[m]], tables.figure_base[claim_figure[members[m]]] + a
        stop = _end_of(m, run.stop, claimed)
        changed = tables.figure_near[v, CHANGED]
        if stop - m > 1:
            _begin_figure(table, slot, n)
        for i in range(m, stop):
            j = members[i]
            s, odds = claim_base[j] + a, claim_terms[j, ODDS]
            log_unit += claim_terms[j, UNIT]
            if stop - m > 1:
                times(table, 0, slot, n, s, 0.0)
                times(table, 1, slot, n, s, odds * changed)
                times(table, 2, slot, n, s, odds * (1.0 - changed))
        _end_figure(table, _masses(m, stop, slot, a, claimed, tables), none, rest, n, t)
        slot += width
        m = stop
    total = _none_repeats(table, work, none, rest, n)
    m, slot, term = first, spare, work + FIRST * width
    while m < run.stop:
        j = members[m]
        v, t = claim_figure[j], tables.figure_base[claim_figure[j]] + a
        stop = _end_of(m, run.stop, claimed)
        _others(first, run.stop, v, a, n, term, claimed, tables)
        if stop - m > 1:
            total += _add_parts(table, work, term, width, slot, n, t)
        else:
            total += _add_lone_parts(
                table, work, term, width, claim_base[j] + a, n, t, claim_terms[j, ODDS],
                tables.figure_near[v, CHANGED],
            )  # fmt: skip
        slot += width
        term += PARTS * width
        m = stop
    return total, log_unit


@kernel(forceinline=True)
def _end_of(m: int, stop: int, claimed: Claimed) -> int:
    """Give the member after those that state the figure of member `m`."""
    v = claimed.claim_figure[claimed.members[m]]
    while m < stop and claimed.claim_figure[claimed.members[m]] == v:
        m += 1
    return m


@kernel(forceinline=True)
def _masses(m: int, stop: int, slot: int, a: int, claimed: Claimed, tables: Tables) -> int:
    """Column of the product of a figure's claims: that of its one claim, or a slot."""
    return int(slot if stop - m > 1 else tables.claim_base[claimed.members[m]] + a)


@kernel()
def _others(
    first: int, stop: int, v: int, a: int, n: int, term: int, claimed: Claimed, tables: Tables
) -> None:
    """Multiply what the claims of all other figures say: as changed copies of `v`, and not."""
    members, claim_figure = claimed.members, claimed.claim_figure
    table, width = tables.table, tables.width
    reverted = term + 2 * width
    _start(table, term, n, tables.work + WAY * width)
    _start(table, reverted, n, tables.work + WAY * width)
    m, slot = first, tables.spare
    while m < stop:
        w, end = claim_figure[members[m]], _end_of(m, stop, claimed)
        copies = 0.0
        if w != v and is_near(claimed, tables, w, v):
            copies = tables.near_share * math.exp(log_copy(claimed, tables, w, v)[0])
        if w == v:
            pass
        elif copies > 0.0:
            for i in range(m, end):
                j = members[i]
                odds = tables.claim_terms[j, ODDS] * copies
                _times_both(table, term, reverted, n, tables.claim_base[j] + a, odds)
        else:
            _times_both(table, term, reverted, n, _masses(m, end, slot, a, claimed, tables), 0.0)
        slot += width
        m = end
