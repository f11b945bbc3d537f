"""NUTS on the compiled density, tolls and figures summed out."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tollest._progress import Reporter
from tollest.engines import _variational, _whitening
from tollest.engines._base import ThetaDraws, has_converged
from tollest.engines._whitening import Density, Whitening
from tollest.model.posterior import Posterior

Floats = NDArray[np.float64]

# How far effects are centred, as shares of the precision seen in a curvature at the mode and
# in the spread of draws: the smallest ESS over sizes from 3x3 to 200x8 was best there.
_SHARE_OF_CURVATURE = 0.5
_SHARE_OF_SPREAD = 0.5
_MOST_DIVERGENT = 0.005


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

    def __post_init__(self) -> None:
        """Refuse what the sampler and its diagnostics cannot do."""
        for name, least in {"draws": 4, "chains": 1, "tune": 10, "runs": 1}.items():
            value = getattr(self, name)
            if not (isinstance(value, int | np.integer) and value >= least):
                rule = f"it is a whole number, {least} or more"
                raise ValueError(f"{name} of NUTS is {value!r}; {rule}.")
        if not 0.0 < self.target_accept < 1.0:
            raise ValueError(
                f"target_accept of NUTS is {self.target_accept}; it is a share between 0 and 1."
            )

    def run(
        self, posterior: Posterior, rng: np.random.Generator, reporter: Reporter
    ) -> ThetaDraws:
        """Draw theta; see `tollest.engines.AbstractEngine`."""

        def on(working: Posterior, _: Whitening) -> ThetaDraws:
            def fits(theta: Floats) -> bool:
                return _whitening.is_settled(posterior, theta, working.model.support)

            # The closest normal is as wide as the posterior, so that steps in its units do not
            # fit into the narrow parts, as the mode's do: there were twice the divergences.
            whitening = _whitening.from_laplace(working, _SHARE_OF_CURVATURE)
            return self.run_on(working, whitening, rng, reporter, fits=fits)

        draws = _variational.on_settled_support(posterior, on, rng, reporter)
        assert draws is not None  # this engine always gives draws
        return draws

    def run_on(
        self, working: Density, whitening: Whitening, rng: np.random.Generator,
        reporter: Reporter, share: float = _SHARE_OF_SPREAD,
        fits: Callable[[Floats], bool] = lambda theta: True, hopeless: float = 1.0,
    ) -> ThetaDraws:  # fmt: skip
        """Draw theta from a density as it is, on one support.

        `share` says how far later runs centre effects on what claims say of them, as seen in the
        spread of draws. Where the support does not fit the draws there are no more runs: on bins
        wider than scatters the density has ripples that chains get stuck in. Nor are there where
        more than the share `hopeless` of transitions diverged.
        """
        total = 0
        for run in range(self.runs):
            longer = replace(self, draws=self.draws * 2**run)
            theta, n_divergent, n = longer._sample(
                working, whitening, rng, reporter, f"Sampling, run {run + 1}"
            )
            total += n
            rhat, ess = convergence(theta)
            flat = theta.reshape(-1, theta.shape[-1])
            is_enough = has_converged(rhat, ess, working.n_theta)
            if is_enough or n_divergent > hopeless * len(flat) or not fits(flat):
                break
            whitening = _whitening.from_draws(working, flat, share)
        return judged(
            theta, (rhat, ess), n_divergent, total, "NUTS",
            longer=f"Refit with engine=NUTS(draws={4 * theta.shape[1]})",
            calmer="Refit with engine=NUTS(target_accept=0.95)",
        )  # fmt: skip

    def _sample(
        self, posterior: Density, whitening: Whitening, rng: np.random.Generator,
        reporter: Reporter, what: str,
    ) -> tuple[Floats, int, int]:  # fmt: skip
        """Draws of theta, shape (n_chains, n_draws, n_theta); divergences; evaluations."""
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
            reporter.update(what, done / max(sum(chain.total_draws for chain in chains), 1))

        model = from_pyfunc(
            n_theta, make_density, make_expand, [np.dtype(np.float64)], [(n_theta,)], ["w"],
            make_initial_point_fn=start,
        )  # fmt: skip
        trace = nutpie.sample(
            model, draws=self.draws, tune=self.tune, chains=self.chains,
            seed=int(rng.integers(2**31)), target_accept=self.target_accept,
            cores=min(self.chains, os.cpu_count() or 1),
            progress_bar=False, progress_callback=follow, progress_rate=500, save_warmup=False,
        )  # fmt: skip
        w = trace.posterior["w"].to_numpy()
        u = centre + w.reshape(-1, n_theta) @ root.T
        theta = posterior.to_theta(coordinates, u).reshape(w.shape)
        n_divergent = int(trace.sample_stats["diverging"].sum())
        n_evaluations = int(trace.sample_stats["n_steps"].sum() * (1 + self.tune / self.draws))
        return theta, n_divergent, n_evaluations


def judged(
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
    if n_divergent > _MOST_DIVERGENT * n_chains * n_draws:
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
