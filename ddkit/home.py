"""The folder for files that several runs use: downloaded data, buffers of experts, compiled kernels."""

import os
from pathlib import Path

from ddkit.errors import DataError


def home() -> Path:
    """Return the folder in the environment variable DDKIT_HOME, or else ~/.cache/ddkit."""
    return Path(os.environ.get("DDKIT_HOME") or Path.home() / ".cache" / "ddkit")


def expanded(path: str) -> Path:
    """Replace ~ or ~NAME in a path by the home folder of the user.

    Raises:
        DataError: there is no such user.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise DataError(f"path '{path}': there is no user of that name; write the path in full") from None
