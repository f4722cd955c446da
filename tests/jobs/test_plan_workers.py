"""Plans for several workers: time by the critical path, memory of those that share one, and the executor's name."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from ddkit.cli.main import run
from ddkit.errors import UsageError
from ddkit.executors import Executor, Needs, executor, on_ray
from ddkit.executors.local import LocalExecutor
from ddkit.executors.on_ray import RayExecutor
from ddkit.executors.on_slurm import SlurmExecutor
from ddkit.jobs import Plan, plan
from ddkit.jobs.planning import expert_probe, images
from ddkit.jobs.planning.gauge import Cost
from ddkit.jobs.planning.workers import Workers

CPU, CUDA = Needs(torch.device("cpu")), Needs(torch.device("cuda"))
TINY = ("experts.count=20", "method.syn_steps=2", "net.width=4", "evaluate.nets=2", "evaluate.steps=5")


@pytest.fixture
def no_cluster(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ray seems to be installed, and the addresses of the clusters that were asked are kept."""
    asked: list[str] = []

    class Cluster:
        def cluster_resources(self) -> dict[str, float]:
            return {"CPU": 5.0, "GPU": 3.0}

        def nodes(self) -> list[dict[str, Any]]:
            sizes = {2**30: True, 3 * 2**30: True, 9 * 2**30: False}
            return [{"Alive": alive, "Resources": {"CPU": 2.0, "memory": size}} for size, alive in sizes.items()]

    def connected(address: str) -> Cluster:
        asked.append(address)
        return Cluster()

    monkeypatch.setattr(on_ray, "installed", lambda: None)
    monkeypatch.setattr(on_ray, "refuse_no_response", lambda address: None)
    monkeypatch.setattr(on_ray, "connected", connected)
    return asked


def test_a_cluster_is_asked_only_without_workers(no_cluster: list[str]) -> None:
    assert RayExecutor(workers=8).at_once(CPU) == 8 and no_cluster == []
    ray = RayExecutor("head:6379")
    assert no_cluster == []
    assert (ray.at_once(CPU), ray.at_once(CUDA), ray.name) == (5, 3, "ray:head:6379")
    assert no_cluster == ["head:6379"]


def test_a_rough_estimate_takes_the_largest_node_and_is_not_refused(no_cluster: list[str]) -> None:
    ray, gib = RayExecutor("head:6379"), 2**30
    for memory, rough, asked in ((2 * gib, 1, 2 * gib), (3 * gib, 1, 3 * gib), (5 * gib, 2, 3 * gib)):
        assert ray._on_a_node(on_ray._resources(Needs(CPU.device, memory)), rough)["memory"] == asked
    for memory, rough, least in ((4 * gib, 1, 4096), (8 * gib, 2, 4096)):
        with pytest.raises(UsageError, match=f"one unit needs {least} MiB of memory, and the largest node has 3072;"):
            ray._on_a_node(on_ray._resources(Needs(CPU.device, memory)), rough)


@pytest.mark.parametrize(
    ("chosen", "needs", "workers"),
    [
        (lambda: LocalExecutor(1), CPU, Workers(1, 1, separate=False)),
        (lambda: LocalExecutor(4), CUDA, Workers(4, 2, separate=True)),
        (lambda: RayExecutor(workers=1), CPU, Workers(1, 1, separate=True)),
        (lambda: RayExecutor(workers=8), CPU, Workers(8, 8, separate=True)),
        (lambda: RayExecutor("head:6379", 8), CPU, Workers(8, 1, separate=True)),
        (lambda: SlurmExecutor(8, cluster="local"), CPU, Workers(8, 1, separate=True)),
    ],
)
def test_workers_share_the_memory_of_this_machine_or_of_a_gpu(
    chosen: Callable[[], Executor],
    needs: Needs,
    workers: Workers,
    no_cluster: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr("ddkit.executors.on_slurm._submitit", lambda: None)
    assert Workers.of(needs, chosen()) == workers


def test_the_cost_of_units_by_hand() -> None:
    seconds, one = [3.0, 3.0, 2.0, 2.0, 2.0, 9.0], Cost(9.0, 100)
    assert Workers(2, 2, separate=True).cost(seconds, one, idle=40) == Cost(11.0, 160, 6, 2)
    assert Workers(2, 1, separate=True).cost(seconds, one, idle=40) == Cost(11.0, 100, 6, 2)
    assert Workers(2, 2, separate=True).cost(seconds, one, longest_first=False) == Cost(14.0, 200, 6, 2)
    assert Workers(50, 50, separate=True).cost(seconds, one, idle=40) == Cost(9.0, 400, 6, 6)


def test_a_plan_divides_experts_and_rows(
    no_cluster: list[str], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One expert is said to take 10 s, and a table to have rows of 7, 3, 3, 2 and 2 s."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setattr(expert_probe, "_probe_expert", lambda *_: (Cost(10.0, 2**20), "a stand-in"))

    def table(settings: Any, *_: Any) -> tuple[Cost, str]:
        return Workers.of(CPU).cost([2.0, 2.0, 3.0, 3.0, 7.0], Cost(7.0, 2**20)), "a stand-in"

    monkeypatch.setattr(images, "probe_evaluation", table)

    def planned(name: str, workers: int) -> Plan:
        with executor(name, workers):
            return plan("ftd", overrides=TINY, device="cpu", probe_seconds=0.1)

    found = planned("ray", 8)
    stages = {stage.name: (stage.seconds, stage.at_once, stage.units) for stage in found.stages}
    assert stages["experts"] == (30.0, 8, 20) and stages["evaluation"] == (7.0, 5, 5)  # 20 experts in 3 rounds of 8
    assert stages["condensation"][1:] == (1, 1) == stages["data"][1:]
    assert (found.executor, found.workers, no_cluster) == ("ray", 8, [])
    two = planned("local", 2)
    assert [stage.seconds for stage in two.stages if stage.name in ("experts", "evaluation")] == [100.0, 9.0]
    assert (two.executor, two.workers) == ("local", 2)


def test_different_teachers_begin_in_their_order(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    seconds = iter([1.0, 1.0, 2.0])
    monkeypatch.setattr(expert_probe, "_probe_expert", lambda *_: (Cost(next(seconds), 5), "a stand-in"))
    nets = "experts.nets=mlp(width=8); mlp(width=16); mlp(width=24)"
    with executor("local", 2):
        found = plan("rded", overrides=(nets, "evaluate.nets=2", "evaluate.steps=5"), device="cpu", probe_seconds=0.1)
    (stage,) = [stage for stage in found.stages if stage.name == "experts"]
    assert (stage.seconds, stage.units) == (3.0, 3)


def test_memory_of_other_machines_is_not_compared_with_this_ones(
    no_cluster: list[str], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ddkit.jobs.planning.gauge.free_memory", lambda device: -1)
    with executor("ray:head:6379", 8):
        found = plan("ftd", overrides=TINY, device="cpu", probe_seconds=0.1)
    assert [problem.partition(":")[0] for problem in found.problems] == ["data", "condensation"]


def test_the_command_states_executor_and_workers(
    no_cluster: list[str], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = [word for setting in TINY for word in ("--set", setting)]
    command = ["plan", "ftd-digits-ipc1", "--device", "cpu", "--probe-seconds", "0.1", *more]
    assert run([*command, "--executor", "ray:head:6379", "--workers", "8"]) == 0
    text = capsys.readouterr().out
    assert "executor: ray:head:6379, 8 workers; time is that of the critical path" in text and "8 of 20" in text
    assert no_cluster == []


def test_an_installed_ray_is_not_started(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    ray = importlib.import_module("ray")
    if ray.is_initialized():
        pytest.skip("another test of this process has a cluster")
    with executor("ray", 8) as chosen:
        assert Workers.of(CPU, chosen).count == 8
    assert not ray.is_initialized()
