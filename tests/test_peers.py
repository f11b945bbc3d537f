import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from benchmarks.peers import (
    PEERS,
    REML,
    DerSimonianLaird,
    GaussianTruth,
    MajorityValue,
    MedianLogT,
    MinMax,
    moment_tau2,
    random_effects,
    restricted_tau2,
)
from benchmarks.readings import Predictive, Readings
from benchmarks.scores import coverage, interval_score, leave_source_out, mean_log_width
from tests.conftest import claims_of
from tollest import noise
from tollest.claims.table import Claims
from tollest.simulation.worlds import draw_truth, simulate

DISTRIBUTIONS = (MedianLogT(), DerSimonianLaird(), REML(), GaussianTruth())

# metafor 3.8-1 under R 4.2.2: rma(yi = y, sei = sigma, method = "REML" or "DL") and predict().
# y is the log of whole numbers; b, se, tau2, and the ends of the 95 % interval and of predict's.
METAFOR = {
    "k3": {
        "y": [9.210340371976, 9.546812608597, 8.987196820662],
        "sigma": [0.1, 0.2, 0.25],
        "REML": (9.256679424308, 0.1237073126941, 0.01801940412525),
        "REML ends": (9.014217546804, 9.499141301813, 8.898896583798, 9.614462264819),
        "DL": (9.257515349596, 0.1312816862114, 0.02288563536376),
        "DL ends": (9.000207972792, 9.5148227264, 8.864932476825, 9.650098222367),
    },
    "k5": {
        "y": [4.787491742782, 4.553876891601, 5.19295685089, 4.941642422609, 4.700480365792],
        "sigma": [0.05, 0.15, 0.3, 0.1, 0.2],
        "REML": (4.802580668694, 0.0673223523644, 0.007577320042198),
        "REML ends": (4.670631282705, 4.934530054682, 4.586898950933, 5.018262386454),
        "DL": (4.802379168047, 0.0716592485239, 0.009625613380046),
        "DL ends": (4.661929621781, 4.942828714313, 4.564256358409, 5.040501977685),
    },
    "k8": {
        "y": [8.55641390457, 8.716044050161, 8.476371196896, 9.159047077589, 8.630521876723,
              8.517193191416, 8.881836305004, 8.268731832118],
        "sigma": [0.08, 0.12, 0.2, 0.35, 0.05, 0.25, 0.15, 0.3],
        "REML": (8.630740419525, 0.0370140813807, 2.648337935588e-06),
        "REML ends": (8.558194153098, 8.703286685952, 8.558124069757, 8.703356769292),
        "DL": (8.635513247206, 0.04925541264586, 0.00365463390215),
        "DL ends": (8.538974412376, 8.732052082035, 8.482677151109, 8.788349343303),
    },
    "k2": {
        "y": [6.907755278982, 8.294049640102],
        "sigma": [0.05, 0.05],
        "REML": (7.600902459542, 0.6931471805599, 0.9584060278364),
        "REML ends": (6.242358949659, 8.959445969425, 5.249877628179, 9.951927290905),
        "DL": (7.600902459542, 0.6931471805599, 0.9584060278364),
        "DL ends": (6.242358949659, 8.959445969425, 5.249877628179, 9.951927290905),
    },
    "k4": {
        "y": [6.214608098422] * 4,
        "sigma": [0.1] * 4,
        "REML": (6.214608098422, 0.05, 0.0),
        "REML ends": (6.116609899195, 6.312606297649, 6.116609899195, 6.312606297649),
        "DL": (6.214608098422, 0.05, 0.0),
        "DL ends": (6.116609899195, 6.312606297649, 6.116609899195, 6.312606297649),
    },
}  # fmt: skip


def table(*rows):
    """Claims of counts, from (location, source, count)."""
    return claims_of(rows, "location source count")


def at(*counts):
    """Counts on one location, a source each."""
    return table(*[("Arden", f"source {i}", n) for i, n in enumerate(counts)])


@pytest.fixture(scope="module")
def simulated():
    return simulate(60, 6, truth=draw_truth(6, rng=3, repeat=0.2, repeat_spread=0.0), rng=4)


# ------------------------------------------------------------------------------- readings


def test_claims_are_read_at_the_middle_or_at_their_bound():
    kinds = ["count", "range", "at_least", "at_most", "documented"]
    frame = pd.DataFrame(
        {
            "location": "Arden",
            "source": kinds,
            "kind": kinds,
            "count": [30, None, 17, 25, 11],
            "lower": [None, 20, None, None, None],
            "upper": [None, 40, None, None, None],
        }
    )
    claims = Claims.from_table(frame)

    readings = Readings.of(claims)

    read = dict(zip(claims.sources, np.exp(readings.y), strict=True))
    # Documented deaths are none of the claims that may err.
    expected = {"at_least": 18, "at_most": 26, "count": 31, "range": math.sqrt(21 * 41)}
    assert read == pytest.approx(expected)


@pytest.mark.parametrize("method", PEERS)
def test_silence_has_no_answer_and_a_claim_of_none_has_one(method):
    frame = pd.DataFrame({"location": ["Arden"] * 2, "source": ["a", "b"], "count": [0, 0]})

    result = method.estimate(Claims.from_table(frame, locations=["Brook"]))

    assert result.median[0] == result.lower[0] == 0.0
    assert np.isnan([result.median[1], result.lower[1], result.upper[1]]).all()


@pytest.mark.parametrize("method", PEERS)
def test_locations_of_their_own_do_not_depend_on_the_order_of_rows(method):
    claims = simulate(20, 4, rng=1).claims
    frame = claims.to_frame()

    result = method.estimate(claims)
    shuffled = Claims.from_table(frame.sample(frac=1.0, random_state=1))
    again = method.estimate(shuffled)

    order = [shuffled.locations.index(name) for name in claims.locations]
    for name in ("median", "lower", "upper"):
        # To a thousandth of a death: sums in another order end in other digits.
        assert_allclose(getattr(again, name)[order], getattr(result, name), atol=0.0011)


@pytest.mark.parametrize("method", PEERS)
def test_a_level_that_means_nothing_is_refused(method):
    with pytest.raises(ValueError, match=r"ci_prob is 90; it lies between 0 and 1"):
        method.estimate(at(3, 4), ci_prob=90)


# -------------------------------------------------------------------------------- methods


def test_median_log_t_is_a_t_interval_of_logs():
    y = np.log1p([12, 20, 9, 31])

    result = MedianLogT().estimate(at(12, 20, 9, 31), ci_prob=0.8)

    low, high = stats.t.interval(0.8, 3, y.mean(), stats.sem(y))
    assert_allclose(
        [result.median[0], result.lower[0], result.upper[0]],
        np.expm1([y.mean(), low, high]),
        atol=0.0005,
    )
    assert_allclose(result.predictive.scale, y.std(ddof=1) * math.sqrt(1.25))


def test_claims_that_are_equal_or_alone_borrow_the_pooled_variance():
    claims = table(
        ("Arden", "a", 10), ("Arden", "b", 20), ("Arden", "c", 40),
        ("Brook", "a", 7), ("Brook", "b", 7),
        ("Corley", "a", 99),
    )  # fmt: skip

    result = MedianLogT().estimate(claims)

    y = np.log1p([10, 20, 40])
    sd = math.sqrt(((y - y.mean()) ** 2).sum() / 3)  # with Brook's degree of freedom
    reach = stats.t.ppf(0.95, 3) * sd
    assert_allclose(
        result.upper[1:], np.expm1([math.log(8) + reach / math.sqrt(2), math.log(100) + reach]),
        atol=0.0005,
    )  # fmt: skip


@pytest.mark.parametrize("counts", [(40,), (40, 40, 40)])
def test_where_nothing_varies_the_log_t_interval_is_the_number(counts):
    result = MedianLogT().estimate(at(*counts))

    assert result.lower[0] == result.median[0] == result.upper[0] == 40.0
    assert coverage(result.lower, result.upper, [40]) == 1.0


@pytest.mark.parametrize(("name", "tau2_of"), [("DL", moment_tau2), ("REML", restricted_tau2)])
def test_random_effects_agree_with_metafor(name, tau2_of):
    # All sets at once, a location each.
    sizes = [len(case["y"]) for case in METAFOR.values()]
    y = np.concatenate([case["y"] for case in METAFOR.values()])
    sigma = np.concatenate([case["sigma"] for case in METAFOR.values()])
    location = np.repeat(np.arange(len(sizes)), sizes)
    readings = Readings(location, np.arange(len(y)), y, y, len(sizes), len(y))

    tau2 = tau2_of(readings, sigma**2)
    result = random_effects(readings, sigma**2, tau2, ci_prob=0.95)

    expected = np.array([case[name] for case in METAFOR.values()])
    ends = np.array([case[f"{name} ends"] for case in METAFOR.values()])
    # metafor's Fisher scoring stops at steps of tau2 below 1e-5: on k8 short of 0 by as much.
    precision = 1e-5 if name == "REML" else 1e-9
    assert_allclose(tau2, expected[:, 2], atol=precision)
    assert_allclose(result.predictive.centre, expected[:, 0], atol=precision)
    # A thousandth of a death in a hundred.
    assert_allclose(np.log1p(result.lower), ends[:, 0], atol=1e-5 + 10 * precision)
    assert_allclose(np.log1p(result.upper), ends[:, 1], atol=1e-5 + 10 * precision)
    own = np.exp(-result.predictive.centre)  # metafor predicts a study's effect, not its count
    reach = stats.norm.ppf(0.975) * np.sqrt(result.predictive.scale**2 - own)
    assert_allclose(reach, (ends[:, 3] - ends[:, 2]) / 2, atol=1e-5 + 10 * precision)


def test_restricted_likelihood_is_largest_at_its_estimate():
    y, variance = np.log1p([12, 20, 9, 31, 5]), 1 / (1 + np.array([12, 20, 9, 31, 5]))
    zeros = np.zeros(5, np.int64)

    tau2 = restricted_tau2(Readings(zeros, np.arange(5), y, y, 1, 5), variance)[0]

    def log_likelihood(t):
        # Of contrasts of y: any basis of them will do.
        contrasts = np.linalg.svd(np.ones((1, 5)))[2][1:]
        covariance = contrasts @ np.diag(variance + t) @ contrasts.T
        return stats.multivariate_normal.logpdf(contrasts @ y, cov=covariance)

    grid = np.linspace(0.0, 4 * tau2, 401)
    assert tau2 > 0
    assert abs(grid[np.argmax([log_likelihood(t) for t in grid])] - tau2) <= 0.01 * tau2


@pytest.mark.parametrize("method", [DerSimonianLaird(), REML()])
def test_one_claim_alone_has_its_poisson_variance_and_the_others_between(method):
    alone = method.estimate(at(24))
    among = method.estimate(
        table(("Arden", "a", 24), ("Brook", "a", 100), ("Brook", "b", 400), ("Brook", "c", 900))
    )

    reach = stats.norm.ppf(0.95) / 5
    assert_allclose(alone.upper, np.expm1(math.log(25) + reach), atol=0.0005)
    three = at(100, 400, 900)
    tau2_of = moment_tau2 if isinstance(method, DerSimonianLaird) else restricted_tau2
    tau2 = tau2_of(Readings.of(three), np.exp(-Readings.of(three).y))[0]
    reach = stats.norm.ppf(0.95) * math.sqrt(1 / 25 + tau2)
    assert_allclose(among.upper[0], np.expm1(math.log(25) + reach), atol=0.0005)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [((5, 21, 21), 21), ((5, 5, 21, 21), math.sqrt(6 * 22) - 1), ((3, 7, 50), 7)],
)
def test_the_majority_wins_and_ties_go_to_the_median(counts, expected):
    result = MajorityValue().estimate(at(*counts))

    assert_allclose(result.median, expected, atol=0.0005)
    assert_array_equal(result.lower, result.upper)


def test_min_and_max_are_the_ends_of_what_was_stated():
    frame = pd.DataFrame(
        {"location": "Arden", "source": ["a", "b", "c"], "wording": ["20 to 40", "35", "31"]}
    )

    result = MinMax().estimate(Claims.from_table(frame))

    assert (result.lower[0], result.median[0], result.upper[0]) == (20, 31, 40)


def test_gaussian_truth_maximises_its_posterior(simulated):
    readings = Readings.of(simulated.claims)
    method = GaussianTruth()
    n = readings.n_sources

    def log_posterior(theta):
        # Contrasts of each location's claims have no truth in them: a flat prior integrated out.
        bias, variance = theta[:n], np.exp(theta[n:])
        value = stats.norm.logpdf(bias, scale=method.bias_sd).sum()
        # Of sigma^2 itself, so without the Jacobian of its log.
        value += stats.invgamma.logpdf(variance, method.shape, scale=method.rate).sum()
        for i in range(readings.n_locations):
            here = readings.location == i
            if here.sum() > 1:
                source = readings.source[here]
                contrasts = np.linalg.svd(np.ones((1, here.sum())))[2][1:]
                value += stats.multivariate_normal.logpdf(
                    contrasts @ (readings.y[here] - bias[source]),
                    cov=contrasts @ np.diag(variance[source]) @ contrasts.T,
                )
        return value

    bias, variance = method.learn(readings)

    theta, step = np.concatenate([bias, np.log(variance)]), 1e-4
    slopes = [
        (log_posterior(theta + step * e) - log_posterior(theta - step * e)) / (2 * step)
        for e in np.eye(2 * n)
    ]
    # Curvatures are of the order of the number of claims, some 30 a source: a slope of 1e-4 is a
    # distance of 1e-5.
    assert np.abs(slopes).max() < 1e-4
    assert_allclose(bias.sum(), 0.0, atol=1e-9)


def alike(**changes):
    """Four sources of one scatter, without bias unless it is given, that never repeat a figure."""
    truth = draw_truth(4, mu=6.0, bias_spread=0.0, scatter=0.3, scatter_spread=0.0, rng=1)
    return replace(truth, **{"repeat": np.zeros(4)} | changes)


def test_gaussian_truth_learns_who_is_biased():
    truth = alike(bias=np.array([0.3, 0.0, 0.0, -0.3]))
    claims = simulate(400, 4, truth=truth, noise=noise.Normal(), rng=2).claims
    readings = Readings.of(claims)

    bias, _ = GaussianTruth().learn(readings)

    # Of k claims on a location, one's worth of information goes to the toll.
    told = np.bincount(readings.source, 1.0 - 1.0 / readings.size[readings.location])
    assert np.all(np.abs(bias - truth.bias) < 4 * 0.3 / np.sqrt(told))


@pytest.mark.parametrize("method", [MedianLogT(), GaussianTruth()])
def test_intervals_hold_the_toll_where_sources_are_alike_and_independent(method):
    # Normal errors of one variance, no bias, and no figure: the assumptions of both.
    simulated = simulate(
        2000, 4, claims_per_location=4, truth=alike(), noise=noise.Normal(), rng=5
    )
    several = simulated.claims.claims_per_location > 1

    result = method.estimate(simulated.claims)

    n = several.sum()
    covered = coverage(result.lower[several], result.upper[several], simulated.tolls[several])
    assert abs(covered - 0.9) < 4 * math.sqrt(0.9 * 0.1 / n)


# ---------------------------------------------------------------------------- predictions


@pytest.mark.parametrize("df", [math.inf, 3.0, 500.0])
def test_predictive_masses_are_those_of_whole_numbers(df):
    predictive = Predictive(np.array([2.0]), np.array([0.5]), np.array([df]))
    n = np.arange(60)

    actual = np.exp(predictive.log_mass(np.zeros(60, np.int64), n))

    def below(k):
        return stats.t.cdf((np.log1p(k + 0.5) - 2.0) / 0.5, df)

    assert_allclose(actual, np.diff(np.concatenate([[0.0], below(n)])), rtol=1e-9, atol=1e-15)


def test_a_predictive_interval_holds_its_level_and_no_more():
    predictive = Predictive(np.array([2.0]), np.array([0.5]), np.array([math.inf]))
    mass = np.exp(predictive.log_mass(np.zeros(200, np.int64), np.arange(200)))

    (lower,), (upper,) = predictive.interval(np.zeros(1, np.int64), 0.9)

    below = np.cumsum(mass)
    assert below[int(lower)] >= 0.05 > below[int(lower) - 1]
    assert below[int(upper)] >= 0.95 > below[int(upper) - 1]


def test_a_point_predicts_its_number_alone():
    predictive = MedianLogT().estimate(at(40)).predictive

    assert_array_equal(
        predictive.log_mass(np.zeros(2, np.int64), np.array([40, 41])), [0.0, -np.inf]
    )
    assert predictive.interval(np.zeros(1, np.int64), 0.9) == (40.0, 40.0)


@pytest.mark.parametrize("method", DISTRIBUTIONS)
def test_a_source_left_out_does_not_leak_into_its_prediction(method, simulated):
    frame = simulated.claims.to_frame()
    source = simulated.claims.sources[0]
    other = frame.copy()
    other.loc[other["source"] == source, ["lower", "upper"]] += 1000

    first, changed = (
        left[left["source"] == source]
        for left in (leave_source_out(method, Claims.from_table(f)) for f in (frame, other))
    )

    assert len(first) > 10
    assert_array_equal(first[["lower", "upper"]], changed[["lower", "upper"]])
    assert_array_equal(first["count"] + 1000, changed["count"])
    assert np.isfinite(first["log_mass"]).all()
    assert (first["log_mass"].to_numpy() > changed["log_mass"].to_numpy()).mean() > 0.9


def test_predictions_are_those_of_the_claims_that_are_left():
    claims = table(
        ("Arden", "a", 12), ("Arden", "b", 20), ("Arden", "c", 9),
        ("Brook", "a", 7), ("Corley", "c", 3), ("Corley", "b", 5),
    )  # fmt: skip

    left = leave_source_out(DerSimonianLaird(), claims).set_index(["source", "location"])

    assert ("a", "Brook") not in left.index  # nobody else spoke of Brook
    assert len(left) == 5
    rest = table(("Arden", "b", 20), ("Arden", "c", 9), ("Corley", "c", 3), ("Corley", "b", 5))
    predictive = DerSimonianLaird().estimate(rest).predictive
    arden = np.zeros(1, np.int64)
    row = left.loc[("a", "Arden")]
    assert row["log_mass"] == predictive.log_mass(arden, np.array([12]))[0]
    assert (row["lower"], row["upper"]) == tuple(
        float(e[0]) for e in predictive.interval(arden, 0.9)
    )


@pytest.mark.parametrize("method", [MajorityValue(), MinMax()])
def test_methods_without_a_distribution_predict_nothing(method):
    with pytest.raises(ValueError, match=r"has no predictive distribution"):
        leave_source_out(method, at(3, 4))


# --------------------------------------------------------------------------------- scores


def test_scores_by_hand():
    # On the log1p axis: intervals 0 to 1, 1 to 3 and 2 to 2; truths 0.5, 4 and 1.5.
    lower, upper, truth = (np.expm1(a) for a in ([0.0, 1, 2], [1.0, 3, 2], [0.5, 4, 1.5]))

    assert_allclose(coverage(lower, upper, truth), 1 / 3)
    assert_allclose(mean_log_width(lower, upper), 1.0)
    # Widths 1, 2 and 0, and 2 / 0.2 for each unit missed: 0, 1 and 0.5.
    assert_allclose(interval_score(lower, upper, truth, ci_prob=0.8), (1 + 2 + 10 + 5) / 3)


def test_the_interval_score_is_least_at_the_true_quantiles():
    x = np.random.default_rng(1).normal(5.0, 0.5, 20_000)

    def score(reach):
        ends = (np.full(x.size, np.expm1(5.0 + side * reach)) for side in (-1, 1))
        return interval_score(*ends, np.expm1(x), ci_prob=0.9)

    right = 0.5 * stats.norm.ppf(0.95)
    assert score(right) < min(score(0.8 * right), score(1.25 * right))


def test_intervals_that_are_nan_are_not_scored():
    with pytest.raises(ValueError, match=r"1 of 2 intervals are nan; score all methods on the"):
        coverage(np.array([1.0, np.nan]), np.array([2.0, np.nan]), np.array([1.5, 3.0]))
    with pytest.raises(ValueError, match=r"0 of 0 intervals are nan"):
        mean_log_width(np.array([]), np.array([]))
