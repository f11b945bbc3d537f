"""Sums over tolls and figures: the log marginal likelihood, its gradient, tolls given theta.

A pattern stands for `multiplicity` locations with the same claims. Masses of distinct claims,
figures and priors are tabulated once (`tollest._sums.tables`) over the stretch of support that
any pattern needs; each pattern multiplies and adds rows of them (`tollest._sums.joint`) over its
window (`tollest._sums.windows`). Gradients are posterior means of the complete-data gradient
(Fisher's identity): sums of each row's derivatives, weighted by the posterior.

Every function here is serial and releases the interpreter's lock.
"""

import math

import numpy as np
from numba import njit

from tollest._sums.compiled import kernel
from tollest._sums.joint import (
    LEAST,
    add_gradient,
    add_masses,
    logarithms,
    products,
)
from tollest._sums.mass import LOGISTIC, mass_cell
from tollest._sums.tables import Floats, Grid, Integers, Parameters, Problem, tabulate
from tollest._sums.windows import windows


@kernel()
def _cap(problem: Problem, parameters: Parameters, p: int) -> tuple[float, float, float]:
    """Log prior mass up to the cap of pattern `p`, and its derivatives by mu and log tau."""
    if problem.cap_edge[p] == np.inf:
        return 0.0, 0.0, 0.0
    tau = math.exp(parameters.shared[0])
    z = (problem.cap_edge[p] - parameters.mu[problem.group[p]]) / tau
    inside = mass_cell(problem.toll_family, problem.toll_df, -np.inf, z, np.inf)
    return inside[0], inside[1] / tau, inside[2]


@njit(cache=True, error_model="numpy")
def _grid(problem: Problem) -> Grid:
    return Grid(problem.x, problem.bin_lower, problem.bin_upper, problem.bin_width)


@njit(cache=True, nogil=True, error_model="numpy")
def evaluate(
    problem: Problem, parameters: Parameters, gradient: bool, gradients: Parameters,
    matrix: Floats,
) -> float:  # fmt: skip
    """Log marginal likelihood of all claims, tolls and figures summed out.

    The one compiled function for it, with or without derivatives: each would be compiled whole.

    Parameters
    ----------
    problem : Problem
        Claims as patterns, and the support.
    parameters : Parameters
        The point to evaluate at.
    gradient : bool
        Whether to fill `gradients`.
    gradients : Parameters
        Overwritten with the derivatives by `parameters`, of the same shapes.
    matrix : ndarray of float, shape (n_parameters, n_parameters) or (0, 0)
        The sum over locations of outer products of their gradients is added to it; rows and
        columns are those of ``mu, bias, log_scatter, logit_repeat, shared`` one after the other.

    Returns
    -------
    float
        Sum over patterns, each counted `multiplicity` times.
    """
    low, high = windows(problem, parameters)
    grid = _grid(problem)
    (
        table, prior_base, figure_base, figure_terms, claim_base, claim_terms, spare, work, width
    ) = tabulate(problem, parameters, grid, low, high, gradient)  # fmt: skip
    omega, n_groups = 1.0 / (1.0 + np.exp(-parameters.logit_repeat)), parameters.mu.size
    sums = np.zeros(n_groups + 3 * omega.size + 3)
    own, touched = np.zeros(sums.size), np.empty(sums.size, np.int64)
    value = _sum(
        problem, parameters, grid, low, high, gradient, table, prior_base, figure_base,
        figure_terms, claim_base, claim_terms, spare, work, width, omega, sums, own, touched,
        matrix,
    )  # fmt: skip
    if gradient:
        split(sums, gradients)
    return value


@njit(cache=True, error_model="numpy")
def split(sums: Floats, gradients: Parameters) -> None:
    """Overwrite derivatives by parameters with those that stand one after the other."""
    start = 0
    for array in gradients:
        array[:] = sums[start : start + array.size]
        start += array.size


@kernel()
def _sum(
    problem: Problem, parameters: Parameters, grid: Grid, low: Integers, high: Integers,
    gradient: bool, table: Floats, prior_base: Integers, figure_base: Integers,
    figure_terms: Floats, claim_base: Integers, claim_terms: Floats, spare: int, work: int,
    width: int, omega: Floats, sums: Floats, own: Floats, touched: Integers, matrix: Floats,
) -> float:  # fmt: skip
    """Sum over patterns; derivatives are added to `sums`.

    Where `matrix` wants those of each location they are first in `own`, which is zero but where
    the location has something to say.
    """
    offsets, members, claim_figure = problem.offsets, problem.members, problem.claim_figure
    claim_voice, group, multiplicity = problem.claim_voice, problem.group, problem.multiplicity
    cap_edge, each, n_groups = problem.cap_edge, matrix.size > 0, parameters.mu.size
    is_logistic, out = problem.family == LOGISTIC, own if each else sums
    value = 0.0
    for p in range(low.size):
        a, n, times = low[p], high[p] - low[p], multiplicity[p]
        total, log_unit = products(
            p, a, n, offsets, members, claim_figure, group, table, prior_base, figure_base,
            claim_base, claim_terms, spare, work, width,
        )  # fmt: skip
        in_logs = not LEAST < total < np.inf
        if in_logs:
            total = 1.0
            log_unit = logarithms(problem, parameters, grid, p, a, n, table, work, width)
        else:
            log_unit += math.log(total)
        weight = 1.0 if each else times
        if cap_edge[p] < np.inf:
            log_inside, d_mu, d_log_tau = _cap(problem, parameters, p)
            log_unit -= log_inside
            if gradient:
                out[group[p]] -= weight * d_mu
                out[out.size - 3] -= weight * d_log_tau
        value += times * log_unit
        if gradient:
            add_gradient(
                p, a, n, weight, weight / total, offsets, members, claim_figure, claim_voice,
                group, table, prior_base, figure_base, figure_terms, claim_base, claim_terms,
                spare, work, width, in_logs, is_logistic, omega, n_groups, out,
            )  # fmt: skip
        if each:
            n_touched = _touched(p, offsets, members, claim_voice, group, n_groups, touched, own)
            _move(times, touched[:n_touched], own, sums, matrix)
    return value


@kernel()
def _touched(
    p: int, offsets: Integers, members: Integers, claim_voice: Integers, group: Integers,
    n_groups: int, touched: Integers, own: Floats,
) -> int:  # fmt: skip
    """Entries of the parameters that a location speaks of, each once; how many they are."""
    shared = own.size - 3
    n_sources = (shared - n_groups) // 3
    touched[0] = group[p]
    n = 1
    for i in range(3):
        touched[n] = shared + i
        n += 1
    for m in range(offsets[p], offsets[p + 1]):
        for i in range(3):
            touched[n] = n_groups + i * n_sources + claim_voice[members[m]]
            n += 1
    return n


@kernel()
def _move(times: float, touched: Integers, own: Floats, sums: Floats, matrix: Floats) -> None:
    """Add a location's gradient and its outer product to those of all, and leave zeros."""
    for i in touched:
        scaled = times * own[i]
        sums[i] += scaled
        for j in touched:
            matrix[i, j] += scaled * own[j]
    for i in touched:
        own[i] = 0.0


def log_likelihood(
    problem: Problem, parameters: Parameters, gradient: bool, gradients: Parameters
) -> float:
    """`evaluate` without outer products."""
    return evaluate(problem, parameters, gradient, gradients, np.empty((0, 0)))


@njit(cache=True, nogil=True, error_model="numpy")
def tolls(
    problem: Problem,
    parameters: Parameters,
    weight: float,
    masses: Floats,
    pattern: Integers,
    order: Integers,
    uniform: Floats,
    index: Integers,
    within: Floats,
    logs: Floats,
) -> None:
    """Tolls given theta: mass functions, one joint draw, and how likely the claims are.

    Parameters
    ----------
    problem, parameters : Problem, Parameters
        The claims, and one draw of theta.
    weight : float
        Weight of the mass functions.
    masses : ndarray of float, shape (n_patterns, n_support), or (0, 0)
        `weight` times each pattern's posterior mass function is added to it.
    pattern : ndarray of int, shape (n_locations,), or (0,)
        Pattern of each location a toll is drawn for.
    order : ndarray of int, shape (n_locations,)
        Locations by pattern.
    uniform : ndarray of float, shape (n_locations,)
        Uniform numbers in [0, 1), one a location.
    index : ndarray of int, shape (n_locations,)
        Overwritten with the bin drawn.
    within : ndarray of float, shape (n_locations,)
        Overwritten with a uniform number in [0, 1): the position inside the bin.
    logs : ndarray of float, shape (n_patterns,), or (0,)
        Overwritten with the log marginal likelihood of each pattern, as one location's.
    """
    low, high = windows(problem, parameters)
    grid = _grid(problem)
    table, prior_base, figure_base, _, claim_base, claim_terms, spare, work, width = tabulate(
        problem, parameters, grid, low, high, bool(np.bool_(False))
    )
    offsets, members, claim_figure = problem.offsets, problem.members, problem.claim_figure
    group, totals = problem.group, np.empty(width)
    at = 0
    for p in range(low.size):
        a, n = low[p], high[p] - low[p]
        is_drawn = at < order.size and pattern[order[at]] == p
        if masses.size == 0 and logs.size == 0 and not is_drawn:
            continue
        total, log_unit = products(
            p, a, n, offsets, members, claim_figure, group, table, prior_base, figure_base,
            claim_base, claim_terms, spare, work, width,
        )  # fmt: skip
        if LEAST < total < np.inf:
            log_unit += math.log(total)
        else:
            total = 1.0
            log_unit = logarithms(problem, parameters, grid, p, a, n, table, work, width)
        if logs.size > 0:
            logs[p] = log_unit - _cap(problem, parameters, p)[0]
        if masses.size > 0:
            add_masses(masses, p, a, n, table, work, total, weight)
        if not is_drawn:
            continue
        total = 0.0
        for k in range(n):
            total += table[0, work + k]
            totals[k] = total
        while at < order.size and pattern[order[at]] == p:
            i = order[at]
            target = uniform[i] * totals[n - 1]
            k = min(np.searchsorted(totals[:n], target, side="right"), n - 1)
            below, mass = totals[k - 1] if k > 0 else 0.0, table[0, work + k]
            index[i] = a + k
            within[i] = min(max((target - below) / max(mass, 1e-300), 0.0), 1.0 - 1e-12)
            at += 1


def add_toll_masses(
    problem: Problem, parameters: Parameters, weight: float, masses: Floats
) -> None:
    """Add `weight` times each pattern's mass function to `masses`, (n_patterns, n_support)."""
    none, nothing = np.empty(0, np.int64), np.empty(0)
    tolls(problem, parameters, weight, masses, none, none, nothing, none, nothing, nothing)


def log_likelihoods(problem: Problem, parameters: Parameters, out: Floats) -> None:
    """Log marginal likelihood of each pattern, as one location's: multiplicity aside.

    `out`, of shape (n_patterns,), is overwritten. Summed with the multiplicities it is
    `log_likelihood`.
    """
    none, nothing = np.empty(0, np.int64), np.empty(0)
    tolls(problem, parameters, 0.0, np.empty((0, 0)), none, none, nothing, none, nothing, out)


def draw_bins(
    problem: Problem, parameters: Parameters, pattern: Integers, uniform: Floats
) -> tuple[Integers, Floats]:
    """Draw every location's toll: its bin, and the position in [0, 1) inside the bin."""
    index, within = np.empty(pattern.size, np.int64), np.empty(pattern.size)
    order = np.argsort(pattern, kind="stable")
    tolls(
        problem, parameters, 0.0, np.empty((0, 0)), pattern, order, uniform, index, within,
        np.empty(0),
    )  # fmt: skip
    return index, within


def shard(problem: Problem, start: int, stop: int) -> Problem:
    """Take the patterns ``start:stop`` as a problem of their own."""
    offsets = problem.offsets[start : stop + 1]
    return problem._replace(
        offsets=offsets - offsets[0],
        members=problem.members[offsets[0] : offsets[-1]],
        group=problem.group[start:stop],
        first=problem.first[start:stop],
        last=problem.last[start:stop],
        cap_edge=problem.cap_edge[start:stop],
        multiplicity=problem.multiplicity[start:stop],
    )
