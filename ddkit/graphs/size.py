"""What graphs weigh: bytes of plain arrays, each in the smallest unsigned type that holds its largest number."""

import numpy as np

from ddkit.graphs.graph_data import GraphData

Array = np.ndarray


def shrunk(array: Array) -> Array:
    """The same numbers, none of them negative, in the smallest unsigned type."""
    return array.astype(np.min_scalar_type(int(array.max(initial=0))))


def weight(array: Array) -> int:
    """Bytes that each of these numbers takes; 0 where all are 0 and need not be stored."""
    return shrunk(array).itemsize if array.any() else 0


def graph_bytes(data: GraphData) -> Array:
    """Bytes of each graph, int64 [N]: its class, its node count and edge count, a label a node (none where it is the
    degree), two local node numbers and a label an edge. Where every edge has one in the other direction, with a label
    that the one's tells (the same, or, say, east where the one has west), an edge is the two."""
    nodes = data.sizes
    labelled = not np.array_equal(data.node_vocabulary[data.node_label, 0], data.degree)
    per_node = weight(data.node_label) if labelled else 0
    per_edge = 2 * shrunk(nodes - 1).itemsize + weight(data.edge_label)
    edges = data.edge_counts // 2 if _both_ways(data) else data.edge_counts
    header = 1 + shrunk(nodes).itemsize + shrunk(edges).itemsize
    return header + nodes * per_node + edges * per_edge


def _both_ways(data: GraphData) -> bool:
    """Whether every edge has one in the other direction, and a label there that this one's tells; self-loops have
    none. How labels tell each other is a fact of the data, as vocabularies are, and takes no bytes."""
    source, target = data.edge
    if np.any(source == target):
        return False
    order, reverse = np.lexsort((data.edge_label, source, target)), np.lexsort((data.edge_label, target, source))
    if not np.array_equal(data.edge[:, order], data.edge[::-1, reverse]):
        return False
    pairs = np.stack([data.edge_label[order], data.edge_label[reverse]])
    return np.unique(pairs, axis=1).shape[1] == len(np.unique(pairs[0]))
