"""Whole or not at all; and a disk that is really full, through every writer of files."""

import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ddkit.errors import DataError
from ddkit.run import atomic_write, sweep

ROOT = Path(__file__).parents[2]


def test_a_new_file_and_its_folders_are_made(tmp_path):
    path = tmp_path / "a" / "b" / "file.txt"
    with atomic_write(path) as temporary:
        temporary.write_text("new")
        assert not path.exists() and temporary.parent == path.parent
    assert path.read_text() == "new" and list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, RuntimeError])
def test_a_failure_in_the_middle_keeps_the_old_file(tmp_path, error):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(error), atomic_write(path) as temporary:
        temporary.write_text("half")
        raise error
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("in the way")
    path = tmp_path / "file" / "below.txt"
    with pytest.raises(DataError, match=r"below\.txt': cannot be written: .*choose another folder"), atomic_write(path):
        pass


FULL_DISK = """
import resource, sys
from dataclasses import dataclass
from pathlib import Path
import torch
from ddkit.errors import DataError
from ddkit.experts import Buffer, BufferKey
from ddkit.experts.plain import PlainExperts
from ddkit.run import RunFolder, atomic_write, write_checkpoint
from ddkit.synth import SetFacts, SyntheticSet, export, write_set

@dataclass
class State:
    a: torch.Tensor

def text(path):
    with atomic_write(path) as temporary:
        temporary.write_text("x" * 50_000)

facts = SetFacts(method="m", dataset="d", data_digest="", classes=("a", "b"), ipc=50, space="normalised",
                 preprocess_digest="", net="n", mean=(0.5,), std=(0.2,))
images = torch.rand(100, 1, 28, 28)
a_set = SyntheticSet(images=images, labels=torch.arange(2).repeat_interleave(50), facts=facts)
folder = Path(sys.argv[1])
buffer = Buffer.open(folder, BufferKey("tiny", "", "", "mlp", PlainExperts()))
writers = {
    "text": text,
    "checkpoint": lambda path: write_checkpoint(path, 1, State(torch.randn(100_000))),
    "short checkpoint": lambda path: write_checkpoint(path, 1, State(torch.randn(4_800))),
    "expert": lambda path: buffer.write(0, torch.randn(10, 10_000), "float32", {}),
    "short expert": lambda path: buffer.write(0, torch.randn(10, 480), "float32", {}),
    "metrics": lambda path: RunFolder(folder).append_metrics([{"iteration": i} for i in range(5_000)]),
    "set": lambda path: write_set(a_set, path),
    "npz": lambda path: export(a_set, images, "npz", path),
    "pt": lambda path: export(a_set, images, "pt", path),
}
sys.dont_write_bytecode = True  # Python would keep a module's cut off bytecode
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
for name, write in writers.items():
    path = folder / f"{name}.file"
    path.write_text("old")
    try:
        write(path)
    except DataError as error:
        print(f"{name}: {error}")
    assert path.read_text() == "old", name
assert not [file for file in folder.rglob("*") if file.suffix == ".part"]
"""


def test_a_full_disk(tmp_path):
    """The limit makes every write beyond 20 kB fail as on a full disk; HDF5 and torch.save then fail in C++."""
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) == 9
    for line in lines:
        assert "cannot be written: the disk is full; free some space" in line


def test_threads_do_not_tear_each_others_files(tmp_path):
    """Sixteen write one file at once, with a pause in the middle: what lies there in the end is whole."""
    path, failed = tmp_path / "file.txt", []

    def work(number: int) -> None:
        try:
            for _ in range(5):
                with atomic_write(path) as temporary, temporary.open("w") as file:
                    file.write(str(number) * 5_000)
                    file.flush()
                    time.sleep(0.001)
                    file.write(str(number) * 5_000)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number % 10,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    text = path.read_text()
    assert not failed and len(text) == 10_000 and len(set(text)) == 1
    assert list(tmp_path.iterdir()) == [path]


def test_the_folder_is_synced_after_the_file_was_renamed(tmp_path, monkeypatch):
    happened = []
    sync, replace = os.fsync, Path.replace
    kind = {True: "folder", False: "file"}
    monkeypatch.setattr(
        os, "fsync", lambda fd: (happened.append(kind[stat.S_ISDIR(os.fstat(fd).st_mode)]), sync(fd))[1]
    )
    monkeypatch.setattr(Path, "replace", lambda self, to: (happened.append("renamed"), replace(self, to))[1])
    with atomic_write(tmp_path / "file.txt") as temporary:
        temporary.write_text("x")
    assert happened == ["file", "renamed", "folder"]


def test_a_file_may_be_read_by_whom_the_user_lets(tmp_path):
    before = os.umask(0o027)
    try:
        with atomic_write(tmp_path / "file.txt") as temporary:
            temporary.write_text("x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file.txt").stat().st_mode) == 0o640


def test_parts_that_a_kill_left_are_swept_if_they_are_ours(tmp_path):
    script = """
import os, signal, sys
from pathlib import Path
from ddkit.run import atomic_write
with atomic_write(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    for name in ("ours.h5", "theirs.csv"):
        subprocess.run([sys.executable, "-c", script, str(tmp_path / name)], cwd=ROOT, timeout=60)
    assert len(list(tmp_path.iterdir())) == 2
    sweep(tmp_path, lambda name: name == "ours.h5")
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".theirs.csv.")
    sweep(tmp_path / "nowhere", lambda name: True)
