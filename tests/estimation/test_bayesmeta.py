"""With normal errors and known scatters the model is a normal random-effects synthesis.

Each study is a location with one claim by a source of its own, unbiased and of known scatter;
tolls are studies' effects, `mu` is their mean and `tau` their heterogeneity. Numbers to compare
with come from bayesmeta and from quadrature of the normal model; see ``pinned/bayesmeta.py``.

Effects are logs of whole numbers here. All `y` are moved up by a constant that makes the largest
count `LARGEST`; `mu` and the tolls are moved back. Half a death is then some 1e-8 of a log unit,
and no rounding is left to see.
"""

import json
import math
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats
from scipy.interpolate import CubicSpline

import tollest as te
from tollest._sums import marginal
from tollest.estimation.masses import TollMasses
from tollest.support import Support

PINNED = json.loads((Path(__file__).parents[1] / "pinned" / "bayesmeta.json").read_text())
SETS, Q = PINNED["sets"], PINNED["q"]
LARGEST = 10**8
MU_SDS = {"flat": 1000.0, "normal": 2.0}  # 1000 is flat over posteriors less than 10 wide
CASES = [(name, "flat") for name in SETS] + [("k3", "normal"), ("k2_disagree", "normal")]


@dataclass(frozen=True, eq=False)
class Studies:
    """A pinned set as claims and a model of tolls."""

    name: str
    prior: str
    width: float = 0.004  # of the support's bins: under a twelfth of the smallest scatter, 0.05

    @property
    def case(self):
        return SETS[self.name]

    @property
    def expected(self):
        return self.case[self.prior]

    @property
    def y(self):
        return np.array(self.case["y"])

    @property
    def sigma(self):
        return np.array(self.case["sigma"])

    @property
    def shift(self):
        return math.log1p(LARGEST) - self.y.max()

    @property
    def counts(self):
        return np.rint(np.expm1(self.y + self.shift)).astype(np.int64)

    @property
    def claims(self):
        names = [f"study {i}" for i in range(1, len(self.y) + 1)]
        table = pd.DataFrame({"location": names, "source": names, "count": self.counts})
        # Nobody reported on the new study: its toll is a draw of the population.
        return te.Claims.from_table(table, locations=["new"])

    @property
    def model(self):
        p = te.priors
        sources = {
            f"study {i}": p.Source(bias=p.Fixed(0.0), log_scatter=p.Fixed(math.log(sigma)))
            for i, sigma in enumerate(self.sigma, start=1)
        }
        return te.Model(
            toll=te.noise.Normal(),
            noise=te.noise.Normal(),
            priors=p.Priors(
                mu=p.Normal(self.case["mu_prior_mean"] + self.shift, MU_SDS[self.prior]),
                tau=p.HalfNormal(0.5),
                logit_repeat=p.Never(),
                common_bias=p.Fixed(0.0),
                sources=sources,
            ),
            support=Support(width=self.width),
        )

    @cached_property
    def posterior(self):
        return self.model.given(self.claims)


@dataclass(frozen=True, eq=False)
class Grid:
    """The posterior on a grid of log tau and, given it, mu in standard deviations from its mean.

    Where the nodes of mu lie comes from the normal model; what they weigh, from tollest's density.
    """

    studies: Studies
    log_tau = np.linspace(math.log(1e-4), math.log(3.5), 32)
    z = np.linspace(-5.0, 5.0, 25)

    @property
    def posterior(self):
        return self.studies.posterior

    @cached_property
    def _mu_given_tau(self):
        precision = 1.0 / (self.studies.sigma**2 + np.exp(2.0 * self.log_tau)[:, None])
        spread = precision.sum(axis=1) ** -0.5
        return (precision @ (self.studies.y + self.studies.shift)) * spread**2, spread

    @cached_property
    def thetas(self):
        """Nodes (mu, log tau), shape (n_tau, n_z, 2)."""
        assert self.posterior.theta_names == ("mu", "log_tau")
        centre, spread = self._mu_given_tau
        mu = centre[:, None] + spread[:, None] * self.z
        return np.stack([mu, np.broadcast_to(self.log_tau[:, None], mu.shape)], axis=-1)

    @cached_property
    def log_densities(self):
        flat = self.posterior.log_densities(self.thetas.reshape(-1, 2))
        return (flat - flat.max()).reshape(self.thetas.shape[:2])

    @cached_property
    def _below_z(self):
        """Splines over z of the density of mu, integrated, one for each tau."""
        fine = np.linspace(self.z[0], self.z[-1], 201)
        density = np.exp(CubicSpline(self.z, self.log_densities, axis=1)(fine))
        return CubicSpline(fine, density, axis=1).antiderivative()

    @cached_property
    def _tau_masses(self):
        return self._below_z(self.z[-1]) * self._mu_given_tau[1]

    def mu_quantile(self, q):
        centre, spread = self._mu_given_tau
        nodes = np.arange(len(centre))

        def below(mu):
            z = np.clip((mu - centre) / spread, self.z[0], self.z[-1])
            shares = self._below_z(z)[nodes, nodes] * spread
            return shares.sum() / self._tau_masses.sum() - q

        return optimize.brentq(below, centre.min() - 8.0, centre.max() + 8.0) - self.studies.shift

    def tau_quantile(self, q):
        fine = np.linspace(self.log_tau[0], self.log_tau[-1], 2001)
        density = np.exp(CubicSpline(self.log_tau, np.log(self._tau_masses))(fine))
        # Near 0 the density of tau is level, so that of log tau is its own integral from -inf.
        below = CubicSpline(fine, density).antiderivative()
        total = density[0] + below(fine[-1])
        return math.exp(
            optimize.brentq(lambda k: density[0] + below(k) - q * total, fine[0], fine[-1])
        )

    @cached_property
    def toll_masses(self):
        weights = np.exp(self.log_densities) * self._mu_given_tau[1][:, None]
        weights /= weights.sum()
        problem = self.posterior.problem
        out = np.zeros((problem.level.size, problem.grid.x.size))
        keep = weights > 1e-8
        for theta, weight in zip(self.thetas[keep], weights[keep], strict=True):
            marginal.add_toll_masses(problem, self.posterior.parameters(theta), weight, out)
        return TollMasses(*self.posterior.bins, out / out.sum(axis=1, keepdims=True))

    def toll_quantiles(self):
        """Quantiles of the effect of every study and of a new one, shape (k + 1, len(Q))."""
        n = np.stack([self.toll_masses.quantile(q) for q in Q], axis=1)
        return np.log1p(n[self.posterior.patterns]) - self.studies.shift


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def grid(request):
    return Grid(Studies(*request.param))


@pytest.mark.parametrize("name", SETS)
def test_rounding_to_whole_numbers_is_negligible(name):
    studies = Studies(name, "flat")

    moved = np.log1p(studies.counts) - studies.shift

    assert np.abs(moved - studies.y).max() < 1e-6 * studies.sigma.min()


@pytest.mark.parametrize("name", SETS)
def test_log_density_is_that_of_normal_random_effects(name):
    # y_i ~ Normal(mu, sqrt(sigma_i^2 + tau^2)), and a whole number is 1 / (1 + n) wide.
    studies = Studies(name, "normal")
    centre = studies.case["mu_prior_mean"] + studies.shift
    mu, tau = (
        a.ravel() for a in np.meshgrid(centre + np.array([-0.4, 0.0, 0.3]), [0.05, 0.2, 1.0])
    )

    coarse, fine = (
        replace(studies, width=width).posterior.log_densities(np.stack([mu, np.log(tau)], axis=1))
        for width in (0.002, 0.001)
    )

    y, scale = np.log1p(studies.counts), np.hypot(studies.sigma, tau[:, None])
    expected = (stats.norm.logpdf(y, mu[:, None], scale) - y).sum(axis=1)
    expected += stats.norm.logpdf(mu, centre, MU_SDS["normal"])
    expected += stats.halfnorm.logpdf(tau, scale=0.5) + np.log(tau)
    # Claims are evaluated at the middles of bins. That errs by the square of their width, so that
    # nothing but the next order is left when two widths are extrapolated to none.
    error = np.abs(coarse - expected)
    assert error.max() < 0.01
    assert np.all(np.abs((4 * fine - coarse) / 3 - expected) < 0.02 * error + 1e-6)


@pytest.mark.parametrize("by", ["quadrature", "bayesmeta"])
def test_posterior_is_that_of_the_synthesis_within_a_hundredth_of_an_sd(grid, by):
    expected, sd = grid.studies.expected[by], grid.studies.expected["sd"]

    mu = np.array([grid.mu_quantile(q) for q in Q])
    tau = np.array([grid.tau_quantile(q) for q in Q])
    *theta, new = grid.toll_quantiles()

    assert np.abs(mu - expected["mu"]).max() < 0.01 * sd["mu"]
    assert np.abs(tau - expected["tau"]).max() < 0.01 * sd["tau"]
    error = np.abs(np.array(theta) - expected["theta"]) / np.array(sd["theta"])[:, None]
    assert error.max() < 0.01
    assert np.abs(new - expected["new"]).max() < 0.01 * sd["new"]


@pytest.mark.parametrize(
    "name",
    [
        "k3",
        "k2_disagree",
        *(pytest.param(s, marks=pytest.mark.slow) for s in SETS if s[1] in "458"),
    ],
)
def test_default_engine_agrees_within_monte_carlo_error(name):
    studies = Studies(name, "flat", width=Support().width)
    expected = studies.expected["quadrature"]

    result = te.estimate(studies.claims, model=studies.model, rng=20_240_117, progress=False)

    assert not result.doubts
    mu, log_tau = result.theta.flat.T
    below = {
        "mu": (mu[:, None] - studies.shift <= expected["mu"]).mean(axis=0),
        "tau": (np.exp(log_tau)[:, None] <= expected["tau"]).mean(axis=0),
    }
    for location, numbers in zip(
        result.claims.locations, [*expected["theta"], expected["new"]], strict=True
    ):
        n = np.rint(np.expm1(np.array(numbers) + studies.shift)).astype(np.int64)
        below[location] = np.array(
            [1.0 - result.probability(at_least=int(k) + 1)[location] for k in n]
        )
    # Weighted draws, then resampled ones: the error of a share has both.
    q = np.array(Q)
    mcse = np.sqrt(q * (1 - q) * (1 / result.theta.ess + 1 / len(mu)))
    for name, share in below.items():
        assert np.all(np.abs(share - q) < 4 * mcse), (name, share)
