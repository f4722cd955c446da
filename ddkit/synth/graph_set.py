"""The distilled set of graphs in memory: samples, each a bag of computation trees."""

import dataclasses
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, no_type_check

import numpy as np

from ddkit.equality import EqualByContent
from ddkit.errors import DataError
from ddkit.graphs import TreeDag, item_bytes, shrunk
from ddkit.synth.checks import names, shown, text, truth, whole
from ddkit.synth.facts import Record
from ddkit.synth.graph_checks import checked_samples, checked_trees, checked_vocabulary

Array = np.ndarray

VOCABULARIES = ("node_vocabulary", "edge_vocabulary")


@no_type_check  # it checks itself, wrong types too; under test, jaxtyping would be first
@dataclass(frozen=True, kw_only=True)
class GraphFacts:
    """What a trainer must know of a set of trees. Short values only: they become root attributes of the file.

    `hops` is the depth of the trees, hence the number of message passings that they serve. `true_degrees` says whether
    leaves carry the degree that they had in their graph, so that a GCN is exact on them, or the mean of their label's.
    `readout` is what a sample's state is of its trees' states: their mean, in every set of this format.

    Raises:
        DataError: a value of a wrong type, or one that no set can have.
    """

    method: str
    dataset: str
    data_digest: str
    classes: tuple[str, ...]
    hops: int
    true_degrees: bool
    readout: str = "mean"

    def __post_init__(self) -> None:
        for name, check in _CHECKS.items():
            object.__setattr__(self, name, check(getattr(self, name), f"fact '{name}'"))
        if self.readout != "mean":
            found = shown(self.readout)
            raise DataError(f"set of '{self.dataset}': its readout is {found}, and ddkit knows only the mean")


_CHECKS: dict[str, Callable[[Any, str], Any]] = {
    **dict.fromkeys(("method", "dataset", "data_digest", "readout"), text),
    "classes": names,
    "hops": whole,
    "true_degrees": truth,
}


@no_type_check  # it checks itself, wrong types too; under test, jaxtyping would be first
@dataclass(frozen=True, kw_only=True, eq=False)
class Samples(EqualByContent):
    """S samples: a class, a weight in the loss, and M trees in all.

    `size` says how many trees each sample has, [S]; `tree` are theirs, one sample's after the other's, a tree that
    occurs c times c times, [M]. `soft`, where there is one, is the probability of every class but the last in 255ths,
    [S, K - 1]; the last has the rest, and `label` is the likeliest.
    """

    label: Array
    support: Array
    size: Array
    tree: Array
    soft: Array | None = None

    def arrays(self) -> dict[str, Array]:
        """All arrays by name, in the smallest types that hold them; the label only where it is not in `soft`."""
        arrays = {name: getattr(self, name) for name in ("label", "support", "size", "tree")}
        if self.soft is not None:
            del arrays["label"]
            arrays["soft"] = self.soft
        return {f"sample_{name}": shrunk(array) for name, array in arrays.items()}

    @property
    def owner(self) -> Array:
        """The sample that each of the M trees belongs to."""
        return np.repeat(np.arange(len(self.support)), self.size)

    @property
    def probabilities(self) -> Array | None:
        """Class probabilities [S, K], where they are soft."""
        return None if self.soft is None else probabilities(self.soft)

    def __len__(self) -> int:
        return len(self.support)


def in_255ths(probability: Array) -> Array:
    """Class probabilities [n, K] as whole 255ths that sum to 255: cut off, and what is left goes to the classes that
    lost most."""
    exact = 255 * probability
    parts = np.floor(exact).astype(np.int64)
    rank = np.argsort(np.argsort(parts - exact, axis=1, kind="stable"), axis=1)
    rounded: Array = parts + (rank < 255 - parts.sum(1, keepdims=True))
    return rounded


def probabilities(soft: Array) -> Array:
    """Class probabilities [S, K] from 255ths of all classes but the last."""
    first = soft.astype(np.float64) / 255
    return np.concatenate([first, 1 - first.sum(1, keepdims=True)], 1)


@no_type_check  # it checks itself, wrong types too; under test, jaxtyping would be first
@dataclass(frozen=True, kw_only=True, eq=False)
class GraphSet(EqualByContent):
    """Samples over distinct trees, with the raw values behind the labels, int64 [labels, columns].

    Raises:
        DataError: arrays of a wrong dtype or shape, that do not fit together, or that name what is not there (see
            `ddkit.synth.graph_checks`).
    """

    trees: TreeDag
    samples: Samples
    node_vocabulary: Array
    edge_vocabulary: Array
    facts: GraphFacts
    record: Record = field(default_factory=Record)

    def __post_init__(self) -> None:
        wanted = {"trees": TreeDag, "samples": Samples, "facts": GraphFacts, "record": Record}
        for name, kind in wanted.items():
            if not isinstance(found := getattr(self, name), kind):
                raise DataError(f"set: its {name} must be {kind.__name__}, got {type(found).__name__}")
        nodes, edges = (checked_vocabulary(getattr(self, name), name) for name in VOCABULARIES)
        trees = checked_trees(self.trees, self.facts.hops, len(nodes), len(edges))
        samples = dataclasses.replace(self.samples, **checked_samples(self.samples, trees, len(self.facts.classes)))
        if samples.probabilities is not None and (samples.probabilities.argmax(1) != samples.label).any():
            raise DataError("set: a sample's label is not its likeliest class")
        for name, value in (("node_vocabulary", nodes), ("edge_vocabulary", edges), ("trees", trees)):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "samples", samples)

    def __len__(self) -> int:
        return len(self.samples)

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) over all arrays."""
        sha = hashlib.sha256()
        for name, array in (self.trees.arrays() | self.samples.arrays()).items():
            sha.update(f"{name} {array.dtype} {array.shape}".encode() + np.ascontiguousarray(array).tobytes())
        return sha.hexdigest()

    @property
    def stored_bytes(self) -> int:
        """Bytes of what tells the set: distinct trees once, and the samples. An array that says nothing (all 0, all 1,
        or 0, 1, 2, ...) is free."""
        arrays = self.trees.arrays() | self.samples.arrays()
        if not self.facts.true_degrees:
            del arrays["leaf_degree"]  # a mean of the label's, an aid to GCN, which the trees do not hold
        return sum(array.nbytes for array in arrays.values() if not _trivial(array))

    @property
    def explicit_bytes(self) -> int:
        """Bytes of the same set with every sample's trees written out: a label and a parent a node, the label of the
        edge to it; and each sample's class, weight, and sizes of its trees."""
        trees, samples = self.trees, self.samples
        nodes = trees.nodes[samples.tree]
        per_node = item_bytes(trees.label) + shrunk(nodes - 1).itemsize + item_bytes(trees.edge_label)
        heads = samples.arrays()
        heads["sizes"] = shrunk(nodes)
        del heads["sample_tree"]
        return int(nodes.sum() * per_node + sum(head.nbytes for head in heads.values() if not _trivial(head)))


def _trivial(array: Array) -> bool:
    return not array.size or bool(
        array.ndim == 1
        and array[0] <= 1
        and ((array == array[0]).all() or np.array_equal(array, np.arange(len(array))))
    )
