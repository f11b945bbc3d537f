"""Victims and suspects are counted apart, and it is the analyst's to say who counts."""

import pytest

from tests.readers.made import GVA
from tests.readers.test_readers import refusal, said
from tollest import readers
from tollest.claims.table import UNBOUNDED

VICTIMS, SUSPECTS = "# Victims Killed", "# Subjects-Suspects Killed"


def test_everyone_is_the_sum_of_victims_and_suspects():
    claims = readers.gun_violence_archive(GVA, group="State", date="Incident Date")

    assert said(claims) == [
        ("2791001", "count", 5, 5), ("2791002", "count", 0, 0),
        ("2791003", "at_least", 2, UNBOUNDED),
    ]  # fmt: skip
    assert claims.excluded["location"].tolist() == ["2791004"]
    assert claims.as_of("2024-01-05").locations == ("2791001", "2791002")


def test_or_victims_are_counted_alone():
    claims = readers.gun_violence_archive(GVA.drop(columns=SUSPECTS), dead=readers.Victims())

    assert [count for _, _, count, _ in said(claims)] == [4, 0, 2]


def test_earlier_exports_have_one_number_of_everyone():
    earlier = GVA.drop(columns=[SUSPECTS]).rename(columns={VICTIMS: "# Killed"})

    assert [n for _, _, n, _ in said(readers.gun_violence_archive(earlier))] == [4, 0, 2]
    assert refusal(readers.gun_violence_archive, earlier, dead=readers.Victims()).startswith(
        "the table has no column '# Victims Killed', which dead=te.readers.Victims() needs."
    )


@pytest.mark.parametrize("missing", [[SUSPECTS], [VICTIMS], [VICTIMS, SUSPECTS]])
def test_everyone_needs_both_numbers_or_that_of_all(missing):
    assert refusal(readers.gun_violence_archive, GVA.drop(columns=missing)).startswith(
        "the table has no columns '# Victims Killed' and '# Subjects-Suspects Killed', and no "
        "'# Killed', which dead=te.readers.Everyone() needs."
    )
