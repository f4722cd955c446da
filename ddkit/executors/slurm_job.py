"""What a Slurm job does: run one unit with the common object of its call, and note its progress in a file."""

import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ddkit.errors import DDKitError
from ddkit.executors.contract import Unit
from ddkit.executors.messages import packed, unpacked
from ddkit.run import atomic_write

PACE = 5.0
"""Least seconds between two notes of one unit's progress."""


@dataclass(frozen=True)
class Result:
    """The result of a unit, or its error."""

    value: Any = None
    error: Exception | None = None


@dataclass(frozen=True)
class Job:
    """One unit in a folder that all machines of the cluster see.

    If the job reaches its time limit, Slurm runs it again. A unit with a folder then continues at its checkpoint.
    """

    folder: Path
    number: int
    unit: Unit
    on_cpu: bool

    def __call__(self) -> Result:
        last = 0.0

        def report(item: Any) -> None:
            nonlocal last
            if (now := time.monotonic()) - last >= PACE:
                last = now
                with atomic_write(progress_file(self.folder, self.number)) as file:
                    file.write_bytes(packed(item))

        try:
            if self.on_cpu:
                torch.set_num_threads(1)  # for results that are equal to those of other executors
            common = unpacked(common_file(self.folder).read_bytes())
            return Result(self.unit.run(common, report))
        except Exception as error:
            place = traceback.format_exc()
            if isinstance(error, DDKitError):
                error.add_note(place)
                return Result(error=error)
            return Result(error=RuntimeError(place))

    def checkpoint(self) -> Any:
        """What submitit runs after a time limit: the same unit again."""
        from submitit.helpers import DelayedSubmission  # installed where jobs run

        return DelayedSubmission(self)


def common_file(folder: Path) -> Path:
    """The file of the object that all units of a call share."""
    return folder / "common.pkl"


def progress_file(folder: Path, number: int) -> Path:
    """The file of a unit's latest report."""
    return folder / f"progress-{number}.pkl"
