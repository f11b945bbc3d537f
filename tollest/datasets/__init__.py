"""Real claims that come with the library, each with its source, licence and checksum.

Tables hold what was claimed and by whom, never names of the dead.
"""

import hashlib
import io
import json
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["describe", "load", "names"]


def names() -> tuple[str, ...]:
    """List the data sets.

    Returns
    -------
    tuple of str
        Sorted; each can be given to `describe` and `load`.

    Examples
    --------
    >>> names()  # doctest: +ELLIPSIS
    ('american_civil_war_battles', 'coastal_syria_2025', ..., 'us_police_killings')
    """
    files = (file.name for file in resources.files(__name__).iterdir())
    return tuple(sorted(name.removesuffix(".json") for name in files if name.endswith(".json")))


def describe(name: str) -> dict[str, Any]:
    """Say what a data set holds, where it is from, and how it may be used.

    Parameters
    ----------
    name : str
        One of `names`.

    Returns
    -------
    dict
        With the keys ``title``, ``source``, ``licence``, ``citation``, ``n_rows``, ``sha256``,
        and ``columns``: the pandas type and the meaning of each column.

    Raises
    ------
    ValueError
        There is no such data set.

    Examples
    --------
    >>> describe("coastal_syria_2025")["title"]
    'Killings on the Syrian coast, March 2025: claims of the time'
    """
    if name not in names():
        message = f"there is no data set {name!r}; there are {', '.join(names())}"
        raise ValueError(message)
    text = resources.files(__name__).joinpath(f"{name}.json").read_text(encoding="utf-8")
    about: dict[str, Any] = json.loads(text)
    return about


def load(name: str) -> "pd.DataFrame":
    """Load a data set as it is, for `tollest.Claims.from_table`.

    Parameters
    ----------
    name : str
        One of `names`.

    Returns
    -------
    pandas.DataFrame
        One claim a row, with the columns that `describe` explains. Blanks are missing values.

    Raises
    ------
    ValueError
        There is no such data set, or its file is not the one that was published.

    Examples
    --------
    >>> load("coastal_syria_2025").loc[2, "wording"]
    '1,383 civilians'
    """
    about = describe(name)
    # Line ends are those of the published file, whatever a checkout has made of them.
    data = resources.files(__name__).joinpath(f"{name}.csv").read_bytes().replace(b"\r\n", b"\n")
    checksum = hashlib.sha256(data).hexdigest()
    if checksum != about["sha256"]:
        message = (
            f"data set {name!r} has been changed: its SHA-256 is {checksum}, "
            f"that of the published file {about['sha256']}; install tollest again"
        )
        raise ValueError(message)
    import pandas as pd

    types = {column: says["dtype"] for column, says in about["columns"].items()}
    # Only an empty cell is a blank: a source may well be called "NA".
    return pd.read_csv(io.BytesIO(data), dtype=types, keep_default_na=False, na_values=[""])
