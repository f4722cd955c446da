"""Lines about the graphs of a run: their parts, and remarks on how they were read."""

from collections.abc import Iterator

from ddkit.errors import counted
from ddkit.graphs import GraphData, GraphParts
from ddkit.jobs.data.parts import parts_line


def graph_lines(parts: GraphParts, spec: str, split_seed: int) -> tuple[str, ...]:
    """A line for the parts and a line for each remark; each begins with the graphs' name.

    Args:
        parts: the graphs.
        spec: their name in the recipe; one with a colon names a user's own files.
        split_seed: of the split, if the data have none.
    """
    every = parts.every
    given = every.split is not None
    origin = f"drawn, split_seed {split_seed}"
    if given:
        origin = "yours" if ":" in spec else "the data's own"
    cut = every.split is not None and every.split[1] is None
    line = parts_line(
        train=(len(parts.train), origin),
        validation=(len(parts.validation), "cut from train" if cut else origin),
        test=(len(parts.test), origin),
    )
    unused = len(every) - len(parts.train) - len(parts.validation) - len(parts.test)
    line += f"; in no part: {counted(unused, 'graph')}" if unused else ""
    remarks = [*_missing_classes(validation=parts.validation, test=parts.test), *every.remarks]
    return tuple(f"graphs '{every.name}': {text}" for text in (line, *remarks))


def _missing_classes(**parts: GraphData) -> Iterator[str]:
    """A line for each part that lacks classes."""
    for name, part in parts.items():
        present, every = len(set(part.y.tolist())), len(part.classes)
        if present < every:
            yield f"{name} has {present:,} of the {every:,} classes"
