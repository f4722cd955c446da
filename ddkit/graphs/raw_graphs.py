"""Graphs as their files contain them, and the conversion to `GraphData` with the checks that all sources share."""

from dataclasses import dataclass

import numpy as np

from ddkit.errors import DataError
from ddkit.graphs.categories import categories, flat
from ddkit.graphs.graph_data import GivenSplit, GraphData
from ddkit.graphs.targets import classes_of
from ddkit.graphs.whole_numbers import narrow, whole

Array = np.ndarray

FEW_NODES, NODES_AN_EDGE = 10**6, 100
"""Limits on the number of nodes without features: in total, and for each edge and graph. Such nodes are only a number
in a file, so a damaged number could fill the memory."""

NO_NODE_LABELS = "there are no node labels, so a node's label is its degree"


@dataclass(frozen=True, kw_only=True, eq=False)
class RawGraphs:
    """N graphs with V nodes and E edges, before features become labels and values become classes.

    Attributes:
        name, licence: name and terms of the data.
        where: name of the data in error lines.
        sizes: nodes of each graph, [N].
        edge: (source, target) of each edge, numbered through all graphs, [2, E].
        values: each graph's class, a whole number or a text, [N].
        node_features, edge_features: whole numbers, [V, ...] and [E, ...]; None or without columns if there are none.
        split: (train, validation, test) graphs, if the source has a split.
        notes: what reading left out or assumed, one sentence each.
    """

    name: str
    where: str
    sizes: Array
    edge: Array
    values: Array
    node_features: Array | None = None
    edge_features: Array | None = None
    split: GivenSplit | None = None
    licence: str = ""
    notes: tuple[str, ...] = ()

    def labelled(self) -> GraphData:
        """Convert to `GraphData`. Distinct rows of features become labels and distinct values classes, both ascending.

        Raises:
            DataError: features are continuous, arrays do not fit together, or `GraphData` refuses them.
        """
        where = self.where
        sizes = whole(self.sizes, f"{where}: numbers of nodes")
        nodes = sum(sizes.tolist())  # exact for sizes of any value
        if sizes.ndim != 1 or (len(sizes) and sizes.min() < 0):
            raise DataError(f"{where}: numbers of nodes must be one number of at least 0 for each graph")
        edge = whole(self.edge, f"{where}: ends of edges")
        if edge.ndim != 2 or len(edge) != 2:
            found = f"{len(edge)} ends" if edge.ndim == 2 else f"the shape {edge.shape}"
            raise DataError(f"{where}: an edge has {found}; there must be two")
        classes, y = classes_of(self.values, len(sizes), nodes, where)
        notes = self.notes
        if (node_rows := _rows(self.node_features, f"{where}: node features")) is None:
            most = max(FEW_NODES, NODES_AN_EDGE * (edge.shape[1] + len(sizes)))
            if nodes > most:
                raise DataError(
                    f"{where}: its graphs claim {nodes:,} nodes together, but there are no node features "
                    f"and only {edge.shape[1]:,} edges; at most {most:,} are accepted"
                )
            inside = edge[1][(edge[1] >= 0) & (edge[1] < nodes)]  # GraphData refuses the others
            node_rows = np.bincount(inside, minlength=nodes)[:, None]
            notes += (NO_NODE_LABELS,)
        if len(node_rows) != nodes:
            raise DataError(
                f"{where}: node features: exist for {len(node_rows):,} nodes, but its graphs have {nodes:,} nodes "
                "together"
            )
        if (edge_rows := _rows(self.edge_features, f"{where}: edge features")) is None:
            edge_rows = np.zeros((edge.shape[1], 1), np.int64)
        node_label, node_vocabulary = categories(node_rows, f"{where}: node features")
        edge_label, edge_vocabulary = categories(edge_rows, f"{where}: edge features")
        return GraphData(
            name=self.name,
            classes=classes,
            offset=np.concatenate([[0], np.cumsum(sizes)]),
            node_label=node_label,
            edge=_narrow_ends(edge, nodes),
            edge_label=narrow(edge_label, len(edge_vocabulary)),
            y=y,
            node_vocabulary=node_vocabulary,
            edge_vocabulary=edge_vocabulary,
            split=self.split,
            licence=self.licence,
            notes=notes,
        )


def joined(edge: Array, graph: Array, sizes: Array, where: str) -> Array:
    """Convert the ends of edges [2, E] from numbers within their graph to numbers through all graphs.

    Args:
        graph: the graph of each edge, [E].
        sizes: the number of nodes of each graph.

    Raises:
        DataError: the number of edges differs, or an end is not a node of its graph.
    """
    if len(graph) != edge.shape[1]:
        raise DataError(f"{where}: its graphs have {len(graph)} edges together, but there are {edge.shape[1]}")
    edge, size = whole(edge, f"{where}: ends of edges"), sizes[graph]
    bad = np.flatnonzero(((edge < 0) | (edge >= size)).any(0))
    if len(bad):
        source, target = edge[:, bad[0]]
        raise DataError(
            f"{where}: graph {graph[bad[0]]} has an edge from node {source} to node {target}, but only the nodes 0 to "
            f"{size[bad[0]] - 1}; remove it or add the node"
        )
    numbered: Array = edge + (np.cumsum(sizes) - sizes)[graph]
    return numbered


def _narrow_ends(edge: Array, nodes: int) -> Array:
    """Store ends of edges as int32 if all are valid nodes. Invalid ends stay, so that `GraphData` refuses them."""
    right = not edge.size or (edge.min() >= 0 and edge.max() < nodes)
    return narrow(edge, nodes) if right else edge


def _rows(features: Array | None, where: str) -> Array | None:
    """Reshape features to rows, or return None if they have no column."""
    if features is None:
        return None
    if not features.ndim:
        raise DataError(f"{where}: must have a row each, got a single number")
    rows = flat(features)
    return rows if rows.shape[1] else None
