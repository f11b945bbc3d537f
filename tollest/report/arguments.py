"""Arguments of reports, checked before the work of writing one."""

from tollest.claims.names import HALF, is_broken
from tollest.claims.problems import shown
from tollest.estimation.results import Estimate


def check_estimate(estimate: object) -> None:
    """Refuse what is no estimate.

    Raises
    ------
    TypeError
        If it is none.
    """
    if not isinstance(estimate, Estimate):
        raise TypeError(f"estimate is {shown(estimate)}; it is what tollest.estimate gives.")


def check_text(name: str, value: object) -> None:
    """Refuse what cannot stand in a report as text.

    Raises
    ------
    TypeError
        If it is no text.
    ValueError
        If it is blank, or has half a character.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} is {shown(value)}; it is text.")
    if not value.strip():
        raise ValueError(f"{name} is blank; say it in words, or leave it out.")
    if is_broken(value):
        raise ValueError(f"{name} is {shown(value)}, with {HALF}; spell it out.")
