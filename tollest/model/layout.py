"""The vector theta: its entries with their priors, and the arrays compiled functions read."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from tollest._arrays import Flags, Floats, Integers
from tollest._sums.tables import NEVER, Parameters
from tollest.model.names import Names, label_of
from tollest.priors import Censored, Fixed, HalfNormal, Never, Normal, Pooled, Priors, Source


@dataclass(frozen=True)
class At:
    """A number that is an entry of theta, by its position."""

    index: int


@dataclass(frozen=True)
class Value:
    """A number that is constant."""

    value: float


type Term = At | Value


def constant(term: Term) -> float:
    """Value of a constant term.

    Raises
    ------
    TypeError
        If the term is an entry of theta.
    """
    if isinstance(term, At):
        raise TypeError(f"this term is entry {term.index} of theta; it has no constant value.")
    return term.value


@dataclass(frozen=True)
class Entry:
    """One entry of theta: its name, its member within that name, and its prior.

    Attributes
    ----------
    name : str
        Such as ``"bias"``.
    member : str or None
        Such as the source; None for a name with one entry.
    half : bool
        Whether the entry is the logarithm of a half-normal number, else it is normal.
    mean : At or Value
        Prior mean; `At` an earlier entry that is the mean.
    sd : At or Value
        Prior standard deviation, or scale of the half-normal; `At` an earlier entry that is the
        logarithm of the standard deviation.
    """

    name: str
    member: str | None
    half: bool
    mean: Term
    sd: Term

    @property
    def is_pooled(self) -> bool:
        """Whether the prior's standard deviation is itself an entry of theta."""
        return isinstance(self.sd, At)

    @property
    def is_top_level(self) -> bool:
        """Whether it is the only entry of its name and its prior depends on no other entry."""
        return self.member is None and isinstance(self.mean, Value) and not self.is_pooled


class Positions(NamedTuple):
    """Entries of theta that are parameters of the kernels, in the shapes of `Parameters`."""

    mu: Integers
    bias: Integers
    log_scatter: Integers
    logit_repeat: Integers
    logit_denial: Integers
    shared: Integers


class ThetaLayout(NamedTuple):
    """Priors and positions of the entries of theta; an index of -1 marks a constant."""

    half: Flags  # (n_theta,) whether the entry is the log of a half-normal
    mean_index: Integers  # (n_theta,) entry that is the mean, always an earlier one
    mean: Floats  # (n_theta,) the mean where it is constant
    log_sd_index: Integers  # (n_theta,) entry that is the log of the sd, an earlier one
    sd: Floats  # (n_theta,) the sd where it is constant
    shift_index: Integers  # (n_theta,) entry that claims see added to a pooled one
    first_child: Integers  # (n_theta,) first of the entries that spread around one, or -1
    end_child: Integers  # (n_theta,) the one after the last of them
    effect_index: Integers  # (n_effects,) entries that are effects of covariates, then of tiers
    design: Floats  # (n_levels, n_effects) what they are multiplied by, added to mu
    exposure: Floats  # (n_levels,) log exposure, added to mu too
    position: Positions  # entries of theta that are parameters
    fixed: Parameters  # values of the parameters whose position is -1


class LaidOut(NamedTuple):
    """Entries of theta, and the layout that compiled functions read.

    The parameters of `by_voice` are by voice. Those of `by_source` are by source; its biases are
    those that biases by side spread around.
    """

    entries: tuple[Entry, ...]
    by_voice: ThetaLayout
    by_source: ThetaLayout


def has_location_error(names: Names, priors: Priors) -> bool:
    """Whether all claims on a location share an error: where somebody has verified a toll."""
    return names.has_verified and not isinstance(priors.log_location_error, Never)


def has_near_copies(names: Names, priors: Priors) -> bool:
    """Whether repeated figures may be changed: where some location has counts of several."""
    never = isinstance(priors.logit_near_copy, Never) or isinstance(priors.logit_repeat, Never)
    return names.has_several_counts and not never


def laid_out(priors: Priors, names: Names) -> LaidOut:
    """Lay out theta for the sources, groups and covariates of all claims."""
    builder = _Builder(priors, names)
    mu, effects, tau = builder.tolls()
    sources = builder.sources()
    # What claims see added to biases comes after them: see `tollest.model.coordinates`.
    bias_by_voice = builder.sides(sources)
    common_bias = builder.add("common_bias", None, priors.common_bias)
    shortfalls = builder.shortfalls()
    entries = builder.entries
    shared = [tau, sources.figure_scatter, common_bias, *shortfalls]
    voice_source = names.source_of.tolist()
    position, fixed = _parameters(
        mu,
        bias_by_voice,
        [sources.log_scatter[s] for s in voice_source],
        [sources.logit_repeat[s] for s in voice_source],
        [sources.logit_denial[s] for s in voice_source if sources.logit_denial],
        shared,
    )
    first_child, end_child = _children(entries)
    by_voice = ThetaLayout(
        half=np.array([e.half for e in entries], dtype=np.bool_),
        mean_index=_indices(e.mean for e in entries),
        mean=_values((e.mean for e in entries), 0.0),
        log_sd_index=_indices(e.sd for e in entries),
        sd=_values((e.sd for e in entries), 1.0),
        shift_index=_shifts(entries, bias_by_voice, common_bias),
        first_child=first_child,
        end_child=end_child,
        effect_index=_indices(effects),
        design=_design(names),
        exposure=names.level_exposure,
        position=position,
        fixed=fixed,
    )
    position, fixed = _parameters(
        mu, sources.bias, sources.log_scatter, sources.logit_repeat, sources.logit_denial, shared
    )
    return LaidOut(tuple(entries), by_voice, by_voice._replace(position=position, fixed=fixed))


@dataclass(frozen=True)
class _SourceTerms:
    """Terms of each source, and the scatter of the figure that sources may repeat."""

    bias: list[Term]
    log_scatter: list[Term]
    logit_repeat: list[Term]
    logit_denial: list[Term]  # of no source where nobody claims 0
    figure_scatter: Term
    varies: list[bool]  # whether a voice has a bias of its own side
    side_sd: Term | None


@dataclass(frozen=True)
class _Builder:
    """Collects entries in an order in which each comes after those its prior depends on."""

    priors: Priors
    names: Names
    entries: list[Entry] = field(default_factory=list)

    def append(self, entry: Entry) -> At:
        self.entries.append(entry)
        return At(len(self.entries) - 1)

    def add(self, name: str, member: str | None, prior: Normal | Fixed) -> Term:
        """Add an unknown with a prior of its own; a fixed one is no entry."""
        if isinstance(prior, Fixed):
            return Value(float(prior.value))
        mean, sd = Value(float(prior.mean)), Value(float(prior.sd))
        return self.append(Entry(name, member, False, mean, sd))

    def add_scale(self, name: str, prior: HalfNormal | Fixed) -> Term:
        """Add the logarithm of a scale."""
        if isinstance(prior, Fixed):
            return Value(math.log(prior.value))
        return self.append(Entry(name, None, True, Value(0.0), Value(float(prior.sd))))

    def tolls(self) -> tuple[list[Term], list[At], Term]:
        """Add the tolls' distribution: centres, effects of covariates and tiers, log scale."""
        priors, names = self.priors, self.names
        mu = self.add("mu", None, priors.mu)
        centres = [mu]
        if names.groups:
            sd = _as_sd(self.add_scale("log_group_sd", priors.group_sd))
            centres = [
                self.append(Entry("mu_group", name, False, mu, sd)) for name in names.groups
            ]
        mean, sd = Value(float(priors.effect.mean)), Value(float(priors.effect.sd))
        effects = [
            self.append(Entry("effect", name, False, mean, sd)) for name in names.covariate_names
        ]
        if names.tiers:
            sd, zero = _as_sd(self.add_scale("log_level_sd", priors.level_sd)), Value(0.0)
            effects += [self.append(Entry("level", name, False, zero, sd)) for name in names.tiers]
        tau = self.add_scale("log_tau", priors.tau)
        return [centres[g] for g in names.level_group.tolist()], effects, tau

    def sources(self) -> _SourceTerms:
        """Add bias, scatter, log odds of repeating and denying by source; the figure's scatter."""
        priors, names = self.priors, self.names
        overrides = [priors.sources.get(name, Source()) for name in names.sources]
        varies = [
            bool(side) and not isinstance(overrides[s].bias, Fixed)
            for (_, side), s in zip(names.voices, names.source_of.tolist(), strict=True)
        ]
        # A source's bias is known through those by side, so their spread comes before it.
        side_sd = self.add_scale("log_side_sd", priors.side_sd) if any(varies) else None
        bias = self._pooled("bias", priors.bias, [source.bias for source in overrides])
        log_scatter = self._pooled(
            "log_scatter", priors.log_scatter, [source.log_scatter for source in overrides]
        )
        logit_repeat: list[Term] = [Value(0.0)] * len(overrides)
        figure_scatter: Term = Value(0.0)
        if not isinstance(priors.logit_repeat, Never):
            logit_repeat = self._pooled(
                "logit_repeat", priors.logit_repeat, [source.logit_repeat for source in overrides]
            )
            figure_scatter = self.add("log_figure_scatter", None, priors.log_figure_scatter)
        logit_denial: list[Term] = []
        if names.has_zeros and not isinstance(priors.logit_denial, Never):
            known = [source.logit_denial for source in overrides]
            logit_denial = self._pooled("logit_denial", priors.logit_denial, known)
        return _SourceTerms(
            bias, log_scatter, logit_repeat, logit_denial, figure_scatter, varies, side_sd
        )

    def shortfalls(self) -> list[Term]:
        """Add how what is claimed is another number than the toll, or than the figure."""
        priors, names = self.priors, self.names
        is_early = names.has_ages and not isinstance(priors.log_early_shortfall, Never)
        are_copied = has_near_copies(names, priors)
        out: list[Term] = []
        for name, prior, is_used in (
            ("log_shortfall", priors.log_shortfall, names.has_bounds),
            ("log_list_shortfall", priors.log_list_shortfall, names.has_lists),
            ("log_early_shortfall", priors.log_early_shortfall, is_early),
            ("log_early_excess", priors.log_early_excess, is_early),
            ("log_halving", priors.log_halving, is_early),
            ("log_location_error", priors.log_location_error, names.has_verified),
            ("logit_near_copy", priors.logit_near_copy, are_copied),
            ("log_copy_scatter", priors.log_copy_scatter, are_copied),
        ):
            if isinstance(prior, Censored | Never) or not is_used:
                out.append(Value(NEVER if name == "logit_near_copy" else 0.0))
            else:
                out.append(self.add(name, None, prior))
        return out

    def _pooled(self, name: str, pooled: Pooled, known: list[Normal | Fixed | None]) -> list[Term]:
        """Add the effects of all sources, after the population of those without own prior."""
        mean: Term = Value(0.0)
        sd: Term = Value(1.0)
        are_alike = isinstance(pooled.sd, Fixed) and pooled.sd.value == 0
        if any(prior is None for prior in known):
            if isinstance(pooled.mean, HalfNormal):
                mean = self.add_scale(f"{name}_mean", pooled.mean)
            else:
                mean = self.add(f"{name}_mean", None, pooled.mean)
            if not are_alike:
                sd = _as_sd(self.add_scale(f"log_{name}_sd", pooled.sd))
        return [
            self.add(name, member, prior)
            if prior is not None
            else mean
            if are_alike
            else self.append(Entry(name, member, False, mean, sd))
            for member, prior in zip(self.names.sources, known, strict=True)
        ]

    def sides(self, sources: _SourceTerms) -> list[Term]:
        """Add biases by side, each around its source's, and give the bias of each voice.

        A voice without a bias of its own has that of its source.
        """
        bias = [sources.bias[s] for s in self.names.source_of.tolist()]
        if sources.side_sd is None:
            return bias
        sd = _as_sd(sources.side_sd)
        return [
            self.append(Entry("bias_on_side", label_of(*voice), False, mean, sd))
            if is_free
            else mean
            for voice, mean, is_free in zip(self.names.voices, bias, sources.varies, strict=True)
        ]


def _as_sd(log_scale: Term) -> Term:
    """Turn a log scale into the standard deviation of a prior: the same entry, or a constant."""
    return log_scale if isinstance(log_scale, At) else Value(math.exp(log_scale.value))


def _design(names: Names) -> Floats:
    """Covariates of each level of tolls, and which tier it is of; (n_levels, n_effects)."""
    of_tiers = names.level_tier[:, None] == np.arange(len(names.tiers))
    return np.hstack([names.level_covariates, of_tiers.astype(np.float64)])


def _indices(terms: Iterable[Term]) -> Integers:
    """Entries of theta that terms are, -1 for constants."""
    return np.array([t.index if isinstance(t, At) else -1 for t in terms], dtype=np.int64)


def _values(terms: Iterable[Term], otherwise: float) -> Floats:
    """Values of constant terms, and another number for entries of theta."""
    return np.array([otherwise if isinstance(t, At) else t.value for t in terms], np.float64)


def _parameters(*columns: list[Term]) -> tuple[Positions, Parameters]:
    """Entries of theta and fixed values, in the shapes of the kernels' parameters."""
    return Positions(*map(_indices, columns)), Parameters(*(_values(c, 0.0) for c in columns))


def _shifts(entries: list[Entry], bias_by_voice: list[Term], common_bias: Term) -> Integers:
    """Position of the common bias for the pooled biases that claims see it added to, else -1."""
    biases = {term.index for term in bias_by_voice if isinstance(term, At)}
    index = common_bias.index if isinstance(common_bias, At) else -1
    shifts = [index if i in biases and e.is_pooled else -1 for i, e in enumerate(entries)]
    return np.array(shifts, dtype=np.int64)


def _children(entries: list[Entry]) -> tuple[Integers, Integers]:
    """First of the biases by side around each source's bias, or -1, and the one after the last."""
    first, end = np.full(len(entries), -1), np.zeros(len(entries), np.int64)
    for j, entry in enumerate(entries):
        if entry.name != "bias_on_side" or not entry.is_pooled or isinstance(entry.mean, Value):
            continue
        i = entry.mean.index
        if entries[i].is_pooled:
            first[i] = j if first[i] < 0 else first[i]
            end[i] = j + 1
    return first, end
