"""Edges sorted by their target node."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

Array = np.ndarray

AT_ONCE = 2_000_000
"""Edges of a part, so that memory stays small."""


@dataclass(frozen=True, eq=False)
class Adjacency:
    """The edges into V nodes. Those into node v are begin[v] to begin[v + 1] - 1, with nodes `source` and `label`."""

    begin: Array
    source: Array
    label: Array

    @staticmethod
    def of(edge: Array, edge_label: Array, nodes: int) -> "Adjacency":
        """Sort edges [2, E] by their target."""
        order = np.argsort(edge[1], kind="stable")
        begin = np.concatenate([[0], np.cumsum(np.bincount(edge[1], minlength=nodes))])
        return Adjacency(begin, edge[0][order], edge_label[order])

    def into(self, nodes: Array) -> tuple[Array, Array]:
        """Return (edge, position in `nodes`) of all edges into `nodes`, node by node."""
        count = self.begin[nodes + 1] - self.begin[nodes]
        owner = np.repeat(np.arange(len(nodes)), count)
        first = np.cumsum(count) - count
        return np.arange(len(owner)) - first[owner] + self.begin[nodes][owner], owner

    def parts(self, nodes: Array) -> Iterator[tuple[Array, Array]]:
        """Give the same edges and positions in parts of about `AT_ONCE` edges, at least one part. No node is cut."""
        end = np.cumsum(self.begin[nodes + 1] - self.begin[nodes])
        cuts = np.searchsorted(end, np.arange(AT_ONCE, end[-1] if len(end) else 0, AT_ONCE))
        begin = 0
        for cut in np.unique([*cuts.tolist(), len(nodes)]).tolist():
            edge, owner = self.into(nodes[begin:cut])
            yield edge, owner + begin
            begin = cut
