"""A disaster without a number of deaths is not one without deaths."""

import pandas as pd

from tests.readers.made import EM_DAT
from tests.readers.test_readers import said
from tollest import readers


def test_a_blank_is_not_reported_and_0_is_a_claim_of_none():
    claims = readers.em_dat(EM_DAT, group="Country", date="Last Update")

    assert said(claims) == [
        ("1999-0388-ARD", "count", 14, 14), ("2004-0659-ARD", "count", 165708, 165708),
        ("2011-0090-BRO", "count", 0, 0),
    ]  # fmt: skip
    assert claims.excluded[["location", "reason"]].to_numpy().tolist() == [
        ["1999-0388-BRO", "states no number, which is not 0"]
    ]
    assert claims.as_of("2023-12-31").locations == ("1999-0388-ARD", "2011-0090-BRO")


def test_the_day_it_began_stands_in_three_columns():
    claims = readers.em_dat(EM_DAT, date=("Start Year", "Start Month", "Start Day"))

    assert [str(day)[:10] for day in claims.record.rows.date] == [
        "1999-08-17", "NaT", "2004-12-26", "NaT",
    ]  # fmt: skip


def test_its_workbook_has_a_sheet_of_data_and_one_of_notes(tmp_path):
    path = tmp_path / "public_emdat.xlsx"
    with pd.ExcelWriter(path) as book:
        EM_DAT.to_excel(book, sheet_name="EM-DAT Data", index=False)
        pd.DataFrame({"Notes": ["made up"]}).to_excel(book, sheet_name="EM-DAT Info", index=False)

    assert said(readers.em_dat(path)) == said(readers.em_dat(EM_DAT))
