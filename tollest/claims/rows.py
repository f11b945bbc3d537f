"""Reading a table of claims: every cell checked, every bad row named.

A table goes in as the analyst wrote it and comes out as :class:`Rows`, numpy columns in which
each claim is an interval of whole numbers. Which of the claims count as evidence is not
decided here but in :mod:`tollest.claims.table`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np

from tollest import wording
from tollest._arrays import Flags, Floats, Integers
from tollest.claims import hierarchy, periods
from tollest.claims.cells import (
    BLANK,
    MISSING,
    Cells,
    fill_by_location,
    is_missing,
    names_by_location,
    text_of,
)
from tollest.claims.columns import find_claim_columns
from tollest.claims.days import NO_MOMENT, Moments, in_words, read_moment
from tollest.claims.design import DesignMatrix
from tollest.claims.files import open_frame
from tollest.claims.intervals import DOCUMENTED, Kinds, read_intervals
from tollest.claims.names import all_differ, variants
from tollest.claims.problems import ClaimsError, Problem, listed, shown
from tollest.wording import UNBOUNDED


@dataclass(frozen=True, eq=False)
class Rows:
    """Every claim of a table as it was stated, none set aside yet.

    Attributes
    ----------
    locations : tuple of str
        In order of first appearance, then those given as silent.
    n_reported : int
        The first so many locations have rows; nobody reported on the others.
    names : tuple of str
        All sources, sorted, those included whose claims are not evidence.
    groups : tuple of str
        Sorted; empty where the table has no groups.
    sides : tuple of str
        Sorted; empty where the table has no sides.
    side_index : ndarray of int, shape (n_locations,)
        Position in `sides`, or `BLANK`.
    group_index, cap : ndarray of int, shape (n_locations,)
        Position in `groups` (0 where there are none); the most who can have died, `UNBOUNDED`
        where nothing was said.
    parent : ndarray of int, shape (n_locations,)
        Position of the whole that it is a part of, or `BLANK`.
    complete : ndarray of bool, shape (n_locations,)
        Whether its parts are all there are.
    design : DesignMatrix
        Covariates and exposure of the locations.
    location, source, origin : ndarray of int, shape (n_rows,)
        Positions in `locations` and `names`; `origin` is `BLANK` for a claim of the source's own.
    kind : ndarray of int8, shape (n_rows,)
        Position in `KINDS`.
    lower, upper : ndarray of int, shape (n_rows,)
        Deaths; `UNBOUNDED` for no upper bound.
    sd_below, sd_above : ndarray of float, shape (n_rows,)
        Standard deviations that an estimate states of its error on the log1p axis, where the truth
        is below its number and above it; 0 of all other rows.
    date : ndarray of datetime64[s], shape (n_rows,)
        ``NaT`` where undated; midnight where only the day is known; of a claim on a period at
        least its last day.
    onset : ndarray of datetime64[s], shape (n_locations,)
        When it began there, as dates are; ``NaT`` where that is not said.
    spans : dict of str to (str, DayRange)
        Place and days of each location that is a period.
    to_date : ToDate
        Which totals to date were to be evidence.
    set_aside : dict of int to str
        Rows that are not evidence whatever is known of the others, and why.
    """

    locations: tuple[str, ...]
    n_reported: int
    names: tuple[str, ...]
    groups: tuple[str, ...]
    sides: tuple[str, ...]
    side_index: Integers
    group_index: Integers
    cap: Integers
    parent: Integers
    complete: Flags
    design: DesignMatrix
    location: Integers
    source: Integers
    origin: Integers
    kind: Kinds
    lower: Integers
    upper: Integers
    sd_below: Floats
    sd_above: Floats
    date: Moments
    onset: Moments
    spans: Mapping[str, tuple[str, periods.DayRange]]
    to_date: periods.ToDate
    set_aside: Mapping[int, str]

    def problem(self, row: int, message: str) -> Problem:
        """Name a row as the analyst knows it."""
        return Problem(
            message, row, self.names[self.source[row]], self.locations[self.location[row]]
        )

    def flat(self) -> dict[str, Any]:
        """Give all fields by name, with those of the design in its place."""
        return {name: value for name, value in vars(self).items() if name != "design"} | vars(
            self.design
        )

    @classmethod
    def from_flat(cls, values: Mapping[str, Any]) -> Self:
        """Restore from what `flat` gives."""
        design = {item.name: values[item.name] for item in fields(DesignMatrix)}
        others = {name: value for name, value in values.items() if name not in design}
        return cls(design=DesignMatrix(**design), **others)


def read_rows(
    table: Any,  # noqa: ANN401 - whatever dataframe narwhals accepts
    columns: Mapping[str, str],
    words: wording.Words,
    silent: Iterable[str],
    parents: Mapping[Any, Any],
    complete: Iterable[Any],
    to_date: periods.ToDate,
    onsets: Mapping[Any, Any],
    interval_prob: float,
) -> Rows:
    """Read a table of claims, naming all cells that cannot be read.

    Parameters
    ----------
    table : eager dataframe
        pandas, polars, pyarrow, or what else narwhals accepts.
    columns : mapping of str to str
        Our name of a column to the table's.
    words : Words
        What verbal claims such as "dozens" allow.
    silent : iterable of str, or mapping of str to str
        Locations nobody reported on; a mapping gives their groups.
    parents : mapping of str to str
        Wholes by their parts, beside those of the column ``parent``.
    complete : iterable of str
        Wholes whose parts are all there are.
    to_date : ToDate
        Which totals to date are evidence.
    onsets : mapping of str to str
        When it began at locations, beside those of the column ``onset``.
    interval_prob : float
        Probability of the intervals of estimates that do not say it.

    Returns
    -------
    Rows

    Raises
    ------
    ClaimsError
        Naming every cell that cannot be read, and every row that states no number.
    TypeError
        `table` is not an eager dataframe, or `silent` or `complete` is a single string.
    """
    cells = _open_cells(table, columns)
    location, locations = cells.names("location")
    source, names = cells.names("source")
    cells.add_unnamed("location", location)
    cells.add_unnamed("source", source)
    kind, lower, upper, sd_below, sd_above = read_intervals(cells, words, interval_prob)
    date = cells.moments("date")
    begin, end = periods.read_periods(cells)
    # Sorted, so that neither the order of rows nor that of the table's columns shows.
    names, rank = _sorted(names)
    source = rank[source]
    origin = _read_origins(cells, location, source, names)
    parent_of = hierarchy.read_parents(cells, location, locations, parents)
    complete = hierarchy.whole_names(complete)
    laid = periods.Periods.none(location, locations)
    # Wholes and parts in time are laid out only of what could be read.
    if not np.isnat(end).all() and not cells.bad.any() and not cells.table_problems:
        statements = periods.Statements(
            location, locations, source, names, (kind, lower, upper), kind < DOCUMENTED, begin, end
        )
        laid = periods.lay_out_periods(statements, to_date)
    n_reported = len(laid.locations)
    groups, group_of = _read_groups(cells, laid.location, laid.locations)
    sides, side_of = _read_sides(cells, laid.location, n_reported)
    cap = _read_caps(cells, laid.location, n_reported)
    # Undated it is of the last of its days, and of the time of that where one is given.
    until = cells.moments("to")
    date = np.where(np.isnat(date), np.where(np.isnat(until), end, until), date)
    onset = _read_onsets(cells, laid.location, laid.locations, onsets, date)
    cells.check(location, locations, source, names)

    parent_of = laid.with_parents(parent_of)
    extra = _read_unreported(silent, parent_of, laid.locations, groups, group_of)
    everywhere = (*laid.locations, *extra)
    parent, is_complete = hierarchy.part_positions(
        parent_of, laid.with_wholes(complete), everywhere
    )
    groups_sorted, group_index = _positions_of_groups(groups, group_of, list(extra.values()))
    return Rows(
        locations=everywhere,
        n_reported=n_reported,
        names=tuple(names),
        groups=groups_sorted,
        sides=sides,
        side_index=np.concatenate([side_of, np.full(len(extra), BLANK)]),
        group_index=group_index,
        cap=np.concatenate([cap, np.full(len(extra), UNBOUNDED)]),
        parent=parent,
        complete=is_complete,
        design=DesignMatrix.none(len(everywhere)),
        location=laid.location,
        source=source,
        origin=origin,
        kind=kind,
        lower=lower,
        upper=upper,
        sd_below=sd_below,
        sd_above=sd_above,
        date=date,
        onset=np.concatenate([onset, np.full(len(extra), NO_MOMENT)]),
        spans=laid.spans,
        to_date=to_date,
        set_aside=laid.set_aside,
    )


def _open_cells(table: Any, columns: Mapping[str, str]) -> Cells:  # noqa: ANN401 - any dataframe
    """Take the columns of a claim out of a table."""
    frame, header = open_frame(
        table, "a table of claims is a pandas, polars or pyarrow table, held in memory"
    )
    index = getattr(getattr(table, "index", None), "names", ())
    found = find_claim_columns(header, columns, len(frame), index)
    if not len(frame):
        message = "the table is empty; an estimate needs at least one claim."
        raise ClaimsError([Problem(message)])
    return Cells({ours: frame.get_column(name) for ours, name in found.items()}, len(frame))


def _read_origins(
    cells: Cells, location: Integers, source: Integers, names: Sequence[str]
) -> Integers:
    """Position of the source each claim repeats; `BLANK` for a claim of the source's own."""
    codes, origins = cells.names("origin")
    position = {name: i for i, name in enumerate(names)}
    unknown = np.array([name not in position for name in origins] + [False])
    origin = np.array([position.get(name, BLANK) for name in origins] + [BLANK])[codes]
    cells.add(
        np.flatnonzero(unknown[codes]),
        lambda row: (
            f"origin is {shown(origins[codes[row]])}, which is no source of this table; "
            "add its claim, or leave the origin blank"
        ),
    )
    origin[origin == source] = BLANK
    repeats = np.flatnonzero((origin != BLANK) & (location >= 0) & (source >= 0))
    if not repeats.size:
        return origin
    made = location * len(names) + source
    named = location * len(names) + origin
    is_unheard = ~np.isin(named[repeats], made[(location >= 0) & (source >= 0)])
    cells.add(
        repeats[is_unheard],
        lambda row: (
            f"origin is {shown(names[origin[row]])}, which has no claim on this location; "
            "add its claim, or leave the origin blank"
        ),
    )
    # What is left must lead back to a claim of a source's own, not round in a circle.
    untraced = repeats[~is_unheard]
    original = made[(origin == BLANK) & (location >= 0) & (source >= 0)]
    while untraced.size:
        traced = np.isin(named[untraced], original)
        if not traced.any():
            break
        original = np.append(original, made[untraced[traced]])
        untraced = untraced[~traced]
    cells.add(
        untraced,
        lambda row: (
            f"origin is {shown(names[origin[row]])}, which repeats this source in turn; "
            "leave the origin of one blank"
        ),
    )
    return origin


def _read_groups(
    cells: Cells, location: Integers, locations: Sequence[str]
) -> tuple[list[str], Integers]:
    """Group of each location, the same on all its rows."""
    groups, group_of = names_by_location(
        cells, "group", location, len(locations), "a location has one group"
    )
    if not groups:
        return groups, group_of
    as_blank = f" ({MISSING!r} is read as blank)"
    # A location is told once, on its first row.
    rows = np.flatnonzero(location >= 0)
    bare = rows[group_of[location[rows]] == BLANK]
    first = bare[np.sort(np.unique(location[bare], return_index=True)[1])]
    given, values = cells.distinct("group")
    cells.add(
        first,
        lambda row: (
            f"has no group{as_blank if is_missing(values[given[row]]) else ''}, and other "
            "locations do; give every location one, or none"
        ),
    )
    return groups, group_of


def _positions_of_groups(
    groups: Sequence[str], group_of: Integers, others: Sequence[str]
) -> tuple[tuple[str, ...], Integers]:
    """Sort the groups, and give the position of each location's, unreported ones last.

    `group_of` has positions in `groups`, as `_read_groups` gives them; `others` are the groups of
    unreported locations.
    """
    if not groups:
        return (), np.zeros(len(group_of) + len(others), dtype=np.int64)
    names = sorted({*groups, *others})
    position = {name: i for i, name in enumerate(names)}
    reported = np.array([position[name] for name in groups], dtype=np.int64)[group_of]
    unreported = np.array([position[name] for name in others], dtype=np.int64)
    return tuple(names), np.concatenate([reported, unreported])


def _read_sides(
    cells: Cells, location: Integers, n_locations: int
) -> tuple[tuple[str, ...], Integers]:
    """Sides, sorted, and that of each location, the same on all its rows; `BLANK` for none."""
    rule = "the dead of a location are of one side, so name a location for each side"
    sides, side_of = names_by_location(cells, "side", location, n_locations, rule)
    names, rank = _sorted(sides)
    return tuple(names), rank[side_of]


def _sorted(names: Sequence[str]) -> tuple[list[str], Integers]:
    """Names in their order, and the position in it of each as given; `BLANK` stays `BLANK`."""
    order = np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.int64)
    rank = np.empty(len(order) + 1, dtype=np.int64)
    rank[order] = np.arange(len(order))
    rank[-1] = BLANK
    return [names[i] for i in order], rank


def _read_caps(cells: Cells, location: Integers, n_locations: int) -> Integers:
    """Read the most who can have died at each location, the same on all its rows."""
    cap = np.full(n_locations, BLANK)
    fill_by_location(
        cells,
        location,
        cells.numbers("cap"),
        cap,
        lambda a, b, row: f"cap is {a}, but {b} in row {row}; a location has one cap",
    )
    return np.where(cap == BLANK, UNBOUNDED, cap)


def _read_onsets(
    cells: Cells,
    location: Integers,
    locations: Sequence[str],
    onsets: Mapping[Any, Any],
    date: Moments,
) -> Moments:
    """Read when it began at each location, the same on all its rows; none is dated before."""
    if not hasattr(onsets, "items"):
        message = (
            f"onsets is a {type(onsets).__name__}; give a mapping of each location to when it "
            "began there, as {'Arden': '2025-03-06 14:30'}"
        )
        raise TypeError(message)
    given = {text_of(name): moment for name, moment in onsets.items()}
    strays = [name for name in given if name not in locations]
    if strays:
        message = f"onsets names {listed(strays)}, on which the table has no claim; take it out."
        cells.table_problems.append(Problem(message))
    stated = cells.moments("onset")
    for i, name in enumerate(locations):
        if name in given:
            try:
                moment = read_moment(given[name])
            except ValueError as error:
                problem = str(error).replace("date is", f"onset of {shown(name)} is", 1)
                cells.table_problems.append(Problem(problem))
                continue
            stated = np.where((location == i) & np.isnat(stated), moment, stated)
    onset = np.full(len(locations), BLANK)
    seconds = np.where(np.isnat(stated), BLANK, stated.astype(np.int64))

    def shown_onset(value: int) -> str:
        return in_words(np.datetime64(value, "s"))

    fill_by_location(
        cells, location, seconds, onset,
        lambda a, b, row: (
            f"onset is {shown_onset(a)}, but {shown_onset(b)} in row {row}; it began at a "
            "location once"
        ),
    )  # fmt: skip
    out = np.where(onset == BLANK, NO_MOMENT, onset.astype("datetime64[s]"))
    of_row = np.append(out, NO_MOMENT)[location]
    # Of a day without a time every moment may be meant.
    is_before = (date < of_row) & (date.astype("datetime64[D]") < of_row.astype("datetime64[D]"))
    timed = (date != date.astype("datetime64[D]")) & (of_row != of_row.astype("datetime64[D]"))
    cells.add(
        np.flatnonzero(is_before | (timed & (date < of_row))),
        lambda row: (
            f"is dated {in_words(date[row])}, before the onset {in_words(of_row[row])}; correct "
            "one of them (both are in one time zone), or leave the onset blank"
        ),
    )
    return out


def _read_unreported(
    silent: Iterable[str],
    parent_of: Mapping[str, str],
    reported: Sequence[str],
    groups: Sequence[str],
    group_of: Integers,
) -> dict[str, str]:
    """Names of all locations without rows, each with its group: silent ones, wholes and parts."""
    out = _read_silent(silent, reported, groups)
    if parent_of:
        known = [groups[i] for i in group_of] if groups else [""] * len(reported)
        group = dict(zip(reported, known, strict=True)) | out
        out |= _wholes_and_parts(parent_of, group, grouped=bool(groups))
    return out


def _read_silent(
    silent: Iterable[str], reported: Sequence[str], groups: Sequence[str]
) -> dict[str, str]:
    """Names of the locations nobody reported on, each with its group."""
    if isinstance(silent, str):
        message = f"locations is the text {shown(silent)}; give a list of names"
        raise TypeError(message)
    if isinstance(silent, Mapping):
        given = {text_of(name): text_of(group) for name, group in silent.items()}
    else:
        given = {text_of(name): "" for name in silent}
    if not given:
        return given
    known = set(reported)
    given = {name: group for name, group in given.items() if name not in known}
    strays = [name for name, group in given.items() if group and not groups]
    problems = [Problem("locations holds a blank name; leave it out.")] if "" in given else []
    if given and not all_differ([*reported, *given]):
        problems += variants("location", [*reported, *given])
    if groups:
        problems += _groupless(given)
    problems += [
        Problem(
            f"{shown(name)} has the group {shown(given[name])}, but the table has no groups; "
            "give every location one, or none."
        )
        for name in strays
    ]
    if problems:
        raise ClaimsError(problems)
    return given


def _groupless(group: Mapping[str, str]) -> list[Problem]:
    """Name all locations without a group where there are groups."""
    return [
        Problem(
            f"{shown(name)} has no group, and other locations do; "
            f"give it one: locations={{{shown(name)}: ...}}."
        )
        for name, given in group.items()
        if name and not given
    ]


def _wholes_and_parts(
    parent_of: Mapping[str, str], group: Mapping[str, str], *, grouped: bool
) -> dict[str, str]:
    """Wholes and parts not in `group`, each with its group: a whole's is that of a part.

    `group` gives that of each location that is in the table or was given as silent.
    """
    pairs = list(parent_of.items())
    out = {name: "" for pair in pairs for name in pair if name not in group}
    changed = bool(out) and grouped
    while changed:
        changed = False
        for part, whole in pairs:
            for name, relative in ((whole, part), (part, whole)):
                if out.get(name) == "":
                    out[name] = group.get(relative) or out.get(relative, "")
                    changed = changed or out[name] != ""
    problems = _groupless(out) if grouped else []
    if not all_differ([*group, *out]):
        problems += variants("location", [*group, *out])
    if problems:
        raise ClaimsError(problems)
    return out
