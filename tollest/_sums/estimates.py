r"""Masses of estimates: numbers that are claimed together with an error of their own.

A survey says 4,645, and that chance alone may have made it 793 to 8,498. What is stated covers
chance; what it does not (design, coverage, definition) is the scatter of the source, learnt as
that of counts. Both errors together are of the scale :math:`\sqrt{\sigma^2 + t^2}`, with `t` that
of the stated error on the side of the number that the centre is not on: an estimate may well
state more uncertainty upwards than downwards. The two halves are joined to one density,

.. math:: f(v) = \frac{2}{s_- + s_+} \, g\left(\frac{v - c}{s_\pm}\right), \quad
    s_\pm = \sqrt{\sigma^2 + t_\pm^2},

a two-piece distribution [1]_, of which the mass of the number's own cell is taken.

References
----------
.. [1] Wallis, K. F. (2014). The two-piece normal, binormal, or double Gaussian distribution: its
   origin and rediscoveries. *Statistical Science* 29(1), 106-112.
   https://doi.org/10.1214/13-STS417
"""

import math
from typing import NamedTuple

import numpy as np

from tollest._arrays import Floats
from tollest._sums.compiled import kernel
from tollest._sums.mass import Interval, Law, mass_cell


class OwnError(NamedTuple):
    """Scales of the error that an estimate states: where the centre is below it, and above."""

    below: float
    above: float


@kernel()
def estimate_mass(
    law: Law, interval: Interval, stated: OwnError, x: float
) -> tuple[float, float, float]:
    """Log mass of an estimate at a log toll; its derivatives by the centre and by log scatter."""
    centre, variance = x + law.centre, law.scale * law.scale
    below, above = math.hypot(law.scale, stated.below), math.hypot(law.scale, stated.above)
    middle = 0.5 * (interval.lower + interval.upper) if interval.lower > -np.inf else 0.0
    scale = below if centre < middle else above
    mass, by_centre, by_log_scale = mass_cell(
        law.family, law.df, (interval.lower - centre) / scale, (interval.upper - centre) / scale,
        interval.width / scale,
    )  # fmt: skip
    by_log_scatter = (by_log_scale + 1.0) * variance / (scale * scale)
    by_log_scatter -= (variance / below + variance / above) / (below + above)
    return mass + math.log(2.0 * scale / (below + above)), by_centre / scale, by_log_scatter


@kernel()
def fill_estimate(
    law: Law, interval: Interval, stated: OwnError, x: Floats, a: int, n: int, log_factor: float,
    table: Floats, s: int,
) -> None:  # fmt: skip
    """Masses of an estimate over `n` points from `a`, times a factor, and its derivatives."""
    for k in range(n):
        mass, by_centre, by_log_scatter = estimate_mass(law, interval, stated, x[a + k])
        table[0, s + k] = math.exp(mass + log_factor)
        table[1, s + k] = by_centre
        table[2, s + k] = by_log_scatter
