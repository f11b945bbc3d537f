"""One gradient of claims on wholes and parts, and on totals to date, as trees grow."""

import time

import numpy as np
import pandas as pd

from benchmarks.common import markdown
from benchmarks.measuring import Store, fresh, peak_mib
from tollest.claims.table import Claims
from tollest.engines.settling import coarse
from tollest.model.posterior import Model

SEED = 20_261_126
N_PARTS = 10
FAMILIES = {
    "trees": f"Trees of a whole and {N_PARTS} parts, claims of three sources on each",
    "totals": "One chain of totals to date by three sources, a week apart",
}
CASES = {"trees": (100, 1000, 10_000, 100_000), "totals": (10, 100, 1000)}
QUICK = {"trees": (30, 100), "totals": (5, 10)}
REPEATS = 3


def trees(n_nodes, seed):
    """Claims on as many locations, about: wholes, each with its parts."""
    rng = np.random.default_rng(seed)
    n_wholes = max(n_nodes // (N_PARTS + 1), 1)
    tolls = np.maximum(rng.lognormal(2.0, 1.0, (n_wholes, N_PARTS)).astype(int), 1)
    rows = []
    for i, parts in enumerate(tolls):
        rows += [(f"W{i}", None, int(parts.sum()))]
        rows += [(f"W{i} P{j}", f"W{i}", int(toll)) for j, toll in enumerate(parts)]
    names, parents, truth = zip(*rows, strict=True)
    told = rng.lognormal(np.log(truth)[:, None], 0.15, (len(truth), 3)).astype(int)
    table = pd.DataFrame(
        {
            "location": np.repeat(names, 3), "parent": np.repeat(parents, 3),
            "source": np.tile(["clinic", "ministry", "press"], len(names)), "count": told.ravel(),
        }
    )  # fmt: skip
    complete = [name for name, parent in zip(names, parents, strict=True) if parent is None]
    return Claims.from_table(table, complete=complete)


def totals(n_totals, seed):
    """Claims on as many totals to date."""
    rng = np.random.default_rng(seed)
    truth = np.cumsum(rng.lognormal(3.0, 0.5, n_totals).astype(int) + 1)
    days = np.datetime64("2000-01-02") + 7 * np.arange(n_totals).astype("timedelta64[D]")
    told = rng.lognormal(np.log(truth)[:, None], 0.15, (n_totals, 3)).astype(int)
    table = pd.DataFrame(
        {
            "location": "front", "to": np.repeat(days, 3).astype("datetime64[s]"),
            "source": np.tile(["clinic", "ministry", "press"], n_totals), "count": told.ravel(),
        }
    )  # fmt: skip
    return Claims.from_table(table)


def measured(family, n, seed):
    """Seconds of reading and of one gradient, the least of several, and what it ran over."""
    before, start = peak_mib(), time.perf_counter()
    claims = {"trees": trees, "totals": totals}[family](n, seed)
    read = time.perf_counter() - start
    posterior = Model().given(claims)
    posterior = posterior.on(coarse(posterior))
    known = {"mu": 2.0, "log_tau": 0.0}
    theta = np.array([known.get(e.name, -1.9 if "scatter" in e.name else 0.0)
                      for e in posterior.entries])  # fmt: skip
    value = posterior.log_density_and_gradient(theta)[0]
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        posterior.log_density_and_gradient(theta)
        times.append(time.perf_counter() - start)
    return {
        "n_nodes": posterior.parts[1].layout.n_nodes, "n_claims": claims.n_claims, "read": read,
        "gradient": min(times), "is_finite": bool(np.isfinite(value)), "before": before,
        "peak": peak_mib(),
    }  # fmt: skip


def measure(store: Store, options) -> None:
    """Measure all sizes."""
    for family, sizes in (QUICK if options.quick else CASES).items():
        for n in sizes:
            name = f"{family}.{n}"
            if options.wants(store, name):
                store.put(
                    name,
                    fresh("nested:measured", options.limit, family=family, n=n, seed=SEED),
                )


def row(name, result):
    """One row of a table."""
    first = {"case": f"{int(name.rpartition('.')[2]):,}"}
    if "failed" in result:
        return first | {"nodes": result["failed"]}
    return first | {
        "nodes": f"{result['n_nodes']:,}", "claims": f"{result['n_claims']:,}",
        "read, s": f"{result['read']:.2f}", "gradient, ms": f"{1e3 * result['gradient']:,.2f}",
        "gradient, us a node": f"{1e6 * result['gradient'] / result['n_nodes']:.0f}",
        "peak, MiB": f"{result['peak']:,.0f}", "before, MiB": f"{result['before']:,.0f}",
    }  # fmt: skip


def page(store: Store, options) -> list[str]:
    """Lines of the section."""
    del options  # as the other sections have it
    lines = [
        "## Wholes and parts", "",
        *store.origin(),
        "One gradient of the log marginal density, all sums included, on the coarse support that "
        "engines start from. Nodes are locations, remainders, and the sums of pairs that many "
        "parts are added up by.", "",
    ]  # fmt: skip
    for family, title in FAMILIES.items():
        results = store.found(f"{family}.")
        ordered = sorted(results.items(), key=lambda item: int(item[0].rpartition(".")[2]))
        table = pd.DataFrame([row(*item) for item in ordered]).fillna("-")
        lines += [f"### {title}", "", *(markdown(table) if len(table) else ["Not measured yet."])]
        done = [r for _, r in ordered if "failed" not in r]
        if len(done) > 1:
            size, took = ([r[key] for r in done] for key in ("n_nodes", "gradient"))
            slope = np.polyfit(np.log(size), np.log(took), 1)[0]
            lines += ["", f"Growth exponent of a gradient: {slope:.2f}."]
        lines += [""]
    return lines
