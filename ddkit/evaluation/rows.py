"""The rows of a table of images: a synthetic set, real images as many as the set's, or all real images."""

from dataclasses import dataclass

import torch

from ddkit.data import Counts, RealData, select
from ddkit.evaluation.label_targets import LabelTargets
from ddkit.evaluation.pool import Pool
from ddkit.randomness import stream
from ddkit.synth import SyntheticSet, pack, packed_rival, unpack

RIVALS = {"random-real": "random", "herding": "herding", "kmeans": "kmeans"}
"""Name of a row of real images, as many as the set's -> the coreset that selects them."""

WHOLE = "whole"
"""Name of the row of the whole real training part."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Row(Pool):
    """One row of a table: the images and labels that its networks are trained on.

    Attributes:
        name: of the row in the table.
        trained_on: the digest of a set, or how real images were drawn. The networks' random stream depends on it and on
            the seed.
        size: bytes of the images (real images have a byte a value) and soft labels of one network.
        label_size: bytes of the soft labels alone.
    """

    name: str
    trained_on: str
    size: int = 0
    label_size: int = 0


def set_row(synthetic: SyntheticSet, real: RealData, nets: int) -> Row:
    """The row of a synthetic set, which all networks are trained on, with its soft labels if it has any."""
    device, facts = real.train.images.device, synthetic.facts
    labels = synthetic.labels if synthetic.soft_labels is None else synthetic.soft_labels
    members = torch.arange(len(labels)).expand(nets, -1)
    stored = synthetic.stored_bytes()
    return Row(
        synthetic.images.to(device),
        labels.to(device),
        members,
        LabelTargets(facts.temperature),
        name=facts.title,
        trained_on=f"set {synthetic.digest}",
        size=sum(stored.values()),
        label_size=stored.get("soft labels", 0),
    )


def rival_row(
    name: str,
    real: RealData,
    ipc: int | Counts,
    nets: int,
    seed: int,
    path: tuple[str, ...] | None = None,
    formation: int = 1,
) -> Row:
    """One of RIVALS, with another draw for each network, except herding, which has no draw.

    Args:
        name: of the rival.
        real: the real data.
        ipc: images of each class, or their counts.
        nets: networks of the row.
        seed: of all draws.
        path: of the random streams of the draws; None: "rival" and the coreset.
        formation: k; the row has k^2 times as many real images, made small and packed, in the bytes of `ipc`. They
            are chosen among all training images of a class, as whole ones are.
    """
    train, coreset = real.train, RIVALS[name]
    counts = Counts.even(ipc, real.data.class_count) if isinstance(ipc, int) else ipc
    pixels, path = train.images.flatten(1), ("rival", coreset) if path is None else path
    draws = range(1 if name == "herding" else nets)
    sets = [select(coreset, pixels, train.labels, counts.times(formation**2), stream(seed, *path, i)) for i in draws]
    members, size = torch.stack(sets), counts.total * train.images[0].numel()
    images, labels, name = train.images, train.labels, packed_rival(name, formation)
    if formation > 1:
        images, labels = unpack(pack(images[members.flatten()], formation), formation), labels[members.flatten()]
        members = torch.arange(members.numel()).view_as(members)
    return Row(images, labels, members.expand(nets, -1), name=name, trained_on=name, size=size)


def whole_row(real: RealData, nets: int) -> Row:
    """The row of the whole real training part."""
    train = real.train
    members = torch.arange(len(train)).expand(nets, -1)
    return Row(train.images, train.labels, members, name=WHOLE, trained_on=WHOLE, size=train.images.numel())
