"""Tolls that depend on what is known of their locations beside the claims."""

from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

import tollest as te
from tests.conftest import guessed
from tollest import priors
from tollest._progress import Reporter
from tollest.calibration import Design
from tollest.calibration.replicates import replicate
from tollest.engines import NUTS, NestedLaplace
from tollest.engines.pymc import to_pymc
from tollest.model.posterior import Model
from tollest.report import provenance
from tollest.simulation.worlds import draw_truth, simulate

QUIET = Reporter(False)
ROWS = [
    ("Arden", "press", 10, "north"),
    ("Arden", "ministry", 12, "north"),
    ("Brook", "press", 40, "south"),
    ("Brook", "clinic", 31, "south"),
    ("Chase", "ministry", 40, "south"),
    ("Dale", "press", 7, "north"),
]
TABLE = pd.DataFrame(ROWS, columns=["location", "source", "count", "group"])
PEOPLE = pd.DataFrame(
    {
        "location": ["Eden", "Dale", "Chase", "Brook", "Arden", "elsewhere"],
        "n": [1000, 100, 900, 800, 90, np.nan],
        "area": ["hill", "hill", "coast", "hill", "coast", None],
    }
)
GAPS = PEOPLE.mask(PEOPLE["location"] == "Chase").fillna({"location": "Chase"})
FORMULA = "log(n) + area"


@pytest.fixture
def bare():
    return te.Claims.from_table(TABLE, locations={"Eden": "north"})


@pytest.fixture
def claims(bare):
    return bare.with_covariates(FORMULA, PEOPLE)


@pytest.fixture
def posterior(claims):
    return Model().given(claims)


def test_terms_are_standardised_over_all_locations(claims):
    assert claims.locations == ("Arden", "Brook", "Chase", "Dale", "Eden")
    assert claims.covariate_names == ("log(n)", "area[T.hill]")
    logs = np.log([90, 800, 900, 100, 1000])
    assert_allclose(claims.covariates[:, 0], (logs - logs.mean()) / logs.std())
    assert_allclose(claims.covariates.mean(axis=0), 0, atol=1e-12)
    assert_allclose(claims.covariates.std(axis=0), 1)


def test_any_dataframe_will_do(bare, claims):
    people = pl.from_pandas(PEOPLE.rename(columns={"location": "village"}))

    again = bare.with_covariates(FORMULA, people, columns={"location": "village"})

    assert_array_equal(again.covariates, claims.covariates)


def test_a_cut_keeps_the_units(claims):
    cut = claims.without("ministry")

    assert cut.locations == ("Arden", "Brook", "Dale", "Eden")
    assert_array_equal(cut.covariates, claims.covariates[[0, 1, 3, 4]])


@pytest.mark.parametrize(
    ("formula", "people", "error", "message"),
    [
        ("n", PEOPLE.drop(index=[2]), te.ClaimsError, "no row for 'Chase'"),
        ("n", pd.concat([PEOPLE, PEOPLE.iloc[[1]]]), te.ClaimsError, "several rows for 'Dale'"),
        ("n", GAPS, te.ClaimsError, "'n' has no value at 'Chase'"),
        ("log(n - 900)", PEOPLE, te.ClaimsError, "no finite value at 'Dale', 'Chase'|'Arden'"),
        ("area", GAPS, te.ClaimsError, "'area' has no value at 'Chase'"),
        ("n", PEOPLE.assign(n=3.0), te.ClaimsError, "'n' is the same at all locations"),
        ("toll ~ n", PEOPLE, ValueError, "right-hand side alone"),
        ("m", PEOPLE, ValueError, "The table has location, n, area"),
        ("n +", PEOPLE, ValueError, "formula 'n \\+'"),
        ("1", PEOPLE, ValueError, "has no term"),
        (3, PEOPLE, TypeError, "formula is a int"),
        ("n", PEOPLE.drop(columns="location"), ValueError, "no column 'location'"),
        ("n", [1, 2], TypeError, "table is a list"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_named(bare, formula, people, error, message):
    with pytest.raises(error, match=message):
        bare.with_covariates(formula, people)


def test_names_of_the_caller_are_no_columns(bare):
    secret = np.arange(5.0)  # noqa: F841 - what a formula must not find

    with pytest.raises(ValueError, match="secret"):
        bare.with_covariates("secret", PEOPLE)


def test_the_density_is_that_of_as_many_groups_with_their_centres(bare, claims, posterior):
    theta = 0.5 * np.random.default_rng(1).standard_normal(posterior.n_theta)
    own = dict(zip(posterior.theta_names, theta, strict=True))
    apart = TABLE.assign(group=TABLE["location"])
    groups = Model().given(te.Claims.from_table(apart, locations={"Eden": "Eden"}))
    effects = np.array([own[f"effect[{name}]"] for name in claims.covariate_names])
    centre = {
        name: own[f"mu_group[{bare.groups[g]}]"] + z @ effects
        for name, g, z in zip(claims.locations, claims.group_index, claims.covariates, strict=True)
    }
    own |= {f"mu_group[{name}]": mu for name, mu in centre.items()}
    other = np.array([own[name] for name in groups.theta_names])

    assert_allclose(
        posterior.log_likelihood_and_gradient(theta)[0],
        groups.log_likelihood_and_gradient(other)[0],
        rtol=1e-12,
    )


def test_gradients_are_those_of_differences(posterior):
    theta = 0.3 * np.random.default_rng(3).standard_normal(posterior.n_theta)
    step = 1e-5 * np.eye(len(theta))
    ahead, behind = posterior.log_densities(theta + step), posterior.log_densities(theta - step)

    _, gradient = posterior.log_density_and_gradient(theta)
    _, of_likelihood = posterior.log_likelihood_and_gradient(theta)
    prior = np.zeros_like(theta)
    from tollest.model.theta import log_prior

    log_prior(posterior.layout, theta, prior)
    assert_allclose(gradient, (ahead - behind) / 2e-5, rtol=1e-5, atol=1e-6)
    assert_allclose(of_likelihood + prior, gradient, rtol=1e-9, atol=1e-9)


def test_effects_have_their_prior(posterior):
    theta = np.zeros(posterior.n_theta)
    j = posterior.theta_names.index("effect[log(n)]")
    moved = theta.copy()
    moved[j] = 0.7
    normal = stats.norm(0, 0.5)

    found = posterior.log_prior(moved) - posterior.log_prior(theta)

    assert_allclose(found, normal.logpdf(0.7) - normal.logpdf(0), rtol=1e-12)


@pytest.mark.slow
def test_effects_are_found_and_reach_silent_places():
    truth = replace(draw_truth(4, rng=1), effect=np.array([1.2, 0.0]))
    simulated = simulate(80, 4, truth=truth, rng=2)
    claims = simulated.claims

    estimate = te.estimate(claims, rng=3, progress=False)

    table = estimate.effects(ci_prob=0.99)
    assert table.index.name == "covariate"
    expected = np.exp(truth.effect)
    assert (table["effect_lower"] < expected).all()
    assert (expected < table["effect_upper"]).all()
    assert table.loc["Z01", "effect_lower"] > 1.5
    assert_allclose(table["sd"], 1.0)
    plain = te.estimate(te.Claims.from_table(claims.to_frame()), rng=3, progress=False)
    # The prior's variance is what covariates leave unexplained.
    assert np.median(estimate._tolls.prior_variance) < 0.8 * np.median(plain._tolls.prior_variance)


def test_a_silent_place_is_judged_by_places_like_it():
    rng = np.random.default_rng(4)
    names = [f"L{i:02d}" for i in range(20)]
    z = np.where(np.arange(20) < 10, -1.0, 1.0)
    tolls = np.exp(3.0 + 1.2 * z + 0.3 * rng.standard_normal(20)).astype(int)
    table = pd.DataFrame({"location": names, "source": "press", "count": tolls})
    people = pd.DataFrame({"location": [*names, "small", "large"], "z": [*z, -1.0, 1.0]})
    claims = te.Claims.from_table(table, locations=["small", "large"])

    table = te.estimate(claims.with_covariates("z", people), rng=1, progress=False).table()

    assert table.loc["small", "upper"] < table.loc["large", "lower"] * 3
    assert table.loc["large", "median"] > 4 * table.loc["small", "median"]


@pytest.mark.slow
def test_engines_agree_on_covariates():
    truth = replace(draw_truth(3, rng=1), effect=np.array([0.5]))
    posterior = Model().given(simulate(40, 3, truth=truth, rng=4).claims)
    default = NestedLaplace().run(posterior, np.random.default_rng(1), QUIET)
    sampled = NUTS(draws=1000).run(posterior, np.random.default_rng(2), QUIET)

    spread = sampled.flat.std(axis=0)
    mcse = np.sqrt(1.0 / default.ess + 1.0 / sampled.ess)
    difference = np.abs(default.flat.mean(axis=0) - sampled.flat.mean(axis=0))
    assert (difference < 4.5 * spread * mcse).all()


def test_wholes_and_parts_have_covariates():
    rows = [("Arden", "press", 10, "North"), ("Brook", "press", 40, "North")]
    rows.append(("North", "ministry", 60, ""))
    table = pd.DataFrame(rows, columns=["location", "source", "count", "parent"])
    people = pd.DataFrame({"location": ["Arden", "Brook", "North"], "n": [90, 800, 500]})
    claims = te.Claims.from_table(table).with_covariates("log(n)", people)
    posterior = Model().given(claims)
    theta = 0.3 * np.random.default_rng(3).standard_normal(posterior.n_theta)
    step = 1e-5 * np.eye(len(theta))

    _, gradient = posterior.log_density_and_gradient(theta)

    ahead, behind = posterior.log_densities(theta + step), posterior.log_densities(theta - step)
    assert_allclose(gradient, (ahead - behind) / 2e-5, rtol=1e-4, atol=1e-5)
    assert np.abs(gradient[posterior.theta_names.index("effect[log(n)]")]) > 1e-3
    # The remainder is a toll like any other of the whole's covariates.
    layout = posterior.parts[1].layout
    leaves = layout.level[layout.left < 0]
    assert sorted(leaves.tolist()) == [0, 1, 2]


def test_pymc_holds_the_effects(posterior):
    import pymc as pm

    model = to_pymc(posterior)

    assert model.named_vars_to_dims["effect"] == ("covariate",)
    effects = pm.draw(model["effect"], draws=2000, random_seed=1)
    assert_allclose(effects.std(axis=0), 0.5, rtol=0.1)


def test_an_estimate_is_saved_with_its_covariates(claims, tmp_path):
    estimate = guessed(claims)
    estimate.save(tmp_path / "estimate.nc")

    again = te.Estimate.load(tmp_path / "estimate.nc")

    pd.testing.assert_frame_equal(again.effects(), estimate.effects())
    assert_array_equal(again.draws(5), estimate.draws(5))
    assert estimate.to_datatree()["posterior"]["effect"].dims[-1] == "covariate"
    assert len(te.diagnostics.audit(estimate, "Arden").claims) == 2


def test_without_covariates_there_is_no_table_of_them(bare):
    with pytest.raises(ValueError, match="no covariates"):
        guessed(bare).effects()


def test_an_exposure_is_an_effect_that_is_known(bare):
    exposed = bare.with_covariates("area", PEOPLE, exposure="n")
    both = Model().given(bare.with_covariates("area + log(n)", PEOPLE))
    posterior = Model().given(exposed)
    theta = 0.3 * np.random.default_rng(2).standard_normal(posterior.n_theta)
    own = dict(zip(posterior.theta_names, theta, strict=True))
    # An effect of one, on what it multiplies in standard deviations.
    own["effect[log(n)]"] = np.log(PEOPLE["n"][:5]).std(ddof=0)
    other = np.array([own[name] for name in both.theta_names])

    value, gradient = posterior.log_likelihood_and_gradient(theta)
    expected, slopes = both.log_likelihood_and_gradient(other)

    assert_allclose(value, expected)
    kept = [both.theta_names.index(name) for name in posterior.theta_names]
    assert_allclose(gradient, slopes[kept])
    code = provenance.python_code(guessed(exposed))
    assert "with_covariates('area', places, exposure='n')" in code


@pytest.mark.parametrize(
    ("exposure", "error", "message"),
    [
        ("people", ValueError, "no exposure 'people'; it has location, n, area"),
        ("zero", te.ClaimsError, "'zero' has no exposure above 0 at 'Brook'"),
    ],
)
def test_what_is_no_exposure_is_refused(bare, exposure, error, message):
    people = PEOPLE.assign(zero=np.where(PEOPLE["location"] == "Brook", 0.0, 1.0))

    with pytest.raises(error, match=message):
        bare.with_covariates("area", people[["location", "n", "area"]] if error is ValueError
                             else people, exposure=exposure)  # fmt: skip


def test_an_effect_has_a_normal_prior():
    with pytest.raises(TypeError, match="effect of Priors"):
        priors.Priors(effect=priors.HalfNormal(1.0))


def test_a_world_with_covariates_is_ranked():
    result = replicate(Design(20, 3, covariates=2), Model(), None, entropy=1, number=3)

    assert {"effect[Z01]", "effect[Z02]"} < set(result.ranks)
    assert all(0 < rank < 1 for rank in result.ranks.values())


@pytest.mark.slow
def test_a_spline_is_a_smooth_rate_over_time():
    rng = np.random.default_rng(5)
    weeks = np.arange(40)
    rate = np.exp(3.0 + np.sin(weeks / 6.0))
    tolls = rng.poisson(rate)
    names = [f"week {week:02d}" for week in weeks]
    heard = weeks % 4 == 0
    table = pd.DataFrame({"location": np.array(names)[heard], "source": "press"})
    table["count"] = tolls[heard]
    calendar = pd.DataFrame({"location": names, "week": weeks})
    silent = [name for name in names if name not in set(table["location"])]
    claims = te.Claims.from_table(table, locations=silent)

    smooth = te.estimate(claims.with_covariates("bs(week, df=6)", calendar), rng=1, progress=False)
    apart = te.estimate(claims, rng=1, progress=False)

    ours, plain = (e.table().loc[silent] for e in (smooth, apart))
    truth = pd.Series(tolls, index=names)[silent]
    assert np.log1p(ours["median"]).corr(np.log1p(truth)) > 0.6
    width = [np.log1p(t["upper"]) - np.log1p(t["lower"]) for t in (ours, plain)]
    assert width[0].mean() < 0.8 * width[1].mean()
    inside = (ours["lower"] <= truth) & (truth <= ours["upper"])
    assert inside.mean() > 0.75
