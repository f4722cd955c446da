"""Names of temporary files and folders that state their process, so that those of killed processes can be removed."""

import os
import re
import shutil
import socket
from contextlib import suppress
from pathlib import Path

from ddkit.run import is_gone


def named(prefix: str) -> str:
    """The begin of a name that states the prefix, this machine and this process."""
    return f"{prefix}{socket.gethostname()}-{os.getpid()}-"


def sweep_left_over(root: Path, prefix: str) -> None:
    """Remove the files and folders in `root` with such names whose process of this machine has ended.

    No lock is needed: a process that has ended uses nothing, and one with the same number only delays the removal.
    """
    ours = re.compile(re.escape(f"{prefix}{socket.gethostname()}-") + r"(\d+)-\w+")
    for path in root.glob(f"{prefix}*") if root.is_dir() else ():
        if (found := ours.fullmatch(path.name)) and is_gone(int(found[1])):
            with suppress(OSError):  # another user's, or another process removes it
                path.unlink() if path.is_symlink() or path.is_file() else shutil.rmtree(path, ignore_errors=True)
