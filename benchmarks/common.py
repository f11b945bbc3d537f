"""Problems that benchmarks share, from fixed seeds."""

from tollest.claims import Claims
from tollest.simulation import simulate


def problem(n_locations: int, n_sources: int, seed: int = 0) -> Claims:
    """Simulate claims, about three a location."""
    return simulate(n_locations, n_sources, claims_per_location=3.0, rng=seed).claims
