"""Tables of sources, sides and effects: posterior medians and intervals from draws of theta."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tollest._arrays import Floats, Integers
from tollest._sums.tables import (
    COMMON_BIAS,
    LOG_COPY_SCATTER,
    LOG_EARLY_EXCESS,
    LOG_EARLY_SHORTFALL,
    LOG_FIGURE_SCATTER,
    LOG_HALVING,
    LOG_LIST_SHORTFALL,
    LOG_LOCATION_ERROR,
    LOG_SHORTFALL,
    LOG_TAU,
    LOGIT_NEAR_COPY,
)
from tollest.estimation.masses import check_interval
from tollest.model.layout import ThetaLayout

if TYPE_CHECKING:
    import pandas as pd

_SHARED = {
    "log_tau": LOG_TAU,
    "log_figure_scatter": LOG_FIGURE_SCATTER,
    "common_bias": COMMON_BIAS,
    "log_shortfall": LOG_SHORTFALL,
    "log_list_shortfall": LOG_LIST_SHORTFALL,
    "log_early_shortfall": LOG_EARLY_SHORTFALL,
    "log_early_excess": LOG_EARLY_EXCESS,
    "log_halving": LOG_HALVING,
    "log_location_error": LOG_LOCATION_ERROR,
    "logit_near_copy": LOGIT_NEAR_COPY,
    "log_copy_scatter": LOG_COPY_SCATTER,
}


def values(layout: ThetaLayout, flat: Floats, name: str) -> Floats:
    """Draws of one of the kernels' parameters.

    Parameters
    ----------
    layout : ThetaLayout
        Theta as the compiled functions know it.
    flat : ndarray of float, shape (n_draws, n_theta)
        Draws of theta.
    name : str
        ``"mu"``, ``"bias"``, ``"log_scatter"``, ``"logit_repeat"`` or ``"logit_denial"``;
        ``"log_tau"``, ``"log_figure_scatter"``, ``"common_bias"``, ``"log_shortfall"``,
        ``"log_list_shortfall"``, ``"log_early_shortfall"``, ``"log_early_excess"``,
        ``"log_halving"``, ``"log_location_error"``, ``"logit_near_copy"`` or
        ``"log_copy_scatter"``.

    Returns
    -------
    ndarray of float, shape (n_draws, size), or (n_draws,) for those shared by all
    """
    if name in _SHARED:
        i = _SHARED[name]
        index, fixed = layout.position.shared[i : i + 1], layout.fixed.shared[i : i + 1]
    else:
        index, fixed = getattr(layout.position, name), getattr(layout.fixed, name)
    drawn = np.where(index >= 0, flat[:, index], fixed)
    return drawn[:, 0] if name in _SHARED else drawn


def natural(layout: ThetaLayout, flat: Floats, *, never: bool) -> dict[str, Floats]:
    """Give shares of the toll, biases, scatters and repeat probabilities, (n_draws, n_sources).

    And the probability of a denial, where somebody claims 0. `layout` is that of sources. `never`
    says that no source repeats the figure.
    """
    logit, denial = (values(layout, flat, name) for name in ("logit_repeat", "logit_denial"))
    bias, common = values(layout, flat, "bias"), values(layout, flat, "common_bias")
    habits = {
        "share": np.exp(bias + common[:, None]),
        "bias": np.exp(bias),
        "scatter": np.exp(values(layout, flat, "log_scatter")),
        "repeat": np.zeros_like(logit) if never else 1.0 / (1.0 + np.exp(-logit)),
    }
    return habits | ({"denial": 1.0 / (1.0 + np.exp(-denial))} if denial.shape[1] else {})


def sources_table(
    sources: tuple[str, ...] | tuple[tuple[str, str], ...],
    n_claims: Integers,
    habits: dict[str, Floats],
    ci_prob: float,
) -> "pd.DataFrame":
    """Habits with their intervals and the claims they are known from, by source or by side."""
    frame = intervals(_index(sources), habits, ci_prob)
    frame["n_claims"] = n_claims
    return frame


def shortfalls_table(drawn: dict[str, tuple[Floats, int]], ci_prob: float) -> "pd.DataFrame":
    """Factors of shortfalls with their intervals; of each kind draws of its log scale, and claims.

    Half of an exponential amount of scale lambda is below lambda times the log of 2.
    """
    import pandas as pd

    factors = [np.exp(np.log(2.0) * np.exp(draws)) for draws, _ in drawn.values()]
    columns = np.stack(factors, axis=1) if factors else np.empty((1, 0))
    frame = intervals(pd.Index(list(drawn), name="kind"), {"factor": columns}, ci_prob)
    frame["n_claims"] = [n for _, n in drawn.values()]
    return frame


def intervals(index: "pd.Index", drawn: dict[str, Floats], ci_prob: float) -> "pd.DataFrame":
    """Medians with their equal-tailed intervals; of each name (n_draws, n_rows) are drawn."""
    import pandas as pd

    check_interval(ci_prob, "eti")
    columns: dict[str, NDArray[np.generic]] = {}
    ends = (0.5, 0.5 - ci_prob / 2, 0.5 + ci_prob / 2)
    for name, values in drawn.items():
        middle, lower, upper = np.quantile(values, ends, axis=0)
        columns |= {name: middle, f"{name}_lower": lower, f"{name}_upper": upper}
    frame = pd.DataFrame(columns, index=index)
    frame.attrs.update(ci_prob=ci_prob, ci_kind="eti")
    return frame


def _index(sources: tuple[str, ...] | tuple[tuple[str, str], ...]) -> "pd.Index":
    import pandas as pd

    if sources and not isinstance(sources[0], str):
        return pd.MultiIndex.from_tuples(sources, names=["source", "side"])
    return pd.Index(sources, name="source")
