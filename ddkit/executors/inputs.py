"""The files that a unit reads, on a worker that does not see the caller's files: they are copied below its home.

The worker's home may have experts and teachers of its own under the same names, with other bytes: another processor or
another number of threads rounds differently. So copies lie in a folder that is named after their contents. In it, a
file of the caller's home keeps its place. Another file, such as a teacher that a recipe names by its path, gets a name
that states its contents; while the unit runs, `own_place` gives the copy for the caller's path.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from ddkit.executors.shipping import Files, has, unpack
from ddkit.home import experts_home, home

COPIES = "copies"
"""The folder below home() for copies of callers' files."""

OUTSIDE = "outside"
"""The folder among copies for files that are not below the caller's home."""

_COPIES: ContextVar[Mapping[str, str]] = ContextVar("copies of the caller's files")


@dataclass(frozen=True)
class Inputs:
    """The contents of files by their names on a worker, and the digest of names and contents."""

    files: Files
    digest: str

    @staticmethod
    def of(files: Sequence[Path]) -> "Inputs":
        """Read these files."""
        contents = {_name(file): file.read_bytes() for file in files}
        parts = (f"{name} {hashlib.sha256(content).hexdigest()}" for name, content in sorted(contents.items()))
        return Inputs(contents, hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16])

    def placed(self) -> Path:
        """A folder of this worker that has the files: its home, if it has the same ones; else that of their copies."""
        if all(has(home() / name, content) for name, content in self.files.items()):
            return home()
        folder = home() / COPIES / self.digest
        unpack(self.files, folder)
        return folder


def copies_of(files: Sequence[Path]) -> dict[str, str]:
    """The name on a worker of each file that is not below the caller's home, by its path here."""
    return {str(file): _name(file) for file in files if not file.is_relative_to(home())}


@contextmanager
def replaced_by(copies: Mapping[str, str]) -> Iterator[None]:
    """A block in which `own_place` gives these copies."""
    token = _COPIES.set(copies)
    try:
        yield
    finally:
        _COPIES.reset(token)


def own_place(file: Path) -> Path:
    """The file itself, or its copy on this worker if the unit that runs comes from a caller with other files."""
    copy = _COPIES.get({}).get(str(file))
    return file if copy is None else experts_home() / copy


def _name(file: Path) -> str:
    if file.is_relative_to(home()):
        return file.relative_to(home()).as_posix()
    return f"{OUTSIDE}/{hashlib.sha256(file.read_bytes()).hexdigest()[:16]}/{file.name}"
