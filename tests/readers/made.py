"""Tables after the headers and the ways of writing of published files, all of it made up."""

import pandas as pd

LINKED = "199001010001, 199001010002,199001010003"
GTD = pd.DataFrame(
    {
        "eventid": [199001010001, 199001010002, 199001010003, 199001020001, 199001030001,
                    199001040001, 199001050001],
        "iyear": [1990] * 7,
        "imonth": [1, 1, 1, 1, 1, 0, 1],
        "iday": [1, 1, 1, 2, 0, 4, 5],
        "country_txt": ["Arden"] * 4 + ["Brook"] * 3,
        "multiple": [1, 1, 1, 0, 0, 0, 0],
        "nkill": [7.0, 4.0, 2.0, 0.0, None, 7.0, -99.0],
        "nkillter": [1.0, 0.0, None, 0.0, None, -99.0, 0.0],
        "nwound": [2.0, 2.0, 3.0, 0.0, 1.0, -9.0, None],
        "related": [LINKED, LINKED, LINKED, None, None, None, None],
    }
)  # fmt: skip
