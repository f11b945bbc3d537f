"""Candidate tolls: every small whole number, then bins, without gap or overlap."""

from dataclasses import FrozenInstanceError

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from tollest import noise
from tollest._sums import mass
from tollest.claims.table import Claims
from tollest.model.posterior import Model
from tollest.noise import Logistic, Normal, StudentT
from tollest.support import LANES, MOST, Support

supports = st.builds(Support, dense=st.integers(1, 400), width=st.floats(0.003, 0.5))


@settings(deadline=None, derandomize=True, max_examples=60, database=None)
@given(supports, st.integers(0, MOST - 1), st.lists(st.integers(0, MOST), max_size=6, unique=True))
def test_bins_tile_the_whole_numbers(support, largest, breaks):
    first, last = support.bins(largest, breaks)

    assert first[0] == 0
    assert last[-1] == MOST
    assert_array_equal(first[1:], last[:-1] + 1)
    assert np.all(first <= last)
    assert first.size % LANES == 0
    # Every number to `dense` is a point of its own, and every break begins a bin.
    assert_array_equal(first[: support.dense + 2], np.arange(support.dense + 2))
    assert np.isin(breaks, first).all()


@settings(deadline=None, derandomize=True, max_examples=40, database=None)
@given(supports, st.integers(0, 10_000_000))
def test_bins_keep_their_width_where_claims_reach(support, largest):
    first, last = support.bins(largest)

    wide = (first < last) & (last < 50 * max(largest, support.dense))
    ratio = (last[wide] + 1.5) / (first[wide] + 0.5)
    # Ends are whole numbers: half a death either way at both.
    assert np.all(ratio < (1 + support.width) * (1 + 2 / (first[wide] + 0.5)))


@pytest.mark.parametrize("support", [Support(), Support(100, 0.01), Support(200, 0.005)], ids=repr)
def test_doubling_gives_about_twice_the_points(support):
    once, _ = support.bins(3_000)
    twice, _ = support.doubled().bins(3_000)

    # Further out than any claim reaches, bins grow until they are wide however they began.
    ratio = np.sum(twice <= 50 * 3_000) / np.sum(once <= 50 * 3_000)
    assert 1.7 < ratio < 2.3
    assert support.doubled() == Support(2 * support.dense, support.width / 2)


@pytest.mark.parametrize("family", [Logistic(), Normal(), StudentT(4)], ids=repr)
@pytest.mark.parametrize(("mu", "tau"), [(2.0, 0.8), (-3.0, 0.05), (8.0, 3.0), (22.0, 1.0)])
def test_prior_masses_over_bins_sum_to_one(family, mu, tau):
    first, last = Support().bins(500, [11, 12, 2_000])
    unbounded = np.iinfo(np.int64).max
    edges = noise.interval_edges(first, np.append(last[:-1], unbounded), unbounded)
    masses, d_mu, d_log_tau = np.empty((3, first.size))

    mass.bin_row(*noise.family_code(family), *edges, mu, tau, masses, d_mu, d_log_tau)

    singles = noise.mass(first[:-1], last[:-1], mu, tau, family)
    beyond = noise.mass(int(first[-1]), None, mu, tau, family)
    assert_allclose(singles.sum() + beyond, 1.0, rtol=1e-12)
    # Those that underflow to no more than a subnormal are compared as logs elsewhere.
    assert_allclose(masses, np.append(singles, beyond), rtol=1e-12, atol=1e-300)
    # A sum that is always one has no slope.
    assert_allclose(masses @ d_mu, 0.0, atol=1e-11 / tau)
    assert_allclose(masses @ d_log_tau, 0.0, atol=1e-11)


def a_hundred_locations(rng):
    """Tolls from 0 to some thousands, and what four sources say of them, a fifth off or so."""
    toll = np.floor(np.exp(rng.logistic(3.0, 1.0, 100)))
    rows = []
    for place, n in enumerate(toll):
        for source in rng.choice(["agency", "clinic", "ministry", "press"], 2, replace=False):
            count = int(np.rint(n * np.exp(rng.normal(0, 0.2))))
            rows.append((f"place {place}", source, count))
    return Claims.from_table(pd.DataFrame(rows, columns=["location", "source", "count"]))


def test_doubling_the_support_moves_the_log_density_little():
    rng = np.random.default_rng(11)
    claims = a_hundred_locations(rng)
    once = Model().given(claims)
    twice = Model(support=Support().doubled()).given(claims)
    scatter = [i for i, name in enumerate(once.theta_names) if "scatter[" in name]
    for _ in range(5):
        theta = 0.5 * rng.standard_normal(once.n_theta)
        theta[once.theta_names.index("mu")] += 3.0
        # Scatters and the figure's own from 10 % up: a bin is a fifth of one at most.
        theta[scatter] = rng.uniform(np.log(0.1), np.log(0.6), len(scatter))
        theta[once.theta_names.index("log_figure_scatter")] = rng.uniform(-2.3, -1.0)

        assert abs(once.log_density(theta) - twice.log_density(theta)) < 0.01


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        *(
            (
                {"dense": value},
                f"dense is {value}; it is a whole number, 1 to 10,000,000: at least "
                "0 and 1 are points of their own.",
            )
            for value in (0, 1.5, True, float("nan"), 10**12)
        ),
        ({"width": 1e-300}, "width is 1e-300; a relative width lies between 1e-06 and 0.5."),
        ({"width": 0.0}, "width is 0.0; a relative width lies between 1e-06 and 0.5."),
        ({"width": 0.6}, "width is 0.6; a relative width lies between 1e-06 and 0.5."),
        ({"finest": -0.1}, "finest is -0.1; a relative width lies between 1e-06 and 0.5."),
        ({"width": float("nan")}, "width is nan; a relative width lies between 1e-06 and 0.5."),
    ],
)
def test_what_is_no_support_is_refused(fields, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole text is compared
        Support(**fields)

    assert str(caught.value) == message


def test_a_support_is_a_value():
    assert eval(repr(Support(50, 0.1))) == Support(50, 0.1)
    with pytest.raises(FrozenInstanceError):
        Support().dense = 5
