"""Claims on periods as wholes and parts in time."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import tollest as te
from tests.conftest import claims_of, guessed
from tollest import priors
from tollest.claims import Claims
from tollest.claims.periods import ToDate
from tollest.model.posterior import Model
from tollest.report import provenance

WEEKS = "Arden, 2022-02-28 to 2022-03-06"

COLUMNS = "location source period count"


def whole_of(claims):
    """The whole of each part, by name."""
    return {
        name: claims.locations[p]
        for name, p in zip(claims.locations, claims.parent.tolist(), strict=True)
        if p >= 0
    }


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("2022-03-05", "2022-03-05"),
        ("5 March 2022", "2022-03-05"),
        ("2022-W09", "2022-02-28 to 2022-03-06"),
        ("2022-02", "2022-02-01 to 2022-02-28"),
        ("2022", "2022-01-01 to 2022-12-31"),
        ("2022-03-01/2022-03-07", "2022-03-01 to 2022-03-07"),
        ("../2022-03-07", "to 2022-03-07"),
        ("/2022-03-07", "to 2022-03-07"),
    ],
)
def test_periods_are_read(text, days):
    assert claims_of([("Arden", "press", text, 4)], COLUMNS).locations == (f"Arden, {days}",)


def test_days_from_and_to_are_the_same_as_a_period():
    rows = [
        ("Arden", "press", "2022-03-01", "2022-03-07", 4),
        ("Arden", "press", None, "2022-03-07", 40),
        ("Arden", "clinic", None, None, 50),
    ]
    claims = claims_of(rows, "location source from to count")

    assert claims.locations[:3] == (
        "Arden, 2022-03-01 to 2022-03-07", "Arden, to 2022-03-07", "Arden",
    )  # fmt: skip
    assert claims.to_frame()["date"].dt.strftime("%F").tolist()[:2] == ["2022-03-07"] * 2
    assert claims.to_frame()["date"].isna().tolist() == [False, False, True]


def test_totals_to_date_are_a_chain():
    claims = claims_of([
        ("Arden", "press", "../2022-03-10", 40), ("Arden", "press", "../2022-03-20", 35),
        ("Arden", "clinic", "../2022-03-20", 60),
    ], COLUMNS)  # fmt: skip

    last = "Arden, to 2022-03-20"
    assert whole_of(claims) == {
        "Arden, to 2022-03-10": last, "Arden, 2022-03-11 to 2022-03-20": last,
    }  # fmt: skip
    assert claims.complete[claims.locations.index(last)]
    # The first total is withdrawn by the second, and its days stay.
    assert len(claims) == 2


def test_what_is_between_periods_is_a_part_too():
    claims = claims_of([
        ("Arden", "press", "2022-W09", 7), ("Arden", "clinic", "2022-03-02", 3),
        ("Arden", "press", "../2022-03-20", 50),
    ], COLUMNS)  # fmt: skip

    total = "Arden, to 2022-03-20"
    assert whole_of(claims) == {
        WEEKS: total, "Arden, to 2022-02-27": total, "Arden, 2022-03-07 to 2022-03-20": total,
        "Arden, 2022-03-02": WEEKS, "Arden, 2022-02-28 to 2022-03-01": WEEKS,
        "Arden, 2022-03-03 to 2022-03-06": WEEKS,
    }  # fmt: skip
    assert claims.complete.sum() == 2
    days = claims.periods["days"]
    assert days[WEEKS] == days[[name for name, w in whole_of(claims).items() if w == WEEKS]].sum()


def test_all_of_a_place_goes_by_its_name():
    apart = [("Arden", "press", "2022-03", 4), ("Arden", "clinic", "2022-05", 7)]

    by_name = claims_of(apart, COLUMNS)
    beside = claims_of([*apart, ("Arden", "radio", "", 90)], COLUMNS)

    assert set(whole_of(by_name).values()) == {"Arden"}
    assert "Arden, 2022-04-01 to 2022-04-30" in by_name.locations
    assert by_name.complete[by_name.locations.index("Arden")]
    # Who speaks of Arden without days may mean days that nobody else speaks of.
    assert not beside.complete.any()
    assert by_name.periods.loc["Arden", "days"] == 92
    assert "Arden" not in beside.periods.index


def test_one_period_of_a_place_is_no_whole():
    claims = claims_of([("Arden", "press", "2022-03", 4), ("Brook", "press", "", 7)], COLUMNS)

    assert not claims.is_nested
    assert claims.periods.index.tolist() == ["Arden, 2022-03-01 to 2022-03-31"]


def test_wholes_of_places_hold_all_of_their_time():
    rows = [
        ("Arden", "press", "../2022-03-10", 40, "Coast"),
        ("Arden", "press", "../2022-03-20", 45, "Coast"),
        ("Brook", "press", "", 9, "Coast"),
    ]
    claims = claims_of(rows, "location source period count parent", complete=["Coast"])

    assert whole_of(claims)["Arden, to 2022-03-20"] == "Coast"
    assert whole_of(claims)["Arden, to 2022-03-10"] == "Arden, to 2022-03-20"
    assert claims.complete[claims.locations.index("Coast")]
    by_mapping = claims_of(
        [row[:4] for row in rows],
        COLUMNS,
        parents={"Arden": "Coast", "Brook": "Coast"},
        complete=["Coast"],
    )
    assert whole_of(by_mapping) == whole_of(claims)


def daily(counts, source="ministry"):
    days = pd.date_range("2022-03-01", periods=len(counts)).strftime("../%F")
    return [("Front", source, day, count) for day, count in zip(days, counts, strict=True)]


def test_the_last_total_of_each_stretch_is_evidence():
    claims = claims_of(daily(range(10, 70)), COLUMNS, to_date=ToDate(every=28))

    assert claims.to_frame()["lower"].tolist() == [37, 65, 69]
    assert len(claims.excluded) == 57
    assert claims.excluded["reason"][0] == (
        "of the same 28 days as the total to 2022-03-28 (row 27)"
    )
    # Each is told with the one that stands for it.
    assert claims.excluded["location"][0] == "Front, to 2022-03-28"
    assert set(claims.periods.index) == {
        "Front, to 2022-03-28", "Front, to 2022-04-25", "Front, to 2022-04-29",
        "Front, 2022-03-29 to 2022-04-25", "Front, 2022-04-26 to 2022-04-29",
    }  # fmt: skip


def test_a_total_told_again_tells_nothing():
    rows = daily([10, 10, 12, 10, 10])

    assert claims_of(rows, COLUMNS).to_frame()["row"].tolist() == [0, 3]
    assert claims_of(rows, COLUMNS).excluded["reason"].tolist() == [
        "states what its total to 2022-03-01 did (row 0)",
        "withdrawn by its lower total to 2022-03-04 (row 3)",
        "states what its total to 2022-03-04 did (row 3)",
    ]
    both = ToDate(stale=True, corrections=False)
    assert len(claims_of(rows, COLUMNS, to_date=both)) == 5
    # Others that say the same are no less sources for it.
    assert len(claims_of([*rows, *daily([10] * 2, "press")], COLUMNS)) == 3


def test_documented_totals_all_stand():
    rows = [(*row, "documented") for row in daily([3, 3, 5])]
    claims = claims_of(rows, "location source period count kind", to_date=ToDate(every=28))

    assert claims.documented.max() == 5
    assert (claims.documented > 0).sum() == 3


def test_a_later_claim_on_a_period_supersedes():
    rows = [
        ("Arden", "press", "../2022-03-10", 40, "2022-03-11"),
        ("Arden", "press", "../2022-03-10", 44, "2022-03-15"),
    ]
    claims = claims_of(rows, "location source period count date")

    assert claims.to_frame()["lower"].tolist() == [44]
    assert claims.excluded["reason"].tolist() == ["superseded by the claim of 2022-03-15 (row 1)"]


def test_a_cut_drops_the_periods_that_end_later():
    rows = [
        *daily([10, 12, 15, 19]), ("Front", "press", "../2022-03-02", 30),
        ("Brook", "press", "2022-03-04", 5),
    ]  # fmt: skip
    claims = claims_of(rows, COLUMNS).as_of("2022-03-02")

    assert claims.locations == (
        "Front, to 2022-03-01",
        "Front, to 2022-03-02",
        "Front, 2022-03-02",
    )
    assert whole_of(claims) == dict.fromkeys(
        ["Front, to 2022-03-01", "Front, 2022-03-02"], "Front, to 2022-03-02"
    )
    assert claims.excluded["reason"].iloc[0] == "dated 2022-03-03, after 2022-03-02"


def test_what_repeats_a_total_is_read_beside_it():
    rows = [
        ("Front", "ministry", "../2022-03-01", 10, None),
        ("Front", "press", "../2022-03-01", 10, "ministry"),
        ("Front", "ministry", "../2022-03-02", 14, None),
    ]
    claims = claims_of(rows, "location source period count origin", to_date=ToDate(every=7))

    assert claims.to_frame()["row"].tolist() == [2]
    assert claims.excluded["reason"].tolist()[1] == "repeats ministry"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("2022-3x", None, None)], "period is '2022-3x'; a period is a day"),
        ([("2022-W60", None, None)], "period is '2022-W60'"),
        ([("2022-03", "2022-03-01", None)], "both a period and a from or to"),
        ([(None, None, "x")], "to is 'x'; a date is a day of the calendar"),
        ([(None, "2022-03-01", None)], "is from 2022-03-01, with no end"),
        ([(None, "2022-03-02", "2022-03-01")], "which is before; swap"),
        (
            [("2022-W09", None, None), ("2022-03", None, None)],
            r"row 1 \('press' on 'Arden'\): speaks of 2022-03-01 to 2022-03-31, which begins or "
            "ends within 2022-02-28 to 2022-03-06 of row 0",
        ),
    ],
)
def test_periods_that_are_none_are_named(rows, message):
    rows = [("Arden", "press", *row, 4) for row in rows]

    with pytest.raises(te.ClaimsError, match=message):
        claims_of(rows, "location source period from to count")


def test_days_are_no_choice_of_totals():
    with pytest.raises(
        TypeError, match=r"to_date is 28; it is a ToDate, such as ToDate\(every=28"
    ):
        claims_of(daily([3, 4]), COLUMNS, to_date=28)


@pytest.mark.parametrize("every", [0, 2.5, "week"])
def test_days_that_are_none_are_refused(every):
    with pytest.raises(ValueError, match="whole number of days"):
        ToDate(every=every)


def test_a_chain_of_totals_is_one_posterior(tmp_path):
    # The first total is known; so the second is it and what came after.
    rows = [
        ("Front", "registry", "../2022-03-10", 100, "verified"),
        ("Front", "press", "../2022-03-18", 155, ""),
        ("Front", "press", "../2022-03-20", 160, ""),
        ("Front", "clinic", "2022-03-11/2022-03-20", 30, ""),
    ]
    columns = "location source period count kind"
    claims = claims_of(rows, columns, to_date=ToDate(every=20))
    estimate = guessed(claims)
    table = estimate.table()

    assert table.loc["Front, to 2022-03-10", ["lower", "upper"]].tolist() == [100, 100]
    since = table.loc["Front, 2022-03-11 to 2022-03-20"]
    total = table.loc["Front, to 2022-03-20"]
    path = tmp_path / "war.nc"
    estimate.save(path)
    again = te.Estimate.load(path).claims
    pd.testing.assert_frame_equal(again.periods, claims.periods)
    pd.testing.assert_frame_equal(again.excluded, claims.excluded)
    assert "to_date=te.ToDate(every=20, stale=False, corrections=True)" in provenance.python_code(
        estimate
    )
    # Sums are told on a grid, of which a point is two tolls above 128.
    assert_allclose(total[["lower", "upper"]], since[["lower", "upper"]] + 100, atol=1)


def test_contradictions_of_the_smallest_scatters_have_a_density():
    # Masses of each claim by itself are far below what a float holds next to the others'.
    rows = [
        ("Front", "ministry", "../2022-03-06", 1351), ("Front", "ministry", "../2022-03-20", 2100),
        ("Front", "rebels", "../2022-03-20", 7000), ("Front", "hospital", "2022-W10", 320),
    ]  # fmt: skip
    exact = Model(priors=priors.Priors(logit_near_copy=priors.Never()))
    posterior = exact.given(claims_of(rows, COLUMNS))
    tiny = {"log_scatter": -10.0, "log_tau": -7.0, "bias": 0.5, "mu": 6.0}
    theta = np.array([tiny.get(entry.name, -1.0) for entry in posterior.entries])

    value, gradient = posterior.log_likelihood_and_gradient(theta)
    coarse = posterior.on(
        replace(posterior.model.support, width=0.06)
    ).log_likelihood_and_gradient(theta)[0]

    assert -1e6 < value < -1e2
    assert np.isfinite(gradient).all()
    # Coarser bins hold tolls nearer to what is claimed.
    assert_allclose(coarse, value, rtol=0.5)


def test_a_trend_is_a_curve_over_the_middles_of_periods():
    claims = claims_of(daily([10, 14, 22, 30, 38, 60], "press"), COLUMNS).with_trend(df=3)

    assert claims.covariate_names == tuple(f"bs(middle, df=3)[{i}]" for i in (1, 2, 3))
    assert_allclose(claims.log_exposure.mean(), 0.0, atol=1e-12)
    days = np.log(claims.periods["days"])
    assert_allclose(claims.log_exposure, days - days.mean())
    two = claims_of([*daily([10, 14]), ("Rear", "press", "2022-03", 4)], COLUMNS).with_trend(df=3)
    assert any("Rear" in name for name in two.covariate_names)


@pytest.mark.slow
def test_a_trend_fills_the_weeks_of_which_nobody_speaks():
    # Deaths grow by a quarter a week; the middle weeks are silent.
    weeks = [(f"2022-W{10 + i:02d}", round(100 * 1.25**i)) for i in range(9)]
    told = [
        ("Front", "press", week, n) for week, n in weeks if week not in ("2022-W13", "2022-W14")
    ]
    claims = claims_of(told, COLUMNS)
    fixed = {"press": priors.Source(bias=priors.Fixed(0.0), log_scatter=priors.Fixed(-2.0))}
    known = {"tau": priors.Fixed(0.05), "log_figure_scatter": priors.Fixed(-2.0)}
    model = Model(priors=priors.Priors(sources=fixed, logit_repeat=priors.Never(), **known))
    estimate = te.estimate(claims.with_trend(df=3), model=model, rng=1, progress=False)

    truth = sum(n for week, n in weeks if week in ("2022-W13", "2022-W14"))
    smooth = estimate.table().loc["Front, 2022-03-28 to 2022-04-10"]
    assert smooth["lower"] <= truth <= smooth["upper"]
    assert smooth["upper"] / smooth["lower"] < 3.0


@pytest.mark.parametrize(
    ("rows", "df", "message"),
    [
        ([("Arden", "press", "", 4)], 6, "no claim is on a period"),
        ([("Arden", "press", "2022", 4)], 2, "3 columns or more"),
    ],
)
def test_trends_that_are_none_are_refused(rows, df, message):
    with pytest.raises(ValueError, match=message):
        claims_of(rows, COLUMNS).with_trend(df=df)


# Totals that fall: dead or missing in New York, by the city (New York Times, 2001 and 2002).

MISSING = [("2001-09-24", 6789), ("2001-10-29", 4764), ("2001-11-20", 3948),
           ("2001-12-02", 3300), ("2001-12-30", 3225), ("2002-08-21", 2819)]  # fmt: skip


def totals(series, **choices):
    table = pd.DataFrame(series, columns=["to", "count"]).assign(location="city", source="office")
    return Claims.from_table(table, to_date=ToDate(**choices))


def test_a_total_above_a_later_one_of_its_source_is_withdrawn_by_it():
    claims = totals(MISSING)

    assert claims.to_frame()[["location", "lower"]].values.tolist() == [
        ["city, to 2002-08-21", 2819]
    ]
    assert claims.excluded["row"].tolist() == [0, 1, 2, 3, 4]
    assert set(claims.excluded["reason"]) == {"withdrawn by its lower total to 2002-08-21 (row 5)"}


def test_only_totals_above_the_later_one_are_withdrawn():
    days = [f"2020-01-{day:02d}" for day in (1, 8, 15, 22, 29)]
    claims = totals(zip(days, [10, 12, 15, 13, 14], strict=True))

    assert claims.to_frame()["lower"].tolist() == [10, 12, 13, 14]
    assert claims.excluded["reason"].tolist() == [
        "withdrawn by its lower total to 2020-01-22 (row 3)"
    ]


def test_a_total_is_not_withdrawn_before_its_correction_is_known():
    claims = totals(MISSING).as_of("2001-11-01")

    assert claims.to_frame()["lower"].tolist() == [4764]
    assert claims.excluded["reason"].tolist()[0] == (
        "withdrawn by its lower total to 2001-10-29 (row 1)"
    )


def test_totals_that_fall_may_be_taken_for_errors():
    assert totals(MISSING, corrections=False).n_claims == 6
    with pytest.raises(ValueError, match="corrections is 1; it is True or False"):
        ToDate(corrections=1)


def test_another_source_withdraws_nothing_and_neither_does_a_bound():
    rows = [("office", "2020-01-01", "300"), ("press", "2020-01-08", "200"),
            ("office", "2020-01-15", "at least 250"), ("press", "2020-01-15", "180 to 210"),
            ("office", "2020-01-22", "290 to 310")]  # fmt: skip
    table = pd.DataFrame(rows, columns=["source", "to", "wording"]).assign(location="city")

    assert not len(Claims.from_table(table).excluded)
