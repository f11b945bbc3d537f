"""One replicate of a calibration: a simulated world, and what an estimate makes of it."""

import warnings
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tollest.engines import AbstractEngine
from tollest.estimation.results import DoubtfulEstimate, estimate
from tollest.model.posterior import Model
from tollest.model.prior_draws import draw_unknowns
from tollest.noise import Family
from tollest.simulation.faults import Fault
from tollest.simulation.worlds import (
    Forms,
    Simulation,
    covariate_names,
    side_names,
    simulate,
    source_names,
    truth_of,
)

LEVELS = (0.5, 0.8, 0.9, 0.95)


@dataclass(frozen=True)
class Design:
    """A world to simulate claims from: the model's own, unless told otherwise.

    Parameters
    ----------
    n_locations, n_sources : int
        Numbers of locations and of sources.
    claims_per_location : float
        Mean number of claims on a location; see `tollest.simulation.worlds.simulate`.
    cap : int
        The most a toll can be, which the claims say too: priors are wide, and a toll of a
        thousand million would be simulated now and then.
    noise, toll : Logistic, Normal, StudentT or None
        Distributions of errors and of tolls; those of the model where None.
    parts : int
        How many locations make up a whole, and wholes a larger one; 0 for no wholes.
    sides : int
        How many sides the dead are of, sources being biased by side; 0 for no sides.
    covariates : int
        How many covariates the tolls depend on.
    forms : Forms or None
        Shares of claims that are bounds, and of locations with a list of names.
    faults : tuple of Fault
        What becomes of the claims before they reach the table; see `tollest.simulation.faults`.
    """

    n_locations: int
    n_sources: int
    claims_per_location: float = 3.0
    cap: int = 100_000
    noise: Family | None = None
    toll: Family | None = None
    parts: int = 0
    sides: int = 0
    covariates: int = 0
    forms: Forms | None = None
    faults: tuple[Fault, ...] = ()


def simulated(
    design: Design, model: Model, rng: int | np.random.Generator | None = None
) -> tuple[Simulation, dict[str, float]]:
    """Simulate a world of `design`, its unknowns drawn from the priors of `model`.

    Returns
    -------
    Simulation
        Claims and the true tolls.
    dict of str to float
        The true unknowns, named as `Posterior.theta_names` has them.
    """
    rng = np.random.default_rng(rng)
    sources = source_names(design.n_sources)
    sides = side_names(design.sides)
    covariates = covariate_names(design.covariates)
    unknowns = draw_unknowns(model.priors, sources, rng, sides=sides, covariates=covariates)
    simulation = simulate(
        design.n_locations,
        design.n_sources,
        claims_per_location=design.claims_per_location,
        truth=truth_of(unknowns, sources, sides, covariates),
        cap=design.cap,
        noise=design.noise or model.noise,
        toll_noise=design.toll or model.toll,
        parts=design.parts,
        sides=design.sides,
        forms=design.forms,
        faults=design.faults,
        rng=rng,
    )
    return simulation, unknowns


@dataclass(frozen=True)
class Replicate:
    """A truth and its estimate, as far as calibration needs them.

    Attributes
    ----------
    ranks : dict of str to float
        Posterior probability below the truth, in (0, 1), of every entry of theta, of the
        ``"toll"`` of the first location and of the ``"total"``. Uniform where all is right;
        whole numbers are spread over the probability of the number itself.
    toll_ranks : tuple of float, length n_locations
        The same of every toll.
    tolls : tuple of int, length n_locations
        True tolls.
    lower, upper : tuple of tuple of int, one of length n_locations for each of `LEVELS`
        Equal-tailed credible intervals of the tolls.
    total_inside : tuple of bool, one for each of `LEVELS`
        Whether the interval of the total holds the true one.
    method : str
        How theta was drawn.
    doubtful : bool
        Whether the estimate warned.
    """

    ranks: dict[str, float]
    toll_ranks: tuple[float, ...]
    tolls: tuple[int, ...]
    lower: tuple[tuple[int, ...], ...]
    upper: tuple[tuple[int, ...], ...]
    total_inside: tuple[bool, ...]
    method: str
    doubtful: bool


def replicate(
    design: Design, model: Model, engine: AbstractEngine | None, entropy: int, number: int
) -> Replicate:
    """Simulate and estimate one world, the `number`-th of a calibration."""
    rng = np.random.default_rng([entropy, number])
    simulation, unknowns = simulated(design, model, rng)
    truth = simulation.tolls
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DoubtfulEstimate)
        # A source that was not heard has no claims that its own prior could be about.
        heard = {
            name: prior
            for name, prior in model.priors.sources.items()
            if name in simulation.claims.sources
        }
        given = replace(model, priors=replace(model.priors, sources=heard))
        result = estimate(simulation.claims, model=given, engine=engine, rng=rng, progress=False)
    flat = result.theta.flat
    spread = rng.random(len(truth) + flat.shape[1] + 1)
    ranks = {
        name: _rank(flat[:, j], unknowns[name], spread[j])
        for j, name in enumerate(result.posterior.theta_names)
    }
    of_locations = result.masses.rows(result.posterior.patterns)
    above, beyond = of_locations.at_least(truth), of_locations.at_least(truth + 1)
    toll_ranks = 1.0 - above + spread[-len(truth) :] * (above - beyond)
    ranks["toll"] = float(toll_ranks[0])
    total, true_total = result.total(), int(truth[simulation.claims.parent < 0].sum())
    ranks["total"] = _rank(total.samples[:, 0], true_total, spread[flat.shape[1]])
    intervals = [of_locations.interval(level, "eti") for level in LEVELS]
    totals = [total.table(level).iloc[0] for level in LEVELS]
    return Replicate(
        ranks=ranks,
        toll_ranks=_plain(toll_ranks),
        tolls=_plain(truth),
        lower=tuple(_plain(lower) for lower, _ in intervals),
        upper=tuple(_plain(upper) for _, upper in intervals),
        total_inside=tuple(bool(t["lower"] <= true_total <= t["upper"]) for t in totals),
        method=result.theta.method,
        doubtful=bool(result.doubts),
    )


def _rank(draws: NDArray[np.int64] | NDArray[np.float64], truth: float, spread: float) -> float:
    """Share of draws below the truth, those equal to it in part; never 0 or 1."""
    below, equal = int((draws < truth).sum()), int((draws == truth).sum())
    return (below + spread * (equal + 1)) / (len(draws) + 1)


def _plain(values: NDArray[np.generic]) -> tuple:  # type: ignore[type-arg]  # of int or of float
    return tuple(values.tolist())
