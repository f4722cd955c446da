"""The folder of one run: paths of its recipe, metrics, checkpoints, set, pictures, scores, messages and report."""

import json
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ddkit.errors import DataError
from ddkit.run.atomic import atomic_write, sweep, write_failure
from ddkit.run.json_file import fitted, parsed, read_json, read_text
from ddkit.run.lock import LOCK, locked

CHECKPOINT = "checkpoint.pt"
"""The name of a run's checkpoint."""

SNAPSHOTS = 10
"""Number of intermediate sets that a run keeps for protocol `paper`."""

OURS = re.compile(
    r"recipe\.toml|metrics\.jsonl|checkpoint\.pt|experts\.sha256|(changes|scores|spent|seconds|logs)\.json"
    r"|(initial|set|iteration-\d+)\.h5|(gallery|curve)\.png|messages\.txt|report\.html|[0-9a-f]{16}\.json"
)
"""The names of a run's files. Only a process that holds the folder's lock writes them."""

_WITHOUT_METRICS = "delete it, and --resume continues with a curve that begins at the last checkpoint"


@dataclass(frozen=True)
class Change:
    """A setting that was changed when the run was resumed."""

    from_iteration: int
    key: str
    was: Any
    now: Any

    def __post_init__(self) -> None:
        if self.from_iteration < 0:
            raise ValueError(f"'from_iteration' must be at least 0, found {self.from_iteration}")


@dataclass(frozen=True)
class RunFolder:
    """Paths and small files of one run. Other code writes the large files."""

    path: Path

    @property
    def recipe(self) -> Path:
        return self.path / "recipe.toml"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def checkpoint(self) -> Path:
        return self.path / CHECKPOINT

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
    def logs(self) -> Path:
        return self.path / "logs.json"

    @property
    def messages(self) -> Path:
        return self.path / "messages.txt"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def snapshots(self) -> Path:
        return self.path / "snapshots"

    def read_snapshots(self) -> dict[int, Path]:
        """Return the files of the snapshots by their iteration, in order."""
        names = {file: file.stem.removeprefix("iteration-") for file in self.snapshots.glob("iteration-*.h5")}
        return dict(sorted((int(name), file) for file, name in names.items() if re.fullmatch("[0-9]{1,12}", name)))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock on the folder, and remove parts of files that killed processes left there.

        Raises:
            InUseError: another run holds the lock.
        """
        fix = "wait until it ends, or choose another --out"
        with locked(self.path / LOCK, f"folder '{self.path}'", fix=fix):
            for folder in (self.path, self.snapshots, self.path / "scores"):
                sweep(folder, lambda name: OURS.fullmatch(name) is not None)
            yield

    def write_text(self, path: Path, text: str) -> None:
        """Write one of the small text files atomically."""
        with atomic_write(path) as temporary:
            temporary.write_text(text, encoding="utf-8")

    def read_recipe(self) -> str:
        """Return the recipe's text.

        Raises:
            DataError: the file is damaged.
        """
        return read_text(self.recipe, "put it back from a copy, or begin a new run")

    def read_changes(self) -> list[Change]:
        """Return the changes of the method's settings since the run began, oldest first.

        Raises:
            DataError: the file is damaged.
        """
        fix = "put it back from a copy, or begin a new run: the set's lineage needs these changes"
        return read_json(self.changes, list[Change], fix) if self.changes.exists() else []

    def read_experts(self) -> str:
        """Return the digest of the experts that the run began with, or "" if it has none.

        Raises:
            DataError: the file is damaged.
        """
        fix = "delete it if the experts are still those that the run began with, else begin a new run"
        if not self.experts.exists():
            return ""
        digest = read_text(self.experts, fix).strip()
        if not re.fullmatch("[0-9a-f]{64}", digest):
            raise DataError(f"file '{self.experts}': must have 64 hexadecimal digits, found {digest[:80]!r}; {fix}")
        return digest

    def read_messages(self) -> list[str]:
        """Return the messages of the run, oldest first; a message that a resumed run repeated is returned once.

        Raises:
            DataError: the file is damaged.
        """
        if not self.messages.exists():
            return []
        return list(dict.fromkeys(filter(None, read_text(self.messages, "delete it").splitlines())))

    def append_metrics(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append one line of JSON for each row.

        Raises:
            DataError: the file cannot be written.
        """
        if not rows:
            return
        try:
            with self.metrics.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(row) + "\n" for row in rows)
        except OSError as error:
            raise DataError(
                f"file '{self.metrics}': cannot be written: {write_failure(error, self.metrics)}"
            ) from error

    def sync_metrics(self) -> None:
        """Sync the rows to disk before a checkpoint, so that they survive a power failure as the checkpoint does."""
        with suppress(OSError), self.metrics.open("rb") as file:
            os.fsync(file.fileno())

    def read_metrics(self, before: int | None = None) -> list[dict[str, Any]]:
        """Return the rows of metrics. A last line that a kill cut off is left out.

        Args:
            before: return only rows of iterations before this one, and require that they are complete.

        Raises:
            DataError: the file is damaged: a row is invalid, an iteration occurs twice or out of order, or a loss is
                not finite.
        """
        if not self.metrics.exists():
            return []
        lines = read_text(self.metrics, _WITHOUT_METRICS).split("\n")[:-1]  # the last item is empty or was cut off
        rows: list[dict[str, Any]] = []
        for number, line in enumerate(lines, start=1):
            if before is not None and rows and rows[-1]["iteration"] == before - 1:
                return rows
            try:
                row = _row(line, rows[-1]["iteration"] if rows else None)
            except ValueError as error:
                raise DataError(f"file '{self.metrics}', line {number}: {error}; {_WITHOUT_METRICS}") from None
            if row["iteration"] == before:  # the first row: the file was begun anew at this checkpoint
                return []
            rows.append(row)
        if before is not None and (rows[-1]["iteration"] if rows else -1) != before - 1:
            end = f"after iteration {rows[-1]['iteration']}" if rows else "before it begins"
            raise DataError(f"file '{self.metrics}': ends {end}, and the checkpoint is of {before}; {_WITHOUT_METRICS}")
        return rows

    def keep_metrics(self, rows: Sequence[Mapping[str, Any]], before: int) -> None:
        """Replace the file by these rows, those of the iterations before `before`.

        This drops what a killed run wrote after its last checkpoint, since the resumed run writes it again. If there
        are no rows for past iterations, the file is removed, because an empty file would count as damaged.
        """
        if before and not rows:
            self.metrics.unlink(missing_ok=True)
        else:
            self.write_text(self.metrics, "".join(json.dumps(row) + "\n" for row in rows))


def _row(line: str, after: int | None) -> dict[str, Any]:
    """Parse one row of metrics. Its iteration must be the one after `after`."""
    row: dict[str, Any] = fitted(parsed(line), dict[str, float], "a row", finite=False)
    number = row.get("iteration", math.nan)
    if not number.is_integer() or number < 0:
        raise ValueError(f"'iteration' must be a whole number of at least 0, found {number:g}")
    if after is not None and number != after + 1:
        raise ValueError(f"iteration {number:.0f} comes after {after}")
    loss = row.get("loss", 0.0)
    if math.isnan(loss) or (math.isinf(loss) and not row.get("skipped", 0.0) > 0):
        raise ValueError(f"the loss is {loss:g}, with which no run continues")
    return row | {"iteration": int(number)}
