"""Graphs from outside: npz archives, TU folders, lists of PyG objects, with damage, missing and extra parts."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch_geometric.data import Batch, Data

from ddkit.graphs import GraphData, from_pyg, load_graphs, split_graphs
from doors.knock import draws, knock
from doors.slow_graphs import Outcome, Plain, npz_says, outcome, pyg_says, tu_says

SMALL = st.integers(0, 3)
NUMBERS = st.one_of(SMALL, SMALL, SMALL, st.sampled_from([-5, 7, 2**31, 2**53 + 1, -(2**63), 2**63 - 1]))


@st.composite
def plain_graphs(draw: st.DrawFn, least: int = 2) -> Plain:
    """`least` to eight small graphs without a fault, but that all may be of one class."""
    count = draw(st.integers(least, 8))
    sizes = draw(st.lists(st.integers(1, 4), min_size=count, max_size=count))
    edges = []
    for graph, size in enumerate(sizes):
        ends = st.tuples(st.just(graph), st.integers(0, size - 1), st.integers(0, size - 1))
        edges += draw(st.lists(ends, max_size=5))
    columns, numbers = draw(st.integers(0, 2)), draw(st.sampled_from([SMALL, NUMBERS]))
    rows = st.lists(numbers, min_size=columns, max_size=columns)
    nodes = draw(st.none() | st.lists(rows, min_size=sum(sizes), max_size=sum(sizes)))
    edge_rows = draw(
        st.none() | st.lists(st.lists(SMALL, min_size=1, max_size=1), min_size=len(edges), max_size=len(edges))
    )
    classes = [0, 1, *draw(st.lists(st.integers(-1, 2), min_size=count - 2, max_size=count - 2))]
    return Plain(sizes, edges, nodes, edge_rows, draw(st.permutations(classes)))


def as_read(data: GraphData) -> Outcome:
    """What ddkit read, in the form of `outcome`."""
    found = []
    for g in range(len(data)):
        begin, end = data.offset[g], data.offset[g + 1]
        labels = [tuple(row) for row in data.node_vocabulary[data.node_label[begin:end]].tolist()]
        edges = []
        for (source, target), label in zip(data.edge.T.tolist(), data.edge_label, strict=True):
            if begin <= source < end:
                edges.append((source - begin, target - begin, tuple(data.edge_vocabulary[label].tolist())))
        found.append((data.classes[data.y[g]], labels, sorted(edges)))
    return tuple(found)


def hold(read: Callable[[], GraphData], slow: Plain | None) -> GraphData | None:
    """What `read` gives, held against what the slow reader gives."""
    data, truth = knock(read), None if slow is None else outcome(slow)
    assert (None if data is None else as_read(data)) == truth
    assert data is None or all(len(remark) < 300 for remark in data.remarks)
    return data


TRAIN = "split_train"


@st.composite
def archives(draw: st.DrawFn, usable_split: bool = False) -> dict[str, Any]:
    """Arrays of a graph npz, most with a fault; or without one, but with a split that can be used."""
    graphs = draw(plain_graphs(8 if usable_split else 2))
    begin, count = np.cumsum([0, *graphs.sizes]), len(graphs.sizes)
    ends, kind = [(begin[g] + s, begin[g] + t) for g, s, t in graphs.edges], draw(st.sampled_from(["i8", "i4", "f8"]))
    arrays: dict[str, Any] = {
        "edge_src": np.array([source for source, _ in ends], kind),
        "edge_dst": np.array([target for _, target in ends], kind),
        "num_nodes": np.array(graphs.sizes, draw(st.sampled_from(["i8", "u1", "f4"]))),
        "label": np.array(graphs.classes, draw(st.sampled_from(["i8", "i1", "f8", "U2"]))),
    }
    if graphs.nodes is not None:
        arrays["node_feat"] = np.array(graphs.nodes, np.int64).reshape(sum(graphs.sizes), len(graphs.nodes[0]))
    if graphs.edge_rows is not None:
        arrays["edge_feat"] = np.array(graphs.edge_rows, np.int64).reshape(len(ends), 1)
    if usable_split or draw(st.booleans()):
        names = st.sets(st.sampled_from(["valid", "validation", "val"]), max_size=1 if usable_split else None)
        for name in sorted(draw(names) | {"train", "test"}):
            arrays[f"split_{name}"] = np.zeros(0, np.int64)
        parts = [key for key in arrays if key.startswith("split_")]
        chosen = draw(st.lists(st.integers(0, len(parts)), min_size=count, max_size=count))
        if usable_split:  # each class in every part, twice in train
            order, others = draw(st.permutations(range(count))), [p for p, part in enumerate(parts) if part != TRAIN]
            for place, graph in enumerate(order):
                chosen[graph] = others[place // 2] if place < 2 * len(others) else parts.index(TRAIN)
                arrays["label"][graph] = place % 2
        for p, part in enumerate(parts):
            mask = np.array(chosen) == p
            arrays[part] = mask if draw(st.booleans()) else np.flatnonzero(mask)
    if usable_split:
        return arrays
    key = draw(st.sampled_from(sorted(arrays)))
    match draw(st.integers(0, 11)):
        case 0:
            names = ["split_vall", "edge_weight", "x", "labels", "node_feats", f"{key}_", "y"]
            arrays[draw(st.sampled_from(names))] = np.zeros(2)
        case 1:
            del arrays[key]
        case 2 if len(arrays[key]):
            arrays[key] = arrays[key][:-1]
        case 3:
            arrays[key] = np.concatenate([arrays[key], arrays[key][:1]])
        case 4 if arrays[key].size and arrays[key].dtype.kind != "U":
            arrays[key] = arrays[key].astype(np.float64)
            arrays[key].ravel()[draw(st.integers(0, arrays[key].size - 1))] = draw(
                st.sampled_from([np.nan, np.inf, 0.5, 1e300, 2.0, -1.0, 2.0**63])
            )
        case 5:
            arrays[key] = arrays[key][..., None]
        case 6:
            arrays[key] = np.stack([arrays[key]] * draw(st.integers(2, 12)), -1)
        case 7:
            odd = [np.array(3), np.array("abc"), np.zeros((0, 0, 2)), np.array(["a", "b"]), np.zeros(count, bool)]
            arrays[key] = draw(st.sampled_from([*odd, np.zeros(sum(graphs.sizes), np.int64), np.array([1j, 2])]))
        case 8:
            arrays[key] = arrays[key][::-1]
    return arrays


def hold_split(data: GraphData, parts: dict[str, list[int]]) -> bool:
    """A user's parts are used as they are, or refused where they cannot be. Whether they are used."""
    every = [g for part in parts.values() for g in part]
    in_train = Counter(int(data.y[g]) for g in parts["train"] if 0 <= g < len(data))
    usable = all(parts.values()) and all(0 <= g < len(data) for g in every) and len(set(every)) == len(every)
    usable = usable and len(in_train) == len(data.classes)
    usable = usable and ("validation" in parts or 1 not in in_train.values())
    judged = [part for name, part in parts.items() if name != "train"]
    usable = usable and all(len({int(data.y[g]) for g in part}) > 1 for part in judged)
    split = knock(lambda: split_graphs(data, 0))
    assert (split is not None) == usable
    if split is None:
        return False
    assert split.test.tolist() == parts["test"]
    if "validation" in parts:
        assert (split.train.tolist(), split.validation.tolist()) == (parts["train"], parts["validation"])
    else:
        assert sorted([*split.train.tolist(), *split.validation.tolist()]) == parts["train"] and len(split.validation)
    return True


@draws(250)
@given(arrays=archives())
def test_a_graph_npz_is_read_rightly_or_refused_in_a_line(tmp_path_factory, arrays):
    path, slow = tmp_path_factory.getbasetemp() / "drawn.npz", npz_says(arrays)
    np.savez(path, **arrays)
    data = hold(lambda: load_graphs(f"graphs-npz:{path}"), slow)
    if data is not None and slow is not None and slow.parts:
        hold_split(data, slow.parts)


@draws(60)
@given(arrays=archives(usable_split=True))
def test_a_usable_split_of_a_graph_npz_is_used(tmp_path_factory, arrays):
    path, slow = tmp_path_factory.getbasetemp() / "split.npz", npz_says(arrays)
    np.savez(path, **arrays)
    data = hold(lambda: load_graphs(f"graphs-npz:{path}"), slow)
    assert data is not None and slow is not None and hold_split(data, slow.parts)


@draws(100)
@given(arrays=archives(), places=st.lists(st.integers(0, 10**6), min_size=1, max_size=3), cut=st.booleans())
def test_a_damaged_graph_npz_is_refused_or_read_as_it_was(tmp_path_factory, arrays, places, cut):
    """An archive has checksums, so that what is read of a damaged one is what was written."""
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    np.savez(path, **arrays)
    image = bytearray(path.read_bytes())
    for place in places:
        image[place % len(image)] ^= 1 << (place % 8)
    path.write_bytes(image[: places[0] % len(image)] if cut else image)
    data, slow = knock(lambda: load_graphs(f"graphs-npz:{path}")), npz_says(arrays)
    assert data is None or (slow is not None and as_read(data) == outcome(slow))


ODD = [
    "x",
    "1_0",
    "0x1",
    "nan",
    "inf",
    "1;2",
    "1 2",
    "0.5",
    "1e99",
    "1,",
    "",
    "1, 2, 3",
    "99",
    "-7",
    "1\x0c2",
    "１",
    " 2",
]
ODD += [
    "9223372036854775807",
    "9223372036854775808",
    "2.0",
    "+1",
    "1e0",
    "'1'",
    "1,2",
    "#1",
    "None",
    "1\x002",
    "\ufeff1",
]


@st.composite
def folders(draw: st.DrawFn) -> dict[str, str]:
    """The text of each file of a TU folder."""
    graphs = draw(plain_graphs())
    begin, comma = np.cumsum([0, *graphs.sizes]), draw(st.sampled_from([", ", ","]))
    lines: dict[str, list[str]] = {
        "X_A.txt": [f"{begin[g] + s + 1}{comma}{begin[g] + t + 1}" for g, s, t in graphs.edges],
        "X_graph_indicator.txt": [str(g + 1) for g, size in enumerate(graphs.sizes) for _ in range(size)],
        "X_graph_labels.txt": [str(c) for c in graphs.classes],
    }
    if graphs.nodes is not None and graphs.nodes[0]:
        lines["X_node_labels.txt"] = [comma.join(map(str, row)) for row in graphs.nodes]
    if graphs.edge_rows is not None:
        lines["X_edge_labels.txt"] = [str(row[0]) for row in graphs.edge_rows]
    name, row = draw(st.sampled_from(sorted(lines))), draw(st.integers(0, 30))
    chosen = lines[name]
    match draw(st.integers(0, 10)):
        case 0:
            names = [
                "X_node_label.txt",
                "X_edge_weights.txt",
                "node_labels.txt",
                "X_splits.txt",
                "X_graph_indicators.txt",
            ]
            lines[draw(st.sampled_from(names))] = ["1"]
        case 1:
            del lines[name]
        case 2 if chosen:
            del chosen[row % len(chosen)]
        case 3 | 4 | 5 | 6 if chosen:
            chosen[row % len(chosen)] = draw(st.sampled_from(ODD))
        case 7:
            lines["X_node_attributes.txt"], lines["README.txt"], lines["X_label_readme.txt"] = (
                ["0.5"],
                ["words"],
                ["a: b"],
            )
        case 8 if chosen:
            chosen.append(chosen[-1])
        case 9:
            lines[name] = [comma.join([line] * 3) for line in chosen]
    end = draw(st.sampled_from(["\n", "", "\r\n", "\n\n"]))
    return {file: "\n".join(text) + (end if text else "") for file, text in lines.items()}


@draws(220)
@given(texts=folders())
def test_a_tu_folder_is_read_rightly_or_refused_in_a_line(tmp_path_factory, texts):
    folder = tmp_path_factory.mktemp("tu")
    for name, text in texts.items():
        (folder / name).write_text(text, newline="")
    hold(lambda: load_graphs(f"tu:{folder}"), tu_says(texts))


Y = st.sampled_from(
    [None, "a", torch.zeros(0), torch.tensor(0.5), torch.tensor(torch.nan), [1], torch.tensor([[1]]), 2]
)
TENSORS = [torch.zeros(3, 2), torch.zeros(4).long(), torch.full((2, 1), 9), torch.full((2, 1), -1), torch.zeros(2, 1)]
TENSORS += [torch.tensor(1), torch.zeros(1, 0), torch.full((2, 2), 0.5), torch.zeros(1, 1).bool(), torch.ones(2, 2)]


@st.composite
def objects(draw: st.DrawFn) -> Any:
    """What is given to `from_pyg`."""
    graphs = draw(plain_graphs())
    given_to, node = [], 0
    wide = any(not 0 <= value < 250 for row in graphs.nodes or [] for value in row)
    dtype = torch.int64 if wide else draw(st.sampled_from([torch.int64, torch.float32, torch.bfloat16, torch.uint8]))
    for g, size in enumerate(graphs.sizes):
        mine = [e for e, edge in enumerate(graphs.edges) if edge[0] == g]
        ends = torch.tensor([graphs.edges[e][1:] for e in mine]).reshape(len(mine), 2).T
        none = draw(st.sampled_from([torch.zeros(2, 0), torch.tensor([]), torch.zeros(2, 0).long()]))
        label = graphs.classes[g]
        y = draw(st.sampled_from([torch.tensor(label), torch.tensor([label]), torch.tensor([float(label)]), label]))
        one = Data(edge_index=ends if mine else none, y=y, num_nodes=size)
        if graphs.nodes is not None:
            one.x = torch.tensor(graphs.nodes[node : node + size], dtype=dtype).reshape(size, len(graphs.nodes[0]))
            if dtype.is_floating_point:
                one.x.requires_grad_(draw(st.booleans()))
        if graphs.edge_rows is not None and (mine or draw(st.booleans())):
            one.edge_attr = torch.tensor([graphs.edge_rows[e] for e in mine]).reshape(len(mine), 1)
        node += size
        given_to.append(one)
    graph = draw(st.integers(0, len(given_to) - 1))
    one, other = given_to[graph], given_to[graph - 1]
    match draw(st.integers(0, 15)):
        case 0:
            name = draw(st.sampled_from(["edge_weight", "pos", "train_mask", "node_type"]))
            setattr(one, name, draw(st.sampled_from([torch.ones(2), [0.5, 2], (1,), [torch.ones(2)], {"w": 1.5}])))
        case 1:
            one.y = torch.zeros(1, draw(st.integers(1, 12)))
        case 2 | 3:
            one.y = draw(Y)
        case 4:
            one.num_nodes = draw(st.sampled_from([-1, 2.5, torch.tensor([1, 2]), torch.tensor([2]), 2, 0, None]))
        case 5 | 6:
            setattr(
                one, draw(st.sampled_from(["edge_index", "x", "edge_attr"])), draw(st.sampled_from([None, *TENSORS]))
            )
        case 7:
            given_to[graph] = draw(st.sampled_from([3, None, "x", torch.ones(2), Batch.from_data_list([one])]))
        case 8 if one.x is not None and other.x is not None and other is not one:  # a row slides to the next graph
            one.x, other.x = torch.cat([one.x, one.x[:1]]), other.x[:-1]
        case 9:
            one.smiles, one.idx = "CC", 3
        case 10:
            given_to = draw(st.sampled_from([one, 7, None, [], "ab"]))
        case 11:
            one.num_nodes = None
        case 12:
            one.y = torch.zeros(one.num_nodes)
    return given_to


@draws(260)
@given(given_to=objects(), through_a_file=st.booleans())
def test_pyg_objects_are_read_rightly_or_refused_in_a_line(tmp_path_factory, given_to, through_a_file):
    if not through_a_file or not isinstance(given_to, list):
        hold(lambda: from_pyg(given_to, "own"), pyg_says(given_to))
        return
    path = tmp_path_factory.getbasetemp() / "drawn.pt"
    torch.save([graph.to_dict() if type(graph) is Data else graph for graph in given_to], path)
    hold(lambda: load_graphs(f"pt:{path}"), pyg_says(given_to))
