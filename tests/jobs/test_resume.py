"""A run that is really killed, and which changes an existing run accepts."""

import dataclasses
import io
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from lent_kernels import lend_kernels

from ddkit.cli.main import run
from ddkit.errors import DataError, DDKitWarning
from ddkit.experts import Bundle, read_bundle, write_bundle
from ddkit.jobs import condense
from ddkit.methods.recovery import RecoveryState
from ddkit.run import RunFolder, read_checkpoint, write_checkpoint
from ddkit.synth import read_set

ROOT = Path(__file__).parents[2]
ITERATIONS = 60
TINY = (
    *("--set", "experts.count=2", "--set", "method.max_start_epoch=2", "--set", f"method.iterations={ITERATIONS}"),
    *("--set", "method.syn_steps=10", "--set", "net.width=8", "--no-evaluate"),
)


KILLED = """
import os, runpy, signal, sys
def kill(event, arguments):
    if event == "os.rename" and str(arguments[1]).endswith("iteration-000024.h5"):
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(kill)
runpy.run_module("ddkit", run_name="__main__", alter_sys=True)
"""
"""`python -m ddkit`, killed when it has written the 24th iteration's snapshot and not yet put it into its place."""


def command(folder: Path) -> list[str]:
    return ["condense", "--device", "cpu", "--out", str(folder), *TINY]


def home_of(folder: Path) -> Path:
    """Each run has a home of its own, so that its experts are trained too."""
    return folder.with_name(f"{folder.name}-home")


def start_and_kill(folder: Path) -> subprocess.Popen:
    """A process of `python -m ddkit condense` that kills itself in the midst of its iterations."""
    home = home_of(folder)
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "DDKIT_HOME": str(home)}
    lend_kernels(home)
    program = [sys.executable, "-c", KILLED, *command(folder)]
    return subprocess.Popen(program, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.pictures
def test_kill_and_resume_gives_the_bytes_of_an_uninterrupted_run(tmp_path, monkeypatch):
    whole, killed = (RunFolder(tmp_path / name) for name in ("whole", "killed"))
    process = start_and_kill(killed.path)

    def finish(folder: RunFolder, *more: str) -> None:
        """The same command in this process."""
        monkeypatch.setenv("DDKIT_HOME", str(home_of(folder.path)))
        assert run([*command(folder.path), *more]) == 0

    finish(whole)  # meanwhile
    errors = process.communicate(timeout=240)
    assert process.returncode == -signal.SIGKILL, errors
    assert not killed.set.exists()
    assert 0 < len(killed.read_metrics()) < ITERATIONS

    finish(killed, "--resume")  # as `ddkit: interrupted` advises
    assert whole.gallery.exists() and whole.curve.exists()
    assert killed.set.read_bytes() == whole.set.read_bytes()
    assert killed.initial.read_bytes() == whole.initial.read_bytes()
    assert killed.metrics.read_bytes() == whole.metrics.read_bytes()
    assert killed.recipe.read_bytes() == whole.recipe.read_bytes()
    for snapshot in whole.snapshots.iterdir():
        assert (killed.snapshots / snapshot.name).read_bytes() == snapshot.read_bytes()
    assert [row["iteration"] for row in killed.read_metrics()] == list(range(ITERATIONS))


# Changes of an existing run


SHORT = ("experts.count=1", "method.max_start_epoch=1", "method.syn_steps=2", "net.width=4", "method.iterations=2")


def short(folder: Path) -> list[str]:
    """The command line of an FTD run of two iterations."""
    settings = [part for setting in SHORT for part in ("--set", setting)]
    return ["condense", "--device", "cpu", "--no-evaluate", "--out", str(folder), *settings]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the finished run `run` and its home `home`; made once."""
    place = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DDKIT_HOME", str(place / "home"))
        assert run(short(place / "run")) == 0
    return place


@pytest.fixture
def ftd(made: Path, tmp_path: Path, home: Path) -> list[str]:
    """The command line of this run, in a copy of its folder and its home."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return short(tmp_path / "run")


def test_a_folder_with_a_run_is_not_overwritten(ftd, tmp_path, capsys):
    before = (tmp_path / "run" / "set.h5").read_bytes()
    capsys.readouterr()
    assert run(ftd) == 2
    assert capsys.readouterr().err == (
        f"ddkit: folder '{tmp_path / 'run'}': already holds a run; "
        f"add --resume to continue it, or choose another --out\n"
    )
    assert (tmp_path / "run" / "set.h5").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (["--ipc", "2"], "method.ipc"),
        (["--set", "method.ipc=2"], "method.ipc"),
        (["--method", "mtt"], "method.name"),
        (["--fyi"], "method.fyi"),
        (["--data", "mnist"], "data.name"),
        (["--seed", "5"], "seed"),
        (["--set", "net.width=5"], "net.width"),
        (["--set", "experts.count=2"], "experts.count"),
        (["--set", "method.pix_init=noise"], "method.pix_init"),
    ],
)
def test_what_cannot_change(ftd, tmp_path, capsys, change, key):
    before = (tmp_path / "run" / "recipe.toml").read_bytes()
    capsys.readouterr()
    assert run([*ftd, "--resume", *change]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1 and line.startswith("ddkit: recipe") and f"key '{key}'" in line
    assert "begin a new one" in line
    assert (tmp_path / "run" / "recipe.toml").read_bytes() == before


def test_what_can_change(ftd, tmp_path):
    folder = RunFolder(tmp_path / "run")
    more = ["--resume", "--ipc", "1", "--set", "method.iterations=5", "--set", "method.lr_img=0.5"]
    assert run([*ftd, *more]) == 0
    assert [row["iteration"] for row in folder.read_metrics()] == list(range(5))
    record = read_set(folder.set).record
    assert "lr_img = 0.5" in record.recipe
    # The recipe alone would claim that all five iterations ran with 0.5; the lineage says from where on.
    changes = {change["key"]: change for change in json.loads(record.lineage)["changes"]}
    assert changes["method.lr_img"] == {"from_iteration": 2, "key": "method.lr_img", "was": 10.0, "now": 0.5}
    assert changes["method.iterations"]["now"] == 5


def test_a_checkpoint_of_another_run_is_refused(ftd, tmp_path, capsys):
    checkpoint, other = tmp_path / "run" / "checkpoint.pt", tmp_path / "other"
    elsewhere = [str(other) if part == str(tmp_path / "run") else part for part in ftd]
    assert elsewhere != ftd and run([*elsewhere, "--seed", "5"]) == 0
    checkpoint.write_bytes((other / "checkpoint.pt").read_bytes())
    capsys.readouterr()
    assert run([*ftd, "--resume", "--set", "method.iterations=5"]) == 3
    assert "belongs to another run, of other data or settings; choose another --out" in capsys.readouterr().err


def test_a_run_that_an_earlier_version_began_goes_on(ftd, tmp_path):
    """Its checkpoint is torch's file alone, without seal and without a word of its run."""
    folder = RunFolder(tmp_path / "run")
    more = [*ftd, "--resume", "--set", "method.iterations=5"]
    content = folder.checkpoint.read_bytes()
    kept = {file: file.read_bytes() for file in (folder.recipe, folder.metrics)}
    assert run(more) == 0
    expected = folder.set.read_bytes()
    tables = torch.load(io.BytesIO(content[512:]), weights_only=True)
    del tables["run"]
    torch.save(tables, folder.checkpoint)
    folder.changes.unlink()
    for file, before in kept.items():
        file.write_bytes(before)
    with pytest.warns(DDKitWarning, match="carries no digest"):
        assert run(more) == 0
    assert folder.set.read_bytes() == expected


def test_a_change_that_no_iteration_would_see_is_refused(ftd, tmp_path, capsys):
    before = (tmp_path / "run" / "set.h5").read_bytes()
    for change in (["--set", "method.lr_img=0.5"], ["--set", "method.iterations=1"]):
        capsys.readouterr()
        assert run([*ftd, "--resume", *change]) == 2
        assert "2 iterations are done, so a change of 'method." in capsys.readouterr().err
    assert not (tmp_path / "run" / "changes.json").exists()
    assert run([*ftd, "--resume"]) == 0
    assert (tmp_path / "run" / "set.h5").read_bytes() == before


def test_the_advice_of_an_explosion_can_be_followed_to_the_letter(tmp_path, home, capsys):
    command = ["condense", "--device", "cpu", "--no-evaluate", "--out", str(tmp_path / "run")]
    for setting in ("experts.count=1", "method.max_start_epoch=1", "method.iterations=4", "net.width=4"):
        command += ["--set", setting]
    assert run([*command, "--set", "method.lr_img=1e30"]) == 4
    line = capsys.readouterr().err.splitlines()[-1]
    assert "lower method.lr_img" in line
    advice = shlex.split(line.partition("continue from it with ")[2])
    assert advice[-2:] == ["--set", "KEY=VALUE"]
    assert run(["condense", *advice[:-1], "method.lr_img=1.0", "--no-evaluate", "--device", "cpu"]) == 0
    assert RunFolder(tmp_path / "run").set.exists()


def test_there_must_be_a_run_to_resume(tmp_path, home, capsys):
    assert run(["condense", "--method", "random", "--out", str(tmp_path / "none"), "--resume"]) == 2
    assert "holds no run to resume" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_other_teachers_than_it_began_with_are_refused(home, tmp_path):
    """A bundle that was replaced between a kill and the next day."""
    run_of = tmp_path / "run"
    teachers = ("experts.name=teacher", "experts.nets=mlp(depth=1, width=8)", "experts.epochs=1", "experts.lr=0.01")
    condense("sre2l", ipc=1, overrides=(*teachers, "method.iterations=2"), evaluate=False, out=run_of)
    before = (run_of / "set.h5").read_bytes()
    (file,) = (home / "teachers").iterdir()
    bundle = read_bundle(file)
    write_bundle(Bundle(1.5 * bundle.theta, bundle.stats, bundle.facts), file)
    with pytest.raises(DataError, match=r"began with other experts .*; restore them, or begin a new run") as caught:
        condense(out=run_of, resume=True, evaluate=False)
    assert "\n" not in str(caught.value) and (run_of / "set.h5").read_bytes() == before
    write_bundle(bundle, file)
    condense(out=run_of, resume=True, evaluate=False)
    assert (run_of / "set.h5").read_bytes() == before


def test_a_recovery_goes_on_under_a_lower_rate(home, tmp_path):
    """How many steps it takes depends on classes and teachers; a change in its midst is seen, and written down."""
    run_of = tmp_path / "run"
    teachers = ("experts.name=teacher", "experts.nets=mlp(depth=1, width=8)", "experts.epochs=1", "experts.lr=0.01")
    made = condense("infer", ipc=2, overrides=(*teachers, "method.iterations=3"), evaluate=False, out=run_of)
    folder = RunFolder(run_of)
    done, state = read_checkpoint(folder.checkpoint, RecoveryState)
    assert done == state.done == 3
    write_checkpoint(folder.checkpoint, 2, dataclasses.replace(state, done=2))  # as if its last step were not done
    after = condense(out=run_of, resume=True, overrides=("method.lr=0.01",), evaluate=False)
    assert not after.set.images.equal(made.set.images)
    assert json.loads(folder.changes.read_text()) == [
        {"from_iteration": 2, "key": "method.lr", "was": 0.25, "now": 0.01}
    ]
