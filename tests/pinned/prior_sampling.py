"""One location's toll by prior sampling alone: the numbers in prior_sampling.json.

Regenerate from the root of the repository, in about a quarter of an hour on one core::

    python -m tests.pinned.prior_sampling
"""

import json
import platform
from pathlib import Path

import numpy as np
import scipy

from tests.reference import Location, prior_sampled_toll_quantiles

Q = (0.05, 0.5, 0.95)
TARGET = Path(__file__).with_name("prior_sampling.json")
SEED = 20_240_117
FEW = {"n_draws": 400_000, "singles": 300, "width": 0.02}
MANY = {"n_draws": 1_000_000, "singles": 200, "width": 0.02}
# Nine different counts fit few draws of the scatter and the spread of biases: hence inner draws,
# and a sum no further than tolls that could matter.
CLOSE = {
    "n_draws": 200_000,
    "inner": 20,
    "chunk": 25,
    "singles": 120,
    "width": 0.05,
    "top": 400,
}
LARGE = {"n_draws": 400_000, "singles": 200, "width": 0.008}


def counts(*values):
    """One count each from as many sources."""
    return [(source, value, value, True) for source, value in enumerate(values)]


def one(value):
    """A number of one source that repeats no figure."""
    return [(0, value, value, False)]


AT_LEAST_17 = [(0, 17, None, False)]
CASES = {
    "3": (counts(3), FEW),
    "10": (counts(10), FEW),
    "100": (counts(100), FEW),
    "1383": (counts(1383), LARGE),
    "1383 and 803": (counts(1383, 803), LARGE),
    "5 and 21": (counts(5, 21), FEW),
    "40 twice": (counts(40, 40), FEW),
    "40 ten times": (counts(*[40] * 10), MANY),
    "36 to 44": (counts(*range(36, 45)), CLOSE),
    "at least 17": (AT_LEAST_17, FEW | {"top": 10**9}),
    "at least 17, summed to 60000": (AT_LEAST_17, FEW),
    "at least 17, cap 60000": (AT_LEAST_17, FEW | {"capped": True}),
}
# What a bound, a list of names and a claim of 0 say; those above take bounds as limits.
BOUND = {"n_draws": 30_000, "chunk": 100, "singles": 60, "width": 0.05, "top": 10**7}
SAID = {"n_draws": 400_000, "singles": 300, "width": 0.02, "top": 10**7}
FORMS = {
    "at least 2, short of it": (Location(one(2), bounds={0: 1}), BOUND),
    "at least 17, short of it": (Location(one(17), bounds={0: 1}), BOUND),
    "at least 4000, short of it": (Location(one(4000), bounds={0: 1}), BOUND),
    "at most 30, beyond it": (Location(one(30), bounds={0: -1}), BOUND),
    "a list of 111": (Location([], floor=111, listed=111), SAID),
    "0 that may be a denial": (Location(counts(0), deny=True), SAID),
    "0 and 12": (Location(counts(0, 12), deny=True), SAID),
    "0 and 400": (Location(counts(0, 400), deny=True), SAID),
    "0 three times": (Location(counts(0, 0, 0), deny=True), SAID),
}


def sampled(location: Location, settings: dict) -> dict:
    """One case."""
    posterior = prior_sampled_toll_quantiles(location, Q, rng=SEED, **settings)
    known = {"bounds": location.bounds, "listed": location.listed, "deny": location.deny}
    return {
        "claims": location.claims,
        **{name: value for name, value in known.items() if value},
        "settings": settings,
        "quantiles": posterior.whole_quantiles.tolist(),
        "smooth_quantiles": posterior.quantiles.round(4).tolist(),
        "mcse": posterior.mcse.round(4).tolist(),
        "ess": round(posterior.ess),
        "log_marginal": round(posterior.log_marginal, 5),
        "log_marginal_mcse": round(posterior.log_marginal_mcse, 5),
    }


def regenerate() -> dict:
    """Every case, with its settings and how good it is."""
    plain = {name: (Location(claims), settings) for name, (claims, settings) in CASES.items()}
    cases = {
        name: sampled(location, settings) for name, (location, settings) in (plain | FORMS).items()
    }
    return {
        "about": "Posterior tolls of one location under the default priors, by weighing draws "
        "from the priors. claims: source, lower, upper (null is infinity), repeats. quantiles: "
        "smallest whole number n with P(N <= n) >= q. smooth_quantiles: the mass of n spread "
        "evenly over n - 1/2 to n + 1/2; mcse is theirs.",
        "command": "python -m tests.pinned.prior_sampling",
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scipy": scipy.__version__,
        },
        "seed": SEED,
        "q": Q,
        "cases": cases,
    }


if __name__ == "__main__":
    TARGET.write_text(json.dumps(regenerate(), indent=1) + "\n", encoding="utf-8")
