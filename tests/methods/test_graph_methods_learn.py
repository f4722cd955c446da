"""Every method for graphs learns: networks that are trained on its set beat those trained on random graphs of as many
bytes, and untrained ones.

A graph is a random tree with a marked leaf; in nine of ten graphs the label of the leaf's neighbour is the class. A few
graphs of as many bytes as a set show more noise than that.
"""

from statistics import fmean

import numpy as np
import pytest
import torch
from random_graphs import distil

from ddkit.evaluation.graph_rivals import random_graphs
from ddkit.evaluation.graph_samples import GraphSamples, distilled, whole_graphs
from ddkit.evaluation.graph_trainer import GraphTraining, judge_gnn, train_gnns
from ddkit.gnns import GNN
from ddkit.graphs import GraphData, graph_bytes
from ddkit.methods import graph_method
from ddkit.methods.table import GRAPH_METHODS
from ddkit.randomness import stream
from ddkit.synth import GraphSet

LABELS, HOPS, RATIO, NETS = 5, 2, 0.06, 4
TRAINING = GraphTraining(gnns="gin", nets=NETS, width=8)


def marked_trees(seed: int, graphs: int) -> GraphData:
    """Two classes in turn; label `LABELS` is the mark."""
    draw, y = np.random.RandomState(seed), np.arange(graphs) % 2
    offset, labels, edges = [0], [], []
    for c in y:
        nodes = draw.randint(6, 13)
        label = draw.randint(0, LABELS, nodes)
        parent = [draw.randint(0, node) for node in range(1, nodes)]
        marked = draw.randint(0, nodes)
        label[marked] = c if draw.rand() < 0.9 else 1 - c
        edge = offset[-1] + np.array([[*parent, marked], range(1, nodes + 1)])
        edges += [edge, edge[::-1]]
        labels += [*label, LABELS]
        offset.append(len(labels))
    return GraphData(
        name="marked",
        classes=("a", "b"),
        offset=np.array(offset),
        node_label=np.array(labels),
        edge=np.concatenate(edges, 1),
        edge_label=np.zeros(sum(edge.shape[1] for edge in edges), np.int64),
        y=y,
        node_vocabulary=np.arange(LABELS + 1)[:, None],
        edge_vocabulary=np.zeros((1, 1), np.int64),
    )


@pytest.fixture(scope="module")
def train() -> GraphData:
    return marked_trees(0, 100)


@pytest.fixture(scope="module")
def judged() -> GraphSamples:
    return whole(marked_trees(1, 200))


def whole(data: GraphData) -> GraphSamples:
    return whole_graphs(data, HOPS, with_degrees=False, dtype=torch.float32)


def make_set(name: str, train: GraphData) -> GraphSet:
    method = graph_method(name)
    return distil(method, method.settings_class(hops=HOPS, ratio=RATIO), train)


def auc(train: GraphData, judged: GraphSamples, samples: list[GraphSamples]) -> float:
    """The mean over networks, one after the other on one of the samples; without samples they stay untrained."""
    vocabularies = (torch.from_numpy(train.node_vocabulary), torch.from_numpy(train.edge_vocabulary))
    nets = [GNN("gin", *vocabularies, HOPS, 8, 2, stream(i, "net")) for i in range(NETS)]
    if samples:
        train_gnns(nets, [samples[i % len(samples)] for i in range(NETS)], 100, TRAINING)
    return fmean(judge_gnn(net, judged).auc for net in nets)


@pytest.fixture(scope="module")
def of_rivals(train: GraphData, judged: GraphSamples) -> float:
    """The better of random graphs, a draw for each network, and no training."""
    weight = graph_bytes(train)
    budget = int(RATIO * weight.sum())
    draws = [random_graphs(weight, train.y, budget, stream(i, "draw")) for i in range(NETS)]
    drawn = auc(train, judged, [whole(train.subset(draw)) for draw in draws])
    return max(drawn, auc(train, judged, []))


@pytest.mark.parametrize("name", GRAPH_METHODS)
def test_a_set_teaches_more_than_random_graphs(
    name: str, train: GraphData, judged: GraphSamples, of_rivals: float
) -> None:
    made = make_set(name, train)
    assert made.stored_bytes <= RATIO * graph_bytes(train).sum()
    assert auc(train, judged, [distilled(made, with_degrees=False, dtype=torch.float32)]) > of_rivals + 0.05
