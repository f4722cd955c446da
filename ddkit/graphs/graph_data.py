"""Labelled graphs in memory: flat NumPy arrays in which node numbers run through all graphs."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ddkit.errors import DataError
from ddkit.graphs.adjacency import Adjacency
from ddkit.graphs.categories import as_integers, categories
from ddkit.graphs.colours import degree_labels

Array = np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class GraphData:
    """N graphs with V nodes and E directed edges; an undirected edge is stored in both directions.

    Attributes:
        name, licence: what the data is called, and its terms.
        classes: class names.
        offset: graph g owns the nodes offset[g] to offset[g + 1] - 1; int64 [N + 1].
        node_label: int64 [V], rows of `node_vocabulary`.
        edge: (source, target) nodes of each edge; int64 [2, E]. Messages flow from source to target.
        edge_label: int64 [E], rows of `edge_vocabulary`.
        y: classes, int64 [N].
        node_vocabulary, edge_vocabulary: the raw values behind a label, int64 [labels, columns].
        split: (train, validation, test) graphs, where the source brings a split.

    Raises:
        DataError: arrays that do not fit together, an edge to a missing node or into another graph, a single class.
    """

    name: str
    classes: tuple[str, ...]
    offset: Array
    node_label: Array
    edge: Array
    edge_label: Array
    y: Array
    node_vocabulary: Array
    edge_vocabulary: Array
    split: tuple[Array, ...] | None = None
    licence: str = ""

    def __post_init__(self) -> None:
        where = f"graphs '{self.name}'"
        nodes, edges = len(self.node_label), self.edge.shape[1]
        if len(self.offset) != len(self.y) + 1 or self.offset[-1] != nodes or np.any(np.diff(self.offset) < 0):
            raise DataError(f"{where}: the offsets do not divide the {nodes} nodes into {len(self.y)} graphs")
        if len(self.edge) != 2:
            raise DataError(f"{where}: an edge has {len(self.edge)} ends; there must be two")
        if len(self.edge_label) != edges:
            raise DataError(
                f"{where}: {edges} edges but {len(self.edge_label)} edge labels; there must be one for each"
            )
        bad = np.flatnonzero((self.edge < 0).any(0) | (self.edge >= nodes).any(0))
        if len(bad):
            source, target = self.edge[:, bad[0]]
            raise DataError(
                f"{where}: edge {bad[0]} joins the nodes {source} and {target}, but there are only the nodes 0 to "
                f"{nodes - 1}; remove it or add the node"
            )
        ends = self.graph_of_node[self.edge]
        bad = np.flatnonzero(ends[0] != ends[1])
        if len(bad):
            raise DataError(
                f"{where}: edge {bad[0]} joins graph {ends[0, bad[0]]} and graph {ends[1, bad[0]]}; an edge must stay "
                "inside one graph"
            )
        if len(self.classes) < 2:
            raise DataError(f"{where}: all {len(self.y)} graphs are of one class; there must be two classes at least")
        if len(self.y) and not 0 <= self.y.min() <= self.y.max() < len(self.classes):
            raise DataError(f"{where}: a graph's class lies outside the {len(self.classes)} classes")

    @staticmethod
    def of(
        *,
        name: str,
        where: str,
        sizes: Array,
        node_rows: Array,
        edge: Array,
        edge_rows: Array,
        values: Array,
        split: tuple[Array, ...] | None = None,
        licence: str = "",
    ) -> "GraphData":
        """Graphs as files tell them: distinct rows of features become labels, distinct values classes, ascending.

        Args:
            where: what an error line calls them.
            sizes: nodes of each graph, [N].
            node_rows, edge_rows: whole numbers, [V, F] and [E, G].
            values: each graph's class, a whole number or a text, [N].

        Raises:
            DataError: features, classes or ends of edges that are continuous, or what the class itself refuses.
        """
        node_label, node_vocabulary = categories(node_rows, f"{where}: node features")
        edge_label, edge_vocabulary = categories(edge_rows, f"{where}: edge features")
        classes, y = np.unique(whole(values.ravel(), f"{where}: classes"), return_inverse=True)
        return GraphData(
            name=name,
            classes=tuple(str(value) for value in classes.tolist()),
            offset=np.concatenate([[0], np.cumsum(whole(sizes, f"{where}: numbers of nodes"))]),
            node_label=node_label,
            edge=whole(edge, f"{where}: ends of edges"),
            edge_label=edge_label,
            y=y.astype(np.int64),
            node_vocabulary=node_vocabulary,
            edge_vocabulary=edge_vocabulary,
            split=split,
            licence=licence,
        )

    def __len__(self) -> int:
        return len(self.y)

    @cached_property
    def adjacency(self) -> Adjacency:
        """The edges into each node."""
        return Adjacency.of(self.edge, self.edge_label, len(self.node_label))

    def tree_labels(self, with_degrees: bool) -> Array:
        """The nodes' labels that tell trees apart, with their true degrees or without, int64 [V]."""
        return degree_labels(self.node_label, self.degree) if with_degrees else self.node_label

    @cached_property
    def graph_of_node(self) -> Array:
        """The graph that each node belongs to, int64 [V]."""
        return np.repeat(np.arange(len(self.y)), np.diff(self.offset))

    @cached_property
    def degree(self) -> Array:
        """Edges into each node, parallel ones counted each, int64 [V]."""
        return np.bincount(self.edge[1], minlength=len(self.node_label))

    @property
    def sizes(self) -> Array:
        """Nodes of each graph, int64 [N]."""
        return np.diff(self.offset)

    @cached_property
    def edge_counts(self) -> Array:
        """Directed edges of each graph, int64 [N]."""
        return np.bincount(self.graph_of_node[self.edge[1]], minlength=len(self.y))

    def subset(self, graphs: Array) -> "GraphData":
        """Some of the graphs, in the order given and as often, without a split; labels and vocabularies stay."""
        sizes, counts = self.sizes[graphs], self.edge_counts[graphs]
        offset, edge_offset = (np.concatenate([[0], np.cumsum(each)]) for each in (sizes, counts))
        nodes = np.repeat(self.offset[graphs] - offset[:-1], sizes) + np.arange(offset[-1])
        by_graph = np.argsort(self.graph_of_node[self.edge[1]], kind="stable")
        first = np.cumsum(self.edge_counts) - self.edge_counts
        kept = by_graph[np.repeat(first[graphs] - edge_offset[:-1], counts) + np.arange(edge_offset[-1])]
        shift = np.repeat(offset[:-1] - self.offset[graphs], counts)
        return GraphData(
            name=self.name,
            classes=self.classes,
            offset=offset,
            node_label=self.node_label[nodes],
            edge=self.edge[:, kept] + shift,
            edge_label=self.edge_label[kept],
            y=self.y[graphs],
            node_vocabulary=self.node_vocabulary,
            edge_vocabulary=self.edge_vocabulary,
            licence=self.licence,
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) over all arrays and the class names; where they came from has no part."""
        sha = hashlib.sha256(repr(self.classes).encode())
        arrays = (self.offset, self.node_label, self.edge, self.edge_label, self.y)
        for array in (*arrays, self.node_vocabulary, self.edge_vocabulary, *(self.split or ())):
            sha.update(repr(array.shape).encode())
            sha.update(np.ascontiguousarray(array, dtype="<i8").data)
        return sha.hexdigest()


def joined(edge: Array, graph: Array, sizes: Array, where: str) -> Array:
    """Edges [2, E], whose ends are numbered within their graph [E], in the numbering of all nodes.

    Raises:
        DataError: another number of edges, or an end that is none of its graph's nodes; in the joint numbering it would
            be another graph's.
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
    return edge + (np.cumsum(sizes) - sizes)[graph]


def whole(numbers: Array, where: str) -> Array:
    """The same numbers as int64; texts stay as they are.

    Raises:
        DataError: a number that is not whole.
    """
    if numbers.dtype.kind in "US":
        return numbers
    found, others = as_integers(numbers)
    if len(others):
        raise DataError(f"{where}: must be whole numbers, got {others[0]:g}")
    return found
