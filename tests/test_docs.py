"""The documentation: its examples run, and every public name has a place in it."""

import doctest
import inspect
import re
from pathlib import Path

import pytest

import tollest as te

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(page for page in DOCS.rglob("*.md") if "_build" not in page.parts)
TOPICS = sorted((DOCS / "api").glob("*.rst"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_examples_give_what_they_say(page):
    # Marks of code end the output before them.
    text = re.sub(r"(?m)^```.*$", "", page.read_text(encoding="utf-8"))
    test = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    flags = doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
    said = []

    doctest.DocTestRunner(optionflags=flags).run(test, out=said.append)

    assert not said, "".join(said)


def documented():
    """Names on the pages of functions and classes."""
    lines = [line for page in TOPICS for line in page.read_text().splitlines()]
    return [line.strip() for line in lines if re.fullmatch(r"   [A-Za-z_]+(\.[A-Za-z_]+)*", line)]


def test_every_public_name_has_a_place_and_is_there():
    names = documented()
    listed = {f"{space}.{name}" for space in ("calibration", "diagnostics", "engines", "plots")
              for name in getattr(te, space).__all__}  # fmt: skip
    listed |= {f"report.{name}" for name in te.report.__all__}
    listed |= {f"readers.{name}" for name in te.readers.__all__}
    listed |= {name for name in te.__all__ if not inspect.ismodule(getattr(te, name))}

    assert sorted(listed - set(names)) == []
    assert len(names) == len(set(names))
    for name in names:
        found = te
        for part in name.split("."):
            found = getattr(found, part)


def test_pages_of_evidence_are_those_of_benchmarks():
    made = {page.stem for page in (ROOT / "benchmarks").glob("*.md")} - {"README"}

    assert {page.stem for page in (DOCS / "evidence").glob("*.md")} == made
