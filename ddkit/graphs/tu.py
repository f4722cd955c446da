"""The text format of the TUDataset collection (Morris et al. 2020), read directly."""

from pathlib import Path

import numpy as np

from ddkit.errors import DataError
from ddkit.graphs.graph_data import GraphData, whole
from ddkit.graphs.table import read_numbers

Array = np.ndarray


def read_tu(folder: Path, name: str, licence: str = "") -> GraphData:
    """The graphs of NAME_A.txt, NAME_graph_indicator.txt, NAME_graph_labels.txt in `folder`, with NAME_node_labels.txt
    and NAME_edge_labels.txt where they exist.

    Without node labels a node's label is its degree, as in the field. Continuous attributes are left out.

    Raises:
        DataError: a file is missing or damaged, or the arrays do not fit together.
    """
    where = f"graphs '{name}'"

    def table(what: str) -> Array:
        return read_numbers(folder / f"{name}_{what}.txt", where)

    graph_of_node = whole(table("graph_indicator")[:, 0], f"{where}: graphs of nodes") - 1
    edge = whole(table("A"), f"{where}: ends of edges").T - 1
    values = table("graph_labels")[:, 0]
    ascends = not np.any(np.diff(graph_of_node) < 0)
    if len(graph_of_node) and not (ascends and 0 <= graph_of_node[0] and graph_of_node[-1] < len(values)):
        raise DataError(f"{where}: NAME_graph_indicator.txt must ascend from 1 to the {len(values)} graphs")
    if (folder / f"{name}_node_labels.txt").exists():
        rows = table("node_labels")
    else:
        inside = edge[1][(edge[1] >= 0) & (edge[1] < len(graph_of_node))]  # GraphData names the others
        rows = np.bincount(inside, minlength=len(graph_of_node))[:, None]
    if (folder / f"{name}_edge_labels.txt").exists():
        edge_rows = table("edge_labels")
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
