"""Pictures of a run: the gallery of a set, of images or of trees, and the curves of its making.

In: pixels, labels and metric rows. Out: PNG files. Drawn with matplotlib's object interface, so that a notebook's own
figures and backend are left alone.
"""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.report.curve import curve
    from ddkit.report.gallery import gallery
    from ddkit.report.tree_gallery import tree_gallery

__all__ = ["curve", "gallery", "tree_gallery"]
