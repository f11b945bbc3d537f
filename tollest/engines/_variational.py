r"""The normal that is closest to a density, as a start for samplers and importance draws.

A mode and its curvature speak of one point. Where sources are few or copy one another a density
is skewed, or has ripples of whole numbers in it, and most of its mass lies elsewhere. The normal
:math:`N(m, S)` with the smallest Kullback-Leibler divergence to it has

.. math:: \mathbb E\,[\nabla \log p] = 0, \qquad S^{-1} = -\mathbb E\,[\nabla^2 \log p],

expectations taken over that normal [1]_. Both come from gradients alone, at pairs of points that
face each other across the centre in randomly turned orthogonal directions [2]_: the mean of the
two gradients is the first, their difference along the pair gives the second.

References
----------
.. [1] Opper, M., Archambeau, C. (2009). The variational Gaussian approximation revisited.
   *Neural Computation* 21(3), 786-792. https://doi.org/10.1162/neco.2008.08-07-592
.. [2] Genz, A., Monahan, J. (1998). Stochastic integration rules for infinite regions. *SIAM
   Journal on Scientific Computing* 19(2), 426-439. https://doi.org/10.1137/S1064827595286803
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tollest._progress import Reporter
from tollest._sums.threads import threaded
from tollest.engines import _whitening
from tollest.engines._base import ThetaDraws
from tollest.engines._whitening import Density, Whitening
from tollest.model.posterior import Posterior

Floats = NDArray[np.float64]

_WHOLE_STEPS = 5
_AVERAGED_STEPS = 5
_PAIRS = 30  # at least, each step
_BENT = 2.5  # the most a step may change a variance by, either way
_FAR = 1.5  # the longest step, in standard deviations
_PRIOR = 0.05  # of each direction's information: a curvature of 1, the one so far


def on_settled_support(
    posterior: Posterior,
    run: Callable[[Posterior, Whitening], ThetaDraws | None],
    rng: np.random.Generator,
    reporter: Reporter,
) -> ThetaDraws | None:
    """Run an engine on as few points of support as its own draws need.

    The engine is given the posterior on that support and the closest normal, searched from the
    mode and curvature. The support is judged where the posterior is, rather than at the mode,
    where scatters may vanish: at the centre of that normal, and again at the median of the draws.
    Where it is too coarse the run is repeated.
    """
    working = _whitening.replace_support(posterior, _whitening.coarse(posterior))
    while True:
        reporter.update("Looking for the centre", 0.0)
        normal = closest_normal(working, _whitening.from_laplace(working, share=1.0), rng)
        support = working.model.support
        finer = _whitening.settled(posterior, normal.middle(working), support)
        if finer.model.support == support:
            draws = run(working, normal)
            if draws is None:
                return None
            finer = _whitening.settled(posterior, np.median(draws.flat, axis=0), support)
            if finer.model.support == support:
                return draws
        working = finer


def closest_normal(density: Density, start: Whitening, rng: np.random.Generator) -> Whitening:
    """Move the centre and root of a whitening to those of the closest normal.

    Parameters
    ----------
    density : Density
        What is whitened.
    start : Whitening
        To begin from; its coordinates stay.
    rng : numpy.random.Generator
        Seed of the directions.
    """
    centre, root = start.centre, start.root
    for number in range(_WHOLE_STEPS + _AVERAGED_STEPS):
        slope, curvature = _expectations(density, Whitening(start.coordinates, centre, root), rng)
        # Noise of the directions is averaged away once the neighbourhood is found.
        share = 1.0 / max(1, number - _WHOLE_STEPS + 2)
        values, vectors = np.linalg.eigh(curvature)
        values = np.clip(values, 1.0 / _BENT, _BENT)
        step = vectors @ ((vectors.T @ slope) / values)
        step *= share / max(1.0, float(np.linalg.norm(step)) / _FAR)
        centre = centre + root @ step
        root = root @ (vectors * values ** (-0.5 * share))
    return Whitening(start.coordinates, centre, root)


def _expectations(
    density: Density, normal: Whitening, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Mean gradient and minus the mean Hessian over a normal, in units of its own."""
    n = normal.centre.size
    turned = [
        np.linalg.qr(rng.standard_normal((n, n)))[0] * np.sqrt(rng.chisquare(n, n))[:, None]
        for _ in range(-(-_PAIRS // n))
    ]

    def slopes(z: Floats) -> tuple[Floats, Floats]:
        """Sum and difference of the gradients at a pair; nothing where the density is zero."""
        found = []
        for side in (z, -z):
            value, gradient = density.log_density_and_gradient(
                normal.centre + normal.root @ side, normal.coordinates
            )
            if not np.isfinite(value):
                return np.full(n, np.nan), np.full(n, np.nan)
            found.append(gradient @ normal.root)
        return found[0] + found[1], found[0] - found[1]

    points = np.concatenate(turned)
    sums, differences = map(np.array, zip(*threaded(slopes, list(points)), strict=True))
    inside = np.isfinite(sums[:, 0])
    points, sums, differences = points[inside], sums[inside], differences[inside]
    weight = _PRIOR * n * np.eye(n)
    curvature = np.linalg.solve(points.T @ points + weight, weight - 0.5 * points.T @ differences)
    slope = 0.5 * sums.mean(axis=0) if len(sums) else np.zeros(n)
    return slope, 0.5 * (curvature + curvature.T)
