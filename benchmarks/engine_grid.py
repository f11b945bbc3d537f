"""Method, reliability and time of the default engine over sizes and seeds.

Run as ``uv run python -m benchmarks.engine_grid``: simulated problems of every size with five
seeds each, and the main example, each in a fresh generator of its own. The table is written
to ``benchmarks/engine_grid.md`` as it grows. ``--seeds 1 --sizes 1x1,10x8`` shortens it.
"""

import argparse
import time
from datetime import date
from pathlib import Path

import numpy as np

from benchmarks.common import problem, processor
from tollest import datasets
from tollest._progress import Reporter
from tollest.claims.table import Claims
from tollest.engines import NestedLaplace, ThetaDraws
from tollest.engines.base import has_converged, most_rhat
from tollest.engines.tuning import LIMITS
from tollest.model.posterior import Model

SIZES = "1x1,1x2,1x3,1x5,1x10,3x3,10x8,30x5,100x8,100x50,300x20,1000x8"
OUTPUT = Path(__file__).with_name("engine_grid.md")


def row(name: str, seed: int, claims: Claims) -> tuple[str, bool]:
    """One line of the table, and whether the draws are good enough."""
    posterior = Model().given(claims)
    start = time.perf_counter()
    theta = NestedLaplace().run(posterior, np.random.default_rng(seed), Reporter(False))
    seconds = time.perf_counter() - start
    good = is_good(theta)
    quality = f"{theta.pareto_k:.2f}" if theta.pareto_k is not None else f"{theta.rhat:.3f}"
    method = "importance" if theta.pareto_k is not None else "NUTS"
    cells = (name, seed, method, quality, f"{theta.ess:.0f}", theta.n_divergent,
             f"{seconds:.1f}", "yes" if good else "NO")  # fmt: skip
    return "| " + " | ".join(map(str, cells)) + " |", good


def is_good(theta: ThetaDraws) -> bool:
    """Whether the draws are such as the package asks for."""
    if theta.pareto_k is not None:
        return bool(theta.pareto_k <= LIMITS.most_k and theta.ess >= LIMITS.least_ess)
    return has_converged(theta.rhat, theta.ess, theta.theta.shape[2])


def main() -> None:
    """Run the grid and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default=SIZES)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    row("warm-up", 0, problem(2, 2))
    lines = [
        "# The default engine over sizes", "",
        f"Printed by `python -m benchmarks.engine_grid`, {date.today()}, {processor()}. k or",
        "R-hat: Pareto k of importance sampling, R-hat of NUTS. ESS: of the weights, or the",
        f"smallest over theta. Good: k of {LIMITS.most_k} at most, or R-hat of {most_rhat(1)} (of",
        f"{most_rhat(99)} where theta has many entries), and an ESS of {LIMITS.least_ess:.0f}.",
        "",
        "| locations x sources | seed | method | k or R-hat | ESS | divergent | seconds | good |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]  # fmt: skip
    coast = Claims.from_table(datasets.load("coastal_syria_2025")).as_of("2025-03-12")
    jobs = [("coastal Syria", 1, coast)]
    jobs += [
        (size, seed, problem(*map(int, size.split("x")), seed=seed))
        for size in arguments.sizes.split(",")
        for seed in range(arguments.seeds)
    ]
    head, n_good = len(lines), 0
    for name, seed, claims in jobs:
        line, good = row(name, seed, claims)
        n_good += good
        print(line, flush=True)  # noqa: T201 - the output is the point
        lines.append(line)
        OUTPUT.write_text("\n".join([*lines, "", f"{n_good} of {len(lines) - head} good."]) + "\n")


if __name__ == "__main__":
    main()
