"""One `load` for the names of ready-made sets and for paths."""

from pathlib import Path

from ddkit.arguments import checked
from ddkit.synth.hdf5 import read_set
from ddkit.synth.shelf import find_set
from ddkit.synth.synthetic_set import SyntheticSet


@checked
def load(source: str | Path) -> SyntheticSet:
    """Load a set from a file, a run folder or by the name of a ready-made one.

    Example:
        >>> synthetic = load("digits-ftd-ipc1")
        >>> tuple(synthetic.images.shape)
        (10, 1, 8, 8)

    Raises:
        UsageError: `source` is neither.
        DataError: there is no such file or name, or the file is damaged.
    """
    return read_set(find_set(source))
