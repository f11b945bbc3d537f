"""Gradient of one pattern's log marginal likelihood, from what `tollest._sums.joint` leaves.

By Fisher's identity it is the posterior mean of the complete-data gradient: each factor's
derivatives by its centre and by its log scale, weighed by the joint along the window and added up.
"""

from typing import NamedTuple

from tollest._arrays import Floats
from tollest._sums.bounds import DENIED, ESTIMATED, LISTED, PLAIN, is_bound
from tollest._sums.compiled import kernel
from tollest._sums.mass import LOGISTIC, SUMS
from tollest._sums.tables import (
    COMMON_BIAS,
    EDGE,
    FIRST,
    LESS,
    LOG_FIGURE_SCATTER,
    LOG_LIST_SHORTFALL,
    LOG_SHORTFALL,
    LOG_TAU,
    MORE,
    NONE,
    ODDS,
    Claimed,
    Flat,
    Run,
    Tables,
)


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
    term: int  # column of its part of the joint
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
    odds1: float, odds2: float, t: int,
) -> tuple[Slopes, Slopes, Slopes]:  # fmt: skip
    """Add up for each of two claims that share a figure, and for the figure."""
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
        stated1, stated2 = value[k] - repeat1, value[k] - repeat2
        by_centre1, by_centre2 = stated1 * slope1[k], stated2 * slope2[k]
        weight = first * second - free[k] * product[k]
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
    return (
        Slopes(one1, moment1, inside1, repeats1),
        Slopes(one2, moment2, inside2, repeats2),
        Slopes(one, moment, inside, total),
    )


@kernel(fastmath=SUMS, forceinline=True)
def _figure_slopes(
    table: Floats, none: int, term: int, n: int, x: int, both: int, t: int
) -> Slopes:  # fmt: skip
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
    return Slopes(one, moment, inside, total)


@kernel(fastmath=SUMS, forceinline=True)
def _claim_slopes(
    table: Floats, joint: int, term: int, n: int, x: int, both: int, s: int, odds: float
) -> Slopes:
    """Add up for a claim that shares its figure with several."""
    value, part, xs = table[0, joint : joint + n], table[0, term : term + n], table[0, x : x + n]
    together, mass, slope = table[1, both : both + n], table[0, s : s + n], table[1, s : s + n]
    one = moment = inside = repeats = 0.0
    for k in range(n):
        repeat = part[k] * together[k] * (odds / (mass[k] + odds))
        stated = value[k] - repeat
        by_centre = stated * slope[k]
        one += by_centre
        moment += by_centre * xs[k]
        inside += stated * mass[k]
        repeats += repeat
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

    `term` is -1 where it cannot repeat a figure, and `both` where no other claim states that.
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
    table: Floats, none: int, term: int, n: int, s: int, row: int, odds: float, t: int
) -> float:
    """Weigh what is left of a figure's derivative."""
    total = 0.0
    for k in range(n):
        weight = table[0, term + k] * (table[row, s + k] + odds)
        total += (weight - table[0, t + k] * table[0, none + k]) * table[2, t + k]
    return total


@kernel()
def _as_products(run: Run, a: int, n: int, claimed: Claimed, tables: Tables) -> None:
    """Put what `logarithms` leaves as `add_gradient` expects it: figures without their claims."""
    members, claim_figure = claimed.members, claimed.claim_figure
    table, claim_base, claim_terms = tables.table, tables.claim_base, tables.claim_terms
    width, slot = tables.width, tables.spare
    term, m, end = tables.work + FIRST * width, run.start, run.stop
    if m < end and claim_figure[members[m]] < 0:
        slot += width
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
                table[1, slot + k] = 1.0
            slot += width
        term += width


@kernel(forceinline=True)
def add_gradient(
    run: Run, a: int, n: int, claimed: Claimed, tables: Tables, in_logs: bool, gradient: Gradient
) -> None:
    """Add the posterior mean of the complete-data gradient of a run of claims.

    `in_logs` says that `tollest._sums.logarithms` left the work space.
    """
    if in_logs:
        _as_products(run, a, n, claimed, tables)
    members, claim_figure = claimed.members, claimed.claim_figure
    table, work, width, level = tables.table, tables.work, tables.width, run.level
    flat, scale, out = gradient.flat, gradient.scale, gradient.out
    prior = tables.prior_base[level] if level >= 0 else tables.ones
    total, by_mu, by_log_tau = _prior_slopes(table, work, n, prior + a)
    if level >= 0:
        out[level] += scale * by_mu
        out[flat.shared + LOG_TAU] += scale * by_log_tau
    term, slot, m, end = work + (FIRST - 1) * width, tables.spare, run.start, run.stop
    if m < end and claim_figure[members[m]] < 0:
        slot += width
    by_common = by_figure = 0.0
    while m < end:
        start, v = m, claim_figure[members[m]]
        m += 1
        if v < 0:
            by_common += _add_certain(
                members[start], start, a, n, total, claimed, tables, gradient
            )
            continue
        while m < end and claim_figure[members[m]] == v:
            m += 1
        term += width
        stated = _Stated(start, m, term, slot if m - start > 1 else -1)
        slot += width if m - start > 1 else 0
        figure, first, second = _slopes_of(stated, a, n, claimed, tables, in_logs)
        by_common += figure.centre
        by_figure += _by_figure(stated, a, n, claimed, tables, figure)
        is_done = m - start == 1 or (m - start == 2 and not in_logs)
        for i in range(start, m):
            j = members[i]
            slopes = first if i == start else second
            if not is_done:
                s, odds = tables.claim_base[j] + a, tables.claim_terms[j, ODDS]
                slopes = _claim_slopes(table, work, term, n, a, stated.both, s, odds)
            left = _add_left(j, stated, a, n, claimed, tables, gradient)
            _add_claim(j, slopes, left, total, claimed, tables, gradient)
            _add_repeat(j, slopes, claimed, tables, gradient)
            by_common += slopes.centre
    out[flat.shared + LOG_FIGURE_SCATTER] += scale * by_figure
    out[flat.shared + COMMON_BIAS] += scale * by_common


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
    stated: _Stated, a: int, n: int, claimed: Claimed, tables: Tables, in_logs: bool
) -> tuple[Slopes, Slopes, Slopes]:
    """Slopes of a figure; and of its claims, where these are one or two."""
    start, stop, term, both = stated
    members, table, work = claimed.members, tables.table, tables.work
    claim_base, claim_terms = tables.claim_base, tables.claim_terms
    j, none = members[start], work + NONE * tables.width
    s, odds = claim_base[j] + a, claim_terms[j, ODDS]
    t = tables.figure_base[claimed.claim_figure[j]] + a
    if stop - start == 1:
        one, figure = _lone_slopes(table, work, none, term, n, a, s, odds, t)
        return figure, one, one
    if stop - start == 2 and not in_logs:
        i = members[start + 1]
        one, two, figure = _pair_slopes(
            table, work, none, term, n, a, s, claim_base[i] + a, odds, claim_terms[i, ODDS], t
        )
        return figure, one, two
    figure = _figure_slopes(table, none, term, n, a, both, t)
    return figure, figure, figure


@kernel(forceinline=True)
def _by_figure(
    stated: _Stated, a: int, n: int, claimed: Claimed, tables: Tables, figure: Slopes
) -> float:
    """Give the derivative by the log figure scatter."""
    j = claimed.members[stated.start]
    v, terms = claimed.claim_figure[j], tables.figure_terms
    out: float = terms[v, EDGE] * figure.centre - figure.moment
    out += terms[v, MORE] * figure.mass - terms[v, LESS] * figure.weight
    if claimed.family == LOGISTIC:
        return out
    s, row, odds = stated.both, 1, 0.0
    if s < 0:
        s, row, odds = tables.claim_base[j] + a, 0, tables.claim_terms[j, ODDS]
    none, t = tables.work + NONE * tables.width, tables.figure_base[v] + a
    return out + _left_of_figure(tables.table, none, stated.term, n, s, row, odds, t)


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
    form, family = claimed.claim_form[j], claimed.family
    if form == PLAIN and family == LOGISTIC:
        return 0.0
    table, work, term, both = tables.table, tables.work, stated.term, stated.both
    s, odds = tables.claim_base[j] + a, tables.claim_terms[j, ODDS]
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
    return _left_of_claim(table, 2, work, term, n, both, s, odds)


@kernel(forceinline=True)
def _add_repeat(
    j: int, slopes: Slopes, claimed: Claimed, tables: Tables, gradient: Gradient
) -> None:
    """Add a claim's derivative by the log odds that its voice repeats the figure."""
    voice = claimed.claim_voice[j]
    by_logit = gradient.scale * slopes.weight - gradient.times * tables.omega[voice]
    gradient.out[gradient.flat.logit_repeat + voice] += by_logit
