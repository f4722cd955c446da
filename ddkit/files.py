"""What a file claims, against what is there: no pipe is waited for, nothing small may become something huge."""

import os
import stat
from pathlib import Path

from ddkit.errors import DataError, reason
from ddkit.memory import free_memory, out_of_memory

ALWAYS = 64 * 2**20
"""Bytes that any file may hold once it is unpacked, however small it is on the disk."""

RATIO = 200
"""Beyond `ALWAYS`, bytes that one byte on the disk may become. Packed pictures and tables become 2 to 50 times as
large; deflate reaches 1,032 times on what is constant, which no data set is."""

_ODD = {
    stat.S_ISDIR: "a folder",
    stat.S_ISFIFO: "a named pipe",
    stat.S_ISSOCK: "a socket",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
}


def unpacked_limit(stored: int, always: int | None = None) -> int:
    """Bytes that `stored` bytes on the disk may become: `always` (`ALWAYS`), or `RATIO` times as many.

    Example:
        >>> unpacked_limit(10) == 64 * 2**20
        True
    """
    return max(ALWAYS if always is None else always, RATIO * stored)


def refuse_bomb(claimed: int, stored: int, what: str, fix: str = "", always: int | None = None) -> None:
    """Raise if something would take more memory than its bytes on the disk can honestly become, or than is free.

    Args:
        claimed: bytes that it says it unpacks to.
        stored: bytes that it has on the disk.
        what: what an error line calls it.
        fix: ends the line where the claim is not believed.
        always: bytes that are believed of anything; `ALWAYS` where it is not given.

    Raises:
        DataError: the line names both sizes.
    """
    if claimed > unpacked_limit(stored, always):
        raise DataError(
            f"{what} would take {size_text(claimed)} of memory, but has {size_text(stored)} on the disk: it is "
            f"damaged, or made to fill the memory{fix}"
        )
    free = free_memory()
    if claimed > max(ALWAYS, free // 2):  # what is read is copied once into its final form
        raise DataError(
            f"{what} takes {size_text(2 * claimed)} of memory while it is read, {size_text(free)} are free; give less "
            "data, or take a machine with more memory"
        )


def too_little_memory(error: MemoryError | RuntimeError, what: str) -> Exception:
    """What to raise for an error while data was read: a line if it says that memory is short, else the error."""
    if not out_of_memory(error):
        return error
    free = free_memory()
    return DataError(
        f"{what}: does not fit into memory ({reason(error)}; {size_text(free)} are free); give less data, or take a "
        "machine with more memory"
    )


def not_a_file(path: Path) -> str | None:
    """What the path is instead of a regular file, as "a named pipe"; None: it is one. Links are followed; nothing is
    opened, since opening a pipe waits for whoever writes into it."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return "a link to nothing" if path.is_symlink() else "not there"
    except (OSError, ValueError) as error:  # a link to itself; a name that no system takes
        return f"not reachable ({reason(error)})"
    if stat.S_ISREG(mode):
        return None
    return next((name for is_it, name in _ODD.items() if is_it(mode)), "no regular file")


def stored_bytes(path: Path) -> int:
    """Bytes of a file that are on the disk: holes of a sparse file, which any small file may claim, do not count."""
    if not hasattr(os, "SEEK_DATA"):
        return path.stat().st_size
    stored, end = 0, 0
    with path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        while end < size:
            try:
                begin = os.lseek(file.fileno(), end, os.SEEK_DATA)
                end = os.lseek(file.fileno(), begin, os.SEEK_HOLE)
            except OSError:  # no data after here
                break
            stored += end - begin
    return stored


def read_text(path: Path, where: str, at_most: int, fix: str = "it must be a UTF-8 text") -> str:
    """The UTF-8 text of a regular file of `at_most` bytes.

    Args:
        where: what an error line calls it.
        fix: ends the line where it cannot be read.

    Raises:
        DataError: it is no regular file, larger, not readable, or no UTF-8 text.
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
    """A number of bytes for an error line.

    Example:
        >>> size_text(3_000_000_000)
        '3.0 GB'
    """
    for unit, name in ((1e18, "EB"), (1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if count >= unit:
            return f"{count / unit:,.1f} {name}"
    return f"{count:,} bytes"
