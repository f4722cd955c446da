"""Graph networks on PyTorch Geometric's convolutions: GCN, GAT, GIN, GraphSAGE.

A network computes states and logits from layers of nodes and a readout. Layers come from a plain graph or from distinct
computation trees; the same code serves both. `Stack` runs several networks in one fast pass.
"""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.gnns.convolutions import CONVOLUTIONS, NEED_DEGREES
    from ddkit.gnns.gnn import GNN
    from ddkit.gnns.layers import Block, Layers
    from ddkit.gnns.stack import Stack

__all__ = ["CONVOLUTIONS", "NEED_DEGREES", "GNN", "Block", "Layers", "Stack"]
