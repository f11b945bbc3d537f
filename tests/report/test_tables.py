import json
import re
import shutil
import subprocess
import unicodedata
from dataclasses import replace

import html5lib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from numpy.testing import assert_array_equal
from pandas.testing import assert_frame_equal

import tollest as te
from tests.conftest import claims_of
from tollest import _rounding
from tollest.engines import ThetaDraws
from tollest.report import escapes, read_csv
from tollest.report.labels import label, width
from tollest.report.tables import OPEN

ROWS = [
    ("Arden", "clinic", "documented", 111),
    ("Arden", "press", "count", 1400),
    ("Brook", "registry", "verified", 25),
    ("Corley", "ministry", "at_least", 17),
]
HOSTILE = [
    '<script>alert("1")</script> & </table>',
    r"\input{/etc/passwd} $x_1^2$ 100% #1 {a} ~ \\",
    "=cmd|' /C calc'!A0",
    "  @SUM(1+1)*cmd|calc",
    "'quoted",
    "ארדן (צפון) 12",
    "قرية \u202eabc",
    "Cu\u0302\u0301\u0323e\u0301 Đắk Łódź",
    "東京 | pipe ` tick [link](http://x.org) www.x.org :smile:",
    "two\nlines, \"quotes\" ''and'' -- dashes ?` !`",
    "n" * 10_000,
    "N/A",
    "zero\u200bwidth\x07bell",
    "*bold* _it_ 1. # h",
    "- list",
]
DOUBT = "Pareto k is 0.83: intervals may be too narrow. Refit with engine=NUTS()."


@pytest.fixture(scope="module")
def villages():
    return te.estimate(claims_of(ROWS, locations=["Silent"]), rng=1, progress=False)


@pytest.fixture(scope="module")
def hostile():
    table = pd.DataFrame({"location": HOSTILE, "source": "press", "count": 12})
    posterior = te.Model().given(te.Claims.from_table(table))
    theta = 0.1 * np.random.default_rng(1).standard_normal((1, 20, posterior.n_theta))
    draws = ThetaDraws(theta, "guessed", ess=20, pareto_k=0.83, doubts=(DOUBT,))
    return te.Estimate(posterior, draws, entropy=1)


def forms(table):
    return {
        "text": table.text(), "markdown": table.markdown(), "latex": table.latex(),
        "html": table.html(), "notebook": table._repr_html_(),
    }  # fmt: skip


def parsed(html):
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parseFragment(html)


def body(tree):
    rows = ["".join(cell.itertext()) for cell in tree.findall(".//tbody/tr/th")]
    return [row.strip() for row in rows]


def test_every_form_names_level_kind_method_and_rule(villages):
    for name, form in forms(te.report.table(villages, ci_prob=0.8, ci_kind="hdi")).items():
        text = form.replace("{}", "").replace("\\", "")
        assert "80 % highest-density credible interval" in text, name
        assert _rounding.RULE in text, name
        assert villages.theta.summary in text, name
        assert "Documented" in text, name


def test_printed_intervals_hold_the_exact_ones(villages):
    table = te.report.table(villages)
    exact = villages.table()

    for row, (_, true) in zip(table.rows[:-1], exact.iterrows(), strict=True):
        assert row.toll.lower <= true["lower"] <= true["median"] <= true["upper"] <= row.toll.upper
    assert table.rows[0].toll.lower >= 111
    total = villages.total().table()
    assert table.rows[-1].toll.lower <= total["lower"].iloc[0]
    assert table.rows[-1].toll.upper >= total["upper"].iloc[0]


def test_remarks_have_letters_and_a_verified_toll_no_interval(villages):
    text = te.report.table(villages).text()

    assert re.search(r"^Brook +25 +verified +2? *1? .*= 25 +[a-z]$", text, re.MULTILINE)
    letter = re.search(r"^Corley .* ([a-z])$", text, re.MULTILINE)[1]
    assert f'{letter}: Only claims of "at least" bound the toll' in text
    assert "No claim or cap bounds the toll from above" in text
    assert OPEN in text
    assert "total" not in te.report.table(villages, total=False).text()


def test_doubts_go_with_every_form(hostile, tmp_path):
    table = te.report.table(hostile)
    for name, form in forms(table).items():
        assert DOUBT in form.replace("{}", ""), name
    table.csv(tmp_path / "tolls.csv")
    table.parquet(tmp_path / "tolls.parquet")
    assert set(read_csv(tmp_path / "tolls.csv")["doubts"]) == {DOUBT}
    assert set(pd.read_parquet(tmp_path / "tolls.parquet")["doubts"]) == {DOUBT}


def test_files_hold_exact_numbers_and_read_back(villages, tmp_path):
    for table in (te.report.table(villages, ci_prob=0.8), te.report.table(villages, total=False)):
        table.csv(tmp_path / "tolls.csv")
        table.parquet(tmp_path / "tolls.parquet")
        frame = table.frame()
        assert_frame_equal(read_csv(tmp_path / "tolls.csv"), frame, check_exact=True)
        assert_frame_equal(pd.read_parquet(tmp_path / "tolls.parquet"), frame, check_exact=True)
        assert read_csv(tmp_path / "tolls.csv").attrs == frame.attrs
    exact = villages.table()
    assert_array_equal(frame["upper"].to_numpy(np.int64), exact["upper"])
    assert_array_equal(frame["mean"], exact["mean"])
    assert frame["verified"].tolist() == [pd.NA, 25, pd.NA, pd.NA]
    assert frame["n_silent"].tolist() == [0, 0, 0, 1]
    assert frame.loc[2, "notes"].startswith('Only claims of "at least"')


def test_parquet_has_level_and_notes_in_its_metadata(villages, tmp_path):
    from pyarrow import parquet

    table = te.report.table(villages, ci_prob=0.8)
    table.parquet(tmp_path / "tolls.parquet")

    told = parquet.read_schema(tmp_path / "tolls.parquet").metadata
    assert (told[b"ci_prob"], told[b"ci_kind"]) == (b"0.8", b"eti")
    assert json.loads(told[b"notes"]) == table.notes


def test_hostile_names_read_back_from_files(hostile, tmp_path):
    table = te.report.table(hostile)
    table.csv(tmp_path / "tolls.csv")
    table.parquet(tmp_path / "tolls.parquet")

    names = list(hostile.claims.locations)
    # Marks that nobody sees are no part of a name.
    seen = [re.sub("[\u202e\u200b\x07]", "", name) for name in HOSTILE]
    assert names == [unicodedata.normalize("NFC", name.strip()) for name in seen]
    assert read_csv(tmp_path / "tolls.csv")["name"].tolist() == [*names, "total"]
    assert pd.read_parquet(tmp_path / "tolls.parquet")["name"].tolist() == [*names, "total"]
    text = (tmp_path / "tolls.csv").read_text(encoding="utf-8")
    assert not re.search(r"(?:^|,)\"?\s*[=+@-]", text, re.MULTILINE)


def test_hostile_names_are_text_in_html(hostile):
    table = te.report.table(hostile)
    expected = [*map(label, hostile.claims.locations), f"All {len(HOSTILE)} locations"]

    for form in (table.html(), table._repr_html_()):
        tree = parsed(form)
        assert body(tree) == expected
        assert not tree.findall(".//script")
    assert all(len(name) <= 80 for name in expected)


def test_hostile_names_are_text_in_markdown(hostile):
    table = te.report.table(hostile)

    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(table.markdown())
    inlines = [token for token in tokens if token.type == "inline"]
    kinds = {child.type for token in inlines[1:] for child in token.children}
    assert kinds <= {"text", "text_special"}
    rows = [token.content for token in tokens if token.type == "inline"][1 + len(table.head) :]
    names = rows[:: len(table.head)][: len(HOSTILE)]
    shown = ["".join(c.content for c in t.children) for t in inlines if t.content in names]
    assert [re.sub("[\u2068\u2069]", "", name) for name in shown] == [
        label(name) for name in hostile.claims.locations
    ]


def test_text_lines_up_whatever_the_letters(hostile):
    lines = te.report.table(hostile, total=False).text().splitlines()[1 : 2 + len(HOSTILE)]

    assert len({width(line) for line in lines}) == 1


@given(st.text())
def test_any_text_reads_back_from_csv_and_is_no_formula(text):
    assert escapes.csv_read(escapes.csv(text)) == text
    assert escapes.csv(text).lstrip()[:1] not in set("=+-@")


@given(st.lists(st.text(min_size=1), min_size=1, max_size=3, unique_by=str.strip))
def test_any_name_is_one_line_of_bounded_length(names):
    for name in names:
        shown = label(name)
        assert len(shown) <= 80
        assert len(shown.splitlines()) <= 1
        assert not set("\u202a\u202e\x00") & set(shown)


def compiled(engine, preamble, table, folder):
    if shutil.which(engine) is None:
        pytest.skip(f"{engine} is not installed")
    document = (
        f"\\documentclass{{article}}\n{preamble}\\usepackage{{booktabs}}\\usepackage{{longtable}}"
        f"\n\\begin{{document}}\n{table}\\end{{document}}\n"
    )
    (folder / "table.tex").write_text(document, encoding="utf-8")
    return subprocess.run(
        [engine, "-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error", "table.tex"],
        cwd=folder, capture_output=True, text=True, errors="replace", timeout=300, check=False,
    )  # fmt: skip


T1 = "\\usepackage[T1]{fontenc}\n"


def test_latex_compiles_with_hostile_names(hostile, tmp_path):
    run = compiled("pdflatex", T1, te.report.table(hostile).latex(), tmp_path)
    assert run.returncode == 0, run.stdout[-2000:]


def test_latex_sets_every_letter_it_claims_to_know(tmp_path):
    letters = [chr(c) for c in range(0x20, 0x2100) if escapes._is_settable(chr(c))]
    text = " ".join(map(escapes.latex, letters))
    run = compiled("pdflatex", T1, f"{text}\n", tmp_path)
    assert run.returncode == 0, run.stdout[-2000:]
    assert "\\tollestname" not in text


def test_long_latex_tables_break_over_pages(hostile, tmp_path):
    table = te.report.table(hostile)
    long = replace(table, rows=table.rows * 5, marks=table.marks * 5)
    run = compiled("pdflatex", T1, long.latex(), tmp_path)
    assert run.returncode == 0, run.stdout[-2000:]
    assert "longtable" in long.latex()


def test_lualatex_reads_names_as_they_are(hostile, tmp_path):
    if (
        not shutil.which("kpsewhich")
        or subprocess.run(
            ["kpsewhich", "luaotfload-main.lua"], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("LuaLaTeX has no fonts")
    run = compiled(
        "lualatex", "\\usepackage{fontspec}\n", te.report.table(hostile).latex(), tmp_path
    )
    assert run.returncode == 0, run.stdout[-2000:]


def test_files_are_refused_before_the_work(villages, tmp_path):
    table = te.report.table(villages)
    with pytest.raises(ValueError, match=r"does not end in \.csv, as the name of a CSV file does"):
        table.csv(tmp_path / "tolls.txt")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        table.parquet(tmp_path / "missing" / "tolls.parquet")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="holds no table of tolls"):
        read_csv(tmp_path / "other.csv")
