"""The table of a published set of graphs: one row a sample, in the columns of graph datasets on the Hub."""

import numpy as np

from ddkit.publish.table import Column, class_column, numbers, ragged, vectors
from ddkit.synth import GraphSet, as_pyg


def graph_tables(graphs: GraphSet) -> dict[str, list[Column]]:
    """Return configuration -> columns; there is one configuration. `ddkit.as_pyg` describes the graph of a sample.

    Raises:
        DataError: the trees have more edges than PyG's objects can hold, or pyarrow is not installed.
    """
    samples = as_pyg(graphs)
    columns = [
        ragged("edge_index", "sources and targets of the edges", [sample.edge_index.numpy() for sample in samples]),
        ragged("node_feat", "raw values of each node's label", [sample.x.numpy() for sample in samples]),
        ragged("edge_attr", "raw values of each edge's label", [sample.edge_attr.numpy() for sample in samples]),
        ragged("degree", "true degree of each node, for a GCN", [sample.degree.numpy() for sample in samples]),
        ragged("root", "1 at a tree's root, 0 elsewhere", [sample.root.numpy() for sample in samples]),
        numbers("num_nodes", "number of nodes", np.array([len(sample.x) for sample in samples])),
        numbers("support", "weight of the sample in the loss", graphs.samples.support.astype(np.float32)),
        class_column(graphs.samples.label, graphs.facts.classes, name="y"),
    ]
    if (soft := graphs.samples.probabilities) is not None:
        columns.append(vectors("soft_label", "class probabilities", soft))
    return {"default": columns}
