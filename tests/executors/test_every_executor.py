"""The contract of executors: the same units through each of them. A new executor joins `EXECUTORS`."""

import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_units import Add, Copy, Diverge

from ddkit.errors import NumericalError
from ddkit.executors import Executor, FileUnit, Needs, Unit, Watch
from ddkit.executors.local import LocalExecutor

CPU = Needs(torch.device("cpu"))


def on_ray() -> Executor:
    from ddkit.executors.on_ray import RayExecutor

    return RayExecutor(workers=2)


def on_slurm() -> Executor:
    pytest.importorskip("submitit", reason="submitit is not installed")
    from ddkit.executors.on_slurm import SlurmExecutor

    return SlurmExecutor(2, cluster="local")


EXECUTORS: dict[str, Callable[[], Executor]] = {
    "this process": lambda: LocalExecutor(1),
    "local": lambda: LocalExecutor(2),
    "ray": on_ray,
    "slurm": on_slurm,
}


@pytest.fixture(scope="module", params=EXECUTORS)
def name(request: pytest.FixtureRequest) -> str:
    """Of the module, so that all tests of `local` run before this process is connected to Ray and may not fork."""
    if request.param == "ray":
        request.getfixturevalue("ray_cluster")
    return str(request.param)


@pytest.fixture
def executor(name: str, units_on_path: None, home: Path) -> Executor:
    return EXECUTORS[name]()


def test_results_come_with_their_units_and_can_be_written(executor: Executor) -> None:
    units, common = [Add(number) for number in (3, 1, 2)], torch.arange(4.0)
    assert isinstance(executor, Executor) and executor.at_once(CPU) >= 1
    found = dict(executor.run(units, common, CPU, Watch()))
    assert found.keys() == set(units)
    for unit, result in found.items():
        assert np.array_equal(result, np.arange(4.0) + unit.number)
        result += 1
    assert list(executor.run([], common, CPU, Watch())) == []


def test_the_error_of_a_unit_ends_the_call(executor: Executor) -> None:
    with pytest.raises(NumericalError, match="expert 7: its parameters"):
        list(executor.run([Diverge()], None, CPU, Watch()))


def test_a_dead_workers_unit_runs_again(executor: Executor, tmp_path: Path) -> None:
    if isinstance(executor, LocalExecutor) and executor.at_once(CPU) == 1:
        pytest.skip("the worker is this process")
    lines: list[str] = []
    units = [Add(1, tmp_path / "died"), Add(2)]
    found = dict(executor.run(units, torch.zeros(1), CPU, Watch(lost=lines.append)))
    assert [found[unit].tolist() for unit in units] == [[1.0], [2.0]]
    (line,) = lines
    assert re.search("its unit (is run|runs) again", line)


def test_files_arrive_in_each_units_folder(executor: Executor, home: Path, tmp_path: Path) -> None:
    (home / "inputs").mkdir(parents=True)
    (home / "inputs" / "text").write_text("some text")
    units = [Copy(tmp_path / "one"), Copy(tmp_path / "two")]
    assert all(isinstance(unit, FileUnit) and isinstance(unit, Unit) for unit in units)
    assert dict(executor.run(units, None, CPU, Watch())).keys() == set(units)
    for unit in units:
        assert [file.name for file in unit.folder.rglob("*") if file.is_file()] == ["result"]
        assert (unit.folder / "deep" / "result").read_text() == "SOME TEXT"


def test_closing_ends_the_call(executor: Executor) -> None:
    with closing(executor.run([Add(1), Add(2)], torch.zeros(1), CPU, Watch())) as finished:
        unit, result = next(finished)
    assert result.tolist() == [float(unit.number)]
