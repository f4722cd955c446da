"""Run units as jobs of a Slurm cluster, through submitit: each call is one job array, or several if it has many units.

All machines must see `$DDKIT_HOME` and the folders of runs. The common object, units, results, progress and logs of a
call are files below `$DDKIT_HOME/slurm/CALL`; `ddkit jobs ls` lists them.
"""

import os
import shutil
import socket
import sys
import time
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from ddkit.errors import DDKitError, UsageError
from ddkit.executors.contract import RETRIES, Needs, SomeUnit, Watch
from ddkit.executors.messages import packed, unpacked
from ddkit.executors.slurm_arrays import arrays, shares
from ddkit.executors.slurm_calls import CALL, CallFile
from ddkit.executors.slurm_job import Job, Result, common_file, progress_file
from ddkit.home import home
from ddkit.run import LOCK, locked, write_json

POLL = 1.0
"""Seconds between two looks at jobs and their progress."""

AT_ONCE = 256
"""The most jobs of an array at once, unless the user says another number."""

ARRAY = 1000
"""The most jobs of one array, unless the user says another number. Slurm's MaxArraySize is 1001 unless it is set."""

PARALLEL = "slurm_array_parallelism"
"""submitit's name for the most jobs of an array at the same time."""

PROCESS = 2**30
"""Bytes of a process that has imported PyTorch and ddkit, rounded up."""


@dataclass(frozen=True)
class SlurmExecutor:
    """Runs units as Slurm jobs.

    Attributes:
        workers: the most jobs at once; None: 256.
        parameters: of jobs, in submitit's names, for example {"timeout_min": 120, "slurm_partition": "gpu"}.
        array: the most jobs of one array. A call with more units has several arrays.
        cluster: "slurm"; "local" runs the jobs as processes of this machine, for tests.
    """

    workers: int | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    array: int = ARRAY
    cluster: str = "slurm"
    name: ClassVar[str] = "slurm"
    elsewhere: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _submitit()
        if self.cluster == "slurm" and shutil.which("sbatch") is None:
            raise UsageError("executor 'slurm': there is no sbatch here; run ddkit on a login node of the cluster")

    def at_once(self, needs: Needs) -> int:
        return self.workers or AT_ONCE

    def run(
        self, units: Sequence[SomeUnit], common: Any, needs: Needs, watch: Watch
    ) -> Generator[tuple[SomeUnit, Any], None, None]:
        if not units:
            return
        message = packed(common)
        folder = _new_folder()
        jobs = [Job(folder, number, unit, needs.device.type == "cpu") for number, unit in enumerate(units)]
        waiting = arrays(len(units), self.array)
        free = shares(self.at_once(needs), len(waiting))
        submitter = self._submitter(folder, needs, len(message))
        call = _Call(folder, jobs, watch, submitter, waiting, free, PARALLEL in self.parameters)
        with locked(folder / LOCK, f"folder '{folder}'"):  # shows `ddkit jobs` that this process lives
            try:
                call.note(ended=False)  # first, so that `ddkit jobs clean` finds the folder after a kill at any moment
                common_file(folder).write_bytes(message)
                yield from call.results()
            finally:
                call.end()

    def _submitter(self, folder: Path, needs: Needs, common: int) -> Any:
        """submitit's executor for a call, with the resources of one unit.

        `common` is the size of the common object. A job on a CPU gets memory for the unit, for the common object and
        its message, and for Python and PyTorch.
        """
        on_cpu = needs.device.type == "cpu"
        resources = {"cpus_per_task": 1} if on_cpu else {"gpus_per_node": 1}
        if needs.memory and on_cpu:
            resources["mem_gb"] = -(-(needs.memory + 2 * common + PROCESS) // 2**30)
        defaults = {"name": "ddkit", "timeout_min": 60}
        submitter = _submitit().AutoExecutor(folder=folder / "jobs", cluster=self.cluster, slurm_max_num_timeout=100)
        try:
            submitter.update_parameters(**{**defaults, **resources, **self.parameters})
        except Exception as error:
            shutil.rmtree(folder)
            raise UsageError(f"executor 'slurm': a parameter is refused: {str(error).splitlines()[0]}") from None
        return submitter


@dataclass
class _Call:
    """The jobs of one call.

    Attributes:
        waiting: arrays that are not yet submitted, each as the numbers of its units.
        free: for each further array that may run now, the most of its jobs at the same time.
        fixed: whether the user says how many jobs of an array run at the same time.
    """

    folder: Path
    units: Sequence[Job]
    watch: Watch
    submitter: Any
    waiting: list[range]
    free: list[int]
    fixed: bool
    running: dict[int, Any] = field(default_factory=dict)
    attempts: Counter[int] = field(default_factory=Counter)
    reports: dict[int, bytes] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.time)

    def results(self) -> Generator[tuple[Any, Any], None, None]:
        """Submit all jobs, and yield (unit, result) as they end. Jobs that died are submitted again."""
        share_of: dict[range, int] = {}
        while self.waiting or self.running:
            ended = [numbers for numbers in share_of if self.running.keys().isdisjoint(numbers)]
            self.free += [share_of.pop(numbers) for numbers in ended]
            while self.waiting and self.free:
                numbers, share = self.waiting.pop(0), self.free.pop(0)
                share_of[numbers] = share
                self._submit(numbers, share)
            for number, job in list(self.running.items()):
                self._look_at_progress(number)
                if job.done():
                    del self.running[number]
                    if (result := self._result(number, job)) is not None:
                        yield self.units[number].unit, result.value
                        job.paths.result_pickle.write_bytes(b"")  # the caller has the result, which may be large
                        job.paths.submitted_pickle.unlink(missing_ok=True)
            time.sleep(POLL if self.running else 0)

    def _submit(self, numbers: Sequence[int], at_once: int = 1) -> None:
        """Submit the jobs of these units as one array, of which `at_once` run at the same time."""
        try:
            if not self.fixed:
                self.submitter.update_parameters(**{PARALLEL: at_once})
            with self.submitter.batch():
                jobs = [self.submitter.submit(self.units[number]) for number in numbers]
        except Exception as error:
            raise UsageError(
                f"executor 'slurm': jobs were not accepted: {str(error).splitlines()[0]}; [slurm] of "
                "$DDKIT_HOME/config.toml sets their parameters, for example mem_gb and slurm_partition"
            ) from None
        self.running |= dict(zip(numbers, jobs, strict=True))
        self.attempts.update(numbers)
        self.names += [job.job_id for job in jobs]
        self.note(ended=False)

    def note(self, ended: bool) -> None:
        """Write the file that `ddkit jobs` reads."""
        command = " ".join(["ddkit", *sys.argv[1:]])
        file = CallFile(command, len(self.units), self.names, ended, socket.gethostname(), os.getpid(), self.began)
        write_json(self.folder / CALL, asdict(file))

    def _result(self, number: int, job: Any) -> Result | None:
        """The result of a job that ended; None if it died and was submitted again."""
        try:
            result: Result = job.result()
        except Exception as error:
            reason = str(error).strip().splitlines()[0]
            if self.attempts[number] > RETRIES:
                raise DDKitError(
                    f"executor 'slurm': job {job.job_id} ended without a result, as {RETRIES} before it ({reason}); "
                    f"its log is '{job.paths.stderr}'; run again to continue"
                ) from None
            self._submit([number])
            self.watch.lost(
                f"job {job.job_id} ended without a result; its unit runs again as job {self.running[number].job_id}"
            )
            return None
        if result.error is not None:
            raise result.error
        return result

    def _look_at_progress(self, number: int) -> None:
        with suppress(OSError):
            report = progress_file(self.folder, number).read_bytes()
            if report != self.reports.get(number):
                self.reports[number] = report
                self.watch.progress(self.units[number].unit, unpacked(report))

    def end(self) -> None:
        """Cancel what still runs, and remove the large files."""
        for job in self.running.values():
            job.cancel()
        self.note(ended=True)
        for file in (common_file(self.folder), *self.folder.glob("progress-*.pkl")):
            file.unlink(missing_ok=True)


def _new_folder() -> Path:
    root = home() / "slurm"
    root.mkdir(parents=True, exist_ok=True)
    number = 1 + max((int(folder.name) for folder in root.iterdir() if folder.name.isdecimal()), default=0)
    while True:
        with suppress(FileExistsError):
            (root / str(number)).mkdir()
            return root / str(number)
        number += 1


def _submitit() -> Any:
    try:
        return import_module("submitit")  # not by name: submitit is optional, and type checkers need not have it
    except ImportError:
        raise UsageError("executor 'slurm': submitit is not installed; run: pip install 'ddkit[slurm]'") from None
