"""The model run forwards: tolls, then the figures that do the rounds, then claims."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from tollest._sums.tables import LOG_EARLY_EXCESS, LOG_EARLY_SHORTFALL, LOG_HALVING
from tollest.claims.table import Claims
from tollest.model.names import label_of
from tollest.noise import Family, Logistic, scale_of
from tollest.simulation.faults import Fault, Said

# Days since the onset at which early claims are made, and the onset itself.
AGES = np.array([0.25, 1.0, 3.0, 10.0])
_ONSET = np.datetime64("2025-01-01T06:00", "s")
# The largest number that a claim can be. More is drawn only where scales are near 1 or above.
_MOST = 10**10 - 1
# Kind of estimates, and the standard errors that they state.
_ESTIMATE, _LOG_SDS = 3, (0.05, 0.5)
# What a truth holds as scales, and theta as their logs.
_SCALES = (
    "shortfall", "list_shortfall", "early_shortfall", "early_excess", "halving", "location_error",
    "copy_scatter",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Truth:
    """The continuous unknowns that claims are simulated from.

    Parameters
    ----------
    mu, tau : float
        Location and scale of the tolls on the log1p axis.
    bias : ndarray of float, shape (n_sources,)
        Bias of each source on the log1p axis; 0 is none.
    scatter : ndarray of float, shape (n_sources,)
        Scale of each source's own error.
    repeat : ndarray of float, shape (n_sources,)
        Probability that a claim repeats the figure: 0 is a source that always counts for itself,
        1 one that never does.
    figure_scatter : float
        Scale of the error of the figure in circulation.
    common_bias : float
        Bias shared by all sources and by the figure.
    on_side : ndarray of float, shape (n_sources, n_sides), optional
        Bias of each source by the side whose dead it counts, in place of `bias`.
    effect : ndarray of float, shape (n_covariates,), optional
        Effect of each covariate on the location of the tolls, by one standard deviation.
    denial : ndarray of float, shape (n_sources,), optional
        Probability that a source says 0 whatever the toll; nobody does if left out.
    shortfall, list_shortfall : float
        Mean amount by which bounds, and lists of names, miss the toll on the log1p axis.
    early_shortfall, early_excess, halving : float
        Mean amount by which what is known at the onset falls short of the toll; share of it by
        which it exceeds the toll; the days that halve both.
    location_error : float
        Scale of the error that all claims on a location share; only in worlds in which some tolls
        are verified (`Forms`).
    near_copy, copy_scatter : float
        Probability that who repeats the figure states a number near it, and the scale of that
        change on the log1p axis. One of those who repeat states the figure as it is: where none
        would, all do.
    """

    mu: float
    tau: float
    bias: NDArray[np.float64]
    scatter: NDArray[np.float64]
    repeat: NDArray[np.float64]
    figure_scatter: float
    common_bias: float
    on_side: NDArray[np.float64] | None = None
    effect: NDArray[np.float64] | None = None
    denial: NDArray[np.float64] | None = None
    shortfall: float = 0.5
    list_shortfall: float = 0.5
    early_shortfall: float = 1.7
    early_excess: float = 0.2
    halving: float = 1.6
    location_error: float = 0.1
    near_copy: float = 0.0
    copy_scatter: float = 0.005

    def __post_init__(self) -> None:
        """Refuse what no distribution has."""
        for name in ("bias", "scatter", "repeat"):
            values = np.array(getattr(self, name), dtype=float)
            if values.ndim != 1 or not np.isfinite(values).all():
                raise ValueError(f"{name} must be one finite number a source.")
            object.__setattr__(self, name, values)
        if not len(self.bias) == len(self.scatter) == len(self.repeat):
            sizes = f"{len(self.bias)}, {len(self.scatter)} and {len(self.repeat)}"
            raise ValueError(f"bias, scatter and repeat are of {sizes} sources; they must agree.")
        if self.on_side is not None:
            values = np.array(self.on_side, dtype=float)
            if values.ndim != 2 or len(values) != len(self.bias) or not np.isfinite(values).all():
                raise ValueError("on_side must be finite, of shape (n_sources, n_sides).")
            object.__setattr__(self, "on_side", values)
        self._check_forms()
        if not np.isfinite([self.mu, self.common_bias]).all():
            raise ValueError("mu and common_bias must be finite.")
        if not (self.tau > 0 and self.figure_scatter > 0 and (self.scatter > 0).all()):
            raise ValueError("tau, scatter and figure_scatter must be above 0.")
        if ((self.repeat < 0) | (self.repeat > 1)).any():
            raise ValueError("repeat is a probability: each must lie in 0 to 1.")

    @property
    def growth(self) -> "Growth":
        """How what is known grows to the toll."""
        return Growth(self.early_shortfall, self.early_excess, self.halving)

    def _check_forms(self) -> None:
        """Refuse denials and shortfalls that cannot be."""
        if self.denial is not None:
            values = np.array(self.denial, dtype=float)
            if values.shape != self.bias.shape or not ((values >= 0) & (values <= 1)).all():
                raise ValueError("denial is a probability of each source, in 0 to 1.")
            object.__setattr__(self, "denial", values)
        if not 0.0 <= self.near_copy <= 1.0:
            raise ValueError("near_copy is a probability, in 0 to 1.")
        for name in _SCALES:
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0.")


@dataclass(frozen=True)
class Forms:
    """How claims are put that are no plain counts.

    Parameters
    ----------
    at_least, at_most : float
        Share of claims that are such bounds: a number that falls short of the toll, or goes beyond
        it. Bounds repeat no figure, and are no denials.
    estimated : float
        Share of claims that are estimates, which state standard errors of 0.05 to 0.5 on the log1p
        axis, equally likely on the scale of logs.
    listed : float
        Share of locations with a list of names. A list of none is not published.
    early : float
        Share of locations with an onset, on which claims are of ages of `AGES`, all alike likely.
    verified : float
        Share of locations whose toll is known, the first always among them unless it is 0. Where
        some are, all claims on a location but lists of names share an error.

    Raises
    ------
    ValueError
        If shares are not in 0 to 1, or the first two exceed 1 together.
    """

    at_least: float = 0.0
    at_most: float = 0.0
    estimated: float = 0.0
    listed: float = 0.0
    early: float = 0.0
    verified: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what is no share."""
        shares = (self.at_least, self.at_most, self.estimated)
        if not (min(shares) >= 0 and sum(shares) <= 1):
            raise ValueError(
                "at_least, at_most and estimated are shares of claims, of 1 at most together."
            )
        for name in ("listed", "early", "verified"):
            share = getattr(self, name)
            if not 0 <= share <= 1:
                raise ValueError(f"{name} is {share}; it is a share of locations, in 0 to 1.")


@dataclass(frozen=True, eq=False)
class Simulation:
    """Claims, with the truth behind them.

    Parameters
    ----------
    claims : Claims
        What the sources said. A source that was not drawn for a location has no row there.
    tolls : ndarray of int, shape (n_locations,)
        The true tolls, in the order of ``claims.locations``.
    figures : ndarray of int, shape (n_locations,)
        The figure in circulation at each location, whether or not anyone repeated it; of claims
        of early ages each age has another.
    theta : Truth
        What tolls, figures and claims were drawn from.
    sources : tuple of str, length n_sources
        Names of the sources in the order of `theta`. One that made no claim at all is here and
        not in ``claims.sources``.
    """

    claims: Claims
    tolls: NDArray[np.int64]
    figures: NDArray[np.int64]
    theta: Truth
    sources: tuple[str, ...]


def draw_truth(  # noqa: PLR0913 - each argument is one centre or spread of a truth
    n_sources: int,
    *,
    mu: float = 2.0,
    tau: float = 0.8,
    bias_spread: float = 0.2,
    scatter: float = 0.15,
    scatter_spread: float = 0.3,
    repeat: float = 0.5,
    repeat_spread: float = 1.0,
    figure_scatter: float = 0.15,
    common_bias: float = 0.0,
    sides: int = 0,
    side_spread: float = 0.2,
    rng: int | np.random.Generator | None = None,
) -> Truth:
    """Draw sources around given centres; everything else is fixed.

    The defaults are near the centre of the default priors and narrower than they are, so that
    tolls and errors are of ordinary size. To check calibration, draw from the priors themselves.

    Parameters
    ----------
    n_sources : int
        Number of sources.
    mu, tau, figure_scatter, common_bias : float
        As in `Truth`.
    bias_spread : float
        Biases are Normal(0, `bias_spread`).
    scatter, scatter_spread : float
        Logs of scatters are Normal(log(`scatter`), `scatter_spread`).
    repeat, repeat_spread : float
        Log odds of repeat probabilities are Normal(logit(`repeat`), `repeat_spread`).
    sides, side_spread : int, float
        Number of sides, and the spread of a source's biases over them around its own.
    rng : int, Generator or None
        Seed or generator.

    Returns
    -------
    Truth

    Examples
    --------
    >>> truth = draw_truth(3, bias_spread=0.0, rng=1)
    >>> truth.bias
    array([0., 0., 0.])
    """
    if n_sources < 1:
        raise ValueError(f"n_sources is {n_sources}; there must be one or more.")
    if scatter <= 0 or not 0 < repeat < 1:
        raise ValueError("scatter must be above 0, and repeat strictly between 0 and 1.")
    rng = np.random.default_rng(rng)
    standard = rng.standard_normal((3, n_sources))
    log_odds = np.log(repeat / (1 - repeat)) + repeat_spread * standard[2]
    bias = bias_spread * standard[0]
    on_side = bias[:, None] + side_spread * rng.standard_normal((n_sources, sides))
    return Truth(
        mu=mu,
        tau=tau,
        bias=bias,
        on_side=on_side if sides else None,
        scatter=scatter * np.exp(scatter_spread * standard[1]),
        repeat=1 / (1 + np.exp(-log_odds)),
        figure_scatter=figure_scatter,
        common_bias=common_bias,
    )


def truth_of(
    unknowns: Mapping[str, float],
    sources: Sequence[str],
    sides: Sequence[str] = (),
    covariates: Sequence[str] = (),
) -> Truth:
    """`Truth` that `draw_unknowns` drew."""
    on_side = [
        [unknowns[f"bias_on_side[{label_of(source, side)}]"] for side in sides]
        for source in sources
    ]
    bias, scatter, repeat, denial = (
        np.array([unknowns[f"{name}[{source}]"] for source in sources])
        for name in ("bias", "log_scatter", "logit_repeat", "logit_denial")
    )
    return Truth(
        mu=unknowns["mu"],
        tau=float(np.exp(unknowns["log_tau"])),
        bias=bias,
        scatter=np.exp(scatter),
        repeat=expit(repeat),
        figure_scatter=float(np.exp(unknowns["log_figure_scatter"])),
        common_bias=unknowns["common_bias"],
        on_side=np.array(on_side) if sides else None,
        effect=np.array([unknowns[f"effect[{name}]"] for name in covariates]),
        denial=expit(denial),
        near_copy=float(expit(unknowns.get("logit_near_copy", -np.inf))),
        **{
            name: float(np.exp(unknowns[f"log_{name}"]))
            for name in _SCALES
            if f"log_{name}" in unknowns
        },
    )


def source_names(n_sources: int) -> tuple[str, ...]:
    """Names that `simulate` gives to sources: ``S01`` and so on."""
    return tuple(_names("S", n_sources, 2).tolist())


def side_names(n_sides: int) -> tuple[str, ...]:
    """Names that `simulate` gives to sides: ``A01`` and so on."""
    return tuple(_names("A", n_sides, 2).tolist())


def covariate_names(n_covariates: int) -> tuple[str, ...]:
    """Names that `simulate` gives to covariates: ``Z01`` and so on."""
    return tuple(_names("Z", n_covariates, 2).tolist())


def simulate(
    n_locations: int,
    n_sources: int,
    *,
    claims_per_location: float = 3.0,
    truth: Truth | None = None,
    cap: int | None = None,
    noise: Family | None = None,
    toll_noise: Family | None = None,
    parts: int = 0,
    sides: int = 0,
    forms: Forms | None = None,
    faults: Sequence[Fault] = (),
    rng: int | np.random.Generator | None = None,
) -> Simulation:
    r"""Simulate claims, of counts and bounds, and the tolls they are about.

    .. math::
        N_i \sim \mathrm{mass}(\cdot; \mu, \tau), \quad
        v_i \sim \mathrm{mass}(\cdot; x(N_i) + b_0, s_0), \quad
        y_{ij} = v_i \text{ with probability } \omega_j, \text{ else }
        y_{ij} \sim \mathrm{mass}(\cdot; x(N_i) + b_0 + b_j, \sigma_j)

    with :math:`x(n) = \log(1 + n)` and the mass of a whole number that of the interval from
    half below it to half above it on that axis.

    Parameters
    ----------
    n_locations, n_sources : int
        Numbers of locations and of sources; one or more of each.
    claims_per_location : float
        Each location is claimed on by ``min(n_sources, 1 + Poisson(claims_per_location - 1))``
        sources, all sets of that size being equally likely; 1 or more. The mean falls short of
        this where it comes near `n_sources`.
    truth : Truth, optional
        What to simulate from; by default ``draw_truth(n_sources, sides=sides, rng=rng)``.
    cap : int, optional
        The most a toll can be, also said in the claims; larger ones are drawn again. Figures
        and claims may exceed it.
    noise, toll_noise : Logistic, Normal or StudentT, optional
        Distributions of errors (figures' and claims' alike) and of tolls; logistic by default.
    parts : int
        How many locations make up a whole, and how many wholes a larger one, until one holds
        all; 2 or more, or 0 for no wholes. Each is claimed on as a location is and has an
        unlisted remainder, a toll like any other.
        Locations then have no covariates.
    sides : int
        How many sides the dead of locations are of in turn, sources being biased differently
        by side; wholes have none. 0 for no sides.
    forms : Forms, optional
        Shares of claims that are bounds, and of locations with a list of names; by default all
        claims are counts.
    faults : sequence of Fault
        What becomes of the claims before they reach the table, in this order: see
        `tollest.simulation.faults`.
    rng : int, Generator or None
        Seed or generator.

    Returns
    -------
    Simulation
        Locations are named ``L000001`` and so on, wholes after them likewise, sources ``S01``
        and so on.

    Notes
    -----
    Exact draws of the discretised model, but for numbers of ten thousand million or more, which
    `Claims` does not take: they are clipped to one less.

    Examples
    --------
    >>> simulated = simulate(100, 5, rng=1)
    >>> len(simulated.tolls)
    100
    """
    rng = np.random.default_rng(rng)
    _check(n_locations, n_sources, claims_per_location, truth, parts)
    noise, toll_noise = noise or Logistic(), toll_noise or Logistic()
    truth = draw_truth(n_sources, sides=sides, rng=rng) if truth is None else truth
    _check_sides_and_effects(truth, sides, parts)
    z = _draw_covariates(rng, truth, n_locations)
    tolls, parent = _draw_world(rng, toll_noise, truth, z, cap, parts)
    # From a stream of their own: what is no plain count does not move the others.
    stream, forms = rng.spawn(1)[0], forms or Forms()
    error = truth.location_error if forms.verified else 0.0
    final = draw_final(rng.spawn(1)[0], tolls, error)
    x = np.log1p(final) + truth.common_bias
    figures = counts_at(x + truth.figure_scatter * noise.rvs(rng, tolls.size))
    location, source = _draw_who_claims(rng, tolls.size, n_sources, claims_per_location)
    # Of a whole the dead may be of any side.
    side = np.where(location < n_locations, location % max(sides, 1), -1)
    kind = _draw_kinds(stream, forms, len(source))
    spoken = _Spoken(location, source, side, kind)
    centre, of_claims, age = x[location], figures[location], np.full(len(source), np.inf)
    if forms.early:
        days = rng.spawn(1)[0]
        is_early = days.random(tolls.size) < forms.early
        age = np.where(is_early[location], days.choice(AGES, len(source)), np.inf)
        heard = draw_known(days, final, location, age, truth.growth)
        centre = np.log1p(heard) + truth.common_bias
        drawn = draw_figures(days, noise, truth.figure_scatter, centre, location, age)
        of_claims = np.where(np.isfinite(age), drawn, of_claims)
    log_sd = _draw_log_sds(rng.spawn(1)[0], kind)
    count = _draw_counts(rng, stream, noise, truth, centre, of_claims, spoken, age, log_sd, faults)
    sources = source_names(n_sources)
    table = pd.DataFrame(
        {
            "location": _names("L", tolls.size, 6)[location],
            "source": np.array(sources, dtype=object)[source],
            "count": count,
        }
    )
    if forms != Forms():
        kinds = ["count", "at_least", "at_most", "estimate"]
        table["kind"] = np.array(kinds, dtype=object)[kind]
    if forms.estimated:
        table["log_sd"] = np.where(kind == _ESTIMATE, log_sd, np.nan)
    if forms.early:
        is_early = np.isfinite(age)
        table["onset"] = np.where(is_early, _ONSET, np.datetime64("NaT"))
        seconds = np.where(is_early, 86_400 * age, 0.0).astype("timedelta64[s]")
        table["date"] = np.where(is_early, _ONSET + seconds, np.datetime64("NaT"))
    if sides:
        table["side"] = np.array([*side_names(sides), ""], dtype=object)[side]
    if cap is not None:
        # Wholes, and their remainders, have none.
        caps = np.full(len(table), cap, np.int64)
        table["cap"] = pd.arrays.IntegerArray(caps, side < 0)
    if forms.listed or forms.verified:
        table = _with_certain(rng, stream, forms, truth, tolls, table)
        location = np.searchsorted(_names("L", tolls.size, 6), table["location"].to_numpy())
    if parts:
        table["parent"] = np.append(_names("L", tolls.size, 6), "")[parent[location]]
    claims = Claims.from_table(table)
    if z.shape[1]:
        terms = covariate_names(z.shape[1])
        known = pd.DataFrame(z, columns=list(terms))
        known["location"] = _names("L", n_locations, 6)
        claims = claims.with_covariates(" + ".join(terms), known)
    return Simulation(claims, tolls, figures, truth, sources)


def _check(
    n_locations: int, n_sources: int, claims_per_location: float, truth: Truth | None, parts: int
) -> None:
    """Refuse sizes that cannot be."""
    if n_locations < 1 or n_sources < 1:
        raise ValueError("n_locations and n_sources must each be 1 or more.")
    if not claims_per_location >= 1:
        raise ValueError(
            f"claims_per_location is {claims_per_location}; it must be 1 or more, since a "
            "location is in the table only if somebody claimed on it."
        )
    if truth is not None and len(truth.bias) != n_sources:
        raise ValueError(f"truth has {len(truth.bias)} sources, but n_sources is {n_sources}.")
    if parts == 1 or parts < 0:
        raise ValueError(f"parts is {parts}; a whole has two or more, and 0 is for no wholes.")


def _check_sides_and_effects(truth: Truth, sides: int, parts: int) -> None:
    """Refuse a truth of other sides, or with effects where there are wholes."""
    n_sides = 1 if truth.on_side is None else truth.on_side.shape[1]
    if n_sides != max(sides, 1):
        raise ValueError(f"truth has biases on {n_sides} sides, but sides is {sides}.")
    if truth.effect is not None and truth.effect.size and parts:
        raise ValueError("wholes and parts are simulated without covariates; leave one out.")


def _draw_covariates(
    rng: np.random.Generator, truth: Truth, n_locations: int
) -> NDArray[np.float64]:
    """Covariates of mean 0 and standard deviation 1, as claims will have them; (n, n_effects)."""
    z = rng.standard_normal((n_locations, 0 if truth.effect is None else truth.effect.size))
    return (z - z.mean(axis=0)) / z.std(axis=0) if z.shape[1] else z


def _draw_world(
    rng: np.random.Generator, toll_noise: Family, truth: Truth, z: NDArray[np.float64],
    cap: int | None, parts: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:  # fmt: skip
    """Tolls of all locations, wholes after them, and the whole that each is a part of, or -1."""
    effect = np.zeros(0) if truth.effect is None else truth.effect
    tolls = _draw_tolls(rng, toll_noise, truth, cap, truth.mu + z @ effect)
    if not parts:
        return tolls, np.full(tolls.size, -1)
    parent = _parents(tolls.size, parts)
    remainders = np.full(parent.size - tolls.size, truth.mu)
    tolls = np.concatenate([tolls, _draw_tolls(rng, toll_noise, truth, None, remainders)])
    for i in np.flatnonzero(parent >= 0).tolist():  # parts before their wholes
        tolls[parent[i]] += tolls[i]
    return tolls, parent


class _Spoken(NamedTuple):
    """Of each claim: the location, the source, the side of the dead (-1 of none) and the kind."""

    location: NDArray[np.int64]
    source: NDArray[np.int64]
    side: NDArray[np.int64]
    kind: NDArray[np.int64]  # 0 of counts, 1 of at least, 2 of at most, 3 of estimates


def _draw_kinds(rng: np.random.Generator, forms: Forms, n: int) -> NDArray[np.int64]:
    """Kind of each claim: 0 of counts, 1 of at least, 2 of at most, 3 of estimates."""
    ends = np.cumsum([forms.at_least, forms.at_most, forms.estimated])
    uniform = rng.random(n)
    return np.select([uniform < end for end in ends], [1, 2, _ESTIMATE], 0).astype(np.int64)


def _draw_log_sds(rng: np.random.Generator, kind: NDArray[np.int64]) -> NDArray[np.float64]:
    """Draw standard errors that estimates state; 0 of all other claims."""
    log_sd = np.exp(rng.uniform(math.log(_LOG_SDS[0]), math.log(_LOG_SDS[1]), kind.size))
    return np.where(kind == _ESTIMATE, log_sd, 0.0)


@dataclass(frozen=True)
class Growth:
    """How what is known grows to the toll.

    Parameters
    ----------
    shortfall, excess : float
        Mean amount by which what is known at the onset falls short of the toll on the log1p axis,
        and the share of it by which it exceeds the toll.
    halving : float
        Days that halve both.
    """

    shortfall: float
    excess: float
    halving: float

    @classmethod
    def of(cls, shared: NDArray[np.float64]) -> "Growth":
        """Take it from what all locations share, in the order of `tollest._sums.tables`."""
        logs = shared[[LOG_EARLY_SHORTFALL, LOG_EARLY_EXCESS, LOG_HALVING]]
        return cls(*np.exp(logs).tolist())


def draw_known(
    rng: np.random.Generator, tolls: NDArray[np.int64], location: NDArray[np.int64],
    age: NDArray[np.float64], growth: Growth,
) -> NDArray[np.int64]:  # fmt: skip
    """Draw what was known when claims were made, from the tolls back in time.

    Parameters
    ----------
    rng : Generator
        Where to draw from.
    tolls : ndarray of int, shape (n_locations,)
        The tolls.
    location, age : ndarray, shape (n_claims,)
        Location of each claim, and its age in days; infinite of those that are of the toll.
    growth : Growth
        How what is known grows.

    Returns
    -------
    ndarray of int, shape (n_claims,)
        The same for all claims of an age on a location.
    """
    out, known, scale = tolls[location], tolls.copy(), np.zeros(tolls.size)
    order = np.argsort(-age, kind="stable")
    order = order[np.isfinite(age[order])]
    for rows in np.split(order, np.flatnonzero(np.diff(age[order])) + 1) if order.size else ():
        places = np.unique(location[rows])
        new_scale = growth.shortfall / (1.0 + age[rows[0]] / growth.halving)
        for amount in (-new_scale, growth.excess * new_scale):
            is_new = rng.random(places.size) >= scale[places] / new_scale
            moved = counts_at(np.log1p(known[places]) + amount * rng.exponential(size=places.size))
            known[places] = np.where(is_new, moved, known[places])
        scale[places] = new_scale
        out[rows] = known[location[rows]]
    return out


def draw_final(
    rng: np.random.Generator, tolls: NDArray[np.int64], error: float | NDArray[np.float64]
) -> NDArray[np.int64]:
    """Draw what is taken for known in the end, an exponential amount down and one up from tolls.

    `error` is the scale of both on the log1p axis.
    """
    out = tolls
    for scale in (-np.asarray(error), np.asarray(error)):
        out = counts_at(np.log1p(out) + scale * rng.exponential(size=out.size))
    return out


def draw_figures(
    rng: np.random.Generator, noise: Family, scatter: float, x: NDArray[np.float64],
    location: NDArray[np.int64], age: NDArray[np.float64],
) -> NDArray[np.int64]:  # fmt: skip
    """Draw the figure that each claim may repeat, one for each location and age.

    `x` is the centre of each claim's figure on the log1p axis, of shape (n_claims,).
    """
    figure = _figure_of(location, age)
    errors = noise.rvs(rng, int(figure.max(initial=-1)) + 1)
    return counts_at(x + scatter * errors[figure])


def _figure_of(location: NDArray[np.int64], age: NDArray[np.float64]) -> NDArray[np.int64]:
    """Give the number of the figure that each claim may repeat, one for each location and age."""
    order = np.lexsort((age, location))
    is_first = np.ones(order.size, dtype=bool)
    is_first[1:] = (np.diff(location[order]) != 0) | (age[order][1:] != age[order][:-1])
    figure = np.empty(order.size, np.int64)
    figure[order] = np.cumsum(is_first) - 1
    return figure


def draw_copies(
    rng: np.random.Generator, figures: NDArray[np.int64], repeats: NDArray[np.bool_],
    location: NDArray[np.int64], age: NDArray[np.float64], share: float, scatter: float,
) -> NDArray[np.int64]:  # fmt: skip
    """Draw what those who repeat a figure state: it, or a number near it.

    Parameters
    ----------
    rng : Generator
        Where to draw from.
    figures, repeats, location, age : ndarray, shape (n_claims,)
        The figure that each claim may repeat, whether it does, and its location and age.
    share, scatter : float
        Probability of a change, and its scale on the log1p axis.

    Returns
    -------
    ndarray of int, shape (n_claims,)
        Where none of those who repeat a figure would state it as it is, all do.
    """
    is_changed = rng.random(figures.size) < share
    errors = Logistic().rvs(rng, figures.size)
    near = counts_at(np.log1p(figures) + scatter * errors)
    copies = np.where(is_changed, near, figures)
    figure = _figure_of(location, age)
    is_stated = np.zeros(figures.size, dtype=bool)
    is_stated[figure[repeats & (copies == figures)]] = True
    return np.where(is_stated[figure], copies, figures)


def _draw_counts(
    rng: np.random.Generator, stream: np.random.Generator, noise: Family, truth: Truth,
    x: NDArray[np.float64], figures: NDArray[np.int64], spoken: _Spoken,
    age: NDArray[np.float64], log_sd: NDArray[np.float64], faults: Sequence[Fault],
) -> NDArray[np.int64]:  # fmt: skip
    """Draw what claims say, figures or own counts, and apply the faults.

    `x`, `figures`, `age` and `log_sd` are of each claim: the log of what it is of, what it may
    repeat, its age, and the standard error that it states.
    """
    location, source, side, kind = spoken
    scale = np.hypot(truth.scatter[source], scale_of(noise, log_sd))
    error = scale * noise.rvs(rng, len(source))
    bias = truth.bias[:, None] if truth.on_side is None else truth.on_side
    own_bias = np.where(side >= 0, bias[source, side], truth.bias[source])
    signs = np.array([0, -1, 1, 0])
    missed = truth.shortfall * stream.exponential(size=len(source)) * signs[kind]
    # Bounds are of a whole number that falls short of the toll, or exceeds it.
    of_bound = np.log1p(counts_at(x - truth.common_bias + missed)) + truth.common_bias
    own_counts = counts_at(np.where(kind == 0, x, of_bound) + own_bias + error)
    repeats = rng.random(len(source)) < truth.repeat[source]
    repeats &= kind == 0
    denies = np.zeros(len(source), dtype=bool)
    if truth.denial is not None:
        denies = (stream.random(len(source)) < truth.denial[source]) & (kind == 0)
    copies = draw_copies(
        stream.spawn(1)[0], figures, repeats & ~denies, location, age, truth.near_copy,
        truth.copy_scatter,
    )  # fmt: skip
    counts = np.where(denies, 0, np.where(repeats, copies, own_counts))
    said = Said(location, source, counts, repeats, truth.bias.size)
    for fault in faults:
        said = replace(said, count=fault.apply(said, rng).clip(0, _MOST))
    return said.count


def _with_certain(
    rng: np.random.Generator, stream: np.random.Generator, forms: Forms, truth: Truth,
    tolls: NDArray[np.int64], table: pd.DataFrame,
) -> pd.DataFrame:  # fmt: skip
    """Add lists of names and verified tolls to the table of claims."""
    certain = [_listed(stream, forms, truth, tolls, table)] if forms.listed else []
    certain.append(_verified(rng.spawn(1)[0], forms, tolls, table))
    if forms.estimated:
        # What is certain states no error.
        certain = [rows.assign(log_sd=np.nan) for rows in certain]
    return pd.concat([table, *certain], ignore_index=True)


def _listed(
    rng: np.random.Generator, forms: Forms, truth: Truth, tolls: NDArray[np.int64],
    table: pd.DataFrame,
) -> pd.DataFrame:  # fmt: skip
    """Rows of lists of names, whose columns are those of the table of claims."""
    has_list = rng.random(tolls.size) < forms.listed
    missed = truth.list_shortfall * rng.exponential(size=tolls.size)
    # The edge of a whole number is half a death above it, so that a list is never longer.
    count = np.minimum(counts_at(np.log1p(tolls) - missed), tolls)
    is_in = has_list & (count > 0)
    number = dict(zip(_names("L", tolls.size, 6)[is_in], count[is_in].tolist(), strict=True))
    rows = table[table["location"].isin(number)].drop_duplicates("location")
    rows = rows.assign(
        count=[number[name] for name in rows["location"]], kind="documented", source="registry"
    )
    return rows[list(table.columns)]


def _verified(
    rng: np.random.Generator, forms: Forms, tolls: NDArray[np.int64], table: pd.DataFrame
) -> pd.DataFrame:
    """Rows of verified tolls, whose columns are those of the table of claims."""
    is_in = rng.random(tolls.size) < forms.verified
    is_in[0] = forms.verified > 0
    number = dict(zip(_names("L", tolls.size, 6)[is_in], tolls[is_in].tolist(), strict=True))
    rows = table[table["location"].isin(number)].drop_duplicates("location")
    return rows.assign(
        count=[number[name] for name in rows["location"]], kind="verified", source="court"
    )


def _parents(n: int, parts: int) -> NDArray[np.int64]:
    """Whole of each location, locations first, then the wholes level by level; -1 of the last."""
    out: list[int] = []
    start, size = 0, n
    while size > 1:
        out += [start + size + i // parts for i in range(size)]
        start, size = start + size, -(-size // parts)
    return np.array([*out, -1], np.int64)


def counts_at(y: NDArray[np.float64]) -> NDArray[np.int64]:
    """Smallest whole number n, 0 or more, with ``log1p(n + 1/2) >= y``."""
    n = np.ceil(np.expm1(np.minimum(y, np.log(2.0 * _MOST))) - 0.5)
    return np.clip(n, 0, _MOST).astype(np.int64)


def _draw_tolls(
    rng: np.random.Generator, toll_noise: Family, truth: Truth, cap: int | None,
    mu: NDArray[np.float64],
) -> NDArray[np.int64]:  # fmt: skip
    """Draw tolls around `mu`, again where they are above the cap."""
    tolls = counts_at(mu + truth.tau * toll_noise.rvs(rng, mu.size))
    if cap is None:
        return tolls
    for _ in range(1000):
        above = np.flatnonzero(tolls > cap)
        if not len(above):
            return tolls
        tolls[above] = counts_at(mu[above] + truth.tau * toll_noise.rvs(rng, len(above)))
    raise ValueError(
        f"cap is {cap}, and tolls at or below it are too rare; raise it, or lower mu."
    )


def _draw_who_claims(
    rng: np.random.Generator, n_locations: int, n_sources: int, claims_per_location: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Location and source of each claim: a uniform subset of sources a location.

    Floyd's algorithm, for all locations at once: at step k of a location with c claims draw one
    of the first ``n_sources - c + k + 1`` sources, and take the last of these if it is taken.
    """
    size = np.minimum(n_sources, 1 + rng.poisson(claims_per_location - 1, n_locations))
    chosen = np.full((n_locations, int(size.max())), -1)
    for k in range(chosen.shape[1]):
        active = np.flatnonzero(size > k)
        last = n_sources - size[active] + k
        pick = rng.integers(0, last + 1)
        taken = (chosen[active, :k] == pick[:, None]).any(axis=1)
        chosen[active, k] = np.where(taken, last, pick)
    return np.repeat(np.arange(n_locations), size), chosen[chosen >= 0]


def _names(letter: str, n: int, width: int) -> NDArray[np.object_]:
    """Names that sort as they are numbered."""
    width = max(width, len(str(n)))
    return np.array([f"{letter}{i:0{width}d}" for i in range(1, n + 1)], dtype=object)
