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
        "Death Description": [None, None, 2, 4, 2, 1, 4, 0, 2],
        "Missing": [None, *[None] * 6, 3, None],
        "Injuries": [None, *[7] * 8],
        "Total Deaths": [None, None, None, 10000, 143, None, 227899, None, None],
        "Total Death Description": [None, None, 3, 4, 4, 3, 4, 0, None],
    }
)
EM_DAT = pd.DataFrame(
    {
        "DisNo.": ["1999-0388-ARD", "1999-0388-BRO", "2004-0659-ARD", "2011-0090-BRO"],
        "Historic": ["Yes", "Yes", "No", "No"],
        "Disaster Type": ["Wind", "Wind", "Earthquake", "Flood"],
        "Country": ["Arden", "Brook", "Arden", "Brook"],
        "Start Year": [1999, 1999, 2004, 2011],
        "Start Month": [8.0, 8.0, 12.0, None],
        "Start Day": [17.0, None, 26.0, None],
        "Total Deaths": [14.0, None, 165708.0, 0.0],
        "No. Injured": [10.0, 20.0, None, None],
        "Total Affected": [1e5, 3e4, None, 500.0],
        "Last Update": ["2023-09-25", "2023-09-25", "2024-01-02", "2023-09-25"],
    }
)
GVA = pd.DataFrame(
    {
        "Incident ID": [2791001, 2791002, 2791003, 2791004],
        "Incident Date": ["January 5, 2024", "January 5, 2024", "Jan 6, 2024", "6 January 2024"],
        "State": ["Arden", "Brook", "Arden", "Brook"],
        "City Or County": ["A", "B", "C", "D"],
        "# Victims Injured": [0, 4, 2, 5],
        "# Victims Killed": [4.0, 0.0, 2.0, None],
        "# Subjects-Suspects Injured": [0, 0, 0, 0],
        "# Subjects-Suspects Killed": [1.0, 0.0, None, None],
        "# Subjects-Suspects Arrested": [0, 1, 0, 0],
        "Operations": ["N/A"] * 4,
    }
)
IOM = pd.DataFrame(
    {
        "Main ID": [f"2014.MMP0000{i}" for i in (1, 2, 3, 4, 4)],
        "Incident ID": [f"2014.MMP0000{i}" for i in (1, 2, 3, "4.1", "4.2")],
        "Incident Type": ["Incident"] * 3 + ["Split Incident"] * 2,
        "Region of Incident": ["Sea", "Desert", "Sea", "Sea", "Sea"],
        "Incident Date": ["2014-01-06", "2014-01-12", "2014-01-14", "2014-01-16", "2014-01-16"],
        "Number of Dead": [1.0, 1.0, None, 0.0, None],
        "Minimum Estimated Number of Missing": [0.0, 12.0, 5.0, None, None],
        "Total Number of Dead and Missing": [1.0, 13.0, 5.0, 0.0, None],
        "Number of Survivors": [None, 30.0, 2.0, 4.0, 1.0],
    }
)
YEARS = pd.DataFrame(
    {
        "conflict_id": [11344, 11344, 11344, 299],
        "dyad_id": [12000, 12000, 12001, 640],
        "location_inc": ["Arden", "Arden", "Arden", "Brook"],
        "year": [2019, 2020, 2020, 2020],
        "bd_best": [40, 120, 25, 2000],
        "bd_low": [40, 100, 25, 1200],
        "bd_high": [40, 180, 25, 5000],
        "region": ["3", "3", "3", "1, 2"],
    }
)
REPORTS = pd.DataFrame(
    {
        "report_date": [f"2024-08-{day:02}" for day in range(9, 18)],
        "report_source": ["mohtel", "mohtel", "mohtel", "mohtel", "gmotel", "missing", "missing",
                          "mohtel", "mohtel"],
        "report_period": [24, 24, 0, 48, 24, 24, 0, 24, 24],
        "killed": [40.0, 91.0, 0.0, 107.0, None, None, None, 30.0, 0.0],
        "killed_cum": [699.0, 790.0, 790.0, 897.0, 930.0, 930.0, None, None, 1010.0],
        "ext_killed": [40, 91, 0, 107, 33, 0, 25, 30, 25],
        "ext_killed_cum": [699, 790, 790, 897, 930, 930, 955, 985, 1010],
        "injured_cum": [4000] * 9,
    }
)  # fmt: skip
ENTITY, RANK = "http://www.wikidata.org/entity/", "http://wikiba.se/ontology#"
WIKIDATA = pd.DataFrame(
    [
        ("Q1", 120, None, None, None, "2001-02-03T00:00:00Z", "Normal", "Q90", "Arden Times",
         None),
        ("Q1", 120, None, None, None, "2001-02-03T00:00:00Z", "Normal", None, None,
         "https://www.example.org/a"),
        ("Q1", 120, None, None, None, "2001-02-03T00:00:00Z", "Normal", None, None,
         "https://www.example.org/b"),
        ("Q1", 90, None, None, None, None, "Deprecated", None, None, None),
        ("Q2", 4000, None, None, "Q5727902", "-0490-08-01T00:00:00Z", "Preferred", None, None,
         None),
        ("Q3", 50, 40, 60, None, None, "Normal", None, None, None),
        ("Q4", 50, 50, 50, "Q47035128", None, "Normal", None, None, None),
        ("Q5", 50, None, None, "Q52834024", None, "Normal", None, None, None),
        ("Q6", 50, None, None, "Q55935291", None, "Normal", None, None, None),
        ("Q7", 50, None, None, "Q55935272", None, "Normal", None, None, None),
        ("Q8", None, None, None, None, None, "Normal", None, None, None),
        ("Q9", 50, 39.5, 60.5, "Q5727902", None, "Normal", None, None, None),
    ],
    columns=["item", "deaths", "lowerBound", "upperBound", "circumstances", "pointInTime", "rank",
             "statedIn", "statedInLabel", "referenceURL"],
)  # fmt: skip
for name in ("item", "circumstances", "statedIn"):
    WIKIDATA[name] = ENTITY + WIKIDATA[name].astype("str")
WIKIDATA["rank"] = RANK + WIKIDATA["rank"] + "Rank"
PAGE = pd.DataFrame(
    {
        "Attack": ["Arden[1]", "Brook", "Corley [a]", "Dale", "Elm", "Fen", "Glen", "Holm"],
        "Date": ["3 March 2025[4]", *["4 March 2025"] * 7],
        "Deaths": ["7001120000000000000\u266012[2][a]", "30+[note 3]", "1,383", "\u2013",
                   "12\n14[5]", "40\u201350\u2020", "dozens", "0"],
    }
)  # fmt: skip
