"""Images of a set as pixels of 8 bits, and what rounding to them loses."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from torch import Tensor

PIXEL = 1 / 255


@dataclass(frozen=True)
class Clipped:
    """How many of all values are outside the pixels' range, and the largest distance, in units of that range.

    Values up to half a step of a byte outside the range do not count, since rounding has the same effect anywhere.
    """

    values: int
    of: int
    farthest: float


def in_bytes(raw: Float[Tensor, "n c h w"]) -> np.ndarray:
    """Return [0, 1] pixels as bytes [N, H, W, C], or [N, H, W] for one channel, clipped."""
    pixels: np.ndarray = (raw.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()
    return pixels[..., 0] if pixels.shape[-1] == 1 else pixels


def clipped(raw: Float[Tensor, "n c h w"]) -> Clipped:
    """Count the values that `in_bytes` clips."""
    beyond = (raw - raw.clamp(0, 1)).abs()
    return Clipped(int((beyond > PIXEL / 2).sum()), beyond.numel(), float(beyond.max()))
