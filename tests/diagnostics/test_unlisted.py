"""Incidents that nobody lists, against worlds in which they are known."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import approx_fprime
from scipy.special import expit

import tollest as te
from tests.conftest import claims_of, guessed
from tollest.diagnostics import unlisted as public
from tollest.diagnostics.unlisted import _fit, _probabilities, _told, unlisted_of

N = 600


def world(seed, copied=0.0):
    """Incidents of which 3 to 5 sources tell the more often the larger they are."""
    rng = np.random.default_rng(seed)
    n_sources = int(rng.integers(3, 6))
    tolls = np.maximum(np.rint(np.exp(rng.logistic(1.0, 0.8, N))), 1).astype(np.int64)
    rate, growth = rng.normal(-3.0, 0.7, n_sources), rng.uniform(0.4, 1.2, n_sources)
    told = rng.random((N, n_sources)) < expit(rate + growth * np.log1p(tolls)[:, None])
    told[:, 1] |= told[:, 0] & (rng.random(N) < copied)
    listed = told.any(axis=1)
    return told[listed], tolls[listed], tolls[~listed]


def answer(told, tolls, seed, n_draws=2):
    return unlisted_of(told, np.repeat(tolls[None], n_draws, axis=0), np.random.default_rng(seed))


def check_coverage(n_worlds, least):
    inside, ratios, flagged = [], [], []
    for seed in range(n_worlds):
        told, tolls, missing = world(seed)
        found = answer(told, tolls, seed)
        row = found.table().loc["unlisted deaths"]
        inside.append(row["lower"] <= missing.sum() <= row["upper"])
        ratios.append((row["median"] + 1) / (missing.sum() + 1))
        flagged.append(found.is_lower_bound)
    assert least <= np.mean(inside) <= 0.99
    assert 0.9 < np.median(ratios) < 1.1
    assert np.mean(flagged) < 0.03


def test_intervals_hold_the_deaths_that_nobody_listed():
    check_coverage(40, 0.75)  # four standard errors below 0.90


@pytest.mark.slow
def test_intervals_hold_the_deaths_that_nobody_listed_in_many_worlds():
    check_coverage(300, 0.80)


def test_where_sources_copy_each_other_it_is_called_a_lower_bound():
    found = [answer(*world(seed, copied=0.7)[:2], seed) for seed in range(10)]

    assert sum(one.is_lower_bound for one in found) >= 7
    bound = next(one for one in found if one.is_lower_bound)
    assert "all these are lower bounds" in repr(bound)


def test_the_fit_is_where_the_likelihood_is_highest():
    told, tolls, _ = world(3)
    x = np.log1p(tolls) - np.log1p(tolls).mean()
    n_sources = told.shape[1]

    mode, covariance = _fit(told, x)

    def value(habits):
        p = _probabilities(habits, x)
        listed = 1.0 - np.prod(1.0 - p, axis=1)
        log_p = np.log(np.where(told, p, 1.0 - p)).sum() - np.log(listed).sum()
        rate, growth = habits.reshape(2, -1)
        return log_p - 0.5 * (rate**2).sum() / 9.0 - 0.5 * (growth**2).sum()

    slope = approx_fprime(mode, value, 1e-6)
    assert_allclose(slope * np.sqrt(np.diag(covariance)), 0.0, atol=0.02)
    # The covariance is that of the curvature, which is expected, not observed.
    step = 1e-3
    for i in (0, n_sources):
        unit = np.eye(2 * n_sources)[i] * step
        curve = -(value(mode + unit) - 2 * value(mode) + value(mode - unit)) / step**2
        assert curve == pytest.approx(np.linalg.inv(covariance)[i, i], rel=0.15)


ROWS = [(f"incident {i:02d}", "press", 3 + i % 7) for i in range(30)]
ROWS += [(f"incident {i:02d}", "radio", 3 + i % 7) for i in range(20, 45)]


def test_it_is_asked_of_an_estimate_and_told_in_words():
    estimate = guessed(claims_of(ROWS, "location source count"))

    found = te.diagnostics.unlisted(estimate, rng=1)

    assert found.n_listed == 45
    assert found.chao == pytest.approx(35**2 / 20)
    assert found.incidents.shape == found.deaths.shape == found.listed_deaths.shape
    table, by_size = found.table(ci_prob=0.8), found.by_size()
    assert table.attrs == {"ci_prob": 0.8, "ci_kind": "eti"}
    assert (table["lower"] <= table["median"]).all()
    assert (table["median"] <= table["upper"]).all()
    assert by_size.index[0] == "0"
    assert by_size.index[-1] == "1000 or more"
    assert "Assumed: sources tell of an incident independently" in repr(found)
    again = te.diagnostics.unlisted(estimate, rng=1)
    pd.testing.assert_frame_equal(found.table(), again.table())


def test_who_was_superseded_or_repeats_another_tells_of_it_too():
    rows = [
        ("Arden", "press", 3, "2025-01-01", None), ("Arden", "press", 4, "2025-01-02", None),
        ("Arden", "radio", 4, "2025-01-02", "press"), ("Brook", "radio", 5, None, None),
    ]  # fmt: skip
    claims = claims_of(rows, "location source count date origin")

    assert _told(claims).tolist() == [[True, True], [False, True]]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("A", "press", 3)] + [(f"B{i}", "press", 2) for i in range(12)], "one source tells of"),
        ([(f"B{i}", source, 2) for i in range(4) for source in "ab"], "4 locations, and 4 that"),
        ([(f"{s}{i}", s, 2) for i in range(9) for s in "ab"], "18 locations, and 0 that"),
    ],
)
def test_what_cannot_be_told_is_refused(rows, message):
    estimate = guessed(claims_of(rows, "location source count"))
    with pytest.raises(ValueError, match=message):
        public(estimate)


def test_totals_say_that_there_may_be_more():
    total = guessed(claims_of(ROWS, "location source count")).total()

    note = "One source alone tells of 35 of these 45 locations"
    assert note in repr(total)
    both = [(f"incident {i:02d}", source, 3) for i in range(20) for source in ("press", "radio")]
    assert "One source alone" not in repr(
        guessed(claims_of(both, "location source count")).total()
    )
