"""What graphs weigh, by hand, and by what must not change it."""

import dataclasses

import numpy as np
import pytest
from random_graphs import random_graph_data

from ddkit.graphs import GraphData, graph_bytes, load_graphs


def test_bytes_of_real_graphs():
    data = random_graph_data(1)  # directed, with self-loops: every edge counts
    expected = 1 + 1 + 1 + data.sizes + data.edge_counts * (2 + 1)
    assert graph_bytes(data).tolist() == expected.tolist()
    both = dataclasses.replace(
        data,
        edge=np.concatenate([data.edge, data.edge[::-1]], 1)[:, np.tile(data.edge[0] != data.edge[1], 2)],
        edge_label=np.tile(data.edge_label, 2)[np.tile(data.edge[0] != data.edge[1], 2)],
    )
    assert graph_bytes(both).tolist() == (3 + both.sizes + both.edge_counts // 2 * 3).tolist()


def test_an_edge_whose_label_tells_that_of_its_reverse_is_charged_once():
    digits = load_graphs("digits-graphs")  # labels are directions
    undirected = dataclasses.replace(digits, edge_label=np.zeros_like(digits.edge_label))
    assert np.all(graph_bytes(digits) - graph_bytes(undirected) == digits.edge_counts // 2)
    label = digits.edge_label.copy()
    label[0] = (label[0] + 1) % 8  # now a direction no longer tells the other
    assert graph_bytes(dataclasses.replace(digits, edge_label=label)).sum() > 1.8 * graph_bytes(digits).sum()


def path(nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """(edges in both directions, labels 0, 1, 0, ...) of a path."""
    steps = np.stack([np.arange(nodes - 1), np.arange(1, nodes)])
    return np.concatenate([steps, steps[::-1]], 1), np.arange(nodes) % 2


def paths(*sizes: int) -> GraphData:
    """A path of each size."""
    offset = np.concatenate([[0], np.cumsum(sizes)])
    parts = [path(size) for size in sizes]
    edge = np.concatenate([e + o for (e, _), o in zip(parts, offset, strict=False)], 1)
    return GraphData(
        name="paths",
        classes=("a", "b"),
        offset=offset,
        node_label=np.concatenate([label for _, label in parts]),
        edge=edge,
        edge_label=np.zeros(edge.shape[1], np.int64),
        y=np.arange(len(sizes)) % 2,
        node_vocabulary=np.arange(2)[:, None],
        edge_vocabulary=np.zeros((1, 1), np.int64),
    )


def test_a_graph_weighs_the_same_in_any_company():
    """One graph of more than 256 nodes used to make every node number of all graphs two bytes (PROTEINS: 1.8 times as
    heavy), so that rivals of equal bytes were too small."""
    alone, beside = graph_bytes(paths(4, 9)), graph_bytes(paths(4, 9, 300))
    assert alone.tolist() == [3 + 4 + 3 * 2, 3 + 9 + 8 * 2] == beside[:2].tolist()
    assert beside[2] == 1 + 2 + 2 + 300 + 299 * 4


def test_a_loop_is_an_edge_and_the_rest_stays_undirected():
    data = paths(4, 9)
    looped = dataclasses.replace(
        data, edge=np.append(data.edge, [[2], [2]], axis=1), edge_label=np.append(data.edge_label, 0)
    )
    assert (graph_bytes(looped) - graph_bytes(data)).tolist() == [2, 0]
    one_way = dataclasses.replace(data, edge=data.edge[:, 1:], edge_label=data.edge_label[1:])
    assert graph_bytes(one_way)[1] == 3 + 9 + 16 * 2


@pytest.mark.parametrize("columns", [[0], [0, 1], [1, 0]])
def test_labels_are_free_only_where_they_are_degrees_alone(columns):
    data = paths(4, 9)
    vocabulary, label = np.unique(np.stack([data.degree, data.node_label], 1)[:, columns], axis=0, return_inverse=True)
    labelled = dataclasses.replace(data, node_label=label.ravel(), node_vocabulary=vocabulary)
    expected = graph_bytes(data) - (data.sizes if columns == [0] else 0)
    assert graph_bytes(labelled).tolist() == expected.tolist()
