"""The images and labels of one array of a NumPy archive, as ImageData's tensors."""

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from ddkit.archive import Claim
from ddkit.data.numbering import numbering_note
from ddkit.errors import DataError, counted

LARGEST = {"unit": 1, "bytes": 255}
"""Range of numbers that are not bytes (`data.pixels`) -> its largest number."""

_BLOCK = 256  # images that are converted at once


def check_images(array: np.ndarray | Claim, key: str, where: str, pixels: str | None = None) -> None:
    """Check type and shape of images. The last axis holds any number of channels, the first axis never does.

    Args:
        array: the array, or what it claims.
        key: its name.
        where: name of the data in error lines.
        pixels: the range of the numbers, a key of LARGEST; None: they must be bytes.

    Raises:
        DataError: they are not images, or not bytes and their range is not given.
    """
    shape, found = array.shape, f"{array.dtype} {list(array.shape)}"
    if array.dtype.kind not in "fiu" or not (array.dtype == np.uint8 or pixels):
        of_numbers = array.dtype.kind in "fiu" and len(shape) in (3, 4)
        fix = "; for numbers in 0 to 1 set data.pixels=unit, in 0 to 255 data.pixels=bytes" if of_numbers else ""
        fix = fix or f"; write {key}.astype('uint8') * 255" * (array.dtype.kind == "b")
        raise DataError(f"{where}: '{key}' must be uint8, N x H x W or N x H x W x channels, got {found}{fix}")
    first = len(shape) == 4 and _channels_are_first(shape)
    if len(shape) not in (3, 4) or first or (len(shape) == 4 and not shape[3]):
        fix = "; .transpose(0, 2, 3, 1) puts the channels last" if first else ""
        raise DataError(f"{where}: '{key}' must be N x H x W or N x H x W x channels, got {found}{fix}")


def _channels_are_first(shape: tuple[int, ...]) -> bool:
    """Return whether the second axis looks like channels: it is 1 or 3, or smaller than two equal sides after it."""
    if shape[3] in (1, 3):
        return False
    return shape[1] in (1, 3) or shape[1] < shape[2] == shape[3]


def images_of(array: np.ndarray, key: str, where: str, pixels: str | None = None) -> UInt8[Tensor, "n c h w"]:
    """Return images as bytes. Numbers of a declared range are scaled to 0 to 255 and rounded.

    Raises:
        DataError: as for `check_images`, or a number is outside the range.
    """
    check_images(array, key, where, pixels)
    if pixels is not None:
        array = _bytes(array, key, where, LARGEST[pixels])
    if array.ndim == 3:
        array = array[..., None]
    return torch.from_numpy(np.ascontiguousarray(array.transpose(0, 3, 1, 2)))


def _bytes(array: np.ndarray, key: str, where: str, largest: int) -> np.ndarray:
    found = np.empty(array.shape, np.uint8)
    for at in range(0, len(array), _BLOCK):
        block = array[at : at + _BLOCK].astype(np.float64)
        inside = (block >= 0) & (block <= largest)  # false for NaN
        if not inside.all():
            wrong = block[~inside].flat[0]
            raise DataError(
                f"{where}: '{key}' has the number {wrong:g}, but data.pixels says that all are in 0 to {largest}; set "
                "data.pixels to their range, or scale them"
            )
        found[at : at + _BLOCK] = np.rint(block * (255 / largest))
    if array.dtype.kind == "f" and largest == LARGEST["bytes"] and array.size and 0 < array.max() <= 1:
        raise DataError(
            f"{where}: '{key}' has no number above {array.max():g}, so data.pixels=bytes (0 to 255) would make all "
            "images black; set data.pixels=unit, or scale them"
        )
    return found


def check_labels(array: np.ndarray | Claim, key: str, where: str) -> None:
    """Check type and shape of labels.

    Raises:
        DataError: they are not one whole number for each image.
    """
    kind, shape = array.dtype.kind, array.shape
    if array.dtype.kind in "biuf" and len(shape) == 2 and shape[1] != 1:
        fix = f"of one-hot labels {key}.argmax(1) are the classes"
        raise DataError(f"{where}: '{key}' has {shape[1]} labels an image; ddkit needs one class an image ({fix})")
    if kind not in "iu" or len(shape) not in (1, 2):
        fix = ""
        if kind in "US" and len(shape) == 1:
            fix = f"; classes, numbers = numpy.unique({key}, return_inverse=True) numbers them: store both"
        elif kind in "bf" and len(shape) in (1, 2):
            fix = f"; {key}.astype(int) converts them, if they are whole numbers"
        raise DataError(f"{where}: '{key}' must be N integers, got {array.dtype} {list(shape)}{fix}")


def labels_of(array: np.ndarray, key: str, where: str) -> Int64[Tensor, " n"]:
    """Return labels as ImageData has them.

    Raises:
        DataError: as for `check_labels`, or a label does not fit into 64 bits.
    """
    check_labels(array, key, where)
    array = array.reshape(len(array))
    if array.dtype == np.uint64 and len(array) and int(array.max()) > np.iinfo(np.int64).max:
        raise DataError(f"{where}: '{key}' must count the classes from 0, got {int(array.max())}")
    return torch.from_numpy(array.astype(np.int64))


def numbered(parts: Mapping[str, Tensor], where: str) -> tuple[dict[str, Tensor], tuple[str, ...], tuple[str, ...]]:
    """Return parts whose labels count from 0, the names of the classes, and a note if labels changed.

    The classes are the training labels in ascending order. The former labels are their names.

    Raises:
        DataError: labels changed, and another part has a label that train lacks.
    """
    values = parts["train_labels"].unique()
    names = tuple(str(value) for value in values.tolist()) or ("0",)
    note = numbering_note(names)
    if not note:
        return dict(parts), names, ()
    found = dict(parts)
    for key in [key for key in parts if key.endswith("_labels")]:
        place = torch.searchsorted(values, parts[key]).clamp(max=len(values) - 1)
        if len(strange := parts[key][values[place] != parts[key]]):
            part = key.removesuffix("_labels")
            raise DataError(
                f"{where}, {part} part: has the label {int(strange[0])}, which train lacks; train has "
                f"{counted(len(names), 'label')}, {', '.join(names[:10])}"
            )
        found[key] = place
    return found, names, note
