"""Random batches of real images of one class: what DC, DSA and DM hold a class of synthetic images against."""

import torch
from torch import Tensor

from ddkit.data import Part


class ClassBatches:
    """Batches of each class of a training part, which stays where it is."""

    def __init__(self, part: Part, classes: int) -> None:
        self._images = part.images
        self._members = [(part.labels == c).nonzero().flatten() for c in range(classes)]

    def draw(self, c: int, size: int, generator: torch.Generator) -> Tensor:
        """`size` images of class `c` [size, C, H, W], none twice; all there are of a smaller class."""
        members = self._members[c]
        chosen = torch.randperm(len(members), generator=generator)[:size]
        return self._images[members[chosen.to(members.device)]]
