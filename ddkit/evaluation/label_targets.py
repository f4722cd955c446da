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
    """Mixup (Zhang et al., ICLR 2018): each image of a batch is mixed with another image of the batch.

    A network's batch has one share for all its images: share * image + (1 - share) * other image.

    The draws come from a NumPy generator, which `generator` seeds once, because torch draws from a Beta distribution
    with its global generator only. Without mixup nothing is drawn.
    """

    def __init__(self, training: Training, classes: int, generator: Generator) -> None:
        self._training, self._classes = training, classes
        if training.mixup:
            self._rng = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))

    def target(self, x: Tensor, y: Tensor, targets: LabelTargets) -> tuple[Tensor, Tensor]:
        """The images [n, b, C, H, W] after mixing, and their targets: classes [n, b] or probabilities [n, b, K]."""
        training = self._training
        if training.mixup:
            if y.dim() == 2:
                y = one_hot(y, self._classes).to(x)
            elif training.mix_probabilities and targets.temperature is not None:
                y = (y / targets.temperature).softmax(-1)
            n, b = x.shape[:2]
            share = torch.from_numpy(self._rng.beta(training.mixup, training.mixup, n)).to(x)
            order = torch.from_numpy(np.stack([self._rng.permutation(b) for _ in range(n)])).to(x.device)
            rows = torch.arange(n, device=x.device)[:, None]
            x, y = _mixed(x, x[rows, order], share), _mixed(y, y[rows, order], share)
            if training.mix_probabilities and targets.teachers is None:
                return x, y
        if targets.teachers is not None:
            y = torch.stack([targets.teachers.logits(own) for own in x])
        if targets.temperature is not None and y.dim() == 3:
            y = (y / targets.temperature).softmax(-1)
        return x, y


def _mixed(a: Tensor, b: Tensor, share: Tensor) -> Tensor:
    weight = share.view(-1, *[1] * (a.dim() - 1))
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
