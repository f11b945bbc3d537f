"""Figures of estimates, for print and for readers who cannot see them.

Each function returns a ``PlotCollection`` of arviz-plots, to be saved with its ``savefig`` or
changed through its ``viz``. Meaning is never by colour alone. `alt_text` says in words what a
figure shows, and goes into the metadata of PNG, SVG and PDF files.

==================  ============================================================================
`forest`            Tolls with their intervals, and every claim they rest on.
`toll`              The posterior mass of one toll, above the claims on it.
`sources`           Bias, scatter and repeat probability of every source.
`timeline`          What was known when, from estimates by `tollest.as_of`.
`prior_posterior`   What the claims taught of the unknowns that all locations share.
`repeats`           Who repeats whom.
`calibration`       Whether intervals hold what they promise.
==================  ============================================================================

They need ``pip install "tollest[plots]"``.
"""

from tollest.plots.canvas import alt_text
from tollest.plots.copying import repeats
from tollest.plots.coverage import calibration
from tollest.plots.forests import forest
from tollest.plots.timelines import timeline
from tollest.plots.tolls import toll
from tollest.plots.unknowns import prior_posterior, sources

__all__ = [
    "alt_text",
    "calibration",
    "forest",
    "prior_posterior",
    "repeats",
    "sources",
    "timeline",
    "toll",
]
