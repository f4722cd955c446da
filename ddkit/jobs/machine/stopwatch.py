"""How long a run has taken in all, over every stretch between kills."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ddkit.run import SilentMeter, read_json, write_json

EVERY = 5.0
"""Seconds between notes: a kill forgets that many at most."""


@dataclass(frozen=True)
class Spent:
    """What such a file holds."""

    seconds: float


class Stopwatch(SilentMeter):
    """A silent meter that keeps the seconds in `file`, and begins at those that are there."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._before = read_json(file, Spent).seconds if file.exists() else 0.0
        self._begin = self._noted = time.perf_counter()

    @property
    def seconds(self) -> float:
        """All there were until now."""
        return self._before + time.perf_counter() - self._begin

    def advance(self, done: int, values: Mapping[str, float] | None = None) -> None:
        now = time.perf_counter()
        if now - self._noted >= EVERY:
            self._noted = now
            write_json(self._file, {"seconds": self.seconds})
