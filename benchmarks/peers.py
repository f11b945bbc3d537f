"""Methods that users would reach for instead: one number a claim, no figure in circulation.

Every method has ``estimate(claims, ci_prob)``. Ranges and bounds are read as `benchmarks.readings`
says; `benchmarks.scores` says how good intervals and predictions are.
"""

from dataclasses import dataclass

import numpy as np

from benchmarks.readings import (
    Floats,
    Peer,
    PeerEstimate,
    Predictive,
    Readings,
    deaths,
    medians,
    quantile,
)
from tollest.claims.table import Claims
from tollest.estimation.masses import check_interval


def symmetric(
    centre: Floats, error: Floats, df: Floats, ci_prob: float, predictive: Floats
) -> PeerEstimate:
    """Student t around `centre` with standard `error`; `predictive` is a new claim's scale."""
    check_interval(ci_prob, "eti")
    reach = quantile(0.5 + ci_prob / 2, df) * error
    new = Predictive(centre, predictive, df)
    return PeerEstimate(deaths(centre), deaths(centre - reach), deaths(centre + reach), new)


@dataclass(frozen=True)
class MedianLogT:
    """Median of a log-normal: the mean of log1p counts, with Student's t interval [1]_.

    Where all claims on a location are equal, or there is one alone, they have no variance to
    tell of: the variance pooled over all locations stands in. Where there is none at all, the
    interval is the number.

    References
    ----------
    .. [1] Bland, J. M., Altman, D. G. (1996). Transformations, means, and confidence intervals.
       *BMJ* 312, 1079. https://doi.org/10.1136/bmj.312.7038.1079
    """

    def estimate(self, claims: Claims, ci_prob: float = 0.9) -> PeerEstimate:
        """Estimate every toll; a new claim has the variance of the others, and the mean's."""
        readings = Readings.of(claims)
        size, centre = readings.size, readings.mean(np.ones(len(readings.y)))
        squares = readings.sum((readings.y - centre[readings.location]) ** 2)
        df = np.maximum(size - 1.0, 0.0)
        pooled = squares.sum() / max(df.sum(), 1.0)
        low, high = readings.ends()
        own = high > low
        variance = np.where(own & (df > 0), squares / np.maximum(df, 1.0), pooled)
        df = np.where(own & (df > 0), df, df.sum() or np.inf)
        share = variance / np.maximum(size, 1.0)
        return symmetric(centre, np.sqrt(share), df, ci_prob, np.sqrt(variance + share))


def poisson_variance(readings: Readings) -> Floats:
    """Variance within each claim, (n_claims,): that of a Poisson count's log, 1 / (1 + count).

    Sources report none. This is the least that counting has.
    """
    return np.exp(-readings.y)


def random_effects(
    readings: Readings, variance: Floats, tau2: Floats, ci_prob: float
) -> PeerEstimate:
    """Synthesis of each location's claims, given the variances within them and between.

    One claim alone tells of no variance between: the mean of the other locations' `tau2` stands
    in, weighted by their degrees of freedom. Intervals are Wald's, as packages have them by
    default. A new claim has the mean's variance, that between claims and its own.
    """
    df = np.maximum(readings.size - 1.0, 0.0)
    tau2 = np.where(df > 0, tau2, (df * tau2).sum() / max(df.sum(), 1.0))
    weights = 1.0 / (variance + tau2[readings.location])
    centre = readings.mean(weights)
    with np.errstate(divide="ignore"):
        error = readings.sum(weights) ** -0.5
    new = np.sqrt(error**2 + tau2 + np.exp(-centre))
    return symmetric(centre, error, np.full(len(centre), np.inf), ci_prob, new)


def moment_tau2(readings: Readings, variance: Floats) -> Floats:
    """DerSimonian and Laird's variance between claims, (n_locations,); 0 for a claim alone."""
    w = 1.0 / variance
    misfit = (readings.y - readings.mean(w)[readings.location]) ** 2
    total = np.maximum(readings.sum(w), 1e-300)
    excess = readings.sum(w * misfit) - (readings.size - 1.0)
    scale = total - readings.sum(w**2) / total
    several = readings.size > 1
    return np.where(several, np.maximum(excess, 0.0) / np.where(several, scale, 1.0), 0.0)


@dataclass(frozen=True)
class DerSimonianLaird:
    """Random-effects meta-analysis of log1p counts, by moments [1]_; see `random_effects`.

    References
    ----------
    .. [1] DerSimonian, R., Laird, N. (1986). Meta-analysis in clinical trials. *Controlled
       Clinical Trials* 7(3), 177-188. https://doi.org/10.1016/0197-2456(86)90046-2
    """

    def estimate(self, claims: Claims, ci_prob: float = 0.9) -> PeerEstimate:
        """Estimate every toll."""
        readings = Readings.of(claims)
        variance = poisson_variance(readings)
        return random_effects(readings, variance, moment_tau2(readings, variance), ci_prob)


def restricted_tau2(readings: Readings, variance: Floats) -> Floats:
    """Restricted maximum likelihood of the variance between claims, (n_locations,).

    The score is bisected for all locations at once; where it falls at 0, so is the variance.
    """

    def score(tau2: Floats) -> Floats:
        w = 1.0 / (variance + tau2[readings.location])
        total = np.maximum(readings.sum(w), 1e-300)
        misfit = readings.y - readings.mean(w)[readings.location]
        return readings.sum((w * misfit) ** 2) - total + readings.sum(w**2) / total

    low = np.zeros(readings.n_locations)
    centre = readings.mean(np.ones(len(readings.y)))
    high = readings.sum((readings.y - centre[readings.location]) ** 2 + variance)
    rises = (score(low) > 0) & (readings.size > 1)
    for _ in range(100):
        middle = 0.5 * (low + high)
        up = score(middle) > 0
        low, high = np.where(up, middle, low), np.where(up, high, middle)
    return np.where(rises, 0.5 * (low + high), 0.0)


@dataclass(frozen=True)
class REML:
    """Random-effects meta-analysis of log1p counts, by REML [1]_; see `random_effects`.

    References
    ----------
    .. [1] Viechtbauer, W. (2005). Bias and efficiency of meta-analytic variance estimators in the
       random-effects model. *Journal of Educational and Behavioral Statistics* 30(3), 261-293.
       https://doi.org/10.3102/10769986030003261
    """

    def estimate(self, claims: Claims, ci_prob: float = 0.9) -> PeerEstimate:
        """Estimate every toll."""
        readings = Readings.of(claims)
        variance = poisson_variance(readings)
        return random_effects(readings, variance, restricted_tau2(readings, variance), ci_prob)


@dataclass(frozen=True)
class MajorityValue:
    """The number most sources state, without an interval: its ends are the number [1]_.

    Of several numbers stated equally often, the median (on the log1p axis). `ci_prob` is ignored.

    References
    ----------
    .. [1] Li, Y. et al. (2016). A survey on truth discovery. *ACM SIGKDD Explorations Newsletter*
       17(2), 1-16. https://doi.org/10.1145/2897350.2897352
    """

    def estimate(self, claims: Claims, ci_prob: float = 0.9) -> PeerEstimate:
        """Estimate every toll."""
        check_interval(ci_prob, "eti")
        readings = Readings.of(claims)
        stated = np.column_stack([readings.location, readings.low, readings.high])
        distinct, votes = np.unique(stated, axis=0, return_counts=True)
        location = distinct[:, 0].astype(np.int64)
        most = np.zeros(readings.n_locations, np.int64)
        np.maximum.at(most, location, votes)
        won = votes == most[location]
        middle = 0.5 * (distinct[won, 1] + distinct[won, 2])
        toll = deaths(medians(location[won], middle, readings.n_locations))
        return PeerEstimate(toll, toll, toll)


@dataclass(frozen=True)
class MinMax:
    """The smallest and the largest number stated, as event data sets report [1]_; the median.

    `ci_prob` is ignored. One claim alone is its own interval.

    References
    ----------
    .. [1] Sundberg, R., Melander, E. (2013). Introducing the UCDP Georeferenced Event Dataset.
       *Journal of Peace Research* 50(4), 523-532. https://doi.org/10.1177/0022343313484347
    """

    def estimate(self, claims: Claims, ci_prob: float = 0.9) -> PeerEstimate:
        """Estimate every toll."""
        check_interval(ci_prob, "eti")
        readings = Readings.of(claims)
        low, high = readings.ends()
        median = medians(readings.location, readings.y, readings.n_locations)
        return PeerEstimate(deaths(median), deaths(low), deaths(high))


@dataclass(frozen=True)
class GaussianTruth:
    r"""Every source has a bias and a variance, learnt over all locations by EM.

    .. math:: y_{ij} = x_i + b_j + e_{ij}, \quad e_{ij} \sim N(0, \sigma_j^2), \quad
        b_j \sim N(0, \beta^2), \quad \sigma_j^2 \sim \mathrm{InverseGamma}(a, c)

    on the log1p axis. This is the Gaussian truth model of [1]_ with a flat prior for the truths
    and with biases besides. Truths are integrated out; biases and variances are maximised over.
    The interval takes these for known, as theirs does. A source that never claims where another
    does has no bias, and the prior's mode for its variance. A new source has the mean squared
    bias and the mean variance of those seen.

    Parameters
    ----------
    bias_sd : float
        Prior standard deviation of the biases.
    shape, rate : float
        Of the variances' prior; it keeps sources that repeat each other from a variance of 0.
    tolerance : float
        Largest change of a bias or of a log variance at which iterations end.

    References
    ----------
    .. [1] Zhao, B., Han, J. (2012). A probabilistic model for estimating real-valued truth from
       conflicting sources. *Proceedings of the 10th International Workshop on Quality in
       Databases (QDB)*.
    """

    bias_sd: float = 0.3
    shape: float = 2.0
    rate: float = 0.1
    tolerance: float = 1e-9

    def learn(self, readings: Readings) -> tuple[Floats, Floats]:
        """Bias and variance of every source, both of shape (n_sources,).

        Raises
        ------
        RuntimeError
            If they still change after 100,000 iterations.
        """
        # A claim alone on its location tells nothing here, and would only slow EM down.
        told = readings.size[readings.location] > 1
        location, source, y = readings.location[told], readings.source[told], readings.y[told]

        def total(values: Floats) -> Floats:
            return np.bincount(source, weights=values, minlength=readings.n_sources)

        n = total(np.ones(len(y)))
        bias, variance = np.zeros((2, readings.n_sources))
        variance += self.rate / (self.shape + 1.0)
        for _ in range(100_000):
            weights = 1.0 / variance[source]
            precision = np.maximum(np.bincount(location, weights), 1e-300)
            truth = np.bincount(location, weights * (y - bias[source])) / precision
            new = total(y - truth[location]) / np.maximum(n + variance / self.bias_sd**2, 1e-300)
            # All biases can move up by as much as all truths move down: they centre on 0.
            new[n > 0] -= new[n > 0].mean() if len(y) else 0.0
            square = (y - new[source] - truth[location]) ** 2 + 1.0 / precision[location]
            changed = (2.0 * self.rate + total(square)) / (2.0 * (self.shape + 1.0) + n)
            step = max(np.abs(new - bias).max(), np.abs(np.log(changed / variance)).max())
            bias, variance = new, changed
            if step < self.tolerance:
                return bias, variance
        raise RuntimeError("EM has not converged; a larger shape makes it faster.")

    def estimate(self, claims: Claims, ci_prob: float = 0.9) -> PeerEstimate:
        """Estimate every toll."""
        readings = Readings.of(claims)
        bias, variance = self.learn(readings)
        weights = 1.0 / variance[readings.source]
        with np.errstate(divide="ignore", invalid="ignore"):
            error = readings.sum(weights) ** -0.5
            centre = readings.sum(weights * (readings.y - bias[readings.source])) * error**2
        new = np.sqrt(error**2 + np.mean(bias**2 + variance))
        return symmetric(centre, error, np.full(len(centre), np.inf), ci_prob, new)


PEERS: tuple[Peer, ...] = (
    MedianLogT(), DerSimonianLaird(), REML(), MajorityValue(), GaussianTruth(), MinMax(),
)  # fmt: skip
