"""The claims on one location, and those on it without each."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tollest import noise
from tollest._arrays import Floats, Integers
from tollest._sums import bounds, shards
from tollest._sums.tables import Claimed
from tollest.claims.intervals import DOCUMENTED, VERIFIED, WITHIN
from tollest.claims.table import KINDS, UNBOUNDED, Claims
from tollest.model.names import positions
from tollest.model.posterior import Posterior
from tollest.priors import Censored, Never

_COUNT = KINDS.index("count")


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is said of one location, and what would be said without each claim.

    Case 0 has all claims; case ``1 + j`` lacks claim `j`. Claims that may err come first, in the
    order of `Claims`, then those that are certain.
    """

    whole: Posterior
    place: int

    @property
    def claims(self) -> Claims:
        """All claims, those on other locations included."""
        return self.whole.claims

    @cached_property
    def noisy(self) -> Integers:
        """Positions among the claims that may err."""
        start, stop = self.claims.offsets[self.place : self.place + 2].tolist()
        return np.arange(int(start), int(stop))

    @cached_property
    def all_rows(self) -> Integers:
        """Rows of the table on this location, whether used or not."""
        rows = self.claims.record.rows
        code = rows.locations.index(self.claims.locations[self.place])
        return np.flatnonzero(rows.location == code)

    @cached_property
    def certain(self) -> Integers:
        """Rows of the table with documented and verified deaths."""
        record = self.claims.record
        is_certain = record.in_evidence & (record.rows.kind >= DOCUMENTED)
        return self.all_rows[is_certain[self.all_rows]]

    @cached_property
    def rows(self) -> Integers:
        """Row of the table of each claim, shape (n_claims,)."""
        return np.concatenate([self.claims.row[self.noisy], self.certain])

    @cached_property
    def limits(self) -> Integers:
        """Least toll of each case, and the number after the most, shape (n_claims + 1, 2)."""
        cap, rows = int(self.claims.cap[self.place]), self.claims.record.rows
        out = []
        for left_out in [-1, *self.rows.tolist()]:
            kept = self.certain[self.certain != left_out]
            verified = rows.lower[kept[rows.kind[kept] == VERIFIED]]
            most = rows.upper[kept[rows.kind[kept] == WITHIN]].min(initial=cap)
            end = most if most == UNBOUNDED else most + 1
            floor = int(rows.lower[kept].max(initial=0))
            out.append((verified[0], verified[0] + 1) if verified.size else (floor, end))
        return np.array(out, np.int64)

    @property
    def _named(self) -> Integers:
        """Deaths named by the longest list that each case has, 0 of none."""
        kind, count = self.claims.record.rows.kind, self.claims.record.rows.lower
        lists = self.certain[kind[self.certain] == DOCUMENTED]
        left_out = np.concatenate([[-1], self.rows])
        return np.where(lists != left_out[:, None], count[lists], 0).max(axis=1, initial=0)

    @cached_property
    def posterior(self) -> Posterior:
        """The same on a support whose bins begin where any case's tolls do, and after they end."""
        breaks = self.whole.names.breaks
        missing = set(self.limits.ravel().tolist()) - {0, UNBOUNDED, *breaks}
        return self.whole.with_breaks(missing) if missing else self.whole

    @cached_property
    def voice(self) -> Integers:
        """Position of the voice of each claim that may err among all voices of the model."""
        voice_positions = positions(self.claims.voices, self.posterior.names.voices)
        return voice_positions[self.claims.voice_index[self.noisy]]

    @cached_property
    def can_repeat(self) -> NDArray[np.bool_]:
        """Whether each claim that may err can repeat a figure."""
        never = isinstance(self.posterior.model.priors.logit_repeat, Never)
        return np.asarray((self.claims.kind[self.noisy] == _COUNT) & (not never))

    @cached_property
    def is_bound(self) -> NDArray[np.bool_]:
        """Whether each claim that may err is a bound that misses the toll by some amount."""
        censored = isinstance(self.posterior.model.priors.log_shortfall, Censored)
        return np.asarray(self.claims.is_bound[self.noisy] & (not censored))

    @cached_property
    def age(self) -> Floats:
        """Days from the onset of each claim that may err; infinite where that says nothing."""
        age = self.claims.age[self.noisy]
        is_late = isinstance(self.posterior.model.priors.log_early_shortfall, Never)
        return np.full(age.size, np.inf) if is_late else age

    @cached_property
    def problem(self) -> Claimed:
        """A pattern for each case."""
        pattern = self.posterior.patterns[self.place : self.place + 1]
        whole = shards.chosen(self.posterior.problem, pattern)
        floor, end = self.limits.T
        whole, lists = _with_lists(whole, self._named)
        # A source has one claim in evidence that may err on a location. Of lists of names, which
        # have no voice, each case has the longest that is left to it.
        voice = whole.claim_voice[whole.members]
        lacking = np.concatenate([[-2], self.voice, np.full(self.certain.size, -2)])
        is_list = voice < 0
        keep = np.where(is_list, whole.members == lists[:, None], voice != lacking[:, None])
        first = self.posterior.bins[0]
        last = np.where(end == UNBOUNDED, first.size, np.searchsorted(first, end))
        n = len(keep)
        return whole._replace(
            offsets=np.concatenate([[0], keep.sum(axis=1).cumsum()]).astype(np.int64),
            members=np.tile(whole.members, (n, 1))[keep],
            level=np.repeat(whole.level, n),
            first=np.searchsorted(first, floor, side="right") - 1,
            last=last.astype(np.int64),
            cap_edge=np.repeat(whole.cap_edge, n),
            multiplicity=np.ones(n),
        )

    def without(self, row: int) -> Posterior:
        """Posterior of the same unknowns given all claims but one row of the table.

        A source that has no claim left keeps its place in theta, where its prior is all that is
        known of it.

        Raises
        ------
        ClaimsError
            If no claim is left.
        """
        rest, names = self.claims.without(rows=[row]), self.posterior.names
        n_claims = np.zeros(len(names.voices), np.int64)
        n_claims[positions(rest.voices, names.voices)] = np.bincount(rest.voice_index)
        return Posterior(self.whole.model, rest, replace(names, n_claims=n_claims))


def _with_lists(whole: Claimed, named: Integers) -> tuple[Claimed, Integers]:
    """Put lists of each case's length in place of the one in evidence; which is each, -1 of none.

    Where there is none in evidence there is none in any case.
    """
    listed = whole.members[whole.claim_voice[whole.members] < 0]
    if not listed.size:
        return whole, np.full(named.size, -1)
    known = np.unique(named[named > 0])
    lower, upper, width = noise.interval_edges(known, known, UNBOUNDED)
    n, start = known.size, whole.claim_lower.size
    # First, since they are of no age.
    members = np.concatenate([start + np.arange(n), np.setdiff1d(whole.members, listed)])
    position = np.searchsorted(known, named)
    lists = np.where(named > 0, start + position, -1)
    return whole._replace(
        claim_voice=np.append(whole.claim_voice, np.full(n, -1)),
        claim_lower=np.append(whole.claim_lower, lower),
        claim_upper=np.append(whole.claim_upper, upper),
        claim_width=np.append(whole.claim_width, width),
        claim_figure=np.append(whole.claim_figure, np.full(n, -1)),
        claim_form=np.append(whole.claim_form, np.full(n, bounds.LISTED)),
        claim_age=np.append(whole.claim_age, np.full(n, np.inf)),
        claim_below=np.append(whole.claim_below, np.zeros(n)),
        claim_above=np.append(whole.claim_above, np.zeros(n)),
        members=members,
    ), lists
