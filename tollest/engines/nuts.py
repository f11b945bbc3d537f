"""NUTS on the compiled density, tolls and figures summed out."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tollest._arrays import Floats
from tollest._progress import Reporter
from tollest.engines.base import (
    Density,
    ThetaDraws,
    check_counts,
    check_share,
    has_converged,
)
from tollest.engines.settling import is_settled, on_settled_support
from tollest.engines.tuning import LIMITS, ChainTuning
from tollest.engines.whitening import Whitening, from_draws, from_laplace
from tollest.model.posterior import Posterior


class _Outside(ValueError):
    """The density is zero here; the sampler takes it for a divergence."""

    is_recoverable = True


@dataclass(frozen=True)
class NUTS:
    """The No-U-Turn sampler in whitened coordinates.

    Chains start from a Laplace approximation, in coordinates in which it is round. Where
    their R-hat and ESS do not satisfy, they are run anew with twice the draws, in coordinates
    in which the draws so far are round.

    Parameters
    ----------
    draws : int
        Draws of each chain in the first run.
    chains : int
        Chains, run side by side.
    tune : int
        Steps before a chain's first draw, in which it finds its step size; all are dropped.
    runs : int
        Most runs; each has twice the draws of the one before.
    target_accept : float
        Acceptance rate that step sizes adapt to.
    tuning : ChainTuning
        Of the support, the mode and the coordinates; see `tollest.engines.tuning`.

    Raises
    ------
    ValueError
        If there are fewer than 4 draws, 10 steps of tuning, one chain or one run, or
        `target_accept` is not between 0 and 1.

    Notes
    -----
    Sampling is by nutpie. Chains satisfy when every entry of theta has an R-hat of at most
    1.01, or of 1.02 where there are more than 60, and bulk and tail ESS of at least 400 [2]_.

    References
    ----------
    .. [1] Hoffman, M. D., Gelman, A. (2014). The No-U-Turn sampler. *Journal of Machine
       Learning Research* 15, 1593-1623.
    .. [2] Vehtari, A. et al. (2021). Rank-normalization, folding, and localization: an improved
       R-hat. *Bayesian Analysis* 16(2), 667-718. https://doi.org/10.1214/20-BA1221
    """

    draws: int = 500
    chains: int = 4
    tune: int = 300
    runs: int = 3
    target_accept: float = 0.85
    tuning: ChainTuning = field(default_factory=ChainTuning)

    def __post_init__(self) -> None:
        """Refuse what the sampler and its diagnostics cannot do."""
        check_counts(self, draws=4, chains=1, tune=10, runs=1)
        check_share(self, "target_accept")

    def run(
        self, posterior: Posterior, rng: np.random.Generator, reporter: Reporter
    ) -> ThetaDraws:
        """Draw theta; see `tollest.engines.AbstractEngine`."""
        tuning, start = self.tuning, self.tuning.start

        def sample(working: Posterior, _: Whitening) -> ThetaDraws:
            def fits(theta: Floats) -> bool:
                return is_settled(posterior, theta, working.model.support, start.support)

            # The closest normal is as wide as the posterior, so that steps in its units do not
            # fit into the narrow parts, as the mode's do: there were twice the divergences.
            whitening = from_laplace(working, tuning.share_of_curvature, start)
            return self.run_on(working, whitening, rng, reporter, fits=fits)

        draws = on_settled_support(posterior, sample, rng, reporter, start)
        assert draws is not None  # this engine always gives draws
        return draws

    def run_on(
        self, working: Density, whitening: Whitening, rng: np.random.Generator,
        reporter: Reporter, share: float | None = None,
        fits: Callable[[Floats], bool] = lambda theta: True, hopeless: float = 1.0,
    ) -> ThetaDraws:  # fmt: skip
        """Draw theta from a density as it is, on one support.

        Parameters
        ----------
        working : Density
            What to draw from.
        whitening : Whitening
            Coordinates of the first run.
        rng : numpy.random.Generator
            Seed.
        reporter : Reporter
            Where progress is told.
        share : float, optional
            How far later runs centre effects, as a share of the precision that the spread of
            draws shows; that of `tuning` if left out.
        fits : callable
            Whether the support fits the draws. If not there are no more runs: on bins wider than
            scatters the density has ripples that chains get stuck in.
        hopeless : float
            Share of divergent transitions above which there are no more runs either.
        """
        share = self.tuning.share_of_spread if share is None else share
        total = 0
        for run in range(self.runs):
            theta, n_divergent, n = self._sample(
                working, whitening, self.draws * 2**run, rng, reporter,
                f"Sampling, run {run + 1}",
            )  # fmt: skip
            total += n
            rhat, ess = convergence(theta)
            flat = theta.reshape(-1, theta.shape[-1])
            is_enough = has_converged(rhat, ess, working.n_theta)
            if is_enough or n_divergent > hopeless * len(flat) or not fits(flat):
                break
            whitening = from_draws(working, flat, share, self.tuning.start.whitening)
        return judge_chains(
            theta, (rhat, ess), n_divergent, total, "NUTS",
            longer=f"Refit with engine=NUTS(draws={4 * theta.shape[1]})",
            calmer="Refit with engine=NUTS(target_accept=0.95)",
        )  # fmt: skip

    def _sample(
        self, posterior: Density, whitening: Whitening, n_draws: int, rng: np.random.Generator,
        reporter: Reporter, message: str,
    ) -> tuple[Floats, int, int]:  # fmt: skip
        """Draw theta, shape (n_chains, n_draws, n_theta); count divergences and evaluations."""
        import nutpie
        from nutpie.compiled_pyfunc import from_pyfunc

        n_theta = posterior.n_theta
        coordinates, centre, root = whitening.coordinates, whitening.centre, whitening.root

        def make_density() -> Callable[[Floats], tuple[float, Floats]]:
            def density(w: Floats) -> tuple[float, Floats]:
                value, gradient = posterior.log_density_and_gradient(
                    centre + root @ w, coordinates
                )
                if not np.isfinite(value):
                    raise _Outside
                return value, gradient @ root

            return density

        def make_expand(*_: object) -> Callable[[Floats], dict[str, Floats]]:
            return lambda w: {"w": w}

        def start(seed: int) -> Floats:
            # Half the posterior's spread: chains start apart, and where the density is not 0.
            return 0.5 * np.random.default_rng(seed).standard_normal(n_theta)

        def follow(chains: list[Any]) -> None:
            done = sum(chain.finished_draws for chain in chains)
            reporter.update(message, done / max(sum(chain.total_draws for chain in chains), 1))

        model = from_pyfunc(
            n_theta, make_density, make_expand, [np.dtype(np.float64)], [(n_theta,)], ["w"],
            make_initial_point_fn=start,
        )  # fmt: skip
        trace = nutpie.sample(
            model, draws=n_draws, tune=self.tune, chains=self.chains,
            seed=int(rng.integers(2**31)), target_accept=self.target_accept,
            cores=min(self.chains, os.cpu_count() or 1),
            progress_bar=False, progress_callback=follow, progress_rate=500, save_warmup=False,
        )  # fmt: skip
        w = trace.posterior["w"].to_numpy()
        u = centre + w.reshape(-1, n_theta) @ root.T
        theta = posterior.to_theta(coordinates, u).reshape(w.shape)
        n_divergent = int(trace.sample_stats["diverging"].sum())
        n_evaluations = int(trace.sample_stats["n_steps"].sum() * (1 + self.tune / n_draws))
        return theta, n_divergent, n_evaluations


def judge_chains(
    theta: Floats, quality: tuple[float, float], n_divergent: int, n_evaluations: int, method: str,
    longer: str, calmer: str,
) -> ThetaDraws:  # fmt: skip
    """Draws of chains, with what speaks against them.

    Parameters
    ----------
    theta : ndarray of float, shape (n_chains, n_draws, n_theta)
        The draws.
    quality : tuple of float
        Their `convergence`.
    n_divergent, n_evaluations : int
        Divergent transitions, and evaluations of the density.
    method : str
        How they were made.
    longer, calmer : str
        What to do where chains disagree, and where transitions diverge.
    """
    rhat, ess = quality
    n_chains, n_draws, n_theta = theta.shape
    doubts = []
    if not has_converged(rhat, ess, n_theta):
        doubts.append(
            f"R-hat is {rhat:.3f} and the smallest effective sample size {ess:.0f} after "
            f"{n_chains} chains of {n_draws} draws: the chains disagree or mix slowly, and "
            f"intervals may be wrong. {longer}, or give the sources narrower priors."
        )
    if n_divergent > LIMITS.most_divergent * n_chains * n_draws:
        doubts.append(
            f"{n_divergent} of {n_chains * n_draws} transitions diverged: parts of the "
            f"posterior may be missed. {calmer}."
        )
    return ThetaDraws(
        theta, method=method, ess=ess, rhat=rhat, n_divergent=n_divergent,
        n_evaluations=n_evaluations, doubts=tuple(doubts),
    )  # fmt: skip


def convergence(theta: Floats) -> tuple[float, float]:
    """Largest R-hat and smallest bulk or tail ESS over the entries of theta.

    Parameters
    ----------
    theta : ndarray of float, shape (n_chains, n_draws, n_theta)
        Draws by chain.
    """
    from arviz_stats.base.array import array_stats

    entries = [theta[:, :, j] for j in range(theta.shape[2])]
    rhat = max(float(array_stats.rhat(x)) for x in entries)
    bulk = min(float(array_stats.ess(x, method="bulk")) for x in entries)
    tail = min(float(array_stats.ess(x, method="tail", prob=0.9)) for x in entries)
    return rhat, min(bulk, tail)
