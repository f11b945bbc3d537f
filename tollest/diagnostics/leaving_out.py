"""How well the rest foresees the claims on a location, or those of a source."""

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tollest import _text
from tollest._arrays import Floats, Integers
from tollest._sums import marginal, tables
from tollest._sums.threads import threaded
from tollest.estimation.results import Estimate

if TYPE_CHECKING:
    import pandas as pd
    from arviz_stats.utils import ELPDData


@dataclass(frozen=True, eq=False)
class Loo:
    """Expected log predictive density, leaving out one item at a time.

    Attributes
    ----------
    table : pandas.DataFrame
        A row for each item left out: ``n_claims``; ``elpd``, the log probability of its claims
        given all others; ``p_loo``, how much they gain by being seen, an effective number of
        parameters; ``pareto_k``; ``reliable``, whether ``pareto_k`` is at most `good_k`.
    elpd, se, p_loo : float
        Sum of ``elpd``, its standard error over items, sum of ``p_loo``.
    good_k : float
        Pareto k up to which importance weights stand in for a refit: at most 0.7, less where
        draws are few.
    n_draws : int
        Draws of theta.
    """

    table: "pd.DataFrame"
    elpd: float
    se: float
    p_loo: float
    good_k: float
    n_draws: int

    @property
    def elpd_data(self) -> "ELPDData":
        """The same in ArviZ's form, as ``arviz_stats.compare`` takes it."""
        from arviz_stats.utils import ELPDDataLOO
        from xarray import DataArray

        name = self.table.index.name
        coords = {name: list(self.table.index)}
        return ELPDDataLOO(
            elpd=self.elpd, se=self.se, p=self.p_loo, n_samples=self.n_draws,
            n_data_points=len(self.table), scale="log",
            warning=not self.table["reliable"].all(), good_k=self.good_k,
            elpd_i=DataArray(self.table["elpd"].to_numpy(), coords, [name]),
            pareto_k=DataArray(self.table["pareto_k"].to_numpy(), coords, [name]),
        )  # fmt: skip

    def __repr__(self) -> str:
        """Give the sums, and what must be refitted to be known."""
        name = str(self.table.index.name)
        lines = [
            f"elpd {self.elpd:.1f}, standard error {self.se:.1f}, p_loo {self.p_loo:.1f}: "
            f"{_text.plural(len(self.table), name)}, each left out in turn."
        ]
        doubtful = self.table.index[~self.table["reliable"]].tolist()
        note = f"Pareto k is above {self.good_k:.2f}, so that only a refit can tell, for"
        return "\n".join([*lines, _text.named(note, doubtful)] if doubtful else lines)


def loo(estimate: Estimate) -> Loo:
    r"""How well the other locations foresee the claims on each.

    .. math::
        \mathrm{elpd}_i = \log \int p(\text{claims}_i \mid \theta)\,
        p(\theta \mid \text{claims}_{-i}) \, d\theta

    Tolls and figures are summed out, so the unit that is left out is the location: its claims
    go together, through its toll and the figure that does the rounds there. Documented and
    verified deaths count as claims. Draws are weighted by one over the probability of what is
    left out, and Pareto-smoothed [1]_.

    Parameters
    ----------
    estimate : Estimate
        The posterior.

    Returns
    -------
    Loo
        A row for each location with a claim. A low ``elpd`` alone is no fault: the more
        claims and the larger the numbers, the lower it is. A ``p_loo`` and a ``pareto_k`` far
        above those of other locations mark one that the sources' habits hang on: look for a
        claim on something else, a misplaced digit or a different scope. With few sources or
        locations some 3 in 100 are not ``reliable`` under the model itself.

    Raises
    ------
    ValueError
        If no location has a claim, or some locations are parts of others.

    References
    ----------
    .. [1] Vehtari, A., Gelman, A., Gabry, J. (2017). Practical Bayesian model evaluation using
       leave-one-out cross-validation and WAIC. *Statistics and Computing* 27, 1413-1432.
       https://doi.org/10.1007/s11222-016-9696-4

    Examples
    --------
    >>> import pandas as pd, tollest as te
    >>> rows = [("Arden", "press", 30), ("Arden", "clinic", 11), ("Brook", "press", 6)]
    >>> table = pd.DataFrame(rows, columns=["location", "source", "count"])
    >>> result = loo(te.estimate(te.Claims.from_table(table), rng=1))
    >>> result.table["n_claims"].to_dict()
    {'Arden': 2, 'Brook': 1}
    """
    problem = estimate.posterior.separable("leaving out by weights")
    claims, patterns = estimate.claims, estimate.posterior.patterns
    spoken = np.flatnonzero(claims.claims_per_location > 0)
    if not spoken.size:
        raise ValueError("no location has a claim, so there is nothing to leave out.")
    # Locations of one pattern have the same density and weights: computed once.
    wanted, position = np.unique(patterns[spoken], return_inverse=True)
    log_density = pattern_log_likelihoods(estimate, _taken(problem, wanted))
    return _left_out(
        estimate, log_density, position, claims.claims_per_location[spoken],
        "location", [claims.locations[i] for i in spoken],
    )  # fmt: skip


def loo_by_source(estimate: Estimate) -> Loo:
    r"""How well the other sources foresee the claims of each.

    .. math::
        \mathrm{elpd}_s = \log \int \prod_i \frac{p(\text{claims}_i \mid \theta)}
        {p(\text{claims}_i \text{ without those of } s \mid \theta)}\,
        p(\theta \mid \text{claims}_{-s}) \, d\theta

    Parameters
    ----------
    estimate : Estimate
        The posterior.

    Returns
    -------
    Loo
        A row for each source with a claim that may err; documented and verified deaths stay
        in. Divide ``elpd`` by ``n_claims`` to compare sources.

    Raises
    ------
    ValueError
        If no claim may err.

    Notes
    -----
    Without its claims a source's bias, scatter and repeat probability fall back on their
    priors. Draws that know them reach that far only for sources of few claims, or of ordinary
    habits: with many claims Pareto k passes 0.7, and the row is not reliable. Only refitting
    without the source tells then: ``calibration.leave_one_source_out``.

    Examples
    --------
    >>> import pandas as pd, tollest as te
    >>> rows = [("Arden", "press", 30), ("Arden", "clinic", 11), ("Brook", "press", 6)]
    >>> table = pd.DataFrame(rows, columns=["location", "source", "count"])
    >>> result = loo_by_source(te.estimate(te.Claims.from_table(table), rng=1))
    >>> result.table["n_claims"].to_dict()
    {'clinic': 1, 'press': 2}
    """
    claims, problem = estimate.claims, estimate.posterior.separable("leaving out by weights")
    if not claims.n_sources:
        raise ValueError("no claim may err, so there is no source to leave out.")
    full = pattern_log_likelihoods(estimate, problem)
    log_ratio = np.empty((len(full), claims.n_sources))
    pattern_of_member = np.repeat(np.arange(problem.level.size), np.diff(problem.offsets))
    for s in range(claims.n_sources):
        theirs = np.flatnonzero(estimate.posterior.names.source_of == s)
        said = np.isin(problem.claim_voice[problem.members], theirs)
        patterns_heard = np.unique(pattern_of_member[said])
        rest = pattern_log_likelihoods(estimate, _without(_taken(problem, patterns_heard), theirs))
        log_ratio[:, s] = (full[:, patterns_heard] - rest) @ problem.multiplicity[patterns_heard]
    n_claims = np.bincount(claims.source_index, minlength=claims.n_sources)
    return _left_out(
        estimate, log_ratio, np.arange(claims.n_sources), n_claims, "source", claims.sources
    )


def pattern_log_likelihoods(estimate: Estimate, problem: tables.Claimed) -> Floats:
    """Log marginal likelihood of each pattern at each draw of theta.

    Parameters
    ----------
    estimate : Estimate
        Draws of theta.
    problem : Claimed
        Patterns; multiplicities do not matter.

    Returns
    -------
    ndarray of float, shape (n_draws, n_patterns)
    """
    flat = estimate.theta.flat
    out = np.empty((len(flat), problem.level.size))

    def fill(i: int) -> None:
        marginal.log_likelihoods(problem, estimate.posterior.parameters(flat[i]), out[i])

    for _ in threaded(fill, list(range(len(flat)))):
        pass
    return out


def _taken(problem: tables.Claimed, patterns: Integers) -> tables.Claimed:
    """Take some of the patterns by themselves."""
    size = np.diff(problem.offsets)
    chosen = np.zeros(size.size, np.bool_)
    chosen[patterns] = True
    return problem._replace(
        offsets=np.concatenate([[0], np.cumsum(size[patterns])]),
        members=problem.members[np.repeat(chosen, size)],
        level=problem.level[patterns],
        first=problem.first[patterns],
        last=problem.last[patterns],
        cap_edge=problem.cap_edge[patterns],
        multiplicity=problem.multiplicity[patterns],
    )


def _without(problem: tables.Claimed, voices: Integers) -> tables.Claimed:
    """Take the claims of one source, whichever side it speaks of, out of all patterns."""
    keep = ~np.isin(problem.claim_voice[problem.members], voices)
    kept = np.concatenate([[0], np.cumsum(keep)])
    return problem._replace(offsets=kept[problem.offsets], members=problem.members[keep])


def _left_out(
    estimate: Estimate,
    log_density: Floats,
    position: Integers,
    n_claims: Integers,
    name: str,
    items: "list[str] | tuple[str, ...]",
) -> Loo:
    """Leave out each column of `log_density`, (n_draws, n_columns); items are at `position`."""
    import pandas as pd
    from arviz_base import from_dict
    from arviz_stats.loo import loo as psis_loo

    n_draws = len(log_density)
    by_chain = log_density.reshape(*estimate.theta.theta.shape[:2], -1)
    tree = from_dict({"log_likelihood": {"claims": by_chain}})
    with warnings.catch_warnings():
        # Each row says itself whether its Pareto k is too high.
        warnings.simplefilter("ignore", UserWarning)
        # Draws resampled by weight are worth no more than the weights were.
        data = psis_loo(tree, pointwise=True, reff=min(1.0, estimate.theta.ess / n_draws))
    peak = log_density.max(axis=0)
    seen = peak + np.log(np.exp(log_density - peak).mean(axis=0))
    elpd, k = np.ravel(data.elpd_i), np.ravel(data.pareto_k)
    table = pd.DataFrame(
        {
            "n_claims": n_claims,
            "elpd": elpd[position],
            "p_loo": (seen - elpd)[position],
            "pareto_k": k[position],
            "reliable": k[position] <= data.good_k,
        },
        index=pd.Index(items, name=name),
    )
    return Loo(
        table,
        elpd=float(table["elpd"].sum()),
        se=float(np.sqrt(len(table) * table["elpd"].var(ddof=0))),
        p_loo=float(table["p_loo"].sum()),
        good_k=float(data.good_k),
        n_draws=n_draws,
    )
