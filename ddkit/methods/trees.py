"""The distinct computation trees of graphs, and the set made from some of them."""

import dataclasses
from dataclasses import dataclass

import numpy as np

from ddkit.graphs import GraphData, TreeDag, fold, refine, refine_exactly
from ddkit.methods.graph_contract import GraphMethodSettings
from ddkit.synth import GraphFacts, GraphSet, Samples

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Trees:
    """The computation trees of some graphs.

    Attributes:
        data: the graphs.
        levels: the vertices' colours at each depth, [V] each, hashed or exact.
        vertex: a vertex with each distinct tree of full depth, [T].
        tree: the number of each vertex's tree, [V].
    """

    data: GraphData
    levels: list[Array]
    vertex: Array
    tree: Array

    @staticmethod
    def of(data: GraphData, settings: GraphMethodSettings) -> "Trees":
        """Find the trees of all vertices, in O(hops * edges)."""
        colour = refine_exactly if settings.exact else refine
        levels = colour(data.adjacency, data.tree_labels(settings.true_degrees), settings.hops)
        _, vertex, tree = np.unique(levels[-1], return_index=True, return_inverse=True)
        return Trees(data, levels, vertex, tree)

    def as_set(self, settings: GraphMethodSettings, kept: Array, samples: Samples) -> GraphSet:
        """The set of `samples` with its facts. A sample's tree is a position in `kept`, the numbers of the trees."""
        layers, root = fold(self.data.adjacency, self.levels, self.vertex[kept], with_own=False)
        data = self.data
        degree = data.degree.astype(np.float64)
        if not settings.true_degrees:  # the degree of a leaf is the mean over all vertices with its label
            labels = len(data.node_vocabulary)
            count = np.bincount(data.node_label, minlength=labels)
            degree = (np.bincount(data.node_label, degree, labels) / np.maximum(1, count))[data.node_label]
        facts = GraphFacts(
            method=settings.name,
            dataset=data.name,
            data_digest=data.digest,
            classes=data.classes,
            hops=settings.hops,
            true_degrees=settings.true_degrees,
        )
        return GraphSet(
            trees=TreeDag.of(layers, data.node_label, degree),
            samples=dataclasses.replace(samples, tree=root[samples.tree]),
            node_vocabulary=data.node_vocabulary,
            edge_vocabulary=data.edge_vocabulary,
            facts=facts,
        )
