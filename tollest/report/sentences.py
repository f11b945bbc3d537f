"""The answer in a sentence."""

import numpy as np

from tollest import _text
from tollest.estimation.remarks import DOMINATES, remarks
from tollest.report import rows
from tollest.report.labels import isolated, label
from tollest.report.rows import Row
from tollest.subject import Subject


def sentence(
    estimate: Subject, location: str | None, ci_prob: float, ci_kind: str, verb: str
) -> str:
    """Write the answer for one location, or the total of several; see `Report.sentence`."""
    return " ".join([answer(estimate, location, ci_prob, ci_kind, verb), *doubts(estimate)])


def answer(
    estimate: Subject, location: str | None, ci_prob: float, ci_kind: str, verb: str
) -> str:
    """Write the answer without what is doubtful about its computation."""
    if location is None and estimate.claims.n_locations > 1:
        return " ".join(_of_total(estimate, ci_prob, ci_kind, verb))
    return " ".join(_of_location(estimate, location, ci_prob, ci_kind, verb))


def doubts(estimate: Subject) -> list[str]:
    """Say what is doubtful about the computation, a sentence for each reason."""
    return [f"The computation is doubtful: {doubt}" for doubt in estimate.doubts]


def _of_location(
    estimate: Subject, location: str | None, ci_prob: float, ci_kind: str, verb: str
) -> list[str]:
    claims = estimate.claims
    position = 0 if location is None else estimate.position(location)
    name = claims.locations[position]
    table = estimate.table(ci_prob, ci_kind)
    (row,) = rows.of_tolls(claims, table, [position])
    where = "" if location is None else f"{isolated(label(name))}: "
    said = [r.of_one for r in remarks(claims, table) if name in r.locations]
    if row.is_verified:
        of = f"{row.toll.point:,} {_people(row.toll.point, verb)}"
        return [f"{where}{of} ({_evidence(row)}).", *said]
    if row.n_claims == 0:
        said.insert(0, "Nobody reported on this location.")
    return [f"{where}{_estimated(row, ci_prob, ci_kind, verb, '', bool(where))}", *said]


def _of_total(estimate: Subject, ci_prob: float, ci_kind: str, verb: str) -> list[str]:
    totals, n = estimate.total(), estimate.claims.n_locations
    row = rows.of_total(totals, totals.table(ci_prob, ci_kind))
    where = f" at {n:,} locations"
    said = ["The total is from joint draws, not from adding bounds."]
    if n_silent := int(totals.n_silent[0]):
        said.append(f"Nobody reported on {_locations(n_silent)}.")
    if n_open := int(totals.n_open[0]):
        said.append(
            f"At {_locations(n_open)} nothing bounds the toll from above, so the upper bound of "
            "the total is the prior's."
        )
    n_prior = sum(
        len(remark.locations)
        for remark in remarks(estimate.claims, estimate.table(ci_prob, ci_kind))
        if remark.of_several == DOMINATES
    )
    if n_prior:
        said.append(f"{DOMINATES} at {_locations(n_prior)}.")
    n_verified = int(np.count_nonzero(estimate.claims.verified >= 0))
    if n_verified:
        said.append(f"The toll of {_locations(n_verified)} is verified, not estimated.")
    return [_estimated(row, ci_prob, ci_kind, verb, where, False), *said]


def _estimated(
    row: Row, ci_prob: float, ci_kind: str, verb: str, where: str, follows: bool
) -> str:
    start = "an estimated" if follows else "An estimated"
    people = f"{row.toll.point:,} {_people(row.toll.point, verb)}{where}"
    interval = f"{_text.interval(ci_prob, ci_kind)} {row.toll.interval}"
    rule = f", {row.toll.rule}" if row.toll.rule else ""
    return f"{start} {people} ({interval}{rule}; {_evidence(row)})."


def _evidence(row: Row) -> str:
    """Say what the toll rests on, the documented deaths apart."""
    parts = [_text.plural(row.n_claims, "claim") if row.n_claims else "no claims"]
    if row.n_figures > 0:
        parts[0] += f", {_text.plural(row.n_figures, 'figure')}"
    if row.documented and row.n_figures < 0:
        parts.append(f"at least {row.documented:,} documented by name or verified")
    elif row.documented:
        parts.append(f"at least {row.documented:,} documented by name")
    return "; ".join(parts)


def _people(n: int, verb: str) -> str:
    first, _, rest = verb.partition(" ")
    one = {"were": "was", "have": "has"}.get(first, first)
    return f"person {one} {rest}".strip() if n == 1 else f"people {verb}"


def _locations(n: int) -> str:
    return _text.plural(n, "location")
