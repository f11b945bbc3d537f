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
# The first row tells the parameters of the search.
NOAA = pd.DataFrame(
    {
        "Search Parameters": ["[]", *[None] * 8],
        "Year": [None, -2150, 115, 1703, 1923, 1960, 2004, 2004, 2020],
        "Mo": [None, None, 12, 12, 9, 5, 12, 12, 1],
        "Dy": [None, None, 13, None, 1, 22, 26, 26, 5],
        "Hr": [None, None, None, None, 2, 19, 0, 0, 7],
        "Mn": [None, None, None, None, 58, 11, 58, 59, 2],
        "Location Name": [None, *"ABCDEEGH"],
        "Deaths": [None, None, None, 5000, 100, None, 1001, None, None],
        "Death Description": [None, None, 4, 4, 2, 1, 4, 0, 2],
        "Missing": [None, *[None] * 6, 3, None],
        "Injuries": [None, *[7] * 8],
        "Total Deaths": [None, None, None, 10000, 143, None, 227899, None, None],
        "Total Death Description": [None, None, 3, 4, 4, 3, 4, 0, None],
    }
)
