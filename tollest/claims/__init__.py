"""The evidence: who claimed what, where, and which claims are set aside and why."""

from tollest.claims import periods
from tollest.claims.periods import ToDate
from tollest.claims.problems import ClaimsError
from tollest.claims.rates import Rate
from tollest.claims.table import KINDS, UNBOUNDED, Claims

__all__ = ["KINDS", "UNBOUNDED", "Claims", "ClaimsError", "Rate", "ToDate", "periods"]
