"""Pictures of a run: the gallery of a set of images or trees, and the curves of the metrics.

The functions draw pixels, labels and rows of metrics to PNG files. They use matplotlib's object interface, so that they
do not change a notebook's figures and backend.
"""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.report.curve import curve
    from ddkit.report.gallery import gallery
    from ddkit.report.tree_gallery import tree_gallery

__all__ = ["curve", "gallery", "tree_gallery"]
