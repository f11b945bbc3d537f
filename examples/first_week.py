"""How many will it be in the end, when the first bulletins come in?

In the first hours and days every number is low, however it is worded, and all sources together:
nobody has more. Where a location has an onset, a claim is of what was known at its age, which
falls short of the toll by an amount that shrinks with the days; the estimate as of any hour is
then of the toll in the end. Bulletins and the settled toll are made up, after the course that
earthquakes often take.
"""

from pathlib import Path

import pandas as pd

import tollest as te

ONSET, SETTLED = "2024-05-06 06:10", 447
BULLETINS = [
    ("2024-05-06 08:30", "agency", "at least 14"),
    ("2024-05-06 09:15", "radio", "dozens"),
    ("2024-05-06 11:00", "ministry", "47"),
    ("2024-05-06 13:40", "agency", "at least 80"),
    ("2024-05-06 18:20", "hospitals", "112"),
    ("2024-05-06 20:00", "ministry", "160"),
    ("2024-05-07 05:30", "agency", "more than 240"),
    ("2024-05-07 09:00", "ministry", "252"),
    ("2024-05-07 16:45", "radio", "252"),
    ("2024-05-08 08:00", "ministry", "300"),
    ("2024-05-08 17:00", "agency", "at least 320"),
    ("2024-05-09 12:00", "ministry", "352"),
    ("2024-05-09 18:30", "hospitals", "290"),
    ("2024-05-11 12:00", "ministry", "398"),
    ("2024-05-13 05:00", "ministry", "421"),
    ("2024-05-13 06:00", "agency", "at least 420"),
]

table = pd.DataFrame(BULLETINS, columns=["date", "source", "wording"]).assign(location="Quake")
claims = te.Claims.from_table(table, onsets={"Quake": ONSET})
hours = [6, 12, 24, 48, 96, 168]
times = [pd.Timestamp(ONSET) + pd.Timedelta(hours=h) for h in hours]

states = te.as_of(claims, times, rng=1)  # each from the bulletins of its time alone
print("Hours after the onset: highest number so far, and 90 % credible intervals of the toll")
for hour, estimate in zip(hours, states.values(), strict=True):
    toll = estimate.table(ci_prob=0.9).iloc[0]
    highest = int(estimate.claims.lower.max())
    print(
        f"{hour:4}  {highest:6,}    {toll['median']:6,.0f} "
        f"({toll['lower']:,.0f} to {toll['upper']:,.0f})"
    )
print(f"Settled later: {SETTLED:,}")
print("\nBy what factor half of all tolls exceed what is known, as learnt in the end:")
print(estimate.shortfalls().round(2).to_string())

output = Path(__file__).with_name("output")
output.mkdir(exist_ok=True)
te.plots.timeline(states, settled=SETTLED).savefig(output / "first_week.png", bbox_inches="tight")
print(f"The nowcast by hour is drawn in {output.name}/first_week.png.")
