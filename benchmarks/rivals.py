"""Effective draws a second, accuracy and coverage beside PyMC models and simpler methods."""

import numpy as np
import pandas as pd

from benchmarks.common import markdown
from benchmarks.measuring import Store, fresh

SEED = 1
SIZE = {"n_locations": 1000, "n_sources": 8}
QUICK_SIZE = {"n_locations": 20, "n_sources": 3}
SUPPORT = {"dense": 20, "width": 0.06}  # as coarse as that which the engines start from
NAMES = {
    "default": "default engine",
    "reference": "NUTS of this package, the reference",
    "textbook": "PyMC NUTS, tolls summed out (textbook)",
    "first": "PyMC NUTS, the model written first",
}


def measure(store: Store, options) -> None:
    """Measure all rivals."""
    size = QUICK_SIZE if options.quick else SIZE
    chains = {"chains": options.chains}
    textbook = {"draws": options.textbook_draws, "tune": options.textbook_tune} | chains
    first = {"draws": options.first_draws, "tune": options.first_tune} | chains
    reference = {"draws": options.reference_draws}
    if options.quick:
        textbook |= {"draws": 50, "tune": 50}
        first |= {"draws": 100, "tune": 100}
        reference = {"draws": 300}
    cases = {
        "default": ("rival_cases:default", {}),
        "reference": ("rival_cases:reference", reference),
        "first": ("rival_cases:first", first),
        "peers": ("rival_cases:peers", {}),
        "textbook": ("rival_cases:summed_out", textbook | SUPPORT),
    }
    for name, (function, arguments) in cases.items():
        if options.wants(store, name):
            result = fresh(function, options.limit, **size, seed=SEED, **arguments)
            store.put(name, result | {"size": size, "asked": arguments})


def speed(name: str, result: dict[str, object]) -> dict[str, object]:
    """One row of the table of draws."""
    if "failed" in result:
        return {"engine": NAMES[name], "quality": result["failed"]}
    asked, sampling = result["asked"], result["sampling"]
    tune = f" after {asked['tune']}" if "tune" in asked else ""
    drawn = f"{result['n_chains']} x {result['n_draws'] // result['n_chains']}{tune}"
    ess = result["ess"]
    return {
        "engine": NAMES[name],
        "draws": drawn,
        "seconds": f"{result['seconds']:.1f}",
        "of them sampling": "-" if sampling is None else f"{sampling:.1f}",
        "smallest ESS": f"{ess:.0f}",
        "ESS a second": f"{ess / result['seconds']:.2f}",
        "largest R-hat": "-" if result["rhat"] is None else f"{result['rhat']:.3f}",
        "quality": result["words"],
    }


def accuracy(name: str, result: dict[str, object], reference: dict[str, object]) -> list[dict]:
    """Rows of differences from the reference, in Monte Carlo errors of both together."""
    difference = np.array(result["quantiles"]) - np.array(reference["quantiles"])
    z = difference / np.hypot(result["mcse"], reference["mcse"])
    rows = [*zip(("5 %", "50 %", "95 %"), difference, z, strict=True), ("all", difference, z)]
    return [
        {
            "engine": NAMES[name], "quantiles": label, "compared": part.size,
            "largest, MCSE": f"{np.abs(part).max():.2f}",
            "rms, MCSE": f"{np.sqrt(np.mean(part**2)):.2f}", "over 4": int((abs(part) > 4).sum()),
            "largest difference": f"{np.abs(plain).max():.4f}",
        }
        for label, plain, part in rows
    ]  # fmt: skip


def covered(row: dict[str, object]) -> dict[str, object]:
    """One row of the table of intervals."""
    return {
        "method": row["method"],
        "seconds": f"{row['seconds']:.3f}" if row["seconds"] < 1 else f"{row['seconds']:.1f}",
        "of": row["words"],
        "coverage": f"{row['coverage']:.3f} ± {row['mcse']:.3f}",
        "log width": f"{row['width']:.3f}",
        "interval score": f"{row['score']:.3f}",
    }


def page(store: Store, options) -> list[str]:
    """Lines of the section."""
    found = store.found("")
    if not found:
        return ["## Rivals", "", "Not measured yet.", ""]
    size = next(iter(found.values()))["size"]
    done = {name: found[name] for name in NAMES if name in found}
    good = {name: result for name, result in done.items() if "failed" not in result}
    speeds = pd.DataFrame([speed(*item) for item in done.items()]).fillna("-")
    lines = [
        "## Rivals", "",
        *store.origin(),
        f"The same claims for all: {size['n_locations']:,} locations, {size['n_sources']} "
        f"sources, about three claims a location, simulated with seed {SEED}.", "",
        "### Effective draws a second", "",
        "ESS: the smallest bulk ESS over the biases and log scatters of all sources; of "
        "importance draws that of their weights. Seconds are of draws of theta alone, compilation "
        "of a PyMC model included, since each new table of claims is a new model. The textbook is "
        "`tests/textbook.py`, the package's model written densely in PyTensor, on a support of "
        f"{SUPPORT['dense']} whole numbers and bins of {SUPPORT['width']:.0%}. The model written "
        "first has a continuous log toll for every location and a normal error for every source; "
        "it knows no figure in circulation and so is another model. Both are sampled by nutpie.",
        "", *markdown(speeds), "",
    ]  # fmt: skip
    if "reference" in good:
        rows = [
            row for name in ("default", "textbook") if name in good
            for row in accuracy(name, good[name], good["reference"])
        ]  # fmt: skip
        lines += [
            "### Accuracy", "",
            "Quantiles of all biases and log scatters, less those of the reference, in Monte "
            "Carlo standard errors of both together. Where engines agree the rms is about 1; "
            "fewer draws make larger errors to divide by.", "",
            *(markdown(pd.DataFrame(rows)) if rows else ["Not measured yet."]), "",
        ]  # fmt: skip
    tolls = [row for name in ("default", "textbook", "first", "peers")
             for row in found.get(name, {}).get("tolls", [])]  # fmt: skip
    if tolls:
        lines += [
            "### Intervals of the true tolls", "",
            "Share of true tolls inside 90 % intervals of whole numbers (± its standard error "
            "were tolls independent), mean width and interval score on the log1p axis, half a "
            "death outwards; a lower score is better. The claims come from this package's own "
            "model, at sources of ordinary habits, which favours it.", "",
            *markdown(pd.DataFrame([covered(row) for row in tolls])), "",
        ]  # fmt: skip
    return lines
