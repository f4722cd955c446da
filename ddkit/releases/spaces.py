"""The spaces that released images are in, and how the values of images tell them apart.

Nothing in the files names the space. `raw` are pixels in [0, 1], `normalised` is (raw - mean) / std with the constants
of the authors' code, and `zca` is whitened as MTT does it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

SPACES = ("raw", "normalised", "zca")

OTHER_ZCA = "zca of another kind"
"""Whitened as FRePo, RCIG or KIP do it, which is no preprocessing of ddkit."""

BYTES = "0 to 255"
"""Floats that are pixels of 0 to 255, which no space has."""

MOST = 2**24
"""Values that are measured, of an even selection of the images if they have more."""


@dataclass(frozen=True)
class Measured:
    """Statistics of images.

    Attributes:
        low, high, mean, std: over all values.
        std_of_means: standard deviation of the images' own means. Whitening makes it small.
        neighbours: correlation of values side by side. Whitening lowers it, normalising hardly changes it.
    """

    low: float
    high: float
    mean: float
    std: float
    std_of_means: float
    neighbours: float

    @staticmethod
    def of(images: Tensor) -> "Measured":
        """Measure images [N, C, H, W], uint8 or floats. uint8 are measured as pixels in [0, 1]."""
        images = images[:: -(-images.numel() // MOST)]
        x = images.double() / 255 if images.dtype == torch.uint8 else images.double()
        sides = torch.stack([x[..., :-1].flatten(), x[..., 1:].flatten()])
        neighbours = float(torch.corrcoef(sides)[0, 1]) if sides.shape[1] > 1 else 0.0
        return Measured(
            low=float(x.min()),
            high=float(x.max()),
            mean=float(x.mean()),
            std=float(x.std(correction=0)),
            std_of_means=float(x.flatten(1).mean(1).std(correction=0)),
            neighbours=neighbours,
        )

    def __str__(self) -> str:
        return f"{self.low:.2f} to {self.high:.2f}, mean {self.mean:.2f}, std {self.std:.2f}"


def space_of(found: Measured) -> str | None:
    """Return the space that images are in by their values, OTHER_ZCA, BYTES, or None near a bound.

    The bounds lie between the values of CIFAR-10 in each space and those of sets that were released. Whitened images
    have means near 0 and a small std. Normalised images have a std near 1, and learned ones a larger one; their dark
    pixels are below 0.
    """
    if found.low >= -0.1 and found.high <= 1.1 and found.mean >= 0.05:
        return "raw"
    if found.low >= -0.1 and found.std >= 2:
        return BYTES
    if found.std >= 0.9 and found.low < -0.1:
        return "normalised"
    if abs(found.mean) < 0.05 and found.std_of_means < 0.05 and 0.15 <= found.std <= 0.8:
        return "zca" if found.std < 0.37 else OTHER_ZCA
    return None
