"""Several networks in one pass are each of them alone, PyTorch Geometric's: float64, to 1e-12."""

import numpy as np
import pytest
import torch
from random_graphs import random_graph_data

from ddkit.evaluation.graph_samples import whole_graphs
from ddkit.gnns import CONVOLUTIONS, GNN, NEED_DEGREES, Stack
from ddkit.gnns.sums import sums
from ddkit.randomness import stream

HOPS = 2
EXACT = {"atol": 1e-12, "rtol": 0}


def networks(conv, data, count):
    vocabularies = [torch.from_numpy(v) for v in (data.node_vocabulary, data.edge_vocabulary)]
    nets = [GNN(conv, *vocabularies, HOPS, 8, 3, stream(i, "test")).double() for i in range(count)]
    for net in nets:  # biases, gains and eps are 0 or 1 at first, which would hide them
        for i, parameter in enumerate(net.parameters()):
            noise = torch.randn(parameter.shape, generator=stream(i, "noise"), dtype=torch.float64)
            parameter.data.add_(0.3 * noise)
    return nets


@pytest.mark.parametrize("labels", [1, 3])
@pytest.mark.parametrize("conv", CONVOLUTIONS)
def test_logits_and_gradients_are_each_networks_own(conv, labels):
    """On graphs of different sizes, with self-loops, parallel edges, isolated nodes, and labels of two columns."""
    kinds = [random_graph_data(seed, graphs=graphs, edge_labels=labels) for seed, graphs in ((5, 12), (6, 5), (7, 9))]
    for data in kinds:
        object.__setattr__(data, "node_vocabulary", np.array([[0, 4], [1, 4]]))
    nets = networks(conv, kinds[0], 3)
    samples = [whole_graphs(data, HOPS, conv in NEED_DEGREES, torch.float64) for data in kinds]
    stack = Stack(nets, [one.layers for one in samples], [one.readout for one in samples])
    logits = stack.logits()
    towards = [torch.randn(len(one), 3, generator=stream(0, "t"), dtype=torch.float64) for one in samples]
    ours = sum((logits[i, : len(t)] * t).sum() for i, t in enumerate(towards))
    (gradient,) = torch.autograd.grad(ours, stack.theta)
    for i, (net, one, t) in enumerate(zip(nets, samples, towards, strict=True)):
        alone = net(one.layers, one.readout)
        torch.testing.assert_close(logits[i, : len(one)], alone, **EXACT)
        theirs = torch.autograd.grad(
            (alone * t).sum(), list(net.parameters()), allow_unused=True, materialize_grads=True
        )
        torch.testing.assert_close(gradient[i], torch.cat([g.flatten() for g in theirs]), **EXACT)


def test_parameters_return_to_their_networks():
    data = random_graph_data(5, graphs=4)
    nets = networks("gin", data, 2)
    one = whole_graphs(data, HOPS, False, torch.float64)
    stack = Stack(nets, [one.layers] * 2, [one.readout] * 2)
    with torch.no_grad():
        stack.theta += torch.arange(2)[:, None]
    before = [[p.clone() for p in net.parameters()] for net in nets]
    stack.write_back()
    for shift, (net, old) in enumerate(zip(nets, before, strict=True)):
        for parameter, was in zip(net.parameters(), old, strict=True):
            torch.testing.assert_close(parameter, was + shift)


def test_sums_are_a_matrix():
    """With repeated entries, empty rows and empty columns; and with no entry at all."""
    draw = np.random.RandomState(0)
    for entries in (30, 0):
        row, column, weight = draw.randint(0, 5, entries), draw.randint(0, 6, entries), draw.rand(entries)
        matrix = np.zeros((7, 8))
        np.add.at(matrix, (row, column), weight)
        product = sums(row, column, weight, (7, 8), torch.float64)
        x = torch.randn(8, 3, generator=stream(0, "x"), dtype=torch.float64, requires_grad=True)
        torch.testing.assert_close(product(x), torch.from_numpy(matrix) @ x)
        assert torch.autograd.gradcheck(product, x)
