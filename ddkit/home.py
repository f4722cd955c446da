"""The folder for files that several runs use: downloaded data, buffers of experts, compiled kernels."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from ddkit.errors import DataError

_EXPERTS: ContextVar[Path] = ContextVar("folder of experts")


def home() -> Path:
    """Return the folder in the environment variable DDKIT_HOME, or else ~/.cache/ddkit."""
    return Path(os.environ.get("DDKIT_HOME") or Path.home() / ".cache" / "ddkit")


def experts_home() -> Path:
    """Return the folder that has buffers of experts and teachers: home(), apart from a block of `experts_at`."""
    return _EXPERTS.get(None) or home()


@contextmanager
def experts_at(folder: Path) -> Iterator[None]:
    """A block in which experts and teachers are those of a folder that was copied from another machine."""
    token = _EXPERTS.set(folder)
    try:
        yield
    finally:
        _EXPERTS.reset(token)


def expanded(path: str) -> Path:
    """Replace ~ or ~NAME in a path by the home folder of the user.

    Raises:
        DataError: there is no such user.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise DataError(f"path '{path}': there is no user of that name; write the path in full") from None
