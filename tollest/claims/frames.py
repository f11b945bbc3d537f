"""Claims as dataframes."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tollest._arrays import Integers
from tollest.claims.days import NO_DAY
from tollest.claims.intervals import KINDS
from tollest.claims.periods import DayRange
from tollest.claims.standing import Record
from tollest.claims.stated_errors import interval_of
from tollest.wording import UNBOUNDED

if TYPE_CHECKING:
    import pandas as pd


def evidence_frame(record: Record) -> "pd.DataFrame":
    """List the rows in evidence, as `Claims.to_frame` says."""
    import pandas as pd

    rows, chosen = record.rows, np.flatnonzero(record.in_evidence)
    frame, location = of_rows(record, chosen), rows.location[chosen]
    if rows.groups:
        frame["group"] = _spelled(rows.groups, rows.group_index[location])
    if rows.sides:
        frame["side"] = _spelled(("", *rows.sides), rows.side_index[location] + 1)
    cap = rows.cap[location]
    if (cap != UNBOUNDED).any():
        frame["cap"] = pd.arrays.IntegerArray(cap, cap == UNBOUNDED)
    onset = rows.onset[location]
    if not np.isnat(onset).all():
        frame["onset"] = onset
    parent = rows.parent[location]
    if (parent >= 0).any():
        frame["parent"] = _spelled(("", *rows.locations), parent + 1)
    return frame


def excluded(record: Record) -> "pd.DataFrame":
    """List the rows that are not evidence, as `Claims.excluded` says."""
    row = np.flatnonzero(~record.in_evidence)
    frame = of_rows(record, row)
    frame["reason"] = np.array(record.reasons(row), dtype=object)
    frame["reason"] = frame["reason"].astype("str")
    return frame


def with_stated_intervals(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Put 95 % intervals that estimates state in `lower` and `upper`; `number` is their own."""
    frame = frame.assign(number=frame["lower"])
    chosen = (frame["kind"] == "estimate").to_numpy()
    if chosen.any():
        sds = (frame.loc[chosen, f"log_sd_{side}"].to_numpy() for side in ("below", "above"))
        lower, upper = interval_of(frame.loc[chosen, "number"].to_numpy(np.int64), *sds)
        frame.loc[chosen, "lower"], frame.loc[chosen, "upper"] = lower, upper
    return frame


def said(claim: "pd.Series", *, of_list: str = "{} or more") -> str:
    """Write what one claim of a frame says of the deaths.

    `of_list` is how the length of a list of names is written.
    """
    lower = f"{claim['lower']:,}"
    if claim["kind"] == "documented":
        return of_list.format(lower)
    if claim["kind"] == "estimate":
        sds = (np.array([claim[f"log_sd_{side}"]]) for side in ("below", "above"))
        start, end = interval_of(np.array([claim["lower"]]), *sds)
        return f"{lower} ({start[0]:,} to {end[0]:,})"
    if not isinstance(claim["upper"], int | np.integer):
        return f"{lower} or more"
    return lower if claim["upper"] == claim["lower"] else f"{lower} to {claim['upper']:,}"


def superseded_or_repeats(record: Record) -> "pd.DataFrame":
    """List the rows of `excluded` that were replaced by a later claim, or repeat another source.

    Rows left out or not yet made are not among them.
    """
    frame = excluded(record)
    status = record.status(frame["row"].to_numpy())
    return frame[np.isin(status, ["superseded", "repeats another"])]


def of_rows(record: Record, row: Integers) -> "pd.DataFrame":
    """List some rows of a table, by their numbers."""
    import pandas as pd

    rows = record.rows
    sds = {}
    if rows.sd_below.any() or rows.sd_above.any():
        sds = {"log_sd_below": rows.sd_below[row], "log_sd_above": rows.sd_above[row]}
    return pd.DataFrame(
        {
            "row": row,
            "location": _spelled(rows.locations, rows.location[row]),
            "source": _spelled(rows.names, rows.source[row]),
            "kind": _spelled(KINDS, rows.kind[row]),
            "lower": rows.lower[row],
            "upper": pd.arrays.IntegerArray(rows.upper[row], rows.upper[row] == UNBOUNDED),
            **sds,
            "date": rows.date[row],
        }
    )


def periods(locations: Sequence[str], spans: Mapping[str, tuple[str, DayRange]]) -> "pd.DataFrame":
    """List the days that some locations stand for, as `Claims.periods` says.

    `spans` are place and days of all locations of the table that are periods.
    """
    import pandas as pd

    chosen = {name: spans[name] for name in locations if name in spans}
    earliest: dict[str, int] = {}
    for place, days in spans.values():
        known = days.end if days.is_open else days.begin
        earliest[place] = min(earliest.get(place, known), known)
    begin = np.array([max(days.begin, earliest[p]) for p, days in chosen.values()], np.int64)
    end = np.array([days.end for _, days in chosen.values()], np.int64)
    start = min(earliest.values(), default=0)
    is_open = np.array([days.is_open for _, days in chosen.values()], np.bool_)
    first = begin.astype("datetime64[D]")
    first[is_open] = NO_DAY
    return pd.DataFrame(
        {
            "place": pd.array([place for place, _ in chosen.values()], dtype="str"),
            "begin": first.astype("datetime64[s]"),
            "end": end.astype("datetime64[D]").astype("datetime64[s]"),
            "days": end - begin + 1,
            "middle": 0.5 * (begin + end) - start,
        },
        index=pd.Index(list(chosen), name="location"),
    )


def _spelled(names: tuple[str, ...], codes: NDArray[Any]) -> "pd.api.extensions.ExtensionArray":
    """Give names for their positions, each made into text of a dataframe once."""
    import pandas as pd

    return pd.array(names, dtype="str").take(codes.astype(np.int64))
