"""How many were killed on the Syrian coast in March 2025, as far as was known on the 12th?

News agencies, monitors and witnesses gave very different numbers within a week. This script
takes their claims as they stood on 12 March 2025, estimates the toll of each place, and only
then shows what three inquiries counted months later. Streets are in towns, towns in governorates,
and four governorates are the whole: their tolls add up, so claims on each speak of the others.
Beside it stands what the claims on each place say by themselves.
"""

from pathlib import Path

import tollest as te

OUTPUT = Path(__file__).parent / "output"
WHOLE = "Coast, Hama and Homs, March 2025"

table = te.datasets.load("coastal_syria_2025")
claims = te.Claims.from_table(table, complete=[WHOLE]).as_of("2025-03-12")
print(claims)
print(claims.excluded[["location", "source", "lower", "reason"]].to_string(index=False), "\n")

estimate = te.estimate(claims, rng=20250312)
tolls = estimate.table(ci_prob=0.9)
low, high = tolls.loc[WHOLE, ["lower", "upper"]]

print(estimate)
print(
    "\nWhat the numbers mean. If the assumptions hold, the toll of a place lies between lower "
    "and upper\nwith probability 90 %, given these claims alone. An interval is wide where "
    "sources are few or\ndisagree; that sources repeat one another is allowed for, and so is "
    "an error common to all of\nthem, which no amount of claims can remove. The scopes of the "
    "claims differ (civilians, all\npersons), and the intervals do not know that.\n"
)
print("Each place by itself, whatever is claimed on its whole and its parts:")
apart = te.Claims.from_table(table.drop(columns="parent")).as_of("2025-03-12")
print(te.estimate(apart, rng=20250312).table().loc[:, "median":"upper"].to_string(), "\n")
print("Share of the prior in each interval (near 1, the claims say next to nothing):")
print(tolls["prior_share"].round(2).to_string(), "\n")
print("Sources: bias as a multiplier, scatter, probability of repeating a figure (90 % intervals)")
print(estimate.sources(ci_prob=0.9).round(2).to_string(), "\n")

OUTPUT.mkdir(exist_ok=True)
te.plots.forest(estimate).savefig(OUTPUT / "coastal_syria_2025.png", bbox_inches="tight")
# One claim is on a part of the coast that is no governorate, so nothing is added up.
te.report.page(
    estimate, OUTPUT / "coastal_syria_2025.html", title="The Syrian coast, March 2025", total=False
)
print(te.report.sentence(estimate, WHOLE), "\n")
print("Figure and report: output/coastal_syria_2025.png and .html\n")

print(f"Estimated as of 12 March 2025, whole coast: {low:,} to {high:,}.")
print("Counted later, and not used above:")
for row in te.datasets.load("coastal_syria_2025_later").itertuples():
    where = "inside" if low <= row.count <= high else "outside"
    print(f"  {row.date}  {row.source}: {row.wording} ({row.scope}), {where} the interval")
