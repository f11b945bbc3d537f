"""Workbooks are read as they stand, and what nobody can tell of them is refused."""

import datetime as dt
import sys

import openpyxl
import pandas as pd
import pytest

import tollest as te
from tollest import readers
from tollest.claims import excel

HEAD = ["location", "source", "count", "wording", "date"]
ROWS = [
    ["Arden", "press", 12.0, None, dt.datetime(2025, 3, 1)],
    ["Arden", "clinic", None, "at least 3", "2 March 2025"],
    [7.0, "press", "1,383", None, dt.datetime(2025, 3, 2, 14, 30)],
]


def workbook(path, **sheets):
    """Write sheets, each a list of rows."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        tab = book.create_sheet(name)
        for row in rows:
            tab.append(row)
    book.save(path)
    return path


def refusal(path, **arguments):
    with pytest.raises(te.ClaimsError) as caught:
        te.Claims.read(path, **arguments)
    return str(caught.value)


def test_a_workbook_is_read_as_the_table_it_shows(tmp_path):
    claims = te.Claims.read(workbook(tmp_path / "claims.xlsx", Data=[HEAD, *ROWS]))

    frame = claims.to_frame()
    assert frame["location"].tolist() == ["Arden", "Arden", "7"]
    assert frame["lower"].tolist() == [12, 3, 1383]
    assert [str(day) for day in frame["date"]] == [
        "2025-03-01 00:00:00", "2025-03-02 00:00:00", "2025-03-02 14:30:00",
    ]  # fmt: skip


def test_whole_numbers_are_counts_though_a_workbook_has_floats_alone(tmp_path):
    path = workbook(
        tmp_path / "t.xlsx", A=[HEAD[:3], ["Arden", "press", 3.0], ["B", "press", 2.5]]
    )

    assert "count is 2.5; a count is a whole number, 0 or more; where one toll" in refusal(path)


def test_ranges_that_have_become_dates_are_refused_with_a_way_out(tmp_path):
    rows = [
        ["Arden", "press", dt.datetime(2025, 12, 10), None],
        ["Brook", "press", None, dt.datetime(2025, 9, 1)],
        ["Corley", "press", "10-Dec", None],
        ["Dale", "press", 4, None],
    ]
    path = workbook(tmp_path / "mangled.xlsx", A=[HEAD[:4], *rows])

    assert refusal(path).splitlines()[:4] == [
        "3 of 4 claims cannot be used:",
        "  row 0 ('press' on 'Arden'): count is the date 2025-12-10, and no number; spreadsheets "
        "make dates of ranges: where '10-12' was meant, give a lower of 10 and an upper of 12, or "
        "that text as a wording.",
        "  row 1 ('press' on 'Brook'): wording is the date 2025-09-01, and no number; "
        "spreadsheets make dates of ranges: where '1-9' was meant, give a lower of 1 and an upper "
        "of 9, or that text as a wording.",
        "  row 2 ('press' on 'Corley'): count is '10-Dec'; a count is a whole number, 0 or more; "
        "if a spreadsheet has made it of a range, give lower and upper.",
    ]
    mended = [[*HEAD[:4], "lower", "upper"], ["Arden", "press", None, None, 10, 12],
              ["Brook", "press", None, "1-9", None, None], rows[3]]  # fmt: skip
    claims = te.Claims.read(workbook(tmp_path / "mended.xlsx", A=mended))
    assert claims.lower.tolist() == [10, 1, 4]


@pytest.mark.parametrize("zone", [None, "Asia/Damascus"])
@pytest.mark.parametrize("kind", ["as it is", "object"])
def test_dates_are_no_numbers_in_dataframes_either(kind, zone):
    day = pd.Series(pd.to_datetime(["2025-09-01"])).dt.tz_localize(zone)
    table = pd.DataFrame(
        {"village": ["Arden"], "press": day.astype(kind) if kind == "object" else day}
    )

    with pytest.raises(te.ClaimsError, match="the cell is the date 2025-09-01, and no number"):
        readers.wide(table, location="village", sources=["press"])


def test_of_several_sheets_with_rows_one_is_named(tmp_path):
    path = workbook(tmp_path / "t.xlsx", Data=[HEAD, *ROWS], Notes=[["Compiled"]], Empty=[])

    assert refusal(path) == (
        "'t.xlsx' has several sheets with rows: 'Data', 'Notes'; say which: sheet='Data'."
    )
    assert refusal(path, sheet="data") == (
        "'t.xlsx' has no sheet 'data'; its sheets are 'Data', 'Notes', 'Empty'."
    )
    assert refusal(path, sheet="Empty") == "'t.xlsx' has no rows in the sheet 'Empty'."
    assert te.Claims.read(path, sheet="Data").n_claims == 3
    assert readers.wide(
        path, sheet="Data", location="location", sources=["count"], date="date"
    ).locations == ("Arden", "7")


def test_a_sheet_is_one_of_a_workbook(tmp_path):
    table = pd.DataFrame(ROWS, columns=HEAD)
    table.to_csv(tmp_path / "t.csv")

    with pytest.raises(ValueError, match=r"sheet is 'A', but 't.csv' has no sheets; leave it out"):
        te.Claims.read(tmp_path / "t.csv", sheet="A")
    with pytest.raises(ValueError, match="sheet is 'A', but a DataFrame has no sheets"):
        readers.wide(table, location="location", sheet="A")


def test_cells_whose_value_nobody_can_tell_are_refused_together(tmp_path):
    path = workbook(tmp_path / "t.xlsx", A=[HEAD[:3], ["Arden", "press", "=1+1"]])
    book = openpyxl.load_workbook(path)
    tab = book["A"]
    tab.append(["Brook", "press", "#REF!"])
    tab["C3"].data_type = "e"
    tab.append(["Corley", "press", 5])
    tab.append(["Dale", "press", None])
    tab.merge_cells("C4:C5")
    tab["E2"] = "=2+2"  # in a column that is not read
    book.save(path)

    assert refusal(path) == (
        "the sheet 'A' of 't.xlsx' has cells whose value nobody can tell: C3 is the error #REF!; "
        "C2 is a formula without a value; C4:C5 is merged into one cell. Write into each cell "
        "what it says; a workbook that a program made is to be saved by Excel once, which "
        "computes its formulas."
    )


@pytest.mark.parametrize("block", [1 << 24, 100])
def test_formulas_are_found_wherever_a_block_ends(tmp_path, monkeypatch, block):
    monkeypatch.setattr(excel, "_BLOCK", block)
    plain = workbook(tmp_path / "plain.xlsx", A=[HEAD, *ROWS])
    formula = workbook(tmp_path / "formula.xlsx", A=[HEAD, *ROWS, ["E", "press", "=1+1"]])

    assert not excel._is_elaborate(plain)
    assert excel._is_elaborate(formula)


def test_rows_above_the_names_of_columns_may_be_empty_and_columns_unnamed(tmp_path):
    rows = [[], [], [None, *HEAD], *([None, *row] for row in ROWS), [" "], []]

    claims = te.Claims.read(workbook(tmp_path / "t.xlsx", A=rows))

    assert claims.n_claims == 3


@pytest.mark.parametrize("content", [b"", b"no workbook", "cut short"])
def test_what_is_no_workbook_is_refused(tmp_path, content):
    path = tmp_path / "t.xlsx"
    if content == "cut short":
        whole = workbook(path, A=[HEAD, *ROWS]).read_bytes()
        content = whole[: len(whole) // 2]
    path.write_bytes(content)

    assert refusal(path).startswith("'t.xlsx' cannot be read, and nothing of it was: ")


def test_a_workbook_without_rows_is_refused(tmp_path):
    assert refusal(workbook(tmp_path / "t.xlsx", A=[], B=[])) == "'t.xlsx' has no rows."
    assert "the table is empty" in refusal(workbook(tmp_path / "u.xlsx", A=[HEAD]))


def test_without_openpyxl_its_extra_is_named(tmp_path, monkeypatch):
    path = workbook(tmp_path / "t.xlsx", A=[HEAD, *ROWS])
    monkeypatch.setitem(sys.modules, "openpyxl", None)

    with pytest.raises(ModuleNotFoundError, match=r'pip install "tollest\[excel\]"'):
        te.Claims.read(path)
