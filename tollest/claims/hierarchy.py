"""Reading which locations are parts of which, and checking that what is certain adds up."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tollest._arrays import Flags, Integers
from tollest.claims.cells import BLANK, Cells, names_by_location, text_of
from tollest.claims.problems import ClaimsError, Problem, shown
from tollest.wording import UNBOUNDED

_MOST_NAMED = 5

TOP = "level 1"
"""Level of what is a part of nothing."""


def read_parents(
    cells: Cells, location: Integers, locations: Sequence[str], parents: Mapping[Any, Any]
) -> dict[str, str]:
    """Whole of each part, from the column ``parent`` and from a mapping beside the table.

    Parameters
    ----------
    cells : Cells
        The table; told of rows that disagree.
    location : ndarray of int, shape (n_rows,)
        Location of each row, or `BLANK`.
    locations : sequence of str
        Locations with rows.
    parents : mapping of str to str
        Wholes by their parts.
    """
    if not hasattr(parents, "items"):
        message = (
            f"parents is a {type(parents).__name__}; give a mapping of each part to its whole, "
            "as {'Latakia': 'Coast'}"
        )
        raise TypeError(message)
    odd = [whole for _, whole in parents.items() if isinstance(whole, list | tuple | set | dict)]
    if odd:
        message = f"parents has {shown(odd[0])} for a whole; a location is a part of one whole"
        raise TypeError(message)
    given = {text_of(part): text_of(whole) for part, whole in parents.items()}
    given = {part: whole for part, whole in given.items() if part and whole}
    wholes, whole_of = names_by_location(
        cells, "parent", location, len(locations), "a location is a part of one whole"
    )
    found = {locations[i]: wholes[whole_of[i]] for i in np.flatnonzero(whole_of != BLANK).tolist()}
    problems = [
        Problem(
            f"parents={{{shown(part)}: {shown(whole)}}}: its rows have the parent "
            f"{shown(found[part])}; a location is a part of one whole."
        )
        for part, whole in given.items()
        if found.get(part, whole) != whole
    ]
    if problems:
        raise ClaimsError(problems)
    return found | given


def whole_names(complete: Iterable[Any]) -> list[str]:
    """Names of the wholes that are said to be complete."""
    if isinstance(complete, str):
        message = f"complete is the text {shown(complete)}; give a list of names"
        raise TypeError(message)
    return [text_of(name) for name in complete]


def part_positions(
    parent_of: Mapping[str, str], complete: Sequence[str], locations: Sequence[str]
) -> tuple[Integers, Flags]:
    """Position of each location's whole, and whether its parts are all there are.

    Parameters
    ----------
    parent_of : mapping of str to str
        Wholes by their parts; all of them among `locations`.
    complete : sequence of str
        Wholes without an unlisted remainder.
    locations : sequence of str
        All locations.

    Raises
    ------
    ClaimsError
        A location is a part of itself, by whatever way, or what is complete has no parts.
    """
    if not parent_of and not complete:  # names of a million locations need no positions
        return np.full(len(locations), BLANK), np.zeros(len(locations), dtype=bool)
    position = {name: i for i, name in enumerate(locations)}
    parent = np.full(len(locations), BLANK)
    for part, whole in parent_of.items():
        parent[position[part]] = position[whole]
    is_complete = np.zeros(len(locations), dtype=bool)
    wholes = set(parent_of.values())
    problems = [
        Problem(
            f"complete names {shown(name)}, which has no parts; name it as the parent of some, "
            "or leave it out."
        )
        for name in complete
        if name not in wholes
    ]
    loop = _loop(parent)
    if loop:
        path = " of ".join(shown(locations[i]) for i in [*loop, loop[0]])
        problems.append(Problem(f"{path}: a whole cannot be a part of its own part."))
    if problems:
        raise ClaimsError(problems)
    is_complete[[position[name] for name in complete]] = True
    return parent, is_complete


def taken(parent: Integers, kept: Flags) -> Integers:
    """Positions among the locations kept; parts of a whole that is not kept have no whole."""
    new = np.append(np.where(kept, np.cumsum(kept) - 1, BLANK), BLANK)
    return np.asarray(new[parent[kept]], np.int64)


def tiers(parent: Integers, complete: Flags, in_time: Flags) -> tuple[tuple[str, ...], Integers]:
    """Level of each location's own toll, wholes being levels of their remainders.

    Parameters
    ----------
    parent, complete : ndarray, shape (n_locations,)
        Position of each location's whole, or -1; whether its parts are all there are.
    in_time : ndarray of bool, shape (n_locations,)
        Whether a location is a span of time: parts of it are of its own level, and what is not
        listed of it is a span like others.

    Returns
    -------
    tiers : tuple of str
        Sorted.
    index : ndarray of int, shape (n_locations,)
        Position in `tiers`, 0 of wholes without a remainder.
    """
    depth = np.zeros(parent.size, np.int64)
    above, step = parent.copy(), ~in_time
    while (above != BLANK).any():
        depth += step & (above != BLANK)
        step = np.where(above != BLANK, ~in_time[above], False)
        above = np.where(above != BLANK, parent[above], BLANK)
    of_places = np.zeros(parent.size, dtype=bool)
    of_places[parent[(parent != BLANK) & ~in_time]] = True
    is_whole = np.zeros(parent.size, dtype=bool)
    is_whole[parent[parent != BLANK]] = True
    code = 2 * depth + of_places
    is_used = ~(is_whole & complete)
    used, index = np.unique(code[is_used], return_inverse=True)
    out = np.zeros(parent.size, np.int64)
    names = [f"{'remainder of ' * int(c % 2)}level {c // 2 + 1}" for c in used.tolist()]
    order = np.argsort(names)
    rank = np.empty_like(order)
    rank[order] = np.arange(order.size)
    out[is_used] = rank[index]
    return tuple(np.array(names)[order].tolist()), out


def _loop(parent: Integers) -> list[int]:
    """Locations of which each is a part of the next and the last of the first; empty without."""
    is_done = np.zeros(parent.size, dtype=bool)
    for start in np.flatnonzero(parent != BLANK).tolist():
        path: dict[int, None] = {}
        location = start
        while location != BLANK and not is_done[location] and location not in path:
            path[location] = None
            location = int(parent[location])
        if location in path:
            walked = list(path)
            return walked[walked.index(location) :]
        is_done[list(path)] = True
    return []


def check_sums(
    locations: Sequence[str], parent: Integers, complete: Flags, cap: Integers,
    documented: Integers, verified: Integers,
) -> None:  # fmt: skip
    """Refuse wholes that cannot hold what is certain of their parts, naming these.

    Parameters
    ----------
    locations : sequence of str, length n_locations
        Their names.
    parent, complete
        As `positions` gives them.
    cap, documented, verified : ndarray of int, shape (n_locations,)
        The most who can have died, `UNBOUNDED` for no bound; the least; the known toll, or -1.

    Raises
    ------
    ClaimsError
        The known toll or the cap of a whole is less than documented or verified in its parts, or
        a whole without a remainder is known to be more than its parts can be.
    """
    order, parts = upwards(parent)
    known = verified >= 0
    least = np.where(known, verified, documented)
    most = np.where(known, verified, cap)
    problems = []

    def named(members: list[int], numbers: Integers) -> str:
        some = [i for i in members if numbers[i] > 0]
        text = ", ".join(f"{shown(locations[i])} {numbers[i]}" for i in some[:_MOST_NAMED])
        more = len(some) - _MOST_NAMED
        return f"{text} and {more} more" if more > 0 else text

    for whole in order:
        if whole not in parts:
            continue
        members = parts[whole]
        sum_least = int(least[members].sum())
        unbounded = (most[members] == UNBOUNDED).any() or not complete[whole]
        sum_most = UNBOUNDED if unbounded else int(most[members].sum())
        name = shown(locations[whole])
        if sum_least > most[whole]:
            limit = "known toll" if known[whole] else "cap"
            problems.append(
                Problem(
                    f"the {limit} of {name} is {most[whole]}, but at least {sum_least} are "
                    f"certain in its parts: {named(members, least)}; correct one of them."
                )
            )
        elif sum_most < least[whole]:
            problems.append(
                Problem(
                    f"{least[whole]} are certain in {name}, but its parts, said to be complete, "
                    f"can have at most {sum_most}: {named(members, most)}; correct one of them, "
                    "or leave it out of `complete`."
                )
            )
        least[whole] = max(int(least[whole]), sum_least)
        most[whole] = min(int(most[whole]), sum_most)
    if problems:
        raise ClaimsError(problems)


def parts_of(parent: Integers) -> dict[int, list[int]]:
    """Parts of each location that has some, in the order of the locations."""
    parts: dict[int, list[int]] = {}
    for location in np.flatnonzero(parent != BLANK).tolist():
        parts.setdefault(int(parent[location]), []).append(location)
    return parts


def upwards(parent: Integers) -> tuple[list[int], dict[int, list[int]]]:
    """All locations, parts before their wholes, and the parts of those that have some."""
    parts = parts_of(parent)
    return parts_first(np.flatnonzero(parent == BLANK).tolist(), parts), parts


def parts_first(roots: Iterable[int], parts: Mapping[int, Sequence[int]]) -> list[int]:
    """Locations of trees, parts before their wholes: no recursion, for time makes long chains."""
    order = list(roots)
    for location in order:  # grows as it is read
        order += parts.get(location, ())
    return order[::-1]
