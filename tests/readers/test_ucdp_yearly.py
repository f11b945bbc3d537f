"""Yearly estimates are read as those of events are, by conflict, dyad or actor."""

import pytest

from tests.readers.made import YEARS
from tests.readers.test_readers import GED, refusal, said
from tollest import readers


def test_a_dyad_and_a_year_are_a_location():
    claims = readers.ucdp_yearly(YEARS, group="location_inc")

    assert said(claims) == [
        ("12000, 2019", "count", 40, 40), ("12000, 2020", "range", 100, 180),
        ("12001, 2020", "count", 25, 25), ("640, 2020", "range", 1200, 5000),
    ]  # fmt: skip
    best = readers.ucdp_yearly(YEARS, claim=readers.Best())
    assert best.lower.tolist() == [40, 120, 25, 2000]


@pytest.mark.parametrize("unit", ["conflict_id", "actor_id"])
def test_without_dyads_a_conflict_or_an_actor_is(unit):
    years = YEARS.drop(index=2).drop(columns="conflict_id").rename(columns={"dyad_id": unit})

    assert readers.ucdp_yearly(years).locations == ("12000, 2019", "12000, 2020", "640, 2020")


def test_other_yearly_files_call_the_estimates_otherwise():
    names = {f"bd_{end}": f"{end}_fatality_estimate" for end in ("low", "best", "high")}

    assert said(readers.ucdp_yearly(YEARS.rename(columns=names))) == said(
        readers.ucdp_yearly(YEARS)
    )


def test_what_is_wrong_is_told_as_of_events():
    wrong = YEARS.assign(bd_low=[50, 100, 25, 1200])

    assert refusal(readers.ucdp_yearly, wrong).startswith(
        "bd_low, bd_best, bd_high are out of order in 1 of 4 rows; correct them, or say"
    )
    assert "has no column 'dyad_id'" in refusal(
        readers.ucdp_yearly, YEARS.drop(columns=["dyad_id", "conflict_id"])
    )


def test_monthly_candidate_events_are_read_as_events():
    months = GED.assign(code_status="Clear", date_prec=1)

    assert said(readers.ucdp_ged(months)) == said(readers.ucdp_ged(GED))
