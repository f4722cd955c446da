"""PyTorch Geometric's objects, in: a dataset or a list of `Data`."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ddkit.errors import DataError, reason
from ddkit.graphs.categories import flat
from ddkit.graphs.graph_data import GraphData, joined


def from_pyg(graphs: Iterable[Any], name: str, licence: str = "") -> GraphData:
    """Graphs from PyG `Data` objects with `edge_index` [2, e], a class `y`, and perhaps `x` [v, F], `edge_attr` [e, G].

    Features must be whole numbers; one-hot rows count as such. Without `x` a node's label is its degree.

    Raises:
        DataError: no graph, a graph without class, features that are continuous or not the same in all graphs.
    """
    where = f"graphs '{name}'"
    kept = list(graphs)
    if not kept:
        raise DataError(f"{where}: holds no graph")
    for i, graph in enumerate(kept):
        if not isinstance(graph.y, torch.Tensor) or graph.y.numel() != 1:
            raise DataError(f"{where}: graph {i} must have one class in `y`, a tensor, got {graph.y!r}")
        if graph.edge_index is None:
            raise DataError(f"{where}: graph {i} has no `edge_index`; of a graph without edges it is of shape [2, 0]")
    sizes = np.array([graph.num_nodes for graph in kept], dtype=np.int64)
    local = [graph.edge_index.cpu().numpy() for graph in kept]
    owner = np.repeat(np.arange(len(kept)), [edge.shape[1] for edge in local])
    edge = joined(np.concatenate(local, 1), owner, sizes, where)
    degree = np.bincount(edge[1], minlength=sizes.sum())[:, None]
    node_rows = _features([graph.x for graph in kept], degree, f"{where}: node features")
    edge_rows = _features([graph.edge_attr for graph in kept], np.zeros((edge.shape[1], 1), np.int64), where)
    return GraphData.of(
        name=name,
        where=where,
        sizes=sizes,
        node_rows=node_rows,
        edge=edge,
        edge_rows=edge_rows,
        values=np.array([graph.y.item() for graph in kept]),
        licence=licence,
    )


def read_pt(path: Path, name: str) -> GraphData:
    """A list of `Data`, or of their `to_dict()`, that `torch.save` wrote; nothing in the file is run.

    Raises:
        DataError: the file is missing, damaged, or holds something else.
    """
    from torch_geometric.data import Data  # slow to import
    from torch_geometric.data.data import DataEdgeAttr, DataTensorAttr
    from torch_geometric.data.storage import GlobalStorage

    where = f"graphs '{name}', file '{path}'"
    plain = [Data, DataEdgeAttr, DataTensorAttr, GlobalStorage]  # holders of tensors, all that a list of Data needs
    try:
        with torch.serialization.safe_globals(plain):
            graphs = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise DataError(
            f"{where}: cannot be read ({reason(error)}); save a plain list of torch_geometric.data.Data"
        ) from None
    if not isinstance(graphs, list) or not all(isinstance(graph, Data | dict) for graph in graphs):
        raise DataError(f"{where}: holds a {type(graphs).__name__}, not a list of torch_geometric.data.Data")
    return from_pyg([Data.from_dict(graph) if isinstance(graph, dict) else graph for graph in graphs], name)


def _features(given: list[Any], default: np.ndarray, where: str) -> np.ndarray:
    """All graphs' features beneath each other, or the default where no graph has any."""
    present = [features is not None for features in given]
    if not any(present):
        return default
    rows = [flat(features.cpu().numpy()) for features in given if features is not None]
    if not all(present) or len({row.shape[1] for row in rows}) > 1:
        raise DataError(f"{where}: are not the same columns in every graph")
    return np.concatenate(rows)
