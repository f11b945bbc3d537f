r"""Tolls of wholes and of their parts given theta: messages up a tree, and down again.

Each node of a tree is a toll. A leaf has a prior; any other node is the sum of two below it.
Claims may speak of any. With :math:`L_v(n)` the likelihood of a node's claims, its figure summed
out, the mass that goes up is

.. math:: m_v(n) = L_v(n) p(n) \quad\text{or}\quad m_v(n) = L_v(n) (m_l * m_r)(n),

and the sum of the root's is the marginal likelihood of all claims in the tree. What comes down is
its derivative by these masses: :math:`d_l = (d_v L_v) \star m_r`, so that the posterior of every
toll is :math:`m_v d_v` over their sum [1]_. The gradient by theta is the posterior mean of the
complete-data gradient, node by node, as without wholes.

References
----------
.. [1] Kschischang, F. R., Frey, B. J., Loeliger, H.-A. (2001). Factor graphs and the sum-product
   algorithm. *IEEE Transactions on Information Theory* 47(2), 498-519.
   https://doi.org/10.1109/18.910572
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tollest._sums.convolution import add_slopes, convolve
from tollest._sums.joint import (
    LEAST,
    add_gradient,
    highest,
    logarithms,
    products,
)
from tollest._sums.marginal import _cap, _grid, split
from tollest._sums.mass import LOGISTIC, mass_cell
from tollest._sums.tables import Grid, Parameters, Problem, tabulate

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_FLOOR = 1e-250  # of the most that a node's likelihood is, at any toll


class Forest(NamedTuple):
    """Trees of tolls, each node after those that it is the sum of, its root last.

    Patterns are those of a `Problem` on a grid of octaves; the group of a node that is a sum is
    one beyond the last.
    """

    dense: int
    offsets: Integers  # (n_trees + 1,) nodes of each tree
    left: Integers  # (n_nodes,) nodes it is the sum of, or -1 for a leaf
    right: Integers
    pattern: Integers  # (n_nodes,) what is claimed on it, or -1 for nothing at all
    mask: Integers  # (n_nodes,) row of `masks`, or -1
    masks: Floats  # (n_masks, n_points) share of each stretch that floors and caps allow
    n_nodes: Floats  # (n_patterns,) nodes of each pattern


@njit(cache=True, nogil=True, error_model="numpy")
def evaluate(
    problem: Problem, forest: Forest, parameters: Parameters, low: Integers, high: Integers,
    gradient: bool, gradients: Parameters, weight: float, masses: Floats, messages: Floats,
) -> float:  # fmt: skip
    """Log marginal likelihood of all claims on trees, tolls and figures summed out.

    Parameters
    ----------
    problem : Problem
        Distinct multisets of claims, on the points of a grid of octaves.
    forest : Forest
        The trees.
    parameters : Parameters
        The point to evaluate at; `mu` has an entry more, of the group of sums.
    low, high : ndarray of int, shape (n_nodes,)
        Stretch of points that each node is summed over; outside it nodes have no mass worth
        summing.
    gradient : bool
        Whether to fill `gradients`.
    gradients : Parameters
        Overwritten with the derivatives by `parameters`, of the same shapes.
    weight : float
        Weight of the mass functions.
    masses : ndarray of float, shape (n_nodes, n_points) or (0, 0)
        `weight` times each node's posterior mass function is added to it.
    messages : ndarray of float, shape (n_nodes, n_points) or (0, 0)
        Overwritten with what goes up, in units of its own, for draws from the root down.

    Returns
    -------
    float
        ``-inf`` where the claims are impossible.
    """
    n_patterns, n_points = problem.group.size, problem.x.size
    begin, end = np.full(n_patterns, n_points), np.zeros(n_patterns, np.int64)
    for v in range(low.size):
        p = forest.pattern[v]
        if p >= 0:
            begin[p], end[p] = min(begin[p], low[v]), max(end[p], high[v])
    grid = _grid(problem)
    (
        table, prior_base, figure_base, figure_terms, claim_base, claim_terms, spare, work, width
    ) = tabulate(problem, parameters, grid, begin, end, gradient)  # fmt: skip
    flat = parameters.mu.size - 1
    a, b = n_points, 0
    for p in range(n_patterns):
        if problem.group[p] == flat:
            a, b = min(a, begin[p]), max(b, end[p])
    if b > a:
        table[0, prior_base[flat] + a : prior_base[flat] + b] = 1.0
        table[1:, prior_base[flat] + a : prior_base[flat] + b] = 0.0
    offsets, members, claim_figure = problem.offsets, problem.members, problem.claim_figure
    claim_voice, group, cap_edge = problem.claim_voice, problem.group, problem.cap_edge
    omega, n_groups = 1.0 / (1.0 + np.exp(-parameters.logit_repeat)), parameters.mu.size
    sums = np.zeros(n_groups + 3 * omega.size + 3)
    if gradient:
        split(sums, gradients)
    own, units = np.zeros((n_patterns, n_points)), np.empty(n_patterns)
    for p in range(n_patterns):
        a, n = begin[p], end[p] - begin[p]
        total, units[p] = products(
            p, a, n, offsets, members, claim_figure, group, table, prior_base, figure_base,
            claim_base, claim_terms, spare, work, width,
        )  # fmt: skip
        if not LEAST < total < np.inf:
            units[p] = _in_logs(problem, parameters, grid, p, a, n, table, work, width)
        peak = highest(table, work, n)
        if not 0.0 < peak < np.inf:
            return -np.inf
        units[p] += math.log(peak)
        # Claims on a whole and on its parts may contradict each other beyond what a float holds:
        # then the density is that of the floor, finite, and rises to where it is theirs.
        for k in range(n):
            own[p, a + k] = max(table[0, work + k] / peak, _FLOOR)
        if cap_edge[p] < np.inf and group[p] != flat:
            log_inside, d_mu, d_log_tau = _cap(problem, parameters, p)
            units[p] -= log_inside
            if gradient:
                sums[group[p]] -= forest.n_nodes[p] * d_mu
                sums[sums.size - 3] -= forest.n_nodes[p] * d_log_tau
    value = 0.0
    weights = np.zeros((n_patterns if gradient else 0, n_points))
    for t in range(forest.offsets.size - 1):
        value += _tree(
            forest, t, low, high, own, units, gradient, weights, weight, masses, messages
        )
    if not gradient or not value > -np.inf:
        return value
    for p in range(n_patterns):
        a, n = begin[p], end[p] - begin[p]
        total = products(
            p, a, n, offsets, members, claim_figure, group, table, prior_base, figure_base,
            claim_base, claim_terms, spare, work, width,
        )[0]  # fmt: skip
        in_logs = not LEAST < total < np.inf
        if in_logs:
            _in_logs(problem, parameters, grid, p, a, n, table, work, width)
        peak = highest(table, work, n)
        for row in range(work, table.shape[1], width):
            for k in range(n):
                table[0, row + k] *= weights[p, a + k] / peak
        add_gradient(
            p, a, n, forest.n_nodes[p], 1.0, offsets, members, claim_figure, claim_voice, group,
            table, prior_base, figure_base, figure_terms, claim_base, claim_terms, spare, work,
            width, in_logs, problem.family == LOGISTIC, omega, n_groups, sums,
        )  # fmt: skip
    split(sums, gradients)
    return value


@njit(cache=True, error_model="numpy")
def _in_logs(
    problem: Problem, parameters: Parameters, grid: Grid, p: int, a: int, n: int, table: Floats,
    work: int, width: int,
) -> float:  # fmt: skip
    """Do as `logarithms`; without the prior where the pattern is of sums."""
    log_unit = logarithms(problem, parameters, grid, p, a, n, table, work, width)
    if problem.group[p] != parameters.mu.size - 1:
        return log_unit
    tau = math.exp(parameters.shared[0])
    for k in range(n):
        upper = (problem.bin_upper[a + k] - parameters.mu[-1]) / tau
        lower = (problem.bin_lower[a + k] - parameters.mu[-1]) / tau
        mass = mass_cell(
            problem.toll_family, problem.toll_df, lower, upper, problem.bin_width[a + k] / tau
        )[0]
        for row in range(work, table.shape[1], width):
            table[0, row + k] *= math.exp(-max(mass, -600.0))
    return log_unit


@njit(cache=True, error_model="numpy")
def _tree(
    forest: Forest, t: int, low: Integers, high: Integers, own: Floats, units: Floats,
    gradient: bool, weights: Floats, weight: float, masses: Floats, messages: Floats,
) -> float:  # fmt: skip
    """Log marginal likelihood of one tree; posterior weights of each pattern's joint are added."""
    start, stop = forest.offsets[t], forest.offsets[t + 1]
    left, right, pattern, mask = forest.left, forest.right, forest.pattern, forest.mask
    n_points = own.shape[1]
    up = np.empty((stop - start, n_points))
    scale = np.empty(stop - start)
    value = 0.0
    for v in range(start, stop):
        row = up[v - start]
        if left[v] >= 0:
            convolve(forest.dense, up[left[v] - start], up[right[v] - start], row)
            if pattern[v] >= 0:
                row *= own[pattern[v]]
        elif pattern[v] >= 0:
            row[:] = own[pattern[v]]
        else:
            row[:] = 0.0
            row[0] = 1.0
        if mask[v] >= 0:
            row *= forest.masks[mask[v]]
        row[: low[v]] = 0.0
        row[high[v] :] = 0.0
        peak = row.max()
        if not 0.0 < peak < np.inf:
            return -np.inf
        scale[v - start] = 1.0 / peak
        row *= scale[v - start]
        value += math.log(peak)
        if pattern[v] >= 0:
            value += units[pattern[v]]
    total = up[-1].sum()  # of which the largest is one
    value += math.log(total)
    if messages.size > 0:
        messages[start:stop] = up
    if not gradient and masses.size == 0:
        return value
    down = np.empty((stop - start, n_points))
    down[-1] = 1.0 / total
    for v in range(stop - 1, start - 1, -1):
        here = down[v - start]
        if masses.size > 0:
            masses[v] += weight * (up[v - start] * here)
        here *= scale[v - start]
        if mask[v] >= 0:
            here *= forest.masks[mask[v]]
        here[: low[v]] = 0.0
        here[high[v] :] = 0.0
        if left[v] < 0:
            if gradient and pattern[v] >= 0:
                weights[pattern[v]] += here
            continue
        a, b = left[v] - start, right[v] - start
        if pattern[v] < 0:
            add_slopes(forest.dense, up[a], up[b], here, down[a], down[b])
            continue
        if gradient:
            # The joint's own derivative needs the sum's masses again.
            together = np.empty(n_points)
            convolve(forest.dense, up[a], up[b], together)
            weights[pattern[v]] += here * together
        here *= own[pattern[v]]
        add_slopes(forest.dense, up[a], up[b], here, down[a], down[b])
    return value


@njit(cache=True, nogil=True, error_model="numpy")
def draw(
    forest: Forest, messages: Floats, first: Integers, last: Integers, least: Integers,
    most: Integers, uniform: Floats, tolls: Integers,
) -> None:  # fmt: skip
    """Draw the tolls of all nodes jointly, from the roots down; every sum adds up.

    Parameters
    ----------
    forest : Forest
        The trees.
    messages : ndarray of float, shape (n_nodes, n_points)
        What goes up, from `evaluate`.
    first, last : ndarray of int, shape (n_points,)
        Stretch of tolls of each point, over which mass is spread evenly.
    least, most : ndarray of int, shape (n_nodes,)
        What each toll can be; those of a sum are no wider than those of its parts allow.
    uniform : ndarray of float, shape (n_nodes, 2)
        Uniform numbers in [0, 1).
    tolls : ndarray of int, shape (n_nodes,)
        Overwritten.
    """
    left, right = forest.left, forest.right
    weights = np.empty(2 * first.size + 2)
    starts = np.empty(2 * first.size + 2, np.int64)
    stops = np.empty(2 * first.size + 2, np.int64)
    for t in range(forest.offsets.size - 1):
        root = forest.offsets[t + 1] - 1
        n = 0
        for k in range(first.size):
            low, high = max(first[k], least[root]), min(last[k], most[root])
            if messages[root, k] > 0.0 and high >= low:
                weights[n], starts[n], stops[n] = messages[root, k], low, high
                n += 1
        tolls[root] = _picked(weights[:n], starts, stops, uniform[root], least[root])
        for v in range(root, forest.offsets[t] - 1, -1):
            if left[v] >= 0:
                a, b = left[v], right[v]
                n = _splits(
                    tolls[v], messages[a], messages[b], first, last, least[a], most[a],
                    least[b], most[b], weights, starts, stops,
                )  # fmt: skip
                nearest = max(least[a], tolls[v] - most[b])
                tolls[a] = _picked(weights[:n], starts, stops, uniform[a], nearest)
                tolls[b] = tolls[v] - tolls[a]


@njit(cache=True, error_model="numpy")
def _picked(
    weights: Floats, starts: Integers, stops: Integers, uniform: Floats, otherwise: int
) -> int:
    """Draw a stretch by weight and a toll in it; `otherwise` where no stretch has weight."""
    total = weights.sum()
    if not total > 0.0:
        return otherwise
    target, k = uniform[0] * total, 0
    while k < weights.size - 1 and target >= weights[k]:
        target -= weights[k]
        k += 1
    return int(min(starts[k] + int(uniform[1] * (stops[k] - starts[k] + 1)), stops[k]))


@njit(cache=True, error_model="numpy")
def _splits(
    toll: int, of_a: Floats, of_b: Floats, first: Integers, last: Integers, least_a: int,
    most_a: int, least_b: int, most_b: int, weights: Floats, starts: Integers, stops: Integers,
) -> int:  # fmt: skip
    """Lay out stretches of a part's toll over which neither density changes; count them."""
    at, end = max(least_a, toll - most_b), min(most_a, toll - least_b)
    n = 0
    while at <= end:
        i = np.searchsorted(first, at, side="right") - 1
        j = np.searchsorted(first, toll - at, side="right") - 1
        stop = min(min(last[i], toll - first[j]), end)
        density = (of_a[i] / (last[i] - first[i] + 1)) * (of_b[j] / (last[j] - first[j] + 1))
        if density > 0.0:
            weights[n], starts[n], stops[n] = density * (stop - at + 1), at, stop
            n += 1
        at = stop + 1
    return n
