r"""Sums of independent tolls: a convolution grid, and convolutions on it.

The grid holds every whole number below `dense`, then every second one up to twice that, every
fourth up to four times that, and so on, so that no step is wider than ``2 / dense`` of the number
it stands at. An octave is a stretch from a number to twice that: octave ``j``, of ``dense / 2``
points from ``dense / 2`` times :math:`2^j` on, has steps of :math:`2^j`; to octave 0 belong the
numbers below, too. Its points are on the lattice of all multiples of its step, as are sums of two
of them; sums that fall between points of the grid are shared between the two beside them so that
mass and mean stay exact. That is all the error there is. Sharing at a step :math:`h` adds at most
:math:`h^2 / 4` of variance, and bringing a smaller addend to the lattice of a larger one at most
a third of that: a sum is spread by a standard deviation of no more than :math:`h / \sqrt{3}`, or
1.2 / `dense` of it, and sums below `dense` are not spread at all.

All terms are positive, so that the far tail of a sum is as exact, relatively, as its middle:
transforms would lose it in rounding [1]_, and a whole whose claims contradict its parts' lives
there. Positions: point ``s`` of the lattice of octave ``j`` stands at ``j * dense / 2 + s``.

References
----------
.. [1] Keich, U. (2005). sFFT: a faster accurate computation of the p-value of the entropy score.
   *Journal of Computational Biology* 12(4), 416-430. https://doi.org/10.1089/cmb.2005.12.416
"""

import numpy as np
from numba import njit

from tollest._arrays import Floats, Integers
from tollest._sums.mass import FAST, SUMS


def points(dense: int, most: int) -> Integers:
    """Whole numbers that the grid holds, the last of them `most` or just above.

    Parameters
    ----------
    dense : int
        Points below which every whole number is one of its own; even.
    most : int
        What the grid must reach.
    """
    out = [np.arange(dense, dtype=np.int64)]
    octave = np.arange(dense // 2, dense, dtype=np.int64)
    while out[-1][-1] < most:
        out.append(octave << len(out))
    return np.concatenate(out)


def cell_edges(numbers: Integers) -> tuple[Floats, Floats]:
    """Where each point's stretch of tolls begins and ends; the first from -1/2, the last open.

    Half way to the points beside it, so that a stretch has its point in the middle.
    """
    between = 0.5 * (numbers[1:] + numbers[:-1])
    return np.append(-0.5, between), np.append(between, np.inf)


@njit(cache=True, error_model="numpy")
def _extent(a: Floats) -> tuple[int, int]:
    """First position with mass, and the one after the last."""
    low, high = 0, a.size
    while low < high and a[low] == 0.0:
        low += 1
    while high > low and a[high - 1] == 0.0:
        high -= 1
    return low, high


@njit(cache=True, fastmath=FAST, error_model="numpy")
def _add_sums(a: Floats, b: Floats, out: Floats) -> None:
    """Add the mass of each sum of a point of `a` and one of `b`."""
    if a.size > b.size:
        a, b = b, a
    for i in range(a.size):
        weight = a[i]
        if weight == 0.0:
            continue
        row = out[i : i + b.size]
        for k in range(b.size):
            row[k] += weight * b[k]


@njit(cache=True, fastmath=SUMS, error_model="numpy")
def _add_slopes(slope: Floats, b: Floats, out: Floats) -> None:
    """Add to `out` what `slope`, by the sums' masses, is by those of the addend beside `b`."""
    if b.size <= out.size:
        for k in range(b.size):
            weight = b[k]
            if weight == 0.0:
                continue
            row = slope[k : k + out.size]
            for i in range(out.size):
                out[i] += weight * row[i]
        return
    for i in range(out.size):
        row = slope[i : i + b.size]
        total = 0.0
        for k in range(b.size):
            total += row[k] * b[k]
        out[i] += total


@njit(cache=True, error_model="numpy")
def _halved(full: Floats, out: Floats) -> None:
    """Share the mass of a lattice out to that of twice the step, half as many points and one."""
    out[:] = 0.0
    for s in range(full.size):
        half = s >> 1
        if s % 2 == 0:
            out[half] += full[s]
        else:
            out[half] += 0.5 * full[s]
            out[half + 1] += 0.5 * full[s]


@njit(cache=True, error_model="numpy")
def _add_halved_slopes(slope: Floats, out: Floats) -> None:
    """Adjoint of `_halved`."""
    for s in range(out.size):
        half = s >> 1
        out[s] += slope[half] if s % 2 == 0 else 0.5 * (slope[half] + slope[half + 1])


@njit(cache=True, error_model="numpy")
def _lattices(dense: int, a: Floats, low: int, high: int, first: int, stop: int) -> Floats:
    """All of `a` up to the end of an octave on the lattice of its step, for octaves first:stop.

    Row ``j - first``: the lower half holds what lies below the octave, coarsened, and a share of
    it at the first point of the octave itself stands in `below`, the last column.
    """
    half = dense // 2
    out = np.zeros((stop - first, dense + 1))
    carried = np.zeros(half + 1)
    full = np.zeros(dense)
    for j in range(stop):
        full[:] = 0.0
        if j > 0:
            full[: half + 1] = carried
        begin = 0 if j == 0 else half
        for s in range(max(begin, low - j * half), min(dense, high - j * half)):
            full[s] += a[j * half + s]
        if j >= first:
            out[j - first, :dense] = full
            out[j - first, dense] = carried[half] if j > 0 else 0.0
        _halved(full, carried)
    return out


@njit(cache=True, error_model="numpy")
def _octaves(dense: int, a: Floats, b: Floats) -> tuple[int, int, int, int, int, int]:
    """Extent of both, and the first and the one after the last octave in which sums arise."""
    half = dense // 2
    low_a, high_a = _extent(a)
    low_b, high_b = _extent(b)
    # A point's octave: below `dense` the first, then one for each half.
    first = max(0, max(low_a, low_b) // half - 1)
    stop = max(1, (max(high_a, high_b) - 1) // half)
    return low_a, high_a, low_b, high_b, first, stop


@njit(cache=True, error_model="numpy")
def convolve(dense: int, a: Floats, b: Floats, out: Floats) -> None:
    """Masses of the sum of two independent tolls.

    Parameters
    ----------
    dense : int
        As in `points`.
    a, b : ndarray of float, shape (n_points,)
        Masses of the two, not negative.
    out : ndarray of float, shape (n_points,)
        Overwritten. What lies beyond the grid is at its last point.
    """
    out[:] = 0.0
    half, n = dense // 2, a.size
    low_a, high_a, low_b, high_b, first, stop = _octaves(dense, a, b)
    if low_a == high_a or low_b == high_b:
        return
    of_a = _lattices(dense, a, low_a, high_a, first, stop)
    of_b = _lattices(dense, b, low_b, high_b, first, stop)
    sums, octave = np.empty(2 * dense), np.empty(dense)
    for j in range(first, stop):
        full_a, full_b = of_a[j - first], of_b[j - first]
        sums[:] = 0.0
        # Pairs of which one is in this octave and the other in it or below.
        _add_pairs(j, full_a[:dense], b, octave, sums)
        if j > 0:
            _add_pairs(j, np.append(full_b[:half], full_b[dense]), a, octave, sums)
        base = j * half
        for s in range(dense):
            out[min(base + s, n - 1)] += sums[s]
        base += half
        for s in range(dense, 2 * dense):
            k = base + (s >> 1)
            if s % 2 == 0:
                out[min(k, n - 1)] += sums[s]
            else:
                out[min(k, n - 1)] += 0.5 * sums[s]
                out[min(k + 1, n - 1)] += 0.5 * sums[s]


@njit(cache=True, error_model="numpy")
def _copy_octave(j: int, masses: Floats, octave: Floats) -> int:
    """Overwrite `octave` with the masses of octave `j` itself, on its lattice; where it begins."""
    half = octave.size // 2
    begin = 0 if j == 0 else half
    octave[:begin] = 0.0
    for s in range(begin, octave.size):
        k = j * half + s
        octave[s] = masses[k] if k < masses.size else 0.0
    return begin


@njit(cache=True, error_model="numpy")
def _add_pairs(j: int, other: Floats, masses: Floats, octave: Floats, sums: Floats) -> None:
    """Add sums of an addend in octave `j` and another on the same lattice.

    Parameters
    ----------
    j : int
        The octave.
    other : ndarray of float
        Masses of the other, from 0 on.
    masses : ndarray of float, shape (n_points,)
        Masses of the one, of all octaves.
    octave : ndarray of float, shape (dense,)
        Overwritten with those of this one.
    sums : ndarray of float, shape (2 * dense,)
        Added to.
    """
    begin = _copy_octave(j, masses, octave)
    x, y = _extent(other)
    u, v = _extent(octave[begin:])
    _add_sums(other[x:y], octave[begin + u : begin + v], sums[begin + x + u :])


@njit(cache=True, error_model="numpy")
def add_slopes(
    dense: int, a: Floats, b: Floats, slope: Floats, of_a: Floats, of_b: Floats
) -> None:  # fmt: skip
    """Adjoint of `convolve`: from derivatives by the masses of a sum to those by its addends'.

    Parameters
    ----------
    dense, a, b : int, ndarray of float, ndarray of float
        As handed to `convolve`.
    slope : ndarray of float, shape (n_points,)
        Derivatives by the masses of the sum.
    of_a, of_b : ndarray of float, shape (n_points,)
        Overwritten with the derivatives by those of the addends, and with 0 outside the stretch
        from the first point of each that has mass to the last.
    """
    of_a[:] = 0.0
    of_b[:] = 0.0
    half = dense // 2
    low_a, high_a, low_b, high_b, first, stop = _octaves(dense, a, b)
    if low_a == high_a or low_b == high_b:
        return
    lattice_a = _lattices(dense, a, low_a, high_a, first, stop)
    lattice_b = _lattices(dense, b, low_b, high_b, first, stop)
    by_sum, octave, by_octave = np.empty(2 * dense), np.empty(dense), np.empty(dense)
    by_full_a, by_full_b = np.empty(dense), np.empty(dense)
    carried_a, carried_b, by_below = np.zeros(half + 1), np.zeros(half + 1), np.empty(half + 1)
    for j in range(stop - 1, -1, -1):
        by_full_a[:] = 0.0
        by_full_b[:] = 0.0
        if j < stop - 1:
            _add_halved_slopes(carried_a, by_full_a)
            _add_halved_slopes(carried_b, by_full_b)
        by_below[:] = 0.0
        begin = 0 if j == 0 else half
        if j >= first:
            full_a, full_b = lattice_a[j - first], lattice_b[j - first]
            _copy_slopes(dense, j, slope, by_sum)
            _add_pair_slopes(j, full_a[:dense], b, octave, by_sum, by_full_a, by_octave, of_b)
            if j > 0:
                below = np.append(full_b[:half], full_b[dense])
                _add_pair_slopes(j, below, a, octave, by_sum, by_below, by_octave, of_a)
        _add_octave(by_full_a, j, half, begin, dense, of_a)
        _add_octave(by_full_b, j, half, begin, dense, of_b)
        for s in range(half + 1):
            carried_a[s] = by_full_a[s]
            carried_b[s] = by_full_b[s] + by_below[s]
    of_a[:low_a] = 0.0
    of_a[high_a:] = 0.0
    of_b[:low_b] = 0.0
    of_b[high_b:] = 0.0


@njit(cache=True, error_model="numpy")
def _copy_slopes(dense: int, j: int, slope: Floats, by_sum: Floats) -> None:
    """Overwrite `by_sum` with derivatives by the sums of octave `j`, on its lattice."""
    base, n = j * (dense // 2), slope.size
    for s in range(dense):
        by_sum[s] = slope[min(base + s, n - 1)]
    base += dense // 2
    for s in range(dense, 2 * dense):
        k = base + (s >> 1)
        if s % 2 == 0:
            by_sum[s] = slope[min(k, n - 1)]
        else:
            by_sum[s] = 0.5 * (slope[min(k, n - 1)] + slope[min(k + 1, n - 1)])


@njit(cache=True, error_model="numpy")
def _add_pair_slopes(
    j: int, other: Floats, masses: Floats, octave: Floats, by_sum: Floats, by_other: Floats,
    by_octave: Floats, out: Floats,
) -> None:  # fmt: skip
    """Adjoint of `_add_pairs`: derivatives by both addends.

    Those by the one in octave `j` are added to `out`, of shape (n_points,), by way of `by_octave`,
    of shape (dense,), which is overwritten.
    """
    begin = _copy_octave(j, masses, octave)
    x, y = _extent(other)
    u, v = _extent(octave[begin:])
    by_octave[:] = 0.0
    if y > x and v > u:
        offset, start, stop = by_sum[begin + x + u :], begin + u, begin + v
        _add_slopes(offset, octave[start:stop], by_other[x:y])
        _add_slopes(offset, other[x:y], by_octave[start:stop])
        _add_octave(by_octave, j, octave.size // 2, start, stop, out)


@njit(cache=True, error_model="numpy")
def _add_octave(
    by_octave: Floats, j: int, half: int, start: int, stop: int, out: Floats
) -> None:  # fmt: skip
    """Add derivatives by points of octave `j`, those from `start` to `stop` of its lattice."""
    for s in range(start, min(stop, out.size - j * half)):
        out[j * half + s] += by_octave[s]
