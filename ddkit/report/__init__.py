"""Pictures of a run as PNG, and the parts of its report, which is one HTML page.

`gallery`, `tree_gallery` and `curve` draw PNG files with matplotlib's object interface, which does not change a
notebook's figures. `Page` holds sections of blocks (`blocks.py`); `charts.py`, `sprites.py` and `trees.py` make the
blocks with pictures. `write_page` writes the page, and `write_markdown` its texts and tables.
"""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.report.blocks import Block, Chart, Code, Fold, Gallery, Lines, Page, Section, TextTable, TreeDrawings
    from ddkit.report.charts import Measured, Trend, against_bytes, bars, curve_chart
    from ddkit.report.curve import curve
    from ddkit.report.gallery import gallery
    from ddkit.report.page import LARGEST, render, write_markdown, write_page
    from ddkit.report.sprites import Moment, first_images, image_gallery
    from ddkit.report.tree_gallery import tree_gallery
    from ddkit.report.trees import heaviest, tree_drawings

__all__ = [
    "Block",
    "Chart",
    "Code",
    "Fold",
    "Gallery",
    "Lines",
    "Page",
    "Section",
    "TextTable",
    "TreeDrawings",
    "Measured",
    "Trend",
    "against_bytes",
    "bars",
    "curve_chart",
    "curve",
    "gallery",
    "LARGEST",
    "render",
    "write_markdown",
    "write_page",
    "Moment",
    "first_images",
    "image_gallery",
    "tree_gallery",
    "heaviest",
    "tree_drawings",
]
