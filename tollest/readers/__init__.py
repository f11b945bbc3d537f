"""Claims from the tables that people have: published data sets, and tables with a column a source.

Each function takes a dataframe or the path of a file and gives `Claims`. A whole table is read
or none of it; rows that a layout tells to set aside are in `Claims.excluded` with their reason.
A row without a number says nothing, which is not 0: `SetAside`, `Silent` and `Refuse` say what
becomes of it.

>>> import pandas as pd
>>> import tollest as te
>>> events = pd.DataFrame({"id": [1, 2], "low": [3, 0], "best": [3, 2], "high": [3, 9]})
>>> te.readers.ucdp_ged(events).to_frame()[["location", "kind", "lower", "upper"]]
  location   kind  lower  upper
0        1  count      3      3
1        2  range      0      9
"""

from tollest.readers.acled import Vague, acled
from tollest.readers.airwars import Gradings, airwars
from tollest.readers.disorder import Refuse, SetAside, Silent, Span
from tollest.readers.em_dat import em_dat
from tollest.readers.global_terrorism_database import (
    Around,
    Summed,
    global_terrorism_database,
)
from tollest.readers.gun_violence_archive import gun_violence_archive
from tollest.readers.iom_missing_migrants import (
    DeadAlone,
    DeadAndMissing,
    iom_missing_migrants,
)
from tollest.readers.iraq_body_count import iraq_body_count
from tollest.readers.noaa_earthquakes import AllEffects, Shaking, noaa_earthquakes
from tollest.readers.perpetrators import Everyone, Victims
from tollest.readers.tech_for_palestine import tech_for_palestine
from tollest.readers.ucdp_ged import Best, Range, ucdp_ged
from tollest.readers.ucdp_yearly import ucdp_yearly
from tollest.readers.wide import wide
from tollest.readers.wikidata import Circumstances, wikidata
from tollest.readers.wikipedia_table import EachLine, wikipedia_table

__all__ = [
    "AllEffects",
    "Around",
    "Best",
    "Circumstances",
    "DeadAlone",
    "DeadAndMissing",
    "EachLine",
    "Everyone",
    "Gradings",
    "Range",
    "Refuse",
    "SetAside",
    "Shaking",
    "Silent",
    "Span",
    "Summed",
    "Vague",
    "Victims",
    "acled",
    "airwars",
    "em_dat",
    "global_terrorism_database",
    "gun_violence_archive",
    "iom_missing_migrants",
    "iraq_body_count",
    "noaa_earthquakes",
    "tech_for_palestine",
    "ucdp_ged",
    "ucdp_yearly",
    "wide",
    "wikidata",
    "wikipedia_table",
]
