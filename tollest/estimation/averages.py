"""Mass functions of all tolls, averaged over draws of theta.

Where there are many patterns, averages over a few weighted points of theta stand in for those
over all draws; see `tollest.estimation.representatives`.
"""

import itertools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tollest._arrays import Floats, Integers
from tollest._sums import shards
from tollest._sums.tables import Claimed, Parameters
from tollest._sums.threads import threaded
from tollest.estimation import packed
from tollest.estimation.masses import Masses, StoredMasses, TollMasses
from tollest.estimation.representatives import LEVELS, OFF, Draws, Weighted
from tollest.model.parts import Part
from tollest.model.patterns import average
from tollest.model.posterior import Posterior

_SHARD = 1024  # patterns whose masses are held on the whole support at a time, or of the same cost
_MOST_CELLS = 30_000_000  # of masses on the whole support, above which only windows are kept
_LEFT_OUT = 1e-13  # mass at either end of a window that is kept
_DEAR = 4000  # patterns for which it is worth telling apart who needs how many draws
# How far two sets of points may disagree, in units of `OFF`: their mean is off by about half.
_APART = 2.0


def of_posterior(posterior: Posterior, thetas: Floats) -> Masses:
    """Average the mass functions of all tolls over draws of theta.

    Parameters
    ----------
    posterior : Posterior
        The claims, on the support that is wanted.
    thetas : ndarray of float, shape (n_draws, n_theta)
        Draws of the same weight.

    Returns
    -------
    TollMasses or StoredMasses
        Rows are those of `Posterior.patterns`; the latter where there are very many.
    """
    points = [posterior.parameters(theta) for theta in thetas]
    return join_masses([
        of_part(part, points, *posterior.bins)
        for part in posterior.parts
        if part.locations.size
    ])  # fmt: skip


def of_part(part: Part, points: list[Parameters], first: Integers, last: Integers) -> Masses:
    """Average the mass functions of a part; by few points for patterns where they will do."""
    problem = part.separable
    if problem is None:
        return TollMasses(first, last, part.averaged(points))
    tasks, averaged = _tasks(problem, points)
    n_patterns = problem.multiplicity.size
    if n_patterns * first.size <= _MOST_CELLS:
        out = np.empty((n_patterns, first.size))
        for task, masses in zip(tasks, threaded(averaged, tasks), strict=True):
            out[task.patterns] = masses
        return TollMasses(first, last, out)

    def kept(task: _Task) -> tuple[Integers, Integers, Floats]:
        return trimmed(averaged(task))

    low, high, start = np.empty((3, n_patterns), np.int64)
    pieces, n_cells = [], 0
    for task, (a, b, flat) in zip(tasks, threaded(kept, tasks), strict=True):
        low[task.patterns], high[task.patterns] = a, b
        start[task.patterns] = n_cells + np.cumsum(b - a) - (b - a)
        pieces.append(flat)
        n_cells += flat.size
    return StoredMasses(first, last, low, high, start, np.concatenate(pieces))


class _Task(NamedTuple):
    """Some patterns, and one or two weighted sets of points to average them over."""

    patterns: Integers
    sets: tuple[Weighted, ...]


def _tasks(
    problem: Claimed, points: list[Parameters]
) -> tuple[list[_Task], Callable[[_Task], Floats]]:
    """Divide patterns by how many points their averages need; and the function that averages."""
    draws, n_patterns = Draws(problem, points), problem.multiplicity.size
    levels = np.full(n_patterns, len(LEVELS))
    if n_patterns >= _DEAR:
        levels = draws.levels()
    rows, n_claims = shards.rows_of(problem), np.diff(problem.offsets)
    tasks = []
    for level in np.unique(levels).tolist():
        sets = draws.few(LEVELS[level]) if level < len(LEVELS) else (draws.every(),)
        patterns = np.flatnonzero(levels == level)
        ends = itertools.pairwise(shards.bounds_of(rows[patterns], n_claims[patterns], _SHARD))
        tasks += [_Task(patterns[a:b], sets) for a, b in ends]

    def averaged(task: _Task) -> Floats:
        some = shards.chosen(problem, task.patterns)
        masses, *others = (average(some, *weighted) for weighted in task.sets)
        for other in others:
            doubtful = np.flatnonzero(packed.join(masses, other) > _APART * OFF)
            if doubtful.size:
                masses[doubtful] = average(shards.chosen(some, doubtful), *draws.every())
        return masses

    return tasks, averaged


def join_masses(several: list[Masses]) -> Masses:
    """Mass functions one after the other, kept by their windows where some are."""
    if len(several) == 1:
        return several[0]
    first, last = several[0].first, several[0].last
    dense = [masses.masses for masses in several if isinstance(masses, TollMasses)]
    if len(dense) == len(several):
        return TollMasses(first, last, np.concatenate(dense))
    stored = [m if isinstance(m, StoredMasses) else _stored(m) for m in several]
    begin = np.cumsum([0, *(masses.flat.size for masses in stored)])
    starts = [masses.start + n for masses, n in zip(stored, begin[:-1], strict=True)]
    return StoredMasses(
        first, last, np.concatenate([masses.low for masses in stored]),
        np.concatenate([masses.high for masses in stored]), np.concatenate(starts),
        np.concatenate([masses.flat for masses in stored]),
    )  # fmt: skip


def _stored(masses: TollMasses) -> StoredMasses:
    low, high, flat = trimmed(masses.masses)
    start = np.cumsum(high - low) - (high - low)
    return StoredMasses(masses.first, masses.last, low, high, start, flat)


def trimmed(masses: Floats) -> tuple[Integers, Integers, Floats]:
    """Stretch in which each row has its mass, and the masses of all of them in one row."""
    low, high = np.empty((2, len(masses)), np.int64)
    packed.trim(masses, _LEFT_OUT, low, high)
    flat = np.empty(int((high - low).sum()))
    packed.pack(masses, low, high, flat)
    return low, high, flat
