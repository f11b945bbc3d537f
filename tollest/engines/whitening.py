r"""Coordinates in which the posterior of theta is close to a standard normal.

First the partially centred coordinates of `tollest.model.coordinates`, with weights taken from the
claims' curvature at the mode or from the spread of draws; then an affine map by the mode and
the inverse root of the Hessian, or by the mean and covariance of draws.
"""

import math
from dataclasses import dataclass

import numpy as np

from tollest._arrays import Flags, Floats
from tollest.engines.base import Density
from tollest.engines.mode import find_mode, gradient_in, hessian
from tollest.engines.tuning import DEFAULT, StartTuning, WhiteningTuning
from tollest.model.coordinates import Coordinates


@dataclass(frozen=True, eq=False)
class Whitening:
    """Map from `w`, close to standard normal, to ``u = centre + root @ w``, and on to theta."""

    coordinates: Coordinates
    centre: Floats  # (n_theta,)
    root: Floats  # (n_theta, n_theta)

    def middle(self, density: Density) -> Floats:
        """Theta at the centre, shape (n_theta,)."""
        return np.asarray(density.to_theta(self.coordinates, self.centre[None])[0], np.float64)


def from_prior(posterior: Density) -> Coordinates:
    """Non-centred coordinates on the scale of the prior."""
    layout = posterior.layout
    zeros = np.zeros(posterior.n_theta)
    return Coordinates(zeros, layout.mean.copy(), layout.sd.copy(), zeros)


def inverse_root(curvature: Floats, tuning: WhiteningTuning = DEFAULT.start.whitening) -> Floats:
    """Matrix whose product with its transpose is the inverse of a curvature, floored."""
    values, vectors = np.linalg.eigh(curvature)
    return np.asarray(vectors / np.sqrt(np.maximum(values, tuning.least_curvature)), np.float64)


def _recentred(
    posterior: Density, theta: Floats, centre: Floats, precision: Floats, scale: Floats,
    shift: Floats,
) -> Coordinates:  # fmt: skip
    """Coordinates in which pooled effects have conditional mean `centre` at `theta`."""
    layout = posterior.layout
    pull = centre.copy()
    for j in range(theta.size):
        k, i, o = layout.log_sd_index[j], layout.mean_index[j], layout.shift_index[j]
        if k < 0 or precision[j] < 1e-8:
            continue
        v = math.exp(-2.0 * theta[k])
        added = shift[j] * theta[o] if o >= 0 else 0.0
        mean = (theta[i] if i >= 0 else layout.mean[j]) + added
        pull[j] = ((precision[j] + v) * (centre[j] + added) - v * mean) / precision[j]
    return Coordinates(precision, pull, scale, shift)


def share_of_common(slope: float, precision: float, prior_precision: float) -> float:
    """Share of the common bias that claims see added to an effect, from 0 to 1.

    Parameters
    ----------
    slope : float
        Of the effect's posterior mean by the common bias: that of the claims, shrunk by the
        prior.
    precision, prior_precision : float
        Of the effect, by the claims and by its prior.
    """
    if precision < 1e-8:
        return 0.0
    return float(np.clip(-slope * (precision + prior_precision) / precision, 0.0, 1.0))


def _from_curvature(
    posterior: Density, coordinates: Coordinates, u: Floats, share: float, tuning: StartTuning
) -> Coordinates:
    """Coordinates whose centring follows what the claims say of each effect at the mode.

    `share` scales the curvature at the mode, which overstates what claims say of a source that
    may be repeating: away from the mode its likelihood is flat.
    """
    layout = posterior.layout
    theta = posterior.to_theta(coordinates, u[None])[0]
    curvature = hessian(lambda x: posterior.log_likelihood_and_gradient(x)[1], theta, tuning.mode)
    hyper = {j for j, entry in enumerate(posterior.entries) if entry.half}
    hyper |= {int(i) for i in layout.mean_index[layout.log_sd_index >= 0]} - {0}
    hyper |= set(layout.shift_index.tolist())
    keep = np.array([j for j in range(theta.size) if j not in hyper])
    sd = np.where(layout.log_sd_index >= 0, np.exp(theta[layout.log_sd_index]), layout.sd)
    values, vectors = np.linalg.eigh(curvature[np.ix_(keep, keep)])
    likelihood = (vectors * np.maximum(values, 0.0)) @ vectors.T
    covariance = np.linalg.inv(likelihood + np.diag(sd[keep] ** -2))
    precision, shift = np.zeros(theta.size), np.zeros(theta.size)
    for a, j in enumerate(keep):
        if layout.log_sd_index[j] >= 0:
            by_claims = max(1.0 / covariance[a, a] - sd[j] ** -2, 0.0)
            precision[j] = share * by_claims
            o = layout.shift_index[j]
            if o >= 0:
                slope = -covariance[a] @ curvature[keep, o]
                shift[j] = share_of_common(slope, by_claims, sd[j] ** -2)
    centre = np.where(layout.log_sd_index >= 0, theta, coordinates.centre)
    precision *= _is_informed(posterior, tuning.whitening)
    return _recentred(posterior, theta, centre, precision, coordinates.scale, shift)


def _is_informed(density: Density, tuning: WhiteningTuning) -> Flags:
    """Whether an effect has claims enough to be centred on; shape (n_theta,)."""
    return np.asarray(density.n_informing >= tuning.least_claims)


def from_laplace(
    posterior: Density, share: float, tuning: StartTuning = DEFAULT.start
) -> Whitening:
    """Whitening by the mode and the curvature there (Laplace approximation).

    Parameters
    ----------
    posterior : Density
        What is whitened.
    share : float
        How far effects are centred, as a share of the precision that claims give them.
    tuning : StartTuning
        Of the mode and the whitening.
    """
    coordinates = from_prior(posterior)
    u = find_mode(posterior, coordinates, np.zeros(posterior.n_theta), tuning=tuning.mode)
    for _ in range(2):
        theta = posterior.to_theta(coordinates, u[None])
        coordinates = _from_curvature(posterior, coordinates, u, share, tuning)
        start = posterior.to_u(coordinates, theta)[0]
        u = find_mode(posterior, coordinates, start, tuning=tuning.mode)
    curvature = hessian(gradient_in(posterior, coordinates), u, tuning.mode)
    return Whitening(coordinates, u, inverse_root(curvature, tuning.whitening))


def from_draws(
    posterior: Density, theta: Floats, share: float,
    tuning: WhiteningTuning = DEFAULT.start.whitening,
) -> Whitening:  # fmt: skip
    """Whitening by the moments of draws.

    Parameters
    ----------
    posterior : Density
        What the draws are of.
    theta : ndarray of float, shape (n_draws, n_theta)
        The draws.
    share : float
        How far effects are centred, as a share of the precision that their spread shows.
    tuning : WhiteningTuning
        Which effects are centred.
    """
    layout = posterior.layout
    centre, spread = theta.mean(axis=0), theta.std(axis=0)
    middle = np.median(theta, axis=0)
    precision, shift = np.zeros(centre.size), np.zeros(centre.size)
    for j in range(centre.size):
        k, o = layout.log_sd_index[j], layout.shift_index[j]
        if k >= 0 and layout.first_child[j] < 0:  # else known through those that spread around it
            others = [c for c in (layout.mean_index[j], o) if c >= 0]
            given = theta[:, others] - centre[others]
            deviation = theta[:, j] - centre[j]
            slopes = np.linalg.lstsq(given, deviation)[0]
            deviation -= given @ slopes
            # 0.4549 is the median of a chi-square with one degree of freedom.
            core = np.median(deviation**2) / 0.4549
            prior = math.exp(-2.0 * middle[k])
            by_claims = max(1.0 / core - prior, 0.0)
            precision[j] = share * by_claims
            if o >= 0:
                shift[j] = share_of_common(slopes[-1], by_claims, prior)
    precision *= _is_informed(posterior, tuning)
    coordinates = _recentred(posterior, middle, centre, precision, spread, shift)
    u = posterior.to_u(coordinates, theta)
    deviations = u.std(axis=0)
    # Draws of a chain are worth about a fifth as many; correlations shrink accordingly.
    trust = len(u) / (len(u) + 5.0 * centre.size)
    correlation = trust * np.corrcoef(u.T) + (1.0 - trust) * np.eye(centre.size)
    root = np.linalg.cholesky(correlation * np.outer(deviations, deviations))
    return Whitening(coordinates, u.mean(axis=0), root)
