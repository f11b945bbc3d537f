"""Assumptions, and what they make of claims: a log density over the continuous unknowns."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from tollest._arrays import Floats, Integers
from tollest._sums import shards
from tollest._sums.tables import Claimed, Parameters
from tollest._sums.threads import threaded
from tollest.claims.table import Claims
from tollest.model import density
from tollest.model.coordinates import Coordinates, to_thetas, to_us
from tollest.model.layout import Entry, LaidOut, ThetaLayout, has_location_error, laid_out
from tollest.model.likelihood import Likelihood
from tollest.model.names import Names, label_of
from tollest.model.parts import PartLayouts, Parts
from tollest.model.patterns import Bins
from tollest.model.theta import log_prior, parameters_at
from tollest.noise import Family, Logistic
from tollest.priors import Priors
from tollest.support import Support

_CHUNK = 64  # points a thread evaluates at a time


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


@dataclass(frozen=True, eq=False)
class Posterior:
    """A model and claims joined: the log density over theta, tolls and figures summed out.

    Theta is one flat vector of shape (n_theta,), unconstrained: scales are logarithms, repeat
    probabilities are log odds. Locations with the same claims, floor, cap and prior share a
    pattern and are computed once.

    Parameters
    ----------
    model : Model
        The assumptions.
    claims : Claims
        The evidence.
    all_names : Names, optional
        Names over all claims, where these are the claims of one of several files.
    known_layouts : PartLayouts, optional
        Patterns and trees of the same claims under the same priors, where these are known.
    """

    model: Model
    claims: Claims
    all_names: Names | None = None
    known_layouts: PartLayouts | None = None

    def __post_init__(self) -> None:
        """Refuse priors of sources that do not exist."""
        unknown = sorted(set(self.model.priors.sources) - set(self.names.sources))
        if unknown:
            raise ValueError(
                f"priors name {', '.join(map(repr, unknown))}, which makes no claim that may err; "
                f"sources are {', '.join(map(repr, self.names.sources)) or 'none'}."
            )

    @cached_property
    def names(self) -> Names:
        """Names over all claims, those of other files included."""
        return self.all_names or Names.of(self.claims)

    @cached_property
    def _laid_out(self) -> LaidOut:
        return laid_out(self.model.priors, self.names)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Entries of theta in their order."""
        return self._laid_out.entries

    @property
    def layout(self) -> ThetaLayout:
        """Theta as the compiled functions know it, parameters of sources by voice."""
        return self._laid_out.by_voice

    @property
    def layout_of_sources(self) -> ThetaLayout:
        """The same with parameters by source, biases being those around which sides spread."""
        return self._laid_out.by_source

    @property
    def has_location_error(self) -> bool:
        """Whether all claims on a location share an error: where somebody has verified a toll."""
        return has_location_error(self.names, self.model.priors)

    @cached_property
    def theta_names(self) -> tuple[str, ...]:
        """Name of each entry of theta, such as ``"bias[press]"``."""
        return tuple(e.name if e.member is None else f"{e.name}[{e.member}]" for e in self.entries)

    @property
    def n_theta(self) -> int:
        """Number of continuous unknowns."""
        return len(self.entries)

    def dimension(self, name: str) -> tuple[str, tuple[str, ...]]:
        """Dimension that the entries of a name are along, and the labels of all its members."""
        names = self.names
        if name == "mu_group":
            return "group", names.groups
        if name == "effect":
            return "covariate", names.covariate_names
        if name == "level":
            return "level", names.tiers
        if name == "bias_on_side":
            return "source_side", tuple(label_of(*voice) for voice in names.voices)
        return "source", names.sources

    @cached_property
    def n_informing(self) -> Integers:
        """Claims by the source, or locations of the group, that each entry of theta is of.

        0 for entries of neither. Shape (n_theta,).
        """
        names = self.names
        everywhere = np.full(len(names.covariate_names), self.claims.n_locations)
        n = {
            "mu_group": names.n_locations, "bias_on_side": names.n_claims, "effect": everywhere,
            "level": names.n_of_tier,
        }  # fmt: skip
        informing: dict[tuple[str, str | None], int] = {}
        for name in dict.fromkeys(e.name for e in self.entries if e.member is not None):
            counts = n.get(name, names.n_claims_by_source).tolist()
            for label, count in zip(self.dimension(name)[1], counts, strict=True):
                informing[name, label] = count
        return np.array([informing.get((e.name, e.member), 0) for e in self.entries], np.int64)

    @cached_property
    def layouts(self) -> PartLayouts:
        """Patterns and trees of the claims, whatever the support."""
        return self.known_layouts or PartLayouts(self.claims, self.names, self.model.priors)

    @cached_property
    def _on_support(self) -> tuple[Bins, Parts]:
        model = self.model
        return self.layouts.on(model.support, model.noise, model.toll, self.names.breaks)

    @property
    def bins(self) -> Bins:
        """First and last toll of each point of the support, both of shape (n_support,)."""
        return self._on_support[0]

    @property
    def parts(self) -> Parts:
        """Patterns of locations apart from others; then trees of wholes and parts, if any."""
        return self._on_support[1]

    @property
    def problem(self) -> Claimed:
        """Patterns and support as the compiled functions know them; without trees."""
        return self.parts[0].problem

    @property
    def is_separable(self) -> bool:
        """Whether all locations are independent given theta."""
        return all(part.separable is not None for part in self.parts)

    def separable(self, purpose: str) -> Claimed:
        """Patterns of all locations, for a purpose that takes locations one by one.

        Raises
        ------
        ValueError
            If claims on some locations depend on the tolls of others.
        """
        if not self.is_separable:
            raise ValueError(
                f"{purpose} does not reach over wholes and parts, whose claims speak of each "
                "other; leave claims out with claims.without(...) and estimate anew, or drop "
                "the parents."
            )
        return self.problem

    @cached_property
    def patterns(self) -> Integers:
        """Row of each location's toll among mass functions, shape (n_locations,).

        Patterns come first, which locations share, and then wholes and parts, each by itself.
        """
        out, n_rows = np.empty(self.claims.n_locations, np.int64), 0
        for part in self.parts:
            out[part.locations] = n_rows + part.rows
            n_rows += part.n_rows
        return out

    def on(self, support: Support) -> "Posterior":
        """Sum the same posterior on another support; patterns and trees are taken over."""
        model = replace(self.model, support=support)
        return Posterior(model, self.claims, self.all_names, self.layouts)

    def with_breaks(self, breaks: set[int]) -> "Posterior":
        """Sum the same posterior on bins that begin at these numbers, too."""
        names = replace(self.names, breaks=tuple(sorted(breaks.union(self.names.breaks))))
        return Posterior(self.model, self.claims, names, self.layouts)

    def parameters(self, theta: Floats) -> Parameters:
        """Parameters of the likelihood at theta, shape (n_theta,)."""
        return parameters_at(self.layout, np.ascontiguousarray(theta, np.float64))

    def log_prior(self, theta: Floats) -> float:
        """Log prior density at theta, shape (n_theta,), normalised."""
        return float(log_prior(self.layout, theta, np.zeros(self.n_theta)))

    @cached_property
    def likelihood(self) -> Likelihood:
        """The likelihood alone, as a sum over parts."""

        def run(points: list[Parameters], gradient: bool, curvature: bool) -> shards.Sums:
            return shards.add_sums(part.sums(points, gradient, curvature) for part in self.parts)

        return Likelihood(self.entries, self.layout, self.n_informing, run)

    def thinned(self, n_patterns: int) -> Likelihood:
        """Likelihood of about `n_patterns` of the patterns, spread evenly over all."""
        some = self.parts[0].some(n_patterns)

        def run(points: list[Parameters], gradient: bool, curvature: bool) -> shards.Sums:
            return shards.run(some, points, gradient, curvature)

        return Likelihood(self.entries, self.layout, self.n_informing, run)

    def log_likelihood_and_gradient(self, theta: Floats) -> tuple[float, Floats]:
        """Log marginal likelihood at theta and its gradient, both of shape (n_theta,).

        Log density less log prior, tolls and figures summed out; ``-inf`` outside the domain.
        """
        values, slopes, _ = self.likelihood.log_likelihoods(theta[None], gradient=True)
        return float(values[0]), slopes[0]

    def log_density(self, theta: Floats) -> float:
        """Log of prior times marginal likelihood at theta, shape (n_theta,)."""
        return float(self.evaluate(theta[None])[0][0])

    def log_densities(self, points: Floats, coordinates: Coordinates | None = None) -> Floats:
        """Log density at each of several points; see `evaluate`."""
        return self.evaluate(points, coordinates)[0]

    def log_density_and_gradient(
        self, point: Floats, coordinates: Coordinates | None = None
    ) -> tuple[float, Floats]:
        """Log density at one point, shape (n_theta,), and its gradient; see `evaluate`."""
        values, gradients = self.evaluate(point[None], coordinates, gradient=True)
        return float(values[0]), gradients[0]

    def evaluate(
        self, points: Floats, coordinates: Coordinates | None = None, *, gradient: bool = False
    ) -> tuple[Floats, Floats]:
        """Log density, prior times marginal likelihood, at several points, by threads.

        Parameters
        ----------
        points : ndarray of float, shape (n_points, n_theta)
            Theta; or `u` where `coordinates` are given, and the log density is that of `u`.
        coordinates : Coordinates, optional
            The map from `u` to theta.
        gradient : bool
            Whether to give gradients.

        Returns
        -------
        values : ndarray of float, shape (n_points,)
            ``-inf`` outside the domain.
        gradients : ndarray of float, shape (n_points, n_theta) or (0, n_theta)
            By the coordinates of `points`.

        Raises
        ------
        ValueError
            If points have another number of entries.
        """
        if points.shape[1] != self.n_theta:
            raise ValueError(
                f"points have {points.shape[1]} entries; theta has {self.n_theta}: "
                f"{', '.join(self.theta_names)}."
            )
        # At least one chunk, if of no points.
        chunks = [points[i : i + _CHUNK] for i in range(0, max(1, len(points)), _CHUNK)]

        def of_chunk(chunk: Floats) -> tuple[Floats, Floats]:
            return self._evaluated(chunk, coordinates, gradient)

        # Where there are many shards, threads share these.
        is_sharded = len(self.parts[0].shards) > 1
        found = list(map(of_chunk, chunks) if is_sharded else threaded(of_chunk, chunks))
        values, gradients = map(np.concatenate, zip(*found, strict=True))
        return values, gradients

    def _evaluated(
        self, points: Floats, coordinates: Coordinates | None, gradient: bool
    ) -> tuple[Floats, Floats]:
        """Log densities, and gradients if these are asked, in this thread."""
        points = np.ascontiguousarray(points, np.float64)
        in_u, used = coordinates is not None, coordinates or self._identity
        if len(self.parts) == 1 and len(self.parts[0].shards) == 1:
            values, slopes = self._of_one_shard(used, in_u, points, gradient)
        else:
            thetas = self.to_theta(used, points) if in_u else points
            values, slopes, _ = self.likelihood.log_likelihoods(thetas, gradient=gradient)
        density.complete(self.layout, used, in_u, points, values, slopes)
        return values, slopes

    def _of_one_shard(
        self, coordinates: Coordinates, in_u: bool, points: Floats, gradient: bool
    ) -> tuple[Floats, Floats]:
        """Do as `Likelihood.log_likelihoods` in three compiled steps, for small problems."""
        like = self.layout.fixed
        size = sum(array.size for array in like)
        rows, inside = density.rows_at(self.layout, coordinates, in_u, points, size)
        sums = shards.run_rows(self.problem, like, rows[inside], gradient)
        values = np.full(len(points), -np.inf)
        values[inside] = sums.values
        slopes = np.zeros((len(points) if gradient else 0, self.n_theta))
        if gradient:
            found = np.empty((len(sums.gradients), self.n_theta))
            density.slopes_of(self.layout, like, sums.gradients, found)
            slopes[inside] = found
        return values, slopes

    @cached_property
    def _identity(self) -> Coordinates:
        """Coordinates that are theta itself."""
        zeros = np.zeros(self.n_theta)
        return Coordinates(zeros, zeros, np.ones(self.n_theta), zeros)

    def to_theta(self, coordinates: Coordinates, u: Floats) -> Floats:
        """Images of `u`, shape (n_draws, n_theta)."""
        return to_thetas(self.layout, coordinates, u)

    def to_u(self, coordinates: Coordinates, thetas: Floats) -> Floats:
        """Coordinates of `thetas`, shape (n_draws, n_theta)."""
        return to_us(self.layout, coordinates, thetas)
