"""Sections of a page on the answer and on what it rests on."""

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tollest import _text
from tollest._rounding import rounded
from tollest.claims.days import in_words
from tollest.claims.frames import said
from tollest.claims.table import APART, Claims
from tollest.diagnostics.audits import audit
from tollest.estimation.remarks import of_common_bias
from tollest.estimation.results import Estimate
from tollest.report import figures, rows, rules, sentences, tables
from tollest.report.labels import label
from tollest.report.markup import Markup, element, html_table, joined, name, paragraphs

if TYPE_CHECKING:
    import pandas as pd

# Columns of each rule of `rules.RULES`, by the head of its column on a page.
_RULES = {
    "Most conservative": ("lowest",),
    "Median claim": ("median_claim",),
    "Majority": ("majority",),
    "Low / best / high": ("low", "best", "high"),
    "Minimum / maximum": ("minimum", "maximum"),
}
MOST_ROWS = 200  # of any table on a page
_AUDITED = 10  # locations


def answer_section(
    estimate: Estimate, ci_prob: float, ci_kind: str, verb: str, *, total: bool
) -> Markup:
    """Give the sentence, the table of tolls and the figures."""
    made = tables.table(estimate, ci_prob, ci_kind, total=total)
    if total or estimate.claims.n_locations == 1:
        said = sentences.answer(estimate, None, ci_prob, ci_kind, verb)
    else:
        said = "Tolls of single locations: they are not added up."
    if estimate.claims.n_locations == 1:
        drawn = figures.toll_figure(estimate, estimate.claims.locations[0], ci_prob, ci_kind)
    else:
        drawn = figures.forest_figure(estimate, ci_prob, ci_kind)
    return joined(
        element("p", said, class_="answer"),
        *(
            element("p", doubt, class_="doubt", role="note")
            for doubt in sentences.doubts(estimate)
        ),
        made.first(MOST_ROWS).to_markup(),
        drawn,
    )


def meaning_section(estimate: Estimate, ci_prob: float) -> Markup:
    """Say what the intervals mean, and what they do not."""
    silent = int(np.count_nonzero(estimate.claims.claims_per_location == 0))
    lines = [
        f"An interval holds the toll with probability {100 * ci_prob:g} % if the assumptions "
        "under Model hold, given these claims and no others. Its lower end is not the fewest "
        "there can be; deaths documented by name are, and stand apart.",
        "Agreement is evidence of a common figure before it is evidence of accuracy: sources "
        "repeat each other, with a probability that is learnt.",
        "A bias that all sources share cannot be told from larger or smaller tolls. Its prior is "
        "a floor under the width of every large toll; see Identification.",
        "Silence is not zero: a source that said nothing of a location made no claim of it. "
        + (
            f"Nobody reported on {_text.plural(silent, 'location')} here."
            if silent
            else "Every location here has a claim."
        ),
    ]
    if estimate.claims.are_apart:
        lines.append(f"{APART[0].upper()}{APART[1:]}.")
    return element("ul", *(element("li", line) for line in lines))


def baselines_section(estimate: Estimate, ci_prob: float, ci_kind: str) -> Markup:
    """Lay what data sets' rules would code beside the estimate, with who has such rules."""
    claims = estimate.claims
    n = min(claims.n_locations, MOST_ROWS)
    coded = rules.coded(claims).head(n)
    tolls = rows.of_tolls(claims, estimate.table(ci_prob, ci_kind), range(n))
    cells = []
    for toll, (_, row) in zip(tolls, coded.iterrows(), strict=True):
        interval = "verified" if toll.is_verified else toll.toll.interval
        cells.append([
            name(toll.label), f"{toll.toll.point:,} ({interval})",
            *(_coded(row[[*columns]]) for columns in _RULES.values()),
        ])  # fmt: skip
    caption = (
        f"Estimates, each with its {_text.interval(ci_prob, ci_kind)}, and what rules would code"
    )
    listed = []
    for title, rule in zip(_RULES, rules.RULES, strict=True):
        by, _, address = rule.reference.rpartition(" ")
        link = element("a", address, href=address)
        listed += [element("dt", title), element("dd", f"{rule.definition} {by} ", link)]
    return joined(
        paragraphs(
            "Rules pick numbers from the claims, without a model of who errs and how. None of "
            "them is an estimate, and no stated probability lies between two of them."
        ),
        html_table(caption, ["Location", "Estimate", *_RULES], cells),
        more(claims.n_locations, "te.report.baselines(estimate)"),
        element("dl", *listed, class_="notes"),
    )


def _coded(numbers: "pd.Series") -> str:
    """Write the numbers of a rule; a hyphen where it gives none."""
    return "-" if numbers.isna().any() else " / ".join(f"{n:,}" for n in numbers)


def sources_section(estimate: Estimate, ci_prob: float) -> Markup:
    """Tabulate what each source counts of the toll, its scatter and its repeat probability."""
    frame = estimate.sources(ci_prob)
    if not len(frame):
        return paragraphs("No claim that may err is in evidence.")
    cells = [
        [
            name(label(str(source))),
            f"{row['n_claims']:,.0f}",
            *(_multiplier(row, column) for column in ("share", "scatter", "repeat")),
        ]
        for source, row in frame.head(MOST_ROWS).iterrows()
    ]
    caption = f"Habits of sources: medians with {_text.interval(ci_prob, 'eti')}s"
    head = ["Source", "Claims", "Counts, times the toll", "Scatter", "Repeat probability"]
    return joined(
        html_table(caption, head, cells),
        more(len(frame), "estimate.sources()"),
        element(
            "div",
            paragraphs(
                "Counts: 1.10 counts 10 % too many, 0.80 misses 20 %. "
                f"{of_common_bias(estimate.claims)} "
                "Scatter: the size of the source's own error; 0.15 is about 15 %. Repeat "
                "probability: that a count repeats the figure in circulation. Claims: those that "
                "may err."
            ),
            class_="notes",
        ),
        figures.sources_figures(estimate, ci_prob),
        _by_side(estimate, ci_prob),
    )


def _by_side(estimate: Estimate, ci_prob: float) -> Markup:
    """Tabulate biases by whose dead a source counts; nothing where there are no sides."""
    if not estimate.claims.sides:
        return joined()
    frame = estimate.sources_by_side(ci_prob)
    cells = [
        [
            name(label(source)), name(label(side)) if side else "-",
            f"{row['n_claims']:,.0f}", _multiplier(row, "share"),
        ]
        for (source, side), (_, row) in zip(
            estimate.claims.voices, frame.head(MOST_ROWS).iterrows(), strict=False
        )
    ]  # fmt: skip
    interval = _text.interval(ci_prob, "eti")
    caption = f"What is counted, by whose dead they are: medians with {interval}s"
    return joined(
        html_table(caption, ["Source", "Side", "Claims", "Counts, times the toll"], cells),
        more(len(frame), "estimate.sources_by_side()"),
    )


def covariates_section(estimate: Estimate, ci_prob: float) -> Markup:
    """Tabulate what tolls hang on beside claims."""
    frame = estimate.effects(ci_prob)
    cells = [
        [name(str(term)), _multiplier(row, "effect"), f"{row['mean']:.4g}", f"{row['sd']:.4g}"]
        for term, row in frame.head(MOST_ROWS).iterrows()
    ]
    caption = f"Effects of covariates: medians with {_text.interval(ci_prob, 'eti')}s"
    head = ["Covariate", "Times the toll, for one SD more", "Mean", "SD"]
    return joined(
        html_table(caption, head, cells),
        more(len(frame), "estimate.effects()"),
        paragraphs(
            "Tolls of locations with like covariates inform each other. An effect is an "
            "association among these locations, not a cause."
        ),
    )


def _multiplier(row: "pd.Series", column: str) -> str:
    return f"{row[column]:.2f} ({row[f'{column}_lower']:.2f} to {row[f'{column}_upper']:.2f})"


def evidence_section(claims: Claims) -> Markup:
    """List the claims in evidence and those set aside, each with its reason."""
    kept, excluded = claims.to_frame(), claims.excluded
    told = [f"{claims!r}."]
    if not np.isnat(claims.record.known_by):
        told.append(f"Claims were cut to what was known by {in_words(claims.record.known_by)}.")
    aside = paragraphs("No claim was set aside.")
    if len(excluded):
        aside = joined(
            _claims(excluded, f"{_text.plural(len(excluded), 'claim')} set aside", ["reason"]),
            more(len(excluded), "estimate.claims.excluded"),
        )
    return joined(
        paragraphs(*told),
        element("h3", "Claims set aside"),
        aside,
        element("h3", "Claims in evidence"),
        element(
            "details",
            element("summary", f"Show {_text.plural(len(kept), 'claim')}"),
            _claims(kept, "Claims in evidence, numbered as in the table they are from", []),
            more(len(kept), "estimate.claims.to_frame()"),
        ),
    )


def audits_section(
    estimate: Estimate, locations: Sequence[str] | None, ci_prob: float, *, refit: bool
) -> Markup:
    """Show what each claim does to the toll of its location."""
    if estimate.claims.is_nested:
        return paragraphs(
            "Not weighed, since claims on wholes and on parts speak of each other. What a claim "
            "does is seen without it: te.estimate(claims.without(rows=[...]))."
        )
    if locations is None:
        tolls = estimate.table(ci_prob)
        several = tolls[estimate.claims.claims_per_location > 1]
        chosen = several["median"].sort_values(ascending=False, kind="stable").index[:_AUDITED]
        locations = [str(location) for location in chosen]
    if not locations:
        return paragraphs("No location has several claims.")
    parts = [
        paragraphs(
            "Each toll with all its claims, then without each: what it would be had the claim "
            "not been made. Draws are weighed anew; "
            + ("where they do not reach, they are drawn anew." if refit else "none is refitted.")
        )
    ]
    for location in locations:
        found = audit(estimate, location, ci_prob, refit=refit, progress=False)
        frame = found.table()
        caption = f"Without each claim: median and {_text.interval(ci_prob, 'eti')}"
        head = [
            "Claim",
            "Deaths",
            "Repeats the figure",
            "Toll without it",
            "Conflict with others; notes",
        ]
        cells = [[_who(row, claim), said(claim), *_pull(claim)] for row, claim in frame.iterrows()]
        parts.append(element("h3", name(label(location))))
        toll = rounded(found.median, found.lower, found.upper)
        whole = f"With all claims: {toll.point:,} ({toll.interval})."
        made = html_table(caption, head, cells, text_columns=(0, 4))
        parts.append(joined(paragraphs(whole), made))
    return joined(*parts)


def _claims(frame: "pd.DataFrame", caption: str, more: list[str]) -> Markup:
    import pandas as pd

    head = ["Row", "Location", "Source", "Kind", "Deaths", "Date", *map(str.capitalize, more)]
    cells = []
    for _, claim in frame.head(MOST_ROWS).iterrows():
        day = "-" if pd.isna(claim["date"]) else in_words(claim["date"].to_datetime64())
        cells.append([
            str(claim["row"]), name(label(claim["location"])), name(label(claim["source"])),
            claim["kind"].replace("_", " "), said(claim),
            element("span", day, class_="whole"),
            *(_dated(label(claim[column])) for column in more),
        ])  # fmt: skip
    return html_table(caption, head, cells, text_columns=(1, 2, 3, 5, 6))


def _who(row: object, claim: "pd.Series") -> Markup:
    return joined(
        name(label(claim["source"])), ", ", element("span", f"row {row}", class_="whole")
    )


def _dated(text: str) -> Markup:
    """Keep the days and the rows that a reason names on one line each."""
    parts = re.split(r"(\d{4}-\d\d-\d\d|\(row \d+\))", text)
    return joined(
        *(element("span", part, class_="whole") if i % 2 else part for i, part in enumerate(parts))
    )


def _pull(claim: "pd.Series") -> list[str]:
    """Write what a claim does to the toll; why it is set aside where it does nothing."""
    if claim["status"] != "used":
        return ["-", "-", _dated(label(str(claim["reason"])))]
    toll = rounded(*(int(claim[f"{end}_without"]) for end in ("median", "lower", "upper")))
    p = float(claim["p_value"])
    conflict = "-" if math.isnan(p) else f"{'yes' if claim['conflict'] else 'no'}, p = {p:.3f}"
    note = f"; {claim['note']}" if claim["note"] else ""
    return [
        f"{100 * claim['repeat']:.0f} %", f"{toll.point:,} ({toll.interval})", f"{conflict}{note}",
    ]  # fmt: skip


def more(n: int, expression: str, shown: int = MOST_ROWS) -> Markup | None:
    """Say where the rows are that a page leaves out, if any."""
    if n <= shown:
        return None
    return element(
        "p", f"The first {shown:,} of {n:,}; all are in ", element("code", expression), "."
    )
