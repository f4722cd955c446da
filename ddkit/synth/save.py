"""`save` writes a set of images or of graphs to a file."""

from pathlib import Path

from ddkit.arguments import checked
from ddkit.synth.graph_hdf5 import write_graph_set
from ddkit.synth.graph_set import GraphSet
from ddkit.synth.hdf5 import write_set
from ddkit.synth.synthetic_set import SyntheticSet


@checked
def save(made: SyntheticSet | GraphSet, path: str | Path) -> Path:
    """Write a set to a file, which `load` reads, and return its path. Equal sets give equal bytes.

    Example:
        >>> save(load("digits-ftd-ipc1"), "copy.h5")
        PosixPath('copy.h5')

    Raises:
        UsageError: `made` is no set.
        DataError: the disk is full or the folder cannot be written.
    """
    path = Path(path)
    if isinstance(made, GraphSet):
        write_graph_set(made, path)
    else:
        write_set(made, path)
    return path
