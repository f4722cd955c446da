"""Sets of graphs: what is read is what was written, in every form."""

import dataclasses

import h5py
import numpy as np
import pytest
import torch
from hostile_files import edited
from random_graphs import distil, random_graph_data, tree_text

from ddkit.errors import DataError, UsageError
from ddkit.graphs import Adjacency, TreeDag, fold, refine
from ddkit.randomness import stream
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

    objects = as_pyg(made)
    batch = Batch.from_data_list(objects)
    assert batch.y.tolist() == [0, 1] == batch.label.tolist() and batch.support.tolist() == [5, 300]
    inner = torch.bincount(batch.edge_index[1], minlength=batch.num_nodes)
    assert torch.equal(batch.degree[inner > 0], inner[inner > 0].float())
    for sample, one in enumerate(objects):
        assert one.root.mean() >= 0.9 or one.num_edges > 20_000 or not one.num_edges
        mine = made.samples.tree[made.samples.owner == sample]
        copies = int(one.root.sum()) // len(mine)
        assert sorted(written(one, v) for v in range(int(one.root.sum()))) == sorted(
            copies * [data_text(made, int(tree)) for tree in mine]
        )


def written(graph, node: int) -> str:
    """The tree below a node of a PyG object, unfolded in canonical form."""
    into = torch.where(graph.edge_index[1] == node)[0].tolist()
    below = sorted(f"{graph.edge_attr[e].tolist()}{written(graph, int(graph.edge_index[0, e]))}" for e in into)
    return f"({graph.x[node].tolist()}{''.join(below)})"


def data_text(graphs: GraphSet, tree: int) -> str:
    """A stored tree, written out by `unfold`, in the same form."""
    number, parent, label = graphs.trees.unfold(tree)
    text, below = [""] * len(number), [[] for _ in number]
    for node in range(len(number) - 1, -1, -1):
        raw = graphs.node_vocabulary[graphs.trees.label[number[node]]].tolist()
        text[node] = f"({raw}{''.join(sorted(below[node]))})"
        if node:
            below[parent[node - 1]].append(f"{graphs.edge_vocabulary[label[node - 1]].tolist()}{text[node]}")
    return text[0]


def test_what_a_plain_trainer_takes_is_nearly_what_one_that_knows_roots_takes():
    """The mean over all nodes is within a tenth of the states' range of that over the roots, and `y` is what cross
    entropy takes."""
    from torch_geometric.data import Batch
    from torch_geometric.nn import global_mean_pool

    from ddkit.methods import graph_method

    plus = graph_method("mirage-plus")
    real = random_graph_data(5, graphs=60)
    made = distil(plus, plus.settings_class(hops=2, ratio=0.3), real, 0)
    batch = Batch.from_data_list(as_pyg(made))
    assert batch.y.shape == (len(made), 2) and torch.equal(batch.y, batch.soft_label) and batch.y.dtype == torch.float32
    torch.nn.functional.cross_entropy(torch.zeros(len(made), 2), batch.y)  # what a plain loss takes
    state = torch.randn(batch.num_nodes, 4, generator=stream(0, "states"))
    roots = batch.root == 1
    state[roots] += 3
    of_all = global_mean_pool(state, batch.batch)
    of_roots = global_mean_pool(state[roots], batch.batch[roots])
    reach = state.max() - state.min()
    assert (of_all - of_roots).abs().max() <= 0.1 * reach


def test_copies_of_hubs_are_bounded():
    """A star of 300 leaves of 3 labels: every root has 300 edges, so that there are few copies."""
    edge = np.stack([np.arange(1, 301), np.zeros(300, np.int64)])
    label = np.arange(301) % 3
    adjacency = Adjacency.of(edge, np.zeros(300, np.int64), 301)
    layers, root = fold(adjacency, refine(adjacency, label, 2), np.arange(1), with_own=False)
    made = GraphSet(
        trees=TreeDag.of(layers, label, np.bincount(edge[1], minlength=301)),
        samples=Samples(label=np.array([1]), support=np.array([1]), size=np.array([1]), tree=root),
        node_vocabulary=np.arange(3)[:, None],
        edge_vocabulary=np.zeros((1, 1), np.int64),
        facts=GraphFacts(method="m", dataset="x", data_digest="d", classes=("a", "b"), hops=2, true_degrees=False),
    )
    (one,) = as_pyg(made)
    assert one.num_edges <= 20_000 and one.root.mean() >= 0.9 and one.num_nodes <= 40


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
    with pytest.raises(DataError, match=r"is a set of images, but a set of graphs is needed here"):
        read_graph_set(tmp_path / "y.h5")
    assert not is_graph_set(tmp_path / "y.h5") and not is_graph_set(tmp_path / "x.h5")
    assert not is_graph_set(tmp_path / "missing.h5")


def test_another_readout_is_refused(made):
    with pytest.raises(DataError, match="its readout is 'sum', and ddkit supports only the mean"):
        dataclasses.replace(made.facts, readout="sum")


def test_damage_is_one_line(made, tmp_path):
    write_graph_set(made, tmp_path / "set.h5")
    with edited(tmp_path / "set.h5") as file:
        del file["fan"]
    with pytest.raises(DataError, match="is damaged"):
        read_graph_set(tmp_path / "set.h5")
