"""Excel workbooks as tables: one sheet, its cells as they stand, and nothing of them guessed."""

import datetime as dt
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile, ZipFile

from tollest.claims.problems import ClaimsError, Problem, listed, shown

if TYPE_CHECKING:
    import pandas as pd

ENDING = ".xlsx"
# Parts of a sheet that need the whole of it read: formulas, and cells that were merged.
_ELABORATE = re.compile(rb"<(?:\w+:)?(?:f|mergeCell)[ >/]")
_BLOCK, _LONGEST_TAG = 1 << 24, 64  # bytes
_MOST = 10  # cells in an error


@dataclass(frozen=True)
class Sheet:
    """A sheet of a workbook, of which only the columns that are wanted are read.

    Attributes
    ----------
    path : Path
        The workbook.
    name : str
        The sheet's own name.
    above : int
        Empty rows above the names of the columns.
    header : tuple of str
        Names of all its columns; those without one are empty.
    """

    path: Path
    name: str
    above: int
    header: tuple[str, ...]

    def take(self, names: Sequence[str]) -> "pd.DataFrame":
        """Read the columns of some names, each name once.

        Raises
        ------
        ClaimsError
            Naming all cells that are errors, formulas without a value, or parts of merged cells.
        """
        import pandas as pd

        positions = [self.header.index(name) for name in names]
        with _opened(self.path) as book:
            rows = [
                [_value(cells[i]) if i < len(cells) else None for i in positions]
                for cells in _below(book[self.name], self.above + 1)
            ]
        self._check(rows, positions)
        while rows and all(value is None for value in rows[-1]):
            rows.pop()
        columns = zip(*rows, strict=True) if rows else [()] * len(names)
        # As objects: the cells of a column can be of several types, and each stays what it is.
        return pd.DataFrame(
            {
                name: pd.Series(list(column), dtype=object)
                for name, column in zip(names, columns, strict=True)
            }
        )

    def _check(self, rows: Sequence[Sequence[Any]], positions: Sequence[int]) -> None:
        """Refuse cells that say nothing although they are not empty."""
        problems = [
            f"{_at(self.above + 2 + i, j)} is the error {value}"
            for i, row in enumerate(rows)
            for j, value in zip(positions, row, strict=True)
            if isinstance(value, _Fault)
        ]
        if _is_elaborate(self.path):
            problems += self._unsaid(set(positions))
        if problems:
            more = f", and {len(problems) - _MOST:,} more" if len(problems) > _MOST else ""
            message = (
                f"the sheet {shown(self.name)} of {shown(self.path.name)} has cells whose value "
                f"nobody can tell: {'; '.join(problems[:_MOST])}{more}. Write into each cell what "
                "it says; a workbook that a program made is to be saved by Excel once, which "
                "computes its formulas."
            )
            raise ClaimsError([Problem(message)])

    def _unsaid(self, positions: set[int]) -> list[str]:
        """List formulas without a value, and cells that are empty because they are merged."""
        import openpyxl

        with _quiet():
            formulas = openpyxl.load_workbook(self.path)[self.name]
            values = openpyxl.load_workbook(self.path, data_only=True)[self.name]
        out = []
        for row in formulas.iter_rows(min_row=self.above + 2):
            out += [
                f"{cell.coordinate} is a formula without a value"
                for cell in row
                if cell.data_type == "f"
                and cell.column - 1 in positions
                and values[cell.coordinate].value is None
            ]
        for block in formulas.merged_cells.ranges:
            wanted = positions & set(range(block.min_col - 1, block.max_col))
            if wanted and block.max_row > self.above + 1:
                out.append(f"{block.coord} is merged into one cell")
        return out


class _Fault(str):
    """What Excel shows in place of a value that it cannot compute, such as ``#REF!``."""

    __slots__ = ()


def open_sheet(path: Path, sheet: str | None, usual: str = "") -> Sheet:
    """Find a sheet of a workbook, and the names of its columns.

    Parameters
    ----------
    path : Path
        A file that ends in ``.xlsx``.
    sheet : str, optional
        Its name. Without it there must be one sheet alone that has rows.
    usual : str
        The name to take it for without `sheet`, if there is such a sheet.

    Returns
    -------
    Sheet

    Raises
    ------
    ClaimsError
        The file is no workbook, it has no such sheet, or several sheets have rows.
    ModuleNotFoundError
        If openpyxl is not installed: ``pip install "tollest[excel]"``.
    """
    with _opened(path) as book:
        tops = {tab.title: _top(tab) for tab in book.worksheets}
    sheet = usual if sheet is None and usual in tops else sheet
    filled = [name for name, (above, _) in tops.items() if above >= 0]
    name = shown(path.name)
    if sheet is not None and sheet not in tops:
        message = f"{name} has no sheet {shown(sheet)}; its sheets are {listed(list(tops))}."
        raise ClaimsError([Problem(message)])
    if sheet is None and len(filled) > 1:
        message = (
            f"{name} has several sheets with rows: {listed(filled)}; say which: "
            f"sheet={shown(filled[0])}."
        )
        raise ClaimsError([Problem(message)])
    chosen = sheet if sheet is not None else filled[0] if filled else ""
    above, header = tops.get(chosen, (-1, ()))
    if above < 0:
        message = f"{name} has no rows{f' in the sheet {shown(chosen)}' if chosen else ''}."
        raise ClaimsError([Problem(message)])
    return Sheet(path, chosen, above, header)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a workbook to be read row by row, with the values of its formulas."""
    try:
        import openpyxl
    except ModuleNotFoundError:
        way_out = 'workbooks need openpyxl: pip install "tollest[excel]".'
        raise ModuleNotFoundError(way_out, name="openpyxl") from None
    try:
        with _quiet():
            book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    # Of what is no workbook, each part can fail in its own way.
    except (BadZipFile, KeyError, ValueError, OSError, SyntaxError) as error:
        said = " ".join(str(error).split())[:200].rstrip(".")
        message = (
            f"{shown(path.name)} cannot be read, and nothing of it was: {said}. Is it cut short, "
            "locked by a password, or no such file as its name says?"
        )
        raise ClaimsError([Problem(message)]) from None
    try:
        with _quiet():
            yield book
    finally:
        book.close()


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out what is said of styles and the like, which are not read."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="openpyxl")
        yield


def _top(tab: Any) -> tuple[int, tuple[str, ...]]:  # noqa: ANN401 - openpyxl is untyped
    """Give the number of empty rows at the top of a sheet, -1 if all are, and the next row."""
    for above, cells in enumerate(_below(tab, 0)):
        names = [_value(cell) for cell in cells]
        if any(name is not None for name in names):
            return above, tuple("" if name is None else str(name) for name in names)
    return -1, ()


def _below(tab: Any, first: int) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401
    """Give the rows of a sheet from one on; some programs write a wrong size at its head."""
    tab.reset_dimensions()
    rows: Iterator[tuple[Any, ...]] = tab.iter_rows(min_row=first + 1)
    return rows


def _value(cell: Any) -> Any:  # noqa: ANN401 - a number, text, a day, ...
    """Give what is in a cell; whole numbers as such, for a workbook has no others than floats."""
    value = cell.value
    if cell.data_type == "e":
        return _Fault(value)
    if isinstance(value, str) and not value.strip():
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    is_day = isinstance(value, dt.datetime) and value.time() == dt.time()
    return value.date() if is_day else value


def _at(row: int, position: int) -> str:
    """Name a cell as Excel does."""
    from openpyxl.utils import get_column_letter

    return f"{get_column_letter(position + 1)}{row}"


def _is_elaborate(path: Path) -> bool:
    """Whether any sheet has formulas or merged cells, which few exports of data have."""
    with ZipFile(path) as parts:
        for name in parts.namelist():
            if not name.startswith("xl/worksheets/"):
                continue
            last = b""
            with parts.open(name) as part:
                while block := part.read(_BLOCK):
                    if _ELABORATE.search(last + block):
                        return True
                    last = block[-_LONGEST_TAG:]
    return False
