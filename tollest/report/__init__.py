"""What an estimate says, for people to read: a sentence, a table, a page."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tollest.estimation import archive
from tollest.report import page, provenance, sentences, tables
from tollest.report.files import read_csv
from tollest.report.methods import Alternatives
from tollest.report.tables import TollTable
from tollest.subject import Subject

__all__ = ["Report", "TollTable", "read_csv"]


@dataclass(frozen=True, repr=False)
class Report:
    """An estimate in words, tables and a page; printed numbers are rounded by one rule.

    Made by `Estimate.report`. Every form names the level and the kind of its intervals, keeps
    documented deaths apart from estimates, and repeats what is doubtful about the computation.
    Numbers are rounded by the width of their interval, its bounds outwards: `tollest._rounding`.

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

    def html(
        self,
        path: str | Path,
        *,
        title: str = "Estimated tolls",
        ci_prob: float = 0.9,
        ci_kind: str = "eti",
        verb: str = "were killed",
        total: bool = True,
        sensitivity: Alternatives | None = None,
        audit: Sequence[str] | None = None,
        refit: bool = False,
    ) -> None:
        """Write everything to a page: one file, readable offline, without scripts.

        The answer in words, table and figure; what the numbers mean; what data sets' rules would
        code; sources; claims in evidence and set aside; what each claim does; model and priors as
        formulae; diagnostics in plain words; identification; sensitivity; seed, versions, hash
        and code; and the checklists of BARG [1]_ and GATHER [2]_, filled as far as the fit knows.
        Figures are those of `tollest.plots`, and are left out, which the page says, where its
        packages are not installed.

        Parameters
        ----------
        path : path
            Where to write; ends in ``.html``.
        title : str
            Heading of the page.
        ci_prob, ci_kind, verb
            As in `sentence`.
        total : bool
            Whether the answer is the total; not where locations overlap, as a town and its
            province.
        sensitivity : Sensitivity, optional
            What `tollest.sensitivity` gave for the same claims.
        audit : sequence of str, optional
            Locations whose claims are left out one at a time; by default the ten largest tolls
            of those with several claims.
        refit : bool
            Whether to draw anew where weights do not tell what a toll would be without a claim;
            as in `Estimate.audit`.

        Raises
        ------
        FileNotFoundError
            If there is no such folder.
        KeyError
            If `audit` names a location there is none of.
        ValueError
            If the name does not end in ``.html``; or as in `sentence` and `Estimate.audit`.

        References
        ----------
        .. [1] Kruschke, J. K. (2021). Bayesian analysis reporting guidelines. *Nature Human
           Behaviour* 5, 1282-1291. https://doi.org/10.1038/s41562-021-01177-7
        .. [2] Stevens, G. A. et al. (2016). Guidelines for Accurate and Transparent Health
           Estimates Reporting: the GATHER statement. *The Lancet* 388(10062), e19-e23.
           https://doi.org/10.1016/S0140-6736(16)30388-9
        """
        archive.check_path(path, ".html")
        text = page.page(
            self.estimate, title=title, ci_prob=ci_prob, ci_kind=ci_kind, verb=verb,
            total=total, sensitivity=sensitivity, audit=audit, refit=refit,
        )  # fmt: skip
        Path(path).write_text(text, encoding="utf-8")

    @property
    def claims_sha256(self) -> str:
        """SHA-256 of the claims in evidence, whatever their order in the table.

        `tollest.report.provenance.fingerprint` says what is hashed.
        """
        return provenance.fingerprint(self.estimate.claims)

    def __repr__(self) -> str:
        """Give the sentence at the default level."""
        return self.sentence()
