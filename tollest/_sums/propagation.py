r"""Belief propagation: tolls of wholes and of their parts, given theta.

Each node of a tree is a toll. A leaf has a prior; any other node is the sum of two below it.
Claims may speak of any. In the upward pass each node sends a message to the node above it: the
mass of its toll given all claims on it and below. With :math:`L_v(n)` the likelihood of a node's
claims, its figure summed out,

.. math:: m_v(n) = L_v(n) p(n) \quad\text{or}\quad m_v(n) = L_v(n) (m_l * m_r)(n),

and the sum of the root's is the marginal likelihood of all claims in the tree. The downward pass
sends its derivative by these masses: :math:`d_l = (d_v L_v) \star m_r`, so that the posterior of
every toll is :math:`m_v d_v` over their sum [1]_. The gradient by theta is the posterior mean of
the complete-data gradient, node by node, as without wholes.

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

from tollest._arrays import Floats, Integers
from tollest._sums.convolution import add_slopes, convolve
from tollest._sums.joint import highest
from tollest._sums.known import Known, add_known_gradient, fill_error, known_by, pattern_joint
from tollest._sums.marginal import cap_mass
from tollest._sums.slopes import Gradient, add_gradient
from tollest._sums.tables import (
    LOG_TAU,
    Claimed,
    Parameters,
    Tables,
    flat_layout,
    is_early,
    is_of_known,
    split,
    tabulate,
)
from tollest._sums.windows import reach_of_error

# Least that the likelihood of a node's claims is taken to be at any toll, of the most that it is:
# a float holds no less than 1e-308, and a message is that times the mass of the sum.
_FLOOR = 1e-250
# Highest mass of a message below which claims are as good as impossible: one over it overflows.
_LEAST_PEAK = 1e-300


class Forest(NamedTuple):
    """Trees of tolls, each node after those that it is the sum of, its root last.

    Patterns are those of a `Claimed` on the grid of `tollest._sums.convolution`.
    """

    dense: int
    offsets: Integers  # (n_trees + 1,) nodes of each tree
    left: Integers  # (n_nodes,) nodes it is the sum of, or -1 for a leaf
    right: Integers
    pattern: Integers  # (n_nodes,) what is claimed on it, or -1 for nothing at all
    mask: Integers  # (n_nodes,) row of `masks`, or -1
    masks: Floats  # (n_masks, n_points) share of each stretch that floors and caps allow
    n_nodes: Floats  # (n_patterns,) nodes of each pattern


def evaluate_forest(
    claimed: Claimed, forest: Forest, parameters: Parameters, low: Integers, high: Integers,
    gradient: bool, gradients: Parameters, weight: float, masses: Floats, messages: Floats,
) -> float:  # fmt: skip
    """Log marginal likelihood of all claims on trees, tolls and figures summed out.

    Parameters
    ----------
    claimed : Claimed
        Distinct multisets of claims, on the points of a convolution grid.
    forest : Forest
        The trees.
    parameters : Parameters
        The point to evaluate at.
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
        Overwritten with those of the upward pass, the highest mass of each being 1, for `draw`.

    Returns
    -------
    float
        ``-inf`` where the claims are impossible.
    """
    return float(
        _evaluate_forest(
            claimed, forest, parameters, low, high, gradient, gradients, weight, masses, messages,
            known_by(claimed),
        )
    )  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy")
def _evaluate_forest(
    claimed: Claimed, forest: Forest, parameters: Parameters, low: Integers, high: Integers,
    gradient: bool, gradients: Parameters, weight: float, masses: Floats, messages: Floats,
    known: Known | None,
) -> float:  # fmt: skip
    n_patterns, n_points = claimed.level.size, claimed.grid.x.size
    begin, end = _windows(claimed, forest, parameters, low, high)
    tables = tabulate(claimed, parameters, claimed.grid, begin, end, gradient)
    if known is not None:
        fill_error(claimed, parameters, known)
    sums = np.zeros(flat_layout(parameters).size)
    if gradient:
        split(sums, gradients)
    likelihoods, units = np.zeros((n_patterns, n_points)), np.empty(n_patterns)
    if not _fill_likelihoods(claimed, parameters, begin, end, tables, known, likelihoods, units):
        return -np.inf
    _leave_out_caps(claimed, forest, parameters, gradient, units, sums)
    value = 0.0
    weights = np.zeros((n_patterns if gradient else 0, n_points))
    for t in range(forest.offsets.size - 1):
        value += _tree(
            forest, t, low, high, likelihoods, units, gradient, weights, weight, masses, messages
        )
    if gradient and value > -np.inf:
        _add_gradients(claimed, forest, parameters, begin, end, tables, known, weights, sums)
        split(sums, gradients)
    return value


@njit(cache=True, error_model="numpy")
def _windows(
    claimed: Claimed, forest: Forest, parameters: Parameters, low: Integers, high: Integers
) -> tuple[Integers, Integers]:
    """Stretch of points that some node of each pattern is summed over, or that claims are of."""
    n_patterns, n_points, x = claimed.level.size, claimed.grid.x.size, claimed.grid.x
    reach = reach_of_error(parameters) if claimed.has_location_error else 0.0
    begin, end = np.full(n_patterns, n_points), np.zeros(n_patterns, np.int64)
    for v in range(low.size):
        p = forest.pattern[v]
        if p >= 0:
            begin[p], end[p] = min(begin[p], low[v]), max(end[p], high[v])
    for p in range(n_patterns):
        if is_early(claimed, p):
            begin[p], end[p] = 0, n_points
        elif is_of_known(claimed, p) and end[p] > begin[p]:
            begin[p] = np.searchsorted(x, x[begin[p]] - reach)
            end[p] = np.searchsorted(x, x[end[p] - 1] + reach, side="right")
    return begin, end


@njit(cache=True, error_model="numpy")
def _fill_likelihoods(
    claimed: Claimed, parameters: Parameters, begin: Integers, end: Integers, tables: Tables,
    known: Known | None, likelihoods: Floats, units: Floats,
) -> bool:  # fmt: skip
    """Joint of each pattern over its highest value, and the log of that; whether all are possible.

    `likelihoods` has shape (n_patterns, n_points), `units` (n_patterns,).
    """
    table, work = tables.table, tables.work
    for p in range(units.size):
        a, n = begin[p], end[p] - begin[p]
        units[p] = pattern_joint(p, a, n, claimed, parameters, tables, known)[2]
        peak = highest(table, work, n)
        if not 0.0 < peak < np.inf:
            return False
        units[p] += math.log(peak)
        # Claims on a whole and on its parts may contradict each other beyond what a float holds:
        # then the density is that of the floor, finite, and rises to where it is theirs.
        for k in range(n):
            likelihoods[p, a + k] = max(table[0, work + k] / peak, _FLOOR)
    return True


@njit(cache=True, error_model="numpy")
def _leave_out_caps(
    claimed: Claimed, forest: Forest, parameters: Parameters, gradient: bool, units: Floats,
    sums: Floats,
) -> None:  # fmt: skip
    """Divide by the prior mass up to the cap, where a toll is capped and no sum."""
    shared = flat_layout(parameters).shared
    for p in range(units.size):
        level = claimed.level[p]
        if claimed.cap_edge[p] < np.inf and level >= 0:
            log_inside, d_mu, d_log_tau = cap_mass(claimed, parameters, p)
            units[p] -= log_inside
            if gradient:
                sums[level] -= forest.n_nodes[p] * d_mu
                sums[shared + LOG_TAU] -= forest.n_nodes[p] * d_log_tau


@njit(cache=True, error_model="numpy")
def _add_gradients(
    claimed: Claimed, forest: Forest, parameters: Parameters, begin: Integers, end: Integers,
    tables: Tables, known: Known | None, weights: Floats, sums: Floats,
) -> None:  # fmt: skip
    """Add the gradient of each pattern, whose joint counts by `weights` at each point."""
    table, work = tables.table, tables.work
    flat = flat_layout(parameters)
    for p in range(begin.size):
        a, n = begin[p], end[p] - begin[p]
        run, _, _, in_parts = pattern_joint(p, a, n, claimed, parameters, tables, known)
        peak = highest(table, work, n)
        for row in range(work, table.shape[1], tables.width):
            for k in range(n):
                table[0, row + k] *= weights[p, a + k] / peak
        toward = Gradient(forest.n_nodes[p], 1.0, flat, sums)
        add_gradient(run, a, n, claimed, tables, in_parts, toward)
        if known is not None:  # noqa: SIM102 - as in `pattern_joint`
            if is_of_known(claimed, p):
                for k in range(n):
                    known.apart[k] *= weights[p, a + k] / peak
                add_known_gradient(p, a, n, claimed, parameters, tables, known, toward)


@njit(cache=True, error_model="numpy")
def _tree(
    forest: Forest, t: int, low: Integers, high: Integers, likelihoods: Floats, units: Floats,
    gradient: bool, weights: Floats, weight: float, masses: Floats, messages: Floats,
) -> float:  # fmt: skip
    """Log marginal likelihood of one tree; posterior weights of each pattern's joint are added."""
    start, stop = forest.offsets[t], forest.offsets[t + 1]
    upward, scale = np.empty((stop - start, likelihoods.shape[1])), np.empty(stop - start)
    value, is_possible = _pass_upward(forest, start, low, high, likelihoods, units, upward, scale)
    if not is_possible:
        return -np.inf
    total = upward[-1].sum()  # of which the largest is one
    value += math.log(total)
    if messages.size > 0:
        messages[start:stop] = upward
    if gradient or masses.size > 0:
        _pass_downward(
            forest, start, low, high, likelihoods, upward, scale, 1.0 / total, gradient, weights,
            weight, masses,
        )  # fmt: skip
    return value


@njit(cache=True, error_model="numpy")
def _pass_upward(
    forest: Forest, start: int, low: Integers, high: Integers, likelihoods: Floats,
    units: Floats, upward: Floats, scale: Floats,
) -> tuple[float, bool]:  # fmt: skip
    """Fill the messages of a tree's nodes, and what each is multiplied by so that its peak is 1.

    The log of their unit, and whether all claims are possible.
    """
    left, right, pattern, mask = forest.left, forest.right, forest.pattern, forest.mask
    value = 0.0
    for i in range(scale.size):
        v, message = start + i, upward[i]
        if left[v] >= 0:
            convolve(forest.dense, upward[left[v] - start], upward[right[v] - start], message)
            if pattern[v] >= 0:
                message *= likelihoods[pattern[v]]
        elif pattern[v] >= 0:
            message[:] = likelihoods[pattern[v]]
        else:
            message[:] = 0.0
            message[0] = 1.0
        if mask[v] >= 0:
            message *= forest.masks[mask[v]]
        message[: low[v]] = 0.0
        message[high[v] :] = 0.0
        peak = message.max()
        if not _LEAST_PEAK < peak < np.inf:
            return value, False
        scale[i] = 1.0 / peak
        message *= scale[i]
        value += math.log(peak)
        if pattern[v] >= 0:
            value += units[pattern[v]]
    return value, True


@njit(cache=True, error_model="numpy")
def _pass_downward(
    forest: Forest, start: int, low: Integers, high: Integers, likelihoods: Floats,
    upward: Floats, scale: Floats, of_root: float, gradient: bool, weights: Floats,
    weight: float, masses: Floats,
) -> None:  # fmt: skip
    """Add to the nodes' posterior masses, and to weights of each pattern's joint.

    `of_root` is the derivative of the log likelihood by the root's message.
    """
    left, right, pattern, mask = forest.left, forest.right, forest.pattern, forest.mask
    downward = np.empty(upward.shape)
    downward[-1] = of_root
    for i in range(scale.size - 1, -1, -1):
        v, message = start + i, downward[i]
        if masses.size > 0:
            masses[v] += weight * (upward[i] * message)
        message *= scale[i]
        if mask[v] >= 0:
            message *= forest.masks[mask[v]]
        message[: low[v]] = 0.0
        message[high[v] :] = 0.0
        if left[v] < 0:
            if gradient and pattern[v] >= 0:
                weights[pattern[v]] += message
            continue
        a, b = left[v] - start, right[v] - start
        if pattern[v] >= 0:
            if gradient:
                # The joint's own derivative needs the sum's masses again.
                together = np.empty(message.size)
                convolve(forest.dense, upward[a], upward[b], together)
                weights[pattern[v]] += message * together
            message *= likelihoods[pattern[v]]
        add_slopes(forest.dense, upward[a], upward[b], message, downward[a], downward[b])


@njit(cache=True, nogil=True, error_model="numpy")
def draw_tolls(
    forest: Forest, messages: Floats, first: Integers, last: Integers, least: Integers,
    most: Integers, uniform: Floats, tolls: Integers,
) -> None:  # fmt: skip
    """Draw the tolls of all nodes jointly, from the roots down; every sum adds up.

    Parameters
    ----------
    forest : Forest
        The trees.
    messages : ndarray of float, shape (n_nodes, n_points)
        Those of the upward pass, from `evaluate`.
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
    start, end = max(least_a, toll - most_b), min(most_a, toll - least_b)
    n = 0
    while start <= end:
        i = np.searchsorted(first, start, side="right") - 1
        j = np.searchsorted(first, toll - start, side="right") - 1
        stop = min(min(last[i], toll - first[j]), end)
        density = (of_a[i] / (last[i] - first[i] + 1)) * (of_b[j] / (last[j] - first[j] + 1))
        if density > 0.0:
            weights[n], starts[n], stops[n] = density * (stop - start + 1), start, stop
            n += 1
        start = stop + 1
    return n
