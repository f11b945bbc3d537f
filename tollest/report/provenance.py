"""What an estimate came from, and how to get it again."""

import dataclasses
import hashlib
import json
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from tollest.claims.days import in_words
from tollest.claims.periods import ToDate
from tollest.claims.table import UNBOUNDED, Claims
from tollest.engines import NestedLaplace, tuning
from tollest.estimation import archive
from tollest.estimation.results import Estimate
from tollest.model.posterior import Model
from tollest.support import Support

# What numbers may hang on, in the order of a list.
_PACKAGES = ("tollest", "numpy", "scipy", "numba", "nutpie", "arviz-stats", "pandas", "pyarrow")
_NAMED = 20  # silent locations, or rows left out, that the code spells out


def fingerprint(claims: Claims) -> str:
    """SHA-256 of the claims that an estimate rests on, whatever their order.

    What is hashed is one line of JSON for each claim in evidence, and for each location nobody
    reported on: ``[location, source, kind, lower, upper, group, cap]``, with ``null`` for no upper
    bound, no group or no cap, and for all but the location, group and cap where there is no claim.
    Lines are sorted as UTF-8, joined by a line feed, and preceded by the line ``tollest claims
    1``. Where there are wholes and parts, sides or covariates, each location has one more line:
    ``[location, parent, complete, side, {covariate: value}]``, and the log of its exposure where
    there are any, values being written with twelve significant digits, covariates in standard
    deviations. Dates, origins and claims that were set aside are
    left out: once the evidence is chosen, no estimate hangs on them.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    import pandas as pd

    frame = claims.to_frame()
    groups = [claims.groups[i] if claims.groups else None for i in claims.group_index.tolist()]
    caps = [None if cap == UNBOUNDED else cap for cap in claims.cap.tolist()]
    beyond = dict(zip(claims.locations, zip(groups, caps, strict=True), strict=True))
    upper = [None if pd.isna(most) else int(most) for most in frame["upper"]]
    told = zip(
        frame["location"].tolist(), frame["source"].tolist(), frame["kind"].tolist(),
        frame["lower"].tolist(), upper, strict=True,
    )  # fmt: skip
    rows: list[list[object]] = [[*claim, *beyond[claim[0]]] for claim in told]
    if "log_sd_below" in frame:
        sds = zip(frame["log_sd_below"].tolist(), frame["log_sd_above"].tolist(), strict=True)
        for row, sd in zip(rows, sds, strict=True):
            row += [f"{side:.12g}" for side in sd if any(sd)]
    silent = np.flatnonzero(claims.claims_per_location == 0)
    names = [claims.locations[i] for i in silent.tolist()]
    rows += [[name, None, None, None, None, *beyond[name]] for name in names]
    rows += _beyond(claims)
    lines = [json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows]
    text = "\n".join(["tollest claims 1", *sorted(lines, key=str.encode)])
    return hashlib.sha256(text.encode()).hexdigest()


def _beyond(claims: Claims) -> list[list[object]]:
    """List what is known of locations beside their claims, group and cap, a row each, if any."""
    if not (claims.is_nested or claims.sides or claims.covariate_names):
        return []
    names, sides = (*claims.locations, None), (*claims.sides, None)
    return [
        [
            name, names[parent], complete, sides[side],
            {term: f"{z:.12g}" for term, z in zip(claims.covariate_names, values, strict=True)},
            *([f"{exposure:.12g}"] if claims.record.rows.design.exposure else []),
        ]
        for name, parent, complete, side, values, exposure in zip(
            claims.locations, claims.parent.tolist(), claims.complete.tolist(),
            claims.side_index.tolist(), claims.covariates.tolist(), claims.log_exposure.tolist(),
            strict=True,
        )
    ]  # fmt: skip


def versions() -> dict[str, str]:
    """Versions of what numbers may hang on, as they are installed now."""
    found = {"Python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found | {"System": f"{platform.system()} {platform.machine()}"}


def python_code(estimate: Estimate) -> str:
    """Python code that gives the estimate again, as far as it keeps what it was made from."""
    claims = estimate.claims
    record = claims.record
    spans = record.rows.spans
    origins = [
        i
        for i in np.flatnonzero(claims.claims_per_location == 0).tolist()
        if claims.locations[i] not in spans
    ]
    silent: object = [claims.locations[i] for i in origins]
    if claims.groups:
        silent = {claims.locations[i]: claims.groups[claims.group_index[i]] for i in origins}
    more = f", locations={silent!r}" if 0 < len(origins) <= _NAMED else ""
    lines = ["import tollest as te", "", "# The table of claims is not kept; put its file here."]
    if len(origins) > _NAMED:
        lines.append(f"# It had {len(origins):,} silent locations: give them as locations=[...].")
    complete = [claims.locations[i] for i in np.flatnonzero(claims.complete).tolist()]
    complete = [name for name in complete if name not in spans]
    if spans and record.rows.to_date != ToDate():
        more += f", to_date=te.{record.rows.to_date!r}"
    more += f", complete={complete!r}" if complete else ""
    lines.append(f'claims = te.Claims.read("claims.csv"{more})')
    if claims.covariate_names:
        formula, exposure = record.rows.design.formula, record.rows.design.exposure
        exposure_argument = f", exposure={exposure!r}" if exposure else ""
        lines[:1] = ["import pandas as pd", "import tollest as te"]
        lines += [
            'places = pd.read_csv("places.csv")  # covariates, a row for each location',
            f"claims = claims.with_covariates({formula!r}, places{exposure_argument})",
        ]
    if not np.isnat(record.known_by):
        lines.append(f'claims = claims.as_of("{in_words(record.known_by)}")')
    left_out = [row for row, _ in record.left_out]
    if left_out and len(left_out) <= _NAMED:
        lines.append(f"claims = claims.without(rows={left_out!r})")
    elif left_out:
        lines.append(
            f"# Then {len(left_out):,} rows were left out, by claims.without(rows=[...])."
        )
    lines += [f"model = {model_code(estimate.model)}", *_fit(estimate)]
    lines.append(f'assert te.report.fingerprint(estimate.claims) == "{fingerprint(claims)}"')
    return "\n".join(lines)


def _fit(estimate: Estimate) -> list[str]:
    given = "claims, model=model"
    if not archive.is_plain(estimate.engine):
        out = [f"# Computed by {estimate.theta.method}; its engine is not kept: give the same."]
    else:
        kind = "its own" if _is_tuned(estimate.engine) else "default"
        out = [f"# Computed by {estimate.theta.method}, {kind} tuning."]
        if estimate.engine != NestedLaplace():
            given += f", engine={_spelled(estimate.engine)}"
    if estimate.seed is None:
        out += [
            "# rng was no whole number, so no code gives the same draws again: a new fit differs",
            "# by its Monte Carlo error. A file written by estimate.save() holds the draws.",
        ]
    else:
        given += f", rng={estimate.seed}"
    return [*out, f"estimate = te.estimate({given})"]


def _is_tuned(engine: object) -> bool:
    """Whether an engine, or one that it goes on to, has a tuning that is not the default."""
    if isinstance(engine, tuning.STAGES):
        return engine != type(engine)()
    if not dataclasses.is_dataclass(engine):
        return False
    return any(_is_tuned(getattr(engine, item.name)) for item in dataclasses.fields(engine))


def model_code(model: Model) -> str:
    """Python code for a model: what differs from `Model()`, its support apart.

    The support is refined by itself as far as the claims ask for it.
    """
    plain = dataclasses.replace(model, support=Support(finest=model.support.finest))
    return _spelled(plain)


def _spelled(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k!r}: {_spelled(v)}" for k, v in value.items()) + "}"
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return repr(value)
    kind = type(value)
    modules = {"noise": "te.noise.", "priors": "te.priors.", "engines": "te.engines."}
    home = modules.get(kind.__module__.split(".")[1], "te.")
    if isinstance(value, tuning.STAGES):
        home = "te.engines.tuning."
    told = []
    for item in dataclasses.fields(value):
        given = getattr(value, item.name)
        if item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING:
            told.append(_spelled(given))
            continue
        usual = item.default
        if item.default_factory is not dataclasses.MISSING:
            usual = item.default_factory()
        if given != usual:
            told.append(f"{item.name}={_spelled(given)}")
    return f"{home}{kind.__name__}({', '.join(told)})"
