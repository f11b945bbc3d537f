"""Distinct multisets of claims: what is summed once, however many locations share it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tollest import noise
from tollest.claims.table import KINDS, UNBOUNDED, Claims
from tollest.model.ranks import ranks, ranks_of_runs, take_runs

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Frame:
    """What all claims have in common, where they are in parts: names, and numbers in them.

    Attributes
    ----------
    sources, groups : tuple of str
        Sorted, over all parts.
    covariate_names : tuple of str
        Terms that tolls may depend on.
    level_group, level_exposure, level_covariates : ndarray
        Position in `groups`, log exposure and covariates of each prior that tolls have, of
        shapes (n_levels,), (n_levels,) and (n_levels, n_covariates): each of those of the
        locations. Sorted; as many as there are groups where there are no covariates.
    voices : tuple of (str, str)
        Sources by the side whose dead they speak of, sorted; the side is ``""`` where there is
        none.
    n_claims : ndarray of int, shape (n_voices,)
        Claims in evidence of each voice.
    n_locations : ndarray of int, shape (n_groups,)
        Locations of each group.
    largest : int
        Largest number that a claim mentions.
    breaks : tuple of int
        Numbers at which a bin of the support must begin; sorted.
    """

    sources: tuple[str, ...]
    covariate_names: tuple[str, ...]
    level_group: Integers
    level_exposure: Floats
    level_covariates: Floats
    voices: tuple[tuple[str, str], ...]
    groups: tuple[str, ...]
    n_claims: Integers
    n_locations: Integers
    largest: int
    breaks: tuple[int, ...]

    @classmethod
    def of(cls, claims: Claims) -> "Frame":
        """Frame of claims that are all there are."""
        numbers = [claims.lower, claims.upper[claims.upper != UNBOUNDED], claims.documented]
        capped = claims.cap[claims.cap != UNBOUNDED]
        verified = claims.verified[claims.verified >= 0]
        breaks = np.concatenate([claims.documented, capped + 1, verified, verified + 1])
        return cls(
            claims.sources,
            claims.covariate_names,
            claims.group_index[claims.level_location],
            claims.log_exposure[claims.level_location],
            claims.covariates[claims.level_location],
            claims.voices,
            claims.groups,
            np.bincount(claims.voice_index, minlength=len(claims.voices)),
            np.bincount(claims.group_index, minlength=len(claims.groups))[: len(claims.groups)],
            max((int(n.max()) for n in (*numbers, verified) if n.size), default=0),
            tuple(np.unique(breaks).tolist()),
        )

    @cached_property
    def n_claims_by_source(self) -> Integers:
        """Claims in evidence of each source, of whichever side, shape (n_sources,)."""
        out = np.zeros(len(self.sources), np.int64)
        np.add.at(out, self.source_of, self.n_claims)
        return out

    @cached_property
    def source_of(self) -> Integers:
        """Position of each voice's source, shape (n_voices,)."""
        return positions(tuple(source for source, _ in self.voices), self.sources)

    @classmethod
    def joined(cls, parts: "Sequence[Frame]") -> "Frame":
        """Frame of all parts together."""
        voices, n_claims = _added([(part.voices, part.n_claims) for part in parts])
        sources = tuple(sorted({source for source, _ in voices}))
        groups, n_locations = _added([(part.groups, part.n_locations) for part in parts])
        breaks = sorted(set().union(*(part.breaks for part in parts)))
        largest = max(part.largest for part in parts)
        level_group, nothing = np.arange(max(len(groups), 1)), np.zeros((max(len(groups), 1), 0))
        return cls(
            sources,
            (),
            level_group,
            np.zeros(level_group.size),
            nothing,
            voices,
            groups,
            n_claims,
            n_locations,
            largest,
            tuple(breaks),
        )


def _added[N: (str, tuple[str, str])](
    parts: list[tuple[tuple[N, ...], Integers]],
) -> tuple[tuple[N, ...], Integers]:
    """Names over all parts, sorted, and the sum of each one's numbers."""
    names = tuple(sorted(set().union(*(names for names, _ in parts))))
    numbers = np.zeros(len(names), np.int64)
    position = {name: i for i, name in enumerate(names)}
    for own, counts in parts:
        numbers[[position[name] for name in own]] += counts[: len(own)]
    return names, numbers


@dataclass(frozen=True, eq=False)
class Patterns:
    """Locations grouped by what is claimed on them, before any support is chosen.

    Attributes
    ----------
    pattern : ndarray of int, shape (n_locations,)
        Pattern of each location.
    multiplicity : ndarray of float, shape (n_patterns,)
        Locations of each pattern.
    claim_voice, claim_figure : ndarray of int, shape (n_distinct,)
        Source of each distinct claim, by the side it speaks of, and position of the figure that
        it may repeat, or -1.
    claim_edges : ndarray of float, shape (3, n_distinct)
        Lower edge, upper edge and width on the log1p axis.
    figure_edges : ndarray of float, shape (3, n_figures)
        The same of each distinct figure.
    offsets : ndarray of int, shape (n_patterns + 1,)
        Pattern ``p`` has the distinct claims ``members[offsets[p]:offsets[p + 1]]``, those of one
        figure side by side.
    members : ndarray of int
        Distinct claims.
    group : ndarray of int, shape (n_patterns,)
        Which prior the toll has, of those of the frame.
    floor, end : ndarray of int, shape (n_patterns,)
        The least that a toll can be, and the number after the most, or `UNBOUNDED`.
    cap_edge : ndarray of float, shape (n_patterns,)
        Upper edge of the cap on the log1p axis, infinite where there is none.
    """

    pattern: Integers
    multiplicity: Floats
    claim_voice: Integers
    claim_figure: Integers
    claim_edges: Floats
    figure_edges: Floats
    offsets: Integers
    members: Integers
    group: Integers
    floor: Integers
    end: Integers
    cap_edge: Floats

    @classmethod
    def of(cls, claims: Claims, frame: Frame, *, repeats: bool) -> "Patterns":
        """Group the locations of `claims`; `repeats` says whether counts can repeat a figure."""
        voice_index = positions(claims.voices, frame.voices)[claims.voice_index]
        level_index = levels(claims, frame)
        can_repeat = (claims.kind == KINDS.index("count")) & repeats
        number = np.where(can_repeat, claims.lower, -1)
        bounded = claims.upper != UNBOUNDED
        above = claims.upper[bounded].max(initial=0) + 1
        # One above the others for no bound: ranks of neighbouring numbers are faster.
        claim_rank, example = ranks(
            number, voice_index, claims.lower, np.where(bounded, claims.upper, above)
        )
        figures, claim_figure = np.unique(number[example], return_inverse=True)
        if figures.size and figures[0] == -1:
            figures, claim_figure = figures[1:], claim_figure - 1
        pattern, representative, members, offsets = _grouped(claims, claim_rank, example.size)
        verified, cap = claims.verified[representative], claims.cap[representative]
        known, is_capped = verified >= 0, cap != UNBOUNDED
        end = np.where(known, verified + 1, np.where(is_capped, cap, -1) + 1)
        return cls(
            pattern=pattern,
            multiplicity=np.bincount(pattern).astype(np.float64),
            claim_voice=voice_index[example],
            claim_figure=claim_figure.astype(np.int64),
            claim_edges=np.stack(
                noise.interval_edges(claims.lower[example], claims.upper[example], UNBOUNDED)
            ),
            figure_edges=np.stack(noise.interval_edges(figures, figures, UNBOUNDED)),
            offsets=offsets,
            members=members,
            group=level_index[representative],
            floor=np.where(known, verified, claims.documented[representative]),
            end=np.where(known | is_capped, end, UNBOUNDED),
            cap_edge=np.where(is_capped, np.log1p(np.where(is_capped, cap, 0) + 0.5), np.inf),
        )


def positions[N: (str, tuple[str, str])](names: tuple[N, ...], among: tuple[N, ...]) -> Integers:
    """Position of each of some sorted names among all of them, sorted too."""
    position = {name: i for i, name in enumerate(among)}
    return np.array([position[name] for name in names], np.int64)


def levels(claims: Claims, frame: Frame) -> Integers:
    """Which prior of the frame's each location's toll has, shape (n_locations,)."""
    own, example = claims.level_index, claims.level_location
    group = np.zeros(1, np.int64)
    if claims.groups:
        group = positions(claims.groups, frame.groups)
    if not claims.covariate_names:
        return group[own]
    at = {
        (g, e, x.tobytes()): i
        for i, (g, e, x) in enumerate(
            zip(
                frame.level_group.tolist(), frame.level_exposure.tolist(), frame.level_covariates,
                strict=True,
            )
        )
    }  # fmt: skip
    group_of = group[claims.group_index[example]].tolist()
    exposure, rows = claims.log_exposure[example].tolist(), claims.covariates[example]
    there = [at[g, e, x.tobytes()] for g, e, x in zip(group_of, exposure, rows, strict=True)]
    return np.array(there, np.int64)[own]


def _grouped(
    claims: Claims, claim_rank: Integers, n_distinct: int
) -> tuple[Integers, Integers, Integers, Integers]:
    """Pattern of each location, a location of each pattern, and the patterns' distinct claims.

    Patterns are ordered by what they hold, not by where they stand in the table, so that
    the order of the rows cannot change a sum's rounding; and first by group, then by distinct
    claims, so that neighbours share rows of the tables.
    """
    # Distinct claims are ordered by figure, so sorting puts those of one side by side.
    location = claims.location_index * n_distinct
    members = np.sort(location + claim_rank) - location
    pattern, representative = ranks(
        claims.level_index,
        ranks_of_runs(members, claims.offsets),
        claims.documented,
        claims.verified,
        claims.cap,
    )
    chosen, offsets = take_runs(claims.offsets, representative)
    return pattern, representative, members[chosen], offsets
