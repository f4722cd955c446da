"""Sets of graphs for trainers that know no distinct trees: PyG objects on which message passing gives the trees'
states.

A tree's state is that of its root; the states of the other nodes are of no use. Most trainers average all nodes. So
each root is there in many copies, fed alike, until the roots are most of the nodes: then the mean over all nodes is
nearly the mean over the roots, and a trainer that knows nothing of roots learns nearly what one that does would learn.
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
"""Share of a sample's nodes that its roots have at least, as far as MOST_EDGES allows."""

MOST_EDGES = 20_000
"""Edges into the copies of a sample's roots, beyond which there are no more copies: trees of hubs stay affordable."""

MOST_IN_ALL = 10**7
"""Edges of all samples, each root once, beyond which there are no PyG objects: they take a gigabyte."""

KINDS = ("pt", "npz", "h5")


def sample_data(graphs: GraphSet, sample: int) -> Any:
    """One sample as a PyG `Data`: its trees, edges from children to parents, equal subtrees once, roots in many copies.

    A plain trainer (message passings as many as the set's `hops`, mean over the nodes, cross entropy with `y`) is
    served well; one that averages the nodes with `root` 1 only is exact.

    `x` [v, F] and `edge_attr` [e, G] are the raw values behind the labels. `y` is what is to be learned: class
    probabilities [1, K] where the set has soft labels, else the class [1]. `label` [1] is the class in either case,
    `soft_label` [1, K] the probabilities of a set that has them. `root` [v] is 1 at a tree's root and 0 elsewhere,
    `degree` [v] the true degrees, which a GCN needs at the leaves. `support` [1] is the sample's weight in the loss.
    `x`, `edge_attr`, `edge_index` and classes are int64, all else is float32.
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
    """(the tree of the DAG that each node is [v], edges [2, e], their labels [e], how many nodes are roots).

    Roots come first. What lies below them is there once, an edge as often as it occurs.

    Args:
        tree: the sample's trees of full depth; one that occurs c times stands c times.
    """
    every, stored = len(trees.label), trees.adjacency
    tops = every - trees.roots + tree
    others, into = _below(trees, tops), _edges(trees, tops)
    wanted = -(-round(ROOTS / (1 - ROOTS) * len(others)) // len(tops))
    copies = max(1, min(wanted, MOST_EDGES // max(1, into)))
    number = np.concatenate([np.repeat(tops, copies), others])
    place = np.zeros(every, np.int64)
    place[others] = np.arange(len(number) - len(others), len(number))
    edge, target = stored.into(number)
    times = trees.count[stored.label[edge]]
    ends = np.stack([place[stored.source[edge]], target]).repeat(times, axis=1)
    return number, ends, trees.edge_label[stored.label[edge]].repeat(times), len(number) - len(others)


def _below(trees: TreeDag, tops: Array) -> Array:
    """The trees below some of full depth, each once."""
    below, level = [], np.unique(tops)
    for _ in range(trees.hops):
        level = np.unique(trees.adjacency.source[trees.adjacency.into(level)[0]])
        below.append(level)
    return np.concatenate(below)


def _edges(trees: TreeDag, some: Array) -> int:
    """Edges into the roots of some trees."""
    return int(trees.count[trees.adjacency.label[trees.adjacency.into(some)[0]]].sum())


@checked
def as_pyg(graphs: GraphSet) -> list[Any]:
    """All samples as PyG `Data` objects, for `Batch.from_data_list` or a PyG DataLoader.

    Example of a trainer's step:
        >>> batch = next(iter(DataLoader(as_pyg(graphs), batch_size=64, shuffle=True)))
        >>> h = net(batch.x, batch.edge_index)                 # `graphs.facts.hops` message passings
        >>> logits = head(global_mean_pool(h, batch.batch))    # nearly right; exact on the roots alone:
        >>> roots = batch.root == 1
        >>> logits = head(global_mean_pool(h[roots], batch.batch[roots]))
        >>> loss = (cross_entropy(logits, batch.y, reduction="none") * batch.support).mean() / batch.support.mean()

    Raises:
        DataError: the trees have more edges than PyG's objects can hold.
    """
    trees, mine = graphs.trees, np.split(graphs.samples.tree, np.cumsum(graphs.samples.size)[:-1])
    roots = [len(trees.label) - trees.roots + tree for tree in mine]
    if (edges := sum(_edges(trees, np.append(tops, _below(trees, tops))) for tops in roots)) > MOST_IN_ALL:
        raise DataError(
            f"set of '{graphs.facts.dataset}': its trees have {edges:,} edges as PyG objects, over {MOST_IN_ALL:,}; "
            "export it as npz, where a subtree stands once with its 'count'"
        )
    return [sample_data(graphs, sample) for sample in range(len(graphs))]


def export_graphs(graphs: GraphSet, kind: str, path: Path) -> Path:
    """Write a set as "pt", "npz" or "h5" and return where it went.

    pt: a list of the `to_dict()` of `as_pyg`'s objects, plain tensors that `torch.load(weights_only=True)` reads and
    `Data.from_dict` turns back. npz: the file's arrays as they are, and the facts as JSON. h5: the set's own file,
    which `ddkit.read_graph_set` reads: one of an earlier format gets a digest.

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
            temporary.write_bytes(image.getbuffer())
        return path
    arrays: dict[str, Any] = graphs.trees.arrays() | graphs.samples.arrays()
    arrays |= {"node_vocabulary": graphs.node_vocabulary, "edge_vocabulary": graphs.edge_vocabulary}
    arrays["facts"] = np.array(json.dumps(dataclasses.asdict(graphs.facts)))
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)
    return path
