"""What a batch is to be called: classes, soft labels, or what teachers say of it; mixed where images are mixed.

A label in logits y is learned at a temperature T: the target is softmax(y / T), and what is held against it
softmax(output / T). The loss is T^2 times that cross entropy (Hinton et al., 2015), so that its gradients do not shrink
with T and a lr suits all kinds of labels; the released code of SRe2L and INFER has no such factor, and Adam, which they
use, does not see it.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn.functional import one_hot

from ddkit.evaluation.training import Training
from ddkit.experts import Ensemble


@dataclass(frozen=True)
class Lesson:
    """How labels are to be understood.

    Attributes:
        temperature: soft labels are logits, learned at it; None: they are probabilities.
        teachers: they name every batch as it is when it is learned, augmented and mixed; the labels are not looked at.
    """

    temperature: float | None = None
    teachers: Ensemble | None = None


CLASSES = Lesson()
"""Labels are classes or probabilities."""


class Mixer:
    """Mixup (Zhang et al., ICLR 2018): each batch with itself in another order, one share for all its images.

    Draws come from a NumPy generator that `generator` seeds once, as torch draws from a Beta distribution only from its
    global generator; without mixup nothing is drawn.
    """

    def __init__(self, training: Training, classes: int, generator: Generator) -> None:
        self._training, self._classes = training, classes
        if training.mixup:
            self._rng = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))

    def target(self, x: Tensor, y: Tensor, lesson: Lesson) -> tuple[Tensor, Tensor]:
        """Images [n, b, C, H, W] as they are learned, and what they are to be called: classes [n, b] or probabilities
        [n, b, K]."""
        training = self._training
        if training.mixup:
            if y.dim() == 2:
                y = one_hot(y, self._classes).to(x)
            elif training.mix_probabilities and lesson.temperature is not None:
                y = (y / lesson.temperature).softmax(-1)
            n, b = x.shape[:2]
            share = torch.from_numpy(self._rng.beta(training.mixup, training.mixup, n)).to(x)
            order = torch.from_numpy(np.stack([self._rng.permutation(b) for _ in range(n)])).to(x.device)
            rows = torch.arange(n, device=x.device)[:, None]
            x, y = _mixed(x, x[rows, order], share), _mixed(y, y[rows, order], share)
            if training.mix_probabilities and lesson.teachers is None:
                return x, y
        if lesson.teachers is not None:
            y = torch.stack([lesson.teachers.logits(own) for own in x])
        if lesson.temperature is not None and y.dim() == 3:
            y = (y / lesson.temperature).softmax(-1)
        return x, y


def _mixed(a: Tensor, b: Tensor, share: Tensor) -> Tensor:
    weight = share.view(-1, *[1] * (a.dim() - 1))
    return weight * a + (1 - weight) * b


def softened(theta: Tensor, head: int, temperature: float) -> Tensor | None:
    """A factor [P] for parameters whose last `head` are the classifier's: it divides the outputs by the temperature.
    None for a temperature of 1."""
    if temperature == 1:
        return None
    factor = torch.ones_like(theta)
    factor[-head:] = 1 / temperature
    return factor
