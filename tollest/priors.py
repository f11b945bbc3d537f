"""Priors: what is believed about tolls and sources before any claim is read.

Every prior is a field of `Priors` and can be replaced with ``dataclasses.replace``. Biases and
scatters live on the log1p scale of counts, where a bias of 0.1 means 10 % too many.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Normal:
    """Normal distribution with a mean and a standard deviation.

    Raises
    ------
    ValueError
        If `mean` is not finite or `sd` is not positive and finite.
    """

    mean: float
    sd: float

    def __post_init__(self) -> None:
        """Refuse what is no mean or no standard deviation."""
        if not math.isfinite(self.mean):
            raise ValueError(f"mean is {self.mean}; a normal prior's mean is finite.")
        if not 0 < self.sd < math.inf:
            raise ValueError(f"sd is {self.sd}; it is positive (for a known value use Fixed).")


@dataclass(frozen=True)
class HalfNormal:
    """Absolute value of a normal with mean 0 and standard deviation `sd`.

    Raises
    ------
    ValueError
        If `sd` is not positive and finite.
    """

    sd: float

    def __post_init__(self) -> None:
        """Refuse what is no standard deviation."""
        if not 0 < self.sd < math.inf:
            raise ValueError(f"sd is {self.sd}; it is positive (for a known value use Fixed).")


@dataclass(frozen=True)
class Fixed:
    """A known value.

    Raises
    ------
    ValueError
        If `value` is not finite.
    """

    value: float

    def __post_init__(self) -> None:
        """Refuse what is no number."""
        if not math.isfinite(self.value):
            raise ValueError(f"value is {self.value}; a known value is finite.")


@dataclass(frozen=True)
class Pooled:
    """Effects of sources, drawn from one normal population whose mean and sd are learnt.

    Parameters
    ----------
    mean : Normal or Fixed
        Prior of the population's mean.
    sd : HalfNormal or Fixed
        Prior of the population's standard deviation.

    Raises
    ------
    ValueError
        If a fixed `sd` is not positive.
    """

    mean: Normal | Fixed
    sd: HalfNormal | Fixed

    def __post_init__(self) -> None:
        """Refuse a fixed standard deviation that is none."""
        if isinstance(self.sd, Fixed) and self.sd.value <= 0:
            raise ValueError(f"sd is {self.sd.value}; a population's sd is positive.")


@dataclass(frozen=True)
class Never:
    """Sources never repeat a figure: all are independent.

    Agreement then counts as evidence of accuracy, and intervals shrink as sources multiply.
    """


@dataclass(frozen=True)
class Source:
    """What is known of one source, in place of the population's prior.

    A field left None keeps the pooled prior. ``Source(bias=Fixed(0.0))`` makes a reference
    source; ``Source(bias=Normal(-0.2, 0.1))`` one believed to count about 20 % too few.

    Parameters
    ----------
    bias : Normal, Fixed or None
        Bias on the log1p scale.
    log_scatter : Normal, Fixed or None
        Natural log of the scatter.
    logit_repeat : Normal, Fixed or None
        Log odds of repeating the figure in circulation.
    """

    bias: Normal | Fixed | None = None
    log_scatter: Normal | Fixed | None = None
    logit_repeat: Normal | Fixed | None = None


@dataclass(frozen=True)
class Priors:
    """All priors of a `Model`, with defaults for conflict and disaster tolls.

    Parameters
    ----------
    mu : Normal or Fixed
        Centre of the tolls on the log1p axis: 2 is about 6 deaths.
    group_sd : HalfNormal or Fixed
        Spread of the groups' centres around `mu`, where locations have groups.
    tau : HalfNormal or Fixed
        Scale of the tolls on the log1p axis.
    bias : Pooled
        Biases of the sources.
    log_scatter : Pooled
        Natural logs of the sources' scatters.
    logit_repeat : Pooled or Never
        Log odds that a source's count repeats the figure in circulation.
    log_figure_scatter : Normal or Fixed
        Natural log of the figure's own scatter around the toll.
    common_bias : Normal or Fixed
        Bias shared by all sources and figures. It is not identified without verified tolls:
        the data cannot tell a common bias from larger or smaller tolls, so this prior is a
        floor under every interval's width.
    sources : mapping of str to Source
        Overrides for sources known better than the rest.
    """

    mu: Normal | Fixed = Normal(2.0, 2.0)
    group_sd: HalfNormal | Fixed = HalfNormal(0.5)
    tau: HalfNormal | Fixed = HalfNormal(1.0)
    bias: Pooled = Pooled(Fixed(0.0), HalfNormal(0.3))
    log_scatter: Pooled = Pooled(Normal(math.log(0.15), 0.5), HalfNormal(0.5))
    logit_repeat: Pooled | Never = Pooled(Normal(0.0, 1.5), HalfNormal(1.0))
    log_figure_scatter: Normal | Fixed = Normal(math.log(0.15), 0.5)
    common_bias: Normal | Fixed = Normal(0.0, 0.1)
    sources: Mapping[str, Source] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse fixed scales that are none."""
        for name in ("tau", "group_sd"):
            prior = getattr(self, name)
            if isinstance(prior, Fixed) and prior.value <= 0:
                raise ValueError(f"{name} is fixed at {prior.value}; a scale is positive.")
