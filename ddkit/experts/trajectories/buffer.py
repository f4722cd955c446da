"""The trajectory buffer on disk: one folder a key, one HDF5 file an expert, rows are snapshots.

The folder's name carries a digest of everything that shapes a trajectory (data, network, expert settings, format), so
experts of different settings can never mix. How many experts and how many epochs are not part of the key: more of
either extends the same buffer. `theta` is stored contiguously, so a row is mapped from its offset and the file never
loaded; each row has its own CRC-32, checked when it is read. All else of the file (layout, checksums, facts) is sealed
(`ddkit.run.sealed`), and checked before HDF5 sees it. Files of earlier versions are not sealed; they are read as they
are, and `Buffer.sealed` says which they are.
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

import h5py
import numpy as np

from ddkit.errors import DataError, reason
from ddkit.experts.digest import digest_of
from ddkit.run import (
    HDF5,
    LOCK,
    Meter,
    SilentMeter,
    atomic_hdf5,
    check_seal,
    locked,
    place,
    read_json,
    sweep,
    write_json,
)

if TYPE_CHECKING:  # buffers are listed without torch
    from torch import Tensor

EXPERT = re.compile(r"expert-(\d{3,})\.h5")

TRAINING = ".training.lock"
"""The lock of who trains. It is not the one of who uses the buffer, so that a run that goes on for days does not keep
another one from adding experts."""

_STORED: dict[str, np.dtype[Any]] = {
    "float32": np.dtype("<f4"),
    "float16": np.dtype("<f2"),
    "bfloat16": np.dtype("<u2"),
}
_PRECISION = {stored: name for name, stored in _STORED.items()}


@runtime_checkable
class Key(Protocol):
    """What a buffer is made for; see `ddkit.experts.buffer_key`."""

    @property
    def folder(self) -> str: ...

    def tables(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Buffer:
    """One buffer folder."""

    path: Path

    @classmethod
    def open(cls, root: Path, key: Key) -> "Buffer":
        """The buffer of a key under `root`, made if it is not there."""
        buffer = cls(root / key.folder)
        if not buffer.key_file.exists():
            write_json(buffer.key_file, key.tables(), indent=2)
        elif buffer.read_key() != json.loads(json.dumps(key.tables())):
            raise DataError(
                f"buffer '{buffer.name}': its key.json names other settings than are asked for, so its experts are "
                f"others; `ddkit buffer rm {buffer.name}` to have them trained"
            )
        return buffer

    @property
    def key_file(self) -> Path:
        """What the experts depend on; a folder without it is no buffer."""
        return self.path / "key.json"

    def read_key(self) -> dict[str, Any]:
        """The tables of the key that the buffer was made for.

        Raises:
            DataError: the file is damaged.
        """
        fix = f"delete it if the experts beside it are good, and run again; or `ddkit buffer rm {self.name}`"
        key: dict[str, Any] = read_json(self.key_file, dict[str, Any], fix)
        return key

    def verify_key(self) -> None:
        """Raise DataError unless the key is the one that the buffer is named after."""
        digest = digest_of(self.read_key())
        if self.name.rpartition("-")[2] != digest[:8]:
            raise DataError(
                f"buffer '{self.name}': its key.json is not the one that its name was made from (digest {digest[:8]}); "
                f"`ddkit buffer rm {self.name}`"
            )

    @contextmanager
    def in_use(self, meter: Meter | None = None) -> Iterator[None]:
        """Within the block nobody removes the buffer. Many may use it at once, and one of them may train more of it."""
        say = (meter or SilentMeter()).say
        with locked(self._place / LOCK, f"buffer '{self.name}'", shared=True, doing="being removed", wait=say):
            yield

    @contextmanager
    def training(self, meter: Meter) -> Iterator[None]:
        """Within the block nobody else trains experts of the buffer, nor removes it. Who comes second waits, and says
        so: what the first one trains need not be trained again."""
        with locked(self._place / TRAINING, f"buffer '{self.name}'", doing="being trained", wait=meter.say):
            sweep(self._place, lambda name: EXPERT.fullmatch(name) is not None)
            yield

    @property
    def _place(self) -> Path:
        """The folder itself, where `path` is a link."""
        return self.path.resolve()

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def experts(self) -> list[int]:
        """Numbers of the experts present."""
        named = (EXPERT.fullmatch(file.name) for file in self.path.glob("expert-*.h5"))
        return sorted(int(found[1]) for found in named if found and self.file(int(found[1])).name == found[0])

    @property
    def strays(self) -> list[str]:
        """Names of files that are neither the buffer's nor hidden, and that nobody reads."""
        known = {"key.json", *(self.file(expert).name for expert in self.experts)}
        return sorted(file.name for file in self.path.glob("*") if file.name not in known and file.name[:1] != ".")

    def file(self, expert: int) -> Path:
        return self.path / f"expert-{expert:03d}.h5"

    def rows(self, expert: int) -> int:
        """Snapshots stored for an expert (epochs + 1), 0 if it is not there.

        Raises:
            DataError: the file is there but damaged.
        """
        return self.layout(expert)[0].shape[0] if self.file(expert).exists() else 0

    def write(self, expert: int, snapshots: "Tensor", dtype: str, facts: dict[str, float]) -> None:
        """Store one expert's snapshots [E+1, P]; float16 and bfloat16 state what the rounding costs.

        The attribute `rounding` is the largest |rounded - exact| / |next - exact| over the rows: the error in units of
        the distance that one epoch travels.
        """
        import torch

        exact = snapshots.detach().float().cpu()
        rounded = exact.to(getattr(torch, dtype))
        bits = rounded.view(torch.int16) if dtype == "bfloat16" else rounded  # NumPy has no bfloat16
        raw: np.ndarray = bits.numpy().view(_STORED[dtype])
        error = (rounded.float() - exact).norm(dim=1)[:-1] / (exact[1:] - exact[:-1]).norm(dim=1)
        with atomic_hdf5(self.file(expert), uncovered="theta") as file:
            file.create_dataset("theta", data=raw)
            file.create_dataset("crc32", data=np.array([zlib.crc32(row.tobytes()) for row in raw], dtype="<u4"))
            # Numbers only: texts lie in HDF5's global heap, and a damaged heap can hang the reader.
            file.attrs.update({"rounding": float(error.max()), **facts})

    def layout(self, expert: int) -> tuple[np.memmap, np.ndarray, str]:
        """(mapped rows, their checksums, dtype name) of one expert's file.

        Raises:
            DataError: the file is missing or damaged.
        """
        with self._opened(expert) as (file, _):
            theta, crc, dtype = file["theta"], file["crc32"], _PRECISION[file["theta"].dtype]
            (offset, _), shape = place(theta), tuple(theta.shape)
            if len(shape) != 2 or crc.shape != shape[:1]:
                raise ValueError(f"{crc.shape} checksums for rows of shape {shape}")
            rows = np.memmap(self.file(expert), dtype=theta.dtype, mode="r", offset=offset, shape=shape)
            return rows, crc[:], dtype

    @contextmanager
    def _opened(self, expert: int) -> Iterator[tuple[h5py.File, bool]]:
        """One expert's file, and whether it is sealed.

        Raises:
            DataError: the file is missing or damaged.
        """
        try:
            with self.file(expert).open("rb") as raw:
                seal = check_seal(raw)
                if seal is None:
                    raw.seek(0)
                    if raw.read(len(HDF5)) != HDF5:
                        raise ValueError("the head of its seal was changed")
                with h5py.File(raw, "r") as file:
                    if seal is not None and seal.uncovered != place(file["theta"]):
                        raise ValueError("its seal does not cover what it should")
                    yield file, seal is not None
        except FileNotFoundError:
            raise DataError(f"buffer '{self.name}': expert {expert} is missing; rerun to train it") from None
        except (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError, MemoryError) as error:
            raise self.damaged(expert, reason(error)) from None

    def sealed(self, expert: int) -> bool:
        """Whether an expert's file carries a digest of all but its rows, which have checksums of their own.

        Raises:
            DataError: the file is missing or damaged.
        """
        with self._opened(expert) as (_, sealed):
            return sealed

    def verify(self, expert: int) -> None:
        """Check every row of one expert.

        Raises:
            DataError: the file is damaged; it names the file and the row.
        """
        rows, crc, _ = self.layout(expert)
        for i, row in enumerate(rows):
            self.check_row(expert, i, row, crc)

    def check_row(self, expert: int, i: int, row: np.ndarray, crc: np.ndarray) -> None:
        """Raise DataError unless row `i` still has its checksum."""
        if zlib.crc32(row.tobytes()) != int(crc[i]):
            raise self.damaged(expert, f"checksum differs at row {i}")

    def damaged(self, expert: int, why: str) -> DataError:
        return DataError(
            f"buffer '{self.name}': expert {expert} is damaged ({why}); "
            f"delete {self.file(expert).name} and rerun to retrain that one"
        )

    def facts(self, expert: int) -> dict[str, float]:
        """What was noted of one expert: rounding, training loss, validation accuracy.

        Raises:
            DataError: the file is missing or damaged.
        """
        with self._opened(expert) as (file, _):
            return {name: float(value) for name, value in file.attrs.items()}

    @property
    def size(self) -> int:
        """Bytes on disk; of a buffer that is just being removed, those that are left."""
        total = 0
        for file in self.path.glob("*"):
            with suppress(FileNotFoundError):
                total += file.stat().st_size if file.is_file() else 0
        return total

    def remove(self) -> str:
        """Delete the whole buffer folder, or the link that stands for it, and say which. A kill leaves a buffer with
        fewer experts.

        Raises:
            InUseError: a run uses it, or trains experts of it.
            DataError: it cannot be deleted.
        """
        named, place = f"buffer '{self.name}'", self._place
        with locked(place / TRAINING, named, doing="being trained"), locked(place / LOCK, named):
            try:
                if self.path.is_symlink():
                    self.path.unlink()
                    return f"removed the link {self.name}; the buffer that it points to, {place}, is left"
                files = [file for file in place.iterdir() if file.name not in (LOCK, TRAINING)]
                for file in sorted(files, key=lambda file: file.name == self.key_file.name):  # which is what is listed
                    if file.is_dir() and not file.is_symlink():
                        shutil.rmtree(file)
                    else:
                        file.unlink()
            except OSError as error:
                raise DataError(
                    f"{named}: cannot be removed: '{error.filename}': {error.strerror or error}; mend its permissions"
                ) from error
        with suppress(OSError):  # another run has just begun to train it anew
            place.rmdir()
        return f"removed {self.name}"


def list_buffers(root: Path) -> list[Buffer]:
    """The buffers under `root`, by name."""
    return [Buffer(file.parent) for file in sorted(root.glob("*/key.json"))]


def find_buffers(root: Path, names: tuple[str, ...]) -> list[Buffer]:
    """The named buffers, or all of them if no name is given.

    Raises:
        DataError: there is no buffer of a name.
    """
    found = {buffer.name: buffer for buffer in list_buffers(root)}
    for name in names:
        if name not in found:
            raise DataError(f"buffer '{name}': is not there; `ddkit buffer ls` lists those that are")
    return [found[name] for name in names] if names else list(found.values())
