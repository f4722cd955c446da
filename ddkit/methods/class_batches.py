"""Random batches of real images of one class. DC, DSA and DM match the synthetic images of a class with them."""

import torch
from torch import Tensor

from ddkit.data import Part
from ddkit.methods.contract import fewer_iterations


class ClassBatchCosts:
    """The advice on time and memory of settings with `iterations` and `batch_real`. It adds no setting."""

    iterations: int
    batch_real: int

    @property
    def shorter(self) -> str:
        return fewer_iterations(self.iterations)

    @property
    def less_memory(self) -> str:
        return f"lower method.batch_real, now {self.batch_real}, or method.ipc"


class ClassBatches:
    """Batches of each class of a training part. The part is not copied."""

    def __init__(self, part: Part, classes: int) -> None:
        self._images = part.images
        self._members = [(part.labels == c).nonzero().flatten() for c in range(classes)]

    def draw(self, c: int, size: int, generator: torch.Generator) -> Tensor:
        """Draw `size` distinct images of class `c` [size, C, H, W]. A smaller class gives all its images."""
        members = self._members[c]
        chosen = torch.randperm(len(members), generator=generator)[:size]
        return self._images[members[chosen.to(members.device)]]
