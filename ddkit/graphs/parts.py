"""Graphs as they are used: read, split, and cut into their parts."""

from typing import NamedTuple

from ddkit.graphs.graph_data import GraphData
from ddkit.graphs.sources import load_graphs
from ddkit.graphs.split import split_graphs


class GraphParts(NamedTuple):
    """All graphs, and those of each part."""

    every: GraphData
    train: GraphData
    validation: GraphData
    test: GraphData


def load_parts(spec: str, split_seed: int) -> GraphParts:
    """The graphs that `spec` names (see `load_graphs`), split under a seed.

    Raises:
        DataError: graphs that cannot be read or split.
        UsageError: an unknown name.
    """
    every = load_graphs(spec)
    return GraphParts(every, *(every.subset(part) for part in split_graphs(every, split_seed)))
