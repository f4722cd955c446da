"""NumPy archives: the type and shape of each array are known before any is unpacked. Pickles are never read."""

import io
import math
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ddkit.files import refuse_bomb, stored_bytes

LONGEST_HEADER = 10_000
"""Largest size of an array's header in bytes, which is NumPy's limit."""

_ENDING = ".npy"
_MAGIC = b"\x93NUMPY"


@dataclass(frozen=True)
class Claim:
    """Type and shape of an array according to its header."""

    dtype: np.dtype
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


class Archive:
    """An open archive.

    Attributes:
        names: the names of all arrays, in their order. An array that occurs twice is listed twice.
    """

    def __init__(self, path: Path, packed: zipfile.ZipFile) -> None:
        self._path, self._packed = path, packed
        self._members = packed.infolist()
        if any(member.comment for member in self._members):  # NumPy writes none; a false length hides the next arrays
            raise ValueError("its directory of arrays has a comment")
        self.names = [member.filename.removesuffix(_ENDING) for member in self._members]

    def claim(self, name: str) -> Claim:
        """Read the claim of the last array with this name.

        Raises:
            ValueError: it is not an array of plain numbers or texts, or claims more bytes than the archive has.
        """
        member = self._member(name)
        with self._packed.open(member) as file:
            start = file.read(12)
            if start[:6] != _MAGIC:
                raise ValueError(f"'{name}' is not an array")
            wide = start[6] > 1
            length = int.from_bytes(start[8:12] if wide else start[8:10], "little")
            if length > LONGEST_HEADER:
                raise ValueError(f"the header of '{name}' has {length:,} bytes")
            header = io.BytesIO(start + file.read(length))
        read = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}
        version, _ = np.lib.format.read_magic(header)
        if version not in read:
            raise ValueError(f"'{name}' has fields with names")
        try:
            shape, _, dtype = read[version](header)
        except (MemoryError, RecursionError):  # Python's parser, over a header that nests too deep
            raise ValueError(f"the header of '{name}' does not describe an array") from None
        if dtype.hasobject:
            raise ValueError(f"'{name}' has pickled objects")
        found, there = Claim(dtype, shape), member.file_size - (length + (12 if wide else 10))
        if min(shape, default=0) < 0 or found.nbytes > there:
            raise ValueError(f"'{name}' claims {list(shape)} of {dtype}, but has {max(there, 0):,} bytes")
        return found

    def read(self, names: Iterable[str], where: str) -> dict[str, np.ndarray]:
        """Read the arrays of these names.

        Raises:
            DataError: together they are larger than the file's size justifies, or than the free memory.
            ValueError: `claim` refuses an array, or the file is damaged.
        """
        members = {name: self._member(name) for name in names}
        claimed = sum(self.claim(name).nbytes for name in members)
        # Members may share their bytes, and may claim any size
        stored = min(sum(member.compress_size for member in members.values()), stored_bytes(self._path))
        fix = "; if it is right, write it with numpy.savez, which does not compress"
        refuse_bomb(claimed, stored, f"{where}: '{self._path}'", fix)
        arrays = {}
        for name, member in members.items():
            with self._packed.open(member) as file:
                arrays[name] = np.lib.format.read_array(file, allow_pickle=False)
        return arrays

    def _member(self, name: str) -> zipfile.ZipInfo:
        return self._members[len(self.names) - 1 - self.names[::-1].index(name)]


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """Open the archive at `path`, a regular file.

    Raises:
        ValueError, OSError, zipfile.BadZipFile: the file is not an archive.
    """
    with path.open("rb") as file:
        start = file.read(6)
        if start == _MAGIC:
            raise ValueError("it is a single array")
        if not start.startswith(b"PK"):
            raise ValueError("not an archive")
        file.seek(0)
        with zipfile.ZipFile(file) as packed:
            yield Archive(path, packed)
