"""Forked processes that are killed or end too early, and that none is ever left behind."""

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import closing

import pytest
from forked import Numbered, gone, in_processes, wait_for

from ddkit.errors import DDKitError
from ddkit.executors import Watch, processes
from ddkit.executors.child import fork

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only"),
    pytest.mark.usefixtures("nobody_is_left"),
]


def test_the_work_of_a_killed_process_is_done_by_another(tmp_path):
    """One of two is killed: there is one fewer from then on. The only one that is left is killed: another begins."""

    def work(task):
        if task != 1 and not (tmp_path / str(task)).exists():
            (tmp_path / str(task)).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        yield task, os.getpid()

    lines = []
    found = dict(in_processes(work, [0, 1, 2, 3], 2, lost=lines.append))
    assert {task: items[0][0] for task, items in found.items()} == {0: 0, 1: 1, 2: 2, 3: 3}
    assert len(lines) == 3
    assert all(
        re.match(r"a process at work was killed by signal 9; its unit is run again \(0.\d s lost\)", x) for x in lines
    )
    assert "shrinks by one process" in lines[0] and "shrinks" not in lines[-1]


def test_a_unit_whose_processes_are_always_killed_is_an_error():
    def work(task):
        os.kill(os.getpid(), signal.SIGKILL)
        yield task

    with pytest.raises(DDKitError, match=r"killed by signal 9 \(the 4th process for the same work\); .*run again"):
        list(in_processes(work, [0], 1))


def test_an_interrupt_comes_through_at_once_and_leaves_nobody(tmp_path):
    parent = os.getpid()

    def work(task):
        (tmp_path / str(task)).write_text(str(os.getpid()))
        os.kill(os.getpid(), signal.SIGINT)  # a terminal sends it to all; processes leave it to this one
        (tmp_path / f"{task}.lives").touch()
        wait_for(lambda: len(list(tmp_path.glob("*.lives"))) == 2)
        os.kill(parent, signal.SIGINT)
        time.sleep(60)
        yield task

    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        list(in_processes(work, [0, 1], 2))
    assert time.monotonic() - begin < 60
    assert all(gone(int((tmp_path / name).read_text())) for name in "01")


def test_processes_end_when_their_parent_is_killed(tmp_path):
    """Each says how it is called and is then busy for a minute, as with an epoch; nothing is sent that could fail."""
    script = """
import os, pathlib, sys, time
from dataclasses import dataclass
from functools import partial
from ddkit.executors import Watch
from ddkit.executors.child import fork
from ddkit.executors.processes import in_processes
@dataclass
class Unit:
    number: int
    def run(self, common, report):
        pathlib.Path(sys.argv[1], str(self.number)).write_text(str(os.getpid()))
        while True:
            report(time.sleep(60))
list(in_processes([Unit(0), Unit(1)], partial(fork, None), 2, Watch()))
"""
    parent = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)])
    wait_for(lambda: all((tmp_path / name).exists() and (tmp_path / name).read_text() for name in "01"))
    parent.kill()
    parent.wait()
    wait_for(lambda: all(gone(int((tmp_path / name).read_text())) for name in "01"))


def test_a_second_interrupt_before_any_process_was_asked_leaves_nobody(monkeypatch):
    def work(task):
        yield os.getpid()
        time.sleep(60)

    def interrupted(processes):
        raise KeyboardInterrupt  # the second one, as the first line of the clean-up begins

    seen = []
    monkeypatch.setattr(processes, "_end", interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(in_processes(work, [0, 1], 2, lambda: seen.append(1) or os.kill(os.getpid(), signal.SIGINT)))
    assert seen and not multiprocessing.active_children()


def test_closing_ends_what_is_running():
    def work(task):
        if task:
            time.sleep(60)
        yield os.getpid()

    with closing(in_processes(work, [0, 1], 2)) as finished:
        assert next(finished)[0] == 0
        assert len(multiprocessing.active_children()) == 1


def test_processes_that_are_ended_clean_up_first(tmp_path):
    def work(task):
        try:
            (tmp_path / f"began-{task}").touch()
            if task:
                time.sleep(60)
            yield task
        finally:
            (tmp_path / f"cleaned-{task}").touch()

    begin = time.monotonic()
    with closing(in_processes(work, [0, 1, 2], 3)) as finished:
        assert next(finished)[0] == 0
        wait_for(lambda: len(list(tmp_path.glob("began-*"))) == 3)
    assert {file.name for file in tmp_path.glob("cleaned-*")} == {"cleaned-0", "cleaned-1", "cleaned-2"}
    assert time.monotonic() - begin < 60


def test_one_that_does_not_end_is_killed(monkeypatch):
    monkeypatch.setattr(processes, "PATIENCE", 0.2)

    def work(task):
        if task:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        yield os.getpid()
        time.sleep(60 * task)

    seen = []
    with closing(in_processes(work, [1, 0], 2, lambda: seen.append(1))) as finished:
        next(finished)
        wait_for(lambda: seen)
    assert not multiprocessing.active_children()


def test_a_signal_while_a_process_starts_leaves_nobody():
    """The signal comes when the process is forked and nobody has written its number down."""

    def interrupted(others):
        started = fork(lambda task: [time.sleep(60)], others)
        os.kill(os.getpid(), signal.SIGINT)
        return started

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            list(processes.in_processes([Numbered(0), Numbered(1)], interrupted, 2, Watch()))
    finally:
        signal.signal(signal.SIGINT, before)
    assert not multiprocessing.active_children()
