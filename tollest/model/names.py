"""Names of sources, groups and covariates over all claims, be they in one file or several."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tollest._arrays import Floats, Integers
from tollest.claims.table import UNBOUNDED, Claims


@dataclass(frozen=True, eq=False)
class Names:
    """Names of sources, groups and covariates over all claims, and counts of claims by name.

    Attributes
    ----------
    sources, groups : tuple of str
        Sorted.
    covariate_names : tuple of str
        Terms that tolls may depend on.
    tiers : tuple of str
        Levels of wholes and parts, and of their remainders, that tolls differ by; sorted.
    level_group, level_tier, level_exposure, level_covariates : ndarray
        Position in `groups` and in `tiers`, log exposure and covariates of each level, which is a
        distinct prior of tolls: shapes (n_levels,) and (n_levels, n_covariates). Sorted; without
        covariates and tiers there are as many levels as groups.
    voices : tuple of (str, str)
        Sources by the side whose dead they count, sorted; the side is ``""`` where there is none.
    n_claims : ndarray of int, shape (n_voices,)
        Claims in evidence of each voice.
    n_locations : ndarray of int, shape (n_groups,)
        Locations of each group.
    n_of_tier : ndarray of int, shape (n_tiers,)
        Locations, or remainders of locations, of each tier.
    largest : int
        Largest number that a claim mentions.
    breaks : tuple of int
        Numbers at which a bin of the support must begin; sorted.
    has_bounds, has_lists, has_zeros, has_ages, has_verified, has_several_counts : bool
        Whether somebody claims a bound, names deaths in a list, counts none, speaks at a known
        age, or has verified a toll; and whether some location has counts of several.
    """

    sources: tuple[str, ...]
    covariate_names: tuple[str, ...]
    tiers: tuple[str, ...]
    level_group: Integers
    level_tier: Integers
    level_exposure: Floats
    level_covariates: Floats
    voices: tuple[tuple[str, str], ...]
    groups: tuple[str, ...]
    n_claims: Integers
    n_locations: Integers
    n_of_tier: Integers
    largest: int
    breaks: tuple[int, ...]
    has_bounds: bool
    has_lists: bool
    has_zeros: bool
    has_ages: bool
    has_verified: bool
    has_several_counts: bool

    @classmethod
    def of(cls, claims: Claims) -> "Names":
        """Names in claims that are all there are."""
        numbers = [claims.lower, claims.upper[claims.upper != UNBOUNDED], claims.least]
        capped = claims.cap[claims.cap != UNBOUNDED]
        verified = claims.verified[claims.verified >= 0]
        most = claims.most[claims.most != UNBOUNDED]
        breaks = np.concatenate([claims.least, most + 1, capped + 1, verified, verified + 1])
        return cls(
            claims.sources,
            claims.covariate_names,
            claims.tiers if len(claims.tiers) > 1 else (),
            claims.group_index[claims.level_location],
            claims.tier_index[claims.level_location],
            claims.log_exposure[claims.level_location],
            claims.covariates[claims.level_location],
            claims.voices,
            claims.groups,
            np.bincount(claims.voice_index, minlength=len(claims.voices)),
            np.bincount(claims.group_index, minlength=len(claims.groups))[: len(claims.groups)],
            np.bincount(claims.tier_index, minlength=len(claims.tiers)),
            max((int(n.max()) for n in (*numbers, verified) if n.size), default=0),
            tuple(np.unique(breaks).tolist()),
            claims.has_bounds,
            claims.has_lists,
            claims.has_zeros,
            claims.has_ages,
            claims.has_verified,
            claims.has_several_counts,
        )

    @classmethod
    def joined(cls, several: "Sequence[Names]") -> "Names":
        """Names in the claims of several files together; none of them has covariates."""
        voices, n_claims = _added([(names.voices, names.n_claims) for names in several])
        sources = tuple(sorted({source for source, _ in voices}))
        groups, n_locations = _added([(names.groups, names.n_locations) for names in several])
        level_group = np.arange(max(len(groups), 1))
        return cls(
            sources,
            (),
            (),
            level_group,
            np.zeros_like(level_group),
            np.zeros(level_group.size),
            np.zeros((level_group.size, 0)),
            voices,
            groups,
            n_claims,
            n_locations,
            np.zeros(0, np.int64),
            max(names.largest for names in several),
            tuple(sorted(set().union(*(names.breaks for names in several)))),
            any(names.has_bounds for names in several),
            any(names.has_lists for names in several),
            any(names.has_zeros for names in several),
            any(names.has_ages for names in several),
            any(names.has_verified for names in several),
            any(names.has_several_counts for names in several),
        )

    @property
    def n_levels(self) -> int:
        """Number of distinct priors of tolls."""
        return self.level_group.size

    @cached_property
    def n_claims_by_source(self) -> Integers:
        """Claims in evidence of each source, of all sides together, shape (n_sources,)."""
        out = np.zeros(len(self.sources), np.int64)
        np.add.at(out, self.source_of, self.n_claims)
        return out

    @cached_property
    def source_of(self) -> Integers:
        """Position of each voice's source, shape (n_voices,)."""
        return positions(tuple(source for source, _ in self.voices), self.sources)

    def levels(self, claims: Claims) -> Integers:
        """Level of each location's toll, shape (n_locations,)."""
        level, example = claims.level_index, claims.level_location
        group = np.zeros(1, np.int64)
        if claims.groups:
            group = positions(claims.groups, self.groups)
        if not claims.n_locations:
            return np.zeros(0, np.int64)
        if not claims.covariate_names and not self.tiers:
            return group[claims.group_index[example]][level]
        tier = np.zeros(len(claims.tiers), np.int64)
        if self.tiers:
            tier = positions(claims.tiers, self.tiers)
        position = {
            (g, t, exposure, row.tobytes()): i
            for i, (g, t, exposure, row) in enumerate(
                zip(
                    self.level_group.tolist(), self.level_tier.tolist(),
                    self.level_exposure.tolist(), self.level_covariates, strict=True,
                )
            )
        }  # fmt: skip
        columns = zip(
            group[claims.group_index[example]].tolist(), tier[claims.tier_index[example]].tolist(),
            claims.log_exposure[example].tolist(), claims.covariates[example], strict=True,
        )  # fmt: skip
        known = [position[g, t, exposure, row.tobytes()] for g, t, exposure, row in columns]
        return np.array(known, np.int64)[level]


def label_of(source: str, side: str) -> str:
    """Name of a source with the side whose dead it counts."""
    return f"{source}, {side}" if side else source


def positions[N: (str, tuple[str, str])](names: tuple[N, ...], among: tuple[N, ...]) -> Integers:
    """Position of each of some sorted names among all of them, sorted too."""
    position = {name: i for i, name in enumerate(among)}
    return np.array([position[name] for name in names], np.int64)


def _added[N: (str, tuple[str, str])](
    several: list[tuple[tuple[N, ...], Integers]],
) -> tuple[tuple[N, ...], Integers]:
    """Names in any of several tuples, sorted, and the sum of each name's numbers."""
    all_names = tuple(sorted(set().union(*(names for names, _ in several))))
    numbers = np.zeros(len(all_names), np.int64)
    position = {name: i for i, name in enumerate(all_names)}
    for names, counts in several:
        numbers[[position[name] for name in names]] += counts[: len(names)]
    return all_names, numbers
