"""The model and its priors as formulae, read off the objects that were fitted."""

from tollest.claims.table import Claims
from tollest.model.posterior import Model
from tollest.noise import Family, Normal, StudentT
from tollest.priors import Censored, Fixed, HalfNormal, Never, Pooled, Priors
from tollest.priors import Normal as NormalPrior

_FIGURE = "m = x(n) + b0, s = s0"


def formulae(model: Model, claims: Claims) -> list[tuple[str, str]]:
    """Mass of everything that is counted: what it is of, and the formula."""
    centre = "mu_g" if claims.groups else "mu"
    if len(claims.tiers) > 1:
        centre += " + c_t"
    if claims.covariate_names:
        centre += " + sum over k of e_k z_k"
    own_centre = "m = x(n) + b0 + " + ("b_sj" if claims.sides else "b_s")
    lines = [
        ("Axis", "x(n) = log(1 + n), for n deaths"),
        (
            "Mass of the whole numbers from l to u",
            "F((x(u + 1/2) - m) / s) - F((x(l - 1/2) - m) / s), where l = 0 starts at minus "
            "infinity",
        ),
        ("Toll n of a location", f"m = {centre}, s = tau; F {_family(model.toll)}"),
        ("A source's own claim", f"{own_centre}, s = sigma_s; F {_family(model.noise)}"),
    ]
    if isinstance(model.priors.logit_repeat, Never):
        lines.append(("Repeats", "no source repeats a figure: agreement is independent"))
    else:
        lines += [
            ("Figure v in circulation at a location", f"{_FIGURE}; F {_family(model.noise)}"),
            (
                "A count y",
                "with probability omega_s the figure, y = v; else the source's own claim",
            ),
        ]
        if _of_copies(model.priors, claims):
            said = (
                "of those who repeat v each states, with probability kappa_v, a count of mass m = "
                "x(v), s = rho, F standard logistic; where by that none would state v, all do"
            )
            lines.append(("A changed copy", said))
    if claims.is_nested:
        lines.append(
            (
                "Toll of a whole",
                "the sum of its parts' and, unless these are declared complete, of an unlisted "
                "remainder, which is a toll of a level of its own",
            )
        )
    lines += _of_bounds(model.priors, claims)
    lines.append(
        ("Certain", "documented deaths and caps cut the toll off; a verified toll is the toll")
    )
    return lines


def _of_bounds(priors: Priors, claims: Claims) -> list[tuple[str, str]]:
    """Formulae of what claims use: estimates, bounds, lists of names, denials, early ages."""
    lines = []
    if claims.is_estimate.any():
        said = (
            "f(v) = mass of v with s = hypot(sigma_s, t) times 2 s / (s- + s+), where t is the "
            "standard error that is stated: below v where m is, above it where m is above"
        )
        lines.append(("An estimate v with an error of its own", said))
    if claims.has_bounds:
        said = (
            "says nothing but that the toll is above it, or below: F at its edge"
            if isinstance(priors.log_shortfall, Censored)
            else "a claim of the number M with x(M) = x(n) - lambda e (at least) or x(n) + "
            "lambda e (at most), e ~ Exponential(1), summed out"
        )
        lines.append(("A bound, at least or at most a number", said))
    if claims.has_lists and not isinstance(priors.log_list_shortfall, Censored):
        said = "the number L on the list has x(n) - x(L) ~ Exponential with mean lambda_d"
        lines.append(("A list of names", said))
    if claims.has_zeros and not isinstance(priors.logit_denial, Never):
        said = (
            "with probability delta_s, whatever the toll; else as other counts, whose masses are "
            "1 - delta_s times as large"
        )
        lines.append(("A claim of 0", said))
    if claims.has_ages and not isinstance(priors.log_early_shortfall, Never):
        said = (
            "it, and the figure of its age, are of the number M known by then: x(M) = x(n) - "
            "lambda_a e + kappa lambda_a e', where e and e' ~ Exponential(1) and lambda_a = "
            "lambda_0 / (1 + a / h); one M for all claims of an age; from one age to the next "
            "each amount stays with probability (h + a1) / (h + a2)"
        )
        lines.append(("A claim made a days after the onset", said))
    if claims.has_verified and not isinstance(priors.log_location_error, Never):
        said = (
            "all claims on a location but lists of names, their figure and what was known before "
            "are of the number M with x(M) = x(n) - psi e + psi e', e and e' ~ Exponential(1), "
            "summed out"
        )
        lines.append(("What all sources get wrong at a location", said))
    return lines


def unknowns(model: Model, claims: Claims) -> list[tuple[str, str, str]]:
    """Prior of every unknown: its symbol, what it is, and its distribution."""
    priors = model.priors
    rows = [("mu", "centre of the tolls on the log axis", _prior(priors.mu))]
    if claims.groups:
        rows += [
            ("mu_g", f"centre of each of {len(claims.groups):,} groups", "Normal(mu, s_mu)"),
            ("s_mu", "spread of the groups' centres", _prior(priors.group_sd)),
        ]
    if len(claims.tiers) > 1:
        rows += [
            (
                "c_t",
                f"what tolls of each level have more: {', '.join(claims.tiers)}",
                "Normal(0, s_c)",
            ),
            ("s_c", "spread of the levels' centres", _prior(priors.level_sd)),
        ]
    for name in claims.covariate_names:
        meaning = f"effect of {name}, by one standard deviation z_k of it"
        rows.append(("e_k", meaning, _prior(priors.effect)))
    rows.append(("tau", "scale of the tolls on the log axis", _prior(priors.tau)))
    rows += _pooled("b_s", "bias of a source, 0.1 being 10 % too many", "b", priors.bias)
    if claims.sides:
        rows += [
            ("b_sj", "bias of a source by the side of the dead", "Normal(b_s, sd of sides)"),
            ("sd of sides", "of a source's biases around its own", _prior(priors.side_sd)),
        ]
    rows += _pooled("log sigma_s", "log of a source's scatter", "log sigma", priors.log_scatter)
    if not isinstance(priors.logit_repeat, Never):
        meaning = "log odds that a source's count repeats the figure"
        rows += _pooled("logit omega_s", meaning, "logit omega", priors.logit_repeat)
        rows.append(("log s0", "log of the figure's scatter", _prior(priors.log_figure_scatter)))
        rows += _of_copies(priors, claims)
    rows += _of_what_is_known(priors, claims)
    if claims.has_zeros and not isinstance(priors.logit_denial, Never):
        meaning = "log odds that a source says 0 whatever the toll"
        rows += _pooled("logit delta_s", meaning, "logit delta", priors.logit_denial)
    rows.append(
        (
            "b0",
            "bias common to all sources; claims alone cannot tell it from larger tolls",
            _prior(priors.common_bias),
        )
    )
    return rows


def _of_copies(priors: Priors, claims: Claims) -> list[tuple[str, str, str]]:
    """How those who repeat a figure change it."""
    if isinstance(priors.logit_near_copy, Never) or not claims.has_several_counts:
        return []
    meaning = "log odds that who repeats the figure states a number near it"
    scale = "log of the scale of that change"
    return [
        ("logit kappa_v", meaning, _prior(priors.logit_near_copy)),
        ("log rho", scale, _prior(priors.log_copy_scatter)),
    ]


def _of_what_is_known(priors: Priors, claims: Claims) -> list[tuple[str, str, str]]:
    """Scales by which what is claimed is another number than the toll."""
    rows = []
    if claims.has_bounds and not isinstance(priors.log_shortfall, Censored):
        meaning = "log of the scale by which bounds miss the toll"
        rows.append(("log lambda", meaning, _prior(priors.log_shortfall)))
    if claims.has_lists and not isinstance(priors.log_list_shortfall, Censored):
        meaning = "log of the scale by which lists of names fall short"
        rows.append(("log lambda_d", meaning, _prior(priors.log_list_shortfall)))
    if claims.has_ages and not isinstance(priors.log_early_shortfall, Never):
        meaning = "log of the scale by which what is known at the onset falls short"
        rows.append(("log lambda_0", meaning, _prior(priors.log_early_shortfall)))
        meaning = "log of the share of it by which what is known exceeds the toll"
        rows.append(("log kappa", meaning, _prior(priors.log_early_excess)))
        rows.append(("log h", "log of the days that halve both", _prior(priors.log_halving)))
    if claims.has_verified and not isinstance(priors.log_location_error, Never):
        meaning = "log of the scale of the error that all claims on a location share"
        rows.append(("log psi", meaning, _prior(priors.log_location_error)))
    return rows


def overrides(model: Model) -> list[tuple[str, str, str]]:
    """Priors of single sources in place of the population's: source, symbol, distribution."""
    symbols = {
        "bias": "b_s", "log_scatter": "log sigma_s", "logit_repeat": "logit omega_s",
        "logit_denial": "logit delta_s",
    }  # fmt: skip
    return [
        (name, symbol, _prior(prior))
        for name, source in model.priors.sources.items()
        for field, symbol in symbols.items()
        if (prior := getattr(source, field)) is not None
    ]


def support(model: Model) -> str:
    """Say on what numbers sums over tolls ran."""
    points = model.support
    return (
        f"Tolls and figures are summed out over every whole number to {points.dense:,} and then "
        f"over bins of relative width {points.width:.3g}, which the scatters of these claims ask "
        "for."
    )


def _pooled(symbol: str, meaning: str, unit: str, prior: Pooled) -> list[tuple[str, str, str]]:
    return [
        (symbol, meaning, f"Normal(mean of {unit}, sd of {unit})"),
        (f"mean of {unit}", "of the population of sources", _prior(prior.mean)),
        (f"sd of {unit}", "of the population of sources", _prior(prior.sd)),
    ]


def _prior(prior: NormalPrior | HalfNormal | Fixed) -> str:
    if isinstance(prior, NormalPrior):
        return f"Normal({prior.mean:.4g}, {prior.sd:.4g})"
    if isinstance(prior, HalfNormal):
        return f"HalfNormal({prior.sd:.4g})"
    return f"fixed at {prior.value:.4g}"


def _family(family: Family) -> str:
    if isinstance(family, StudentT):
        return f"Student t with {family.df:g} degrees of freedom"
    return "standard normal" if isinstance(family, Normal) else "standard logistic"
