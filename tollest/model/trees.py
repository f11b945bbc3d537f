"""Wholes and their parts: trees of locations, and what is claimed on each node of them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tollest import noise
from tollest._sums import convolution, propagation, shards
from tollest._sums.propagation import Forest
from tollest._sums.tables import Claimed, Grid, Parameters
from tollest._sums.threads import threaded
from tollest.claims.hierarchy import parts_first, parts_of
from tollest.claims.table import UNBOUNDED, Claims
from tollest.model.patterns import Frame, Patterns, levels
from tollest.support import MOST, Support, padded

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Posterior mass of a point, on a grid of an eighth, below which it is left out: claims with small
# scatters weigh its points unevenly.
_NOTHING = 1e-20
_NONE = np.empty((0, 0))  # masses, messages or curvature that nobody asks for
_SHARES = 8  # that draws of theta are averaged in, whatever the number of threads


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
        Which prior a leaf has, of those of the claims; -1 for a sum.
    """

    offsets: Integers
    left: Integers
    right: Integers
    location: Integers
    group: Integers

    @classmethod
    def of(cls, claims: Claims) -> "Trees":
        """Trees of all locations that have a whole or parts."""
        parts, prior = parts_of(claims.parent), claims.level_index.tolist()
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
                group = prior[place]
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
    return max(1 << int(np.ceil(np.log2(2.0 / support.width))), 8)


def bins(support: Support, breaks: Iterable[int]) -> tuple[Integers, Integers]:
    """First and last toll of each point that tolls are told on, both of shape (n_support,).

    They are the stretches of the grid of octaves, cut at `breaks`, so that masses on that grid
    are masses on these bins.
    """
    first = np.append(_stretches(octaves(support))[0], np.fromiter(breaks, np.int64))
    first = padded(np.unique(first))
    return first, np.append(first[1:] - 1, MOST)


def _stretches(dense: int) -> tuple[Integers, Integers]:
    """First and last toll of the stretch of each point of a grid of octaves."""
    begin, _ = convolution.cell_edges(convolution.points(dense, MOST))
    first = np.floor(begin).astype(np.int64) + 1
    return first, np.append(first[1:] - 1, MOST)


@dataclass(frozen=True, eq=False)
class Nested:
    """Claims on wholes and parts, on one grid: likelihood, mass functions and joint draws.

    Attributes
    ----------
    trees : Trees
        The trees.
    problem, forest : Claimed, Forest
        What is claimed on them, for the compiled functions.
    places, nodes : ndarray of int, shape (n_places,)
        Locations that are on trees, in their order, and the node of each.
    least, most : ndarray of int, shape (n_nodes,)
        What a node's toll can be, as far as floors, caps and verified tolls on its tree tell.
    coarse_problem, coarse_forest : Claimed, Forest
        The same on a grid of an eighth, on which windows are looked for.
    start, stop : ndarray of int, shape (n_coarse_points,)
        Points of the grid that begin and end what each point of that one stands for.
    """

    trees: Trees
    problem: Claimed
    forest: Forest
    places: Integers
    nodes: Integers
    least: Integers
    most: Integers
    coarse_problem: Claimed
    coarse_forest: Forest
    start: Integers
    stop: Integers

    @classmethod
    def of(
        cls, claims: Claims, grouped: Patterns, frame: Frame, noise_: noise.Family,
        toll: noise.Family, support: Support,
    ) -> "Nested":  # fmt: skip
        """Lay out the trees of `claims`; arguments as of `problem_of`."""
        trees = Trees.of(claims)
        dense = octaves(support)
        coarse = max(dense // 8, 8)
        problem, forest = problem_of(trees, claims, grouped, frame, noise_, toll, dense)
        on_coarse = problem_of(trees, claims, grouped, frame, noise_, toll, coarse)
        fine, rough = convolution.points(dense, MOST), convolution.points(coarse, MOST)
        begin, end = convolution.cell_edges(rough)
        start = np.maximum(np.searchsorted(fine, begin, side="right") - 1, 0)
        stop = np.minimum(np.searchsorted(fine, end) + 1, fine.size)
        places = np.array(sorted(trees.node), np.int64)
        nodes = np.array([trees.node[place] for place in places.tolist()], np.int64)
        least, most = np.zeros(trees.n_nodes, np.int64), np.full(trees.n_nodes, MOST)
        for v in range(trees.n_nodes):
            a, b, place = int(trees.left[v]), int(trees.right[v]), int(trees.location[v])
            if a >= 0:
                least[v], most[v] = least[a] + least[b], min(most[a] + most[b], MOST)
            elif trees.group[v] < 0:
                most[v] = 0
            if place >= 0 and claims.verified[place] >= 0:
                least[v] = most[v] = claims.verified[place]
            elif place >= 0:
                least[v] = max(least[v], claims.documented[place])
                most[v] = min(most[v], claims.cap[place])
        # A part can be no more than its whole less what is certain beside it, and so on.
        for v in reversed(range(trees.n_nodes)):
            a, b = int(trees.left[v]), int(trees.right[v])
            if a >= 0:
                low, high = least[v], most[v]
                (least_a, most_a), (least_b, most_b) = (least[a], most[a]), (least[b], most[b])
                least[a], most[a] = max(least_a, low - most_b), min(most_a, high - least_b)
                least[b], most[b] = max(least_b, low - most_a), min(most_b, high - least_a)
        return cls(trees, problem, forest, places, nodes, least, most, *on_coarse, start, stop)

    @cached_property
    def _stretches(self) -> tuple[Integers, Integers]:
        """First and last toll that each point of the grid stands for."""
        return _stretches(self.forest.dense)

    @cached_property
    def _possible(self) -> tuple[Integers, Integers]:
        """Stretch of the coarse grid that each node's toll can be in, a point more either way."""
        first, _ = _stretches(self.coarse_forest.dense)
        low = np.searchsorted(first, self.least, side="right") - 2
        high = np.searchsorted(first, self.most, side="right") + 1
        return np.maximum(low, 0), np.minimum(high, first.size)

    @property
    def breaks(self) -> list[int]:
        """Numbers at which what a place's toll can be begins, or has ended."""
        least, most = self.least[self.nodes], self.most[self.nodes]
        return [int(n) for n in np.unique(np.concatenate([least, most[most < MOST] + 1]))]

    @property
    def n_terms(self) -> int:
        """Claims and sums that an evaluation goes through."""
        return self.problem.members.size + self.trees.n_nodes

    def sums(self, points: list[Parameters], gradient: bool) -> shards.Sums:
        """Log marginal likelihoods, and with `gradient` their gradients, as `shards.run`."""
        values, gradients = np.empty(len(points)), []
        for i, point in enumerate(points):
            longer = _with_sums(point)
            slope = Parameters(*(np.zeros_like(array) for array in longer)) if gradient else None
            values[i] = self._evaluate(longer, slope=slope)
            if slope:
                gradients.append(np.concatenate(slope._replace(mu=slope.mu[:-1])))
        size = sum(array.size for array in points[0]) if points else 0
        return shards.Sums(values, np.array(gradients).reshape(-1, size), _NONE)

    def _evaluate(
        self, longer: Parameters, *, slope: Parameters | None = None, weight: float = 0.0,
        masses: Floats | None = None, messages: Floats | None = None,
    ) -> float:  # fmt: skip
        """Do as `propagation.evaluate` within the windows, filling what is given."""
        low, high = self._windows(longer)
        return float(
            propagation.evaluate_forest(
                self.problem, self.forest, longer, low, high, slope is not None, slope or longer,
                weight, _NONE if masses is None else masses,
                _NONE if messages is None else messages,
            )
        )  # fmt: skip

    def averaged(self, points: list[Parameters]) -> Floats:
        """Mass functions of all nodes averaged over points, shape (n_nodes, n_points)."""
        shape = (self.trees.n_nodes, self.problem.grid.x.size)

        def part(those: list[Parameters]) -> Floats:
            out = np.zeros(shape)
            for point in those:
                self.add_masses(point, 1.0 / len(points), out)
            return out

        out = np.zeros(shape)
        for masses in threaded(part, [points[i::_SHARES] for i in range(_SHARES)]):
            out += masses
        return out

    def add_masses(self, point: Parameters, weight: float, out: Floats) -> None:
        """Add `weight` times the mass function of each node to `out`, (n_nodes, n_points)."""
        self._evaluate(_with_sums(point), weight=weight, masses=out)

    def _windows(self, longer: Parameters) -> tuple[Integers, Integers]:
        """Stretch of points outside which each node has no mass, all claims given."""
        n_nodes, n_points = self.trees.n_nodes, self.coarse_problem.grid.x.size
        masses = np.zeros((n_nodes, n_points))
        propagation.evaluate_forest(
            self.coarse_problem, self.coarse_forest, longer, *self._possible, False, longer, 1.0,
            masses, _NONE,
        )  # fmt: skip
        there = masses > _NOTHING
        # Where the coarse grid finds the claims impossible, nothing is left out.
        there[~there.any(axis=1)] = True
        first = there.argmax(axis=1)
        last = n_points - 1 - there[:, ::-1].argmax(axis=1)
        return (
            self.start[np.maximum(first - 1, 0)], self.stop[np.minimum(last + 1, n_points - 1)]
        )  # fmt: skip

    @cached_property
    def silent(self) -> "Nested":
        """The same trees with no claims, floors, caps or verified tolls on them."""
        n_patterns, n_nodes = self.problem.level.size, self.trees.n_nodes

        def without(problem: Claimed, forest: Forest) -> tuple[Claimed, Forest]:
            return (
                problem._replace(
                    offsets=np.zeros(n_patterns + 1, np.int64), members=np.zeros(0, np.int64),
                    cap_edge=np.full(n_patterns, np.inf),
                ),
                forest._replace(mask=np.full(n_nodes, -1)),
            )  # fmt: skip

        problem, forest = without(self.problem, self.forest)
        coarse_problem, coarse_forest = without(self.coarse_problem, self.coarse_forest)
        return replace(
            self, problem=problem, forest=forest, least=np.zeros(n_nodes, np.int64),
            most=np.full(n_nodes, MOST), coarse_problem=coarse_problem,
            coarse_forest=coarse_forest,
        )  # fmt: skip

    def on_bins(self, masses: Floats, first: Integers, last: Integers) -> Floats:
        """Masses of the places' nodes on the bins that tolls are told on.

        Parameters
        ----------
        masses : ndarray of float, shape (n_nodes, n_points)
            On the grid of octaves.
        first, last : ndarray of int, shape (n_support,)
            As `bins` gives them.

        Returns
        -------
        ndarray of float, shape (n_places, n_support)
            Nothing outside what each toll can be: what the grid has spread there is at the
            nearest toll that can.
        """
        start, _ = self._stretches
        cell = np.searchsorted(start, first, side="right") - 1
        out = np.zeros((self.nodes.size, first.size))
        for row, v in zip(out, self.nodes.tolist(), strict=True):
            ends = np.minimum(last, self.most[v]) - np.maximum(first, self.least[v]) + 1
            allowed = np.maximum(ends, 0).astype(np.float64)
            inside = np.bincount(cell, weights=allowed, minlength=start.size)
            can = np.flatnonzero(inside > 0)
            a, b = int(can[0]), int(can[-1])
            moved = masses[v].copy()
            moved[a] += moved[:a].sum()
            moved[b] += moved[b + 1 :].sum()
            row[:] = moved[cell] * allowed / np.maximum(inside, 1.0)[cell]
            row[inside[cell] == 0] = 0.0
        return out

    def draw(
        self, point: Parameters, rng: np.random.Generator, weight: float = 0.0,
        masses: Floats | None = None,
    ) -> Integers:  # fmt: skip
        """One joint draw of the tolls of all places, shape (n_places,); wholes are sums.

        `weight` times the mass functions are added to `masses` on the way, if there are any.
        """
        messages = np.empty((self.trees.n_nodes, self.problem.grid.x.size))
        self._evaluate(_with_sums(point), weight=weight, masses=masses, messages=messages)
        tolls = np.empty(self.trees.n_nodes, np.int64)
        propagation.draw_tolls(
            self.forest, messages, *self._stretches, self.least, self.most,
            rng.random((self.trees.n_nodes, 2)), tolls,
        )  # fmt: skip
        return tolls[self.nodes]


def _with_sums(point: Parameters) -> Parameters:
    """Parameters with an entry of `mu` for sums, which have no prior of their own."""
    return point._replace(mu=np.append(point.mu, point.mu.mean()))


def problem_of(
    trees: Trees, claims: Claims, grouped: Patterns, frame: Frame, noise_: noise.Family,
    toll: noise.Family, dense: int,
) -> tuple[Claimed, Forest]:  # fmt: skip
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
        As in `tollest._sums.convolution.points`.
    """
    numbers = convolution.points(dense, MOST)
    begin, end = convolution.cell_edges(numbers)
    lower, upper = np.log1p(np.maximum(begin, 0.0)), np.log1p(end)
    lower[0] = -np.inf
    width = np.log1p((end - begin) / (1.0 + begin))
    width[[0, -1]] = np.inf
    n_groups = frame.level_group.size
    # What a node's row is: claims of which pattern, under which group's prior or as a sum.
    is_place = trees.location >= 0
    at = np.where(is_place, trees.location, 0)
    base = np.where(is_place, grouped.pattern[at], -1)
    is_sum = trees.left >= 0
    example = claims.level_location
    group = np.where(trees.group >= 0, levels(claims, frame)[example][trees.group], -1)
    group = np.where(is_sum, n_groups, group)
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
    family, df = noise.family_code(noise_)
    toll_family, toll_df = noise.family_code(toll)
    cap_edge = np.where(bases >= 0, grouped.cap_edge[bases], np.inf)
    problem = Claimed(
        family=family, df=df, toll_family=toll_family, toll_df=toll_df,
        grid=Grid(np.log1p(numbers.astype(np.float64)), lower, upper, width),
        claim_voice=grouped.claim_voice, claim_lower=grouped.claim_edges[0],
        claim_upper=grouped.claim_edges[1], claim_width=grouped.claim_edges[2],
        claim_figure=grouped.claim_figure, figure_lower=grouped.figure_edges[0],
        figure_upper=grouped.figure_edges[1], figure_width=grouped.figure_edges[2],
        offsets=offsets, members=np.concatenate([*members, np.empty(0, np.int64)]),
        level=groups.astype(np.int64), first=np.zeros(bases.size, np.int64),
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
