"""The folder of one run: recipe, metrics, checkpoints, the set, pictures and scores, each at one known place."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ddkit.errors import DataError
from ddkit.run.atomic import atomic_write, write_failure

SNAPSHOTS = 10
"""Sets that a run keeps on the way to the last one, for protocol `paper`."""


@dataclass(frozen=True)
class RunFolder:
    """Paths and small files of one run; heavy files are written by who makes them."""

    path: Path

    @property
    def recipe(self) -> Path:
        return self.path / "recipe.toml"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def checkpoint(self) -> Path:
        return self.path / "checkpoint.pt"

    @property
    def changes(self) -> Path:
        return self.path / "changes.json"

    @property
    def experts(self) -> Path:
        return self.path / "experts.sha256"

    @property
    def initial(self) -> Path:
        return self.path / "initial.h5"

    @property
    def set(self) -> Path:
        return self.path / "set.h5"

    @property
    def scores(self) -> Path:
        return self.path / "scores.json"

    @property
    def gallery(self) -> Path:
        return self.path / "gallery.png"

    @property
    def curve(self) -> Path:
        return self.path / "curve.png"

    @property
    def snapshots(self) -> Path:
        return self.path / "snapshots"

    def write_text(self, path: Path, text: str) -> None:
        """Write one of the small text files atomically."""
        with atomic_write(path) as temporary:
            temporary.write_text(text)

    def append_metrics(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append one JSON line per row.

        Raises:
            DataError: the file cannot be written.
        """
        try:
            with self.metrics.open("a") as file:
                file.writelines(json.dumps(row) + "\n" for row in rows)
        except OSError as error:
            raise DataError(f"file '{self.metrics}': cannot be written: {write_failure(error)}") from error

    def read_metrics(self) -> list[dict[str, Any]]:
        """All complete metric rows; a last line cut off by a kill is ignored."""
        if not self.metrics.exists():
            return []
        rows = []
        for line in self.metrics.read_text().splitlines():
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                break
        return rows

    def keep_metrics_before(self, iteration: int) -> None:
        """Drop the rows a killed run wrote after its last checkpoint, so that a resumed run repeats none."""
        rows = [row for row in self.read_metrics() if row["iteration"] < iteration]
        self.write_text(self.metrics, "".join(json.dumps(row) + "\n" for row in rows))
