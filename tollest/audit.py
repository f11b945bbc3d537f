r"""What each claim on a location does to its toll: leaving out one claim at a time.

With draws of theta from the posterior of all claims, the posterior without claim `j` on location
`i` weighs each draw by

.. math:: w_j(\theta) \propto
    \frac{p(\text{claims}_i \text{ without } j \mid \theta)}{p(\text{claims}_i \mid \theta)},

tolls and figures summed out. Weights are Pareto-smoothed [1]_, and the toll's mass function
without the claim is exact given each draw. A floor or a verified toll that is left out no longer
truncates.

The predictive distribution of the claim left out is that of a count by its source, given the
toll, the figure in circulation and the source's habits as the other claims leave them. A claim of
the whole numbers from `l` to `u` has the mid-p

.. math:: m = P(Y < l) + \tfrac12 P(l \le Y \le u), \qquad p = 2 \min(m, 1 - m),

the cross-validatory mixed predictive check of [2]_ and the conflict diagnostic of [3]_. For a
bound from below `p` is the probability of so much or more, for one from above of so few or fewer.
For documented and verified deaths, which do not err, `Y` is the toll itself.

References
----------
.. [1] Vehtari, A., Simpson, D., Gelman, A., Yao, Y., Gabry, J. (2024). Pareto smoothed importance
   sampling. *Journal of Machine Learning Research* 25(72), 1-58.
   https://doi.org/10.48550/arXiv.1507.02646
.. [2] Marshall, E. C., Spiegelhalter, D. J. (2007). Identifying outliers in Bayesian hierarchical
   models: a simulation-based approach. *Bayesian Analysis* 2(2), 409-444.
   https://doi.org/10.1214/07-BA218
.. [3] Presanis, A. M., Ohlssen, D., Spiegelhalter, D. J., De Angelis, D. (2013). Conflict
   diagnostics in directed acyclic graphs, with applications in Bayesian evidence synthesis.
   *Statistical Science* 28(3), 376-397. https://doi.org/10.1214/13-STS426
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from tollest import _kernels, _text, passes
from tollest._rows import DOCUMENTED, VERIFIED
from tollest._tables import Parameters, Problem
from tollest.claims import _EVIDENCE, KINDS, UNBOUNDED, Claims
from tollest.engines import ThetaDraws, _weights
from tollest.engines._base import MOST_K
from tollest.figures import Figure, Speakers, log_mass_up_to
from tollest.model import Posterior
from tollest.priors import Never
from tollest.tolls import TollMasses, check_interval

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_COUNT = KINDS.index("count")
_TOLLS = 4  # equally likely ones, for each draw, that predictions are averaged over
_GOLDEN = 0.5 * (5.0**0.5 - 1.0)
_CHUNK = 64  # draws a thread takes at a time
_STILL = 1e-9  # spread of the log weights of a claim that says nothing of theta
_EVEN = 0.99  # ESS over draws above which weights are too even for their tail to matter
_ENDS = ("median", "lower", "upper")


@dataclass(frozen=True, eq=False)
class Audit:
    """What each claim on a location does to its toll.

    Made by `Estimate.audit`.

    Attributes
    ----------
    location : str
        The location.
    claims : pandas.DataFrame
        The rows of `table`.
    median, lower, upper : int
        The toll with all claims, and its equal-tailed credible interval.
    ci_prob : float
        Probability inside the intervals.
    level : float
        A claim is in conflict with the others where ``p_value`` is below it.
    good_k : float
        Pareto k up to which weights stand in for a refit: at most 0.7, less where draws are few.
    how : str
        How the estimate was computed.
    doubts : tuple of str
        Why the estimate should not be relied on.
    """

    location: str
    claims: "pd.DataFrame"
    median: int
    lower: int
    upper: int
    ci_prob: float
    level: float
    good_k: float
    how: str
    doubts: tuple[str, ...]

    def table(self) -> "pd.DataFrame":
        """Every claim on the location, those set aside included.

        Returns
        -------
        pandas.DataFrame
            Indexed by the claim's ``row`` in the table it was read from, with the columns

            ``source, kind, lower, upper, date``
                The claim, as `Claims.to_frame` has it.
            ``status, reason``
                ``"used"``, ``"superseded"``, ``"repeats another"``, ``"dated later"``,
                ``"undated"`` or ``"left out"``; the reason as in `Claims.excluded`. Columns
                below are blank where a claim is not used.
            ``repeat``
                Posterior probability that it repeats the figure in circulation: 0 where it is
                not of kind ``"count"``, which alone can.
            ``median_without, lower_without, upper_without``
                The toll and its interval without the claim, as a refit without it would give
                them. What the claim supersedes, or what repeats it, does not stand in for it.
            ``median_shift, lower_shift, upper_shift``
                Deaths by which the claim moves each: with it less without it.
            ``median_ratio, lower_ratio, upper_ratio``
                With it over without it; NaN where both are 0.
            ``p_value, conflict``
                Two-sided tail of the claim in what the others predict of it, and whether that
                is below `level`; NaN where no other claim is used. Under the model itself about
                a share `level` of all claims is in conflict.
            ``pareto_k, reliable``
                Of the weights that stand in for a refit; ``reliable`` up to `good_k`, or where
                weights are so even that their effective sample size is 99 % of the draws. NaN
                where all weights are equal.
            ``note``
                How to refit, where ``reliable`` is False.

            ``attrs`` names `location`, `ci_prob`, ``ci_kind`` and `level`.
        """
        table = self.claims.copy()
        table.attrs.update(
            location=self.location, ci_prob=self.ci_prob, ci_kind="eti", level=self.level
        )
        return table

    def __repr__(self) -> str:
        """List the claims with their pull, and what is in conflict or needs a refit."""
        table = self.claims
        level = f"{100 * self.ci_prob:g} %"
        head = (
            f"Claims on {_text.short(self.location)}: toll {self.median:,}, {level} equal-tailed "
            f"credible interval {self.lower:,} to {self.upper:,}; and without each claim."
        )
        rows: list[tuple[str, ...]] = [
            ("row", "source", "claim", "repeat", "median", "lower", "upper", "p")
        ]
        rows += [
            (str(row), _text.short(claim["source"]), _said(claim), *_shown(claim))
            for row, claim in table.iterrows()
        ]
        used = table[table["status"] == "used"]
        conflicts = used.index[used["conflict"].astype(bool)]
        notes = [
            f"Row {row} is in conflict with the others (p below {self.level:g})."
            for row in conflicts
        ]
        notes += [
            f"Row {row}: {claim['note']}." for row, claim in used.iterrows() if claim["note"]
        ]
        lines = [head, *_text.columns(rows), *notes, f"Computed by {self.how}."]
        lines += [f"DOUBTFUL: {doubt}" for doubt in self.doubts]
        return "\n".join(lines)


def _said(claim: "pd.Series") -> str:
    """Write what a claim says, in a few words."""
    lower = f"{claim['lower']:,}"
    if claim["kind"] in ("documented", "verified"):
        return f"{lower} {claim['kind']}"
    if not isinstance(claim["upper"], int | np.integer):
        return f"{lower} or more"
    return lower if claim["upper"] == claim["lower"] else f"{lower} to {claim['upper']:,}"


def _shown(claim: "pd.Series") -> tuple[str, ...]:
    """Write what a claim does; its status where it does nothing."""
    if claim["status"] != "used":
        return (_text.short(claim["reason"]), "", "", "", "")
    p = "-" if np.isnan(claim["p_value"]) else f"{claim['p_value']:.3f}"
    ends = (f"{claim[f'{end}_without']:,}" for end in _ENDS)
    return (f"{100 * claim['repeat']:.0f} %", *ends, p)


def audit(
    posterior: Posterior, theta: ThetaDraws, used: Floats, place: int, ci_prob: float, level: float
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
    evidence = _Evidence(posterior, place)
    reff = min(1.0, theta.ess / len(used))
    weighed = _Weighed(evidence, used, reff)
    toll = weighed.masses
    ends = [toll.quantile(q) for q in (0.5, 0.5 - ci_prob / 2, 0.5 + ci_prob / 2)]
    good_k = float(min(1.0 - 1.0 / np.log10(len(used)), MOST_K))
    median, lower, upper = (int(end[0]) for end in ends)
    return Audit(
        location=posterior.claims.locations[place],
        claims=_table(evidence, weighed, ends, level, good_k),
        median=median, lower=lower, upper=upper, ci_prob=ci_prob, level=level, good_k=good_k,
        how=theta.summary, doubts=theta.doubts,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Evidence:
    """What is said of one location, and what would be said without each claim.

    Case 0 has all claims; case ``1 + j`` lacks claim `j`. Claims that may err come first, in the
    order of `Claims`, then those that are certain.
    """

    whole: Posterior
    place: int

    @property
    def claims(self) -> Claims:
        return self.whole.claims

    @cached_property
    def noisy(self) -> Integers:
        """Positions among the claims that may err."""
        start, stop = self.claims.offsets[self.place : self.place + 2].tolist()
        return np.arange(int(start), int(stop))

    @cached_property
    def all_rows(self) -> Integers:
        """Rows of the table on this location, whether used or not."""
        rows = self.claims._rows
        code = rows.locations.index(self.claims.locations[self.place])
        return np.flatnonzero(rows.location == code)

    @cached_property
    def certain(self) -> Integers:
        """Rows of the table with documented and verified deaths."""
        rows, standing = self.claims._rows, self.claims._standing
        here = self.all_rows
        return np.asarray(here[(rows.kind[here] >= DOCUMENTED) & (standing[here] == _EVIDENCE)])

    @cached_property
    def rows(self) -> Integers:
        """Row of the table of each claim, shape (n_claims,)."""
        return np.concatenate([self.claims.row[self.noisy], self.certain])

    @cached_property
    def limits(self) -> Integers:
        """Least toll of each case, and the number after the most, shape (n_claims + 1, 2)."""
        cap = self.claims.cap[self.place]
        end = cap if cap == UNBOUNDED else cap + 1
        kind, count = self.claims._rows.kind, self.claims._rows.lower
        out = []
        for left_out in [-1, *self.rows.tolist()]:
            kept = self.certain[self.certain != left_out]
            verified = count[kept[kind[kept] == VERIFIED]]
            floor = int(count[kept].max(initial=0))
            out.append((verified[0], verified[0] + 1) if verified.size else (floor, end))
        return np.array(out, np.int64)

    @cached_property
    def posterior(self) -> Posterior:
        """The same on a support whose bins begin where any case's tolls do, and after they end."""
        shared = self.whole.shared
        missing = set(self.limits.ravel().tolist()) - {0, UNBOUNDED, *shared.breaks}
        if not missing:
            return self.whole
        frame = replace(shared, breaks=tuple(sorted(missing.union(shared.breaks))))
        other = replace(self.whole, frame=frame)
        # Patterns do not hang on the support.
        vars(other)["grouped"] = self.whole.grouped
        return other

    @cached_property
    def who(self) -> Integers:
        """Position of the source of each claim that may err among all sources of the model."""
        names = self.posterior.shared.sources
        own = self.claims.sources
        if own == names:
            return np.asarray(self.claims.source_index[self.noisy])
        return np.array([names.index(own[s]) for s in self.claims.source_index[self.noisy]])

    @cached_property
    def can_repeat(self) -> NDArray[np.bool_]:
        """Whether each claim that may err can repeat a figure."""
        never = isinstance(self.posterior.model.priors.logit_repeat, Never)
        return np.asarray((self.claims.kind[self.noisy] == _COUNT) & (not never))

    @cached_property
    def problem(self) -> Problem:
        """A pattern for each case."""
        pattern = self.posterior.patterns[self.place : self.place + 1]
        whole = passes.chosen(self.posterior.problem, pattern)
        # A source has one claim in evidence that may err on a location.
        source = whole.claim_source[whole.members]
        lacking = np.concatenate([[-1], self.who, np.full(self.certain.size, -1)])
        keep = source != lacking[:, None]
        first = self.posterior.bins[0]
        floor, end = self.limits.T
        last = np.where(end == UNBOUNDED, first.size, np.searchsorted(first, end))
        n = len(keep)
        return whole._replace(
            offsets=np.concatenate([[0], keep.sum(axis=1).cumsum()]).astype(np.int64),
            members=np.tile(whole.members, (n, 1))[keep],
            group=np.repeat(whole.group, n),
            first=np.searchsorted(first, floor, side="right") - 1,
            last=last.astype(np.int64),
            cap_edge=np.repeat(whole.cap_edge, n),
            multiplicity=np.ones(n),
        )


@dataclass(frozen=True, eq=False)
class _Weighed:
    """Draws of theta, weighed for each case."""

    evidence: _Evidence
    used: Floats
    reff: float

    @cached_property
    def points(self) -> list[Parameters]:
        return [self.evidence.posterior.parameters(theta) for theta in self.used]

    @cached_property
    def _first_pass(self) -> tuple[Floats, Integers]:
        """Log likelihood of each case, and bins of `_TOLLS` equally likely tolls of each.

        Shapes (n_used, n_cases) and (n_used, n_cases, _TOLLS).
        """
        problem, points = self.evidence.problem, self.points
        n_used, n_cases = len(self.used), problem.group.size
        logs, index = np.empty((n_used, n_cases)), np.empty((n_used, n_cases * _TOLLS), np.int64)
        pattern = np.repeat(np.arange(n_cases), _TOLLS)
        order, within = np.arange(pattern.size), np.empty(pattern.size)

        def fill(i: int) -> None:
            # The middle of each stratum, turned a little from draw to draw.
            at = (np.arange(_TOLLS) + (0.5 + i * _GOLDEN) % 1.0) / _TOLLS
            _kernels.tolls(
                problem, points[i], 0.0, np.empty((0, 0)), pattern, order,
                np.tile(at, n_cases), index[i], within.copy(), logs[i],
            )  # fmt: skip

        for _ in passes.threaded(fill, list(range(n_used))):
            pass
        return logs, index.reshape(n_used, n_cases, _TOLLS)

    @cached_property
    def _smoothed(self) -> tuple[Floats, Floats]:
        """Weights that sum to one, shape (n_used, n_cases), and Pareto k of each case."""
        logs = self._first_pass[0]
        weights, k = np.full(logs.shape, 1.0 / len(logs)), np.full(logs.shape[1], np.nan)
        for case in range(1, logs.shape[1]):
            log_ratio = logs[:, case] - logs[:, 0]
            if np.ptp(log_ratio) > _STILL:
                log_weights, k[case] = _weights.smoothed(log_ratio, self.reff)
                weights[:, case] = np.exp(log_weights)
        return weights, k

    @property
    def weights(self) -> Floats:
        return self._smoothed[0]

    @property
    def pareto_k(self) -> Floats:
        return self._smoothed[1]

    def reliable(self, good_k: float) -> NDArray[np.bool_]:
        """Whether the weights of each claim left out stand in for a refit."""
        share = 1.0 / np.square(self.weights[:, 1:]).sum(axis=0) / len(self.used)
        return np.asarray(~(self.pareto_k[1:] > good_k) | (share > _EVEN))

    @cached_property
    def masses(self) -> TollMasses:
        """Mass function of the toll in each case."""
        # Worked out here, not in every thread.
        problem, weights = self.evidence.problem, self.weights
        shape = (problem.group.size, problem.x.size)

        def of_chunk(start: int) -> Floats:
            out, one = np.zeros(shape), np.empty(shape)
            for i in range(start, min(start + _CHUNK, len(self.used))):
                one[:] = 0.0
                _kernels.add_toll_masses(problem, self.points[i], 1.0, one)
                out += weights[i][:, None] * one
            return out

        out = np.zeros(shape)
        for part in passes.threaded(of_chunk, list(range(0, len(self.used), _CHUNK))):
            out += part
        return TollMasses(*self.evidence.posterior.bins, out)

    def repeats(self) -> Floats:
        r"""Posterior probability that each claim that may err repeats the figure.

        By Fisher's identity the log likelihood's derivative by a source's log odds of repeating
        is the probability that it does, given its claims, less that before them.
        """
        evidence = self.evidence
        one, who = _kernels.shard(evidence.problem, 0, 1), evidence.who
        repeat = expit(np.array([point.logit_repeat[who] for point in self.points]))

        def fill(i: int) -> None:
            gradients = Parameters(*map(np.zeros_like, self.points[i]))
            _kernels.log_likelihood(one, self.points[i], True, gradients)
            repeat[i] += gradients.logit_repeat[who]

        for _ in passes.threaded(fill, list(range(len(self.used)))):
            pass
        return np.where(evidence.can_repeat, repeat.mean(axis=0).clip(0.0, 1.0), 0.0)

    def tails(self) -> Floats:
        """Two-sided tail of each claim in what the others predict of it."""
        evidence = self.evidence
        n_noisy, n = evidence.noisy.size, evidence.rows.size
        if n == 1:
            return np.full(1, np.nan)
        below, up_to = np.zeros((2, n))
        for j in range(n_noisy):
            below[j], up_to[j] = self._predicted(j)
        rows = evidence.claims._rows
        for j, row in enumerate(evidence.certain, start=n_noisy):
            toll = self.masses.rows(np.array([1 + j]))
            number = int(rows.lower[row])
            below[j] = 1.0 - toll.at_least(number)[0]
            verified = rows.kind[row] == VERIFIED
            up_to[j] = 1.0 - toll.at_least(number + 1)[0] if verified else 1.0
        return np.clip(np.minimum(below + up_to, 2.0 - below - up_to), 0.0, 1.0)

    def _predicted(self, j: int) -> tuple[float, float]:
        """Probability of less than claim `j` says, and of no more than it says."""
        evidence, points = self.evidence, self.points
        claims, family = evidence.claims, evidence.posterior.model.noise
        x = evidence.problem.x[self._first_pass[1][:, 1 + j]].ravel()

        def drawn(name: str, which: Integers | int) -> Floats:
            values = np.array([getattr(point, name)[which] for point in points])
            return np.repeat(values, _TOLLS, axis=0)

        figure_scatter, common_bias = np.exp(drawn("shared", 1)), drawn("shared", 2)
        source = int(evidence.who[j])
        centre = x + common_bias + drawn("bias", source)
        scatter = np.exp(drawn("log_scatter", source))
        repeat = expit(drawn("logit_repeat", source)) if evidence.can_repeat[j] else 0.0 * x
        others = evidence.can_repeat.copy()
        others[j] = False
        who = evidence.who[others]
        speakers = Speakers(
            centre=(x + common_bias)[:, None] + drawn("bias", who),
            scatter=np.exp(drawn("log_scatter", who)),
            logit_repeat=drawn("logit_repeat", who),
        )
        counts = claims.lower[evidence.noisy[others]]
        figure = Figure(family, x + common_bias, figure_scatter, counts, speakers)
        weights = np.repeat(self.weights[:, 1 + j], _TOLLS) / _TOLLS

        def up_to(k: int) -> float:
            own = np.exp(log_mass_up_to(family, k, centre, scatter))
            repeated = figure.probability_up_to(k) if evidence.can_repeat[j] else 0.0
            return float(weights @ ((1.0 - repeat) * own + repeat * repeated))

        lower, upper = claims.lower[evidence.noisy[j]], claims.upper[evidence.noisy[j]]
        return (
            up_to(int(lower) - 1) if lower > 0 else 0.0,
            up_to(int(upper)) if upper != UNBOUNDED else 1.0,
        )


def _table(
    evidence: _Evidence, weighed: _Weighed, ends: list[Integers], level: float, good_k: float
) -> "pd.DataFrame":
    """Rows of `Audit.table`."""
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
    columns |= {f"{end}_without": at[1:] for end, at in zip(_ENDS, ends, strict=True)}
    columns |= {f"{end}_shift": at[0] - at[1:] for end, at in zip(_ENDS, ends, strict=True)}
    with np.errstate(divide="ignore", invalid="ignore"):
        columns |= {f"{end}_ratio": at[0] / at[1:] for end, at in zip(_ENDS, ends, strict=True)}
    p_value, k = weighed.tails(), weighed.pareto_k[1:]
    columns |= {"p_value": p_value, "conflict": p_value < level, "pareto_k": k}
    columns["reliable"] = weighed.reliable(good_k)
    at = np.searchsorted(evidence.all_rows, rows)
    for name, values in columns.items():
        # Claims that are not used have none of this: blanks, not numbers.
        blank = np.ones(len(frame), np.bool_)
        blank[at] = False
        whole = np.zeros(len(frame), values.dtype)
        whole[at] = values
        frame[name] = _with_blanks(whole, blank)
    frame["note"] = ""
    for row, one, reliable in zip(rows.tolist(), k.tolist(), columns["reliable"], strict=True):
        if not reliable:
            frame.loc[row, "note"] = (
                f"Pareto k is {one:.2f}, above {good_k:.2f}: only a refit can tell, "
                f"estimate(claims.without(rows=[{row}]))"
            )
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
