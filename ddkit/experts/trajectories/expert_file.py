"""The file of one expert: HDF5 with one row of parameters for each snapshot.

`theta` [rows, P] is stored contiguously, so that a row is mapped from its offset and the whole file is never loaded.
Each row has its own CRC-32. All other bytes of the file (layout, checksums, facts) are sealed (`ddkit.run.sealed`), and
the seal is checked before HDF5 reads the file. Files of earlier versions have no seal, and are read without this check.
"""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from ddkit.run import HDF5, atomic_hdf5, check_seal, place

if TYPE_CHECKING:  # buffers are listed without torch
    from torch import Tensor

_STORED: dict[str, np.dtype[Any]] = {
    "float32": np.dtype("<f4"),
    "float16": np.dtype("<f2"),
    "bfloat16": np.dtype("<u2"),
}
_PRECISION = {stored: name for name, stored in _STORED.items()}


@dataclass(frozen=True)
class ExpertFile:
    """An open file of one expert. `sealed` is False for files of earlier versions."""

    path: Path
    file: h5py.File
    sealed: bool

    def layout(self) -> tuple[np.memmap, np.ndarray, str]:
        """(mapped rows, their checksums, dtype name)."""
        theta, checksums = self.file["theta"], self.file["crc32"]
        dtype = _PRECISION[theta.dtype]
        (offset, _), shape = place(theta), tuple(theta.shape)
        if len(shape) != 2 or checksums.shape != shape[:1]:
            raise ValueError(f"{checksums.shape} checksums for rows of shape {shape}")
        rows = np.memmap(self.path, dtype=theta.dtype, mode="r", offset=offset, shape=shape)
        return rows, checksums[:], dtype

    def facts(self) -> dict[str, float]:
        """Rounding, training loss and validation accuracy of the expert."""
        return {name: float(value) for name, value in self.file.attrs.items()}


@contextmanager
def open_expert(path: Path) -> Iterator[ExpertFile]:
    """Open the file of an expert, after a check of its seal.

    Raises:
        FileNotFoundError: the file is missing.
        OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError, MemoryError: the file is damaged.
    """
    with path.open("rb") as raw:
        seal = check_seal(raw)
        if seal is None:
            raw.seek(0)
            if raw.read(len(HDF5)) != HDF5:
                raise ValueError("the head of its seal was changed")
        with h5py.File(raw, "r") as file:
            if seal is not None and seal.uncovered != place(file["theta"]):
                raise ValueError("its seal does not cover what it should")
            yield ExpertFile(path, file, seal is not None)


def write_expert(path: Path, snapshots: "Tensor", dtype: str, facts: dict[str, float]) -> None:
    """Write the snapshots [E+1, P] of one expert in a precision, with the rounding error of float16 or bfloat16.

    The attribute `rounding` is the largest |rounded - exact| / |next - exact| over the rows: the error relative to the
    change of the parameters in one epoch.
    """
    import torch

    exact = snapshots.detach().float().cpu()
    rounded = exact.to(getattr(torch, dtype))
    bits = rounded.view(torch.int16) if dtype == "bfloat16" else rounded  # NumPy has no bfloat16
    raw: np.ndarray = bits.numpy().view(_STORED[dtype])
    error = (rounded.float() - exact).norm(dim=1)[:-1] / (exact[1:] - exact[:-1]).norm(dim=1)
    with atomic_hdf5(path, uncovered="theta") as file:
        file.create_dataset("theta", data=raw)
        file.create_dataset("crc32", data=np.array([zlib.crc32(row.tobytes()) for row in raw], dtype="<u4"))
        # Numbers only: texts are stored in HDF5's global heap, and a damaged heap can hang the reader.
        file.attrs.update({"rounding": float(error.max()), **facts})
