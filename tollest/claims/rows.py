"""Reading a table of claims: every cell checked, every bad row named.

A table goes in as the analyst wrote it and comes out as :class:`Rows`, numpy columns in which
each claim is an interval of whole numbers. Which of the claims count as evidence is not
decided here but in :mod:`tollest.claims.table`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tollest import wording
from tollest.claims import hierarchy, periods
from tollest.claims.cells import (
    BLANK,
    MISSING,
    NO_NUMBER,
    Cells,
    ClaimsError,
    Problem,
    all_differ,
    fill_by_location,
    find_columns,
    is_blank,
    is_missing,
    names_by_location,
    shown,
    text_of,
    variants,
)
from tollest.wording import LARGEST, UNBOUNDED

KINDS = (
    "count",
    "range",
    "at_least",
    "at_most",
    "about",
    "verbal",
    "documented",
    "verified",
)
"""What a claim can be; `Claims.kind` holds positions in this tuple."""

COUNT, RANGE, AT_LEAST, AT_MOST, ABOUT, VERBAL, DOCUMENTED, VERIFIED = range(len(KINDS))


_NEEDS = {
    COUNT: "a count",
    RANGE: "lower and upper",
    AT_LEAST: "a count, or lower without upper",
    AT_MOST: "a count, or upper without lower",
    ABOUT: "a count, or lower and upper",
    VERBAL: "a wording, or lower and upper",
    DOCUMENTED: "a count, or lower without upper",
    VERIFIED: "a count",
}


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
        All sources, sorted, those included whose claims are no evidence.
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
    formula, exposure : str
        What `covariates` were made by, and the column of exposures; blank where there are none.
    covariate_names : tuple of str
        Terms that tolls may depend on.
    covariates : ndarray of float, shape (n_locations, n_covariates)
        With mean 0 and standard deviation 1.
    covariate_units : ndarray of float, shape (2, n_covariates)
        Mean and standard deviation of each before that.
    log_exposure : ndarray of float, shape (n_locations,)
        Added to the centre of tolls; its mean is 0.
    location, source, origin : ndarray of int, shape (n_rows,)
        Positions in `locations` and `names`; `origin` is `BLANK` for a claim of the source's own.
    kind : ndarray of int8, shape (n_rows,)
        Position in `KINDS`.
    lower, upper : ndarray of int, shape (n_rows,)
        Deaths; `UNBOUNDED` for no upper bound.
    date : ndarray of datetime64[D], shape (n_rows,)
        ``NaT`` where undated; of a claim on a period at least its last day.
    spans : dict of str to (str, Span)
        Place and days of each location that is a period.
    to_date : ToDate
        Which totals to date were to be evidence.
    set_aside : dict of int to str
        Rows that are no evidence whatever is known of the others, and why.
    """

    locations: tuple[str, ...]
    n_reported: int
    names: tuple[str, ...]
    groups: tuple[str, ...]
    sides: tuple[str, ...]
    side_index: NDArray[np.int64]
    group_index: NDArray[np.int64]
    cap: NDArray[np.int64]
    parent: NDArray[np.int64]
    complete: NDArray[np.bool_]
    formula: str
    exposure: str
    covariate_names: tuple[str, ...]
    covariates: NDArray[np.float64]
    covariate_units: NDArray[np.float64]
    log_exposure: NDArray[np.float64]
    location: NDArray[np.int64]
    source: NDArray[np.int64]
    origin: NDArray[np.int64]
    kind: NDArray[np.int8]
    lower: NDArray[np.int64]
    upper: NDArray[np.int64]
    date: NDArray[np.datetime64]
    spans: Mapping[str, tuple[str, periods.Span]]
    to_date: periods.ToDate
    set_aside: Mapping[int, str]

    def problem(self, row: int, message: str) -> Problem:
        """Name a row as the analyst knows it."""
        return Problem(
            message, row, self.names[self.source[row]], self.locations[self.location[row]]
        )


def read_rows(
    table: Any,  # noqa: ANN401 - whatever dataframe narwhals accepts
    columns: Mapping[str, str],
    words: wording.Words,
    silent: Iterable[str],
    parents: Mapping[Any, Any],
    complete: Iterable[Any],
    to_date: periods.ToDate,
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
    cells = Cells(*find_columns(table, columns))
    location, locations = cells.names("location")
    source, names = cells.names("source")
    for what, code in (("location", location), ("source", source)):
        cells.add_unnamed(what, code)
    kind, lower, upper = _read_intervals(cells, words)
    date = cells.dates("date")
    begin, end = periods.read(cells)

    # Sorted, so that neither the order of rows nor that of the table's columns shows.
    names, rank = _sorted(names)
    source = rank[source]
    origin = _read_origins(cells, location, source, names)
    parent_of = hierarchy.read(cells, location, locations, parents)
    set_aside: Mapping[int, str] = {}
    spans: Mapping[str, tuple[str, periods.Span]] = {}
    complete = hierarchy.names(complete)
    place, places = location, locations
    # Wholes and parts in time are laid out only of what could be read.
    if not np.isnat(end).all() and not cells.bad.any() and not cells.whole:
        laid = periods.laid_out(
            place, places, source, names, (kind, lower, upper), kind < DOCUMENTED, begin, end,
            to_date,
        )  # fmt: skip
        location, locations = laid.location, list(laid.locations)
        spans, set_aside = laid.spans, laid.set_aside
        parent_of = laid.parent_of | {
            laid.whole.get(part, part): laid.whole.get(whole, whole)
            for part, whole in parent_of.items()
        }
        complete = [*laid.complete, *(laid.whole.get(name, name) for name in complete)]
        date = np.where(np.isnat(date), end, date)

    groups, group_of = _read_groups(cells, location, locations)
    sides, side_of = _read_sides(cells, location, len(locations))
    cap = _read_caps(cells, location, len(locations))
    cells.check(place, places, source, names)

    extra = _read_silent(silent, locations, groups)
    if parent_of:
        of = [groups[g] for g in group_of] if groups else [""] * len(locations)
        known = dict(zip(locations, of, strict=True)) | extra
        extra |= _unreported(parent_of, known, grouped=bool(groups))
    everywhere = (*locations, *extra)
    parent, is_complete = hierarchy.positions(parent_of, complete, everywhere)
    if groups:
        groups_sorted = sorted({*groups, *extra.values()})
        position = {name: i for i, name in enumerate(groups_sorted)}
        group_index = np.concatenate(
            [
                np.array([position[g] for g in groups], dtype=np.int64)[group_of],
                np.array([position[g] for g in extra.values()], dtype=np.int64),
            ]
        )
    else:
        groups_sorted = []
        group_index = np.zeros(len(locations) + len(extra), dtype=np.int64)
    return Rows(
        locations=everywhere,
        n_reported=len(locations),
        names=tuple(names),
        groups=tuple(groups_sorted),
        sides=sides,
        side_index=np.concatenate([side_of, np.full(len(extra), BLANK)]),
        group_index=group_index,
        cap=np.concatenate([cap, np.full(len(extra), UNBOUNDED)]),
        parent=parent,
        complete=is_complete,
        formula="",
        exposure="",
        covariate_names=(),
        covariates=np.zeros((len(everywhere), 0)),
        covariate_units=np.zeros((2, 0)),
        log_exposure=np.zeros(len(everywhere)),
        location=location,
        source=source,
        origin=origin,
        kind=kind,
        lower=lower,
        upper=upper,
        date=date,
        spans=spans,
        to_date=to_date,
        set_aside=set_aside,
    )


def _kind(value: object) -> int:
    """Read one cell as a kind of claim."""
    text = value.strip() if isinstance(value, str) else value
    if text not in KINDS:
        message = f"kind is {shown(value)}; a kind is {', '.join(KINDS[:-1])} or {KINDS[-1]}"
        raise ValueError(message)
    return KINDS.index(text)


def _read_intervals(
    cells: Cells, words: wording.Words
) -> tuple[NDArray[np.int8], NDArray[np.int64], NDArray[np.int64]]:
    """Kind, lower and upper of each row, from its numbers or its wording."""
    kind = cells.read("kind", _kind, BLANK, np.dtype(np.int8))
    count, lower, upper = (cells.numbers(name) for name in ("count", "lower", "upper"))
    _read_wordings(cells, words, kind, count, lower, upper)

    # Rows found bad already are not told twice.
    c, lo, hi = count >= 0, lower >= 0, upper >= 0
    blank = ~cells.bad & (kind == BLANK)
    cells.add(
        np.flatnonzero(blank & ~(c | lo | hi)),
        f"{NO_NUMBER}; give a count, a lower or upper bound, or a wording",
    )
    kind[blank & hi] = AT_MOST
    kind[blank & lo] = AT_LEAST
    kind[blank & c] = COUNT
    kind[blank & lo & hi] = RANGE

    for low, high, says in (
        (lower, upper, "lower is {0}, above an upper of {1}; swap or correct them"),
        (lower, count, "count is {1}, below a lower of {0}; correct one of them"),
        (count, upper, "count is {0}, above an upper of {1}; correct one of them"),
    ):
        rows = np.flatnonzero(~cells.bad & (low >= 0) & (high >= 0) & (low > high))
        cells.add(rows, lambda row, a=low, b=high, s=says: s.format(a[row], b[row]))  # type: ignore[misc]

    one = np.isin(kind, (COUNT, VERIFIED))
    low_end = np.isin(kind, (AT_LEAST, DOCUMENTED))
    wide = np.isin(kind, (RANGE, ABOUT, VERBAL))
    both = lo & hi & ~((kind != RANGE) & c)
    fits = (
        (c & (one | low_end | np.isin(kind, (AT_MOST, ABOUT))))
        | (both & (wide | (one & (lower == upper)) | ((kind == AT_MOST) & (lower == 0))))
        | (low_end & lo & ~hi)
        | ((kind == AT_MOST) & hi & ~lo)
    )
    cells.add(
        np.flatnonzero(~cells.bad & ~fits),
        lambda row: (
            f"kind is {KINDS[kind[row]]!r}, which needs {_NEEDS[int(kind[row])]}; "
            "give that, or leave the kind blank"
        ),
    )

    use = c & ~(wide & both)
    spread = np.zeros_like(count)
    spread[kind == ABOUT] = _half_units(count[kind == ABOUT])
    start = np.where(use, np.where(kind == AT_MOST, 0, count - spread), np.where(lo, lower, 0))
    top = np.where(hi, upper, UNBOUNDED)
    end = np.where(use, np.where(low_end, UNBOUNDED, count + spread), top)
    # A range of one number is that number.
    kind[(kind == RANGE) & (start == end)] = COUNT
    return kind, start, end


def _read_wordings(
    cells: Cells,
    words: wording.Words,
    kind: NDArray[np.int8],
    count: NDArray[np.int64],
    lower: NDArray[np.int64],
    upper: NDArray[np.int64],
) -> None:
    """Fill in, in place, the rows that give their claim in words alone; check the others."""
    if "wording" not in cells.columns:
        return
    usable = ~cells.bad
    silent = usable & (count < 0) & (lower < 0) & (upper < 0)
    codes, texts = cells.distinct("wording")
    readings = np.full((3, len(texts)), BLANK, dtype=np.int64)
    unread: dict[int, str] = {}
    for i in np.unique(codes[usable]).tolist():
        if not is_blank(texts[i]):
            try:
                reading = wording.parse(text_of(texts[i]), words)
            except ValueError as error:
                unread[i] = str(error)
            else:
                readings[:, i] = KINDS.index(reading.kind), reading.lower, reading.upper
    cells.add(
        np.flatnonzero(silent & np.isin(codes, list(unread))), lambda row: unread[int(codes[row])]
    )
    stated, low, high = readings[:, codes]
    beside = np.flatnonzero(usable & ~silent & (stated != BLANK))
    _check_wordings(cells, beside, (stated, low, high), (kind, count, lower, upper))
    silent &= stated != BLANK
    # "17" beside a kind of at_least is a number in words; "at least 17" beside one of count
    # is a contradiction.
    agree = (kind == BLANK) | (kind == stated) | (stated == COUNT)
    agree |= (kind == DOCUMENTED) & (stated == AT_LEAST)
    # Whether a list of names is a floor for certain is for the analyst to say.
    certain = stated == DOCUMENTED
    agree = np.where(certain, kind != BLANK, agree)
    cells.add(
        np.flatnonzero(silent & ~agree),
        lambda row: (
            f"{shown(texts[codes[row]])} reads as 'documented', a floor that cannot err; say so "
            "in a column 'kind', or give it the kind 'count' or 'at_least'"
            if certain[row]
            else f"kind is {KINDS[kind[row]]!r}, but {shown(texts[codes[row]])} reads as "
            f"{KINDS[stated[row]]!r}; correct one, or leave the kind blank"
        ),
    )
    silent &= agree
    number = silent & ((stated == COUNT) | certain)
    count[number] = low[number]
    rest = silent & ~number
    lower[rest] = low[rest]
    upper[rest] = np.where(high == UNBOUNDED, BLANK, high)[rest]
    kind[rest & (kind == BLANK)] = stated[rest & (kind == BLANK)]


def _check_wordings(
    cells: Cells,
    rows: NDArray[np.int64],
    readings: tuple[NDArray[np.int64], ...],
    given: tuple[NDArray[np.int64] | NDArray[np.int8], ...],
) -> None:
    """Report the rows whose wording says something else than the number beside it.

    `readings` are kind, lower and upper of each row's wording; `given` its cells' kind, count,
    lower and upper.
    """
    stated, low, high = (values[rows] for values in readings)
    kind, count, lower, upper = (values[rows] for values in given)
    texts = cells.distinct("wording")
    first = np.where(count >= 0, count, np.where(lower >= 0, lower, upper))
    last = np.where(count >= 0, count, np.where(upper >= 0, upper, lower))
    bound = (stated == AT_LEAST) | (stated == AT_MOST)
    # "More than 745" is often written down as 745.
    apart = (first - bound > high) | (last + bound < low)
    both = (lower >= 0) & (upper >= 0)
    meant = np.where(lower >= 0, AT_LEAST, AT_MOST)
    meant = np.where((count >= 0) & ~both, COUNT, np.where(both, RANGE, meant))
    meant = np.where(kind == BLANK, meant, kind)
    bare = bound & (kind == BLANK) & (meant == COUNT)
    turned = bound & ((meant == AT_LEAST) | (meant == AT_MOST)) & (meant != stated)

    def says(at: int) -> str:
        text = shown(texts[1][texts[0][rows[at]]])
        if apart[at]:
            number = str(first[at]) if first[at] == last[at] else f"{first[at]} to {last[at]}"
            return f"states {number}, but {text} beside it; correct one of them"
        if turned[at]:
            bounds = f"{KINDS[meant[at]]!r}, but {text} beside it is {KINDS[stated[at]]!r}"
            return f"is read as {bounds}; correct one of them"
        return (
            f"count is {first[at]}, but {text} beside it is a bound; "
            f"give the kind {KINDS[stated[at]]!r}, or 'count' if the count is meant"
        )

    wrong = {int(rows[at]): says(int(at)) for at in np.flatnonzero(apart | bare | turned)}
    cells.add(np.array(list(wrong), dtype=np.int64), wrong.__getitem__)


def _half_units(count: NDArray[np.int64]) -> NDArray[np.int64]:
    """Half the last significant unit of each count: 50 for 1400, 0 for 1383 and for 0."""
    half = np.zeros_like(count)
    unit = 10
    while unit <= LARGEST:
        half[(count > 0) & (count % unit == 0)] = unit // 2
        unit *= 10
    return half


def _read_origins(
    cells: Cells, location: NDArray[np.int64], source: NDArray[np.int64], names: Sequence[str]
) -> NDArray[np.int64]:
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
    stranger = ~np.isin(named[repeats], made[(location >= 0) & (source >= 0)])
    cells.add(
        repeats[stranger],
        lambda row: (
            f"origin is {shown(names[origin[row]])}, which has no claim on this location; "
            "add its claim, or leave the origin blank"
        ),
    )
    # What is left must lead back to a claim of a source's own, not round in a circle.
    adrift = repeats[~stranger]
    own = made[(origin == BLANK) & (location >= 0) & (source >= 0)]
    while adrift.size:
        traced = np.isin(named[adrift], own)
        if not traced.any():
            break
        own = np.append(own, made[adrift[traced]])
        adrift = adrift[~traced]
    cells.add(
        adrift,
        lambda row: (
            f"origin is {shown(names[origin[row]])}, which repeats this source in turn; "
            "leave the origin of one blank"
        ),
    )
    return origin


def _read_groups(
    cells: Cells, location: NDArray[np.int64], locations: Sequence[str]
) -> tuple[list[str], NDArray[np.int64]]:
    """Group of each location, the same on all its rows."""
    groups, of = names_by_location(
        cells, "group", location, len(locations), "a location has one group"
    )
    if not groups:
        return groups, of
    as_blank = f" ({MISSING!r} is read as blank)"
    # A location is told once, on its first row.
    rows = np.flatnonzero(location >= 0)
    bare = rows[of[location[rows]] == BLANK]
    first = bare[np.sort(np.unique(location[bare], return_index=True)[1])]
    given, values = cells.distinct("group")
    cells.add(
        first,
        lambda row: (
            f"has no group{as_blank if is_missing(values[given[row]]) else ''}, and other "
            "locations do; give every location one, or none"
        ),
    )
    return groups, of


def _read_sides(
    cells: Cells, location: NDArray[np.int64], n_locations: int
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Sides, sorted, and that of each location, the same on all its rows; `BLANK` for none."""
    rule = "the dead of a location are of one side, so name a location for each side"
    sides, of = names_by_location(cells, "side", location, n_locations, rule)
    names, rank = _sorted(sides)
    return tuple(names), rank[of]


def _sorted(names: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """Names in their order, and the position in it of each as given; `BLANK` stays `BLANK`."""
    order = np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.int64)
    rank = np.empty(len(order) + 1, dtype=np.int64)
    rank[order] = np.arange(len(order))
    rank[-1] = BLANK
    return [names[i] for i in order], rank


def _read_caps(cells: Cells, location: NDArray[np.int64], n_locations: int) -> NDArray[np.int64]:
    """Read the most who can have died at each location, the same on all its rows."""
    of = np.full(n_locations, BLANK)
    fill_by_location(
        cells,
        location,
        cells.numbers("cap"),
        of,
        lambda a, b, row: f"cap is {a}, but {b} in row {row}; a location has one cap",
    )
    return np.where(of == BLANK, UNBOUNDED, of)


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
        for name, own in group.items()
        if name and not own
    ]


def _unreported(
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
            for name, beside in ((whole, part), (part, whole)):
                if out.get(name) == "":
                    out[name] = group.get(beside) or out.get(beside, "")
                    changed = changed or out[name] != ""
    problems = _groupless(out) if grouped else []
    if not all_differ([*group, *out]):
        problems += variants("location", [*group, *out])
    if problems:
        raise ClaimsError(problems)
    return out
