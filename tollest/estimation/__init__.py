"""From claims to tolls: `estimate`, and the `Estimate` it returns."""

from tollest.estimation.results import DoubtfulEstimate, Estimate, estimate

__all__ = ["DoubtfulEstimate", "Estimate", "estimate"]
