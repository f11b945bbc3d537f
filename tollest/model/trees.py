"""Trees of locations, wholes and their parts, and what is claimed on each of their nodes."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from tollest import noise
from tollest._arrays import Floats, Integers
from tollest._sums import convolution, propagation, shards
from tollest._sums.mass import Grid
from tollest._sums.propagation import Forest
from tollest._sums.tables import Claimed, Parameters
from tollest._sums.threads import threaded
from tollest.claims.hierarchy import parts_first, parts_of
from tollest.claims.table import UNBOUNDED, Claims
from tollest.model.names import Names
from tollest.model.patterns import Bins, Drawn, PatternLayout
from tollest.noise import Family
from tollest.support import MOST, Support, padded

# Posterior mass of a point, on a grid of an eighth, below which it is left out: claims with small
# scatters weigh its points unevenly.
_NOTHING = 1e-20
_NONE = np.empty((0, 0))  # masses, messages or curvature that nobody asks for
_SHARES = 8  # that draws of theta are averaged in, whatever the number of threads
_FEW_CELLS = 4_000_000  # masses of all nodes that every thread can hold


@dataclass(frozen=True, eq=False)
class TreeLayout:
    """Trees of wholes and parts, as nodes in an order in which parts come before wholes.

    A whole is the sum of its parts and, where these are not declared complete, of a remainder
    that no claim speaks of, a toll with the whole's prior. Sums of many parts are made in pairs,
    pairs of pairs and so on, by nodes that are no location.

    Attributes
    ----------
    offsets : ndarray of int, shape (n_trees + 1,)
        Nodes of each tree; the last is its root.
    left, right : ndarray of int, shape (n_nodes,)
        Nodes that a node is the sum of; -1 for a leaf.
    location : ndarray of int, shape (n_nodes,)
        The location that a node is; -1 for remainders and for sums on the way.
    level : ndarray of int, shape (n_nodes,)
        Which prior a leaf has, of those of the claims; -1 for a sum.
    """

    offsets: Integers
    left: Integers
    right: Integers
    location: Integers
    level: Integers

    @classmethod
    def of(cls, claims: Claims) -> "TreeLayout":
        """Trees of all locations that have a whole or parts."""
        parts, prior = parts_of(claims.parent), claims.level_index.tolist()
        nodes: list[tuple[int, int, int, int]] = []
        offsets = [0]

        def add(left: int, right: int, location: int, level: int) -> int:
            nodes.append((left, right, location, level))
            return len(nodes) - 1

        node_of: dict[int, int] = {}
        for root in np.flatnonzero(claims.parent < 0).tolist():
            if root not in parts:
                continue
            for location in parts_first([root], parts):
                level = prior[location]
                if location not in parts:
                    node_of[location] = add(-1, -1, location, level)
                    continue
                terms = [node_of[part] for part in parts[location]]
                if not claims.complete[location]:
                    terms.append(add(-1, -1, -1, level))
                if len(terms) == 1:
                    terms.append(add(-1, -1, -1, -1))  # a whole of one part: the rest is 0
                while len(terms) > 2:
                    pairs = [terms[i : i + 2] for i in range(0, len(terms), 2)]
                    terms = [p[0] if len(p) == 1 else add(p[0], p[1], -1, -1) for p in pairs]
                node_of[location] = add(terms[0], terms[1], location, -1)
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
        return {location: v for v, location in enumerate(self.location.tolist()) if location >= 0}


def octaves(support: Support) -> int:
    """Points of a grid of octaves below which every whole number is one, as fine as `support`."""
    return max(1 << int(np.ceil(np.log2(2.0 / support.width))), 8)


def bins_on(support: Support, breaks: Iterable[int]) -> Bins:
    """First and last toll of each point that tolls are told on, both of shape (n_support,).

    They are the stretches of the grid of octaves, cut at `breaks`, so that masses on that grid
    can be shared out over these bins.
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
class Trees:
    """Wholes and parts on one grid: likelihood, mass functions and joint draws; see `Part`.

    Attributes
    ----------
    layout : TreeLayout
        The trees.
    bins : tuple of ndarray of int
        First and last toll of each point that tolls are told on.
    problem, forest : Claimed, Forest
        What is claimed on them, for the compiled functions.
    locations, nodes : ndarray of int, shape (n,)
        Positions of the locations that are on trees, and the node of each.
    least, most : ndarray of int, shape (n_nodes,)
        What a node's toll can be, as far as floors, caps and verified tolls on its tree tell.
    coarse_problem, coarse_forest : Claimed, Forest
        The same on a grid of an eighth, on which windows are looked for.
    start, stop : ndarray of int, shape (n_coarse_points,)
        Points of the grid that begin and end what each point of that one stands for.
    """

    layout: TreeLayout
    bins: Bins
    problem: Claimed
    forest: Forest
    locations: Integers
    nodes: Integers
    least: Integers
    most: Integers
    coarse_problem: Claimed
    coarse_forest: Forest
    start: Integers
    stop: Integers

    name = "trees"

    @classmethod
    def of(
        cls, claims: Claims, patterns: PatternLayout, names: Names, noise_: Family, toll: Family,
        support: Support, breaks: tuple[int, ...],
    ) -> "Trees":  # fmt: skip
        """Lay out the trees of `claims`, with bins that begin at `breaks`; see `problem_of`."""
        layout = TreeLayout.of(claims)
        dense = octaves(support)
        coarse = max(dense // 8, 8)
        problem, forest = problem_of(layout, claims, patterns, names, noise_, toll, dense)
        on_coarse = problem_of(layout, claims, patterns, names, noise_, toll, coarse)
        fine, rough = convolution.points(dense, MOST), convolution.points(coarse, MOST)
        begin, end = convolution.cell_edges(rough)
        start = np.maximum(np.searchsorted(fine, begin, side="right") - 1, 0)
        stop = np.minimum(np.searchsorted(fine, end) + 1, fine.size)
        locations = np.array(sorted(layout.node), np.int64)
        nodes = np.array([layout.node[location] for location in locations.tolist()], np.int64)
        least, most = _limits(layout, claims)
        ends = np.concatenate([least[nodes], most[nodes][most[nodes] < MOST] + 1])
        bins = bins_on(support, {*breaks, *np.unique(ends).tolist()})
        return cls(
            layout, bins, problem, forest, locations, nodes, least, most, *on_coarse, start, stop
        )

    @property
    def rows(self) -> Integers:
        """Row of each location, which has a mass function of its own."""
        return np.arange(self.locations.size)

    @property
    def n_rows(self) -> int:
        """Number of locations."""
        return self.locations.size

    @property
    def is_small(self) -> bool:
        """Whether every thread can hold the mass functions of all nodes."""
        return self.problem.grid.x.size * self.layout.n_nodes <= _FEW_CELLS

    @property
    def separable(self) -> None:
        """None: claims on a whole depend on the tolls of its parts."""
        return None

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
    def n_terms(self) -> int:
        """Claims and sums that an evaluation goes through."""
        return self.problem.members.size + self.layout.n_nodes

    def sums(self, points: list[Parameters], gradient: bool, curvature: bool) -> shards.Sums:
        """Log marginal likelihoods and gradients, as `tollest._sums.shards.run`.

        Raises
        ------
        ValueError
            If `curvature` is asked for: gradients are not by location.
        """
        if curvature:
            raise ValueError("outer products of gradients by location do not reach over trees.")
        values, gradients = np.empty(len(points)), []
        for i, point in enumerate(points):
            slope = Parameters(*(np.zeros_like(array) for array in point)) if gradient else None
            values[i] = self._evaluate(point, slope=slope)
            if slope:
                gradients.append(np.concatenate(slope))
        size = sum(array.size for array in points[0]) if points else 0
        return shards.Sums(values, np.array(gradients).reshape(-1, size), _NONE)

    def _evaluate(
        self, point: Parameters, *, slope: Parameters | None = None, weight: float = 0.0,
        masses: Floats | None = None, messages: Floats | None = None,
    ) -> float:  # fmt: skip
        """Do as `propagation.evaluate` within the windows, filling what is given."""
        low, high = self._windows(point)
        return float(
            propagation.evaluate_forest(
                self.problem, self.forest, point, low, high, slope is not None, slope or point,
                weight, _NONE if masses is None else masses,
                _NONE if messages is None else messages,
            )
        )  # fmt: skip

    def logs(self, point: Parameters, most: int) -> Floats:
        """Log marginal likelihood of all trees together, shape (1,); `most` is not heeded."""
        return self.sums([point], gradient=False, curvature=False).values

    def new_masses(self) -> Floats:
        """Zeros that mass functions of all nodes can be added to, shape (n_nodes, n_points)."""
        return np.zeros((self.layout.n_nodes, self.problem.grid.x.size))

    def averaged(self, points: list[Parameters]) -> Floats:
        """Mass functions averaged over points, shape (n, n_support)."""

        def added(share: list[Parameters]) -> Floats:
            out = self.new_masses()
            for point in share:
                self.add_masses(point, 1.0 / len(points), out)
            return out

        out = self.new_masses()
        for masses in threaded(added, [points[i::_SHARES] for i in range(_SHARES)]):
            out += masses
        return self.on_bins(out)

    def add_masses(self, point: Parameters, weight: float, out: Floats) -> None:
        """Add `weight` times the mass function of each node to `out`, (n_nodes, n_points)."""
        self._evaluate(point, weight=weight, masses=out)

    def _windows(self, point: Parameters) -> tuple[Integers, Integers]:
        """Stretch of points outside which each node has no mass, all claims given."""
        n_nodes, n_points = self.layout.n_nodes, self.coarse_problem.grid.x.size
        masses = np.zeros((n_nodes, n_points))
        propagation.evaluate_forest(
            self.coarse_problem, self.coarse_forest, point, *self._possible, False, point, 1.0,
            masses, _NONE,
        )  # fmt: skip
        has_mass = masses > _NOTHING
        # Where the coarse grid finds the claims impossible, nothing is left out.
        has_mass[~has_mass.any(axis=1)] = True
        first = has_mass.argmax(axis=1)
        last = n_points - 1 - has_mass[:, ::-1].argmax(axis=1)
        return (
            self.start[np.maximum(first - 1, 0)], self.stop[np.minimum(last + 1, n_points - 1)]
        )  # fmt: skip

    def silent(self) -> "Trees":
        """Take away all claims, floors, caps and verified tolls."""
        n_patterns, n_nodes = self.problem.multiplicity.size, self.layout.n_nodes

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

    def on_bins(self, masses: Floats) -> Floats:
        """Masses of the locations' nodes on the bins that tolls are told on.

        Parameters
        ----------
        masses : ndarray of float, shape (n_nodes, n_points)
            On the grid of octaves.

        Returns
        -------
        ndarray of float, shape (n, n_support)
            Nothing outside what each toll can be: what the grid has spread there is at the
            nearest toll that can.
        """
        (first, last), (start, _) = self.bins, self._stretches
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
    ) -> Drawn:  # fmt: skip
        """One joint draw of the tolls, wholes being sums; see `Part`."""
        messages = np.empty((self.layout.n_nodes, self.problem.grid.x.size))
        self._evaluate(point, weight=weight, masses=masses, messages=messages)
        tolls = np.empty(self.layout.n_nodes, np.int64)
        propagation.draw_tolls(
            self.forest, messages, *self._stretches, self.least, self.most,
            rng.random((self.layout.n_nodes, 2)), tolls,
        )  # fmt: skip
        return Drawn(tolls[self.nodes])


def _limits(layout: TreeLayout, claims: Claims) -> tuple[Integers, Integers]:
    """Least and most that each node's toll can be, by floors, caps and verified tolls."""
    least, most = np.zeros(layout.n_nodes, np.int64), np.full(layout.n_nodes, MOST)
    for v in range(layout.n_nodes):
        a, b, location = int(layout.left[v]), int(layout.right[v]), int(layout.location[v])
        if a >= 0:
            least[v], most[v] = least[a] + least[b], min(most[a] + most[b], MOST)
        elif layout.level[v] < 0:
            most[v] = 0
        if location >= 0 and claims.verified[location] >= 0:
            least[v] = most[v] = claims.verified[location]
        elif location >= 0:
            least[v] = max(least[v], claims.least[location])
            most[v] = min(most[v], claims.ceiling[location])
    # A part can be no more than its whole less what is certain of the other part.
    for v in reversed(range(layout.n_nodes)):
        a, b = int(layout.left[v]), int(layout.right[v])
        if a >= 0:
            low, high = least[v], most[v]
            (least_a, most_a), (least_b, most_b) = (least[a], most[a]), (least[b], most[b])
            least[a], most[a] = max(least_a, low - most_b), min(most_a, high - least_b)
            least[b], most[b] = max(least_b, low - most_a), min(most_b, high - least_a)
    return least, most


def problem_of(
    layout: TreeLayout, claims: Claims, patterns: PatternLayout, names: Names, noise_: Family,
    toll: Family, dense: int,
) -> tuple[Claimed, Forest]:  # fmt: skip
    """Lay out what is claimed on trees as the compiled functions know it.

    Parameters
    ----------
    layout, claims : TreeLayout, Claims
        The trees of the claims.
    patterns : PatternLayout
        Patterns of all locations.
    names : Names
        Names over all claims.
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
    # A node's row: the pattern of its claims, and its prior's level.
    is_location = layout.location >= 0
    base = np.where(is_location, patterns.pattern[np.where(is_location, layout.location, 0)], -1)
    is_sum = layout.left >= 0
    example = claims.level_location
    level = np.where(layout.level >= 0, names.levels(claims)[example][layout.level], -1)
    silent = (base >= 0) & (np.diff(patterns.offsets)[base] == 0)
    base[silent & is_sum] = -1
    keyed = (base >= 0) | (level >= 0)
    rows, pattern = np.unique(
        np.stack([base, level])[:, keyed], axis=1, return_inverse=True
    )  # fmt: skip
    row_of_node = np.full(layout.n_nodes, -1)
    row_of_node[keyed] = pattern
    bases, levels = rows
    sizes = np.where(bases >= 0, np.diff(patterns.offsets)[bases], 0)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    members = [
        patterns.members[patterns.offsets[b] : patterns.offsets[b + 1]] for b in bases if b >= 0
    ]
    family, df = noise.family_code(noise_)
    toll_family, toll_df = noise.family_code(toll)
    cap_edge = np.where(bases >= 0, patterns.cap_edge[bases], np.inf)
    problem = Claimed(
        family=family, df=df, toll_family=toll_family, toll_df=toll_df,
        grid=Grid(np.log1p(numbers.astype(np.float64)), lower, upper, width),
        claim_voice=patterns.claim_voice, claim_form=patterns.claim_form,
        claim_age=patterns.claim_age,
        claim_below=noise.scale_of(noise_, patterns.claim_sd[0]),
        claim_above=noise.scale_of(noise_, patterns.claim_sd[1]),
        claim_lower=patterns.claim_edges[0],
        claim_upper=patterns.claim_edges[1], claim_width=patterns.claim_edges[2],
        claim_figure=patterns.claim_figure, figure_lower=patterns.figure_edges[0],
        figure_upper=patterns.figure_edges[1], figure_width=patterns.figure_edges[2],
        offsets=offsets, members=np.concatenate([*members, np.empty(0, np.int64)]),
        level=levels.astype(np.int64), first=np.zeros(bases.size, np.int64),
        last=np.full(bases.size, numbers.size),
        cap_edge=np.where(levels >= 0, cap_edge, np.inf),
        multiplicity=np.bincount(pattern, minlength=bases.size).astype(np.float64),
        has_location_error=patterns.has_location_error,
    )  # fmt: skip
    mask, masks = _masks(layout, claims, begin, end, numbers)
    forest = Forest(
        dense, layout.offsets, layout.left, layout.right, row_of_node, mask, masks,
        problem.multiplicity,
    )  # fmt: skip
    return problem, forest


def _masks(
    layout: TreeLayout, claims: Claims, begin: Floats, end: Floats, numbers: Integers
) -> tuple[Integers, Floats]:
    """Share of each stretch of tolls that floors, caps and verified tolls leave to a node."""
    rows: dict[tuple[int, int, int], int] = {}
    mask = np.full(layout.n_nodes, -1)
    masks: list[Floats] = []
    for location, v in layout.node.items():
        floor, cap = int(claims.least[location]), int(claims.ceiling[location])
        verified = int(claims.verified[location])
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
    """Shares of the two stretches around a toll, whose mean is that toll."""
    out = np.zeros(numbers.size)
    k = int(np.searchsorted(numbers, number, side="right")) - 1
    share = 0.0
    if k + 1 < numbers.size:
        share = (number - numbers[k]) / (numbers[k + 1] - numbers[k])
        out[k + 1] = share / size[k + 1] if share else 0.0
    out[k] = (1.0 - share) / size[k]
    return out
