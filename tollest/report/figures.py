"""Figures of a page."""

from dataclasses import dataclass

from tollest import _text
from tollest.report import rows
from tollest.report.forest import forest
from tollest.report.markup import Markup
from tollest.subject import Subject

_DRAWN = 40  # tolls


@dataclass(frozen=True)
class Figure:
    """One figure, inline and without scripts.

    Attributes
    ----------
    title : str
        What it shows, with the level and the kind of intervals.
    alt : str
        The same for those who do not see it, with what there is to see.
    svg : Markup
        The drawing.
    """

    title: str
    alt: str
    svg: Markup


def figures(estimate: Subject, ci_prob: float, ci_kind: str) -> list[Figure]:
    """Draw the figures of a page: a forest of the tolls, the largest where there are many."""
    drawn = rows.of_tolls(estimate.claims, estimate.table(ci_prob, ci_kind))
    which = "Tolls"
    if len(drawn) > _DRAWN:
        drawn = sorted(drawn, key=lambda row: -row.toll.point)[:_DRAWN]
        which = f"The {_DRAWN} largest tolls"
    level = _text.interval(ci_prob, ci_kind)
    title = (
        f"{which} (dot: median), each with its {level} (line), on a scale on which equal ratios "
        "are equally far apart. Wedge: deaths documented by name."
    )
    largest = max(drawn, key=lambda row: row.toll.point)
    alt = (
        f"Forest of {_text.plural(len(drawn), 'toll')} with {level}s. The largest is "
        f"{largest.label}, {largest.toll.point:,} ({largest.toll.interval}). All numbers are in "
        "the table of tolls."
    )
    return [Figure(title, alt, forest(drawn, alt))]
