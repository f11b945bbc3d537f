"""What every engine takes and gives: a density, and draws of theta with their quality."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from tollest._arrays import Floats, Integers
from tollest._progress import Reporter
from tollest.engines.tuning import LIMITS
from tollest.model.coordinates import Coordinates
from tollest.model.layout import Entry, ThetaLayout
from tollest.model.posterior import Posterior

_MOST = 10**9  # draws, chains and rounds: more is a slip of the pen


def most_rhat(n_entries: int) -> float:
    """Largest R-hat that so many entries of theta may have."""
    return LIMITS.most_rhat if n_entries <= LIMITS.many_entries else LIMITS.most_rhat_of_many


def has_converged(rhat: float, ess: float, n_entries: int) -> bool:
    """Whether chains agree: by the largest R-hat and the smallest ESS of so many entries."""
    return rhat <= most_rhat(n_entries) and ess >= LIMITS.least_ess  # neither may be nan


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

    theta: Floats
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
    def flat(self) -> Floats:
        """All draws, shape (n_chains * n_draws, n_theta)."""
        return self.theta.reshape(-1, self.theta.shape[-1])


class Density(Protocol):
    """Density over theta that engines search and sample: a posterior, or a surrogate of one."""

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Entries of theta."""

    @property
    def layout(self) -> ThetaLayout:
        """Theta as the compiled functions know it."""

    @property
    def n_theta(self) -> int:
        """Number of continuous unknowns."""

    @property
    def n_informing(self) -> Integers:
        """Claims or locations that inform each entry of theta, shape (n_theta,)."""

    def log_likelihood_and_gradient(self, theta: Floats) -> tuple[float, Floats]:
        """Log likelihood at `theta` and its gradient, shape (n_theta,)."""

    def log_density_and_gradient(
        self, point: Floats, coordinates: Coordinates
    ) -> tuple[float, Floats]:
        """Log density at `point` in the coordinates, and its gradient, shape (n_theta,)."""

    def to_theta(self, coordinates: Coordinates, u: Floats) -> Floats:
        """Theta at each row of `u`, shape (n_draws, n_theta)."""

    def to_u(self, coordinates: Coordinates, theta: Floats) -> Floats:
        """Coordinates of each row of `theta`, shape (n_draws, n_theta)."""


def check_counts(engine: object, **least: int) -> None:
    """Refuse fields of an engine that are no whole numbers, or below the least they can be.

    Raises
    ------
    ValueError
        If one is not.
    """
    for name, fewest in least.items():
        value = getattr(engine, name)
        is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not (is_whole and fewest <= value <= _MOST):
            raise ValueError(
                f"{name} of {type(engine).__name__} is {value!r}; it is a whole number, {fewest} "
                "or more."
            )


def check_share(engine: object, name: str) -> None:
    """Refuse a field of an engine that is no share between 0 and 1.

    Raises
    ------
    ValueError
        If it is not.
    """
    value = getattr(engine, name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 < value < 1.0:
        raise ValueError(
            f"{name} of {type(engine).__name__} is {value!r}; it is a share between 0 and 1."
        )


class AbstractEngine(Protocol):
    """Anything that can draw theta from a posterior."""

    def run(
        self, posterior: Posterior, rng: np.random.Generator, reporter: Reporter
    ) -> ThetaDraws:
        """Draw theta; the same `rng` gives the same draws on any number of threads."""
        ...
