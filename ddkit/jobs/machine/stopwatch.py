"""The seconds of a run, summed over all of its processes if it was interrupted and resumed."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ddkit.run import SilentMeter, read_json, write_json

EVERY = 5.0
"""Seconds between two writes of the file: an interruption loses at most so many."""


@dataclass(frozen=True)
class Spent:
    """The layout of the file."""

    seconds: float


class Stopwatch(SilentMeter):
    """A silent meter that writes the seconds to `file`. It begins with the seconds that the file holds.

    Args:
        file: which holds the seconds.
        report: is called with the number of finished steps at each progress.

    Attributes:
        earlier: the seconds of earlier processes, which the file holds.
    """

    def __init__(self, file: Path, report: Callable[[int], object] = lambda done: None) -> None:
        self._file, self._report = file, report
        self.earlier = read_json(file, Spent).seconds if file.exists() else 0.0
        self._begin = self._written = time.perf_counter()

    @property
    def seconds(self) -> float:
        """All seconds until now."""
        return self.earlier + time.perf_counter() - self._begin

    def advance(self, done: int, values: Mapping[str, float] | None = None) -> None:
        now = time.perf_counter()
        if now - self._written >= EVERY:
            self._written = now
            write_json(self._file, {"seconds": self.seconds})
        self._report(done)
