"""Units as jobs, run by submitit's local executor, which starts processes of this machine instead of Slurm jobs.

No Slurm cluster is at hand where these tests are written.
"""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_units import Add, Diverge, Threads

from ddkit.errors import DDKitError, NumericalError, UsageError
from ddkit.executors import Needs, Watch, on_slurm
from ddkit.executors.on_slurm import SlurmExecutor
from ddkit.executors.slurm_arrays import arrays, shares
from ddkit.executors.slurm_calls import slurm_calls
from ddkit.executors.slurm_job import Job

CPU = Needs(torch.device("cpu"), memory=2**30)

pytestmark = pytest.mark.usefixtures("units_on_path")


@pytest.fixture
def slurm() -> SlurmExecutor:
    pytest.importorskip("submitit", reason="submitit is not installed")
    return SlurmExecutor(2, cluster="local")


def test_jobs_have_the_results_of_this_process_and_dead_ones_run_again(
    slurm: SlurmExecutor, home: Path, tmp_path: Path
) -> None:
    lines: list[str] = []
    units = [Add(1, tmp_path / "died"), Add(2), Threads()]
    found = dict(slurm.run(units, torch.zeros(2), CPU, Watch(lost=lines.append)))
    assert np.array_equal(found[units[0]], [1, 1]) and np.array_equal(found[units[1]], [2, 2])
    assert found[units[2]] == 1
    (line,) = lines
    assert "ended without a result; its unit runs again as job" in line
    call = json.loads((home / "slurm" / "1" / "call.json").read_text())
    assert call["units"] == 3 and len(call["jobs"]) == 4
    assert not (home / "slurm" / "1" / "common.pkl").exists()


def test_an_error_of_a_unit_ends_the_call(slurm: SlurmExecutor, home: Path) -> None:
    with pytest.raises(NumericalError, match="expert 7: its parameters"):
        list(slurm.run([Diverge()], None, CPU, Watch()))


def test_a_call_is_listed_before_anything_large_is_written(
    slurm: SlurmExecutor, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill at any later moment leaves a folder that `ddkit jobs clean` finds."""

    states: list[str] = []

    def watched(folder: Path) -> Path:
        states.extend(call.state for call in slurm_calls())
        raise KeyboardInterrupt

    monkeypatch.setattr(on_slurm, "common_file", watched)
    with pytest.raises(KeyboardInterrupt):
        list(slurm.run([Add(1)], None, CPU, Watch()))
    assert states[0] == "running"


def test_a_unit_that_always_dies_is_one_line(slurm: SlurmExecutor, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_slurm, "RETRIES", 0)
    with pytest.raises(DDKitError, match=r"job \d+ ended without a result.*its log is '.*'; run again to continue"):
        list(slurm.run([Add(1, die_always=True)], torch.zeros(1), CPU, Watch()))


def test_many_units_are_several_arrays(slurm: SlurmExecutor, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven units in arrays of at most three, two of which run at the same time, with one job each."""
    sizes: list[int] = []
    parallel: list[int] = []
    submit = on_slurm._Call._submit

    def submitted(call: on_slurm._Call, numbers: Sequence[int], at_once: int = 1) -> None:
        begun = len({number % 3 for number in call.running})
        sizes.append(len(numbers))
        parallel.append(at_once)
        assert begun < 2
        submit(call, numbers, at_once)

    monkeypatch.setattr(on_slurm._Call, "_submit", submitted)
    units = [Add(number) for number in range(7)]
    found = dict(SlurmExecutor(2, {}, 3, "local").run(units, torch.zeros(1), CPU, Watch()))
    assert {unit.number: result.tolist() for unit, result in found.items()} == {i: [float(i)] for i in range(7)}
    assert sizes == [3, 2, 2] and parallel == [1, 1, 1]


@pytest.mark.parametrize(("units", "most"), [(1, 1000), (1000, 1000), (1001, 1000), (2500, 1000), (7, 3), (5, 1)])
def test_arrays_have_each_unit_once_and_their_limit(units: int, most: int) -> None:
    found = arrays(units, most)
    assert sorted(number for numbers in found for number in numbers) == list(range(units))
    assert max(map(len, found)) <= most and len(found) == -(-units // most)


@pytest.mark.parametrize(("workers", "count"), [(1, 1), (1, 3), (5, 3), (50, 3), (256, 3), (3, 2), (6, 3)])
def test_arrays_share_all_workers(workers: int, count: int) -> None:
    found = shares(workers, count)
    assert sum(found) == workers and min(found) >= 1 and max(found) - min(found) <= 1
    assert len(found) == min(workers, count)


def test_a_job_at_its_time_limit_runs_the_same_unit_again(tmp_path: Path) -> None:
    pytest.importorskip("submitit", reason="submitit is not installed")
    job = Job(tmp_path, 3, Add(5), True)
    assert job.checkpoint().function == job


def test_a_parameter_that_submitit_does_not_know_is_one_line(home: Path) -> None:
    pytest.importorskip("submitit", reason="submitit is not installed")
    with pytest.raises(UsageError, match=r"executor 'slurm': a parameter is refused: .*nonsense"):
        list(SlurmExecutor(1, {"nonsense": 1}, cluster="local").run([Add(1)], torch.zeros(1), CPU, Watch()))
    assert not list((home / "slurm").iterdir())


def test_without_slurm_or_submitit_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> object:
        raise ImportError(name)

    if shutil.which("sbatch") is None:
        with pytest.raises(UsageError, match="there is no sbatch here; run ddkit on a login node"):
            SlurmExecutor()
    monkeypatch.setattr(on_slurm, "import_module", missing)
    with pytest.raises(UsageError, match=r"submitit is not installed; run: pip install 'ddkit\[slurm\]'"):
        SlurmExecutor()
