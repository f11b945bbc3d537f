"""The table of tolls in every form that people read or compute with."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tollest import _rounding, _text
from tollest.estimation import archive
from tollest.estimation.remarks import Remark, remarks
from tollest.estimation.results import Estimate
from tollest.report import escapes, files, markup, rows
from tollest.report.arguments import check_estimate
from tollest.report.labels import isolated, width
from tollest.report.rows import Row

if TYPE_CHECKING:
    import pandas as pd

_LONG = 40  # rows of a LaTeX table that go on one page
_WIDE = 30  # characters of a name that LaTeX does not break
_FLOOR = (
    'Documented: deaths known by name, a floor and no estimate; "=" before a verified toll, "-" '
    "where there are none."
)
_TOTAL = (
    "The total is from joint draws, not from adding bounds; verified tolls are documented in it."
)
OPEN = "Its upper bound is the prior's, as that of a toll in it is."


@dataclass(frozen=True, eq=False, repr=False)
class TollTable:
    """Tolls with their intervals, what they rest on, and every remark and doubt.

    Made by `tollest.report.table`. Forms to be read (`text`, `markdown`, `latex`, `html`) have
    rounded numbers and say by which rule; `frame`, `csv` and `parquet` have exact ones.

    Attributes
    ----------
    rows : tuple of Row
        The tolls as they are printed, a total last where there is one.
    exact : pandas.DataFrame
        What `frame` gives a copy of.
    caption : str
        What was estimated from what, with the level and the kind of the intervals.
    remarks : tuple of Remark
        What must be said of some locations.
    marks : tuple of str
        For each of `rows`, the letters of the remarks on it.
    computed_by : str
        How it was computed.
    doubts : tuple of str
        Why the computation should not be relied on.
    """

    rows: tuple[Row, ...]
    exact: "pd.DataFrame"
    caption: str
    remarks: tuple[Remark, ...]
    marks: tuple[str, ...]
    computed_by: str
    doubts: tuple[str, ...]

    @property
    def head(self) -> list[str]:
        """Names of the columns that are printed."""
        names = ["Location", "Toll", self._level, "Claims", "Figures", "Documented"]
        return [*names, "Notes"] if self.remarks else names

    @cached_property
    def cells(self) -> list[list[str]]:
        """What is printed in each row, its label first."""
        out = []
        for row, marks in zip(self.rows, self.marks, strict=True):
            interval = "verified" if row.is_verified else row.toll.interval
            figures = f"{row.n_figures:,}" if row.n_figures >= 0 else "-"
            documented = f"{row.documented:,}" if row.documented else "-"
            cells = [row.label, f"{row.toll.point:,}", interval, f"{row.n_claims:,}", figures]
            cells.append(f"= {row.toll.point:,}" if row.is_verified else documented)
            out.append([*cells, marks] if self.remarks else cells)
        return out

    @property
    def notes(self) -> list[str]:
        """What is printed under the table: remarks, the rules of printing, and every doubt."""
        lines = [
            f"{letter}: {remark.of_one}"
            for letter, remark in zip(_letters(len(self.remarks)), self.remarks, strict=True)
        ]
        lines.append(_FLOOR)
        if any(row.toll.rule for row in self.rows):
            lines.append(_rounding.RULE)
        if any(row.n_figures < 0 for row in self.rows):
            lines.append(_TOTAL + (f" {OPEN}" if OPEN in set(self.exact["notes"]) else ""))
        lines.append(f"Computed by {self.computed_by}.")
        return lines + [f"DOUBTFUL: {doubt}" for doubt in self.doubts]

    def text(self) -> str:
        """Write the table for a terminal."""
        labels = [isolated(cells[0]) for cells in self.cells]
        lines = [self.head]
        lines += [[label, *cells[1:]] for label, cells in zip(labels, self.cells, strict=True)]
        return "\n".join([f"{self.caption}.", *_text.aligned(lines, width), *self.notes])

    def markdown(self) -> str:
        """Write a table in GitHub's Markdown."""
        lines = [f"**{self.caption}**", "", _piped(self.head)]
        lines.append(_piped(["---", *["---:"] * (len(self.head) - 1)]))
        lines += [
            _piped([isolated(escapes.markdown(cells[0])), *cells[1:]]) for cells in self.cells
        ]
        return "\n".join(lines + [f"\n{escapes.markdown(note)}" for note in self.notes]) + "\n"

    def latex(self) -> str:
        r"""Write a table with booktabs' rules, its notes below it.

        A comment at its top says what the preamble needs. Up to 40 rows are a ``table``, more a
        ``longtable``, which breaks over pages.
        """
        last = len(self.head) - 1
        long = len(self.rows) > _LONG
        wide = any(width(cells[0]) > _WIDE for cells in self.cells)
        first = r"p{0.3\linewidth}" if wide else "l"
        start, end = r"\raggedright " if wide else "", r" \tabularnewline"
        body = [
            " & ".join([start + _breakable(cells[0]), *map(escapes.latex, cells[1:])]) + end
            for cells in self.cells
        ]
        head = " & ".join(escapes.latex(name) for name in self.head) + end
        spec = first + "r" * last
        caption = rf"\caption{{{escapes.latex(self.caption)}}}"
        notes = [rf"\par {escapes.latex(note)}" for note in self.notes]
        lines = [f"% {escapes.PREAMBLE}", *escapes.latex_preamble(body)]
        if long:
            lines += [
                rf"\begin{{longtable}}{{{spec}}}", caption + r"\tabularnewline", r"\toprule",
                head, r"\midrule", r"\endfirsthead", r"\toprule", head, r"\midrule", r"\endhead",
                r"\bottomrule", r"\endfoot", *body, r"\end{longtable}", r"{\footnotesize",
                *notes, r"\par}",
            ]  # fmt: skip
        else:
            lines += [
                r"\begin{table}[htbp]", r"\centering", caption, rf"\begin{{tabular}}{{{spec}}}",
                r"\toprule", head, r"\midrule", *body, r"\bottomrule", r"\end{tabular}",
                r"\begin{minipage}{\linewidth}\footnotesize\smallskip", *notes,
                r"\end{minipage}", r"\end{table}",
            ]  # fmt: skip
        return "\n".join(lines) + "\n"

    def html(self) -> str:
        """Write an HTML table by great_tables, for notebooks and Quarto.

        Raises
        ------
        ModuleNotFoundError
            If great_tables is not installed: ``pip install "tollest[report]"``.
        """
        import pandas as pd

        try:
            import great_tables as great
        except ModuleNotFoundError:
            way_out = 'html() needs great_tables: pip install "tollest[report]".'
            raise ModuleNotFoundError(way_out, name="great_tables") from None
        names = [f"c{j}" for j in range(len(self.head))]
        # As markup, since great_tables reads Markdown into some texts.
        frame = pd.DataFrame(
            [[str(markup.name(cells[0])), *cells[1:]] for cells in self.cells], columns=names
        )
        made = great.GT(frame, rowname_col="c0", id="tollest").fmt_passthrough(
            columns="c0", escape=False
        )
        made = made.cols_label(dict(zip(names[1:], self.head[1:], strict=True)))
        made = made.tab_stubhead(self.head[0]).tab_header(title=self.caption)
        made = made.cols_align("right", columns=names[1:])
        for note in self.notes:
            made = made.tab_source_note(great.html(str(markup.joined(note))))
        return str(made.as_raw_html())

    def first(self, n: int) -> Self:
        """Leave out what is printed after the first `n` locations, but not the total."""
        n_locations = int((self.exact["row"] == "location").sum())
        if n_locations <= n:
            return self
        caption = f"{self.caption}; the first {n:,}, and all in report.table().csv(path)"
        return replace(
            self, rows=self.rows[:n] + self.rows[n_locations:],
            marks=self.marks[:n] + self.marks[n_locations:], caption=caption,
        )  # fmt: skip

    def frame(self) -> "pd.DataFrame":
        """Exact numbers, a row a location and one for the total, as files hold them.

        Returns
        -------
        pandas.DataFrame
            Columns ``row`` (``"location"`` or ``"total"``), ``name``, ``median, lower, upper,
            mean`` in deaths, ``n_claims, n_figures, documented, verified, prior_share,
            common_bias_share`` as in `Estimate.table` (blank where a row has none),
            ``n_locations, n_silent``, ``ci_prob, ci_kind``, ``notes`` on the row, ``computed_by``
            and ``doubts``, which are about all rows.
        """
        return self.exact.copy()

    def csv(self, path: str | Path) -> None:
        """Write `frame` to a CSV file that `read_csv` reads back to the last digit.

        Text that a spreadsheet would take for a formula has an apostrophe before it: text that
        begins with ``=``, ``+``, ``-`` or ``@``, with blanks before or not, or with a tab, a
        line break or an apostrophe.

        Raises
        ------
        FileNotFoundError
            If there is no such folder.
        ValueError
            If the name does not end in ``.csv``.
        """
        archive.check_path(path, ".csv")
        files.write_csv(self.exact, path)

    def parquet(self, path: str | Path) -> None:
        """Write `frame` to a Parquet file; level, kind, notes and doubts are in its metadata too.

        Raises
        ------
        FileNotFoundError
            If there is no such folder.
        ValueError
            If the name does not end in ``.parquet``.
        """
        archive.check_path(path, ".parquet")
        files.write_parquet(self.exact, self.notes, path)

    @property
    def _level(self) -> str:
        return _text.interval(self.exact.attrs["ci_prob"], self.exact.attrs["ci_kind"])

    def _repr_html_(self) -> str:
        return str(self.to_markup())

    def to_markup(self) -> markup.Markup:
        """Make the table as plain, accessible HTML, its notes below it."""
        cells = [[markup.name(cells[0]), *cells[1:]] for cells in self.cells]
        made = markup.html_table(self.caption, self.head, cells)
        notes = markup.element("div", markup.paragraphs(*self.notes), class_="notes")
        return markup.joined(made, notes)

    def __repr__(self) -> str:
        """Give the table as text."""
        return self.text()


def table(
    estimate: Estimate, ci_prob: float = 0.9, ci_kind: str = "eti", *, total: bool = True
) -> TollTable:
    """Tabulate the tolls, to be read and to be computed with.

    Parameters
    ----------
    estimate : Estimate
        What `tollest.estimate` gave.
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
    TypeError, ValueError
        As in `sentence`.
    """
    check_estimate(estimate)
    claims = estimate.claims
    tolls = estimate.table(ci_prob, ci_kind)
    said = remarks(estimate, tolls)
    of_location: dict[str, str] = dict.fromkeys(claims.locations, "")
    for letter, remark in zip(_letters(len(said)), said, strict=True):
        for name in remark.locations:
            of_location[name] += f", {letter}" if of_location[name] else letter
    printed, marks = rows.of_tolls(claims, tolls), list(of_location.values())
    exact = files.exact(estimate, tolls, said)
    if total and claims.n_locations > 1:
        totals = estimate.total()
        of_total = totals.table(ci_prob, ci_kind)
        label = f"All {claims.n_locations:,} locations"
        printed.append(replace(rows.of_total(totals, of_total), label=label))
        marks.append("")
        note = OPEN if totals.n_open[0] else ""
        exact = files.with_total(exact, of_total, note)
    exact.attrs.update(ci_prob=ci_prob, ci_kind=ci_kind)
    n_claims = int(claims.claims_per_location.sum())
    caption = (
        f"{_text.plural(claims.n_locations, 'toll')} from {_text.plural(n_claims, 'claim')}; "
        f"{_text.interval(ci_prob, ci_kind)}s"
    )
    doubts = estimate.doubts
    return TollTable(
        tuple(printed), exact, caption, said, tuple(marks), estimate.theta.summary, doubts
    )


def _letters(n: int) -> list[str]:
    return [chr(ord("a") + i) for i in range(n)]


def _piped(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _breakable(label: str) -> str:
    """Escape a label for LaTeX, and let long words of it break."""
    words = []
    for word in label.split(" "):
        step = 12 if width(word) > _WIDE else len(word) or 1
        pieces = [word[i : i + step] for i in range(0, len(word), step)]
        words.append(r"\allowbreak{}".join(escapes.latex(piece) for piece in pieces))
    return " ".join(words)
