"""Write a file whole or not at all."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ddkit.errors import DataError

FULL = "the disk is full; free some space and run again with --resume (nothing already written is lost)"
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success sync it and rename it onto `path`, else remove it.

    A reader, or a process that was killed at any moment, sees the old file or the new one, never half of either.

    Raises:
        DataError: the disk is full or the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise DataError(f"file '{path}': cannot be written: {write_failure(error)}") from error
    finally:
        with suppress(OSError):  # it was renamed, or its folder could not be made
            temporary.unlink()


def write_failure(error: OSError) -> str:
    """Why a file could not be written, and what to do."""
    return (
        FULL if error.errno in _NO_ROOM else f"{error.strerror or error}; choose another folder or mend its permissions"
    )
