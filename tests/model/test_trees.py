"""Wholes and parts: messages on trees against every combination of tolls, one by one."""

import math

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

import tollest as te
from tests import reference
from tests.conftest import LIMITS, claims_of, guessed
from tests.contracts import check_gradient
from tollest._sums import propagation
from tollest._sums.tables import LOGIT_NEAR_COPY, N_SHARED, NEVER, Parameters
from tollest.claims.table import Claims
from tollest.estimation.certainties import is_top
from tollest.estimation.masses import TollMasses
from tollest.model import trees
from tollest.model.names import Names
from tollest.model.patterns import PatternLayout
from tollest.model.posterior import Posterior
from tollest.model.trees import TreeLayout
from tollest.noise import Logistic, Normal
from tollest.simulation import worlds

SOURCES = ("agency", "clinic", "press")
DENSE = 64
KINDS = ("count", "count", "range", "at_least", "at_most", "about")
THETA = reference.Theta(
    mu=[0.4], tau=0.35, bias=[0.1, -0.2, 0.3], scatter=[0.3, 0.15, 0.6], omega=[0.3, 0.7, 0.1],
    figure_scatter=0.2, common_bias=0.05,
)  # fmt: skip
MOST = 18  # of one leaf: seven standard deviations of its prior


def tree(rng, n_places, n_terms):
    """A random tree of up to `n_terms` leaves and remainders: parents, and which are complete."""
    while True:
        names = [f"p{i}" for i in range(n_places)]
        parent = {names[i]: names[int(rng.integers(max(0, i - 2), i))] for i in range(1, n_places)}
        wholes = sorted(set(parent.values()))
        complete = {name for name in wholes if rng.random() < 0.5}
        if n_places - len(wholes) + len(wholes) - len(complete) <= n_terms:
            return names, parent, complete


def said(rng, name, parent):
    """Rows of the table on one location, and what the reference makes of them."""
    rows, claims = [], []
    location = reference.Location(claims)
    for s in np.flatnonzero(rng.random(len(SOURCES)) < 0.5).tolist():
        kind = str(rng.choice(KINDS))
        n = int(rng.choice([0, 2, 2, 4, 7]))
        lower, upper = {
            "count": (n, n), "range": (n, n + 4), "at_least": (n, None), "at_most": (0, n),
            "about": (5, 15),
        }[kind]  # fmt: skip
        numbers = (None, None, 10 if kind == "about" else n)
        if kind != "count" and kind != "about":
            numbers = (None if kind == "at_most" else lower, upper, None)
        rows.append((name, SOURCES[s], kind, *numbers, parent.get(name)))
        claims.append((s, lower, upper, kind == "count"))
    certain = rng.choice(["", "", "", "documented", "verified"])
    if certain:
        known = int(rng.integers(0, 2)) if name in parent else int(rng.integers(3, 9))
        rows.append((name, "registry", certain, None, None, known, parent.get(name)))
        if certain == "documented":
            location.floor = known
        else:
            location.verified = known
    return rows, location


COLUMNS = ["location", "source", "kind", "lower", "upper", "count", "parent"]
PARTS = "location source count kind parent"


def world(seed, n_places=5, n_terms=5):
    """Claims on a random tree that do not contradict what is certain, and the reference's."""
    rng = np.random.default_rng(seed)
    while True:
        names, parent, complete = tree(rng, n_places, n_terms)
        parts = [said(rng, name, parent) for name in names]
        rows = [row for part, _ in parts for row in part]
        if not rows:
            continue
        table = pd.DataFrame(rows, columns=COLUMNS).astype(
            dict.fromkeys(["lower", "upper", "count"], "Int64")
        )
        try:
            claims = Claims.from_table(table, parents=parent, complete=complete)
        except ValueError:
            continue
        return claims, (dict(zip(names, (p for _, p in parts), strict=True)), parent, complete)


def compiled(claims, dense=DENSE, toll=None):
    those = TreeLayout.of(claims)
    names = Names.of(claims)
    patterns = PatternLayout.of(claims, names, LIMITS)
    problem, forest = trees.problem_of(
        those, claims, patterns, names, Logistic(), toll or Normal(), dense
    )
    return those, problem, forest


def shared_of(theta):
    out = np.zeros(N_SHARED)
    out[:3] = math.log(theta.tau), math.log(theta.figure_scatter), theta.common_bias
    out[LOGIT_NEAR_COPY] = NEVER
    return out


def parameters(claims, theta=THETA):
    used = [SOURCES.index(name) for name in claims.sources]
    omega = np.array(theta.omega)[used]
    return Parameters(
        np.append(np.array(theta.mu)[Names.of(claims).level_group], 0.0),
        np.array(theta.bias)[used], np.log(theta.scatter)[used],
        np.log(omega / (1.0 - omega)), np.empty(0),
        shared_of(theta),
    )  # fmt: skip


def evaluate(problem, forest, parameters):
    gradients = Parameters(*(np.zeros_like(array) for array in parameters))
    n_nodes, n_points = forest.left.size, problem.grid.x.size
    masses = np.zeros((n_nodes, n_points))
    value = propagation.evaluate_forest(
        problem,
        forest,
        parameters,
        np.zeros(n_nodes, np.int64),
        np.full(n_nodes, n_points),
        True,
        gradients,
        1.0,
        masses,
        np.empty((0, 0)),
    )
    return value, gradients, masses


@pytest.mark.parametrize("seed", range(12))
def test_tolls_of_a_tree_are_those_of_all_combinations(seed):
    claims, (places, parent, complete) = world(seed)
    those, problem, forest = compiled(claims)

    value, _, masses = evaluate(problem, forest, parameters(claims))

    expected, by_name = reference.wholes(places, parent, complete, THETA, MOST)
    assert value == pytest.approx(expected, abs=1e-8)
    for name, mass in by_name.items():
        node = those.node[claims.locations.index(name)]
        n = min(mass.size, DENSE)
        assert_allclose(masses[node, :n], mass[:n], atol=1e-9)
        assert masses[node].sum() == pytest.approx(1.0)


@pytest.mark.parametrize("seed", range(100, 106))
@pytest.mark.parametrize("toll", [Normal(), Logistic()], ids=repr)
def test_the_gradient_is_that_of_differences(seed, toll):
    claims, _ = world(seed)
    _, problem, forest = compiled(claims, toll=toll)
    at = parameters(claims)
    sizes = np.cumsum([a.size for a in at])[:-1]

    def value(flat):
        return evaluate(problem, forest, Parameters(*np.split(flat, sizes)))[0]

    _, gradients, _ = evaluate(problem, forest, at)

    check_gradient(value, np.concatenate(at), np.concatenate(gradients), scale=0.3)


@pytest.mark.parametrize("whole", [1000, 10**5, 10**9])
def test_contradictions_beyond_what_a_float_holds_are_finite(whole):
    rows = [("W", "p", whole, None, None), ("A", "p", 5, None, "W"), ("B", "q", 7, None, "W")]
    claims = claims_of(rows, PARTS, complete=["W"])
    posterior = te.Model(noise=Normal()).given(claims)
    values = []
    for scatter in (0.05, 0.15, 0.5, 1.5, 4.0):
        theta = np.zeros(posterior.n_theta)
        for j, name in enumerate(posterior.theta_names):
            if name.startswith("log_scatter[") or name == "log_figure_scatter":
                theta[j] = np.log(scatter)
        value, gradient = posterior.log_likelihood_and_gradient(theta)
        values.append(value)
        assert np.isfinite(gradient).all()

    assert np.isfinite(values).all()
    assert np.argmax(values) > 1  # the wider the errors, the less of a contradiction


def coast(whole, parts, kind="count", complete=("Coast",)):
    rows = [("Coast", "agency", kind, None, None, whole, None)] if whole is not None else []
    rows += [(f"part {i}", "press", "count", None, None, n, "Coast") for i, n in enumerate(parts)]
    table = pd.DataFrame(rows, columns=COLUMNS).astype(
        dict.fromkeys(["lower", "upper", "count"], "Int64")
    )
    return Claims.from_table(table, complete=complete)


def marginals(claims, dense=DENSE, theta=THETA):
    those, problem, forest = compiled(claims, dense, Logistic())
    _, _, masses = evaluate(problem, forest, parameters(claims, theta))
    numbers = np.expm1(problem.grid.x)
    return {claims.locations[p]: masses[v] for p, v in those.node.items()}, numbers


WIDE = reference.Theta(
    mu=[3.0], tau=0.8, bias=[0.0] * 3, scatter=[0.2] * 3, omega=[0.2] * 3, figure_scatter=0.2,
)  # fmt: skip


def test_a_whole_that_nobody_speaks_of_changes_nothing():
    parts = [40, 300, 7]
    alone, _ = marginals(coast(None, parts), theta=WIDE)

    # Cut loose from each other, they are trees of one part that is all of its whole.
    for i, n in enumerate(parts):
        claims = Claims.from_table(
            pd.DataFrame([("press", f"part {i}", n)], columns=["source", "location", "count"]),
            parents={f"part {i}": "itself"}, complete=["itself"],
        )  # fmt: skip
        single, _ = marginals(claims, theta=WIDE)
        assert_allclose(alone[f"part {i}"], single[f"part {i}"], atol=1e-12)
        assert_allclose(single["itself"], single[f"part {i}"], atol=1e-12)


def test_a_known_whole_conditions_its_parts():
    masses, numbers = marginals(coast(60, [20, 30], "verified"), theta=WIDE, dense=128)

    mass = {name: m[:61] for name, m in masses.items()}
    assert mass["Coast"][60] == pytest.approx(1.0)
    assert_allclose(mass["part 0"], mass["part 1"][::-1], atol=1e-12)
    assert sum(m @ numbers for n, m in masses.items() if n != "Coast") == pytest.approx(60.0)


@pytest.mark.parametrize("dense", [32, 64, 128, 256])
def test_tolls_of_a_whole_are_spread_by_the_grid_no_more_than_it_says(dense):
    # Ten parts, none of them claimed together: means add up exactly, variances but for the grid.
    parts = [35, 60, 90, 140, 200, 310, 450, 600, 900, 1500]
    masses, numbers = marginals(coast(None, parts), dense, WIDE)
    mean = {name: m @ numbers for name, m in masses.items()}

    assert mean.pop("Coast") == pytest.approx(sum(mean.values()), rel=1e-9)
    whole = masses["Coast"]
    fine, fine_numbers = marginals(coast(None, parts), 1024, WIDE)
    for q in (0.05, 0.5, 0.95):
        here = np.interp(q, np.cumsum(whole) - 0.5 * whole, numbers)
        exact = np.interp(q, np.cumsum(fine["Coast"]) - 0.5 * fine["Coast"], fine_numbers)
        assert abs(here / exact - 1.0) < 2.0 / dense


def test_masses_too_small_for_products_are_summed_in_logarithms():
    # Errors of 0.1 % that contradict each other a thousandfold, on the whole and on a part.
    exact = reference.Theta(
        mu=[3.0], tau=0.8, bias=[0.0] * 3, scatter=[1e-3] * 3, omega=[1e-6] * 3,
        figure_scatter=1e-3,
    )  # fmt: skip
    rows = [
        ("Coast", "agency", "count", None, None, 9000, None),
        ("Coast", "clinic", "count", None, None, 90, None),
        ("Coast", "press", "count", None, None, 9, None),
        ("part", "agency", "count", None, None, 50, "Coast"),
        ("part", "clinic", "count", None, None, 5000, "Coast"),
    ]
    table = pd.DataFrame(rows, columns=COLUMNS).astype({"count": "Int64"})
    claims = Claims.from_table(table)
    _, problem, forest = compiled(claims, 128, Logistic())

    value, gradients, masses = evaluate(problem, forest, parameters(claims, exact))

    assert np.isfinite(value)
    assert all(np.isfinite(g).all() for g in gradients)
    assert_allclose(masses.sum(axis=1), 1.0)


# --------------------------------------------------------------------------- estimates

ROWS = [
    ("Coast", "agency", 1500, None), ("Coast", "press", 1383, None),
    ("Latakia", "agency", 700, "Coast"), ("Tartus", "press", 500, "Coast"),
    ("Jableh", "clinic", 120, "Latakia"), ("Banias", "press", 90, "Tartus"),
    ("Elsewhere", "agency", 30, None), ("Elsewhere", "press", 30, None),
]  # fmt: skip


@pytest.fixture(scope="module")
def claims():
    return Claims.from_table(
        pd.DataFrame(ROWS, columns=["location", "source", "count", "parent"]), complete=["Tartus"],
        parents={"Ghost town": "Tartus"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def estimate(claims):
    return te.estimate(claims, rng=1, progress=False)


def test_every_draw_adds_up(estimate):
    names = list(estimate.claims.locations)
    for draws in (estimate.draws(), estimate.draws_by_chain()[0]):
        of = dict(zip(names, draws.T, strict=True))
        assert (of["Coast"] >= of["Latakia"] + of["Tartus"]).all()
        assert (of["Latakia"] >= of["Jableh"]).all()
        assert_array_equal(of["Tartus"], of["Banias"] + of["Ghost town"])


def test_draws_are_of_the_mass_functions(estimate):
    draws = estimate.draws(4000)
    for q in (0.1, 0.5, 0.9):
        share = (draws <= estimate.quantile(q).to_numpy()).mean(axis=0)
        # Draws of theta come again after the first thousand or so: their number is that of ESS.
        exact = 1.0 - np.array([
            estimate.probability(at_least=int(n) + 1).iloc[i]
            for i, n in enumerate(estimate.quantile(q))
        ])  # fmt: skip
        assert np.all(np.abs(share - exact) < 4.0 * np.sqrt(0.25 / estimate.theta.ess))


def test_a_whole_has_the_documented_deaths_of_its_parts():
    rows = [("Coast", "press", 100, None, None), ("Latakia", "un", 70, "documented", "Coast")]
    table = guessed(claims_of(rows, PARTS)).table()

    assert table["documented"].tolist() == [70, 70]
    assert table["lower"]["Coast"] >= 70


def test_parts_are_counted_in_their_wholes(estimate):
    names = list(estimate.claims.locations)
    draws = estimate.draws()

    total = estimate.total()
    of_coast = estimate.total({n: "Elsewhere" if n == "Elsewhere" else "Coast" for n in names})
    apart = estimate.total({n: n in ("Jableh", "Banias") for n in names})

    coast, elsewhere = draws[:, names.index("Coast")], draws[:, names.index("Elsewhere")]
    assert_array_equal(total.samples[:, 0], coast + elsewhere)
    assert_array_equal(of_coast.samples, np.stack([coast, elsewhere], axis=1))
    of_both = draws[:, names.index("Jableh")] + draws[:, names.index("Banias")]
    assert_array_equal(apart.samples[:, apart.names.index(True)], of_both)


def test_a_tree_says_more_than_its_places_apart(estimate, claims):
    apart = te.estimate(
        Claims.from_table(pd.DataFrame(ROWS, columns=["location", "source", "count", "x"])), rng=1,
        progress=False,
    )  # fmt: skip
    together, alone = estimate.table(), apart.table()
    width = np.log(together["upper"] / together["lower"])
    width_alone = np.log(alone["upper"] / alone["lower"])

    assert width["Coast"] < width_alone["Coast"]
    # A location outside the tree hears of it through the sources alone.
    assert abs(width["Elsewhere"] - width_alone["Elsewhere"]) < 0.25


def test_a_nested_estimate_comes_back_from_its_file(claims, tmp_path):
    estimate = guessed(claims, n_draws=100)
    estimate.save(tmp_path / "nested.nc")

    loaded = te.Estimate.load(tmp_path / "nested.nc")

    assert_array_equal(loaded.claims.parent, estimate.claims.parent)
    assert_array_equal(loaded.claims.complete, estimate.claims.complete)
    pd.testing.assert_frame_equal(loaded.table(), estimate.table())
    assert_array_equal(loaded.draws(5), estimate.draws(5))


@pytest.mark.slow
def test_nuts_gives_the_same_tolls():
    claims = coast(60, [20, 30])
    estimate = te.estimate(claims, rng=1, progress=False)
    engine = te.engines.NUTS(draws=1500, chains=2, runs=1)
    sampled = te.estimate(claims, engine=engine, rng=2, progress=False)

    ess = min(estimate.theta.ess, sampled.theta.ess)
    for q in (0.05, 0.5, 0.95):
        at = sampled.quantile(q)
        for place, number in at.items():
            here, there = (
                1.0 - e.probability(at_least=int(number) + 1)[place] for e in (estimate, sampled)
            )
            # Averages over draws of theta vary less than indicators of the toll.
            assert abs(here - there) < 4.0 * math.sqrt(2.0 * 0.25 / ess) * 0.5


@pytest.mark.slow
def test_threads_change_nothing(monkeypatch):
    claims = coast(60, [20, 30])
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    one = te.estimate(claims, rng=3, progress=False)
    table, draws = one.table(), one.draws(20)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    two = te.estimate(claims, rng=3, progress=False)

    pd.testing.assert_frame_equal(two.table(), table)
    assert_array_equal(two.draws(20), draws)


def test_windows_leave_nothing_out(claims):
    posterior = te.Model().given(claims)
    nested = posterior.parts[1]
    point = posterior.parameters(np.zeros(posterior.n_theta))
    low, high = nested._windows(point)

    value, gradients, masses = evaluate(nested.problem, nested.forest, point)
    windowed = nested.sums([point], True, False)

    assert np.any(high - low < nested.problem.grid.x.size)
    assert windowed.values[0] == pytest.approx(value, rel=1e-12)
    assert_allclose(windowed.gradients[0], np.concatenate(gradients), rtol=1e-9, atol=1e-10)
    outside = np.arange(masses.shape[1])
    for v in range(len(masses)):
        assert masses[v, (outside < low[v]) | (outside >= high[v])].sum() < 1e-15


@pytest.mark.parametrize("ask", ["audit", "identification", "loo", "loo_by_source"])
def test_what_does_not_know_of_wholes_says_so(estimate, ask):
    call = {
        "audit": lambda: te.diagnostics.audit(estimate, "Coast"),
        "identification": lambda: te.diagnostics.identification(estimate),
        "loo": lambda: te.diagnostics.loo(estimate),
        "loo_by_source": lambda: te.diagnostics.loo_by_source(estimate),
    }[ask]

    with pytest.raises(ValueError, match="does not reach over wholes and parts"):
        call()


def test_a_page_of_wholes_and_parts(estimate, tmp_path):
    te.report.page(estimate, tmp_path / "page.html")

    text = (tmp_path / "page.html").read_text()
    assert "Coast" in text
    assert "speak of each other" in text
    assert "an unlisted remainder" in text


@pytest.fixture(scope="module")
def ranks():
    """Ranks of true tolls of places, wholes and the largest whole, theta being known."""
    truth = worlds.Truth(
        mu=2.0, tau=0.7, bias=np.array([0.1, -0.2, 0.0]), scatter=np.array([0.1, 0.2, 0.4]),
        repeat=np.array([0.6, 0.3, 0.1]), figure_scatter=0.2, common_bias=0.05,
    )  # fmt: skip
    known = {"mu": truth.mu, "log_tau": np.log(truth.tau), "common_bias": truth.common_bias}
    known["log_figure_scatter"] = np.log(truth.figure_scatter)
    logit = np.log(truth.repeat / (1.0 - truth.repeat))
    for i, name in enumerate(worlds.source_names(3)):
        known |= {
            f"bias[{name}]": truth.bias[i], f"log_scatter[{name}]": np.log(truth.scatter[i]),
            f"logit_repeat[{name}]": logit[i], f"logit_denial[{name}]": -30.0,
        }  # fmt: skip
    out, drawn = [], []
    for seed in range(250):
        rng = np.random.default_rng(seed)
        world = worlds.simulate(6, 3, parts=3, truth=truth, rng=rng)
        posterior = te.Model().given(world.claims)
        point = posterior.parameters(
            np.array([known.get(name, 0.0) for name in posterior.theta_names])
        )
        nested = posterior.parts[1]
        masses = nested.new_masses()
        draw = nested.draw(point, rng, 1.0, masses).number
        tolls = TollMasses(*posterior.bins, nested.on_bins(masses))
        for said, where in ((world.tolls, out), (draw, drawn)):
            above, beyond = tolls.at_least(said), tolls.at_least(said + 1)
            where.append(1.0 - above + rng.random(said.size) * (above - beyond))
    return np.array(out), np.array(drawn)


@pytest.mark.parametrize("of", ["truths", "draws"])
def test_ranks_on_trees_are_uniform_where_theta_is_known(ranks, of):
    # Seven tests each, of which one in fifteen thousand should fail by chance.
    for column in ranks[of == "draws"].T[[0, 2, 5, 6, 7, 8]]:
        assert stats.kstest(column, "uniform").pvalue > 1e-5
    assert stats.kstest(ranks[of == "draws"][:, :6].ravel(), "uniform").pvalue > 1e-5


# --------------------------------------------------------------------------- claims


def test_wholes_and_parts_come_from_a_column_and_from_a_mapping(claims):
    assert claims.locations[-1] == "Ghost town"
    whole = [claims.locations[p] if p >= 0 else None for p in claims.parent]
    assert dict(zip(claims.locations, whole, strict=True)) == {
        "Coast": None, "Latakia": "Coast", "Tartus": "Coast", "Jableh": "Latakia",
        "Banias": "Tartus", "Elsewhere": None, "Ghost town": "Tartus",
    }  # fmt: skip
    assert [n for n, c in zip(claims.locations, claims.complete, strict=True) if c] == ["Tartus"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"parents": {"Coast": "Jableh"}},
            "'Coast' of 'Jableh' of 'Latakia' of 'Coast': a whole cannot be a part of its own "
            "part.",
        ),
        (
            {"complete": ["Jableh"]},
            "complete names 'Jableh', which has no parts; name it as the parent of some, or leave "
            "it out.",
        ),
        (
            {"parents": {"Latakia": "Tartus"}},
            "parents={'Latakia': 'Tartus'}: its rows have the parent 'Coast'; a location is a "
            "part of one whole.",
        ),
    ],
)
def test_trees_that_are_none_are_refused(given, message):
    table = pd.DataFrame(ROWS, columns=["location", "source", "count", "parent"])

    with pytest.raises(te.ClaimsError) as caught:
        Claims.from_table(table, **given)

    assert message in str(caught.value)


def test_rows_that_differ_in_their_parent_are_named():
    rows = [("Arden", "p", 3, None, "North"), ("Arden", "q", 4, None, "South")]

    with pytest.raises(te.ClaimsError, match="parent is 'South', but 'North' in row 0"):
        claims_of(rows, PARTS)


def test_a_whole_below_what_is_certain_of_its_parts_is_refused():
    rows = [
        ("Coast", "un", 100, "verified", None), ("Latakia", "un", 90, "documented", "Coast"),
        ("Tartus", "un", 20, "documented", "Coast"),
    ]  # fmt: skip
    with pytest.raises(te.ClaimsError) as caught:
        claims_of(rows, PARTS)

    assert str(caught.value) == (
        "the known toll of 'Coast' is 100, but at least 110 are certain in its parts: 'Latakia' "
        "90, 'Tartus' 20; correct one of them."
    )


def test_a_whole_above_what_its_parts_can_be_is_refused():
    rows = [
        ("Coast", "un", 100, "documented", None), ("Latakia", "un", 40, "verified", "Coast"),
        ("Tartus", "un", 20, "verified", "Coast"),
    ]  # fmt: skip
    with pytest.raises(te.ClaimsError, match="can have at most 60: 'Latakia' 40, 'Tartus' 20"):
        claims_of(rows, PARTS, complete=["Coast"])

    claims_of(rows, PARTS)  # with a remainder it can


def test_parts_without_evidence_go_but_where_their_whole_is_complete():
    rows = [
        ("Coast", "un", 100, None, None), ("Latakia", "press", 40, None, "Coast"),
        ("Jableh", "clinic", 30, None, "Latakia"),
    ]  # fmt: skip
    loose = claims_of(rows, PARTS).without("press", "clinic")
    bound = claims_of(rows, PARTS, complete=["Coast"]).without("press", "clinic")
    middle = claims_of(rows, PARTS).without("press")

    assert loose.locations == ("Coast",)
    assert bound.locations == ("Coast", "Latakia")
    assert middle.locations == ("Coast", "Latakia", "Jableh")  # a whole stays with its part
    assert_array_equal(middle.parent, [-1, 0, 1])


def test_a_source_that_adds_up_its_own_counts_is_heard_once():
    rows = [
        ("Coast", "monitor", 110, None, None), ("Coast", "press", 150, None, None),
        ("Latakia", "monitor", 70, None, "Coast"), ("Tartus", "monitor", 40, None, "Coast"),
        ("Latakia", "press", 150, None, "Coast"),
    ]  # fmt: skip
    claims = claims_of(rows, PARTS, complete=["Coast"])

    # Where there may be a remainder, such a count says that nothing is in it.
    assert not len(claims_of(rows, PARTS).excluded)
    aside = claims.excluded.set_index("row")["reason"]
    assert aside.to_dict() == {0: "is the sum of the claims of monitor on its parts"}
    # Without one of the parts its sum is a claim again; and one part alone is no sum.
    assert claims.without(rows=[2]).to_frame()["row"].tolist() == [0, 1, 3, 4]
    assert repr(claims).endswith("1 more excluded (1 adds up its own claims)")


@pytest.mark.parametrize(
    ("parents", "complete"),
    [
        ({2: 1, 3: 1}, [1]),
        ({" 2": "1 ", "3": "1", "1": None, "": "9"}, (name for name in ["1"])),
        (pd.Series({"2": "1", "3": "1"}), np.array(["1"])),
    ],
)
def test_names_of_wholes_and_parts_are_read_as_names_are(parents, complete):
    table = pd.DataFrame({"location": [1, 2, 3], "source": "p", "count": [9, 4, 4]})

    claims = Claims.from_table(table, parents=parents, complete=complete)

    assert claims.locations == ("1", "2", "3")
    assert_array_equal(claims.parent, [-1, 0, 0])
    assert_array_equal(claims.complete, [True, False, False])


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"parents": {"Latakia": "coast"}}, te.ClaimsError, "differ only by case, white space"),
        ({"parents": [("Latakia", "Coast")]}, TypeError, "give a mapping of each part"),
        ({"complete": "Coast"}, TypeError, "complete is the text 'Coast'"),
    ],
)
def test_names_that_would_make_a_tree_of_their_own_are_refused(given, error, message):
    rows = [("Coast", "un", 100, None, None), ("Latakia", "press", 40, None, None)]

    with pytest.raises(error, match=message):
        claims_of(rows, PARTS, **given)


def test_a_whole_by_name_alone_has_the_group_of_its_parts():
    table = pd.DataFrame(
        {"location": ["A", "B", "C"], "source": "p", "count": 3, "group": ["x", "x", "y"]}
    )
    claims = Claims.from_table(table, parents={"A": "W", "B": "W", "W": "V"})

    assert claims.groups == ("x", "y")
    of = {n: claims.groups[g] for n, g in zip(claims.locations, claims.group_index, strict=True)}
    assert (of["W"], of["V"]) == ("x", "x")
    with pytest.raises(te.ClaimsError, match="'P' has no group, and other locations do"):
        Claims.from_table(table, parents={"P": "Q"})


def test_a_whole_by_name_alone_goes_with_its_parts():
    rows = [("F", "p", 3, None, None), ("P", "q", 4, None, "W"), ("Q", "q", 4, None, "W")]
    claims = claims_of(rows, PARTS)

    assert claims.locations == ("F", "P", "Q", "W")
    assert claims.without("q").locations == ("F",)


def test_what_is_certain_of_parts_is_certain_of_their_whole():
    rows = [
        ("P", "un", 1003, "verified", "W"), ("Q", "un", 1511, "verified", "W"),
        ("W", "press", 2000, None, None), ("V", "press", 2000, None, None),
        ("R", "un", 777, "documented", "V"),
    ]  # fmt: skip
    claims = claims_of(rows, PARTS, complete=["W"])
    posterior = te.Model().given(claims)
    nested = posterior.parts[1]
    masses = nested.averaged([posterior.parameters(np.zeros(posterior.n_theta))])
    tolls = TollMasses(*posterior.bins, masses)
    at = dict(zip((claims.locations[i] for i in nested.locations), range(5), strict=True))

    assert tolls.interval(0.9, "eti")[0][at["W"]] == tolls.quantile(0.95)[at["W"]] == 2514
    assert tolls.mean()[at["W"]] == pytest.approx(2514.0)
    assert tolls.at_least(777)[at["V"]] == pytest.approx(1.0)


def test_a_part_of_a_part_is_added_once():
    # Labels of the coast and of a town in one of its governorates, which has another label.
    parent, label = np.array([-1, 0, 1, -1]), np.array([0, 1, 0, 1])

    assert_array_equal(is_top(parent, label), [True, True, False, True])


def test_groups_of_a_part_of_all_claims_are_those_of_all():
    some = pd.DataFrame(
        {"location": ["W", "A"], "source": "p", "count": 9, "group": "y", "parent": [None, "W"]}
    )
    claims = Claims.from_table(some)
    other = Claims.from_table(some.assign(group="x", parent=None))
    names = Names.joined([Names.of(claims), Names.of(other)])

    problem = Posterior(te.Model(), claims, names).parts[1].problem

    assert sorted(set(problem.level.tolist())) == [-1, 1]  # sums, and group "y"


def test_a_table_of_wholes_and_parts_reads_back():
    claims = Claims.from_table(
        pd.DataFrame(ROWS, columns=["location", "source", "count", "parent"])
    )

    again = Claims.from_table(claims.to_frame().drop(columns="row"))

    assert again.locations == claims.locations
    assert_array_equal(again.parent, claims.parent)


def test_parts_that_cannot_add_up_to_a_known_whole_are_impossible_and_no_nan():
    rows = [
        ("Upton", "cdc", "range", None, 1, 9, "State"),
        ("Viola", "cdc", "range", None, 1, 9, "State"),
        ("Weston", "cdc", "range", None, 1, 9, "State"),
        ("Xenia", "cdc", "count", 12, None, None, "State"),
        ("State", "registry", "verified", 30, None, None, None),
    ]
    columns = "location source kind count lower upper parent"
    claims = claims_of(rows, columns, complete=["State"])
    posterior = te.Model(support=te.Support(100, 0.05)).given(claims)
    names = posterior.theta_names
    found = []
    for log_tau in (0.0, -3.0, *np.linspace(-6.0, -7.5, 301)):
        theta = np.zeros(posterior.n_theta)
        at = {
            "mu": 1.857,
            "log_tau": log_tau,
            "log_scatter[cdc]": -3.6,
            "log_figure_scatter": -2.5,
        }
        for name, value in at.items():
            theta[names.index(name)] = value
        found.append(posterior.log_density(theta))

    # Tolls of the parts are all but the same there, and three of them with 12 are never 30.
    assert np.isfinite(found[:2]).all()
    assert not np.isnan(found).any()
