"""Whatever is refused leaves a run folder byte for byte as it was, and a new run's folder not there at all."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ddkit.cli.main import run
from ddkit.experts import list_buffers
from ddkit.run import RunFolder

SETTINGS = ("experts.count=1", "method.max_start_epoch=1", "method.syn_steps=2", "net.width=4", "net.depth=1")
ON_THE_WAY = ("--set", "method.lr_img=0.5", "--set", "method.iterations=6")
"""A change that would be written down, and iterations to see it."""


def write_data(file: Path, seed: int = 0) -> None:
    draw, labels = np.random.default_rng(seed), np.arange(60) % 3
    np.savez(file, train_images=draw.integers(0, 255, (60, 8, 8, 1), dtype=np.uint8), train_labels=labels)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, list[str]]:
    """A run of three iterations that mirrors images, and the command that goes on with it; made once."""
    place = tmp_path_factory.mktemp("begun") / "place"
    (place / "home").mkdir(parents=True)
    write_data(place / "data.npz")
    folder = RunFolder(place / "run")
    command = ["condense", "--method", "ftd", "--device", "cpu", "--no-evaluate", "--out", str(folder.path)]
    settings = ["--data", f"npz:{place / 'data.npz'}", "--set", "method.iterations=3", "--set", "data.augment=flip"]
    settings += [part for setting in (*SETTINGS, "data.flips_keep_label=true") for part in ("--set", setting)]
    resume = ["condense", "--device", "cpu", "--no-evaluate", "--out", str(folder.path), "--resume"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DDKIT_HOME", str(place / "home"))
        assert run([*command, *settings]) == 0
        assert run([*resume, "--set", "method.lr_img=20.0", "--set", "method.iterations=4"]) == 0
    shutil.copytree(place, place.with_name("pristine"))
    return folder, [*resume, *ON_THE_WAY]


@pytest.fixture
def begun(made: tuple[RunFolder, list[str]], monkeypatch: pytest.MonkeyPatch) -> tuple[RunFolder, list[str]]:
    """That run, as it was made, whatever the test before has done to it."""
    place = made[0].path.parent
    shutil.rmtree(place)
    shutil.copytree(place.with_name("pristine"), place)
    monkeypatch.setenv("DDKIT_HOME", str(place / "home"))
    return made


def content(folder: Path) -> dict[Path, tuple[bytes, int]]:
    """File -> (its bytes, when it was last written)."""
    files = (file for file in folder.rglob("*") if not file.is_dir())
    return {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in files}


def damage(name: str, change: Callable[[bytes], bytes]) -> Callable[[RunFolder], None]:
    def work(folder: RunFolder) -> None:
        file = folder.path / name
        file.write_bytes(change(file.read_bytes()))

    return work


def take_away(folder: RunFolder) -> None:
    (folder.path.parent / "data.npz").unlink()


def other_data(folder: RunFolder) -> None:
    write_data(folder.path.parent / "data.npz", seed=1)


def bad_expert(folder: RunFolder) -> None:
    (buffer,) = list_buffers(folder.path.parent / "home" / "buffers")
    buffer.file(0).write_bytes(b"not HDF5")


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def in_row(old: str, new: str) -> Callable[[bytes], bytes]:
    return lambda content: content.replace(old.encode(), new.encode(), 1)


NOTHING = damage("set.h5", lambda content: content)

REFUSED = {
    "missing data": (take_away, (), "data.npz"),
    "other data": (other_data, (), "began with other data"),
    "a damaged expert": (bad_expert, (), "expert 0 is damaged"),
    "flips refused": (NOTHING, ("--set", "data.flips_keep_label=false"), "mirrors images"),
    "a fixed setting": (NOTHING, ("--set", "net.width=5"), "key 'net.width'"),
    "an unknown setting": (NOTHING, ("--set", "method.lr_imgs=5"), "method.lr_img"),
    "contradicting settings": (NOTHING, ("--set", "method.batch_syn=0"), "batch_syn"),
    "a device that is not there": (NOTHING, ("--device", "cuda:77"), "cuda:77"),
    "another experts' digest": (damage("experts.sha256", lambda c: b"0" * 64), (), "began with other experts"),
    "an empty digest": (damage("experts.sha256", lambda _: b""), (), "must have 64 hexadecimal digits, found ''"),
    "a cut digest": (damage("experts.sha256", cut), (), "must have 64 hexadecimal digits"),
    "a digest of bytes": (damage("experts.sha256", lambda _: b"\xff" * 64), (), "no UTF-8"),
    "a cut checkpoint": (damage("checkpoint.pt", cut), (), "checkpoint.*is damaged"),
    "an empty checkpoint": (damage("checkpoint.pt", lambda _: b""), (), "checkpoint.*is damaged"),
    "a recipe of bytes": (damage("recipe.toml", lambda _: b"\xff\xfe"), (), "recipe"),
    "an empty recipe": (damage("recipe.toml", lambda _: b""), (), "section 'method'"),
    "a cut recipe": (damage("recipe.toml", lambda c: c[:40]), (), "recipe"),
    "a cut initial set": (damage("initial.h5", cut), (), "initial.h5"),
    "changes that are null": (damage("changes.json", lambda _: b"null"), (), "must be a list, found null"),
    "no changes": (damage("changes.json", lambda _: b""), (), "changes.json.*is empty"),
    "cut changes": (damage("changes.json", cut), (), "changes.json.*no JSON"),
    "changes of another form": (
        damage("changes.json", lambda _: b'[{"key": 3}]'),
        (),
        "lacks the key 'from_it",
    ),
    "changes from below 0": (damage("changes.json", in_row(": 3,", ": -3,")), (), "must be at least 0"),
    "metrics of bytes": (damage("metrics.jsonl", lambda _: b"\xff\n"), (), "metrics.jsonl.*no UTF-8"),
    "no metrics": (damage("metrics.jsonl", lambda _: b""), (), "metrics.jsonl.*ends before it begins"),
    "cut metrics": (damage("metrics.jsonl", cut), (), "metrics.jsonl.*ends after iteration"),
    "metrics that are null": (damage("metrics.jsonl", lambda c: b"null\n" + c), (), "line 1: a row must be a table"),
    "metrics that are a list": (damage("metrics.jsonl", lambda c: b"[]\n" + c), (), "line 1: a row must be a table"),
    "a negative iteration": (damage("metrics.jsonl", in_row('n": 0', 'n": -1')), (), "of at least 0, found -1"),
    "half an iteration": (damage("metrics.jsonl", in_row('n": 1', 'n": 1.5')), (), "a whole number .* found 1.5"),
    "an iteration twice": (damage("metrics.jsonl", in_row('n": 2', 'n": 1')), (), "line 3: iteration 1 comes after 1"),
    "a missing iteration": (damage("metrics.jsonl", in_row('n": 1', 'n": 2')), (), "iteration 2 comes after 0"),
    "a text for a number": (
        damage("metrics.jsonl", in_row('"loss": ', '"loss": "x", "l": ')),
        (),
        "'loss' must be a",
    ),
    "a lost loss": (damage("metrics.jsonl", in_row('"loss": ', '"loss": NaN, "l": ')), (), "the loss is nan"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_two_refused_resumes_leave_the_folder_as_it_was(begun, capsys, kind) -> None:
    folder, command = begun
    spoil, more, why = REFUSED[kind]
    spoil(folder)
    before = content(folder.path)
    for _ in range(2):
        capsys.readouterr()
        assert run([*command, *more]) in (2, 3)
        line = capsys.readouterr().err.splitlines()[-1]
        assert line.startswith("ddkit: ") and line.isprintable()
        assert re.search(why, line), line
        assert content(folder.path) == before


@pytest.mark.parametrize("name", ["recipe.toml", "changes.json", "experts.sha256", "metrics.jsonl", "checkpoint.pt"])
def test_a_folder_in_the_place_of_a_file_is_one_line(begun, capsys, name) -> None:
    folder, command = begun
    (folder.path / name).unlink()
    (folder.path / name).mkdir()
    before = content(folder.path)
    assert run(command) in (2, 3)
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("ddkit: ") and name in line
    assert content(folder.path) == before


def test_what_was_refused_goes_on_once_it_is_mended(begun) -> None:
    folder, command = begun
    good = folder.metrics.read_bytes()
    folder.metrics.write_bytes(b"null\n" + good)
    assert run(command) == 3
    folder.metrics.unlink()  # as the line says
    assert run(command) == 0
    assert [row["iteration"] for row in folder.read_metrics()] == [4, 5]
    assert run([*command, "--set", "method.iterations=7"]) == 0
    assert [row["iteration"] for row in folder.read_metrics()] == [4, 5, 6]
    changes = json.loads(folder.changes.read_text())
    assert [(change["from_iteration"], change["key"]) for change in changes] == [
        *((3, "method.lr_img"), (3, "method.iterations"), (4, "method.lr_img"), (4, "method.iterations")),
        (6, "method.iterations"),
    ]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (["--data", "npz:nowhere.npz"], 3),
        (["--set", "data.augment=color_flip"], 2),  # digits are not mirrored
        (["--ipc", "5000"], 3),
        (["--set", "experts.lr=1e38"], 4),  # the experts diverge
        (["--set", "net.depth=9"], 2),
        (["--device", "cuda:77"], 2),
    ],
)
def test_a_refused_new_run_leaves_no_folder(tmp_path: Path, home: Path, capsys, more: list[str], code: int) -> None:
    command = ["condense", "--no-evaluate", "--out", str(tmp_path / "runs" / "one")]
    command += [part for setting in (*SETTINGS, "method.iterations=3") for part in ("--set", setting)]
    command += [] if "--device" in more else ["--device", "cpu"]
    for _ in range(2):
        assert run([*command, *more]) in (code, 2)
        assert not (tmp_path / "runs").exists(), capsys.readouterr().err
    assert run([*command, *["--device", "cpu"] * ("--device" in more)]) == 0  # as nothing is in the way
