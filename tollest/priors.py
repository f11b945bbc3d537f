"""Priors: what is believed about tolls and sources before any claim is read.

Every prior is a field of `Priors` and can be replaced with ``dataclasses.replace``. Biases and
scatters live on the log1p scale of counts, where a bias of 0.1 means 10 % too many.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

_LEAST_SCATTER, _MOST_SCATTER = 0.001, 20.0
# All unknowns are logs, or log odds: e to the 100 is more than any number of people, and a
# population of sources that differ by e to the 10 is none. A standard deviation of a thousand is
# flat. Within these limits samplers answer.
_MOST, _MOST_SPREAD, _LEAST_SD, _MOST_SD = 100.0, 10.0, 1e-6, 1000.0


def _check_sd(sd: float) -> None:
    """Refuse what is no standard deviation of a log."""
    if not 0 < sd < math.inf:
        raise ValueError(f"sd is {sd}; it is positive (for a known value use Fixed).")
    if not _LEAST_SD <= sd <= _MOST_SD:
        raise ValueError(
            f"sd is {sd:g}; on the log scale it lies between {_LEAST_SD:g} and {_MOST_SD:g} (for "
            "a known value use Fixed)."
        )


def _check_on_log_scale(name: str, value: float) -> None:
    """Refuse a number that is no log of anything."""
    if not math.isfinite(value):
        raise ValueError(f"{name} is {value}; it is finite.")
    if abs(value) > _MOST:
        raise ValueError(
            f"{name} is {value:g}; on the log scale it lies between -{_MOST:g} and {_MOST:g}."
        )


def _check(owner: object, name: str, allowed: tuple[type, ...]) -> None:
    """Refuse a field that is none of the types `allowed`."""
    value = getattr(owner, name)
    if not isinstance(value, allowed):
        types = " or ".join("None" if one is type(None) else one.__name__ for one in allowed)
        known = isinstance(value, int | float) and Fixed in allowed
        way_out = f"; for a known value use Fixed({value!r})" if known else ""
        message = f"{name} of {type(owner).__name__} is {value!r}; it is {types}{way_out}."
        raise TypeError(message)


def _check_scatter(name: str, prior: object) -> None:
    """Refuse a fixed log scatter that is no error any source makes."""
    if isinstance(prior, Fixed):
        least, most = math.log(_LEAST_SCATTER), math.log(_MOST_SCATTER)
        if not least <= prior.value <= most:
            raise ValueError(
                f"{name} is fixed at {prior.value}; a scatter lies between {_LEAST_SCATTER} and "
                f"{_MOST_SCATTER:g}, so its log between {least:.2f} and {most:.2f}: "
                "Fixed(math.log(0.15)) is an error of about 15 %."
            )


@dataclass(frozen=True)
class Normal:
    """Normal distribution with a mean and a standard deviation.

    Raises
    ------
    ValueError
        If `mean` or `sd` is no number of the log scale, or `sd` is not positive.
    """

    mean: float
    sd: float

    def __post_init__(self) -> None:
        """Refuse what is no mean or no standard deviation."""
        _check_on_log_scale("mean", self.mean)
        _check_sd(self.sd)


@dataclass(frozen=True)
class HalfNormal:
    """Absolute value of a normal with mean 0 and standard deviation `sd`.

    Raises
    ------
    ValueError
        If `sd` is not positive, or no number of the log scale.
    """

    sd: float

    def __post_init__(self) -> None:
        """Refuse what is no standard deviation."""
        _check_sd(self.sd)


@dataclass(frozen=True)
class Fixed:
    """A known value.

    Raises
    ------
    ValueError
        If `value` is no number of the log scale.
    """

    value: float

    def __post_init__(self) -> None:
        """Refuse what is no number."""
        _check_on_log_scale("value", self.value)


@dataclass(frozen=True)
class Pooled:
    """Effects of sources, drawn from one normal population whose mean and sd are learnt.

    Parameters
    ----------
    mean : Normal, HalfNormal or Fixed
        Prior of the population's mean; of scatters it may be half-normal, which is then that of
        the typical scatter itself, as in syntheses of studies, not of its log.
    sd : HalfNormal or Fixed
        Prior of the population's standard deviation; fixed at 0 all sources are alike.

    Raises
    ------
    ValueError
        If a fixed `sd` is negative, or a spread is above 10.
    TypeError
        If a field is no such prior.
    """

    mean: Normal | HalfNormal | Fixed
    sd: HalfNormal | Fixed

    def __post_init__(self) -> None:
        """Refuse what is no prior, and a fixed standard deviation that is none."""
        _check(self, "mean", (Normal, HalfNormal, Fixed))
        _check(self, "sd", (HalfNormal, Fixed))
        if isinstance(self.sd, Fixed) and self.sd.value < 0:
            raise ValueError(f"sd is {self.sd.value}; a population's sd is positive, or 0.")
        spreads = [self.sd.value if isinstance(self.sd, Fixed) else self.sd.sd]
        spreads += [self.mean.sd] if isinstance(self.mean, Normal) else []
        if max(spreads) > _MOST_SPREAD:
            raise ValueError(
                f"sd of a population is {max(spreads):g}; sources that differ by more than "
                f"{_MOST_SPREAD:g} on the log scale are none."
            )


@dataclass(frozen=True)
class Never:
    """Sources never repeat a figure, or never deny, or early numbers never fall short.

    Without figures all are independent: agreement then counts as evidence of accuracy, and
    intervals shrink as sources multiply. Without denials a claim of 0 is a count like others, and
    without early shortfalls one of the first hours is like one of a year later.
    """


@dataclass(frozen=True)
class Censored:
    """A bound says but that the toll is above it, or below: all such tolls are alike to it.

    "At least 17" then leaves open whether 18 or 18,000 died, and only the prior tells. A list of
    names is a floor, and not a word on how many are missing from it.
    """


@dataclass(frozen=True)
class Source:
    """What is known of one source, in place of the population's prior.

    A field left None keeps the pooled prior. ``Source(bias=Fixed(0.0))`` makes a reference
    source; ``Source(bias=Normal(-0.2, 0.1))`` one believed to count about 20 % too few.

    Parameters
    ----------
    bias : Normal, Fixed or None
        Natural log of the ratio of the source's counts to the toll, not the ratio itself:
        log(1.1) = 0.095 is 10 % too many, log(0.5) = -0.69 half of them, 0 no bias. Where
        locations have sides, a fixed one is that of every side, and biases by side spread
        around any other.
    log_scatter : Normal, Fixed or None
        Natural log of the scatter: log(0.15) = -1.9 is an error of about 15 % either way.
    logit_repeat : Normal, Fixed or None
        Log odds of repeating the figure in circulation: 0 is one count in two, 2 is 88 %, and
        ``Fixed(-20.0)`` never.
    logit_denial : Normal, Fixed or None
        Log odds of saying 0 whatever the toll: -4.6 is 1 %, and ``Fixed(-20.0)`` never.

    Raises
    ------
    TypeError
        If a field is no such prior.
    ValueError
        If the scatter is fixed below 0.001 or above 20.
    """

    bias: Normal | Fixed | None = None
    log_scatter: Normal | Fixed | None = None
    logit_repeat: Normal | Fixed | None = None
    logit_denial: Normal | Fixed | None = None

    def __post_init__(self) -> None:
        """Refuse what is no prior of one source."""
        for name in ("logit_repeat", "logit_denial"):
            if isinstance(getattr(self, name), Never):
                raise TypeError(
                    f"{name} of Source is Never, which is for all sources: "
                    f"Priors({name}=Never()). For one source use Fixed(-20.0)."
                )
        for name in ("bias", "log_scatter", "logit_repeat", "logit_denial"):
            _check(self, name, (Normal, Fixed, type(None)))
        _check_scatter("log_scatter", self.log_scatter)


@dataclass(frozen=True)
class Priors:
    """All priors of a `Model`, with defaults for conflict and disaster tolls.

    Parameters
    ----------
    mu : Normal or Fixed
        Centre of the tolls on the log1p axis: 2 is about 6 deaths.
    group_sd : HalfNormal or Fixed
        Spread of the groups' centres around `mu`, where locations have groups.
    level_sd : HalfNormal or Fixed
        Spread, where there are wholes and parts, of the centres of tolls by level: a village is no
        governorate, and what is not listed of one is neither. At 1.5 levels differ by a factor of
        five or more.
    effect : Normal
        Effects of covariates on the centre, each by one standard deviation: 0.5 is 65 % more.
    tau : HalfNormal or Fixed
        Scale of the tolls on the log1p axis.
    bias : Pooled
        Biases of the sources: natural logs of the ratio of their counts to the toll, where
        log(1.1) = 0.095 is 10 % too many.
    log_scatter : Pooled
        Natural logs of the sources' scatters.
    side_sd : HalfNormal or Fixed
        Spread of one source's biases over sides around its own bias, where locations have sides.
    logit_repeat : Pooled or Never
        Log odds that a source's count repeats the figure in circulation.
    log_figure_scatter : Normal or Fixed
        Natural log of the figure's own scatter around the toll.
    logit_near_copy : Normal, Fixed or Never
        Log odds that who repeats the figure states another number near it: updated, rounded,
        corrected. Only where some location has several counts.
    log_copy_scatter : Normal or Fixed
        Natural log of the scale of that change on the log1p axis: at a scale of 0.005 half of all
        changed copies are within 0.55 % of the figure.
    common_bias : Normal or Fixed
        Bias shared by all sources and figures, a natural log like theirs: the default of
        Normal(0, 0.1) is 10 % either way. It is not identified without verified tolls: the
        data cannot tell a common bias from larger or smaller tolls, so this prior is a floor
        under every interval's width.
    log_shortfall : Normal, Fixed or Censored
        Natural log of the scale by which bounds miss the toll: "at least" falls short of it, "at
        most" goes beyond it, by an exponential amount on the log1p axis. At a scale of 0.5 half
        of all bounds are within a factor of 1.4 of the toll.
    log_list_shortfall : Normal, Fixed or Censored
        The same of lists of names (`documented`), which besides are certain floors.
    log_early_shortfall : Normal, Fixed or Never
        Natural log of the scale by which what is known at the onset falls short of the toll, by an
        exponential amount on the log1p axis that all claims of an age share. At a scale of 1.7
        half of all tolls are more than three times what is known. Only where locations have an
        onset.
    log_early_excess : Normal or Fixed
        Natural log of the scale by which what is known exceeds the toll at the same time, by
        rumours and double counts, as a share of the scale by which it falls short.
    log_halving : Normal or Fixed
        Natural log of the days after which that scale is halved: at age `a` it is divided by
        ``1 + a / halving``.
    log_location_error : Normal, Fixed or Never
        Natural log of the scale of an error that all claims on a location share, but not lists
        of names: an exponential amount up and one down, of this scale on the log1p axis.
        Sources that agree may agree on what all of them missed. Only where the tolls of some
        locations are verified, which is what it is learnt from.
    logit_denial : Pooled or Never
        Log odds that a source says 0 whatever the toll; where nobody claims 0 there is no such
        unknown.
    sources : mapping of str to Source
        Overrides for sources known better than the rest.

    Raises
    ------
    TypeError
        If a field is no such prior.
    ValueError
        If a fixed scale is not positive, or a scatter is fixed below 0.001 or above 20.
    """

    mu: Normal | Fixed = Normal(2.0, 2.0)
    group_sd: HalfNormal | Fixed = HalfNormal(0.5)
    level_sd: HalfNormal | Fixed = HalfNormal(1.5)
    effect: Normal = Normal(0.0, 0.5)
    tau: HalfNormal | Fixed = HalfNormal(1.0)
    bias: Pooled = Pooled(Fixed(0.0), HalfNormal(0.3))
    side_sd: HalfNormal | Fixed = HalfNormal(0.3)
    log_scatter: Pooled = Pooled(Normal(math.log(0.15), 0.5), HalfNormal(0.5))
    logit_repeat: Pooled | Never = Pooled(Normal(0.0, 1.5), HalfNormal(1.0))
    log_figure_scatter: Normal | Fixed = Normal(math.log(0.15), 0.5)
    logit_near_copy: Normal | Fixed | Never = Normal(-1.4, 1.0)
    log_copy_scatter: Normal | Fixed = Normal(math.log(0.005), 0.7)
    common_bias: Normal | Fixed = Normal(0.0, 0.1)
    log_shortfall: Normal | Fixed | Censored = Normal(math.log(0.5), 0.7)
    log_list_shortfall: Normal | Fixed | Censored = Normal(math.log(0.5), 0.8)
    log_early_shortfall: Normal | Fixed | Never = Normal(math.log(1.7), 0.4)
    log_early_excess: Normal | Fixed = Normal(math.log(0.2), 0.5)
    log_halving: Normal | Fixed = Normal(math.log(1.6), 0.5)
    log_location_error: Normal | Fixed | Never = Normal(math.log(0.1), 0.7)
    logit_denial: Pooled | Never = Pooled(Normal(-4.6, 1.0), HalfNormal(0.5))
    sources: Mapping[str, Source] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what is no prior, and fixed scales that are none."""
        for names, allowed in _ALLOWED.items():
            for name in names.split():
                _check(self, name, allowed)
        for name in _SCALES:
            _check_scatter(name, getattr(self, name))
        _check_scatter("the mean of log_scatter", self.log_scatter.mean)
        _check_means(self)
        for name in ("tau", "group_sd", "level_sd", "side_sd"):
            prior = getattr(self, name)
            if isinstance(prior, Fixed) and prior.value <= 0:
                raise ValueError(f"{name} is fixed at {prior.value}; a scale is positive.")
        for name, source in self.sources.items():
            if not isinstance(name, str):
                raise TypeError(f"sources has {name!r} for a name; the name of a source is text.")
            if not isinstance(source, Source):
                raise TypeError(
                    f"sources[{name!r}] is {source!r}; it is a Source, such as "
                    "Source(bias=Fixed(0.0))."
                )


def _check_means(priors: Priors) -> None:
    """Refuse half-normal means of what is no scale."""
    for name in ("bias", "logit_repeat", "logit_denial"):
        pooled = getattr(priors, name)
        if isinstance(pooled, Pooled) and isinstance(pooled.mean, HalfNormal):
            raise TypeError(
                f"the mean of {name} is {pooled.mean}; only scatters have a half-normal one."
            )


# What each field of `Priors` can be, and which of them are logs of scales.
_ALLOWED: dict[str, tuple[type, ...]] = {
    "mu log_figure_scatter log_copy_scatter common_bias log_early_excess log_halving": (
        Normal,
        Fixed,
    ),
    "effect": (Normal,),
    "bias log_scatter": (Pooled,),
    "logit_repeat logit_denial": (Pooled, Never),
    "log_shortfall log_list_shortfall": (Normal, Fixed, Censored),
    "log_early_shortfall log_location_error logit_near_copy": (Normal, Fixed, Never),
    "tau group_sd level_sd side_sd": (HalfNormal, Fixed),
    "sources": (Mapping,),
}
_SCALES = (
    "log_figure_scatter", "log_shortfall", "log_list_shortfall", "log_early_shortfall",
    "log_early_excess", "log_halving", "log_location_error", "log_copy_scatter",
)  # fmt: skip
