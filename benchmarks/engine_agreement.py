"""Whether engines agree: default, NUTS, and a textbook PyMC model, in Monte Carlo errors.

Run as ``uv run python -m benchmarks.engine_agreement``, or in parts, as ``--problems 1x2,coast``:
rows of other problems are kept. ``--textbook 1x2,3x3`` says where the textbook is sampled, too
(``--textbook none`` for nowhere). It sums densely over location by figure by toll, takes hours
beyond a hundred locations, and knows no wholes and parts. The table is written to
``benchmarks/engine_agreement.md``.

Compared are the mean and the standard deviation of every entry of theta and, at some locations,
the probability of a toll up to the 5, 50 and 95 % quantiles by NUTS: quantiles of whole numbers
jump, probabilities do not. Each difference is divided by its Monte Carlo standard error (MCSE),
of chains from ArviZ, of importance draws the larger of that by the effective sample size of their
weights, which is too small where weights have long tails, and the spread of six other runs (of
entries of theta). The page says how much larger the latter is.
"""

import argparse
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from arviz_stats.base.array import array_stats
from scipy.stats import beta

from benchmarks.common import problem
from benchmarks.engine_grid import processor
from tests.textbook import sample, textbook
from tollest import datasets
from tollest._progress import Reporter
from tollest._sums import marginal
from tollest.claims.table import Claims
from tollest.engines import NUTS, NestedLaplace, ThetaDraws
from tollest.engines.settling import settled
from tollest.engines.traces import FromTrace
from tollest.estimation.masses import TollMasses
from tollest.model.posterior import Model, Posterior
from tollest.simulation.worlds import simulate

PROBLEMS = "1x2,1x3,1x5,3x3,5x4,10x8,30x5,100x8,coast,1000x8,6x3/3,coast nested"
TEXTBOOK = "1x2,1x3,1x5,3x3,5x4,10x8,30x5,coast"
OUTPUT = Path(__file__).with_name("engine_agreement.md")
QUANTILES = (0.05, 0.5, 0.95)
SIXTHS = (0.1586553, 0.8413447)  # a standard deviation either way
MOST_LOCATIONS = 10  # whose tolls are compared
MOST_NESTED = 4  # the same of wholes and parts, whose masses are dearer
OTHERS = 6  # further runs of importance sampling, whose spread is their error
QUIET = Reporter(False)


@dataclass
class Draws:
    """Numbers of each draw, with how many independent draws they are worth."""

    values: np.ndarray  # (n_chains, n_draws, n_numbers)
    ess: float | None  # of the weights; None for chains
    others: tuple[np.ndarray, ...] = ()  # the same of other runs, of importance draws

    def mean(self):
        """Give means and their MCSE."""
        flat = self.values.reshape(-1, self.values.shape[-1])
        if self.ess is None:
            return flat.mean(axis=0), self._mcse("mean")
        return flat.mean(axis=0), self._larger(flat.std(axis=0) / np.sqrt(self.ess), np.mean)

    def sd(self):
        """Give standard deviations and their MCSE."""
        flat = self.values.reshape(-1, self.values.shape[-1])
        if self.ess is None:
            return flat.std(axis=0), self._mcse("sd")
        square = (flat - flat.mean(axis=0)) ** 2
        variance = square.mean(axis=0)
        # Kenney and Keeping's: the variance of squares over four times that of the draws.
        mcse = np.sqrt(square.var(axis=0) / (4.0 * variance * self.ess))
        return np.sqrt(variance), self._larger(mcse, np.std)

    def quantile(self, prob):
        """Give quantiles and their MCSE."""
        columns = np.moveaxis(self.values, -1, 0)
        quantiles = np.quantile(columns.reshape(len(columns), -1), prob, axis=1)
        if self.ess is None:
            mcse = [float(array_stats.mcse(x, method="quantile", prob=prob)) for x in columns]
            return quantiles, np.array(mcse)
        # As of chains: half of what lies between the orders that a sixth of samples fall short
        # of and a sixth exceed.
        ends = beta.ppf(SIXTHS, self.ess * prob + 1.0, self.ess * (1.0 - prob) + 1.0)
        low, high = np.quantile(columns.reshape(len(columns), -1), ends, axis=1)
        return quantiles, (high - low) / 2

    def _larger(self, mcse, statistic):
        return np.maximum(mcse, self.spread(statistic)) if self.others else mcse

    def spread(self, statistic):
        """Give the standard deviation of a statistic over other runs."""
        return np.std([statistic(o, axis=(0, 1)) for o in self.others], axis=0, ddof=1)

    def _mcse(self, method):
        columns = np.moveaxis(self.values, -1, 0)
        return np.array([float(array_stats.mcse(x, method=method)) for x in columns])


@dataclass
class Answer:
    """What one engine says of a problem."""

    theta: Draws
    cdf: Draws
    quality: str
    seconds: float


def claims_of(name: str) -> Claims:
    """Claims of a problem: the main example, or simulated ones of a size, with wholes or not."""
    if name.startswith("coast"):
        table = datasets.load("coastal_syria_2025")
        table = table if name == "coast nested" else table.drop(columns="parent")
        return Claims.from_table(table).as_of("2025-03-12")
    size, _, parts = name.partition("/")
    if parts:
        return simulate(*map(int, size.split("x")), parts=int(parts), rng=1).claims
    return problem(*map(int, size.split("x")), seed=1)


def worth(theta: ThetaDraws) -> float | None:
    """Independent draws that resampled importance draws are worth; None for chains."""
    if theta.pareto_k is None:
        return None
    # Resampling adds its own error to that of the weights.
    return 1.0 / (1.0 / theta.ess + 1.0 / theta.theta.shape[1])


def chosen(posterior: Posterior) -> np.ndarray:
    """Locations whose tolls are compared: evenly over all, or over those on trees."""
    part = posterior.parts[-1]
    all_there_are = part.locations
    n = min(all_there_are.size, MOST_LOCATIONS if posterior.is_separable else MOST_NESTED)
    return all_there_are[np.unique(np.linspace(0, all_there_are.size - 1, n).astype(int))]


def conditionals(posterior: Posterior, theta: np.ndarray, locations) -> Iterable[TollMasses]:
    """Mass functions of locations' tolls, each given each row of `theta`, (n_draws, n_theta)."""
    if not posterior.is_separable:
        return nested_conditionals(posterior, theta, locations)
    return (single_conditionals(posterior, theta, location) for location in locations)


def single_conditionals(posterior: Posterior, theta: np.ndarray, location: int) -> TollMasses:
    """Mass function of one location's toll; see `conditionals`."""
    pattern = int(posterior.patterns[location])
    part = marginal.shard(posterior.problem, pattern, pattern + 1)
    masses = np.zeros((len(theta), part.grid.x.size))
    for i, row in enumerate(theta):
        marginal.add_toll_masses(part, posterior.parameters(row), 1.0, masses[i : i + 1])
    return TollMasses(*posterior.bins, masses)


def nested_conditionals(posterior: Posterior, theta: np.ndarray, locations) -> list[TollMasses]:
    """Mass functions of tolls on trees, whose evaluation gives all at once; see `conditionals`."""
    trees = posterior.parts[-1]
    places = trees.locations.tolist()
    some = replace(trees, nodes=trees.nodes[[places.index(i) for i in locations]])
    out = np.empty((len(locations), len(theta), posterior.bins[0].size))
    for i, row in enumerate(theta):
        masses = trees.new_masses()
        trees.add_masses(posterior.parameters(row), 1.0, masses)
        out[:, i] = some.on_bins(masses)
    return [TollMasses(*posterior.bins, masses) for masses in out]


def cdf(posterior: Posterior, theta: np.ndarray, locations, numbers) -> np.ndarray:
    """P(toll <= number | theta) for each draw, shape (*draws, n_locations * n_numbers)."""
    flat = theta.reshape(-1, theta.shape[-1])
    columns = []
    for masses, row in zip(conditionals(posterior, flat, locations), numbers, strict=True):
        columns += [1.0 - masses.at_least(int(number) + 1) for number in row]
    return np.column_stack(columns).reshape(*theta.shape[:2], -1)


def quantiles(posterior: Posterior, theta: np.ndarray, locations) -> np.ndarray:
    """Quantiles of tolls by thinned draws, shape (n_locations, n_quantiles)."""
    rows = []
    for masses in conditionals(posterior, theta[:: max(1, len(theta) // 1000)], locations):
        mean = TollMasses(masses.first, masses.last, masses.masses.mean(axis=0, keepdims=True))
        rows.append([int(mean.quantile(q)[0]) for q in QUANTILES])
    return np.array(rows)


def z_scores(a: Answer, b: Answer, names) -> dict[str, float]:
    """Every difference over its Monte Carlo standard error."""
    out = {}
    for what, one, other in (
        ("mean", a.theta.mean(), b.theta.mean()),
        ("sd", a.theta.sd(), b.theta.sd()),
        ("P", a.cdf.mean(), b.cdf.mean()),
    ):
        difference = one[0] - other[0]
        mcse = np.hypot(one[1], other[1])
        # Where neither has an error to speak of, rounding and bins are all that differs.
        z = difference / np.fmax(mcse, 1e-5)  # the MCSE of a constant is nan
        labels = names[1] if what == "P" else names[0]
        out |= {f"{what} {label}": float(value) for label, value in zip(labels, z, strict=True)}
    return out


def answers(name: str, draws: int, with_textbook: bool):
    """Run all engines on a problem; their answers, and the names of what is compared."""
    claims = claims_of(name)
    posterior = Model().given(claims)
    locations = chosen(posterior)
    engines = {"default": NestedLaplace(), "NUTS": NUTS(draws=draws)}
    thetas, seconds, others = {}, {}, {}
    for seed, (engine_name, engine) in enumerate(engines.items()):
        start = time.perf_counter()
        thetas[engine_name] = engine.run(posterior, np.random.default_rng(seed + 11), QUIET)
        seconds[engine_name] = time.perf_counter() - start
    if thetas["default"].pareto_k is not None:
        runs = [
            engines["default"].run(posterior, np.random.default_rng(100 + i), QUIET)
            for i in range(OTHERS)
        ]
        others["default"] = tuple(run.theta for run in runs)
    flat = thetas["NUTS"].flat
    fine = settled(posterior, np.median(flat, axis=0), posterior.model.support)
    numbers = quantiles(fine, flat, locations)
    names = (
        posterior.theta_names,
        [f"{claims.locations[i]} {int(q * 100)} %" for i in locations for q in QUANTILES],
    )
    out = {}
    for key, theta in thetas.items():
        ess = worth(theta)
        values = cdf(fine, theta.theta, locations, numbers)
        out[key] = Answer(
            Draws(theta.theta, ess, others.get(key, ())), Draws(values, ess),
            quality(theta), seconds[key],
        )  # fmt: skip
    if with_textbook:
        at = np.zeros((claims.n_locations, len(QUANTILES)), np.int64)
        at[locations] = numbers
        start = time.perf_counter()
        centred = np.bincount(claims.source_index).min(initial=0) >= 10
        trace = sample(textbook(claims, centred=bool(centred), cdf_at=at), draws=draws, rng=5)
        theta = FromTrace(trace).run(posterior, np.random.default_rng(0), QUIET)
        values = trace["posterior"]["toll_cdf"].to_numpy()[:, :, locations]
        values = values.reshape(*values.shape[:2], -1)
        out["textbook"] = Answer(
            Draws(theta.theta, None), Draws(values, None), quality(theta),
            time.perf_counter() - start,
        )  # fmt: skip
    return out, names


def quality(theta: ThetaDraws) -> str:
    """How good draws are, in a few words."""
    if theta.pareto_k is not None:
        return f"k {theta.pareto_k:.2f}, ESS {theta.ess:.0f}"
    return f"NUTS, R-hat {theta.rhat:.3f}, ESS {theta.ess:.0f}, {theta.n_divergent} divergent"


def rows(name: str, draws: int, with_textbook: bool) -> list[str]:
    """Lines of the table for one problem, a line a pair of engines."""
    found, names = answers(name, draws, with_textbook)
    theta = found["default"].theta
    ratio = "-"
    if theta.others:
        by_weights = theta.values.std(axis=(0, 1)) / np.sqrt(theta.ess)
        ratio = f"{np.sqrt(np.mean((theta.spread(np.mean) / by_weights) ** 2)):.2f}"
    pairs = [("default", "NUTS"), ("default", "textbook"), ("NUTS", "textbook")]
    lines = []
    for a, b in pairs:
        if b not in found:
            continue
        z = z_scores(found[a], found[b], names)
        worst = max(z, key=lambda key: abs(z[key]))
        over = sum(abs(value) > 4.0 for value in z.values())
        root = np.sqrt(np.mean(np.square(list(z.values()))))
        cells = (
            name, f"{a} - {b}", len(z), f"{abs(z[worst]):.2f}", worst, over, f"{root:.2f}",
            found[a].quality, found[b].quality,
            f"{found[a].seconds:.0f}, {found[b].seconds:.0f}",
            ratio if a == "default" else "-",
        )  # fmt: skip
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return lines


HEADER = """# Agreement of engines

Printed by `python -m benchmarks.engine_agreement`, {processor}. Differences of means and standard
deviations of all entries of theta, and of probabilities of tolls up to their 5, 50 and 95 %
quantiles, in Monte Carlo standard errors (z). Engines that agree have a root mean square z of
about 1, give or take since numbers move together, and 6 in 100,000 beyond 4 by chance alone.
The last column: how far six other runs of importance sampling spread in their means of
theta, in standard errors by the ESS of their weights (root mean square). Where it is above 1 that
ESS promises too much, and z is by the spread.

| problem | pair | compared | max abs z | of | over 4 | rms z | first | second | seconds | spread |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""


def written(known: dict[str, list[str]]) -> None:
    """Write the table, problems in their order."""
    order = [*PROBLEMS.split(","), *sorted(set(known) - set(PROBLEMS.split(",")))]
    lines = [line for name in order for line in known.get(name, [])]
    cells = [line.split(" | ") for line in lines]
    compared, over = sum(int(c[2]) for c in cells), sum(int(c[5]) for c in cells)
    head = HEADER.format(processor=processor())
    OUTPUT.write_text(head + "\n".join([*lines, "", f"{over} of {compared} are over 4."]) + "\n")


def already() -> dict[str, list[str]]:
    """Rows of earlier runs, by problem."""
    known: dict[str, list[str]] = {}
    if OUTPUT.exists():
        for line in OUTPUT.read_text().splitlines():
            if line.startswith("| ") and not line.startswith(("| problem", "| ---")):
                known.setdefault(line.split(" | ")[0].removeprefix("| "), []).append(line)
    return known


def main() -> None:
    """Run problems and write the table as it grows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--problems", default=PROBLEMS)
    parser.add_argument("--textbook", default=TEXTBOOK)
    parser.add_argument("--draws", type=int, default=4000, help="of each of four chains")
    arguments = parser.parse_args()
    known = already()
    for name in arguments.problems.split(","):
        known[name] = rows(name, arguments.draws, name in arguments.textbook.split(","))
        print("\n".join(known[name]), flush=True)  # noqa: T201 - the output is the point
        written(known)


if __name__ == "__main__":
    main()
