"""Whether intervals hold what they promise, as a calibration found."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tollest import _text
from tollest.calibration.ecdf import band, ecdf, stays_inside
from tollest.calibration.simulated_ranks import Calibration
from tollest.plots import canvas, legend, phrases
from tollest.plots.canvas import CLAIM, FAINT, INK, POSTERIOR, SHADE
from tollest.plots.legend import Sample

if TYPE_CHECKING:
    import pandas as pd
    from arviz_plots.plot_collection import PlotCollection

_LOOKS: dict[str, tuple[str, str, str]] = {
    "toll": (POSTERIOR, "-", "toll of a location"),
    "total": (CLAIM, "--", "total"),
    "others": (FAINT, ":", "unknowns of the model"),
}
_COVERED = {
    "tolls": ("o", POSTERIOR, POSTERIOR, "tolls, as printed"),
    "tolls, spread": ("o", "white", POSTERIOR, "tolls, ends counted in part"),
    "total": ("s", CLAIM, CLAIM, "total, as printed"),
    "theta": ("^", "white", INK, "unknowns of the model"),
}


def calibration(
    calibration: Calibration, quantities: Sequence[str] | None = None, *, prob: float = 0.99
) -> "PlotCollection":
    """Draw ranks and coverage of a calibration.

    Parameters
    ----------
    calibration : Calibration
        Of `tollest.calibration.calibrate`.
    quantities : sequence of str, optional
        Columns of ``calibration.ranks``; by default all that every replicate has.
    prob : float
        Probability that all quantities drawn stay in the band throughout, if all is right.

    Returns
    -------
    arviz_plots.PlotCollection
        With the plots ``"ranks"``, the ECDF of ranks less its expectation, and ``"coverage"``,
        the share of truths inside intervals against their level, with two Monte Carlo standard
        errors either way. In ``viz``: ``band``, an ``ecdf`` for each quantity, ``identity``, and
        the kinds of intervals.

    Raises
    ------
    KeyError
        If one of `quantities` is none.
    ValueError
        If `quantities` is empty or has missing ranks, or `prob` is not between 0 and 1.

    Notes
    -----
    Quantities are not independent, so the band, whose level is that of a single one divided
    among them all, is on the safe side.
    """
    if not 0 < prob < 1:
        raise ValueError(f"prob is {prob}; a probability lies between 0 and 1.")
    ranks = _asked(calibration, quantities)
    joint = 1.0 - (1.0 - prob) / ranks.shape[1]
    points, lower, upper = band(len(ranks), joint, 0)
    coverage = calibration.coverage()
    with canvas.style():
        plots = canvas.collection(["ranks", "coverage"], (6.9, 3.7), wrap=2)
        outside = _ranks(plots, ranks, points, lower, upper)
        _coverage(plots, coverage)
        n = _text.plural(len(calibration.replicates), "replicate")
        drawn = _text.plural(ranks.shape[1], "quantity", "quantities")
        title = f"Calibration over {n} with {drawn}"
        notes = [_text.named("Outside the band:", outside)] if outside else []
        if calibration.n_doubtful:
            notes.append(f"{_text.plural(calibration.n_doubtful, 'estimate')} warned.")
        alt = _in_words(coverage, title, prob, outside)
        canvas.finish(plots, title, notes, " ".join([alt, *notes[bool(outside) :]]))
    return plots


def _asked(calibration: Calibration, quantities: Sequence[str] | None) -> "pd.DataFrame":
    if quantities is None:
        return calibration.ranks.dropna(axis=1)
    names = list(dict.fromkeys(quantities))
    missing = [name for name in names if name not in calibration.ranks]
    if missing:
        raise KeyError(f"{missing[0]!r} is none of the quantities of calibration.ranks")
    if not names:
        raise ValueError("quantities is empty; name one or more, or leave it out for all.")
    ranks = calibration.ranks[names]
    partial = ranks.columns[ranks.isna().any()].tolist()
    if partial:
        raise ValueError(_text.named("Not all replicates have", partial))
    return ranks


def _ranks(
    plots: "PlotCollection",
    ranks: "pd.DataFrame",
    points: "np.ndarray[tuple[int], np.dtype[np.float64]]",
    lower: "np.ndarray[tuple[int], np.dtype[np.float64]]",
    upper: "np.ndarray[tuple[int], np.dtype[np.float64]]",
) -> list[str]:
    """Draw the ECDFs, and give the quantities that leave the band."""
    from arviz_plots import visuals

    target, outside, drawn = canvas.axes(plots, "ranks"), [], []
    canvas.draw(
        plots, "ranks", "band", visuals.fill_between_y, points, x=points, y_bottom=lower - points,
        y_top=upper - points, facecolor=SHADE, step="post",
    )  # fmt: skip
    canvas.draw(
        plots, "ranks", "expected", visuals.hline, [0.0], color=INK, linestyle="-", width=0.6
    )
    # The toll and the total last, on top of the rest.
    names = sorted(ranks.columns, key=lambda name: name in ("toll", "total"))
    for name in names:
        values = ranks[name].to_numpy()
        heights = ecdf(values, points)
        if not stays_inside(values, (points, lower, upper)):
            outside.append(str(name))
        key = str(name) if name in ("toll", "total") else "others"
        color, dash, _ = _LOOKS[key]
        drawn.append(key)
        canvas.draw(
            plots, "ranks", f"ecdf of {str(name).replace('/', '|')}", visuals.line_xy,
            heights - points, x=points, color=color, linestyle=dash,
            width=0.7 if key == "others" else 1.6,
        )  # fmt: skip
    target.set_xlabel("rank of the truth")
    target.set_ylabel("ECDF less its expectation")
    target.set_xlim(0.0, 1.0)
    band = (Sample(box={"facecolor": SHADE}), "simultaneous band")
    samples = [
        (Sample(line={"color": color, "linestyle": dash, "linewidth": 1.4}), words)
        for key, (color, dash, words) in _LOOKS.items()
        if key in drawn
    ]
    covered = [
        (Sample(points=((0.5, _look(name)),)), f"coverage: {words}")
        for name, (*_, words) in _COVERED.items()
    ]
    legend.add_legend(plots, [[band, *samples], covered])
    return outside


def _look(name: str) -> dict[str, object]:
    marker, face, edge, _ = _COVERED[name]
    return {"marker": marker, "facecolor": face, "edgecolor": edge, "size": 26, "width": 1.1}


def _coverage(plots: "PlotCollection", coverage: "pd.DataFrame") -> None:
    from arviz_plots import visuals

    target = canvas.axes(plots, "coverage")
    canvas.draw(
        plots, "coverage", "identity", visuals.line_xy, [0.0, 1.0], x=np.array([0.0, 1.0]),
        color=INK, linestyle="-", width=0.6,
    )  # fmt: skip
    levels = np.unique(coverage.index.get_level_values("ci_prob").to_numpy(float))
    for i, name in enumerate(_COVERED):
        rows = coverage.loc[name]
        # Side by side, so that one does not hide the other.
        x = rows.index.to_numpy(float) + 0.008 * (i - 1.5)
        share, error = rows["coverage"].to_numpy(float), rows["mcse"].to_numpy(float)
        ends = np.clip([share - 2 * error, share + 2 * error], 0.0, 1.0)
        target.vlines(x, *ends, color=INK, linewidth=0.9, zorder=2)
        canvas.draw(
            plots, "coverage", name, visuals.scatter_xy, share, x=x, zorder=3, **_look(name)
        )
    low = min(levels.min(), coverage["coverage"].min()) - 0.05
    target.set_xlim(levels.min() - 0.05, 1.0)
    target.set_ylim(max(low, -0.02), 1.02)
    target.set_xticks(levels, [f"{100 * level:g}" for level in levels])
    ticks = [tick for tick in np.arange(0.0, 1.01, 0.1) if tick >= low]
    target.set_yticks(ticks, [f"{100 * tick:.0f}" for tick in ticks])
    target.set_xlabel("level of the interval, %")
    target.set_ylabel("truths inside, %")


def _in_words(coverage: "pd.DataFrame", title: str, prob: float, outside: list[str]) -> str:
    rows = coverage["coverage"].reset_index()
    said = [
        f"{name} {share:.0%} at {level:.0%}"
        for name, level, share in zip(rows["of"], rows["ci_prob"], rows["coverage"], strict=True)
    ]
    band = (
        f"Of the ECDFs of ranks, {len(outside)} leave the simultaneous {100 * prob:g} % band: "
        f"{phrases.listing(outside)}."
        if outside
        else f"All ECDFs of ranks stay in the simultaneous {100 * prob:g} % band."
    )
    return f"{title}. {band} Truths inside intervals: {phrases.listing(said, len(said))}."
