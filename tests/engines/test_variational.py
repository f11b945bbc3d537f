"""The normal closest to a density, against cases that are known by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tollest.engines import variational
from tollest.engines.whitening import Whitening, share_of_common


def plain(log_density_and_gradient):
    """Give a function of `u` as a density whose coordinates mean nothing."""
    return SimpleNamespace(
        log_density_and_gradient=lambda u, coordinates: log_density_and_gradient(u)
    )


def start(n, scale=1.0):
    return Whitening(None, np.zeros(n), scale * np.eye(n))


def test_of_a_normal_it_is_that_normal():
    rng = np.random.default_rng(1)
    n = 6
    root = rng.standard_normal((n, n)) + 2.0 * np.eye(n)
    covariance, mean = 0.1 * root @ root.T, rng.standard_normal(n)
    precision = np.linalg.inv(covariance)

    def normal(u):
        slope = -precision @ (u - mean)
        return 0.5 * (u - mean) @ slope, slope

    found = variational.closest_normal(plain(normal), start(n), rng)

    sd = np.sqrt(np.diag(covariance))
    assert np.abs((found.centre - mean) / sd).max() < 0.1
    assert_allclose(found.root @ found.root.T, covariance, atol=0.1 * np.outer(sd, sd).max())


@pytest.mark.parametrize("a", [2.0, 10.0])
def test_of_the_log_of_gammas_it_has_the_closed_form(a):
    # E[a - b exp(u)] = 0 and 1 / s2 = E[b exp(u)] give s2 = 1 / a, m = log(a / b) - s2 / 2.
    n, b = 8, 3.0

    def log_gammas(u):
        return float(np.sum(a * u - b * np.exp(u))), a - b * np.exp(u)

    found = variational.closest_normal(plain(log_gammas), start(n), np.random.default_rng(2))

    mean, sd = np.log(a / b) - 0.5 / a, a**-0.5
    assert np.abs(found.centre - mean).mean() < 0.1 * sd
    assert_allclose(np.sqrt(np.diag(found.root @ found.root.T)).mean(), sd, rtol=0.1)


def test_ripples_that_would_hold_a_mode_are_averaged_out():
    # A mode search from 0 stops on the first ripple; the hill is centred on 5.
    def rippled(u):
        value = -0.5 * (u[0] - 5.0) ** 2 + 0.5 * np.cos(12.0 * u[0])
        return value, np.array([-(u[0] - 5.0) - 6.0 * np.sin(12.0 * u[0])])

    found = variational.closest_normal(plain(rippled), start(1), np.random.default_rng(3))

    assert abs(found.centre[0] - 5.0) < 0.5


def test_pairs_where_the_density_is_zero_teach_nothing():
    def truncated(u):
        inside = u[0] < 1.5
        return (-0.5 * float(u @ u), -u) if inside else (-np.inf, np.full(u.size, np.nan))

    found = variational.closest_normal(plain(truncated), start(3), np.random.default_rng(4))

    assert np.all(np.isfinite(found.centre))
    assert_allclose(found.root @ found.root.T, np.eye(3), atol=0.3)


def test_a_density_of_zero_throughout_leaves_the_start():
    nowhere = plain(lambda u: (-np.inf, np.zeros_like(u)))
    found = variational.closest_normal(nowhere, start(2, 0.5), np.random.default_rng(5))

    assert_allclose(found.centre, 0.0)
    assert_allclose(found.root @ found.root.T, 0.25 * np.eye(2))


# How much of the common bias claims see added to a source's own.


@pytest.mark.parametrize(
    ("share", "precision", "prior"), [(0.0, 50.0, 10.0), (0.4, 50.0, 10.0), (1.0, 3.0, 100.0)]
)
def test_the_share_is_that_of_the_claims_whatever_the_prior(share, precision, prior):
    # Given the common bias b0 the mean of an effect is precision * (a - share * b0) / total.
    slope = -share * precision / (precision + prior)
    assert_allclose(share_of_common(slope, precision, prior), share)


def test_shares_are_from_none_to_all():
    assert share_of_common(-2.0, 1.0, 1.0) == 1.0
    assert share_of_common(0.5, 1.0, 1.0) == 0.0
    assert share_of_common(-0.5, 0.0, 1.0) == 0.0
