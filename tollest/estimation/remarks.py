"""What must be said beside some tolls: what their intervals take on trust, and from whom."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tollest.claims.table import KINDS, Claims
from tollest.estimation.conflicts import Conflict
from tollest.priors import Censored, Never, Priors

if TYPE_CHECKING:
    import pandas as pd

    from tollest.estimation.results import Estimate

DOMINATES = "The prior dominates"  # what begins the remark on intervals that are the prior's

_MOST_TOLD = 5  # conflicts that are told one by one
_DOMINATED = 0.5  # share of the prior above which an interval is called the prior's


@dataclass(frozen=True)
class Remark:
    """One thing to be said of some locations.

    Attributes
    ----------
    of_one : str
        As a sentence on one location.
    of_several : str
        As the beginning of a sentence that goes on with their names.
    locations : tuple of str
        The locations, at least one.
    """

    of_one: str
    of_several: str
    locations: tuple[str, ...]


def remarks(estimate: "Estimate", table: "pd.DataFrame") -> tuple[Remark, ...]:
    """Remarks on locations whose tolls need a second look; none where nothing is to be said.

    Parameters
    ----------
    estimate : Estimate
        The posterior.
    table : pandas.DataFrame
        As `Estimate.table` gives it.
    """
    claims = estimate.claims
    names = np.array(claims.locations, dtype=object)
    return (
        *_of_conflicts(estimate.conflicts),
        *(
            Remark(of_one, of_several, tuple(names[marked].tolist()))
            for of_one, of_several, marked in _marked(claims, table, estimate.model.priors)
            if marked.any()
        ),
    )


def _of_conflicts(conflicts: Sequence[Conflict]) -> list[Remark]:
    """Tell of claims that no usual error makes one number of, one by one while they are few."""
    if len(conflicts) <= _MOST_TOLD:
        return [Remark(str(c), f"{c} Location:", (c.location,)) for c in conflicts]
    names = tuple(conflict.location for conflict in conflicts)
    said = "Claims are further apart than errors of such sources; see estimate.conflicts"
    return [Remark(f"{said}.", f"{said}:", names)]


def of_common_bias(claims: Claims) -> str:
    """Say from what is known what all sources count of the toll together."""
    if claims.has_verified:
        return "What all miss alike is known from the verified tolls."
    return "What all miss alike is known by its prior alone, since no toll is verified."


def _marked(
    claims: Claims, table: "pd.DataFrame", priors: Priors
) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    """Give every remark with the locations it is on, shape (n_locations,)."""
    location = claims.location_index

    def any_of(claimed: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return np.bincount(location[claimed], minlength=claims.n_locations) > 0

    summed = np.isin(np.array(claims.locations, dtype=object), list(claims.summed))
    yield (
        "All counts here are sums of those on all other locations: its dead are counted twice in "
        "totals. Leave it out, or say that the others are its parts: parents=..., complete=...",
        "All counts are the sums of those on all other locations, so that their dead are counted "
        "twice in totals; leave it out, or say that the others are its parts (parents=..., "
        "complete=...):",
        summed,
    )
    verified = claims.verified >= 0
    is_open = np.isinf(table["mean"].to_numpy())
    dominated = (table["prior_share"].to_numpy() > _DOMINATED) & ~is_open
    yield f"{DOMINATES} this interval.", DOMINATES, dominated
    yield (
        "No claim or cap bounds the toll from above, so the upper bound is the prior's.",
        "No claim or cap bounds from above, so the upper bound is the prior's:",
        is_open,
    )
    at_most, at_least = (claims.kind == KINDS.index(name) for name in ("at_most", "at_least"))
    is_censored = isinstance(priors.log_shortfall, Censored)
    open_above = any_of(at_least) & ~any_of(~at_least) & ~verified
    yield (
        'Only claims of "at least" bound the toll; its upper end rests on how far such claims '
        "fall short.",
        'Only claims of "at least", so that the upper bound rests on how far such claims fall '
        "short:",
        open_above & (not is_censored) & ~(table["prior_share"].to_numpy() > _DOMINATED),
    )
    bounded = any_of(at_most & (claims.upper > 0)) & ~any_of(~at_most | (claims.upper == 0))
    owned = "are the prior's" if is_censored else "rest on what such claims exceed tolls by"
    yield (
        "No claim says that anybody died, only that no more did than some number; median and "
        f"lower bound {owned}.",
        f'Only claims of "at most", so that median and lower bound {owned}:',
        bounded & ~verified & (claims.documented == 0),
    )
    # A claim of "no more than 30" beside a denial does not soften it.
    loose = (claims.upper > 0) & ~at_most
    denied = any_of(claims.upper == 0) & ~any_of(loose) & ~verified & (claims.documented == 0)
    trust = "a denial errs like any other count"
    if not isinstance(priors.logit_denial, Never):
        trust = "sources deny on their own, not all together"
    yield (
        f"All claims are of no deaths; the interval assumes that {trust}.",
        f"Only claims of no deaths (the interval assumes that {trust}):",
        denied,
    )
    above = any_of(claims.lower > claims.cap[location]) & ~verified
    yield "A claim is above the cap.", "Claims above the cap of", above
    yield (
        "The toll is verified, not estimated.",
        "The toll is verified, not estimated:",
        verified,
    )
