r"""Nested Laplace with adaptive importance correction, going on to NUTS where that fails."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from tollest._progress import Reporter
from tollest.engines import (
    _hamiltonian,
    _proposals,
    _quadratic,
    _variational,
    _weights,
    _whitening,
)
from tollest.engines._base import LEAST_ESS, MOST_K, AbstractEngine, ThetaDraws
from tollest.engines._proposals import Proposal
from tollest.engines._whitening import Whitening
from tollest.engines.nuts import NUTS
from tollest.model.coordinates import Coordinates
from tollest.model.likelihood import Likelihood
from tollest.model.posterior import Posterior
from tollest.support import Support

Floats = NDArray[np.float64]

_LATEST = 0.5  # share of final draws from the proposal fitted to most; the rest of all others
_IN_TAILS = 0.15  # share of draws from proposals in the tails of spreads
_MANY = 40  # entries of theta
_MANY_LOCATIONS = 3000  # at which the likelihood is nearly quadratic
_MANY_LEVELS = 1000  # priors of tolls, by group and covariates
DEAR_CLAIMS = 60_000  # in different patterns, at which a round of draws must do
ENOUGH = 80.0  # effective draws, of a hundred
THINNED = 2000  # patterns on which the first search runs
_HOPELESS = 0.015  # ESS a draw below which learning is given up
_TOO_FEW = 0.03  # ESS a draw below which the final draws are given up
_GOOD_ESS = 0.1  # ESS a draw at which there may be nothing to learn
_UNLEARNT = 4  # most rounds without learning after the first
# Proposals learnt at least where a round costs little. Sources that contradict each other leave a
# second hump far out, which a first round hits so rarely that its weights look even without it:
# of claims of 900 and 12 the chance of 200 or more was put a quarter too low.
_LEARNT = 3
# Entries of theta up to which weights alone do: beside draws that were moved, standard deviations
# were 0.1 % too small at 12 and 18 entries, but 1.8 % at 24 and 2.3 % at 31.
_FEW = 20
# ESS a draw at which they do where the likelihood is nearly quadratic: at 10,000 locations by 20
# and 50 sources moves changed standard deviations by less than 0.3 %, and took a minute.
_EVEN = 0.4
# Draws kept at least, where they are not moved apart. Resampling adds an error of its own: of a
# thousand draws with an ESS of as many, half as much again.
_KEPT = 2000
_MOVED = 1000  # draws kept where they are
_CHEAP = 2000  # draws in a round
_GOOD_K = 0.6  # Pareto k at which rounds end; MOST_K is accepted


@dataclass(frozen=True)
class NestedLaplace:
    r"""Importance sampling from a Laplace approximation that learns, then NUTS if need be.

    Effects of sources are nested in their population: given its mean and spread they are put
    in coordinates that the claims leave nearly normal. There the closest normal, searched from
    the mode, gives a first proposal, a multivariate Student t with arms along each entry; each
    round of draws refits it, all rounds weighted together as one mixture (adaptive multiple
    importance sampling [1]_). What is returned are fresh draws from all proposals, since weights
    of draws that a proposal was fitted to understate the posterior's spread. Pareto-smoothed
    weights [2]_ say whether the correction is reliable. Where sources are many, draws resampled by
    weight are a few per cent too narrow; Hamiltonian moves [3]_ mend that. Where weights are not
    reliable after a few rounds, as with many sources of few claims each, `otherwise` takes over.

    Parameters
    ----------
    rounds : int
        Most rounds of importance draws, of 1,000 to 4,000 each, that proposals learn from, and
        as many again for the final draws.
    otherwise : engine
        What takes over where importance sampling fails.

    References
    ----------
    .. [1] Cornuet, J.-M. et al. (2012). Adaptive multiple importance sampling. *Scandinavian
       Journal of Statistics* 39(4), 798-812. https://doi.org/10.1111/j.1467-9469.2011.00756.x
    .. [2] Vehtari, A. et al. (2024). Pareto smoothed importance sampling. *Journal of Machine
       Learning Research* 25(72), 1-58.
    .. [3] Gilks, W.R., Berzuini, C. (2001). Following a moving target: Monte Carlo inference for
       dynamic Bayesian models. *Journal of the Royal Statistical Society B* 63(1), 127-146.
       https://doi.org/10.1111/1467-9868.00280
    """

    rounds: int = 12
    otherwise: AbstractEngine = field(default_factory=NUTS)

    def run(
        self, posterior: Posterior, rng: np.random.Generator, reporter: Reporter
    ) -> ThetaDraws:
        """Draw theta; see `tollest.engines.AbstractEngine`."""
        draws = None
        # Outer products of gradients are by every prior's centre.
        if _is_large(posterior) and posterior.names.n_levels <= _MANY_LEVELS:
            draws = self._by_quadratic(posterior, rng, reporter)
        draws = draws or _variational.on_settled_support(
            posterior, lambda working, normal: self._weigh(working, normal, rng, reporter), rng,
            reporter,
        )  # fmt: skip
        return draws or self.otherwise.run(posterior, rng, reporter)

    def _by_quadratic(
        self, posterior: Posterior, rng: np.random.Generator, reporter: Reporter
    ) -> ThetaDraws | None:
        """Draw theta where there are so many locations that passes over them are dear."""

        def on(support: Support) -> Likelihood:
            return _whitening.replace_support(posterior, support).likelihood

        def thinned(support: Support) -> Likelihood:
            return _whitening.replace_support(posterior, support).thinned(THINNED)

        def otherwise(support: Support, whitening: Whitening) -> ThetaDraws | None:
            if not isinstance(self.otherwise, NUTS):
                return None
            working = _whitening.replace_support(posterior, support)
            draws = self.otherwise.run_on(working, whitening, rng, reporter)
            return None if draws.doubts else draws

        cheap = posterior.problem.members.size < DEAR_CLAIMS
        return _quadratic.run(
            on, thinned, _whitening.coarse(posterior), LEAST_ESS if cheap else ENOUGH, otherwise,
            rng, reporter,
        )  # fmt: skip

    def _weigh(
        self, working: Posterior, whitening: Whitening, rng: np.random.Generator,
        reporter: Reporter,
    ) -> ThetaDraws | None:  # fmt: skip
        """Draw theta by importance sampling on one support; None where that fails."""
        n_draws = round_size(working)
        learning = _Sample(working, whitening.coordinates, n_draws)
        # In many dimensions proposals that start badly stay bad; in few they recover, and
        # rounds cost less than what would take over.
        patience = 2 if working.n_theta > _MANY else self.rounds // 2
        reporter.update("Looking for tails", 0.0)
        tails = _proposals.tails(working, whitening)
        proposals = [Proposal(whitening.centre, whitening.root)]
        least = _LEARNT if n_draws > _CHEAP else 0
        for number in range(self.rounds):
            reporter.update("Importance sampling", number / (2 * self.rounds))
            learning.add(tails, proposals, np.eye(len(proposals))[-1], rng)
            # More draws from the start may do, and then nothing needs to be learnt.
            is_good = (
                least == 0
                and len(proposals) == 1
                and learning.ess >= _GOOD_ESS * len(learning.draws)
            )
            will_do = is_good and learning.is_acceptable and number >= _UNLEARNT
            if len(proposals) > least and (learning.is_enough or will_do):
                break
            if number >= patience and learning.ess < _HOPELESS * len(learning.draws):
                return None
            if not is_good or number >= _UNLEARNT:
                proposals.append(
                    _proposals.refitted(learning.draws, learning.log_weights, whitening.root)
                )
        sample = learning
        # Proposals were fitted to those draws, and give them more density than to others: weights
        # of the same draws would be too even, and their spread too small. New ones are weighed.
        if len(proposals) > 1:
            others = len(proposals) - 1
            shares = np.array([(1.0 - _LATEST) / others] * others + [_LATEST])
            sample = _Sample(working, whitening.coordinates, n_draws)
            for number in range(self.rounds):
                reporter.update("Importance sampling", 0.5 + number / (2 * self.rounds))
                sample.add(tails, proposals, shares, rng)
                is_hopeless = number > 2 and sample.ess < _TOO_FEW * len(sample.draws)
                if sample.is_enough or is_hopeless:
                    break
        if not sample.is_acceptable:
            return None
        is_even = sample.ess >= _EVEN * len(sample.draws)
        is_moved = working.n_theta > _FEW and not (is_even and _is_large(working))
        n_kept = _MOVED if is_moved else max(n_draws, _KEPT)
        u = sample.draws[_weights.systematic(np.exp(sample.log_weights), n_kept, rng)]
        if is_moved:
            moments = _proposals.moments(sample.draws, sample.log_weights, whitening.root)
            round_there = Whitening(whitening.coordinates, *moments)
            u = _hamiltonian.moved(working, round_there, u, rng, reporter)
        theta = working.to_theta(whitening.coordinates, u)
        return ThetaDraws(
            theta[None], method="importance sampling from a nested Laplace approximation",
            ess=min(sample.ess, n_kept), pareto_k=sample.k,
            n_evaluations=len(sample.draws) + (sample is not learning) * len(learning.draws)
            + is_moved * n_kept * _hamiltonian.EVALUATIONS,
        )  # fmt: skip


class _Sample:
    """Draws that grow by rounds, weighed together as from one mixture of proposals."""

    def __init__(self, working: Posterior, coordinates: Coordinates, n_draws: int) -> None:
        self._working, self._coordinates, self._n_draws = working, coordinates, n_draws
        self.draws: Floats = np.empty((0, working.n_theta))
        self._targets: Floats = np.empty(0)
        self._from: Floats = np.empty(0)  # draws from each proposal so far

    def add(
        self, tails: list[Proposal], learnt: list[Proposal], shares: Floats,
        rng: np.random.Generator,
    ) -> None:  # fmt: skip
        """Add a round of draws; `learnt`, of each its share, may grow in between."""
        in_tails = _IN_TAILS if tails else 0.0
        each = np.full(len(tails), in_tails / max(1, len(tails)))
        shares = np.concatenate([each, (1.0 - in_tails) * shares])
        proposals = [*tails, *learnt]
        sizes = np.diff(np.rint(np.cumsum([0.0, *shares]) * self._n_draws)).astype(int)
        self._from = np.pad(self._from, (0, len(proposals) - self._from.size)) + sizes
        u = np.concatenate([p.draw(rng, n) for p, n in zip(proposals, sizes, strict=True)])
        self.draws = np.concatenate([self.draws, u])
        values = self._working.log_densities(u, self._coordinates)
        self._targets = np.concatenate([self._targets, values])
        densities = [p.log_density(self.draws) for p in proposals]
        log_shares = np.log(self._from / self._from.sum())
        log_mixture = logsumexp(np.add(densities, log_shares[:, None]), axis=0)
        self.log_weights, self.k = _weights.smoothed(self._targets - log_mixture)
        self.ess = _weights.effective(self.log_weights)

    @property
    def is_enough(self) -> bool:
        """Whether more rounds would buy little: an ESS of 1,000 where draws are cheap."""
        return self.k <= _GOOD_K and self.ess >= max(0.25 * self._n_draws, 1.25 * LEAST_ESS)

    @property
    def is_acceptable(self) -> bool:
        """Whether the draws can be given to a user."""
        return self.k <= MOST_K and self.ess >= LEAST_ESS


def _is_large(posterior: Posterior) -> bool:
    """Whether there are so many locations that the likelihood is nearly quadratic."""
    n_locations = int(posterior.problem.multiplicity.sum())
    return n_locations >= _MANY_LOCATIONS and posterior.is_separable


def round_size(posterior: Posterior) -> int:
    """Draws that cost about the same whatever the number of claims: 4,000 down to 1,000."""
    n_terms = sum(part.n_terms for part in posterior.parts)
    return int(np.clip(400_000 // (100 + n_terms), 1000, 4000))
