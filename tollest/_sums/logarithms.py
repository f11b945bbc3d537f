"""One pattern of claims in logs, cell by cell: for where products would underflow."""

import math
from typing import NamedTuple

import numpy as np

from tollest._arrays import Floats
from tollest._sums.compiled import kernel
from tollest._sums.mass import mass_cell
from tollest._sums.tables import (
    COMMON_BIAS,
    FIRST,
    LOG_FIGURE_SCATTER,
    LOG_TAU,
    NONE,
    REST,
    Claimed,
    Grid,
    Parameters,
    Tables,
    softplus,
)


class _Scales(NamedTuple):
    """What priors and figures of all locations share, on its natural scale."""

    tau: float
    figure_scatter: float
    common_bias: float


@kernel()
def logarithms(
    claimed: Claimed, parameters: Parameters, grid: Grid, p: int, a: int, n: int, tables: Tables
) -> float:
    """Do as `products`, in logs and cell by cell: the joint sums to one, the log of its unit.

    On leaving, the work space holds each figure's part of the joint with its claims.
    """
    table, work, width = tables.table, tables.work, tables.width
    shared = parameters.shared
    scales = _Scales(
        math.exp(shared[LOG_TAU]), math.exp(shared[LOG_FIGURE_SCATTER]), shared[COMMON_BIAS]
    )
    logs = table[0, work + REST * width : work + (REST + 1) * width]
    first, none = work + FIRST * width, work + NONE * width
    peak, n_figures = -np.inf, 0
    for k in range(n):
        log_joint, n_figures, masses = _cell(claimed, parameters, grid, p, a + k, scales, logs)
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
    for m in range(claimed.offsets[p], claimed.offsets[p + 1]):
        j = claimed.members[m]
        if claimed.claim_figure[j] >= 0:
            log_unit -= softplus(parameters.logit_repeat[claimed.claim_voice[j]])
    return log_unit


@kernel(forceinline=True)
def _cell(
    claimed: Claimed, parameters: Parameters, grid: Grid, p: int, point: int, scales: _Scales,
    logs: Floats,
) -> tuple[float, int, float]:  # fmt: skip
    """Log of the product of the prior and all claims at one point; and of its figures.

    These are the number of figures and the sum of their probabilities. `logs` is overwritten with
    the log of each figure's ``p R / F`` of `tollest._sums.joint`.
    """
    tau, figure_scatter, common_bias = scales
    x, mu = grid.x[point], parameters.mu[claimed.level[p]]
    log_joint = mass_cell(
        claimed.toll_family, claimed.toll_df, (grid.bin_lower[point] - mu) / tau,
        (grid.bin_upper[point] - mu) / tau, grid.bin_width[point] / tau,
    )[0]  # fmt: skip
    n_figures, current, masses = 0, -1, 0.0
    for m in range(claimed.offsets[p], claimed.offsets[p + 1]):
        j = claimed.members[m]
        voice = claimed.claim_voice[j]
        scatter = math.exp(parameters.log_scatter[voice])
        centre = x + common_bias + parameters.bias[voice]
        log_mass = mass_cell(
            claimed.family, claimed.df, (claimed.claim_lower[j] - centre) / scatter,
            (claimed.claim_upper[j] - centre) / scatter, claimed.claim_width[j] / scatter,
        )[0]  # fmt: skip
        log_joint += log_mass
        v = claimed.claim_figure[j]
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
