"""Sums over tolls and figures: the log marginal likelihood, its gradient, tolls given theta.

A pattern stands for `multiplicity` locations with the same claims. Masses of distinct claims,
figures and priors are tabulated once (`tollest._tables`) over the stretch of support that any
pattern needs; each pattern multiplies and adds rows of them (`tollest._products`) over its
window. Gradients are posterior means of the complete-data gradient (Fisher's identity): sums of
each row's derivatives, weighted by the posterior.

Every function here is serial and releases the interpreter's lock.
"""

import math

import numpy as np
from numba import njit

from tollest._mass import mass_cell
from tollest._products import (
    FIRST,
    JOINT,
    LEAST,
    add_gradient,
    add_masses,
    joint_at,
    logarithms,
    products,
)
from tollest._tables import Floats, Grid, Integers, Parameters, Problem, extent, tabulate

# Natural-log units below a pattern's peak at which its window of support ends.
DEPTH = 32.0
# Every STRIDE-th point of the support is looked at to find the windows.
STRIDE = 8
# Windows are made of whole vector registers.
_LANES = 8


@njit(cache=True, error_model="numpy")
def _cap(problem: Problem, parameters: Parameters, p: int) -> tuple[float, float, float]:
    """Log prior mass up to the cap of pattern `p`, and its derivatives by mu and log tau."""
    if problem.cap_edge[p] == np.inf:
        return 0.0, 0.0, 0.0
    tau = math.exp(parameters.shared[0])
    z = (problem.cap_edge[p] - parameters.mu[problem.group[p]]) / tau
    inside = mass_cell(problem.toll_family, problem.toll_df, -np.inf, z, np.inf)
    return inside[0], inside[1] / tau, inside[2]


@njit(cache=True, error_model="numpy")
def _work(problem: Problem, low: Integers, high: Integers) -> Floats:
    """Space for the pattern with the widest window, and for that with the most figures."""
    most, widest = extent(problem, low, high)
    return np.empty((FIRST + most, widest))


@njit(cache=True, error_model="numpy")
def _centres(problem: Problem, parameters: Parameters) -> Integers:
    """Stretch of support in which a claim, or the figure it repeats, has its centre."""
    lower, upper, source = problem.claim_lower, problem.claim_upper, problem.claim_voice
    x, biases = problem.x, parameters.bias
    out = np.empty((2, lower.size), np.int64)
    common_bias = parameters.shared[2]
    for j in range(lower.size):
        out[0, j], out[1, j] = x.size, 0
        bias = common_bias + biases[source[j]]
        for edge in (lower[j], upper[j]):
            if abs(edge) < np.inf:
                low = np.searchsorted(x, edge - max(bias, common_bias)) - 1
                high = np.searchsorted(x, edge - min(bias, common_bias)) + 1
                out[0, j], out[1, j] = min(out[0, j], low), max(out[1, j], high)
    return out


@njit(cache=True, error_model="numpy")
def windows(problem: Problem, parameters: Parameters) -> tuple[Integers, Integers]:
    """Stretch of support outside which each pattern has no mass worth summing.

    Every STRIDE-th point is evaluated, from the centres of the prior and of the claims outwards.
    Between the outermost centres of its claims a pattern is always summed: beyond them nothing
    but the prior can rise, and that only slowly.
    """
    n_patterns, n_support = problem.group.size, problem.x.size
    columns = np.arange(0, n_support + STRIDE - 1, STRIDE)
    columns[-1] = n_support - 1
    n_columns = columns.size
    low, high = np.zeros(n_patterns, np.int64), np.full(n_patterns, n_columns)
    grid = Grid(
        problem.x[columns], problem.bin_lower[columns], problem.bin_upper[columns],
        problem.bin_width[columns],
    )  # fmt: skip
    prior, prior_base, figure, figure_base, claim, claim_base, _, _ = tabulate(
        problem, parameters, grid, low, high, bool(np.bool_(False))
    )
    offsets, members, claim_figure = problem.offsets, problem.members, problem.claim_figure
    group, firsts, lasts = problem.group, problem.first, problem.last
    work = _work(problem, low, high)
    centres = _centres(problem, parameters)
    modes = np.searchsorted(problem.x, parameters.mu)
    at_column = np.empty(n_columns)
    depth = math.exp(-DEPTH)
    for p in range(n_patterns):
        first, last = firsts[p], lasts[p]
        if last - first <= 2 * STRIDE:
            low[p], high[p] = first, last
            continue
        inner, outer = n_support, 0
        for m in range(offsets[p], offsets[p + 1]):
            j = members[m]
            inner, outer = min(inner, centres[0, j]), max(outer, centres[1, j])
        # Only columns the floor and the cap allow count; at least one on either side.
        begin = min((first + STRIDE - 1) // STRIDE, n_columns - 1)
        end = max(min((last - 1) // STRIDE + 1, n_columns), begin + 1)
        # From the centres of the claims and of the prior outwards, until there is nothing left.
        middle = modes[group[p]]
        left = min(max(min(inner, middle) // STRIDE, begin), end - 1)
        right = min(max(max(outer, middle) // STRIDE + 1, left), end - 1)
        reach, right, peak = right, left - 1, 0.0
        while True:
            if right < reach:
                right += 1
                k = right
            elif left > begin and at_column[left] >= peak * depth:
                left -= 1
                k = left
            elif right < end - 1 and at_column[right] >= peak * depth:
                right += 1
                k = right
            else:
                break
            # The one call: compiled at each place, this is most of the function.
            at_column[k] = joint_at(
                p, k, offsets, members, claim_figure, group, prior, prior_base, figure,
                figure_base, claim, claim_base,
            )  # fmt: skip
            peak = max(peak, at_column[k])
        if not LEAST < peak < np.inf:
            left, right = begin, end - 1
            logarithms(problem, parameters, grid, p, begin, end - begin, work)
            peak = -np.inf
            for k in range(begin, end):
                at_column[k] = work[JOINT, k - begin]
                peak = max(peak, at_column[k])
        while at_column[left] < peak * depth:
            left += 1
        while at_column[right] < peak * depth:
            right -= 1
        left, right = columns[max(left - 1, 0)], columns[min(right + 1, n_columns - 1)] + 1
        left, right = max(min(left, inner), 0), max(right, outer)
        # Whole vector registers: what is left over after them costs more than it adds.
        left, right = _LANES * (left // _LANES), _LANES * ((right + _LANES - 1) // _LANES)
        low[p], high[p] = max(left, first), min(right, last)
    return low, high


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
    prior, prior_base, figure, figure_base, claim, claim_base, spare, constant = tabulate(
        problem, parameters, grid, low, high, gradient
    )
    offsets, members, claim_figure = problem.offsets, problem.members, problem.claim_figure
    claim_voice, group, multiplicity = problem.claim_voice, problem.group, problem.multiplicity
    cap_edge = problem.cap_edge
    n_groups, n_sources, each = parameters.mu.size, parameters.bias.size, matrix.size > 0
    # Gradients of one location, zero but where it has something to say.
    own = np.zeros(n_groups + 3 * n_sources + 3)
    ends = n_groups + n_sources * np.arange(4)
    mu, bias, log_scatter, repeat, shared = gradients
    if gradient:
        for array in gradients:
            array[:] = 0.0
    if each:
        mu, bias, log_scatter = own[:n_groups], own[ends[0] : ends[1]], own[ends[1] : ends[2]]
        repeat, shared = own[ends[2] : ends[3]], own[ends[3] :]
    touched = np.empty(own.size, np.int64)
    work, omega = _work(problem, low, high), 1.0 / (1.0 + np.exp(-parameters.logit_repeat))
    value = 0.0
    for p in range(low.size):
        a, n, times = low[p], high[p] - low[p], multiplicity[p]
        total, log_unit = products(
            p, a, n, offsets, members, claim_figure, group, prior, prior_base, figure,
            figure_base, claim, claim_base, constant, spare, work,
        )  # fmt: skip
        if LEAST < total < np.inf:
            log_unit += math.log(total)
        else:
            total, log_unit = 1.0, logarithms(problem, parameters, grid, p, a, n, work)
        weight = 1.0 if each else times
        if cap_edge[p] < np.inf:
            log_inside, d_mu, d_log_tau = _cap(problem, parameters, p)
            log_unit -= log_inside
            if gradient:
                mu[group[p]] -= weight * d_mu
                shared[0] -= weight * d_log_tau
        value += times * log_unit
        if gradient:
            add_gradient(
                p, a, n, weight, weight / total, offsets, members, claim_figure, claim_voice,
                group, prior, prior_base, figure, figure_base, claim, claim_base, omega, work,
                mu, bias, log_scatter, repeat, shared,
            )  # fmt: skip
        if each:
            n_touched = _touched(p, offsets, members, claim_voice, group, ends, touched)
            _add_outer_product(times, own, touched[:n_touched], matrix)
            _move(times, own, touched[:n_touched], gradients, ends)
    return value


@njit(cache=True, error_model="numpy")
def _touched(
    p: int, offsets: Integers, members: Integers, claim_voice: Integers, group: Integers,
    ends: Integers, touched: Integers,
) -> int:  # fmt: skip
    """Entries of the parameters that a location speaks of, each once; how many they are."""
    touched[0] = group[p]
    n = 1
    for i in range(3):
        touched[n] = ends[3] + i
        n += 1
    for m in range(offsets[p], offsets[p + 1]):
        for i in range(3):
            touched[n] = ends[i] + claim_voice[members[m]]
            n += 1
    return n


@njit(cache=True, error_model="numpy")
def _add_outer_product(times: float, own: Floats, touched: Integers, matrix: Floats) -> None:
    for i in touched:
        scaled = times * own[i]
        for j in touched:
            matrix[i, j] += scaled * own[j]


@njit(cache=True, error_model="numpy")
def _move(
    times: float, own: Floats, touched: Integers, gradients: Parameters, ends: Integers
) -> None:
    """Add a location's gradient to that of all, and leave zeros."""
    mu, bias, log_scatter, repeat, shared = gradients
    for i in touched:
        value = times * own[i]
        own[i] = 0.0
        if i < ends[0]:
            mu[i] += value
        elif i < ends[1]:
            bias[i - ends[0]] += value
        elif i < ends[2]:
            log_scatter[i - ends[1]] += value
        elif i < ends[3]:
            repeat[i - ends[2]] += value
        else:
            shared[i - ends[3]] += value


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
    prior, prior_base, figure, figure_base, claim, claim_base, spare, constant = tabulate(
        problem, parameters, grid, low, high, bool(np.bool_(False))
    )
    offsets, members, claim_figure = problem.offsets, problem.members, problem.claim_figure
    group, work = problem.group, _work(problem, low, high)
    totals = np.empty(work.shape[1])
    at = 0
    for p in range(low.size):
        a, n = low[p], high[p] - low[p]
        is_drawn = at < order.size and pattern[order[at]] == p
        if masses.size == 0 and logs.size == 0 and not is_drawn:
            continue
        total, log_unit = products(
            p, a, n, offsets, members, claim_figure, group, prior, prior_base, figure,
            figure_base, claim, claim_base, constant, spare, work,
        )  # fmt: skip
        if LEAST < total < np.inf:
            log_unit += math.log(total)
        else:
            total, log_unit = 1.0, logarithms(problem, parameters, grid, p, a, n, work)
        if logs.size > 0:
            logs[p] = log_unit - _cap(problem, parameters, p)[0]
        if masses.size > 0:
            add_masses(masses, p, a, n, work, total, weight)
        if not is_drawn:
            continue
        total = 0.0
        for k in range(n):
            total += work[JOINT, k]
            totals[k] = total
        while at < order.size and pattern[order[at]] == p:
            i = order[at]
            target = uniform[i] * totals[n - 1]
            k = min(np.searchsorted(totals[:n], target, side="right"), n - 1)
            below = totals[k - 1] if k > 0 else 0.0
            index[i] = a + k
            within[i] = min(max((target - below) / max(work[JOINT, k], 1e-300), 0.0), 1.0 - 1e-12)
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
