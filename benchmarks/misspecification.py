"""Coverage where the model is right and where it is wrong, beside what else one would use.

Run as ``uv run python -m benchmarks.misspecification``: worlds that break one assumption each are
simulated and estimated, by this package and by its peers, and ``benchmarks/misspecification.md``
and ``.png`` say how many true tolls the 90 % intervals hold, how wide they are and what the
interval score is. Replicates are kept in ``--store``, so that a run that was stopped goes on.
``--worlds "normal noise"`` runs a part; rows of other worlds are kept on the page.
"""

import argparse
import warnings
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.common import markdown, processor, rows_of
from benchmarks.peers import PEERS
from benchmarks.scores import coverage, interval_score, mean_log_width
from tollest import noise
from tollest.calibration import Design, calibrate, simulated
from tollest.model.posterior import Model
from tollest.simulation.faults import Copying, Jitter, OffSource, Rounding
from tollest.support import Support

SIZE = {"n_locations": 30, "n_sources": 6}
WORLDS = {
    "the model's own": Design(**SIZE),
    "Student t(3) noise": Design(**SIZE, noise=noise.StudentT(3)),
    "normal noise": Design(**SIZE, noise=noise.Normal()),
    "log-normal tolls": Design(**SIZE, toll=noise.Normal()),
    "one source off by 3": Design(**SIZE, faults=(OffSource(3.0),)),
    "half the sources copy, undeclared": Design(**SIZE, faults=(Copying(0.5),)),
    "rounded to one digit": Design(**SIZE, faults=(Rounding(1),)),
    "repeaters jitter by 2 %": Design(**SIZE, faults=(Jitter(0.02),)),
}
# Sources that copy with changes of 2 % seem to have scatters of 1 %: sums would run on ever
# narrower bins, for hours.
MODELS = {"repeaters jitter by 2 %": Model(support=Support(finest=0.01))}
SEED = 20_261_123
OUTPUT = Path(__file__).with_name("misspecification.md")


def rows(world: str, design: Design, n: int, workers: int, store: Path) -> list[dict[str, object]]:
    """Scores of all methods in one world, each with the standard error of its coverage."""
    calibration = calibrate(
        design, model=MODELS.get(world), n_replicates=n, rng=SEED, workers=workers,
        store=store / f"{world.replace(' ', '_')}.jsonl",
    )  # fmt: skip
    # The same worlds again, for the peers: each replicate has a stream of its own.
    entropy = int(np.random.default_rng(SEED).integers(2**62))
    claims = [
        simulated(design, Model(), np.random.default_rng([entropy, i]))[0].claims for i in range(n)
    ]
    tolls = [np.array(r.tolls) for r in calibration.replicates]
    ends = {
        "tollest": [(np.array(r.lower[2]), np.array(r.upper[2])) for r in calibration.replicates]
    }
    for peer in PEERS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            answers = [peer.estimate(c, 0.9) for c in claims]
        ends[type(peer).__name__] = [(a.lower, a.upper) for a in answers]
    out = []
    for method, exact in ends.items():
        # Whole numbers for all, and each number is half a death wide either way: an interval of
        # a single number has a width, too.
        intervals = [(np.rint(low), np.rint(high)) for low, high in exact]
        lower, upper = (np.concatenate(part) for part in zip(*intervals, strict=True))
        truth, half = np.concatenate(tolls), 0.5
        shares = [coverage(low, high, t) for (low, high), t in zip(intervals, tolls, strict=True)]
        outer = np.maximum(lower - half, 0.0), upper + half
        out.append(
            {
                "world": world,
                "method": method,
                "worlds": n,
                "coverage": coverage(lower, upper, truth),
                "mcse": np.std(shares, ddof=1) / len(shares) ** 0.5,
                "log width": mean_log_width(*outer),
                "interval score": interval_score(*outer, truth, 0.9),
            }
        )
    return out


def kept(chosen: list[str]) -> list[dict[str, object]]:
    """Rows of the page as it is, of other worlds than those chosen."""
    kinds = {"world": str, "method": str, "worlds": int}
    return [
        {name: kinds.get(name, float)(cell) for name, cell in row.items()}
        for row in rows_of(OUTPUT)
        if row["world"] not in chosen
    ]


def draw(table: pd.DataFrame) -> None:
    """One panel a world: coverage against mean log width."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    worlds = list(dict.fromkeys(table["world"]))
    figure, axes = plt.subplots(2, 4, figsize=(13, 6), sharex=True, sharey=True, squeeze=False)
    markers = dict(zip(dict.fromkeys(table["method"]), "osD^vPX", strict=False))
    for axis, world in zip(axes.flat, worlds, strict=False):
        axis.axhline(0.9, color="0.6", linewidth=1)
        for _, row in table[table["world"] == world].iterrows():
            ours = row["method"] == "tollest"
            axis.plot(
                row["log width"], row["coverage"], markers[row["method"]], label=row["method"],
                color="black" if ours else "0.45", markerfacecolor="black" if ours else "white",
            )  # fmt: skip
        axis.set_title(world, fontsize=9)
    figure.supxlabel("mean width of 90 % intervals, log scale")
    figure.supylabel("true tolls inside")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=7)
    figure.subplots_adjust(bottom=0.18)
    figure.savefig(OUTPUT.with_suffix(".png"), dpi=110)


def main() -> None:
    """Run all worlds; write the page and the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", default=";".join(WORLDS), help="separated by a semicolon")
    parser.add_argument("--replicates", type=int, default=60)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--store", type=Path, default=Path("calibration_store"))
    arguments = parser.parse_args()
    arguments.store.mkdir(exist_ok=True)
    chosen = arguments.worlds.split(";")
    results = kept(chosen)
    for world in chosen:
        results += rows(
            world, WORLDS[world], arguments.replicates, arguments.workers, arguments.store
        )
        results.sort(key=lambda row: [*WORLDS].index(row["world"]))
        table = pd.DataFrame(results)
        print(table[table["world"] == world].round(3).to_string(), flush=True)  # noqa: T201
        head = [
            "# Coverage where assumptions fail", "",
            f"Printed by `python -m benchmarks.misspecification`, {date.today()}, {processor()},",
            f"seed {SEED}: worlds of {SIZE['n_locations']} locations and",
            f"{SIZE['n_sources']} sources each, unknowns drawn from the default priors, then one",
            "fault. Share of true tolls inside 90 % intervals of whole numbers, its Monte Carlo",
            "standard error over worlds, mean width and interval score on the log1p scale, half a",
            "death outwards (less is better). Intervals of small tolls hold more than 90 %, their",
            "ends being part of them. Unknowns drawn from the priors of this package favour",
            "it in the first row; peers are the plain forms that users write first. In the last",
            "world sums of ours stop at bins of 1 % of a toll.", "",
        ]  # fmt: skip
        OUTPUT.write_text("\n".join([*head, *markdown(table.round(3))]) + "\n")
        draw(table)


if __name__ == "__main__":
    main()
