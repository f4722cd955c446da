"""What a method for graphs is: settings, and `distil(settings, train, seed) -> GraphSet`, in one step."""

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from ddkit.errors import UsageError
from ddkit.graphs import Adjacency, GraphData, TreeDag, degree_labels, fold, graph_bytes, refine, refine_exactly
from ddkit.recipe import setting
from ddkit.synth import GraphFacts, GraphSet, Samples

Array = np.ndarray


@dataclass(frozen=True, kw_only=True)
class GraphMethodSettings:
    """What every method for graphs can be asked for."""

    name: ClassVar[str]
    hops: int = setting(2, at_least=1, help="depth of the trees: message passings of the networks to be trained")
    budget: int | None = setting(None, at_least=1, help="bytes that the set may take; none: by ratio")
    ratio: float = setting(0.02, above=0, at_most=1, help="share of the training graphs' bytes that the set may take")
    true_degrees: bool = setting(False, help="tell trees apart by their leaves' true degrees, which makes GCN exact")
    exact: bool = setting(False, help="compare trees instead of their 64-bit hashes, at a few times the time")

    def bytes_for(self, train: GraphData) -> int:
        """The budget in bytes."""
        return self.budget if self.budget is not None else int(self.ratio * graph_bytes(train).sum())


@dataclass(frozen=True, eq=False)
class Trees:
    """The computation trees of some graphs.

    Attributes:
        data, adjacency: the graphs.
        levels: colours of each depth, [V] each, hashed or by comparison.
        vertex: a vertex of each distinct tree of full depth, [T].
        tree: the tree of each vertex, [V].
    """

    data: GraphData
    adjacency: Adjacency
    levels: list[Array]
    vertex: Array
    tree: Array

    @staticmethod
    def of(data: GraphData, settings: GraphMethodSettings) -> "Trees":
        """Of all vertices, in O(hops * edges)."""
        adjacency = Adjacency.of(data.edge, data.edge_label, len(data.node_label))
        label = degree_labels(data.node_label, data.degree) if settings.true_degrees else data.node_label
        levels = (refine_exactly if settings.exact else refine)(adjacency, label, settings.hops)
        _, vertex, tree = np.unique(levels[-1], return_index=True, return_inverse=True)
        return Trees(data, adjacency, levels, vertex, tree)

    def as_set(self, settings: GraphMethodSettings, kept: Array, samples: Samples) -> GraphSet:
        """The set of `samples`, whose trees number the `kept` ones, with all that is known here bound to it."""
        layers, root = fold(self.adjacency, self.levels, self.vertex[kept], with_own=False)
        data = self.data
        degree = data.degree.astype(np.float64)
        if not settings.true_degrees:  # a leaf is any of its label's vertices
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


class GraphMethod(Protocol):
    """A class without state; what it needs comes with the call."""

    settings_class: ClassVar[type[GraphMethodSettings]]

    def distil(self, settings: Any, train: GraphData, seed: int) -> GraphSet:
        """The set of the training graphs, of at most `settings.bytes_for(train)` bytes as it is stored."""
        ...


def refuse_budget(settings: GraphMethodSettings, budget: int, why: str) -> UsageError:
    """The line for a budget that nothing fits into."""
    return UsageError(
        f"method '{settings.name}': {budget} bytes are too few: {why}; raise method.ratio or method.budget"
    )
