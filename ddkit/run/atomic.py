"""Write a file whole or not at all."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ddkit.errors import DataError

FULL = "the disk is full; free some space and run again with --resume (nothing already written is lost)"
_NO_ROOM = re.compile("No space left|File too large|quota exceeded|failed writing|file write failed", re.IGNORECASE)


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
        raise DataError(f"file '{path}': cannot be written: {reason(error)}") from error
    except RuntimeError as error:  # what h5py and torch.save make of a write that failed
        if not _NO_ROOM.search(str(error)):
            raise
        raise DataError(f"file '{path}': cannot be written: {FULL}") from error
    finally:
        temporary.unlink(missing_ok=True)


def reason(error: OSError) -> str:
    """Why a file could not be written, and what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or _NO_ROOM.search(str(error)):
        return FULL
    return f"{error.strerror or error}; choose another folder or mend its permissions"
