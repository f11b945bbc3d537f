"""From claims to tolls: `estimate`, and the `Estimate` it returns."""

from tollest.estimation.dates import as_of
from tollest.estimation.imputation import pool
from tollest.estimation.results import DoubtfulEstimate, Estimate, FailedEstimate, estimate
from tollest.estimation.totals import Totals

__all__ = [
    "DoubtfulEstimate", "Estimate", "FailedEstimate", "Totals", "as_of", "estimate", "pool",
]  # fmt: skip
