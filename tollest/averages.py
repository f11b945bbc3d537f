r"""Mass functions of the tolls of many patterns, averaged over draws of theta.

Where claims are many, sources are known but for what all get wrong alike, which no claim tells.
Let that be :math:`b`, the mean of what is wrong over all claims, and :math:`r` by how much a draw
of a source's bias strays from its regression on :math:`b`, in units of its scatter. What an
average owes to :math:`b` is summed at a few nodes of the Gauss quadrature of its draws [1]_. What
it owes to :math:`r`, less than :math:`0.3 r^2` of a probability, is left out where that is
little; and else averaged over draws, one of each stratum of :math:`b`, shifted to the mean of
all, so that what is linear in theta cancels.

References
----------
.. [1] Golub, G. H., Welsch, J. H. (1969). Calculation of Gauss quadrature rules. *Mathematics of
   Computation* 23(106), 221-230. https://doi.org/10.1090/S0025-5718-69-99647-1
"""

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
# Most that a probability may be off by.
_OFF = 0.0015
# Nodes of the quadrature, which will do where sources stray alike by no more than this much of
# their scatter; and draws, one a stratum: averaged over M of them a probability is off by about
# 0.3 r^2 / sqrt(M), and 0.3 b^2 / M^1.5 of what sources get wrong alike.
_NODES, _ALIKE, _DRAWS = 8, 0.75, (16, 32, 64, 128)
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
        few = _few(problem, points, n_draws)
        patterns = np.flatnonzero(wanted == n_draws)
        ends = itertools.pairwise(passes.bounds_of(rows[patterns], n_claims[patterns], _SHARD))
        tasks += [(patterns[a:b], few) for a, b in ends]

    def averaged(task: tuple[Integers, _Weighted]) -> Floats:
        return average(passes.chosen(problem, task[0]), *task[1])

    first, last = posterior.bins
    if n_patterns * n_support <= _MOST_CELLS:
        out = np.empty((n_patterns, n_support))
        for (part, _), masses in zip(tasks, passes.threaded(averaged, tasks), strict=True):
            out[part] = masses
        return TollMasses(first, last, out)

    def kept(task: tuple[Integers, _Weighted]) -> tuple[Integers, Integers, Floats]:
        return trimmed(averaged(task))

    low, high, start = np.empty((3, n_patterns), np.int64)
    pieces, n_cells = [], 0
    for (part, _), (a, b, flat) in zip(tasks, passes.threaded(kept, tasks), strict=True):
        low[part], high[part] = a, b
        start[part] = n_cells + np.cumsum(b - a) - (b - a)
        pieces.append(flat)
        n_cells += flat.size
    return StoredMasses(first, last, low, high, start, np.concatenate(pieces))


type _Weighted = tuple[list[Parameters], Floats]


def _alike(problem: Problem, points: list[Parameters]) -> Floats:
    """Say what claims get wrong on average, less its mean over points; shape (n_points,)."""
    n_claims = np.bincount(problem.claim_voice[problem.members], minlength=points[0].bias.size)
    shares = n_claims / max(problem.members.size, 1)
    shift = np.array([point.bias @ shares + point.shared[2] for point in points])
    return np.asarray(shift - shift.mean(), np.float64)


def _slope(alike: Floats, columns: Floats) -> Floats:
    """Slope of each column by `alike`."""
    return np.asarray(alike @ columns / max(float(alike @ alike), 1e-300), np.float64)


def _few(problem: Problem, points: list[Parameters], n_draws: int) -> _Weighted:
    """Let so many draws stand for all points, or the nodes of a quadrature; and their weights."""
    if n_draws == len(points):
        return points, np.full(n_draws, 1.0 / n_draws)
    rows, alike = np.array([np.concatenate(point) for point in points]), _alike(problem, points)
    slope = _slope(alike, rows)
    if n_draws == _NODES:
        nodes, weights = quadrature(alike, n_draws)
        few = rows.mean(axis=0) + np.outer(nodes, slope)
    else:
        # One of each stratum, in its middle; the middles as far apart as all draws are.
        strata = np.array_split(np.argsort(alike, kind="stable"), n_draws)
        weights = np.array([stratum.size / len(points) for stratum in strata])
        some = np.array([stratum[stratum.size // 2] for stratum in strata])
        middles = np.array([alike[stratum].mean() for stratum in strata])
        middles *= alike.std() / max(float(np.sqrt(weights @ middles**2)), 1e-300)
        few = rows[some] + np.outer(middles - alike[some], slope)
        few += rows.mean(axis=0) - weights @ few
    ends = np.cumsum([array.size for array in points[0]])[:-1]
    return [Parameters(*np.split(row, ends)) for row in few], weights


def quadrature(values: Floats, n_nodes: int) -> tuple[Floats, Floats]:
    """Nodes and weights with the first moments of values of mean zero and the same weight.

    Both of shape (n_nodes,), or of fewer where there are no more different values.
    """
    scale = float(values.std())
    basis = [np.full(values.size, values.size**-0.5)]
    diagonal: list[float] = []
    beside: list[float] = []
    while True:
        rest = values * (basis[-1] / max(scale, 1e-300))
        diagonal.append(float(rest @ basis[-1]))
        # Twice: the first time rounding leaves a little of them.
        for vector in basis + basis:
            rest = rest - (rest @ vector) * vector
        length = float(np.linalg.norm(rest))
        if len(diagonal) == n_nodes or length < 1e-8:
            break
        beside.append(length)
        basis.append(rest / length)
    nodes, vectors = np.linalg.eigh(np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1))
    return scale * nodes, vectors[0] ** 2


def average(problem: Problem, points: list[Parameters], weights: Floats) -> Floats:
    """Weighted masses of each pattern's toll, shape (n_patterns, n_support)."""
    out = np.zeros((problem.group.size, problem.x.size))
    for point, weight in zip(points, weights, strict=True):
        _kernels.add_toll_masses(problem, point, float(weight), out)
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
    n_draws, problem = len(thetas), posterior.problem
    points = [posterior.parameters(theta) for theta in thetas]
    bias, log_scatter, logit, shared, mu = (
        np.array([getattr(point, name) for point in points])
        for name in ("bias", "log_scatter", "logit_repeat", "shared", "mu")
    )
    # Log odds matter by the probability they stand for; a source that never repeats has none.
    repeat = 1.0 / (1.0 + np.exp(-np.clip(logit, -700.0, 700.0)))
    scatter, tau = np.exp(np.median(log_scatter, axis=0)), float(np.exp(shared[:, 0].mean()))
    alike, shift = _alike(problem, points), bias + shared[:, 2:]

    def apart(columns: Floats) -> Floats:
        return np.asarray(
            (columns - np.outer(alike, _slope(alike, columns))).std(axis=0), np.float64
        )

    each = np.max([apart(shift) / scatter, apart(log_scatter), apart(repeat)], axis=0)
    of_group = np.maximum(apart(mu), apart(shared[:, :1])) / tau
    own = np.maximum(_most(problem, each), of_group[problem.group])
    together = _most(problem, np.abs(_slope(alike, shift)) * alike.std() / scatter)
    needed = np.maximum(np.square(0.3 * own**2 / _OFF), (0.3 * together**2 / _OFF) ** (2.0 / 3.0))
    enough = (0.3 * own**2 <= _OFF) & (together <= _ALIKE)
    needed = np.where(enough, _NODES, np.maximum(needed, _DRAWS[0]))
    levels = np.array([*(n for n in (_NODES, *_DRAWS) if n < n_draws), n_draws])
    return np.asarray(levels[np.searchsorted(levels[:-1], needed)], np.int64)


def _most(problem: Problem, of_source: Floats) -> Floats:
    """Highest value of the sources that a pattern has claims of, or 0; shape (n_patterns,)."""
    # One more at the end, for patterns without claims there.
    each = np.append(of_source[problem.claim_voice][problem.members], 0.0)
    most = np.maximum.reduceat(each, problem.offsets[:-1])
    most[np.diff(problem.offsets) == 0] = 0.0
    return np.asarray(most, np.float64)
