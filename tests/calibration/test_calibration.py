import dataclasses
import json

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tests.conftest import claims_of
from tollest import calibration, noise, priors
from tollest.calibration import Design, calibrate, leave_one_source_out, simulated
from tollest.calibration.left_out import share_between
from tollest.engines import NestedLaplace
from tollest.model.posterior import Model
from tollest.simulation.faults import OffSource
from tollest.simulation.worlds import simulate

SMALL = Design(1, 3)


class Remembering:
    """The default engine, which computes what it is asked from the same seed once."""

    def __init__(self):
        self.known = {}

    def run(self, posterior, rng, reporter):
        seed = str(rng.bit_generator.state)
        if seed not in self.known:
            self.known[seed] = NestedLaplace().run(posterior, rng, reporter)
        return self.known[seed]


@dataclasses.dataclass(frozen=True)
class Overconfident:
    """An engine, its draws pulled to their mean."""

    of: Remembering
    by: float

    def run(self, posterior, rng, reporter):
        draws = self.of.run(posterior, rng, reporter)
        centre = draws.theta.mean(axis=1, keepdims=True)
        return dataclasses.replace(draws, theta=centre + self.by * (draws.theta - centre))


@pytest.fixture(scope="module")
def default():
    return Remembering()


@pytest.fixture(scope="module")
def small(default):
    return calibrate(SMALL, engine=default, n_replicates=30, rng=1, progress=False)


@pytest.fixture(scope="module")
def few(default):
    return calibrate(SMALL, engine=default, n_replicates=5, rng=1, progress=False)


@pytest.mark.slow
def test_the_default_engine_is_calibrated(small):
    # All quantities together stay in their band with a probability of 99.9 %.
    assert small.n_doubtful == 0
    assert small.uniformity(prob=0.999)["jointly_inside"].all()
    coverage = small.coverage()
    assert (coverage.loc["theta", "z"].abs() < 4).all()
    assert (coverage.loc["tolls, spread", "z"].abs() < 4).all()
    # Ends belong to printed intervals, so that these hold no less.
    printed, spread = coverage.loc["tolls"], coverage.loc["tolls, spread"]
    assert (printed["coverage"] >= spread["coverage"]).all()


@pytest.mark.slow
def test_an_overconfident_engine_is_found_out(default, small):
    engine = Overconfident(default, 0.2)  # of worlds that are in `small`
    result = calibrate(SMALL, engine=engine, n_replicates=20, rng=1, progress=False)

    assert not result.uniformity(prob=0.999)["jointly_inside"].all()
    assert (result.coverage().loc["theta", "z"] < -4).all()


@pytest.mark.slow
@pytest.mark.grid
@pytest.mark.parametrize("size", [(1, 3, 0), (20, 5, 0), (200, 8, 0), (6, 3, 3)])
def test_more_and_larger_problems_are_calibrated(size):
    n_locations, n_sources, parts = size
    design = Design(n_locations, n_sources, parts=parts)
    result = calibrate(design, n_replicates=40, rng=2, progress=False)

    assert result.uniformity(prob=0.999)["jointly_inside"].all()
    assert (result.coverage().loc["tolls, spread", "z"].abs() < 4).all()


def test_ranks_of_sources_that_claimed_nothing_are_missing(few):
    ranks = few.ranks

    assert ranks["mu"].notna().all()
    assert ranks["bias[S03]"].isna().any()
    known = ranks.to_numpy()[ranks.notna().to_numpy()]
    assert np.all((known > 0) & (known < 1))


def test_a_store_is_taken_up_where_it_was_left(tmp_path, default, few):
    store = tmp_path / "few.jsonl"
    options = {"engine": default, "rng": 1, "store": store, "progress": False}
    calibrate(SMALL, n_replicates=3, **options)
    # What is stored is believed, not run again.
    lines = store.read_text().splitlines()
    edited = json.loads(lines[1]) | {"method": "by hand"}
    store.write_text("\n".join([lines[0], json.dumps(edited), *lines[2:]]) + "\n")

    result = calibrate(SMALL, n_replicates=5, **options)

    assert [r.method == "by hand" for r in result.replicates] == [True] + [False] * 4
    assert result.replicates[1:] == few.replicates[1:5]
    # A run that was killed leaves a line cut short; its replicate is run again.
    store.write_text(store.read_text()[:-20])
    again = calibrate(SMALL, n_replicates=5, **options)
    assert again.replicates == result.replicates
    with pytest.raises(ValueError, match="replicates of another design"):
        calibrate(SMALL, n_replicates=5, **options | {"rng": 2})


@pytest.mark.slow
def test_workers_do_not_change_the_replicates(few):
    result = calibrate(SMALL, n_replicates=4, rng=1, workers=2, progress=False)

    assert result.replicates == few.replicates[:4]


def test_a_single_replicate_is_refused():
    with pytest.raises(ValueError, match="2 or more"):
        calibrate(SMALL, n_replicates=1)


def test_worlds_are_drawn_from_the_models_priors():
    own = priors.Priors(
        mu=priors.Fixed(3.0), logit_repeat=priors.Never(),
        sources={"S02": priors.Source(bias=priors.Fixed(0.0))},
    )  # fmt: skip

    # A source that is not heard takes its prior with it.
    alone = Design(1, 2, claims_per_location=1.0)
    assert len(calibrate(alone, model=Model(priors=own), n_replicates=4, rng=1).replicates) == 4
    simulation, unknowns = simulated(Design(5, 2), Model(priors=own), rng=1)

    assert unknowns["mu"] == 3.0
    assert unknowns["bias[S02]"] == 0.0
    assert np.all(simulation.theta.repeat == 0.0)
    assert np.all(simulation.claims.cap == 100_000)


# --------------------------------------------------------------------------- leaving sources out


@pytest.fixture(scope="module")
def left_out():
    return leave_one_source_out(simulate(20, 4, rng=3).claims, rng=1, progress=False)


@pytest.mark.slow
def test_counts_of_a_source_left_out_are_predicted_as_often_as_promised(left_out):
    n = len(left_out.claims)
    # Claims of one source stand or fall together, so by source; ends belong to intervals.
    assert abs(left_out.coverage - 0.9) < 4 * np.sqrt(0.9 * 0.1 / n) + 0.05
    assert 0.3 < left_out.claims["rank"].mean() < 0.7
    assert "90 % equal-tailed predictive intervals" in repr(left_out)


def test_a_source_that_is_off_stands_out():
    claims = simulate(40, 5, rng=3, faults=[OffSource(4.0)]).claims

    result = leave_one_source_out(claims, sources=["S01"], rng=1, progress=False)

    assert result.table().index.tolist() == ["S01"]
    assert result.table().loc["S01", "rank"] > 0.85
    assert result.coverage < 0.75


@pytest.mark.slow
def test_habits_of_a_source_are_learnt_from_its_other_claims():
    claims = simulate(40, 5, rng=3, faults=[OffSource(4.0)]).claims

    result = leave_one_source_out(claims, sources=["S01"], folds=3, rng=1, progress=False)

    # A stranger's counts would be expected at a quarter; its own are known to be high.
    assert len(result.claims) == len(set(result.claims["row"]))
    assert 0.25 < result.table().loc["S01", "rank"] < 0.75
    assert result.coverage > 0.75


def test_a_count_is_predicted_with_the_ratio_of_marginals():
    # All but the toll is known, so p(count | others) = p(all claims) / p(others).
    fixed = priors.Fixed
    known = priors.Priors(
        mu=priors.Normal(2.5, 1e-4), tau=fixed(0.8), bias=priors.Pooled(fixed(0.1), fixed(1e-4)),
        log_scatter=priors.Pooled(fixed(np.log(0.2)), fixed(1e-4)),
        logit_repeat=priors.Pooled(fixed(0.5), fixed(1e-4)),
        log_figure_scatter=fixed(np.log(0.15)), common_bias=fixed(0.0),
        logit_near_copy=priors.Never(),
    )  # fmt: skip
    rows = [("Arden", "clinic", 11), ("Arden", "press", 14), ("Arden", "radio", 11)]
    claims = claims_of(rows, "location source count")
    model = Model(priors=known)

    result = leave_one_source_out(claims, model=model, rng=1, progress=False).claims

    def log_marginal(evidence):
        posterior = model.given(evidence)
        known_as = {"mu": 2.5, "bias": 0.1, "log_scatter": np.log(0.2), "logit_repeat": 0.5}
        centre = np.array([known_as[entry.name] for entry in posterior.entries])
        return posterior.log_density(centre) - posterior.log_prior(centre)

    for source, actual in zip(result["source"], result["log_predictive"], strict=True):
        expected = log_marginal(claims) - log_marginal(claims.without(source))
        # The mean over a thousand draws of the toll; probabilities vary by about their size.
        assert_allclose(actual, expected, atol=4 / np.sqrt(1000))


@pytest.mark.slow
def test_predictive_intervals_hold_their_probability():
    claims = simulate(4, 3, rng=5).claims
    result = leave_one_source_out(claims, ci_prob=0.5, rng=1, progress=False)

    inside = result.claims["inside"]
    within = result.claims["count"].between(result.claims["lower"], result.claims["upper"])
    assert (inside == within).all()
    assert (result.claims["lower"] <= result.claims["median"]).all()
    ends = result.claims[["lower", "upper"]].eq(result.claims["count"], axis=0).any(axis=1)
    share = result.claims["share_inside"]
    assert (share[~ends] == inside[~ends]).all()
    assert share[ends].between(0.0, 1.0).all()
    assert (
        result.randomized_coverage
        == share.mean()
        == pytest.approx(
            np.average(result.table()["randomized_coverage"], weights=result.table()["n_claims"])
        )
    )


def test_shares_of_whole_numbers_make_up_the_probability_promised():
    masses = np.array([0.02, 0.3, 0.45, 0.2, 0.03])
    below = np.cumsum(masses) - masses

    shares = [share_between(*pair, 0.05) for pair in zip(below, masses, strict=True)]

    # The least is in the lower tail whole, the most in the upper; two are cut.
    assert_allclose(shares, [0.0, 0.9, 1.0, 0.9, 0.0])
    assert_allclose(masses @ shares, 0.9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"sources": ["radio"]}, "no claim that may err is by 'radio'"), ({}, "three or more")],
)
def test_what_cannot_be_left_out_is_refused(arguments, message):
    claims = simulate(5, 3 if arguments else 2, rng=1).claims

    with pytest.raises(ValueError, match=message):
        leave_one_source_out(claims, **arguments)


@pytest.mark.slow
def test_without_figures_and_with_overrides_strangers_are_drawn_too():
    own = priors.Priors(
        logit_repeat=priors.Never(),
        sources={"S01": priors.Source(bias=priors.Normal(0.2, 0.1))},
    )
    claims = simulate(6, 3, rng=2).claims
    model = Model(noise=noise.Normal(), priors=own)

    result = leave_one_source_out(claims, sources=["S01"], model=model, rng=1, progress=False)

    assert np.isfinite(result.claims["log_predictive"]).all()
    assert calibration.LeftOut is type(result)
