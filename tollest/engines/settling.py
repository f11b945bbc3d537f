"""Support that sums over tolls run on, refined until doubling it changes nothing that matters."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tollest._arrays import Floats
from tollest._progress import Reporter
from tollest._sums.tables import LOG_FIGURE_SCATTER, Parameters
from tollest.engines.base import ThetaDraws
from tollest.engines.tuning import DEFAULT, StartTuning, SupportTuning
from tollest.engines.variational import closest_normal
from tollest.engines.whitening import Whitening, from_laplace
from tollest.model.posterior import Posterior
from tollest.support import Support


def coarse(posterior: Posterior, tuning: SupportTuning = DEFAULT.start.support) -> Support:
    """Support that engines begin with: the model's if that is coarser still."""
    given = posterior.model.support
    is_coarser = given.width > tuning.coarse_width
    return (
        given
        if is_coarser
        else replace(given, dense=tuning.coarse_dense, width=tuning.coarse_width)
    )


def smallest_scatter(parameters: Parameters) -> float:
    """Smallest scatter of any source, or the figure's; at most 1."""
    of_figure = parameters.shared[LOG_FIGURE_SCATTER]
    return float(np.exp(min(parameters.log_scatter.min(initial=0.0), of_figure)))


def settled(
    posterior: Posterior,
    theta: Floats,
    start: Support,
    tuning: SupportTuning = DEFAULT.start.support,
) -> Posterior:
    """Double `start` until the log density at `theta` stands still; the posterior on that support.

    Bins end up no wider than twice the smallest scatter at `theta`: then a sum over midpoints
    is as good as exact, and two sums that both miss a spike cannot pass for agreement.
    """

    def log_densities(refined: Posterior) -> Floats:
        return np.array([refined.log_density(theta)])

    return _refined(posterior.on(start), theta, log_densities, tuning)


def settled_for_tolls(
    posterior: Posterior, theta: Floats, tuning: SupportTuning = DEFAULT.start.support
) -> Posterior:
    """Double the model's support until no pattern's likelihood moves, for sums over single tolls.

    Of very many patterns a part stands for all.
    """
    parameters = posterior.parameters(theta)

    def log_likelihoods(refined: Posterior) -> Floats:
        return np.concatenate([part.logs(parameters, tuning.n_judging) for part in refined.parts])

    return _refined(posterior, theta, log_likelihoods, tuning)


def _refined(
    posterior: Posterior,
    theta: Floats,
    values: Callable[[Posterior], Floats],
    tuning: SupportTuning,
) -> Posterior:
    """Double the support until bins fit the scatters and no value moves, or it is the finest."""
    smallest = smallest_scatter(posterior.parameters(theta))
    current, known = posterior, values(posterior)
    while not current.model.support.is_finest:
        finer = posterior.on(current.model.support.doubled())
        finer_values = values(finer)
        fits = current.model.support.width <= 2.0 * smallest
        with np.errstate(invalid="ignore"):  # values of minus infinity have no difference
            change = np.abs(finer_values - known).max()
        if fits and change < tuning.most_change:
            break
        current, known = finer, finer_values
    return current


def is_settled(
    posterior: Posterior,
    theta: Floats,
    support: Support,
    tuning: SupportTuning = DEFAULT.start.support,
) -> bool:
    """Whether `support` is fine enough at the median of draws, shape (n_draws, n_theta)."""
    finer = settled(posterior, np.median(theta, axis=0), support, tuning)
    return finer.model.support == support


def on_settled_support(
    posterior: Posterior,
    run: Callable[[Posterior, Whitening], ThetaDraws | None],
    rng: np.random.Generator,
    reporter: Reporter,
    tuning: StartTuning = DEFAULT.start,
) -> ThetaDraws | None:
    """Run an engine on as few points of support as its own draws need.

    The support is judged where the posterior is, rather than at the mode, where scatters may
    vanish: at the centre of the closest normal, and again at the median of the draws. Where it is
    too coarse the run is repeated.

    Parameters
    ----------
    posterior : Posterior
        What to draw from.
    run : callable
        The engine: from the posterior on a support, and the closest normal, to draws or None.
    rng : numpy.random.Generator
        Seed of the search for the closest normal.
    reporter : Reporter
        Where progress is told.
    tuning : StartTuning
        Of the support, the mode, the whitening and the closest normal.
    """
    working = posterior.on(coarse(posterior, tuning.support))
    while True:
        reporter.update("Looking for the centre", 0.0)
        laplace = from_laplace(working, share=1.0, tuning=tuning)
        normal = closest_normal(working, laplace, rng, tuning.normal)
        support = working.model.support
        finer = settled(posterior, normal.middle(working), support, tuning.support)
        if finer.model.support == support:
            draws = run(working, normal)
            if draws is None:
                return None
            middle = np.median(draws.flat, axis=0)
            finer = settled(posterior, middle, support, tuning.support)
            if finer.model.support == support:
                return draws
        working = finer
