"""What methods in use see of claims, and what they answer.

A claim is one number on the log1p axis: a count as it is, a range at its middle on that axis, an
"at least" or "at most" at its bound. Documented and verified deaths are left aside, since none of
the methods has a place for them. Where nothing else is left, a location's answer is nan.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import special

from tollest import noise
from tollest._sums import mass
from tollest.claims.table import KINDS, UNBOUNDED, Claims

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Readings:
    """Claims as numbers on the log1p axis, sorted by location; arrays of shape (n_claims,)."""

    location: Integers
    source: Integers
    low: Floats
    high: Floats
    n_locations: int
    n_sources: int

    @classmethod
    def of(cls, claims: Claims) -> "Readings":
        """Read claims: open ends are closed at the bound that was stated."""
        upper = np.where(claims.upper == UNBOUNDED, claims.lower, claims.upper)
        lower = np.where(claims.kind == KINDS.index("at_most"), upper, claims.lower)
        location = claims.location_index
        ends = np.log1p(lower), np.log1p(upper)
        return cls(location, claims.source_index, *ends, claims.n_locations, claims.n_sources)

    @cached_property
    def y(self) -> Floats:
        """Middle of each claim."""
        return 0.5 * (self.low + self.high)

    @cached_property
    def size(self) -> Floats:
        """Claims on each location, shape (n_locations,)."""
        return self.sum(np.ones(len(self.location)))

    def sum(self, values: Floats) -> Floats:
        """Sum of `values`, shape (n_claims,), over each location."""
        return np.bincount(self.location, weights=values, minlength=self.n_locations)

    def mean(self, weights: Floats) -> Floats:
        """Weighted mean of the claims on each location; nan where there are none."""
        with np.errstate(invalid="ignore"):
            return self.sum(weights * self.y) / self.sum(weights)

    def ends(self) -> tuple[Floats, Floats]:
        """Smallest and largest number on each location; nan where there are none."""
        low, high = np.full((2, self.n_locations), np.nan)
        np.fmin.at(low, self.location, self.low)
        np.fmax.at(high, self.location, self.high)
        return low, high


@dataclass(frozen=True, eq=False)
class Predictive:
    """A new source's count at each location: Student t on the log1p axis, in whole numbers.

    Parameters
    ----------
    centre, scale, df : ndarray of float, shape (n_locations,)
        A scale of 0 is a point; infinite degrees of freedom are a normal.
    """

    centre: Floats
    scale: Floats
    df: Floats

    def log_mass(self, location: Integers, count: Integers) -> Floats:
        """Log probability of each `count` at its `location`: of count - 1/2 to count + 1/2."""
        m, s, df = self.centre[location], self.scale[location], self.df[location]
        with np.errstate(divide="ignore"):
            ends = [(edge - m) / s for edge in noise.interval_edges(count, count, UNBOUNDED)[:2]]
            width = noise.interval_edges(count, count, UNBOUNDED)[2] / s
        codes = np.where(np.isinf(df), mass.NORMAL, mass.STUDENT_T)
        cells = zip(codes, np.where(np.isinf(df), 0.0, df), *ends, width, s, strict=True)
        return np.array([
            mass.mass_cell(code, d, a, b, w)[0] if scale > 0 else (0.0 if a < 0 < b else -np.inf)
            for code, d, a, b, w, scale in cells
        ])  # fmt: skip

    def interval(self, location: Integers, ci_prob: float) -> tuple[Floats, Floats]:
        """Equal-tailed interval of whole numbers at each `location`."""
        ends = []
        for q in (0.5 - ci_prob / 2, 0.5 + ci_prob / 2):
            y = self.centre[location] + self.scale[location] * quantile(q, self.df[location])
            with np.errstate(over="ignore"):
                # The smallest whole number n with log1p(n + 1/2) at y or above it.
                ends.append(np.maximum(np.ceil(np.expm1(y) - 0.5 - 1e-9), 0.0))
        return ends[0], ends[1]


@dataclass(frozen=True, eq=False)
class PeerEstimate:
    """What a method says of the toll of each location.

    Attributes
    ----------
    median, lower, upper : ndarray of float, shape (n_locations,)
        Deaths, to a thousandth; nan at locations without a claim that may err.
    predictive : Predictive or None
        A claim by a new source; None where the method has no distribution.
    """

    median: Floats
    lower: Floats
    upper: Floats
    predictive: Predictive | None = None


class Peer(Protocol):
    """Anything that makes tolls of claims."""

    def estimate(self, claims: Claims, ci_prob: float = 0.9) -> PeerEstimate:
        """Estimate every toll, with an interval that is meant to hold it with `ci_prob`."""
        ...


def quantile(q: float, df: Floats) -> Floats:
    """Quantile of Student t; of the normal where `df` is infinite."""
    finite = np.where(np.isinf(df), 1.0, df)
    return np.where(np.isinf(df), special.ndtri(q), special.stdtrit(finite, q))


def deaths(y: Floats) -> Floats:
    """Numbers of deaths from the log1p axis, to a thousandth: log and back loses more digits."""
    with np.errstate(over="ignore"):
        return np.round(np.maximum(np.expm1(y), 0.0), 3)


def medians(location: Integers, values: Floats, n_locations: int) -> Floats:
    """Median of `values` at each location; nan where there are none."""
    values = values[np.lexsort((values, location))]
    size = np.bincount(location, minlength=n_locations)
    start = np.cumsum(size) - size
    out = np.full(n_locations, np.nan)
    some = size > 0
    middle = [values[(start + k)[some]] for k in ((size - 1) // 2, size // 2)]
    out[some] = 0.5 * (middle[0] + middle[1])
    return out
