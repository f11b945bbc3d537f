"""The model run forwards: tolls, figures, then claims; and worlds in which it does not hold."""

from tollest.simulation import faults
from tollest.simulation.worlds import Simulation, Truth, draw_truth, simulate

__all__ = ["Simulation", "Truth", "draw_truth", "faults", "simulate"]
