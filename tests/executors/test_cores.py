"""The number of cores, and where processes may be forked."""

import sys

import pytest
import torch
from forked import in_processes

from ddkit.executors import cores
from ddkit.executors.cores import process_count

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only"),
    pytest.mark.usefixtures("nobody_is_left"),
]


def test_how_many(monkeypatch):
    monkeypatch.setattr(cores.sys, "platform", "linux")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(cores.os, "sched_getaffinity", lambda _: set(range(6)), raising=False)
    monkeypatch.setattr(cores, "_quota", lambda: 9)
    for limit, count in {"4": 4, "1": 1, "64": 6, "": 6, "0": 6, "4,2": 6}.items():
        monkeypatch.setenv("OMP_NUM_THREADS", limit)
        assert process_count() == count
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr(cores, "_quota", lambda: 2)  # a container that may keep two cores busy
    assert process_count() == 2
    monkeypatch.setattr(cores, "_quota", lambda: 9)
    assert process_count() == 6


def test_where_processes_may_be_forked(monkeypatch):
    monkeypatch.setattr(cores.sys, "platform", "linux")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert cores.why_not_fork() is None
    (_, [reason]), *_ = in_processes(lambda _: [cores.why_not_fork()], [0], 1)
    assert reason == "a worker has no workers of its own"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert "machine with a GPU" in cores.why_not_fork()
    monkeypatch.setattr(cores.sys, "platform", "darwin")
    assert "Linux only" in cores.why_not_fork()
