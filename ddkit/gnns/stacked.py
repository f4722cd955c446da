"""The convolutions of `ddkit.gnns.convolutions` for B networks at once, each with its own parameters.

The constructor, with arguments (joint, edge_labels), prepares what does not change between steps. A call has the
arguments states h [B * m, width], embedded edge labels [B * labels, width] (None if the data has only one label) and
the parameters of the convolution by name, each with a leading dimension B. It returns [B * n, width]. Formulas and
names are PyTorch Geometric's; tests compare the results.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import leaky_relu

from ddkit.gnns.convolutions import HEADS
from ddkit.gnns.joint import Joint
from ddkit.gnns.sums import Sums, sums

Parameters = Mapping[str, Tensor]


def linear(h: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Apply each network's linear layer: h [B * n, i], weight [B, o, i], bias [B, o] -> [B * n, o]."""
    stack = h.view(len(weight), -1, h.shape[1])
    back = weight.transpose(1, 2)
    product = stack @ back if bias is None else torch.baddbmm(bias[:, None], stack, back)
    return product.view(-1, weight.shape[1])


def along(joint: Joint, weight: Any = 1.0) -> Sums:
    """Return the sums over the edges into each node. Parallel edges all count."""
    shape = (joint.rows, joint.below)
    return sums(joint.target, joint.source, joint.count * weight, shape, joint.dtype)


def owns(joint: Joint) -> Sums:
    """Return the sums that select each node's own state in the layer below."""
    return sums(joint.here, joint.own, 1.0, (joint.rows, joint.below), joint.dtype)


class GCN:
    """GCN: own state and neighbours in one fixed sparse matrix."""

    def __init__(self, joint: Joint, edge_labels: int) -> None:
        strength = ((joint.degree_below[joint.source] + 1) * (joint.degree[joint.target] + 1)) ** -0.5
        row, column = np.concatenate([joint.target, joint.here]), np.concatenate([joint.source, joint.own])
        weight = np.concatenate([joint.count * strength, 1 / (joint.degree[joint.here] + 1)])
        self.sum = sums(row, column, weight, (joint.rows, joint.below), joint.dtype)

    def __call__(self, h: Tensor, edges: Tensor | None, p: Parameters) -> Tensor:
        stack = self.sum(linear(h, p["lin.weight"])).view(len(p["bias"]), -1, h.shape[1])
        return (stack + p["bias"][:, None]).view(-1, h.shape[1])


class SAGE:
    """GraphSAGE: own state and the neighbours' mean."""

    def __init__(self, joint: Joint, edge_labels: int) -> None:
        into = np.bincount(joint.target, weights=joint.count, minlength=joint.rows)
        self.mean, self.own = along(joint, 1 / into[joint.target]), owns(joint)

    def __call__(self, h: Tensor, edges: Tensor | None, p: Parameters) -> Tensor:
        own = self.own(linear(h, p["lin_r.weight"]))
        return linear(self.mean(h), p["lin_l.weight"], p["lin_l.bias"]) + own


class GIN:
    """GIN: the summands relu(h_u + e_uv) are computed once for each distinct pair of a state and an edge label."""

    def __init__(self, joint: Joint, edge_labels: int) -> None:
        self.own = owns(joint)
        if edge_labels:
            pair, number = np.unique(joint.source * edge_labels + joint.label, return_inverse=True)
            every = np.arange(len(pair))
            self.state = sums(every, pair // edge_labels, 1.0, (len(pair), joint.below), joint.dtype)
            self.label = sums(every, pair % edge_labels, 1.0, (len(pair), edge_labels), joint.dtype)
            self.sum = sums(joint.target, number, joint.count, (joint.rows, len(pair)), joint.dtype)
        else:
            self.sum = along(joint)

    def __call__(self, h: Tensor, edges: Tensor | None, p: Parameters) -> Tensor:
        message = h if edges is None else (self.state(h) + self.label(edges)).relu()
        own = self.own(h).view(len(p["eps"]), -1, h.shape[1]) * (1 + p["eps"][:, None])
        hidden = linear(self.sum(message) + own.view(-1, h.shape[1]), p["nn.0.weight"], p["nn.0.bias"]).relu()
        return linear(hidden, p["nn.2.weight"], p["nn.2.bias"])


class GAT:
    """GAT: attention over distinct edges and the node itself. c parallel edges have c times the weight of one."""

    def __init__(self, joint: Joint, edge_labels: int) -> None:
        source, target = np.concatenate([joint.source, joint.own]), np.concatenate([joint.target, joint.here])
        order = np.argsort(target, kind="stable")
        source, target = source[order], target[order]
        own = np.zeros(joint.rows, np.int64)
        own[joint.here] = joint.own
        edge, shape = np.arange(len(source)), (len(source), joint.below)
        self.source = sums(edge, source, 1.0, shape, joint.dtype)
        self.own = sums(edge, own[target], 1.0, shape, joint.dtype)
        if edge_labels:  # the edge of a node to itself has no label
            labelled = np.flatnonzero(order < len(joint.label))
            self.label = sums(labelled, joint.label[order[labelled]], 1.0, (len(source), edge_labels), joint.dtype)
        self.into = sums(target, edge, 1.0, (joint.rows, len(source)), joint.dtype)
        self.back = sums(edge, target, 1.0, (len(source), joint.rows), joint.dtype)
        self.target = torch.from_numpy(target)
        self.begin = torch.from_numpy(np.searchsorted(target, np.arange(joint.rows + 1)))
        self.count = torch.from_numpy(np.concatenate([joint.count, np.ones(len(joint.here))])[order]).to(joint.dtype)

    def __call__(self, h: Tensor, edges: Tensor | None, p: Parameters) -> Tensor:
        heads = torch.eye(HEADS, dtype=h.dtype).repeat_interleave(h.shape[1] // HEADS, 1)
        x = linear(h, p["lin.weight"])
        logit = self.source(_attention(x, p["att_src"], heads)) + self.own(_attention(x, p["att_dst"], heads))
        if edges is not None:
            logit = logit + self.label(_attention(linear(edges, p["lin_edge.weight"]), p["att_edge"], heads))
        logit = leaky_relu(logit, 0.2)
        highest = torch.segment_reduce(logit.detach(), "max", offsets=self.begin, axis=0, unsafe=True)
        strength = (logit - highest.index_select(0, self.target)).exp() * self.count[:, None]
        share = strength / self.back(self.into(strength))
        summed = self.into(self.source(x) * (share @ heads)).view(len(p["bias"]), -1, h.shape[1])
        return (summed + p["bias"][:, None]).view(-1, h.shape[1])


def _attention(x: Tensor, vector: Tensor, heads: Tensor) -> Tensor:
    """Compute each head's product with its vector: x [B * n, width], vector [B, 1, heads, d] -> [B * n, heads].

    `heads` [heads, width] is 1 where a column belongs to the head.
    """
    return linear(x, vector.reshape(len(vector), 1, -1) * heads)


STACKED: dict[str, Callable[[Joint, int], Any]] = {"gcn": GCN, "gat": GAT, "gin": GIN, "sage": SAGE}
