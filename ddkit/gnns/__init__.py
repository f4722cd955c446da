"""Graph networks on PyTorch Geometric's convolutions: GCN, GAT, GIN, GraphSAGE.

In: layers of nodes (a plain graph, or distinct computation trees), a readout. Out: states and logits. What runs over
trees is what runs over graphs; nothing here knows where layers come from. `Stack` is several networks in one fast pass.
"""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.gnns.convolutions import CONVOLUTIONS, NEED_DEGREES
    from ddkit.gnns.gnn import GNN
    from ddkit.gnns.layers import Block, Layers
    from ddkit.gnns.stack import Stack

__all__ = ["CONVOLUTIONS", "NEED_DEGREES", "GNN", "Block", "Layers", "Stack"]
