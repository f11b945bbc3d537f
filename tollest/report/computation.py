"""How an estimate was computed, and what its diagnostics mean, in plain words."""

from tollest.engines import ThetaDraws
from tollest.engines.base import most_rhat
from tollest.engines.tuning import LIMITS


def measures(theta: ThetaDraws) -> list[tuple[str, str, str, str]]:
    """Diagnostics of the draws: name, value, what is good, and what it means."""
    n_chains, n_draws, n_theta = theta.theta.shape
    rows = [
        (
            "Draws",
            f"{n_chains * n_draws:,}",
            "-",
            f"States of the {n_theta:,} continuous unknowns that intervals are averaged over. "
            "Tolls themselves are summed out exactly given each.",
        ),
        (
            "Effective sample size (ESS)",
            f"{theta.ess:,.0f}",
            f"{LIMITS.least_ess:,.0f} or more",
            "Independent draws that would tell as much: the more, the less chance moves the ends "
            "of intervals.",
        ),
    ]
    if theta.pareto_k is not None:
        rows.append(
            (
                "Pareto k",
                f"{theta.pareto_k:.2f}",
                f"{LIMITS.most_k:g} or less",
                "How heavy the tail of the importance weights is. Above the limit a few draws "
                "carry most of the weight, and intervals may be too narrow.",
            )
        )
    else:
        rhat = "-" if theta.rhat is None else f"{theta.rhat:.3f}"
        rows += [
            (
                "R-hat",
                rhat,
                f"{most_rhat(n_theta):g} or less",
                f"Whether the {n_chains:,} chains agree; 1 is full agreement.",
            ),
            (
                "Divergent transitions",
                f"{theta.n_divergent:,}",
                "few or none",
                "Steps of the sampler that went wrong: parts of the posterior may be missed.",
            ),
        ]
    rows.append(
        (
            "Evaluations",
            f"{theta.n_evaluations:,}",
            "-",
            "Times that the density of all claims was computed.",
        )
    )
    return rows
