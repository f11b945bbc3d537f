"""The model, slowly: sums over every toll and every figure, in decimal arithmetic.

Nothing here is shared with the package. Masses are differences of distribution functions to
`DIGITS` significant digits, probabilities are multiplied and added as they stand (the exponent of
a `Decimal` does not underflow), and logs are taken once, at the end. `prior_sampled_tolls` gives
posteriors without any engine, by weighing draws from the priors.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, localcontext
from functools import lru_cache, wraps

import numpy as np
from scipy.special import expit

DIGITS = 60
HALF = Decimal("0.5")
PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459230781640628621")


@dataclass
class Location:
    """Claims are ``(source, lower, upper, repeats)``; an upper of None is infinity.

    For prior sampling alone, `bounds` has the sources whose number falls short of the toll (1) or
    goes beyond it (-1), `listed` the deaths on a list of names, and sources may `deny`.
    """

    claims: list[tuple[int, int, int | None, bool]]
    group: int = 0
    cap: int | None = None
    floor: int = 0
    verified: int | None = None
    bounds: dict[int, int] = field(default_factory=dict)
    listed: int = 0
    deny: bool = False


@dataclass
class Theta:
    mu: list[float]
    tau: float
    bias: list[float] = field(default_factory=list)
    scatter: list[float] = field(default_factory=list)
    omega: list[float] = field(default_factory=list)
    figure_scatter: float = 0.15
    common_bias: float = 0.0


def _in_decimal(function):
    """Run `function` with `DIGITS` digits and exponents that do not end."""

    @wraps(function)
    def wrapped(*args, **kwargs):
        with localcontext(Context(prec=DIGITS, Emin=MIN_EMIN, Emax=MAX_EMAX)):
            return function(*args, **kwargs)

    return wrapped


# --------------------------------------------------------------------------- masses


def _lower_tail(z: Decimal, family: str, df: int) -> Decimal:
    """F(z) for z <= 0."""
    if family == "logistic":
        odds = z.exp()
        return odds / (1 + odds)
    if family == "normal":
        return _normal_lower_tail(z)
    if family == "student_t":
        return _student_lower_tail(z, df)
    raise ValueError(f"family is {family!r}; use 'logistic', 'normal' or 'student_t'.")


def _normal_lower_tail(z: Decimal) -> Decimal:
    density = (-z * z / 2).exp() / (2 * PI).sqrt()
    x = -z
    if x > 7:  # Laplace's continued fraction, from far enough in
        ratio = x
        for k in range(400, 0, -1):
            ratio = x + k / ratio
        return density / ratio
    term = total = x  # 1/2 - density * (x + x^3/3 + x^5/(3*5) + ...): all terms positive
    k = 1
    while term > total.scaleb(-DIGITS):
        k += 2
        term = term * x * x / k
        total += term
    return HALF - density * total


def _student_lower_tail(z: Decimal, df: int) -> Decimal:
    if df % 2:
        raise ValueError(f"df is {df}; the closed form used here is for even df.")
    cosine_squared = 1 / (1 + z * z / df)
    term = total = Decimal(1)
    for k in range(2, df, 2):
        term = term * cosine_squared * (k - 1) / k
        total += term
    sine = z / (df + z * z).sqrt()
    return (1 + sine * total) / 2


def _z(edge: int, m: Decimal, s: Decimal) -> Decimal:
    """Standardised position of ``edge - 1/2``, the lower edge of the whole number `edge`."""
    return ((edge + HALF).ln() - m) / s


@lru_cache(maxsize=2**18)
@_in_decimal
def mass(
    lower: int,
    upper: int | None,
    m: float | Decimal,
    s: float | Decimal,
    family: str = "logistic",
    df: int = 4,
) -> Decimal:
    """F at the upper edge less F at the lower one, both taken in the nearer tail."""
    m, s = Decimal(m), Decimal(s)
    if lower == 0 and upper is None:
        return Decimal(1)
    if upper is None:
        return _cdf(-_z(lower, m, s), family, df)
    if lower == 0:
        return _cdf(_z(upper + 1, m, s), family, df)
    a, b = _z(lower, m, s), _z(upper + 1, m, s)
    if a > 0:
        a, b = -b, -a
    return _cdf(b, family, df) - _cdf(a, family, df)


def _cdf(z: Decimal, family: str, df: int) -> Decimal:
    return _lower_tail(z, family, df) if z <= 0 else 1 - _lower_tail(-z, family, df)


@_in_decimal
def log_mass(lower, upper, m, s, family="logistic", df=4) -> float:
    return float(mass(lower, upper, m, s, family, df).ln())


# --------------------------------------------------------------------------- one location


@_in_decimal
def _axis(n: int, *biases: float) -> Decimal:
    """``log1p(n)`` plus biases, not rounded to a float in between."""
    return Decimal(1 + n).ln() + sum(map(Decimal, biases))


def _prior(n: int, location: Location, theta: Theta, family: str, df: int) -> Decimal:
    m, s = theta.mu[location.group], theta.tau
    if location.cap is None:
        return mass(n, n, m, s, family, df)
    if n > location.cap:
        return Decimal(0)
    return mass(n, n, m, s, family, df) / mass(0, location.cap, m, s, family, df)


def _figures(n, location, theta, family, df, last_figure) -> Iterator[tuple[int | None, Decimal]]:
    """Yield ``(v, p(v | n))``; v is None for all the figures that are not told apart."""
    m, s = _axis(n, theta.common_bias), theta.figure_scatter
    if last_figure is None:
        rest = Decimal(1)
        for v in sorted({lower for _, lower, _, repeats in location.claims if repeats}):
            p = mass(v, v, m, s, family, df)
            rest -= p
            yield v, p
        yield None, rest
    else:
        for v in range(last_figure):
            yield v, mass(v, v, m, s, family, df)
        yield None, mass(last_figure, None, m, s, family, df)


def _likelihood(n, location, theta, family, df, last_figure) -> Decimal:
    """Probability of the location's claims where the toll is `n`, its figure summed out."""
    own = [
        mass(
            lower,
            upper,
            _axis(n, theta.common_bias, theta.bias[source]),
            theta.scatter[source],
            family,
            df,
        )
        for source, lower, upper, _ in location.claims
    ]
    total = Decimal(0)
    for v, p in _figures(n, location, theta, family, df, last_figure):
        product = p
        for (source, lower, _, repeats), f in zip(location.claims, own, strict=True):
            if repeats:
                omega = Decimal(theta.omega[source])
                product *= (1 - omega) * f + (omega if lower == v else 0)
            else:
                product *= f
        total += product
    return total


@_in_decimal
def joint(
    location: Location,
    theta: Theta,
    tolls: Iterable[int],
    family_noise: str = "logistic",
    family_toll: str = "logistic",
    df: int = 4,
    last_figure: int | None = None,
) -> list[Decimal]:
    """P(claims, N = n) for each n of `tolls`.

    With `last_figure` every figure ``0 .. last_figure - 1`` is summed over by itself, and all the
    larger ones together: no claim that can repeat may then be of `last_figure` or more. The
    figure has the noise's family.
    """
    counts = [lower for _, lower, _, repeats in location.claims if repeats]
    if last_figure is not None and counts and max(counts) >= last_figure:
        raise ValueError(f"last_figure is {last_figure}; it must exceed {max(counts)}.")
    out = []
    for n in tolls:
        excluded = n < location.floor or (location.verified is not None and n != location.verified)
        prior = Decimal(0) if excluded else _prior(n, location, theta, family_toll, df)
        likelihood = (
            _likelihood(n, location, theta, family_noise, df, last_figure) if prior else prior
        )
        out.append(prior * likelihood)
    return out


@_in_decimal
def log_marginal(location, theta, tolls, *args, **kwargs) -> float:
    """Log probability of the location's claims, tolls summed out; arguments as for `joint`."""
    total = sum(joint(location, theta, tolls, *args, **kwargs), Decimal(0))
    return float(total.ln())


@_in_decimal
def conditional_tolls(location, theta, tolls, *args, **kwargs) -> np.ndarray:
    """P(N = n | claims, theta) for each n of `tolls`; arguments as for `joint`."""
    terms = joint(location, theta, tolls, *args, **kwargs)
    total = sum(terms, Decimal(0))
    return np.array([float(term / total) for term in terms])


# --------------------------------------------------------------------------- prior sampling


def prior_draws(n_draws: int, n_sources: int, rng, inner: int = 1) -> dict[str, np.ndarray]:
    """Draws of theta from the default priors: shape (n_draws,), or (n_draws, n_sources, inner).

    The `inner` draws of a source share their hyperparameters.
    """
    rng = np.random.default_rng(rng)

    def half_normal(scale):
        return scale * np.abs(rng.standard_normal(n_draws))

    def effects(mean, sd):
        standard = rng.standard_normal((n_draws, n_sources, inner))
        return mean[:, None, None] + sd[:, None, None] * standard

    zero = np.zeros(n_draws)
    # From a stream of their own: cases without any are as they were.
    other = rng.spawn(1)[0]
    denial_mean = other.normal(-4.6, 1.0, n_draws)[:, None, None]
    denial_sd = 0.5 * np.abs(other.standard_normal(n_draws))[:, None, None]
    standard = other.standard_normal((n_draws, n_sources, inner))
    return {
        "denial": expit(denial_mean + denial_sd * standard),
        "shortfall": np.exp(other.normal(np.log(0.5), 0.7, n_draws)),
        "list_shortfall": np.exp(other.normal(np.log(0.5), 0.8, n_draws)),
        "mu": rng.normal(2.0, 2.0, n_draws),
        "tau": half_normal(1.0),
        "bias": effects(zero, half_normal(0.3)),
        "scatter": np.exp(effects(rng.normal(np.log(0.15), 0.5, n_draws), half_normal(0.5))),
        "omega": expit(effects(rng.normal(0.0, 1.5, n_draws), half_normal(1.0))),
        "figure_scatter": np.exp(rng.normal(np.log(0.15), 0.5, n_draws)),
        "common_bias": rng.normal(0.0, 0.1, n_draws),
    }


def toll_bins(top: int, singles: int = 300, width: float = 0.005) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers to `singles`, then bins of relative `width`: first and last toll of each."""
    first = list(range(min(singles, top) + 1))
    n = first[-1] + 1
    while n <= top:
        first.append(n)
        n += max(1, int(width * n))
    first = np.array(first)
    return first, np.append(first[1:] - 1, top)


def _logistic_mass(lower, upper, m, s):
    """Float version of `mass` for arrays of `m` and `s`; underflows to 0 far out."""
    b = np.inf if upper is None else (np.log(upper + 1.5) - m) / s
    a = -np.inf if np.isscalar(lower) and lower == 0 else (np.log(lower + 0.5) - m) / s
    flip = np.where(a > 0, -1.0, 1.0)
    return np.abs(expit(flip * b) - expit(flip * a))


def joint_of_draws(location, draws, first, last, capped):
    """P(claims, N in bin | theta), shape (n_draws, n_bins), claims taken at the bins' middles.

    Sources are independent given all else, and the likelihood is linear in each one's term: so
    the mean of a source's term over its inner draws estimates the mean over its effects without
    bias, if it has one claim.
    """
    sources = [source for source, *_ in location.claims]
    if draws["bias"].shape[2] > 1 and len(set(sources)) < len(sources):
        raise ValueError("inner draws are for locations with one claim a source.")
    column = {name: value[:, None] for name, value in draws.items() if value.ndim == 1}
    edges = expit((np.log(np.append(first, last[-1] + 1) + 0.5) - column["mu"]) / column["tau"])
    edges[:, 0] = 0.0
    upper_edges = expit(
        -(np.log(np.append(first, last[-1] + 1) + 0.5) - column["mu"]) / column["tau"]
    )
    upper_edges[:, 0] = 1.0
    # Differences in the tail where the function is small.
    prior = np.where(edges[:, 1:] < 0.5, np.diff(edges), -np.diff(upper_edges))
    if capped:
        prior /= edges[:, -1:]
    middle = (first + last) / 2
    x = np.log1p(middle) + column["common_bias"]
    own = np.ones_like(x)
    raised: dict[int, np.ndarray] = {}
    for source, lower, upper, repeats in location.claims:
        bias, scatter, omega = (
            draws[name][:, source, :, None] for name in ("bias", "scatter", "omega")
        )
        if source in location.bounds:
            f = _logistic_mass(lower, lower, x[:, None] + bias, scatter)
            f = _missed(f, location.bounds[source], draws["shortfall"], first, last)
        else:
            f = _logistic_mass(lower, upper, x[:, None] + bias, scatter)
        f = f * (1.0 - omega) if repeats else f
        if location.deny:
            denial = draws["denial"][:, source, :, None]
            f, omega = (1.0 - denial) * f + denial * (lower == 0), (1.0 - denial) * omega
        f, omega = f.mean(axis=1), omega.mean(axis=1)
        for v in raised:
            raised[v] *= f + omega if repeats and v == lower else f
        if repeats and lower not in raised:
            raised[lower] = own * (f + omega)
        own *= f
    likelihood = own.copy()
    for v, product in raised.items():
        p = _logistic_mass(v, v, x, column["figure_scatter"])
        likelihood += p * (product - own)
    if location.listed:
        likelihood = likelihood * _list_mass(location.listed, np.log1p(middle), draws)
    allowed = last >= location.floor
    return prior * likelihood * allowed


def _missed(f, sign, scale, first, last):
    """Sum over whole numbers that fall short of each toll (1), or exceed it (-1).

    By an exponential amount on the log1p axis, to the number in whose cell it ends: `f` has shape
    (n_draws, inner, n_bins). From the outermost bin on, the sum from its near edge is kept.
    """
    lower = np.append(-np.inf, np.log(first[1:] + 0.5))
    upper = np.append(lower[1:], np.inf)
    x, out, scale = np.log1p((first + last) / 2), np.empty_like(f), scale[:, None]
    at_edge = np.zeros(f.shape[:2])
    for k in range(len(first)) if sign > 0 else reversed(range(len(first))):
        inside = x[k] - lower[k] if sign > 0 else upper[k] - x[k]
        out_of_cell = np.exp(-inside / scale)
        out[..., k] = out_of_cell * at_edge + (1.0 - out_of_cell) * f[..., k]
        across = np.exp(-(upper[k] - lower[k]) / scale)
        at_edge = across * at_edge + (1.0 - across) * f[..., k]
    return out


def _list_mass(number, x, draws):
    """Probability of a list of so many names at each log toll."""
    scale = draws["list_shortfall"][:, None]
    below, above = np.log(number + 0.5), np.log(number + 1.5)
    inside = np.maximum(np.minimum(x, above) - below, 0.0)
    return -np.expm1(-inside / scale) * np.exp(-np.maximum(x - above, 0.0) / scale)


def binned_quantile(mass_of_bins, first, last, q) -> np.ndarray:
    """Quantiles of bins whose mass is spread evenly over ``[first - 1/2, last + 1/2]``."""
    cumulative = np.append(0.0, np.cumsum(mass_of_bins)) / np.sum(mass_of_bins)
    edges = np.append(first - 0.5, last[-1] + 0.5)
    keep = np.append(True, np.diff(cumulative) > 0)
    return np.interp(q, cumulative[keep], edges[keep])


@dataclass
class PriorSampled:
    """A posterior by prior sampling, with what is needed to know how good it is."""

    first: np.ndarray
    last: np.ndarray
    pmf: np.ndarray
    quantiles: np.ndarray  # smooth: see `binned_quantile`
    whole_quantiles: np.ndarray  # smallest whole number n with P(N <= n) >= q
    mcse: np.ndarray  # of the smooth quantiles, by a jackknife over batches
    ess: float
    log_marginal: float
    log_marginal_mcse: float


def prior_sampled_toll_quantiles(
    location: Location,
    q=(0.05, 0.5, 0.95),
    n_draws: int = 200_000,
    rng=0,
    top: int = 60_000,
    *,
    capped: bool = False,
    inner: int = 1,
    chunk: int = 500,
    batches: int = 50,
    singles: int = 300,
    width: float = 0.005,
) -> PriorSampled:
    """Posterior of one location's toll: draws from the priors, weighed by their marginals.

    The mixture of conditionals, weighed by marginals, is the mean of the joint masses. With
    `capped`, tolls beyond `top` are impossible and each draw's prior is renormalised; otherwise
    they are only left out of the sum. With `inner` draws a source, the weights are of its mean.
    """
    q = np.asarray(q)
    rng = np.random.default_rng(rng)
    n_sources = 1 + max((source for source, *_ in location.claims), default=0)
    first, last = toll_bins(top, singles, width)
    sums = np.zeros((batches, len(first)))
    weight = squared = 0.0
    weights_of_batches = np.zeros(batches)
    n_chunks = -(-n_draws // chunk)
    n_chunks += -n_chunks % batches
    with np.errstate(over="ignore", under="ignore"):
        for k in range(n_chunks):
            draws = prior_draws(chunk, n_sources, rng, inner)
            terms = joint_of_draws(location, draws, first, last, capped)
            marginal = terms.sum(axis=1)
            sums[k % batches] += terms.sum(axis=0)
            weights_of_batches[k % batches] += marginal.sum()
            weight += marginal.sum()
            squared += (marginal**2).sum()
    total = sums.sum(axis=0)
    left_out = np.array([binned_quantile(total - part, first, last, q) for part in sums])
    spread = ((left_out - left_out.mean(axis=0)) ** 2).sum(axis=0) * (batches - 1) / batches
    smooth = binned_quantile(total, first, last, q)
    per_batch = weights_of_batches / weights_of_batches.mean()
    return PriorSampled(
        first=first,
        last=last,
        pmf=total / total.sum(),
        quantiles=smooth,
        # The cell around n is [n - 1/2, n + 1/2], so the n that holds the smooth quantile.
        whole_quantiles=np.ceil(smooth - 0.5).astype(int),
        mcse=np.sqrt(spread),
        ess=weight**2 / squared,
        log_marginal=float(np.log(weight / (n_chunks * chunk))),
        log_marginal_mcse=float(per_batch.std(ddof=1) / np.sqrt(batches)),
    )


# --------------------------------------------------------------------------- wholes and parts


def wholes(
    places: dict[str, Location],
    parent: dict[str, str],
    complete: set[str],
    theta: Theta,
    most: int,
    family: str = "normal",
) -> tuple[float, dict[str, np.ndarray]]:
    """Log probability of all claims on one tree, and each toll's mass function.

    Every combination of tolls of leaves and remainders up to `most` is looked at. Claims have
    logistic errors; tolls the family given, whose mass beyond `most` should be nothing.
    """
    parts = {name: [p for p, w in parent.items() if w == name] for name in places}
    leaves = [name for name in places if not parts[name]]
    terms = leaves + [name for name in places if parts[name] and name not in complete]
    axes = np.ogrid[tuple(slice(0, most + 1) for _ in terms)]
    own = dict(zip(terms, axes, strict=True))

    def toll(name):
        if not parts[name]:
            return own[name]
        total = sum(toll(part) for part in parts[name])
        return total if name in complete else total + own[name]

    def prior(name, n):
        location = places[name] if name in leaves else Location([], places[name].group)
        return float(_prior(n, location, theta, family, 4))

    def likelihood(name, n):
        location = places[name]
        wrong = location.verified is not None and n != location.verified
        above = location.cap is not None and n > location.cap
        if n < location.floor or wrong or above:
            return 0.0
        return float(_likelihood(n, location, theta, "logistic", 4, None))

    tolls = {name: np.broadcast_to(toll(name), [most + 1] * len(terms)) for name in places}
    joint_mass = np.ones([most + 1] * len(terms))
    for name in terms:
        joint_mass = joint_mass * np.array([prior(name, n) for n in range(most + 1)])[own[name]]
    for name in places:
        table = np.array([likelihood(name, n) for n in range(tolls[name].max() + 1)])
        joint_mass = joint_mass * table[tolls[name]]
    total = joint_mass.sum()
    masses = {
        name: np.bincount(tolls[name].ravel(), joint_mass.ravel()) / total for name in places
    }
    return float(np.log(total)), masses
