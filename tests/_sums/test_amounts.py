"""Sums over exponential amounts, against matrices of all numbers by all tolls."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tests._sums.written_out import grid_of, known_given
from tollest._sums.amounts import N_AMOUNTS, fill_amounts, sum_amounts, sum_amounts_back

N = np.arange(61)


def amounts_of(scale, *, exceeds):
    amounts = np.empty((N_AMOUNTS, N.size))
    fill_amounts(grid_of(N), scale, exceeds, amounts)
    return amounts


@pytest.mark.parametrize("exceeds", [False, True])
@pytest.mark.parametrize("scale", [0.01, 0.4, 2.0])
def test_sums_are_those_over_all_numbers(scale, exceeds):
    values = np.random.default_rng(1).random(N.size)
    out, slope = np.empty((2, N.size))

    sum_amounts(amounts_of(scale, exceeds=exceeds), 0, N.size, exceeds, values, out, slope)

    matrix = known_given(scale, N, exceeds=exceeds)
    assert_allclose(matrix.sum(axis=1), 1.0, rtol=1e-12)
    assert_allclose(out, matrix @ values, rtol=1e-12)
    more, less = (
        known_given(scale * math.exp(step), N, exceeds=exceeds) @ values for step in (1e-5, -1e-5)
    )
    assert_allclose(slope, (more - less) / 2e-5, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("exceeds", [False, True])
def test_a_stretch_is_summed_in_place(exceeds):
    values, slope, first, n = np.zeros(N.size), np.empty(20), 30, 20
    values[first : first + n] = np.random.default_rng(1).random(n)
    stretch = values[first : first + n].copy()

    sum_amounts(amounts_of(0.3, exceeds=exceeds), first, n, exceeds, stretch, stretch, slope)

    expected = known_given(0.3, N, exceeds=exceeds) @ values
    assert_allclose(stretch, expected[first : first + n], rtol=1e-12)


@pytest.mark.parametrize("exceeds", [False, True])
@pytest.mark.parametrize("stay", [0.0, 0.3])
def test_derivatives_go_back_as_sums_came(stay, exceeds):
    weights = np.random.default_rng(2).random(N.size)
    back = weights.copy()

    sum_amounts_back(amounts_of(0.7, exceeds=exceeds), 0, N.size, stay, exceeds, back)

    summed = stay * np.eye(N.size) + (1.0 - stay) * known_given(0.7, N, exceeds=exceeds)
    assert_allclose(back, weights @ summed, rtol=1e-12)
