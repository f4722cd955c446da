"""Commands that end with us: killed at any moment, we leave neither a process nor a temporary folder behind."""

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
"""Seconds after which a temporary folder is left over: longer than its owner can work."""

_GUARD = """
import json, os, shutil, signal, subprocess, sys, threading
folder, commands = sys.argv[1], json.loads(sys.argv[2])
def end_with_parent():
    os.read(0, 1)  # nothing is ever written: it returns when the parent is gone, or has had enough
    shutil.rmtree(folder, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)  # all in this session: whatever runs, what it has started, and ourselves
threading.Thread(target=end_with_parent, daemon=True).start()
code = 0
for command in commands:
    code = subprocess.call(command, stdin=subprocess.DEVNULL)
    if code:
        break
sys.stderr.flush()
os._exit(1 if code else 0)
"""
"""Runs the commands, and kills the one that runs, its children and the folder as soon as nobody holds the other end of
its standard input: the system closes that end when its holder is killed."""


@contextmanager
def temporary_folder(inside: Path | None) -> Iterator[Path]:
    """A folder of our own in `inside`, removed at the end; in the system's folder for such where that cannot be.

    Folders that others left in `inside`, because all their processes were killed at once, are removed first.
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


def run_guarded(commands: list[list[str]], folder: Path, patience: float) -> str:
    """Run commands one after the other, up to the first that fails, and return what they said on standard error.

    Args:
        folder: where they work, their own temporary files too.
        patience: seconds that all may take.

    Raises:
        OSError, subprocess.SubprocessError: they cannot be started, or took too long.
    """
    reading, writing = os.pipe()
    try:
        guard = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _GUARD, str(folder), json.dumps(commands)],
            stdin=reading,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env={**os.environ, "TMPDIR": str(folder)},
            start_new_session=True,  # Ctrl-C is for us; the guard ends when we do
        )
        os.close(reading)
        reading = -1
        return guard.communicate(timeout=patience)[1]
    finally:
        os.close(writing)
        if reading >= 0:
            os.close(reading)
