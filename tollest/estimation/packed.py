"""Mass functions packed one after the other, each on the range of bins in which it has mass.

`trim` finds the range of each row of a dense array, `pack` stores the rows in one vector, and
`unpack` spreads them out again.
"""

import numpy as np

from tollest._arrays import Floats, Integers
from tollest._sums.compiled import kernel


@kernel(nogil=True)
def trim(masses: Floats, left_out: float, low: Integers, high: Integers) -> None:
    """Find the range outside which a row has no more mass than `left_out` at either end.

    Parameters
    ----------
    masses : ndarray of float, shape (n_tolls, n_support)
        Mass functions.
    left_out : float
        Most mass below, and most above, the range.
    low, high : ndarray of int, shape (n_tolls,)
        Overwritten with the first bin and one past the last.
    """
    for i in range(masses.shape[0]):
        a, b, below, above = 0, masses.shape[1], masses[i, 0], masses[i, masses.shape[1] - 1]
        while below <= left_out and a < b - 1:
            a += 1
            below += masses[i, a]
        while above <= left_out and b > a + 1:
            b -= 1
            above += masses[i, b - 1]
        low[i], high[i] = a, b


@kernel(nogil=True)
def pack(masses: Floats, low: Integers, high: Integers, flat: Floats) -> None:
    """Store the ranges of all rows one after the other."""
    cell = 0
    for i in range(low.size):
        for k in range(low[i], high[i]):
            flat[cell] = masses[i, k]
            cell += 1


@kernel(nogil=True)
def unpack(flat: Floats, start: Integers, low: Integers, high: Integers, out: Floats) -> None:
    """Copy each row's range, which begins at `start` in `flat`, into a row of zeros."""
    for i in range(low.size):
        for k in range(low[i], high[i]):
            out[i, k] = flat[start[i] + k - low[i]]


def join(masses: Floats, others: Floats) -> Floats:
    """Overwrite mass functions by the mean of them and of others, row by row.

    Returns
    -------
    ndarray of float, shape (n_tolls,)
        Largest difference between the two cumulative distributions.
    """
    out = np.empty(len(masses))
    _join(masses, others, out)
    return out


@kernel(nogil=True)
def _join(masses: Floats, others: Floats, out: Floats) -> None:
    for i in range(masses.shape[0]):
        below = most = 0.0
        for k in range(masses.shape[1]):
            below += masses[i, k] - others[i, k]
            most = max(most, abs(below))
            masses[i, k] = 0.5 * (masses[i, k] + others[i, k])
        out[i] = most
