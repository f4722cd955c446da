"""Counts edges without a reverse edge and repeated edges."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from ddkit.graphs.categories import packed

Array = np.ndarray

AT_ONCE = 2_000_000
"""Edges that are compared at once, so that memory stays small."""


def proper_edges(edge: Array, nodes: int) -> Iterator[Array]:
    """Give the numbers of the edges between two nodes in parts. An edge and its reverse are in the same part.

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
    """Return (number of edges without an edge in the other direction, number of edges with the same ends as an earlier
    one, number of all edges). The first and the last count edges between two nodes, without loops."""
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
