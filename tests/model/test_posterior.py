"""A model and claims make one density, whatever the order and the names they come in."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from tests.conftest import LIMITS
from tests.contracts import check_gradient
from tollest import noise
from tollest._sums import marginal
from tollest._sums.tables import COMMON_BIAS, LOG_TAU
from tollest.claims.table import Claims
from tollest.model.coordinates import Coordinates
from tollest.model.posterior import Model
from tollest.noise import Logistic, StudentT
from tollest.priors import Fixed, HalfNormal, Never, Normal, Pooled, Priors, Source
from tollest.support import Support

NAMES = ("agency", "clinic", "ministry", "press")
POPULATION = [
    "mu", "log_tau", "log_bias_sd", "log_scatter_mean", "log_log_scatter_sd",
    "logit_repeat_mean", "log_logit_repeat_sd", "log_figure_scatter", "common_bias",
]  # fmt: skip


FOUR_VILLAGES = pd.DataFrame(
    [
        ("Arden", "agency", "range", 11, 11),
        ("Arden", "press", "range", 11, 11),
        ("Arden", "clinic", "range", 8, 20),
        ("Brook", "agency", "range", 0, 0),
        ("Brook", "press", "range", 3, 3),
        ("Corley", "ministry", "at_most", None, 150),
        ("Corley", "press", "at_least", 320, None),
        ("Corley", "clinic", "range", 400, 400),
        ("Holm", "agency", "range", 7, 7),
        ("Holm", "registry", "verified", 9, 9),
        ("Holm", "clinic", "range", 9, 9),
    ],
    columns=["location", "source", "kind", "lower", "upper"],
).astype({"lower": "Int64", "upper": "Int64"})
GROUPED = FOUR_VILLAGES.assign(
    group=FOUR_VILLAGES.location.map(
        {"Arden": "coast", "Brook": "coast", "Corley": "hills", "Holm": "hills"}
    )
)
MODELS = {
    "default": (Model(), FOUR_VILLAGES),
    "groups": (Model(), GROUPED),
    "never": (Model(priors=Priors(logit_repeat=Never())), FOUR_VILLAGES),
    "overrides": (
        Model(
            noise=StudentT(4),
            priors=Priors(
                bias=Pooled(Normal(0.1, 0.2), HalfNormal(0.3)),
                log_scatter=Pooled(Fixed(-2.0), Fixed(0.4)),
                common_bias=Fixed(0.02),
                sources={
                    "agency": Source(bias=Fixed(0.0), logit_repeat=Normal(2.0, 0.5)),
                    "press": Source(bias=Normal(-0.2, 0.1), log_scatter=Fixed(-1.0)),
                },
            ),
        ),
        GROUPED,
    ),
}


@pytest.fixture(params=list(MODELS))
def posterior(request):
    model, table = MODELS[request.param]
    return model.given(Claims.from_table(table))


def a_theta(posterior, rng):
    """A point where nothing is extreme."""
    rng = np.random.default_rng(rng)
    theta = rng.normal(0, 0.4, posterior.n_theta)
    for j, name in enumerate(posterior.theta_names):
        if name.startswith(("log_scatter", "log_figure_scatter")):
            theta[j] -= 1.7
        elif name.startswith("mu"):
            theta[j] += 2.5
    return theta


# What theta holds.


def test_theta_has_three_entries_a_source_and_nine_more():
    posterior = Model(priors=LIMITS).given(Claims.from_table(FOUR_VILLAGES))

    assert posterior.n_theta == 3 * 4 + 9
    effects = [f"{n}[{s}]" for n in ("bias", "log_scatter", "logit_repeat") for s in NAMES]
    assert sorted(posterior.theta_names) == sorted(POPULATION + effects)
    assert posterior.theta_names[0] == "mu"


def test_groups_add_one_entry_each_and_one_for_their_spread():
    posterior = Model(priors=LIMITS).given(Claims.from_table(GROUPED))

    assert posterior.n_theta == 3 * 4 + 9 + 2 + 1
    added = set(posterior.theta_names) - set(
        Model(priors=LIMITS).given(Claims.from_table(FOUR_VILLAGES)).theta_names
    )
    assert added == {"log_group_sd", "mu_group[coast]", "mu_group[hills]"}


def test_sources_that_never_repeat_leave_no_trace_of_figures():
    posterior = Model(priors=replace(LIMITS, logit_repeat=Never())).given(
        Claims.from_table(FOUR_VILLAGES)
    )

    assert posterior.n_theta == 2 * 4 + 6
    assert not [name for name in posterior.theta_names if "repeat" in name or "figure" in name]
    assert posterior.problem.figure_lower.size == 0


def test_what_is_fixed_is_no_entry():
    priors = replace(LIMITS, tau=Fixed(0.8), common_bias=Fixed(0.1), mu=Fixed(2.0))
    posterior = Model(priors=priors).given(Claims.from_table(FOUR_VILLAGES))

    assert posterior.n_theta == 3 * 4 + 9 - 3
    assert not {"log_tau", "common_bias", "mu"} & set(posterior.theta_names)
    parameters = posterior.parameters(a_theta(posterior, 1))
    assert_allclose(parameters.mu, [2.0])
    assert_allclose(parameters.shared[[LOG_TAU, COMMON_BIAS]], [math.log(0.8), 0.1])


def test_a_reference_source_has_no_bias_to_learn():
    priors = replace(LIMITS, sources={"clinic": Source(bias=Fixed(0.0))})
    posterior = Model(priors=priors).given(Claims.from_table(FOUR_VILLAGES))

    assert "bias[clinic]" not in posterior.theta_names
    assert "log_scatter[clinic]" in posterior.theta_names
    assert posterior.n_theta == 3 * 4 + 9 - 1
    assert posterior.parameters(np.full(posterior.n_theta, 0.3)).bias.tolist() == [
        0.3, 0.0, 0.3, 0.3
    ]  # fmt: skip


def test_overridden_to_the_last_a_population_is_gone():
    own = Source(bias=Normal(0.0, 0.1))
    priors = Priors(sources=dict.fromkeys(NAMES, own))

    posterior = Model(priors=priors).given(Claims.from_table(FOUR_VILLAGES))

    assert "log_bias_sd" not in posterior.theta_names
    assert "bias[press]" in posterior.theta_names


def test_parameters_are_entries_of_theta():
    posterior = Model().given(Claims.from_table(GROUPED))
    theta = np.arange(posterior.n_theta, dtype=float)
    at = {name: value for value, name in enumerate(posterior.theta_names)}

    parameters = posterior.parameters(theta)

    assert parameters.mu.tolist() == [at["mu_group[coast]"], at["mu_group[hills]"]]
    for name in ("bias", "log_scatter", "logit_repeat"):
        assert getattr(parameters, name).tolist() == [at[f"{name}[{s}]"] for s in NAMES]
    assert parameters.shared.tolist() == [
        at["log_tau"], at["log_figure_scatter"], at["common_bias"], at["log_shortfall"],
        *[0.0] * 4, at["log_location_error"], at["logit_near_copy"], at["log_copy_scatter"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ["presse"],
            "priors name 'presse', which makes no claim that may err; "
            "sources are 'agency', 'clinic', 'ministry', 'press'.",
        ),
        (
            ["radio", "press", "registry"],
            "priors name 'radio', 'registry', which makes no claim that may err; "
            "sources are 'agency', 'clinic', 'ministry', 'press'.",
        ),
    ],
)
def test_a_prior_for_a_source_without_claims_is_refused(names, message):
    priors = Priors(sources={name: Source(bias=Fixed(0.0)) for name in names})

    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole text is compared
        Model(priors=priors).given(Claims.from_table(FOUR_VILLAGES))

    assert str(caught.value) == message


@pytest.mark.parametrize("name", list(MODELS))
def test_repr_reproduces_a_model(name):
    # Noise and priors both have a Normal: only the priors' is named here.
    model, _ = MODELS[name]

    assert eval(repr(model)) == model
    assert Model(toll=Logistic(), support=Support(50)) != model


# The density.


@pytest.mark.parametrize(
    "fields",
    [{"noise": noise.Normal}, {"toll": "normal"}, {"priors": {"mu": 2.0}}, {"support": 100}],
)
def test_fields_of_other_types_are_refused(fields):
    (name,) = fields

    with pytest.raises(TypeError, match=rf"{name} of Model is .*; give an object like \w"):
        Model(**fields)


def test_log_prior_is_that_of_the_table_of_priors():
    posterior = Model().given(Claims.from_table(GROUPED))
    theta = a_theta(posterior, 2)
    at = dict(zip(posterior.theta_names, theta, strict=True))

    def half_normal(log_x, sd):
        return stats.halfnorm(scale=sd).logpdf(math.exp(log_x)) + log_x  # of the logarithm

    expected = [
        stats.norm(2, 2).logpdf(at["mu"]),
        half_normal(at["log_group_sd"], 0.5),
        half_normal(at["log_tau"], 1),
        half_normal(at["log_bias_sd"], 0.3),
        stats.norm(math.log(0.15), 0.5).logpdf(at["log_scatter_mean"]),
        half_normal(at["log_log_scatter_sd"], 0.5),
        stats.norm(0, 1.5).logpdf(at["logit_repeat_mean"]),
        half_normal(at["log_logit_repeat_sd"], 1),
        stats.norm(math.log(0.15), 0.5).logpdf(at["log_figure_scatter"]),
        stats.norm(0, 0.1).logpdf(at["common_bias"]),
        stats.norm(math.log(0.5), 0.7).logpdf(at["log_shortfall"]),
        stats.norm(math.log(0.1), 0.7).logpdf(at["log_location_error"]),
        stats.norm(-1.4, 1.0).logpdf(at["logit_near_copy"]),
        stats.norm(math.log(0.005), 0.7).logpdf(at["log_copy_scatter"]),
        stats.norm(-4.6, 1.0).logpdf(at["logit_denial_mean"]),
        half_normal(at["log_logit_denial_sd"], 0.5),
    ]
    populations = {
        "mu_group": (at["mu"], at["log_group_sd"], ["coast", "hills"]),
        "bias": (0.0, at["log_bias_sd"], NAMES),
        "log_scatter": (at["log_scatter_mean"], at["log_log_scatter_sd"], NAMES),
        "logit_repeat": (at["logit_repeat_mean"], at["log_logit_repeat_sd"], NAMES),
        "logit_denial": (at["logit_denial_mean"], at["log_logit_denial_sd"], NAMES),
    }
    for name, (mean, log_sd, members) in populations.items():
        population = stats.norm(mean, math.exp(log_sd))
        expected += [population.logpdf(at[f"{name}[{member}]"]) for member in members]
    assert_allclose(posterior.log_prior(theta), sum(expected), rtol=1e-12)


def test_log_density_is_prior_times_likelihood(posterior):
    theta = a_theta(posterior, 3)
    parameters = posterior.parameters(theta)

    likelihood = marginal.log_likelihood(posterior.problem, parameters, False, parameters)

    expected = posterior.log_prior(theta) + likelihood
    assert_allclose(posterior.log_density(theta), expected, rtol=1e-14)


@pytest.mark.parametrize("rng", [4, 5, 6])
def test_gradient_of_the_log_density_matches_differences(posterior, rng):
    theta = a_theta(posterior, rng)

    value, gradient = posterior.log_density_and_gradient(theta)

    assert value == posterior.log_density(theta)
    check_gradient(posterior.log_density, theta, gradient, scale=0.1)


@pytest.mark.parametrize("entry", ["log_tau", "log_bias_sd", "log_scatter[press]"])
@pytest.mark.parametrize("value", [-31.0, 31.0, np.nan, np.inf])
def test_no_density_where_a_scale_is_no_number(entry, value):
    posterior = Model().given(Claims.from_table(FOUR_VILLAGES))
    theta = a_theta(posterior, 1)
    theta[posterior.theta_names.index(entry)] = value

    assert posterior.log_density(theta) == -np.inf


# Coordinates.


def coordinates_of(posterior, rng):
    """Anything from no information to much."""
    rng = np.random.default_rng(rng)
    n = posterior.n_theta
    precision = np.exp(rng.normal(1.0, 2.0, n)) * (rng.random(n) < 0.8)
    scale = np.exp(rng.normal(-0.5, 0.5, n))
    return Coordinates(precision, rng.normal(0, 0.5, n), scale, rng.random(n))


@pytest.mark.parametrize("rng", [1, 2, 3])
def test_coordinates_go_there_and_back(posterior, rng):
    coordinates = coordinates_of(posterior, rng)
    theta = np.stack([a_theta(posterior, seed) for seed in range(4)])

    u = posterior.to_u(coordinates, theta)

    assert_allclose(posterior.to_theta(coordinates, u), theta, rtol=1e-11, atol=1e-12)
    assert np.ptp(u - theta) > 0.1


@pytest.mark.parametrize("rng", [1, 2, 3])
def test_density_in_coordinates_has_the_jacobian(posterior, rng):
    coordinates = coordinates_of(posterior, rng)
    theta = a_theta(posterior, rng)
    u = posterior.to_u(coordinates, theta[None])[0]
    step = 1e-4
    offsets = step * np.eye(u.size)
    # Differences of the fourth order: off by some 1e-14.
    near = posterior.to_theta(coordinates, u + offsets) - posterior.to_theta(
        coordinates, u - offsets
    )
    far = posterior.to_theta(coordinates, u + 2 * offsets) - posterior.to_theta(
        coordinates, u - 2 * offsets
    )
    jacobian = (8 * near - far) / (12 * step)

    actual = posterior.log_densities(u[None], coordinates)[0]

    expected = posterior.log_density(theta) + np.linalg.slogdet(jacobian)[1]
    assert_allclose(actual, expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("rng", [1, 2, 3])
def test_gradient_in_coordinates_matches_differences(posterior, rng):
    coordinates = coordinates_of(posterior, rng)
    u = posterior.to_u(coordinates, a_theta(posterior, rng)[None])[0]

    value, gradient = posterior.log_density_and_gradient(u, coordinates)

    assert value == posterior.log_densities(u[None], coordinates)[0]
    check_gradient(
        lambda at: posterior.log_densities(at[None], coordinates)[0], u, gradient, scale=0.1
    )


# Invariances.


counts = st.one_of(st.integers(0, 40), st.sampled_from([0, 3, 12, 450]))


@st.composite
def tables(draw):
    """Any claims by some of four sources on up to six places, floors among them."""
    rows = []
    for place in range(draw(st.integers(1, 6))):
        said = draw(st.dictionaries(st.sampled_from(NAMES), counts, min_size=1))
        for source, count in said.items():
            kind = draw(st.sampled_from(["count", "count", "count", "at_least", "at_most"]))
            rows.append((f"place {place}", source, kind, count))
        if draw(st.booleans()):
            rows.append((f"place {place}", "registry", "documented", draw(st.integers(0, 9))))
    return pd.DataFrame(rows, columns=["location", "source", "kind", "count"])


often = settings(deadline=None, derandomize=True, max_examples=40, database=None)


@often
@given(tables(), st.randoms(use_true_random=False))
def test_order_of_rows_changes_nothing(table, random):
    order = random.sample(range(len(table)), len(table))
    posterior = Model().given(Claims.from_table(table))
    shuffled = Model().given(Claims.from_table(table.iloc[order]))
    theta = a_theta(posterior, 0)

    assert shuffled.theta_names == posterior.theta_names
    assert shuffled.log_density(theta) == posterior.log_density(theta)


@often
@given(tables(), st.permutations(NAMES))
def test_names_of_sources_do_not_matter(table, names):
    renamed = dict(zip(NAMES, names, strict=True))
    posterior = Model().given(Claims.from_table(table))
    other = Model().given(Claims.from_table(table.assign(source=table.source.replace(renamed))))
    theta = a_theta(posterior, 0)
    at = dict(zip(posterior.theta_names, theta, strict=True))
    back = {new: old for old, new in renamed.items()}

    def of_old(name):
        stem, _, member = name.partition("[")
        return at[f"{stem}[{back[member[:-1]]}]" if member else name]

    moved = np.array([of_old(name) for name in other.theta_names])

    assert_allclose(other.log_density(moved), posterior.log_density(theta), rtol=1e-12)


@often
@given(tables(), st.integers(1, 4))
def test_shards_add_up(table, n_shards):
    whole = Model().given(Claims.from_table(table))
    parameters = whole.parameters(a_theta(whole, 0))
    used = whole.claims.sources
    total = 0.0
    places = table.location.unique()
    for chosen in np.array_split(places, n_shards):
        rows = table[table.location.isin(chosen)]
        if len(rows):
            part = Model().given(Claims.from_table(rows))
            of_part = [used.index(name) for name in part.claims.sources]
            own = parameters._replace(
                bias=parameters.bias[of_part],
                log_scatter=parameters.log_scatter[of_part],
                logit_repeat=parameters.logit_repeat[of_part],
                logit_denial=parameters.logit_denial[
                    of_part if parameters.logit_denial.size else []
                ],
            )
            # The support is the whole's: a shard's own may end where its claims do.
            problem = renumbered(part, whole)
            total += marginal.log_likelihood(problem, own, False, own)

    expected = marginal.log_likelihood(whole.problem, parameters, False, parameters)

    assert_allclose(total, expected, rtol=1e-12)


def renumbered(part, whole):
    """The problem of `part` on the support of `whole`, whose bins begin at least as often."""
    first, _ = whole.bins
    own, own_last = part.bins
    position = np.searchsorted(first, np.append(own, own_last[-1] + 1))
    of_first = position[part.problem.first]
    return part.problem._replace(
        grid=whole.problem.grid,
        first=of_first,
        last=np.where(part.problem.last == own.size, first.size, position[part.problem.last]),
    )


@often
@given(tables())
def test_a_silent_location_changes_nothing(table):
    posterior = Model().given(Claims.from_table(table))
    joined = Model().given(Claims.from_table(table, locations=["Holm"]))
    theta = a_theta(posterior, 0)

    assert joined.theta_names == posterior.theta_names
    assert_allclose(joined.log_density(theta), posterior.log_density(theta), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", list(MODELS))
def test_a_location_nobody_reported_on_adds_no_gradient(name):
    model, table = MODELS[name]
    posterior = model.given(Claims.from_table(table))
    silent = {"Selwick": "hills"} if "group" in table else ["Selwick"]
    joined = model.given(Claims.from_table(table, locations=silent))
    theta = a_theta(posterior, 8)

    value, gradient = posterior.log_density_and_gradient(theta)
    with_silent, with_silent_gradient = joined.log_density_and_gradient(theta)

    assert joined.n_theta == posterior.n_theta
    assert_allclose(with_silent, value, rtol=0, atol=1e-12)
    assert_allclose(with_silent_gradient, gradient, rtol=1e-11, atol=1e-11)


def test_silence_is_not_zero():
    said = FOUR_VILLAGES[FOUR_VILLAGES.location != "Brook"]
    claims = Claims.from_table(FOUR_VILLAGES)
    theta = a_theta(Model(priors=LIMITS).given(claims), 9)
    without = Model(priors=LIMITS).given(Claims.from_table(said, locations=["Brook"]))

    # Brook had a claim of none and one of three: leaving it out is a gain of probability.
    assert without.log_density(theta) > Model(priors=LIMITS).given(claims).log_density(theta) + 1


def test_locations_with_the_same_claims_share_a_pattern():
    rows = [(f"place {i}", s, n) for i in range(5) for s, n in [("press", i % 2), ("agency", 4)]]
    frame = pd.DataFrame(rows, columns=["location", "source", "count"])

    posterior = Model().given(Claims.from_table(frame))

    assert posterior.problem.multiplicity.sum() == 5
    assert sorted(posterior.problem.multiplicity) == [2, 3]
    assert_array_equal(posterior.patterns[[0, 2, 4]], posterior.patterns[0])
    assert_array_equal(posterior.patterns[[1, 3]], posterior.patterns[1])


@st.composite
def described(draw):
    """Claims of few numbers, so that patterns meet; floors, caps and known tolls among them."""
    count = st.sampled_from([0, 3, 12, 10**10 - 1])
    kinds = st.sampled_from(["count", "count", "at_least", "documented", "verified"])
    rows = []
    for place in range(draw(st.integers(1, 12))):
        cap, group = draw(st.sampled_from([None, 10**10 - 1])), draw(st.sampled_from("ns"))
        said = draw(st.dictionaries(st.sampled_from(NAMES), st.tuples(kinds, count), min_size=1))
        verified = [number for kind, number in said.values() if kind == "verified"]
        if not verified or draw(st.booleans()):
            said = {who: (kind.replace("verified", "count"), n) for who, (kind, n) in said.items()}
        else:
            said = {
                who: (
                    kind,
                    verified[0] if kind == "verified" else 0 if kind == "documented" else n,
                )
                for who, (kind, n) in said.items()
            }
        rows += [(f"place {place}", who, *what, group, cap) for who, what in said.items()]
    return pd.DataFrame(rows, columns=["location", "source", "kind", "count", "group", "cap"])


def held(posterior):
    """What each pattern stands for, in numbers that do not depend on the table's order."""
    problem = posterior.problem
    claim = list(
        zip(problem.claim_figure.tolist(), problem.claim_voice.tolist(),
            problem.claim_lower.tolist(), problem.claim_upper.tolist(), strict=True)
    )  # fmt: skip
    return [
        (group, [claim[m] for m in problem.members[start:end].tolist()], first, last, edge)
        for group, start, end, first, last, edge in zip(
            problem.level.tolist(), problem.offsets[:-1], problem.offsets[1:],
            problem.first.tolist(), problem.last.tolist(), problem.cap_edge.tolist(), strict=True,
        )
    ]  # fmt: skip


@often
@given(described(), st.booleans(), st.randoms(use_true_random=False))
def test_patterns_are_those_of_a_dictionary_in_an_order_of_their_own(table, never, random):
    model = Model(priors=Priors(logit_repeat=Never())) if never else Model()
    posterior = model.given(Claims.from_table(table))
    claims = posterior.claims
    said = list(zip(claims.source_index.tolist(), claims.lower.tolist(), claims.upper.tolist(),
                    (claims.kind == 0).tolist(), claims.is_bound.tolist(),
                    strict=True))  # fmt: skip
    certain = claims.group_index, claims.documented, claims.verified, claims.cap
    keys = [
        (tuple(said[claims.offsets[i] : claims.offsets[i + 1]]), *(int(of[i]) for of in certain))
        for i in range(claims.n_locations)
    ]
    number = {key: i for i, key in enumerate(dict.fromkeys(keys))}

    pairs = set(zip((number[key] for key in keys), posterior.patterns.tolist(), strict=True))

    assert len(pairs) == len(number) == posterior.problem.multiplicity.size
    assert_array_equal(np.bincount(posterior.patterns), posterior.problem.multiplicity)
    # By group, then by distinct claims, whatever the order of the rows.
    problem = posterior.problem
    words = [
        (group, problem.members[start:end].tolist())
        for group, start, end in zip(
            problem.level.tolist(), problem.offsets[:-1], problem.offsets[1:], strict=True
        )
    ]
    assert words == sorted(words)
    for word in words:
        assert word[1] == sorted(word[1])
    shuffled = model.given(
        Claims.from_table(table.iloc[random.sample(range(len(table)), len(table))])
    )
    assert held(shuffled) == held(posterior)
    pattern_of = dict(zip(shuffled.claims.locations, shuffled.patterns, strict=True))
    assert [pattern_of[name] for name in claims.locations] == posterior.patterns.tolist()


def test_changing_the_noise_changes_the_density_alone():
    claims = Claims.from_table(FOUR_VILLAGES)
    one, other = Model(), replace(Model(), noise=noise.Normal())
    theta = a_theta(one.given(claims), 3)

    assert one.given(claims).log_prior(theta) == other.given(claims).log_prior(theta)
    assert one.given(claims).log_density(theta) != other.given(claims).log_density(theta)
