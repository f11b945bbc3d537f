"""What figures and reports need of an estimate: a part of `Estimate`, which comes after them."""

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from tollest.audit import Audit
from tollest.claims.table import Claims
from tollest.engines import AbstractEngine, ThetaDraws
from tollest.estimation.totals import Totals
from tollest.identification import Identification
from tollest.model.posterior import Model, Posterior

if TYPE_CHECKING:
    import pandas as pd


class Subject(Protocol):
    """An estimate to draw and to report on; see `Estimate` for what its members are."""

    @property
    def claims(self) -> Claims: ...  # noqa: D102

    @property
    def model(self) -> Model: ...  # noqa: D102

    @property
    def posterior(self) -> Posterior: ...  # noqa: D102

    @property
    def theta(self) -> ThetaDraws: ...  # noqa: D102

    @property
    def seed(self) -> int | None: ...  # noqa: D102

    @property
    def engine(self) -> AbstractEngine | None: ...  # noqa: D102

    @property
    def doubts(self) -> tuple[str, ...]: ...  # noqa: D102

    def table(self, ci_prob: float = 0.9, ci_kind: str = "eti") -> "pd.DataFrame": ...  # noqa: D102

    def pmf(self, location: str) -> "pd.DataFrame": ...  # noqa: D102

    def sources(self, ci_prob: float = 0.9) -> "pd.DataFrame": ...  # noqa: D102

    def sources_by_side(self, ci_prob: float = 0.9) -> "pd.DataFrame": ...  # noqa: D102

    def effects(self, ci_prob: float = 0.9) -> "pd.DataFrame": ...  # noqa: D102

    def total(  # noqa: D102
        self, by: Mapping[str, Hashable] | Sequence[Hashable] | None = None
    ) -> Totals: ...

    def audit(  # noqa: D102
        self,
        location: str,
        ci_prob: float = 0.9,
        level: float = 0.01,
        *,
        refit: bool = False,
        progress: bool = True,
    ) -> Audit: ...

    def identification(  # noqa: D102
        self, by: Mapping[str, Hashable] | Sequence[Hashable] | None = None
    ) -> Identification: ...

    @property
    def is_open(self) -> NDArray[np.bool_]: ...  # noqa: D102

    def position(self, location: str) -> int: ...  # noqa: D102
