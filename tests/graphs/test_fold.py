"""Folds against trees that are unfolded again."""

import numpy as np
import pytest
from random_graphs import random_graph_data, tree_text

from ddkit.graphs import Adjacency, fold, refine


def unfolded(layers, depth, tree, label) -> str:
    layer = layers[depth]
    children = []
    for e in np.flatnonzero(layer.parent == tree):
        below = unfolded(layers, depth - 1, layer.child[e], label)
        children += [f"{layer.edge_label[e]}{below}"] * int(layer.count[e])
    return f"({label[layer.vertex[tree]]}{''.join(sorted(children))})"


@pytest.mark.parametrize("hops", [1, 2, 3])
@pytest.mark.parametrize("with_own", [True, False])
def test_a_fold_is_its_trees(hops, with_own):
    data = random_graph_data(2)
    adjacency = Adjacency.of(data.edge, data.edge_label, len(data.node_label))
    roots = np.arange(0, len(data.node_label), 2)
    layers, root = fold(adjacency, refine(adjacency, data.node_label, hops), roots, with_own)
    assert len(layers) == hops + 1 and len(layers[-1]) == len({tree_text(data, v, hops) for v in roots})
    for v, tree in zip(roots, root, strict=True):
        assert unfolded(layers, hops, tree, data.node_label) == tree_text(data, v, hops)
    for layer in layers[1:] if with_own else []:
        below = layers[layers.index(layer) - 1]
        for own, vertex in zip(layer.own, layer.vertex, strict=True):
            depth = layers.index(layer) - 1
            assert tree_text(data, below.vertex[own], depth) == tree_text(data, vertex, depth)


def test_nothing_is_stored_twice():
    """MUTAG-like counts: a layer holds each tree once, a tree each child and label once."""
    data = random_graph_data(4, graphs=30, labels=1, edge_labels=1)
    adjacency = Adjacency.of(data.edge, data.edge_label, len(data.node_label))
    layers, _ = fold(adjacency, refine(adjacency, data.node_label, 2), np.arange(len(data.node_label)))
    for depth, layer in enumerate(layers):
        assert len({tree_text(data, v, depth) for v in layer.vertex}) == len(layer)
        edges = list(zip(layer.parent, layer.child, layer.edge_label, strict=True))
        assert len(set(edges)) == len(edges) and layer.count.min(initial=1) >= 1
