"""A page that holds all there is to say of an estimate, in one file without scripts."""

from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

from tollest._files import replacing
from tollest.claims.problems import shown
from tollest.diagnostics.alternatives import Sensitivity
from tollest.estimation.archive import check_path
from tollest.estimation.results import Estimate
from tollest.report import checklists, methods, sections
from tollest.report.arguments import check_estimate, check_text
from tollest.report.markup import Markup, element, joined

# Nothing is fetched and nothing runs, whatever stands in a name.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def page(
    estimate: Estimate,
    path: str | Path,
    *,
    title: str = "Estimated tolls",
    ci_prob: float = 0.9,
    ci_kind: str = "eti",
    verb: str = "were killed",
    total: bool = True,
    sensitivity: Sensitivity | None = None,
    audit: Sequence[str] | None = None,
    refit: bool = False,
) -> None:
    """Write everything to a page: one file, readable offline, without scripts.

    The answer in words, table and figure; what the numbers mean; what data sets' rules would
    code; sources; claims in evidence and set aside; what each claim does; model and priors as
    formulae; diagnostics in plain words; identification; sensitivity; seed, versions, hash
    and code; and the checklists of BARG [1]_ and GATHER [2]_, filled as far as the fit knows.
    Figures are those of `tollest.plots`, and are left out, which the page says, where its
    packages are not installed.

    Parameters
    ----------
    estimate : Estimate
        What `tollest.estimate` gave.
    path : path
        Where to write; ends in ``.html``.
    title : str
        Heading of the page.
    ci_prob, ci_kind, verb
        As in `sentence`.
    total : bool
        Whether the answer is the total; not where locations overlap, as a town and its
        province.
    sensitivity : Sensitivity, optional
        What `tollest.diagnostics.sensitivity` gave for the same claims.
    audit : sequence of str, optional
        Locations whose claims are left out one at a time; by default the ten largest tolls
        of those with several claims.
    refit : bool
        Whether to draw anew where weights do not tell what a toll would be without a claim;
        as in `tollest.diagnostics.audit`.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    KeyError
        If `audit` names a location that is not one of ``claims.locations``.
    TypeError
        If `estimate` is no estimate, `title` or `verb` no text, `sensitivity` no `Sensitivity`,
        or `audit` a single text.
    ValueError
        If the name does not end in ``.html``, or `title` is blank; or as in `sentence` and
        `tollest.diagnostics.audit`.

    References
    ----------
    .. [1] Kruschke, J. K. (2021). Bayesian analysis reporting guidelines. *Nature Human
       Behaviour* 5, 1282-1291. https://doi.org/10.1038/s41562-021-01177-7
    .. [2] Stevens, G. A. et al. (2016). Guidelines for Accurate and Transparent Health
       Estimates Reporting: the GATHER statement. *The Lancet* 388(10062), e19-e23.
       https://doi.org/10.1016/S0140-6736(16)30388-9
    """
    check_path(path, ".html")
    check_estimate(estimate)
    check_text("title", title)
    check_text("verb", verb)
    if not (sensitivity is None or isinstance(sensitivity, Sensitivity)):
        made_by = "tollest.diagnostics.sensitivity"
        raise TypeError(f"sensitivity is {shown(sensitivity)}; it is what {made_by} gives.")
    if isinstance(audit, str):
        raise TypeError(f"audit is the text {shown(audit)}; give a list of locations.")
    has = sensitivity is not None
    barg = checklists.barg(estimate, ci_prob, ci_kind, has_sensitivity=has)
    gather = checklists.gather(estimate, ci_prob, ci_kind, has_sensitivity=has)
    covariates = {}
    if estimate.claims.covariate_names:
        covariates = {"Covariates": sections.covariates_section(estimate, ci_prob)}
    parts = {
        "Answer": sections.answer_section(estimate, ci_prob, ci_kind, verb, total=total),
        "What the numbers mean": sections.meaning_section(estimate, ci_prob),
        "Named baselines": sections.baselines_section(estimate, ci_prob, ci_kind),
        "Sources": sections.sources_section(estimate, ci_prob),
        **covariates,
        "Evidence": sections.evidence_section(estimate.claims),
        "Audit": sections.audits_section(estimate, audit, ci_prob, refit=refit),
        "Model": methods.model_section(estimate),
        "Computation": methods.diagnostics_section(estimate),
        "Identification": methods.identification_section(estimate),
        "Sensitivity": methods.sensitivity_section(sensitivity),
        "Reproduction": methods.reproduction_section(estimate),
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
    with replacing(path) as partial:
        partial.write_text(_document(title, parts), encoding="utf-8")


def _document(title: str, parts: Mapping[str, Markup]) -> str:
    """Lay out the sections under a title, with a table of contents."""
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
