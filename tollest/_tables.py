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
from numpy.typing import NDArray

from tollest._mass import (
    FAST,
    LOGISTIC,
    STEEP,
    WIDE,
    bin_row,
    claim_row,
    exp,
    mass_cell,
    narrow_masses,
    narrow_rows,
    powers,
)

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Problem(NamedTuple):
    """Claims and support as arrays; edges are on the log1p axis, half a death outwards."""

    family: int
    df: float
    toll_family: int
    toll_df: float
    x: Floats  # (n_support,) log1p of each bin's representative toll
    bin_lower: Floats  # (n_support,) edges of the bins, the first -inf, the last inf
    bin_upper: Floats
    bin_width: Floats
    claim_voice: Integers  # (n_distinct,) distinct claims
    claim_lower: Floats
    claim_upper: Floats
    claim_width: Floats
    claim_figure: Integers  # index into figures, or -1 for a claim that cannot repeat one
    figure_lower: Floats  # (n_figures,) distinct figures
    figure_upper: Floats
    figure_width: Floats
    offsets: Integers  # (n_patterns + 1,) into members
    members: Integers  # distinct claims of each pattern, those of one figure side by side
    group: Integers  # (n_patterns,) prior group
    first: Integers  # (n_patterns,) support allowed by floors, caps and verified tolls
    last: Integers
    cap_edge: Floats  # (n_patterns,) upper edge of the cap, inf where there is none
    multiplicity: Floats  # (n_patterns,) locations a pattern stands for


class Parameters(NamedTuple):
    """The continuous unknowns the likelihood depends on, on their natural or log scale."""

    mu: Floats  # (n_groups,)
    bias: Floats  # (n_sources,)
    log_scatter: Floats  # (n_sources,)
    logit_repeat: Floats  # (n_sources,)
    shared: Floats  # log tau, log figure scatter, common bias


class Grid(NamedTuple):
    """Points of the support that sums run on."""

    x: Floats
    bin_lower: Floats
    bin_upper: Floats
    bin_width: Floats


class Tables(NamedTuple):
    """Masses, and derivatives of their logs, each row over a stretch of support of its own.

    Column ``base[r] + k`` holds point `k` of row `r`; a row covers what patterns need of it.
    """

    prior: Floats  # (3, size): mass, d/dmu, d/dlog tau
    prior_base: Integers  # (n_groups,)
    figure: Floats  # (3, size): mass, d/dcentre, d/dlog scatter
    figure_base: Integers  # (n_figures,)
    # (5, size): scaled mass; that plus scaled odds; d/dcentre; d/dlog scatter; the probability
    # of a repeat where the figure is the claim's
    claim: Floats
    claim_base: Integers  # (n_claims,)
    spare: int  # column of the claims' table from which on patterns keep products
    constant: Floats  # (n_claims,) log of (1 - omega) times the scale that masses are in


@njit(cache=True, error_model="numpy")
def softplus(x: float) -> float:
    """``log(1 + exp(x))``."""
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


@njit(cache=True, error_model="numpy")
def _log_peak(family: int, df: float, w: float) -> float:
    """Log of the most that the mass of an interval of standardised width `w` can be."""
    if w == np.inf:
        return 0.0
    if family == LOGISTIC:
        return math.log(math.tanh(0.25 * w))
    return mass_cell(family, df, -0.5 * w, 0.5 * w, w)[0]


@njit(cache=True, fastmath=FAST, error_model="numpy")
def _scaled(scale: float, odds: float, table: Floats, s: int, n: int) -> None:
    mass, either = table[0, s : s + n], table[1, s : s + n]
    for k in range(n):
        mass[k] *= scale
        either[k] = mass[k] + odds


@njit(cache=True, fastmath=FAST, error_model="numpy")
def _share(odds: float, table: Floats, s: int, n: int) -> None:
    either, share = table[1, s : s + n], table[4, s : s + n]
    for k in range(n):
        share[k] = odds / either[k]


@njit(cache=True, error_model="numpy")
def _starts(low: Integers, high: Integers) -> tuple[Integers, int]:
    """Where each row begins, side by side, and the size of them all."""
    start = np.zeros(low.size, np.int64)
    size = 0
    for r in range(low.size):
        start[r] = size
        size += max(high[r] - low[r], 0)
    return start, size


@njit(cache=True, error_model="numpy")
def _stretches(
    index: Integers, offsets: Integers, members: Integers, low: Integers, high: Integers, n: int,
    most: int,
) -> tuple[Integers, Integers]:  # fmt: skip
    """Stretch of support that patterns need of each of `n` rows; `index` gives a member's row."""
    row_low, row_high = np.full(n, most), np.zeros(n, np.int64)
    for p in range(offsets.size - 1):
        for m in range(offsets[p], offsets[p + 1]):
            r = index[members[m]]
            if r >= 0:
                row_low[r] = min(row_low[r], low[p])
                row_high[r] = max(row_high[r], high[p])
    return row_low, row_high


@njit(cache=True, error_model="numpy")
def _prior_table(
    problem: Problem, parameters: Parameters, grid: Grid, low: Integers, high: Integers
) -> tuple[Floats, Integers]:
    n_patterns, most = problem.group.size, grid.x.size
    each = np.arange(n_patterns + 1)
    a, b = _stretches(problem.group, each, each, low, high, parameters.mu.size, most)
    start, size = _starts(a, b)
    table = np.empty((3, size))
    tau = math.exp(parameters.shared[0])
    for g in range(a.size):
        if b[g] > a[g]:
            s, e = start[g], start[g] + b[g] - a[g]
            bin_row(
                problem.toll_family, problem.toll_df, grid.bin_lower[a[g] : b[g]],
                grid.bin_upper[a[g] : b[g]], grid.bin_width[a[g] : b[g]], parameters.mu[g], tau,
                table[0, s:e], table[1, s:e], table[2, s:e],
            )  # fmt: skip
    return table, start - a


@njit(cache=True, error_model="numpy")
def _powers(
    family: int, x: Floats, scale: Floats, wanted: Integers
) -> tuple[Floats, Integers, float]:  # fmt: skip
    """`powers` of the support for each scale that is wanted; where each row ends; their middle.

    Rows are laid side by side. Of scales too small for them there are none, and their end is 0.
    """
    middle = 0.5 * (x[0] + x[-1])
    end = np.zeros(scale.size, np.int64)
    n = 0
    for i in range(scale.size):
        if family == LOGISTIC and wanted[i] > 0 and x[-1] - middle < STEEP * scale[i]:
            n += x.size
            end[i] = n
    table = np.empty(n)
    for i in range(scale.size):
        if end[i] > 0:
            powers(x, middle, scale[i], table[end[i] - x.size : end[i]])
    return table, end, middle


@njit(cache=True, error_model="numpy")
def _interval(
    family: int, df: float, x: Floats, a: int, n: int, power: Floats, power_end: int,
    middle: float, centre: float, scale: float, lower: float, upper: float, width: float,
    derivatives: bool, table: Floats, row: int, s: int,
) -> None:  # fmt: skip
    """Masses of an interval over `n` points from `a`, and from `row` on the derivatives."""
    if power_end == 0 or not width < WIDE * scale:
        e = s + n
        claim_row(
            family, df, x[a : a + n], centre, scale, lower, upper, width, table[0, s:e],
            table[row, s:e], table[row + 1, s:e],
        )  # fmt: skip
        return
    start, at = exp((lower - centre - middle) / scale), power_end - x.size + a
    if derivatives:
        z = (lower - centre) / scale
        narrow_rows(x, a, power, at, n, start, z, scale, width / scale, table, row, s)
    else:
        narrow_masses(power, at, n, start, width / scale, table, s)


@njit(cache=True, error_model="numpy")
def _figure_table(
    problem: Problem, parameters: Parameters, grid: Grid, low: Integers, high: Integers,
    derivatives: bool,
) -> tuple[Floats, Integers]:  # fmt: skip
    # Arrays by names of their own: an array of a tuple is counted at every access, atomically.
    lower, upper, width = problem.figure_lower, problem.figure_upper, problem.figure_width
    family, df, x = problem.family, problem.df, grid.x
    a, b = _stretches(
        problem.claim_figure, problem.offsets, problem.members, low, high, lower.size, x.size
    )
    start, size = _starts(a, b)
    table = np.empty((3, size))
    scatter, common_bias = math.exp(parameters.shared[1]), parameters.shared[2]
    power, power_end, middle = _powers(family, x, np.full(1, scatter), np.full(1, lower.size))
    for v in range(a.size):
        if b[v] > a[v]:
            _interval(
                family, df, x, a[v], b[v] - a[v], power, power_end[0], middle, common_bias,
                scatter, lower[v], upper[v], width[v], derivatives, table, int(np.int64(1)),
                start[v],
            )  # fmt: skip
    return table, start - a


@njit(cache=True, error_model="numpy")
def extent(problem: Problem, low: Integers, high: Integers) -> tuple[int, int]:
    """Most figures of a pattern, and the widest window."""
    offsets, members, claim_figure = problem.offsets, problem.members, problem.claim_figure
    most = widest = 0
    for p in range(low.size):
        widest = max(widest, high[p] - low[p])
        n_figures, current = 0, -1
        for m in range(offsets[p], offsets[p + 1]):
            v = claim_figure[members[m]]
            if v >= 0 and v != current:
                n_figures += 1
                current = v
        most = max(most, n_figures)
    return most, widest


@njit(cache=True, error_model="numpy")
def _claim_table(
    problem: Problem, parameters: Parameters, grid: Grid, low: Integers, high: Integers,
    derivatives: bool,
) -> tuple[Floats, Integers, int, Floats]:  # fmt: skip
    lower, upper, width = problem.claim_lower, problem.claim_upper, problem.claim_width
    source, claim_figure = problem.claim_voice, problem.claim_figure
    family, df, x = problem.family, problem.df, grid.x
    bias, logit = parameters.bias, parameters.logit_repeat
    common_bias = parameters.shared[2]
    n_claims = lower.size
    a, b = _stretches(
        np.arange(n_claims), problem.offsets, problem.members, low, high, n_claims, x.size
    )
    start, size = _starts(a, b)
    most, widest = extent(problem, low, high)
    table = np.empty((5, size + (most + 1) * widest))
    constant = np.zeros(n_claims)
    scatter = np.exp(parameters.log_scatter)
    log_own = np.array([-softplus(value) for value in logit])
    n_of_source = np.zeros(scatter.size, np.int64)
    for j in range(n_claims):
        n_of_source[source[j]] += b[j] > a[j]
    power, power_end, middle = _powers(family, x, scatter, n_of_source)
    for j in range(n_claims):
        if b[j] <= a[j]:
            continue
        s, n, i = start[j], b[j] - a[j], source[j]
        _interval(
            family, df, x, a[j], n, power, power_end[i], middle, common_bias + bias[i], scatter[i],
            lower[j], upper[j], width[j], derivatives, table, int(np.int64(2)), s,
        )  # fmt: skip
        log_scale = _log_peak(family, df, width[j] / scatter[i])
        odds = 0.0
        constant[j] = log_scale
        if claim_figure[j] >= 0:
            larger, smaller = max(log_scale, logit[i]), min(log_scale, logit[i])
            log_scale = larger + math.log1p(math.exp(smaller - larger))
            constant[j] = log_scale + log_own[i]
            odds = math.exp(logit[i] - log_scale)
        # Where the most that a claim can be is no number a float holds, logs are summed instead.
        _scaled(math.exp(min(-log_scale, 700.0)), odds, table, s, n)
        if derivatives and claim_figure[j] >= 0:
            _share(odds, table, s, n)
    return table, start - a, size, constant


@njit(cache=True, error_model="numpy")
def tabulate(
    problem: Problem, parameters: Parameters, grid: Grid, low: Integers, high: Integers,
    derivatives: bool,
) -> Tables:  # fmt: skip
    """Tables over the windows ``low:high`` of each pattern, on the points of `grid`.

    Callers turn a flag that is a constant into a value, as in `bool(np.bool_(False))`: for a
    literal all of this would be compiled anew.
    """
    prior, prior_base = _prior_table(problem, parameters, grid, low, high)
    figure, figure_base = _figure_table(problem, parameters, grid, low, high, derivatives)
    claim, claim_base, spare, constant = _claim_table(
        problem, parameters, grid, low, high, derivatives
    )
    return Tables(prior, prior_base, figure, figure_base, claim, claim_base, spare, constant)
