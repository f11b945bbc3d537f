"""Names, numbers and intervals as figures and their alternative texts write them."""

import textwrap
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from tollest._rounding import Rounded, of_toll
from tollest.claims.table import UNBOUNDED

if TYPE_CHECKING:
    import pandas as pd

_JOINERS = "\u200c\u200d"  # Persian and Indic scripts need them within words
_INVISIBLE = {"Cc", "Cf", "Cs", "Cn"}


def short_label(name: object, most: int = 34) -> str:
    """Put a name on one line, its middle cut out where it is longer than `most` characters.

    Control characters, also those that turn the direction of what follows, are left out; so are
    marks beyond the third on one letter.
    """
    kept, marks = [], 0
    for c in str(name):
        category = unicodedata.category(c)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if c.isspace() or c in _JOINERS or not (category in _INVISIBLE or marks > 3):
            kept.append(" " if c.isspace() else c)
    line = " ".join("".join(kept).split()) or "(no visible name)"
    if len(line) <= most:
        return line
    tail = most // 3
    return f"{line[: most - tail - 1].rstrip()}…{line[-tail:].lstrip()}"


def distinct_labels(names: Sequence[object], most: int = 34) -> list[str]:
    """Shorten names, and number those that look the same then."""
    seen: dict[str, int] = {}
    out = []
    for name in names:
        label = short_label(name, most)
        seen[label] = seen.get(label, 0) + 1
        out.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return out


def number(n: float) -> str:
    """Write deaths: ``"1,383"``, ``"2.5 million"``."""
    n = int(n)
    if n < 1_000_000:
        return f"{n:,}"
    digits = f"{n / 1e6:,.6f}".rstrip("0").rstrip(".")
    return f"{digits} million"


def rounded_toll(row: "pd.Series", cap: int = UNBOUNDED) -> Rounded:
    """Round the median and the interval of a row of a table of tolls or totals."""
    median, lower, upper = (int(row[name]) for name in ("median", "lower", "upper"))
    return of_toll(median, lower, upper, int(row.get("documented", 0)), cap)


def interval_label(toll: Rounded) -> str:
    """Write the interval of a rounded toll: ``"970 to 2,360"``."""
    return f"{number(toll.lower)} to {number(toll.upper)}"


def rounding(tolls: Iterable[Rounded]) -> str:
    """Say that numbers are rounded; empty where none of these is."""
    return "Numbers are rounded, bounds outwards." if any(toll.rule for toll in tolls) else ""


def claimed(kind: str, lower: int, upper: int, of_estimate: int) -> str:
    """Write what a claim allows, and as what it was made; an estimate's own number is given."""
    if kind == "estimate":
        return f"{number(of_estimate)} ({number(lower)} to {number(upper)})"
    if kind in ("documented", "verified"):
        return f"{number(lower)} {kind}"
    if upper == UNBOUNDED:
        return f"{number(lower)} or more"
    if kind == "at_most":
        return f"{number(upper)} or fewer"
    said = {"about": " (about)", "verbal": " (in words)", "within": " (for certain)"}.get(kind, "")
    if lower == upper:
        return number(lower) + said
    return f"{number(lower)} to {number(upper)}{said}"


def day_labels(dates: "pd.Series") -> list[str]:
    """Write days, ``"2025-03-12"``; empty for none."""
    return [str(day) if day == day else "" for day in dates.to_numpy().astype("datetime64[D]")]


def listing(parts: Sequence[str], most: int = 12) -> str:
    """Join parts by semicolons, and say how many are left out."""
    more = [f"and {len(parts) - most:,} more"] if len(parts) > most else []
    return "; ".join([*parts[:most], *more])


def wrapped(lines: Sequence[str], inches: float) -> str:
    """Break lines to the width of a figure, skipping empty ones."""
    width = max(30, int(inches * 15.5))
    return "\n".join(part for line in lines if line for part in textwrap.wrap(line, width))
