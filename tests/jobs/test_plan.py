"""A plan against what a run really takes; what is there, what is free, and what stays behind."""

import importlib
import os
import re
import shutil
import subprocess
import sys
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lent_kernels import lend_kernels
from torch.utils._python_dispatch import TorchDispatchMode

import ddkit
from ddkit.errors import UsageError
from ddkit.jobs import Plan, condense, plan
from ddkit.jobs.planning.gauge import Cost, Gauge, Line

SMALL = (
    *("experts.count=3", "method.iterations=40", "method.syn_steps=5", "method.max_start_epoch=3", "net.width=16"),
    *("evaluate.nets=2", "evaluate.steps=40", "evaluate.epochs=2"),
)


@pytest.fixture
def planned(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Plan]:
    """plan() on digits in an empty folder, with small settings and a short probe, whose seconds are not accurate."""
    monkeypatch.chdir(tmp_path)

    def planned(*overrides: str, method: str = "mtt", probe: float = 0.1) -> Plan:
        settings = SMALL if method == "mtt" else SMALL[5:]
        return plan(method, overrides=(*settings, *overrides), device="cpu", probe_seconds=probe)

    return planned


def run(out: Path, *overrides: str, evaluate: bool = False) -> None:
    condense("mtt", overrides=(*SMALL, *overrides), device="cpu", out=out, evaluate=evaluate)


def names(found: Plan) -> list[str]:
    return [stage.name for stage in found.stages]


class Operations(TorchDispatchMode):
    """A clock whose seconds are PyTorch's operations in this thread, 10,000 a second: other work does not change it."""

    def __init__(self) -> None:
        super().__init__()
        self._count = 0

    def perf_counter(self) -> float:
        return self._count / 1e4

    def __torch_dispatch__(
        self, func: Callable[..., object], types: object, args: tuple[object, ...] = (), kwargs: Any = None
    ) -> object:
        self._count += 1
        return func(*args, **(kwargs or {}))


@pytest.mark.pictures
def test_a_plan_is_what_a_run_takes(
    planned: Callable[..., Plan], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On one core, so that all work is in this thread, and with a probe that has time for few networks at once and one
    that has time for all."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    modules = ("ddkit.experts.trajectories.source", "ddkit.jobs.runs.make", "ddkit.jobs.tables.image_scoring")
    experts, making, scoring = map(importlib.import_module, modules)
    gauge, measured = Gauge(torch.device("cpu")), {}

    def timed(stage: str, function: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **named: object) -> object:
            results: list[object] = []
            measured[stage] = gauge.once(lambda: results.append(function(*arguments, **named))).seconds
            return results[0]

        return call

    clock = Operations()
    monkeypatch.setattr("ddkit.jobs.planning.gauge.time", clock)
    with clock:
        plans = [planned(probe=probe) for probe in (0.1, 1.0, 3.0)]
        found = plans[0]
        assert names(found) == ["data", "experts", "condensation", "evaluation"] and not found.problems
        with pytest.MonkeyPatch.context() as patch:
            places = ((experts, "collect"), (making, "_iterated"), (scoring, "evaluate_honestly"))
            for stage, (module, name) in zip(names(found)[1:], places, strict=True):
                patch.setattr(module, name, timed(stage, getattr(module, name)))
            run(tmp_path / "run", evaluate=True)
    for stage in (stage for each in plans for stage in each.stages[1:]):
        assert measured[stage.name] / 2 < stage.seconds < 2 * measured[stage.name], (stage, measured)
    stored = sum(file.stat().st_size for file in home.rglob("expert-*.h5"))
    assert found.stages[1].disk == pytest.approx(stored, rel=0.02)
    folder = sum(file.stat().st_size for file in (tmp_path / "run").rglob("*") if file.is_file())
    assert found.stages[2].disk == pytest.approx(folder, rel=0.25)
    assert found.seconds == sum(stage.seconds for stage in found.stages)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_size_of_experts_follows_their_precision(planned: Callable[..., Plan], home: Path, dtype: str) -> None:
    setting = f"experts.dtype={dtype}"
    found = planned(setting)
    run(home.with_name("run"), setting, "method.iterations=1")
    assert found.disk > found.stages[1].disk > 0
    sizes = [file.stat().st_size for file in home.rglob("expert-*.h5")]
    assert len(sizes) == 3 and found.stages[1].disk == pytest.approx(sum(sizes), rel=0.02)


def test_only_missing_experts_are_planned(planned: Callable[..., Plan], tmp_path: Path) -> None:
    empty = planned()
    assert (empty.experts_there, empty.experts_wanted) == (0, 3)
    run(tmp_path / "run", "experts.count=2", "method.iterations=1")
    partly = planned()
    assert (partly.experts_there, partly.experts_wanted) == (2, 3)
    assert partly.stages[1].disk == pytest.approx(empty.stages[1].disk / 3, rel=0.01)
    full = planned("experts.count=2")
    assert (full.experts_there, full.experts_wanted) == (2, 2) and names(full) == ["data", "condensation", "evaluation"]
    longer = planned("method.max_start_epoch=5")  # too short ones are trained anew, and replaced
    assert (longer.experts_there, longer.experts_wanted) == (0, 3)
    rows = {3: 3 + 2, 5: 5 + 2}
    growth = 3 * rows[5] / rows[3] - 2
    assert longer.stages[1].disk == pytest.approx(growth * empty.stages[1].disk / 3, rel=0.02)


def test_nothing_stays_behind(planned: Callable[..., Plan], home: Path, tmp_path: Path) -> None:
    shutil.rmtree(home)
    before = torch.get_rng_state()
    planned()
    left = {path.name for path in tmp_path.iterdir()} | {path.name for path in home.glob("*")}
    assert left <= {"home", "kernels"}  # compiled code, if this machine compiles, is for the run too
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("method", ["random", "herding", "kmeans"])
def test_methods_without_experts(planned: Callable[..., Plan], method: str) -> None:
    found = planned(method=method)
    assert names(found) == ["data", "condensation", "evaluation"] and found.experts_wanted == 0


Usage = namedtuple("Usage", "total used free")


def test_a_small_disk(planned: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch) -> None:
    need = planned().stages[1].disk
    for room, says in (
        (0.7, r"set experts.dtype=bfloat16, .*, or set experts.count=2, or set DDKIT_HOME"),
        (0.4, r"free at home; set experts.count=1, or set DDKIT_HOME"),
        (0.1, r"free at home; set DDKIT_HOME to a folder on a larger disk"),
    ):
        free = int(room * need)
        monkeypatch.setattr(shutil, "disk_usage", lambda folder, free=free: Usage(0, 0, free))
        found = planned()
        assert found.free_disk == free
        (line,) = [problem for problem in found.problems if problem.startswith("3 missing experts: ")]
        assert re.search(says, line), line
    with_half = planned("experts.dtype=bfloat16")  # obeying the advice helps
    assert with_half.stages[1].disk < 0.52 * need


def test_a_small_memory(planned: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ddkit.jobs.planning.gauge.free_memory", lambda device: -1)  # less than any work takes
    lines = planned().problems
    assert len(lines) == 4 and not any("\n" in line for line in lines)
    assert lines[0].startswith("data: needs ") and lines[0].endswith("use fewer or smaller images")
    for line, setting in zip(lines[1:], ("experts.batch", "method.batch_syn", "evaluate.batch"), strict=True):
        assert f"{setting}, now" in line


MEASURED = """
import torch
from ddkit.jobs.planning.gauge import Gauge

ballast = torch.ones(64 * 2**20)
gauge = Gauge(torch.device("cpu"))
small, large = (gauge.once(lambda n=n: torch.ones(n * 2**20 // 4)).memory for n in (1, 64))
after = gauge.once(lambda: None).memory
del ballast
print(small, large, after, gauge.once(lambda: torch.ones(16 * 2**20)).memory)
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak of a process is reset on Linux only")
def test_memory_of_the_process_is_measured() -> None:
    done = subprocess.run([sys.executable, "-c", MEASURED], check=True, capture_output=True, text=True)
    small, large, after, freed = (int(x) / 2**20 for x in done.stdout.split())
    assert large - small == pytest.approx(63, rel=0.1)
    assert after < small + 6  # the peak before is forgotten
    assert freed == pytest.approx(64, rel=0.1)  # memory that the process had at first and freed since is no gain


def test_a_line_goes_through_what_was_measured() -> None:
    line = Line(Cost(1.0, 100), Cost(3.0, 140), size=5)
    assert line.at(5) == line.large and line.at(1) == line.small
    assert line.at(9) == Cost(5.0, 180)
    assert Line(line.large, Cost(2.0, 100), size=5).at(50) == line.large  # noise does not make more work cheaper


def test_costs_of_longer_work_are_found_from_shorter() -> None:
    calls: list[int] = []
    costs = iter([0.5, *[0.5] * 3, *[1.5] * 3])
    gauge = Gauge(torch.device("cpu"))
    gauge.once = lambda work: work() or Cost(next(costs), 7)  # type: ignore[method-assign]
    next(costs)
    line = gauge.line(lambda size: lambda: calls.append(size), 20, 4.5)
    assert (calls, line.size) == ([1, 1, 1, 1, 3, 3, 3], 3)
    assert line.at(20).seconds == 0.5 + 19 / 2


def test_a_call_that_other_processes_slow_down_does_not_count() -> None:
    costs, gauge = iter([9.0, 0.5, 3.0]), Gauge(torch.device("cpu"))
    gauge.once = lambda work: Cost(next(costs), 7)  # type: ignore[method-assign]
    assert gauge.cost(lambda: None, 60.0) == Cost(0.5, 7)


def test_mistakes_are_those_of_condense(home: Path) -> None:
    with pytest.raises(UsageError, match="method 'ftdd' is unknown; did you mean ftd"):
        ddkit.plan("ftdd")


MEMORY = """
import sys
import torch
from ddkit.jobs import condense, plan
from ddkit.jobs.planning.gauge import Gauge

settings = ("net.depth=1", "net.width=4", "evaluate.nets=2", "evaluate.steps=5", "evaluate.whole=false")
request = {"data": sys.argv[2], "ipc": 1, "overrides": settings, "device": "cpu"}
small = {**request, "data": "digits"}
if sys.argv[1] == "plan":
    print(plan("kmeans", **request, probe_seconds=1).memory)
else:
    condense("kmeans", **small, out="small")  # libraries are loaded, as a plan counts data and work only
    gauge = Gauge(torch.device("cpu"))
    print(gauge.once(lambda: condense("kmeans", **request, out="large")).memory)
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="measured through /proc")
def test_memory_is_what_a_run_takes_with_its_data(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The data is most of it: 245 MB as float32, of which a fifth is for testing.

    With one thread rows are scored in the process that is measured, and not in children.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    lend_kernels(home)
    draw = np.random.default_rng(0)
    pixels, labels = draw.integers(0, 256, (20_000, 32, 32, 3), dtype=np.uint8), np.arange(20_000) % 10
    np.savez(
        "data.npz",
        train_images=pixels[4000:],
        train_labels=labels[4000:],
        test_images=pixels[:4000],
        test_labels=labels[:4000],
    )
    takes = {}
    for job in ("plan", "run"):
        command = [sys.executable, "-c", MEMORY, job, "npz:data.npz"]
        result = subprocess.run(command, capture_output=True, text=True, check=True)
        takes[job] = int(result.stdout.split()[-1])
    assert takes["run"] > 1.25 * 4 * pixels.size
    assert 0.8 * takes["run"] < takes["plan"] < 1.4 * takes["run"]


MEMORY_OF_GRAPHS = """
import sys
import torch
from ddkit.jobs import condense, plan
from ddkit.jobs.planning.gauge import Gauge

settings = ("evaluate.gnns=gin", "evaluate.nets=2", "evaluate.steps=12", "evaluate.whole_steps=12", "method.budget=600")
request = {"recipe": "mirage-plus-digits-graphs", "overrides": settings}
if sys.argv[1] == "plan":
    print(plan(**request).memory)
else:
    import torch_geometric.nn  # libraries are loaded, as a plan counts data and work only
    gauge = Gauge(torch.device("cpu"))
    print(gauge.once(lambda: condense(**request, out="large")).memory)
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="measured through /proc")
@pytest.mark.slow
def test_memory_of_graphs_is_what_a_run_takes(home: Path, tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}

    def memory(what: str) -> int:
        command = [sys.executable, "-c", MEMORY_OF_GRAPHS, what]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path, env=environment)
        return int(done.stdout.splitlines()[-1])

    assert 0.5 < memory("plan") / memory("run") < 2
