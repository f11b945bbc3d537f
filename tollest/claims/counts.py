"""Claims of a single number: the only ones that can repeat a figure, and are drawn anew."""

from dataclasses import dataclass

import numpy as np

from tollest._arrays import Floats, Integers
from tollest.claims.table import KINDS, Claims


@dataclass(frozen=True, eq=False)
class Counts:
    """Claims of a single number in evidence.

    Attributes
    ----------
    location, source, voice : ndarray of int, shape (n_counts,)
        Positions in ``claims.locations``, ``claims.sources`` and ``claims.voices``.
    count : ndarray of int, shape (n_counts,)
        Deaths claimed.
    age : ndarray of float, shape (n_counts,)
        Days from the onset; infinite where that is not known.
    n_locations : int
        Locations in the table.
    """

    location: Integers
    source: Integers
    voice: Integers
    count: Integers
    age: Floats
    n_locations: int

    @classmethod
    def of(cls, claims: Claims) -> "Counts":
        """Take the claims of kind ``"count"`` out of all claims in evidence."""
        keep = claims.kind == KINDS.index("count")
        return cls(
            claims.location_index[keep], claims.source_index[keep], claims.voice_index[keep],
            claims.lower[keep], claims.age[keep], claims.n_locations,
        )  # fmt: skip

    def pairs(self) -> tuple[Integers, Integers]:
        """Positions of the claims of all pairs of sources at one location, the earlier first.

        Returns
        -------
        left, right : ndarray of int, shape (n_pairs,)
        """
        order = np.argsort(self.location, kind="stable")
        size = np.bincount(self.location, minlength=self.n_locations)
        ends = np.repeat(np.cumsum(size), size)
        # Each claim is paired with all that follow it at its location.
        following = ends - 1 - np.arange(len(order))
        left = np.repeat(np.arange(len(order)), following)
        start = np.repeat(np.cumsum(following) - following, following)
        right = left + 1 + np.arange(len(left)) - start
        return order[left], order[right]
