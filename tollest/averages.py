"""Mass functions of the tolls of many patterns, averaged over draws of theta."""

import itertools

import numpy as np
from numpy.typing import NDArray

from tollest import _kernels, _stretches, passes
from tollest._tables import Parameters, Problem
from tollest.model import Posterior
from tollest.tolls import Masses, StoredMasses, TollMasses

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_SHARD = 1024  # patterns whose masses are held on the whole support at a time, or of the same cost
_MOST_CELLS = 30_000_000  # of masses on the whole support, above which only windows are kept
_LEFT_OUT = 1e-13  # mass at either end of a window that is kept
# Draws of theta that will do where these hardly differ. Averaged over M draws that are shifted to
# the mean of all, a probability is off by at most about 0.3 r^2 / sqrt(M), with r the share of its
# scatter to within which a source is known: what is linear in theta cancels.
_DRAWS = (8, 16, 32, 64, 128)
_OFF = 0.0015
_DEAR = 4000  # patterns for which it is worth telling apart


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
    n_patterns, n_support = problem.group.size, problem.x.size
    points = [posterior.parameters(theta) for theta in thetas]
    tasks = []
    rows, n_claims = passes.rows_of(problem), np.diff(problem.offsets)
    wanted = np.full(n_patterns, len(points))
    if n_patterns >= _DEAR:
        wanted = draws_needed(posterior, thetas)
    for n_draws in np.unique(wanted).tolist():
        drawn = _centred(points, n_draws)
        patterns = np.flatnonzero(wanted == n_draws)
        ends = itertools.pairwise(passes.bounds_of(rows[patterns], n_claims[patterns], _SHARD))
        tasks += [(patterns[a:b], drawn) for a, b in ends]

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


def _centred(points: list[Parameters], n_draws: int) -> list[Parameters]:
    """Take `n_draws` of the points, evenly, and shift them to the mean of all."""
    if n_draws == len(points):
        return points
    some = [points[i] for i in np.linspace(0, len(points) - 1, n_draws).astype(np.int64)]
    shift = [
        np.mean(all_of, axis=0) - np.mean(of_some, axis=0)
        for all_of, of_some in zip(zip(*points, strict=True), zip(*some, strict=True), strict=True)
    ]
    return [Parameters(*map(np.add, point, shift)) for point in some]


def average(problem: Problem, points: list[Parameters]) -> Floats:
    """Masses of each pattern's toll averaged over points, shape (n_patterns, n_support)."""
    out = np.zeros((problem.group.size, problem.x.size))
    for point in points:
        _kernels.add_toll_masses(problem, point, 1.0 / len(points), out)
    return out


def trimmed(masses: Floats) -> tuple[Integers, Integers, Floats]:
    """Stretch in which each row has its mass, and the masses of all of them in one row."""
    low, high = np.empty((2, len(masses)), np.int64)
    _stretches.trim(masses, _LEFT_OUT, low, high)
    flat = np.empty(int((high - low).sum()))
    _stretches.pack(masses, low, high, flat)
    return low, high, flat


def draws_needed(posterior: Posterior, thetas: Floats) -> Integers:
    """Draws of theta, of those there are, that each pattern's average needs, (n_patterns,)."""
    n_draws = len(thetas)
    points = [posterior.parameters(theta) for theta in thetas]
    bias, log_scatter, logit, shared, mu = (
        np.array([getattr(point, name) for point in points])
        for name in ("bias", "log_scatter", "logit_repeat", "shared", "mu")
    )
    # Log odds matter by the probability they stand for; a source that never repeats has none.
    repeat = 1.0 / (1.0 + np.exp(-np.clip(logit, -700.0, 700.0)))
    # What all sources get wrong alike shifts tolls as a source's own bias does.
    shift = (bias + shared[:, 2:]).std(axis=0) / np.exp(np.median(log_scatter, axis=0))
    of_source = np.max([shift, log_scatter.std(axis=0), repeat.std(axis=0)], axis=0)
    of_group = np.maximum(mu.std(axis=0), shared[:, 0].std()) / np.exp(shared[:, 0].mean())
    problem = posterior.problem
    # One more at the end, for patterns without claims there.
    each = np.append(of_source[problem.claim_voice][problem.members], 0.0)
    known = np.maximum.reduceat(each, problem.offsets[:-1])
    known[np.diff(problem.offsets) == 0] = 0.0
    known = np.maximum(known, of_group[problem.group])
    needed = np.square(0.3 * known**2 / _OFF)
    levels = np.array([*(n for n in _DRAWS if n < n_draws), n_draws])
    return np.asarray(levels[np.searchsorted(levels[:-1], needed)], np.int64)
