import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollest._rounding import Rounded, rounded

MOST = 10**13


@st.composite
def intervals(draw):
    """A floor, a lower bound, a point, an upper bound and a cap, in this order."""
    size = draw(st.sampled_from([10, 1000, 10**6, MOST]))
    floor, lower, point, upper, cap = sorted(
        draw(st.lists(st.integers(0, size), min_size=5, max_size=5))
    )
    return floor, lower, point, upper, draw(st.sampled_from([cap, math.inf]))


@given(intervals())
def test_the_printed_interval_holds_the_exact_one_and_the_point(case):
    floor, lower, point, upper, cap = case

    got = rounded(point, lower, upper, floor=floor, cap=cap)

    assert floor <= got.lower <= lower
    assert upper <= got.upper <= cap
    assert got.lower <= got.point <= got.upper


@given(intervals())
def test_units_follow_from_the_sides_and_widen_each_by_a_tenth_at_most(case):
    _, lower, point, upper, _ = case

    got = rounded(point, lower, upper)

    for side, unit, moved in (
        (point - lower, got.lower_unit, lower - got.lower),
        (upper - point, got.upper_unit, got.upper - upper),
    ):
        assert unit == 1 or unit * 10 <= side
        assert unit * 100 > side
        assert math.log10(unit).is_integer()
        assert 0 <= moved < unit
        assert 10 * moved <= side
    assert 2 * abs(got.point - point) <= min(got.lower_unit, got.upper_unit)


@given(intervals())
def test_numbers_are_multiples_of_their_units_unless_something_is_certain(case):
    floor, lower, point, upper, cap = case

    got = rounded(point, lower, upper, floor=floor, cap=cap)

    assert got.lower % got.lower_unit == 0 or got.lower == floor
    assert got.upper % got.upper_unit == 0 or got.upper == cap
    at_an_end = got.point in (got.lower, got.upper)
    assert at_an_end or got.point % min(got.lower_unit, got.upper_unit) == 0


@given(intervals())
def test_rounding_what_was_rounded_changes_nothing_where_units_stay(case):
    _, lower, point, upper, _ = case

    once = rounded(point, lower, upper)
    twice = rounded(once.point, once.lower, once.upper)

    units = (once.lower_unit, once.upper_unit)
    assert (twice.lower_unit, twice.upper_unit) != units or twice == once


@given(st.integers(0, MOST), st.integers(0, MOST))
def test_an_interval_without_an_end_keeps_none(lower, above):
    got = rounded(lower + above, lower, math.inf)

    assert got.upper == math.inf
    assert got.lower <= lower
    assert got.point >= got.lower
    assert got.interval == f"{got.lower:,} or more"


@given(st.integers(0, MOST))
def test_a_known_toll_is_not_rounded(toll):
    got = rounded(toll, toll, toll)

    assert got == Rounded(toll, toll, toll, 1, 1)
    assert got.is_exact
    assert got.rule == ""


@pytest.mark.parametrize(
    ("case", "printed"),
    [
        ((14, 8, 29), (14, 8, 29)),
        ((0, 0, 1), (0, 0, 1)),
        ((100, 1, 199), (100, 1, 199)),
        ((104, 1, 204), (100, 0, 210)),
        ((1432, 974, 2355), (1430, 970, 2360)),
        ((182, 10, 20_636), (180, 10, 21_000)),
        ((58, 0, 8_890), (58, 0, 8_900)),
        ((0, 0, 2001), (0, 0, 2100)),
        ((101_432, 99_974, 140_355), (101_400, 99_900, 141_000)),
    ],
)
def test_examples(case, printed):
    got = rounded(*case)

    assert (got.point, got.lower, got.upper) == printed


@pytest.mark.parametrize(
    ("units", "words"),
    [
        ((1, 1), ""),
        ((10, 10), "rounded to tens, bounds outwards"),
        ((10, 1000), "bounds rounded down to tens and up to thousands"),
        ((1, 100), "upper bound rounded up to hundreds"),
        ((100, 1), "lower bound rounded down to hundreds"),
        ((10**7, 10**7), "rounded to 10,000,000s, bounds outwards"),
    ],
)
def test_the_rule_is_said_in_words(units, words):
    assert Rounded(0, 0, 0, *units).rule == words


def test_a_point_outside_its_interval_is_refused():
    with pytest.raises(ValueError, match="the point 5 with the interval 6 to 9 cannot be printed"):
        rounded(5, 6, 9)
    with pytest.raises(ValueError, match="it takes 7 <= lower"):
        rounded(8, 6, 9, floor=7)
