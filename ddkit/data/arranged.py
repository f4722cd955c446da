"""Chooses classes of images that are in memory, and converts them as pictures are converted."""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

from ddkit.data.conversion import CHANNELS, Changes, Conversion
from ddkit.data.reading import Reading
from ddkit.errors import DataError

_MODES = {channels: mode for mode, channels in CHANNELS.items()}


def arranged(
    parts: dict[str, Tensor], names: tuple[str, ...], reading: Reading, where: str
) -> tuple[dict[str, Tensor], tuple[str, ...], tuple[str, ...]]:
    """Return the parts with the wanted classes and the wanted images, the names of the classes, and notes.

    Args:
        parts: `train_images`, `train_labels`, and perhaps those of `validation` and `test`.
        names: the names of the classes, by label.
        reading: the wanted classes and the conversion.
        where: name of the data in error lines.

    Raises:
        DataError: a wanted class is missing, or images that are neither grey nor RGB would have to be converted.
    """
    wanted, changes = reading.of(names, where), Changes()
    if wanted != names:
        parts = _only(parts, [names.index(name) for name in wanted], len(names))
    if reading.conversion:
        for key in [key for key in parts if key.endswith("_images")]:
            parts = parts | {key: _converted(parts[key], reading.conversion, changes, where)}
    return parts, wanted, changes.notes


def _only(parts: dict[str, Tensor], labels: list[int], count: int) -> dict[str, Tensor]:
    """Return the images with these labels. A label becomes its place in the list."""
    kept = dict(parts)
    for part in {key.removesuffix("_labels") for key in parts if key.endswith("_labels")}:
        own = parts[f"{part}_labels"]
        place = torch.full((count,), -1)
        place[torch.tensor(labels)] = torch.arange(len(labels))
        known = (own >= 0) & (own < count)  # ImageData refuses the others
        numbered = torch.where(known, place[own.clamp(0, count - 1)], own)
        rows = (numbered >= 0) | ~known
        kept[f"{part}_images"], kept[f"{part}_labels"] = parts[f"{part}_images"][rows], numbered[rows]
    return kept


def _converted(
    images: UInt8[Tensor, "n c h w"], conversion: Conversion, changes: Changes, where: str
) -> UInt8[Tensor, "n d g v"]:
    channels = images.shape[1]
    if channels not in _MODES:
        raise DataError(
            f"{where}: has images of {channels} channels, which data.resize and data.mode cannot convert; leave them "
            "out, or convert the images yourself"
        )
    mode = conversion.mode or _MODES[channels]
    height, width = (conversion.side,) * 2 if conversion.side else images.shape[2:]
    found = torch.empty(len(images), CHANNELS[mode], height, width, dtype=torch.uint8)
    for i, picture in enumerate(_pictures(images)):
        made = conversion(picture)
        changes.add(False, picture.size, picture.mode, made)
        array = np.array(made).reshape(height, width, CHANNELS[mode])
        found[i] = torch.from_numpy(array).permute(2, 0, 1)
    return found


def _pictures(images: UInt8[Tensor, "n c h w"]) -> Iterator[Image.Image]:
    for image in images:
        array = image.permute(1, 2, 0).contiguous().numpy()
        yield Image.fromarray(array if len(image) == 3 else array[..., 0])
