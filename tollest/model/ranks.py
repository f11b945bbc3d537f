"""Which rows, and which locations, hold the same: ranks by what they hold.

Ranks are counted, not hashed, so rows share one only where they are equal; and they follow the
values alone, so the order in which rows stand in a table cannot show.
"""

import numpy as np

from tollest._arrays import Integers

_SPARSE = 4  # a table of all values between the least and the largest beats sorting up to here


def ranks(*columns: Integers) -> tuple[Integers, Integers]:
    """Rank rows among the distinct rows, compared column by column.

    Parameters
    ----------
    *columns : ndarray of int, each of shape (n,)
        The first decides, the next where it is equal, and so on.

    Returns
    -------
    rank : ndarray of int, shape (n,)
        From 0, without gaps; equal rows share theirs.
    first : ndarray of int, shape (n_distinct,)
        The first row of each rank.

    Examples
    --------
    >>> ranks(np.array([7, 3, 7, 3]), np.array([1, 2, 0, 2]))
    (array([2, 0, 1, 0]), array([1, 2, 0]))
    """
    rank, n = _dense(columns[0])
    for column in columns[1:]:
        other, n_other = _dense(column)
        # Neither number exceeds that of the rows, so their product cannot overflow.
        rank, n = _dense(rank * n_other + other)
    first = np.empty(n, dtype=np.int64)
    # Assigned backwards, so that the first row of a rank is the one that stays.
    first[rank[::-1]] = np.arange(len(rank))[::-1]
    return rank, first


def ranks_of_runs(values: Integers, offsets: Integers) -> Integers:
    """Rank runs of values as words in a dictionary are: by first value, then second, and so on.

    Parameters
    ----------
    values : ndarray of int, shape (n_values,)
        Runs side by side.
    offsets : ndarray of int, shape (n_runs + 1,)
        Run ``i`` is ``values[offsets[i]:offsets[i + 1]]``; it may be empty.

    Returns
    -------
    ndarray of int, shape (n_runs,)
        Equal runs share a rank; one that begins another comes before it.

    Examples
    --------
    >>> ranks_of_runs(np.array([5, 2, 5, 2, 9]), np.array([0, 1, 1, 3, 5]))
    array([3, 0, 1, 2])
    """
    sizes = np.diff(offsets)
    # The longest first: those with a value at a position are then a slice from the start.
    order = np.argsort(-sizes, kind="stable")
    starts = offsets[:-1][order]
    reach = len(sizes) - np.cumsum(np.bincount(sizes))
    # Rank of what follows in the run, 0 for nothing; from the last position to the first.
    rest = np.zeros(len(sizes), dtype=np.int64)
    for i in reversed(range(len(reach))):
        n = reach[i]
        rest[:n] = ranks(values[starts[:n] + i], rest[:n])[0] + 1
    rank = np.empty_like(rest)
    rank[order] = rest
    return _dense(rank)[0]


def take_runs(offsets: Integers, chosen: Integers) -> tuple[Integers, Integers]:
    """Find the values of some runs, to lie side by side in the order chosen.

    Parameters
    ----------
    offsets : ndarray of int, shape (n_runs + 1,)
        Run ``i`` is at ``offsets[i]:offsets[i + 1]``.
    chosen : ndarray of int, shape (n_chosen,)
        Runs.

    Returns
    -------
    positions : ndarray of int
        Positions of all their values.
    offsets : ndarray of int, shape (n_chosen + 1,)
        Where each chosen run then begins and ends.

    Examples
    --------
    >>> take_runs(np.array([0, 1, 1, 3, 5]), np.array([3, 0]))
    (array([3, 4, 0]), array([0, 2, 3]))
    """
    sizes = np.diff(offsets)[chosen]
    ends = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return np.arange(ends[-1]) + np.repeat(offsets[:-1][chosen] - ends[:-1], sizes), ends


def _dense(values: Integers) -> tuple[Integers, int]:
    """Rank of each value among the distinct ones, and how many they are."""
    if not values.size:
        return values.astype(np.int64), 0
    least = int(values.min())
    span = int(values.max()) - least + 1
    if span <= _SPARSE * values.size:
        occurs = np.zeros(span, dtype=bool)
        difference = values - least
        occurs[difference] = True
        rank = np.cumsum(occurs) - 1
        return rank[difference], int(rank[-1]) + 1
    order = np.argsort(values)
    ordered = values[order]
    rank = np.concatenate([[0], np.cumsum(ordered[1:] != ordered[:-1])])
    out = np.empty(values.size, dtype=np.int64)
    out[order] = rank
    return out, int(rank[-1]) + 1
