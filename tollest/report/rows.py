"""Tolls as they are printed: rounded, each with its interval and what it rests on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tollest._rounding import Rounded, of_toll
from tollest.claims.table import Claims
from tollest.estimation.totals import ALL, Totals
from tollest.report.labels import labels

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Row:
    """One toll, or a total, as it is printed.

    Attributes
    ----------
    label : str
        The location's name, on one line.
    toll : Rounded
        Median and interval.
    n_claims, n_figures, documented : int
        As in `Estimate.table`; `n_figures` is -1 for a total.
    is_verified : bool
        Whether the toll is known.
    """

    label: str
    toll: Rounded
    n_claims: int
    n_figures: int
    documented: int
    is_verified: bool


def of_tolls(
    claims: Claims, table: "pd.DataFrame", places: Sequence[int] | None = None
) -> list[Row]:
    """Rows of the tolls at some positions, or of all, from `Estimate.table`."""
    columns = ("median", "lower", "upper", "n_claims", "n_figures", "documented")
    positions = list(range(claims.n_locations)) if places is None else list(places)
    chosen = table.iloc[positions]
    printed = (
        labels([claims.locations[i] for i in positions]),
        *(chosen[name].tolist() for name in columns),
        claims.ceiling[positions].tolist(),
        claims.verified[positions].tolist(),
    )
    return [
        Row(
            name,
            of_toll(median, lower, upper, documented, cap),
            n_claims,
            n_figures,
            documented,
            known >= 0,
        )
        for name, median, lower, upper, n_claims, n_figures, documented, cap, known in zip(
            *printed, strict=True
        )
    ]


def of_total(totals: Totals, table: "pd.DataFrame") -> Row:
    """Row of the one total in `totals`, whose table is `table`."""
    median, lower, upper = (int(table[name].iloc[0]) for name in ("median", "lower", "upper"))
    documented = int(totals.documented[0])
    toll = of_toll(median, lower, upper, documented)
    return Row(ALL, toll, int(totals.n_claims[0]), -1, documented, False)
