"""From claims to tolls: `estimate`, and the `Estimate` it returns."""

import difflib
import warnings
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import NDArray

from tollest import _text
from tollest._arrays import Flags, Floats, Integers
from tollest._files import replacing
from tollest._progress import Reporter
from tollest.claims.table import APART, Claims
from tollest.engines import AbstractEngine, NestedLaplace, ThetaDraws
from tollest.engines.importance import round_size
from tollest.engines.settling import settled_for_tolls
from tollest.estimation import archive, certainties, sources
from tollest.estimation.conflicts import Conflict, find_conflicts
from tollest.estimation.draws import TollDraws
from tollest.estimation.masses import (
    Masses,
    TollMasses,
    several_quantiles,
    whole,
)
from tollest.estimation.remarks import remarks
from tollest.estimation.totals import Totals, labelled
from tollest.model.posterior import Model, Posterior
from tollest.priors import Censored, Never

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from narwhals.typing import IntoDataFrame

_MOST_IMPUTATIONS = 100_000


class DoubtfulEstimate(UserWarning):
    """An estimate whose computation is not good enough to be relied on."""


class FailedEstimate(RuntimeError):
    """The unknowns could not be drawn; there is no estimate."""


def estimate(
    claims: Claims,
    *,
    model: Model | None = None,
    engine: AbstractEngine | None = None,
    rng: int | np.random.Generator | None = None,
    progress: bool = True,
) -> "Estimate":
    """Posterior of the tolls of all locations, and of the sources' habits, given claims.

    Parameters
    ----------
    claims : Claims
        The evidence.
    model : Model, optional
        The assumptions; ``Model()`` if left out.
    engine : engine, optional
        How to compute; ``engines.NestedLaplace()`` if left out, which goes on to NUTS by itself.
    rng : int, numpy.random.Generator or None
        The same seed gives the same answer, on any number of threads.
    progress : bool
        Whether to show progress, on standard error, after two seconds.

    Returns
    -------
    Estimate

    Raises
    ------
    FailedEstimate
        If the engine finds no draws, as under priors that the claims contradict beyond all scales.
    TypeError
        If an argument is of another type, such as a dataframe in place of claims.
    ValueError
        If `rng` is negative, or the model names a source that makes no claim.

    Warns
    -----
    DoubtfulEstimate
        If the computation is not good enough; the estimate repeats it wherever it is shown.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"location": ["Arden"], "source": ["clinic"], "count": [11]})
    >>> tolls = estimate(Claims.from_table(table), rng=1).table(ci_prob=0.9)
    >>> bool(tolls.loc["Arden", "lower"] < 11 < tolls.loc["Arden", "upper"])
    True
    """
    _check_arguments(claims, model, engine, rng)
    posterior = (model or Model()).given(claims)
    generator = np.random.default_rng(rng)
    engine_rng, draws_rng = generator.spawn(2)
    with Reporter(progress) as reporter:
        engine = engine or NestedLaplace()
        try:
            theta = engine.run(posterior, engine_rng, reporter)
        except (np.linalg.LinAlgError, FloatingPointError, RuntimeError) as error:
            raise FailedEstimate(
                f"{type(engine).__name__} found no draws of the unknowns: {error}. Are the priors "
                "far from what the claims say? Look at model.priors, or try another engine, such "
                "as engines.NUTS()."
            ) from error
        reporter.update("Tolls", 1.0)
        centre = np.median(theta.flat, axis=0)
        posterior = settled_for_tolls(posterior, centre)
        seed = int(rng) if isinstance(rng, int | np.integer) else None
        result = Estimate(posterior, theta, int(draws_rng.integers(2**63)), seed, engine)
        result.masses  # noqa: B018 - computed while progress is shown
    if theta.doubts:
        warnings.warn(" ".join(theta.doubts), DoubtfulEstimate, stacklevel=2)
    return result


def _check_arguments(claims: object, model: object, engine: object, rng: object) -> None:
    """Refuse arguments of other types, and say what to give instead."""
    if not isinstance(claims, Claims):
        kind = type(claims).__name__
        raise TypeError(f"claims is a {kind}; use Claims.from_table(table) or Claims.read(path).")
    if not (model is None or isinstance(model, Model)):
        raise TypeError(f"model is {model!r}; give a Model, such as Model().")
    runs = callable(getattr(engine, "run", None)) and not isinstance(engine, type)
    if not (engine is None or runs):
        raise TypeError(f"engine is {engine!r}; give an engine, such as engines.NUTS().")
    whole_number = isinstance(rng, int | np.integer) and not isinstance(rng, bool)
    if not (rng is None or whole_number or isinstance(rng, np.random.Generator)):
        raise TypeError(f"rng is {rng!r}; it is a whole number, a numpy Generator or None.")
    if isinstance(rng, int | np.integer) and rng < 0:
        raise ValueError(f"rng is {rng}; a seed is 0 or more.")


@dataclass(frozen=True, eq=False)
class Estimate:
    """Posterior of the tolls: intervals, mass functions, totals, sources and draws.

    Made by `estimate`. Mass functions of single tolls are exact given each draw of theta and
    are averaged over the draws; totals come from joint draws.

    Attributes
    ----------
    posterior : Posterior
        The model and the claims.
    theta : ThetaDraws
        Draws of the continuous unknowns, and how they were made.
    entropy : int
        Seed of the joint draws.
    seed : int or None
        The whole number that `estimate` was given as `rng`, from which it gives all of this
        again; None where it was given another `rng`, or none.
    engine : engine or None
        How theta was drawn, with all settings; None where that is not known, as after loading
        an estimate by an engine that is not of `tollest.engines`, or holds draws of its own.
    """

    posterior: Posterior
    theta: ThetaDraws
    entropy: int
    seed: int | None = None
    engine: AbstractEngine | None = None

    @property
    def claims(self) -> Claims:
        """The evidence."""
        return self.posterior.claims

    @property
    def model(self) -> Model:
        """The assumptions, with the support that sums over tolls ran on."""
        return self.posterior.model

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why the computation should not be relied on; empty where it can be."""
        return self.theta.doubts

    @cached_property
    def theta_used(self) -> Floats:
        """Draws of theta that tolls are averaged over, shape (n_used, n_theta)."""
        flat = self.theta.flat
        n_used = min(len(flat), round_size(self.posterior))
        return flat[np.linspace(0, len(flat) - 1, n_used).astype(np.int64)]

    @property
    def masses(self) -> Masses:
        """Posterior mass functions; ``posterior.patterns`` is the row of each location's."""
        return self._tolls.masses

    @cached_property
    def _tolls(self) -> TollDraws:
        return TollDraws(self.posterior, self.theta_used, self.entropy)

    def toll_draws(self, thetas: Floats, start: int = 0) -> Integers:
        """One joint draw of all tolls for each theta, shape (n_draws, n_locations).

        They are the draws numbered from `start`, each with random numbers of its own.
        """
        return self._tolls.given(thetas, start)

    def _of_locations(self, per_pattern: NDArray[np.generic]) -> "pd.Series":
        import pandas as pd

        index = pd.Index(self.claims.locations, name="location")
        return pd.Series(per_pattern[self.posterior.patterns], index=index)

    def table(self, ci_prob: float = 0.9, ci_kind: str = "eti") -> "pd.DataFrame":
        """Tolls of all locations with their credible intervals.

        Parameters
        ----------
        ci_prob : float
            Probability inside the interval.
        ci_kind : {"eti", "hdi"}
            Equal tails, or the shortest interval.

        Returns
        -------
        pandas.DataFrame
            Indexed by location, with the columns

            ``median, lower, upper, mean``
                Of the toll, in deaths. The mean is infinite where neither a claim nor a cap
                bounds the toll from above: there it is the prior's.
            ``n_claims, n_figures``
                Claims in evidence, and distinct numbers among them.
            ``documented``
                Deaths that are certain; never an estimate.
            ``prior_share``
                Variance of the log toll over its variance before any claim on the location:
                near 0 the claims speak, near 1 the prior.
            ``common_bias_share``
                Share of that variance owed to the bias common to all sources.

            ``attrs`` names `ci_prob` and `ci_kind`.

        Raises
        ------
        ValueError
            If `ci_prob` or `ci_kind` is not a valid level or kind.
        """
        asked = (ci_prob, ci_kind)
        if asked not in self._last_table:
            made = self._tabulated(ci_prob, ci_kind)
            self._last_table.clear()
            self._last_table[asked] = made
        return self._last_table[asked].copy(deep=False)  # copied where it is written to

    @cached_property
    def _last_table(self) -> "dict[tuple[float, str], pd.DataFrame]":
        """The last table that was made, by its level and kind: reports ask for it repeatedly."""
        return {}

    def _tabulated(self, ci_prob: float, ci_kind: str) -> "pd.DataFrame":
        import pandas as pd

        masses, patterns = self.masses, self.posterior.patterns
        lower, upper = masses.interval(ci_prob, ci_kind)
        variance = masses.log_variance()[patterns]
        verified = self.claims.verified >= 0
        common = self._values("common_bias").var()
        mean = np.where(self.is_open, np.inf, masses.mean()[patterns])
        mean = np.where(verified, self.claims.verified, mean)  # without the rounding of a sum
        with np.errstate(divide="ignore", invalid="ignore"):
            prior_share = np.clip(variance / self._tolls.prior_variance, 0.0, 1.0)
            common_share = np.clip(common / variance, 0.0, 1.0)
        table = pd.DataFrame(
            {
                "median": masses.quantile(0.5)[patterns],
                "lower": lower[patterns],
                "upper": upper[patterns],
                "mean": mean,
                "n_claims": self.claims.claims_per_location,
                "n_figures": self.claims.n_figures,
                "documented": certainties.documented(self.claims),
                "prior_share": np.where(verified, 0.0, prior_share),
                "common_bias_share": np.where(verified, 0.0, common_share),
            },
            index=pd.Index(self.claims.locations, name="location"),
        )
        table.attrs.update(ci_prob=ci_prob, ci_kind=ci_kind)
        return table

    def to_parquet(self, path: str | Path, ci_prob: float = 0.9, ci_kind: str = "eti") -> None:
        """Write the table of tolls to a Parquet file, its level and kind in the file's metadata.

        Parameters
        ----------
        path : path
            Where to write.
        ci_prob, ci_kind
            As in `table`.

        Raises
        ------
        FileNotFoundError
            If there is no such folder.
        ValueError
            If the name does not end in ``.parquet``, or `ci_prob` or
            `ci_kind` is not a valid level or kind.
        """
        import pyarrow as pa
        from pyarrow import parquet

        archive.check_path(path, ".parquet")
        table = pa.Table.from_pandas(self.table(ci_prob, ci_kind).reset_index())
        told = {"ci_prob": str(ci_prob), "ci_kind": ci_kind, "computed_by": self.theta.summary}
        told |= {"doubts": " ".join(self.doubts)} if self.doubts else {}
        known = table.schema.metadata or {}
        with replacing(path) as partial:
            parquet.write_table(table.replace_schema_metadata(known | told), partial)

    def pmf(self, location: str) -> "pd.DataFrame":
        """Posterior mass function of one location's toll.

        Parameters
        ----------
        location : str
            One of ``claims.locations``.

        Returns
        -------
        pandas.DataFrame
            A row for each bin of tolls with any mass: ``first``, ``last`` (both included, and
            equal up to some hundreds) and ``probability``.

        Raises
        ------
        KeyError
            If there is no such location.
        """
        import pandas as pd

        pattern = self.posterior.patterns[self.position(location)]
        masses = self.masses.rows(np.array([pattern]))
        probability = masses.masses[0]
        keep = probability > 0
        first, last = masses.first[keep], masses.last[keep]
        return pd.DataFrame({"first": first, "last": last, "probability": probability[keep]})

    def quantile(self, q: float | Sequence[float]) -> "pd.Series | pd.DataFrame":
        """Quantiles of every toll: the smallest number with at least probability `q` up to it.

        Returns
        -------
        pandas.Series or pandas.DataFrame
            Indexed by location; a DataFrame with a column for each of several `q`.

        Raises
        ------
        ValueError
            If a `q` is not between 0 and 1.
        """
        return several_quantiles(q, lambda p: self._of_locations(self.masses.quantile(p)))

    def probability(self, *, at_least: int) -> "pd.Series":
        """Probability that each toll is `at_least` or more, indexed by location."""
        return self._of_locations(self.masses.at_least(whole(at_least)))

    def sources(self, ci_prob: float = 0.9) -> "pd.DataFrame":
        """Habits of every source, each with its equal-tailed credible interval.

        Parameters
        ----------
        ci_prob : float
            Probability inside the intervals.

        Returns
        -------
        pandas.DataFrame
            Indexed by source. ``share`` is what it counts of the true toll, in the middle: 0.8
            misses 20 %. It has two parts: ``bias``, by which it differs from what all sources get
            wrong alike, and their common bias, which is known by its prior alone unless tolls are
            verified. ``scatter`` is the scale of the
            source's own error on the log1p axis: 0.15 is about 15 %. ``repeat`` is the
            probability that a count repeats the figure in circulation. Each is a posterior
            median, with ``_lower`` and ``_upper``; ``n_claims`` counts claims that may err.
            Where locations have sides, ``bias`` is what those of all sides have in common:
            `sources_by_side` has each side's.

        Raises
        ------
        ValueError
            If `ci_prob` is not between 0 and 1.
        """
        n_claims = np.bincount(self.claims.source_index, minlength=self.claims.n_sources)
        return sources.sources_table(self.claims.sources, n_claims, self._habits(), ci_prob)

    def effects(self, ci_prob: float = 0.9) -> "pd.DataFrame":
        """Tell what tolls hang on: each covariate's effect, with its equal-tailed interval.

        Parameters
        ----------
        ci_prob : float
            Probability inside the intervals.

        Returns
        -------
        pandas.DataFrame
            Indexed by covariate. ``effect`` multiplies a typical toll (toll + 1, to be exact)
            for one standard deviation more of the covariate, with ``effect_lower`` and
            ``effect_upper``; ``mean`` and ``sd`` of the covariate say how much that is. An
            effect is an association among these locations, not a cause.

        Raises
        ------
        ValueError
            If `ci_prob` is not between 0 and 1, or the claims have no covariates.
        """
        import pandas as pd

        names = self.claims.covariate_names
        if not names:
            raise ValueError("the claims have no covariates; see tollest.Claims.with_covariates.")
        of_covariates = self.posterior.layout.effect_index[: len(self.claims.covariate_names)]
        effect = np.exp(self.theta.flat[:, of_covariates])
        index = pd.Index(names, name="covariate")
        frame = sources.intervals(index, {"effect": effect}, ci_prob)
        frame["mean"], frame["sd"] = self.claims.record.rows.design.covariate_units
        return frame

    def sources_by_side(self, ci_prob: float = 0.9) -> "pd.DataFrame":
        """Bias of every source by the side whose dead it counts.

        Parameters
        ----------
        ci_prob : float
            Probability inside the intervals.

        Returns
        -------
        pandas.DataFrame
            Indexed by source and side, ``""`` being locations of no side. ``share`` of the toll
            and ``bias`` as in `sources`, with ``_lower`` and ``_upper``; ``n_claims`` counts
            claims that may err.

        Raises
        ------
        ValueError
            If `ci_prob` is not between 0 and 1, or the claims have no sides.
        """
        if not self.claims.sides:
            raise ValueError(
                "the claims have no sides; give Claims.from_table a column 'side', or "
                "columns={'side': ...} for whatever a source's bias may depend on."
            )
        bias, common = self._values("bias"), self._values("common_bias")
        drawn = {"share": np.exp(bias + common[:, None]), "bias": np.exp(bias)}
        n_claims = self.posterior.names.n_claims
        return sources.sources_table(self.claims.voices, n_claims, drawn, ci_prob)

    def shortfalls(self, ci_prob: float = 0.9) -> "pd.DataFrame":
        """By how much bounds and lists of names miss the toll, with equal-tailed intervals.

        Parameters
        ----------
        ci_prob : float
            Probability inside the intervals.

        Returns
        -------
        pandas.DataFrame
            A row for ``"bounds"``, one for ``"lists of names"``, and where claims have an age
            three for what is known ``"at the onset"``, ``"after a day"`` and ``"after a week"``;
            none where there are no such claims, or they are mere limits: ``factor``, which half
            of all tolls exceed such a number by, and half do not; ``factor_lower,
            factor_upper``; ``n_claims``, how many there are, of any age. Of "at most" the factor
            is that by which the number exceeds the toll.

        Raises
        ------
        ValueError
            If `ci_prob` is not between 0 and 1.
        """
        claims, priors = self.claims, self.model.priors
        drawn = {}
        if claims.has_bounds and not isinstance(priors.log_shortfall, Censored):
            drawn["bounds"] = self._values("log_shortfall"), int(claims.is_bound.sum())
        if claims.has_lists and not isinstance(priors.log_list_shortfall, Censored):
            n_lists = int((claims.documented > 0).sum())
            drawn["lists of names"] = self._values("log_list_shortfall"), n_lists
        if claims.has_ages and not isinstance(priors.log_early_shortfall, Never):
            n_early, scale = (
                int(np.isfinite(claims.age).sum()),
                self._values("log_early_shortfall"),
            )
            halving = np.exp(self._values("log_halving"))
            for kind, days in (("at the onset", 0.0), ("after a day", 1.0), ("after a week", 7.0)):
                drawn[kind] = scale - np.log1p(days / halving), n_early
        return sources.shortfalls_table(drawn, ci_prob)

    def _habits(self) -> dict[str, Floats]:
        """Bias as a multiplier, scatter and repeat probability, each (n_draws, n_sources)."""
        never = isinstance(self.model.priors.logit_repeat, Never)
        return sources.natural(self.posterior.layout_of_sources, self.theta.flat, never=never)

    def _values(self, name: str) -> Floats:
        """Draws of one of the kernels' parameters, shape (n_draws, size) or (n_draws,)."""
        return sources.values(self.posterior.layout, self.theta.flat, name)

    @cached_property
    def conflicts(self) -> tuple[Conflict, ...]:
        """Locations whose claims no usual error makes one number of, with where their tolls lie.

        Claims are in conflict where a gap between them is one that errors of their sources exceed
        with a probability below 0.001, or below 0.02 where the posterior has two humps besides.
        Errors are those learnt, of sources with five claims or more, else those of the prior.
        Bounds, denials and claims of early ages are left out.
        """

        def masses_of(places: Integers) -> TollMasses:
            return self.masses.rows(self.posterior.patterns[places])

        return find_conflicts(self.posterior, self.theta.flat, masses_of)

    @cached_property
    def is_open(self) -> Flags:
        """Whether nothing but the prior bounds a toll from above, shape (n_locations,)."""
        return certainties.is_open(self.claims, self.model.priors)

    def draws(self, n: int | None = None) -> Integers:
        """Joint draws of all tolls: each row one state of the world.

        Parameters
        ----------
        n : int, optional
            Number of draws; by default as many as tolls were averaged over. More draws than
            there are draws of theta go through these again.

        Returns
        -------
        ndarray of int, shape (n, n_locations)
            The same at every call. Draw ``i`` does not depend on `n` where `n` is at most the
            default.

        Raises
        ------
        ValueError
            If `n` is not a positive whole number.
        """
        n = len(self.theta_used) if n is None else whole(n, least=1)
        return self._tolls.between(0, n)

    def draws_by_chain(self) -> Integers:
        """One joint draw of all tolls for every draw of theta.

        Returns
        -------
        ndarray of int, shape (n_chains, n_draws, n_locations)
        """
        return self.toll_draws(self.theta.flat).reshape(*self.theta.theta.shape[:2], -1)

    def total(self, by: Mapping[str, Hashable] | Sequence[Hashable] | None = None) -> "Totals":
        """Tolls added up over locations, from joint draws; never by adding bounds.

        Parameters
        ----------
        by : mapping or sequence, optional
            Label of each location, as a mapping from location to label (a dict, or a pandas
            Series indexed by location) or a sequence in the order of ``claims.locations``.
            Without it, the total of all. A part of what has the same label is in that already,
            and not added again; where its whole has another label, both hold it.

        Returns
        -------
        Totals
            With the methods of an estimate, one row a label.

        Raises
        ------
        ValueError
            If `by` leaves locations without a label, or has another length.
        """
        return self._total if by is None else self._added_up(by)

    @cached_property
    def _total(self) -> Totals:
        return self._added_up(None)

    def _added_up(self, by: Mapping[str, Hashable] | Sequence[Hashable] | None) -> Totals:
        names, index = labelled(self.claims.locations, by)
        claims = self.claims
        # Parts are in their wholes already, or in what these are parts of.
        tops = np.flatnonzero(certainties.is_top(claims.parent, index))

        def added(values: Flags | Integers, rows: slice | Integers = tops) -> Integers:
            # Sums of whole numbers below 2^53 are exact in floats.
            sums = np.bincount(index[rows], weights=values[rows], minlength=len(names))
            return sums.astype(np.int64)

        samples = np.empty((len(self.theta_used), len(names)), np.int64)
        for block, draws in self._tolls.blocks():
            samples[block] = [added(tolls) for tolls in draws]
        return Totals(
            names=names,
            samples=samples,
            n_locations=np.bincount(index[tops], minlength=len(names)),
            n_silent=added(claims.claims_per_location == 0),
            n_claims=added(claims.claims_per_location, slice(None)),
            documented=added(certainties.certain_deaths(claims)),
            n_open=added(self.is_open),
            computed_by=self.theta.summary,
            doubts=self.doubts,
            n_single=added(self._is_single),
        )

    @property
    def _is_single(self) -> Flags:
        """Whether one source alone tells of a location, where several might."""
        claims = self.claims
        can_be = claims.n_sources > 1 and not claims.is_nested
        return np.asarray((claims.claims_per_location == 1) & can_be, np.bool_)

    def imputations(self, m: int = 20) -> "pd.DataFrame":
        """Joint draws of all tolls as multiple imputations, for `pool`.

        Parameters
        ----------
        m : int
            Imputations, evenly spaced over the joint draws.

        Returns
        -------
        pandas.DataFrame
            Indexed by location, a column for each imputation, from 0. The same at every call.

        Raises
        ------
        ValueError
            If `m` is not a whole number of 2 or more, or above 100,000.

        Notes
        -----
        Imputations know what claims and the model say of a toll. An analysis that relates
        tolls to something the model does not know of, in a regression on it or of it, is drawn
        towards no relation, the more so the larger ``prior_share`` is in `table` [1]_. Groups
        in the claims make the model know.

        References
        ----------
        .. [1] Meng, X.-L. (1994). Multiple-imputation inferences with uncongenial sources of
           input. *Statistical Science* 9(4), 538-558. https://doi.org/10.1214/ss/1177010269
        """
        import pandas as pd

        m, n_draws = whole(m, least=2), len(self.theta_used)
        if m > _MOST_IMPUTATIONS:
            raise ValueError(f"m is {m}; of {_MOST_IMPUTATIONS:,} imputations more tell nothing.")
        chosen = np.arange(m) if m > n_draws else np.arange(m) * n_draws // m
        draws = np.concatenate([self._tolls.between(i, i + 1) for i in chosen.tolist()])
        index = pd.Index(self.claims.locations, name="location")
        return pd.DataFrame(draws.T, index=index, columns=pd.RangeIndex(m, name="imputation"))

    def draws_frame(
        self, n: int | None = None, *, backend: Literal["pandas", "polars", "pyarrow"] = "pandas"
    ) -> "IntoDataFrame":
        """Joint draws of all tolls as a long dataframe.

        Parameters
        ----------
        n : int, optional
            Number of draws, as in `draws`.
        backend : {"pandas", "polars", "pyarrow"}
            The library whose dataframe is wanted.

        Returns
        -------
        dataframe of `backend`
            Columns ``draw`` (from 0), ``location`` and ``toll``, a row for each draw of each
            location. For xarray see `to_datatree`.

        Raises
        ------
        ValueError
            If `n` is not a positive whole number, or `backend` is unknown.
        ImportError
            If `backend` is not installed.
        """
        import narwhals as nw

        draws = self.draws(n)
        n_draws, n_locations = draws.shape
        position = np.tile(np.arange(n_locations), n_draws)
        if backend not in ("pandas", "polars", "pyarrow"):
            raise ValueError(f"backend is {backend!r}; it is 'pandas', 'polars' or 'pyarrow'.")
        names = nw.new_series("location", list(self.claims.locations), nw.String, backend=backend)
        draw = np.repeat(np.arange(n_draws), n_locations)
        columns = {"draw": draw, "toll": draws.ravel()}
        frame = nw.from_dict(columns, backend=backend)
        frame = frame.with_columns(names[position].alias("location"))
        out: IntoDataFrame = frame.select("draw", "location", "toll").to_native()
        return out

    def to_datatree(self) -> "xr.DataTree":
        """Draws of all unknowns and tolls, with the claims, in ArviZ's conventions.

        Returns
        -------
        xarray.DataTree
            Groups ``posterior`` (dims ``chain, draw`` and ``source``, ``location``, ``group``),
            ``observed_data`` and ``constant_data`` (the claims) and ``sample_stats``.
        """
        return archive.to_datatree(self.posterior, self.theta, self.draws_by_chain())

    def save(self, path: str | Path) -> None:
        """Write everything to a netCDF file that `load` reads back.

        The file is the DataTree of `to_datatree`, with the model and all claims beside it.

        Raises
        ------
        FileNotFoundError
            If there is no such folder.
        ValueError
            If the name does not end in ``.nc``.
        """
        archive.check_path(path)
        tree = self.to_datatree()
        archive.save(
            self.posterior, self.theta, self.entropy, tree, path, seed=self.seed,
            engine=self.engine,
        )  # fmt: skip

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read an estimate that `save` wrote; its tables and draws are the same.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If the file was not written by `save`.
        """
        return cls(*archive.load_archive(path))

    def position(self, location: str) -> int:
        """Position of a location among those of the claims.

        Raises
        ------
        KeyError
            If there is no such location.
        """
        try:
            return self.claims.locations.index(location)
        except ValueError:
            by_form = {name.casefold(): name for name in self.claims.locations}
            near = difflib.get_close_matches(str(location).casefold(), by_form)
            names = ", ".join(repr(by_form[form]) for form in near)
            raise KeyError(
                f"{location!r} is none of the {self.claims.n_locations} locations"
                + (f"; near it are {names}" if near else "")
            ) from None

    def __repr__(self) -> str:
        """Give the answer as text, with its level, its method and every warning."""
        claims = self.claims
        head = (
            f"Estimate of {_text.plural(claims.n_locations, 'toll')} from "
            f"{_text.plural(int(claims.claims_per_location.sum()), 'claim')}"
        )
        table = self.table()
        notes = [
            _text.named(remark.of_several, remark.locations) for remark in remarks(self, table)
        ]
        if claims.are_apart:
            notes.append(f"{APART[0].upper()}{APART[1:]}.")
        table = table.assign(verified=claims.verified)
        return _text.result_text(head, table, self.theta.summary, notes, self.doubts)

    def with_model(self, model: Model) -> "Estimate":
        """Tolls of the same draws of theta under another support: a check, not a refit.

        Raises
        ------
        ValueError
            If `model` differs in more than its support.
        """
        if replace(model, support=self.model.support) != self.model:
            raise ValueError("model differs in more than its support; estimate anew instead.")
        return replace(self, posterior=self.posterior.on(model.support))
