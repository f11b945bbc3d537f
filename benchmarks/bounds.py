"""What bounds, denials and levels say, by default and as mere limits: bounds.md.

Run ``uv run python -m benchmarks.bounds``: a few minutes; ``--quick`` takes a smaller world.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

import tollest as te
from benchmarks.common import markdown
from tollest._sums import shards
from tollest.model.posterior import Model
from tollest.priors import Censored, Never, Priors
from tollest.simulation.worlds import Forms, simulate

SEED = 20_261_130
LIMITS = Model(
    priors=Priors(log_shortfall=Censored(), log_list_shortfall=Censored(), logit_denial=Never())
)
ALONE = (
    ("at least 2",), ("at least 17",), ("at least 4,000",), ("no more than 30",), ("0",),
    ("0", "0", "0"), ("0", "12"), ("0", "40"), ("0", "400"),
)  # fmt: skip
COUNTED = (3, 4, 5, 6, 8, 9, 11, 14, 18, 28)  # 106 together, and as many in bounds
QUICK, LARGE = 10_000, 1_000_000
PAGE = Path(__file__).with_suffix(".md")


def estimated(rows, model=None, **options):
    """Estimate from rows of location, source and wording."""
    table = pd.DataFrame(rows, columns=["location", "source", "wording", *options.pop("more", ())])
    claims = te.Claims.from_table(table, **options)
    return te.estimate(claims, model=model, rng=SEED, progress=False)


def interval(estimate, location=None):
    """Median and 90 % interval as text, of a location or of the total."""
    table = estimate.total().table() if location is None else estimate.table()
    row = table.iloc[0] if location is None else table.loc[location]
    return f"{row['median']:,.0f} ({row['lower']:,.0f} to {row['upper']:,.0f})"


def alone():
    """One location, by default and with bounds as limits."""
    rows = []
    for said in ALONE:
        claims = [("Arden", f"source {j}", wording) for j, wording in enumerate(said)]
        rows.append((
            ", ".join(said),
            *(interval(estimated(claims, model), "Arden") for model in (None, LIMITS)),
        ))  # fmt: skip
    return pd.DataFrame(rows, columns=["claims", "by default", "as limits"])


def beside_counts():
    """Total of ten locations with bounds and of ten with counts, all in one estimate."""
    rows = [(f"C{i}", "press", str(n)) for i, n in enumerate(COUNTED)]
    rows += [(f"B{i}", "press", f"at least {n}") for i, n in enumerate(COUNTED)]
    out = []
    for model in (None, LIMITS):
        estimate = estimated(rows, model)
        by = {name: name[0] for name in estimate.claims.locations}
        total = estimate.total(by).table()
        out.append([
            f"{row['median']:,.0f} ({row['lower']:,.0f} to {row['upper']:,.0f})"
            for _, row in total.loc[["C", "B"]].iterrows()
        ])  # fmt: skip
    stated = sum(COUNTED)
    return pd.DataFrame(
        {"of": [f"ten counts of {stated}", f"ten bounds of {stated}"], "by default": out[0],
         "as limits": out[1]}
    )  # fmt: skip


def vague_parts():
    """Largest median of ten vague parts of known wholes, over the largest counted part."""
    rng = np.random.default_rng(SEED)
    rows, counted = [], []
    for i in range(10):
        whole, part = int(rng.integers(300, 3000)), int(rng.integers(4, 40))
        counted.append(part)
        rows += [
            (f"S{i}", "registry", str(whole), None, "verified"),
            (f"S{i} counted", "press", str(part), f"S{i}", None),
            (f"S{i} vague", "press", "at least 2", f"S{i}", None),
        ]
    estimate = estimated(rows, more=("parent", "kind"))
    medians = estimate.table()["median"].filter(like="vague")
    return medians.max(), max(counted), estimate.doubts


def cost(n):
    """Seconds of a gradient of a world with a third of bounds, over one of counts alone."""
    out = []
    for forms in (Forms(), Forms(at_least=1 / 3)):
        claims = simulate(n, 8, forms=forms, rng=SEED).claims
        posterior = Model().given(claims)
        theta = np.array([-1.0 if e.half or "scatter" in e.name else 0.3
                          for e in posterior.entries])  # fmt: skip
        point = posterior.parameters(theta)
        pieces = posterior.parts[0].shards
        spent = []
        for _ in range(3):
            start = time.process_time()
            shards.add_sums(shards.run(piece, [point], True, False) for piece in pieces)
            spent.append(time.process_time() - start)
        out.append((min(spent), posterior.problem.level.size))
    return out


def main():
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    n = QUICK if parser.parse_args().quick else LARGE
    most, largest, doubts = vague_parts()
    (plain, n_plain), (bounded, n_bounded) = cost(n)
    lines = [
        "# What bounds, denials and levels say", "",
        "Made by `uv run python -m benchmarks.bounds`. Medians and 90 % intervals. As limits: "
        "`Priors(log_shortfall=Censored(), log_list_shortfall=Censored(), logit_denial=Never())`.",
        "", "## One location", "", *markdown(alone()), "",
        "## Ten bounds beside ten counts of the same numbers, all of one source", "",
        *markdown(beside_counts()), "",
        "## Vague parts of known wholes", "",
        "Ten wholes of 300 to 3,000, each known, with one part counted and one of which somebody "
        f'says "at least 2": the largest median of a vague part is {most}; the largest counted '
        f"part is {largest}.", *(f"DOUBTFUL: {doubt}" for doubt in doubts), "",
        "## Cost", "",
        f"A gradient at {n:,} locations of which a third of all claims are bounds takes "
        f"{bounded / plain:.2f} times the CPU seconds of one with counts alone ({bounded:.2f} and "
        f"{plain:.2f} s; {n_bounded:,} and {n_plain:,} patterns).",
    ]  # fmt: skip
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
