"""How many were killed in the battles of the American Civil War, one army at a time?

Nine compilers between 1883 and 2014 gave numbers for armies in battle, often copied from one
another. This script takes the armies that five or more of them speak of, lets compilers be biased
by army, and goes from their claims to a report: a sentence, a table for a paper, a figure of the
dearest battles with every claim on them, and a page that a referee can check.
"""

from pathlib import Path

import tollest as te

OUTPUT = Path(__file__).parent / "output"

table = te.datasets.load("american_civil_war_battles")
killed = table[table["quantity"] == "killed"]
often_told = killed.groupby("location")["source"].transform("nunique") >= 5
army = killed["location"].str.split().str[-1]  # US or Confederate
claims = te.Claims.from_table(killed.assign(side=army)[often_told])
estimate = te.estimate(claims, rng=1861)
tolls = estimate.table().sort_values("median", ascending=False)

print(te.report.sentence(estimate), "\n")
print("The ten dearest, with 90 % credible intervals, and what rules of coding would record:")
print(te.report.baselines(estimate).loc[tolls.index[:10]].to_string(), "\n")
print("Compilers: bias as a multiplier, scatter, probability of repeating (90 % intervals)")
print(estimate.sources().round(2).to_string(), "\n")
print("Bias by whose dead they count:")
print(estimate.sources_by_side().round(2).to_string(), "\n")
print(te.diagnostics.audit(estimate, tolls.index[0]), "\n")

OUTPUT.mkdir(exist_ok=True)
report = te.report.table(estimate)
report.csv(OUTPUT / "civil_war_battles.csv")
(OUTPUT / "civil_war_battles.tex").write_text(report.latex(), encoding="utf-8")
figure = te.plots.forest(estimate, list(tolls.index[:12]))
figure.savefig(OUTPUT / "civil_war_battles.png", bbox_inches="tight")
te.report.page(estimate, OUTPUT / "civil_war_battles.html", title="Killed in Civil War battles")
print("Table, figure and report: output/civil_war_battles.csv, .tex, .png and .html")
