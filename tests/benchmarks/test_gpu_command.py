"""The command benchmarks/gpu.py: where a rehearsal works, and what it says."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import gpu
from ledger import Claim

PARTS = Claim(
    name="parts",
    proves="a claim that goes on in its run folder",
    command=(
        "-c",
        "import os, pathlib, sys; run = pathlib.Path(sys.argv[1]); run.mkdir(parents=True, exist_ok=True); "
        "(run / sys.argv[-1]).write_text(os.environ['DDKIT_DATA'])",
        "{run}",
        "real",
    ),
    seconds=5,
    touches=(),
    resume=("--resume",),
    rehearsal=("toy",),
)


@pytest.fixture
def command(monkeypatch):
    """Runs gpu.py on one claim; returns its exit code."""
    monkeypatch.setattr(gpu, "CLAIMS", (PARTS,))
    monkeypatch.setattr(gpu, "facts", lambda rehearse: {})

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["gpu.py", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            gpu.main()
        return end.value.code

    return run


def test_a_rehearsal_never_writes_into_the_users_data(command, tmp_path, capsys):
    own = tmp_path / "cifar10.npz"
    own.write_text("real data")
    assert command("--rehearse", "--out", tmp_path / "out", "--data", tmp_path) == 2
    assert "leave out --data or --rehearse" in capsys.readouterr().err
    command("--rehearse", "--out", tmp_path / "out", "--work", tmp_path)
    assert own.read_text() == "real data" and not (tmp_path / "cifar100.npz").exists()
    toy = np.load(tmp_path / "rehearsal" / "data" / "cifar10.npz")
    assert toy["train_images"].shape == (240, 32, 32, 3)


def test_a_real_run_never_goes_on_in_the_folder_of_a_rehearsal(command, tmp_path, monkeypatch):
    """A rehearsal was killed before its claim ended."""
    out, real, process = tmp_path / "out", tmp_path / "real", gpu.Ledger._process
    with monkeypatch.context() as patched:
        patched.setattr(gpu.Ledger, "_process", lambda *asked: [process(*asked), None][1])
        command("--rehearse", "--out", out)
    assert len([*out.rglob("toy")]) == 1
    assert command("--out", out, "--data", real, "--seconds", 100) == 0
    run = out / "work" / "runs" / "parts"
    assert [(file.name, file.read_text()) for file in run.iterdir()] == [("real", str(real))]


def test_the_seconds_of_all_are_said(command, tmp_path, capsys):
    command("--rehearse", "--out", tmp_path / "out")
    assert capsys.readouterr().out.splitlines()[-1].startswith("all of it took ")
