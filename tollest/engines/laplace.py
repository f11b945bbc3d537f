r"""Nested Laplace with adaptive importance correction, going on to NUTS where that fails."""

from dataclasses import dataclass, field

import numpy as np

from tollest._progress import Reporter
from tollest.engines import surrogate_sampling
from tollest.engines.base import AbstractEngine, ThetaDraws, check_counts
from tollest.engines.importance import ImportanceSampler, is_nearly_quadratic
from tollest.engines.nuts import NUTS
from tollest.engines.settling import on_settled_support
from tollest.engines.tuning import LIMITS, Tuning
from tollest.engines.whitening import Whitening
from tollest.model.likelihood import Likelihood
from tollest.model.posterior import Posterior
from tollest.support import Support


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
    weight are a few per cent too narrow; Hamiltonian moves [3]_ correct that. Where weights are
    not reliable after a few rounds, as with many sources of few claims each, `otherwise` takes
    over. With thousands of locations NUTS on a quadratic surrogate of the likelihood comes first.

    Parameters
    ----------
    rounds : int
        Most rounds of importance draws, of 1,000 to 4,000 each, that proposals learn from, and
        as many again for the final draws.
    otherwise : engine
        What takes over where importance sampling fails.
    tuning : Tuning
        Every other number that the stages hang on; see `tollest.engines.tuning`.

    Raises
    ------
    ValueError
        If `rounds` is no whole number of one or more.
    TypeError
        If `otherwise` is no engine.

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
    tuning: Tuning = field(default_factory=Tuning)

    def __post_init__(self) -> None:
        """Refuse no rounds, and what cannot take over."""
        check_counts(self, rounds=1)
        if isinstance(self.otherwise, type) or not callable(getattr(self.otherwise, "run", None)):
            raise TypeError(
                f"otherwise of NestedLaplace is {self.otherwise!r}; it is an engine, as NUTS()."
            )

    def run(
        self, posterior: Posterior, rng: np.random.Generator, reporter: Reporter
    ) -> ThetaDraws:
        """Draw theta; see `tollest.engines.AbstractEngine`."""
        for stage in (self.by_surrogate, self.by_importance):
            draws = stage(posterior, rng, reporter)
            if draws is not None:
                return draws
        return self.otherwise.run(posterior, rng, reporter)

    def by_surrogate(
        self, posterior: Posterior, rng: np.random.Generator, reporter: Reporter
    ) -> ThetaDraws | None:
        """Draw by a quadratic surrogate, where there are so many locations that passes are dear.

        None where there are not, or the surrogate is no good.
        """
        tuning = self.tuning.surrogate
        is_many = is_nearly_quadratic(posterior, tuning)
        if not is_many or posterior.names.n_levels > tuning.most_levels:
            return None

        def likelihood_on(support: Support) -> Likelihood:
            return posterior.on(support).likelihood

        def chains(support: Support, whitening: Whitening) -> ThetaDraws | None:
            if not isinstance(self.otherwise, NUTS):
                return None
            draws = self.otherwise.run_on(posterior.on(support), whitening, rng, reporter)
            return None if draws.doubts else draws

        is_cheap = posterior.problem.members.size < tuning.dear_claims
        return surrogate_sampling.sample_surrogate(
            posterior, likelihood_on, LIMITS.least_ess if is_cheap else tuning.ess_where_dear,
            chains, rng, reporter, self.tuning,
        )  # fmt: skip

    def by_importance(
        self, posterior: Posterior, rng: np.random.Generator, reporter: Reporter
    ) -> ThetaDraws | None:
        """Draw by importance sampling from the closest normal; None where that fails."""

        def sample(working: Posterior, normal: Whitening) -> ThetaDraws | None:
            sampler = ImportanceSampler(working, normal, self.rounds, rng, reporter, self.tuning)
            return sampler.run()

        return on_settled_support(posterior, sample, rng, reporter, self.tuning.start)
