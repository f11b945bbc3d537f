"""Whether claims drawn from the estimate look like the real ones."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tollest._arrays import Floats, Integers
from tollest.claims.counts import Counts
from tollest.diagnostics.predictive import replicates
from tollest.estimation.masses import check_interval
from tollest.estimation.results import Estimate

if TYPE_CHECKING:
    import pandas as pd


_UNLIKELY = 0.01  # tail, both sides together, below which a statistic is called unlike
_FALSE = 0.05  # share of false ones among the pairs that are flagged
_LEAST_COMMON = 5  # locations on which two sources must both have counts

# A number made of the counts at hand; nan where these do not have it.
Statistic = Callable[[Integers], float]


def posterior_predictive(
    estimate: Estimate,
    statistics_of: Callable[[Estimate], Mapping[str, Statistic]] | None = None,
    *,
    n: int = 1000,
    ci_prob: float = 0.9,
    rng: int | np.random.Generator | None = None,
) -> "pd.DataFrame":
    """Compare the counts with counts drawn from the estimate, statistic by statistic.

    Parameters
    ----------
    estimate : Estimate
        The posterior.
    statistics_of : callable, optional
        Makes the statistics, by name: each takes counts, of shape (n_counts,) and in the order
        of ``predictive.Counts.of(estimate.claims)``, and gives a number. By default
        `statistics`.
    n : int
        Number of replicates.
    ci_prob : float
        Probability inside the intervals of the replicates.
    rng : int, Generator or None
        Seed or generator.

    Returns
    -------
    pandas.DataFrame
        Indexed by statistic: ``observed``; ``median, lower, upper`` of the replicates;
        ``tail_prob``, the probability, under the estimate, of lying so far out on either side;
        ``unlike``, whether it is below 0.01. Statistics that the counts do not have, such as
        heaping where all are small, are left out. ``attrs`` names `ci_prob`.

    Raises
    ------
    ValueError
        If `n` is not a positive whole number, or `ci_prob` is none.

    Notes
    -----
    Posterior predictive checks [1]_ use the counts twice, to fit and to compare, so tails are
    mostly larger than they should be: under the model usually fewer than 1 in 100 statistics
    are ``unlike``.

    References
    ----------
    .. [1] Gelman, A., Meng, X.-L., Stern, H. (1996). Posterior predictive assessment of model
       fitness via realized discrepancies. *Statistica Sinica* 6, 733-807.

    Examples
    --------
    >>> import pandas as pd, tollest as te
    >>> rows = [("Arden", "press", 30), ("Arden", "clinic", 30), ("Brook", "press", 6)]
    >>> table = pd.DataFrame(rows, columns=["location", "source", "count"])
    >>> estimate = te.estimate(te.Claims.from_table(table), rng=1)
    >>> float(posterior_predictive(estimate, n=50, rng=1).loc["agreement", "observed"])
    1.0
    """
    import pandas as pd

    check_interval(ci_prob, "eti")
    functions = (statistics_of or statistics)(estimate)
    counts = Counts.of(estimate.claims)
    observed = {name: function(counts.count) for name, function in functions.items()}
    names = [name for name, value in observed.items() if np.isfinite(value)]
    drawn = np.array(
        [[functions[name](r.count) for name in names] for r in replicates(estimate, n, rng=rng)]
    ).reshape(-1, len(names))
    rows = []
    for name, values in zip(names, drawn.T, strict=True):
        has = values[np.isfinite(values)]
        ends = (0.5, 0.5 - ci_prob / 2, 0.5 + ci_prob / 2)
        middle, lower, upper = np.quantile(has, ends) if has.size else (np.nan,) * 3
        above = _tail(np.zeros(1), (has - observed[name])[:, None])[0]
        tail = min(1.0, 2.0 * min(above, 1.0 - above))
        rows.append((observed[name], middle, lower, upper, tail, tail < _UNLIKELY))
    columns = ["observed", "median", "lower", "upper", "tail_prob", "unlike"]
    table = pd.DataFrame(rows, columns=columns, index=pd.Index(names, name="statistic"))
    table.attrs["ci_prob"] = ci_prob
    return table.astype({"unlike": bool})


def statistics(estimate: Estimate) -> dict[str, Statistic]:
    """Statistics that `posterior_predictive` compares by default.

    Parameters
    ----------
    estimate : Estimate
        The posterior, for the pairs of claims and the sizes of the tolls.

    Returns
    -------
    dict of str to callable
        ``agreement``: share of pairs of counts at one location that are equal. ``spread of
        small``, ``middle``, ``large tolls``: median distance of the pairs that are not, on the
        log1p axis, at the third of these locations with the lowest, middle and highest tolls.
        ``ending in 0``: share of such numbers among counts of 20 or more. ``multiples of 100``:
        among counts of 200 or more.
    """
    counts = Counts.of(estimate.claims)
    left, right = counts.pairs()
    compared = np.unique(counts.location[left])
    order = np.argsort(estimate.quantile(0.5).to_numpy()[compared], kind="stable")
    third = np.zeros(counts.n_locations, np.int64)
    third[compared[order]] = np.arange(len(order)) * 3 // max(len(order), 1)
    size = third[counts.location[left]]

    def spread(keep: NDArray[np.bool_]) -> Statistic:
        a, b = left[keep], right[keep]

        def of(count: Integers) -> float:
            distance = np.abs(np.log1p(count[a]) - np.log1p(count[b]))
            return _median(distance[distance > 0])

        return of

    def heaping(unit: int, least: int) -> Statistic:
        return lambda count: _mean(count[count >= least] % unit == 0)

    return {
        "agreement": lambda count: _mean(count[left] == count[right]),
        "spread of small tolls": spread(size == 0),
        "spread of middle tolls": spread(size == 1),
        "spread of large tolls": spread(size == 2),
        "ending in 0": heaping(10, 20),
        "multiples of 100": heaping(100, 200),
    }


def residual_correlation(
    estimate: Estimate,
    *,
    n: int | None = None,
    rng: int | np.random.Generator | None = None,
) -> "pd.DataFrame":
    r"""Which pairs of sources go together more than tolls and figures explain.

    Sources that copy one another outside the figure of the model, or share a method, make
    intervals too narrow. Two discrepancies of each pair, over the locations on which both give
    counts: the share of equal counts, and the correlation of standardised residuals

    .. math:: \{x(y_{is}) - x(N_i) - b_0 - b_s\} / \sigma_s,

    each at drawn tolls and unknowns, with the real counts and with replicates [1]_.

    Parameters
    ----------
    estimate : Estimate
        The posterior.
    n : int, optional
        Number of replicates; by default 1,000 to 10,000, more where there are more pairs.
    rng : int, Generator or None
        Seed or generator.

    Returns
    -------
    pandas.DataFrame
        Indexed by two sources, for pairs with 5 common locations or more: ``n_common``;
        ``agreement`` and ``agreement_expected`` (mean of replicates); ``correlation`` and
        ``correlation_expected`` (means over draws); ``tail_prob``, the probability of so much of
        either under the estimate (twice the smaller of the two tails); ``adjusted``, the same
        after Benjamini and Hochberg [2]_; ``linked``, whether that is below 0.05. Smallest tail
        first.

        Where a pair is ``linked``, find out who copies whom and declare it in the column
        ``origin`` of the claims: a copy is then no evidence of its own.

    Raises
    ------
    ValueError
        If `n` is not a positive whole number.

    Notes
    -----
    One source that always copies one other is not found where the fit can take the number of
    the two for the figure that does the rounds: both then repeat it, and weigh as one. Other
    pairs that agree on another number may be linked in their stead.

    References
    ----------
    .. [1] Gelman, A., Meng, X.-L., Stern, H. (1996). Posterior predictive assessment of model
       fitness via realized discrepancies. *Statistica Sinica* 6, 733-807.
    .. [2] Benjamini, Y., Hochberg, Y. (1995). Controlling the false discovery rate. *Journal
       of the Royal Statistical Society B* 57(1), 289-300.
       https://doi.org/10.1111/j.2517-6161.1995.tb02031.x
    """
    import pandas as pd

    counts = Counts.of(estimate.claims)
    pairs = _Pairs.of(counts, estimate.claims.n_sources)
    n = int(np.clip(80 * len(pairs.size), 1000, 10_000)) if n is None else n
    agreement = pairs.mean(counts.count[pairs.left] == counts.count[pairs.right])
    equal, real, drawn = [], [], []
    for replicate in replicates(estimate, n, rng=rng):
        equal.append(pairs.mean(replicate.count[pairs.left] == replicate.count[pairs.right]))
        real.append(pairs.correlation(replicate.residuals(counts.count)))
        drawn.append(pairs.correlation(replicate.residuals(replicate.count)))
    tails = _tail(agreement, np.array(equal)), _tail(np.array(real), np.array(drawn))
    tail = np.minimum(1.0, 2.0 * np.minimum(*tails))
    names = np.array(estimate.claims.sources, dtype=object)
    table = pd.DataFrame(
        {
            "n_common": pairs.size,
            "agreement": agreement, "agreement_expected": np.mean(equal, axis=0),
            "correlation": np.mean(real, axis=0), "correlation_expected": np.mean(drawn, axis=0),
            "tail_prob": tail, "adjusted": _adjusted(tail), "linked": _adjusted(tail) < _FALSE,
        },
        index=pd.MultiIndex.from_arrays(
            [names[pairs.first], names[pairs.second]], names=["source", "other"]
        ),
    )  # fmt: skip
    return table.sort_values("tail_prob", kind="stable")


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Pairs of sources with enough common locations, and their counts there, pair by pair."""

    first: Integers  # (n_pairs,) sources
    second: Integers
    size: Integers  # (n_pairs,) common locations
    left: Integers  # (n_common,) positions of the counts
    right: Integers
    pair: Integers

    @classmethod
    def of(cls, counts: Counts, n_sources: int) -> "_Pairs":
        left, right = counts.pairs()
        # The order of two sources must not depend on the location.
        swap = counts.source[left] > counts.source[right]
        left, right = np.where(swap, right, left), np.where(swap, left, right)
        code = counts.source[left] * n_sources + counts.source[right]
        codes, pair, size = np.unique(code, return_inverse=True, return_counts=True)
        enough = size >= _LEAST_COMMON
        keep = enough[pair]
        position = np.cumsum(enough) - 1
        first, second = np.divmod(codes[enough], max(n_sources, 1))
        return cls(first, second, size[enough], left[keep], right[keep], position[pair[keep]])

    def mean(self, values: Floats | NDArray[np.bool_]) -> Floats:
        """Mean over the locations of each pair, shape (n_pairs,)."""
        return np.bincount(self.pair, weights=values, minlength=len(self.size)) / self.size

    def correlation(self, residuals: Floats) -> Floats:
        """Correlation of the residuals of each pair, shape (n_pairs,); 0 where one is constant."""
        a, b = residuals[self.left], residuals[self.right]
        a, b = a - self.mean(a)[self.pair], b - self.mean(b)[self.pair]
        scale = np.sqrt(self.mean(a * a) * self.mean(b * b))
        return self.mean(a * b) / np.where(scale > 0, scale, 1.0)


def _tail(observed: Floats, drawn: Floats) -> Floats:
    """Probability of `drawn` above `observed`, ties by half; never 0, as draws are finite.

    Parameters
    ----------
    observed : ndarray of float, shape (n_columns,) or (n_draws, n_columns)
        Real values, the same at every draw or not.
    drawn : ndarray of float, shape (n_draws, n_columns)
        Values of replicates.
    """
    above = (drawn > observed).sum(axis=0) + 0.5 * (drawn == observed).sum(axis=0)
    return np.asarray((above + 0.5) / (len(drawn) + 1), np.float64)


def _adjusted(tail: Floats) -> Floats:
    """Tails after Benjamini and Hochberg: flag those below q, and a share q is false."""
    order = np.argsort(tail)[::-1]
    m = len(tail)
    out = np.empty(m)
    out[order] = np.minimum.accumulate(tail[order] * m / np.arange(m, 0, -1)).clip(max=1.0)
    return out


def _mean(values: NDArray[np.bool_]) -> float:
    return float(values.mean()) if values.size else np.nan


def _median(values: Floats) -> float:
    return float(np.median(values)) if values.size else np.nan
