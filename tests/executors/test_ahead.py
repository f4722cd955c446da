"""Units that begin while this process does other work: what runs once, in which process, and what follows a failure."""

import errno
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from forked import wait_for

from ddkit.errors import DataError, DDKitError, DDKitWarning
from ddkit.executors import Ahead, Needs, Report, Watch, executor
from ddkit.executors.local import LocalExecutor

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only"),
    pytest.mark.usefixtures("nobody_is_left"),
]

CPU = Needs(torch.device("cpu"))


@dataclass(frozen=True)
class Written:
    """Writes a line to the file of its name, and returns the common text; a file `hold-NAME` makes it wait."""

    name: str
    folder: Path
    fails: bool = False

    def run(self, common: str, report: Report) -> tuple[str, str, int]:
        with (self.folder / self.name).open("a") as file:
            file.write("run\n")
        report(1)
        while (self.folder / f"hold-{self.name}").exists():
            time.sleep(0.01)
        if self.fails:
            raise DataError(f"unit {self.name}: fails")
        report(2)
        return self.name, common, os.getpid()

    @property
    def runs(self) -> int:
        file = self.folder / self.name
        return len(file.read_text().splitlines()) if file.exists() else 0


def units(folder: Path, names: str, fails: str = "") -> list[Written]:
    return [Written(name, folder, name in fails) for name in names]


def begun(folder: Path, names: str, count: int = 1, fails: str = "") -> Ahead:
    return Ahead(units(folder, names, fails), "early", LocalExecutor(workers=2), count, lambda line: None)


def finished(ahead: Ahead, wanted: list[Written], watch: Watch | None = None) -> dict[str, tuple[str, str, int]]:
    found = list(ahead.run(wanted, "late", CPU, watch or Watch()))
    assert all(any(unit is own for own in wanted) for unit, _ in found)  # the caller's units, not equal ones
    assert len(found) == len({id(unit) for unit, _ in found}) == len(wanted)
    return {unit.name: result for unit, result in found}


def test_finished_units_are_not_run_again_and_the_others_run_with_the_later_common(tmp_path: Path) -> None:
    ahead = begun(tmp_path, "ab")
    wait_for(lambda: ahead.poll() or len(ahead._finished) == 2)
    found = finished(ahead, units(tmp_path, "abc"))
    assert {name: common for name, (_, common, _) in found.items()} == {"a": "early", "b": "early", "c": "late"}
    assert [unit.runs for unit in units(tmp_path, "abc")] == [1, 1, 1]
    assert os.getpid() not in {pid for *_, pid in found.values()}


def test_a_unit_at_work_is_finished_and_units_that_wait_begin_with_the_later_common(tmp_path: Path) -> None:
    (tmp_path / "hold-a").touch()
    ahead = begun(tmp_path, "ab")
    wait_for(lambda: units(tmp_path, "a")[0].runs == 1)
    ahead.poll()
    reports: list[tuple[str, int]] = []

    def watched(unit: Written, value: int) -> None:
        reports.append((unit.name, value))
        if unit.name == "c":
            (tmp_path / "hold-a").unlink(missing_ok=True)  # so `c` begins while `a` is at work

    found = finished(ahead, units(tmp_path, "cab"), Watch(watched))
    assert {name: common for name, (_, common, _) in found.items()} == {"a": "early", "b": "late", "c": "late"}
    assert [unit.runs for unit in units(tmp_path, "abc")] == [1, 1, 1]
    assert ("a", 2) in reports and ("c", 1) in reports


def test_a_unit_that_fails_ahead_ends_no_other_work_and_fails_when_it_is_run(tmp_path: Path) -> None:
    ahead = begun(tmp_path, "ab", fails="a")
    wait_for(lambda: ahead.poll() or not ahead._pool.children)
    with pytest.raises(DataError, match="unit a: fails"):
        finished(ahead, units(tmp_path, "ab", fails="a"))
    assert units(tmp_path, "a")[0].runs == 2


def test_a_unit_whose_process_is_killed_is_run_again(tmp_path: Path) -> None:
    (tmp_path / "hold-a").touch()
    ahead = begun(tmp_path, "a")
    wait_for(lambda: units(tmp_path, "a")[0].runs == 1)
    (child,) = ahead._pool.children.values()
    os.kill(child.process.pid or 0, signal.SIGKILL)
    wait_for(lambda: ahead.poll() or units(tmp_path, "a")[0].runs == 2)
    (tmp_path / "hold-a").unlink()
    assert finished(ahead, units(tmp_path, "a"))["a"][1] == "early"


def test_units_that_nobody_wants_are_ended(tmp_path: Path) -> None:
    (tmp_path / "hold-a").touch()
    ahead = begun(tmp_path, "a")
    wait_for(lambda: units(tmp_path, "a")[0].runs == 1)
    assert finished(ahead, units(tmp_path, "b"))["b"][1] == "late"
    (tmp_path / "hold-b").touch()
    ahead = begun(tmp_path, "b")
    ahead.close()  # the fixture sees that nobody is left


def test_a_process_that_cannot_be_started_ends_no_other_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The units are left to `run`, which says what is wrong."""
    fork, started = os.fork, []

    def limited() -> int:
        if started:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        started.append(True)
        return fork()

    (tmp_path / "hold-a").touch()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fork", limited)
        ahead = begun(tmp_path, "abc", count=3)
        assert len(ahead._pool.children) == 1
        with pytest.raises(DDKitError, match=r"cannot be started beside 0 others: .*; use workers=1"):
            list(ahead.run(units(tmp_path, "abc"), "late", CPU, Watch()))
    ahead = begun(tmp_path, "abc", count=0)
    (tmp_path / "hold-a").unlink()
    assert finished(ahead, units(tmp_path, "abc")).keys() == {"a", "b", "c"}


def test_fewer_units_at_once_than_workers_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `LocalExecutor.run` says it."""
    monkeypatch.setattr("ddkit.executors.local.free_memory", lambda device: 10**9)
    ahead = Ahead(units(tmp_path, "a"), "early", LocalExecutor(workers=3), 1, lambda line: None)
    with pytest.warns(DDKitWarning, match=r"runs 1 at once, not 3: one needs about 1\.0 GB of memory"):
        assert len(list(ahead.run(units(tmp_path, "abc"), "late", Needs(CPU.device, 10**9), Watch()))) == 3


@pytest.mark.parametrize("cores, threads, count", [(2, 1, 1), (4, 1, 3), (2, 2, 0)])
def test_only_idle_cores_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: int, threads: int, count: int
) -> None:
    monkeypatch.setattr("ddkit.executors.local.process_count", lambda: cores)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    ahead = Ahead.begin(units(tmp_path, "abcde"), "early", CPU, lambda line: None)
    assert (ahead is None) == (count == 0)
    if ahead is not None:
        assert len(ahead._pool.children) == count
        ahead.close()


def test_nothing_begins_with_one_worker_on_a_gpu_or_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ddkit.executors.local.process_count", lambda: 4)
    lost: Any = lambda line: None  # noqa: E731
    with executor(workers=1):
        assert Ahead.begin(units(tmp_path, "a"), "early", CPU, lost) is None
    assert Ahead.begin(units(tmp_path, "a"), "early", Needs(torch.device("cuda")), lost) is None
    assert Ahead.begin([], "early", CPU, lost) is None
