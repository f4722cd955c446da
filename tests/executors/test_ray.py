"""Units on a Ray cluster: the same results, dead workers, two file systems, wrong use."""

import importlib
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_units import Add, Copy, Count, Diverge, Home, Threads

from ddkit.errors import DDKitError, InUseError, NumericalError, UsageError
from ddkit.executors import Needs, Watch, elsewhere, executor, on_ray, ray_cluster, ray_worker
from ddkit.executors.cores import why_not_fork
from ddkit.executors.inputs import Inputs
from ddkit.executors.local import LocalExecutor
from ddkit.executors.messages import packed
from ddkit.executors.on_ray import RayExecutor
from ddkit.run import LOCK, locked

CPU = Needs(torch.device("cpu"))

pytestmark = pytest.mark.usefixtures("ray_cluster")


def test_results_are_those_of_this_process_and_can_be_written() -> None:
    units, common = [Add(number) for number in (3, 1, 2)], torch.arange(4.0)
    reports: list[tuple[int, int]] = []
    watch = Watch(lambda unit, item: reports.append((unit.number, item)))
    with executor("ray") as ray:
        assert ray.at_once(CPU) == 2
        found = dict(ray.run(units, common, CPU, watch))
    assert found.keys() == set(units)
    for unit, result in found.items():
        assert np.array_equal(result, (common + unit.number).numpy())
        result += 1  # read-only arrays would fail
    assert set(reports) <= {(1, 1), (2, 1), (3, 1)}


def test_a_process_connected_to_ray_does_not_fork() -> None:
    """After a fork, the next call to Ray would never return."""
    assert LocalExecutor(2).at_once(CPU) == 1
    assert "connected to Ray" in (why_not_fork() or "")


def test_a_worker_has_one_thread() -> None:
    assert list(RayExecutor().run([Threads()], None, CPU, Watch())) == [(Threads(), 1)]


def test_a_unit_whose_worker_was_killed_runs_again(tmp_path: Path) -> None:
    lines: list[str] = []
    units = [Add(1, tmp_path / "died"), Add(2)]
    found = dict(RayExecutor().run(units, torch.zeros(1), CPU, Watch(lost=lines.append)))
    assert {unit.number: result.tolist() for unit, result in found.items()} == {1: [1.0], 2: [2.0]}
    (line,) = lines
    assert line.startswith("worker ") and "died; its unit runs again on" in line and "s lost" in line


def test_a_unit_that_always_dies_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_ray, "RETRIES", 1)
    with pytest.raises(DDKitError, match=r"a unit's worker died 2 times .*; if memory is short, lower workers"):
        list(RayExecutor().run([Add(1, die_always=True)], torch.zeros(1), CPU, Watch()))


def test_an_error_of_a_unit_ends_the_call() -> None:
    with pytest.raises(NumericalError, match="expert 7: its parameters") as caught:
        list(RayExecutor().run([Diverge(), Add(1)], torch.zeros(1), CPU, Watch()))
    assert "toy_units.py" in caught.value.__notes__[0]


def test_files_travel_between_two_homes(tmp_path: Path, home: Path) -> None:
    (home / "inputs").mkdir(parents=True)
    (home / "inputs" / "text").write_text("to the worker")
    unit = Copy(tmp_path / "out" / "run")
    ((_, seen),) = RayExecutor().run([unit], None, CPU, Watch())
    assert Path(seen) != home
    assert (unit.folder / "deep" / "result").read_text() == "TO THE WORKER"
    (copy,) = Path(seen).glob("copies/*/inputs/text")
    assert copy.read_text() == "to the worker"
    assert not [*home.glob(".here-*"), *unit.folder.parent.glob(".here-*")]


def test_relative_paths_are_those_of_the_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The workers share the caller's folders, and were started in another current folder, as by `ray start`."""
    (home_of_workers,) = (Path(seen) for _, seen in RayExecutor().run([Home()], None, CPU, Watch()))
    monkeypatch.setenv("DDKIT_HOME", str(home_of_workers))
    monkeypatch.chdir(tmp_path)
    unit = Count(Path("out"))
    assert list(RayExecutor().run([unit], None, CPU, Watch())) == [(unit, 0)]
    assert (tmp_path / "out" / "checkpoint.pt").read_text() == "5"


def test_a_dead_workers_unit_continues_from_its_files(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two homes: without its files, the second worker would count from 0."""
    monkeypatch.setattr(elsewhere, "EVERY", 0.0)
    lines: list[str] = []
    unit = Count(tmp_path / "out", die_once=tmp_path / "died")
    assert list(RayExecutor().run([unit], None, CPU, Watch(lost=lines.append))) == [(unit, 3)]
    (line,) = lines
    assert "died; its unit runs again on" in line
    assert (tmp_path / "out" / "checkpoint.pt").read_text() == "5"


def test_the_lock_of_a_dead_worker_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that counts as dead still holds the lock of the run folder. A first worker does not wait."""
    monkeypatch.setattr(ray_worker, "POLL", 0.01)
    calls: list[int] = []
    with ExitStack() as stack:
        stack.enter_context(locked(tmp_path / LOCK, "a folder"))

        def run() -> str:
            calls.append(1)
            if len(calls) == 4:
                stack.close()
            with locked(tmp_path / LOCK, "a folder"):
                return "done"

        with pytest.raises(InUseError):
            ray_worker.when_released(run, 0.0)
        assert ray_worker.when_released(run, 60.0) == "done" and len(calls) == 4


def test_a_later_call_continues_from_the_files_of_an_ended_one(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elsewhere, "EVERY", 0.0)
    with pytest.raises(NumericalError, match=f"the count failed; continue in {tmp_path / 'out'}"):
        list(RayExecutor().run([Count(tmp_path / "out", fail_at=2)], None, CPU, Watch()))
    assert list(RayExecutor().run([unit := Count(tmp_path / "out")], None, CPU, Watch())) == [(unit, 2)]


@pytest.mark.parametrize(
    ("needs", "line"),
    [
        (Needs(torch.device("cpu"), 2**50), r"one unit needs 1073741824 MiB of memory, and the largest node has \d+;"),
        (Needs(torch.device("cuda")), r"one unit needs 1 GPU, and the largest node has 0; add a larger node"),
    ],
)
def test_a_unit_that_fits_no_node_is_one_line(needs: Needs, line: str) -> None:
    with pytest.raises(UsageError, match=line):
        list(RayExecutor().run([Add(1)], torch.zeros(1), needs, Watch()))


def test_other_versions_on_a_node_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_ray, "versions", lambda: ("0.0", "1.0"))
    with pytest.raises(DDKitError, match=r"Ray worker .*: has .* the driver has ddkit 0.0 and torch 1.0; install"):
        list(RayExecutor().run([Add(1)], torch.zeros(1), CPU, Watch()))


def test_an_address_without_a_response_is_one_line() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(UsageError, match=rf"executor 'ray:127.0.0.1:{port}': there is no response .*ray start --head"):
        ray_cluster.refuse_no_response(f"127.0.0.1:{port}")
    with pytest.raises(UsageError, match=r"executor 'ray:nowhere': is no HOST:PORT"):
        ray_cluster.refuse_no_response("nowhere")


def test_without_ray_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> object:
        raise ImportError(name)

    monkeypatch.setattr(ray_cluster, "import_module", missing)
    with pytest.raises(UsageError, match=r"Ray is not installed; run: pip install 'ddkit\[ray\]'"):
        RayExecutor()


def test_a_worker_keeps_the_latest_common_objects_only(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = importlib.import_module("ray")
    monkeypatch.setattr(ray_worker, "_KEPT", {})
    for number in range(4):
        reference = ray.put(packed(number))
        assert ray_worker._fetched([reference]) == number == ray_worker._fetched([reference])
    assert list(ray_worker._KEPT.values()) == [2, 3]


def test_a_worker_fetches_files_once_and_does_not_keep_them_in_memory(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Experts can have many GB."""
    monkeypatch.setattr(ray_worker, "_KEPT", {})
    file = home / "buffers" / "expert"
    file.parent.mkdir(parents=True)
    file.write_text("one")
    reference = importlib.import_module("ray").put(packed(Inputs.of([file])))
    file.write_text("two")
    folder = ray_worker._placed([reference])
    monkeypatch.setattr(ray_worker, "unpacked", None)  # a second time would fail
    assert ray_worker._placed([reference]) == folder and not ray_worker._KEPT
    assert (folder / "buffers" / "expert").read_text() == "one"


def test_a_process_joins_one_cluster_only() -> None:
    joined = importlib.import_module("ray").get_runtime_context().gcs_address
    host, _, port = joined.rpartition(":")
    assert ray_cluster.connected(joined) is ray_cluster.connected("")
    with pytest.raises(UsageError, match=f"this process has already joined the cluster at {joined}"):
        ray_cluster.connected(f"{host}:{int(port) + 1}")
    assert ray_cluster.same_address("localhost:1", "127.0.0.1:1")
    assert not ray_cluster.same_address("localhost:1", "127.0.0.1:2")


@dataclass(frozen=True)
class CannotBeUnpickled:
    """A unit whose class the worker does not have, as where a package is missing."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return importlib.import_module, ("a_package_that_only_the_driver_has",)

    def run(self, common: object, report: object) -> None:
        pass


def test_a_unit_that_a_worker_cannot_read_is_one_line() -> None:
    with pytest.raises(
        DDKitError, match=r"cannot run a unit: .*a_package_that_only.*install the same packages"
    ) as caught:
        list(RayExecutor().run([CannotBeUnpickled()], None, CPU, Watch()))
    assert "\n" not in str(caught.value) and "\x1b" not in str(caught.value)
