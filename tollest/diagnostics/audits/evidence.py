"""The claims on one location, and those on it without each."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tollest._arrays import Integers
from tollest._sums import shards
from tollest._sums.tables import Claimed
from tollest.claims.intervals import DOCUMENTED, VERIFIED
from tollest.claims.table import KINDS, UNBOUNDED, Claims
from tollest.model.names import positions
from tollest.model.posterior import Posterior
from tollest.priors import Never

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
        cap = self.claims.cap[self.place]
        end = cap if cap == UNBOUNDED else cap + 1
        kind, count = self.claims.record.rows.kind, self.claims.record.rows.lower
        out = []
        for left_out in [-1, *self.rows.tolist()]:
            kept = self.certain[self.certain != left_out]
            verified = count[kept[kind[kept] == VERIFIED]]
            floor = int(count[kept].max(initial=0))
            out.append((verified[0], verified[0] + 1) if verified.size else (floor, end))
        return np.array(out, np.int64)

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
    def problem(self) -> Claimed:
        """A pattern for each case."""
        pattern = self.posterior.patterns[self.place : self.place + 1]
        whole = shards.chosen(self.posterior.problem, pattern)
        # A source has one claim in evidence that may err on a location.
        voice = whole.claim_voice[whole.members]
        lacking = np.concatenate([[-1], self.voice, np.full(self.certain.size, -1)])
        keep = voice != lacking[:, None]
        first = self.posterior.bins[0]
        floor, end = self.limits.T
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
