"""Totals that were reported are claims; what is filled in is none."""

import json

import pytest

import tollest as te
from tests.readers.made import REPORTS
from tests.readers.test_readers import refusal, said
from tollest import readers

NO_REPORT = "no official report on this day"


def test_totals_to_date_are_of_the_source_that_reported_them():
    claims = readers.tech_for_palestine(REPORTS)

    assert claims.sources == ("Government Media Office", "Ministry of Health")
    assert said(claims) == [
        ("Gaza, to 2024-08-09", "count", 699, 699), ("Gaza, to 2024-08-10", "count", 790, 790),
        ("Gaza, to 2024-08-12", "count", 897, 897), ("Gaza, to 2024-08-13", "count", 930, 930),
        ("Gaza, to 2024-08-17", "count", 1010, 1010),
    ]  # fmt: skip
    assert claims.excluded[["row", "location", "reason"]].to_numpy().tolist() == [
        [2, "Gaza on 2024-08-11", NO_REPORT], [5, "Gaza on 2024-08-14", NO_REPORT],
        [6, "Gaza on 2024-08-15", NO_REPORT], [7, "Gaza on 2024-08-16", "states no total"],
    ]  # fmt: skip


def test_of_many_totals_some_are_evidence():
    claims = readers.tech_for_palestine(REPORTS, to_date=te.ToDate(every=4), location="Strip")

    assert [(name, count) for name, _, count, _ in said(claims)] == [
        ("Strip, to 2024-08-12", 897), ("Strip, to 2024-08-13", 930),
        ("Strip, to 2024-08-17", 1010),
    ]  # fmt: skip
    assert claims.as_of("2024-08-12").n_claims == 1


def test_a_file_leaves_out_what_was_not_reported(tmp_path):
    rows = [
        {name: value for name, value in row.items() if value == value}
        for row in REPORTS.to_dict("records")
    ]
    path = tmp_path / "casualties_daily.json"
    path.write_text(json.dumps(rows))

    assert said(readers.tech_for_palestine(path)) == said(readers.tech_for_palestine(REPORTS))


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("report_period", 12, "report_period is 12; it is hours: 24 for a day, 0 without a"),
        ("report_period", None, "report_period is blank; it is hours: 24 for a day, 0 without a"),
        ("report_date", "10/08/2024", "is '10/08/2024'; a date is a day of the calendar"),
        ("report_date", None, "the day is blank; a report is of a day"),
        ("report_source", " ", "the source is blank; name it"),
        ("killed_cum", -1, "killed_cum is -1; a count is a whole number, 0 or more"),
    ],
)
def test_a_cell_that_cannot_be_meant_is_named(column, value, says):
    table = REPORTS.astype(object)
    table.loc[1, column] = value

    message = refusal(readers.tech_for_palestine, table)

    assert message.startswith("1 of 9 claims cannot be used:\n  row 1 (")
    assert says in message
