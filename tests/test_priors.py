"""Priors are values: frozen, replaceable, checked when they are made."""

import math
from dataclasses import FrozenInstanceError, replace

import pytest

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
        common_bias=Normal(0, 0.1),
        sources={},
    )


SD = "sd is {}; it is positive (for a known value use Fixed)."


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Normal(math.nan, 1), "mean is nan; a normal prior's mean is finite."),
        (lambda: Normal(math.inf, 1), "mean is inf; a normal prior's mean is finite."),
        (lambda: Normal(0, 0), SD.format(0)),
        (lambda: Normal(0, -0.1), SD.format(-0.1)),
        (lambda: Normal(0, math.inf), SD.format(math.inf)),
        (lambda: Normal(0, math.nan), SD.format(math.nan)),
        (lambda: HalfNormal(0.0), SD.format(0.0)),
        (lambda: HalfNormal(math.inf), SD.format(math.inf)),
        (lambda: Fixed(math.nan), "value is nan; a known value is finite."),
        (lambda: Fixed(-math.inf), "value is -inf; a known value is finite."),
        (
            lambda: Pooled(Fixed(0), Fixed(0.0)),
            "sd is 0.0; a population's sd is positive.",
        ),
        (lambda: Priors(tau=Fixed(0.0)), "tau is fixed at 0.0; a scale is positive."),
        (lambda: Priors(group_sd=Fixed(-1)), "group_sd is fixed at -1; a scale is positive."),
    ],
)
def test_what_is_no_prior_is_refused_with_its_value(make, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole text is compared
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
