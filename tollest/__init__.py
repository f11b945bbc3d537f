"""How many died, when the sources disagree.

>>> import pandas as pd
>>> import tollest as te
>>> table = pd.DataFrame({"location": "Arden", "source": ["press", "clinic"], "count": [9, 14]})
>>> te.estimate(te.Claims.from_table(table), rng=1).table(ci_prob=0.9).columns[:3].tolist()
['median', 'lower', 'upper']
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tollest import (
        calibration,
        datasets,
        diagnostics,
        engines,
        noise,
        plots,
        priors,
        readers,
        simulation,
    )
    from tollest.claims import Claims, ClaimsError
    from tollest.claims.periods import ToDate
    from tollest.diagnostics.sensitivity import Sensitivity, sensitivity, usual_alternatives
    from tollest.estimation import DoubtfulEstimate, Estimate, estimate
    from tollest.estimation.as_of import as_of
    from tollest.estimation.imputation import pool
    from tollest.model import Model

__all__ = [
    "Claims",
    "ClaimsError",
    "DoubtfulEstimate",
    "Estimate",
    "Model",
    "Sensitivity",
    "ToDate",
    "as_of",
    "calibration",
    "datasets",
    "diagnostics",
    "distributed",
    "engines",
    "estimate",
    "noise",
    "plots",
    "pool",
    "priors",
    "readers",
    "sensitivity",
    "simulation",
    "usual_alternatives",
]

# Compilers and solvers take seconds to import; a name brings in its module when first used.
_HOMES = {
    "Claims": "claims.table",
    "ClaimsError": "claims.problems",
    "DoubtfulEstimate": "estimation.results",
    "Estimate": "estimation.results",
    "Model": "model.posterior",
    "Sensitivity": "diagnostics.sensitivity",
    "ToDate": "claims.periods",
    "as_of": "estimation.as_of",
    "estimate": "estimation.results",
    "pool": "estimation.imputation",
    "sensitivity": "diagnostics.sensitivity",
    "usual_alternatives": "diagnostics.sensitivity",
}


def __getattr__(name: str) -> object:
    """Import a public name from its module."""
    if name == "__version__":
        from importlib.metadata import version

        return version("tollest")
    if name in _HOMES:
        return getattr(import_module(f"tollest.{_HOMES[name]}"), name)
    if name in __all__:
        return import_module(f"tollest.{name}")
    raise AttributeError(f"module 'tollest' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
