"""How Sphinx builds the pages: `make docs`. Nothing is fetched from a network."""

project = "mfsn"
author = "The mfsn authors"
extensions = ["myst_parser"]

# The source folder is the repository, so that links from the README into docs/ are checked too.
root_doc = "docs/index"
include_patterns = [
    "*.md",
    "docs/*.md",
    "data/README.md",
    "benchmarks/RESULTS.md",
]
exclude_patterns = [".[!.]*", "build", "data/[!R]*", "dist", "src", "stages", "tests"]

myst_heading_anchors = 4
nitpicky = True

html_theme = "alabaster"
html_theme_options = {"page_width": "1100px", "sidebar_width": "240px"}
html_show_sourcelink = False
html_copy_source = False
