"""Scores of an unfinished table. An interrupted evaluation reads them and scores the other rows."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ddkit.errors import InUseError
from ddkit.evaluation import Score, read_score, write_score
from ddkit.home import home
from ddkit.jobs.machine.environment import environment
from ddkit.run import LOCK, Meter, locked, sweep
from ddkit.synth import SyntheticSet
from ddkit.task import Task

FORMAT = "ddkit-rows/2"
"""Must change when the same terms give other scores."""


@dataclass(frozen=True)
class KeptRows:
    """A folder of one table's scores, one file a row.

    Use it within `in_use`, and call `clear` once the table is finished. If several runs make the same table at the same
    time, the last one clears the folder.
    """

    folder: Path

    @staticmethod
    def of(sets: Iterable[SyntheticSet], task: Task, *terms: Any) -> "KeptRows":
        """The folder of the table of a set, or of a run's snapshots. Its name is a digest of all that scores depend on.

        Args:
            sets: the set or the snapshots.
            task: the data, the network and the augmentation.
            terms: all else that the scores depend on, such as seed and settings.
        """
        key = [FORMAT, task.real.digest, task.net.spec, task.dsa.strategy, environment(task.device), terms]
        sha = hashlib.sha256(json.dumps(key, default=repr, sort_keys=True).encode())
        for own in sets:
            sha.update(f"{own.facts!r} {own.digest}".encode())
        return KeptRows(home() / "rows" / sha.hexdigest()[:16])

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """A block in which no other run clears the folder."""
        with locked(self.folder / LOCK, f"rows '{self.folder}'", shared=True, wait=lambda _: None):
            yield

    def check(self) -> None:
        """Raise DataError if a stored score is damaged."""
        with self.in_use():
            for file in self.folder.glob("*.json"):
                read_score(file)

    def say(self, meter: Meter) -> None:
        """Report how many scores are stored."""
        if count := len(list(self.folder.glob("*.json"))):
            meter.say(f"{count} rows are kept from an interrupted evaluation; the others are scored now")

    def _file(self, row: str) -> Path:
        return self.folder / f"{hashlib.sha256(row.encode()).hexdigest()[:16]}.json"

    def find(self, row: str) -> Score | None:
        """A row's stored score; None if there is none.

        Raises:
            DataError: its file is damaged.
        """
        return read_score(self._file(row)) if self._file(row).exists() else None

    def put(self, row: str, score: Score) -> None:
        """Store a row's score."""
        write_score(self._file(row), score)

    def clear(self) -> None:
        """Delete the scores, unless another run uses the folder."""
        with suppress(InUseError), locked(self.folder / LOCK, f"rows '{self.folder}'"):
            sweep(self.folder, lambda name: name.endswith(".json"))
            for file in self.folder.glob("*.json"):
                file.unlink()
        with suppress(OSError):  # the folder is not empty if another run has begun to use it
            self.folder.rmdir()
