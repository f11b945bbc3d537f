import base64
import hashlib
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree

import html5lib
import numpy as np
import pandas as pd
import pytest

import tollest as te
from tests.report.test_tables import DOUBT, HOSTILE
from tollest.engines import ThetaDraws
from tollest.engines.tuning import MoveTuning, Tuning
from tollest.noise import StudentT
from tollest.priors import Fixed, HalfNormal, Never, Normal, Pooled, Priors, Source
from tollest.report import checklists, computation, formulae, provenance
from tollest.report.labels import label

ROWS = [
    ("Arden", "clinic", "documented", 111, "2025-03-12"),
    ("Arden", "press", "count", 1383, "2025-03-12"),
    ("Arden", "press", "count", 900, "2025-03-08"),
    ("Arden", "ministry", "count", 803, "2025-03-12"),
    ("Brook", "registry", "verified", 25, "2025-03-12"),
]
SECTIONS = [
    "Answer", "What the numbers mean", "Named baselines", "Sources", "Evidence", "Audit", "Model",
    "Computation", "Identification", "Sensitivity", "Reproduction", "Checklist: BARG",
    "Checklist: GATHER",
]  # fmt: skip


def table_of(rows=ROWS):
    return pd.DataFrame(rows, columns=["location", "source", "kind", "count", "date"])


@pytest.fixture(scope="module")
def villages():
    claims = te.Claims.from_table(table_of(), locations=["Silent"])
    return te.estimate(claims, rng=1, progress=False)


@pytest.fixture(scope="module")
def other(villages):
    """A result of `te.diagnostics.sensitivity`, put together by hand."""
    index = pd.MultiIndex.from_product([["total"], ["as given", "<b>"]], names=["total", "model"])
    totals = pd.DataFrame(
        {"median": [900, 800], "lower": [400, 300], "upper": [2100, 2200], "ratio": [1.0, 0.89],
         "width": [1.0, 1.2]}, index=index,
    )  # fmt: skip
    totals.attrs.update(ci_prob=0.9, ci_kind="eti")
    models = {"as given": villages.model, "<b>": villages.model}
    return te.diagnostics.Sensitivity(
        models, totals, totals, {"as given": (), "<b>": ("R-hat is 1.2.",)}
    )


@pytest.fixture(scope="module")
def path(villages, other, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.html"
    te.report.page(villages, path, title="Killings <i>in</i> four villages", sensitivity=other)
    return path


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    table = pd.DataFrame({"location": HOSTILE, "source": HOSTILE[::-1], "count": 12})
    twice = pd.concat([table, table.assign(source="press")])
    posterior = te.Model().given(te.Claims.from_table(twice))
    theta = 0.1 * np.random.default_rng(1).standard_normal((1, 200, posterior.n_theta))
    draws = ThetaDraws(theta, "guessed", ess=200, pareto_k=0.83, doubts=(DOUBT,))
    path = tmp_path_factory.mktemp("page") / "page.html"
    estimate = te.Estimate(posterior, draws, entropy=1)
    te.report.page(estimate, path, title=HOSTILE[0], audit=estimate.claims.locations[:3])
    return path


def parsed(path):
    """Parse strictly: any error of HTML raises."""
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    return parser.parse(path.read_text(encoding="utf-8"))


def text(element):
    return " ".join("".join(element.itertext()).split())


def section(tree, heading):
    (found,) = [s for s in tree.iter("section") if text(s.find("h2")) == heading]
    return found


def test_the_page_is_valid_html_in_english_with_headings_in_order(path):
    tree = parsed(path)

    assert tree.attrib["lang"] == "en"
    assert text(tree.find("head/title")) == "Killings <i>in</i> four villages"
    levels = [int(e.tag[1]) for e in tree.iter() if re.fullmatch("h[1-6]", str(e.tag))]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert [text(h) for h in tree.iter("h2")] == SECTIONS
    assert tree.find(".//meta[@name='viewport']") is not None


def test_the_page_asks_nothing_of_the_network_and_runs_nothing(path, hostile):
    for page in (path, hostile):
        tree = parsed(page)
        kinds = {str(e.tag) for e in tree.iter()}
        assert not kinds & {"script", "link", "iframe", "object", "embed", "base", "form"}
        for element in tree.iter():
            for name, value in element.attrib.items():
                assert not str(name).startswith("on")
                if name in ("src", "href"):
                    assert value.startswith(
                        ("#", "https://doi.org/", "data:image/svg+xml;base64,")
                    )
                    assert name != "src" or value.startswith("data:")
        css = text(tree.find("head/style"))
        assert "url(" not in css
        assert "@import" not in css
        policy = tree.find(".//meta[@http-equiv='Content-Security-Policy']").attrib["content"]
        assert policy.startswith("default-src 'none'")


def test_tables_figures_and_links_can_be_used_without_seeing_them(path):
    tree = parsed(path)
    ids = [e.attrib["id"] for e in tree.iter() if "id" in e.attrib]
    assert len(ids) == len(set(ids))
    for link in tree.iter("a"):
        assert text(link)
        target = link.attrib["href"]
        assert not target.startswith("#") or target[1:] in ids
    for table in tree.iter("table"):
        assert text(table.find("caption"))
        assert all(th.attrib["scope"] in ("col", "row") for th in table.iter("th"))
        columns = len(table.findall("thead/tr/th"))
        assert all(len(row) == columns for row in table.findall("tbody/tr"))
    alts = [image.attrib["alt"] for image in tree.iter("img")]
    assert [alt.split()[0] for alt in alts] == ["Forest", "Medians", "Matrix:", "Densities."]
    regions = [e for e in tree.iter() if e.attrib.get("role") == "region"]
    assert all(e.attrib["tabindex"] == "0" and e.attrib["aria-label"] for e in regions)


def test_figures_are_drawings_that_ask_nothing_of_the_network(path, hostile):
    for page in (path, hostile):
        for image in parsed(page).iter("img"):
            kind, _, data = image.attrib["src"].partition(",")
            assert kind == "data:image/svg+xml;base64"
            drawing = ElementTree.fromstring(base64.b64decode(data))
            kinds = {e.tag.rpartition("}")[2] for e in drawing.iter()}
            assert not kinds & {"script", "foreignObject", "text", "a"}
            for element in drawing.iter():
                for attribute, value in element.attrib.items():
                    if attribute.rpartition("}")[2] == "href":
                        assert value.startswith(("#", "data:image/png;base64,"))


def test_without_the_packages_for_figures_the_page_says_what_is_left_out(
    villages, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "arviz_plots", None)
    te.report.page(villages, tmp_path / "page.html", audit=[])
    tree = parsed(tmp_path / "page.html")
    assert not list(tree.iter("img"))
    assert (
        "A figure is left out. Tolls, and the claims they rest on. Figures need arviz-plots and "
        'matplotlib: pip install "tollest[plots]".'
    ) in text(section(tree, "Answer"))
    assert [text(h) for h in tree.iter("h2")] == SECTIONS


def test_one_location_is_drawn_with_its_mass(tmp_path):
    claims = te.Claims.from_table(table_of(ROWS[:4]))
    estimate = te.estimate(claims, rng=1, progress=False)
    te.report.page(estimate, tmp_path / "page.html", audit=[])
    image = section(parsed(tmp_path / "page.html"), "Answer").find(".//img")
    assert image.attrib["alt"].startswith("Posterior mass of the toll of Arden")


def test_baselines_stand_beside_the_estimate_with_their_sources(villages, path):
    found = section(parsed(path), "Named baselines")
    rows = {text(tr.find("th")): [text(td) for td in tr.findall("td")]
            for tr in found.findall(".//tbody/tr")}  # fmt: skip
    assert rows["Arden"][1:] == ["111", "803", "111", "111 / 111 / 1,383", "111 / 1,383"]
    assert rows["Brook"] == ["25 (verified)", "25", "25", "25", "25 / 25 / 25", "-"]
    assert rows["Silent"][1:] == ["-"] * 5
    coded = te.report.baselines(villages).loc["Arden", ["lowest", "median_claim", "majority"]]
    assert coded.tolist() == [111, 803, 111]
    links = [a.attrib["href"] for a in found.iter("a")]
    assert len(links) == len(found.findall(".//dt")) == 5


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_text_stands_out_in_light_and_dark(path):
    css = text(parsed(path).find("head/style"))
    schemes = [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block))
               for block in re.findall(r":root \{(.*?)\}", css)]  # fmt: skip
    assert len(schemes) == 3  # light, dark, print
    for colours in schemes:
        for word in ("text", "muted", "link"):
            assert contrast(colours[word], colours["ground"]) >= 4.5
        assert contrast(colours["text"], colours["band"]) >= 4.5
        assert contrast(colours["warn-text"], colours["warn-ground"]) >= 4.5
        assert contrast(colours["mark"], colours["ground"]) >= 3.0
    assert "@media (prefers-color-scheme: dark)" in css
    assert "@media print" in css


def test_the_answer_has_the_sentence_the_table_and_a_figure(villages, path):
    found = section(parsed(path), "Answer")

    assert te.report.sentence(villages) in text(found)
    rows = [text(th) for th in found.findall(".//tbody/tr/th")]
    assert rows == ["Arden", "Brook", "Silent", "All 3 locations"]
    assert "the claims they rest on" in text(found.find(".//figcaption"))
    assert found.find(".//img").attrib["alt"] == te.plots.alt_text(te.plots.forest(villages))


def test_sources_claims_set_aside_and_the_audit_are_on_the_page(villages, path):
    tree = parsed(path)

    sources = section(tree, "Sources")
    names = [text(th) for th in sources.findall(".//tbody/tr/th")]
    assert names == list(villages.claims.sources)
    evidence = text(section(tree, "Evidence"))
    assert "superseded by the claim of 2025-03-12 (row 1)" in evidence
    assert "Show 4 claims" in evidence
    audit = section(tree, "Audit")
    assert [text(h) for h in audit.iter("h3")] == ["Arden"]
    assert "press, row 1" in text(audit)


def test_the_page_audits_what_it_is_asked_to(villages, tmp_path):
    te.report.page(villages, tmp_path / "page.html", audit=["Brook"])
    audit = section(parsed(tmp_path / "page.html"), "Audit")
    assert [text(h) for h in audit.iter("h3")] == ["Brook"]
    with pytest.raises(KeyError, match="'Brok' is none"):
        te.report.page(villages, tmp_path / "page.html", audit=["Brok"])


def test_the_level_that_is_asked_for_is_that_of_every_table(villages, tmp_path):
    te.report.page(villages, tmp_path / "page.html", ci_prob=0.5, audit=["Brook"])

    tree = parsed(tmp_path / "page.html")
    for heading in ("Answer", "Named baselines", "Sources", "Audit"):
        found = text(section(tree, heading))
        assert "50 %" in found, heading
        assert "90 %" not in found, heading


def test_sensitivity_is_on_the_page_or_said_to_be_missing(villages, path, tmp_path):
    found = text(section(parsed(path), "Sensitivity"))
    assert "<b>800300 to 2,2000.891.20" in found
    assert "<b>: R-hat is 1.2." in found
    te.report.page(villages, tmp_path / "page.html")
    assert "te.diagnostics.sensitivity(claims)" in text(
        section(parsed(tmp_path / "page.html"), "Sensitivity")
    )


def test_doubts_and_hostile_names_are_text_on_the_page(hostile):
    tree = parsed(hostile)

    assert DOUBT in text(section(tree, "Answer"))
    assert DOUBT in text(section(tree, "Computation"))
    assert text(tree.find(".//h1")) == " ".join(HOSTILE[0].split())
    rows = section(tree, "Answer").findall(".//tbody/tr/th")
    assert ["".join(th.itertext()) for th in rows][:3] == [label(name) for name in HOSTILE[:3]]
    assert hostile.stat().st_size < 1_200_000


def test_the_page_is_the_same_every_time(villages, other, path, tmp_path):
    title = "Killings <i>in</i> four villages"
    te.report.page(villages, tmp_path / "again.html", title=title, sensitivity=other)
    assert (tmp_path / "again.html").read_bytes() == path.read_bytes()


def test_the_hash_is_of_the_evidence_whatever_its_order(villages):
    given = te.report.fingerprint(villages.claims)
    lines = [
        '["Arden","clinic","documented",111,null,null,null]',
        '["Arden","ministry","count",803,803,null,null]',
        '["Arden","press","count",1383,1383,null,null]',
        '["Brook","registry","verified",25,25,null,null]',
        '["Silent",null,null,null,null,null,null]',
    ]
    assert given == hashlib.sha256("\n".join(["tollest claims 1", *lines]).encode()).hexdigest()

    def of(rows):
        return provenance.fingerprint(te.Claims.from_table(table_of(rows), locations=["Silent"]))

    assert of(ROWS[::-1]) == given
    assert of([*ROWS[:1], *ROWS[3:], ROWS[1]]) == given  # without what was superseded
    assert of([*ROWS[:-1], (*ROWS[-1][:3], 26, ROWS[-1][4])]) != given


def test_the_hash_knows_groups_and_caps():
    table = table_of().assign(group="north", cap=pd.array([5000] * 4 + [pd.NA], dtype="Int64"))
    plain = provenance.fingerprint(te.Claims.from_table(table_of()))
    assert provenance.fingerprint(te.Claims.from_table(table)) != plain


def test_the_code_on_the_page_gives_the_estimate_again(villages, path, tmp_path, monkeypatch):
    code = "".join(section(parsed(path), "Reproduction").find(".//pre").itertext())
    table_of().to_csv(tmp_path / "claims.csv", index=False)
    monkeypatch.chdir(tmp_path)
    names = {}

    exec(code.replace("rng=1", "rng=1, progress=False"), names)

    pd.testing.assert_frame_equal(names["estimate"].table(), villages.table())


def test_without_a_seed_the_code_says_what_cannot_be_had_again(villages):
    code = provenance.python_code(replace(villages, seed=None))
    assert "no code gives the same draws again" in code
    assert "te.estimate(claims, model=model)" in code


def test_the_code_names_the_engine_where_it_is_not_the_default(villages):
    engine = te.engines.NestedLaplace(otherwise=te.engines.NUTS(draws=2000))
    assert "te.estimate(claims, model=model, rng=1)" in provenance.python_code(villages)
    assert (
        "te.estimate(claims, model=model, engine=te.engines.NestedLaplace("
        "otherwise=te.engines.NUTS(draws=2000)), rng=1)"
    ) in provenance.python_code(replace(villages, engine=engine))
    assert "approximation, default tuning" in provenance.python_code(
        replace(villages, engine=engine)
    )
    tuned = te.engines.NestedLaplace(tuning=Tuning(moves=MoveTuning(n_moves=2)))
    code = provenance.python_code(replace(villages, engine=tuned))
    assert "approximation, its own tuning" in code
    moves = "te.engines.tuning.MoveTuning(n_moves=2)"
    assert f"NestedLaplace(tuning=te.engines.tuning.Tuning(moves={moves}))" in code
    trace = te.engines.FromTrace(villages.to_datatree())
    assert "its engine is not kept" in provenance.python_code(replace(villages, engine=trace))


@pytest.mark.parametrize(
    "model",
    [
        te.Model(),
        te.Model(noise=StudentT(3.0), toll=te.noise.Normal()),
        te.Model(
            priors=Priors(
                mu=Fixed(2.0), tau=HalfNormal(2.0), bias=Pooled(Normal(0.1, 0.2), Fixed(0.3)),
                logit_repeat=Never(), common_bias=Fixed(0.0),
                sources={"a'b": Source(bias=Normal(-0.2, 0.1))},
            )
        ),
    ],
)  # fmt: skip
def test_models_are_code_and_formulae(model, villages):
    assert eval(provenance.model_code(model), {"te": te}) == model
    rows = {symbol: prior for symbol, _, prior in formulae.unknowns(model, villages.claims)}
    assert rows["b0"] in ("Normal(0, 0.1)", "fixed at 0")
    never = isinstance(model.priors.logit_repeat, Never)
    assert ("logit omega_s" in rows) != never
    assert formulae.overrides(model) == [
        (name, "b_s", "Normal(-0.2, 0.1)") for name in model.priors.sources
    ]


def test_diagnostics_are_those_of_the_method(villages):
    weighed = ThetaDraws(np.zeros((1, 9, 2)), "importance sampling", ess=500.0, pareto_k=0.5)
    chains = ThetaDraws(np.zeros((2, 9, 2)), "NUTS", ess=500.0, rhat=1.003, n_divergent=2)

    names = [[row[0] for row in computation.measures(draws)] for draws in (weighed, chains)]

    assert ("Pareto k" in names[0], "R-hat" in names[0]) == (True, False)
    assert ("Pareto k" in names[1], "R-hat" in names[1]) == (False, True)
    assert ("Divergent transitions", "2") in [row[:2] for row in computation.measures(chains)]


def test_every_item_of_the_checklists_is_filled_or_left_to_the_author(villages):
    barg = checklists.barg(villages, 0.9, "eti", has_sensitivity=False)
    gather = checklists.gather(villages, 0.9, "eti", has_sensitivity=True)

    assert [item.number for item in gather] == [str(i) for i in range(1, 19)]
    assert {item.number[0] for item in barg} == {"P", "1", "2", "3", "4", "5", "6"}
    assert all(item.answer or item.wants for item in (*barg, *gather))
    assert gather[1].wants == checklists.AUTHOR  # who paid is nothing a fit knows


def test_a_page_is_refused_before_the_work(villages, tmp_path):
    with pytest.raises(ValueError, match=r"does not end in \.html"):
        te.report.page(villages, tmp_path / "page.txt")


def test_a_browser_shows_the_page_without_a_complaint(path, hostile, tmp_path):
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("Chromium is not installed")
    for i, page in enumerate((path, hostile)):
        run = subprocess.run(
            [
                browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
                "--no-first-run", "--disable-background-networking", "--disable-sync",
                "--disable-component-update", "--enable-logging=stderr",
                f"--user-data-dir={tmp_path / str(i)}", f"--screenshot={tmp_path / 'shot.png'}",
                "--window-size=1400,2000", page.as_uri(),
            ],
            capture_output=True, text=True, errors="replace", timeout=300, check=False,
        )  # fmt: skip
        assert run.returncode == 0, run.stderr[-2000:]
        assert "CONSOLE" not in run.stderr
        assert (tmp_path / "shot.png").stat().st_size > 10_000
