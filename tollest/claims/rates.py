"""Rates of death, as surveys give them, made into numbers of deaths."""

import math
from dataclasses import dataclass

from tollest.claims.problems import shown


@dataclass(frozen=True)
class Rate:
    """Deaths for so many people and days, and the deaths that it stands for.

    Parameters
    ----------
    rate : float
        Deaths per `per` people a day: 2.0 per 10,000 a day is four times what counts as an
        emergency in a crisis.
    population : float
        People at risk.
    days : float
        Days that it speaks of.
    lower, upper : float, optional
        Ends of its interval, both or neither.
    per : float, default 10,000
        People that the rate is for.
    baseline : float, default 0
        Rate that would have been in any case, taken off: what is left are excess deaths. It is
        taken for certain.

    Raises
    ------
    ValueError
        If a number is none, or negative, if ends are in no order, or if the baseline is above
        the rate.

    Examples
    --------
    >>> survey = Rate(2.0, 4_564_521, 365, lower=1.7, upper=2.3, baseline=0.411)
    >>> print(survey)
    (2 - 0.411) deaths per 10,000 a day, 4,564,521 people, 365 days: 264,735 (214,754 to 314,717)
    >>> survey.cells
    {'count': 264735, 'lower': 214754, 'upper': 314717}
    """

    rate: float
    population: float
    days: float
    lower: float | None = None
    upper: float | None = None
    per: float = 10_000
    baseline: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what is no rate."""
        if (self.lower is None) != (self.upper is None):
            raise ValueError("Rate has one end of an interval; give lower and upper, or neither.")
        for name in ("rate", "population", "days", "lower", "upper", "per", "baseline"):
            value = getattr(self, name)
            if value is None:
                continue
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if not is_number or not 0 <= value < math.inf:
                raise ValueError(f"{name} of Rate is {shown(value)}; it is a number, 0 or more.")
        if not (self.per > 0 and self.days > 0 and self.population > 0):
            raise ValueError("per, days and population of Rate must each be above 0.")
        lower = self.rate if self.lower is None else self.lower
        upper = self.rate if self.upper is None else self.upper
        if not lower <= self.rate <= upper:
            message = f"{lower:g}, {self.rate:g} and {upper:g}"
            raise ValueError(f"lower, rate and upper of Rate are {message}: put them in order.")
        if self.baseline > self.rate:
            raise ValueError(
                f"baseline of Rate is {self.baseline:g}, above the rate of {self.rate:g}: there "
                "are no excess deaths to count."
            )

    def _deaths(self, rate: float) -> int:
        return round(max(rate - self.baseline, 0.0) / self.per * self.population * self.days)

    @property
    def cells(self) -> dict[str, int]:
        """Cells of a row of claims: ``count``, and ``lower`` and ``upper`` of an interval."""
        out = {"count": self._deaths(self.rate)}
        if self.lower is not None and self.upper is not None:
            out |= {"lower": self._deaths(self.lower), "upper": self._deaths(self.upper)}
        return out

    def __repr__(self) -> str:
        """Say what was computed."""
        rate = f"{self.rate:g}"
        if self.baseline:
            rate = f"({rate} - {self.baseline:g})"
        cells = self.cells
        ends = f" ({cells['lower']:,} to {cells['upper']:,})" if "lower" in cells else ""
        return (
            f"{rate} deaths per {self.per:,g} a day, {self.population:,.0f} people, "
            f"{self.days:g} days: {cells['count']:,}{ends}"
        )
