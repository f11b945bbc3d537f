"""Figures in circulation at one location, against enumeration of all figures."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tollest import noise
from tollest.model.circulation import Copies, Figure, Speakers, log_mass, log_mass_up_to

TOLL, BIAS, SCATTER, OMEGA = 12, (0.1, -0.2, 0.0), (0.1, 0.3, 0.2), (0.7, 0.2, 0.5)
COUNTS = np.array([11, 14, 11])
COMMON, FIGURE_SCATTER = 0.05, 0.15
LAST = 3000
NOBODY = np.full((1, 1), -np.inf)  # denies


def copies_of(share, scatter=0.005):
    return Copies(np.array([share]), np.array([scatter]))


EXACT = copies_of(0.0)


def figure(family, counts=COUNTS, scatter=SCATTER, copies=EXACT):
    x = np.log1p(TOLL) + COMMON
    logit = np.log(OMEGA) - np.log1p(-np.array(OMEGA))
    speakers = Speakers(x + np.array([BIAS]), np.array([scatter]), logit[None], NOBODY)
    return Figure(family, np.array([x]), np.array([FIGURE_SCATTER]), counts, speakers, copies)


def own_masses(family):
    x = np.log1p(TOLL) + COMMON
    return [
        noise.mass(y, y, x + b, s, family).item()
        for y, b, s in zip(COUNTS, BIAS, SCATTER, strict=True)
    ]


def enumerated(family):
    """Posterior of every figure up to LAST."""
    x = np.log1p(TOLL) + COMMON
    weights = noise.mass(np.arange(LAST), np.arange(LAST), x, FIGURE_SCATTER, family)
    for y, f, omega in zip(COUNTS, own_masses(family), OMEGA, strict=True):
        weights = weights * ((1 - omega) * f + omega * (np.arange(LAST) == y))
    return weights / weights.sum()


@pytest.mark.parametrize("family", [noise.Logistic(), noise.Normal(), noise.StudentT(4.0)])
def test_the_figure_given_claims_is_what_enumeration_gives(family):
    weights = enumerated(family)
    actual = figure(family)

    for k in (0, 3, 11, 12, 14, 40):
        assert_allclose(actual.probability(k), weights[k], rtol=1e-6)
        # The t leaves a little beyond the last figure enumerated.
        assert_allclose(actual.probability_up_to(k), weights[: k + 1].sum(), rtol=1e-4)


def test_with_changed_copies_claims_are_as_likely_as_enumeration_says():
    share, scatter, family = 0.4, 0.08, noise.Logistic()
    x, own = np.log1p(TOLL) + COMMON, own_masses(family)
    expected = 0.0
    # What each does: counts for itself, states the figure, changes it.
    for ways in itertools.product(range(3), repeat=3):
        odds = np.where(np.array(ways) == 0, own, np.array(OMEGA) / (1 - np.array(OMEGA))).prod()
        copying = [c for c in range(3) if ways[c]]
        if not copying:
            expected += odds
        for v in np.unique(COUNTS) if copying else ():
            free = noise.mass(v, v, x, FIGURE_SCATTER).item()
            near = {k: noise.mass(k, k, np.log1p(v), scatter).item() for k in COUNTS.tolist()}
            one = [(1 - share) * (COUNTS[c] == v) if ways[c] == 1 else share * near[COUNTS[c]]
                   for c in copying]  # fmt: skip
            stated = np.prod(one) if v in COUNTS[copying] else 0.0
            changed = [ways[c] == 2 and COUNTS[c] == v for c in copying]
            reverted = (share * (1 - near[v])) ** len(copying) if all(changed) else 0.0
            expected += odds * free * (stated + reverted)

    actual = figure(family, copies=copies_of(share, scatter))

    of_own = np.log(own).sum()
    assert_allclose(np.exp(actual.log_likelihood - of_own), expected / np.prod(own), rtol=1e-6)


def test_a_copy_may_be_a_number_near_the_figure():
    certain = np.array([900, 900, 900])
    scatter = (0.01, 0.3, 0.01)
    actual = figure(noise.Normal(), certain, scatter, copies_of(0.4, 0.01))

    masses = np.array([actual.probability(k) for k in range(600, 1400)])
    near = noise.mass(905, 905, np.log1p(900), 0.01).item()
    same = noise.mass(900, 900, np.log1p(900), 0.01).item()
    assert_allclose(masses.sum(), 1.0, rtol=1e-6)
    assert_allclose(masses[305], 0.4 * near, rtol=1e-6)
    assert_allclose(masses[300], 0.6 + 0.4 * same, rtol=1e-6)
    assert_allclose(actual.probability_up_to(905), masses[:306].sum(), rtol=1e-6)


def test_gains_of_hundreds_stay_finite():
    actual = figure(noise.Normal(), np.array([900, 14, 900]), scatter=(0.01, 0.3, 0.01))

    assert_allclose(actual.probability(900), 1.0)
    assert_allclose(actual.probability_up_to(2000), 1.0)


@pytest.mark.parametrize("family", [noise.Logistic(), noise.Normal(), noise.StudentT(4.0)])
def test_claims_far_from_the_toll_are_still_the_figure(family):
    # Known toll 12, two sources that say 1,000: an error of hundreds of scatters, but one error.
    actual = figure(family, np.array([1000, 14, 1000]), scatter=(0.02, 0.3, 0.02))

    assert actual.probability(1000) > 0.99


def test_certain_repeaters_make_no_nan():
    x = np.log1p(TOLL)
    speakers = Speakers(
        np.full((1, 2), x), np.full((1, 2), 0.1), np.array([[500.0, -500.0]]), NOBODY
    )

    actual = Figure(noise.Normal(), np.array([x]), np.array([0.15]), np.array([9, 12]), speakers,
                    EXACT)  # fmt: skip

    assert_allclose(actual.probability(9), 1.0)


def test_without_claims_the_figure_is_free():
    none = Speakers(*np.empty((4, 1, 0)))
    x = np.array([np.log1p(TOLL)])
    actual = Figure(noise.Logistic(), x, np.array([0.15]), np.empty(0, np.int64), none, EXACT)

    assert_allclose(actual.probability(9), noise.mass(9, 9, x[0], 0.15))
    assert_allclose(actual.probability_up_to(9), noise.mass(0, 9, x[0], 0.15))


@pytest.mark.parametrize("family", [noise.Logistic(), noise.Normal(), noise.StudentT(3.0)])
def test_masses_agree_with_the_kernels(family):
    k = np.array([0, 1, 7, 200])

    one, up_to = noise.mass(k, k, 2.0, 0.3, family), noise.mass(0 * k, k, 2.0, 0.3, family)
    assert_allclose(np.exp(log_mass(family, k, 2.0, 0.3)), one, rtol=1e-9)
    assert_allclose(np.exp(log_mass_up_to(family, k, 2.0, 0.3)), up_to, rtol=1e-9)
