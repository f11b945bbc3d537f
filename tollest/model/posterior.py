"""Assumptions, and what they make of claims: a log density over the continuous unknowns."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tollest import noise
from tollest._sums import shards
from tollest._sums.tables import Claimed, Grid, Parameters
from tollest._sums.threads import threaded
from tollest.claims.table import UNBOUNDED, Claims
from tollest.model import transforms, trees
from tollest.model.patterns import Frame, Patterns
from tollest.model.transforms import Coordinates, Layout
from tollest.model.trees import Nested
from tollest.noise import Family, Logistic
from tollest.priors import Fixed, HalfNormal, Never, Normal, Pooled, Priors, Source
from tollest.support import Support

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_CHUNK = 64  # points a thread evaluates at a time

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Model:
    """How tolls arise and how sources speak of them.

    Parameters
    ----------
    toll : Logistic, Normal or StudentT
        Distribution of the tolls on the log1p axis.
    noise : Logistic, Normal or StudentT
        Distribution of a claim's, and of a figure's, error on the log1p axis.
    priors : Priors
        Priors of every unknown, and what is known of single sources.
    support : Support
        Candidate tolls that sums run on; refined where the scatter demands it.

    Raises
    ------
    TypeError
        If a field is of another type.

    Examples
    --------
    A press agency believed to count a fifth too few, and normal errors:

    >>> from tollest import noise, priors
    >>> agency = priors.Source(bias=priors.Normal(-0.2, 0.1))
    >>> Model(noise=noise.Normal(), priors=priors.Priors(sources={"agency": agency})).noise
    Normal()
    """

    toll: Family = field(default_factory=Logistic)
    noise: Family = field(default_factory=Logistic)
    priors: Priors = field(default_factory=Priors)
    support: Support = field(default_factory=Support)

    def __post_init__(self) -> None:
        """Refuse fields of other types."""
        for name, allowed, example in (
            ("toll", Family, "noise.Normal()"),
            ("noise", Family, "noise.Normal()"),
            ("priors", Priors, "priors.Priors()"),
            ("support", Support, "Support()"),
        ):
            value = getattr(self, name)
            if not isinstance(value, allowed):
                raise TypeError(f"{name} of Model is {value!r}; give an object like {example}.")

    def given(self, claims: Claims) -> "Posterior":
        """Form the posterior of all unknowns under this model, given `claims`.

        Raises
        ------
        ValueError
            If `priors.sources` names a source that makes no claim.
        """
        return Posterior(self, claims)


@dataclass(frozen=True)
class Entry:
    """One entry of theta: its name, its index within that name, and its prior."""

    name: str
    member: str | None
    half: bool
    mean: int | float  # an int is the position of the entry that is the mean
    sd: int | float  # an int is the position of the entry that is the log sd


@dataclass(frozen=True, eq=False)
class Posterior:
    """A model and claims joined: the log density over theta, tolls and figures summed out.

    Theta is one flat vector of shape (n_theta,), unconstrained: scales stand as logarithms,
    repeat probabilities as log odds. Locations with the same claims, floor, cap and group
    share a pattern and are computed once.

    Parameters
    ----------
    model : Model
        The assumptions.
    claims : Claims
        The evidence.
    frame : Frame, optional
        What these claims share with others, where they are a part of them.
    """

    model: Model
    claims: Claims
    frame: Frame | None = None

    def __post_init__(self) -> None:
        """Refuse priors of sources that do not exist."""
        unknown = sorted(set(self.model.priors.sources) - set(self.shared.sources))
        if unknown:
            raise ValueError(
                f"priors name {', '.join(map(repr, unknown))}, which makes no claim that may err; "
                f"sources are {', '.join(map(repr, self.shared.sources)) or 'none'}."
            )

    @cached_property
    def shared(self) -> Frame:
        """What all claims have in common, those of other parts included."""
        return self.frame or Frame.of(self.claims)

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """Entries of theta in their order."""
        return self._laid_out[0]

    @cached_property
    def layout(self) -> Layout:
        """Theta as the compiled functions know it, biases and other habits by voice."""
        return self._laid_out[1]

    @property
    def layout_of_sources(self) -> Layout:
        """The same with habits by source, biases being those around which sides spread."""
        return self._laid_out[2]

    @cached_property
    def _laid_out(self) -> tuple[tuple[Entry, ...], Layout, Layout]:
        builder = _LayoutBuilder()
        priors, claims = self.model.priors, self.shared
        n_sources = len(claims.sources)
        mu = builder.add("mu", None, priors.mu)
        if claims.groups:
            spread = builder.add_scale("log_group_sd", priors.group_sd)
            mus = [
                builder.append(Entry("mu_group", name, False, mu.as_mean(), spread.as_sd()))
                for name in claims.groups
            ]
        else:
            mus = [mu]
        effects = [
            builder.append(
                Entry("effect", name, False, float(priors.effect.mean), float(priors.effect.sd))
            )
            for name in claims.covariate_names
        ]
        tau = builder.add_scale("log_tau", priors.tau)
        overrides = [priors.sources.get(name, Source()) for name in claims.sources]
        varies = [
            bool(side) and not isinstance(overrides[s].bias, Fixed)
            for (_, side), s in zip(claims.voices, claims.source_of.tolist(), strict=True)
        ]
        # A source's bias is known through those by side, so their spread comes before it.
        side_sd = builder.add_scale("log_side_sd", priors.side_sd) if any(varies) else None
        bias = builder.add_effects(
            "bias", claims.sources, priors.bias, [override.bias for override in overrides]
        )
        scatter = builder.add_effects(
            "log_scatter",
            claims.sources,
            priors.log_scatter,
            [override.log_scatter for override in overrides],
        )
        if isinstance(priors.logit_repeat, Never):
            repeat = [_Position(-1, 0.0)] * n_sources
            figure_scatter = _Position(-1, 0.0)
        else:
            repeat = builder.add_effects(
                "logit_repeat",
                claims.sources,
                priors.logit_repeat,
                [override.logit_repeat for override in overrides],
            )
            figure_scatter = builder.add("log_figure_scatter", None, priors.log_figure_scatter)
        # What claims see added to biases comes after them: see `tollest.model.transforms`.
        by_side = builder.add_sides(claims.voices, claims.source_of, bias, varies, side_sd)
        common_bias = builder.add("common_bias", None, priors.common_bias)
        shared = [tau, figure_scatter, common_bias]
        entries = builder.entries
        # What claims see added to the common bias.
        seen = {p.index for p in by_side}
        shift = [
            common_bias.index if i in seen and type(e.sd) is int else -1
            for i, e in enumerate(entries)
        ]
        of = claims.source_of.tolist()
        mus = [mus[g] for g in claims.level_group.tolist()]
        voices = (mus, by_side, [scatter[s] for s in of], [repeat[s] for s in of], shared)
        position, fixed = _parameters(voices)
        first_child, end_child = _children(entries)
        layout = Layout(
            half=np.array([e.half for e in entries], dtype=np.bool_),
            mean_index=np.array([e.mean if type(e.mean) is int else -1 for e in entries]),
            mean=np.array([0.0 if type(e.mean) is int else e.mean for e in entries]),
            log_sd_index=np.array([e.sd if type(e.sd) is int else -1 for e in entries]),
            sd=np.array([1.0 if type(e.sd) is int else e.sd for e in entries]),
            shift_index=np.array(shift, dtype=np.int64),
            first_child=first_child,
            end_child=end_child,
            effect_index=np.array([p.index for p in effects], dtype=np.int64),
            design=np.ascontiguousarray(claims.level_covariates),
            exposure=claims.level_exposure,
            position=position,
            fixed=fixed,
        )
        position, fixed = _parameters((mus, bias, scatter, repeat, shared))
        return tuple(entries), layout, layout._replace(position=position, fixed=fixed)

    @cached_property
    def theta_names(self) -> tuple[str, ...]:
        """Name of each entry of theta, such as ``"bias[press]"``."""
        return tuple(e.name if e.member is None else f"{e.name}[{e.member}]" for e in self.entries)

    @property
    def n_theta(self) -> int:
        """Number of continuous unknowns."""
        return len(self.entries)

    @cached_property
    def bins(self) -> tuple[Integers, Integers]:
        """First and last toll of each point of the support, both of shape (n_support,)."""
        if self.nested is not None:
            return trees.bins(self.model.support, {*self.shared.breaks, *self.nested.breaks})
        return self.model.support.bins(self.shared.largest, self.shared.breaks)

    @cached_property
    def nested(self) -> Nested | None:
        """Claims on wholes and parts; None where no location is a part of another."""
        if not self.claims.is_nested:
            return None
        model = self.model
        return Nested.of(
            self.claims, self._all_grouped, self.shared, model.noise, model.toll, model.support
        )

    def dimension(self, name: str) -> tuple[str, tuple[str, ...]]:
        """Dimension that the entries of a name are along, and the labels of all its members."""
        shared = self.shared
        if name == "mu_group":
            return "group", shared.groups
        if name == "effect":
            return "covariate", shared.covariate_names
        if name == "bias_on_side":
            return "source_side", tuple(label_of(*voice) for voice in shared.voices)
        return "source", shared.sources

    def refuse_nested(self, what: str) -> None:
        """Refuse what does not know of wholes and parts.

        Raises
        ------
        ValueError
            If some locations are parts of others.
        """
        if self.nested is not None:
            raise ValueError(
                f"{what} does not reach over wholes and parts, whose claims speak of each "
                "other; leave claims out with claims.without(...) and estimate anew, or drop "
                "the parents."
            )

    @cached_property
    def apart(self) -> Integers:
        """Locations that have neither a whole nor parts."""
        is_apart = self.claims.parent < 0
        is_apart[self.claims.parent[~is_apart]] = False
        return np.flatnonzero(is_apart)

    @cached_property
    def grouped(self) -> Patterns:
        """Distinct multisets of claims on locations apart from others, whatever the support."""
        if not self.claims.is_nested:
            return self._all_grouped
        places = np.isin(np.arange(self.claims.n_locations), self.apart)
        return self._patterns_of(self.claims.restricted(places))

    @cached_property
    def _all_grouped(self) -> Patterns:
        """Distinct multisets of claims on any location."""
        return self._patterns_of(self.claims)

    def _patterns_of(self, claims: Claims) -> Patterns:
        never = isinstance(self.model.priors.logit_repeat, Never)
        return Patterns.of(claims, self.shared, repeats=not never)

    @cached_property
    def patterns(self) -> Integers:
        """Row of each location's toll among mass functions, shape (n_locations,).

        Patterns come first, which locations share, and then wholes and parts, each by itself.
        """
        if self.nested is None:
            return self.grouped.pattern
        n_patterns = self.grouped.group.size
        out = np.empty(self.claims.n_locations, np.int64)
        out[self.apart] = self.grouped.pattern
        out[self.nested.places] = n_patterns + np.arange(self.nested.places.size)
        return out

    def on(self, support: Support) -> "Posterior":
        """Sum the same posterior on another support."""
        other = replace(self, model=replace(self.model, support=support))
        # What does not hang on the support is not computed anew.
        vars(other).update(grouped=self.grouped, _all_grouped=self._all_grouped)
        return other

    @cached_property
    def problem(self) -> Claimed:
        """Claims and support as the compiled functions know them."""
        first, last = self.bins
        bin_lower, bin_upper, bin_width = noise.interval_edges(
            first, np.append(last[:-1], UNBOUNDED), UNBOUNDED
        )
        middle = 0.5 * (bin_lower[1:-1] + bin_upper[1:-1])
        single = first[1:-1] == last[1:-1]
        x = np.concatenate([
            [0.0], np.where(single, np.log1p(first[1:-1]), middle), [math.log1p(first[-1])]
        ])  # fmt: skip
        grouped = self.grouped
        is_bounded = grouped.end != UNBOUNDED
        begin = np.searchsorted(first, grouped.floor, side="right") - 1
        end = np.where(is_bounded, np.searchsorted(first, grouped.end), first.size)
        family, df = noise.family_code(self.model.noise)
        toll_family, toll_df = noise.family_code(self.model.toll)
        return Claimed(
            family=family, df=df, toll_family=toll_family, toll_df=toll_df,
            grid=Grid(x, bin_lower, bin_upper, bin_width),
            claim_voice=grouped.claim_voice, claim_lower=grouped.claim_edges[0],
            claim_upper=grouped.claim_edges[1], claim_width=grouped.claim_edges[2],
            claim_figure=grouped.claim_figure, figure_lower=grouped.figure_edges[0],
            figure_upper=grouped.figure_edges[1], figure_width=grouped.figure_edges[2],
            offsets=grouped.offsets, members=grouped.members, level=grouped.group,
            first=begin.astype(np.int64), last=end.astype(np.int64),
            cap_edge=grouped.cap_edge, multiplicity=grouped.multiplicity,
        )  # fmt: skip

    def parameters(self, theta: Floats) -> Parameters:
        """Parameters of the likelihood at `theta`, shape (n_theta,)."""
        return transforms.unpack(self.layout, np.ascontiguousarray(theta, np.float64))

    def log_prior(self, theta: Floats) -> float:
        """Log prior density at `theta`, shape (n_theta,), normalised."""
        return float(transforms.log_prior(self.layout, theta, np.zeros(self.n_theta)))

    def log_density(self, theta: Floats) -> float:
        """Log of prior times marginal likelihood at `theta`, shape (n_theta,)."""
        return float(self._evaluate(None, theta[None], False)[0][0])

    def log_density_and_gradient(self, theta: Floats) -> tuple[float, Floats]:
        """Log density at `theta` and its gradient, both of shape (n_theta,)."""
        values, gradients = self._evaluate(None, theta[None], True)
        return float(values[0]), gradients[0]

    def log_likelihood_and_gradient(self, theta: Floats) -> tuple[float, Floats]:
        """Log marginal likelihood at `theta` and its gradient, both of shape (n_theta,).

        Log density less log prior, tolls and figures summed out; ``-inf`` outside the domain.
        """
        values, slopes, _ = self.log_likelihoods(theta[None], gradient=True)
        return float(values[0]), slopes[0]

    def log_likelihoods(
        self, thetas: Floats, *, gradient: bool = False, curvature: bool = False
    ) -> tuple[Floats, Floats, Floats]:
        """Log marginal likelihoods in one pass over the claims; see `Likelihood`."""
        return self.likelihood.log_likelihoods(thetas, gradient=gradient, curvature=curvature)

    @cached_property
    def likelihood(self) -> "Likelihood":
        """The likelihood alone, as a sum over shards that threads share."""
        return self._summed(self._shards, self.nested)

    def thinned(self, n_patterns: int) -> "Likelihood":
        """Likelihood of about `n_patterns` of the patterns, evenly over all."""
        size = self.problem.level.size
        chosen = np.unique(np.linspace(0, size - 1, min(n_patterns, size)).astype(np.int64))
        return self._summed([shards.chosen(self.problem, chosen)], None)

    def _summed(self, problems: list[Claimed], nested: Nested | None) -> "Likelihood":
        def run(points: list[Parameters], gradient: bool, curvature: bool) -> shards.Sums:
            def of_shard(shard: Claimed) -> shards.Sums:
                return shards.run(shard, points, gradient, curvature)

            sums = shards.add_sums(threaded(of_shard, problems))
            return sums + nested.sums(points, gradient) if nested else sums

        return Likelihood(self.entries, self.layout, self.n_informing, run)

    @cached_property
    def _shards(self) -> list[Claimed]:
        """Patterns in stretches, each with its own claims."""
        return shards.shards(self.problem)

    def log_densities(self, thetas: Floats) -> Floats:
        """Log density at each row of `thetas`, shape (n_draws, n_theta), by threads."""
        return self._in_chunks(None, thetas, False)[0]

    def log_density_and_gradient_u(
        self, coordinates: Coordinates, u: Floats
    ) -> tuple[float, Floats]:
        """Log density in the coordinates `u` and its gradient, shape (n_theta,)."""
        values, gradients = self._evaluate(coordinates, u[None], True)
        return float(values[0]), gradients[0]

    def log_densities_u(self, coordinates: Coordinates, u: Floats) -> Floats:
        """Log density at each row of `u`, shape (n_draws, n_theta), by threads."""
        return self._in_chunks(coordinates, u, False)[0]

    def log_densities_and_gradients_u(
        self, coordinates: Coordinates, u: Floats
    ) -> tuple[Floats, Floats]:
        """Log density at each row of `u` and its gradient there, by threads.

        Shapes (n_draws,) and (n_draws, n_theta).
        """
        return self._in_chunks(coordinates, u, True)

    def _in_chunks(
        self, coordinates: Coordinates | None, points: Floats, gradient: bool
    ) -> tuple[Floats, Floats]:
        # At least one chunk, if of no points.
        chunks = [points[i : i + _CHUNK] for i in range(0, max(1, len(points)), _CHUNK)]

        def at(chunk: Floats) -> tuple[Floats, Floats]:
            return self._evaluate(coordinates, chunk, gradient)

        # Where there are many shards, threads share these.
        found = list(map(at, chunks) if len(self._shards) > 1 else threaded(at, chunks))
        values, gradients = map(np.concatenate, zip(*found, strict=True))
        return values, gradients

    def _evaluate(
        self, coordinates: Coordinates | None, points: Floats, gradient: bool
    ) -> tuple[Floats, Floats]:
        points = np.ascontiguousarray(points, np.float64)
        in_u, used = coordinates is not None, coordinates or self._identity
        values = np.empty(len(points))
        gradients = np.empty((len(points) if gradient else 1, self.n_theta))
        if len(self._shards) == 1 and self.nested is None:
            transforms.log_densities(
                self.problem, self.layout, used, in_u, points, gradient, values, gradients
            )
            return values, gradients
        # Many patterns: threads share the shards, and the rest follows from their sums.
        thetas = self.to_theta(used, points) if in_u else points
        likelihoods, slopes, _ = self.log_likelihoods(thetas, gradient=gradient)
        nothing = np.zeros(self.n_theta)
        for i, point in enumerate(points):
            values[i] = transforms.complete(
                self.layout, used, in_u, point, likelihoods[i],
                slopes[i] if gradient else nothing, gradient, gradients[i if gradient else 0],
            )  # fmt: skip
        return values, gradients

    @cached_property
    def _identity(self) -> Coordinates:
        """Coordinates that stand in where theta itself is meant."""
        zeros = np.zeros(self.n_theta)
        return Coordinates(zeros, zeros, np.ones(self.n_theta), zeros)

    def to_theta(self, coordinates: Coordinates, u: Floats) -> Floats:
        """Images of `u`, shape (n_draws, n_theta)."""
        return transforms.to_thetas(self.layout, coordinates, u)

    def to_u(self, coordinates: Coordinates, theta: Floats) -> Floats:
        """Coordinates of `theta`, shape (n_draws, n_theta)."""
        return transforms.to_us(self.layout, coordinates, theta)

    @cached_property
    def n_informing(self) -> Integers:
        """Claims by the source, or locations of the group, that each entry of theta is of.

        0 for entries of neither. Shape (n_theta,).
        """
        shared = self.shared
        everywhere = np.full(len(shared.covariate_names), self.claims.n_locations)
        n = {
            "mu_group": shared.n_locations, "bias_on_side": shared.n_claims, "effect": everywhere,
        }  # fmt: skip
        informing: dict[tuple[str, str | None], int] = {}
        for name in dict.fromkeys(e.name for e in self.entries if e.member is not None):
            counts = n.get(name, shared.n_claims_by_source).tolist()
            for label, count in zip(self.dimension(name)[1], counts, strict=True):
                informing[name, label] = count
        return np.array([informing.get((e.name, e.member), 0) for e in self.entries], np.int64)


@dataclass(frozen=True, eq=False)
class Likelihood:
    """The marginal likelihood of theta, wherever the claims are that it sums over.

    Parameters
    ----------
    entries : tuple of Entry
        Entries of theta.
    layout : Layout
        Theta as the compiled functions know it.
    n_informing : ndarray of int, shape (n_theta,)
        As in `Posterior`.
    run : callable
        One pass: from points, and whether gradients and curvature are wanted, to their sums.
    """

    entries: tuple[Entry, ...]
    layout: Layout
    n_informing: Integers
    run: Callable[[list[Parameters], bool, bool], shards.Sums]

    def log_likelihoods(
        self, thetas: Floats, *, gradient: bool = False, curvature: bool = False
    ) -> tuple[Floats, Floats, Floats]:
        """Log marginal likelihoods in one pass over the claims.

        Parameters
        ----------
        thetas : ndarray of float, shape (n_points, n_theta)
            Where to evaluate.
        gradient : bool
            Whether to give gradients.
        curvature : bool
            Whether to give, at the first point, the sum of outer products of locations' gradients.

        Returns
        -------
        values : ndarray of float, shape (n_points,)
            ``-inf`` outside the domain.
        gradients : ndarray of float, shape (n_points, n_theta) or (0, n_theta)
        curvature : ndarray of float, shape (n_theta, n_theta) or (0, 0)
        """
        layout, (n_points, n_theta) = self.layout, thetas.shape
        points = [transforms.unpack(layout, theta) for theta in thetas]
        inside = np.array([
            transforms.is_inside(layout, theta, point)
            for theta, point in zip(thetas, points, strict=True)
        ])  # fmt: skip
        values = np.full(n_points, -np.inf)
        slopes = np.zeros((n_points if gradient else 0, n_theta))
        matrix = np.zeros((n_theta, n_theta) if curvature else (0, 0))
        if not inside.any():
            return values, slopes, matrix
        asked = [point for point, is_in in zip(points, inside, strict=True) if is_in]
        sums = self.run(asked, gradient, curvature)
        values[inside] = sums.values
        free, slope = self._slopes
        if gradient:
            slopes[inside] = (slope @ sums.gradients[:, free].T).T
        if curvature:
            matrix = slope @ (slope @ sums.curvature[np.ix_(free, free)]).T
        return values, slopes, matrix

    @cached_property
    def _slopes(self) -> "tuple[Integers, csr_array]":
        """Parameters that theta says, and their derivatives by its entries.

        Shapes (n_free,) and (n_theta, n_free); nearly all of these are zero.
        """
        from scipy.sparse import csr_array

        layout = self.layout
        index = np.concatenate(layout.position).astype(np.int64)
        is_said = index >= 0
        is_said[: layout.design.shape[0]] |= layout.effect_index.size > 0
        free = np.flatnonzero(is_said)
        place = np.cumsum(is_said) - 1
        # An entry may be several parameters: the scatter of a source, on every side.
        entries = np.flatnonzero(index >= 0)
        group, effect = np.nonzero(layout.design)
        values = np.concatenate([np.ones(entries.size), layout.design[group, effect]])
        rows = place[np.concatenate([entries, group])]
        columns = np.concatenate([index[entries], layout.effect_index[effect]])
        return free, csr_array((values, (columns, rows)), shape=(len(self.entries), free.size))


def label_of(source: str, side: str) -> str:
    """Name of a source by the side it speaks of."""
    return f"{source}, {side}" if side else source


def _parameters(positions: "Iterable[list[_Position]]") -> tuple[Parameters, Parameters]:
    """Entries of theta and fixed values, in the shape of the kernels' parameters."""
    columns = list(positions)
    index = [np.array([p.index for p in ps], dtype=np.float64) for ps in columns]
    fixed = [np.array([p.value for p in ps], dtype=np.float64) for ps in columns]
    return Parameters(*index), Parameters(*fixed)


def _children(entries: list[Entry]) -> tuple[Integers, Integers]:
    """First of the biases by side around each source's own, or -1, and the one after the last."""
    first, end = np.full(len(entries), -1), np.zeros(len(entries), np.int64)
    for j, entry in enumerate(entries):
        if (
            entry.name != "bias_on_side"
            or type(entry.mean) is not int
            or type(entry.sd) is not int
        ):
            continue
        if type(entries[entry.mean].sd) is int:
            first[entry.mean] = j if first[entry.mean] < 0 else first[entry.mean]
            end[entry.mean] = j + 1
    return first, end


@dataclass(frozen=True)
class _Position:
    """Where a parameter is found: an entry of theta, or a fixed value."""

    index: int
    value: float = 0.0

    def as_mean(self) -> int | float:
        return self.index if self.index >= 0 else self.value

    def as_sd(self) -> int | float:
        return self.index if self.index >= 0 else math.exp(self.value)


class _LayoutBuilder:
    """Collects entries in an order in which each comes after those it depends on."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def append(self, entry: Entry) -> _Position:
        self.entries.append(entry)
        return _Position(len(self.entries) - 1)

    def add(self, name: str, member: str | None, prior: Normal | Fixed) -> _Position:
        if isinstance(prior, Fixed):
            return _Position(-1, float(prior.value))
        return self.append(Entry(name, member, False, float(prior.mean), float(prior.sd)))

    def add_scale(self, name: str, prior: HalfNormal | Fixed) -> _Position:
        """Add the logarithm of a scale."""
        if isinstance(prior, Fixed):
            return _Position(-1, math.log(prior.value))
        return self.append(Entry(name, None, True, 0.0, float(prior.sd)))

    def add_sides(
        self,
        voices: tuple[tuple[str, str], ...],
        source_of: Integers,
        bias: list[_Position],
        varies: list[bool],
        sd: _Position | None,
    ) -> list[_Position]:
        """Add biases by side, each around its source's, and give the bias of each voice.

        Where `varies` says that a voice has no such bias, it is the source's own.
        """
        own = [bias[s] for s in source_of.tolist()]
        if sd is None:
            return own
        return [
            self.append(Entry("bias_on_side", label_of(*voice), False, p.as_mean(), sd.as_sd()))
            if is_free
            else p
            for voice, p, is_free in zip(voices, own, varies, strict=True)
        ]

    def add_effects(
        self,
        name: str,
        members: tuple[str, ...],
        pooled: Pooled,
        overrides: list[Normal | Fixed | None],
    ) -> list[_Position]:
        """Add the effects of all sources, after the population they are pooled in."""
        mean: int | float = 0.0
        sd: int | float = 1.0
        if any(override is None for override in overrides):
            mean = self.add(f"{name}_mean", None, pooled.mean).as_mean()
            sd = self.add_scale(f"log_{name}_sd", pooled.sd).as_sd()
        return [
            self.append(Entry(name, member, False, mean, sd))
            if override is None
            else self.add(name, member, override)
            for member, override in zip(members, overrides, strict=True)
        ]
