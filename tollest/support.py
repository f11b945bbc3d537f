"""The whole numbers, then bins, that a sum over tolls runs on."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

# Loops over the support run in vector registers; numbers of points are multiples of this.
LANES = 16

# More than all people alive: no toll lies beyond, so support without a cap ends here.
MOST = 10_000_000_000


@dataclass(frozen=True)
class Support:
    """Every whole number up to `dense`, then bins of relative width `width`.

    A bin's prior mass is exact; claims are evaluated at its middle on the log1p axis. Bins
    further out than any claim can reach grow slowly, up to more than all people alive.

    Parameters
    ----------
    dense : int
        Numbers from 0 to this one are each a point of their own.
    width : float
        Relative width of the bins beyond.
    finest : float
        Relative width at which engines stop refining. They halve bins until these are no wider
        than twice the smallest scatter, and sources that repeat each other to the digit, under a
        model without a figure, have next to none. Scatters below half of it are not resolved.

    Raises
    ------
    ValueError
        If `dense` is below 1, or `width` or `finest` is not between 0 and 1/2.
    """

    dense: int = 100
    width: float = 0.02
    finest: float = 0.0005

    def __post_init__(self) -> None:
        """Refuse a support without whole numbers of its own, or with bins too wide."""
        if self.dense < 1:
            raise ValueError(f"dense is {self.dense}; at least 0 and 1 are points of their own.")
        for name in ("width", "finest"):
            if not 0 < getattr(self, name) <= 0.5:
                raise ValueError(
                    f"{name} is {getattr(self, name)}; a relative width lies in (0, 0.5]."
                )

    @property
    def is_finest(self) -> bool:
        """Whether engines stop refining here."""
        return self.width <= self.finest

    def doubled(self) -> Self:
        """Twice as many points: for checking that an answer does not hang on the support."""
        return replace(self, dense=2 * self.dense, width=self.width / 2)

    def bins(
        self, largest: int, breaks: Iterable[int] = ()
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First and last whole number of each bin.

        Parameters
        ----------
        largest : int
            Largest number any claim mentions; bins keep their width up to 50 times it.
        breaks : iterable of int
            Numbers at which a bin must begin: floors, numbers after caps, verified tolls.

        Returns
        -------
        first, last : ndarray of int, shape (n_support,)
            The last bin is open: its `last` is MOST and stands for everything beyond, too.
        """
        steady = min(50.0 * max(largest, self.dense), MOST)
        n, growth, starts = float(self.dense + 1), self.width, []
        while n < MOST:
            starts.append(n)
            if n > steady:
                growth = min(1.1 * growth, 0.2)
            # Whole steps: where they are small, stretches of equal ones keep sums smooth.
            n += max(round(growth * n), 1)
        grid = np.concatenate([
            np.arange(self.dense + 1, dtype=np.float64),
            starts,
            np.fromiter(breaks, dtype=np.float64),
        ])  # fmt: skip
        first = padded(np.unique(grid[grid <= MOST].astype(np.int64)))
        return first, np.append(first[1:] - 1, MOST)


def padded(first: NDArray[np.int64]) -> NDArray[np.int64]:
    """Split the widest bins until the number of bins is a multiple of 8 LANES."""
    extra = -first.size % (8 * LANES)
    while extra > 0:
        ratio = np.log1p(first[1:]) - np.log1p(first[:-1])
        ratio[np.diff(first) < 2] = 0.0
        widest = np.argsort(-ratio, kind="stable")[:extra]
        widest = widest[ratio[widest] > 0]
        middle = np.rint(np.sqrt((first[widest] + 1.0) * (first[widest + 1] + 1.0)) - 1.0)
        inside = np.clip(middle, first[widest] + 1, first[widest + 1] - 1).astype(np.int64)
        first = np.unique(np.concatenate([first, inside]))
        extra = -first.size % (8 * LANES)
    return first
