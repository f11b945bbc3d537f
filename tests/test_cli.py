import pandas as pd
import pytest
from typer.testing import CliRunner

import tollest as te
from tollest import readers
from tollest.cli import FileLayout, app
from tollest.report import read_csv

TABLE = """location,source,wording,date
Arden,clinic,at least 11,2025-03-08
Arden,press,about 30,2025-03-09
Brook,press,6,2025-03-20
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "claims.csv"
    path.write_text(TABLE)
    return path


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_version_is_that_of_the_package():
    assert run("--version").stdout == f"tollest {te.__version__}\n"


def test_a_file_in_another_encoding_is_read_in_it(path):
    path.write_bytes(TABLE.replace("Brook", "Évian").encode("cp1252"))

    assert "encoding='cp1252'" in run("check", path).stderr
    assert "3 claims" in run("check", path, "--encoding", "cp1252").stdout


def test_check_says_what_would_be_read_and_what_is_set_aside(path):
    result = run("check", path, "--as-of", "2025-03-12")

    assert result.exit_code == 0
    assert "2 claims" in result.stdout
    assert "Set aside:" in result.stdout
    assert "Brook" in result.stdout.split("Set aside:")[1]
    assert result.stderr == ""


def test_an_answer_is_printed_and_its_table_written(path, tmp_path):
    out, page = tmp_path / "tolls.csv", tmp_path / "report.html"

    result = run("estimate", path, "--rng", 1, "--quiet", "--table", out, "--out", page)

    assert result.exit_code == 0
    assert result.stdout.startswith("An estimated ")
    assert "90 % equal-tailed credible interval" in result.stdout
    expected = te.estimate(te.Claims.read(path), rng=1, progress=False)
    written = read_csv(out)
    assert "Arden" in result.stdout
    assert "Arden" in page.read_text(encoding="utf-8")
    assert expected.table()["median"].tolist() == written["median"].tolist()[:2]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("location,source,count\nArden,press,-4\n", "count is -4; a count is a whole number"),
        ("place,who\nArden,press\n", "location"),
        ("", "tollest: "),
    ],
)
def test_claims_that_cannot_be_used_are_one_error_and_exit_1(path, content, message):
    path.write_text(content)

    for command in ("check", "estimate"):
        result = run(command, path)
        assert result.exit_code == 1
        assert message in result.stderr
        assert "Traceback" not in result.stderr
        assert result.stdout == ""


def test_no_file_and_no_such_day_exit_1(path, tmp_path):
    assert run("check", tmp_path / "none.csv").exit_code == 1
    result = run("check", path, "--as-of", "yesterday")
    assert result.exit_code == 1
    assert "yesterday" in result.stderr


def test_a_wrong_command_line_exits_2_before_anything_is_computed(path):
    result = run("estimate", path, "--table", "tolls.xlsx")
    assert result.exit_code == 2
    assert "tolls.xlsx ends in neither .csv nor .parquet" in result.stderr
    assert run("estimate", path, "--out", "report.pdf").exit_code == 2
    assert run("estimate", path, "--layout", "excel").exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--save", "answer.txt"], "'answer.txt' does not end in .nc"),
        (["--out", "nowhere/report.html"], "there is no folder 'nowhere'"),
        (["--table", "nowhere/tolls.csv"], "there is no folder 'nowhere'"),
        (["--ci-prob", "90"], "ci_prob is 90"),
        (["--ci-kind", "middle"], "middle"),
    ],
)
def test_what_cannot_be_written_is_said_before_anything_is_computed(
    path, monkeypatch, arguments, message
):
    monkeypatch.setattr("tollest.cli.estimate", lambda *_, **__: pytest.fail("was computed"))

    result = run("estimate", path, *arguments)

    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stdout == ""


def test_a_doubtful_answer_is_printed_and_exits_3(path, monkeypatch):
    answer = te.estimate(te.Claims.read(path), rng=1, progress=False)
    object.__setattr__(answer.theta, "doubts", ("R-hat is 1.300.",))
    monkeypatch.setattr("tollest.cli.estimate", lambda *_, **__: answer)

    result = run("estimate", path)

    assert result.exit_code == 3
    assert "R-hat is 1.300." in result.stdout


def test_help_gives_examples_and_exit_statuses():
    assert "Exit status: 0 done" in " ".join(run("--help").stdout.split())
    for command in ("check", "estimate"):
        assert f"Example: tollest {command} claims.csv" in run(command, "--help").stdout


def test_a_layout_of_others_is_read(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text("id,low,best,high\n1,2,3,5\n2,0,0,0\n")

    result = run("check", path, "--layout", "ucdp-ged")

    assert result.exit_code == 0, result.stderr
    assert "2 claims" in result.stdout


def test_every_layout_has_a_reader():
    for layout in FileLayout:
        assert layout is FileLayout.CLAIMS or layout.name.lower() in readers.__all__


def test_a_sheet_of_a_workbook_is_read(tmp_path):
    path = tmp_path / "events.xlsx"
    with pd.ExcelWriter(path) as book:
        for name, low in (("old", 1), ("new", 2)):
            table = pd.DataFrame({"id": [1], "low": low, "best": [3], "high": [5]})
            table.to_excel(book, sheet_name=name, index=False)

    assert "say which: sheet='old'" in run("check", path, "--layout", "ucdp-ged").stderr
    result = run("check", path, "--layout", "ucdp-ged", "--sheet", "new")
    assert result.exit_code == 0, result.stderr


def test_wholes_and_parts_are_read_and_can_be_complete(tmp_path):
    path = tmp_path / "nested.csv"
    path.write_text(
        "location,source,count,parent\nCoast,un,120,\nLatakia,press,70,Coast\n"
        "Tartus,press,40,Coast\n"
    )

    assert "3 locations, 2 parts of others" in run("check", path, "--complete", "Coast").stdout
    assert "'Latakia', which has no parts" in run("check", path, "--complete", "Latakia").stderr
    other = run("check", path, "--layout", "acled", "--complete", "Coast")
    assert other.exit_code == 2
    assert "--complete is for files of claims" in other.stderr
