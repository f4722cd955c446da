"""The rows of a table: what networks are trained on, a synthetic set or real images."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ddkit.data import RealData, select
from ddkit.randomness import stream
from ddkit.synth import SyntheticSet

RIVALS = {"random-real": "random", "herding": "herding", "kmeans": "kmeans"}
"""Rows of real images as many as the set's, and the coreset that draws each."""


@dataclass(frozen=True)
class Row:
    """What n networks are trained on: a pool of images, its labels, and each network's members [n, m]."""

    name: str
    images: Tensor
    labels: Tensor
    members: Tensor


def set_row(synthetic: SyntheticSet, real: RealData, nets: int) -> Row:
    """A synthetic set, the same for every network; soft labels where it has them."""
    device = real.train.images.device
    labels = synthetic.labels if synthetic.soft_labels is None else synthetic.soft_labels
    members = torch.arange(len(labels)).expand(nets, -1)
    name = synthetic.facts.method + "+fyi" * synthetic.facts.fyi
    return Row(name, synthetic.images.to(device), labels.to(device), members)


def rival_row(name: str, real: RealData, ipc: int, nets: int, seed: int) -> Row:
    """One of RIVALS: a draw for each network, but for herding, which has no draw."""
    train, coreset = real.train, RIVALS[name]
    pixels = train.images.flatten(1)
    draws = range(1 if name == "herding" else nets)
    sets = [select(coreset, pixels, train.labels, ipc, stream(seed, "rival", coreset, i)) for i in draws]
    return Row(name, train.images, train.labels, torch.stack(sets).expand(nets, -1))


def whole_row(real: RealData, nets: int) -> Row:
    """The whole real training set."""
    train = real.train
    return Row("whole", train.images, train.labels, torch.arange(len(train.labels)).expand(nets, -1))
