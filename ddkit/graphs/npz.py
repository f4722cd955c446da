"""Graphs in one NumPy archive."""

from pathlib import Path

import numpy as np

from ddkit.errors import DataError, reason
from ddkit.graphs.given_split import PARTS, given_split
from ddkit.graphs.graph_data import GraphData
from ddkit.graphs.raw_graphs import RawGraphs
from ddkit.graphs.unread import refuse_unread

Array = np.ndarray

NEEDED = ("edge_src", "edge_dst", "num_nodes", "label")
FEATURES = ("node_feat", "edge_feat")
PREFIX = "split_"
SPLIT = tuple(PREFIX + part for part in PARTS)


def read_npz_graphs(path: Path, name: str, licence: str = "") -> GraphData:
    """The archive's arrays: edge_src, edge_dst [E] (node numbers run through all graphs, both directions stored),
    num_nodes and label [N], and perhaps node_feat [V, ...], edge_feat [E, ...] (whole numbers), and a split:
    split_train, split_valid (or split_validation, split_val), split_test, each numbers of graphs or a mask [N].

    Raises:
        DataError: the file is missing or damaged, an array is missing, or one is there that nobody reads.
    """
    where = f"graphs '{name}', file '{path}'"
    arrays = _arrays(path, where)
    ends = [arrays[key] for key in ("edge_src", "edge_dst")]
    for key, array in zip(("edge_src", "edge_dst", "num_nodes"), (*ends, arrays["num_nodes"]), strict=True):
        if array.shape[1:] not in ((), (1,)):
            raise DataError(f"{where}: '{key}' must be a list of numbers, got the shape {array.shape}")
    if len(ends[0]) != len(ends[1]):
        raise DataError(
            f"{where}: 'edge_src' has {len(ends[0])} edges and 'edge_dst' {len(ends[1])}; give both ends of each"
        )
    sizes = arrays["num_nodes"].ravel()
    parts = {key.removeprefix(PREFIX): array for key, array in arrays.items() if key in SPLIT}
    return RawGraphs(
        name=name,
        where=where,
        sizes=sizes,
        edge=np.stack([end.ravel() for end in ends]),
        values=arrays["label"],
        node_features=arrays.get("node_feat"),
        edge_features=arrays.get("edge_feat"),
        split=given_split(parts, len(sizes), where),
        licence=licence,
    ).labelled()


def _arrays(path: Path, where: str) -> dict[str, Array]:
    """All arrays of the archive, if it holds the needed ones and none that is not known."""
    try:
        archive = np.load(path, allow_pickle=False)
        if isinstance(archive, np.ndarray):
            raise ValueError("it is a single array; write it with np.savez")
        with archive:
            names = [key.removesuffix(".npy") for key in archive.zip.namelist()]
            refuse_unread(names, (*NEEDED, *FEATURES, *SPLIT), where, "array")
            if missing := [key for key in NEEDED if key not in names]:
                raise DataError(f"{where}: has no array '{missing[0]}'; there must be {', '.join(NEEDED)}")
            if len(set(names)) < len(names):
                raise DataError(f"{where}: has two arrays of one name")
            arrays = {key: archive[key] for key in names}
    except DataError:
        raise
    except Exception as error:  # damage shows in as many kinds as zip, zlib and npy have
        raise DataError(f"{where}: cannot be read ({reason(error)})") from None
    if odd := [key for key, array in arrays.items() if not isinstance(array, np.ndarray) or not array.ndim]:
        raise DataError(f"{where}: '{odd[0]}' is no array with one row for each node, edge or graph")
    return arrays
