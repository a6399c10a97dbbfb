"""The site: `make docs` builds it in build/site from the Markdown of the repository.

The source folder is the repository, so that links between pages are the same in both.
"""

project = "dynsparse"
root_doc = "docs/index"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
include_patterns = ["*.md", *(f"{folder}/*.md" for folder in ("benchmarks", "config", "docs"))]
include_patterns += ["envs/README.md", "results/README.md"]
exclude_patterns = [".*", "build", "src", "tests", "workflow", "examples", "resources", "slurm"]

html_theme = "furo"
html_title = "dynsparse"
html_copy_source = False
html_static_path = ["site"]
html_css_files = ["site.css"]
html_extra_path = ["site/index.html"]

myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
napoleon_use_ivar = True
# Shapes such as "*n ds" would be read as emphasis.
napoleon_attr_annotations = False
# Types are shown, and lead nowhere: other projects' indexes would need the network.
nitpick_ignore_regex = [("py:.*", ".*")]
