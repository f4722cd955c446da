"""`load` reads a set of images or of graphs, given by path or by the name of a ready-made set."""

from collections.abc import Callable
from pathlib import Path

import h5py

from ddkit.arguments import checked
from ddkit.synth.container import read_file
from ddkit.synth.graph_hdf5 import GRAPH_PARSERS
from ddkit.synth.graph_set import GraphSet
from ddkit.synth.hdf5 import IMAGE_PARSERS
from ddkit.synth.ready_made import find_set
from ddkit.synth.synthetic_set import SyntheticSet


@checked
def load(source: str | Path) -> SyntheticSet | GraphSet:
    """Load a set of images or of graphs from a file or a run folder, or a ready-made set by name.

    Example:
        >>> synthetic = load("digits-ftd-ipc1")
        >>> tuple(synthetic.images.shape)
        (10, 1, 8, 8)

    Raises:
        UsageError: `source` is neither a path nor a text.
        DataError: there is no such file or ready-made set, or the file is damaged.
    """
    parsers: dict[str, Callable[[h5py.File], SyntheticSet | GraphSet]] = {**IMAGE_PARSERS, **GRAPH_PARSERS}
    return read_file(find_set(source), parsers)


def load_images(source: str | Path) -> SyntheticSet:
    """Load a set of images as `load` does.

    Raises:
        DataError: there is no such set, it is damaged, or it is a set of graphs.
    """
    return read_file(find_set(source), IMAGE_PARSERS)
