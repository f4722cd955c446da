"""Forked processes: what they yield, how many run at once, and their threads."""

import io
import os
import subprocess
import sys
import threading
import time

import pytest
import torch
from forked import in_processes, wait_for
from rich.console import Console

from ddkit.errors import NumericalError
from ddkit.run import locked
from ddkit.run.progress import BarMeter

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only"),
    pytest.mark.usefixtures("nobody_is_left"),
]


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


def test_no_thread_of_a_bar_runs_where_processes_are_forked():
    before = threading.active_count()  # a worker of pytest-xdist has a thread of its own
    meter = BarMeter(Console(file=io.StringIO(), force_terminal=True, width=80))
    meter.start("training", 2)
    try:
        assert threading.active_count() == before
        assert [items for _, items in in_processes(lambda _: [threading.active_count()], [0], 1)] == [[1]]
    finally:
        meter.finish()


def test_what_units_share_is_not_sent(tmp_path):
    """A lock cannot be pickled, so it can only come by the fork."""
    lock = threading.Lock()

    def work(number):
        with lock:
            yield number

    assert sorted(in_processes(work, [0, 1, 2], 2)) == [(0, [0]), (1, [1]), (2, [2])]
