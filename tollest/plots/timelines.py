"""What was known when: totals, or one toll, over time."""

import datetime as dt
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from tollest import _text
from tollest._arrays import Floats
from tollest.claims.days import calendar_moment
from tollest.claims.table import UNBOUNDED
from tollest.estimation.results import Estimate
from tollest.estimation.totals import Totals
from tollest.plots import canvas, legend, phrases
from tollest.plots.canvas import CLAIM, POSTERIOR
from tollest.plots.legend import Sample

if TYPE_CHECKING:
    import pandas as pd
    from arviz_plots.plot_collection import PlotCollection

Date = str | dt.date | np.datetime64

_POINT = {"marker": "D", "facecolor": POSTERIOR, "edgecolor": "white", "size": 28, "width": 0.7}
_DOUBTFUL = {"marker": "D", "facecolor": "white", "edgecolor": POSTERIOR, "size": 28, "width": 1.2}
_SETTLED = {"color": CLAIM, "linestyle": "--", "linewidth": 1.2}
# What is counted beside the deaths, each with its line and its points.
_KNOWN: dict[str, tuple[str, dict[str, object]]] = {
    "claims": (
        "-", {"marker": "o", "facecolor": CLAIM, "edgecolor": CLAIM, "size": 16, "width": 1.1}
    ),
    "locations": (
        "--", {"marker": "s", "facecolor": "white", "edgecolor": CLAIM, "size": 16, "width": 1.1}
    ),
}  # fmt: skip


def timeline(
    states: Mapping[Date, Estimate | Totals],
    label: Hashable | None = None,
    *,
    ci_prob: float = 0.9,
    ci_kind: str = "eti",
    settled: int | None = None,
) -> "PlotCollection":
    """Draw what was known when: a total, or one toll, as of several days or times of day.

    Parameters
    ----------
    states : mapping of date to Estimate or Totals
        What was estimated from the claims known by each day, as by `tollest.as_of`.
    label : hashable, optional
        A location of the estimates, or a label of the totals; by default the total of all
        locations on which something was known.
    ci_prob : float
        Probability inside the intervals.
    ci_kind : {"eti", "hdi"}
        Equal tails, or the shortest interval.
    settled : int, optional
        The toll that was settled later, drawn beside what was estimated.

    Returns
    -------
    arviz_plots.PlotCollection
        With the plots ``"deaths"`` and ``"known"``: how many claims, and for a total how many
        locations, stand behind it. In ``viz``: ``interval``, ``median``, ``claims``,
        ``locations`` and ``settled``; medians whose computation is doubtful are hollow.

    Raises
    ------
    KeyError
        If `label` is known on none of the days.
    ValueError
        If `states` is empty, or has totals of several labels and `label` is left out; or as in
        `forest`.

    Notes
    -----
    A total grows as locations are first heard of, not only as tolls do: the second plot tells
    the two apart. Days on which nothing was known of `label` are left out.
    """
    if not states:
        raise ValueError("states is empty; give what was estimated on one day or more.")
    table, doubtful = _over_time(states, label, ci_prob, ci_kind)
    levels = _text.interval(ci_prob, ci_kind)
    subject = "Total" if label is None else phrases.short_label(label, 60)
    left_out = len(states) - len(table)
    notes = [f"Not known of on the first {_text.plural(left_out, 'day')}."] if left_out else []
    if doubtful:
        notes.append(_text.named("DOUBTFUL as of", doubtful))
    if settled is not None:
        notes.append(f"Settled later: {settled:,}.")
    with canvas.style():
        plots = _timeline(table, levels, settled)
        title = f"{subject}: what was known when, with {levels}s"
        canvas.finish(plots, title, notes, " ".join([_in_words(table, subject, levels), *notes]))
    return plots


def _over_time(
    states: Mapping[Date, Estimate | Totals], label: Hashable | None, ci_prob: float, ci_kind: str
) -> "tuple[pd.DataFrame, list[str]]":
    """Give a row for each day on which there is something, and the days that are doubtful."""
    import pandas as pd

    rows, caps, doubtful = {}, {}, []
    by_day = {calendar_moment(date): state for date, state in states.items()}
    for day, state in sorted(by_day.items(), key=lambda item: np.datetime64(item[0], "s")):
        totals = label is None and not isinstance(state, Totals)
        table = (state.total() if totals else state).table(ci_prob, ci_kind)  # type: ignore[union-attr]
        if label is None and len(table) > 1:
            raise ValueError(
                f"there are {len(table):,} totals as of {day}; name one of them in label, such as "
                f"{table.index[0]!r}."
            )
        chosen = [0] if label is None else np.flatnonzero([name == label for name in table.index])
        for i in chosen:
            rows[day] = table.iloc[int(i)]
            caps[day] = UNBOUNDED if isinstance(state, Totals) or totals else state.claims.cap[i]
            if state.doubts:
                doubtful.append(str(day))
    if not rows:
        raise KeyError(f"{label!r} is known on none of the {len(states):,} days")
    out = pd.DataFrame(rows).T
    out["cap"] = list(caps.values())
    out["doubtful"] = [str(day) in doubtful for day in out.index]
    return out, doubtful


def _timeline(table: "pd.DataFrame", levels: str, settled: int | None) -> "PlotCollection":
    from matplotlib.dates import date2num

    x = date2num(list(table.index))
    plots = canvas.collection(
        ["deaths", "known"], (6.9, 4.6), height_ratios=[2.6, 1.0], sharex=True
    )
    samples = _deaths(plots, table, x, levels, settled)
    legend.add_legend(plots, [samples, _known(plots, table, x)])
    return plots


def _deaths(
    plots: "PlotCollection", table: "pd.DataFrame", x: Floats, levels: str, settled: int | None
) -> list[tuple[Sample, str]]:
    """Draw intervals and medians over time, and give samples of them."""
    from arviz_plots import visuals

    bounds = table[["lower", "upper"]].to_numpy(float)
    median, hollow = table["median"].to_numpy(float), table["doubtful"].to_numpy(bool)
    canvas.draw(plots, "deaths", "interval", _upright, bounds, x=x, color=POSTERIOR, linewidth=2.2)
    canvas.draw(
        plots, "deaths", "path", visuals.line_xy, median, x=x, color=POSTERIOR, linestyle=":",
        width=0.9, drawstyle="steps-post",
    )  # fmt: skip
    for name, is_set, look in (("median", ~hollow, _POINT), ("doubtful", hollow, _DOUBTFUL)):
        if is_set.any():
            canvas.draw(
                plots, "deaths", name, visuals.scatter_xy, median[is_set], x=x[is_set], zorder=4,
                **look,
            )  # fmt: skip
    target = canvas.axes(plots, "deaths")
    ends = np.append(bounds.ravel(), [] if settled is None else settled)
    low, high = canvas.limits(float(ends.min()), float(ends.max()), pad=0.08)
    canvas.log1p_axis(target, low, high, 2.4, upright=True)
    target.set_ylabel("deaths, axis log(1 + deaths)")
    target.grid(axis="y", color="#dddddd", linewidth=0.5)
    line = {"color": POSTERIOR, "linewidth": 2.2}
    samples = [(Sample(line=line, points=((0.5, _POINT),)), f"median and {levels}")]
    if hollow.any():
        samples.append((Sample(points=((0.5, _DOUBTFUL),)), "doubtful computation"))
    if settled is not None:
        canvas.draw(
            plots, "deaths", "settled", visuals.line_xy, np.full(2, settled),
            x=np.array([x.min(), x.max()]), **_SETTLED,
        )  # fmt: skip
        samples.append((Sample(line=_SETTLED), "settled later"))
    return samples


def _known(plots: "PlotCollection", table: "pd.DataFrame", x: Floats) -> list[tuple[Sample, str]]:
    """Draw how much was known over time, on an axis of days, and give samples of that."""
    from arviz_plots import visuals
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.ticker import MaxNLocator

    target, samples, most = canvas.axes(plots, "known"), [], 1.0
    for name, (dash, look) in _KNOWN.items():
        if f"n_{name}" not in table:
            continue
        n = table[f"n_{name}"].to_numpy(float)
        most = max(most, n.max())
        canvas.draw(
            plots, "known", f"{name}_path", visuals.line_xy, n, x=x, color=CLAIM, linestyle=dash,
            width=1.1, drawstyle="steps-post",
        )  # fmt: skip
        canvas.draw(plots, "known", name, visuals.scatter_xy, n, x=x, zorder=3, **look)
        line = {"color": CLAIM, "linewidth": 1.1, "linestyle": dash}
        samples.append((Sample(line=line, points=((0.5, look),)), f"{name} known"))
    target.set_ylim(0.0, 1.15 * most)
    target.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    target.set_ylabel("number")
    room = max(0.04 * float(np.ptp(x)), 0.6)
    target.set_xlim(x.min() - room, x.max() + room)
    locator = AutoDateLocator(minticks=2, maxticks=8)
    target.xaxis.set_major_locator(locator)
    target.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    target.set_xlabel("known by")
    return samples


def _upright(da: object, target: "object", x: object, **kwargs: object) -> object:
    """Draw upright lines: a visual whose data have the dims ``item, end``."""
    ends = np.asarray(da)
    return target.vlines(x, ends[:, 0], ends[:, 1], **kwargs)  # type: ignore[attr-defined]


def _in_words(table: "pd.DataFrame", subject: str, levels: str) -> str:
    tolls = [phrases.rounded_toll(row, int(row["cap"])) for _, row in table.iterrows()]
    said = [
        f"{day} {phrases.number(toll.point)} ({phrases.interval_label(toll)}, from "
        + _text.plural(int(row["n_claims"]), "claim")
        + (f" on {_text.plural(int(row['n_locations']), 'location')})" if "n_locations" in row
           else ")")
        for (day, row), toll in zip(table.iterrows(), tolls, strict=True)
    ]  # fmt: skip
    rounding = phrases.rounding(tolls)
    return (
        f"{subject} over time, as estimated from what was known by each day: median deaths and "
        f"{levels}. {phrases.listing(said, 40)}.{f' {rounding}' if rounding else ''}"
    )
