"""Colours are trees: against brute-force canonical strings, and against published counts."""

import numpy as np
import pytest
from random_graphs import random_graph_data, tree_text

from ddkit.graphs import Adjacency, degree_labels, refine, refine_exactly


def adjacency(data):
    return Adjacency.of(data.edge, data.edge_label, len(data.node_label))


def same_partition(one, other) -> bool:
    pairs = len(set(zip(one, other, strict=True)))
    return pairs == len(set(one)) == len(set(other))


@pytest.mark.parametrize("method", [refine, refine_exactly])
@pytest.mark.parametrize("seed", range(12))
def test_colours_are_the_trees(method, seed):
    data = random_graph_data(seed)
    colours = method(adjacency(data), data.node_label, 4)
    assert (data.edge[0] == data.edge[1]).any() and (data.degree == 0).any()  # self-loops and isolated nodes
    for hops, colour in enumerate(colours):
        trees = [tree_text(data, v, hops) for v in range(len(data.node_label))]
        assert same_partition(colour.tolist(), trees)


def test_edge_labels_belong_to_their_neighbours():
    """The same labels of edges and of neighbours, paired differently: 1-A, 2-B against 1-B, 2-A."""
    label = np.array([0, 1, 2, 0, 1, 2])
    edge, edge_label = np.array([[1, 2, 4, 5], [0, 0, 3, 3]]), np.array([1, 2, 2, 1])
    colour = refine(Adjacency.of(edge, edge_label, 6), label, 1)[1]
    assert colour[0] != colour[3]


def test_colours_agree_between_shards():
    data = random_graph_data(3)
    whole = refine(adjacency(data), data.node_label, 3)
    for graphs in ([0, 1, 2], [5, 3]):
        part = data.subset(np.array(graphs))
        nodes = np.concatenate([np.arange(data.offset[g], data.offset[g + 1]) for g in graphs])
        for one, other in zip(refine(adjacency(part), part.node_label, 3), whole, strict=True):
            assert np.array_equal(one, other[nodes])


def test_colours_are_the_same_in_every_release():
    """Sets on disk may be held against graphs of another day."""
    edge = np.array([[0, 1], [1, 0]])
    assert refine(Adjacency.of(edge, np.array([0, 0]), 2), np.array([0, 1]), 1)[1].tolist() == PINNED


PINNED = [7374552209071809998, 10706177597318611219]


def test_degree_labels_tell_leaves_apart():
    data = random_graph_data(5)
    plain = refine(adjacency(data), data.node_label, 1)[1]
    finer = refine(adjacency(data), degree_labels(data.node_label, data.degree), 1)[1]
    assert len(set(finer.tolist())) > len(set(plain.tolist()))
    assert len(set(zip(plain.tolist(), finer.tolist(), strict=True))) == len(set(finer.tolist()))


@pytest.mark.parametrize(
    "name, counts",
    [
        ("mutag", [7, 64, 277, 796]),
        ("nci1", [37, 292, 4058, 22948]),
        ("imdb-binary", [65, 2931, 3595, 3595]),
    ],
)
def test_hashed_and_exact_agree_on_real_graphs(real_graphs, name, counts):
    """The counts of NCI1 and IMDB-BINARY (4058, 22948; 2931, 3595) are also those of the exact prototype."""
    data = real_graphs(name)
    hashed = refine(adjacency(data), data.node_label, 3)
    exact = refine_exactly(adjacency(data), data.node_label, 3)
    for one, other, count in zip(hashed, exact, counts, strict=True):
        assert len(np.unique(one)) == len(np.unique(other)) == count
        assert len(np.unique(one * np.uint64(3) + other.astype(np.uint64))) == count
