"""Estimates as xarray DataTrees and netCDF files, and back."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Hashable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tollest import noise, priors
from tollest._arrays import Integers
from tollest._files import replacing
from tollest.claims.periods import DayRange, ToDate
from tollest.claims.rows import Rows
from tollest.claims.standing import judged
from tollest.claims.table import KINDS, Claims
from tollest.engines import NUTS, AbstractEngine, NestedLaplace, PyMC, ThetaDraws, tuning
from tollest.model.posterior import Model, Posterior
from tollest.support import Support

if TYPE_CHECKING:
    import xarray as xr


_FORMAT = "tollest estimate 7"
_KINDS_OF_FILE = {".nc": "netCDF", ".parquet": "Parquet", ".csv": "CSV", ".html": "HTML"}
_MOMENTS = ("date", "onset")
_OF_CLAIMS = ("claim_location", "claim_source", "claim_kind", "claim_row")

# Entries of theta as users know them: scales and probabilities, not their logs.
_NATURAL = {
    "mu": ("mu", None),
    "mu_group": ("mu_group", None),
    "effect": ("effect", None),
    "log_group_sd": ("group_sd", np.exp),
    "level": ("level", None),
    "log_level_sd": ("level_sd", np.exp),
    "log_tau": ("tau", np.exp),
    "bias_mean": ("bias_mean", None),
    "log_bias_sd": ("bias_sd", np.exp),
    "bias": ("bias", None),
    "log_side_sd": ("side_sd", np.exp),
    "bias_on_side": ("bias_on_side", None),
    "log_scatter_mean": ("log_scatter_mean", None),
    "log_log_scatter_sd": ("log_scatter_sd", np.exp),
    "log_scatter": ("scatter", np.exp),
    "logit_repeat_mean": ("logit_repeat_mean", None),
    "log_logit_repeat_sd": ("logit_repeat_sd", np.exp),
    "logit_repeat": ("repeat", lambda x: 1.0 / (1.0 + np.exp(-x))),
    "log_figure_scatter": ("figure_scatter", np.exp),
    "log_shortfall": ("shortfall", np.exp),
    "log_list_shortfall": ("list_shortfall", np.exp),
    "log_early_shortfall": ("early_shortfall", np.exp),
    "log_early_excess": ("early_excess", np.exp),
    "log_halving": ("halving", np.exp),
    "log_location_error": ("location_error", np.exp),
    "logit_near_copy": ("near_copy", lambda x: 1.0 / (1.0 + np.exp(-x))),
    "log_copy_scatter": ("copy_scatter", np.exp),
    "logit_denial_mean": ("logit_denial_mean", None),
    "log_logit_denial_sd": ("logit_denial_sd", np.exp),
    "logit_denial": ("denial", lambda x: 1.0 / (1.0 + np.exp(-x))),
    "common_bias": ("common_bias", None),
}

_CLASSES = {
    cls.__name__: cls
    for cls in (
        Model,
        Support,
        priors.Priors,
        priors.Pooled,
        priors.Never,
        priors.Censored,
        priors.Source,
    )
} | {
    f"{module.__name__.rpartition('.')[2]}.{name}": getattr(module, name)
    for module, names in (
        (noise, ("Logistic", "Normal", "StudentT")),
        (priors, ("Normal", "HalfNormal", "Fixed")),
    )
    for name in names
}
_ENGINES = {f"engines.{cls.__name__}": cls for cls in (NestedLaplace, NUTS, PyMC)}
_CLASSES |= _ENGINES | {f"engines.tuning.{cls.__name__}": cls for cls in tuning.STAGES}
_NAMES = {cls: name for name, cls in _CLASSES.items()}


def to_datatree(posterior: Posterior, theta: ThetaDraws, tolls: Integers) -> "xr.DataTree":
    """Draws of theta and of the tolls, with the claims, in ArviZ's conventions.

    Parameters
    ----------
    posterior : Posterior
        The model and the claims.
    theta : ThetaDraws
        Draws of theta.
    tolls : ndarray of int, shape (n_chains, n_draws, n_locations)
        Joint draws of the tolls.
    """
    from arviz_base import from_dict

    claims = posterior.claims
    data: dict[str, NDArray[Any]] = {}
    dims: dict[str, list[str]] = {"toll": ["location"]}
    coords: dict[str, Any] = {"location": list(claims.locations)}
    members: dict[str, list[str]] = {}
    columns: dict[str, list[int]] = {}
    for j, entry in enumerate(posterior.entries):
        columns.setdefault(entry.name, []).append(j)
        if entry.member is not None:
            members.setdefault(entry.name, []).append(entry.member)
    for name, columns_of in columns.items():
        natural, transform = _NATURAL[name]
        values = theta.theta[:, :, columns_of]
        data[natural] = transform(values) if transform else values
        if name not in members:
            data[natural] = data[natural][:, :, 0]
            continue
        # Sources with a fixed effect have no entry, so each effect has its own coordinate.
        dim, full = posterior.dimension(name)
        if tuple(members[name]) != full:
            dim = f"{natural}_source"
        dims[natural], coords[dim] = [dim], members[name]
    data["toll"] = tolls
    location = claims.location_index
    shape = theta.theta.shape[:2]
    coords["claim"] = np.arange(claims.n_claims)
    return from_dict(
        {
            "posterior": data,
            "sample_stats": {"log_density": posterior.log_densities(theta.flat).reshape(shape)},
            "observed_data": {"lower": claims.lower, "upper": claims.upper},
            "constant_data": {
                "claim_location": np.array(claims.locations, dtype=str)[location],
                "claim_source": np.array(claims.sources, dtype=str)[claims.source_index],
                "claim_kind": np.array(KINDS, dtype=str)[claims.kind],
                "claim_row": claims.row,
                "documented": claims.documented,
                "verified": claims.verified,
                "cap": claims.cap,
            },
        },
        coords=coords,
        dims=dims
        | {name: ["claim"] for name in ("lower", "upper", *_OF_CLAIMS)}
        | {name: ["location"] for name in ("documented", "verified", "cap")},
        attrs={"posterior": {"inference_library": "tollest", "method": theta.summary}},
    )


def totals_datatree(names: tuple[Hashable, ...], samples: Integers) -> "xr.DataTree":
    """Draws of totals in ArviZ's conventions, as one chain."""
    from arviz_base import from_dict

    coords = {"label": [str(name) for name in names]}
    return from_dict(
        {"posterior": {"total": samples[None]}}, coords=coords, dims={"total": ["label"]}
    )


def save(
    posterior: Posterior,
    theta: ThetaDraws,
    entropy: int,
    tree: "xr.DataTree",
    path: str | Path,
    seed: int | None = None,
    engine: AbstractEngine | None = None,
) -> None:
    """Write `tree`, with all that `load` needs beside it, to a netCDF file.

    An engine that `is_plain` does not say is left out.
    """
    import xarray as xr

    record = posterior.claims.record
    rows = record.rows.flat()
    for name in _MOMENTS:
        rows[name] = rows[name].astype("datetime64[s]").astype(np.int64)
    arrays = {
        k: ([f"dim_{k}_{i}" for i in range(v.ndim)], v)
        for k, v in rows.items()
        if isinstance(v, np.ndarray)
    }
    plain = {k: v for k, v in rows.items() if not isinstance(v, np.ndarray)}
    plain["to_date"] = dataclasses.asdict(record.rows.to_date)
    known_by = None if np.isnat(record.known_by) else str(record.known_by)
    described = dataclasses.asdict(dataclasses.replace(theta, theta=np.zeros((0, 0, 0))))
    described.pop("theta")
    header = {
        "format": _FORMAT, "version": version("tollest"), "entropy": entropy, "seed": seed,
        "model": _encoded(posterior.model), "theta": described, "claims": plain,
        "known_by": known_by, "left_out": list(record.left_out),
        "engine": _encoded(engine) if is_plain(engine) else None,
    }  # fmt: skip
    arrays["theta"] = (["theta_chain", "theta_draw", "theta_entry"], theta.theta)
    written = json.dumps(header)
    digest = _digest(written, {name: values for name, (_, values) in arrays.items()})
    state = xr.Dataset(arrays, attrs={"header": written, "digest": digest})
    out = tree.copy()
    out["tollest"] = xr.DataTree(state)
    with replacing(path) as partial:
        out.to_netcdf(partial, engine="h5netcdf")


def check_path(path: str | Path, ending: str = ".nc") -> None:
    """Refuse a place that no file of a kind can be written to, before the work of writing it.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    TypeError
        If it is no path.
    ValueError
        If the name does not end in `ending`.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"path is {path!r}; it is the path of a file that ends in {ending}.")
    path = Path(path)
    if path.suffix != ending:
        kind = _KINDS_OF_FILE[ending]
        raise ValueError(
            f"{path.name!r} does not end in {ending}, as the name of a {kind} file does."
        )
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {str(path.parent)!r}; make it first.")


def is_plain(engine: AbstractEngine | None) -> bool:
    """Whether an engine is one of this library's, and so are those it goes on to.

    One that holds draws of its own, as `engines.FromTrace`, is not: nothing but its settings is
    kept of an engine.
    """
    if type(engine) not in _ENGINES.values():
        return False
    return not isinstance(engine, NestedLaplace) or is_plain(engine.otherwise)


def load_archive(
    path: str | Path,
) -> tuple[Posterior, ThetaDraws, int, int | None, AbstractEngine | None]:
    """Read what `save` wrote.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file was not written by `save`, by another version of it, or was cut short or
        changed since.
    """
    import xarray as xr

    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file {str(path)!r}.")
    try:
        state = xr.load_dataset(path, group="tollest", engine="h5netcdf")
        header = json.loads(state.attrs["header"])
        written = header["format"]
    except Exception as error:  # whatever readers of such files raise of others
        raise ValueError(f"{str(path)!r} holds no estimate saved by tollest.") from error
    if written != _FORMAT:
        raise ValueError(
            f"{str(path)!r} is of the format {written!r}, not {_FORMAT!r}: estimate anew, or load "
            "it with the version of tollest that saved it."
        )
    # Before anything of it is used.
    arrays = {str(name): values.to_numpy() for name, values in state.items()}
    if state.attrs.get("digest") != _digest(state.attrs["header"], arrays):
        raise ValueError(
            f"{str(path)!r} was changed after it was saved, or is damaged; nothing of it is used."
        )
    return _restored(state, header)


def _digest(header: str, arrays: Mapping[str, NDArray[Any]]) -> str:
    """Sum up all that `load_archive` reads, so that a changed file is told from the one saved."""
    out = hashlib.sha256(header.encode())
    for name in sorted(arrays):
        values = arrays[name]
        kind = np.float64 if values.dtype.kind == "f" else np.int64
        out.update(f"{name} {values.shape}".encode())
        out.update(np.ascontiguousarray(values.astype(kind)).tobytes())
    return out.hexdigest()


def _restored(
    state: "xr.Dataset", header: dict[str, Any]
) -> tuple[Posterior, ThetaDraws, int, int | None, AbstractEngine | None]:
    """Make of a file's contents what was saved."""
    values: dict[str, Any] = {str(k): v.to_numpy() for k, v in state.items() if k != "theta"}
    for name, value in header["claims"].items():
        values[name] = tuple(value) if isinstance(value, list) else value
    for name in _MOMENTS:
        values[name] = values[name].astype("datetime64[s]")
    values["spans"] = {k: (place, DayRange(*days)) for k, (place, days) in values["spans"].items()}
    values["set_aside"] = {int(row): reason for row, reason in values["set_aside"].items()}
    values["to_date"] = ToDate(**values["to_date"])
    known_by = np.datetime64(header["known_by"] or "NaT", "s")
    left_out = tuple((row, reason) for row, reason in header["left_out"])
    claims = Claims.from_record(judged(Rows.from_flat(values), known_by, left_out))
    described = header["theta"] | {"doubts": tuple(header["theta"]["doubts"])}
    theta = ThetaDraws(state["theta"].to_numpy(), **described)
    posterior = Posterior(_decoded(header["model"]), claims)
    engine: AbstractEngine | None = _decoded(header["engine"])
    return posterior, theta, header["entropy"], header["seed"], engine


def _encoded(value: Any) -> Any:  # noqa: ANN401 - a tree of dataclasses and numbers
    """Write a dataclass as JSON: its class by name, its fields by theirs."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: _encoded(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"class": _NAMES[type(value)], "fields": fields}
    if hasattr(value, "items"):
        return {"class": "mapping", "fields": {k: _encoded(v) for k, v in value.items()}}
    return value


def _decoded(value: Any) -> Any:  # noqa: ANN401 - a tree of dataclasses and numbers
    if not isinstance(value, dict):
        return value
    fields = {k: _decoded(v) for k, v in value["fields"].items()}
    return fields if value["class"] == "mapping" else _CLASSES[value["class"]](**fields)
