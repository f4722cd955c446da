"""The calls of the Slurm executor, as their folders below `$DDKIT_HOME/slurm` show them. No pickle is read."""

import datetime
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ddkit.home import home
from ddkit.run import read_json
from ddkit.run.lock import is_gone

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
        host, process: the machine and the number of the process that made the call and waits for its jobs.
        began: when the call was made, in seconds since the epoch.
    """

    command: str
    units: int
    jobs: list[str]
    ended: bool = False
    host: str = ""
    process: int = 0
    began: float = 0.0


@dataclass(frozen=True)
class SlurmCall:
    """One call.

    Attributes:
        folder: of its jobs and their logs.
        file: what the call noted.
        finished: number of jobs that left a result.
    """

    folder: Path
    file: CallFile
    finished: int

    @property
    def began(self) -> datetime.datetime:
        """When the call was made."""
        return datetime.datetime.fromtimestamp(self.file.began)

    @property
    def state(self) -> str:
        """ "running"; "lost", if its process was killed; or, if the call has ended, "complete" or "incomplete".

        Jobs of a lost call may still run. A process of another machine counts as running.
        """
        if not self.file.ended:
            lost = self.file.host == socket.gethostname() and is_gone(self.file.process)
            return "lost" if lost else "running"
        return "complete" if self.finished >= self.file.units else "incomplete"


def slurm_calls() -> list[SlurmCall]:
    """All calls, the latest first.

    Raises:
        DataError: a call's file is damaged.
    """
    root = home() / "slurm"
    folders = [one for one in root.iterdir() if one.name.isdecimal() and (one / CALL).exists()] if root.is_dir() else []
    return [_read(folder) for folder in sorted(folders, key=lambda one: -int(one.name))]


def clean_calls(lost: bool = False) -> list[str]:
    """Remove the folders of calls that have ended: logs, and what is left of units and results.

    Args:
        lost: remove those of lost calls too, after their jobs are cancelled.

    Returns: a line for each call, which says what became of it.

    Raises:
        DataError: a call's file is damaged.
    """
    lines = []
    for call in slurm_calls():
        name, state = f"call {call.folder.name}", call.state
        if state == "running":
            lines.append(f"{name}: is running, and is kept")
            continue
        if state == "lost" and not lost:
            lines.append(f"{name}: its command was killed, and its jobs may run; --lost cancels them and removes it")
            continue
        if state == "lost" and call.file.jobs and shutil.which("scancel"):
            subprocess.run(["scancel", *dict.fromkeys(job.partition("_")[0] for job in call.file.jobs)], check=False)
        shutil.rmtree(call.folder)
        lines.append(f"{name}: was {state}, and is removed")
    return lines


def _read(folder: Path) -> SlurmCall:
    finished = len(list((folder / "jobs").glob("*_result.pkl")))
    return SlurmCall(folder, read_json(folder / CALL, CallFile), finished)
