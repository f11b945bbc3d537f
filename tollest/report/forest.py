"""A forest of tolls as SVG, in colours that follow the page."""

import math
from collections.abc import Callable

from tollest import _text
from tollest.report.labels import isolated
from tollest.report.markup import Markup, element, joined
from tollest.report.rows import Row

_WIDTH, _LEFT, _RIGHT = 640, 12, 24
_ROW, _TOP, _BOTTOM = 46, 6, 34
_TICKS = (0, 1, 3, 10, 30, *(m * 10**k for k in range(2, 11) for m in (1, 3)))


def forest(rows: list[Row], alt: str) -> Markup:
    """Draw a line for each interval, a dot for each point and a wedge for each floor.

    Parameters
    ----------
    rows : list of Row
        What is drawn, from above; an upper bound there is none of ends at the edge.
    alt : str
        What the figure shows, for those who do not see it.
    """
    ends = [row.toll.upper for row in rows if row.toll.upper < math.inf]
    most = max([*ends, *(row.toll.point for row in rows), 1])
    span = math.log1p(most)

    def x(deaths: float) -> float:
        share = min(math.log1p(deaths) / span, 1.0)
        return round(_LEFT + share * (_WIDTH - _LEFT - _RIGHT), 1)

    height = _TOP + _ROW * len(rows) + _BOTTOM
    drawn = [_axis(x, most, height)]
    drawn += [_row(row, x, _TOP + _ROW * i) for i, row in enumerate(rows)]
    made = element(
        "svg", *drawn, viewBox=f"0 0 {_WIDTH} {height}", role="img", aria_label=alt,
        xmlns="http://www.w3.org/2000/svg",
    )  # fmt: skip
    return element("div", made, class_="scroll", tabindex=0, role="region", aria_label="Figure")


def _axis(x: Callable[[float], float], most: float, height: int) -> Markup:
    bottom = height - _BOTTOM
    parts, last = [], -math.inf
    for tick in _TICKS:
        at = x(tick)
        text = f"{tick:,}"
        if tick > most or at - last < 8 * len(text) + 12:
            continue
        last = at
        parts.append(element("line", x1=at, x2=at, y1=_TOP, y2=bottom, class_="axis"))
        anchor = "start" if tick == 0 else "middle"
        parts.append(
            element("text", text, x=at, y=bottom + 18, text_anchor=anchor, class_="muted")
        )
    return joined(*parts)


def _row(row: Row, x: Callable[[float], float], top: int) -> Markup:
    toll, y = row.toll, top + 28
    right = _WIDTH - 4 if toll.upper == math.inf else x(toll.upper)
    said = "verified" if row.is_verified else f"({toll.interval})"
    parts = [
        element(
            "text",
            f"{isolated(_text.short(row.label))}: {toll.point:,} {said}",
            x=_LEFT,
            y=top + 17,
        ),
        element("line", x1=x(toll.lower), x2=right, y1=y, y2=y, class_="interval"),
        element("circle", cx=x(toll.point), cy=y, r=5, class_="point"),
    ]
    if row.documented and not row.is_verified:
        at = x(row.documented)
        wedge = f"{at},{y - 7} {at},{y + 7} {at + 8},{y}"
        parts.append(element("polygon", points=wedge, class_="floor"))
    return joined(*parts)
