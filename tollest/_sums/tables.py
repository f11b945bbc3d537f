r"""Tables of masses over the support: one row a distinct claim, figure or prior.

Rows hold masses themselves, not logarithms, so that the many patterns that share a claim
multiply and add, and never take an exponential. A claim's row is in units of the most it can be,

.. math:: \hat f_c(n) = \frac{f_c(n)}{M_c + \text{odds}_c}, \qquad
    M_c = \max_n f_c(n), \quad \text{odds}_c = \frac{\omega_c}{1 - \omega_c},

so that products neither overflow nor, where claims agree, underflow.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from tollest._arrays import Floats, Integers
from tollest._sums.amounts import N_AMOUNTS, fill_amounts
from tollest._sums.bounds import (
    DENIED,
    ESTIMATED,
    FALLS_SHORT,
    GOES_BEYOND,
    LEAST_LOG,
    LISTED,
    N_ROWS,
    PLAIN,
    Missed,
    is_bound,
    list_log_mass,
    sum_bound,
)
from tollest._sums.compiled import kernel
from tollest._sums.estimates import OwnError, fill_estimate
from tollest._sums.mass import (
    LOGISTIC,
    STEEP,
    WIDE,
    Grid,
    Interval,
    Law,
    bin_row,
    by_log_scale,
    claim_row,
    exp,
    mass_cell,
    narrow_masses,
    narrow_rows,
    powers,
)


class Claimed(NamedTuple):
    """What is claimed, by patterns of distinct claims, and the support that tolls are summed over.

    Edges are on the log1p axis, half a death outwards. A voice is a source by the side it speaks
    of, or -1 of a list of names, which has no voice's error; a level is one of the priors that
    tolls have, of a group and of covariates.
    """

    family: int
    df: float
    toll_family: int
    toll_df: float
    grid: Grid
    claim_voice: Integers  # (n_claims,) of each distinct claim
    claim_lower: Floats  # (n_claims,)
    claim_upper: Floats  # (n_claims,)
    claim_width: Floats  # (n_claims,)
    claim_figure: Integers  # (n_claims,) index into figures, or -1 if it cannot repeat one
    claim_form: Integers  # (n_claims,) of `tollest._sums.bounds`: how its number stands
    # (n_claims,) days from the onset at which it was made, inf where it is of no early age
    claim_age: Floats
    claim_below: Floats  # (n_claims,) scales of the error that each states, 0 where it does not
    claim_above: Floats  # (n_claims,)
    figure_lower: Floats  # (n_figures,) of each distinct figure
    figure_upper: Floats  # (n_figures,)
    figure_width: Floats  # (n_figures,)
    offsets: Integers  # (n_patterns + 1,) into members
    # Distinct claims of each pattern, from the oldest age on; of one age those that cannot repeat
    # a figure first, then those of one figure side by side.
    members: Integers
    level: Integers  # (n_patterns,) prior of the toll, -1 of sums, which have none of their own
    first: Integers  # (n_patterns,) support allowed by floors, caps and verified tolls
    last: Integers  # (n_patterns,)
    cap_edge: Floats  # (n_patterns,) upper edge of the cap, inf where there is none
    multiplicity: Floats  # (n_patterns,) locations a pattern stands for
    has_location_error: bool  # whether all claims on a location share an error


class Run(NamedTuple):
    """Claims of one pattern and one age, which stand side by side."""

    start: int  # into members
    stop: int
    level: int  # prior that they are multiplied by, or -1 for none


@kernel(forceinline=True)
def is_early(claimed: Claimed, p: int) -> bool:
    """Whether some claims of a pattern are of an early age: the last of its members is, if any."""
    last = claimed.offsets[p + 1] - 1
    if last < claimed.offsets[p]:
        return False
    return bool(claimed.claim_age[claimed.members[last]] < np.inf)


@kernel(forceinline=True)
def is_of_known(claimed: Claimed, p: int) -> bool:
    """Whether some claims of a pattern are not of the toll but of a number taken for known."""
    has_claims = claimed.offsets[p + 1] > claimed.offsets[p]
    return is_early(claimed, p) or (claimed.has_location_error and has_claims)


@kernel(forceinline=True)
def all_of(claimed: Claimed, p: int) -> Run:
    """All claims of a pattern, where none is of an early age."""
    return Run(claimed.offsets[p], claimed.offsets[p + 1], claimed.level[p])


class Parameters(NamedTuple):
    """The continuous unknowns the likelihood depends on, on their natural or log scale."""

    mu: Floats  # (n_levels,)
    bias: Floats  # (n_voices,)
    log_scatter: Floats  # (n_voices,)
    logit_repeat: Floats  # (n_voices,)
    logit_denial: Floats  # (n_voices,), or (0,) where nobody claims 0
    shared: Floats  # (11,) in the order of the next lines


# Entries of `Parameters.shared`.
LOG_TAU, LOG_FIGURE_SCATTER, COMMON_BIAS = 0, 1, 2
LOG_SHORTFALL, LOG_LIST_SHORTFALL = 3, 4
LOG_EARLY_SHORTFALL, LOG_EARLY_EXCESS, LOG_HALVING = 5, 6, 7
LOG_LOCATION_ERROR, LOGIT_NEAR_COPY, LOG_COPY_SCATTER, N_SHARED = 8, 9, 10, 11
# Log odds of what never happens.
NEVER = -500.0


class Flat(NamedTuple):
    """Where each array of `Parameters` begins in a row of all, one after the other; `mu` at 0."""

    bias: int
    log_scatter: int
    logit_repeat: int
    logit_denial: int
    shared: int
    size: int


@njit(cache=True, error_model="numpy")
def flat_layout(parameters: Parameters) -> Flat:
    """Layout of the flat row of these parameters, or of derivatives by them."""
    n_levels, n_voices = parameters.mu.size, parameters.bias.size
    denial = n_levels + 3 * n_voices
    shared = denial + parameters.logit_denial.size
    return Flat(
        n_levels, n_levels + n_voices, n_levels + 2 * n_voices, denial, shared,
        shared + parameters.shared.size,
    )  # fmt: skip


@njit(cache=True, error_model="numpy")
def parameters_of(flat: Flat, row: Floats) -> Parameters:
    """View a row of all parameters as arrays, one after the other."""
    return Parameters(
        row[: flat.bias], row[flat.bias : flat.log_scatter],
        row[flat.log_scatter : flat.logit_repeat], row[flat.logit_repeat : flat.logit_denial],
        row[flat.logit_denial : flat.shared], row[flat.shared : flat.size],
    )  # fmt: skip


@njit(cache=True, error_model="numpy")
def split(flat: Floats, parameters: Parameters) -> None:
    """Overwrite parameters, or derivatives by them, with a flat row."""
    start = 0
    for array in parameters:
        array[:] = flat[start : start + array.size]
        start += array.size


class Tables(NamedTuple):
    """Masses, and derivatives of their logs, in stretches of one table.

    Column `k` of the first row holds the support's point `k`; and ``base[r] + k`` the mass of `r`,
    a prior, figure or claim, at that point: its stretch covers what patterns need of it. Rows are
    the mass; its log's derivative by mu or by the centre; and of a prior that by log tau, of
    others what is left of that by log scatter beside what mass and slope say of it
    (`tollest._sums.mass.by_log_scale`): of logistic errors nothing, of bounds all. Where there
    are bounds, lists or denials, a fourth row has the derivative by the log of the shortfall's
    scale, or the probability that a claim of 0 is a denial.
    """

    table: Floats  # (3 or `N_ROWS`, size)
    prior_base: Integers  # (n_levels,)
    figure_base: Integers  # (n_figures,)
    figure_terms: Floats  # (n_figures, 3) of `by_log_scale`
    claim_base: Integers  # (n_claims,)
    # (n_claims, 5): of `by_log_scale`; scaled odds of repeating; log of (1 - omega) times the
    # scale that masses are in
    claim_terms: Floats
    # (n_figures, 3) of `CHANGED` and the next
    figure_near: Floats
    near_share: float  # of those who repeat a figure, who state a number near it
    near_scatter: float  # scale of that number around it
    omega: Floats  # (n_voices,) probability of repeating
    delta: Floats  # (n_voices,) or (0,) probability of a denial
    ones: int  # column from which on row 0 holds 1 at all points, or -1 where nothing needs it
    spare: int  # column from which on patterns keep products, each `width` columns
    work: int  # column from which on they work, to the end
    width: int


# Scatters from a number beyond which nothing of it is worth summing.
_REACH = 30.0
# Log odds of repeating that are as good as infinite, and the most that masses are multiplied by.
_MOST_LOGIT, _LARGEST = 700.0, 1e300

# What patterns work in, each `width` columns of the first row: the joint; the product of all
# claims' masses; the probability that no claimed number is the figure; a product on the way; then
# each figure's part of the joint, but for what its claims say where it does the rounds: or the
# `PARTS` columns of `tollest._sums.near`.
NONE, REST, WAY, FIRST = 1, 2, 3, 4
PARTS = 3

# Columns of `claim_terms`, and the first three of `figure_terms`.
EDGE, LESS, MORE, ODDS, UNIT = 0, 1, 2, 3, 4
# Columns of `figure_near`: the probability that who repeats the figure states another number; its
# derivative by the log of the scale; and the figure itself, on the log1p axis.
CHANGED, CHANGED_BY, FIGURE_X = 0, 1, 2


@njit(cache=True, error_model="numpy")
def softplus(x: float) -> float:
    """``log(1 + exp(x))``."""
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


@njit(cache=True, error_model="numpy")
def _peak(family: int, df: float, w: float) -> float:
    """Most that the mass of an interval of standardised width `w` can be."""
    if w == np.inf:
        return 1.0
    if family == LOGISTIC:
        return math.tanh(0.25 * w)
    return math.exp(mass_cell(family, df, -0.5 * w, 0.5 * w, w)[0])


@njit(cache=True, error_model="numpy")
def _starts(low: Integers, high: Integers, start: int) -> tuple[Integers, int]:
    """Where each stretch begins, side by side from `start` on, and where the last one ends."""
    out = np.zeros(low.size, np.int64)
    for r in range(low.size):
        out[r] = start
        start += max(high[r] - low[r], 0)
    return out, start


@njit(cache=True, error_model="numpy")
def _stretches(
    claimed: Claimed, n_levels: int, low: Integers, high: Integers
) -> tuple[Integers, Integers, Integers, Integers, Integers, Integers, int, int]:
    """Stretch of support that patterns need of each prior, figure and claim.

    And the most figures that one of them has, and its widest window.
    """
    offsets, members, claim_figure = claimed.offsets, claimed.members, claimed.claim_figure
    level, end, n_figures = claimed.level, claimed.grid.x.size, claimed.figure_lower.size
    prior_low, prior_high = np.full(n_levels, end), np.zeros(n_levels, np.int64)
    figure_low, figure_high = np.full(n_figures, end), np.zeros(n_figures, np.int64)
    claim_low, claim_high = np.full(claim_figure.size, end), np.zeros(claim_figure.size, np.int64)
    most = widest = 0
    for p in range(level.size):
        a, b, g = low[p], high[p], level[p]
        # Logs of each claim are kept side by side, too.
        widest = max(widest, offsets[p + 1] - offsets[p])
        if g >= 0:
            prior_low[g], prior_high[g] = min(prior_low[g], a), max(prior_high[g], b)
        n_stated, current = 0, -1
        for m in range(offsets[p], offsets[p + 1]):
            j = members[m]
            v = claim_figure[j]
            claim_low[j], claim_high[j] = min(claim_low[j], a), max(claim_high[j], b)
            n_stated += v >= 0 and v != current
            current = v
        most, widest = max(most, n_stated), max(widest, b - a)
    for j in range(claim_figure.size):
        v = claim_figure[j]
        if v >= 0:
            figure_low[v] = min(figure_low[v], claim_low[j])
            figure_high[v] = max(figure_high[v], claim_high[j])
    return (
        prior_low, prior_high, figure_low, figure_high, claim_low, claim_high, most, widest
    )  # fmt: skip


@njit(cache=True, error_model="numpy")
def _reach_numbers(
    claimed: Claimed, parameters: Parameters, grid: Grid, low: Integers, high: Integers
) -> None:
    """Widen the stretches of bounds to where numbers they may be of have a mass.

    Of logistic errors that is some scatters from the number; others fall faster or slower.
    """
    for j in range(low.size):
        form, voice = claimed.claim_form[j], claimed.claim_voice[j]
        if high[j] <= low[j] or not is_bound(form):
            continue
        centre = parameters.shared[COMMON_BIAS] + parameters.bias[voice]
        reach = _REACH * math.exp(parameters.log_scatter[voice])
        if claimed.family != LOGISTIC:
            reach = np.inf
        if form == FALLS_SHORT:
            start = min(claimed.claim_lower[j] - centre, grid.x[low[j]]) - reach
            low[j] = min(np.searchsorted(grid.x, start), low[j])
        else:
            stop = max(claimed.claim_upper[j] - centre, grid.x[high[j] - 1]) + reach
            high[j] = max(np.searchsorted(grid.x, stop), high[j])


@njit(cache=True, error_model="numpy")
def _fill_priors(
    claimed: Claimed, parameters: Parameters, grid: Grid, a: Integers, b: Integers,
    start: Integers, table: Floats,
) -> None:  # fmt: skip
    tau = math.exp(parameters.shared[LOG_TAU])
    for g in range(a.size):
        if b[g] > a[g]:
            s, e = start[g], start[g] + b[g] - a[g]
            bin_row(
                claimed.toll_family, claimed.toll_df, grid.bin_lower[a[g] : b[g]],
                grid.bin_upper[a[g] : b[g]], grid.bin_width[a[g] : b[g]], parameters.mu[g], tau,
                table[0, s:e], table[1, s:e], table[2, s:e],
            )  # fmt: skip


class _Powers(NamedTuple):
    """`powers` of the support for each scale that is wanted, rows side by side."""

    values: Floats
    end: Integers  # (n_scales,) of each row, or 0 where there is none: the scale is too small
    middle: float  # of the support


@njit(cache=True, error_model="numpy")
def _powers(family: int, x: Floats, scale: Floats, wanted: Integers) -> _Powers:
    middle = 0.5 * (x[0] + x[-1])
    end = np.zeros(scale.size, np.int64)
    n = 0
    for i in range(scale.size):
        if family == LOGISTIC and wanted[i] > 0 and x[-1] - middle < STEEP * scale[i]:
            n += x.size
            end[i] = n
    values = np.empty(n)
    for i in range(scale.size):
        if end[i] > 0:
            powers(x, middle, scale[i], values[end[i] - x.size : end[i]])
    return _Powers(values, end, middle)


@kernel()
def _fill(
    law: Law, interval: Interval, x: Floats, power: _Powers, row: int, a: int, n: int,
    factor: float, derivatives: bool, table: Floats, s: int, terms: Floats,
) -> None:  # fmt: skip
    """Masses of an interval over `n` points from `a`, times a factor, and its derivatives."""
    lower, upper, width = interval
    family, df, centre, scale = law
    edge, less, more = by_log_scale(family, centre, scale, lower, upper, width)
    terms[EDGE], terms[LESS], terms[MORE] = edge, less, more / factor
    if power.end[row] > 0 and width < WIDE * scale:
        start = exp((lower - centre - power.middle) / scale)
        first = power.end[row] - x.size + a
        if derivatives:
            narrow_rows(power.values, first, n, start, scale, width / scale, factor, table, s)
        else:
            narrow_masses(power.values, first, n, start, width / scale, factor, table, s)
        return
    e = s + n
    claim_row(
        family, df, x[a : a + n], centre, scale, lower, upper, width, table[0, s:e],
        table[1, s:e], table[2, s:e],
    )  # fmt: skip
    for k in range(n):
        table[0, s + k] *= factor
        table[2, s + k] -= (edge - x[a + k]) * table[1, s + k]


@njit(cache=True, error_model="numpy")
def _fill_figures(
    claimed: Claimed, parameters: Parameters, grid: Grid, derivatives: bool, a: Integers,
    b: Integers, start: Integers, table: Floats,
) -> Floats:  # fmt: skip
    # Each array under a name: one in a tuple is counted at every access, atomically.
    lower, upper, width = claimed.figure_lower, claimed.figure_upper, claimed.figure_width
    family, df, x = claimed.family, claimed.df, grid.x
    terms = np.zeros((a.size, 3))
    scatter = math.exp(parameters.shared[LOG_FIGURE_SCATTER])
    law = Law(family, df, parameters.shared[COMMON_BIAS], scatter)
    power = _powers(family, x, np.full(1, scatter), np.full(1, lower.size))
    for v in range(a.size):
        if b[v] > a[v]:
            _fill(
                law, Interval(lower[v], upper[v], width[v]), x, power, 0, a[v], b[v] - a[v], 1.0,
                derivatives, table, start[v], terms[v],
            )  # fmt: skip
    return terms


@njit(cache=True, error_model="numpy")
def _changed(claimed: Claimed, share: float, scatter: float) -> Floats:
    """Of each figure, how it is changed by those who repeat it; `CHANGED` and the next."""
    lower, upper, width = claimed.figure_lower, claimed.figure_upper, claimed.figure_width
    out = np.empty((upper.size, 3))
    for v in range(upper.size):
        x = math.log(math.exp(upper[v]) - 0.5)
        log_same, _, by_log_scatter = mass_cell(
            LOGISTIC, 0.0, (lower[v] - x) / scatter, (upper[v] - x) / scatter, width[v] / scatter
        )
        out[v, CHANGED] = max(-share * math.expm1(log_same), 0.0)
        out[v, CHANGED_BY] = -share * math.exp(log_same) * by_log_scatter
        out[v, FIGURE_X] = x
    return out


@kernel(forceinline=True)
def _spread(claimed: Claimed, j: int, scatter: float, shortfall: float) -> float:
    """Scale of a claim's errors and of what it lacks, by which its mass is as high as it is."""
    form = claimed.claim_form[j]
    if form == ESTIMATED:
        below, above = claimed.claim_below[j], claimed.claim_above[j]
        return 0.5 * (math.hypot(scatter, below) + math.hypot(scatter, above))
    return scatter + 0.25 * shortfall if is_bound(form) else scatter


@njit(cache=True, error_model="numpy")
def _voices_wanted(claimed: Claimed, n_voices: int, a: Integers, b: Integers) -> Integers:
    """Claims that have a stretch of the table, by voice."""
    out = np.zeros(n_voices, np.int64)
    for j in range(a.size):
        if claimed.claim_form[j] != LISTED:
            out[claimed.claim_voice[j]] += b[j] > a[j]
    return out


@njit(cache=True, error_model="numpy")
def _fill_claims(
    claimed: Claimed, parameters: Parameters, grid: Grid, derivatives: bool, a: Integers,
    b: Integers, start: Integers, table: Floats,
) -> Floats:  # fmt: skip
    lower, upper, width = claimed.claim_lower, claimed.claim_upper, claimed.claim_width
    voice, claim_figure = claimed.claim_voice, claimed.claim_figure
    family, df, x = claimed.family, claimed.df, grid.x
    bias, logit = parameters.bias, parameters.logit_repeat
    common_bias = parameters.shared[COMMON_BIAS]
    form, logit_denial = claimed.claim_form, parameters.logit_denial
    shortfall = math.exp(parameters.shared[LOG_SHORTFALL])
    n_claims = lower.size
    terms = np.zeros((n_claims, 5))
    scatter = np.exp(parameters.log_scatter)
    log_not = np.array([-softplus(value) for value in logit])  # of not repeating
    odds = np.exp(np.minimum(logit, _MOST_LOGIT))
    power = _powers(family, x, scatter, _voices_wanted(claimed, scatter.size, a, b))
    amounts = _amounts_of_bounds(form, grid, shortfall)
    for j in range(n_claims):
        if b[j] <= a[j]:
            continue
        i, n, s = voice[j], b[j] - a[j], start[j]
        if form[j] == LISTED:
            _fill_list(x[a[j] : b[j]], lower[j], upper[j], parameters, table, s)
            continue
        denial = math.exp(min(logit_denial[i], _MOST_LOGIT)) if form[j] == DENIED else 0.0
        most = _peak(family, df, width[j] / _spread(claimed, j, scatter[i], shortfall))
        if claim_figure[j] >= 0:
            denial *= 1.0 + odds[i]
            terms[j, UNIT] = log_not[i]
            terms[j, ODDS] = odds[i]
        most += terms[j, ODDS] + denial
        terms[j, ODDS] /= most
        if logit_denial.size > 0:
            terms[j, UNIT] -= softplus(logit_denial[i])
        terms[j, UNIT] += math.log(most)
        # Where the most that a claim can be is no number a float holds, logs are summed instead.
        factor = min(1.0 / most, _LARGEST)
        law = Law(family, df, common_bias + bias[i], scatter[i])
        interval = Interval(lower[j], upper[j], width[j])
        if form[j] == ESTIMATED:
            stated = OwnError(claimed.claim_below[j], claimed.claim_above[j])
            fill_estimate(law, interval, stated, x, a[j], n, math.log(factor), table, s)
            continue
        _fill(law, interval, x, power, i, a[j], n, factor, derivatives, table, s, terms[j])
        if is_bound(form[j]):
            exceeds = form[j] == GOES_BEYOND
            missed = Missed(exceeds, shortfall, amounts[1] if exceeds else amounts[0])
            sum_bound(law, interval, x, missed, a[j], n, factor, derivatives, table, s, terms[j])
        if form[j] == DENIED:
            _add_denial(table, s, n, denial * factor)
    return terms


@njit(cache=True, error_model="numpy")
def _amounts_of_bounds(form: Integers, grid: Grid, shortfall: float) -> Floats:
    """Tables of what falls short and of what goes beyond, where there are bounds."""
    has_bounds = ((form == FALLS_SHORT) | (form == GOES_BEYOND)).any()
    amounts = np.empty((2, N_AMOUNTS, grid.x.size if has_bounds else 0))
    if has_bounds:
        fill_amounts(grid, shortfall, bool(np.bool_(False)), amounts[0])
        fill_amounts(grid, shortfall, bool(np.bool_(True)), amounts[1])
    return amounts


@njit(cache=True, error_model="numpy")
def _fill_list(
    x: Floats, lower: float, upper: float, parameters: Parameters, table: Floats, s: int
) -> None:
    """Masses of a list of names, which has no centre and no scatter."""
    shortfall = math.exp(parameters.shared[LOG_LIST_SHORTFALL])
    for k in range(x.size):
        value, by_log_shortfall = list_log_mass(x[k], lower, upper, shortfall)
        table[0, s + k] = math.exp(max(value, LEAST_LOG))
        table[1, s + k] = table[2, s + k] = 0.0
        table[3, s + k] = by_log_shortfall


@njit(cache=True, error_model="numpy")
def _add_denial(table: Floats, s: int, n: int, denial: float) -> None:
    """Add to the masses of a claim of 0 that it is a denial, whatever the toll."""
    for k in range(s, s + n):
        counted = table[0, k]
        table[0, k] = counted + denial
        share = denial / table[0, k]
        table[1, k] *= 1.0 - share
        table[2, k] *= 1.0 - share
        table[3, k] = share


@njit(cache=True, error_model="numpy")
def tabulate(
    claimed: Claimed, parameters: Parameters, grid: Grid, low: Integers, high: Integers,
    derivatives: bool,
) -> Tables:  # fmt: skip
    """Tables over the windows ``low:high`` of each pattern, on the points of `grid`.

    Callers turn a flag that is a constant into a value, as in `bool(np.bool_(False))`: for a
    literal all of this would be compiled anew.
    """
    (
        prior_low, prior_high, figure_low, figure_high, claim_low, claim_high, most, widest
    ) = _stretches(claimed, parameters.mu.size, low, high)  # fmt: skip
    _reach_numbers(claimed, parameters, grid, claim_low, claim_high)
    end, ones = grid.x.size, -1
    has_known = claimed.has_location_error or (claimed.claim_age < np.inf).any()
    if has_known or (claimed.level < 0).any():
        end, ones = 2 * end, end
    prior, end = _starts(prior_low, prior_high, end)
    figure, end = _starts(figure_low, figure_high, end)
    claim, spare = _starts(claim_low, claim_high, end)
    width = max(most, widest)
    work = spare + (most + 1) * width
    n_rows = N_ROWS if (claimed.claim_form != PLAIN).any() else 3
    table = np.empty((n_rows, work + (FIRST + PARTS * most) * width))
    table[0, : grid.x.size] = grid.x
    if ones >= 0:
        table[0, ones : ones + grid.x.size] = 1.0
        table[1:, ones : ones + grid.x.size] = 0.0
    _fill_priors(claimed, parameters, grid, prior_low, prior_high, prior, table)
    figure_terms = _fill_figures(
        claimed, parameters, grid, derivatives, figure_low, figure_high, figure, table
    )
    claim_terms = _fill_claims(
        claimed, parameters, grid, derivatives, claim_low, claim_high, claim, table
    )
    logit = parameters.shared[LOGIT_NEAR_COPY]
    share = 1.0 / (1.0 + math.exp(-logit)) if logit > NEVER else 0.0
    scatter = math.exp(parameters.shared[LOG_COPY_SCATTER])
    return Tables(
        table, prior - prior_low, figure - figure_low, figure_terms, claim - claim_low,
        claim_terms, _changed(claimed, share, scatter), share, scatter,
        1.0 / (1.0 + np.exp(-parameters.logit_repeat)),
        1.0 / (1.0 + np.exp(-parameters.logit_denial)), ones, spare, work, width,
    )  # fmt: skip
