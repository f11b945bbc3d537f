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


# Points that a support can have, and the width of its bins, before it fills the memory.
_MOST_DENSE, _LEAST_WIDTH = 10_000_000, 1e-6


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
        If `dense` is no whole number of 1 or more, or `width` or `finest` is not between a
        millionth and 1/2: finer ones would fill the memory.
    """

    dense: int = 100
    width: float = 0.02
    finest: float = 0.0005

    def __post_init__(self) -> None:
        """Refuse a support without whole numbers of its own, or with bins too wide."""
        is_whole = isinstance(self.dense, int | np.integer) and not isinstance(self.dense, bool)
        if not is_whole or not 1 <= self.dense <= _MOST_DENSE:
            raise ValueError(
                f"dense is {self.dense!r}; it is a whole number, 1 to {_MOST_DENSE:,}: at least 0 "
                "and 1 are points of their own."
            )
        for name in ("width", "finest"):
            value = getattr(self, name)
            is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
            if not is_number or not _LEAST_WIDTH <= value <= 0.5:
                raise ValueError(
                    f"{name} is {value!r}; a relative width lies between {_LEAST_WIDTH:g} and 0.5."
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
