"""Names of temporary files and folders that state their process, so that those of killed processes can be removed."""

import os
import re
import shutil
import socket
from contextlib import suppress
from pathlib import Path

from ddkit.run import LOCK, is_gone, is_held


def named(prefix: str) -> str:
    """The begin of a name that states the prefix, this machine and this process."""
    return f"{prefix}{socket.gethostname()}-{os.getpid()}-"


def sweep_left_over(root: Path, prefix: str) -> None:
    """Remove the files and folders in `root` with such names whose process of this machine has ended.

    A process in a container can have a number that nobody has here, and another machine can have this one's name. So a
    process holds a lock while it uses its file, or the file LOCK in its folder, and what is locked stays.
    """
    ours = re.compile(re.escape(f"{prefix}{socket.gethostname()}-") + r"(\d+)-\w+")
    for path in root.glob(f"{prefix}*") if root.is_dir() else ():
        lock = path if path.is_file() else path / LOCK
        if (found := ours.fullmatch(path.name)) and is_gone(int(found[1])) and not is_held(lock):
            with suppress(OSError):  # another user's, or another process removes it
                path.unlink() if path.is_symlink() or path.is_file() else shutil.rmtree(path, ignore_errors=True)
