"""Which columns of a table a layout asks for, under whatever names they are there."""

import difflib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tollest.claims.files import Table
from tollest.claims.problems import ClaimsError, Problem, listed, shown

_LONG = 8  # letters: of shorter names two can be alike by chance, as "count" and "county" are
_ALIKE = 0.85  # share of letters that two names have in common, from which one is a misspelling
_SUGGESTED = 0.6  # the same, for a column that is missing in any case
STATING = ("count", "lower", "upper", "wording")


@dataclass(frozen=True)
class ColumnLayout:
    """The columns of a kind of table.

    Attributes
    ----------
    name : str
        The kind of table, as in "a UCDP GED file".
    needed, optional : mapping of str to tuple of str
        Our name of a column to the names that tables of this kind give it.
    spelled : bool
        Whether case, blanks and punctuation within these names matter.
    sheet : str
        Name of the sheet that has them in a workbook as it is published; empty for none.
    """

    name: str
    needed: Mapping[str, tuple[str, ...]]
    optional: Mapping[str, tuple[str, ...]]
    spelled: bool = False
    sheet: str = ""

    @property
    def columns(self) -> dict[str, tuple[str, ...]]:
        """All columns, by our names."""
        return {**self.needed, **self.optional}

    def key(self, name: object) -> str:
        """Give what equal names of columns have in common."""
        return str(name).strip() if self.spelled else _plain(name)


CLAIM = ColumnLayout(
    "a claim",
    {name: (name,) for name in ("location", "source")},
    {
        name: (name,)
        for name in (
            *STATING, "kind", "date", "origin", "group", "cap", "parent", "side", "period",
            "from", "to", "onset", "interval_prob", "sd", "log_sd", "log_sd_below", "log_sd_above",
        )
    },
    spelled=True,
)  # fmt: skip
"""A table with a claim a row."""


class Search(NamedTuple):
    """Where a table has the columns of a layout.

    Attributes
    ----------
    found : dict of str to str
        Our name of a column to the table's.
    unknown : list of str
        Names of ours, given by the caller, that the layout does not have.
    absent : dict of str to str
        Our name to a name, given by the caller, that the table does not have.
    several : dict of str to list of str
        Our name to the columns that could all be meant.
    missing : dict of str to list of str
        Our name of a column that was not found to those whose names are nearly right.
    """

    found: dict[str, str]
    unknown: list[str]
    absent: dict[str, str]
    several: dict[str, list[str]]
    missing: dict[str, list[str]]


def search(
    header: Sequence[str],
    layout: ColumnLayout,
    columns: Mapping[str, str],
    given: Mapping[str, str],
) -> Search:
    """Search the header of a table for the columns of a layout.

    Parameters
    ----------
    header : sequence of str
        Names of the table's columns.
    layout : ColumnLayout
        The columns to be found.
    columns : mapping of str to str
        Our name of a column to the table's, as the caller stated it.
    given : mapping of str to str
        Further columns that the caller named, by our names.
    """
    stated = {ours: name for ours, name in columns.items() if ours in layout.columns}
    stated |= given
    found = {ours: name for ours, name in stated.items() if name in header}
    by_key: dict[str, list[str]] = {}
    for name in header:
        by_key.setdefault(layout.key(name), []).append(name)
    unnamed = [name for name in header if name not in stated.values()]
    several, missing = {}, {}
    for ours, names in layout.columns.items():
        if ours in stated:
            continue
        matches = [match for name in names for match in by_key.get(layout.key(name), ())]
        if len(matches) > 1:
            several[ours] = matches
        elif matches:
            found[ours] = matches[0]
        elif ours in layout.needed and not layout.spelled:
            missing[ours] = similar(names, unnamed)
        else:
            missing[ours] = misspelled(names, unnamed)
    return Search(
        found=found,
        unknown=[ours for ours in columns if ours not in layout.columns],
        absent={ours: name for ours, name in stated.items() if name not in header},
        several=several,
        missing=missing,
    )


def misspelled(names: Iterable[str], header: Iterable[str]) -> list[str]:
    """Give the columns that must be meant by one of some names, the most similar first.

    Such names differ by case, blanks, punctuation or a plural, or are long and differ by little.
    """
    header = list(header)
    out = []
    for name in names:
        out += [other for other in header if _stem(other) == _stem(name)]
        out += similar([name], header, _ALIKE) if len(_plain(name)) >= _LONG else []
    return list(dict.fromkeys(out))


def similar(
    names: Iterable[str], header: Iterable[str], likeness: float = _SUGGESTED
) -> list[str]:
    """Give the columns that may be meant by one of some names, the most similar first."""
    by_plain: dict[str, list[str]] = {}
    for name in header:
        by_plain.setdefault(_plain(name), []).append(name)
    matches = [
        match
        for name in names
        for match in difflib.get_close_matches(_plain(name), by_plain, n=2, cutoff=likeness)
    ]
    return [name for match in dict.fromkeys(matches) for name in by_plain[match]]


def _plain(name: object) -> str:
    """Strip a column's name of its case, blanks and punctuation."""
    return re.sub(r"[\W_]+", "", str(name)).casefold()


def _stem(name: object) -> str:
    """Strip a column's name of its case, blanks, punctuation and plural."""
    return _plain(name).removesuffix("s")


def check_columns(columns: Mapping[str, str] | None) -> Mapping[str, str]:
    """Refuse what is no mapping of our names of columns to those of a table.

    Raises
    ------
    ClaimsError
        If two of our columns are one of the table's.
    TypeError
        If it is no mapping.
    """
    given = {} if columns is None else columns
    if not hasattr(given, "items"):
        message = (
            f"columns is a {type(given).__name__}; give a mapping of our name of a column to the "
            "table's, as {'location': 'village'}"
        )
        raise TypeError(message)
    theirs = list(given.values())
    twice = [ours for ours, name in given.items() if theirs.count(name) > 1]
    if twice:
        message = (
            f"columns says that {listed(twice)} are all the column {shown(given[twice[0]])}; a "
            "column has one meaning."
        )
        raise ClaimsError([Problem(message)])
    return given


def find_columns(
    table: Table,
    layout: ColumnLayout,
    columns: Mapping[str, str],
    given: Mapping[str, str],
) -> dict[str, str]:
    """Find the columns of a layout in a table, or say which are missing.

    Parameters
    ----------
    table : Table
        The table.
    layout, columns, given
        As in `search`.

    Returns
    -------
    dict of str to str
        Our name of a column to the table's.

    Raises
    ------
    ClaimsError
        Naming all columns that are missing, with those whose names are nearly right.
    """
    result = search(table.header, layout, columns, given)
    problems = _unknown(result, layout)
    for ours, names in layout.columns.items():
        if ours in result.several:
            problems.append(_several(table.name, ours, result.several[ours]))
        elif ours in result.missing and (ours in layout.needed or result.missing[ours]):
            problems.append(_missing(table, layout, ours, names, result.missing[ours]))
    for name in result.absent.values():
        near = similar([name], table.header)
        nearest = f" Nearly so called: {listed(near)}." if near else ""
        problems.append(f"{table.name} has no column {shown(name)}.{nearest}")
    problems += [
        f"{table.name} has two columns {shown(name)}; rename one."
        for name in dict.fromkeys(result.found.values())
        if table.header.count(name) > 1
    ]
    if problems:
        problems.append(f"Its columns are {listed(table.header)}.")
        if _is_one_cell(table.header):
            problems.append(
                "Is it separated by something else than commas? Read it into a dataframe with "
                "its separator, and give that."
            )
        raise ClaimsError([Problem(message) for message in problems])
    return result.found


def find_claim_columns(
    header: Sequence[str], columns: Mapping[str, str], n: int, index: Collection[str]
) -> dict[str, str]:
    """Find the columns of a claim in a table with a claim a row, or say which are missing.

    Parameters
    ----------
    header : sequence of str
        Names of the table's columns.
    columns : mapping of str to str
        Our name of a column to the table's, as the caller stated it.
    n : int
        Number of rows.
    index : collection of str
        Names of a dataframe's index, which are not columns.

    Returns
    -------
    dict of str to str
        Our name of a column to the table's.

    Raises
    ------
    ClaimsError
        Naming all columns that are missing or would be ignored for their spelling.
    """
    if _is_one_cell(header):
        message = (
            f"the table has one column, {shown(header[0])}; is it separated by something else "
            "than commas? Save it with commas, or read it into a dataframe with its separator, "
            "pandas.read_csv(..., sep=...), and give that."
        )
        raise ClaimsError([Problem(message)], n)
    result = search(header, CLAIM, columns, {})
    has = f"its columns are {', '.join(map(shown, header)) or 'none'}."
    misspelled = {ours: near[0] for ours, near in result.missing.items() if near}
    problems = _unknown(result, CLAIM)
    problems += [
        f"columns={{{shown(ours)}: {shown(name)}}}: the table has no column {shown(name)}; {has}"
        for ours, name in result.absent.items()
    ]
    problems += [_several("the table", ours, names) for ours, names in result.several.items()]
    problems += [
        f"the column {shown(name)} would be ignored, for it is not called {ours!r}; rename "
        f"it, or say columns={{{ours!r}: {shown(name)}}} (drop it if it is something else)."
        for ours, name in misspelled.items()
    ]
    unmatched = [ours for ours, near in result.missing.items() if not near]
    problems += [
        f"the table has no column {ours!r}; {has} "
        + (
            "It is in the table's index: give table.reset_index()."
            if ours in index
            else f"If it goes by another name, say which: columns={{{ours!r}: ...}}."
        )
        for ours in unmatched
        if ours in CLAIM.needed
    ]
    if set(STATING) <= set(unmatched):
        problems.append(
            f"the table has none of the columns {', '.join(STATING)}, so it states no "
            f"numbers; {has} If one goes by another name, say which: columns={{'count': ...}}."
        )
    if problems:
        raise ClaimsError([Problem(message) for message in problems], n)
    return result.found


def _is_one_cell(header: Sequence[str]) -> bool:
    """Tell whether the names of all columns stand in one cell, which has another separator."""
    return len(header) == 1 and bool(re.search("[;\t|]", str(header[0])))


def _unknown(result: Search, layout: ColumnLayout) -> list[str]:
    return [
        f"columns={{{shown(ours)}: ...}}: {layout.name} has no {shown(ours)}; what it can have is "
        f"{', '.join(layout.columns)}."
        for ours in result.unknown
    ]


def _several(table: str, ours: str, names: Sequence[str]) -> str:
    return (
        f"{table} has several columns for {ours!r}: {listed(names)}; say which: "
        f"columns={{{ours!r}: {shown(names[0])}}}."
    )


def _missing(
    table: Table, layout: ColumnLayout, ours: str, names: Sequence[str], near: Sequence[str]
) -> str:
    """Say that a column is missing, and which may be meant."""
    called = " or ".join(map(shown, names))
    nearest = f" Nearly so called: {listed(near)}." if near else ""
    other = shown(near[0]) if near else "..."
    return (
        f"{table.name} has no column {called}, as {layout.name} has.{nearest} If it goes by "
        f"another name, say which: columns={{{ours!r}: {other}}}."
    )
