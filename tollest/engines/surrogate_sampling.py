"""Draws of theta for many locations: NUTS on a quadratic surrogate, weighed by the likelihood.

NUTS on the surrogate's posterior costs no pass over the claims. A few of its draws are weighed by
the exact likelihood over the surrogate; priors and hyperparameters cancel in the weights, which
say how good the surrogate is.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from tollest._arrays import Floats
from tollest._progress import Reporter
from tollest.engines import psis
from tollest.engines.base import ThetaDraws
from tollest.engines.nuts import NUTS
from tollest.engines.settling import coarse, smallest_scatter
from tollest.engines.surrogate import (
    QuadraticSurrogate,
    curvature_by_differences,
    marginal_prior,
    spread,
    towards_mode,
)
from tollest.engines.tuning import DEFAULT, ChainTuning, Tuning
from tollest.engines.whitening import Whitening
from tollest.model.likelihood import Likelihood
from tollest.model.posterior import Posterior
from tollest.model.theta import parameters_at
from tollest.support import Support

Chains = Callable[[Support, Whitening], ThetaDraws | None]


def sample_surrogate(
    posterior: Posterior, likelihood_on: Callable[[Support], Likelihood], least_ess: float,
    chains: Chains | None, rng: np.random.Generator, reporter: Reporter, tuning: Tuning = DEFAULT,
) -> ThetaDraws | None:  # fmt: skip
    """Draw theta where there are many locations; None where the surrogate is no good.

    The support is refined until doubling it moves no entry of theta by a tenth of its standard
    deviation.

    Parameters
    ----------
    posterior : Posterior
        Of all claims, or of a part of them from which the search for the mode can begin.
    likelihood_on : callable
        Likelihood of all claims on a support.
    least_ess : float
        Effective draws to aim at.
    chains : callable or None
        Draws from the exact density on a support, in coordinates in which the surrogate is round:
        used if weights fail because theta has many entries.
    rng : numpy.random.Generator
        Seed.
    reporter : Reporter
        Where progress is told.
    tuning : Tuning
        Of the surrogate, and of the start.
    """
    sampler = _Sampler(likelihood_on, least_ess, rng, reporter, tuning)
    support = coarse(posterior, tuning.start.support)
    thinned = posterior.on(support).thinned(tuning.surrogate.thinned_patterns)
    theta, _ = marginal_prior(thinned.entries)
    theta = sampler.surrogate_near(thinned, theta).centre
    while True:
        likelihood = likelihood_on(support)
        surrogate = sampler.surrogate_near(likelihood, theta)
        theta = surrogate.centre
        if sampler.is_settled(support, surrogate, theta, surrogate.slope):
            draws = sampler.draw(likelihood, surrogate)
            is_weighable = theta.size <= tuning.surrogate.most_weighable
            if draws is not None or chains is None or is_weighable:
                return draws
            draws = chains(support, surrogate.whitening)
            if draws is None:
                return None
            middle = np.median(draws.flat, axis=0)
            _, slopes, _ = likelihood.log_likelihoods(middle[None], gradient=True)
            return draws if sampler.is_settled(support, surrogate, middle, slopes[0]) else None
        if support.is_finest:
            return None
        support = support.doubled()


@dataclass(frozen=True, eq=False)
class _Sampler:
    """The stages of `run`, with what they share."""

    likelihood_on: Callable[[Support], Likelihood]
    least_ess: float
    rng: np.random.Generator
    reporter: Reporter
    tuning: Tuning

    def surrogate_near(self, likelihood: Likelihood, theta: Floats) -> QuadraticSurrogate:
        """Surrogate at about the mode of a likelihood, searched from `theta`."""
        tuning = self.tuning
        return towards_mode(likelihood, theta, self.reporter, tuning.surrogate, tuning.start)

    def is_settled(
        self, support: Support, surrogate: QuadraticSurrogate, theta: Floats, slope: Floats
    ) -> bool:
        """Whether a support, with this slope at `theta`, is as good as one of twice the points."""
        parameters = parameters_at(surrogate.layout, theta)
        if support.width > 2.0 * smallest_scatter(parameters):
            return False
        finer = self.likelihood_on(support.doubled())
        _, slopes, _ = finer.log_likelihoods(theta[None], gradient=True)
        shifts = np.abs(spread(surrogate) @ (slopes[0] - slope))
        return bool(np.all(shifts < self.tuning.surrogate.most_shift))

    def draw(self, likelihood: Likelihood, surrogate: QuadraticSurrogate) -> ThetaDraws | None:
        """Draw from the surrogate and weigh, with a better curvature where that is worth it.

        None where the surrogate is no good, or NUTS on it.
        """
        tuning = self.tuning.surrogate
        found = self.weigh(likelihood, surrogate)
        is_even = found is not None and found.ess >= tuning.even_ess * found.n_evaluations
        if is_even or surrogate.n_theta > tuning.most_differenced:
            return found
        self.reporter.update("Second derivatives", 0.5)
        curvature = curvature_by_differences(likelihood, surrogate)
        refined = self.weigh(likelihood, replace(surrogate, curvature=curvature))
        known = [one for one in (found, refined) if one is not None]
        return max(known, key=lambda one: one.ess, default=None)

    def weigh(self, likelihood: Likelihood, surrogate: QuadraticSurrogate) -> ThetaDraws | None:
        """Draw by NUTS from the surrogate, and weigh draws until their ESS will do, or None."""
        tuning = self.tuning.surrogate
        base = NUTS(tuning=ChainTuning(start=self.tuning.start)).run_on(
            surrogate, surrogate.whitening, self.rng, self.reporter,
            share=1.0, hopeless=tuning.hopeless_divergent,
        )  # fmt: skip
        if base.doubts:
            return None
        # Rounds are spread over all chains, and no draw is weighed twice.
        flat, n = self.rng.permutation(base.flat), tuning.draws_per_round
        thetas, log_ratios = flat[:0], np.empty(0)
        for number in range(tuning.most_rounds):
            self.reporter.update("Weighing draws", 0.5 + number / (2 * tuning.most_rounds))
            more = flat[number * n : (number + 1) * n]
            exact = likelihood.log_likelihoods(more)[0]
            thetas = np.concatenate([thetas, more])
            log_ratios = np.concatenate([log_ratios, exact - surrogate.log_likelihood(more)])
            log_weights, k = psis.smoothed(log_ratios)
            # The effective size of NUTS's own draws bounds that of the weighted ones.
            ess = min(psis.effective(log_weights), base.ess)
            is_enough = ess >= self.least_ess and k <= tuning.enough_k
            if is_enough or (number > 0 and ess < tuning.hopeless_ess * len(thetas)):
                break
        if k > tuning.enough_k or ess < self.least_ess:
            return None
        keep = psis.systematic(np.exp(log_weights), len(thetas), self.rng)
        return ThetaDraws(
            thetas[keep][None], method="importance sampling from NUTS on a quadratic likelihood",
            ess=ess, pareto_k=k, n_evaluations=len(thetas),
        )  # fmt: skip
