from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import tollest as te
from tests.conftest import claims_of, guessed
from tollest._sums import marginal
from tollest.diagnostics import covariances
from tollest.engines import NUTS
from tollest.priors import Fixed, Never, Normal, Pooled, Priors, Source

ROWS = [
    ("Arden", "clinic", "documented", 11),
    ("Arden", "press", "count", 30),
    ("Brook", "press", "count", 6),
    ("Brook", "ministry", "count", 6),
    ("Corley", "press", "count", 6),
    ("Corley", "ministry", "count", 6),
    ("Fenwick", "press", "count", 5000),
    ("Fenwick", "ministry", "count", 5400),
    ("Fenwick", "clinic", "count", 4400),
    ("Holm", "press", "count", 900),
    ("Holm", "clinic", "count", 1000),
]
REGISTRY = [
    (place, "registry", "verified", toll)
    for place, toll in (("Ivel", 700), ("Jarrow", 1500), ("Kelso", 400), ("Lyme", 2500))
] + [
    (place, source, "count", count)
    for place, counts in {
        "Ivel": (560, 610, 590), "Jarrow": (1200, 1260, 1310), "Kelso": (310, 330, 350),
        "Lyme": (2100, 1900, 2050),
    }.items()
    for source, count in zip(("press", "ministry", "clinic"), counts, strict=True)
]  # fmt: skip


def estimate_of(rows, rng=1, **priors):
    model = te.Model(priors=Priors(**priors))
    return te.estimate(claims_of(rows), model=model, rng=rng, progress=False)


@pytest.fixture(scope="module")
def alone():
    return estimate_of(ROWS)


@pytest.fixture(scope="module")
def anchored():
    return estimate_of(ROWS + REGISTRY)


@pytest.fixture(scope="module")
def report(alone):
    return te.diagnostics.identification(alone)


@pytest.fixture(scope="module")
def taught(anchored):
    return te.diagnostics.identification(anchored)


def moments_of(posterior, thetas):
    """Mean and mean square of each log toll given each theta, the plain way."""
    x = 0.5 * (np.log1p(posterior.bins[0]) + np.log1p(posterior.bins[1]))
    mean, square = [], []
    for theta in thetas:
        masses = np.zeros((posterior.problem.level.size, x.size))
        marginal.add_toll_masses(posterior.problem, posterior.parameters(theta), 1.0, masses)
        mean.append(masses[posterior.patterns] @ x)
        square.append(masses[posterior.patterns] @ x**2)
    return np.array(mean), np.array(square)


@pytest.fixture(scope="module")
def moments(alone):
    return moments_of(alone.posterior, alone.theta_used)


def linear_tolls(rng, n, slope=-0.8):
    """Log tolls on an unknown of sd 0.1, and noise of sd 0.3 that theta does not hold."""
    b = 0.1 * rng.standard_normal(n)
    mean = 3.0 + slope * b + 0.05 * rng.standard_normal(n)
    return b, mean[:, None], (mean**2 + 0.3**2)[:, None]


def test_slope_and_share_of_linear_tolls_are_those_they_were_made_with():
    b, mean, square = linear_tolls(np.random.default_rng(0), 20_000)

    found = covariances.covariance_columns(mean, square, {"b": b}, {}, 20_000.0)

    share = (0.8 * 0.1) ** 2 / ((0.8 * 0.1) ** 2 + 0.05**2 + 0.3**2)
    assert abs(found["b"][0] + 0.8) < 4 * found["b_mcse"][0]
    assert abs(found["b_share"][0] - share) < 4 * found["b_share_mcse"][0]
    # Theta explains part of the noise only: the rest is in the square, not in the slope's error.
    assert_allclose(found["b_mcse"][0], 0.05 / 0.1 / np.sqrt(20_000), rtol=0.1)


def test_standard_errors_are_the_spread_over_repetitions():
    n, repeats = 4000, 800
    rng = np.random.default_rng(1)
    runs = []
    for _ in range(repeats):
        # A large share, and a spread that goes with the unknown: every term of the errors counts.
        b, mean, _ = linear_tolls(rng, n, slope=-3.0)
        rest = 0.2 * np.exp(4.0 * b + 0.3 * rng.standard_normal(n))[:, None]
        square = mean**2 + rest**2
        scores = {"m": b / 0.01, "s": (b**2 / 0.01 - 1.0) / 0.1}
        found = covariances.covariance_columns(mean, square, {"b": b}, scores, float(n))
        runs.append({name: values[0] for name, values in found.items()})
    runs = pd.DataFrame(runs)

    for name in ("b", "b_share", "m", "m_widens", "s", "s_widens"):
        # A standard deviation over R normal runs is known to 1 / sqrt(2 R); the delta method
        # is of first order in 1 / n, and tails of fourth moments are heavy: 3 % for both.
        ratio = runs[name].std() / runs[f"{name}_mcse"].mean()
        assert abs(ratio - 1.0) < 4 / np.sqrt(2 * repeats) + 0.03, (name, ratio)


def test_derivatives_by_a_prior_are_those_of_the_same_draws_weighted_anew(report, alone, moments):
    mean, square = moments
    used, names = alone.theta_used, alone.posterior.theta_names
    b = used[:, names.index("common_bias")]
    spread = np.exp(used[:, names.index("log_bias_sd")])
    table = report.table().loc["location"]

    def expectations(log_prior):
        weights = np.exp(log_prior - log_prior.max())
        weights /= weights.sum()
        centre = weights @ mean
        return centre, np.sqrt(weights @ square - centre**2)

    def log_normal(m, s):
        return -0.5 * ((b - m) / s) ** 2 + 0.5 * (b / 0.1) ** 2 - np.log(s)

    def log_half_normal(s):
        return -0.5 * (spread / s) ** 2 + 0.5 * (spread / 0.3) ** 2 - np.log(s)

    for name, at in {
        "prior_mean": lambda h: log_normal(h, 0.1),
        "prior_sd": lambda h: log_normal(0.0, 0.1 + h),
        "bias_spread": lambda h: log_half_normal(0.3 + h),
    }.items():
        h = 1e-4
        up, down = expectations(at(h)), expectations(at(-h))
        # Central differences err by h^2: 1e-8 times third derivatives of order 1 / 0.1^3.
        assert_allclose(table[name], (up[0] - down[0]) / (2 * h), rtol=1e-4, atol=1e-4)
        widens = (up[1] - down[1]) / (2 * h)
        assert_allclose(table[f"{name}_widens"], widens, rtol=1e-4, atol=1e-4)


def test_a_refit_under_another_prior_mean_moves_tolls_as_far_as_said(report, alone, moments):
    step = 0.05
    refit = estimate_of(ROWS, rng=2, common_bias=Normal(step, 0.1))

    moved = te.diagnostics.identification(refit).table()
    x = {name: log_mean(refit, name) - log_mean(alone, name) for name in alone.claims.locations}
    table = report.table().loc["location"]

    error = np.sqrt(
        moments[0].var(axis=0) / alone.theta.ess
        + moments[0].var(axis=0) / refit.theta.ess
        + (step * table["prior_mean_mcse"]) ** 2
    )
    assert (np.abs(pd.Series(x) - step * table["prior_mean"]) < 4 * error).all()
    # And the other way round: the refit says the same of large tolls.
    both = moved.loc["location"].loc[["Fenwick", "Holm"]], table.loc[["Fenwick", "Holm"]]
    mcse = np.hypot(both[0]["common_bias_mcse"], both[1]["common_bias_mcse"])
    assert (np.abs(both[0]["common_bias"] - both[1]["common_bias"]) < 4 * mcse).all()


def log_mean(result, location):
    pmf = result.pmf(location)
    return pmf["probability"] @ (0.5 * (np.log1p(pmf["first"]) + np.log1p(pmf["last"])))


def test_large_tolls_move_one_for_one_against_the_common_bias(report):
    table = report.table().loc["location"]

    for name in ("Fenwick", "Holm"):
        # The tolls' own prior holds them back by (0.15 / tau)^2, a few per cent.
        excess = table.loc[name, "common_bias"] + 1.0
        assert abs(excess) < 0.05 + 4 * table.loc[name, "common_bias_mcse"]
    # A floor of 11 under claims of 30 stops a toll from following the bias all the way.
    arden, fenwick = table.loc["Arden"], table.loc["Fenwick"]
    error = np.hypot(arden["common_bias_mcse"], fenwick["common_bias_mcse"])
    assert arden["common_bias"] > fenwick["common_bias"] - 4 * error


def test_claims_cannot_tell_a_common_bias_from_smaller_tolls():
    # A rest of the prior that is almost flat, so that only claims speak.
    posterior = te.Model(priors=Priors(tau=Fixed(3.0))).given(claims_of(ROWS[2:]))
    names, step = posterior.theta_names, 0.1
    theta = np.zeros(posterior.n_theta)
    theta[names.index("mu")] = 5.0
    for name in names:
        if name.startswith("log"):
            theta[names.index(name)] = -2.0

    def likelihood(bias, mu):
        moved = theta.copy()
        moved[names.index("common_bias")] += bias
        moved[names.index("mu")] += mu
        return posterior.log_density(moved) - posterior.log_prior(moved), moved

    base, _ = likelihood(0.0, 0.0)
    together, moved = likelihood(step, -step)
    apart, _ = likelihood(step, step)
    # Tolls are whole and none is below 0, which the two villages of 6 dead feel a little.
    assert abs(together - base) < 0.02
    assert abs(apart - base) > 5 * abs(together - base)

    # Bins of 2 % sum a smooth posterior far more exactly than they are wide.
    means, _ = moments_of(posterior, (theta, moved))
    assert_allclose((means[1] - means[0])[-2:], -step, rtol=0.01)


def test_verified_tolls_teach_the_common_bias(report, taught):
    assert report.n_verified == 0
    assert taught.n_verified == 4
    # Without anchors the sd is the prior's: to the error of a standard deviation.
    assert abs(report.sd_ratio - 1.0) < 0.03 + 4 / np.sqrt(2 * 400)
    assert taught.sd_ratio < 0.9
    before, after = report.table().loc["location"], taught.table().loc["location"]
    for name in ("Fenwick", "Holm"):
        fall = before.loc[name, "prior_mean"] - after.loc[name, "prior_mean"]
        error = np.hypot(before.loc[name, "prior_mean_mcse"], after.loc[name, "prior_mean_mcse"])
        assert fall < -4 * error  # from near -1 towards 0
        owed = before.loc[name, "common_bias_share"] * before.loc[name, "sd"] ** 2
        still = after.loc[name, "common_bias_share"] * after.loc[name, "sd"] ** 2
        assert still < owed
    assert "4 of 9 locations verified" in taught.equation
    assert "0 of 5 locations verified" in report.equation
    assert "do not bring the sd of a log toll below about 0.1" in report.equation
    assert "do not bring" not in taught.equation


def test_a_bias_learnt_without_verified_tolls_is_said_to_hang_on_assumptions(report):
    learnt = replace(report, common_bias_sd=0.05)

    assert learnt.sd_ratio == pytest.approx(0.5)
    assert "what was learnt of b0 hangs on the assumed distributions" in learnt.equation
    assert "do not bring" not in learnt.equation


def test_a_verified_toll_owes_nothing_to_anything(taught):
    row = taught.table().loc[("location", "Jarrow")]

    assert_allclose(row.to_numpy(), 0.0, atol=1e-4)  # the root of rounding in a variance


def test_locations_with_the_same_claims_have_the_same_row(report):
    table = report.table().loc["location"]

    assert_array_equal(table.loc["Brook"], table.loc["Corley"])
    assert table.loc["Brook", "common_bias"] != table.loc["Holm", "common_bias"]


def test_blocks_of_patterns_change_nothing(report, alone, monkeypatch):
    monkeypatch.setattr("tollest.diagnostics.identifiability._BLOCK", 1)

    again = te.diagnostics.identification(alone).table()

    assert_allclose(again, report.table(), rtol=1e-9, atol=1e-9)


def test_the_sd_is_that_of_the_mass_functions(report, alone):
    sd = report.table().loc["location", "sd"]

    expected = np.sqrt(alone.masses.log_variance()[alone.posterior.patterns])
    assert_allclose(sd, expected, rtol=1e-6)


def test_totals_come_by_label_and_move_like_their_parts(report, alone):
    labels = {name: ("big", 1) if name in ("Fenwick", "Holm") else "small" for name in
              alone.claims.locations}  # fmt: skip

    sides = te.diagnostics.identification(alone, by=labels).table().loc["total"]

    assert sides.index.tolist() == ["small", ("big", 1)]
    big = sides.iloc[1]
    assert abs(big["common_bias"] + 1.0) < 0.05 + 4 * big["common_bias_mcse"]
    everything = report.table().loc["total"]
    assert everything.index.tolist() == ["total"]
    # Nearly all the dead are Fenwick's and Holm's.
    mcse = np.hypot(big["common_bias_mcse"], everything["common_bias_mcse"].iloc[0])
    assert abs(everything["common_bias"].iloc[0] - big["common_bias"]) < 4 * mcse
    with pytest.raises(ValueError, match="by has no label for Fenwick; Holm"):
        te.diagnostics.identification(alone, by={"Arden": 1, "Brook": 1, "Corley": 1})


def test_the_total_of_one_location_is_that_location():
    table = te.diagnostics.identification(estimate_of(ROWS[6:9])).table()
    location, total = table.loc[("location", "Fenwick")], table.loc[("total", "total")]

    for name in ("common_bias", "figure_scatter", "prior_mean", "prior_sd", "bias_spread"):
        # The total's error has the scatter of one draw of the toll in it, the location's not.
        assert abs(location[name] - total[name]) < 4 * total[f"{name}_mcse"]
        # Errors are estimates themselves, from the same few thousand draws.
        assert location[f"{name}_mcse"] < 1.2 * total[f"{name}_mcse"]


def test_what_a_model_fixes_or_lacks_is_said_and_not_a_number():
    known = Source(bias=Normal(0.0, 0.2))
    result = estimate_of(
        ROWS, common_bias=Fixed(0.05), logit_repeat=Never(),
        sources={"clinic": known, "ministry": known, "press": known},
    )  # fmt: skip

    lacking = te.diagnostics.identification(result)

    table = lacking.table()
    for name in ("common_bias", "figure_scatter", "prior_mean", "prior_sd", "bias_spread"):
        assert table[name].isna().all()
        assert table[f"{name}_mcse"].isna().all()
    assert (table["sd"] > 0).all()
    assert np.isnan(lacking.sd_ratio)
    text = repr(lacking)
    assert "The common bias is fixed at 0.05" in text
    assert "The model has no scatter of figures to learn." in text
    assert "No source's bias is drawn from a population." in text


def test_a_fixed_spread_of_source_biases_is_moved_itself():
    rows = ROWS[6:]
    spread = 0.3
    result = estimate_of(rows, bias=Pooled(Normal(0.0, 0.1), Fixed(spread)))
    names, used = result.posterior.theta_names, result.theta_used
    bias = used[:, [i for i, name in enumerate(names) if name.startswith("bias[")]]
    centre = used[:, [names.index("bias_mean")]]

    table = te.diagnostics.identification(result).table().loc["location"]

    mean, _ = moments_of(result.posterior, used)

    def expectation(s):
        log_prior = (-0.5 * ((bias - centre) / s) ** 2 - np.log(s)).sum(axis=1)
        log_prior -= (-0.5 * ((bias - centre) / spread) ** 2).sum(axis=1)
        weights = np.exp(log_prior - log_prior.max())
        return weights @ mean / weights.sum()

    h = 1e-4
    difference = (expectation(spread + h) - expectation(spread - h)) / (2 * h)
    assert_allclose(table["bias_spread"], difference, rtol=1e-4, atol=1e-5)


def test_the_text_has_moves_with_their_errors(report):
    text = repr(report)

    lines = text.splitlines()
    assert lines[0] == "What identifies 5 tolls and 1 total."
    assert lines[1].startswith("P(claim | N) depends on log(1 + N) + b0 alone")
    assert "b0 ~ Normal(mean=0.0, sd=0.1) and mu ~ Normal(mean=2.0, sd=2.0)" in text
    row = next(line for line in lines if line.startswith("Fenwick"))
    table = report.table().loc[("location", "Fenwick")]
    assert f"{table['common_bias']:.2f} ({table['common_bias_mcse']:.2f})" in row
    assert f"{100 * table['common_bias_share']:.0f} %" in row
    assert "Computed by importance sampling" in text
    assert "DOUBTFUL" not in text


def test_doubts_and_long_tables_show():
    rows = [(f"L{i:02d}", "press", "count", i) for i in range(25)]
    engine = NUTS(draws=10, runs=1)
    with pytest.warns(te.DoubtfulEstimate):
        result = te.estimate(claims_of(rows), engine=engine, rng=1, progress=False)

    text = repr(te.diagnostics.identification(result))

    assert "... and 5 more; see table()." in text
    assert "DOUBTFUL: R-hat" in text


def test_where_all_sources_are_alike_there_is_no_spread_to_learn():
    priors = te.priors.Priors(bias=te.priors.Pooled(te.priors.Fixed(0.0), te.priors.Fixed(0.0)))
    rows = [("Arden", "press", 9), ("Arden", "clinic", 14)]
    estimate = guessed(claims_of(rows, "location source count"), te.Model(priors=priors))

    found = te.diagnostics.identification(estimate)

    assert "No source's bias is drawn from a population." in repr(found)
