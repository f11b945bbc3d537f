"""Sums of tolls on a grid of octaves: mass, mean and adjoint are exact, and so are small sums."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from tollest._sums import convolution

DENSE = (8, 16, 64)


def masses(rng, size, share):
    return rng.random(size) * (rng.random(size) < share)


def pairs(dense, rng, largest=3000):
    """Masses of two tolls whose sums lie on the grid: full, sparse, apart and in one point."""
    numbers = convolution.points(dense, 2 * largest)
    inside = numbers <= numbers[-1] // 2
    for share in (1.0, 0.3, 0.02):
        a, b = masses(rng, numbers.size, share), masses(rng, numbers.size, share)
        a[~inside] = b[~inside] = 0.0
        yield numbers, a, b
        b[dense // 2 + 3 :] = 0.0
        yield numbers, a, b
        a[: 2 * dense] = 0.0
        yield numbers, a, b
    a, b = np.zeros(numbers.size), np.zeros(numbers.size)
    a[rng.integers(inside.sum())] = b[rng.integers(inside.sum())] = 1.0
    yield numbers, a, b


def convolved(dense, a, b):
    out = np.empty(a.size)
    convolution.convolve(dense, a, b, out)
    return out


@pytest.mark.parametrize("dense", DENSE)
def test_points_are_whole_numbers_then_every_second_fourth_and_so_on(dense):
    numbers = convolution.points(dense, 10_000)
    step = np.diff(numbers)

    assert_array_equal(numbers[:dense], np.arange(dense))
    assert numbers[-1] >= 10_000
    assert np.all(np.isin(step, 2 ** np.arange(20)))
    assert np.all(step[dense:] <= 2 * numbers[dense:-1] / dense)
    begin, end = convolution.cell_edges(numbers)
    assert_array_equal(begin[1:], end[:-1])
    assert np.all((begin < numbers) & (numbers < end))


@pytest.mark.parametrize("dense", DENSE)
def test_mass_and_mean_of_sums_are_exact(dense):
    for numbers, a, b in pairs(dense, np.random.default_rng(1)):
        out = convolved(dense, a, b)

        assert out.sum() == pytest.approx(a.sum() * b.sum(), rel=1e-12)
        mean = a.sum() * (b @ numbers) + b.sum() * (a @ numbers)
        assert out @ numbers == pytest.approx(mean, rel=1e-12)
        assert np.all(out >= 0.0)


@pytest.mark.parametrize("dense", DENSE)
def test_sums_are_spread_by_no_more_than_is_said(dense):
    for numbers, a, b in pairs(dense, np.random.default_rng(2)):
        out = convolved(dense, a, b)

        sums = (numbers[:, None] + numbers).astype(float)
        square = a[:, None] * b * sums**2
        added = out @ numbers.astype(float) ** 2 - square.sum()
        assert -1e-9 * square.sum() <= added <= square.sum() * 4.0 / (3.0 * dense**2)


@pytest.mark.parametrize("dense", DENSE)
def test_sums_below_the_first_octave_are_those_of_whole_numbers(dense):
    rng = np.random.default_rng(3)
    numbers = convolution.points(dense, 10 * dense)
    a, b = rng.random(numbers.size), rng.random(numbers.size)

    out = convolved(dense, a, b)

    assert_allclose(out[:dense], np.convolve(a[:dense], b[:dense])[:dense], rtol=1e-13)


def test_what_lies_beyond_the_grid_is_at_its_last_point():
    numbers = convolution.points(8, 100)
    a = np.zeros(numbers.size)
    a[-1] = 1.0

    assert_array_equal(convolved(8, a, a), a)


def test_nothing_and_something_are_nothing():
    numbers = convolution.points(8, 100)
    a = np.ones(numbers.size)
    slope, of_a, of_b = np.ones(numbers.size), np.ones(numbers.size), np.ones(numbers.size)

    assert not convolved(8, a, 0.0 * a).any()
    convolution.add_slopes(8, a, 0.0 * a, slope, of_a, of_b)
    assert not of_a.any()
    assert not of_b.any()


@pytest.mark.parametrize("dense", DENSE)
def test_slopes_are_those_of_a_function_that_is_linear_in_each_addend(dense):
    rng = np.random.default_rng(4)
    for numbers, a, b in pairs(dense, rng):
        slope = rng.standard_normal(numbers.size)
        of_a, of_b = np.empty(numbers.size), np.empty(numbers.size)
        convolution.add_slopes(dense, a, b, slope, of_a, of_b)

        value = slope @ convolved(dense, a, b)
        size = np.abs(slope) @ convolved(dense, a, b)
        assert of_a @ a == pytest.approx(value, rel=1e-11, abs=1e-12 * size)
        assert of_b @ b == pytest.approx(value, rel=1e-11, abs=1e-12 * size)
        for i in rng.choice(np.flatnonzero(a), 3):
            more = a.copy()
            more[i] += 1.0
            change = slope @ convolved(dense, more, b) - value
            assert of_a[i] == pytest.approx(change, rel=1e-9, abs=1e-11 * size)


@pytest.mark.parametrize("depth", [1e-200, 1e-280])
def test_the_far_tail_of_a_sum_is_as_exact_as_its_middle(depth):
    # Geometric masses: those of the sum are known, down to what a float can hold.
    dense, n = 256, np.arange(256)
    numbers = convolution.points(dense, 600)
    a = np.zeros(numbers.size)
    a[:dense] = depth ** (n / 255.0)

    out = convolved(dense, a, a)

    assert_allclose(out[:dense], (n + 1) * a[:dense], rtol=1e-12)
