"""How far a program may be ahead of a CUDA device. A fake stream records what was waited for."""

import torch

from ddkit.run.one_ahead import OneAhead


class Stream:
    """A stream whose events have the numbers 0, 1, ... and record for which of them the program waits."""

    def __init__(self, log: list[str]) -> None:
        self._log, self._events = log, 0

    def record_event(self) -> "Event":
        self._events += 1
        return Event(self._events - 1, self._log)


class Event:
    def __init__(self, number: int, log: list[str]) -> None:
        self._number, self._log = number, log

    def synchronize(self) -> None:
        self._log.append(f"waited for {self._number}")


def test_after_an_iteration_is_queued_the_one_before_it_is_done(monkeypatch):
    log: list[str] = []
    stream = Stream(log)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: stream)
    ahead = OneAhead("cuda:1")
    for iteration in range(3):
        log.append(f"queued {iteration}")
        ahead.queued()
    assert log == ["queued 0", "queued 1", "waited for 0", "queued 2", "waited for 1"]


def test_a_cpu_waits_for_nothing(monkeypatch):
    monkeypatch.setattr(torch.cuda, "current_stream", None)
    ahead = OneAhead("cpu")
    ahead.queued()
    ahead.queued()
