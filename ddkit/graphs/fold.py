"""The fold of graphs: a graph of the distinct trees, whose edges have a multiplicity and an edge label."""

from dataclasses import dataclass

import numpy as np

from ddkit.graphs.adjacency import Adjacency
from ddkit.graphs.categories import packed

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Layer:
    """The n distinct trees of one depth, and the distinct edges from their children, trees of the layer below.

    Attributes:
        vertex: a vertex of the original graphs that has this tree, [n].
        own: the tree of the same root with one level less, in the layer below, [n]. None in the lowest layer and in a
            fold without own trees.
        parent, child, edge_label, count: edges [e], sorted by parent. Tree `parent` has the tree `child` of the layer
            below as a child `count` times, by edges with the label `edge_label`.
    """

    vertex: Array
    own: Array | None
    parent: Array
    child: Array
    edge_label: Array
    count: Array

    def __len__(self) -> int:
        return len(self.vertex)


def fold(adjacency: Adjacency, colours: list[Array], roots: Array, with_own: bool = True) -> tuple[list[Layer], Array]:
    """Return (layers from the leaves up, the tree of each root in the last layer).

    With `with_own`, the layers contain exactly what a GNN's forward pass over all roots needs: the lossless quotient
    (Bollen et al. 2023; Sourek et al. 2021). Layer l then has all distinct states h_l, and
    h_l = update(h_{l-1}[own], {h_{l-1}[child]}). Without it the layers contain only the trees, as sets store them.

    Args:
        adjacency: edges of the graphs.
        colours: [V] of each level, from `refine` or `refine_exactly`.
        roots: the vertices whose trees are folded.
    """
    _, first, root = np.unique(colours[-1][roots], return_index=True, return_inverse=True)
    vertex, layers = roots[first], []
    for below in colours[-2::-1]:
        needed = np.zeros(len(below), bool)
        for edge, _ in adjacency.parts(vertex):
            needed[adjacency.source[edge]] = True
        if with_own:
            needed[vertex] = True
        pool = np.flatnonzero(needed)
        _, first, place = np.unique(below[pool], return_index=True, return_inverse=True)
        tree = np.zeros(len(below), np.int64)
        tree[pool] = place
        merged = [
            _merge(parent, tree[adjacency.source[edge]], adjacency.label[edge])
            for edge, parent in adjacency.parts(vertex)
        ]
        parent, child, label, count = (np.concatenate(each) for each in zip(*merged, strict=True))
        layers.append(Layer(vertex, tree[vertex] if with_own else None, parent, child, label, count))
        vertex = pool[first]
    none = np.zeros(0, np.int64)
    layers.append(Layer(vertex, None, none, none, none, none))
    return layers[::-1], root


def _merge(parent: Array, child: Array, label: Array) -> tuple[Array, Array, Array, Array]:
    """Return the distinct edges in ascending order, with the number of times each occurs."""
    code, _ = packed([parent, child, label], len(parent))
    order = np.argsort(code)  # not stable, which is faster: edges of one code are equal
    first = np.flatnonzero(np.diff(code[order], prepend=-1))
    count = np.diff(first, append=len(code))
    some = order[first]
    return parent[some], child[some], label[some].astype(np.int64), count
