"""The variables by which `torchrun` describes a process and its place among the others."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from ddkit.errors import UsageError

_NEEDED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True)
class Launch:
    """One process of several.

    Attributes:
        rank, count: of all processes.
        local_rank, local_count: of the processes on this machine.
        host: the machine of rank 0.
    """

    rank: int
    count: int
    local_rank: int
    local_count: int
    host: str


def launched(environment: Mapping[str, str] = os.environ) -> Launch | None:
    """Return this process's place among the processes of `torchrun`, or None if it was started alone.

    Raises:
        UsageError: a variable is not a number in its range.
    """
    if not all(name in environment for name in _NEEDED):
        return None
    count = _number(environment, "WORLD_SIZE", 1, None)
    if count == 1:
        return None
    rank = _number(environment, "RANK", 0, count)
    local_count = _number(environment, "LOCAL_WORLD_SIZE", 1, count + 1) if "LOCAL_WORLD_SIZE" in environment else count
    local_rank = _number(environment, "LOCAL_RANK", 0, local_count) if "LOCAL_RANK" in environment else rank
    return Launch(rank, count, local_rank, local_count, environment["MASTER_ADDR"])


def several() -> bool:
    """Return whether `torchrun` started this process and others."""
    try:
        return launched() is not None
    except UsageError:  # every process prints its own wrong variable
        return False


def leads() -> bool:
    """Return whether this process may print: it was started alone, or is rank 0."""
    try:
        place = launched()
    except UsageError:  # every process prints its own wrong variable
        return True
    return place is None or place.rank == 0


def _number(environment: Mapping[str, str], name: str, first: int, end: int | None) -> int:
    text = environment[name]
    if text.isdecimal() and int(text) >= first and (end is None or int(text) < end):
        return int(text)
    limit = "" if end is None else f" to {end - 1}"
    raise UsageError(
        f"environment variable {name}: must be a number from {first}{limit}, got {text!r}; start ddkit by torchrun, or "
        f"unset {', '.join(_NEEDED)}"
    )
