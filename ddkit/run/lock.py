"""A lock on a folder or a file that the operating system holds for a process, so that two runs never write one thing.

The lock is `flock` on a small file. The kernel frees it when its holder ends, however that ends, so a lock is never
stale; a file that a killed process left behind locks nothing. It holds between processes, and between threads of one
process. Forked children close it at once and programs that are started do not inherit it, so no child keeps a lock
alive. The file names its holders (host, pid, command) for the line that others are told, and is removed with the lock.

On network file systems: NFS (Linux, since version 3 with lockd) passes `flock` on as a lock of the whole file, which
holds between machines; the server frees it a while after a machine is lost. SMB and Lustre (mounted with `flock`) hold
it too. With NFS's `local_lock` and Lustre's `localflock` it holds within one machine only. Where a file system knows no
locks at all, there is one warning and the work goes on without.
"""

import errno
import fcntl
import os
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ddkit.errors import DataError, DDKitWarning, InUseError

LOCK = ".lock"
"""The file's name in a folder that is locked as a whole."""

TRIES = 100
"""How often a folder is made that is gone again when it is used; in /proc, say, that never ends."""

SIGNING = 0.5
"""Seconds for a holder to write its name: it takes the lock first, and another may look in between."""

LONGEST = 200
"""Characters of a holder's command that are told."""

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)

_guard = threading.Lock()
_open: set[int] = set()
"""The files behind all locks of this process, for its children to close."""


@contextmanager
def locked(
    file: Path,
    what: str,
    *,
    shared: bool = False,
    doing: str = "in use",
    fix: str = "wait until it ends",
    wait: Callable[[str], None] | None = None,
) -> Iterator[None]:
    """Hold the lock on `file`: alone, or `shared` with others who share it.

    Where somebody holds it who does not share it, `wait` is handed one line, as "WHAT: is DOING by pid 7 on HOST
    (COMMAND); waiting", and this call waits. Without `wait` it raises such a line, which ends with `fix`. The folder of
    `file` is made where it is missing, and removed in the end where it stayed empty. On a read-only disk, where nobody
    writes, a caller that only shares gets no lock, and needs none.

    Example:
        >>> with locked(folder / LOCK, f"folder '{folder}'"):
        ...     write(folder)

    Raises:
        InUseError: it is held by somebody else, who is named.
        DataError: the file cannot be made.
    """
    told = _Words(what, doing, fix)
    handle = _take(file, told, shared, wait)
    try:
        yield
    finally:
        if handle is not None:
            handle.free()


@dataclass(frozen=True)
class _Handle:
    """A lock that is held; `made` are the folders that were made for it, the outermost first."""

    file: Path
    descriptor: int
    made: tuple[Path, ...]
    pid: int

    def free(self) -> None:
        """Let go. The last holder removes the file; others who wait for it then see that it is gone, and make one."""
        if os.getpid() != self.pid:  # a forked child, which has closed it
            return
        with suppress(OSError):
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails where others share it
            if _is_at(self.descriptor, self.file):
                self.file.unlink()
        _close(self.descriptor)  # before the folders go: NFS keeps a file that is open
        with suppress(OSError):
            for folder in reversed(self.made):
                folder.rmdir()  # fails where it holds something


@dataclass(frozen=True)
class _Words:
    """For the lines of a lock: what is locked, what its holder is doing with it, and what to do."""

    what: str
    doing: str
    fix: str


def _take(file: Path, told: _Words, shared: bool, wait: Callable[[str], None] | None) -> _Handle | None:
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    made: list[Path] = []
    said, tries = False, 0
    while True:
        try:
            made += [folder for folder in _make(file.parent) if folder not in made]
            descriptor = _opened(file)
        except OSError as error:
            tries += 1
            if isinstance(error, FileNotFoundError) and tries < TRIES:  # another has just removed the folder
                time.sleep(0.01)
                continue
            if shared and error.errno in _READ_ONLY and not file.exists():
                return None
            raise DataError(
                f"{told.what}: cannot be locked: file '{file}': {error.strerror or error}; mend its permissions, or "
                "choose another folder"
            ) from error
        try:
            try:
                fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                line = f"{told.what}: is {told.doing} by {_named(descriptor)}"
                if wait is None:
                    raise InUseError(f"{line}; {told.fix}") from None
                if not said:
                    wait(f"{line}; waiting")
                    said = True
                fcntl.flock(descriptor, kind)
            if _is_at(descriptor, file):
                _sign(descriptor, alone=not shared)
                return _Handle(file, descriptor, tuple(made), os.getpid())
            _close(descriptor)  # its holder took it away: the next one is at a new file
        except BaseException as error:
            _close(descriptor)
            if isinstance(error, OSError) and error.errno in _NO_LOCKS:
                with suppress(OSError):
                    file.unlink()
                warnings.warn(
                    f"{told.what}: its file system knows no locks; see to it that no second run uses it",
                    DDKitWarning,
                    stacklevel=4,
                )
                return None
            raise


def _make(folder: Path) -> list[Path]:
    """Make the folder; those that were missing, the outermost first."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing[::-1]


def _opened(file: Path) -> int:
    """The open file, which no program that is started inherits; neither a link is followed nor a pipe waited for."""
    with _guard:
        flags = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            descriptor = os.open(file, flags | os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        except PermissionError:  # another user's, which can be locked all the same, but not signed
            descriptor = os.open(file, flags | os.O_RDONLY)
        _open.add(descriptor)
        return descriptor


def _close(descriptor: int) -> None:
    with _guard:
        if descriptor in _open:
            _open.remove(descriptor)
            os.close(descriptor)


def _is_at(descriptor: int, file: Path) -> bool:
    """Whether the open file still lies where it was opened."""
    try:
        return os.path.samestat(os.fstat(descriptor), file.lstat())
    except FileNotFoundError:
        return False


def _sign(descriptor: int, alone: bool) -> None:
    """Name this process in the file. A full disk is no reason not to hold the lock."""
    command = " ".join((Path(sys.argv[0]).name, *sys.argv[1:]))[:LONGEST] if sys.argv else ""
    with suppress(OSError):
        if alone:
            os.ftruncate(descriptor, 0)
        line = "\t".join((socket.gethostname(), str(os.getpid()), " ".join(command.split())))
        os.write(descriptor, f"{line}\n".encode(errors="surrogateescape"))


def _named(descriptor: int) -> str:
    """The holders' names for a message; "another process" where no name is written within `SIGNING` seconds."""
    end = time.monotonic() + SIGNING
    while not (names := _holders(descriptor)) and time.monotonic() < end:
        time.sleep(0.01)
    return " and ".join(names) or "another process"


def _holders(descriptor: int) -> list[str]:
    """The living holders that the file names."""
    told = []
    with suppress(OSError):
        for line in os.pread(descriptor, 2**16, 0).decode(errors="replace").splitlines():
            host, _, rest = line.partition("\t")
            pid, _, command = rest.partition("\t")
            if pid.isdecimal() and not (host == socket.gethostname() and _is_gone(int(pid))):
                own = "this process, " if (host, int(pid)) == (socket.gethostname(), os.getpid()) else ""
                told.append(f"{own}pid {pid} on {host} ({command})")
    return list(dict.fromkeys(told))


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        pass
    return False


def _forget() -> None:
    """In a forked child: close what the parent holds."""
    for descriptor in _open:
        with suppress(OSError):
            os.close(descriptor)
    _open.clear()
    _guard.release()


os.register_at_fork(before=_guard.acquire, after_in_parent=_guard.release, after_in_child=_forget)
