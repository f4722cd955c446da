"""The files that a unit reads, on a worker that does not see the caller's files: they are copied below its home.

A file below the caller's home keeps its place there. Another file, such as a teacher that a recipe names by its path,
gets a name that states its contents. While the unit runs, `own_place` gives the copy for the caller's path.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from ddkit.home import home

OUTSIDE = "outside"
"""The folder below home() for copies of files that are not below the caller's home."""

_COPIES: ContextVar[Mapping[str, str]] = ContextVar("copies of the caller's files")


def names_of(files: Sequence[Path]) -> dict[str, Path]:
    """The files by their paths below a worker's home."""
    return {_name(file): file for file in files}


def copies_of(files: Sequence[Path]) -> dict[str, str]:
    """The path below a worker's home of each file that is not below the caller's home, by its path here."""
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
    return file if copy is None else home() / copy


def _name(file: Path) -> str:
    if file.is_relative_to(home()):
        return file.relative_to(home()).as_posix()
    return f"{OUTSIDE}/{hashlib.sha256(file.read_bytes()).hexdigest()[:16]}/{file.name}"
