"""Sizes of graphs in bytes: plain arrays, each in the smallest unsigned type that represents its largest number."""

import numpy as np

from ddkit.graphs.categories import categories, packed
from ddkit.graphs.direction import proper_edges
from ddkit.graphs.graph_data import GraphData

Array = np.ndarray


def shrunk(array: Array) -> Array:
    """Return the same numbers (at least 0) in the smallest unsigned type."""
    return array.astype(np.min_scalar_type(int(array.max(initial=0))))


def item_bytes(array: Array) -> int:
    """Return the bytes of each of these numbers; 0 if all are 0 and need not be stored."""
    return shrunk(array).itemsize if array.any() else 0


def graph_bytes(data: GraphData) -> Array:
    """Return the bytes of each graph, int64 [N], independently of the other graphs.

    A graph has its class, its numbers of nodes and edges, a label for each node (none if it is the degree), and two
    local node numbers and a label for each edge.

    Undirected data store an edge once for both directions. Data are undirected if every edge but a loop has a reverse
    edge whose label follows from its own (for example the same label, or east for west).
    """
    nodes, node, edge = data.sizes, data.node_label, data.edge_label
    loops = np.bincount(data.graph_of_node[data.edge[0, data.edge[0] == data.edge[1]]], minlength=len(data))
    edges = (data.edge_counts + loops) // 2 if _both_ways(data) else data.edge_counts
    is_degree = data.node_vocabulary.shape[1] == 1 and np.array_equal(data.node_vocabulary[node, 0], data.degree)
    per_node = 0 if is_degree or not node.any() else _width(_largest(node, data.graph_of_node, len(data)))
    per_edge = 2 * _width(nodes - 1) + (_largest_label_width(data) if edge.any() else 0)
    total: Array = 1 + _width(nodes) + _width(edges) + nodes * per_node + edges * per_edge
    return total


def _width(number: Array) -> Array:
    """Return the bytes of the smallest unsigned type that represents each number."""
    return np.where(number < 2**8, 1, np.where(number < 2**16, 2, 4))


def _largest_label_width(data: GraphData) -> Array:
    """Return the bytes of the largest edge label of each graph."""
    return _width(_largest(data.edge_label, data.graph_of_node[data.edge[0]], len(data)))


def _largest(number: Array, graph: Array, n: int) -> Array:
    """Return the largest number of each of n graphs, or 0 if it has none."""
    largest = np.zeros(n, np.int64)
    np.maximum.at(largest, graph, number)
    return largest


def _both_ways(data: GraphData) -> bool:
    """Return whether every edge between two nodes has a reverse edge, whose label is a function of its own label.

    This function is a fact of the data, as vocabularies are, and needs no bytes.
    """
    reverse_label: dict[int, int] = {}
    for part in proper_edges(data.edge, len(data.node_label)):
        (source, target), label = data.edge[:, part], data.edge_label[part]
        order, reverse = _sorted_by(target, source, label), _sorted_by(source, target, label)
        if not np.array_equal(target[order], source[reverse]) or not np.array_equal(source[order], target[reverse]):
            return False
        pairs = categories(np.stack([label[order], label[reverse]], 1), "labels of edges")[1]
        for one, other in pairs.tolist():
            if reverse_label.setdefault(one, other) != other:
                return False
    return True


def _sorted_by(*columns: Array) -> Array:
    """Return the order of rows by the first column, then by the second, and so on."""
    code, _ = packed(columns, len(columns[0]))
    return np.argsort(code, kind="stable")
