"""What an audit found: a table of claims, and how it reads."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tollest import _text
from tollest.claims import frames

if TYPE_CHECKING:
    import pandas as pd

ENDS = ("median", "lower", "upper")


@dataclass(frozen=True, eq=False)
class Audit:
    """What each claim on a location does to its toll.

    Made by `tollest.diagnostics.audit`.

    Attributes
    ----------
    location : str
        The location.
    claims : pandas.DataFrame
        The rows of `table`.
    median, lower, upper : int
        The toll with all claims, and its equal-tailed credible interval.
    ci_prob : float
        Probability inside the intervals.
    level : float
        A claim is in conflict with the others where ``p_value`` is below it.
    good_k : float
        Pareto k up to which weights stand in for a refit: at most 0.7, less where draws are few.
    computed_by : str
        How the estimate was computed.
    doubts : tuple of str
        Why the estimate should not be relied on.
    """

    location: str
    claims: "pd.DataFrame"
    median: int
    lower: int
    upper: int
    ci_prob: float
    level: float
    good_k: float
    computed_by: str
    doubts: tuple[str, ...]

    def table(self) -> "pd.DataFrame":
        """Every claim on the location, those set aside included.

        Returns
        -------
        pandas.DataFrame
            Indexed by the claim's ``row`` in the table it was read from, with the columns

            ``source, kind, lower, upper, date``
                The claim, as `Claims.to_frame` has it.
            ``status, reason``
                ``"used"``, ``"superseded"``, ``"repeats another"``, ``"dated later"``,
                ``"undated"`` or ``"left out"``; the reason as in `Claims.excluded`. Columns
                below are blank where a claim is not used.
            ``repeat``
                Posterior probability that it repeats the figure in circulation: 0 where it is
                not of kind ``"count"``, which alone can.
            ``median_without, lower_without, upper_without``
                The toll and its interval without the claim, as a refit without it would give
                them. What the claim supersedes, or what repeats it, does not stand in for it.
            ``median_shift, lower_shift, upper_shift``
                Deaths by which the claim moves each: with it less without it.
            ``median_ratio, lower_ratio, upper_ratio``
                With it over without it; NaN where both are 0.
            ``p_value, conflict``
                Two-sided tail of the claim in what the others predict of it, and whether that
                is below `level`; NaN where no other claim is used. Under the model itself about
                a share `level` of all claims is in conflict.
            ``pareto_k, reliable``
                Of the weights that stand in for a refit; ``reliable`` up to `good_k`, or where
                weights are so even that their effective sample size is 99 % of the draws. NaN
                where all weights are equal, infinite where draws are too few to weigh. With
                ``refit=True`` also where theta was drawn anew, without a doubt.
            ``refitted``
                Whether theta was drawn anew without the claim.
            ``note``
                Why it was, or why the row is not to be relied on.

            ``attrs`` names `location`, `ci_prob`, ``ci_kind`` and `level`.
        """
        table = self.claims.copy()
        table.attrs.update(
            location=self.location, ci_prob=self.ci_prob, ci_kind="eti", level=self.level
        )
        return table

    def __repr__(self) -> str:
        """List the claims with their pull, and what is in conflict or needs a refit."""
        table = self.claims
        level = f"{100 * self.ci_prob:g} %"
        head = (
            f"Claims on {_text.short(self.location)}: toll {self.median:,}, {level} equal-tailed "
            f"credible interval {self.lower:,} to {self.upper:,}; and without each claim."
        )
        rows: list[tuple[str, ...]] = [
            ("row", "source", "claim", "repeat", "median", "lower", "upper", "p")
        ]
        rows += [
            (str(row), _text.short(claim["source"]), _said(claim), *_shown(claim))
            for row, claim in table.iterrows()
        ]
        used = table[table["status"] == "used"]
        conflicts = used.index[used["conflict"].astype(bool)]
        notes = [
            f"Row {row} is in conflict with the others (p below {self.level:g})."
            for row in conflicts
        ]
        notes += [
            f"Row {row}: {claim['note']}." for row, claim in used.iterrows() if claim["note"]
        ]
        lines = [head, *_text.aligned(rows), *notes, f"Computed by {self.computed_by}."]
        lines += [f"DOUBTFUL: {doubt}" for doubt in self.doubts]
        return "\n".join(lines)


def _said(claim: "pd.Series") -> str:
    """Write what a claim says, in a few words."""
    return frames.said(claim, of_list="{} documented") + (
        " verified" if claim["kind"] == "verified" else ""
    )


def _shown(claim: "pd.Series") -> tuple[str, ...]:
    """Write what a claim does; its status where it does nothing."""
    if claim["status"] != "used":
        return (_text.short(claim["reason"]), "", "", "", "")
    p = "-" if np.isnan(claim["p_value"]) else f"{claim['p_value']:.3f}"
    ends = (f"{claim[f'{end}_without']:,}" for end in ENDS)
    return (f"{100 * claim['repeat']:.0f} %", *ends, p)
