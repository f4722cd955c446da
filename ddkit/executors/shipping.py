"""Copy the files of a unit between two file systems: its inputs to the worker, its outputs to the caller."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ddkit.executors.left_over import named, sweep_left_over
from ddkit.home import home
from ddkit.run import CHECKPOINT, atomic_write, locked

Files = Mapping[str, bytes]
"""Contents by path, relative to a folder."""

MARK = ".here-"
"""The begin of a token's name."""


@dataclass(frozen=True)
class Place:
    """Identifies the caller's file system for a worker.

    Attributes:
        home, folder: folders that contain a file with a random name, the token.
        token: this name.
        current: the caller's current folder, from which its relative paths start.
    """

    home: Path
    folder: Path
    token: str
    current: Path

    def is_here(self) -> bool:
        """Whether this process has the same folders."""
        same = home() == self.home and self.current.is_dir()
        return same and all((root / self.token).exists() for root in (self.home, self.folder))

    @contextmanager
    def entered(self) -> Iterator[None]:
        """A block in which the caller's relative paths are valid here. A Ray worker starts in another folder."""
        with chdir(self.current):
            yield


@contextmanager
def marked(folder: Path) -> Iterator[Place]:
    """A block in which the caller's home and `folder` contain a token, so that a worker can identify them.

    Tokens that killed processes left there are removed.
    """
    place = Place(home().absolute(), folder.absolute(), named(MARK) + secrets.token_hex(8), Path.cwd())
    roots = dict.fromkeys((place.home, place.folder))  # they may be one folder
    for root in roots:
        sweep_left_over(root, MARK)
    with ExitStack() as stack:
        for root in roots:
            stack.enter_context(locked(root / place.token, f"folder '{root}'"))
            (root / place.token).touch()  # on a disk without locks the lock left no file
            stack.callback((root / place.token).unlink, missing_ok=True)
        yield place


def pack(root: Path, files: Sequence[Path]) -> dict[str, bytes]:
    """The contents of files by their paths relative to `root`."""
    return {file.relative_to(root).as_posix(): file.read_bytes() for file in files}


def files_of(folder: Path) -> list[Path]:
    """All files of a folder that may be missing, without locks and other hidden files. Checkpoints are the last.

    A run continues from a checkpoint only if the other files of its folder are at least as new. They are, even if
    copying is interrupted, because checkpoints are copied last.
    """
    every = [file for file in folder.rglob("*") if file.is_file() and not file.name.startswith(".")]
    return sorted(every, key=lambda file: (file.name == CHECKPOINT, file))


def unpack(files: Files, root: Path) -> None:
    """Write files below `root`, each of them whole or not at all. A file that is there with that content stays."""
    for name, content in files.items():
        file = root / name
        if not has(file, content):
            file.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(file) as temporary:
                temporary.write_bytes(content)


def has(file: Path, content: bytes) -> bool:
    """Whether a file is there with this content."""
    return file.is_file() and file.stat().st_size == len(content) and file.read_bytes() == content
