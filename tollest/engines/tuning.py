"""Every tuned number of the engines, a frozen dataclass for each stage.

A field's comment gives its unit, what it is for, and the measurement that chose it where there is
one. An engine holds these classes as fields, so that its fields are its whole configuration::

    from tollest.engines.tuning import MoveTuning, Tuning

    te.engines.NestedLaplace(tuning=Tuning(moves=MoveTuning(n_moves=8)))

`LIMITS` alone belongs to no engine: what draws must satisfy is the same for all.
"""

from dataclasses import dataclass, field, fields


class _Printed:
    """Prints only the fields that differ from their defaults."""

    def __repr__(self) -> str:
        """Spell the class with those fields: all defaults are ``Tuning()``."""
        usual = type(self)()
        changed = [
            f"{name}={getattr(self, name)!r}"
            for name in (item.name for item in fields(self))  # type: ignore[arg-type]
            if getattr(self, name) != getattr(usual, name)
        ]
        return f"{type(self).__name__}({', '.join(changed)})"


@dataclass(frozen=True)
class AcceptanceLimits:
    """What draws of theta must satisfy to be given to a user without a doubt."""

    # Pareto k: Vehtari et al. (2024), the limit at which importance sampling is reliable.
    most_k: float = 0.7
    # Effective draws at which the ends of a 90 % interval are known to a few per cent of its
    # width.
    least_ess: float = 400.0
    # R-hat of any entry of theta: Vehtari et al. (2021), https://doi.org/10.1214/20-BA1221.
    most_rhat: float = 1.01
    # R-hat where theta has more than `many_entries`: the largest of hundreds is above 1.01 by
    # chance, at effective draws by the thousand.
    most_rhat_of_many: float = 1.02
    many_entries: int = 60
    # Share of transitions that may diverge.
    most_divergent: float = 0.005


@dataclass(frozen=True, repr=False)
class SupportTuning(_Printed):
    """Support that sums over tolls run on while theta is drawn.

    Sums for theta run on fewer points than those for tolls: the total of a smooth mass is far more
    exact than its quantiles.
    """

    # Support to begin with: whole numbers that are points of their own, relative width of bins.
    coarse_dense: int = 20
    coarse_width: float = 0.06
    # Log units by which doubling the support may change the log density.
    most_change: float = 0.1
    # Patterns of claims that stand for all where the support for tolls is judged.
    n_judging: int = 2000


@dataclass(frozen=True, repr=False)
class ModeTuning(_Printed):
    """Search for the mode, by L-BFGS in coordinates in which the prior has unit scale."""

    # Prior units from the prior's centre, beyond which no mode is sought.
    bound: float = 8.0
    # Slope, in log units by a prior unit, with which no search ends at a mode: in worlds of 1 to
    # 200 locations they end with less than 0.2, and with 20 where they are stuck.
    steepest: float = 1.0
    # Evaluations at most, and of a rough search with one entry held.
    most_evaluations: int = 400
    most_evaluations_held: int = 40
    # Step of the differences of gradients that make a Hessian, in the units of its coordinates.
    difference: float = 1e-4


@dataclass(frozen=True, repr=False)
class WhiteningTuning(_Printed):
    """Coordinates in which the posterior is nearly a standard normal."""

    # Claims from which on an effect is centred on what they say: what is seen of sources with
    # fewer is mostly noise.
    least_claims: int = 3
    # Share of the prior's curvature that each direction has at least: no proposal is wider than
    # twice the prior.
    least_curvature: float = 0.25


@dataclass(frozen=True, repr=False)
class NormalTuning(_Printed):
    """Search for the normal closest to a density."""

    # Steps of full length, then steps that average away the noise of random directions.
    n_whole_steps: int = 5
    n_averaged_steps: int = 5
    # Pairs of gradients of each step, at least.
    least_pairs: int = 30
    # Factor by which a step may change a variance, either way.
    most_rescaling: float = 2.5
    # Standard deviations that a step may be long.
    longest_step: float = 1.5
    # Weight of a curvature of 1, the one so far, as a share of each direction's information.
    prior_weight: float = 0.05


@dataclass(frozen=True, repr=False)
class StartTuning(_Printed):
    """What every engine begins with: a support, a mode, coordinates, the closest normal."""

    support: SupportTuning = field(default_factory=SupportTuning)
    mode: ModeTuning = field(default_factory=ModeTuning)
    whitening: WhiteningTuning = field(default_factory=WhiteningTuning)
    normal: NormalTuning = field(default_factory=NormalTuning)


@dataclass(frozen=True, repr=False)
class ProposalTuning(_Printed):
    """Importance proposals: multivariate Student t with arms along each entry."""

    # Degrees of freedom: tails heavier than any the whitened posterior has shown. In many
    # dimensions the distance from the centre varies little, and tails of so few would put most
    # draws where hardly any of the posterior is: entries of theta beyond `free_entries` add one
    # each.
    least_df: float = 6.0
    free_entries: int = 15
    # Factor by which draws along single entries are stretched, and the share of such draws.
    stretch: float = 2.5
    stretched_share: float = 0.5
    # Factor on the scale of a refitted proposal: wider is the safer side.
    widening: float = 1.05


@dataclass(frozen=True, repr=False)
class TailTuning(_Printed):
    """Proposals in the tails of spreads.

    Without them a population's spread that may vanish had a standard deviation a tenth too small.
    """

    # Centre and standard deviation of the spread's coordinate, whose prior is standard normal.
    centre: float = -1.2
    sd: float = 0.8
    # Mass of a tail beside that of the body, below which it is left out.
    negligible: float = 1e-5
    # Log units below that, which no search for the rest of theta makes good.
    hopeless_gap: float = 50.0
    # Log units by which a tail may be wider than the body, before its width is measured.
    spare_width: float = 5.0
    # Share of draws from proposals in tails.
    share: float = 0.15


@dataclass(frozen=True, repr=False)
class RoundTuning(_Printed):
    """Rounds of importance draws, and when they end."""

    # Draws of a round, 4,000 down to 1,000: `budget` cells over the claims of all patterns, to
    # which `overhead` is added, so that rounds cost about the same whatever the claims.
    budget: int = 400_000
    overhead: int = 100
    fewest_draws: int = 1000
    most_draws: int = 4000
    # Share of final draws from the proposal fitted to most draws; the rest are from the others.
    latest_share: float = 0.5
    # Draws of a round above which rounds are cheap and proposals learn at least `least_learnt`
    # times. Sources that contradict each other leave a second hump far out, which a first round
    # hits so rarely that its weights look even without it: of claims of 900 and 12 the chance of
    # 200 or more was put a quarter too low.
    cheap_draws: int = 2000
    least_learnt: int = 3
    # Rounds from the first proposal alone, after the first round, where its ESS a draw is
    # `promising`: there may be nothing to learn.
    most_unlearnt: int = 4
    promising_ess: float = 0.1
    # Pareto k at which rounds end, and ESS: a share of a round, and a multiple of the least
    # acceptable. What is less good but within `LIMITS` is accepted in the end.
    enough_k: float = 0.6
    enough_share: float = 0.25
    enough_margin: float = 1.25
    # ESS a draw below which learning is given up, and the final draws.
    hopeless_learning_ess: float = 0.015
    hopeless_final_ess: float = 0.03
    # Entries of theta above which learning is given up early: in many dimensions proposals that
    # start badly stay bad.
    patient_entries: int = 40
    impatient_rounds: int = 2


@dataclass(frozen=True, repr=False)
class MoveTuning(_Printed):
    """Resampling, and Hamiltonian moves of the resampled draws."""

    # Entries of theta up to which weights alone do: beside draws that were moved, standard
    # deviations were 0.1 % too small at 12 and 18 entries, but 1.8 % at 24 and 2.3 % at 31.
    weights_suffice: int = 20
    # ESS a draw at which they do where the likelihood is nearly quadratic: at 10,000 locations by
    # 20 and 50 sources moves changed standard deviations by less than 0.3 %, and took a minute.
    even_ess: float = 0.4
    # Draws kept at least, where they are not moved. Resampling adds an error of its own: of a
    # thousand draws with an ESS of as many, half as much again.
    least_unmoved: int = 2000
    # Draws that are moved: after four moves each is nearly a draw of its own.
    n_moved: int = 1000
    # Moves of each draw. One left half of what weights missed, four a third at most.
    n_moves: int = 4
    # Leapfrogs of a move and their length, in standard deviations: a quarter of a turn, so that
    # nothing is left of where a draw began where coordinates are round. Longer steps are accepted
    # less often (0.92, 0.84 and 0.69 at 0.35, 0.5 and 0.7) and bring less.
    n_leapfrogs: int = 5
    step: float = 0.35
    # Share by which each draw's steps are longer or shorter, lest all turns be alike.
    jitter: float = 0.2

    @property
    def evaluations(self) -> int:
        """Evaluations of the density that moving a draw costs."""
        return self.n_moves * self.n_leapfrogs + 1


@dataclass(frozen=True, repr=False)
class SurrogateTuning(_Printed):
    """Many locations: draws from a quadratic surrogate of the log likelihood."""

    # Locations from which on the log likelihood is nearly quadratic.
    many_locations: int = 3000
    # Priors of tolls, by group and covariates, up to which the surrogate is used: outer products
    # of gradients are by every prior's centre.
    most_levels: int = 1000
    # Claims in different patterns from which on a pass is dear, and ESS that then has to do: of a
    # hundred draws, where else `LIMITS` ask for more.
    dear_claims: int = 60_000
    ess_where_dear: float = 80.0
    # Patterns that the first search for the mode runs on.
    thinned_patterns: int = 2000
    # Steps towards the mode at most, and standard deviations within which it is found.
    most_steps: int = 20
    close: float = 0.3
    # Latest steps that correct the curvature: at a million locations nine passes did for 31.
    n_secants: int = 6
    # Draws weighed at a time, and how often.
    draws_per_round: int = 100
    most_rounds: int = 8
    # Effective share of draws below which a better curvature is worth its passes, two for each
    # entry of theta, and entries up to which these are affordable.
    even_ess: float = 0.5
    most_differenced: int = 60
    # Pareto k of weights that are accepted, and ESS a draw at which weighing is given up.
    enough_k: float = 0.7
    hopeless_ess: float = 0.03
    # Entries of theta beyond which no proposal's weights will do: of 159 they did, of 609 not.
    most_weighable: int = 300
    # Share of NUTS's first transitions that diverge beyond which longer runs do too: on a ridge
    # along which one spread makes up for another, as where one source alone speaks of all
    # locations.
    hopeless_divergent: float = 0.01
    # Standard deviations by which a finer support may move any entry of theta.
    most_shift: float = 0.1


@dataclass(frozen=True, repr=False)
class ChainTuning(_Printed):
    """Coordinates of NUTS's chains.

    How far effects are centred, as shares of the precision that is seen in the curvature at the
    mode, for the first run, and in the spread of draws, for later runs. The smallest ESS over
    sizes from 3x3 to 200x8 was best at a half.
    """

    start: StartTuning = field(default_factory=StartTuning)
    share_of_curvature: float = 0.5
    share_of_spread: float = 0.5


@dataclass(frozen=True, repr=False)
class Tuning(_Printed):
    """All stages of `NestedLaplace`."""

    start: StartTuning = field(default_factory=StartTuning)
    surrogate: SurrogateTuning = field(default_factory=SurrogateTuning)
    proposals: ProposalTuning = field(default_factory=ProposalTuning)
    tails: TailTuning = field(default_factory=TailTuning)
    rounds: RoundTuning = field(default_factory=RoundTuning)
    moves: MoveTuning = field(default_factory=MoveTuning)


DEFAULT = Tuning()
LIMITS = AcceptanceLimits()
STAGES = (
    Tuning, StartTuning, SupportTuning, ModeTuning, WhiteningTuning, NormalTuning, SurrogateTuning,
    ProposalTuning, TailTuning, RoundTuning, MoveTuning, ChainTuning,
)  # fmt: skip
