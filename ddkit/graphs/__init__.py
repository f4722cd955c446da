"""Labelled graphs: sources, split, computation trees as colours, their fold, and frequent itemsets.

`load_graphs` and `from_pyg` turn a name such as "mutag", a folder, an archive or PyG objects into `GraphData` (flat
NumPy arrays). Further functions compute the colours of every node at every depth, layers of distinct trees (the
lossless quotient), and itemsets with supports. The package does not depend on networks.
"""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.graphs.adjacency import Adjacency
    from ddkit.graphs.categories import categories
    from ddkit.graphs.colours import degree_labels, refine, refine_exactly
    from ddkit.graphs.fold import Layer, fold
    from ddkit.graphs.graph_data import GraphData
    from ddkit.graphs.mining import Itemset, Transactions, frequent_itemsets, transactions
    from ddkit.graphs.names import GRAPHS, is_graphs
    from ddkit.graphs.parts import GraphParts, load_parts
    from ddkit.graphs.pyg import from_pyg
    from ddkit.graphs.settings import GraphDataSettings
    from ddkit.graphs.size import graph_bytes, item_bytes, shrunk
    from ddkit.graphs.sources import load_graphs, refuse_unknown, refuse_unknown_name
    from ddkit.graphs.split import Split, split_graphs
    from ddkit.graphs.tree_dag import TreeDag

__all__ = [
    "Adjacency",
    "categories",
    "degree_labels",
    "graph_bytes",
    "shrunk",
    "item_bytes",
    "refine",
    "refine_exactly",
    "Layer",
    "fold",
    "GraphData",
    "GraphDataSettings",
    "Itemset",
    "Transactions",
    "frequent_itemsets",
    "transactions",
    "GraphParts",
    "load_parts",
    "from_pyg",
    "GRAPHS",
    "is_graphs",
    "load_graphs",
    "refuse_unknown",
    "refuse_unknown_name",
    "Split",
    "split_graphs",
    "TreeDag",
]
