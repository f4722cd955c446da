"""--executor and --workers of commands, and `ddkit jobs`."""

import json
import os
import socket
import subprocess
from pathlib import Path

import pytest

from ddkit.cli.main import run
from ddkit.executors import executor_in_use
from ddkit.executors.local import LocalExecutor
from ddkit.run import write_json

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
    assert "call 4: its command was killed, and its jobs may run; --lost" in capsys.readouterr().out
    assert sorted(folder.name for folder in (home / "slurm").iterdir()) == ["2", "4", "5"]
    cancel = home / "scancel"
    cancel.write_text(f'#!/bin/sh\necho "$@" > {home}/cancelled\n')
    cancel.chmod(0o700)
    monkeypatch.setenv("PATH", f"{home}{os.pathsep}{os.environ['PATH']}")
    assert run(["jobs", "clean", "--lost"]) == 0
    assert (home / "cancelled").read_text() == "40 41\n"
    assert sorted(folder.name for folder in (home / "slurm").iterdir()) == ["2", "5"]
    (home / "slurm" / "2" / "call.json").write_text(json.dumps({"command": 3}))
    assert run(["jobs", "ls"]) == 3
