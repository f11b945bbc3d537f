"""Replicates follow the model: against masses of whole numbers, at known tolls and unknowns."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from tests._sums.written_out import known_given
from tollest import noise
from tollest.claims.counts import Counts
from tollest.claims.table import Claims
from tollest.diagnostics.predictive import replicates
from tollest.engines import ThetaDraws
from tollest.estimation.results import Estimate
from tollest.model.posterior import Model
from tollest.priors import Fixed, Never, Priors
from tollest.simulation.worlds import simulate

TOLL = 12
KNOWN = {
    "mu": 2.0, "log_tau": -0.2, "bias[clinic]": -0.2, "bias[press]": 0.3,
    "log_scatter[clinic]": np.log(0.1), "log_scatter[press]": np.log(0.3),
    "logit_repeat[clinic]": 1.0, "logit_repeat[press]": -0.5,
    "log_figure_scatter": np.log(0.2), "common_bias": 0.1,
}  # fmt: skip
OF_THE_TOLL = Priors(log_location_error=Never(), logit_near_copy=Never())
ROWS = [
    ("Arden", "registry", "verified", TOLL), ("Arden", "press", "count", 15),
    ("Arden", "clinic", "count", 9), ("Brook", "press", "at_least", 4),
    ("Brook", "clinic", "count", 7),
]  # fmt: skip


def known(model, n_draws=8):
    """An estimate in which the unknowns are known."""
    claims = Claims.from_table(pd.DataFrame(ROWS, columns=["location", "source", "kind", "count"]))
    posterior = model.given(claims)
    theta = np.array([KNOWN.get(name, -1.0) for name in posterior.theta_names])
    draws = ThetaDraws(np.tile(theta, (2, n_draws // 2, 1)), "known", ess=n_draws, rhat=1.0)
    return Estimate(posterior, draws, entropy=5)


def masses(shift, scale, family):
    numbers = np.arange(2000)
    return noise.mass(numbers, numbers, np.log1p(TOLL) + 0.1 + shift, scale, family)


def check_shares(counts, expected):
    n = len(counts)
    for low, high in [(0, 8), (9, 11), (12, 12), (13, 16), (17, 1999)]:
        p = expected[low : high + 1].sum()
        actual = np.mean((counts >= low) & (counts <= high))
        assert abs(actual - p) < 4 * np.sqrt(p * (1 - p) / n)


@pytest.mark.parametrize("family", [noise.Logistic(), noise.Normal(), noise.StudentT(4)])
def test_a_replicate_repeats_the_figure_or_is_the_sources_own(family):
    estimate = known(Model(noise=family, priors=OF_THE_TOLL))
    drawn = np.array([r.count for r in replicates(estimate, 4000, rng=1)])
    omega_clinic, omega_press = 1 / (1 + np.exp(-1.0)), 1 / (1 + np.exp(0.5))

    figure, clinic, press = (masses(*a, family) for a in ((0, 0.2), (-0.2, 0.1), (0.3, 0.3)))

    check_shares(drawn[:, 0], omega_clinic * figure + (1 - omega_clinic) * clinic)
    check_shares(drawn[:, 1], omega_press * figure + (1 - omega_press) * press)
    equal = (
        omega_clinic * omega_press
        + omega_clinic * (1 - omega_press) * figure @ press
        + (1 - omega_clinic) * omega_press * clinic @ figure
        + (1 - omega_clinic) * (1 - omega_press) * clinic @ press
    )
    actual = np.mean(drawn[:, 0] == drawn[:, 1])
    assert abs(actual - equal) < 4 * np.sqrt(equal * (1 - equal) / len(drawn))


def test_sources_that_never_repeat_share_no_figure():
    estimate = known(Model(priors=replace(OF_THE_TOLL, logit_repeat=Never())))

    drawn = np.array([r.count for r in replicates(estimate, 4000, rng=1)])

    check_shares(drawn[:, 0], masses(-0.2, 0.1, noise.Logistic()))
    check_shares(drawn[:, 1], masses(0.3, 0.3, noise.Logistic()))


def test_all_claims_on_a_location_share_its_error():
    priors = Priors(logit_repeat=Never(), log_location_error=Fixed(np.log(0.4)))

    drawn = np.array([r.count for r in replicates(known(Model(priors=priors)), 4000, rng=1)])

    numbers = np.arange(2000)
    final = known_given(0.4, numbers)[TOLL] @ known_given(0.4, numbers, exceeds=True)
    clinic, press = (
        np.array([
            noise.mass(numbers, numbers, m + 0.1 + bias, scatter) for m in np.log1p(numbers[:200])
        ])
        for bias, scatter in ((-0.2, 0.1), (0.3, 0.3))
    )  # fmt: skip
    check_shares(drawn[:, 0], final[:200] @ clinic)
    equal = final[:200] @ (clinic * press).sum(axis=1)
    actual = np.mean(drawn[:, 0] == drawn[:, 1])
    assert abs(actual - equal) < 4 * np.sqrt(equal * (1 - equal) / len(drawn))


def test_residuals_are_standard_where_a_source_counts_for_itself():
    estimate = known(
        Model(noise=noise.Normal(), priors=replace(OF_THE_TOLL, logit_repeat=Never()))
    )

    residuals = np.array([r.residuals(r.count) for r in replicates(estimate, 2000, rng=1)])[:, 1]

    # Rounding to whole numbers adds a variance of 1/12 on the scale of deaths.
    variance = 1 + (1 / (13 * np.exp(0.4) * 0.3)) ** 2 / 12
    assert abs(residuals.mean()) < 4 / np.sqrt(2000) + 0.02
    assert abs(residuals.var() / variance - 1) < 4 * np.sqrt(2 / 2000) + 0.05


def test_only_counts_are_drawn_and_tolls_are_those_of_the_estimate():
    estimate = known(Model())
    counts = Counts.of(estimate.claims)

    several = list(replicates(estimate, 6, rng=1))

    assert counts.count.tolist() == [9, 15, 7]
    assert counts.location.tolist() == [0, 0, 1]
    assert [estimate.claims.sources[s] for s in counts.source] == ["clinic", "press", "clinic"]
    assert {len(r.count) for r in several} == {3}
    assert {r.tolls[0] for r in several} == {TOLL}


def test_the_same_seed_gives_the_same_replicates_and_more_go_through_the_draws_again():
    estimate = known(Model())

    first = [r.count for r in replicates(estimate, 20, rng=3)]
    again = [r.count for r in replicates(estimate, 20, rng=3)]
    other = [r.count for r in replicates(estimate, 20, rng=4)]

    assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len({r.tolls[1] for r in replicates(estimate, 20, rng=3)}) > 2


def test_replicates_are_spread_over_all_chains():
    estimate = known(Model())
    theta = estimate.theta.theta.copy()
    theta[1, :, 0] = 3.0
    two = Estimate(estimate.posterior, ThetaDraws(theta, "known", ess=8, rhat=1.0), entropy=5)

    assert {r.parameters.mu[0] for r in replicates(two, 4, rng=1)} == {2.0, 3.0}


def test_no_replicates_are_refused():
    with pytest.raises(ValueError, match="0 is no whole number of 1 or more"):
        list(replicates(known(Model()), 0))


def test_pairs_are_all_pairs_of_counts_at_one_location():
    counts = Counts.of(simulate(30, 6, rng=2).claims)

    left, right = counts.pairs()

    expected = [
        (i, j)
        for i, j in combinations(range(len(counts.count)), 2)
        if counts.location[i] == counts.location[j]
    ]
    assert sorted(zip(left.tolist(), right.tolist(), strict=True)) == expected
    assert_allclose(counts.location[left], counts.location[right])
