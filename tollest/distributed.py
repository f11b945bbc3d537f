"""More claims than one machine holds: Parquet files of whole locations, shared out by Dask.

Each file is a shard. A pass of the engine is a map over the shards and a sum in their order;
tables of tolls are written shard by shard. What is computed, and in which order it is added up,
depends on the files alone, not on how many workers there are or which of them fail: answers agree
to rounding, and do so without any worker, too.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tollest._arrays import Floats, Integers
from tollest._progress import Reporter
from tollest._sums import shards
from tollest._sums.tables import Claimed, Parameters
from tollest.claims.problems import Problem
from tollest.claims.table import Claims, ClaimsError
from tollest.engines import ThetaDraws, surrogate_sampling
from tollest.engines.settling import settled_for_tolls
from tollest.engines.tuning import DEFAULT
from tollest.estimation import sources
from tollest.estimation.results import Estimate
from tollest.estimation.totals import Totals
from tollest.model.likelihood import Likelihood
from tollest.model.names import Names
from tollest.model.posterior import Model, Posterior
from tollest.priors import Never
from tollest.support import Support

if TYPE_CHECKING:
    import pandas as pd

_JOINED = 8  # sums that one task adds up
_MOST_NAMED = 10


def estimate_files(
    files: str | Path | Sequence[str | Path],
    *,
    client: Any = None,  # noqa: ANN401 - a dask.distributed.Client, which is optional
    model: Model | None = None,
    columns: Mapping[str, str] | None = None,
    rng: int | np.random.Generator | None = None,
    progress: bool = True,
) -> "ShardedEstimate":
    """Posterior of the tolls of claims in several Parquet files, by any number of workers.

    Parameters
    ----------
    files : path, or sequence of paths
        Parquet files as `Claims.read` takes them, or a folder of them, which are taken by name.
        All claims on a location are in one file. Workers read them, under these names.
    client : dask.distributed.Client, optional
        Whose workers compute; without it this process does, one file after the other, and the
        answer is the same.
    model, columns, rng, progress
        As in `tollest.estimate` and `Claims.read`.

    Returns
    -------
    ShardedEstimate

    Raises
    ------
    ClaimsError
        If claims on one location are in several files, or a file cannot be used; see
        `Claims.read`.
    FileNotFoundError
        If there is no such file, or no Parquet file in the folder.
    ValueError
        If no file is named, or two have the same name; or if there are so few claims that one
        process does better: read them together, and use `tollest.estimate`.

    Examples
    --------
    A cluster on this machine; with another address, on a real one::

        from dask.distributed import Client

        with Client(n_workers=2, threads_per_worker=1) as client:
            estimate = te.distributed.estimate_files("claims/", client=client, rng=1)
            estimate.write("tolls/")
    """
    model = model or Model()
    shards = Shards(_paths(files), dict(columns or {}), client)
    engine_rng, draws_rng = np.random.default_rng(rng).spawn(2)
    with Reporter(progress) as reporter:
        reporter.update("Reading", 0.0)
        names = shards.names()
        first = shards.first(model, names)

        def likelihood_on(support: Support) -> Likelihood:
            return shards.likelihood(replace(model, support=support), names, first)

        least_ess = DEFAULT.surrogate.ess_where_dear
        theta = surrogate_sampling.sample_surrogate(
            first, likelihood_on, least_ess, None, engine_rng, reporter
        )
        if theta is None:
            raise ValueError(
                f"{int(names.n_claims.sum()):,} claims are too few for this way of drawing theta; "
                "read all files together, and use tollest.estimate."
            )
        fine = settled_for_tolls(first, np.median(theta.flat, axis=0))
    return ShardedEstimate(shards, fine.model, names, theta, int(draws_rng.integers(2**63)))


@dataclass(frozen=True, eq=False)
class ShardedEstimate:
    """Posterior of tolls whose claims are in several files. Made by `estimate`.

    Attributes
    ----------
    shards : Shards
        The files, and who computes.
    model : Model
        The assumptions, with the support that sums over tolls run on.
    names : Names
        Names of all sources and groups.
    theta : ThetaDraws
        Draws of the continuous unknowns, and how they were made.
    entropy : int
        Seed of joint draws.
    """

    shards: "Shards"
    model: Model
    names: Names
    theta: ThetaDraws
    entropy: int

    @cached_property
    def _habits(self) -> dict[str, Floats]:
        layout = self.shards.first(self.model, self.names).layout_of_sources
        never = isinstance(self.model.priors.logit_repeat, Never)
        return sources.natural(layout, self.theta.flat, never=never)

    def sources(self, ci_prob: float = 0.9) -> "pd.DataFrame":
        """Habits of every source; see `tollest.Estimate.sources`."""
        return sources.sources_table(
            self.names.sources, self.names.n_claims_by_source, self._habits, ci_prob
        )

    def write(
        self, folder: str | Path, ci_prob: float = 0.9, ci_kind: str = "eti"
    ) -> tuple[Path, ...]:
        """Write the tolls' tables, one Parquet file for each file of claims.

        Parameters
        ----------
        folder : path
            Made where there is none; the workers write to it.
        ci_prob, ci_kind
            As in `tollest.Estimate.table`.

        Returns
        -------
        tuple of Path
            The files, in the order of those of the claims: names are theirs.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        targets = [str(folder / Path(path).name) for path in self.shards.paths]
        jobs = [(*self._of(i), target, ci_prob, ci_kind) for i, target in enumerate(targets)]
        self.shards.map(_write, jobs)
        return tuple(map(Path, targets))

    def total(self) -> Totals:
        """Total of all tolls, from joint draws; see `tollest.Estimate.total`."""
        jobs = [self._of(i) for i in range(len(self.shards.paths))]
        parts: list[Totals] = self.shards.map(_total, jobs)

        def added(name: str) -> Integers:
            return np.asarray(np.sum([getattr(part, name) for part in parts], axis=0))

        return replace(
            parts[0], samples=added("samples"), n_locations=added("n_locations"),
            n_silent=added("n_silent"), n_claims=added("n_claims"),
            documented=added("documented"), n_open=added("n_open"),
        )  # fmt: skip

    def _of(self, i: int) -> tuple[Any, ...]:
        """Give what a worker needs to estimate the tolls of file `i`."""
        # A stream a file: no two locations share their numbers.
        entropy = int(np.random.default_rng((self.entropy, i)).integers(2**63))
        shards = self.shards
        return shards.paths[i], shards.columns, self.model, self.names, self.theta, entropy

    def __repr__(self) -> str:
        """Say what was estimated and how."""
        return (
            f"Estimate from {int(self.names.n_claims.sum()):,} claims by "
            f"{len(self.names.sources):,} sources in {len(self.shards.paths)} files.\n"
            f"Computed by {self.theta.summary}."
        )


class _Seen(NamedTuple):
    """What one file holds."""

    names: Names
    locations: NDArray[np.uint64]  # hashes of their names


@dataclass(frozen=True, eq=False)
class Shards:
    """Files of claims, and who computes with them.

    Parameters
    ----------
    paths : tuple of str
        Files, in the order in which sums are taken.
    columns : dict of str to str
        As in `Claims.read`.
    client : dask.distributed.Client or None
        Whose workers compute; this process where there is none.
    """

    paths: tuple[str, ...]
    columns: dict[str, str]
    client: Any

    def map(self, function: Callable[..., Any], jobs: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Results of a function for each job, in the order of the jobs."""
        if self.client is None:
            return [function(*job) for job in jobs]
        futures = [self.client.submit(function, *job, pure=False) for job in jobs]
        return list(self.client.gather(futures))

    def names(self) -> Names:
        """Look through all files once.

        Raises
        ------
        ClaimsError
            If a location is in more than one.
        """
        seen: list[_Seen] = self.map(_look, [(path, self.columns) for path in self.paths])
        names, counts = np.unique(np.concatenate([s.locations for s in seen]), return_counts=True)
        if np.any(counts > 1):
            twice = names[counts > 1]
            found = self.map(_named, [(path, self.columns, twice) for path in self.paths])
            files: dict[str, list[str]] = {}
            for path, locations in zip(self.paths, found, strict=True):
                for location in locations:
                    files.setdefault(location, []).append(Path(path).name)
            shared = {name: held for name, held in files.items() if len(held) > 1}
            if shared:
                raise ClaimsError([
                    Problem(
                        f"claims on {name!r} are in {' and '.join(held)}; all claims on a "
                        "location belong in one file."
                    )
                    for name, held in list(shared.items())[:_MOST_NAMED]
                ])  # fmt: skip
        return Names.joined([s.names for s in seen])

    def first(self, model: Model, names: Names) -> Posterior:
        """Posterior of the first file, in this process."""
        return _posterior(self.paths[0], self.columns, model, names)

    def likelihood(self, model: Model, names: Names, like: Posterior) -> Likelihood:
        """Likelihood of all files, on the support of `model`; names are those of `like`."""
        jobs = [(path, self.columns, model, names) for path in self.paths]
        if self.client is None:
            problems = [_problems(*job) for job in jobs]

            def run(points: list[Parameters], gradient: bool, curvature: bool) -> shards.Sums:
                parts = [_run(problem, points, gradient, curvature) for problem in problems]
                total: shards.Sums = _tree(parts, _added)
                return total

            return Likelihood(like.entries, like.layout, like.n_informing, run)
        client = self.client
        # Kept where they were made; what is lost with a worker is made again from its file.
        futures = [client.submit(_problems, *job, pure=False) for job in jobs]

        def run_there(points: list[Parameters], gradient: bool, curvature: bool) -> shards.Sums:
            parts = [
                client.submit(_run, future, points, gradient, curvature, pure=False)
                for future in futures
            ]
            total = _tree(parts, lambda some: client.submit(_added, some, pure=False))
            return _result(total)

        return Likelihood(like.entries, like.layout, like.n_informing, run_there)


def _result(future: Any) -> shards.Sums:  # noqa: ANN401 - a future of Dask's
    try:
        found: shards.Sums = future.result()
    except CancelledError:
        raise RuntimeError("the cluster was closed while it computed") from None
    return found


def _tree(parts: list[Any], join: Callable[[list[Any]], Any]) -> Any:  # noqa: ANN401
    """Join parts, a few at a time, always in the same order."""
    while len(parts) > 1:
        parts = [join(parts[i : i + _JOINED]) for i in range(0, len(parts), _JOINED)]
    return parts[0]


def _paths(files: str | Path | Sequence[str | Path]) -> tuple[str, ...]:
    if isinstance(files, str | Path):
        folder = Path(files)
        if folder.is_dir():
            found = tuple(str(path.resolve()) for path in sorted(folder.glob("*.parquet")))
            if not found:
                raise FileNotFoundError(f"there is no Parquet file in {folder.name!r}.")
            return found
        files = [files]
    if not files:
        raise ValueError("files is empty; name one Parquet file or more, or a folder of them.")
    missing = [Path(path).name for path in files if not Path(path).is_file()]
    if missing:
        raise FileNotFoundError(f"there is no file {', '.join(map(repr, missing))}.")
    paths = tuple(str(Path(path).resolve()) for path in files)
    names = [Path(path).name for path in paths]
    if len(set(names)) < len(names):
        raise ValueError("two files have the same name; tables of tolls are named after them.")
    return paths


# What workers do.


def _posterior(path: str, columns: dict[str, str], model: Model, names: Names) -> Posterior:
    return Posterior(model, Claims.read(path, columns=columns), names)


def _look(path: str, columns: dict[str, str]) -> _Seen:
    claims = Claims.read(path, columns=columns)
    if claims.is_nested:
        raise ValueError(
            f"{path} has a column of parents, and wholes and parts are not estimated in shards; "
            "read all claims together and give them to tollest.estimate, or drop the column."
        )
    return _Seen(Names.of(claims), _hashed(claims.locations))


def _hashed(names: tuple[str, ...]) -> NDArray[np.uint64]:
    import pandas as pd

    return np.asarray(pd.util.hash_array(np.array(names, dtype=object)), np.uint64)


def _named(path: str, columns: dict[str, str], hashes: NDArray[np.uint64]) -> list[str]:
    locations = Claims.read(path, columns=columns).locations
    is_named = np.isin(_hashed(locations), hashes)
    return [locations[i] for i in np.flatnonzero(is_named)]


def _problems(path: str, columns: dict[str, str], model: Model, names: Names) -> list[Claimed]:
    return shards.shards(_posterior(path, columns, model, names).problem)


def _run(
    problems: list[Claimed], points: list[Parameters], gradient: bool, curvature: bool
) -> shards.Sums:
    # One after the other: Dask says how many tasks a worker has at a time.
    return shards.add_sums(
        shards.run(problem, points, gradient, curvature) for problem in problems
    )


def _added(parts: list[shards.Sums]) -> shards.Sums:
    return shards.add_sums(parts)


def _part(
    path: str, columns: dict[str, str], model: Model, names: Names, theta: ThetaDraws, entropy: int
) -> Estimate:
    return Estimate(_posterior(path, columns, model, names), theta, entropy)


def _write(*job: Any) -> None:  # noqa: ANN401 - as `_part`, and where to write
    *of_part, target, ci_prob, ci_kind = job
    _part(*of_part).to_parquet(target, ci_prob, ci_kind)


def _total(*job: Any) -> Totals:  # noqa: ANN401 - as `_part`
    return _part(*job).total()
