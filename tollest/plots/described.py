"""A matplotlib figure that carries its alternative text into files. Imported when first drawn."""

from pathlib import Path
from typing import Any

from matplotlib import rcParams
from matplotlib.figure import Figure

# Where each format keeps a title and a description; others have no place for them.
_KEYS = {
    "png": ("Title", "Description"),
    "svg": ("Title", "Description"),
    "svgz": ("Title", "Description"),
    "pdf": ("Title", "Subject"),
}


class Described(Figure):
    """A figure whose title and alternative text go into the metadata of PNG, SVG and PDF files.

    Attributes
    ----------
    title, alt_text : str
        Empty until they are set.
    """

    title: str = ""
    alt_text: str = ""

    def savefig(self, fname: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as in matplotlib
        """Save as `matplotlib.figure.Figure.savefig` does; metadata given here win."""
        named = Path(fname).suffix[1:] if isinstance(fname, str | Path) else ""
        kind = str(kwargs.get("format") or named or rcParams["savefig.format"]).lower()
        if kind in _KEYS and self.alt_text:
            told = dict(zip(_KEYS[kind], (self.title, self.alt_text), strict=True))
            kwargs["metadata"] = told | dict(kwargs.get("metadata") or {})
        super().savefig(fname, **kwargs)
