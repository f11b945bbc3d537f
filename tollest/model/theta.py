"""The kernels' parameters at theta, and its log prior density.

Every entry of theta is either a normal, given its mean and standard deviation, each a constant
or another entry (a log standard deviation), or the logarithm of a half-normal. `ThetaLayout`
holds this as arrays, so that one compiled function serves every model.
"""

import math

from numba import njit

from tollest._arrays import Floats, Integers
from tollest._sums.tables import LOG_COPY_SCATTER, LOGIT_NEAR_COPY, Parameters
from tollest.model.layout import ThetaLayout


@njit(cache=True, error_model="numpy")
def _gather(index: Integers, fixed: Floats, theta: Floats) -> Floats:
    """Values of parameters: entries of theta, or fixed."""
    out = fixed.copy()
    for i in range(out.size):
        j = index[i]
        if j >= 0:
            out[i] = theta[j]
    return out


@njit(cache=True, error_model="numpy")
def _scatter(index: Integers, values: Floats, out: Floats) -> None:
    """Add derivatives by parameters to those by the entries of theta they are."""
    for i in range(values.size):
        j = index[i]
        if j >= 0:
            out[j] += values[i]


@njit(cache=True, error_model="numpy")
def parameters_at(layout: ThetaLayout, theta: Floats) -> Parameters:
    """Parameters of the likelihood at `theta`."""
    position, fixed = layout.position, layout.fixed
    mu = _gather(position.mu, fixed.mu, theta)
    mu += layout.exposure
    for k in range(layout.effect_index.size):
        effect = theta[layout.effect_index[k]]
        for g in range(mu.size):
            mu[g] += layout.design[g, k] * effect
    return Parameters(
        mu,
        _gather(position.bias, fixed.bias, theta),
        _gather(position.log_scatter, fixed.log_scatter, theta),
        _gather(position.logit_repeat, fixed.logit_repeat, theta),
        _gather(position.logit_denial, fixed.logit_denial, theta),
        _gather(position.shared, fixed.shared, theta),
    )


@njit(cache=True, error_model="numpy")
def scatter(layout: ThetaLayout, gradients: Parameters, out: Floats) -> None:
    """Add derivatives by the kernels' parameters to those by theta."""
    _scatter(layout.position.mu, gradients.mu, out)
    for k in range(layout.effect_index.size):
        j = layout.effect_index[k]
        for g in range(gradients.mu.size):
            out[j] += layout.design[g, k] * gradients.mu[g]
    _scatter(layout.position.bias, gradients.bias, out)
    _scatter(layout.position.log_scatter, gradients.log_scatter, out)
    _scatter(layout.position.logit_repeat, gradients.logit_repeat, out)
    _scatter(layout.position.logit_denial, gradients.logit_denial, out)
    _scatter(layout.position.shared, gradients.shared, out)


@njit(cache=True, error_model="numpy")
def log_prior(layout: ThetaLayout, theta: Floats, out: Floats) -> float:
    """Normalised log prior density of theta; its gradient is added to `out`."""
    value = 0.0
    for j in range(theta.size):
        k = layout.log_sd_index[j]
        log_sd = theta[k] if k >= 0 else math.log(layout.sd[j])
        if layout.half[j]:
            z = math.exp(theta[j] - log_sd)
            value += 0.5 * math.log(2.0 / math.pi) - 0.5 * z * z + theta[j] - log_sd
            out[j] += 1.0 - z * z
            continue
        i = layout.mean_index[j]
        mean = theta[i] if i >= 0 else layout.mean[j]
        inverse = math.exp(-log_sd)
        z = (theta[j] - mean) * inverse
        value += -0.5 * math.log(2.0 * math.pi) - 0.5 * z * z - log_sd
        out[j] -= z * inverse
        if i >= 0:
            out[i] += z * inverse
        if k >= 0:
            out[k] += z * z - 1.0
    return value


@njit(cache=True, error_model="numpy")
def _largest(a: Floats) -> float:
    """Largest absolute value, 0 of none."""
    largest = 0.0
    for i in range(a.size):
        largest = max(largest, abs(a[i]))
    return largest


@njit(cache=True, error_model="numpy")
def is_inside(layout: ThetaLayout, theta: Floats, parameters: Parameters) -> bool:
    """Whether theta is where sums can be taken.

    A log scale of 30 is no number's: outside, sums would overflow before they reject.
    """
    for j in range(theta.size):
        if not abs(theta[j]) < 1e6 or (layout.half[j] and abs(theta[j]) > 30.0):
            return False
    return (
        _largest(parameters.log_scatter) <= 30.0
        and _largest(parameters.shared[:LOGIT_NEAR_COPY]) <= 30.0
        and _largest(parameters.shared[LOG_COPY_SCATTER:]) <= 30.0
        and abs(parameters.shared[LOGIT_NEAR_COPY]) <= 500.0
        and _largest(parameters.logit_repeat) <= 500.0
        and _largest(parameters.logit_denial) <= 500.0
    )
