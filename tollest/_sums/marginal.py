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

from tollest._arrays import Floats, Integers
from tollest._sums.bounds import LISTED
from tollest._sums.compiled import kernel
from tollest._sums.joint import add_masses
from tollest._sums.known import Known, add_known_gradient, fill_error, known_by, pattern_joint
from tollest._sums.mass import mass_cell
from tollest._sums.slopes import Gradient, add_gradient
from tollest._sums.tables import (
    LOG_TAU,
    Claimed,
    Flat,
    Parameters,
    Tables,
    flat_layout,
    is_of_known,
    parameters_of,
    split,
    tabulate,
)
from tollest._sums.windows import windows, windows_at


@kernel()
def cap_mass(claimed: Claimed, parameters: Parameters, p: int) -> tuple[float, float, float]:
    """Log prior mass up to the cap of pattern `p`, and its derivatives by mu and log tau."""
    if claimed.cap_edge[p] == np.inf or claimed.level[p] < 0:
        return 0.0, 0.0, 0.0
    tau = math.exp(parameters.shared[LOG_TAU])
    z = (claimed.cap_edge[p] - parameters.mu[claimed.level[p]]) / tau
    inside = mass_cell(claimed.toll_family, claimed.toll_df, -np.inf, z, np.inf)
    return inside[0], inside[1] / tau, inside[2]


def evaluate(
    claimed: Claimed, like: Parameters, points: Floats, values: Floats, gradients: Floats,
    matrix: Floats,
) -> None:  # fmt: skip
    """Log marginal likelihood of all claims at several points, tolls and figures summed out.

    Parameters
    ----------
    claimed : Claimed
        Claims as patterns, and the support.
    like : Parameters
        Parameters of the shapes of those of a point.
    points : ndarray of float, shape (n_points, n_parameters)
        Where to evaluate; columns are those of `tollest._sums.tables.Flat`.
    values : ndarray of float, shape (n_points,)
        Overwritten with sums over patterns, each counted `multiplicity` times.
    gradients : ndarray of float, shape (n_points, n_parameters) or (0, n_parameters)
        Derivatives are added to it.
    matrix : ndarray of float, shape (n_parameters, n_parameters) or (0, 0)
        The sum over locations of outer products of their gradients at the first point is added.
    """
    low, high = windows(claimed, like, points)
    _evaluate(claimed, like, points, low, high, values, gradients, matrix, known_by(claimed))


@njit(cache=True, nogil=True, error_model="numpy")
def _evaluate(
    claimed: Claimed, like: Parameters, points: Floats, low: Integers, high: Integers,
    values: Floats, gradients: Floats, matrix: Floats, known: Known | None,
) -> None:  # fmt: skip
    """Do as `evaluate`, with or without derivatives: each by itself would be compiled whole."""
    flat, size, nothing = flat_layout(like), points.shape[1], matrix[:0]
    touched, of_location, nowhere = np.empty(size, np.int64), np.zeros(size), np.zeros(size)
    for i in range(points.shape[0]):
        parameters = parameters_of(flat, points[i])
        gradient = gradients.shape[0] > 0 or (i == 0 and matrix.size > 0)
        tables = tabulate(claimed, parameters, claimed.grid, low[i], high[i], gradient)
        if known is not None:
            fill_error(claimed, parameters, known)
        values[i] = _sum(
            claimed, parameters, low[i], high[i], gradient, tables, known, flat,
            gradients[i] if gradients.shape[0] > 0 else nowhere, of_location, touched,
            matrix if i == 0 else nothing,
        )  # fmt: skip


@kernel()
def _sum(
    claimed: Claimed, parameters: Parameters, low: Integers, high: Integers, gradient: bool,
    tables: Tables, known: Known | None, flat: Flat, sums: Floats, of_location: Floats,
    touched: Integers, matrix: Floats,
) -> float:  # fmt: skip
    """Sum over patterns; derivatives are added to `sums`.

    Where `matrix` wants those of each location they are first in `of_location`, which is zero
    but in the entries that the location has something to say of.
    """
    level, each = claimed.level, matrix.size > 0
    out = of_location if each else sums
    value = 0.0
    for p in range(low.size):
        a, n, times = low[p], high[p] - low[p], claimed.multiplicity[p]
        run, total, log_unit, in_parts = pattern_joint(p, a, n, claimed, parameters, tables, known)
        log_unit += math.log(total)
        weight = 1.0 if each else times
        if claimed.cap_edge[p] < np.inf:
            log_inside, d_mu, d_log_tau = cap_mass(claimed, parameters, p)
            log_unit -= log_inside
            if gradient:
                out[level[p]] -= weight * d_mu
                out[flat.shared + LOG_TAU] -= weight * d_log_tau
        value += times * log_unit
        if gradient:
            toward = Gradient(weight, weight / total, flat, out)
            add_gradient(run, a, n, claimed, tables, in_parts, toward)
            if known is not None:  # noqa: SIM102 - as in `pattern_joint`
                if is_of_known(claimed, p):
                    add_known_gradient(p, a, n, claimed, parameters, tables, known, toward)
        if each:
            n_touched = _touched(p, claimed, flat, touched)
            _move(times, touched[:n_touched], of_location, sums, matrix)
    return value


@kernel()
def _touched(p: int, claimed: Claimed, flat: Flat, touched: Integers) -> int:
    """Entries of the parameters that a location speaks of, each once; how many they are."""
    touched[0] = claimed.level[p]
    n = 1
    for i in range(flat.shared, flat.size):
        touched[n] = i
        n += 1
    for m in range(claimed.offsets[p], claimed.offsets[p + 1]):
        j = claimed.members[m]
        if claimed.claim_form[j] == LISTED:
            continue
        voice = claimed.claim_voice[j]
        if flat.logit_denial < flat.shared:
            touched[n] = flat.logit_denial + voice
            n += 1
        for start in (flat.bias, flat.log_scatter, flat.logit_repeat):
            touched[n] = start + voice
            n += 1
    return n


@kernel()
def _move(
    times: float, touched: Integers, of_location: Floats, sums: Floats, matrix: Floats
) -> None:  # fmt: skip
    """Add a location's gradient and its outer product to those of all, and leave zeros."""
    for i in touched:
        scaled = times * of_location[i]
        sums[i] += scaled
        for j in touched:
            matrix[i, j] += scaled * of_location[j]
    for i in touched:
        of_location[i] = 0.0


def log_likelihood(
    claimed: Claimed, parameters: Parameters, gradient: bool, gradients: Parameters
) -> float:
    """Log marginal likelihood at one point; `gradients` are overwritten where they are asked."""
    point, values = np.concatenate(parameters)[None], np.empty(1)
    slopes = np.zeros((int(gradient), point.shape[1]))
    evaluate(claimed, parameters, point, values, slopes, np.empty((0, 0)))
    if gradient:
        split(slopes[0], gradients)
    return float(values[0])


def tolls(
    claimed: Claimed,
    parameters: Parameters,
    weight: float,
    masses: Floats,
    pattern: Integers,
    order: Integers,
    uniform: Floats,
    index: Integers,
    fraction: Floats,
    logs: Floats,
) -> None:
    """Tolls given theta: mass functions, one joint draw, and how likely the claims are.

    Parameters
    ----------
    claimed, parameters : Claimed, Parameters
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
    fraction : ndarray of float, shape (n_locations,)
        Overwritten with a uniform number in [0, 1): the position inside the bin.
    logs : ndarray of float, shape (n_patterns,), or (0,)
        Overwritten with the log marginal likelihood of each pattern, as one location's.
    """
    _tolls(
        claimed, parameters, windows_at(claimed, parameters), weight, masses, pattern, order,
        uniform, index, fraction, logs, known_by(claimed),
    )  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy")
def _tolls(
    claimed: Claimed, parameters: Parameters, ends: tuple[Integers, Integers], weight: float,
    masses: Floats, pattern: Integers, order: Integers, uniform: Floats, index: Integers,
    fraction: Floats, logs: Floats, known: Known | None,
) -> None:  # fmt: skip
    low, high = ends
    tables = tabulate(claimed, parameters, claimed.grid, low, high, bool(np.bool_(False)))
    if known is not None:
        fill_error(claimed, parameters, known)
    table, work, totals = tables.table, tables.work, np.empty(tables.width)
    position = 0
    for p in range(low.size):
        a, n = low[p], high[p] - low[p]
        is_drawn = position < order.size and pattern[order[position]] == p
        if masses.size == 0 and logs.size == 0 and not is_drawn:
            continue
        _, total, log_unit, _ = pattern_joint(p, a, n, claimed, parameters, tables, known)
        log_unit += math.log(total)
        if logs.size > 0:
            logs[p] = log_unit - cap_mass(claimed, parameters, p)[0]
        if masses.size > 0:
            add_masses(masses, p, a, n, table, work, total, weight)
        if not is_drawn:
            continue
        total = 0.0
        for k in range(n):
            total += table[0, work + k]
            totals[k] = total
        while position < order.size and pattern[order[position]] == p:
            i = order[position]
            target = uniform[i] * totals[n - 1]
            k = min(np.searchsorted(totals[:n], target, side="right"), n - 1)
            below, mass = totals[k - 1] if k > 0 else 0.0, table[0, work + k]
            index[i] = a + k
            fraction[i] = min(max((target - below) / max(mass, 1e-300), 0.0), 1.0 - 1e-12)
            position += 1


def add_toll_masses(
    claimed: Claimed, parameters: Parameters, weight: float, masses: Floats
) -> None:
    """Add `weight` times each pattern's mass function to `masses`, (n_patterns, n_support)."""
    none, nothing = np.empty(0, np.int64), np.empty(0)
    tolls(claimed, parameters, weight, masses, none, none, nothing, none, nothing, nothing)


def log_likelihoods(claimed: Claimed, parameters: Parameters, out: Floats) -> None:
    """Log marginal likelihood of each pattern, as one location's: multiplicity aside.

    `out`, of shape (n_patterns,), is overwritten. Summed with the multiplicities it is
    `log_likelihood`.
    """
    none, nothing = np.empty(0, np.int64), np.empty(0)
    tolls(claimed, parameters, 0.0, np.empty((0, 0)), none, none, nothing, none, nothing, out)


def draw_bins(
    claimed: Claimed, parameters: Parameters, pattern: Integers, uniform: Floats
) -> tuple[Integers, Floats]:
    """Draw every location's toll: its bin, and the position in [0, 1) inside the bin."""
    index, fraction = np.empty(pattern.size, np.int64), np.empty(pattern.size)
    order = np.argsort(pattern, kind="stable")
    tolls(
        claimed, parameters, 0.0, np.empty((0, 0)), pattern, order, uniform, index, fraction,
        np.empty(0),
    )  # fmt: skip
    return index, fraction


def shard(claimed: Claimed, start: int, stop: int) -> Claimed:
    """Take the patterns ``start:stop`` by themselves."""
    offsets = claimed.offsets[start : stop + 1]
    return claimed._replace(
        offsets=offsets - offsets[0],
        members=claimed.members[offsets[0] : offsets[-1]],
        level=claimed.level[start:stop],
        first=claimed.first[start:stop],
        last=claimed.last[start:stop],
        cap_edge=claimed.cap_edge[start:stop],
        multiplicity=claimed.multiplicity[start:stop],
    )
