"""Where ddkit keeps what outlives a run: downloaded data and buffers of expert trajectories."""

import os
from pathlib import Path

from ddkit.errors import DataError


def home() -> Path:
    """The folder named by the environment variable DDKIT_HOME, else ~/.cache/ddkit."""
    return Path(os.environ.get("DDKIT_HOME") or Path.home() / ".cache" / "ddkit")


def expanded(path: str) -> Path:
    """The path, with the home folder of a user in the place of ~ or ~NAME.

    Raises:
        DataError: there is no such user.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise DataError(f"path '{path}': there is no user of that name; write the path in full") from None
