"""How are the pages made? Sphinx with MyST pages and numpydoc docstrings; no network, warnings are errors."""

from importlib.metadata import version as installed_version

project = "negsim"
author = "The negsim contributors"
release = version = installed_version("negsim")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "numpydoc",
]
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # numpydoc says types with their units and shapes
numpydoc_show_class_members = False

html_theme = "furo"
html_title = f"negsim {release}"
