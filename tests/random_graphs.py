"""Random graphs, and their computation trees by brute force."""

import numpy as np

from ddkit.graphs import GraphData
from ddkit.methods import GraphContext, GraphMethodClass
from ddkit.synth import GraphSet


def random_graph_data(seed: int, graphs: int = 6, nodes: int = 8, labels: int = 2, edge_labels: int = 2) -> GraphData:
    """Directed multigraphs with self-loops, parallel edges and isolated nodes; two classes."""
    draw = np.random.RandomState(seed)
    sizes = draw.randint(1, nodes, graphs)
    offset = np.concatenate([[0], np.cumsum(sizes)])
    ends = [offset[g] + draw.randint(0, sizes[g], (2, draw.randint(0, 2 * sizes[g] + 1))) for g in range(graphs)]
    edge = np.concatenate(ends, 1)
    edge = np.concatenate([edge, edge[:, :3]], 1)  # parallel ones for certain
    return GraphData(
        name=f"random{seed}",
        classes=("a", "b"),
        offset=offset,
        node_label=draw.randint(0, labels, offset[-1]),
        edge=edge,
        edge_label=draw.randint(0, edge_labels, edge.shape[1]),
        y=np.arange(graphs) % 2,
        node_vocabulary=np.arange(labels)[:, None],
        edge_vocabulary=np.arange(edge_labels)[:, None],
    )


def tree_text(data: GraphData, v: int, hops: int) -> str:
    """The depth-`hops` computation tree of v in canonical form, unfolded node by node."""
    if hops == 0:
        return f"({data.node_label[v]})"
    into = np.flatnonzero(data.edge[1] == v)
    children = sorted(f"{data.edge_label[e]}{tree_text(data, int(data.edge[0, e]), hops - 1)}" for e in into)
    return f"({data.node_label[v]}{''.join(children)})"


def distil(method: GraphMethodClass, settings, data: GraphData, seed: int = 0) -> GraphSet:
    """The set that a method makes of the data."""
    return method(settings, GraphContext(data, seed)).distil()
