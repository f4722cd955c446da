"""Where ddkit keeps what outlives a run: downloaded data and buffers of expert trajectories."""

import os
from pathlib import Path


def home() -> Path:
    """The folder named by the environment variable DDKIT_HOME, else ~/.cache/ddkit."""
    return Path(os.environ.get("DDKIT_HOME") or Path.home() / ".cache" / "ddkit")
