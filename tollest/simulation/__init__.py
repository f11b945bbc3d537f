"""The model run forwards: tolls, figures, then claims; and worlds in which it does not hold."""

from tollest.simulation.worlds import Simulation, draw_truth, simulate

__all__ = ["Simulation", "draw_truth", "simulate"]
