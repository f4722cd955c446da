"""Every public call of `ddkit`, with an argument of a wrong type or value: a DDKitError of one line, before any work.

The annotations say what may be given; this table gives what they do not name.
"""

import dataclasses
from collections.abc import Callable, Iterator
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ddkit
from ddkit.arguments import checked
from ddkit.data import load_images
from ddkit.graphs import from_pyg, load_parts
from ddkit.methods import GraphContext
from ddkit.methods.mirage_plus import MiragePlus, MiragePlusSettings
from ddkit.synth import Compensated, Record, SetFacts

SHIPPED = "digits-ftd-ipc1"


@pytest.fixture(scope="module")
def synthetic() -> ddkit.SyntheticSet:
    return ddkit.load(SHIPPED)


@pytest.fixture(scope="module")
def graphs() -> ddkit.GraphSet:
    train = load_parts("digits-graphs", 0).train
    return MiragePlus(MiragePlusSettings(hops=1, budget=200), GraphContext(train, 0)).distil()


@pytest.fixture(autouse=True)
def elsewhere(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def line_of(call: Callable[[], Any]) -> str:
    with pytest.raises(ddkit.DDKitError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


CALLS = [
    (ddkit.load, {}, {"source": 3}, "load: source must be str or a path, got int 3"),
    (ddkit.load, {}, {}, "load: missing a required argument: 'source'"),
    (ddkit.load, {}, {"source": "a\0.h5"}, r"load: source has a character that no file can store, got 'a\x00.h5'"),
    (ddkit.load, {}, {"source": "a" * 300}, "cannot be accessed"),
    (ddkit.load, {}, {"source": "nowhere/set.h5"}, "set 'nowhere/set.h5': there is no such file"),
    (ddkit.read_graph_set, {}, {"source": None}, "read_graph_set: source must be str or a path, got NoneType None"),
    (ddkit.read_graph_set, {}, {"source": "nowhere"}, "set 'nowhere': is no file and no ready-made set; there are"),
    (ddkit.as_pyg, {}, {"graphs": [1]}, "as_pyg: graphs must be GraphSet, got list"),
    (ddkit.raw_images, {}, {"synthetic": SHIPPED}, "raw_images: synthetic must be SyntheticSet, got str"),
    (ddkit.SyntheticDataset, {}, {"source": 3}, "SyntheticDataset: source must be SyntheticSet or str or a path, got"),
    (ddkit.SyntheticDataset, {"source": SHIPPED}, {"transform": 3}, "transform must be Callable or None, got int 3"),
    (
        ddkit.evaluate,
        {"source": SHIPPED},
        {"source": 3},
        "source must be SyntheticSet or GraphSet or str or a path, got int 3",
    ),
    (ddkit.evaluate, {"source": SHIPPED}, {"nets": "x"}, "evaluate: nets must be int or None, got str 'x'"),
    (ddkit.evaluate, {"source": SHIPPED}, {"nets": True}, "evaluate: nets must be int or None, got bool True"),
    (ddkit.evaluate, {"source": SHIPPED}, {"overrides": "evaluate.nets=2"}, "a tuple of str, a sequence of texts, got"),
    (ddkit.evaluate, {"source": SHIPPED}, {"netz": 3}, "evaluate: has no argument 'netz'; did you mean net"),
    (ddkit.evaluate, {"source": SHIPPED}, {"meter": 3}, "evaluate: meter must be Meter or None, got int 3"),
    (ddkit.relabel, {"source": SHIPPED}, {"temperature": "30"}, "relabel: temperature must be float, got str '30'"),
    (ddkit.relabel, {"source": SHIPPED}, {"files": "a.pt"}, "relabel: files must be a tuple of a path, a sequence"),
    (ddkit.condense, {}, {"ipc": "x"}, "condense: ipc must be int or None, got str 'x'"),
    (ddkit.condense, {}, {"ipc": 1.5}, "condense: ipc must be int or None, got float 1.5"),
    (ddkit.condense, {}, {"method": 3}, "condense: method must be str or None, got int 3"),
    (ddkit.condense, {}, {"out": 3}, "condense: out must be str or a path or None, got int 3"),
    (ddkit.condense, {}, {"out": "a" * 300}, "File name too long"),
    (ddkit.condense, {}, {"method": "mirage", "seed": "x"}, "condense: seed must be int or None"),
    (ddkit.plan, {}, {"ipc": "x"}, "plan: ipc must be int or None, got str 'x'"),
    (ddkit.plan, {}, {"probe_seconds": float("nan")}, "plan: probe_seconds must be above 0 and finite, got nan"),
    (
        ddkit.compare,
        {},
        {"recipes": "mtt-digits-ipc1"},
        "compare: recipes must be a tuple of str or a path, a sequence",
    ),
    (ddkit.compare, {"recipes": ["mtt-digits-ipc1"]}, {"sets": "3"}, "compare: sets must be int, got str '3'"),
    (ddkit.verify, {}, {"recipe": 3}, "verify: recipe must be str or a path, got int 3"),
    (ddkit.train_teachers, {}, {"recipe": 3}, "train_teachers: recipe must be str or a path or None, got int 3"),
    (ddkit.SyntheticSet, {}, {}, "SyntheticSet: missing a required "),
    (SetFacts, {}, {"methd": "mtt"}, "SetFacts: has no argument 'methd'; did you mean method"),
    (Compensated, {}, {}, "Compensated: missing a required argument: 'real'"),
    (Record, {}, {"recip": ""}, "Record: has no argument 'recip'; did you mean recipe"),
    (from_pyg, {"graphs": []}, {}, "from_pyg: missing a required argument: 'name'"),
    (from_pyg, {"graphs": []}, {"name": 7}, "from_pyg: name must be str, got int 7"),
    (load_images, {}, {"spec": 3}, "load_images: spec must be str, got int 3"),
    (load_images, {}, {"spec": None}, "load_images: spec must be str, got NoneType None"),
    (load_images, {}, {"spec": "npz:" + "a" * 5000}, "File name too long"),
    (ddkit.graph_table, {}, {}, "graph_table: missing a required argument: 'data'"),
    (ddkit.graph_table, {}, {"data": "mutag"}, "graph_table: data must be a tuple of str, a sequence of texts, got"),
    (ddkit.graph_table, {"data": ["mutag"]}, {"hops": 2}, "graph_table: hops must be a tuple of int, got int 2"),
    (ddkit.graph_table, {"data": ["mutag"]}, {"hops": (0,)}, "needs a depth of at least 1"),
    (ddkit.graph_table, {"data": ["mutag"]}, {"ratios": (2,)}, "ratios above 0 and at most 1"),
    (ddkit.graph_table, {"data": ["mutag"]}, {"methods": ("ftd",)}, "those for graphs are mirage, mirage-plus"),
    (ddkit.graph_table, {"data": ["mutag"]}, {"method": "mirage"}, "has no argument 'method'; did you mean methods"),
    (ddkit.graph_table, {"data": ["mutagg"]}, {}, "graphs 'mutagg': are unknown; did you mean mutag"),
    (ddkit.export, {"source": SHIPPED}, {"kind": 3}, "export: kind must be str, got int 3"),
    (ddkit.export, {"source": SHIPPED, "kind": "npz"}, {"path": 3}, "export: path must be str or a path or None, got"),
    (ddkit.export, {"source": SHIPPED}, {"kind": "jpg"}, "export kind 'jpg' is unknown"),
    (ddkit.export, {"kind": "npz"}, {"source": [1]}, "source must be SyntheticSet or GraphSet or str or a path, got"),
    (ddkit.export, {"source": SHIPPED, "kind": "hf"}, {"push": 3}, "export: push must be str or None, got int 3"),
    (ddkit.cite, {}, {}, "cite: needs a method or a set"),
    (ddkit.doctor, {}, {"smoke": "no"}, "doctor: smoke must be bool, got str 'no'"),
]


@pytest.mark.parametrize(
    ("call", "given", "wrong", "words"), CALLS, ids=[f"{c[0].__name__} {ascii(c[2])[:50]}" for c in CALLS]
)
def test_wrong_arguments_are_one_line(call: Callable, given: dict, wrong: dict, words: str) -> None:
    assert words in line_of(lambda: call(**given | wrong))


def test_every_public_call_checks_its_arguments() -> None:
    """All but what takes no argument: what it raises of an argument that it does not have is ours."""
    for name in ddkit.__all__:
        thing = getattr(ddkit, name)
        if isinstance(thing, type) and (issubclass(thing, Exception) or dataclasses.is_dataclass(thing)):
            continue
        if name != "list_sets":
            assert "has no argument 'nonsense'" in line_of(lambda thing=thing: thing(nonsense=1)), name


def test_exports(synthetic: ddkit.SyntheticSet, graphs: ddkit.GraphSet, tmp_path: Path) -> None:
    assert "cannot be written" in line_of(lambda: ddkit.export(synthetic, "npz", tmp_path))
    assert "name a file" in line_of(lambda: ddkit.export(synthetic, "npz", ""))
    assert "path is missing; a set in memory has no name" in line_of(lambda: ddkit.export(synthetic, "npz"))
    assert "'png' is unknown for a set of graphs; there are: h5" in line_of(lambda: ddkit.export(graphs, "png", "x"))
    assert "has no effect on graphs" in line_of(lambda: ddkit.export(graphs, "npz", "x.npz", data="mutag"))
    assert ddkit.export(synthetic, "npz", "deep/x.npz") == Path("deep/x.npz")  # a missing folder is made
    assert ddkit.export(SHIPPED, "npz") == Path(f"{SHIPPED}.npz")
    with np.load("deep/x.npz") as mine, np.load(f"{SHIPPED}.npz") as shipped:
        assert all(np.array_equal(mine[name], shipped[name]) for name in shipped)
        assert np.array_equal(shipped["raw"], synthetic.raw_images.numpy())


def test_sets_of_graphs_are_loaded_and_exported_as_those_of_images(graphs: ddkit.GraphSet) -> None:
    file = ddkit.export(graphs, "h5", "graphs.h5")
    found = ddkit.load(file)
    assert isinstance(found, ddkit.GraphSet) and found.digest == graphs.digest
    assert ddkit.export(file, "h5", "again.h5").read_bytes() == file.read_bytes()
    assert len(torch.load(ddkit.export(file, "pt"), weights_only=True)) == len(graphs)
    with np.load(ddkit.export(graphs, "npz", "x.npz")) as arrays:
        assert np.array_equal(arrays["node_vocabulary"], graphs.node_vocabulary)
    for call in (ddkit.relabel, ddkit.SyntheticDataset):
        assert "is a set of graphs, but a set of images is needed here" in line_of(lambda call=call: call(file))
    assert "is a set of images, but a set of graphs is needed here" in line_of(
        lambda: ddkit.read_graph_set(ddkit.list_sets()[SHIPPED])
    )
    line = "set 'X': is a set of images, but a set of graphs is needed here"
    assert line_of(lambda: ddkit.read_graph_set(SHIPPED)).startswith(line.replace("X", str(ddkit.list_sets()[SHIPPED])))
    line = "relabel: source: is a set of graphs, but a set of images is needed here"
    assert line_of(lambda: ddkit.relabel(graphs)).startswith(line)


def test_tables_are_checked_when_they_are_asked_for() -> None:
    """Before the first table is taken from the iterator."""
    for given, words in (
        ({"protocols": "honest"}, "evaluate_all: protocols must be a tuple of str, a sequence of texts, got str 'hon"),
        ({"protocols": ()}, "needs at least one protocol"),
        ({"protocols": ("honest", "papr")}, "protocol 'papr' is unknown; did you mean paper"),
        ({"architectures": 3}, "evaluate_all: architectures must be a tuple of str or Callable, got int 3"),
        ({"cross": "yes"}, "evaluate_all: cross must be bool, got str 'yes'"),
    ):
        assert words in line_of(lambda given=given: ddkit.evaluate_all(SHIPPED, **given))


def test_files_that_a_generator_cannot_read_are_one_line(tmp_path: Path) -> None:
    @checked
    def call(path: str) -> Iterator[str]:
        yield "first"
        yield Path(path).read_text()

    lines = call(f"{tmp_path}/x")
    assert next(lines) == "first"
    assert line_of(lambda: next(lines)) == f"call: file '{tmp_path}/x': No such file or directory; choose another"


def test_numbers_of_numpy_and_lists_pass_and_become_pythons() -> None:
    @checked
    def call(count: int, share: float, name: str | Path, texts: tuple[str, ...], files: tuple[Path, ...] = ()) -> tuple:
        return count, share, name, texts, files

    found = call(np.int64(3), np.float32(0.5), Path("x"), ["a"], files=["b"])
    assert found == (3, 0.5, Path("x"), ("a",), (Path("b"),))
    assert [type(value) for value in found[:3]] == [int, float, type(Path())]
    assert type(call(1, 2, "x", ())[1]) is float


def test_the_operating_systems_refusal_is_one_line(tmp_path: Path) -> None:
    @checked
    def call(path: str) -> str:
        return Path(path).read_text()

    assert (
        line_of(lambda: call(f"{tmp_path}/x"))
        == f"call: file '{tmp_path}/x': No such file or directory; choose another"
    )


SEEDED = [
    name for name in dir(ddkit) if callable(call := getattr(ddkit, name)) and "seed" in signature(call).parameters
]


@pytest.mark.parametrize("name", SEEDED)
def test_a_seed_below_zero_is_one_line(name: str) -> None:
    call = getattr(ddkit, name)
    needed = {"source": SHIPPED, "method": "mirage", "data": ["mutag"]}
    needed = {key: value for key, value in needed.items() if name == "graph_table" or key != "data"}
    given = {key: value for key, value in needed.items() if key in signature(call).parameters}
    assert line_of(lambda: call(**given, seed=-1)) == f"{name}: seed must be at least 0, got -1"
    assert len(SEEDED) >= 3
