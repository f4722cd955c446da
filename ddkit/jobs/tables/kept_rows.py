"""The cache of scores, for images and for graphs. An interrupted table reads them and scores the other rows.

A score is a file FOLDER/DIGEST.json. The digest covers all that the score depends on: what networks were trained on,
the data, the settings and the seed, the version of the scoring (`FORMAT`), the versions of ddkit, torch and the other
packages, and the device. Scores of other versions are never read. The processor and the number of threads, which can
change the last digits, are not covered, so that a comparison may continue on another machine.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ddkit.errors import InUseError, counted
from ddkit.evaluation import GraphJudge, Score, read_score, write_score
from ddkit.home import home
from ddkit.jobs.machine.environment import device_name, versions
from ddkit.run import LOCK, Meter, locked, sweep
from ddkit.synth import GraphSet, SyntheticSet
from ddkit.task import Task

FORMAT = "ddkit-rows/3"
"""Must change when the same terms give other scores, for example when a default changes."""


@dataclass(frozen=True)
class ScoreFolder:
    """Scores of rows in a folder, one file a row. The rows may belong to several tables.

    Attributes:
        folder: of the files.
    """

    folder: Path

    def file(self, row: str) -> Path:
        """The file of a row's score. `row` is the file's name without its ending, see `KeptRows.file_name`."""
        return self.folder / f"{row}.json"

    def find(self, row: str) -> Score | None:
        """A row's stored score; None if there is none.

        Raises:
            DataError: its file is damaged.
        """
        file = self.file(row)
        return read_score(file) if file.exists() else None

    def put(self, row: str, score: Score) -> None:
        """Store a row's score."""
        write_score(self.file(row), score)


@dataclass(frozen=True)
class KeptRows(ScoreFolder):
    """Scores of rows in a folder, one file a row. The rows share some terms.

    The folder of a single table is deleted once the table is finished: use it within `in_use`, and call `clear` at the
    end. If several runs make the same table at the same time, the last one clears the folder. The folder of a
    comparison stays.

    Attributes:
        shared: a digest of the terms that all its rows share.
    """

    shared: str

    @staticmethod
    def at(folder: Path, device: torch.device, *terms: Any) -> "KeptRows":
        """Scores in a folder that stays.

        Args:
            folder: of the files. It may also hold scores of other terms and versions.
            device: where networks are trained.
            terms: what all scores depend on. The key of a row holds what only the row's own score depends on.
        """
        key = [FORMAT, versions(), device_name(device), terms]
        return KeptRows(folder, hashlib.sha256(json.dumps(key, default=repr, sort_keys=True).encode()).hexdigest())

    @staticmethod
    def of_table(device: torch.device, *terms: Any) -> "KeptRows":
        """Scores of one table. The folder's name is a digest of the terms. The arguments are those of `at`, without
        the folder.
        """
        own = KeptRows.at(home() / "rows", device, *terms)
        return KeptRows(own.folder / own.shared[:16], own.shared)

    @staticmethod
    def of(sets: Iterable[SyntheticSet], task: Task, *terms: Any) -> "KeptRows":
        """Scores of the table of a set of images, or of a run's snapshots.

        Args:
            sets: the set or the snapshots.
            task: the data, the network and the augmentation.
            terms: all else that the scores depend on, such as seed and settings.
        """
        trained_on = [f"{own.facts!r} {own.digest}" for own in sets]
        return KeptRows.of_table(task.device, task.real.digest, task.net.spec, task.dsa.strategy, terms, trained_on)

    @staticmethod
    def of_graphs(made: GraphSet, judge: GraphJudge) -> "KeptRows":
        """Scores of the table of a set of graphs."""
        data = (judge.train.digest, judge.judged.digest)
        return KeptRows.of_table(torch.device("cpu"), made.digest, *data, judge.hops, judge.training, judge.seed)

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
        """Report the number of stored scores."""
        if count := len(list(self.folder.glob("*.json"))):
            meter.say(f"kept from an interrupted evaluation: {counted(count, 'row')}; the others are scored now")

    def file_name(self, row: str) -> str:
        """The name of the file of a row's score, without its ending.

        Args:
            row: a text of what the score depends on, beside the shared terms.
        """
        return hashlib.sha256(f"{self.shared} {row}".encode()).hexdigest()[:16]

    def file(self, row: str) -> Path:
        """The file of a row's score. `row` as in `file_name`."""
        return super().file(self.file_name(row))

    def clear(self) -> None:
        """Delete the scores, unless another run uses the folder."""
        with suppress(InUseError), locked(self.folder / LOCK, f"rows '{self.folder}'"):
            sweep(self.folder, lambda name: name.endswith(".json"))
            for file in self.folder.glob("*.json"):
                file.unlink()
        with suppress(OSError):  # the folder is not empty if another run has begun to use it
            self.folder.rmdir()
