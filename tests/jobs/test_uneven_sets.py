"""Sets with different numbers of images of each class, and rivals of the same numbers."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

import ddkit
from ddkit.data import DataSettings, load_images, prepare
from ddkit.errors import DataError, UsageError
from ddkit.evaluation import RIVALS
from ddkit.synth import SyntheticSet

SIZES = (60, 24, 7)
NAMES = ("zero", "one", "two")
NET = ("net.name=convnet", "net.width=4", "net.depth=1", "evaluate.nets=2", "evaluate.steps=3")
SHORT = (*NET, "method.iterations=2")
SETTINGS = {
    "random": NET,
    "herding": NET,
    "kmeans": NET,
    "dm": SHORT,
    "dc": (*SHORT, "method.outer_loop=2", "method.inner_loop=1"),
    "dsa": (*SHORT, "method.outer_loop=2", "method.inner_loop=1"),
    "mtt": (*SHORT, "experts.count=1", "method.syn_steps=2", "method.expert_epochs=1", "method.max_start_epoch=1"),
    "datm": (*SHORT, "experts.count=1", "method.syn_steps=2", "method.expert_epochs=1", "method.max_start_epoch=1"),
}


@pytest.fixture
def archive(tmp_path: Path, home: Path) -> Callable[..., str]:
    """archive(sizes) writes an npz with as many training images of each class, in mixed order."""

    def write(sizes: tuple[int, ...] = SIZES) -> str:
        draw = np.random.default_rng(0)
        arrays = {}
        for part, each in (("train", sizes), ("test", (5,) * len(sizes))):
            labels = draw.permutation(np.repeat(np.arange(len(sizes)), each))
            images = draw.integers(0, 200, (len(labels), 8, 8)) + 20 * labels[:, None, None]
            arrays |= {f"{part}_images": images.astype(np.uint8), f"{part}_labels": labels.astype(np.int64)}
        np.savez(tmp_path / "uneven.npz", **arrays, classes=np.array(NAMES[: len(sizes)]))
        return f"npz:{tmp_path / 'uneven.npz'}"

    return write


def training_sizes(data: str) -> list[int]:
    return prepare(load_images(data), DataSettings()).train.labels.bincount().tolist()


@pytest.mark.parametrize("method", SETTINGS)
def test_a_set_and_its_rivals_have_the_share_of_each_class(
    method: str, archive: Callable[..., str], tmp_path: Path
) -> None:
    data = archive()
    wanted = [max(1, int(0.15 * size + 0.5)) for size in training_sizes(data)]
    assert len(set(wanted)) == 3
    made = ddkit.condense(
        method, data=data, overrides=(*SETTINGS[method], "method.ipc=share:0.15"), out=tmp_path / "run"
    )
    read = ddkit.load(tmp_path / "run")
    assert isinstance(read, SyntheticSet) and read == made.set
    assert read.labels.tolist() == [c for c, count in enumerate(wanted) for _ in range(count)]
    assert (read.facts.ipc, read.facts.counts) == (None, tuple(wanted))
    rows = {score.name: score.samples for score in made.evaluation.scores}
    assert {rows[name] for name in (made.set.facts.title, *RIVALS)} == {sum(wanted)}
    assert 'ipc = "share:0.15"' in read.record.recipe


def test_every_rival_has_the_counts_of_the_set(archive: Callable[..., str]) -> None:
    from ddkit.data import Counts
    from ddkit.evaluation.rows import rival_row

    real = prepare(load_images(archive()), DataSettings())
    for name in RIVALS:
        row = rival_row(name, real, Counts((9, 2, 1)), 3, 0)
        for members in row.members:
            assert len(set(members.tolist())) == 12
            assert real.train.labels[members].bincount().tolist() == [9, 2, 1]


@pytest.mark.parametrize("method", ["random", "dm", "dc", "mtt"])
def test_a_rule_that_gives_equal_counts_makes_the_set_of_the_integer(
    method: str, archive: Callable[..., str], tmp_path: Path
) -> None:
    data = archive((40, 40, 40))
    (size,) = set(training_sizes(data))
    made = {}
    for name, ipc in (("integer", "2"), ("share", f"share:{2 / size:.4f}"), ("table", "{zero = 2, one = 2, two = 2}")):
        overrides = (*SETTINGS[method], f"method.ipc={ipc}")
        made[name] = ddkit.condense(method, data=data, overrides=overrides, evaluate=False, out=tmp_path / name).set
    for name in ("share", "table"):
        assert made[name].images.numpy().tobytes() == made["integer"].images.numpy().tobytes()
        assert made[name].facts == made["integer"].facts and made[name].digest == made["integer"].digest


def test_a_resumed_uneven_run_is_the_uninterrupted_one(archive: Callable[..., str], tmp_path: Path) -> None:
    data, rule = archive(), "method.ipc={zero = 4, one = 2, two = 1}"
    ddkit.condense("dm", data=data, overrides=(*SHORT, rule), evaluate=False, out=tmp_path / "run")
    longer = ("method.iterations=4",)
    again = ddkit.condense(overrides=longer, evaluate=False, out=tmp_path / "run", resume=True)
    whole = ddkit.condense("dm", data=data, overrides=(*SHORT, rule, *longer), evaluate=False, out=tmp_path / "whole")
    assert torch.equal(again.set.images, whole.set.images)
    with pytest.raises(ddkit.DDKitError, match=r"'method.ipc': is .* and cannot become 3"):
        ddkit.condense(overrides=("method.ipc=3",), evaluate=False, out=tmp_path / "run", resume=True)


def test_the_default_folder_names_the_rule(
    archive: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for rule, name in (("share:0.1", "ipcshare0.1"), ("{zero = 4, one = 2, two = 1}", "ipctable7")):
        made = ddkit.condense("random", data=archive(), overrides=(*NET, f"method.ipc={rule}"), evaluate=False)
        assert made.folder == Path(f"runs/random-uneven-{name}-seed0")


def test_a_class_with_too_few_images_is_one_line(archive: Callable[..., str], tmp_path: Path) -> None:
    overrides = (*NET, "method.ipc={zero = 1, one = 1, two = 99}")
    with pytest.raises(UsageError, match="ipc 99: class 2 has only"):
        ddkit.condense("random", data=archive(), overrides=overrides, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_uneven_set_is_shown_exported_and_begun_from(archive: Callable[..., str], tmp_path: Path) -> None:
    data, rule = archive(), ("method.ipc={zero = 4, one = 2, two = 1}",)
    made = ddkit.condense("herding", data=data, overrides=(*NET, *rule), evaluate=False, out=tmp_path / "run")
    from ddkit.jobs import describe

    shown = describe(tmp_path / "run").facts
    assert (shown["ipc"], shown["counts"]) == ("1 to 4", "4, 2, 1")
    ddkit.export(made.set, "npz", tmp_path / "set.npz")
    with np.load(tmp_path / "set.npz") as arrays:
        assert json.loads(str(arrays["facts"]))["counts"] == [4, 2, 1]
    begin = ddkit.condense(
        "dm",
        data=data,
        overrides=(*SHORT, "method.ipc=2", f"method.pix_init=set:{tmp_path / 'run'}"),
        evaluate=False,
        out=tmp_path / "dm",
    )
    initial = ddkit.load(begin.folder / "initial.h5").images
    assert torch.equal(initial[:5], made.set.images[[0, 1, 4, 5, 6]])


def test_a_comparison_has_rivals_of_the_same_counts(archive: Callable[..., str], tmp_path: Path) -> None:
    data = archive()
    (tmp_path / "own.toml").write_text(
        f'[data]\nname = "{data}"\n[net]\nname = "convnet"\nwidth = 4\ndepth = 1\n[method]\nname = "random"\n'
        "[method.ipc]\nzero = 4\none = 2\ntwo = 1\n[evaluate]\nnets = 2\nsteps = 3\nwhole = false\n"
    )
    found = ddkit.compare([tmp_path / "own.toml"], out=tmp_path / "out")
    assert {line.ipc for line in found.lines} == {"1 to 4, 7 in all"}
    assert {line.scores[0].samples for line in found.lines if line.name in ("random", *RIVALS)} == {7}


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"counts": (4, 2, 2)}, "fact 'counts' gives 2 for class 2, but class 2 has 1 image"),
        ({"counts": (4, 2)}, "one number for each of 3 classes, got 2"),
        ({"counts": (4, 2, 0)}, "whole number of at least 1"),
        ({"counts": None}, "but both are missing"),
        ({"ipc": 3}, "but both are given"),
        ({"counts": (2, 2, 2)}, "is 2 for every class; give fact 'ipc'"),
    ],
)
def test_wrong_counts_are_refused(
    change: dict[str, tuple[int, ...]], line: str, archive: Callable[..., str], tmp_path: Path
) -> None:
    rule = ("method.ipc={zero = 4, one = 2, two = 1}",)
    made = ddkit.condense("random", data=archive(), overrides=(*NET, *rule), evaluate=False, out=tmp_path / "run").set
    with pytest.raises(DataError, match=line):
        dataclasses.replace(made, facts=dataclasses.replace(made.facts, **change))


def test_even_sets_have_no_new_attribute_and_uneven_sets_no_ipc(archive: Callable[..., str], tmp_path: Path) -> None:
    """Earlier versions refuse an uneven set, because they do not know its attribute `counts`."""
    data = archive()
    for ipc, there in (("2", "ipc"), ("share:0.2", "counts")):
        out = tmp_path / there
        ddkit.condense("random", data=data, overrides=(*NET, f"method.ipc={ipc}"), evaluate=False, out=out)
        with (out / "set.h5").open("rb") as raw, h5py.File(raw) as file:
            assert {"ipc", "counts"} & set(file.attrs) == {there}
