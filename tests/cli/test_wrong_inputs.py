"""What a user gets wrong ends in one line that names what, where and the way out, and in the right exit code."""

import os
import pickle
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ddkit.cli.main import run

ROOT = Path(__file__).parents[2]


def refused(capsys, arguments: list[str]) -> tuple[int, str]:
    """(exit code, the line) of a command that does nothing but refuse."""
    capsys.readouterr()
    code = run(arguments)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert re.fullmatch(r"ddkit: .+\n", captured.err), captured.err
    return code, captured.err


USAGE = [
    (["condense", "--method", "ftdd"], "method 'ftdd' is unknown; did you mean ftd"),
    (["condense", "--set", "method.syn_stpes=3"], r"unknown key 'method.syn_stpes'; did you mean syn_steps\?"),
    (["condense", "--ipc", "0"], "key 'method.ipc': must be an integer of at least 1, got 0"),
    (["condense", "--ipc", "500"], r"ipc 500: class \d has only \d+ training images; set method.ipc to at most that"),
    (["condense", "--data", "cifar11"], "dataset 'cifar11': is unknown; did you mean cifar10"),
    (["condense", "--set", "data.augment=flip_crop"], "'data.augment': mirrors.*'digits'.*use --set data.augment=crop"),
    (["condense", "--device", "gpu7"], "device 'gpu7': is unknown; use cuda"),
    (["condense", "--recipe", "ftd-digit-ipc1"], "recipe 'ftd-digit-ipc1': is no readable file.*did you mean ftd-d"),
    (["condense", "--set", "method.syn_steps"], "must look like section.key=value"),
    (["condense", "--set", "net.name=convnett"], "net 'convnett' is unknown; did you mean convnet"),
    (["condense", "--set", "net.depth=9"], "net"),
    (["condense", "--set", "experts.name=flatt"], "expert kind 'flatt' is unknown; did you mean flat"),
    (["condense", "--ipc", "many"], "'--ipc': 'many' is not a valid integer. See `ddkit condense --help`"),
    (["condens"], "No such command 'condens'; did you mean condense"),
    (["condense", "--metod", "ftd"], "No such option '?--metod'?.*--method.*See `ddkit condense --help`"),
    (["show"], "Missing argument 'SET...'. See `ddkit show --help`"),
]


@pytest.mark.parametrize(("arguments", "says"), USAGE, ids=[" ".join(a) for a, _ in USAGE])
def test_wrong_usage(home, tmp_path, capsys, monkeypatch, arguments, says):
    monkeypatch.chdir(tmp_path)
    code, line = refused(capsys, arguments)
    assert code == 2 and re.search(says, line), line
    assert not (tmp_path / "runs").exists() and not list(home.rglob("*.h5"))  # refused before any work


WRONG_FOR_A_SET = [
    (["evaluate", "SET", "--net", "resnt18"], "net 'resnt18' is unknown; did you mean resnet18"),
    (["evaluate", "SET", "--protocol", "honesty"], "protocol 'honesty' is unknown; did you mean honest"),
    (["evaluate", "SET", "--device", "gpu7"], "device 'gpu7'"),
    (["evaluate", "SET", "--nets", "1"], "key 'evaluate.nets': must be an integer of at least 2, got 1"),
    (["evaluate", "SET", "--set", "method.ipc=3"], r"only evaluate.\* can be set"),
    (["export", "SET", "--to", "jpg"], "export kind 'jpg' is unknown; .*npz.*png|did you mean"),
]


@pytest.mark.parametrize(("arguments", "says"), WRONG_FOR_A_SET, ids=[" ".join(a) for a, _ in WRONG_FOR_A_SET])
def test_wrong_for_a_set(a_run, home, capsys, arguments, says):
    code, line = refused(capsys, [str(a_run) if word == "SET" else word for word in arguments])
    assert code == 2 and re.search(says, line), line


@pytest.mark.parametrize("command", [["show"], ["evaluate"], ["export", "--to", "npz"]], ids=lambda c: c[0])
def test_files_that_are_no_sets(a_run, home, tmp_path, capsys, command):
    missing, cut, pickled = (tmp_path / name for name in ("missing.h5", "cut.h5", "pickled.h5"))
    content = (a_run / "set.h5").read_bytes()
    cut.write_bytes(content[: len(content) // 2])
    pickled.write_bytes(pickle.dumps({"image": [1, 2]}))
    says = {
        missing: "there is no such file; `ddkit sets ls`",
        cut: r"is damaged \(.*\); make it again or fetch another copy",
        pickled: "is not an HDF5 file; ddkit reads only .h5 sets and never unpickles",
    }
    for path, text in says.items():
        code, line = refused(capsys, [*command, str(path)])
        assert code == 3 and f"set '{path}'" in line and re.search(text, line), line
    code, line = refused(capsys, [*command, "digits-ftd-ipc1000"])
    assert code == 3 and "set 'digits-ftd-ipc1000': is no file and no ready-made set" in line


def only_line(errors: str) -> str:
    """The one error line below the progress lines of a job that had begun."""
    lines = errors.splitlines()
    assert "Traceback" not in errors and "Error" not in errors, errors
    assert [line.startswith("ddkit: ") for line in lines] == [False] * (len(lines) - 1) + [True], errors
    return lines[-1]


def test_a_truncated_buffer(home, tmp_path, capsys):
    settings = ("experts.count=1", "method.max_start_epoch=1", "method.syn_steps=2", "net.width=4")
    command = ["condense", "--device", "cpu", "--no-evaluate", "--out", str(tmp_path / "run")]
    command += [part for setting in (*settings, "method.iterations=1") for part in ("--set", setting)]
    assert run(command) == 0
    expert = next(home.rglob("expert-000.h5"))
    expert.write_bytes(expert.read_bytes()[:2000])
    capsys.readouterr()
    shutil.rmtree(tmp_path / "run")
    code = run(command)
    line = only_line(capsys.readouterr().err)
    assert code == 3
    assert f"buffer '{expert.parent.name}': expert 0 is damaged" in line and "delete expert-000.h5 and rerun" in line
    code, line = refused(capsys, ["buffer", "verify"])
    assert code == 3 and "expert 0 is damaged" in line
    expert.unlink()
    assert run(command) == 0  # as the line says: what was refused has left no folder


def test_an_unknown_buffer(home, capsys):
    code, line = refused(capsys, ["buffer", "rm", "cifar10"])
    assert code == 3 and "buffer 'cifar10': does not exist; `ddkit buffer ls`" in line


FULL_DISK = """
import resource, sys
sys.dont_write_bytecode = True  # Python would keep a module's cut off bytecode
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
from ddkit.cli.main import run
sys.exit(run(sys.argv[1:]))
"""


def test_a_full_disk(tmp_path):
    """500 digits take more than the 20 kB that a file may have here."""
    arguments = ["condense", "--method", "random", "--ipc", "50", "--no-evaluate", "--device", "cpu"]
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, *arguments, "--out", str(tmp_path / "run")],
        env=os.environ | {"PYTHONPATH": str(ROOT), "DDKIT_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 3
    line = only_line(done.stderr)
    assert re.search(r"file '.*\.h5': cannot be written: the disk is full; free some space and run again", line)
    assert not list(tmp_path.rglob("*.part"))
