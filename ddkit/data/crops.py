"""Random resized crops: a box of random area and shape, resized to the size of the whole image."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Generator, Tensor

TRIES = 10


class Box(NamedTuple):
    """A part of an image, in pixels."""

    top: int
    left: int
    height: int
    width: int


def random_box(
    side: tuple[int, int], scale: tuple[float, float], generator: Generator, ratio: tuple[float, float] = (3 / 4, 4 / 3)
) -> Box:
    """Draw a box as torchvision's RandomResizedCrop does, from an explicit generator.

    The box's share of the area is uniform in `scale`, and the logarithm of its width / height is uniform in that of
    `ratio`. If none of ten draws fits into the image, the result is the largest centred box within `ratio`.
    """
    high, wide = side
    for _ in range(TRIES):
        first, second, third, fourth = torch.rand(4, generator=generator, dtype=torch.float64).tolist()
        area = high * wide * (scale[0] + (scale[1] - scale[0]) * first)
        shape = math.exp(math.log(ratio[0]) + (math.log(ratio[1]) - math.log(ratio[0])) * second)
        width, height = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
        if 0 < width <= wide and 0 < height <= high:
            return Box(int(third * (high - height + 1)), int(fourth * (wide - width + 1)), height, width)
    width, height = min(wide, round(high * ratio[1])), min(high, round(wide / ratio[0]))
    return Box((high - height) // 2, (wide - width) // 2, height, width)


def crop_to_side(images: Float[Tensor, "b c h w"], box: Box, side: tuple[int, int]) -> Float[Tensor, "b c i j"]:
    """Crop every image to the box and resize it to `side` (bilinear, antialiased). Differentiable."""
    from torchvision.transforms.v2.functional import resized_crop  # slow and large to import; few methods need it

    resized: Tensor = resized_crop(images, *box, list(side), antialias=True)
    return resized
