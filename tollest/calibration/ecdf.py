"""Empirical distribution functions of ranks, and the bands that uniform ones stay in."""

import numpy as np

from tollest._arrays import Floats

_SIMULATIONS = 20_000  # of uniform samples, for the bands


def band(n: int, prob: float, rng: int | None) -> tuple[Floats, Floats, Floats]:
    """Points, and the simultaneous band of the ECDF of `n` uniform numbers there."""
    from arviz_stats.ecdf_utils import ecdf_pit

    points, _, lower, upper = ecdf_pit(
        np.linspace(0.0, 1.0, n), prob, _SIMULATIONS, rng=np.random.default_rng(rng)
    )
    return points, lower, upper


def ecdf(values: Floats, points: Floats) -> Floats:
    """Share of `values` up to each of `points`."""
    return np.searchsorted(np.sort(values), points, side="right") / len(values)


def stays_inside(values: Floats, limits: tuple[Floats, Floats, Floats]) -> bool:
    """Whether the ECDF of `values` stays in a `band` throughout."""
    points, lower, upper = limits
    heights = ecdf(values, points)
    # Bands and ECDF are multiples of 1 / n: what touches is inside.
    return bool(np.all((heights >= lower - 1e-9) & (heights <= upper + 1e-9)))
