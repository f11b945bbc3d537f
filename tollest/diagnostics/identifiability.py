r"""What claims alone cannot tell: how far tolls hang on the common bias and on its prior.

Claims depend on a toll :math:`N` only through :math:`x(N) + b_0`, and a source's own through
:math:`x(N) + b_0 + b_s`. Adding `d` to the common bias and taking it from every `x` changes no
claim's probability, so that the split between the two is the priors', unless verified tolls,
floors or caps speak of it. So do small tolls, a little: whole and not below 0, they cannot follow.

How far a toll moves with an unknown, and with a prior's parameter :math:`\lambda`, are
covariances over the posterior [1]_, [2]_:

.. math::
    \frac{\operatorname{Cov}(x, b_0)}{\operatorname{Var}(b_0)}, \qquad
    \frac{\partial \operatorname{E}(x)}{\partial \lambda}
        = \operatorname{Cov}\Big(x, \frac{\partial \log p(\theta)}{\partial \lambda}\Big).

Inside them `x` is replaced by its mean given theta, exact for single tolls, which leaves the
covariance as it is and takes the scatter of the toll itself out of its Monte Carlo error.

References
----------
.. [1] Gustafson, P. (1996). Local sensitivity of posterior expectations. *Annals of Statistics*
   24(1), 174-195.
.. [2] Giordano, R., Broderick, T., Jordan, M. I. (2018). Covariances, robustness, and
   variational Bayes. *Journal of Machine Learning Research* 19(51), 1-49.
   https://doi.org/10.48550/arXiv.1709.02536
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tollest import _text
from tollest._arrays import Floats
from tollest._sums import marginal
from tollest._sums.threads import threaded
from tollest.diagnostics import covariances as moves
from tollest.estimation.results import Estimate
from tollest.model.posterior import Posterior
from tollest.priors import Fixed, HalfNormal, Normal, Source

if TYPE_CHECKING:
    import pandas as pd


_BLOCK = 2_000_000  # conditional moments held at once
_CHUNK = 64  # draws a thread takes at a time
_SHOWN = 20  # locations
_LEARNT = 0.9  # posterior over prior sd of the common bias below which something was learnt


@dataclass(frozen=True, eq=False)
class Identification:
    """How far tolls hang on what claims alone cannot tell.

    Made by `tollest.diagnostics.identification`.

    Attributes
    ----------
    locations : tuple of str
        Locations, in the order of the claims.
    totals : tuple of hashable
        Labels of the totals.
    columns : mapping of str to ndarray of float, shape (n_locations + n_totals,)
        The columns of `table`, locations before totals.
    prior : Normal or Fixed
        Prior of the common bias.
    tolls_prior : Normal or Fixed
        Prior of the tolls' centre, the other end of what claims cannot tell apart.
    common_bias_sd : float
        Posterior standard deviation of the common bias; NaN where it is fixed.
    n_verified : int
        Locations whose toll is verified.
    notes : tuple of str
        Which columns are NaN, and why.
    computed_by : str
        How it was computed.
    doubts : tuple of str
        Why the computation should not be relied on.
    """

    locations: tuple[str, ...]
    totals: tuple[Hashable, ...]
    columns: Mapping[str, Floats]
    prior: Normal | Fixed
    tolls_prior: Normal | Fixed
    common_bias_sd: float
    n_verified: int
    notes: tuple[str, ...]
    computed_by: str
    doubts: tuple[str, ...]

    @property
    def sd_ratio(self) -> float:
        """Posterior over prior sd of the common bias: near 1, nothing was learnt of it.

        NaN where the common bias is fixed.
        """
        return self.common_bias_sd / (self.prior.sd if isinstance(self.prior, Normal) else np.nan)

    @property
    def equation(self) -> str:
        """What claims leave open, as an equation, and what speaks of it here."""
        lines = [
            "P(claim | N) depends on log(1 + N) + b0 alone (a source's own claim adds its b_s).",
            "Add d to b0 and take d from every log(1 + N): no claim's probability changes.",
            f"Only the priors, b0 ~ {self.prior} and mu ~ {self.tolls_prior}, floors, caps and "
            "verified tolls speak of b0; and small tolls, which as whole numbers cannot follow.",
        ]
        if not isinstance(self.prior, Normal):
            return "\n".join(lines)
        lines.append(
            f"{self.n_verified:,} of {_text.plural(len(self.locations), 'location')} "
            f"verified: posterior sd of b0 {self.common_bias_sd:.3f}, "
            f"{self.sd_ratio:.2f} of its prior's {self.prior.sd:g}."
        )
        if self.n_verified == 0 and self.sd_ratio > _LEARNT:
            lines.append(
                f"So claims do not bring the sd of a log toll below about {self.prior.sd:g}, "
                "however many sources agree."
            )
        if self.n_verified == 0 and self.sd_ratio <= _LEARNT:
            lines.append(
                "With no toll verified, what was learnt of b0 hangs on the assumed distributions "
                "of small tolls and of errors, or on floors and caps."
            )
        return "\n".join(lines)

    def table(self) -> "pd.DataFrame":
        """How far each toll and total moves, in log units of one more than it.

        Returns
        -------
        pandas.DataFrame
            Indexed by ``kind`` (``"location"`` or ``"total"``) and ``name``. In a column of
            moves -0.9 means: for 1 % more of this, 0.9 % fewer deaths.

            ``sd``
                Posterior standard deviation of the log of one more than the toll.
            ``common_bias, figure_scatter``
                Slope of the log toll on the common bias, and on the log of the figure's scatter.
            ``common_bias_share, figure_scatter_share``
                Share of the log toll's posterior variance that goes with it: the squared
                correlation. Shares of correlated unknowns overlap.
            ``prior_mean, prior_sd``
                Derivative of the log toll's posterior mean by the mean, and by the standard
                deviation, of the common bias's prior.
            ``bias_spread``
                The same by the scale of the prior of the source biases' spread, or by the spread
                itself where that is fixed.
            ``prior_mean_widens, prior_sd_widens, bias_spread_widens``
                Derivative of the log toll's posterior standard deviation by the same: 1 means
                that 0.1 more of this adds 0.1 to the log toll's.

            Each but ``sd`` has its Monte Carlo standard error in a column ending in ``_mcse``. A
            column is NaN where the model has no such unknown; see `notes`.
        """
        import pandas as pd

        kinds = ["location"] * len(self.locations) + ["total"] * len(self.totals)
        names = np.empty(len(kinds), dtype=object)
        names[:] = [*self.locations, *self.totals]  # elementwise, since labels may be tuples
        index = pd.MultiIndex.from_arrays(
            [kinds, pd.Index(names, tupleize_cols=False)], names=["kind", "name"]
        )
        return pd.DataFrame(dict(self.columns), index=index)

    def __repr__(self) -> str:
        """Show the equation, the moves with their errors, and every warning."""
        n = len(self.locations)
        head = (
            f"What identifies {_text.plural(n, 'toll')} and "
            f"{_text.plural(len(self.totals), 'total')}."
        )
        rows = [*range(min(n, _SHOWN)), *range(n, n + len(self.totals))]
        lines = [head, self.equation, self._moves(rows)]
        if n > _SHOWN:
            lines.append(f"... and {n - _SHOWN:,} more; see table().")
        lines.append(
            "Moves of log(1 + toll), each with its Monte Carlo standard error, a unit of b0, of "
            "log s0 (the figure's scatter) and of b0's prior mean; share is of the variance."
        )
        lines += [*self.notes, f"Computed by {self.computed_by}."]
        lines += [f"DOUBTFUL: {doubt}" for doubt in self.doubts]
        return "\n".join(lines)

    def _moves(self, rows: list[int]) -> str:
        """Write the main columns of some rows as text."""
        import pandas as pd

        def slopes(name: str) -> list[str]:
            pairs = (self.columns[name][rows], self.columns[f"{name}_mcse"][rows])
            # Adding 0 turns the minus zero of a rounded number into zero.
            return [f"{round(a, 2) + 0.0:.2f} ({e:.2f})" for a, e in zip(*pairs, strict=True)]

        def shares(name: str) -> list[str]:
            return [f"{100 * share:.0f} %" for share in self.columns[f"{name}_share"][rows]]

        names = [_text.short(str(name)) for name in (*self.locations, *self.totals)]
        cells = {
            "": [names[row] for row in rows],
            "sd": [f"{sd:.2f}" for sd in self.columns["sd"][rows]],
            "common bias": slopes("common_bias"),
            "share": shares("common_bias"),
            "figure scatter": slopes("figure_scatter"),
            "share ": shares("figure_scatter"),
            "prior mean": slopes("prior_mean"),
        }
        return str(pd.DataFrame(cells).set_index("").rename_axis(None).to_string())


def identification(
    estimate: Estimate, by: Mapping[str, Hashable] | Sequence[Hashable] | None = None
) -> Identification:
    """How far tolls and totals depend on what claims alone cannot tell, and on priors.

    Parameters
    ----------
    estimate : Estimate
        What `tollest.estimate` gave.
    by : mapping or sequence, optional
        Label of each location, as in `Estimate.total`. Without it, the total of all.

    Returns
    -------
    Identification
        Its ``table()`` has a row for each location and each total.

    Raises
    ------
    ValueError
        If `by` leaves locations without a label, or has another length; or if some locations are
        parts of others.
    """
    posterior, theta, used = estimate.posterior, estimate.theta, estimate.theta_used
    posterior.separable("the identification report")
    totals = estimate.total(by)
    unknowns, scores, notes = _drivers(posterior, used)
    ess = min(theta.ess, float(len(used)))
    n_patterns = posterior.problem.level.size
    # Stretch by stretch of patterns: draws by patterns are never all held at once.
    step = max(1, _BLOCK // (2 * len(used)))
    pieces = [
        moves.covariance_columns(
            *_conditional_moments(posterior, used, start, min(start + step, n_patterns)),
            unknowns, scores, ess,
        )
        for start in range(0, n_patterns, step)
    ]  # fmt: skip
    log_totals = np.log1p(totals.samples.astype(np.float64))
    of_totals = moves.covariance_columns(log_totals, log_totals**2, unknowns, scores, ess)
    columns = {
        name: np.concatenate(
            [np.concatenate([piece[name] for piece in pieces])[posterior.patterns], of_total]
        )
        for name, of_total in of_totals.items()
    }
    priors, common_bias = posterior.model.priors, unknowns["common_bias"]
    return Identification(
        locations=posterior.claims.locations,
        totals=totals.names,
        columns=columns,
        prior=priors.common_bias,
        tolls_prior=priors.mu,
        common_bias_sd=float(common_bias.std(ddof=1)),
        n_verified=int((posterior.claims.verified >= 0).sum()),
        notes=notes,
        computed_by=theta.summary,
        doubts=theta.doubts,
    )


def _conditional_moments(
    posterior: Posterior, used: Floats, start: int, stop: int
) -> tuple[Floats, Floats]:
    """Mean and mean square of the log tolls of some patterns given each draw of theta.

    Both have the shape (n_used, stop - start).
    """
    part = marginal.shard(posterior.problem, start, stop)
    x = 0.5 * np.add(*(np.log1p(ends) for ends in posterior.bins))
    powers = np.column_stack([x, x**2])

    def of_chunk(chunk: Floats) -> Floats:
        masses = np.empty((stop - start, x.size))
        out = np.empty((len(chunk), stop - start, 2))
        for theta, moments in zip(chunk, out, strict=True):
            masses[:] = 0.0
            marginal.add_toll_masses(part, posterior.parameters(theta), 1.0, masses)
            np.matmul(masses, powers, out=moments)
        return out

    chunks = [used[i : i + _CHUNK] for i in range(0, len(used), _CHUNK)]
    moments = np.concatenate(list(threaded(of_chunk, chunks)))
    return moments[:, :, 0], moments[:, :, 1]


def _drivers(
    posterior: Posterior, used: Floats
) -> tuple[dict[str, Floats], dict[str, Floats], tuple[str, ...]]:
    """Draws of the unknowns, scores of the priors, and notes on those the model lacks."""
    nothing = np.full(len(used), np.nan)
    names, prior = posterior.theta_names, posterior.model.priors.common_bias
    unknowns = {
        name: used[:, names.index(entry)] if entry in names else nothing
        for name, entry in (
            ("common_bias", "common_bias"), ("figure_scatter", "log_figure_scatter"),
        )
    }  # fmt: skip
    notes = []
    by_mean = by_sd = nothing
    if isinstance(prior, Normal):
        z = (unknowns["common_bias"] - prior.mean) / prior.sd
        by_mean, by_sd = z / prior.sd, (z**2 - 1.0) / prior.sd
    else:
        notes.append(
            f"The common bias is fixed at {prior.value:g}, so that nothing says how tolls hang "
            "on it; intervals leave it out."
        )
    if "log_figure_scatter" not in names:
        notes.append("The model has no scatter of figures to learn.")
    spread = _spread_score(posterior, used)
    if spread is None:
        notes.append("No source's bias is drawn from a population.")
    scores = {
        "prior_mean": by_mean, "prior_sd": by_sd,
        "bias_spread": nothing if spread is None else spread,
    }  # fmt: skip
    return unknowns, scores, tuple(notes)


def _spread_score(posterior: Posterior, used: Floats) -> Floats | None:
    """Differentiate the log prior by the scale of the source biases' spread, at each draw."""
    priors, names = posterior.model.priors, posterior.theta_names
    pooled = [
        names.index(f"bias[{source}]")
        for source in posterior.claims.sources
        # Where all sources are alike none has an entry of its own.
        if priors.sources.get(source, Source()).bias is None and f"bias[{source}]" in names
    ]
    if not pooled:
        return None
    scale = priors.bias.sd
    if isinstance(scale, HalfNormal):
        z = np.exp(used[:, names.index("log_bias_sd")]) / scale.sd
        return np.asarray((z**2 - 1.0) / scale.sd)
    mean = priors.bias.mean
    centre = (
        np.full((len(used), 1), mean.value)
        if isinstance(mean, Fixed)
        else used[:, [names.index("bias_mean")]]
    )
    z = (used[:, pooled] - centre) / scale.value
    return np.asarray((z**2 - 1.0).sum(axis=1) / scale.value)
