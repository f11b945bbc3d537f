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
        distributed,
        engines,
        noise,
        plots,
        priors,
        readers,
        report,
        simulation,
        wording,
    )
    from tollest.claims import Claims, ClaimsError, Rate, ToDate, periods
    from tollest.estimation import (
        DoubtfulEstimate,
        Estimate,
        FailedEstimate,
        as_of,
        estimate,
        pool,
    )
    from tollest.model import Model
    from tollest.support import Support

__all__ = [
    "Claims",
    "ClaimsError",
    "DoubtfulEstimate",
    "Estimate",
    "FailedEstimate",
    "Model",
    "Rate",
    "Support",
    "ToDate",
    "as_of",
    "calibration",
    "datasets",
    "diagnostics",
    "distributed",
    "engines",
    "estimate",
    "noise",
    "periods",
    "plots",
    "pool",
    "priors",
    "readers",
    "report",
    "simulation",
    "wording",
]

# Compilers and solvers take seconds to import; a name brings in its module when first used.
_HOMES = {
    "Claims": "claims",
    "ClaimsError": "claims",
    "DoubtfulEstimate": "estimation",
    "Estimate": "estimation",
    "FailedEstimate": "estimation",
    "Model": "model",
    "Rate": "claims",
    "Support": "support",
    "ToDate": "claims",
    "as_of": "estimation",
    "estimate": "estimation",
    "periods": "claims",
    "pool": "estimation",
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
