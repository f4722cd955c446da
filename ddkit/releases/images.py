"""The images of a release in the shape of the data's images, and images that are packed several into one."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from ddkit.errors import DataError

GREY = 0.5
"""The value of pixels that a packed image is padded with (in the code of IDC and NCFM)."""


def arranged(images: Tensor, shape: tuple[int, int, int], where: str) -> Tensor:
    """Return the images as [N, C, H, W], uint8 or float32. Channels may be first, last or absent, and rows may be flat.

    Numbers that are all whole, from 0 to 255, become uint8, also if they are stored as floats.

    Args:
        images: of the release.
        shape: (C, H, W) of the data's images.
        where: the beginning of error lines.

    Raises:
        DataError: the images have another shape, or numbers that are not finite.
    """
    channels, height, width = shape
    own = tuple(images.shape[1:])
    if own == (math.prod(shape),):
        images = images.reshape(-1, *shape)
    elif own == (height, width) and channels == 1:
        images = images[:, None]
    elif own == (height, width, channels) and own != shape:
        images = images.permute(0, 3, 1, 2)
    elif own != shape:
        sizes = "x".join(map(str, own))
        raise DataError(
            f"{where}: its images are {sizes}, but those of the data are {channels}x{height}x{width} (channels, "
            "height, width); name the data that the set was distilled from with --data"
        )
    if not len(images):
        raise DataError(f"{where}: has no image; check the file")
    if images.is_complex() or images.dtype == torch.bool or not bool(images.isfinite().all()):
        raise DataError(f"{where}: its images have numbers that are not finite, or no plain numbers; download it again")
    if not images.is_floating_point() or _are_bytes(images):
        if int(images.min()) < 0 or int(images.max()) > 255:
            raise DataError(
                f"{where}: its images are whole numbers from {int(images.min())} to {int(images.max())}, and pixels "
                "are 0 to 255; convert them"
            )
        return images.to(torch.uint8).contiguous()
    return images.float().contiguous()


def _are_bytes(images: Tensor) -> bool:
    """Whether floats are all whole numbers from 0 to 255, and not all 0 or 1."""
    low, high = float(images.min()), float(images.max())
    return low >= 0 and 1 < high <= 255 and bool((images == images.round()).all())


def unpacked(images: Tensor, labels: Tensor, factor: int) -> tuple[Tensor, Tensor]:
    """Unpack images [N, C, H, W] that are factor x factor small ones each, in the order of IDC's and NCFM's code.

    Class by class, images are padded on the right and at the bottom to a multiple of the factor, and cut into tiles.
    The first tiles of all images of the class come first, then the second ones, row by row. Each tile is enlarged to
    H x W (bilinear). Images are in [0, 1] pixels.

    Returns:
        (images [N * factor^2, C, H, W], their labels).
    """
    height, width = images.shape[-2:]
    tall, wide = -(-height // factor), -(-width // factor)
    padded = functional.pad(images, (0, wide * factor - width, 0, tall * factor - height), value=GREY)
    found, classes = [], []
    for label in labels.unique().tolist():
        own = padded[labels == label]
        tiles = [
            own[:, :, row * tall : (row + 1) * tall, column * wide : (column + 1) * wide]
            for row in range(factor)
            for column in range(factor)
        ]
        found.append(functional.interpolate(torch.cat(tiles), size=(height, width), mode="bilinear"))
        classes.append(torch.full((len(own) * factor**2,), label))
    return torch.cat(found), torch.cat(classes)
