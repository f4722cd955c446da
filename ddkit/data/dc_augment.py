"""The augmentation of DC's evaluation (Zhao et al., ICLR 2021), which differs from DSA's.

Each image gets its own operation, chosen uniformly from a list. Images are in the space of the networks' inputs. The
magnitudes are those of the released code:

    crop    shifted by -4 to 3 pixels on each axis; pixels from outside are the batch's mean of the channel
    scale   height and width scaled by separate factors from 0.8 to 1.2, nearest pixels; a border is 0
    rotate  by a whole angle from -45 to 44 degrees, cubic splines (SciPy's); pixels from outside are the batch's mean
    noise   normal, with standard deviation 0.001
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Generator, Tensor

from ddkit.randomness import stream

REACH, SCALE, ANGLE, NOISE = 4, 0.2, 45, 0.001

OPS: Final = ("crop", "scale", "rotate", "noise")


@dataclass(frozen=True, eq=False)
class DCParams:
    """The parameters of N batches: for each image an index in OPS and two uniform numbers; for each batch the seed of
    its noise."""

    ops: Int64[Tensor, "n b"]
    values: Float[Tensor, "n b 2"]
    seeds: Int64[Tensor, " n"]

    def __getitem__(self, batches: slice) -> "DCParams":
        return DCParams(self.ops[batches], self.values[batches], self.seeds[batches])


class DCAugment:
    """The augmentation of a strategy such as "dc:crop_scale_rotate"."""

    PREFIX: Final = "dc:"

    def __init__(self, strategy: str) -> None:
        self.strategy = strategy
        self._ops = torch.tensor([OPS.index(op) for op in strategy.removeprefix(self.PREFIX).split("_")])

    def sample(self, generator: Generator, batches: int, batch_size: int | None, side: tuple[int, int]) -> DCParams:
        """Draw the parameters of `batches` batches."""
        shape = (batches, batch_size or 1)
        ops = self._ops[torch.randint(len(self._ops), shape, generator=generator)]
        values = torch.rand(*shape, 2, generator=generator, dtype=torch.float64)
        return DCParams(ops, values, torch.randint(2**62, (batches,), generator=generator))

    def apply(self, x: Float[Tensor, "n b c h w"], params: DCParams) -> Float[Tensor, "n b c h w"]:
        """Return the augmented images, without gradients."""
        out, mean = x.clone(), x.mean((1, 3, 4))[:, None].expand(*x.shape[:2], -1)
        ops = params.ops.to(x.device)
        for number, run in enumerate((_crop, _scale, _rotate)):
            if (chosen := ops == number).any():
                out[chosen] = run(x[chosen], mean[chosen], params.values[chosen.cpu()])
        if (chosen := ops == OPS.index("noise")).any():
            drawn = [torch.randn(x.shape[1:], generator=stream(seed, "noise")) for seed in params.seeds.tolist()]
            out[chosen] += NOISE * torch.stack(drawn).to(x)[chosen]
        return out


def _crop(x: Tensor, mean: Tensor, values: Tensor) -> Tensor:
    k, c, h, w = x.shape
    canvas = mean[:, :, None, None].expand(k, c, h + 2 * REACH, w + 2 * REACH).clone()
    canvas[:, :, REACH : REACH + h, REACH : REACH + w] = x
    begin = (values * 2 * REACH).long().to(x.device)
    rows, columns = (begin[:, i, None] + torch.arange(side, device=x.device) for i, side in enumerate((h, w)))
    return canvas[torch.arange(k, device=x.device)[:, None, None], :, rows[:, :, None], columns[:, None]].movedim(-1, 1)


def _scale(x: Tensor, mean: Tensor, values: Tensor) -> Tensor:
    k, _, height, width = x.shape
    # the released code uses the height for both; its images are all square
    sizes = ((1 - SCALE + 2 * SCALE * values) * torch.tensor([height, width])).long()
    largest = torch.maximum(sizes.amax(1), torch.tensor(max(height, width)))
    places, inside = [], []
    for i, side in enumerate((height, width)):
        shift = (largest - side) // 2 - (largest - sizes[:, i]) // 2
        at = torch.arange(side) + shift[:, None]
        there = (at >= 0) & (at < sizes[:, i, None])
        places.append((at * side // sizes[:, i, None]).clamp(0, side - 1).to(x.device))
        inside.append(there.to(x.device))
    rows, columns = places
    read = x[torch.arange(k, device=x.device)[:, None, None], :, rows[:, :, None], columns[:, None]].movedim(-1, 1)
    return read * (inside[0][:, None, :, None] & inside[1][:, None, None, :])


def _rotate(x: Tensor, mean: Tensor, values: Tensor) -> Tensor:
    from scipy.ndimage import rotate  # slow to import

    h, w = x.shape[-2:]
    turned = []
    for image, fill, u in zip(x.cpu().numpy(), mean.mean(1).tolist(), values[:, 0].tolist(), strict=True):
        wide = rotate(image, int(2 * ANGLE * u) - ANGLE, axes=(-2, -1), cval=fill)
        top, left = (wide.shape[-2] - h) // 2, (wide.shape[-1] - w) // 2
        turned.append(wide[:, top : top + h, left : left + w])
    return torch.from_numpy(np.stack(turned)).to(x)
