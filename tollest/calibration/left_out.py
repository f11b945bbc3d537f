"""Predicting the claims of each source from those of all others."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from tollest import _text
from tollest._arrays import Floats, Integers
from tollest._progress import Reporter
from tollest._sums.tables import (
    COMMON_BIAS,
    LOG_FIGURE_SCATTER,
    LOG_LOCATION_ERROR,
    Parameters,
)
from tollest.claims.table import KINDS, Claims
from tollest.engines import AbstractEngine
from tollest.estimation import sources
from tollest.estimation.masses import whole
from tollest.estimation.results import DoubtfulEstimate, Estimate, estimate
from tollest.model.circulation import (
    Copies,
    Figure,
    Speakers,
    log_mass,
    log_mass_up_to,
    logit_denials,
)
from tollest.model.names import positions
from tollest.model.posterior import Model
from tollest.priors import Fixed, HalfNormal, Never, Normal, Source
from tollest.simulation import worlds

if TYPE_CHECKING:
    import pandas as pd


_DRAWS = 1000  # of theta and tolls, that predictions are averaged over
_MOST = 10**10  # beyond any claim
_EFFECTS = ("bias", "log_scatter", "logit_repeat", "logit_denial")


def leave_one_source_out(
    claims: Claims,
    *,
    sources: Sequence[str] | None = None,
    folds: int = 1,
    ci_prob: float = 0.9,
    model: Model | None = None,
    engine: AbstractEngine | None = None,
    rng: int | np.random.Generator | None = None,
    progress: bool = True,
) -> "LeftOut":
    """Predict the counts of each source from the claims of all others.

    With one fold the source is a stranger: its bias, scatter and habit of repeating are drawn
    from the population of sources, as learnt from the others. With more, its claims are left out
    a part at a time, and its habits are learnt from the rest of them; where it has none left it
    is a stranger again. Only counts are predicted, and only where another source speaks of the
    same location.

    Parameters
    ----------
    claims : Claims
        The evidence, of three sources or more.
    sources : sequence of str, optional
        Sources to leave out, one after the other; all if left out.
    folds : int
        Parts that the claims of a source are split into at random.
    ci_prob : float
        Probability inside the equal-tailed predictive intervals.
    model : Model, optional
        The assumptions.
    engine : engine, optional
        How to compute.
    rng : int, Generator or None
        Seed or generator. Each source has a stream of its own.
    progress : bool
        Whether to show progress.

    Returns
    -------
    LeftOut

    Raises
    ------
    ValueError
        If there are fewer than three sources, none of a name in `sources`, or nothing to predict.

    Warns
    -----
    DoubtfulEstimate
        If an estimate without a source is not good enough.
    """
    if claims.n_sources < 3:
        raise ValueError(
            f"there are {claims.n_sources} sources; leaving one out takes three or more."
        )
    whole(folds, least=1)
    unknown = sorted(set(sources or ()) - set(claims.sources))
    if unknown:
        raise ValueError(
            f"no claim that may err is by {', '.join(map(repr, unknown))}; sources are "
            f"{', '.join(map(repr, claims.sources))}."
        )
    model = model or Model()
    streams = np.random.default_rng(rng).spawn(claims.n_sources)
    parts = []
    with Reporter(progress) as reporter:
        for i, (source, stream) in enumerate(zip(claims.sources, streams, strict=True)):
            if sources is not None and source not in sources:
                continue
            reporter.update(f"Leaving out {source}", i / claims.n_sources)
            parts += _predicted(claims, source, folds, ci_prob, model, engine, stream)
    import pandas as pd

    found = [part for part, _ in parts if len(part)]
    if not found:
        raise ValueError("no count is on a location of which another source speaks.")
    doubts = tuple(dict.fromkeys(doubt for _, doubts in parts for doubt in doubts))
    if doubts:
        warnings.warn(" ".join(doubts), DoubtfulEstimate, stacklevel=2)
    return LeftOut(pd.concat(found, ignore_index=True), ci_prob, doubts)


@dataclass(frozen=True, eq=False)
class LeftOut:
    """Claims of each source, and what all others predicted of them.

    Attributes
    ----------
    claims : pandas.DataFrame
        A row for each count predicted: ``source, location, row, count``; the predictive
        ``median, lower, upper``; ``inside``, whether the count is in the interval, whose ends
        belong to it, so that small counts are inside more often than promised; ``share_inside``,
        the part of the count's own probability that lies between the tails, which is `ci_prob`
        on average where all is right, however small counts are; ``rank``, the predictive
        probability below it with half that of the count itself, a half on average where all is
        right; ``log_predictive``, log of the probability of the count.
    ci_prob : float
        Probability inside the intervals.
    doubts : tuple of str
        Why some of the estimates should not be relied on, each with the source left out.

    References
    ----------
    Czado, Gneiting & Held (2009), Predictive model assessment for count data. Biometrics 65(4),
    1254-1261. https://doi.org/10.1111/j.1541-0420.2009.01191.x (ranks of counts, spread evenly
    over each count's own probability)
    """

    claims: "pd.DataFrame"
    ci_prob: float
    doubts: tuple[str, ...] = ()

    @property
    def coverage(self) -> float:
        """Share of all counts inside their intervals."""
        return float(self.claims["inside"].mean())

    @property
    def randomized_coverage(self) -> float:
        """Share of all counts inside intervals that hold `ci_prob` exactly, not at least.

        Whole numbers cannot be split so that 90 % lie between two of them, and `coverage` counts
        both ends as inside. Here an end is inside as often as makes the interval's probability
        exact: the mean of ``share_inside``.
        """
        return float(self.claims["share_inside"].mean())

    @property
    def log_predictive(self) -> float:
        """Sum of the log predictive probabilities of all counts."""
        return float(self.claims["log_predictive"].sum())

    def table(self) -> "pd.DataFrame":
        """Summarise by source.

        Returns
        -------
        pandas.DataFrame
            Indexed by source: ``n_claims``, ``coverage``, ``randomized_coverage``, mean ``rank``
            (below a half: it counts fewer than the others lead one to expect), mean
            ``log_predictive``. Counts of one source share its bias and scatter, so they stand or
            fall together.
        """
        grouped = self.claims.groupby("source")
        table = grouped.agg(
            n_claims=("count", "size"),
            coverage=("inside", "mean"),
            randomized_coverage=("share_inside", "mean"),
            rank=("rank", "mean"),
            log_predictive=("log_predictive", "mean"),
        )
        table.attrs["ci_prob"] = self.ci_prob
        return table

    def __repr__(self) -> str:
        """Give the summary as text, with the level."""
        n = len(self.claims)
        return (
            f"{_text.plural(n, 'count')} predicted from the other sources' claims: "
            f"{self.coverage:.0%} inside {100 * self.ci_prob:g} % equal-tailed predictive "
            f"intervals, mean log probability {self.log_predictive / max(n, 1):.2f}.\n"
            f"{self.table().round(3).to_string()}"
            f"{''.join(f'{chr(10)}DOUBTFUL: {doubt}' for doubt in self.doubts)}"
        )


def _predicted(
    claims: Claims,
    source: str,
    folds: int,
    ci_prob: float,
    model: Model,
    engine: AbstractEngine | None,
    rng: np.random.Generator,
) -> "list[tuple[pd.DataFrame, tuple[str, ...]]]":
    """Predict the counts of one source, a fold at a time; what to doubt in each."""
    others = dict(model.priors.sources)
    override = others.pop(source, Source())
    stranger = replace(model, priors=replace(model.priors, sources=others))
    theirs = np.flatnonzero(claims.source_index == claims.sources.index(source))
    location = claims.location_index
    frame = claims.to_frame()
    parts = []
    for fold in np.array_split(rng.permutation(theirs), min(folds, len(theirs))):
        if folds == 1:
            kept = claims.without(source)
        else:
            # What it documented or verified on these locations would give its counts away.
            places = {claims.locations[i] for i in location[fold]}
            on_them = frame["location"].isin(places) & (frame["source"] == source)
            kept = claims.without(rows=frame["row"][on_them].tolist())
        given = model if source in kept.sources else stranger
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DoubtfulEstimate)  # raised again with the source
            result = estimate(kept, model=given, engine=engine, rng=rng, progress=False)
        speaker = _Speaker.of(result, source, override, rng)
        doubts = tuple(f"Without {source}: {doubt}" for doubt in result.doubts)
        parts.append((_rows(claims, np.sort(fold), source, speaker, ci_prob), doubts))
    return parts


def _rows(
    claims: Claims, fold: Integers, source: str, speaker: "_Speaker", ci_prob: float
) -> "pd.DataFrame":
    """Rows of `LeftOut.claims` for some claims of one source."""
    import pandas as pd

    result = speaker.estimate
    heard = {
        name: i
        for i, name in enumerate(result.claims.locations)
        if result.claims.claims_per_location[i] > 0
    }
    location = claims.location_index
    rows = []
    for c in fold[claims.kind[fold] == KINDS.index("count")].tolist():
        name = claims.locations[location[c]]
        if name not in heard:
            continue
        count = int(claims.lower[c])
        predicted = speaker.at(heard[name], float(claims.age[c]))
        below = predicted.up_to(count - 1) if count else 0.0
        point = predicted.point(count)
        tail = 0.5 - ci_prob / 2
        ends = [predicted.quantile(q) for q in (0.5, tail, 1.0 - tail)]
        inside = ends[1] <= count <= ends[2]
        rows.append((source, name, int(claims.row[c]), count, *ends, inside,
                     share_between(below, point, tail), below + 0.5 * point,
                     float(np.log(max(point, 1e-300)))))  # fmt: skip
    names = ["source", "location", "row", "count", "median", "lower", "upper", "inside",
             "share_inside", "rank", "log_predictive"]  # fmt: skip
    return pd.DataFrame(rows, columns=names)


def share_between(below: float, point: float, tail: float) -> float:
    """Part of the probability `point` of a number between both tails; `below` is less than it."""
    between = min(below + point, 1.0 - tail) - max(below, tail)
    # Rounding of the ends can make it exceed the whole.
    return min(max(between, 0.0) / point, 1.0) if point > 0.0 else 0.0


@dataclass(frozen=True, eq=False)
class _Speaker:
    """The source left out, and what the others say of every location."""

    estimate: Estimate
    tolls: Integers  # (n_draws, n_locations)
    thetas: Floats  # (n_draws, n_theta)
    effects: dict[str, Floats]  # of the source, each (n_draws,)
    on_sides: Floats  # its biases by side, none first, (n_draws, 1 + n_sides)

    @cached_property
    def points(self) -> list[Parameters]:
        """Unknowns of the sources that claimed, a draw each."""
        return [self.estimate.posterior.parameters(theta) for theta in self.thetas]

    @cached_property
    def shared(self) -> Floats:
        """What all locations share, shape (n_draws, 8)."""
        return np.array([p.shared for p in self.points])

    @classmethod
    def of(
        cls, estimate: Estimate, source: str, override: Source, rng: np.random.Generator
    ) -> "_Speaker":
        n_draws = min(_DRAWS, len(estimate.theta_used))
        # Spread over all draws, so that every chain has its share.
        spread = np.linspace(0, len(estimate.theta_used) - 1, n_draws).astype(np.int64)
        thetas = estimate.theta_used[spread]
        tolls = estimate.toll_draws(thetas)
        names = estimate.posterior.theta_names
        if source in estimate.claims.sources:
            position = estimate.claims.sources.index(source)
            layout = estimate.posterior.layout_of_sources
            habits_of_source = {
                name: drawn[:, position] if drawn.shape[1] else np.full(n_draws, -np.inf)
                for name in _EFFECTS
                for drawn in [sources.values(layout, thetas, name)]
            }
            if isinstance(estimate.model.priors.logit_repeat, Never):
                habits_of_source["logit_repeat"] = np.full(n_draws, -np.inf)
            on_sides = _on_sides(estimate, source, habits_of_source["bias"], override, thetas, rng)
            return cls(estimate, tolls, thetas, habits_of_source, on_sides)

        def population(name: str, prior: Normal | Fixed | None) -> Floats:
            pooled = getattr(estimate.model.priors, name)
            if isinstance(pooled, Never):
                return np.full(n_draws, -np.inf)
            standard = rng.standard_normal(n_draws)
            if isinstance(prior, Fixed):
                return np.full(n_draws, prior.value)
            if prior is not None:
                return prior.mean + prior.sd * standard

            # A population that no other source is of is known by its prior alone.
            if f"{name}_mean" in names:
                mean = thetas[:, names.index(f"{name}_mean")]
            elif isinstance(pooled.mean, Fixed):
                mean = np.full(n_draws, pooled.mean.value)
            elif isinstance(pooled.mean, HalfNormal):
                mean = np.log(np.abs(pooled.mean.sd * rng.standard_normal(n_draws)))
            else:
                mean = pooled.mean.mean + pooled.mean.sd * rng.standard_normal(n_draws)
            sd = _spread(names, thetas, f"log_{name}_sd", pooled.sd, rng)
            return np.asarray(mean + sd * standard, np.float64)

        effects = {name: population(name, getattr(override, name)) for name in _EFFECTS}
        on_sides = _on_sides(estimate, source, effects["bias"], override, thetas, rng)
        return cls(estimate, tolls, thetas, effects, on_sides)

    def _known(self, place: int, age: float) -> Integers:
        """Draw what was known at an age, or in the end, whatever other claims of it say."""
        final, shared = self.tolls[:, place], self.shared
        rng, one = np.random.default_rng(place), np.zeros(1, np.int64)
        if self.estimate.posterior.has_location_error:
            errors = np.exp(shared[:, LOG_LOCATION_ERROR])
            final = worlds.draw_final(rng, final, errors)
        if not np.isfinite(age):
            return final
        return np.array([
            worlds.draw_known(rng, toll, one, np.array([age]), worlds.Growth.of(logs))[0]
            for toll, logs in zip(final[:, None], shared, strict=True)
        ])  # fmt: skip

    def at(self, place: int, age: float) -> "_Claim":
        """Predict its claim of some age on the location at `place`."""
        claims = self.estimate.claims
        points, shared = self.points, self.shared
        if isinstance(self.estimate.model.priors.log_early_shortfall, Never):
            age = np.inf
        x = np.log1p(self._known(place, age)) + shared[:, COMMON_BIAS]
        members = np.arange(claims.offsets[place], claims.offsets[place + 1])
        members = members[claims.kind[members] == KINDS.index("count")]
        if np.isfinite(age):
            members = members[claims.age[members] == age]
        voices = positions(claims.voices, self.estimate.posterior.names.voices)[
            claims.voice_index[members]
        ]
        logit = np.array([p.logit_repeat[voices] for p in points])
        never = isinstance(self.estimate.model.priors.logit_repeat, Never)
        speakers = Speakers(
            centre=x[:, None] + np.array([p.bias[voices] for p in points]),
            scatter=np.exp(np.array([p.log_scatter[voices] for p in points])),
            logit_repeat=np.full_like(logit, -np.inf) if never else logit,
            logit_denial=logit_denials(points, voices),
        )  # fmt: skip
        family = self.estimate.model.noise
        figure = Figure(
            family, x, np.exp(shared[:, LOG_FIGURE_SCATTER]), claims.lower[members], speakers,
            Copies.of(shared),
        )  # fmt: skip
        return _Claim(
            figure,
            centre=x + self.on_sides[:, 1 + claims.side_index[place]],
            scatter=np.exp(self.effects["log_scatter"]),
            repeat=1.0 / (1.0 + np.exp(-self.effects["logit_repeat"])),
            denial=1.0 / (1.0 + np.exp(-self.effects["logit_denial"])),
        )


def _spread(
    names: Sequence[str], thetas: Floats, name: str, prior: HalfNormal | Fixed,
    rng: np.random.Generator,
) -> Floats:  # fmt: skip
    """Spread of a population at each draw: learnt, fixed, or known by its prior alone."""
    if name in names:
        return np.exp(thetas[:, names.index(name)])
    if isinstance(prior, Fixed):
        return np.full(len(thetas), prior.value)
    return prior.sd * np.abs(rng.standard_normal(len(thetas)))


def _on_sides(
    estimate: Estimate, source: str, bias: Floats, override: Source, thetas: Floats,
    rng: np.random.Generator,
) -> Floats:  # fmt: skip
    """Biases of a source by side, none first: learnt, or drawn around its own `bias`."""
    claims, posterior = estimate.claims, estimate.posterior
    out = np.repeat(bias[:, None], 1 + len(claims.sides), axis=1)
    if isinstance(override.bias, Fixed):
        return out
    known = sources.values(posterior.layout, thetas, "bias")
    prior = estimate.model.priors.side_sd
    for j, side in enumerate(claims.sides, start=1):
        if (source, side) in posterior.names.voices:
            out[:, j] = known[:, posterior.names.voices.index((source, side))]
            continue
        sd = _spread(posterior.theta_names, thetas, "log_side_sd", prior, rng)
        out[:, j] += sd * rng.standard_normal(len(bias))
    return out


@dataclass(frozen=True, eq=False)
class _Claim:
    """Predictive distribution of one count."""

    figure: Figure
    centre: Floats  # (n_draws,)
    scatter: Floats
    repeat: Floats
    denial: Floats

    def point(self, k: int) -> float:
        """Probability of `k`."""
        own_mass = np.exp(log_mass(self.figure.family, k, self.centre, self.scatter))
        said = (1 - self.repeat) * own_mass + self.repeat * self.figure.probability(k)
        return float(np.mean((1 - self.denial) * said + self.denial * (k == 0)))

    def up_to(self, k: int) -> float:
        """Probability of `k` or less."""
        own_mass = np.exp(log_mass_up_to(self.figure.family, k, self.centre, self.scatter))
        repeated = self.figure.probability_up_to(k)
        said = (1 - self.repeat) * own_mass + self.repeat * repeated
        return float(np.mean((1 - self.denial) * said + self.denial * (k >= 0)))

    def quantile(self, q: float) -> int:
        """Smallest number with at least probability `q` up to it."""
        low, high = -1, _MOST
        while high - low > 1:
            middle = (low + high) // 2
            if self.up_to(middle) >= q:
                high = middle
            else:
                low = middle
        return high
