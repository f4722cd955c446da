"""A dictionary of computation trees, selected greedily, and the dictionary tree nearest to each vertex."""

import heapq
from itertools import pairwise

import numpy as np
from scipy import sparse

from ddkit.graphs import fold
from ddkit.methods.trees import Trees

Array = np.ndarray

CANDIDATES = 20000
"""Number of trees, the most common ones, from which the dictionary is selected."""


def dictionary_of(trees: Trees, most: int) -> Array:
    """Select trees of about `most` bytes greedily by gain per byte; return them in the order of selection, [K].

    A tree's gain is the number of (vertex, depth) pairs that it matches and that no selected tree matches yet. It
    matches a pair if it agrees with the vertex's own tree to that depth. A tree's bytes are those of its sample (a
    weight, and the probabilities of all classes but one) and of its distinct subtrees that are not stored yet. Both
    fall as the dictionary grows, so they are computed again before a tree is selected.
    """
    sample = len(trees.data.classes)
    common = np.argsort(-np.bincount(trees.tree), kind="stable")[:CANDIDATES]
    colours, vertices = _colours(trees, common)  # a colour's vertices become 0 when a selected tree matches them
    new, size = _subtrees(trees, common)  # a subtree's size becomes 0 when it is stored

    def cost(i: int) -> int:
        return sample + int(size[new[i]].sum())

    def ratio(i: int) -> float:
        return int(vertices[colours[i]].sum()) / cost(i)

    queue = [(-ratio(i), tree, i) for i, tree in enumerate(common.tolist())]
    heapq.heapify(queue)
    kept: list[int] = []
    spent = 0
    while queue:
        _, tree, i = heapq.heappop(queue)
        new[i] = new[i][size[new[i]] > 0]
        now = ratio(i)
        if queue and now < -queue[0][0]:
            if now > 0:
                heapq.heappush(queue, (-now, tree, i))
            continue
        if cost(i) > most:
            continue
        if (spent := spent + cost(i)) > most:
            break
        kept.append(tree)
        size[new[i]] = 0
        vertices[colours[i]] = 0
    return np.array(kept, dtype=np.int64)


def _colours(trees: Trees, candidates: Array) -> tuple[Array, Array]:
    """Return (the colours of each candidate at all depths [candidates, depths], the number of vertices of each colour).

    Colours are numbered through all depths.
    """
    own, vertices, colours = [], [], 0
    for level in trees.levels:
        _, colour, count = np.unique(level, return_inverse=True, return_counts=True)
        own.append(colours + colour[trees.vertex[candidates]])
        vertices.append(count)
        colours += len(count)
    return np.stack(own, 1), np.concatenate(vertices)


def _subtrees(trees: Trees, candidates: Array) -> tuple[list[Array], Array]:
    """Return (the distinct subtrees of each candidate, itself included, and the bytes of each subtree).

    Subtrees are numbered through all depths. A subtree's bytes are its label, its number of children, and an entry for
    each distinct child.
    """
    data = trees.data
    entry = 3 if data.edge_label.any() else 2  # bytes: the child's number, its multiplicity and an edge's label
    layers, root = fold(data.adjacency, trees.levels, trees.vertex[candidates], with_own=False)
    found = [_pairs(np.arange(len(root)), root, (len(root), len(layers[-1])))]
    size = []
    for below, layer in reversed(list(pairwise(layers))):
        children = _pairs(layer.parent, layer.child, (len(layer), len(below)))
        found.append(found[-1] @ children)
        size.append(2 + entry * np.diff(children.indptr))
    size.append(np.ones(len(layers[0]), np.int64))
    every = sparse.hstack(found).tocsr()
    return np.split(every.indices, every.indptr[1:-1]), np.concatenate(size)


def _pairs(row: Array, column: Array, shape: tuple[int, int]) -> sparse.csr_array:
    """Return a matrix that is true at these entries, of which some may be equal."""
    return sparse.coo_array((np.ones(len(row), bool), (row, column)), shape=shape).tocsr()


def nearest_trees(trees: Trees, kept: Array) -> Array:
    """Return for each vertex the position in `kept` of the tree nearest to the vertex's own, [V].

    The nearest tree is the one that agrees with the vertex's tree to the greatest depth; among several, the most common
    one. Where no tree agrees even in the root's label, it is the most common tree of all.
    """
    order = np.argsort(-np.bincount(trees.tree)[kept], kind="stable")
    nearest = np.full(len(trees.tree), order[0])
    for level in trees.levels:  # deeper agreement overwrites
        known, first = np.unique(level[trees.vertex[kept[order]]], return_index=True)  # the most common comes first
        place = np.minimum(np.searchsorted(known, level), len(known) - 1)
        agrees = known[place] == level
        nearest[agrees] = order[first[place[agrees]]]
    return nearest
