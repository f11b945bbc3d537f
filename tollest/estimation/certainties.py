"""What is certain of tolls without a model: deaths by name, and whether anything bounds a toll."""

import numpy as np

from tollest._arrays import Flags, Integers
from tollest.claims.hierarchy import upwards
from tollest.claims.table import UNBOUNDED, Claims


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


def is_open(claims: Claims) -> Flags:
    """Whether nothing but the prior bounds a toll from above, shape (n_locations,)."""
    location = claims.location_index
    bounded = np.bincount(location[claims.upper != UNBOUNDED], minlength=claims.n_locations) > 0
    bounded |= (claims.cap != UNBOUNDED) | (claims.verified >= 0)
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
