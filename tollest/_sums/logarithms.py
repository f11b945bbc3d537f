"""One pattern of claims in logs, cell by cell: for where products would underflow."""

import math
from typing import NamedTuple

import numpy as np

from tollest._arrays import Floats
from tollest._sums.bounds import (
    DENIED,
    ESTIMATED,
    GOES_BEYOND,
    LEAST_LOG,
    LEAST_MASS,
    LISTED,
    bound_log_mass_far_out,
    is_bound,
    list_log_mass,
)
from tollest._sums.compiled import kernel
from tollest._sums.estimates import OwnError, estimate_mass
from tollest._sums.joint import LEAST, products
from tollest._sums.mass import Grid, Interval, Law, mass_cell
from tollest._sums.near import copied_products, has_copies, is_near, log_copy
from tollest._sums.tables import (
    CHANGED,
    COMMON_BIAS,
    FIRST,
    LOG_FIGURE_SCATTER,
    LOG_LIST_SHORTFALL,
    LOG_SHORTFALL,
    LOG_TAU,
    NONE,
    PARTS,
    REST,
    UNIT,
    Claimed,
    Parameters,
    Run,
    Tables,
    softplus,
)

# Least share that some claim states the figure as it is, which a log is taken of.
_LEAST_SHARE = 1e-300


class _Scales(NamedTuple):
    """What priors and figures of all locations share, on its natural scale."""

    tau: float
    figure_scatter: float
    common_bias: float
    shortfall: float
    list_shortfall: float


@kernel()
def logarithms(
    claimed: Claimed, parameters: Parameters, grid: Grid, run: Run, a: int, n: int,
    tables: Tables,
) -> float:  # fmt: skip
    """Do as `copied_products`, in logs and cell by cell.

    The joint sums to one; the log of its unit is given.
    """
    table, work, width = tables.table, tables.work, tables.width
    shared = parameters.shared
    scales = _Scales(
        math.exp(shared[LOG_TAU]), math.exp(shared[LOG_FIGURE_SCATTER]), shared[COMMON_BIAS],
        math.exp(shared[LOG_SHORTFALL]), math.exp(shared[LOG_LIST_SHORTFALL]),
    )  # fmt: skip
    logs = table[0, work + REST * width : work + (REST + 1) * width]
    first, none = work + FIRST * width, work + NONE * width
    peak, n_columns = -np.inf, 0
    for k in range(n):
        log_joint = _cell(claimed, parameters, grid, run, a + k, scales, tables, logs)
        largest, masses, n_columns = _add_figures(
            claimed, parameters, run, grid.x[a + k], scales, tables, logs, k
        )
        total = max(1.0 - masses, 0.0) * math.exp(-largest)
        for c in range(n_columns):
            cell = first + c * width + k
            table[0, cell] = math.exp(table[0, cell] - largest)
            total += table[0, cell] if c % PARTS != 1 else 0.0
        for c in range(n_columns):
            table[0, first + c * width + k] /= total
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
        for c in range(n_columns):
            table[0, first + c * width + k] *= table[0, work + k]
    return peak + math.log(total) + _log_not(claimed, parameters, run)


@kernel()
def summed(
    claimed: Claimed, parameters: Parameters, grid: Grid, run: Run, a: int, n: int,
    tables: Tables,
) -> tuple[float, float, bool]:  # fmt: skip
    """Joint of a run of claims, by products or, where these underflow, in logs.

    Its sum as it stands in the work space, the log of its unit, and whether that holds the parts
    of figures that `tollest._sums.near` leaves.
    """
    in_parts = has_copies(run, claimed, tables)
    if in_parts:
        total, log_unit = copied_products(run, a, n, claimed, tables)
    else:
        total, log_unit = products(run, a, n, claimed, tables)
    if LEAST < total < np.inf:
        return total, log_unit, in_parts
    return 1.0, logarithms(claimed, parameters, grid, run, a, n, tables), True


@kernel(forceinline=True)
def _log_not(claimed: Claimed, parameters: Parameters, run: Run) -> float:
    """Log probability that no claim repeats a figure, and none is a denial."""
    out = 0.0
    for m in range(run.start, run.stop):
        j = claimed.members[m]
        if claimed.claim_figure[j] >= 0:
            out -= softplus(parameters.logit_repeat[claimed.claim_voice[j]])
        if parameters.logit_denial.size > 0 and claimed.claim_form[j] != LISTED:
            out -= softplus(parameters.logit_denial[claimed.claim_voice[j]])
    return out


@kernel(forceinline=True)
def _cell(
    claimed: Claimed, parameters: Parameters, grid: Grid, run: Run, point: int, scales: _Scales,
    tables: Tables, logs: Floats,
) -> float:  # fmt: skip
    """Log of the product of the prior and all claims at one point.

    `logs` is overwritten with the log mass of each claim.
    """
    tau, x, log_joint = scales.tau, grid.x[point], 0.0
    if run.level >= 0:
        mu = parameters.mu[run.level]
        log_joint = mass_cell(
            claimed.toll_family, claimed.toll_df, (grid.bin_lower[point] - mu) / tau,
            (grid.bin_upper[point] - mu) / tau, grid.bin_width[point] / tau,
        )[0]  # fmt: skip
    for m in range(run.start, run.stop):
        j = claimed.members[m]
        logs[m - run.start] = _of_claim(claimed, parameters, scales, j, x, point, tables)
        log_joint += logs[m - run.start]
    return log_joint


@kernel()
def _add_figures(
    claimed: Claimed, parameters: Parameters, run: Run, x: float, scales: _Scales, tables: Tables,
    logs: Floats, k: int,
) -> tuple[float, float, int]:  # fmt: skip
    """Fill the columns of all figures at cell `k` with logs, in units of all claims' masses.

    The largest of them and of 0; the sum of the figures' probabilities; and how many columns.
    """
    members, claim_figure = claimed.members, claimed.claim_figure
    table, width = tables.table, tables.width
    cell, centre, scatter = (
        tables.work + FIRST * width + k, x + scales.common_bias, scales.figure_scatter
    )  # fmt: skip
    largest, masses, n_columns, m = 0.0, 0.0, 0, run.start
    while m < run.stop:
        v, start = claim_figure[members[m]], m
        m += 1
        if v < 0:
            continue
        while m < run.stop and claim_figure[members[m]] == v:
            m += 1
        log_free = mass_cell(
            claimed.family, claimed.df, (claimed.figure_lower[v] - centre) / scatter,
            (claimed.figure_upper[v] - centre) / scatter, claimed.figure_width[v] / scatter,
        )[0]  # fmt: skip
        masses += math.exp(log_free)
        changed = tables.figure_near[v, CHANGED]
        log_changed = math.log(changed) if changed > 0.0 else LEAST_LOG
        log_same = math.log1p(-changed)
        exact = reverted = 0.0
        for i in range(start, m):
            log_odds = parameters.logit_repeat[claimed.claim_voice[members[i]]]
            log_odds -= logs[i - run.start]
            exact += softplus(log_odds + log_same)
            reverted += softplus(log_odds + log_changed)
        others = log_free + _log_copies(claimed, parameters, run, v, tables, logs)
        table[0, cell] = others + exact + math.log(max(-math.expm1(-exact), _LEAST_SHARE))
        table[0, cell + width] = others + exact
        table[0, cell + 2 * width] = log_free + reverted
        largest = max(largest, others + exact, log_free + reverted)
        cell += PARTS * width
        n_columns += PARTS
    return largest, masses, n_columns


@kernel()
def _log_copies(
    claimed: Claimed, parameters: Parameters, run: Run, v: int, tables: Tables, logs: Floats
) -> float:
    """Log of how much likelier the claims of other figures are where they may be copies of `v`."""
    members, out, current, log_odds = claimed.members, 0.0, -1, -np.inf
    for m in range(run.start, run.stop):
        j = members[m]
        w = claimed.claim_figure[j]
        if w < 0 or w == v or not is_near(claimed, tables, w, v):
            continue
        if w != current:
            log_odds = math.log(tables.near_share) + log_copy(claimed, tables, w, v)[0]
            current = w
        logit = parameters.logit_repeat[claimed.claim_voice[j]]
        out += softplus(logit + log_odds - logs[m - run.start])
    return out


@kernel(forceinline=True)
def _of_claim(
    claimed: Claimed, parameters: Parameters, scales: _Scales, j: int, x: float, point: int,
    tables: Tables,
) -> float:  # fmt: skip
    """Log mass of a distinct claim at one log toll, but for that its source repeats nothing."""
    lower, upper, width = claimed.claim_lower[j], claimed.claim_upper[j], claimed.claim_width[j]
    form, voice = claimed.claim_form[j], claimed.claim_voice[j]
    if form == LISTED:
        return max(list_log_mass(x, lower, upper, scales.list_shortfall)[0], LEAST_LOG)
    scatter = math.exp(parameters.log_scatter[voice])
    centre = scales.common_bias + parameters.bias[voice]
    if is_bound(form):
        # The sum over amounts is in the table, unless it is too small.
        mass, log_unit = tables.table[0, tables.claim_base[j] + point], tables.claim_terms[j, UNIT]
        if tables.delta.size > 0:
            log_unit += softplus(parameters.logit_denial[voice])
        if mass > LEAST_MASS * math.exp(-log_unit):
            return float(math.log(mass) + log_unit)
        law, interval = (
            Law(claimed.family, claimed.df, centre, scatter), Interval(lower, upper, width)
        )  # fmt: skip
        exceeds = form == GOES_BEYOND
        return float(bound_log_mass_far_out(law, interval, x, exceeds, scales.shortfall))
    if form == ESTIMATED:
        law, interval = (
            Law(claimed.family, claimed.df, centre, scatter), Interval(lower, upper, width)
        )  # fmt: skip
        stated = OwnError(claimed.claim_below[j], claimed.claim_above[j])
        return float(estimate_mass(law, interval, stated, x)[0])
    centre += x
    below, above, wide = (lower - centre) / scatter, (upper - centre) / scatter, width / scatter
    log_mass = mass_cell(claimed.family, claimed.df, below, above, wide)[0]
    if form == DENIED:
        log_denial = parameters.logit_denial[voice]
        if claimed.claim_figure[j] >= 0:
            log_denial += softplus(parameters.logit_repeat[voice])
        log_mass = log_denial + softplus(log_mass - log_denial)
    return log_mass
