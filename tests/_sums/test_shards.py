"""Sums over shards are those over all patterns, whoever computes them."""

import os
import threading
import time

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from tollest._sums import marginal, shards
from tollest._sums.tables import Parameters
from tollest._sums.threads import threaded
from tollest.model.names import Names
from tollest.model.posterior import Model, Posterior
from tollest.simulation.worlds import simulate


@pytest.fixture(scope="module")
def posterior():
    return Model().given(simulate(400, 5, rng=8).claims)


@pytest.fixture(scope="module")
def thetas(posterior):
    rng = np.random.default_rng(9)
    centre = np.array([-1.0 if e.half else 0.0 for e in posterior.entries])
    return centre + 0.3 * rng.standard_normal((3, posterior.n_theta))


def zeros(point):
    return Parameters(*(np.zeros_like(array) for array in point))


@pytest.mark.parametrize("size", [1, 7, 150])
def test_shards_add_up_to_the_whole(posterior, thetas, size):
    points = [posterior.parameters(theta) for theta in thetas]
    parts = shards.shards(posterior.problem, size)

    sums = shards.add_sums(shards.run(part, points, True, False) for part in parts)

    # Of equal cost, not of equally many patterns.
    assert len(parts) > 1
    assert sum(part.level.size for part in parts) == posterior.problem.level.size
    for point, value, gradient in zip(points, sums.values, sums.gradients, strict=True):
        expected = zeros(point)
        whole = marginal.log_likelihood(posterior.problem, point, True, expected)
        assert_allclose(value, whole, rtol=1e-12)
        flat = np.concatenate(expected)
        assert_allclose(gradient, flat, rtol=1e-9, atol=1e-9 * np.abs(flat).max())


def test_chosen_patterns_are_summed_as_they_were(posterior, thetas):
    point, chosen = posterior.parameters(thetas[0]), np.array([3, 11, 12, 90])
    each = np.empty(posterior.problem.level.size)
    marginal.log_likelihoods(posterior.problem, point, each)

    part = shards.chosen(posterior.problem, chosen)

    of_part = np.empty(chosen.size)
    marginal.log_likelihoods(part, point, of_part)
    assert_allclose(of_part, each[chosen], rtol=1e-12)
    assert part.claim_lower.size == np.unique(part.members).size


def test_curvature_is_the_sum_of_outer_products_of_locations_gradients(posterior, thetas):
    point, problem = posterior.parameters(thetas[0]), posterior.problem

    sums = shards.run(problem, [point], True, True)

    expected = 0.0
    for p in range(problem.level.size):
        own = zeros(point)
        one = marginal.shard(problem, p, p + 1)._replace(multiplicity=np.ones(1))
        marginal.log_likelihood(one, point, True, own)
        flat = np.concatenate(own)
        expected = expected + problem.multiplicity[p] * np.outer(flat, flat)
    scale = np.abs(expected).max()
    assert_allclose(sums.curvature, expected, rtol=1e-9, atol=1e-12 * scale)
    plain = shards.run(problem, [point], True, False)
    assert_allclose(sums.values, plain.values, rtol=1e-13)
    assert_allclose(sums.gradients, plain.gradients, rtol=1e-9, atol=1e-9)


def test_threads_do_not_change_a_digit(posterior, thetas, monkeypatch):
    monkeypatch.setattr(shards, "SHARD", 40)
    cut = shards.shards(posterior.problem, 40)

    def sums(threads):
        points = [posterior.parameters(theta) for theta in thetas]
        parts = threaded(lambda s: shards.run(s, points, True, True), cut, threads)
        return shards.add_sums(parts)

    one, two, five = sums(1), sums(2), sums(5)

    for a, b, c in zip(one, two, five, strict=True):
        assert_array_equal(a, b)
        assert_array_equal(a, c)


def test_many_patterns_have_the_density_of_few(posterior, thetas):
    sharded = Posterior(posterior.model, posterior.claims)
    vars(sharded.parts[0])["shards"] = shards.shards(sharded.problem, 50)

    value, gradient = sharded.log_density_and_gradient(thetas[1])

    expected, of_whole = posterior.log_density_and_gradient(thetas[1])
    assert_allclose(value, expected, rtol=1e-12)
    assert_allclose(gradient, of_whole, rtol=1e-9, atol=1e-9)
    assert_allclose(sharded.log_densities(thetas), posterior.log_densities(thetas), rtol=1e-12)


def test_parts_of_claims_that_share_a_frame_add_up(posterior, thetas):
    claims = posterior.claims
    table = claims.to_frame()
    first = table["location"].isin(claims.locations[:150])
    own = [type(claims).from_table(table[which]) for which in (first, ~first)]
    names = Names.joined([Names.of(part) for part in own])

    parts = [Posterior(posterior.model, part, names) for part in own]

    assert names.sources == claims.sources
    assert parts[0].theta_names == posterior.theta_names
    total = sum(part.likelihood.log_likelihoods(thetas)[0] for part in parts)
    assert_allclose(total, posterior.likelihood.log_likelihoods(thetas)[0], rtol=1e-12)
    assert_array_equal(parts[1].n_informing, posterior.n_informing)


def test_threads_are_as_many_as_processors(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    assert list(threaded(lambda i: i * i, [1, 2, 3])) == [1, 4, 9]


def test_work_shared_out_from_within_shared_work_does_not_wait_for_itself():
    def outer(i):
        return sum(threaded(lambda j: i * j, [1, 2, 3], 2))

    assert list(threaded(outer, [1, 2, 3, 4], 2)) == [6, 12, 18, 24]


def test_an_error_in_a_thread_is_raised():
    def divided(i):
        return 1 / i

    with pytest.raises(ZeroDivisionError):
        list(threaded(divided, [1, 0, 2], 2))
    assert list(threaded(divided, [1, 2], 2)) == [1.0, 0.5]


def test_the_thread_that_asks_works_while_others_are_busy():
    release, makers = threading.Event(), []

    def one(i):
        makers.append(threading.current_thread())
        if i == 0 and makers[-1] is not threading.main_thread():
            assert release.wait(60)
        elif i == 4:
            release.set()
        return i * i

    assert list(threaded(one, [0, 1, 2, 3, 4], 2)) == [0, 1, 4, 9, 16]
    assert len(makers) == 5
    assert threading.main_thread() in makers


def test_what_nobody_waits_for_any_longer_is_not_begun():
    closed, begun = threading.Event(), []

    def one(i):
        begun.append(i)
        if i > 0 and threading.current_thread() is not threading.main_thread():
            assert closed.wait(60)
        time.sleep(0.001)
        return i

    results = threaded(one, list(range(1000)), 2)
    assert next(results) == 0
    results.close()
    closed.set()

    # The pool's thread comes to what was asked later, so it has left the first behind.
    assert list(threaded(one, [1001, 1002], 2)) == [1001, 1002]
    assert len(begun) < 500
