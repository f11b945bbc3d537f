import json
import math
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from tests.pinned.prior_sampling import CASES, FORMS
from tests.reference import (
    Location,
    Theta,
    binned_quantile,
    conditional_tolls,
    joint_of_draws,
    log_marginal,
    log_mass,
    mass,
    prior_draws,
    prior_sampled_toll_quantiles,
    toll_bins,
)

FAMILIES = ["logistic", "normal", "student_t"]
STANDARD = {"logistic": stats.logistic(), "normal": stats.norm(), "student_t": stats.t(4)}
THETA = Theta(
    mu=[2.0, 1.0],
    tau=0.8,
    bias=[0.1, -0.2, 0.3],
    scatter=[0.2, 0.1, 0.3],
    omega=[0.5, 0.2, 0.7],
    figure_scatter=0.15,
    common_bias=0.05,
)
CONFLICT = Location([(0, 3, 3, True), (1, 5, 5, True), (2, 5, 5, True), (0, 2, 8, False)])


# --------------------------------------------------------------------------- masses


@pytest.mark.parametrize("family", FAMILIES)
def test_masses_of_all_whole_numbers_sum_to_one(family):
    # Floats are only the last step, so the tolerance is that of one rounding.
    total = sum(mass(n, n, 1.5, 0.7, family) for n in range(200)) + mass(
        200, None, 1.5, 0.7, family
    )

    assert float(total) == 1.0


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("lower", "upper"), [(0, 0), (3, 3), (0, 30), (20, 40), (5, None)])
def test_mass_is_a_difference_of_distribution_functions(family, lower, upper):
    m, s = 2.3, 0.4
    b = np.inf if upper is None else (math.log1p(upper + 0.5) - m) / s
    a = -np.inf if lower == 0 else (math.log1p(lower - 0.5) - m) / s
    expected = STANDARD[family].cdf(b) - STANDARD[family].cdf(a)

    # scipy's difference loses what cancels: no more than three digits of sixteen here.
    assert_allclose(math.exp(log_mass(lower, upper, m, s, family)), expected, rtol=1e-13)


@pytest.mark.parametrize("m", [-2.0, 0.0, 2.0, 5.0, 9.0])
@pytest.mark.parametrize("s", [1e-3, 0.05, 0.5])
def test_normal_mass_far_out_agrees_with_the_log_of_the_nearer_tail(m, s):
    b, a = ((math.log1p(n + 0.5) - m) / s for n in (7, 6))
    if a > 0:
        a, b = -b, -a
    log_b, log_a = stats.norm.logcdf(b), stats.norm.logcdf(a)
    expected = log_b + math.log1p(-math.exp(log_a - log_b))

    # z is rounded before it is squared, so a float cannot say more of a z in the thousands.
    assert_allclose(log_mass(7, 7, m, s, "normal"), expected, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("z", [-6.999, -7.001])
def test_both_expansions_of_the_normal_tail_agree_with_scipy(z):
    # log1p(0.5) is the upper edge of zero deaths.
    actual = log_mass(0, 0, math.log(1.5) - z, 1.0, "normal")

    assert_allclose(actual, stats.norm.logcdf(z), rtol=1e-14)


@pytest.mark.parametrize("df", [2, 4, 10])
def test_student_closed_form_agrees_with_scipy(df):
    for z in [-40.0, -1.3, 0.2, 6.0]:
        actual = log_mass(0, 0, math.log(1.5) - z, 1.0, "student_t", df)
        assert_allclose(actual, stats.t(df).logcdf(z), rtol=1e-12)


def test_an_unknown_family_and_an_odd_df_are_refused():
    with pytest.raises(ValueError, match="'logistic', 'normal' or 'student_t'"):
        log_mass(1, 1, 0.0, 1.0, "cauchy")
    with pytest.raises(ValueError, match="even df"):
        log_mass(1, 1, 0.0, 1.0, "student_t", 3)


# --------------------------------------------------------------------------- one location


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("omega", [1e-6, 0.4, 1 - 1e-6])
def test_lumping_unclaimed_figures_changes_nothing(family, omega):
    theta = Theta(**{**vars(THETA), "omega": [omega] * 3})
    tolls = range(8)

    lumped = log_marginal(CONFLICT, theta, tolls, family)
    one_by_one = log_marginal(CONFLICT, theta, tolls, family, last_figure=12)

    assert_allclose(lumped, one_by_one, rtol=1e-14)


def test_last_figure_must_leave_room_for_the_counts():
    with pytest.raises(ValueError, match="must exceed 5"):
        log_marginal(CONFLICT, THETA, range(3), last_figure=5)


def test_one_count_and_two_tolls_by_hand():
    # With unit scales at 0 on the log1p axis, every F is a ratio of halves.
    theta = Theta([0.0], 1.0, [0.0], [1.0], [0.25], 1.0, 0.0)
    one = Location([(0, 1, 1, True)], cap=1)

    def cdf(edge, n):  # F(log1p(edge) - log1p(n)), F(log r) = r / (1 + r)
        ratio = (1 + edge) / (1 + n)
        return ratio / (1 + ratio)

    prior = [cdf(0.5, 0), cdf(1.5, 0) - cdf(0.5, 0)]  # 3/5 and 5/7 - 3/5
    own = [cdf(1.5, n) - cdf(0.5, n) for n in (0, 1)]
    # The figure has the same distribution as an own count here, whatever omega.
    joint = [p * f / cdf(1.5, 0) for p, f in zip(prior, own, strict=True)]

    assert_allclose(prior[0], 3 / 5)
    assert_allclose(log_marginal(one, theta, range(2)), math.log(sum(joint)), rtol=1e-14)
    assert_allclose(conditional_tolls(one, theta, range(2)), np.array(joint) / sum(joint))


def test_a_location_nobody_reported_keeps_its_prior():
    silent, capped = Location([], group=1), Location([], group=1, cap=3)

    assert_allclose(
        log_marginal(silent, THETA, range(50)), log_mass(0, 49, THETA.mu[1], THETA.tau)
    )
    assert_allclose(log_marginal(capped, THETA, range(50)), 0.0, atol=1e-15)


def test_floors_cut_and_verified_tolls_pin():
    floor = Location(CONFLICT.claims, floor=5)
    verified = Location(CONFLICT.claims, verified=4)

    after_floor = conditional_tolls(floor, THETA, range(40))
    free = conditional_tolls(CONFLICT, THETA, range(40))

    assert (after_floor[:5] == 0).all()
    assert_allclose(after_floor[5:], free[5:] / free[5:].sum())
    assert_allclose(
        log_marginal(verified, THETA, range(40)), log_marginal(CONFLICT, THETA, [4]), rtol=1e-15
    )


def test_claims_nobody_repeats_are_independent_given_the_toll():
    location = Location([(0, 2, 4, False), (1, 3, None, False)])
    x = math.log1p(3) + THETA.common_bias
    expected = (
        log_mass(3, 3, THETA.mu[0], THETA.tau)
        + log_mass(2, 4, x + THETA.bias[0], THETA.scatter[0])
        + log_mass(3, None, x + THETA.bias[1], THETA.scatter[1])
    )

    assert_allclose(log_marginal(location, THETA, [3]), expected, rtol=1e-13)


def test_extreme_scatter_and_repetition_stay_finite():
    for family in FAMILIES:
        for omega in (1e-6, 1 - 1e-6):
            theta = Theta([2.0], 0.8, [0.0] * 3, [1e-3] * 3, [omega] * 3, 1e-3, 0.0)
            assert math.isfinite(log_marginal(CONFLICT, theta, range(10), family))


# --------------------------------------------------------------------------- prior sampling


def test_bins_cover_every_toll_once():
    first, last = toll_bins(5000, singles=50, width=0.02)

    assert first[0] == 0
    assert last[-1] == 5000
    assert (first[1:] == last[:-1] + 1).all()
    assert (first[:51] == last[:51]).all()


def test_quantiles_of_even_mass():
    first, last = np.array([0, 1, 2]), np.array([0, 1, 5])

    assert_allclose(
        binned_quantile(np.array([1.0, 1.0, 2.0]), first, last, [0.25, 0.75]), [0.5, 3.5]
    )


@pytest.mark.parametrize("capped", [False, True])
def test_each_draw_of_prior_sampling_has_the_exact_marginal(capped):
    claims = [(0, 3, 3, True), (1, 5, 5, True), (2, 5, 5, True), (1, 2, 8, False)]
    location = Location(claims, floor=2, cap=100 if capped else None)
    draws = prior_draws(4, 3, np.random.default_rng(4))

    actual = joint_of_draws(location, draws, *toll_bins(100), capped)

    for k in range(4):
        theta = Theta(
            mu=[draws["mu"][k]],
            tau=draws["tau"][k],
            bias=draws["bias"][k, :, 0].tolist(),
            scatter=draws["scatter"][k, :, 0].tolist(),
            omega=draws["omega"][k, :, 0].tolist(),
            figure_scatter=draws["figure_scatter"][k],
            common_bias=draws["common_bias"][k],
        )
        marginal = actual[k].sum()
        assert_allclose(np.log(marginal), log_marginal(location, theta, range(101)), rtol=1e-10)
        conditional = conditional_tolls(location, theta, range(101))
        assert_allclose(actual[k] / marginal, conditional, atol=1e-10)


def test_prior_sampling_of_one_count_of_ten():
    sampled = prior_sampled_toll_quantiles(
        Location([(0, 10, 10, True)]), n_draws=5000, rng=1, top=2000, width=0.03
    )

    assert_allclose(sampled.whole_quantiles, [4, 10, 19], atol=1)
    assert sampled.ess > 1000


# --------------------------------------------------------------------------- pinned numbers


PINNED = json.loads((Path(__file__).parent / "pinned" / "prior_sampling.json").read_text("utf-8"))


def test_pinned_posteriors_are_of_the_cases_in_their_script():
    assert list(PINNED["cases"]) == [*CASES, *FORMS]
    for name, (location, settings) in FORMS.items():
        assert [tuple(claim) for claim in PINNED["cases"][name]["claims"]] == location.claims
        assert PINNED["cases"][name]["settings"] == settings
    for name, (claims, settings) in CASES.items():
        assert [tuple(claim) for claim in PINNED["cases"][name]["claims"]] == claims
        assert PINNED["cases"][name]["settings"] == settings


@pytest.mark.parametrize("name", ["3", "5 and 21"])
def test_pinned_posteriors_come_out_again_from_other_draws(name):
    pinned = PINNED["cases"][name]
    location = Location([tuple(claim) for claim in pinned["claims"]])

    again = prior_sampled_toll_quantiles(
        location, PINNED["q"], n_draws=10_000, rng=2, top=5000, singles=150, width=0.03
    )

    mcse = np.hypot(again.mcse, pinned["mcse"])
    assert (np.abs(again.quantiles - pinned["smooth_quantiles"]) < 4 * mcse).all()
