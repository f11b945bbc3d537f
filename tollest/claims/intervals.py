"""What a claim allows, as an interval of whole numbers: from its cells and its wording."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tollest import wording
from tollest._arrays import Flags, Floats, Integers
from tollest.claims.cells import BLANK, Cells, is_blank, of_date, text_of
from tollest.claims.names import is_seen
from tollest.claims.problems import NO_NUMBER, shown
from tollest.claims.stated_errors import StatedErrors, parse_estimate, standard_deviations
from tollest.wording import LARGEST, UNBOUNDED

Kinds = NDArray[np.int8]

KINDS = (
    "count",
    "range",
    "at_least",
    "at_most",
    "about",
    "verbal",
    "estimate",
    "documented",
    "verified",
    "within",
)
"""What a claim can be; `Claims.kind` holds positions in this tuple."""

(
    COUNT, RANGE, AT_LEAST, AT_MOST, ABOUT, VERBAL, ESTIMATE, DOCUMENTED, VERIFIED, WITHIN,
) = range(len(KINDS))  # fmt: skip

_NEEDS = {
    COUNT: "a count",
    RANGE: "lower and upper",
    AT_LEAST: "a count, or lower without upper",
    AT_MOST: "a count, or upper without lower",
    ABOUT: "a count, or lower and upper",
    VERBAL: "a wording, or lower and upper",
    ESTIMATE: "a count, with lower and upper around it, sd or log_sd",
    DOCUMENTED: "a count, or lower without upper",
    VERIFIED: "a count",
    WITHIN: "lower, upper or both",
}


@dataclass(frozen=True, eq=False)
class Stated:
    """Kind and numbers of each row, `BLANK` where a cell is empty. Shape (n_rows,) each."""

    kind: Kinds
    count: Integers
    lower: Integers
    upper: Integers

    @property
    def has_number(self) -> Flags:
        """Whether any of the three cells of numbers is filled."""
        return np.asarray((self.count >= 0) | (self.lower >= 0) | (self.upper >= 0))

    @property
    def has_bounds(self) -> Flags:
        """Whether lower and upper are the claim: beside a count they are so for a range alone."""
        both = (self.lower >= 0) & (self.upper >= 0)
        return np.asarray(both & ~((self.kind != RANGE) & (self.count >= 0)))


class Readings(NamedTuple):
    """Kind and interval of each row's wording, `BLANK` where it has none that can be read."""

    kind: Integers
    lower: Integers
    upper: Integers
    number: Integers  # of estimates


class Intervals(NamedTuple):
    """What each row says: its kind, the deaths that it allows, and what it states of its error.

    An estimate allows its number alone; `sd_below` and `sd_above` are its standard deviations on
    the log1p axis where the truth is below its number and above it, 0 of all other claims.
    """

    kind: Kinds
    lower: Integers
    upper: Integers
    sd_below: Floats
    sd_above: Floats


def read_intervals(cells: Cells, words: wording.Words, interval_prob: float) -> Intervals:
    """Read what each row says, from its numbers or its wording."""
    kind = cells.read("kind", _kind, BLANK, np.dtype(np.int8))
    is_named = kind != BLANK
    stated = Stated(kind, *(cells.numbers(name) for name in ("count", "lower", "upper")))
    errors = StatedErrors.read(cells)
    _read_wordings(cells, words, stated, errors)
    # Rows found bad already are not told twice.
    _fill_kinds(cells, stated, errors.has_sd)
    _check_order(cells, stated)
    _check_kinds(cells, stated, errors)
    sd_below, sd_above = standard_deviations(
        errors, stated.count, stated.lower, stated.upper, interval_prob
    )
    kind, start, end = _bounds(stated)
    # Who has no lower end knows nothing; only who says so has counted, and found none so far.
    kind[(kind == AT_LEAST) & (start == 0) & ~is_named] = RANGE
    of_estimate = kind == ESTIMATE
    return Intervals(
        kind, start, end, np.where(of_estimate, sd_below, 0.0),
        np.where(of_estimate, sd_above, 0.0),
    )  # fmt: skip


def _kind(value: object) -> int:
    """Read one cell as a kind of claim."""
    text = value.strip() if isinstance(value, str) else ""
    if text not in KINDS:
        message = f"kind is {shown(value)}; a kind is {', '.join(KINDS[:-1])} or {KINDS[-1]}"
        raise ValueError(message)
    return KINDS.index(text)


def _fill_kinds(cells: Cells, stated: Stated, has_sd: Flags) -> None:
    """Fill in, in place, blank kinds by which numbers there are; report rows without any."""
    kind = stated.kind
    blank = ~cells.bad & (kind == BLANK)
    cells.add(
        np.flatnonzero(blank & ~stated.has_number),
        f"{NO_NUMBER}; give a count, a lower or upper bound, or a wording",
    )
    has_lower, has_upper = stated.lower >= 0, stated.upper >= 0
    kind[blank & has_upper] = AT_MOST
    kind[blank & has_lower] = AT_LEAST
    kind[blank & (stated.count >= 0)] = COUNT
    kind[blank & has_lower & has_upper] = RANGE
    # A number within an interval, or beside its own error, is an estimate.
    is_inside = has_lower & has_upper & (stated.lower < stated.upper)
    kind[blank & (stated.count >= 0) & (is_inside | has_sd)] = ESTIMATE


def _check_order(cells: Cells, stated: Stated) -> None:
    """Report rows whose lower, count and upper are not in this order."""
    for low, high, message in (
        (stated.lower, stated.upper, "lower is {0}, above an upper of {1}; swap or correct them"),
        (stated.lower, stated.count, "count is {1}, below a lower of {0}; correct one of them"),
        (stated.count, stated.upper, "count is {0}, above an upper of {1}; correct one of them"),
    ):
        rows = np.flatnonzero(~cells.bad & (low >= 0) & (high >= 0) & (low > high))
        cells.add(rows, lambda row, a=low, b=high, m=message: m.format(a[row], b[row]))  # type: ignore[misc]


def _check_kinds(cells: Cells, stated: Stated, errors: StatedErrors) -> None:
    """Report rows whose numbers are not those that their kind needs."""
    kind, count, lower, upper = stated.kind, stated.count, stated.lower, stated.upper
    has_count, has_lower, has_upper = count >= 0, lower >= 0, upper >= 0
    exact = np.isin(kind, (COUNT, VERIFIED))
    low_end = np.isin(kind, (AT_LEAST, DOCUMENTED))
    wide = np.isin(kind, (RANGE, ABOUT, VERBAL))
    has_interval = has_lower & has_upper
    n_errors = (has_interval & (lower < upper)) * 1 + ~np.isnan(errors.sd) + errors.has_log_sd
    fits = (
        ((kind == ESTIMATE) & (has_count | (has_interval & (lower == upper))) & (n_errors > 0))
        | (has_count & (exact | low_end | np.isin(kind, (AT_MOST, ABOUT))))
        | (
            stated.has_bounds
            & (wide | (exact & (lower == upper)) | ((kind == AT_MOST) & (lower == 0)))
        )
        | (low_end & has_lower & ~has_upper)
        | ((kind == WITHIN) & (has_lower | has_upper) & ~has_count)
        # As `Claims.to_frame` writes a lower bound of 0, which says nothing.
        | ((kind == RANGE) & (lower == 0) & ~has_upper & ~has_count)
        | ((kind == AT_MOST) & has_upper & ~has_lower)
    )
    cells.add(
        np.flatnonzero(~cells.bad & ~fits),
        lambda row: (
            f"kind is {KINDS[kind[row]]!r}, which needs {_NEEDS[int(kind[row])]}; "
            "give that, or leave the kind blank"
        ),
    )
    cells.add(
        np.flatnonzero(~cells.bad & (kind == ESTIMATE) & (n_errors > 1)),
        "states its error more than once; keep lower and upper, sd, or log_sd",
    )
    cells.add(
        np.flatnonzero(~cells.bad & (kind != ESTIMATE) & errors.has_sd),
        lambda row: (
            f"kind is {KINDS[kind[row]]!r}, which has no sd; leave the kind blank, or the sd"
        ),
    )


def _bounds(stated: Stated) -> tuple[Kinds, Integers, Integers]:
    """Give kind, lower and upper of each row once its numbers fit its kind."""
    kind, count, lower, upper = stated.kind, stated.count, stated.lower, stated.upper
    wide = np.isin(kind, (RANGE, ABOUT, VERBAL))
    by_count = (count >= 0) & ~(wide & stated.has_bounds)
    spread = np.zeros_like(count)
    spread[kind == ABOUT] = _half_units(count[kind == ABOUT])
    start = np.where(
        by_count, np.where(kind == AT_MOST, 0, count - spread), np.where(lower >= 0, lower, 0)
    )
    low_end = np.isin(kind, (AT_LEAST, DOCUMENTED))
    end = np.where(
        by_count,
        np.where(low_end, UNBOUNDED, count + spread),
        np.where(upper >= 0, upper, UNBOUNDED),
    )
    # A range of one number is that number.
    kind[(kind == RANGE) & (start == end)] = COUNT
    return kind, start, end


def _half_units(count: Integers) -> Integers:
    """Half the last significant unit of each count: 50 for 1400, 0 for 1383 and for 0."""
    half = np.zeros_like(count)
    unit = 10
    while unit <= LARGEST:
        half[(count > 0) & (count % unit == 0)] = unit // 2
        unit *= 10
    return half


def _read_wordings(
    cells: Cells, words: wording.Words, stated: Stated, errors: StatedErrors
) -> None:
    """Fill in, in place, the rows that give their claim in words alone; check the others."""
    if "wording" not in cells.columns:
        return
    usable = ~cells.bad
    in_words = usable & ~stated.has_number
    codes, texts = cells.distinct("wording")
    distinct = np.full((4, len(texts)), BLANK, dtype=np.int64)
    prob = np.full(len(texts), np.nan)
    unread: dict[int, str] = {}
    for i in np.unique(codes[usable]).tolist():
        if is_blank(texts[i]):
            continue
        if isinstance(texts[i], dt.date):
            unread[i] = of_date("wording", texts[i])
        else:
            try:
                text = _text(texts[i])
                estimated = parse_estimate(text, words)
                reading = wording.parse(text, words) if estimated is None else None
            except ValueError as error:
                unread[i] = str(error)
            else:
                if reading is not None:
                    kind = KINDS.index(reading.kind)
                    distinct[:, i] = kind, reading.lower, reading.upper, BLANK
                elif estimated is not None:
                    distinct[:, i] = ESTIMATE, estimated.lower, estimated.upper, estimated.number
                    prob[i] = estimated.prob
    cells.add(
        np.flatnonzero(in_words & np.isin(codes, list(unread))),
        lambda row: unread[int(codes[row])],
    )
    readings = Readings(*distinct[:, codes])
    _check_wordings(cells, np.flatnonzero(usable & ~in_words), readings, stated)
    in_words &= readings.kind != BLANK
    in_words &= _agrees(cells, in_words, readings, stated)
    exact = in_words & np.isin(readings.kind, (COUNT, DOCUMENTED))
    stated.count[exact] = readings.lower[exact]
    of_estimate = in_words & (readings.kind == ESTIMATE)
    stated.count[of_estimate] = readings.number[of_estimate]
    unsaid = of_estimate & np.isnan(errors.prob)
    errors.prob[unsaid] = prob[codes[unsaid]]
    wide = in_words & ~exact
    stated.lower[wide] = readings.lower[wide]
    stated.upper[wide] = np.where(readings.upper == UNBOUNDED, BLANK, readings.upper)[wide]
    unnamed = wide & (stated.kind == BLANK)
    stated.kind[unnamed] = readings.kind[unnamed]


def _text(value: object) -> str:
    """Give a wording as text: numbers are, too, but no dates, flags or marks that nobody sees.

    Of these nobody can tell what they part: "12" and "5", or "125".
    """
    if isinstance(value, str):
        unseen = [letter for letter in value if not is_seen(letter) and not letter.isspace()]
        if not unseen:
            return value
        reason = f"take out the unseen mark U+{ord(unseen[0]):04X}"
    elif isinstance(value, int | float | Decimal | np.number) and not isinstance(value, bool):
        return text_of(value)
    else:
        reason = "a wording is text or a number"
    raise ValueError(f"wording is {shown(value)}; {reason}")


def _agrees(cells: Cells, rows: Flags, readings: Readings, stated: Stated) -> Flags:
    """Tell which rows have a kind that their wording allows; report those of `rows` that do not.

    "17" beside a kind of at_least is a number in words; "at least 17" beside one of count is a
    contradiction.
    """
    kind = stated.kind
    agree = (kind == BLANK) | (kind == readings.kind) | (readings.kind == COUNT)
    agree |= (kind == DOCUMENTED) & (readings.kind == AT_LEAST)
    # What a publisher suppressed is of these bounds for certain.
    bounds = (RANGE, AT_LEAST, AT_MOST, VERBAL)
    agree |= (kind == WITHIN) & np.isin(readings.kind, bounds)
    # Whether a list of names is a floor for certain is for the analyst to say.
    certain = readings.kind == DOCUMENTED
    agree = np.where(certain, kind != BLANK, agree)
    codes, texts = cells.distinct("wording")
    cells.add(
        np.flatnonzero(rows & ~agree),
        lambda row: (
            f"{shown(texts[codes[row]])} reads as 'documented', a floor that cannot err; say so "
            "in a column 'kind', or give it the kind 'count' or 'at_least'"
            if certain[row]
            else f"kind is {KINDS[kind[row]]!r}, but {shown(texts[codes[row]])} reads as "
            f"{KINDS[readings.kind[row]]!r}; correct one, or leave the kind blank"
        ),
    )
    return np.asarray(agree)


def _check_wordings(cells: Cells, rows: Integers, readings: Readings, stated: Stated) -> None:
    """Report those of some rows whose wording says something else than the number beside it."""
    rows = rows[readings.kind[rows] != BLANK]
    read_kind, low, high = (values[rows] for values in readings[:3])
    kind, count = stated.kind[rows], stated.count[rows]
    lower, upper = stated.lower[rows], stated.upper[rows]
    codes, texts = cells.distinct("wording")
    first = np.where(count >= 0, count, np.where(lower >= 0, lower, upper))
    last = np.where(count >= 0, count, np.where(upper >= 0, upper, lower))
    bound = (read_kind == AT_LEAST) | (read_kind == AT_MOST)
    # "More than 745" is often written down as 745.
    apart = (first - bound > high) | (last + bound < low)
    both = (lower >= 0) & (upper >= 0)
    meant = np.where(lower >= 0, AT_LEAST, AT_MOST)
    meant = np.where((count >= 0) & ~both, COUNT, np.where(both, RANGE, meant))
    meant = np.where(kind == BLANK, meant, kind)
    bare = bound & (kind == BLANK) & (meant == COUNT)
    turned = bound & ((meant == AT_LEAST) | (meant == AT_MOST)) & (meant != read_kind)

    def message(i: int) -> str:
        text = shown(texts[codes[rows[i]]])
        if apart[i]:
            number = str(first[i]) if first[i] == last[i] else f"{first[i]} to {last[i]}"
            return f"states {number}, but {text} beside it; correct one of them"
        if turned[i]:
            bounds = f"{KINDS[meant[i]]!r}, but {text} beside it is {KINDS[read_kind[i]]!r}"
            return f"is read as {bounds}; correct one of them"
        return (
            f"count is {first[i]}, but {text} beside it is a bound; "
            f"give the kind {KINDS[read_kind[i]]!r}, or 'count' if the count is meant"
        )

    wrong = {int(rows[i]): message(int(i)) for i in np.flatnonzero(apart | bare | turned)}
    cells.add(np.array(list(wrong), dtype=np.int64), wrong.__getitem__)
