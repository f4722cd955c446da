"""The four convolutions of PyTorch Geometric, applied from one layer to the next.

The arguments of each are the states h [m, width] of the layer below, the block, and the embedded edge labels [e, width]
(None if the data has only one label). The result is [n, width]. PyTorch Geometric is imported on use, since its import
is slow.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ddkit.gnns.layers import Block

HEADS = 4


class GCN(nn.Module):
    """Kipf and Welling, ICLR 2017: h_v = W (h_v / (d_v + 1) + sum over u of h_u / sqrt((d_u + 1) (d_v + 1))).

    d is the block's true degree, because leaves of trees have no in-edges. Edge labels are not used.
    """

    def __init__(self, width: int, edge_labels: bool) -> None:
        from torch_geometric.nn import GCNConv

        super().__init__()
        self.conv = GCNConv(width, width, normalize=False, add_self_loops=False)

    def forward(self, h: Tensor, block: Block, edge_state: Tensor | None) -> Tensor:
        # GCNConv has one numbering of nodes: those of the layer below, then those of this layer.
        below, n = len(h), len(block.own)
        here = torch.arange(below, below + n, device=h.device)
        edge = torch.cat([block.edge + torch.tensor([[0], [below]], device=h.device), here.expand(2, -1)], 1)
        source, target = block.edge
        strength = ((block.degree_below[source] + 1) * (block.degree[target] + 1)).rsqrt()
        strength = torch.cat([strength, 1 / (block.degree + 1)])
        states: Tensor = self.conv(torch.cat([h, h[block.own]]), edge, strength)
        return states[below:]


class GAT(nn.Module):
    """Velickovic et al., ICLR 2018, with four heads. A node also attends to itself. The attention uses edge labels."""

    def __init__(self, width: int, edge_labels: bool) -> None:
        from torch_geometric.nn import GATConv

        super().__init__()
        edge_width = width if edge_labels else None
        self.conv = GATConv(width, width // HEADS, HEADS, add_self_loops=False, edge_dim=edge_width)

    def forward(self, h: Tensor, block: Block, edge_state: Tensor | None) -> Tensor:
        n = len(block.own)
        # The node's own state is one more source. PyG's self-loops would need one numbering for both layers.
        edge = torch.cat([block.edge, torch.stack([block.own, torch.arange(n, device=h.device)])], 1)
        if edge_state is not None:
            edge_state = torch.cat([edge_state, edge_state.new_zeros(n, edge_state.shape[1])])
        states: Tensor = self.conv((h, h[block.own]), edge, edge_state, size=(len(h), n))
        return states


class GIN(nn.Module):
    """Xu et al., ICLR 2019: h_v = MLP((1 + eps) h_v + sum of h_u). With edge labels it is that of Hu et al., ICLR 2020,
    with the summands relu(h_u + e_uv)."""

    def __init__(self, width: int, edge_labels: bool) -> None:
        from torch_geometric.nn import GINConv, GINEConv

        super().__init__()
        mlp = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
        self.edge_labels = edge_labels
        self.conv = (GINEConv if edge_labels else GINConv)(mlp, train_eps=True)

    def forward(self, h: Tensor, block: Block, edge_state: Tensor | None) -> Tensor:
        edges = () if edge_state is None else (edge_state,)
        states: Tensor = self.conv((h, h[block.own]), block.edge, *edges, size=(len(h), len(block.own)))
        return states


class SAGE(nn.Module):
    """Hamilton et al., NeurIPS 2017, with the mean: h_v = W_1 h_v + W_2 mean of h_u. Edge labels are not used."""

    def __init__(self, width: int, edge_labels: bool) -> None:
        from torch_geometric.nn import SAGEConv

        super().__init__()
        self.conv = SAGEConv(width, width)

    def forward(self, h: Tensor, block: Block, edge_state: Tensor | None) -> Tensor:
        states: Tensor = self.conv((h, h[block.own]), block.edge, size=(len(h), len(block.own)))
        return states


CONVOLUTIONS: dict[str, Callable[[int, bool], nn.Module]] = {"gcn": GCN, "gat": GAT, "gin": GIN, "sage": SAGE}
READ_EDGES = ("gat", "gin")
"""Convolutions that use edge labels."""

NEED_DEGREES = ("gcn",)
"""Convolutions that need the true degree of a tree's leaves."""
