"""The calls of the Slurm executor, as their folders below `$DDKIT_HOME/slurm` show them. No pickle is read."""

import datetime
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ddkit.home import home
from ddkit.run import LOCK, is_gone, is_held, read_json

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
    def here(self) -> bool:
        """Whether the command was typed on this machine."""
        return self.file.host == socket.gethostname()

    @property
    def state(self) -> str:
        """ "running"; "lost", if its process was killed; or, if the call has ended, "complete" or "incomplete".

        Jobs of a lost call may still run. A process of another machine counts as running.
        """
        if not self.file.ended:
            lost = self.here and not _is_held(self.folder, self.file.process)
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
        lost: remove those of lost calls too, after their jobs are cancelled. If that fails, they are kept.

    Returns: a line for each call, which says what became of it.

    Raises:
        DataError: a call's file is damaged.
    """
    lines = []
    for call in slurm_calls():
        name, state = f"call {call.folder.name}", call.state
        if state == "running":
            where = "" if call.here else f" on {call.file.host}, or was killed there"
            lines.append(f"{name}: is running{where}, and is kept")
        elif state == "lost" and not lost:
            lines.append(
                f"{name}: its command was killed; --lost cancels its jobs, which may run, and removes its folder"
            )
        elif state == "lost" and (problem := _cancel(call)):
            lines.append(f"{name}: is kept, because its jobs may run: {problem}")
        else:
            lines.append(f"{name}: was {state}, and {_remove(call.folder)}")
    return lines


def _cancel(call: SlurmCall) -> str:
    """Cancel the jobs of a call that Slurm still has. Return why this failed, or ""."""
    ours = dict.fromkeys(job.partition("_")[0] for job in call.file.jobs)
    if not ours:
        return ""
    try:
        every = set(_output("squeue", "--noheader", "--format=%F").split())
        if there := [job for job in ours if job in every]:  # scancel fails for jobs that ended long ago
            _output("scancel", *there)
    except FileNotFoundError as error:
        return f"there is no {error.filename} here; run this on a login node of the cluster"
    except subprocess.CalledProcessError as error:
        return f"{error.cmd[0]} failed ({' '.join(error.stderr.split()) or error.returncode}); try again"
    return ""


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _remove(folder: Path) -> str:
    """Remove a call's folder; the file that names it is the last. Return what became of it."""
    try:
        if (folder / "jobs").exists():
            shutil.rmtree(folder / "jobs")
        shutil.rmtree(folder)
    except OSError as error:  # a job that ends writes its log, or the folder is another user's
        return f"cannot be removed ({error.strerror}: '{error.filename}'); run this again when its jobs have ended"
    return "is removed"


def _is_held(folder: Path, process: int) -> bool:
    """Whether the process of a call lives: it holds the lock on the folder. Its number may be another's by now."""
    held = is_held(folder / LOCK)
    return not is_gone(process) if held is None else held


def _read(folder: Path) -> SlurmCall:
    finished = len(list((folder / "jobs").glob("*_result.pkl")))
    return SlurmCall(folder, read_json(folder / CALL, CallFile), finished)
