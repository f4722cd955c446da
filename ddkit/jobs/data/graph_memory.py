"""The memory that graphs need: reported before the work begins, and what it allows to run at once."""

from collections.abc import Sequence

import torch

from ddkit.evaluation import GraphJudge, GraphTraining
from ddkit.evaluation.graph_rows import MOST
from ddkit.executors import Needs
from ddkit.graphs import GraphData
from ddkit.jobs.machine.amounts import size_text
from ddkit.memory import free_memory

NODE, EDGE = 100, 60
"""Bytes per node and per edge to read, split, weigh and colour graphs."""  # measured on 24.6 million edges

STATES = 1_800
"""Bytes per node and hop in training on whole graphs, at width 32."""

MESSAGES = {"gat": 600}
OTHER_MESSAGES = 100
"""Bytes per edge and hop in training; GAT stores each edge's message."""  # measured on 1.5 million edges

REPORTED = 2**30
"""Smaller amounts of memory are not reported."""


def reading_bytes(graphs: GraphData) -> int:
    """Bytes that graphs need until the first network is trained."""
    return NODE * len(graphs.node_label) + EDGE * int(graphs.edge.shape[1])


def whole_bytes(train: GraphData, hops: int, training: GraphTraining) -> int:
    """Bytes that training on all graphs needs at most, which is where no two nodes have the same tree."""
    messages = max(MESSAGES.get(gnn, OTHER_MESSAGES) for gnn in training.networks)
    return hops * (STATES * training.width // 32 * len(train.node_label) + messages * int(train.edge.shape[1]))


def memory_lines(every: GraphData, train: GraphData, hops: Sequence[int], training: GraphTraining) -> list[str]:
    """A line with the needed and the free memory, and the setting that needs less; none if the need is small."""
    reading = reading_bytes(every)
    whole = whole_bytes(train, max(hops), training) if training.whole else 0
    if max(reading, whole) < REPORTED:
        return []
    size = f"{len(every.node_label):,} nodes and {every.edge.shape[1]:,} edges"
    line = f"graphs '{every.name}': {size} need about {size_text(reading)} to be read and coloured"
    if whole:
        line += (
            f"; training on all of them needs up to {size_text(whole)}, less if trees repeat; "
            "evaluate.whole=false leaves it out"
        )
    return [f"{line}; {size_text(free_memory(torch.device('cpu')))} are free"]


def set_needs(train: GraphData) -> Needs:
    """What making one set from these training graphs needs."""
    return Needs(torch.device("cpu"), reading_bytes(train))


def graph_row_needs(judge: GraphJudge) -> Needs:
    """What scoring one row needs. The largest row decides."""
    whole = whole_bytes(judge.train, judge.hops, judge.training)
    largest = 1.0 if judge.training.whole else min(0.5, MOST / int(judge.bytes_each.sum()))
    return Needs(torch.device("cpu"), int(largest * whole))
