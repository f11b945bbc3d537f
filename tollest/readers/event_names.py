"""Names of events, and events that share one."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tollest._arrays import Integers
from tollest.claims.cells import Cells
from tollest.claims.problems import Problem, shown

if TYPE_CHECKING:
    import pyarrow as pa

_DECIMAL = re.compile(r"-?\d+\.0")


def name_events(
    cells: Cells, keys: Sequence[str], *, with_gaps: bool = False
) -> tuple[Integers, list[str]]:
    """Name each event by one column, or by several joined with commas.

    Parameters
    ----------
    cells : Cells
        Those of the table.
    keys : sequence of str
        Our names of the columns.
    with_gaps : bool
        Whether blanks are left out of a name, but for the first column; by default they leave an
        event without a name.

    Returns
    -------
    codes : ndarray of int, shape (n_rows,)
        Position of each row's name; -1 where it has none.
    names : list of str
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    parts = [_undecimal(*cells.names(key)) for key in keys]
    if len(parts) == 1:
        return parts[0]
    joined = pc.binary_join_element_wise(
        *(spelled(texts, codes) for codes, texts in parts), pa.scalar(", ", pa.large_string()),
        null_handling="skip" if with_gaps else "emit_null",
    )  # fmt: skip
    # What has no name in the first column has none at all.
    joined = pc.if_else(pa.array(parts[0][0] >= 0), joined, None)
    encoded = joined.dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return codes, encoded.dictionary.to_pylist()


def _undecimal(codes: Integers, texts: list[str]) -> tuple[Integers, list[str]]:
    """Take off the decimals of numbers that were written with some: 244657.0 is 244657."""
    if texts and all(map(_DECIMAL.fullmatch, texts)):
        return codes, [text[:-2] for text in texts]
    return codes, texts


def spelled(names: Sequence[str], codes: Integers) -> "pa.Array":
    """Give the name of each row as text; null where its code is below 0."""
    import pyarrow as pa

    return pa.array(names, pa.large_string()).take(pa.array(codes, mask=codes < 0))


def shared(row: Integers, locations: Sequence[str], by: Sequence[str]) -> Problem | None:
    """Say which events have a name in common, if any do.

    Parameters
    ----------
    row : ndarray of int, shape (n_rows,)
        Position of each row's name in `locations`; -1 where it has none.
    locations : sequence of str
        The names.
    by : sequence of str
        Columns of the table that they are made of.
    """
    named_rows = np.flatnonzero(row >= 0)
    n_shared = len(named_rows) - len(locations)
    if not n_shared:
        return None
    first = np.full(len(locations), len(row))
    np.minimum.at(first, row[named_rows], named_rows)
    again = int(named_rows[first[row[named_rows]] < named_rows][0])
    return Problem(
        f"{n_shared:,} of {len(row):,} rows have the {' and '.join(map(shown, by))} of an earlier "
        f"row: {shown(locations[row[again]])} is in row {first[row[again]]} and again in row "
        f"{again}. Each row is an event with a toll of its own; name columns that tell events "
        "apart, location=[..., ...], or drop what is listed twice, or sum events into one row a "
        "location."
    )
