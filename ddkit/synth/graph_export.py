"""Sets of graphs for trainers that know no distinct trees: every sample's trees written out."""

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ddkit.arguments import checked
from ddkit.errors import DataError, UsageError, nearest
from ddkit.run import atomic_write
from ddkit.synth.graph_checks import written_out
from ddkit.synth.graph_set import GraphSet

MOST_NODES = 50_000_000
"""Nodes that are written out at most: about 4 GB."""


def sample_data(graphs: GraphSet, sample: int) -> Any:
    """One sample as a PyG `Data`: the disjoint union of its trees, edges from children to parents.

    `x` [v, F] and `edge_attr` [e, G] are the raw values behind the labels, `degree` [v] the true degrees, `y` [1] the
    class, `support` [1] the weight, `soft_label` [1, K] the class probabilities of a set that has them, and `root` [v]
    each node's weight in the readout: 1 at a tree's root, 0 elsewhere. A trainer runs `hops` message passings and sums
    (or averages) the states of the roots.
    """
    from torch_geometric.data import Data  # slow to import

    trees, samples = graphs.trees, graphs.samples
    mine = np.flatnonzero(samples.owner == sample)
    numbers, edges, labels, roots, begin = [], [], [], [], 0
    for root in samples.tree[mine]:
        number, parent, label = trees.unfold(int(root))
        numbers.append(number)
        edges.append(np.stack([np.arange(1, len(number)), parent]) + begin)
        labels.append(label)
        roots.append((np.arange(len(number)) == 0).astype(np.float64))
        begin += len(number)
    number = np.concatenate(numbers)
    found = samples.probabilities
    soft = {} if found is None else {"soft_label": torch.from_numpy(found[sample : sample + 1])}
    return Data(
        **soft,
        x=torch.from_numpy(graphs.node_vocabulary[trees.label[number]]),
        edge_index=torch.from_numpy(np.concatenate(edges, 1)),
        edge_attr=torch.from_numpy(graphs.edge_vocabulary[np.concatenate(labels)]),
        degree=torch.from_numpy(trees.degree[number]),
        root=torch.from_numpy(np.concatenate(roots)),
        y=torch.tensor([int(samples.label[sample])]),
        support=torch.tensor([float(samples.support[sample])]),
    )


@checked
def as_pyg(graphs: GraphSet) -> list[Any]:
    """All samples as PyG `Data` objects, for `Batch.from_data_list` or a PyG DataLoader.

    Raises:
        DataError: written out, the trees have more nodes than a memory holds.
    """
    if (nodes := written_out(graphs.trees)[graphs.samples.tree].sum()) > MOST_NODES:
        raise DataError(
            f"set of '{graphs.facts.dataset}': written out its trees have {nodes:.3g} nodes, over {MOST_NODES:,}; "
            "export it as npz, which holds each tree once"
        )
    return [sample_data(graphs, sample) for sample in range(len(graphs))]


def export_graphs(graphs: GraphSet, kind: str, path: Path) -> Path:
    """Write a set as "pt" or "npz" and return where it went.

    pt: a list of the `to_dict()` of `as_pyg`'s objects, plain tensors that `torch.load(weights_only=True)` reads and
    `Data.from_dict` turns back. npz: the file's arrays as they are, and the facts as JSON.

    Raises:
        UsageError: an unknown kind.
        DataError: the target cannot be written.
    """
    if kind not in ("pt", "npz"):
        raise UsageError(f"export kind '{kind}' is unknown for a set of graphs; {nearest(kind, ('pt', 'npz'))}")
    if kind == "pt":
        image = io.BytesIO()
        torch.save([data.to_dict() for data in as_pyg(graphs)], image)
        with atomic_write(path) as temporary:
            temporary.write_bytes(image.getbuffer())
        return path
    arrays: dict[str, Any] = graphs.trees.arrays() | graphs.samples.arrays()
    arrays |= {"node_vocabulary": graphs.node_vocabulary, "edge_vocabulary": graphs.edge_vocabulary}
    arrays["facts"] = np.array(json.dumps(dataclasses.asdict(graphs.facts)))
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)
    return path
