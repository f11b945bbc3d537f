"""Noise families: each a distribution over whole numbers, from no deaths up."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from tests.contracts import check_noise
from tollest import noise
from tollest.noise import Logistic, Normal, StudentT

STANDARD = [
    (Logistic(), stats.logistic()),
    (Normal(), stats.norm()),
    (StudentT(), stats.t(4)),
    (StudentT(2.5), stats.t(2.5)),
    (StudentT(30), stats.t(30)),
]
FAMILIES = [family for family, _ in STANDARD]


@pytest.mark.parametrize("family", FAMILIES, ids=repr)
def test_every_family_keeps_the_contract(family):
    check_noise(family, rng=7)


def test_kernels_are_given_degrees_of_freedom_of_one_type():
    # They are compiled for the types that they are given.
    assert {type(noise.family_code(family)[1]) for family in FAMILIES} == {float}


@pytest.mark.parametrize(("family", "standard"), STANDARD, ids=map(repr, FAMILIES))
@pytest.mark.parametrize(("m", "s"), [(2.0, 0.5), (0.3, 1.5), (6.0, 0.2)])
def test_mass_is_a_difference_of_distribution_functions(family, standard, m, s):
    lower, upper = np.array([0, 0, 1, 3, 20, 400]), np.array([0, 12, 1, 40, 20, 450])
    a = np.where(lower == 0, -np.inf, (np.log(lower + 0.5) - m) / s)
    b = (np.log(upper + 1.5) - m) / s

    actual = noise.mass(lower, upper, m, s, family)

    # scipy's differences cancel, to a few units of the last digit of 1.
    assert_allclose(actual, standard.cdf(b) - standard.cdf(a), rtol=1e-9, atol=1e-15)
    assert_allclose(noise.mass(40, None, m, s, family), standard.sf((np.log(40.5) - m) / s))


def test_mass_is_logistic_unless_told_otherwise():
    assert noise.mass(3, 9, 2.0, 0.5) == noise.mass(3, 9, 2.0, 0.5, Logistic())


def test_mass_broadcasts_intervals():
    lower, upper = np.array([[0], [2]]), np.array([4, 5, 6])

    actual = noise.mass(lower, upper, 1.0, 1.0)

    assert actual.shape == (2, 3)
    assert actual[1, 2] == noise.mass(2, 6, 1.0, 1.0)
    assert noise.mass(0, 4, 1.0, 1.0).shape == ()
    assert noise.mass(lower, None, 1.0, 1.0).shape == (2, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 1, 0.0, 0.0), "s is 0.0; a scale is positive."),
        ((0, 1, 0.0, -1.0), "s is -1.0; a scale is positive."),
        ((0, 1, 0.0, float("nan")), "s is nan; a scale is positive."),
        (
            (-1, 1, 0.0, 1.0),
            "an interval runs from a whole number, 0 or more, to one no smaller.",
        ),
        (
            (np.array([1, 3]), 2, 0.0, 1.0),
            "an interval runs from a whole number, 0 or more, to one no smaller.",
        ),
    ],
)
def test_mass_refuses_what_is_no_interval_or_scale(arguments, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole text is compared
        noise.mass(*arguments)

    assert str(caught.value) == message


@pytest.mark.parametrize("df", [0, -1.0, np.inf, np.nan])
def test_degrees_of_freedom_are_positive_and_finite(df):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole text is compared
        StudentT(df)

    assert str(caught.value) == f"df is {df}; degrees of freedom are positive and finite."


def test_what_is_no_family_is_refused():
    with pytest.raises(TypeError) as caught:
        noise.family_code("normal")

    message = "'normal' is no noise family; use Logistic(), Normal() or StudentT(df)."
    assert str(caught.value) == message


def test_families_are_values():
    assert StudentT(4) == StudentT() != StudentT(5)
    assert {Logistic(), Normal(), StudentT()} == {StudentT(), Logistic(), Normal()}
    for family in FAMILIES:
        assert eval(repr(family)) == family
    with pytest.raises(AttributeError):
        StudentT().df = 3.0


def test_edges_lie_half_a_death_outwards():
    lower, upper, width = noise.interval_edges(np.array([0, 4, 4, 0]), np.array([0, 4, 9, -1]), -1)

    # log1p(4 - 1/2) and log1p(4 + 1/2); below no deaths there is nothing.
    assert_allclose(lower, [-np.inf, np.log(4.5), np.log(4.5), -np.inf])
    assert_allclose(upper, [np.log(1.5), np.log(5.5), np.log(10.5), np.inf])
    assert_allclose(width, [np.inf, np.log(5.5 / 4.5), np.log(10.5 / 4.5), np.inf])


def test_the_width_of_a_large_count_keeps_its_digits():
    _, _, width = noise.interval_edges(np.array([5_000_000_000]), np.array([5_000_000_000]), -1)

    assert_allclose(width, 1 / 5_000_000_001, rtol=1e-15)
