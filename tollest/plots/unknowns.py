"""What an estimate learnt of sources, and of the unknowns above them."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, logit, ndtri

from tollest import _text
from tollest._arrays import Floats
from tollest.estimation.masses import whole
from tollest.estimation.remarks import of_common_bias
from tollest.estimation.results import Estimate
from tollest.model.layout import Entry, constant
from tollest.plots import canvas, legend, phrases
from tollest.plots.canvas import INK, POSTERIOR, SHADE
from tollest.plots.legend import Sample
from tollest.priors import Never

if TYPE_CHECKING:
    import pandas as pd
    from arviz_plots.plot_collection import PlotCollection
    from matplotlib.axes import Axes


_TIMES = "\u00d7 "
_HABITS = {
    "share": "what it counts of the toll",
    "scatter": "scatter",
    "repeat": "repeat probability",
}
_SHARE = "A share of 1 counts all of them, 0.8 misses one in five."
_POINT = {"marker": "o", "facecolor": POSTERIOR, "edgecolor": "white", "size": 30, "width": 0.7}


def sources(estimate: Estimate, *, ci_prob: float = 0.9, most: int = 40) -> "PlotCollection":
    """Draw what every source counts of the toll, its scatter and its repeat probability.

    Parameters
    ----------
    estimate : Estimate
        The posterior.
    ci_prob : float
        Probability inside the equal-tailed intervals.
    most : int
        The most sources that a figure has room for: where there are more, those with the most
        claims are drawn, as the title says.

    Returns
    -------
    arviz_plots.PlotCollection
        With the plots ``"share"``, ``"scatter"`` and, where sources may repeat, ``"repeat"``; in
        ``viz``: ``share``, ``share_interval`` and so on.

    Raises
    ------
    ValueError
        If no claim may err, so that there is nothing to learn of sources, or `ci_prob` is not
        between 0 and 1.
    """
    whole(most, least=1)
    table = estimate.sources(ci_prob)
    if not len(table):
        raise ValueError("no claim may err, so nothing was learnt of any source.")
    notes = [f"In brackets: claims that may err. {_SHARE}", of_common_bias(estimate.claims)]
    if len(table) > most:
        often = table["n_claims"].to_numpy().argsort(kind="stable")[::-1][:most]
        notes.insert(0, f"The {most:,} of {len(table):,} sources with the most claims.")
        table = table.iloc[np.sort(often)]
    never = isinstance(estimate.model.priors.logit_repeat, Never)
    habits = [name for name in _HABITS if not (never and name == "repeat")]
    levels = _text.interval(ci_prob, "eti")
    with canvas.style():
        plots = _sources(table, habits)
        title = f"Habits of {_text.plural(len(table), 'source')}: medians and {levels}s"
        alt = _sources_in_words(table, habits, levels)
        canvas.finish(
            plots, title, [*notes, *canvas.doubt_notes(estimate.doubts)],
            " ".join([alt, *notes, *estimate.doubts]),
        )  # fmt: skip
    return plots


def _sources(table: "pd.DataFrame", habits: list[str]) -> "PlotCollection":
    from arviz_plots import visuals

    tall = 0.22 * len(table) + 0.15
    plots = canvas.collection(habits, (6.9, tall + 1.2), wrap=3, sharey=True)
    y = 0.18 + 0.22 * np.arange(len(table))
    for name in habits:
        target = canvas.axes(plots, name)
        bounds: Floats = table[[f"{name}_lower", f"{name}_upper"]].to_numpy(float)
        target.grid(axis="x", color="#dddddd", linewidth=0.5)
        target.set_axisbelow(True)
        target.tick_params(axis="y", length=0)
        target.spines["left"].set_visible(False)
        canvas.draw(
            plots, name, f"{name}_interval", canvas.segments, bounds, y=y, color=POSTERIOR,
            linewidth=2.2, zorder=3,
        )  # fmt: skip
        canvas.draw(
            plots, name, name, visuals.scatter_xy, table[name].to_numpy(), y=y, zorder=4, **_POINT
        )
        if name == "share":
            canvas.draw(
                plots, name, "all", visuals.vline, [1.0], color=INK, linestyle="--", width=0.9
            )
            bounds = np.append(bounds.ravel(), 1.0)
        _habit_axis(target, name, bounds)
        target.set_xlabel(_HABITS[name])
    shown = phrases.distinct_labels(list(table.index), 30)
    names = [f"{name} ({n:,})" for name, n in zip(shown, table["n_claims"], strict=True)]
    first = canvas.axes(plots, habits[0])
    canvas.name_rows(first, y, names, tall + 0.05)
    return plots


def _habit_axis(target: "Axes", name: str, values: Floats) -> None:
    """Give shares and scatters a logarithmic axis, and repeat probabilities all of 0 to 1."""
    if name == "repeat":
        target.set_xlim(-0.02, 1.02)
        target.set_xticks([0.0, 0.5, 1.0], ["0", "0.5", "1"])
        return
    low, high = float(values.min()) / 1.05, float(values.max()) * 1.05
    steps = np.outer(10.0 ** np.arange(-6, 7), [1.0, 1.5, 2.0, 3.0, 5.0, 7.0]).ravel()
    nearer = np.array([0.7, 0.8, 0.9, 1.0, 1.1, 1.25])
    steps = nearer if high / low < 2 else steps
    ticks = steps[(steps >= low) & (steps <= high)]
    positions = np.log(ticks)
    first = int(np.abs(positions).argmin()) if name == "share" else 0
    ticks = ticks[canvas.apart(positions, 0.24, float(np.log(high / low)), first)]
    target.set_xscale("log")
    target.set_xlim(low, high)
    sign = _TIMES if name == "share" else ""
    target.set_xticks(ticks, [f"{sign}{tick:g}" for tick in ticks])
    target.minorticks_off()


def _sources_in_words(table: "pd.DataFrame", habits: list[str], levels: str) -> str:
    said = []
    for name, row in table.iterrows():
        parts = [
            "{} {:.2f} ({:.2f} to {:.2f})".format(
                habit, *row[[habit, f"{habit}_lower", f"{habit}_upper"]]
            )
            for habit in habits
        ]
        said.append(f"{phrases.short_label(name, 60)}, {', '.join(parts)}")
    return (
        f"Medians and {levels}s of the habits of {_text.plural(len(table), 'source')}; a share is "
        f"a factor of the toll. {phrases.listing(said, len(said))}."
    )


_UNKNOWNS: dict[str, tuple[str, str]] = {
    "mu": ("centre of tolls, deaths", "deaths"),
    "log_tau": ("spread of tolls", ""),
    "log_group_sd": ("spread of groups", ""),
    "log_level_sd": ("spread of levels", ""),
    "bias_mean": ("mean bias of sources, factor", "factor"),
    "log_bias_sd": ("spread of biases", ""),
    "log_scatter_mean": ("typical scatter", "exp"),
    "log_log_scatter_sd": ("spread of scatters", ""),
    "logit_repeat_mean": ("typical repeat probability", "probability"),
    "log_logit_repeat_sd": ("spread of repeat log odds", ""),
    "log_figure_scatter": ("scatter of figures", "exp"),
    "logit_near_copy": ("share of copies that are changed", "probability"),
    "log_copy_scatter": ("scatter of changed copies", "exp"),
    "log_shortfall": ("shortfall of bounds", "exp"),
    "log_list_shortfall": ("shortfall of lists of names", "exp"),
    "log_early_shortfall": ("shortfall at the onset", "exp"),
    "log_early_excess": ("share of excess at the onset", "exp"),
    "log_halving": ("days that halve both", "exp"),
    "log_location_error": ("error that all claims on a location share", "exp"),
    "logit_denial_mean": ("typical probability of denial", "probability"),
    "log_logit_denial_sd": ("spread of denial log odds", ""),
    "common_bias": ("common bias, factor", "factor"),
}


def prior_posterior(estimate: Estimate) -> "PlotCollection":
    """Draw prior against posterior of the unknowns above locations and sources.

    Where both coincide, as those of the common bias mostly do, the claims taught nothing.

    Parameters
    ----------
    estimate : Estimate
        The posterior.

    Returns
    -------
    arviz_plots.PlotCollection
        With a plot for each unknown that is not fixed, named as in ``posterior.theta_names``; in
        ``viz``: ``mu_prior``, ``mu_posterior`` and so on. Densities are on the scale of the
        prior; ticks are in deaths, factors and probabilities.

    Raises
    ------
    ValueError
        If every such unknown is fixed.
    """
    entries = [
        (j, entry) for j, entry in enumerate(estimate.posterior.entries) if entry.is_top_level
    ]
    if not entries:
        raise ValueError("every unknown above locations and sources is fixed; none has a prior.")
    with canvas.style():
        panels = [entry.name for _, entry in entries]
        rows = -(-len(panels) // 3)
        plots = canvas.collection(panels, (6.9, 1.55 * rows + 0.9), wrap=3)
        said = []
        for j, entry in entries:
            drawn = estimate.theta.flat[:, j]
            drawn = np.exp(drawn) if entry.half else drawn
            _prior_posterior(plots, entry, drawn)
            said.append(_unknown_in_words(entry, drawn))
        samples = [
            (Sample(line={"color": INK, "linestyle": "--", "linewidth": 1.2}), "prior"),
            (Sample(box={"facecolor": SHADE, "edgecolor": POSTERIOR}), "posterior"),
        ]
        legend.add_legend(plots, [[sample] for sample in samples])
        title = "Prior and posterior of what all locations and sources share"
        alt = f"Densities. {title}. Medians and 90 % equal-tailed intervals: {' '.join(said)}"
        canvas.finish(
            plots, title, canvas.doubt_notes(estimate.doubts),
            " ".join([alt, *estimate.doubts]),
        )  # fmt: skip
    return plots


def _prior_posterior(plots: "PlotCollection", entry: Entry, drawn: Floats) -> None:
    from arviz_plots import visuals
    from arviz_stats.base.array import array_stats

    name, target = entry.name, canvas.axes(plots, entry.name)
    if np.ptp(drawn) > 0:
        grid, density, _ = array_stats.kde(drawn, bound_correction=entry.half)
    else:
        grid, density = drawn[:1], np.ones(1)
    mean, sd = constant(entry.mean), constant(entry.sd)
    low = 0.0 if entry.half else min(mean - 2.6 * sd, np.quantile(drawn, 0.001))
    high = max(mean + 2.6 * sd, float(np.quantile(drawn, 0.999)))
    x = np.linspace(low, high, 200)
    prior = np.exp(-0.5 * ((x - mean) / sd) ** 2)
    prior *= (2.0 if entry.half else 1.0) / (sd * math.sqrt(2 * math.pi))
    inside = (grid >= low) & (grid <= high)
    canvas.draw(
        plots, name, f"{name}_posterior", visuals.fill_between_y, density[inside],
        x=grid[inside], y_bottom=np.zeros(inside.sum()), y_top=density[inside], facecolor=SHADE,
        edgecolor=POSTERIOR, linewidth=1.2,
    )  # fmt: skip
    canvas.draw(
        plots, name, f"{name}_prior", visuals.line_xy, prior, x=x, color=INK, linestyle="--",
        width=1.2,
    )  # fmt: skip
    label, unit = _UNKNOWNS.get(name, (name, ""))
    target.set_xlim(low, high)
    target.set_ylim(0.0)
    target.set_yticks([])
    target.spines["left"].set_visible(False)
    target.set_title(label, fontsize=canvas.SIZE)
    ticks, words = _unknown_ticks(unit, low, high)
    target.set_xticks(ticks, words)


def _unknown_ticks(unit: str, low: float, high: float) -> tuple[Floats, list[str]]:
    """Ticks on the scale of a prior, with words on that of what it is about."""
    if unit == "deaths":
        deaths = canvas.deaths_ticks(math.expm1(max(low, -0.4)), math.expm1(high), 1.6)
        return np.log1p(deaths), [phrases.number(n) for n in deaths]
    inverse: Callable[[Floats], Floats]
    if unit in ("factor", "exp"):
        nice = np.array([0.01, 0.03, 0.1, 0.2, 0.5, 0.8, 0.9, 1.0, 1.1, 1.25, 2.0, 5.0, 10.0])
        inverse = np.log
    elif unit == "probability":
        nice = np.array([0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999])
        inverse = logit
    else:
        step = next(s for s in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 1e9) if high / s <= 4.5)
        ticks = np.arange(0.0, high, step)
        return ticks, [f"{tick:g}" for tick in ticks]
    positions = inverse(nice)
    nice, positions = (
        nice[(positions > low) & (positions < high)],
        positions[(positions > low) & (positions < high)],
    )
    first = int(np.abs(nice - 1.0).argmin()) if unit == "factor" and len(nice) else 0
    apart = canvas.apart(positions, 0.22, high - low, first)
    sign = _TIMES if unit == "factor" else ""
    return positions[apart], [f"{sign}{value:g}" for value in nice[apart]]


def _unknown_in_words(entry: Entry, drawn: Floats) -> str:
    label, unit = _UNKNOWNS.get(entry.name, (entry.name, ""))
    units: dict[str, Callable[[Floats], Floats]] = {
        "deaths": _deaths, "factor": np.exp, "exp": np.exp, "probability": expit,
    }  # fmt: skip
    natural = units.get(unit, np.asarray)
    q = np.array([0.5, 0.05, 0.95])
    prior = constant(entry.mean) + constant(entry.sd) * ndtri((1 + q) / 2 if entry.half else q)
    posterior = np.quantile(drawn, q)
    texts = [
        f"{m:.3g} ({low:.3g} to {high:.3g})" for m, low, high in map(natural, (prior, posterior))
    ]
    return f"{label}: prior {texts[0]}, posterior {texts[1]}."


def _deaths(x: Floats) -> Floats:
    # The centre may lie below no deaths on the axis, where there are no tolls.
    return np.asarray(np.maximum(np.expm1(x), 0.0), np.float64)
