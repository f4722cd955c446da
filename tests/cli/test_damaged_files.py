"""Small files that a command reads back, each with anything else in its place: one line that names it."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from own_graphs import own

from ddkit.cli.main import run
from ddkit.jobs.tables import KeptRows

TINY = [
    part
    for setting in (
        *("net.width=4", "net.depth=1", "method.iterations=2", "evaluate.nets=2", "evaluate.steps=3"),
        *("evaluate.epochs=1", "evaluate.whole=false"),
    )
    for part in ("--set", setting)
]
SPOILS = {
    "null": b"null",
    "a list": b"[]",
    "a number": b"7",
    "no UTF-8": b"\xff\xfe\xfd",
    "nothing": b"",
    "cut": b'{"seconds": 1',
    "another key": b'{"other": 1}',
    "a text for a number": b'{"seconds": "1", "condensing": "1"}',
    "infinity": b'{"seconds": Infinity, "condensing": Infinity, "accuracies": [Infinity]}',
    "NaN": b'{"seconds": NaN, "condensing": NaN}',
    "deep": b"[" * 100_000,
}


def spoiled(file: Path) -> Iterator[str]:
    """Anything else in the file's place, one after the other; then the file again."""
    good = file.read_bytes()
    for name, content in SPOILS.items():
        file.write_bytes(content)
        yield name
    file.unlink()
    file.mkdir()
    yield "a folder"
    file.rmdir()
    file.write_bytes(good)


def refused(command: list[str], capsys: pytest.CaptureFixture[str], names: str) -> None:
    capsys.readouterr()
    assert run(command) == 3
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("ddkit: ") and names in line and line.isprintable() and len(line) < 600


def write_data(file: Path) -> str:
    draw, labels = np.random.default_rng(0), np.arange(60) % 3
    np.savez(file, train_images=draw.integers(0, 255, (60, 8, 8, 1), dtype=np.uint8), train_labels=labels)
    return f"npz:{file}"


@pytest.mark.parametrize("pattern", ["*/seconds.json", "scores/*.json", "experts/*.json"])
def test_what_a_comparison_keeps(tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str], pattern: str) -> None:
    command = ["compare", "ftd-digits-ipc1", "--sets", "1", "--device", "cpu", "--out", str(tmp_path / "out"), *TINY]
    command += ["--set", "experts.count=1", "--set", "method.max_start_epoch=1", "--set", "method.syn_steps=2"]
    assert run(command) == 0
    file = sorted((tmp_path / "out").glob(pattern))[0]
    for _ in spoiled(file):
        refused(command, capsys, str(file))
    assert run(command) == 0


def test_what_a_killed_condensation_of_a_comparison_notes(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["compare", "dm-digits-ipc1", "--sets", "1", "--device", "cpu", "--out", str(tmp_path / "out"), *TINY]
    assert run(command) == 0
    (seconds,) = (tmp_path / "out").glob("*/seconds.json")
    seconds.unlink()  # as if it had been killed before the end
    spent = seconds.with_name("spent.json")
    spent.write_text("{}")
    for _ in spoiled(spent):
        refused(command, capsys, str(spent))
    spent.write_text('{"seconds": 3.5}')
    assert run(command) == 0
    assert json.loads(seconds.read_text())["condensing"] > 3.5


def test_what_a_test_of_flips_found(tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_data(tmp_path / "data.npz")
    command = ["condense", "--method", "random", "--data", data, "--no-evaluate", "--device", "cpu", "--out"]
    more = ["--set", "data.augment=flip", *TINY[:4]]
    first = run([*command, str(tmp_path / "one"), *more])
    (file,) = (home / "flips").iterdir()
    for _ in spoiled(file):
        refused([*command, str(tmp_path / "two"), *more], capsys, str(file))
        assert not (tmp_path / "two").exists()
    for changed in ('"images": 0', '"images": -3', '"classes": 0'):
        key = changed.partition(":")[0]
        good = file.read_text()
        file.write_text(good.replace(f"{key}: ", f"{changed}, {key}_: ", 1))
        refused([*command, str(tmp_path / "two"), *more], capsys, str(file))
        file.write_text(good)
    assert run([*command, str(tmp_path / "three"), *more]) == first


def test_scores_of_graphs(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scores are kept as those of a run that was killed before its table was written."""
    data = own(tmp_path / "own")
    condensing = ["condense", "--method", "mirage", "--data", data, "--out", str(tmp_path / "run")]
    settings = ("evaluate.nets=2", "evaluate.steps=3", "evaluate.whole=false", "method.hops=1", "method.ratio=0.3")
    condensing += [part for setting in settings for part in ("--set", setting)]
    with monkeypatch.context() as patch:
        patch.setattr(KeptRows, "clear", lambda self: None)
        assert run(condensing) == 0
    file = sorted((home / "rows").rglob("*.json"))[0]
    before = (tmp_path / "run" / "set.h5").read_bytes()
    for _ in spoiled(file):
        refused([*condensing, "--resume"], capsys, str(file))
        assert (tmp_path / "run" / "set.h5").read_bytes() == before
    assert run([*condensing, "--resume"]) == 0
    assert (tmp_path / "run" / "set.h5").read_bytes() == before and not list((home / "rows").iterdir())


@pytest.fixture
def buffer(tmp_path: Path, home: Path) -> Path:
    command = ["condense", "--method", "ftd", "--no-evaluate", "--device", "cpu", "--out", str(tmp_path / "run")]
    assert run([*command, *TINY, "--set", "experts.count=1", "--set", "method.max_start_epoch=1"]) == 0
    (folder,) = (home / "buffers").iterdir()
    return folder


def test_the_key_of_a_buffer(tmp_path: Path, buffer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    resume = ["condense", "--resume", "--no-evaluate", "--device", "cpu", "--out", str(tmp_path / "run")]
    file = buffer / "key.json"
    for name in spoiled(file):
        refused(["buffer", "verify"], capsys, buffer.name)
        refused(resume, capsys, buffer.name)
        assert run(["buffer", "ls"]) == 0
        assert buffer.name in capsys.readouterr().out, name
    good = file.read_text()
    file.write_text(good.replace('"lr": ', '"lr": 1'))
    for command in (["buffer", "verify"], resume):
        refused(command, capsys, f"`ddkit buffer rm {buffer.name}`")
    file.unlink()
    file.mkdir()
    assert run(["buffer", "rm", buffer.name]) == 0 and not buffer.exists()


def test_strays_in_a_buffer_are_named_and_left_alone(buffer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("expert-x.h5", "expert-1.h5", "expert-0000.h5", "notes\x1b.txt", "expert-.h5"):
        (buffer / name).write_text("mine")
    (buffer / "sub").mkdir()
    capsys.readouterr()
    assert run(["buffer", "ls"]) == 0
    strays = "expert-.h5, expert-0000.h5, expert-1.h5, expert-x.h5, notes\\x1b.txt, sub"
    assert f"ignored, because they are not experts' files: {strays}\n" in capsys.readouterr().out
    assert run(["buffer", "verify"]) == 0 and "1 expert good" in capsys.readouterr().out
    assert run(["buffer", "rm", buffer.name]) == 0 and not buffer.exists()


def test_a_folder_or_a_link_in_the_place_of_a_teacher(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "teachers" / "folder.pt").mkdir(parents=True)
    (tmp_path / "elsewhere.pt").write_text("mine")
    (home / "teachers" / "link.pt").symlink_to(tmp_path / "elsewhere.pt")
    (home / "teachers" / "dangling.pt").symlink_to(tmp_path / "nowhere.pt")
    assert run(["teachers", "ls"]) == 3
    assert run(["teachers", "rm", "folder", "link", "dangling"]) == 0
    output = capsys.readouterr().out
    assert "removed folder\n" in output and f"its target {tmp_path / 'elsewhere.pt'} is kept" in output
    assert (tmp_path / "elsewhere.pt").read_text() == "mine" and not list((home / "teachers").iterdir())


def test_damaged_files_of_a_run_do_not_keep_its_set_from_being_read(
    tmp_path: Path, buffer: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`show`, `evaluate` and `export` read the set alone."""
    folder = tmp_path / "run"
    for name in ("recipe.toml", "metrics.jsonl", "experts.sha256"):
        (folder / name).write_bytes(b"\xff")
    assert run(["show", str(folder)]) == 0
    again = ["evaluate", str(folder), "--device", "cpu", "--no-whole", "--no-baselines"]
    assert run([*again, "--set", "evaluate.steps=3", "--set", "evaluate.epochs=1", "--nets", "2"]) == 0
    refused_snapshot = folder / "snapshots" / "iteration-000001.h5"
    refused_snapshot.parent.mkdir(exist_ok=True)
    shutil.copy(folder / "recipe.toml", refused_snapshot)
    refused([*again, "--protocol", "paper"], capsys, str(refused_snapshot))
    refused_snapshot.unlink()
    refused_snapshot.mkdir()
    refused([*again, "--protocol", "paper"], capsys, str(refused_snapshot))


def test_a_verification_meets_a_recipe_that_is_no_text(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    for content in (b"\xff", b"", b"null"):
        (folder / "recipe.toml").write_bytes(content)
        capsys.readouterr()
        assert run(["verify", "random-digits-ipc1", "--resume", "--out", str(folder)]) in (2, 3)
        assert capsys.readouterr().err.count("\n") == 1
