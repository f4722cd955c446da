"""Readers of distilled sets that others released.

`read_release` finds the layout of a file or folder and returns its content as a `Release`, unchanged. The other modules
turn that into what a `SyntheticSet` has: images in the data's shape, labels, and the space that the values are in.
"""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.releases.classes import class_order
    from ddkit.releases.constants import OF, Constants, constants_of, same_data
    from ddkit.releases.images import arranged, unpacked
    from ddkit.releases.labels import ReadLabels, read_labels
    from ddkit.releases.layouts import LAYOUTS, read_release
    from ddkit.releases.release import BLOCKS, Choices, Layout, Release
    from ddkit.releases.spaces import BYTES, OTHER_ZCA, SPACES, Measured, space_of

__all__ = [
    "BLOCKS",
    "BYTES",
    "LAYOUTS",
    "OF",
    "OTHER_ZCA",
    "SPACES",
    "Choices",
    "Constants",
    "Layout",
    "Measured",
    "ReadLabels",
    "Release",
    "arranged",
    "class_order",
    "constants_of",
    "read_labels",
    "read_release",
    "same_data",
    "space_of",
    "unpacked",
]
