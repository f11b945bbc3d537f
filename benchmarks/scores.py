"""How good intervals and predictions are: coverage, width, scores, and one source left out."""

import numpy as np
import pandas as pd

from benchmarks.readings import Floats, Integers, Peer, Readings
from tollest.claims.table import KINDS, Claims
from tollest.estimation.masses import check_interval

# Ends that differ by less than this on the log1p axis are the same number.
_SAME = 1e-9


def _known(*ends: Floats | Integers) -> list[Floats]:
    """Numbers of deaths on the log1p axis.

    Raises
    ------
    ValueError
        If there are none, or some are nan.
    """
    arrays = [np.asarray(end, np.float64) for end in ends]
    n_missing = int(np.isnan(sum(arrays)).sum())
    if not arrays[0].size or n_missing:
        raise ValueError(
            f"{n_missing} of {arrays[0].size} intervals are nan; score all methods on the same "
            "locations, one or more, on which every one of them has an answer."
        )
    return [np.log1p(array) for array in arrays]


def coverage(lower: Floats, upper: Floats, truth: Floats) -> float:
    """Share of truths inside their interval, ends included.

    Parameters
    ----------
    lower, upper, truth : ndarray, shape (n,)
        Numbers of deaths.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If an interval or a truth is nan, or there is none.
    """
    low, high, x = _known(lower, upper, truth)
    return float(np.mean((low <= x + _SAME) & (x <= high + _SAME)))


def mean_log_width(lower: Floats, upper: Floats) -> float:
    """Mean width on the log1p axis: 0.7 is an upper end twice the lower.

    Raises
    ------
    ValueError
        If an interval is nan, or there is none.
    """
    low, high = _known(lower, upper)
    return float(np.mean(high - low))


def interval_score(lower: Floats, upper: Floats, truth: Floats, ci_prob: float = 0.9) -> float:
    r"""Mean interval score of central intervals on the log1p axis; less is better [1]_.

    .. math:: (u - l) + \frac{2}{\alpha} (l - x)_+ + \frac{2}{\alpha} (x - u)_+,
        \qquad \alpha = 1 - \text{ci\_prob}

    Parameters
    ----------
    lower, upper, truth : ndarray, shape (n,)
        Numbers of deaths.
    ci_prob : float
        Probability that the intervals are meant to hold.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If an interval or a truth is nan, there is none, or `ci_prob` is not between 0 and 1.

    References
    ----------
    .. [1] Gneiting, T., Raftery, A. E. (2007). Strictly proper scoring rules, prediction, and
       estimation. *Journal of the American Statistical Association* 102(477), 359-378.
       https://doi.org/10.1198/016214506000001437

    Examples
    --------
    A truth a factor e above the upper end costs 2 / 0.1 besides the width:

    >>> e = np.e
    >>> round(interval_score([0.0], [e - 1], [e * e - 1], ci_prob=0.9), 9)
    21.0
    """
    check_interval(ci_prob, "eti")
    low, high, x = _known(lower, upper, truth)
    missed = np.maximum(low - x, 0.0) + np.maximum(x - high, 0.0)
    return float(np.mean(high - low + 2.0 / (1.0 - ci_prob) * missed))


def leave_source_out(method: Peer, claims: Claims, ci_prob: float = 0.9) -> pd.DataFrame:
    """Predict every count from the claims of all other sources, one source left out at a time.

    The source left out is a new one to the method: it has no bias or variance of its own.

    Parameters
    ----------
    method : Peer
        One with a predictive distribution.
    claims : Claims
        The evidence.
    ci_prob : float
        Probability that the intervals are meant to hold.

    Returns
    -------
    pandas.DataFrame
        A row for each count on a location where another source makes a claim that may err:
        ``source, location, count``, ``log_mass`` (log probability of the very number), and the
        ends ``lower, upper`` of the predictive interval, in deaths.

    Raises
    ------
    ValueError
        If `method` has no predictive distribution, or `ci_prob` is not between 0 and 1.
    """
    check_interval(ci_prob, "eti")
    readings = Readings.of(claims)
    shared = (claims.kind == KINDS.index("count")) & (readings.size[readings.location] > 1)
    frames = []
    for source in np.unique(claims.source_index[shared]):
        rest = claims.without(claims.sources[source])
        predictive = method.estimate(rest, ci_prob).predictive
        if predictive is None:
            raise ValueError(f"{method!r} has no predictive distribution.")
        out = np.flatnonzero(shared & (claims.source_index == source))
        names = [claims.locations[i] for i in readings.location[out]]
        position = {name: i for i, name in enumerate(rest.locations)}
        location = np.array([position[name] for name in names])
        count = claims.lower[out]
        lower, upper = predictive.interval(location, ci_prob)
        frame = {"source": claims.sources[source], "location": names, "count": count}
        frame |= {"log_mass": predictive.log_mass(location, count), "lower": lower, "upper": upper}
        frames.append(pd.DataFrame(frame))
    columns = ["source", "location", "count", "log_mass", "lower", "upper"]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)
