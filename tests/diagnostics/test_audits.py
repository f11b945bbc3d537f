"""Leaving out one claim by weighing draws anew: against refits, brute force and planted faults."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import tollest as te
from tests import reference
from tests._sums.test_marginal import COLUMNS, DENSE, row
from tests.conftest import LIMITS, claims_of, guessed
from tollest._sums import marginal
from tollest.diagnostics.audits.evidence import Evidence
from tollest.diagnostics.audits.weighed import Weighed
from tollest.engines import ThetaDraws
from tollest.estimation.masses import TollMasses
from tollest.estimation.results import Estimate
from tollest.model.posterior import Model
from tollest.simulation.worlds import draw_truth, simulate

SEED = 3


def fitted(claims):
    return te.estimate(claims, rng=1, progress=False)


def simulated():
    """25 locations with tolls of a hundred or so, and 4 sources with 3 claims on each."""
    truth = draw_truth(4, mu=4.0, repeat=0.3, rng=SEED)
    simulation = simulate(25, 4, claims_per_location=3, truth=truth, rng=SEED)
    table = simulation.claims.to_frame().rename(columns={"lower": "count"})
    return table[["location", "source", "kind", "count"]].values.tolist()


PLANTED = [
    ("Floor", "S01", "count", 40), ("Floor", "S02", "count", 52),
    ("Floor", "names", "documented", 45), ("Floor", "church", "documented", 30),
    ("Known", "S01", "count", 70), ("Known", "S03", "count", 61),
    ("Known", "registry", "verified", 66),
    ("Sworn", "S02", "count", 30), ("Sworn", "court", "verified", 33),
    ("Lone", "S02", "count", 80),
    ("Quoted", "S01", "count", 90), ("Quoted", "S02", "count", 90),
    ("Quoted", "S04", "count", 90), ("Quoted", "S03", "count", 60),
]  # fmt: skip


@pytest.fixture(scope="module")
def estimate():
    return fitted(claims_of(simulated() + PLANTED, locations=["Silent"]))


def weighed(estimate, place, reff=1.0):
    evidence = Evidence(estimate.posterior, estimate.claims.locations.index(place))
    return evidence, Weighed(evidence, estimate.theta_used, reff)


def cdfs(posterior, problem, pattern, thetas, k):
    """Probability of a toll of at most `k` given each theta."""
    out = []
    for theta in thetas:
        masses = np.zeros((problem.level.size, problem.grid.x.size))
        marginal.add_toll_masses(problem, posterior.parameters(theta), 1.0, masses)
        out.append(masses[pattern])
    return 1.0 - TollMasses(*posterior.bins, np.array(out)).at_least(k + 1)


# Rows of PLANTED: a count, the floor that binds, a verified toll, one of three equal counts, and
# the one that differs.
@pytest.mark.parametrize(
    ("place", "source"),
    [
        ("Known", "registry"),
        ("Quoted", "S01"),
        *(pytest.param(*case, marks=pytest.mark.slow)
          for case in (("Floor", "S01"), ("Floor", "names"), ("Quoted", "S03"))),
    ],
)  # fmt: skip
def test_leaving_a_claim_out_agrees_with_a_refit(estimate, place, source):
    table = te.diagnostics.audit(estimate, place).table()
    at = table.index[table["source"] == source][0]
    left_out = table.loc[at]
    refit = fitted(estimate.claims.without(rows=[at]))
    evidence, weights = weighed(estimate, place)
    case = 1 + evidence.rows.tolist().index(at)

    assert left_out["reliable"]
    pattern = refit.posterior.patterns[refit.claims.locations.index(place)]
    for end in ("median", "lower", "upper"):
        k = int(left_out[f"{end}_without"])
        w = weights.weights[:, case]
        ours = cdfs(evidence.posterior, evidence.problem, case, estimate.theta_used, k)
        theirs = cdfs(refit.posterior, refit.posterior.problem, pattern, refit.theta_used, k)
        error = math.hypot(
            np.sqrt(np.square(w * (ours - w @ ours)).sum() * len(w) / estimate.theta.ess),
            theirs.std() / math.sqrt(refit.theta.ess),
        )
        # Bins of two per cent, cut elsewhere, move a cumulated probability by little more.
        assert abs(w @ ours - theirs.mean()) < 4 * error + 1e-3


def test_the_only_claim_leaves_the_prior(estimate):
    audit = te.diagnostics.audit(estimate, "Lone")
    table = audit.table()
    silent = estimate.table().loc["Silent"]

    assert table["median_without"].iloc[0] == pytest.approx(silent["median"], rel=0.1)
    assert table["upper_without"].iloc[0] == pytest.approx(silent["upper"], rel=0.1)
    assert np.isnan(table["p_value"].iloc[0])
    assert not table["conflict"].iloc[0]
    assert "  -" in repr(audit)


def test_with_all_claims_it_is_the_estimate(estimate):
    tolls = estimate.table(ci_prob=0.8)
    for place in ("Floor", "Known", "Quoted"):
        audit = te.diagnostics.audit(estimate, place, ci_prob=0.8)
        expected = tolls.loc[place, ["median", "lower", "upper"]]
        # A bin is cut where a floor without its claim begins.
        assert_allclose([audit.median, audit.lower, audit.upper], expected.tolist(), atol=1)
        table = audit.table()
        assert table.attrs == {
            "location": place, "ci_prob": 0.8, "ci_kind": "eti", "level": 0.01
        }  # fmt: skip
        for end in ("median", "lower", "upper"):
            with_all = getattr(audit, end)
            assert_array_equal(table[f"{end}_shift"], with_all - table[f"{end}_without"])
            assert_allclose(table[f"{end}_ratio"], with_all / table[f"{end}_without"])


def test_a_floor_that_another_covers_changes_nothing(estimate):
    church = te.diagnostics.audit(estimate, "Floor").table().set_index("source").loc["church"]

    assert church["median_shift"] == church["lower_shift"] == church["upper_shift"] == 0
    assert np.isnan(church["pareto_k"])
    assert church["reliable"]


def test_claims_beside_a_verified_toll_move_it_by_nothing(estimate):
    table = te.diagnostics.audit(estimate, "Known").table().set_index("source")

    assert (table.loc[["S01", "S03"], "median_shift"] == 0).all()
    assert (table.loc[["S01", "S03"], "median_ratio"] == 1).all()
    assert table.loc["registry", "upper_shift"] < 0


def test_a_silent_location_has_nothing_to_audit(estimate):
    audit = te.diagnostics.audit(estimate, "Silent")

    assert len(audit.table()) == 0
    assert "Claims on Silent" in repr(audit)


def test_quoting_shows_in_the_probability_of_a_repeat(estimate):
    table = te.diagnostics.audit(estimate, "Quoted").table().set_index("source")

    assert (table.loc[["S01", "S02", "S04"], "repeat"] > 0.5).all()
    assert table.loc["S03", "repeat"] < 0.1


def test_locations_of_one_pattern_have_the_same_audit():
    rows = [(place, source, "count", 7) for place in ("A", "B") for source in ("press", "clinic")]
    estimate = fitted(claims_of([*rows, ("C", "press", "count", 20)]))

    first, second = (te.diagnostics.audit(estimate, place).table() for place in ("A", "B"))

    assert estimate.posterior.patterns[0] == estimate.posterior.patterns[1]
    pd.testing.assert_frame_equal(
        first.reset_index(drop=True).drop(columns="note"),
        second.reset_index(drop=True).drop(columns="note"),
    )


# ---------------------------------------------------------------- against brute force

THETA = reference.Theta(
    mu=[2.0], tau=0.8, bias=[0.1, -0.2, 0.05], scatter=[0.25, 0.4, 0.3], omega=[0.6, 0.4, 0.2],
    figure_scatter=0.2, common_bias=0.05,
)  # fmt: skip
SOURCES = ("agency", "clinic", "press")


def with_known_unknowns(rows, n_draws):
    """An estimate whose draws of theta are all THETA."""
    posterior = Model(priors=LIMITS).given(claims_of(rows, COLUMNS))
    values = {
        "mu": THETA.mu[0], "log_tau": math.log(THETA.tau), "common_bias": THETA.common_bias,
        "log_figure_scatter": math.log(THETA.figure_scatter),
    }  # fmt: skip
    for i, name in enumerate(SOURCES):
        values[f"bias[{name}]"] = THETA.bias[i]
        values[f"log_scatter[{name}]"] = math.log(THETA.scatter[i])
        values[f"logit_repeat[{name}]"] = math.log(THETA.omega[i] / (1 - THETA.omega[i]))
    theta = np.tile([values.get(name, -1.0) for name in posterior.theta_names], (1, n_draws, 1))
    return Estimate(posterior, ThetaDraws(theta, "known", ess=n_draws, pareto_k=0.0), entropy=7)


CAP = DENSE - 1
BRUTE = [
    row("Arden", "agency", "count", (12, 12), CAP),
    row("Arden", "clinic", "count", (12, 12), CAP),
    row("Arden", "press", "count", (20, 20), CAP),
    row("Arden", "names", "documented", (9, 9), CAP),
    row("Arden", "church", "documented", (5, 5), CAP),
]  # fmt: skip
COUNTS = [(0, 12, 12, True), (1, 12, 12, True), (2, 20, 20, True)]


def log_marginal(claims, floor):
    location = reference.Location(list(claims), cap=CAP, floor=floor)
    return reference.log_marginal(location, THETA, range(CAP + 1))


def test_cases_are_the_location_without_each_claim():
    evidence, weights = weighed(with_known_unknowns(BRUTE, 2), "Arden")
    without = [COUNTS[:j] + COUNTS[j + 1 :] for j in range(3)]
    cases = [(COUNTS, 9), *((claims, 9) for claims in without), (COUNTS, 5), (COUNTS, 9)]

    assert evidence.rows.tolist() == [0, 1, 2, 3, 4]
    expected = [log_marginal(claims, floor) for claims, floor in cases]
    assert_allclose(weights._first_pass[0][0], expected, rtol=1e-7)
    for case, (claims, floor) in enumerate(cases):
        location = reference.Location(claims, cap=CAP, floor=floor)
        pmf = reference.conditional_tolls(location, THETA, range(CAP + 1))
        assert_allclose(weights.masses.masses[case, : CAP + 1], pmf, atol=1e-8)


def test_cases_with_bounds_lists_and_denials_are_posteriors_of_the_other_claims():
    rows = [
        ("Arden", "press", "at_least", 17), ("Arden", "clinic", "count", 21),
        ("Arden", "staff", "count", 0), ("Arden", "names", "documented", 9),
        ("Arden", "church", "documented", 5), ("Brook", "press", "count", 0),
        ("Brook", "clinic", "at_most", 30), ("Brook", "staff", "at_least", 2),
        ("Corley", "names", "documented", 3),
    ]  # fmt: skip
    evidence, weights = weighed(guessed(claims_of(rows), n_draws=2), "Arden")

    point = weights.points[0]
    for case, left_out in enumerate(evidence.rows.tolist(), start=1):
        rest = evidence.without(left_out)
        alone = np.empty(rest.problem.level.size)
        marginal.log_likelihoods(rest.problem, point, alone)
        expected = alone[rest.patterns[rest.claims.locations.index("Arden")]]
        # Bins begin where any case's tolls do, and there alone.
        assert_allclose(weights._first_pass[0][0, case], expected, rtol=1e-6)


def test_the_probability_of_a_repeat_is_that_of_bayes_rule():
    repeats = weighed(with_known_unknowns(BRUTE, 2), "Arden")[1].repeats()

    for j, (source, lower, upper, _) in enumerate(COUNTS):
        alone = [*COUNTS[:j], (source, lower, upper, False), *COUNTS[j + 1 :]]
        own = math.log1p(-THETA.omega[source]) + log_marginal(alone, 9)
        assert repeats[j] == pytest.approx(-math.expm1(own - log_marginal(COUNTS, 9)), abs=1e-7)


def test_only_counts_repeat():
    rows = [row("Arden", "agency", "range", (10, 14)), row("Arden", "clinic", "count", (12, 12))]
    rows.append(row("Brook", "press", "count", (3, 3)))

    table = te.diagnostics.audit(with_known_unknowns(rows, 400), "Arden").table()

    assert table.loc[0, "repeat"] == 0
    assert table.loc[1, "repeat"] > 0


@pytest.mark.parametrize("j", [0, 1, 2])
def test_tails_of_counts_are_those_of_their_predictive_distribution(j):
    table = te.diagnostics.audit(with_known_unknowns(BRUTE, 400), "Arden").table()
    others, (source, count, *_) = COUNTS[:j] + COUNTS[j + 1 :], COUNTS[j]
    base = log_marginal(others, 9)
    probability = [
        math.exp(log_marginal([*others, (source, y, y, True)], 9) - base) for y in range(count + 1)
    ]
    middle = sum(probability[:-1]) + probability[-1] / 2

    # 1,600 equally likely tolls, one in each stratum.
    assert table.loc[j, "p_value"] == pytest.approx(2 * min(middle, 1 - middle), abs=2e-3)


@pytest.mark.parametrize(
    ("kind", "numbers", "allowed"),
    [("range", (15, 20), (15, 20)), ("at_least", (16, None), (16, None)),
     ("at_most", (0, 8), (0, 8))],
)  # fmt: skip
def test_tails_of_intervals_take_half_of_what_they_allow(kind, numbers, allowed):
    rows = [row("Arden", "press", kind, numbers, CAP), *BRUTE[:2]]
    rows.append(row("Brook", "press", "count", (3, 3)))
    table = te.diagnostics.audit(with_known_unknowns(rows, 400), "Arden").table()
    base = log_marginal(COUNTS[:2], 0)

    def probability(lower, upper):
        return math.exp(log_marginal([*COUNTS[:2], (2, lower, upper, False)], 0) - base)

    below = probability(0, allowed[0] - 1) if allowed[0] else 0.0
    middle = below + probability(*allowed) / 2
    assert table.loc[0, "p_value"] == pytest.approx(2 * min(middle, 1 - middle), abs=2e-3)


def test_a_floor_is_held_against_the_toll_that_others_expect():
    table = te.diagnostics.audit(with_known_unknowns(BRUTE, 400), "Arden").table()
    location = reference.Location(COUNTS, cap=CAP, floor=5)
    pmf = reference.conditional_tolls(location, THETA, range(CAP + 1))

    assert table.loc[3, "p_value"] == pytest.approx(pmf[9:].sum(), abs=1e-7)


# ---------------------------------------------------------------- conflict


@pytest.fixture(scope="module")
def misplaced():
    """One of four claims on a location has a digit too many; gives its place and source, too."""
    rows = simulated()
    places = [row[0] for row in rows]
    at = next(i for i, place in enumerate(places) if places.count(place) == 4)
    rows[at] = [*rows[at][:3], 10 * rows[at][3]]
    return fitted(claims_of(rows + PLANTED, locations=["Silent"])), places[at], at


def test_a_misplaced_digit_is_in_conflict_and_sound_claims_are_not(estimate, misplaced):
    loud, place, at = misplaced
    sound, planted = te.diagnostics.audit(estimate, place), te.diagnostics.audit(loud, place)

    assert not sound.table()["conflict"].any()
    assert "conflict" not in repr(sound)
    assert planted.table()["conflict"].tolist() == [True, False, False, False]
    assert planted.table().loc[at, "p_value"] < 0.005
    assert f"Row {at} is in conflict with the others (p below 0.01)." in repr(planted)


def test_few_claims_of_the_model_are_in_conflict(estimate):
    places = [place for place in estimate.claims.locations if place.startswith("L")][:12]
    tails = pd.concat(
        [te.diagnostics.audit(estimate, place).table()["p_value"] for place in places]
    )

    assert len(tails) >= 30
    # Of 36 uniform ones, four below 0.05 or fewer with probability 0.96, and half below a half.
    assert (tails < 0.01).sum() <= 2
    assert (tails < 0.05).sum() <= 5
    assert 0.3 < (tails < 0.5).mean() < 0.7


def test_a_level_is_ones_own(misplaced):
    estimate, place, _ = misplaced
    strict = te.diagnostics.audit(estimate, place, level=1e-12)

    assert not strict.table()["conflict"].any()
    assert strict.table().attrs["level"] == 1e-12


# ---------------------------------------------------------------- what is set aside, and names

HOSTILE = 'A "town"\n<b>&amp;\t, ' + "x" * 60
DATED = [
    (HOSTILE, "press", "count", 12, "2025-03-01", None),
    (HOSTILE, "press", "count", 15, "2025-03-05", None),
    (HOSTILE, "radio", "count", 15, "2025-03-06", "press"),
    (HOSTILE, "clinic", "count", 9, "2025-03-02", None),
    (HOSTILE, "late", "count", 30, "2025-04-01", None),
    (HOSTILE, "undated", "count", 31, None, None),
    ("Brook", "press", "count", 4, "2025-03-01", None),
    ("Brook", "clinic", "count", 5, "2025-03-01", None),
]


@pytest.fixture(scope="module")
def dated():
    columns = "location source kind count date origin"
    claims = claims_of(DATED, columns).as_of("2025-03-20")
    return fitted(claims.without("clinic"))


def test_claims_set_aside_stand_in_the_table_with_their_reason(dated):
    table = te.diagnostics.audit(dated, HOSTILE).table()
    excluded = dated.claims.excluded.set_index("row")["reason"]

    assert table["status"].tolist() == [
        "superseded", "used", "repeats another", "left out", "dated later", "undated"
    ]  # fmt: skip
    aside = table.index[table["status"] != "used"]
    assert table.loc[aside, "reason"].tolist() == excluded.loc[aside].tolist()
    assert table.loc[1, "reason"] == ""
    for name in ("median_without", "conflict", "repeat", "p_value"):
        assert table.loc[aside, name].isna().all()
    assert table["median_without"].dtype == "Int64"
    assert table["conflict"].dtype == "boolean"


def test_text_names_every_claim_on_one_line_each(dated):
    lines = repr(te.diagnostics.audit(dated, HOSTILE)).splitlines()

    assert lines[0].startswith('Claims on A "town" <b>&amp; , xxx')
    assert [line.split()[:2] for line in lines[2:8]] == [
        [str(i), source]
        for i, source in enumerate(["press", "press", "radio", "clinic", "late", "undated"])
    ]
    assert "repeats press" in lines[4]
    assert lines[-1].startswith("Computed by ")


@pytest.mark.slow
def test_weights_that_do_not_reach_say_how_to_refit():
    rows = [("Arden", source, "count", 900) for source in ("press", "radio")]
    rows += [("Arden", "clinic", "count", 12), ("Arden", "ministry", "count", 11)]
    estimate = fitted(claims_of([*rows, ("Brook", "press", "count", 4)]))

    audit = te.diagnostics.audit(estimate, "Arden")
    table = audit.table()

    doubtful = table.index[~table["reliable"]]
    assert len(doubtful)
    assert (table.loc[doubtful, "pareto_k"] > audit.good_k).all()
    assert not table["refitted"].any()
    for at in doubtful:
        assert table.loc[at, "note"].endswith("only a refit can tell (refit=True)")
        assert f"Row {at}: Pareto k is" in repr(audit)


@pytest.mark.slow
def test_a_refit_tells_what_weights_do_not():
    rows = [("Arden", source, "count", 60) for source in ("press", "radio")]
    rows += [("Arden", "clinic", "count", 3), ("Brook", "press", "count", 4)]
    estimate = fitted(claims_of(rows))
    weighed_rows = te.diagnostics.audit(estimate, "Arden").table()
    table = te.diagnostics.audit(estimate, "Arden", refit=True, progress=False).table()

    at = table.index[table["refitted"]].tolist()
    assert at == weighed_rows.index[~weighed_rows["reliable"]].tolist()
    assert 2 in at  # the only claim of its source, which has its prior then
    assert table["reliable"].all()
    assert table.loc[at, "note"].str.startswith("refitted, since Pareto k is").all()
    assert table["repeat"].tolist() == weighed_rows["repeat"].tolist()
    for number in at:
        refit = fitted(estimate.claims.without(rows=[number]))
        for end, q in (("median", 0.5), ("lower", 0.05), ("upper", 0.95)):
            k = int(table.loc[number, f"{end}_without"])
            # Two fits of 500 effective draws or more: four standard errors, but for the bin.
            error = 4 * math.sqrt(2 * q * (1 - q) / 500)
            assert 1 - refit.probability(at_least=k)["Arden"] < q + error
            assert 1 - refit.probability(at_least=k + 1)["Arden"] > q - error


def test_a_refit_without_the_only_claim_is_none():
    estimate = fitted(claims_of([("Arden", "press", "count", 900)]))

    table = te.diagnostics.audit(estimate, "Arden", refit=True, progress=False).table()

    if not table.loc[0, "reliable"]:
        assert not table.loc[0, "refitted"]
        assert table.loc[0, "note"].endswith("no other claim is left")


@pytest.mark.parametrize("n_draws", [1, 3, 12, 24])
def test_few_draws_are_too_few_to_weigh(estimate, n_draws):
    theta = replace(estimate.theta, theta=estimate.theta.theta[:, :n_draws], ess=n_draws)
    few = replace(estimate, theta=theta)

    audit = te.diagnostics.audit(few, "Quoted")
    table = audit.table()

    assert not table["reliable"].any() or n_draws == 1
    if n_draws > 1:
        assert np.isinf(table["pareto_k"]).all()
        assert f"{n_draws} draws are too few" in repr(audit)
    assert (table["lower_without"] <= table["upper_without"]).all()


def test_an_engine_that_is_not_known_or_holds_draws_cannot_refit(dated):
    with pytest.raises(ValueError, match="engine of this estimate is not known"):
        te.diagnostics.audit(replace(dated, engine=None), "Brook", refit=True)
    trace = te.engines.FromTrace(dated.to_datatree())
    with pytest.raises(ValueError, match="draws from a trace know every claim"):
        te.diagnostics.audit(replace(dated, engine=trace), "Brook", refit=True)


def test_what_cannot_be_asked_is_refused(dated):
    with pytest.raises(KeyError, match="'Brok' is none of the 2 locations; near it are 'Brook'"):
        te.diagnostics.audit(dated, "Brok")
    with pytest.raises(ValueError, match="ci_prob is 90; it lies between 0 and 1"):
        te.diagnostics.audit(dated, "Brook", ci_prob=90)
    with pytest.raises(ValueError, match="level is 1; it lies between 0 and 1"):
        te.diagnostics.audit(dated, "Brook", level=1)


def test_a_low_number_is_odd_among_those_of_its_age_and_not_before():
    def tail(date):
        same = "2024-05-06 20:00"
        rows = [("Quake", "agency", 47, same), ("Quake", "press", 52, same)]
        rows.append(("Quake", "radio", 8, date))
        claims = claims_of(
            rows, "location source count date", onsets={"Quake": "2024-05-06 06:00"}
        )
        estimate = te.estimate(claims, rng=1, progress=False)
        return te.diagnostics.audit(estimate, "Quake").table()["p_value"].to_numpy()[2]

    together, before = tail("2024-05-06 20:00"), tail("2024-05-06 07:00")

    assert together < 0.1 < before
