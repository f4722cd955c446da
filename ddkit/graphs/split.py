"""Train, validation and test graphs."""

from typing import NamedTuple

import numpy as np
import torch

from ddkit.errors import DataError
from ddkit.graphs.graph_data import GraphData
from ddkit.randomness import stream

Array = np.ndarray

HELD_OUT = 0.1
"""Share of each class that goes to the validation part, and as many to the test part."""


class Split(NamedTuple):
    """Graphs of each part, ascending."""

    train: Array
    validation: Array
    test: Array


def split_graphs(data: GraphData, seed: int) -> Split:
    """The split that came with the data, else a stratified one: a tenth of each class to either held-out part.

    Raises:
        DataError: a class has fewer than three graphs, or none in the training part; parts that are empty, overlap or
            name graphs that are not there.
    """
    if data.split is not None:
        split = Split(*map(np.sort, data.split))
        every = np.concatenate(split)
        if (
            not all(map(len, split))
            or len(np.unique(every)) < len(every)
            or every.min() < 0
            or every.max() >= len(data)
        ):
            raise DataError(
                f"graphs '{data.name}': its split must be three parts, none empty, that share no graph and name "
                f"graphs 0 to {len(data) - 1} only"
            )
    else:
        parts: list[list[Array]] = [[], [], []]
        generator = stream(seed, "graph-split")
        for c, name in enumerate(data.classes):
            members = np.flatnonzero(data.y == c)
            if len(members) < 3:
                raise DataError(f"graphs '{data.name}': class '{name}' has {len(members)} graphs; three are needed")
            members = members[torch.randperm(len(members), generator=generator).numpy()]
            held = max(1, round(HELD_OUT * len(members)))
            for part, own in zip(parts, (members[2 * held :], members[:held], members[held : 2 * held]), strict=True):
                part.append(own)
        split = Split(*(np.sort(np.concatenate(part)) for part in parts))
    counts = np.bincount(data.y[split.train], minlength=len(data.classes))
    if not counts.all():
        raise DataError(f"graphs '{data.name}': class '{data.classes[int(counts.argmin())]}' has no training graph")
    return split
