"""Draws of theta, weighed for a location with all its claims and without each."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logsumexp

from tollest._arrays import Floats, Integers
from tollest._sums import marginal
from tollest._sums.tables import (
    COMMON_BIAS,
    LOG_EARLY_EXCESS,
    LOG_EARLY_SHORTFALL,
    LOG_FIGURE_SCATTER,
    LOG_HALVING,
    LOG_LOCATION_ERROR,
    LOG_SHORTFALL,
    N_SHARED,
    Parameters,
)
from tollest._sums.threads import threaded
from tollest.claims.intervals import VERIFIED, WITHIN
from tollest.claims.table import UNBOUNDED
from tollest.diagnostics.audits.evidence import Evidence
from tollest.engines import psis
from tollest.estimation.masses import TollMasses
from tollest.model.circulation import (
    Copies,
    Figure,
    Speakers,
    logit_denials,
    own_mass_up_to,
)
from tollest.simulation.worlds import counts_at

_TOLLS = 4  # equally likely ones, for each draw, that predictions are averaged over
# Middles of equally likely stretches of an exponential amount.
_SHORTFALLS = -np.log1p(-(np.arange(32) + 0.5) / 32)
_GOLDEN, _SILVER = 0.5 * (5.0**0.5 - 1.0), 2.0**0.5 - 1.0
_CHUNK = 64  # draws a thread takes at a time
_TAIL = 5  # weights that a tail is fitted to, at least
_FEWEST = 25  # draws of which a fifth is such a tail
_STILL = 1e-9  # spread of the log weights of a claim that says nothing of theta
_EVEN = 0.99  # ESS over draws above which weights are too even for their tail to matter


@dataclass(frozen=True, eq=False)
class Weighed:
    """Draws of theta, weighed for each case.

    Attributes
    ----------
    evidence : Evidence
        The cases.
    used : ndarray of float, shape (n_used, n_theta)
        Draws of theta.
    reff : float
        What the draws are worth, as a share of independent ones.
    are_anew : bool
        Whether the draws are of a case itself, drawn without the claim: that case alone is
        asked for then, and its draws weigh the same.
    """

    evidence: Evidence
    used: Floats
    reff: float
    are_anew: bool = False

    @cached_property
    def points(self) -> list[Parameters]:
        """The parameters at each draw."""
        return [self.evidence.posterior.parameters(theta) for theta in self.used]

    @cached_property
    def _first_pass(self) -> tuple[Floats, Integers]:
        """Log likelihood of each case, and bins of `_TOLLS` equally likely tolls of each.

        Shapes (n_used, n_cases) and (n_used, n_cases, _TOLLS).
        """
        problem, points = self.evidence.problem, self.points
        n_used, n_cases = len(self.used), problem.level.size
        logs, index = np.empty((n_used, n_cases)), np.empty((n_used, n_cases * _TOLLS), np.int64)
        pattern = np.repeat(np.arange(n_cases), _TOLLS)
        order, fraction = np.arange(pattern.size), np.empty(pattern.size)

        def fill(i: int) -> None:
            # The middle of each stratum, turned a little from draw to draw.
            levels = (np.arange(_TOLLS) + (0.5 + i * _GOLDEN) % 1.0) / _TOLLS
            marginal.tolls(
                problem, points[i], 0.0, np.empty((0, 0)), pattern, order,
                np.tile(levels, n_cases), index[i], fraction.copy(), logs[i],
            )  # fmt: skip

        for _ in threaded(fill, list(range(n_used))):
            pass
        return logs, index.reshape(n_used, n_cases, _TOLLS)

    @cached_property
    def _smoothed(self) -> tuple[Floats, Floats]:
        """Weights that sum to one, shape (n_used, n_cases), and Pareto k of each case.

        Where draws are too few, or those that weigh most too much alike, for a tail to be fitted,
        weights are as they are and k is infinite.
        """
        logs = self._first_pass[0]
        weights, k = np.full(logs.shape, 1.0 / len(logs)), np.full(logs.shape[1], np.nan)
        for case in range(1, 1 if self.are_anew else logs.shape[1]):
            log_ratio = logs[:, case] - logs[:, 0]
            if np.ptp(log_ratio) > _STILL:
                log_weights, k[case] = _smoothed(log_ratio, self.reff)
                weights[:, case] = np.exp(log_weights)
        return weights, k

    @property
    def weights(self) -> Floats:
        """Smoothed importance weights, a row for each claim left out."""
        return self._smoothed[0]

    @property
    def pareto_k(self) -> Floats:
        """Pareto k of the weights, one for each claim left out."""
        return self._smoothed[1]

    def reliable(self, good_k: float) -> NDArray[np.bool_]:
        """Whether the weights of each claim left out stand in for a refit."""
        share = 1.0 / np.square(self.weights[:, 1:]).sum(axis=0) / len(self.used)
        even = (share > _EVEN) & np.isfinite(self.pareto_k[1:])
        return np.asarray(~(self.pareto_k[1:] > good_k) | even)

    @cached_property
    def masses(self) -> TollMasses:
        """Mass function of the toll in each case."""
        # Worked out here, not in every thread.
        problem, weights = self.evidence.problem, self.weights
        shape = (problem.level.size, problem.grid.x.size)

        def of_chunk(start: int) -> Floats:
            out, one = np.zeros(shape), np.empty(shape)
            for i in range(start, min(start + _CHUNK, len(self.used))):
                one[:] = 0.0
                marginal.add_toll_masses(problem, self.points[i], 1.0, one)
                out += weights[i][:, None] * one
            return out

        out = np.zeros(shape)
        for part in threaded(of_chunk, list(range(0, len(self.used), _CHUNK))):
            out += part
        return TollMasses(*self.evidence.posterior.bins, out)

    def repeats(self) -> Floats:
        r"""Posterior probability that each claim that may err repeats the figure.

        By Fisher's identity the log likelihood's derivative by a source's log odds of repeating
        is the probability that it does, given its claims, less that before them.
        """
        evidence = self.evidence
        one, voices = marginal.shard(evidence.problem, 0, 1), evidence.voice
        repeat = expit(np.array([point.logit_repeat[voices] for point in self.points]))

        def fill(i: int) -> None:
            gradients = Parameters(*map(np.zeros_like, self.points[i]))
            marginal.log_likelihood(one, self.points[i], True, gradients)
            if gradients.logit_denial.size:
                # A claim of 0 that is a denial repeats nothing.
                denied = expit(self.points[i].logit_denial) + gradients.logit_denial
                repeat[i] *= 1.0 - denied[voices]
            repeat[i] += gradients.logit_repeat[voices]

        for _ in threaded(fill, list(range(len(self.used)))):
            pass
        return np.where(evidence.can_repeat, repeat.mean(axis=0).clip(0.0, 1.0), 0.0)

    def tail(self, j: int) -> float:
        """Two-sided tail of claim `j` in what the others predict of it; NaN for the only one."""
        evidence = self.evidence
        if evidence.rows.size == 1:
            return np.nan
        if j < evidence.noisy.size:
            below, up_to = self._predicted(j)
        else:
            rows, row = evidence.claims.record.rows, evidence.rows[j]
            toll = self.masses.rows(np.array([1 + j]))
            number = int(rows.lower[row])
            below = 1.0 - float(toll.at_least(number)[0])
            most = int(rows.upper[row]) if rows.kind[row] in (VERIFIED, WITHIN) else UNBOUNDED
            up_to = 1.0 - float(toll.at_least(most + 1)[0]) if most < UNBOUNDED else 1.0
        return float(np.clip(min(below + up_to, 2.0 - below - up_to), 0.0, 1.0))

    def _predicted(self, j: int) -> tuple[float, float]:
        """Probability of less than claim `j` says, and of no more than it says."""
        evidence, points = self.evidence, self.points
        claims, family = evidence.claims, evidence.posterior.model.noise
        x = evidence.problem.grid.x[self._first_pass[1][:, 1 + j]].ravel()

        def drawn(name: str, columns: Integers | int) -> Floats:
            values = np.array([getattr(point, name)[columns] for point in points])
            return np.repeat(values, _TOLLS, axis=0)

        shared = drawn("shared", np.arange(N_SHARED))
        figure_scatter, common_bias = np.exp(shared[:, LOG_FIGURE_SCATTER]), shared[:, COMMON_BIAS]
        source = int(evidence.voice[j])
        bias, scatter = drawn("bias", source), np.exp(drawn("log_scatter", source))
        repeat = expit(drawn("logit_repeat", source)) if evidence.can_repeat[j] else 0.0 * x
        others = evidence.can_repeat & (evidence.age == evidence.age[j])
        others[j] = False
        voices, counts = evidence.voice[others], claims.lower[evidence.noisy[others]]
        effects = {
            "scatter": np.exp(drawn("log_scatter", voices)),
            "logit_repeat": drawn("logit_repeat", voices),
            "logit_denial": np.repeat(logit_denials(points, voices), _TOLLS, axis=0),
        }
        biases = drawn("bias", voices)
        copies = Copies.of(shared)

        def figure_at(known: Floats) -> Figure:
            speakers = Speakers(known[:, None] + biases, **effects)
            return Figure(family, known, figure_scatter, counts, speakers, copies)

        figures = [figure_at(x + common_bias)]
        moves = self._moves(np.exp(shared), float(evidence.age[j]))
        if moves:
            figures = [figure_at(_whole(x + move) + common_bias) for move in moves]
        # What was known then is told by the other counts of that age, too.
        shares = np.array([figure.log_likelihood for figure in figures])
        shares = np.exp(shares - logsumexp(shares, axis=0))
        weights = shares * np.repeat(self.weights[:, 1 + j], _TOLLS) / _TOLLS

        denial = np.repeat(expit(logit_denials(points, np.array(source))), _TOLLS)
        lower, upper = claims.lower[evidence.noisy[j]], claims.upper[evidence.noisy[j]]
        missed: list[Floats] = []
        sds = [sd[evidence.noisy[j]] for sd in (claims.sd_below, claims.sd_above)]
        if evidence.is_bound[j]:
            sign = 1.0 if upper == UNBOUNDED else -1.0
            lower = upper = lower if upper == UNBOUNDED else upper
            missed = [sign * e * np.exp(shared[:, LOG_SHORTFALL]) for e in _SHORTFALLS]

        def of_figure(figure: Figure, k: int) -> Floats:
            known = figure.centre - common_bias
            centres = [_whole(known - amount) for amount in missed] or [known]
            own_mass = np.mean(
                [
                    own_mass_up_to(family, k, centre + common_bias + bias, scatter, sds)
                    for centre in centres
                ],
                axis=0,
            )
            repeated = figure.probability_up_to(k) if evidence.can_repeat[j] else 0.0
            return np.asarray((1.0 - repeat) * own_mass + repeat * repeated, np.float64)

        def up_to(k: int) -> float:
            said = np.array([of_figure(figure, k) for figure in figures])
            return float((weights * (denial + (1.0 - denial) * said)).sum())

        return (
            up_to(int(lower) - 1) if lower > 0 else 0.0,
            up_to(int(upper)) if upper != UNBOUNDED else 1.0,
        )

    def _moves(self, shared: Floats, age: float) -> list[Floats]:
        """Equally likely amounts, at each draw, from the toll to what a claim of an age is of."""
        moves: list[Floats] = []
        if self.evidence.problem.has_location_error:
            error = shared[:, LOG_LOCATION_ERROR]
            moves = _moved(error, error, _GOLDEN)
        if np.isfinite(age):
            scale = shared[:, LOG_EARLY_SHORTFALL] / (1.0 + age / shared[:, LOG_HALVING])
            early = _moved(scale, scale * shared[:, LOG_EARLY_EXCESS], _GOLDEN)
            # In an order of their own again.
            order = np.argsort((np.arange(len(early)) * _SILVER) % 1.0)
            moves = [early[k] + moves[i] for i, k in enumerate(order)] if moves else early
        return moves


def _whole(x: Floats) -> Floats:
    """Log of the whole number in whose cell each is."""
    return np.log1p(counts_at(x))


def _moved(down: Floats, up: Floats, golden: float) -> list[Floats]:
    """Equally likely sums, at each draw, of amounts of two scales down and up."""
    # Amounts up are in an order of their own, so that they do not go with those down.
    order = np.argsort((np.arange(_SHORTFALLS.size) * golden) % 1.0)
    pairs = zip(_SHORTFALLS, _SHORTFALLS[order], strict=True)
    return [up * more - down * less for less, more in pairs]


def _smoothed(log_ratio: Floats, reff: float) -> tuple[Floats, float]:
    """Log weights that sum to one and Pareto k: infinite where no tail can be fitted."""
    largest = np.sort(log_ratio)[-_TAIL:]
    if len(log_ratio) < _FEWEST or np.ptp(largest) == 0.0:
        return log_ratio - logsumexp(log_ratio), np.inf
    return psis.smoothed(log_ratio, reff)
