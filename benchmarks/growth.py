"""Time and memory of the whole way, from claims on disk to tolls on disk, as problems grow."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from benchmarks.common import markdown
from benchmarks.measuring import Store, fresh

SEED = 20_261_125
PLAIN = {"n_locations": 10_000, "n_sources": 8, "claims_per_location": 3.0, "width": None}
FAMILIES = {
    "locations": "Locations, at 8 sources and about 3 claims a location",
    "sources": "Sources, at 10,000 locations and about 3 claims a location",
    "many": "Sources, at 1,000,000 locations and about 3 claims a location",
    "claims": "Claims a location, at 10,000 locations and 40 sources",
    "support": "Width of the bins of tolls, at 10,000 locations and 8 sources",
    "different": "Claims of counts that no two locations share, about 3 a location by 8 sources",
    "events": "Real events, each a range by one source",
}
QUICK = {
    "sources": "Sources, at 200 locations and about 3 claims a location",
    "claims": "Claims a location, at 200 locations and 40 sources",
    "support": "Width of the bins of tolls, at 200 locations and 8 sources",
}
QUICK_EVENTS = 2000
STEPS = ("read", "estimate", "table", "write")


def cases(quick: bool) -> dict[str, dict[str, object]]:
    """All cases but the events: ``family.value`` to what they are simulated with."""
    plain = PLAIN | {"n_locations": 200} if quick else PLAIN
    out = {}
    for n in (100, 300, 1000) if quick else (1000, 10_000, 100_000, 1_000_000):
        out[f"locations.{n}"] = plain | {"n_locations": n}
    for n in (3, 8) if quick else (3, 8, 50, 200, 1000):
        out[f"sources.{n}"] = plain | {"n_sources": n}
    for n in () if quick else (200,):
        out[f"many.{n}"] = plain | {"n_sources": n, "n_locations": 1_000_000}
    for n in (1, 3) if quick else (1, 3, 10, 30):
        out[f"claims.{n}"] = plain | {"n_sources": 40, "claims_per_location": float(n)}
    for width in (0.04, 0.02) if quick else (0.04, 0.02, 0.01, 0.005):
        out[f"support.{width}"] = plain | {"width": width}
    for n in (300, 1000) if quick else (10_000, 100_000, 1_000_000):
        out[f"different.{n}"] = plain | {"n_locations": round(n / 3), "different": True}
    return out


def measured(write, options, width=None, known=False, **arguments):
    """Measure one case, its claims written by another process."""
    with TemporaryDirectory() as folder:
        path, output = str(Path(folder) / "claims.parquet"), str(Path(folder) / "tolls.parquet")
        problem = fresh(write, options.limit, path=path, seed=SEED, **arguments)
        if "failed" in problem:
            return problem
        return fresh(
            "growth_cases:whole_way", options.limit, path=path, output=output, width=width,
            seed=SEED, known=known,
        )  # fmt: skip


def measure(store: Store, options) -> None:
    """Measure all cases."""
    for name, case in cases(options.quick).items():
        if options.wants(store, name):
            store.put(
                name, measured("growth_cases:simulated", options, **({"different": False} | case))
            )
    wanted = [name for name in ("events.known", "events.learnt") if options.wants(store, name)]
    if not wanted:
        return
    if options.ged is None or not Path(options.ged).exists():
        print("events: no file; give --ged or TOLLEST_GED.", flush=True)  # noqa: T201
        return
    csv, most = str(Path(options.ged).resolve()), QUICK_EVENTS if options.quick else None
    for name in wanted:
        known = name == "events.known"
        store.put(name, measured("growth_cases:events", options, known=known, csv=csv, most=most))


def in_order(results: dict[str, dict[str, object]]) -> list[tuple[str, dict[str, object]]]:
    """Results of one family by size, the widest support first."""
    pairs = [(name.partition(".")[2], result) for name, result in results.items()]

    def size(pair: tuple[str, object]) -> float:
        number = float(pair[0]) if pair[0][0].isdigit() else 0.0
        return number if number >= 1.0 else -number

    return sorted(pairs, key=size)


def row(value: str, result: dict[str, object]) -> dict[str, object]:
    """One row of a table."""
    first = {"case": f"{int(value):,}" if value.isdigit() else value}
    if "failed" in result:
        return first | {"draws of theta": result["failed"]}
    return first | {
        "claims": f"{result['n_claims']:,}",
        "patterns": f"{result['n_patterns']:,}",
        "points": f"{result['n_support']:,}",
        **{f"{step}, s": f"{result[step]:.2f}" for step in STEPS},
        "whole, s": f"{result['whole']:.1f}",
        "peak, MiB": f"{result['peak']:,.0f}",
        "before, MiB": f"{result['before']:,.0f}",
        "draws of theta": result["theta"] + (", doubtful" if result["n_doubts"] else ""),
    }


def exponents(results: list[tuple[str, dict[str, object]]]) -> list[str]:
    """Slopes of log time and log memory on log size, over the last two decades."""
    done = [(int(value), result) for value, result in results if "failed" not in result]
    done = [(n, result) for n, result in done if 100 * n >= done[-1][0]]
    if len(done) < 2:
        return []
    size = np.log([n for n, _ in done])

    def slope(values: list[float]) -> str:
        return f"{np.polyfit(size, np.log(np.maximum(values, 1e-6)), 1)[0]:.2f}"

    parts = [f"{slope([r[step] for _, r in done])} ({step})" for step in ("whole", *STEPS)]
    memory = slope([r["peak"] - r["before"] for _, r in done])
    return [
        f"Fitted growth exponents from {done[0][0]:,} to {done[-1][0]:,}, slopes of log time on "
        f"log size: {', '.join(parts)}; of the memory above that held before, {memory}.", "",
    ]  # fmt: skip


def page(store: Store, options) -> list[str]:
    """Lines of the section, and the figure."""
    lines = [
        "## Growth", "",
        *store.origin(),
        "Each case runs in a process of its own: claims in a Parquet file, read, estimated by the "
        "default engine, the table of tolls made and written to a Parquet file. Compilation and "
        "imports are outside the clock. Peak is the most memory the process has held, libraries "
        "included; before is that of the same process when the clock starts, a small estimate "
        "behind it. Points are those of the support that tolls were summed on in the end.", "",
    ]  # fmt: skip
    titles = FAMILIES | QUICK if options.quick else FAMILIES
    families = {name: in_order(store.found(f"{name}.")) for name in FAMILIES}
    picture = options.folder / "growth.png"
    if draw({name: families[name] for name in FAMILIES if name != "events"}, picture):
        lines += [f"![{ALT}]({picture.name})", ""]
    for name, results in families.items():
        lines += [f"### {titles[name]}", ""]
        if name == "events":
            lines += [EVENTS, ""]
        if not results:
            how = "give `--ged PATH` or `TOLLEST_GED`" if name == "events" else "not measured yet"
            lines += [f"Left out: {how}.", ""]
            continue
        lines += [*markdown(pd.DataFrame([row(*pair) for pair in results]).fillna("-")), ""]
        if name in ("locations", "different"):
            lines += exponents(results)
    return lines


EVENTS = (
    "Of one source nothing but its own word is known. Known: it is declared to have no bias and a "
    "scatter of 15 %, and what is left to learn are the tolls' centre and scale. Learnt: default "
    "priors, under which its scatter, the tolls' scale and its bias are told apart by little."
)
ALT = (
    "Six panels on logarithmic axes. Seconds to read, to estimate and to make and write the table "
    "against locations; peak memory against locations; seconds of the whole way against sources, "
    "claims a location, points of support, and claims of counts that no two locations share. A "
    "dotted line shows growth in proportion."
)
LINES = {
    "whole": ("o", "-", "black"), "read": ("s", "--", "0.35"), "estimate": ("^", "-.", "0.2"),
    "table and write": ("D", ":", "0.5"),
}  # fmt: skip


def draw(families, path: Path) -> bool:
    """Draw the curves; False where there is nothing to draw."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    done = {
        name: [(float(v), r) for v, r in results if "failed" not in r]
        for name, results in families.items()
    }
    if not any(done.values()):
        return False
    figure, axes = plt.subplots(2, 3, figsize=(12, 7), layout="constrained")
    at = iter(axes.flat)
    _times(next(at), "locations", done["locations"])
    memory = [(n, {"whole": r["peak"]}) for n, r in done["locations"]]
    _one(next(at), "locations", "peak memory, MiB", memory)
    _one(next(at), "sources", "whole way, s", done["sources"])
    _one(next(at), "claims a location", "whole way, s", done["claims"])
    points = sorted(((r["n_support"], r) for _, r in done["support"]), key=lambda p: p[0])
    _one(next(at), "points of support", "whole way, s", points)
    _one(next(at), "claims of counts no two locations share", "whole way, s", done["different"])
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return True


def _times(axis, label: str, results) -> None:
    """Seconds of each step against size."""
    for name, (marker, line, colour) in LINES.items():
        steps = name.split(" and ")
        y = [max(sum(r[step] for step in steps), 1e-4) for _, r in results]
        axis.plot(
            [n for n, _ in results], y, marker=marker, linestyle=line, color=colour, label=name,
            markerfacecolor="white" if name != "whole" else colour,
        )  # fmt: skip
    _finish(axis, label, "seconds", [(n, r["whole"]) for n, r in results])
    axis.legend(fontsize=8)


def _one(axis, label: str, height: str, results) -> None:
    """One curve against size."""
    points = [(n, r["whole"]) for n, r in results]
    axis.plot([n for n, _ in points], [y for _, y in points], "o-", color="black")
    _finish(axis, label, height, points)


def _finish(axis, label: str, height: str, points) -> None:
    """Log axes, and a line of growth in proportion through the last point."""
    axis.set(xlabel=label, ylabel=height)
    axis.grid(color="0.9")
    if points:
        axis.set(xscale="log", yscale="log")
        (n, y), first = points[-1], points[0][0]
        axis.plot([first, n], [y * first / n, y], linestyle=(0, (1, 3)), color="0.6", zorder=0)
