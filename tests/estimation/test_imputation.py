"""Rubin's rules: by hand, as mice prints them, and in the coverage of a slope."""

import builtins
import math

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

import tollest as te
from tests.conftest import claims_of, guessed

SEED = 20_240_601


def spread(mean, variance, m=5):
    """`m` numbers of this mean and variance."""
    z = np.arange(m) - (m - 1) / 2
    return mean + z * math.sqrt(variance / z.var(ddof=1))


# What mice (R) prints for pool(with(mice(mammalsleep), lm(sws ~ log10(bw) + odi))), m = 5, dfcom
# 59, in the vignette "Convergence and pooling" of G. Vink and S. van Buuren: estimate, ubar, b,
# then t, df, riv, lambda, fmi.
MICE = {
    "(Intercept)": (10.0739157, 0.71206627, 0.83964136,
                    1.7196359, 7.805051, 1.4149942, 0.5859203, 0.6625659),
    "log10(bw)": (-1.4513424, 0.10052200, 0.30175131,
                  0.4626236, 4.277824, 3.6022121, 0.7827132, 0.8424252),
    "odi": (-0.5504494, 0.08902854, 0.01146902,
            0.1027914, 40.480414, 0.1545889, 0.1338909, 0.1737299),
}  # fmt: skip


def test_vectors_are_pooled_as_mice_pools_them():
    estimates = pd.DataFrame({name: spread(row[0], row[2]) for name, row in MICE.items()})
    variances = pd.DataFrame({name: np.full(5, row[1]) for name, row in MICE.items()})

    pooled = te.pool(estimates, variances, df_complete=59)

    estimate, _, _, t, df, riv, share, fmi = np.array(list(MICE.values())).T
    assert pooled.names == tuple(MICE)
    # As many digits as are printed of what goes in.
    assert_allclose(pooled.estimate, estimate, rtol=1e-12)
    assert_allclose(pooled.variance, t, rtol=1e-6)
    assert_allclose(pooled.df, df, rtol=1e-6)
    assert_allclose(pooled.relative_increase, riv, rtol=1e-6)
    assert_allclose(pooled.missing_share, share, rtol=1e-6)
    assert_allclose(pooled.missing_information, fmi, rtol=1e-6)
    lower, upper = pooled.interval(0.95)
    assert_allclose(upper - estimate, stats.t.ppf(0.975, df) * np.sqrt(t), rtol=1e-6)
    assert_allclose(lower + upper, 2 * estimate)


def test_a_number_is_a_vector_of_one():
    q, u = [1.0, 3.0, 2.5], [0.2, 0.3, 0.1]
    one = te.pool(q, u, df_complete=20)
    several = te.pool(np.column_stack([q, q]), np.column_stack([u, u]), df_complete=20)

    for name in ("estimate", "se", "df", "relative_increase", "missing_information"):
        assert np.shape(getattr(one, name)) == ()
        assert_array_equal(getattr(several, name), np.full(2, getattr(one, name)))
    assert_array_equal(np.transpose(several.interval(0.5)), [one.interval(0.5)] * 2)
    assert len(one.table()) == 1


def test_degrees_of_freedom_have_their_limits():
    q, u = spread(0.0, 0.01), np.full(5, 1.0)
    old = 4 / (1.2 * 0.01 / 1.012) ** 2

    assert te.pool(q, u).df == pytest.approx(old)
    assert te.pool(q, u, df_complete=1e12).df == pytest.approx(old, rel=1e-5)
    # Never more than those of complete data.
    assert te.pool(q, u, df_complete=10).df < 10
    for complete in (3, 10, 100):
        same = te.pool([2.0, 2.0], [1.0, 1.0], df_complete=complete)
        assert same.df == pytest.approx((complete + 1) / (complete + 3) * complete)
        assert same.relative_increase == same.missing_share == 0


def test_without_any_doubt_of_the_tolls_intervals_are_normal():
    pooled = te.pool([2.0, 2.0], [1.0, 1.0])

    assert np.isinf(pooled.df)
    assert pooled.missing_information == 0
    assert_allclose(pooled.interval(0.9), stats.norm.interval(0.9, 2.0, 1.0))


def test_a_number_that_is_no_samples_has_the_doubt_of_the_tolls_alone():
    pooled = te.pool([1.0, 2.0, 3.0], [0.0, 0.0, 0.0])

    assert pooled.variance == pytest.approx(4 / 3)
    assert pooled.df == pytest.approx(2)
    assert pooled.missing_share == pooled.missing_information == 1
    assert np.isinf(pooled.relative_increase)
    with pytest.raises(ValueError, match="is no sample's, so it has no df_complete"):
        te.pool([1.0, 2.0], [0.0, 0.0], df_complete=10)
    certain = te.pool([1.0, 1.0], [0.0, 0.0])
    assert_array_equal(certain.interval(), [1.0, 1.0])


def slopes(x, y):
    """Slope of each row of `y` on `x`, and its squared standard error."""
    centred = x - x.mean()
    slope = y @ centred / (centred @ centred)
    residual = y - y.mean(axis=1, keepdims=True) - slope[:, None] * centred
    return slope, np.square(residual).sum(axis=1) / (len(x) - 2) / (centred @ centred)


def imputed(x, y, missing, m, rng):
    """`m` tables in which missing `y` are drawn from their predictive distribution given `x`."""
    design = np.column_stack([np.ones_like(x), x])
    seen = design[~missing]
    inverse = np.linalg.inv(seen.T @ seen)
    mean = inverse @ seen.T @ y[~missing]
    residual = y[~missing] - seen @ mean
    sigma = np.sqrt(residual @ residual / rng.chisquare(len(seen) - 2, m))
    root = np.linalg.cholesky(inverse)
    beta = mean + sigma[:, None] * (rng.standard_normal((m, 2)) @ root.T)
    drawn = beta @ design.T + sigma[:, None] * rng.standard_normal((m, len(x)))
    return np.where(missing, drawn, y)


def test_intervals_of_a_slope_hold_it_as_often_as_they_say():
    rng = np.random.default_rng(SEED)
    n, m, n_tables, slope = 25, 10, 1500, 0.7
    inside, alone = 0, 0
    for _ in range(n_tables):
        x = rng.standard_normal(n)
        y = 1.0 + slope * x + rng.standard_normal(n)
        # At random given x: the larger, the likelier to be missing; ten are always seen.
        missing = rng.random(n) < 1 / (1 + np.exp(0.5 - x))
        missing[:10] = False
        q, u = slopes(x, imputed(x, y, missing, m, rng))
        lower, upper = te.pool(q, u, df_complete=n - 2).interval(0.9)
        inside += lower < slope < upper
        half = stats.t.ppf(0.95, n - 2) * np.sqrt(u[0])
        alone += abs(q[0] - slope) < half

    error = math.sqrt(0.9 * 0.1 / n_tables)
    assert abs(inside / n_tables - 0.9) < 4 * error
    # One imputation taken for data does not.
    assert alone / n_tables < 0.9 - 4 * error


def test_series_keep_their_names_and_are_not_mixed_up():
    first = pd.Series({"a": 1.0, "b": 10.0})
    second = pd.Series({"a": 2.0, "b": 12.0})
    u = pd.Series({"a": 0.1, "b": 0.2})

    table = te.pool([first, second], [u, u]).table(ci_prob=0.5)

    assert table["estimate"].to_dict() == {"a": 1.5, "b": 11.0}
    assert table.attrs == {"ci_prob": 0.5, "ci_kind": "eti"}
    with pytest.raises(ValueError, match="differ between imputations, or their order"):
        te.pool([first, second[::-1]], [u, u])
    with pytest.raises(ValueError, match="of estimates and of variances differ"):
        te.pool([first, second], [u[::-1], u[::-1]])


def test_text_names_the_rule_and_the_level():
    text = repr(te.pool([1.0, 3.0], [0.2, 0.2]))

    assert text.startswith("Pooled over 2 imputations by Rubin's rules; 90 % equal-tailed")
    assert "missing_information" in text


@pytest.mark.parametrize(
    ("estimates", "variances", "df_complete", "message"),
    [
        ([1.0], [1.0], None, "there are 1 imputations; pooling takes two or more"),
        ([1.0, 2.0], [1.0], None, r"of shape \(2,\) and variances of shape \(1,\)"),
        (1.0, 1.0, None, r"of shape \(\) and"),
        (np.ones((2, 2, 2)), np.ones((2, 2, 2)), None, r"both are \(m,\) or"),
        ([1.0, np.nan], [1.0, 1.0], None, "estimates are not all finite: that of imputation 1"),
        ([1.0, 2.0], [np.inf, 1.0], None, "variances are not all finite: that of imputation 0"),
        ([1.0, 2.0], [1.0, -0.5], None, "variance of imputation 1 is -0.5; it is 0 or more"),
        ([1.0, 2.0], [1.0, 1.0], 0, "df_complete is 0; degrees of freedom are positive"),
        ([1.0, 2.0], [1.0, 1.0], math.nan, "df_complete is nan"),
    ],
)
def test_what_cannot_be_pooled_is_refused(estimates, variances, df_complete, message):
    with pytest.raises(ValueError, match=message):
        te.pool(estimates, variances, df_complete=df_complete)


# ---------------------------------------------------------------- tolls


@pytest.fixture(scope="module")
def estimate():
    rows = [('A "b"\n,', "press", 12), ("Brook", "press", 4), ("Brook", "clinic", 5)]
    return guessed(claims_of(rows, "location source count", locations=["Silent"]))


def test_imputations_are_joint_draws_evenly_spaced(estimate):
    imputations = estimate.imputations(m=7)

    assert imputations.index.tolist() == list(estimate.claims.locations)
    assert imputations.columns.tolist() == list(range(7))
    assert imputations.columns.name == "imputation"
    assert_array_equal(imputations.to_numpy().T, estimate.draws()[np.arange(7) * 300 // 7])
    pd.testing.assert_frame_equal(imputations, estimate.imputations(m=7))


def test_more_imputations_than_draws_go_through_these_again(estimate):
    imputations = estimate.imputations(m=301)

    assert_array_equal(imputations.to_numpy().T, estimate.draws(301))


def test_pooling_a_total_gives_the_spread_of_its_draws(estimate):
    totals = estimate.imputations(m=300).loc[["Brook"]].sum()

    pooled = te.pool(totals.to_numpy(), np.zeros(300))

    brook = estimate.draws()[:, 1]
    assert pooled.estimate == pytest.approx(brook.mean())
    assert pooled.variance == pytest.approx(brook.var(ddof=1) * (1 + 1 / 300))


def test_imputations_are_two_or_more(estimate):
    with pytest.raises(ValueError, match="1 is no whole number of 2 or more"):
        estimate.imputations(m=1)


@pytest.mark.parametrize(
    ("backend", "kind"),
    [("pandas", pd.DataFrame), ("polars", pl.DataFrame), ("pyarrow", pa.Table)],
)
def test_draws_are_a_dataframe_of_any_library(estimate, backend, kind):
    frame = estimate.draws_frame(5, backend=backend)

    assert isinstance(frame, kind)
    columns = {name: np.asarray(frame[name]).tolist() for name in ("draw", "location", "toll")}
    assert columns["draw"] == [i for i in range(5) for _ in range(3)]
    assert columns["location"] == list(estimate.claims.locations) * 5
    assert columns["toll"] == estimate.draws(5).ravel().tolist()


def test_a_library_that_is_not_there_is_an_error(estimate, monkeypatch):
    real = builtins.__import__

    def without_polars(name, *args, **kwargs):
        if name.split(".")[0] == "polars":
            raise ModuleNotFoundError("No module named 'polars'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_polars)
    with pytest.raises(ImportError, match="polars"):
        estimate.draws_frame(5, backend="polars")
    with pytest.raises(ValueError, match="spss"):
        estimate.draws_frame(5, backend="spss")
