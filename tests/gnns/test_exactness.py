"""What runs over distinct trees is what runs over graphs: float64, to 1e-12."""

import numpy as np
import pytest
import torch
from random_graphs import random_graph_data

from ddkit.evaluation.graph_samples import distilled, whole_graphs
from ddkit.gnns import CONVOLUTIONS, GNN, NEED_DEGREES, Block, Layers
from ddkit.graphs import Adjacency, TreeDag, degree_labels, fold, refine
from ddkit.randomness import stream
from ddkit.synth import GraphFacts, GraphSet, Samples, sample_data

HOPS = 3
EXACT = {"atol": 1e-12, "rtol": 0}
every_gnn = pytest.mark.parametrize("conv", CONVOLUTIONS)


def network(conv, data, seed=0):
    vocabularies = (torch.from_numpy(v) for v in (data.node_vocabulary, data.edge_vocabulary))
    return GNN(conv, *vocabularies, HOPS, 8, 2, stream(seed, "test")).double()


def as_layers(label, edge, edge_label, degree, hops) -> Layers:
    """A whole graph, or a batch of them in one numbering: the same block again and again."""
    return Layers(label, [Block(torch.arange(len(label)), edge, edge_label, degree, degree)] * hops)


def plain(data) -> Layers:
    arrays = (data.node_label, data.edge, data.edge_label)
    return as_layers(*map(torch.from_numpy, arrays), torch.from_numpy(data.degree).double(), HOPS)


def mean_pool(data) -> torch.Tensor:
    member = torch.from_numpy(data.graph_of_node == np.arange(len(data))[:, None]).double()
    return member / member.sum(1, keepdim=True)


def graph_set(data, with_degrees) -> GraphSet:
    """Every graph as the bag of its trees: a sample a graph."""
    adjacency = Adjacency.of(data.edge, data.edge_label, len(data.node_label))
    label = degree_labels(data.node_label, data.degree) if with_degrees else data.node_label
    nodes = np.arange(len(data.node_label))
    layers, root = fold(adjacency, refine(adjacency, label, HOPS), nodes, with_own=False)
    return GraphSet(
        trees=TreeDag.of(layers, data.node_label, data.degree),
        samples=Samples(
            label=data.y,
            support=np.ones(len(data), np.int64),
            size=data.sizes,
            tree=root,
        ),
        node_vocabulary=data.node_vocabulary,
        edge_vocabulary=data.edge_vocabulary,
        facts=GraphFacts(
            method="mirage", dataset="x", data_digest="d", classes=("a", "b"), hops=HOPS, true_degrees=with_degrees
        ),
    )


@every_gnn
def test_the_quotient_is_the_graph(conv):
    """Logits and the gradients of every parameter of whole-graph training."""
    data = random_graph_data(7, graphs=12)
    net = network(conv, data)
    samples = whole_graphs(data, HOPS, conv in NEED_DEGREES, torch.float64)
    results = []
    for layers, readout in ((samples.layers, samples.readout), (plain(data), mean_pool(data))):
        logits = net(layers, readout)
        loss = torch.nn.functional.cross_entropy(logits, samples.y)
        results.append((logits.detach(), *torch.autograd.grad(loss, list(net.parameters()))))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, **EXACT)


@every_gnn
def test_stored_trees_are_the_graph(conv):
    data = random_graph_data(8, graphs=12)
    net = network(conv, data)
    samples = distilled(graph_set(data, conv in NEED_DEGREES), conv in NEED_DEGREES, torch.float64)
    torch.testing.assert_close(net(samples.layers, samples.readout), net(plain(data), mean_pool(data)), **EXACT)


@every_gnn
def test_root_embeddings_of_trees_written_out_are_node_embeddings(conv):
    data = random_graph_data(9, graphs=8, nodes=5)
    net = network(conv, data)
    states = net.embed(plain(data))
    graphs = graph_set(data, conv in NEED_DEGREES)
    for sample in range(len(data)):
        tree = sample_data(graphs, sample)
        label, edge_label = tree.x.flatten(), tree.edge_attr.flatten()  # these vocabularies are 0, 1, ...
        layers = as_layers(label, tree.edge_index, edge_label, tree.degree.double(), HOPS)
        found = net.embed(layers)[tree.root == 1]
        expected = states[data.offset[sample] : data.offset[sample + 1]]
        expected = expected.repeat(len(found) // len(expected), 1)
        order = [sorted(range(len(s)), key=lambda i, s=s: s[i].round(decimals=9).tolist()) for s in (found, expected)]
        torch.testing.assert_close(found[order[0]], expected[order[1]], **EXACT)


def test_a_gcn_needs_true_degrees():
    """Without them its trees are not enough: the test above could fail."""
    data = random_graph_data(8, graphs=12)
    net = network("gcn", data)
    samples = distilled(graph_set(data, False), True, torch.float64)
    assert (net(samples.layers, samples.readout) - net(plain(data), mean_pool(data))).abs().max() > 1e-3


def test_the_gcn_is_pygs():
    """On a graph without self-loops, GCNConv with its own normalisation and the same weights."""
    from torch_geometric.nn import GCNConv

    data = random_graph_data(3)
    kept = data.edge[0] != data.edge[1]
    edge = torch.from_numpy(data.edge[:, kept])
    degree = torch.bincount(edge[1], minlength=len(data.node_label)).double()
    net = network("gcn", data)
    ours = net.convolutions[0].conv
    theirs = GCNConv(8, 8).double()
    theirs.load_state_dict(ours.state_dict())
    h = torch.randn(len(degree), 8, generator=stream(0, "h")).double()
    layers = as_layers(torch.zeros(len(degree), dtype=torch.long), edge, torch.zeros(int(kept.sum())).long(), degree, 1)
    torch.testing.assert_close(net.convolutions[0](h, layers.blocks[0], None), theirs(h, edge), **EXACT)


def test_initial_parameters_come_from_the_generator_alone():
    data = random_graph_data(1)
    before = torch.get_rng_state()
    one, other = network("gat", data), network("gat", data)
    assert torch.equal(torch.get_rng_state(), before)
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]) and value.isfinite().all()
    assert any(
        not torch.equal(a, b) for a, b in zip(one.parameters(), network("gat", data, 1).parameters(), strict=True)
    )
