"""Leaving out each claim: by weighing draws anew, and by drawing anew where that fails."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tollest._arrays import Floats
from tollest._progress import Reporter
from tollest.claims import frames
from tollest.claims.problems import ClaimsError
from tollest.diagnostics.audits.evidence import Evidence
from tollest.diagnostics.audits.result import ENDS, Audit
from tollest.diagnostics.audits.weighed import Weighed
from tollest.engines import AbstractEngine, FromTrace, ThetaDraws
from tollest.engines.tuning import LIMITS
from tollest.estimation.masses import check_interval
from tollest.estimation.results import Estimate
from tollest.estimation.streams import stream

if TYPE_CHECKING:
    import pandas as pd


_DRAWS = 4000  # of theta drawn anew, that tolls are averaged over


@dataclass(frozen=True, eq=False)
class Refits:
    """How theta is drawn anew where weights do not stand in for that.

    Attributes
    ----------
    engine : engine
        What draws it.
    entropy : int
        Seed; each claim has a stream of its own, by its row.
    reporter : Reporter
        Whom to tell.
    """

    engine: AbstractEngine
    entropy: int
    reporter: Reporter

    def __post_init__(self) -> None:
        """Refuse draws made beforehand, which know the claim that is left out."""
        if isinstance(self.engine, FromTrace):
            raise ValueError(
                "draws from a trace know every claim, so nothing can be drawn anew from it; "
                "sample a model of claims.without(rows=[...])."
            )

    def without(self, evidence: Evidence, row: int) -> ThetaDraws:
        """Draw theta given all claims but one."""
        rng = stream(self.entropy, "refits", row)
        return self.engine.run(evidence.without(row), rng, self.reporter)


@dataclass(frozen=True)
class _Left:
    """What is known of a toll without one claim.

    Attributes
    ----------
    ends : tuple of int
        Median, lower and upper end of the interval.
    p_value : float
        Tail of the claim in what the others predict.
    reliable, refitted : bool
        Whether this can be relied on, and whether theta was drawn anew.
    note : str
        Why it cannot be relied on, or why it was refitted; empty else.
    """

    ends: tuple[int, ...]
    p_value: float
    reliable: bool
    refitted: bool
    note: str


def audit(
    estimate: Estimate,
    location: str,
    ci_prob: float = 0.9,
    level: float = 0.01,
    *,
    refit: bool = False,
    progress: bool = True,
) -> Audit:
    """Ask what each claim on a location does to its toll, leaving out one at a time.

    Draws are reweighted for this location alone. Where importance weights fail, as they often do
    with few locations, the row says so, and `refit` draws theta anew.

    Parameters
    ----------
    estimate : Estimate
        What `tollest.estimate` gave.
    location : str
        One of ``claims.locations``.
    ci_prob : float
        Probability inside the equal-tailed credible intervals.
    level : float
        A claim is in conflict with the others on the location where the two-sided tail
        probability that they give it is below this.
    refit : bool
        Whether to draw theta anew, by the estimate's engine, without each claim whose weights
        fail; each takes as long as the estimate did.
    progress : bool
        Whether to show progress of that, on standard error, after two seconds.

    Returns
    -------
    Audit
        Its ``table()`` has a row for each claim on the location, those set aside included.

    Raises
    ------
    KeyError
        If there is no such location.
    ValueError
        If `ci_prob` or `level` is not between 0 and 1; if some locations are parts of others;
        or if `refit` is asked for and the engine is not known, or holds draws made beforehand.

    Examples
    --------
    >>> import pandas as pd, tollest as te
    >>> rows = [("Arden", "press", 30), ("Arden", "radio", 30), ("Arden", "clinic", 11)]
    >>> table = pd.DataFrame(rows, columns=["location", "source", "count"])
    >>> estimate = te.estimate(te.Claims.from_table(table), rng=1)
    >>> found = te.diagnostics.audit(estimate, "Arden").table()
    >>> bool(found.loc[2, "median_shift"] < 0), found["status"].tolist()
    (True, ['used', 'used', 'used'])
    """
    position = estimate.position(location)
    estimate.posterior.separable("an audit by weights")
    if refit and estimate.engine is None:
        raise ValueError(
            "the engine of this estimate is not known, so it cannot refit; estimate from "
            "claims.without(rows=[...]) instead."
        )
    check_interval(ci_prob, "eti")
    if not 0.0 < level < 1.0:
        raise ValueError(f"level is {level}; it lies between 0 and 1, as 0.01.")
    engine = estimate.engine if refit else None
    with Reporter(progress) as reporter:
        refits = Refits(engine, estimate.entropy, reporter) if engine else None
        return _audited(estimate, position, ci_prob, level, refits)


def _audited(
    estimate: Estimate, position: int, ci_prob: float, level: float, refits: Refits | None
) -> Audit:
    """Leave out each claim on the location at a position."""
    posterior, theta, used = estimate.posterior, estimate.theta, estimate.theta_used
    evidence = Evidence(posterior, position)
    weighed = Weighed(evidence, used, min(1.0, theta.ess / len(used)))
    # Of ten draws or fewer no k is good.
    good_k = float(min(1.0 - 1.0 / np.log10(max(len(used), 10)), LIMITS.most_k))
    left = _by_weights(weighed, ci_prob, good_k)
    if refits is not None:
        left = [
            one if one.reliable else _refitted(refits, weighed, j, ci_prob, one)
            for j, one in enumerate(left)
        ]
    whole = _ends(weighed, 0, ci_prob)
    median, lower, upper = whole
    return Audit(
        location=posterior.claims.locations[position],
        claims=_table(weighed, whole, left, level),
        median=median, lower=lower, upper=upper, ci_prob=ci_prob, level=level, good_k=good_k,
        computed_by=theta.summary, doubts=theta.doubts,
    )  # fmt: skip


def _ends(weighed: Weighed, case: int, ci_prob: float) -> tuple[int, ...]:
    """Median, lower and upper end of the toll's interval in a case."""
    toll = weighed.masses.rows(np.array([case]))
    return tuple(int(toll.quantile(q)[0]) for q in (0.5, 0.5 - ci_prob / 2, 0.5 + ci_prob / 2))


def _by_weights(weighed: Weighed, ci_prob: float, good_k: float) -> list[_Left]:
    """Leave out each claim by weighing the draws."""
    out = []
    for j, reliable in enumerate(weighed.reliable(good_k).tolist()):
        why = _why(weighed, j, good_k)
        note = "" if reliable else f"{why}: only a refit can tell (refit=True)"
        out.append(_Left(_ends(weighed, 1 + j, ci_prob), weighed.tail(j), reliable, False, note))
    return out


def _why(weighed: Weighed, j: int, good_k: float) -> str:
    """Say why the weights of a claim left out do not stand in for a refit."""
    k = float(weighed.pareto_k[1 + j])
    if np.isinf(k):
        return f"{len(weighed.used):,} draws are too few, or too much alike, to be weighed"
    return f"Pareto k is {k:.2f}, above {good_k:.2f}"


def _refitted(refits: Refits, weighed: Weighed, j: int, ci_prob: float, before: _Left) -> _Left:
    """Leave out a claim by drawing theta anew; where no other claim is left, as before."""
    evidence = weighed.evidence
    row, n = int(evidence.rows[j]), evidence.rows.size
    refits.reporter.update(f"Without row {row}", j / n)
    try:
        theta = refits.without(evidence, row)
    except ClaimsError:
        return replace(before, note=f"{before.note.partition(':')[0]}: no other claim is left")
    flat = theta.flat
    used = flat[np.linspace(0, len(flat) - 1, min(len(flat), _DRAWS)).astype(np.int64)]
    anew = Weighed(evidence, used, 1.0, are_anew=True)
    note = " ".join([f"refitted, since {before.note.partition(':')[0]}", *theta.doubts])
    return _Left(_ends(anew, 1 + j, ci_prob), anew.tail(j), not theta.doubts, True, note)


def _table(
    weighed: Weighed, whole: tuple[int, ...], left: list[_Left], level: float
) -> "pd.DataFrame":
    """Rows of `Audit.table`."""
    evidence = weighed.evidence
    claims, rows = evidence.claims, evidence.rows
    record, all_rows = claims.record, evidence.all_rows
    frame = frames.of_rows(record, all_rows).drop(columns="location").set_index("row")
    frame["status"] = record.status(all_rows)
    frame["reason"] = record.reasons(all_rows)
    repeat = np.zeros(rows.size)
    repeat[: evidence.noisy.size] = weighed.repeats()
    columns: dict[str, NDArray[np.generic]] = {"repeat": repeat}
    ends_without = np.array([one.ends for one in left], np.int64).reshape(-1, len(ENDS)).T
    ends = list(zip(ENDS, whole, ends_without, strict=True))
    columns |= {f"{end}_without": value for end, _, value in ends}
    columns |= {f"{end}_shift": all_of_them - value for end, all_of_them, value in ends}
    with np.errstate(divide="ignore", invalid="ignore"):
        columns |= {f"{end}_ratio": all_of_them / value for end, all_of_them, value in ends}
    p_value = np.array([one.p_value for one in left], np.float64)
    columns |= {"p_value": p_value, "conflict": p_value < level}
    columns["pareto_k"] = weighed.pareto_k[1:]
    columns["reliable"] = np.array([one.reliable for one in left], np.bool_)
    columns["refitted"] = np.array([one.refitted for one in left], np.bool_)
    value = np.searchsorted(evidence.all_rows, rows)
    for name, values in columns.items():
        # Claims that are not used have none of this: blanks, not numbers.
        blank = np.ones(len(frame), np.bool_)
        blank[value] = False
        spread = np.zeros(len(frame), values.dtype)
        spread[value] = values
        frame[name] = _with_blanks(spread, blank)
    notes = dict(zip(rows.tolist(), (one.note for one in left), strict=True))
    frame["note"] = [notes.get(row, "") for row in frame.index.tolist()]
    return frame


def _with_blanks(
    values: NDArray[np.generic], blank: NDArray[np.bool_]
) -> "pd.api.extensions.ExtensionArray | Floats":
    """Values with NA, or NaN among floats, where there are none."""
    import pandas as pd

    if values.dtype.kind == "b":
        return pd.arrays.BooleanArray(values.astype(np.bool_), blank)
    if values.dtype.kind == "i":
        return pd.arrays.IntegerArray(values.astype(np.int64), blank)
    return np.where(blank, np.nan, values.astype(np.float64))
