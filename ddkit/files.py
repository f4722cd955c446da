"""Safe reading of files: pipes are never opened, and small files cannot unpack to huge content."""

import os
import stat
from pathlib import Path

from ddkit.errors import DataError, reason
from ddkit.memory import free_memory, out_of_memory

ALWAYS = 64 * 2**20
"""Bytes that a file of any size may unpack to."""

RATIO = 200
"""Above `ALWAYS`, unpacked bytes for each byte on the disk. Compressed pictures and tables become 2 to 50 times as
large; deflate reaches 1,032 times only on constant data."""

_ODD = {
    stat.S_ISDIR: "a folder",
    stat.S_ISFIFO: "a named pipe",
    stat.S_ISSOCK: "a socket",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
}


def unpacked_limit(stored: int, always: int | None = None) -> int:
    """Return the bytes that `stored` bytes on the disk may unpack to: `always` (`ALWAYS`), or `RATIO` times as many.

    Example:
        >>> unpacked_limit(10) == 64 * 2**20
        True
    """
    return max(ALWAYS if always is None else always, RATIO * stored)


def refuse_bomb(claimed: int, stored: int, what: str, fix: str = "", always: int | None = None) -> None:
    """Check that unpacked content is not larger than its bytes on the disk justify, nor than the free memory.

    Args:
        claimed: bytes that the content claims to unpack to.
        stored: bytes on the disk.
        what: name of the content in error lines.
        fix: end of the line if the claim is too large.
        always: bytes that content of any size may claim; `ALWAYS` if it is None.

    Raises:
        DataError: the content is too large. The line has both sizes.
    """
    if claimed > unpacked_limit(stored, always):
        raise DataError(
            f"{what} would need {size_text(claimed)} of memory, but has {size_text(stored)} on the disk: it is "
            f"damaged, or made to fill the memory{fix}"
        )
    free = free_memory()
    if claimed > max(ALWAYS, free // 2):  # content that is read is copied once into its final form
        raise DataError(
            f"{what} needs {size_text(2 * claimed)} of memory while it is read, {size_text(free)} are free; give less "
            "data, or use a machine with more memory"
        )


def too_little_memory(error: MemoryError | RuntimeError, what: str) -> Exception:
    """Return the error to raise after an error in reading: a DataError if memory is short, else the same error."""
    if not out_of_memory(error):
        return error
    free = free_memory()
    return DataError(
        f"{what}: does not fit into memory ({reason(error)}; {size_text(free)} are free); give less data, or use a "
        "machine with more memory"
    )


def not_a_file(path: Path) -> str | None:
    """Return what the path is instead of a regular file, such as "a named pipe", or None if it is a regular file.

    Links are followed. Nothing is opened, because opening a pipe blocks until another process writes to it.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return "a link to nothing" if path.is_symlink() else "not there"
    except (OSError, ValueError) as error:  # a link to itself, or an impossible name
        return f"not reachable ({reason(error)})"
    if stat.S_ISREG(mode):
        return None
    return next((name for is_it, name in _ODD.items() if is_it(mode)), "no regular file")


def stored_bytes(path: Path) -> int:
    """Return the bytes of a file on the disk. Holes of a sparse file do not count, since any file may claim them."""
    if not hasattr(os, "SEEK_DATA"):
        return path.stat().st_size
    stored, end = 0, 0
    with path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        while end < size:
            try:
                begin = os.lseek(file.fileno(), end, os.SEEK_DATA)
                end = os.lseek(file.fileno(), begin, os.SEEK_HOLE)
            except OSError:  # there is no more data
                break
            stored += end - begin
    return stored


def read_text(path: Path, where: str, at_most: int, fix: str = "it must be a UTF-8 text") -> str:
    """Read the UTF-8 text of a regular file of at most `at_most` bytes.

    Args:
        where: name of the text in error lines.
        fix: end of the line if the file cannot be read.

    Raises:
        DataError: the file is not a regular file, too large, not readable, or not a UTF-8 text.
    """
    if odd := not_a_file(path):
        raise DataError(f"{where}: '{path}' cannot be read (it is {odd}); {fix}")
    try:
        with path.open("rb") as file:
            found = file.read(at_most + 1)
        if len(found) > at_most:
            raise DataError(
                f"{where}: '{path}' is larger than {at_most:,} bytes, which no such text is; check the path"
            )
        text = found.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{where}: '{path}' cannot be read ({reason(error)}); {fix}") from None
    return text.replace("\r\n", "\n")


def size_text(count: int) -> str:
    """Format a number of bytes for error lines.

    Example:
        >>> size_text(3_000_000_000)
        '3.0 GB'
    """
    for unit, name in ((1e18, "EB"), (1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if count >= unit:
            return f"{count / unit:,.1f} {name}"
    return f"{count:,} bytes"
