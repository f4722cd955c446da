"""The images and labels that several networks are trained on."""

from dataclasses import dataclass

from torch import Tensor

from ddkit.evaluation.label_targets import CLASSES, LabelTargets


@dataclass(frozen=True, eq=False)
class Pool:
    """Images that several networks are trained on.

    Attributes:
        images: [M, C, H, W] in network space.
        labels: classes [M] or soft labels [M, K].
        members: the indices [n, m] of the images that each of n networks is trained on.
        targets: how training targets are made of the labels.
    """

    images: Tensor
    labels: Tensor
    members: Tensor
    targets: LabelTargets = CLASSES
