"""Figures that are repeated with small changes, against sums over all that claims can be."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tollest as te
from tests._sums.written_out import BEYOND, FAMILIES, a_theta, written_out
from tests.conftest import claims_of
from tests.contracts import check_likelihood_gradient
from tollest.priors import Never, Priors

# Numbers that are near each other and not, stated once, twice and three times; a denial.
CLAIMS = [
    ("Arden", "press", "count", 196),
    ("Arden", "clinic", "count", 200),
    ("Arden", "staff", "count", 200),
    ("Arden", "agency", "count", 205),
    ("Arden", "radio", "at_least", 150),
    ("Brook", "press", "count", 40),
    ("Brook", "clinic", "count", 40),
    ("Corley", "press", "count", 90),
    ("Corley", "staff", "count", 90),
    ("Corley", "clinic", "count", 90),
    ("Dale", "press", "count", 0),
    ("Dale", "staff", "count", 0),
    ("Dale", "agency", "count", 7),
    ("Dale", "clinic", "count", 8),
    ("Eden", "press", "count", 21),
    ("Eden", "agency", "count", 60),
]
FORMS = [("logistic", {}), ("student", {}), ("logistic", {"log_copy_scatter": -1.0})]


def world(family="logistic", **priors):
    model = te.Model(noise=FAMILIES[family], priors=Priors(**priors), support=te.Support(BEYOND))
    claims = claims_of(CLAIMS)
    return claims, model.given(claims)


@pytest.mark.parametrize(("family", "changes"), FORMS)
def test_the_marginal_is_the_sum_over_all_that_claims_can_be(family, changes):
    claims, posterior = world(family)
    theta = a_theta(posterior, 1, **changes)

    value, _ = posterior.log_likelihood_and_gradient(theta)
    masses = posterior.parts[0].averaged([posterior.parameters(theta)])

    expected, of_locations = written_out(claims, posterior, theta, family)
    assert value == pytest.approx(expected, abs=2e-4)
    for i, pattern in enumerate(posterior.patterns):
        found = np.bincount(np.minimum(posterior.bins[0], BEYOND), masses[pattern])
        assert_allclose(found[:BEYOND], of_locations[i][:BEYOND], atol=1e-5)


@pytest.mark.parametrize(("family", "changes"), [*FORMS, ("normal", {}), (
    "logistic", {"log_scatter": -5.0, "log_figure_scatter": -5.0, "log_copy_scatter": -5.0}
)])  # fmt: skip
def test_the_gradient_is_that_of_differences(family, changes):
    # At the smallest scatters claims contradict each other beyond what products hold.
    _, posterior = world(family)
    theta = a_theta(posterior, 2, **changes)

    check_likelihood_gradient(posterior, theta, rtol=1e-4, noise=1e-9)


def test_without_changes_only_equal_numbers_are_copies():
    never, posterior = (
        world(logit_near_copy=prior)[1] for prior in (Never(), Priors().logit_near_copy)
    )
    theta = a_theta(posterior, 3, logit_near_copy=-60.0)
    names = posterior.theta_names
    at = [names.index(name) for name in never.theta_names]

    assert set(names) - set(never.theta_names) == {"logit_near_copy", "log_copy_scatter"}
    expected, slopes = never.log_likelihood_and_gradient(theta[at])
    value, gradient = posterior.log_likelihood_and_gradient(theta)
    assert value == pytest.approx(expected, rel=1e-12)
    assert_allclose(gradient[at], slopes, rtol=1e-9, atol=1e-10)


def test_where_no_location_has_two_counts_changes_are_no_unknown():
    claims = claims_of([("Arden", "press", "count", 9), ("Brook", "press", "count", 9),
                        ("Arden", "clinic", "at_least", 9)])  # fmt: skip

    names = te.Model().given(claims).theta_names

    assert "logit_near_copy" not in names
    assert "log_copy_scatter" not in names
