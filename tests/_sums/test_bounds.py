"""Masses of bounds, lists of names and denials, against sums written out."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import log_expit

import tollest as te
from tests._sums.written_out import (
    BEYOND,
    FAMILIES,
    a_theta,
    edges,
    grid_of,
    known_given,
    masses_of,
    written_out,
)
from tests.conftest import claims_of
from tests.contracts import check_gradient, check_likelihood_gradient
from tollest import noise
from tollest._sums.amounts import N_AMOUNTS, fill_amounts
from tollest._sums.bounds import Missed, bound_log_mass_far_out, list_log_mass, sum_bound
from tollest._sums.mass import Interval, Law, by_log_scale, claim_row
from tollest.priors import Censored, Never, Priors

N = np.arange(401)
GRID = grid_of(N)


def interval_of(number):
    lower, upper = (float(edge) for edge in edges(number))
    return Interval(lower, upper, upper - lower)


def rows_of(number, family, *, exceeds, centre, scale, shortfall, a=0):
    """Rows of a bound's table from the support's point `a` on, and the numbers beside them."""
    code, df = noise.family_code(FAMILIES[family])
    table, terms, x = np.empty((4, N.size - a)), np.zeros(5), GRID.x
    law, interval = Law(code, df, centre, scale), interval_of(number)
    terms[:3] = by_log_scale(code, centre, scale, *interval)
    claim_row(code, df, x[a:], centre, scale, *interval, *table[:3])
    table[2] -= (terms[0] - x[a:]) * table[1]
    amounts = np.empty((N_AMOUNTS, N.size))
    fill_amounts(GRID, shortfall, exceeds, amounts)
    missed = Missed(exceeds, shortfall, amounts)
    sum_bound(law, interval, x, missed, a, N.size - a, 1.0, True, table, 0, terms)
    return table


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("exceeds", [False, True])
@pytest.mark.parametrize(
    ("number", "scale", "shortfall"),
    [(2, 0.02, 0.5), (17, 0.15, 0.5), (17, 0.6, 0.05), (200, 0.15, 2.0), (0, 0.3, 0.4)],
)
def test_masses_of_bounds_are_sums_over_numbers(number, family, exceeds, scale, shortfall):
    table = rows_of(number, family, exceeds=exceeds, centre=0.03, scale=scale, shortfall=shortfall)

    of_counts = masses_of(number, GRID.x + 0.03, scale, FAMILIES[family])
    expected = known_given(shortfall, N, exceeds=exceeds) @ of_counts
    seen = expected > 1e-100
    assert seen.any()
    assert_allclose(table[0][seen], expected[seen], rtol=1e-10)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("exceeds", [False, True])
def test_derivatives_of_bounds_are_differences(family, exceeds):
    at = np.array([0.03, math.log(0.2), math.log(0.5)])

    def rows(values):
        centre, log_scale, log_shortfall = values
        return rows_of(
            17, family, exceeds=exceeds, centre=centre, scale=math.exp(log_scale),
            shortfall=math.exp(log_shortfall),
        )  # fmt: skip

    table = rows(at)
    for k in (5, 16, 20, 60):
        check_gradient(
            lambda values, k=k: math.log(rows(values)[0, k]), at, table[1:, k], scale=0.1,
            rtol=1e-4,
        )  # fmt: skip


@pytest.mark.parametrize(("exceeds", "points"), [(False, [3, 40]), (True, [3, 40])])
def test_some_number_is_said(exceeds, points):
    total = sum(
        rows_of(number, "logistic", exceeds=exceeds, centre=0.0, scale=0.1, shortfall=0.1)[0]
        for number in range(400)
    )

    # What is left are the numbers beyond.
    assert_allclose(total[points], 1.0, atol=1e-8)


@pytest.mark.parametrize("shortfall", [0.01, 0.5, 5.0])
@pytest.mark.parametrize("n", [0, 1, 7, 300])
def test_a_list_has_some_length_up_to_the_toll(n, shortfall):
    x = math.log1p(n)
    masses = [math.exp(list_log_mass(x, *interval_of(k)[:2], shortfall)[0]) for k in range(n + 2)]

    assert masses[-1] == 0.0
    assert sum(masses) == pytest.approx(1.0, abs=1e-12)


def test_the_slope_of_a_list_is_that_of_differences():
    for x in (math.log1p(5), math.log1p(6), math.log1p(90)):
        _, slope = list_log_mass(x, *interval_of(5)[:2], 0.5)
        check_gradient(
            lambda log, x=x: list_log_mass(x, *interval_of(5)[:2], math.exp(log[0]))[0],
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
    model = te.Model(noise=FAMILIES[family], priors=Priors(**priors), support=te.Support(BEYOND))
    return claims, model.given(claims)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_marginal_is_the_sum_written_out(family):
    claims, posterior = world(family)
    theta = a_theta(posterior, 1)

    value, _ = posterior.log_likelihood_and_gradient(theta)
    masses = posterior.parts[0].averaged([posterior.parameters(theta)])

    expected, of_locations = written_out(claims, posterior, theta, family)
    assert value == pytest.approx(expected, abs=1e-4)
    for i, pattern in enumerate(posterior.patterns):
        found = np.bincount(np.minimum(posterior.bins[0], 91), masses[pattern], minlength=92)
        assert_allclose(found[:91], of_locations[i][:91], atol=3e-5)


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

    check_likelihood_gradient(posterior, theta, rtol=rtol, noise=1e-9)


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
    law, interval = Law(0, 0.0, 0.0, 1.0), Interval(900.0, 900.5, 0.5)
    value = bound_log_mass_far_out(law, interval, 0.0, False, 3.0)
    mirrored = bound_log_mass_far_out(law, Interval(-900.5, -900.0, 0.5), 0.0, True, 3.0)

    # Far below the number the mass is that of the error, divided by one and the shortfall.
    alone = log_expit(-900.0) + math.log(-math.expm1(-0.5))
    assert value == pytest.approx(alone - math.log(4.0), rel=1e-9)
    assert mirrored == pytest.approx(value, rel=1e-12)
    # Far above it that of the shortfall.
    beyond = bound_log_mass_far_out(law, interval, 3000.0, False, 3.0)
    assert beyond == pytest.approx(-2099.5 / 3.0, rel=1e-3)
