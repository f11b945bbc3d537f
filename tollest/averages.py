"""Mass functions of the tolls of many patterns, averaged over draws of theta."""

import numpy as np
from numpy.typing import NDArray

from tollest import _kernels, passes
from tollest._tables import Parameters, Problem
from tollest.model import Posterior
from tollest.tolls import Masses, StoredMasses, TollMasses

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_SHARD = 2048  # patterns whose masses are held on the whole support at a time
_MOST_CELLS = 30_000_000  # of masses on the whole support, above which only windows are kept
_LEFT_OUT = 1e-13  # mass at either end of a window that is kept
# Draws of theta that will do where these hardly differ: what a source is not known to within, as
# a share of its scatter, moves a toll's quantiles by no more than as much of its spread.
_TIGHT_DRAWS = 32
_TIGHT = 0.1
_DEAR = 4000  # patterns for which it is worth telling


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
        A toll a pattern; the latter where there are very many.
    """
    problem = posterior.problem
    n_patterns, n_support = problem.group.size, problem.x.size
    points = [posterior.parameters(theta) for theta in thetas]
    some = np.linspace(0, len(points) - 1, min(_TIGHT_DRAWS, len(points))).astype(np.int64)
    few = [points[i] for i in some]
    tight = is_tight(posterior, thetas) if n_patterns >= _DEAR else np.zeros(n_patterns, bool)
    tasks = [
        (part, drawn)
        for which, drawn in ((tight, few), (~tight, points))
        for part in _split(np.flatnonzero(which))
    ]

    def averaged(task: tuple[Integers, list[Parameters]]) -> Floats:
        return average(passes.chosen(problem, task[0]), task[1])

    first, last = posterior.bins
    if n_patterns * n_support <= _MOST_CELLS:
        out = np.empty((n_patterns, n_support))
        for (part, _), masses in zip(tasks, passes.threaded(averaged, tasks), strict=True):
            out[part] = masses
        return TollMasses(first, last, out)

    def kept(task: tuple[Integers, list[Parameters]]) -> tuple[Integers, Integers, Floats]:
        return trimmed(averaged(task))

    low, high, start = np.empty((3, n_patterns), np.int64)
    pieces, n_cells = [], 0
    for (part, _), (a, b, flat) in zip(tasks, passes.threaded(kept, tasks), strict=True):
        low[part], high[part] = a, b
        start[part] = n_cells + np.cumsum(b - a) - (b - a)
        pieces.append(flat)
        n_cells += flat.size
    return StoredMasses(first, last, low, high, start, np.concatenate(pieces))


def average(problem: Problem, points: list[Parameters]) -> Floats:
    """Masses of each pattern's toll averaged over points, shape (n_patterns, n_support)."""
    out = np.zeros((problem.group.size, problem.x.size))
    for point in points:
        _kernels.add_toll_masses(problem, point, 1.0 / len(points), out)
    return out


def trimmed(masses: Floats) -> tuple[Integers, Integers, Floats]:
    """Stretch in which each row has its mass, and the masses of all of them in one row."""
    low = (np.cumsum(masses, axis=1) <= _LEFT_OUT).sum(axis=1)
    high = masses.shape[1] - (np.cumsum(masses[:, ::-1], axis=1) <= _LEFT_OUT).sum(axis=1)
    column = np.arange(masses.shape[1])
    return low, high, masses[(low[:, None] <= column) & (column < high[:, None])]


def is_tight(posterior: Posterior, thetas: Floats) -> NDArray[np.bool_]:
    """Whether draws of theta hardly differ in what they say of a pattern, shape (n_patterns,)."""
    points = [posterior.parameters(theta) for theta in thetas]
    bias, log_scatter, logit, shared = (
        np.array([getattr(point, name) for point in points])
        for name in ("bias", "log_scatter", "logit_repeat", "shared")
    )
    mu = np.array([point.mu for point in points])
    scatter = np.exp(np.median(log_scatter, axis=0))
    with np.errstate(invalid="ignore"):
        # Log odds matter by the probability they stand for; a source that never repeats has none.
        repeat = 1.0 / (1.0 + np.exp(-logit))
    source = (
        (bias.std(axis=0) < _TIGHT * scatter)
        & (log_scatter.std(axis=0) < _TIGHT)
        & (repeat.std(axis=0) < _TIGHT)
    )
    group = (mu.std(axis=0) < _TIGHT) & (shared[:, 0].std() < _TIGHT)
    problem = posterior.problem
    loose = ~source[problem.claim_source][problem.members]
    n_loose = np.add.reduceat(np.append(loose, False).astype(np.int64), problem.offsets[:-1])
    n_loose[np.diff(problem.offsets) == 0] = 0
    return np.asarray((n_loose == 0) & group[problem.group])


def _split(patterns: Integers) -> list[Integers]:
    return [patterns[a : a + _SHARD] for a in range(0, len(patterns), _SHARD)]
