"""A folder that all workers of one test session share, and a lock between them."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def shared_folder(factory: "pytest.TempPathFactory", name: str) -> Path:
    """Create a folder in the session's base folder. Without pytest-xdist the session has one process."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    folder.mkdir(exist_ok=True)
    return folder


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Hold the folder's lock. Another process that wants it waits."""
    with (folder / ".one-at-a-time").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
