"""A table of claims is read whole or refused with every bad row named."""

import copy
import datetime as dt
import decimal
import pickle
import subprocess
import sys
import unicodedata

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from tollest import datasets, wording
from tollest.claims.table import KINDS, UNBOUNDED, Claims, ClaimsError

OF_SHARES = (
    "; where one toll was divided among several events, give these one location and the whole, or "
    "lower and upper around the share"
)
WAY_OUT = "Leave out a source that said nothing; a count of 0 says it reported no deaths."


def table(*rows, columns="location source count"):
    return pd.DataFrame(list(rows), columns=columns.split())


def refusal(*args, **kwargs):
    with pytest.raises(ClaimsError) as caught:
        Claims.from_table(*args, **kwargs)
    return str(caught.value)


def arrays(claims):
    """Every public field, for comparison."""
    return {
        name: np.asarray(value)
        for name, value in vars(claims).items()
        if not name.startswith("_") and name not in ("claims_per_location", "n_figures")
    }


def assert_equal(actual, expected):
    for name, value in arrays(expected).items():
        assert_array_equal(arrays(actual)[name], value, err_msg=name)
    pd.testing.assert_frame_equal(actual.to_frame(), expected.to_frame())
    pd.testing.assert_frame_equal(actual.excluded, expected.excluded)


def intervals(claims):
    """What each source says of each location, whatever the order."""
    frame = claims.to_frame().drop(columns="row").fillna({"upper": -1})
    return sorted(frame.astype(str).itertuples(index=False, name=None))


@pytest.fixture
def coast():
    return Claims.from_table(datasets.load("coastal_syria_2025"))


# What a claim allows.


@pytest.mark.parametrize(
    ("kind", "count", "lower", "upper", "expected"),
    [
        ("", 1383, None, None, ("count", 1383, 1383)),
        ("count", 1383, None, None, ("count", 1383, 1383)),
        ("count", 10, 5, 20, ("count", 10, 10)),
        ("", 0, None, None, ("count", 0, 0)),
        ("", None, 5, 21, ("range", 5, 21)),
        ("", 10, 5, 21, ("estimate", 10, 10)),
        ("range", 10, 5, 21, ("range", 5, 21)),
        ("range", None, 7, 7, ("count", 7, 7)),
        ("", None, 7, None, ("at_least", 7, UNBOUNDED)),
        ("", None, None, 7, ("at_most", 0, 7)),
        ("", 10, 7, None, ("count", 10, 10)),
        ("at_least", 17, None, None, ("at_least", 17, UNBOUNDED)),
        ("at_least", None, 17, None, ("at_least", 17, UNBOUNDED)),
        ("at_most", 30, None, None, ("at_most", 0, 30)),
        ("at_most", None, None, 30, ("at_most", 0, 30)),
        ("at_most", None, 0, 30, ("at_most", 0, 30)),
        ("about", 1400, None, None, ("about", 1350, 1450)),
        ("about", 200, None, None, ("about", 150, 250)),
        ("about", 30, None, None, ("about", 25, 35)),
        ("about", 10, None, None, ("about", 5, 15)),
        ("about", 1383, None, None, ("about", 1383, 1383)),
        ("about", 0, None, None, ("about", 0, 0)),
        ("about", None, 1350, 1450, ("about", 1350, 1450)),
        ("verbal", None, 24, 99, ("verbal", 24, 99)),
        ("documented", 11, None, None, ("documented", 11, UNBOUNDED)),
        ("verified", 11, None, None, ("verified", 11, 11)),
    ],
)
def test_a_row_of_numbers_is_an_interval(kind, count, lower, upper, expected):
    row = table(("Arden", "press", kind, count, lower, upper),
                columns="location source kind count lower upper")  # fmt: skip

    (found,) = Claims.from_table(row).to_frame().itertuples()

    assert (found.kind, found.lower) == expected[:2]
    assert (UNBOUNDED if pd.isna(found.upper) else found.upper) == expected[2]


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("", "more than 4,000 people", ("at_least", 4001, UNBOUNDED)),
        ("", "dozens", ("verbal", 24, 99)),
        ("", 658, ("count", 658, 658)),
        ("at_least", "17", ("at_least", 17, UNBOUNDED)),
        ("at_least", "at least 17", ("at_least", 17, UNBOUNDED)),
        ("about", "1,700", ("about", 1650, 1750)),
        ("documented", "at least 17", ("documented", 17, UNBOUNDED)),
        ("verified", "17", ("verified", 17, 17)),
    ],
)
def test_a_row_of_words_is_an_interval(kind, text, expected):
    row = table(("Arden", "press", kind, text), columns="location source kind wording")

    (found,) = Claims.from_table(row).to_frame().itertuples()

    assert (found.kind, found.lower) == expected[:2]
    assert (UNBOUNDED if pd.isna(found.upper) else found.upper) == expected[2]


@given(st.integers(0, 10**10 - 1))
@settings(deadline=None)
def test_about_is_the_same_in_figures_and_in_words(n):
    figures = table(("Arden", "press", "about", n), columns="location source kind count")
    words = table(("Arden", "press", f"about {n:,}"), columns="location source wording")

    assert_equal(Claims.from_table(figures), Claims.from_table(words))


def test_numbers_come_before_wordings():
    rows = table(("A", "p", 5, "nobody can say"), ("B", "p", None, "six"),
                 columns="location source count wording")  # fmt: skip

    assert Claims.from_table(rows).lower.tolist() == [5, 6]


@pytest.mark.parametrize(
    ("kind", "count", "lower", "upper", "text", "says"),
    [
        (None, 65, None, None, "at least 65",
         "count is 65, but 'at least 65' beside it is a bound; give the kind 'at_least', or "
         "'count' if the count is meant"),
        (None, 30, None, None, "no more than 30",
         "count is 30, but 'no more than 30' beside it is a bound; give the kind 'at_most', or "
         "'count' if the count is meant"),
        ("at_least", 65, None, None, "at least 80",
         "states 65, but 'at least 80' beside it; correct one of them"),
        ("count", 65, None, None, "56", "states 65, but '56' beside it; correct one of them"),
        (None, None, 100, 120, "dozens",
         "states 100 to 120, but 'dozens' beside it; correct one of them"),
        (None, None, 65, None, "no more than 65",
         "is read as 'at_least', but 'no more than 65' beside it is 'at_most'; "
         "correct one of them"),
    ],
)  # fmt: skip
def test_a_number_must_agree_with_its_wording(kind, count, lower, upper, text, says):
    rows = table(("Arden", "press", kind, count, lower, upper, text),
                 columns="location source kind count lower upper wording")  # fmt: skip

    assert refusal(rows) == (
        f"1 of 1 claims cannot be used:\n  row 0 ('press' on 'Arden'): {says}."
    )


@pytest.mark.parametrize(
    ("kind", "count", "lower", "upper", "text"),
    [
        ("at_least", 745, None, None, "more than 745"),
        ("count", 65, None, None, "at least 65"),
        ("documented", 111, None, None, "at least 111"),
        ("documented", 111, None, None, "111 verified by name"),
        (None, None, 30, 50, "dozens"),
        (None, None, 65, None, "at least 65"),
        ("about", 1400, None, None, "nearly 1,400"),
        (None, 5, None, None, "5 or so, the mayor said"),
    ],
)
def test_a_wording_that_agrees_or_cannot_be_read_is_left_alone(kind, count, lower, upper, text):
    rows = table(("Arden", "press", kind, count, lower, upper, text),
                 columns="location source kind count lower upper wording")  # fmt: skip

    assert_equal(Claims.from_table(rows), Claims.from_table(rows.drop(columns="wording")))


def test_a_list_of_names_is_a_floor_only_where_the_analyst_says_so():
    rows = table(("A", "p", "documented", "111 verified by name"),
                 ("B", "p", "at_least", "111 documented"),
                 columns="location source kind wording")  # fmt: skip

    claims = Claims.from_table(rows)

    assert claims.documented.tolist() == [111, 0]
    assert claims.lower.tolist() == [111]
    assert "'111 documented' reads as 'documented', a floor that cannot err" in refusal(
        rows[1:].assign(kind="")
    )


def test_words_are_the_analysts_to_define():
    rows = table(("A", "p", "a great many"), columns="location source wording")

    claims = Claims.from_table(rows, words=wording.WORDS.extended({"great many": (50, 500)}))

    assert (claims.lower.tolist(), claims.upper.tolist()) == ([50], [500])
    assert KINDS[claims.kind[0]] == "verbal"


@pytest.mark.parametrize(
    "count",
    ["1383", " 1383 ", "1,383", "1383.0", 1383.0, np.float32(1383), decimal.Decimal(1383),
     "1 383", "1\u00a0383", "1\u202f383"],
)  # fmt: skip
def test_a_whole_number_is_one_however_it_is_written(count):
    assert Claims.from_table(table(("A", "p", count))).lower.tolist() == [1383]


@pytest.mark.parametrize("blank", [None, float("nan"), "", "  ", pd.NA, "NA", " NA "])
def test_blanks_are_absent_however_they_are_written(blank):
    rows = pd.DataFrame(
        {
            "location": ["A", "B"],
            "source": ["p", "p"],
            "count": pd.Series([7, blank], dtype=object),
            "lower": pd.Series([blank, 3], dtype=object),
            "kind": [blank, blank],
            "date": [blank, blank],
            "origin": [blank, blank],
            "cap": [blank, blank],
        }
    )

    claims = Claims.from_table(rows)

    assert claims.lower.tolist() == [7, 3]
    assert claims.upper.tolist() == [7, UNBOUNDED]
    assert claims.cap.tolist() == [UNBOUNDED, UNBOUNDED]
    assert claims.groups == ()


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_the_na_of_r_is_a_blank_and_no_name(frame):
    rows = {
        "location": ["NA", "Arden", "Brook"], "source": ["p", "NA", "p"], "count": [1, 2, 3],
        "wording": ["NA", "about 2", "3"], "group": ["north", "north", "NA"],
    }  # fmt: skip

    assert refusal(frame(rows)) == (
        "3 of 3 claims cannot be used:\n"
        "  row 0 ('p' on ''): the location is 'NA', which is read as blank; spell it out.\n"
        "  row 1 ('' on 'Arden'): the source is 'NA', which is read as blank; spell it out.\n"
        "  row 2 ('p' on 'Brook'): has no group ('NA' is read as blank), and other locations do; "
        "give every location one, or none."
    )


def test_a_table_written_by_r_is_read_as_it_was_there(tmp_path):
    path = tmp_path / "claims.csv"
    path.write_text(
        '"","location","source","count","lower","upper","date","kind","origin","group","wording"\n'
        '"1","A","p",3,NA,NA,2025-01-02,NA,NA,NA,NA\n'
        '"2","A","q",NA,4,9,NA,NA,NA,NA,NA\n'
        '"3","B","p",NA,NA,NA,NA,NA,NA,NA,"dozens"\n'
    )

    claims = Claims.read(path)

    assert claims.lower.tolist() == [3, 4, 24]
    assert claims.groups == ()
    assert len(claims.excluded) == 0


# How claims are laid out.


def test_claims_lie_flat_by_location_then_source():
    rows = table(("B", "y", 1), ("A", "x", 2), ("B", "x", 3), ("A", "z", 2))

    claims = Claims.from_table(rows, locations=["C", "A"])

    assert claims.locations == ("B", "A", "C")
    assert claims.sources == ("x", "y", "z")
    assert claims.offsets.tolist() == [0, 2, 4, 4]
    assert claims.source_index.tolist() == [0, 1, 0, 2]
    assert claims.lower.tolist() == [3, 1, 2, 2]
    assert claims.row.tolist() == [2, 0, 1, 3]
    assert claims.claims_per_location.tolist() == [2, 2, 0]
    assert claims.n_figures.tolist() == [2, 1, 0]
    assert (len(claims), claims.n_claims, claims.n_locations, claims.n_sources) == (4, 4, 3, 3)
    assert (
        repr(claims) == "Claims: 4 claims by 3 sources (x, y, z) on 3 locations, 1 of them silent"
    )


def test_every_claim_knows_its_location():
    rows = table(("B", "y", 1), ("A", "x", 2), ("B", "x", 3))

    claims = Claims.from_table(rows, locations=["C"])

    assert claims.location_index.tolist() == [0, 0, 1]


def test_the_record_keeps_every_row_with_its_standing():
    rows = table(("A", "p", 5, None, "2025-01-01"), ("A", "q", 5, "p", "2025-01-02"),
                 ("B", "p", 3, None, "2025-01-03"), ("B", "p", 4, None, "2025-01-04"),
                 columns="location source count origin date")  # fmt: skip

    record = Claims.from_table(rows).as_of("2025-01-03").record

    assert record.status(np.arange(4)) == ["used", "repeats another", "used", "dated later"]
    assert record.in_evidence.tolist() == [True, False, True, False]
    assert record.reasons(np.arange(4)) == [
        "", "repeats p", "", "dated 2025-01-04, after 2025-01-03",
    ]  # fmt: skip
    later = Claims.from_table(rows).without(rows=[0, 1]).record
    assert later.location.tolist() == [-1, -1, 0, 0]


def test_silence_differs_from_a_claim_of_zero():
    silent = Claims.from_table(table(("A", "p", 5)), locations=["B"])
    zero = Claims.from_table(table(("A", "p", 5), ("B", "p", 0)))

    assert silent.claims_per_location.tolist() == [1, 0]
    assert zero.claims_per_location.tolist() == [1, 1]
    assert (zero.lower[1], zero.upper[1]) == (0, 0)


def test_certain_deaths_bound_the_toll_and_are_no_claims_that_err():
    rows = table(
        ("A", "clinic", "documented", 11), ("A", "press", "count", 9),
        ("A", "church", "documented", 14), ("B", "court", "verified", 30),
        columns="location source kind count",
    )  # fmt: skip

    claims = Claims.from_table(rows)

    assert claims.documented.tolist() == [14, 0]
    assert claims.verified.tolist() == [-1, 30]
    assert claims.sources == ("press",)
    assert claims.offsets.tolist() == [0, 1, 1]
    assert claims.claims_per_location.tolist() == [3, 1]
    assert repr(claims) == (
        "Claims: 1 claim by 1 source (press) on 2 locations, with 2 documented floors and "
        "1 verified toll"
    )


def test_groups_and_caps_belong_to_locations():
    rows = table(("A", "p", 1, "south", None), ("B", "p", 2, "north", 90), ("A", "q", 3, None, 40),
                 columns="location source count group cap")  # fmt: skip

    claims = Claims.from_table(rows, locations={"C": "east", "D": "north"})

    assert claims.groups == ("east", "north", "south")
    assert claims.group_index.tolist() == [2, 1, 0, 1]
    assert claims.cap.tolist() == [40, 90, UNBOUNDED, UNBOUNDED]


def test_without_groups_every_location_is_in_the_same():
    claims = Claims.from_table(table(("A", "p", 1), ("B", "p", 2)))

    assert claims.groups == ()
    assert claims.group_index.tolist() == [0, 0]


def test_columns_can_go_by_other_names():
    rows = table(("A", "p", 1, 9), columns="incident source deaths count")

    claims = Claims.from_table(rows, columns={"location": "incident", "count": "deaths"})

    assert (claims.locations, claims.lower.tolist()) == (("A",), [1])


@given(st.permutations(range(20)))
@settings(max_examples=25, deadline=None)
def test_the_order_of_rows_does_not_matter(order):
    rows = datasets.load("coastal_syria_2025")

    for date in (None, "2025-03-11"):
        given_, shuffled = Claims.from_table(rows), Claims.from_table(rows.iloc[list(order)])
        if date:
            given_, shuffled = given_.as_of(date), shuffled.as_of(date)
        assert intervals(shuffled) == intervals(given_)
        assert shuffled.sources == given_.sources
        assert len(shuffled.excluded) == len(given_.excluded)


def test_claims_cannot_be_changed(coast):
    copies = [coast, copy.deepcopy(coast), pickle.loads(pickle.dumps(coast))]

    for claims in copies:
        with pytest.raises(ValueError, match="read-only"):
            claims.lower[0] = 7
        with pytest.raises(ValueError, match="read-only"):
            claims.n_figures[0] = 7
        with pytest.raises(AttributeError):
            claims.sources = ()
        assert_equal(claims, coast)


def test_the_users_table_is_left_as_it_was():
    rows = datasets.load("coastal_syria_2025")
    before = rows.copy(deep=True)

    Claims.from_table(rows)

    pd.testing.assert_frame_equal(rows, before)
    array = np.arange(3)
    frame = pd.DataFrame({"location": list("abc"), "source": list("abc"), "count": array})
    Claims.from_table(frame)
    assert array.flags.writeable


def test_the_evidence_reads_back_as_it_is(coast):
    again = Claims.from_table(coast.to_frame())

    assert intervals(again) == intervals(coast)


def test_groups_and_caps_read_back_too():
    rows = table(("A", "p", 5, "n", 50), ("B", "p", 6, "s", None), ("B", "q", 7, "s", None),
                 columns="location source count group cap")  # fmt: skip
    claims = Claims.from_table(rows, locations={"C": "n"})

    frame = claims.to_frame()

    assert list(frame)[-2:] == ["group", "cap"]
    assert_equal(Claims.from_table(frame, locations={"C": "n"}), claims)
    assert list(Claims.from_table(rows.drop(columns="group")).to_frame())[-1] == "cap"
    assert list(Claims.from_table(rows.drop(columns="cap")).to_frame())[-1] == "group"


# What is set aside, and why.


def test_every_claim_set_aside_has_its_reason(coast):
    assert coast.excluded[["row", "reason"]].to_records(index=False).tolist() == [
        (0, "superseded by the claim of 2025-03-12 (row 2)"),
        (1, "superseded by the claim of 2025-03-12 (row 2)"),
        (3, "repeats Syrian Observatory for Human Rights"),
        (8, "superseded by the claim of 2025-03-12 (row 9)"),
        (10, "superseded by the claim of 2025-03-12 (row 11)"),
        (12, "superseded by the claim of 2025-03-12 (row 13)"),
    ]
    assert list(coast.excluded) == [
        "row", "location", "source", "kind", "lower", "upper", "date", "reason",
    ]  # fmt: skip
    assert len(coast.excluded) + len(coast.to_frame()) == 20


def test_a_cut_knows_only_what_was_known(coast):
    cut = coast.as_of("2025-03-11")

    assert repr(cut) == (
        "Claims: 7 claims by 4 sources on 4 locations, 3 parts of others; "
        "13 more excluded (1 superseded, 11 dated after 2025-03-11, 1 undated)"
    )
    assert cut.locations == ("Coast, Hama and Homs, March 2025", "Latakia", "Tartus", "Hama")
    assert cut.offsets.tolist() == [0, 4, 5, 6, 7]
    reasons = dict(zip(cut.excluded["row"], cut.excluded["reason"], strict=True))
    assert reasons[0] == "superseded by the claim of 2025-03-11 (row 1)"
    assert reasons[2] == "dated 2025-03-12, after 2025-03-11"
    assert reasons[3] == "dated 2025-03-12, after 2025-03-11"
    assert reasons[7] == "undated, so not known by 2025-03-11"
    assert repr(coast).startswith("Claims: 14 claims")  # as it was


def test_a_cut_can_be_given_as_any_date_and_be_cut_again(coast):
    cut = coast.as_of("2025-03-11")

    assert_equal(coast.as_of(dt.date(2025, 3, 11)), cut)
    assert_equal(coast.as_of(dt.datetime(2025, 3, 11)), cut)
    assert_equal(coast.as_of(np.datetime64("2025-03-11")), cut)
    assert_equal(coast.as_of("2025-03-12").as_of("2025-03-11"), cut)
    assert_equal(cut.as_of("2025-03-12"), cut)
    assert_equal(pickle.loads(pickle.dumps(cut)), cut)


@pytest.mark.parametrize("date", ["12/03/2025", "2025-03", "2025", "", None, 20250312])
def test_a_cut_needs_a_whole_date(coast, date):
    with pytest.raises(ValueError, match="a date is a day of the calendar, such as 2025-03-12"):
        coast.as_of(date)


def test_a_cut_that_leaves_nothing_is_refused(coast):
    with pytest.raises(ClaimsError) as caught:
        coast.as_of("2025-03-07")

    assert str(caught.value) == (
        "no claim was known by 2025-03-07; the earliest is of 2025-03-08."
    )


def test_a_cut_keeps_locations_silent_from_the_start_and_drops_those_it_silences():
    rows = table(("A", "p", 1, "2025-01-01", "n"), ("B", "p", 2, "2025-02-01", "s"),
                 columns="location source count date group")  # fmt: skip

    cut = Claims.from_table(rows, locations={"C": "n"}).as_of("2025-01-15")

    assert cut.locations == ("A", "C")
    assert cut.groups == ("n",)
    assert cut.group_index.tolist() == [0, 0]
    assert cut.claims_per_location.tolist() == [1, 0]
    assert cut.excluded["location"].tolist() == ["B"]


def test_the_first_repeat_stands_until_its_origin_is_heard():
    rows = table(
        ("A", "late", 6, "2025-01-03", "voice"), ("A", "echo", 5, "2025-01-02", "voice"),
        ("A", "echo", 4, "2025-01-01", "voice"), ("A", "voice", 7, "2025-02-01", None),
        ("A", "other", 3, "2025-01-01", "other"), ("B", "voice", 1, "2025-01-01", None),
        columns="location source count date origin",
    )  # fmt: skip
    claims = Claims.from_table(rows)

    cut = claims.as_of("2025-01-15")

    assert cut.sources == ("echo", "other", "voice")
    assert cut.row.tolist() == [1, 4, 5]
    assert cut.excluded["reason"].tolist() == [
        "repeats voice", "superseded by the claim of 2025-01-02 (row 1)",
        "dated 2025-02-01, after 2025-01-15",
    ]  # fmt: skip
    assert claims.as_of("2025-02-01").row.tolist() == [4, 3, 5]
    assert_equal(Claims.from_table(rows.iloc[[1, 4, 5]].drop(columns="origin")),
                 Claims.from_table(cut.to_frame()))  # fmt: skip


def test_of_repeats_of_repeats_one_stands_for_a_source_not_yet_heard():
    rows = table(
        ("A", "third", 5, "2025-01-04", "second"), ("A", "first", 5, "2025-01-05", "voice"),
        ("A", "fourth", 5, "2025-01-06", "third"), ("A", "second", 5, "2025-01-20", "voice"),
        ("A", "voice", 5, "2025-02-01", None),
        columns="location source count date origin",
    )  # fmt: skip

    claims = Claims.from_table(rows)

    assert claims.as_of("2025-01-15").row.tolist() == [0]
    assert claims.as_of("2025-01-20").row.tolist() == [1]
    assert claims.row.tolist() == [4]


def test_sources_that_repeat_each_other_are_one_until_the_origin_is_heard():
    rows = table(
        ("A", "p", 5, "2025-01-02", "q"), ("A", "r", 5, "2025-01-03", "p"),
        ("A", "p", 5, "2025-02-01", "voice"), ("A", "q", 5, "2025-02-01", "p"),
        ("A", "t", 5, "2025-01-04", "q"), ("A", "voice", 5, "2025-02-01", None),
        columns="location source count date origin",
    )  # fmt: skip

    assert Claims.from_table(rows).as_of("2025-01-15").row.tolist() == [0]


def test_certain_deaths_are_certain_whoever_repeats_them():
    rows = table(
        ("A", "clinic", "documented", 9, "2025-01-01", None),
        ("A", "press", "documented", 11, "2025-01-02", "clinic"),
        ("A", "press", "count", 11, "2025-01-02", "clinic"),
        ("B", "court", "count", 20, "2025-01-01", None),
        ("B", "press", "verified", 21, "2025-01-02", "court"),
        columns="location source kind count date origin",
    )  # fmt: skip

    claims = Claims.from_table(rows)

    assert claims.documented.tolist() == [11, 0]
    assert claims.verified.tolist() == [-1, 21]
    assert claims.excluded["row"].tolist() == [2]


def test_a_lower_list_of_names_takes_back_a_higher_one():
    rows = table(
        ("A", "p", "documented", 12, "2025-01-01"), ("A", "p", "documented", 11, "2025-02-01"),
        ("A", "q", "documented", 10, "2025-01-01"), columns="location source kind count date",
    )  # fmt: skip

    claims = Claims.from_table(rows)

    assert claims.documented.tolist() == [11]
    assert claims.as_of("2025-01-15").documented.tolist() == [12]


def test_a_list_of_names_does_not_supersede_an_estimate():
    rows = table(
        ("A", "p", "count", 20, "2025-01-01"), ("A", "p", "documented", 12, "2025-02-01"),
        ("A", "p", "documented", 11, "2025-01-01"),
        columns="location source kind count date",
    )  # fmt: skip

    claims = Claims.from_table(rows)

    assert claims.lower.tolist() == [20]
    assert claims.documented.tolist() == [12]
    assert claims.excluded["row"].tolist() == [2]


# What is refused, and in what words.


def test_missing_columns_are_named_with_those_there_are():
    rows = table(("A", "p", 1), columns="incident outlet deaths")

    assert refusal(rows) == (
        "the table has no column 'location'; its columns are 'incident', 'outlet', 'deaths'. "
        "If it goes by another name, say which: columns={'location': ...}.\n"
        "the table has no column 'source'; its columns are 'incident', 'outlet', 'deaths'. "
        "If it goes by another name, say which: columns={'source': ...}.\n"
        "the table has none of the columns count, lower, upper, wording, so it states no numbers; "
        "its columns are 'incident', 'outlet', 'deaths'. "
        "If one goes by another name, say which: columns={'count': ...}."
    )


def test_names_of_columns_that_lead_nowhere_are_refused():
    message = refusal(table(("A", "p", 1)), columns={"place": "location", "count": "deaths"})

    assert message == (
        "columns={'place': ...}: a claim has no 'place'; what it can have is location, source, "
        "count, lower, upper, wording, kind, date, origin, group, cap, parent, side, period, "
        "from, to, onset, interval_prob, sd, log_sd, log_sd_below, log_sd_above.\n"
        "columns={'count': 'deaths'}: the table has no column 'deaths'; "
        "its columns are 'location', 'source', 'count'."
    )


def test_columns_with_nearly_our_names_are_not_ignored():
    rows = table(("A", "p", 5, "at_least", "2025-01-01", "x"),
                 columns="location source count Kind dates note")  # fmt: skip

    assert refusal(rows) == (
        "the column 'Kind' would be ignored, for it is not called 'kind'; rename it, or say "
        "columns={'kind': 'Kind'} (drop it if it is something else).\n"
        "the column 'dates' would be ignored, for it is not called 'date'; rename it, or say "
        "columns={'date': 'dates'} (drop it if it is something else)."
    )
    ours = Claims.from_table(rows, columns={"kind": "Kind", "date": "dates"})
    assert KINDS[ours.kind[0]] == "at_least"
    assert refusal(table(("A", "p", 5), columns="Location source counts")) == (
        "the column 'Location' would be ignored, for it is not called 'location'; rename it, or "
        "say columns={'location': 'Location'} (drop it if it is something else).\n"
        "the column 'counts' would be ignored, for it is not called 'count'; rename it, or say "
        "columns={'count': 'counts'} (drop it if it is something else)."
    )
    beside = table(("A", "p", 5, "a list"), columns="location source count sources")
    assert Claims.from_table(beside).sources == ("p",)


def test_a_short_name_with_a_letter_more_is_another_column():
    rows = table(("A", "p", "six", "Kent"), columns="location source wording county")

    assert Claims.from_table(rows).lower.tolist() == [6]
    assert "the column 'loction' would be ignored, for it is not called 'location'" in refusal(
        rows.rename(columns={"location": "loction"})
    )


def test_an_empty_table_is_refused():
    assert refusal(table()) == "the table is empty; an estimate needs at least one claim."


def test_two_columns_of_the_same_name_are_refused():
    message = refusal(table(("A", "p", 1, 2), columns="location source count count"))

    assert message.startswith("two columns of the table have the same name; rename one.")


@pytest.mark.parametrize(
    ("what", "way_out"),
    [
        ([("A", "p", 1)], "not a list; pandas.DataFrame(...) makes one of it"),
        ({"location": ["A"]}, "not a dict; pandas.DataFrame(...) makes one of it"),
        (None, "not a NoneType"),
        (pl.LazyFrame(), "not a LazyFrame; collect it first"),
        ("claims.csv", "not a str; Claims.read reads files"),
    ],
)
def test_what_is_no_table_in_memory_is_refused(what, way_out):
    with pytest.raises(TypeError) as caught:
        Claims.from_table(what)
    expected = "a table of claims is a pandas, polars or pyarrow table, held in memory"
    assert str(caught.value) == f"{expected}, {way_out}"


def test_a_column_that_went_into_the_index_is_found_there():
    rows = table(("Arden", "press", 3)).set_index("location")

    assert refusal(rows) == (
        "the table has no column 'location'; its columns are 'source', 'count'. It is in the "
        "table's index: give table.reset_index()."
    )


@pytest.mark.parametrize(
    "date",
    [
        "12 March 2025",
        "12 Mar 2025",
        " 12-mar.-2025",
        "2025-03-12",
        "March 12, 2025",
        "Mar. 12, 2025",
    ],
)
def test_a_day_may_name_its_month(date):
    claims = Claims.from_table(table(("A", "p", 1, date), columns="location source count date"))

    assert str(claims.to_frame()["date"][0].date()) == "2025-03-12"
    assert claims.as_of("12 March 2025").n_claims == 1


@pytest.mark.parametrize(
    ("count", "says"),
    [
        (-4, "count is -4; a count is a whole number, 0 or more"),
        (2.5, f"count is 2.5; a count is a whole number, 0 or more{OF_SHARES}"),
        (float("inf"), "count is inf; a count is a whole number, 0 or more"),
        (-float("inf"), "count is -inf; a count is a whole number, 0 or more"),
        (True, "count is True; a count is a whole number, 0 or more"),
        (1e15, "count is 1000000000000000, more than all people alive; "
               "a count is a whole number, 0 or more"),
        ("12a", "count is '12a'; a count is a whole number, 0 or more; "
                "put words into a column 'wording'"),
        ("at least 65", "count is 'at least 65'; a count is a whole number, 0 or more; "
                        "put words into a column 'wording'"),
        ("N/A", "count is 'N/A'; a count is a whole number, 0 or more; "
                "leave the cell blank where nothing was said"),
        (" - ", "count is ' - '; a count is a whole number, 0 or more; "
                "leave the cell blank where nothing was said"),
        ("-4", "count is -4; a count is a whole number, 0 or more"),
        ("\u22124", "count is '\u22124'; a count is a whole number, 0 or more"),
        ("1.383", "count is '1.383'; a count is a whole number, 0 or more; "
                  "set thousands apart by commas, or not at all"),
        ("1'383", "count is \"1'383\"; a count is a whole number, 0 or more; "
                  "set thousands apart by commas, or not at all"),
        ("12.5", f"count is '12.5'; a count is a whole number, 0 or more{OF_SHARES}"),
        ("26[5]", "count is '26[5]'; a count is a whole number, 0 or more; take the mark "
                  "'[5]' off, and keep '26'"),
        ("12*", "count is '12*'; a count is a whole number, 0 or more; take the mark '*' off, and "
                "keep '12'"),
        ("\u200e13", "count is '\\u200e13'; a count is a whole number, 0 or more; take out the "
                     "unseen mark U+200E"),
        ("NA", "states no number; give a count, a lower or upper bound, or a wording"),
        ("9" * 9999, "count is '" + "9" * 59 + "…'; a count is a whole number, 0 or more"),
        ([3], "count is [3]; a count is a whole number, 0 or more"),
        (None, "states no number; give a count, a lower or upper bound, or a wording"),
    ],
)  # fmt: skip
def test_a_count_that_is_no_number_of_people_is_refused(count, says):
    assert refusal(table(("Arden", "press", count))) == (
        f"1 of 1 claims cannot be used:\n  row 0 ('press' on 'Arden'): {says}.\n{WAY_OUT}"
    )


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (("", None, 30, 20, None), "lower is 30, above an upper of 20; swap or correct them"),
        (("", 5, 10, 20, None), "count is 5, below a lower of 10; correct one of them"),
        (("count", 25, 10, 20, None), "count is 25, above an upper of 20; correct one of them"),
        (("atleast", 5, None, None, None),
         "kind is 'atleast'; a kind is count, range, at_least, at_most, about, verbal, estimate, "
         "documented, verified or within"),
        (("range", 5, None, None, None),
         "kind is 'range', which needs lower and upper; give that, or leave the kind blank"),
        (("count", None, 5, 9, None),
         "kind is 'count', which needs a count; give that, or leave the kind blank"),
        (("at_least", None, 5, 9, None),
         "kind is 'at_least', which needs a count, or lower without upper; "
         "give that, or leave the kind blank"),
        (("verbal", 5, None, None, None),
         "kind is 'verbal', which needs a wording, or lower and upper; "
         "give that, or leave the kind blank"),
        (("", None, None, None, "a great many"),
         "cannot read 'a great many'; state a number, use lower and upper, or add the word to the "
         "table: words=..."),
        (("count", None, None, None, "at least 10"),
         "kind is 'count', but 'at least 10' reads as 'at_least'; "
         "correct one, or leave the kind blank"),
        (("", None, None, -3, None),
         "upper is -3; an upper bound is a whole number, 0 or more; left blank, there is none"),
    ],
)  # fmt: skip
def test_a_row_that_contradicts_itself_is_refused(row, says):
    rows = table(
        ("Arden", "press", *row), columns="location source kind count lower upper wording"
    )

    assert refusal(rows) == (
        f"1 of 1 claims cannot be used:\n  row 0 ('press' on 'Arden'): {says}."
    )


def test_all_bad_rows_are_named_at_once_and_good_ones_are_not():
    rows = table(
        ("Arden", "press", -4, None), ("Arden", "clinic", 4, None), ("", "clinic", 2.5, None),
        ("Holm", None, 1, "soon"),
        columns="location source count date",
    )  # fmt: skip

    assert refusal(rows) == (
        "3 of 4 claims cannot be used:\n"
        "  row 0 ('press' on 'Arden'): count is -4; a count is a whole number, 0 or more.\n"
        "  row 2 ('clinic' on ''): the location is blank; name it.\n"
        "  row 2 ('clinic' on ''): count is 2.5; a count is a whole number, 0 or more"
        f"{OF_SHARES}.\n"
        "  row 3 ('' on 'Holm'): the source is blank; name it.\n"
        "  row 3 ('' on 'Holm'): date is 'soon'; "
        "a date is a day of the calendar, such as 2025-03-12.\n" + WAY_OUT
    )


def test_of_more_than_ten_bad_rows_ten_are_shown_and_all_are_kept():
    rows = table(*[("Arden", f"source {i}", -1) for i in range(17)])

    with pytest.raises(ClaimsError) as caught:
        Claims.from_table(rows)

    lines = str(caught.value).splitlines()
    assert len(lines) == 13
    assert lines[0] == "17 of 17 claims cannot be used:"
    assert lines[10].startswith("  row 9 ")
    assert lines[11] == "  ... and 7 more"
    assert [problem.row for problem in caught.value.problems] == list(range(17))
    assert caught.value.n == 17
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_claims_that_cannot_be_put_in_order_are_refused():
    rows = table(
        ("A", "p", 1, "2025-01-01"), ("A", "p", 2, "2025-01-01"), ("A", "q", 3, None),
        ("A", "q", 4, "2025-01-01"), ("A", "r", 5, None), ("A", "r", 5, None),
        ("B", "r", 5, None),
        columns="location source count date",
    )  # fmt: skip

    assert refusal(rows) == (
        "3 of 7 claims cannot be used:\n"
        "  row 1 ('p' on 'A'): a second claim by 'p' on 'A', beside row 0 and of the same day; "
        "give both their time of day so that the later supersedes, or keep one.\n"
        "  row 2 ('q' on 'A'): has no date, so it cannot be put before or after row 3; "
        "date both, or keep one.\n"
        "  row 5 ('r' on 'A'): a second claim by 'r' on 'A', beside row 4: "
        "date both so that the later supersedes, or keep one."
    )


@pytest.mark.parametrize(
    ("date", "way_out"),
    [("soon", ""), ("2025-02-30", ""), ("2025-03", ""), (20250312, "")]
    + [
        (
            date,
            "; write it so (pandas.to_datetime converts, with dayfirst=True where days stand "
            "before months)",
        )
        for date in ("12/03/2025", "12.3.2025", "Feb 31, 2025", "31 Feb 2025", "1 Mai 2025")
    ]
    + [("2025/03/12", "; write it so")],
)
def test_dates_that_do_not_parse_are_refused(date, way_out):
    assert refusal(table(("A", "p", 1, date), columns="location source count date")) == (
        f"1 of 1 claims cannot be used:\n  row 0 ('p' on 'A'): date is {date!r}; "
        f"a date is a day of the calendar, such as 2025-03-12{way_out}."
    )


def test_contradictory_floors_and_caps_are_refused():
    rows = table(
        ("A", "court", "verified", 10, None), ("A", "clinic", "documented", 12, None),
        ("B", "court", "verified", 10, None), ("B", "police", "verified", 11, None),
        ("C", "clinic", "documented", 12, 9), ("D", "court", "verified", 30, 20),
        columns="location source kind count cap",
    )  # fmt: skip

    assert refusal(rows) == (
        "4 of 6 claims cannot be used:\n"
        "  row 1 ('clinic' on 'A'): 12 are documented, above the verified count of 10 in row 0; "
        "correct one of them.\n"
        "  row 3 ('police' on 'B'): verified count is 11, but 10 in row 2; "
        "a toll is one number, so keep one of them.\n"
        "  row 4 ('clinic' on 'C'): 12 are documented, above the cap of 9; "
        "correct one of them.\n"
        "  row 5 ('court' on 'D'): verified count is 30, above the cap of 20; "
        "correct one of them."
    )


def test_sources_may_verify_the_same_toll_and_name_as_many():
    rows = table(
        ("A", "court", "verified", 10), ("A", "police", "verified", 10),
        ("A", "clinic", "documented", 10), columns="location source kind count",
    )  # fmt: skip

    claims = Claims.from_table(rows)

    assert (claims.verified.tolist(), claims.documented.tolist()) == ([10], [10])
    assert claims.n_claims == 0


def test_unknown_origins_are_refused():
    rows = table(("A", "p", 1, "q"), ("A", "r", 1, "nobody"), ("B", "q", 1, None),
                 columns="location source count origin")  # fmt: skip

    assert refusal(rows) == (
        "2 of 3 claims cannot be used:\n"
        "  row 0 ('p' on 'A'): origin is 'q', which has no claim on this location; "
        "add its claim, or leave the origin blank.\n"
        "  row 1 ('r' on 'A'): origin is 'nobody', which is no source of this table; "
        "add its claim, or leave the origin blank."
    )


def test_origins_that_go_round_in_a_circle_are_refused():
    rows = table(("A", "p", 1, "q"), ("A", "q", 1, "p"), ("A", "r", 1, None), ("A", "s", 1, "t"),
                 ("A", "t", 1, "r"), columns="location source count origin")  # fmt: skip

    assert refusal(rows) == (
        "2 of 5 claims cannot be used:\n"
        "  row 0 ('p' on 'A'): origin is 'q', which repeats this source in turn; "
        "leave the origin of one blank.\n"
        "  row 1 ('q' on 'A'): origin is 'p', which repeats this source in turn; "
        "leave the origin of one blank."
    )


def test_a_location_with_only_excluded_claims_is_refused():
    rows = table(
        ("A", "p", 1, "2025-01-01", None), ("A", "p", 2, "2025-02-01", "q"),
        ("A", "q", 1, "2025-01-02", "p"), ("B", "q", 1, None, None),
        columns="location source count date origin",
    )  # fmt: skip

    assert refusal(rows) == (
        "'A' has no claim of a source's own: each of rows 0, 1, 2 repeats another or was "
        "superseded by one that does; leave the origin of one blank."
    )


def test_a_location_has_one_group_and_one_cap():
    rows = table(("A", "p", 1, "n", 50), ("A", "q", 1, "s", 60), ("B", "p", 1, None, None),
                 columns="location source count group cap")  # fmt: skip

    assert refusal(rows) == (
        "2 of 3 claims cannot be used:\n"
        "  row 1 ('q' on 'A'): group is 's', but 'n' in row 0; a location has one group.\n"
        "  row 1 ('q' on 'A'): cap is 60, but 50 in row 0; a location has one cap.\n"
        "  row 2 ('p' on 'B'): has no group, and other locations do; "
        "give every location one, or none."
    )


def test_silent_locations_are_names_in_a_group_where_others_are():
    grouped = table(("A", "p", 1, "n"), columns="location source count group")
    plain = table(("A", "p", 1))

    assert refusal(grouped, locations=["B"]) == (
        "'B' has no group, and other locations do; give it one: locations={'B': ...}."
    )
    assert refusal(plain, locations={"B": "n"}) == (
        "'B' has the group 'n', but the table has no groups; give every location one, or none."
    )
    assert refusal(plain, locations=[""]) == "locations holds a blank name; leave it out."
    with pytest.raises(TypeError, match="locations is the text 'Brook'; give a list of names"):
        Claims.from_table(plain, locations="Brook")


# Whatever dataframe, file or name it comes with.


@pytest.mark.parametrize(
    "convert",
    [
        pl.from_pandas,
        pa.Table.from_pandas,
        lambda rows: pa.concat_tables(map(pa.Table.from_pandas, (rows[:7], rows[7:]))),
        lambda rows: rows.astype(object),
        lambda rows: rows.astype({"location": "category", "kind": "category"}),
        lambda rows: rows.convert_dtypes(dtype_backend="pyarrow"),
        lambda rows: rows.astype({"count": float, "lower": float, "upper": float}),
        lambda rows: rows.assign(date=pd.to_datetime(rows["date"])),
        lambda rows: rows.assign(date=pd.to_datetime(rows["date"]).dt.tz_localize("Asia/Tokyo")),
        lambda rows: pl.from_pandas(rows).with_columns(pl.col("date").str.to_date()),
        lambda rows: pl.from_pandas(rows).with_columns(pl.col("date").str.to_date()).to_arrow(),
        lambda rows: rows.assign(date=rows["date"].map(dt.date.fromisoformat, na_action="ignore")),
        lambda rows: rows.set_index("reference"),
        lambda rows: rows.assign(location="  " + rows["location"] + "\n"),
    ],
)  # fmt: skip
def test_claims_are_the_same_from_every_kind_of_table(coast, convert):
    assert_equal(Claims.from_table(convert(datasets.load("coastal_syria_2025"))), coast)


def test_csv_and_parquet_files_read_as_the_table_does(coast, tmp_path):
    rows = datasets.load("coastal_syria_2025")
    rows.to_csv(tmp_path / "claims.csv", index=False)
    rows.to_csv(tmp_path / "marked.CSV", index=False, encoding="utf-8-sig")
    rows.to_parquet(tmp_path / "claims.parquet")

    for name in ("claims.csv", "marked.CSV", "claims.parquet"):
        assert_equal(Claims.read(tmp_path / name), coast)
    assert_equal(Claims.read(str(tmp_path / "claims.csv")), coast)


def test_a_bad_cell_of_a_file_is_named_as_it_stands_there(tmp_path):
    path = tmp_path / "claims.csv"
    path.write_text("village,source,count\nArden,press,12\nBrook,N/A,many\n", encoding="utf-8")

    with pytest.raises(ClaimsError) as caught:
        Claims.read(path, columns={"location": "village"})

    assert str(caught.value) == (
        "1 of 2 claims cannot be used:\n  row 1 ('N/A' on 'Brook'): count is 'many'; "
        f"a count is a whole number, 0 or more; put words into a column 'wording'.\n{WAY_OUT}"
    )


def test_spaces_around_the_names_of_columns_are_no_part_of_them(tmp_path):
    path = tmp_path / "claims.csv"
    path.write_text("location, source ,count\nArden, press,12\n", encoding="utf-8")

    assert Claims.read(path).sources == ("press",)


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_a_file_of_another_delimiter_is_recognised(tmp_path, delimiter):
    path = tmp_path / "claims.csv"
    path.write_text("location,source\nArden,press\n".replace(",", delimiter), encoding="utf-8")

    with pytest.raises(ClaimsError, match="separated by something else than commas"):
        Claims.read(path)


def test_files_that_cannot_be_read_are_refused(tmp_path):
    (tmp_path / "empty.csv").touch()
    (tmp_path / "ragged.csv").write_text("location,source,count\nA,p,1\nA,p\n", encoding="utf-8")
    (tmp_path / "odd.parquet").write_text("location", encoding="utf-8")

    for name in ("empty.csv", "ragged.csv", "odd.parquet"):
        with pytest.raises(ClaimsError, match=f"'{name}' cannot be read, and nothing of it was: "):
            Claims.read(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        Claims.read(tmp_path / "none.csv")
    with pytest.raises(ValueError, match=r"'claims.ods' ends in none of .csv, .csv.gz, "):
        Claims.read(tmp_path / "claims.ods")
    with pytest.raises(TypeError, match=r"path is a DataFrame; Claims.read takes the path of a"):
        Claims.read(pd.DataFrame())


def test_a_file_in_another_encoding_names_its_line_and_is_read_in_it(tmp_path):
    path = tmp_path / "claims.csv"
    path.write_bytes("location,source,count\nArden,press,3\nÉvian,press,4\n".encode("cp1252"))

    with pytest.raises(ClaimsError, match=r"is not in UTF-8: line 3 has the byte 0xc9"):
        Claims.read(path)
    assert Claims.read(path, encoding="cp1252").locations == ("Arden", "Évian")


def test_rows_that_a_stray_quotation_mark_would_swallow_are_refused(tmp_path):
    path = tmp_path / "claims.csv"
    path.write_text('location,source,count\n"Arden,press,3\nBrook,press,4\n')

    with pytest.raises(ClaimsError, match=r"line 2 has a quotation mark that is never closed"):
        Claims.read(path)


def test_columns_without_a_name_are_ignored_and_two_of_one_name_refused(tmp_path):
    path = tmp_path / "claims.csv"
    path.write_text("location,source,count,,\nArden,press,3,,\n")

    assert Claims.read(path).lower.tolist() == [3]
    path.write_text("location,source,count,count\nArden,press,3,4\n")
    with pytest.raises(ClaimsError, match=r"two columns of 'claims.csv' are called 'count'"):
        Claims.read(path)


@pytest.mark.parametrize(
    "name",
    [
        "قرفيص",
        "<script>alert('x')</script>",
        "x" * 10_000,
        "a,b\"c'd\ne",
        "NaN",
        "{0} %s",
        "e\u0301\u200d\U0001f1f8\U0001f1fe",
    ],
)
def test_names_may_be_anything(name):
    rows = table((name, name, 5, None), ("A", "p", 3, None), (name, "p", 5, name),
                 columns="location source count origin")  # fmt: skip

    claims = Claims.from_table(rows)

    composed = unicodedata.normalize("NFC", name)
    assert claims.locations == (composed, "A")
    assert set(claims.sources) == {composed, "p"}
    assert len(claims.excluded) == 1
    assert len(refusal(table((name, name, -1)))) < 400
    assert refusal(table((name, name, -1))).count("\n") == 2


def test_names_are_the_same_in_every_unicode_form():
    rows = table(("Caf\u00e9", "p", 1), ("Cafe\u0301", "q", 2))

    claims = Claims.from_table(rows, locations=["Cafe\u0301"])

    assert claims.locations == ("Caf\u00e9",)


def test_names_that_differ_by_case_or_white_space_are_refused():
    rows = table(("Arden", "press", 1), ("arden", "Press", 2), ("Long  Ford", "clinic", 3),
                 ("Long Ford", "clinic", 3))  # fmt: skip
    end = (
        "differ only by case, white space or the width of letters; give one spelling, or rename "
        "one."
    )

    assert refusal(rows) == (
        f"'Arden' and 'arden', each a name of location, {end}\n"
        f"'Long  Ford' and 'Long Ford', each a name of location, {end}\n"
        f"'press' and 'Press', each a name of source, {end}"
    )
    assert refusal(rows[:1], locations=["ARDEN"]) == (
        f"'Arden' and 'ARDEN', each a name of location, {end}"
    )


def test_a_nul_in_a_name_hides_no_second_spelling():
    assert Claims.from_table(table(("A\0B", "p", 1), ("A", "p", 2), ("B", "p", 3))).n_claims == 3
    with pytest.raises(
        ClaimsError, match="differ only by case, white space or the width of letters"
    ):
        Claims.from_table(table(("A\0B", "p", 1), ("a\0b", "p", 2)))


def test_a_day_decides_however_far_apart_days_are():
    rows = table(("A", "p", 1, "0001-01-01"), ("A", "p", 2, "9999-12-31"),
                 ("A", "p", 3, "1969-12-31"), columns="location source count date")  # fmt: skip

    claims = Claims.from_table(rows)

    assert claims.lower.tolist() == [2]
    assert claims.as_of("2000-01-01").lower.tolist() == [3]


def test_a_column_of_arrow_in_chunks_is_read_as_one():
    text = pa.chunked_array([["A", None], [" A", "B"], ["B", "C"]])
    words = pa.chunked_array([["p"], ["q", "q", "p", "q", "q"]]).dictionary_encode()
    rows = pa.table({"location": text, "source": words, "count": [1, 2, 3, 4, 5, 6]})
    there = rows.filter(pa.compute.is_valid(rows["location"]))

    assert "row 1 ('q' on ''): the location is blank; name it." in refusal(rows)
    for whole in (there, there.to_pandas(types_mapper=pd.ArrowDtype)):
        claims = Claims.from_table(whole)
        assert claims.locations == ("A", "B", "C")
        assert claims.lower.tolist() == [1, 3, 4, 5, 6]


def test_names_that_are_numbers_are_the_same_with_and_without_blanks():
    whole = pd.DataFrame({"location": [7, 8], "source": ["p", "p"], "count": [1, 2]})

    assert Claims.from_table(whole).locations == ("7", "8")
    assert Claims.from_table(whole.astype({"location": float})).locations == ("7", "8")


@st.composite
def tables(draw):
    """Tables good and bad, of few names so that claims meet."""
    cell = st.one_of(
        st.none(), st.integers(-1, 30), st.sampled_from(["", "7", "dozens", "x", 2.5, True])
    )
    rows = st.fixed_dictionaries(
        {
            "location": st.sampled_from(["A", "B", "C", ""]),
            "source": st.sampled_from(["p", "q", "r", "s"]),
            "count": cell,
            "lower": st.none() | st.integers(0, 30),
            "upper": st.none() | st.integers(0, 30),
            "wording": st.none() | st.sampled_from(["at least 3", "none", "?"]),
            "kind": st.none() | st.sampled_from(KINDS),
            "date": st.none() | st.dates(dt.date(2025, 1, 1), dt.date(2025, 1, 9)),
            "origin": st.none() | st.sampled_from(["p", "q"]),
            "group": st.none() | st.sampled_from(["n", "s"]),
            "cap": st.none() | st.integers(0, 40),
        }
    )
    names = draw(st.sets(st.sampled_from(["kind", "date", "origin", "group", "cap", "wording"])))
    return pd.DataFrame(draw(st.lists(rows, max_size=6))).drop(columns=names, errors="ignore")


@given(tables())
@settings(max_examples=200, deadline=None)
def test_a_table_becomes_claims_or_is_refused(rows):
    try:
        claims = Claims.from_table(rows)
    except ClaimsError:
        return
    assert (claims.lower >= 0).all()
    assert (claims.lower <= claims.upper).all()
    assert (claims.claims_per_location > 0).all()
    assert claims.offsets[-1] == claims.n_claims
    assert len(claims.to_frame()) + len(claims.excluded) == len(rows)
    assert ((claims.verified < 0) | (claims.documented <= claims.verified)).all()
    assert (claims.documented <= claims.cap).all()


def test_importing_claims_loads_no_dataframe_library():
    code = (
        "import sys, tollest.claims.table; "
        "print([m for m in ('pandas', 'pyarrow', 'polars', 'scipy', 'narwhals') "
        "if m in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


# Sources left out.


def test_a_source_left_out_is_in_the_audit_trail_and_takes_its_repeats_along():
    rows = table(("A", "p", 5, None), ("A", "q", 5, "p"), ("A", "r", 6, None), ("B", "p", 7, None),
                 columns="location source count origin")  # fmt: skip

    without = Claims.from_table(rows).without("p")

    assert without.to_frame()[["location", "source"]].to_numpy().tolist() == [["A", "r"]]
    assert without.locations == ("A",)
    assert without.excluded["reason"].tolist() == [
        "left out", "repeats p", "left out",
    ]  # fmt: skip
    assert "2 left out" in repr(without)


def test_leaving_out_and_cutting_by_date_go_together(coast):
    press = coast.sources[0]

    one = coast.without(press).as_of("2025-03-11")
    other = coast.as_of("2025-03-11").without(press)

    assert_equal(one, other)
    assert press not in one.sources


def test_leaving_out_everyone_or_nobody_known_is_refused():
    claims = Claims.from_table(table(("A", "p", 5), columns="location source count"))

    with pytest.raises(ClaimsError, match="no claim is left without the 1 left out"):
        claims.without("p")
    with pytest.raises(ValueError, match="no claim is by 'q'; sources are 'p'"):
        claims.without("q")
    with pytest.raises(ValueError, match="there is no row 1; rows are 0 to 0"):
        claims.without(rows=[1])


def test_single_rows_left_out_leave_their_source_the_others():
    claims = Claims.from_table(
        table(("A", "p", 5), ("A", "q", 6), ("B", "p", 7), columns="location source count")
    )

    without = claims.without(rows=[0])

    assert without.to_frame()["row"].tolist() == [1, 2]
    assert without.sources == ("p", "q")
    assert_equal(without.without("q"), claims.without("q", rows=[0]))


def test_rows_are_left_out_for_a_reason_that_cuts_and_copies_keep():
    claims = Claims.from_table(
        table(("A", "p", 5), ("A", "q", 6), ("B", "p", 7), columns="location source count")
    )

    without = claims.without(rows={0: "graded discounted"}).without("p")

    assert without.excluded["reason"].tolist() == ["graded discounted", "left out"]
    assert copy.copy(without).excluded["reason"].tolist() == ["graded discounted", "left out"]
    assert without.without("p").excluded["reason"].tolist() == ["graded discounted", "left out"]


def test_names_with_braces_are_named_as_they_are():
    rows = [("A", "p", 1, "{north}"), ("A", "q", 2, "{0}")]
    frame = pd.DataFrame(rows, columns=["location", "source", "count", "group"])

    assert "group is '{0}', but '{north}' in row 0" in refusal(frame)


# What is compared with nothing.


def test_two_lists_without_a_common_location_are_remarked_on():
    rows = [("A1", "acled", 3), ("A2", "acled", 5), ("U7", "ucdp", 3), ("U8", "ucdp", 6)]
    apart = Claims.from_table(pd.DataFrame(rows, columns=["location", "source", "count"]))
    shared = Claims.from_table(
        pd.DataFrame([*rows, ("A1", "ucdp", 4)], columns=["location", "source", "count"])
    )
    lone = Claims.from_table(pd.DataFrame(rows[:2], columns=["location", "source", "count"]))

    assert apart.are_apart
    assert "no location has claims of two sources, so that nothing is compared" in repr(apart)
    assert not shared.are_apart
    assert not lone.are_apart
    assert repr(shared) == "Claims: 5 claims by 2 sources (acled, ucdp) on 4 locations"


def test_long_names_of_sources_are_left_out():
    names = ["a" * 60, "b" * 60]
    table = pd.DataFrame({"location": "Arden", "source": names, "count": 3})
    assert repr(Claims.from_table(table)) == "Claims: 2 claims by 2 sources on 1 location"
