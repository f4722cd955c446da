"""Stored trees: each distinct tree once, its children with multiplicity and edge label."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from ddkit.equality import EqualByContent
from ddkit.graphs.adjacency import Adjacency
from ddkit.graphs.colours import degree_labels, refine
from ddkit.graphs.fold import Layer, fold
from ddkit.graphs.size import shrunk

Array = np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class TreeDag(EqualByContent):
    """D distinct trees of all depths, from the leaves (depth 0) up. Those of the last depth are the roots.

    Attributes:
        depth_size: number of trees of each depth, [hops + 1].
        label: label of each tree's root, [D].
        leaf_degree: true degree of the leaves, [depth_size[0]]; that of an inner node is its number of children.
        fan: number of distinct children of each tree that is not a leaf, [D - depth_size[0]].
        child: number of each of these children among the trees one depth lower, [K].
        edge_label, count: label of the edge to each child, and how often it occurs, [K].
    """

    depth_size: Array
    label: Array
    leaf_degree: Array
    fan: Array
    child: Array
    edge_label: Array
    count: Array

    @staticmethod
    def of(layers: list[Layer], label: Array, degree: Array) -> "TreeDag":
        """Build it from a fold without own trees. `label` and `degree` [V] are those of the graphs' nodes."""
        fans = [np.bincount(layer.parent, minlength=len(layer)) for layer in layers[1:]]
        return TreeDag(
            depth_size=np.array([len(layer) for layer in layers]),
            label=label[np.concatenate([layer.vertex for layer in layers])],
            leaf_degree=degree[layers[0].vertex].astype(np.float32),
            fan=np.concatenate(fans),
            child=np.concatenate([layer.child for layer in layers[1:]]),
            edge_label=np.concatenate([layer.edge_label for layer in layers[1:]]),
            count=np.concatenate([layer.count for layer in layers[1:]]),
        )

    def arrays(self) -> dict[str, Array]:
        """All arrays by name, as they are stored: whole numbers in the smallest type that represents them."""
        whole = ("depth_size", "label", "fan", "child", "edge_label", "count")
        return {name: shrunk(getattr(self, name)) for name in whole} | {"leaf_degree": self.leaf_degree}

    @property
    def hops(self) -> int:
        return len(self.depth_size) - 1

    @property
    def roots(self) -> int:
        """Number of trees of full depth."""
        return int(self.depth_size[-1])

    @cached_property
    def parent(self) -> Array:
        """The parent of each of the K edges, numbered through all depths."""
        return np.repeat(np.arange(self.depth_size[0], self.depth_size.sum()), self.fan)

    @cached_property
    def source(self) -> Array:
        """The child, numbered through all depths, of each of the K edges."""
        begin = np.cumsum(self.depth_size) - self.depth_size
        depth = np.repeat(np.arange(len(self.depth_size)), self.depth_size)
        found: Array = begin[depth[self.parent] - 1] + self.child
        return found

    @cached_property
    def adjacency(self) -> Adjacency:
        """The edges from children to parents. The label of an edge is its number among the K."""
        return Adjacency.of(np.stack([self.source, self.parent]), np.arange(len(self.child)), len(self.label))

    @property
    def by_depth(self) -> list[slice]:
        """The slice of the K edges into the trees of each depth from 1 on."""
        fans = np.cumsum(np.append(0, self.fan))[np.cumsum(self.depth_size) - self.depth_size[0]]
        return [slice(int(begin), int(end)) for begin, end in pairwise(fans)]

    @cached_property
    def degree(self) -> Array:
        """True degree of each tree's root, [D]."""
        inner = np.bincount(self.parent, weights=self.count, minlength=int(self.depth_size.sum()))
        inner[: self.depth_size[0]] = self.leaf_degree
        return inner

    @cached_property
    def nodes(self) -> Array:
        """Number of nodes of each tree of full depth with repeated subtrees, [roots]."""
        size = np.ones(int(self.depth_size.sum()), np.int64)
        for edges in self.by_depth:
            np.add.at(size, self.parent[edges], self.count[edges] * size[self.source[edges]])
        return size[-self.roots :]

    def unfold(self, root: int) -> tuple[Array, Array, Array]:
        """Write out one tree of full depth, level by level.

        Returns: (each node's number in the DAG [m], the parent of every node but the first [m - 1], the label of the
            edge between them [m - 1]).
        """
        adjacency = self.adjacency
        level = np.array([len(self.label) - self.roots + root])
        numbers, parents, labels, begin = [level], [], [], 0
        for _ in range(self.hops):
            edge, owner = adjacency.into(level)
            number = adjacency.label[edge]
            times = self.count[number]
            parents.append(np.repeat(owner + begin, times))
            labels.append(np.repeat(self.edge_label[number], times))
            begin += len(level)
            level = np.repeat(adjacency.source[edge], times)
            numbers.append(level)
        return np.concatenate(numbers), np.concatenate(parents), np.concatenate(labels)

    def refold(self, with_degrees: bool) -> tuple[list[Layer], Array]:
        """Return (layers with own trees, the position of each root in the last layer), for a GNN's forward pass.

        The DAG is itself a graph, with edges from children to parents. Its computation trees are the trees it stores.

        Args:
            with_degrees: whether to distinguish trees by the true degrees of their leaves, as a GCN needs.
        """
        times = self.count
        edge = np.stack([np.repeat(self.source, times), np.repeat(self.parent, times)])
        adjacency = Adjacency.of(edge, np.repeat(self.edge_label, times), len(self.label))
        code = np.unique(self.degree, return_inverse=True)[1]
        label = degree_labels(self.label, code) if with_degrees else self.label
        roots = np.arange(len(self.label) - self.roots, len(self.label))
        return fold(adjacency, refine(adjacency, label, self.hops), roots)
