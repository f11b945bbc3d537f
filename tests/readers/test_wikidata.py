"""Statements are claims of those that are cited, as exact as their qualifiers say."""

import json

import pytest

from tests.readers.made import ENTITY, WIKIDATA
from tests.readers.test_readers import refusal, said
from tollest import readers
from tollest.claims.table import UNBOUNDED

GENID = "http://www.wikidata.org/.well-known/genid/0af1"


def test_qualifiers_say_how_exact_a_number_is():
    claims = readers.wikidata(WIKIDATA)

    assert said(claims)[2:] == [
        ("Q2", "about", 3500, 4500), ("Q3", "range", 40, 60), ("Q4", "at_least", 51, UNBOUNDED),
        ("Q5", "at_most", 0, 49), ("Q6", "at_least", 50, UNBOUNDED), ("Q7", "at_most", 0, 50),
        ("Q9", "range", 39, 61),
    ]  # fmt: skip


def test_who_is_cited_is_the_source_and_the_point_in_time_the_date():
    frame = readers.wikidata(WIKIDATA).to_frame()

    assert frame["source"].tolist()[:3] == ["Arden Times", "example.org", "Wikidata"]
    assert [str(day)[:10] for day in frame["date"][:3]] == ["2001-02-03", "2001-02-03", "NaT"]


def test_what_is_known_to_be_wrong_or_said_twice_is_set_aside():
    claims = readers.wikidata(WIKIDATA)

    assert claims.excluded[["row", "location", "reason"]].to_numpy().tolist() == [
        [2, "Q1, row 2", "states what row 1 does, of the same source"],
        [3, "Q1, row 3", "ranked deprecated"],
        [10, "Q8, row 10", "states no number, which is not 0"],
    ]


def test_what_is_known_to_be_unknown_states_no_number():
    table = WIKIDATA.astype({"deaths": object})
    table.loc[5, "deaths"] = GENID

    claims = readers.wikidata(table)

    assert "Q3, row 5" in claims.excluded["location"].tolist()
    assert "Q3" not in claims.locations


@pytest.mark.parametrize("kind", ["uri", "literal"])
def test_results_are_read_as_the_query_service_gives_them(tmp_path, kind):
    cells = [
        {k: {"type": kind, "value": str(v)} for k, v in row.items() if v == v and v is not None}
        for row in WIKIDATA.to_dict("records")
    ]
    path = tmp_path / "query.json"
    path.write_text(json.dumps({"head": {"vars": []}, "results": {"bindings": cells}}))

    assert said(readers.wikidata(path)) == said(readers.wikidata(WIKIDATA))


def test_other_circumstances_are_refused_until_the_analyst_says_what_they_mean():
    table = WIKIDATA.assign(circumstancesLabel="presumably")
    table.loc[4, "circumstances"] = f"{ENTITY}Q18122778"

    assert (
        "row 4 ('Wikidata' on 'Q2'): circumstances are 'presumably (Q18122778)', which says "
        "neither how exact a number is nor a bound; say "
        "circumstances=te.readers.Circumstances(as_stated=('Q18122778',)), or set_aside=... in "
        "its place." in refusal(readers.wikidata, table)
    )
    as_stated = readers.Circumstances(as_stated=("presumably",))
    assert ("Q2", "count", 4000, 4000) in said(readers.wikidata(table, circumstances=as_stated))
    aside = readers.wikidata(table, circumstances=readers.Circumstances(set_aside=("Q18122778",)))
    assert aside.excluded["reason"].tolist()[2] == "set aside for its circumstances"
    with pytest.raises(TypeError, match="as_stated is 'presumably'; it is a tuple of names"):
        readers.Circumstances(as_stated="presumably")


def test_labels_will_do_for_circumstances():
    table = WIKIDATA.assign(circumstancesLabel=["at least", *[None] * 11])

    claims = readers.wikidata(table.drop(columns="circumstances"))

    assert said(claims)[0] == ("Q1", "at_least", 120, UNBOUNDED)


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("rank", "good", "rank is 'good'; a rank is 'preferred', 'normal', 'deprecated'"),
        ("rank", None, "rank is blank; a rank is 'preferred', 'normal', 'deprecated'"),
        ("deaths", "-3", "deaths is -3; a count is a whole number, 0 or more"),
        ("deaths", 70, "deaths are 70, not between 40 and 60"),
        ("lowerBound", "few", "lowerBound is 'few'; a bound is a number of people"),
        ("upperBound", 10**12, "upperBound is 1000000000000; a bound is a number of people"),
        ("pointInTime", "soon", "date is 'soon'; a date is a day of the calendar"),
        ("item", None, "the location is blank; name it"),
    ],
)
def test_a_cell_that_cannot_be_meant_is_named(column, value, says):
    table = WIKIDATA.astype(object)
    table.loc[5, column] = value

    assert says in refusal(readers.wikidata, table)
