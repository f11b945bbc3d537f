"""Ways in which real claims break the model's assumptions, to be planted in simulated ones.

Each is a frozen dataclass that `tollest.simulation.simulate` takes; calibration under each says
how much an assumption matters.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tollest._arrays import Integers


@dataclass(frozen=True, eq=False)
class Said:
    """What sources said, a claim a row.

    Attributes
    ----------
    location, source : ndarray of int, shape (n_claims,)
        Positions of the location and of the source.
    count : ndarray of int, shape (n_claims,)
        The number stated.
    repeats : ndarray of bool, shape (n_claims,)
        Whether it is the figure in circulation.
    n_sources : int
        Number of sources, silent ones included.
    """

    location: Integers
    source: Integers
    count: Integers
    repeats: NDArray[np.bool_]
    n_sources: int


class Fault(Protocol):
    """Anything that turns what was said into what reached the table."""

    def apply(self, said: Said, rng: np.random.Generator) -> Integers:
        """Give the counts as they reached the table, shape (n_claims,)."""
        ...


@dataclass(frozen=True)
class Jitter:
    """Who repeats the figure changes it a little, so that agreement is hidden.

    Parameters
    ----------
    sd : float
        Standard deviation of the change on the log scale: 0.02 is about 2 %.
    """

    sd: float = 0.02

    def apply(self, said: Said, rng: np.random.Generator) -> Integers:
        """Jitter the counts of repeaters."""
        moved = np.rint(said.count * np.exp(self.sd * rng.standard_normal(said.count.size)))
        return np.where(said.repeats, moved, said.count).astype(np.int64)


@dataclass(frozen=True)
class OffSource:
    """The first source states a multiple of what it would have said, the figure included.

    Parameters
    ----------
    factor : float
        The multiple.
    """

    factor: float = 3.0

    def apply(self, said: Said, rng: np.random.Generator) -> Integers:
        """Multiply the first source's counts."""
        moved = np.rint(said.count * self.factor)
        return np.where(said.source == 0, moved, said.count).astype(np.int64)


@dataclass(frozen=True)
class Copying:
    """Some sources copy another at its location without saying so, instead of counting.

    The last sources are the copiers. Each copies one of the others that claim on the location,
    drawn anew for every claim; where none of these does, it speaks for itself.

    Parameters
    ----------
    share : float
        Share of the sources that copy.
    """

    share: float = 0.5

    def apply(self, said: Said, rng: np.random.Generator) -> Integers:
        """Replace the counts of copiers."""
        copies = said.source >= said.n_sources - int(self.share * said.n_sources)
        order = np.lexsort((rng.random(said.count.size), copies, said.location))
        place, others = said.location[order], ~copies[order]
        # Within a location those who may be copied come first, in random order.
        start = np.searchsorted(place, place)
        n_others = np.bincount(place[others], minlength=int(place.max()) + 1)[place]
        chosen = start + (rng.random(place.size) * n_others).astype(np.int64)
        count = said.count[order]
        out = np.empty_like(said.count)
        out[order] = np.where(copies[order] & (n_others > 0), count[chosen], count)
        return out


@dataclass(frozen=True)
class Rounding:
    """Every count is rounded, but stated as if it were exact.

    Parameters
    ----------
    digits : int
        Significant digits left.
    """

    digits: int = 1

    def apply(self, said: Said, rng: np.random.Generator) -> Integers:
        """Round all counts."""
        size = np.floor(np.log10(np.maximum(said.count, 1)))
        unit = 10.0 ** np.maximum(size - self.digits + 1, 0)
        rounded = np.floor(said.count / unit + 0.5) * unit
        return np.asarray(rounded, np.int64)
