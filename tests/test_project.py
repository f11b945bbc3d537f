import ast
import functools
import math
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import pytest

import tollest as te

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

# Rows of the layout (`ARCHITECTURE.md`): a module imports from its own row and from rows above.
ROWS = [
    {"wording", "support", "datasets", "_arrays", "_files", "_progress", "_text", "_rounding"},
    {"_sums"},
    {"claims", "noise", "priors"},
    {"model", "readers"},
    {"simulation", "engines"},
    {"estimation"},
    {"diagnostics", "calibration", "distributed"},
    {"plots"},
    {"report"},
    {"cli"},
]
LONG_EXAMPLES = (
    "anchors_ukraine", "civil_war_battles", "coastal_syria_2025", "first_week",
    "first_year_of_war",
)  # fmt: skip
NUMBER = re.compile(r"(\d[\d,]*(?:\.\d+)?)")
HEAVY = ("pymc", "arviz", "arviz_base", "arviz_plots", "arviz_stats", "pandas", "matplotlib",
         "scipy.stats", "dask", "nutpie", "formulaic")  # fmt: skip


def imported(path):
    """Modules at the top of the package that a file imports, but for annotations."""
    tree = ast.parse(path.read_text())
    for_types = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tollest"):
            if node.module == "tollest":
                yield from (alias.name for alias in node.names)
            else:
                yield node.module.split(".")[1]


@pytest.mark.parametrize(
    "path",
    sorted(
        p
        for p in (ROOT / "tollest").rglob("*.py")
        if p.parent != ROOT / "tollest" or p.stem != "__init__"
    ),
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_imports_point_one_way(path):
    name = path.relative_to(ROOT / "tollest").parts[0].removesuffix(".py")
    row = next(i for i, names in enumerate(ROWS) if name in names)
    allowed = set.union(*ROWS[: row + 1])

    assert set(imported(path)) <= allowed


def test_public_names_are_pinned():
    assert dir(te) == [
        "Claims", "ClaimsError", "DoubtfulEstimate", "Estimate", "FailedEstimate", "Model",
        "Rate", "Support", "ToDate",
        "as_of", "calibration", "datasets", "diagnostics", "distributed", "engines", "estimate",
        "noise", "periods", "plots", "pool", "priors", "readers", "report", "simulation",
        "wording",
    ]  # fmt: skip
    assert all(getattr(te, name) is not None for name in dir(te))
    with pytest.raises(AttributeError, match="module 'tollest' has no attribute 'guess'"):
        te.guess  # noqa: B018 - the access is the test


def test_importing_the_package_loads_nothing_heavy():
    code = f"import sys, tollest; print([m for m in {HEAVY} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_a_model_and_claims_load_no_plots_nor_samplers():
    code = (
        "import sys, tollest as te; te.Claims, te.Model, te.estimate; "
        f"print([m for m in {HEAVY} if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_version_citation_and_changelog_agree():
    version = PROJECT["version"]
    assert te.__version__ == version
    citation = (ROOT / "CITATION.cff").read_text()
    assert set(re.findall(r"^ *version: (\S+)$", citation, re.MULTILINE)) == {version}
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_readme_opens_with_the_two_commands():
    commands = re.findall(r"^python3 -m pip install uv && uv run .*$", readme(), re.MULTILINE)
    assert [c.split("uv run ")[1].strip() for c in commands] == [
        "examples/coastal_syria_2025.py",
        "pytest",
    ]


def readme():
    return (ROOT / "README.md").read_text()


def test_readme_code_runs_and_prints_what_it_says():
    code, output = re.search(r"```python\n(.*?)```\n\n```text\n(.*?)```", readme(), re.S).groups()
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    # Words and layout are the same; numbers may differ a little between processors.
    said, printed = (NUMBER.split(text) for text in (output, run.stdout))
    assert [re.sub(r" +", " ", text) for text in printed[::2]] == [
        re.sub(r" +", " ", text) for text in said[::2]
    ]
    for actual, expected in zip(printed[1::2], said[1::2], strict=True):
        value = float(expected.replace(",", ""))
        unit = 10.0 ** -len(expected.partition(".")[2])
        assert float(actual.replace(",", "")) == pytest.approx(value, rel=0.05, abs=unit)


@pytest.mark.slow
def test_further_readme_code_runs():
    first = re.search(r"```python\n(.*?)```", readme(), re.S)[1]
    blocks = re.findall(r"```py\n(.*?)```", readme(), re.S)
    cluster = [block for block in blocks if "dask" in block]
    code = "".join([first, "claims = estimate.claims\n", *(b for b in blocks if b not in cluster)])
    for block in cluster:
        compile(block, "README.md", "exec")

    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, capture_output=True)


def cells(section):
    """Cells of the table under a heading of the README, row by row."""
    text = readme().split(f"\n## {section}\n")[1].split("\n## ")[0]
    rows = [line.strip("| \n").split(" | ") for line in text.splitlines() if line[:1] == "|"]
    return rows[2:]


def test_the_readme_states_the_default_priors_as_they_are():
    known = {
        name: getattr(te.priors, name) for name in ("Normal", "HalfNormal", "Fixed", "Pooled")
    }

    said = {
        name.strip("`"): eval(default.strip("`"), {"log": math.log, **known})
        for name, default, *_ in cells("Choosing priors")
    }

    default = te.priors.Priors()
    assert said == {field.name: getattr(default, field.name) for field in fields(default)}


def test_names_in_the_readme_exist():
    estimate_names = set(dir(te.Estimate))

    for path in set(re.findall(r"`te\.([a-zA-Z_.]+)", readme())):
        functools.reduce(getattr, path.split("."), te)
    for name in set(re.findall(r"`estimate\.([a-z_]+)", readme())):
        assert name in estimate_names, name


def test_figures_of_the_readme_stand_on_the_pages_it_names():
    for what, figures, page in cells("Limits"):
        text = (ROOT / re.search(r"\((benchmarks/.*\.md)\)", page)[1]).read_text()
        for figure in figures.split("; "):
            assert re.search(rf"(?<![\d.,]){re.escape(figure)}(?![\d,]|\.\d)", text), (
                what,
                figure,
            )


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=pytest.mark.slow) if path.stem in LONG_EXAMPLES else path
        for path in sorted((ROOT / "examples").glob("*.py"))
    ],
    ids=lambda path: path.stem,
)
def test_examples_run(path, tmp_path):
    # Some would take minutes, and say how to shorten them.
    shorter = re.findall(rf"`{path.name}([ \d]+)`", path.read_text())
    run = subprocess.run(
        [sys.executable, str(path), *"".join(shorter).split()],
        capture_output=True, text=True, cwd=tmp_path, check=False,
        env=os.environ | {"MPLBACKEND": "Agg"},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert "credible intervals" in run.stdout
    assert len(path.read_text().splitlines()) <= 100


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks").glob("*.py")), ids=lambda p: p.stem)
def test_benchmarks_find_what_they_measure(path):
    import_module(f"benchmarks.{path.stem}")


def test_the_repository_names_no_registry():
    hosts = ("pypi" + ".org", "python" + "hosted", "conda" + ".anaconda")
    for path in ROOT.rglob("*"):
        if path.suffix in {".py", ".md", ".toml", ".cff", ".json"} and ".venv" not in path.parts:
            assert not any(host in path.read_text() for host in hosts), path
