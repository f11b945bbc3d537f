"""The one rounding rule: by the width of the interval, its bounds outwards."""

import math
from dataclasses import dataclass

RULE = (
    "Rounded to the largest of 1, 10, 100 and so on that is at most a twentieth of the "
    "interval's width: lower bounds down, upper bounds up, never past deaths that are certain "
    "or a cap; so each interval printed holds the exact one."
)

_PARTS = 20  # units in the narrowest interval that is rounded
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
    unit : int
        What was rounded to; 1 where nothing was.
    """

    point: int
    lower: int
    upper: int | float
    unit: int

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
        if self.unit == 1:
            return ""
        return f"rounded to {_UNITS.get(self.unit, f'{self.unit:,}s')}, bounds outwards"


def rounded(
    point: int, lower: int, upper: int | float, *, floor: int = 0, cap: int | float = math.inf
) -> Rounded:
    """Round a point and its interval to one unit, the bounds outwards.

    The unit is the largest power of ten that is at most a twentieth of the width, so that the
    width shows two digits, or three where it begins with 1, and rounding widens the interval by
    a tenth at most. Below a width of 200 nothing is rounded.

    Parameters
    ----------
    point, lower : int
        Deaths, 0 or more, the point within the interval.
    upper : int or float
        Deaths; ``math.inf`` where nothing bounds them from above. The unit then follows from
        twice the distance of the point from the lower bound.
    floor : int
        Deaths that are certain: the lower bound is not rounded below them.
    cap : int or float
        The most there can be: the upper bound is not rounded above it.

    Returns
    -------
    Rounded
        Its interval holds the exact one, and its point. The point is rounded to the unit, to
        even at a half, unless that would take it out of the interval.

    Raises
    ------
    ValueError
        If the point is not within the interval, or the interval not between `floor` and `cap`.

    Examples
    --------
    >>> rounded(1432, 974, 2355)
    Rounded(point=1430, lower=970, upper=2360, unit=10)
    >>> rounded(1432, 974, 2355).interval
    '970 to 2,360'

    Deaths that are certain stay in:

    >>> rounded(2432, 1074, 12_355, floor=1_043).lower
    1043
    """
    if not 0 <= floor <= lower <= point <= upper <= cap:
        raise ValueError(
            f"the point {point:,} with the interval {lower:,} to {upper:,} cannot be printed: "
            f"it takes {floor:,} <= lower <= point <= upper <= {cap:,}."
        )
    width = int(2 * (point - lower) if upper == math.inf else upper - lower)
    unit = 1
    while 10 * unit * _PARTS <= width:
        unit *= 10
    low = max(lower // unit * unit, floor)
    high = upper if upper == math.inf else min(-(-int(upper) // unit) * unit, cap)
    # A floor or a cap may lie between the point and what it is rounded to.
    middle = min(max(_nearest(point, unit), low), high)
    return Rounded(int(middle), int(low), high if high == math.inf else int(high), unit)


def _nearest(number: int, unit: int) -> int:
    """Nearest multiple of a unit, the even one at a half; in whole numbers throughout."""
    whole, rest = divmod(number, unit)
    up = 2 * rest > unit or (2 * rest == unit and whole % 2 == 1)
    return (whole + up) * unit
