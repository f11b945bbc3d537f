"""Intervals that cannot err, such as suppressed cells."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import tollest as te
from tests.conftest import claims_of, guessed
from tollest import noise
from tollest.claims import UNBOUNDED, ClaimsError

COLUMNS = "location source kind lower upper count"


def cells(*rows):
    table = pd.DataFrame(rows, columns=["location", "source", "kind", "wording"])
    return te.Claims.from_table(table)


@pytest.mark.parametrize(
    ("wording", "least", "most"),
    [("1-9", 1, 9), ("<10", 0, 9), ("10-50", 10, 50), ("1\u20139", 1, 9), ("at least 4", 4, None),
     ("a few", 3, 9)],
)  # fmt: skip
def test_a_suppressed_cell_bounds_the_toll_for_certain(wording, least, most):
    words = te.wording.WORDS.extended({"a few": (3, 9)})
    table = pd.DataFrame({
        "location": ["Arden"], "source": ["office"], "kind": ["within"], "wording": [wording],
    })  # fmt: skip
    claims = te.Claims.from_table(table, words=words)

    assert claims.n_claims == 0
    assert claims.least.tolist() == [least]
    assert claims.most.tolist() == [UNBOUNDED if most is None else most]
    assert claims.ceiling.tolist() == claims.most.tolist()
    assert "with 1 certain interval" in repr(claims)
    frame = claims.to_frame()
    pd.testing.assert_frame_equal(te.Claims.from_table(frame).to_frame(), frame)


def test_several_intervals_leave_what_all_of_them_leave():
    claims = cells(("Arden", "office", "within", "1-9"), ("Arden", "state", "within", "<5"),
                   ("Arden", "names", "documented", "2"))  # fmt: skip

    assert (claims.least.tolist(), claims.most.tolist()) == ([2], [4])
    assert claims.documented.tolist() == [2]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("Arden", "court", "verified", "12"), "the toll is within 1 to 9, but 12 by row 1"),
        (("Arden", "state", "within", "10-50"), "leave 10 or more"),
        (("Arden", "names", "documented", "11"), "leave 11 or more"),
        (("Arden", "state", "within", "about 5"), "kind is 'within', but 'about 5' reads as"),
        (("Arden", "state", "within", "7"), "kind is 'within', which needs lower, upper or both"),
    ],
)
def test_what_contradicts_a_certain_interval_is_refused(row, message):
    with pytest.raises(ClaimsError) as error:
        cells(("Arden", "office", "within", "1-9"), row)
    assert message in str(error.value)


def test_no_toll_outside_has_mass_and_the_prior_is_not_cut_by_it():
    rows = [("Arden", "office", "within", 1, 9, None), ("Arden", "press", "count", None, None, 12),
            ("Brook", "press", "count", None, None, 6)]  # fmt: skip
    claims = claims_of(rows, COLUMNS)
    posterior = te.Model(support=te.Support(400)).given(claims)
    theta = np.zeros(posterior.n_theta)

    estimate = guessed(claims)
    pmf = estimate.pmf("Arden")

    assert pmf["first"].min() >= 1
    assert pmf["last"].max() <= 9
    # Evidence, not a truncated prior: the likelihood is a sum over the tolls inside.
    without = te.Model(support=te.Support(400)).given(claims_of(rows[1:], COLUMNS))
    inside = without.parts[0].averaged([without.parameters(theta)])[without.patterns[0]]
    share = inside[np.isin(without.bins[0], np.arange(1, 10))].sum()
    difference = posterior.log_density(theta) - without.log_density(theta)
    assert difference == pytest.approx(np.log(share), abs=1e-9)


def test_a_lone_cell_has_the_prior_within_it():
    claims = claims_of([("Arden", "office", "within", 1, 9, None)], COLUMNS)
    estimate = guessed(claims)
    pmf = estimate.pmf("Arden")

    mu, tau = (estimate.theta.flat[:, i] for i in (0, 1))
    mu = estimate.theta.flat[:, estimate.posterior.theta_names.index("mu")]
    tau = np.exp(estimate.theta.flat[:, estimate.posterior.theta_names.index("log_tau")])
    n = np.arange(1, 10)
    masses = np.array([
        [noise.mass(k, k, m, t).item() for k in n] for m, t in zip(mu, tau, strict=True)
    ])  # fmt: skip
    expected = (masses / masses.sum(axis=1, keepdims=True)).mean(axis=0)
    assert_allclose(pmf["probability"], expected, rtol=1e-6)


def test_cells_of_a_known_whole_add_up_to_it():
    rows = [("State", "office", "verified", None, None, 150, None),
            ("City", "office", "verified", None, None, 114, "State"),
            *((f"County {i}", "office", "within", 1, 9, None, "State") for i in range(4)),
            ("Rest", "office", "within", 10, 50, None, "State")]  # fmt: skip
    claims = claims_of(rows, f"{COLUMNS} parent", complete=["State"])

    draws = guessed(claims).draws()

    names = list(claims.locations)
    parts = [names.index(name) for name in names if name not in ("State", "City")]
    assert (draws[:, parts].sum(axis=1) == 36).all()
    counties = [names.index(f"County {i}") for i in range(4)]
    assert draws[:, counties].min() >= 1
    assert draws[:, counties].max() <= 9
    assert draws[:, names.index("Rest")].min() >= 10


def test_an_audit_says_what_a_certain_interval_does():
    rows = [
        ("Arden", "office", "within", 1, 9, None), ("Arden", "press", "count", None, None, 40),
        ("Arden", "clinic", "count", None, None, 35), ("Brook", "press", "count", None, None, 6),
    ]  # fmt: skip
    estimate = te.estimate(claims_of(rows, COLUMNS), rng=1, progress=False)

    table = te.diagnostics.audit(estimate, "Arden").table().set_index("source")

    assert table.loc["office", "median_without"] > 20
    assert table.loc["office", "p_value"] < 0.05
