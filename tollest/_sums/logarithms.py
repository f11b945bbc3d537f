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
from tollest._sums.tables import (
    COMMON_BIAS,
    FIRST,
    LOG_FIGURE_SCATTER,
    LOG_LIST_SHORTFALL,
    LOG_SHORTFALL,
    LOG_TAU,
    NONE,
    REST,
    UNIT,
    Claimed,
    Parameters,
    Run,
    Tables,
    softplus,
)


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
    """Do as `products`, in logs and cell by cell: the joint sums to one, the log of its unit.

    On leaving, the work space holds each figure's part of the joint with its claims.
    """
    table, work, width = tables.table, tables.work, tables.width
    shared = parameters.shared
    scales = _Scales(
        math.exp(shared[LOG_TAU]), math.exp(shared[LOG_FIGURE_SCATTER]), shared[COMMON_BIAS],
        math.exp(shared[LOG_SHORTFALL]), math.exp(shared[LOG_LIST_SHORTFALL]),
    )  # fmt: skip
    logs = table[0, work + REST * width : work + (REST + 1) * width]
    first, none = work + FIRST * width, work + NONE * width
    peak, n_figures = -np.inf, 0
    for k in range(n):
        log_joint, n_figures, masses = _cell(
            claimed, parameters, grid, run, a + k, scales, tables, logs
        )
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
    return peak + math.log(total) + _log_not(claimed, parameters, run)


@kernel()
def summed(
    claimed: Claimed, parameters: Parameters, run: Run, a: int, n: int, tables: Tables
) -> tuple[float, float, bool]:
    """Joint of a run of claims, by products or, where these underflow, in logs.

    Its sum as it stands in the work space, the log of its unit, and whether it is in logs.
    """
    total, log_unit = products(run, a, n, claimed, tables)
    if LEAST < total < np.inf:
        return total, log_unit, False
    return 1.0, logarithms(claimed, parameters, claimed.grid, run, a, n, tables), True


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
) -> tuple[float, int, float]:  # fmt: skip
    """Log of the product of the prior and all claims at one point; and of its figures.

    These are the number of figures and the sum of their probabilities. `logs` is overwritten with
    the log of each figure's ``p R / F`` of `tollest._sums.joint`.
    """
    tau, figure_scatter, common_bias = scales.tau, scales.figure_scatter, scales.common_bias
    x, log_joint = grid.x[point], 0.0
    if run.level >= 0:
        mu = parameters.mu[run.level]
        log_joint = mass_cell(
            claimed.toll_family, claimed.toll_df, (grid.bin_lower[point] - mu) / tau,
            (grid.bin_upper[point] - mu) / tau, grid.bin_width[point] / tau,
        )[0]  # fmt: skip
    n_figures, current, masses = 0, -1, 0.0
    for m in range(run.start, run.stop):
        j = claimed.members[m]
        log_mass = _of_claim(claimed, parameters, scales, j, x, point, tables)
        log_joint += log_mass
        v, voice = claimed.claim_figure[j], claimed.claim_voice[j]
        if v < 0:
            continue
        if v != current:
            centre = x + common_bias
            logs[n_figures] = mass_cell(
                claimed.family, claimed.df,
                (claimed.figure_lower[v] - centre) / figure_scatter,
                (claimed.figure_upper[v] - centre) / figure_scatter,
                claimed.figure_width[v] / figure_scatter,
            )[0]  # fmt: skip
            masses += math.exp(logs[n_figures])
            n_figures += 1
            current = v
        logs[n_figures - 1] += softplus(parameters.logit_repeat[voice] - log_mass)
    return log_joint, n_figures, masses


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
