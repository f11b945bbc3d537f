"""A table with one event a row, each a location of its own: what the event layouts share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tollest._arrays import Integers
from tollest.claims.cells import Cells
from tollest.claims.files import Table
from tollest.claims.problems import Problem
from tollest.claims.table import Claims
from tollest.readers.disorder import (
    Disordered,
    Refuse,
    SetAside,
    Silent,
    Unknown,
    out_of_order,
    span,
)
from tollest.readers.event_days import days, days_of_parts
from tollest.readers.event_names import spelled

if TYPE_CHECKING:
    import pyarrow as pa

UNSTATED = "states no number, which is not 0"
"""Why rows without a number are set aside."""


@dataclass(frozen=True)
class Events:
    """Events of a table, and the cells of it that a reader needs.

    Attributes
    ----------
    table : Table
        Where they are from.
    cells : Cells
        By our names: ``location``, those of the layout, ``group`` and ``date``.
    locations : list of str
        A name for each row.
    row : ndarray of int, shape (n_rows,)
        Position in `locations`.
    """

    table: Table
    cells: Cells
    locations: list[str]
    row: Integers

    @property
    def n(self) -> int:
        """Number of events."""
        return self.cells.n

    def has(self, name: str) -> bool:
        """Tell whether the table has a column, by our name."""
        return name in self.cells.columns

    def check(self, source: str) -> None:
        """Raise what was found wrong with the cells so far."""
        self.cells.check(self.row, self.locations, np.zeros(self.n, dtype=np.int64), [source])

    def bounds(
        self,
        source: str,
        disordered: Disordered,
        **numbers: Integers,
    ) -> tuple[Integers, Integers, dict[int, str]]:
        """Give the least and the most of each event, and the rows set aside with their reason.

        Parameters
        ----------
        source : str
            Who claims.
        disordered : Disordered
            What to do with numbers out of order.
        **numbers : ndarray of int, shape (n_rows,)
            By our names, from the lowest to the highest; below 0 is blank.

        Returns
        -------
        least, most : ndarray of int, shape (n_rows,)
            Those of the first and the last of `numbers`, blanks included, but in rows out of
            order those of all.
        set_aside : dict of int to str

        Raises
        ------
        ClaimsError
            Naming the rows that are out of order, where these are refused.
        """
        columns = list(numbers.values())
        wrong = np.flatnonzero(out_of_order(*columns))
        names = [self.cells.called[name] for name in numbers]
        if wrong.size and isinstance(disordered, Refuse):
            self.cells.table_problems.append(
                Problem(
                    f"{', '.join(names)} are out of order in {wrong.size:,} of {self.n:,} rows; "
                    "correct them, or say disordered=te.readers.SetAside() to leave these rows "
                    "out, or te.readers.Span() to allow all from the least to the most."
                )
            )
            self.cells.add(wrong, lambda row: _stated(names, columns, row))
            self.check(source)
        least, most = columns[0].copy(), columns[-1].copy()
        low, high = span(*(column[wrong] for column in columns))
        least[wrong], most[wrong] = low, high
        reason = f"{', '.join(names)} are out of order"
        aside = wrong.tolist() if isinstance(disordered, SetAside) else []
        return least, most, dict.fromkeys(aside, reason)

    def claims(
        self,
        source: str,
        set_aside: Mapping[int, str],
        *,
        count: Integers | None = None,
        lower: Integers | None = None,
        upper: Integers | None = None,
        kind: tuple[Integers, tuple[str, ...]] | None = None,
        event: Integers | None = None,
        unknown: Unknown = Refuse(),  # noqa: B008 - frozen
        sources: tuple[Integers, Sequence[str]] | None = None,
    ) -> Claims:
        """Make claims of numbers by event.

        Parameters
        ----------
        source : str
            Who claims.
        set_aside : mapping of int to str
            Rows that are not evidence, with their reasons.
        count, lower, upper : ndarray of int, shape (n,), optional
            Deaths; below 0 is blank.
        kind : (ndarray of int, tuple of str), optional
            Position of each row's kind in the names beside it; -1 where blank.
        event : ndarray of int, shape (n,), optional
            Which event each row is on; by default row ``i`` is on event ``i``.
        unknown : Unknown
            What becomes of rows without a number.
        sources : (ndarray of int, sequence of str), optional
            Position of each row's source in the names beside it; by default all are by `source`.

        Returns
        -------
        Claims

        Raises
        ------
        ClaimsError
            As `Claims.from_table` does.
        """
        import pyarrow as pa

        event = np.arange(self.n) if event is None else event
        numbers = {
            name: values
            for name, values in (("count", count), ("lower", lower), ("upper", upper))
            if values is not None
        }
        bare = np.flatnonzero(np.maximum.reduce(list(numbers.values())) < 0)
        aside = dict(set_aside)
        if isinstance(unknown, SetAside):
            aside |= {row: aside.get(row, UNSTATED) for row in bare.tolist()}
        # What is set aside has to be said, too: without a number, 0 or more.
        unsaid = bare[np.isin(bare, list(aside))]
        numbers["lower"] = numbers.get("lower", np.full(len(event), -1)).copy()
        numbers["lower"][unsaid] = 0
        columns = {"location": spelled(self.locations, self.row[event])}
        voice, names = sources or (np.zeros(len(event), dtype=np.int64), [source])
        columns["source"] = spelled(names, voice)
        columns |= {name: pa.array(n, mask=n < 0) for name, n in numbers.items()}
        if kind is not None:
            codes = kind[0].copy()
            codes[unsaid] = -1
            columns["kind"] = spelled(list(kind[1]), codes)
        columns |= self._of_events(event)
        self.check(source)
        silent = np.setdiff1d(bare, unsaid) if isinstance(unknown, Silent) else bare[:0]
        return self._made(pa.table(columns), aside, silent)

    def _of_events(self, event: Integers) -> "dict[str, pa.Array]":
        """Give the columns that every row of an event has alike."""
        import pyarrow as pa

        out = {}
        if self.has("group"):
            codes, groups = self.cells.names("group")
            out["group"] = spelled(groups, codes[event])
        if self.has("date"):
            out["date"] = pa.array(days(self.cells, "date")[event])
        elif self.has("year"):
            out["date"] = pa.array(days_of_parts(self.cells)[event])
        return out

    @staticmethod
    def _made(table: "pa.Table", set_aside: Mapping[int, str], silent: Integers) -> Claims:
        """Make claims of a table, of which some rows are of silent locations."""
        import pyarrow as pa

        kept = np.ones(len(table), dtype=bool)
        kept[silent] = False
        mute = table.filter(pa.array(~kept))
        names = mute["location"].to_pylist()
        groups = mute["group"].to_pylist() if "group" in mute.column_names else [""] * len(names)
        claims = Claims.from_table(
            table.filter(pa.array(kept)), locations=dict(zip(names, groups, strict=True))
        )
        row = np.cumsum(kept) - 1
        aside = {int(row[i]): reason for i, reason in set_aside.items()}
        return claims.without(rows=aside) if aside else claims


def _stated(names: Sequence[str], columns: Sequence[Integers], row: int) -> str:
    """Say which numbers of a row are out of order."""
    said = [
        f"{name} is {column[row]}"
        for name, column in zip(names, columns, strict=True)
        if column[row] >= 0
    ]
    return f"{', '.join(said)}: out of order"
