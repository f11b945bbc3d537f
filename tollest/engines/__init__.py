"""Engines: ways to draw theta from a posterior. Each is a frozen dataclass."""

from tollest.engines._base import AbstractEngine, ThetaDraws
from tollest.engines.laplace import NestedLaplace
from tollest.engines.nuts import NUTS

__all__ = ["NUTS", "AbstractEngine", "NestedLaplace", "ThetaDraws"]
