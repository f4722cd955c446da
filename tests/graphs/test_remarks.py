"""Remarks on graphs that can be read but may contain a mistake."""

import numpy as np
import pytest
import torch
from random_graphs import random_graph_data
from test_graph_sources import own_npz, pyg, tu_folder
from torch_geometric.data import Data

from ddkit.errors import DataError
from ddkit.graphs import direction as direction_module
from ddkit.graphs import from_pyg, load_graphs, load_parts
from ddkit.graphs.direction import compared
from ddkit.jobs.data.graph_parts import graph_lines

DEGREES = "there are no node labels, so a node's label is its degree"


def test_degrees_in_the_place_of_labels_are_said(tmp_path):
    assert DEGREES in load_graphs(tu_folder(tmp_path)).remarks
    assert DEGREES in from_pyg([pyg(0), pyg(1)], "own").remarks
    without_columns = [Data(x=torch.zeros(2, 0), edge_index=torch.tensor([[0, 1], [1, 0]]), y=y) for y in (0, 1)]
    read = from_pyg(without_columns, "own")
    assert DEGREES in read.remarks and read.node_vocabulary[read.node_label].ravel().tolist() == read.degree.tolist()
    assert load_graphs(own_npz(tmp_path, edge_src=[0, 1], edge_dst=[0, 1])).remarks == ()


def test_edges_stored_one_way_only_are_said(tmp_path):
    remarks = load_graphs(tu_folder(tmp_path, A="1, 2\n3, 4\n")).remarks
    assert any(line.startswith("all 2 edges are stored one way only") for line in remarks)
    remarks = load_graphs(tu_folder(tmp_path)).remarks  # 1 - 2 has both
    assert any(line.startswith("1 of the 3 edges are stored one way only") for line in remarks)


@pytest.mark.parametrize("at_once", [3, 10, 10**6])
def test_edges_without_a_reverse_by_brute_force(at_once, monkeypatch):
    monkeypatch.setattr(direction_module, "AT_ONCE", at_once)
    for seed in range(10):
        data = random_graph_data(seed, graphs=5, nodes=5)
        every = list(map(tuple, data.edge.T.tolist()))
        pairs = [(s, t) for s, t in every if s != t]
        alone = sum((t, s) not in set(pairs) for s, t in pairs)
        assert compared(data.edge, len(data.node_label)) == (alone, len(every) - len(set(every)), len(pairs))


def test_graphs_whose_nodes_seem_to_be_numbered_anew_are_said(tmp_path):
    """Each graph's nodes count from 0, and graph 0 is the largest, so that all edges fall into it."""
    arrays = {"num_nodes": [2, 2, 1], "label": [0, 1, 0], "node_feat": [[0]] * 5, "edge_feat": [[0]] * 4}
    read = load_graphs(own_npz(tmp_path, edge_src=[0, 1, 0, 1], edge_dst=[1, 0, 1, 0], **arrays))
    assert read.remarks == (
        "1 of the 3 graphs have several nodes and no edge; nodes are numbered through all graphs",
        "2 of the 4 edges repeat an earlier one; each is counted",
    )
    assert read.degree.tolist() == [2, 2, 0, 0, 0]


def test_graphs_of_the_class_minus_1_are_said_where_it_may_mean_none(tmp_path):
    ends = {"edge_src": [0, 1], "edge_dst": [0, 1]}
    read = load_graphs(own_npz(tmp_path, **ends, num_nodes=[1, 1, 0], label=[0, 1, -1]))
    assert "1 of the 3 graphs have the class -1; leave them out if it means none" in read.remarks
    assert load_graphs(own_npz(tmp_path, **ends, label=[1, -1])).remarks == ()


def test_parts_without_a_class_are_said(tmp_path):
    arrays = {"edge_src": [0, 1], "edge_dst": [0, 1], "num_nodes": [1] * 8, "label": [0, 1, 2, 0, 1, 2, 0, 1]}
    arrays["node_feat"] = [[0]] * 8
    own = own_npz(tmp_path, **arrays, split_train=[0, 1, 2], split_valid=[3, 4, 5], split_test=[6, 7])
    remarks = graph_lines(load_parts(own, 0), own, 0)
    assert remarks[1].endswith(": test has 2 of the 3 classes")
    own = own_npz(tmp_path, **arrays, split_train=[0, 1, 2], split_valid=[3, 4, 5], split_test=[6])
    with pytest.raises(DataError, match=r"test part: has one class only, '0' \(1 graph\), so that its score would be"):
        load_parts(own, 0)


def test_what_is_left_out_is_said(tmp_path):
    data = load_graphs(tu_folder(tmp_path, node_attributes="0.5\n" * 4))
    assert "X_node_attributes.txt is left out: trees have no continuous attributes" in data.remarks
    graphs = [pyg(0), pyg(1)]
    graphs[0].smiles = "CC"
    assert "left out: smiles" in from_pyg(graphs, "own").remarks
    bare = [Data(edge_index=torch.tensor([[0, 1], [1, 0]]), y=y) for y in (0, 1)]
    assert any(line.startswith("2 graphs have no number of nodes") for line in from_pyg(bare, "own").remarks)
    empty = own_npz(tmp_path, edge_src=[0, 1], edge_dst=[0, 1], num_nodes=[1, 1, 0], label=[0, 1, 1])
    assert "1 of the 3 graphs have no node" in load_graphs(empty).remarks


def test_the_memory_of_many_edges():
    """Weighed and coloured, a million edges take at most 105 MiB, themselves among it; before it were 127, and with
    more edges than are looked at together twice as many."""
    import tracemalloc

    from ddkit.graphs import GraphData, graph_bytes, refine

    draw = np.random.RandomState(0)
    ends = draw.randint(0, 1000, (2, 500, 1000)) + 1000 * np.arange(500)[:, None]
    one_way = ends.reshape(2, -1)
    tracemalloc.start()
    try:
        data = GraphData(
            name="many",
            classes=("a", "b"),
            offset=np.arange(501) * 1000,
            node_label=draw.randint(0, 20, 500_000),
            edge=np.concatenate([one_way, one_way[::-1]], 1).astype(np.int32),
            edge_label=np.zeros(1_000_000, np.int32),
            y=np.arange(500) % 2,
            node_vocabulary=np.arange(20)[:, None],
            edge_vocabulary=np.zeros((1, 1), np.int64),
        )
        tracemalloc.reset_peak()
        graph_bytes(data)
        refine(data.adjacency, data.node_label, 2)
        assert tracemalloc.get_traced_memory()[1] < 105 * 2**20
    finally:
        tracemalloc.stop()
