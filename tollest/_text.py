"""How an estimate reads in a terminal."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 20  # rows
_NAMED = 8  # names in a note
_WIDEST = 48  # characters of a name
_KINDS_OF_INTERVAL = {"eti": "equal-tailed", "hdi": "highest-density"}


def plural(n: int, noun: str, many: str = "") -> str:
    """Join a number and its noun: ``"1 claim"``, ``"2,000 claims"``; `many` if not by an s."""
    return f"{n:,} {noun if n == 1 else many or f'{noun}s'}"


def interval(ci_prob: float, ci_kind: str) -> str:
    """Level and kind of an interval, such as ``"90 % equal-tailed credible interval"``."""
    return f"{100 * ci_prob:g} % {_KINDS_OF_INTERVAL[ci_kind]} credible interval"


def short(name: str) -> str:
    """Put a name on one line, cut where it is longer than a table can show."""
    line = " ".join(name.split())
    return line if len(line) <= _WIDEST else line[: _WIDEST - 1] + "…"


def named(statement: str, names: Sequence[str]) -> str:
    """Write a note on the locations in `names`; empty where there are none."""
    if not names:
        return ""
    shown = "; ".join(short(str(name)) for name in names[:_NAMED])
    more = f"; and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return f"{statement} {shown}{more}."


def aligned(rows: Sequence[Sequence[str]], width: Callable[[str], int] = len) -> list[str]:
    """Align rows of cells, the first column to the left and all others to the right."""
    widths = [max(width(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        pads = [" " * (most - width(cell)) for cell, most in zip(row, widths, strict=True)]
        cells = [row[0] + pads[0]]
        cells += [pad + cell for pad, cell in zip(pads[1:], row[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return lines


def result_text(
    head: str, table: "pd.DataFrame", computed_by: str, notes: Sequence[str], doubts: Sequence[str]
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
    computed_by : str
        How it was computed.
    notes, doubts : sequence of str
        Remarks on rows, empty ones skipped, and reasons not to rely on the numbers.
    """
    lines = [f"{head}; {interval(table.attrs['ci_prob'], table.attrs['ci_kind'])}s."]
    rows: list[tuple[str, ...]] = [("", "median", "lower", "upper", "claims", "documented")]
    for name, row in table.head(_SHOWN).iterrows():
        numbers = [f"{int(row[c]):,}" for c in ("median", "lower", "upper", "n_claims")]
        documented = f"{int(row['documented']):,}" if row["documented"] else "-"
        if "verified" in row and row["verified"] >= 0:
            documented = f"= {int(row['verified']):,}"
        rows.append((short(str(name)), *numbers, documented))
    lines += aligned(rows)
    if len(table) > _SHOWN:
        lines.append(f"... and {len(table) - _SHOWN:,} more; see table().")
    lines += [note for note in notes if note]
    lines.append(f"Computed by {computed_by}.")
    lines += [f"DOUBTFUL: {doubt}" for doubt in doubts]
    return "\n".join(lines)
