"""The one rounding rule: each bound outwards, by how far it is from the point.

On the log1p axis that tolls live on intervals are often lopsided: 182 with 10 to 20,636. One unit
for all three numbers would drown the lower ones or spell out noise in the upper, so each bound
has its own, and the point the finer of the two: 180 with 10 to 21,000.
"""

import math
from dataclasses import dataclass

from tollest.wording import UNBOUNDED

RULE = (
    "Lower bounds are rounded down and upper bounds up, each to the largest of 1, 10, 100 and so "
    "on that is at most a tenth of its distance from the point, which is rounded to the finer of "
    "the two. Bounds stop at deaths that are certain and at caps. So the interval printed holds "
    "the exact one, and each side of it is a tenth wider at most."
)

_PARTS = 10  # units between a bound that is rounded and the point
_UNITS = {
    10: "tens",
    100: "hundreds",
    1_000: "thousands",
    10_000: "tens of thousands",
    100_000: "hundreds of thousands",
    1_000_000: "millions",
}


@dataclass(frozen=True)
class Rounded:
    """A toll as it is printed: a point and the interval around it, never one without the other.

    Made by `rounded`.

    Attributes
    ----------
    point, lower : int
        Deaths.
    upper : int or float
        Deaths; ``math.inf`` where nothing bounds them from above.
    lower_unit, upper_unit : int
        What the bounds were rounded to, 1 where they were not; the point to the smaller.
    """

    point: int
    lower: int
    upper: int | float
    lower_unit: int
    upper_unit: int

    @property
    def is_exact(self) -> bool:
        """Whether the interval has no width: the toll is known."""
        return self.lower == self.upper

    @property
    def interval(self) -> str:
        """The interval in words, such as ``"970 to 2,360"``."""
        if self.upper == math.inf:
            return f"{self.lower:,} or more"
        return f"{self.lower:,} to {self.upper:,}"

    @property
    def rule(self) -> str:
        """What was done to the numbers, in words; empty where nothing was."""
        if self.lower_unit == self.upper_unit == 1:
            return ""
        if self.lower_unit == self.upper_unit:
            return f"rounded to {_named(self.lower_unit)}, bounds outwards"
        lower = f"down to {_named(self.lower_unit)}" if self.lower_unit > 1 else ""
        upper = f"up to {_named(self.upper_unit)}" if self.upper_unit > 1 else ""
        if lower and upper:
            return f"bounds rounded {lower} and {upper}"
        return f"{'lower' if lower else 'upper'} bound rounded {lower or upper}"


def rounded(
    point: int, lower: int, upper: int | float, *, floor: int = 0, cap: int | float = math.inf
) -> Rounded:
    """Round a point and its interval, the bounds outwards.

    A bound's unit is the largest power of ten that is at most a tenth of its distance from the
    point, so that this distance shows two digits and grows by a tenth at most. Within 100 of the
    point nothing is rounded.

    Parameters
    ----------
    point, lower : int
        Deaths, 0 or more, the point within the interval.
    upper : int or float
        Deaths; ``math.inf`` where nothing bounds them from above.
    floor : int
        Deaths that are certain: the lower bound is not rounded below them.
    cap : int or float
        The most there can be: the upper bound is not rounded above it.

    Returns
    -------
    Rounded
        Its interval holds the exact one, and its point. The point is rounded to the finer unit,
        to even at a half, unless that would take it out of the interval.

    Raises
    ------
    ValueError
        If the point is not within the interval, or the interval not between `floor` and `cap`.

    Examples
    --------
    >>> rounded(1432, 974, 2355).interval
    '970 to 2,360'
    >>> rounded(182, 10, 20_636)
    Rounded(point=180, lower=10, upper=21000, lower_unit=10, upper_unit=1000)

    Deaths that are certain stay in:

    >>> rounded(2432, 1074, 12_355, floor=1_043).lower
    1043
    """
    if not 0 <= floor <= lower <= point <= upper <= cap:
        raise ValueError(
            f"the point {point:,} with the interval {lower:,} to {upper:,} cannot be printed: "
            f"it takes {floor:,} <= lower <= point <= upper <= {cap:,}."
        )
    down = _unit(point - lower)
    up = down if upper == math.inf else _unit(int(upper) - point)
    low = max(lower // down * down, floor)
    high = upper if upper == math.inf else min(-(-int(upper) // up) * up, cap)
    # A floor or a cap may lie between the point and what it is rounded to.
    middle = min(max(_nearest(point, min(down, up)), low), high)
    return Rounded(int(middle), low, high if high == math.inf else int(high), down, up)


def of_toll(
    point: int, lower: int, upper: int, documented: int = 0, cap: int = UNBOUNDED
) -> Rounded:
    """Round a toll and its interval, whose bounds stop at documented deaths and at a cap.

    Parameters
    ----------
    point, lower, upper : int
        Deaths. Masses below 1e-12 count as nothing, so that an end may miss a floor or a cap by
        as little, and is printed as it is then.
    documented : int
        Deaths that are certain.
    cap : int
        The most there can be; `UNBOUNDED` for none.
    """
    most = math.inf if cap == UNBOUNDED else max(cap, upper)
    return rounded(point, lower, upper, floor=min(documented, lower), cap=most)


def _unit(distance: int) -> int:
    """Largest power of ten that is at most a tenth of a distance, and 1 below."""
    unit = 1
    while 10 * unit * _PARTS <= distance:
        unit *= 10
    return unit


def _nearest(number: int, unit: int) -> int:
    """Nearest multiple of a unit, the even one at a half; in whole numbers throughout."""
    whole, rest = divmod(number, unit)
    up = 2 * rest > unit or (2 * rest == unit and whole % 2 == 1)
    return (whole + up) * unit


def _named(unit: int) -> str:
    return _UNITS.get(unit, f"{unit:,}s")
