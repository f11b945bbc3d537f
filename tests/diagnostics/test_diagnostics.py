"""Each diagnostic fires on a planted fault, and stays silent without one."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

import tollest as te
from tests._sums.test_marginal import COLUMNS, row
from tests.conftest import claims_of, guessed
from tollest import diagnostics, priors
from tollest._sums import marginal, tables
from tollest.claims.counts import Counts
from tollest.diagnostics import leaving_out, prior_checks, replication
from tollest.engines import ThetaDraws
from tollest.estimation.results import Estimate
from tollest.model.layout import Entry, Value
from tollest.model.posterior import Model
from tollest.simulation.worlds import draw_truth, simulate

SEED = 1


def simulated(**truth):
    """30 locations with tolls of a hundred or so, and 4 sources with 3 claims on each."""
    theta = draw_truth(4, mu=4.0, repeat=0.3, rng=100 + SEED, **truth)
    return simulate(30, 4, claims_per_location=3, truth=theta, rng=SEED)


def table_of(simulation):
    claims = simulation.claims.to_frame().rename(columns={"lower": "count"})
    return claims[["location", "source", "kind", "count"]]


def fitted(table, **model):
    claims = te.Claims.from_table(table)
    return te.estimate(claims, model=Model(**model), rng=1, progress=False)


def table_with_a_visitor():
    """Claims of the model, and one by a source that makes no other."""
    table = table_of(simulated())
    visitor = table.iloc[:1].assign(source="visitor")
    return pd.concat([table, visitor], ignore_index=True)


@pytest.fixture(scope="module")
def clean():
    return fitted(table_with_a_visitor())


def with_copies(table, change):
    """The same claims, but S02 states the number of S01, changed by some of its size."""
    table = table.copy()
    counts = table[table["source"] == "S01"].set_index("location")["count"]
    copies = (table["source"] == "S02") & table["location"].isin(counts.index)
    changes = np.exp(change * np.random.default_rng(SEED).standard_normal(copies.sum()))
    copied = counts.loc[table["location"][copies]].to_numpy() * changes
    table.loc[copies, "count"] = np.rint(copied).astype(int)
    return table


def with_known_habits(table, truth):
    """Tolls given sources whose habits are known: no fit can take a copy for the figure."""
    values = {
        "mu": truth.mu, "log_tau": math.log(truth.tau), "common_bias": truth.common_bias,
        "log_figure_scatter": math.log(truth.figure_scatter), "logit_near_copy": -60.0,
    }  # fmt: skip
    for i in range(4):
        values[f"bias[S0{i + 1}]"] = truth.bias[i]
        values[f"log_scatter[S0{i + 1}]"] = math.log(truth.scatter[i])
        values[f"logit_repeat[S0{i + 1}]"] = math.log(truth.repeat[i] / (1 - truth.repeat[i]))
    posterior = Model().given(te.Claims.from_table(table))
    theta = np.tile([values.get(name, -1.0) for name in posterior.theta_names], (1, 500, 1))
    return Estimate(posterior, ThetaDraws(theta, "known", ess=500, pareto_k=0.0), entropy=7)


@pytest.fixture(scope="module")
def rounded():
    """Sources round to tens, and to hundreds from 200: declared as counts, not as about."""
    table = table_of(simulated())
    unit = np.select([table["count"] >= 200, table["count"] >= 20], [100, 10], 1)
    table["count"] = (unit * np.rint(table["count"] / unit)).astype(int)
    return fitted(table)


@pytest.fixture(scope="module")
def misplaced():
    """One claim with two digits too many; gives its location, too."""
    table = table_of(simulated())
    crowded = table.groupby("location")["count"].transform("size") >= 3
    at = table.index[crowded & (table["count"] >= 5)][0]
    table.loc[at, "count"] *= 100
    return fitted(table), table.loc[at, "location"]


@pytest.fixture(scope="module")
def mistaken():
    """A prior that is sure of tolls of 1 where they are around 50."""
    return fitted(table_of(simulated()), priors=priors.Priors(mu=priors.Normal(0.0, 0.2)))


ALL_KINDS = [
    row("Arden", "press", "count", (7, 7)), row("Arden", "clinic", "count", (7, 7)),
    row("Brook", "press", "count", (7, 7)), row("Brook", "clinic", "count", (7, 7)),
    row("Corley", "press", "range", (5, 9), 40), row("Corley", "clinic", "count", (60, 60), 40),
    row("Dunmow", "press", "at_least", (4, None)), row("Dunmow", "clinic", "documented", (3, 3)),
    row("Elford", "registry", "verified", (12, 12)), row("Elford", "press", "count", (15, 15)),
]  # fmt: skip


@pytest.mark.parametrize("repeat", [priors.Priors().logit_repeat, priors.Never()])
def test_log_likelihoods_add_up_to_the_log_likelihood(repeat):
    estimate = guessed(
        claims_of(ALL_KINDS, COLUMNS), Model(priors=priors.Priors(logit_repeat=repeat)), 5
    )
    problem = estimate.posterior.problem
    assert problem.multiplicity.max() == 2
    assert np.isfinite(problem.cap_edge).any()

    for theta in estimate.theta.flat:
        parameters = estimate.posterior.parameters(theta)
        each = np.full(problem.level.size, np.nan)
        marginal.log_likelihoods(problem, parameters, each)

        expected = marginal.log_likelihood(
            problem, parameters, False, tables.Parameters(*map(np.zeros_like, parameters))
        )
        assert_allclose(each @ problem.multiplicity, expected, rtol=1e-12)


def test_leaving_a_source_out_is_the_table_without_its_claims():
    full = guessed(claims_of(ALL_KINDS, COLUMNS), n_draws=5)
    without = guessed(claims_of([r for r in ALL_KINDS if r[1] != "press"], COLUMNS), n_draws=5)
    source = full.claims.sources.index("press")

    left = leaving_out._without(full.posterior.problem, source)

    for theta in full.theta.flat:
        whole = full.posterior.parameters(theta)
        keep = [i for i in range(full.claims.n_sources) if i != source]
        part = whole._replace(
            bias=whole.bias[keep], log_scatter=whole.log_scatter[keep],
            logit_repeat=whole.logit_repeat[keep],
        )  # fmt: skip
        actual, expected = (
            np.empty(left.level.size),
            np.empty(without.posterior.problem.level.size),
        )
        marginal.log_likelihoods(left, whole, actual)
        marginal.log_likelihoods(without.posterior.problem, part, expected)
        assert_allclose(
            actual[full.posterior.patterns], expected[without.posterior.patterns], rtol=1e-9
        )


def test_leaving_a_location_out_agrees_with_a_refit(clean):
    # Tests the sign of the weights, too: turned round, they would not raise elpd's error bar
    # but count the location twice.
    table = table_with_a_visitor()
    location = clean.claims.locations[-1]
    refit = fitted(table[table["location"] != location])
    assert refit.posterior.theta_names == clean.posterior.theta_names
    pattern = clean.posterior.patterns[-1:]
    problem = leaving_out._taken(clean.posterior.problem, pattern)

    left_out = diagnostics.loo(clean).table.loc[location]

    density = np.exp(
        leaving_out.pattern_log_likelihoods(
            Estimate(clean.posterior, refit.theta, entropy=0), problem
        )[:, 0]
    )
    seen = np.exp(leaving_out.pattern_log_likelihoods(clean, problem)[:, 0])
    mcse = math.hypot(
        density.std() / density.mean() / math.sqrt(refit.theta.ess),
        # The spread of the reciprocals is that of the weights.
        (1 / seen).std() * seen.mean() / math.sqrt(clean.theta.ess),
    )
    assert left_out["reliable"]
    assert abs(left_out["elpd"] - math.log(density.mean())) < 4 * mcse
    assert left_out["elpd"] < math.log(seen.mean()) - 0.05


def test_locations_of_one_pattern_are_computed_once_and_silent_ones_left_out():
    claims = claims_of(ALL_KINDS, COLUMNS, locations=["Silent"])
    model = Model()
    posterior = model.given(claims)
    theta = np.random.default_rng(1).normal(-1.0, 0.3, (2, 400, posterior.n_theta))
    estimate = Estimate(posterior, ThetaDraws(theta, "guessed", ess=800, rhat=1.0), entropy=3)

    result = diagnostics.loo(estimate)

    assert result.table.index.tolist() == ["Arden", "Brook", "Corley", "Dunmow", "Elford"]
    assert result.table["n_claims"].tolist() == [2, 2, 2, 2, 2]
    assert result.table.loc["Arden"].tolist() == result.table.loc["Brook"].tolist()
    assert_allclose(result.elpd, result.table["elpd"].sum())
    data = result.elpd_data
    assert data.elpd == result.elpd
    assert data.n_data_points == 5
    assert data.elpd_i.sel(location="Corley") == result.table.loc["Corley", "elpd"]


def test_loo_trusts_every_location_of_the_model_and_doubts_a_misplaced_digit(clean, misplaced):
    estimate, location = misplaced
    quiet, loud = diagnostics.loo(clean), diagnostics.loo(estimate)

    assert quiet.table["reliable"].all()
    assert "refit" not in repr(quiet)
    others = loud.table.drop(location)
    assert loud.table.loc[location, "p_loo"] > 2 * others["p_loo"].max()
    assert loud.table.loc[location, "pareto_k"] > others["pareto_k"].max()
    # What it costs the others to be there is what its leaving would gain.
    assert loud.table.loc[location, "elpd"] < quiet.table.loc[location, "elpd"] - 4


def test_loo_by_source_says_which_sources_need_a_refit(clean):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = diagnostics.loo_by_source(clean)

    table = result.table
    assert table.index.tolist() == list(clean.claims.sources)
    assert_allclose(table["n_claims"], np.bincount(clean.claims.source_index))
    assert (table["reliable"] == (table["pareto_k"] <= result.good_k)).all()
    # A source's own habits are learnt from its claims: to leave out twenty moves theta far.
    assert table.loc["visitor", "n_claims"] == 1
    assert table.loc["visitor", "reliable"]
    doubtful = table.index[~table["reliable"]]
    assert len(doubtful) >= 2
    assert all(name in repr(result) for name in doubtful)


def test_there_must_be_something_to_leave_out():
    registry = claims_of([row("Arden", "registry", "verified", (12, 12))], COLUMNS)
    with pytest.raises(ValueError, match="no claim may err"):
        diagnostics.loo_by_source(guessed(registry, n_draws=5))


def test_pairs_statistics_and_tails_are_as_by_hand():
    rows = [
        ("Arden", "clinic", 20), ("Arden", "press", 20), ("Arden", "radio", 30),
        ("Brook", "clinic", 5), ("Brook", "press", 300), ("Corley", "press", 250),
    ]  # fmt: skip
    estimate = guessed(claims_of(rows, "location source count"))
    counts = Counts.of(estimate.claims).count

    found = {name: of(counts) for name, of in diagnostics.statistics(estimate).items()}

    assert found["agreement"] == 1 / 4
    assert found["ending in 0"] == 1.0
    assert found["multiples of 100"] == 1 / 2
    # Only Arden and Brook have pairs; two of Arden's three are unequal.
    tolls = estimate.quantile(0.5)
    spreads = {"Arden": np.log(31 / 21), "Brook": np.log(301 / 6)}
    smaller, larger = sorted(spreads, key=lambda name: tolls[name])
    assert_allclose(found["spread of small tolls"], spreads[smaller])
    assert_allclose(found["spread of middle tolls"], spreads[larger])
    assert np.isnan(found["spread of large tolls"])
    drawn = np.array([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])
    # One above, one equal, and half a draw more, of four.
    assert_allclose(replication._tail(np.array([2.0, 5.0]), drawn), [2.0 / 4, 2.0 / 4])


def test_adjusted_tails_are_those_of_benjamini_and_hochberg():
    tail = np.random.default_rng(2).random(40) ** 3
    expected = stats.false_discovery_control(tail)

    assert_allclose(replication._adjusted(tail), expected, rtol=1e-12)


def test_replicates_look_like_claims_of_the_model(clean):
    table = diagnostics.posterior_predictive(clean, rng=1)

    assert not table["unlike"].any()
    assert table.attrs["ci_prob"] == 0.9
    assert (table["lower"] <= table["median"]).all()
    assert (table["median"] <= table["upper"]).all()


def test_rounded_counts_do_not_look_like_claims_of_the_model(rounded):
    table = diagnostics.posterior_predictive(rounded, rng=1)

    assert table.loc[["ending in 0", "multiples of 100"], "unlike"].all()
    assert table.loc["ending in 0", "observed"] == 1.0
    assert table.loc["ending in 0", "upper"] < 0.5


def test_statistics_can_be_ones_own(clean):
    table = diagnostics.posterior_predictive(
        clean, lambda _: {"zeros": lambda count: float(np.mean(count == 0))}, n=50, rng=1
    )

    assert table.index.tolist() == ["zeros"]


def test_sources_of_the_model_are_not_linked(clean):
    table = diagnostics.residual_correlation(clean, rng=1)

    assert len(table) == 6
    assert not table["linked"].any()
    assert (table["adjusted"] >= table["tail_prob"]).all()


@pytest.mark.parametrize("change", [0.0, 0.03])
def test_a_source_that_copies_another_is_linked_to_it(change):
    simulation = simulated()
    table = table_of(simulation)

    quiet = diagnostics.residual_correlation(
        with_known_habits(table, simulation.theta), n=1000, rng=1
    )
    loud = diagnostics.residual_correlation(
        with_known_habits(with_copies(table, change), simulation.theta), n=1000, rng=1
    )

    assert not quiet["linked"].any()
    assert loud.index[loud["linked"]].tolist() == [("S01", "S02")]
    first = loud.iloc[0]
    assert first["correlation"] > first["correlation_expected"] + 0.3
    if change == 0.0:
        assert first["agreement"] == 1.0


def test_priors_that_are_right_are_not_contradicted(clean):
    table = diagnostics.prior_data_conflict(clean)

    assert not table["conflict"].any()
    # Nothing is verified, so the common bias is not learnt; tolls of 30 locations are.
    assert table.loc["common_bias", "learnt"] < 0.2
    assert table.loc["mu", "learnt"] > 0.9


def test_a_prior_sure_of_smaller_tolls_is_contradicted(mistaken):
    table = diagnostics.prior_data_conflict(mistaken)

    assert table["conflict"].any()
    assert table.loc[["mu", "tau"], "conflict"].any()
    assert table.loc["mu", "prior"] == "Normal(0, 0.2)"


def test_the_total_hangs_on_the_common_bias_where_nothing_is_verified(clean):
    locations = list(clean.claims.locations[:2])
    # With 30 % either way the total's is 0.07 to 0.10 over seeds, well above the limit of 0.05.
    loose = priors.Priors(common_bias=priors.Normal(0.0, 0.3))

    table = diagnostics.power_scaling(fitted(table_with_a_visitor(), priors=loose), locations)

    assert table.index.tolist() == [("total", "total"), *(("toll", name) for name in locations)]
    assert table.loc[("total", "total"), "diagnosis"] == "the prior decides"
    assert table.loc[("total", "total"), "mostly"] == "common_bias"
    # Under the usual prior a toll of a hundred with several claims hangs on these.
    tight = diagnostics.power_scaling(clean, locations)
    assert (tight.loc["toll", "diagnosis"] == "").all()
    assert tight.loc[("total", "total"), "mostly"] == "common_bias"


def test_a_prior_sure_of_smaller_tolls_pulls_at_the_total(mistaken):
    table = diagnostics.power_scaling(mistaken)

    assert table.loc[("total", "total"), "diagnosis"] == "prior-data conflict"


def test_what_is_certain_does_not_move():
    estimate = guessed(claims_of(ALL_KINDS, COLUMNS))

    table = diagnostics.power_scaling(estimate, ["Elford"], by=["a", "a", "a", "a", "verified"])

    for what in (("total", "verified"), ("toll", "Elford")):
        assert table.loc[what].tolist() == [0.0, 0.0, "", ""]


def test_power_scaling_refuses_what_it_does_not_know(clean):
    with pytest.raises(KeyError, match="'Nowhere' is none of the 30 locations"):
        diagnostics.power_scaling(clean, ["Nowhere"])
    with pytest.raises(ValueError, match="by has 1 labels for 30 locations"):
        diagnostics.power_scaling(clean, by=["a"])


def test_half_normals_are_standard_normal_on_the_axis_of_conflict():
    scale = np.array([1e-9, 1e-3, 0.3, 0.499, 0.501, 1.0, 4.0, 9.0, 30.0])
    entry = Entry("log_tau", None, True, Value(0.0), Value(2.0))

    u = prior_checks._on_normal_axis(entry, np.log(2.0 * scale))

    assert_allclose(stats.norm.logsf(u), stats.halfnorm.logsf(scale), rtol=1e-10, atol=1e-14)
    assert_allclose(stats.norm.logcdf(u[:6]), stats.halfnorm.logcdf(scale[:6]), rtol=1e-10)


@pytest.mark.parametrize(("mean", "expected"), [(0.05, 0.5), (0.4, 4.0)])
def test_conflict_is_the_posterior_mean_over_what_was_learnt(mean, expected):
    # A normal unknown with prior sd 0.1, of which 0.01 (1 - 0.19) of variance was taken away:
    # z = (mean / 0.1) / sqrt(1 - 0.19) for draws of variance 0.0019.
    estimate = guessed(claims_of(ALL_KINDS, COLUMNS), n_draws=40_000)
    at = estimate.posterior.theta_names.index("common_bias")
    theta = estimate.theta.theta.copy()
    noise = np.random.default_rng(3).standard_normal(theta.shape[1])
    theta[0, :, at] = mean + math.sqrt(0.0019) * (noise - noise.mean()) / noise.std()
    draws = ThetaDraws(theta, "guessed", ess=40_000, pareto_k=0.0)

    found = diagnostics.prior_data_conflict(Estimate(estimate.posterior, draws, 1))

    assert_allclose(found.loc["common_bias", "learnt"], 0.81, rtol=1e-9)
    assert_allclose(found.loc["common_bias", "z"], expected / 0.9, rtol=1e-9)
    assert found.loc["common_bias", "conflict"] == (expected > 3)
