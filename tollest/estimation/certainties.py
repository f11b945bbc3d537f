"""What is certain of tolls without a model: deaths by name, and whether anything bounds a toll."""

import numpy as np

from tollest._arrays import Flags, Integers
from tollest.claims.hierarchy import upwards
from tollest.claims.table import UNBOUNDED, Claims
from tollest.priors import Censored, Priors


def certain_deaths(claims: Claims) -> Integers:
    """Deaths that are certain at each location, those at its parts included."""
    order, parts = upwards(claims.parent)
    out = np.where(claims.verified >= 0, claims.verified, claims.documented)
    for location in order:
        if location in parts:
            out[location] = max(out[location], out[parts[location]].sum())
    return out


def documented(claims: Claims) -> Integers:
    """Deaths that are documented; of wholes at least those that are certain in their parts."""
    is_whole = np.isin(np.arange(claims.n_locations), claims.parent)
    return np.where(is_whole & (claims.verified < 0), certain_deaths(claims), claims.documented)


def is_open(claims: Claims, priors: Priors) -> Flags:
    """Whether nothing but the prior bounds a toll from above, shape (n_locations,).

    A bound, or a list of names, bounds it by how far such claims fall short, unless the priors
    take them as mere limits.
    """
    location = claims.location_index
    bounding = claims.upper != UNBOUNDED
    if not isinstance(priors.log_shortfall, Censored):
        bounding |= claims.is_bound
    bounded = np.bincount(location[bounding], minlength=claims.n_locations) > 0
    bounded |= (claims.ceiling != UNBOUNDED) | (claims.verified >= 0)
    if not isinstance(priors.log_list_shortfall, Censored):
        bounded |= claims.documented > 0
    order, parts = upwards(claims.parent)
    wholes = [location for location in order if location in parts]
    for whole in wholes:
        if claims.complete[whole]:
            bounded[whole] |= bounded[parts[whole]].all()
    for whole in reversed(wholes):
        bounded[parts[whole]] |= bounded[whole]
    return np.asarray(~bounded)


def is_top(parent: Integers, label: Integers) -> Flags:
    """Whether nothing that a location is a part of has its label, shape (n_locations,)."""
    out = np.ones(parent.size, dtype=bool)
    above = parent.copy()
    while (above >= 0).any():
        out &= (above < 0) | (label[above] != label)
        above = np.where(above >= 0, parent[above], -1)
    return out
