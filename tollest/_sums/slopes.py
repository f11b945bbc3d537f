"""Gradient of one pattern's log marginal likelihood, from what `tollest._sums.joint` leaves.

By Fisher's identity it is the posterior mean of the complete-data gradient: each factor's
derivatives by its centre and by its log scale, weighed by the joint along the window and added up.
"""

import math
from typing import NamedTuple

from numba import njit

from tollest._arrays import Floats
from tollest._sums.bounds import DENIED, ESTIMATED, LISTED, PLAIN, is_bound
from tollest._sums.compiled import kernel
from tollest._sums.joint import alike
from tollest._sums.mass import LOGISTIC, SUMS
from tollest._sums.near import is_near, log_copy
from tollest._sums.tables import (
    CHANGED,
    CHANGED_BY,
    COMMON_BIAS,
    EDGE,
    FIRST,
    LESS,
    LOG_COPY_SCATTER,
    LOG_FIGURE_SCATTER,
    LOG_LIST_SHORTFALL,
    LOG_SHORTFALL,
    LOG_TAU,
    LOGIT_NEAR_COPY,
    MORE,
    NONE,
    ODDS,
    PARTS,
    WAY,
    Claimed,
    Flat,
    Run,
    Tables,
)

# Least that is divided by.
_LEAST = 1e-300


class Slopes(NamedTuple):
    """Sums over a window, of which the derivatives by a factor's centre and log scale are made.

    Of a claim weights are those of its being a statement of its source's own, of a figure those of
    its being the figure in circulation, less those of the prior.
    """

    centre: float  # of weight times the derivative by the centre
    moment: float  # of that times x
    mass: float  # of weight times mass
    weight: float  # of a figure: of its weights; of a claim: of those of its being a repeat


class Gradient(NamedTuple):
    """What a pattern's gradient is added to, and how."""

    times: float  # locations that it counts for
    scale: float  # that over the sum of the joint as it stands in the work space
    flat: Flat
    out: Floats  # (flat.size,)


class _Stated(NamedTuple):
    """A figure that claims of a pattern state."""

    start: int  # its members, side by side
    stop: int
    term: int  # column of its part of the joint, or of the first of its parts
    both: int  # column of the product of its claims, or -1 if it is one


@kernel(fastmath=SUMS, forceinline=True)
def _prior_slopes(table: Floats, joint: int, n: int, s: int) -> tuple[float, float, float]:
    """Sum of the joint, and the derivatives of the prior weighed by it."""
    weight, by_mu, by_log_tau = (
        table[0, joint : joint + n],
        table[1, s : s + n],
        table[2, s : s + n],
    )
    total = one = other = 0.0
    for k in range(n):
        total += weight[k]
        one += weight[k] * by_mu[k]
        other += weight[k] * by_log_tau[k]
    return total, one, other


@kernel(fastmath=SUMS, forceinline=True)
def _certain_slopes(table: Floats, joint: int, n: int, x: int, s: int) -> Slopes:
    """Add up for a claim that cannot repeat a figure."""
    weight, xs = table[0, joint : joint + n], table[0, x : x + n]
    mass, slope = table[0, s : s + n], table[1, s : s + n]
    one = moment = inside = 0.0
    for k in range(n):
        by_centre = weight[k] * slope[k]
        one += by_centre
        moment += by_centre * xs[k]
        inside += weight[k] * mass[k]
    return Slopes(one, moment, inside, 0.0)


@kernel(fastmath=SUMS, forceinline=True)
def _lone_slopes(
    table: Floats, joint: int, none: int, term: int, n: int, x: int, s: int, odds: float, t: int
) -> tuple[Slopes, Slopes]:
    """Add up for the one claim that states a figure, and for the figure."""
    value, product = table[0, joint : joint + n], table[0, none : none + n]
    part, xs = table[0, term : term + n], table[0, x : x + n]
    mass, slope = table[0, s : s + n], table[1, s : s + n]
    free, figure_slope = table[0, t : t + n], table[1, t : t + n]
    one = moment = inside = repeats = 0.0
    figure_one = figure_moment = figure_inside = figure_sum = 0.0
    for k in range(n):
        repeat = part[k] * odds
        stated = value[k] - repeat
        by_centre = stated * slope[k]
        weight = part[k] * mass[k] + (repeat - free[k] * product[k])
        by_figure = weight * figure_slope[k]
        one += by_centre
        moment += by_centre * xs[k]
        inside += stated * mass[k]
        repeats += repeat
        figure_one += by_figure
        figure_moment += by_figure * xs[k]
        figure_inside += weight * free[k]
        figure_sum += weight
    return (
        Slopes(one, moment, inside, repeats),
        Slopes(figure_one, figure_moment, figure_inside, figure_sum),
    )


@kernel(fastmath=SUMS, forceinline=True)
def _pair_slopes(
    table: Floats, joint: int, none: int, term: int, n: int, x: int, s1: int, s2: int,
    odds1: float, odds2: float, t: int, agree: float,
) -> tuple[Slopes, Slopes, Slopes, float]:  # fmt: skip
    """Add up for each of two claims that share a figure, for the figure, and by `agree`."""
    value, product = table[0, joint : joint + n], table[0, none : none + n]
    part, xs = table[0, term : term + n], table[0, x : x + n]
    mass1, slope1 = table[0, s1 : s1 + n], table[1, s1 : s1 + n]
    mass2, slope2 = table[0, s2 : s2 + n], table[1, s2 : s2 + n]
    free, slope = table[0, t : t + n], table[1, t : t + n]
    one1 = moment1 = inside1 = repeats1 = one2 = moment2 = inside2 = repeats2 = 0.0
    one = moment = inside = total = both = 0.0
    for k in range(n):
        either = part[k] * mass1[k] * (mass2[k] + odds2)
        repeat1 = part[k] * odds1 * (mass2[k] + agree * odds2)
        repeat2 = part[k] * odds2 * (mass1[k] + agree * odds1)
        stated1, stated2 = value[k] - repeat1, value[k] - repeat2
        by_centre1, by_centre2 = stated1 * slope1[k], stated2 * slope2[k]
        weight = either + repeat1 - free[k] * product[k]
        by_figure = weight * slope[k]
        one1 += by_centre1
        moment1 += by_centre1 * xs[k]
        inside1 += stated1 * mass1[k]
        repeats1 += repeat1
        one2 += by_centre2
        moment2 += by_centre2 * xs[k]
        inside2 += stated2 * mass2[k]
        repeats2 += repeat2
        one += by_figure
        moment += by_figure * xs[k]
        inside += weight * free[k]
        total += weight
        both += part[k]
    return (
        Slopes(one1, moment1, inside1, repeats1),
        Slopes(one2, moment2, inside2, repeats2),
        Slopes(one, moment, inside, total),
        both * odds1 * odds2,
    )


@kernel(fastmath=SUMS)
def _figure_slopes(
    table: Floats, none: int, term: int, width: int, n: int, x: int, t: int
) -> Slopes:
    """Add up for a figure, from its parts of the joint."""
    product, xs = table[0, none : none + n], table[0, x : x + n]
    stated, reverted = table[0, term : term + n], table[0, term + 2 * width :]
    free, slope = table[0, t : t + n], table[1, t : t + n]
    one = moment = inside = total = 0.0
    for k in range(n):
        weight = stated[k] + reverted[k] - free[k] * product[k]
        by_centre = weight * slope[k]
        one += by_centre
        moment += by_centre * xs[k]
        inside += weight * free[k]
        total += weight
    return Slopes(one, moment, inside, total)


@kernel(fastmath=SUMS)
def _begin_repeats(
    table: Floats, way: int, term: int, width: int, n: int, s: int, odds: float, changed: float
) -> float:
    """Fill `way` with the part of the joint in which a claim repeats the figure that it states.

    The derivative of the joint's sum by the probability that it is changed.
    """
    out, mass = table[0, way : way + n], table[0, s : s + n]
    exact, reverted = table[0, term + width :], table[0, term + 2 * width :]
    total = 0.0
    for k in range(n):
        # Masses and odds may both have underflowed: then nothing is left of the parts, either.
        as_it_is = exact[k] * (odds / max(mass[k] + odds * (1.0 - changed), _LEAST))
        by_chance = reverted[k] * (odds / max(mass[k] + odds * changed, _LEAST))
        out[k] = (1.0 - changed) * as_it_is + changed * by_chance
        total += by_chance - as_it_is
    return total


@kernel(fastmath=SUMS)
def _add_copies(table: Floats, way: int, term: int, n: int, s: int, odds: float) -> float:
    """Add to `way` the part in which a claim is a changed copy of another figure; its sum."""
    out, mass, stated = table[0, way : way + n], table[0, s : s + n], table[0, term : term + n]
    total = 0.0
    for k in range(n):
        copied = stated[k] * (odds / max(mass[k] + odds, _LEAST))
        out[k] += copied
        total += copied
    return total


@kernel(fastmath=SUMS)
def _claim_slopes(table: Floats, joint: int, way: int, n: int, x: int, s: int) -> Slopes:
    """Add up for a claim, with its repeats in `way`."""
    value, repeat, xs = table[0, joint : joint + n], table[0, way : way + n], table[0, x : x + n]
    mass, slope = table[0, s : s + n], table[1, s : s + n]
    one = moment = inside = repeats = 0.0
    for k in range(n):
        stated = value[k] - repeat[k]
        by_centre = stated * slope[k]
        one += by_centre
        moment += by_centre * xs[k]
        inside += stated * mass[k]
        repeats += repeat[k]
    return Slopes(one, moment, inside, repeats)


@kernel(fastmath=SUMS, forceinline=True)
def _bound_slopes(table: Floats, joint: int, n: int, s: int) -> tuple[float, float, float]:
    """Add up for a bound: by its centre, by its log scatter and by the log of the shortfall."""
    weight, by_centre = table[0, joint : joint + n], table[1, s : s + n]
    by_scatter, by_shortfall = table[2, s : s + n], table[3, s : s + n]
    one = two = three = 0.0
    for k in range(n):
        one += weight[k] * by_centre[k]
        two += weight[k] * by_scatter[k]
        three += weight[k] * by_shortfall[k]
    return one, two, three


# Of errors that are not logistic derivatives by log scale have a row of their own; those by the
# shortfall of a list, or by the odds of a denial, have the next.


@kernel(fastmath=SUMS)
def _left_of_claim(
    table: Floats, row: int, joint: int, term: int, n: int, both: int, s: int, odds: float
) -> float:
    """Weigh a row of a claim's derivatives.

    `term` is -1 where it cannot repeat a figure, and `both` where no other claim states that. Of
    claims whose repeats are in a column `term` is that, and `odds` are 1.
    """
    total = 0.0
    for k in range(n):
        repeat = 0.0
        if term >= 0:
            repeat = table[0, term + k] * odds
            if both >= 0:
                repeat *= table[1, both + k] / (table[0, s + k] + odds)
        total += (table[0, joint + k] - repeat) * table[row, s + k]
    return total


@kernel(fastmath=SUMS)
def _left_of_figure(
    table: Floats, none: int, term: int, n: int, s: int, odds: float, t: int
) -> float:
    """Weigh what is left of the derivative of a figure that one claim states."""
    total = 0.0
    for k in range(n):
        weight = table[0, term + k] * (table[0, s + k] + odds)
        total += (weight - table[0, t + k] * table[0, none + k]) * table[2, t + k]
    return total


@kernel(fastmath=SUMS)
def _left_of_parts(
    table: Floats, none: int, term: int, width: int, n: int, t: int
) -> float:  # fmt: skip
    """Do so of any figure, from its parts of the joint."""
    total = 0.0
    for k in range(n):
        weight = table[0, term + k] + table[0, term + 2 * width + k]
        total += (weight - table[0, t + k] * table[0, none + k]) * table[2, t + k]
    return total


@kernel(forceinline=True)
def add_gradient(
    run: Run, a: int, n: int, claimed: Claimed, tables: Tables, in_parts: bool, gradient: Gradient
) -> None:
    """Add the posterior mean of the complete-data gradient of a run of claims.

    `in_parts` says that the work space holds what `tollest._sums.near` leaves in it.
    """
    members, claim_figure = claimed.members, claimed.claim_figure
    table, work, level = tables.table, tables.work, run.level
    flat, scale, out = gradient.flat, gradient.scale, gradient.out
    prior = tables.prior_base[level] if level >= 0 else tables.ones
    total, by_mu, by_log_tau = _prior_slopes(table, work, n, prior + a)
    if level >= 0:
        out[level] += scale * by_mu
        out[flat.shared + LOG_TAU] += scale * by_log_tau
    m, by_common = run.start, 0.0
    while m < run.stop and claim_figure[members[m]] < 0:
        by_common += _add_certain(members[m], m, a, n, total, claimed, tables, gradient)
        m += 1
    if in_parts:
        by_common += _add_parts(Run(m, run.stop, -1), a, n, total, claimed, tables, gradient)
    else:
        slot = tables.spare + (tables.width if m > run.start else 0)
        by_common += _add_figures(
            Run(m, run.stop, -1), a, n, total, slot, claimed, tables, gradient
        )
    out[flat.shared + COMMON_BIAS] += scale * by_common


@kernel(forceinline=True)
def _add_figures(
    run: Run, a: int, n: int, total: float, slot: int, claimed: Claimed, tables: Tables,
    gradient: Gradient,
) -> float:  # fmt: skip
    """Add the derivatives of figures of one claim or two; that by their centres is given."""
    members, claim_figure = claimed.members, claimed.claim_figure
    flat, width = gradient.flat, tables.width
    term, m = tables.work + FIRST * width, run.start
    by_common = by_figure = 0.0
    while m < run.stop:
        start, v = m, claim_figure[members[m]]
        m += 1
        while m < run.stop and claim_figure[members[m]] == v:
            m += 1
        stated = _Stated(start, m, term, slot if m - start > 1 else -1)
        slot += width if m - start > 1 else 0
        term += width
        figure, first, second = _slopes_of(stated, a, n, claimed, tables, gradient)
        by_common += figure.centre
        by_figure += _by_figure(stated, a, n, claimed, tables, figure)
        for i in range(start, m):
            j = members[i]
            slopes = first if i == start else second
            left = _add_left(j, stated, a, n, claimed, tables, gradient)
            _add_claim(j, slopes, left, total, claimed, tables, gradient)
            _add_repeat(j, slopes, claimed, tables, gradient)
            by_common += slopes.centre
    gradient.out[flat.shared + LOG_FIGURE_SCATTER] += gradient.scale * by_figure
    return by_common


@njit(cache=True, error_model="numpy")
def _add_parts(
    run: Run, a: int, n: int, total: float, claimed: Claimed, tables: Tables, gradient: Gradient
) -> float:
    """Do so of any figures, of which `tollest._sums.near` has left the parts."""
    members, claim_figure = claimed.members, claimed.claim_figure
    table, work, width, flat = tables.table, tables.work, tables.width, gradient.flat
    none, way = work + NONE * width, work + WAY * width
    term, m = work + FIRST * width, run.start
    by_common = by_figure = by_logit = by_scatter = 0.0
    while m < run.stop:
        start, v = m, claim_figure[members[m]]
        while m < run.stop and claim_figure[members[m]] == v:
            m += 1
        t = tables.figure_base[v] + a
        figure = _figure_slopes(table, none, term, width, n, a, t)
        by_common += figure.centre
        by_figure += _by_scatter(v, claimed, tables, figure)
        if claimed.family != LOGISTIC:
            by_figure += _left_of_parts(table, none, term, width, n, t)
        near = tables.figure_near[v]
        for i in range(start, m):
            j = members[i]
            s, odds = tables.claim_base[j] + a, tables.claim_terms[j, ODDS]
            by_changed = _begin_repeats(table, way, term, width, n, s, odds, near[CHANGED])
            by_logit += by_changed * near[CHANGED]
            by_scatter += by_changed * near[CHANGED_BY]
            copied, copied_by = _add_all_copies(run, j, v, a, n, claimed, tables)
            by_logit += copied
            by_scatter += copied_by
            slopes = _claim_slopes(table, work, way, n, a, s)
            repeats = _Stated(start, m, way, -1)
            left = _add_left_of(j, repeats, 1.0, a, n, claimed, tables, gradient)
            _add_claim(j, slopes, left, total, claimed, tables, gradient)
            _add_repeat(j, slopes, claimed, tables, gradient)
            by_common += slopes.centre
        term += PARTS * width
    shared, scale = flat.shared, gradient.scale
    gradient.out[shared + LOG_FIGURE_SCATTER] += scale * by_figure
    gradient.out[shared + LOGIT_NEAR_COPY] += scale * (1.0 - tables.near_share) * by_logit
    gradient.out[shared + LOG_COPY_SCATTER] += scale * by_scatter
    return by_common


@kernel()
def _add_all_copies(
    run: Run, j: int, v: int, a: int, n: int, claimed: Claimed, tables: Tables
) -> tuple[float, float]:
    """Add what says that claim `j`, of figure `v`, is a changed copy of each other figure.

    The sum of that, and its derivative by the log of the scale of the change.
    """
    members, claim_figure, width = claimed.members, claimed.claim_figure, tables.width
    way, s = tables.work + WAY * width, tables.claim_base[j] + a
    term, m, total, by_scatter = tables.work + FIRST * width, run.start, 0.0, 0.0
    while m < run.stop:
        w = claim_figure[members[m]]
        while m < run.stop and claim_figure[members[m]] == w:
            m += 1
        if w != v and is_near(claimed, tables, v, w):
            log_mass, by_log_scale = log_copy(claimed, tables, v, w)
            odds = tables.claim_terms[j, ODDS] * tables.near_share * math.exp(log_mass)
            copied = _add_copies(tables.table, way, term, n, s, odds) if odds > 0.0 else 0.0
            total += copied
            by_scatter += copied * by_log_scale
        term += PARTS * width
    return total, by_scatter


@kernel(forceinline=True)
def _add_certain(
    j: int, start: int, a: int, n: int, total: float, claimed: Claimed, tables: Tables,
    gradient: Gradient,
) -> float:  # fmt: skip
    """Add the derivatives of a claim that cannot repeat a figure; that by its centre is given."""
    table, work, s = tables.table, tables.work, tables.claim_base[j] + a
    form, flat = claimed.claim_form[j], gradient.flat
    if is_bound(form):
        by_centre, by_scatter, by_shortfall = _bound_slopes(table, work, n, s)
        slopes = Slopes(by_centre, 0.0, 0.0, 0.0)
        _add_claim(j, slopes, by_scatter, total, claimed, tables, gradient)
        gradient.out[flat.shared + LOG_SHORTFALL] += gradient.scale * by_shortfall
        return by_centre
    left = _add_left(j, _Stated(start, start + 1, -1, -1), a, n, claimed, tables, gradient)
    if form == LISTED:
        return 0.0
    slopes = _certain_slopes(table, work, n, a, s)
    if form == ESTIMATED:
        # All that it has by log scatter is in the third row.
        slopes = Slopes(slopes.centre, 0.0, 0.0, 0.0)
    _add_claim(j, slopes, left, total, claimed, tables, gradient)
    return slopes.centre


@kernel(forceinline=True)
def _slopes_of(
    stated: _Stated, a: int, n: int, claimed: Claimed, tables: Tables, gradient: Gradient
) -> tuple[Slopes, Slopes, Slopes]:
    """Slopes of a figure, and of its one claim or two."""
    start, stop, term, _ = stated
    members, table, work = claimed.members, tables.table, tables.work
    claim_base, claim_terms = tables.claim_base, tables.claim_terms
    j, none = members[start], work + NONE * tables.width
    s, odds = claim_base[j] + a, claim_terms[j, ODDS]
    t = tables.figure_base[claimed.claim_figure[j]] + a
    if stop - start == 1:
        one, figure = _lone_slopes(table, work, none, term, n, a, s, odds, t)
        return figure, one, one
    i = members[start + 1]
    near = tables.figure_near[claimed.claim_figure[j]]
    changed = near[CHANGED]
    one, two, figure, by_agree = _pair_slopes(
        table, work, none, term, n, a, s, claim_base[i] + a, odds, claim_terms[i, ODDS], t,
        alike(changed),
    )  # fmt: skip
    by_changed = gradient.scale * by_agree * (4.0 * changed - 2.0)
    shared = gradient.flat.shared
    gradient.out[shared + LOGIT_NEAR_COPY] += by_changed * changed * (1.0 - tables.near_share)
    gradient.out[shared + LOG_COPY_SCATTER] += by_changed * near[CHANGED_BY]
    return figure, one, two


@kernel(forceinline=True)
def _by_scatter(v: int, claimed: Claimed, tables: Tables, figure: Slopes) -> float:
    """Give the derivative by the log figure scatter, but for what is left of it."""
    terms = tables.figure_terms
    out: float = terms[v, EDGE] * figure.centre - figure.moment
    out += terms[v, MORE] * figure.mass - terms[v, LESS] * figure.weight
    return out


@kernel(forceinline=True)
def _by_figure(
    stated: _Stated, a: int, n: int, claimed: Claimed, tables: Tables, figure: Slopes
) -> float:
    """Give the derivative by the log figure scatter of a figure of one claim or two."""
    j = claimed.members[stated.start]
    v = claimed.claim_figure[j]
    out = _by_scatter(v, claimed, tables, figure)
    if claimed.family == LOGISTIC:
        return out
    # Of errors that are not logistic no two claims state the same here.
    s, odds = tables.claim_base[j] + a, tables.claim_terms[j, ODDS]
    none, t = tables.work + NONE * tables.width, tables.figure_base[v] + a
    return out + _left_of_figure(tables.table, none, stated.term, n, s, odds, t)


@kernel(forceinline=True)
def _add_claim(
    j: int, slopes: Slopes, left: float, total: float, claimed: Claimed, tables: Tables,
    gradient: Gradient,
) -> None:  # fmt: skip
    """Add a claim's derivatives by the bias and the log scatter of its voice."""
    voice, terms, flat = claimed.claim_voice[j], tables.claim_terms, gradient.flat
    gradient.out[flat.bias + voice] += gradient.scale * slopes.centre
    by_scale = terms[j, EDGE] * slopes.centre - slopes.moment + terms[j, MORE] * slopes.mass + left
    by_scale -= terms[j, LESS] * (total - slopes.weight)
    gradient.out[flat.log_scatter + voice] += gradient.scale * by_scale
    if tables.delta.size > 0:
        gradient.out[flat.logit_denial + voice] -= gradient.times * tables.delta[voice]


@kernel(forceinline=True)
def _add_left(
    j: int, stated: _Stated, a: int, n: int, claimed: Claimed, tables: Tables, gradient: Gradient
) -> float:  # fmt: skip
    """Give what is left of a claim's derivative by its log scatter.

    That by the log of what a list lacks, or by the odds of a denial, is added.
    """
    if claimed.claim_form[j] == PLAIN and claimed.family == LOGISTIC:
        return 0.0
    odds = tables.claim_terms[j, ODDS]
    return float(_add_left_of(j, stated, odds, a, n, claimed, tables, gradient))


@kernel()
def _add_left_of(
    j: int, stated: _Stated, odds: float, a: int, n: int, claimed: Claimed, tables: Tables,
    gradient: Gradient,
) -> float:  # fmt: skip
    form = claimed.claim_form[j]
    if form == PLAIN and claimed.family == LOGISTIC:
        return 0.0
    table, work, term, both = tables.table, tables.work, stated.term, stated.both
    s = tables.claim_base[j] + a
    if form in (LISTED, DENIED):
        voice, flat, out = claimed.claim_voice[j], gradient.flat, gradient.out
        share = gradient.scale * _left_of_claim(table, 3, work, term, n, both, s, odds)
        if form == LISTED:
            out[flat.shared + LOG_LIST_SHORTFALL] += share
        else:
            out[flat.logit_denial + voice] += share
            # A denial repeats nothing.
            if claimed.claim_figure[j] >= 0:
                out[flat.logit_repeat + voice] += share * tables.omega[voice]
    return float(_left_of_claim(table, 2, work, term, n, both, s, odds))


@kernel(forceinline=True)
def _add_repeat(
    j: int, slopes: Slopes, claimed: Claimed, tables: Tables, gradient: Gradient
) -> None:
    """Add a claim's derivative by the log odds that its voice repeats the figure."""
    voice = claimed.claim_voice[j]
    by_logit = gradient.scale * slopes.weight - gradient.times * tables.omega[voice]
    gradient.out[gradient.flat.logit_repeat + voice] += by_logit
