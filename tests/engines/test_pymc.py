import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest
import xarray as xr
from arviz_base import from_dict
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from tests.conftest import claims_of
from tests.contracts import check_gradient
from tests.textbook import textbook
from tollest import priors
from tollest._progress import Reporter
from tollest.engines import NestedLaplace
from tollest.engines.pymc import likelihood_op, to_pymc
from tollest.engines.traces import FromTrace, PyMC
from tollest.estimation.results import DoubtfulEstimate, Estimate, estimate
from tollest.model.posterior import Model
from tollest.simulation.worlds import simulate
from tollest.support import Support

QUIET = Reporter(False)
# Graphs are evaluated at a few points only, so they are not worth compiling well.
MODE = "FAST_COMPILE"


@pytest.fixture(scope="module")
def few():
    rows = [
        ("Arden", "press", "count", 38, 38, None),
        ("Arden", "clinic", "count", 38, 38, None),
        ("Arden", "radio", "count", 45, 45, None),
        ("Arden", "army", "range", 20, 30, None),
        ("Brook", "press", "count", 0, 0, 50),
        ("Brook", "clinic", "at_least", 4, None, 50),
        ("Corley", "army", "at_least", 12, None, None),
        ("Corley", "press", "count", 700, 700, None),
        ("Corley", "clinic", "documented", 300, None, None),
        ("Dunmore", "press", "count", 9, 9, None),
        ("Dunmore", "registry", "verified", 12, 12, None),
    ]
    return claims_of(rows, "location source kind lower upper cap")


@pytest.fixture(scope="module")
def many():
    return simulate(20, 6, rng=3).claims


@pytest.fixture(scope="module")
def grouped(few):
    rows = [
        ("L" + str(i), source, n, "north" if i < 2 else "south")
        for i in range(14)
        for source, n in (("a", 3 + i), ("b", 4))
    ]
    return claims_of(rows, "location source count group")


VARIANTS = {
    "default": priors.Priors(),
    "no figure": priors.Priors(
        logit_repeat=priors.Never(), tau=priors.Fixed(0.9), common_bias=priors.Fixed(0.0)
    ),
    "known populations": priors.Priors(
        mu=priors.Fixed(3.0),
        group_sd=priors.Fixed(0.4),
        bias=priors.Pooled(priors.Normal(0.1, 0.2), priors.Fixed(0.2)),
        log_scatter=priors.Pooled(priors.Fixed(-2.0), priors.HalfNormal(0.4)),
        log_figure_scatter=priors.Fixed(-2.0),
    ),
}


def own_priors(sources):
    """One source with priors of its own, one that is known."""
    return priors.Priors(
        sources={
            sources[0]: priors.Source(
                priors.Normal(-0.2, 0.1), priors.Fixed(-1.0), priors.Normal(-1.0, 0.5)
            ),
            sources[1]: priors.Source(bias=priors.Fixed(0.0)),
        }
    )


def evaluated(model, rng, n_points=4):
    """Yield values of all variables, and the log density, at random points."""
    names = list(model.named_vars)
    variables = model.replace_rvs_by_values([model[name] for name in names])
    function = model.compile_fn(
        [model.logp(), *variables], inputs=model.value_vars, mode=MODE, on_unused_input="ignore"
    )
    start = model.initial_point()
    for _ in range(n_points):
        point = {k: v + 0.5 * rng.standard_normal(np.shape(v)) for k, v in start.items()}
        value, *others = function(point)
        yield float(value), dict(zip(names, others, strict=True))


def theta_of(posterior, values):
    """Theta from the variables of a PyMC model."""
    theta = []
    for entry in posterior.entries:
        name, claims = entry.name, posterior.claims
        value = values[name] if name in values else np.log(values[name.removeprefix("log_")])
        if entry.member is not None:
            labels = claims.groups if name == "mu_group" else claims.sources
            value = value[labels.index(entry.member)]
        theta.append(float(value))
    return np.array(theta)


def log_jacobian(posterior, values):
    """Log of how much offsets are stretched on their way to effects."""
    pooled, total = posterior.model.priors, 0.0
    scales = {"mu_group": "group_sd"} | {
        name: f"{name}_sd" for name in ("bias", "log_scatter", "logit_repeat", "logit_denial")
    }
    for name, sd in scales.items():
        fixed = pooled.group_sd if name == "mu_group" else getattr(pooled, name)
        fixed = getattr(fixed, "sd", fixed)
        scale = values[sd] if sd in values else getattr(fixed, "value", np.nan)
        for form in ("offset", "z"):
            n = np.size(values.get(f"{name}_{form}", ()))
            total += n * np.log(scale) if n else 0.0
    return total


def test_the_operation_gives_the_posteriors_likelihood_and_its_gradient(few):
    posterior = Model().given(few)
    theta = np.array([-1.0 if e.half else 0.2 for e in posterior.entries])
    variable = pt.dvector()
    value = likelihood_op(posterior)(variable)[0]
    function = pytensor.function([variable], [value, pytensor.grad(3.0 * value, variable)])

    actual, gradient = function(theta)

    without_prior = posterior.log_density(theta) - posterior.log_prior(theta)
    assert_allclose(actual, without_prior, rtol=1e-12)
    # Masses of bounds are right to a millionth, and so are their slopes.
    check_gradient(lambda at: 3.0 * function(at)[0], theta, gradient, scale=0.3, rtol=1e-4)


def test_the_likelihood_stands_alone_where_the_prior_is_far_out(few):
    posterior = Model().given(few)
    theta = np.array([-1.0 if e.half else 0.2 for e in posterior.entries])
    value, gradient = posterior.log_likelihood_and_gradient(theta)
    # A spread of e^-25 puts biases of 0.2 at 10^10 standard deviations, and says nothing of tolls.
    at = posterior.theta_names.index("log_bias_sd")
    theta[at] = -25.0

    far_value, far_gradient = posterior.log_likelihood_and_gradient(theta)

    assert far_value == value
    assert_array_equal(far_gradient, gradient)
    assert gradient[at] == 0.0


def test_outside_the_domain_the_likelihood_is_zero_and_has_no_slope(few):
    posterior = Model().given(few)
    theta = np.full(posterior.n_theta, 1e7)
    variable = pt.dvector()
    function = pytensor.function([variable], likelihood_op(posterior)(variable), mode=MODE)

    value, gradient = function(theta)

    assert value == -np.inf
    assert_array_equal(gradient, 0.0)


def test_second_derivatives_are_refused(few):
    variable = pt.dvector()
    value = likelihood_op(Model().given(few))(variable)[0]

    with pytest.raises(NotImplementedError, match="no second derivatives"):
        pytensor.grad(pytensor.grad(value, variable).sum(), variable)


@pytest.mark.parametrize("name", ["few", "many", "grouped"])
@pytest.mark.parametrize("variant", [*VARIANTS, "own"])
def test_the_pymc_model_has_the_posteriors_density(name, variant, request):
    claims = request.getfixturevalue(name)
    prior = own_priors(claims.sources) if variant == "own" else VARIANTS[variant]
    posterior = Model(priors=prior).given(claims)

    for value, values in evaluated(to_pymc(posterior), np.random.default_rng(1)):
        expected = posterior.log_density(theta_of(posterior, values))

        assert_allclose(value - log_jacobian(posterior, values), expected, rtol=1e-9)


def test_sources_with_many_claims_are_centred_and_the_others_are_not(many):
    posterior = Model(priors=own_priors(many.sources)).given(many)

    model = to_pymc(posterior)

    n_claims = dict(zip(many.sources, np.bincount(many.source_index), strict=True))
    assert any(n >= 10 for n in n_claims.values())
    assert any(n < 10 for n in n_claims.values())
    own, _, *others = many.sources
    assert tuple(model.coords["bias_known_source"]) == (own,)
    for form in ("centred", "offset"):
        members = {s for s in others if (n_claims[s] >= 10) == (form == "centred")}
        assert set(model.coords[f"bias_{form}_source"]) == members
    assert model.named_vars_to_dims["bias"] == ("source",)
    assert tuple(model.coords["location"]) == many.locations


@pytest.mark.parametrize("centred", [True, False])
def test_the_textbook_model_has_the_kernels_density(few, centred):
    # Both sum over bins of half a per cent, each with middles of its own.
    support = Support(dense=1000, width=0.005)
    posterior = Model(support=support).given(few)
    model = textbook(few, centred=centred, dense=support.dense, width=support.width)

    for value, values in evaluated(model, np.random.default_rng(2)):
        expected = posterior.log_density(theta_of(posterior, values))

        # Bounds are summed over nodes of their own.
        assert_allclose(value - log_jacobian(posterior, values), expected, rtol=1e-5)


def test_the_textbook_model_knows_ages():
    rows = [
        ("Arden", "press", 9, "2025-03-01 12:00"), ("Arden", "clinic", 17, "2025-03-03 06:00"),
        ("Arden", "staff", 17, "2025-03-03 06:00"), ("Arden", "radio", 30, None),
        ("Brook", "press", 12, "2025-03-03"), ("Brook", "clinic", 12, "2025-03-03"),
        ("Corley", "staff", 21, "2025-03-09"),
    ]  # fmt: skip
    onsets = {"Arden": "2025-03-01 06:00", "Brook": "2025-03-02"}
    claims = claims_of(rows, "location source count date", onsets=onsets)
    support = Support(dense=300, width=0.02)
    posterior = Model(support=support).given(claims)
    model = textbook(claims, dense=support.dense, width=support.width)

    for value, values in evaluated(model, np.random.default_rng(6)):
        expected = posterior.log_density(theta_of(posterior, values))

        # Of what is known, each moves by steps to the middles of its bins.
        assert_allclose(value - log_jacobian(posterior, values), expected, rtol=1e-4)


def test_the_textbook_model_has_the_kernels_tolls(few):
    support = Support(dense=1000, width=0.005)
    numbers = np.array([[30, 40], [0, 50], [500, 2000], [11, 12]])
    posterior = Model(support=support).given(few)
    model = textbook(few, dense=support.dense, width=support.width, cdf_at=numbers)

    _, values = next(evaluated(model, np.random.default_rng(3)))

    theta = theta_of(posterior, values)
    single = estimate(few, model=Model(support=support), engine=Always(theta), progress=False)
    for k in range(2):
        expected = [
            1.0 - single.probability(at_least=int(n) + 1).iloc[i]
            for i, n in enumerate(numbers[:, k])
        ]
        assert_allclose(values["toll_cdf"][:, k], expected, rtol=1e-4, atol=1e-6)


class Always:
    """An engine that knows theta."""

    def __init__(self, theta):
        self.theta = theta

    def run(self, posterior, rng, reporter):
        draws = NestedLaplace().run(posterior, rng, reporter)
        return type(draws)(self.theta[None, None], "known", ess=1.0, pareto_k=0.0)


def test_a_prior_given_in_a_model_is_kept(few):
    posterior = Model().given(few)
    with pm.Model() as given:
        tau = pm.Gamma("tau", 4.0, 5.0)

    model = to_pymc(posterior, given)

    assert model is given
    assert model["tau"] is tau
    for value, values in evaluated(model, np.random.default_rng(4)):
        expected = posterior.log_density(theta_of(posterior, values))
        expected += stats.gamma.logpdf(values["tau"], 4.0, scale=1 / 5.0)
        expected -= stats.halfnorm.logpdf(values["tau"])
        # PyTensor holds a 5.0 in single precision, and so its log.
        assert_allclose(value - log_jacobian(posterior, values), expected, rtol=1e-8)


def test_effects_and_populations_may_be_given_on_natural_scales(few):
    posterior = Model().given(few)
    with pm.Model(coords={"source": few.sources}) as given:
        scatter = pm.LogNormal("scatter", -2.0, 0.3, dims="source")
        repeat = pm.Beta("repeat", 2.0, 3.0, dims="source")
        bias_mean = pm.Normal("bias_mean", 0.1, 0.05)  # fixed at 0 in the priors

    model = to_pymc(posterior, given)

    for value, values in evaluated(model, np.random.default_rng(5)):
        values["log_scatter"] = np.log(values["scatter"])
        values["logit_repeat"] = np.log(values["repeat"] / (1.0 - values["repeat"]))
        theta = theta_of(posterior, values)
        # The likelihood is the kernel's; priors are those of SciPy.
        expected = posterior.log_likelihood_and_gradient(theta)[0]
        expected += stats.norm.logpdf(values["log_scatter"], -2.0, 0.3).sum()
        expected += stats.beta.logpdf(values["repeat"], 2.0, 3.0).sum()
        expected += np.log(values["repeat"] * (1.0 - values["repeat"])).sum()
        for name, mean, sd in [("mu", 2.0, 2.0), ("log_scatter_mean", np.log(0.15), 0.5),
                               ("logit_repeat_mean", 0.0, 1.5), ("bias_mean", 0.1, 0.05),
                               ("log_figure_scatter", np.log(0.15), 0.5),
                               ("common_bias", 0.0, 0.1), ("bias_offset", 0.0, 1.0),
                               ("log_shortfall", np.log(0.5), 0.7),
                               ("log_list_shortfall", np.log(0.5), 0.8),
                               ("log_location_error", np.log(0.1), 0.7),
                               ("logit_near_copy", -1.4, 1.0),
                               ("log_copy_scatter", np.log(0.005), 0.7),
                               ("logit_denial_mean", -4.6, 1.0),
                               ("logit_denial_offset", 0.0, 1.0)]:  # fmt: skip
            expected += stats.norm.logpdf(values[name], mean, sd).sum()
        for name, sd in [("tau", 1.0), ("bias_sd", 0.3), ("log_scatter_sd", 0.5),
                         ("logit_repeat_sd", 1.0), ("logit_denial_sd", 0.5)]:  # fmt: skip
            expected += stats.halfnorm.logpdf(values[name], scale=sd) + np.log(values[name])
        assert_allclose(value, expected, rtol=1e-8)
        biases = values["bias_mean"] + values["bias_sd"] * values["bias_offset"]
        assert_allclose(values["bias"], biases, rtol=1e-12)
    assert model["scatter"] is scatter
    assert model["repeat"] is repeat
    assert model["bias_mean"] is bias_mean


def test_what_would_change_nothing_is_refused(few):
    posterior = Model(priors=VARIANTS["no figure"]).given(few)
    for name in ("tau", "common_bias", "figure_scatter"):
        with pm.Model() as given:
            pm.HalfNormal(name)
        with pytest.raises(ValueError, match=f"model holds '{name}', but the priors fix it"):
            to_pymc(posterior, given)


def test_other_sources_and_shapes_are_refused(few):
    posterior = Model().given(few)

    with pytest.raises(ValueError, match="model has the sources 'x'; those of the claims are"):
        to_pymc(posterior, pm.Model(coords={"source": ["x"]}))
    with pm.Model() as given:
        pm.Normal("bias")
    with pytest.raises(ValueError, match="'bias' of the model has another shape"):
        to_pymc(posterior, given)


@pytest.fixture(scope="module")
def estimated():
    claims = claims_of([
        ("Arden", "press", "count", 30), ("Arden", "clinic", "count", 44),
        ("Arden", "army", "count", 30), ("Brook", "press", "count", 4),
    ])  # fmt: skip
    model = Model(priors=own_priors(claims.sources))
    return estimate(claims, model=model, rng=1, progress=False)


def trace_of(estimated, **changed):
    """Build a trace as PyMC gives it, with four chains, from an estimate."""
    data = estimated.to_datatree()["posterior"].to_dataset().drop_vars("toll")
    n = estimated.theta.theta.shape[1] // 4
    held = {
        name: values.to_numpy()[:, : 4 * n].reshape(4, n, *values.shape[2:])
        for name, values in data.data_vars.items()
    }
    dims = {name: list(values.dims[2:]) for name, values in data.data_vars.items()}
    coords = {str(k): v.to_numpy() for k, v in data.coords.items() if k not in ("chain", "draw")}
    stats_of = {"diverging": np.zeros((4, n), bool), "n_steps": np.full((4, n), 7)}
    held |= changed.pop("values", {})
    for name in changed.pop("without", ()):
        del held[name]
    stats_of |= changed.pop("stats", {})
    coords |= changed.pop("coords", {})
    return from_dict({"posterior": held, "sample_stats": stats_of}, dims=dims, coords=coords)


def test_a_trace_gives_the_tolls_of_its_draws(estimated):
    model = estimated.model
    result = estimate(
        estimated.claims, model=model, engine=FromTrace(trace_of(estimated)), rng=1, progress=False
    )

    n = len(result.theta.flat)
    assert_allclose(result.theta.flat, estimated.theta.flat[:n], rtol=1e-9, atol=1e-12)
    # All but the last three draws at most are the same, and quantiles are whole numbers.
    assert_allclose(result.quantile(0.5), estimated.quantile(0.5), atol=1)
    assert result.theta.rhat < 1.01
    assert result.theta.ess > 400
    assert result.theta.n_evaluations == 7 * len(result.theta.flat)
    assert not result.doubts
    assert "a trace from PyMC (4 chains of" in repr(result)


def test_members_of_a_trace_are_found_by_name(estimated):
    posterior = estimated.model.given(estimated.claims)
    trace = trace_of(estimated)
    data = trace["posterior"].to_dataset()
    dims = [dim for dim in data.dims if str(dim).endswith("source")]
    turned = xr.DataTree.from_dict(
        {"posterior": data.isel({d: slice(None, None, -1) for d in dims})}
    )

    first = FromTrace(trace).run(posterior, np.random.default_rng(1), QUIET)
    second = FromTrace(turned).run(posterior, np.random.default_rng(1), QUIET)

    assert dims
    assert_array_equal(first.theta, second.theta)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"without": ["tau", "repeat"]}, "trace lacks 'repeat', 'tau'; it must hold"),
        ({"coords": {"scatter_source": ["x", "press"]}}, "in 'x', 'clinic'"),
    ],
)
def test_a_trace_of_another_model_is_refused(estimated, changed, message):
    posterior = estimated.model.given(estimated.claims)

    with pytest.raises(ValueError, match=message):
        FromTrace(trace_of(estimated, **changed)).run(posterior, np.random.default_rng(1), QUIET)


def test_a_trace_without_draws_or_numbers_is_refused(estimated):
    posterior = estimated.model.given(estimated.claims)
    trace = trace_of(estimated)
    del trace["posterior"]
    with pytest.raises(ValueError, match="no group 'posterior'"):
        FromTrace(trace).run(posterior, np.random.default_rng(1), QUIET)

    shape = (4, estimated.theta.theta.shape[1] // 4)
    trace = trace_of(estimated, values={"tau": np.zeros(shape)})
    with pytest.raises(ValueError, match="values of 'tau' that are no numbers"):
        FromTrace(trace).run(posterior, np.random.default_rng(1), QUIET)


def test_doubts_of_a_trace_travel_with_the_estimate(estimated):
    n = estimated.theta.theta.shape[1] // 4
    apart = np.random.default_rng(1).normal(2.0, 0.1, (4, n)) + np.arange(4)[:, None]
    trace = trace_of(
        estimated, values={"mu": apart}, stats={"diverging": np.ones((4, n), bool)}
    )  # fmt: skip

    with pytest.warns(DoubtfulEstimate, match="R-hat is") as record:
        result = estimate(
            estimated.claims, model=estimated.model, engine=FromTrace(trace), progress=False
        )

    assert result.theta.n_divergent == 4 * n
    assert f"{4 * n} of {4 * n} transitions diverged" in str(record[0].message)
    assert "Sample the model for longer" in repr(result)


def test_a_support_too_coarse_for_a_trace_is_a_doubt(estimated):
    n = estimated.theta.theta.shape[1] // 4
    small = np.exp(np.random.default_rng(1).normal(-6.0, 0.1, (4, n)))
    trace = trace_of(estimated, values={"figure_scatter": small})
    posterior = estimated.model.given(estimated.claims)

    draws = FromTrace(trace).run(posterior, np.random.default_rng(1), QUIET)

    assert "too coarse for scatters as small as these" in draws.doubts[-1]
    assert "Model(support=Support(dense=" in draws.doubts[-1]


@pytest.mark.slow
def test_pymc_agrees_with_the_default_engine_within_monte_carlo_error():
    claims = claims_of([("Arden", "press", "count", 5), ("Arden", "clinic", "count", 21)])
    posterior = Model().given(claims)
    engine = PyMC(draws=600, tune=600)

    sampled = engine.run(posterior, np.random.default_rng(2), QUIET)
    weighted = NestedLaplace().run(posterior, np.random.default_rng(1), QUIET)

    assert sampled.rhat <= 1.02
    a, b = weighted.flat, sampled.flat
    mcse = np.sqrt(a.var(axis=0) / weighted.ess + b.var(axis=0) / sampled.ess)
    assert np.all(np.abs(a.mean(axis=0) - b.mean(axis=0)) < 4 * mcse)


@pytest.mark.slow
def test_a_changed_model_is_sampled_and_estimated_from():
    # A prior changed in PyMC against the same prior stated in the library.
    claims = claims_of([("Arden", "press", "count", 100)])
    low = priors.Priors(sources={"press": priors.Source(bias=priors.Normal(-0.7, 0.1))})
    expected = estimate(claims, model=Model(priors=low), rng=1, progress=False)
    with pm.Model(coords={"source": claims.sources}) as model:
        pm.Normal("bias", -0.7, 0.1, dims="source")
    posterior = Model().given(claims)
    with to_pymc(posterior, model):
        trace = pm.sample(1000, tune=600, chains=4, cores=2, random_seed=3, progressbar=False,
                          quiet=True, target_accept=0.9)  # fmt: skip

    draws = FromTrace(trace).run(posterior, np.random.default_rng(1), QUIET)

    actual = Estimate(posterior, draws, entropy=1)
    bias = draws.flat[:, posterior.theta_names.index("bias[press]")]
    # The claim may repeat a figure, so it hardly tells a bias from the toll.
    assert -0.8 < bias.mean() < -0.6
    for q in (0.05, 0.5, 0.95):
        n = int(expected.quantile(q).iloc[0])
        p, other = (e.probability(at_least=n).iloc[0] for e in (expected, actual))
        assert abs(p - other) < 4 * np.sqrt(p * (1 - p) * (1 / expected.theta.ess + 1 / draws.ess))


def test_a_spread_held_on_the_log_scale_is_the_spread_of_its_effects():
    claims = simulate(4, 2, claims_per_location=2.0, rng=1).claims
    with pm.Model() as model:
        pm.Normal("log_bias_sd", -3.0, 0.01)
    extended = to_pymc(Model().given(claims), model)

    bias = pm.draw(extended["bias"], 2000, random_seed=1)

    assert abs(np.log(bias.std()) + 3.0) < 4 / np.sqrt(2 * bias.size)
