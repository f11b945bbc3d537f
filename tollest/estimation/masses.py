"""Distributions of tolls over bins of whole numbers: quantiles, intervals, means, draws."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tollest._arrays import Floats, Integers
from tollest._sums.threads import threaded
from tollest.estimation import packed

if TYPE_CHECKING:
    import pandas as pd

# Mass below which a whole number counts as impossible; sums over the support leave as much out.
_NOTHING = 1e-12
_BLOCK = 2048  # tolls whose masses are spread out at a time


@dataclass(frozen=True, eq=False)
class TollMasses:
    """Posterior mass functions of several tolls on one support.

    Inside a bin of more than one number the density runs linearly, with the slope of its
    neighbours: quantiles then err by the third power of the bins' width.

    Parameters
    ----------
    first, last : ndarray of int, shape (n_support,)
        First and last whole number of each bin.
    masses : ndarray of float, shape (n_tolls, n_support)
        Mass of each bin, summing to one over the support.
    """

    first: Integers
    last: Integers
    masses: Floats

    def rows(self, rows: Integers) -> "TollMasses":
        """Take the mass functions of some tolls."""
        return TollMasses(self.first, self.last, self.masses[rows])

    def _slopes(self, rows: Integers, k: Integers) -> Floats:
        """Relative slope of the density inside bin `k` of each row: 0 is flat, 1 steepest."""
        return _slopes(self.first, self.last, lambda bins: self.masses[rows, bins], k)

    def quantile(self, q: float | Floats) -> Integers:
        """Smallest whole number with at least mass `q` at or below it.

        Parameters
        ----------
        q : float, or ndarray of float of shape (n_tolls,)
            Probability in [0, 1], the same for all tolls or one for each.

        Returns
        -------
        ndarray of int, shape (n_tolls,)
        """
        n_tolls = len(self.masses)
        rows = np.arange(n_tolls)
        cumulative = np.cumsum(self.masses, axis=1)
        # Rounding must not push a quantile past a number that holds it exactly.
        target = np.clip(np.broadcast_to(q, n_tolls) - _NOTHING, _NOTHING, cumulative[:, -1])
        k = np.minimum((cumulative < target[:, None]).sum(axis=1), self.masses.shape[1] - 1)
        below = np.where(k > 0, cumulative[rows, np.maximum(k - 1, 0)], 0.0)
        share = (target - below) / np.maximum(self.masses[rows, k], 1e-300)
        t = _position(np.clip(share, 0.0, 1.0), self._slopes(rows, k))
        width = self.last[k] - self.first[k] + 1
        inside = np.clip(np.ceil(t * width).astype(np.int64) - 1, 0, width - 1)
        return np.asarray(self.first[k] + inside, np.int64)

    def place(self, rows: Integers, bins: Integers, shares: Floats) -> Integers:
        """Whole numbers below which the bins have these shares of their mass; all of one shape."""
        return _placed(self.first, self.last, self._slopes(rows, bins), bins, shares)

    def at_least(self, k: int | Integers) -> Floats:
        """Probability of `k` or more, shape (n_tolls,).

        Parameters
        ----------
        k : int, or ndarray of int of shape (n_tolls,)
            Deaths, 0 or more; the same for all tolls or one for each.
        """
        rows = np.arange(len(self.masses))
        number = np.broadcast_to(k, rows.shape)
        inside = np.searchsorted(self.first, number, side="right") - 1
        # Sums from the far end, so that small tails keep their digits.
        tails = np.cumsum(self.masses[:, ::-1], axis=1)[:, ::-1]
        beyond = np.minimum(inside + 1, len(self.first) - 1)
        after = np.where(inside + 1 < len(self.first), tails[rows, beyond], 0.0)
        a = self._slopes(rows, inside)
        t = (number - self.first[inside]) / (self.last[inside] - self.first[inside] + 1)
        part = self.masses[rows, inside] * (1.0 - (t + a * (t * t - t)))
        return np.asarray(np.minimum(after + part, 1.0), np.float64)

    def mean(self) -> Floats:
        """Mean over the support, shape (n_tolls,)."""
        return np.asarray(self.masses @ (0.5 * (self.first + self.last)), np.float64)

    def log_variance(self) -> Floats:
        """Variance of ``log1p`` of the toll, shape (n_tolls,)."""
        x = 0.5 * (np.log1p(self.first) + np.log1p(self.last))
        mean = self.masses @ x
        return np.maximum(self.masses @ x**2 - mean**2, 0.0)

    def interval(self, ci_prob: float, ci_kind: str) -> tuple[Integers, Integers]:
        """Give the ends of credible intervals, both of shape (n_tolls,).

        Parameters
        ----------
        ci_prob : float
            Probability inside, between 0 and 1.
        ci_kind : {"eti", "hdi"}
            Equal tails, or the shortest interval.
        """
        check_interval(ci_prob, ci_kind)
        if ci_kind == "eti":
            return self.quantile(0.5 - ci_prob / 2), self.quantile(0.5 + ci_prob / 2)
        lower, upper = self.quantile(0.0), self.quantile(ci_prob)
        for p in np.linspace(0.0, 1.0 - ci_prob, 201)[1:]:
            # Mass up to the number before `low` is below p, so the interval holds ci_prob.
            low, high = self.quantile(p), self.quantile(min(p + ci_prob, 1.0))
            shorter = high - low < upper - lower
            lower, upper = np.where(shorter, low, lower), np.where(shorter, high, upper)
        return lower, upper


@dataclass(frozen=True, eq=False)
class StoredMasses:
    """Mass functions of very many tolls, each kept over its own stretch of the support alone.

    Otherwise as `TollMasses`, in blocks of which it works.

    Parameters
    ----------
    first, last : ndarray of int, shape (n_support,)
        First and last whole number of each bin.
    low, high : ndarray of int, shape (n_tolls,)
        Stretch of bins that each toll has mass in.
    start : ndarray of int, shape (n_tolls,)
        Where its masses begin in `flat`.
    flat : ndarray of float, shape (n_cells,)
        Masses of one toll after the other.
    """

    first: Integers
    last: Integers
    low: Integers
    high: Integers
    start: Integers
    flat: Floats

    def rows(self, rows: Integers) -> TollMasses:
        """Take the mass functions of some tolls, on the whole support."""
        out = np.zeros((len(rows), len(self.first)))
        packed.unpack(self.flat, self.start[rows], self.low[rows], self.high[rows], out)
        return TollMasses(self.first, self.last, out)

    def _closely(self, part: slice) -> TollMasses:
        """Mass functions of a block on as much of the support as they need."""
        low, high = self.low[part], self.high[part]
        # A bin more on either side, which slopes look at.
        a, b = max(int(low.min()) - 1, 0), min(int(high.max()) + 1, len(self.first))
        out = np.zeros((len(low), b - a))
        packed.unpack(self.flat, self.start[part], low - a, high - a, out)
        return TollMasses(self.first[a:b], self.last[a:b], out)

    def _in_blocks[Answer](self, answer: Callable[[TollMasses, slice], Answer]) -> list[Answer]:
        n = len(self.low)
        slices = [slice(a, min(a + _BLOCK, n)) for a in range(0, n, _BLOCK)]
        return list(threaded(lambda part: answer(self._closely(part), part), slices))

    def quantile(self, q: float | Floats) -> Integers:
        """See `TollMasses.quantile`."""
        each = np.broadcast_to(q, len(self.low))
        return np.concatenate(self._in_blocks(lambda m, part: m.quantile(each[part])))

    def at_least(self, k: int | Integers) -> Floats:
        """See `TollMasses.at_least`."""
        n = len(self.low)
        each = np.broadcast_to(k, n)
        blocks = [np.arange(a, min(a + _BLOCK, n)) for a in range(0, n, _BLOCK)]
        # On the whole support: any number may be asked for.
        return np.concatenate([self.rows(block).at_least(each[block]) for block in blocks])

    def mean(self) -> Floats:
        """See `TollMasses.mean`."""
        return np.concatenate(self._in_blocks(lambda m, _: m.mean()))

    def log_variance(self) -> Floats:
        """See `TollMasses.log_variance`."""
        return np.concatenate(self._in_blocks(lambda m, _: m.log_variance()))

    def interval(self, ci_prob: float, ci_kind: str) -> tuple[Integers, Integers]:
        """See `TollMasses.interval`."""
        ends = self._in_blocks(lambda m, _: np.stack(m.interval(ci_prob, ci_kind)))
        lower, upper = np.concatenate(ends, axis=1)
        return lower, upper

    def place(self, rows: Integers, bins: Integers, shares: Floats) -> Integers:
        """See `TollMasses.place`."""
        low, high, start = self.low[rows], self.high[rows], self.start[rows]

        def cells(k: Integers) -> Floats:
            inside = (low <= k) & (k < high)
            return np.where(inside, self.flat[np.where(inside, start + k - low, 0)], 0.0)

        slopes = _slopes(self.first, self.last, cells, bins)
        return _placed(self.first, self.last, slopes, bins, shares)


type Masses = TollMasses | StoredMasses


def _slopes(
    first: Integers, last: Integers, cells: Callable[[Integers], Floats], k: Integers
) -> Floats:
    """Relative slope of the density inside bins `k`; `cells` gives masses of bins."""
    width = (last - first + 1).astype(np.float64)
    middle = 0.5 * (first + last)
    left, right = np.maximum(k - 1, 0), np.minimum(k + 1, len(width) - 1)
    below, above = cells(left), cells(right)
    rise = (above / width[right] - below / width[left]) / np.maximum(
        middle[right] - middle[left], 1.0
    )
    density = np.maximum(cells(k) / width[k], 1e-300)
    # Next to a bin without mass, past a floor or a cap, there is no slope to take.
    edge = (below == 0) | (above == 0)
    return np.where(edge, 0.0, np.clip(0.5 * rise * width[k] / density, -1.0, 1.0))


def _placed(
    first: Integers, last: Integers, slopes: Floats, bins: Integers, shares: Floats
) -> Integers:
    t = _position(shares, slopes)
    width = last[bins] - first[bins] + 1
    inside = np.minimum((t * width).astype(np.int64), width - 1)
    return np.asarray(first[bins] + inside, np.int64)


def _position(share: Floats, slope: Floats) -> Floats:
    """Where in a bin the share of its mass is reached: t with ``t + slope (t^2 - t) = share``."""
    b = 1.0 - slope
    root = np.sqrt(np.maximum(b * b + 4.0 * slope * share, 0.0))
    return np.clip(2.0 * share / np.maximum(b + root, 1e-300), 0.0, 1.0)


def check_interval(ci_prob: float, ci_kind: str) -> None:
    """Refuse a level or kind of interval that means nothing.

    Raises
    ------
    ValueError
        If `ci_prob` is not strictly between 0 and 1, or `ci_kind` is not known.
    TypeError
        If `ci_prob` is not a number.
    """
    if isinstance(ci_prob, bool) or not isinstance(ci_prob, int | float | np.number):
        raise TypeError(f"ci_prob is {ci_prob!r}; it is a number between 0 and 1, as 0.9.")
    if not 0.0 < ci_prob < 1.0:
        raise ValueError(f"ci_prob is {ci_prob}; it lies between 0 and 1, as 0.9 for 90 %.")
    if ci_kind not in ("eti", "hdi"):
        raise ValueError(
            f"ci_kind is {ci_kind!r}; it is 'eti' (equal tails) or 'hdi' (highest density)."
        )


def several_quantiles(
    q: float | Sequence[float], quantile: "Callable[[float], pd.Series]"
) -> "pd.Series | pd.DataFrame":
    """One quantile as a Series, or several as a DataFrame with a column for each.

    Raises
    ------
    ValueError
        If a `q` is not between 0 and 1.
    TypeError
        If a `q` is not a number.
    """
    import pandas as pd

    if np.asarray(q).dtype.kind not in "iuf":
        raise TypeError(f"q is {q!r}; it is a number between 0 and 1, or several.")
    several = np.atleast_1d(np.asarray(q, dtype=np.float64))
    if not np.all((several >= 0.0) & (several <= 1.0)):
        raise ValueError(f"q is {q}; a quantile's probability lies between 0 and 1.")
    if np.ndim(q) == 0:
        return quantile(float(several[0])).rename(float(several[0]))
    return pd.DataFrame({float(p): quantile(float(p)) for p in several})


def whole(value: int, least: int = 0) -> int:
    """`value` as a whole number.

    Raises
    ------
    ValueError
        If it is not one, or below `least`.
    TypeError
        If it is not a number.
    """
    if not isinstance(value, int | float | np.number):
        raise TypeError(f"{value!r} is no whole number of {least} or more.")
    if isinstance(value, bool) or not math.isfinite(value) or int(value) != value or value < least:
        raise ValueError(f"{value!r} is no whole number of {least} or more.")
    return int(value)
