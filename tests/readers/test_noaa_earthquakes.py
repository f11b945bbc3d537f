"""A number goes before its code, a code is a range, and totals are of all effects."""

import pytest

from tests.readers.made import NOAA
from tests.readers.test_readers import refusal, said
from tollest import readers
from tollest.claims.table import UNBOUNDED

QUOTED = NOAA.to_csv(index=False, sep="\t", quoting=2)  # marks around text, as it is published


def test_numbers_are_counts_and_codes_alone_what_they_stand_for():
    claims = readers.noaa_earthquakes(NOAA)

    assert said(claims) == [
        ("B, 115, 12, 13", "verbal", 101, 1000), ("C, 1703, 12", "count", 10000, 10000),
        ("D, 1923, 9, 1, 2, 58", "count", 143, 143),
        ("E, 1960, 5, 22, 19, 11", "verbal", 101, 1000),
        ("E, 2004, 12, 26, 0, 58", "count", 227899, 227899),
        ("G, 2004, 12, 26, 0, 59", "count", 0, 0),
        ("H, 2020, 1, 5, 7, 2", "at_least", 51, UNBOUNDED),
    ]  # fmt: skip
    assert claims.excluded[["row", "location", "reason"]].to_numpy().tolist() == [
        [0, "A, -2150", "states no number, which is not 0"]
    ]


def test_those_of_the_shaking_alone_have_columns_of_their_own():
    claims = readers.noaa_earthquakes(NOAA, deaths=readers.Shaking())

    assert [(kind, lower, upper) for _, kind, lower, upper in said(claims)] == [
        ("verbal", 51, 100), ("count", 5000, 5000), ("count", 100, 100),
        ("verbal", 1, 50), ("count", 1001, 1001), ("count", 0, 0), ("verbal", 51, 100),
    ]  # fmt: skip


def test_a_file_is_read_as_it_is_published(tmp_path):
    path = tmp_path / "earthquakes.tsv"
    path.write_text(QUOTED, encoding="utf-8")

    assert said(readers.noaa_earthquakes(path)) == said(readers.noaa_earthquakes(NOAA))
    # Read without the row of search parameters, it is the same.
    assert said(readers.noaa_earthquakes(NOAA.iloc[1:])) == said(readers.noaa_earthquakes(NOAA))


def test_very_many_are_at_least_a_thousand_and_one():
    table = NOAA.copy()
    table.loc[5, "Total Death Description"] = 4

    assert said(readers.noaa_earthquakes(table))[3][1:] == ("at_least", 1001, UNBOUNDED)


def test_days_before_our_era_and_without_a_day_are_not_known():
    claims = readers.noaa_earthquakes(NOAA, date=("Year", "Mo", "Dy"))

    assert [str(day)[:10] for day in claims.record.rows.date] == [
        "NaT", "0115-12-13", "NaT", "1923-09-01", "1960-05-22", "2004-12-26", "2004-12-26",
        "2020-01-05",
    ]  # fmt: skip


@pytest.mark.parametrize("value", [5, -1, "few", 1.5])
def test_a_code_is_one_of_five(value):
    table = NOAA.astype({"Total Death Description": object})
    table.loc[3, "Total Death Description"] = value

    assert f"Total Death Description is {value!r}; it is blank, or a code from 0 to 4" in refusal(
        readers.noaa_earthquakes, table
    )


def test_a_number_that_is_none_is_named_by_its_column():
    table = NOAA.astype({"Total Deaths": object})
    table.loc[3, "Total Deaths"] = "some"

    assert "Total Deaths is 'some'; a count is a whole number, 0 or more" in refusal(
        readers.noaa_earthquakes, table
    )


@pytest.mark.parametrize(("total", "code"), [(99, 4), (None, 0), (None, 1)])
def test_a_total_below_the_deaths_of_the_shaking_is_refused(total, code):
    table = NOAA.copy()
    table.loc[4, ["Total Deaths", "Total Death Description"]] = [total, code]

    message = refusal(readers.noaa_earthquakes, table)

    assert "or fewer, below the 100 of Deaths, which it is to hold; correct one" in message
    assert readers.noaa_earthquakes(table, deaths=readers.Shaking()).n_claims == 7
