"""The buffers under a folder, by name."""

from pathlib import Path

from ddkit.errors import DataError
from ddkit.experts.trajectories.buffer import Buffer


def list_buffers(root: Path) -> list[Buffer]:
    """The buffers under `root`, in the order of their names."""
    return [Buffer(file.parent) for file in sorted(root.glob("*/key.json"))]


def find_buffers(root: Path, names: tuple[str, ...]) -> list[Buffer]:
    """The buffers of these names, or all buffers if `names` is empty.

    Raises:
        DataError: there is no buffer of a name.
    """
    found = {buffer.name: buffer for buffer in list_buffers(root)}
    for name in names:
        if name not in found:
            raise DataError(f"buffer '{name}': does not exist; `ddkit buffer ls` lists all buffers")
    return [found[name] for name in names] if names else list(found.values())
