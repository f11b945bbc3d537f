"""Assumptions, and what they make of claims: a log density over the continuous unknowns."""

from tollest.model.posterior import Entry, Likelihood, Model, Posterior

__all__ = ["Entry", "Likelihood", "Model", "Posterior"]
