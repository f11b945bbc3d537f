"""Log masses keep their digits in narrow intervals and far tails."""

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import special, stats

from tests import reference
from tests.contracts import EPSILON, check_gradient
from tollest import noise
from tollest._sums import mass

CODES = {"logistic": (0, 0.0), "normal": (1, 0.0), "student_t": (2, 4.0)}
OPEN = np.iinfo(np.int64).max


def cell(family, lower, upper, m, s):
    a, b, w = noise.interval_edges(
        np.array([lower]), np.array([OPEN if upper is None else upper]), OPEN
    )
    return mass.mass_cell(*CODES[family], (a[0] - m) / s, (b[0] - m) / s, w[0] / s)


def test_exp_is_accurate_to_two_units_in_the_last_place():
    x = np.concatenate([np.linspace(-700, 700, 3001), np.geomspace(1e-300, 1, 500)])
    x = np.concatenate([x, -x])

    actual = np.array([mass.exp(v) for v in x])

    with localcontext(prec=40):
        error = [
            float(Decimal(float(a)) / Decimal(float(v)).exp() - 1)
            for a, v in zip(actual, x, strict=True)
        ]
    assert np.max(np.abs(error)) < 4e-16


def test_exp_is_clamped_where_it_would_leave_the_normal_floats():
    assert mass.exp(-1e9) == mass.exp(-708.0) > 0
    assert mass.exp(1e9) == mass.exp(709.0) < np.inf
    assert mass.exp(0.0) == 1.0


def test_log_is_accurate_to_two_units_in_the_last_place():
    rng = np.random.default_rng(5)
    x = np.concatenate([np.exp(rng.uniform(-700, 700, 3000)), 1 + rng.uniform(-0.3, 0.4, 1000)])

    actual = np.array([mass.log(v) for v in x])

    with localcontext(prec=40):
        error = [
            float(Decimal(float(a)) / Decimal(float(v)).ln() - 1)
            for a, v in zip(actual, x, strict=True)
        ]
    assert np.max(np.abs(error)) < 4e-16
    assert mass.log(1.0) == 0.0


@pytest.mark.parametrize("family", list(CODES))
@pytest.mark.parametrize("m", [-3.0, 0.0, 1.7, 6.5, 20.0])
@pytest.mark.parametrize("s", [1e-3, 0.02, 0.5, 3.0])
def test_masses_agree_with_decimal_arithmetic(family, m, s):
    for lower, upper in [
        (0, 0), (1, 1), (5, 5), (700, 700), (10**9, 10**9),
        (0, 12), (3, 40), (600, 640), (5, 10**9), (0, None), (1, None), (650, None),
    ]:  # fmt: skip
        actual, _, _ = cell(family, lower, upper, m, s)
        expected = reference.log_mass(lower, upper, m, s, family)

        # Edges are rounded before they are divided by the scale, which a log mass feels as
        # often as its slope there says.
        slope = abs(m) / s if family == "normal" else 4.0
        z = (abs(m) + 21.0) / s
        rounding = EPSILON * (abs(m) + 21.0) / s * (z if family == "normal" else slope)
        assert_allclose(actual, expected, rtol=1e-13, atol=4 * rounding + 1e-15)


@pytest.mark.parametrize("family", list(CODES))
def test_masses_in_far_tails_are_finite(family):
    for m in (-1e6, -1e3, -40.0, 40.0, 1e3, 1e6):
        for lower, upper in [(0, 0), (7, 7), (3, 9), (0, 9), (3, None), (10**9, 10**9)]:
            for s in (1e-3, 1.0):
                values = cell(family, lower, upper, m, s)

                assert np.all(np.isfinite(values)), (m, s, lower, upper, values)
                assert values[0] <= 0


@pytest.mark.parametrize("df", [1.0, 2.5, 30.0, 200.0])
@pytest.mark.parametrize("z", [-300.0, -4.0, 0.0, 0.3, 6.0, 300.0])
def test_student_half_lines_agree_with_scipy(df, z):
    above, _, _ = mass.mass_cell(mass.STUDENT_T, df, z, np.inf, np.inf)
    below, _, _ = mass.mass_cell(mass.STUDENT_T, df, -np.inf, z, np.inf)

    assert_allclose(above, stats.t(df).logsf(z), rtol=1e-11, atol=1e-15)
    assert_allclose(below, stats.t(df).logcdf(z), rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("df", [1.0, 4.0, 30.0, 100.0, 1000.0])
@pytest.mark.parametrize("middle", [0.0, 1.5, 11.0, 300.0])
@pytest.mark.parametrize("w", [1e-6, 0.4, 3.0, 14.0, 250.0])
def test_student_intervals_agree_with_quadrature(df, middle, w):
    lower, upper = middle - w / 2, middle + w / 2
    nodes, weights = np.polynomial.legendre.leggauss(60)
    panels = np.linspace(lower, upper, 201)
    z = 0.5 * (panels[1:] + panels[:-1])[:, None] + w / 400 * nodes
    log_density = stats.t(df).logpdf(z)
    peak = log_density.max()
    expected = peak + np.log(np.sum(np.exp(log_density - peak) @ weights) * w / 400)

    actual, _, _ = mass.mass_cell(mass.STUDENT_T, df, lower, upper, w)

    # Logs of gamma functions cancel to some units of the last digit of a thousand.
    assert_allclose(actual, expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("df", [30.0, 200.0, 1e4])
@pytest.mark.parametrize("upper", [2e3, np.inf])
def test_student_masses_below_the_smallest_float_are_finite(df, upper):
    values = mass.mass_cell(mass.STUDENT_T, df, 1e3, upper, upper - 1e3)

    # The tail falls as z ** -df, so its slopes by m and by log s are these.
    assert values[0] < -100
    assert_allclose(values[1:], [df / 1e3, df], rtol=0.02)


@pytest.mark.parametrize("z", [-30.0, -2.0, 0.0, 2.0, 30.0])
def test_normal_and_logistic_half_lines_agree_with_scipy(z):
    for code, log_cdf in [(mass.NORMAL, special.log_ndtr), (mass.LOGISTIC, special.log_expit)]:
        above, _, _ = mass.mass_cell(code, 0.0, z, np.inf, np.inf)
        below, _, _ = mass.mass_cell(code, 0.0, -np.inf, z, np.inf)

        assert_allclose(above, log_cdf(-z), rtol=1e-13, atol=1e-15)
        assert_allclose(below, log_cdf(z), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("family", list(CODES))
@pytest.mark.parametrize("s", [1e-3, 0.1, 2.0])
def test_derivatives_match_differences_far_out(family, s):
    for m in (-2.0, 1.0, 9.0):
        for lower, upper in [(0, 0), (6, 6), (0, 20), (15, 30), (40, None), (3, 10**6)]:
            at = np.array([m, math.log(s)])
            _, d_m, d_log_s = cell(family, lower, upper, m, s)

            check_gradient(
                lambda at, n=(lower, upper): cell(family, *n, at[0], math.exp(at[1]))[0],
                at, [d_m / s, d_log_s], scale=[s, 1.0],
            )  # fmt: skip


@pytest.mark.parametrize("family", list(CODES))
@pytest.mark.parametrize(("lower", "upper"), [(0, 0), (8, 8), (5, 11), (0, 9), (4, None)])
def test_rows_are_made_of_cells(family, lower, upper):
    code, m, s = CODES[family], 0.2, 0.3
    x = np.log1p(np.arange(40.0))
    a, b, w = noise.interval_edges(
        np.array([lower]), np.array([OPEN if upper is None else upper]), OPEN
    )
    rows = np.empty((3, x.size))

    mass.claim_row(*code, x, m, s, a[0], b[0], w[0], *rows)

    cells = np.array([cell(family, lower, upper, v + m, s) for v in x]).T
    # Masses, not logs: a log of -300 keeps no more digits than these.
    assert_allclose(rows[0], np.exp(cells[0]), rtol=1e-13, atol=1e-300)
    assert_allclose(rows[1] * s, cells[1], rtol=1e-12, atol=1e-14)
    assert_allclose(rows[2], cells[2], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("lower", "upper"), [(1, 1), (8, 8), (5, 11), (90_000, 90_000)])
@pytest.mark.parametrize("s", [0.03, 0.3, 40.0])
def test_rows_by_shared_powers_are_made_of_cells(lower, upper, s):
    m, x = 0.2, np.log1p(np.arange(0.0, 100_000.0, 997.0))
    a, b, w = noise.interval_edges(np.array([lower]), np.array([upper]), OPEN)
    middle, power = 0.5 * x[-1], np.empty(x.size)
    rows, only = np.full((2, x.size), np.nan), np.full((1, x.size), np.nan)

    mass.powers(x, middle, s, power)
    start = math.exp((a[0] - m - middle) / s)
    mass.narrow_rows(power, 0, x.size, start, s, w[0] / s, 1.0, rows, 0)
    mass.narrow_masses(power, 0, x.size, start, w[0] / s, 3.0, only, 0)
    edge, less, more = mass.by_log_scale(mass.LOGISTIC, m, s, a[0], b[0], w[0])
    d_log_s = (edge - x) * rows[1] - less + more * rows[0]

    cells = np.array([cell("logistic", lower, upper, v + m, s) for v in x]).T
    held = cells[0] > np.log(1e-136)  # below, masses stop
    assert_allclose(rows[0, held], np.exp(cells[0, held]), rtol=1e-12)
    assert np.all(rows[0, ~held] < 2e-136)
    assert_allclose(rows[1] * s, cells[1], rtol=1e-12, atol=1e-12)
    assert_allclose(d_log_s, cells[2], rtol=1e-10, atol=1e-11)
    assert_allclose(only[0], 3.0 * rows[0], rtol=1e-13)


@pytest.mark.parametrize(("lower", "upper"), [(0, 0), (8, 8), (5, 4000), (0, 9), (4, None)])
@pytest.mark.parametrize("s", [0.004, 0.3, 40.0])
def test_derivative_by_log_scale_follows_from_mass_and_slope(lower, upper, s):
    m, x = 0.2, np.log1p(np.arange(0.0, 10_000.0, 97.0))
    a, b, w = noise.interval_edges(
        np.array([lower]), np.array([OPEN if upper is None else upper]), OPEN
    )
    cells = np.array([cell("logistic", lower, upper, v + m, s) for v in x]).T

    edge, less, more = mass.by_log_scale(mass.LOGISTIC, m, s, a[0], b[0], w[0])

    d_log_s = (edge - x) * cells[1] / s - less + more * np.exp(cells[0])
    assert_allclose(d_log_s, cells[2], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("family", list(CODES))
@pytest.mark.parametrize("first", [[0], [0, 1], [0, 1, 2, 5, 60, 10**6], [3, 4, 9]])
def test_bins_are_made_of_cells(family, first):
    code, m, s = CODES[family], 1.2, 0.6
    last = [*(n - 1 for n in first[1:]), None]
    edges = noise.interval_edges(np.array(first), np.array([*last[:-1], OPEN]), OPEN)
    rows = np.empty((3, len(first)))

    mass.bin_row(*code, *edges, m, s, *rows)

    cells = np.array([cell(family, *n, m, s) for n in zip(first, last, strict=True)]).T
    # Masses, not logs: a log of -300 keeps no more digits than these.
    assert_allclose(rows[0], np.exp(cells[0]), rtol=1e-13, atol=1e-300)
    assert_allclose(rows[1] * s, cells[1], rtol=1e-12, atol=1e-14)
    assert_allclose(rows[2], cells[2], rtol=1e-12, atol=1e-14)
