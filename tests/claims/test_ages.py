"""Times of day, onsets, and the ages of claims that follow from them."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

import tollest as te
from tests.conftest import claims_of

COLUMNS = "location source count date"


def test_ages_are_days_from_the_onset():
    rows = [
        ("Arden", "press", 3, "2025-03-06 18:00"), ("Arden", "clinic", 5, "2025-03-08"),
        ("Arden", "staff", 6, None), ("Brook", "press", 9, "2025-03-09"),
    ]  # fmt: skip
    claims = claims_of(rows, COLUMNS, onsets={"Arden": "2025-03-06 06:00"})

    # Sources in their order; a day without a time is its noon.
    assert claims.sources == ("clinic", "press", "staff")
    assert claims.age.tolist() == [2.25, 0.5, np.inf, np.inf]
    assert claims.onset[0] == np.datetime64("2025-03-06T06:00")
    assert np.isnat(claims.onset[1])
    assert claims.has_ages


def test_an_onset_is_a_column_or_a_mapping():
    rows = [("Arden", "press", 3, "2025-03-07", "2025-03-06 06:00"),
            ("Arden", "clinic", 4, "2025-03-07", None),
            ("Brook", "press", 9, "2025-03-09", None)]  # fmt: skip
    by_column = claims_of(rows, f"{COLUMNS} onset")
    by_mapping = claims_of(
        [row[:4] for row in rows], COLUMNS, onsets={"Arden": dt.datetime(2025, 3, 6, 6)}
    )

    assert_array_equal(by_column.age, by_mapping.age)
    assert_array_equal(by_column.onset, by_mapping.onset)


@pytest.mark.parametrize("date", ["2025-03-06", "2025-03-06 05:00"])
def test_a_day_without_a_time_is_never_before_its_onset(date):
    onset = "2025-03-06 18:00" if len(date) == 10 else "2025-03-06"
    claims = claims_of([("Arden", "press", 3, date)], COLUMNS, onsets={"Arden": onset})

    assert claims.age.tolist() == [0.0]


@pytest.mark.parametrize(
    ("date", "onset"),
    [("2025-03-05", "2025-03-06"), ("2025-03-06 05:00", "2025-03-06 06:00")],
)
def test_a_claim_before_its_onset_is_refused(date, onset):
    message = (
        f"row 0 ('press' on 'Arden'): is dated {date}, before the onset {onset}; "
        "correct one of them (both are in one time zone), or leave the onset blank"
    )

    with pytest.raises(te.ClaimsError) as caught:
        claims_of([("Arden", "press", 3, date)], COLUMNS, onsets={"Arden": onset})

    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("onsets", "error", "message"),
    [
        ({"Brook": "2025-03-06"}, te.ClaimsError, "onsets names 'Brook', on which the table has"),
        ({"Arden": "yesterday"}, te.ClaimsError, "onset of 'Arden' is 'yesterday'; a date is a"),
        ("2025-03-06", TypeError, "onsets is a str; give a mapping of each location"),
    ],
)
def test_onsets_that_cannot_be_are_refused(onsets, error, message):
    with pytest.raises(error, match=message):
        claims_of([("Arden", "press", 3, "2025-03-07")], COLUMNS, onsets=onsets)


def test_two_onsets_of_a_location_are_refused():
    rows = [("Arden", "press", 3, "2025-03-07", "2025-03-06"),
            ("Arden", "clinic", 4, "2025-03-07", "2025-03-06 14:00")]  # fmt: skip

    with pytest.raises(te.ClaimsError) as caught:
        claims_of(rows, f"{COLUMNS} onset")

    assert "onset is 2025-03-06 14:00, but 2025-03-06 in row 0; it began" in str(caught.value)


def test_of_two_bulletins_of_a_day_the_later_stands():
    rows = [("Arden", "press", 3, "2025-03-06 18:00"), ("Arden", "press", 2, "2025-03-06 09:00")]
    claims = claims_of(rows, COLUMNS)

    assert claims.lower.tolist() == [3]
    assert claims.excluded["reason"].tolist() == [
        "superseded by the claim of 2025-03-06 18:00 (row 0)"
    ]
    with pytest.raises(te.ClaimsError, match="of the same day; give both their time"):
        claims_of([(*row[:3], "2025-03-06") for row in rows], COLUMNS)


def test_claims_are_cut_by_a_time_of_day():
    rows = [("Arden", "press", 2, "2025-03-06 09:00"), ("Arden", "clinic", 4, "2025-03-06"),
            ("Arden", "staff", 5, "2025-03-06 18:00")]  # fmt: skip
    claims = claims_of(rows, COLUMNS)

    # Of a day without a time a claim is known from noon.
    assert claims.as_of("2025-03-06 10:00").lower.tolist() == [2]
    assert claims.as_of(dt.datetime(2025, 3, 6, 13)).lower.tolist() == [4, 2]
    assert claims.as_of("2025-03-06").lower.tolist() == [4, 2, 5]
    cut = claims.as_of("2025-03-06 10:00")
    assert cut.as_of("2025-03-06").lower.tolist() == [2]
    assert claims.as_of("2025-03-06").as_of("2025-03-06 10:00").lower.tolist() == [2]
    assert "dated 2025-03-06 18:00, after 2025-03-06 10:00" in cut.excluded["reason"].tolist()


def test_a_frame_of_claims_with_onsets_is_read_back():
    rows = [("Arden", "press", 3, "2025-03-06 18:00"), ("Brook", "press", 9, "2025-03-09")]
    claims = claims_of(rows, COLUMNS, onsets={"Arden": "2025-03-06 06:00"})
    frame = claims.to_frame()

    again = te.Claims.from_table(frame)

    assert frame["date"].tolist() == [pd.Timestamp("2025-03-06 18:00"), pd.Timestamp("2025-03-09")]
    assert_array_equal(again.age, claims.age)
    assert_array_equal(again.onset, claims.onset)


def test_estimates_as_of_times_of_day(monkeypatch):
    rows = [("Arden", "press", 2, "2025-03-06 09:00"), ("Arden", "press", 9, "2025-03-06 18:00")]
    claims = claims_of(rows, COLUMNS, onsets={"Arden": "2025-03-06 06:00"})

    by_time = te.as_of(claims, ["2025-03-06 12:00", "2025-03-06"], rng=1, progress=False)

    assert list(by_time) == [dt.date(2025, 3, 6), dt.datetime(2025, 3, 6, 12)]
    first = by_time[dt.datetime(2025, 3, 6, 12)]
    assert first.claims.lower.tolist() == [2]
    # A nowcast: more than what was counted by then.
    assert first.table()["median"].iloc[0] > 2
