"""Layers of several networks in one numbering, so that one pass computes all networks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ddkit.gnns.layers import Block

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Joint:
    """One layer of B networks, each with as many rows as the largest: node i of network b is row b * each + i.

    Rows without a node have no edges.

    Attributes:
        rows, below: numbers of rows of this layer and of the one below.
        here, own: rows of all nodes, here and in the layer below, [N].
        source, target, label: distinct edges (row below, row here, edge label in network b's own vocabulary), [e].
        count: how often each edge occurs, [e].
        degree, degree_below: true degree of each row's node, [rows] and [below].
        dtype: dtype of the states.
    """

    rows: int
    below: int
    here: Array
    own: Array
    source: Array
    target: Array
    label: Array
    count: Array
    degree: Array
    degree_below: Array
    dtype: torch.dtype

    @staticmethod
    def of(blocks: Sequence[Block], edge_labels: int) -> "Joint":
        """Join the networks' blocks of one layer. Edge label l of network b becomes b * edge_labels + l.

        For networks that use no edge labels, `edge_labels` is 1: edges that differ only in their label are parallel.
        """
        each, each_below = (max(len(getattr(b, name)) for b in blocks) for name in ("degree", "degree_below"))
        rows, below = each * len(blocks), each_below * len(blocks)
        nodes = [(b * each + np.arange(len(one.own)), b * each_below + one.own.numpy()) for b, one in enumerate(blocks)]
        edges = [
            np.stack([ends[1] + b * each, ends[0] + b * each_below, label % edge_labels + b * edge_labels])
            for b, (ends, label) in enumerate((one.edge.numpy(), one.edge_label.numpy()) for one in blocks)
        ]
        target, source, label = np.concatenate(edges, 1)
        labels = edge_labels * len(blocks)
        packed, count = np.unique((target * below + source) * labels + label, return_counts=True)
        return Joint(
            rows=rows,
            below=below,
            here=np.concatenate([here for here, _ in nodes]),
            own=np.concatenate([own for _, own in nodes]),
            source=packed // labels % below,
            target=packed // (labels * below),
            label=packed % labels,
            count=count,
            degree=_padded([one.degree for one in blocks], each),
            degree_below=_padded([one.degree_below for one in blocks], each_below),
            dtype=blocks[0].degree.dtype,
        )


def _padded(parts: Sequence[torch.Tensor], each: int) -> Array:
    return np.concatenate([np.pad(part.double().numpy(), (0, each - len(part))) for part in parts])
