"""Draws of the continuous unknowns from their priors."""

import math
from collections.abc import Sequence

import numpy as np

from tollest.model.names import label_of
from tollest.priors import Censored, Fixed, HalfNormal, Never, Normal, Pooled, Priors, Source


def draw_unknowns(
    priors: Priors,
    sources: Sequence[str],
    rng: int | np.random.Generator | None = None,
    *,
    sides: Sequence[str] = (),
    covariates: Sequence[str] = (),
) -> dict[str, float]:
    """Draw all continuous unknowns from their priors.

    Parameters
    ----------
    priors : Priors
        Where to draw from; overrides name some of `sources`.
    sources : sequence of str
        Names of the sources.
    rng : int, Generator or None
        Seed or generator.
    sides : sequence of str
        Names of the sides, on each of which every source has a bias.
    covariates : sequence of str
        Names of the covariates.

    Returns
    -------
    dict of str to float
        Named, and on the unconstrained scale, as `Posterior.theta_names` has them:
        ``"log_tau"``, ``"bias[press]"``. What is fixed is here too.
    """
    rng = np.random.default_rng(rng)
    unknowns = {"mu": _draw(rng, priors.mu), "log_tau": _draw_log_scale(rng, priors.tau)}
    for name in ("bias", "log_scatter", "logit_repeat"):
        unknowns |= _draw_pooled(priors, name, sources, rng)
    unknowns["log_figure_scatter"] = _draw(rng, priors.log_figure_scatter)
    unknowns["common_bias"] = _draw(rng, priors.common_bias)
    unknowns |= {f"effect[{name}]": _draw(rng, priors.effect) for name in covariates}
    if sides:
        unknowns["log_side_sd"] = _draw_log_scale(rng, priors.side_sd)
    for source in sources if sides else ():
        bias_prior = priors.sources.get(source, Source()).bias
        sd = 0.0 if isinstance(bias_prior, Fixed) else float(np.exp(unknowns["log_side_sd"]))
        for side in sides:
            bias = unknowns[f"bias[{source}]"] + sd * float(rng.standard_normal())
            unknowns[f"bias_on_side[{label_of(source, side)}]"] = bias
    # From a stream of its own: what claims are no plain counts does not move the others.
    stream = rng.spawn(1)[0]
    for name in (
        "log_shortfall", "log_list_shortfall", "log_early_shortfall", "log_early_excess",
        "log_halving", "log_location_error",
        "logit_near_copy", "log_copy_scatter",
    ):  # fmt: skip
        prior = getattr(priors, name)
        if not isinstance(prior, Censored | Never):
            unknowns[name] = _draw(stream, prior)
    return unknowns | _draw_pooled(priors, "logit_denial", sources, stream)


def _draw(rng: np.random.Generator, prior: Normal | Fixed) -> float:
    standard = float(rng.standard_normal())
    return prior.value if isinstance(prior, Fixed) else prior.mean + prior.sd * standard


def _draw_log_scale(rng: np.random.Generator, prior: HalfNormal | Fixed) -> float:
    standard = abs(float(rng.standard_normal()))
    scale = prior.value if isinstance(prior, Fixed) else prior.sd * standard
    return math.log(scale) if scale > 0 else -math.inf


def _draw_pooled(
    priors: Priors, name: str, sources: Sequence[str], rng: np.random.Generator
) -> dict[str, float]:
    """Draw a habit of all sources, and its population, or none where nobody has it."""
    pooled: Pooled | Never = getattr(priors, name)
    if isinstance(pooled, Never):
        return {f"{name}[{source}]": -np.inf for source in sources}
    draw_mean = _draw_log_scale if isinstance(pooled.mean, HalfNormal) else _draw
    mean, log_sd = draw_mean(rng, pooled.mean), _draw_log_scale(rng, pooled.sd)  # type: ignore[arg-type]
    unknowns = {f"{name}_mean": mean, f"log_{name}_sd": log_sd}
    for source in sources:
        known = getattr(priors.sources.get(source, Source()), name)
        pooled_one = mean + float(np.exp(log_sd)) * float(rng.standard_normal())
        unknowns[f"{name}[{source}]"] = pooled_one if known is None else _draw(rng, known)
    return unknowns
