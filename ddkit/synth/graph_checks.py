"""Checks of the arrays of a set of graphs: dtypes, shapes, and indices that refer to existing items."""

import dataclasses
from typing import Any

import numpy as np

from ddkit.errors import DataError
from ddkit.graphs import TreeDag

Array = np.ndarray

MOST = 2**53
"""Larger numbers and sums are refused, because float64 would round them."""

MAX_EDGES = 10**8
"""Largest number of edges between distinct trees in a forward pass; so many need about 5 GB."""


MAX_HOPS = 1000
"""Largest depth of the trees."""


def checked_trees(trees: TreeDag, hops: int, node_labels: int, edge_labels: int) -> TreeDag:
    """Return the trees with int64 arrays.

    Raises:
        DataError: the arrays are not trees of depth `hops` with these numbers of node labels and edge labels.
    """
    if hops > MAX_HOPS:
        raise DataError(f"set: fact 'hops' is {hops:,}, over {MAX_HOPS:,}")
    size = _whole(trees.depth_size, "depth_size", length=hops + 1)  # trees of isolated vertices have no leaf
    if not size[-1]:
        raise DataError("set: has no tree of full depth, the last of 'depth_size' is 0")
    total, leaves = int(size.sum()), int(size[0])
    fan = _whole(trees.fan, "fan", length=total - leaves)
    edges = int(fan.sum())
    children = np.repeat(np.repeat(size[:-1], size[1:]), fan) if len(_vector(trees.child, "child")) == edges else size
    arrays = {
        "depth_size": size,
        "label": _whole(trees.label, "label", below=node_labels, length=total),
        "fan": fan,
        "child": _whole(trees.child, "child", below=children, length=edges),
        "edge_label": _whole(trees.edge_label, "edge_label", below=edge_labels, length=edges),
        "count": _whole(trees.count, "count", at_least=1, length=edges),
        "leaf_degree": _degrees(trees.leaf_degree, leaves),
    }
    if (passes := int(arrays["count"].sum())) > MAX_EDGES:
        raise DataError(f"set: 'count' gives {passes:,} edges between its trees, over {MAX_EDGES:,}")
    found = dataclasses.replace(trees, **arrays)
    if written_out(found).max() > MOST:
        raise DataError("set: a tree has more nodes than can be counted; its 'count' or 'fan' cannot be right")
    return found


def checked_samples(samples: Any, trees: TreeDag, classes: int) -> dict[str, Array]:
    """Return the samples' arrays as int64.

    Raises:
        DataError: the arrays are not samples of these trees and classes.
    """
    support = _whole(samples.support, "sample_support", at_least=1)
    if not len(support):
        raise DataError("set: has no sample")
    size = _whole(samples.size, "sample_size", at_least=1, length=len(support))
    found = {
        "label": _whole(samples.label, "sample_label", below=classes, length=len(support)),
        "support": support,
        "size": size,
        "tree": _whole(samples.tree, "sample_tree", below=trees.roots, length=int(size.sum())),
    }
    if samples.soft is None:
        return found
    soft = _matrix(samples.soft, "sample_soft")
    if soft.shape != (len(support), classes - 1) or (soft < 0).any() or (soft > 255).any() or (soft.sum(1) > 255).any():
        raise DataError(
            f"set: 'sample_soft' must be [{len(support)}, {classes - 1}], 255ths of all classes but the last, at most "
            f"255 together, got {list(soft.shape)}"
        )
    return found | {"soft": soft}


def checked_vocabulary(array: Any, name: str) -> Array:
    """Return the raw values of labels, int64 [labels, columns].

    Raises:
        DataError: the array is not a vocabulary.
    """
    found = _matrix(array, name)
    if not len(found):
        raise DataError(f"set: '{name}' is empty")
    return found


def written_out(trees: TreeDag) -> Array:
    """Count the nodes of each tree of full depth with repeated subtrees, float64 [roots].

    Large counts are rounded and never overflow.
    """
    nodes = np.ones(len(trees.label))
    for edges in trees.by_depth:
        np.add.at(nodes, trees.parent[edges], trees.count[edges] * nodes[trees.source[edges]])
    return nodes[-trees.roots :]


def _whole(array: Any, name: str, at_least: int = 0, below: int | Array = MOST, length: int | None = None) -> Array:
    """Return whole numbers [length] as int64, or raise DataError if one is outside the bounds."""
    found = _int64(_vector(array, name), name)
    if length is not None and len(found) != length:
        raise DataError(f"set: '{name}' must have {length} numbers, got {len(found)}")
    if (outside := (found < at_least) | (found >= below)).any():
        first = int(outside.argmax())
        most = int(below if isinstance(below, int) else below[first]) - 1
        raise DataError(f"set: '{name}' must lie in {at_least} to {most}, got {found[first]} at {first}")
    if found.sum(dtype=np.float64) > MOST:
        raise DataError(f"set: the numbers of '{name}' have a sum that cannot be counted")
    return found


def _vector(array: Any, name: str) -> Array:
    if not isinstance(array, np.ndarray) or array.ndim != 1:
        raise DataError(f"set: '{name}' must be an array of one axis, got {_description(array)}")
    return array


def _matrix(array: Any, name: str) -> Array:
    if not isinstance(array, np.ndarray) or array.ndim != 2:
        raise DataError(f"set: '{name}' must be an array of two axes, got {_description(array)}")
    return _int64(array, name)


def _int64(array: Array, name: str) -> Array:
    if array.dtype.kind not in "iu" or (array.dtype == np.uint64 and array.size and int(array.max()) >= 2**63):
        raise DataError(f"set: '{name}' must hold whole numbers of 64 bits, got {_description(array)}")
    return array.astype(np.int64, copy=False)


def _degrees(array: Any, leaves: int) -> Array:
    """Return the true degrees of the leaves, floats [leaves]."""
    found = _vector(array, "leaf_degree")
    if found.dtype not in (np.float32, np.float64) or len(found) != leaves:
        raise DataError(f"set: 'leaf_degree' must be {leaves} floats, one a leaf, got {_description(array)}")
    if not np.isfinite(found).all() or (found < 0).any():
        raise DataError("set: 'leaf_degree' must be finite numbers from 0 on")
    return found


def _description(array: Any) -> str:
    return f"{array.dtype} {list(array.shape)}" if isinstance(array, np.ndarray) else type(array).__name__
