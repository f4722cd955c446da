"""A dictionary of computation trees, selected greedily, and the dictionary tree nearest to each vertex."""

import heapq

import numpy as np

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
    adjacency, depth, sample = trees.data.adjacency, len(trees.levels), len(trees.data.classes)
    child = 3 if trees.data.edge_label.any() else 2  # bytes: the child's number, its multiplicity and an edge's label
    colours = [np.unique(level, return_inverse=True)[1] for level in trees.levels]
    sizes = [np.bincount(colour) for colour in colours]
    common = np.argsort(-np.bincount(trees.tree), kind="stable")[:CANDIDATES]
    matched = [np.zeros(len(size), bool) for size in sizes]
    stored: set[tuple[int, int]] = set()

    def gain(tree: int) -> int:
        vertex = trees.vertex[tree]
        levels = zip(colours, sizes, matched, strict=True)
        return sum(int(size[colour[vertex]]) for colour, size, done in levels if not done[colour[vertex]])

    def new_subtrees(tree: int) -> tuple[dict[tuple[int, int], int], int]:
        """Distinct subtrees that are not stored yet (key -> bytes), and the bytes of the tree with its sample.

        A subtree's bytes are its label, its number of children, and an entry for each distinct child.
        """
        found: dict[tuple[int, int], int] = {}
        below = [int(trees.vertex[tree])]
        for level in range(depth - 1, -1, -1):
            fresh = {}
            for vertex in below:
                key = (level, int(colours[level][vertex]))
                if key not in stored and key not in found:
                    fresh[key] = vertex
            below = []
            for key, vertex in fresh.items():
                children = adjacency.source[adjacency.begin[vertex] : adjacency.begin[vertex + 1]]
                distinct = np.unique(colours[level - 1][children]) if level else ()
                found[key] = 2 + child * len(distinct) if level else 1
                below += children.tolist() if level else []
        return found, sample + sum(found.values())

    queue = [(-gain(int(tree)) / new_subtrees(int(tree))[1], int(tree)) for tree in common]
    heapq.heapify(queue)
    kept: list[int] = []
    spent = 0
    while queue:
        _, tree = heapq.heappop(queue)
        new, cost = new_subtrees(tree)
        now = gain(tree) / cost
        if queue and now < -queue[0][0]:
            if now > 0:
                heapq.heappush(queue, (-now, tree))
            continue
        if cost > most:
            continue
        if (spent := spent + cost) > most:
            break
        stored |= set(new)
        kept.append(tree)
        for colour, done in zip(colours, matched, strict=True):
            done[colour[trees.vertex[tree]]] = True
    return np.array(kept, dtype=np.int64)


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
