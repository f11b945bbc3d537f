"""Tolls added up over locations, from joint draws."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tollest import _text
from tollest._arrays import Integers
from tollest._files import replacing
from tollest.estimation import archive
from tollest.estimation.masses import check_interval, several_quantiles, whole

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


ALL = "total"
_FEW = 10  # locations told of, below which nothing is said of those that nobody tells of


@dataclass(frozen=True, eq=False)
class Totals:
    """Posterior of totals: an estimate with one row a label.

    Attributes
    ----------
    names : tuple of hashable
        The labels, in order of first appearance; ``("total",)`` for the total of all.
    samples : ndarray of int, shape (n_draws, n_totals)
        Joint draws, those of `Estimate.draws` added up.
    n_locations, n_silent, n_claims, documented : ndarray of int, shape (n_totals,)
        Locations added up, those of them nobody reported on, claims, and deaths that are
        certain.
    n_open : ndarray of int, shape (n_totals,)
        Locations whose toll nothing but the prior bounds from above.
    computed_by : str
        How it was computed.
    doubts : tuple of str
        Why the computation should not be relied on.
    n_single : ndarray of int, shape (n_totals,), or None
        Locations that one source alone tells of, where there are several sources.
    """

    names: tuple[Hashable, ...]
    samples: Integers
    n_locations: Integers
    n_silent: Integers
    n_claims: Integers
    documented: Integers
    n_open: Integers
    computed_by: str
    doubts: tuple[str, ...]
    n_single: Integers | None = None

    def _series(self, values: NDArray[np.generic]) -> "pd.Series":
        import pandas as pd

        return pd.Series(values, index=self._index)

    @property
    def _index(self) -> "pd.Index":
        import pandas as pd

        return pd.Index(self.names, name="total", tupleize_cols=False)

    def table(self, ci_prob: float = 0.9, ci_kind: str = "eti") -> "pd.DataFrame":
        """Totals with their credible intervals.

        Parameters
        ----------
        ci_prob : float
            Probability inside the interval.
        ci_kind : {"eti", "hdi"}
            Equal tails, or the shortest interval.

        Returns
        -------
        pandas.DataFrame
            Indexed by label: ``median, lower, upper, mean`` in deaths (the mean is infinite
            where the prior alone bounds a toll from above), ``n_claims``, ``n_locations``,
            ``n_silent`` (locations nobody reported on) and ``documented``.

        Raises
        ------
        ValueError
            If `ci_prob` or `ci_kind` is not a valid level or kind.
        """
        import pandas as pd

        check_interval(ci_prob, ci_kind)
        ordered = np.sort(self.samples, axis=0)
        n = len(ordered)
        if ci_kind == "eti":
            lower = self._at(0.5 - ci_prob / 2)
            upper = self._at(0.5 + ci_prob / 2)
        else:
            inside = min(int(np.ceil(ci_prob * n)), n)
            widths = ordered[inside - 1 :] - ordered[: n - inside + 1]
            start = widths.argmin(axis=0)
            columns = np.arange(ordered.shape[1])
            lower, upper = ordered[start, columns], ordered[start + inside - 1, columns]
        table = pd.DataFrame(
            {
                "median": self._at(0.5), "lower": lower, "upper": upper,
                "mean": np.where(self.n_open > 0, np.inf, self.samples.mean(axis=0)),
                "n_claims": self.n_claims, "n_locations": self.n_locations,
                "n_silent": self.n_silent, "documented": self.documented,
            },
            index=self._index,
        )  # fmt: skip
        table.attrs.update(ci_prob=ci_prob, ci_kind=ci_kind)
        return table

    def _at(self, q: float) -> Integers:
        """Smallest number with at least a share `q` of the draws at or below it."""
        return np.quantile(self.samples, q, axis=0, method="inverted_cdf").astype(np.int64)

    def pmf(self, name: Hashable = ALL) -> "pd.DataFrame":
        """Shares of the draws at each value: columns ``first``, ``last``, ``probability``.

        Raises
        ------
        KeyError
            If there is no total of that name.
        """
        import pandas as pd

        if name not in self.names:
            raise KeyError(f"{name!r} is none of the totals {', '.join(map(repr, self.names))}")
        values, counts = np.unique(self.samples[:, self.names.index(name)], return_counts=True)
        return pd.DataFrame(
            {"first": values, "last": values, "probability": counts / counts.sum()}
        )

    def quantile(self, q: float | Sequence[float]) -> "pd.Series | pd.DataFrame":
        """Quantiles of every total, indexed by label; a column for each of several `q`.

        Raises
        ------
        ValueError
            If a `q` is not between 0 and 1.
        """
        return several_quantiles(q, lambda p: self._series(self._at(p)))

    def probability(self, *, at_least: int) -> "pd.Series":
        """Probability that each total is `at_least` or more, indexed by label."""
        return self._series((self.samples >= whole(at_least)).mean(axis=0))

    def draws(self, n: int | None = None) -> Integers:
        """First `n` joint draws, shape (n, n_totals); all of them by default.

        Raises
        ------
        ValueError
            If there are fewer than `n`.
        """
        n = len(self.samples) if n is None else whole(n, least=1)
        if n > len(self.samples):
            raise ValueError(f"n is {n}; there are {len(self.samples)} joint draws.")
        return self.samples[:n]

    def to_datatree(self) -> "xr.DataTree":
        """Draws of the totals in ArviZ's conventions: one chain, dims ``total``."""
        return archive.totals_datatree(self.names, self.samples)

    def save(self, path: str | Path) -> None:
        """Write the DataTree of `to_datatree` to a netCDF file.

        Raises
        ------
        FileNotFoundError
            If there is no such folder.
        ValueError
            If the name does not end in ``.nc``.
        """
        archive.check_path(path)
        with replacing(path) as partial:
            self.to_datatree().to_netcdf(partial, engine="h5netcdf")

    def __repr__(self) -> str:
        """Show the totals as text, with their level, their method and every warning."""
        n = int(self.n_locations.sum())
        head = f"Total of {_text.plural(n, 'toll')}, {int(self.n_silent.sum()):,} of them silent"
        if self.names != (ALL,):
            head = f"{_text.plural(len(self.names), 'total')} of {_text.plural(n, 'toll')}"
        open_names = [str(name) for name, o in zip(self.names, self.n_open, strict=True) if o]
        notes = [_text.named("The prior alone bounds a toll from above in", open_names)]
        notes += [self.unlisted_note] if self.unlisted_note else []
        return _text.result_text(head, self.table(), self.computed_by, notes, self.doubts)

    @property
    def unlisted_note(self) -> str:
        """Say that others may be told of by nobody, where most are told of by one source."""
        if self.n_single is None:
            return ""
        n_single, n = int(self.n_single.sum()), int((self.n_locations - self.n_silent).sum())
        if n < _FEW or 2 * n_single < n:
            return ""
        return (
            f"One source alone tells of {n_single:,} of these {n:,} locations: of others nobody "
            "may tell, and they are in no total (te.diagnostics.unlisted)."
        )


def _is_missing(label: Any) -> bool:  # noqa: ANN401 - whatever stands in a user's column
    """Whether a label is None, nan, NaT or NA; a tuple is a label."""
    import pandas as pd

    return pd.isna(label) is True


def labelled(
    locations: tuple[str, ...], by: Mapping[str, Hashable] | Sequence[Hashable] | None
) -> tuple[tuple[Hashable, ...], Integers]:
    """Distinct labels in order of appearance, and the position of each location's.

    Raises
    ------
    ValueError
        If `by` leaves locations without a label, or with a missing one, or has another length.
        Labels of further locations are left aside.
    """
    if by is None:
        return (ALL,), np.zeros(len(locations), np.int64)
    if isinstance(by, str):
        raise ValueError(f"by is {by!r}; give a label for each location, as {{location: label}}.")
    if isinstance(by, Mapping) or hasattr(by, "keys"):  # a pandas Series has keys
        keys = set(by.keys())
        missing = [name for name in locations if name not in keys]
        if missing:
            raise ValueError(_text.named("by has no label for", missing))
        labels: list[Hashable] = [by[name] for name in locations]  # type: ignore[call-overload]
    else:
        labels = list(by)
        if len(labels) != len(locations):
            raise ValueError(f"by has {len(labels)} labels for {len(locations)} locations.")
    blank = [name for name, label in zip(locations, labels, strict=True) if _is_missing(label)]
    if blank:
        raise ValueError(_text.named("by has a missing label for", blank))
    position: dict[Hashable, int] = {}
    index = [position.setdefault(label, len(position)) for label in labels]
    return tuple(position), np.array(index, np.int64)
