"""The executor `local`: how many units at once, here, in forked processes, and in a process a GPU."""

import os
import subprocess
import sys
import warnings
from dataclasses import dataclass

import pytest
import torch
from forked import Numbered

from ddkit.errors import DDKitWarning
from ddkit.executors import Needs, Watch, local
from ddkit.executors.local import LocalExecutor

CPU = Needs(torch.device("cpu"))

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only"),
    pytest.mark.usefixtures("nobody_is_left"),
]


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


UNGUARDED = """
import sys, torch
from pathlib import Path
from ddkit.errors import UsageError
from ddkit.executors import Watch
from ddkit.executors.child import spawn
from ddkit.executors.messages import packed
from ddkit.executors.processes import in_processes
from ddkit.jobs.machine.device import pick_device
from toy_units import Add

runs = Path(sys.argv[1])
runs.write_text(runs.read_text() + "." if runs.exists() else ".")
device = pick_device("cpu")
try:
    list(in_processes([Add(1), Add(2)], lambda _: spawn(packed(torch.ones(1)), ""), 2, Watch()))
except UsageError as error:
    print(error)
"""


def test_a_script_without_a_guard_is_one_line(tmp_path, units_on_path):
    """Each new worker imports the script, and ends where that comes to a job."""
    (tmp_path / "script.py").write_text(UNGUARDED)
    command = [sys.executable, str(tmp_path / "script.py"), str(tmp_path / "runs")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.count("\n") == 1 and 'put its calls of ddkit below if __name__ == "__main__":' in done.stdout
    assert len((tmp_path / "runs").read_text()) <= 3
