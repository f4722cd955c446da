"""Seconds of a run that was killed on the way: both stretches count."""

from pathlib import Path

import pytest

from ddkit.jobs.machine import stopwatch
from ddkit.jobs.machine.stopwatch import Stopwatch


def test_a_second_stretch_begins_where_the_first_was_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: now[0])
    file = tmp_path / "spent.json"
    first = Stopwatch(file)
    now[0] += 3.0
    first.advance(1)
    assert not file.exists() and first.seconds == 3.0
    now[0] += 4.0
    first.advance(2)  # noted at 7 seconds
    now[0] += 2.0  # lost with the kill
    second = Stopwatch(file)
    now[0] += 10.0
    assert second.seconds == 17.0
