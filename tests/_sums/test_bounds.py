"""Masses of bounds, lists of names and denials, against integrals and sums written out."""

import math
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import quad
from scipy.special import expit, log_expit, ndtr, stdtr

import tollest as te
from tests.conftest import claims_of
from tests.contracts import check_gradient
from tollest import noise
from tollest._sums.bounds import bound_log_mass, bound_rows, list_log_mass
from tollest._sums.mass import Interval, Law
from tollest.noise import Logistic, Normal, StudentT
from tollest.priors import Censored, Never, Priors

FAMILIES = {"logistic": Logistic(), "normal": Normal(), "student": StudentT(4.0)}
CDF = {"logistic": expit, "normal": ndtr, "student": partial(stdtr, 4.0)}
X = np.log1p(np.unique(np.r_[np.arange(40), np.geomspace(40, 1e6, 90).astype(int)]))
# Relative error of a mass that the steps of the filter are chosen for, down to a millionth of the
# largest; a normal's tail falls ever faster.
CLOSE = {"logistic": 3e-5, "normal": 5e-3, "student": 3e-5}


def edges(n):
    """Edges of a whole number half a death outwards, and its width."""
    lower = -np.inf if n == 0 else math.log(n + 0.5)
    return lower, math.log(n + 1.5), math.log(n + 1.5) - lower


def rows_of(number, family, *, beyond, centre, scale, shortfall, x=X):
    code, df = noise.family_code(FAMILIES[family])
    table = np.empty((4, x.size))
    bound_rows(
        Law(code, df, centre, scale), Interval(*edges(number)), x, 0, x.size, beyond, shortfall,
        1.0, table, 0,
    )  # fmt: skip
    return table


def integral(number, family, y, *, beyond, scale, shortfall):
    """Mass of the number said at the centre `y`, by quadrature over the exponential amount."""
    lower, upper, _ = edges(number)
    sign = -1.0 if beyond else 1.0

    def term(t):
        a = (lower - y) / scale + sign * shortfall * t / scale
        b = (upper - y) / scale + sign * shortfall * t / scale
        cdf = CDF[family]
        return math.exp(-t) * (cdf(-a) - cdf(-b) if a > 0 else cdf(b) - cdf(a))

    middle = [sign * (y - edge) / shortfall for edge in (lower, upper) if np.isfinite(edge)]
    wide = [m + k * scale / shortfall for m in middle for k in (-8, 0, 8)]
    cuts = [0.0, *sorted(t for t in wide if 0 < t < 60), 60.0]
    return sum(quad(term, a, b, epsabs=0, epsrel=1e-9, limit=200)[0]
               for a, b in pairwise(cuts))  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("beyond", [False, True])
@pytest.mark.parametrize(
    ("number", "scale", "shortfall"),
    [(2, 0.02, 0.5), (17, 0.15, 0.5), (17, 0.6, 0.05), (4000, 0.15, 2.0), (0, 0.3, 0.4)],
)
def test_masses_of_bounds_are_integrals(number, family, beyond, scale, shortfall):
    table = rows_of(number, family, beyond=beyond, centre=0.03, scale=scale, shortfall=shortfall)

    chosen = np.arange(0, X.size, 7)
    expected = np.array([
        integral(number, family, X[k] + 0.03, beyond=beyond, scale=scale, shortfall=shortfall)
        for k in chosen
    ])  # fmt: skip
    seen = expected > 1e-6 * table[0].max()
    assert seen.any()
    assert_allclose(table[0, chosen][seen], expected[seen], rtol=CLOSE[family])
    low, high, width = edges(number)
    for k in chosen[seen]:
        below, above = low - X[k] - 0.03, high - X[k] - 0.03
        if beyond:
            below, above = -above, -below
        code, df = noise.family_code(FAMILIES[family])
        value = bound_log_mass(
            code, df, below / scale, above / scale, width / scale, shortfall / scale
        )
        assert value == pytest.approx(math.log(table[0, k]), abs=CLOSE[family])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("beyond", [False, True])
def test_derivatives_of_bounds_are_differences(family, beyond):
    at = np.array([0.03, math.log(0.2), math.log(0.5)])

    def rows(values):
        centre, log_scale, log_shortfall = values
        return rows_of(
            17, family, beyond=beyond, centre=centre, scale=math.exp(log_scale),
            shortfall=math.exp(log_shortfall),
        )  # fmt: skip

    table = rows(at)
    for k in (5, 16, 20, 60):
        check_gradient(
            lambda values, k=k: math.log(rows(values)[0, k]), at, table[1:, k], scale=0.1,
            rtol=1e-4,
        )  # fmt: skip


@pytest.mark.parametrize("beyond", [False, True])
def test_some_number_is_said(beyond):
    x = np.log1p([3.0, 40.0])
    numbers = range(400 if not beyond else 40_000)
    total = sum(
        rows_of(number, "logistic", beyond=beyond, centre=0.0, scale=0.1, shortfall=0.4, x=x)[0]
        for number in numbers
    )

    # What is left are the numbers beyond.
    assert_allclose(total, 1.0, atol=1e-4)


@pytest.mark.parametrize("shortfall", [0.01, 0.5, 5.0])
@pytest.mark.parametrize("n", [0, 1, 7, 300])
def test_a_list_has_some_length_up_to_the_toll(n, shortfall):
    x = math.log1p(n)
    masses = [math.exp(list_log_mass(x, *edges(k)[:2], shortfall)[0]) for k in range(n + 2)]

    assert masses[-1] == 0.0
    assert sum(masses) == pytest.approx(1.0, abs=1e-12)


def test_the_slope_of_a_list_is_that_of_differences():
    for x in (math.log1p(5), math.log1p(6), math.log1p(90)):
        _, slope = list_log_mass(x, *edges(5)[:2], 0.5)
        check_gradient(
            lambda log, x=x: list_log_mass(x, *edges(5)[:2], math.exp(log[0]))[0],
            np.array([math.log(0.5)]), [slope],
        )  # fmt: skip


CLAIMS = [
    ("Arden", "press", "at_least", 17, 90), ("Arden", "clinic", "count", 21, 90),
    ("Arden", "staff", "count", 21, 90), ("Brook", "press", "count", 0, 90),
    ("Brook", "clinic", "count", 12, 90), ("Brook", "staff", "at_most", 30, 90),
    ("Corley", "press", "count", 0, 90), ("Corley", "clinic", "count", 0, 90),
    ("Dale", "registry", "documented", 9, 90), ("Dale", "staff", "at_least", 4, 90),
    ("Eden", "registry", "documented", 5, 90),
]  # fmt: skip


def world(family="logistic", **priors):
    claims = claims_of(CLAIMS, "location source kind count cap")
    model = te.Model(noise=FAMILIES[family], priors=Priors(**priors), support=te.Support(90))
    return claims, model.given(claims)


def a_theta(posterior, rng, **changes):
    theta = 0.5 * np.random.default_rng(rng).standard_normal(posterior.n_theta)
    centres = {
        "mu": 2.5, "log_tau": 0.0, "log_figure_scatter": -1.5, "log_shortfall": -0.7,
        "log_list_shortfall": -0.5, "log_scatter": -1.5, "logit_denial": -1.0,
    } | changes  # fmt: skip
    for j, name in enumerate(posterior.theta_names):
        theta[j] += centres.get(name.partition("[")[0], 0.0)
    return theta


def written_out(claims, posterior, theta, family):
    """Log marginal likelihood and mass functions, by sums over tolls and figures as they stand."""
    value = dict(zip(posterior.theta_names, theta.tolist(), strict=True))
    n = np.arange(91)
    x = np.log1p(n) + value["common_bias"]
    mu, tau, chosen = value["mu"], math.exp(value["log_tau"]), FAMILIES[family]
    prior = noise.mass(n, n, mu, tau) / noise.mass(0, 90, mu, tau)
    total, masses = 0.0, []
    for i in range(claims.n_locations):
        rows = range(claims.offsets[i], claims.offsets[i + 1])
        numbers = sorted({int(claims.lower[c]) for c in rows if claims.kind[c] == 0})
        free = [own_masses(v, x, math.exp(value["log_figure_scatter"]), chosen) for v in numbers]
        joint = np.zeros(n.size)
        for v, p in [*zip(numbers, free, strict=True), (None, 1.0 - sum(free, np.zeros(91)))]:
            product = prior * p
            for c in rows:
                product = product * of_claim(claims, c, v, value, x, chosen, family)
            joint += product
        if claims.documented[i]:
            lower, upper, _ = edges(int(claims.documented[i]))
            scale = math.exp(value["log_list_shortfall"])
            joint *= [math.exp(list_log_mass(one, lower, upper, scale)[0]) for one in np.log1p(n)]
        total += math.log(joint.sum())
        masses.append(joint / joint.sum())
    return total, masses


def own_masses(number, centres, scale, family):
    return np.array([noise.mass(number, number, m, scale, family).item() for m in centres])


def of_claim(claims, c, v, value, x, chosen, family):
    """Probability of one claim at each toll, where the figure is `v`."""
    source = claims.sources[claims.source_index[c]]
    y, scatter = x + value[f"bias[{source}]"], math.exp(value[f"log_scatter[{source}]"])
    denial = expit(value[f"logit_denial[{source}]"])
    kind, lower, upper = claims.kind[c], int(claims.lower[c]), int(claims.upper[c])
    if kind != 0:
        beyond = te.claims.KINDS[kind] == "at_most"
        number, shortfall = upper if beyond else lower, math.exp(value["log_shortfall"])
        return (1.0 - denial) * np.array([
            integral(number, family, one, beyond=beyond, scale=scatter, shortfall=shortfall)
            for one in y
        ])  # fmt: skip
    repeat = expit(value[f"logit_repeat[{source}]"])
    own = own_masses(lower, y, scatter, chosen)
    said = repeat * (lower == v) + (1.0 - repeat) * own
    return denial * (lower == 0) + (1.0 - denial) * said


@pytest.mark.parametrize("family", FAMILIES)
def test_the_marginal_is_the_sum_written_out(family):
    claims, posterior = world(family)
    theta = a_theta(posterior, 1)

    value, _ = posterior.log_likelihood_and_gradient(theta)
    masses = posterior.parts[0].averaged([posterior.parameters(theta)])

    expected, of_locations = written_out(claims, posterior, theta, family)
    assert value == pytest.approx(expected, abs=1e-4)
    for i, pattern in enumerate(posterior.patterns):
        found = np.bincount(
            np.minimum(posterior.bins[0], 91), masses[pattern], minlength=92
        )  # fmt: skip
        assert_allclose(found[:91], of_locations[i], atol=3e-5)


@pytest.mark.parametrize(
    ("family", "log_scatter", "rtol"),
    [("logistic", -1.5, 1e-4), ("normal", -1.5, 1e-4), ("student", -1.5, 1e-4),
     ("logistic", -5.0, 1e-4), ("normal", -5.0, 2e-2)],
)  # fmt: skip
def test_the_gradient_is_that_of_differences(family, log_scatter, rtol):
    # At the smaller scatters claims contradict each other beyond what products hold; of a normal
    # mass that is nothing the slopes are those of its tail.
    _, posterior = world(family)
    theta = a_theta(posterior, 2, log_scatter=log_scatter)

    _, gradient = posterior.log_likelihood_and_gradient(theta)

    check_gradient(
        lambda at: posterior.log_likelihood_and_gradient(at)[0], theta, gradient, scale=0.02,
        rtol=rtol, noise=1e-9,
    )  # fmt: skip


def test_what_is_not_used_is_no_unknown():
    plain = claims_of([("Arden", "press", "count", 9)])
    censored = {"log_shortfall": Censored(), "log_list_shortfall": Censored()}
    _, posterior = world(**censored, logit_denial=Never())
    unknowns = ("log_shortfall", "log_list_shortfall", "logit_denial")

    assert not any(
        name.startswith(unknowns)
        for names in (te.Model().given(plain).theta_names, posterior.theta_names)
        for name in names
    )
    names = world()[1].theta_names
    assert all(any(name.startswith(one) for name in names) for one in unknowns)


def test_a_censored_bound_is_alike_to_all_tolls_above():
    claims = claims_of([("Arden", "press", "at_least", 17)])
    model = te.Model(priors=Priors(log_shortfall=Censored()))
    problem = model.given(claims).problem

    assert problem.claim_form.tolist() == [0]
    assert problem.claim_upper.tolist() == [np.inf]


def test_who_names_no_lower_end_says_nothing():
    columns = "location source lower upper"
    claims = claims_of([("Arden", "press", 0, None), ("Brook", "press", 3, None)], columns)

    assert claims.is_bound.tolist() == [False, True]
    said = claims_of([("Arden", "press", "at_least", 0)])
    assert said.is_bound.tolist() == [True]


def test_log_masses_far_out_are_finite():
    value = bound_log_mass(0, 0.0, 900.0, 900.5, 0.5, 3.0)

    # Far below the number the mass is that of the error, divided by one and the shortfall.
    alone = log_expit(-900.0) + math.log(-math.expm1(-0.5))
    assert value == pytest.approx(alone - math.log(4.0), rel=1e-4)
