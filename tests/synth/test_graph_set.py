"""Sets of graphs: what is read is what was written, in every form."""

import dataclasses

import h5py
import numpy as np
import pytest
import torch
from random_graphs import random_graph_data, tree_text

from ddkit.errors import DataError, UsageError
from ddkit.graphs import Adjacency, TreeDag, fold, refine
from ddkit.synth import (
    GraphFacts,
    GraphSet,
    Samples,
    as_pyg,
    export_graphs,
    is_graph_set,
    read_graph_set,
    write_graph_set,
)


@pytest.fixture(scope="module")
def data():
    return random_graph_data(11, graphs=10)


@pytest.fixture(scope="module")
def made(data) -> GraphSet:
    adjacency = Adjacency.of(data.edge, data.edge_label, len(data.node_label))
    layers, root = fold(adjacency, refine(adjacency, data.node_label, 2), np.arange(9), with_own=False)
    return GraphSet(
        trees=TreeDag.of(layers, data.node_label, data.degree),
        samples=Samples(
            label=np.array([0, 1]),
            support=np.array([5, 300]),
            size=np.array([3, 1]),
            tree=np.array([root[0], root[3], root[3], root[8]]),  # one of them twice
        ),
        node_vocabulary=data.node_vocabulary,
        edge_vocabulary=data.edge_vocabulary,
        facts=GraphFacts(method="mirage", dataset="x", data_digest="d", classes=("a", "b"), hops=2, true_degrees=False),
    )


def test_what_is_read_is_what_was_written(made, tmp_path):
    write_graph_set(made, tmp_path / "set.h5")
    read = read_graph_set(tmp_path)
    for part in ("trees", "samples"):
        for name, array in getattr(made, part).arrays().items():
            assert np.array_equal(getattr(read, part).arrays()[name], array), name
    assert read.digest == made.digest
    other = dataclasses.replace(made, samples=dataclasses.replace(made.samples, support=np.array([5, 299])))
    assert other.digest != made.digest
    assert read.facts == made.facts and read.record == made.record
    assert np.array_equal(read.node_vocabulary, made.node_vocabulary) and is_graph_set(tmp_path)
    first = (tmp_path / "set.h5").read_bytes()
    write_graph_set(read, tmp_path / "again.h5")
    assert (tmp_path / "again.h5").read_bytes() == first


def test_the_file_is_plain_arrays_with_attributes(made, tmp_path):
    write_graph_set(made, tmp_path / "set.h5")
    with h5py.File(tmp_path / "set.h5") as file:
        assert file["sample_support"][:].tolist() == [5, 300] and file["sample_support"].dtype == np.uint16
        assert file.attrs["kind"] == "graphs" and file.attrs["hops"] == 2
        assert list(file["ddkit"].attrs) == ["recipe", "environment", "lineage", "scores"]


def test_trees_written_out(made, data):
    """Unfolding gives the canonical string of the vertex that the tree was taken from; its nodes are counted."""
    adjacency = Adjacency.of(data.edge, data.edge_label, len(data.node_label))
    _, root = fold(adjacency, refine(adjacency, data.node_label, 2), np.arange(9), with_own=False)
    for v, tree in enumerate(root):
        number, parent, label = made.trees.unfold(int(tree))
        assert made.trees.nodes[tree] == len(number)
        text = [f"({made.trees.label[n]}" for n in number]
        children: list[list[str]] = [[] for _ in number]
        for node in range(len(number) - 1, -1, -1):
            text[node] += "".join(sorted(children[node])) + ")"
            if node:
                children[parent[node - 1]].append(f"{label[node - 1]}{text[node]}")
        assert text[0] == tree_text(data, v, 2)


def test_pyg_objects(made):
    from torch_geometric.data import Batch

    batch = Batch.from_data_list(as_pyg(made))
    explicit = made.trees.nodes[made.samples.tree]
    assert batch.num_nodes == explicit.sum() and batch.num_edges == explicit.sum() - 4
    assert batch.y.tolist() == [0, 1] and batch.support.tolist() == [5, 300]
    assert batch.root.sum() == 4 and batch.root.max() == 1
    inner = torch.bincount(batch.edge_index[1], minlength=batch.num_nodes)
    assert torch.equal(batch.degree[inner > 0], inner[inner > 0].double())


def test_exports(made, tmp_path):
    from torch_geometric.data import Data

    export_graphs(made, "pt", tmp_path / "set.pt")
    read = [Data.from_dict(table) for table in torch.load(tmp_path / "set.pt", weights_only=True)]
    for one, other in zip(read, as_pyg(made), strict=True):
        assert torch.equal(one.x, other.x) and torch.equal(one.edge_index, other.edge_index)
    export_graphs(made, "npz", tmp_path / "set.npz")
    with np.load(tmp_path / "set.npz", allow_pickle=False) as archive:
        assert np.array_equal(archive["child"], made.trees.child) and '"hops": 2' in str(archive["facts"])
    with pytest.raises(UsageError, match="unknown for a set of graphs"):
        export_graphs(made, "png", tmp_path / "x")


def test_bytes_by_hand():
    """Two-node path with labels 0, 1: depth 1 has two trees, depth 0 two leaves."""
    edge = np.array([[0, 1], [1, 0]])
    adjacency = Adjacency.of(edge, np.zeros(2, np.int64), 2)
    layers, root = fold(adjacency, refine(adjacency, np.array([0, 1]), 1), np.arange(2), with_own=False)
    graphs = GraphSet(
        trees=TreeDag.of(layers, np.array([0, 1]), np.array([1, 1])),
        samples=Samples(label=np.array([0]), support=np.array([3]), size=np.array([2]), tree=np.sort(root)),
        node_vocabulary=np.arange(2)[:, None],
        edge_vocabulary=np.zeros((1, 1), np.int64),
        facts=GraphFacts(method="m", dataset="x", data_digest="d", classes=("a", "b"), hops=1, true_degrees=False),
    )
    # depth_size 2 and label 4 of the trees, support 1 and size 1 of the sample; all else is 0, 1 or 0, 1, 2, ...
    assert graphs.trees.fan.tolist() == [1, 1] and graphs.trees.child.tolist() == [0, 1]
    assert graphs.stored_bytes == 6 + 2
    # nodes 2 x 2 of a label and a parent each, a size for each tree, and support, size
    assert graphs.explicit_bytes == 8 + 2 + 2


@pytest.mark.parametrize("change", ["tree", "size"])
def test_what_does_not_fit_together_is_refused(made, change):
    samples = dataclasses.replace(made.samples, **{change: getattr(made.samples, change) + 100})
    with pytest.raises(DataError):
        dataclasses.replace(made, samples=samples)


def test_other_files_are_one_line(tmp_path):
    (tmp_path / "x.h5").write_text("no")
    with pytest.raises(DataError, match="is not an HDF5 file"):
        read_graph_set(tmp_path / "x.h5")
    with h5py.File(tmp_path / "y.h5", "w") as file:
        file.attrs["format"], file.attrs["kind"] = "ddkit-set/1", "images"
    with pytest.raises(DataError, match=r"is a set of images, not of graphs; ddkit\.load\(path\) reads it"):
        read_graph_set(tmp_path / "y.h5")
    assert not is_graph_set(tmp_path / "y.h5") and not is_graph_set(tmp_path / "x.h5")
    assert not is_graph_set(tmp_path / "missing.h5")


def test_another_readout_is_refused(made):
    with pytest.raises(DataError, match="its readout is 'sum', and ddkit knows only the mean"):
        dataclasses.replace(made.facts, readout="sum")


def test_damage_is_one_line(made, tmp_path):
    write_graph_set(made, tmp_path / "set.h5")
    with h5py.File(tmp_path / "set.h5", "r+") as file:
        del file["fan"]
    with pytest.raises(DataError, match="is damaged"):
        read_graph_set(tmp_path / "set.h5")
