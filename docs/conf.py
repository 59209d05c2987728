"""How are the pages made? Sphinx with MyST pages and numpydoc docstrings; no network, warnings are errors."""

import sys
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from made import write_pages

project = "negsim"
author = "The negsim contributors"
copyright = author
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
exclude_patterns = ["_build", "made.py"]

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # numpydoc says types with their units and shapes
numpydoc_show_class_members = False

html_theme = "furo"
html_title = f"negsim {release}"


def setup(app: Any) -> None:
    """Write what is read off the code (theory, description, commands) before the pages are read."""
    app.connect("builder-inited", lambda app: write_pages(Path(app.srcdir) / "made"))
