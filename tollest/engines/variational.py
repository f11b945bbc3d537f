r"""Gaussian variational approximation: the normal that is closest to a density.

Samplers start from it, and it is the first importance proposal.

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

import numpy as np

from tollest._arrays import Floats
from tollest._sums.threads import threaded
from tollest.engines.base import Density
from tollest.engines.tuning import DEFAULT, NormalTuning
from tollest.engines.whitening import Whitening


def closest_normal(
    density: Density,
    start: Whitening,
    rng: np.random.Generator,
    tuning: NormalTuning = DEFAULT.start.normal,
) -> Whitening:
    """Move the centre and root of a whitening to those of the closest normal.

    Parameters
    ----------
    density : Density
        What is whitened.
    start : Whitening
        To begin from; its coordinates stay.
    rng : numpy.random.Generator
        Seed of the directions.
    tuning : NormalTuning
        Steps of the search.
    """
    centre, root = start.centre, start.root
    for number in range(tuning.n_whole_steps + tuning.n_averaged_steps):
        normal = Whitening(start.coordinates, centre, root)
        slope, curvature = _expectations(density, normal, rng, tuning)
        # Noise of the directions is averaged away once the neighbourhood is found.
        share = 1.0 / max(1, number - tuning.n_whole_steps + 2)
        values, vectors = np.linalg.eigh(curvature)
        values = np.clip(values, 1.0 / tuning.most_rescaling, tuning.most_rescaling)
        step = vectors @ ((vectors.T @ slope) / values)
        step *= share / max(1.0, float(np.linalg.norm(step)) / tuning.longest_step)
        centre = centre + root @ step
        root = root @ (vectors * values ** (-0.5 * share))
    return Whitening(start.coordinates, centre, root)


def _expectations(
    density: Density, normal: Whitening, rng: np.random.Generator, tuning: NormalTuning
) -> tuple[Floats, Floats]:
    """Mean gradient and minus the mean Hessian over a normal, in units of its own."""
    n = normal.centre.size
    turned = [
        np.linalg.qr(rng.standard_normal((n, n)))[0] * np.sqrt(rng.chisquare(n, n))[:, None]
        for _ in range(-(-tuning.least_pairs // n))
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
    weight = tuning.prior_weight * n * np.eye(n)
    curvature = np.linalg.solve(points.T @ points + weight, weight - 0.5 * points.T @ differences)
    slope = 0.5 * sums.mean(axis=0) if len(sums) else np.zeros(n)
    return slope, 0.5 * (curvature + curvature.T)
