"""Draws through PyMC: sampled here, or made beforehand from a model that was extended."""

import os
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from tollest._arrays import Floats
from tollest._progress import Reporter
from tollest.engines.base import ThetaDraws, check_counts, check_share
from tollest.engines.nuts import convergence, judge_chains
from tollest.engines.pymc import EFFECTS, held_name, natural_name, on_theta_scale, to_pymc
from tollest.engines.settling import on_settled_support, settled
from tollest.engines.tuning import StartTuning
from tollest.model.layout import Entry
from tollest.model.posterior import Posterior

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class PyMC:
    """The No-U-Turn sampler through PyMC, on the model of `to_pymc`.

    An independent check of the other engines, which share the density with it but neither its
    priors, its coordinates nor its adaptation; it is slower than they are. PyMC samples by
    nutpie unless its settings forbid.

    Parameters
    ----------
    draws, tune : int
        Draws of each chain, after steps of adaptation.
    chains : int
        Chains, run side by side.
    target_accept : float
        Acceptance rate that step sizes adapt to.
    start : StartTuning
        Of the search for a fine enough support; see `tollest.engines.tuning`.

    Raises
    ------
    ValueError
        If there are fewer than 4 draws, no steps of adaptation or chains, or `target_accept` is
        not between 0 and 1.
    """

    draws: int = 1000
    tune: int = 1000
    chains: int = 4
    target_accept: float = 0.9
    start: StartTuning = field(default_factory=StartTuning)

    def __post_init__(self) -> None:
        """Refuse what the sampler cannot do."""
        check_counts(self, draws=4, tune=1, chains=1)
        check_share(self, "target_accept")

    def run(
        self, posterior: Posterior, rng: np.random.Generator, reporter: Reporter
    ) -> ThetaDraws:
        """Draw theta; see `tollest.engines.AbstractEngine`."""
        draws = on_settled_support(
            posterior, lambda working, _: self._run(working, rng, reporter), rng, reporter,
            self.start,
        )  # fmt: skip
        assert draws is not None  # this engine always gives draws
        return draws

    def _run(self, working: Posterior, rng: np.random.Generator, reporter: Reporter) -> ThetaDraws:
        """Draw theta on one support."""
        import pymc as pm

        reporter.update("Sampling with PyMC", 0.0)
        trace = pm.sample(
            self.draws, tune=self.tune, chains=self.chains, model=to_pymc(working),
            cores=min(self.chains, os.cpu_count() or 1), random_seed=int(rng.integers(2**31)),
            target_accept=self.target_accept, progressbar=False, quiet=True,
            compute_convergence_checks=False,
        )  # fmt: skip
        return _read(
            working, trace, "NUTS through PyMC",
            f"Refit with engine=PyMC(draws={4 * self.draws}, target_accept=0.95)",
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class FromTrace:
    """Draws made beforehand, as by ``pm.sample`` from a model of `to_pymc` that was extended.

    Parameters
    ----------
    trace : xarray.DataTree
        With a group ``posterior`` that holds every unknown of `to_pymc` under its name, on
        either scale. Further variables are left aside.

    Notes
    -----
    `run` raises ValueError if the trace lacks unknowns, has other sources or groups than the
    claims, or values that are no numbers. The claims and the model must be those that the
    trace was sampled with; priors alone may differ.
    """

    trace: "xr.DataTree"

    def __post_init__(self) -> None:
        """Refuse what holds no groups."""
        if not hasattr(self.trace, "children"):
            raise TypeError(
                f"trace is a {type(self.trace).__name__}; give what pm.sample returned, or an "
                "xarray.DataTree with a group 'posterior'."
            )

    def run(
        self, posterior: Posterior, rng: np.random.Generator, reporter: Reporter
    ) -> ThetaDraws:
        """Hand on the draws; see `tollest.engines.AbstractEngine`."""
        reporter.update("Reading the trace", 0.0)
        draws = _read(posterior, self.trace, "a trace from PyMC", "Sample the model for longer")
        support = posterior.model.support
        finer = settled(posterior, np.median(draws.flat, axis=0), support)
        if finer.model.support == support:
            return draws
        doubt = (
            f"Sums over tolls ran on {support}, too coarse for scatters as small as these. Build "
            f"the PyMC model from Model(support={finer.model.support}), sample it anew, and give "
            "the same model to estimate."
        )
        return replace(draws, doubts=(*draws.doubts, doubt))


def _read(posterior: Posterior, trace: "xr.DataTree", method: str, advice: str) -> ThetaDraws:
    """Theta from a trace, with what its chains say of their convergence."""
    theta = _theta_of(posterior, trace)
    stats: Any = trace.children.get("sample_stats", {})
    n_divergent = int(stats["diverging"].sum()) if "diverging" in stats else 0
    n_steps = int(stats["n_steps"].sum()) if "n_steps" in stats else 0
    return judge_chains(theta, convergence(theta), n_divergent, n_steps, method, advice, advice)


def _theta_of(posterior: Posterior, trace: "xr.DataTree") -> Floats:
    """Read theta from a trace, shape (n_chains, n_draws, n_theta)."""
    if "posterior" not in trace.children:
        raise ValueError("trace has no group 'posterior'; give what pm.sample returned.")
    held = trace["posterior"].to_dataset()
    names = {entry.name for entry in posterior.entries}
    missing = sorted(
        natural_name(name) for name in names if held_name(name, held.data_vars) is None
    )
    if missing:
        raise ValueError(
            f"trace lacks {', '.join(map(repr, missing))}; it must hold every unknown of "
            "to_pymc(posterior), for the model that is estimated with."
        )
    columns = []
    for name, entries in groupby(posterior.entries, lambda entry: entry.name):
        key = held_name(name, held.data_vars) or name
        values = held[key].transpose("chain", "draw", ...).to_numpy()
        with np.errstate(divide="ignore", invalid="ignore"):
            values = on_theta_scale(name, key, values, np.log)
        if name in EFFECTS:
            values = values[:, :, _members(posterior, key, held[key], list(entries))]
        if not np.isfinite(values).all():
            raise ValueError(
                f"trace holds values of {key!r} that are no numbers on theta's scale."
            )
        columns.append(values.reshape(*values.shape[:2], -1))
    return np.concatenate(columns, axis=2).astype(np.float64)


def _members(
    posterior: Posterior, key: str, values: "xr.DataArray", entries: list[Entry]
) -> list[int]:
    """Positions of sources, or groups, along the last dimension of a variable of a trace."""
    _, known = posterior.dimension(entries[0].name)
    dim = next((str(d) for d in values.dims if d not in ("chain", "draw")), "")
    labels = (
        [str(label) for label in values.coords[dim].to_numpy()] if dim in values.coords else []
    )
    wanted = [entry.member or "" for entry in entries]
    others = sorted(set(labels) - set(known)) + sorted(set(wanted) - set(labels))
    if others:
        raise ValueError(
            f"{key!r} of the trace and the claims differ in {', '.join(map(repr, others))}; the "
            f"claims have {', '.join(map(repr, known))}. Estimate from the claims that the trace "
            "was sampled with."
        )
    return [labels.index(member) for member in wanted]
