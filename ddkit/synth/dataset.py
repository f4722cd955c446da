"""A synthetic set as a torch `Dataset`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.utils.data import Dataset

from ddkit.synth.shelf import load
from ddkit.synth.synthetic_set import SyntheticSet


class SyntheticDataset(Dataset):
    """(image [C, H, W], label) pairs; the label is the soft one [K] where the set has soft labels, else an int.

    Images are in the network's space: feed them to a network as they are, and bring test images into the same space
    (`set.facts.mean` and `.std`). Mirror them with probability `set.facts.evaluation_flip`. The whole set lies in
    memory, so any number of DataLoader workers may share it.

    Args:
        source: a SyntheticSet, a path, or the name of a ready-made set such as "digits-ftd-ipc1".
        transform: applied to each image.
    """

    def __init__(self, source: SyntheticSet | str | Path, transform: Callable[[Tensor], Tensor] | None = None) -> None:
        self.set = source if isinstance(source, SyntheticSet) else load(source)
        self.classes = self.set.facts.classes
        self.transform = transform

    def __len__(self) -> int:
        return len(self.set)

    def __getitem__(self, index: int) -> tuple[Tensor, Any]:
        image = self.set.images[index]
        label = int(self.set.labels[index]) if self.set.soft_labels is None else self.set.soft_labels[index]
        return (self.transform(image) if self.transform else image), label
