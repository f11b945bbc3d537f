"""Tolls of very many patterns: the same answers from less memory and fewer draws."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import tollest as te
from tollest import averages
from tollest.simulation import simulate
from tollest.tolls import StoredMasses, TollMasses


@pytest.fixture(scope="module")
def estimate():
    return te.estimate(simulate(60, 4, rng=3).claims, rng=1, progress=False)


@pytest.fixture
def both(estimate, monkeypatch):
    posterior, thetas = estimate.posterior, estimate.theta.flat[:40]
    dense = averages.of_patterns(posterior, thetas)
    monkeypatch.setattr(averages, "_MOST_CELLS", 0)
    monkeypatch.setattr(averages, "_SHARD", 17)
    stored = averages.of_patterns(posterior, thetas)
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
    assert_allclose(stored.mean(), dense.mean(), rtol=1e-6)
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


def test_well_known_sources_need_few_draws_and_others_all(estimate):
    posterior, thetas = estimate.posterior, estimate.theta.flat[:200]
    centre = np.median(thetas, axis=0)
    known = centre + 1e-4 * (thetas - centre)

    assert np.all(averages.draws_needed(posterior, known) == 8)
    assert np.all(averages.draws_needed(posterior, thetas) == 200)


def test_patterns_of_a_source_little_is_known_of_need_more_draws(estimate):
    posterior, thetas = estimate.posterior, estimate.theta.flat[:200]
    centre = np.median(thetas, axis=0)
    draws = centre + 1e-4 * (thetas - centre)
    name = posterior.claims.sources[1]
    loose = posterior.theta_names.index(f"log_scatter[{name}]")
    draws[:, loose] = thetas[:, loose]

    needed = averages.draws_needed(posterior, draws)[posterior.patterns]

    claims = posterior.claims
    location = np.repeat(np.arange(claims.n_locations), np.diff(claims.offsets))
    speaks = np.bincount(location[claims.source_index == 1], minlength=claims.n_locations) > 0
    assert np.all(needed[speaks] > 8)
    assert np.all(needed[~speaks] == 8)


@pytest.mark.parametrize(("stray", "n_draws"), [(0.0, 8), (0.2, 64)])
def test_few_draws_stand_for_all(estimate, monkeypatch, stray, n_draws):
    # What all sources get wrong alike moves freely, each by itself a little or not.
    posterior, thetas = estimate.posterior, estimate.theta.flat[:1000]
    draws = np.tile(np.median(thetas, axis=0), (1000, 1))
    rng = np.random.default_rng(5)
    draws[:, posterior.theta_names.index("common_bias")] = 0.05 * rng.normal(size=1000)
    of_each = [i for i, name in enumerate(posterior.theta_names) if name.startswith("bias[")]
    draws[:, of_each] += stray * 0.05 * rng.normal(size=(1000, len(of_each)))
    whole = averages.of_patterns(posterior, draws).masses

    monkeypatch.setattr(averages, "_DEAR", 0)
    monkeypatch.setattr(averages, "draws_needed", lambda *_: np.full(len(whole), n_draws))
    off = np.cumsum(averages.of_patterns(posterior, draws).masses - whole, axis=1)

    assert np.abs(off).max() < averages._OFF


def test_a_quadrature_has_the_first_moments():
    values = np.random.default_rng(2).standard_gamma(2.0, 300)
    values -= values.mean()

    nodes, weights = averages.quadrature(values, 4)

    for power in range(8):
        assert_allclose(weights @ nodes**power, np.mean(values**power), rtol=1e-9, atol=1e-12)
    assert np.all(weights > 0)
    # Two values need no more than two nodes, and one no more than one.
    assert_allclose(np.sort(averages.quadrature(np.tile([-1.0, 1.0], 50), 8)[0]), [-1.0, 1.0])
    assert_allclose(averages.quadrature(np.zeros(9), 8), ([0.0], [1.0]))
