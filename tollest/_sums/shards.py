"""One pass over all claims: shards of patterns, evaluated apart and added up in their order.

A shard is small enough for its tables to stay near the processor, and holds nothing of the others.
What shards there are depends on the claims alone: threads, or machines, only share them out, so
that sums come out the same whoever computes them.
"""

import itertools
import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from tollest._arrays import Floats, Integers
from tollest._sums import marginal
from tollest._sums.tables import Claimed, Parameters

# Patterns of a shard, where these are of a few claims that many share: fewer would tabulate the
# same claims again, more leave threads waiting for the last.
SHARD = 8192
# Patterns from which on there are shards enough for two threads.
SHARED = 2048
# What a row of the tables costs, in claims of patterns; and a pattern of a few, with itself.
_ROW, _PATTERN = 8.0, 5.0
# Rows of a shard's tables: those of very many are larger than what memory hands out quickly.
_MOST_ROWS = 1000


class Sums(NamedTuple):
    """What a pass gives: sums over locations, for each point that was asked.

    Parameters are in one flat row; see `tollest._sums.tables.Flat`.
    """

    values: Floats  # (n_points,) log marginal likelihoods
    gradients: Floats  # (n_points, n_parameters), or no rows where they are not asked
    curvature: Floats  # (n_parameters, n_parameters) at the first point, or none

    def __add__(self, other: "Sums") -> "Sums":  # type: ignore[override]
        """Add the sums over other locations."""
        return Sums(*(a + b for a, b in zip(self, other, strict=True)))


def run(claimed: Claimed, points: list[Parameters], gradient: bool, curvature: bool) -> Sums:
    """Evaluate one shard.

    Parameters
    ----------
    claimed : Claimed
        The shard.
    points : list of Parameters
        Where to evaluate.
    gradient : bool
        Whether to give gradients, at all points.
    curvature : bool
        Whether to give the sum of outer products of locations' gradients, at the first point:
        where the model is right, what a Hessian is on average.
    """
    rows = np.array([np.concatenate(point) for point in points])
    return run_rows(claimed, points[0], rows, gradient, curvature)


def run_rows(
    claimed: Claimed, like: Parameters, rows: Floats, gradient: bool, curvature: bool = False
) -> Sums:
    """Do as `run` at points that are rows of parameters, of the shapes of `like`."""
    n_points, size = rows.shape
    values = np.empty(n_points)
    gradients = np.zeros((n_points if gradient else 0, size))
    matrix = np.zeros((size, size) if curvature else (0, 0))
    marginal.evaluate(claimed, like, rows, values, gradients, matrix)
    return Sums(values, gradients, matrix)


def add_sums(parts: Iterable[Sums]) -> Sums:
    """Add up shards, in their order."""
    first, *others = parts
    for part in others:
        first = first + part
    return first


def shards(claimed: Claimed, size: int = SHARD) -> list[Claimed]:
    """Cut into stretches of patterns, each with the claims that it needs and no others."""
    if claimed.level.size <= min(size, SHARED):
        return [claimed]
    bounds = bounds_of(rows_of(claimed), np.diff(claimed.offsets), size, 2)
    return [_cut(claimed, a, b) for a, b in itertools.pairwise(bounds)]


def rows_of(claimed: Claimed) -> Floats:
    """Rows of the tables by pattern, those that patterns share in parts; shape (n_patterns,)."""
    shared_by = np.bincount(claimed.members, minlength=claimed.claim_lower.size)
    until = np.concatenate([[0.0], np.cumsum(1.0 / shared_by[claimed.members])])
    return np.asarray(np.diff(until[claimed.offsets]), np.float64)


def bounds_of(rows: Floats, n_claims: Integers, size: int, least: int = 1) -> list[int]:
    """Cut into stretches of about the cost of `size` common patterns, a multiple of `least`."""
    until = np.concatenate([[0.0], np.cumsum(1.0 + n_claims + _ROW * rows)])
    n = max(until[-1] / (_PATTERN * size), rows.sum() / _MOST_ROWS)
    # So that as many threads have the same to do.
    n = least * math.ceil(n / least)
    bounds = np.searchsorted(until, np.linspace(0.0, until[-1], n + 1)).clip(0, rows.size)
    bounds[0], bounds[-1] = 0, rows.size
    return [int(bound) for bound in np.unique(bounds)]


def _cut(claimed: Claimed, start: int, stop: int) -> Claimed:
    return _compact(marginal.shard(claimed, start, stop))


def chosen(claimed: Claimed, patterns: Integers) -> Claimed:
    """Take some patterns by themselves, in their order."""
    sizes = np.diff(claimed.offsets)[patterns]
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    # From a member's position to that in the whole: where its pattern starts in one and the other.
    shift = np.repeat(claimed.offsets[patterns] - offsets[:-1], sizes)
    return _compact(
        claimed._replace(
            offsets=offsets,
            members=claimed.members[np.arange(offsets[-1]) + shift],
            level=claimed.level[patterns],
            first=claimed.first[patterns],
            last=claimed.last[patterns],
            cap_edge=claimed.cap_edge[patterns],
            multiplicity=claimed.multiplicity[patterns],
        )
    )


def _compact(part: Claimed) -> Claimed:
    """Drop claims and figures that no pattern has, and number the others anew."""
    claims, members = np.unique(part.members, return_inverse=True)
    figure = part.claim_figure[claims]
    figures, position = np.unique(figure[figure >= 0], return_inverse=True)
    claim_figure = np.full(claims.size, -1)
    claim_figure[figure >= 0] = position
    return part._replace(
        claim_voice=part.claim_voice[claims], claim_lower=part.claim_lower[claims],
        claim_upper=part.claim_upper[claims], claim_width=part.claim_width[claims],
        claim_figure=claim_figure, claim_form=part.claim_form[claims],
        claim_age=part.claim_age[claims], claim_below=part.claim_below[claims],
        claim_above=part.claim_above[claims],
        figure_lower=part.figure_lower[figures],
        figure_upper=part.figure_upper[figures], figure_width=part.figure_width[figures],
        members=members.astype(np.int64),
    )  # fmt: skip
