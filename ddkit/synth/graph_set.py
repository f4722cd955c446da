"""The distilled set of graphs in memory: samples, each a bag of computation trees."""

import dataclasses
from dataclasses import dataclass, field

import numpy as np

from ddkit.errors import DataError
from ddkit.graphs import TreeDag, shrunk, weight
from ddkit.synth.synthetic_set import Record

Array = np.ndarray


@dataclass(frozen=True, kw_only=True)
class GraphFacts:
    """What a trainer must know of a set of trees. Short values only: they become root attributes of the file.

    `hops` is the depth of the trees, hence the number of message passings that they serve. `true_degrees` says whether
    leaves carry the degree that they had in their graph, so that a GCN is exact on them, or the mean of their label's.
    `readout` is what a sample's state is of its trees' states: "mean" or "sum", weighted by their counts.
    """

    method: str
    dataset: str
    data_digest: str
    classes: tuple[str, ...]
    hops: int
    true_degrees: bool
    readout: str = "mean"


@dataclass(frozen=True, kw_only=True, eq=False)
class Samples:
    """S samples: a class, a weight (how many real graphs it stands for), and M trees with their counts in all.

    `size` says how many distinct trees each sample has, [S]; `tree` and `count` are theirs, one sample's after the
    other's, [M].
    """

    label: Array
    support: Array
    size: Array
    tree: Array
    count: Array

    def arrays(self) -> dict[str, Array]:
        """All arrays by name, in the smallest types that hold them."""
        return {f"sample_{f.name}": shrunk(getattr(self, f.name)) for f in dataclasses.fields(self)}

    @property
    def owner(self) -> Array:
        """The sample that each of the M trees belongs to."""
        return np.repeat(np.arange(len(self.label)), self.size)

    def __len__(self) -> int:
        return len(self.label)


@dataclass(frozen=True, kw_only=True, eq=False)
class GraphSet:
    """Samples over distinct trees, with the raw values behind the labels, int64 [labels, columns].

    Raises:
        DataError: arrays that do not fit together.
    """

    trees: TreeDag
    samples: Samples
    node_vocabulary: Array
    edge_vocabulary: Array
    facts: GraphFacts
    record: Record = field(default_factory=Record)

    def __post_init__(self) -> None:
        trees, samples = self.trees, self.samples
        if len(samples.tree) != samples.size.sum() or len(samples.count) != len(samples.tree):
            raise DataError(f"set: {len(samples.tree)} trees in the samples, which ask for {samples.size.sum()}")
        if len(samples) and (
            samples.tree.max(initial=0) >= trees.roots or samples.label.max() >= len(self.facts.classes)
        ):
            raise DataError("set: a sample names a tree or a class that is not there")
        if trees.fan.sum() != len(trees.child) or len(trees.label) != trees.depth_size.sum():
            raise DataError("set: its trees do not fit together")
        if len(trees.label) and trees.label.max() >= len(self.node_vocabulary):
            raise DataError("set: a label lies outside the vocabulary")

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def stored_bytes(self) -> int:
        """Bytes of what tells the set: distinct trees once, and samples; arrays that are all 0 or all 1 are free."""
        arrays = self.trees.arrays() | self.samples.arrays()
        if not self.facts.true_degrees:
            del arrays["leaf_degree"]  # a mean of the label's, an aid to GCN, which the trees do not hold
        constant = {name for name in ("edge_label", "count", "sample_count") if _constant(arrays[name])}
        return sum(array.nbytes for name, array in arrays.items() if name not in constant)

    @property
    def explicit_bytes(self) -> int:
        """Bytes of the same set with every sample's trees written out: a label and a parent a node, the label of the
        edge to it; and each sample's class, weight, sizes of its trees, and their counts."""
        trees, samples = self.trees, self.samples
        nodes = trees.nodes[samples.tree]
        per_node = weight(trees.label) + shrunk(nodes - 1).itemsize + weight(trees.edge_label)
        per_tree = shrunk(nodes).itemsize + (0 if _constant(samples.count) else shrunk(samples.count).itemsize)
        heads = samples.arrays()
        head = sum(heads[f"sample_{name}"].nbytes for name in ("label", "support", "size"))
        return int(head + nodes.sum() * per_node + len(nodes) * per_tree)


def _constant(array: Array) -> bool:
    return bool((array == array[:1]).all() and array.max(initial=0) <= 1)
