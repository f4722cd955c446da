"""Sources: each format against what was written, and the lines that wrong input gets."""

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch
from random_graphs import random_graph_data
from torch_geometric.data import Data

from ddkit.errors import DataError, UsageError
from ddkit.graphs import GraphData, from_pyg, is_graphs, load_graphs, split_graphs

PATH = {"A": "1, 2\n2, 1\n3, 4\n", "graph_indicator": "1\n1\n2\n2\n", "graph_labels": "-1\n1\n"}


def tu_folder(folder, **changes):
    for what, text in (PATH | changes).items():
        (folder / f"X_{what}.txt").write_text(text)
    return f"tu:{folder}"


def test_tu(tmp_path):
    data = load_graphs(tu_folder(tmp_path, node_labels="5\n7\n5\n5\n", edge_labels="0\n0\n3\n"))
    assert data.name == "X" and data.classes == ("-1", "1") and data.y.tolist() == [0, 1]
    assert data.edge.tolist() == [[0, 1, 2], [1, 0, 3]] and data.offset.tolist() == [0, 2, 4]
    assert data.node_vocabulary[data.node_label].ravel().tolist() == [5, 7, 5, 5]
    assert data.edge_vocabulary[data.edge_label].ravel().tolist() == [0, 0, 3]


def test_without_node_labels_the_degree_is_one(tmp_path):
    data = load_graphs(tu_folder(tmp_path))
    assert data.node_vocabulary[data.node_label].ravel().tolist() == [1, 1, 0, 1] == data.degree.tolist()


def test_a_failed_download_leaves_nothing_and_the_next_run_tries_again(home, tmp_path, monkeypatch):
    """PyG makes the folder before it downloads; an earlier version of ddkit then read the empty folder."""
    from torch_geometric import datasets

    monkeypatch.setenv("DDKIT_DATA", str(tmp_path / "nothing"))
    (home / "data" / "MUTAG" / "raw").mkdir(parents=True)  # as an earlier version left it

    def download(root, name):
        raw = Path(root) / name / "raw"
        raw.mkdir(parents=True)
        if not connected:
            raise OSError("no network")
        tu_folder(raw)
        for file in raw.iterdir():
            file.rename(raw / file.name.replace("X_", f"{name}_"))

    connected = False
    monkeypatch.setattr(datasets, "TUDataset", download)
    for _ in range(2):
        with pytest.raises(DataError, match=r"graphs 'MUTAG': could not be downloaded to .* connect to the network"):
            load_graphs("mutag")
    assert [file.name for file in (home / "data").iterdir()] in ([], ["MUTAG"])
    connected = True
    assert load_graphs("mutag").y.tolist() == [0, 1]
    assert [file.name for file in (home / "data").iterdir()] == ["MUTAG"]
    monkeypatch.setattr(datasets, "TUDataset", None)  # it is there now
    assert load_graphs("mutag").y.tolist() == [0, 1]


def test_tu_is_pygs(real_graphs, tmp_path):
    """MUTAG as PyG reads it."""
    import shutil

    from torch_geometric.datasets import TUDataset

    from ddkit.graphs.sources import _data_folder

    data = real_graphs("mutag")
    root = _data_folder()
    if root is None:
        pytest.skip("needs DDKIT_DATA")
    shutil.copytree(root / "tu" / "MUTAG", tmp_path / "MUTAG")
    theirs = from_pyg(TUDataset(str(tmp_path), "MUTAG"), "MUTAG")
    assert np.array_equal(theirs.y, data.y) and np.array_equal(theirs.offset, data.offset)

    def sorted_edges(d):
        return sorted(zip(*d.edge.tolist(), d.edge_label.tolist(), strict=True))

    # one-hot rows sort the other way round
    flipped = len(data.edge_vocabulary) - 1 - theirs.edge_label
    assert sorted_edges(data) == sorted(zip(*theirs.edge.tolist(), flipped.tolist(), strict=True))
    assert np.array_equal(len(data.node_vocabulary) - 1 - theirs.node_label, data.node_label)


def test_ogb(tmp_path):
    def write(path, text):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        with gzip.open(tmp_path / path, "wt") as file:
            file.write(text)

    write("raw/num-node-list.csv.gz", "2\n3\n")
    write("raw/num-edge-list.csv.gz", "1\n2\n")
    write("raw/edge.csv.gz", "0,1\n0,1\n1,2\n")
    write("raw/node-feat.csv.gz", "5,0\n5,1\n5,0\n6,0\n5,1\n")
    write("raw/edge-feat.csv.gz", "0\n1\n0\n")
    write("raw/graph-label.csv.gz", "0\n1\n")
    for part, rows in (("train", "0\n1\n"), ("valid", "1\n"), ("test", "1\n")):
        write(f"split/scaffold/{part}.csv.gz", rows)
    data = load_graphs(f"ogb:{tmp_path}")
    assert data.edge.tolist() == [[0, 1, 2, 3, 3, 4], [1, 0, 3, 2, 4, 3]]
    assert data.edge_label.tolist() == [0, 0, 1, 1, 0, 0]
    assert data.node_vocabulary[data.node_label].tolist() == [[5, 0], [5, 1], [5, 0], [6, 0], [5, 1]]
    assert [part.tolist() for part in data.split] == [[0, 1], [1], [1]]
    write("raw/edge.csv.gz", "2,2\n0,1\n1,2\n")  # would be the next graph's first node
    with pytest.raises(DataError, match="graph 0 has an edge from node 2 to node 2, but only the nodes 0 to 1"):
        load_graphs(f"ogb:{tmp_path}")
    write("raw/num-edge-list.csv.gz", "1\n1\n")
    with pytest.raises(DataError, match="its graphs have 2 edges together, but there are 3"):
        load_graphs(f"ogb:{tmp_path}")
    with pytest.raises(DataError, match="train and validation parts share 1 graph, such as 1"):
        split_graphs(data, 0)  # or networks would be judged on what they were trained on


def pyg_list():
    edge = torch.tensor([[0, 1], [1, 0]])
    return [Data(x=torch.eye(2), edge_index=edge, y=torch.tensor([i % 2])) for i in range(6)]


def test_pyg_objects_and_their_file(tmp_path):
    torch.save(pyg_list(), tmp_path / "own.pt")
    torch.save([graph.to_dict() for graph in pyg_list()], tmp_path / "plain.pt")
    one = from_pyg(pyg_list(), "own")
    assert all(load_graphs(f"pt:{tmp_path / name}").digest == one.digest for name in ("own.pt", "plain.pt"))
    assert len(one) == 6 and one.sizes.tolist() == [2] * 6


def test_digits_graphs_are_ink():
    from sklearn.datasets import load_digits

    from ddkit.graphs.digits import INK_FROM, NEIGHBOURS

    data = load_graphs("digits-graphs")
    ink = load_digits().images >= INK_FROM
    assert data.sizes.tolist() == ink.sum((1, 2)).tolist() and len(data.classes) == 10
    rows, columns = np.nonzero(ink[7])
    first = data.offset[7]
    expected = {
        (a + first, b + first, NEIGHBOURS.index((rows[a] - rows[b], columns[a] - columns[b])))
        for a in range(len(rows))
        for b in range(len(rows))
        if max(abs(rows[a] - rows[b]), abs(columns[a] - columns[b])) == 1
    }
    own = data.graph_of_node[data.edge[1]] == 7
    assert set(zip(*data.edge[:, own].tolist(), data.edge_label[own].tolist(), strict=True)) == expected


def test_a_split_is_stratified_and_seeded():
    data = random_graph_data(1, graphs=40)
    parts = split_graphs(data, 0)
    assert sorted(np.concatenate(parts).tolist()) == list(range(40))
    assert [np.bincount(data.y[part]).tolist() for part in parts] == [[16, 16], [2, 2], [2, 2]]
    assert not np.array_equal(parts.test, split_graphs(data, 1).test)
    assert np.array_equal(parts.test, split_graphs(data, 0).test)


def test_a_subset_keeps_its_graphs():
    data = random_graph_data(1)
    part = data.subset(np.array([4, 1]))
    assert part.sizes.tolist() == data.sizes[[4, 1]].tolist() and part.y.tolist() == data.y[[4, 1]].tolist()
    assert part.edge_counts.tolist() == data.edge_counts[[4, 1]].tolist()
    twice = part.subset(np.array([1, 0, 1]))
    begin, end = twice.offset[2:]
    again = np.flatnonzero((twice.edge[1] >= begin) & (twice.edge[1] < end))
    own = np.flatnonzero(data.graph_of_node[data.edge[1]] == 1)
    assert np.array_equal(twice.edge[:, again] - begin, data.edge[:, own] - data.offset[1])
    assert np.array_equal(twice.edge_label[again], data.edge_label[own])


def broken(**changes) -> GraphData:
    data = random_graph_data(1)
    fields = {name: getattr(data, name) for name in data.__dataclass_fields__}
    return GraphData(**(fields | changes))


def own_npz(folder, **arrays):
    whole = {"node_feat": [[0], [1]], "edge_feat": [[0], [0]], "num_nodes": [1, 1], "label": [0, 1]}
    np.savez(folder / "own.npz", **(whole | arrays))
    return f"graphs-npz:{folder / 'own.npz'}"


def pyg(y, edge=((0, 1), (1, 0))):
    return Data(edge_index=torch.tensor(edge), y=torch.tensor(y), num_nodes=2)


def ends(folder, **arrays):
    return own_npz(folder, edge_src=[0, 1], edge_dst=[0, 1], **arrays)


def weighted(**parts):
    graph = pyg(1)
    for key, value in (parts or {"edge_weight": torch.ones(2)}).items():
        graph[key] = value
    return graph


def sliding():
    """Rows of features that fit all graphs together and none alone."""
    graphs = [pyg(0), pyg(1)]
    graphs[0].x, graphs[1].x = torch.zeros(3, 1), torch.zeros(1, 1)
    return graphs


def test_a_users_split_is_used_as_it_is(tmp_path):
    """By numbers and by masks, under each name of the validation part; without one, a tenth of train becomes one."""
    many = {"edge_src": [], "edge_dst": [], "edge_feat": np.zeros((0, 1)), "num_nodes": [1] * 40}
    many |= {"node_feat": np.zeros((40, 1), int), "label": [0, 1] * 20}
    train, held, test = np.arange(10), np.arange(10, 14), np.arange(14, 30)
    for name in ("split_valid", "split_validation", "split_val"):
        for form in (lambda part: part, lambda part: np.isin(np.arange(40), part)):
            parts = {"split_train": form(train), name: form(held), "split_test": form(test)}
            split = split_graphs(load_graphs(own_npz(tmp_path, **many, **parts)), 0)
            assert [part.tolist() for part in split] == [train.tolist(), held.tolist(), test.tolist()]
    cut = split_graphs(load_graphs(own_npz(tmp_path, **many, split_train=train, split_test=test)), 0)
    assert cut.test.tolist() == test.tolist() and len(cut.validation) == 2
    assert sorted([*cut.train.tolist(), *cut.validation.tolist()]) == train.tolist()


def test_tensors_of_any_kind_are_read():
    """bfloat16, tensors that require a gradient, sparse ones, and an empty `edge_index` of one axis."""
    rows = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    kinds = [
        rows.bfloat16(),
        rows.requires_grad_(),
        rows.detach().to_sparse(),
        rows.detach().bool(),
        rows.detach().half(),
    ]
    graphs = [Data(x=x, edge_index=torch.tensor([]), y=i % 2) for i, x in enumerate(kinds)]
    read = from_pyg(graphs, "own")
    assert read.edge.shape == (2, 0) and read.node_vocabulary.tolist() == [[0, 1], [1, 0]]
    assert read.node_label.tolist() == [1, 0] * 5


def test_what_is_odd_but_whole_is_read(tmp_path):
    """Classes in a column, as OGB and scikit-learn give them; features as wide as hashes; no edge at all."""
    column = load_graphs(own_npz(tmp_path, edge_src=[0, 1], edge_dst=[0, 1], label=[[3], [5]]))
    assert column.classes == ("3", "5") and column.y.tolist() == [0, 1]
    named = load_graphs(own_npz(tmp_path, edge_src=[0, 1], edge_dst=[0, 1], label=["ü".encode(), b"a"]))
    assert named.classes == ("a", "ü") and named.y.tolist() == [1, 0]
    far = [[-(2**62), 2**62], [2**62, -(2**62)]]
    hashed = load_graphs(own_npz(tmp_path, edge_src=[0, 1], edge_dst=[0, 1], node_feat=far))
    assert hashed.node_label.tolist() == [0, 1] and hashed.node_vocabulary.tolist() == far
    none = {"edge_src": np.zeros(0, int), "edge_dst": np.zeros(0, int), "edge_feat": np.zeros((0, 1), int)}
    assert load_graphs(own_npz(tmp_path, **none)).edge.shape == (2, 0)


def test_large_whole_numbers_of_several_types_stay_apart():
    """2^60 and its successor are one float64; graphs of other types do not make them one."""
    large = 2**60
    read = from_pyg([pyg(large), pyg(large + 1), pyg(0.0), pyg(True)], "own")
    assert read.classes == ("0", "1", str(large), str(large + 1)) and read.y.tolist() == [2, 3, 0, 1]
    column = np.array([[large], [large + 1]])
    for other in (torch.zeros(2, 1), np.zeros((2, 1), np.uint64), torch.zeros(2, 1).bool()):
        graphs = [pyg(0), pyg(1)]
        for key in ("x", "edge_attr"):
            graphs[0][key], graphs[1][key] = torch.from_numpy(column), other
        read = from_pyg(graphs, "own")
        assert read.node_vocabulary[read.node_label].ravel().tolist() == [large, large + 1, 0, 0]
        assert read.edge_vocabulary[read.edge_label].ravel().tolist() == [large, large + 1, 0, 0]


@pytest.mark.parametrize(
    "key, value, kind",
    [
        ("edge_weight", [1.0, 2.0], "list"),
        ("edge_weight", 0.3, "float"),
        ("edge_kind", "single", "str"),
        ("edge_weights", [torch.ones(2)], "list"),
        ("weights", (0.5, 1), "tuple"),
        ("extra", {"w": torch.ones(2)}, "dict"),
        ("extra", {"w": [["a"], [{"b": 1}]]}, "dict"),
    ],
)
def test_data_that_a_graph_would_lose_is_refused(key, value, kind):
    with pytest.raises(DataError, match=f"graph 1: has the {kind} '{key}', which ddkit does not read"):
        from_pyg([pyg(0), weighted(**{key: value})], "own")


def test_texts_and_single_numbers_beside_a_graph_are_left_out_with_a_remark():
    carried = {"smiles": "CC", "idx": 3, "mass": np.float32(1.5), "names": ["a", None], "terms": {"by": ("b",)}}
    remarks = from_pyg([pyg(0), weighted(**carried)], "own").remarks
    assert "left out: idx, mass, names, smiles, terms" in " ".join(remarks)


def test_numpys_single_numbers_are_pythons():
    """A class and a number of nodes, as iterating over an array gives them."""
    kinds = [np.int64(3), np.uint8(3), np.float32(3), 3]
    graphs = [Data(edge_index=torch.tensor([[0], [1]]), y=y, num_nodes=np.int64(2)) for y in kinds] + [pyg(np.bool_(1))]
    read = from_pyg(graphs, "own")
    assert read.classes == ("1", "3") and read.y.tolist() == [1, 1, 1, 1, 0] and read.sizes.tolist() == [2] * 5


@pytest.mark.parametrize(
    "make, line",
    [
        (
            lambda p: load_graphs(tu_folder(p, A="1, 2\n2, 9\n")),
            "edge 2 joins the nodes 2 and 9, but TU files",
        ),
        (
            lambda p: load_graphs(tu_folder(p, A="1, 2\n2, 3\n")),
            "edge 2 joins node 2 of graph 1 and node 3 of",
        ),
        (
            lambda p: load_graphs(tu_folder(p, A="0, 1\n1, 0\n")),
            "number nodes from 1 through all graphs, here 1 to 4",
        ),
        (
            lambda p: load_graphs(own_npz(p, edge_src=[0, 0], edge_dst=[0, 1])),
            "through all graphs: those of graph 1 begin with 1)",
        ),
        (lambda p: load_graphs(tu_folder(p, node_labels="0.5\n1\n1\n1\n")), "are continuous (such as 0.5)"),
        (lambda p: load_graphs(tu_folder(p, graph_labels="1\n1\n")), "all 2 graphs are of one class"),
        (lambda p: load_graphs(f"tu:{p}"), "must have one file NAME_A.txt, found 0"),
        (lambda p: load_graphs(tu_folder(p, graph_labels="1\nx\n")), "graph_labels.txt': cannot be read"),
        (lambda p: load_graphs("mutagg"), "are unknown; did you mean mutag?"),
        (lambda p: load_graphs(f"pt:{p}/no.pt"), "cannot be read"),
        (lambda p: load_graphs(f"graphs-npz:{p}/no.npz"), "cannot be read"),
        (lambda p: load_graphs(tu_folder(p, graph_indicator="0\n0\n1\n1\n")), "must ascend from 1 to the 2 graphs"),
        (
            lambda p: load_graphs(tu_folder(p, node_labels="1\n1\n")),
            "node features: exist for 2 nodes, but its graphs have 4",
        ),
        (lambda p: load_graphs(tu_folder(p, A="1, 2, 1\n2, 1, 1\n3, 4, 1\n")), "an edge has 3 ends; there must be two"),
        (lambda p: load_graphs(tu_folder(p, A="1, 2\n2\n")), "its lines are not equally long"),
        (lambda p: load_graphs(tu_folder(p, graph_labels="0.3\n-0.3\n")), "classes: must be whole numbers, got 0.3"),
        (lambda p: load_graphs(own_npz(p, edge_src=[0, 0.5], edge_dst=[0, 1])), "ends of edges: must be whole numbers"),
        (lambda p: load_graphs(own_npz(p, edge_src=[0, 1], edge_dst=[0, 1], label=[0, np.nan])), "got nan"),
        (lambda p: from_pyg([pyg(0, edge=[[-1], [0]]), pyg(1)], "own"), "graph 0 has an edge from node -1 to node 0"),
        (lambda p: from_pyg([pyg(0), pyg(1, edge=[[2], [2]])], "own"), "graph 1 has an edge from node 2 to node 2"),
        (lambda p: from_pyg([pyg(0.0), pyg(1.5)], "own"), "classes: must be whole numbers, got 1.5"),
        (lambda p: from_pyg([pyg(0), pyg(float("nan"))], "own"), "classes: must be whole numbers, got nan"),
        (lambda p: from_pyg([pyg(0), Data(y=torch.tensor(1), num_nodes=2)], "own"), "graph 1 has no `edge_index`"),
        (
            lambda p: from_pyg([pyg(0), Data(y="a", edge_index=torch.zeros(2, 0), num_nodes=2)], "own"),
            "graph 1 must have one class in `y`, a tensor",
        ),
        (lambda p: load_graphs(own_npz(p, edge_src=[0, 1], edge_dst=[1])), "'edge_src' has 2 edges and 'edge_dst' 1"),
        (lambda p: from_pyg([], "own"), "has no graph"),
        (
            lambda p: load_graphs(ends(p, split_vall=[0])),
            "has the array 'split_vall', which ddkit does not read; did you",
        ),
        (
            lambda p: load_graphs(ends(p, edge_weight=[0.5, 1])),
            "has the array 'edge_weight', which ddkit does not read",
        ),
        (lambda p: load_graphs(ends(p, split_train=[0])), "its split has 'train', but no 'test'"),
        (
            lambda p: load_graphs(ends(p, split_val=[0], split_valid=[1], split_train=[0], split_test=[1])),
            "has two valid",
        ),
        (lambda p: load_graphs(ends(p, split_train=[True], split_test=[1])), "its mask has 1 values for 2 graphs"),
        (lambda p: load_graphs(ends(p, label=np.zeros((2, 12)))), "has 12 tasks (labels a graph), but ddkit distils"),
        (
            lambda p: load_graphs(ends(p, label=[0, 1, 1, 0], num_nodes=[2, 2], node_feat=[[0]] * 4)),
            "each of its 4 nodes",
        ),
        (lambda p: load_graphs(ends(p, label=[0.5, 1.25])), "got 0.5; that is a regression target"),
        (
            lambda p: load_graphs(ends(p, label=np.array([0, 2**63], np.uint64))),
            "classes: must be whole numbers, got 9.22337e+18, which is no signed 64-bit number; renumber the classes",
        ),
        (
            lambda p: load_graphs(own_npz(p, edge_src=np.array([0, 2**64 - 1], np.uint64), edge_dst=[0, 1])),
            "ends of edges: must be whole numbers, got 1.84467e+19, which is no signed 64-bit number",
        ),
        (
            lambda p: load_graphs(ends(p, label=[b"a", b"\xff"])),
            "classes: hold the bytes b'\\xff', which are no text in UTF-8; rename the classes",
        ),
        (
            lambda p: load_graphs(ends(p, node_feat=np.array([[1], [np.inf]], np.float16))),
            "are continuous (such as inf)",
        ),
        (
            lambda p: load_graphs(tu_folder(p, node_label="1\n")),
            "has the file 'X_node_label.txt', which ddkit does not",
        ),
        (lambda p: load_graphs(tu_folder(p, graph_labels="1, 0\n0, 1\n")), "has 2 tasks (labels a graph)"),
        (lambda p: load_graphs(ends(p, label=np.eye(2))), "; label.argmax(1) are the classes"),
        (lambda p: from_pyg([pyg([[0, 1, 0]]), pyg(1)], "own"), "; y.argmax() is the class"),
        (lambda p: from_pyg({"a": 1}, "own"), "is a dict; give a list of torch_geometric.data.Data"),
        (lambda p: from_pyg(str(p), "own"), "is a str; give a list of torch_geometric.data.Data"),
        (
            lambda p: load_graphs(ends(p, label=["a\x1b[31m", "b"])),
            r"a class has the name 'a\x1b[31m', which cannot be",
        ),
        (lambda p: load_graphs(ends(p, label=["", "b"])), "a class has the name ''"),
        (lambda p: from_pyg([pyg(0), pyg(1)], "a\nrow"), r"graphs 'a\nrow': their name cannot be printed"),
        (
            lambda p: load_graphs(tu_folder(p, A="1; 2\n")),
            "'1; 2' to float64 at row 0, column 1.); write one",
        ),
        (lambda p: load_graphs(tu_folder(p, A="1\t2\n")), "its numbers separated by commas, without a header"),
        (lambda p: load_graphs(tu_folder(p, A="\ufeff1, 2\n")), "without a header or a byte-order mark"),
        (lambda p: load_graphs(tu_folder(p, graph_labels="1_0\n1\n")), "could not convert string '1_0'"),
        (lambda p: load_graphs(tu_folder(p, node_labels="inf\n1\n1\n1\n")), "are continuous (such as inf)"),
        (lambda p: load_graphs(tu_folder(p, graph_labels="1\n0\n1\n")), "must ascend from 1 to the 3 graphs"),
        (lambda p: from_pyg(pyg(0), "own"), "is a single Data; give a list of torch_geometric.data.Data"),
        (lambda p: from_pyg(7, "own"), "is a int; give a list of torch_geometric.data.Data"),
        (lambda p: from_pyg([pyg(0), 3], "own"), "graph 1 is a int, not a torch_geometric.data.Data"),
        (
            lambda p: from_pyg([pyg(0), weighted()], "own"),
            "graph 1: has the tensor 'edge_weight', which ddkit does not",
        ),
        (lambda p: from_pyg([pyg([[0] * 12]), pyg(1)], "own"), "graph 0 has 12 tasks (`y` of shape [1, 12])"),
        (lambda p: from_pyg([pyg([0, 1]), pyg(1)], "own"), "graph 0 has a label for each of its 2 nodes"),
        (lambda p: from_pyg(sliding(), "own"), "graph 0 has 2 nodes, but `x` is of shape [3, 1]; give a row for each"),
        (lambda p: from_pyg([pyg(0, edge=[0, 1, 1])], "own"), "`edge_index` must be of shape [2, edges], got [3]"),
        (
            lambda p: load_graphs(tu_folder(p, node_labels="9007199254740993\n9007199254740992.0\n1\n1\n")),
            "it has 9007199254740992, but numbers from 2^53 on are only exact if",
        ),
        (lambda p: from_pyg([pyg(2**60), pyg(0.5)], "own"), "got 0.5; that is a regression target"),
        (lambda p: broken(offset=np.array([0, 1])), "do not divide"),
        (lambda p: broken(edge_label=np.zeros(1)), "there must be one for each"),
    ],
)
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_wrong_input_is_one_line(make, line, tmp_path):
    with pytest.raises((DataError, UsageError)) as caught:
        make(tmp_path)
    assert line in str(caught.value) and "\n" not in str(caught.value)


def test_names_of_graphs():
    assert is_graphs("mutag") and is_graphs("pt:x.pt") and not is_graphs("digits") and not is_graphs("npz:x.npz")
