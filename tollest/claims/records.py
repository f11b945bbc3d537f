"""Records of a JSON file as a table: a list of objects, or what a SPARQL query gives."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tollest.claims.problems import ClaimsError, Problem, shown

if TYPE_CHECKING:
    import pandas as pd

ENDING = ".json"


class Records(NamedTuple):
    """Objects that each are a row.

    Attributes
    ----------
    header : tuple of str
        Names that any of them has, in order of appearance.
    rows : list of mapping
        The objects; one that lacks a name is blank there.
    """

    header: tuple[str, ...]
    rows: list[Mapping[str, Any]]

    def take(self, names: Sequence[str]) -> "pd.DataFrame":
        """Give the values of some names, as objects: each stays what it is."""
        import pandas as pd

        return pd.DataFrame(
            {name: pd.Series([row.get(name) for row in self.rows], dtype=object) for name in names}
        )


def open_records(path: Path, encoding: str) -> Records:
    """Read a JSON file.

    Parameters
    ----------
    path : Path
        A list of objects, or the results of a SPARQL query in their standard format.
    encoding : str
        That of the file.

    Raises
    ------
    ClaimsError
        It is no such file.
    """
    try:
        content = json.loads(path.read_text(encoding=encoding).removeprefix("\ufeff"))
        rows = _bindings(content) if isinstance(content, dict) else content
    except (ValueError, RecursionError) as error:
        said = " ".join(str(error).split()).rstrip(".")
        message = (
            f"{shown(path.name)} cannot be read, and nothing of it was: {said}. Is it cut short, "
            "or is it no such file as its name says?"
        )
        raise ClaimsError([Problem(message)]) from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        message = (
            f"{shown(path.name)} holds no list of objects, nor the results of a query; make a "
            "dataframe of it, and give that."
        )
        raise ClaimsError([Problem(message)])
    return Records(tuple(dict.fromkeys(name for row in rows for name in row)), rows)


def _bindings(content: Mapping[str, Any]) -> object:
    """Give the rows of a query's results: of each cell its value."""
    results = content.get("results")
    rows = results.get("bindings") if isinstance(results, dict) else None
    if not isinstance(rows, list):
        return None
    return [{name: _value(cell) for name, cell in row.items()} for row in rows]


def _value(cell: object) -> object:
    """Give the value of one cell; what has no name is marked as in other formats, ``_:``."""
    if not isinstance(cell, dict):
        return cell
    value = cell.get("value")
    return f"_:{value}" if cell.get("type") == "bnode" else value
