r"""Quadratic surrogate of the log likelihood, for many locations.

With tens of thousands of locations a pass over the claims is dear, and the log likelihood of
theta is close to

.. math:: \ell(\theta) \approx \ell(\hat\theta) + g^\top (\theta - \hat\theta)
    - \tfrac12 (\theta - \hat\theta)^\top B\, (\theta - \hat\theta).

Along the log odds of a source that hardly ever repeats it is exponential instead: there it is
taken for that of a number of repeats of a number of claims, of the same slope and curvature.
Priors are not quadratic either: the spread of a few sources' habits stays skewed however many
claims they make. So the surrogate joins the exact priors in a posterior that costs no pass.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from tollest._arrays import Floats, Integers
from tollest._progress import Reporter
from tollest.engines.tuning import DEFAULT, StartTuning, SurrogateTuning
from tollest.engines.whitening import Whitening, from_laplace
from tollest.model import quadratic as kernels
from tollest.model.coordinates import Coordinates, to_thetas, to_us
from tollest.model.layout import At, Entry, ThetaLayout, constant
from tollest.model.likelihood import Likelihood


@dataclass(frozen=True, eq=False)
class QuadraticSurrogate:
    """Posterior with a quadratic in place of the log likelihood; a `Density`.

    Along log odds of repeating it is the log likelihood of a number of repeats among a number of
    claims instead.

    Attributes
    ----------
    entries, layout, n_informing
        As in `Posterior`.
    centre : ndarray of float, shape (n_theta,)
        Where the surrogate touches the log likelihood.
    value : float
        Log likelihood there.
    slope : ndarray of float, shape (n_theta,)
        Its gradient.
    curvature : ndarray of float, shape (n_theta, n_theta)
        Minus its second derivatives, or an approximation of them.
    start : StartTuning
        Of the search for its own mode.
    """

    entries: tuple[Entry, ...]
    layout: ThetaLayout
    n_informing: Integers
    centre: Floats
    value: float
    slope: Floats
    curvature: Floats
    start: StartTuning = field(default_factory=StartTuning)

    @property
    def n_theta(self) -> int:
        """Number of continuous unknowns."""
        return len(self.entries)

    @cached_property
    def odds(self) -> Integers:
        """Entries of theta that are log odds of repeating."""
        return np.array([j for j, e in enumerate(self.entries) if e.name == "logit_repeat"], int)

    @cached_property
    def whitening(self) -> Whitening:
        """Coordinates in which its posterior is about round."""
        # The precision that a quadratic gives an effect is the same everywhere.
        return from_laplace(self, share=1.0, tuning=self.start)

    def log_likelihood(self, theta: Floats) -> Floats:
        """Value at each row of `theta`, shape (n_points,)."""
        thetas = np.ascontiguousarray(theta)
        return self.value + kernels.quadratics(
            self.centre, self.slope, self.curvature, self.odds, thetas
        )

    def log_likelihood_and_gradient(self, theta: Floats) -> tuple[float, Floats]:
        """Value at `theta`, shape (n_theta,), and its gradient."""
        gradient = np.empty_like(theta)
        value = kernels.quadratic(
            self.centre, self.slope, self.curvature, self.odds, theta, gradient
        )
        return self.value + value, gradient

    def log_density_and_gradient(
        self, point: Floats, coordinates: Coordinates
    ) -> tuple[float, Floats]:
        """Log density at `point` in the coordinates, and its gradient, shape (n_theta,)."""
        out = np.empty(point.size)
        value = kernels.quadratic_density(
            self.layout, coordinates, np.ascontiguousarray(point), self.centre, self.slope,
            self.curvature, self.odds, out,
        )  # fmt: skip
        return value, out

    def to_theta(self, coordinates: Coordinates, u: Floats) -> Floats:
        """Images of `u`, shape (n_draws, n_theta)."""
        return to_thetas(self.layout, coordinates, u)

    def to_u(self, coordinates: Coordinates, theta: Floats) -> Floats:
        """Coordinates of `theta`, shape (n_draws, n_theta)."""
        return to_us(self.layout, coordinates, theta)


def touching(
    likelihood: Likelihood, theta: Floats, start: StartTuning = DEFAULT.start
) -> QuadraticSurrogate:
    """Surrogate that touches the log likelihood at `theta`, by one pass over the claims."""
    values, slopes, curvature = likelihood.log_likelihoods(
        theta[None], gradient=True, curvature=True
    )
    surrogate = QuadraticSurrogate(
        likelihood.entries, likelihood.layout, likelihood.n_informing, theta, float(values[0]),
        slopes[0], curvature, start,
    )  # fmt: skip
    # Outer products see repeats alone. Where claims speak against them the log likelihood bends
    # as it falls: that none repeats is a likelihood of a power of one minus the chance.
    odds = surrogate.odds
    chance = 1.0 / (1.0 + np.exp(-theta[odds]))
    least = np.maximum(-surrogate.slope[odds] * (1.0 - chance), 0.0)
    curvature[odds, odds] = np.maximum(curvature[odds, odds], least)
    return surrogate


def marginal_prior(entries: tuple[Entry, ...]) -> tuple[Floats, Floats]:
    """Centre and precision of each entry's own prior, as a normal; shape (n_theta,) each."""
    mean, variance = np.zeros(len(entries)), np.zeros(len(entries))
    for j, entry in enumerate(entries):
        # Entries that others depend on come before these.
        if entry.half:
            mean[j], variance[j] = np.log(0.5 * constant(entry.sd)), 1.0
            continue
        if isinstance(entry.sd, At):
            variance[j] = np.exp(2.0 * mean[entry.sd.index])
        else:
            variance[j] = entry.sd.value**2
        if isinstance(entry.mean, At):
            mean[j] = mean[entry.mean.index]
            variance[j] += variance[entry.mean.index]
        else:
            mean[j] = entry.mean.value
    return mean, 1.0 / variance


def towards_mode(
    likelihood: Likelihood, theta: Floats, reporter: Reporter,
    tuning: SurrogateTuning = DEFAULT.surrogate, start: StartTuning = DEFAULT.start,
) -> QuadraticSurrogate:  # fmt: skip
    """Step from `theta` to about the mode, from one surrogate to the next; the last one.

    Each entry's prior is taken as a normal of its own here: a location among the posterior's
    draws is good enough.

    Parameters
    ----------
    likelihood : Likelihood
        Of the claims, on one support.
    theta : ndarray of float, shape (n_theta,)
        Where to begin.
    reporter : Reporter
        Where progress is told.
    tuning : SurrogateTuning
        Of the steps.
    start : StartTuning
        For the surrogate.
    """
    mean, precision = marginal_prior(likelihood.entries)

    def height(surrogate: QuadraticSurrogate) -> float:
        return surrogate.value - 0.5 * float(precision @ np.square(surrogate.centre - mean))

    surrogate = touching(likelihood, theta, start)
    secants: list[tuple[Floats, Floats]] = []
    trust = 1.0
    for _ in range(tuning.most_steps):
        reporter.update("Looking for the mode", 0.0)
        curvature = surrogate.curvature + np.diag(precision)
        slope = surrogate.slope - precision * (surrogate.centre - mean)
        step = np.linalg.solve(curvature, slope)
        distance = float(np.sqrt(step @ slope))
        if distance <= tuning.close:
            break
        # As much as a standard deviation of the prior: further the quadratic tells nothing.
        step *= trust / max(1.0, float(np.abs(step * np.sqrt(precision)).max()))
        found = touching(likelihood, surrogate.centre + step, start)
        # Outer products miss what a step has shown of the curvature, whether or not it is taken.
        secants = [*secants, (found.centre - surrogate.centre, surrogate.slope - found.slope)]
        is_lower = height(found) < height(surrogate)
        trust = trust / 3.0 if is_lower else 1.0
        if is_lower:
            found = surrogate
        corrected = with_secants(found.curvature, secants[-tuning.n_secants :])
        surrogate = replace(found, curvature=corrected)
    return surrogate


def with_secants(curvature: Floats, secants: list[tuple[Floats, Floats]]) -> Floats:
    """Correct a curvature by steps and the falls of slope along them (BFGS updates)."""
    for step, fall in secants:
        bent, along = curvature @ step, float(fall @ step)
        # Where the slope rose, the log likelihood is no hill.
        if along > 1e-3 * float(step @ bent) > 0.0:
            curvature = curvature + np.outer(fall, fall) / along
            curvature = curvature - np.outer(bent, bent) / float(step @ bent)
    return curvature


def spread(surrogate: QuadraticSurrogate) -> Floats:
    """Root of the posterior's covariance, so that times a slope it gives shifts in sd."""
    known = np.diag(surrogate.curvature) > 0
    values, vectors = np.linalg.eigh(surrogate.curvature[np.ix_(known, known)])
    # Where claims say little, a prior unit or less is as far as they can shift an entry.
    root = vectors / np.sqrt(np.maximum(values, 1.0))
    out = np.zeros_like(surrogate.curvature)
    out[np.ix_(known, known)] = root @ vectors.T
    return out


def curvature_by_differences(likelihood: Likelihood, surrogate: QuadraticSurrogate) -> Floats:
    """Minus the second derivatives of the log likelihood, by differences of its gradients."""
    informed = np.flatnonzero(np.diag(surrogate.curvature) > 0)
    # A tenth of a standard deviation: far above rounding, and within the surrogate.
    steps = np.zeros((len(informed), len(surrogate.centre)))
    steps[np.arange(len(informed)), informed] = 0.1 / np.sqrt(
        np.diag(surrogate.curvature)[informed]
    )
    points = np.concatenate([surrogate.centre + steps, surrogate.centre - steps])
    _, gradients, _ = likelihood.log_likelihoods(points, gradient=True)
    up, down = np.split(gradients, 2)
    curvature = np.zeros_like(surrogate.curvature)
    curvature[informed] = (down - up) / (2.0 * steps.sum(axis=1))[:, None]
    return np.asarray(0.5 * (curvature + curvature.T))
