"""The property: whatever parts a set is given, from Python or as a file, ddkit holds exactly what a slow and obvious
reader makes of them (`slow_sets`). Where that reader finds no set, ddkit raises a DDKitError of one line. It raises
nothing else, and it always ends. At the shell the same file is shown, or refused by one line, and what is shown is
exported too.

Sets, both kinds of compact sets and sets of graphs are drawn with up to three damages each: arrays of another dtype,
shape or range, missing or superfluous ones; facts and texts of another type or value, missing or superfluous ones.
"""

import contextlib
import copy
import dataclasses
import io
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from hostile_files import seal
from hypothesis import given
from hypothesis import strategies as st

import ddkit
from ddkit.cli.main import run
from ddkit.errors import DDKitError
from ddkit.graphs import TreeDag
from ddkit.synth import Compensated, GraphFacts, GraphSet, Packed, Record, Samples, SetFacts, SyntheticSet, is_graph_set
from doors import slow_sets
from doors.knock import draws

Parts = dict[str, Any]

INPUTS, FILES = 170, 70
"""Damaged sets of each kind: by call, and in files, which are shown and exported too."""

WRONG = [
    *(None, -1, 0, 1, 2, 7, 2.5, -0.5, 1e-30, 1e300, float("nan"), float("inf"), True, False, 2**62, 2**70),
    *("", "x", "normalised", "zca", "sum", "a\0b", "\ud800", b"x", "[1", '["a", "b"]', "{}", "[" * 5000),
    *([], [0.5], (0.5, 0.5, 0.5), [0.0], [-1.0], [float("nan")], ["a", "b"], ["a", "a"], [1, [2]], [[0.5]]),
]
TEXTS = ["", "{}", "[]", "{", "null", '{"a": "\\ud800"}', '{"scores": 3}', '{"scores": [{"name": 1}]}', *WRONG]
DTYPES = ["f2", "f4", "f8", ">f4", "i1", "u1", "i4", "i8", ">i2", "u2", "u8", "b1", "c8", "S3"]
NUMBERS = [-1, 0, 1, 2, 5, 255, 256, 70000, 2**40, 2**62, 0.5, 1.5, 300.0, 1e38, float("nan"), float("inf"), -0.25]


# Sets as they should be


@st.composite
def image_parts(draw: st.DrawFn, form: str) -> Parts:
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    classes, ipc, channels = draw(st.integers(2, 4)), draw(st.integers(1, 3)), draw(st.sampled_from([1, 3]))
    soft = draw(st.sampled_from(["none", "probabilities", "logits", "top"]))
    facts: Parts = {
        **{"method": "m", "dataset": "toy", "data_digest": "d", "preprocess_digest": "p", "net": "mlp"},
        **{"classes": [f"class {c}" for c in range(classes)], "ipc": ipc, "space": "normalised", "augment": ""},
        **{"evaluation_flip": 0.5, "fyi": draw(st.booleans()), "teachers": "a; b"},
        **{"mean": [0.5] * channels, "std": [0.25] * channels, "lr": draw(st.sampled_from([None, 0.01, 1]))},
    }
    shape = (channels, 3, 4)
    if form == "packed":
        facts["formation"] = draw(st.integers(2, 3))
        arrays = {"image": rng.normal(size=(classes * ipc, *shape)).astype(np.float32)}
        rows = classes * ipc * facts["formation"] ** 2
    elif form == "compact":
        real = rng.integers(0, 256, (classes, 2, *shape)).astype(np.uint8)
        arrays = {"real": real, "compensator": rng.normal(size=(2, 2, *shape)).astype(np.float16)}
        rows = classes * 6 * (1 + facts["fyi"])
    else:
        rows = classes * ipc
        images = rng.normal(size=(rows, *shape)).astype(np.float32)
        arrays = {"image": images, "label": np.repeat(np.arange(classes), ipc)}
    if soft == "probabilities":
        arrays["soft_label"] = rng.dirichlet(np.ones(classes), rows).astype(np.float32)
    elif soft == "logits":
        arrays["soft_label"] = (5 * rng.normal(size=(rows, classes))).astype(np.float16)
        facts["temperature"] = 4.0
    elif soft == "top":
        facts |= {"temperature": 4.0, "top_k": draw(st.integers(1, classes - 1))}
        top = 1 + rng.random((rows, facts["top_k"]))
        index = np.stack([rng.permutation(classes)[: facts["top_k"]] for _ in range(rows)])
        packed = (top.astype(np.float16), index.astype(np.uint16), rng.normal(size=(rows, 1)).astype(np.float16) - 9)
        arrays |= dict(zip(slow_sets.PACKED, packed, strict=True))
    record = {"recipe": "seed = 0\n", "environment": "{}", "lineage": "{}", "scores": "{}"}
    kind = "images" if form == "plain" else "compact"
    return {"kind": kind, "form": form, "facts": facts, "record": record, "arrays": arrays}


@st.composite
def graph_parts(draw: st.DrawFn) -> Parts:
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    hops, classes, labels = draw(st.integers(1, 3)), draw(st.integers(2, 3)), 3
    depth = rng.integers(1, 5, hops + 1)
    if draw(st.integers(0, 7)) == 0:  # isolated vertices
        depth[:-1] = 0
    fan = rng.integers(0, 4, depth[1:].sum()) * np.repeat(depth[:-1] > 0, depth[1:])
    owners = np.repeat(np.repeat(depth[:-1], depth[1:]), fan)
    size = rng.integers(1, 4, draw(st.integers(1, 4)))
    arrays = {
        "depth_size": depth,
        "label": rng.integers(0, labels, depth.sum()),
        "leaf_degree": rng.random(depth[0]).astype(np.float32),
        "fan": fan,
        "child": rng.integers(0, owners) if len(owners) else owners,
        "edge_label": rng.integers(0, 2, len(owners)),
        "count": rng.integers(1, 3, len(owners)),
        "sample_support": rng.integers(1, 300, len(size)),
        "sample_size": size,
        "sample_tree": rng.integers(0, depth[-1], size.sum()),
        "node_vocabulary": rng.integers(-5, 9, (labels, 2)),
        "edge_vocabulary": rng.integers(0, 9, (2, 1)),
    }
    if draw(st.booleans()):
        arrays["sample_soft"] = (rng.dirichlet(np.ones(classes), len(size)) * 255).astype(np.int64)[:, :-1]
    else:
        arrays["sample_label"] = rng.integers(0, classes, len(size))
    facts = {"method": "mirage", "dataset": "toy", "data_digest": "d", "readout": "mean"}
    facts |= {"classes": [f"class {c}" for c in range(classes)], "hops": hops, "true_degrees": draw(st.booleans())}
    record = {"recipe": "", "environment": "{}", "lineage": "{}", "scores": "{}"}
    return {"kind": "graphs", "facts": facts, "record": record, "arrays": arrays}


# Damage


@st.composite
def damaged(draw: st.DrawFn, sound: st.SearchStrategy[Parts]) -> Parts:
    parts = copy.deepcopy(draw(sound))
    for _ in range(draw(st.sampled_from([0, 1, 1, 2, 3]))):
        damage = draw(st.sampled_from([damage_array, damage_fact, damage_number, damage_number, damage_text]))
        damage(draw, parts)
    return parts


def damage_array(draw: st.DrawFn, parts: Parts) -> None:
    arrays = parts["arrays"]
    if not arrays:
        return
    name = draw(st.sampled_from(sorted(arrays)))
    array, kind = arrays[name], draw(st.sampled_from(["dtype", "rows", "axes", "missing", "extra", "swapped"]))
    if kind == "dtype":
        with np.errstate(all="ignore"):
            arrays[name] = array.astype(draw(st.sampled_from(DTYPES)))
    elif kind == "rows":
        axis = draw(st.integers(0, max(0, array.ndim - 1)))
        arrays[name] = array if not array.ndim else np.take(array, range(draw(st.integers(0, 2))), axis, mode="wrap")
    elif kind == "axes":
        arrays[name] = draw(st.sampled_from([array[None], array.ravel(), array[..., None], array.T, array.sum()]))
        arrays[name] = np.asarray(arrays[name])
    elif kind == "missing":
        del arrays[name]
    elif kind == "extra":
        arrays[draw(st.sampled_from(["soft_label", "soft_labels", "images", "sample_label", name + "s"]))] = array
    else:
        other = draw(st.sampled_from(sorted(arrays)))
        arrays[name], arrays[other] = arrays[other], arrays[name]


def damage_number(draw: st.DrawFn, parts: Parts) -> None:
    names = [name for name, array in parts["arrays"].items() if array.size and array.dtype.kind in "iuf"]
    if not names:
        return
    array = parts["arrays"][name := draw(st.sampled_from(sorted(names)))].copy()
    place, number = draw(st.integers(0, array.size - 1)), draw(st.sampled_from(NUMBERS))
    with np.errstate(all="ignore"), contextlib.suppress(OverflowError, ValueError):  # a number that it cannot hold
        if draw(st.booleans()):
            array.flat[place] = number
        else:
            array[...] = number
    parts["arrays"][name] = array


def damage_fact(draw: st.DrawFn, parts: Parts) -> None:
    facts = parts["facts"]
    name = draw(st.sampled_from([*sorted(facts), "temperature", "top_k", "formation", "tempratur"]))
    if name in facts and draw(st.integers(0, 3)) == 0:
        del facts[name]
    else:
        facts[name] = draw(st.sampled_from(WRONG))


def damage_text(draw: st.DrawFn, parts: Parts) -> None:
    record = parts["record"]
    name = draw(st.sampled_from([*slow_sets.RECORD, "notes"]))
    if name in record and draw(st.integers(0, 3)) == 0:
        del record[name]
    else:
        record[name] = draw(st.sampled_from(TEXTS))


# The doors


def as_tensor(array: Any) -> Any:
    """A tensor where torch has such numbers, else what it is."""
    try:
        return torch.from_numpy(array)
    except (TypeError, ValueError):
        return array


def known_to(kind: type, given: Parts) -> Parts:
    """The parts that a call has arguments for, None in the place of those that are missing."""
    fields = dataclasses.fields(kind)
    missing = {field.name: None for field in fields if field.default is dataclasses.MISSING}
    return missing | {name: value for name, value in given.items() if name in {field.name for field in fields}}


def image_set_by_call(parts: Parts) -> tuple[Callable[[], SyntheticSet], Parts | None]:
    """(the call, what the slow reader makes of the same arguments)."""
    facts, arrays = known_to(SetFacts, parts["facts"]), dict(parts["arrays"])
    record = {"recipe": "", "environment": "{}", "lineage": "{}", "scores": "{}"} | known_to(Record, parts["record"])
    soft = arrays.get("soft_label")
    if soft is None and all(name in arrays for name in slow_sets.PACKED):
        soft = slow_sets.unpacked(
            *(arrays[name] for name in slow_sets.PACKED),
            classes=len(facts["classes"]) if slow_sets.is_names(facts["classes"]) else 0,
        )
    names = {"plain": ("image", "label"), "compact": ("real", "compensator"), "packed": ("image",)}[parts["form"]]
    given = {name: arrays.get(name) for name in names} | {"soft_label": soft}
    tensors = {name: as_tensor(array) for name, array in given.items()}
    seen = {name: given[name] if isinstance(t, torch.Tensor) else b"" for name, t in tensors.items() if t is not None}
    facts_and_record = (slow_sets.image_facts(facts), slow_sets.record_of(record))
    if parts["form"] == "packed":
        factor = facts["formation"] if "formation" in facts else 2

        def of_packed() -> SyntheticSet:
            own = Packed(tensors["image"], factor)
            return SyntheticSet.from_compact(own, SetFacts(**facts), tensors["soft_label"], Record(**record))

        return of_packed, slow_sets.packed_set(*facts_and_record, seen)
    if parts["form"] == "compact":
        mirrored = bool(parts["facts"].get("fyi") is True)

        def call() -> SyntheticSet:
            own = Compensated(tensors["real"], tensors["compensator"], mirrored)
            return SyntheticSet.from_compact(own, SetFacts(**facts), tensors["soft_label"], Record(**record))

        return call, slow_sets.compact(*facts_and_record, seen, mirrored)
    fields = {"images": tensors["image"], "labels": tensors["label"], "soft_labels": tensors["soft_label"]}
    return lambda: SyntheticSet(**fields, facts=SetFacts(**facts), record=Record(**record)), slow_sets.images(
        *facts_and_record, seen
    )


def graph_set_by_call(parts: Parts) -> tuple[Callable[[], GraphSet], Parts | None]:
    facts, given = known_to(GraphFacts, parts["facts"]), parts["arrays"]
    record = {"recipe": "", "environment": "{}", "lineage": "{}", "scores": "{}"} | known_to(Record, parts["record"])
    soft, none = given.get("sample_soft"), np.zeros(0)
    names = ["sample_support", "sample_size", "sample_tree", "sample_label", "node_vocabulary", "edge_vocabulary"]
    seen = {name: given.get(name, none) for name in (*slow_sets.TREES, *names)}
    if soft is not None:
        del seen["sample_label"]
        seen["sample_soft"] = soft
    expected = slow_sets.graphs(slow_sets.graph_facts(facts), slow_sets.record_of(record), seen)
    if soft is not None and expected is not None:
        seen["sample_label"] = expected["arrays"]["sample_label"]

    def call() -> GraphSet:
        samples = {name: seen.get(f"sample_{name}", none) for name in ("label", "support", "size", "tree")}
        return GraphSet(
            trees=TreeDag(**{name: seen[name] for name in slow_sets.TREES}),
            samples=Samples(**samples, soft=soft),
            node_vocabulary=seen["node_vocabulary"],
            edge_vocabulary=seen["edge_vocabulary"],
            facts=GraphFacts(**facts),
            record=Record(**record),
        )

    return call, expected


def write(parts: Parts, path: Path, earlier: bool = False) -> None:
    """A file of the parts, by plain h5py, in today's format or the earlier one; what HDF5 cannot hold is left out."""
    facts, arrays = parts["facts"], parts["arrays"]
    with h5py.File(path, "w", userblock_size=0 if earlier else 512) as file:
        file.attrs["format"], file.attrs["kind"] = "ddkit-set/1" if earlier else "ddkit-set/2", parts["kind"]
        for name, value in facts.items():
            with contextlib.suppress(TypeError, ValueError, OSError, OverflowError):
                if value is not None:
                    file.attrs[name] = json.dumps(value) if name == "classes" else value
        group = file.create_group("ddkit")
        for name, value in parts["record"].items():
            with contextlib.suppress(TypeError, ValueError, OSError, OverflowError):
                if value is not None:
                    group.attrs[name] = value
        inner = file.create_group("compact") if parts["kind"] == "compact" else file
        for name, array in arrays.items():
            (inner if name in ("real", "compensator", "image") else file)[name] = array
        if parts["kind"] == "compact":
            expansion = slow_sets.EXPANSIONS[facts.get("fyi") is True]
            expansion = "packed/1" if parts["form"] == "packed" else expansion
            inner.attrs["expansion"] = expansion
        if parts["kind"] == "compact" and earlier:
            inner.attrs["sha256"] = "0" * 64
            facts = {
                name: slow_sets.plain(value) for name, value in file.attrs.items() if name not in ("format", "kind")
            }
            with contextlib.suppress(LookupError, TypeError, ValueError, AttributeError):
                facts["classes"] = json.loads(facts["classes"])
                inner.attrs["sha256"] = slow_sets.sha256(slow_sets.image_facts(facts), expansion, arrays)
    if not earlier:
        seal(path)


# What is held against what


def assert_images(found: SyntheticSet, expected: Parts) -> None:
    assert dataclasses.asdict(found.facts) == expected["facts"]
    assert dataclasses.asdict(found.record) == expected["record"]
    assert (found.images.dtype, found.labels.dtype) == (torch.float32, torch.int64)
    np.testing.assert_array_equal(found.labels.numpy(), expected["labels"])
    np.testing.assert_allclose(found.images.numpy(), expected["images"], rtol=1e-5, atol=1e-5)
    if found.compact is None:
        np.testing.assert_array_equal(found.images.numpy(), expected["images"])
    assert (found.soft_labels is None) == (expected["soft"] is None)
    if found.soft_labels is not None:
        np.testing.assert_array_equal(found.soft_labels.numpy(), expected["soft"])


def assert_graphs(found: GraphSet, expected: Parts) -> None:
    assert dataclasses.asdict(found.facts) == expected["facts"]
    assert dataclasses.asdict(found.record) == expected["record"]
    for name, array in expected["arrays"].items():
        owner: Any = found.samples if name.startswith("sample_") else found.trees if name in slow_sets.TREES else found
        mine = getattr(owner, name.removeprefix("sample_"))
        assert mine.dtype == (array.dtype if name == "leaf_degree" else np.int64), name
        np.testing.assert_array_equal(mine, array)
    assert found.trees.nodes.tolist() == expected["nodes"]


def judge(call: Callable[[], Any], expected: Parts | None, compare: Callable[[Any, Parts], None]) -> bool:
    """Whether there is a set, after the property was held."""
    try:
        found = call()
    except DDKitError as error:
        assert str(error) and "\n" not in str(error)
        assert expected is None, f"refused, and should not be: {error}"
        return False
    assert expected is not None, "accepted, and should not be"
    compare(found, expected)
    return True


def assert_the_shell_agrees(path: Path, good: bool) -> None:
    """`ddkit show` ends in 0 or in one line; what it shows can be exported."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(["show", str(path)])
        if good:
            target = path.with_name("exported")
            kind = "npz" if target.with_suffix(".npz").exists() else "pt"
            target.with_suffix(".npz").unlink(missing_ok=True)
            export = run(["export", str(path), "--to", kind, "--out", str(target.with_suffix(f".{kind}"))])
            assert export in (0, 2, 3), err.getvalue()  # 2, 3: the real data of a whitened set is not there
    assert (code == 0) == good, err.getvalue()
    if not good:
        assert code == 3 and err.getvalue().startswith("ddkit: set ") and err.getvalue().count("\n") == 1, (
            err.getvalue()
        )


def hold(sound: st.SearchStrategy[Parts], one: Callable[[Parts], bool], inputs: int = INPUTS) -> None:
    """The property for each of many damaged sets, of which some must be good and some must be refused."""
    seen: Counter[bool] = Counter()

    @draws(inputs)
    @given(damaged(sound))
    def check(parts: Parts) -> None:
        seen[one(parts)] += 1

    check()
    assert min(seen[True], seen[False]) >= inputs // 9, seen


@pytest.mark.parametrize("form", ["plain", "compact", "packed"])
def test_sets_by_call(form: str) -> None:
    def one(parts: Parts) -> bool:
        call, expected = image_set_by_call(parts)
        return judge(call, expected, assert_images)

    hold(image_parts(form), one)


def test_graph_sets_by_call() -> None:
    def one(parts: Parts) -> bool:
        call, expected = graph_set_by_call(parts)
        return judge(call, expected, assert_graphs)

    hold(graph_parts(), one)


@pytest.mark.parametrize(
    ("form", "earlier"),
    [("plain", False), ("compact", False), ("packed", False), ("compact", True)],
    ids=["plain", "compact", "packed", "compact of format 1"],
)
@pytest.mark.filterwarnings("ignore:.*carries no digest")
def test_sets_in_files(form: str, earlier: bool, tmp_path: Path) -> None:
    def one(parts: Parts) -> bool:
        path = tmp_path / "set.h5"
        write(parts, path, earlier)
        assert not is_graph_set(path)
        good = judge(lambda: ddkit.load(path), slow_sets.read(str(path)), assert_images)
        assert_the_shell_agrees(path, good)
        return good

    hold(image_parts(form), one, FILES)


def test_graph_sets_in_files(tmp_path: Path) -> None:
    def one(parts: Parts) -> bool:
        path = tmp_path / "set.h5"
        write(parts, path)
        good = judge(lambda: ddkit.read_graph_set(path), slow_sets.read(str(path)), assert_graphs)
        assert is_graph_set(path) or not good
        assert_the_shell_agrees(path, good)
        return good

    hold(graph_parts(), one, FILES)
