"""What `ARCHITECTURE.md` promises of the package's plan and names, read from its source."""

import ast
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "tollest"
MODULES = sorted(PACKAGE.rglob("*.py"))
TREES = {str(path.relative_to(PACKAGE)): ast.parse(path.read_text()) for path in MODULES}
# Pronouns and prepositions say nothing of what a variable holds.
NO_NAMES = {
    "of", "at", "own", "there", "here", "mine", "those", "these", "who", "whom", "whose", "this",
    "that", "them", "they", "it", "its", "what", "which", "where", "when", "how", "to", "onto",
    "into", "within", "without", "beside", "now", "then",
}  # fmt: skip
MOST_ENTRIES = 25
LEAVES = {
    "calibration", "cli", "diagnostics", "distributed", "plots", "readers", "report", "simulation",
}  # fmt: skip
# A distribution, of errors in one namespace and of unknowns in the other; and Rubin's term for the
# variance within imputations.
SAME_NAME, TERMS = {"Normal"}, {"estimation/imputation.py: within"}
# Where it is said in words that there are wholes, or that they are refused.
IN_WORDS = ("report/", "claims/table.py", "distributed.py")


def test_the_top_level_is_short():
    names = {path.name for path in PACKAGE.iterdir() if path.name != "__pycache__"}
    assert len(names) <= MOST_ENTRIES, sorted(names)


def test_an_estimate_stands_on_no_leaf():
    code = "import sys, tollest as te; te.estimate, te.Estimate; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[1] for name in run.stdout.split() if name.startswith("tollest.")}
    assert loaded.isdisjoint(LEAVES), loaded & LEAVES


def test_a_name_means_one_thing():
    homes = defaultdict(list)
    for module, tree in TREES.items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name[0] != "_":
                homes[node.name].append(module)
    several = {name: found for name, found in homes.items() if len(found) > 1}
    assert set(several) == SAME_NAME, several


def test_no_variable_is_named_by_a_pronoun_or_a_preposition():
    found = []
    for module, tree in TREES.items():
        for node in ast.walk(tree):
            is_set = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
            name = node.id if is_set else node.arg if isinstance(node, ast.arg) else ""
            if name.strip("_") in NO_NAMES and f"{module}: {name}" not in TERMS:
                found.append(f"{module}:{node.lineno}: {name}")
    assert not found, "\n".join(found)


def test_one_module_decides_whether_locations_are_nested():
    found = defaultdict(list)
    for module, tree in TREES.items():
        for node in ast.walk(tree):
            conditions = [node.test] if isinstance(node, ast.If | ast.IfExp | ast.While) else []
            conditions += node.ifs if isinstance(node, ast.comprehension) else []
            for condition in conditions:
                names = {getattr(n, "attr", getattr(n, "id", "")) for n in ast.walk(condition)}
                if names & {"nested", "is_nested"} and not module.startswith(IN_WORDS):
                    found[module].append(condition.lineno)
    assert set(found) == {"model/parts.py"}, dict(found)
