"""Claims that state an error of their own: cells, wordings, rates; and printing them."""

import math

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import tollest as te
from tollest.claims import ClaimsError, Rate

Z = 1.959963984540054


def read(**cells):
    table = pd.DataFrame({"location": ["Maria"], "source": ["survey"]} | {
        name: [value] for name, value in cells.items()
    })  # fmt: skip
    return te.Claims.from_table(table)


def stated(claims):
    return (
        claims.to_frame()["kind"].tolist(), claims.lower.tolist(), claims.sd_below[0],
        claims.sd_above[0],
    )  # fmt: skip


def on_log1p(number, lower, upper, z=Z):
    x = np.log1p([lower, number, upper])
    return (x[1] - x[0]) / z, (x[2] - x[1]) / z


@pytest.mark.parametrize(
    "cells",
    [
        {"count": 4645, "lower": 793, "upper": 8498},
        {"count": 4645, "lower": 793, "upper": 8498, "kind": "estimate"},
        {"count": 4645, "lower": 793, "upper": 8498, "interval_prob": 0.95},
        {"wording": "4,645 (95 % CI 793-8,498)"},
        {"wording": "4,645 deaths (95% CI: 793 to 8,498)"},
        {"wording": "4,645 [793 to 8,498]"},
        {"wording": "4645 (95% credible interval 793\u20138498)"},
    ],
)
def test_a_number_within_an_interval_is_an_estimate(cells):
    kind, number, below, above = stated(read(**cells))

    assert (kind, number) == (["estimate"], [4645])
    assert_allclose([below, above], on_log1p(4645, 793, 8498), rtol=1e-8)


def test_the_probability_of_an_interval_is_in_the_table_in_the_wording_or_an_argument():
    z = 1.6448536269514722
    expected = on_log1p(100, 80, 120, z)
    table = pd.DataFrame({
        "location": ["Arden"], "source": ["survey"], "count": [100], "lower": [80], "upper": [120],
    })  # fmt: skip

    for claims in (
        read(count=100, lower=80, upper=120, interval_prob=0.9),
        read(wording="100 (90 % CI 80-120)"),
        te.Claims.from_table(table, interval_prob=0.9),
    ):
        assert_allclose(stated(claims)[2:], expected, rtol=1e-8)
    # What a row says of itself goes before the argument.
    own = te.Claims.from_table(table.assign(interval_prob=0.95), interval_prob=0.9)
    assert_allclose(stated(own)[2:], on_log1p(100, 80, 120), rtol=1e-8)


def test_standard_errors_are_in_deaths_or_on_the_log_axis():
    _, _, below, above = stated(read(count=100, sd=10))
    assert_allclose([below, above], on_log1p(100, 90, 110, 1.0), rtol=1e-8)
    assert stated(read(count=100, log_sd=0.2)) == (["estimate"], [100], 0.2, 0.2)
    plus_minus = read(wording="650,000 ± 90,000")
    assert_allclose(stated(plus_minus)[2:], on_log1p(650_000, 560_000, 740_000), rtol=1e-8)


def test_other_kinds_stay_what_they_were():
    assert stated(read(lower=80, upper=120))[0] == ["range"]
    assert stated(read(count=100, lower=80, upper=120, kind="range"))[0] == ["range"]
    assert stated(read(count=100, lower=100, upper=100))[0] == ["count"]
    assert stated(read(count=100))[2:] == (0.0, 0.0)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"count": 100, "lower": 80, "upper": 120, "sd": 9}, "states its error more than once"),
        ({"count": 100, "sd": 9, "log_sd": 0.1}, "states its error more than once"),
        (
            {"count": 100, "kind": "estimate"},
            "kind is 'estimate', which needs a count, with lower",
        ),
        ({"count": 100, "sd": 0}, "sd is 0; a standard deviation is above 0"),
        ({"count": 100, "sd": "wide"}, "sd is 'wide'; a standard deviation is above 0"),
        ({"count": 100, "kind": "at_least", "sd": 9}, "kind is 'at_least', which has no sd"),
        ({"count": 9, "lower": 7, "upper": 12, "interval_prob": 95}, "between 0 and 1, as 0.95"),
        ({"count": 130, "lower": 80, "upper": 120}, "count is 130, above an upper of 120"),
        ({"wording": "130 (80-120)"}, "has a number outside its own interval"),
        ({"wording": "100 (195 % CI 80-120)"}, "states an interval of 195 %"),
        ({"wording": "10-20 (30-40)"}, "'10-20' is no single number"),
        ({"wording": "12 (2 children)"}, "cannot read '12 (2 children)'"),
        ({"wording": "about 100 (80-120)"}, "'about 100' is no single number"),
    ],
)
def test_what_cannot_be_an_estimate_is_refused(cells, message):
    with pytest.raises(ClaimsError) as error:
        read(**cells)
    assert message in str(error.value)


def test_an_argument_that_is_no_probability_is_refused():
    table = pd.DataFrame({"location": ["Arden"], "source": ["survey"], "count": [100]})
    for prob in (95, 1.0, "0.95"):
        with pytest.raises(ValueError, match="interval_prob is"):
            te.Claims.from_table(table, interval_prob=prob)


def test_what_is_printed_is_read_back():
    table = pd.DataFrame({
        "location": ["Maria"] * 3, "source": list("abc"), "count": [1139, 822, None],
        "lower": [1006, None, None], "upper": [1272, None, None], "log_sd": [None, 0.14, None],
        "wording": [None, None, "dozens"],
    }).astype({"count": "Int64", "lower": "Int64", "upper": "Int64"})  # fmt: skip
    claims = te.Claims.from_table(table)
    frame = claims.to_frame()

    assert te.Claims.from_table(frame).to_frame().equals(frame)
    plain = te.Claims.from_table(pd.DataFrame({"location": ["A"], "source": ["b"], "count": [1]}))
    assert "log_sd_below" not in plain.to_frame()


def test_rates_say_what_they_computed():
    survey = Rate(2.0, 4_564_521, 365, baseline=0.411)
    assert survey.cells == {"count": 264_735}
    assert "(2 - 0.411) deaths per 10,000 a day" in repr(survey)
    claims = read(**Rate(2.0, 4_564_521, 365, lower=1.7, upper=2.3, baseline=0.411).cells)
    assert stated(claims)[:2] == (["estimate"], [264_735])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rate": -1.0}, "rate of Rate is -1;"), ({"rate": math.nan}, "rate of Rate is nan"),
        ({"lower": 1.0}, "one end"), ({"lower": 3.0, "upper": 4.0}, "put them in order"),
        ({"baseline": 2.5}, "above the rate"), ({"population": 0}, "must each be above 0"),
        ({"days": True}, "days of Rate is True"),
    ],
)  # fmt: skip
def test_rates_that_are_none_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Rate(**{"rate": 2.0, "population": 1000, "days": 30} | arguments)
