"""Claims that no usual error makes one number of."""

import numpy as np
import pandas as pd
import pytest

import tollest as te
from tests.conftest import claims_of
from tollest.priors import Fixed, Priors, Source
from tollest.simulation.worlds import draw_truth, simulate

COLUMNS = "location source kind count"


def estimate_of(*claims, **priors):
    rows = [("Arden", source, kind, count) for source, kind, count in claims]
    model = te.Model(priors=Priors(**priors))
    return te.estimate(claims_of(rows, COLUMNS), model=model, rng=1, progress=False)


def test_a_survey_beside_a_list_is_named_with_where_the_toll_lies():
    table = pd.DataFrame({
        "location": "Arden", "source": ["survey", "list"], "count": [264_762, 177],
        "lower": [214_781, None], "upper": [314_744, None],
    }).astype({"lower": "Int64", "upper": "Int64"})  # fmt: skip

    estimate = te.estimate(te.Claims.from_table(table), rng=1, progress=False)

    (conflict,) = estimate.conflicts
    assert (conflict.lower, conflict.upper) == ((("list", 177),), (("survey", 264_762),))
    assert conflict.weight_below + conflict.weight_above == pytest.approx(1.0)
    between = int(np.expm1(0.5 * (np.log1p(177) + np.log1p(264_762))))
    expected = float(estimate.probability(at_least=between + 1)["Arden"])
    assert conflict.weight_above == pytest.approx(expected, abs=1e-6)
    for text in (repr(estimate), te.report.sentence(estimate, "Arden")):
        assert "177 (list) and 264,762 (survey) are further apart than errors" in text


def test_two_humps_are_a_conflict_earlier():
    (conflict,) = estimate_of(("a", "count", 5), ("b", "count", 400)).conflicts

    assert 0.02 < conflict.weight_above < 0.98


@pytest.mark.parametrize(
    "claims",
    [
        [("a", "count", 100), ("b", "count", 140)],
        [("a", "count", 0), ("b", "count", 400)],  # a denial
        [("a", "at_least", 5), ("b", "count", 400)],
        [("a", "count", 5), ("b", "count", 400), ("court", "verified", 390)],
        [("a", "count", 400)],
    ],
)
def test_what_may_be_said_of_one_toll_is_no_conflict(claims):
    assert estimate_of(*claims).conflicts == ()


def test_a_source_that_is_known_to_err_widely_is_in_conflict_with_nobody():
    wild = Source(log_scatter=Fixed(np.log(3.0)))

    estimate = estimate_of(("a", "count", 5), ("b", "count", 400), sources={"b": wild})

    assert estimate.conflicts == ()


def test_claims_of_the_model_s_own_world_are_hardly_ever_in_conflict():
    truth = draw_truth(4, mu=4.0, rng=2)
    claims = simulate(300, 4, truth=truth, rng=2).claims
    rows = claims.to_frame().assign(count=lambda frame: frame["lower"])
    several = rows["location"].value_counts()
    place = sorted(several.index[several > 2])[0]
    row = rows.index[rows["location"] == place][0]
    rows.loc[row, "count"] = 100 * (rows.loc[row, "count"] + 5)
    spoilt = te.Claims.from_table(rows[["location", "source", "count"]])

    found = te.estimate(claims, rng=1, progress=False).conflicts
    after = te.estimate(spoilt, rng=1, progress=False).conflicts

    # One in a thousand, or in fifty with two humps, is in conflict by chance.
    assert len(found) <= 3
    assert place in [conflict.location for conflict in after]


def test_many_conflicts_are_told_together():
    rows = [(f"place {i}", source, "count", number) for i in range(7)
            for source, number in ((f"a{i}", 5), (f"b{i}", 50_000))]  # fmt: skip

    estimate = te.estimate(claims_of(rows, COLUMNS), rng=1, progress=False)

    n = len(estimate.conflicts)
    assert n > 0
    assert repr(estimate).count("Do they count the same people") == (n if n <= 5 else 0)
