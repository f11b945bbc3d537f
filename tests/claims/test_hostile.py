"""Types, names, layouts and arguments that tables of others have: read rightly, or refused."""

from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import tollest as te
from tests.conftest import claims_of, guessed
from tollest.engines import NUTS, FromTrace, NestedLaplace, PyMC

NAMES = {"location": ["Arden", "Brook"], "source": ["press", "clinic"]}


@pytest.mark.parametrize("kind", ["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f4", "f8"])
def test_numbers_of_every_numpy_type_are_read(kind):
    claims = te.Claims.from_table(pd.DataFrame(NAMES | {"count": np.array([3, 0], kind)}))

    assert claims.lower.tolist() == [3, 0]


@pytest.mark.parametrize(
    "kind", ["UInt8", "UInt16", "UInt32", "UInt64", "Int8", "Int64", "Float64"]
)
def test_blanks_beside_numbers_of_every_nullable_type_are_blanks(kind):
    table = pd.DataFrame(NAMES | {"count": pd.array([3, None], kind), "lower": [None, 5]})

    assert te.Claims.from_table(table).lower.tolist() == [3, 5]


@pytest.mark.parametrize(
    "count",
    [pl.Series([3, 0], dtype=kind) for kind in (pl.UInt8, pl.UInt32, pl.UInt64, pl.Int128)]
    + [pl.Series([Decimal(3), Decimal("0.0")]), pl.Series(["3", "0"], dtype=pl.Categorical)],
    ids=lambda series: str(series.dtype),
)
def test_numbers_of_polars_types_are_read(count):
    assert te.Claims.from_table(pl.DataFrame(NAMES | {"count": count})).lower.tolist() == [3, 0]


@pytest.mark.parametrize("kind", [pa.uint8(), pa.uint64(), pa.int16()])
def test_numbers_of_arrow_types_are_read(kind):
    columns = NAMES | {"count": pa.array([3, 0], kind).dictionary_encode()}

    assert te.Claims.from_table(pa.table(columns)).lower.tolist() == [3, 0]


def test_the_largest_unsigned_number_is_refused():
    table = pd.DataFrame(NAMES | {"count": np.array([2**64 - 1, 2], "u8")})

    with pytest.raises(
        te.ClaimsError, match="count is 18446744073709551615, more than all people"
    ):
        te.Claims.from_table(table)


@pytest.mark.parametrize(
    "names",
    [[b"Arden", b"Brook"], [["Arden"], ["Brook"]], [{"name": "Arden"}, {"name": "Brook"}]],
    ids=["bytes", "lists", "structs"],
)
@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame, pa.table])
def test_names_that_are_no_text_are_refused(names, library):
    columns = {"location": names, "source": ["press", "clinic"], "count": [3, 0]}

    with pytest.raises(te.ClaimsError, match=r"row 0 .*: the location is .*; a name is text"):
        te.Claims.from_table(library(columns))


@pytest.mark.parametrize(
    "other",
    ["Deir Hafer\u200f", "Deir\u200b Hafer", "Deir Ha\u00adfer", "\ufeffDeir Hafer",
     "\u202bDeir Hafer\u202c", "Deir Hafer\x00"],
)  # fmt: skip
def test_unseen_marks_make_no_other_place(other):
    claims = claims_of([("Deir Hafer", "press", "count", 9), (other, "clinic", "count", 8)])

    assert claims.locations == ("Deir Hafer",)


def test_names_that_look_alike_are_refused():
    for other in ("\uff21rden", "Ar\u200cden"):
        rows = [("Arden", "press", "count", 9), (other, "clinic", "count", 8)]
        with pytest.raises(te.ClaimsError, match=r"case, white space or the width|look alike"):
            claims_of(rows)
    # Persian joins and parts letters by such a mark.
    assert (
        claims_of([("\u0645\u06cc\u200c\u062e", "press", "count", 9)]).locations[0][2] == "\u200c"
    )


@pytest.mark.parametrize(
    "name", ["\u200b", "\u200c", "\u200d \u200b", "\u3164", "\u2800", "\ufe0f", "NA\u200b"]
)
def test_a_name_of_unseen_marks_is_blank(name):
    with pytest.raises(te.ClaimsError, match="the location is blank; name it"):
        claims_of([(name, "press", "count", 9)])


@pytest.mark.parametrize(
    ("one", "other", "mark"),
    [
        ("Sumy", "Sum\u0443", "U+0443 (cyrillic small letter u)"),
        ("Athens", "\u0391thens", "U+0391 (greek capital letter alpha)"),
        ("Ku\u00efbyshev", "Ku\u0457byshev", "U+00EF"),
        ("Sana'a", "Sana\u2019a", "U+2019"), ("Al-Bab", "Al\u2011Bab", "U+2011"),
        ("\u0639\u0644\u064a", "\u0639\u0644\u06cc", "U+064A"),
        ("\u0643\u0627\u0628\u0644", "\u06a9\u0627\u0628\u0644", "U+0643"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("column", ["location", "source"])
def test_names_with_letters_of_one_shape_are_refused(one, other, mark, column):
    names = {"location": "Arden", "source": "press", "count": 9}
    table = pd.DataFrame([names | {column: one}, names | {column: other}])

    with pytest.raises(te.ClaimsError, match=f"a name of {column}, look alike, but") as caught:
        te.Claims.from_table(table)

    assert mark in str(caught.value)


@pytest.mark.parametrize("mark", ["\u034f", "\ufe0f", "\u2800", "\u200c", "\u200d\u200b "])
def test_marks_without_a_shape_make_no_other_place(mark):
    rows = [("Arden", "press", "count", 9), (f"Arden{mark}", "clinic", "count", 8)]

    assert claims_of(rows).locations == ("Arden",)


def test_half_a_character_in_a_name_is_told():
    table = pd.DataFrame(NAMES | {"count": [3, 0]}).astype(object)
    table.loc[1, "source"] = "cli\ud83dnic"

    with pytest.raises(te.ClaimsError, match=r"the source is 'cli\\ud83dnic', with half a char"):
        te.Claims.from_table(table)


@pytest.mark.parametrize(
    "cell",
    ["3\n120", "1\t200", "1\u2028200", "12  345", "0,123", "0 123", "1 234,567", "1,234 567"],
)  # fmt: skip
@pytest.mark.parametrize("column", ["count", "wording"])
def test_digits_that_are_not_one_number_are_refused(cell, column):
    with pytest.raises(te.ClaimsError, match=r"row 0 \('press' on 'Arden'\)") as caught:
        claims_of([("Arden", "press", cell)], f"location source {column}")

    assert repr(cell) in str(caught.value)


@pytest.mark.parametrize("mark", ["\u200b", "\u00ad", "\u200e", "\ufe0f", "\ud800", "\x00"])
def test_unseen_marks_in_a_wording_are_refused(mark):
    for cell in (f"12{mark}5", f"about 12{mark}"):
        with pytest.raises(te.ClaimsError, match=f"take out the unseen mark U.{ord(mark):04X}"):
            te.Claims.from_table(
                pd.DataFrame({"location": ["A"], "source": ["s"], "wording": [cell]}, dtype=object)
            )


@pytest.mark.parametrize(
    "cell",
    [np.timedelta64(5, "D"), Decimal("1E+999999999"), Decimal("sNaN"), 10**5000, True,
     pd.Timestamp("2025-03-05"), pd.Period("2025"), b"5", [5], np.array([5, 6])],
    ids=lambda cell: type(cell).__name__,
)  # fmt: skip
@pytest.mark.parametrize("column", ["count", "wording", "kind", "date"])
def test_objects_that_state_no_number_are_refused(cell, column):
    columns = {name: [given] for name, given in (("location", "A"), ("source", "s"))}
    table = pd.DataFrame(columns | {"lower": [None], "count": [3]}, dtype=object)
    table = table if column in ("kind", "date") else table.drop(columns="count")
    table[column] = pd.Series([cell], dtype=object)

    if column == "date" and isinstance(cell, pd.Timestamp):
        assert te.Claims.from_table(table).lower.tolist() == [3]
        return
    with pytest.raises(te.ClaimsError, match=rf"{column} is |cannot read"):
        te.Claims.from_table(table)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"columns": ["location"]}, TypeError, "columns is a list; give a mapping"),
        ({"columns": {"group": "count", "cap": "count"}}, te.ClaimsError,
         "columns says that 'group', 'cap' are all the column 'count'"),
        ({"words": None}, TypeError, "words is a NoneType; extend"),
        ({"parents": {"Arden": ["X", "Y"]}}, TypeError, r"parents has \['X', 'Y'\] for a whole"),
    ],
)  # fmt: skip
def test_options_that_cannot_be_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        te.Claims.from_table(pd.DataFrame(NAMES | {"count": [3, 0]}), **options)


@pytest.mark.parametrize("fields", [{"every": True}, {"every": 10**30}, {"stale": "no"}])
def test_totals_to_date_are_chosen_by_numbers_and_flags(fields):
    with pytest.raises(ValueError, match=r"; it is (a whole number|True or False)"):
        te.ToDate(**fields)


def test_months_are_spelled_as_months():
    rows = [("Arden", "press", 3, "12 Sept 2025"), ("Brook", "press", 3, "12 maybe 2025")]
    assert claims_of(rows[:1], "location source count date").to_frame()["date"][0].month == 9
    with pytest.raises(te.ClaimsError, match="date is '12 maybe 2025'"):
        claims_of(rows, "location source count date")


def test_a_location_is_not_called_as_a_period_of_another():
    rows = [("front", "press", 3, "2022-03-06"), ("front, to 2022-03-06", "press", 4, None)]

    with pytest.raises(te.ClaimsError, match="as a period of another is; rename it"):
        claims_of(rows, "location source count to")


def test_columns_that_are_not_asked_for_may_share_a_name(tmp_path):
    path = tmp_path / "claims.csv"
    path.write_text("case,location,source,dead,location\nA,Springfield,press,3,School\n")

    claims = te.Claims.read(path, columns={"location": "case", "count": "dead"})

    assert claims.locations == ("A",)
    with pytest.raises(te.ClaimsError, match="are called 'location'; rename one"):
        te.Claims.read(path, columns={"count": "dead"})


@pytest.mark.parametrize("encoding", ["rot13", "base64", "hex", "undefined", "no such"])
def test_what_is_no_encoding_of_text_is_refused(tmp_path, encoding):
    path = tmp_path / "claims.csv"
    path.write_text("location,source,count\nA,press,3\n")

    with pytest.raises(ValueError, match=f"encoding is '{encoding}'; an encoding is, say"):
        te.Claims.read(path, encoding=encoding)


@pytest.mark.parametrize("name", ["a\0.csv", "x" * 300 + ".csv", "file.csv/claims.csv", "."])
def test_paths_that_lead_nowhere_are_refused(tmp_path, name):
    (tmp_path / "file.csv").write_text("")

    with pytest.raises(
        (FileNotFoundError, ValueError), match=r"NUL|too long|there is no file|ends"
    ):
        te.Claims.read(tmp_path / name)


def summed(*counts):
    rows = [(name, "press", count) for name, count in zip("ABCDEF", counts, strict=False)]
    return claims_of([*rows, ("Totals", "press", sum(counts))], "location source count")


def test_a_row_that_sums_the_others_is_remarked_on():
    claims = summed(3, 9, 30, 4)

    assert claims.summed == ("Totals",)
    assert "counts on 'Totals' are the sums of those on all others" in repr(claims)
    # Of two others a sum may be chance; and somebody else may say another number.
    assert summed(3, 9).summed == ()
    more = claims.to_frame()[["location", "source", "lower"]].rename(columns={"lower": "count"})
    more.loc[len(more)] = ["Totals", "clinic", 40]
    assert te.Claims.from_table(more).summed == ()


@pytest.mark.parametrize(
    ("columns", "odd"),
    [
        ({"govt": [10, 20], "year": [2013, 2014], "injured": [3, 4]}, "'year', 'injured'"),
        ({"govt": [10, 20], "pcode": [101, 102]}, "'pcode'"),
        ({"3/9/20": [18, 0], "3/10/20": [21, 1]}, "'3/9/20', '3/10/20'"),
        ({"low": [2, 3], "best": [4, 5], "high": [9, 9]}, "'low', 'best', 'high'"),
        ({"army": [10, 20], "rebels": [2, 5], "Total": [12, 25]}, "'Total'"),
    ],
)
def test_columns_of_a_wide_table_that_are_no_sources_are_refused(columns, odd):
    table = pd.DataFrame({"event": ["A", "B"]} | columns)

    with pytest.raises(te.ClaimsError, match=f"would all be sources, {odd} among them; say which"):
        te.readers.wide(table, location="event")
    named = list(columns)[:1]
    assert te.readers.wide(table, location="event", sources=named).sources == tuple(named)


def test_a_column_that_sums_the_others_is_no_source():
    table = pd.DataFrame({"event": ["A", "B"], "p": [10, 20], "q": [2, 5], "all": [12, 25]})

    with pytest.raises(te.ClaimsError, match="the column 'all' is the sum of all others"):
        te.readers.wide(table, location="event")


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: NUTS(chains=True), ValueError), (lambda: NUTS(draws=1.5), ValueError),
        (lambda: NestedLaplace(rounds=0), ValueError),
        (lambda: NestedLaplace(rounds="a"), ValueError),
        (lambda: NestedLaplace(otherwise=None), TypeError),
        (lambda: NestedLaplace(otherwise=NUTS), TypeError),
        (lambda: PyMC(draws=0), ValueError), (lambda: PyMC(chains=0), ValueError),
        (lambda: PyMC(target_accept=2), ValueError),
        (lambda: PyMC(target_accept=float("nan")), ValueError),
        (lambda: FromTrace(None), TypeError), (lambda: FromTrace(pd.DataFrame()), TypeError),
        (lambda: te.priors.Priors(sources={5: te.priors.Source()}), TypeError),
    ],
)  # fmt: skip
def test_engines_and_priors_check_their_fields(make, error):
    with pytest.raises(error):
        make()


@pytest.mark.parametrize("rows", [[1.5], [True, False]])
def test_rows_to_leave_out_are_numbers(rows):
    claims = claims_of([("Arden", "press", "count", 9), ("Brook", "press", "count", 8)])

    with pytest.raises(ValueError, match="give the numbers of rows"):
        claims.without(rows=rows)


def test_what_a_formula_raises_is_an_error_of_its_own():
    claims = claims_of([("Arden", "press", "count", 9), ("Brook", "press", "count", 8)])
    table = pd.DataFrame(
        {"location": ["Arden", "Brook"], "people": [3.0, 4.0], "name": ["a", "b"]}
    )

    for formula in ("__import__('os').getpid()", "people +* 2"):
        with pytest.raises(ValueError, match=r"^formula "):
            claims.with_covariates(formula, table)
    with pytest.raises(ValueError, match="the exposure 'name' is no column of numbers"):
        claims.with_covariates("people", table, exposure="name")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"title": 5}, TypeError, "title is 5; it is text"),
        ({"title": " "}, ValueError, "title is blank"),
        ({"title": "\ud83d"}, ValueError, "title is .*half a character"),
        ({"verb": None}, TypeError, "verb is None; it is text"),
        ({"sensitivity": "x"}, TypeError, "sensitivity is 'x'; it is what"),
        ({"audit": "Arden"}, TypeError, "audit is the text 'Arden'; give a list"),
    ],
)
def test_what_a_page_cannot_say_is_refused_before_it_is_written(tmp_path, options, error, message):
    estimate = guessed(claims_of([("Arden", "press", "count", 9)]))

    with pytest.raises(error, match=message):
        te.report.page(estimate, tmp_path / "page.html", **options)
    if "verb" in options:
        with pytest.raises(error, match=message):
            te.report.sentence(estimate, **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("write", [te.report.sentence, te.report.table, te.report.baselines])
def test_reports_are_of_estimates(write):
    with pytest.raises(TypeError, match=r"estimate is None; it is what tollest\.estimate gives"):
        write(None)


def test_more_imputations_than_tell_anything_are_refused():
    estimate = guessed(claims_of([("Arden", "press", "count", 9)]))

    with pytest.raises(ValueError, match="m is 1000000000; of 100,000 imputations more tell"):
        estimate.imputations(10**9)


def test_half_a_character_is_no_part_of_arguments():
    claims = claims_of([("Arden", "press", "count", 9), ("Brook", "press", "count", 8)])
    table = claims.to_frame()

    for options in ({"locations": ["Cor\ud83dley"]}, {"parents": {"Arden": "Coast\ud83d"}}):
        with pytest.raises(te.ClaimsError, match="has half a character in it"):
            te.Claims.from_table(table, **options)
    with pytest.raises(ValueError, match="the reason of row 0 has half a character"):
        claims.without(rows={0: "not \ud83d"})
    with pytest.raises(FileNotFoundError, match="has half a character in it; no file has"):
        te.Claims.read("claims\ud83d.csv")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16-le"])
def test_stray_marks_hide_no_rows_in_any_encoding(tmp_path, encoding):
    path = tmp_path / "claims.csv"
    rows = ['"Arden"', "press", "5"], ['Bro"ok', "press", "7"], ["Corley", 'pr"ess', "9"]
    text = "\n".join(map(",".join, [["location", "source", "count"], *rows]))
    path.write_bytes(text.encode(encoding))

    with pytest.raises(te.ClaimsError, match="line 3 has a quotation mark within a cell"):
        te.Claims.read(path, encoding=encoding)
    path.write_bytes("\n".join(text.splitlines()[:2]).encode(encoding))
    assert te.Claims.read(path, encoding=encoding).locations == ("Arden",)


def test_a_lower_bound_of_nothing_is_read_back():
    claims = claims_of([("Arden", "press", 0), ("Brook", "press", 4)], "location source lower")

    again = te.Claims.from_table(claims.to_frame())

    assert again.kind.tolist() == claims.kind.tolist() == [1, 2]
    assert (again.upper == te.claims.UNBOUNDED).all()
    with pytest.raises(te.ClaimsError, match="kind is 'range', which needs lower and upper"):
        claims_of([("Arden", "press", "range", 3)], "location source kind lower")


@pytest.mark.parametrize("column", ["location", "count", "wording", "kind", "date"])
def test_cells_that_arrow_does_not_know_are_read_one_by_one(column):
    columns = {"location": ["A"], "source": ["s"], "lower": [3], column: [complex("nan")]}
    table = pd.DataFrame({name: pd.Series(c, dtype=object) for name, c in columns.items()})

    with pytest.raises(te.ClaimsError, match=r"row 0 |location is"):
        te.Claims.from_table(table if column != "wording" else table.drop(columns="lower"))


def test_a_number_with_a_plus_before_it_may_be_a_rise():
    with pytest.raises(te.ClaimsError, match=r"count is '\+5'; .*; take the sign off, unless it"):
        claims_of([("Arden", "press", "+5")], "location source count")
