"""Images of releases in the data's shape, and packed images against the definition of bilinear interpolation."""

import math

import pytest
import torch
from torch import Tensor

from ddkit.errors import DataError
from ddkit.randomness import stream
from ddkit.releases import arranged, unpacked


def enlarged(tile: Tensor, size: int) -> Tensor:
    """A tile [h, w] enlarged to size x size, pixel by pixel in float64: centres are aligned, the border is repeated."""

    def sides(at: int, length: int) -> tuple[int, int, float]:
        place = max((at + 0.5) * length / size - 0.5, 0.0)
        low = min(math.floor(place), length - 1)
        return low, min(low + 1, length - 1), place - low

    out = torch.empty(size, size, dtype=torch.float64)
    for row in range(size):
        up, down, share = sides(row, tile.shape[0])
        for column in range(size):
            left, right, other = sides(column, tile.shape[1])
            top = (1 - other) * tile[up, left] + other * tile[up, right]
            bottom = (1 - other) * tile[down, left] + other * tile[down, right]
            out[row, column] = (1 - share) * top + share * bottom
    return out


@pytest.mark.parametrize(("size", "factor"), [(8, 2), (7, 2), (8, 3), (5, 1)])
def test_packed_images_are_cut_padded_and_enlarged(size: int, factor: int) -> None:
    images = torch.rand(4, 2, size, size, generator=stream(0, "packed"))
    labels = torch.tensor([1, 0, 1, 0])
    found, classes = unpacked(images, labels, factor)
    side = -(-size // factor)
    padded = torch.full((4, 2, side * factor, side * factor), 0.5, dtype=torch.float64)
    padded[..., :size, :size] = images
    expected = [
        torch.stack(
            [enlarged(plane, size) for plane in padded[i, :, y * side : (y + 1) * side, x * side : (x + 1) * side]]
        )
        for members in ([1, 3], [0, 2])  # class by class, and in a class tile by tile
        for y in range(factor)
        for x in range(factor)
        for i in members
    ]
    assert torch.allclose(found.double(), torch.stack(expected), atol=1e-6)
    assert classes.tolist() == [0] * (2 * factor**2) + [1] * (2 * factor**2)


def test_every_order_of_axes_gives_the_same_images() -> None:
    images = torch.rand(5, 3, 4, 6, generator=stream(0, "axes"))
    for same in (images, images.permute(0, 2, 3, 1), images.flatten(1), images.double()):
        assert torch.equal(arranged(same, (3, 4, 6), "here"), images)
    assert torch.equal(arranged(images[:, 0], (1, 4, 6), "here"), images[:, :1])
    assert arranged((255 * images).long(), (3, 4, 6), "here").dtype == torch.uint8


@pytest.mark.parametrize(
    ("images", "says"),
    [
        (torch.zeros(2, 3, 4, 5), "its images are 3x4x5, but those of the data are 3x4x6"),
        (torch.zeros(0, 3, 4, 6), "has no image"),
        (torch.full((1, 3, 4, 6), torch.nan), "not finite"),
        (torch.full((1, 3, 4, 6), 300), "whole numbers from 300 to 300, and pixels are 0 to 255"),
    ],
)
def test_other_images_are_refused(images: Tensor, says: str) -> None:
    with pytest.raises(DataError, match=says):
        arranged(images, (3, 4, 6), "here")
