"""The part of a report that says how to train on a set."""

import dataclasses
from pathlib import Path

from ddkit.report import Block, Code, TextTable
from ddkit.synth import GraphSet, SyntheticSet

TRAIN_ON_IMAGES = """\
import ddkit, torch
made = ddkit.load({file!r})
optimiser = torch.optim.SGD(net.parameters(), lr={lr:g}, momentum=0.9)
loss = torch.nn.functional.cross_entropy(net(made.images), made.{labels})  # images: {space}
loss.backward(); optimiser.step()  # repeat; {flips}
"""

TITLES = {
    "lr": "inner lr, learned",
    "net": "network",
    "augment": "augmentation",
    "evaluation_flip": "probability of a flip",
}
"""Words for the names of facts."""

TRAIN_ON_GRAPHS = """\
import ddkit
from torch_geometric.loader import DataLoader
made = ddkit.read_graph_set({file!r})
batch = next(iter(DataLoader(ddkit.as_pyg(made), batch_size=64, shuffle=True)))
losses = cross_entropy(net(batch), batch.y, reduction="none") * batch.support  # {hops} message-passing layers
"""


def training_blocks(made: SyntheticSet | GraphSet, file: Path, lr: str) -> tuple[Block, ...]:
    """What training on the set needs, and five lines of Python. `lr` is the learning rate of its score, if known."""
    if isinstance(made, GraphSet):
        code = TRAIN_ON_GRAPHS.format(file=str(file), hops=made.facts.hops)
        return (_facts(made, ("method", "dataset", "hops", "readout", "true_degrees")), Code(code))
    facts = made.facts
    labels = "labels" if made.soft_labels is None else "probabilities"
    rate = float(lr) if lr else facts.lr or 0.01
    flips = "mirror each image with probability 0.5 at each step" if facts.expects_flips else "no random flips needed"
    if facts.temperature is not None:
        flips += f"; its labels were learned at temperature {facts.temperature:g}"
    code = TRAIN_ON_IMAGES.format(file=str(file), lr=rate, labels=labels, space=_space(made), flips=flips)
    names = ("space", "mean", "std", "net", "augment", "evaluation_flip", "lr", "temperature", "top_k", "teachers")
    return (_facts(made, names, TITLES, {"lr of the best score": lr}), Code(code))


def _space(made: SyntheticSet) -> str:
    return "(raw - mean) / std" if made.facts.space == "normalised" else "whitened; whiten test images alike"


def _facts(
    made: SyntheticSet | GraphSet,
    names: tuple[str, ...],
    titles: dict[str, str] | None = None,
    more: dict[str, str] | None = None,
) -> TextTable:
    """The facts of these names that the set has; `titles` replace names."""
    found = dataclasses.asdict(made.facts)
    values = {name: found[name] for name in names if found[name] not in (None, "")}
    shown = {"images": str(list(made.images.shape))} if isinstance(made, SyntheticSet) else {}
    shown |= {(titles or {}).get(name, name): _text(value) for name, value in values.items()}
    shown |= {name: value for name, value in (more or {}).items() if value}
    return TextTable(("fact", "value"), tuple(shown.items()))


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_text, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)
