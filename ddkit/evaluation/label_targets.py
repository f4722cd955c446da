"""Training targets of a batch: classes, soft labels, or the outputs of teachers; mixed where images are mixed.

A label of logits y is learned at a temperature T: the target is softmax(y / T), and the network's prediction is
softmax(output / T). The loss is T^2 times their cross entropy (Hinton et al., 2015). The factor keeps the size of the
gradients independent of T, so that one learning rate suits all kinds of labels. The released code of SRe2L and INFER
has no such factor; they train with Adam, on which a constant factor has no effect.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn.functional import one_hot

from ddkit.evaluation.training import Training
from ddkit.experts import Ensemble


@dataclass(frozen=True)
class LabelTargets:
    """The rule that turns labels into training targets.

    Attributes:
        temperature: the temperature of soft labels that are logits. None: soft labels are probabilities.
        teachers: networks that label each batch after augmentation and mixing; their outputs are the targets, and the
            stored labels are not used. None: the targets come from the stored labels.
    """

    temperature: float | None = None
    teachers: Ensemble | None = None


CLASSES = LabelTargets()
"""Labels are classes or probabilities."""


class Mixer:
    """Mixup (Zhang et al., ICLR 2018) or CutMix (Yun et al., ICCV 2019): each image of a batch is mixed with another
    image of the batch.

    Mixup: share * image + (1 - share) * other image, with one share for all images of a network's batch. CutMix: a box
    of the other image replaces that of the image, at the same place in all images of a network's batch; the share is
    that of the pixels outside. A batch is mixed by CutMix with probability `Training.cutmix`, else it stays.

    The draws come from a NumPy generator, which `generator` seeds once, because torch draws from a Beta distribution
    with its global generator only. Without mixing nothing is drawn.
    """

    def __init__(self, training: Training, classes: int, generator: Generator) -> None:
        self._training, self._classes = training, classes
        self._mixes = bool(training.mixup or training.cutmix)
        if self._mixes:
            self._rng = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))

    def target(self, x: Tensor, y: Tensor, targets: LabelTargets) -> tuple[Tensor, Tensor]:
        """The images [n, b, C, H, W] after mixing, and their targets: classes [n, b] or probabilities [n, b, K]."""
        training = self._training
        if self._mixes:
            if y.dim() == 2:
                y = one_hot(y, self._classes).to(x)
            elif training.mix_probabilities and targets.temperature is not None:
                y = (y / targets.temperature).softmax(-1)
            n, b = x.shape[:2]
            pixels = self._pixels(n, x.shape[-2], x.shape[-1])
            share = pixels.mean((1, 2)).to(x)
            order = torch.from_numpy(np.stack([self._rng.permutation(b) for _ in range(n)])).to(x.device)
            rows = torch.arange(n, device=x.device)[:, None]
            x = _mixed(x, x[rows, order], pixels.to(x)[:, None, None])
            y = _mixed(y, y[rows, order], share.view(-1, *[1] * (y.dim() - 1)))
            if training.mix_probabilities and targets.teachers is None:
                return x, y
        if targets.teachers is not None:
            y = torch.stack([targets.teachers.logits(own) for own in x])
        if targets.temperature is not None and y.dim() == 3:
            y = (y / targets.temperature).softmax(-1)
        return x, y

    def _pixels(self, n: int, height: int, width: int) -> Tensor:
        """The weight of each pixel of the images themselves: [n, 1, 1] by mixup, [n, height, width] by CutMix."""
        if self._training.mixup:
            mixup = self._training.mixup
            return torch.from_numpy(self._rng.beta(mixup, mixup, n)).view(n, 1, 1)
        outside = torch.ones(n, height, width, dtype=torch.float64)
        for own in outside:
            side, chosen = np.sqrt(self._rng.random()), self._rng.random() < self._training.cutmix
            (top, bottom), (left, right) = (self._span(side, length) for length in (height, width))
            if chosen:
                own[top:bottom, left:right] = 0
        return outside

    def _span(self, side: float, length: int) -> tuple[int, int]:
        """Begin and end of a box whose sides are the share `side` of an image's, around a random pixel of it."""
        half, middle = int(side * length) // 2, int(self._rng.integers(length))
        return max(0, middle - half), min(length, middle + half)


def _mixed(a: Tensor, b: Tensor, weight: Tensor) -> Tensor:
    return weight * a + (1 - weight) * b


def softened(theta: Tensor, head: int, temperature: float) -> Tensor | None:
    """A factor [P] for the parameters that divides the network's outputs by the temperature.

    It is 1 / temperature for the last `head` parameters, those of the classifier, and 1 for the others. None for a
    temperature of 1.
    """
    if temperature == 1:
        return None
    factor = torch.ones_like(theta)
    factor[-head:] = 1 / temperature
    return factor
