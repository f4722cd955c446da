"""Export of sets of graphs to PyG objects, for trainers that do not support distinct trees.

The state of a tree is that of its root; the states of the other nodes have no use. Most trainers average all nodes.
Therefore each root has many copies with the same in-edges, so that most nodes are roots. The mean over all nodes is
then nearly the mean over the roots, and a trainer that averages all nodes learns nearly what one that averages the
roots learns.
"""

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ddkit.arguments import checked
from ddkit.errors import DataError, UsageError, nearest
from ddkit.graphs import TreeDag
from ddkit.run import atomic_write
from ddkit.synth.graph_hdf5 import write_graph_set
from ddkit.synth.graph_set import GraphSet, probabilities

Array = np.ndarray

ROOTS = 0.9
"""Smallest share of roots among a sample's nodes, as far as MAX_EDGES allows."""

MAX_EDGES = 20_000
"""Largest number of edges into the copies of a sample's roots. It limits the size of samples with roots of high
degree."""

MAX_TOTAL_EDGES = 10**7
"""Largest number of edges of all samples, each root counted once; so many need a gigabyte as PyG objects."""

KINDS = ("pt", "npz", "h5")


def sample_data(graphs: GraphSet, sample: int) -> Any:
    """Return one sample as a PyG `Data`.

    The graph contains the sample's trees, with edges from children to parents. Equal subtrees are stored once; roots
    have many copies. A plain trainer (`hops` message-passing layers, mean over the nodes, cross entropy with `y`) is
    nearly exact. A trainer that averages only the nodes with `root` 1 is exact.

    The fields of the result (`x`, `edge_attr`, `edge_index` and classes are int64, the others float32):
        x [v, F], edge_attr [e, G]: the raw values of the labels.
        y: the target; class probabilities [1, K] if the set has soft labels, else the class [1].
        label [1]: the class.
        soft_label [1, K]: the class probabilities, if the set has soft labels.
        root [v]: 1 at a tree's root, 0 elsewhere.
        degree [v]: the true degrees, which a GCN needs at the leaves.
        support [1]: the sample's weight in the loss.
    """
    from torch_geometric.data import Data  # slow to import

    trees, samples = graphs.trees, graphs.samples
    begin = int(samples.size[:sample].sum())
    number, edge, edge_label, roots = _shared(trees, samples.tree[begin : begin + int(samples.size[sample])])
    label = torch.tensor([int(samples.label[sample])])
    own = None if samples.soft is None else samples.soft[sample : sample + 1]
    soft = None if own is None else torch.from_numpy(probabilities(own)).float()
    return Data(
        x=torch.from_numpy(graphs.node_vocabulary[trees.label[number]]),
        edge_index=torch.from_numpy(edge),
        edge_attr=torch.from_numpy(graphs.edge_vocabulary[edge_label]),
        degree=torch.from_numpy(trees.degree[number]).float(),
        root=(torch.arange(len(number)) < roots).float(),
        y=label if soft is None else soft,
        label=label,
        support=torch.tensor([float(samples.support[sample])]),
        **({} if soft is None else {"soft_label": soft}),
    )


def _shared(trees: TreeDag, tree: Array) -> tuple[Array, Array, Array, int]:
    """Return (each node's tree in the DAG [v], edges [2, e], edge labels [e], number of nodes that are roots).

    Roots come first. Each subtree below them is stored once; an edge is repeated as often as it occurs.

    Args:
        tree: the sample's trees of full depth; a tree that occurs c times is listed c times.
    """
    every, stored = len(trees.label), trees.adjacency
    tops = every - trees.roots + tree
    others, into = _below(trees, tops), _edges(trees, tops)
    wanted = -(-round(ROOTS / (1 - ROOTS) * len(others)) // len(tops))
    copies = max(1, min(wanted, MAX_EDGES // max(1, into)))
    number = np.concatenate([np.repeat(tops, copies), others])
    place = np.zeros(every, np.int64)
    place[others] = np.arange(len(number) - len(others), len(number))
    edge, target = stored.into(number)
    times = trees.count[stored.label[edge]]
    ends = np.stack([place[stored.source[edge]], target]).repeat(times, axis=1)
    return number, ends, trees.edge_label[stored.label[edge]].repeat(times), len(number) - len(others)


def _below(trees: TreeDag, tops: Array) -> Array:
    """Return the distinct subtrees below these trees of full depth."""
    below, level = [], np.unique(tops)
    for _ in range(trees.hops):
        level = np.unique(trees.adjacency.source[trees.adjacency.into(level)[0]])
        below.append(level)
    return np.concatenate(below)


def _edges(trees: TreeDag, some: Array) -> int:
    """Count the edges into the roots of these trees."""
    return int(trees.count[trees.adjacency.label[trees.adjacency.into(some)[0]]].sum())


@checked
def as_pyg(graphs: GraphSet) -> list[Any]:
    """Return all samples as PyG `Data` objects, for `Batch.from_data_list` or a PyG DataLoader.

    Example of a trainer's step:
        >>> batch = next(iter(DataLoader(as_pyg(graphs), batch_size=64, shuffle=True)))
        >>> h = net(batch.x, batch.edge_index)                 # `graphs.facts.hops` message-passing layers
        >>> logits = head(global_mean_pool(h, batch.batch))    # nearly exact; exact with the roots only:
        >>> roots = batch.root == 1
        >>> logits = head(global_mean_pool(h[roots], batch.batch[roots]))
        >>> loss = (cross_entropy(logits, batch.y, reduction="none") * batch.support).mean() / batch.support.mean()

    Raises:
        DataError: the trees have more edges than PyG's objects can hold.
    """
    trees, trees_of = graphs.trees, np.split(graphs.samples.tree, np.cumsum(graphs.samples.size)[:-1])
    roots = [len(trees.label) - trees.roots + tree for tree in trees_of]
    if (edges := sum(_edges(trees, np.append(tops, _below(trees, tops))) for tops in roots)) > MAX_TOTAL_EDGES:
        raise DataError(
            f"set of '{graphs.facts.dataset}': its trees have {edges:,} edges as PyG objects, over "
            f"{MAX_TOTAL_EDGES:,}; export it as npz, which stores a subtree once with its 'count'"
        )
    return [sample_data(graphs, sample) for sample in range(len(graphs))]


def export_graphs(graphs: GraphSet, kind: str, path: Path) -> Path:
    """Write a set as "pt", "npz" or "h5" and return the path of the output.

    pt: a list with the `to_dict()` of each `as_pyg` object; `torch.load(weights_only=True)` reads it, and
    `Data.from_dict` restores the objects.
    npz: the arrays of the set's file, and the facts as JSON.
    h5: the set's own file, which `ddkit.read_graph_set` reads. A file of an earlier format thereby gets a digest.

    Raises:
        UsageError: an unknown kind.
        DataError: the target cannot be written, or the trees have more edges than PyG's objects can hold.
    """
    if kind not in KINDS:
        raise UsageError(f"export kind '{kind}' is unknown for a set of graphs; {nearest(kind, KINDS)}")
    if kind == "h5":
        write_graph_set(graphs, path)
        return path
    if kind == "pt":
        image = io.BytesIO()
        torch.save([data.to_dict() for data in as_pyg(graphs)], image)
        with atomic_write(path) as temporary:
            temporary.write_bytes(image.getvalue())
        return path
    arrays: dict[str, Any] = graphs.trees.arrays() | graphs.samples.arrays()
    arrays |= {"node_vocabulary": graphs.node_vocabulary, "edge_vocabulary": graphs.edge_vocabulary}
    arrays["facts"] = np.array(json.dumps(dataclasses.asdict(graphs.facts)))
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)
    return path
