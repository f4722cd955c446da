"""The calls of the Slurm executor, as their folders below `$DDKIT_HOME/slurm` show them. No pickle is read."""

import datetime
from dataclasses import dataclass
from pathlib import Path

from ddkit.home import home
from ddkit.run import read_json

CALL = "call.json"
"""The file of a call's folder that names its jobs."""


@dataclass(frozen=True)
class CallFile:
    """The layout of that file.

    Attributes:
        command: the command line that made the call.
        units: number of units.
        jobs: Slurm's names of the jobs, in the order of submission; a unit that was run again has several.
        ended: whether the call has ended, complete or not.
    """

    command: str
    units: int
    jobs: list[str]
    ended: bool = False


@dataclass(frozen=True)
class SlurmCall:
    """One call.

    Attributes:
        folder: of its jobs and their logs.
        file: what the call noted.
        began: when its first jobs were submitted.
        finished: number of jobs that left a result.
    """

    folder: Path
    file: CallFile
    began: datetime.datetime
    finished: int

    @property
    def state(self) -> str:
        """ "running", or, if the call has ended, "complete" or "incomplete"."""
        if not self.file.ended:
            return "running"
        return "complete" if self.finished >= self.file.units else "incomplete"


def slurm_calls() -> list[SlurmCall]:
    """All calls, the latest first.

    Raises:
        DataError: a call's file is damaged.
    """
    root = home() / "slurm"
    folders = [folder for folder in root.iterdir() if (folder / CALL).exists()] if root.is_dir() else []
    return [_read(folder) for folder in sorted(folders, key=lambda one: -int(one.name))]


def _read(folder: Path) -> SlurmCall:
    began = datetime.datetime.fromtimestamp((folder / "jobs").stat().st_ctime)
    finished = len(list((folder / "jobs").glob("*_result.pkl")))
    return SlurmCall(folder, read_json(folder / CALL, CallFile), began, finished)
