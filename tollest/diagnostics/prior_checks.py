"""What priors do to an estimate: whether claims contradict them, and what hangs on them."""

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import erf, erfc, log_ndtr, ndtri, ndtri_exp

from tollest._arrays import Floats
from tollest.estimation.results import Estimate
from tollest.estimation.totals import labelled
from tollest.model.layout import Entry, constant

if TYPE_CHECKING:
    import pandas as pd


_UNLIKELY = 0.01  # tail below which claims are said to contradict a prior
_SENSITIVE = 0.05  # power-scaling sensitivity that Kallioinen et al. call noticeable


def prior_data_conflict(estimate: Estimate) -> "pd.DataFrame":
    r"""Which priors of top-level unknowns the claims contradict.

    Each unknown is put on the axis `u` on which its prior is standard normal. Over data from
    the model, the posterior mean of `u` has mean 0 and variance one less the expected
    posterior variance, so

    .. math:: z = E(u \mid y) / \sqrt{1 - \mathrm{Var}(u \mid y)}

    is about standard normal where the prior is right: a prior predictive check, in the sense of
    [1]_, of the statistic by which the claims speak of that unknown.

    Parameters
    ----------
    estimate : Estimate
        The posterior.

    Returns
    -------
    pandas.DataFrame
        Indexed by unknown: ``prior`` in words; ``median`` of the posterior on the scale of the
        prior; ``learnt``, the share ``1 - Var(u | y)`` of the prior's variance that the claims
        took away; ``z``; ``tail_prob``, the probability of a `z` so far out (for scales on the
        upper side alone: a half-normal holds nothing against small ones); ``conflict``, whether
        it is below 0.01.

    Notes
    -----
    Where claims teach nothing of an unknown, as of the common bias without verified tolls, its
    posterior is its prior and no conflict can show. To keep Monte Carlo error from looking
    like conflict, ``1 - Var(u | y)`` is taken as at least four of its standard errors. A prior
    may fail through another unknown: tolls far from `mu` are often explained by a large `tau`.
    Other choices of the statistic are compared in [2]_.

    References
    ----------
    .. [1] Evans, M., Moshonov, H. (2006). Checking for prior-data conflict. *Bayesian Analysis*
       1(4), 893-914. https://doi.org/10.1214/06-BA129
    .. [2] Nott, D. J., Wang, X., Evans, M., Englert, B.-G. (2020). Checking for prior-data
       conflict using prior-to-posterior divergences. *Statistical Science* 35(2), 234-253.
       https://doi.org/10.1214/19-STS731
    """
    import pandas as pd

    flat = estimate.theta.flat
    floor = 4.0 * math.sqrt(2.0 / max(min(estimate.theta.ess, len(flat)), 8.0))
    rows, names = [], []
    for j, entry in _top_level(estimate):
        u = _on_normal_axis(entry, flat[:, j])
        learnt = 1.0 - float(u.var())
        z = float(u.mean()) / math.sqrt(max(learnt, min(floor, 1.0)))
        tail = float(0.5 * erfc(z / math.sqrt(2))) if entry.half else float(erfc(abs(z) / 2**0.5))
        median = float(np.median(flat[:, j]))
        shown = math.exp(median) if entry.half else median
        rows.append((_in_words(entry), shown, max(learnt, 0.0), z, tail, tail < _UNLIKELY))
        names.append(_label(entry))
    columns = ["prior", "median", "learnt", "z", "tail_prob", "conflict"]
    return pd.DataFrame(rows, columns=columns, index=pd.Index(names, name="unknown"))


def power_scaling(
    estimate: Estimate,
    locations: Sequence[str] = (),
    by: Mapping[str, Hashable] | Sequence[Hashable] | None = None,
) -> "pd.DataFrame":
    r"""How far tolls and totals move when priors, or claims, get more weight or less.

    Prior or likelihood is raised to a power near 1, by weighting draws [1]_. A quantity's
    sensitivity is the distance its distribution moves for a doubling of that power.

    Parameters
    ----------
    estimate : Estimate
        The posterior.
    locations : sequence of str
        Locations whose tolls are looked at.
    by : mapping or sequence, optional
        Labels to total by, as in `Estimate.total`; by default the total of all.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``of`` (``"total"`` or ``"toll"``) and ``name``: sensitivity to ``prior`` and
        to ``likelihood``; ``mostly``, the unknown whose prior, scaled alone, moves it the most;
        ``diagnosis``: ``"prior-data conflict"`` where both sensitivities are 0.05 or more,
        ``"the prior decides"`` where only that to the prior is, else blank.

    Raises
    ------
    KeyError
        If one of `locations` is none.
    ValueError
        If `by` leaves locations without a label or has another length, or if every top-level
        unknown is fixed.

    Notes
    -----
    Only the priors of top-level unknowns are scaled, not the distributions of sources around
    them, as [1]_ advises for hierarchical models. The likelihood is the marginal one. Weights
    are of theta, and tolls are joint draws given it: a location's own claims and the toll
    distribution keep their weight in its toll. Tolls enter as log1p. Without verified tolls
    the prior of the common bias decides on totals, and this says so.

    References
    ----------
    .. [1] Kallioinen, N., Paananen, T., Buerkner, P.-C., Vehtari, A. (2024). Detecting and
       diagnosing prior and likelihood sensitivity with power-scaling. *Statistics and
       Computing* 34, 57. https://doi.org/10.1007/s11222-023-10366-5
    """
    import pandas as pd
    from arviz_base import from_dict
    from arviz_stats.psense import psense

    quantities = _quantities(estimate, locations, by)
    log_priors = _log_priors(estimate)
    if not log_priors:
        raise ValueError("every top-level unknown is fixed, so there is no prior to scale.")
    shape = estimate.theta.theta.shape[:2]
    tree = from_dict(
        {
            "posterior": {
                "quantity": np.column_stack(list(quantities.values())).reshape(*shape, -1)
            },
            "log_prior": {name: values.reshape(shape) for name, values in log_priors.items()},
            "log_likelihood": {"claims": _log_likelihood(estimate).reshape(shape)},
        }
    )

    def moved(group: str, only: str | None = None) -> Floats:
        with np.errstate(invalid="ignore"):
            sensitivity = psense(tree, group=group, group_var_names=only)
        # What is known for certain does not move; its distance is 0 over 0.
        return np.nan_to_num(np.ravel(sensitivity["quantity"]))

    index = pd.MultiIndex.from_tuples(list(quantities), names=["of", "name"])
    table = pd.DataFrame({group: moved(group) for group in ("prior", "likelihood")}, index=index)
    alone = np.array([moved("prior", name) for name in log_priors])
    most = np.array(list(log_priors), dtype=object)[alone.argmax(axis=0)]
    table["mostly"] = np.where(alone.max(axis=0) > 0, most, "")
    by_prior, by_claims = table["prior"] >= _SENSITIVE, table["likelihood"] >= _SENSITIVE
    table["diagnosis"] = np.select(
        [by_prior & by_claims, by_prior], ["prior-data conflict", "the prior decides"], ""
    )
    return table


def _quantities(
    estimate: Estimate,
    locations: Sequence[str],
    by: Mapping[str, Hashable] | Sequence[Hashable] | None,
) -> dict[tuple[str, Hashable], Floats]:
    """Draws of what may move, on the log1p axis, all of shape (n_draws,)."""
    claims = estimate.claims
    missing = [name for name in locations if name not in claims.locations]
    if missing:
        raise KeyError(f"{missing[0]!r} is none of the {claims.n_locations} locations")
    tolls = estimate.draws_by_chain().reshape(-1, claims.n_locations)
    labels, index = labelled(claims.locations, by)
    out: dict[tuple[str, Hashable], Floats] = {
        ("total", label): np.log1p(tolls[:, index == i].sum(axis=1))
        for i, label in enumerate(labels)
    }
    for name in locations:
        out["toll", name] = np.log1p(tolls[:, claims.locations.index(name)])
    return out


def _log_priors(estimate: Estimate) -> dict[str, Floats]:
    """Log prior of each top-level unknown, constants left out, shape (n_draws,).

    That of a scale is the density of the scale, not of its logarithm: to scale the latter
    would put a power on the Jacobian of an axis that nobody chose.
    """
    flat, out = estimate.theta.flat, {}
    for j, entry in _top_level(estimate):
        theta = np.exp(flat[:, j]) if entry.half else flat[:, j]
        out[_label(entry)] = -0.5 * ((theta - constant(entry.mean)) / constant(entry.sd)) ** 2
    return out


def _log_likelihood(estimate: Estimate) -> Floats:
    """Log marginal likelihood of all claims, shape (n_draws,)."""
    posterior, flat = estimate.posterior, estimate.theta.flat
    log_prior = np.array([posterior.log_prior(theta) for theta in flat])
    return np.asarray(posterior.log_densities(flat) - log_prior, np.float64)


def _top_level(estimate: Estimate) -> list[tuple[int, Entry]]:
    """Entries of theta, with their positions, whose prior does not depend on another.

    What is believed of single sources is left out: it is a prior like any other, but there
    may be one a source.
    """
    return [(j, entry) for j, entry in enumerate(estimate.posterior.entries) if entry.is_top_level]


def _on_normal_axis(entry: Entry, theta: Floats) -> Floats:
    """Image of draws of an entry on the axis on which its prior is standard normal."""
    if not entry.half:
        return (theta - constant(entry.mean)) / constant(entry.sd)
    scale = np.exp(theta) / constant(entry.sd)
    # P(|Z| <= s) below the middle, its complement above: neither end loses its digits.
    lower, upper = ndtri(erf(scale / math.sqrt(2))), -ndtri_exp(math.log(2) + log_ndtr(-scale))
    return np.asarray(np.where(scale < 0.5, lower, upper), np.float64)


def _label(entry: Entry) -> str:
    """Name of an entry on the scale of its prior."""
    return entry.name.removeprefix("log_") if entry.half else entry.name


def _in_words(entry: Entry) -> str:
    if entry.half:
        return f"HalfNormal({constant(entry.sd):g})"
    return f"Normal({constant(entry.mean):g}, {constant(entry.sd):g})"
