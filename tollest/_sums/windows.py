r"""Windows: the stretch of support outside which a pattern of claims has no mass worth summing.

Beyond the outermost centres of a pattern's claims nothing but the prior can rise. Where errors
and tolls are logistic it is known how fast the rest falls. With ``f`` the mass of an interval at a
toll whose log lies :math:`\delta` scatters beyond its edge, and a further `d`,

.. math:: \frac{f(\delta + d)}{f(\delta)} \le e^{-d} (1 + e^{-\delta})^2,

so that each term of the joint, a figure's claims repeating it or not, falls at least at the rate
of all factors that are left in it. The slowest of the terms gives the window, by a few additions
a claim, and less than 1e-12 of the mass is outside.

Other errors fall faster or slower further out: there the joint itself is looked at, on every
eighth point.
"""

import math

import numpy as np
from numba import njit

from tollest._arrays import Floats, Integers
from tollest._sums.bounds import DENIED, ESTIMATED, FALLS_SHORT, GOES_BEYOND, LISTED
from tollest._sums.compiled import kernel
from tollest._sums.joint import highest
from tollest._sums.logarithms import summed
from tollest._sums.mass import LOGISTIC, Grid
from tollest._sums.near import NEAR_REACH
from tollest._sums.tables import (
    COMMON_BIAS,
    LOG_COPY_SCATTER,
    LOG_FIGURE_SCATTER,
    LOG_LIST_SHORTFALL,
    LOG_LOCATION_ERROR,
    LOG_SHORTFALL,
    LOG_TAU,
    LOGIT_NEAR_COPY,
    NEVER,
    Claimed,
    Parameters,
    Tables,
    all_of,
    flat_layout,
    is_early,
    is_of_known,
    parameters_of,
    tabulate,
)

# Natural-log units below a pattern's peak at which its window of support ends.
DEPTH = 30.0
# The same for the error of a location alone, whose tail has 1e-8 of its mass beyond.
ERROR_DEPTH = 18.0
# Every STRIDE-th point of the support is looked at to find the windows.
STRIDE = 8
# Of these, so many are looked at beyond the centres, and so many more while there is mass.
_MARGIN, _FURTHER = 4, 16
# Windows are made of whole vector registers: what is left over costs more than it adds.
_LANES = 8
# Most that the log of a logistic mass falls short of its rate of falling: log 4.
_SLACK = 1.3862943611198906
# Log odds below which a claim of 0 is no denial as far as a window goes.
_NEVER = -DEPTH
# Entries of the table of where logs lie on the support, for each point of it.
_FINER = 4

# Rows of what is known of each claim: where it, or the figure it repeats, has its lowest and its
# highest centre; the edges of where it has its own; its rates of falling below and above; and the
# number that it states, if it may be a copy.
_INNER, _OUTER, _LOWER, _UPPER, _BELOW, _ABOVE, _NUMBER = 0, 1, 2, 3, 4, 5, 6


@njit(cache=True, error_model="numpy")
def _edges(claimed: Claimed, parameters: Parameters) -> Floats:
    """Tell what is known of each distinct claim, shape (7, n_claims)."""
    lower, upper, voice = claimed.claim_lower, claimed.claim_upper, claimed.claim_voice
    logit_denial = parameters.logit_denial
    common_bias, biases, scatter = (
        parameters.shared[COMMON_BIAS], parameters.bias, np.exp(parameters.log_scatter)
    )  # fmt: skip
    form, shortfall = claimed.claim_form, math.exp(parameters.shared[LOG_SHORTFALL])
    out = np.empty((7, lower.size))
    for j in range(lower.size):
        out[_NUMBER, j] = (
            math.log(math.exp(upper[j]) - 0.5) if claimed.claim_figure[j] >= 0 else 0.0
        )
        if form[j] == LISTED:
            # Nothing but the floor bounds the toll from below.
            out[_INNER, j] = out[_OUTER, j] = out[_UPPER, j] = upper[j]
            out[_LOWER, j], out[_BELOW, j] = -np.inf, 0.0
            out[_ABOVE, j] = math.exp(-parameters.shared[LOG_LIST_SHORTFALL])
            continue
        centre = common_bias + biases[voice[j]]
        least, most = min(centre, common_bias), max(centre, common_bias)
        out[_LOWER, j], out[_UPPER, j] = lower[j] - centre, upper[j] - centre
        nearest = lower[j] if lower[j] > -np.inf else upper[j]
        furthest = upper[j] if upper[j] < np.inf else lower[j]
        out[_INNER, j] = nearest - most if abs(nearest) < np.inf else np.inf
        out[_OUTER, j] = furthest - least if abs(furthest) < np.inf else -np.inf
        below = above = scatter[voice[j]]
        # An error and a shortfall together fall no slower than this, but for a factor of two.
        slower = math.hypot(below, shortfall)
        if form[j] == FALLS_SHORT:
            above = slower
            out[_UPPER, j] += below
            out[_OUTER, j] += below
        elif form[j] == GOES_BEYOND:
            below = slower
            out[_LOWER, j] -= above
            out[_INNER, j] -= above
        elif form[j] == ESTIMATED:
            below = math.hypot(below, claimed.claim_below[j])
            above = math.hypot(above, claimed.claim_above[j])
        out[_BELOW, j], out[_ABOVE, j] = 1.0 / below, 1.0 / above
        if form[j] == DENIED and logit_denial[voice[j]] > _NEVER:
            # A denial has no end: it says the same of every toll.
            out[_UPPER, j] = np.inf
    return out


@kernel(forceinline=True)
def _slack(beyond: float) -> float:
    """Bound on ``2 log(1 + exp(-beyond))``, for ``beyond >= 0``."""
    return _SLACK / (1.0 + (0.72 + 0.25 * beyond) * beyond)


@kernel(forceinline=True)
def _reach(need: float, rate: float, gap: float, slope: float) -> float:
    """Distance in which all terms have fallen by `need`.

    The prior rises for another `gap`, or falls from here on, at most and at least by `slope`.
    """
    if gap <= 0.0:
        return need / (rate + slope)
    if (rate - slope) * gap >= need:
        return need / (rate - slope)
    return gap + (need - (rate - slope) * gap) / (rate + slope)


@kernel(forceinline=True)
def _allowed(claimed: Claimed, p: int) -> tuple[int, int]:
    """Stretch of support that a window can be of: what floors and caps leave, of tolls alone."""
    if is_of_known(claimed, p):
        return int(np.int64(0)), claimed.grid.x.size
    return claimed.first[p], claimed.last[p]


@kernel()
def reach_of_error(parameters: Parameters) -> float:
    """Distance on the log1p axis that an error of a location does not lead beyond."""
    error = math.exp(parameters.shared[LOG_LOCATION_ERROR])
    # While the prior falls more slowly than the error it may make up for a part of that.
    slower = 1.0 - error * math.exp(-parameters.shared[LOG_TAU])
    return ERROR_DEPTH * error / max(slower, 0.1)


@njit(cache=True, error_model="numpy")
def _reach_known(claimed: Claimed, parameters: Parameters, low: Integers, high: Integers) -> None:
    """Widen windows of tolls to where all claims are of another number, of an error from them."""
    if not claimed.has_location_error:
        return
    x, reach = claimed.grid.x, reach_of_error(parameters)
    for p in range(low.size):
        if not is_of_known(claimed, p) or is_early(claimed, p):
            continue
        least = min(x[low[p]], x[claimed.last[p] - 1]) - reach
        most = max(x[high[p] - 1], x[claimed.first[p]]) + reach
        low[p] = _LANES * (max(np.searchsorted(x, least) - 1, 0) // _LANES)
        high[p] = min(_LANES * ((np.searchsorted(x, most) + _LANES) // _LANES), x.size)


@kernel()
def _reach_of_copies(parameters: Parameters) -> float:
    """Distance within which a number may be a changed copy of another; 0 where none can."""
    if parameters.shared[LOGIT_NEAR_COPY] <= NEVER:
        return 0.0
    return NEAR_REACH * math.exp(parameters.shared[LOG_COPY_SCATTER])


@kernel()
def _bound(
    claimed: Claimed, parameters: Parameters, edges: Floats, lookup: Integers, low: Integers,
    high: Integers,
) -> None:  # fmt: skip
    """Fill `low` and `high` by how fast logistic masses fall.

    `lookup` has the point of support at or above each of evenly spaced logs.
    """
    x, offsets, members, claim_figure = (
        claimed.grid.x, claimed.offsets, claimed.members, claimed.claim_figure
    )  # fmt: skip
    level, mus, upper = claimed.level, parameters.mu, claimed.claim_upper
    copies_reach = _reach_of_copies(parameters)
    figure_rate = math.exp(-parameters.shared[LOG_FIGURE_SCATTER])
    slope = math.exp(-parameters.shared[LOG_TAU])
    per_entry = (lookup.size - 1) / (x[x.size - 1] - x[0])
    for p in range(low.size):
        first, last = _allowed(claimed, p)
        mu = mus[level[p]]
        if is_early(claimed, p):
            # What was known early may be far from the toll on either side: all is summed.
            low[p], high[p] = 0, x.size
            continue
        if last - first <= 2 * STRIDE:
            low[p], high[p] = first, last
            continue
        inner, outer, rising, falling = np.inf, -np.inf, 0.0, 0.0
        # Of a figure's claims, and of those near it, none falls where they repeat it, but it does.
        slowest_left = slowest_right = figure_rate
        current, before, left, right = -1, 0, 0.0, 0.0
        for m in range(offsets[p], offsets[p + 1]):
            j = members[m]
            v = claim_figure[j]
            inner, outer = min(inner, edges[_INNER, j]), max(outer, edges[_OUTER, j])
            on_left = edges[_BELOW, j] if edges[_LOWER, j] > -np.inf else 0.0
            on_right = edges[_ABOVE, j] if edges[_UPPER, j] < np.inf else 0.0
            rising, falling = rising + on_left, falling + on_right
            if v >= 0:
                # A number is nearer to be a copy of the next larger one than the other way round.
                apart = edges[_NUMBER, j] - upper[before]
                is_copy = v == current or (current >= 0 and apart < copies_reach)
                left = on_left + (left if is_copy else 0.0)
                right = on_right + (right if is_copy else 0.0)
                slowest_left = min(slowest_left, figure_rate - left)
                slowest_right = min(slowest_right, figure_rate - right)
                current, before = v, j
        if inner > outer:
            inner = outer = mu
        inner, outer = min(inner, x[last - 1]), max(outer, x[first])
        # The prior's own slack, and a figure's.
        need_left = need_right = DEPTH + 2.0 * _SLACK
        for m in range(offsets[p], offsets[p + 1]):
            j = members[m]
            if edges[_UPPER, j] < np.inf:
                need_right += _slack((outer - edges[_UPPER, j]) * edges[_ABOVE, j])
            if edges[_LOWER, j] > -np.inf:
                need_left += _slack((edges[_LOWER, j] - inner) * edges[_BELOW, j])
        down = inner - _reach(need_left, rising + min(slowest_left, 0.0), inner - mu, slope)
        up = outer + _reach(need_right, falling + min(slowest_right, 0.0), mu - outer, slope)
        entry = min(max(int((down - x[0]) * per_entry), 0), lookup.size - 1)
        low[p] = max(_LANES * (max(lookup[entry] - 1, 0) // _LANES), first)
        entry = min(max(int((up - x[0]) * per_entry) + 1, 0), lookup.size - 1)
        high[p] = min(_LANES * ((lookup[entry] + 1 + _LANES) // _LANES), last)


@njit(cache=True, error_model="numpy")
def _centres(x: Floats, edges: Floats) -> Integers:
    """Stretch of support in which a claim, or the figure it repeats, has its centre.

    Of one that says nothing it is empty.
    """
    out = np.empty((2, edges.shape[1]), np.int64)
    for j in range(edges.shape[1]):
        out[0, j], out[1, j] = x.size, 0
        if edges[_INNER, j] <= edges[_OUTER, j]:
            out[0, j] = np.searchsorted(x, edges[_INNER, j]) - 1
            out[1, j] = np.searchsorted(x, edges[_OUTER, j]) + 1
    return out


@kernel()
def _search(
    claimed: Claimed, parameters: Parameters, grid: Grid, columns: Integers, centres: Integers,
    modes: Integers, tables: Tables, low: Integers, high: Integers,
) -> None:  # fmt: skip
    """Fill `low` and `high`, from tables on every STRIDE-th point."""
    n_support, n_columns = claimed.grid.x.size, columns.size
    offsets, members, level = claimed.offsets, claimed.members, claimed.level
    table, work = tables.table, tables.work
    depth = math.exp(-DEPTH)
    for p in range(low.size):
        first, last = _allowed(claimed, p)
        run = all_of(claimed, p)
        if is_early(claimed, p):
            low[p], high[p] = 0, n_support
            continue
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
        middle = modes[level[p]]
        start = max(min(inner, middle) // STRIDE - _MARGIN, begin)
        stop = min(max(outer, middle) // STRIDE + 1 + _MARGIN, end)
        while True:
            # Whole vector registers, as far as there are columns.
            n = min(_LANES * ((stop - start + _LANES - 1) // _LANES), end - begin)
            start = min(start, end - n)
            summed(claimed, parameters, grid, run, start, n, tables)
            least, stop = depth * highest(table, work, n), start + n
            is_open_left = start > begin and table[0, work] >= least
            is_open_right = stop < end and table[0, work + n - 1] >= least
            if not is_open_left and not is_open_right:
                break
            start -= min(_FURTHER, start - begin) if is_open_left else 0
            stop += min(_FURTHER, end - stop) if is_open_right else 0
        left, right = 0, n - 1
        while table[0, work + left] < least:
            left += 1
        while table[0, work + right] < least:
            right -= 1
        left, right = left + start, right + start
        left, right = columns[max(left - 1, 0)], columns[min(right + 1, n_columns - 1)] + 1
        left, right = max(min(left, inner), 0), max(right, outer)
        # Whole vector registers: what is left over after them costs more than it adds.
        left, right = _LANES * (left // _LANES), _LANES * ((right + _LANES - 1) // _LANES)
        low[p], high[p] = max(left, first), min(right, last)


def windows(claimed: Claimed, like: Parameters, points: Floats) -> tuple[Integers, Integers]:
    """First and one past the last point of support that each pattern is summed over.

    Between the outermost centres of its claims a pattern is always summed.

    Parameters
    ----------
    claimed : Claimed
        Claims as patterns, and the support.
    like : Parameters
        Parameters of the shapes of those of a point.
    points : ndarray of float, shape (n_points, n_parameters)
        Where to evaluate, as in `tollest._sums.marginal.evaluate`.

    Returns
    -------
    low, high : ndarray of int, shape (n_points, n_patterns)
    """
    low = np.zeros((len(points), claimed.level.size), np.int64)
    high = np.zeros_like(low)
    is_logistic = claimed.family == LOGISTIC and claimed.toll_family == LOGISTIC
    fill = _bounds_at if is_logistic else _search_at
    fill(claimed, like, points, low, high)
    return low, high


def windows_at(claimed: Claimed, parameters: Parameters) -> tuple[Integers, Integers]:
    """Windows at one point, both of shape (n_patterns,)."""
    low, high = windows(claimed, parameters, np.concatenate(parameters)[None])
    return low[0], high[0]


@njit(cache=True, nogil=True, error_model="numpy")
def _bounds_at(
    claimed: Claimed, like: Parameters, points: Floats, low: Integers, high: Integers
) -> None:
    """Fill windows by how fast logistic masses fall."""
    x, flat = claimed.grid.x, flat_layout(like)
    lookup = np.searchsorted(x, np.linspace(x[0], x[-1], _FINER * x.size))
    for i in range(points.shape[0]):
        parameters = parameters_of(flat, points[i])
        _bound(claimed, parameters, _edges(claimed, parameters), lookup, low[i], high[i])
        _reach_known(claimed, parameters, low[i], high[i])


@njit(cache=True, nogil=True, error_model="numpy")
def _search_at(
    claimed: Claimed, like: Parameters, points: Floats, low: Integers, high: Integers
) -> None:
    """Fill windows by looking at the joint."""
    fine, flat = claimed.grid, flat_layout(like)
    columns = np.arange(0, fine.x.size + STRIDE - 1, STRIDE)
    columns[-1] = fine.x.size - 1
    grid = Grid(
        fine.x[columns], fine.bin_lower[columns], fine.bin_upper[columns], fine.bin_width[columns]
    )
    none, all_columns = np.zeros(low.shape[1], np.int64), np.full(low.shape[1], columns.size)
    for i in range(points.shape[0]):
        parameters = parameters_of(flat, points[i])
        tables = tabulate(claimed, parameters, grid, none, all_columns, bool(np.bool_(False)))
        centres, modes = (
            _centres(fine.x, _edges(claimed, parameters)), np.searchsorted(fine.x, parameters.mu)
        )  # fmt: skip
        _search(claimed, parameters, grid, columns, centres, modes, tables, low[i], high[i])
        _reach_known(claimed, parameters, low[i], high[i])
