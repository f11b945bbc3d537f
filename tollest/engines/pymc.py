r"""The posterior as a PyMC model that can be read, changed and extended.

Effects of sources (and centres of groups) with many claims are drawn as they are, centred;
those with few as offsets from their population, in units of its spread. Where claims say much,
the centred form leaves the effects free of their population; where they say little it makes
a funnel, since a small spread forces all effects together, and offsets do not [1]_.

References
----------
.. [1] Papaspiliopoulos, O., Roberts, G. O., Skold, M. (2007). A general framework for the
   parametrization of hierarchical models. *Statistical Science* 22(1), 59-73.
   https://doi.org/10.1214/088342307000000014
"""

import warnings
from collections.abc import Callable, Container
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from tollest.model.layout import Entry, constant
from tollest.model.posterior import Posterior

if TYPE_CHECKING:
    import pymc

# Claims from which on an effect is drawn centred: at a scatter near the sources' spread they tell
# it from its prior.
_CENTRED_FROM = 10

# Names on natural scales, where they are not those of the entries of theta.
_LOGS = {
    "log_group_sd": "group_sd",
    "log_level_sd": "level_sd",
    "log_tau": "tau",
    "log_bias_sd": "bias_sd",
    "log_side_sd": "side_sd",
    "log_scatter": "scatter",
    "log_log_scatter_sd": "log_scatter_sd",
    "log_logit_repeat_sd": "logit_repeat_sd",
    "log_figure_scatter": "figure_scatter",
    "log_shortfall": "shortfall",
    "log_list_shortfall": "list_shortfall",
    "log_early_shortfall": "early_shortfall",
    "log_early_excess": "early_excess",
    "log_halving": "halving",
    "log_location_error": "location_error",
    "log_copy_scatter": "copy_scatter",
    "log_logit_denial_sd": "logit_denial_sd",
}
_LOGITS = {"logit_repeat": "repeat", "logit_near_copy": "near_copy", "logit_denial": "denial"}
_OF_SOURCES = ("bias", "log_scatter", "logit_repeat", "logit_denial")
EFFECTS = ("mu_group", "effect", "level", *_OF_SOURCES, "bias_on_side")
_POPULATIONS = {
    "mu_group": ("mu", "log_group_sd"),
    "level": ("", "log_level_sd"),
    "bias_on_side": ("", "log_side_sd"),
}
_SINGLE = (
    "mu", "log_tau", "log_figure_scatter", "common_bias", "log_shortfall", "log_list_shortfall",
    "log_early_shortfall", "log_early_excess", "log_halving", "log_location_error",
    "logit_near_copy", "log_copy_scatter",
)  # fmt: skip


def to_pymc(posterior: Posterior, model: "pymc.Model | None" = None) -> "pymc.Model":
    r"""Write a posterior as a PyMC model, tolls and figures summed out.

    Parameters
    ----------
    posterior : Posterior
        ``Model().given(claims)``. Sums over tolls run on its model's `support`.
    model : pymc.Model, optional
        A model that already holds some of the variables below. These keep the priors they have
        there; the others, and the claims, are added to it. Dimensions ``source`` and ``group``
        are those of the claims.

    Returns
    -------
    pymc.Model
        With the variables, where the priors do not fix them:

        ``mu, tau, mu_group[group], group_sd``
            Centre and scale of the tolls on the log1p axis.
        ``bias[source], log_scatter[source], logit_repeat[source]``
            Habits of the sources, with populations ``bias_mean``, ``bias_sd``,
            ``log_scatter_mean`` and so on, and ``scatter`` and ``repeat`` on natural scales.
            Each is put together from ``_centred`` effects, of sources with many claims,
            ``_offset`` ones, and ``_known`` ones, of sources with a prior of their own.
        ``level[level], level_sd``
            Where there are wholes and parts of several levels: how far the centre of tolls of
            each level, and of the remainders of each, is from ``mu``.
        ``effect[covariate]``
            What covariates do to the centre of the tolls.
        ``bias_on_side[source_side], side_sd``
            Where locations have sides: biases by side, around those of their sources.
        ``logit_denial[source]``
            Where somebody claims 0: the habit of denying, with ``denial`` as a probability.
        ``log_figure_scatter, figure_scatter, common_bias``
            Habits of the figure in circulation, and what all get wrong alike.
        ``logit_near_copy, near_copy, log_copy_scatter, copy_scatter``
            Where some location has several counts: the habit of repeating the figure with a
            change, and the scale of that.
        ``log_shortfall, shortfall, log_list_shortfall, list_shortfall``
            Where there are bounds, or lists of names: the scales by which they miss the toll.
        ``log_early_shortfall, log_early_excess, log_halving``
            Where claims have an age: the scale by which what is known at the onset falls short of
            the toll, the share of that by which it exceeds it, and the days that halve both; with
            ``early_shortfall``, ``early_excess`` and ``halving``.
        ``log_location_error, location_error``
            Where tolls are verified: the scale of the error that all claims on a location share.
        ``claims``
            A potential: the log marginal likelihood, value and gradient from the same compiled
            sums as every other engine's.

        A variable that a given model holds may be on either scale: ``scatter``, or
        ``log_scatter``. Populations of effects that a given model holds are added all the same
        and keep their priors, unless it holds them, too.

    Raises
    ------
    ValueError
        If `model` has other sources or groups, a variable of another shape, or a variable that
        the priors fix.

    Examples
    --------
    Another prior of the tolls' scale, and an audit that found the press 20 % too low:

    >>> import pandas as pd
    >>> import pymc as pm
    >>> import tollest as te
    >>> table = pd.DataFrame({"location": "A", "source": ["press", "clinic"], "count": [9, 14]})
    >>> claims = te.Claims.from_table(table)
    >>> with pm.Model() as model:
    ...     tau = pm.Gamma("tau", 4.0, 5.0)
    >>> model = to_pymc(te.Model().given(claims), model)
    >>> with model:
    ...     press = model["bias"][claims.sources.index("press")]
    ...     audit = pm.Normal("audit", press, 0.1, observed=-0.2)

    Sampled with ``trace = pm.sample(model=model)``, tolls are
    ``te.estimate(claims, engine=te.engines.FromTrace(trace))``.
    """
    import pymc as pm
    import pytensor.tensor as pt

    model = pm.Model() if model is None else model
    _refuse_fixed(posterior, model)
    claims = posterior.claims
    for dim, labels in (("source", claims.sources), ("group", claims.groups)):
        _add_labels(model, dim, labels)
    names = {entry.name for entry in posterior.entries}
    for name in sorted(names & {"effect", "level", "bias_on_side"}):
        _add_labels(model, *posterior.dimension(name))
    _add_labels(model, "location", claims.locations)
    with model:
        parts = [
            _effects(posterior, model, name, list(entries))
            if name in EFFECTS
            else _single(model, next(entries))
            for name, entries in groupby(posterior.entries, lambda entry: entry.name)
        ]
        pm.Potential("claims", likelihood_op(posterior)(pt.concatenate(parts))[0])
    return model


def _add_labels(model: "pymc.Model", dim: str, labels: tuple[str, ...]) -> None:
    """Name the members of a dimension, or refuse those that the model has."""
    if dim not in model.coords:
        model.add_coord(dim, labels)
        return
    given = tuple(model.coords[dim] or ())
    if given != labels:
        raise ValueError(
            f"model has the {dim}s {', '.join(map(repr, given))}; those of the claims are "
            f"{', '.join(map(repr, labels)) or 'none'}, in this order."
        )


def _refuse_fixed(posterior: Posterior, model: "pymc.Model") -> None:
    """Refuse variables whose values would be ignored, since the priors fix them."""
    names = [entry.name for entry in posterior.entries]
    for name in (*_SINGLE, *_OF_SOURCES):
        held = held_name(name, model.named_vars)
        full = 1 if name in _SINGLE else posterior.claims.n_sources
        # A fixed centre of groups is only a constant in their prior.
        is_population = name == "mu" and posterior.claims.groups
        if held is not None and names.count(name) < full and not is_population:
            raise ValueError(
                f"model holds {held!r}, but the priors fix it, for all or some sources, so it "
                "would change nothing; leave it out, or replace Fixed and Never in the priors."
            )


def natural_name(name: str) -> str:
    """Name of an entry of theta on its natural scale."""
    return _LOGS.get(name) or _LOGITS.get(name) or name


def held_name(name: str, held: Container[Any]) -> str | None:
    """Name under which `held` has an entry of theta, if it does: theta's, or the natural."""
    return next((key for key in (name, natural_name(name)) if key in held), None)


def on_theta_scale(name: str, held: str, value: Any, log: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - arrays or PyTensor variables
    """Bring a value held under the name `held` to the scale of theta."""
    if held == name:
        return value
    return log(value) - log(1.0 - value) if name in _LOGITS else log(value)


def _single(model: "pymc.Model", entry: Entry) -> Any:  # noqa: ANN401 - a PyTensor variable
    """One unknown on the scale of theta, shape (1,), made unless the model holds it."""
    import pymc as pm
    import pytensor.tensor as pt

    held = held_name(entry.name, model.named_vars)
    if held is None and entry.half:
        held = _LOGS[entry.name]
        pm.HalfNormal(held, constant(entry.sd))
    elif held is None:
        held = entry.name
        value = pm.Normal(held, constant(entry.mean), constant(entry.sd))
        if held in _LOGS:
            pm.Deterministic(_LOGS[held], pt.exp(value))
    return pt.atleast_1d(on_theta_scale(entry.name, held, model[held], pt.log))


def _effects(posterior: Posterior, model: "pymc.Model", name: str, entries: list[Entry]) -> Any:  # noqa: ANN401 - a PyTensor variable
    """All effects of a name that theta has, made unless the model holds them."""
    import pymc as pm
    import pytensor.tensor as pt

    dim, labels = posterior.dimension(name)
    index = [labels.index(entry.member or "") for entry in entries]
    held = held_name(name, model.named_vars)
    if held is not None:
        if model[held].ndim != 1 or model[held].type.shape[0] not in (None, len(labels)):
            raise ValueError(f"{held!r} of the model has another shape; give it dims={dim!r}.")
        return on_theta_scale(name, held, model[held], pt.log)[index]
    if name == "bias_on_side":  # that of the source where the side adds nothing
        effects = model["bias"][posterior.names.source_of]
    elif name in ("mu_group", "effect", "level"):
        effects = pt.zeros(len(labels))
    else:
        effects = pt.as_tensor_variable(getattr(posterior.layout_of_sources.fixed, name))
    for form, members in _forms(posterior, name, entries).items():
        rows = [labels.index(entry.member or "") for entry in members]
        effects = effects[rows].set(_drawn(model, name, form, members, dim, effects[rows]))
    effects = pm.Deterministic(name, effects, dims=dim)
    if name in _LOGS:
        pm.Deterministic(_LOGS[name], pt.exp(effects), dims=dim)
    if name in _LOGITS:
        pm.Deterministic(_LOGITS[name], pt.sigmoid(effects), dims=dim)
    return effects[index]


def _forms(posterior: Posterior, name: str, entries: list[Entry]) -> dict[str, list[Entry]]:
    """Sort effects into the forms that they are drawn in."""
    counts = dict(zip(posterior.theta_names, posterior.n_informing.tolist(), strict=True))
    with_own_prior = {
        source
        for source, prior in posterior.model.priors.sources.items()
        if getattr(prior, name, None) is not None
    }
    forms: dict[str, list[Entry]] = {}
    for entry in entries:
        is_many = counts[f"{name}[{entry.member}]"] >= _CENTRED_FROM
        is_known = name == "effect" or entry.member in with_own_prior
        form = "known" if is_known else "centred" if is_many else "offset"
        forms.setdefault(form, []).append(entry)
    return forms


def _drawn(
    model: "pymc.Model",
    name: str,
    form: str,
    entries: list[Entry],
    dim: str,
    around: Any,  # noqa: ANN401 - a PyTensor variable
) -> Any:  # noqa: ANN401 - a PyTensor variable
    """Effects of one form, drawn from their own priors or from their population.

    Biases by side are drawn around those of their sources, which are in `around`.
    """
    import pymc as pm
    import pytensor.tensor as pt

    dims = f"{name}_{form}_{dim}"
    model.add_coord(dims, [entry.member for entry in entries])
    if form == "known":
        means = [constant(entry.mean) for entry in entries]
        sds = [constant(entry.sd) for entry in entries]
        return pm.Normal(f"{name}_known", means, sds, dims=dims)
    # Populations come before their effects, so that one that is not held is a constant.
    centre, spread = _POPULATIONS.get(name, (f"{name}_mean", f"log_{name}_sd"))
    if name == "bias_on_side":
        mean = around
    else:
        mean = model[centre] if centre in model.named_vars else constant(entries[0].mean)
    held = held_name(spread, model.named_vars)
    sd = constant(entries[0].sd) if held is None else model[held]
    if held == spread:
        sd = pt.exp(sd)
    if form == "centred":
        return pm.Normal(f"{name}_centred", mean, sd, dims=dims)
    return mean + sd * pm.Normal(f"{name}_offset", 0.0, 1.0, dims=dims)


@cache
def _op_class() -> Any:  # noqa: ANN401 - a class made once PyTensor is imported
    """Class of the likelihood as PyTensor knows it."""
    import pytensor.tensor as pt
    from pytensor.gradient import DisconnectedType
    from pytensor.graph.op import Op
    from pytensor.link.numba.dispatch.basic import generate_fallback_impl, numba_funcify

    class LogLikelihood(Op):
        """Log marginal likelihood of the claims at theta, and its gradient."""

        itypes = (pt.dvector,)
        otypes = (pt.dscalar, pt.dvector)

        def __init__(self, posterior: Posterior) -> None:
            self.posterior = posterior

        def perform(self, node: Any, inputs: Any, output_storage: Any) -> None:  # noqa: ANN401 - PyTensor's
            value, gradient = self.posterior.log_likelihood_and_gradient(inputs[0])
            if not np.isfinite(value):  # outside the domain, where the gradient means nothing
                value, gradient = -np.inf, np.zeros_like(gradient)
            output_storage[0][0] = np.asarray(value)
            output_storage[1][0] = gradient

        def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Any]:  # noqa: ANN401 - PyTensor's
            if not isinstance(cotangents[1].type, DisconnectedType):
                raise NotImplementedError("the likelihood has no second derivatives.")
            return [cotangents[0] * outputs[1]]

    @numba_funcify.register(LogLikelihood)
    def _(op: Any, node: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - PyTensor's
        # Python calls the kernel, which is compiled: the warning that it runs in Python is idle.
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Numba will use object mode")
            return generate_fallback_impl(op, node, **kwargs)

    return LogLikelihood


def likelihood_op(posterior: Posterior) -> Any:  # noqa: ANN401 - a PyTensor operation
    """Log likelihood as an operation of PyTensor."""
    return _op_class()(posterior)
