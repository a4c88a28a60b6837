"""How Sphinx makes a site of these pages: `make docs`.

The pages stay plain Markdown: the table of contents is read off the links of README.md, and what would drift (a page
for each network, the API reference) is written from the code before each build, into `generated/`.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from sphinx.application import Sphinx

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS.parent), str(DOCS)]

import generated_pages  # noqa: E402  # lies beside this file

project = "AIGN"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "README"
exclude_patterns = ["Thumbs.db", ".DS_Store"]
myst_heading_anchors = 3
autodoc_typehints = "description"
html_theme = "alabaster"
html_theme_options = {"description": "AI-generated network design", "page_width": "1100px", "sidebar_width": "260px"}
html_show_copyright = False
html_show_sourcelink = False
OUTSIDE = re.compile(r"\]\(\.\./\.\./((?:data|tests)/[\w./-]+\.md)")
"""A link to a page elsewhere in the repository, of which a build makes a copy."""
CONTENTS = "\n\n```{{toctree}}\n:hidden:\n:maxdepth: 1\n:glob:\n\n{pages}\n```\n"


def adapt(app: Sphinx, page: str, source: list[str]) -> None:
    """Append the table of contents, which readers of the plain page do not need, and lead links to copies."""
    source[0] = OUTSIDE.sub(r"](generated/repository/\1", source[0])
    if page == root_doc:
        linked = dict.fromkeys(re.findall(r"\]\((\w[\w-]*)\.md\)", source[0]))
        source[0] += CONTENTS.format(pages="\n".join([*linked, "generated/api"]))
    elif page == "networks":
        source[0] += CONTENTS.format(pages="generated/networks/*")


def setup(app: Sphinx) -> None:
    """Write the generated pages before Sphinx looks for pages."""
    generated_pages.write(DOCS / "generated")
    app.connect("source-read", adapt)
