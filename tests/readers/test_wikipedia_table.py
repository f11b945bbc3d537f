"""Notes and keys are taken off where they cannot be part of a number, and nowhere else."""

import functools

import pandas as pd
import pytest

from tests.readers.made import PAGE
from tests.readers.test_readers import refusal, said
from tollest import readers
from tollest.claims.table import UNBOUNDED

read = functools.partial(readers.wikipedia_table, location="Attack", deaths="Deaths")
READABLE = PAGE.drop(index=4)
SPADE, DAGGER = "\u2660", "\u2020"


def cells(*texts):
    return pd.DataFrame({"Attack": [f"A{i}" for i in range(len(texts))], "Deaths": texts})


def test_a_page_is_read_without_its_notes_keys_and_dashes():
    claims = read(READABLE, date="Date")

    assert said(claims) == [
        ("Arden", "count", 12, 12), ("Brook", "at_least", 30, UNBOUNDED),
        ("Corley", "count", 1383, 1383), ("Fen", "range", 40, 50), ("Glen", "verbal", 24, 99),
        ("Holm", "count", 0, 0),
    ]  # fmt: skip
    assert claims.excluded[["row", "location", "reason"]].to_numpy().tolist() == [
        [3, "Dale", "states no number, which is not 0"]
    ]
    assert claims.as_of("2025-03-03").locations == ("Arden",)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("12[3]", 12), ("12[a]", 12), ("12 [a]", 12), ("12[3][4]", 12), ("12[nb 2]", 12),
        ("12[citation needed]", 12), ("12[n 1]", 12), (f"7001120000000000000{SPADE}12", 12),
        (f"12{DAGGER}", 12), ("12*", 12), ("12 killed[7]", 12), ("\u00a012 ", 12), (12.0, 12),
        ("1,383[12]", 1383), ("12<br>", 12),
    ],
)  # fmt: skip
def test_what_cannot_be_part_of_a_number_is_taken_off(text, count):
    assert said(read(cells(text, "5")))[0] == ("A0", "count", count, count)


@pytest.mark.parametrize(
    "text",
    ["[62]", "12 [30]", "[3]12", "26a", "12 (7 civilians)", "1.383", "12[30]5", "12\u00b9",
     f"{SPADE}12", "12 [30 injured]", "12[1234]", "12 killed, 30 injured",
     "1[2] 383", "(7 civilians)"],
)  # fmt: skip
def test_what_may_be_part_of_a_number_is_refused(text):
    assert "row 0 ('Wikipedia' on 'A0'): the cell is " in refusal(read, cells(text, "5"))


@pytest.mark.parametrize("text", ["\u2013", "\u2014", "-", "?", "N/A", "Unknown[3]", "", None])
def test_what_is_not_known_is_not_0(text):
    claims = read(cells(text, "5"))

    assert claims.locations == ("A1",)
    assert claims.excluded["location"].tolist() == ["A0"]
    assert read(cells(text, "5"), unknown=readers.Silent()).locations == ("A1", "A0")


def test_several_lines_are_refused_spanned_or_claims_of_their_own():
    assert refusal(read, PAGE) == (
        "1 of 8 claims cannot be used:\n"
        "  row 4 ('Wikipedia' on 'Elm'): the cell is '12\\n14[5]', which has several lines; keep "
        "one, or say several=te.readers.EachLine() for a claim of each, or te.readers.Span() to "
        "allow all from the least to the most."
    )
    assert ("Elm", "range", 12, 14) in said(read(PAGE, several=readers.Span()))
    frame = read(PAGE, several=readers.EachLine()).to_frame()
    elm = frame[frame["location"] == "Elm"]
    assert elm[["row", "source", "lower"]].to_numpy().tolist() == [
        [4, "Wikipedia, line 1", 12], [8, "Wikipedia, line 2", 14],
    ]  # fmt: skip


@pytest.mark.parametrize("several", [readers.Span(), readers.EachLine()])
def test_a_line_that_cannot_be_read_is_named_with_its_cell(several):
    message = refusal(read, cells("12<br/>7 wounded", "12<br/>(7 civilians)"), several=several)

    assert "the cell is '7 wounded'; " in message
    assert "(of '12<br/>7 wounded')" in message
    assert "the cell is '12<br/>(7 civilians)', with a line in brackets" in message


def test_spans_with_an_open_line_have_no_end():
    claims = read(cells("12<br>at least 30", "5"), several=readers.Span())

    assert said(claims)[0] == ("A0", "at_least", 12, UNBOUNDED)


def test_names_that_are_one_without_their_notes_are_refused():
    table = cells("12", "5").assign(Attack=["Arden[1]", "Arden[2]"])

    assert "'Arden' is in row 0 and again in row 1" in refusal(read, table)
