"""A synthetic set as a torch `Dataset`."""

import operator
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.utils.data import Dataset

from ddkit.arguments import checked
from ddkit.errors import UsageError
from ddkit.synth.checks import shown
from ddkit.synth.load import load_images
from ddkit.synth.synthetic_set import SyntheticSet


class SyntheticDataset(Dataset[tuple[Tensor, Any]]):
    """(image [C, H, W], label) pairs for a plain loss: `cross_entropy(net(images), labels)`.

    The label is an int, or, where the set has soft labels, a row of class probabilities [K]. Teachers' logits (sets of
    INFER, SRe2L, RDED, and sets from `relabel`) become probabilities at the set's temperature T, softmax(logits / T).
    For the best result divide the network's outputs by T as well: `cross_entropy(net(images) / T, labels)`, where T is
    `set.facts.temperature`. With `logits=True` the labels are the logits themselves.

    Images are in the space of the network's inputs: give them to a network unchanged, and transform test images to the
    same space (`set.facts.mean` and `.std`). Mirror images with probability `set.facts.evaluation_flip`. The whole set
    is in memory, so any number of DataLoader workers can share it.

    Args:
        source: a SyntheticSet, a path, or the name of a ready-made set such as "digits-ftd-ipc1".
        transform: applied to each image.
        logits: whether labels are the teachers' logits [K], as the set stores them.

    Raises:
        UsageError: `logits` is True and the set has no logits.
        DataError: the set is missing or damaged.
    """

    @checked
    def __init__(
        self,
        source: SyntheticSet | str | Path,
        transform: Callable[[Tensor], Tensor] | None = None,
        *,
        logits: bool = False,
    ) -> None:
        self.set = source if isinstance(source, SyntheticSet) else load_images(source)
        self.classes = self.set.facts.classes
        self.transform = transform
        if logits and self.set.facts.temperature is None:
            kind = "classes" if self.set.soft_labels is None else "probabilities"
            raise UsageError(f"SyntheticDataset: the set's labels are {kind}, not logits; leave logits=True out")
        self._soft_labels = self.set.soft_labels if logits else self.set.probabilities

    def __len__(self) -> int:
        return len(self.set)

    def __getitem__(self, index: Any) -> tuple[Tensor, Any]:
        try:
            index = operator.index(index)
        except TypeError:
            raise UsageError(
                f"SyntheticDataset: an index must be one whole number, got {shown(index)}; for several use "
                "torch.utils.data.Subset"
            ) from None
        image = self.set.images[index]
        label = int(self.set.labels[index]) if self._soft_labels is None else self._soft_labels[index]
        return (self.transform(image) if self.transform else image), label
