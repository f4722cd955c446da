"""Seconds of a run that was killed on the way: all stretches count, of its experts and of its set apart."""

import json
from pathlib import Path

import pytest

from ddkit.experts import list_buffers
from ddkit.jobs import condense
from ddkit.jobs.machine import stopwatch
from ddkit.jobs.machine.stopwatch import Stopwatch
from ddkit.run import Seconds, SecondsFiles, SilentMeter, write_json

QUIET = SilentMeter()
TINY = ("net.width=4", "net.depth=1", "experts.count=1", "method.max_start_epoch=1", "method.iterations=2")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that a stopwatch sees, in one item."""
    now = [100.0]
    monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: now[0])
    return now


def test_each_stretch_begins_where_the_one_before_was_noted(tmp_path: Path, clock: list[float]) -> None:
    files = SecondsFiles(tmp_path)
    watch = Stopwatch(tmp_path)
    meter = watch.experts(QUIET)
    clock[0] += 3.0
    meter.advance(1)
    assert not files.spent.exists()
    clock[0] += 4.0
    meter.advance(2)  # noted at 7 seconds
    clock[0] += 2.0  # lost with a kill
    watch = Stopwatch(tmp_path)
    watch.experts(QUIET)
    clock[0] += 10.0
    watch.experts_ended(trained=True)
    meter = watch.condensing(QUIET, anew=False)
    clock[0] += 6.0
    meter.advance(3)  # noted at 6 seconds, and killed
    watch = Stopwatch(tmp_path)
    watch.experts(QUIET)
    clock[0] += 1.0  # all experts are there
    watch.experts_ended(trained=False)
    watch.condensing(QUIET, anew=False)
    clock[0] += 0.5
    assert watch.condensing_ended() == 0.5
    assert watch.seconds == Seconds(condensing=6.5, experts=17.0)


def test_a_set_that_is_made_anew_has_the_seconds_of_the_last_time(tmp_path: Path, clock: list[float]) -> None:
    files = SecondsFiles(tmp_path)
    for passed in (5.0, 3.0):
        watch = Stopwatch(tmp_path)
        watch.condensing(QUIET, anew=True)
        clock[0] += passed
        watch.condensing_ended()
        watch.write()
    assert json.loads(files.finished.read_text()) == {"condensing": 3.0}


def test_a_run_folder_has_the_seconds_of_its_set_and_of_the_experts_that_it_trained(tmp_path: Path, home: Path) -> None:
    first, second = SecondsFiles(tmp_path / "first"), SecondsFiles(tmp_path / "second")
    made = condense("mtt", out=first.folder, overrides=TINY, evaluate=False)
    took = first.read()
    assert took is not None and took.condensing == made.seconds and took.experts is not None and took.experts > 0
    write_json(first.spent, {"seconds": 1000.0, "experts": 50.0})
    condense(out=first.folder, resume=True, evaluate=False, overrides=("method.iterations=3",))
    resumed = first.read()
    assert resumed is not None and 1000 < resumed.condensing < 1100 and resumed.experts == 50.0
    condense("mtt", out=second.folder, overrides=TINY, evaluate=False)
    assert "experts" not in json.loads(second.finished.read_text())  # the first run has trained them
    assert len(list_buffers(home / "buffers")) == 1


def test_seconds_change_no_byte_of_a_set(tmp_path: Path, home: Path) -> None:
    sets = [tmp_path / name / "set.h5" for name in ("one", "two")]
    for file in sets:
        condense("random", out=file.parent, overrides=("net.width=4", "net.depth=1"), evaluate=False)
    assert sets[0].read_bytes() == sets[1].read_bytes()
