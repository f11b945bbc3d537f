import numpy as np
import pytest
from numpy.testing import assert_array_equal

from tollest.simulation.faults import Copying, Jitter, OffSource, Rounding, Said
from tollest.simulation.worlds import simulate


def said(n=4000, n_sources=4):
    rng = np.random.default_rng(1)
    source = np.tile(np.arange(n_sources), n // n_sources)
    return Said(
        location=np.repeat(np.arange(n // n_sources), n_sources),
        source=source,
        count=rng.integers(0, 10_000, n),
        repeats=rng.random(n) < 0.5,
        n_sources=n_sources,
    )


def test_jitter_moves_who_repeats_and_nobody_else():
    before = said()

    after = Jitter(0.02).apply(before, np.random.default_rng(2))

    assert_array_equal(after[~before.repeats], before.count[~before.repeats])
    large = before.repeats & (before.count > 1000)
    change = np.log(after[large] / before.count[large])
    assert abs(change.std() - 0.02) < 4 * 0.02 / np.sqrt(2 * large.sum())


def test_one_source_is_off_by_a_factor():
    before = said()

    after = OffSource(3.0).apply(before, np.random.default_rng(2))

    assert_array_equal(after, np.where(before.source == 0, 3 * before.count, before.count))


def test_copiers_say_what_another_source_says_at_their_location():
    before = said()

    after = Copying(0.5).apply(before, np.random.default_rng(2))

    table, said_so = after.reshape(-1, 4), before.count.reshape(-1, 4)
    assert_array_equal(table[:, :2], said_so[:, :2])
    for copier in (2, 3):
        first, second = (table[:, copier] == said_so[:, k] for k in (0, 1))
        assert np.all(first | second)
        assert 0.4 < first.mean() < 0.6  # of 1,000 fair choices


def test_a_copier_alone_at_its_location_speaks_for_itself():
    alone = Said(np.array([0, 1]), np.array([1, 0]), np.array([7, 9]), np.array([False, False]), 2)

    assert_array_equal(Copying(0.5).apply(alone, np.random.default_rng(1)), [7, 9])


@pytest.mark.parametrize(
    ("digits", "expected"), [(1, [0, 7, 30, 1000, 2000]), (2, [0, 7, 25, 1400, 1500])]
)
def test_rounding_leaves_significant_digits(digits, expected):
    counts = np.array([0, 7, 25, 1383, 1512])

    before = Said(np.zeros(5, int), np.arange(5), counts, np.zeros(5, bool), 5)

    assert_array_equal(Rounding(digits).apply(before, np.random.default_rng(1)), expected)


def test_faults_reach_simulated_claims_and_leave_the_tolls():
    clean = simulate(50, 4, rng=1)
    faulty = simulate(50, 4, rng=1, faults=[OffSource(3.0)])

    assert_array_equal(clean.tolls, faulty.tolls)
    first = clean.claims.source_index == clean.claims.sources.index("S01")
    assert_array_equal(faulty.claims.lower[first], 3 * clean.claims.lower[first])
    assert_array_equal(faulty.claims.lower[~first], clean.claims.lower[~first])
