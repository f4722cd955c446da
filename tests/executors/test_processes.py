"""Forked processes: what they yield, that they run side by side, and that none is ever left behind."""

import io
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
import time
import warnings
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import torch
from rich.console import Console

from ddkit.errors import DDKitError, DDKitWarning, NumericalError
from ddkit.executors import Needs, Watch, cores, local, processes
from ddkit.executors.child import fork
from ddkit.executors.cores import process_count
from ddkit.executors.local import LocalExecutor
from ddkit.run import locked
from ddkit.run.progress import BarMeter

CPU = Needs(torch.device("cpu"))

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only")


@dataclass(frozen=True)
class Numbered:
    """A unit whose work is a generator function of its number, which all units share. It reports what that yields."""

    number: int

    def run(self, common, report):
        items = []
        for item in common(self.number):
            items.append(item)
            report(item)
        return items


def in_processes(work, numbers, count, watch=lambda: None, lost=lambda line: None):
    units = [Numbered(number) for number in numbers]
    both = Watch(lambda unit, item: watch(), lost)
    with closing(processes.in_processes(units, partial(fork, work), count, both)) as finished:
        for unit, items in finished:
            yield unit.number, items


@pytest.fixture(autouse=True)
def nobody_is_left():
    yield
    assert not multiprocessing.active_children()


def gone(pid: int) -> bool:
    """Whether it has ended; its parent may not have waited for it yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_for(truth) -> None:
    deadline = time.monotonic() + 30
    while not truth():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("count", [1, 2, 9])
def test_every_task_comes_back_with_all_its_items_in_order(count):
    def work(task):
        for i in range(task):
            yield torch.full((3,), 10 * task + i), os.getpid()

    found = dict(in_processes(work, [3, 0, 1, 2], count))
    assert sorted(found) == [0, 1, 2, 3]
    for task, items in found.items():
        assert [tensor.tolist() for tensor, _ in items] == [[10 * task + i] * 3 for i in range(task)]
    pids = {items[0][1] for items in found.values() if items}
    assert os.getpid() not in pids and len(pids) <= count


def test_as_many_run_at_once_as_asked_for(tmp_path):
    """Each waits until it sees a second one at work, and none ever sees a third."""

    def count(change):
        """How many are at work, after a change; nobody else begins or ends meanwhile."""
        with locked(tmp_path / ".lock", "the count", wait=lambda _: None):
            change.touch()
            return len(list(tmp_path.glob("began-*"))) - len(list(tmp_path.glob("ended-*")))

    def work(task):
        at_work = count(tmp_path / f"began-{task}")
        wait_for(lambda: len(list(tmp_path.glob("began-*"))) >= 2)
        count(tmp_path / f"ended-{task}")
        yield at_work

    assert all(1 <= items[0] <= 2 for _, items in in_processes(work, range(6), 2))


def test_a_process_runs_on_one_thread_and_this_one_keeps_its_own():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        assert [items for _, items in in_processes(lambda _: [torch.get_num_threads()], [0], 1)] == [[1]]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


LATER = """
import sys
from functools import partial
from ddkit.executors import Watch
from ddkit.executors.child import fork
from ddkit.executors.processes import in_processes
class Unit:
    def run(self, common, report):
        assert "sklearn" not in sys.modules
        from sklearn.cluster import KMeans
        from threadpoolctl import threadpool_info
        return [(pool["filepath"], pool["num_threads"]) for pool in threadpool_info()]
(_, pools), = in_processes([Unit()], partial(fork, None), 1, Watch())
assert any("scikit_learn" in file for file, _ in pools), pools
print({threads for _, threads in pools})
"""


def test_a_library_imported_in_a_process_runs_on_one_thread_too():
    """In a process of its own, where scikit-learn is not imported before the fork."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    done = subprocess.run([sys.executable, "-c", LATER], capture_output=True, text=True, timeout=60, env=environment)
    assert done.stdout == "{1}\n", done.stderr


def test_an_error_arrives_with_its_place_and_ends_the_others():
    def work(task):
        if task:
            time.sleep(60)
        yield task
        raise NumericalError("expert 0: diverged")

    begin = time.monotonic()
    with pytest.raises(NumericalError) as caught:
        list(in_processes(work, [1, 0], 2))
    assert str(caught.value) == "expert 0: diverged"
    assert time.monotonic() - begin < 60
    assert "test_processes.py" in caught.value.__notes__[0]


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


def test_no_thread_of_a_bar_runs_where_processes_are_forked():
    before = threading.active_count()  # a worker of pytest-xdist has a thread of its own
    meter = BarMeter(Console(file=io.StringIO(), force_terminal=True, width=80))
    meter.start("training", 2)
    try:
        assert threading.active_count() == before
        assert [items for _, items in in_processes(lambda _: [threading.active_count()], [0], 1)] == [[1]]
    finally:
        meter.finish()


@pytest.mark.parametrize("count", [1, 3])
def test_units_here_and_in_processes_report_the_same(monkeypatch, count):
    def work(number):
        yield from range(number)

    monkeypatch.setattr(local, "process_count", lambda: 3)
    seen = []
    units = [Numbered(number) for number in (2, 0, 3)]
    watch = Watch(lambda unit, item: seen.append((unit.number, item)))
    found = dict(LocalExecutor(count).run(units, work, CPU, watch))
    assert found == {Numbered(2): [0, 1], Numbered(0): [], Numbered(3): [0, 1, 2]}
    assert sorted(seen) == [(2, 0), (2, 1), (3, 0), (3, 1), (3, 2)]


def test_how_many_units_at_once(monkeypatch):
    monkeypatch.setattr(local, "process_count", lambda: 4)
    monkeypatch.setattr(local, "free_memory", lambda device: 100)
    needs = [Needs(torch.device("cpu"), memory) for memory in (0, 10, 25, 26, 50, 51, 1000)]
    assert [LocalExecutor().at_once(one) for one in needs] == [4, 4, 4, 3, 2, 1, 1]
    assert [LocalExecutor(6).at_once(one) for one in needs] == [6, 6, 4, 3, 2, 1, 1]
    assert [LocalExecutor(2).at_once(one) for one in needs] == [2, 2, 2, 2, 2, 1, 1]
    monkeypatch.setattr(local, "process_count", lambda: 1)  # as with OMP_NUM_THREADS=1
    assert LocalExecutor().at_once(needs[0]) == 1 and LocalExecutor(6).at_once(needs[0]) == 6
    monkeypatch.setattr(local, "why_not_fork", lambda: "forking is unsafe")
    assert LocalExecutor(6).at_once(needs[0]) == LocalExecutor().at_once(needs[0]) == 1


def test_fewer_units_at_once_than_workers_is_said(monkeypatch):
    units, memory = [Numbered(number) for number in range(3)], Needs(torch.device("cpu"), 4 * 10**9)
    monkeypatch.setattr(local, "free_memory", lambda device: 9 * 10**9)

    def warnings_of(workers, needs):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert len(list(LocalExecutor(workers).run(units, lambda number: [number], needs, Watch()))) == 3
        return [str(warning.message) for warning in caught if warning.category is DDKitWarning]

    (line,) = warnings_of(3, memory)
    assert line == ("executor 'local': runs 2 at once, not 3: one needs about 4.0 GB of memory, and 9.0 GB are free")
    assert warnings_of(2, memory) == warnings_of(None, memory) == warnings_of(9, CPU) == []
    monkeypatch.setattr(local, "why_not_fork", lambda: "forking is unsafe")
    assert warnings_of(2, CPU) == ["executor 'local': runs 1 at once, not 2: forking is unsafe"]
    assert warnings_of(None, CPU) == []


@dataclass(frozen=True)
class VisibleGpus:
    """Gives the GPUs that its process sees, and its number."""

    number: int

    def run(self, common, report):
        return os.environ["CUDA_VISIBLE_DEVICES"], os.getpid(), common.tolist()


def test_a_worker_of_each_gpu_sees_one_gpu(monkeypatch):
    """As if this machine had two GPUs: their workers are new processes."""
    needs = Needs(torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert LocalExecutor().at_once(needs) == 2 and LocalExecutor(5).at_once(needs) == 5
    for visible, names in {"": {"0", "1"}, "3,5": {"3", "5"}}.items():
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        units = [VisibleGpus(number) for number in range(2)]
        results = [result for _, result in LocalExecutor().run(units, torch.ones(2), needs, Watch())]
        assert {gpu for gpu, _, _ in results} <= names
        assert all(pid != os.getpid() and common == [1, 1] for _, pid, common in results)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert LocalExecutor().at_once(needs) == 1


def test_what_units_share_is_not_sent(tmp_path):
    """A lock cannot be pickled, so it can only come by the fork."""
    lock = threading.Lock()

    def work(number):
        with lock:
            yield number

    assert sorted(in_processes(work, [0, 1, 2], 2)) == [(0, [0]), (1, [1]), (2, [2])]
