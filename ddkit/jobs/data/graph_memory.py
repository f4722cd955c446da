"""What graphs will take in memory, said before the work begins."""

from collections.abc import Sequence

import torch

from ddkit.evaluation import GraphTraining
from ddkit.graphs import GraphData
from ddkit.jobs.machine.amounts import size_text
from ddkit.memory import free_memory

NODE, EDGE = 100, 60
"""Bytes to read, split, weigh and colour, measured on 24.6 million edges of 2 million nodes (1.4 GiB)."""

STATES = 1_800
"""Bytes that a node of a whole graph takes in training, a hop, at width 32."""

MESSAGES = {"gat": 600}
OTHER_MESSAGES = 100
"""Bytes that an edge takes in training, a hop, measured with 1.5 million edges; GAT keeps each edge's message."""

WORTH_SAYING = 2**30
"""Less is not said."""


def reading_bytes(graphs: GraphData) -> int:
    """What graphs take until the first network is trained."""
    return NODE * len(graphs.node_label) + EDGE * int(graphs.edge.shape[1])


def whole_bytes(train: GraphData, hops: int, training: GraphTraining) -> int:
    """What training on all graphs takes at most: where no two nodes have the same tree."""
    messages = max(MESSAGES.get(gnn, OTHER_MESSAGES) for gnn in training.networks)
    return hops * (STATES * training.width // 32 * len(train.node_label) + messages * int(train.edge.shape[1]))


def memory_lines(every: GraphData, train: GraphData, hops: Sequence[int], training: GraphTraining) -> list[str]:
    """A line if the work takes memory worth saying, with what is free and the setting that lessens it."""
    reading = reading_bytes(every)
    whole = whole_bytes(train, max(hops), training) if training.whole else 0
    if max(reading, whole) < WORTH_SAYING:
        return []
    size = f"{len(every.node_label):,} nodes and {every.edge.shape[1]:,} edges"
    line = f"graphs '{every.name}': {size} take about {size_text(reading)} to read and colour"
    if whole:
        line += (
            f"; training on all of them takes up to {size_text(whole)}, less where trees repeat, and "
            "evaluate.whole=false leaves it out"
        )
    return [f"{line}; {size_text(free_memory(torch.device('cpu')))} are free"]
