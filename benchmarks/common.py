"""What benchmarks share: problems from fixed seeds, and how results are written."""

import platform
from pathlib import Path

import pandas as pd

from tollest.claims.table import Claims
from tollest.simulation.worlds import Simulation, simulate


def world(n_locations: int, n_sources: int, seed: int = 0) -> Simulation:
    """Simulate claims, about three a location, and keep the truth behind them."""
    return simulate(n_locations, n_sources, claims_per_location=3.0, rng=seed)


def problem(n_locations: int, n_sources: int, seed: int = 0) -> Claims:
    """Claims of `world`."""
    return world(n_locations, n_sources, seed).claims


def processor() -> str:
    """Name of the processor, as the system gives it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores" if names else platform.processor()


def rows_of(page: Path) -> list[dict[str, str]]:
    """Rows of the table on a page that `markdown` wrote; none where there is no page."""
    if not page.exists():
        return []
    lines = [line for line in page.read_text().splitlines() if line.startswith("|")]
    head, _, *rows = [line.strip("| ").split(" | ") for line in lines]
    return [dict(zip(head, row, strict=True)) for row in rows]


def markdown(table: pd.DataFrame) -> list[str]:
    """Lines of a table in Markdown."""
    rows = [table.columns.astype(str), *table.astype(object).to_numpy()]
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return [lines[0], "| " + " | ".join(["---"] * table.shape[1]) + " |", *lines[1:]]
