"""Reads graphs from a file of PyTorch: a list of PyG's `Data`, or of their `to_dict()`."""

from pathlib import Path
from typing import Any

import torch

from ddkit.errors import DataError, reason
from ddkit.files import not_a_file, refuse_bomb, stored_bytes
from ddkit.graphs.graph_data import GraphData
from ddkit.graphs.pyg import from_pyg
from ddkit.torch_file import refuse_packed, tensor_bytes


def read_pt(path: Path, name: str) -> GraphData:
    """Read a list of `Data`, or of their `to_dict()`, that `torch.save` wrote. No code in the file is run.

    Raises:
        DataError: the file is missing or damaged, or contains something else.
    """
    from torch_geometric.data import Data  # slow to import
    from torch_geometric.data.data import DataEdgeAttr, DataTensorAttr
    from torch_geometric.data.storage import GlobalStorage

    where = f"graphs '{name}', file '{path}'"
    plain = [Data, DataEdgeAttr, DataTensorAttr, GlobalStorage]  # the harmless classes that a list of Data needs
    if odd := not_a_file(path):
        raise DataError(f"{where}: cannot be read (it is {odd})")
    try:
        refuse_packed(path)
        with torch.serialization.safe_globals(plain):
            graphs = torch.load(path, map_location="cpu", weights_only=True)
    except (DataError, MemoryError):
        raise
    except Exception as error:
        raise DataError(
            f"{where}: cannot be read ({reason(error)}); save a plain list of torch_geometric.data.Data"
        ) from None
    if not isinstance(graphs, list) or not all(isinstance(graph, Data | dict) for graph in graphs):
        raise DataError(
            f"{where}: has a {type(graphs).__name__}, not a list of torch_geometric.data.Data; save a PyG dataset as "
            "list(dataset)"
        )
    if any(isinstance(graph, dict) and not all(isinstance(key, str) for key in graph) for graph in graphs):
        raise DataError(
            f"{where}: has a dict whose keys are not names, not the to_dict() of a torch_geometric.data.Data"
        )
    held = tensor_bytes(value for graph in graphs for _, value in _items(graph))
    refuse_bomb(held, stored_bytes(path), f"{where}: has tensors that")
    return from_pyg([Data.from_dict(graph) if isinstance(graph, dict) else graph for graph in graphs], name)


def _items(graph: Any) -> Any:
    """Return the (name, value) pairs of a graph."""
    return (graph if isinstance(graph, dict) else graph.to_dict()).items()
