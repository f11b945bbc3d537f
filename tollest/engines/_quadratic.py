r"""Many locations: a likelihood that is nearly quadratic, and draws corrected for the rest.

With tens of thousands of locations a pass over the claims is dear, and the log likelihood of
theta is close to

.. math:: \ell(\theta) \approx \ell(\hat\theta) + g^\top (\theta - \hat\theta)
    - \tfrac12 (\theta - \hat\theta)^\top B\, (\theta - \hat\theta).

Along the log odds of a source that hardly ever repeats it is exponential instead: there it is
taken for that of a number of repeats of a number of claims, of the same slope and curvature.
Priors are no quadratic either: the spread of a few sources' habits stays skewed however many
claims they make.
So the quadratic joins the exact priors in a posterior that costs no pass, NUTS draws from that,
and a few of its draws are weighed by the exact likelihood over the quadratic. Prior and
hyperparameters cancel in the weights, which say how good the quadratic was.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tollest._progress import Reporter
from tollest.engines import _weights, _whitening
from tollest.engines._base import ThetaDraws
from tollest.engines._whitening import Whitening
from tollest.engines.nuts import NUTS
from tollest.model import quadratic as kernels
from tollest.model.coordinates import Coordinates, to_thetas, to_us
from tollest.model.layout import At, Entry, ThetaLayout, constant
from tollest.model.likelihood import Likelihood
from tollest.model.theta import unpack
from tollest.support import Support

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_STEPS = 20  # most steps towards the mode
_CLOSE = 0.3  # standard deviations within which the mode is found
_SECANTS = 6  # latest steps that correct the curvature
_ROUND = 100  # draws weighed at a time
_ROUNDS = 8
_EVEN = 0.5  # effective share of draws below which a better curvature is worth its passes
_MOST_COLUMNS = 60  # entries of theta for which differences of gradients are affordable
# Entries beyond which no proposal's weights will do: of 159 they did, of 609 they did not.
_WEIGHABLE = 300
# Share of NUTS's first transitions that diverge beyond which longer runs do too: on a ridge along
# which one spread makes up for another, as where one source alone speaks of all locations.
_HOPELESS = 0.01
_GOOD_K = 0.7
_SHIFTED = 0.1  # standard deviations by which a finer support may move any entry of theta


@dataclass(frozen=True, eq=False)
class Quadratic:
    """A posterior whose log likelihood is about a quadratic; otherwise as `Posterior`.

    Along log odds of repeating it is that of so many repeats of so many claims.
    """

    entries: tuple[Entry, ...]
    layout: ThetaLayout
    n_informing: Integers
    centre: Floats
    value: float
    slope: Floats
    curvature: Floats

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
        # What a quadratic says of an effect it says everywhere.
        return _whitening.from_laplace(self, share=1.0)

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


def at(likelihood: Likelihood, theta: Floats) -> Quadratic:
    """Quadratic that touches the log likelihood at `theta`, by one pass."""
    values, slopes, curvature = likelihood.log_likelihoods(
        theta[None], gradient=True, curvature=True
    )
    quadratic = Quadratic(
        likelihood.entries, likelihood.layout, likelihood.n_informing, theta, float(values[0]),
        slopes[0], curvature,
    )  # fmt: skip
    # Outer products see repeats alone. Where claims speak against them the log likelihood bends
    # as it falls: that none repeats is a likelihood of a power of one minus the chance.
    odds = quadratic.odds
    chance = 1.0 / (1.0 + np.exp(-theta[odds]))
    least = np.maximum(-quadratic.slope[odds] * (1.0 - chance), 0.0)
    curvature[odds, odds] = np.maximum(curvature[odds, odds], least)
    return quadratic


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


def towards_mode(likelihood: Likelihood, theta: Floats, reporter: Reporter) -> Quadratic:
    """Step from `theta` to about the mode, from one quadratic to the next; the last one.

    Each entry's prior is taken as a normal of its own here: all that is wanted is a place among
    the posterior's draws.
    """
    mean, precision = marginal_prior(likelihood.entries)

    def height(of: Quadratic) -> float:
        return of.value - 0.5 * float(precision @ np.square(of.centre - mean))

    quadratic = at(likelihood, theta)
    secants: list[tuple[Floats, Floats]] = []
    trust = 1.0
    for _ in range(_STEPS):
        reporter.update("Looking for the mode", 0.0)
        curvature = quadratic.curvature + np.diag(precision)
        slope = quadratic.slope - precision * (quadratic.centre - mean)
        step = np.linalg.solve(curvature, slope)
        distance = float(np.sqrt(step @ slope))
        if distance <= _CLOSE:
            break
        # As much as a standard deviation of the prior: further the quadratic tells nothing.
        step *= trust / max(1.0, float(np.abs(step * np.sqrt(precision)).max()))
        found = at(likelihood, quadratic.centre + step)
        # Outer products miss what a step has shown of the curvature, whether or not it is taken.
        secants = [*secants, (found.centre - quadratic.centre, quadratic.slope - found.slope)]
        is_lower = height(found) < height(quadratic)
        trust = trust / 3.0 if is_lower else 1.0
        if is_lower:
            found = quadratic
        quadratic = replace(found, curvature=_with_secants(found.curvature, secants[-_SECANTS:]))
    return quadratic


def _with_secants(curvature: Floats, secants: list[tuple[Floats, Floats]]) -> Floats:
    """Correct a curvature by steps and the falls of slope along them (BFGS updates)."""
    for step, fall in secants:
        bent, along = curvature @ step, float(fall @ step)
        # Where the slope rose, the log likelihood is no hill.
        if along > 1e-3 * float(step @ bent) > 0.0:
            curvature = curvature + np.outer(fall, fall) / along
            curvature = curvature - np.outer(bent, bent) / float(step @ bent)
    return curvature


def run(
    on: Callable[[Support], Likelihood], thinned: Callable[[Support], Likelihood],
    support: Support, least_ess: float,
    otherwise: Callable[[Support, Whitening], ThetaDraws | None] | None,
    rng: np.random.Generator, reporter: Reporter,
) -> ThetaDraws | None:  # fmt: skip
    """Draw theta where there are many locations; None where this way is no good.

    Parameters
    ----------
    on, thinned : callable
        The likelihood on a support: of all claims, and of a part that is cheap to evaluate.
    support : Support
        To begin with; refined until doubling it moves no entry of theta by a tenth of its sd.
    least_ess : float
        Effective draws to aim at.
    otherwise : callable or None
        Draws from the exact density on a support, in coordinates in which the quadratic is round:
        what to do where weights fail since there are many entries, and would fail whatever was
        weighed.
    rng : numpy.random.Generator
        Seed.
    reporter : Reporter
        Where progress is told.
    """
    likelihood = thinned(support)
    theta, _ = marginal_prior(likelihood.entries)
    theta = towards_mode(likelihood, theta, reporter).centre
    while True:
        likelihood = on(support)
        quadratic = towards_mode(likelihood, theta, reporter)
        theta = quadratic.centre
        if _is_settled(on, support, quadratic, theta, quadratic.slope):
            draws = draw(likelihood, quadratic, least_ess, rng, reporter)
            if draws is not None or otherwise is None or theta.size <= _WEIGHABLE:
                return draws
            draws = otherwise(support, quadratic.whitening)
            if draws is None:
                return None
            middle = np.median(draws.flat, axis=0)
            _, slopes, _ = likelihood.log_likelihoods(middle[None], gradient=True)
            return draws if _is_settled(on, support, quadratic, middle, slopes[0]) else None
        if support.is_finest:
            return None
        support = support.doubled()


def _is_settled(
    on: Callable[[Support], Likelihood], support: Support, quadratic: Quadratic, theta: Floats,
    slope: Floats,
) -> bool:  # fmt: skip
    """Whether a support, with this slope at `theta`, is as good as one of twice the points."""
    parameters = unpack(quadratic.layout, theta)
    if support.width > 2.0 * _whitening.smallest_scatter(parameters):
        return False
    _, slopes, _ = on(support.doubled()).log_likelihoods(theta[None], gradient=True)
    return bool(np.all(np.abs(_spread(quadratic) @ (slopes[0] - slope)) < _SHIFTED))


def _spread(quadratic: Quadratic) -> Floats:
    """Root of the posterior's covariance, so that times a slope it gives shifts in sd."""
    known = np.diag(quadratic.curvature) > 0
    values, vectors = np.linalg.eigh(quadratic.curvature[np.ix_(known, known)])
    # Where claims say little the prior's unit, or less, is what they can be shifted by.
    root = vectors / np.sqrt(np.maximum(values, 1.0))
    out = np.zeros_like(quadratic.curvature)
    out[np.ix_(known, known)] = root @ vectors.T
    return out


def draw(
    likelihood: Likelihood, quadratic: Quadratic, least_ess: float, rng: np.random.Generator,
    reporter: Reporter,
) -> ThetaDraws | None:  # fmt: skip
    """Draw from the quadratic's posterior, and weigh by the exact likelihood.

    None where the quadratic is no good, or NUTS on it.
    """
    found = _weighed(likelihood, quadratic, least_ess, rng, reporter)
    is_even = found is not None and found.ess >= _EVEN * found.n_evaluations
    if is_even or len(quadratic.entries) > _MOST_COLUMNS:
        return found
    reporter.update("Second derivatives", 0.5)
    better = replace(quadratic, curvature=_differences(likelihood, quadratic))
    refined = _weighed(likelihood, better, least_ess, rng, reporter)
    known = [one for one in (found, refined) if one is not None]
    return max(known, key=lambda one: one.ess, default=None)


def _weighed(
    likelihood: Likelihood, quadratic: Quadratic, least_ess: float, rng: np.random.Generator,
    reporter: Reporter,
) -> ThetaDraws | None:  # fmt: skip
    """Weigh draws until their ESS will do; None if it does not."""
    base = NUTS().run_on(
        quadratic, quadratic.whitening, rng, reporter, share=1.0, hopeless=_HOPELESS
    )
    if base.doubts:
        return None
    # Rounds are spread over all chains, and no draw is weighed twice.
    flat = rng.permutation(base.flat)
    thetas, log_ratios = flat[:0], np.empty(0)
    for number in range(_ROUNDS):
        reporter.update("Weighing draws", 0.5 + number / (2 * _ROUNDS))
        more = flat[number * _ROUND : (number + 1) * _ROUND]
        exact = likelihood.log_likelihoods(more)[0]
        thetas = np.concatenate([thetas, more])
        log_ratios = np.concatenate([log_ratios, exact - quadratic.log_likelihood(more)])
        log_weights, k = _weights.smoothed(log_ratios)
        # What NUTS's own draws are worth bounds what can be made of them.
        ess = min(_weights.effective(log_weights), base.ess)
        hopeless = number > 0 and ess < 0.03 * len(thetas)
        if (ess >= least_ess and k <= _GOOD_K) or hopeless:
            break
    if k > _GOOD_K or ess < least_ess:
        return None
    keep = _weights.systematic(np.exp(log_weights), len(thetas), rng)
    return ThetaDraws(
        thetas[keep][None], method="importance sampling from NUTS on a quadratic likelihood",
        ess=ess, pareto_k=k, n_evaluations=len(thetas),
    )  # fmt: skip


def _differences(likelihood: Likelihood, quadratic: Quadratic) -> Floats:
    """Minus the second derivatives of the log likelihood, by differences of its gradients."""
    spoken_for = np.flatnonzero(np.diag(quadratic.curvature) > 0)
    # A tenth of a standard deviation: far above rounding, and within the quadratic.
    steps = np.zeros((len(spoken_for), len(quadratic.centre)))
    steps[np.arange(len(spoken_for)), spoken_for] = 0.1 / np.sqrt(
        np.diag(quadratic.curvature)[spoken_for]
    )
    points = np.concatenate([quadratic.centre + steps, quadratic.centre - steps])
    _, gradients, _ = likelihood.log_likelihoods(points, gradient=True)
    up, down = np.split(gradients, 2)
    curvature = np.zeros_like(quadratic.curvature)
    curvature[spoken_for] = (down - up) / (2.0 * steps.sum(axis=1))[:, None]
    return np.asarray(0.5 * (curvature + curvature.T))
