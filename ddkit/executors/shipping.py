"""Copy the files of a unit between two file systems: its inputs to the worker, its outputs to the caller."""

import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from ddkit.executors.contract import Parcel, Report, Unit
from ddkit.home import home
from ddkit.run import atomic_write

Files = Mapping[str, bytes]
"""Contents by path, relative to a folder."""


@dataclass(frozen=True)
class Place:
    """Identifies the caller's file system for a worker: both folders contain a file with a random name, the token."""

    home: Path
    folder: Path
    token: str

    def is_here(self) -> bool:
        """Whether this process has the same two folders."""
        same = home() == self.home
        return same and all((root / self.token).exists() for root in (self.home, self.folder))


@contextmanager
def marked(folder: Path) -> Iterator[Place]:
    """A block in which the caller's home and `folder` contain a token, so that a worker can identify them."""
    place = Place(home().absolute(), folder.absolute(), f".here-{os.getpid()}-{secrets.token_hex(8)}")
    files = [root / place.token for root in (place.home, place.folder)]
    try:
        for file in files:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
        yield place
    finally:
        for file in files:
            file.unlink(missing_ok=True)


def pack(root: Path, files: Sequence[Path]) -> dict[str, bytes]:
    """The contents of files by their paths relative to `root`."""
    return {file.relative_to(root).as_posix(): file.read_bytes() for file in files}


def pack_folder(folder: Path) -> dict[str, bytes]:
    """The contents of all files of a folder, without locks and other hidden files."""
    every = sorted(file for file in folder.rglob("*") if file.is_file() and not file.name.startswith("."))
    return pack(folder, every)


def unpack(files: Files, root: Path) -> None:
    """Write files below `root`, each of them whole or not at all. A file that is there with that content stays."""
    for name, content in files.items():
        file = root / name
        if not (file.is_file() and file.stat().st_size == len(content) and file.read_bytes() == content):
            file.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(file) as temporary:
                temporary.write_bytes(content)


def unpack_home(files: Files) -> None:
    """Write files below the home of this process, apart from those that are there and as long or longer.

    The names of files below a home state their contents. A longer file of experts has more epochs, and begins alike.
    """
    unpack({name: content for name, content in files.items() if _size(home() / name) < len(content)}, home())


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else -1


@runtime_checkable
class FolderUnit(Unit, Protocol):
    """A unit that writes files to a folder of its own."""

    @property
    def folder(self) -> Path:
        """The folder."""
        ...

    def moved(self, folder: Path) -> "FolderUnit":
        """The same unit with its folder below another one."""
        ...


class FolderParcel:
    """Base of units that write files to a folder of their own: parcels run in a temporary folder of the worker."""

    def parcel(self: FolderUnit, common: Any) -> Parcel:
        return Parcel(Elsewhere(self))

    def receive(self: FolderUnit, result: tuple[Any, Files]) -> Any:
        own, files = result
        unpack(files, self.folder)
        return own


@dataclass(frozen=True)
class Elsewhere:
    """A unit of work: run a unit with a folder in a temporary folder of the worker's machine."""

    unit: FolderUnit

    def run(self, common: Any, report: Report) -> tuple[Any, Files]:
        """(the unit's result, the files of its folder)."""
        with tempfile.TemporaryDirectory(prefix="ddkit-") as folder:
            moved = self.unit.moved(Path(folder))
            result = moved.run(common, report)
            return result, pack_folder(moved.folder)
