"""Estimates: numbers with an error of their own, as an interval or a standard deviation."""

import math
import re
import statistics
from typing import Any, NamedTuple

import numpy as np

from tollest import wording
from tollest._arrays import Flags, Floats, Integers
from tollest.claims.cells import BLANK, Cells, text_of
from tollest.claims.problems import shown
from tollest.wording import UNBOUNDED

INTERVAL_PROB = 0.95
# What a number of an interval is written like; `wording.parse` reads it.
_END = r"\d[\d,. \u00a0\u202f]*"
_CALLED = r"(?:cr?i|ui|(?:confidence|credible|uncertainty) interval|interval)"
_IN_BRACKETS = re.compile(
    rf"(?P<count>[^()\[\]±]*\d[^()\[\]±]*?)\s*[(\[]\s*(?:(?P<percent>\d+(?:\.\d+)?)\s*%\s*)?"
    rf"(?:{_CALLED}\s*[:,;]?\s*)?(?P<lower>{_END})(?:\s*[-\u2010-\u2015]\s*|\s+to\s+)"
    rf"(?P<upper>{_END})[)\]]",
    re.IGNORECASE,
)
_PLUS_MINUS = re.compile(rf"(?P<count>[^()\[\]±]*\d[^()\[\]±]*?)\s*(?:±|\+/-)\s*(?P<half>{_END})")


class Estimated(NamedTuple):
    """What a wording of a number with an interval says."""

    number: int
    lower: int
    upper: int
    prob: float  # nan where it does not say


def parse_estimate(text: str, words: wording.Words) -> Estimated | None:
    """Read "601,027 (95 % CI 426,369 to 793,663)" or "650,000 ± 90,000"; None if it is neither.

    Raises
    ------
    ValueError
        Its numbers cannot be read, or stand in no order.
    """
    found = _IN_BRACKETS.fullmatch(text.strip())
    if found:
        lower, upper = (_exactly(found[name], words) for name in ("lower", "upper"))
        percent = found["percent"]
        prob = float(percent) / 100 if percent else math.nan
        if percent and not 0 < prob < 1:
            raise ValueError(f"{shown(text)} states an interval of {percent} %; correct it")
        count = _exactly(found["count"], words)
    else:
        found = _PLUS_MINUS.fullmatch(text.strip())
        if not found:
            return None
        count, half = (_exactly(found[name], words) for name in ("count", "half"))
        lower, upper, prob = max(count - half, 0), count + half, math.nan
    if not lower <= count <= upper:
        message = f"{shown(text)} has a number outside its own interval; correct one of them"
        raise ValueError(message)
    return Estimated(count, lower, upper, prob)


def _exactly(text: str, words: wording.Words) -> int:
    """Read one of the numbers, which stands for itself."""
    reading = wording.parse(text.strip(), words)
    if reading.kind != "count":
        raise ValueError(f"{shown(text)} is no single number; use count, lower and upper")
    return reading.lower


class StatedErrors(NamedTuple):
    """What each row says of its own error. Shape (n_rows,) each; nan where a cell is blank.

    Of `sd` in deaths, of the others on the log axis.
    """

    prob: Floats
    sd: Floats
    log_sd_below: Floats
    log_sd_above: Floats

    @classmethod
    def read(cls, cells: Cells) -> "StatedErrors":
        """Read the columns ``interval_prob``, ``sd``, and ``log_sd`` or one for each side."""

        def column(name: str) -> Floats:
            return cells.read(name, lambda v: _positive(name, v), np.nan, np.dtype(np.float64))

        both, below, above = (column(f"log_sd{side}") for side in ("", "_below", "_above"))
        # As `Claims.to_frame` writes them: 0 of all that are no estimates.
        none = (np.nan_to_num(below) == 0.0) & (np.nan_to_num(above) == 0.0)
        below, above = (np.where(none, both, np.nan_to_num(side)) for side in (below, above))
        return cls(column("interval_prob"), column("sd"), below, above)

    @property
    def has_log_sd(self) -> Flags:
        """Whether a row states a standard deviation on the log axis."""
        return ~np.isnan(self.log_sd_below)

    @property
    def has_sd(self) -> Flags:
        """Whether a row states a standard deviation."""
        return ~np.isnan(self.sd) | self.has_log_sd


def _positive(name: str, value: Any) -> float:  # noqa: ANN401 - whatever a cell can hold
    """Read one cell as a number above 0, or of one side at least 0; as a probability below 1."""
    try:
        number = float(text_of(value).replace(",", ""))
    except ValueError:
        number = math.nan
    if name == "interval_prob" and not 0 < number < 1:
        message = f"interval_prob is {shown(value)}; it lies between 0 and 1, as 0.95 for 95 %"
        raise ValueError(message)
    is_side = name.endswith(("below", "above"))
    if not (0 < number < math.inf or (is_side and number == 0)):
        raise ValueError(f"{name} is {shown(value)}; a standard deviation is above 0")
    return number


def interval_of(number: Integers, sd_below: Floats, sd_above: Floats) -> tuple[Integers, Integers]:
    """Give the 95 % interval that estimates state, to whole deaths; of others their number."""
    z, x = _normal_quantile(0.5 + 0.5 * INTERVAL_PROB), np.log1p(number)
    below, above = np.expm1(x - z * sd_below), np.expm1(x + z * sd_above)
    lower, upper = (np.rint(np.maximum(end, 0.0)).astype(np.int64) for end in (below, above))
    is_sure = (sd_below == 0) & (sd_above == 0)
    return np.where(is_sure, number, lower), np.where(is_sure, number, upper)


def standard_deviations(
    errors: StatedErrors, count: Integers, lower: Integers, upper: Integers, interval_prob: float
) -> tuple[Floats, Floats]:
    """Give the standard deviations of estimates on the log1p axis, below and above their numbers.

    That below is of the error where the truth is below the number; both are 0 where ends are the
    number itself. An interval is taken for that of a normal error on each side.
    """
    prob = np.where(np.isnan(errors.prob), interval_prob, errors.prob)
    probs, position = np.unique(prob, return_inverse=True)
    z = np.array([_normal_quantile(0.5 + 0.5 * float(p)) for p in probs])[position]
    of_interval = (lower != BLANK) & (upper != BLANK) & (upper != UNBOUNDED)
    wide = np.where(np.isnan(errors.sd), 0.0, errors.sd)
    start = np.maximum(np.where(of_interval, lower, count - wide), 0.0)
    end = np.where(of_interval, upper, count + wide)
    count = np.where(count == BLANK, start, count)
    scale = np.where(of_interval, z, 1.0)
    x = np.log1p(np.maximum(count, 0))
    below, above = (x - np.log1p(start)) / scale, (np.log1p(np.maximum(end, 0.0)) - x) / scale
    is_log = errors.has_log_sd
    return (
        _rounded(np.where(is_log, errors.log_sd_below, below)),
        _rounded(np.where(is_log, errors.log_sd_above, above)),
    )


def _rounded(sd: Floats) -> Floats:
    """Round to what files of numbers keep, but never to 0."""
    return np.where(sd > 0, np.maximum(np.round(sd, 10), 1e-10), 0.0)


def _normal_quantile(p: float) -> float:
    # SciPy's is not worth loading it for.
    return statistics.NormalDist().inv_cdf(p)
