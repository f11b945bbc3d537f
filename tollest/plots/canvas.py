"""What all figures share: a style of their own, panels, axes of deaths, alternative text."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tollest._arrays import Floats
from tollest.plots import phrases

if TYPE_CHECKING:
    from arviz_plots.plot_collection import PlotCollection
    from matplotlib.axes import Axes


# Dark and middle tones, which stay apart in grey; shapes carry the meaning all the same.
INK, POSTERIOR, CLAIM, FAINT, SHADE = "#222222", "#123f73", "#b3541e", "#6a6a6a", "#c9d6e6"
SIZE, SMALL = 8.5, 7.5  # points

_STYLE: dict[str, Any] = {
    "font.size": SIZE, "axes.titlesize": SIZE, "axes.labelsize": SIZE, "xtick.labelsize": SIZE,
    "ytick.labelsize": SIZE, "legend.fontsize": SMALL, "figure.titlesize": SIZE + 1,
    "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": INK, "xtick.color": INK,
    "ytick.color": INK, "axes.spines.top": False, "axes.spines.right": False,
    "axes.linewidth": 0.7, "legend.frameon": False, "figure.dpi": 150.0,
    # Names are text, whatever they hold.
    "text.parse_math": False, "text.usetex": False,
}  # fmt: skip
# DejaVu Sans, which matplotlib brings, has Latin, Greek, Cyrillic, Arabic and Hebrew letters.
_OTHER_SCRIPTS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Zen Hei", "Microsoft YaHei",
    "Hiragino Sans", "Noto Sans Devanagari", "Noto Sans Bengali", "Noto Sans Myanmar",
    "Noto Sans Ethiopic", "Noto Sans Thai", "Noto Sans Khmer", "Noto Sans",
)  # fmt: skip
_VARIABLE = "deaths"  # the one variable of the data that collections hold


@contextmanager
def style() -> Iterator[None]:
    """Draw in the style of these figures, and leave matplotlib's settings as they were.

    Raises
    ------
    ModuleNotFoundError
        If the packages for figures are not installed.
    """
    try:
        import arviz_plots  # noqa: F401 - registers styles, which must not be undone at the end
        import matplotlib.style
        from matplotlib.font_manager import fontManager
    except ModuleNotFoundError as error:
        message = 'figures need arviz-plots and matplotlib: pip install "tollest[plots]"'
        raise ModuleNotFoundError(message) from error

    installed = {font.name for font in fontManager.ttflist}
    families = ["DejaVu Sans", *(name for name in _OTHER_SCRIPTS if name in installed)]
    with matplotlib.style.context(_STYLE | {"font.family": families}, after_reset=True):
        yield


def collection(
    panels: Sequence[str],
    size: tuple[float, float],
    *,
    wrap: int = 1,
    **figure_kwargs: Any,  # noqa: ANN401 - of matplotlib's subplots
) -> "PlotCollection":
    """Make a collection with a plot for each of `panels`, `wrap` of them in a row."""
    import xarray as xr
    from arviz_plots.plot_collection import PlotCollection

    from tollest.plots.described import Described

    data = xr.Dataset(
        {_VARIABLE: ("panel", np.zeros(len(panels)))}, coords={"panel": list(panels)}
    )
    figure = {"figsize": size, "layout": "constrained", "FigureClass": Described}
    plots: PlotCollection = PlotCollection.wrap(
        data,
        cols=["panel"],
        col_wrap=wrap,
        backend="matplotlib",
        figure_kwargs=figure | figure_kwargs,
    )
    return plots


def draw(
    plots: "PlotCollection",
    panel: str,
    name: str,
    visual: Callable[..., object],
    values: ArrayLike,
    **kwargs: Any,  # noqa: ANN401 - of the visual
) -> None:
    """Draw `values` in one panel with a visual of arviz-plots', kept in ``viz`` under `name`."""
    import xarray as xr

    values = np.asarray(values)
    dims = ("item", "end")[: values.ndim]
    data = xr.Dataset({_VARIABLE: xr.DataArray(values, dims=dims)})
    plots.map(visual, name, data=data, coords={"panel": panel}, **kwargs)


def axes(plots: "PlotCollection", panel: str) -> "Axes":
    """Give the axes of a panel."""
    return plots.get_target(_VARIABLE, {"panel": panel})  # type: ignore[no-any-return]


def segments(da: Any, target: "Axes", y: ArrayLike, **kwargs: Any) -> object:  # noqa: ANN401
    """Draw horizontal lines: a visual whose data have the dims ``item, end``."""
    ends = np.asarray(da)
    return target.hlines(y, ends[:, 0], ends[:, 1], **kwargs)


def log1p_axis(
    target: "Axes", lower: float, upper: float, inches: float, *, upright: bool = False
) -> None:
    """Put an axis of deaths on the log1p scale, with whole deaths as its ticks."""
    name = "y" if upright else "x"
    ticks = deaths_ticks(lower, upper, inches, upright=upright)
    axis = target.yaxis if upright else target.xaxis
    getattr(target, f"set_{name}scale")("function", functions=(_to_axis, np.expm1))
    getattr(target, f"set_{name}lim")(lower, upper)
    axis.set_ticks(ticks, [phrases.number(tick) for tick in ticks])
    target.minorticks_off()


def _to_axis(deaths: ArrayLike) -> Floats:
    # Axes are asked about numbers far outside their limits, too.
    return np.log1p(np.maximum(np.asarray(deaths, np.float64), -0.9999))


def limits(lower: float, upper: float, pad: float = 0.03) -> tuple[float, float]:
    """Limits of an axis of deaths around `lower` to `upper`, with some room on either side."""
    low, high = np.log1p([max(lower, 0.0), max(upper, 0.0)])
    if high - low < 0.2:
        low, high = low - 0.1, high + 0.1
    room = pad * (high - low)
    return float(max(np.expm1(low - room), -0.5)), float(np.expm1(high + room))


def deaths_ticks(lower: float, upper: float, inches: float, *, upright: bool = False) -> list[int]:
    """Whole deaths that mark an axis from `lower` to `upper`, as many as have room for labels."""
    start = max(0, int(np.ceil(lower)))
    powers = 10 ** np.arange(12)
    per_unit = inches / float(np.diff(_to_axis([lower, upper]))[0])
    for ladder in ((1, 2, 5), (1, 3), (1,), (1,), (1,)):
        steps = np.unique(np.outer(powers, ladder))
        every = [n for n in [0, *steps.tolist()] if start <= n <= upper]
        if len(every) < 4:
            break
        for ticks in (every, [n for n in every if n not in (1, 2)]):
            if _fit(ticks, per_unit, upright):
                return ticks
        powers = powers[:: 2 if len(ladder) == 1 else 1]
    for step in np.unique(np.outer(10 ** np.arange(12), (1, 2, 5))).tolist():
        ticks = list(range(-(-start // step) * step, int(upper) + 1, step))[:200]
        if ticks and len(ticks) <= 9 and _fit(ticks, per_unit, upright):
            return ticks
    return [start]


def apart(places: Floats, share: float, length: float, first: int = 0) -> NDArray[np.bool_]:
    """Choose ticks at least a share of the axis apart, `first` among them."""
    chosen = np.zeros(len(places), dtype=bool)
    for i in np.argsort(np.abs(places - places[first]), kind="stable") if len(places) else ():
        chosen[i] = not np.any(np.abs(places[chosen] - places[i]) < share * length)
    return chosen


def _fit(ticks: list[int], per_unit: float, upright: bool) -> bool:
    """Whether the labels of these ticks keep clear of each other."""
    inches = _to_axis(ticks) * per_unit
    width = np.array([0.1 if upright else 0.07 * len(phrases.number(n)) for n in ticks])
    return bool(np.all(np.diff(inches) > (width[1:] + width[:-1]) / 2 + 0.1))


def name_rows(target: "Axes", y: ArrayLike, names: Sequence[str], end: float) -> None:
    """Name rows on a y-axis that runs downwards from 0 to `end`."""
    target.set_ylim(end, 0.0)
    target.set_yticks(np.asarray(y), list(names))
    target.tick_params(axis="y", length=0)
    target.spines["left"].set_visible(False)


def finish(plots: "PlotCollection", title: str, notes: Sequence[str], alt: str) -> None:
    """Add title and notes, settle the layout, and keep the alternative text with the figure."""
    figure = plots.get_viz("figure")
    width = float(figure.get_size_inches()[0])
    text = phrases.wrapped([title, *notes], width)
    plots.add_title(text, size=SIZE, x=0.01, horizontalalignment="left", color=INK)
    plots.viz.attrs["alt_text"] = alt
    figure.title, figure.alt_text = title, alt
    # Ticks and texts that come into being at the first drawing do so in the style of the rest.
    figure.draw_without_rendering()


def doubt_notes(doubts: Sequence[str]) -> list[str]:
    """Reasons not to rely on the numbers, as they stand on a figure."""
    return [f"DOUBTFUL: {doubt}" for doubt in doubts]


def alt_text(plots: "PlotCollection") -> str:
    """Say in words what a figure of this module shows, for readers who cannot see it.

    It stands in the metadata of PNG, SVG and PDF files saved with the collection's ``savefig``,
    too; in a web page it belongs in the attribute ``alt`` of the image.

    Parameters
    ----------
    plots : arviz_plots.PlotCollection
        Made by a function of `tollest.plots`.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If the collection was made elsewhere.
    """
    alt = plots.viz.attrs.get("alt_text")
    if alt is None:
        raise ValueError("this collection was not made by tollest.plots, so nothing describes it.")
    return str(alt)
