"""Differentiable siamese augmentation (DSA; Zhao and Bilen, ICML 2021), as MTT and later methods use it.

One operation is chosen for a whole batch, uniformly from the strategy (mode "S" of the authors). Strategies joined by
+ are applied one after another: "flip+color_crop" mirrors an image with probability 1/2, independently of the second
strategy, as in FYI's code; "flip_color_crop" mirrors it with probability 1/6. Parameters are drawn first (`DSA.sample`)
and applied later (`DSA.apply`), so that the real and the synthetic batch can share them, and a run can repeat them.
Images are in the space of the network's inputs (normalised or whitened). Nothing is clamped, and pixels from outside
the image are 0.

The operations are own code where kornia's differ from the published ones: kornia's colour operations clamp to [0, 1],
which would set most gradients to 0; its RandomErasing box never crosses the border; and its parameters cannot be
applied to another batch size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Generator, Tensor

from ddkit.data.mirror import mirrored
from ddkit.errors import UsageError, nearest

Side = tuple[int, int]


@dataclass(frozen=True, eq=False)
class DSAParams:
    """The parameters of N batches. Indexing and slicing select batches and keep the axis.

    `ops` are the batches' operations ("" is the identity). `values` are the operation's parameters, at most three, for
    each sample, or once for all samples of a batch (siamese, B = 1):

        color   brightness added, saturation factor, contrast factor
        crop    rows and columns (whole pixels) by which the window moves down and right
        cutout  first row and first column of the erased box, which may be outside the image
        flip    1 if mirrored, else 0
        scale   factors of the sampling grid in x and in y: below 1 zooms in
        rotate  angle in radians

    `then` are the parameters of the next strategy, in strategies joined by +.
    """

    ops: tuple[str, ...]
    values: Float[Tensor, "n b 3"]
    side: Side
    then: DSAParams | None = None

    def __len__(self) -> int:
        return len(self.ops)

    def __getitem__(self, batches: int | slice) -> DSAParams:
        if isinstance(batches, int):
            first = range(len(self))[batches]  # an IndexError where there is no such batch
            batches = slice(first, first + 1)
        return DSAParams(self.ops[batches], self.values[batches], self.side, self.then and self.then[batches])

    def first(self, samples: int) -> DSAParams:
        """The parameters of the first `samples` images of each batch."""
        return DSAParams(self.ops, self.values[:, :samples], self.side, self.then and self.then.first(samples))

    def to(self, device: torch.device) -> DSAParams:
        """The same parameters on the device, so that they are copied only once."""
        return DSAParams(self.ops, self.values.to(device), self.side, self.then and self.then.to(device))

    @staticmethod
    def join(parts: Sequence[DSAParams]) -> DSAParams:
        """Concatenate the batches of several parameters of the same strategy, image size and batch size."""
        ops = tuple(op for part in parts for op in part.ops)
        later = [part.then for part in parts if part.then is not None]
        then = DSAParams.join(later) if later else None
        return DSAParams(ops, torch.cat([part.values for part in parts]), parts[0].side, then)


class DSA:
    """The augmentation of a strategy such as "color_crop_cutout_flip_scale_rotate", in any order; "" is none.

    Attributes:
        strategy: the text.
        groups: for each of the strategies joined by +, the operations from which one is chosen.
        ops: all operations in the given order.
        flip_share: the probability with which an image is mirrored.
        flips: whether this probability is above 0.

    Raises:
        UsageError: an operation is unknown, or occurs twice.
    """

    def __init__(self, strategy: str) -> None:
        self.strategy = strategy
        self.groups = tuple(tuple(group.split("_")) for group in strategy.split("+")) if strategy else ((),)
        self.ops = tuple(op for group in self.groups for op in group)
        for i, name in enumerate(self.ops):
            if name not in _OPS:
                raise UsageError(
                    f"augmentation strategy {strategy!r}: unknown operation {name!r}; {nearest(name, _OPS)}"
                )
            if name in self.ops[:i]:
                raise UsageError(f"augmentation strategy {strategy!r}: names {name!r} twice; name it once")
        self.flip_share = sum((0.5 / len(group) for group in self.groups if "flip" in group), 0.0)
        self.flips = self.flip_share > 0

    def sample(self, generator: Generator, batches: int, batch_size: int | None, side: Side) -> DSAParams:
        """Draw the parameters of `batches` batches of images with `side` = (height, width).

        With a `batch_size` each sample has its own parameters, as in MTT and in every evaluation. With None all samples
        of a batch share the parameters, as in DSA and DM; these fit any number of samples. The number of draws depends
        neither on the images nor on the chosen operations.
        """
        rows = 1 if batch_size is None else batch_size
        return _sample(self.groups, generator, batches, rows, side)

    def siamese(self, generator: Generator, *batches: Float[Tensor, "_ c h w"]) -> list[Tensor]:
        """Draw one batch's parameters, and augment several batches of any sizes with them."""
        side = (batches[0].shape[-2], batches[0].shape[-1])
        params = self.sample(generator, 1, None, side)
        return [self.apply(batch[None], params)[0] for batch in batches]

    def without_flip(self) -> str:
        """The strategy without the operation flip."""
        groups = ["_".join(op for op in group if op != "flip") for group in self.groups]
        return "+".join(filter(None, groups))

    @staticmethod
    def apply(x: Float[Tensor, "n b c h w"], params: DSAParams) -> Float[Tensor, "n b c h w"]:
        """Augment N batches at once. The result for a batch does not depend on the other batches.

        The result is differentiable in x to any order. x may be on any device; the parameters are copied to it.

        Raises:
            UsageError: the parameters were drawn for another number of batches or samples, or for another image size.
        """
        _refuse_mismatch(x, params)
        order = sorted(range(len(params)), key=params.ops.__getitem__)
        exact = torch.promote_types(x.dtype, torch.float32)  # pixel coordinates need more than half precision
        values = params.values[order].to(x.device, exact)
        names = sorted(set(params.ops))
        if len(names) == 1:
            done = _run(names[0], x, values)
        else:
            counts = [params.ops.count(name) for name in names]
            there = torch.tensor(order)
            back = there.argsort().to(x.device)
            groups = zip(names, x.index_select(0, there.to(x.device)).split(counts), values.split(counts), strict=True)
            done = torch.cat([_run(*group) for group in groups]).index_select(0, back)
        return done if params.then is None else DSA.apply(done, params.then)


def _sample(
    groups: tuple[tuple[str, ...], ...], generator: Generator, batches: int, rows: int, side: Side
) -> DSAParams:
    """Draw the parameters of the first group, then those of the second, and so on."""
    ops, *rest = groups
    uniform = torch.rand(batches, rows, 3, generator=generator, dtype=torch.float64)
    values, names = torch.zeros_like(uniform), ("",) * batches
    if ops:
        chosen = torch.randint(len(ops), (batches,), generator=generator)
        for i, name in enumerate(ops):
            drawn = _OPS[name].draw(uniform[chosen == i], side)
            values[chosen == i, :, : drawn.shape[-1]] = drawn
        names = tuple(ops[i] for i in chosen.tolist())
    then = _sample(tuple(rest), generator, batches, rows, side) if rest else None
    return DSAParams(names, values, side, then)


def _refuse_mismatch(x: Tensor, params: DSAParams) -> None:
    batches, samples = x.shape[:2]
    if batches != len(params):
        raise UsageError(f"augmentation: parameters drawn for {len(params)} batches, got {batches}; slice them")
    if params.values.shape[1] not in (1, samples):
        raise UsageError(
            f"augmentation: parameters drawn for batches of {params.values.shape[1]}, got {samples}; "
            "draw with batch_size=None to share them between batch sizes"
        )
    if params.side != tuple(x.shape[-2:]):
        raise UsageError(f"augmentation: parameters drawn for images of {params.side}, got {tuple(x.shape[-2:])}")


def _run(name: str, x: Tensor, values: Tensor) -> Tensor:
    return _OPS[name].run(x, values) if name else x


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


class _Op(NamedTuple):
    """An operation. `draw` turns uniform numbers in [0, 1) and the side into parameters; `run` applies them."""

    draw: Callable[[Tensor, Side], Tensor]
    run: Callable[[Tensor, Tensor], Tensor]


_OPS = {
    "color": _Op(_draw_color, _color),
    "crop": _Op(_draw_crop, _crop),
    "cutout": _Op(_draw_cutout, _cutout),
    "flip": _Op(_draw_flip, _flip),
    "scale": _Op(_draw_scale, _scale),
    "rotate": _Op(_draw_rotate, _rotate),
}
