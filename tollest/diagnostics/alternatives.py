"""How the answers move under other assumptions: the same claims, estimated anew under each."""

import math
import warnings
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tollest import _text, noise
from tollest._progress import Reporter
from tollest.claims.table import Claims
from tollest.engines import AbstractEngine, NestedLaplace, ThetaDraws
from tollest.estimation.masses import check_interval
from tollest.estimation.results import DoubtfulEstimate, Estimate, estimate
from tollest.estimation.totals import ALL, labelled
from tollest.model.posterior import Model, Posterior
from tollest.priors import Censored, Fixed, HalfNormal, Never, Normal, Pooled, Priors

if TYPE_CHECKING:
    import pandas as pd

AS_GIVEN = "as given"

_SHOWN = 40  # rows


def usual_alternatives(model: Model | None = None) -> dict[str, Model]:
    """Models that differ from one in a single assumption each.

    Parameters
    ----------
    model : Model, optional
        The one they depart from; ``Model()`` if left out.

    Returns
    -------
    dict of str to Model
        The common bias known to be 0, and with a standard deviation of 0.1 and of 0.3 around
        its prior's mean; everyone counting too few, by about 18 %, give or take 10 (a common
        bias of ``Normal(-0.2, 0.1)``: claims and figures lie below the tolls, so that tolls
        come out higher); other errors; no figure in circulation, so that sources that agree are
        independent; source biases with a population twice as wide; log-normal tolls. Those equal
        to `model` are left out.

    Examples
    --------
    One assumption more, beside the usual ones:

    >>> from tollest import priors
    >>> heavier = Model(toll=noise.StudentT(3.0))
    >>> list({**usual_alternatives(), "tolls of Student t": heavier})[:2]
    ['common bias 0', 'common bias sd 0.3']
    """
    model = model or Model()
    priors = model.priors
    bias = priors.common_bias
    centre = bias.mean if isinstance(bias, Normal) else bias.value
    spread = priors.bias.sd
    wider = HalfNormal(2.0 * spread.sd) if isinstance(spread, HalfNormal) else Fixed(
        2.0 * spread.value
    )  # fmt: skip
    never = isinstance(priors.logit_repeat, Never)

    def with_priors(**changes: object) -> Model:
        return replace(model, priors=replace(priors, **changes))  # type: ignore[arg-type]

    candidates = {
        "common bias 0": with_priors(common_bias=Fixed(0.0)),
        "common bias sd 0.1": with_priors(common_bias=Normal(centre, 0.1)),
        "common bias sd 0.3": with_priors(common_bias=Normal(centre, 0.3)),
        "everyone counts too few": with_priors(common_bias=Normal(-0.2, 0.1)),
        "logistic errors": replace(model, noise=noise.Logistic()),
        "normal errors": replace(model, noise=noise.Normal()),
        "Student t errors, df 4": replace(model, noise=noise.StudentT(4.0)),
        "no figure": with_priors(logit_repeat=Never()),
        "a figure": with_priors(logit_repeat=Priors().logit_repeat) if never else model,
        "no changed copies": with_priors(logit_near_copy=Never()),
        "bounds as limits": with_priors(log_shortfall=Censored()),
        "lists as floors": with_priors(log_list_shortfall=Censored()),
        "no denials": with_priors(logit_denial=Never()),
        "early numbers as late ones": with_priors(log_early_shortfall=Never()),
        "no error of locations": with_priors(log_location_error=Never()),
        "source biases twice as wide": with_priors(bias=Pooled(priors.bias.mean, wider)),
        "log-logistic tolls": replace(model, toll=noise.Logistic()),
        "log-normal tolls": replace(model, toll=noise.Normal()),
    }
    return {name: other for name, other in candidates.items() if other != model}


def sensitivity(
    claims: Claims,
    *,
    model: Model | None = None,
    alternatives: Mapping[str, Model] | None = None,
    by: Mapping[str, Hashable] | Sequence[Hashable] | None = None,
    engine: AbstractEngine | None = None,
    rng: int | np.random.Generator | None = None,
    ci_prob: float = 0.9,
    progress: bool = True,
) -> "Sensitivity":
    """Estimate the same claims under other assumptions, and lay the answers side by side.

    Parameters
    ----------
    claims : Claims
        The evidence.
    model : Model, optional
        The assumptions to depart from; ``Model()`` if left out.
    alternatives : mapping of str to Model, optional
        Other assumptions by name; `usual_alternatives` of `model` if left out, but for those of
        what no claim is: bounds, lists of names, claims of 0, of the first days.
    by : mapping or sequence, optional
        Label of each location, as in `Estimate.total`. Without it, the total of all.
    engine : engine, optional
        How to compute, as in `estimate`.
    rng : int, numpy.random.Generator or None
        The same seed gives the same answer. The first row is what `estimate` gives with it; an
        alternative's draws depend on its position alone, so that more can be added at the end.
    ci_prob : float
        Probability inside the intervals, which have equal tails.
    progress : bool
        Whether to show progress, on standard error, after two seconds.

    Returns
    -------
    Sensitivity

    Raises
    ------
    ValueError
        If an alternative is no model, cannot be had with these claims, or is called
        ``"as given"``; or if `by` or `ci_prob` is none. Nothing is computed before.

    Warns
    -----
    DoubtfulEstimate
        Once, if the computation of any row is not good enough; the result says which.

    Notes
    -----
    Each row is an estimate of its own, Monte Carlo error included: medians that differ by some
    hundredths of an interval's width do not differ.
    """
    check_interval(ci_prob, "eti")
    labelled(claims.locations, by)
    model = model or Model()
    usual = alternatives is None
    others = _that_matter(usual_alternatives(model), claims) if usual else dict(alternatives or {})
    _check(others, claims)
    models = {AS_GIVEN: model, **others}
    root = np.random.default_rng(rng)
    pieces, doubts = [], {}
    with Reporter(progress) as reporter:
        for i, (name, other) in enumerate(models.items()):
            # The first takes its two streams of the root; children of the rest come after.
            generator = root if i == 0 else root.spawn(1)[0]
            stage = _Stage(reporter, name, i, len(models))
            result = _estimate(claims, other, _Staged(engine or NestedLaplace(), stage), generator)
            pieces.append(_answers(result, by, ci_prob))
            doubts[name] = result.doubts
    totals, locations = (
        _side_by_side([piece[k] for piece in pieces], list(models), ci_prob) for k in (0, 1)
    )
    answer = Sensitivity(models=models, totals=totals, tolls=locations, doubts_of=doubts)
    if answer.doubts:
        warnings.warn(" ".join(answer.doubts), DoubtfulEstimate, stacklevel=2)
    return answer


def _that_matter(others: Mapping[str, Model], claims: Claims) -> dict[str, Model]:
    """Leave out alternatives on what no claim is."""
    is_used = {
        "bounds as limits": claims.has_bounds,
        "lists as floors": claims.has_lists,
        "no denials": claims.has_zeros,
        "early numbers as late ones": claims.has_ages,
        "no error of locations": claims.has_verified,
    }
    return {name: other for name, other in others.items() if is_used.get(name, True)}


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """Totals and tolls under several models, side by side.

    Made by `sensitivity`.

    Attributes
    ----------
    models : mapping of str to Model
        The models by name, the one given first.
    totals, tolls : pandas.DataFrame
        What `table` and `locations` return copies of.
    doubts_of : mapping of str to tuple of str
        Why the computation under each model should not be relied on; empty where it can be.
    """

    models: Mapping[str, Model]
    totals: "pd.DataFrame"
    tolls: "pd.DataFrame"
    doubts_of: Mapping[str, tuple[str, ...]]

    @property
    def doubts(self) -> tuple[str, ...]:
        """Every doubt, with the name of the model it is about."""
        return tuple(
            f"{name}: {doubt}" for name, doubts in self.doubts_of.items() for doubt in doubts
        )

    def table(self) -> "pd.DataFrame":
        """Totals under each model.

        Returns
        -------
        pandas.DataFrame
            Indexed by ``total`` and ``model``: ``median, lower, upper`` in deaths; ``ratio``, of
            the median to the one as given; ``width``, of the interval on the log1p scale,
            over that as given. ``attrs`` names `ci_prob` and `ci_kind`.
        """
        return self.totals.copy()

    def locations(self) -> "pd.DataFrame":
        """Tolls under each model, in the columns of `table`, by ``location`` and ``model``."""
        return self.tolls.copy()

    def __repr__(self) -> str:
        """Show the totals under each model, with their level and every warning."""
        import pandas as pd

        table = self.totals
        n = len(table) // len(self.models)
        head = (
            f"{_text.plural(n, 'total')} under {_text.plural(len(self.models), 'model')}; "
            f"{100 * table.attrs['ci_prob']:g} % equal-tailed credible intervals."
        )
        shown = table.head(_SHOWN)
        cells = pd.DataFrame(
            {name: [f"{x:,}" for x in shown[name]] for name in ("median", "lower", "upper")}
            | {name: [f"{x:.2f}" for x in shown[name]] for name in ("ratio", "width")}
        )
        cells.index = pd.Index(
            [
                str(model) if total == ALL else f"{_text.short(str(total))}: {model}"
                for total, model in shown.index
            ]
        )
        lines = [head, str(cells.to_string())]
        if len(table) > _SHOWN:
            lines.append(f"... and {len(table) - _SHOWN:,} more; see table().")
        lines.append(
            f'Ratio of the median, and width of the interval on the log scale, to "{AS_GIVEN}". '
            "Single tolls: locations()."
        )
        lines += [f"DOUBTFUL: {doubt}" for doubt in self.doubts]
        return "\n".join(lines)


class _Stage(Reporter):
    """Passes progress within one estimate on, as a part of all of them."""

    def __init__(self, whole: Reporter, name: str, position: int, n: int) -> None:
        self._whole, self._name, self._position, self._n = whole, name, position, n

    def update(self, stage: str, share: float) -> None:
        """Say which estimate is under way; `share` is of this one."""
        label = f"{self._position + 1} of {self._n}, {self._name}: {stage}"
        self._whole.update(label, (self._position + share) / self._n)


@dataclass(frozen=True)
class _Staged:
    """An engine that reports to a stage."""

    engine: AbstractEngine
    stage: _Stage

    def run(
        self, posterior: Posterior, rng: np.random.Generator, reporter: Reporter
    ) -> ThetaDraws:
        return self.engine.run(posterior, rng, self.stage)


def _check(alternatives: Mapping[str, Model], claims: Claims) -> None:
    """Refuse alternatives that cannot be estimated, before any is.

    Raises
    ------
    ValueError
        If one is no model, cannot be had with these claims, or has the name of the given one.
    """
    for name, other in alternatives.items():
        if name == AS_GIVEN:
            raise ValueError(f"an alternative is called {name!r}, as the model given is.")
        if not isinstance(other, Model):
            raise ValueError(f"alternative {name!r} is {other!r}; it is a Model.")
        try:
            other.given(claims)
        except ValueError as error:
            raise ValueError(f"alternative {name!r}: {error}") from None


def _estimate(
    claims: Claims, model: Model, engine: AbstractEngine, rng: np.random.Generator
) -> Estimate:
    """Estimate without a warning of its own; what it would say is in its doubts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DoubtfulEstimate)
        return estimate(claims, model=model, engine=engine, rng=rng, progress=False)


def _answers(
    result: Estimate, by: Mapping[str, Hashable] | Sequence[Hashable] | None, ci_prob: float
) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Median and interval of totals and of tolls."""
    import pandas as pd

    ends = {"median": 0.5, "lower": 0.5 - ci_prob / 2, "upper": 0.5 + ci_prob / 2}
    total = result.total(by)
    return (
        pd.DataFrame({name: total.quantile(q) for name, q in ends.items()}),
        pd.DataFrame({name: result.quantile(q) for name, q in ends.items()}),
    )


def _side_by_side(
    pieces: "list[pd.DataFrame]", names: list[str], ci_prob: float
) -> "pd.DataFrame":
    """Rows of several tables, model by model within each total or location."""
    import pandas as pd

    given = pieces[0]

    def log_width(table: "pd.DataFrame") -> "pd.Series":
        return table["upper"].add(1.0).div(table["lower"].add(1.0)).map(math.log)

    wide = []
    for piece in pieces:
        # Nothing over nothing is no change; anything over nothing is infinite.
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = piece["median"] / given["median"]
            width = log_width(piece) / log_width(given)
        wide.append(piece.assign(ratio=ratio.fillna(1.0), width=width.fillna(1.0)))
    n = len(given)
    order = np.arange(n * len(pieces)).reshape(len(pieces), n).T.ravel()
    out = pd.concat(wide).iloc[order]
    rows = pd.Index(given.index.repeat(len(pieces)), tupleize_cols=False)
    out.index = pd.MultiIndex.from_arrays(
        [rows, names * n], names=[given.index.name or "total", "model"]
    )
    out.attrs.update(ci_prob=ci_prob, ci_kind="eti")
    return out
