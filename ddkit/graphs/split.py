"""The split into train, validation and test graphs."""

from itertools import combinations
from typing import NamedTuple

import numpy as np
import torch

from ddkit.errors import DataError, counted
from ddkit.graphs.graph_data import GraphData
from ddkit.randomness import stream

Array = np.ndarray

HELD_OUT = 0.1
"""Share of each class that goes to the validation part, and the share that goes to the test part."""


class Split(NamedTuple):
    """Graphs of each part, ascending."""

    train: Array
    validation: Array
    test: Array


def split_graphs(data: GraphData, seed: int) -> Split:
    """Return the data's own split, or a stratified one with a tenth of each class in each held-out part.

    If the data's split has no validation part, a tenth of each class of its training part becomes one.

    Raises:
        DataError: a class has fewer than three graphs, or none in the training part; or parts overlap, are empty, have
            a single class, or contain graphs that do not exist.
    """
    split = _drawn(data, seed) if data.split is None else _given(data, seed)
    counts = np.bincount(data.y[split.train], minlength=len(data.classes))
    if not counts.all():
        raise DataError(f"graphs '{data.name}': class '{data.classes[int(counts.argmin())]}' has no training graph")
    for name, part in zip(Split._fields[1:], split[1:], strict=True):
        if len(found := np.unique(data.y[part])) == 1:
            raise DataError(
                f"graphs '{data.name}', {name} part: has one class only, '{data.classes[found[0]]}' "
                f"({counted(len(part), 'graph')}), so that its score would be meaningless; give graphs of at "
                "least two classes"
            )
    return split


def _drawn(data: GraphData, seed: int) -> Split:
    parts: list[list[Array]] = [[], [], []]
    generator = stream(seed, "graph-split")
    for c, name in enumerate(data.classes):
        members = np.flatnonzero(data.y == c)
        if len(members) < 3:
            raise DataError(
                f"graphs '{data.name}': class '{name}' has {counted(len(members), 'graph')}; three are needed"
            )
        members = members[torch.randperm(len(members), generator=generator).numpy()]
        held = max(1, round(HELD_OUT * len(members)))
        for part, own in zip(parts, (members[2 * held :], members[:held], members[held : 2 * held]), strict=True):
            part.append(own)
    return Split(*(np.sort(np.concatenate(part)) for part in parts))


def _given(data: GraphData, seed: int) -> Split:
    """Check the data's own parts and return them."""
    assert data.split is not None
    where = f"graphs '{data.name}'"
    named = {name: part for name, part in zip(Split._fields, data.split, strict=True) if part is not None}
    for name, part in named.items():
        if not len(part):
            raise DataError(f"{where}: its split's {name} part is empty; each part must name a graph")
        if part.min() < 0 or part.max() >= len(data):
            wrong = part[(part < 0) | (part >= len(data))][0]
            raise DataError(
                f"{where}: its split's {name} part names graph {wrong}; there are graphs 0 to {len(data) - 1}"
            )
        if len(np.unique(part)) < len(part):
            mask = "; a mask must be boolean" if len(part) == len(data) else ""
            raise DataError(f"{where}: its split's {name} part names a graph twice{mask}")
    for one, other in combinations(named, 2):
        if len(shared := np.intersect1d(named[one], named[other])):
            raise DataError(
                f"{where}: its split's {one} and {other} parts share {counted(len(shared), 'graph')}, such as "
                f"{shared[0]}; parts must share none"
            )
    train, validation, test = data.split
    if validation is None:
        train, validation = _cut(data, train, seed)
    return Split(*map(np.sort, (train, validation, test)))


def _cut(data: GraphData, train: Array, seed: int) -> tuple[Array, Array]:
    """Divide a training part into (the rest, a tenth of each class)."""
    generator, held = stream(seed, "graph-validation"), []
    for c, name in enumerate(data.classes):
        members = np.sort(train[data.y[train] == c])
        if len(members) == 1:
            raise DataError(
                f"graphs '{data.name}': class '{name}' has one training graph, and its split has no validation part; "
                "give it one, or a second graph"
            )
        count = max(1, round(HELD_OUT * len(members))) if len(members) else 0
        held.append(members[torch.randperm(len(members), generator=generator).numpy()[:count]])
    validation = np.concatenate(held)
    return np.setdiff1d(train, validation), validation
