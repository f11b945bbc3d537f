"""How a claim is drawn: what it allows gives the mark, who makes it a letter beside it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tollest import _text
from tollest._arrays import Floats
from tollest.claims import frames
from tollest.claims.table import UNBOUNDED, Claims
from tollest.plots import canvas, phrases
from tollest.plots.canvas import CLAIM, FAINT, INK
from tollest.plots.legend import Sample

if TYPE_CHECKING:
    import pandas as pd
    from arviz_plots.plot_collection import PlotCollection


ARROW = 0.3  # inches

# Each form with the words of the key, in its order.
FORMS = {
    "count": "count",
    "shared": "same count as another source",
    "declared": "repeats a source by its own word",
    "range": "range",
    "words": "about, or in words",
    "estimate": "estimate, with 95 % of the error that it states",
    "at_least": "at least",
    "at_most": "at most",
    "within": "within these bounds, for certain",
    "documented": "documented: a floor, for certain",
    "verified": "verified: the toll, for certain",
    "superseded": "superseded by the source itself",
}
_POINTS = {
    "count": {"marker": "o", "facecolor": CLAIM, "edgecolor": CLAIM, "size": 20},
    "shared": {"marker": "o", "facecolor": "white", "edgecolor": CLAIM, "size": 24, "width": 1.3},
    "declared": {
        "marker": "o", "facecolor": "white", "edgecolor": FAINT, "size": 34, "width": 1.0,
        "linestyle": (0, (2, 1)),
    },
    "estimate": {"marker": "D", "facecolor": CLAIM, "edgecolor": CLAIM, "size": 18},
    "documented": {"marker": "^", "facecolor": INK, "edgecolor": INK, "size": 26},
    "verified": {"marker": "s", "facecolor": INK, "edgecolor": INK, "size": 24},
    "superseded": {"marker": "x", "facecolor": FAINT, "size": 16, "width": 1.0},
}  # fmt: skip


def of(claims: Claims, locations: Sequence[str]) -> "pd.DataFrame":
    """List the claims on some locations that a figure draws.

    Returns
    -------
    pandas.DataFrame
        Claims in evidence, those that repeat another source, and superseded ones: columns
        ``row, location, source, kind, lower, upper, number, date, reason`` (why a claim is no
        evidence; blank for evidence) and ``form``, one of `FORMS`. `upper` is `UNBOUNDED` for
        none; of estimates both are those of the interval that they state.
    """
    import pandas as pd

    columns = ["row", "location", "source", "kind", "lower", "upper", "number", "date", "reason"]
    evidence = frames.with_stated_intervals(claims.to_frame()).assign(reason="")[columns]
    once = frames.with_stated_intervals(frames.superseded_or_repeats(claims.record))[columns]
    parts = [part[part["location"].isin(list(locations))] for part in (evidence, once)]
    frame = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    frame["upper"] = frame["upper"].fillna(UNBOUNDED).astype(np.int64)
    frame["form"] = [
        _form(str(kind), status, int(upper))
        for kind, status, upper in zip(
            frame["kind"],
            claims.record.status(frame["row"].to_numpy()),
            frame["upper"],
            strict=True,
        )
    ]
    counts = frame[frame["form"] == "count"]
    shared = counts.duplicated(["location", "lower"], keep=False)
    frame.loc[shared.index[shared], "form"] = "shared"
    return frame.sort_values("row", ignore_index=True)


def _form(kind: str, status: str, upper: int) -> str:
    if status == "superseded":
        return status
    if status != "used":
        return "declared"
    if kind in ("documented", "verified", "at_most", "within"):
        return kind
    if upper == UNBOUNDED:
        return "at_least"
    return kind if kind in ("range", "count", "estimate") else "words"


def ends(frame: "pd.DataFrame") -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last number of deaths at which each claim is drawn, arrows apart."""
    lower, upper = frame["lower"].to_numpy(), frame["upper"].to_numpy()
    lower = np.where(frame["kind"] == "at_most", upper, lower)
    certain = frame["kind"].isin(["documented", "verified"])
    return lower, np.where((upper == UNBOUNDED) | certain, lower, upper)


def arrows(frame: "pd.DataFrame") -> Floats:
    """Give 1 for claims that are drawn as arrows upwards, -1 for downwards, 0 for others."""
    out = np.zeros(len(frame))
    out[(frame["upper"] == UNBOUNDED) & (frame["kind"] != "documented")] = 1.0
    out[frame["kind"] == "at_most"] = -1.0
    return out


def reach(frame: "pd.DataFrame", left: Floats | float) -> tuple[Floats, Floats]:
    """Room that claims take to either side of their `ends`, in inches, with `left` for letters."""
    arrow = ARROW * arrows(frame)
    return left - np.minimum(arrow, 0.0), 0.08 + np.maximum(arrow, 0.0)


def axis(
    frame: "pd.DataFrame", low: float, high: float, left: Floats | float, inches: float
) -> tuple[float, float, float]:
    """Limits of an axis that has room for tolls from `low` to `high` and for claims.

    Returns
    -------
    lower, upper : float
        In deaths.
    per_inch : float
        Length of an inch on the log1p axis.
    """
    first, last = ends(frame)
    lower, upper = canvas.limits(min([low, *first]), max([high, *last]), pad=0.05)
    before, after = reach(frame, left)
    start, stop = np.log1p([lower, upper])
    per_inch = (stop - start) / inches
    # What claims need changes the scale, and that what they need.
    for _ in range(3):
        begin = min([start, *(np.log1p(first) - before * per_inch)])
        end = max([stop, *(np.log1p(last) + after * per_inch)])
        per_inch = (end - begin) / inches
    return float(np.expm1(max(begin, -3.0))), float(np.expm1(end)), float(per_inch)


def draw_claims(
    plots: "PlotCollection", panel: str, frame: "pd.DataFrame", y: Floats, per_inch: float
) -> None:
    """Draw claims at heights `y`; `per_inch` is the length of an inch on the log1p axis."""
    from arviz_plots import visuals

    lower, upper = ends(frame)
    # The mark of an estimate is at its number, within its interval.
    number = np.where(frame["form"] == "estimate", frame["number"], lower)
    arrow = arrows(frame)
    tips = np.maximum(np.expm1(np.log1p(lower) + arrow * ARROW * per_inch), -0.9)
    for form in FORMS:
        is_form = (frame["form"] == form).to_numpy()
        if form in _POINTS and is_form.any():
            canvas.draw(
                plots, panel, form, visuals.scatter_xy, number[is_form], y=y[is_form], zorder=4,
                **_POINTS[form],
            )  # fmt: skip
        # A bar of no length, such as about 1,383, is a tick.
        bar = is_form & (arrow == 0) & ((upper > lower) | (form not in _POINTS))
        name = f"{form}_bar" if form in _POINTS else form
        if bar.any():
            _bars(plots, panel, name, np.column_stack([lower, upper])[bar], y[bar], form)
        for sign, head in ((1.0, ">"), (-1.0, "<")):
            ray = is_form & (arrow == sign)
            if ray.any():
                shafts = np.column_stack([lower, tips])[ray]
                label = f"{name}{head}" if form in _POINTS else name
                _arrows(plots, panel, label, shafts, y[ray], form, head)


def _bars(
    plots: "PlotCollection", panel: str, name: str, bars: Floats, y: Floats, form: str
) -> None:
    """Draw bars from end to end, with a tick at either."""
    from arviz_plots import visuals

    look = _look(form)
    canvas.draw(
        plots, panel, name, canvas.segments, bars, y=y, color=look["color"],
        linewidth=look["width"], linestyle=_line(form), zorder=3,
    )  # fmt: skip
    canvas.draw(
        plots, panel, f"{name}_ends", visuals.scatter_xy, bars.ravel(), y=np.repeat(y, 2),
        marker="|", size=30, zorder=3, **look,
    )  # fmt: skip


def _arrows(
    plots: "PlotCollection",
    panel: str,
    name: str,
    shafts: Floats,
    y: Floats,
    form: str,
    head: str,
) -> None:
    """Draw arrows, with a tick at the bound that they start from."""
    from arviz_plots import visuals

    look = _look(form)
    canvas.draw(
        plots, panel, f"{name}_shaft", canvas.segments, shafts, y=y, color=look["color"],
        linewidth=look["width"], zorder=3,
    )  # fmt: skip
    canvas.draw(
        plots, panel, name, visuals.scatter_xy, shafts[:, 0], y=y, marker="|", size=40, zorder=3,
        **look,
    )  # fmt: skip
    canvas.draw(
        plots, panel, f"{name}_head", visuals.scatter_xy, shafts[:, 1], y=y, marker=head, size=16,
        zorder=3, color=look["color"],
    )  # fmt: skip


def _look(form: str) -> dict[str, Any]:
    """Give colour and width of lines: pale and thin for what is no evidence."""
    is_evidence = form not in ("declared", "superseded")
    return {"color": CLAIM, "width": 1.5} if is_evidence else {"color": FAINT, "width": 1.0}


def key(forms: Sequence[str]) -> list[tuple[Sample, str]]:
    """Give samples of those of `FORMS` that are drawn, with their words."""
    tick = {"marker": "|", "color": CLAIM, "size": 30}
    bars = {
        "range": (tick, tick),
        "words": (tick, tick),
        "within": (tick, tick),
        "at_least": (tick, tick | {"marker": ">", "size": 16}),
        "at_most": (tick | {"marker": "<", "size": 16}, tick),
    }
    out = []
    for form, words in FORMS.items():
        if form not in forms:
            continue
        if form in _POINTS:
            sample = Sample(points=((0.5, _POINTS[form]),))
        else:
            line = {"color": CLAIM, "linewidth": 1.5, "linestyle": _line(form)}
            sample = Sample(line=line, points=tuple(zip((0.0, 1.0), bars[form], strict=True)))
        out.append((sample, words))
    return out


def _line(form: str) -> object:
    return (0, (2, 1)) if form == "words" else "-"


def codes(frame: "pd.DataFrame") -> dict[str, str]:
    """Letters for the sources of some claims; a dot for those beyond the most frequent 52."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    often = frame["source"].value_counts(sort=True).index.tolist()
    named = sorted(often[: len(letters)], key=str.casefold)
    return dict.fromkeys(often, "·") | dict(zip(named, letters, strict=False))


def told(frame: "pd.DataFrame") -> str:
    """Say in words how many claims of which form are drawn, and by how many sources."""
    counted = frame["form"].value_counts()
    parts = [f"{counted[form]} {words}" for form, words in FORMS.items() if form in counted]
    n, sources = len(frame), frame["source"].nunique()
    return (
        f"{_text.plural(n, 'claim')} by {_text.plural(sources, 'source')} are drawn: "
        f"{', '.join(parts)}."
        if n
        else "Nobody made a claim."
    )


def words(frame: "pd.DataFrame") -> list[str]:
    """Write what each claim allows."""
    return [
        phrases.claimed(str(kind), int(lower), int(upper), int(number))
        for kind, lower, upper, number in zip(
            frame["kind"], frame["lower"], frame["upper"], frame["number"], strict=True
        )
    ]
