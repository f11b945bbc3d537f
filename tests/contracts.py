"""What every noise family must keep, and gradients against differences."""

import numpy as np
from numpy.testing import assert_allclose

from tollest import noise
from tollest._sums import mass

EPSILON = np.finfo(float).eps
# Derivative by values at -2, -1, 1 and 2 steps: the error is of the fourth order in the step.
OFFSETS, COEFFICIENTS = np.array([-2, -1, 1, 2]), np.array([1, -8, 8, -1]) / 12


def check_gradient(function, at, gradient, scale=1.0, rtol=1e-6, noise=1e-13):
    """Compare `gradient` with differences of `function`, entry by entry.

    `scale`, of the shape of `at`, is the distance over which an entry changes the function's
    course. A step is right between rounding and curvature, so the best of three counts. A
    difference's rounding is that of the values, and `noise`, over the step.
    """
    at = np.asarray(at, float)
    scales = np.broadcast_to(scale, at.shape)
    for i in range(at.size):
        closeness = []
        for step in np.array([3e-2, 3e-3, 1e-4]) * scales[i]:
            values = []
            for offset in OFFSETS:
                shifted = at.copy()
                shifted[i] += offset * step
                values.append(function(shifted))
            difference = COEFFICIENTS @ values / step
            rounding = (noise + 20 * EPSILON * np.max(np.abs(values))) / step
            closeness.append(
                abs(difference - gradient[i]) / (rtol * max(abs(gradient[i]), 1e-3) + rounding)
            )
        assert min(closeness) < 1, f"entry {i} is {gradient[i]}, differences {difference}"


def check_noise(family, rng):
    """Hold `family` to what the model asks of every distribution on the log1p axis."""
    rng = np.random.default_rng(rng)
    _check_masses(family)
    _check_draws(family, rng)
    _check_derivatives(family)


def _check_masses(family):
    n = np.arange(400)
    for m, s in [(0.0, 0.02), (2.0, 0.5), (2.0, 3.0), (-4.0, 0.7), (9.0, 1.0)]:
        singles = noise.mass(n, n, m, s, family)
        beyond = noise.mass(400, None, m, s, family)

        assert_allclose(singles.sum() + beyond, 1.0, rtol=1e-13)
        assert np.all(singles >= 0)
        # An interval has the mass of its numbers.
        assert_allclose(noise.mass(3, 399, m, s, family), singles[3:].sum(), rtol=1e-12)
        assert_allclose(noise.mass(0, 399, m, s, family), singles.sum(), rtol=1e-12)
        assert_allclose(noise.mass(0, None, m, s, family), 1.0, rtol=1e-15)


def _check_draws(family, rng):
    m, s, n_draws = 2.0, 0.6, 40_000
    z = family.rvs(rng, n_draws)
    assert z.shape == (n_draws,)
    assert family.rvs(rng, (3, 2)).shape == (3, 2)
    # A draw on the log1p axis stands for the whole number whose edges it lies between.
    n = np.maximum(np.rint(np.expm1(m + s * z)), 0)
    for lower, upper in [(0, 0), (1, 1), (6, 6), (7, 12), (30, None)]:
        expected = noise.mass(lower, upper, m, s, family)
        actual = np.mean((n >= lower) & (n <= (np.inf if upper is None else upper)))

        assert abs(actual - expected) < 4 * np.sqrt(expected * (1 - expected) / n_draws)


def _check_derivatives(family):
    which, df = noise.code(family)
    for lower, upper in [(0, 0), (4, 4), (0, 30), (20, 80), (1500, 1500), (17, None)]:
        unbounded = np.iinfo(np.int64).max
        a, b, w = noise.edges(
            np.array([lower]), np.array([unbounded if upper is None else upper]), unbounded
        )
        for m, s in [(2.0, 0.5), (3.0, 0.05), (-1.0, 2.0), (7.0, 0.3)]:

            def log_mass(at, a=a[0], b=b[0], w=w[0]):
                s = np.exp(at[1])
                return mass.mass_cell(which, df, (a - at[0]) / s, (b - at[0]) / s, w / s)

            at = np.array([m, np.log(s)])
            _, d_m, d_log_s = log_mass(at)

            check_gradient(lambda at: log_mass(at)[0], at, [d_m / s, d_log_s], scale=[s, 1.0])
