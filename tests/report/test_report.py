import html
import re
from dataclasses import replace

import pandas as pd
import pytest

import tollest as te
from tests.conftest import claims_of, guessed
from tollest.engines.tuning import ChainTuning, ModeTuning, StartTuning, Tuning
from tollest.report import provenance
from tollest.report.labels import isolated, label, labels, width

ROWS = [
    ("Arden", "clinic", "documented", 111),
    ("Arden", "press", "count", 1400),
    ("Arden", "ministry", "count", 803),
    ("Brook", "registry", "verified", 25),
    ("Brook", "press", "count", 21),
    ("Corley", "ministry", "at_least", 17),
]
COLUMNS = ["location", "source", "kind", "count"]
DOUBT = "Pareto k is 0.83: intervals may be too narrow. Refit with engine=NUTS()."


@pytest.fixture(scope="session")
def villages():
    claims = claims_of(ROWS, locations=["Silent"])
    return te.estimate(claims, rng=1, progress=False)


@pytest.fixture(scope="session")
def alone():
    rows = [row for row in ROWS if row[0] == "Arden"]
    claims = claims_of(rows)
    return te.estimate(claims, rng=1, progress=False)


@pytest.fixture(scope="session")
def doubtful(villages):
    return replace(villages, theta=replace(villages.theta, doubts=(DOUBT,)))


def numbers(text):
    return [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", text)]


def test_the_sentence_names_level_kind_evidence_and_the_floor_apart(alone):
    said = te.report.sentence(alone, ci_prob=0.8)

    found = re.fullmatch(
        r"An estimated ([\d,]+) people were killed \(80 % equal-tailed credible interval "
        r"([\d,]+) to ([\d,]+), (?:rounded|bounds rounded) [a-z ,]+; 3 claims, 2 figures; "
        r"at least 111 documented by name\)\.",
        said,
    )
    assert found, said
    point, lower, upper = (numbers(part)[0] for part in found.groups())
    exact = alone.table(ci_prob=0.8).iloc[0]
    assert lower <= exact["lower"] <= exact["upper"] <= upper
    assert lower <= point <= upper
    assert "minimum" not in said


def test_the_shortest_interval_is_named_and_refused_where_it_leaves_out_the_median(villages):
    assert "90 % highest-density credible interval" in te.report.sentence(villages, ci_kind="hdi")
    with pytest.raises(ValueError, match="cannot be printed"):
        te.report.sentence(villages, "Silent", ci_prob=0.1, ci_kind="hdi")
    with pytest.raises(ValueError, match="ci_prob"):
        te.report.sentence(villages, ci_prob=1.5)


def test_of_several_locations_the_sentence_is_on_the_total_and_says_who_is_silent(villages):
    said = te.report.sentence(villages)

    assert "people were killed at 4 locations (90 % equal-tailed credible interval" in said
    assert "; 6 claims; at least 136 documented by name or verified)" in said
    assert "The total is from joint draws" in said
    assert "Nobody reported on 1 location." in said
    assert "At 1 location nothing bounds the toll from above" in said
    assert "The toll of 1 location is verified" in said
    assert te.report.sentence(villages) == said


def test_a_verified_toll_has_no_interval_and_is_not_called_an_estimate(villages):
    assert te.report.sentence(villages, "Brook") == (
        "Brook: 25 people were killed (2 claims, 1 figure). The toll is verified, not estimated."
    )


def test_where_nothing_bounds_from_above_the_upper_bound_is_called_the_priors(villages):
    prior = "No claim or cap bounds the toll from above, so the upper bound is the prior's."
    bound = 'Only claims of "at least" bound the toll; its upper end rests on how far such claims'
    assert te.report.sentence(villages, "Corley").endswith(f"{bound} fall short.")
    silent = te.report.sentence(villages, "Silent", verb="died")
    assert silent.startswith("Silent: an estimated ")
    assert " people died (" in silent
    assert "; no claims). Nobody reported on this location. " + prior in silent


def test_doubts_go_with_every_sentence(doubtful):
    for location in (None, *doubtful.claims.locations):
        said = te.report.sentence(doubtful, location)
        assert said.endswith(f"The computation is doubtful: {DOUBT}")


def test_an_unknown_location_is_an_error_that_names_its_neighbours(villages):
    with pytest.raises(KeyError, match="'Ardn' is none of the 4 locations; near it are 'Arden'"):
        te.report.sentence(villages, "Ardn")


def test_one_person_is_one_person():
    claims = claims_of([("Arden", "registry", "verified", 1)])
    estimate = te.estimate(claims, rng=1, progress=False)

    said = te.report.sentence(estimate)
    assert said == "1 person was killed (1 claim). The toll is verified, not estimated."
    assert te.report.sentence(estimate, verb="died").startswith("1 person died (")


def test_labels_are_short_distinct_and_text_alone():
    long = "x" * 10_000
    assert label(long) == "x" * 79 + "…"
    assert labels([long, long + "y", "Arden"]) == [
        "x" * 79 + "… (1)", "x" * 79 + "… (2)", "Arden",
    ]  # fmt: skip
    assert label("two\r\n lines\tand\x00 a \u202eturn") == "two lines and� a �turn"
    assert label("e" + "\u0301" * 10_000) == "e" + "\u0301" * 4
    assert not label("e\u0301" * 100).removesuffix("…").endswith("e")
    assert width("e\u0301東") == 3


def test_names_from_right_to_left_do_not_turn_numbers():
    assert isolated("عربي") == "\u2068عربي\u2069"
    assert isolated("Arden") == "Arden"


def test_the_seed_is_kept_where_it_is_a_number_and_goes_through_a_file(villages, tmp_path):
    assert villages.seed == 1
    villages.save(tmp_path / "villages.nc")
    assert te.Estimate.load(tmp_path / "villages.nc").seed == 1


@pytest.mark.parametrize(
    "engine",
    [
        te.engines.NestedLaplace(rounds=3, otherwise=te.engines.NUTS(draws=7)),
        te.engines.PyMC(),
        te.engines.NestedLaplace(tuning=Tuning(start=StartTuning(mode=ModeTuning(bound=9.0)))),
        te.engines.NUTS(tuning=ChainTuning(share_of_spread=0.25)),
    ],
)
def test_the_engine_goes_through_a_file(villages, tmp_path, engine):
    assert villages.engine == te.engines.NestedLaplace()
    replace(villages, engine=engine).save(tmp_path / "villages.nc")
    assert te.Estimate.load(tmp_path / "villages.nc").engine == engine


def test_an_engine_that_holds_draws_is_not_kept_in_a_file(villages, tmp_path):
    engine = te.engines.FromTrace(villages.to_datatree())
    replace(villages, engine=engine).save(tmp_path / "villages.nc")
    assert te.Estimate.load(tmp_path / "villages.nc").engine is None


def test_tolls_of_places_that_overlap_are_not_added_up(villages, tmp_path):
    te.report.page(villages, tmp_path / "page.html", total=False)

    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "they are not added up" in page
    answer = page.split("What the numbers mean</h2>")[0]
    assert "All 4 locations" not in answer


def test_sides_and_covariates_are_on_the_page(tmp_path):
    table = pd.DataFrame(ROWS[1:], columns=COLUMNS).assign(side=list("NNSSS"))
    places = pd.DataFrame({"location": ["Arden", "Brook", "Corley"], "n": [9, 5, 7]})
    bare = te.Claims.from_table(table.drop(columns="side"))
    sided = te.Claims.from_table(table)
    claims = sided.with_covariates("log(n)", places)
    estimate = guessed(claims)

    te.report.page(estimate, tmp_path / "page.html")

    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "What is counted, by whose dead they are" in page
    assert "Effects of covariates" in page
    assert "sum over k of e_k z_k" in page
    assert "claims.with_covariates('log(n)', places)" in html.unescape(page)
    prints = {provenance.fingerprint(c) for c in (bare, sided, claims)}
    assert len(prints) == 3


def test_wholes_and_parts_are_in_the_fingerprint():
    table = pd.DataFrame(ROWS[:2], columns=COLUMNS)
    apart = te.Claims.from_table(table, locations=["Coast"])
    nested = te.Claims.from_table(table, parents={"Arden": "Coast"}, locations=["Coast"])
    complete = te.Claims.from_table(
        table, parents={"Arden": "Coast"}, locations=["Coast"], complete=["Coast"]
    )

    assert len({provenance.fingerprint(c) for c in (apart, nested, complete)}) == 3
