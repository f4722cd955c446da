"""Edges, their reverses and their repetitions."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from ddkit.graphs.categories import packed

Array = np.ndarray

AT_ONCE = 2_000_000
"""Edges that are compared at once, so that a look at many takes little memory."""


def proper_edges(edge: Array, nodes: int) -> Iterator[Array]:
    """Numbers of the edges between two nodes, part by part: an edge and its reverse are in the same part.

    Args:
        edge: [2, E], ends below `nodes`.
    """
    parts = max(1, -(-edge.shape[1] // AT_ONCE))
    if parts == 1:
        yield np.flatnonzero(edge[0] != edge[1])
        return
    lower = np.minimum(edge[0], edge[1])
    ends = np.linspace(0, nodes, parts + 1).astype(np.int64)
    for begin, end in pairwise(ends):
        here = np.flatnonzero((lower >= begin) & (lower < end))
        yield here[edge[0, here] != edge[1, here]]


def compared(edge: Array, nodes: int) -> tuple[int, int, int]:
    """(edges between two nodes that have none in the other direction, edges whose ends are those of an earlier one, all
    edges between two nodes)."""
    loops = edge[0, edge[0] == edge[1]]
    alone, repeated, every = 0, len(loops) - len(np.unique(loops)), 0
    for part in proper_edges(edge, nodes):
        source, target = edge[:, part]
        way, _ = packed([np.minimum(source, target), np.maximum(source, target)], len(source))
        distinct, count = np.unique(2 * way + (source > target), return_counts=True)
        first = np.flatnonzero(distinct[1:] == (distinct[:-1] | 1))  # 2 w + 1 comes after 2 w
        alone += len(part) - int(count[first].sum() + count[first + 1].sum())
        repeated += len(part) - len(distinct)
        every += len(part)
    return alone, repeated, every
