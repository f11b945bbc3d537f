"""Reading what tolls may depend on: a formula, and a table with a row for each location."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tollest._arrays import Flags, Floats
from tollest.claims.cells import text_of
from tollest.claims.problems import ClaimsError, Problem, listed, shown

if TYPE_CHECKING:
    import pandas as pd

_MOST_NAMED = 10


@dataclass(frozen=True, eq=False)
class DesignMatrix:
    """Covariates of all locations, and the exposure that tolls are proportional to.

    Attributes
    ----------
    formula, exposure : str
        The formula of the covariates, and the column of exposures; blank where there are none.
    covariate_names : tuple of str, length n_covariates
        Terms of the formula.
    covariates : ndarray of float, shape (n_locations, n_covariates)
        With mean 0 and standard deviation 1.
    covariate_units : ndarray of float, shape (2, n_covariates)
        Mean and standard deviation of each before that.
    log_exposure : ndarray of float, shape (n_locations,)
        Added to the centre of tolls, with mean 0; zeros where there is no exposure.
    """

    formula: str
    exposure: str
    covariate_names: tuple[str, ...]
    covariates: Floats
    covariate_units: Floats
    log_exposure: Floats

    @classmethod
    def none(cls, n_locations: int) -> "DesignMatrix":
        """Give a design without covariates."""
        nothing = np.zeros((n_locations, 0))
        return cls("", "", (), nothing, np.zeros((2, 0)), np.zeros(n_locations))


def read_design(
    formula: str,
    table: Any,  # noqa: ANN401 - whatever dataframe narwhals accepts
    locations: Sequence[str],
    columns: Mapping[str, str],
    exposure: str | None,
) -> DesignMatrix:
    """Build the covariates of all locations.

    Parameters
    ----------
    formula : str
        Right-hand side of a Wilkinson formula, as formulaic reads it.
    table : eager dataframe
        With a row for each location, and a column that names it.
    locations : sequence of str
        All locations, in their order.
    columns : mapping of str to str
        Our name of a column to the table's: ``location`` alone.
    exposure : str or None
        Column that tolls are proportional to.

    Returns
    -------
    DesignMatrix

    Raises
    ------
    ClaimsError
        Locations lack a row, or have two, or a value, or an exposure above 0; or a term is the
        same everywhere.
    ImportError
        formulaic is not installed.
    TypeError
        `formula` is not text, or `table` not a dataframe in memory.
    ValueError
        The formula cannot be read, or names what the table has not.
    """
    if not isinstance(formula, str):
        message = f"formula is a {type(formula).__name__}; give text, as 'log(population) + area'"
        raise TypeError(message)
    frame = _aligned(table, locations, columns.get("location", "location"))
    names, values = _terms(formula, frame, locations)
    problems = _gaps(names, ~np.isfinite(values), locations, "finite value")
    at_risk = np.ones(len(locations))
    if exposure is not None:
        if exposure not in frame.columns:
            has = ", ".join(map(str, frame.columns))
            raise ValueError(f"the table has no exposure {shown(exposure)}; it has {has}.")
        try:
            at_risk = frame[exposure].to_numpy(np.float64, na_value=np.nan)
        except (TypeError, ValueError):
            message = f"the exposure {shown(exposure)} is no column of numbers."
            raise ValueError(message) from None
        bad = ~((at_risk > 0) & np.isfinite(at_risk))
        problems += _gaps([exposure], bad[:, None], locations, "exposure above 0")
    if problems:
        raise ClaimsError(problems)
    centre, scale = values.mean(axis=0), values.std(axis=0)
    flat = [
        Problem(f"{shown(name)} is the same at all locations, so that no toll can depend on it.")
        for name, sd, mean in zip(names, scale, centre, strict=True)
        if not sd > 1e-9 * max(1.0, abs(mean))
    ]
    if flat:
        raise ClaimsError(flat)
    log_exposure = np.log(at_risk)
    log_exposure -= log_exposure.mean()
    return DesignMatrix(
        formula=formula,
        exposure=exposure or "",
        covariate_names=tuple(names),
        covariates=(values - centre) / scale,
        covariate_units=np.stack([centre, scale]),
        log_exposure=log_exposure,
    )


def _aligned(table: Any, locations: Sequence[str], column: str) -> "pd.DataFrame":  # noqa: ANN401
    """Rows of the table in the order of the locations, as a pandas dataframe."""
    import narwhals as nw

    try:
        frame = nw.from_native(table, eager_only=True)
    except TypeError as error:
        message = f"table is a {type(table).__name__}; give a dataframe with a row a location"
        raise TypeError(message) from error
    if column not in frame.columns:
        raise ValueError(
            f"the table of covariates has no column {shown(column)}; name the one that names "
            "locations: columns={'location': ...}."
        )
    named = [text_of(name) for name in frame[column].to_list()]
    row: dict[str, int] = {}
    twice = []
    for i, name in enumerate(named):
        if name in row:
            twice.append(name)
        row.setdefault(name, i)
    wanted = set(locations)
    missing = [name for name in locations if name not in row]
    twice = [name for name in dict.fromkeys(twice) if name in wanted]
    problems = []
    if missing:
        some = listed(missing, _MOST_NAMED)
        problems.append(Problem(f"the table of covariates has no row for {some}; give each one."))
    if twice:
        some = listed(twice, _MOST_NAMED)
        message = f"the table of covariates has several rows for {some}; keep one of each."
        problems.append(Problem(message))
    if problems:
        raise ClaimsError(problems)
    aligned: pd.DataFrame = frame[[row[name] for name in locations]].to_pandas()
    return aligned


def _gaps(
    names: list[str], missing: Flags, locations: Sequence[str], lacking: str
) -> list[Problem]:
    """Name the locations that lack something, by column of `missing`."""
    return [
        Problem(
            f"{shown(name)} has no {lacking} at "
            f"{listed([locations[i] for i in np.flatnonzero(gaps).tolist()], _MOST_NAMED)}; give "
            "every location one, or leave the term out."
        )
        for name, gaps in zip(names, missing.T, strict=True)
        if gaps.any()
    ]


def _terms(
    formula: str,
    frame: "pd.DataFrame",
    locations: Sequence[str],
) -> tuple[list[str], Floats]:
    """Names and values of the terms but the intercept, which is the centre of all tolls."""
    try:
        from formulaic import Formula, model_matrix
    except ImportError as error:
        message = "covariates need formulaic: install tollest[covariates]"
        raise ImportError(message) from error
    if "~" in formula:
        raise ValueError(
            f"formula is {shown(formula)}; give its right-hand side alone, since what depends "
            "on it is the toll: 'log(population) + area'."
        )
    try:
        used = sorted(map(str, Formula(formula).required_variables & {*frame.columns}))
        # A missing category would pass for the first.
        problems = _gaps(used, frame[used].isna().to_numpy(), locations, "value")
        if problems:
            raise ClaimsError(problems)
        # A name is looked up in the table alone, never among the caller's variables.
        with np.errstate(all="ignore"):  # what is not finite is told by location
            matrix = model_matrix(formula, frame, context={}, na_action="ignore")
    except ClaimsError:
        raise
    except Exception as error:  # whatever code in a formula may raise
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        has = ", ".join(map(str, frame.columns))
        raise ValueError(f"formula {shown(formula)}: {reason} The table has {has}.") from error
    matrix = matrix[[name for name in matrix.columns if name != "Intercept"]]
    if not len(matrix.columns):
        raise ValueError(f"formula {shown(formula)} has no term that tolls could depend on.")
    return [str(name) for name in matrix.columns], matrix.to_numpy(np.float64)
