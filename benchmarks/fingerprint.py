"""Hash everything that estimates compute, so that a move of code can be shown to change no bit.

``python benchmarks/fingerprint.py OLD NEW`` runs every case on two checkouts and names what
differs; with one checkout it prints the hashes as JSON. Hashes are of one machine: processors
round differently, so they are compared within a run and never kept.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

VILLAGES = pd.DataFrame(
    [
        ("Arden", "clinic", "documented", 11), ("Arden", "press", "about", 30),
        ("Arden", "ministry", "count", 9), ("Brook", "clinic", "documented", 4),
        ("Brook", "press", "count", 6), ("Corley", "press", "at_least", 12),
        ("Corley", "ministry", "count", 0), ("Dunmow", "registry", "verified", 2500),
        ("Dunmow", "press", "count", 2100), ("Fenwick", "press", "count", 5000),
    ],
    columns=["location", "source", "kind", "count"],
)  # fmt: skip
COAST = pd.DataFrame(
    [
        ("Coast", "agency", "about 1,400", None), ("Coast", "witnesses", "more than 4,000", None),
        ("Latakia", "monitor", "683", "Coast"), ("Tartus", "monitor", "433", "Coast"),
        ("Qurfays", "shopkeeper", "at least 2", "Latakia"),
    ],
    columns=["location", "source", "wording", "parent"],
)  # fmt: skip


def cases(te: Any) -> dict[str, Any]:
    """Claims, model and engine of each case, by functions that make them."""
    simulate, Priors = te.simulation.simulate, te.priors.Priors
    quick = te.engines.NUTS(draws=100, tune=100, runs=1)

    def claims(table: pd.DataFrame, **options: Any) -> Any:
        return te.Claims.from_table(table, **options)

    def covariates() -> Any:
        bare = simulate(30, 4, rng=5).claims
        people = np.random.default_rng(2).uniform(1e3, 1e5, bare.n_locations)
        table = pd.DataFrame({"location": bare.locations, "people": people})
        return bare.with_covariates("log(people)", table)

    def periods() -> Any:
        days = pd.date_range("2022-03-01", periods=60).strftime("%Y-%m-%d")
        rows = {"location": "front", "source": "ministry", "to": days}
        rows["count"] = range(100, 700, 10)
        return claims(pd.DataFrame(rows), to_date=te.ToDate(every=14))

    def trace() -> Any:
        posterior = te.Model().given(claims(VILLAGES))
        drawn = te.estimate(claims(VILLAGES), engine=quick, rng=3, progress=False)
        return posterior.claims, te.Model(), te.engines.FromTrace(drawn.to_datatree())

    return {
        "villages": lambda: (claims(VILLAGES, locations=["Silent"]), te.Model(), None),
        "normal": lambda: (claims(VILLAGES), te.Model(noise=te.noise.Normal()), None),
        "student": lambda: (claims(VILLAGES), te.Model(noise=te.noise.StudentT(4.0)), None),
        "never": lambda: (
            claims(VILLAGES), te.Model(priors=Priors(logit_repeat=te.priors.Never())), None,
        ),
        "covariates": lambda: (covariates(), te.Model(), None),
        "nested": lambda: (claims(COAST, complete=["Coast"]), te.Model(), None),
        "periods": lambda: (periods(), te.Model(), quick),
        "sides": lambda: (simulate(12, 4, sides=2, rng=3).claims, te.Model(), None),
        "nuts": lambda: (claims(VILLAGES), te.Model(), quick),
        "trace": trace,
        "quadratic": lambda: (simulate(4000, 5, rng=1).claims, te.Model(), None),
    }  # fmt: skip


def hashes(te: Any, name: str) -> dict[str, str]:
    """Hashes of the claims, draws and tables of one case."""
    if name == "distributed":
        return _distributed(te)
    claims, model, engine = cases(te)[name]()
    estimate = te.estimate(claims, model=model, engine=engine, rng=7, progress=False)
    return {
        "claims": digest(claims.lower, claims.upper, claims.offsets, claims.source_index),
        "theta": digest(estimate.theta.theta),
        "table": digest(estimate.table().to_numpy(float)),
        "draws": digest(estimate.draws(20)),
        "total": digest(estimate.total().samples),
        "sources": digest(estimate.sources().to_numpy(float)),
        "method": estimate.theta.method,
    }


def _distributed(te: Any) -> dict[str, str]:
    """Hashes of an estimate from four files, in this process."""
    frame = te.simulation.simulate(4000, 5, rng=2).claims.to_frame()
    with tempfile.TemporaryDirectory() as folder:
        for part, rows in frame.groupby(pd.factorize(frame["location"])[0] % 4):
            table = pd.DataFrame(
                {
                    "location": rows["location"].astype(str), "source": rows["source"].astype(str),
                    "count": rows["lower"].astype("int64"),
                }
            )  # fmt: skip
            table.to_parquet(Path(folder) / f"part{part}.parquet")
        # The name of a tree before this one.
        run = getattr(te.distributed, "estimate_files", None) or te.distributed.estimate
        estimate = run(folder, rng=7, progress=False)
        return {
            "theta": digest(estimate.theta.theta),
            "total": digest(estimate.total().samples),
            "method": estimate.theta.method,
        }


def digest(*arrays: np.ndarray) -> str:
    """Hash of arrays: their types, shapes and bytes."""
    out = hashlib.sha256()
    for array in arrays:
        array = np.ascontiguousarray(array)
        out.update(f"{array.dtype}{array.shape}".encode() + array.tobytes())
    return out.hexdigest()[:16]


def main(trees: list[str], names: list[str]) -> int:
    """Print the hashes of one tree, or what differs between two."""
    root = str(Path(trees[0]).resolve())
    if len(trees) == 2:
        found = [_run(tree, names) for tree in trees]
        differ = [name for name in found[0] if found[0][name] != found[1].get(name)]
        for name, each in found[0].items():
            print(name, "DIFFERS" if name in differ else "identical", each, file=sys.stdout)
            if name in differ:
                print("  beside", found[1].get(name), file=sys.stdout)
        return 1 if differ else 0
    sys.path.insert(0, root)
    import tollest as te

    assert (te.__file__ or "").startswith(root), te.__file__
    warnings.simplefilter("ignore")
    out = {}
    for name in names or [*cases(te), "distributed"]:
        start = time.perf_counter()
        out[name] = hashes(te, name)
        print(name, round(time.perf_counter() - start, 1), file=sys.stderr, flush=True)
    json.dump(out, sys.stdout, indent=1)
    return 0


def _run(tree: str, names: list[str]) -> dict[str, dict[str, str]]:
    """Hashes of a tree, by a process of its own."""
    command = [sys.executable, __file__, tree, *(["--only", ",".join(names)] if names else [])]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    found: dict[str, dict[str, str]] = json.loads(run.stdout)
    return found


if __name__ == "__main__":
    arguments = sys.argv[1:]
    only = []
    if "--only" in arguments:
        where = arguments.index("--only")
        only = arguments[where + 1].split(",")
        arguments = arguments[:where]
    sys.exit(main(arguments, only))
