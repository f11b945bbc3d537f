"""Tables that nobody thought of: each is read exactly, or refused by an error that names the cell.

A short run belongs to the tests; the long one, of 10,000 examples each, is marked slow.
"""

import json
import re

import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

import tollest as te
from tests import strategies
from tollest.claims.problems import shown
from tollest.wording import UNBOUNDED, parse

# Of a run in reduced form the first.
EXAMPLES = [
    pytest.param(100, id="short"),
    pytest.param(10_000, id="long", marks=pytest.mark.slow),
]
LONG_OR_SHORT = pytest.mark.parametrize("n_examples", EXAMPLES)


def holds(n_examples, claim, *given_by):
    """Try a claim on so many examples, the same each time."""
    trying = settings(
        max_examples=n_examples, derandomize=True, deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    trying(given(*given_by)(claim))()


def fuzzed(test):
    """Mark a test of examples, short and long."""
    return pytest.mark.grid(LONG_OR_SHORT(test))


def one_cell(column, cell, **others):
    columns = {"location": "Arden", "source": "press", column: cell} | others
    return pd.DataFrame({name: pd.Series([c], dtype=object) for name, c in columns.items()})


def read_cell(column, cell):
    """Kind and interval of a cell, or the message of the one error there may be."""
    try:
        rows = te.Claims.from_table(one_cell(column, cell)).record.rows
    except te.ClaimsError as error:
        return str(error)
    return te.claims.KINDS[rows.kind[0]], int(rows.lower[0]), int(rows.upper[0])


def told(claims):
    """All that claims say, whatever the order of rows and columns."""
    frame = claims.to_frame().drop(columns="row")
    rows = [tuple(map(str, row)) for row in frame.itertuples(index=False)]
    return sorted(frame.columns), sorted(rows), sorted(claims.locations), claims.sources


def outcome(read, *arguments, **options):
    """What claims say, or what is wrong with them but for the numbers of rows."""
    try:
        return told(read(*arguments, **options))
    except te.ClaimsError as error:
        return sorted({problem.message for problem in error.problems})


@fuzzed
def test_a_wording_is_what_it_was_built_from(n_examples):
    def is_read(said):
        assert parse(said.text) == said[1:]

    holds(n_examples, is_read, strategies.wordings())


@fuzzed
def test_a_number_in_digits_is_what_it_was_built_from(n_examples):
    def is_read(pair, column, end):
        text, n = pair
        lower = 0 if column == "upper" else n
        assert read_cell(column, text + end)[1:] == (lower, UNBOUNDED if column == "lower" else n)

    ends = st.sampled_from(["", " ", ".", ".0"])
    columns = st.sampled_from(["count", "lower", "upper"])
    holds(n_examples, is_read, strategies.digits(), columns, ends)


@fuzzed
def test_a_number_with_a_note_is_refused(n_examples):
    def is_refused(text, column):
        said = read_cell(column, text)
        assert isinstance(said, str), said
        assert "row 0 ('press' on 'Arden')" in said
        assert shown(text)[:60] in said

    columns = st.sampled_from(["count", "lower", "upper", "wording"])
    holds(n_examples, is_refused, strategies.spoiled(), columns)


UNITS = (1, 12, 100, 1_000, 100_000, 10**6, 10**9)


def explained(text):
    """Numbers that a text with digits can state: its own, and of its units."""
    plain = re.sub("[\u066c,]", ",", text)
    runs = re.findall(r"\d+(?:[, \u00a0\u2009\u202f\u2007\u3000]\d+)*", plain)
    found = {int(re.sub(r"\D", "", run)) for run in runs} | {1, 6}
    found |= {int(run) for run in re.findall(r"\d+", plain)}
    tenths = re.findall(r"\d*\.\d+", plain)
    scaled = {int(float(tenth) * unit + 0.5) for tenth in tenths for unit in UNITS}
    return {n * unit for n in found for unit in UNITS} | scaled


@fuzzed
def test_no_number_is_read_that_is_not_in_the_cell(n_examples):
    def is_explained(text, column):
        said = read_cell(column, text)
        if isinstance(said, str):
            assert "row 0 ('press' on 'Arden')" in said
            return
        _, lower, upper = said
        numbers = explained(text)
        near = {m for n in numbers for m in (n, n + 1, n - 1)} | {0, UNBOUNDED}
        near |= {m for n in numbers for h in [strategies.half_unit(n)] for m in (n - h, n + h)}
        words = {bound for n in UNITS for bound in (3 * n, 10 * n - 1)}  # several, of units
        assert {lower, upper} <= near | words, (lower, upper)

    columns = st.sampled_from(["count", "lower", "upper", "wording"])
    holds(n_examples, is_explained, strategies.JUNK, columns)


@fuzzed
def test_any_object_is_a_claim_or_one_error(n_examples):
    def is_told(column, cell):
        columns = {"location": "Arden", "source": "press", "count": 3} | {column: cell}
        table = pd.DataFrame({k: pd.Series([v], dtype=object) for k, v in columns.items()})
        first = outcome(te.Claims.from_table, table)
        assert first == outcome(te.Claims.from_table, table)

    columns = st.sampled_from([
        "location", "source", "count", "lower", "upper", "wording", "kind", "date", "onset",
        "origin", "group", "side", "cap", "parent", "period", "from", "to",
    ])  # fmt: skip
    cells = st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.complex_numbers(), st.text(),
        st.binary(), st.decimals(), st.fractions(), st.dates(), st.datetimes(), st.times(),
        st.timedeltas(), st.lists(st.integers(), max_size=2), st.characters(categories=["Cs"]),
        st.sampled_from([pd.NaT, pd.NA, pd.Interval(1, 2), pd.Period("2025"), object]),
        st.dates().map(str), st.text("0123456789-/W. T:", max_size=24),
    )  # fmt: skip
    holds(n_examples, is_told, columns, cells)


@fuzzed
def test_names_equal_to_the_eye_are_one_or_refused(n_examples):
    def are_one(pair, column):
        names = {"location": ["A", "B"], "source": ["p", "q"], "count": [3, 4]} | {column: pair}
        table = pd.DataFrame({k: pd.Series(v, dtype=object) for k, v in names.items()})
        said = outcome(te.Claims.from_table, table)
        if isinstance(said, list):
            assert all(f"a name of {column}" in p or f"the {column} is" in p for p in said)
        else:
            assert len(said[2] if column == "location" else said[3]) == 1

    pairs = strategies.names().flatmap(
        lambda name: st.tuples(strategies.disguises(name), strategies.disguises(name))
    )
    holds(n_examples, are_one, pairs, st.sampled_from(["location", "source"]))


@fuzzed
def test_names_that_differ_to_the_eye_stay_apart(n_examples):
    def stay(pair):
        one, other = pair
        assume(one != other)
        table = pd.DataFrame({"location": [one, other], "source": ["p", "q"], "count": [3, 4]})
        assert te.Claims.from_table(table).locations == pair

    names = st.text(
        "bdfglnqruvw\u0431\u0433\u0434\u05d0\u0628\u0645\ud55c", min_size=1, max_size=4
    )
    holds(n_examples, stay, st.tuples(names, names))


@fuzzed
def test_no_library_and_no_type_of_column_changes_claims(n_examples):
    def are_the_same(data):
        rows = data.draw(strategies.tables())
        plain = outcome(te.Claims.from_table, strategies.object_frame(rows))
        assert plain == outcome(te.Claims.from_table, data.draw(strategies.frames(rows)))

    holds(n_examples, are_the_same, st.data())


@fuzzed
def test_no_order_of_rows_changes_claims_and_reading_twice_is_the_same(n_examples):
    def are_the_same(data):
        rows = data.draw(strategies.tables(strategies.ODD_NAMES))
        table = strategies.object_frame(rows)
        first = outcome(te.Claims.from_table, table)
        assert first == outcome(te.Claims.from_table, table)
        order = data.draw(st.permutations(range(len(rows))))
        shuffled = outcome(te.Claims.from_table, table.iloc[list(order)])
        # Of names that look alike another one may come first.
        assert shuffled == first or "look" in str(first) or "case" in str(first)

    holds(n_examples, are_the_same, st.data())


@fuzzed
def test_claims_written_and_read_again_are_the_same(n_examples, tmp_path):
    def are_the_same(rows, kind):
        try:
            claims = te.Claims.from_table(strategies.object_frame(rows))
        except te.ClaimsError:
            return
        frame, path = claims.to_frame().drop(columns="row"), tmp_path / f"claims.{kind}"
        if kind == "frame":
            again = te.Claims.from_table(frame)
        elif kind == "json":
            records = json.loads(frame.to_json(orient="records", date_format="iso"))
            again = te.Claims.from_table(pd.DataFrame(records))
        elif kind == "parquet":
            frame.to_parquet(path)
            assert parquet.read_table(path).num_rows == len(frame)
            again = te.Claims.read(path)
        else:
            frame.to_csv(path, index=False)
            again = te.Claims.read(path)
        assert told(again) == told(claims)

    kinds = st.sampled_from(["frame", "csv", "csv.gz", "parquet", "json"])
    holds(n_examples, are_the_same, strategies.tables(strategies.ODD_NAMES), kinds)


@fuzzed
def test_files_say_the_same_in_every_encoding(n_examples, tmp_path):
    path = tmp_path / "claims.csv"

    def are_the_same(rows, encoding, options):
        table = strategies.object_frame(rows)
        text = strategies.written(table, **options)
        try:
            path.write_bytes(text.encode(encoding))
        except UnicodeEncodeError:
            assume(False)
        plain = outcome(te.Claims.from_table, table)
        assert outcome(te.Claims.read, path, encoding=encoding) == plain
        # By an encoding that nobody named the file is read rightly or not at all.
        said = outcome(te.Claims.read, path)
        assert said == plain or isinstance(said, list)

    options = st.fixed_dictionaries(
        {}, optional={"quoting": st.sampled_from([0, 1]),
                      "lineterminator": st.sampled_from(["\n", "\r\n"])},
    )  # fmt: skip
    encodings = st.sampled_from(strategies.ENCODINGS)
    rows = strategies.tables(strategies.ODD_NAMES)
    holds(n_examples, are_the_same, rows, encodings, options)


@fuzzed
def test_files_of_another_layout_are_refused(n_examples, tmp_path):
    path = tmp_path / "claims.csv"

    def are_refused(rows, damage, data):
        text = strategies.written(strategies.object_frame(rows))
        lines = text.splitlines()
        i = data.draw(st.integers(1, len(lines) - 1))
        if damage in "\t;|":
            lines = [line.replace(",", damage) for line in lines]
        elif damage == "more":
            lines[i] += ",5"
        elif damage == "fewer":
            lines[i] = lines[i].rpartition(",")[0]
        else:
            place = data.draw(st.integers(1, len(lines[i]) - 1))
            lines[i] = lines[i][:place] + '"' + lines[i][place:]
        path.write_text("\n".join(lines) + "\n")
        said = outcome(te.Claims.read, path)
        # A mark before a cell that is closed by none is one; it may not hide rows.
        assert isinstance(said, list), said

    damages = st.sampled_from(["\t", ";", "|", "more", "fewer", "quote"])
    holds(n_examples, are_refused, strategies.tables(), damages, st.data())
