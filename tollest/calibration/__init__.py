"""Do intervals hold what they promise? Checks by simulation, and on a user's own claims.

`calibrate` simulates claims from the model's priors, or from a world that breaks its assumptions,
and looks whether estimates cover the truth as often as they say. `leave_one_source_out` predicts
the claims of each source from those of the others.
"""

from tollest.calibration.left_out import LeftOut, leave_one_source_out
from tollest.calibration.replicates import Design, Replicate, simulated
from tollest.calibration.simulated_ranks import Calibration, calibrate

__all__ = [
    "Calibration",
    "Design",
    "LeftOut",
    "Replicate",
    "calibrate",
    "leave_one_source_out",
    "simulated",
]
