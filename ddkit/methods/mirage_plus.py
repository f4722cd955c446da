"""mirage-plus: the common computation trees, each with what it says of the class, under a budget of bytes.

Mirage keeps which trees occur together, under the class of the graphs where they do. This keeps single trees with soft
labels. A linear model on the trees of all training graphs (`ddkit.methods.tree_scores`; no network is trained) gives
every vertex class scores whose mean over a graph's nodes are the graph's logits. The dictionary of trees is chosen
greedily: the tree that tells most vertices most about theirs for its bytes. A vertex is told by the dictionary's tree
that agrees with its own to the greatest depth (of several, the most common); a tree's label is the mean score of the
vertices that it tells, its weight their number. A network that fits these labels, with a mean readout and a linear
head, classifies whole graphs as the linear model does, so far as it generalises to trees that it never met.
"""

import heapq
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from scipy.special import softmax

from ddkit.graphs import GraphData
from ddkit.methods.graph_contract import GraphMethodSettings, Trees, refuse_budget
from ddkit.methods.tree_scores import tree_scores
from ddkit.recipe import setting
from ddkit.synth import GraphSet, Samples

Array = np.ndarray

CANDIDATES = 20000
"""The most common trees, among which the dictionary is chosen."""

AHEAD = 2
"""The dictionary is drawn up to so many budgets, as the bytes of trees are an estimate until they are put together."""

SMALLER = 20
"""Trees after the first that does not fit which are tried, as one of them may."""

HEAVIEST = 255
"""Weights are whole numbers from 1 to this, so that each takes a byte."""


@dataclass(frozen=True, kw_only=True)
class MiragePlusSettings(GraphMethodSettings):
    """Settings of mirage-plus."""

    name: ClassVar[str] = "mirage-plus"
    spread: float = setting(1.0, above=0, help="root mean square of the vertices' class scores before they are labels")


@final
class MiragePlus:
    """Single trees with soft labels."""

    settings_class = MiragePlusSettings

    def distil(self, settings: MiragePlusSettings, train: GraphData, seed: int) -> GraphSet:
        """The set; there is no draw, so the seed has no part.

        Raises:
            UsageError: a budget into which no tree fits.
        """
        trees = Trees.of(train, settings)
        budget = settings.bytes_for(train)
        order = dictionary_of(trees, AHEAD * budget)
        scores = tree_scores(trees)
        if size := np.sqrt(np.square(scores).mean()):  # 0 where no tree tells classes apart: all are as likely then
            scores *= settings.spread / size
        made, low, high = None, 0, len(order) + 1  # bisection over the number of trees: bytes grow with it
        while high - low > 1:
            middle = (low + high) // 2
            tried = _labelled(settings, trees, order[:middle], scores)
            low, high, made = (middle, high, tried) if tried.stored_bytes <= budget else (low, middle, made)
        kept = order[:low]
        for tree in order[high : high + SMALLER]:
            tried = _labelled(settings, trees, np.append(kept, tree), scores)
            kept, made = (np.append(kept, tree), tried) if tried.stored_bytes <= budget else (kept, made)
        if made is None:
            raise refuse_budget(settings, budget, "not one tree fits")
        return made


def _labelled(settings: MiragePlusSettings, trees: Trees, kept: Array, scores: Array) -> GraphSet:
    """A sample for each tree, with the mean score of the vertices that it tells, in the order of the stored trees,
    which then need no numbers."""
    kept = np.sort(kept)
    told = told_by(trees, kept)
    number = np.bincount(told, minlength=len(kept))
    total = np.stack([np.bincount(told, column, len(kept)) for column in scores.T], 1)
    parts = in_255ths(softmax(total / np.maximum(1, number)[:, None], axis=1))
    samples = Samples(
        label=parts.argmax(1),
        support=np.maximum(1, np.round(HEAVIEST * number / number.max())).astype(np.int64),
        size=np.ones(len(kept), np.int64),
        tree=np.arange(len(kept)),
        soft=parts[:, :-1],
    )
    return trees.as_set(settings, kept, samples)


def in_255ths(probability: Array) -> Array:
    """Class probabilities [n, K] as whole 255ths that sum to 255: cut off, and what is left goes to the classes that
    lost most."""
    exact = 255 * probability
    parts = np.floor(exact).astype(np.int64)
    rank = np.argsort(np.argsort(parts - exact, axis=1, kind="stable"), axis=1)
    return parts + (rank < 255 - parts.sum(1, keepdims=True))


def dictionary_of(trees: Trees, most: int) -> Array:
    """Trees of about `most` bytes in the order in which they are taken, greedily by what they tell a byte, [K].

    A tree tells a vertex one thing for every depth to which it agrees with the vertex's own and none taken before did;
    its bytes are those of its sample (a weight, and the probabilities of all classes but one) and of its distinct
    subtrees that are not there yet. Both fall as the dictionary grows, so a tree's worth is computed anew before it is
    taken.
    """
    depth, sample = len(trees.levels), len(trees.data.classes)
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
                children = trees.adjacency.source[trees.adjacency.begin[vertex] : trees.adjacency.begin[vertex + 1]]
                distinct = np.unique(colours[level - 1][children]) if level else ()
                found[key] = 2 + child * len(distinct) if level else 1
                below += children.tolist() if level else []
        return found, sample + sum(found.values())

    def ratio(tree: int) -> float:
        return worth(tree) / parts(tree)[1]

    queue = [(-ratio(int(tree)), int(tree)) for tree in common]
    heapq.heapify(queue)
    kept: list[int] = []
    spent = 0
    while queue:
        _, tree = heapq.heappop(queue)
        now = ratio(tree)
        if queue and now < -queue[0][0]:
            if now > 0:
                heapq.heappush(queue, (-now, tree))
            continue
        new, cost = parts(tree)
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
