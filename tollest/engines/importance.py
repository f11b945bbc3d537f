"""Adaptive importance sampling of theta on one support, in stages.

Proposals start from the closest normal and the tails of spreads and learn from rounds of draws;
fresh draws from all proposals are then weighed, resampled and, where theta has many entries,
moved.
"""

from dataclasses import dataclass
from enum import Enum, auto

import numpy as np
from scipy.special import logsumexp

from tollest._arrays import Floats
from tollest._progress import Reporter
from tollest.engines import proposals, psis, resample_move
from tollest.engines.base import ThetaDraws
from tollest.engines.proposals import Proposal
from tollest.engines.tuning import DEFAULT, LIMITS, RoundTuning, SurrogateTuning, Tuning
from tollest.engines.whitening import Whitening
from tollest.model.coordinates import Coordinates
from tollest.model.posterior import Posterior


def round_size(posterior: Posterior, tuning: RoundTuning = DEFAULT.rounds) -> int:
    """Draws that cost about the same whatever the number of claims: 4,000 down to 1,000."""
    n_terms = sum(part.n_terms for part in posterior.parts)
    n_draws = tuning.budget // (tuning.overhead + n_terms)
    return int(np.clip(n_draws, tuning.fewest_draws, tuning.most_draws))


def is_nearly_quadratic(posterior: Posterior, tuning: SurrogateTuning = DEFAULT.surrogate) -> bool:
    """Whether there are so many locations that the log likelihood is nearly quadratic."""
    n_locations = int(posterior.problem.multiplicity.sum())
    return n_locations >= tuning.many_locations and posterior.is_separable


class WeightedDraws:
    """Draws that grow by rounds, weighed together as from one mixture of all their proposals.

    Parameters
    ----------
    density : Posterior
        What is drawn from.
    coordinates : Coordinates
        The draws are in.
    n_draws : int
        Draws of each round.
    tuning : Tuning
        Of rounds and tails.
    """

    def __init__(
        self, density: Posterior, coordinates: Coordinates, n_draws: int, tuning: Tuning
    ) -> None:
        self._density, self._coordinates, self._n_draws = density, coordinates, n_draws
        self._tuning = tuning
        self.draws: Floats = np.empty((0, density.n_theta))
        self._targets: Floats = np.empty(0)
        self._counts: Floats = np.empty(0)  # draws from each proposal so far

    def add(
        self, tails: list[Proposal], learnt: list[Proposal], shares: Floats,
        rng: np.random.Generator,
    ) -> None:  # fmt: skip
        """Add a round of draws and weigh all anew.

        Parameters
        ----------
        tails : list of Proposal
            In the tails of spreads; they share the draws that are theirs equally.
        learnt : list of Proposal
            Of the body; the list may be longer than in the round before.
        shares : ndarray of float, shape (n_learnt,)
            Share of each of `learnt` in the draws that are not from tails.
        rng : numpy.random.Generator
            Seed.
        """
        tail_share = self._tuning.tails.share if tails else 0.0
        each = np.full(len(tails), tail_share / max(1, len(tails)))
        shares = np.concatenate([each, (1.0 - tail_share) * shares])
        mixture = [*tails, *learnt]
        sizes = np.diff(np.rint(np.cumsum([0.0, *shares]) * self._n_draws)).astype(int)
        self._counts = np.pad(self._counts, (0, len(mixture) - self._counts.size)) + sizes
        u = np.concatenate([p.draw(rng, n) for p, n in zip(mixture, sizes, strict=True)])
        self.draws = np.concatenate([self.draws, u])
        values = self._density.log_densities(u, self._coordinates)
        self._targets = np.concatenate([self._targets, values])
        densities = [p.log_density(self.draws) for p in mixture]
        log_shares = np.log(self._counts / self._counts.sum())
        log_mixture = logsumexp(np.add(densities, log_shares[:, None]), axis=0)
        self.log_weights, self.k = psis.smoothed(self._targets - log_mixture)
        self.ess = psis.effective(self.log_weights)

    def reaches(self, ess_per_draw: float) -> bool:
        """Whether the ESS is at least this share of the draws."""
        return self.ess >= ess_per_draw * len(self.draws)

    @property
    def is_enough(self) -> bool:
        """Whether more rounds would buy little: an ESS of 1,000 where draws are cheap."""
        tuning = self._tuning.rounds
        least = max(tuning.enough_share * self._n_draws, tuning.enough_margin * LIMITS.least_ess)
        return self.k <= tuning.enough_k and self.ess >= least

    @property
    def is_acceptable(self) -> bool:
        """Whether the draws can be given to a user."""
        return self.k <= LIMITS.most_k and self.ess >= LIMITS.least_ess


class _Next(Enum):
    """What follows a round of draws that proposals learn from."""

    STOP = auto()  # the proposals are good
    GIVE_UP = auto()  # importance sampling fails
    DRAW_MORE = auto()  # from the same proposal, which may do as it is
    REFIT = auto()  # another proposal, fitted to all draws


@dataclass(frozen=True, eq=False)
class ImportanceSampler:
    """Importance sampling on one support; its methods are the stages, in their order.

    Parameters
    ----------
    density : Posterior
        What to draw from.
    whitening : Whitening
        The closest normal, from which proposals start.
    most_rounds : int
        Rounds that proposals learn from, and again of final draws, at most.
    rng : numpy.random.Generator
        Seed.
    reporter : Reporter
        Where progress is told.
    tuning : Tuning
        Of all stages.
    """

    density: Posterior
    whitening: Whitening
    most_rounds: int
    rng: np.random.Generator
    reporter: Reporter
    tuning: Tuning = DEFAULT

    def run(self) -> ThetaDraws | None:
        """Draw theta; None where importance sampling fails."""
        tails = self.find_tails()
        learned = self.learn(tails)
        if learned is None:
            return None
        learning, learnt = learned
        # Without anything learnt the draws are as good as fresh ones.
        final = learning if len(learnt) == 1 else self.draw_afresh(tails, learnt)
        if not final.is_acceptable:
            return None
        n_evaluations = len(final.draws)
        if final is not learning:
            n_evaluations += len(learning.draws)
        is_moved = self.needs_moves(final)
        u = self.resample(final, is_moved)
        if is_moved:
            n_evaluations += len(u) * self.tuning.moves.evaluations
            u = self.move(final, u)
        return ThetaDraws(
            self.density.to_theta(self.whitening.coordinates, u)[None],
            method="importance sampling from a nested Laplace approximation",
            ess=min(final.ess, len(u)), pareto_k=final.k, n_evaluations=n_evaluations,
        )  # fmt: skip

    def find_tails(self) -> list[Proposal]:
        """Proposals in the tails of spreads that may vanish, by mode and curvature there."""
        self.reporter.update("Looking for tails", 0.0)
        return proposals.tails(self.density, self.whitening, self.tuning)

    def learn(self, tails: list[Proposal]) -> tuple[WeightedDraws, list[Proposal]] | None:
        """Refit proposals of the body to rounds of draws (adaptive importance sampling).

        Returns
        -------
        tuple of WeightedDraws and list of Proposal, or None
            All rounds, weighed as one mixture; and the proposal by the closest normal, followed
            by those learnt. None where importance sampling is hopeless.
        """
        draws, root = self._no_draws(), self.whitening.root
        learnt = [Proposal(self.whitening.centre, root, self.tuning.proposals)]
        for number in range(self.most_rounds):
            self.reporter.update("Importance sampling", number / (2 * self.most_rounds))
            draws.add(tails, learnt, np.eye(len(learnt))[-1], self.rng)
            following = self._next_step(draws, len(learnt), number)
            if following is _Next.GIVE_UP:
                return None
            if following is _Next.STOP:
                break
            if following is _Next.REFIT:
                learnt.append(
                    proposals.refitted(draws.draws, draws.log_weights, root, self.tuning.proposals)
                )
        return draws, learnt

    def _next_step(self, draws: WeightedDraws, n_proposals: int, number: int) -> _Next:
        """Judge round `number`, counted from 0, of the draws that proposals learn from."""
        tuning = self.tuning.rounds
        least = tuning.least_learnt if self._n_draws > tuning.cheap_draws else 0
        # More draws from the start may do, and then nothing needs to be learnt.
        may_do = least == 0 and n_proposals == 1 and draws.reaches(tuning.promising_ess)
        is_late = number >= tuning.most_unlearnt
        is_good = draws.is_enough or (may_do and is_late and draws.is_acceptable)
        if n_proposals > least and is_good:
            return _Next.STOP
        # In many dimensions proposals that start badly stay bad; in few they recover, and
        # rounds cost less than what would take over.
        is_patient = self.density.n_theta <= tuning.patient_entries
        patience = self.most_rounds // 2 if is_patient else tuning.impatient_rounds
        if number >= patience and not draws.reaches(tuning.hopeless_learning_ess):
            return _Next.GIVE_UP
        return _Next.DRAW_MORE if may_do and not is_late else _Next.REFIT

    def draw_afresh(self, tails: list[Proposal], learnt: list[Proposal]) -> WeightedDraws:
        """Draw anew from all proposals, until it is enough or hopeless.

        Proposals give more density to the draws that they were fitted to than to others: weights
        of the same draws would be too even, and their spread too small.
        """
        tuning, others = self.tuning.rounds, len(learnt) - 1
        shares = np.array([(1.0 - tuning.latest_share) / others] * others + [tuning.latest_share])
        draws = self._no_draws()
        for number in range(self.most_rounds):
            self.reporter.update("Importance sampling", 0.5 + number / (2 * self.most_rounds))
            draws.add(tails, learnt, shares, self.rng)
            is_hopeless = number > 2 and not draws.reaches(tuning.hopeless_final_ess)
            if draws.is_enough or is_hopeless:
                break
        return draws

    def needs_moves(self, final: WeightedDraws) -> bool:
        """Whether draws resampled by weight would be too narrow, as where theta has many entries.

        They are not where the log likelihood is nearly quadratic and the weights are even.
        """
        tuning = self.tuning.moves
        if self.density.n_theta <= tuning.weights_suffice:
            return False
        is_quadratic = is_nearly_quadratic(self.density, self.tuning.surrogate)
        return not (final.reaches(tuning.even_ess) and is_quadratic)

    def resample(self, final: WeightedDraws, is_moved: bool) -> Floats:
        """Draws of equal weight, shape (n_kept, n_theta): fewer where they move apart."""
        tuning = self.tuning.moves
        n_kept = tuning.n_moved if is_moved else max(self._n_draws, tuning.least_unmoved)
        return final.draws[psis.systematic(np.exp(final.log_weights), n_kept, self.rng)]

    def move(self, final: WeightedDraws, u: Floats) -> Floats:
        """Move resampled draws where their weighted moments make the posterior round."""
        moments = proposals.moments(final.draws, final.log_weights, self.whitening.root)
        by_moments = Whitening(self.whitening.coordinates, *moments)
        return resample_move.moved(
            self.density, by_moments, u, self.rng, self.reporter, self.tuning.moves
        )

    @property
    def _n_draws(self) -> int:
        """Draws of a round."""
        return round_size(self.density, self.tuning.rounds)

    def _no_draws(self) -> WeightedDraws:
        """Return draws to which rounds are added."""
        return WeightedDraws(self.density, self.whitening.coordinates, self._n_draws, self.tuning)
