"""The synthetic set of graphs in memory: samples, each a bag of computation trees."""

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


@no_type_check  # the class checks types itself; in tests, jaxtyping would raise its own error first
@dataclass(frozen=True, kw_only=True)
class GraphFacts:
    """The facts that training on a set of graphs needs. They are short values, stored as root attributes of the file.

    Attributes:
        hops: the depth of the trees, which is the number of message-passing layers of networks trained on the set.
        true_degrees: whether a leaf has its degree in the original graph, which makes a GCN exact, or the mean degree
            of all vertices with its label.
        readout: how a sample's state follows from those of its trees. Every set of this format has "mean".

    Raises:
        DataError: a value has a wrong type, or is impossible.
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
            raise DataError(f"set of '{self.dataset}': its readout is {found}, and ddkit supports only the mean")


_CHECKS: dict[str, Callable[[Any, str], Any]] = {
    **dict.fromkeys(("method", "dataset", "data_digest", "readout"), text),
    "classes": names,
    "hops": whole,
    "true_degrees": truth,
}


@no_type_check  # the class checks types itself; in tests, jaxtyping would raise its own error first
@dataclass(frozen=True, kw_only=True, eq=False)
class Samples(EqualByContent):
    """S samples with M trees in total.

    Attributes:
        label: the class of each sample, [S]. With soft labels it is the most probable class.
        support: the weight of each sample in the loss, [S].
        size: the number of trees of each sample, [S].
        tree: the trees of all samples, sample by sample, [M]. A tree that occurs c times is listed c times.
        soft: soft labels, or None. Probabilities in 255ths of all classes but the last, [S, K - 1]; the last class has
            the rest.
    """

    label: Array
    support: Array
    size: Array
    tree: Array
    soft: Array | None = None

    def arrays(self) -> dict[str, Array]:
        """All arrays by name, in the smallest types that represent them. `label` is left out if `soft` gives it."""
        arrays = {name: getattr(self, name) for name in ("label", "support", "size", "tree")}
        if self.soft is not None:
            del arrays["label"]
            arrays["soft"] = self.soft
        return {f"sample_{name}": shrunk(array) for name, array in arrays.items()}

    @property
    def owner(self) -> Array:
        """The sample of each of the M trees."""
        return np.repeat(np.arange(len(self.support)), self.size)

    @property
    def probabilities(self) -> Array | None:
        """Class probabilities [S, K], or None if labels are hard."""
        return None if self.soft is None else probabilities(self.soft)

    def __len__(self) -> int:
        return len(self.support)


def in_255ths(probability: Array) -> Array:
    """Round class probabilities [n, K] to whole 255ths that sum to 255.

    All are rounded down, and the remainder goes to the classes with the largest rounding errors.
    """
    exact = 255 * probability
    parts = np.floor(exact).astype(np.int64)
    rank = np.argsort(np.argsort(parts - exact, axis=1, kind="stable"), axis=1)
    rounded: Array = parts + (rank < 255 - parts.sum(1, keepdims=True))
    return rounded


def probabilities(soft: Array) -> Array:
    """Return class probabilities [S, K] from 255ths of all classes but the last."""
    first = soft.astype(np.float64) / 255
    return np.concatenate([first, 1 - first.sum(1, keepdims=True)], 1)


@no_type_check  # the class checks types itself; in tests, jaxtyping would raise its own error first
@dataclass(frozen=True, kw_only=True, eq=False)
class GraphSet(EqualByContent):
    """Samples over distinct trees, with the vocabularies: raw values of the labels, int64 [labels, columns].

    Raises:
        DataError: arrays have a wrong dtype or shape, or do not fit together (see `ddkit.synth.graph_checks`).
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
            raise DataError("set: a sample's label is not its most probable class")
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
        """Bytes of the distinct trees and the samples. A trivial array (all 0, all 1, or 0, 1, 2, ...) counts 0."""
        arrays = self.trees.arrays() | self.samples.arrays()
        if not self.facts.true_degrees:
            del arrays["leaf_degree"]  # the mean degree of the label, an aid to GCN that is not part of the trees
        return sum(array.nbytes for array in arrays.values() if not _trivial(array))

    @property
    def explicit_bytes(self) -> int:
        """Bytes of the same set with every tree of every sample written out.

        A node has a label, a parent and the label of the edge to it. A sample has a class, a weight, and the sizes of
        its trees.
        """
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
