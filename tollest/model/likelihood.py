"""The marginal likelihood of theta, tolls and figures summed out, with its derivatives."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from tollest._arrays import Floats, Integers
from tollest._sums import shards
from tollest._sums.tables import Parameters
from tollest.model.layout import Entry, ThetaLayout
from tollest.model.theta import is_inside, parameters_at

if TYPE_CHECKING:
    from scipy.sparse import csr_array


@dataclass(frozen=True, eq=False)
class Likelihood:
    """The marginal likelihood of theta, wherever the claims are that it sums over.

    Parameters
    ----------
    entries : tuple of Entry
        Entries of theta.
    layout : ThetaLayout
        Theta as the compiled functions know it.
    n_informing : ndarray of int, shape (n_theta,)
        As in `Posterior`.
    run : callable
        One pass: from points, and whether gradients and curvature are wanted, to their sums.
    """

    entries: tuple[Entry, ...]
    layout: ThetaLayout
    n_informing: Integers
    run: Callable[[list[Parameters], bool, bool], shards.Sums]

    def log_likelihoods(
        self, thetas: Floats, *, gradient: bool = False, curvature: bool = False
    ) -> tuple[Floats, Floats, Floats]:
        """Log marginal likelihoods in one pass over the claims.

        Parameters
        ----------
        thetas : ndarray of float, shape (n_points, n_theta)
            Where to evaluate.
        gradient : bool
            Whether to give gradients.
        curvature : bool
            Whether to give, at the first point, the sum of outer products of locations' gradients.

        Returns
        -------
        values : ndarray of float, shape (n_points,)
            ``-inf`` outside the domain.
        gradients : ndarray of float, shape (n_points, n_theta) or (0, n_theta)
        curvature : ndarray of float, shape (n_theta, n_theta) or (0, 0)
        """
        layout, (n_points, n_theta) = self.layout, thetas.shape
        points = [parameters_at(layout, theta) for theta in thetas]
        inside = np.array([
            is_inside(layout, theta, point) for theta, point in zip(thetas, points, strict=True)
        ])  # fmt: skip
        values = np.full(n_points, -np.inf)
        slopes = np.zeros((n_points if gradient else 0, n_theta))
        matrix = np.zeros((n_theta, n_theta) if curvature else (0, 0))
        if not inside.any():
            return values, slopes, matrix
        asked = [point for point, is_in in zip(points, inside, strict=True) if is_in]
        sums = self.run(asked, gradient, curvature)
        values[inside] = sums.values
        free, slope = self._slopes
        if gradient:
            slopes[inside] = (slope @ sums.gradients[:, free].T).T
        if curvature:
            matrix = slope @ (slope @ sums.curvature[np.ix_(free, free)]).T
        return values, slopes, matrix

    @cached_property
    def _slopes(self) -> "tuple[Integers, csr_array]":
        """Parameters that depend on theta, and their derivatives by its entries.

        Shapes (n_free,) and (n_theta, n_free); nearly all of these are zero.
        """
        from scipy.sparse import csr_array

        layout = self.layout
        index = np.concatenate(layout.position)
        is_free = index >= 0
        is_free[: layout.design.shape[0]] |= layout.effect_index.size > 0
        free = np.flatnonzero(is_free)
        column = np.cumsum(is_free) - 1
        # An entry may be several parameters: the scatter of a source, on every side.
        entries = np.flatnonzero(index >= 0)
        level, effect = np.nonzero(layout.design)
        values = np.concatenate([np.ones(entries.size), layout.design[level, effect]])
        parameters = column[np.concatenate([entries, level])]
        by_entries = np.concatenate([index[entries], layout.effect_index[effect]])
        shape = (len(self.entries), free.size)
        return free, csr_array((values, (by_entries, parameters)), shape=shape)
