r"""Incidents that nobody lists, from who told of those that somebody does.

A total is of the incidents in the table. Large ones are told of by many sources, small ones by
few, and some by none. Given the toll `n` of an incident, source `s` tells of it with probability

.. math:: p_s(n) = \operatorname{logistic}\{a_s + g_s (\log(1 + n) - c)\},
    \quad q(n) = \prod_s \{1 - p_s(n)\},

with `c` the mean log toll; sources are independent of each other. The likelihood is of what is
listed, given that it is: each incident's is divided by :math:`1 - q(n)`. An incident that is
listed then stands for a geometric number of like ones that are not, of mean
:math:`q(n) / \{1 - q(n)\}` [1]_. Where sources copy whom they tell of, or incidents differ in more
than size, there are more: the number is a lower bound then, as that of Chao [2]_, which knows of
no size, always is.

References
----------
.. [1] Huggins, R. M. (1989). On the statistical analysis of capture experiments. *Biometrika*
   76(1), 133-140. https://doi.org/10.1093/biomet/76.1.133
.. [2] Chao, A. (1987). Estimating the population size for capture-recapture data with unequal
   catchability. *Biometrics* 43(4), 783-791. https://doi.org/10.2307/2531532
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from tollest import _text
from tollest._arrays import Flags, Floats, Integers
from tollest.claims.table import Claims
from tollest.estimation.masses import check_interval
from tollest.estimation.results import Estimate

if TYPE_CHECKING:
    import pandas as pd

_SD_OF_RATE, _SD_OF_GROWTH = 3.0, 1.0  # of the normal priors of a_s and g_s, around 0
_DRAWS = 20  # of all tolls, each with a fit of its own
_PER_FIT = 50  # draws of the sources' habits around each fit
_FEWEST = 10  # incidents, and some told of twice
_DEPENDENT = 3.0  # standard errors beyond which sources tell of the same incidents too often
BANDS = (0, 1, 2, 5, 10, 25, 100, 1000)  # least tolls of the bands that deaths are told by


@dataclass(frozen=True, eq=False)
class Unlisted:
    """Incidents that nobody lists, and the deaths in them, as far as those listed tell.

    Made by `unlisted`.

    Attributes
    ----------
    incidents, deaths : ndarray of int, shape (n_draws, n_bands)
        Draws of what is not listed, by the bands of tolls that begin at `bands`.
    listed_deaths : ndarray of int, shape (n_draws, n_bands)
        Draws of the deaths in listed incidents, with the same draws of theta.
    n_listed : int
        Incidents in the table.
    bands : tuple of int
        The least toll of each band; the first is 0 deaths.
    chao : float
        Chao's lower bound of the incidents that are not listed.
    dependence : float
        By how many standard errors two sources tell of the same incidents more often than
        independent ones would, at most. Of two sources alone nobody can say.
    """

    incidents: Integers
    deaths: Integers
    listed_deaths: Integers
    n_listed: int
    bands: tuple[int, ...]
    chao: float
    dependence: float

    @property
    def is_lower_bound(self) -> bool:
        """Whether sources go together so much that there are more incidents than told."""
        return self.dependence > _DEPENDENT

    def table(self, ci_prob: float = 0.9) -> "pd.DataFrame":
        """Unlisted incidents and deaths, and deaths in all, with equal-tailed intervals.

        Returns
        -------
        pandas.DataFrame
            Rows ``"unlisted incidents"``, ``"unlisted deaths"``, ``"listed deaths"`` and ``"all
            deaths"``; columns ``median, lower, upper``.

        Raises
        ------
        ValueError
            If `ci_prob` is not between 0 and 1.
        """
        deaths, listed = self.deaths.sum(axis=1), self.listed_deaths.sum(axis=1)
        rows = {
            "unlisted incidents": self.incidents.sum(axis=1), "unlisted deaths": deaths,
            "listed deaths": listed, "all deaths": deaths + listed,
        }  # fmt: skip
        return _intervals(rows, ci_prob)

    def by_size(self, ci_prob: float = 0.9) -> "pd.DataFrame":
        """Unlisted incidents by their toll, with equal-tailed intervals.

        Returns
        -------
        pandas.DataFrame
            A row a band of tolls, such as ``"2 to 4"``; columns ``median, lower, upper`` of
            incidents.

        Raises
        ------
        ValueError
            If `ci_prob` is not between 0 and 1.
        """
        ends = [*(str(band - 1) for band in self.bands[1:]), ""]
        names = [
            f"{band} or more" if not end else end if end == str(band) else f"{band} to {end}"
            for band, end in zip(self.bands, ends, strict=True)
        ]
        return _intervals(dict(zip(names, self.incidents.T, strict=True)), ci_prob)

    def __repr__(self) -> str:
        """Give the answer as text, with what it assumes."""
        lines = [
            f"Incidents that nobody lists, beside {self.n_listed:,} that somebody does; 90 % "
            "equal-tailed credible intervals.",
            self.table().to_string(float_format=lambda value: f"{value:,.0f}"),
            f"Chao's lower bound, which knows of no size: {self.chao:,.0f} incidents.",
            "Assumed: sources tell of an incident independently of each other, the likelier the "
            "larger it is, and incidents of a size are alike.",
        ]
        if self.is_lower_bound:
            lines.append(
                "Sources tell of the same incidents more often than independent ones would "
                f"({self.dependence:.1f} standard errors): all these are lower bounds."
            )
        return "\n".join(lines)


def _intervals(rows: dict[str, Integers], ci_prob: float) -> "pd.DataFrame":
    import pandas as pd

    check_interval(ci_prob, "eti")
    ends = (0.5, 0.5 - ci_prob / 2, 0.5 + ci_prob / 2)
    table = pd.DataFrame(
        [np.quantile(d, ends, method="inverted_cdf").astype(np.int64) for d in rows.values()],
        index=list(rows), columns=["median", "lower", "upper"],
    )  # fmt: skip
    table.attrs.update(ci_prob=ci_prob, ci_kind="eti")
    return table


def unlisted(estimate: Estimate, *, rng: int | np.random.Generator | None = None) -> Unlisted:
    """Estimate the incidents that no source lists, and the deaths in them.

    Locations are taken for incidents, and every source of the table for one that could have told
    of each. Nothing of this is in any total.

    Parameters
    ----------
    estimate : Estimate
        The posterior of what is listed.
    rng : int, Generator or None
        Seed or generator.

    Returns
    -------
    Unlisted

    Raises
    ------
    ValueError
        If locations are parts of others; if there is one source alone, fewer than ten locations,
        or none that two sources tell of.

    Examples
    --------
    >>> import pandas as pd, tollest as te
    >>> rows = [(f"incident {i}", "press", 3 + i % 7) for i in range(30)]
    >>> rows += [(f"incident {i}", "radio", 3 + i % 7) for i in range(20, 45)]
    >>> table = pd.DataFrame(rows, columns=["location", "source", "count"])
    >>> estimate = te.estimate(te.Claims.from_table(table), rng=1)
    >>> float(unlisted(estimate, rng=1).chao)
    61.25
    """
    claims = estimate.claims
    told = _told(claims)
    if (claims.parent >= 0).any():
        raise ValueError("locations are parts of others; ask it of incidents alone.")
    if told.shape[1] < 2:
        raise ValueError("one source tells of all incidents; two are needed, to compare.")
    if len(told) < _FEWEST or not (told.sum(axis=1) > 1).any():
        raise ValueError(
            f"{_text.plural(len(told), 'location')}, and {int((told.sum(axis=1) > 1).sum())} that "
            f"two sources tell of; {_FEWEST} are needed, and some told of twice."
        )
    spoken = np.flatnonzero(claims.claims_per_location > 0)
    flat = estimate.theta.flat
    thetas = flat[np.linspace(0, len(flat), _DRAWS, endpoint=False).astype(np.int64)]
    return unlisted_of(told, estimate.toll_draws(thetas)[:, spoken], np.random.default_rng(rng))


def unlisted_of(told: Flags, draws: Integers, rng: np.random.Generator) -> Unlisted:
    """Estimate it from who tells of what, (n_listed, n_sources), and draws of their tolls."""
    incidents, deaths, listed, dependence, bands = [], [], [], [], BANDS
    for tolls in draws:
        x = np.log1p(tolls)
        centred = x - x.mean()
        mode, covariance = _fit(told, centred)
        habits = rng.multivariate_normal(mode, covariance, size=_PER_FIT, method="cholesky")
        band = np.searchsorted(np.array(bands), tolls, side="right") - 1
        of_band = band[:, None] == np.arange(len(bands))
        dependence.append(_dependence(told, _probabilities(mode, centred)))
        for habit in habits:
            missed = np.prod(1.0 - _probabilities(habit, centred), axis=1)
            number = rng.geometric(np.maximum(1.0 - missed, 1e-9)) - 1
            incidents.append(number @ of_band)
            deaths.append((number * tolls) @ of_band)
            listed.append(tolls @ of_band)
    twice, once = (int((told.sum(axis=1) == k).sum()) for k in (2, 1))
    chao = once**2 / (2.0 * twice) if twice else once * (once - 1) / 2.0
    return Unlisted(
        np.array(incidents), np.array(deaths), np.array(listed), len(told), bands, chao,
        float(np.mean(dependence)),
    )  # fmt: skip


def _told(claims: Claims) -> Flags:
    """Whether each source tells of each location that somebody tells of; (n_told, n_sources).

    Claims that were superseded or that repeat another source tell of it, too.
    """
    rows, kept = claims.record.rows, claims.record.location
    out = np.zeros((claims.n_locations, len(rows.names)), bool)
    known = (kept >= 0) & np.isin(claims.record.status(np.arange(kept.size)), _TELLING)
    out[kept[known], rows.source[known]] = True
    out = out[claims.claims_per_location > 0]
    return out[:, out.any(axis=0)]


_TELLING = ("used", "superseded", "repeats another")


def _probabilities(habits: Floats, x: Floats) -> Floats:
    """Probability that each source tells of each incident; `habits` are a, then g."""
    rate, growth = habits.reshape(2, -1)
    return np.asarray(expit(rate + growth * x[:, None]), np.float64)


def _fit(told: Flags, x: Floats) -> tuple[Floats, Floats]:
    """Mode and covariance of the sources' habits, given that each incident is told of."""
    n_sources = told.shape[1]
    precision = np.repeat([1.0 / _SD_OF_RATE**2, 1.0 / _SD_OF_GROWTH**2], n_sources)

    def parts(habits: Floats) -> tuple[Floats, Floats, Floats]:
        p = np.clip(_probabilities(habits, x), 1e-12, 1.0 - 1e-12)
        missed = np.prod(1.0 - p, axis=1)
        # Of an incident that somebody tells of, a source does with this probability.
        return p, missed, p / (1.0 - missed)[:, None]

    def value(habits: Floats) -> tuple[float, Floats]:
        p, missed, given = parts(habits)
        log_p = np.where(told, np.log(p), np.log1p(-p)).sum() - np.log1p(-missed).sum()
        slope = told - given
        gradient = np.concatenate([slope.sum(axis=0), (slope * x[:, None]).sum(axis=0)])
        penalty = 0.5 * (precision * habits**2).sum()
        return penalty - log_p, precision * habits - gradient

    start = np.zeros(2 * n_sources)
    mode = minimize(value, start, jac=True, method="BFGS").x
    p, _, given = parts(mode)
    # Expected information: covariances of what is told, given that something is.
    weight = given[:, :, None] * p[:, None, :] - given[:, :, None] * given[:, None, :]
    diagonal = np.arange(n_sources)
    weight[:, diagonal, diagonal] = given * (1.0 - given)
    blocks = [np.einsum("i,ist->st", x**k, weight) for k in range(3)]
    information = np.block([[blocks[0], blocks[1]], [blocks[1], blocks[2]]])
    return mode, np.linalg.inv(information + np.diag(precision))


def _dependence(told: Flags, p: Floats) -> float:
    """Most standard errors by which two sources go together beyond what sizes explain."""
    listed = 1.0 - np.prod(1.0 - p, axis=1)
    most = 0.0
    for s in range(p.shape[1]):
        for t in range(s):
            both = p[:, s] * p[:, t] / listed
            excess = float((told[:, s] & told[:, t]).sum() - both.sum())
            variance = float((both * (1.0 - both)).sum())
            most = max(most, excess / max(variance, 1e-9) ** 0.5)
    return most
