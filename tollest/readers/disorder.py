"""What to do where a low estimate is above a best one, or a best one above a high one."""

from dataclasses import dataclass

import numpy as np

from tollest._arrays import Flags, Integers

__all__ = ["Disordered", "Refuse", "SetAside", "Span"]


@dataclass(frozen=True)
class Refuse:
    """Numbers out of order are an error that names their rows: somebody has to look at them."""


@dataclass(frozen=True)
class SetAside:
    """Rows with numbers out of order are not evidence, and are in `Claims.excluded`."""


@dataclass(frozen=True)
class Span:
    """Rows with numbers out of order claim all from the least of their numbers to the most."""


Disordered = Refuse | SetAside | Span
"""What a reader does with numbers out of order."""


def out_of_order(*numbers: Integers) -> Flags:
    """Tell which rows have a number above a later one.

    Parameters
    ----------
    *numbers : ndarray of int, shape (n_rows,)
        From the lowest to the highest, all numbers below 0 being blanks.

    Returns
    -------
    ndarray of bool, shape (n_rows,)
    """
    wrong = np.zeros(len(numbers[0]), dtype=bool)
    most = np.full(len(numbers[0]), -1)
    for number in numbers:
        wrong |= (number >= 0) & (number < most)
        most = np.maximum(most, number)
    return wrong


def span(*numbers: Integers) -> tuple[Integers, Integers]:
    """Give the least and the most of the numbers of each row; -1 where all are blank."""
    most = np.maximum.reduce(numbers)
    least = np.minimum.reduce([np.where(number < 0, most, number) for number in numbers])
    return least, most
