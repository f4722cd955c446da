"""Whole or not at all; and a disk that is really full, through every writer of files."""

import subprocess
import sys
from pathlib import Path

import pytest

from ddkit.errors import DataError
from ddkit.run import atomic_write

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

facts = SetFacts(method="m", dataset="d", data_digest="", classes=("a",), ipc=100, space="normalised",
                 preprocess_digest="", net="n")
images = torch.rand(100, 1, 28, 28)
a_set = SyntheticSet(images=images, labels=torch.zeros(100, dtype=torch.int64), facts=facts)
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
