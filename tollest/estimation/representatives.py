r"""Quadrature nodes and a few draws of theta that stand in for all draws.

They approximate posterior averages of each pattern's mass function where there are many patterns.
With many claims the sources are well known but for what they all get wrong alike, of which claims
say nothing. Let :math:`b` be the mean error over all claims at a draw. An average over draws is
taken at the nodes of a Gauss quadrature for the draws of :math:`b` [1]_, with theta on its
regression on :math:`b`. The residuals of the regression are a control variate: they come from
draws near each node, shifted so that their mean is that of all draws, or are left out where they
are small. With a residual of :math:`r` scatters a probability is off by about :math:`0.3 r^2`, and
with M draws of residuals by that over :math:`\sqrt M`.

How many nodes and draws a pattern needs is a guess. So each average is taken over two sets, which
share neither nodes nor draws: where the two disagree, all draws are used.

References
----------
.. [1] Golub, G. H., Welsch, J. H. (1969). Calculation of Gauss quadrature rules. *Mathematics of
   Computation* 23(106), 221-230. https://doi.org/10.1090/S0025-5718-69-99647-1
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from tollest._arrays import Flags, Floats, Integers
from tollest._sums.bounds import DENIED, LISTED, PLAIN
from tollest._sums.near import NEAR_REACH
from tollest._sums.tables import (
    COMMON_BIAS,
    LOG_COPY_SCATTER,
    LOG_FIGURE_SCATTER,
    LOG_LIST_SHORTFALL,
    LOG_LOCATION_ERROR,
    LOG_SHORTFALL,
    LOG_TAU,
    LOGIT_NEAR_COPY,
    NEVER,
    Claimed,
    Parameters,
)

# Most that a probability should be off by.
OFF = 0.0015
_SAME = 1e-12  # of the largest, what is no difference


class Level(NamedTuple):
    """Numbers of quadrature nodes and of draws that stand in for all draws."""

    n_nodes: int  # of one set; of the other there is one more
    n_draws: int  # of both together, or 0: one set at the means, the other at a draw a node

    @property
    def cost(self) -> int:
        """Evaluations of both sets."""
        return max(self.n_draws, 2 * self.n_nodes + 1)


# Nodes by the standard deviation of the common error, in units of what is known of a toll, up to
# each bound; and numbers of draws for the residuals.
_ALIKE = ((1.5, 8), (3.0, 16))
_DRAWS = (0, 32, 128)
LEVELS = tuple(Level(nodes, n) for _, nodes in _ALIKE for n in _DRAWS)


type Weighted = tuple[list[Parameters], Floats]


@dataclass(frozen=True, eq=False)
class Draws:
    """Draws of theta of the same weight, as parameters of the kernels.

    Parameters
    ----------
    problem : Claimed
        The claims.
    points : list of Parameters
        The draws.
    """

    problem: Claimed
    points: list[Parameters]

    @cached_property
    def _stacked(self) -> Parameters:
        """Parameters of all draws, each of shape (n_draws, ...)."""
        return Parameters(*map(np.array, zip(*self.points, strict=True)))

    @cached_property
    def _alike(self) -> Floats:
        """Mean error over all claims at each draw, less its mean over draws; shape (n_draws,)."""
        problem, draws = self.problem, self._stacked
        voice = problem.claim_voice[problem.members]
        n_claims = np.bincount(voice[voice >= 0], minlength=draws.bias.shape[1])
        shares = n_claims / max(int(n_claims.sum()), 1)
        shift = draws.bias @ shares + draws.shared[:, COMMON_BIAS]
        deviation = shift - shift.mean()
        none = float(np.abs(deviation).max()) <= _SAME * max(1.0, float(np.abs(shift).max()))
        return np.zeros(shift.size) if none else np.asarray(deviation, np.float64)

    def _slope(self, columns: Floats) -> Floats:
        """Slope of the regression of each column on the mean error."""
        alike = self._alike
        centred = columns - columns.mean(axis=0)
        return np.asarray(alike @ centred / max(float(alike @ alike), 1e-300), np.float64)

    def _apart(self, columns: Floats) -> Floats:
        """Residual standard deviation of each column, regressed on the mean error."""
        rest = columns - np.outer(self._alike, self._slope(columns))
        return np.asarray(rest.std(axis=0), np.float64)

    def every(self) -> Weighted:
        """Every draw, and its weight."""
        return self.points, np.full(len(self.points), 1.0 / len(self.points))

    def few(self, level: Level) -> tuple[Weighted, Weighted]:
        """Two sets of points with their weights, each of which stands in for all draws."""
        nodes = level.n_nodes
        if level.n_draws == 0:
            return self._set(nodes, 0, 0.0), self._set(nodes + 1, nodes + 1, 0.5)
        half = level.n_draws // 2
        return self._set(nodes, half, 0.25), self._set(nodes + 1, half, 0.75)

    def _set(self, n_nodes: int, n_draws: int, offset: float) -> Weighted:
        """Nodes, each with draws near it in proportion to its weight, or with none.

        `offset` in [0, 1) says which of them: sets of different ones share few draws.
        """
        rows, alike = np.concatenate(self._stacked, axis=1), self._alike
        mean, slope = rows.mean(axis=0), self._slope(rows)
        nodes, weights = quadrature(alike, n_nodes)
        out = mean + np.outer(nodes, slope)
        if n_draws:
            ends = np.rint(np.cumsum(weights) * alike.size).astype(np.int64)
            order, start = np.argsort(alike, kind="stable"), 0
            of_node, chosen = [], []
            for k, end in enumerate(ends):
                # At least the draw there is at the node.
                near = order[min(start, alike.size - 1) : max(end, start + 1)]
                n = min(max(round(n_draws * weights[k]), 1), near.size)
                spaced = (np.arange(n) + offset) * near.size / n
                chosen.append(near[spaced.astype(np.int64)])
                of_node.append(np.full(n, k))
                start = end
            draw, node = np.concatenate(chosen), np.concatenate(of_node)
            weights = weights[node] / np.bincount(node)[node]
            rest = rows[draw] - mean - np.outer(alike[draw], slope)
            out = out[node] + rest - weights @ rest
        ends = np.cumsum([array.size for array in self.points[0]])[:-1]
        return [Parameters(*np.split(row, ends)) for row in out], weights

    def levels(self) -> Integers:
        """Position in `LEVELS` of what each pattern needs, one past the last for all draws.

        Shape (n_patterns,).
        """
        problem, draws, (apart, alike) = self.problem, self._stacked, self._of_claims()
        of_group = np.maximum(
            self._apart(draws.mu) / self._scale(LOG_TAU),
            self._apart(draws.shared[:, LOG_TAU, None]),
        )
        # Together claims tell a toll the better the more there are.
        together = np.sqrt(_over(problem, alike**2, np.add))
        worst = np.maximum(_over(problem, apart, np.maximum), of_group[problem.level])
        needed = np.square(0.3 * worst**2 / OFF)
        by_draws = np.where(needed <= 1.0, 0, np.searchsorted(_DRAWS[1:], needed) + 1)
        by_nodes = np.searchsorted([most for most, _ in _ALIKE], together)
        few = (by_draws < len(_DRAWS)) & (by_nodes < len(_ALIKE))
        out = np.where(few, by_nodes * len(_DRAWS) + by_draws, len(LEVELS))
        dear = [i for i, level in enumerate(LEVELS) if level.cost >= len(self.points)]
        out[np.isin(out, dear)] = len(LEVELS)
        return np.asarray(out, np.int64)

    def _of_claims(self) -> tuple[Floats, Floats]:
        """How little is known of each member's source, apart from others and alike, in scatters.

        Or of the figure that it may repeat, where that is less. Shape (n_members,) each.
        """
        problem, draws = self.problem, self._stacked
        voice: Integers = problem.claim_voice[problem.members]
        states = problem.claim_figure[problem.members]
        shift = draws.bias + draws.shared[:, COMMON_BIAS, None]
        scatter = np.exp(draws.log_scatter.mean(axis=0))
        # Log odds matter by the probability they stand for; where sources state the same number,
        # by themselves. A source that never repeats has none.
        logit = np.clip(draws.logit_repeat, -700.0, 700.0)
        known = [
            self._apart(shift) / scatter, self._apart(draws.log_scatter),
            self._apart(1.0 / (1.0 + np.exp(-logit))),
        ]  # fmt: skip
        if draws.logit_denial.shape[1]:
            known.append(self._apart(1.0 / (1.0 + np.exp(-draws.logit_denial))))
        # A list of names has no voice: one of nothing that is not known stands in for it.
        by_voice = np.append(np.max(known, axis=0), 0.0)
        apart = np.asarray(by_voice[voice], np.float64)
        of_shared = self._apart(draws.shared)
        form = problem.claim_form[problem.members]
        is_bound = (form != PLAIN) & (form != DENIED) & (form != LISTED)
        apart[is_bound] = np.maximum(apart[is_bound], of_shared[LOG_SHORTFALL])
        if problem.has_location_error:
            apart = np.maximum(apart, of_shared[LOG_LOCATION_ERROR])
        apart[form == LISTED] = of_shared[LOG_LIST_SHORTFALL]
        first = np.zeros(voice.size + 1, bool)
        first[problem.offsets[:-1]] = True
        same = (states[1:] == states[:-1]) & (states[1:] >= 0) & ~first[1:-1]
        agrees = np.append(same, False) | np.append(False, same)
        of_odds = np.append(self._apart(logit), 0.0)[voice]
        apart[agrees] = np.maximum(apart, of_odds)[agrees]
        if draws.shared[:, LOGIT_NEAR_COPY].max() > NEVER:
            share = 1.0 / (1.0 + np.exp(-draws.shared[:, [LOGIT_NEAR_COPY]]))
            of_copies = max(float(self._apart(share)[0]), float(of_shared[LOG_COPY_SCATTER]))
            copied = agrees | self._are_near(states, first)
            apart[copied] = np.maximum(apart, of_copies)[copied]
        figure = max(
            float(of_shared[COMMON_BIAS]) / self._scale(LOG_FIGURE_SCATTER),
            float(of_shared[LOG_FIGURE_SCATTER]),
        )
        apart[states >= 0] = np.maximum(apart, figure)[states >= 0]

        spread = float(self._alike.std())
        alike: Floats = np.append(np.abs(self._slope(shift)) * spread / scatter, 0.0)[voice]
        of_figure = float(np.abs(self._slope(draws.shared))[COMMON_BIAS]) * spread
        of_figure /= self._scale(LOG_FIGURE_SCATTER)
        alike[states >= 0] = np.maximum(alike, of_figure)[states >= 0]
        return apart, alike

    def _are_near(self, states: Integers, first: Flags) -> Flags:
        """Whether each member may be a changed copy of another of its pattern."""
        upper = np.append(self.problem.figure_upper, 0.0)[states]
        number = np.log(np.exp(upper) - 0.5)
        reach = NEAR_REACH * self._scale(LOG_COPY_SCATTER)
        is_near = (states[1:] >= 0) & (states[:-1] >= 0) & ~first[1:-1]
        is_near &= number[1:] - upper[:-1] < reach
        return np.asarray(np.append(is_near, False) | np.append(False, is_near), np.bool_)

    def _scale(self, i: int) -> float:
        """Typical scale whose log is the parameter `i` of those that all share."""
        return float(np.exp(self._stacked.shared[:, i].mean()))


def _over(problem: Claimed, values: Floats, function: np.ufunc) -> Floats:
    """Join values of members by pattern, 0 where it has none; shape (n_patterns,)."""
    # One more at the end, for patterns without claims there.
    out = function.reduceat(np.append(values, 0.0), problem.offsets[:-1])
    out[np.diff(problem.offsets) == 0] = 0.0
    return np.asarray(out, np.float64)


def quadrature(values: Floats, n_nodes: int) -> tuple[Floats, Floats]:
    """Nodes and weights with the first moments of values of mean zero and the same weight.

    Both of shape (n_nodes,), or of fewer where there are no more different values; nodes ascend.
    """
    scale = float(np.abs(values).max())
    if scale == 0.0:
        return np.zeros(1), np.ones(1)
    basis = [np.full(values.size, values.size**-0.5)]
    diagonal: list[float] = []
    off_diagonal: list[float] = []
    while True:
        rest = values / scale * basis[-1]
        diagonal.append(float(rest @ basis[-1]))
        # Twice: the first time rounding leaves a little of them.
        for vector in basis + basis:
            rest = rest - (rest @ vector) * vector
        length = float(np.linalg.norm(rest))
        if len(diagonal) == n_nodes or length < 1e-8:
            break
        off_diagonal.append(length)
        basis.append(rest / length)
    nodes, vectors = np.linalg.eigh(
        np.diag(diagonal) + np.diag(off_diagonal, 1) + np.diag(off_diagonal, -1)
    )
    return scale * nodes, vectors[0] ** 2
