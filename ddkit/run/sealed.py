"""Sealed files: a head contains the digest of all that follows, so that readers detect any change.

A file begins with a head of 512 bytes: one line of ASCII, a newline, and zeros.

    ddkit-sealed/1 sha256 HEX LENGTH
    ddkit-sealed/1 sha256 HEX LENGTH without BEGIN END

The payload of LENGTH bytes follows. In the first form HEX is its SHA-256, which `tail -c +513 FILE | sha256sum` gives
too. The second form is for files that are mapped and too long to read completely: bytes BEGIN to END of the file are
not covered (they have their own checksums), and `BEGIN END` and a newline are hashed before the rest.

The head of an HDF5 file is HDF5's user block, which every HDF5 reader skips. ddkit checks the seal before HDF5 or torch
reads the file, because both can hang, crash or read wrong numbers if a file is damaged.
"""

import hashlib
import io
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import h5py

from ddkit.run.atomic import atomic_write

HEAD = 512
"""Bytes of the head: the smallest user block that HDF5 allows."""

HDF5 = b"\x89HDF\r\n\x1a\n"
"""First bytes of an HDF5 file after its user block."""

_MARK = b"ddkit-sealed/"
_LINE = re.compile(rb"ddkit-sealed/1 sha256 ([0-9a-f]{64}) (\d{1,18})(?: without (\d{1,18}) (\d{1,18}))?\n")
_PIECE = 2**20


@dataclass(frozen=True)
class Seal:
    """A valid seal. `uncovered` are begin and end of the bytes that it does not cover; None if it covers all."""

    uncovered: tuple[int, int] | None = None


def check_seal(file: BinaryIO) -> Seal | None:
    """Check the seal of an open file and return it, or None if the file is not sealed.

    Files of earlier versions of ddkit and foreign files are not sealed.

    Raises:
        ValueError: head or payload were changed.
    """
    file.seek(0)
    head = file.read(HEAD)
    if not head.startswith(_MARK):
        return None
    found = _LINE.match(head)
    length = file.seek(0, io.SEEK_END) - HEAD
    if not found:
        raise ValueError("the head of its seal was changed")
    uncovered = (int(found[3]), int(found[4])) if found[3] else None
    if length != int(found[2]):
        raise ValueError(f"its seal is for {int(found[2]):,} bytes, and it has {length:,}")
    if uncovered and not HEAD <= uncovered[0] <= uncovered[1] <= HEAD + length:
        raise ValueError("its seal leaves out bytes that the file does not have")
    if head != _head(_sha256(_read(file, _spans(length, uncovered)), uncovered), length, uncovered):
        raise ValueError("it was changed since ddkit wrote it, or was not written by ddkit")
    return Seal(uncovered)


def payload(file: BinaryIO) -> io.RawIOBase:
    """Return the part of an open file after the head, as a file object."""
    return _Payload(file)


@contextmanager
def atomic_sealed(path: Path) -> Iterator[io.BytesIO]:
    """Yield a file in memory; on success write its content to `path`, sealed, as `atomic_write` does.

    The file is in memory, because neither HDF5 nor torch handles a failed write well: HDF5 crashes when the process
    ends, and torch's error does not mention that the disk is full.
    """
    image = io.BytesIO()
    yield image
    _write(path, memoryview(image.getvalue()), None)


@contextmanager
def atomic_hdf5(path: Path, uncovered: str | None = None) -> Iterator[h5py.File]:
    """Yield an HDF5 file in memory; on success write it to `path`, sealed, as `atomic_write` does.

    Args:
        path: the file to write.
        uncovered: name of a contiguous dataset whose bytes the seal does not cover.
    """
    image, left_out = io.BytesIO(), None
    with h5py.File(image, "w", userblock_size=HEAD) as file:
        yield file
        if uncovered is not None:
            file.flush()
            left_out = place(file[uncovered])
    _write(path, memoryview(image.getvalue())[HEAD:], left_out)


def place(table: h5py.Dataset) -> tuple[int, int]:
    """Return begin and end of a contiguous dataset's bytes in its file."""
    begin = table.id.get_offset()
    return begin, begin + table.id.get_storage_size()


def _write(path: Path, content: memoryview, uncovered: tuple[int, int] | None) -> None:
    covered = (content[begin - HEAD : end - HEAD] for begin, end in _spans(len(content), uncovered))
    head = _head(_sha256(covered, uncovered), len(content), uncovered)
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        file.write(head)
        file.write(content)


def _head(digest: str, length: int, uncovered: tuple[int, int] | None) -> bytes:
    more = f" without {uncovered[0]} {uncovered[1]}" if uncovered else ""
    return f"ddkit-sealed/1 sha256 {digest} {length}{more}\n".encode().ljust(HEAD, b"\0")


def _spans(length: int, uncovered: tuple[int, int] | None) -> list[tuple[int, int]]:
    """Return begin and end, in the file, of each part that the seal covers."""
    begin, end = uncovered or (HEAD, HEAD)
    return [(HEAD, begin), (end, HEAD + length)]


def _sha256(covered: Iterable[memoryview | bytes], uncovered: tuple[int, int] | None) -> str:
    sha = hashlib.sha256()
    if uncovered:
        sha.update(f"{uncovered[0]} {uncovered[1]}\n".encode())
    for piece in covered:
        sha.update(piece)
    return sha.hexdigest()


def _read(file: BinaryIO, spans: list[tuple[int, int]]) -> Iterator[bytes]:
    """Give the bytes of these parts of an open file, piece by piece."""
    for begin, end in spans:
        file.seek(begin)
        while begin < end and (piece := file.read(min(_PIECE, end - begin))):
            begin += len(piece)
            yield piece


class _Payload(io.RawIOBase):
    """An open file without its head."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._file.seek(HEAD)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count: int = self._file.readinto(buffer)  # type: ignore[attr-defined]  # files have it, BinaryIO does not say so
        return count

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset + HEAD * (whence == io.SEEK_SET), whence) - HEAD

    def tell(self) -> int:
        return self._file.tell() - HEAD
