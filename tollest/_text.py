"""How an estimate reads in a terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 20  # rows
_NAMED = 8  # names in a note
_WIDEST = 48  # characters of a name


def plural(n: int, noun: str) -> str:
    """Join a number and its noun: ``"1 claim"``, ``"2,000 claims"``."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def short(name: str) -> str:
    """Put a name on one line, cut where it is longer than a table can show."""
    line = " ".join(name.split())
    return line if len(line) <= _WIDEST else line[: _WIDEST - 1] + "…"


def named(what: str, names: Sequence[str]) -> str:
    """Write a note on the locations in `names`; empty where there are none."""
    if not names:
        return ""
    shown = "; ".join(short(str(name)) for name in names[:_NAMED])
    more = f"; and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return f"{what} {shown}{more}."


def columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Align rows of cells, the first column to the left and all others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return lines


def answer(
    head: str, table: "pd.DataFrame", how: str, notes: Sequence[str], doubts: Sequence[str]
) -> str:
    """Medians with their intervals, what they rest on, and every warning.

    Parameters
    ----------
    head : str
        What was estimated from what.
    table : pandas.DataFrame
        Columns ``median, lower, upper, n_claims, documented``, indexed by name, with the level
        and the kind of the interval in ``attrs``. A column ``verified``, -1 where a toll is not
        known, is shown in place of what is documented.
    how : str
        How it was computed.
    notes, doubts : sequence of str
        Remarks on rows, empty ones skipped, and reasons not to rely on the numbers.
    """
    kind = {"eti": "equal-tailed", "hdi": "highest-density"}[table.attrs["ci_kind"]]
    lines = [f"{head}; {100 * table.attrs['ci_prob']:g} % {kind} credible intervals."]
    rows: list[tuple[str, ...]] = [("", "median", "lower", "upper", "claims", "documented")]
    for name, row in table.head(_SHOWN).iterrows():
        numbers = [f"{int(row[c]):,}" for c in ("median", "lower", "upper", "n_claims")]
        documented = f"{int(row['documented']):,}" if row["documented"] else "-"
        if "verified" in row and row["verified"] >= 0:
            documented = f"= {int(row['verified']):,}"
        rows.append((short(str(name)), *numbers, documented))
    lines += columns(rows)
    if len(table) > _SHOWN:
        lines.append(f"... and {len(table) - _SHOWN:,} more; see table().")
    lines += [note for note in notes if note]
    lines.append(f"Computed by {how}.")
    lines += [f"DOUBTFUL: {doubt}" for doubt in doubts]
    return "\n".join(lines)
