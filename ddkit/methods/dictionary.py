"""Trees that are chosen to stand for all others, and which of them stands for a vertex."""

import heapq

import numpy as np

from ddkit.methods.trees import Trees

Array = np.ndarray

CANDIDATES = 20000
"""The most common trees, among which the dictionary is chosen."""


def dictionary_of(trees: Trees, most: int) -> Array:
    """Trees of about `most` bytes in the order in which they are taken, greedily by what they tell a byte, [K].

    A tree tells a vertex one thing for every depth to which it agrees with the vertex's own and none taken before did;
    its bytes are those of its sample (a weight, and the probabilities of all classes but one) and of its distinct
    subtrees that are not there yet. Both fall as the dictionary grows, so a tree's worth is computed anew before it is
    taken.
    """
    adjacency, depth, sample = trees.data.adjacency, len(trees.levels), len(trees.data.classes)
    child = 3 if trees.data.edge_label.any() else 2  # its number, how often it comes, and an edge's label
    colours = [np.unique(level, return_inverse=True)[1] for level in trees.levels]
    sizes = [np.bincount(colour) for colour in colours]
    common = np.argsort(-np.bincount(trees.tree), kind="stable")[:CANDIDATES]
    told = [np.zeros(len(size), bool) for size in sizes]
    owned: set[tuple[int, int]] = set()

    def worth(tree: int) -> int:
        vertex = trees.vertex[tree]
        return sum(int(size[c[vertex]]) for c, size, t in zip(colours, sizes, told, strict=True) if not t[c[vertex]])

    def parts(tree: int) -> tuple[dict[tuple[int, int], int], int]:
        """Distinct subtrees that are new, and their bytes: label and fan, and those of its distinct children."""
        found: dict[tuple[int, int], int] = {}
        below = [int(trees.vertex[tree])]
        for level in range(depth - 1, -1, -1):
            fresh = {}
            for vertex in below:
                key = (level, int(colours[level][vertex]))
                if key not in owned and key not in found:
                    fresh[key] = vertex
            below = []
            for key, vertex in fresh.items():
                children = adjacency.source[adjacency.begin[vertex] : adjacency.begin[vertex + 1]]
                distinct = np.unique(colours[level - 1][children]) if level else ()
                found[key] = 2 + child * len(distinct) if level else 1
                below += children.tolist() if level else []
        return found, sample + sum(found.values())

    queue = [(-worth(int(tree)) / parts(int(tree))[1], int(tree)) for tree in common]
    heapq.heapify(queue)
    kept: list[int] = []
    spent = 0
    while queue:
        _, tree = heapq.heappop(queue)
        new, cost = parts(tree)
        now = worth(tree) / cost
        if queue and now < -queue[0][0]:
            if now > 0:
                heapq.heappush(queue, (-now, tree))
            continue
        if cost > most:
            continue
        if (spent := spent + cost) > most:
            break
        owned |= set(new)
        kept.append(tree)
        for colour, known in zip(colours, told, strict=True):
            known[colour[trees.vertex[tree]]] = True
    return np.array(kept, dtype=np.int64)


def told_by(trees: Trees, kept: Array) -> Array:
    """The number in `kept` of the tree that tells each vertex, [V]: of those that agree deepest with its own the most
    common; where not even a label agrees, the most common of all."""
    order = np.argsort(-np.bincount(trees.tree)[kept], kind="stable")
    told = np.full(len(trees.tree), order[0])
    for level in trees.levels:  # deeper agreement overwrites
        known, first = np.unique(level[trees.vertex[kept[order]]], return_index=True)  # the most common comes first
        place = np.minimum(np.searchsorted(known, level), len(known) - 1)
        agrees = known[place] == level
        told[agrees] = order[first[place[agrees]]]
    return told
