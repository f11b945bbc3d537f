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
# number is the figure; a sum or product on the way; then each figure's part of the joint.
JOINT, NONE, REST, WAY, FIRST = 0, 1, 2, 3, 4

# A figure is three rows: its claims' own masses, and the same with the odds of repeating, which
# are rows 0 and 1 of the claims' table from `s` on, in spare columns where claims share a figure;
# and the probability that it is the one that does the rounds, row 0 of the figures' from `t` on.
#
# These loops make their own views: made by the caller they would be counted, atomically.


@njit(cache=True, fastmath=FAST, error_model="numpy")
def _own_claim(claim: Floats, out: int, n: int, start: Floats, s: int, t: int) -> None:
    """Multiply what a pattern starts with by a claim that cannot repeat the figure."""
    product, begun, mass = claim[0, out : out + n], start[0, s : s + n], claim[0, t : t + n]
    for k in range(n):
        product[k] = begun[k] * mass[k]


@njit(cache=True, fastmath=FAST, error_model="numpy")
def _two_claims(claim: Floats, out: int, n: int, s: int, t: int) -> None:
    """Products of two claims of the same figure."""
    own, both = claim[0, out : out + n], claim[1, out : out + n]
    mass, either = claim[0, s : s + n], claim[1, s : s + n]
    other_mass, other_either = claim[0, t : t + n], claim[1, t : t + n]
    for k in range(n):
        own[k] = mass[k] * other_mass[k]
        both[k] = either[k] * other_either[k]


@njit(cache=True, fastmath=FAST, error_model="numpy")
def _times(claim: Floats, row: int, out: int, n: int, s: int) -> None:
    """Multiply a product in `row` by one more claim."""
    product, mass = claim[row, out : out + n], claim[row, s : s + n]
    for k in range(n):
        product[k] *= mass[k]


@njit(cache=True, fastmath=SUMS, error_model="numpy")
def _no_figure(work: Floats, n: int, start: Floats, a: int) -> float:
    joint, none, begun = work[JOINT, :n], work[NONE, :n], start[0, a : a + n]
    total = 0.0
    for k in range(n):
        joint[k] = begun[k]
        none[k] = begun[k]
        total += begun[k]
    return total


@njit(cache=True, fastmath=SUMS, error_model="numpy")
def _one_figure(
    work: Floats, n: int, start: Floats, a: int, claim: Floats, s: int, figure: Floats, t: int
) -> float:
    joint, none, term = work[JOINT, :n], work[NONE, :n], work[FIRST, :n]
    begun, own, either = start[0, a : a + n], claim[0, s : s + n], claim[1, s : s + n]
    free = figure[0, t : t + n]
    total = 0.0
    for k in range(n):
        product, part = begun[k] * own[k], begun[k] * (free[k] * either[k])
        value = max(1.0 - free[k], 0.0) * product + part
        none[k] = product
        term[k] = part
        joint[k] = value
        total += value
    return total


@njit(cache=True, fastmath=SUMS, error_model="numpy")
def _two_figures(
    work: Floats, n: int, start: Floats, a: int, claim: Floats, s1: int, s2: int,
    figure: Floats, t1: int, t2: int,
) -> float:  # fmt: skip
    joint, none = work[JOINT, :n], work[NONE, :n]
    term1, term2 = work[FIRST, :n], work[FIRST + 1, :n]
    begun = start[0, a : a + n]
    own1, either1, free1 = claim[0, s1 : s1 + n], claim[1, s1 : s1 + n], figure[0, t1 : t1 + n]
    own2, either2, free2 = claim[0, s2 : s2 + n], claim[1, s2 : s2 + n], figure[0, t2 : t2 + n]
    total = 0.0
    for k in range(n):
        first, second = begun[k] * own1[k], begun[k] * own2[k]
        product = first * own2[k]
        part1, part2 = second * (free1[k] * either1[k]), first * (free2[k] * either2[k])
        value = max(1.0 - free1[k] - free2[k], 0.0) * product + part1 + part2
        none[k] = product
        term1[k] = part1
        term2[k] = part2
        joint[k] = value
        total += value
    return total


@njit(cache=True, fastmath=SUMS, error_model="numpy")
def _three_figures(
    work: Floats, n: int, start: Floats, a: int, claim: Floats, s1: int, s2: int, s3: int,
    figure: Floats, t1: int, t2: int, t3: int,
) -> float:  # fmt: skip
    joint, none = work[JOINT, :n], work[NONE, :n]
    term1, term2, term3 = work[FIRST, :n], work[FIRST + 1, :n], work[FIRST + 2, :n]
    begun = start[0, a : a + n]
    own1, either1, free1 = claim[0, s1 : s1 + n], claim[1, s1 : s1 + n], figure[0, t1 : t1 + n]
    own2, either2, free2 = claim[0, s2 : s2 + n], claim[1, s2 : s2 + n], figure[0, t2 : t2 + n]
    own3, either3, free3 = claim[0, s3 : s3 + n], claim[1, s3 : s3 + n], figure[0, t3 : t3 + n]
    total = 0.0
    for k in range(n):
        first, last = begun[k] * own1[k], begun[k] * own3[k]
        both = first * own2[k]
        product = both * own3[k]
        part1 = last * own2[k] * (free1[k] * either1[k])
        part2 = last * own1[k] * (free2[k] * either2[k])
        part3 = both * (free3[k] * either3[k])
        rest = 1.0 - free1[k] - free2[k] - free3[k]
        value = max(rest, 0.0) * product + part1 + part2 + part3
        none[k] = product
        term1[k] = part1
        term2[k] = part2
        term3[k] = part3
        joint[k] = value
        total += value
    return total


# Of more figures, one at a time: forwards, then backwards.


@njit(cache=True, fastmath=FAST, error_model="numpy")
def _begin(work: Floats, n: int, start: Floats, a: int) -> None:
    none, rest, begun = work[NONE, :n], work[REST, :n], start[0, a : a + n]
    for k in range(n):
        none[k] = begun[k]
        rest[k] = 1.0


@njit(cache=True, fastmath=FAST, error_model="numpy")
def _before(work: Floats, row: int, n: int, claim: Floats, s: int, figure: Floats, t: int) -> None:
    """Keep the own masses of all before a figure as the start of its term; add its own."""
    none, rest, term = work[NONE, :n], work[REST, :n], work[row, :n]
    own, free = claim[0, s : s + n], figure[0, t : t + n]
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
def _after(work: Floats, row: int, n: int, claim: Floats, s: int, figure: Floats, t: int) -> float:
    """Complete a figure's term by its claims and the own masses of all after it; its sum."""
    joint, way, term = work[JOINT, :n], work[WAY, :n], work[row, :n]
    own, either, free = claim[0, s : s + n], claim[1, s : s + n], figure[0, t : t + n]
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


@njit(cache=True, fastmath=SUMS, error_model="numpy")
def _lone_dots(
    work: Floats, row: int, n: int, claim: Floats, s: int, figure: Floats, t: int
) -> tuple[float, float, float, float, float]:
    """`_claim_dots` and `_figure_dots` at once, of a figure that one claim states."""
    joint, none, term, share = work[JOINT, :n], work[NONE, :n], work[row, :n], claim[4, s : s + n]
    a, b = claim[2, s : s + n], claim[3, s : s + n]
    mass, c, d = figure[0, t : t + n], figure[1, t : t + n], figure[2, t : t + n]
    one = other = repeats = centre = scale = 0.0
    for k in range(n):
        repeat = term[k] * share[k]
        own = joint[k] - repeat
        weight = term[k] - mass[k] * none[k]
        one += own * a[k]
        other += own * b[k]
        repeats += repeat
        centre += weight * c[k]
        scale += weight * d[k]
    return one, other, repeats, centre, scale


@njit(cache=True, fastmath=FAST, error_model="numpy")
def add_masses(
    masses: Floats, p: int, a: int, n: int, work: Floats, total: float, weight: float
) -> None:
    out, joint = masses[p, a : a + n], work[JOINT, :n]
    for k in range(n):
        out[k] += weight * (joint[k] / total)


@njit(cache=True, error_model="numpy")
def products(
    p: int, a: int, n: int,
    offsets: Integers, members: Integers, claim_figure: Integers, group: Integers,
    prior: Floats, prior_base: Integers, figure: Floats, figure_base: Integers,
    claim: Floats, claim_base: Integers, constant: Floats, spare: int, work: Floats,
) -> tuple[float, float]:  # fmt: skip
    """Joint of pattern `p` over `n` points of support from `a`: its sum, and the log of its unit.

    On leaving, `work` holds the joint, the product of all own masses, and the part of the joint
    in which each figure does the rounds.
    """
    log_unit = 0.0
    begun, slot, n_figures = prior_base[group[p]] + a, spare, 0
    in_prior = True
    s1 = s2 = s3 = t1 = t2 = t3 = 0
    m, end = offsets[p], offsets[p + 1]
    while m < end:
        j = members[m]
        log_unit += constant[j]
        s, v = claim_base[j] + a, claim_figure[j]
        m += 1
        if v < 0:
            if in_prior:
                _own_claim(claim, slot, n, prior, begun, s)
                begun = slot
                slot += n
                in_prior = False
            else:
                _times(claim, 0, begun, n, s)
            continue
        alone = True
        while m < end and claim_figure[members[m]] == v:
            i = members[m]
            log_unit += constant[i]
            if alone:
                _two_claims(claim, slot, n, s, claim_base[i] + a)
            else:
                _times(claim, 0, slot, n, claim_base[i] + a)
                _times(claim, 1, slot, n, claim_base[i] + a)
            s = slot
            alone = False
            m += 1
        if not alone:
            slot += n
        n_figures += 1
        if n_figures == 1:
            s1, t1 = s, figure_base[v] + a
        elif n_figures == 2:
            s2, t2 = s, figure_base[v] + a
        elif n_figures == 3:
            s3, t3 = s, figure_base[v] + a
    start = prior if in_prior else claim
    if n_figures == 0:
        return _no_figure(work, n, start, begun), log_unit
    if n_figures == 1:
        return _one_figure(work, n, start, begun, claim, s1, figure, t1), log_unit
    if n_figures == 2:
        total = _two_figures(work, n, start, begun, claim, s1, s2, figure, t1, t2)
        return total, log_unit
    if n_figures == 3:
        total = _three_figures(work, n, start, begun, claim, s1, s2, s3, figure, t1, t2, t3)
        return total, log_unit
    _begin(work, n, start, begun)
    # Products stand where they were left: after what the pattern starts with.
    at = spare if in_prior else spare + n
    row, m = FIRST, offsets[p]
    while m < end:
        j = members[m]
        v = claim_figure[j]
        m += 1
        if v < 0:
            continue
        alone = True
        while m < end and claim_figure[members[m]] == v:
            alone = False
            m += 1
        _before(
            work, row, n, claim, claim_base[j] + a if alone else at, figure, figure_base[v] + a
        )
        at += 0 if alone else n
        row += 1
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
        row -= 1
        at -= 0 if alone else n
        total += _after(
            work, row, n, claim, claim_base[j] + a if alone else at, figure, figure_base[v] + a
        )
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
    offsets: Integers, members: Integers, claim_figure: Integers, claim_voice: Integers,
    group: Integers, prior: Floats, prior_base: Integers, figure: Floats, figure_base: Integers,
    claim: Floats, claim_base: Integers, omega: Floats, work: Floats,
    mu: Floats, bias: Floats, log_scatter: Floats, repeat: Floats, shared: Floats,
) -> None:  # fmt: skip
    """Add the posterior mean of the complete-data gradient; `work` is in units of `scale`."""
    g = group[p]
    one, other = _dots(work, n, prior, 1, prior_base[g] + a)
    mu[g] += scale * one
    shared[0] += scale * other
    row, current, end = FIRST - 1, -1, offsets[p + 1]
    for m in range(offsets[p], end):
        j = members[m]
        source, v = claim_voice[j], claim_figure[j]
        s = claim_base[j] + a
        if v < 0:
            one, other = _dots(work, n, claim, 2, s)
        else:
            if v != current and (m + 1 == end or claim_figure[members[m + 1]] != v):
                row += 1
                one, other, repeats, centre, spread = _lone_dots(
                    work, row, n, claim, s, figure, figure_base[v] + a
                )
                shared[2] += scale * centre
                shared[1] += scale * spread
            else:
                if v != current:
                    row += 1
                    centre, spread = _figure_dots(work, row, n, figure, figure_base[v] + a)
                    shared[2] += scale * centre
                    shared[1] += scale * spread
                one, other, repeats = _claim_dots(work, row, n, claim, s)
            current = v
            repeat[source] += scale * repeats - times * omega[source]
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
            source = problem.claim_voice[j]
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
            work[FIRST + g, k] = math.exp(logs[g] - largest) / total
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
        for row in range(FIRST, FIRST + n_figures):
            work[row, k] *= work[JOINT, k]
    log_unit = peak + math.log(total)
    for m in range(problem.offsets[p], problem.offsets[p + 1]):
        j = problem.members[m]
        if problem.claim_figure[j] >= 0:
            log_unit -= softplus(parameters.logit_repeat[problem.claim_voice[j]])
    return log_unit
