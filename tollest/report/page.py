"""A page that holds all there is to say of an estimate, in one file without scripts."""

from collections.abc import Sequence
from importlib import resources

from tollest.report import checklists, methods, sections
from tollest.report.markup import Markup, element, joined
from tollest.report.methods import Alternatives
from tollest.subject import Subject

# Nothing is fetched and nothing runs, whatever stands in a name.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def page(
    estimate: Subject,
    *,
    title: str,
    ci_prob: float,
    ci_kind: str,
    verb: str,
    total: bool,
    sensitivity: Alternatives | None,
    audit: Sequence[str] | None,
    refit: bool,
) -> str:
    """Write the page; see `Report.html`."""
    has = sensitivity is not None
    has_covariates = bool(estimate.claims.covariate_names)
    barg = checklists.barg(estimate, ci_prob, ci_kind, has_sensitivity=has)
    gather = checklists.gather(estimate, ci_prob, ci_kind, has_sensitivity=has)
    parts = {
        "Answer": sections.answer(estimate, ci_prob, ci_kind, verb, total=total),
        "What the numbers mean": sections.meaning(estimate, ci_prob),
        "Named baselines": sections.baselines(estimate, ci_prob, ci_kind),
        "Sources": sections.sources(estimate),
        **({"Covariates": sections.covariates(estimate)} if has_covariates else {}),
        "Evidence": sections.evidence(estimate.claims),
        "Audit": sections.audits(estimate, audit, ci_prob, refit=refit),
        "Model": methods.model(estimate),
        "Computation": methods.diagnostics(estimate),
        "Identification": methods.identification(estimate),
        "Sensitivity": methods.sensitivity(sensitivity),
        "Reproduction": methods.reproduction(estimate),
        "Checklist: BARG": joined(
            _guideline("Bayesian analysis reporting guidelines", "Kruschke 2021", checklists.BARG),
            methods.checklist("BARG, item by item", barg),
        ),
        "Checklist: GATHER": joined(
            _guideline(
                "Guidelines for Accurate and Transparent Health Estimates Reporting",
                "Stevens et al. 2016", checklists.GATHER,
            ),
            methods.checklist("GATHER, item by item", gather),
        ),
    }  # fmt: skip
    body = [_section(i, heading, content) for i, (heading, content) in enumerate(parts.items())]
    links = [
        element("li", element("a", heading, href=f"#s{i}")) for i, heading in enumerate(parts)
    ]
    css = resources.files(__package__).joinpath("page.css").read_text(encoding="utf-8")
    head = element(
        "head",
        Markup('<meta charset="utf-8">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'),
        element("title", title),
        element("style", Markup(css)),
    )
    header, main = element("header", element("h1", title)), element("main", *body, id="main")
    contents = element("nav", element("ol", *links), aria_label="Contents")
    skip = element("a", "Go to the answer", href="#main", class_="skip")
    whole = element("html", head, element("body", skip, header, contents, main), lang="en")
    return f"<!doctype html>\n{whole}\n"


def _section(i: int, heading: str, content: Markup) -> Markup:
    return element("section", element("h2", heading, id=f"s{i}"), content, aria_labelledby=f"s{i}")


def _guideline(name: str, by: str, address: str) -> Markup:
    return element(
        "p",
        f"{name} (",
        element("a", by, href=address),
        "), filled from the fit; items are paraphrased, and what the fit cannot know is left to "
        "the author.",
    )
