"""Numbers of deaths of Wikidata, as results of a query: their bounds, ranks and references."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tollest.claims.columns import ColumnLayout
from tollest.claims.problems import shown
from tollest.claims.table import Claims
from tollest.readers.event_tables import open_cells
from tollest.readers.wikidata_statements import AS_STATED, MEANINGS, SET_ASIDE, CitedNumbers

RESULTS = ColumnLayout(
    "results of a query of Wikidata",
    {"location": ("item",), "count": ("deaths",), "rank": ("rank",)},
    {
        "lower": ("lowerBound",),
        "upper": ("upperBound",),
        "circumstances": ("circumstances",),
        "circumstances_label": ("circumstancesLabel",),
        "date": ("pointInTime",),
        "stated_in": ("statedIn",),
        "stated_in_label": ("statedInLabel",),
        "reference": ("referenceURL",),
    },
)


@dataclass(frozen=True)
class Circumstances:
    """What becomes of numbers whose circumstances say neither how exact they are nor a bound.

    Parameters
    ----------
    as_stated : tuple of str
        Circumstances, by label or item, under which a number is read as if nothing were said.
    set_aside : tuple of str
        Those under which a number is not evidence, and is in `Claims.excluded`.

    Raises
    ------
    TypeError
        One of these is a text.
    """

    as_stated: tuple[str, ...] = ()
    set_aside: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a text, whose letters would be taken for names."""
        for name in ("as_stated", "set_aside"):
            if isinstance(getattr(self, name), str):
                message = f"{name} is {shown(getattr(self, name))}; it is a tuple of names"
                raise TypeError(message)
            object.__setattr__(self, name, tuple(getattr(self, name)))

    @property
    def meanings(self) -> dict[str, int]:
        """What each of the circumstances means for a number, those that are known included."""
        return (
            MEANINGS
            | dict.fromkeys(self.as_stated, AS_STATED)
            | dict.fromkeys(self.set_aside, SET_ASIDE)
        )


def wikidata(
    data: Any,  # noqa: ANN401 - a path or any dataframe
    *,
    circumstances: Circumstances = Circumstances(),
    group: str | None = None,
    source: str = "Wikidata",
    columns: Mapping[str, str] | None = None,
    encoding: str = "utf-8",
    sheet: str | None = None,
) -> Claims:
    """Read numbers of deaths of Wikidata: each item a location, what is cited the sources.

    Parameters
    ----------
    data : str, Path or dataframe in memory
        A file (``.json`` or ``.csv`` as the query service gives it, ``.tsv``, ``.parquet``,
        ``.xlsx``) or a dataframe that narwhals knows, with the columns of the query below:
        ``item``, ``deaths`` and ``rank`` at least.
    circumstances : Circumstances, default Circumstances()
        What becomes of a number that is, say, "presumably" right; by default it is an error.
    group : str, optional
        Column of groups that share a prior.
    source : str, default "Wikidata"
        Who states what has no reference.
    columns : mapping of str to str, optional
        What the table calls ``location``, ``count``, ``rank``, ``lower``, ``upper``,
        ``circumstances``, ``date``, ``stated_in`` and ``reference``, if not as in the query.
    encoding : str, default "utf-8"
        That of a file of text.
    sheet : str, optional
        That of a workbook; needed where several have rows.

    Returns
    -------
    Claims
        Locations are called by their items, such as "Q217010", and those of rows that are set
        aside by item and row. Rows are numbered as in the table.

    Raises
    ------
    ClaimsError
        Naming every column that is missing and every cell that cannot be meant.
    FileNotFoundError, TypeError, ValueError
        There is no such file, or it is neither of the files above nor a dataframe.

    Notes
    -----
    The number is that of the property P1120, of which a number without bounds is a count, and
    one with bounds is all between them [1]_. Its sourcing circumstances (P1480) are read where
    they say that it is "circa", "greater than", "less than", or one of these or equal. Its point
    in time (P585) is the day of the claim. Statements ranked deprecated are known to be wrong and
    set aside [2]_; those ranked normal stay beside preferred ones, since they are claims, too.
    Who is cited is the source: the item that a number is stated in, or the host of the
    reference. A statement with several references is a claim of each; that one of them took the
    number from another is for `Claims` to find out, or for the analyst to say.

    This query gives the columns that are read:

    .. code-block:: sparql

        SELECT ?item ?deaths ?lowerBound ?upperBound ?circumstances ?pointInTime ?rank
               ?statedIn ?statedInLabel ?referenceURL WHERE {
          VALUES ?item { wd:Q217010 }
          ?item p:P1120 ?statement .
          ?statement psv:P1120 ?value ; wikibase:rank ?rank .
          ?value wikibase:quantityAmount ?deaths .
          OPTIONAL { ?value wikibase:quantityLowerBound ?lowerBound ;
                            wikibase:quantityUpperBound ?upperBound . }
          OPTIONAL { ?statement pq:P1480 ?circumstances . }
          OPTIONAL { ?statement pq:P585 ?pointInTime . }
          OPTIONAL { ?statement prov:wasDerivedFrom ?reference .
                     OPTIONAL { ?reference pr:P248 ?statedIn . }
                     OPTIONAL { ?reference pr:P854 ?referenceURL . } }
          SERVICE wikibase:label { bd:serviceParam wikibase:language "en" . }
        }

    References
    ----------
    .. [1] Wikidata. Help: data type, quantity. https://www.wikidata.org/wiki/Help:Data_type
    .. [2] Wikidata. Help: ranking. https://www.wikidata.org/wiki/Help:Ranking

    Examples
    --------
    >>> import pandas as pd
    >>> results = pd.DataFrame(
    ...     {
    ...         "item": ["Q1", "Q1", "Q2"],
    ...         "deaths": [120, 90, 4000],
    ...         "rank": ["normal", "deprecated", "preferred"],
    ...         "circumstances": [None, None, "circa"],
    ...         "referenceURL": ["https://www.example.org/a", None, None],
    ...     }
    ... )
    >>> claims = wikidata(results)
    >>> claims.to_frame()[["location", "source", "kind", "lower", "upper"]]
      location       source   kind  lower  upper
    0       Q1  example.org  count    120    120
    1       Q2     Wikidata  about   3500   4500
    >>> claims.excluded[["location", "reason"]]
        location             reason
    0  Q1, row 1  ranked deprecated
    """
    given = {} if group is None else {"group": group}
    _, cells = open_cells(data, RESULTS, columns, given, encoding, sheet)
    statements = CitedNumbers(cells, source, circumstances.meanings)
    cells.check(statements.item, statements.items, statements.cited, statements.sources)
    return statements.claims()
