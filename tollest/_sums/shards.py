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
from numpy.typing import NDArray

from tollest._sums import marginal
from tollest._sums.tables import Parameters, Problem

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

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

    Parameters are in one flat row: ``mu, bias, log_scatter, logit_repeat, shared``.
    """

    values: Floats  # (n_points,) log marginal likelihoods
    gradients: Floats  # (n_points, n_parameters), or no rows where they are not asked
    curvature: Floats  # (n_parameters, n_parameters) at the first point, or none

    def __add__(self, other: "Sums") -> "Sums":  # type: ignore[override]
        """Add the sums over other locations."""
        return Sums(*(a + b for a, b in zip(self, other, strict=True)))


def run(problem: Problem, points: list[Parameters], gradient: bool, curvature: bool) -> Sums:
    """Evaluate one shard.

    Parameters
    ----------
    problem : Problem
        The shard.
    points : list of Parameters
        Where to evaluate.
    gradient : bool
        Whether to give gradients, at all points.
    curvature : bool
        Whether to give the sum of outer products of locations' gradients, at the first point:
        where the model is right, what a Hessian is on average.
    """
    size = sum(array.size for array in points[0])
    values = np.empty(len(points))
    gradients = np.zeros((len(points) if gradient else 0, size))
    matrix = np.zeros((size, size) if curvature else (0, 0))
    for i, point in enumerate(points):
        of_point = Parameters(*(np.zeros_like(array) for array in point))
        first = curvature and i == 0
        values[i] = marginal.evaluate(
            problem, point, gradient or first, of_point, matrix if first else np.empty((0, 0))
        )
        if gradient:
            gradients[i] = np.concatenate(of_point)
    return Sums(values, gradients, matrix)


def add(parts: Iterable[Sums]) -> Sums:
    """Add up shards, in their order."""
    first, *others = parts
    for part in others:
        first = first + part
    return first


def shards(problem: Problem, size: int = SHARD) -> list[Problem]:
    """Cut a problem into stretches of patterns, each with the claims it needs and no others."""
    if problem.group.size <= min(size, SHARED):
        return [problem]
    bounds = bounds_of(rows_of(problem), np.diff(problem.offsets), size, 2)
    return [_cut(problem, a, b) for a, b in itertools.pairwise(bounds)]


def rows_of(problem: Problem) -> Floats:
    """Rows of the tables by pattern, those that patterns share in parts; shape (n_patterns,)."""
    shared_by = np.bincount(problem.members, minlength=problem.claim_lower.size)
    until = np.concatenate([[0.0], np.cumsum(1.0 / shared_by[problem.members])])
    return np.asarray(np.diff(until[problem.offsets]), np.float64)


def bounds_of(rows: Floats, n_claims: Integers, size: int, least: int = 1) -> list[int]:
    """Cut into stretches of about the cost of `size` common patterns, a multiple of `least`."""
    until = np.concatenate([[0.0], np.cumsum(1.0 + n_claims + _ROW * rows)])
    n = max(until[-1] / (_PATTERN * size), rows.sum() / _MOST_ROWS)
    # So that as many threads have the same to do.
    n = least * math.ceil(n / least)
    bounds = np.searchsorted(until, np.linspace(0.0, until[-1], n + 1)).clip(0, rows.size)
    bounds[0], bounds[-1] = 0, rows.size
    return [int(bound) for bound in np.unique(bounds)]


def _cut(problem: Problem, start: int, stop: int) -> Problem:
    return _compact(marginal.shard(problem, start, stop))


def chosen(problem: Problem, patterns: Integers) -> Problem:
    """Take some patterns, in their order, as a problem of their own."""
    sizes = np.diff(problem.offsets)[patterns]
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    # Each member's place in the whole: where its pattern starts there, less where it does here.
    shift = np.repeat(problem.offsets[patterns] - offsets[:-1], sizes)
    return _compact(
        problem._replace(
            offsets=offsets,
            members=problem.members[np.arange(offsets[-1]) + shift],
            group=problem.group[patterns],
            first=problem.first[patterns],
            last=problem.last[patterns],
            cap_edge=problem.cap_edge[patterns],
            multiplicity=problem.multiplicity[patterns],
        )
    )


def _compact(part: Problem) -> Problem:
    """Drop claims and figures that no pattern has, and number the others anew."""
    claims, members = np.unique(part.members, return_inverse=True)
    figure = part.claim_figure[claims]
    figures, where = np.unique(figure[figure >= 0], return_inverse=True)
    claim_figure = np.full(claims.size, -1)
    claim_figure[figure >= 0] = where
    return part._replace(
        claim_voice=part.claim_voice[claims], claim_lower=part.claim_lower[claims],
        claim_upper=part.claim_upper[claims], claim_width=part.claim_width[claims],
        claim_figure=claim_figure, figure_lower=part.figure_lower[figures],
        figure_upper=part.figure_upper[figures], figure_width=part.figure_width[figures],
        members=members.astype(np.int64),
    )  # fmt: skip
