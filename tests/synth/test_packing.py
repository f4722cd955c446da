"""Packed images: the expansion against other libraries and by its own adjoint, and packing as its reverse."""

import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from ddkit.randomness import stream
from ddkit.synth import pack, unpack
from ddkit.synth.packing import bounds

EXAMPLE = Path(__file__).parents[2] / "examples" / "train_on_a_packed_set.py"

SIZES = [(8, 8, 2), (32, 32, 2), (28, 28, 3), (33, 20, 2), (7, 5, 5), (9, 4, 4)]
"""Height, width and factor. Some sides are no multiples of the factor; some small images have one pixel a side."""


def drawn(*shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(*shape, generator=stream(0, "packed"), dtype=dtype)


@pytest.mark.parametrize(("height", "width", "factor"), SIZES)
def test_each_small_image_is_enlarged_as_interpolate_does(height: int, width: int, factor: int) -> None:
    """Image by image and part by part, row by row; leading dimensions are batches."""
    images = drawn(2, 3, 2, height, width)
    expected = [
        interpolate(
            image[None, :, rows.start : rows.stop, columns.start : columns.stop], (height, width), mode="bilinear"
        )
        for image in images.flatten(0, 1)
        for rows in bounds(height, factor)
        for columns in bounds(width, factor)
    ]
    found = unpack(images, factor)
    assert found.shape == (2, 3 * factor**2, 2, height, width)
    torch.testing.assert_close(found.flatten(0, 1), torch.cat(expected), rtol=0, atol=1e-13)


@pytest.mark.parametrize(("height", "width", "factor"), SIZES)
def test_numpy_computes_the_same_bits(height: int, width: int, factor: int) -> None:
    """By the functions of the example, which a reader without ddkit copies."""
    taller = runpy.run_path(str(EXAMPLE))["taller"]
    images = drawn(3, 2, height, width, dtype=torch.float32)
    parts = taller(taller(images.numpy(), factor).swapaxes(-2, -1), factor).swapaxes(-2, -1)
    found = np.moveaxis(parts, (2, 3), (1, 2)).reshape(-1, 2, height, width)
    np.testing.assert_array_equal(found, unpack(images, factor).numpy())


@pytest.mark.parametrize(("height", "width", "factor"), SIZES)
def test_the_gradient_is_the_adjoint(height: int, width: int, factor: int) -> None:
    """<unpack(x + h d) - unpack(x - h d), y> / 2 h is <d, gradient>: finite differences are exact for a linear map."""
    images, direction = drawn(2, 2, height, width).requires_grad_(), drawn(2, 2, height, width)
    along = drawn(2 * factor**2, 2, height, width)
    (gradient,) = torch.autograd.grad(unpack(images, factor), images, along)
    with torch.no_grad():
        difference = (unpack(images + direction, factor) - unpack(images - direction, factor)) / 2
    torch.testing.assert_close((difference * along).sum(), (direction * gradient).sum(), rtol=1e-12, atol=0)


@pytest.mark.parametrize(("height", "width", "factor"), SIZES)
def test_packing_takes_the_mean_of_areas_in_the_order_of_unpack(height: int, width: int, factor: int) -> None:
    images = drawn(2 * factor**2, 2, height, width)
    found = pack(images, factor)
    assert found.shape == (2, 2, height, width)
    for place, image in enumerate(images):
        n, row, column = place // factor**2, place // factor % factor, place % factor
        rows, columns = bounds(height, factor)[row], bounds(width, factor)[column]
        small = found[n, :, rows.start : rows.stop, columns.start : columns.stop]
        for i in range(len(rows)):
            for j in range(len(columns)):
                area = image[
                    :,
                    i * height // len(rows) : -(-(i + 1) * height // len(rows)),
                    j * width // len(columns) : -(-(j + 1) * width // len(columns)),
                ]
                torch.testing.assert_close(small[:, i, j], area.mean((-2, -1)), rtol=0, atol=1e-13)
    flat = images[:, :1, :1, :1].expand(-1, 2, height, width)
    torch.testing.assert_close(unpack(pack(flat, factor), factor), flat)  # images of one colour are not changed


def test_whole_images_stay_as_they_are() -> None:
    images = drawn(3, 1, 4, 4)
    assert unpack(images, 1) is images and pack(images, 1) is images


@pytest.mark.parametrize("side", range(1, 40))
def test_the_parts_of_a_side_are_all_of_it(side: int) -> None:
    for factor in range(1, side + 1):
        parts = bounds(side, factor)
        assert [pixel for part in parts for pixel in part] == list(range(side))
        assert max(map(len, parts)) - min(map(len, parts)) <= 1
