"""What was known when: estimates as of several days."""

import datetime as dt
import warnings
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tollest import _text
from tollest._progress import Reporter
from tollest.claims import frames
from tollest.claims.days import calendar_moment
from tollest.claims.table import Claims
from tollest.engines import AbstractEngine
from tollest.estimation.results import DoubtfulEstimate, Estimate, estimate
from tollest.model.posterior import Model

if TYPE_CHECKING:
    import pandas as pd

Date = str | dt.date | np.datetime64


def as_of(
    claims: Claims,
    dates: Iterable[Date] | None = None,
    *,
    model: Model | None = None,
    engine: AbstractEngine | None = None,
    rng: int | np.random.Generator | None = None,
    progress: bool = True,
) -> dict[dt.date, Estimate]:
    """Estimate anew from what was known on each of several days, for `tollest.plots.timeline`.

    Where locations have an onset this is a nowcast: each estimate is of the toll in the end, not
    of what was counted by then.

    Parameters
    ----------
    claims : Claims
        All of the evidence, of which `Claims.as_of` takes what was known.
    dates : iterable of str, datetime.date or numpy.datetime64, optional
        The days, or days and times. By default every day on which a claim was made, one since
        superseded or one that repeats another included.
    model, engine
        As in `tollest.estimate`. What `model` says of a source counts from the day it is heard.
    rng : int, numpy.random.Generator or None
        Seed or generator; each day, in their order, has a stream of its own.
    progress : bool
        Whether to show progress, on standard error, after two seconds.

    Returns
    -------
    dict of datetime.date to Estimate
        In the order of time; days with a time of day are `datetime.datetime`. `Totals` of these,
        or of other estimates, can be drawn as well.

    Raises
    ------
    ClaimsError
        If nothing was known by one of the days.
    ValueError
        If a date is no day, or there is none.

    Warns
    -----
    DoubtfulEstimate
        Once, if the computation of some of them is not good enough.
    """
    stated = _said(claims) if dates is None else dates
    days = sorted(
        {calendar_moment(date) for date in stated}, key=lambda day: np.datetime64(day, "s")
    )
    if not days:
        raise ValueError("there is no date: no claim has one, or dates is empty.")
    model = model or Model()
    out: dict[dt.date, Estimate] = {}
    with Reporter(progress) as reporter:
        for i, (day, stream) in enumerate(
            zip(days, np.random.default_rng(rng).spawn(len(days)), strict=True)
        ):
            reporter.update(f"As of {day} ({i + 1} of {len(days)})", i / len(days))
            known = claims.as_of(day)
            heard = {s: prior for s, prior in model.priors.sources.items() if s in known.sources}
            given = replace(model, priors=replace(model.priors, sources=heard))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DoubtfulEstimate)  # raised again, for all days
                out[day] = estimate(known, model=given, engine=engine, rng=stream, progress=False)
    doubtful = [str(day) for day, one in out.items() if one.doubts]
    if doubtful:
        message = _text.named("Doubtful as of", doubtful)
        warnings.warn(f"{message} See the doubts of each.", DoubtfulEstimate, stacklevel=2)
    return out


def _said(claims: Claims) -> "pd.Series":
    """Give the days of all claims that are, or once were, evidence."""
    import pandas as pd

    once = frames.superseded_or_repeats(claims.record)
    dates: pd.Series = pd.concat([claims.to_frame()["date"], once["date"]])
    days: pd.Series = dates.dropna().dt.normalize()
    return days
