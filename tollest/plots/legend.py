"""Legends: samples of marks with their words, in columns below a figure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from arviz_plots.plot_collection import PlotCollection


@dataclass(frozen=True, eq=False)
class Sample:
    """A sample of a mark: a bar from end to end, a filled box, points along it; or nothing.

    Attributes
    ----------
    line : dict
        How the bar looks, as arguments of ``Line2D``; empty for none.
    box : dict
        How the box looks, as arguments of ``Rectangle``; empty for none.
    points : tuple of (float, dict)
        Where points are, 0 to 1 from the left, and how they look, as arguments of a visual
        ``scatter_xy``.
    """

    line: Mapping[str, Any] = field(default_factory=dict)
    box: Mapping[str, Any] = field(default_factory=dict)
    points: tuple[tuple[float, Mapping[str, Any]], ...] = ()


class _Handler:
    """Draws a sample where a legend of matplotlib's has room for it."""

    def legend_artist(self, legend: object, sample: Sample, fontsize: float, room: Any) -> Any:  # noqa: ANN401
        """Add the sample to the room it has."""
        from matplotlib.lines import Line2D
        from matplotlib.patches import Rectangle

        left, middle = -room.xdescent, (room.height - room.ydescent) / 2
        placement = {"transform": room.get_transform()}
        if sample.box:
            corner = (left, -room.ydescent)
            room.add_artist(Rectangle(corner, room.width, room.height, **sample.box, **placement))
        if sample.line:
            ends = [left, left + room.width]
            room.add_artist(Line2D(ends, [middle, middle], **sample.line, **placement))
        for share, look in sample.points:
            room.add_artist(
                _point(left + share * room.width, middle, look, placement["transform"])
            )
        return room


def _point(x: float, y: float, look: Mapping[str, Any], transform: object) -> object:
    """Make a point that looks as a scatter plot draws it."""
    from matplotlib.collections import PathCollection
    from matplotlib.markers import MarkerStyle
    from matplotlib.transforms import IdentityTransform

    marker = MarkerStyle(look["marker"])
    face = look.get("facecolor", look.get("color"))
    point = PathCollection(
        [marker.get_path().transformed(marker.get_transform())],
        sizes=[look["size"]],
        facecolors=face if marker.is_filled() else "none",
        edgecolors=look.get("edgecolor", face),
        linewidths=look.get("width", 1.5),
        linestyles=look.get("linestyle", "-"),
        offsets=[(x, y)],
        offset_transform=transform,
    )
    point.set_transform(IdentityTransform())
    return point


def add_legend(plots: "PlotCollection", columns: Sequence[Sequence[tuple[Sample, str]]]) -> None:
    """Put a legend below all panels."""
    columns = [column for column in columns if column]
    if not columns:
        return
    rows = max(map(len, columns))
    filled = [[*column, *[(Sample(), "")] * (rows - len(column))] for column in columns]
    samples, words = zip(*(entry for column in filled for entry in column), strict=True)
    plots.get_viz("figure").legend(
        samples, words, loc="outside lower center", ncols=len(columns),
        handler_map={Sample: _Handler()}, handlelength=2.6, columnspacing=1.4,
        labelspacing=0.35, borderaxespad=0.2,
    )  # fmt: skip


def halves[T](entries: list[T], most: int = 3) -> list[list[T]]:
    """Break what is longer than `most` into two columns."""
    half = -(-len(entries) // 2) if len(entries) > most else len(entries)
    return [entries[:half], entries[half:]]
