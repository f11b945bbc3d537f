"""One gradient of the log marginal density beside the least that its cells could cost.

A cell is a point of support in the window of a pattern of claims, both as the engine visits them.
The bare pass spends one exponential and three multiply-adds on each, and nothing else.
"""

import time
from unittest import mock

import numpy as np
import pandas as pd
from numba import njit

from benchmarks.common import markdown, world
from benchmarks.measuring import Store, fresh
from tollest._sums.mass import FAST, SUMS, exp
from tollest._sums.windows import windows_at
from tollest.engines.settling import coarse
from tollest.model.posterior import Model

SIZES = (10_000, 100_000, 1_000_000)
QUICK_SIZES = (300, 1000)
N_SOURCES = 8
SEED = 20_261_124
REPEATS = {10_000: 200, 100_000: 40, 1_000_000: 12}  # of each, in turn


@njit(fastmath=FAST, error_model="numpy")
def _exponentials(x, a, n, work):
    part, out = x[a : a + n], work[:n]
    for k in range(n):
        out[k] = exp(part[k])


@njit(fastmath=SUMS, error_model="numpy")
def _weighted(rows, a, n, work):
    mass, u, v, w = work[:n], rows[0, a : a + n], rows[1, a : a + n], rows[2, a : a + n]
    one = two = three = 0.0
    for k in range(n):
        one += mass[k] * u[k]
        two += mass[k] * v[k]
        three += mass[k] * w[k]
    return one + two + three


@njit(error_model="numpy")
def bare(x, rows, low, high, work):
    """One exponential and three multiply-adds a cell; both loops run in vector registers."""
    total = 0.0
    for p in range(low.size):
        _exponentials(x, low[p], high[p] - low[p], work)
        total += _weighted(rows, low[p], high[p] - low[p], work)
    return total


def seconds(function, *arguments):
    """Time of one call."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def gradient(posterior, theta, threads):
    """Time of one gradient by so many threads, which else are as many as there are processors."""
    with mock.patch("os.cpu_count", return_value=threads):
        return seconds(posterior.log_density_and_gradient, theta)


def at_truth(posterior, truth):
    """Theta that claims were simulated from; of populations, what `draw_truth` draws from."""
    known = {
        "mu": truth.mu, "log_tau": np.log(truth.tau), "bias_mean": 0.0,
        "log_bias_sd": np.log(0.2), "log_scatter_mean": np.log(0.15),
        "log_log_scatter_sd": np.log(0.3), "logit_repeat_mean": 0.0, "log_logit_repeat_sd": 0.0,
        "log_figure_scatter": np.log(truth.figure_scatter), "common_bias": truth.common_bias,
    }  # fmt: skip
    effects = {
        "bias": truth.bias,
        "log_scatter": np.log(truth.scatter),
        "logit_repeat": np.log(truth.repeat / (1.0 - truth.repeat)),
    }
    sources = posterior.claims.sources
    return np.array([
        known[e.name] if e.member is None else effects[e.name][sources.index(e.member)]
        for e in posterior.entries
    ])  # fmt: skip


def measured(n_locations, n_sources, repeats, seed):
    """Least seconds of gradient and bare pass, taken in turn, and what they ran over."""
    simulation = world(n_locations, n_sources, seed)
    posterior = Model().given(simulation.claims)
    posterior = posterior.on(coarse(posterior))
    theta = at_truth(posterior, simulation.theta)
    problem = posterior.problem
    low, high = windows_at(problem, posterior.parameters(theta))
    rng = np.random.default_rng(seed)
    x = problem.grid.x
    rows, work = rng.random((3, x.size)), np.empty(x.size)
    arguments = (-x, rows, low, high, work)
    bare(*arguments)
    gradient(posterior, theta, 2)
    times = {"one": [], "two": [], "bare": []}
    for _ in range(repeats):
        times["one"].append(gradient(posterior, theta, 1))
        times["bare"].append(seconds(bare, *arguments))
        times["two"].append(gradient(posterior, theta, 2))
    return {
        "n_locations": n_locations, "n_patterns": int(low.size),
        "n_support": int(x.size), "n_cells": int((high - low).sum()), "repeats": repeats,
        **{name: min(values, default=None) for name, values in times.items()},
    }  # fmt: skip


def measure(store: Store, options) -> None:
    """Measure all sizes."""
    for n_locations in QUICK_SIZES if options.quick else SIZES:
        name = f"locations.{n_locations}"
        if options.wants(store, name):
            repeats = REPEATS.get(n_locations, 5)
            result = fresh(
                "floor:measured", options.limit, n_locations=n_locations, n_sources=N_SOURCES,
                repeats=repeats, seed=SEED,
            )  # fmt: skip
            store.put(name, result)


def row(name, result):
    """One row of the table."""
    if "failed" in result:
        return {"locations": f"{int(name.rpartition('.')[2]):,}", "repeats": result["failed"]}
    cells = result["n_cells"]
    two = result["two"]
    return {
        "locations": f"{result['n_locations']:,}",
        "patterns": f"{result['n_patterns']:,}",
        "points": result["n_support"],
        "cells": f"{cells:,}",
        "gradient, ms": f"{1e3 * result['one']:.2f}",
        "bare pass, ms": f"{1e3 * result['bare']:.2f}",
        "gradient, ns a cell": f"{1e9 * result['one'] / cells:.2f}",
        "bare pass, ns a cell": f"{1e9 * result['bare'] / cells:.2f}",
        "ratio": f"{result['one'] / result['bare']:.2f}",
        "two threads, ms": f"{1e3 * two:.2f}" if two else "-",
        "gain of two threads": f"{result['one'] / two:.2f}" if two else "-",
        "repeats": result["repeats"],
    }


def page(store: Store, options) -> list[str]:
    """Lines of the section."""
    found = store.found("locations.")
    ordered = sorted(found.items(), key=lambda item: int(item[0].rpartition(".")[2]))
    table = pd.DataFrame([row(name, result) for name, result in ordered]).fillna("-")
    return [
        "## A gradient and its floor", "",
        *store.origin(),
        f"One gradient of the log marginal density by one thread, at {N_SOURCES} sources and "
        "about three claims a location, on the coarse support that engines start from, at the "
        "theta that the claims were simulated from. The floor is a bare compiled pass over the "
        "same windows of the same patterns: one exponential (the package's own, in vector "
        "registers) and three multiply-adds a cell. The two take turns in one process, and the "
        "least time of each counts. The gradient takes no exponential in its cells, but finds its "
        "windows, tabulates the masses of distinct claims and multiplies rows of them.", "",
        *(markdown(table) if len(table) else ["Not measured yet."]), "",
    ]  # fmt: skip
