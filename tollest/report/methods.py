"""Sections of a page on how the answer was come by: for reviewers, and for whoever repeats it."""

import math
from typing import TYPE_CHECKING

from tollest import _text
from tollest._rounding import rounded
from tollest.diagnostics.alternatives import Sensitivity
from tollest.diagnostics.identifiability import identification as identify
from tollest.estimation.results import Estimate
from tollest.report import checklists, computation, figures, formulae, provenance
from tollest.report.labels import label
from tollest.report.markup import Markup, element, html_table, joined, name, paragraphs
from tollest.report.sections import MOST_ROWS, more

if TYPE_CHECKING:
    import pandas as pd

_IDENTIFIED = 20  # locations


def model_section(estimate: Estimate) -> Markup:
    """Write the model and its priors as formulae."""
    fitted, claims = estimate.model, estimate.claims
    lines = [
        [quantity, element("span", formula, class_="formula")]
        for quantity, formula in formulae.formulae(fitted, claims)
    ]
    priors = [
        [
            element("span", symbol, class_="formula"),
            quantity,
            element("span", prior, class_="formula"),
        ]
        for symbol, quantity, prior in formulae.unknowns(fitted, claims)
    ]
    overrides = [[name(label(s)), *more] for s, *more in formulae.overrides(fitted)]
    everywhere = (0, 1, 2)
    return joined(
        paragraphs(
            "Everything that is counted has the same kind of mass, with a location m and a scale "
            "s. b0 is the bias common to all sources, and the index in b_s is the source."
        ),
        html_table("Masses", ["Of", "Formula"], lines, text_columns=everywhere),
        html_table("Priors", ["Unknown", "What it is", "Prior"], priors, text_columns=everywhere),
        html_table("Priors of single sources", ["Source", "Unknown", "Prior"], overrides,
              text_columns=everywhere) if overrides else None,
        element(
            "div",
            paragraphs(
                "Normal(mean, sd); HalfNormal(sd) is the size of a Normal(0, sd). Logs are "
                "natural.",
                formulae.support(fitted),
            ),
            class_="notes",
        ),
        figures.unknowns_figure(estimate),
    )  # fmt: skip


def diagnostics_section(estimate: Estimate) -> Markup:
    """Say how it was computed and whether that can be relied on."""
    verdict = "Nothing in the computation is doubtful."
    doubts = [element("p", doubt, class_="doubt", role="note") for doubt in estimate.doubts]
    cells = [list(row) for row in computation.measures(estimate.theta)]
    head = ["Measure", "Value", "Good", "In words"]
    return joined(
        element("p", f"Computed by {estimate.theta.summary}."),
        *(doubts or [element("p", verdict)]),
        html_table("Diagnostics", head, cells, text_columns=(0, 2, 3)),
    )


def identification_section(estimate: Estimate) -> Markup:
    """Say what claims alone cannot tell."""
    if estimate.claims.is_nested:
        return paragraphs(
            "Tolls hang on the common bias b0 as without wholes and parts: claims give "
            "log(1 + toll) + b0, and only a verified toll tells the two apart. By how much each "
            "toll moves with it is not told for wholes and parts."
        )
    found = identify(estimate)
    frame = found.table()
    n = len(found.locations)
    cells = []
    for i in (*range(min(n, _IDENTIFIED)), *range(n, len(frame))):
        row = frame.iloc[i]
        cells.append([
            name(label(str(row.name[1]))),
            _number(row["sd"]), _pair(row, "common_bias"), _percent(row["common_bias_share"]),
            _pair(row, "figure_scatter"), _percent(row["figure_scatter_share"]),
        ])  # fmt: skip
    head = ["Toll", "sd", "Common bias", "Share", "Figure's scatter", "Share"]
    caption = (
        "How far the log of each toll moves with a unit of the common bias b0 and of log s0 "
        "(Monte Carlo standard errors), and the share of its variance that goes with each"
    )
    return joined(
        paragraphs(*found.equation.splitlines()),
        html_table(caption, head, cells),
        more(n, "te.diagnostics.identification(estimate).table()", _IDENTIFIED),
        element("div", paragraphs(*found.notes), class_="notes") if found.notes else None,
    )


def sensitivity_section(found: Sensitivity | None) -> Markup:
    """Lay the totals under other assumptions side by side."""
    if found is None:
        return element(
            "p",
            "Not computed for this page, since every other assumption is a fit of its own: give "
            "the page the result of ",
            element("code", "te.diagnostics.sensitivity(claims)"),
            ".",
        )
    frame = found.table()
    level = _text.interval(frame.attrs["ci_prob"], frame.attrs["ci_kind"])
    several = frame.index.get_level_values(0).nunique() > 1
    cells = []
    shown = frame.head(MOST_ROWS)
    for (total, name_of_model), (_, row) in zip(
        shown.index.tolist(), shown.iterrows(), strict=True
    ):
        toll = rounded(int(row["median"]), int(row["lower"]), int(row["upper"]))
        name_of_row = f"{label(str(total))}: {name_of_model}" if several else str(name_of_model)
        cells.append([
            name(label(name_of_row)), f"{toll.point:,}", toll.interval, f"{row['ratio']:.2f}",
            f"{row['width']:.2f}",
        ])  # fmt: skip
    head = ["Model", "Total", level, "Ratio of medians", "Ratio of log widths"]
    return joined(
        html_table("Totals under other assumptions", head, cells),
        more(len(frame), "sensitivity.table()"),
        *(element("p", doubt, class_="doubt", role="note") for doubt in found.doubts),
    )


def reproduction_section(estimate: Estimate) -> Markup:
    """Give seed, hash, versions and code."""
    seed = "none was kept" if estimate.seed is None else str(estimate.seed)
    facts = [
        ["Seed (rng)", seed],
        ["SHA-256 of the claims", element("code", provenance.fingerprint(estimate.claims))],
        *([package, number] for package, number in provenance.versions().items()),
    ]
    return joined(
        html_table("Provenance; versions are those of the machine that made this page",
              ["What", "Value"], facts, text_columns=(0, 1)),
        element("pre", element("code", provenance.python_code(estimate)), tabindex=0),
    )  # fmt: skip


def checklist(caption: str, items: list[checklists.Item]) -> Markup:
    """Make a table of a checklist, with what is left to the author marked."""
    cells = []
    for item in items:
        wants = None
        if item.wants:
            text = checklists.AUTHOR
            if item.wants != text:
                text = f"{text[:-1]}: {item.wants[0].lower()}{item.wants[1:]}"
            wants = element("span", text, class_="author")
        space = " " if item.answer and wants else None
        cells.append([item.number, item.asks, joined(item.answer or None, space, wants)])
    return element(
        "div",
        html_table(caption, ["Item", "What it asks for", "Answer"], cells, text_columns=(0, 1, 2)),
        class_="words",
    )


def _number(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}"


def _pair(row: "pd.Series", column: str) -> str:
    if math.isnan(row[column]):
        return "-"
    return f"{_number(row[column])} ({row[f'{column}_mcse']:.2f})"


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.0f} %"
