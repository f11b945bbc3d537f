"""Many tolls with their intervals, and the claims they rest on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tollest import _text
from tollest._arrays import Flags, Floats
from tollest._rounding import Rounded
from tollest.estimation.masses import whole
from tollest.estimation.results import Estimate
from tollest.plots import canvas, claim_marks, legend, phrases
from tollest.plots.canvas import INK, POSTERIOR, SMALL
from tollest.plots.legend import Sample

if TYPE_CHECKING:
    import pandas as pd
    from arviz_plots.plot_collection import PlotCollection
    from matplotlib.axes import Axes


_WIDTH = 6.9  # inches, across a page
_PLOT = 4.3  # of them for the axis of deaths
_LANE, _GAP = 0.145, 0.1
_ALIKE = 6  # letters beside one mark
_MEDIAN = {
    "marker": "D", "facecolor": POSTERIOR, "edgecolor": "white", "size": 26, "width": 0.7,
}  # fmt: skip
_OPEN = ", its upper end the prior's"


def forest(
    estimate: Estimate,
    locations: Sequence[str] | None = None,
    *,
    ci_prob: float = 0.9,
    ci_kind: str = "eti",
    most: int = 40,
) -> "PlotCollection":
    """Draw tolls with their credible intervals, and every claim they rest on.

    Parameters
    ----------
    estimate : Estimate
        The posterior.
    locations : sequence of str, optional
        Which tolls, from top to bottom. By default all, or where there are more than `most` the
        largest by their median, as the title says.
    ci_prob : float
        Probability inside the intervals.
    ci_kind : {"eti", "hdi"}
        Equal tails, or the shortest interval.
    most : int
        The most locations that a figure has room for.

    Returns
    -------
    arviz_plots.PlotCollection
        With one plot, ``"tolls"``. In ``viz``: ``interval`` and ``median``, and for claims a
        visual a form, such as ``count``, ``shared``, ``declared`` and ``at_least``.

    Raises
    ------
    KeyError
        If one of `locations` is none.
    ValueError
        If `locations` is empty or longer than `most`, `ci_prob` or `ci_kind` is none, or the
        shortest interval leaves out the median, as one of less than half of the probability can.

    Notes
    -----
    Letters name the sources; claims that are drawn alike share a mark. Superseded
    claims are left to `toll`. The axis is that of the model, ``log(1 + deaths)``, so that equal
    lengths are about equal ratios and 0 has a place.

    Examples
    --------
    >>> import pandas as pd, tollest as te
    >>> table = pd.DataFrame({"location": ["Arden"], "source": ["clinic"], "count": [11]})
    >>> estimate = te.estimate(te.Claims.from_table(table), rng=1, progress=False)
    >>> te.plots.alt_text(te.plots.forest(estimate))[:21]
    'Forest plot of 1 toll'
    """
    whole(most, least=1)
    table = estimate.table(ci_prob, ci_kind)
    names, chosen = _chosen(estimate, table, locations, most)
    table = table.loc[names]
    claims = claim_marks.of(estimate.claims, names)
    n_earlier = int((claims["form"] == "superseded").sum())
    claims = claims[claims["form"] != "superseded"].reset_index(drop=True)
    places = [estimate.position(name) for name in names]
    is_open = estimate.is_open[places]
    levels = _text.interval(ci_prob, ci_kind)
    with canvas.style():
        plots = _forest(estimate, table, claims, is_open, levels)
        notes = [chosen] if chosen else []
        if is_open.any():
            notes.append(
                "† No claim or cap bounds the toll from above: its upper end is the prior's."
            )
        if n_earlier:
            notes.append(f"Not drawn: {_text.plural(n_earlier, 'claim')} since superseded.")
        title = f"{_text.plural(len(names), 'toll')} with {levels}{'s' * (len(names) > 1)}"
        printed = [
            phrases.rounded_toll(row, int(cap))
            for (_, row), cap in zip(
                table.iterrows(), estimate.claims.ceiling[places], strict=True
            )
        ]
        said = [*notes, phrases.rounding(printed), *estimate.doubts]
        alt = _forest_in_words(table, printed, claims, is_open, levels, said)
        canvas.finish(plots, title, [*notes, *canvas.doubt_notes(estimate.doubts)], alt)
    return plots


def _chosen(
    estimate: Estimate, table: "pd.DataFrame", locations: Sequence[str] | None, most: int
) -> tuple[list[str], str]:
    """Locations to draw, and what to say where they are not all."""
    if isinstance(locations, str):
        raise ValueError(f"locations is {locations!r}; give a list of names, or use toll().")
    if locations is not None:
        names = list(dict.fromkeys(locations))
        for name in names:
            estimate.position(name)
        if not names:
            raise ValueError("locations is empty; name one or more, or leave it out for all.")
        if len(names) > most:
            raise ValueError(
                f"locations has {len(names):,} names, more than the {most:,} there is room for; "
                "draw them in parts, or raise most."
            )
        return names, ""
    if len(table) <= most:
        return list(table.index), ""
    largest = table["median"].to_numpy().argsort(kind="stable")[::-1][:most]
    return (
        [str(table.index[i]) for i in largest],
        f"The {most:,} largest of {len(table):,}, by the median.",
    )


@dataclass(frozen=True)
class _Rows:
    """Where everything stands on the page, in inches from the top."""

    names: Floats
    claims: Floats
    height: float


def _forest(
    estimate: Estimate,
    table: "pd.DataFrame",
    claims: "pd.DataFrame",
    is_open: Flags,
    levels: str,
) -> "PlotCollection":
    from arviz_plots import visuals

    codes = claim_marks.codes(claims)
    claims = _gathered(claims, codes)
    low, high = float(table["lower"].min()), float(table["upper"].max())
    lower, upper, per_inch = claim_marks.axis(claims, low, high, _room(claims), _PLOT)
    rows = _placed(list(table.index), claims, per_inch)
    keys = _keys(claims, codes, levels)
    tall = rows.height + 0.75 + 0.16 * max(8, *map(len, keys))
    plots = canvas.collection(["tolls"], (_WIDTH, tall))
    target = canvas.axes(plots, "tolls")
    canvas.log1p_axis(target, lower, upper, _PLOT)
    target.set_xlabel("deaths, on the axis log(1 + deaths)")
    target.grid(axis="x", color="#dddddd", linewidth=0.5, zorder=0)
    target.set_axisbelow(True)
    _bands(target, rows)
    canvas.draw(
        plots, "tolls", "interval", canvas.segments, table[["lower", "upper"]].to_numpy(),
        y=rows.names, color=POSTERIOR, linewidth=2.6, zorder=3,
    )  # fmt: skip
    canvas.draw(
        plots, "tolls", "median", visuals.scatter_xy, table["median"].to_numpy(), y=rows.names,
        zorder=5, **_MEDIAN,
    )  # fmt: skip
    claim_marks.draw_claims(plots, "tolls", claims, rows.claims, per_inch)
    _letters(plots, claims, rows)
    canvas.name_rows(target, rows.names, _row_names(estimate, table, is_open), rows.height)
    legend.add_legend(plots, keys)
    return plots


def _gathered(claims: "pd.DataFrame", codes: dict[str, str]) -> "pd.DataFrame":
    """Claims that are drawn alike on one location as one, with the letters of their sources."""
    by = ["location", "form", "kind", "lower", "upper", "number"]
    letters = claims.assign(letters=claims["source"].map(codes)).groupby(by, sort=False)
    gathered = letters["letters"].agg(_joined).reset_index()
    return gathered.astype({"letters": object})


def _joined(letters: "pd.Series") -> str:
    text = "".join(sorted(letters))
    return text if len(text) <= _ALIKE else f"{text[:_ALIKE]}+{len(text) - _ALIKE}"


def _placed(names: list[str], claims: "pd.DataFrame", per_inch: float) -> _Rows:
    """Give each claim a lane below its toll's interval in which it meets no other."""
    first, last = claim_marks.ends(claims)
    before, after = claim_marks.reach(claims, _room(claims))
    left, right = np.log1p(first) / per_inch - before, np.log1p(last) / per_inch + after
    y_names, y_claims, top = np.empty(len(names)), np.empty(len(claims)), _GAP / 2
    locations = claims["location"].to_numpy()
    for i, name in enumerate(names):
        y_names[i] = top + _LANE / 2
        lanes: list[float] = []
        members = np.flatnonzero(locations == name)
        for j in members[np.argsort(left[members], kind="stable")]:
            free = [k for k, end in enumerate(lanes) if end <= left[j]]
            lane = free[0] if free else len(lanes)
            lanes[lane : lane + 1] = [right[j]]
            y_claims[j] = top + _LANE * (lane + 1.5)
        top += _LANE * (1 + len(lanes)) + _GAP
    return _Rows(y_names, y_claims, top - _GAP / 2)


def _room(claims: "pd.DataFrame") -> Floats:
    """Inches that the letters to the left of each mark take."""
    return np.asarray(0.12 + 0.075 * claims["letters"].str.len().to_numpy(float), np.float64)


def _bands(target: "Axes", rows: _Rows) -> None:
    """Shade every other location, so that claims are seen to belong together."""
    tops = np.append(rows.names - _LANE / 2 - _GAP / 2, rows.height)
    for start, stop in zip(tops[:-1:2], tops[1::2], strict=False):
        target.axhspan(start, stop, color="#f4f4f4", zorder=0, linewidth=0)


def _letters(plots: "PlotCollection", claims: "pd.DataFrame", rows: _Rows) -> None:
    """Write the letters of the sources to the left of each mark."""
    target = canvas.axes(plots, "tolls")
    first, _ = claim_marks.ends(claims)
    back = np.where(claims["form"] == "at_most", 86 * claim_marks.ARROW, 0.0)
    for x, y, letters, off in zip(first, rows.claims, claims["letters"], back, strict=True):
        target.annotate(
            letters, (x, y), xytext=(-4.5 - off, -0.3), textcoords="offset points", ha="right",
            va="center", fontsize=SMALL - 1, color=INK, zorder=5,
        )  # fmt: skip


def _row_names(
    estimate: Estimate,
    table: "pd.DataFrame",
    is_open: Flags,
) -> list[str]:
    silent = table["n_claims"].to_numpy() == 0
    return [
        f"{label}{' (no claims)' * bool(quiet)}{' †' * bool(unbounded)}"
        for label, quiet, unbounded in zip(
            phrases.distinct_labels(list(table.index)), silent, is_open, strict=True
        )
    ]


def _keys(
    claims: "pd.DataFrame", codes: dict[str, str], levels: str
) -> list[list[tuple[Sample, str]]]:
    interval = Sample(line={"color": POSTERIOR, "linewidth": 2.6}, points=((0.5, _MEDIAN),))
    marks = [
        (interval, f"median and {levels}"),
        *claim_marks.key(claims["form"].unique().tolist()),
    ]
    named = sorted(
        (source for source, code in codes.items() if code != "·"), key=lambda source: codes[source]
    )
    shown = phrases.distinct_labels(named, 30 if len(named) > 10 else 42)
    words = [
        (Sample(), f"{codes[source]}  {label}") for source, label in zip(named, shown, strict=True)
    ]
    if len(codes) > len(named):
        words.append((Sample(), f"·  {len(codes) - len(named):,} other sources"))
    longest = max((len(text) for _, text in words), default=0)
    n_columns = 1 if len(words) <= 10 else 2 if longest > 20 else 4
    rows = -(-len(words) // n_columns)
    return [marks, *(words[i : i + rows] for i in range(0, len(words), rows or 1))]


def _forest_in_words(
    table: "pd.DataFrame",
    printed: list[Rounded],
    claims: "pd.DataFrame",
    is_open: Flags,
    levels: str,
    notes: list[str],
) -> str:
    tolls = [
        f"{phrases.short_label(name, 60)} {phrases.number(toll.point)} "
        f"({phrases.interval_label(toll)})"
        f"{_OPEN * bool(unbounded)}{', no claims' * bool(n_claims == 0)}"
        for name, n_claims, toll, unbounded in zip(
            table.index, table["n_claims"], printed, is_open, strict=True
        )
    ]
    n = len(table)
    head = f"Forest plot of {_text.plural(n, 'toll')} with {'its' if n == 1 else 'their'} {levels}"
    parts = [
        f"{head}{'s' * (n > 1)}, on the axis log(1 + deaths).",
        f"Median deaths, and interval: {phrases.listing(tolls, n)}.",
        claim_marks.told(claims),
        *notes,
    ]
    return " ".join(part for part in parts if part)
