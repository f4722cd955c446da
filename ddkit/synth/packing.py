"""Images that are packed several into one, and their expansion (multi-formation: IDC, Kim et al., ICML 2022).

A packed image [C, H, W] is factor x factor small ones, row by row. Row r of the small images has the pixel rows
r H // factor to (r + 1) H // factor, and columns are divided alike, so sides need not be multiples of the factor. The
expansion enlarges each small image to [C, H, W], first its height, then its width. Pixel i of an enlarged side is

    (1 - w) small[floor(x)] + w small[floor(x) + 1],    x = (i + 1/2) s / H - 1/2,  w = x - floor(x)

with s the side of the small image; beyond its border the outermost pixel repeats. This is bilinear interpolation as in
`torch.nn.functional.interpolate(mode="bilinear", align_corners=False)`.

The expansion is linear, and autograd differentiates it exactly. It consists of separate additions and multiplications,
so that every processor and NumPy compute the same bits.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d


def unpack(images: Float[Tensor, "*b n c h w"], factor: int) -> Float[Tensor, "*b m c h w"]:
    """Return the enlarged small images of each packed image, m = n factor^2.

    The small images of the first packed image come first, row by row, then those of the second, and so on.

    Example:
        >>> unpack(torch.zeros(10, 3, 32, 32), 2).shape
        torch.Size([40, 3, 32, 32])
    """
    if factor == 1:
        return images
    height, width = images.shape[-2:]
    high = _higher(images, factor)  # [*b, n, C, factor H, W]
    both = _higher(high.transpose(-2, -1).contiguous(), factor)  # [*b, n, C, factor W, factor H]; rows are fast to copy
    parts = both.unflatten(-1, (factor, height)).unflatten(-3, (factor, width))  # [*b, n, C, column, W, row, H]
    found: Tensor = parts.movedim((-2, -4, -5, -1, -3), (-5, -4, -3, -2, -1)).flatten(-6, -4)
    return found


def pack(images: Float[Tensor, "m c h w"], factor: int) -> Float[Tensor, "n c h w"]:
    """Make images small by the mean over areas, and pack factor^2 consecutive ones into one, in the order of `unpack`.

    Example:
        >>> pack(torch.zeros(40, 3, 32, 32), 2).shape
        torch.Size([10, 3, 32, 32])
    """
    if factor == 1:
        return images
    (high, wide), places = (bounds(side, factor) for side in images.shape[-2:]), range(factor)
    small = images.unflatten(0, (-1, factor, factor))  # [n, row, column, C, H, W]

    def part(row: int, column: int) -> Tensor:
        return adaptive_avg_pool2d(small[:, row, column], (len(high[row]), len(wide[column])))

    return torch.cat([torch.cat([part(row, column) for column in places], -1) for row in places], -2)


def bounds(side: int, factor: int) -> list[range]:
    """Return the pixel rows (or columns) of each row of small images in a packed image.

    Example:
        >>> bounds(28, 3)
        [range(0, 9), range(9, 18), range(18, 28)]
    """
    return [range(part * side // factor, (part + 1) * side // factor) for part in range(factor)]


def _higher(images: Tensor, factor: int) -> Tensor:
    """Cut images into `factor` parts from top to bottom and enlarge each to the height H; [..., factor H, W]."""
    side = images.shape[-2]
    part = torch.arange(factor, device=images.device)[:, None]
    begin, end = part * side // factor, (part + 1) * side // factor
    # x in units of 1 / (2 side), which are whole numbers, so that w is rounded only once.
    place = ((2 * torch.arange(side, device=images.device) + 1) * (end - begin) - side).clamp(min=0)
    low = begin + place // (2 * side)
    high = torch.minimum(low + 1, end - 1)
    weight = ((place % (2 * side)).to(images.dtype) / (2 * side)).view(-1, 1)
    before, after = (images.index_select(-2, index.flatten()) for index in (low, high))
    return before * (1 - weight) + after * weight
