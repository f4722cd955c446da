"""Graphs in one NumPy archive."""

from pathlib import Path

import numpy as np

from ddkit.errors import DataError, reason
from ddkit.graphs.categories import flat
from ddkit.graphs.graph_data import GraphData

KEYS = ("edge_src", "edge_dst", "node_feat", "edge_feat", "num_nodes", "label")
SPLIT = ("split_train", "split_valid", "split_test")


def read_npz_graphs(path: Path, name: str, licence: str = "") -> GraphData:
    """The archive's arrays: edge_src, edge_dst [E] (node numbers run through all graphs, both directions stored),
    node_feat [V, F] and edge_feat [E, G] (whole numbers), num_nodes and label [N], and perhaps split_train,
    split_valid, split_test.

    Raises:
        DataError: the file is missing or damaged, or an array is missing.
    """
    where = f"graphs '{name}', file '{path}'"
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{where}: cannot be read ({reason(error)})") from None
    if missing := [key for key in KEYS if key not in arrays]:
        raise DataError(f"{where}: has no array '{missing[0]}'; there must be {', '.join(KEYS)}")
    return GraphData.of(
        name=name,
        where=where,
        sizes=arrays["num_nodes"],
        node_rows=flat(arrays["node_feat"]),
        edge=np.stack([arrays["edge_src"], arrays["edge_dst"]]),
        edge_rows=flat(arrays["edge_feat"]),
        values=arrays["label"],
        split=tuple(arrays[key].astype(np.int64) for key in SPLIT) if all(key in arrays for key in SPLIT) else None,
        licence=licence,
    )
