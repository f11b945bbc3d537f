"""Data sets load offline, as published, and say where they are from."""

import hashlib
from importlib import resources

import pytest

from tollest import datasets
from tollest.claims import Claims

NAMES = datasets.names()


def test_the_data_sets_are_these():
    assert NAMES == ("coastal_syria_2025", "coastal_syria_2025_later")


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
        f"there is no data set {name!r}; there are coastal_syria_2025, coastal_syria_2025_later"
    )


def test_a_description_is_the_callers_to_change():
    datasets.describe("coastal_syria_2025")["title"] = "mine"

    assert datasets.describe("coastal_syria_2025")["title"] != "mine"


def test_the_claims_of_the_time_are_ready_for_use():
    claims = Claims.from_table(datasets.load("coastal_syria_2025"))

    assert repr(claims) == (
        "Claims: 14 claims by 10 sources on 9 locations; "
        "6 more excluded (5 superseded, 1 repeats another source)"
    )


def test_the_later_reckonings_are_on_one_whole():
    table = datasets.load("coastal_syria_2025_later").assign(location="Coast")

    assert Claims.from_table(table).lower.tolist() == [1450, 1426, 1350]
