"""How many soldiers died on each side in the first year of the war in Ukraine?

Radford et al. (2023, https://doi.org/10.1073/pnas.2307372120) put 4,609 reports on losses of all
kinds together. Here are their 556 on the dead, nearly all totals to date by seven groups of
sources. Theirs on wounded and equipment, whose ratio to the dead they let speak of tolls, are left
out, so that intervals are wider, and where Russian and Ukrainian sources contradict each other on
Ukrainian dead nothing but priors says which is nearer.

Later Mediazona and Meduza counted Russian dead by the probate registry. That is less than what
reports may mean: it leaves out the militia of Donetsk and Luhansk who were no Russian citizens.

Takes some minutes. `first_year_of_war.py 183 20` hears each source twice a year, in few draws.
"""

import sys
from math import log

import pandas as pd

import tollest as te
from tollest.engines import NUTS
from tollest.priors import HalfNormal, Never, Normal, Pooled, Priors
from tollest.support import Support

every, draws = (int(text) for text in sys.argv[1:3] or ("28", "800"))
# To 23 February 2023 with 95 % intervals, and reports as multiples of the dead, by whose dead.
published = {
    "Russian forces": (76_687, 38_670, 139_772),
    "Ukrainian forces": (17_223, 6_219, 39_105),
}
multiples = {"Russia": {"Russia": 0.3, "Ukraine": 4.3}, "Ukraine": {"Russia": 1.9, "Ukraine": 1.0}}

table = te.datasets.load("ukraine_war_2022")
is_later = table["kind"] == "verified"
# Of several reports by one group on one day the last; single days are too few to teach anything.
totals = table[~is_later & table["from"].isna()]
totals = totals.groupby(["location", "source", "to"], sort=False).tail(1)
later = table[is_later].set_index(pd.to_datetime(table["to"][is_later]))["count"]

# Deaths of a month are thousands; parties to a war may count their own dead and the enemy's with
# factors between them, and totals stray by a quarter. Groups of sources repeat no one figure.
priors = Priors(
    mu=Normal(log(1e3), 1.5), group_sd=HalfNormal(1), tau=HalfNormal(0.5), side_sd=HalfNormal(0.5),
    logit_repeat=Never(), log_scatter=Pooled(Normal(log(0.25), 0.3), HalfNormal(0.3)),
)  # fmt: skip


def fit(anchors: pd.Index) -> te.Estimate:
    """Estimate from what each source says every so many days, and the later count on some."""
    rows = pd.concat([totals, table[is_later & table["to"].isin(anchors.strftime("%F"))]])
    claims = te.Claims.from_table(rows, columns={"group": "side"}, to_date=te.ToDate(every))
    # Points 4 % apart are fine beside errors of a quarter, and cost half as much.
    model = te.Model(priors=priors, support=Support(width=0.04, finest=0.02))
    engine = NUTS(draws, chains=2, tune=min(300, 5 * draws), runs=1)
    return te.estimate(claims.with_trend(df=4), model=model, engine=engine, rng=7)


def dead(estimate: te.Estimate, place: str) -> pd.DataFrame:
    """Totals to date of one army, by their last day, with 95 % credible intervals."""
    days = estimate.claims.periods.query("place == @place and begin.isna()")["end"].sort_values()
    return estimate.table(ci_prob=0.95).filter(regex="med|er$").loc[days.index].set_axis(days)


def compare(text: str, tolls: pd.DataFrame) -> None:
    """Hold Russian totals against the later count, weeks of which are spread over their days."""
    truth = later.resample("D").interpolate().reindex(tolls.index)
    inside = ((tolls["lower"] <= truth) & (truth <= tolls["upper"])).sum()
    width = (tolls["upper"] / tolls["lower"]).median()
    print(f"{text}: {inside} of {len(tolls)} hold the later count, width x {width:.1f}")


alone, weeks = fit(later.index[:0]), later.index[2:-3]
count = later.iloc[-1]
print(f"{alone.claims}\n\nDead to the last day told, with 95 % credible intervals")
for place, theirs in published.items():
    ours = dead(alone, place).tail(1)
    for who, (median, lower, upper) in {"here": ours.iloc[0], "published": theirs}.items():
        holds = "holds" if lower <= count <= upper else "does not hold"
        about = f"; {holds} the later count of {count:,}" if place[0] == "R" else ""
        print(f"{place}, {who}: {median:,.0f} ({lower:,.0f} to {upper:,.0f}){about}")
print("\nReports, as multiples of the dead, with 95 % credible intervals")
sides = alone.sources_by_side(ci_prob=0.95).round(2)
print(sides.assign(published=pd.DataFrame(multiples).T.stack()).to_string(na_rep=""))
middle, russian = weeks[len(weeks) // 2], dead(alone, "Russian forces")
compare("\nRussian totals without anchors", russian)
step = 2 * max(every // 28, 1)  # in weeks
half = weeks[::step]
between = dead(fit(half), "Russian forces").loc[russian.index.difference(half)]
compare(f"Anchors every {step} weeks, the days between", between)
compare("Without anchors, second half year", russian.loc[middle:])
first = fit(weeks[weeks < middle][:: 2 * step])
compare("Anchors in the first half year, the second", dead(first, "Russian forces").loc[middle:])
print(first.sources_by_side(ci_prob=0.95).round(2).to_string())
print(
    "\nAnchors pin the days between them. Those of the first half year narrow the second too much:"
)
print("by the later count Ukrainian totals were seven times too high in summer, five in winter.")
