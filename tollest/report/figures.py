"""Figures of a page: those of `tollest.plots`, as images that are part of it."""

import base64
import io
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

from tollest import plots
from tollest.claims.counts import Counts
from tollest.estimation.results import Estimate
from tollest.report.markup import Markup, element, image, joined

if TYPE_CHECKING:
    from arviz_plots.plot_collection import PlotCollection
    from matplotlib.figure import Figure

_PIXELS = 106  # an inch, so that a page's width is used
# Neither dates nor versions, so that a page is the same every time.
_UNTOLD = {"Creator": None, "Date": None}


def forest_figure(estimate: Estimate, ci_prob: float, ci_kind: str) -> Markup:
    """Draw the tolls, the largest where there are many, with every claim on them."""
    return _figure(
        "Tolls, and the claims they rest on.",
        lambda: plots.forest(estimate, ci_prob=ci_prob, ci_kind=ci_kind),
    )


def toll_figure(estimate: Estimate, location: str, ci_prob: float, ci_kind: str) -> Markup:
    """Draw one toll's posterior mass above the claims on it."""
    return _figure(
        "How probable each toll is, and what was claimed.",
        lambda: plots.toll(estimate, location, ci_prob=ci_prob, ci_kind=ci_kind),
    )


def sources_figures(estimate: Estimate, ci_prob: float) -> Markup:
    """Draw the habits of sources, and who repeats whom where two of them count the same dead."""
    drawn = [_figure("Habits of sources.", lambda: plots.sources(estimate, ci_prob=ci_prob))]
    if Counts.of(estimate.claims).pairs()[0].size:
        drawn.append(_figure("Who repeats whom.", lambda: plots.repeats(estimate)))
    return joined(*drawn)


def unknowns_figure(estimate: Estimate) -> Markup | None:
    """Draw prior against posterior of what locations and sources share, if all is not fixed."""
    if all(entry.member is not None for entry in estimate.posterior.entries):
        return None
    return _figure(
        "What claims taught of the unknowns that all locations and sources share.",
        lambda: plots.prior_posterior(estimate),
    )


def _figure(caption: str, make: Callable[[], "PlotCollection"]) -> Markup:
    """Draw a figure; say that it is left out, and how to get it, where that cannot be."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            collection = make()
        except ModuleNotFoundError as error:
            why = f"{str(error)[0].upper()}{str(error)[1:]}."
            return element("p", f"A figure is left out. {caption} {why}", class_="notes")
        svg, width = _svg(collection)
    others = [one for one in said if "missing from font" not in str(one.message)]
    for one in others:
        warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    boxes = (
        " Letters that no font of the machine has are boxes." if len(others) < len(said) else ""
    )
    address = f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"
    picture = image(src=address, alt=plots.alt_text(collection), width=width)
    return element(
        "figure",
        element("div", picture, class_="scroll", tabindex=0, role="region", aria_label=caption),
        element("figcaption", f"{caption}{boxes}"),
    )


def _svg(collection: "PlotCollection") -> tuple[bytes, int]:
    """Make an SVG without a background, letters as shapes, and give its width in pixels."""
    import matplotlib as mpl
    from matplotlib import pyplot

    figure: Figure = collection.get_viz("figure")
    out = io.BytesIO()
    try:
        with mpl.rc_context({"svg.fonttype": "path", "svg.hashsalt": "tollest"}):
            figure.savefig(out, format="svg", transparent=True, metadata=_UNTOLD)
        return out.getvalue(), round(_PIXELS * float(figure.get_size_inches()[0]))
    finally:
        pyplot.close(figure)
