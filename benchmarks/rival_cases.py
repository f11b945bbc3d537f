"""One rival of `benchmarks.rivals` each: its draws and what they are worth, or its intervals."""

import itertools
import time
import warnings

import numpy as np
import pymc as pm
from arviz_stats.base.array import array_stats

from benchmarks.common import world
from benchmarks.engine_agreement import QUANTILES, QUIET, Draws, quality, worth
from benchmarks.peers import (
    DerSimonianLaird,
    GaussianTruth,
    moment_tau2,
    poisson_variance,
    random_effects,
)
from benchmarks.readings import Readings
from benchmarks.scores import coverage, interval_score, mean_log_width
from tests.textbook import sample, textbook
from tollest import estimate
from tollest.engines import NUTS, NestedLaplace
from tollest.engines.traces import FromTrace
from tollest.estimation.results import DoubtfulEstimate, Estimate
from tollest.model.posterior import Model

COMPARED = ("bias", "log_scatter")  # of every source
LEVEL = 0.9
HALF = 0.5


def _prepared(n_locations, n_sources, seed):
    """Simulate a world and form the posterior of its claims, with all compiled."""
    warnings.simplefilter("ignore", DoubtfulEstimate)
    warm = Model().given(world(3, 3, seed).claims)
    NestedLaplace().run(warm, np.random.default_rng(seed), QUIET)
    NUTS(draws=20, runs=1).run(warm, np.random.default_rng(seed), QUIET)
    simulation = world(n_locations, n_sources, seed)
    posterior = Model().given(simulation.claims)
    posterior.problem  # noqa: B018 - the same table for all engines
    return simulation, posterior


def _of_draws(draws, seconds, words, sampling=None):
    """Say what draws, an entry a column, hold and are worth."""
    values, ess = draws.values, draws.ess
    columns = np.moveaxis(values, -1, 0)
    rhat = None
    if ess is None:
        ess = min(float(array_stats.ess(x, method="bulk")) for x in columns)
        rhat = max(float(array_stats.rhat(x)) for x in columns)
    quantiles, mcse = zip(*(draws.quantile(q) for q in QUANTILES), strict=True)
    return {
        "seconds": seconds, "sampling": sampling, "ess": ess, "rhat": rhat,
        "n_draws": int(np.prod(values.shape[:2])), "n_chains": values.shape[0], "words": words,
        "quantiles": np.array(quantiles).tolist(), "mcse": np.array(mcse).tolist(),
    }  # fmt: skip


def _compared(posterior, theta):
    """Draws of the entries that all engines are compared by."""
    keep = [j for j, entry in enumerate(posterior.entries) if entry.name in COMPARED
            and entry.member is not None]  # fmt: skip
    return Draws(theta.theta[:, :, keep], worth(theta))


def _scored(name, lower, upper, truth):
    """Coverage, width and score of 90 % intervals of whole numbers, half a death outwards."""
    low, high = np.rint(lower), np.rint(upper)
    inside = coverage(low, high, truth)
    outer = np.maximum(low - HALF, 0.0), high + HALF
    return {
        "method": name, "coverage": inside,
        "mcse": float(np.sqrt(inside * (1.0 - inside) / truth.size)),
        "width": mean_log_width(*outer), "score": interval_score(*outer, truth, LEVEL),
    }  # fmt: skip


def default(n_locations, n_sources, seed):
    """Run the default engine, then tolls from its draws."""
    simulation, posterior = _prepared(n_locations, n_sources, seed)
    start = time.perf_counter()
    theta = NestedLaplace().run(posterior, np.random.default_rng(seed), QUIET)
    seconds = time.perf_counter() - start
    start = time.perf_counter()
    answer = estimate(simulation.claims, rng=seed, progress=False)
    table = answer.table(ci_prob=LEVEL)
    tolls = _scored("default engine", table["lower"], table["upper"], simulation.tolls)
    tolls |= {"seconds": time.perf_counter() - start, "words": "estimate and table"}
    return _of_draws(_compared(posterior, theta), seconds, quality(theta)) | {"tolls": [tolls]}


def reference(n_locations, n_sources, draws, seed):
    """Run the package's own NUTS for long."""
    _, posterior = _prepared(n_locations, n_sources, seed)
    start = time.perf_counter()
    theta = NUTS(draws=draws).run(posterior, np.random.default_rng(seed + 1), QUIET)
    seconds = time.perf_counter() - start
    return _of_draws(_compared(posterior, theta), seconds, quality(theta))


def _sampled(model, **options):
    """Trace, seconds in all, and those of sampling alone where the sampler says."""
    start = time.perf_counter()
    trace = sample(model, **options)
    seconds = time.perf_counter() - start
    sampling = trace["posterior"].attrs.get("sampling_time")
    return trace, seconds, None if sampling is None else float(sampling)


def summed_out(n_locations, n_sources, draws, tune, chains, dense, width, seed):
    """Sample the textbook's model, tolls and figures summed out in PyTensor."""
    simulation, posterior = _prepared(n_locations, n_sources, seed)
    centred = np.bincount(simulation.claims.source_index).min(initial=0) >= 10
    model = textbook(simulation.claims, centred=bool(centred), dense=dense, width=width)
    trace, seconds, sampling = _sampled(model, draws=draws, tune=tune, chains=chains, rng=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theta = FromTrace(trace).run(posterior, np.random.default_rng(seed), QUIET)
    # Tolls by the package given these draws: their time is not the rival's.
    table = Estimate(posterior, theta, entropy=seed).table(ci_prob=LEVEL)
    name = "textbook's draws, tolls by this package"
    tolls = _scored(name, table["lower"], table["upper"], simulation.tolls)
    tolls |= {"seconds": seconds, "words": "sampling alone"}
    draws = _compared(posterior, theta)
    return _of_draws(draws, seconds, quality(theta), sampling) | {"tolls": [tolls]}


def first_model(claims):
    """Write down what comes to mind first: a log toll a location, a normal error a source."""
    location = claims.location_index
    with pm.Model(coords={"source": claims.sources, "location": claims.locations}) as model:
        mu = pm.Normal("mu", 2.0, 2.0)
        tau = pm.HalfNormal("tau", 1.0)
        log_toll = pm.Normal("log_toll", mu, tau, dims="location")
        bias = pm.Normal("bias", 0.0, 0.3, dims="source")
        scatter = pm.HalfNormal("scatter", 0.5, dims="source")
        source = claims.source_index
        centre = log_toll[location] + bias[source]
        pm.Normal("log_count", centre, scatter[source], observed=np.log1p(claims.lower))
    return model


def first(n_locations, n_sources, draws, tune, chains, seed):
    """Sample the model that a user writes first."""
    simulation = world(n_locations, n_sources, seed)
    trace, seconds, sampling = _sampled(
        first_model(simulation.claims), draws=draws, tune=tune, chains=chains, rng=seed,
        target_accept=0.8,
    )  # fmt: skip
    posterior = trace["posterior"]
    scatter = np.log(posterior["scatter"].to_numpy())
    values = np.concatenate([posterior["bias"].to_numpy(), scatter], axis=2)
    divergent = int(trace["sample_stats"]["diverging"].sum())
    ends = np.quantile(posterior["log_toll"].to_numpy(), (0.05, 0.95), axis=(0, 1))
    tolls = _scored("model written first", *np.expm1(np.maximum(ends, 0.0)), simulation.tolls)
    tolls |= {"seconds": seconds, "words": "sampling"}
    words = f"{divergent} divergent"
    return _of_draws(Draws(values, None), seconds, words, sampling) | {"tolls": [tolls]}


def _one_by_one(readings):
    """DerSimonian and Laird's synthesis, a location at a time."""
    ends = np.searchsorted(readings.location, np.arange(readings.n_locations + 1))
    for a, b in itertools.pairwise(ends):
        part = Readings(
            np.zeros(b - a, np.int64), readings.source[a:b], readings.low[a:b],
            readings.high[a:b], 1, readings.n_sources,
        )  # fmt: skip
        variance = poisson_variance(part)
        random_effects(part, variance, moment_tau2(part, variance), LEVEL)


def _timed(function, *arguments):
    start = time.perf_counter()
    result = function(*arguments)
    return result, time.perf_counter() - start


def peers(n_locations, n_sources, seed):
    """Run the methods without a sampler."""
    simulation = world(n_locations, n_sources, seed)
    claims, truth = simulation.claims, simulation.tolls
    DerSimonianLaird().estimate(world(3, 3, seed).claims, LEVEL)
    _, loop = _timed(_one_by_one, Readings.of(claims))
    rows = []
    for name, method, words in (
        ("DerSimonian-Laird", DerSimonianLaird(), f"{loop:.2f} s a location at a time"),
        ("Gaussian truth model", GaussianTruth(), "EM until it stands still"),
    ):
        answer, seconds = _timed(method.estimate, claims, LEVEL)
        rows.append(_scored(name, answer.lower, answer.upper, truth))
        rows[-1] |= {"seconds": seconds, "words": words}
    return {"tolls": rows}
