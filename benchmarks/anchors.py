"""Known tolls of one half of the places, and intervals of the other half: anchors.md.

Run ``uv run python -m benchmarks.anchors``: hours; ``--splits 4`` takes four halves. What stands
in for the truth is not certain itself: a later count, a tracker with a wider definition that was
cut to the narrow one, a compiler whom others may have copied.

The same halves are known to a model without the error that all claims on a location share.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import tollest as te
from benchmarks.common import markdown, rows_of
from benchmarks.scores import coverage, interval_score, mean_log_width
from tollest.datasets import load

SEED = 20_261_130
SPLITS = 20
COLUMNS = [
    "data", "known", "splits", "places", "coverage", "least", "most", "interval score",
    "log width", "doubtful",
]  # fmt: skip
PAGE = Path(__file__).with_suffix(".md")
NO_ERROR = te.Model(priors=te.priors.Priors(log_location_error=te.priors.Never()))


@dataclass(frozen=True)
class Anchored:
    """Claims, and what later stands in for the truth; a row a claim, and a row a location."""

    claims: pd.DataFrame
    truth: pd.Series

    def known(self, names):
        """Claims with the truth of some locations as verified."""
        rows = self.truth.loc[names].rename("count").rename_axis("location").reset_index()
        rows = rows.assign(source="later", kind="verified")
        return te.Claims.from_table(pd.concat([self.claims, rows], ignore_index=True))


def soldiers():
    """Russian soldiers killed, by date, and the later count from registries."""
    table = load("russian_deaths_ukraine")
    is_later = table["kind"] == "verified"
    claims = table[~is_later & table["origin"].isna()].drop(columns="source")
    claims = claims.rename(columns={"family": "source"})
    columns = ["location", "source", "group", "kind", "count", "lower", "upper"]
    later = table[is_later].set_index("location")["count"].astype(int)
    return Anchored(claims[columns], later[sorted(claims["location"].unique())])


def police():
    """Killings by police in a state and year: two trackers, and one that finds more of them."""
    table = load("us_police_killings")
    table = table[table["year"].between(2015, 2019)]
    is_truth = table["source"] == "FE_NV"
    claims = table[table["source"].isin(["MPV", "WaPo", "Guardian"])]
    truth = table[is_truth].set_index("location")["count"]
    return Anchored(claims[["location", "source", "count"]], truth[claims["location"].unique()])


def battles():
    """Killed of a side in a battle: other compilers, and the oldest of most battles."""
    table = load("american_civil_war_battles")
    table = table[table["quantity"] == "killed"].drop(columns="quantity")
    truth = table[(table["source"] == "Fox1898") & (table["kind"] == "count")]
    truth = truth.set_index("location")["count"].astype(int)
    claims = table[(table["source"] != "Fox1898") & table["location"].isin(truth.index)]
    return Anchored(claims, truth[claims["location"].unique()])


DATA = {"soldiers": soldiers, "police": police, "battles": battles}


def intervals(claims, seed, model=None):
    """Intervals of all locations, and whether the estimate is doubtful."""
    estimate = te.estimate(claims, model=model, rng=seed, progress=False)
    return estimate.table(ci_prob=0.9)[["lower", "upper"]], bool(estimate.doubts)


def scored(name, data, splits):
    """Score halves without anchors, and with the other half known, in both ways."""
    rng, names = np.random.default_rng(SEED), data.truth.index.to_numpy()
    alone, is_doubtful = intervals(te.Claims.from_table(data.claims), SEED)
    rows = {"none": [], "half": [], "half, no error": []}
    doubts = dict.fromkeys(rows, 0) | {"none": int(is_doubtful)}
    for split in range(splits):
        known = rng.permutation(names)[: names.size // 2]
        held = np.setdiff1d(names, known)
        tables = {"none": alone}
        for label, model in (("half", None), ("half, no error", NO_ERROR)):
            tables[label], is_doubtful = intervals(data.known(known), SEED + split, model)
            doubts[label] += is_doubtful
        for label, table in tables.items():
            ends = table.loc[held, "lower"], table.loc[held, "upper"], data.truth[held]
            scores = coverage(*ends), interval_score(*ends), mean_log_width(*ends[:2])
            rows[label].append(scores)
            print(name, split, label, np.round(scores, 3), flush=True)  # noqa: T201
    out = []
    for label, scores in rows.items():
        inside, score, width = np.array(scores).T
        out.append({
            "data": name, "known": label, "splits": splits, "places": held.size,
            "coverage": f"{inside.mean():.3f}", "least": f"{inside.min():.2f}",
            "most": f"{inside.max():.2f}", "interval score": f"{score.mean():.2f}",
            "log width": f"{width.mean():.2f}", "doubtful": doubts[label],
        })  # fmt: skip
    return out


def main():
    """Score all data and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--splits", type=int, default=SPLITS)
    parser.add_argument("--data", default=",".join(DATA), help="names, separated by commas")
    arguments = parser.parse_args()
    rows = []
    for name in arguments.data.split(","):
        rows += scored(name, DATA[name](), arguments.splits)
    new = {row["data"] for row in rows}
    rows = [row for row in rows_of(PAGE) if row["data"] not in new] + rows
    rows.sort(key=lambda row: list(DATA).index(str(row["data"])))
    lines = [
        "# Known tolls of one half, intervals of the other", "",
        f"Made by `uv run python -m benchmarks.anchors --splits {arguments.splits} --data "
        f"{arguments.data}`. Of each data set halves are drawn; the",
        "tolls of one half are `verified`, and 90 % intervals of the other are held against what",
        "stands in for the truth: mean coverage, the least and the most of a split, the interval",
        "score and the width on the log1p axis; the same halves with nothing known. No error: the",
        "model without the error that all claims on a location share.", "",
        *markdown(pd.DataFrame(rows, columns=COLUMNS)),
    ]  # fmt: skip
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
