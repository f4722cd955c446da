"""Long work is announced before it begins, with the setting that shortens it."""

import time
from pathlib import Path

import pytest
from listener import Listener

from ddkit.jobs import condense, evaluate
from ddkit.jobs.planning import long_work
from ddkit.jobs.planning.gauge import Cost
from ddkit.jobs.planning.long_work import AnnouncingMeter


class Recorder(Listener):
    """Keeps the lines and the starts of bars, in their order."""

    def start(self, title: str, total: int, done: int = 0) -> None:
        self.say(f"begin {title}")


QUICK = ("method.iterations=2", "method.syn_steps=2", "experts.count=2", "net.width=8", "method.max_start_epoch=1")
JUDGED = ("evaluate.nets=2", "evaluate.steps=5", "evaluate.epochs=1", "evaluate.whole=false")


def index(lines: list[str], begins: str) -> int:
    return next(i for i, line in enumerate(lines) if line.startswith(begins))


def test_an_evaluation_of_hours_is_said_before_the_run_begins(home: Path, tmp_path: Path) -> None:
    """Nothing is faked: so many steps take hours."""
    listener = Recorder()
    listener.start = lambda title, total, done=0: (_ for _ in ()).throw(KeyboardInterrupt)  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        condense("random", overrides=("evaluate.steps=10000000",), out=tmp_path / "run", meter=listener)
    (line,) = [line for line in listener.lines if line.startswith("the evaluation will take about")]
    assert " h; to shorten it: --set evaluate.whole=false" in line and "evaluate.nets=2" in line


@pytest.mark.parametrize("seconds, expected", [(601.0, True), (599.0, False)])
def test_experts_and_evaluation_are_said_from_ten_minutes_on(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, expected: bool
) -> None:
    for name in ("probe_missing", "probe_evaluation"):
        monkeypatch.setattr(long_work, name, lambda *arguments: (Cost(seconds, 0), ""))
    listener = Recorder()
    made = condense("mtt", overrides=(*QUICK, *JUDGED), out=tmp_path / "run", meter=listener)
    lines = [line for line in listener.lines if "will take about 10.0 min" in line]
    assert [line.split(" will ")[0] for line in lines] == ["training 2 experts", "the evaluation"] * expected
    if expected:
        assert "lower experts.count, now 2" in lines[0] and "evaluate.whole" not in lines[1]
        assert index(listener.lines, "the evaluation") < index(listener.lines, "begin training")
    again = Recorder()
    evaluate(made.set, overrides=JUDGED, meter=again)
    assert any(line.startswith("the evaluation will take") for line in again.lines) == expected


@pytest.mark.parametrize("total, expected", [(1300, "21.7 min"), (500, None)])
def test_a_condensation_is_said_after_its_first_seconds_and_once(
    monkeypatch: pytest.MonkeyPatch, total: int, expected: str | None
) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    listener = Recorder()
    meter = AnnouncingMeter(listener, "the condensation", "less")
    meter.start("condensing", total + 100, 100)
    for done in range(101, 120):  # one second an iteration; 100 are done from before
        now[0] += 1
        meter.advance(done)
    lines = [line for line in listener.lines if "will take" in line]
    assert lines == ([f"the condensation will take about {expected}; to shorten it: less"] if expected else [])
