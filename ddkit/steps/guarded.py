"""Commands that end with this process. If it is killed, no process and no temporary folder stays behind."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = ".compiling-"
STALE = 3600
"""Age in seconds of abandoned temporary folders. It is longer than any owner works."""

_GUARD = """
import json, os, shutil, signal, subprocess, sys, threading
folder, stages = sys.argv[1], json.loads(sys.argv[2])
def end_with_parent():
    os.read(0, 1)  # nothing is ever written: it returns when the parent ends, or closes the pipe
    shutil.rmtree(folder, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)  # all in this session: whatever runs, what it has started, and ourselves
threading.Thread(target=end_with_parent, daemon=True).start()
failed = False
for commands in stages:
    running = [subprocess.Popen(command, stdin=subprocess.DEVNULL) for command in commands]
    failed = any([process.wait() for process in running])  # a list: all have ended
    if failed:
        break
sys.stderr.flush()
os._exit(1 if failed else 0)
"""
"""Runs the commands. When the other end of its standard input is closed, it kills the running commands with their
children and removes the folder. The system closes that end when the parent is killed."""


@contextmanager
def temporary_folder(inside: Path | None) -> Iterator[Path]:
    """Give a new folder in `inside` and remove it at the end. If that fails, use the system's temporary folder.

    Abandoned folders in `inside`, of processes that were killed together with their guard, are removed first.
    """
    if inside is not None:
        for left in inside.glob(f"{PREFIX}*"):
            with suppress(OSError):
                if time.time() - left.stat().st_mtime > STALE:
                    shutil.rmtree(left, ignore_errors=True)
    try:
        made = tempfile.mkdtemp(prefix=PREFIX, dir=inside)
    except OSError:
        made = tempfile.mkdtemp(prefix=PREFIX)
    try:
        yield Path(made)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def run_guarded(stages: list[list[list[str]]], folder: Path, patience: float) -> str:
    """Run commands, and return their standard error.

    Args:
        stages: the commands of a stage run at the same time. If one fails, the next stage does not begin.
        folder: the folder for their temporary files.
        patience: time limit in seconds for all commands.

    Raises:
        OSError, subprocess.SubprocessError: they cannot be started, or exceed the time limit.
    """
    reading, writing = os.pipe()
    try:
        guard = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _GUARD, str(folder), json.dumps(stages)],
            stdin=reading,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env={**os.environ, "TMPDIR": str(folder)},
            start_new_session=True,  # so that Ctrl-C reaches only this process; the guard ends with it
        )
        os.close(reading)
        reading = -1
        return guard.communicate(timeout=patience)[1]
    finally:
        os.close(writing)
        if reading >= 0:
            os.close(reading)
