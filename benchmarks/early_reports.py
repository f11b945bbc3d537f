"""Numbers of the first hours and days against tolls settled later: early_reports.md.

Run ``uv run python -m benchmarks.early_reports FOLDER``: half an hour. The folder holds numbers of
dead in public messages after disasters and attacks, with the tolls that were settled later:

* ``events.csv``: ``event``, ``onset``, ``final_low``, ``final_high`` (two sources' range);
* ``claims.csv``: ``event``, ``hours`` since the onset, ``kind`` (count, at_least, more_than),
  ``number``; a row a message.

They are read from labelled message sets (CrisisLexT26, https://doi.org/10.1145/2675133.2675242;
IDRISI, https://doi.org/10.1016/j.ipm.2022.103171) and are not ours to publish. Messages are no
sources: at each time the numbers given most often in the hours before are its claims.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

import tollest as te
from benchmarks.common import markdown
from benchmarks.early_rules import RULES, Reports
from benchmarks.peers import PEERS
from benchmarks.scores import coverage, interval_score, mean_log_width
from tollest.model.posterior import Model
from tollest.priors import Never, Priors

SEED = 20_261_130
TIMES = (12.0, 24.0, 48.0, 96.0)  # hours since the onset
# The last messages before each, of no more than so many hours; the numbers given most often.
MESSAGES, WINDOW, MOST = 10, 24.0, 3
RANKS = ("most given", "second", "third")
LATE = Model(priors=Priors(log_early_shortfall=Never()))
PAGE = Path(__file__).with_suffix(".md")


def read(folder):
    """Events with their settled tolls, and what messages said."""
    events = pd.read_csv(folder / "events.csv", parse_dates=["onset"]).set_index("event")
    events["final"] = np.sqrt(events["final_low"] * events["final_high"]).round().astype(int)
    return events, pd.read_csv(folder / "claims.csv")


def last_messages(said, hours):
    """The last messages on an event before some hours since its onset."""
    is_recent = (said["hours"] > hours - WINDOW) & (said["hours"] <= hours)
    return said[is_recent].sort_values("hours", kind="stable").tail(MESSAGES)


def claims_at(events, messages):
    """Claims on each event at each time, a location for each pair: the numbers given most."""
    rows = []
    for event, onset in events["onset"].items():
        said = messages[messages["event"] == event]
        for hours in TIMES:
            recent = last_messages(said, hours)
            if recent.empty:
                continue
            given = recent.groupby(["number", "kind"]).agg(
                n=("hours", "size"), last=("hours", "max")
            )
            given = given.sort_values(["n", "last"], ascending=False).reset_index()
            given = given.drop_duplicates("number").head(MOST)
            for rank, claim in zip(RANKS, given.itertuples(), strict=False):
                more = claim.kind == "more_than"
                rows.append({
                    "location": f"{event} at {hours:g} h", "event": event, "hours": hours,
                    "source": rank, "kind": "count" if claim.kind == "count" else "at_least",
                    "count": claim.number + more, "date": onset + pd.Timedelta(hours=hours),
                    "onset": onset,
                })  # fmt: skip
    return pd.DataFrame(rows)


def with_finals(table, events, left_out):
    """Add the settled tolls of all events but one, as verified."""
    known = table[table["event"] != left_out].drop_duplicates("location")
    finals = known.assign(
        source="later", kind="verified", count=known["event"].map(events["final"]), date=pd.NaT
    )  # fmt: skip
    return pd.concat([table, finals], ignore_index=True)


def left_out(table, events, model, seed=SEED):
    """Interval of each event at each time, the settled tolls of all others being known."""
    out = []
    for i, event in enumerate(events.index):
        if event not in set(table["event"]):
            continue
        claims = te.Claims.from_table(with_finals(table, events, event))
        estimate = te.estimate(claims, model=model, rng=seed + i, progress=False)
        out.append(rows_of(estimate, table[table["event"] == event]))
    return pd.concat(out, ignore_index=True)


def alone(table, model, seed=SEED):
    """Interval of each event at each time from its own numbers, by the priors alone."""
    out = []
    for i, (_, own) in enumerate(table.groupby("location", sort=False)):
        claims = te.Claims.from_table(own)
        estimate = te.estimate(claims, model=model, rng=seed + i, progress=False)
        out.append(rows_of(estimate, own))
    return pd.concat(out, ignore_index=True)


def rows_of(estimate, table):
    """Event, hours, median and ends of the locations of a table."""
    found = estimate.table().reset_index()[["location", "median", "lower", "upper"]]
    places = table[["location", "event", "hours"]].drop_duplicates()
    return places.merge(found, on="location").assign(doubtful=bool(estimate.doubts))


def scored(found, events):
    """Coverage, width and interval score of 90 % intervals by time."""
    truth = found["event"].map(events["final"])
    rows = []
    for hours, part in found.groupby("hours"):
        ends = part["lower"].to_numpy(), part["upper"].to_numpy()
        rows.append({
            "hours": f"{hours:g}", "events": len(part),
            "coverage": coverage(*ends, truth[part.index].to_numpy()),
            "log width": mean_log_width(*ends),
            "interval score": interval_score(*ends, truth[part.index].to_numpy()),
        })  # fmt: skip
    return pd.DataFrame(rows)
