"""Scores of a table that is not finished: a killed evaluation goes on with them."""

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
"""Rises when the same terms give other scores."""


@dataclass(frozen=True)
class KeptRows:
    """A folder of one table's scores, one file a row. Use it within `in_use`, and `clear` it once the table is
    finished: where another run makes the same table at the same time, the last of them clears it."""

    folder: Path

    @staticmethod
    def of(sets: Iterable[SyntheticSet], task: Task, *terms: Any) -> "KeptRows":
        """That of the table of a set, or of a run's snapshots, judged in `task`; `terms` are all else that its scores
        depend on, such as seed and settings. The folder is named after a digest of all: no other table finds it."""
        told = [FORMAT, task.real.digest, task.net.spec, task.dsa.strategy, environment(task.device), terms]
        sha = hashlib.sha256(json.dumps(told, default=repr, sort_keys=True).encode())
        for own in sets:
            sha.update(f"{own.facts!r} {own.digest}".encode())
        return KeptRows(home() / "rows" / sha.hexdigest()[:16])

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Within the block nobody clears it."""
        with locked(self.folder / LOCK, f"rows '{self.folder}'", shared=True, wait=lambda _: None):
            yield

    def check(self) -> None:
        """Raise DataError if a row that is there is damaged."""
        with self.in_use():
            for file in self.folder.glob("*.json"):
                read_score(file)

    def say(self, meter: Meter) -> None:
        """Say how many rows are there."""
        if count := len(list(self.folder.glob("*.json"))):
            meter.say(f"{count} rows are kept from an interrupted evaluation; the others follow")

    def _file(self, row: str) -> Path:
        return self.folder / f"{hashlib.sha256(row.encode()).hexdigest()[:16]}.json"

    def find(self, row: str) -> Score | None:
        """A row's score, if it was kept.

        Raises:
            DataError: its file is damaged.
        """
        return read_score(self._file(row)) if self._file(row).exists() else None

    def put(self, row: str, score: Score) -> None:
        """Keep a row's score."""
        write_score(self._file(row), score)

    def clear(self) -> None:
        """Forget the scores, unless another run is using them."""
        with suppress(InUseError), locked(self.folder / LOCK, f"rows '{self.folder}'"):
            sweep(self.folder, lambda name: name.endswith(".json"))
            for file in self.folder.glob("*.json"):
                file.unlink()
        with suppress(OSError):  # it holds something, for another run
            self.folder.rmdir()
