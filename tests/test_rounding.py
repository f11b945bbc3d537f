import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollest.rounding import Rounded, rounded

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
def test_the_unit_follows_from_the_width_and_widens_the_interval_by_a_tenth_at_most(case):
    _, lower, point, upper, _ = case

    got = rounded(point, lower, upper)

    width = upper - lower
    assert got.unit == 1 or got.unit * 20 <= width
    assert got.unit * 200 > width
    assert math.log10(got.unit).is_integer()
    assert 10 * ((got.upper - got.lower) - width) <= 2 * width
    assert (lower - got.lower, got.upper - upper) < (got.unit, got.unit)


@given(intervals())
def test_bounds_are_multiples_of_the_unit_unless_something_is_certain(case):
    floor, lower, point, upper, cap = case

    got = rounded(point, lower, upper, floor=floor, cap=cap)

    assert got.lower % got.unit == 0 or got.lower == floor
    assert got.upper % got.unit == 0 or got.upper == cap
    at_an_end = got.point in (got.lower, got.upper)
    assert at_an_end or (got.point % got.unit == 0 and 2 * abs(got.point - point) <= got.unit)


@given(intervals())
def test_rounding_what_was_rounded_changes_nothing_where_the_unit_stays(case):
    _, lower, point, upper, _ = case

    once = rounded(point, lower, upper)
    twice = rounded(once.point, once.lower, once.upper)

    assert twice.unit > once.unit or twice == once


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

    assert got == Rounded(toll, toll, toll, 1)
    assert got.is_exact
    assert got.rule == ""


@pytest.mark.parametrize(
    ("case", "printed"),
    [
        ((14, 8, 29), Rounded(14, 8, 29, 1)),
        ((0, 0, 1), Rounded(0, 0, 1, 1)),
        ((100, 0, 199), Rounded(100, 0, 199, 1)),
        ((104, 1, 201), Rounded(100, 0, 210, 10)),
        ((1432, 974, 2355), Rounded(1430, 970, 2360, 10)),
        ((25, 1, 2001), Rounded(0, 0, 2100, 100)),
        ((68, 14, 2450), Rounded(100, 0, 2500, 100)),
        ((101_432, 99_974, 140_355), Rounded(101_000, 99_000, 141_000, 1000)),
    ],
)
def test_examples(case, printed):
    assert rounded(*case) == printed


@pytest.mark.parametrize(
    ("unit", "words"),
    [(10, "rounded to tens, bounds outwards"), (10**7, "rounded to 10,000,000s, bounds outwards")],
)
def test_the_rule_is_said_in_words(unit, words):
    assert Rounded(0, 0, unit, unit).rule == words


def test_a_point_outside_its_interval_is_refused():
    with pytest.raises(ValueError, match="the point 5 with the interval 6 to 9 cannot be printed"):
        rounded(5, 6, 9)
    with pytest.raises(ValueError, match="it takes 7 <= lower"):
        rounded(8, 6, 9, floor=7)
