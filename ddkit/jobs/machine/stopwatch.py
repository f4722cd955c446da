"""The seconds of a run's two stages, summed over all of its processes if it was interrupted and resumed."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from ddkit.run import Meter, PassingMeter, Seconds, SecondsFiles

EVERY = 5.0
"""Seconds between two writes of the file: an interruption loses at most so many."""


class Stopwatch:
    """Measures how long a run trains its experts and makes its set. It begins with the seconds that the folder holds.

    Attributes:
        seconds: of both stages, without a stage that has not ended.
    """

    def __init__(self, folder: Path) -> None:
        self._files = SecondsFiles(folder)
        self.seconds = self._files.read() or Seconds(0.0)
        self._begin = time.perf_counter()

    def experts(self, meter: Meter) -> "TimedMeter":
        """Begin to train experts. The meter writes the seconds to the folder while it shows the progress."""
        self._begin = time.perf_counter()
        return TimedMeter(meter, lambda: self._files.note(self._with_experts()))

    def experts_ended(self, trained: bool) -> None:
        """End the training of experts. Its time counts if any expert was missing."""
        if trained:
            self.seconds = self._with_experts()

    def condensing(self, meter: Meter, anew: bool) -> "TimedMeter":
        """Begin to make the set, likewise; `anew` if nothing of an earlier process is used."""
        if anew:
            self.seconds = replace(self.seconds, condensing=0.0)
        self._begin = time.perf_counter()
        return TimedMeter(meter, lambda: self._files.note(self._with_condensing()))

    def condensing_ended(self) -> float:
        """End the making of the set, and return its seconds in this process."""
        before, self.seconds = self.seconds, self._with_condensing()
        return self.seconds.condensing - before.condensing

    def write(self) -> None:
        """Write the seconds of the finished run."""
        self._files.write(self.seconds)

    def _with_experts(self) -> Seconds:
        return replace(self.seconds, experts=(self.seconds.experts or 0.0) + time.perf_counter() - self._begin)

    def _with_condensing(self) -> Seconds:
        return replace(self.seconds, condensing=self.seconds.condensing + time.perf_counter() - self._begin)


class TimedMeter(PassingMeter):
    """Passes everything on to another meter, and calls `note` when it is advanced, at most once in EVERY seconds."""

    def __init__(self, meter: Meter, note: Callable[[], None]) -> None:
        super().__init__(meter)
        self._note, self._noted = note, time.perf_counter()

    def advance(self, done: int, values: Mapping[str, float] | None = None) -> None:
        now = time.perf_counter()
        if now - self._noted >= EVERY:
            self._noted = now
            self._note()
        super().advance(done, values)
