"""What all noise families, priors, engines and readers keep, and gradients against differences."""

from dataclasses import FrozenInstanceError, fields

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

import tollest as te
from tests.conftest import claims_of
from tollest import noise, priors
from tollest._progress import Reporter
from tollest._sums import mass
from tollest.model.prior_draws import draw_unknowns

EPSILON = np.finfo(float).eps
# Derivative by values at -2, -1, 1 and 2 steps: the error is of the fourth order in the step.
OFFSETS, COEFFICIENTS = np.array([-2, -1, 1, 2]), np.array([1, -8, 8, -1]) / 12


def check_gradient(function, at, gradient, scale=1.0, rtol=1e-6, noise=1e-13):
    """Compare `gradient` with differences of `function`, entry by entry.

    `scale`, of the shape of `at`, is the distance over which an entry changes the function's
    course. A step is right between rounding and curvature, so the best of three counts. A
    difference's rounding is that of the values, and `noise`, over the step.
    """
    at = np.asarray(at, float)
    scales = np.broadcast_to(scale, at.shape)
    for i in range(at.size):
        closeness = []
        for step in np.array([3e-2, 3e-3, 1e-4]) * scales[i]:
            values = []
            for offset in OFFSETS:
                shifted = at.copy()
                shifted[i] += offset * step
                values.append(function(shifted))
            difference = COEFFICIENTS @ values / step
            rounding = (noise + 20 * EPSILON * np.max(np.abs(values))) / step
            closeness.append(
                abs(difference - gradient[i]) / (rtol * max(abs(gradient[i]), 1e-3) + rounding)
            )
        assert min(closeness) < 1, f"entry {i} is {gradient[i]}, differences {difference}"


def check_noise(family, rng):
    """Hold `family` to what the model asks of every distribution on the log1p axis."""
    rng = np.random.default_rng(rng)
    _check_masses(family)
    _check_draws(family, rng)
    _check_derivatives(family)


def _check_masses(family):
    n = np.arange(400)
    for m, s in [(0.0, 0.02), (2.0, 0.5), (2.0, 3.0), (-4.0, 0.7), (9.0, 1.0)]:
        singles = noise.mass(n, n, m, s, family)
        beyond = noise.mass(400, None, m, s, family)

        assert_allclose(singles.sum() + beyond, 1.0, rtol=1e-13)
        assert np.all(singles >= 0)
        # An interval has the mass of its numbers.
        assert_allclose(noise.mass(3, 399, m, s, family), singles[3:].sum(), rtol=1e-12)
        assert_allclose(noise.mass(0, 399, m, s, family), singles.sum(), rtol=1e-12)
        assert_allclose(noise.mass(0, None, m, s, family), 1.0, rtol=1e-15)


def _check_draws(family, rng):
    m, s, n_draws = 2.0, 0.6, 40_000
    z = family.rvs(rng, n_draws)
    assert z.shape == (n_draws,)
    assert family.rvs(rng, (3, 2)).shape == (3, 2)
    # A draw on the log1p axis stands for the whole number whose edges it lies between.
    n = np.maximum(np.rint(np.expm1(m + s * z)), 0)
    for lower, upper in [(0, 0), (1, 1), (6, 6), (7, 12), (30, None)]:
        expected = noise.mass(lower, upper, m, s, family)
        actual = np.mean((n >= lower) & (n <= (np.inf if upper is None else upper)))

        assert abs(actual - expected) < 4 * np.sqrt(expected * (1 - expected) / n_draws)


def _check_derivatives(family):
    which, df = noise.family_code(family)
    for lower, upper in [(0, 0), (4, 4), (0, 30), (20, 80), (1500, 1500), (17, None)]:
        unbounded = np.iinfo(np.int64).max
        a, b, w = noise.interval_edges(
            np.array([lower]), np.array([unbounded if upper is None else upper]), unbounded
        )
        for m, s in [(2.0, 0.5), (3.0, 0.05), (-1.0, 2.0), (7.0, 0.3)]:

            def log_mass(at, a=a[0], b=b[0], w=w[0]):
                s = np.exp(at[1])
                return mass.mass_cell(which, df, (a - at[0]) / s, (b - at[0]) / s, w / s)

            at = np.array([m, np.log(s)])
            _, d_m, d_log_s = log_mass(at)

            check_gradient(lambda at: log_mass(at)[0], at, [d_m / s, d_log_s], scale=[s, 1.0])


def check_prior(prior, rng):
    """Hold `prior`, a whole `Priors`, to one meaning in posteriors and in simulated worlds."""
    _check_value(prior)
    assert eval(repr(prior), vars(priors).copy()) == prior
    sources, rng = ("clinic", "press"), np.random.default_rng(rng)
    claims = claims_of([("Arden", source, "count", 9) for source in sources])
    posterior = te.Model(priors=prior).given(claims)
    values = {}
    for _ in range(400):
        drawn = draw_unknowns(prior, sources, rng)
        terms = list(_standardised(prior, drawn, sources))
        # By SciPy, of the unknowns that the posterior has.
        expected = sum(family.logpdf(z) + log_slope for _, z, family, log_slope in terms)
        theta = np.array([drawn[name] for name in posterior.theta_names])
        assert_allclose(posterior.log_prior(theta), expected, rtol=1e-9)
        assert sorted(name for name, *_ in terms) == sorted(posterior.theta_names)
        for name, z, family, _ in terms:
            values.setdefault((name, family.name), []).append(z)
    for (name, family), drawn in values.items():
        assert stats.kstest(drawn, family).pvalue > 1e-4, name


def _standardised(prior, unknowns, sources):
    """Name, value in units of its prior, that prior's family, and log slope of each unknown."""

    def term(name, own):
        if isinstance(own, priors.Normal):
            yield name, (unknowns[name] - own.mean) / own.sd, stats.norm, -np.log(own.sd)
        elif isinstance(own, priors.HalfNormal):  # known by its logarithm
            z = np.exp(unknowns[name]) / own.sd
            yield name, z, stats.halfnorm, np.log(z)

    yield from term("mu", prior.mu)
    yield from term("log_tau", prior.tau)
    yield from term("common_bias", prior.common_bias)
    for name in ("bias", "log_scatter", "logit_repeat"):
        pooled = getattr(prior, name)
        if isinstance(pooled, priors.Never):
            continue
        yield from term(f"{name}_mean", pooled.mean)
        yield from term(f"log_{name}_sd", pooled.sd)
        mean, sd = unknowns[f"{name}_mean"], np.exp(unknowns[f"log_{name}_sd"])
        for source in sources:
            own = getattr(prior.sources.get(source, priors.Source()), name)
            yield from term(f"{name}[{source}]", own or priors.Normal(mean, sd))
    if not isinstance(prior.logit_repeat, priors.Never):
        yield from term("log_figure_scatter", prior.log_figure_scatter)
        if "logit_near_copy" in unknowns:
            yield from term("logit_near_copy", prior.logit_near_copy)
            yield from term("log_copy_scatter", prior.log_copy_scatter)


def check_likelihood_gradient(posterior, theta, *, rtol, noise):
    """Hold the gradient of the log marginal likelihood at `theta` to differences."""
    _, gradient = posterior.log_likelihood_and_gradient(theta)

    check_gradient(
        lambda at: posterior.log_likelihood_and_gradient(at)[0], theta, gradient, scale=0.02,
        rtol=rtol, noise=noise,
    )  # fmt: skip


def check_engine(engine, posterior, rng, *, draws_anew=True):
    """Hold `engine` to what an estimate asks of draws of theta."""
    _check_value(engine)
    draws, again, other = (
        engine.run(posterior, np.random.default_rng(seed), Reporter(False))
        for seed in (rng, rng, rng + 1)
    )

    n_chains, n_draws, n_theta = draws.theta.shape
    assert n_theta == posterior.n_theta
    assert draws.flat.shape == (n_chains * n_draws, n_theta)
    assert np.isfinite(posterior.log_densities(draws.flat)).all()
    assert (draws.flat.std(axis=0) > 0).all()
    assert_array_equal(draws.theta, again.theta)
    assert np.array_equal(draws.theta, other.theta) != draws_anew
    # Weighted or by chains, each has a measure of its own.
    assert (draws.pareto_k is None) != (draws.rhat is None)
    assert draws.ess > 0
    assert draws.n_divergent >= 0
    assert draws.n_evaluations >= 0
    assert draws.summary.startswith(f"{draws.method} (")
    assert all(doubt.endswith(".") for doubt in draws.doubts)


def check_reader(read, frame, folder):
    """Hold `read` to the same claims from any form of a table, no row of which is lost."""
    before = frame.copy()
    claims = read(frame)
    frame.to_csv(folder / "table.csv", index=False)
    frame.to_csv(folder / "table.csv.gz", index=False)
    frame.to_csv(folder / "table.tsv", index=False, sep="\t")
    frame.to_parquet(folder / "table.parquet")
    frame.to_excel(folder / "table.xlsx", index=False)
    frame.to_json(folder / "table.json", orient="records")

    for data in (
        folder / "table.csv", str(folder / "table.csv"), folder / "table.csv.gz",
        folder / "table.tsv", folder / "table.parquet", folder / "table.xlsx",
        folder / "table.json", pl.from_pandas(frame), pa.Table.from_pandas(frame),
    ):  # fmt: skip
        actual = read(data)
        pd.testing.assert_frame_equal(actual.to_frame(), claims.to_frame())
        pd.testing.assert_frame_equal(actual.excluded, claims.excluded)
    pd.testing.assert_frame_equal(frame, before)
    rows = {*claims.to_frame()["row"], *claims.excluded["row"]}
    assert rows == set(range(len(rows)))
    assert len(rows) >= len(frame)
    # Claims go round through a table, and a table of none is refused.
    again = te.Claims.from_table(claims.to_frame())
    assert_array_equal([again.lower, again.upper], [claims.lower, claims.upper])
    assert again.sources == claims.sources
    assert set(again.locations) <= set(claims.locations)  # the others are silent
    with pytest.raises(te.ClaimsError):
        read(frame.iloc[:0])
    with pytest.raises(te.ClaimsError):
        read(frame.rename(columns=lambda name: f"old {name}"))
    with pytest.raises(ValueError, match="ends in none of"):
        read(folder / "table.ods")


def _check_value(value):
    """A choice is a frozen value."""
    with pytest.raises(FrozenInstanceError):
        setattr(value, fields(value)[0].name, None)
