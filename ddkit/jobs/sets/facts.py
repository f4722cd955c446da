"""The facts of a set as texts."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ddkit.synth import Record, is_graph_set, load_images, read_graph_set

LISTS = ("classes", "counts")
"""Facts with one value for each class."""


@dataclass(frozen=True)
class Description:
    """The facts of a set, as texts by name, and its record."""

    facts: Mapping[str, str]
    record: Record


def describe(source: str | Path) -> Description:
    """The facts of a set, given by its file, its run folder or its name.

    Raises:
        DataError: there is no such set, or it is damaged.
    """
    return _of_graphs(source) if is_graph_set(source) else _of_images(source)


def _of_images(source: str | Path) -> Description:
    made = load_images(source)
    facts = _facts(made.facts.stated() | {"ipc": made.facts.images_a_class})
    facts["images"] = f"{len(made)} of {tuple(made.images.shape[1:])}, {made.images.dtype}"
    facts["soft labels"] = "none" if made.soft_labels is None else str(tuple(made.soft_labels.shape))
    parts = made.stored_bytes()
    each = " + ".join(f"{name} {size:,}" for name, size in parts.items())
    facts["bytes"] = f"{sum(parts.values()):,} before compression: {each}"
    if made.compact is not None:
        facts["compact"] = made.compact.summary(max(made.facts.each))
    return Description(facts | _size(source), made.record)


def _of_graphs(source: str | Path) -> Description:
    made = read_graph_set(source)
    facts = _facts(dataclasses.asdict(made.facts))
    facts["samples"] = f"{len(made)}, {'soft' if made.samples.soft is not None else 'hard'} labels"
    facts["trees"] = f"{made.trees.roots} of full depth, {int(made.trees.depth_size.sum())} of all depths"
    facts["bytes"] = f"{made.stored_bytes} as stored, {made.explicit_bytes} with all trees written out"
    return Description(facts | _size(source), made.record)


def _facts(found: Mapping[str, object]) -> dict[str, str]:
    return {
        name: ", ".join(map(str, value)) if isinstance(value, tuple) and name in LISTS else str(value)
        for name, value in found.items()
    }


def _size(source: str | Path) -> dict[str, str]:
    """The size of the file; empty if `source` is a name or a run folder."""
    if not Path(source).is_file():
        return {}
    return {"file": f"{Path(source).stat().st_size:,} bytes with recipe, lineage and HDF5 structures"}
