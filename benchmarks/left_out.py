"""Claims of each source predicted from those of the others, on real data.

Run as ``uv run python -m benchmarks.left_out``; ``benchmarks/left_out.md`` holds the table.
Sources are left out whole, as strangers, and in parts, their habits learnt from what is left.
``--data "battles, killed"`` runs a part; rows of other data are kept on the page.
"""

import argparse
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.common import markdown, processor, rows_of
from benchmarks.peers import REML, DerSimonianLaird, GaussianTruth, MedianLogT
from benchmarks.scores import leave_source_out
from tollest import datasets
from tollest.calibration import leave_one_source_out
from tollest.claims.table import Claims
from tollest.engines import NUTS, NestedLaplace
from tollest.model.posterior import Model
from tollest.priors import Never, Priors
from tollest.support import Support

SEED = 1
FLOOR = -50.0
COLUMNS = [
    "data", "method", "counts", "coverage", "se by source", "randomized", "log predictive",
    "median", "at the floor", "doubtful fits",
]  # fmt: skip
OUTPUT = Path(__file__).with_name("left_out.md")
# Sources that copy one another beyond one figure a location, and all that copy where there is no
# figure, seem to have no scatter at all: sums over tolls would run on ever narrower bins.
SUPPORT = Support(finest=0.01)
MODELS = {
    "tollest": Model(support=SUPPORT),
    "no figure": Model(priors=Priors(logit_repeat=Never()), support=SUPPORT),
}


def battles(quantity: str) -> Claims:
    """Claims on one quantity of the battles of the American Civil War."""
    table = datasets.load("american_civil_war_battles")
    return Claims.from_table(table[table["quantity"] == quantity])


def police() -> Claims:
    """Claims on killings by police in the years with three trackers or more, vehicles aside."""
    table = datasets.load("us_police_killings")
    # FE counts what FE_NV does and vehicle incidents besides: a known difference of definition.
    return Claims.from_table(table[(table["year"] >= 2013) & (table["source"] != "FE")])


DATA = {
    "battles, killed": lambda: battles("killed"),
    "battles, casualties": lambda: battles("casualties"),
    "police killings": police,
}


def rows(name: str, claims: Claims, folds: list[int], draws: int) -> list[dict[str, object]]:
    """Scores of all methods on one data set."""
    out: list[dict[str, object]] = []

    def add(
        method: str, inside: pd.Series, log_mass: pd.Series, by: pd.Series, n_doubtful: int = 0,
        randomized: float | str = "-",
    ) -> None:  # fmt: skip
        # No probability at all would end every comparison.
        log_mass = np.maximum(log_mass, FLOOR)
        spread = inside.groupby(by).mean().std(ddof=1) / by.nunique() ** 0.5
        out.append(
            {
                "data": name, "method": method, "counts": len(inside),
                "coverage": round(float(inside.mean()), 3), "se by source": round(spread, 3),
                "randomized": randomized,
                "log predictive": round(float(log_mass.mean()), 3),
                "median": round(float(log_mass.median()), 3),
                "at the floor": int((log_mass <= FLOOR).sum()), "doubtful fits": n_doubtful,
            }
        )  # fmt: skip
        print(out[-1], flush=True)  # noqa: T201 - the output is the point

    keys = ["source", "location"]
    predicted = None
    # Predictions average over all draws: one run will do, and mostly a short one.
    engine = NestedLaplace(otherwise=NUTS(draws=draws, chains=2, runs=1))
    for n_folds in folds:
        for method, model in MODELS.items():
            result = leave_one_source_out(
                claims, folds=n_folds, model=model, engine=engine, rng=SEED, progress=False
            )
            predicted = result.claims
            for doubt in result.doubts:
                print(f"{name}, {method}: {doubt}", flush=True)  # noqa: T201
            label = method if n_folds == 1 else f"{method}, {n_folds} parts"
            scored = predicted["inside"], predicted["log_predictive"], predicted["source"]
            add(label, *scored, len(result.doubts), round(result.randomized_coverage, 3))
    for peer in (MedianLogT(), DerSimonianLaird(), REML(), GaussianTruth()):
        frame = leave_source_out(peer, claims)
        if predicted is not None:
            frame = frame.merge(predicted[keys], on=keys)
        inside = (frame["lower"] <= frame["count"]) & (frame["count"] <= frame["upper"])
        add(type(peer).__name__, inside, frame["log_mass"], frame["source"])
    return out


def merged(new: list[dict[str, object]]) -> list[dict[str, object]]:
    """Rows of the page as it is, and new ones in place of those of the same data and method."""

    def key(row: dict[str, object]) -> tuple[object, object]:
        return row["data"], row["method"]

    later = {key(row) for row in new}
    rows = [dict(row) for row in rows_of(OUTPUT) if key(row) not in later] + new
    return sorted(rows, key=lambda row: list(DATA).index(str(row["data"])))


def main() -> None:
    """Run all data sets and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default=",".join(DATA), help="names, separated by a semicolon")
    parser.add_argument("--folds", default="1,3")
    parser.add_argument("--draws", type=int, default=300, help="of each chain, where NUTS runs")
    arguments = parser.parse_args()
    chosen = [name for name in DATA if name in arguments.data]
    folds = [int(n) for n in arguments.folds.split(",")]
    for name in chosen:
        results = merged(rows(name, DATA[name](), folds, arguments.draws))
        lines = [
            "# Claims of sources left out, on real data", "",
            f"Printed by `python -m benchmarks.left_out`, {date.today()}, {processor()}, seed",
            f"{SEED}. Share of left-out counts inside 90 % predictive intervals, its standard",
            "error over sources, and the same of intervals that hold 90 % exactly, an end being",
            "inside as often as it takes (randomized: Czado, Gneiting & Held 2009); mean and",
            "median log predictive probability of a count (higher is better,",
            f"{FLOOR} standing for less), and how many are at that floor. A source left out whole",
            "is a stranger to all methods; in parts, its habits are learnt from what is left of",
            "it. Peers know strangers only. Sources that copy one another beyond one figure a",
            f"location seem exact: sums stop at bins of about {SUPPORT.finest:.0%} of a toll.",
            "Fits are short: those of an R-hat above 1.01 are doubtful.", "",
            *markdown(pd.DataFrame(results, columns=COLUMNS).fillna("-")),
        ]  # fmt: skip
        OUTPUT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
