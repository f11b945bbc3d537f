"""Parts of a posterior: locations that depend on those of no other part, given theta.

Locations that are neither a whole nor a part of another are independent given theta and are one
part (`Patterns`). All trees of wholes and parts are another (`Trees`). This is the one module
that asks which parts there are.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from tollest._arrays import Floats, Integers
from tollest._sums.shards import Sums
from tollest._sums.tables import Claimed, Parameters
from tollest.claims.table import Claims
from tollest.model.names import Names
from tollest.model.patterns import Bins, Drawn, PatternLayout, Patterns
from tollest.model.trees import Trees
from tollest.noise import Family
from tollest.priors import Priors
from tollest.support import Support


class Part(Protocol):
    """Some of the locations, with what is claimed on them, on one support."""

    @property
    def name(self) -> str:
        """Purpose of the part's random streams; see `tollest.estimation.streams`."""

    @property
    def locations(self) -> Integers:
        """Positions of the locations among all, shape (n,)."""

    @property
    def rows(self) -> Integers:
        """Row of each location's toll among the part's mass functions, shape (n,)."""

    @property
    def n_rows(self) -> int:
        """Number of mass functions; locations with the same claims share one."""

    @property
    def n_terms(self) -> int:
        """Claims, and sums of tolls, that an evaluation goes through."""

    @property
    def is_small(self) -> bool:
        """Whether every thread can hold all mass functions."""

    @property
    def separable(self) -> Claimed | None:
        """Arrays of independent patterns, of which any few can be evaluated alone.

        None where claims on one location depend on the tolls of others.
        """

    def sums(self, points: list[Parameters], gradient: bool, curvature: bool) -> Sums:
        """Log marginal likelihoods and derivatives, as `tollest._sums.shards.run`."""

    def logs(self, point: Parameters, most: int) -> Floats:
        """Log marginal likelihoods of at most so many patterns, or of all trees together."""

    def new_masses(self) -> Floats:
        """Zeros that `draw` can add mass functions to, on the part's own grid."""

    def on_bins(self, masses: Floats) -> Floats:
        """Mass functions on the posterior's bins, shape (n_rows, n_support)."""

    def averaged(self, points: list[Parameters]) -> Floats:
        """Mass functions averaged over points, on the posterior's bins."""

    def draw(
        self, point: Parameters, rng: np.random.Generator, weight: float = 0.0,
        masses: Floats | None = None,
    ) -> Drawn:  # fmt: skip
        """One joint draw of the tolls; `weight` times the mass functions go to `masses`."""

    def silent(self) -> "Part":
        """Take away all claims, floors, caps and verified tolls."""


# Likelihoods are added up, and mass functions stand, in this order; patterns may have no location.
type Parts = tuple[Patterns, *tuple[Part, ...]]


@dataclass(frozen=True, eq=False)
class PartLayouts:
    """Claims divided into parts, before any support is chosen.

    Parameters
    ----------
    claims : Claims
        The evidence.
    names : Names
        Names over all claims.
    priors : Priors
        They say whether sources may repeat a figure, fall short of bounds, and deny.
    """

    claims: Claims
    names: Names
    priors: Priors

    @cached_property
    def every(self) -> PatternLayout:
        """Patterns of all locations."""
        return PatternLayout.of(self.claims, self.names, self.priors)

    @cached_property
    def apart(self) -> tuple[Integers, PatternLayout]:
        """Locations that have neither a whole nor parts, and their patterns."""
        n_locations = self.claims.n_locations
        if not self.claims.is_nested:
            return np.arange(n_locations), self.every
        is_apart = self.claims.parent < 0
        is_apart[self.claims.parent[~is_apart]] = False
        claims = self.claims.restricted(is_apart)
        layout = PatternLayout.of(claims, self.names, self.priors)
        return np.flatnonzero(is_apart), layout

    def on(
        self, support: Support, noise: Family, toll: Family, breaks: tuple[int, ...]
    ) -> tuple[Bins, Parts]:
        """Give the bins of a support, one of which begins at each of `breaks`, and the parts."""
        if not self.claims.is_nested:
            bins = support.bins(self.names.largest, breaks)
            return bins, (self._patterns(bins, noise, toll),)
        trees = Trees.of(self.claims, self.every, self.names, noise, toll, support, breaks)
        return trees.bins, (self._patterns(trees.bins, noise, toll), trees)

    def _patterns(self, bins: Bins, noise: Family, toll: Family) -> Patterns:
        locations, layout = self.apart
        return Patterns(
            layout, locations, self.claims.n_locations, self.names.n_levels, bins, noise, toll
        )
