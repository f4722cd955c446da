"""The rows of a table: what networks are trained on, a synthetic set or real images, and what these are called."""

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor

from ddkit.data import RealData, select
from ddkit.errors import UsageError
from ddkit.evaluation.lesson import CLASSES, Lesson
from ddkit.evaluation.pool import Pool
from ddkit.experts import Ensemble
from ddkit.randomness import stream
from ddkit.synth import SyntheticSet, only_top, packed_bytes

RIVALS = {"random-real": "random", "herding": "herding", "kmeans": "kmeans"}
"""Rows of real images as many as the set's, and the coreset that draws each."""


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
        Lesson(facts.temperature),
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
    return Row(train.images, train.labels, members, name="whole", trained_on="whole", size=train.images.numel())


def temperature_of(asked: float | None, own: float | None) -> float:
    """At which a table's teachers' logits are learned: as asked for, else as its set says, else 30 (INFER's)."""
    return asked or own or 30.0


def called(
    row: Row,
    policy: str,
    classes: Tensor | None,
    teachers: Ensemble | None,
    temperature: float,
    top_k: int | None = None,
) -> Row:
    """The row under a policy of labels, one of `ddkit.evaluation.settings.LABEL_POLICIES`.

    Args:
        row: as it was made.
        policy: "auto" leaves it as it is.
        classes: of a set with soft labels, whose labels these then are under "hard".
        teachers: who give static and dynamic labels; a set's own static ones stay.
        temperature: at which logits are learned.
        top_k: logits of a static label that are kept, as in the set that the row stands beside; None: all.

    Raises:
        UsageError: there are no teachers.
    """
    own = row.lesson.temperature
    if policy == "auto" or row.name == "whole":
        return dataclasses.replace(row, lesson=Lesson(None if own is None else temperature))
    bare = dataclasses.replace(row, size=row.size - row.label_size, label_size=0)  # its own soft labels are not used
    if policy == "hard":
        return (
            bare if classes is None else dataclasses.replace(bare, labels=classes.to(row.labels.device), lesson=CLASSES)
        )
    if teachers is None:
        raise UsageError(
            f"labels: {policy} ones come from teachers, and there are none; give the recipe an [experts] section with "
            'name = "teacher", or ask for labels that need none (evaluate.labels = "auto", another protocol)'
        )
    if policy == "dynamic":
        return dataclasses.replace(bare, lesson=Lesson(temperature, teachers))
    if own is not None:
        return dataclasses.replace(row, lesson=Lesson(temperature))
    used = row.members.unique().to(row.images.device)
    said = teachers.labels(row.images[used])
    named = said.new_zeros(len(row.images), said.shape[1])
    named[used] = said if top_k is None else only_top(said, top_k, temperature)
    count = row.members.shape[1]
    size = 2 * count * said.shape[1] if top_k is None else packed_bytes(count, top_k)
    return dataclasses.replace(bare, labels=named, size=bare.size + size, label_size=size, lesson=Lesson(temperature))
