import io
import re
import sys

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import tollest as te
from tollest.claims import frames
from tollest.plots import canvas, claim_marks, phrases

matplotlib = pytest.importorskip("matplotlib")
arviz_plots = pytest.importorskip("arviz_plots")

HOSTILE = r"$x_1$ \frac{a}{b} _under_ 100% {"
ARABIC = "المرصد السوري"
LONG = ("The committee of the upper valley, " * 300).strip()


@pytest.fixture(scope="module")
def claims():
    rows = [
        ("Arden", "clinic", "documented", 11, None, None, "2025-03-01", None),
        ("Arden", "press", "count", 30, None, None, "2025-03-02", None),
        ("Arden", "radio", "count", 30, None, None, "2025-03-02", None),
        ("Arden", "blog", "count", 30, None, None, "2025-03-03", "press"),
        ("Arden", "ministry", "count", 9, None, None, "2025-03-01", None),
        ("Arden", "ministry", "count", 12, None, None, "2025-03-04", None),
        ("Brook", "press", "at_least", 12, None, None, "2025-03-02", None),
        ("Corley", "press", "range", None, 20, 40, "2025-03-03", None),
        ("Corley", "ministry", "at_most", 25, None, None, "2025-03-04", None),
        ("Corley", "radio", "about", 30, None, None, "2025-03-04", None),
        ("Dorn", "court", "verified", 7, None, None, "2025-03-05", None),
        ("Dorn", "press", "count", 0, None, None, "2025-03-02", None),
        (HOSTILE, ARABIC, "count", 5, None, None, "2025-03-02", None),
        (LONG, HOSTILE, "count", 6, None, None, "2025-03-02", None),
        (LONG + "!", LONG, "count", 700, None, None, "2025-03-02", None),
    ]
    columns = ["location", "source", "kind", "count", "lower", "upper", "date", "origin"]
    table = pd.DataFrame(rows, columns=columns)
    return te.Claims.from_table(table, locations=["Elm"])


@pytest.fixture(scope="module")
def estimate(claims):
    return te.estimate(claims, rng=1, progress=False)


@pytest.fixture(scope="module")
def small():
    """Two locations, three sources, of which one later claims something else."""
    table = pd.DataFrame(
        [
            ("Arden", "clinic", 11, "2025-03-01"),
            ("Arden", "press", 14, "2025-03-02"),
            ("Arden", "press", 12, "2025-03-05"),
            ("Brook", "clinic", 40, "2025-03-05"),
        ],
        columns=["location", "source", "count", "date"],
    )
    return te.Claims.from_table(table)


@pytest.fixture(scope="module")
def states(small):
    return te.as_of(small, rng=1, progress=False)


@pytest.fixture(autouse=True)
def _closed():
    """Let no figure outlive its test."""
    from matplotlib import pyplot

    yield
    pyplot.close("all")


def points(plots, name):
    """Where a visual has its points, shape (n, 2)."""
    return np.asarray(plots.get_viz(name).get_offsets())


def spans(plots, name):
    """Both ends of the horizontal lines of a visual, shape (n, 2)."""
    return np.array([line[:, 0] for line in plots.get_viz(name).get_segments()])


def texts(plots):
    return list(plots.get_viz("figure").findobj(matplotlib.text.Text))


def test_a_forest_has_the_intervals_and_medians_of_the_table(estimate):
    table = estimate.table(ci_prob=0.8, ci_kind="hdi")

    plots = te.plots.forest(estimate, ci_prob=0.8, ci_kind="hdi")

    assert isinstance(plots, arviz_plots.PlotCollection)
    assert_allclose(spans(plots, "interval"), table[["lower", "upper"]])
    assert_allclose(points(plots, "median")[:, 0], table["median"])
    assert np.all(np.diff(points(plots, "median")[:, 1]) > 0)  # downwards, in their order


def test_each_kind_of_claim_has_its_own_mark(estimate):
    plots = te.plots.forest(estimate)

    assert_allclose(np.sort(points(plots, "count")[:, 0]), [0, 5, 6, 12, 700])
    assert_allclose(points(plots, "shared")[:, 0], [30])  # press and radio, on one ring
    assert_allclose(points(plots, "declared")[:, 0], [30])  # the blog
    assert_allclose(points(plots, "documented")[:, 0], [11])
    assert_allclose(points(plots, "verified")[:, 0], [7])
    assert_allclose(spans(plots, "range"), [[20, 40]])
    assert_allclose(spans(plots, "words"), [[25, 35]])  # about 30
    rings = [plots.get_viz(name) for name in ("shared", "declared")]
    assert all(np.all(ring.get_facecolor() == 1.0) for ring in rings)
    assert not np.all(plots.get_viz("count").get_facecolor() == 1.0)


def test_arrows_start_at_the_bound_and_point_away_from_what_is_excluded(estimate):
    plots = te.plots.forest(estimate)

    assert_allclose(points(plots, "at_least")[:, 0], [12])
    assert points(plots, "at_least_head")[0, 0] > 12
    assert 25 in points(plots, "at_most")[:, 0]
    assert np.all(points(plots, "at_most_head")[:, 0] < 25)


def test_claims_stand_between_their_location_and_the_next(estimate):
    plots = te.plots.forest(estimate)

    rows = dict(zip(estimate.claims.locations, points(plots, "median")[:, 1], strict=True))
    assert rows["Arden"] < points(plots, "shared")[0, 1] < rows["Brook"]
    assert rows["Brook"] < points(plots, "at_least")[0, 1] < rows["Corley"]


def test_letters_name_the_sources_of_each_mark(estimate):
    plots = te.plots.forest(estimate)

    shown = [text.get_text() for text in texts(plots)]
    key = dict(text.split("  ", 1) for text in shown if re.match(r"[A-Z]  ", text))
    letters = {name: letter for letter, name in key.items()}
    assert {"press", "radio", "court", ARABIC} <= set(letters)
    assert letters["press"] + letters["radio"] in shown  # beside their ring


def test_of_more_sources_than_letters_the_most_frequent_have_one():
    frame = pd.DataFrame({"source": [f"s{i:02}" for i in range(60)] + ["s59"]})

    codes = claim_marks.codes(frame)

    assert sorted(codes.values()).count("·") == 8
    assert len(set(codes.values())) == 53
    assert codes["s59"] != "·"


def test_names_are_text_whatever_they_hold(estimate):
    plots = te.plots.forest(estimate)

    axes = plots.get_target("deaths", {"panel": "tolls"})
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert HOSTILE in names
    assert all(len(name) < 60 and "\n" not in name for name in names)
    assert len(set(names)) == len(names)  # two long ones begin alike
    assert not any(text.get_parse_math() for text in texts(plots))
    assert not any(text.get_usetex() for text in texts(plots))


def test_what_is_open_or_silent_says_so(estimate):
    plots = te.plots.forest(estimate)

    axes = plots.get_target("deaths", {"panel": "tolls"})
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert "Brook" in names  # bounded by how far "at least" falls short
    assert "Elm (no claims) †" in names
    assert "its upper end is the prior's" in te.plots.alt_text(plots)


@pytest.mark.parametrize("locations", [["Brook", "Arden"], ["Elm"], ["Dorn"]])
def test_locations_are_drawn_in_the_order_asked_for(estimate, locations):
    plots = te.plots.forest(estimate, locations)

    medians = estimate.table().loc[locations, "median"]
    assert_allclose(points(plots, "median")[:, 0], medians)


def test_of_too_many_locations_the_largest_are_drawn_and_it_is_said(estimate):
    plots = te.plots.forest(estimate, most=2)

    largest = estimate.table()["median"].nlargest(2)
    assert_allclose(points(plots, "median")[:, 0], largest)
    assert "The 2 largest of 8" in te.plots.alt_text(plots)
    assert any("The 2 largest of 8" in text.get_text() for text in texts(plots))


def test_forests_of_nothing_or_of_too_much_are_refused(estimate):
    with pytest.raises(KeyError, match="'Ardne' is none of the 8 locations; near it are 'Arden'"):
        te.plots.forest(estimate, ["Ardne"])
    with pytest.raises(ValueError, match="locations is empty"):
        te.plots.forest(estimate, [])
    with pytest.raises(ValueError, match=r"use toll\(\)"):
        te.plots.forest(estimate, "Arden")
    with pytest.raises(ValueError, match="more than the 1 there is room for"):
        te.plots.forest(estimate, ["Arden", "Brook"], most=1)
    with pytest.raises(ValueError, match="ci_prob"):
        te.plots.forest(estimate, ci_prob=90)


def test_the_mass_of_a_toll_has_its_probability_as_area(estimate):
    plots = te.plots.toll(estimate, "Arden", ci_prob=0.9)

    line = plots.get_viz("mass")
    edges, height = line.get_data()  # steps, from 0 back to 0
    area = np.sum(np.diff(np.log1p(edges)) * height[:-1])
    assert 0.998 < area <= 1.0
    shaded = plots.get_viz("inside").get_paths()[0].vertices[:, 0]
    lower, upper = estimate.table().loc["Arden", ["lower", "upper"]]
    assert (shaded.min(), shaded.max()) == (lower - 0.5, upper + 0.5)


def test_a_toll_shows_superseded_claims_too_and_says_so(estimate):
    plots = te.plots.toll(estimate, "Arden")

    assert_allclose(points(plots, "superseded")[:, 0], [9])
    assert_allclose(points(plots, "shared")[:, 0], [30, 30])
    axes = plots.get_target("deaths", {"panel": "claims"})
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["clinic", "press", "radio", "blog", "ministry", "ministry"]
    assert "blog: 30, repeats press" in te.plots.alt_text(plots)
    assert "ministry: 9, superseded" in te.plots.alt_text(plots)


@pytest.mark.parametrize("location", ["Brook", "Corley", "Dorn", "Elm", HOSTILE, LONG])
def test_every_toll_can_be_drawn(estimate, location):
    assert te.plots.alt_text(te.plots.toll(estimate, location)).startswith("Posterior mass")


def test_a_verified_toll_is_called_so(estimate):
    assert "median 7; 7 deaths, verified." in te.plots.alt_text(te.plots.toll(estimate, "Dorn"))


def test_tolls_of_no_location_are_refused(estimate):
    with pytest.raises(KeyError, match="none of the 8 locations"):
        te.plots.toll(estimate, "Ardne")


def test_habits_of_sources_are_those_of_the_table(estimate):
    table = estimate.sources(ci_prob=0.5)

    plots = te.plots.sources(estimate, ci_prob=0.5)

    for name in ("share", "scatter", "repeat"):
        assert_allclose(points(plots, name)[:, 0], table[name])
        bounds = table[[f"{name}_lower", f"{name}_upper"]]
        assert_allclose(spans(plots, f"{name}_interval"), bounds)
    assert "50 % equal-tailed" in te.plots.alt_text(plots)


def test_of_too_many_sources_those_with_most_claims_are_drawn(estimate):
    plots = te.plots.sources(estimate, most=1)

    assert_allclose(points(plots, "share")[:, 0], estimate.sources().loc["press", "share"])
    assert "The 1 of 6 sources with the most claims." in te.plots.alt_text(plots)


def test_sources_that_never_repeat_have_no_such_plot(small):
    model = te.Model(priors=te.priors.Priors(logit_repeat=te.priors.Never()))

    plots = te.plots.sources(te.estimate(small, model=model, rng=1, progress=False))

    assert "repeat" not in plots.viz


def test_nothing_is_learnt_of_sources_that_cannot_err():
    table = pd.DataFrame({"location": ["Arden"], "source": ["court"], "count": [3]})
    certain = te.Claims.from_table(table.assign(kind="verified"))

    with pytest.raises(ValueError, match="no claim may err"):
        te.plots.sources(te.estimate(certain, rng=1, progress=False))


def test_priors_are_drawn_as_densities_beside_posteriors(estimate):
    plots = te.plots.prior_posterior(estimate)

    x, density = plots.get_viz("common_bias_prior").get_data()
    assert_allclose(density, np.exp(-0.5 * (x / 0.1) ** 2) / (0.1 * np.sqrt(2 * np.pi)))
    x, density = plots.get_viz("log_tau_prior").get_data()
    assert_allclose(density, 2 * np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi))
    outline = plots.get_viz("common_bias_posterior").get_paths()[0].vertices
    assert outline[:, 1].max() == pytest.approx(4.0, rel=0.35)  # as high as its prior, nearly
    assert "common bias, factor: prior 1 (0.848 to 1.18)" in te.plots.alt_text(plots)


def test_what_was_left_out_is_no_repeat_whatever_its_reason_says(claims):
    row = int(claims.to_frame().query("source == 'radio'")["row"].iloc[0])
    kept = claims.without(rows={row: "repeats press, as we think"})

    assert row in kept.excluded["row"].tolist()
    assert row not in frames.superseded_or_repeats(kept.record)["row"].tolist()
    assert row not in claim_marks.of(kept, ["Arden"])["row"].tolist()


def test_where_nothing_is_set_aside_nothing_is_drawn_beside_the_evidence():
    table = pd.DataFrame({"location": ["Arden"] * 2, "source": ["a", "b"], "count": [3, 3]})
    claims = te.Claims.from_table(table)

    assert claim_marks.of(claims, ["Arden"])["form"].tolist() == ["shared", "shared"]
    alone = te.estimate(claims, rng=1, progress=False)
    assert "Declared: none" in te.plots.alt_text(te.plots.repeats(alone))


def test_repeats_counts_pairs_and_declared_origins(estimate):
    plots = te.plots.repeats(estimate)

    axes = plots.get_target("deaths", {"panel": "matrix"})
    names = [label.get_text() for label in axes.get_yticklabels()]
    cell = {
        (names[int(text.get_position()[1])], names[int(text.get_position()[0])]): text.get_text()
        for text in axes.texts
    }
    assert cell["press", "radio"] == cell["radio", "press"] == "1/1"
    assert cell["press", "ministry"] == "0/1"
    assert cell["blog", "press"] == "→1"
    assert cell["press", "blog"] == ""
    assert "press and radio on 1 of 1 common location." in te.plots.alt_text(plots)
    assert "blog says in 1 claim that it repeats press" in te.plots.alt_text(plots)
    assert len(te.plots.repeats(estimate, most=2).viz["share"].to_dataset()) == 1


def test_as_of_estimates_from_what_was_known(small, states):
    assert [str(day) for day in states] == ["2025-03-01", "2025-03-02", "2025-03-05"]
    assert [one.claims.n_claims for one in states.values()] == [1, 2, 3]
    again = te.as_of(small, ["2025-03-05", "2025-03-01"], rng=1, progress=False)
    first = states[next(iter(states))]
    assert_allclose(again[next(iter(again))].theta.theta, first.theta.theta)


def test_as_of_takes_what_is_believed_of_sources_not_yet_heard(small):
    known = te.priors.Priors(sources={"press": te.priors.Source(bias=te.priors.Fixed(0.0))})

    states = te.as_of(
        small, ["2025-03-01", "2025-03-02"], model=te.Model(priors=known), rng=1, progress=False
    )

    assert [list(one.model.priors.sources) for one in states.values()] == [[], ["press"]]


def test_a_timeline_has_the_totals_of_each_day(states):
    plots = te.plots.timeline(states)

    tables = pd.concat([one.total().table() for one in states.values()])
    lines = plots.get_viz("interval").get_segments()
    assert_allclose([line[:, 1] for line in lines], tables[["lower", "upper"]])
    assert_allclose(points(plots, "median")[:, 1], tables["median"])
    assert_allclose(points(plots, "claims")[:, 1], [1, 2, 3])
    assert_allclose(points(plots, "locations")[:, 1], [1, 1, 2])


def test_a_timeline_shows_what_was_settled_later(states):
    plots = te.plots.timeline(states, settled=40)

    assert plots.get_viz("settled").get_ydata().tolist() == [40, 40]
    assert "Settled later: 40." in te.plots.alt_text(plots)


def test_a_timeline_of_one_location_leaves_out_days_before_it_was_heard_of(states):
    plots = te.plots.timeline(states, "Brook")

    assert len(points(plots, "median")) == 1
    assert "Not known of on the first 2 days." in te.plots.alt_text(plots)
    with pytest.raises(KeyError, match="'Corley' is known on none of the 3 days"):
        te.plots.timeline(states, "Corley")
    with pytest.raises(ValueError, match="states is empty"):
        te.plots.timeline({})


def test_a_timeline_takes_totals_by_label(states):
    totals = {day: one.total({"Arden": "east", "Brook": "west"}) for day, one in states.items()}

    plots = te.plots.timeline(totals, "east")

    assert len(points(plots, "median")) == 3
    with pytest.raises(ValueError, match="2 totals as of 2025-03-05; name one"):
        te.plots.timeline(totals)


def test_a_doubtful_estimate_is_hollow_and_says_so(states):
    from dataclasses import replace

    day, one = next(iter(states.items()))
    doubted = replace(one, theta=replace(one.theta, doubts=("Pareto k is 0.9.",)))

    plots = te.plots.timeline(states | {day: doubted})

    assert len(points(plots, "doubtful")) == 1
    assert len(points(plots, "median")) == 2
    assert "DOUBTFUL as of 2025-03-01." in te.plots.alt_text(plots)
    forest = te.plots.forest(doubted)
    assert any("DOUBTFUL: Pareto k is 0.9." in text.get_text() for text in texts(forest))
    assert "Pareto k is 0.9." in te.plots.alt_text(forest)


def fake_calibration(ranks):
    """Replicates of one toll with the given ranks, all else being well."""
    from tollest.calibration.replicates import Replicate

    replicates = tuple(
        Replicate(
            ranks={"mu": rank, "toll": rank, "total": rank},
            toll_ranks=(rank,),
            tolls=(5,),
            lower=((5,),) * 4,
            upper=((5 if rank > 0.25 else 4,),) * 4,
            total_inside=(True,) * 4,
            method="laplace",
            doubtful=False,
        )
        for rank in ranks
    )
    return te.calibration.Calibration(te.calibration.Design(1, 1), te.Model(), replicates)


def test_a_calibration_shows_ranks_in_their_band_and_coverage_against_level():
    ranks = (np.arange(40) + 0.5) / 40

    plots = te.plots.calibration(fake_calibration(ranks))

    x, height = plots.get_viz("ecdf of toll").get_data()
    assert np.all(np.abs(height) <= 1 / 40 + 1e-9)
    assert_allclose(points(plots, "tolls")[:, 1], 0.75)
    assert "All ECDFs of ranks stay in the simultaneous 99 % band." in te.plots.alt_text(plots)
    assert x[0] == 0.0


def test_a_calibration_names_what_leaves_the_band():
    ranks = (np.arange(40) + 0.5) / 40

    plots = te.plots.calibration(fake_calibration(ranks**4), ["toll"])

    assert "1 leave the simultaneous 99 % band: toll." in te.plots.alt_text(plots)
    with pytest.raises(KeyError, match="'nu' is none of the quantities"):
        te.plots.calibration(fake_calibration(ranks), ["nu"])
    with pytest.raises(ValueError, match="quantities is empty"):
        te.plots.calibration(fake_calibration(ranks), [])
    with pytest.raises(ValueError, match="prob is 99"):
        te.plots.calibration(fake_calibration(ranks), prob=99)


def test_the_alternative_text_says_what_is_drawn(states):
    plots = te.plots.forest(states[max(states)])

    # Digits of tolls hang on the processor; words and layout do not.
    assert re.sub(r"\d+ \(\d+ to \d+\)", "# (# to #)", te.plots.alt_text(plots)) == (
        "Forest plot of 2 tolls with their 90 % equal-tailed credible intervals, on the axis "
        "log(1 + deaths). Median deaths, and interval: Arden # (# to #); Brook # (# to #). "
        "3 claims by 2 sources are drawn: 3 count. Not drawn: 1 claim since superseded."
    )
    with pytest.raises(ValueError, match=r"not made by tollest\.plots"):
        te.plots.alt_text(arviz_plots.PlotCollection.wrap(plots.data, backend="none"))


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_saved_files_carry_the_alternative_text(states, tmp_path, kind):
    plots = te.plots.forest(states[max(states)])

    plots.savefig(tmp_path / f"forest.{kind}")

    if kind == "png":
        from PIL import Image

        with Image.open(tmp_path / "forest.png") as image:
            assert image.text["Description"] == te.plots.alt_text(plots)
    else:
        data = (tmp_path / f"forest.{kind}").read_bytes()
        assert b"Forest plot of 2 tolls with their 90 %" in data
    file = io.BytesIO()
    plots.get_viz("figure").savefig(file, format="svg", metadata={"Title": "Mine"})
    assert "<title>Mine</title>" in file.getvalue().decode()


def test_settings_of_matplotlib_are_neither_changed_nor_needed(states):
    settings = {"text.usetex": True, "axes.facecolor": "black", "font.size": 30.0}
    with matplotlib.rc_context(settings):
        before = dict(matplotlib.rcParams)
        plots = te.plots.forest(states[max(states)])
        assert dict(matplotlib.rcParams) == before
    axes = plots.get_target("deaths", {"panel": "tolls"})
    assert axes.get_facecolor() == (1.0, 1.0, 1.0, 1.0)
    assert axes.get_yticklabels()[0].get_fontsize() < 10


def test_without_the_packages_for_figures_it_says_what_to_install(states, monkeypatch):
    monkeypatch.setitem(sys.modules, "arviz_plots", None)

    with pytest.raises(ModuleNotFoundError, match=r"pip install \"tollest\[plots\]\""):
        te.plots.forest(states[max(states)])


@pytest.mark.parametrize(
    ("lower", "upper", "inches"),
    [(-0.4, 3, 4), (-0.4, 50, 4), (0, 1e6, 4), (650, 690, 4), (2, 9e9, 4), (4, 6, 1), (0, 10, 1)],
)
def test_ticks_are_whole_deaths_inside_the_axis_with_room_for_labels(lower, upper, inches):
    ticks = canvas.deaths_ticks(lower, upper, inches)

    assert len(ticks) >= 2
    assert all(isinstance(tick, int) and lower <= tick <= upper for tick in ticks)
    length = np.log1p(upper) - np.log1p(lower)
    assert np.all(np.diff(np.log1p(ticks)) / length * inches > 0.15)


def test_names_are_shortened_in_the_middle_and_lose_what_cannot_be_seen():
    assert phrases.short_label("a\n\tb\u202ec\x00") == "a bc"
    assert phrases.short_label("x" * 10_000, 10) == "xxxxxx…xxx"
    assert phrases.short_label("\u200b") == "(no visible name)"
    assert phrases.short_label(ARABIC) == ARABIC
    assert phrases.distinct_labels(["x" * 99, "x" * 98], 10) == ["xxxxxx…xxx", "xxxxxx…xxx (2)"]
    assert phrases.number(2_500_000) == "2.5 million"
