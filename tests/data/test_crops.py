"""Random boxes by what is promised of them, and resizing against torch's interpolation."""

import math

import pytest
import torch
import torch.nn.functional as F

from ddkit.data import crop_to_side, random_box
from ddkit.data.crops import Box
from ddkit.randomness import stream


@pytest.mark.parametrize("side", [(224, 224), (64, 96), (200, 120)])
@pytest.mark.parametrize(
    "scale, ratio", [((0.08, 1.0), (3 / 4, 4 / 3)), ((0.3, 0.4), (1.0, 1.0)), ((0.08, 0.2), (0.5, 3.0))]
)
def test_a_box_keeps_to_the_image_its_area_and_its_shape(side, scale, ratio) -> None:
    high, wide = side
    draw = stream(0, "boxes")
    boxes = [random_box(side, scale, draw, ratio) for _ in range(2000)]
    fitting = []
    for top, left, height, width in boxes:
        assert 0 <= top <= top + height <= high and 0 <= left <= left + width <= wide and height > 0 and width > 0
        slack = 0.6 / min(height, width) + 1e-9  # of rounding both sides
        shape = width / height
        assert ratio[0] * (1 - 2 * slack) <= shape <= ratio[1] * (1 + 2 * slack)
        assert scale[0] * (1 - 3 * slack) <= height * width / (high * wide) <= scale[1] * (1 + 3 * slack)
        fitting.append(height * width / (high * wide))
    if scale[1] < 1:  # nearly every draw fits: the share is uniform, and places reach every border
        expected = (scale[0] + scale[1]) / 2
        deviation = (scale[1] - scale[0]) / math.sqrt(12 * len(fitting))
        assert abs(sum(fitting) / len(fitting) - expected) < 5 * deviation + 0.01 * expected
        assert min(b.top for b in boxes) == 0 == min(b.left for b in boxes)
        assert max(b.top + b.height for b in boxes) == high and max(b.left + b.width for b in boxes) == wide
        shapes = torch.tensor([math.log(b.width / b.height) for b in boxes])
        middle = (math.log(ratio[0]) + math.log(ratio[1])) / 2
        assert abs(float(shapes.mean()) - middle) < 0.06


@pytest.mark.parametrize(
    "side, ratio, box",
    [
        ((10, 100), (1.0, 1.0), (0, 45, 10, 10)),
        ((90, 12), (0.5, 2.0), (33, 0, 24, 12)),
        ((7, 7), (1.0, 1.0), (0, 0, 7, 7)),
    ],
)
def test_where_no_draw_fits_it_is_the_largest_in_the_middle(side, ratio, box) -> None:
    """A share of 1 in an image that is too long for the shape never fits; in a square one it always does."""
    assert random_box(side, (1.0, 1.0), stream(0, "box"), ratio) == Box(*box)


def test_one_generator_one_box() -> None:
    draws = [[random_box((32, 32), (0.08, 1.0), draw) for _ in range(5)] for draw in (stream(1, "a"), stream(1, "a"))]
    assert draws[0] == draws[1] and len(set(draws[0])) > 1


def test_the_whole_box_is_the_image_itself() -> None:
    images = torch.randn(2, 3, 9, 7, generator=stream(0, "images"))
    assert torch.equal(crop_to_side(images, Box(0, 0, 9, 7), (9, 7)), images)


@pytest.mark.parametrize("side", [(9, 7), (4, 3), (20, 20)])
def test_a_crop_is_the_part_interpolated(side) -> None:
    images = torch.randn(2, 3, 9, 7, generator=stream(0, "images"), dtype=torch.float64)
    part = images[:, :, 2:7, 1:7]
    expected = F.interpolate(part, side, mode="bilinear", antialias=True, align_corners=False)
    torch.testing.assert_close(crop_to_side(images, Box(2, 1, 5, 6), side), expected, rtol=1e-12, atol=1e-12)


def test_a_crop_can_be_differentiated() -> None:
    images = torch.randn(1, 2, 6, 5, generator=stream(0, "images"), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: crop_to_side(x, Box(1, 1, 4, 3), (6, 5)), images)
    (gradient,) = torch.autograd.grad(crop_to_side(images, Box(1, 1, 4, 3), (6, 5)).sum(), images)
    assert gradient[0, 0, 0].abs().sum() == 0 and gradient[0, 0, 1:5, 1:4].abs().min() > 0  # nothing from outside
