"""The split in a user's files: the graphs of each part."""

from collections.abc import Mapping

import numpy as np

from ddkit.errors import DataError
from ddkit.graphs.graph_data import GivenSplit
from ddkit.graphs.whole_numbers import whole

Array = np.ndarray

PARTS = {"train": "train", "valid": "validation", "validation": "validation", "val": "validation", "test": "test"}
"""Possible names of parts -> the part."""


def given_split(parts: Mapping[str, Array], graphs: int, where: str) -> GivenSplit | None:
    """Return (train, validation, test), each as numbers of graphs. A missing validation part is None.

    Args:
        parts: name -> numbers of graphs or a boolean mask [graphs]. If it is empty, there is no split.
        where: name of the data in error lines.

    Raises:
        DataError: a part is missing, occurs twice, or is not a list of graphs.
    """
    if not parts:
        return None
    found: dict[str, Array] = {}
    for name, part in parts.items():
        if PARTS[name] in found:
            raise DataError(f"{where}: its split has two {PARTS[name]} parts, one of them '{name}'; keep one")
        found[PARTS[name]] = _numbers(part, graphs, f"{where}, part '{name}' of its split")
    for name in ("train", "test"):
        if name not in found:
            raise DataError(
                f"{where}: its split has {' and '.join(f'{part!r}' for part in parts)}, but no '{name}'; give a train "
                "and a test part at least, or no split"
            )
    return found["train"], found.get("validation"), found["test"]


def _numbers(part: Array, graphs: int, where: str) -> Array:
    """Return the numbers of a part's graphs, in its order."""
    if part.ndim == 2 and part.shape[1] == 1:
        part = part[:, 0]
    if part.ndim != 1:
        raise DataError(f"{where}: must be a list of graphs' numbers or a boolean mask, got the shape {part.shape}")
    if part.dtype != np.bool_:
        return whole(part, where)
    if len(part) != graphs:
        raise DataError(f"{where}: its mask has {len(part):,} values for {graphs:,} graphs; there must be one for each")
    return np.flatnonzero(part)
