"""Data sets load offline, as published, and say where they are from."""

import hashlib
from importlib import resources

import pytest

from tollest import datasets
from tollest.claims.table import Claims

NAMES = datasets.names()


def test_the_data_sets_are_these():
    assert NAMES == (
        "american_civil_war_battles", "coastal_syria_2025", "coastal_syria_2025_later",
        "russian_deaths_ukraine", "ukraine_war_2022", "us_police_killings",
    )  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_data_set_is_what_its_description_says(name):
    about, table = datasets.describe(name), datasets.load(name)

    assert set(about) == {
        "title", "source", "licence", "citation", "n_rows", "sha256", "columns",
    }  # fmt: skip
    assert len(table) == about["n_rows"]
    assert list(table.columns) == list(about["columns"])
    for column, says in about["columns"].items():
        assert str(table[column].dtype) == says["dtype"]
        assert says["meaning"].endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_the_shipped_file_has_unix_line_ends_and_its_checksum(name):
    data = resources.files(datasets).joinpath(f"{name}.csv").read_bytes()

    assert b"\r" not in data
    assert hashlib.sha256(data).hexdigest() == datasets.describe(name)["sha256"]


def test_a_changed_file_is_not_loaded(monkeypatch):
    about = datasets.describe("coastal_syria_2025") | {"sha256": "0" * 64}
    monkeypatch.setattr(datasets, "describe", lambda name: about)

    with pytest.raises(ValueError, match=r"has been changed: its SHA-256 is \w{64}, that of"):
        datasets.load("coastal_syria_2025")


@pytest.mark.parametrize("name", ["coast", "", "../claims", "coastal_syria_2025.csv"])
@pytest.mark.parametrize("function", [datasets.load, datasets.describe])
def test_an_unknown_name_is_told_the_known_ones(function, name):
    with pytest.raises(ValueError, match="there is no data set") as caught:
        function(name)

    assert str(caught.value) == (
        f"there is no data set {name!r}; there are american_civil_war_battles, "
        "coastal_syria_2025, coastal_syria_2025_later, russian_deaths_ukraine, "
        "ukraine_war_2022, us_police_killings"
    )


def test_a_description_is_the_callers_to_change():
    datasets.describe("coastal_syria_2025")["title"] = "mine"

    assert datasets.describe("coastal_syria_2025")["title"] != "mine"


def test_the_claims_of_the_time_are_ready_for_use():
    claims = Claims.from_table(datasets.load("coastal_syria_2025"))

    assert repr(claims) == (
        "Claims: 14 claims by 10 sources on 9 locations, 7 parts of others; "
        "6 more excluded (5 superseded, 1 repeats another source)"
    )


def test_the_later_reckonings_are_on_one_whole():
    table = datasets.load("coastal_syria_2025_later").assign(location="Coast")

    assert Claims.from_table(table).lower.tolist() == [1450, 1426, 1350]


def test_deaths_in_ukraine_have_a_later_count_for_every_date_of_a_claim():
    claims = Claims.from_table(datasets.load("russian_deaths_ukraine"))

    assert repr(claims) == (
        "Claims: 25 claims by 12 sources on 29 locations, with 29 verified tolls; "
        "6 more excluded (6 repeat another source)"
    )
    assert set(claims.excluded["source"]) == {"Mediazona; Meduza"}
    assert claims.groups == ("2022", "2023", "2024", "2025")


def test_claims_on_deaths_in_ukraine_stand_without_the_later_count():
    table = datasets.load("russian_deaths_ukraine")
    independent = table[(table["kind"] != "verified") & table["origin"].isna()]

    claims = Claims.from_table(independent, columns={"source": "family"})

    assert repr(claims) == "Claims: 25 claims by 7 sources on 24 locations"


def test_the_later_count_of_deaths_in_ukraine_grows_within_its_bounds():
    table = datasets.load("russian_deaths_ukraine")
    later = table[table["kind"] == "verified"].sort_values("location")

    assert later["count"].is_monotonic_increasing
    assert (later["series_lower"] < later["count"]).all()
    assert (later["count"] < later["series_upper"]).all()


def test_claims_on_deaths_in_ukraine_date_from_the_week_after_their_location():
    table = datasets.load("russian_deaths_ukraine").dropna(subset="date")
    until = table["location"].str.removeprefix("to ").astype("datetime64[s]")
    days = (table["date"].astype("datetime64[s]") - until).dt.days

    assert (until.dt.day_of_week == 6).all()
    assert days.between(0, 6).all()
    assert (until.dt.year.astype("str") == table["group"]).all()
