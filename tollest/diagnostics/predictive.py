"""What the sources would have said: claims drawn anew from an estimate."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tollest._arrays import Floats, Integers
from tollest._sums.tables import (
    COMMON_BIAS,
    LOG_FIGURE_SCATTER,
    LOG_LOCATION_ERROR,
    Parameters,
)
from tollest.claims.counts import Counts
from tollest.estimation.masses import whole
from tollest.estimation.results import Estimate
from tollest.model.circulation import Copies
from tollest.priors import Never
from tollest.simulation import worlds

_BLOCK = 64  # replicates whose tolls are drawn together


@dataclass(frozen=True, eq=False)
class ReplicatedClaims:
    """One state of the world, and what the sources would have said in it.

    Attributes
    ----------
    parameters : Parameters
        One draw of the continuous unknowns.
    tolls : ndarray of int, shape (n_locations,)
        The tolls drawn with them.
    count : ndarray of int, shape (n_counts,)
        Counts in place of those of `Counts`, in its order.
    centre, scatter : ndarray of float, shape (n_counts,)
        Location and scale, on the log1p axis, of what each source would count for itself.
    """

    parameters: Parameters
    tolls: Integers
    count: Integers
    centre: Floats
    scatter: Floats

    def residuals(self, count: Integers) -> Floats:
        """Standardised residuals of `count`, observed or replicated, shape (n_counts,)."""
        return np.asarray((np.log1p(count) - self.centre) / self.scatter, np.float64)


def replicates(
    estimate: Estimate, n: int = 1000, *, rng: int | np.random.Generator | None = None
) -> Iterator[ReplicatedClaims]:
    r"""Draw all counts anew, given tolls and unknowns drawn from their posterior.

    .. math::
        v_i \sim \mathrm{mass}(\cdot; x(N_i) + b_0, s_0), \quad
        y_{ij} = v_i \text{ with probability } \omega_j, \text{ else }
        y_{ij} \sim \mathrm{mass}(\cdot; x(N_i) + b_0 + b_j, \sigma_j)

    and 0 with the probability of a denial, where there are any.

    Tolls stay those of the locations; figures, errors and what is taken for known are new. Claims
    that are not counts are not drawn: what a source would have rounded or bounded is not in the
    model.

    Parameters
    ----------
    estimate : Estimate
        The posterior.
    n : int
        Number of replicates. More than there are draws of theta go through these again, with
        tolls of their own.
    rng : int, Generator or None
        Seed or generator.

    Yields
    ------
    Replicate

    Raises
    ------
    ValueError
        If `n` is not a positive whole number.

    Examples
    --------
    >>> import pandas as pd, tollest as te
    >>> table = pd.DataFrame({"location": ["Arden"], "source": ["clinic"], "count": [11]})
    >>> estimate = te.estimate(te.Claims.from_table(table), rng=1)
    >>> [len(replicate.count) for replicate in replicates(estimate, 2, rng=1)]
    [1, 1]
    """
    n = whole(n, least=1)
    rng = np.random.default_rng(rng)
    flat, counts = estimate.theta.flat, Counts.of(estimate.claims)
    # Spread over all draws, so that every chain has its share.
    spread = np.linspace(0, len(flat), n, endpoint=False).astype(np.int64)
    thetas = flat[spread if n <= len(flat) else np.arange(n) % len(flat)]
    # A block at a time, so that draws of all tolls are never held.
    for start in range(0, n, _BLOCK):
        block = thetas[start : start + _BLOCK]
        for theta, tolls in zip(block, estimate.toll_draws(block, start), strict=True):
            yield _replicate(estimate, counts, estimate.posterior.parameters(theta), tolls, rng)


def _replicate(
    estimate: Estimate,
    counts: Counts,
    parameters: Parameters,
    tolls: Integers,
    rng: np.random.Generator,
) -> ReplicatedClaims:
    """Draw figures, then who repeats them, then what the others count."""
    noise = estimate.model.noise
    figure_scatter = np.exp(parameters.shared[LOG_FIGURE_SCATTER])
    common_bias = parameters.shared[COMMON_BIAS]
    final = tolls
    if estimate.posterior.has_location_error:
        error = float(np.exp(parameters.shared[LOG_LOCATION_ERROR]))
        final = worlds.draw_final(rng, tolls, error)
    x = np.log1p(final)[counts.location] + common_bias
    age = counts.age
    if isinstance(estimate.model.priors.log_early_shortfall, Never):
        age = np.full(age.size, np.inf)
    if np.isfinite(age).any():
        growth = worlds.Growth.of(parameters.shared)
        known = worlds.draw_known(rng, final, counts.location, age, growth)
        x = np.log1p(known) + common_bias
    centre = x + parameters.bias[counts.voice]
    scatter = np.exp(parameters.log_scatter)[counts.voice]
    own_counts = worlds.counts_at(centre + scatter * noise.rvs(rng, len(centre)))
    count = own_counts
    if not isinstance(estimate.model.priors.logit_repeat, Never):
        figures = worlds.draw_figures(rng, noise, figure_scatter, x, counts.location, age)
        repeat = 1.0 / (1.0 + np.exp(-parameters.logit_repeat))
        is_repeat = rng.random(len(own_counts)) < repeat[counts.voice]
        copies = Copies.of(parameters.shared[None])
        figures = worlds.draw_copies(
            rng.spawn(1)[0], figures, is_repeat, counts.location, age, copies.share.item(),
            copies.scatter.item(),
        )  # fmt: skip
        count = np.where(is_repeat, figures, own_counts)
    if parameters.logit_denial.size:
        denial = 1.0 / (1.0 + np.exp(-parameters.logit_denial))
        count = np.where(rng.random(len(count)) < denial[counts.voice], 0, count)
    return ReplicatedClaims(parameters, tolls, count, centre, scatter)
