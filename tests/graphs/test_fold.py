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


@pytest.mark.parametrize("at_once", [1, 3, 10])
@pytest.mark.parametrize("with_own", [True, False])
def test_a_fold_in_parts_is_the_same_fold(at_once, with_own, monkeypatch):
    data = random_graph_data(5, graphs=30, edge_labels=3)
    graph = Adjacency.of(data.edge, data.edge_label, len(data.node_label))
    colours, roots = refine(graph, data.node_label, 2), np.arange(1, len(data.node_label), 2)
    layers, root = fold(graph, colours, roots, with_own)
    monkeypatch.setattr("ddkit.graphs.adjacency.AT_ONCE", at_once)
    assert sum(1 for _ in graph.parts(roots)) > 3
    in_parts, same_root = fold(graph, colours, roots, with_own)
    assert np.array_equal(root, same_root)
    for one, other in zip(layers, in_parts, strict=True):
        for name in ("vertex", "own", "parent", "child", "edge_label", "count"):
            assert np.array_equal(getattr(one, name), getattr(other, name)), name


def test_the_parts_of_edges_hold_each_edge_of_the_nodes_once():
    graph = Adjacency.of(np.array([[0, 1, 2, 3, 0, 1], [1, 1, 1, 2, 3, 3]]), np.arange(6), 5)
    assert [[part.tolist() for part in both] for both in graph.parts(np.array([4, 1, 0, 3]))] == [
        [[0, 1, 2, 4, 5], [1, 1, 1, 3, 3]]
    ]
    assert [len(edge) for edge, _ in graph.parts(np.zeros(0, np.int64))] == [0]


def test_the_memory_of_a_fold_of_dense_graphs(monkeypatch):
    """In cliques of nodes with distinct trees no two edges merge, so the layer itself needs 32 bytes an edge. Before
    edges were merged in parts, the peak was 114 bytes an edge."""
    import tracemalloc

    monkeypatch.setattr("ddkit.graphs.adjacency.AT_ONCE", 50_000)
    clique = np.stack(np.nonzero(~np.eye(100, dtype=bool)))
    edge = np.concatenate([clique + 100 * g for g in range(100)], 1)
    graph = Adjacency.of(edge, np.zeros(edge.shape[1], np.int64), 10_000)
    tracemalloc.start()
    try:
        fold(graph, [np.arange(10_000)] * 2, np.arange(10_000))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 90 * edge.shape[1], peak / edge.shape[1]
