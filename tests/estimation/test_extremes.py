"""Absurd priors, noise, supports and claims: an answer, or one error of the library."""

import math
import warnings

import numpy as np
import pytest

import tollest as te
from tests.conftest import claims_of
from tollest.priors import Fixed, HalfNormal, Never, Normal, Pooled, Priors, Source

pytestmark = [pytest.mark.slow, pytest.mark.grid]

FEW = [
    ("Arden", "press", 5), ("Arden", "clinic", 21), ("Brook", "press", 40),
    ("Brook", "staff", 40), ("Corley", "clinic", 0), ("Corley", "staff", 9),
]  # fmt: skip
COLUMNS = "location source count"
# What is refused, is refused by one of these, in a sentence.
ERRORS = (te.ClaimsError, te.FailedEstimate, ValueError, TypeError)


def pooled(centre, spread):
    return Pooled(Normal(*centre), HalfNormal(spread))


PRIORS = {
    "mu of sd 1e3": lambda: {"mu": Normal(0.0, 1e3)},
    "mu of sd 1e6": lambda: {"mu": Normal(0.0, 1e6)},
    "mu of sd 1e300": lambda: {"mu": Normal(0.0, 1e300)},
    "mu of sd 1e-12": lambda: {"mu": Normal(2.0, 1e-12)},
    "mu at 40": lambda: {"mu": Normal(40.0, 1.0)},
    "mu at -40": lambda: {"mu": Normal(-40.0, 1.0)},
    "tau of 1e-12": lambda: {"tau": HalfNormal(1e-12)},
    "tau of 1e6": lambda: {"tau": HalfNormal(1e6)},
    "tau fixed at the least": lambda: {"tau": Fixed(1e-3)},
    "tau fixed at the most": lambda: {"tau": Fixed(20.0)},
    "biases of 10": lambda: {"bias": Pooled(Fixed(0.0), HalfNormal(10.0))},
    "biases of 1e6": lambda: {"bias": Pooled(Fixed(0.0), HalfNormal(1e6))},
    "scatters of 1e-3": lambda: {"log_scatter": pooled((math.log(1e-3), 0.1), 0.1)},
    "scatters of 20": lambda: {"log_scatter": pooled((math.log(20.0), 0.1), 0.1)},
    "scatters of any size": lambda: {"log_scatter": pooled((0.0, 10.0), 10.0)},
    "repeats for certain": lambda: {"logit_repeat": pooled((50.0, 0.1), 0.1)},
    "repeats never": lambda: {"logit_repeat": Never()},
    "repeats of 1e6": lambda: {"logit_repeat": pooled((1e6, 1.0), 1.0)},
    "repeats of any odds": lambda: {"logit_repeat": pooled((0.0, 10.0), 10.0)},
    "a figure without error": lambda: {"log_figure_scatter": Fixed(math.log(1e-3))},
    "a figure of any error": lambda: {"log_figure_scatter": Normal(0.0, 10.0)},
    "a common bias of 10": lambda: {"common_bias": Normal(0.0, 10.0)},
    "a common bias of 1e9": lambda: {"common_bias": Normal(0.0, 1e9)},
    "denials for certain": lambda: {"logit_denial": pooled((20.0, 0.1), 0.1)},
    "one source of absurd bias": lambda: {"sources": {"press": Source(bias=Normal(30.0, 0.1))}},
}
NOISES = {
    "Student t of 1e300": lambda: te.noise.StudentT(1e300),
    "Student t of 1e-300": lambda: te.noise.StudentT(1e-300),
    "Student t of 0.05": lambda: te.noise.StudentT(0.05),
    "Student t of 1e6": lambda: te.noise.StudentT(1e6),
    "normal": te.noise.Normal,
}
SUPPORTS = {
    "one number a bin": lambda: te.Support(100_000),
    "bins as wide as can be": lambda: te.Support(1, 1.0),
    "bins of nothing": lambda: te.Support(100, 1e-300),
    "no bins": lambda: te.Support(0),
}
CLAIMS = {
    "nothing but zeros": [("Arden", f"s{j}", 0) for j in range(5)],
    "the most people": [("Arden", "press", 9_999_999_999), ("Arden", "clinic", 9_999_999_999)],
    "more people than there are": [("Arden", "press", 10**30)],
    "none and a thousand million": [("Arden", "press", 0), ("Arden", "clinic", 10**9)],
    "the same number forty times": [("Arden", f"s{j}", 400) for j in range(40)],
    "one source of a thousand claims": [(f"L{i}", "press", i % 50) for i in range(1000)],
    "a thousand numbers far apart": [(f"L{i}", "press", 7**i) for i in range(12)],
}  # fmt: skip


def check(claims, model):
    """Estimate; where the library refuses, that is a sentence, and anything else fails."""
    refused = ""
    with warnings.catch_warnings():
        # An answer may say that it is doubtful; nothing may leak from within.
        warnings.simplefilter("error", RuntimeWarning)
        warnings.simplefilter("ignore", te.DoubtfulEstimate)
        try:
            made = claims_of(claims, COLUMNS)
            table = te.estimate(made, model=model(), rng=1, progress=False).table()
        except ERRORS as error:
            refused = str(error)
    if refused:
        assert refused.endswith(".")
        assert len(refused) > 20
        return
    assert np.isfinite(table["median"]).all()
    assert (table["lower"] <= table["median"]).all()
    assert (table["median"] <= table["upper"]).all()


@pytest.mark.parametrize("name", PRIORS)
def test_absurd_priors(name):
    check(FEW, lambda: te.Model(priors=Priors(**PRIORS[name]())))


@pytest.mark.parametrize("name", NOISES)
def test_absurd_noise(name):
    check(FEW, lambda: te.Model(noise=NOISES[name]()))


@pytest.mark.parametrize("name", SUPPORTS)
def test_absurd_supports(name):
    check(FEW, lambda: te.Model(support=SUPPORTS[name]()))


@pytest.mark.parametrize("name", CLAIMS)
def test_absurd_claims(name):
    check(CLAIMS[name], te.Model)
