"""NumPy archives: the user's own data, and the offline door of the named sets. Pickles are never read."""

import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from ddkit.data.image_data import ImageData
from ddkit.data.split import cut_test
from ddkit.errors import DataError, reason

KEYS = ("train_images", "train_labels", "test_images", "test_labels")
FACTS = ("classes", "flips_keep_label")

_DAMAGE = (  # all that a damaged or hostile archive was seen to raise
    *(OSError, ValueError, EOFError, KeyError, MemoryError, OverflowError, NotImplementedError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error, struct.error),
)


def load_npz(path: Path) -> ImageData:
    """A user's archive as ImageData, named after the file.

    Arrays: `train_images` (uint8, N x H x W, N x H x W x 1 or N x H x W x 3) and `train_labels` (integers from 0);
    optionally `test_images` and `test_labels` (else a fixed, stratified fifth is cut off for testing), `classes`
    (names, one string a class; else the numbers) and `flips_keep_label` (one boolean).

    Raises:
        DataError: the file is missing, damaged, holds a pickle, or its arrays are not these.
    """
    where = f"dataset 'npz:{path}'"
    arrays = read_npz(path, where)
    if "test_images" in arrays or "test_labels" in arrays:
        parts = to_tensors(arrays, KEYS, where)
    else:
        images, labels = to_tensors(arrays, KEYS[:2], where)
        parts = cut_test(images, labels, where)
    return ImageData(
        **dict(zip(KEYS, parts, strict=True)),
        name=path.stem,
        classes=class_names(arrays, where),
        flips_keep_label=_flips_keep_label(arrays, where),
        licence="not declared",
    )


def read_npz(path: Path, where: str) -> dict[str, np.ndarray]:
    """Those of KEYS and FACTS that the archive holds.

    Raises:
        DataError: the file is missing or not a readable archive of plain arrays.
    """
    if path.is_dir():
        raise DataError(f"{where}: '{path}' is a folder; for a folder of pictures write folder:{path}")
    if not path.is_file():
        raise DataError(f"{where}: there is no file '{path}'; check the path")
    try:
        archive = np.load(path, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("a single array")
        with archive:
            arrays = {key: archive[key] for key in KEYS + FACTS if key in archive.files}
        for key, array in arrays.items():
            if not isinstance(array, np.ndarray):
                raise ValueError(f"'{key}' is not an array")
    except _DAMAGE as error:
        why = "not an archive" if "allow_pickle" in str(error) else reason(error)  # NumPy would advise to trust it
        raise DataError(
            f"{where}: '{path}' is not a readable .npz of plain arrays ({why}); "
            f"write it anew with numpy.savez (pickled objects are never read)"
        ) from None
    return arrays


def to_tensors(arrays: dict[str, np.ndarray], keys: tuple[str, ...], where: str) -> tuple[Tensor, ...]:
    """The arrays of those keys as ImageData wants them.

    Raises:
        DataError: one is missing, or has a wrong dtype or shape.
    """
    missing = [key for key in keys if key not in arrays]
    if missing:
        raise DataError(f"{where}: has no array '{missing[0]}'; it needs {', '.join(keys)}")
    return tuple((_images if key.endswith("images") else _labels)(arrays[key], key, where) for key in keys)


def class_names(arrays: dict[str, np.ndarray], where: str) -> tuple[str, ...]:
    """The names in the array `classes`; without it, the numbers from 0 to the largest training label.

    Raises:
        DataError: `classes` is not one string a class, or the labels cannot be counted from 0.
    """
    if "classes" in arrays:
        names = arrays["classes"]
        if names.dtype.kind != "U" or names.ndim != 1:
            raise DataError(f"{where}: 'classes' must be strings, one a class, got {names.dtype} {list(names.shape)}")
        return tuple(names.tolist())
    labels = arrays["train_labels"]
    low, high = (int(labels.min()), int(labels.max())) if len(labels) else (0, 0)
    if low < 0 or high > len(labels):
        raise DataError(f"{where}: 'train_labels' must count the classes from 0, got {low if low < 0 else high}")
    return tuple(str(label) for label in range(high + 1))


def _images(array: np.ndarray, key: str, where: str) -> UInt8[Tensor, "n c h w"]:
    if array.dtype != np.uint8 or not (array.ndim == 3 or (array.ndim == 4 and array.shape[3] in (1, 3))):
        found = f"{array.dtype} {list(array.shape)}"
        raise DataError(f"{where}: '{key}' must be uint8, N x H x W or N x H x W x 3, got {found}")
    if array.ndim == 3:
        array = array[..., None]
    return torch.from_numpy(np.ascontiguousarray(array.transpose(0, 3, 1, 2)))


def _labels(array: np.ndarray, key: str, where: str) -> Int64[Tensor, " n"]:
    if array.dtype.kind not in "iu" or array.ndim != 1:
        raise DataError(f"{where}: '{key}' must be N integers, got {array.dtype} {list(array.shape)}")
    return torch.from_numpy(array.astype(np.int64))


def _flips_keep_label(arrays: dict[str, np.ndarray], where: str) -> bool | None:
    if "flips_keep_label" not in arrays:
        return None
    flag = arrays["flips_keep_label"]
    if flag.dtype != np.bool_ or flag.size != 1:
        raise DataError(f"{where}: 'flips_keep_label' must be one boolean, got {flag.dtype} {list(flag.shape)}")
    return bool(flag.item())
