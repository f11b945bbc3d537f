"""One toll: its posterior mass, above all claims on it."""

from typing import TYPE_CHECKING

import numpy as np

from tollest import _text
from tollest.estimation.masses import check_interval
from tollest.estimation.results import Estimate
from tollest.plots import canvas, claim_marks, legend, phrases
from tollest.plots.canvas import FAINT, INK, POSTERIOR, SHADE, SMALL
from tollest.plots.legend import Sample

if TYPE_CHECKING:
    import pandas as pd
    from arviz_plots.plot_collection import PlotCollection
    from matplotlib.axes import Axes

_WIDTH, _PLOT = 6.9, 3.2  # inches: across a page, and of them for the axis of deaths
_MOST = 40  # claims
_LINE = 0.25  # inches for a claim
_BEYOND = 0.0005  # probability cut off at either end, where no claim reaches
_HATCH = {"edgecolor": "#8fa9c8", "hatch": "////", "linewidth": 0.0}
_MEDIAN = {"color": INK, "linestyle": "--", "linewidth": 1.3}


def toll(
    estimate: Estimate, location: str, *, ci_prob: float = 0.9, ci_kind: str = "eti"
) -> "PlotCollection":
    """Draw the posterior mass of one toll above all claims on it, each with its source.

    Parameters
    ----------
    estimate : Estimate
        The posterior.
    location : str
        One of ``claims.locations``.
    ci_prob : float
        Probability inside the interval that is shaded.
    ci_kind : {"eti", "hdi"}
        Equal tails, or the shortest interval.

    Returns
    -------
    arviz_plots.PlotCollection
        With the plots ``"mass"`` and ``"claims"``. Superseded claims are drawn too. In ``viz``:
        ``mass``, ``inside``, ``median``, and the claims as in `forest`.

    Raises
    ------
    KeyError
        If there is no such location.
    ValueError
        If `ci_prob` or `ci_kind` is none, or as in `forest`.

    Notes
    -----
    Area is probability: each number of deaths, or bin of numbers, has its mass over its width
    on the axis ``log(1 + deaths)``. The mass beyond 99.9 % is cut off where no claim reaches.
    Of more than 40 claims the first 40 of the table are drawn, as the title says.
    """
    check_interval(ci_prob, ci_kind)
    place = estimate.position(location)
    row = estimate.table(ci_prob, ci_kind).iloc[place]
    claims = claim_marks.of(estimate.claims, [location])
    n_all = len(claims)
    claims = claims.head(_MOST)
    levels = _text.interval(ci_prob, ci_kind)
    is_open = bool(estimate.is_open[place])
    notes = []
    if is_open:
        notes.append("No claim or cap bounds the toll from above: the upper end is the prior's.")
    if n_all > len(claims):
        notes.append(f"The first {len(claims)} of {n_all:,} claims are drawn.")
    with canvas.style():
        plots = _toll(estimate, location, row, claims)
        printed = phrases.rounded_toll(row, int(estimate.claims.ceiling[place]))
        median = phrases.number(printed.point)
        notes.append(phrases.rounding([printed]))
        known = estimate.claims.verified[place] >= 0
        interval = f"{phrases.interval_label(printed)} deaths, {levels}"
        told = f"{median} deaths, verified" if known else interval
        title = f"{phrases.short_label(location, 60)}: {told}"
        said = [
            f"{phrases.short_label(source, 60)}: {words}{f', {standing}' if standing else ''}"
            for source, words, standing in zip(
                claims["source"], claim_marks.words(claims),
                map(_standing, claims["form"], claims["reason"]), strict=True,
            )
        ]  # fmt: skip
        alt = (
            f"Posterior mass of the toll of {phrases.short_label(location, 60)}: median {median}; "
            f"{told}. Below it, on the same axis "
            f"log(1 + deaths): {claim_marks.told(claims)} {phrases.listing(said, _MOST)}."
        )
        alt = " ".join(part for part in [alt, *notes, *estimate.doubts] if part)
        canvas.finish(plots, title, [*notes, *canvas.doubt_notes(estimate.doubts)], alt)
    return plots


def _standing(form: str, reason: str) -> str:
    """Say briefly why a claim is no evidence; empty where it is."""
    return form if form == "superseded" else reason and phrases.short_label(reason, 60)


def _toll(
    estimate: Estimate, location: str, row: "pd.Series", claims: "pd.DataFrame"
) -> "PlotCollection":
    pmf = estimate.pmf(location)
    below = pmf["probability"].cumsum()
    seen = pmf[(below > _BEYOND) & (below.shift(fill_value=0.0) < 1.0 - _BEYOND)]
    low, high = float(seen["first"].min()), float(seen["last"].max())
    lower, upper, per_inch = claim_marks.axis(claims, low, high, 0.08, _PLOT)
    tall = _LINE * max(len(claims), 1) + 0.2
    plots = canvas.collection(
        ["mass", "claims"], (_WIDTH, 1.5 + tall + 1.6), height_ratios=[1.5, tall], sharex=True,
    )  # fmt: skip
    _mass(plots, seen, row)
    canvas.log1p_axis(canvas.axes(plots, "claims"), lower, upper, _PLOT)
    _claim_rows(plots, claims, row, per_inch, tall)
    above = [
        (Sample(box={"facecolor": SHADE, **_HATCH}), "inside the interval"),
        (Sample(line=_MEDIAN), "median"),
    ]
    marks = claim_marks.key(claims["form"].unique().tolist())
    legend.add_legend(plots, [above, *legend.halves(marks)])
    return plots


def _mass(plots: "PlotCollection", seen: "pd.DataFrame", row: "pd.Series") -> None:
    """Draw the mass function, each bin over its width on the axis, and the interval below it."""
    from arviz_plots import visuals

    edges = np.append(seen["first"].to_numpy() - 0.5, seen["last"].to_numpy()[-1] + 0.5)
    height = seen["probability"].to_numpy() / np.diff(np.log1p(edges))
    ends = row["lower"] - 0.5, row["upper"] + 0.5
    cells = np.flatnonzero((edges[1:] > ends[0]) & (edges[:-1] < ends[1]))
    if cells.size:
        span = np.append(cells, cells[-1] + 1)
        top = np.append(height[cells], height[cells[-1]])
        canvas.draw(
            plots, "mass", "inside", _filled, edges[span].clip(*ends), top=top, facecolor=SHADE,
            **_HATCH,
        )  # fmt: skip
    canvas.draw(
        plots, "mass", "mass", _stepped, np.append(edges[0], edges),
        height=np.concatenate([[0.0], height, [0.0]]), color=POSTERIOR, linewidth=1.4,
    )  # fmt: skip
    canvas.draw(
        plots, "mass", "median", visuals.vline, [row["median"]], zorder=5, color=INK,
        linestyle="--", width=1.3,
    )  # fmt: skip
    target = canvas.axes(plots, "mass")
    target.set_ylim(0.0)
    target.set_yticks([])
    target.spines["left"].set_visible(False)
    target.set_ylabel("probability\n(as area)")
    target.tick_params(axis="x", labelbottom=False)


def _claim_rows(
    plots: "PlotCollection", claims: "pd.DataFrame", row: "pd.Series", per_inch: float, tall: float
) -> None:
    """Draw a line for each claim: its source to the left, what it says and when to the right."""
    below = canvas.axes(plots, "claims")
    y = np.linspace(0.22, 0.22 + _LINE * (len(claims) - 1), len(claims))
    below.set_xlabel("deaths, on the axis log(1 + deaths)")
    ends = row["lower"] - 0.5, row["upper"] + 0.5
    below.axvspan(*ends, facecolor=SHADE, alpha=0.5, linewidth=0, zorder=0)
    below.grid(axis="x", color="#dddddd", linewidth=0.5)
    below.set_axisbelow(True)
    if not len(claims):
        canvas.name_rows(below, [tall / 2], ["(no claims)"], tall)
        return
    claim_marks.draw_claims(plots, "claims", claims, y, per_inch)
    names = [phrases.short_label(source, 30) for source in claims["source"]]
    canvas.name_rows(below, y, names, tall)
    below.tick_params(axis="y", labelsize=SMALL)
    for height, words, date, form, reason in zip(
        y, claim_marks.words(claims), phrases.day_labels(claims["date"]), claims["form"],
        claims["reason"], strict=True,
    ):  # fmt: skip
        # Whom a claim repeats stands on a second line; that it is superseded its mark says.
        parts = [words, date]
        origin = f"\n{phrases.short_label(reason, 30)}" if form == "declared" else ""
        below.annotate(
            ", ".join(part for part in parts if part) + origin, (1.0, height), xytext=(5, 0),
            xycoords=("axes fraction", "data"), textcoords="offset points", va="center",
            fontsize=SMALL, color=FAINT if reason else INK, annotation_clip=False,
        )  # fmt: skip


def _filled(da: object, target: "Axes", top: object, **kwargs: object) -> object:
    """Fill below steps: a visual whose data are edges."""
    return target.fill_between(np.asarray(da), np.asarray(top), step="post", **kwargs)  # type: ignore[arg-type]


def _stepped(da: object, target: "Axes", height: object, **kwargs: object) -> object:
    """Draw steps: a visual whose data are edges."""
    return target.plot(np.asarray(da), np.asarray(height), drawstyle="steps-post", **kwargs)[0]  # type: ignore[arg-type]
