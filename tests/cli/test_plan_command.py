"""What `ddkit plan` prints, and what it shares with `ddkit condense`."""

from pathlib import Path

import pytest

from ddkit.cli.condense import condense
from ddkit.cli.main import run
from ddkit.cli.plan import plan
from ddkit.jobs.machine.amounts import time_text

TINY = ("experts.count=2", "method.syn_steps=2", "net.width=4", "evaluate.nets=2", "evaluate.whole=false")


def test_a_plan_is_printed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = [part for setting in TINY for part in ("--set", setting)]
    assert run(["plan", "ftd-digits-ipc1", "--device", "cpu", "--probe-seconds", "0.2", *more]) == 0
    text = capsys.readouterr().out
    for part in (
        "experts",
        "condensation",
        "evaluation",
        "total",
        "peak memory",
        "disk",
        "are there: 0 of 2",
    ):
        assert part in text
    assert "free:" in text and "from a probe" in text and "2 of 2 student steps" in text
    assert "does not fit" not in text


def test_what_does_not_fit_is_said(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ddkit.jobs.planning.gauge.free_memory", lambda device: -1)
    command = ["plan", "--method", "random", "--probe-seconds", "0.2", "--set", "evaluate.whole=false"]
    assert run(command) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("does not fit: ")]
    assert len(lines) == 3 and "lower evaluate.batch" in lines[2]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["ftd-digit-ipc1"], "recipe 'ftd-digit-ipc1': is no readable file"),
        (["--method", "ftdd"], "method 'ftdd' is unknown"),
        (["--ipc", "500"], "set method.ipc to at most that"),
        (["--device", "gpu7"], "device 'gpu7'"),
        (["--probe-seconds", "0"], "--probe-seconds"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes_are_one_line(home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str) -> None:
    assert run(["plan", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("ddkit: ") and error.count("\n") == 1 and says in error
    assert not (home / "buffers").exists()


def test_options_are_those_of_condense() -> None:
    theirs = {option.name: option for option in condense.params}
    shared = [option for option in plan.params if option.name in theirs and option.name != "recipe"]
    executors = {"executor_name", "workers"}
    names = {"method", "data", "ipc", "fyi", "seed", "device", "overrides"}
    assert {option.name for option in shared} == names | executors
    assert all(option is theirs[option.name] for option in shared if option.name not in executors)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (12.3, "12 s"), (204.0, "3.4 min"), (20160.0, "5.6 h"), (99.9, "100 s")]
)
def test_times_for_people(seconds: float, text: str) -> None:
    assert time_text(seconds) == text
