"""The memory that training an expert needs, and that an executor is given it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ddkit.data import DSA, RealData
from ddkit.executors import Needs
from ddkit.executors.local import LocalExecutor
from ddkit.experts.flat import FlatExperts
from ddkit.experts.memory import expert_needs
from ddkit.experts.teachers.obtain import obtain_teachers
from ddkit.experts.teachers.settings import TeacherSettings
from ddkit.experts.trajectories.factory import train_all
from ddkit.nets import FlatNet, parse_net
from ddkit.run import SilentMeter
from ddkit.task import Task

SETTINGS = FlatExperts(batch=8, lr=0.1)


@pytest.fixture
def task(real: RealData, net: FlatNet) -> Task:
    return Task(real, net, DSA("flip"))


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[Needs]:
    """The needs that executors are given. Their units are not run."""
    found: list[Needs] = []

    def run(self: LocalExecutor, units: Any, common: Any, needs: Needs, watch: Any) -> Iterator[Any]:
        found.append(needs)
        yield from ()

    monkeypatch.setattr(LocalExecutor, "run", run)
    return found


def test_every_kept_row_and_every_expert_counts(task: Task) -> None:
    one, eleven = (expert_needs(task, SETTINGS, rows).memory for rows in (1, 11))
    assert eleven - one == 10 * 4 * 4 * task.net.parameters
    assert expert_needs(task, SETTINGS, 11, experts=3).memory == 3 * eleven
    whole = len(task.real.train)
    batches = [expert_needs(task, FlatExperts(batch=batch, lr=0.1), 1).memory for batch in (1, 2, whole, 10 * whole)]
    assert batches[1] - batches[0] == 4 * 3 * task.net.activations
    assert batches[2] == batches[3], "a batch is never larger than the data"


def test_experts_give_their_memory_to_the_executor(task: Task, given: list[Needs]) -> None:
    assert list(train_all(task, SETTINGS, 5, [0, 1])) == []
    assert given == [expert_needs(task, SETTINGS, 6)]


def test_teachers_give_the_memory_of_the_largest(task: Task, given: list[Needs], tmp_path: Path) -> None:
    nets = "convnet(depth=1, width=8, norm=batch)", "convnet(depth=1, width=4, norm=batch)"
    settings = TeacherSettings(nets="; ".join(nets), epochs=1, batch=8)
    with pytest.raises(Exception):  # noqa: B017  (no teacher was trained)
        obtain_teachers(tmp_path, task, settings, SilentMeter())
    large = task.with_net(FlatNet(parse_net(nets[0]), (1, 8, 8), 3))
    assert given == [expert_needs(large, settings, 1)]
