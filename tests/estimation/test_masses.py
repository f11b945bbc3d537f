import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from tollest.estimation.masses import TollMasses, several_quantiles, whole
from tollest.support import Support


def lognormal_on(support, sd, mean=8.517193191416238):
    first, last = support.bins(10_000)
    edges = np.concatenate([[-np.inf], np.log(first[1:] - 0.5), [np.inf]])
    return TollMasses(first, last, np.diff(stats.norm.cdf(edges, mean, sd))[None])


def integers(masses):
    return TollMasses(np.arange(len(masses)), np.arange(len(masses)), np.array([masses]))


def test_a_quantile_is_the_smallest_number_that_holds_its_probability():
    masses = integers([0.25, 0.25, 0.5])

    actual = [int(masses.quantile(q)[0]) for q in (0.0, 0.25, 0.26, 0.5, 0.51, 1.0)]

    assert actual == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("sd", [0.05, 0.2, 1.0])
@pytest.mark.parametrize("q", [0.01, 0.05, 0.5, 0.95, 0.99])
def test_quantiles_inside_bins_agree_with_the_continuous_distribution(sd, q):
    expected = stats.norm.ppf(q, np.log(5000.0), sd)

    actual = lognormal_on(Support(), sd).quantile(q)[0]

    # A tenth of a per cent, or one death.
    assert abs(actual - np.exp(expected)) <= max(0.001 * np.exp(expected), 1.0)


def test_tail_probabilities_inside_bins_agree_with_the_continuous_distribution():
    masses = lognormal_on(Support(), 0.2)
    for k in (3500, 5000, 7013):
        expected = stats.norm.sf(np.log(k - 0.5), np.log(5000.0), 0.2)
        assert_allclose(masses.at_least(k)[0], expected, rtol=1e-3)


def test_tail_probabilities_of_whole_numbers_are_sums():
    masses = integers([0.25, 0.25, 0.5])

    assert_allclose([masses.at_least(k)[0] for k in (0, 1, 2)], [1.0, 0.75, 0.5])


def test_tail_probabilities_may_be_asked_for_a_number_a_toll():
    support = Support()
    masses = TollMasses(*support.bins(10_000), np.vstack([
        lognormal_on(support, sd).masses for sd in (0.1, 0.3)
    ]))  # fmt: skip

    actual = masses.at_least(np.array([3500, 7013]))

    assert_allclose(actual, [masses.at_least(3500)[0], masses.at_least(7013)[1]], rtol=1e-15)


def test_the_shortest_interval_beats_equal_tails_on_a_skewed_toll():
    masses = integers(stats.geom.pmf(np.arange(1, 60), 0.2))

    low, high = masses.interval(0.9, "hdi")
    eti_low, eti_high = masses.interval(0.9, "eti")

    assert low[0] == 0
    assert high[0] - low[0] < eti_high[0] - eti_low[0]
    assert masses.masses[0, low[0] : high[0] + 1].sum() >= 0.9


def test_places_inside_bins_follow_the_quantiles():
    masses = lognormal_on(Support(), 0.2)
    rng = np.random.default_rng(0)
    cumulative = np.cumsum(masses.masses[0])
    u = rng.random(100_000)
    index = np.searchsorted(cumulative, u)
    within = (u - np.concatenate([[0], cumulative])[index]) / masses.masses[0, index]

    drawn = masses.place(np.zeros(u.size, np.int64), index, within)

    for q in (0.05, 0.5, 0.95):
        quantile = masses.quantile(q)[0]
        share = np.mean(drawn <= quantile)
        assert abs(share - q) < 4 * np.sqrt(q * (1 - q) / u.size) + 1e-3


def test_means_and_log_variances_of_whole_numbers_are_exact():
    masses = integers([0.25, 0.25, 0.5])

    assert_allclose(masses.mean(), [1.25])
    assert_allclose(masses.log_variance(), np.var(np.log1p([0, 1, 2, 2])), rtol=1e-12)


@pytest.mark.parametrize(
    ("ci_prob", "ci_kind", "text"),
    [
        (90, "eti", "ci_prob is 90; it lies between 0 and 1, as 0.9 for 90 %."),
        (0.9, "et", "ci_kind is 'et'; it is 'eti' (equal tails) or 'hdi' (highest density)."),
    ],
)
def test_an_interval_that_means_nothing_is_refused(ci_prob, ci_kind, text):
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the text is compared in full
        integers([0.5, 0.5]).interval(ci_prob, ci_kind)
    assert str(error.value) == text


def test_a_probability_beyond_one_is_refused():
    with pytest.raises(ValueError, match="q is 5; a quantile's probability lies between 0 and 1"):
        several_quantiles(5, lambda p: None)


@pytest.mark.parametrize("value", [-1, 1.5, True, float("nan")])
def test_a_number_that_is_not_whole_is_refused(value):
    with pytest.raises(ValueError, match="is no whole number of 0 or more"):
        whole(value)


def test_quantiles_of_several_tolls_may_differ():
    both = TollMasses(np.arange(3), np.arange(3), np.array([[0.25, 0.25, 0.5], [1.0, 0.0, 0.0]]))

    assert_array_equal(both.quantile(np.array([0.5, 0.9])), [1, 0])
