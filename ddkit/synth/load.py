"""`load` reads a set of images, given by path or by the name of a ready-made set."""

from pathlib import Path

from ddkit.arguments import checked
from ddkit.synth.hdf5 import read_set
from ddkit.synth.ready_made import find_set
from ddkit.synth.synthetic_set import SyntheticSet


@checked
def load(source: str | Path) -> SyntheticSet:
    """Load a set from a file or a run folder, or a ready-made set by name.

    Example:
        >>> synthetic = load("digits-ftd-ipc1")
        >>> tuple(synthetic.images.shape)
        (10, 1, 8, 8)

    Raises:
        UsageError: `source` is neither a path nor a text.
        DataError: there is no such file or ready-made set, or the file is damaged.
    """
    return read_set(find_set(source))
