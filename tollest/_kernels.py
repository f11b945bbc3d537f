r"""Sums over tolls and figures: the log marginal likelihood, its gradient, tolls given theta.

For a pattern of claims (a distinct multiset, standing for `multiplicity` locations) and a
candidate toll `n`, with groups `g` of claims that state the same number,

.. math::
    \log p(\text{claims}, n) = \log p(n) + \sum_c \log\{(1 - \omega_c) f_c(n)\}
        + \log\Big\{1 + \sum_g p_g(n) \big(e^{A_g(n)} - 1\big)\Big\},
    \qquad A_g(n) = \sum_{c \in g} \log\Big\{1 + \frac{\omega_c}{(1 - \omega_c) f_c(n)}\Big\}.

``f``, ``A`` and ``p`` depend on the distinct claim or figure only, so each is tabulated once
over the stretch of support that any pattern needs. Gradients are posterior means of the
complete-data gradient (Fisher's identity): weights flow back into the same tables.

Every function here is serial and releases the interpreter's lock; threads run whole
evaluations side by side, so results cannot depend on their number.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tollest._mass import FAST, MAXIMA, SUMS, bin_row, claim_row, exp, log, mass_cell
from tollest.support import LANES

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Natural-log units below a pattern's peak at which its window of support ends.
DEPTH = 32.0
# Every STRIDE-th point of the support is looked at to find the windows.
STRIDE = 8


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
    claim_source: Integers  # (n_distinct,) distinct claims
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


class Rows(NamedTuple):
    """Ragged table: row `r` covers support ``low[r]:high[r]``, stored from ``start[r]``."""

    low: Integers
    high: Integers
    start: Integers


class Tables(NamedTuple):
    """Log masses and derivatives over each row's stretch of support."""

    priors: Rows
    prior: Floats  # (3, size): log mass, d/dmu, d/dlog tau
    figures: Rows
    figure: Floats  # (4, size): log mass, d/dcentre, d/dlog scatter, mass
    claims: Rows
    claim: Floats  # (5, size): log mass, d/dcentre, d/dlog scatter, log A, repeat probability


@njit(cache=True, fastmath=SUMS, error_model="numpy")
def _dot(a: Floats, b: Floats) -> float:
    total = 0.0
    for k in range(a.size):
        total += a[k] * b[k]
    return total


@njit(cache=True, fastmath=SUMS, error_model="numpy")
def _total(a: Floats) -> float:
    total = 0.0
    for k in range(a.size):
        total += a[k]
    return total


@njit(cache=True, fastmath=FAST, error_model="numpy")
def _repeat_row(logit: float, log_mass: Floats, gain: Floats, share: Floats) -> None:
    """``log(1 + odds / f)`` and ``odds / (odds + f)`` with the odds of repeating in logs."""
    for k in range(log_mass.size):
        d = logit - log_mass[k]
        q = exp(-abs(d))
        gain[k] = max(d, 0.0) + log(1.0 + q)
        share[k] = (1.0 if d > 0.0 else q) / (1.0 + q)


@njit(cache=True, fastmath=FAST, error_model="numpy")
def _exponentials(a: Floats, out: Floats) -> None:
    for k in range(a.size):
        out[k] = exp(a[k])


@njit(inline="always", fastmath=FAST, error_model="numpy")
def _add(out: Floats, a: Floats) -> None:
    for k in range(out.size):
        out[k] += a[k]


@njit(cache=True, fastmath=MAXIMA, error_model="numpy")
def _largest(a: Floats) -> float:
    largest = -np.inf
    for k in range(a.size):
        largest = max(largest, a[k])
    return largest


@njit(inline="always", fastmath=FAST, error_model="numpy")
def _raise_peak(peak: Floats, a: Floats) -> None:
    for k in range(peak.size):
        peak[k] = max(peak[k], a[k])


@njit(inline="always", fastmath=FAST, error_model="numpy")
def _open_sum(peak: Floats, masses: Floats, scale: Floats, total: Floats) -> None:
    """Start the sum over figures with those nobody claimed, in units of ``exp(peak)``."""
    for k in range(peak.size):
        scale[k] = exp(-peak[k])
        total[k] = scale[k] * max(1.0 - masses[k], 0.0)


@njit(inline="always", fastmath=FAST, error_model="numpy")
def _add_figure(peak: Floats, term: Floats, total: Floats) -> None:
    for k in range(peak.size):
        term[k] = exp(term[k] - peak[k])
        total[k] += term[k]


@njit(inline="always", fastmath=FAST, error_model="numpy")
def _close_sum(peak: Floats, scale: Floats, total: Floats, log_joint: Floats) -> None:
    """Add the log of the sum; leave one over it in `total`, the same at scale in `scale`."""
    for k in range(peak.size):
        log_joint[k] += peak[k] + log(total[k])
        total[k] = 1.0 / total[k]
        scale[k] *= total[k]


@njit(inline="always", fastmath=FAST, error_model="numpy")
def _multiply(out: Floats, a: Floats) -> None:
    for k in range(out.size):
        out[k] *= a[k]


@njit(cache=True, fastmath=FAST, error_model="numpy")
def _figure_term(
    log_joint: Floats, terms: Floats, masses: Floats, inverse: Floats, peak: Floats, total: Floats
) -> None:
    """Add the log of the sum over figures; turn `terms` into each figure's probability.

    `terms` holds ``log p_g + A_g`` on entry, `masses` the sum of the ``p_g``; on leaving,
    `inverse` holds one over the sum. Loops run along the support, for vector instructions.
    """
    peak[:] = 0.0
    for g in range(terms.shape[0]):
        _raise_peak(peak, terms[g])
    _open_sum(peak, masses, inverse, total)
    for g in range(terms.shape[0]):
        _add_figure(peak, terms[g], total)
    _close_sum(peak, inverse, total, log_joint)
    for g in range(terms.shape[0]):
        _multiply(terms[g], total)


@njit(cache=True, fastmath=FAST, error_model="numpy")
def _normalise(log_joint: Floats, weights: Floats) -> float:
    """Weights proportional to the exponentials, summing to one; the log of their sum."""
    peak = _largest(log_joint)
    for k in range(log_joint.size):
        weights[k] = exp(log_joint[k] - peak)
    total = _total(weights)
    inverse = 1.0 / total
    for k in range(log_joint.size):
        weights[k] *= inverse
    return peak + math.log(total)


@njit(cache=True, error_model="numpy")
def _rows(n_rows: int, low: Integers, high: Integers) -> tuple[Rows, int]:
    start = np.zeros(n_rows, np.int64)
    size = 0
    for r in range(n_rows):
        start[r] = size
        size += max(high[r] - low[r], 0)
    return Rows(low, high, start), size


@njit(cache=True, error_model="numpy")
def _tabulate(
    problem: Problem, parameters: Parameters, columns: Integers, low: Integers, high: Integers
) -> Tables:
    """Tables over the windows ``low:high`` of each pattern, on the support's `columns`."""
    n_groups, n_figures = parameters.mu.size, problem.figure_lower.size
    n_claims, n_columns = problem.claim_lower.size, columns.size
    prior_low, prior_high = np.full(n_groups, n_columns), np.zeros(n_groups, np.int64)
    figure_low, figure_high = np.full(n_figures, n_columns), np.zeros(n_figures, np.int64)
    claim_low, claim_high = np.full(n_claims, n_columns), np.zeros(n_claims, np.int64)
    for p in range(problem.group.size):
        g = problem.group[p]
        prior_low[g] = min(prior_low[g], low[p])
        prior_high[g] = max(prior_high[g], high[p])
        for m in range(problem.offsets[p], problem.offsets[p + 1]):
            j = problem.members[m]
            claim_low[j] = min(claim_low[j], low[p])
            claim_high[j] = max(claim_high[j], high[p])
            v = problem.claim_figure[j]
            if v >= 0:
                figure_low[v] = min(figure_low[v], low[p])
                figure_high[v] = max(figure_high[v], high[p])
    priors, prior_size = _rows(n_groups, prior_low, prior_high)
    figures, figure_size = _rows(n_figures, figure_low, figure_high)
    claims, claim_size = _rows(n_claims, claim_low, claim_high)
    prior = np.empty((3, prior_size))
    figure = np.empty((4, figure_size))
    claim = np.empty((5, claim_size))

    tau, figure_scatter = math.exp(parameters.shared[0]), math.exp(parameters.shared[1])
    common_bias = parameters.shared[2]
    x = problem.x[columns]
    bin_lower, bin_upper = problem.bin_lower[columns], problem.bin_upper[columns]
    bin_width = problem.bin_width[columns]
    for g in range(n_groups):
        a, b, s = prior_low[g], prior_high[g], priors.start[g]
        if b > a:
            e = s + b - a
            bin_row(
                problem.toll_family, problem.toll_df, bin_lower[a:b], bin_upper[a:b],
                bin_width[a:b], parameters.mu[g], tau, prior[0, s:e], prior[1, s:e], prior[2, s:e],
            )  # fmt: skip
    for v in range(n_figures):
        a, b, s = figure_low[v], figure_high[v], figures.start[v]
        e = s + b - a
        if b <= a:
            continue
        claim_row(
            problem.family, problem.df, x[a:b], common_bias, figure_scatter,
            problem.figure_lower[v], problem.figure_upper[v], problem.figure_width[v],
            figure[0, s:e], figure[1, s:e], figure[2, s:e],
        )  # fmt: skip
        _exponentials(figure[0, s:e], figure[3, s:e])
    for j in range(n_claims):
        a, b, s = claim_low[j], claim_high[j], claims.start[j]
        e = s + b - a
        if b <= a:
            continue
        source = problem.claim_source[j]
        claim_row(
            problem.family, problem.df, x[a:b], common_bias + parameters.bias[source],
            math.exp(parameters.log_scatter[source]),
            problem.claim_lower[j], problem.claim_upper[j], problem.claim_width[j],
            claim[0, s:e], claim[1, s:e], claim[2, s:e],
        )  # fmt: skip
        if problem.claim_figure[j] >= 0:
            _repeat_row(
                parameters.logit_repeat[source], claim[0, s:e], claim[3, s:e], claim[4, s:e]
            )
    return Tables(priors, prior, figures, figure, claims, claim)


@njit(inline="always", fastmath=FAST, error_model="numpy")
def _joint(
    problem: Problem, tables: Tables, p: int, a: int, b: int,
    log_joint: Floats, terms: Floats, scratch: Floats,
) -> int:  # fmt: skip
    """Log joint of pattern `p` over support ``a:b``, less its constants; its figures' number.

    On leaving, `terms` holds each figure's probability, ``scratch[1]`` one over their sum.
    """
    n = b - a
    masses = scratch[0]
    g = problem.group[p]
    s = tables.priors.start[g] + a - tables.priors.low[g]
    log_joint[:n] = tables.prior[0, s : s + n]
    n_figures = 0
    current = -1
    for m in range(problem.offsets[p], problem.offsets[p + 1]):
        j = problem.members[m]
        s = tables.claims.start[j] + a - tables.claims.low[j]
        _add(log_joint[:n], tables.claim[0, s : s + n])
        v = problem.claim_figure[j]
        if v >= 0:
            if v != current:
                t = tables.figures.start[v] + a - tables.figures.low[v]
                terms[n_figures, :n] = tables.figure[0, t : t + n]
                if n_figures == 0:
                    masses[:n] = tables.figure[3, t : t + n]
                else:
                    _add(masses[:n], tables.figure[3, t : t + n])
                n_figures += 1
                current = v
            _add(terms[n_figures - 1, :n], tables.claim[3, s : s + n])
    if n_figures > 0:
        _figure_term(
            log_joint[:n], terms[:n_figures, :n], masses[:n], scratch[1, :n], scratch[2, :n],
            scratch[3, :n],
        )  # fmt: skip
    return n_figures


@njit(cache=True, error_model="numpy")
def most_figures(problem: Problem) -> int:
    """Largest number of distinct figures in a pattern."""
    most = 0
    for p in range(problem.group.size):
        n_figures, current = 0, -1
        for m in range(problem.offsets[p], problem.offsets[p + 1]):
            v = problem.claim_figure[problem.members[m]]
            if v >= 0 and v != current:
                n_figures += 1
                current = v
        most = max(most, n_figures)
    return most


@njit(cache=True, error_model="numpy")
def _centres(problem: Problem, parameters: Parameters) -> Integers:
    """Stretch of support in which a claim, or the figure it repeats, has its centre."""
    n_claims = problem.claim_lower.size
    out = np.empty((2, n_claims), np.int64)
    common_bias = parameters.shared[2]
    for j in range(n_claims):
        out[0, j], out[1, j] = problem.x.size, 0
        bias = common_bias + parameters.bias[problem.claim_source[j]]
        for edge in (problem.claim_lower[j], problem.claim_upper[j]):
            if abs(edge) < np.inf:
                low = np.searchsorted(problem.x, edge - max(bias, common_bias)) - 1
                high = np.searchsorted(problem.x, edge - min(bias, common_bias)) + 1
                out[0, j], out[1, j] = min(out[0, j], low), max(out[1, j], high)
    return out


@njit(cache=True, error_model="numpy")
def _windows(problem: Problem, parameters: Parameters) -> tuple[Integers, Integers]:
    """Stretch of support outside which each pattern has no mass worth summing.

    Every STRIDE-th point is evaluated. Between the outermost centres of its claims a pattern
    is always summed: beyond them nothing but the prior can rise, and that only slowly.
    """
    n_patterns, n_support = problem.group.size, problem.x.size
    columns = np.arange(0, n_support + STRIDE - 1, STRIDE)
    columns[-1] = n_support - 1
    n_columns = columns.size
    low, high = np.zeros(n_patterns, np.int64), np.full(n_patterns, n_columns)
    tables = _tabulate(problem, parameters, columns, low, high)
    n_terms = most_figures(problem)
    log_joint, scratch = np.empty(n_columns), np.empty((4, n_columns))
    terms = np.empty((n_terms, n_columns))
    centres = _centres(problem, parameters)
    for p in range(n_patterns):
        first, last = problem.first[p], problem.last[p]
        if last - first <= 2 * STRIDE:
            low[p], high[p] = first, last
            continue
        _joint(problem, tables, p, 0, n_columns, log_joint, terms, scratch)
        # Only columns the floor and the cap allow count; at least one on either side.
        begin = min((first + STRIDE - 1) // STRIDE, n_columns - 1)
        end = max(min((last - 1) // STRIDE + 1, n_columns), begin + 1)
        peak = -np.inf
        for k in range(begin, end):
            peak = max(peak, log_joint[k])
        left, right = begin, end - 1
        while log_joint[left] < peak - DEPTH:
            left += 1
        while log_joint[right] < peak - DEPTH:
            right -= 1
        left, right = columns[max(left - 1, 0)], columns[min(right + 1, n_columns - 1)] + 1
        for m in range(problem.offsets[p], problem.offsets[p + 1]):
            j = problem.members[m]
            left, right = min(left, centres[0, j]), max(right, centres[1, j])
        # Whole vector registers: what is left over after them costs more than it adds.
        left, right = LANES * (max(left, 0) // LANES), LANES * ((right + LANES - 1) // LANES)
        low[p], high[p] = max(left, first), min(right, last)
    return low, high


@njit(cache=True, nogil=True, error_model="numpy")
def log_likelihood(
    problem: Problem, parameters: Parameters, gradient: bool, gradients: Parameters
) -> float:
    """Log marginal likelihood of all claims, tolls and figures summed out.

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

    Returns
    -------
    float
        Sum over patterns, each counted `multiplicity` times.
    """
    low, high = _windows(problem, parameters)
    tables = _tabulate(problem, parameters, np.arange(problem.x.size), low, high)
    n_scratch = 0
    for p in range(low.size):
        n_scratch = max(n_scratch, high[p] - low[p])
    log_joint, weights = np.empty(n_scratch), np.empty(n_scratch)
    scratch = np.empty((4, n_scratch))
    terms = np.empty((most_figures(problem), n_scratch))
    tau = math.exp(parameters.shared[0])
    value = 0.0
    if gradient:
        for array in gradients:
            array[:] = 0.0
        prior_weight = np.zeros(tables.prior.shape[1])
        figure_weight = np.zeros(tables.figure.shape[1])
        claim_weight = np.zeros(tables.claim.shape[1])
    else:
        prior_weight = figure_weight = claim_weight = np.empty(0)
    for p in range(low.size):
        a, b = low[p], high[p]
        n = b - a
        n_figures = _joint(problem, tables, p, a, b, log_joint, terms, scratch)
        log_mass = _normalise(log_joint[:n], weights[:n])
        times = problem.multiplicity[p]
        for m in range(problem.offsets[p], problem.offsets[p + 1]):
            j = problem.members[m]
            if problem.claim_figure[j] >= 0:
                logit = parameters.logit_repeat[problem.claim_source[j]]
                log_mass -= max(logit, 0.0) + math.log1p(math.exp(-abs(logit)))
        g = problem.group[p]
        if problem.cap_edge[p] < np.inf:
            z = (problem.cap_edge[p] - parameters.mu[g]) / tau
            inside = mass_cell(problem.toll_family, problem.toll_df, -np.inf, z, np.inf)
            log_mass -= inside[0]
            if gradient:
                gradients.mu[g] -= times * inside[1] / tau
                gradients.shared[0] -= times * inside[2]
        value += times * log_mass
        if gradient:
            for k in range(n):
                weights[k] *= times
            _backward(
                problem, parameters, tables, p, a, b, n_figures, weights[:n], terms, scratch[1],
                prior_weight, figure_weight, claim_weight, gradients,
            )  # fmt: skip
    if gradient:
        _collect(problem, tables, prior_weight, figure_weight, claim_weight, gradients)
    return value


@njit(cache=True, fastmath=FAST, error_model="numpy")
def _credit(weights: Floats, chosen: Floats, share: Floats, own: Floats, repeats: Floats) -> None:
    for k in range(weights.size):
        repeat = weights[k] * chosen[k] * share[k]
        repeats[k] = repeat
        own[k] += weights[k] - repeat


@njit(cache=True, fastmath=FAST, error_model="numpy")
def _credit_figure(
    weights: Floats, chosen: Floats, mass: Floats, inverse: Floats, out: Floats
) -> None:
    for k in range(weights.size):
        out[k] += weights[k] * (chosen[k] - mass[k] * inverse[k])


@njit(inline="always", error_model="numpy")
def _backward(
    problem: Problem, parameters: Parameters, tables: Tables, p: int, a: int, b: int,
    n_figures: int, weights: Floats, terms: Floats, inverse: Floats,
    prior_weight: Floats, figure_weight: Floats, claim_weight: Floats, gradients: Parameters,
) -> None:  # fmt: skip
    """Send a pattern's posterior weights back to the tables they came from."""
    n = b - a
    g = problem.group[p]
    s = tables.priors.start[g] + a - tables.priors.low[g]
    _add(prior_weight[s : s + n], weights)
    times = problem.multiplicity[p]
    repeats = np.empty(n if n_figures > 0 else 0)
    slot, current = -1, -1
    for m in range(problem.offsets[p], problem.offsets[p + 1]):
        j = problem.members[m]
        s = tables.claims.start[j] + a - tables.claims.low[j]
        v = problem.claim_figure[j]
        if v < 0:
            _add(claim_weight[s : s + n], weights)
            continue
        if v != current:
            slot += 1
            current = v
            t = tables.figures.start[v] + a - tables.figures.low[v]
            _credit_figure(
                weights, terms[slot, :n], tables.figure[3, t : t + n], inverse[:n],
                figure_weight[t : t + n],
            )  # fmt: skip
        _credit(
            weights, terms[slot, :n], tables.claim[4, s : s + n], claim_weight[s : s + n], repeats
        )
        source = problem.claim_source[j]
        omega = 1.0 / (1.0 + math.exp(-parameters.logit_repeat[source]))
        gradients.logit_repeat[source] += _total(repeats) - times * omega


@njit(cache=True, error_model="numpy")
def _collect(
    problem: Problem, tables: Tables, prior_weight: Floats, figure_weight: Floats,
    claim_weight: Floats, gradients: Parameters,
) -> None:  # fmt: skip
    """Contract weights with the derivatives of each row."""
    for g in range(gradients.mu.size):
        s = tables.priors.start[g]
        e = s + max(tables.priors.high[g] - tables.priors.low[g], 0)
        gradients.mu[g] += _dot(prior_weight[s:e], tables.prior[1, s:e])
        gradients.shared[0] += _dot(prior_weight[s:e], tables.prior[2, s:e])
    gradients.shared[1] += _dot(figure_weight, tables.figure[2])
    gradients.shared[2] += _dot(figure_weight, tables.figure[1])
    for j in range(problem.claim_source.size):
        s = tables.claims.start[j]
        e = s + max(tables.claims.high[j] - tables.claims.low[j], 0)
        source = problem.claim_source[j]
        d_centre = _dot(claim_weight[s:e], tables.claim[1, s:e])
        gradients.bias[source] += d_centre
        gradients.shared[2] += d_centre
        gradients.log_scatter[source] += _dot(claim_weight[s:e], tables.claim[2, s:e])


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
) -> None:
    """Tolls given theta: mass functions, and one joint draw.

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
    """
    low, high = _windows(problem, parameters)
    tables = _tabulate(problem, parameters, np.arange(problem.x.size), low, high)
    n_support = problem.x.size
    log_joint, weights = np.empty(n_support), np.empty(n_support)
    scratch, totals = np.empty((4, n_support)), np.empty(n_support)
    terms = np.empty((most_figures(problem), n_support))
    at = 0
    for p in range(low.size):
        a, n = low[p], high[p] - low[p]
        is_drawn = at < order.size and pattern[order[at]] == p
        if masses.size == 0 and not is_drawn:
            continue
        _joint(problem, tables, p, a, a + n, log_joint, terms, scratch)
        _normalise(log_joint[:n], weights[:n])
        if masses.size > 0:
            for k in range(n):
                masses[p, a + k] += weight * weights[k]
        total = 0.0
        for k in range(n):
            total += weights[k]
            totals[k] = total
        while at < order.size and pattern[order[at]] == p:
            i = order[at]
            target = uniform[i] * totals[n - 1]
            k = min(np.searchsorted(totals[:n], target, side="right"), n - 1)
            below = totals[k - 1] if k > 0 else 0.0
            index[i] = a + k
            within[i] = min(max((target - below) / max(weights[k], 1e-300), 0.0), 1.0 - 1e-12)
            at += 1


def add_toll_masses(
    problem: Problem, parameters: Parameters, weight: float, masses: Floats
) -> None:
    """Add `weight` times each pattern's mass function to `masses`, (n_patterns, n_support)."""
    none, nothing = np.empty(0, np.int64), np.empty(0)
    tolls(problem, parameters, weight, masses, none, none, nothing, none, nothing)


def draw_bins(
    problem: Problem, parameters: Parameters, pattern: Integers, uniform: Floats
) -> tuple[Integers, Floats]:
    """Draw every location's toll: its bin, and the position in [0, 1) inside the bin."""
    index, within = np.empty(pattern.size, np.int64), np.empty(pattern.size)
    order = np.argsort(pattern, kind="stable")
    tolls(problem, parameters, 0.0, np.empty((0, 0)), pattern, order, uniform, index, within)
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


@njit(cache=True, nogil=True, error_model="numpy")
def log_likelihoods(problem: Problem, parameters: Parameters, out: Floats) -> None:
    """Log marginal likelihood of each pattern, as one location's: multiplicity aside.

    Parameters
    ----------
    problem, parameters : Problem, Parameters
        The claims, and the point to evaluate at.
    out : ndarray of float, shape (n_patterns,)
        Overwritten. Summed with the multiplicities it is `log_likelihood`.
    """
    low, high = _windows(problem, parameters)
    tables = _tabulate(problem, parameters, np.arange(problem.x.size), low, high)
    n_support = problem.x.size
    log_joint, weights = np.empty(n_support), np.empty(n_support)
    scratch, terms = np.empty((4, n_support)), np.empty((most_figures(problem), n_support))
    tau = math.exp(parameters.shared[0])
    for p in range(low.size):
        n = high[p] - low[p]
        _joint(problem, tables, p, low[p], high[p], log_joint, terms, scratch)
        out[p] = _normalise(log_joint[:n], weights[:n])
        for m in range(problem.offsets[p], problem.offsets[p + 1]):
            j = problem.members[m]
            if problem.claim_figure[j] >= 0:
                logit = parameters.logit_repeat[problem.claim_source[j]]
                out[p] -= max(logit, 0.0) + math.log1p(math.exp(-abs(logit)))
        if problem.cap_edge[p] < np.inf:
            z = (problem.cap_edge[p] - parameters.mu[problem.group[p]]) / tau
            out[p] -= mass_cell(problem.toll_family, problem.toll_df, -np.inf, z, np.inf)[0]
