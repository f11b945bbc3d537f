"""Claims of what is known, against sums over all numbers known at each stage written out."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tollest as te
from tests._sums.written_out import BEYOND, FAMILIES, a_theta, written_out
from tests.conftest import claims_of
from tests.contracts import check_likelihood_gradient
from tollest.priors import Never, Priors

MOST = 60  # of all tolls, by their cap
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


def world(family="logistic", onsets=ONSETS, **priors):
    claims = claims_of(CLAIMS, COLUMNS, onsets=onsets)
    model = te.Model(noise=FAMILIES[family], priors=Priors(**priors), support=te.Support(BEYOND))
    return claims, model.given(claims)


# Without early ages windows are narrower than the support.
@pytest.mark.parametrize("onsets", [ONSETS, {}])
@pytest.mark.parametrize("family", ["logistic", "student"])
def test_the_marginal_is_the_sum_written_out(family, onsets):
    claims, posterior = world(family, onsets)
    theta = a_theta(posterior, 1)

    value, _ = posterior.log_likelihood_and_gradient(theta)
    masses = posterior.parts[0].averaged([posterior.parameters(theta)])

    expected, of_locations = written_out(claims, posterior, theta, family)
    assert value == pytest.approx(expected, abs=2e-4)
    for i, pattern in enumerate(posterior.patterns):
        found = np.bincount(np.minimum(posterior.bins[0], MOST + 1), masses[pattern])
        assert_allclose(found[: MOST + 1], of_locations[i][: MOST + 1], atol=3e-5)


@pytest.mark.parametrize("onsets", [ONSETS, {}])
@pytest.mark.parametrize(
    ("family", "log_scatter", "rtol"),
    [("logistic", -1.5, 1e-4), ("normal", -1.5, 1e-4), ("student", -1.5, 1e-4),
     ("logistic", -4.0, 1e-3)],
)  # fmt: skip
def test_the_gradient_is_that_of_differences(family, log_scatter, rtol, onsets):
    # At the smaller scatters claims contradict each other beyond what products hold.
    _, posterior = world(family, onsets)
    theta = a_theta(posterior, 2, log_scatter=log_scatter)

    check_likelihood_gradient(posterior, theta, rtol=rtol, noise=1e-9)


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

    check_likelihood_gradient(posterior, theta, rtol=1e-3, noise=1e-7)


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


def test_on_a_tree_locations_share_an_error_too():
    rows = [
        ("Coast", "press", "count", 40, "Inland", None),
        ("Arden", "press", "count", 9, "Coast", None),
        ("Arden", "registry", "documented", 6, "Coast", None),
        ("Brook", "press", "count", 21, "Coast", None),
        ("Brook", "court", "verified", 25, "Coast", None),
        ("Corley", "clinic", "count", 4, "Inland", None),
        ("Corley", "press", "count", 5, "Inland", None),
    ]
    claims = claims_of(rows, "location source kind count parent cap")
    posterior = te.Model(support=te.Support(60)).given(claims)
    theta = a_theta(posterior, 5)

    assert "log_location_error" in posterior.theta_names
    check_likelihood_gradient(posterior, theta, rtol=1e-3, noise=1e-7)


def test_a_whole_of_one_part_shares_the_error_of_the_part():
    rows = [("Arden", "press", "count", 9), ("Arden", "clinic", "count", 17)]
    known = [("Brook", "press", "count", 20), ("Brook", "court", "verified", 21)]
    flat = claims_of(rows + known, "location source kind count")
    nested = claims_of(
        rows + known, "location source kind count",
        parents={"Arden": "Coast", "Brook": "Delta"}, complete=["Coast", "Delta"],
    )  # fmt: skip
    fine = te.Model(support=te.Support(400, 0.005))
    one, other = fine.given(flat), fine.given(nested)
    theta = a_theta(one, 4)

    assert other.theta_names == one.theta_names
    assert other.log_density(theta) == pytest.approx(one.log_density(theta), abs=5e-3)


def test_without_verified_tolls_or_where_it_is_left_out_there_is_no_error_of_locations():
    _, left_out = world(log_location_error=Never())
    plain = te.Model().given(claims_of([("Arden", "press", "count", 9)]))

    for posterior in (plain, left_out):
        assert "log_location_error" not in posterior.theta_names
        assert not posterior.problem.has_location_error
