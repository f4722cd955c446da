"""--executor and --workers of commands, and `ddkit jobs`."""

import errno
import json
import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from ddkit.cli.main import run
from ddkit.executors import executor_in_use
from ddkit.executors.local import LocalExecutor
from ddkit.executors.slurm_calls import slurm_calls
from ddkit.run import LOCK, locked, write_json

WITH_EXECUTORS = {
    "condense": [],
    "plan": ["ftd-digits-ipc1"],
    "compare": ["ftd-digits-ipc1"],
    "graphs": ["mutag"],
    "evaluate": ["ftd-digits-ipc1"],
    "verify": ["ftd-digits-ipc1"],
    "teachers": ["train"],
    "relabel": ["digits-ftd-ipc1", "--out", "relabelled.h5"],
}


@pytest.mark.parametrize(("command", "arguments"), WITH_EXECUTORS.items())
@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--executor", "dask"], "executor 'dask': is unknown; choose local, ray, ray:HOST:PORT, slurm"),
        (["--workers", "0"], "workers: must be at least 1, got 0"),
        (["--executor", "ray:nowhere"], "executor 'ray:nowhere': is no HOST:PORT"),
    ],
)
def test_a_wrong_executor_is_one_line(command, arguments, options, line, home: Path, capsys) -> None:
    assert run([command, *arguments, *options]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith(f"ddkit: {line}") and captured.err.count("\n") == 1


def test_the_command_runs_with_the_executor_that_was_chosen(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used = []
    monkeypatch.setattr("ddkit.jobs.compare", lambda *a, **k: used.append(executor_in_use()) or exit(0))
    with pytest.raises(SystemExit):
        run(["compare", "ftd-digits-ipc1", "--workers", "3"])
    home.mkdir(parents=True, exist_ok=True)
    (home / "config.toml").write_text("[executor]\nworkers = 4\n")
    with pytest.raises(SystemExit):
        run(["compare", "ftd-digits-ipc1"])
    assert used == [LocalExecutor(3), LocalExecutor(4)]
    assert executor_in_use() == LocalExecutor()


def test_jobs_lists_the_calls_of_slurm_and_removes_them(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["jobs", "ls"]) == 0
    capsys.readouterr()
    gone = subprocess.run(["sh", "-c", "echo $$"], capture_output=True, text=True, check=True).stdout
    alive, dead, elsewhere = (socket.gethostname(), os.getpid()), (socket.gethostname(), int(gone)), ("else", int(gone))
    cases = [(2, True, dead), (1, False, alive), (1, True, dead), (0, False, dead), (0, False, elsewhere)]
    for number, (results, ended, (host, process)) in enumerate(cases, start=1):
        jobs = home / "slurm" / str(number) / "jobs"
        jobs.mkdir(parents=True)
        for unit in range(results):
            (jobs / f"{number}{unit}_0_result.pkl").touch()
        call = {"command": f"ddkit compare {number}", "units": 2, "jobs": [f"{number}0", f"{number}1"], "ended": ended}
        write_json(jobs.parent / "call.json", {**call, "host": host, "process": process, "began": 1e9})
    assert run(["jobs", "ls"]) == 0
    words = capsys.readouterr().out.replace("│", " ").split()
    assert [word for word in words if word in ("running", "complete", "incomplete", "lost")] == [
        *("running", "lost", "incomplete", "running", "complete")
    ]
    assert words.count("2001-09-09") == 5
    assert [word for word in words if word.endswith("/2")] == ["0/2", "0/2", "1/2", "1/2", "2/2"]
    assert run(["jobs", "clean"]) == 0
    assert "call 4: its command was killed; --lost cancels its jobs" in capsys.readouterr().out
    assert sorted(folder.name for folder in (home / "slurm").iterdir()) == ["2", "4", "5"]
    assert run(["jobs", "clean", "--lost"]) == 0
    line = "call 4: is kept, because its jobs may run: there is no squeue here; run this on a login node of the cluster"
    assert line in capsys.readouterr().out
    monkeypatch.setenv("PATH", f"{home}{os.pathsep}{os.environ['PATH']}")
    program(home / "squeue", "echo 7; echo 41; echo 41")  # job 40 ended long ago
    program(home / "scancel", "echo scancel: no controller >&2; exit 1")
    assert run(["jobs", "clean", "--lost"]) == 0
    assert "its jobs may run: scancel failed (scancel: no controller); try again" in capsys.readouterr().out
    assert (home / "slurm" / "4").exists()
    program(home / "scancel", f'echo "$@" > {home}/cancelled')
    assert run(["jobs", "clean", "--lost"]) == 0
    lines = capsys.readouterr().out
    assert "call 4: was lost, and is removed" in lines and "call 2: is running, and is kept" in lines
    assert "call 5: is running on else, or was killed there, and is kept" in lines
    assert (home / "cancelled").read_text() == "41\n"
    assert sorted(folder.name for folder in (home / "slurm").iterdir()) == ["2", "5"]
    (home / "slurm" / "2" / "call.json").write_text(json.dumps({"command": 3}))
    assert run(["jobs", "ls"]) == 3


def program(file: Path, text: str) -> None:
    """Write a shell program."""
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o700)


def test_a_folder_that_cannot_be_removed_is_one_line(home: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """A job that ends still writes its log. The call stays in the list, and the next clean removes it."""
    jobs = home / "slurm" / "1" / "jobs"
    jobs.mkdir(parents=True)
    write_json(jobs.parent / "call.json", {"command": "ddkit compare", "units": 1, "jobs": ["10"], "ended": True})

    def busy(folder: Path) -> None:
        raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), str(folder))

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", busy)
        assert run(["jobs", "clean"]) == 0
    line = f"call 1: was incomplete, and cannot be removed (Directory not empty: '{jobs}'); run this again when its"
    assert line in capsys.readouterr().out
    assert run(["jobs", "clean"]) == 0
    assert "call 1: was incomplete, and is removed" in capsys.readouterr().out


def test_a_call_is_lost_if_another_process_has_its_number(home: Path) -> None:
    folder = home / "slurm" / "1"
    folder.mkdir(parents=True)
    call = {"command": "ddkit", "units": 1, "jobs": [], "host": socket.gethostname(), "process": os.getpid()}
    write_json(folder / "call.json", call)
    with locked(folder / LOCK, "a folder"):
        assert slurm_calls()[0].state == "running"
    (folder / LOCK).touch()  # as after a kill
    assert slurm_calls()[0].state == "lost"
