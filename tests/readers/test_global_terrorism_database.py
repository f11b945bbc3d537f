"""Shares of a toll are no claims on one incident, and blanks are not 0."""

import numpy as np
import pytest

from tests.readers.made import GTD
from tests.readers.test_readers import refusal, said
from tollest import readers

SHARED = GTD.assign(nkill=[4.33, 4.33, 4.34, 2.0, None, 7.0, -99.0])
UNSTATED = "states no number, which is not 0"


def test_an_incident_is_a_count_and_what_is_not_known_is_set_aside():
    claims = readers.global_terrorism_database(GTD, group="country_txt")

    assert claims.sources == ("GTD",)
    assert [(kind, lower) for _, kind, lower, _ in said(claims)] == [
        ("count", 7), ("count", 4), ("count", 2), ("count", 0), ("count", 7),
    ]  # fmt: skip
    assert claims.excluded[["row", "location", "lower", "upper", "reason"]].fillna(
        -1
    ).to_numpy().tolist() == [
        [4, "199001030001", 0, -1, UNSTATED], [6, "199001050001", 0, -1, UNSTATED],
    ]  # fmt: skip


def test_what_is_not_known_can_be_silent_or_an_error():
    silent = readers.global_terrorism_database(GTD, unknown=readers.Silent(), group="country_txt")

    assert silent.locations[-2:] == ("199001030001", "199001050001")
    assert silent.claims_per_location.tolist() == [1, 1, 1, 1, 1, 0, 0]
    assert silent.group_index.tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert "row 4 ('GTD' on '199001030001'): states no number" in refusal(
        readers.global_terrorism_database, GTD, unknown=readers.Refuse()
    )


def test_shares_are_refused_with_two_ways_out():
    assert refusal(readers.global_terrorism_database, SHARED).splitlines()[:3] == [
        "nkill is no whole number in 3 of 7 rows: a toll that is known of several linked "
        "incidents together was divided among them. Say shares=te.readers.Summed() to add up what "
        "is linked by the column 'related', or te.readers.Around() to allow the whole numbers "
        "next to each share.",
        "3 of 7 claims cannot be used:",
        "  row 0 ('GTD' on '199001010001'): nkill is 4.33, a share of a toll.",
    ]
    around = readers.global_terrorism_database(SHARED, shares=readers.Around())
    assert said(around)[0] == ("199001010001", "range", 4, 5)


def test_shares_of_linked_incidents_add_up_to_the_toll_of_all():
    claims = readers.global_terrorism_database(SHARED, shares=readers.Summed())

    assert said(claims)[0] == ("199001010001 and 2 linked", "count", 13, 13)
    assert claims.n_locations == 3
    assert claims.excluded[["row", "lower", "reason"]].to_numpy().tolist()[:2] == [
        [1, 4, "its share is in '199001010001 and 2 linked'"],
        [2, 4, "its share is in '199001010001 and 2 linked'"],
    ]


def test_links_are_of_identifiers_whatever_names_locations_have():
    claims = readers.global_terrorism_database(
        SHARED, shares=readers.Summed(), location=("country_txt", "eventid")
    )

    assert claims.locations[0] == "Arden, 199001010001 and 2 linked"


def test_links_go_round_through_others():
    chain = SHARED.assign(
        related=["199001010002", None, "199001010002", "199001010001", None, None, None]
    )

    claims = readers.global_terrorism_database(chain, shares=readers.Summed())

    assert said(claims)[0] == ("199001010001 and 2 linked", "count", 13, 13)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (SHARED.iloc[:2], "nkill is 4.33, a share that with those of 1 linked rows makes 8.66"),
        (SHARED.drop(columns="related"), "nkill is 4.33, a share that with no linked row makes"),
    ],
)
def test_shares_that_do_not_add_up_are_refused(table, says):
    message = refusal(readers.global_terrorism_database, table, shares=readers.Summed())

    assert says in message
    assert message.endswith("or say shares=te.readers.Around().")


def test_perpetrators_are_among_the_killed_and_can_be_taken_off():
    claims = readers.global_terrorism_database(GTD, dead=readers.Victims())

    assert [(kind, lower, upper) for _, kind, lower, upper in said(claims)] == [
        ("count", 6, 6), ("count", 4, 4), ("range", 0, 2), ("count", 0, 0), ("range", 0, 7),
    ]  # fmt: skip
    more = GTD.assign(nkillter=8.0)
    assert "nkillter is 8, above a nkill of 7, in which it is counted; correct one" in refusal(
        readers.global_terrorism_database, more, dead=readers.Victims()
    )


def test_days_stand_in_three_columns_and_may_not_be_known():
    claims = readers.global_terrorism_database(GTD, date=("iyear", "imonth", "iday"))

    days = claims.record.rows.date.astype("datetime64[D]")
    assert [str(day) for day in days] == [
        "1990-01-01", "1990-01-01", "1990-01-01", "1990-01-02", "NaT", "NaT", "1990-01-05",
    ]  # fmt: skip
    wrong = GTD.assign(iday=[31, 32, 1, 2, 0, 4, 5], imonth=["2", "1", "x", "1", "1", "1", "1"])
    message = refusal(readers.global_terrorism_database, wrong, date=("iyear", "imonth", "iday"))
    assert "iyear, imonth, iday are 1990-02-31, which is no day of the calendar" in message
    assert "iyear, imonth, iday are 1990-01-32, which is no day of the calendar" in message
    assert "imonth is 'x'; it is a whole number, 0 where it is not known" in message
    with pytest.raises(ValueError, match="it is a column, or three: of year, month, day"):
        readers.global_terrorism_database(GTD, date=["iyear", "imonth"])


@pytest.mark.parametrize("value", ["-1", "few", "1e3", "nan", "inf", "4,33", "99999999999"])
def test_numbers_that_cannot_be_meant_are_named(value):
    table = GTD.assign(nkill=["7", value, *"20", "", "7", "1"])

    assert (
        f"row 1 ('GTD' on '199001010002'): nkill is {value!r}; it is a number, 0 or more, blank "
        "or -9 or -99 where it is not known." in refusal(readers.global_terrorism_database, table)
    )


def test_text_is_read_as_numbers_are():
    text = SHARED.astype(str).replace("nan", "").replace("None", "")

    claims = readers.global_terrorism_database(text, shares=readers.Summed())

    expected = readers.global_terrorism_database(SHARED, shares=readers.Summed())
    assert said(claims) == said(expected)
    assert np.array_equal(claims.excluded["row"], expected.excluded["row"])
