"""Rules of the literature for the toll in the end from reports of the first days.

Each has ``interval(reports, others, ci_prob)``: `reports` are those on one event up to now, and
`others` the reports on other events with their settled tolls, from which errors are learnt.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.optimize import nnls
from scipy.stats import t as student

from benchmarks.readings import Floats


@dataclass(frozen=True, eq=False)
class Reports:
    """What was reported on one event by a time: hours since its onset, and numbers of dead."""

    hours: Floats
    number: Floats
    latest: float  # the number given most often of late
    now: float  # hours since the onset


type Others = list[tuple[Reports, int]]


class Rule(Protocol):
    """A way from reports to the toll in the end."""

    def interval(
        self, reports: Reports, others: Others, ci_prob: float
    ) -> tuple[float, float, float]:
        """Median and ends, in deaths."""


def around(point: float, errors: Floats, ci_prob: float) -> tuple[float, float, float]:
    """Interval around a prediction on the log1p axis, by a rule's own errors on other events."""
    centre, spread = errors.mean(), errors.std(ddof=1) * np.sqrt(1.0 + 1.0 / errors.size)
    reach = student.ppf(0.5 + ci_prob / 2, errors.size - 1) * spread
    middle = np.log1p(point) + centre
    low, median, high = np.expm1([middle - reach, middle, middle + reach])
    return float(median), float(max(low, 0.0)), float(high)


@dataclass(frozen=True)
class Doubling:
    """Twice the number reported by day 2, as it stands before and after [1]_.

    References
    ----------
    .. [1] Fujimoto, M., Nishiura, H. (2021). Predicting the cumulative number of disaster deaths
       during the early stage of earthquakes. *Annals of Translational Medicine* 9(3), 241.
       https://doi.org/10.21037/atm-20-5784
    """

    def interval(
        self, reports: Reports, others: Others, ci_prob: float
    ) -> tuple[float, float, float]:
        """Median and ends."""
        errors = [np.log1p(final) - np.log1p(2.0 * other.latest) for other, final in others]
        return around(2.0 * reports.latest, np.array(errors), ci_prob)


@dataclass(frozen=True)
class Completion:
    """Percentiles of the share that was complete by the same hour in other events [1]_.

    References
    ----------
    .. [1] As `Doubling`.
    """

    def interval(
        self, reports: Reports, others: Others, ci_prob: float
    ) -> tuple[float, float, float]:
        """Median and ends: the number over those quantiles of the share."""
        shares = np.array([(1.0 + final) / (1.0 + other.latest) for other, final in others])
        ends = np.quantile(shares, [0.5, 0.5 - ci_prob / 2, 0.5 + ci_prob / 2])
        median, low, high = (1.0 + reports.latest) * ends - 1.0
        return float(median), float(max(low, 0.0)), float(high)


def exponential_curve(reports: Reports) -> float:
    """Level that ``N (1 - exp(-alpha t))`` tends to, by least squares on reports so far.

    The rate is chosen from a grid of half-times of two hours to ten days.
    """
    t, y = reports.hours / 24.0, reports.number
    best, level = np.inf, float(y.max())
    for half in np.geomspace(2.0 / 24.0, 10.0, 60):
        shape = 1.0 - np.exp(-np.log(2.0) / half * t)
        (height,), misfit = nnls(shape[:, None], y)
        if misfit < best:
            best, level = misfit, float(height)
    return level


@dataclass(frozen=True)
class ExponentialCurve:
    """A curve that saturates, fitted to the reports so far [1]_.

    References
    ----------
    .. [1] As `Doubling`; for events of several kinds Li, Y., Wu, Z., Zhao, Y. (2011). Estimating
       the number of casualties in earthquakes from early field reports and improving the estimate
       with time. *Natural Hazards* 56, 699-708. https://doi.org/10.1007/s11069-010-9585-6
    """

    def interval(
        self, reports: Reports, others: Others, ci_prob: float
    ) -> tuple[float, float, float]:
        """Median and ends, by the curve's errors on other events at the same hour."""
        errors = [np.log1p(final) - np.log1p(exponential_curve(other)) for other, final in others]
        return around(exponential_curve(reports), np.array(errors), ci_prob)


@dataclass(frozen=True)
class Updating:
    """A log-normal toll, updated by a report that is a saturating share of it [1]_.

    Prior and spread of the share's rate are those of the other events; PAGER's own prior is of
    the shaking, which events of other kinds do not have.

    References
    ----------
    .. [1] Noh, H. Y., Jaiswal, K. S., Engler, D., Wald, D. J. (2020). An efficient Bayesian
       framework for updating PAGER loss estimates. *Earthquake Spectra* 36(4), 1719-1742.
       https://doi.org/10.1177/8755293020944177
    """

    error: float = 0.2  # of a report around the share, on the log axis

    def interval(
        self, reports: Reports, others: Others, ci_prob: float
    ) -> tuple[float, float, float]:
        """Median and ends, by sums over rates and tolls."""
        finals = np.log1p([final for _, final in others])
        rates = []
        for other, final in others:
            share = np.clip((1.0 + other.latest) / (1.0 + final), 0.01, 0.99)
            rates.append(-np.log1p(-share) / (other.now / 24.0))
        log_rate = np.log(rates)
        rate = np.exp(log_rate.mean() + log_rate.std(ddof=1) * np.linspace(-4, 4, 161))
        of_rate = np.exp(-0.5 * np.linspace(-4, 4, 161) ** 2)
        x = np.linspace(0.0, np.log(1e6), 2000)
        prior = np.exp(-0.5 * ((x - finals.mean()) / finals.std(ddof=1)) ** 2)
        share = -np.expm1(-rate * reports.now / 24.0)
        z = (np.log1p(reports.latest) - x[:, None] - np.log(share)) / self.error
        posterior = prior * (np.exp(-0.5 * z**2) @ of_rate)
        until = np.cumsum(posterior / posterior.sum())
        ends = np.interp([0.5, 0.5 - ci_prob / 2, 0.5 + ci_prob / 2], until, x)
        median, low, high = np.expm1(ends)
        return float(median), float(low), float(high)


RULES: tuple[Rule, ...] = (Doubling(), Completion(), ExponentialCurve(), Updating())
