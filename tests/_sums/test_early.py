"""Claims of early ages, against sums over all numbers known by each age written out."""

import math
from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit, stdtr

import tollest as te
from tests.conftest import claims_of
from tests.contracts import check_gradient
from tollest import noise
from tollest._sums.early import _pass, _pass_back
from tollest._sums.tables import Grid
from tollest.noise import Logistic, Normal, StudentT
from tollest.priors import Never, Priors

FAMILIES = {"logistic": Logistic(), "normal": Normal(), "student": StudentT(4.0)}
CDF = {Logistic: expit, StudentT: partial(stdtr, 4.0)}
MOST = 60  # of all tolls, by their cap
BEYOND = 2000  # of numbers known
COLUMNS = "location source kind count date cap"
ONSETS = {"Arden": "2025-03-01 06:00", "Brook": "2025-03-02", "Dale": "2025-03-01 06:00"}
# Three ages at Arden, two claims of one figure at the second; a claim long after; a known toll.
CLAIMS = [
    ("Arden", "press", "count", 9, "2025-03-01 12:00", MOST),
    ("Arden", "clinic", "count", 17, "2025-03-03 06:00", MOST),
    ("Arden", "staff", "count", 17, "2025-03-03 06:00", MOST),
    ("Arden", "agency", "at_least", 20, "2025-03-07 06:00", MOST),
    ("Arden", "radio", "count", 30, None, MOST),
    ("Brook", "press", "count", 12, "2025-03-03", MOST),
    ("Brook", "clinic", "count", 12, "2025-03-03", MOST),
    ("Brook", "registry", "documented", 8, None, MOST),
    ("Corley", "press", "count", 21, "2025-03-09", MOST),
    ("Corley", "staff", "count", 21, None, MOST),
    ("Dale", "agency", "count", 4, "2025-03-01 12:00", MOST),
    ("Dale", "court", "verified", 15, None, MOST),
]


def edges(n):
    """Edges of whole numbers half a death outwards."""
    n = np.asarray(n)
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
    lower, _ = edges(numbers)
    upper = np.append(lower[1:], np.inf)
    return Grid(np.log1p(numbers), lower, upper, upper - lower)


@pytest.mark.parametrize("exceeds", [False, True])
@pytest.mark.parametrize("scale", [0.01, 0.4, 2.0])
def test_a_pass_is_the_sum_over_what_was_known(scale, exceeds):
    n = np.arange(MOST + 1)
    known = np.random.default_rng(1).random(n.size)
    passed, slope = np.empty((2, n.size))

    _pass(known, passed, slope, n.size, grid_of(n), scale, exceeds)

    matrix = known_given(scale, n, exceeds=exceeds)
    assert_allclose(matrix.sum(axis=1), 1.0, rtol=1e-12)
    assert_allclose(passed, matrix @ known, rtol=1e-12)
    more, less = (
        known_given(scale * math.exp(step), n, exceeds=exceeds) @ known for step in (1e-5, -1e-5)
    )
    assert_allclose(slope, (more - less) / 2e-5, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("exceeds", [False, True])
@pytest.mark.parametrize("stay", [0.0, 0.3])
def test_derivatives_go_back_as_sums_came(stay, exceeds):
    n = np.arange(MOST + 1)
    weights = np.random.default_rng(2).random(n.size)
    back = weights.copy()

    _pass_back(back, n.size, grid_of(n), 0.7, stay, exceeds)

    passed = stay * np.eye(n.size) + (1.0 - stay) * known_given(0.7, n, exceeds=exceeds)
    assert_allclose(back, weights @ passed, rtol=1e-12)


def world(family="logistic", **priors):
    claims = claims_of(CLAIMS, COLUMNS, onsets=ONSETS)
    model = te.Model(noise=FAMILIES[family], priors=Priors(**priors), support=te.Support(BEYOND))
    return claims, model.given(claims)


def a_theta(posterior, rng, **changes):
    theta = 0.5 * np.random.default_rng(rng).standard_normal(posterior.n_theta)
    centres = {
        "mu": 2.5, "log_tau": 0.0, "log_figure_scatter": -1.5, "log_early_shortfall": 0.4,
        "log_early_excess": -1.6, "log_halving": 0.4, "log_scatter": -1.5, "log_shortfall": -0.7,
        "log_list_shortfall": -0.5,
    } | changes  # fmt: skip
    for j, name in enumerate(posterior.theta_names):
        theta[j] += centres.get(name.partition("[")[0], 0.0)
    return theta


def written_out(claims, posterior, theta, family):
    """Log marginal likelihood and mass functions, by sums over all that is not known."""
    value = dict(zip(posterior.theta_names, theta.tolist(), strict=True))
    # What is known may exceed the cap; of numbers far above it nothing is left.
    n, total, masses = np.arange(BEYOND + 1), 0.0, []
    mu, tau = value["mu"], math.exp(value["log_tau"])
    prior = noise.mass(n, n, mu, tau) / noise.mass(0, MOST, mu, tau) * (n <= MOST)
    excess = math.exp(value["log_early_excess"])
    early, halving = math.exp(value["log_early_shortfall"]), math.exp(value["log_halving"])
    for i in range(claims.n_locations):
        rows = np.arange(claims.offsets[i], claims.offsets[i + 1])
        ages = sorted({age for age in claims.age[rows].tolist() if age < math.inf})
        known = np.ones(n.size)
        for age, later in zip(ages, [*ages, math.inf][1:], strict=True):
            known = known * said(claims, rows[claims.age[rows] == age], value, n, family)
            scale, next_scale = early / (1 + age / halving), early / (1 + later / halving)
            stay = next_scale / scale
            for matrix in (
                known_given(excess * scale, n, exceeds=True), known_given(scale, n)
            ):  # fmt: skip
                known = stay * known + (1 - stay) * (matrix @ known)
        late = said(claims, rows[np.isinf(claims.age[rows])], value, n, family)
        joint = prior * known * late
        if claims.documented[i]:
            joint = joint * listed(int(claims.documented[i]), value, n)
            joint[: claims.documented[i]] = 0.0
        if claims.verified[i] >= 0:
            joint = np.where(n == claims.verified[i], joint, 0.0)
        total += math.log(joint.sum())
        masses.append(joint / joint.sum())
    return total, masses


def listed(number, value, n):
    """Probability of a list of so many names at each toll."""
    x, scale = np.log1p(n), math.exp(value["log_list_shortfall"])
    lower, upper = edges(number)
    inside = np.maximum(np.minimum(x, upper) - lower, 0.0) / scale
    return -np.expm1(-inside) * np.exp(-np.maximum(x - upper, 0.0) / scale)


def said(claims, rows, value, n, family):
    """Probability of some claims at each number known, their figure summed out."""
    chosen, x = FAMILIES[family], np.log1p(n) + value["common_bias"]
    numbers = sorted({int(claims.lower[c]) for c in rows if claims.kind[c] == 0})
    scatter = math.exp(value["log_figure_scatter"])
    free = [own(number, x, scatter, chosen) for number in numbers]
    out = np.zeros(n.size)
    for figure, share in [
        *zip(numbers, free, strict=True), (None, 1.0 - sum(free, np.zeros(n.size)))
    ]:  # fmt: skip
        product = np.maximum(share, 0.0)
        for c in rows:
            source = claims.sources[claims.source_index[c]]
            centre = x + value[f"bias[{source}]"]
            scale = math.exp(value[f"log_scatter[{source}]"])
            number = int(claims.lower[c])
            if claims.kind[c] != 0:
                product = product * bounded(number, centre, scale, chosen, value)
                continue
            repeat = expit(value[f"logit_repeat[{source}]"])
            mass = own(number, centre, scale, chosen)
            product = product * (repeat * (number == figure) + (1.0 - repeat) * mass)
        out += product
    return out


def own(number, centres, scale, family):
    return np.array([noise.mass(number, number, m, scale, family).item() for m in centres])


def bounded(number, centres, scale, family, value):
    """Masses of "at least", by a quadrature over the amount."""
    cdf = CDF[type(family)]
    shortfall, per_unit = math.exp(value["log_shortfall"]), 400
    amounts = (np.arange(per_unit * 40) + 0.5) / per_unit
    lower, upper = edges(number)
    missed = centres[:, None] - shortfall * amounts
    inside = cdf((upper - missed) / scale) - cdf((lower - missed) / scale)
    return inside @ np.exp(-amounts) / per_unit


@pytest.mark.parametrize("family", ["logistic", "student"])
def test_the_marginal_is_the_sum_written_out(family):
    claims, posterior = world(family)
    theta = a_theta(posterior, 1)

    value, _ = posterior.log_likelihood_and_gradient(theta)
    masses = posterior.parts[0].averaged([posterior.parameters(theta)])

    expected, of_locations = written_out(claims, posterior, theta, family)
    assert value == pytest.approx(expected, abs=2e-4)
    for i, pattern in enumerate(posterior.patterns):
        found = np.bincount(np.minimum(posterior.bins[0], MOST + 1), masses[pattern])
        assert_allclose(found[: MOST + 1], of_locations[i][: MOST + 1], atol=3e-5)


@pytest.mark.parametrize(
    ("family", "log_scatter", "rtol"),
    [("logistic", -1.5, 1e-4), ("normal", -1.5, 1e-4), ("student", -1.5, 1e-4),
     ("logistic", -4.0, 1e-3)],
)  # fmt: skip
def test_the_gradient_is_that_of_differences(family, log_scatter, rtol):
    # At the smaller scatters claims contradict each other beyond what products hold.
    _, posterior = world(family)
    theta = a_theta(posterior, 2, log_scatter=log_scatter)

    _, gradient = posterior.log_likelihood_and_gradient(theta)

    check_gradient(
        lambda at: posterior.log_likelihood_and_gradient(at)[0], theta, gradient, scale=0.02,
        rtol=rtol, noise=1e-9,
    )  # fmt: skip


def a_tree():
    """A village of early claims in a district, which has early claims itself."""
    rows = [
        ("Coast", "press", "count", 40, "2025-03-02", None),
        ("Coast", "agency", "count", 44, "2025-03-05", None),
        ("Arden", "press", "count", 9, "2025-03-01 12:00", "Coast"),
        ("Arden", "clinic", "count", 17, "2025-03-03", "Coast"),
        ("Brook", "press", "count", 21, None, "Coast"),
    ]
    onsets = {"Coast": "2025-03-01", "Arden": "2025-03-01 06:00"}
    claims = claims_of(rows, "location source kind count date parent", onsets=onsets)
    return te.Model(support=te.Support(60)).given(claims)


def test_the_gradient_on_a_tree_is_that_of_differences():
    posterior = a_tree()
    theta = a_theta(posterior, 3)

    _, gradient = posterior.log_likelihood_and_gradient(theta)

    check_gradient(
        lambda at: posterior.log_likelihood_and_gradient(at)[0], theta, gradient, scale=0.02,
        rtol=1e-3, noise=1e-7,
    )  # fmt: skip


def test_a_whole_of_one_part_has_the_likelihood_of_the_part():
    rows = [row[:5] for row in CLAIMS[:4]]
    flat = claims_of(rows, "location source kind count date", onsets=ONSETS_OF_ARDEN)
    nested = claims_of(
        rows, "location source kind count date", onsets=ONSETS_OF_ARDEN,
        parents={"Arden": "Coast"}, complete=["Coast"],
    )  # fmt: skip
    fine = te.Model(support=te.Support(400, 0.005))
    one, other = fine.given(flat), fine.given(nested)
    theta = a_theta(one, 4)

    assert other.theta_names == one.theta_names
    assert other.log_density(theta) == pytest.approx(one.log_density(theta), abs=5e-3)


ONSETS_OF_ARDEN = {"Arden": ONSETS["Arden"]}


def test_what_is_not_used_is_no_unknown():
    plain = claims_of([("Arden", "press", "count", 9)])
    _, late = world(log_early_shortfall=Never())

    for posterior in (te.Model().given(plain), late):
        assert "log_early_shortfall" not in posterior.theta_names
        assert "log_halving" not in posterior.theta_names
    assert not np.isfinite(late.problem.claim_age).any()
    assert {"log_early_shortfall", "log_halving"} <= set(world()[1].theta_names)


def test_claims_of_no_known_age_are_of_the_toll():
    claims = claims_of(CLAIMS, COLUMNS)
    posterior = te.Model(support=te.Support(MOST)).given(claims)

    assert not claims.has_ages
    assert "log_halving" not in posterior.theta_names
