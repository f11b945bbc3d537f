"""Tables by their columns, wherever they are: a dataframe, or a file of one of several kinds."""

import codecs
import errno
import gzip
import itertools
import os
import re
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from tollest.claims import excel, records
from tollest.claims.names import is_broken
from tollest.claims.problems import ClaimsError, Problem, shown

if TYPE_CHECKING:
    import narwhals as nw

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_BROKEN = (OSError, EOFError, zlib.error)  # what unpacking a file can raise
_MOST = 200  # characters of another library's error
_BLOCK = 1 << 24  # bytes at a time
_MOST_LINES = 50  # above the names of the columns
_QUOTE = ord('"')
_SEPARATORS = {".csv": ",", ".csv.gz": ",", ".tsv": "\t", ".tsv.gz": "\t"}
ENDINGS = (*_SEPARATORS, ".parquet", excel.ENDING, records.ENDING)
"""How the names of files that can be read end."""


@dataclass(frozen=True)
class Table:
    """A table of which only the columns that are wanted are read.

    Attributes
    ----------
    name : str
        How errors call it.
    header : tuple of str
        Names of all its columns.
    take : callable
        Reads the columns of some names, each name once.
    """

    name: str
    header: tuple[str, ...]
    take: Callable[[Sequence[str]], "nw.DataFrame[Any]"]


def open_table(
    data: Any,  # noqa: ANN401 - a path or any dataframe
    encoding: str,
    first: str | None = None,
    sheet: str | None = None,
    usual: str = "",
) -> Table:
    """Look at the columns of a table.

    Parameters
    ----------
    data : str, Path or eager dataframe
        A path that ends in one of `ENDINGS`, or a dataframe.
    encoding : str
        That of a file of text.
    first : str, optional
        Name of the first column, for CSV files that have lines of prose above the names of their
        columns: what stands above it is skipped.
    sheet : str, optional
        That of a workbook; needed where several have rows.
    usual : str
        Name of the sheet that is read without `sheet`, if the workbook has it.

    Returns
    -------
    Table

    Raises
    ------
    ClaimsError
        The file cannot be read.
    FileNotFoundError
        There is no such file.
    TypeError
        `data` is neither a path nor a dataframe in memory.
    ValueError
        The name of the file has another ending, there is no such encoding, or a sheet is named
        of what has none.
    """
    is_path = isinstance(data, str | Path)
    if sheet is not None and not (is_path and str(data).lower().endswith(excel.ENDING)):
        name = shown(Path(data).name) if is_path else f"a {type(data).__name__}"
        message = f"sheet is {shown(sheet)}, but {name} has no sheets; leave it out"
        raise ValueError(message)
    if is_path:
        return _open_file(Path(data), encoding, first, sheet, usual)
    frame, header = open_frame(
        data, "give the path of a file, or a pandas, polars or pyarrow table held in memory"
    )
    return Table("the table", tuple(header), lambda names: frame.select(list(names)))


def open_frame(
    table: Any,  # noqa: ANN401 - whatever dataframe narwhals accepts
    expected: str,
) -> tuple["nw.DataFrame[Any]", list[str]]:
    """Take a dataframe and the names of its columns; `expected` says what else an error wants.

    Raises
    ------
    ClaimsError
        If two columns have the same name.
    TypeError
        If `table` is not an eager dataframe.
    """
    # Here, because only the reading of tables needs it.
    import narwhals as nw
    from narwhals.exceptions import DuplicateError

    try:
        frame = nw.from_native(table, eager_only=True)
        return frame, list(frame.columns)
    except DuplicateError as error:
        message = f"two columns of the table have the same name; rename one. {error}"
        raise ClaimsError([Problem(message)]) from None
    except TypeError:
        message = f"{expected}, not a {type(table).__name__}"
        if isinstance(table, dict | list):
            message += "; pandas.DataFrame(...) makes one of it"
        elif isinstance(table, str | os.PathLike):
            message += "; Claims.read reads files"
        elif hasattr(table, "collect"):
            message += "; collect it first"
        raise TypeError(message) from None


def _open_file(
    path: Path, encoding: str, first: str | None, sheet: str | None, usual: str
) -> Table:
    """Look at the columns of a file."""
    name = shown(path.name)
    ending = next((e for e in ENDINGS if path.name.lower().endswith(e)), None)
    if ending is None:
        message = (
            f"{name} ends in none of {', '.join(ENDINGS[:-1])} and {ENDINGS[-1]}; read it into a "
            "dataframe, and give that"
        )
        raise ValueError(message)
    _check_there(path)
    if ending == ".parquet":
        header = tuple(_parquet(path, None).column_names)
        return _table(name, header, lambda names: _parquet(path, names))
    if ending == excel.ENDING:
        tab = excel.open_sheet(path, sheet, usual)
        return _table(name, tab.header, tab.take)
    _check_encoding(encoding)
    if ending == records.ENDING:
        objects = records.open_records(path, encoding)
        return _table(name, objects.header, objects.take)
    file = _File(path, 0, _SEPARATORS[ending])
    if first is not None:
        file = _File(path, _above(file, first), file.separator)
    header = tuple(_csv(file, encoding, None))
    return _table(name, header, lambda names: _csv(file, encoding, names))


def _table(name: str, header: tuple[str, ...], take: Callable[[Sequence[str]], Any]) -> Table:
    """Make a table of what reads columns into some dataframe."""
    import narwhals as nw

    return Table(name, header, lambda names: nw.from_native(take(names)))


def _check_there(path: Path) -> None:
    """Refuse a path that leads to no file.

    Raises
    ------
    FileNotFoundError
        If it does not.
    """
    if is_broken(str(path)):
        raise FileNotFoundError(f"the path {str(path)!r} has half a character in it; no file has.")
    if "\0" in str(path):
        raise FileNotFoundError(f"the path {str(path)!r} has a NUL in it; no file has.")
    try:
        with path.open("rb"):
            pass
    except IsADirectoryError:
        raise FileNotFoundError(f"{str(path)!r} is a folder, not a file.") from None
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(f"there is no file {str(path)!r}.") from None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            message = f"the name {shown(path.name)} is too long for a file."
            raise FileNotFoundError(message) from None
        raise


def _check_encoding(encoding: str) -> None:
    """Refuse what is no encoding of text.

    Raises
    ------
    ValueError
        If it is not.
    """
    try:
        # Some codecs turn bytes into bytes, and one is made to fail.
        "a".encode(encoding).decode(encoding)
    except (LookupError, UnicodeError, TypeError):
        message = f"encoding is {shown(encoding)}; an encoding is, say, 'utf-8' or 'cp1252'"
        raise ValueError(message) from None


def _parquet(path: Path, names: Sequence[str] | None) -> Any:  # noqa: ANN401 - pyarrow is untyped
    """Read columns of a Parquet file, or an empty table with its names."""
    import pyarrow as pa
    from pyarrow import parquet

    with path.open("rb") as file:
        try:
            if names is None:
                return parquet.ParquetFile(file).schema_arrow.empty_table()
            return parquet.read_table(file, columns=list(names))
        except (pa.ArrowInvalid, OSError) as error:
            raise _unreadable(path, error) from None


@dataclass(frozen=True)
class _File:
    """A file of text, how many of its lines are not of the table, and what parts its cells."""

    path: Path
    above: int
    separator: str = ","

    def open(self) -> IO[bytes]:
        """Open it where the table begins, unpacked as it is read."""
        file = _unpacked(self.path)
        for _ in range(self.above):
            file.readline()
        return file


def _unpacked(path: Path) -> IO[bytes]:
    if path.name.lower().endswith(".gz"):
        return gzip.open(path, "rb")  # type: ignore[return-value]  # reads as any file does
    return path.open("rb")


def _above(file: _File, first: str) -> int:
    """Count the lines above the one whose first cell is the name of the first column."""

    def plain(name: str) -> str:
        return re.sub(r"[\W_]+", "", name).casefold()

    with file.open() as unpacked:
        for n, line in enumerate(itertools.islice(_lines(unpacked), _MOST_LINES)):
            if plain(line.decode("ascii", "ignore").split(file.separator)[0]) == plain(first):
                return n
    return 0


def _csv(file: _File, encoding: str, names: Sequence[str] | None) -> Any:  # noqa: ANN401
    """Read columns of a CSV file as text, or the names of all."""
    import pyarrow as pa

    path = file.path
    try:
        with file.open() as unpacked:
            start = unpacked.read(2)
        if start in _UTF_16 and codecs.lookup(encoding).name == "utf-8":
            two = f"its first two bytes are those of UTF-16 ({start!r})"
            raise _undecodable(path, two, "utf-16")
        # Once, when the names of the columns are read.
        if names is None:
            _check_quotes(file, encoding)
    except UnicodeError:
        pass  # told below, with its line
    except _BROKEN as error:
        raise _unreadable(path, error) from None
    try:
        return _parsed(file, encoding, names, use_threads=True)
    except (pa.ArrowInvalid, UnicodeError) as error:
        bad_byte = _undecoded(file, encoding)
        if bad_byte:
            raise _undecodable(path, bad_byte, "cp1252", encoding) from None
        if isinstance(error, UnicodeError):
            raise _unreadable(path, error) from None
    except _BROKEN as error:
        raise _unreadable(path, error) from None
    try:  # by one thread, which counts the rows
        return _parsed(file, encoding, names, use_threads=False)
    except pa.ArrowInvalid as error:
        raise _unreadable(path, error) from None


def _parsed(file: _File, encoding: str, names: Sequence[str] | None, *, use_threads: bool) -> Any:  # noqa: ANN401
    import pyarrow as pa
    from pyarrow import csv

    reading = csv.ReadOptions(encoding=encoding, use_threads=use_threads)
    parsing = csv.ParseOptions(delimiter=file.separator, newlines_in_values=True)
    with file.open() as unpacked:
        if names is None:
            with csv.open_csv(unpacked, reading, parsing) as reader:
                return reader.schema.names
        # As text throughout: a cell that is not a number can then be named.
        text = csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.large_string()), strings_can_be_null=False,
            include_columns=list(names),
        )  # fmt: skip
        return csv.read_csv(unpacked, reading, parsing, text)


def _blocks(file: IO[bytes], encoding: str) -> Iterable[bytes]:
    """Give a file block by block, in bytes in which the marks of ASCII are themselves."""
    if not codecs.lookup(encoding).name.startswith(("utf-16", "utf-32")):
        while block := file.read(_BLOCK):
            yield block
        return
    decoder = codecs.getincrementaldecoder(encoding)()
    while block := file.read(_BLOCK):
        yield decoder.decode(block).encode()
    decoder.decode(b"", final=True)


def _check_quotes(file: _File, encoding: str = "utf-8") -> None:
    """Refuse quotation marks after which rows would be swallowed by a cell.

    A mark opens a cell at its start and closes it at its end; others are doubled. Readers of CSV
    put up with more, and take what follows a stray mark, rows and all, for one cell.
    """
    # Bytes that can stand outside of a quoted cell.
    outside = np.isin(np.arange(256), list(f'{file.separator}"\r\n'.encode()))
    inside, line, opened, last = False, file.above + 1, 0, b"\n"
    path = file.path
    with file.open() as unpacked:
        for block in _blocks(unpacked, encoding):
            if not opened and line == 1:
                block = block.removeprefix(codecs.BOM_UTF8)
            text = np.frombuffer(last + block, np.uint8)
            marks = np.flatnonzero(text[1:] == _QUOTE) + 1
            opens = (np.arange(marks.size) + inside) % 2 == 0
            closing = marks[~opens]
            if last == b'"' and not inside:
                closing = np.append(0, closing)
            closing = closing[closing + 1 < text.size]
            stray = np.concatenate(
                [
                    marks[opens][~outside[text[marks[opens] - 1]]],
                    closing[~outside[text[closing + 1]]],
                ]
            )
            if stray.size:
                line += int((text[1 : int(stray.min()) + 1] == ord("\n")).sum())
                raise _misquoted(path, line, "within a cell")
            if opens.any():
                opened = line + int((text[1 : int(marks[opens][-1])] == ord("\n")).sum())
            line += int((text[1:] == ord("\n")).sum())
            inside ^= bool(marks.size % 2)
            last = block[-1:]
    if inside:
        raise _misquoted(path, opened, "that is never closed")


def _misquoted(path: Path, line: int, mistake: str) -> ClaimsError:
    return ClaimsError(
        [
            Problem(
                f"{shown(path.name)} cannot be read, and nothing of it was: line {line} has a "
                f"quotation mark {mistake}, so that cells and rows would run together. Is it cut "
                "short? A cell with marks or commas in it stands between marks, and marks in it "
                "are doubled."
            )
        ]
    )


def _undecoded(file: _File, encoding: str) -> str:
    """Say where a file is not in its encoding; empty where it is, or is not in lines of bytes."""
    with file.open() as unpacked:
        for number, line in enumerate(_lines(unpacked), start=file.above + 1):
            try:
                line.decode(encoding)
            except UnicodeDecodeError as error:
                near = line[max(error.start - 12, 0) : error.start + 12]
                return f"line {number} has the byte 0x{line[error.start]:02x}, in {near!r}"
    return ""


def _lines(file: IO[bytes]) -> Iterable[bytes]:
    """Give the lines that can be unpacked."""
    try:
        yield from file
    except _BROKEN:
        return


def _undecodable(path: Path, reason: str, other: str, encoding: str = "utf-8") -> ClaimsError:
    return ClaimsError(
        [
            Problem(
                f"{shown(path.name)} is not in {encoding.upper()}: {reason}. Nothing was read. "
                f"Say which encoding it is in, such as encoding={other!r}, or save it as UTF-8."
            )
        ]
    )


def _unreadable(path: Path, error: Exception) -> ClaimsError:
    said = " ".join(str(error).split())
    said = said if len(said) <= _MOST else said[:_MOST] + "…"
    message = (
        f"{shown(path.name)} cannot be read, and nothing of it was: {said.rstrip('.')}. Is it cut "
        "short, or is it no such file as its name says?"
    )
    return ClaimsError([Problem(message)])
