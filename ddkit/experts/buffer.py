"""The trajectory buffer on disk: one folder a key, one HDF5 file an expert, rows are snapshots.

The folder's name carries a digest of everything that shapes a trajectory (data, network, expert settings, format), so
experts of different settings can never mix. How many experts and how many epochs are not part of the key: more of
either extends the same buffer. `theta` is stored contiguously, so a row is mapped from its offset and the file never
loaded; each row has its own CRC-32, checked when it is read. All else of the file (layout, checksums, facts) is sealed
(`ddkit.run.sealed`), and checked before HDF5 sees it. Files of earlier versions are not sealed; they are read as they
are, and `Buffer.sealed` says which they are.
"""

import dataclasses
import hashlib
import json
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from torch import Tensor

from ddkit.errors import DataError, reason
from ddkit.experts.settings import ExpertSettings
from ddkit.run import HDF5, atomic_hdf5, atomic_write, check_seal, place

FORMAT = "ddkit-expert/2"
_STORED: dict[str, np.dtype[Any]] = {
    "float32": np.dtype("<f4"),
    "float16": np.dtype("<f2"),
    "bfloat16": np.dtype("<u2"),
}
_PRECISION = {stored: name for name, stored in _STORED.items()}


@dataclass(frozen=True)
class BufferKey:
    """What a trajectory depends on. `data` is a readable name, `data_digest` covers split and preprocessing."""

    data: str
    data_digest: str
    augment: str
    net: str
    experts: ExpertSettings

    def tables(self) -> dict[str, Any]:
        experts = dataclasses.asdict(self.experts)
        del experts["count"]
        return {
            "format": FORMAT,
            "data": self.data,
            "data_digest": self.data_digest,
            "augment": self.augment,
            "net": self.net,
            "experts": {"name": self.experts.name, **experts},
        }

    @property
    def digest(self) -> str:
        return hashlib.sha256(json.dumps(self.tables(), sort_keys=True).encode()).hexdigest()

    @property
    def folder(self) -> str:
        net = self.net.partition("(")[0]
        data = Path(self.data.replace(":", "-")).name
        return f"{data}-{net}-{self.experts.name}-{self.digest[:8]}"


@dataclass(frozen=True)
class Buffer:
    """One buffer folder."""

    path: Path

    @classmethod
    def open(cls, root: Path, key: BufferKey) -> "Buffer":
        """The buffer of a key under `root`, made if it is not there."""
        buffer = cls(root / key.folder)
        if not (buffer.path / "key.json").exists():
            with atomic_write(buffer.path / "key.json") as temporary:
                temporary.write_text(json.dumps(key.tables(), indent=2) + "\n")
        return buffer

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def experts(self) -> list[int]:
        """Numbers of the experts present."""
        return sorted(int(file.stem.removeprefix("expert-")) for file in self.path.glob("expert-*.h5"))

    def file(self, expert: int) -> Path:
        return self.path / f"expert-{expert:03d}.h5"

    def rows(self, expert: int) -> int:
        """Snapshots stored for an expert (epochs + 1), 0 if it is not there.

        Raises:
            DataError: the file is there but damaged.
        """
        return self.layout(expert)[0].shape[0] if self.file(expert).exists() else 0

    def write(self, expert: int, snapshots: Tensor, dtype: str, facts: dict[str, float]) -> None:
        """Store one expert's snapshots [E+1, P]; float16 and bfloat16 state what the rounding costs.

        The attribute `rounding` is the largest |rounded - exact| / |next - exact| over the rows: the error in units of
        the distance that one epoch travels.
        """
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
        """Bytes on disk."""
        return sum(file.stat().st_size for file in self.path.iterdir() if file.is_file())

    def remove(self) -> None:
        """Delete the whole buffer folder."""
        shutil.rmtree(self.path)


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
