import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from tollest.model.posterior import Model
from tollest.model.prior_draws import draw_unknowns
from tollest.noise import Logistic, Normal, mass
from tollest.priors import Priors
from tollest.simulation.worlds import (
    Growth,
    Truth,
    draw_copies,
    draw_figures,
    draw_known,
    draw_truth,
    simulate,
    truth_of,
)


def truth(**changes):
    """One source that never repeats, and an unbiased figure, but for what is changed."""
    fields = {
        "mu": 1.5,
        "tau": 0.6,
        "bias": [0.0],
        "scatter": [0.3],
        "repeat": [0.0],
        "figure_scatter": 0.2,
        "common_bias": 0.0,
    }
    return Truth(**(fields | changes))


def masses(top, m, s, family=stats.logistic):
    """Masses of 0 .. top - 1, and of all beyond."""
    edges = np.log(np.arange(top) + 1.5)
    return np.diff(np.concatenate([[0.0], family.cdf((edges - m) / s), [1.0]]))


def assert_frequencies(values, expected):
    """Chi-square at a level that a fixed seed fails once in 10,000 choices of it."""
    observed = np.bincount(np.minimum(values, len(expected) - 1), minlength=len(expected))
    assert stats.chisquare(observed, expected * len(values)).pvalue > 1e-4


def column(simulated, name):
    """A column of the claims as they were stated."""
    return np.asarray(getattr(simulated.claims, name))


# --------------------------------------------------------------------------- frequencies


@pytest.mark.parametrize(
    ("noise", "family"),
    [(None, stats.logistic), (Normal(), stats.norm)],
    ids=["default", "normal"],
)
def test_tolls_have_the_masses_of_the_model(noise, family):
    simulated = simulate(20_000, 1, truth=truth(), toll_noise=noise, rng=1)

    assert_frequencies(simulated.tolls, masses(30, 1.5, 0.6, family))


@pytest.mark.parametrize(
    ("noise", "family"),
    [(None, stats.logistic), (Normal(), stats.norm)],
    ids=["default", "normal"],
)
def test_claims_and_figures_have_the_masses_of_the_model_given_the_toll(noise, family):
    chosen = truth(bias=[0.4], common_bias=-0.1)
    simulated = simulate(200_000, 1, truth=chosen, noise=noise, rng=2)

    for toll in (0, 1, 4):
        here = simulated.tolls == toll
        x = np.log1p(toll) - 0.1
        assert here.sum() > 5_000
        assert_frequencies(simulated.figures[here], masses(toll + 3, x, 0.2, family))
        assert_frequencies(
            column(simulated, "lower")[here], masses(2 * toll + 4, x + 0.4, 0.3, family)
        )


def test_a_cap_renormalises_the_tolls():
    simulated = simulate(20_000, 1, truth=truth(), cap=5, rng=3)
    expected = masses(6, 1.5, 0.6)[:6]

    assert simulated.tolls.max() == 5
    assert_frequencies(simulated.tolls, expected / expected.sum())


@pytest.mark.parametrize("repeat", [0.0, 0.3, 1.0])
def test_sources_repeat_the_figure_as_often_as_they_should(repeat):
    # A bias of 5 keeps a source's own counts from the figure.
    chosen = truth(bias=[5.0], scatter=[0.05], repeat=[repeat])
    simulated = simulate(20_000, 1, truth=chosen, rng=4)

    share = (column(simulated, "lower") == simulated.figures).mean()

    assert abs(share - repeat) <= 4 * np.sqrt(repeat * (1 - repeat) / 20_000)


def test_number_and_choice_of_sources():
    n_locations, n_sources = 40_000, 4
    simulated = simulate(n_locations, n_sources, claims_per_location=2.0, rng=5)
    sizes = np.diff(simulated.claims.offsets)
    sources = column(simulated, "source_index")

    # 1 + Poisson(1), and 4 of what is 4 or more.
    expected = np.append(stats.poisson.pmf([0, 1, 2], 1.0), stats.poisson.sf(2, 1.0))
    assert_frequencies(sizes - 1, expected)
    # Every pair of sources is as likely as every other.
    pairs = sources[np.repeat(sizes == 2, sizes)].reshape(-1, 2)
    codes = {(0, 1): 0, (0, 2): 1, (0, 3): 2, (1, 2): 3, (1, 3): 4, (2, 3): 5}
    assert_frequencies(
        np.array([codes[tuple(sorted(p))] for p in pairs.tolist()]), np.full(6, 1 / 6)
    )


# --------------------------------------------------------------------------- the value


def test_tolls_stand_in_the_order_of_the_locations():
    exact = truth(scatter=[1e-6], figure_scatter=1e-6)
    simulated = simulate(500, 1, truth=exact, rng=6)

    assert len(simulated.claims.locations) == 500
    assert_array_equal(column(simulated, "lower"), simulated.tolls)
    assert_array_equal(simulated.figures, simulated.tolls)


def test_the_same_rng_gives_the_same_simulation():
    first, again, other = (simulate(300, 6, rng=rng) for rng in (7, 7, 8))

    for name in ("tolls", "figures"):
        assert_array_equal(getattr(first, name), getattr(again, name))
    for name in ("lower", "upper", "source_index", "offsets"):
        assert_array_equal(column(first, name), column(again, name))
    assert_array_equal(first.theta.bias, again.theta.bias)
    assert (first.tolls != other.tolls).any()


def test_a_generator_moves_on():
    rng = np.random.default_rng(9)

    assert (simulate(300, 3, rng=rng).tolls != simulate(300, 3, rng=rng).tolls).any()


def test_a_source_that_said_nothing_has_no_row_and_zero_is_a_claim():
    low = draw_truth(10, mu=0.0, rng=10)
    simulated = simulate(2_000, 10, truth=low, claims_per_location=1.5, rng=10)
    sizes = np.diff(simulated.claims.offsets)

    assert sizes.min() == 1
    assert sizes.sum() == len(column(simulated, "lower")) < 2_000 * 10
    assert (column(simulated, "lower") == 0).any()


def test_sources_are_named_in_the_order_of_theta():
    # Three sources that never err by chance, told apart by their biases.
    exact = truth(bias=[0.0, 1.0, 2.0], scatter=[1e-6] * 3, repeat=[0.0] * 3)
    simulated = simulate(200, 3, truth=exact, cap=1000, rng=12)
    location = np.repeat(np.arange(200), np.diff(simulated.claims.offsets))
    names = np.array(simulated.claims.sources)[column(simulated, "source_index")]
    bias = exact.bias[[simulated.sources.index(name) for name in names]]

    expected = np.expm1(np.log1p(simulated.tolls[location]) + bias)
    # Half a death is rounded either way.
    assert_allclose(column(simulated, "lower"), expected, atol=0.51)


def test_more_claims_than_sources_are_one_a_source():
    simulated = simulate(50, 2, claims_per_location=30.0, rng=11)

    assert_array_equal(np.diff(simulated.claims.offsets), 2)


# --------------------------------------------------------------------------- what is refused


def test_draw_truth_keeps_to_its_centres():
    drawn = draw_truth(
        3, mu=1.0, bias_spread=0.0, scatter=0.2, scatter_spread=0.0, repeat=0.3, repeat_spread=0.0
    )

    assert drawn.mu == 1.0
    assert_allclose([drawn.bias, drawn.scatter, drawn.repeat], [[0.0] * 3, [0.2] * 3, [0.3] * 3])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bias": [0.0, 0.1]}, "of 2, 1 and 1 sources"),
        ({"bias": [np.nan]}, "one finite number a source"),
        ({"mu": np.inf}, "must be finite"),
        ({"scatter": [0.0]}, "above 0"),
        ({"repeat": [1.2]}, "0 to 1"),
    ],
)
def test_an_impossible_truth_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        truth(**changes)


def test_impossible_sizes_are_refused():
    with pytest.raises(ValueError, match="1 or more"):
        simulate(0, 3)
    with pytest.raises(ValueError, match="claims_per_location is 0"):
        simulate(3, 3, claims_per_location=0.5)
    with pytest.raises(ValueError, match="truth has 1 sources, but n_sources is 2"):
        simulate(3, 2, truth=truth())
    with pytest.raises(ValueError, match="too rare"):
        simulate(3, 1, truth=truth(mu=40.0), cap=2)
    with pytest.raises(ValueError, match="one or more"):
        draw_truth(0)
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        draw_truth(2, repeat=1.0)


# --------------------------------------------------------------------------- unknowns from priors


def test_unknowns_have_their_priors():
    # Distribution functions by SciPy; a p-value below 1e-4 has no business in a fixed seed.
    rng = np.random.default_rng(1)
    drawn = [draw_unknowns(Priors(), ("p", "q"), rng) for _ in range(2000)]
    expected = {
        "mu": stats.norm(2.0, 2.0).cdf,
        "log_tau": lambda x: stats.halfnorm.cdf(np.exp(x)),
        "log_bias_sd": lambda x: stats.halfnorm.cdf(np.exp(x), scale=0.3),
        "log_scatter_mean": stats.norm(np.log(0.15), 0.5).cdf,
        "logit_repeat_mean": stats.norm(0.0, 1.5).cdf,
        "log_figure_scatter": stats.norm(np.log(0.15), 0.5).cdf,
        "common_bias": stats.norm(0.0, 0.1).cdf,
    }

    for name, cdf in expected.items():
        assert stats.kstest([u[name] for u in drawn], cdf).pvalue > 1e-4, name
    standard = [(u["log_scatter[q]"] - u["log_scatter_mean"]) / np.exp(u["log_log_scatter_sd"])
                for u in drawn]  # fmt: skip
    assert stats.kstest(standard, stats.norm.cdf).pvalue > 1e-4


def test_unknowns_are_named_as_in_the_posterior_and_make_a_truth():
    sources = ("S01", "S02")
    unknowns = draw_unknowns(Priors(), sources, 1)
    truth_drawn = truth_of(unknowns, sources)
    claims = simulate(30, 2, truth=truth_drawn, rng=1).claims

    assert set(Model().given(claims).theta_names) <= set(unknowns)
    assert_allclose(np.log(truth_drawn.scatter)[1], unknowns["log_scatter[S02]"])


# Wholes and parts.


def test_wholes_are_the_sum_of_their_parts_and_a_remainder():
    simulation = simulate(7, 3, parts=3, rng=1, cap=1000)
    claims, tolls = simulation.claims, simulation.tolls

    assert_array_equal(claims.parent, [7, 7, 7, 8, 8, 8, 9, 10, 10, 10, -1])
    assert len(tolls) == len(simulation.figures) == claims.n_locations == 11
    assert np.all(claims.claims_per_location >= 1)
    parts = np.bincount(claims.parent[:-1], weights=tolls[:-1], minlength=11)
    assert np.all(tolls[7:] >= parts[7:])
    assert np.any(tolls[7:] > parts[7:])  # remainders, which may be 0
    assert_array_equal(claims.cap == 1000, np.arange(11) < 7)


def test_a_whole_of_one_part_is_refused():
    with pytest.raises(ValueError, match="parts is 1; a whole has two or more"):
        simulate(7, 3, parts=1, rng=1)


def test_what_is_known_falls_short_by_an_exponential_amount_that_shrinks():
    n, growth = 20_000, Growth(1.5, 0.2, 2.0)
    location = np.repeat(np.arange(n), 3)
    age = np.tile([0.0, 2.0, np.inf], n)
    tolls = np.full(n, 100_000)

    known = draw_known(np.random.default_rng(1), tolls, location, age, growth).reshape(n, 3)

    assert (known[:, 2] == tolls).all()
    short = np.log1p(100_000) - np.log1p(known[:, :2])
    for j, scale in enumerate((1.5, 0.75)):  # halved after two days
        # Mean and variance of an exponential amount less another of a fifth of its scale.
        assert short[:, j].mean() == pytest.approx(0.8 * scale, abs=4 * 1.02 * scale / n**0.5)
        assert short[:, j].std() == pytest.approx(1.04**0.5 * scale, rel=0.03)
    # From one age to the next each amount stays with a probability of a half.
    assert (known[:, 0] == known[:, 1]).mean() == pytest.approx(0.25, abs=0.015)


def test_claims_of_an_age_share_what_is_known_and_a_figure():
    rng = np.random.default_rng(2)
    location, age = np.zeros(6, np.int64), np.array([1.0, 1.0, 3.0, 3.0, np.inf, np.inf])

    known = draw_known(rng, np.array([500]), location, age, Growth(1.5, 0.2, 2.0))
    figures = draw_figures(rng, Logistic(), 0.2, np.log1p(known), location, age)

    for numbers in (known, figures):
        assert (numbers[::2] == numbers[1::2]).all()
    assert len(set(figures.tolist())) == 3


def test_copies_are_changed_at_their_rate_and_one_states_the_figure():
    n, share = 20_000, 0.3
    location, age = np.repeat(np.arange(n), 3), np.full(3 * n, np.inf)
    figures = np.full(3 * n, 900)
    repeats = np.tile([True, True, False], n)

    said = draw_copies(
        np.random.default_rng(1), figures, repeats, location, age, share, 0.01
    ).reshape(n, 3)

    # Of two that repeat, both keep the figure, or one does; where neither would, both do.
    changed = share * (1.0 - mass(900, 900, np.log1p(900), 0.01).item())
    for equal, p in (
        ((said[:, :2] == 900).all(axis=1), (1.0 - changed) ** 2 + changed**2),
        ((said[:, :2] == 900).any(axis=1), 1.0),
    ):
        assert abs(equal.mean() - p) <= 4 * np.sqrt(p * (1.0 - p) / n)
    moved = said[:, 0][said[:, 0] != 900]
    assert np.median(np.abs(np.log(moved / 900))) < 0.02
