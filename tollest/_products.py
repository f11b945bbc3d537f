r"""One pattern of claims: products and sums along its window of support.

For a distinct multiset of claims and a candidate toll `n`, with groups `g` of claims that state
the same number,

.. math::
    p(\text{claims}, n) = p(n) \prod_c (1 - \omega_c) \cdot \Big\{
        \Big(1 - \sum_g p_g(n)\Big) \prod_g F_g(n)
        + \sum_g p_g(n) R_g(n) \prod_{h \ne g} F_h(n) \Big\},
    \quad F_g = \prod_{c \in g} f_c, \quad
    R_g = \prod_{c \in g} \Big(f_c + \frac{\omega_c}{1 - \omega_c}\Big).

``f``, ``f + odds`` and ``p`` are read from the rows of `tollest._tables`. Loops run along the
support, where compilers turn them into vector instructions; one exponential is never taken.
Where products underflow, as under claims that contradict each other at a tiny scatter, the
pattern is summed in logarithms instead.

Arrays are handed over one by one: of a named tuple each is counted at every access, atomically,
which would cost more than the sums.
"""

import math

import numpy as np
from numba import njit

from tollest._mass import FAST, SUMS, mass_cell
from tollest._tables import Floats, Grid, Integers, Parameters, Problem, softplus

# A sum of products below this may have lost terms to underflow, or have masses in it that stop
# at 1e-137.
LEAST = 1e-120


# Rows of the work space: the joint; the product of own masses; the probability that no claimed
# number is the figure; a sum or product on the way; then three rows for each figure: its claims'
# own masses, those with the odds of repeating, and its part of the joint.
JOINT, NONE, REST, WAY, FIRST, EACH = 0, 1, 2, 3, 4, 3

# These loops make their own views: made by the caller they would be counted, atomically.


@njit(cache=True, fastmath=FAST, error_model="numpy")
def _start(work: Floats, n: int, prior: Floats, s: int) -> None:
    none, rest, way, mass = work[NONE, :n], work[REST, :n], work[WAY, :n], prior[0, s : s + n]
    for k in range(n):
        none[k] = mass[k]
        rest[k] = 1.0
        way[k] = 0.0


@njit(cache=True, fastmath=FAST, error_model="numpy")
def _own_claim(work: Floats, n: int, claim: Floats, s: int) -> None:
    """Multiply by a claim that cannot repeat the figure."""
    none, mass = work[NONE, :n], claim[0, s : s + n]
    for k in range(n):
        none[k] *= mass[k]


@njit(cache=True, fastmath=FAST, error_model="numpy")
def _two_claims(work: Floats, row: int, n: int, claim: Floats, s: int, t: int) -> None:
    """Products of two claims of the same figure."""
    own, both = work[row, :n], work[row + 1, :n]
    mass, either = claim[0, s : s + n], claim[1, s : s + n]
    other_mass, other_either = claim[0, t : t + n], claim[1, t : t + n]
    for k in range(n):
        own[k] = mass[k] * other_mass[k]
        both[k] = either[k] * other_either[k]


@njit(cache=True, fastmath=FAST, error_model="numpy")
def _one_more(work: Floats, row: int, n: int, claim: Floats, s: int) -> None:
    """Multiply by one more claim of the same figure."""
    own, both = work[row, :n], work[row + 1, :n]
    mass, either = claim[0, s : s + n], claim[1, s : s + n]
    for k in range(n):
        own[k] *= mass[k]
        both[k] *= either[k]


@njit(cache=True, fastmath=FAST, error_model="numpy")
def _add_figure(
    work: Floats, n: int, table: Floats, row: int, s: int, figure: Floats, t: int
) -> None:
    """Take a figure in: the sum of terms so far times its own masses, and its term.

    Its claims' products are rows `row` and ``row + 1`` of `table`.
    """
    none, rest, way = work[NONE, :n], work[REST, :n], work[WAY, :n]
    own, either, free = table[row, s : s + n], table[row + 1, s : s + n], figure[0, t : t + n]
    for k in range(n):
        way[k] = way[k] * own[k] + none[k] * (free[k] * either[k])
        none[k] *= own[k]
        rest[k] -= free[k]


@njit(cache=True, fastmath=SUMS, error_model="numpy")
def _sum_up(work: Floats, n: int) -> float:
    """Joint from the sum of all terms; its sum."""
    joint, none, rest, way = work[JOINT, :n], work[NONE, :n], work[REST, :n], work[WAY, :n]
    total = 0.0
    for k in range(n):
        joint[k] = max(rest[k], 0.0) * none[k] + way[k]
        total += joint[k]
    return total


@njit(cache=True, fastmath=FAST, error_model="numpy")
def _before(
    work: Floats, term_row: int, n: int, table: Floats, row: int, s: int, figure: Floats, t: int
) -> None:
    """Keep the own masses of all before a figure as the start of its term; add its own."""
    none, rest, term = work[NONE, :n], work[REST, :n], work[term_row, :n]
    own, free = table[row, s : s + n], figure[0, t : t + n]
    for k in range(n):
        term[k] = none[k]
        none[k] *= own[k]
        rest[k] -= free[k]


@njit(cache=True, fastmath=SUMS, error_model="numpy")
def _turn(work: Floats, n: int) -> float:
    """Joint where no claimed number is the figure, and its sum; then all terms are added."""
    joint, none, rest, way = work[JOINT, :n], work[NONE, :n], work[REST, :n], work[WAY, :n]
    total = 0.0
    for k in range(n):
        joint[k] = max(rest[k], 0.0) * none[k]
        way[k] = 1.0
        total += joint[k]
    return total


@njit(cache=True, fastmath=SUMS, error_model="numpy")
def _after(
    work: Floats, term_row: int, n: int, table: Floats, row: int, s: int, figure: Floats, t: int
) -> float:
    """Complete a figure's term by its claims and the own masses of all after it; its sum."""
    joint, way, term = work[JOINT, :n], work[WAY, :n], work[term_row, :n]
    own, either, free = table[row, s : s + n], table[row + 1, s : s + n], figure[0, t : t + n]
    total = 0.0
    for k in range(n):
        part = (free[k] * either[k]) * (term[k] * way[k])
        term[k] = part
        joint[k] += part
        way[k] *= own[k]
        total += part
    return total


@njit(cache=True, fastmath=SUMS, error_model="numpy")
def _dots(work: Floats, n: int, table: Floats, row: int, s: int) -> tuple[float, float]:
    """Weigh two rows of derivatives by the joint, and add up."""
    joint, a, b = work[JOINT, :n], table[row, s : s + n], table[row + 1, s : s + n]
    one = other = 0.0
    for k in range(n):
        one += joint[k] * a[k]
        other += joint[k] * b[k]
    return one, other


@njit(cache=True, fastmath=SUMS, error_model="numpy")
def _figure_dots(work: Floats, row: int, n: int, figure: Floats, s: int) -> tuple[float, float]:
    none, term = work[NONE, :n], work[row, :n]
    mass, a, b = figure[0, s : s + n], figure[1, s : s + n], figure[2, s : s + n]
    one = other = 0.0
    for k in range(n):
        weight = term[k] - mass[k] * none[k]
        one += weight * a[k]
        other += weight * b[k]
    return one, other


@njit(cache=True, fastmath=SUMS, error_model="numpy")
def _claim_dots(
    work: Floats, row: int, n: int, claim: Floats, s: int
) -> tuple[float, float, float]:
    """Weigh derivatives where a claim is its source's own; the weight where it is a repeat."""
    joint, term, share = work[JOINT, :n], work[row, :n], claim[4, s : s + n]
    a, b = claim[2, s : s + n], claim[3, s : s + n]
    one = other = repeats = 0.0
    for k in range(n):
        repeat = term[k] * share[k]
        own = joint[k] - repeat
        one += own * a[k]
        other += own * b[k]
        repeats += repeat
    return one, other, repeats


@njit(cache=True, fastmath=FAST, error_model="numpy")
def add_masses(
    masses: Floats, p: int, a: int, n: int, work: Floats, total: float, weight: float
) -> None:
    out, joint = masses[p, a : a + n], work[JOINT, :n]
    for k in range(n):
        out[k] += weight * (joint[k] / total)


@njit(cache=True, error_model="numpy")
def products(
    p: int, a: int, n: int, with_terms: bool,
    offsets: Integers, members: Integers, claim_figure: Integers, group: Integers,
    prior: Floats, prior_base: Integers, figure: Floats, figure_base: Integers,
    claim: Floats, claim_base: Integers, constant: Floats, work: Floats,
) -> tuple[float, float]:  # fmt: skip
    """Joint of pattern `p` over `n` points of support from `a`: its sum, and the log of its unit.

    On leaving, `work` holds the joint and the product of all own masses; if `with_terms`, also
    the part of the joint in which each figure does the rounds.
    """
    _start(work, n, prior, prior_base[group[p]] + a)
    row, log_unit = FIRST, 0.0
    m, end = offsets[p], offsets[p + 1]
    while m < end:
        j = members[m]
        log_unit += constant[j]
        s = claim_base[j] + a
        v = claim_figure[j]
        m += 1
        if v < 0:
            _own_claim(work, n, claim, s)
            continue
        t = figure_base[v] + a
        alone = True
        while m < end and claim_figure[members[m]] == v:
            i = members[m]
            log_unit += constant[i]
            if alone:
                _two_claims(work, row, n, claim, s, claim_base[i] + a)
            else:
                _one_more(work, row, n, claim, claim_base[i] + a)
            alone = False
            m += 1
        if with_terms:
            if alone:
                _before(work, row + 2, n, claim, 0, s, figure, t)
            else:
                _before(work, row + 2, n, work, row, 0, figure, t)
            row += EACH
        elif alone:
            _add_figure(work, n, claim, 0, s, figure, t)
        else:
            _add_figure(work, n, work, row, 0, figure, t)
    if not with_terms:
        return _sum_up(work, n), log_unit
    total = _turn(work, n)
    begin = offsets[p]
    m = end - 1
    while m >= begin:
        j = members[m]
        v = claim_figure[j]
        m -= 1
        if v < 0:
            continue
        alone = True
        while m >= begin and claim_figure[members[m]] == v:
            alone = False
            m -= 1
        row -= EACH
        t = figure_base[v] + a
        if alone:
            total += _after(work, row + 2, n, claim, 0, claim_base[j] + a, figure, t)
        else:
            total += _after(work, row + 2, n, work, row, 0, figure, t)
    return total, log_unit


@njit(cache=True, error_model="numpy")
def joint_at(
    p: int, k: int,
    offsets: Integers, members: Integers, claim_figure: Integers, group: Integers,
    prior: Floats, prior_base: Integers, figure: Floats, figure_base: Integers,
    claim: Floats, claim_base: Integers,
) -> float:  # fmt: skip
    """Joint of pattern `p` at point `k`, in the unit of `products`."""
    none, rest, terms = prior[0, prior_base[group[p]] + k], 1.0, 0.0
    m, end = offsets[p], offsets[p + 1]
    while m < end:
        j = members[m]
        v = claim_figure[j]
        own = claim[0, claim_base[j] + k]
        either = claim[1, claim_base[j] + k]
        m += 1
        if v < 0:
            none *= own
            continue
        while m < end and claim_figure[members[m]] == v:
            own *= claim[0, claim_base[members[m]] + k]
            either *= claim[1, claim_base[members[m]] + k]
            m += 1
        free = figure[0, figure_base[v] + k]
        terms = terms * own + none * (free * either)
        none *= own
        rest -= free
    return float(max(rest, 0.0) * none + terms)


@njit(cache=True, error_model="numpy")
def add_gradient(
    p: int, a: int, n: int, times: float, scale: float,
    offsets: Integers, members: Integers, claim_figure: Integers, claim_source: Integers,
    group: Integers, prior: Floats, prior_base: Integers, figure: Floats, figure_base: Integers,
    claim: Floats, claim_base: Integers, logit_repeat: Floats, work: Floats,
    mu: Floats, bias: Floats, log_scatter: Floats, repeat: Floats, shared: Floats,
) -> None:  # fmt: skip
    """Add the posterior mean of the complete-data gradient; `work` is in units of `scale`."""
    g = group[p]
    one, other = _dots(work, n, prior, 1, prior_base[g] + a)
    mu[g] += scale * one
    shared[0] += scale * other
    row, current = FIRST + 2 - EACH, -1
    for m in range(offsets[p], offsets[p + 1]):
        j = members[m]
        source, v = claim_source[j], claim_figure[j]
        s = claim_base[j] + a
        if v < 0:
            one, other = _dots(work, n, claim, 2, s)
        else:
            if v != current:
                current = v
                row += EACH
                one, other = _figure_dots(work, row, n, figure, figure_base[v] + a)
                shared[2] += scale * one
                shared[1] += scale * other
            one, other, repeats = _claim_dots(work, row, n, claim, s)
            omega = 1.0 / (1.0 + math.exp(-logit_repeat[source]))
            repeat[source] += scale * repeats - times * omega
        bias[source] += scale * one
        shared[2] += scale * one
        log_scatter[source] += scale * other


@njit(cache=True, error_model="numpy")
def logarithms(
    problem: Problem, parameters: Parameters, grid: Grid, p: int, a: int, n: int,
    work: Floats,
) -> float:  # fmt: skip
    """Do as `products`, in logs and cell by cell: the joint sums to one, the log of its unit."""
    tau, figure_scatter = math.exp(parameters.shared[0]), math.exp(parameters.shared[1])
    common_bias = parameters.shared[2]
    logs = np.empty(work.shape[0])
    peak = -np.inf
    for k in range(n):
        at = a + k
        mu = parameters.mu[problem.group[p]]
        log_joint = mass_cell(
            problem.toll_family, problem.toll_df, (grid.bin_lower[at] - mu) / tau,
            (grid.bin_upper[at] - mu) / tau, grid.bin_width[at] / tau,
        )[0]  # fmt: skip
        n_figures, current, masses = 0, -1, 0.0
        for m in range(problem.offsets[p], problem.offsets[p + 1]):
            j = problem.members[m]
            source = problem.claim_source[j]
            scatter = math.exp(parameters.log_scatter[source])
            centre = grid.x[at] + common_bias + parameters.bias[source]
            own = mass_cell(
                problem.family, problem.df, (problem.claim_lower[j] - centre) / scatter,
                (problem.claim_upper[j] - centre) / scatter, problem.claim_width[j] / scatter,
            )[0]  # fmt: skip
            log_joint += own
            v = problem.claim_figure[j]
            if v < 0:
                continue
            if v != current:
                centre = grid.x[at] + common_bias
                logs[n_figures] = mass_cell(
                    problem.family, problem.df,
                    (problem.figure_lower[v] - centre) / figure_scatter,
                    (problem.figure_upper[v] - centre) / figure_scatter,
                    problem.figure_width[v] / figure_scatter,
                )[0]  # fmt: skip
                masses += math.exp(logs[n_figures])
                n_figures += 1
                current = v
            logs[n_figures - 1] += softplus(parameters.logit_repeat[source] - own)
        largest = 0.0
        for g in range(n_figures):
            largest = max(largest, logs[g])
        total = max(1.0 - masses, 0.0) * math.exp(-largest)
        for g in range(n_figures):
            total += math.exp(logs[g] - largest)
        for g in range(n_figures):
            work[FIRST + EACH * g + 2, k] = math.exp(logs[g] - largest) / total
        work[NONE, k] = math.exp(-largest) / total
        work[JOINT, k] = log_joint + largest + math.log(total)
        peak = max(peak, work[JOINT, k])
    total = 0.0
    for k in range(n):
        work[JOINT, k] = math.exp(work[JOINT, k] - peak)
        total += work[JOINT, k]
    for k in range(n):
        work[JOINT, k] /= total
        work[NONE, k] *= work[JOINT, k]
        for row in range(FIRST + 2, FIRST + EACH * n_figures, EACH):
            work[row, k] *= work[JOINT, k]
    log_unit = peak + math.log(total)
    for m in range(problem.offsets[p], problem.offsets[p + 1]):
        j = problem.members[m]
        if problem.claim_figure[j] >= 0:
            log_unit -= softplus(parameters.logit_repeat[problem.claim_source[j]])
    return log_unit
