"""Simulation-based calibration: truths from the prior, and where estimates put them."""

import json
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tollest._arrays import Floats
from tollest._progress import Reporter
from tollest.calibration import ecdf
from tollest.calibration.replicates import LEVELS, Design, Replicate, replicate
from tollest.engines import AbstractEngine
from tollest.model.posterior import Model

if TYPE_CHECKING:
    import pandas as pd


def calibrate(
    design: Design,
    *,
    model: Model | None = None,
    engine: AbstractEngine | None = None,
    n_replicates: int = 300,
    rng: int | np.random.Generator | None = None,
    workers: int = 1,
    store: str | Path | None = None,
    progress: bool = True,
) -> "Calibration":
    """Simulate claims again and again, estimate, and keep where the truths fell [1]_.

    Parameters
    ----------
    design : Design
        What to simulate.
    model : Model, optional
        Whose priors truths are drawn from, and what estimates assume.
    engine : engine, optional
        How to compute; the default engine if left out.
    n_replicates : int
        Number of simulated worlds.
    rng : int, Generator or None
        Seed or generator. Each replicate has a stream of its own, by its number.
    workers : int
        Processes that share the replicates. With more than one, scripts need the usual
        ``if __name__ == "__main__":``.
    store : path, optional
        File that replicates are written to as they come, a line each. Where it exists already,
        from the same design, model, engine and seed, the replicates in it are not run again.
    progress : bool
        Whether to show progress.

    Returns
    -------
    Calibration

    Raises
    ------
    ValueError
        If `store` holds replicates of something else, or `n_replicates` is below 2.

    References
    ----------
    .. [1] Modrak, M. et al. (2025). Simulation-based calibration checking for Bayesian
       computation: the choice of test quantities shapes sensitivity. *Bayesian Analysis* 20(2),
       461-488. https://doi.org/10.1214/23-BA1404

    Examples
    --------
    >>> calibration = calibrate(Design(1, 2), n_replicates=4, rng=1, progress=False)
    >>> len(calibration.replicates)
    4
    """
    if n_replicates < 2:
        raise ValueError(f"n_replicates is {n_replicates}; there must be 2 or more.")
    model = model or Model()
    entropy = int(np.random.default_rng(rng).integers(2**62))
    header = json.dumps({"of": repr((design, model, engine)), "entropy": entropy})
    done = _read(Path(store), header) if store else {}
    missing = [i for i in range(n_replicates) if i not in done]
    run = partial(replicate, design, model, engine, entropy)
    with Reporter(progress) as reporter:
        for number, result in _each(run, missing, workers):
            done[number] = result
            if store:
                with Path(store).open("a") as file:
                    file.write(json.dumps({"number": number} | asdict(result)) + "\n")
            reporter.update(f"Replicate {len(done)} of {n_replicates}", len(done) / n_replicates)
    return Calibration(design, model, tuple(done[i] for i in range(n_replicates)))


def _each(
    run: "partial[Replicate]", numbers: list[int], workers: int
) -> Iterator[tuple[int, Replicate]]:
    """Replicates as they are ready, with their numbers."""
    if workers == 1:
        for number in numbers:
            yield number, run(number)
        return
    # A fork of a process with threads may lock up.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        futures = {pool.submit(run, number): number for number in numbers}
        for future in as_completed(futures):
            yield futures[future], future.result()


def _read(store: Path, header: str) -> dict[int, Replicate]:
    """Replicates in a store, which is begun where there is none."""
    if not store.exists():
        store.write_text(header + "\n")
        return {}
    first, *lines = store.read_text().split("\n")[:-1]  # a line cut short is run again
    store.write_text("\n".join([first, *lines]) + "\n")
    if first != header:
        raise ValueError(
            f"{store.name} holds replicates of another design, model, engine or seed; "
            "name another file, or delete it."
        )
    return dict(_decoded(json.loads(line)) for line in lines)


def _decoded(record: dict[str, Any]) -> tuple[int, Replicate]:
    number = record.pop("number")
    for name in ("toll_ranks", "tolls", "total_inside"):
        record[name] = tuple(record[name])
    for name in ("lower", "upper"):
        record[name] = tuple(map(tuple, record[name]))
    return number, Replicate(**record)


@dataclass(frozen=True, eq=False)
class Calibration:
    """Where truths fell in their estimates, over many simulated worlds.

    Attributes
    ----------
    design : Design
        What was simulated.
    model : Model
        What the estimates assumed.
    replicates : tuple of Replicate
        One for each world.
    """

    design: Design
    model: Model
    replicates: tuple[Replicate, ...]

    @property
    def n_doubtful(self) -> int:
        """Replicates whose estimate warned."""
        return sum(r.doubtful for r in self.replicates)

    @cached_property
    def ranks(self) -> "pd.DataFrame":
        """Posterior probability below the truth: a row a replicate, a column a quantity.

        Missing where a replicate lacks the quantity: a source without claims has no effects.
        """
        import pandas as pd

        return pd.DataFrame([r.ranks for r in self.replicates])

    def coverage(self) -> "pd.DataFrame":
        """How often intervals held the truth.

        Returns
        -------
        pandas.DataFrame
            A row for each kind of quantity and level, with the columns

            ``coverage, mcse``
                Share of truths inside, and its Monte Carlo standard error over replicates.
            ``z``
                Distance from the level in standard errors; missing for printed intervals.

            ``tolls`` and ``total`` are of printed intervals, whose ends are whole numbers and
            belong to them: where tolls are small these hold more than their level. ``tolls,
            spread`` counts a toll at an end of the interval in part, by which the level is met
            exactly where all is right; ``theta`` is of all continuous unknowns.
        """
        import pandas as pd

        theta = self.ranks.drop(columns=["toll", "total"]).to_numpy()
        spread = np.array([r.toll_ranks for r in self.replicates])
        tolls = np.array([r.tolls for r in self.replicates])
        rows = []
        for k, level in enumerate(LEVELS):
            lower = np.array([r.lower[k] for r in self.replicates])
            upper = np.array([r.upper[k] for r in self.replicates])
            shares = {
                "tolls": ((lower <= tolls) & (tolls <= upper)).mean(axis=1),
                "tolls, spread": (np.abs(spread - 0.5) < level / 2).mean(axis=1),
                "total": np.array([r.total_inside[k] for r in self.replicates], dtype=float),
                "theta": _mean_known(np.abs(theta - 0.5) < level / 2, ~np.isnan(theta)),
            }
            for name, share in shares.items():
                mcse = float(share.std(ddof=1)) / len(share) ** 0.5
                rows.append((name, level, float(share.mean()), mcse))
        table = pd.DataFrame(rows, columns=["of", "ci_prob", "coverage", "mcse"])
        with np.errstate(divide="ignore", invalid="ignore"):
            z = (table["coverage"] - table["ci_prob"]) / table["mcse"]
        table["z"] = z.where(~table["of"].isin(["tolls", "total"]))
        return table.sort_values(["of", "ci_prob"]).set_index(["of", "ci_prob"])

    def uniformity(self, prob: float = 0.99, rng: int | None = 0) -> "pd.DataFrame":
        """Whether the ranks of each quantity are uniform, as they are where all is right.

        Bands are simultaneous [1]_.

        Parameters
        ----------
        prob : float
            Probability that a calibrated quantity's ECDF stays in its band throughout.
        rng : int or None
            Seed of the simulated bands.

        Returns
        -------
        pandas.DataFrame
            Indexed by quantity: ``n`` replicates; ``inside`` its own simultaneous band of
            probability `prob`; ``jointly_inside``, the band that all quantities together stay in
            with at least that probability; ``p_value`` of ArviZ's test of uniformity.

        References
        ----------
        .. [1] Sailynoja, T., Burkner, P.-C., Vehtari, A. (2022). Graphical test for discrete
           uniformity and its applications in goodness-of-fit evaluation and multiple sample
           comparison. *Statistics and Computing* 32, 32.
           https://doi.org/10.1007/s11222-022-10090-6
        """
        import pandas as pd
        from arviz_stats.base.array import array_stats

        columns = {name: column.dropna().to_numpy() for name, column in self.ranks.items()}
        joint = 1.0 - (1.0 - prob) / len(columns)
        bands = {
            (n, p): ecdf.band(n, p, rng)
            for n in {len(values) for values in columns.values()}
            for p in (prob, joint)
        }
        rows = {
            name: (
                len(values),
                ecdf.stays_inside(values, bands[len(values), prob]),
                ecdf.stays_inside(values, bands[len(values), joint]),
                float(array_stats.uniformity_test(values)[0]),
            )
            for name, values in columns.items()
        }
        table = pd.DataFrame.from_dict(
            rows, orient="index", columns=["n", "inside", "jointly_inside", "p_value"]
        )
        table.index.name = "quantity"
        return table


def _mean_known(values: NDArray[np.bool_], known: NDArray[np.bool_]) -> Floats:
    """Mean of each row over what is known."""
    return np.asarray((values & known).sum(axis=1) / known.sum(axis=1), np.float64)
