"""--executor and --workers of commands, and `ddkit jobs`."""

import json
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
}


@pytest.mark.parametrize(("command", "arguments"), WITH_EXECUTORS.items())
@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--executor", "dask"], "--executor dask: is unknown; choose local, ray, ray:HOST:PORT, slurm"),
        (["--workers", "0"], "--workers 0: must be at least 1"),
        (["--executor", "ray:nowhere"], "--executor ray:nowhere: is no HOST:PORT"),
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


def test_jobs_lists_the_calls_of_slurm(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["jobs", "ls"]) == 0
    capsys.readouterr()
    for number, (results, ended) in enumerate([(2, True), (1, False), (1, True)], start=1):
        jobs = home / "slurm" / str(number) / "jobs"
        jobs.mkdir(parents=True)
        for unit in range(results):
            (jobs / f"{number}{unit}_0_result.pkl").touch()
        call = {"command": f"ddkit compare {number}", "units": 2, "jobs": [f"{number}0", f"{number}1"], "ended": ended}
        write_json(jobs.parent / "call.json", call)
    assert run(["jobs", "ls"]) == 0
    words = capsys.readouterr().out.replace("│", " ").split()
    assert [word for word in words if word in ("running", "complete", "incomplete")] == [
        *("incomplete", "running", "complete")
    ]
    assert [word for word in words if word.endswith("/2")] == ["1/2", "1/2", "2/2"]
    (home / "slurm" / "2" / "call.json").write_text(json.dumps({"command": 3}))
    assert run(["jobs", "ls"]) == 3
