"""Tolls of one location against an independent prior-sampling reference, pinned."""

import json
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

import tollest as te
from tests.conftest import LIMITS

PINNED = json.loads((Path(__file__).parents[1] / "pinned" / "prior_sampling.json").read_text())[
    "cases"
]
QUANTILES = (0.05, 0.5, 0.95)


KINDS = {1: "at_least", -1: "at_most"}


@cache
def estimate(name):
    case, cap = PINNED[name], {"at least 17, cap 60000": 60_000}.get(name)
    bounds = {int(source): KINDS[sign] for source, sign in case.get("bounds", {}).items()}
    rows = [
        ("Arden", f"source {s:02d}", "at_least" if high is None else bounds.get(s, "count"), low)
        for s, low, high, _ in case["claims"]
    ]
    if "listed" in case:
        rows.append(("Arden", "registry", "documented", case["listed"]))
    table = pd.DataFrame(rows, columns=["location", "source", "kind", "count"])
    if cap is not None:
        table["cap"] = cap
    # A bound without a word on how far it falls short was sampled as a limit.
    priors = te.priors.Priors() if {"bounds", "listed", "deny"} & set(case) else LIMITS
    claims = te.Claims.from_table(table)
    return te.estimate(claims, model=te.Model(priors=priors), rng=20_240_117, progress=False)


@pytest.mark.parametrize(
    "name",
    [
        # Where sources are many, NUTS takes over.
        pytest.param(name, marks=pytest.mark.slow) if len(case["claims"]) > 2 else name
        for name, case in PINNED.items()
        if "summed" not in name
    ],
)
def test_quantiles_agree_with_prior_sampling(name):
    case, result = PINNED[name], estimate(name)
    assert not result.doubts
    for q, expected, mcse in zip(QUANTILES, case["smooth_quantiles"], case["mcse"], strict=True):
        actual = int(result.quantile(q)["Arden"])
        # The quantile's own error comes from theta: the chance of the pinned number, give or
        # take what an ESS of the estimate's leaves open; and one death for whole numbers.
        spread = 4.0 * (q * (1.0 - q) / result.theta.ess) ** 0.5
        low = int(result.quantile(max(q - spread, 0.0))["Arden"])
        high = int(result.quantile(min(q + spread, 1.0))["Arden"])
        assert low - 1 - 4 * mcse <= expected <= high + 1 + 4 * mcse, (q, actual, expected)


@pytest.mark.slow
def test_agreement_is_evidence_of_a_common_figure_before_accuracy():
    def width(name):
        q = estimate(name).quantile(list(QUANTILES)).iloc[0]
        return q[0.95] - q[0.05]

    # Ten that say 40 tell little more than two; nine different numbers near 40 tell more.
    assert width("36 to 44") < 0.6 * width("40 ten times")
    assert width("40 ten times") > 0.85 * width("40 twice")
