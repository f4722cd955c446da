"""Reads the text format of the TUDataset collection (Morris et al. 2020)."""

from pathlib import Path

import numpy as np

from ddkit.errors import DataError
from ddkit.graphs.graph_data import GraphData
from ddkit.graphs.raw_graphs import RawGraphs
from ddkit.graphs.table import read_numbers
from ddkit.graphs.unread import refuse_unread
from ddkit.graphs.whole_numbers import whole

Array = np.ndarray

READ = ("A", "graph_indicator", "graph_labels", "node_labels", "edge_labels")
LEFT_OUT = ("node_attributes", "edge_attributes", "graph_attributes")
"""Files of continuous numbers, which computation trees do not have."""


def read_tu(folder: Path, name: str, licence: str = "") -> GraphData:
    """Read the graphs of NAME_A.txt, NAME_graph_indicator.txt and NAME_graph_labels.txt in `folder`, and of
    NAME_node_labels.txt and NAME_edge_labels.txt if they exist.

    Without node labels a node's label is its degree, as usual. Continuous attributes are left out. The graphs' remarks
    mention both. Files with "readme" in their name are ignored; any other .txt file is refused.

    Raises:
        DataError: a file is missing, damaged or not of the format, or the arrays do not fit together.
    """
    where = f"graphs '{name}'"
    known = [f"{name}_{part}.txt" for part in (*READ, *LEFT_OUT)]
    texts = [path.name for path in sorted(folder.glob("*.txt")) if "readme" not in path.name.lower()]
    refuse_unread(texts, known, f"{where}, folder '{folder}'", "file")

    def table(what: str) -> Array:
        return read_numbers(folder / f"{name}_{what}.txt", where)

    def perhaps(what: str) -> Array | None:
        return table(what) if f"{name}_{what}.txt" in texts else None

    indicator, edge = whole(table("graph_indicator"), f"{where}: graphs of nodes"), table("A")
    values = table("graph_labels")
    if len(indicator) and indicator.shape[1] != 1:
        raise DataError(
            f"{where}: {name}_graph_indicator.txt must have one number on each line, got {indicator.shape[1]}"
        )
    graph = indicator.ravel() - 1
    if len(graph) and (np.any(np.diff(graph) < 0) or graph[0] < 0 or graph[-1] != len(values) - 1):
        raise DataError(
            f"{where}: {name}_graph_indicator.txt must ascend from 1 to the {len(values)} graphs of "
            f"{name}_graph_labels.txt, got {graph.min() + 1} to {graph.max() + 1}"
        )
    left_out = [part for part in LEFT_OUT if f"{name}_{part}.txt" in texts]
    return RawGraphs(
        name=name,
        where=where,
        sizes=np.bincount(graph, minlength=len(values)),
        edge=_from_zero(edge, graph, f"{where}: {name}_A.txt"),
        values=values,
        node_features=perhaps("node_labels"),
        edge_features=perhaps("edge_labels"),
        licence=licence,
        notes=tuple(f"{name}_{part}.txt is left out: trees have no continuous attributes" for part in left_out),
    ).labelled()


def _from_zero(edge: Array, graph: Array, where: str) -> Array:
    """Convert rows (source, target) of nodes numbered from 1 to ends [2, E] numbered from 0.

    Args:
        graph: the graph of each node, numbered from 0.

    Raises:
        DataError: an edge has a missing node or joins two graphs. The error uses the numbers of the file.
    """
    if not len(edge):
        return np.zeros((2, 0), np.int64)
    ends = whole(edge, f"{where}: ends of edges").T
    if len(ends) != 2:  # `RawGraphs` refuses it
        return ends
    for i in np.flatnonzero(((ends < 1) | (ends > len(graph))).any(0))[:1]:
        raise DataError(
            f"{where}: edge {i + 1} joins the nodes {ends[0, i]} and {ends[1, i]}, but TU files number nodes from "
            f"1 through all graphs, here 1 to {len(graph)}"
        )
    owner = graph[ends - 1]
    for i in np.flatnonzero((owner != owner[0]).any(0))[:1]:
        raise DataError(
            f"{where}: edge {i + 1} joins node {ends[0, i]} of graph {owner[0, i] + 1} and node {ends[1, i]} of graph "
            f"{owner[1, i] + 1}; an edge must stay inside one graph (TU files number nodes from 1 through all graphs)"
        )
    return ends - 1
