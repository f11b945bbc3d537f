"""Disasters of EM-DAT, the Emergency Events Database."""

from collections.abc import Iterable, Mapping
from typing import Any

from tollest.claims.columns import ColumnLayout
from tollest.claims.table import Claims
from tollest.readers.disorder import SetAside, Unknown
from tollest.readers.event_tables import read_events

EM_DAT = ColumnLayout(
    "a public table of EM-DAT",
    {"location": ("DisNo.",), "count": ("Total Deaths",)},
    {},
    sheet="EM-DAT Data",
)


def em_dat(
    data: Any,  # noqa: ANN401 - a path or any dataframe
    *,
    unknown: Unknown = SetAside(),  # noqa: B008 - frozen
    location: str | Iterable[str] | None = None,
    group: str | None = None,
    date: str | Iterable[str] | None = None,
    source: str = "EM-DAT",
    columns: Mapping[str, str] | None = None,
    encoding: str = "utf-8",
    sheet: str | None = None,
) -> Claims:
    """Read EM-DAT's public table: each disaster in a country a location, EM-DAT one source.

    Parameters
    ----------
    data : str, Path or dataframe in memory
        A file (``.csv``, ``.tsv``, ``.parquet``, ``.xlsx``, ``.json``) or a dataframe that
        narwhals knows, with the columns ``DisNo.`` and ``Total Deaths``. Of the workbook that
        EM-DAT exports the sheet "EM-DAT Data" is read.
    unknown : SetAside, Silent or Refuse, default SetAside()
        What becomes of disasters whose ``Total Deaths`` is blank, which is not 0.
    location : str or iterable of str, optional
        Columns that name a disaster, joined by commas; by default ``DisNo.``. Each row must have a
        name of its own.
    group : str, optional
        Column of groups that share a prior, such as ``Disaster Type``.
    date : str, or year, month and day, optional
        Column, or three columns, with the day on which a claim was known, for `Claims.as_of`.
        ``Last Update`` is when the row was last changed; ``("Start Year", "Start Month", "Start
        Day")`` is the earliest that this can be, and not known for some.
    source : str, default "EM-DAT"
        What the database is called.
    columns : mapping of str to str, optional
        What the table calls ``location`` and ``count``, if none of these.
    encoding : str, default "utf-8"
        That of a file of text.
    sheet : str, optional
        That of a workbook; needed where several have rows.

    Returns
    -------
    Claims
        Rows are numbered as in the table.

    Raises
    ------
    ClaimsError
        Naming every column that is missing and every cell that cannot be meant.
    FileNotFoundError, TypeError, ValueError
        There is no such file, or it is neither of the files above nor a dataframe.

    Notes
    -----
    ``Total Deaths`` counts the dead and those missing who are presumed dead [1]_. An empty cell
    can mean a disaster without deaths or one whose deaths are not known [2]_, so it is read as
    neither: a 0 is a claim of no deaths, a blank is none. A disaster that hit several countries
    has a row for each, with its number and the country's code in ``DisNo.``. Smaller disasters
    are not listed: there are at least ten dead, a hundred affected, or a call for help in each
    [3]_.

    References
    ----------
    .. [1] CRED. EM-DAT documentation: impact variables.
       https://doc.emdat.be/docs/data-structure-and-content/impact-variables/
    .. [2] CRED. EM-DAT documentation: EM-DAT public table.
       https://doc.emdat.be/docs/data-structure-and-content/emdat-public-table
    .. [3] CRED. EM-DAT documentation: entry criteria. https://doc.emdat.be/docs/protocols/

    Examples
    --------
    >>> import pandas as pd
    >>> disasters = pd.DataFrame(
    ...     {"DisNo.": ["2001-0001-ARD", "2001-0001-BRO"], "Total Deaths": [14, None]}
    ... )
    >>> em_dat(disasters)
    Claims: 1 claim by 1 source (EM-DAT) on 1 location; 1 more excluded (1 left out)
    """
    events = read_events(
        data, EM_DAT, location=location, group=group, date=date, source=source, columns=columns,
        encoding=encoding, sheet=sheet,
    )  # fmt: skip
    count = events.cells.numbers("count")
    events.check(source)
    return events.claims(source, {}, count=count, unknown=unknown)
