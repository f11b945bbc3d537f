"""Simulation-based calibration of the default engine, and coverage of its intervals.

Run as ``uv run python -m benchmarks.calibration``: worlds of three sizes are simulated from the
priors and estimated, and ``benchmarks/calibration.md`` says where the truths fell. Replicates are
kept in ``--store`` as they come, so that a run that was stopped goes on. ``--sizes 1x3:40``
shortens it; ``--sizes 6x3/3:40`` has wholes, of three parts each, up to one that holds all, and
``40x4s2z1`` two sides, by which sources are biased, and one covariate; in ``1x3f`` claims have
other forms, bounds and early ages among them.
Sections of other sizes are kept on the page.
"""

import argparse
import re
from datetime import date
from pathlib import Path

import pandas as pd

from benchmarks.common import markdown, processor
from tollest.calibration import Calibration, Design, calibrate
from tollest.simulation.worlds import Forms

# Worlds of each size: one of few locations says less of coverage.
SIZES = "1x3:1000,20x5:300,200x8:300,6x3/3:200,40x4s2z1:200,1x3f:150,20x5f:60"
FORMS = Forms(at_least=0.3, at_most=0.1, early=0.6)
SEED = 20_261_122
OUTPUT = Path(__file__).with_name("calibration.md")


def section(size: str, calibration: Calibration) -> list[str]:
    """Tables of one size."""
    n = len(calibration.replicates)
    n_nuts = sum(r.method == "NUTS" for r in calibration.replicates)
    ranks = calibration.uniformity()
    outside = ranks.index[~ranks["inside"]].tolist()
    jointly = ranks.index[~ranks["jointly_inside"]].tolist()
    return [
        f"## {size}", "",
        *(["Places are parts of wholes, and these of larger ones, up to one that holds all; each "
           "is claimed on. `total` is of that one.", ""] if "/" in size else []),
        *(["Sources are biased by two sides, of which each location has one, and tolls depend on "
           "a covariate.", ""] if size.endswith("s2z1") else []),
        *(["30 % of claims are of at least, 10 % of at most a number; claims on 60 % of locations "
           "are made at early ages, of six hours to ten days; sources deny.", ""]
          if size.endswith("f") else []),
        f"{n} replicates, {n_nuts} of them by NUTS, {calibration.n_doubtful} doubtful. Ranks of "
        f"{len(ranks)} quantities: {len(ranks) - len(outside)} inside the simultaneous 99 % band "
        f"of their own{f' (outside: {chr(44).join(outside)})' if outside else ''}; "
        f"{len(ranks) - len(jointly)} inside the 99 % band for all of them together"
        f"{f' (outside: {chr(44).join(jointly)})' if jointly else ''}. "
        f"Smallest p-value {ranks['p_value'].min():.3f}.", "",
        *markdown(calibration.coverage().reset_index().round(3)), "",
    ]  # fmt: skip


def kept() -> dict[str, list[str]]:
    """Sections of the page as it is, by their sizes."""
    if not OUTPUT.exists():
        return {}
    parts = OUTPUT.read_text().split("\n## ")[1:]
    return {part.split("\n")[0]: f"## {part}".split("\n") for part in parts}


def main() -> None:
    """Run all sizes and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default=SIZES)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--store", type=Path, default=Path("calibration_store"))
    arguments = parser.parse_args()
    arguments.store.mkdir(exist_ok=True)
    lines = [
        "# Calibration under the model", "",
        f"Printed by `python -m benchmarks.calibration`, {date.today()}, {processor()},",
        f"seed {SEED}. Unknowns are drawn from the default priors, tolls capped at 100,000; tolls",
        "and claims from them. `tolls` and `total` are of printed intervals, whose ends belong to",
        "them: where tolls are small they hold more than their level. `tolls, spread` counts a",
        "toll at an end in part.",
        "z: distance from the level in Monte Carlo standard errors.", "",
    ]  # fmt: skip
    sections = kept()
    for part in arguments.sizes.split(","):
        size, replicates = part.split(":")
        numbers = re.fullmatch(r"(\d+)x(\d+)(?:/(\d+))?(?:s(\d+))?(?:z(\d+))?f?", size).groups("0")
        n_locations, n_sources, parts, sides, covariates = map(int, numbers)
        design = Design(
            n_locations, n_sources, parts=parts, sides=sides, covariates=covariates,
            forms=FORMS if size.endswith("f") else None,
        )  # fmt: skip
        calibration = calibrate(
            design, n_replicates=int(replicates), rng=SEED, workers=arguments.workers,
            store=arguments.store / f"{size.replace('/', 'by')}.jsonl",
        )  # fmt: skip
        sections[size] = section(size, calibration)
        with pd.option_context("display.width", 120):
            print("\n".join(sections[size]), flush=True)  # noqa: T201 - the output is the point
        OUTPUT.write_text(
            "\n".join([*lines, *(line for part in sections.values() for line in part)])
        )


if __name__ == "__main__":
    main()
