"""Atomic writes: a file is written completely or not at all.

The content is first written to `.NAME.LETTERS.part` beside the file. The letters are random, so that no other thread,
process or machine uses the same name. A killed process leaves such a part behind; `sweep` removes it.
"""

import errno
import os
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ddkit.errors import DataError
from ddkit.run.obstacles import file_obstacle

FULL = "the disk is full; free some space and run again, with --resume if a run has begun (nothing written is lost)"
_PART = re.compile(r"\.(.+)\.[0-9a-f]+\.part")
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success sync it and rename it onto `path`, else remove it.

    Readers see the old file or the new one, never a part of either, even if the process is killed. The folder is synced
    too, so that the new file survives a power failure.

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
        raise DataError(f"file '{path}': cannot be written: {write_failure(error, path)}") from error
    finally:
        with suppress(OSError):  # it was renamed, or its folder could not be made
            temporary.unlink()


def sweep(folder: Path, ours: Callable[[str], bool]) -> None:
    """Remove the parts in `folder` that killed processes left behind, of files whose names satisfy `ours`.

    Call it only while holding the lock of these files, so that nobody else is writing them.
    """
    for part in folder.glob(".*.part") if folder.is_dir() else ():
        found = _PART.fullmatch(part.name)
        if found and ours(found[1]):
            with suppress(OSError):
                part.unlink()


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # some file systems cannot sync folders
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_failure(error: OSError, path: Path) -> str:
    """Return why the file `path` could not be written, and what to do."""
    if error.errno in _NO_ROOM:
        return FULL
    return file_obstacle(path) or f"{error.strerror or error}; choose another folder or correct its permissions"
