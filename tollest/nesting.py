"""Wholes and their parts: trees of locations, and what is claimed on each node of them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tollest import _octaves, noise
from tollest._messages import Forest
from tollest._parents import parts_first, parts_of
from tollest._tables import Problem
from tollest.claims import UNBOUNDED, Claims
from tollest.patterns import Frame, Patterns
from tollest.support import MOST, Support

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Trees:
    """The trees that claims speak of, as nodes in an order in which parts come before wholes.

    A whole is the sum of its parts and, where these are not declared complete, of a remainder
    that no claim speaks of, a toll like any other of the whole's group. Sums of many parts are
    made in pairs, pairs of pairs and so on, by nodes that are no location.

    Attributes
    ----------
    offsets : ndarray of int, shape (n_trees + 1,)
        Nodes of each tree; the last is its root.
    left, right : ndarray of int, shape (n_nodes,)
        Nodes that a node is the sum of; -1 for a leaf.
    location : ndarray of int, shape (n_nodes,)
        The location that a node is; -1 for remainders and for sums on the way.
    group : ndarray of int, shape (n_nodes,)
        Group of the prior of a leaf; -1 for a sum.
    """

    offsets: Integers
    left: Integers
    right: Integers
    location: Integers
    group: Integers

    @classmethod
    def of(cls, claims: Claims) -> "Trees":
        """Trees of all locations that have a whole or parts."""
        parts = parts_of(claims.parent)
        nodes: list[tuple[int, int, int, int]] = []
        offsets = [0]

        def add(left: int, right: int, location: int, group: int) -> int:
            nodes.append((left, right, location, group))
            return len(nodes) - 1

        node_of: dict[int, int] = {}
        for root in np.flatnonzero(claims.parent < 0).tolist():
            if root not in parts:
                continue
            for place in parts_first([root], parts):
                group = int(claims.group_index[place])
                if place not in parts:
                    node_of[place] = add(-1, -1, place, group)
                    continue
                level = [node_of[part] for part in parts[place]]
                if not claims.complete[place]:
                    level.append(add(-1, -1, -1, group))
                if len(level) == 1:
                    level.append(add(-1, -1, -1, -1))  # a whole of one part: nothing is beside it
                while len(level) > 2:
                    pairs = [level[i : i + 2] for i in range(0, len(level), 2)]
                    level = [p[0] if len(p) == 1 else add(p[0], p[1], -1, -1) for p in pairs]
                node_of[place] = add(level[0], level[1], place, -1)
            offsets.append(len(nodes))
        columns = np.array(nodes, np.int64).reshape(-1, 4).T.copy()
        return cls(np.array(offsets), *columns)

    @property
    def n_nodes(self) -> int:
        """Nodes of all trees."""
        return self.left.size

    @cached_property
    def node(self) -> dict[int, int]:
        """Node of each location that is on a tree."""
        return {place: v for v, place in enumerate(self.location.tolist()) if place >= 0}


def octaves(support: Support) -> int:
    """Points of a grid of octaves below which every whole number is one, as fine as `support`."""
    return 1 << int(np.ceil(np.log2(2.0 / support.width)))


def problem_of(
    trees: Trees, claims: Claims, grouped: Patterns, frame: Frame, noise_: noise.Family,
    toll: noise.Family, dense: int,
) -> tuple[Problem, Forest]:  # fmt: skip
    """Lay out what is claimed on trees as the compiled functions know it.

    Parameters
    ----------
    trees, claims : Trees, Claims
        The trees of the claims.
    grouped : Patterns
        Patterns of all locations.
    frame : Frame
        What the claims have in common with others.
    noise_, toll : Family
        Those of the model.
    dense : int
        As in `tollest._octaves.points`.
    """
    numbers = _octaves.points(dense, MOST)
    begin, end = _octaves.edges(numbers)
    lower, upper = np.log1p(np.maximum(begin, 0.0)), np.log1p(end)
    lower[0] = -np.inf
    width = np.log1p((end - begin) / (1.0 + begin))
    width[[0, -1]] = np.inf
    n_groups = max(len(frame.groups), 1)
    # What a node's row is: claims of which pattern, under which group's prior or as a sum.
    is_place = trees.location >= 0
    at = np.where(is_place, trees.location, 0)
    base = np.where(is_place, grouped.pattern[at], -1)
    is_sum = trees.left >= 0
    group = np.where(is_sum, n_groups, trees.group)
    silent = (base >= 0) & (np.diff(grouped.offsets)[base] == 0)
    base[silent & is_sum] = -1
    keyed = (base >= 0) | ((group < n_groups) & (group >= 0))
    rows, pattern = np.unique(
        np.stack([base, group])[:, keyed], axis=1, return_inverse=True
    )  # fmt: skip
    of_node = np.full(trees.n_nodes, -1)
    of_node[keyed] = pattern
    bases, groups = rows
    sizes = np.where(bases >= 0, np.diff(grouped.offsets)[bases], 0)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    members = [
        grouped.members[grouped.offsets[b] : grouped.offsets[b + 1]] for b in bases if b >= 0
    ]
    family, df = noise.code(noise_)
    toll_family, toll_df = noise.code(toll)
    cap_edge = np.where(bases >= 0, grouped.cap_edge[bases], np.inf)
    problem = Problem(
        family=family, df=df, toll_family=toll_family, toll_df=toll_df,
        x=np.log1p(numbers.astype(np.float64)), bin_lower=lower, bin_upper=upper, bin_width=width,
        claim_source=grouped.claim_source, claim_lower=grouped.claim_edges[0],
        claim_upper=grouped.claim_edges[1], claim_width=grouped.claim_edges[2],
        claim_figure=grouped.claim_figure, figure_lower=grouped.figure_edges[0],
        figure_upper=grouped.figure_edges[1], figure_width=grouped.figure_edges[2],
        offsets=offsets, members=np.concatenate([*members, np.empty(0, np.int64)]),
        group=groups.astype(np.int64), first=np.zeros(bases.size, np.int64),
        last=np.full(bases.size, numbers.size),
        cap_edge=np.where(groups < n_groups, cap_edge, np.inf),
        multiplicity=np.bincount(pattern, minlength=bases.size).astype(np.float64),
    )  # fmt: skip
    mask, masks = _masks(trees, claims, begin, end, numbers)
    forest = Forest(
        dense, trees.offsets, trees.left, trees.right, of_node, mask, masks,
        problem.multiplicity,
    )  # fmt: skip
    return problem, forest


def _masks(
    trees: Trees, claims: Claims, begin: Floats, end: Floats, numbers: Integers
) -> tuple[Integers, Floats]:
    """Share of each stretch of tolls that floors, caps and verified tolls leave to a node."""
    rows: dict[tuple[int, int, int], int] = {}
    mask = np.full(trees.n_nodes, -1)
    masks: list[Floats] = []
    for place, v in trees.node.items():
        floor, cap = int(claims.documented[place]), int(claims.cap[place])
        verified = int(claims.verified[place])
        key = (verified, floor, cap)
        if verified < 0 and floor == 0 and cap == UNBOUNDED:
            continue
        if key not in rows:
            rows[key] = len(masks)
            if verified >= 0:
                masks.append(_at(verified, numbers, end - begin))
            else:
                most = np.inf if cap == UNBOUNDED else cap + 0.5
                inside = np.minimum(end, most) - np.maximum(begin, floor - 0.5)
                inside[-1] = 1.0 if most == np.inf else 0.0
                size = end - begin
                size[-1] = 1.0
                masks.append(np.clip(inside / size, 0.0, 1.0))
        mask[v] = rows[key]
    return mask, np.array(masks).reshape(len(masks), numbers.size)


def _at(number: int, numbers: Integers, size: Floats) -> Floats:
    """Share of the stretches beside a toll, so that its mean is that toll."""
    out = np.zeros(numbers.size)
    k = int(np.searchsorted(numbers, number, side="right")) - 1
    share = 0.0
    if k + 1 < numbers.size:
        share = (number - numbers[k]) / (numbers[k + 1] - numbers[k])
        out[k + 1] = share / size[k + 1] if share else 0.0
    out[k] = (1.0 - share) / size[k]
    return out
