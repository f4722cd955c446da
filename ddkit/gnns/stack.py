"""Several networks of one kind in one forward pass, each with its own layers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import layer_norm

from ddkit.gnns.gnn import GNN
from ddkit.gnns.joint import Joint
from ddkit.gnns.layers import Layers
from ddkit.gnns.stacked import STACKED, linear
from ddkit.gnns.sums import Sums, sums


class Stack:
    """B networks of one architecture, with parameters `theta` [B, P]. `logits()` equal those of the single networks.

    Everything that depends only on the layers is prepared by the constructor, and not at every step. Only `write_back`
    changes the networks.

    Args:
        nets: networks of one convolution, width and vocabulary.
        layers, readouts: the layers and the sparse readout [S, n] of each network. A network with fewer samples than
            others gets further logits at the end, which have no meaning.
    """

    def __init__(self, nets: Sequence[GNN], layers: Sequence[Layers], readouts: Sequence[Tensor]) -> None:
        self.nets, first = nets, nets[0]
        self.shapes = {name: p.shape for name, p in first.named_parameters()}
        self.theta = torch.stack([torch.cat([p.detach().flatten() for p in net.parameters()]) for net in nets])
        self.theta.requires_grad_()
        dtype = self.theta.dtype
        edge_labels = 1 if first.edges is None else len(first.edges.places[0])
        joints = [Joint.of(blocks, edge_labels) for blocks in zip(*(one.blocks for one in layers), strict=True)]
        given = 0 if first.edges is None else edge_labels * len(nets)
        self.convolutions = [STACKED[first.conv](joint, given) for joint in joints]
        each = max(len(one.label) for one in layers)
        self.nodes = _labels(first.nodes, [one.label for one in layers], each, dtype)
        every = [torch.arange(edge_labels)] * len(nets)
        self.edges = None if first.edges is None else _labels(first.edges, every, edge_labels, dtype)
        samples, top = max(len(one) for one in readouts), joints[-1].rows // len(nets)
        found = [one.coalesce() for one in readouts]
        row, column = np.concatenate(
            [one.indices().numpy() + b * np.array([[samples], [top]]) for b, one in enumerate(found)], 1
        )
        weight = np.concatenate([one.values().double().numpy() for one in found])
        self.readout = sums(row, column, weight, (samples * len(nets), top * len(nets)), dtype)

    def logits(self) -> Float[Tensor, "nets samples classes"]:
        """Compute the logits of every network for its samples."""
        p = self._parameters()
        count, width = len(self.theta), self.shapes["head.weight"][1]
        h = self.nodes(_table(p, "nodes"))
        edges = None if self.edges is None else self.edges(_table(p, "edges"))
        for layer, convolution in enumerate(self.convolutions):
            begin = f"convolutions.{layer}.conv."
            own = {name.removeprefix(begin): value for name, value in p.items() if name.startswith(begin)}
            normed = layer_norm(convolution(h, edges, own).view(count, -1, width), (width,))
            scale, shift = (p[f"norms.{layer}.{name}"][:, None] for name in ("weight", "bias"))
            h = torch.addcmul(shift, normed, scale).relu().view(-1, width)
        return linear(self.readout(h), p["head.weight"], p["head.bias"]).view(count, -1, self.shapes["head.weight"][0])

    @torch.no_grad()
    def write_back(self) -> None:
        """Copy the parameters from `theta` to the networks."""
        for name, values in self._parameters().items():
            for net, value in zip(self.nets, values, strict=True):
                net.get_parameter(name).copy_(value)

    def _parameters(self) -> dict[str, Tensor]:
        parts = self.theta.split([shape.numel() for shape in self.shapes.values()], 1)
        return {
            name: part.view(len(part), *shape) for part, (name, shape) in zip(parts, self.shapes.items(), strict=True)
        }


def _labels(embedding: Any, labels: Sequence[Tensor], each: int, dtype: torch.dtype) -> Sums:
    """Return the sums that embed the labels of all networks, [B * each, width].

    Their input is the networks' tables, concatenated column by column, [B * values, width].
    """
    sizes = [column.num_embeddings for column in embedding.columns]
    begin, values = np.cumsum([0, *sizes[:-1]]), sum(sizes)
    rows, columns = [], []
    for b, label in enumerate(labels):
        for start, place in zip(begin, embedding.places, strict=True):
            rows.append(b * each + np.arange(len(label)))
            columns.append(b * values + start + place[label].numpy())
    row, column = np.concatenate(rows), np.concatenate(columns)
    return sums(row, column, 1.0, (each * len(labels), values * len(labels)), dtype)


def _table(p: dict[str, Tensor], which: str) -> Tensor:
    """Concatenate the embedding tables of all networks, [B * values, width]."""
    columns = [value for name, value in p.items() if name.startswith(f"{which}.columns.")]
    return torch.cat(columns, 1).flatten(0, 1)
