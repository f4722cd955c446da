"""What the networks of a table's rows are trained on: a synthetic set, or real images."""

from dataclasses import dataclass

import torch

from ddkit.data import RealData, select
from ddkit.evaluation.label_targets import LabelTargets
from ddkit.evaluation.pool import Pool
from ddkit.randomness import stream
from ddkit.synth import SyntheticSet

RIVALS = {"random-real": "random", "herding": "herding", "kmeans": "kmeans"}
"""Rows of real images as many as the set's, and the coreset that draws each."""

WHOLE = "whole"
"""The row of the whole real training part."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Row(Pool):
    """What the networks of one row of a table are trained on.

    `name` is for the table alone. `trained_on` names what is trained on, and with the seed decides the networks' random
    stream: a set by the digest of its numbers, real images by how they were drawn. `size` is what the members of one
    network take, in bytes: images (real ones a byte a value) and soft labels, of which `label_size` are the latter.
    """

    name: str
    trained_on: str
    size: int = 0
    label_size: int = 0


def set_row(synthetic: SyntheticSet, real: RealData, nets: int) -> Row:
    """A synthetic set, the same for every network; soft labels where it has them."""
    device, facts = real.train.images.device, synthetic.facts
    labels = synthetic.labels if synthetic.soft_labels is None else synthetic.soft_labels
    members = torch.arange(len(labels)).expand(nets, -1)
    name = facts.method + "+fyi" * facts.fyi
    stored = synthetic.stored_bytes()
    return Row(
        synthetic.images.to(device),
        labels.to(device),
        members,
        LabelTargets(facts.temperature),
        name=name,
        trained_on=f"set {synthetic.digest}",
        size=sum(stored.values()),
        label_size=stored.get("soft labels", 0),
    )


def rival_row(name: str, real: RealData, ipc: int, nets: int, seed: int) -> Row:
    """One of RIVALS: a draw for each network, but for herding, which has no draw."""
    train, coreset = real.train, RIVALS[name]
    pixels = train.images.flatten(1)
    draws = range(1 if name == "herding" else nets)
    sets = [select(coreset, pixels, train.labels, ipc, stream(seed, "rival", coreset, i)) for i in draws]
    members = torch.stack(sets).expand(nets, -1)
    size = members.shape[1] * train.images[0].numel()
    return Row(train.images, train.labels, members, name=name, trained_on=name, size=size)


def whole_row(real: RealData, nets: int) -> Row:
    """The whole real training set."""
    train = real.train
    members = torch.arange(len(train)).expand(nets, -1)
    return Row(train.images, train.labels, members, name=WHOLE, trained_on=WHOLE, size=train.images.numel())
