"""Leaving out each claim: by weighing draws anew, and by drawing anew where that fails."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tollest._progress import Reporter
from tollest.audit._evidence import Evidence
from tollest.audit._result import ENDS, Audit
from tollest.audit._weighed import Weighed
from tollest.claims.table import ClaimsError
from tollest.engines import AbstractEngine, FromTrace, ThetaDraws
from tollest.engines._base import MOST_K
from tollest.estimation.masses import check_interval
from tollest.estimation.streams import stream
from tollest.model.posterior import Posterior

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

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
    posterior: Posterior,
    theta: ThetaDraws,
    used: Floats,
    place: int,
    ci_prob: float,
    level: float,
    refits: Refits | None = None,
) -> Audit:
    """Work out what each claim on a location does to its toll.

    Parameters
    ----------
    posterior : Posterior
        The model and the claims.
    theta : ThetaDraws
        All draws of theta.
    used : ndarray of float, shape (n_used, n_theta)
        The draws of theta to average over.
    place : int
        Position of the location.
    ci_prob : float
        Probability inside the intervals.
    level : float
        p-value below which a claim is in conflict.
    refits : Refits, optional
        How to draw theta anew without a claim where weights do not reach; by default not at all.

    Returns
    -------
    Audit

    Raises
    ------
    ValueError
        If `ci_prob` or `level` is not between 0 and 1.
    """
    check_interval(ci_prob, "eti")
    if not 0.0 < level < 1.0:
        raise ValueError(f"level is {level}; it lies between 0 and 1, as 0.01.")
    evidence = Evidence(posterior, place)
    weighed = Weighed(evidence, used, min(1.0, theta.ess / len(used)))
    # Of ten draws or fewer no k is good.
    good_k = float(min(1.0 - 1.0 / np.log10(max(len(used), 10)), MOST_K))
    left = _by_weights(weighed, ci_prob, good_k)
    if refits is not None:
        left = [
            one if one.reliable else _refitted(refits, weighed, j, ci_prob, one)
            for j, one in enumerate(left)
        ]
    whole = _ends(weighed, 0, ci_prob)
    median, lower, upper = whole
    return Audit(
        location=posterior.claims.locations[place],
        claims=_table(weighed, whole, left, level),
        median=median, lower=lower, upper=upper, ci_prob=ci_prob, level=level, good_k=good_k,
        how=theta.summary, doubts=theta.doubts,
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
    frame = claims._frame(evidence.all_rows).drop(columns="location").set_index("row")
    frame["status"] = claims._status(evidence.all_rows)
    frame["reason"] = [
        "" if status == "used" else claims._reason(row)
        for row, status in zip(frame.index.tolist(), frame["status"], strict=True)
    ]
    repeat = np.zeros(rows.size)
    repeat[: evidence.noisy.size] = weighed.repeats()
    columns: dict[str, NDArray[np.generic]] = {"repeat": repeat}
    without = np.array([one.ends for one in left], np.int64).reshape(-1, len(ENDS)).T
    ends = list(zip(ENDS, whole, without, strict=True))
    columns |= {f"{end}_without": at for end, _, at in ends}
    columns |= {f"{end}_shift": all_of_them - at for end, all_of_them, at in ends}
    with np.errstate(divide="ignore", invalid="ignore"):
        columns |= {f"{end}_ratio": all_of_them / at for end, all_of_them, at in ends}
    p_value = np.array([one.p_value for one in left], np.float64)
    columns |= {"p_value": p_value, "conflict": p_value < level}
    columns["pareto_k"] = weighed.pareto_k[1:]
    columns["reliable"] = np.array([one.reliable for one in left], np.bool_)
    columns["refitted"] = np.array([one.refitted for one in left], np.bool_)
    at = np.searchsorted(evidence.all_rows, rows)
    for name, values in columns.items():
        # Claims that are not used have none of this: blanks, not numbers.
        blank = np.ones(len(frame), np.bool_)
        blank[at] = False
        spread = np.zeros(len(frame), values.dtype)
        spread[at] = values
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
