"""Assumptions, and what they make of claims: a log density over the continuous unknowns."""

from tollest.model.layout import Entry
from tollest.model.likelihood import Likelihood
from tollest.model.posterior import Model, Posterior

__all__ = ["Entry", "Likelihood", "Model", "Posterior"]
