"""The answer in a sentence."""

import numpy as np

from tollest import _text
from tollest.estimation.remarks import DOMINATES, remarks
from tollest.estimation.results import Estimate
from tollest.report import rows
from tollest.report.arguments import check_estimate, check_text
from tollest.report.labels import isolated, label
from tollest.report.rows import Row


def sentence(
    estimate: Estimate,
    location: str | None = None,
    ci_prob: float = 0.9,
    ci_kind: str = "eti",
    *,
    verb: str = "were killed",
) -> str:
    """Say how many died, with the interval, what it rests on, and every warning.

    Parameters
    ----------
    estimate : Estimate
        What `tollest.estimate` gave.
    location : str, optional
        One of ``claims.locations``; without it the total, where there are several.
    ci_prob : float
        Probability inside the interval.
    ci_kind : {"eti", "hdi"}
        Equal tails, or the shortest interval.
    verb : str
        What happened to people, in the plural: ``"died"`` of an epidemic.

    Returns
    -------
    str
        Such as "An estimated 1,430 people were killed (90 % equal-tailed credible interval
        970 to 2,360, rounded to tens, bounds outwards; 5 claims, 4 figures; at least 111
        documented by name)."

    Raises
    ------
    KeyError
        If there is no such location.
    TypeError
        If `estimate` is no estimate, or `verb` no text.
    ValueError
        If `ci_prob` or `ci_kind` is not a valid level or kind, or the shortest interval leaves
        out the median, as one of less than half of the probability can; or if `verb` is blank.
    """
    check_estimate(estimate)
    check_text("verb", verb)
    return " ".join([answer(estimate, location, ci_prob, ci_kind, verb), *doubts(estimate)])


def answer(
    estimate: Estimate, location: str | None, ci_prob: float, ci_kind: str, verb: str
) -> str:
    """Write the answer without what is doubtful about its computation."""
    if location is None and estimate.claims.n_locations > 1:
        return " ".join(_of_total(estimate, ci_prob, ci_kind, verb))
    return " ".join(_of_location(estimate, location, ci_prob, ci_kind, verb))


def doubts(estimate: Estimate) -> list[str]:
    """Say what is doubtful about the computation, a sentence for each reason."""
    return [f"The computation is doubtful: {doubt}" for doubt in estimate.doubts]


def _of_location(
    estimate: Estimate, location: str | None, ci_prob: float, ci_kind: str, verb: str
) -> list[str]:
    claims = estimate.claims
    position = 0 if location is None else estimate.position(location)
    name = claims.locations[position]
    table = estimate.table(ci_prob, ci_kind)
    (row,) = rows.of_tolls(claims, table, [position])
    prefix = "" if location is None else f"{isolated(label(name))}: "
    said = [r.of_one for r in remarks(estimate, table) if name in r.locations]
    if row.is_verified:
        estimated = f"{row.toll.point:,} {_people(row.toll.point, verb)}"
        return [f"{prefix}{estimated} ({_evidence(row)}).", *said]
    if row.n_claims == 0:
        said.insert(0, "Nobody reported on this location.")
    return [f"{prefix}{_estimated(row, ci_prob, ci_kind, verb, '', bool(prefix))}", *said]


def _of_total(estimate: Estimate, ci_prob: float, ci_kind: str, verb: str) -> list[str]:
    totals, n = estimate.total(), estimate.claims.n_locations
    row = rows.of_total(totals, totals.table(ci_prob, ci_kind))
    suffix = f" at {n:,} locations"
    said = ["The total is from joint draws, not from adding bounds."]
    if n_silent := int(totals.n_silent[0]):
        said.append(f"Nobody reported on {_locations(n_silent)}.")
    if n_open := int(totals.n_open[0]):
        said.append(
            f"At {_locations(n_open)} nothing bounds the toll from above, so the upper bound of "
            "the total is the prior's."
        )
    if totals.unlisted_note:
        said.append(totals.unlisted_note)
    n_prior = sum(
        len(remark.locations)
        for remark in remarks(estimate, estimate.table(ci_prob, ci_kind))
        if remark.of_several == DOMINATES
    )
    if n_prior:
        said.append(f"{DOMINATES} at {_locations(n_prior)}.")
    n_verified = int(np.count_nonzero(estimate.claims.verified >= 0))
    if n_verified:
        said.append(f"The toll of {_locations(n_verified)} is verified, not estimated.")
    return [_estimated(row, ci_prob, ci_kind, verb, suffix, False), *said]


def _estimated(
    row: Row, ci_prob: float, ci_kind: str, verb: str, prefix: str, follows: bool
) -> str:
    start = "an estimated" if follows else "An estimated"
    people = f"{row.toll.point:,} {_people(row.toll.point, verb)}{prefix}"
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
