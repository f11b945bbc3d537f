"""Sources that are biased differently by whose dead they count."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

import tollest as te
from tests.conftest import guessed
from tollest import priors
from tollest._progress import Reporter
from tollest.calibration import Design, leave_one_source_out
from tollest.calibration.replicates import replicate
from tollest.diagnostics import loo_by_source
from tollest.engines import NUTS, NestedLaplace
from tollest.engines.pymc import held_name, on_theta_scale, to_pymc
from tollest.engines.whitening import from_laplace
from tollest.model.posterior import Model
from tollest.simulation.worlds import draw_truth, simulate

QUIET = Reporter(False)
ROWS = [
    ("Arden", "press", 10, "north"),
    ("Arden", "ministry", 12, "north"),
    ("Brook", "press", 40, "south"),
    ("Brook", "clinic", 31, "south"),
    ("Chase", "ministry", 40, "south"),
    ("Dale", "press", 7, ""),
]
TABLE = pd.DataFrame(ROWS, columns=["location", "source", "count", "side"])


@pytest.fixture
def claims():
    return te.Claims.from_table(TABLE)


@pytest.fixture
def posterior(claims):
    return Model().given(claims)


def test_sides_are_read_and_come_back(claims):
    assert claims.sides == ("north", "south")
    assert_array_equal(claims.side_index, [0, 1, 1, -1])
    assert claims.voices == (
        ("clinic", "south"), ("ministry", "north"), ("ministry", "south"), ("press", ""),
        ("press", "north"), ("press", "south"),
    )  # fmt: skip
    again = te.Claims.from_table(claims.to_frame())
    assert again.voices == claims.voices
    assert_array_equal(again.voice_index, claims.voice_index)


def test_any_column_may_be_the_side(claims):
    table = TABLE.rename(columns={"side": "army"})

    assert te.Claims.from_table(table, columns={"side": "army"}).voices == claims.voices


def test_a_location_of_two_sides_is_an_error():
    table = TABLE.copy()
    table.loc[1, "side"] = "south"

    with pytest.raises(te.ClaimsError, match="side is 'south', but 'north' in row 0"):
        te.Claims.from_table(table)


def test_a_cut_forgets_sides_that_nobody_speaks_of(claims):
    cut = claims.without("press", "clinic")

    assert cut.voices == (("ministry", "north"), ("ministry", "south"))
    assert claims.without(rows=[2, 3, 4]).sides == ("north",)


def test_without_sides_there_is_nothing_new():
    bare = Model().given(te.Claims.from_table(TABLE.drop(columns="side")))

    assert not any("side" in name for name in bare.theta_names)
    assert bare.names.sources == tuple(source for source, _ in bare.names.voices)


def test_claims_count_as_those_of_as_many_sources_as_there_are_voices(posterior):
    # The same claims, each voice a source of its own, with the habits of its source.
    renamed = TABLE.assign(source=TABLE["source"] + "|" + TABLE["side"])
    apart = Model().given(te.Claims.from_table(renamed.drop(columns="side")))
    rng = np.random.default_rng(1)
    theta = 0.5 * rng.standard_normal(posterior.n_theta)
    own = dict(zip(posterior.theta_names, theta, strict=True))
    given = {}
    for source, side in posterior.names.voices:
        name = f"{source}|{side}"
        on_side = own.get(f"bias_on_side[{source}, {side}]")
        given[f"bias[{name}]"] = own[f"bias[{source}]"] if on_side is None else on_side
        for habit in ("log_scatter", "logit_repeat"):
            given[f"{habit}[{name}]"] = own[f"{habit}[{source}]"]
    other = np.array([given.get(name, own.get(name)) for name in apart.theta_names])

    value = posterior.log_likelihood_and_gradient(theta)[0]

    assert_allclose(value, apart.log_likelihood_and_gradient(other)[0], rtol=1e-12)


def test_biases_by_side_are_normal_around_their_source(posterior):
    theta = 0.5 * np.random.default_rng(1).standard_normal(posterior.n_theta)
    names = list(posterior.theta_names)
    j = names.index("bias_on_side[press, south]")
    own, log_sd = theta[names.index("bias[press]")], theta[names.index("log_side_sd")]
    moved = theta.copy()
    moved[j] += 0.7

    found = posterior.log_prior(moved) - posterior.log_prior(theta)

    normal = stats.norm(own, np.exp(log_sd))
    assert_allclose(found, normal.logpdf(moved[j]) - normal.logpdf(theta[j]), rtol=1e-10)
    assert "bias_on_side[press, ]" not in names  # a side that is not known adds nothing


def test_gradients_are_those_of_differences(posterior):
    whitening = from_laplace(posterior, share=1.0)
    u = whitening.centre + 0.3 * np.random.default_rng(2).standard_normal(posterior.n_theta)
    _, gradient = posterior.log_density_and_gradient(u, whitening.coordinates)
    step = 1e-5 * np.eye(len(u))

    ahead = posterior.log_densities(u + step, whitening.coordinates)
    behind = posterior.log_densities(u - step, whitening.coordinates)

    assert_allclose(gradient, (ahead - behind) / 2e-5, rtol=1e-5, atol=1e-6)
    theta = posterior.to_theta(whitening.coordinates, u[None])
    assert_allclose(posterior.to_u(whitening.coordinates, theta)[0], u, rtol=1e-7, atol=1e-7)


def test_gradients_in_coordinates_are_those_of_differences():
    # Claims enough that effects are centred on what they say, common bias and all.
    posterior = Model().given(simulate(40, 4, sides=2, rng=3).claims)
    whitening = from_laplace(posterior, share=1.0)
    coordinates = whitening.coordinates
    assert (coordinates.shift > 0.1).sum() > 4
    u = whitening.centre + 0.5 * np.random.default_rng(2).standard_normal(posterior.n_theta)
    _, gradient = posterior.log_density_and_gradient(u, coordinates)
    step = 1e-5 * np.eye(len(u))

    ahead = posterior.log_densities(u + step, coordinates)
    behind = posterior.log_densities(u - step, coordinates)

    assert_allclose(gradient, (ahead - behind) / 2e-5, rtol=1e-5, atol=1e-5)


def test_gradients_of_the_likelihood_add_up_over_sides(posterior):
    theta = 0.3 * np.random.default_rng(3).standard_normal(posterior.n_theta)
    _, slope = posterior.log_likelihood_and_gradient(theta)
    step = 1e-5 * np.eye(len(theta))

    values = [
        posterior.log_likelihood_and_gradient(theta + sign * row)[0]
        for row in step
        for sign in (1.0, -1.0)
    ]

    ahead, behind = np.array(values).reshape(-1, 2).T
    assert_allclose(slope, (ahead - behind) / 2e-5, rtol=1e-5, atol=1e-6)
    _, _, curvature = posterior.likelihood.log_likelihoods(
        theta[None], gradient=True, curvature=True
    )
    assert curvature.shape == (posterior.n_theta, posterior.n_theta)
    assert_allclose(np.trace(curvature), _squares(posterior, theta), rtol=1e-10)


def _squares(posterior, theta):
    """Sum of squares of each location's gradient."""
    from tollest._sums import shards

    out = 0.0
    for pattern in range(posterior.problem.level.size):
        chosen = shards.chosen(posterior.problem, np.array([pattern]))
        like = replace(posterior.likelihood, run=partial(shards.run, chosen))
        _, slopes, _ = like.log_likelihoods(theta[None], gradient=True)
        weight = posterior.problem.multiplicity[pattern]
        out += weight * np.square(slopes[0] / weight).sum()
    return out


def test_a_fixed_bias_is_that_of_every_side(claims):
    reference = priors.Priors(sources={"press": priors.Source(bias=priors.Fixed(0.1))})
    estimate = guessed(claims, Model(priors=reference))

    assert_allclose(estimate.sources_by_side().loc["press", "bias"], np.exp(0.1))
    assert not any("press," in name for name in estimate.posterior.theta_names)


@pytest.mark.slow
def test_biases_by_side_are_found():
    truth = replace(
        draw_truth(3, rng=1),
        on_side=np.array([[-0.6, 0.5], [0.0, 0.0], [0.4, -0.3]]),
    )
    claims = simulate(400, 3, truth=truth, sides=2, rng=2).claims

    estimate = te.estimate(claims, rng=3, progress=False)

    table = estimate.sources_by_side(ci_prob=0.99)
    assert table.index.names == ["source", "side"]
    expected = np.exp(truth.on_side.ravel())
    assert (table["bias_lower"] < expected).all()
    assert (expected < table["bias_upper"]).all()
    # What a single bias a source hides is far outside.
    assert (
        table.loc[("S01", "A01"), "bias_upper"]
        < 0.8
        < 1.2
        < table.loc[("S01", "A02"), "bias_lower"]
    )
    assert table["n_claims"].sum() == claims.n_claims


@pytest.mark.slow
def test_engines_agree_on_sides():
    posterior = Model().given(simulate(60, 4, sides=2, rng=4).claims)
    default = NestedLaplace().run(posterior, np.random.default_rng(1), QUIET)
    sampled = NUTS(draws=1000).run(posterior, np.random.default_rng(2), QUIET)

    spread = sampled.flat.std(axis=0)
    mcse = np.sqrt(1.0 / default.ess + 1.0 / sampled.ess)
    difference = np.abs(default.flat.mean(axis=0) - sampled.flat.mean(axis=0))
    assert (difference < 4.5 * spread * mcse).all()


def test_pymc_has_the_density_of_the_kernels(posterior):
    import pymc as pm

    model = to_pymc(posterior)
    assert model.named_vars_to_dims["bias_on_side"] == ("source_side",)
    offset = "bias_on_side_offset"
    names = sorted({entry.name for entry in posterior.entries})
    held = {name: held_name(name, model.named_vars) for name in names}
    wanted = [model[key] for key in held.values()]

    *values, claims, offsets = pm.draw([*wanted, model["claims"], model[offset]], random_seed=1)

    on_scale = {
        name: np.atleast_1d(on_theta_scale(name, key, value, np.log))
        for (name, key), value in zip(held.items(), values, strict=True)
    }
    theta = np.array([
        on_scale[entry.name][
            posterior.dimension(entry.name)[1].index(entry.member) if entry.member else 0
        ]
        for entry in posterior.entries
    ])  # fmt: skip
    assert_allclose(claims, posterior.log_likelihood_and_gradient(theta)[0], rtol=1e-10)
    own = on_scale["bias"][posterior.names.source_of]
    scale = np.exp(on_scale["log_side_sd"])
    has_side = np.array([bool(side) for _, side in posterior.names.voices])
    expected = own.copy()
    expected[has_side] += scale * offsets
    assert_allclose(on_scale["bias_on_side"], expected)


def test_what_is_left_of_an_estimate_knows_of_sides(tmp_path):
    claims = simulate(40, 4, sides=2, rng=6).claims
    estimate = guessed(claims)

    estimate.save(tmp_path / "estimate.nc")
    again = te.Estimate.load(tmp_path / "estimate.nc")
    pd.testing.assert_frame_equal(again.sources_by_side(), estimate.sources_by_side())
    tree = estimate.to_datatree()
    assert tree["posterior"]["bias_on_side"].dims[-1] == "source_side"
    assert set(loo_by_source(estimate).table.index) == set(claims.sources)
    assert (
        len(te.diagnostics.audit(estimate, claims.locations[0]).claims)
        == claims.claims_per_location[0]
    )


@pytest.mark.slow
def test_habits_by_side_are_learnt_from_the_other_claims_of_a_source():
    claims = simulate(40, 4, sides=2, rng=6).claims

    left_out = leave_one_source_out(claims, sources=["S01"], rng=1, progress=False)
    assert 0.6 < left_out.coverage <= 1.0
    parts = leave_one_source_out(claims, sources=["S01"], folds=2, rng=1, progress=False)
    assert parts.log_predictive > left_out.log_predictive  # its habits by side are learnt


def test_without_sides_there_is_no_table_of_them():
    claims = te.Claims.from_table(TABLE.drop(columns="side"))

    with pytest.raises(ValueError, match="the claims have no sides"):
        guessed(claims).sources_by_side()


def test_a_world_with_sides_is_ranked():
    result = replicate(Design(20, 3, sides=2), Model(), None, entropy=1, number=3)

    assert "bias_on_side[S01, A01]" in result.ranks
    assert "log_side_sd" in result.ranks
    assert all(0 < rank < 1 for rank in result.ranks.values())
