"""The whole numbers, then bins, that a sum over tolls runs on."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

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

    Raises
    ------
    ValueError
        If `dense` is below 1 or `width` is not between 0 and 1/2.
    """

    dense: int = 100
    width: float = 0.02

    def __post_init__(self) -> None:
        if self.dense < 1:
            raise ValueError(f"dense is {self.dense}; at least 0 and 1 are points of their own.")
        if not 0 < self.width <= 0.5:
            raise ValueError(f"width is {self.width}; a relative width lies in (0, 0.5].")

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
        steady = math.log1p(min(50.0 * max(largest, self.dense), MOST))
        x, step, starts = math.log1p(self.dense + 1), math.log1p(self.width), []
        end = math.log1p(MOST)
        while x < end:
            starts.append(math.expm1(x))
            if x > steady:
                step = min(1.1 * step, 0.2)
            x += step
        grid = np.concatenate([
            np.arange(self.dense + 2, dtype=np.float64),
            np.rint(starts),
            np.fromiter(breaks, dtype=np.float64),
        ])  # fmt: skip
        first = np.unique(grid[grid <= MOST].astype(np.int64))
        return first, np.append(first[1:] - 1, MOST)
