"""Loads graphs and divides them into their parts."""

from typing import NamedTuple

from ddkit.graphs.graph_data import GraphData
from ddkit.graphs.sources import load_graphs
from ddkit.graphs.split import split_graphs


class GraphParts(NamedTuple):
    """All graphs, and the graphs of each part."""

    every: GraphData
    train: GraphData
    validation: GraphData
    test: GraphData


def load_parts(spec: str, split_seed: int) -> GraphParts:
    """Load the graphs that `spec` names (see `load_graphs`), and split them with a seed.

    Raises:
        DataError: the graphs cannot be read or split.
        UsageError: the name is unknown.
    """
    every = load_graphs(spec)
    train, validation, test = (every.subset(part) for part in split_graphs(every, split_seed))
    return GraphParts(every, train, validation, test)
