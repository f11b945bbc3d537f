"""Likelihoods by sums over all that is not known, as they stand: of bounds, lists, early claims.

Nothing is shared with the sums of the package but the masses of counts.
"""

import itertools
import math

import numpy as np
from scipy.special import expit

from tollest import noise
from tollest._sums.mass import Grid
from tollest.claims import KINDS
from tollest.noise import Logistic, Normal, StudentT

FAMILIES = {"logistic": Logistic(), "normal": Normal(), "student": StudentT(4.0)}
BEYOND = 2000  # of numbers known, which may exceed the cap of tolls


def edges(n):
    """Edges of whole numbers half a death outwards."""
    n = np.asarray(n)
    with np.errstate(divide="ignore"):
        return np.where(n == 0, -np.inf, np.log(n + 0.5)), np.log(n + 1.5)


def known_given(scale, n, *, exceeds=False):
    """Probability of each number known (columns) at each of a later one (rows)."""
    lower, upper, x = *edges(n), np.log1p(n)[:, None]
    upper[-1] = np.inf
    if exceeds:
        lower, upper, x = -upper, -lower, -x
    nearest, furthest = np.maximum(x - upper, 0.0), np.maximum(x - lower, 0.0)
    return np.exp(-nearest / scale) - np.exp(-furthest / scale)


def grid_of(numbers):
    """Bins of one whole number each, of which the last has all beyond."""
    lower, _ = edges(numbers)
    upper = np.append(lower[1:], np.inf)
    return Grid(np.log1p(numbers), lower, upper, upper - lower)


def a_theta(posterior, rng, **changes):
    """Unknowns around values at which all parts of the likelihood matter."""
    theta = 0.5 * np.random.default_rng(rng).standard_normal(posterior.n_theta)
    centres = {
        "mu": 2.5, "log_tau": 0.0, "log_figure_scatter": -1.5, "log_early_shortfall": 0.4,
        "log_early_excess": -1.6, "log_halving": 0.4, "log_scatter": -1.5, "log_shortfall": -0.7,
        "log_list_shortfall": -0.5, "log_location_error": -1.5, "logit_denial": -1.0,
        "logit_near_copy": -0.5, "log_copy_scatter": -4.0,
    } | changes  # fmt: skip
    for j, name in enumerate(posterior.theta_names):
        theta[j] += centres.get(name.partition("[")[0], 0.0)
    return theta


def written_out(claims, posterior, theta, family):
    """Log marginal likelihood, and mass functions of tolls up to `BEYOND`; shape of each that."""
    value = dict(zip(posterior.theta_names, theta.tolist(), strict=True))
    n, total, masses = np.arange(BEYOND + 1), 0.0, []
    mu, tau = value["mu"], math.exp(value["log_tau"])
    of_all = noise.mass(n, n, mu, tau)
    for i in range(claims.n_locations):
        rows = np.arange(claims.offsets[i], claims.offsets[i + 1])
        cap = int(claims.cap[i])
        late = said(claims, rows[np.isinf(claims.age[rows])], value, n, family)
        joint = late * before(claims, rows, value, n, family)
        if "log_location_error" in value:
            error = math.exp(value["log_location_error"])
            for exceeds in (True, False):
                joint = known_given(error, n, exceeds=exceeds) @ joint
        if claims.documented[i]:
            joint = joint * listed(int(claims.documented[i]), value, n)
        joint = joint * of_all / noise.mass(0, cap, mu, tau) * (n <= cap)
        joint[: claims.documented[i]] = 0.0
        if claims.verified[i] >= 0:
            joint = np.where(n == claims.verified[i], joint, 0.0)
        total += math.log(joint.sum())
        masses.append(joint / joint.sum())
    return total, masses


def before(claims, rows, value, n, family):
    """Probability of the claims of early ages at each toll."""
    ages = sorted({age for age in claims.age[rows].tolist() if age < math.inf})
    known = np.ones(n.size)
    if not ages:
        return known
    excess = math.exp(value["log_early_excess"])
    early, halving = math.exp(value["log_early_shortfall"]), math.exp(value["log_halving"])
    for age, later in zip(ages, [*ages, math.inf][1:], strict=True):
        known = known * said(claims, rows[claims.age[rows] == age], value, n, family)
        scale, next_scale = early / (1 + age / halving), early / (1 + later / halving)
        stay = next_scale / scale
        for matrix in (known_given(excess * scale, n, exceeds=True), known_given(scale, n)):
            known = stay * known + (1 - stay) * (matrix @ known)
    return known


def listed(number, value, n):
    """Probability of a list of so many names at each toll."""
    return known_given(math.exp(value["log_list_shortfall"]), n)[:, number]


def said(claims, rows, value, n, family):
    """Probability of some claims at each number known, their figure summed out.

    Over all that each count can be: its source's own, or the figure, or a number near it.
    """
    chosen, x = FAMILIES[family], np.log1p(n) + value["common_bias"]
    counts = [c for c in rows if KINDS[claims.kind[c]] == "count"]
    numbers = sorted({int(claims.lower[c]) for c in counts})
    scatter = math.exp(value["log_figure_scatter"])
    own = {c: of_claim(claims, c, value, n, chosen) for c in rows}
    out = np.zeros(n.size)
    for ways in itertools.product(("own", "same", "near"), repeat=len(counts)):
        product = np.ones(n.size)
        for c in rows:
            product = product * own[c][ways[counts.index(c)] == "own" if c in counts else 0]
        copying = [c for c, way in zip(counts, ways, strict=True) if way != "own"]
        if not copying:
            out += product
            continue
        # One of those who copy states the figure: it is one of the numbers.
        for v in numbers:
            free = masses_of(v, x, scatter, chosen)
            out += product * free * copied(claims, counts, ways, v, value)
    return out


def copied(claims, counts, ways, v, value):
    """Probability of the numbers of those who copy figure `v`, each in its way."""
    share = expit(value.get("logit_near_copy", -np.inf))
    scale = math.exp(value.get("log_copy_scatter", 0.0))
    near = {}
    for c in counts:
        number = int(claims.lower[c])
        near[c] = noise.mass(number, number, math.log1p(v), scale).item()
    of_v = noise.mass(v, v, math.log1p(v), scale).item()
    of_all = 1.0
    states_it = False
    for c, way in zip(counts, ways, strict=True):
        is_v = int(claims.lower[c]) == v
        states_it |= way != "own" and is_v
        if way == "same":
            of_all *= (1.0 - share) * is_v
        elif way == "near":
            of_all *= share * near[c]
    # Nobody would have stated it: then all do.
    reverted = 1.0
    for c, way in zip(counts, ways, strict=True):
        if way != "own":
            reverted *= int(claims.lower[c]) == v
            reverted *= share * (1.0 - of_v) if way == "near" else 0.0
    return of_all * states_it + reverted


def of_claim(claims, c, value, n, family):
    """Probability of one claim at each number known: where it copies (0), or does not (1).

    Where it copies, that of what it copies is left out; a denial copies nothing.
    """
    source = claims.sources[claims.source_index[c]]
    centre = np.log1p(n) + value["common_bias"] + value[f"bias[{source}]"]
    scale = math.exp(value[f"log_scatter[{source}]"])
    kind = KINDS[claims.kind[c]]
    denial = expit(value.get(f"logit_denial[{source}]", -np.inf))
    if kind == "estimate":
        stated = [noise.scale_of(family, sd[c]) for sd in (claims.sd_below, claims.sd_above)]
        of_number = two_piece(int(claims.lower[c]), centre, scale, stated, family)
        return ((1.0 - denial) * of_number,)
    if kind != "count":
        exceeds = kind == "at_most"
        number = int(claims.upper[c] if exceeds else claims.lower[c])
        matrix = known_given(math.exp(value["log_shortfall"]), n, exceeds=exceeds)
        return ((1.0 - denial) * (matrix @ masses_of(number, centre, scale, family)),)
    number, repeat = int(claims.lower[c]), expit(value[f"logit_repeat[{source}]"])
    counted = (1.0 - denial) * (1.0 - repeat) * masses_of(number, centre, scale, family)
    return (1.0 - denial) * repeat, denial * (number == 0) + counted


def two_piece(number, centres, scale, stated, family):
    """Masses of an estimate at all centres: one scale where these are below it, one above."""
    below, above = (math.hypot(scale, side) for side in stated)
    out = []
    for m in centres:
        side = below if m < 0.5 * (math.log(number + 0.5) + math.log(number + 1.5)) else above
        mass = noise.mass(number, number, m, side, family).item()
        out.append(mass * 2.0 * side / (below + above))
    return np.array(out)


def masses_of(number, centres, scale, family):
    """Masses of a count at all centres."""
    return np.array([noise.mass(number, number, m, scale, family).item() for m in centres])
