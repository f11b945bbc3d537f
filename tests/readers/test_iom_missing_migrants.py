"""Numbers of the missing are minimum estimates, and so is what they are added to."""

from tests.readers.made import IOM
from tests.readers.test_readers import refusal, said
from tollest import readers
from tollest.claims.table import UNBOUNDED

MISSING, TOTAL = "Minimum Estimated Number of Missing", "Total Number of Dead and Missing"


def test_where_some_are_missing_the_sum_is_the_least():
    claims = readers.iom_missing_migrants(IOM, group="Region of Incident", date="Incident Date")

    assert said(claims) == [
        ("2014.MMP00001", "count", 1, 1), ("2014.MMP00002", "at_least", 13, UNBOUNDED),
        ("2014.MMP00003", "at_least", 5, UNBOUNDED), ("2014.MMP00004.1", "count", 0, 0),
    ]  # fmt: skip
    assert claims.excluded["location"].tolist() == ["2014.MMP00004.2"]


def test_those_found_dead_are_the_least_where_others_are_missing():
    claims = readers.iom_missing_migrants(IOM, deaths=readers.DeadAlone())

    assert said(claims) == [
        ("2014.MMP00001", "count", 1, 1), ("2014.MMP00002", "at_least", 1, UNBOUNDED),
        ("2014.MMP00004.1", "count", 0, 0),
    ]  # fmt: skip
    assert claims.excluded["location"].tolist() == ["2014.MMP00003", "2014.MMP00004.2"]


def test_a_total_without_its_parts_is_the_least():
    table = IOM.assign(**{"Number of Dead": None, MISSING: None, TOTAL: [3, 4, 5, 6, 7]})

    assert said(readers.iom_missing_migrants(table))[0] == (
        "2014.MMP00001", "at_least", 3, UNBOUNDED,
    )  # fmt: skip


def test_numbers_below_0_and_sums_that_are_none_are_refused():
    table = IOM.assign(**{MISSING: [0, 12, -5, None, None], TOTAL: [2, 13, 5, 0, None]})

    message = refusal(readers.iom_missing_migrants, table)

    assert "2 of 5 claims cannot be used" in message
    assert f"row 2 ('Missing Migrants Project' on '2014.MMP00003'): {MISSING} is -5; " in message
    assert (
        f"{TOTAL} is 2, but Number of Dead and {MISSING} are 1 together; correct one of them."
        in message
    )


def test_earlier_files_call_an_incident_otherwise():
    earlier = IOM.rename(columns={"Incident ID": "Web ID", TOTAL: "Total Dead and Missing"})

    assert said(readers.iom_missing_migrants(earlier)) == said(readers.iom_missing_migrants(IOM))
