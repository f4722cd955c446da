"""What a run says of its graphs before it begins: their parts, and how they were read."""

from collections.abc import Iterator

from ddkit.graphs import GraphData, GraphParts
from ddkit.jobs.data.parts import parts_line


def graph_lines(parts: GraphParts, spec: str, split_seed: int) -> tuple[str, ...]:
    """A line for the parts and one for each remark, each with the graphs' name before it.

    Args:
        spec: what names the graphs; of a user's own files the split is his.
    """
    every = parts.every
    own = "yours" if ":" in spec else "the data's own"
    given = every.split is not None
    cut = every.split is not None and every.split[1] is None
    drawn = f"drawn, split_seed {split_seed}"
    line = parts_line(
        train=(len(parts.train), own if given else drawn),
        validation=(len(parts.validation), "cut from train" if cut else own if given else drawn),
        test=(len(parts.test), own if given else drawn),
    )
    unused = len(every) - len(parts.train) - len(parts.validation) - len(parts.test)
    line += f"; {unused:,} graphs are in no part" if unused else ""
    remarks = [*_missing_classes(validation=parts.validation, test=parts.test), *every.remarks]
    return tuple(f"graphs '{every.name}': {said}" for said in (line, *remarks))


def _missing_classes(**parts: GraphData) -> Iterator[str]:
    for name, part in parts.items():
        held, every = len(set(part.y.tolist())), len(part.classes)
        if held < every:
            yield f"{name} has {held:,} of the {every:,} classes"
