import os
import signal
import time

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import tollest as te
from tests.conftest import LIMITS, claims_of, guessed
from tollest.engines import NUTS
from tollest.estimation.streams import stream
from tollest.estimation.totals import labelled
from tollest.support import Support

ROWS = [
    ("Arden", "clinic", "documented", 11),
    ("Arden", "press", "about", 30),
    ("Arden", "ministry", "count", 9),
    ("Brook", "clinic", "documented", 4),
    ("Brook", "press", "count", 6),
    ("Corley", "press", "at_least", 12),
    ("Corley", "ministry", "count", 0),
    ("Dunmow", "registry", "verified", 2500),
    ("Dunmow", "press", "count", 2100),
    ("Elford", "ministry", "at_least", 17),
    ("Fenwick", "press", "count", 5000),
]


@pytest.fixture(scope="module")
def villages():
    claims = claims_of(ROWS, locations=["Silent"])
    return te.estimate(claims, rng=1, progress=False)


def test_a_documented_floor_is_never_undercut_and_a_verified_toll_is_returned(villages):
    table = villages.table(ci_prob=0.999)

    assert table.loc["Arden", "lower"] >= 11
    assert table.loc["Brook", "lower"] >= 4
    assert table.loc["Dunmow", ["median", "lower", "upper", "mean"]].tolist() == [2500] * 4
    draws = villages.draws()
    assert draws[:, 0].min() >= 11
    assert set(draws[:, 3]) == {2500}
    assert villages.probability(at_least=11)["Arden"] == pytest.approx(1.0, abs=1e-12)


def test_the_table_says_what_each_interval_rests_on(villages):
    table = villages.table()

    assert table.columns[:7].tolist() == [
        "median", "lower", "upper", "mean", "n_claims", "n_figures", "documented",
    ]  # fmt: skip
    assert table.attrs == {"ci_prob": 0.9, "ci_kind": "eti"}
    assert table["n_claims"].tolist() == [3, 2, 2, 2, 1, 1, 0]
    assert table["documented"].tolist() == [11, 4, 0, 0, 0, 0, 0]
    assert table.loc["Silent", "prior_share"] > 0.9
    assert table.loc["Fenwick", "prior_share"] < 0.3


def test_what_is_done_to_a_table_stays_in_it(villages):
    table, median = villages.table(), villages.table()["median"].tolist()

    table.iloc[0, 0] = -1
    table["more"] = 1
    table.attrs["ci_prob"] = 2

    again = villages.table()
    assert again["median"].tolist() == median
    assert "more" not in again
    assert again.attrs == {"ci_prob": 0.9, "ci_kind": "eti"}
    assert villages.table(0.5).attrs["ci_prob"] == 0.5


def test_a_toll_that_only_the_prior_bounds_has_an_infinite_mean_and_is_named(villages):
    assert np.isinf(villages.table()["mean"]).tolist() == [False] * 6 + [True]
    said = "No claim or cap bounds from above, so the upper bound is the prior's: "
    assert said + "Silent." in repr(villages)
    short = (
        'Only claims of "at least", so that the upper bound rests on how far such claims fall '
        "short: Elford."
    )
    assert short in repr(villages)
    limits = guessed(villages.claims, te.Model(priors=LIMITS))
    assert np.isinf(limits.table()["mean"]).tolist() == [False] * 4 + [True, False, True]
    assert said + "Elford; Silent." in repr(limits)


def test_silence_is_not_a_claim_of_zero():
    claims = claims_of([("Arden", "press", "count", 0)], locations=["Brook"])

    upper = te.estimate(claims, rng=1, progress=False).table()["upper"]

    assert upper["Brook"] > 2 * upper["Arden"]


def test_joint_draws_follow_the_mass_functions(villages):
    draws = villages.draws()
    for name in ("Arden", "Brook", "Corley", "Fenwick"):
        column = draws[:, villages.claims.locations.index(name)]
        for q in (0.05, 0.5, 0.95):
            quantile = villages.quantile(q)[name]
            p = 1.0 - villages.probability(at_least=int(quantile) + 1)[name]
            assert abs(np.mean(column <= quantile) - p) < 4 * np.sqrt(p * (1 - p) / len(column))


def test_totals_add_up_joint_draws(villages):
    draws = villages.draws()
    everything = villages.total()
    sides = villages.total(by=["north", "south", "north", "south", "north", "south", "south"])

    assert_array_equal(everything.draws()[:, 0], draws.sum(axis=1))
    assert sides.names == ("north", "south")
    assert_array_equal(sides.draws()[:, 0], draws[:, [0, 2, 4]].sum(axis=1))
    table = sides.table()
    assert table["n_locations"].tolist() == [3, 4]
    assert table["n_silent"].tolist() == [0, 1]
    assert table["documented"].tolist() == [11, 2504]
    assert (table["lower"] <= table["median"]).all()
    median = np.sort(draws.sum(axis=1))[(len(draws) + 1) // 2 - 1]
    assert everything.quantile(0.5)["total"] == median
    assert everything.probability(at_least=int(median))["total"] >= 0.5
    assert_allclose(everything.pmf()["probability"].sum(), 1.0)


def test_hdi_of_a_total_is_no_wider_than_equal_tails(villages):
    total = villages.total()
    hdi, eti = total.table(ci_kind="hdi").iloc[0], total.table(ci_kind="eti").iloc[0]
    assert hdi["upper"] - hdi["lower"] <= eti["upper"] - eti["lower"]


def test_totals_take_labels_as_a_mapping_or_a_sequence_and_refuse_gaps():
    locations = ("Arden", "Brook", "Corley")

    names, index = labelled(locations, {"Arden": 1, "Brook": 2, "Corley": 1})
    assert names == (1, 2)
    assert index.tolist() == [0, 1, 0]
    assert labelled(locations, pd.Series(["a", "b", "a"], index=locations))[0] == ("a", "b")
    with pytest.raises(ValueError, match=r"by has no label for Brook; Corley\."):
        labelled(locations, {"Arden": 1})
    with pytest.raises(ValueError, match="by has 2 labels for 3 locations"):
        labelled(locations, ["a", "b"])
    with pytest.raises(ValueError, match="give a label for each location"):
        labelled(locations, "group")
    more = {"Arden": (1, "a"), "Brook": 2, "Corley": 2, "Dunmow": None}
    assert labelled(locations, more)[0] == ((1, "a"), 2)
    for missing in (None, float("nan"), pd.NA, pd.NaT):
        with pytest.raises(ValueError, match=r"by has a missing label for Brook; Corley\."):
            labelled(locations, ["a", missing, missing])


def test_sources_come_with_intervals(villages):
    sources = villages.sources(ci_prob=0.8)

    assert sources.index.tolist() == ["ministry", "press"]
    assert sources["n_claims"].tolist() == [3, 5]
    for name in ("share", "bias", "scatter", "repeat"):
        assert (sources[f"{name}_lower"] <= sources[name]).all()
        assert (sources[name] <= sources[f"{name}_upper"]).all()
    assert ((sources["repeat"] > 0) & (sources["repeat"] < 1)).all()


def test_where_tolls_are_known_a_source_is_told_what_it_misses():
    rng = np.random.default_rng(1)
    truth = rng.integers(100, 900, 20)
    registry = np.rint(0.8 * truth * np.exp(rng.normal(0.0, 0.05, 20))).astype(int)
    other = np.rint(0.9 * truth * np.exp(rng.normal(0.0, 0.05, 20))).astype(int)
    names = [f"county {i:02d}" for i in range(20)]
    rows = [(n, "registry", "count", k) for n, k in zip(names, registry.tolist(), strict=True)]
    rows += [(n, "press", "count", k) for n, k in zip(names, other.tolist(), strict=True)]
    rows += [(n, "audit", "verified", k) for n, k in zip(names, truth.tolist(), strict=True)]

    claims = claims_of(rows, "location source kind count")
    sources = te.estimate(claims, rng=1, progress=False).sources()

    row = sources.loc["registry"]
    assert row["share_lower"] < 0.8 < row["share_upper"]
    assert row["share"] == pytest.approx(0.8, abs=0.04)
    assert row["share_upper"] / row["share_lower"] < row["bias_upper"] / row["bias_lower"]


def test_a_reference_source_has_bias_one():
    priors = te.priors.Priors(sources={"press": te.priors.Source(bias=te.priors.Fixed(0.0))})
    claims = claims_of(ROWS)

    sources = guessed(claims, te.Model(priors=priors)).sources()

    assert sources.loc["press", ["bias", "bias_lower", "bias_upper"]].tolist() == [1.0, 1.0, 1.0]


def test_mass_functions_sum_to_one_and_name_their_bins(villages):
    pmf = villages.pmf("Fenwick")

    assert_allclose(pmf["probability"].sum(), 1.0, rtol=1e-9)
    assert (pmf["first"] <= pmf["last"]).all()
    with pytest.raises(KeyError, match="'Nowhere' is none of the 7 locations"):
        villages.pmf("Nowhere")


def test_doubling_the_support_moves_no_quantile(villages):
    model = villages.model
    doubled = villages.with_model(te.Model(
        toll=model.toll, noise=model.noise, priors=model.priors, support=model.support.doubled()
    ))  # fmt: skip
    for q in (0.025, 0.05, 0.25, 0.5, 0.75, 0.95, 0.975):
        one, two = villages.quantile(q), doubled.quantile(q)
        # Far above all claims, where the prior alone decides, bins are wider by design.
        near = one <= 50 * 5000
        moved = (one - two).abs()
        assert (moved[near] <= np.maximum(0.001 * one[near], 1.0)).all(), (q, one, two)


def test_another_model_is_no_check_of_the_support(villages):
    with pytest.raises(ValueError, match="differs in more than its support"):
        villages.with_model(te.Model(noise=te.noise.Normal(), support=Support()))


def test_the_order_of_rows_changes_nothing_but_the_order_of_the_table(villages):
    shuffled = [ROWS[i] for i in np.random.default_rng(0).permutation(len(ROWS))]
    claims = claims_of(shuffled, locations=["Silent"])

    again = te.estimate(claims, rng=1, progress=False).table()

    pd.testing.assert_frame_equal(again.sort_index(), villages.table().sort_index())


def test_names_of_sources_are_names_alone():
    # Renamed in the same order, so that the same draws go to the same sources.
    names = {"clinic": "C", "ministry": "M", "press": "P", "registry": "R"}
    renamed = [(a, names[b], c, d) for a, b, c, d in ROWS]

    one = te.estimate(claims_of(ROWS), rng=1, progress=False)
    two = te.estimate(claims_of(renamed), rng=1, progress=False)

    pd.testing.assert_frame_equal(one.table(), two.table())


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"claims": pd.DataFrame(ROWS)}, TypeError,
         "claims is a DataFrame; use Claims.from_table(table) or Claims.read(path)."),
        ({"model": te.Model}, TypeError,
         "model is <class 'tollest.model.posterior.Model'>; give a Model, such as Model()."),
        ({"engine": "nuts"}, TypeError,
         "engine is 'nuts'; give an engine, such as engines.NUTS()."),
        ({"engine": NUTS}, TypeError,
         "engine is <class 'tollest.engines.nuts.NUTS'>; give an engine, such as "
         "engines.NUTS()."),
        ({"rng": "1"}, TypeError, "rng is '1'; it is a whole number, a numpy Generator or None."),
        ({"rng": True}, TypeError,
         "rng is True; it is a whole number, a numpy Generator or None."),
        ({"rng": 1.5}, TypeError, "rng is 1.5; it is a whole number, a numpy Generator or None."),
        ({"rng": -1}, ValueError, "rng is -1; a seed is 0 or more."),
    ],
)  # fmt: skip
def test_arguments_of_other_types_are_refused_with_the_way_out(arguments, error, message):
    usual = {"claims": claims_of(ROWS)}

    with pytest.raises(error) as caught:
        te.estimate(**(usual | arguments))

    assert str(caught.value) == message


def test_a_location_misspelt_is_shown_its_neighbours(villages):
    with pytest.raises(KeyError, match="'arden' is none of the 7 locations; near it are 'Arden'"):
        villages.pmf("arden")
    with pytest.raises(KeyError, match="'Paris' is none of the 7 locations\""):
        villages.pmf("Paris")


def test_what_an_interval_takes_on_trust_is_said_in_the_text():
    rows = [
        ("Arden", "press", "count", 0, None), ("Arden", "clinic", "at_most", 30, None),
        ("Brook", "press", "count", 0, None), ("Brook", "clinic", "at_least", 3, None),
        ("Corley", "press", "count", 90, 60), ("Corley", "clinic", "count", 50, 60),
        ("Dunmow", "clinic", "verified", 2500, None), ("Dunmow", "press", "count", 0, None),
        ("Elham", "press", "at_most", 30, None), ("Elham", "clinic", "at_most", 9, None),
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["location", "source", "kind", "count", "cap"])

    claims = te.Claims.from_table(table)

    text = repr(guessed(claims, te.Model(priors=LIMITS)))

    lines = text.splitlines()
    assert (
        "Only claims of no deaths (the interval assumes that a denial errs like any other "
        "count): Arden."
    ) in lines
    assert "Claims above the cap of Corley." in lines
    assert (
        'Only claims of "at most", so that median and lower bound are the prior\'s: Elham.'
    ) in lines
    assert "The toll is verified, not estimated: Dunmow." in lines
    (dunmow,) = [line for line in lines if line.startswith("Dunmow")]
    assert dunmow.endswith("= 2,500")
    by_default = repr(guessed(claims))
    assert (
        "(the interval assumes that sources deny on their own, not all together): A" in by_default
    )
    assert "lower bound rest on what such claims exceed tolls by: Elham." in by_default


def test_shortfalls_are_of_what_the_claims_have():
    rows = [("Arden", "press", "at_least", 9), ("Arden", "names", "documented", 5)]
    estimate = guessed(claims_of(rows))
    names, flat = estimate.posterior.theta_names, estimate.theta.flat

    table = estimate.shortfalls(0.8)

    assert table.index.tolist() == ["bounds", "lists of names"]
    assert table["n_claims"].tolist() == [1, 1]
    for row, name in zip(table.index, ("log_shortfall", "log_list_shortfall"), strict=True):
        # Half of an exponential amount is below its mean times the log of 2.
        factor = 2.0 ** np.exp(flat[:, names.index(name)])
        found = table.loc[row, ["factor", "factor_lower", "factor_upper"]]
        assert_allclose(found.astype(float), np.quantile(factor, [0.5, 0.1, 0.9]))
    limits = guessed(estimate.claims, te.Model(priors=LIMITS))
    for none in (limits, guessed(claims_of([("Arden", "press", "count", 9)]))):
        assert none.shortfalls().empty
        assert list(none.shortfalls()) == list(table)


def test_a_place_that_cannot_be_written_to_is_refused(villages, tmp_path):
    for saved in (villages, villages.total()):
        with pytest.raises(FileNotFoundError, match=r"there is no folder '.*nowhere'; make it"):
            saved.save(tmp_path / "nowhere" / "villages.nc")
        with pytest.raises(ValueError, match=r"'villages.csv' does not end in .nc, as the name"):
            saved.save(str(tmp_path / "villages.csv"))


def test_an_estimate_saved_and_loaded_is_the_same(villages, tmp_path):
    villages.save(tmp_path / "villages.nc")
    loaded = te.Estimate.load(tmp_path / "villages.nc")

    pd.testing.assert_frame_equal(loaded.table(), villages.table())
    pd.testing.assert_frame_equal(loaded.sources(), villages.sources())
    assert_array_equal(loaded.draws(), villages.draws())
    assert loaded.model == villages.model
    assert repr(loaded) == repr(villages)


def test_every_field_of_a_model_survives_saving(tmp_path):
    priors = te.priors.Priors(
        mu=te.priors.Fixed(3.0),
        logit_repeat=te.priors.Never(),
        sources={"press": te.priors.Source(bias=te.priors.Normal(-0.2, 0.1))},
    )
    model = te.Model(toll=te.noise.Normal(), noise=te.noise.StudentT(3.0), priors=priors)
    claims = claims_of(ROWS)
    result = guessed(claims, model)

    result.save(tmp_path / "model.nc")

    assert te.Estimate.load(tmp_path / "model.nc").model == result.model
    assert (result.sources()["repeat"] == 0).all()


def test_why_a_claim_was_left_out_survives_saving(tmp_path):
    claims = claims_of(ROWS).without(rows={0: "graded weak"})
    guessed(claims).save(tmp_path / "claims.nc")

    loaded = te.Estimate.load(tmp_path / "claims.nc")
    assert loaded.claims.excluded["reason"].tolist() == ["graded weak"]


def test_a_file_of_something_else_is_refused(tmp_path):
    import xarray as xr

    xr.Dataset({"x": ("i", [1.0])}).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")

    with pytest.raises(ValueError, match="holds no estimate saved by tollest"):
        te.Estimate.load(tmp_path / "other.nc")
    with pytest.raises(FileNotFoundError, match=r"there is no file '.*missing.nc'"):
        te.Estimate.load(tmp_path / "missing.nc")


def test_an_engine_that_fails_says_what_to_do():
    class Failing:
        def run(self, posterior, rng, reporter):
            raise np.linalg.LinAlgError("Eigenvalues did not converge")

    with pytest.raises(
        te.FailedEstimate, match=r"^Failing found no draws .*: Eigenvalues did not"
    ):
        te.estimate(claims_of(ROWS), engine=Failing(), progress=False)


def changed(path, change):
    """Change what is in a file of an estimate, as by hand."""
    import h5py

    with h5py.File(path, "r+") as file:
        change(file["tollest"])


def of_header(change):
    def of_group(group):
        group.attrs["header"] = change(str(group.attrs["header"]))

    return of_group


def add_one(name):
    def of_group(group):
        group[name][...] = group[name][...] + 1

    return of_group


@pytest.mark.parametrize(
    "change",
    [
        add_one("lower"), add_one("location"), add_one("theta"), add_one("date"),
        of_header(lambda header: header.replace('"ess": 300', '"ess": 3000')),
        of_header(lambda header: header.replace("Arden", "Brook", 1)),
        of_header(lambda header: header[: len(header) // 2]),
        lambda group: group.attrs.__delitem__("digest"),
        lambda group: group.__delitem__("upper"),
    ],
)  # fmt: skip
def test_a_file_that_was_changed_is_refused(tmp_path, change):
    path = tmp_path / "villages.nc"
    guessed(claims_of(ROWS)).save(path)
    te.Estimate.load(path)
    changed(path, change)

    with pytest.raises(ValueError, match=r"villages.nc' (was changed|holds no estimate)"):
        te.Estimate.load(path)


def test_a_file_of_another_version_or_cut_short_is_refused(tmp_path):
    path = tmp_path / "villages.nc"
    guessed(claims_of(ROWS)).save(path)
    whole = path.read_bytes()
    changed(path, of_header(lambda header: header.replace("estimate 7", "estimate 8")))
    with pytest.raises(ValueError, match="is of the format 'tollest estimate 8', not"):
        te.Estimate.load(path)
    for share in (0.0, 0.1, 0.5, 0.99):
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(ValueError, match="holds no estimate saved by tollest"):
            te.Estimate.load(path)
    with pytest.raises(FileNotFoundError):
        te.Estimate.load(tmp_path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_save_that_is_killed_leaves_the_old_file_whole(tmp_path):
    path, rng = tmp_path / "villages.nc", np.random.default_rng(1)
    estimate = guessed(claims_of(ROWS))
    estimate.save(path)
    for _ in range(12):
        child = os.fork()
        if child == 0:
            while True:
                estimate.save(path)
        time.sleep(rng.uniform(0.02, 0.25))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert te.Estimate.load(path).claims.locations == estimate.claims.locations


def test_the_datatree_follows_arviz(villages):
    tree = villages.to_datatree()

    posterior = tree["posterior"]
    assert posterior["toll"].dims == ("chain", "draw", "location")
    assert posterior["bias"].dims == ("chain", "draw", "source")
    assert posterior["source"].to_numpy().tolist() == ["ministry", "press"]
    assert (posterior["tau"] > 0).all()
    assert tree["sample_stats"]["log_density"].shape == posterior["tau"].shape
    assert tree["observed_data"]["lower"].sizes["claim"] == villages.claims.n_claims
    assert set(tree["constant_data"]["claim_source"].to_numpy()) == {"ministry", "press"}
    total = villages.total().to_datatree()["posterior"]["total"]
    assert total.dims == ("chain", "draw", "label")


def test_groups_have_centres_of_their_own():
    rng = np.random.default_rng(0)
    north, south = rng.lognormal(1.5, 1.0, 6), rng.lognormal(5.5, 1.0, 6)
    rows = [(f"N{i}", "press", "count", int(n), "north") for i, n in enumerate(north)]
    rows += [(f"S{i}", "press", "count", int(n), "south") for i, n in enumerate(south)]
    table = pd.DataFrame(rows, columns=["location", "source", "kind", "count", "group"])

    result = te.estimate(te.Claims.from_table(table), rng=1, progress=False)

    centres = result.to_datatree()["posterior"]["mu_group"].mean(("chain", "draw"))
    assert float(centres.sel(group="south") - centres.sel(group="north")) > 0.5


def test_more_draws_than_there_are_of_theta_go_round_again(villages):
    n = len(villages.draws())

    more = villages.draws(n + 10)

    assert_array_equal(more[:n], villages.draws())
    assert not np.array_equal(more[n:], more[:10])
    with pytest.raises(ValueError, match="is no whole number of 1 or more"):
        villages.draws(0)


def test_a_long_table_is_shown_in_part():
    rows = [(f"L{i:02d}", "press", "count", i) for i in range(25)]

    text = repr(guessed(claims_of(rows)))

    assert text.splitlines()[0] == (
        "Estimate of 25 tolls from 25 claims; 90 % equal-tailed credible intervals."
    )
    assert "... and 5 more; see table()." in text


def test_a_figure_of_known_scatter_leaves_repeats_to_be_learnt():
    known = te.priors.Priors(log_figure_scatter=te.priors.Fixed(-2.0))
    table = pd.DataFrame({"location": "Arden", "source": ["p", "q"], "count": [40, 40]})

    result = te.estimate(
        te.Claims.from_table(table), model=te.Model(priors=known), rng=1, progress=False
    )

    assert (result.sources()["repeat"] > 0.1).all()


def test_draws_are_the_same_whether_made_with_the_masses_or_later(monkeypatch):
    claims = te.simulation.simulate(12, 4, rng=4).claims
    together = guessed(claims)
    drawn = together.draws()

    monkeypatch.setattr("tollest.model.patterns._FEW", 0)
    apart = te.Estimate(together.posterior, together.theta, together.entropy)

    assert_array_equal(apart.draws(), drawn)
    assert_array_equal(apart.draws(5), drawn[:5])
    assert_allclose(apart.masses.masses, together.masses.masses, atol=1e-14)


def test_streams_of_different_purposes_share_no_numbers():
    first = [
        stream(entropy=7, purpose=purpose, i=i).random()
        for purpose in ("patterns", "trees", "refits")
        for i in range(4)
    ]

    assert len(set(first)) == len(first)
    assert stream(7, "trees", 3).random() == stream(7, "trees", 3).random()
