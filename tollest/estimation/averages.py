"""Mass functions of the tolls of many patterns, averaged over draws of theta."""

import itertools

import numpy as np
from numpy.typing import NDArray

from tollest._sums import marginal, shards
from tollest._sums.tables import Claimed, Parameters
from tollest._sums.threads import threaded
from tollest.estimation import packed
from tollest.estimation.masses import Masses, StoredMasses, TollMasses
from tollest.estimation.representatives import LEVELS, OFF, Draws, Weighted
from tollest.model.posterior import Posterior

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_SHARD = 1024  # patterns whose masses are held on the whole support at a time, or of the same cost
_MOST_CELLS = 30_000_000  # of masses on the whole support, above which only windows are kept
_LEFT_OUT = 1e-13  # mass at either end of a window that is kept
_DEAR = 4000  # patterns for which it is worth telling apart who needs how many draws
# By how much two sets of stand-ins may disagree: their mean is off by about half of it.
_APART = 2.0


def of_patterns(posterior: Posterior, thetas: Floats) -> Masses:
    """Average the mass function of each pattern's toll over draws of theta.

    Parameters
    ----------
    posterior : Posterior
        The claims, on the support that is wanted.
    thetas : ndarray of float, shape (n_draws, n_theta)
        Draws of the same weight.

    Returns
    -------
    TollMasses or StoredMasses
        A toll a pattern, then one a whole or part; the latter where there are very many.
    """
    if posterior.nested is None:
        return _of_patterns(posterior, thetas)
    first, last = posterior.bins
    points = [posterior.parameters(theta) for theta in thetas]
    of_places = posterior.nested.on_bins(posterior.nested.averaged(points), first, last)
    if not posterior.apart.size:
        return TollMasses(first, last, of_places)
    masses = _of_patterns(posterior, thetas)
    if isinstance(masses, TollMasses):
        return TollMasses(first, last, np.concatenate([masses.masses, of_places]))
    low, high, flat = trimmed(of_places)
    start = masses.flat.size + np.cumsum(high - low) - (high - low)
    return StoredMasses(
        first, last, np.append(masses.low, low), np.append(masses.high, high),
        np.append(masses.start, start), np.append(masses.flat, flat),
    )  # fmt: skip


def _of_patterns(posterior: Posterior, thetas: Floats) -> Masses:
    problem = posterior.problem
    n_patterns, n_support = problem.level.size, problem.grid.x.size
    draws = Draws(problem, [posterior.parameters(theta) for theta in thetas])
    levels = np.full(n_patterns, len(LEVELS))
    if n_patterns >= _DEAR:
        levels = draws.levels()
    rows, n_claims = shards.rows_of(problem), np.diff(problem.offsets)
    tasks: list[tuple[Integers, tuple[Weighted, ...]]] = []
    for level in np.unique(levels).tolist():
        sets = draws.few(LEVELS[level]) if level < len(LEVELS) else (draws.every(),)
        patterns = np.flatnonzero(levels == level)
        ends = itertools.pairwise(shards.bounds_of(rows[patterns], n_claims[patterns], _SHARD))
        tasks += [(patterns[a:b], sets) for a, b in ends]

    def averaged(task: tuple[Integers, tuple[Weighted, ...]]) -> Floats:
        part = shards.chosen(problem, task[0])
        masses, *others = (average(part, *points) for points in task[1])
        for other in others:
            doubtful = np.flatnonzero(packed.join(masses, other) > _APART * OFF)
            if doubtful.size:
                masses[doubtful] = average(shards.chosen(part, doubtful), *draws.every())
        return masses

    first, last = posterior.bins
    if n_patterns * n_support <= _MOST_CELLS:
        out = np.empty((n_patterns, n_support))
        for (part, _), masses in zip(tasks, threaded(averaged, tasks), strict=True):
            out[part] = masses
        return TollMasses(first, last, out)

    def kept(task: tuple[Integers, tuple[Weighted, ...]]) -> tuple[Integers, Integers, Floats]:
        return trimmed(averaged(task))

    low, high, start = np.empty((3, n_patterns), np.int64)
    pieces, n_cells = [], 0
    for (part, _), (a, b, flat) in zip(tasks, threaded(kept, tasks), strict=True):
        low[part], high[part] = a, b
        start[part] = n_cells + np.cumsum(b - a) - (b - a)
        pieces.append(flat)
        n_cells += flat.size
    return StoredMasses(first, last, low, high, start, np.concatenate(pieces))


def average(problem: Claimed, points: list[Parameters], weights: Floats) -> Floats:
    """Weighted masses of each pattern's toll, shape (n_patterns, n_support)."""
    out = np.zeros((problem.level.size, problem.grid.x.size))
    for point, weight in zip(points, weights, strict=True):
        marginal.add_toll_masses(problem, point, float(weight), out)
    return out


def trimmed(masses: Floats) -> tuple[Integers, Integers, Floats]:
    """Stretch in which each row has its mass, and the masses of all of them in one row."""
    low, high = np.empty((2, len(masses)), np.int64)
    packed.trim(masses, _LEFT_OUT, low, high)
    flat = np.empty(int((high - low).sum()))
    packed.pack(masses, low, high, flat)
    return low, high, flat
