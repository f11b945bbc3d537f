"""How many died in four villages, when three sources disagree?

The clinic names its dead, so the toll cannot be below its lists. The press and the
ministry may be wrong either way, each with a bias of its own, and may be quoting each other.
Nobody reported on the fourth village: its toll is the prior's, not zero.
"""

import pandas as pd

import tollest as te

table = pd.DataFrame(
    [
        ("Arden", "clinic", "documented", 11), ("Arden", "press", "about", 30),
        ("Arden", "ministry", "count", 9),
        ("Brook", "clinic", "documented", 4), ("Brook", "press", "count", 6),
        ("Corley", "press", "at_least", 12), ("Corley", "ministry", "count", 0),
    ],
    columns=["location", "source", "kind", "count"],
)  # fmt: skip

estimate = te.estimate(te.Claims.from_table(table, locations=["Denholm"]), rng=1)
print(estimate)  # each toll with its 90% credible interval, and any doubt about it
print(estimate.probability(at_least=20))  # of twenty dead or more, in each
reported = dict.fromkeys(table["location"], "reported")
print(estimate.total(by=reported | {"Denholm": "nobody reported"}))  # from joint draws
