"""One case of `benchmarks.growth`: claims written to a file, then the whole way to the tolls."""

import math
import time
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

import tollest as te
from benchmarks.common import problem
from benchmarks.measuring import peak_mib
from tollest.engines import NUTS
from tollest.priors import Fixed, Priors, Source
from tollest.simulation.worlds import draw_truth, simulate
from tollest.support import Support

_MOST = 10_000_000_000  # no claim is as large
_LARGE = {"mu": 15.0, "tau": 0.7}  # numbers enough for a million that all differ


def simulated(path, n_locations, n_sources, claims_per_location, different, seed):
    """Write simulated claims; if `different`, no count is claimed at two locations."""
    rng = np.random.default_rng(seed)
    truth = draw_truth(n_sources, rng=rng, **(_LARGE if different else {}))
    claims = simulate(
        n_locations, n_sources, claims_per_location=claims_per_location, truth=truth, rng=rng
    ).claims
    location = claims.location_index
    count = claims.lower.copy()
    if different:
        # Sources that repeat a figure at one location still do.
        pairs, of = np.unique(np.stack([count, location]), axis=1, return_inverse=True)
        steps = np.arange(pairs.shape[1])
        # The least that each has to rise to be above the one before.
        count = (np.maximum.accumulate(pairs[0] - steps) + steps)[of.ravel()]
    table = pd.DataFrame(
        {
            "location": np.array(claims.locations, dtype=object)[location],
            "source": np.array(claims.sources, dtype=object)[claims.source_index],
            "count": count,
        }
    )
    table[count < _MOST].to_parquet(path, index=False)
    return {}


def events(path, csv, most, seed):
    """Write events as ranges of one source: from the low to the high estimate of each."""
    ranges = te.readers.ucdp_ged(csv, disordered=te.readers.Span()).to_frame()
    if most is not None and len(ranges) > most:
        ranges = ranges.sample(most, random_state=seed)
    ranges[["location", "source", "lower", "upper"]].to_parquet(path, index=False)
    return {}


def _warm_up(seed):
    """Compile, and import what is imported late, outside the clock."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "claims.parquet"
        simulated(path, 400, 8, 3.0, False, seed)
        te.estimate(te.Claims.read(path), rng=seed, progress=False).table().to_parquet(path)
    te.estimate(problem(3, 3, seed), engine=NUTS(draws=20, runs=1), rng=seed, progress=False)


def whole_way(path, output, width, seed, known=False):
    """Seconds and memory from claims on disk to tolls on disk.

    Sources that are `known` have no bias and a scatter of 15 %, for certain.
    """
    warnings.simplefilter("ignore", te.DoubtfulEstimate)  # the summary says as much
    _warm_up(seed)
    before, marks = peak_mib(), [time.perf_counter()]
    claims = te.Claims.read(path)
    marks.append(time.perf_counter())
    word = Source(bias=Fixed(0.0), log_scatter=Fixed(math.log(0.15)))
    priors = Priors(sources=dict.fromkeys(claims.sources, word) if known else {})
    model = te.Model(priors=priors, support=Support(width=width) if width else Support())
    estimate = te.estimate(claims, model=model, rng=seed, progress=False)
    marks.append(time.perf_counter())
    table = estimate.table()
    marks.append(time.perf_counter())
    table.to_parquet(output)
    marks.append(time.perf_counter())
    steps = dict(zip(("read", "estimate", "table", "write"), np.diff(marks).tolist(), strict=True))
    posterior = estimate.posterior
    return {
        "n_claims": claims.n_claims, "n_locations": claims.n_locations,
        "n_patterns": int(posterior.problem.level.size),
        "n_support": int(posterior.problem.grid.x.size), "width": posterior.model.support.width,
        "n_theta": posterior.n_theta, **steps, "whole": marks[-1] - marks[0],
        "before": before, "peak": peak_mib(), "theta": estimate.theta.summary,
        "n_evaluations": estimate.theta.n_evaluations, "n_doubts": len(estimate.doubts),
    }  # fmt: skip
