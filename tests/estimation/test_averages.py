"""Tolls of very many patterns: the same answers from less memory and fewer draws."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import tollest as te
from tollest.engines.surrogate import marginal_prior
from tollest.estimation import averages, representatives
from tollest.estimation.masses import StoredMasses, TollMasses
from tollest.estimation.representatives import LEVELS, Level
from tollest.simulation.worlds import simulate


@pytest.fixture(scope="module")
def estimate():
    return te.estimate(simulate(60, 4, rng=3).claims, rng=1, progress=False)


@pytest.fixture
def both(estimate, monkeypatch):
    posterior, thetas = estimate.posterior, estimate.theta.flat[:40]
    dense = averages.of_posterior(posterior, thetas)
    monkeypatch.setattr(averages, "_MOST_CELLS", 0)
    monkeypatch.setattr(averages, "_SHARD", 17)
    stored = averages.of_posterior(posterior, thetas)
    assert isinstance(dense, TollMasses)
    assert isinstance(stored, StoredMasses)
    return dense, stored


def test_masses_kept_by_their_windows_give_the_same_answers(both):
    dense, stored = both
    n = len(dense.masses)
    q = np.linspace(0.01, 0.99, n)

    for p in (0.05, 0.5, 0.95, q):
        assert_array_equal(stored.quantile(p), dense.quantile(p))
    for k in (0, 3, 10**9, np.arange(n)):
        assert_allclose(stored.at_least(k), dense.at_least(k), atol=1e-11)
    # Where claims of 0 may be denials, what is outside the windows is nothing but large.
    assert_allclose(stored.mean(), dense.mean(), rtol=1e-6, atol=1e-4)
    assert_allclose(stored.log_variance(), dense.log_variance(), rtol=1e-6, atol=1e-9)
    for kind in ("eti", "hdi"):
        assert_array_equal(stored.interval(0.9, kind), dense.interval(0.9, kind))
    assert_allclose(stored.rows(np.array([2, 0])).masses, dense.masses[[2, 0]], atol=1e-12)


def test_draws_are_placed_alike_in_either(both):
    dense, stored = both
    rng = np.random.default_rng(0)
    rows = rng.integers(len(dense.masses), size=300)
    index = np.array([rng.choice(len(dense.first), p=m / m.sum()) for m in dense.masses[rows]])
    within = rng.random(300)

    assert_array_equal(stored.place(rows, index, within), dense.place(rows, index, within))


def test_windows_hold_all_but_a_trifle_of_the_mass(both):
    _, stored = both
    starts = stored.start
    sums = [stored.flat[s : s + h - a].sum() for s, a, h in
            zip(starts, stored.low, stored.high, strict=True)]  # fmt: skip
    assert_allclose(sums, 1.0, atol=1e-12)
    assert stored.flat.size < 0.8 * len(stored.low) * len(stored.first)


def settled(estimate, moving, n=200):
    """Draws in which nothing moves but entries of theta whose names begin with `moving`."""
    thetas = estimate.theta.flat[:n]
    centre = np.median(thetas, axis=0)
    draws = centre + 1e-4 * (thetas - centre)
    moves = [name.startswith(moving) for name in estimate.posterior.theta_names]
    draws[:, moves] = thetas[:, moves]
    return draws


def levels(posterior, thetas):
    points = [posterior.parameters(theta) for theta in thetas]
    return representatives.Draws(posterior.problem, points).levels()[posterior.patterns]


def test_well_known_sources_need_few_draws_and_others_all(estimate):
    posterior = estimate.posterior

    assert np.all(levels(posterior, settled(estimate, ("nothing",))) == 0)
    assert np.all(levels(posterior, estimate.theta.flat[:200]) == len(LEVELS))


def test_patterns_of_a_source_little_is_known_of_need_more_draws(estimate):
    posterior, claims = estimate.posterior, estimate.posterior.claims
    of_second = f"log_scatter[{claims.sources[1]}]"

    needed = levels(posterior, settled(estimate, (of_second,)))

    location = np.repeat(np.arange(claims.n_locations), np.diff(claims.offsets))
    speaks = np.bincount(location[claims.source_index == 1], minlength=claims.n_locations) > 0
    assert np.all(needed[speaks] > 0)
    assert np.all(needed[~speaks] == 0)


def test_a_figure_little_is_known_of_needs_more_draws(estimate):
    posterior, claims = estimate.posterior, estimate.posterior.claims

    needed = levels(posterior, settled(estimate, ("log_figure_scatter",)))

    location = np.repeat(np.arange(claims.n_locations), np.diff(claims.offsets))
    states = np.bincount(location[claims.kind == 0], minlength=claims.n_locations) > 0
    assert np.all(needed[states] > 0)


@pytest.mark.parametrize(
    ("stray", "level"), [(0.0, Level(8, 0)), (0.2, Level(8, 128)), (0.2, Level(16, 128))]
)
def test_stand_ins_give_the_average_of_all_draws(estimate, stray, level):
    # What all sources get wrong alike moves freely, each by itself a little or not.
    posterior, rng = estimate.posterior, np.random.default_rng(5)
    thetas = np.tile(np.median(estimate.theta.flat, axis=0), (1000, 1))
    thetas[:, posterior.theta_names.index("common_bias")] = 0.05 * rng.normal(size=1000)
    of_each = [i for i, name in enumerate(posterior.theta_names) if name.startswith("bias[")]
    thetas[:, of_each] += stray * 0.05 * rng.normal(size=(1000, len(of_each)))
    draws = representatives.Draws(posterior.problem, [posterior.parameters(t) for t in thetas])

    whole = averages.average(posterior.problem, *draws.every())

    for points, weights in draws.few(level):
        assert_allclose(weights.sum(), 1.0, rtol=1e-12)
        mean = weights @ np.array([np.concatenate(point) for point in points])
        assert_allclose(mean, np.concatenate(posterior.parameters(thetas.mean(axis=0))), atol=1e-9)
        off = np.cumsum(averages.average(posterior.problem, points, weights) - whole, axis=1)
        assert np.abs(off).max() < 2 * representatives.OFF


def test_where_stand_ins_disagree_all_draws_are_taken(monkeypatch):
    # Claims that contradict each other turn on scatters more than any guess foresees.
    rows = [(f"P{i}", source, n) for i in range(5) for source, n in (("A", 100), ("B", 400 + i))]
    table = pd.DataFrame(rows, columns=["location", "source", "count"])
    model = te.Model(noise=te.noise.Normal())
    posterior = model.given(te.Claims.from_table(table))
    thetas = np.tile(marginal_prior(posterior.entries)[0], (300, 1))
    moves = [name.startswith("log_scatter[") for name in posterior.theta_names]
    thetas[:, moves] = np.log(0.15) + 0.05 * np.random.default_rng(3).normal(size=(300, 2))
    whole = averages.of_posterior(posterior, thetas).masses
    monkeypatch.setattr(averages, "_DEAR", 0)
    assert np.all(levels(posterior, thetas) == 0)

    found = averages.of_posterior(posterior, thetas).masses

    assert_allclose(found, whole, atol=1e-12)


def test_habits_that_are_fixed_have_one_node(monkeypatch):
    # The mean of a thousand equal numbers is off in the last digit.
    known = te.priors.Source(bias=te.priors.Fixed(0.0))
    claims = simulate(60, 4, rng=3).claims
    priors = te.priors.Priors(
        common_bias=te.priors.Fixed(0.1), sources=dict.fromkeys(claims.sources, known)
    )
    posterior = te.Model(priors=priors).given(claims)
    thetas = np.tile(marginal_prior(posterior.entries)[0], (1000, 1))
    monkeypatch.setattr(averages, "_DEAR", 0)

    masses = averages.of_posterior(posterior, thetas).masses

    assert_allclose(masses, averages.of_posterior(posterior, thetas[:3]).masses, atol=1e-12)


def test_a_quadrature_has_the_first_moments():
    values = np.random.default_rng(2).standard_gamma(2.0, 300)
    values -= values.mean()

    nodes, weights = representatives.quadrature(values, 4)

    for power in range(8):
        assert_allclose(weights @ nodes**power, np.mean(values**power), rtol=1e-9, atol=1e-12)
    assert np.all(weights > 0)
    # Two values need no more than two nodes, and one no more than one.
    assert_allclose(representatives.quadrature(np.tile([-1.0, 1.0], 50), 8)[0], [-1.0, 1.0])
    assert_allclose(representatives.quadrature(np.zeros(9), 8), ([0.0], [1.0]))
