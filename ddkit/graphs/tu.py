"""The text format of the TUDataset collection (Morris et al. 2020), read directly."""

from pathlib import Path

import numpy as np

from ddkit.errors import DataError, reason
from ddkit.graphs.graph_data import GraphData

Array = np.ndarray


def read_tu(folder: Path, name: str, licence: str = "") -> GraphData:
    """The graphs of NAME_A.txt, NAME_graph_indicator.txt, NAME_graph_labels.txt in `folder`, with NAME_node_labels.txt
    and NAME_edge_labels.txt where they exist.

    Without node labels a node's label is its degree, as in the field. Continuous attributes are left out.

    Raises:
        DataError: a file is missing or damaged, or the arrays do not fit together.
    """
    where = f"graphs '{name}'"
    graph_of_node = _column(folder, name, "graph_indicator", where) - 1
    edge = _numbers(folder, name, "A", where).reshape(-1, 2).T - 1
    values = _column(folder, name, "graph_labels", where)
    if len(graph_of_node) and (np.any(np.diff(graph_of_node) < 0) or graph_of_node[-1] >= len(values)):
        raise DataError(f"{where}: NAME_graph_indicator.txt must ascend from 1 to the {len(values)} graphs")
    if (folder / f"{name}_node_labels.txt").exists():
        rows = _numbers(folder, name, "node_labels", where).reshape(len(graph_of_node), -1)
    else:
        inside = edge[1][(edge[1] >= 0) & (edge[1] < len(graph_of_node))]  # GraphData names the others
        rows = np.bincount(inside, minlength=len(graph_of_node))[:, None]
    if (folder / f"{name}_edge_labels.txt").exists():
        edge_rows = _numbers(folder, name, "edge_labels", where).reshape(edge.shape[1], -1)
    else:
        edge_rows = np.zeros((edge.shape[1], 1), np.int64)
    return GraphData.of(
        name=name,
        where=where,
        sizes=np.bincount(graph_of_node, minlength=len(values)),
        node_rows=rows,
        edge=edge,
        edge_rows=edge_rows,
        values=values,
        licence=licence,
    )


def _numbers(folder: Path, name: str, what: str, where: str) -> Array:
    """All numbers of a comma-separated file, one after the other."""
    path = folder / f"{name}_{what}.txt"
    try:
        text = path.read_text().replace(",", " ")
        values = np.array(text.split(), dtype=np.float64)
        if len(values) % len(text.splitlines() or [""]):
            raise ValueError("its lines are not equally long")
    except (OSError, ValueError) as error:
        raise DataError(f"{where}, file '{path}': cannot be read ({reason(error)})") from None
    return values.astype(np.int64) if np.array_equal(values, np.floor(values)) else values


def _column(folder: Path, name: str, what: str, where: str) -> Array:
    return _numbers(folder, name, what, where).astype(np.int64)
