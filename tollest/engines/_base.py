"""What every engine takes and gives: draws of theta, and how far to trust them."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tollest._progress import Reporter
from tollest.model.posterior import Posterior

# Vehtari et al. (2021), https://doi.org/10.1214/20-BA1221, for R-hat; the least ESS at which
# the ends of a 90 % interval are known to a few per cent of its width.
_MOST_RHAT = 1.01
# R-hat is asked for of each entry of theta: the largest of hundreds is above 1.01 by chance, at
# effective draws by the thousand.
_MOST_RHAT_OF_MANY, _MANY = 1.02, 60
MOST_K = 0.7  # Vehtari et al. (2024), as importance sampling cites them
LEAST_ESS = 400.0


def most_rhat(n_entries: int) -> float:
    """Largest R-hat that so many entries of theta may have."""
    return _MOST_RHAT if n_entries <= _MANY else _MOST_RHAT_OF_MANY


def has_converged(rhat: float, ess: float, n_entries: int) -> bool:
    """Whether chains agree: by the largest R-hat and the smallest ESS of so many entries."""
    return rhat <= most_rhat(n_entries) and ess >= LEAST_ESS  # neither may be nan


@dataclass(frozen=True, eq=False)
class ThetaDraws:
    """Draws of theta from its posterior, all of the same weight.

    Attributes
    ----------
    theta : ndarray of float, shape (n_chains, n_draws, n_theta)
        The draws. Importance sampling gives one chain, resampled by weight.
    method : str
        How they were made, in words.
    ess : float
        Effective sample size: of the weights, or the smallest of any entry of theta.
    pareto_k : float or None
        Shape of the importance ratios' tail; None where nothing was weighted.
    rhat : float or None
        Largest R-hat of any entry of theta; None where nothing was sampled by chains.
    n_divergent : int
        Divergent transitions.
    n_evaluations : int
        Evaluations of the log density, gradients included.
    doubts : tuple of str
        Why the draws should not be trusted, if so; each says what to try next.
    """

    theta: NDArray[np.float64]
    method: str
    ess: float
    pareto_k: float | None = None
    rhat: float | None = None
    n_divergent: int = 0
    n_evaluations: int = 0
    doubts: tuple[str, ...] = field(default_factory=tuple)

    @property
    def summary(self) -> str:
        """How the draws were made and how good they are, in a line."""
        if self.pareto_k is not None:
            quality = f"Pareto k {self.pareto_k:.2f}, ESS {self.ess:,.0f}"
        else:
            n_chains, n_draws = self.theta.shape[:2]
            quality = (
                f"{n_chains} chains of {n_draws} draws, R-hat {self.rhat:.3f}, smallest ESS "
                f"{self.ess:,.0f}, {self.n_divergent} divergent"
            )
        return f"{self.method} ({quality})"

    @property
    def flat(self) -> NDArray[np.float64]:
        """All draws, shape (n_chains * n_draws, n_theta)."""
        return self.theta.reshape(-1, self.theta.shape[-1])


class AbstractEngine(Protocol):
    """Anything that can draw theta from a posterior."""

    def run(
        self, posterior: Posterior, rng: np.random.Generator, reporter: Reporter
    ) -> ThetaDraws:
        """Draw theta; the same `rng` gives the same draws on any number of threads."""
        ...
