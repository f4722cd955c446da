"""What a set must not say, kind by kind: the line that says so, from Python and from a file alike."""

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hostile_files import edited

import ddkit
from ddkit.cli.main import run
from ddkit.errors import DataError, UsageError
from ddkit.graphs import TreeDag
from ddkit.randomness import stream
from ddkit.synth import Compensated, GraphFacts, GraphSet, Record, Samples, SetFacts, SyntheticSet, write_set

FACTS: dict[str, Any] = {
    **{"method": "m", "dataset": "toy", "data_digest": "d", "classes": ("a", "b", "c"), "ipc": 2},
    **{"space": "normalised", "preprocess_digest": "p", "net": "mlp", "mean": (0.5,), "std": (0.25,), "lr": 0.01},
}


def parts(**changes: Any) -> dict[str, Any]:
    """Arguments of a set of 3 classes, 2 images each of 1x4x4."""
    images = torch.randn(6, 1, 4, 4, generator=stream(0, "images"))
    labels = torch.arange(3).repeat_interleave(2)
    return {"images": images, "labels": labels, "facts": FACTS} | changes


def made(arguments: dict[str, Any]) -> SyntheticSet:
    return SyntheticSet(**arguments | {"facts": SetFacts(**arguments["facts"])})


def spoilt(value: float) -> torch.Tensor:
    images = parts()["images"]
    images[1, 0, 2, 3] = value
    return images


def soft(rows: list[float]) -> torch.Tensor:
    return torch.tensor(rows).expand(6, 3)


SAID = [
    ("probabilities below 0", parts(soft_labels=soft([-0.5, 1.0, 0.5])), "smallest is -0.5; if they are logits"),
    ("probabilities of sum 2", parts(soft_labels=soft([1.0, 0.5, 0.5])), "have the sum 2 and the smallest is 0.5"),
    ("lost labels", parts(soft_labels=soft([math.nan, 0.5, 0.5])), "soft labels have 6 of 18 numbers"),
    (
        "lost logits",
        parts(soft_labels=soft([1e6, 0, 0]), facts=FACTS | {"temperature": 4.0}),
        "stored as float16, have 6 of 18 numbers that are not finite",
    ),
    ("labels of other classes", parts(soft_labels=soft([0.3, 0.3, 0.4])[:, :2]), r"soft labels must be \[6, 3\]"),
    ("no logits", parts(facts=FACTS | {"temperature": 4.0}), "learned at temperature 4 are missing"),
    (
        "more logits than top_k",
        parts(soft_labels=soft([1.0, 2.0, 3.0]), facts=FACTS | {"temperature": 4.0, "top_k": 1}),
        "fact 'top_k' is 1, but soft labels have more logits",
    ),
    (
        "more images a class than any method makes",
        parts(
            labels=torch.tensor([0, 0, 0, 1, 1, 2]),
            soft_labels=soft([1.0, 2.0, 3.0]),
            facts=FACTS | {"temperature": 4.0, "ipc": 1},
        ),
        "fact 'ipc' is 1, but class 0 has 3 images; at this ipc a class has at most 2",
    ),
    (
        "a temperature that float32 takes for 0",
        parts(soft_labels=soft([1.0, 2.0, 3.0]), facts=FACTS | {"temperature": 1e-46}),
        "fact 'temperature' must lie between 1e-30 and 1e",
    ),
    ("top_k without temperature", parts(facts=FACTS | {"top_k": 1}), "fact 'top_k' is 1; it needs a temperature"),
    ("NaN", parts(images=spoilt(math.nan)), "images have 1 of 96 numbers that are not finite"),
    ("infinite", parts(images=spoilt(math.inf)), "images have 1 of 96 numbers that are not finite"),
    ("three axes", parts(images=torch.zeros(6, 4, 4)), r"images must be floats .*, got torch.float32 \[6, 4"),
    ("bytes", parts(images=torch.zeros(6, 1, 4, 4).byte()), "images must be floats .* got torch.uint8"),
    ("no image", parts(images=torch.zeros(0, 1, 4, 4), labels=torch.zeros(0).long()), "has no pixel"),
    ("no pixel", parts(images=torch.zeros(6, 1, 0, 4)), "has no pixel"),
    ("fewer labels", parts(labels=torch.zeros(5).long()), "labels must be one for each image, got 5 for 6"),
    ("labels that are floats", parts(labels=torch.zeros(6)), r"labels must be whole numbers \[N\], got torch.float32"),
    ("a label too large", parts(labels=torch.arange(6)), "a label is outside the 3 classes, found 0 to 5"),
    ("all labels 0", parts(labels=torch.zeros(6).long()), "fact 'ipc' is 2, but class 0 has 6 images"),
    (
        "all labels 0 beside logits",
        parts(
            labels=torch.zeros(6).long(), soft_labels=soft([1.0, 2.0, 3.0]), facts=FACTS | {"temperature": 4.0}
        ),
        "all 6 labels are class 0, of 3 classes",
    ),
    ("another ipc", parts(facts=FACTS | {"ipc": 3}), "fact 'ipc' is 3, but class 0 has 2 images; every class needs"),
    ("ipc -1", parts(facts=FACTS | {"ipc": -1}), "fact 'ipc' must be a whole number of at least 1, got -1"),
    ("std 0", parts(facts=FACTS | {"std": (0.0,)}), "fact 'std' must be above 0, got 0"),
    ("mean of more channels", parts(facts=FACTS | {"mean": (0.0,) * 3, "std": (1.0,) * 3}), "images have 1 channels"),
    ("mean without std", parts(facts={**FACTS, "std": None}), "fact 'std' is missing, but its images are normalised"),
    ("std of more channels", parts(facts=FACTS | {"std": (1.0, 1.0)}), "must have the same length, got 1 and 2"),
    ("neither mean nor std", parts(facts=FACTS | {"mean": None, "std": None}), "'mean' is missing, but its images are"),
    ("whitened with a mean", parts(facts=FACTS | {"space": "zca"}), "'mean' is given, but its images are whitened"),
    ("a name that obeys", parts(facts=FACTS | {"classes": ("a\x1b[31m", "b")}), r"cannot be printed, 'a\\x1b\[31m'"),
    ("a name of two lines", parts(facts=FACTS | {"method": "m\nrow"}), r"'method' cannot be printed, 'm\\nrow'; write"),
    ("an empty name", parts(facts=FACTS | {"classes": ("a", "")}), "fact 'classes' must name every class, got ''"),
    ("one class", parts(facts=FACTS | {"classes": ("a",)}), "fact 'classes' must be two texts or more, got .'a',."),
    ("lr NaN", parts(facts=FACTS | {"lr": math.nan}), "fact 'lr' must be a finite number, got nan"),
    ("lr below 0", parts(facts=FACTS | {"lr": -0.1}), "fact 'lr' must be above 0, got -0.1"),
    ("classes twice", parts(facts=FACTS | {"classes": ("a", "b", "a")}), "'a' occurs 2 times"),
    ("no class", parts(facts=FACTS | {"classes": ()}), "fact 'classes' must be two texts or more, got ..$"),
    ("another space", parts(facts=FACTS | {"space": "zcq"}), "fact 'space' is 'zcq', which is unknown; did you"),
    ("a flip of 2", parts(facts=FACTS | {"evaluation_flip": 2.0}), "'evaluation_flip' must lie between 0 and 1, got 2"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "words"), [one[1:] for one in SAID], ids=[one[0] for one in SAID])
def test_false_sets_are_one_line(
    arguments: dict[str, Any], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(DataError, match=words) as caught:
        made(arguments)
    assert "\n" not in str(caught.value)
    path = tmp_path / "set.h5"
    write_set(made(parts()), path)
    with edited(path) as file:
        del file["image"], file["label"]
        file["image"], file["label"] = arguments["images"].numpy(), arguments["labels"].numpy()
        facts = arguments["facts"]
        if "soft_labels" in arguments and facts.get("top_k") is None:
            file["soft_label"] = arguments["soft_labels"].numpy()
        for name, value in facts.items():
            if name == "classes":
                value = str(list(value)).replace("'", '"')
            if value is None:
                del file.attrs[name]
            else:
                file.attrs[name] = value
    with pytest.raises(DataError, match=r"set\.h5': is damaged \(.*\); make it again"):
        ddkit.load(path)
    for command in (["show"], ["export", "--to", "npz"], ["evaluate"]):
        assert run([*command, str(path)]) == 3
        out, err = capsys.readouterr()
        assert not out and err.startswith(f"ddkit: set '{path}': is damaged") and err.count("\n") == 1


@pytest.mark.parametrize("dtype", [torch.int32, torch.uint8, torch.int16])
def test_whole_labels_of_any_size_are_read(dtype: torch.dtype, tmp_path: Path) -> None:
    found = made(parts(labels=parts()["labels"].to(dtype)))
    assert found.labels.dtype == torch.int64 and torch.equal(found.labels, parts()["labels"])
    write_set(found, tmp_path / "set.h5")
    with edited(tmp_path / "set.h5") as file:
        del file["label"]
        file["label"] = found.labels.to(dtype).numpy()
    assert torch.equal(ddkit.load(tmp_path / "set.h5").labels, found.labels)


def test_a_set_is_the_same_before_it_is_written_and_after_it_is_read(tmp_path: Path) -> None:
    """Doubles, gradients and logits that float16 rounds."""
    images = parts()["images"].double().requires_grad_()
    logits = torch.randn(6, 3, generator=stream(0, "logits"), dtype=torch.float64)
    facts = FACTS | {"temperature": 4, "lr": 1}
    found = made(parts(images=images, soft_labels=logits, facts=facts))
    write_set(found, tmp_path / "set.h5")
    read = ddkit.load(tmp_path / "set.h5")
    assert torch.equal(read.images, found.images) and not found.images.requires_grad
    assert torch.equal(read.soft_labels, found.soft_labels) and torch.equal(found.soft_labels, logits.half().float())
    assert read.facts == found.facts and type(found.facts.lr) is float


def test_images_that_are_not_the_compact_forms_are_refused() -> None:
    draw = stream(0, "compact")
    real = torch.randint(256, (3, 1, 1, 4, 4), generator=draw, dtype=torch.uint8)
    compact = Compensated(real, torch.randn(2, 1, 1, 4, 4, generator=draw).half())
    sound = SyntheticSet.from_compact(compact, SetFacts(**FACTS))
    for images in (sound.images + 1e-3, sound.images[:6], sound.images.flip(0)):
        with pytest.raises(DataError, match="images are not those of its compact form; make it with"):
            dataclasses.replace(sound, images=images, labels=sound.labels[: len(images)])
    with pytest.raises(DataError, match="labels are not those of its compact form"):
        dataclasses.replace(sound, labels=sound.labels.flip(0))
    with pytest.raises(DataError, match="its images have 1 channels, mean and std 3 and 3"):
        SyntheticSet.from_compact(compact, SetFacts(**FACTS | {"mean": (0.5,) * 3, "std": (0.5,) * 3}))
    with pytest.raises(DataError, match="compact form, or of its 4 classes"):
        SyntheticSet.from_compact(compact, SetFacts(**FACTS | {"classes": ("a", "b", "c", "d")}))
    with pytest.raises(DataError, match="a compensator has numbers that are not finite"):
        Compensated(real, compact.compensators * math.inf)


@pytest.mark.parametrize("name", ["images", "classes"])
def test_a_set_of_other_images_or_classes_than_its_data_is_refused(name: str, home: Path) -> None:
    """Its digests are those of digits, and what it says of them is not."""
    shipped = ddkit.load("digits-ftd-ipc1")
    changes: dict[str, Any] = {
        "images": {"images": shipped.images[..., :7]},
        "classes": {"facts": dataclasses.replace(shipped.facts, classes=shipped.facts.classes[::-1])},
    }
    with pytest.raises(DataError, match=rf"set of 'digits': its {name} are \(.*, but those of its data are \("):
        ddkit.evaluate(dataclasses.replace(shipped, **changes[name]), nets=2)


@pytest.mark.parametrize("judge", [ddkit.evaluate, ddkit.relabel])
def test_a_set_that_was_changed_in_place_is_refused(judge: Callable[..., object], home: Path) -> None:
    shipped = ddkit.load("digits-ftd-ipc1")
    given = shipped.images.clone()
    changed = dataclasses.replace(shipped, images=given)
    given.fill_(math.nan)
    with pytest.raises(DataError, match="images have 640 of 640 numbers that are not finite"):
        judge(changed, **{"nets": "mlp"} if judge is ddkit.relabel else {})


@pytest.mark.parametrize("temperature", [0.0, 1e-46, 1e-300, 1e300, math.nan])
def test_a_temperature_that_float32_does_not_hold_is_refused(temperature: float, home: Path) -> None:
    with pytest.raises(UsageError, match="the temperature must lie between 1e-30 and 1e"):
        ddkit.relabel("digits-ftd-ipc1", nets="mlp", temperature=temperature)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mean": (5.0,)}, r"its mean is \(5\.0,\), but that of its preprocessing is \(0\."),
        ({"std": (9.0,)}, r"its std is \(9\.0,\), but that of its preprocessing is \(0\."),
        (
            {"space": "zca", "mean": None, "std": None},
            "its space is 'zca', but that of its preprocessing is 'normalised'",
        ),
    ],
)
def test_a_set_of_another_preprocessing_than_its_data_has_is_refused(changes: dict, words: str, home: Path) -> None:
    shipped = ddkit.load("digits-ftd-ipc1")
    changed = dataclasses.replace(shipped, facts=dataclasses.replace(shipped.facts, **changes))
    with pytest.raises(DataError, match=f"set of 'digits': {words}"):
        ddkit.evaluate(changed, nets=2)


@pytest.mark.parametrize("scores", ['{"scores": 3}', '{"scores": [{"name": 1}]}', '{"scores": [7]}'])
def test_scores_of_another_form_are_one_line_and_the_set_is_shown(
    scores: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_set(made(parts(record=Record(scores=scores))), tmp_path / "set.h5")
    assert run(["show", str(tmp_path / "set.h5")]) == 0
    assert "scores in a format that this version does not read" in capsys.readouterr().out


# Sets of graphs

TREES = {
    "depth_size": [2, 3],
    "label": [0, 1, 0, 1, 1],
    "leaf_degree": [1.0, 2.0],
    "fan": [1, 2, 1],
    "child": [0, 0, 1, 1],
    "edge_label": [0, 1, 0, 0],
    "count": [1, 2, 1, 1],
}
SAMPLES = {"label": [0, 1], "support": [5, 300], "size": [1, 2], "tree": [0, 1, 2]}


def graph_set(**changes: list) -> GraphSet:
    """Three trees of depth 1 over two leaves; "tree_label" stands for the trees' labels, "label" for the samples'."""
    given = {"node_vocabulary": [[3], [-4]], "edge_vocabulary": [[0], [1]]} | TREES | SAMPLES | changes
    arrays = {name: np.array(numbers) for name, numbers in given.items()}
    trees = {name: arrays[name] for name in TREES if name != "leaf_degree"}
    return GraphSet(
        trees=TreeDag(
            **trees | {"label": np.array(changes.get("tree_label", TREES["label"]))},
            leaf_degree=arrays["leaf_degree"].astype(np.float32),
        ),
        samples=Samples(**{name: arrays[name] for name in SAMPLES}, soft=arrays.get("soft")),
        node_vocabulary=arrays["node_vocabulary"],
        edge_vocabulary=arrays["edge_vocabulary"],
        facts=GraphFacts(method="m", dataset="x", data_digest="d", classes=("a", "b"), hops=1, true_degrees=False),
    )


GRAPHS = [
    ({"child": [0, 0, 1, 2]}, "'child' must lie in 0 to 1, got 2 at 3"),
    ({"child": [0, 0, -1, 1]}, "'child' must lie in 0 to 1, got -1 at 2"),
    ({"count": [1, 0, 1, 1]}, "'count' must lie in 1 to .*, got 0 at 1"),
    ({"count": [2**52, 2**52, 2**52, 1]}, "the numbers of 'count' have a sum that cannot be counted"),
    ({"count": [1, 10**8, 1, 1]}, "'count' gives 100,000,003 edges between its trees, over 100,000,000"),
    ({"edge_label": [0, 2, 0, 0]}, "'edge_label' must lie in 0 to 1, got 2 at 1"),
    ({"tree_label": [0, 1, 0, 1, 2]}, "'label' must lie in 0 to 1, got 2 at 4"),
    ({"leaf_degree": [1.0, -2.0]}, "'leaf_degree' must be finite numbers from 0 on"),
    ({"leaf_degree": [1.0, math.nan]}, "'leaf_degree' must be finite numbers from 0 on"),
    ({"leaf_degree": [1.0]}, "'leaf_degree' must be 2 floats, one a leaf, got float32 \\[1\\]"),
    ({"fan": [1, 2, 2]}, "'child' must have 5 numbers, got 4"),
    ({"depth_size": [2, 3, 1]}, "'depth_size' must have 2 numbers, got 3"),
    ({"depth_size": [5, 0]}, "has no tree of full depth, the last of 'depth_size' is 0"),
    ({"label": [0, 2]}, "'sample_label' must lie in 0 to 1, got 2 at 1"),
    ({"support": [5, 0]}, "'sample_support' must lie in 1 to .*, got 0 at 1"),
    ({"size": [0, 3]}, "'sample_size' must lie in 1 to .*, got 0 at 0"),
    ({"size": [1, 1]}, "'sample_tree' must have 2 numbers, got 3"),
    ({"tree": [0, 1, 3]}, "'sample_tree' must lie in 0 to 2, got 3 at 2"),
    ({"tree": [0.0, 1.0, 2.0]}, "'sample_tree' must hold whole numbers of 64 bits, got float64"),
    ({"soft": [[200], [256]]}, "255ths of all classes but the last, at most 255 together"),
    ({"soft": [[200]]}, r"'sample_soft' must be \[2, 1\]"),
    ({"soft": [[200], [200]]}, "a sample's label is not its most probable class"),
    ({"node_vocabulary": [1, 2]}, "'node_vocabulary' must be an array of two axes, got int64 \\[2\\]"),
    ({"edge_vocabulary": [[0.5], [1.5]]}, "'edge_vocabulary' must hold whole numbers"),
]


@pytest.mark.parametrize(("changes", "words"), GRAPHS, ids=[str(changes) for changes, _ in GRAPHS])
def test_false_sets_of_graphs_are_one_line(changes: dict, words: str) -> None:
    assert len(graph_set()) == 2
    with pytest.raises(DataError, match=words) as caught:
        graph_set(**changes)
    assert "\n" not in str(caught.value)


def test_numbers_of_any_size_become_64_bits() -> None:
    found = graph_set(child=np.array([0, 0, 1, 1], np.uint8), tree=np.array([0, 1, 2], np.int16))
    assert found.trees.child.dtype == found.samples.tree.dtype == np.int64
