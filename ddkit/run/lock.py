"""A lock on a folder or file, so that two runs never write the same thing.

The lock is `flock` on a small file. The kernel releases it when the holder ends, for any reason, so a lock is never
stale: the file of a killed process locks nothing. The lock excludes other processes, and other threads of the same
process. Forked children close the file at once and started programs do not inherit it, so no child keeps a lock alive.
The file contains its holders (host, pid, command), which the messages to other processes show. It is removed when the
lock is released.

On network file systems: NFS (Linux, since version 3 with lockd) converts `flock` to a lock of the whole file, which
works between machines; the server releases it some time after a machine is lost. SMB and Lustre (mounted with `flock`)
support it too. With NFS's `local_lock` and Lustre's `localflock` it works within one machine only. If a file system has
no locks, there is one warning and the work continues without a lock.
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
from ddkit.run.obstacles import file_obstacle
from ddkit.run.process import is_gone

LOCK = ".lock"
"""Name of the lock file of a folder."""

TRIES = 100
"""How often to create a folder that another process removes again. (In /proc, for example, creation never works.)"""

SIGNATURE_SECONDS = 0.5
"""Seconds to wait for a holder's name. A holder acquires the lock before it writes its name."""

LONGEST = 200
"""Characters of a holder's command that the file stores."""

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)

_guard = threading.Lock()
_open: set[int] = set()
"""Descriptors of all lock files of this process. Forked children close them."""


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
    """Hold the lock on `file`: exclusively, or `shared` with other shared holders.

    If another holder excludes this one, `wait` receives a message such as "WHAT: is DOING by pid 7 on HOST (COMMAND);
    waiting", and this call waits. Without `wait` it raises such a message, which ends with `fix`. A missing folder of
    `file` is created, and removed at the end if it is empty. On a read-only disk a shared lock is not needed, since
    nobody can write there; then no lock is held.

    Example:
        >>> with locked(folder / LOCK, f"folder '{folder}'"):
        ...     write(folder)

    Raises:
        InUseError: another process holds the lock; the message names it.
        DataError: the file cannot be created.
    """
    handle = _acquire(file, _Messages(what, doing, fix), shared, wait)
    try:
        yield
    finally:
        if handle is not None:
            handle.free()


@dataclass(frozen=True)
class _Handle:
    """A lock that is held. `made` are the folders that were created for it, the outermost first."""

    file: Path
    descriptor: int
    made: tuple[Path, ...]
    pid: int

    def free(self) -> None:
        """Release the lock. The last holder removes the file; processes that wait for it then create a new one."""
        if os.getpid() != self.pid:  # a forked child, which has closed the file
            return
        with suppress(OSError):
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails if others share the lock
            if _is_at(self.descriptor, self.file):
                self.file.unlink()
        _close(self.descriptor)  # before the folders are removed, since NFS keeps a file that is open
        with suppress(OSError):
            for folder in reversed(self.made):
                folder.rmdir()  # fails if the folder is not empty


@dataclass(frozen=True)
class _Messages:
    """Parts of a lock's messages: what is locked, what the holder is doing with it, and what to do."""

    what: str
    doing: str
    fix: str


def _acquire(file: Path, messages: _Messages, shared: bool, wait: Callable[[str], None] | None) -> _Handle | None:
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    made: list[Path] = []
    announced, tries = False, 0
    while True:
        try:
            made += [folder for folder in _make(file.parent) if folder not in made]
            descriptor = _opened(file)
        except OSError as error:
            tries += 1
            if isinstance(error, FileNotFoundError) and tries < TRIES:  # another process has just removed the folder
                time.sleep(0.01)
                continue
            if shared and error.errno in _READ_ONLY and not file.exists():
                return None
            reason = f"file '{file}': {error.strerror or error}; correct its permissions, or choose another folder"
            raise DataError(f"{messages.what}: cannot be locked: {file_obstacle(file) or reason}") from error
        try:
            try:
                fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                line = f"{messages.what}: is {messages.doing} by {_named(descriptor)}"
                if wait is None:
                    raise InUseError(f"{line}; {messages.fix}") from None
                if not announced:
                    wait(f"{line}; waiting")
                    announced = True
                fcntl.flock(descriptor, kind)
            if _is_at(descriptor, file):
                _sign(descriptor, alone=not shared)
                return _Handle(file, descriptor, tuple(made), os.getpid())
            _close(descriptor)  # the holder has removed the file, so try again with a new one
        except BaseException as error:
            _close(descriptor)
            if isinstance(error, OSError) and error.errno in _NO_LOCKS:
                with suppress(OSError):
                    file.unlink()
                warnings.warn(
                    f"{messages.what}: its file system has no locks; make sure that no second run uses it",
                    DDKitWarning,
                    stacklevel=4,
                )
                return None
            raise


def _make(folder: Path) -> list[Path]:
    """Create the folder. Return the folders that were missing, the outermost first."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing[::-1]


def _opened(file: Path) -> int:
    """Open the file. Started programs do not inherit it, links are not followed, and a pipe does not block."""
    with _guard:
        flags = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            descriptor = os.open(file, flags | os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        except PermissionError:  # another user's file can be locked, but not written
            descriptor = os.open(file, flags | os.O_RDONLY)
        _open.add(descriptor)
        return descriptor


def _close(descriptor: int) -> None:
    with _guard:
        if descriptor in _open:
            _open.remove(descriptor)
            os.close(descriptor)


def _is_at(descriptor: int, file: Path) -> bool:
    """Return whether the open file is still at this path."""
    try:
        return os.path.samestat(os.fstat(descriptor), file.lstat())
    except FileNotFoundError:
        return False


def _sign(descriptor: int, alone: bool) -> None:
    """Write this process into the file. On a full disk the lock is held without it."""
    command = " ".join((Path(sys.argv[0]).name, *sys.argv[1:]))[:LONGEST] if sys.argv else ""
    with suppress(OSError):
        if alone:
            os.ftruncate(descriptor, 0)
        line = "\t".join((socket.gethostname(), str(os.getpid()), " ".join(command.split())))
        os.write(descriptor, f"{line}\n".encode(errors="surrogateescape"))


def _named(descriptor: int) -> str:
    """Return the holders for a message, or "another process" if none is written within SIGNATURE_SECONDS."""
    end = time.monotonic() + SIGNATURE_SECONDS
    while not (names := _holders(descriptor)) and time.monotonic() < end:
        time.sleep(0.01)
    return " and ".join(names) or "another process"


def _holders(descriptor: int) -> list[str]:
    """Return the holders in the file that are still alive."""
    found = []
    with suppress(OSError):
        for line in os.pread(descriptor, 2**16, 0).decode(errors="replace").splitlines():
            host, pid, command = [*line.split("\t", 2), "", ""][:3]
            if pid.isdecimal() and not (host == socket.gethostname() and is_gone(int(pid))):
                own = "this process, " if (host, int(pid)) == (socket.gethostname(), os.getpid()) else ""
                found.append(f"{own}pid {pid} on {host} ({command})")
    return list(dict.fromkeys(found))


def is_held(file: Path) -> bool | None:
    """Return whether a process holds the lock on `file`; None if there is no such file, as on a disk without locks."""
    with _guard, suppress(OSError):  # the guard, so that no forked child inherits the descriptor
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
    return None


def _forget() -> None:
    """Close the parent's lock files in a forked child."""
    for descriptor in _open:
        with suppress(OSError):
            os.close(descriptor)
    _open.clear()
    _guard.release()


os.register_at_fork(before=_guard.acquire, after_in_parent=_guard.release, after_in_child=_forget)
