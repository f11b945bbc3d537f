"""Mass functions and joint draws of all tolls, given draws of theta."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tollest._arrays import Floats, Integers
from tollest._sums.threads import threaded
from tollest.estimation import averages
from tollest.estimation.masses import Masses, TollMasses
from tollest.estimation.streams import stream
from tollest.model.parts import Part
from tollest.model.patterns import Drawn
from tollest.model.posterior import Posterior

_SHARES = 32  # of draws, that threads take one by one
_MOST = 4_000_000  # tolls drawn in the same pass as their masses, or held at a time
_PRIOR_DRAWS = 200  # of theta, that the tolls' prior is averaged over


@dataclass(frozen=True, eq=False)
class TollDraws:
    """Tolls of all locations, averaged over draws of theta or drawn jointly.

    Parameters
    ----------
    posterior : Posterior
        The claims, on the support that tolls are told on.
    thetas : ndarray of float, shape (n_used, n_theta)
        Draws of theta of the same weight.
    entropy : int
        Seed of the joint draws.
    """

    posterior: Posterior
    thetas: Floats
    entropy: int

    @property
    def masses(self) -> Masses:
        """Posterior mass functions; `Posterior.patterns` is the row of each location's."""
        return self._averaged[0]

    @cached_property
    def _parts(self) -> list[Part]:
        """Parts of the posterior that have locations."""
        return [part for part in self.posterior.parts if part.locations.size]

    @cached_property
    def _averaged(self) -> tuple[Masses, Integers | None]:
        """Mass functions, and with few patterns a joint draw for each theta in the same pass."""
        n_tolls = len(self.thetas) * self.posterior.claims.n_locations
        if n_tolls > _MOST or not all(part.is_small for part in self.posterior.parts):
            return averages.of_posterior(self.posterior, self.thetas), None
        # Tables are made anew for every shard and draw, so few patterns are one shard, and
        # threads share the draws instead.
        parts, n_used = self._parts, len(self.thetas)
        points = [self.posterior.parameters(theta) for theta in self.thetas]
        drawn: list[list[Drawn]] = [[Drawn(np.empty(0, np.int64))] * n_used for _ in parts]

        def masses_of(first: int) -> list[Floats]:
            out = [part.new_masses() for part in parts]
            for i in range(first, n_used, _SHARES):
                for part, masses, draws in zip(parts, out, drawn, strict=True):
                    rng = stream(self.entropy, part.name, i)
                    draws[i] = part.draw(points[i], rng, 1.0 / n_used, masses)
            return out

        sums = [part.new_masses() for part in parts]
        for shares in threaded(masses_of, list(range(_SHARES))):
            for total, share in zip(sums, shares, strict=True):
                total += share
        rows = [part.on_bins(masses) for part, masses in zip(parts, sums, strict=True)]
        averaged = TollMasses(*self.posterior.bins, np.concatenate(rows))
        tolls = np.empty((n_used, self.posterior.claims.n_locations), np.int64)
        for part, draws in zip(parts, drawn, strict=True):
            tolls[:, part.locations] = self._placed(part, draws, averaged)
        return averaged, tolls

    def _placed(self, part: Part, drawn: list[Drawn], masses: Masses) -> Integers:
        """Tolls of a part's draws, shape (n_draws, n); bins become numbers inside them."""
        numbers = np.array([draw.number for draw in drawn])
        shares = [draw.share for draw in drawn if draw.share is not None]
        if not shares:
            return numbers
        rows = np.tile(self.posterior.patterns[part.locations], len(drawn))
        placed = masses.place(rows, numbers.ravel(), np.concatenate(shares))
        return placed.reshape(numbers.shape)

    def given(self, thetas: Floats, start: int = 0) -> Integers:
        """One joint draw of all tolls for each theta, shape (n_draws, n_locations).

        They are the draws numbered from `start`, each with a stream of its own.
        """
        masses = self.masses
        out = np.empty((len(thetas), self.posterior.claims.n_locations), np.int64)

        def tolls(i: int) -> Integers:
            row, point = np.empty(out.shape[1], np.int64), self.posterior.parameters(thetas[i])
            for part in self._parts:
                drawn = part.draw(point, stream(self.entropy, part.name, start + i))
                row[part.locations] = self._placed(part, [drawn], masses)[0]
            return row

        for i, row in enumerate(threaded(tolls, list(range(len(thetas))))):
            out[i] = row
        return out

    def between(self, start: int, stop: int) -> Integers:
        """Joint draws numbered from `start` to before `stop`; thetas are gone through again."""
        drawn = self._averaged[1]
        if drawn is not None and stop <= len(drawn):
            return drawn[start:stop].copy()
        return self.given(self.thetas[np.arange(start, stop) % len(self.thetas)], start)

    def blocks(self) -> Iterator[tuple[slice, Integers]]:
        """Joint draws for each theta, a few at a time, so that all are never held."""
        n, size = len(self.thetas), max(1, _MOST // max(self.posterior.claims.n_locations, 1))
        for start in range(0, n, size):
            block = slice(start, min(start + size, n))
            yield block, self.between(block.start, block.stop)

    @cached_property
    def prior_variance(self) -> Floats:
        """Variance of the log toll before any claim on the location, shape (n_locations,).

        Caps are left aside, as knowledge, not prior. Of wholes and parts it is that before any
        claim on the tree.
        """
        used = self.thetas[:: max(1, len(self.thetas) // _PRIOR_DRAWS)]
        points = [self.posterior.parameters(theta) for theta in used]
        out = np.empty(self.posterior.claims.n_locations)
        for part in self._parts:
            silent = part.silent()
            masses = TollMasses(*self.posterior.bins, silent.averaged(points))
            out[part.locations] = masses.log_variance()[silent.rows]
        return out
