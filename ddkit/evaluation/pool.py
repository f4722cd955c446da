"""What several networks are trained on."""

from dataclasses import dataclass

from torch import Tensor

from ddkit.evaluation.lesson import CLASSES, Lesson


@dataclass(frozen=True, eq=False)
class Pool:
    """Images that several networks are trained on.

    Attributes:
        images: [M, C, H, W] in network space.
        labels: classes [M] or soft labels [M, K].
        members: what each of n networks is trained on, as indices into the images [n, m].
        lesson: how labels are to be understood.
    """

    images: Tensor
    labels: Tensor
    members: Tensor
    lesson: Lesson = CLASSES
