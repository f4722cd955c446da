"""Labelled graphs in memory: flat NumPy arrays with one numbering of all nodes."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ddkit.errors import DataError, names_something, printable
from ddkit.graphs.adjacency import Adjacency
from ddkit.graphs.colours import degree_labels
from ddkit.graphs.direction import AT_ONCE, compared

Array = np.ndarray
GivenSplit = tuple[Array, Array | None, Array]
"""Numbers of the training, validation and test graphs of a source's split. None: there is no validation part."""

NUMBERED = "nodes are numbered through all graphs"
MISSING = "-1"
"""A class that often means a missing one. If 1 is the only other class, -1 is a usual class."""


@dataclass(frozen=True, kw_only=True, eq=False)
class GraphData:
    """N graphs with V nodes and E directed edges; an undirected edge is stored in both directions.

    Attributes:
        name, licence: name and terms of the data.
        classes: class names.
        offset: graph g has the nodes offset[g] to offset[g + 1] - 1; int64 [N + 1].
        node_label: int64 [V], rows of `node_vocabulary`.
        edge: (source, target) nodes of each edge; int64 or int32 [2, E]. Messages flow from source to target.
        edge_label: int64 or int32 [E], rows of `edge_vocabulary`.
        y: classes, int64 [N].
        node_vocabulary, edge_vocabulary: the raw values of each label, int64 [labels, columns].
        split: (train, validation, test) graphs, if the source has a split.
        notes: what reading left out or assumed, one sentence each.

    Raises:
        DataError: the arrays do not fit together, an edge has a missing node or joins two graphs, there is only one
            class, or a name cannot be printed.
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
    split: GivenSplit | None = None
    licence: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        where = f"graphs '{self.name}'"
        if printable(self.name) != self.name:
            raise DataError(f"{where}: their name cannot be printed; rename them")
        if odd := [name for name in self.classes if not names_something(name)]:
            raise DataError(f"{where}: a class has the name '{odd[0]}', which cannot be printed; rename it")
        nodes, edges = len(self.node_label), self.edge.shape[1]
        if len(self.offset) != len(self.y) + 1 or self.offset[-1] != nodes or np.any(np.diff(self.offset) < 0):
            raise DataError(f"{where}: the offsets do not divide the {nodes} nodes into {len(self.y)} graphs")
        if len(self.edge) != 2:
            raise DataError(f"{where}: an edge has {len(self.edge)} ends; there must be two")
        if len(self.edge_label) != edges:
            raise DataError(
                f"{where}: {edges} edges but {len(self.edge_label)} edge labels; there must be one for each"
            )
        for begin in range(0, edges, AT_ONCE):
            self._refuse_stray(begin, self.edge[:, begin : begin + AT_ONCE])
        if len(self.classes) < 2:
            raise DataError(f"{where}: all {len(self.y)} graphs are of one class; there must be two classes at least")
        if len(self.y) and not 0 <= self.y.min() <= self.y.max() < len(self.classes):
            raise DataError(f"{where}: a graph's class is outside the {len(self.classes)} classes")

    def _refuse_stray(self, begin: int, edge: Array) -> None:
        """Raise DataError for the first of these edges that is not between two nodes of one graph.

        Args:
            begin: number of the first edge.
        """
        where, nodes = f"graphs '{self.name}'", len(self.node_label)
        bad = np.flatnonzero(((edge < 0) | (edge >= nodes)).any(0))
        if len(bad):
            source, target = edge[:, bad[0]]
            raise DataError(
                f"{where}: edge {begin + bad[0]} joins the nodes {source} and {target}, but there are only the nodes 0 "
                f"to {nodes - 1}; remove it or add the node"
            )
        source, target = self.graph_of_node[edge]
        bad = np.flatnonzero(source != target)
        if len(bad):
            later = max(source[bad[0]], target[bad[0]])
            raise DataError(
                f"{where}: edge {begin + bad[0]} joins graph {source[bad[0]]} and graph {target[bad[0]]}; an edge must "
                f"stay inside one graph ({NUMBERED}: those of graph {later} begin with {self.offset[later]})"
            )

    def __len__(self) -> int:
        return len(self.y)

    @cached_property
    def adjacency(self) -> Adjacency:
        """The edges into each node."""
        return Adjacency.of(self.edge, self.edge_label, len(self.node_label))

    def tree_labels(self, with_degrees: bool) -> Array:
        """The nodes' labels in computation trees, with or without their true degrees, int64 [V]."""
        return degree_labels(self.node_label, self.degree) if with_degrees else self.node_label

    @cached_property
    def graph_of_node(self) -> Array:
        """The graph of each node, int64 [V]."""
        return np.repeat(np.arange(len(self.y)), np.diff(self.offset))

    @cached_property
    def degree(self) -> Array:
        """Number of edges into each node, int64 [V]. Parallel edges all count."""
        return np.bincount(self.edge[1], minlength=len(self.node_label))

    @property
    def sizes(self) -> Array:
        """Nodes of each graph, int64 [N]."""
        return np.diff(self.offset)

    @cached_property
    def edge_counts(self) -> Array:
        """Directed edges of each graph, int64 [N]."""
        each = np.bincount(self.graph_of_node, self.degree, minlength=len(self.y))  # exact below 2^53
        return each.astype(np.int64)

    def subset(self, graphs: Array) -> "GraphData":
        """Return these graphs, in this order and with repetitions, without a split. Labels and vocabularies stay."""
        sizes, counts = self.sizes[graphs], self.edge_counts[graphs]
        offset, edge_offset = (np.concatenate([[0], np.cumsum(each)]) for each in (sizes, counts))
        nodes = np.repeat(self.offset[graphs] - offset[:-1], sizes) + np.arange(offset[-1])
        first = np.cumsum(self.edge_counts) - self.edge_counts
        kept = np.repeat(first[graphs] - edge_offset[:-1], counts)
        kept += np.arange(edge_offset[-1])
        owner = self.graph_of_node.astype(np.int32)[self.edge[1]]
        if np.any(owner[1:] < owner[:-1]):  # else edges are already sorted by graph
            kept = np.argsort(owner, kind="stable")[kept]
        del owner
        edge = self.edge[:, kept]
        edge += np.repeat((offset[:-1] - self.offset[graphs]).astype(edge.dtype), counts)
        return GraphData(
            name=self.name,
            classes=self.classes,
            offset=offset,
            node_label=self.node_label[nodes],
            edge=edge,
            edge_label=self.edge_label[kept],
            y=self.y[graphs],
            node_vocabulary=self.node_vocabulary,
            edge_vocabulary=self.edge_vocabulary,
            licence=self.licence,
        )

    @cached_property
    def remarks(self) -> tuple[str, ...]:
        """The notes, and possible mistakes in the graphs."""
        found = list(self.notes)
        if empty := int((self.sizes == 0).sum()):
            found.append(f"{empty:,} of the {len(self):,} graphs have no node")
        bare = int(((self.edge_counts == 0) & (self.sizes > 1)).sum())
        if bare and self.edge.size:
            found.append(f"{bare:,} of the {len(self):,} graphs have several nodes and no edge; {NUMBERED}")
        if MISSING in self.classes and set(self.classes) != {MISSING, "1"}:
            count = int((self.y == self.classes.index(MISSING)).sum())
            found.append(f"{count:,} of the {len(self):,} graphs have the class -1; leave them out if it means none")
        alone, repeated, every = compared(self.edge, len(self.node_label))
        if repeated:
            found.append(f"{repeated:,} of the {self.edge.shape[1]:,} edges repeat an earlier one; each is counted")
        if alone:
            number = f"all {every:,}" if alone == every else f"{alone:,} of the {every:,}"
            found.append(
                f"{number} edges are stored one way only and are used from source to target; for undirected graphs "
                "store both directions"
            )
        return tuple(found)

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) over all arrays and the class names, not over their origin."""
        sha = hashlib.sha256(repr(self.classes).encode())
        arrays = (self.offset, self.node_label, self.edge, self.edge_label, self.y)
        for array in (
            *arrays,
            self.node_vocabulary,
            self.edge_vocabulary,
            *(part for part in self.split or () if part is not None),
        ):
            sha.update(repr(array.shape).encode())
            flat = np.ascontiguousarray(array).reshape(-1)
            for begin in range(0, len(flat), AT_ONCE):
                sha.update(flat[begin : begin + AT_ONCE].astype("<i8", copy=False).data)
        return sha.hexdigest()
