"""The operations of DSA on images: colour, crop, cutout, flip, scale and rotation.

They are own code where kornia's differ from the published ones: kornia's colour operations clamp to [0, 1], which would
set most gradients to 0; its RandomErasing box never crosses the border; and its parameters cannot be applied to another
batch size. Parameters are documented in `ddkit.data.augment.DSAParams`.
"""

import math
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from ddkit.data.mirror import mirrored
from ddkit.errors import nearest
from ddkit.name_table import third_party, with_third_parties

Side = tuple[int, int]
"""Height and width of an image."""


def _pixels(ratio: float, length: int) -> int:
    """Return a share of a side in whole pixels, rounded as the authors do."""
    return int(ratio * length + 0.5)


def _draw_color(u: Tensor, side: Side) -> Tensor:
    return u * u.new_tensor([1.0, 2.0, 1.0]) + u.new_tensor([-0.5, 0.0, 0.5])


def _color(x: Float[Tensor, "n b c h w"], values: Float[Tensor, "n v 3"]) -> Float[Tensor, "n b c h w"]:
    """Apply brightness y = x + b, then saturation z = (y - channel mean) s + channel mean, then contrast
    (z - image mean) k + image mean.

    The code computes the product of the three: brightness and saturation change the later means only by b. It is own
    code, because kornia's saturation is HSV, its contrast has no mean, and both clamp.
    """
    b, s, k = values[..., None, None, None].to(x.dtype).unbind(2)
    grey = x.mean(2, keepdim=True)
    mean = grey.mean((3, 4), keepdim=True)
    return x * (k * s) + (grey * (k * (1 - s)) + (mean * (1 - k) + b))


def _draw_crop(u: Tensor, side: Side) -> Tensor:
    reach = u.new_tensor([_pixels(0.125, length) for length in side])
    return (u[..., :2] * (2 * reach + 1)).floor() - reach


def _crop(x: Float[Tensor, "n b c h w"], values: Float[Tensor, "n v 3"]) -> Float[Tensor, "n b c h w"]:
    """Shift each image; pixels from outside are 0. One gather serves all samples; kornia's crop loops over them."""
    h, w = x.shape[-2:]
    down, right = values[..., :2, None].long().unbind(2)
    rows = (torch.arange(1, h + 1, device=x.device) + down).clamp(0, h + 1)
    columns = (torch.arange(1, w + 1, device=x.device) + right).clamp(0, w + 1)
    index = rows[..., :, None] * (w + 2) + columns[..., None, :]
    return _read(_bordered(x), index.flatten(2)).view(x.shape)


def _draw_cutout(u: Tensor, side: Side) -> Tensor:
    size = u.new_tensor([_pixels(0.5, length) for length in side])
    centres = u.new_tensor(side) + 1 - size % 2  # an even box may also be centred on the far border
    return (u[..., :2] * centres).floor() - size.div(2, rounding_mode="floor")


def _cutout(x: Float[Tensor, "n b c h w"], values: Float[Tensor, "n v 3"]) -> Float[Tensor, "n b c h w"]:
    """Erase a box, which is clipped at the border: 18.6 % of 32 x 32 pixels on average. (kornia's box stays inside the
    image and erases 25 %.)"""
    erased = []
    for length, first in zip(x.shape[-2:], values[..., :2, None].unbind(2), strict=True):
        place = torch.arange(length, device=x.device) - first
        erased.append((place >= 0) & (place < _pixels(0.5, length)))
    rows, columns = erased
    return x.masked_fill((rows[..., :, None] & columns[..., None, :])[:, :, None], 0)


def _draw_flip(u: Tensor, side: Side) -> Tensor:
    return (u[..., :1] < 0.5).to(u.dtype)


def _flip(x: Float[Tensor, "n b c h w"], values: Float[Tensor, "n v 3"]) -> Float[Tensor, "n b c h w"]:
    return torch.where(values[..., :1, None, None] > 0, mirrored(x), x)


def _draw_scale(u: Tensor, side: Side) -> Tensor:
    return u[..., :2] * (1.2 - 1 / 1.2) + 1 / 1.2


def _scale(x: Float[Tensor, "n b c h w"], values: Float[Tensor, "n v 3"]) -> Float[Tensor, "n b c h w"]:
    sx, sy = values[..., :2, None, None].unbind(2)
    across, down = _grid(x, values)
    return _bilinear(x, sx * across, sy * down)


def _draw_rotate(u: Tensor, side: Side) -> Tensor:
    return (2 * u[..., :1] - 1) * math.radians(15)


def _rotate(x: Float[Tensor, "n b c h w"], values: Float[Tensor, "n v 3"]) -> Float[Tensor, "n b c h w"]:
    """Rotate in pixel coordinates.

    The authors rotate coordinates from -1 to 1 on both axes. On square images this is the same; other images it shears.
    """
    angle = values[..., :1, None]
    cos, sin = angle.cos(), angle.sin()
    across, down = _grid(x, values)
    high, wide = (side - 1 for side in x.shape[-2:])  # distance between the first and the last pixel's centre
    tall, flat = high / max(wide, 1), wide / max(high, 1)  # exactly 1 if the image is square
    return _bilinear(x, cos * across - sin * tall * down, sin * flat * across + cos * down)


def _grid(x: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Return the coordinates of pixel centres, from -1 to 1 (align_corners=True), as a row and a column.

    MTT, FYI and DD-Ranking align the corners. The first DSA code uses torch's default, False.
    """
    h, w = x.shape[-2:]
    across, down = (torch.linspace(-1, 1, side, device=x.device, dtype=values.dtype) for side in (w, h))
    return across, down[:, None]


def _bilinear(
    x: Float[Tensor, "n b c h w"], across: Float[Tensor, "n v #h #w"], down: Float[Tensor, "n v #h #w"]
) -> Float[Tensor, "n b c h w"]:
    """Interpolate the images bilinearly at coordinates as in `_grid`. Pixels outside an image are 0.

    It is own code, because kornia's affine warps use torch's grid_sample. In torch 2.11 its backward has no derivative,
    and no deterministic implementation on a GPU.
    """
    h, w = x.shape[-2:]
    column = (across * ((w - 1) / 2) + (w + 1) / 2).clamp(0, w + 1)
    row = (down * ((h - 1) / 2) + (h + 1) / 2).clamp(0, h + 1)
    left, top = column.floor().clamp(max=w), row.floor().clamp(max=h)
    right_share, bottom_share = (column - left).to(x.dtype), (row - top).to(x.dtype)
    index = (top * (w + 2) + left).long().flatten(2)
    image = _bordered(x)
    out = torch.zeros((), dtype=x.dtype, device=x.device)
    for step_down, row_share in ((0, 1 - bottom_share), (1, bottom_share)):
        for step_right, share in ((0, 1 - right_share), (1, right_share)):
            weight = (row_share * share).flatten(2)[:, :, None]
            out = out + _read(image, index + (step_down * (w + 2) + step_right)) * weight
    return out.view(x.shape)


def _bordered(x: Float[Tensor, "n b c h w"]) -> Float[Tensor, "n b c p"]:
    """Return the pixels of each image with a border of one 0, so that reading outside needs no special case."""
    return F.pad(x, (1, 1, 1, 1)).flatten(-2)


def _read(image: Float[Tensor, "n b c p"], index: Int[Tensor, "n v q"]) -> Float[Tensor, "n b c q"]:
    return image.gather(-1, index[:, :, None].expand(*image.shape[:3], -1))


class Operation(NamedTuple):
    """An operation. `draw` turns uniform numbers in [0, 1) and the side into parameters; `run` applies them."""

    draw: Callable[[Tensor, Side], Tensor]
    run: Callable[[Tensor, Tensor], Tensor]


GROUP = "augmentations"
"""Group of the entry points by which other packages add operations."""

OPERATIONS = {
    "color": Operation(_draw_color, _color),
    "crop": Operation(_draw_crop, _crop),
    "cutout": Operation(_draw_cutout, _cutout),
    "flip": Operation(_draw_flip, _flip),
    "scale": Operation(_draw_scale, _scale),
    "rotate": Operation(_draw_rotate, _rotate),
}


@cache
def operation(name: str) -> Operation | None:
    """Return the operation of a name; None if there is none. Packages add operations by the group of GROUP.

    Raises:
        UsageError: an entry point cannot be imported, or is no Operation.
    """
    if name in OPERATIONS:
        return OPERATIONS[name]
    where = _third_parties().get(name)
    if where is None:
        return None
    found: Operation = third_party(
        "augmentation", name, where, lambda one: isinstance(one, Operation), "is no Operation"
    )
    return found


def nearest_operations(name: str) -> str:
    """Return the end of an error line about an unknown operation."""
    return nearest(name, (*OPERATIONS, *_third_parties()))


def _third_parties() -> dict[str, str]:
    own = dict.fromkeys(OPERATIONS, "")
    return {name: where for name, where in with_third_parties(own, GROUP).items() if name not in own}
