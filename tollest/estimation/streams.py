"""Streams of random numbers, one for each purpose and number: threads and order cannot matter."""

import numpy as np

# What follows the seed and the number in a stream's key. No two purposes share a key; those of
# tolls are named after the parts of a posterior.
_KEYS = {"patterns": (), "trees": (1,), "refits": (2,)}


def stream(entropy: int, purpose: str, i: int) -> np.random.Generator:
    """Random numbers of one draw, or of one refit.

    Parameters
    ----------
    entropy : int
        Seed of the estimate.
    purpose : {"patterns", "trees", "refits"}
        Tolls of locations apart from others, tolls of wholes and parts, or theta without a claim.
    i : int
        Number of the draw, or row of the claim.
    """
    return np.random.default_rng((entropy, i, *_KEYS[purpose]))
