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
from pathlib import Path

import numpy as np
import pandas as pd

import tollest as te
from benchmarks.common import markdown
from benchmarks.early_rules import RULES, Reports
from benchmarks.peers import PEERS
from benchmarks.scores import coverage, interval_score, mean_log_width
from tollest._sums.marginal import log_likelihoods
from tollest.engines.psis import smoothed
from tollest.estimation.masses import TollMasses
from tollest.model.patterns import average
from tollest.model.posterior import Model
from tollest.priors import Never, Priors

SEED = 20_261_130
TIMES = (12.0, 24.0, 48.0, 96.0)  # hours since the onset
# The last messages before each, of no more than so many hours; the numbers given most often.
MESSAGES, WINDOW, MOST = 10, 24.0, 3
RANKS = ("most given", "second", "third")
ENDS = {"median": 0.5, "lower": 0.05, "upper": 0.95}
LATE = Model(priors=Priors(log_early_shortfall=Never()))
PAGE = Path(__file__).with_suffix(".md")


def read(folder):
    """Events with their settled tolls, and what messages said."""
    events = pd.read_csv(folder / "events.csv", parse_dates=["onset"]).set_index("event")
    events["final"] = np.sqrt(events["final_low"] * events["final_high"]).round().astype(int)
    return events, pd.read_csv(folder / "claims.csv")


def last_messages(said, hours):
    """Take the last messages on an event before some hours since its onset."""
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
    """Interval of each event at each time, the settled tolls of all others being known.

    One estimate knows all settled tolls. Its draws of the unknowns are weighed by the chance of an
    event's claims over that of its claims and its toll, and Pareto-smoothed; where these weights
    are not good enough the event is left out by an estimate of its own.
    """
    everything = te.Claims.from_table(with_finals(table, events, None))
    estimate = te.estimate(everything, model=model, rng=seed, progress=False)
    settled = estimate.model
    free = settled.given(te.Claims.from_table(table))
    thetas = estimate.theta.flat
    of_free, of_known = (
        by_location(posterior, thetas) for posterior in (free, settled.given(everything))
    )
    out = []
    for i, (event, own) in enumerate(table.groupby("event", sort=False)):
        names = own["location"].unique().tolist()
        weights, pareto_k = smoothed(sum(of_free[n] - of_known[n] for n in names), 1.0)
        if pareto_k > 0.7:
            claims = te.Claims.from_table(with_finals(table, events, event))
            again = te.estimate(claims, model=model, rng=seed + 1 + i, progress=False)
            out.append(rows_of(again, own).assign(refitted=True))
            continue
        masses = average(free.problem, map(free.parameters, thetas), np.exp(weights))
        where = free.patterns[[free.claims.locations.index(name) for name in names]]
        tolls = TollMasses(*free.bins, masses).rows(where)
        ends = {name: tolls.quantile(q) for name, q in ENDS.items()}
        found = pd.DataFrame({"location": names, **ends})
        places = own[["location", "event", "hours"]].drop_duplicates()
        out.append(places.merge(found, on="location").assign(refitted=False))
    return pd.concat(out, ignore_index=True)


def by_location(posterior, thetas):
    """Log likelihood of each location's claims at each draw, by its name."""
    logs = np.empty((len(thetas), posterior.problem.level.size))
    for i, theta in enumerate(thetas):
        log_likelihoods(posterior.problem, posterior.parameters(theta), logs[i])
    names = posterior.claims.locations
    return {name: logs[:, p] for name, p in zip(names, posterior.patterns, strict=True)}


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
    return places.merge(found, on="location")


def of_peer(peer, table):
    """Interval of each event at each time by a peer, which has no use for settled tolls."""
    claims = te.Claims.from_table(table.drop(columns="onset"))
    found = peer.estimate(claims, 0.9)
    ends = {"median": found.median, "lower": found.lower, "upper": found.upper}
    places = table[["location", "event", "hours"]].drop_duplicates()
    return places.merge(pd.DataFrame({"location": claims.locations, **ends}), on="location")


def of_rule(rule, table, events, messages):
    """Interval of each event at each time by a rule that learns from the others at that time."""
    places = table[["location", "event", "hours"]].drop_duplicates()

    def reports(event, hours):
        said = messages[(messages["event"] == event) & (messages["hours"] <= hours)]
        latest = last_messages(said, hours)["number"].value_counts(sort=True)
        most = latest[latest == latest.max()].index.max()
        return Reports(
            said["hours"].to_numpy(), said["number"].to_numpy(float), float(most), hours
        )

    out = []
    for place in places.itertuples():
        peers = places[(places["hours"] == place.hours) & (places["event"] != place.event)]
        others = [
            (reports(event, place.hours), int(events["final"][event])) for event in peers["event"]
        ]
        out.append(rule.interval(reports(place.event, place.hours), others, 0.9))
    return pd.concat(
        [places.reset_index(drop=True), pd.DataFrame(out, columns=["median", "lower", "upper"])],
        axis=1,
    )


def scored(found, events):
    """Coverage, mean width on the log1p axis and interval score of 90 % intervals, by time."""
    truth = found["event"].map(events["final"]).to_numpy()
    out = {}
    for hours in TIMES:
        here = (found["hours"] == hours).to_numpy()
        ends = (found["lower"].to_numpy()[here], found["upper"].to_numpy()[here])
        out[hours] = (
            coverage(*ends, truth[here]), mean_log_width(*ends), interval_score(*ends, truth[here])
        )  # fmt: skip
    return out


def row(name, found, events):
    """Line of the page's table."""
    scores = scored(found, events)
    cells = {
        f"{hours:g} h": f"{inside:.2f}, {width:.1f}, {score:.1f}"
        for hours, (inside, width, score) in scores.items()
    }
    n = found["hours"].value_counts()
    mean = sum(n[hours] * score for hours, (_, _, score) in scores.items()) / n.sum()
    return {"method": name, **cells, "mean score": f"{mean:.2f}"}


def main():
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    events, messages = read(folder)
    table = claims_at(events, messages)
    found = left_out(table, events, None)
    rows = [
        row("**tollest**, other events settled", found, events),
        row("tollest, defaults alone", alone(table, None), events),
        row("tollest without early shortfalls", left_out(table, events, LATE), events),
        *(row(f"`{type(rule).__name__}`", of_rule(rule, table, events, messages), events)
          for rule in RULES),
        *(row(f"`{type(peer).__name__}`", of_peer(peer, table), events) for peer in PEERS),
    ]  # fmt: skip
    sizes = table.groupby("hours")["event"].nunique()
    n = ", ".join(f"{sizes[hours]} at {hours:g} h" for hours in TIMES)
    n_refitted = int(found.drop_duplicates("event")["refitted"].sum())
    lines = [
        "# Numbers of the first days",
        "",
        "Made by `uv run python -m benchmarks.early_reports FOLDER`, the folder being one of "
        "public messages with numbers of dead, which the script describes.",
        "",
        f"Events with messages in time: {n}. Claims are the {MOST} numbers given most often in "
        f"the last {MESSAGES} messages of the {WINDOW:g} hours before. Cells: coverage of 90 % "
        "intervals for the toll that was settled later, their mean width on the log1p axis, and "
        "their interval score (less is better). The first row leaves one event out at a time, the "
        "settled tolls of all others being `verified`; rules of the literature learn their errors "
        "from the same events; methods for conflicting counts do not know of ages.",
        "",
        *markdown(pd.DataFrame(rows)),
        "",
        "With so few events a coverage has a standard error of about 0.1. "
        f"{'One event was' if n_refitted == 1 else f'{n_refitted} events were'} left out by "
        f"{'an estimate of its' if n_refitted == 1 else 'estimates of their'} own, the others by "
        "weights.",
        "",
    ]
    PAGE.write_text("\n".join(lines))


if __name__ == "__main__":
    main()
