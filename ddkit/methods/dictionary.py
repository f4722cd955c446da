"""A dictionary of computation trees, selected greedily, and the dictionary tree nearest to each vertex."""

import heapq
from dataclasses import dataclass

import numpy as np

from ddkit.graphs import TreeDag, fold
from ddkit.methods.trees import Trees

Array = np.ndarray

CANDIDATES = 20000
"""Number of trees, the most common ones, from which the dictionary is selected."""

AT_ONCE = 250
"""Candidates whose subtrees are found at once, so that memory stays small."""


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
    rows = zip(common.tolist(), colours, new, strict=True)
    queue = [
        (-int(vertices[own].sum()) / (sample + int(size[parts].sum())), tree, i)
        for i, (tree, own, parts) in enumerate(rows)
    ]
    heapq.heapify(queue)
    kept: list[int] = []
    spent = 0
    while queue:
        _, tree, i = heapq.heappop(queue)
        new[i] = new[i][size[new[i]] > 0]
        cost = sample + int(size[new[i]].sum())
        now = int(vertices[colours[i]].sum()) / cost
        if queue and now < -queue[0][0]:
            if now > 0:
                heapq.heappush(queue, (-now, tree, i))
            continue
        if cost > most:
            continue
        if (spent := spent + cost) > most:
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
    layers, root = fold(data.adjacency, trees.levels, trees.vertex[candidates], with_own=False)
    dag = TreeDag.of(layers, data.node_label, data.degree)
    every = len(dag.label)
    entry = 3 if data.edge_label.any() else 2  # bytes: the child's number, its multiplicity and an edge's label
    pair = dag.parent * every + dag.source  # ascending; equal pairs have different edge labels
    size = 2 + entry * np.bincount(dag.parent[np.diff(pair, prepend=-1) > 0], minlength=every)
    size[: dag.depth_size[0]] = 1
    found: list[Array] = []
    for begin in range(0, len(candidates), AT_ONCE):
        below = every - dag.roots + root[begin : begin + AT_ONCE]
        owner, parts = np.arange(len(below)), []
        while len(below):
            parts.append(owner * every + below)
            edge, place = dag.adjacency.into(below)
            both = np.sort(owner[place] * every + dag.adjacency.source[edge])
            owner, below = np.divmod(both[np.diff(both, prepend=-1) > 0], every)
        owner, below = np.divmod(np.sort(np.concatenate(parts)), every)
        found += np.split(below, np.flatnonzero(np.diff(owner)) + 1)
    return found, size


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
