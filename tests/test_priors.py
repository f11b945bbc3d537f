"""Priors are values: frozen, replaceable, checked when they are made."""

import math
from dataclasses import FrozenInstanceError, replace

import pytest

from tests.contracts import check_prior
from tollest.priors import Fixed, HalfNormal, Never, Normal, Pooled, Priors, Source


def test_defaults_are_those_of_the_model():
    assert Priors() == Priors(
        mu=Normal(2, 2),
        group_sd=HalfNormal(0.5),
        tau=HalfNormal(1),
        bias=Pooled(Fixed(0), HalfNormal(0.3)),
        log_scatter=Pooled(Normal(math.log(0.15), 0.5), HalfNormal(0.5)),
        logit_repeat=Pooled(Normal(0, 1.5), HalfNormal(1)),
        log_figure_scatter=Normal(math.log(0.15), 0.5),
        logit_near_copy=Normal(-1.4, 1.0),
        log_copy_scatter=Normal(math.log(0.005), 0.7),
        common_bias=Normal(0, 0.1),
        sources={},
    )


SCATTER = (
    "{} is fixed at {}; a scatter lies between 0.001 and 20, so its log between -6.91 and 3.00: "
    "Fixed(math.log(0.15)) is an error of about 15 %."
)
SD = "sd is {}; it is positive (for a known value use Fixed)."


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Normal(math.nan, 1), "mean is nan; it is finite."),
        (lambda: Normal(math.inf, 1), "mean is inf; it is finite."),
        (lambda: Normal(0, 0), SD.format(0)),
        (lambda: Normal(0, -0.1), SD.format(-0.1)),
        (lambda: Normal(0, math.inf), SD.format(math.inf)),
        (lambda: Normal(0, math.nan), SD.format(math.nan)),
        (lambda: HalfNormal(0.0), SD.format(0.0)),
        (lambda: HalfNormal(math.inf), SD.format(math.inf)),
        (lambda: Fixed(math.nan), "value is nan; it is finite."),
        (lambda: Fixed(-math.inf), "value is -inf; it is finite."),
        (lambda: Fixed(1e6), "value is 1e+06; on the log scale it lies between -100 and 100."),
        (
            lambda: Normal(1e300, 1),
            "mean is 1e+300; on the log scale it lies between -100 and 100.",
        ),
        (
            lambda: HalfNormal(1e300),
            "sd is 1e+300; on the log scale it lies between 1e-06 and 1000 "
            "(for a known value use Fixed).",
        ),
        (
            lambda: Pooled(Fixed(0), HalfNormal(50)),
            "sd of a population is 50; sources that differ by more than 10 on the log scale are "
            "none.",
        ),
        (
            lambda: Pooled(Fixed(0), Fixed(-1.0)),
            "sd is -1.0; a population's sd is positive, or 0.",
        ),
        (lambda: Priors(tau=Fixed(0.0)), "tau is fixed at 0.0; a scale is positive."),
        (lambda: Priors(group_sd=Fixed(-1)), "group_sd is fixed at -1; a scale is positive."),
        (lambda: Source(log_scatter=Fixed(-7)), SCATTER.format("log_scatter", -7)),
        (lambda: Source(log_scatter=Fixed(15)), SCATTER.format("log_scatter", 15)),
        (
            lambda: Priors(log_figure_scatter=Fixed(3.1)),
            SCATTER.format("log_figure_scatter", 3.1),
        ),
        (
            lambda: Priors(log_scatter=Pooled(Fixed(-9), HalfNormal(1))),
            SCATTER.format("the mean of log_scatter", -9),
        ),
    ],
)
def test_what_is_no_prior_is_refused_with_its_value(make, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole text is compared
        make()

    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Source(bias=0.1),
            "bias of Source is 0.1; it is Normal or Fixed or None; for a known value use "
            "Fixed(0.1).",
        ),
        (
            lambda: Source(log_scatter=HalfNormal(1)),
            "log_scatter of Source is HalfNormal(sd=1); it is Normal or Fixed or None.",
        ),
        (
            lambda: Source(logit_repeat=Never()),
            "logit_repeat of Source is Never, which is for all sources: "
            "Priors(logit_repeat=Never()). For one source use Fixed(-20.0).",
        ),
        (
            lambda: Pooled(0.0, HalfNormal(1)),
            "mean of Pooled is 0.0; it is Normal or HalfNormal or Fixed; for a known value use "
            "Fixed(0.0).",
        ),
        (
            lambda: Pooled(Fixed(0), Normal(0, 1)),
            "sd of Pooled is Normal(mean=0, sd=1); it is HalfNormal or Fixed.",
        ),
        (
            lambda: Priors(bias=Normal(0, 1)),
            "bias of Priors is Normal(mean=0, sd=1); it is Pooled.",
        ),
        (
            lambda: Priors(tau=1.0),
            "tau of Priors is 1.0; it is HalfNormal or Fixed; for a known value use Fixed(1.0).",
        ),
        (
            lambda: Priors(sources={"press": Fixed(0.0)}),
            "sources['press'] is Fixed(value=0.0); it is a Source, such as "
            "Source(bias=Fixed(0.0)).",
        ),
        (
            lambda: Priors(sources=[Source()]),
            f"sources of Priors is {[Source()]!r}; it is Mapping.",
        ),
    ],
)
def test_what_is_another_type_is_refused_with_the_way_out(make, message):
    with pytest.raises(TypeError) as caught:
        make()

    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("prior", "name"),
    [
        (Normal(0, 1), "sd"),
        (HalfNormal(1), "sd"),
        (Fixed(0), "value"),
        (Pooled(Fixed(0), HalfNormal(1)), "mean"),
        (Source(), "bias"),
        (Priors(), "mu"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_priors_are_frozen(prior, name):
    with pytest.raises(FrozenInstanceError):
        setattr(prior, name, 1.0)


def test_a_field_is_replaced_and_the_rest_kept():
    priors = replace(Priors(), common_bias=Fixed(0.0), logit_repeat=Never())

    assert priors.common_bias == Fixed(0.0)
    assert priors.logit_repeat == Never()
    assert priors.log_scatter == Priors().log_scatter


def test_repr_reproduces_priors():
    priors = Priors(
        tau=Fixed(0.5),
        logit_repeat=Never(),
        sources={"agency": Source(bias=Normal(-0.2, 0.1), log_scatter=Fixed(-3.0))},
    )

    assert eval(repr(priors)) == priors


@pytest.mark.parametrize(
    "prior",
    [
        Priors(),
        Priors(mu=Normal(5, 0.5), tau=HalfNormal(0.4), common_bias=Normal(-0.2, 0.3)),
        Priors(mu=Fixed(1), tau=Fixed(0.5), common_bias=Fixed(0.1), log_figure_scatter=Fixed(-2)),
        Priors(bias=Pooled(Normal(0.1, 0.2), Fixed(0.4)), log_scatter=Pooled(Fixed(-2), Fixed(1))),
        Priors(logit_repeat=Never()),
        Priors(sources={"press": Source(Normal(1, 0.1), Fixed(-2), Normal(-1, 2))}),
    ],
    ids=["default", "scales", "fixed", "pooled", "never", "source"],
)
def test_every_prior_keeps_the_contract(prior):
    check_prior(prior, rng=5)
