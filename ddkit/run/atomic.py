"""Write a file whole or not at all.

What is being written lies beside its file under a name of its own, `.NAME.LETTERS.part`: no other thread, process or
machine chooses the same. A kill leaves such a part behind; `sweep` removes it.
"""

import errno
import os
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ddkit.errors import DataError

FULL = "the disk is full; free some space and run again, with --resume where a run has begun (nothing written is lost)"
_PART = re.compile(r"\.(.+)\.[0-9a-f]+\.part")
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success sync it and rename it onto `path`, else remove it.

    A reader, or a process that was killed at any moment, sees the old file or the new one, never half of either. The
    folder is synced too, so that the new file outlives a power cut.

    Raises:
        DataError: the disk is full or the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:16]}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise DataError(f"file '{path}': cannot be written: {write_failure(error)}") from error
    finally:
        with suppress(OSError):  # it was renamed, or its folder could not be made
            temporary.unlink()


def sweep(folder: Path, ours: Callable[[str], bool]) -> None:
    """Remove the parts of files in `folder` that a kill left behind, if `ours` says so of the file's name. Call it only
    while nobody else can be writing these files: under their lock."""
    for part in folder.glob(".*.part") if folder.is_dir() else ():
        found = _PART.fullmatch(part.name)
        if found and ours(found[1]):
            with suppress(OSError):
                part.unlink()


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # some file systems sync no folders
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_failure(error: OSError) -> str:
    """Why a file could not be written, and what to do."""
    return (
        FULL if error.errno in _NO_ROOM else f"{error.strerror or error}; choose another folder or mend its permissions"
    )
