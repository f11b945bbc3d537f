"""Who repeats whom: declared origins, and counts that pairs of sources share."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tollest import _text
from tollest._arrays import Integers
from tollest.claims.counts import Counts
from tollest.claims.table import Claims
from tollest.estimation.masses import whole
from tollest.estimation.results import Estimate
from tollest.plots import canvas, legend, phrases
from tollest.plots.canvas import INK, SMALL
from tollest.plots.legend import Sample

if TYPE_CHECKING:
    from arviz_plots.plot_collection import PlotCollection
    from matplotlib.axes import Axes


_CELL = 0.4  # inches


def repeats(estimate: Estimate, *, most: int = 12) -> "PlotCollection":
    """Draw who repeats whom, as a matrix of sources.

    A cell counts the locations on which both sources give a count, and those of them on which
    it is the same: ``3/7``. The darker the cell, the larger the share; what is declared in
    `origin` stands below, as ``→2`` where the source of the row says in two claims that it
    repeats that of the column.

    Parameters
    ----------
    estimate : Estimate
        The posterior, of whose claims this is.
    most : int
        The most sources that a figure has room for: where there are more, those with the most
        claims are drawn, as the title says.

    Returns
    -------
    arviz_plots.PlotCollection
        With one plot, ``"matrix"``; in ``viz``: ``share``, the image.

    Raises
    ------
    ValueError
        If there are fewer than two sources.

    Notes
    -----
    Small numbers agree by chance: that two of two counts of 1 are the same says little. Whether
    sources agree more than the model explains is asked by `tollest.diagnostics`.
    """
    whole(most, least=1)
    shared = _Shared.of(estimate.claims)
    notes = [
        "3/7: the same count on 3 of the 7 locations on which both give one. "
        "→2: the row says in 2 claims that it repeats the column."
    ]
    n = len(shared.names)
    if n < 2:
        raise ValueError("there is one source; it takes two for one to repeat the other.")
    if n > most:
        shared = shared.largest(most)
        notes.insert(0, f"The {most:,} of {n:,} sources with the most claims.")
    with canvas.style():
        plots = _matrix(shared)
        title = f"Who repeats whom among {_text.plural(len(shared.names), 'source')}"
        canvas.finish(plots, title, notes, " ".join([shared.in_words(title), *notes]))
    return plots


@dataclass(frozen=True, eq=False)
class _Shared:
    """For all pairs of sources: common locations, same counts, declared repeats; (n, n) each."""

    names: tuple[str, ...]
    n_claims: Integers
    both: Integers
    same: Integers
    declared: Integers

    @classmethod
    def of(cls, claims: Claims) -> "_Shared":
        excluded = claims.excluded
        status = claims.record.status(excluded["row"].to_numpy())
        repeats = excluded[np.isin(status, ["repeats another"])]
        said = claims.record.rows
        origins = [said.names[said.origin[row]] for row in repeats["row"]]
        frame = claims.to_frame()
        names = sorted({*frame["source"], *repeats["source"], *origins}, key=str.casefold)
        position = {name: i for i, name in enumerate(names)}
        counts, n = Counts.of(claims), len(names)
        source_positions = np.array([position[name] for name in claims.sources], np.int64)
        left, right = counts.pairs()
        a, b = source_positions[counts.source[left]], source_positions[counts.source[right]]
        equal = counts.count[left] == counts.count[right]
        both, same, declared = (np.zeros((n, n), np.int64) for _ in range(3))
        np.add.at(both, (a, b), 1)
        np.add.at(same, (a[equal], b[equal]), 1)
        for source, origin in zip(repeats["source"], origins, strict=True):
            declared[position[source], position[origin]] += 1
        size = np.zeros(n, np.int64)
        for source in [*frame["source"], *repeats["source"]]:
            size[position[source]] += 1
        return cls(tuple(names), size, both + both.T, same + same.T, declared)

    def largest(self, n: int) -> "_Shared":
        """Keep the `n` sources with the most claims, in their order."""
        keep = np.sort(self.n_claims.argsort(kind="stable")[::-1][:n])
        pairs = np.ix_(keep, keep)
        return _Shared(
            tuple(self.names[i] for i in keep), self.n_claims[keep], self.both[pairs],
            self.same[pairs], self.declared[pairs],
        )  # fmt: skip

    def in_words(self, title: str) -> str:
        """Give every pair that shares a count, or repeats, the most frequent first."""
        names = [phrases.short_label(name, 60) for name in self.names]
        order = np.argsort(-self.same, axis=None, kind="stable")
        said = [
            f"{names[i]} and {names[j]} on {self.same[i, j]:,} of "
            f"{_text.plural(int(self.both[i, j]), 'common location')}"
            for i, j in zip(*np.unravel_index(order, self.same.shape), strict=True)
            if i < j and self.same[i, j]
        ]
        declared = [
            f"{names[i]} says in {_text.plural(int(self.declared[i, j]), 'claim')} that it "
            f"repeats {names[j]}"
            for i, j in np.argwhere(self.declared)
        ]
        same = phrases.listing(said) if said else "none"
        origins = phrases.listing(declared) if declared else "none"
        return f"Matrix: {title}. The same count from two sources: {same}. Declared: {origins}."


def _matrix(shared: _Shared) -> "PlotCollection":
    n = len(shared.names)
    names = phrases.distinct_labels(shared.names, 28)
    side = max(_CELL * n, 1.2)
    plots = canvas.collection(["matrix"], (max(side + 3.3, 5.6), side + 2.6))
    target = canvas.axes(plots, "matrix")
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(shared.both > 0, shared.same / shared.both, np.nan)
    if np.isnan(share).all():
        share = np.where(np.eye(n, dtype=bool), np.nan, 0.0)
    canvas.draw(plots, "matrix", "share", _image, share)
    for i in range(n):
        target.text(i, i, "-", ha="center", va="center", color=INK)
        for j in range(n):
            dark = share[i, j] > 0.6
            of_both = f"{shared.same[i, j]:,}/{shared.both[i, j]:,}" * bool(shared.both[i, j])
            arrow = f"→{shared.declared[i, j]:,}" * bool(shared.declared[i, j])
            text = "\n".join(part for part in (of_both, arrow) if part)
            target.text(
                j, i, text, ha="center", va="center", fontsize=SMALL - 0.5,
                color="white" if dark else INK, linespacing=1.1,
            )  # fmt: skip
    target.set_xticks(np.arange(n), names, rotation=60, ha="left", rotation_mode="anchor")
    target.set_yticks(np.arange(n), names)
    target.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
    for spine in target.spines.values():
        spine.set_visible(False)
    for edge in np.arange(n + 1) - 0.5:
        target.axhline(edge, color="#dddddd", linewidth=0.6)
        target.axvline(edge, color="#dddddd", linewidth=0.6)
    tones = [(f"{100 * level:.0f} %", _tone(level)) for level in (0.0, 0.25, 0.5, 0.75, 1.0)]
    legend.add_legend(
        plots,
        [
            [(Sample(box={"facecolor": tone, "edgecolor": "#999999", "linewidth": 0.5}), words)]
            for words, tone in tones
        ],
    )
    target.set_xlabel("share of common locations with the same count:", loc="center")
    return plots


def _tone(share: float) -> str:
    return f"{1.0 - 0.8 * share:.2f}"


def _image(da: object, target: "Axes") -> object:
    """Shade the cells of a matrix: a visual."""
    share = np.asarray(da, np.float64)
    grey = np.where(np.isnan(share), 1.0, 1.0 - 0.8 * np.nan_to_num(share))
    return target.imshow(grey, cmap="gray", vmin=0.0, vmax=1.0, aspect="equal")
