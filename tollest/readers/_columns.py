"""Which columns of a table are those of a layout, whatever a release calls them."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tollest.claims.cells import ClaimsError, Problem, listed, shown
from tollest.claims.files import Table

_SURELY = 0.85  # likeness of names from which a column is taken for one that is misspelt


@dataclass(frozen=True)
class Layout:
    """What a layout's columns are called.

    Attributes
    ----------
    name : str
        As in "a UCDP GED file".
    needed, optional : mapping of str to tuple of str
        Our name of a column to the names that releases have given it. Case, blanks and
        punctuation do not matter.
    """

    name: str
    needed: Mapping[str, tuple[str, ...]]
    optional: Mapping[str, tuple[str, ...]]


def find_columns(
    table: Table,
    layout: Layout,
    columns: Mapping[str, str],
    given: Mapping[str, str],
    *,
    identified: bool = False,
) -> dict[str, str]:
    """Find which columns of a table are those of a layout.

    Parameters
    ----------
    table : Table
        The table.
    layout : Layout
        What its columns are called.
    columns : mapping of str to str
        Our name of a column to the table's, as the caller stated it.
    given : mapping of str to str
        Further columns that the caller named, by our names.
    identified : bool, default False
        Whether the caller named the columns that identify an event.

    Returns
    -------
    dict of str to str
        Our name of a column to the table's.

    Raises
    ------
    ClaimsError
        Naming all columns that are missing, with those that are nearly so called.
    """
    known = {**layout.needed, **layout.optional}
    plain: dict[str, list[str]] = {}
    for name in table.header:
        plain.setdefault(_plain(name), []).append(name)
    problems = [
        f"columns={{{shown(ours)}: ...}}: {layout.name} has no {shown(ours)}; what it can have is "
        f"{', '.join(known)}."
        for ours in columns
        if ours not in known
    ]
    found: dict[str, str] = {}
    for ours, names in known.items():
        if ours in columns or (ours == "location" and identified):
            continue
        matches = [theirs for name in names for theirs in plain.get(_plain(name), ())]
        if len(matches) > 1:
            problems.append(
                f"{table.name} has several columns for {ours!r}: {listed(matches)}; say which: "
                f"columns={{{ours!r}: {shown(matches[0])}}}."
            )
        elif matches:
            found[ours] = matches[0]
        else:
            needed = ours in layout.needed
            near = _near(names, plain, 0.6 if needed else _SURELY)
            if needed or near:
                problems.append(_missing(table, layout, ours, names, near))
    stated = {ours: theirs for ours, theirs in columns.items() if ours in known} | dict(given)
    for ours, theirs in stated.items():
        if theirs in table.header:
            found[ours] = theirs
        else:
            near = _near([theirs], plain)
            nearest = f" Nearly so called: {listed(near)}." if near else ""
            problems.append(f"{table.name} has no column {shown(theirs)}.{nearest}")
    problems += [
        f"{table.name} has two columns {shown(name)}; rename one."
        for name in dict.fromkeys(found.values())
        if table.header.count(name) > 1
    ]
    if problems:
        problems.append(f"Its columns are {listed(table.header)}.")
        if len(table.header) == 1 and re.search("[;\t|]", str(table.header[0])):
            problems.append(
                "Is it separated by something else than commas? Read it into a dataframe with "
                "its separator, and give that."
            )
        raise ClaimsError([Problem(message) for message in problems])
    return found


def _plain(name: object) -> str:
    """Strip a column's name of its case, blanks and punctuation."""
    return re.sub(r"[\W_]+", "", str(name)).casefold()


def _near(
    names: Iterable[str], plain: Mapping[str, Sequence[str]], cutoff: float = 0.6
) -> list[str]:
    """Give the columns that are nearly called by one of some names."""
    near = [
        match
        for name in names
        for match in difflib.get_close_matches(_plain(name), plain, n=2, cutoff=cutoff)
    ]
    return [theirs for match in dict.fromkeys(near) for theirs in plain[match]]


def _missing(
    table: Table, layout: Layout, ours: str, names: Sequence[str], near: Sequence[str]
) -> str:
    """Say that a column is missing, and which may be meant."""
    called = " or ".join(map(shown, names))
    nearest = f" Nearly so called: {listed(near)}." if near else ""
    other = shown(near[0]) if near else "..."
    return (
        f"{table.name} has no column {called}, as {layout.name} has.{nearest} If it goes by "
        f"another name, say which: columns={{{ours!r}: {other}}}."
    )
