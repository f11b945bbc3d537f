"""Estimates with an error of their own, against sums written out and against quadrature."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.stats import norm

import tollest as te
from tests._sums.written_out import BEYOND, FAMILIES, a_theta, written_out
from tests.contracts import check_likelihood_gradient
from tollest.priors import Censored, Fixed, HalfNormal, Never, Normal, Pooled, Priors

MOST = 400
ROWS = [
    ("Arden", "survey", 90, 40, 130, None, None), ("Arden", "press", 60, None, None, None, None),
    ("Arden", "clinic", 75, None, None, None, 0.3), ("Brook", "survey", 4, 0, 30, None, None),
    ("Brook", "press", 0, None, None, None, None), ("Corley", "clinic", 20, 15, 20, None, None),
    ("Corley", "press", 20, None, None, None, None), ("Corley", "survey", 25, None, None, 6, None),
]  # fmt: skip
COLUMNS = ["location", "source", "count", "lower", "upper", "sd", "log_sd"]


def world(family="logistic"):
    table = pd.DataFrame(ROWS, columns=COLUMNS).assign(cap=MOST)
    claims = te.Claims.from_table(table.astype({"lower": "Int64", "upper": "Int64"}))
    model = te.Model(noise=FAMILIES[family], support=te.Support(BEYOND))
    return claims, model.given(claims)


@pytest.mark.parametrize("family", list(FAMILIES))
def test_the_marginal_is_the_sum_written_out(family):
    claims, posterior = world(family)
    theta = a_theta(posterior, 1)

    value, _ = posterior.log_likelihood_and_gradient(theta)
    masses = posterior.parts[0].averaged([posterior.parameters(theta)])

    expected, of_locations = written_out(claims, posterior, theta, family)
    assert value == pytest.approx(expected, abs=2e-4)
    for i, pattern in enumerate(posterior.patterns):
        found = np.bincount(np.minimum(posterior.bins[0], MOST + 1), masses[pattern])
        assert_allclose(found[: MOST + 1], of_locations[i][: MOST + 1], atol=3e-5)


@pytest.mark.parametrize(
    ("family", "log_scatter"),
    # At the smaller scatters claims contradict each other beyond what products hold.
    [("logistic", -1.5), ("normal", -1.5), ("student", -1.5), ("logistic", -6.0)],
)
def test_the_gradient_is_that_of_differences(family, log_scatter):
    _, posterior = world(family)
    theta = a_theta(posterior, 2, log_scatter=log_scatter)

    check_likelihood_gradient(posterior, theta, rtol=1e-3, noise=1e-9)


# As `bayesmeta` and `metafor` have it: a synthesis of studies with known standard errors.
STUDIES = [(1139, 0.06), (822, 0.14), (1191, 0.16), (2975, 0.055), (4645, 0.6)]


def synthesis(heterogeneity):
    """Priors under which studies differ by one spread, and by nothing else."""
    return Priors(
        mu=Normal(np.log(1000), 2.0), tau=Fixed(5.0), bias=Pooled(Fixed(0.0), Fixed(0.0)),
        log_scatter=Pooled(heterogeneity, Fixed(0.0)), logit_repeat=Never(),
        common_bias=Fixed(0.0),
    )  # fmt: skip


def test_without_biases_it_is_a_synthesis_of_studies():
    table = pd.DataFrame(STUDIES, columns=["count", "log_sd"])
    table = table.assign(location="Maria", source=list("abcde"))
    model = te.Model(
        noise=FAMILIES["normal"], toll=FAMILIES["normal"], priors=synthesis(HalfNormal(0.5))
    )

    estimate = te.estimate(te.Claims.from_table(table), model=model, rng=1, progress=False)

    values, errors = np.log1p(np.array(STUDIES)[:, 0]), np.array(STUDIES)[:, 1]
    x = np.linspace(4.0, 12.0, 4001)

    def at(s):
        like = norm.pdf(values[:, None], x, np.hypot(errors, s)[:, None]).prod(axis=0)
        return like * norm.pdf(s, 0.0, 0.5)

    scales = np.linspace(1e-4, 3.0, 3000)
    mass = sum(at(s) for s in scales) * norm.pdf(x, np.log(1000), np.hypot(2.0, 5.0))
    cdf = np.cumsum(mass) / mass.sum()
    for prob in (0.05, 0.5, 0.95):
        expected = np.expm1(np.interp(prob, cdf, x))
        assert estimate.quantile(prob)["Maria"] == pytest.approx(expected, rel=0.02)


# Published deaths, with 95 % intervals: a hurricane by five studies, a war by two surveys and a
# count of reports; and what `bayesmeta` makes of them with the same prior of heterogeneity.
MARIA = [("a", 1139, 1006, 1272), ("b", 822, 605, 1039), ("c", 1191, 836, 1544),
         ("d", 2975, 2658, 3290), ("e", 4645, 793, 8498)]  # fmt: skip
IRAQ = [("ifhs", 151_000, 104_000, 223_000), ("lancet", 601_027, 426_369, 793_663)]


@pytest.mark.parametrize(
    ("studies", "floor", "centre", "published"),
    [(MARIA, 0, 1000, (1543, 964, 2585)), (IRAQ, 47_668, 100_000, (305_143, 125_431, 732_561))],
)
def test_published_syntheses_are_met(studies, floor, centre, published):
    table = pd.DataFrame(studies, columns=["source", "count", "lower", "upper"])
    table = table.assign(location="there", kind="estimate")
    if floor:
        listed = pd.DataFrame({"source": ["reports"], "count": [floor], "location": ["there"]})
        table = pd.concat([table, listed.assign(kind="documented")])
    table = table.astype({"lower": "Int64", "upper": "Int64"})
    priors = replace(
        synthesis(HalfNormal(0.5)), mu=Normal(np.log(centre), 2.0), tau=HalfNormal(1.0),
        log_list_shortfall=Censored(),
    )  # fmt: skip
    model = te.Model(noise=FAMILIES["normal"], priors=priors)

    estimate = te.estimate(te.Claims.from_table(table), model=model, rng=1, progress=False)

    found = estimate.table(ci_prob=0.9).iloc[0][["median", "lower", "upper"]].astype(float)
    assert_allclose(found["median"], published[0], rtol=0.10)
    assert_allclose(found[["lower", "upper"]], published[1:], rtol=0.15)


def test_a_survey_alone_is_not_taken_for_the_prior():
    row = pd.DataFrame([MARIA[-1]], columns=["source", "count", "lower", "upper"])
    priors = Priors(mu=Normal(np.log(1000), 2.0))

    estimate = te.estimate(
        te.Claims.from_table(row.assign(location="Maria")), model=te.Model(priors=priors), rng=1,
        progress=False,
    )  # fmt: skip

    assert estimate.table()["median"].iloc[0] > 3000
