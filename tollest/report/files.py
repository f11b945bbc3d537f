"""Tables of tolls as files, with exact numbers."""

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tollest._files import replacing
from tollest.estimation.remarks import Remark
from tollest.estimation.results import Estimate
from tollest.report import escapes

if TYPE_CHECKING:
    import pandas as pd

_TYPES = {
    "row": "str", "name": "str", "median": "Int64", "lower": "Int64", "upper": "Int64",
    "mean": "float64", "n_claims": "Int64", "n_figures": "Int64", "documented": "Int64",
    "verified": "Int64", "prior_share": "float64", "common_bias_share": "float64",
    "n_locations": "Int64", "n_silent": "Int64", "ci_prob": "float64", "ci_kind": "str",
    "notes": "str", "computed_by": "str", "doubts": "str",
}  # fmt: skip
_LONGEST = 2**31 - 1  # characters of a cell


def typed(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Put columns in their order and types; those that are missing are blank."""
    return frame.reindex(columns=list(_TYPES)).astype(_TYPES)


def exact(estimate: Estimate, table: "pd.DataFrame", said: tuple[Remark, ...]) -> "pd.DataFrame":
    """Exact numbers of the locations, in the columns of `TollTable.frame`."""
    claims = estimate.claims
    notes: dict[str, str] = dict.fromkeys(claims.locations, "")
    for remark in said:
        for name in remark.locations:
            notes[name] = f"{notes[name]} {remark.of_one}".strip()
    frame = table.reset_index(names="name").assign(
        row="location", n_locations=1, n_silent=(claims.claims_per_location == 0).astype(int),
        verified=claims.verified, notes=list(notes.values()),
        ci_prob=table.attrs["ci_prob"], ci_kind=table.attrs["ci_kind"],
        computed_by=estimate.theta.summary, doubts=" ".join(estimate.doubts),
    )  # fmt: skip
    frame["verified"] = frame["verified"].astype("Int64").where(claims.verified >= 0)
    return typed(frame)


def with_total(exact: "pd.DataFrame", table: "pd.DataFrame", note: str) -> "pd.DataFrame":
    """Add the row of the total, which shares level, method and doubts with the others."""
    import pandas as pd

    total = table.reset_index(names="name").assign(row="total", notes=note)
    for name in ("ci_prob", "ci_kind", "computed_by", "doubts"):
        total[name] = exact[name].iloc[0]
    return pd.concat([exact, typed(total)], ignore_index=True)


def write_csv(frame: "pd.DataFrame", path: str | Path) -> None:
    """Write a frame as UTF-8, text behind the apostrophe of `escapes.csv`, blanks as nothing."""
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(frame.columns)
        for row in frame.itertuples(index=False):
            writer.writerow([_cell(value) for value in row])


def read_csv(path: str | Path) -> "pd.DataFrame":
    """Read what `TollTable.csv` wrote: the same frame, names and numbers.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file was not written by `TollTable.csv`.
    """
    import pandas as pd

    with Path(path).open(encoding="utf-8", newline="") as file:
        limit = csv.field_size_limit(_LONGEST)
        try:
            head, *rows = list(csv.reader(file)) or [[]]
        finally:
            csv.field_size_limit(limit)
    if head != list(_TYPES):
        raise ValueError(f"{str(path)!r} holds no table of tolls written by tollest.")
    read: dict[str, Callable[[str], object]] = {
        "str": escapes.csv_read,
        "Int64": lambda cell: int(cell) if cell else None,
        "float64": lambda cell: float(cell) if cell else math.nan,
    }
    columns = {
        name: pd.Series([read[_TYPES[name]](cell) for cell in cells], dtype=_TYPES[name])
        for name, cells in zip(head, zip(*rows, strict=True), strict=True)
    }
    frame = pd.DataFrame(columns)
    frame.attrs.update(
        ci_prob=float(frame["ci_prob"].iloc[0]), ci_kind=str(frame["ci_kind"].iloc[0])
    )
    return frame


def write_parquet(frame: "pd.DataFrame", notes: list[str], path: str | Path) -> None:
    """Write a frame, with its level, kind and notes in the file's metadata."""
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.Table.from_pandas(frame, preserve_index=False)
    told = {
        "ci_prob": str(frame.attrs["ci_prob"]),
        "ci_kind": frame.attrs["ci_kind"],
        "notes": json.dumps(notes),
    }
    known = table.schema.metadata or {}
    with replacing(path) as partial:
        parquet.write_table(table.replace_schema_metadata(known | told), partial)


def _cell(value: Any) -> str:  # noqa: ANN401 - a cell of any column
    """Write a value of the frame as CSV: text behind its apostrophe, blanks as nothing."""
    import pandas as pd

    if isinstance(value, str):
        return escapes.csv(value)
    return "" if pd.isna(value) else f"{value}"
