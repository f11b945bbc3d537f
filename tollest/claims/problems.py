"""What is wrong with a table of claims, all of it told at once."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

NO_NUMBER = "states no number"
COUNTS = "a count is a whole number, 0 or more"
_ADVICE = "Leave out a source that said nothing; a count of 0 says it reported no deaths."
_MOST_SHOWN = 10
_LONGEST = 10**1000  # Python writes out no number of some thousand digits
_MOST_LISTED = 25  # columns of a table, in an error


class Problem(NamedTuple):
    """What is wrong with one claim, or with the table as a whole.

    Attributes
    ----------
    message : str
        The value, the rule it breaks, and the way out.
    row : int or None
        Position of the claim in the table, from 0. None: the table as a whole.
    source, location : str
        The claim, as the analyst knows it. Empty where that cell is itself blank.
    """

    message: str
    row: int | None = None
    source: str = ""
    location: str = ""


class ClaimsError(ValueError):
    """Claims that cannot be used, all of them at once.

    Parameters
    ----------
    problems : sequence of Problem
        Everything that is wrong; the message shows the first ten.
    n : int
        Number of claims in the table.

    Attributes
    ----------
    problems : tuple of Problem
        All problems, the ones that the message leaves out included.
    n : int
        Number of claims in the table.
    """

    def __init__(self, problems: Sequence[Problem], n: int = 0) -> None:
        self.problems = tuple(problems)
        self.n = n
        of_table = [p.message for p in self.problems if p.row is None]
        by_row = [p for p in self.problems if p.row is not None]
        lines = of_table[:_MOST_SHOWN]
        if by_row:
            bad = len({p.row for p in by_row})
            lines.append(f"{bad} of {n} claims cannot be used:")
            lines += [
                f"  row {p.row} ({shown(p.source)} on {shown(p.location)}): {p.message}."
                for p in by_row[:_MOST_SHOWN]
            ]
            if len(by_row) > _MOST_SHOWN:
                lines.append(f"  ... and {len(by_row) - _MOST_SHOWN} more")
            if any(COUNTS in p.message or p.message.startswith(NO_NUMBER) for p in by_row):
                lines.append(_ADVICE)
        super().__init__("\n".join(lines))

    def __reduce__(self) -> tuple[type["ClaimsError"], tuple[tuple[Problem, ...], int]]:
        """Pickle by the problems, from which the message is built again."""
        return ClaimsError, (self.problems, self.n)


def shown(value: object) -> str:
    """Show a value in an error: text in quotes, nothing longer than a line.

    Parameters
    ----------
    value : object
        A cell of the user's table, which may hold anything.

    Returns
    -------
    str
        At most 80 characters.
    """
    if isinstance(value, float | np.floating):
        text = str(int(value)) if np.isfinite(value) and value == int(value) else str(float(value))
    elif isinstance(value, np.generic):
        text = str(value)
    elif isinstance(value, int) and abs(value) >= _LONGEST:
        text = "a number of more than 1,000 digits"
    else:
        text = repr(value[:100] if isinstance(value, str) else value)
    return text if len(text) <= 80 else text[:60] + "…" + text[-1:]


def listed(names: Sequence[str], most: int = _MOST_LISTED) -> str:
    """List names, the first of them where there are many."""
    first = ", ".join(shown(name) for name in names[:most]) or "none"
    more = len(names) - most
    return f"{first} and {more:,} more" if more > 0 else first
