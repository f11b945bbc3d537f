"""Layouts that people have are read whole, or refused with every cause named."""

import contextlib
import datetime as dt
import functools
import gzip
import inspect
import io
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pytest

from tests.contracts import check_reader
from tests.readers import made
from tollest import readers
from tollest.claims import files
from tollest.claims.table import UNBOUNDED, Claims, ClaimsError
from tollest.wording import WORDS

# Made up after the headers and the ways of writing of the published files; nobody's names.
ACLED = """\
event_id_cnty,event_date,year,disorder_type,event_type,sub_event_type,actor1,country,location,\
latitude,longitude,source,notes,fatalities,tags,timestamp
SOM101,31 December 2022,2022,Political violence,Battles,Armed clash,A,Somalia,Arden,2.0,45.3,\
"Radio; Agency","Clash near Arden, ""several"" killed. Fatalities coded as 10.",10,,1700000000
SOM102,1 January 2023,2023,Political violence,Battles,Armed clash,A,Somalia,Brook,2.1,45.4,\
Radio,4 killed.,4,,1700000001
YEM7,2 January 2023,2023,Demonstrations,Protests,Peaceful protest,B,Yemen,Corley,15.3,44.2,\
Agency,No injuries.,0,crowd size=no report,1700000002
YEM8,3 January 2023,2023,Political violence,Battles,Armed clash,B,Yemen,Corley,15.3,44.2,\
Agency,Hundreds.,100,,1700000003
"""
IBC = """\
IBC code,Start Date,End Date,Time,Location,Target,Weapons,Reported Minimum,Reported Maximum,Sources
k7919,29 Oct 2007,29 Oct 2007,AM,"a square, Arden",recruits,bomb,28,31,"A 29 Oct, B 31 Oct"
k3289e,18 Jun 2006,19 Jun 2006,,Brook,bodies found,gunfire,1,1,C 18 Jun
h0379,25 Feb 2014,25 Feb 2014,,Corley,,car,0,2,"A 25 Feb"
"""
IBC_ONE_NUMBER = """\
IBC_code,Start_Date,End_Date,Time,Location,Target,Weapons,Deaths_recorded,Sources
m2046,2-Sep-13,2-Sep-13,PM,Arden,employee,gunfire,1,"A 2 Sep, B 2 Sep"
d2329,9-Feb-07,10-Feb-07,NA,Brook,NA,explosive device,6,C 09 Feb
"""
AIRWARS = """\
unique_reference_code,country,date,grading,latitude,longitude,strike_status,\
civilians_killed_min,civilians_killed_max,militants_killed_min,militants_killed_max,num_victim_names
CS001,syria,2015-03-01 00:00:00,confirmed,36.2,37.1,declared_strike,5,9,0,0,4
CS002,syria,2015-03-02 00:00:00,Fair,36.2,37.1,likely_strike,2,2,0,0,3
CS003,syria,2015-03-03 00:00:00,weak,36.2,37.1,single_source_claim,1,4,0,1,1
CI004,iraq,2015-03-04 00:00:00,contested,36.3,43.1,contested_strike,0,6,0,0,0
CI005,iraq,2015-03-05 00:00:00,discounted,36.3,43.1,likely_strike,7,7,7,7,2
"""
FILES = {"acled": ACLED, "iraq_body_count": IBC, "airwars": AIRWARS}
GED = pd.DataFrame(
    {
        "id": [244657, 130359, 133883, 133884],
        "country": ["Arden", "Arden", "Brook", "Brook"],
        "date_end": ["2017-07-31 00:00:00.000", "1989-01-23", "1989-01-30", "1989-02-01"],
        "low": [6, 600, 0, 0],
        "best": [6, 600, 2, 0],
        "high": [6, 700, 9, 0],
    }
)
HOSTILE = ["=HYPERLINK(1)", "@SUM(1+1)", "+1", "-2", "حلب", "Český Krumlov", "x" * 10_000,
           "a, b", 'q"q', "<script>", "line\nbreak", "1e5", "TRUE"]  # fmt: skip
REAL = Path(os.environ.get("TOLLEST_GED", "none"))


def written(tmp_path, text, name="table.csv", encoding="utf-8"):
    path = tmp_path / name
    opened = gzip.open if name.endswith(".gz") else open
    with opened(path, "wb") as file:
        file.write(text.encode(encoding))
    return path


def refusal(read, *args, **kwargs):
    with pytest.raises(ClaimsError) as caught:
        read(*args, **kwargs)
    return str(caught.value)


def said(claims):
    """What is in evidence: location, kind and interval."""
    frame = claims.to_frame()
    upper = frame["upper"].fillna(UNBOUNDED)
    return list(zip(frame["location"], frame["kind"], frame["lower"], upper, strict=True))


# UCDP GED.


def test_an_event_of_ged_is_the_range_from_low_to_high():
    claims = readers.ucdp_ged(GED)

    assert claims.sources == ("UCDP GED",)
    assert said(claims) == [
        ("244657", "count", 6, 6), ("130359", "range", 600, 700), ("133883", "range", 0, 9),
        ("133884", "count", 0, 0),
    ]  # fmt: skip


def test_or_its_best_estimate():
    claims = readers.ucdp_ged(GED, claim=readers.Best())

    assert claims.lower.tolist() == claims.upper.tolist() == [6, 600, 2, 0]


@pytest.mark.parametrize("names", [("low_est", "best_est", "high_est"),
                                   ("Low", "BEST", "high "),
                                   ("low_death", "best_death", "high_death")])  # fmt: skip
def test_releases_call_the_numbers_by_several_names(names):
    renamed = GED.rename(columns=dict(zip(("low", "best", "high"), names, strict=True)))

    assert said(readers.ucdp_ged(renamed)) == said(readers.ucdp_ged(GED))


def test_ends_left_blank_leave_bounds_or_the_best_estimate():
    table = pd.DataFrame({"id": [1, 2, 3], "low": [None, 4, None], "best": [3, 5, None],
                          "high": [None, None, 8]})  # fmt: skip

    assert said(readers.ucdp_ged(table)) == [
        ("1", "count", 3, 3), ("2", "at_least", 4, UNBOUNDED), ("3", "at_most", 0, 8),
    ]  # fmt: skip


def test_a_row_without_any_number_is_refused():
    table = GED.assign(low=[6, 600, 0, None], best=[6, 600, 2, None], high=[6, 700, 9, None])

    assert refusal(readers.ucdp_ged, table) == (
        "1 of 4 claims cannot be used:\n"
        "  row 3 ('UCDP GED' on '133884'): states no number; give a count, a lower or upper "
        "bound, or a wording.\n"
        "Leave out a source that said nothing; a count of 0 says it reported no deaths."
    )


def test_numbers_out_of_order_are_refused_set_aside_or_spanned():
    table = GED.assign(best=[6, 750, 2, 0], low=[7, 600, 0, 0])

    assert refusal(readers.ucdp_ged, table) == (
        "low, best, high are out of order in 2 of 4 rows; correct them, or say "
        "disordered=te.readers.SetAside() to leave these rows out, or te.readers.Span() to allow "
        "all from the least to the most.\n"
        "2 of 4 claims cannot be used:\n"
        "  row 0 ('UCDP GED' on '244657'): low is 7, best is 6, high is 6: out of order.\n"
        "  row 1 ('UCDP GED' on '130359'): low is 600, best is 750, high is 700: out of order."
    )
    aside = readers.ucdp_ged(table, disordered=readers.SetAside())
    assert aside.locations == ("133883", "133884")
    assert aside.excluded[["row", "lower", "upper", "reason"]].to_numpy().tolist() == [
        [0, 6, 7, "low, best, high are out of order"],
        [1, 600, 750, "low, best, high are out of order"],
    ]
    for claim in (readers.Range(), readers.Best()):
        spanned = readers.ucdp_ged(table, claim=claim, disordered=readers.Span())
        assert said(spanned)[:2] == [("244657", "range", 6, 7), ("130359", "range", 600, 750)]


def test_groups_and_days_are_columns_of_the_table():
    claims = readers.ucdp_ged(GED, group="country", date="date_end")

    assert claims.groups == ("Arden", "Brook")
    assert claims.group_index.tolist() == [0, 0, 1, 1]
    assert claims.as_of("1989-01-30").locations == ("130359", "133883")


def test_events_can_be_named_by_several_columns():
    claims = readers.ucdp_ged(GED, location=("country", "id"))

    assert claims.locations[0] == "Arden, 244657"


def test_events_that_share_a_location_are_refused():
    assert refusal(readers.ucdp_ged, GED, location="country", date="date_end") == (
        "2 of 4 rows have the 'country' of an earlier row: 'Arden' is in row 0 and again in row "
        "1. Each row is an event with a toll of its own; name columns that tell events apart, "
        "location=[..., ...], or drop what is listed twice, or sum events into one row a location."
    )


@pytest.mark.skipif(not REAL.exists(), reason="give TOLLEST_GED, a file of UCDP GED")
def test_all_of_ged_is_read():
    claims = readers.ucdp_ged(REAL, disordered=readers.Span(), group="country")

    assert (claims.n_claims, len(claims.groups)) == (176_579, 121)
    assert claims.locations[0] == "244657"  # written as 244657.0
    stated = pd.read_csv(REAL)[["low_death", "best_death", "high_death"]].to_numpy()
    assert np.array_equal(claims.lower, stated.min(axis=1))
    assert np.array_equal(claims.upper, stated.max(axis=1))
    assert "low_death, best_death, high_death are out of order in 1,462 of 176,579 rows" in (
        refusal(readers.ucdp_ged, REAL)
    )


# ACLED.


def test_round_numbers_of_acled_stand_for_words(tmp_path):
    claims = readers.acled(written(tmp_path, ACLED), group="country")

    assert said(claims) == [
        ("SOM101", "verbal", 3, 99), ("SOM102", "count", 4, 4), ("YEM7", "count", 0, 0),
        ("YEM8", "verbal", 100, 999),
    ]  # fmt: skip
    assert claims.groups == ("Somalia", "Yemen")


def test_what_they_stand_for_is_the_analysts_to_say(tmp_path):
    path = written(tmp_path, ACLED)

    assert {kind for _, kind, *_ in said(readers.acled(path, vague=readers.Vague({})))} == {
        "count"
    }
    wider = readers.acled(path, vague=readers.Vague({10: (2, 150), 4: (1, 9)}))
    assert wider.lower.tolist() == [2, 1, 0, 100]
    assert wider.upper.tolist() == [150, 9, 0, 100]


def test_the_words_are_those_of_the_table_of_words():
    stands_for = readers.Vague().intervals

    assert stands_for[10] == (WORDS.intervals["several"][0], WORDS.intervals["tens"][1])
    assert stands_for[12][1] == WORDS.intervals["dozens"][1]
    assert stands_for[100][1] == WORDS.intervals["hundreds"][1]


@pytest.mark.parametrize(
    "intervals", [{10: (11, 99)}, {10: (3, 9)}, {10: (-1, 99)}, {10: (3.5, 99)}]
)
def test_a_number_is_within_what_it_stands_for(intervals):
    with pytest.raises(
        ValueError, match=r"10 stands for \(.*\); an interval is two whole numbers"
    ):
        readers.Vague(intervals)


def test_days_of_acled_are_read_as_it_writes_them(tmp_path):
    claims = readers.acled(written(tmp_path, ACLED), date="event_date")

    assert claims.as_of("2023-01-01").locations == ("SOM101", "SOM102")


def test_an_export_that_lists_events_once_an_actor_is_refused(tmp_path):
    twice = ACLED + ACLED.splitlines()[-1] + "\n"

    assert "1 of 5 rows have the 'event_id_cnty' of an earlier row: 'YEM8' is in row 3" in refusal(
        readers.acled, written(tmp_path, twice)
    )


# Iraq Body Count.


def test_an_incident_of_iraq_body_count_is_its_minimum_to_maximum(tmp_path):
    claims = readers.iraq_body_count(written(tmp_path, IBC, "ibc.csv.gz"), date="End Date")

    assert said(claims) == [
        ("k7919", "range", 28, 31), ("k3289e", "count", 1, 1), ("h0379", "range", 0, 2),
    ]  # fmt: skip
    assert claims.as_of("2006-12-31").locations == ("k3289e",)


def test_some_files_have_one_number(tmp_path):
    claims = readers.iraq_body_count(written(tmp_path, IBC_ONE_NUMBER), date="End_Date")

    assert said(claims) == [("m2046", "count", 1, 1), ("d2329", "count", 6, 6)]
    assert str(claims.to_frame()["date"].iloc[1].date()) == "2007-02-10"


@pytest.mark.parametrize("name", ["table.csv", "table.csv.gz"])
def test_lines_above_the_names_of_columns_are_skipped(tmp_path, name):
    above = 'Iraq Body Count\n\nAll "incidents", to 2020\nTerms: see the site, and "ask\n' * 3

    claims = readers.iraq_body_count(written(tmp_path, above + IBC, name))

    assert said(claims) == said(readers.iraq_body_count(written(tmp_path, IBC)))
    wrong = above + IBC.replace("Brook", '"Brook')
    with pytest.raises(ClaimsError, match=r"line 16 has a quotation mark"):
        readers.iraq_body_count(written(tmp_path, wrong, name))
    latin = tmp_path / "latin.csv"
    latin.write_bytes((above + IBC.replace("k3289e", "é")).encode("cp1252"))
    with pytest.raises(ClaimsError, match=r"line 15 has the byte 0xe9"):
        readers.iraq_body_count(latin)


def test_minimum_above_maximum_is_out_of_order(tmp_path):
    path = written(tmp_path, IBC.replace("bomb,28,31", "bomb,31,28"))

    assert (
        "row 0 ('Iraq Body Count' on 'k7919'): Reported Minimum is 31, Reported Maximum is 28: "
        "out of order." in refusal(readers.iraq_body_count, path)
    )


def test_an_incident_file_without_numbers_says_what_it_should_have(tmp_path):
    text = IBC_ONE_NUMBER.replace("Deaths_recorded", "Killed")

    assert refusal(readers.iraq_body_count, written(tmp_path, text)) == (
        "'table.csv' has no columns 'Reported Minimum' and 'Reported Maximum', and no 'Deaths "
        "recorded', as a file of Iraq Body Count's incidents has. If they go by other names, say "
        "which: columns={'lower': ..., 'upper': ...}. Its columns are 'IBC_code', 'Start_Date', "
        "'End_Date', 'Time', 'Location', 'Target', 'Weapons', 'Killed', 'Sources'."
    )


# Airwars.


def test_discounted_incidents_are_in_the_audit_trail(tmp_path):
    claims = readers.airwars(written(tmp_path, AIRWARS), group="country")

    assert claims.locations == ("CS001", "CS002", "CS003", "CI004")
    assert claims.documented.tolist() == [4, 0, 0, 0]
    assert claims.lower.tolist() == [5, 2, 1, 0]
    assert claims.upper.tolist() == [9, 2, 4, 6]
    assert claims.row.tolist() == [0, 1, 2, 3]
    assert claims.excluded[["row", "location", "kind", "lower", "reason"]].to_numpy().tolist() == [
        [4, "CI005", "count", 7, "graded discounted"],
        [6, "CS002", "documented", 3, "more victims are named than were killed at most"],
        [7, "CS003", "documented", 1, "victims named in an incident graded weak"],
        [8, "CI005", "documented", 2, "graded discounted"],
    ]
    assert repr(claims).endswith("4 more excluded (4 left out)")


def test_gradings_mean_what_the_analyst_says(tmp_path):
    path = written(tmp_path, AIRWARS)

    everyone = readers.airwars(path, gradings=readers.Gradings(set_aside=(), named=()))
    assert everyone.locations[-1] == "CI005"
    assert everyone.documented.tolist() == [0] * 5
    strict = readers.airwars(path, gradings=readers.Gradings(("weak", "discounted"), ("weak",)))
    assert strict.locations == ("CS001", "CS002", "CI004")
    assert strict.documented.sum() == 0


def test_a_table_without_names_gives_no_floors(tmp_path):
    bare = "\n".join(line.rpartition(",")[0] for line in AIRWARS.splitlines())

    claims = readers.airwars(written(tmp_path, bare))

    assert claims.documented.tolist() == [0] * 4
    assert len(claims.excluded) == 1


def test_a_misspelt_column_of_names_is_no_table_without_names(tmp_path):
    path = written(tmp_path, AIRWARS.replace("num_victim_names", "num_victims_names"))

    assert refusal(readers.airwars, path).startswith(
        "'table.csv' has no column 'num_victim_names', as a file of Airwars' incidents has. "
        "Nearly so called: 'num_victims_names'. If it goes by another name, say which: "
        "columns={'documented': 'num_victims_names'}.\nIts columns are 'unique_reference_code', "
    )
    assert readers.airwars(path, columns={"documented": "num_victims_names"}).documented[0] == 4


def test_an_unknown_grading_is_refused_and_a_blank_sets_nothing_aside(tmp_path):
    assert (
        "row 2 ('Airwars' on 'CS003'): grading is 'feeble'; a grading is confirmed, fair, weak, "
        "contested or discounted, or blank."
        in refusal(readers.airwars, written(tmp_path, AIRWARS.replace("weak", "feeble")))
    )
    blank = readers.airwars(written(tmp_path, AIRWARS.replace("discounted", "")))
    assert "CI005" in blank.locations
    with pytest.raises(ValueError, match=r"set_aside is 'weak'; it is a tuple of gradings, which"):
        readers.Gradings(set_aside="weak")


# Wide tables.

WIDE = pd.DataFrame(
    {
        "village": ["Arden", "Brook", "Corley", "Dale"],
        "district": ["south", "north", "north", "south"],
        "press": ["at least 17", "dozens", "", None],
        "clinic": [11.0, np.nan, 0.0, np.nan],
        "mayor": ["1,383", "5-21", "none", " "],
    }
)


def test_an_empty_cell_is_silence_and_0_a_claim_of_none():
    claims = readers.wide(WIDE, location="village", group="district")

    assert said(claims) == [
        ("Arden", "at_least", 17, UNBOUNDED), ("Arden", "count", 11, 11),
        ("Arden", "count", 1383, 1383), ("Brook", "verbal", 24, 99), ("Brook", "range", 5, 21),
        ("Corley", "count", 0, 0), ("Corley", "count", 0, 0),
    ]  # fmt: skip
    assert claims.sources == ("clinic", "mayor", "press")
    assert claims.locations == ("Arden", "Brook", "Corley", "Dale")
    assert claims.claims_per_location.tolist() == [3, 2, 2, 0]
    assert claims.group_index.tolist() == [1, 0, 0, 1]


def test_sources_can_be_named_and_words_defined():
    claims = readers.wide(
        WIDE, location="village", sources=["press"], words=WORDS.extended({"dozens": (12, 99)})
    )

    assert said(claims)[1] == ("Brook", "verbal", 12, 99)
    assert claims.claims_per_location.tolist() == [1, 1, 0, 0]


def test_every_cell_that_cannot_be_read_is_named():
    table = WIDE.assign(press=["many", "dozens", "n/a", "11 documented"], clinic=[1.0, -2, 2.5, 0])

    assert refusal(readers.wide, table, location="village", group="district") == (
        "4 of 4 claims cannot be used:\n"
        "  row 0 ('press' on 'Arden'): the cell is 'many'; a count is a whole number, 0 or more, "
        "or a wording such as 'at least 17'.\n"
        "  row 1 ('clinic' on 'Brook'): the cell is -2; a count is a whole number, 0 or more.\n"
        "  row 2 ('clinic' on 'Corley'): the cell is 2.5; a count is a whole number, 0 or more; "
        "where one toll was divided among several events, give these one location and the whole, "
        "or lower and upper around the share.\n"
        "  row 2 ('press' on 'Corley'): the cell is 'n/a'; a count is a whole number, 0 or more; "
        "leave the cell blank where nothing was said, or a wording such as 'at least 17'.\n"
        "  row 3 ('press' on 'Dale'): the cell is '11 documented', a floor that cannot err; make "
        "a table with a claim a row, and say so there in a column 'kind'.\n"
        "Leave out a source that said nothing; a count of 0 says it reported no deaths."
    )


def test_a_location_has_one_row_or_one_a_day():
    twice = pd.DataFrame({"village": ["A", "B", "A"], "press": [1, 2, 3],
                          "day": ["2025-03-01", "2025-03-01", "2025-03-02"]})  # fmt: skip

    assert (
        "row 2 ('' on 'A'): row 0 is on 'A' too; put them into one row, or say which column has "
        "their days: date=...."
        in refusal(readers.wide, twice, location="village", sources=["press"])
    )
    claims = readers.wide(twice, location="village", date="day")
    assert claims.lower.tolist() == [3, 2]
    assert claims.excluded["reason"].tolist() == ["superseded by the claim of 2025-03-02 (row 2)"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"location": "vilage"}, "the table has no column 'vilage'. Nearly so called: 'village'."),
        ({"location": "village", "sources": ["press", "press"]},
         "the column 'press' is named twice: a source is a column of its own."),
        ({"location": "village", "sources": []},
         "the table has no columns but 'village'; give a column for each source."),
    ],
)  # fmt: skip
def test_columns_of_a_wide_table_are_there_once(arguments, says):
    assert refusal(readers.wide, WIDE, **arguments).startswith(says)


def test_a_table_of_silence_is_refused():
    with pytest.raises(ClaimsError, match="all cells of sources are empty"):
        readers.wide(pd.DataFrame({"village": ["A"], "press": [""]}), location="village")
    with pytest.raises(TypeError, match="sources is the text 'press'; give a list of columns"):
        readers.wide(WIDE, location="village", sources="press")


# Files.


def test_missing_columns_are_named_with_those_nearly_so_called(tmp_path):
    path = written(tmp_path, ACLED.replace("fatalities", "fatalites"))

    assert refusal(readers.acled, path) == (
        "'table.csv' has no column 'fatalities', as an ACLED file has. Nearly so called: "
        "'fatalites'. If it goes by another name, say which: columns={'count': 'fatalites'}.\n"
        "Its columns are 'event_id_cnty', 'event_date', 'year', 'disorder_type', 'event_type', "
        "'sub_event_type', 'actor1', 'country', 'location', 'latitude', 'longitude', 'source', "
        "'notes', 'fatalites', 'tags', 'timestamp'."
    )
    assert readers.acled(path, columns={"count": "fatalites"}).n_claims == 4


def test_columns_that_nobody_knows_are_refused():
    assert refusal(
        readers.ucdp_ged, GED, columns={"deaths": "best", "count": "bst"}
    ).splitlines() == [
        "columns={'deaths': ...}: a UCDP GED file has no 'deaths'; what it can have is location, "
        "lower, count, upper.",
        "the table has no column 'bst'. Nearly so called: 'best'.",
        "Its columns are 'id', 'country', 'date_end', 'low', 'best', 'high'.",
    ]


def test_two_columns_for_one_are_refused():
    table = GED.assign(LOW=1, low_est=2).drop(columns="low")

    assert refusal(readers.ucdp_ged, table).startswith(
        "the table has several columns for 'lower': 'LOW', 'low_est'; say which: "
        "columns={'lower': 'LOW'}."
    )


def test_a_file_separated_by_semicolons_is_refused(tmp_path):
    text = GED.to_csv(index=False, sep=";")

    assert "Is it separated by something else than commas?" in refusal(
        readers.ucdp_ged, written(tmp_path, text)
    )


def test_another_encoding_is_named_with_its_byte_and_line(tmp_path):
    text = AIRWARS.replace("CI005", "Česká Ñ").replace("Č", "C")
    path = written(tmp_path, text, encoding="cp1252")

    assert refusal(readers.airwars, path) == (
        "'table.csv' is not in UTF-8: line 6 has the byte 0xe1, in b'Cesk\\xe1 \\xd1,iraq,201'. "
        "Nothing was read. Say which encoding it is in, such as encoding='cp1252', or save it as "
        "UTF-8."
    )
    assert "Ceská Ñ" in readers.airwars(path, encoding="cp1252").excluded["location"].tolist()
    utf_16 = written(tmp_path, AIRWARS, "wide.csv", encoding="utf-16")
    assert "its first two bytes are those of UTF-16" in refusal(readers.airwars, utf_16)
    assert readers.airwars(utf_16, encoding="utf-16").n_locations == 4


@pytest.mark.parametrize("keep", [0.5, 0.9])
@pytest.mark.parametrize("name", ["cut.csv", "cut.csv.gz", "cut.parquet"])
def test_a_file_cut_short_is_refused_whole(tmp_path, name, keep):
    path = tmp_path / name
    events = pd.DataFrame({"id": range(5000), "low": 1, "best": 2, "high": 30})
    if name.endswith(".parquet"):
        events.to_parquet(path)
    else:
        events.to_csv(path, index=False)
    whole = path.read_bytes()
    # Not between two rows, where no reader can tell.
    end = (
        int(keep * len(whole))
        if name != "cut.csv"
        else whole.rindex(b",", 0, int(keep * len(whole)))
    )
    path.write_bytes(whole[:end])

    assert refusal(readers.ucdp_ged, path).startswith(
        f"'{name}' cannot be read, and nothing of it was: "
    )


def test_a_packed_file_with_wrong_bytes_is_refused(tmp_path):
    path = written(tmp_path, GED.to_csv(index=False) * 50, "t.csv.gz")
    packed = bytearray(path.read_bytes())
    packed[40:60] = b"\xff" * 20
    path.write_bytes(packed)

    assert refusal(readers.ucdp_ged, path).startswith("'t.csv.gz' cannot be read, and nothing of")


@pytest.mark.parametrize(
    ("ibc", "line", "what"),
    [
        (IBC.replace('B 31 Oct"', "B 31 Oct"), 4, "within a cell"),
        (IBC.replace('"A 25 Feb"', '"A 25 Feb'), 4, "that is never closed"),
        (IBC.replace("recruits", '5" mortar'), 2, "within a cell"),
        (IBC.replace(",recruits", ', "recruits"'), 2, "within a cell"),
    ],
)
def test_a_stray_quotation_mark_swallows_no_rows(tmp_path, ibc, line, what):
    assert refusal(readers.iraq_body_count, written(tmp_path, ibc)) == (
        f"'table.csv' cannot be read, and nothing of it was: line {line} has a quotation mark "
        f"{what}, so that cells and rows would run together. Is it cut short? A cell with marks "
        "or commas in it stands between marks, and marks in it are doubled."
    )


@pytest.mark.parametrize("block", [1, 2, 3, 7, 1 << 24])
def test_quotation_marks_that_are_right_are_left_alone(tmp_path, monkeypatch, block):
    monkeypatch.setattr(files, "_BLOCK", block)
    cells = ['a ""b"" c', '""', '""""', "x\r\ny", ",", ""]
    text = "".join(f'"{cell}",7,"{cell}"\r\n' for cell in cells)
    text = "\ufeffnote,village,press\r\n" + text.replace(",7,", ',"7",')

    files._check_quotes(files._File(written(tmp_path, text), 0))
    wrong = files._File(written(tmp_path, text.replace('a ""b""', 'a "b""')), 0)
    with pytest.raises(ClaimsError, match="line 2 has a quotation mark within a cell"):
        files._check_quotes(wrong)
    with pytest.raises(ClaimsError, match=r"line 10 has a quotation mark that is never closed"):
        files._check_quotes(files._File(written(tmp_path, text + '"'), 0))


@pytest.mark.parametrize(
    ("text", "says"), [("", "Empty CSV file"), ("id,low,best,high\n", "has no rows")]
)
def test_an_empty_file_is_refused(tmp_path, text, says):
    assert says in refusal(readers.ucdp_ged, written(tmp_path, text))


def test_what_is_no_such_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        readers.acled(tmp_path / "none.csv")
    with pytest.raises(ValueError, match=r"'a.ods' ends in none of .csv, .*, .xlsx and .json"):
        readers.acled("a.ods")
    with pytest.raises(ValueError, match="encoding is 'utf-9'; an encoding is, say, 'utf-8'"):
        readers.acled(written(tmp_path, ACLED), encoding="utf-9")
    with pytest.raises(TypeError, match="held in memory, not a LazyFrame"):
        readers.acled(pl.DataFrame({"a": [1]}).lazy())


READERS = {
    **{name: (getattr(readers, name), pd.read_csv(io.StringIO(FILES[name]))) for name in FILES},
    "em_dat": (readers.em_dat, made.EM_DAT),
    "gun_violence_archive": (readers.gun_violence_archive, made.GVA),
    "iom_missing_migrants": (readers.iom_missing_migrants, made.IOM),
    "global_terrorism_database": (readers.global_terrorism_database, made.GTD),
    "noaa_earthquakes": (readers.noaa_earthquakes, made.NOAA.iloc[1:]),
    "tech_for_palestine": (readers.tech_for_palestine, made.REPORTS),
    "ucdp_ged": (readers.ucdp_ged, GED),
    "ucdp_yearly": (readers.ucdp_yearly, made.YEARS),
    "wikidata": (readers.wikidata, made.WIKIDATA),
    "wikipedia_table": (
        functools.partial(
            readers.wikipedia_table,
            location="Attack",
            deaths="Deaths",
            several=readers.EachLine(),
        ),
        made.PAGE,
    ),
    "wide": (functools.partial(readers.wide, location="village", group="district"), WIDE),
}


@pytest.mark.parametrize("name", READERS)
def test_every_reader_keeps_the_contract(tmp_path, name):
    check_reader(*READERS[name], tmp_path)


def test_every_reader_is_held_to_it():
    functions = {name for name in readers.__all__ if inspect.isfunction(getattr(readers, name))}
    assert functions == set(READERS)


# Cells that no publisher writes, and broken exports have.
ODD = [
    [1], {"a": 1}, True, b"x", dt.date(2025, 1, 2), dt.datetime(2025, 1, 2, 3), dt.time(1),
    float("inf"), -0.0, 1e300, 10**40, "\u0663", "\uff11\uff12", "1e5", "NaN", "-",
    "http://[x", "\ud800", "\n", "=1+1", 1 + 2j, np.uint64(2**64 - 1), pd.NA, "2025-13-45",
]  # fmt: skip


@pytest.mark.parametrize("name", READERS)
def test_whatever_is_in_a_cell_it_is_read_or_an_error_that_names_it(name):
    read, frame = READERS[name]
    for column in frame.columns:
        for cell in ODD:
            table = frame.astype(object).reset_index(drop=True)
            table.at[1, column] = cell
            with contextlib.suppress(ClaimsError):
                read(table)


@pytest.mark.parametrize("layout", FILES)
def test_files_as_they_are_published_are_dataframes_of_their_cells(tmp_path, layout):
    read, frame = READERS[layout]

    actual, expected = read(written(tmp_path, FILES[layout])), read(frame)

    pd.testing.assert_frame_equal(actual.to_frame(), expected.to_frame())
    pd.testing.assert_frame_equal(actual.excluded, expected.excluded)
    assert said(Claims.from_table(actual.to_frame())) == said(actual)


# Claims.


def test_layouts_join_and_an_origin_sets_aside_what_repeats():
    ged, acled = (
        readers.ucdp_ged(GED),
        readers.acled(pd.DataFrame({"event_id_cnty": GED["id"], "fatalities": [5, 640, 2, 0]})),
    )
    joined = pd.concat([ged.to_frame(), acled.to_frame().assign(origin=["UCDP GED", "", "", ""])])

    claims = Claims.from_table(joined)

    assert claims.sources == ("ACLED", "UCDP GED")
    assert claims.claims_per_location.tolist() == [1, 2, 2, 2]
    assert claims.excluded["reason"].tolist() == ["repeats UCDP GED"]


def test_names_are_text_whatever_they_look_like(tmp_path):
    events = pd.DataFrame({"event_id_cnty": HOSTILE, "fatalities": 4, "country": HOSTILE[::-1]})
    events.to_csv(tmp_path / "names.csv", index=False)
    cells = pd.DataFrame({"where": ["A"], **{name: [1] for name in HOSTILE}})
    cells.to_csv(tmp_path / "wide.csv", index=False)

    for data in (events, tmp_path / "names.csv", pl.from_pandas(events)):
        assert readers.acled(data).locations == tuple(HOSTILE)
        claims = readers.acled(data, location=["country", "event_id_cnty"], group="country")
        assert claims.locations[0] == f"{HOSTILE[-1]}, {HOSTILE[0]}"
        assert set(claims.groups) == set(HOSTILE)
    for data in (cells, tmp_path / "wide.csv"):
        assert readers.wide(data, location="where").sources == tuple(sorted(HOSTILE))


def test_a_name_left_blank_is_refused():
    assert "row 1 ('UCDP GED' on ''): the location is blank; name it." in refusal(
        readers.ucdp_ged, GED.assign(id=["a", " ", "b", "c"])
    )
    assert "row 1 ('UCDP GED' on ''): the location is blank; name it." in refusal(
        readers.ucdp_ged, GED.assign(country=["a", None, "b", "c"]), location=["country", "id"]
    )


# A million rows.

MILLION = 1_000_000


@pytest.fixture(scope="module")
def million():
    rng = np.random.default_rng(3)
    low = rng.integers(0, 50, MILLION)
    return pa.table(
        {
            "id": np.arange(MILLION),
            "low": low,
            "best": low + 1,
            "high": low + rng.integers(1, 9, MILLION),
        }
    )


def test_a_million_rows_are_read(million, tmp_path):
    pa.csv.write_csv(million, tmp_path / "million.csv")

    assert readers.ucdp_ged(tmp_path / "million.csv").n_locations == MILLION


def test_rows_are_read_by_columns(million, tmp_path):
    def calls(n_rows):
        path, count = tmp_path / "table.csv", 0
        pa.csv.write_csv(million[:n_rows], path)

        def profile(frame, event, argument):
            nonlocal count
            count += event in ("call", "c_call")

        before = sys.getprofile()
        sys.setprofile(profile)
        try:
            readers.ucdp_ged(path)
        finally:
            sys.setprofile(before)
        return count

    calls(10)  # imports
    # A row costs the calls that make its name a text, and no more.
    assert calls(10_000) - calls(1_000) <= 3 * 9_000


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("12 or so", "high is '12 or so'"),
        ("-1", "high is -1"),
    ],
)
def test_one_bad_cell_in_a_million_is_one_error(million, tmp_path, value, says):
    high = million["high"].cast(pa.string()).to_pylist()
    high[731_204] = value
    pa.csv.write_csv(million.set_column(3, "high", pa.array(high)), tmp_path / "million.csv")

    assert refusal(readers.ucdp_ged, tmp_path / "million.csv") == (
        f"1 of 1000000 claims cannot be used:\n  row 731204 ('UCDP GED' on '731204'): {says}; an "
        "upper bound is a whole number, 0 or more; left blank, there is none."
    )
