"""Configuration of the documentation: ``uv run --group docs sphinx-build -W docs docs/_build``."""

from importlib.metadata import version as version_of

project = "tollest"
author = "The tollest developers"
copyright = "The tollest developers"
version = release = version_of("tollest")

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
]
exclude_patterns = ["_build"]
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
# Headings of included pages are anchors too.
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"  # docstrings have them, in words
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

html_theme = "pydata_sphinx_theme"
html_title = "tollest"
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": False, "show_prev_next": False}
html_context = {"default_mode": "auto"}
