"""Objects of a JSON file are rows."""

import json

import pytest

import tollest as te

ROWS = [
    {"location": "Arden", "source": "press", "count": 12, "note": {"by": "hand"}},
    {"location": "Arden", "source": "clinic", "wording": "at least 3"},
    {"location": "Brook", "source": "press", "count": 4.0, "wording": None},
]


def written(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_list_of_objects_is_a_table(tmp_path):
    claims = te.Claims.read(written(tmp_path / "t.json", ROWS))

    assert claims.to_frame()["lower"].tolist() == [12, 3, 4]


def test_so_are_the_results_of_a_query(tmp_path):
    cells = [{k: {"type": "literal", "value": v} for k, v in row.items()} for row in ROWS]
    results = {"head": {"vars": []}, "results": {"bindings": cells}}

    claims = te.Claims.read(written(tmp_path / "t.json", results))

    assert claims.to_frame()["lower"].tolist() == [12, 3, 4]


def test_a_mark_of_the_order_of_bytes_is_no_part_of_a_file(tmp_path):
    claims = te.Claims.read(written(tmp_path / "t.json", "\ufeff" + json.dumps(ROWS)))

    assert claims.n_claims == 3


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (json.dumps(ROWS)[:-20], "'t.json' cannot be read, and nothing of it was: "),
        ("[1, 2]", "'t.json' holds no list of objects, nor the results of a query; make a"),
        ('{"rows": []}', "'t.json' holds no list of objects, nor the results of a query; make a"),
        ("[" * 100_000, "'t.json' cannot be read, and nothing of it was: "),
    ],
    ids=["cut", "numbers", "object", "deep"],
)
def test_what_is_no_table_is_refused(tmp_path, content, says):
    with pytest.raises(te.ClaimsError) as caught:
        te.Claims.read(written(tmp_path / "t.json", content))

    assert str(caught.value).startswith(says)
