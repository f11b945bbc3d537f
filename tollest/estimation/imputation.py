r"""Tolls as multiple imputations: analyses of each are pooled into one by Rubin's rules.

A joint draw of the tolls completes a table in which they are missing. An analysis of `m` such
tables gives estimates :math:`\hat q_l` with squared standard errors :math:`u_l`, and pooled [1]_

.. math::
    \bar q = \frac1m \sum_l \hat q_l, \quad \bar u = \frac1m \sum_l u_l, \quad
    b = \frac{1}{m-1} \sum_l (\hat q_l - \bar q)^2, \quad
    t = \bar u + \Big(1 + \frac1m\Big) b,

with a Student t of :math:`\nu` degrees of freedom around :math:`\bar q` [2]_, where
:math:`\nu_0` are those of the analysis of complete data:

.. math::
    \lambda = \frac{(1 + 1/m)\, b}{t}, \quad
    \frac1\nu = \frac{\lambda^2}{m-1}
    + \frac{\nu_0 + 3}{\nu_0 (\nu_0 + 1) (1 - \lambda)}.

References
----------
.. [1] Rubin, D. B. (1987). *Multiple Imputation for Nonresponse in Surveys*. Wiley, New York.
   https://doi.org/10.1002/9780470316696
.. [2] Barnard, J., Rubin, D. B. (1999). Small-sample degrees of freedom with multiple
   imputation. *Biometrika* 86(4), 948-955. https://doi.org/10.1093/biomet/86.4.948
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri, stdtrit

from tollest._arrays import Floats
from tollest.estimation.masses import check_interval

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class PooledEstimate:
    """Estimates from several imputations as one, by Rubin's rules.

    Made by `pool`. All arrays have the shape of one analysis' estimates.

    Attributes
    ----------
    names : tuple of str
        Name of each estimate.
    estimate : ndarray of float
        Mean over imputations.
    within : ndarray of float
        Mean squared standard error of the analyses.
    between : ndarray of float
        Variance of the estimates over imputations.
    m : int
        Imputations.
    df_complete : float
        Degrees of freedom of the analysis of complete data; infinite where it is of many.
    """

    names: tuple[str, ...]
    estimate: Floats
    within: Floats
    between: Floats
    m: int
    df_complete: float

    @property
    def variance(self) -> Floats:
        """Total variance, that within and that between imputations together."""
        return self.within + self._added

    @property
    def se(self) -> Floats:
        """Standard error."""
        return np.sqrt(self.variance)

    @property
    def _added(self) -> Floats:
        return (1.0 + 1.0 / self.m) * self.between

    @property
    def relative_increase(self) -> Floats:
        """Relative increase in variance for not knowing the tolls; infinite without a `within`."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self._added > 0, self._added / self.within, 0.0)

    @property
    def missing_share(self) -> Floats:
        """Share of the variance that is due to not knowing the tolls."""
        with np.errstate(invalid="ignore"):
            return np.where(self._added > 0, self._added / self.variance, 0.0)

    @cached_property
    def df(self) -> Floats:
        """Degrees of freedom of Barnard and Rubin; infinite for a normal."""
        share, complete = self.missing_share, self.df_complete
        with np.errstate(divide="ignore"):
            old = (self.m - 1) / np.square(share)
            if np.isinf(complete):
                return np.asarray(old)
            observed = (complete + 1.0) / (complete + 3.0) * complete * (1.0 - share)
            return np.asarray(1.0 / (1.0 / old + 1.0 / observed))

    @property
    def missing_information(self) -> Floats:
        """Fraction of information missing for not knowing the tolls."""
        with np.errstate(invalid="ignore"):
            fraction = (self.relative_increase + 2.0 / (self.df + 3.0)) / (
                1.0 + self.relative_increase
            )
        return np.where(np.isinf(self.relative_increase), 1.0, fraction)

    def interval(self, ci_prob: float = 0.9) -> tuple[Floats, Floats]:
        """Give the ends of the equal-tailed interval of each estimate.

        Raises
        ------
        ValueError
            If `ci_prob` is not between 0 and 1.
        """
        check_interval(ci_prob, "eti")
        upper = 0.5 + ci_prob / 2
        with np.errstate(invalid="ignore"):
            quantile = np.where(np.isinf(self.df), ndtri(upper), stdtrit(self.df, upper))
        return self.estimate - quantile * self.se, self.estimate + quantile * self.se

    def table(self, ci_prob: float = 0.9) -> "pd.DataFrame":
        """List all estimates with their intervals.

        Parameters
        ----------
        ci_prob : float
            Probability inside the intervals.

        Returns
        -------
        pandas.DataFrame
            A row for each estimate: ``estimate, se, df, lower, upper, relative_increase,
            missing_information``. ``attrs`` names `ci_prob` and ``ci_kind``.

        Raises
        ------
        ValueError
            If `ci_prob` is not between 0 and 1.
        """
        import pandas as pd

        lower, upper = self.interval(ci_prob)
        columns = {
            "estimate": self.estimate, "se": self.se, "df": self.df, "lower": lower,
            "upper": upper, "relative_increase": self.relative_increase,
            "missing_information": self.missing_information,
        }  # fmt: skip
        frame = pd.DataFrame(
            {name: np.atleast_1d(values) for name, values in columns.items()},
            index=pd.Index(self.names, name="name"),
        )
        frame.attrs.update(ci_prob=ci_prob, ci_kind="eti")
        return frame

    def __repr__(self) -> str:
        """Give the table as text, with its level."""
        head = f"Pooled over {self.m} imputations by Rubin's rules; 90 % equal-tailed intervals."
        return f"{head}\n{self.table().round(4).to_string()}"


def pool(
    estimates: ArrayLike, variances: ArrayLike, *, df_complete: float | None = None
) -> PooledEstimate:
    """Pool the estimates of an analysis of each imputation by Rubin's rules.

    Parameters
    ----------
    estimates : array-like of float, shape (m,) or (m, n_estimates)
        Estimates from each imputation: numbers, arrays, pandas Series or the rows of a
        DataFrame. On a scale on which they are close to normal: logarithms of ratios.
    variances : array-like of float, of the same shape
        Their squared standard errors; 0 for a number that is no sample's, such as a total.
    df_complete : float, optional
        Degrees of freedom the analysis would have if tolls were known, such as observations
        less coefficients. Left out, they are many.

    Returns
    -------
    PooledEstimate

    Raises
    ------
    ValueError
        If there are fewer than two imputations, shapes or names differ, a number is not
        finite, a variance is negative, or `df_complete` is not positive.

    Examples
    --------
    Three analyses with the standard error 1 that differ by 1 either way:

    >>> pooled = pool([4.0, 5.0, 6.0], [1.0, 1.0, 1.0])
    >>> float(pooled.estimate), float(pooled.variance.round(4)), float(pooled.df.round(3))
    (5.0, 2.3333, 6.125)
    """
    names = _names(estimates)
    if names is not None and (_names(variances) or names) != names:
        raise ValueError("names of estimates and of variances differ, or their order does.")
    q, u = np.asarray(estimates, np.float64), np.asarray(variances, np.float64)
    _check(q, u, df_complete)
    sampling, between = u.mean(axis=0), q.var(axis=0, ddof=1)
    if df_complete is not None and np.any((sampling == 0) & (between > 0)):
        raise ValueError("a variance of 0 is no sample's, so it has no df_complete; leave it out.")
    if names is None:
        names = tuple(str(i) for i in range(q[0].size))
    complete = np.inf if df_complete is None else float(df_complete)
    return PooledEstimate(names, q.mean(axis=0), sampling, between, len(q), complete)


def _check(q: Floats, u: Floats, df_complete: float | None) -> None:
    """Refuse what cannot be pooled."""
    if q.shape != u.shape or q.ndim not in (1, 2):
        raise ValueError(
            f"estimates are of shape {q.shape} and variances of shape {u.shape}; both are (m,) or "
            "(m, n_estimates), a row an imputation."
        )
    if len(q) < 2:
        raise ValueError(f"there are {len(q)} imputations; pooling takes two or more.")
    for name, values in (("estimates", q), ("variances", u)):
        if not np.isfinite(values).all():
            first = np.argwhere(~np.isfinite(values))[0].tolist()
            raise ValueError(f"{name} are not all finite: that of imputation {first[0]} is not.")
    if (u < 0).any():
        first = tuple(np.argwhere(u < 0)[0].tolist())
        raise ValueError(f"the variance of imputation {first[0]} is {u[first]}; it is 0 or more.")
    if df_complete is not None and not df_complete > 0:
        raise ValueError(f"df_complete is {df_complete}; degrees of freedom are positive.")


def _names(values: Any) -> tuple[str, ...] | None:  # noqa: ANN401 - whatever has names
    """Names of the estimates, where these are columns or Series; None where they have none."""
    if hasattr(values, "columns"):
        return tuple(str(name) for name in values.columns)
    if not isinstance(values, Sequence) or not all(hasattr(v, "index") for v in values):
        return None
    named = [tuple(map(str, v.index)) for v in values if not callable(v.index)]
    if len(named) != len(values) or not named:
        return None
    if len(set(named)) > 1:
        raise ValueError("names of the estimates differ between imputations, or their order does.")
    return named[0]
