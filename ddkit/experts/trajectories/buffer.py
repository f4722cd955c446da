"""The trajectory buffer on disk: one folder for each key, with one file for each expert.

The folder's name has a digest of all that a trajectory depends on (data, network, settings of experts, format), so
experts of different settings never share a folder. The numbers of experts and of epochs are not part of the key: a
buffer can be extended by more experts or epochs.
"""

import json
import re
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from ddkit.errors import DataError, reason
from ddkit.experts.digest import digest_of
from ddkit.experts.trajectories.expert_file import ExpertFile, open_expert, write_expert
from ddkit.run import LOCK, Meter, SilentMeter, locked, read_json, sweep, write_json

if TYPE_CHECKING:  # buffers are listed without torch
    from torch import Tensor

EXPERT = re.compile(r"expert-(\d{3,})\.h5")

TRAINING = ".training.lock"
"""The lock of the run that trains experts. Runs that use the buffer hold another lock, so that a long run does not keep
another run from adding experts."""


@runtime_checkable
class Key(Protocol):
    """The key of a buffer; see `ddkit.experts.buffer_key`."""

    @property
    def folder(self) -> str: ...

    def tables(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Buffer:
    """One buffer folder."""

    path: Path

    @classmethod
    def open(cls, root: Path, key: Key) -> "Buffer":
        """The buffer of a key under `root`. It is created if it does not exist.

        Raises:
            DataError: the folder's key file is damaged, or differs from the key.
        """
        buffer = cls(root / key.folder)
        if not buffer.key_file.exists():
            write_json(buffer.key_file, key.tables(), indent=2)
        elif buffer.read_key() != json.loads(json.dumps(key.tables())):
            raise DataError(
                f"buffer '{buffer.name}': its key.json has other settings than requested, so its experts are others; "
                f"`ddkit buffer rm {buffer.name}` to have them trained"
            )
        return buffer

    @property
    def key_file(self) -> Path:
        """The file of all that the experts depend on. A folder without it is not a buffer."""
        return self.path / "key.json"

    def read_key(self) -> dict[str, Any]:
        """The tables of the buffer's key.

        Raises:
            DataError: the file is damaged.
        """
        fix = f"delete it if the experts beside it are good, and run again; or `ddkit buffer rm {self.name}`"
        key: dict[str, Any] = read_json(self.key_file, dict[str, Any], fix)
        return key

    def verify_key(self) -> None:
        """Raise DataError unless the folder's name has the digest of the key."""
        digest = digest_of(self.read_key())
        if self.name.rpartition("-")[2] != digest[:8]:
            raise DataError(
                f"buffer '{self.name}': its name does not have the digest of its key.json ({digest[:8]}); "
                f"`ddkit buffer rm {self.name}`"
            )

    @contextmanager
    def in_use(self, meter: Meter | None = None) -> Iterator[None]:
        """A block in which no other run removes the buffer. Several runs may use it, and one may train more experts."""
        say = (meter or SilentMeter()).say
        with locked(self._folder / LOCK, f"buffer '{self.name}'", shared=True, doing="being removed", wait=say):
            yield

    @contextmanager
    def training(self, meter: Meter) -> Iterator[None]:
        """A block in which no other run trains experts of the buffer or removes it.

        A second run waits and reports that. It then finds the experts that the first run has trained.
        """
        with locked(self._folder / TRAINING, f"buffer '{self.name}'", doing="being trained", wait=meter.say):
            sweep(self._folder, lambda name: EXPERT.fullmatch(name) is not None)
            yield

    @property
    def _folder(self) -> Path:
        """The folder itself, if `path` is a link."""
        return self.path.resolve()

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def experts(self) -> list[int]:
        """Numbers of the stored experts."""
        named = (EXPERT.fullmatch(file.name) for file in self.path.glob("expert-*.h5"))
        return sorted(int(found[1]) for found in named if found and self.file(int(found[1])).name == found[0])

    @property
    def strays(self) -> list[str]:
        """Names of files, except hidden ones, that do not belong to the buffer and are never read."""
        known = {"key.json", *(self.file(expert).name for expert in self.experts)}
        return sorted(file.name for file in self.path.glob("*") if file.name not in known and file.name[:1] != ".")

    def file(self, expert: int) -> Path:
        return self.path / f"expert-{expert:03d}.h5"

    def rows(self, expert: int) -> int:
        """Number of snapshots of an expert (epochs + 1); 0 if it is not stored.

        Raises:
            DataError: the file is damaged.
        """
        return self.layout(expert)[0].shape[0] if self.file(expert).exists() else 0

    def write(self, expert: int, snapshots: "Tensor", dtype: str, facts: dict[str, float]) -> None:
        """Store the snapshots [E+1, P] of one expert; see `write_expert`."""
        write_expert(self.file(expert), snapshots, dtype, facts)

    def layout(self, expert: int) -> tuple[np.memmap, np.ndarray, str]:
        """(mapped rows, their checksums, dtype name) of one expert's file.

        Raises:
            DataError: the file is missing or damaged.
        """
        with self._opened(expert) as file:
            return file.layout()

    @contextmanager
    def _opened(self, expert: int) -> Iterator[ExpertFile]:
        """One expert's file.

        Raises:
            DataError: the file is missing or damaged.
        """
        try:
            with open_expert(self.file(expert)) as file:
                yield file
        except FileNotFoundError:
            raise DataError(f"buffer '{self.name}': expert {expert} is missing; rerun to train it") from None
        except (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError, MemoryError) as error:
            raise self.damaged(expert, reason(error)) from None

    def sealed(self, expert: int) -> bool:
        """Whether an expert's file has a digest of all bytes except its rows, which have their own checksums.

        Raises:
            DataError: the file is missing or damaged.
        """
        with self._opened(expert) as file:
            return file.sealed

    def verify(self, expert: int) -> None:
        """Check every row of one expert.

        Raises:
            DataError: the file is damaged; the line names the file and the row.
        """
        rows, checksums, _ = self.layout(expert)
        for i, row in enumerate(rows):
            self.check_row(expert, i, row, checksums)

    def check_row(self, expert: int, i: int, row: np.ndarray, checksums: np.ndarray) -> None:
        """Raise DataError unless row `i` has its checksum."""
        if zlib.crc32(row.tobytes()) != int(checksums[i]):
            raise self.damaged(expert, f"checksum differs at row {i}")

    def damaged(self, expert: int, why: str) -> DataError:
        """The error for a damaged file of an expert."""
        return DataError(
            f"buffer '{self.name}': expert {expert} is damaged ({why}); "
            f"delete {self.file(expert).name} and rerun to retrain that one"
        )

    def facts(self, expert: int) -> dict[str, float]:
        """Rounding, training loss and validation accuracy of one expert.

        Raises:
            DataError: the file is missing or damaged.
        """
        with self._opened(expert) as file:
            return file.facts()

    @property
    def size(self) -> int:
        """Bytes on disk. Files that another command removes meanwhile do not count."""
        total = 0
        for file in self.path.glob("*"):
            with suppress(FileNotFoundError):
                total += file.stat().st_size if file.is_file() else 0
        return total

    def remove(self) -> str:
        """Delete the buffer folder, or the link to it, and return a line that says what was deleted.

        An interruption leaves a buffer with fewer experts.

        Raises:
            InUseError: a run uses the buffer, or trains experts of it.
            DataError: the folder cannot be deleted.
        """
        named, folder = f"buffer '{self.name}'", self._folder
        with locked(folder / TRAINING, named, doing="being trained"), locked(folder / LOCK, named):
            try:
                if self.path.is_symlink():
                    self.path.unlink()
                    return f"removed the link {self.name}; its target, the buffer {folder}, is kept"
                files = [file for file in folder.iterdir() if file.name not in (LOCK, TRAINING)]
                for file in sorted(files, key=lambda file: file.name == self.key_file.name):  # the key file last
                    if file.is_dir() and not file.is_symlink():
                        shutil.rmtree(file)
                    else:
                        file.unlink()
            except OSError as error:
                raise DataError(
                    f"{named}: cannot be removed: '{error.filename}': {error.strerror or error}; correct its "
                    "permissions"
                ) from error
        with suppress(OSError):  # another run has begun to train it again
            folder.rmdir()
        return f"removed {self.name}"
