"""What tests share: kernels compiled before workers start, claims from rows, and estimates."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tollest as te
from tollest.engines import ThetaDraws
from tollest.priors import Censored, Never, Priors

ROOT = Path(__file__).parents[1]
# Bounds are mere limits, claims of 0 counts, and all claims of the toll: the reference then has
# sums to all digits.
LIMITS = Priors(
    log_shortfall=Censored(), log_list_shortfall=Censored(), logit_denial=Never(),
    log_location_error=Never(), logit_near_copy=Never(),
)  # fmt: skip
INTEGERS = ("lower", "upper", "count", "cap")
# Each kind of estimate by a process of its own, so that two processors compile.
ESTIMATING = """
import tollest as te
from tests.conftest import claims_of
estimate = te.estimate({}, rng=1, progress=False)
estimate.draws(2), estimate.total(), estimate.sources()
"""
COMPILING = (
    """claims_of([("Arden", "press", "count", 9), ("Arden", "clinic", "count", 14),
                  ("Brook", "press", "at_least", 4)], locations=["Corley"])""",
    """claims_of([("Coast", "press", 30, None), ("Arden", "press", 9, "Coast"),
                  ("Brook", "press", 14, "Coast")], "location source count parent")""",
)


def claims_of(rows, columns="location source kind count", **options):
    """Claims from rows of a table; `options` are those of `Claims.from_table`."""
    table = pd.DataFrame(list(rows), columns=columns.split())
    # Pandas would make floats of whole numbers beside blanks.
    integers = [name for name in INTEGERS if name in table and table[name].isna().any()]
    return te.Claims.from_table(table.astype(dict.fromkeys(integers, "Int64")), **options)


def guessed(claims, model=None, n_draws=300, entropy=3, **draws):
    """An estimate whose draws of theta are guesses, for what holds whatever the draws."""
    posterior = (model or te.Model()).given(claims)
    theta = np.random.default_rng(1).normal(-1.0, 0.3, (1, n_draws, posterior.n_theta))
    fields = {"method": "guessed", "ess": n_draws, "pareto_k": 0.0} | draws
    return te.Estimate(posterior, ThetaDraws(theta, **fields), entropy=entropy)


def pytest_addoption(parser):
    parser.addoption(
        "--reduced", action="store_true",
        help="of tests marked grid, run the first case",
    )  # fmt: skip


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--reduced"):
        return
    seen, left_out = set(), []
    for item in items:
        if item.get_closest_marker("grid"):
            test = (item.path, item.originalname)
            if test in seen:
                left_out.append(item)
            seen.add(test)
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def pytest_sessionstart(session):
    """Compile kernels once, before workers start that would each compile them."""
    if hasattr(session.config, "workerinput") or not is_stale():
        return
    for path in (ROOT / "tollest").rglob("*.nb[ic]"):
        path.unlink()
    if not session.config.getoption("numprocesses", None):
        return
    session.config.get_terminal_writer().line("Compiling kernels, for a minute or two.")
    started = [
        subprocess.Popen([sys.executable, "-c", ESTIMATING.format(claims)], cwd=ROOT)
        for claims in COMPILING
    ]
    if [process for process in started if process.wait()]:
        pytest.exit("Kernels cannot be compiled.", returncode=1)


def is_stale():
    """Whether a module with kernels is newer than a compiled one, or none is compiled.

    Numba looks at the module of a kernel alone, not at those of the kernels that it calls.
    """
    package = ROOT / "tollest"
    compiled = [path.stat().st_mtime for path in package.rglob("*.nbi")]
    sources = [
        path.stat().st_mtime
        for path in package.rglob("*.py")
        if any(decorator in path.read_text() for decorator in ("\n@kernel", "\n@njit"))
    ]
    return not compiled or min(compiled) < max(sources)
