"""What an estimate says, for people to read: a sentence, a table, a page."""

from dataclasses import dataclass

from tollest.report import sentences, tables
from tollest.report.files import read_csv
from tollest.report.subject import Subject
from tollest.report.tables import TollTable

__all__ = ["Report", "TollTable", "read_csv"]


@dataclass(frozen=True, repr=False)
class Report:
    """An estimate in words, tables and a page; printed numbers are rounded by one rule.

    Made by `Estimate.report`. Every form names the level and the kind of its intervals, keeps
    documented deaths apart from estimates, and repeats what is doubtful about the computation.
    Numbers are rounded by the width of their interval, its bounds outwards: `tollest.rounding`.

    Attributes
    ----------
    estimate : Estimate
        What is reported.
    """

    estimate: Subject

    def sentence(
        self,
        location: str | None = None,
        ci_prob: float = 0.9,
        ci_kind: str = "eti",
        *,
        verb: str = "were killed",
    ) -> str:
        """Say how many died, with the interval, what it rests on, and every warning.

        Parameters
        ----------
        location : str, optional
            One of ``claims.locations``; without it the total, where there are several.
        ci_prob : float
            Probability inside the interval.
        ci_kind : {"eti", "hdi"}
            Equal tails, or the shortest interval.
        verb : str
            What happened to people, in the plural: ``"died"`` of an epidemic.

        Returns
        -------
        str
            Such as "An estimated 1,430 people were killed (90 % equal-tailed credible interval
            970 to 2,360, rounded to tens, bounds outwards; 5 claims, 4 figures; at least 111
            documented by name)."

        Raises
        ------
        KeyError
            If there is no such location.
        ValueError
            If `ci_prob` or `ci_kind` is none, or the shortest interval leaves out the median, as
            one of less than half of the probability can.
        """
        return sentences.sentence(self.estimate, location, ci_prob, ci_kind, verb)

    def table(
        self, ci_prob: float = 0.9, ci_kind: str = "eti", *, total: bool = True
    ) -> TollTable:
        """Tabulate the tolls, to be read and to be computed with.

        Parameters
        ----------
        ci_prob : float
            Probability inside the intervals.
        ci_kind : {"eti", "hdi"}
            Equal tails, or the shortest interval.
        total : bool
            Whether to add a row for the total from joint draws, where there are several
            locations.

        Returns
        -------
        TollTable
            With ``text()``, ``markdown()``, ``latex()`` and ``html()`` in rounded numbers;
            ``frame()``, ``csv(path)`` and ``parquet(path)`` in exact ones.

        Raises
        ------
        ValueError
            As in `sentence`.
        """
        return tables.of(self.estimate, ci_prob, ci_kind, total=total)

    def __repr__(self) -> str:
        """Give the sentence at the default level."""
        return self.sentence()
