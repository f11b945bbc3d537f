"""Claims in many files, estimated by workers of Dask with little memory each."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

import tollest as te
from benchmarks.common import markdown
from benchmarks.measuring import Store, fresh, peak_mib
from tollest.simulation.worlds import draw_truth, simulate

SEED = 20_261_127
N_SOURCES, MEMORY = 8, "2GiB"
CASES = {30_000_000: 30}  # claims, and files that they are in
QUICK = {90_000: 3}


def simulated(folder, n_claims, n_files, seed):
    """Write files of claims by the same sources, and the true tolls of the first beside them."""
    truth = draw_truth(N_SOURCES, rng=seed)
    n_locations = round(n_claims / n_files / 3)
    for i in range(n_files):
        simulation = simulate(
            n_locations, N_SOURCES, claims_per_location=3.0, truth=truth,
            rng=np.random.default_rng((seed, i)),
        )  # fmt: skip
        claims = simulation.claims
        location = claims.location_index
        names = np.array([f"{i}-{name}" for name in claims.locations], dtype=object)
        pd.DataFrame(
            {
                "location": names[location],
                "source": np.array(claims.sources, dtype=object)[claims.source_index],
                "count": claims.lower,
            }
        ).to_parquet(Path(folder) / f"claims-{i:03d}.parquet", index=False)
        if i == 0:
            np.save(Path(folder) / "tolls.npy", simulation.tolls)
    return {}


def measured(n_claims, n_files, limit):
    """Seconds, and the most memory that any worker held."""
    with TemporaryDirectory() as folder:
        problem = fresh(
            "cluster:simulated", limit, folder=folder, n_claims=n_claims, n_files=n_files,
            seed=SEED,
        )  # fmt: skip
        if "failed" in problem:
            return problem
        return fresh("cluster:whole_way", limit, folder=folder)


def whole_way(folder):
    """From files of claims to files of tolls."""
    from distributed import Client, LocalCluster

    folder = Path(folder)
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, memory_limit=MEMORY, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        began = client.run(peak_mib)
        marks = [time.perf_counter()]
        estimate = te.distributed.estimate_files(folder, client=client, rng=SEED, progress=False)
        marks.append(time.perf_counter())
        tolls = estimate.write(folder / "tolls")
        marks.append(time.perf_counter())
        peaks = client.run(peak_mib)
    table, truth = pd.read_parquet(tolls[0]), np.load(folder / "tolls.npy")
    inside = (table["lower"].to_numpy() <= truth) & (truth <= table["upper"].to_numpy())
    return {
        "n_claims": int(estimate.frame.n_claims.sum()), "n_files": len(tolls),
        "estimate": marks[1] - marks[0], "write": marks[2] - marks[1],
        "before": max(began.values()), "peak": max(peaks.values()), "here": peak_mib(),
        "n_lost": len(set(began) - set(peaks)), "inside": float(inside.mean()),
        "theta": estimate.theta.summary,
    }  # fmt: skip


def measure(store: Store, options) -> None:
    """Measure all cases."""
    for n_claims, n_files in (QUICK if options.quick else CASES).items():
        name = f"claims.{n_claims}"
        if options.wants(store, name):
            store.put(name, measured(n_claims, n_files, options.limit))


def row(name, result):
    """One row of the table."""
    if "failed" in result:
        return {"claims": f"{int(name.partition('.')[2]):,}", "draws of theta": result["failed"]}
    return {
        "claims": f"{result['n_claims']:,}",
        "files": result["n_files"],
        "estimate, s": f"{result['estimate']:.0f}",
        "tolls written, s": f"{result['write']:.0f}",
        "most of a worker, MiB": f"{result['peak']:,.0f}",
        "at the start, MiB": f"{result['before']:,.0f}",
        "workers lost": result["n_lost"],
        "of the client, MiB": f"{result['here']:,.0f}",
        "true tolls inside 90 %": f"{result['inside']:.3f}",
        "draws of theta": result["theta"],
    }


def page(store: Store, options) -> list[str]:
    """Lines of the section."""
    table = pd.DataFrame([row(*pair) for pair in store.found("claims.").items()]).fillna("-")
    return [
        "## Workers with little memory", "",
        *store.origin(),
        f"Claims of {N_SOURCES} sources, about three a location, in Parquet files, estimated by "
        f"two local workers of Dask of one thread and {MEMORY} each, which Dask ends when they "
        "hold more; tolls written file by file. Coverage is of the first file's tolls. Kernels "
        "are compiled already.", "",
        *(markdown(table) if len(table) else ["Not measured yet."]), "",
    ]  # fmt: skip
