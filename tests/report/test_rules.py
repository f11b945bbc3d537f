"""Rules of coding: by hand, one by one, and defined for every kind of claim."""

import math
from collections import Counter
from statistics import median

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tollest as te
from tests.conftest import claims_of
from tollest.report import rules

RULED = [name for rule in rules.RULES for name in rule.columns]


def coded(*wordings):
    """Code one location, each wording by a source of its own."""
    rows = [("Arden", f"S{i}", wording) for i, wording in enumerate(wordings)]
    return rules.coded(claims_of(rows, "location source wording")).loc["Arden"]


def test_rules_differ_where_claims_do():
    row = coded("11", "30", "30", "28", "90")

    assert row[RULED].to_dict() == {
        "lowest": 11, "median_claim": 30, "majority": 11, "low": 11, "best": 30, "high": 90,
        "minimum": 11, "maximum": 90,
    }  # fmt: skip


def test_a_majority_is_more_than_half():
    assert coded("30", "30", "11")["majority"] == 30
    assert coded("30", "30", "11", "12")["majority"] == 11


def test_of_several_that_most_share_the_best_is_the_smallest():
    assert coded("30", "30", "12", "12", "5")["best"] == 12


@pytest.mark.parametrize(
    ("wording", "low", "best", "high"),
    [("5-21", 5, 13, 21), ("about 1,400", 1350, 1400, 1450), ("at least 17", 17, 17, 17),
     ("more than 4,000", 4001, 4001, 4001), ("no more than 30", 30, 30, 30),
     ("dozens", 24, 61, 99), ("none", 0, 0, 0)],
)  # fmt: skip
def test_a_claim_stands_as_the_numbers_it_names(wording, low, best, high):
    row = coded(wording)

    assert row[["low", "best", "high"]].tolist() == [low, best, high]
    assert row["lowest"] == low
    assert row["majority"] == row["median_claim"] == best


def test_documented_and_verified_deaths_are_claims():
    rows = [
        ("Arden", "names", "documented", 9), ("Arden", "press", "count", 30),
        ("Brook", "registry", "verified", 12),
    ]  # fmt: skip
    table = rules.coded(claims_of(rows, "location source kind count"))

    assert table.loc["Arden", ["low", "high"]].tolist() == [9, 30]
    assert table.loc["Brook", "best"] == 12


def test_a_minimum_and_a_maximum_take_two_sources():
    rows = [
        ("Arden", "names", "documented", 9), ("Arden", "names", "count", 30),
        ("Brook", "names", "count", 4), ("Brook", "press", "count", 4),
    ]  # fmt: skip
    table = rules.coded(claims_of(rows, "location source kind count"))

    assert table["n_sources"].tolist() == [1, 2]
    assert table.loc["Arden", ["minimum", "maximum"]].isna().all()
    assert table.loc["Brook", ["minimum", "maximum"]].tolist() == [4, 4]


def test_claims_set_aside_do_not_count():
    rows = [
        ("Arden", "press", 5, "2025-03-01", None), ("Arden", "press", 8, "2025-03-02", None),
        ("Arden", "radio", 5, "2025-03-03", "press"),
    ]  # fmt: skip
    columns = "location source count date origin"
    row = rules.coded(claims_of(rows, columns)).loc["Arden"]

    assert row[["low", "high", "n_sources"]].tolist() == [8, 8, 1]


def test_silence_is_not_zero():
    table = rules.coded(
        claims_of([("Arden", "press", "none")], "location source wording", locations=["Brook"])
    )

    assert table.loc["Arden", "best"] == 0
    assert table.loc["Brook", RULED].isna().all()
    assert table.loc["Brook", "n_sources"] == 0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(0, 6), min_size=1, max_size=7), min_size=1, max_size=5))
def test_many_locations_are_coded_as_each_alone(places):
    rows = [
        (f"L{i}", f"S{j}", count)
        for i, counts in enumerate(places)
        for j, count in enumerate(counts)
    ]
    table = rules.coded(claims_of(rows, "location source count"))

    for i, counts in enumerate(places):
        tally = Counter(counts)
        best = min(tally, key=lambda count, tally=tally: (-tally[count], count))
        row = table.loc[f"L{i}"]
        assert row["best"] == best
        assert row["median_claim"] == math.floor(median(counts))
        assert row["majority"] == (best if 2 * tally[best] > len(counts) else min(counts))
        assert (row["low"], row["high"]) == (min(counts), max(counts))


def test_each_rule_says_what_it_takes_and_where_it_is_used():
    table = rules.coded(claims_of([("Arden", "press", "5")], "location source wording"))

    assert list(table.attrs["rules"]) == RULED
    for rule in rules.RULES:
        assert rule.definition.endswith(".")
        assert "https://doi.org/10." in rule.reference


def test_the_estimate_stands_beside_the_rules():
    claims = claims_of(
        [("Arden", "press", "30"), ("Arden", "clinic", "11")],
        "location source wording",
        locations=["Brook"],
    )
    estimate = te.estimate(claims, rng=1, progress=False)

    table = te.report.baselines(estimate, ci_prob=0.5)

    tolls = estimate.table(ci_prob=0.5)
    names = ["estimate", "estimate_lower", "estimate_upper"]
    np.testing.assert_array_equal(table[names], tolls[["median", "lower", "upper"]])
    assert table.attrs["ci_prob"] == 0.5
    assert table.attrs["ci_kind"] == "eti"
    assert "lowest" in table.attrs["rules"]
