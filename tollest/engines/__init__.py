"""Engines: ways to draw theta from a posterior. Each is a frozen dataclass."""

from tollest.engines import tuning
from tollest.engines.base import AbstractEngine, ThetaDraws
from tollest.engines.laplace import NestedLaplace
from tollest.engines.nuts import NUTS
from tollest.engines.pymc import to_pymc
from tollest.engines.traces import FromTrace, PyMC

__all__ = [
    "NUTS",
    "AbstractEngine",
    "FromTrace",
    "NestedLaplace",
    "PyMC",
    "ThetaDraws",
    "to_pymc",
    "tuning",
]
