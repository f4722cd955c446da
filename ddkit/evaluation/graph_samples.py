"""The input of a graph network: layers, and samples as weighted sums of the top layer's states.

Whole graphs are represented by the fold of their computation trees and a graph-by-tree count matrix, which gives
exactly the logits and gradients of ordinary message passing (the lossless quotient). Distilled sets are represented by
the fold of their own trees. So one trainer serves all rows of a table.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ddkit.gnns import Block, Layers
from ddkit.graphs import GraphData, Layer, fold, refine
from ddkit.synth import GraphSet

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class GraphSamples:
    """Samples for one kind of network.

    Attributes:
        layers: of distinct trees.
        readout: sparse [S, n]; a sample's state is its row times the n states of the top layer.
        y: classes, int64 [S], or class probabilities [S, K].
        weight: of the samples [S]; the sum is 1.
    """

    layers: Layers
    readout: Tensor
    y: Tensor
    weight: Tensor

    def __len__(self) -> int:
        return len(self.y)

    @property
    def states(self) -> int:
        """Number of states of the largest layer."""
        return max(len(self.layers.label), *(len(block.own) for block in self.layers.blocks))


def whole_graphs(data: GraphData, hops: int, with_degrees: bool, dtype: torch.dtype) -> GraphSamples:
    """All graphs of `data`. The state of a sample is the mean of its nodes' states."""
    levels = refine(data.adjacency, data.tree_labels(with_degrees), hops)
    layers, root = fold(data.adjacency, levels, np.arange(len(data.node_label)))
    readout = _readout(data.graph_of_node, root, (len(data), len(layers[-1])), dtype)
    weight = torch.full((len(data),), 1 / len(data), dtype=dtype)
    return GraphSamples(
        to_layers(layers, data.node_label, data.degree, dtype), readout, torch.from_numpy(data.y), weight
    )


def distilled(graphs: GraphSet, with_degrees: bool, dtype: torch.dtype) -> GraphSamples:
    """A distilled set. The weight of a sample is proportional to its support."""
    layers, root = graphs.trees.refold(with_degrees)
    samples = graphs.samples
    readout = _readout(samples.owner, root[samples.tree], (len(samples), len(layers[-1])), dtype)
    weight = torch.from_numpy(samples.support / samples.support.sum()).to(dtype)
    soft = samples.probabilities
    y = torch.from_numpy(samples.label).long() if soft is None else torch.from_numpy(soft).to(dtype)
    return GraphSamples(to_layers(layers, graphs.trees.label, graphs.trees.degree, dtype), readout, y, weight)


def to_layers(layers: list[Layer], label: Array, degree: Array, dtype: torch.dtype) -> Layers:
    """A fold as tensors. `label` and `degree` [V] belong to the nodes, which the layers' vertices number."""
    degrees = [torch.from_numpy(degree[layer.vertex]).to(dtype) for layer in layers]
    blocks = []
    for below, here, layer in zip(degrees, degrees[1:], layers[1:], strict=False):
        edge = np.repeat(np.stack([layer.child, layer.parent]), layer.count, axis=1)
        assert layer.own is not None
        blocks.append(
            Block(
                torch.from_numpy(layer.own),
                torch.from_numpy(edge),
                torch.from_numpy(np.repeat(layer.edge_label, layer.count)),
                here,
                below,
            )
        )
    return Layers(torch.from_numpy(label[layers[0].vertex]), blocks)


def _readout(sample: Array, node: Array, shape: tuple[int, int], dtype: torch.dtype) -> Tensor:
    """The matrix [samples, nodes] of each node's weight in the mean of a sample."""
    share = 1 / np.bincount(sample, minlength=shape[0])[sample]
    index = torch.from_numpy(np.stack([sample, node]))
    return torch.sparse_coo_tensor(index, torch.from_numpy(share).to(dtype), shape, check_invariants=False).coalesce()
