"""Tolls and figures are summed out exactly: the kernels against sums in decimal arithmetic."""

import math
from decimal import Context, Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from tests import reference
from tests.conftest import LIMITS, claims_of
from tests.contracts import EPSILON, check_gradient
from tollest import noise
from tollest._sums import marginal, mass, windows
from tollest._sums.tables import (
    COMMON_BIAS,
    LOG_FIGURE_SCATTER,
    LOG_TAU,
    LOGIT_NEAR_COPY,
    N_SHARED,
    NEVER,
    Parameters,
)
from tollest.model.posterior import Model
from tollest.noise import Logistic, Normal, StudentT
from tollest.priors import Never, Priors
from tollest.support import Support

FAMILIES = {"logistic": Logistic(), "normal": Normal(), "student_t": StudentT(4)}
SOURCES = ("agency", "clinic", "ministry", "press", "union", "witness")
ABOUT = {(7, 7): 7, (5, 15): 10, (25, 35): 30, (50, 150): 100}
COLUMNS = "location source kind lower upper count cap"
# With a cap below this every candidate toll is a point of its own, and the sum has an end.
DENSE = 60


def row(place, source, kind, numbers, cap=None):
    lower, upper = numbers
    return {
        "count": (place, source, kind, None, None, lower, cap),
        "range": (place, source, kind, lower, upper, None, cap),
        "at_least": (place, source, kind, lower, None, None, cap),
        "at_most": (place, source, kind, None, upper, None, cap),
        "about": (place, source, kind, None, None, ABOUT.get(numbers), cap),
        "documented": (place, source, kind, None, None, lower, cap),
        "verified": (place, source, kind, None, None, lower, cap),
    }[kind]


def statements(most):
    number = st.integers(0, most)
    return st.one_of(
        st.tuples(st.just("count"), number.map(lambda n: (n, n))),
        # Few numbers, so that sources agree.
        st.tuples(st.just("count"), st.sampled_from([0, 3, 12]).map(lambda n: (n, n))),
        st.tuples(
            st.just("range"),
            st.tuples(number, st.integers(1, 40)).map(lambda pair: (pair[0], sum(pair))),
        ),
        st.tuples(st.just("at_least"), number.map(lambda n: (n, None))),
        st.tuples(st.just("at_most"), number.map(lambda n: (0, n))),
        st.tuples(st.just("about"), st.sampled_from(list(ABOUT))),
    )


@st.composite
def places(draw, name):
    """A location: rows of the table, and what the reference makes of them."""
    cap = draw(st.one_of(st.integers(1, 25), st.integers(0, DENSE - 1)))
    said = draw(
        st.dictionaries(st.sampled_from(SOURCES), statements(DENSE), min_size=1, max_size=4)
    )
    rows = [row(name, source, kind, numbers, cap) for source, (kind, numbers) in said.items()]
    claims = [
        (SOURCES.index(source), *numbers, kind == "count")
        for source, (kind, numbers) in said.items()
    ]
    certain = draw(st.sampled_from(["nothing", "nothing", "documented", "verified"]))
    floor, verified = 0, None
    if certain != "nothing":
        known = draw(st.integers(0, cap))
        rows.append(row(name, "registry", certain, (known, known), cap))
        floor, verified = (known, None) if certain == "documented" else (0, known)
    return rows, reference.Location(claims, cap=cap, floor=floor, verified=verified)


scatters = st.floats(math.log(1e-3), math.log(3.0))
# Omega from 1e-6 to 1 - 1e-6.
repeats = st.floats(-13.8, 13.8)
common = st.floats(-0.3, 0.3)


def each(values):
    return st.lists(values, min_size=len(SOURCES), max_size=len(SOURCES))


parameter_values = st.fixed_dictionaries(
    {
        "mu": st.lists(st.floats(-2.0, 7.0), min_size=1, max_size=1),
        "bias": each(st.floats(-0.7, 0.7)),
        "log_scatter": each(scatters),
        "logit_repeat": each(repeats),
        "shared": st.tuples(st.floats(math.log(0.05), math.log(3.0)), scatters, common),
    }
)


def exactly(values):
    """The same parameters, in decimals: a float of omega near 1 says little of 1 - omega."""
    with localcontext(Context(prec=reference.DIGITS)):
        log_tau, log_figure_scatter, common_bias = values["shared"][:3]
        return reference.Theta(
            mu=[Decimal(mu) for mu in values["mu"]],
            tau=Decimal(log_tau).exp(),
            bias=[Decimal(b) for b in values["bias"]],
            scatter=[Decimal(s).exp() for s in values["log_scatter"]],
            omega=[1 / (1 + Decimal(-logit).exp()) for logit in values["logit_repeat"]],
            figure_scatter=Decimal(log_figure_scatter).exp(),
            common_bias=Decimal(common_bias),
        )


def model_of(family, toll_family="logistic"):
    """Bounds as limits, to which the reference's sums are exact, on a support of `DENSE`."""
    families = {"noise": FAMILIES[family], "toll": FAMILIES[toll_family]}
    return Model(priors=LIMITS, support=Support(dense=DENSE), **families)


def shared_of(values):
    """What all locations share, and the scales of shortfalls that are none."""
    out = np.zeros(N_SHARED)
    out[: len(values["shared"])] = values["shared"]
    # Who repeats a figure states it as it is.
    out[LOGIT_NEAR_COPY] = NEVER
    return out


def parameters_of(values, claims):
    """Parameters as the kernels take them, of the sources that make claims."""
    used = [SOURCES.index(name) for name in claims.sources]
    return Parameters(
        np.array(values["mu"], float),
        *(np.array(values[name])[used] for name in ("bias", "log_scatter", "logit_repeat")),
        np.empty(0),
        shared_of(values),
    )


def like(parameters):
    return Parameters(*(np.full_like(array, np.nan) for array in parameters))


def log_likelihood(problem, parameters):
    return marginal.log_likelihood(problem, parameters, False, like(parameters))


def toll_masses(problem, parameters):
    masses = np.zeros((problem.level.size, problem.grid.x.size))
    marginal.add_toll_masses(problem, parameters, 1.0, masses)
    return masses


def flat(parameters):
    return np.concatenate(list(parameters))


def unflat(values, parameters):
    ends = np.cumsum([array.size for array in parameters])[:-1]
    return Parameters(*np.split(values, ends))


def rounding_of(parameters, family):
    """How far rounding may move a log joint, for tolls up to some hundred.

    A log mass of minus a million, too little for any claim but a repeated one, is added and
    taken off again: a million rounding errors are left.
    """
    z = 6 / math.exp(min([*parameters.log_scatter, parameters.shared[LOG_FIGURE_SCATTER]]))
    return 4 * EPSILON * (z * z / 2 if family == "normal" else z)


def check_against_reference(posterior, locations, values, family, toll_family, last, figures=None):
    """Log likelihood and conditional tolls against a sum over tolls to `last`, and figures."""
    problem, parameters = posterior.problem, parameters_of(values, posterior.claims)
    joints = [
        reference.joint(
            location, exactly(values), range((last if location.cap is None else location.cap) + 1),
            family, toll_family, last_figure=figures,
        )
        for location in locations
    ]  # fmt: skip
    with localcontext(Context(prec=reference.DIGITS, Emin=-(10**15), Emax=10**15)):
        totals = [sum(terms, Decimal(0)) for terms in joints]
        logs = [float(total.ln()) for total in totals]
        tolls = [
            np.array([float(term / total) for term in terms])
            for terms, total in zip(joints, totals, strict=True)
        ]

    actual = log_likelihood(problem, parameters)
    masses = toll_masses(problem, parameters)[posterior.patterns]

    rounding = rounding_of(parameters, family)
    assert_allclose(actual, sum(logs), rtol=1e-10, atol=1e-12 + rounding)
    for one, expected in zip(masses, tolls, strict=True):
        # What lies far below the peak is left out.
        assert_allclose(one[: expected.size], expected, rtol=1e-10 + rounding, atol=1e-13)
        assert_allclose(one.sum(), 1.0, rtol=1e-13)
        assert one[expected.size :].sum() < 1e-10
    return problem, parameters


@settings(deadline=None, derandomize=True, max_examples=60, database=None)
@given(
    st.tuples(places("Arden"), places("Brook")),
    parameter_values,
    st.sampled_from(list(FAMILIES)),
    st.sampled_from(list(FAMILIES)),
)
def test_tolls_and_figures_are_summed_as_by_plain_loops(two, values, family, toll_family):
    rows, locations = zip(*two, strict=True)
    claims = claims_of([r for part in rows for r in part], COLUMNS)
    model = model_of(family, toll_family)
    counts = [n for place in locations for _, n, _, repeat in place.claims if repeat]

    check_against_reference(
        model.given(claims), locations, values, family, toll_family, DENSE,
        figures=max(counts, default=0) + 1,
    )  # fmt: skip


def steps(values, claims):
    """Distance over which each parameter changes the likelihood's course."""
    scatter = np.exp(parameters_of(values, claims).log_scatter)
    tau, figure = np.exp(values["shared"][:2])
    narrowest = min([*scatter, figure, tau])
    one = np.ones(claims.n_sources)
    shared = np.ones(N_SHARED)
    shared[COMMON_BIAS] = narrowest
    return flat(Parameters(np.array([tau]), scatter, one, one, np.empty(0), shared))


@settings(deadline=None, derandomize=True, max_examples=60, database=None)
@given(
    st.tuples(places("Arden"), places("Brook")),
    parameter_values,
    st.sampled_from(list(FAMILIES)),
    st.sampled_from(list(FAMILIES)),
)
def test_gradient_matches_differences(two, values, family, toll_family):
    claims = claims_of([r for rows, _ in two for r in rows], COLUMNS)
    model = model_of(family, toll_family)
    problem = model.given(claims).problem
    parameters = parameters_of(values, claims)
    gradients = like(parameters)

    value = marginal.log_likelihood(problem, parameters, True, gradients)

    # Without a gradient the terms are summed in another order.
    assert_allclose(value, log_likelihood(problem, parameters), rtol=1e-13, atol=1e-13)
    check_gradient(
        lambda at: log_likelihood(problem, unflat(at, parameters)),
        flat(parameters), flat(gradients), scale=steps(values, claims),
        noise=1e-13 + rounding_of(parameters, family),
    )  # fmt: skip


PLAIN = {
    "mu": [2.0],
    "bias": [0.1, -0.2, 0.0, 0.3, -0.1, 0.2],
    "log_scatter": np.log([0.2, 0.05, 0.3, 0.1, 0.15, 0.25]).tolist(),
    "logit_repeat": [0.4, -1.0, 2.0, 0.0, 1.0, -0.5],
    "shared": (math.log(0.4), math.log(0.15), 0.05),
}


@pytest.mark.parametrize("family", list(FAMILIES))
@pytest.mark.parametrize(
    "said",
    [
        {"agency": ("count", (9, 9)), "clinic": ("count", (9, 9)), "press": ("count", (14, 14))},
        {"agency": ("at_least", (4, None)), "press": ("count", (0, 0))},
        {"clinic": ("range", (20, 31)), "ministry": ("at_most", (0, 10))},
    ],
    ids=["agreement", "bound", "conflict"],
)
def test_without_a_cap_the_sum_goes_on_until_nothing_is_left(family, said):
    # Beyond 400 a normal toll has z > 9, and no claim speaks for one.
    rows = [row("Arden", source, *statement) for source, statement in said.items()]
    claims = [(SOURCES.index(s), *n, kind == "count") for s, (kind, n) in said.items()]
    model = Model(priors=LIMITS, toll=Normal(), noise=FAMILIES[family], support=Support(dense=400))

    check_against_reference(
        model.given(claims_of(rows, COLUMNS)),
        [reference.Location(claims)],
        PLAIN, family, "normal", 400,
    )  # fmt: skip


@pytest.mark.parametrize("family", list(FAMILIES))
@pytest.mark.parametrize(
    "counts",
    [
        (9, 11, 8, 12), (9, 9, 8, 12, 11), (9, 11, 8, 12, 10), (9, 11, 8, 12, 10, 9),
        (9, 11, 8, 12, 10, 7), (9, 9, 9, 12, 12), (9, 9, 9, 9, 11), (9, 9, 12, 12, 11, 11),
    ],
    ids=str,
)  # fmt: skip
def test_any_number_of_figures_shared_by_any_number_of_sources(family, counts):
    # One more claim cannot repeat a figure.
    said = [*zip(SOURCES, counts, strict=False)]
    rows = [row("Arden", source, "count", (n, n), 25) for source, n in said]
    rows.append(row("Arden", "staff", "at_least", (5, None), 25))
    claims = claims_of(rows, COLUMNS)
    names = [*SOURCES, "staff"]
    values = PLAIN | {
        name: [*PLAIN[name], value]
        for name, value in (("bias", 0.05), ("log_scatter", -1.5), ("logit_repeat", 0.0))
    }
    used = [names.index(name) for name in claims.sources]
    parameters = Parameters(
        np.array(values["mu"]),
        *(np.array(values[name])[used] for name in ("bias", "log_scatter", "logit_repeat")),
        np.empty(0),
        shared_of(values),
    )
    problem = model_of(family).given(claims).problem
    gradients = like(parameters)

    value = marginal.log_likelihood(problem, parameters, True, gradients)

    stated = [(i, n, n, True) for i, n in enumerate(counts)] + [(len(SOURCES), 5, None, False)]
    location = reference.Location(stated, cap=25)
    joint = reference.joint(
        location, exactly(values), range(26), family, "logistic", last_figure=26
    )
    with localcontext(Context(prec=reference.DIGITS, Emin=-(10**15), Emax=10**15)):
        expected = float(sum(joint, Decimal(0)).ln())
    assert_allclose(value, expected, rtol=1e-10)
    check_gradient(
        lambda at: log_likelihood(problem, unflat(at, parameters)),
        flat(parameters), flat(gradients), scale=np.full(flat(parameters).size, 0.1),
        noise=1e-13 + rounding_of(parameters, family),
    )  # fmt: skip


def test_bins_beyond_the_whole_numbers_cost_little():
    # Bins of 2 % under scatters of 15 %: the sum over their middles is a midpoint rule.
    said = {"agency": ("count", (480, 480)), "ministry": ("about", (50, 150))}
    rows = [row("Arden", source, *statement, 2000) for source, statement in said.items()]
    claims = [(SOURCES.index(s), *n, kind == "count") for s, (kind, n) in said.items()]
    values = PLAIN | {"log_scatter": [math.log(0.15)] * len(SOURCES)}
    posterior = Model(priors=LIMITS).given(claims_of(rows, COLUMNS))

    actual = log_likelihood(posterior.problem, parameters_of(values, posterior.claims))

    location = reference.Location(claims, cap=2000)
    expected = reference.log_marginal(location, exactly(values), range(2001))
    assert abs(actual - expected) < 1e-3


# Extremes, by hand: what hypothesis seldom meets.


def posterior_of(rows, **model):
    known = {"support": Support(dense=DENSE), "priors": LIMITS}
    return Model(**(known | model)).given(claims_of(rows, COLUMNS))


@pytest.mark.parametrize("family", list(FAMILIES))
@pytest.mark.parametrize("logit", [-500.0, -40.0, 40.0, 500.0])
@pytest.mark.parametrize("scatter", [1e-3, 3.0, 1e3])
def test_extreme_parameters_give_finite_values_and_gradients(family, logit, scatter):
    posterior = posterior_of(
        [
            row("Arden", "agency", "count", (1, 1)),
            row("Arden", "clinic", "count", (50_000, 50_000)),
            row("Arden", "ministry", "at_least", (700, None)),
            row("Arden", "press", "range", (0, 3)),
            row("Brook", "agency", "count", (0, 0), 10),
            row("Brook", "press", "count", (90, 90), 10),
            row("Brook", "registry", "verified", (2, 2), 10),
        ],
        noise=FAMILIES[family],
    )
    values = PLAIN | {
        "log_scatter": [math.log(scatter)] * len(SOURCES),
        "logit_repeat": [logit] * len(SOURCES),
        "shared": (math.log(0.8), math.log(scatter), 0.0),
    }
    parameters = parameters_of(values, posterior.claims)
    gradients = like(parameters)

    value = marginal.log_likelihood(posterior.problem, parameters, True, gradients)
    masses = toll_masses(posterior.problem, parameters)

    assert np.isfinite(value)
    assert np.all(np.isfinite(flat(gradients)))
    assert_allclose(masses.sum(axis=1), 1.0, rtol=1e-12)
    # What stands between windows and zero is nothing at all.
    assert np.all(masses >= 0)


@pytest.mark.parametrize("omega", [1e-6, 1 - 1e-6])
@pytest.mark.parametrize(
    "rows",
    [
        # All claim a figure that nobody can have died of, and a floor above their numbers.
        [("Arden", "agency", "count", (2, 2), 20), ("Arden", "press", "count", (3, 3), 20),
         ("Arden", "registry", "documented", (15, 15), 20)],
        # Claims far above the cap.
        [("Arden", "agency", "count", (55, 55), 6), ("Arden", "press", "at_least", (40, None), 6)],
        # A known toll that no claim comes near.
        [("Arden", "agency", "count", (0, 0), 50), ("Arden", "press", "count", (0, 0), 50),
         ("Arden", "registry", "verified", (49, 49), 50)],
        # A floor at the cap.
        [("Arden", "agency", "at_most", (0, 0), 30), ("Arden", "press", "count", (9, 9), 30),
         ("Arden", "registry", "documented", (30, 30), 30)],
    ],
    ids=["below the floor", "above the cap", "off the known toll", "floor at the cap"],
)  # fmt: skip
@pytest.mark.parametrize("scatter", [1e-3, 0.1])
def test_conflicts_between_claims_and_certainties_are_summed_in_full(rows, omega, scatter):
    claims = [
        (SOURCES.index(source), *numbers, kind == "count")
        for _, source, kind, numbers, _ in rows
        if source != "registry"
    ]
    known = {kind: numbers[0] for _, source, kind, numbers, _ in rows if source == "registry"}
    location = reference.Location(
        claims, cap=rows[0][-1], floor=known.get("documented", 0), verified=known.get("verified")
    )
    values = PLAIN | {
        "log_scatter": [math.log(scatter)] * len(SOURCES),
        "logit_repeat": [math.log(omega / (1 - omega))] * len(SOURCES),
        "shared": (math.log(0.8), math.log(scatter), -0.1),
    }

    for family in FAMILIES:
        check_against_reference(
            posterior_of([row(*r) for r in rows], noise=FAMILIES[family]),
            [location], values, family, "logistic", DENSE,
        )  # fmt: skip


# What the sums must keep, whatever the claims.


def test_a_documented_floor_has_no_mass_below_it():
    posterior = posterior_of(
        [
            row("Arden", "agency", "count", (3, 3)),
            row("Arden", "registry", "documented", (11, 11)),
            row("Brook", "press", "at_most", (0, 4)),
            row("Brook", "registry", "documented", (230, 230)),
        ]
    )
    first, _ = posterior.bins

    masses = toll_masses(posterior.problem, parameters_of(PLAIN, posterior.claims))

    for pattern, floor in zip(posterior.patterns, (11, 230), strict=True):
        assert masses[pattern, first < floor].sum() == 0.0
        assert_allclose(masses[pattern, first >= floor].sum(), 1.0, rtol=1e-13)
        assert masses[pattern, first == floor] > 0


def test_a_verified_toll_has_all_the_mass():
    posterior = posterior_of(
        [
            row("Arden", "agency", "count", (3, 3)),
            row("Arden", "registry", "verified", (12_345, 12_345)),
        ]
    )
    first, last = posterior.bins

    masses = toll_masses(posterior.problem, parameters_of(PLAIN, posterior.claims))

    assert_array_equal(masses[0], (first == 12_345) & (last == 12_345))


def test_a_location_nobody_reported_on_keeps_its_prior():
    rows = [row("Arden", "agency", "count", (3, 3)), row("Arden", "press", "count", (9, 9))]
    alone = Model(priors=LIMITS).given(claims_of(rows, COLUMNS))
    joined = Model(priors=LIMITS).given(claims_of(rows, COLUMNS, locations=["Holm"]))
    parameters = parameters_of(PLAIN, alone.claims)
    first, last = joined.bins

    masses = toll_masses(joined.problem, parameters)[joined.patterns[1]]

    assert_allclose(
        log_likelihood(joined.problem, parameters),
        log_likelihood(alone.problem, parameters),
        rtol=0, atol=1e-12,
    )  # fmt: skip
    tau = math.exp(PLAIN["shared"][0])
    prior = np.append(
        noise.mass(first[:-1], last[:-1], PLAIN["mu"][0], tau),
        noise.mass(int(first[-1]), None, PLAIN["mu"][0], tau),
    )
    # A window of support may leave out what is a millionth of a millionth.
    assert_allclose(masses, prior, rtol=1e-10, atol=1e-13)


def test_silence_is_not_a_claim_of_no_deaths():
    said = [row("Arden", "agency", "count", (3, 3)), row("Arden", "press", "count", (9, 9))]
    silent = posterior_of(said)
    denied = posterior_of([*said, row("Arden", "clinic", "count", (0, 0))])
    first, _ = silent.bins

    of_silent, of_denied = (
        toll_masses(posterior.problem, parameters_of(PLAIN, posterior.claims))[0]
        for posterior in (silent, denied)
    )

    assert of_denied @ first < of_silent @ first - 0.5


@pytest.mark.parametrize("copies", [2, 7])
def test_copies_of_a_location_count_as_often_as_they_occur(copies):
    def rows(name):
        return [
            row(name, "agency", "count", (3, 3), 40),
            row(name, "press", "count", (3, 3), 40),
            row(name, "ministry", "range", (5, 9), 40),
        ]

    one = posterior_of(rows("Arden"))
    many = posterior_of([r for i in range(copies) for r in rows(f"Arden {i}")])
    parameters = parameters_of(PLAIN, one.claims)
    of_one, of_many = like(parameters), like(parameters)

    value = marginal.log_likelihood(one.problem, parameters, True, of_one)
    total = marginal.log_likelihood(many.problem, parameters, True, of_many)

    assert many.problem.multiplicity.tolist() == [copies]
    assert many.patterns.tolist() == [0] * copies
    assert_allclose(total, copies * value, rtol=1e-14)
    assert_allclose(flat(of_many), copies * flat(of_one), rtol=1e-12, atol=1e-14)


def test_sources_that_never_repeat_are_independent():
    rows = [
        row("Arden", "agency", "count", (8, 8), 50),
        row("Arden", "press", "count", (8, 8), 50),
    ]
    posterior = posterior_of(rows, priors=Priors(logit_repeat=Never()))
    parameters = posterior.parameters(np.zeros(posterior.n_theta))
    given = (parameters.bias, np.exp(parameters.log_scatter), np.exp(parameters.shared[LOG_TAU]))
    n = np.arange(51)

    actual = log_likelihood(posterior.problem, parameters)

    prior = noise.mass(n, n, parameters.mu[0], given[2]) / noise.mass(
        0, 50, parameters.mu[0], given[2]
    )
    of_claims = [
        np.array(
            [noise.mass(8, 8, np.log1p(k) + b + parameters.shared[COMMON_BIAS], s) for k in n]
        )
        for b, s in zip(*given[:2], strict=True)
    ]
    assert_allclose(actual, np.log(np.sum(prior * of_claims[0] * of_claims[1])), rtol=1e-12)


def test_drawn_tolls_follow_their_masses():
    posterior = posterior_of(
        [
            row("Arden", "agency", "count", (3, 3)),
            row("Arden", "press", "count", (9, 9)),
            row("Brook", "clinic", "range", (300, 420)),
            row("Brook", "registry", "documented", (7, 7)),
        ]
    )
    parameters = parameters_of(PLAIN, posterior.claims)
    masses = toll_masses(posterior.problem, parameters)
    n_draws = 20_000
    pattern = np.tile(posterior.patterns, n_draws)
    uniform = np.random.default_rng(3).random(pattern.size)

    index, within = marginal.draw_bins(posterior.problem, parameters, pattern, uniform)

    for p in posterior.patterns:
        drawn = np.bincount(index[pattern == p], minlength=masses.shape[1]) / n_draws
        # Four standard errors at each of some hundred bins: none is expected outside five.
        assert np.all(np.abs(drawn - masses[p]) < 5 * np.sqrt(masses[p] / n_draws) + 1e-4)
        assert_allclose(within[pattern == p].mean(), 0.5, atol=4 / math.sqrt(12 * n_draws))
    assert np.all((within >= 0) & (within < 1))


def log_joints(problem, parameters):
    """Log joint of each pattern at every point of its support, from cells; (n_patterns, n)."""
    tau, of_figure, common_bias = *np.exp(parameters.shared[:2]), parameters.shared[COMMON_BIAS]

    def log_mass(lower, upper, width, centre, scale):
        cells = [
            mass.mass_cell(0, 0.0, (a - c) / scale, (b - c) / scale, w / scale)[0]
            for a, b, w, c in zip(*np.broadcast_arrays(lower, upper, width, centre), strict=True)
        ]
        return np.array(cells)

    _, *bins = problem.grid
    edges = [problem.claim_lower, problem.claim_upper, problem.claim_width]
    figures = [problem.figure_lower, problem.figure_upper, problem.figure_width]
    for p in range(problem.level.size):
        out = log_mass(*bins, parameters.mu[problem.level[p]], tau)
        groups = {}
        for j in problem.members[problem.offsets[p] : problem.offsets[p + 1]]:
            i, v = problem.claim_voice[j], problem.claim_figure[j]
            centre = problem.grid.x + common_bias + parameters.bias[i]
            own = log_mass(*(e[j] for e in edges), centre, math.exp(parameters.log_scatter[i]))
            out = out + own
            if v >= 0:
                more = np.logaddexp(0.0, parameters.logit_repeat[i] - own)
                groups[v] = groups.get(v, 0.0) + more
        free = {
            v: log_mass(*(e[v] for e in figures), problem.grid.x + common_bias, of_figure)
            for v in groups
        }
        rest = np.maximum(1.0 - sum(np.exp(f) for f in free.values()), 1e-300)
        terms = [np.log(rest) * np.ones(out.size), *(free[v] + groups[v] for v in groups)]
        out = out + np.logaddexp.reduce(terms, axis=0)
        allowed = np.arange(out.size)
        yield np.where((allowed >= problem.first[p]) & (allowed < problem.last[p]), out, -np.inf)


@pytest.mark.parametrize("seed", range(8))
def test_less_than_a_trifle_is_outside_the_windows(seed):
    rng = np.random.default_rng(seed)
    names = ["agency", "clinic", "ministry", "press"]
    rows = []
    for place in range(25):
        toll = rng.integers(0, 3000)
        for name in rng.choice(names, rng.integers(1, 5), replace=False):
            n = int(rng.poisson(toll * rng.lognormal(0.0, 0.5)))
            kind = rng.choice(["count", "count", "count", "range", "at_least", "at_most"])
            numbers = {"count": (n, n), "range": (n, 2 * n + 1), "at_least": (n, None)}
            rows.append(row(f"place {place}", name, kind, numbers.get(kind, (0, n))))
        if place % 5 == 0:
            n = int(rng.integers(1, 4000))
            rows.append(row(f"place {place}", "registry", "documented", (n, n)))
    posterior = posterior_of(rows, support=Support(dense=10))
    parameters = parameters_of(
        {
            "mu": [rng.uniform(0.0, 8.0)],
            "bias": rng.normal(0.0, 0.4, 4),
            "log_scatter": np.log(rng.uniform(0.05, 1.0, 4)),
            "logit_repeat": rng.normal(0.0, 3.0, 4),
            "shared": (*np.log(rng.uniform(0.1, 1.5, 2)), rng.normal(0.0, 0.2)),
        },
        posterior.claims,
    )

    low, high = windows.windows_at(posterior.problem, parameters)

    for p, logs in enumerate(log_joints(posterior.problem, parameters)):
        mass = np.exp(logs - logs.max())
        outside = mass[: low[p]].sum() + mass[high[p] :].sum()
        assert outside < 1e-12 * mass.sum()
    # And not by being the whole support.
    assert (high - low).mean() < 0.9 * (posterior.problem.last - posterior.problem.first).mean()
