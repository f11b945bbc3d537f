"""Significant earthquakes of the National Centers for Environmental Information."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tollest._arrays import Flags, Integers
from tollest.claims.cells import Cells, is_blank, text_of
from tollest.claims.columns import ColumnLayout
from tollest.claims.files import Table, open_table
from tollest.claims.problems import shown
from tollest.claims.table import Claims
from tollest.readers.disorder import SetAside, Unknown
from tollest.readers.event_tables import read_events

if TYPE_CHECKING:
    import narwhals as nw

NAMED_BY = ("Location Name", "Year", "Mo", "Dy", "Hr", "Mn")
"""Columns that name an earthquake by default; blanks are left out."""
NOAA = ColumnLayout(
    "a file of significant earthquakes",
    {
        "location": NAMED_BY[:1],
        "total": ("Total Deaths",),
        "total_code": ("Total Death Description", "Total Deaths Description"),
        "count": ("Deaths",),
        "code": ("Death Description", "Deaths Description"),
    },
    {"parameters": ("Search Parameters",)},
)
_CODES = ((0, 0), (1, 50), (51, 100), (101, 1000), (1001, -1))  # -1 is no end
_YEAR = "Year"


@dataclass(frozen=True)
class AllEffects:
    """The dead of an earthquake and of what followed from it, such as a tsunami or a landslide."""


@dataclass(frozen=True)
class Shaking:
    """The dead of an earthquake itself, those of what followed from it left out."""


def noaa_earthquakes(
    data: Any,  # noqa: ANN401 - a path or any dataframe
    *,
    deaths: AllEffects | Shaking = AllEffects(),
    unknown: Unknown = SetAside(),  # noqa: B008 - frozen
    location: str | Iterable[str] | None = None,
    group: str | None = None,
    date: str | Iterable[str] | None = None,
    source: str = "NOAA",
    columns: Mapping[str, str] | None = None,
    encoding: str = "utf-8",
    sheet: str | None = None,
) -> Claims:
    """Read the significant earthquakes of NOAA's NCEI: each a location, the database one source.

    Parameters
    ----------
    data : str, Path or dataframe in memory
        A file (``.tsv`` as it is published, ``.csv``, ``.parquet``, ``.xlsx``, ``.json``) or a
        dataframe that narwhals knows, with the columns ``Location Name``, ``Deaths``,
        ``Death Description``, ``Total Deaths`` and ``Total Death Description``. The row that
        tells the search parameters is skipped.
    deaths : AllEffects or Shaking, default AllEffects()
        Whose deaths: ``AllEffects()`` reads the columns of totals, ``Shaking()`` the others.
    unknown : SetAside, Silent or Refuse, default SetAside()
        What becomes of earthquakes with neither a number nor a code of deaths, which is not 0.
    location : str or iterable of str, optional
        Columns that name an earthquake, joined by commas; by default ``Location Name``, ``Year``,
        ``Mo``, ``Dy``, ``Hr`` and ``Mn``, as far as these are known.
    group : str, optional
        Column of groups that share a prior.
    date : str, or year, month and day, optional
        Column, or three columns, with the day on which a claim was known, for `Claims.as_of`.
        ``("Year", "Mo", "Dy")`` is the earliest that this can be; without a month or a day, and
        before our era, a claim is undated.
    source : str, default "NOAA"
        What the database is called.
    columns : mapping of str to str, optional
        What the table calls ``location``, ``count``, ``code``, ``total``, ``total_code`` and
        ``parameters`` (the search parameters), if none of these.
    encoding : str, default "utf-8"
        That of a file of text.
    sheet : str, optional
        That of a workbook; needed where several have rows.

    Returns
    -------
    Claims
        Numbers are counts, codes alone are of the kind ``verbal``. Rows are numbered as in the
        table, without that of search parameters.

    Raises
    ------
    ClaimsError
        Naming every column that is missing and every cell that cannot be meant.
    FileNotFoundError, TypeError, ValueError
        There is no such file, or it is neither of the files above nor a dataframe.

    Notes
    -----
    Where a source gives no number, a code says how many died: 0 none, 1 few (some 1 to 50),
    2 some (51 to 100), 3 many (101 to 1,000), 4 very many (more than 1,000) [1]_. A number goes
    before its code. Totals are of the earthquake and of its secondary effects; where there is no
    total but a number or a code of the earthquake, ``AllEffects()`` takes that for the least.
    The missing are counted in columns of their own, and are not read.

    References
    ----------
    .. [1] National Geophysical Data Center / World Data Service. NCEI/WDS Global Significant
       Earthquake Database. NOAA National Centers for Environmental Information.
       https://doi.org/10.7289/V5TD9V7K

    Examples
    --------
    >>> import pandas as pd
    >>> earthquakes = pd.DataFrame(
    ...     {
    ...         "Location Name": ["ARDEN", "BROOK"],
    ...         "Year": [1923, 1755],
    ...         "Deaths": [10, None],
    ...         "Death Description": [1, None],
    ...         "Total Deaths": [12, None],
    ...         "Total Death Description": [1, 3],
    ...     }
    ... )
    >>> claims = noaa_earthquakes(earthquakes, location=["Location Name", "Year"])
    >>> claims.to_frame()[["location", "kind", "lower", "upper"]]
          location    kind  lower  upper
    0  ARDEN, 1923   count     12     12
    1  BROOK, 1755  verbal    101   1000
    """
    table = _without_parameters(open_table(data, encoding, sheet=sheet))
    present = [name for name in NAMED_BY if name in table.header]
    named_by = location if location is not None else present
    events = read_events(
        table, NOAA, location=named_by, group=group, date=date, source=source, columns=columns,
        encoding=encoding, with_gaps=location is None,
    )  # fmt: skip
    lower, upper, coded = _stated(events.cells, "count", "code")
    if isinstance(deaths, AllEffects):
        low, high, by_code = _stated(events.cells, "total", "total_code")
        _check_totals(events.cells, lower, low, high)
        known = low >= 0
        # Without a total those of the shaking alone are the least.
        lower, upper = np.where(known, low, lower), np.where(known, high, -1)
        coded = known & by_code
    events.check(source)
    kind = np.where(coded & (upper != lower), 0, -1)
    kind = np.where(coded & (upper < 0), 1, kind)
    return events.claims(
        source, {}, lower=lower, upper=upper, kind=(kind, ("verbal", "at_least")), unknown=unknown
    )


def _stated(cells: Cells, name: str, code: str) -> tuple[Integers, Integers, Flags]:
    """Give the least and the most that a number or else a code allows, and whether it is a code.

    Below 0 where there is neither, or no end.
    """
    number = cells.numbers(name)
    called = cells.called.get(code, code)

    def interval(value: object) -> tuple[int, int]:
        text = text_of(value).removesuffix(".0")
        if text not in map(str, range(len(_CODES))):
            message = f"{called} is {shown(value)}; it is blank, or a code from 0 to 4"
            raise ValueError(message)
        return _CODES[int(text)]

    low, high = cells.read(code, interval, (-1, -1), np.dtype(np.int64)).T
    coded = (number < 0) & (low >= 0)
    return np.where(coded, low, number), np.where(coded, high, number), coded


def _check_totals(cells: Cells, least: Integers, low: Integers, high: Integers) -> None:
    """Report totals of all effects that are below the deaths of the earthquake itself."""
    total, alone = (cells.called[name] for name in ("total", "count"))
    cells.add(
        np.flatnonzero((low >= 0) & (high >= 0) & (high < least) & ~cells.bad),
        lambda row: (
            f"{total} says {high[row]} or fewer, below the {least[row]} of {alone}, which it is "
            "to hold; correct one of them, or say deaths=te.readers.Shaking()"
        ),
    )


def _without_parameters(table: Table) -> Table:
    """Skip the first row where it tells how the file was searched for, and nothing else."""
    if _YEAR not in table.header or NOAA.optional["parameters"][0] not in table.header:
        return table

    def take(names: Iterable[str]) -> "nw.DataFrame[Any]":
        wanted = list(names)
        frame = table.take(list(dict.fromkeys([*wanted, _YEAR])))
        skipped = len(frame) > 0 and is_blank(frame.get_column(_YEAR).to_list()[0])
        return frame[int(skipped) :].select(wanted)

    return replace(table, take=take)
