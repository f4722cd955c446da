"""Units as jobs, run by submitit's local executor, which starts processes of this machine instead of Slurm jobs.

No Slurm cluster is at hand where these tests are written.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_units import Add, Diverge, Threads

from ddkit.errors import DDKitError, NumericalError, UsageError
from ddkit.executors import Needs, Watch, on_slurm
from ddkit.executors.on_slurm import SlurmExecutor
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


def test_a_unit_that_always_dies_is_one_line(slurm: SlurmExecutor, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_slurm, "RETRIES", 0)
    with pytest.raises(DDKitError, match=r"job \d+ ended without a result.*its log is '.*'; run again to continue"):
        list(slurm.run([Add(1, die_always=True)], torch.zeros(1), CPU, Watch()))


def test_a_job_at_its_time_limit_runs_the_same_unit_again(tmp_path: Path) -> None:
    pytest.importorskip("submitit", reason="submitit is not installed")
    job = Job(tmp_path, 3, Add(5), True)
    assert job.checkpoint().function == job


def test_a_parameter_that_submitit_does_not_know_is_one_line(home: Path) -> None:
    pytest.importorskip("submitit", reason="submitit is not installed")
    with pytest.raises(UsageError, match=r"executor 'slurm': a parameter is refused: .*nonsense"):
        list(SlurmExecutor(1, {"nonsense": 1}, "local").run([Add(1)], torch.zeros(1), CPU, Watch()))
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
