"""Distributions on the log1p axis: what a toll, a figure or a claim's error may look like.

A family is a standard location-scale distribution `F`. With a location `m` and a scale `s` on
the log1p axis, the whole numbers from `lower` to `upper` have mass

    F((log1p(upper + 1/2) - m) / s) - F((log1p(lower - 1/2) - m) / s),

with minus infinity in place of the lower edge of 0. One formula thus serves tolls, figures,
exact counts, ranges, bounds and rounded numbers alike.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tollest._arrays import Floats
from tollest._sums.mass import LOGISTIC, NORMAL, STUDENT_T, mass_cell


@dataclass(frozen=True)
class Logistic:
    """Standard logistic: tolls with a power-law tail, errors with exponential ones.

    On the log1p axis a logistic toll is a discretised log-logistic, whose tail exponent is one
    over its scale, as the sizes of events in conflicts and disasters have [1]_.

    References
    ----------
    .. [1] Clauset, A. (2018). Trends and fluctuations in the severity of interstate wars.
       *Science Advances* 4(2), eaao3580. https://doi.org/10.1126/sciadv.aao3580
    """

    def rvs(self, rng: np.random.Generator, size: int | tuple[int, ...]) -> NDArray[np.float64]:
        """Draws of the standard distribution, of shape `size`."""
        return rng.logistic(size=size)

    def log_cdf(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log distribution function of the standard distribution."""
        return np.asarray(-np.logaddexp(0.0, -z), np.float64)


@dataclass(frozen=True)
class Normal:
    """Standard normal: log-normal tolls, errors without outliers."""

    def rvs(self, rng: np.random.Generator, size: int | tuple[int, ...]) -> NDArray[np.float64]:
        """Draws of the standard distribution, of shape `size`."""
        return rng.standard_normal(size)

    def log_cdf(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log distribution function of the standard distribution."""
        from scipy.special import log_ndtr

        return np.asarray(log_ndtr(z), np.float64)


_LEAST_DF, _MOST_DF = 0.05, 1e6


@dataclass(frozen=True)
class StudentT:
    """Standard Student t: errors with heavier tails than the logistic's.

    With Student t for the toll and for the noise at once the posterior mean of a toll is
    infinite; its quantiles remain sound.

    Parameters
    ----------
    df : float
        Degrees of freedom, positive.

    Raises
    ------
    ValueError
        If `df` is not positive and finite.
    """

    df: float = 4.0

    def __post_init__(self) -> None:
        """Refuse degrees of freedom that are none."""
        if not 0 < self.df < math.inf:
            raise ValueError(f"df is {self.df}; degrees of freedom are positive and finite.")
        if not _LEAST_DF <= self.df <= _MOST_DF:
            raise ValueError(
                f"df is {self.df:g}; degrees of freedom lie between {_LEAST_DF:g} and "
                f"{_MOST_DF:g}, where errors are normal: use Normal()."
            )

    def rvs(self, rng: np.random.Generator, size: int | tuple[int, ...]) -> NDArray[np.float64]:
        """Draws of the standard distribution, of shape `size`."""
        return rng.standard_t(self.df, size)

    def log_cdf(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log distribution function of the standard distribution."""
        from scipy.special import stdtr

        with np.errstate(divide="ignore"):
            return np.asarray(np.log(stdtr(self.df, z)), np.float64)


Family = Logistic | Normal | StudentT


def family_code(family: Family) -> tuple[int, float]:
    """Family as the arithmetic knows it: a code, and degrees of freedom."""
    match family:
        case Logistic():
            return LOGISTIC, 0.0
        case Normal():
            return NORMAL, 0.0
        case StudentT(df):
            return STUDENT_T, float(df)  # an integer would have kernels compiled anew
    raise TypeError(f"{family!r} is no noise family; use Logistic(), Normal() or StudentT(df).")


def scale_of(family: Family, sd: Floats) -> Floats:
    """Scale of the family's errors of some standard deviations; of none that is, the scale."""
    if isinstance(family, Logistic):
        return sd * (math.sqrt(3.0) / math.pi)
    if isinstance(family, StudentT) and family.df > 2:
        return sd * math.sqrt((family.df - 2.0) / family.df)
    return sd


def interval_edges(
    lower: NDArray[np.int64], upper: NDArray[np.int64], unbounded: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Edges of whole-number intervals on the log1p axis, half a death outwards.

    Parameters
    ----------
    lower, upper : ndarray of int, shape (n,)
        Ends of the intervals, both included.
    unbounded : int
        The value of `upper` that stands for infinity.

    Returns
    -------
    lower_edge, upper_edge, width : ndarray of float, shape (n,)
        The edges, and their difference without the cancellation of subtracting them.
    """
    is_open = upper == unbounded
    finite = np.where(is_open, lower, upper).astype(np.float64)
    with np.errstate(divide="ignore"):
        lower_edge = np.where(lower == 0, -np.inf, np.log1p(lower - 0.5))
    upper_edge = np.where(is_open, np.inf, np.log1p(finite + 0.5))
    width = np.log1p((finite - lower + 1.0) / (lower + 0.5))
    return lower_edge, upper_edge, np.where(is_open | (lower == 0), np.inf, width)


def mass(
    lower: NDArray[np.int64] | int,
    upper: NDArray[np.int64] | int | None,
    m: float,
    s: float,
    family: Family | None = None,
) -> NDArray[np.float64]:
    r"""Probability of the whole numbers from `lower` to `upper`.

    .. math:: F\{(\log(u + 3/2) - m) / s\} - F\{(\log(l + 1/2) - m) / s\}

    Parameters
    ----------
    lower : int or ndarray of int
        First number of each interval, 0 or more.
    upper : int, ndarray of int, or None
        Last number of each interval; None for no upper bound.
    m, s : float
        Location and scale on the log1p axis; `s` is positive.
    family : Logistic, Normal or StudentT, optional
        The distribution; logistic if left out.

    Returns
    -------
    ndarray of float
        Probabilities, of the shape `lower` and `upper` broadcast to.

    Raises
    ------
    ValueError
        If `s` is not positive, or an interval is empty or negative.

    Examples
    --------
    The masses of all whole numbers add to one:

    >>> inside, outside = mass(0, 9, m=2.0, s=0.5), mass(10, None, m=2.0, s=0.5)
    >>> float(round(inside + outside, 12))
    1.0
    """
    if not s > 0:
        raise ValueError(f"s is {s}; a scale is positive.")
    unbounded = np.iinfo(np.int64).max
    low, high = np.broadcast_arrays(
        np.asarray(lower, np.int64), np.asarray(unbounded if upper is None else upper, np.int64)
    )
    if np.any(low < 0) or np.any(high < low):
        raise ValueError("an interval runs from a whole number, 0 or more, to one no smaller.")
    known, df = family_code(family or Logistic())
    lower_edge, upper_edge, width = interval_edges(low.ravel(), high.ravel(), int(unbounded))
    logs = [
        mass_cell(known, df, (a - m) / s, (b - m) / s, w / s)[0]
        for a, b, w in zip(lower_edge, upper_edge, width, strict=True)
    ]
    return np.exp(np.array(logs)).reshape(low.shape)
