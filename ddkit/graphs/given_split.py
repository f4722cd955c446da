"""The split that a user's files bring: which graphs are which part."""

from collections.abc import Mapping

import numpy as np

from ddkit.errors import DataError
from ddkit.graphs.graph_data import GivenSplit
from ddkit.graphs.whole_numbers import whole

Array = np.ndarray

PARTS = {"train": "train", "valid": "validation", "validation": "validation", "val": "validation", "test": "test"}
"""What a part may be called, and which one it is."""


def given_split(parts: Mapping[str, Array], graphs: int, where: str) -> GivenSplit | None:
    """(train, validation, test), each as numbers of graphs; without a validation part None in its place.

    Args:
        parts: by name, each numbers of graphs or a boolean mask [graphs]; none at all is no split.
        where: what an error line calls the data.

    Raises:
        DataError: a part that is missing, there twice, or names no graphs.
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
    """Numbers of the graphs that a part names, in its order."""
    if part.ndim == 2 and part.shape[1] == 1:
        part = part[:, 0]
    if part.ndim != 1:
        raise DataError(f"{where}: must be a list of graphs' numbers or a boolean mask, got the shape {part.shape}")
    if part.dtype != np.bool_:
        return whole(part, where)
    if len(part) != graphs:
        raise DataError(f"{where}: its mask has {len(part):,} places for {graphs:,} graphs; there must be one for each")
    return np.flatnonzero(part)
