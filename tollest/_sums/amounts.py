r"""Exponential amounts between the numbers that claims are of and the toll, on the support.

What is known falls short of the toll, or exceeds it, by an exponential amount on the log1p axis:
``x(M) = x(N) - scale * e``, to the whole number in whose cell the sum is. Sums over all `M` for
each `N` take one pass along the support, since an exponential forgets: with `E` the sum at the
edge of a cell that amounts come in by, over all numbers further out, the sum at the cell's toll is

.. math:: f = \ell E + (1 - \ell) m, \qquad E' = a E + (1 - a) m,

where `m` is the value of the cell's own number, :math:`\ell` the probability that an amount from
its toll leads out of the cell, `a` that one from its other edge does, and `E'` the sum there.
"""

import math

from tollest._arrays import Floats
from tollest._sums.compiled import kernel
from tollest._sums.mass import Grid

# Rows of a table of amounts, a column a point of the support: the probabilities that an amount
# leads out of its cell, from its toll and from its other edge; each with its derivative by the log
# of the scale in the next row.
FROM_TOLL, FROM_EDGE = 0, 2
N_AMOUNTS = 4


@kernel()
def fill_amounts(grid: Grid, scale: float, exceeds: bool, amounts: Floats) -> None:
    """Fill a table of amounts, of numbers that fall short of the toll, or that exceed it."""
    x, lower, upper, n = grid.x, grid.bin_lower, grid.bin_upper, grid.x.size
    for k in range(n):
        if exceeds:
            inside = (upper[k] - x[k]) / scale
            across = (upper[k] - upper[k - 1]) / scale if k > 0 else inside
        else:
            inside = (x[k] - lower[k]) / scale
            across = (lower[k + 1] - lower[k]) / scale if k + 1 < n else inside
        # At the end of the support a cell has no end, and no amount leads out of it.
        out, edge_out = math.exp(-inside), math.exp(-across)
        amounts[FROM_TOLL, k], amounts[FROM_EDGE, k] = out, edge_out
        amounts[FROM_TOLL + 1, k] = inside * out if out > 0.0 else 0.0
        amounts[FROM_EDGE + 1, k] = across * edge_out if edge_out > 0.0 else 0.0


@kernel()
def sum_amounts(
    amounts: Floats, first: int, n: int, exceeds: bool, values: Floats, out: Floats, slope: Floats
) -> None:
    """Sum `n` values, from the support's point `first` on, over the amounts from each toll.

    `out` may be `values`; `slope` is filled with the derivative by the log of the scale.
    """
    further = by_log = 0.0
    for i in range(n):
        k = n - 1 - i if exceeds else i
        c, value = first + k, values[k]
        more = further - value
        out[k] = value + amounts[FROM_TOLL, c] * more
        slope[k] = amounts[FROM_TOLL, c] * by_log + amounts[FROM_TOLL + 1, c] * more
        by_log = amounts[FROM_EDGE, c] * by_log + amounts[FROM_EDGE + 1, c] * more
        further = amounts[FROM_EDGE, c] * further + (1.0 - amounts[FROM_EDGE, c]) * value


@kernel()
def sum_amounts_back(
    amounts: Floats, first: int, n: int, stay: float, exceeds: bool, weights: Floats
) -> None:
    """Turn derivatives by what `sum_amounts` and staying give into those by what they were given.

    It is given the values with probability `stay`, and else their sum.
    """
    further = 0.0
    for i in range(n - 1, -1, -1):
        k = n - 1 - i if exceeds else i
        weight = weights[k]
        out, edge_out = amounts[FROM_TOLL, first + k], amounts[FROM_EDGE, first + k]
        summed = (1.0 - out) * weight + (1.0 - edge_out) * further
        weights[k] = stay * weight + (1.0 - stay) * summed
        further = out * weight + edge_out * further
