"""What to do with rows that state no number, or numbers out of order."""

from dataclasses import dataclass

import numpy as np

from tollest._arrays import Flags, Integers

__all__ = ["Disordered", "Refuse", "SetAside", "Silent", "Span", "Unknown"]


@dataclass(frozen=True)
class Refuse:
    """Such rows are an error that names them all: somebody has to look at them."""


@dataclass(frozen=True)
class SetAside:
    """Such rows are not evidence, and are in `Claims.excluded`."""


@dataclass(frozen=True)
class Span:
    """Such rows claim all from the least of their numbers to the most."""


@dataclass(frozen=True)
class Silent:
    """Such rows are locations that nobody reported on: their tolls are those of the prior."""


Disordered = Refuse | SetAside | Span
"""What a reader does with numbers out of order."""
Unknown = Refuse | SetAside | Silent
"""What a reader does with rows that state no number."""


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
