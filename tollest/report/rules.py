"""Rules that data sets of violence code a toll by: what each would record, beside the posterior.

A rule picks a number from the claims, without a model of who errs and how, and without an
interval that holds the toll with any stated probability. Only claims in evidence count; a claim
stands as the numbers that it names:

=======================  ======  ======  ======
kind                     low     middle  high
=======================  ======  ======  ======
count, verified          itself  itself  itself
range, about, verbal     lower   middle  upper
at_least, documented     bound   bound   bound
at_most                  bound   bound   bound
=======================  ======  ======  ======

A middle is rounded down; of "about 1,400" it is 1,400. A wording without an upper bound is a
bound from below.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tollest._arrays import Integers
from tollest.claims.table import KINDS, UNBOUNDED, Claims
from tollest.estimation.results import Estimate
from tollest.report.arguments import check_estimate

if TYPE_CHECKING:
    import pandas as pd


_NONE = -1  # where a rule gives no number


@dataclass(frozen=True)
class Rule:
    """A rule that makes one number, or two or three, of the claims on a location.

    Attributes
    ----------
    columns : tuple of str
        Columns of `table` that it fills.
    definition : str
        What it takes.
    reference : str
        Where such a rule is used.
    """

    columns: tuple[str, ...]
    definition: str
    reference: str


RULES = (
    Rule(
        ("lowest",),
        "The most conservative claim: the smallest low.",
        "Armed Conflict Location and Event Data, whose coders take the most conservative of "
        "differing reports. Raleigh, C., Linke, A., Hegre, H., Karlsen, J. (2010). Introducing "
        "ACLED: an armed conflict location and event dataset. Journal of Peace Research 47(5), "
        "651-660. https://doi.org/10.1177/0022343310378914",
    ),
    Rule(
        ("median_claim",),
        "The middlemost of the middles; of two, their mean, rounded down.",
        "Galton, F. (1907). One vote, one value. Nature 75, 414. https://doi.org/10.1038/075414a0",
    ),
    Rule(
        ("majority",),
        "The middle that more than half of the claims share; where there is none, the smallest "
        "low.",
        "Global Terrorism Database, which takes the majority figure, and the lowest where there "
        "is none, among reports of which none is preferred as the latest or the most reliable. "
        "LaFree, G., Dugan, L. (2007). Introducing the Global "
        "Terrorism Database. Terrorism and Political Violence 19(2), 181-204. "
        "https://doi.org/10.1080/09546550701246817",
    ),
    Rule(
        ("low", "best", "high"),
        "The smallest low; the middle that most claims share, the smallest of several; the "
        "largest high. Where a coder would judge, the rule counts.",
        "Uppsala Conflict Data Program: lowest reliable, most likely and highest reliable number. "
        "Sundberg, R., Melander, E. (2013). Introducing the UCDP Georeferenced Event Dataset. "
        "Journal of Peace Research 50(4), 523-532. https://doi.org/10.1177/0022343313484347",
    ),
    Rule(
        ("minimum", "maximum"),
        "The smallest low and the largest high where two sources or more make a claim.",
        "Iraq Body Count, which asks for two sources and keeps the least and the most of them. "
        "Hicks, M. H.-R., et al. (2011). Violent deaths of Iraqi civilians, 2003-2008: analysis "
        "by perpetrator, weapon, time, and location. PLoS Medicine 8(2), e1000415. "
        "https://doi.org/10.1371/journal.pmed.1000415",
    ),
)


def coded(claims: Claims) -> "pd.DataFrame":
    """Code each location by every rule.

    Parameters
    ----------
    claims : Claims
        The evidence.

    Returns
    -------
    pandas.DataFrame
        Indexed by location, with the columns of `RULES` in deaths, and ``n_sources``. A rule
        that gives no number, as on a location nobody reported on, leaves a blank. ``attrs``
        has the definition of each column.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [("Arden", "press", "30"), ("Arden", "radio", "30"), ("Arden", "clinic", "11-14")]
    >>> claims = Claims.from_table(pd.DataFrame(rows, columns=["location", "source", "wording"]))
    >>> coded(claims).loc["Arden"].to_dict()  # doctest: +NORMALIZE_WHITESPACE
    {'lowest': 11, 'median_claim': 30, 'majority': 30, 'low': 11, 'best': 30, 'high': 30,
     'minimum': 11, 'maximum': 30, 'n_sources': 3}
    """
    import pandas as pd

    n = claims.n_locations
    record = claims.record
    evidence = record.in_evidence
    location, source = record.location[evidence], record.rows.source[evidence]
    low, middle, high = _named(claims, evidence)
    lowest, highest = np.full(n, UNBOUNDED), np.full(n, _NONE)
    np.minimum.at(lowest, location, low)
    np.maximum.at(highest, location, high)
    lowest[lowest == UNBOUNDED] = _NONE
    n_sources = _distinct(location, source, n)
    best, shared, median = _by_middle(location, middle, n)
    n_claims = np.bincount(location, minlength=n)
    several = n_sources >= 2
    columns = {
        "lowest": lowest,
        "median_claim": median,
        "majority": np.where(2 * shared > n_claims, best, lowest),
        "low": lowest,
        "best": best,
        "high": highest,
        "minimum": np.where(several, lowest, _NONE),
        "maximum": np.where(several, highest, _NONE),
    }
    frame = pd.DataFrame(
        {
            name: pd.arrays.IntegerArray(values.astype(np.int64), values == _NONE)
            for name, values in columns.items()
        },
        index=pd.Index(claims.locations, name="location"),
    )
    frame["n_sources"] = n_sources
    frame.attrs["rules"] = {name: rule.definition for rule in RULES for name in rule.columns}
    return frame


def baselines(estimate: Estimate, ci_prob: float = 0.9) -> "pd.DataFrame":
    """Code each location by the rules of data sets of violence, beside the estimate.

    Parameters
    ----------
    estimate : Estimate
        What `tollest.estimate` gave.
    ci_prob : float
        Probability inside the estimate's equal-tailed credible interval.

    Returns
    -------
    pandas.DataFrame
        Indexed by location. ``lowest``, ``median_claim``, ``majority``, ``low, best, high``
        and ``minimum, maximum`` are rules, defined with their sources in `RULES`; none of them
        is an estimate, and no stated probability lies between two of them. ``n_sources`` counts
        those with a claim in evidence. ``estimate``, ``estimate_lower`` and ``estimate_upper``
        are the posterior median and its interval. ``attrs`` has the rules' definitions and the
        interval's level.

    Raises
    ------
    TypeError
        If `estimate` is no estimate.
    ValueError
        If `ci_prob` is not between 0 and 1.
    """
    check_estimate(estimate)
    tolls = estimate.table(ci_prob)
    frame = coded(estimate.claims)
    for name, column in (("", "median"), ("_lower", "lower"), ("_upper", "upper")):
        frame[f"estimate{name}"] = tolls[column]
    frame.attrs |= tolls.attrs
    return frame


def _named(claims: Claims, evidence: NDArray[np.bool_]) -> tuple[Integers, Integers, Integers]:
    """Low, middle and high of each claim in evidence."""
    rows = claims.record.rows
    low, high, kind = rows.lower[evidence], rows.upper[evidence], rows.kind[evidence]
    high = np.where(high == UNBOUNDED, low, high)
    low = np.where(kind == KINDS.index("at_most"), high, low)
    return low, low + (high - low) // 2, high


def _distinct(location: Integers, source: Integers, n: int) -> Integers:
    """Distinct sources on each location."""
    order = np.lexsort((source, location))
    location, source = location[order], source[order]
    first = np.ones(len(location), np.bool_)
    first[1:] = (location[1:] != location[:-1]) | (source[1:] != source[:-1])
    return np.bincount(location[first], minlength=n)


def _by_middle(
    location: Integers, middle: Integers, n: int
) -> tuple[Integers, Integers, Integers]:
    """Middle that most claims on each location share, how many do, and the median; or `_NONE`."""
    best, shared, median = np.full(n, _NONE), np.zeros(n, np.int64), np.full(n, _NONE)
    if not location.size:
        return best, shared, median
    order = np.lexsort((middle, location))
    location, middle = location[order], middle[order]
    size = np.bincount(location, minlength=n)
    start = np.cumsum(size) - size
    spoken = size > 0
    half = start[spoken] + (size[spoken] - 1) // 2
    other = start[spoken] + size[spoken] // 2
    median[spoken] = (middle[half] + middle[other]) // 2
    first = np.ones(len(location), np.bool_)
    first[1:] = (location[1:] != location[:-1]) | (middle[1:] != middle[:-1])
    run = np.flatnonzero(first)
    length = np.diff(np.append(run, len(location)))
    # The longest run first, then the smallest number: the first of each location is its own.
    rank = np.lexsort((middle[run], -length, location[run]))
    places, firsts = np.unique(location[run][rank], return_index=True)
    best[places] = middle[run][rank][firsts]
    shared[places] = length[rank][firsts]
    return best, shared, median
