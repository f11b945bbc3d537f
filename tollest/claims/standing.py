"""Which rows of a table are evidence, and why the others are not."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tollest._arrays import Flags, Integers
from tollest.claims import hierarchy
from tollest.claims.cells import BLANK
from tollest.claims.days import NO_MOMENT, Moments, has_time, in_words, is_after
from tollest.claims.intervals import COUNT, DOCUMENTED, KINDS, VERIFIED, WITHIN
from tollest.claims.problems import ClaimsError, Problem, shown
from tollest.claims.rows import Rows
from tollest.wording import UNBOUNDED

# Values of `Record.standing`; a superseded row has the number of the row that supersedes it,
# 0 or more, instead.
_EVIDENCE, _REPEAT, _LATER, _UNDATED, _LEFT_OUT, _SUM = -1, -2, -3, -4, -5, -6
_STATUS = {
    _EVIDENCE: "used", _REPEAT: "repeats another", _LATER: "dated later", _UNDATED: "undated",
    _LEFT_OUT: "left out", _SUM: "adds up its own",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Record:
    """Every row of a table as it was stated, and whether it is evidence.

    Attributes
    ----------
    rows : Rows
        The rows as stated.
    standing : ndarray of int, shape (n_rows,)
        The row that supersedes each, or a negative code, which `status` and `reasons` explain.
    is_kept : ndarray of bool, shape (n_locations,)
        Which locations of the table stay: those with evidence, those silent from the start, and
        those that others need.
    known_by : numpy.datetime64
        The last moment that counts, midnight for all of its day; ``NaT`` where all do.
    left_out : tuple of (int, str)
        Rows left out by the analyst, and why.
    """

    rows: Rows
    standing: Integers
    is_kept: Flags
    known_by: np.datetime64
    left_out: tuple[tuple[int, str], ...]

    @property
    def in_evidence(self) -> Flags:
        """Whether each row is evidence, shape (n_rows,)."""
        return np.equal(self.standing, _EVIDENCE)

    @property
    def location(self) -> Integers:
        """Position of each row's location among those kept, shape (n_rows,); -1 for the others."""
        new = np.where(self.is_kept, np.cumsum(self.is_kept) - 1, BLANK)
        return np.asarray(new[self.rows.location], np.int64)

    def status(self, rows: Integers) -> list[str]:
        """Tell of some rows in a word whether they are evidence, or why not."""
        return [_STATUS.get(code, "superseded") for code in self.standing[rows].tolist()]

    def reasons(self, row: Integers) -> list[str]:
        """Say why some rows are not evidence, each in a few words; blank for those that are."""
        given = dict(self.left_out) | dict(self.rows.set_aside)
        return [self._reason(i, given) for i in row.tolist()]

    def _reason(self, row: int, given: dict[int, str]) -> str:
        rows, standing = self.rows, int(self.standing[row])
        if standing == _EVIDENCE:
            return ""
        if standing >= 0 and rows.location[standing] != rows.location[row]:
            _, days = rows.spans[rows.locations[rows.location[standing]]]
            return f"withdrawn by its lower total {days.days} (row {standing})"
        if standing >= 0:
            return f"superseded by the claim of {in_words(rows.date[standing])} (row {standing})"
        if standing == _REPEAT:
            return f"repeats {rows.names[rows.origin[row]]}"
        if standing == _LATER:
            return f"dated {in_words(rows.date[row])}, after {in_words(self.known_by)}"
        if standing == _LEFT_OUT:
            return given[row]
        if standing == _SUM:
            return f"is the sum of the claims of {rows.names[rows.source[row]]} on its parts"
        return f"undated, so not known by {in_words(self.known_by)}"

    def tally(self) -> str:
        """Count the rows that are not evidence by why they are not; blank where all are."""
        standing = self.standing[~self.in_evidence]
        if not standing.size:
            return ""
        n_repeats, n_sums = int((standing == _REPEAT).sum()), int((standing == _SUM).sum())
        reasons = {
            "superseded": int((standing >= 0).sum()),
            "repeats another source" if n_repeats == 1 else "repeat another source": n_repeats,
            f"dated after {in_words(self.known_by)}": int((standing == _LATER).sum()),
            "undated": int((standing == _UNDATED).sum()),
            "left out": int((standing == _LEFT_OUT).sum()),
            "adds up its own claims" if n_sums == 1 else "add up their own claims": n_sums,
        }
        listed = ", ".join(f"{n:,} {reason}" for reason, n in reasons.items() if n)
        return f"{standing.size:,} more excluded ({listed})"


def judged(
    rows: Rows,
    known_by: np.datetime64 = NO_MOMENT,
    left_out: tuple[tuple[int, str], ...] = (),
) -> Record:
    """Judge which rows of a table are evidence.

    Parameters
    ----------
    rows : Rows
        The rows as stated.
    known_by : numpy.datetime64
        The last moment that counts, midnight for all of its day; ``NaT`` for all.
    left_out : tuple of (int, str)
        Rows to leave out, each with its reason.

    Raises
    ------
    ClaimsError
        Two claims by one source on one location have no order; or nothing is left, or on some
        location nothing but repeats.
    """
    standing = _standing(rows, known_by)
    standing[[row for row, _ in left_out]] = _LEFT_OUT
    for row, correction in _withdrawn(rows, standing == _EVIDENCE).items():
        standing[row] = correction
    standing[_sums_of_parts(rows, standing == _EVIDENCE)] = _SUM
    evidence = standing == _EVIDENCE
    is_kept = _kept(rows, evidence, known_by)
    if np.isnat(known_by) and not left_out and not is_kept.all():
        raise _without_evidence(rows, ~is_kept)
    if not evidence.any() and left_out:
        message = f"no claim is left without the {len(left_out):,} left out."
        raise ClaimsError([Problem(message)], len(standing))
    if not evidence.any():
        dates = rows.date[~np.isnat(rows.date)]
        earliest = f"the earliest is of {in_words(dates.min())}" if dates.size else "none is dated"
        message = f"no claim was known by {in_words(known_by)}; {earliest}."
        raise ClaimsError([Problem(message)], len(standing))
    return Record(rows, standing, is_kept, known_by, left_out)


def _kept(rows: Rows, evidence: Flags, known_by: np.datetime64) -> Flags:
    """Tell which locations stay: with evidence, silent from the start, or needed by others."""
    kept = np.zeros(len(rows.locations), dtype=bool)
    kept[rows.location[evidence]] = True
    kept[rows.n_reported :] = True
    if (rows.parent >= 0).any():
        # Of a whole that is known by name alone the parts decide.
        named = np.unique(rows.parent[rows.parent >= 0])
        kept[named[named >= rows.n_reported]] = False
        # Wholes stay with their parts, and parts with a whole that has no remainder to be in.
        order, _ = hierarchy.upwards(rows.parent)
        for location in order:
            if rows.parent[location] >= 0:
                kept[rows.parent[location]] |= kept[location]
        for location in reversed(order):
            whole = rows.parent[location]
            if whole >= 0 and rows.complete[whole]:
                kept[location] |= kept[whole]
    if rows.spans and not np.isnat(known_by):
        last = known_by.astype("datetime64[D]").astype(np.int64)
        over = [name in rows.spans and rows.spans[name][1].end > last for name in rows.locations]
        kept[over] = False
    return kept


def _withdrawn(rows: Rows, evidence: Flags) -> dict[int, int]:
    """Totals to date that a later, lower one of their source withdraws; and which one does."""
    if not (rows.spans and rows.to_date.corrections):
        return {}
    totals: dict[tuple[str, int], list[tuple[int, int]]] = {}
    for row in np.flatnonzero(evidence & (rows.kind < DOCUMENTED)).tolist():
        place, days = rows.spans.get(rows.locations[rows.location[row]], ("", None))
        if days is not None and days.is_open:
            totals.setdefault((place, int(rows.source[row])), []).append((days.end, row))
    out = {}
    for series in totals.values():
        lowest: int | None = None
        for _, row in sorted(series, reverse=True):
            if lowest is not None and rows.lower[row] > rows.upper[lowest]:
                out[row] = lowest
            elif lowest is None or rows.upper[row] < rows.upper[lowest]:
                lowest = row
    return out


def _sums_of_parts(rows: Rows, evidence: Flags) -> list[int]:
    """Rows whose count on a complete whole is the sum of what their source counts on its parts.

    Where there may be a remainder, such a count says that little or nothing is in it.
    """
    if not (rows.parent >= 0).any():
        return []
    counts = np.flatnonzero(evidence & (rows.kind == COUNT))
    row_of = {(int(rows.location[r]), int(rows.source[r])): r for r in counts.tolist()}
    sums: dict[tuple[int, int], list[int]] = {}
    for (location, source), row in row_of.items():
        if rows.parent[location] >= 0:
            sums.setdefault((int(rows.parent[location]), source), []).append(int(rows.lower[row]))
    n_parts = np.bincount(rows.parent[rows.parent >= 0], minlength=len(rows.locations))
    return [
        row_of[key]
        for key, numbers in sums.items()
        if rows.complete[key[0]]
        and 1 < len(numbers) == n_parts[key[0]]
        and key in row_of
        and sum(numbers) == rows.lower[row_of[key]]
    ]


def _standing(rows: Rows, known_by: np.datetime64) -> Integers:
    """Say for each row whether it is evidence, and if not, why."""
    standing = np.full(len(rows.location), _EVIDENCE)
    standing[list(rows.set_aside)] = _LEFT_OUT
    undated = np.isnat(rows.date)
    if not np.isnat(known_by):
        judged = standing == _EVIDENCE
        standing[judged & undated] = _UNDATED
        standing[judged & ~undated & is_after(rows.date, known_by)] = _LATER
    known = np.flatnonzero(standing == _EVIDENCE)
    # A documented or verified count is certain, whoever repeats it.
    repeats = known[(rows.origin[known] != BLANK) & (rows.kind[known] < DOCUMENTED)]
    standing[repeats] = _REPEAT

    # Documented and verified counts say something else than a source's estimate of the toll:
    # neither supersedes the other.
    certainty = np.maximum(rows.kind[known] - DOCUMENTED + 1, 0)
    n_certainties = len(KINDS) - DOCUMENTED + 1
    key = rows.location[known] * len(rows.names) + rows.source[known]
    key = key * n_certainties + certainty
    # Undated rows come first in their run, and are an error unless alone there.
    day = rows.date[known].astype(np.int64)
    order = _by_key_then_date(key, rows.date[known])
    key, ordered, day = key[order], known[order], day[order]
    same = key[1:] == key[:-1]
    clash = np.flatnonzero(same & ((day[1:] == day[:-1]) | undated[ordered[:-1]]))
    if clash.size:
        raise _duplicates(rows, ordered, day, clash)
    # The last of each run is evidence and supersedes all before it.
    last = np.append(~same, True) if len(key) else np.zeros(0, dtype=bool)
    stands = ordered[last][np.cumsum(last) - last]
    standing[ordered[~last]] = stands[~last]
    if not np.isnat(known_by):
        latest = repeats[standing[repeats] == _REPEAT]
        standing[_first_heard(rows, known, latest)] = _EVIDENCE
    return standing


def _by_key_then_date(key: Integers, date: Moments) -> Integers:
    """Sort rows by key, those of one key by date, undated ones first; stable where both agree."""
    dated = date[~np.isnat(date)].astype(np.int64)
    if not dated.size:
        return np.argsort(key, kind="stable")
    earliest = int(dated.min())
    n_days = int(dated.max()) - earliest + 2
    if (int(key.max()) + 1) * n_days >= 2**63:
        return np.lexsort((date.astype(np.int64), key))
    # One number sorts several times faster than two, all the more in a table nearly in order.
    day = np.where(np.isnat(date), 0, date.astype(np.int64) - earliest + 1)
    return np.argsort(key * n_days + day, kind="stable")


def _first_heard(rows: Rows, known: Integers, repeats: Integers) -> Integers:
    """Give the earliest of the repeats of each source that has no known claim itself.

    Repeats of repeats go back to the same source, so that only one of them all is evidence.
    """
    made = rows.location * len(rows.names) + rows.source
    named = rows.location * len(rows.names) + rows.origin
    repeats = repeats[~np.isin(named[repeats], made[known])]
    if not repeats.size:
        return repeats
    # What was said on other locations cannot matter.
    concerned = np.zeros(len(rows.locations), dtype=bool)
    concerned[rows.location[repeats]] = True
    near = np.flatnonzero(concerned[rows.location])
    heard = set(made[known[concerned[rows.location[known]]]].tolist())
    original = set(made[near[rows.origin[near] == BLANK]].tolist())
    pairs = zip(made[near[::-1]].tolist(), named[near[::-1]].tolist(), strict=True)
    repeated = {source: origin for source, origin in pairs if source not in original}
    first: dict[int, int] = {}
    for row in repeats[np.argsort(rows.date[repeats], kind="stable")].tolist():
        # Sources that repeat each other in a circle count as the first of them.
        path = [int(named[row])]
        while path[-1] not in heard and path[-1] in repeated and path[-1] not in path[:-1]:
            path.append(repeated[path[-1]])
        if path[-1] not in heard or path[-1] == made[row]:
            root = min(path[path.index(path[-1]) :])
            first.setdefault(root, row)
    return np.array(list(first.values()), dtype=np.int64)


def _duplicates(
    rows: Rows,
    ordered: Integers,
    day: Integers,
    clash: Integers,
) -> ClaimsError:
    """Name all claims that cannot be put before or after another by the same source."""
    problems = []
    for i in clash.tolist():
        first, second = int(ordered[i]), int(ordered[i + 1])
        if day[i] == day[i + 1]:
            claim = f"a second claim by {shown(rows.names[rows.source[second]])}"
            both = f"{claim} on {shown(rows.locations[rows.location[second]])}, beside row {first}"
            message = (
                f"{both}: date both so that the later supersedes, or keep one"
                if np.isnat(rows.date[second])
                else f"{both} and of the same {_unit(rows.date[second])}"
            )
            problems.append(rows.problem(second, message))
        else:
            message = (
                f"has no date, so it cannot be put before or after row {second}; "
                "date both, or keep one"
            )
            problems.append(rows.problem(first, message))
    problems.sort(key=lambda problem: problem.row or 0)
    return ClaimsError(problems, len(rows.location))


def _unit(moment: np.datetime64) -> str:
    """Say what two claims have in common, and how to tell them apart."""
    if has_time(moment):
        return "time; keep one"
    return "day; give both their time of day so that the later supersedes, or keep one"


def _without_evidence(rows: Rows, bare: Flags) -> ClaimsError:
    """Name all locations whose every claim repeats another."""
    problems = []
    excluded = np.flatnonzero(bare[rows.location])
    excluded = excluded[np.argsort(rows.location[excluded], kind="stable")]
    locations, start = np.unique(rows.location[excluded], return_index=True)
    for location, members in zip(locations.tolist(), np.split(excluded, start[1:]), strict=True):
        listed = ", ".join(map(str, members.tolist()))
        message = (
            f"{shown(rows.locations[location])} has no claim of a source's own: each of rows "
            f"{listed} repeats another or was superseded by one that does; "
            "leave the origin of one blank."
        )
        problems.append(Problem(message))
    return ClaimsError(problems, len(rows.location))


class Certain(NamedTuple):
    """What is certain of each location of a table, shape (n_locations,) each."""

    documented: Integers  # 0 for none
    verified: Integers  # -1 for none
    least: Integers  # the least and the most deaths that certain intervals leave
    most: Integers


def certain(rows: Rows, evidence: Flags) -> Certain:
    """Give what is certain of each location: documented and verified tolls, and intervals.

    Raises
    ------
    ClaimsError
        Naming the rows that cannot all be true.
    """
    n = len(rows.locations)
    problems = []
    verified = np.full(n, BLANK)
    exact = np.flatnonzero(evidence & (rows.kind == VERIFIED))
    pinned = np.full(n, BLANK)
    pinned[rows.location[exact[::-1]]] = exact[::-1]
    verified[rows.location[exact]] = rows.lower[pinned[rows.location[exact]]]
    for row in exact[rows.lower[exact] != verified[rows.location[exact]]].tolist():
        other = int(pinned[rows.location[row]])
        message = (
            f"verified count is {rows.lower[row]}, but {rows.lower[other]} in row {other}; "
            "a toll is one number, so keep one of them"
        )
        problems.append(rows.problem(row, message))
    floors = np.flatnonzero(evidence & (rows.kind == DOCUMENTED))
    documented = np.zeros(n, dtype=np.int64)
    inside = np.flatnonzero(evidence & (rows.kind == WITHIN))
    least, most = np.zeros(n, dtype=np.int64), np.full(n, UNBOUNDED)
    np.maximum.at(least, rows.location[inside], rows.lower[inside])
    np.minimum.at(most, rows.location[inside], rows.upper[inside])
    np.maximum.at(documented, rows.location[floors], rows.lower[floors])
    known = verified[rows.location[floors]]
    high = floors[(known >= 0) & (rows.lower[floors] > known)]
    for row in high.tolist():
        other = int(pinned[rows.location[row]])
        message = (
            f"{rows.lower[row]} are documented, above the verified count of {rows.lower[other]} "
            f"in row {other}; correct one of them"
        )
        problems.append(rows.problem(row, message))
    for stated, text in ((floors, "{} are documented"), (exact, "verified count is {}")):
        cap = rows.cap[rows.location[stated]]
        for row in stated[rows.lower[stated] > cap].tolist():
            count, most = text.format(rows.lower[row]), rows.cap[rows.location[row]]
            message = f"{count}, above the cap of {most}; correct one of them"
            problems.append(rows.problem(row, message))
    for row in inside.tolist():
        place = rows.location[row]
        known, ends = verified[place], _ends(rows, row)
        low, high = max(least[place], documented[place]), min(most[place], rows.cap[place])
        if known >= 0 and not rows.lower[row] <= known <= rows.upper[row]:
            message = f"the toll is within {ends}, but {known} by row {pinned[place]}"
            problems.append(rows.problem(row, f"{message}; correct one of them"))
        elif low > high:
            message = (
                f"the toll is within {ends}, but other rows that are certain leave {low} or more"
                if rows.upper[row] < low
                else f"the toll is within {ends}, but other rows that are certain, or the cap, "
                f"leave {high} or fewer"
            )
            problems.append(rows.problem(row, f"{message}; correct one of them"))
    if problems:
        problems.sort(key=lambda problem: problem.row or 0)
        raise ClaimsError(problems, len(rows.location))
    return Certain(documented, verified, np.maximum(least, documented), most)


def _ends(rows: Rows, row: int) -> str:
    """Write the interval of a row."""
    lower, upper = int(rows.lower[row]), int(rows.upper[row])
    return f"{lower} or more" if upper == UNBOUNDED else f"{lower} to {upper}"
