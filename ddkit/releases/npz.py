"""NumPy archives: FRePo (`image`, `label`), KIP (`images`, `labels`), ddkit's own exports, and plain ones."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ddkit.archive import opened
from ddkit.errors import DataError, reason
from ddkit.files import not_a_file
from ddkit.releases.exported import facts_of
from ddkit.releases.release import Choices, Release, Source

IMAGES = ("image", "images", "x", "data")
LABELS = ("label", "labels", "y", "targets")
"""Names of arrays; the first one that an archive has is read."""

SOFT, FACTS, DERIVED = "soft_label", "facts", ("raw", "probability")
"""Arrays of ddkit's exports: soft labels beside the classes, the facts, and arrays that follow from the others."""


class Npz:
    """Reads an archive with an array of images and one of labels."""

    name = "npz"
    choices: tuple[str, ...] = ()

    def recognises(self, source: Source) -> bool:
        return source.path.suffix.lower() == ".npz"

    def read(self, source: Source, choices: Choices) -> Release:
        where = source.where
        arrays, notes = _read(source.path, where)
        lower = {name.lower(): array for name, array in arrays.items()}
        found = [next((name for name in names if name in lower), None) for names in (IMAGES, LABELS)]
        images, labels = found
        if images is None or labels is None:
            missing = IMAGES if images is None else LABELS
            raise DataError(
                f"{where}: has no array {' or '.join(missing)}, it has {', '.join(arrays) or 'none'}; rename the array"
            )
        facts, soft = lower.get(FACTS), lower.get(SOFT)
        return Release(
            layout=self.name,
            images=_tensor(lower[images], images, where),
            labels=_tensor(lower[labels], labels, where),
            soft=None if soft is None else _tensor(soft, SOFT, where),
            files=(source.path,),
            facts=None if facts is None else facts_of(str(facts), where),
            family="frepo",
            uneven=True,
            notes=notes,
        )


def _read(path: Path, where: str) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """The arrays that are read, and a note with the names of the others.

    Raises:
        DataError: the file is damaged or missing, or has pickled objects.
    """
    if odd := not_a_file(path):
        raise DataError(f"{where}: cannot be read (it is {odd}); check the path")
    try:
        with opened(path) as archive:
            known = [name for name in archive.names if name.lower() in (*IMAGES, *LABELS, SOFT, FACTS)]
            others = [name for name in archive.names if name not in (*known, *DERIVED)]
            return archive.read(known, where), (f"not read: {', '.join(others)}",) if others else ()
    except (DataError, MemoryError):
        raise
    except Exception as error:  # the readers of zip, header and numbers raise any error for damaged bytes
        raise DataError(
            f"{where}: is no readable .npz of plain arrays ({reason(error)}); it is damaged or cut off, or has pickled "
            "objects, which are never read"
        ) from None


def _tensor(array: np.ndarray, name: str, where: str) -> Tensor:
    if array.dtype.kind not in "iuf" or array.dtype in (np.uint64, np.dtype("f16")):
        raise DataError(f"{where}: array '{name}' must have plain numbers, got {array.dtype}; convert it")
    array = array.astype(array.dtype.newbyteorder("="))
    return torch.from_numpy(array.astype(np.int64) if array.dtype.kind == "u" and array.dtype != np.uint8 else array)
